"""One look at what the running Jenkins was configured from: finds everything again and runs the stages concerned anew.

Nothing restarts, so no build is lost. What cannot be found or read holds up the stages that read it, and no other. A
look may be killed at any moment: what is applied is written down stage by stage, and the secrets are deleted by whoever
looks next. Does not start Jenkins; does nothing where none has come up.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.boot import documents
from jenkins_bootstrap.boot.applied import alone, digest_key, read_applied, record_applied
from jenkins_bootstrap.boot.hooks import own_stages
from jenkins_bootstrap.boot.layout import PORT, Layout
from jenkins_bootstrap.boot.retry import Patience
from jenkins_bootstrap.boot.writing import write_facts, write_secrets
from jenkins_bootstrap.controller.client import Controller, StageResult
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.stages.digests import Inputs, changes, held_up, stage_inputs
from jenkins_bootstrap.stages.values import SERVICE_ACCOUNT

if TYPE_CHECKING:
    from jenkins_bootstrap.aws.session import Aws
    from jenkins_bootstrap.config.models import Settings

PATIENCE_SECONDS = 30.0
"""How long one look asks AWS; the next one comes by itself."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A stage to be run again, the file that Jenkins evaluates, and the names of what changed."""

    stage: str
    file: Path
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look came to. `up` is False where no Jenkins has come up: then nothing was asked or done.

    `held_up` are the stages that were not looked at, each with the paths of the settings that failed; what they failed
    with is in `failed`, with what stages failed with.
    """

    up: bool
    pending: tuple[Pending, ...] = ()
    applied: tuple[StageResult, ...] = ()
    failed: tuple[BootstrapError, ...] = ()
    held_up: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look found: the documents to be written, the digests of what the stages that are not held up read of them,
    and what failed."""

    aws: Aws
    facts: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)
    inputs: Inputs = field(repr=False)
    held_up: Mapping[str, list[str]] = field(default_factory=dict)
    failed: tuple[BootstrapError, ...] = ()


@dataclass
class Look:
    """One look at the controller at `layout`. `say` gets a line for everything that was done."""

    layout: Layout = field(default_factory=Layout)
    environ: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _line: None
    log: Callable[[str], None] | None = None
    make_aws: Callable[[], Aws] | None = None
    url: str = f"http://127.0.0.1:{PORT}/"
    patience_seconds: float = PATIENCE_SECONDS
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @cached_property
    def settings(self) -> Settings:
        return documents.read_image_settings(self.layout.settings)

    def plan(self) -> Looked:
        """The stages that a look would run again now. Changes nothing on the machine and in Jenkins."""
        if not self._is_up():
            return Looked(False)
        seen = self._see()
        return Looked(True, self._pending(seen), failed=seen.failed, held_up=seen.held_up)

    def run(self) -> Looked:
        """Look, and apply. Raises Busy beside a boot or another look, BootstrapError when AWS cannot be asked at all.

        What could not be found or read and stages that fail are in the result; each is tried again by the next look.
        """
        if not self.layout.run.is_dir():
            return Looked(False)
        with alone(self.layout):
            if not self._is_up():
                return Looked(False)  # the secrets may be those of a boot that is under way
            self._forget_secrets()  # a look that was killed may have left them
            seen = self._see()
            pending = self._pending(seen)
            try:
                applied, failed = self._apply(seen, pending)
            finally:
                self._forget_secrets()
            return Looked(True, pending, applied, (*seen.failed, *failed), seen.held_up)

    def _is_up(self) -> bool:
        return Controller(self.url, SERVICE_ACCOUNT, "", timeout=10).is_up()

    def _tokens(self) -> tuple[str, str]:
        return _token(self.layout.service_token), _token(self.layout.reconcile_token)

    def _see(self) -> _Seen:
        from jenkins_bootstrap.boot.finding import find_partly, gateway
        from jenkins_bootstrap.boot.partly import documents_of, explained

        settings = self.settings
        target = documents.read_target(self.layout, settings, self.environ)
        make = self.make_aws or (lambda: gateway(settings, target, self.log))
        found = find_partly(make, settings, Patience(self.patience_seconds, self.say), self.now)
        made = documents_of(settings, target, found, self._tokens(), self._facts_before())
        marked = made.marked_facts, made.marked_secrets
        held = held_up(settings, *marked, own_stages(self.layout))
        inputs = inputs_of(self.layout, settings, *marked)
        return _Seen(found.aws, made.facts, made.secrets, inputs, held, explained(found.failed, held))

    def _facts_before(self) -> Mapping[str, Any]:
        with contextlib.suppress(BootstrapError):
            return documents.read_json(self.layout.facts, "what was found")
        return {}

    def _pending(self, seen: _Seen) -> tuple[Pending, ...]:
        differing = changes(seen.inputs, read_applied(self.layout))
        return tuple(Pending(stage, stage_file(self.layout, stage), tuple(why)) for stage, why in differing.items())

    def _apply(
        self, seen: _Seen, pending: tuple[Pending, ...]
    ) -> tuple[tuple[StageResult, ...], tuple[BootstrapError, ...]]:
        """Run the stages; each that ended well is written down at once, one that failed keeps its old digests."""
        if not pending:
            return (), ()
        write_facts(self.layout, seen.facts)
        jenkins = Controller(self.url, SERVICE_ACCOUNT, str(seen.secrets["service_token"]))
        applied: list[StageResult] = []
        failed: list[BootstrapError] = []
        for each in pending:
            try:
                result = self._run_stage(jenkins, each, seen)
            except BootstrapError as error:
                failed.append(error)
                continue
            record_applied(self.layout, {**read_applied(self.layout), each.stage: seen.inputs[each.stage]})
            applied.append(result)
            did = ", ".join(result.changes) or "nothing to change"
            self.say(f"{each.stage} in {result.seconds:.1f} s, because of {_words(each.because)}: {did}")
        return tuple(applied), tuple(failed)

    def _run_stage(self, jenkins: Controller, each: Pending, seen: _Seen) -> StageResult:
        if not each.file.is_file():
            raise BootstrapError(
                f"the file of the stage {each.stage} is not there",
                where=str(each.file),
                hint="systemctl restart jenkins fills the hook root anew",
            )
        if each.stage == "aws.txt" and self.settings.agents:
            from jenkins_bootstrap.aws import keypair

            # Before the stage: the EC2 plugin looks for the pair in AWS when it launches.
            pem = str(seen.secrets["agent_private_key"])
            pair = keypair.ensure(seen.aws, self.settings.project, pem, self.settings.tags)
            if pair.imported:
                self.say(f"imported the agents' key as {pair.name}")
        try:
            write_secrets(self.layout, seen.secrets)
            return jenkins.run_stage(str(each.file), str(self.layout.results / f"{each.stage}.json"), each.stage)
        finally:
            self._forget_secrets()

    def _forget_secrets(self) -> None:
        """Delete the secrets, and what a killed write of them left."""
        for path in (self.layout.secrets, *self.layout.run.glob(f".{self.layout.secrets.name}.*")):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise BootstrapError(
            "a token that boot makes cannot be read",
            where=str(path),
            hint="watch runs as root in a controller image; systemctl restart jenkins makes the token anew",
        ) from None


def inputs_of(
    layout: Layout, settings: Settings, facts: Mapping[str, Any], secrets: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """The digests of what each stage of this controller reads; a boot records those of the documents it writes."""
    return stage_inputs(settings, facts, secrets, digest_key(layout), own_stages(layout))


def stage_file(layout: Layout, stage: str) -> Path:
    """The file that Jenkins evaluates to run a stage again.

    It is the image's, which is root's and Jenkins can only read: what lies in the hook root is Jenkins' own, and may be
    missing or changed. Only a user's stage is run from there, where init.groovy has put it into its guard; nobody gains
    by changing that who could not have Jenkins run any script already.
    """
    if stage == "init.groovy":
        return layout.stages / stage
    if stage.startswith("user_"):
        return layout.hooks / "init.groovy.d" / (stage.removesuffix(".txt") + ".groovy")
    return layout.stages / "init.groovy.d" / stage


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
