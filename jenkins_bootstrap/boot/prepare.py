"""What happens on a controller before Jenkins starts, in its order: look, verify, mount, write; the secrets last.

Each step asks the world whether it is done, so that a boot that was killed is simply run again. Does not start Jenkins.
"""

from __future__ import annotations

import contextlib
import platform
import secrets as random
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.boot import documents, home, hooks, plugins_dir
from jenkins_bootstrap.boot.applied import alone, record_applied
from jenkins_bootstrap.boot.layout import BAKE_ANEW, Layout
from jenkins_bootstrap.boot.retry import Patience
from jenkins_bootstrap.boot.writing import Owners, make_folder, write_facts, write_file, write_secrets
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.plan import Executor, Outcome, Plan, Step

if TYPE_CHECKING:
    from jenkins_bootstrap.aws.session import Aws
    from jenkins_bootstrap.boot.finding import Found
    from jenkins_bootstrap.config.models import Settings
    from jenkins_bootstrap.plugins.lock import Lock

TOKEN_PREFIX = "11"  # noqa: S105 - how Jenkins marks the version of an API token (ApiTokenStore)


@dataclass(frozen=True, slots=True)
class BootStep(Step):
    """One step of a boot."""


@dataclass
class Boot:
    """One boot of the controller at `layout`.

    `say` gets a line for everything a person should read in the log, `log` each call to AWS. `make_aws` stands for the
    gateway in tests. What is read of the image is read once.
    """

    layout: Layout = field(default_factory=Layout)
    environ: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _line: None
    log: Callable[[str], None] | None = None
    make_aws: Callable[[], Aws] | None = None
    patience: Patience | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _verifying: Future[plugins_dir.Verified] | None = field(default=None, repr=False)
    _facts: dict[str, Any] | None = field(default=None, repr=False)

    @cached_property
    def settings(self) -> Settings:
        return documents.read_image_settings(self.layout.settings)

    @cached_property
    def target(self) -> documents.Target:
        return documents.read_target(self.layout, self.settings, self.environ)

    @cached_property
    def owners(self) -> Owners:
        return Owners.of(self.layout)

    @cached_property
    def lock(self) -> Lock:
        from jenkins_bootstrap.plugins.lock import read

        return read(self.layout.plugin_lock)

    @property
    def has_plugins(self) -> bool:
        """False for an image that was baked without them, which the embedded target allows where there is no war."""
        return self.layout.plugins.is_dir() and any(self.layout.plugins.iterdir())

    @property
    def writable_plugins(self) -> bool:
        return self.settings.controller.boot.install_missing_plugins

    def plan(self) -> Plan:
        """The steps of this boot. Raises BootstrapError for an image whose documents are missing or wrong."""
        controller = self.settings.controller
        place = "AWS" if self.target.endpoint is None else f"the embedded AWS at {self.target.endpoint}"
        rows = [
            (
                "find",
                f"find what the settings name in {place}, read the secrets",
                "Describe*, GetSecretValue, ListSecretVersionIds",
                "",
            ),
            ("plugins", "compare the plugins with the lock", str(self.layout.plugins), "before their code runs"),
        ]
        if controller.volume is not None:
            rows.append(("volume", "put the data volume in its place", str(self.layout.home), "controller.volume"))
        rows += [
            ("home", "look whose Jenkins wrote JENKINS_HOME, and at its room", str(self.layout.home), ""),
            ("mount", "put the plugins over JENKINS_HOME/plugins", f"mount {self.layout.home / 'plugins'}", ""),
            ("key-pair", "import the agents' public key", "ec2 import_key_pair", "agents get it at launch"),
            (
                "token",
                "make the tokens of the service account and the receiver",
                str(self.layout.service_token),
                "kept while /run lives",
            ),
            ("hooks", "fill the hook root", str(self.layout.hooks), "each start begins with .txt stages"),
            ("facts", "write facts.json", str(self.layout.facts), ""),
            ("secrets", "write secrets.json", str(self.layout.secrets), "deleted by the last stage"),
        ]
        return Plan("boot", tuple(BootStep(key, words, call, why) for key, words, call, why in rows))

    def run(self, progress: Callable[[str], Any] = lambda _words: contextlib.nullcontext()) -> Outcome:
        """Do all of it. Raises BootstrapError as it came; Jenkins must not start then, and no secret is left behind."""
        try:
            return self._run(progress)
        except BaseException:
            with contextlib.suppress(OSError):
                self.layout.secrets.unlink(missing_ok=True)
            raise

    def _run(self, progress: Callable[[str], Any]) -> Outcome:
        plan = self.plan()
        deadline = self.settings.controller.boot.deadline_seconds
        if self.patience is None:
            self.patience = Patience(deadline, self.say)
        self.make_run()
        # A look under way deletes its secrets.json when it ends, which must not be the one of this boot.
        with ThreadPoolExecutor(max_workers=1) as beside, alone(self.layout, wait_seconds=deadline):
            self.clear()
            if self.has_plugins:
                self._verifying = beside.submit(self._verify)  # while AWS is asked
            return Executor({BootStep: _Handler(self)}, progress=progress).run(plan)

    def make_run(self) -> None:
        owners = self.owners
        # Jenkins deletes secrets.json and counts its restarts here, and must not touch what is root's: sticky.
        make_folder(self.layout.run, uid=owners.root, gid=owners.gid, mode=0o1770)

    def clear(self) -> None:
        """What an earlier boot left of secrets goes; the folder of the stages' results with its rights."""
        from jenkins_bootstrap.boot.failures import begin

        owners = self.owners
        self.layout.secrets.unlink(missing_ok=True)
        for left in self.layout.run.glob(".*"):  # half-written by a boot that was killed
            if left.is_symlink() or not left.is_dir():
                left.unlink()
        make_folder(self.layout.results, uid=owners.uid, gid=owners.gid, mode=0o750)
        begin(self.layout)

    def _verify(self) -> plugins_dir.Verified:
        return plugins_dir.verify(self.layout.plugins, self.lock, missing_allowed=self.writable_plugins)

    def do_find(self, _found: Any) -> Found:
        from jenkins_bootstrap.boot.finding import find_again, gateway

        assert self.patience is not None
        make = self.make_aws or (lambda: gateway(self.settings, self.target, self.log))
        found = find_again(make, self.settings, self.patience, self.now)
        words = f"account {found.facts.account} in {found.facts.region}"
        self.say(f"target: AWS {words}" if self.target.endpoint is None else f"target: embedded AWS, {words}")
        if found.secrets.overlap_open:
            self.say("deliveries signed with the webhook secret before this one are still accepted")
        return found

    def _check_lock(self) -> None:
        said = platform.machine()
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(said, said)
        core = documents.image_core(self.layout, self.settings)
        java = self.settings.controller.java.version
        for line in plugins_dir.check_made_for(self.lock, self.layout.plugin_lock, core, java, machine):
            self.say(line)

    def do_plugins(self, _found: Any) -> plugins_dir.Verified:
        if self.has_plugins or self.writable_plugins:
            self._check_lock()
        if self._verifying is None:
            if self.layout.war.exists() and not self.writable_plugins and self.lock.plugins:
                raise BootstrapError(
                    f"the image has Jenkins and none of the {len(self.lock.plugins)} plugins of its lock",
                    where=str(self.layout.plugins),
                    hint="bake it with plugins: JENKINS_PLUGINS=DIR jenkins-bootstrap bake controller",
                )
            self.say(f"NO PLUGINS: this image was baked without the {len(self.lock.plugins)} plugins of its lock")
            return plugins_dir.Verified(0, tuple(plugin.name for plugin in self.lock.plugins))
        verified = self._verifying.result()
        if self.writable_plugins and (gone := plugins_dir.discard(self.layout, self.lock, verified.missing)):
            self.say(f"taken away, as the lock does not have it so: {', '.join(gone)}")
        self.say(f"{verified.plugins} plugins are as the lock says")
        if verified.missing:
            self.say(f"Jenkins will install {len(verified.missing)} plugins of the lock that the image lacks")
        return verified

    def do_volume(self, found: Found) -> Any:
        from jenkins_bootstrap.boot.volume import prepare_volume

        assert found.facts.controller.volume is not None
        assert self.patience is not None
        return prepare_volume(found.aws, found.facts.controller.volume, self.layout, self.patience, self.say)

    def do_home(self, _found: Any) -> str:
        home.prepare(self.layout, self.owners)
        said = home.check_version(self.layout, documents.image_core(self.layout, self.settings))
        home.check_room(self.layout)
        if said:
            self.say(f"{self.layout.home} {said}")
        if not self.layout.war.exists():
            self.say(f"NO JENKINS: this image was baked without one ({self.layout.war} is not there)")
        if not self.layout.seed.exists():
            raise BootstrapError(
                "the image has no list of jobs",
                where=str(self.layout.seed),
                hint=BAKE_ANEW,
            )
        return said or "is the image's"

    def do_mount(self, _found: Any) -> str:
        if not self.has_plugins and not self.writable_plugins:
            return "nothing to mount"
        return plugins_dir.put(self.layout, self.owners, writable=self.writable_plugins)

    def do_key_pair(self, found: Found) -> str:
        from jenkins_bootstrap.aws import keypair

        assert self.patience is not None
        pem, project = found.secrets.agent_key_pem, self.settings.project
        pair = self.patience.until(lambda: keypair.ensure(found.aws, project, pem, self.settings.tags), "EC2")
        if pair.imported:
            self.say(f"imported the agents' key as {pair.name}; pairs of earlier keys stay for agents that run")
        return pair.name

    def do_token(self, _found: Any) -> str:
        return ", ".join(map(self._make_token, (self.layout.service_token, self.layout.reconcile_token)))

    def _make_token(self, path: Path) -> str:
        with contextlib.suppress(OSError):
            if self._kept_token(path):
                return "kept"
        token = TOKEN_PREFIX + random.token_hex(16)
        write_file(path, token, uid=self.owners.root, gid=self.owners.root, mode=0o400)
        return "made"

    def _kept_token(self, path: Path) -> str | None:
        """The token of an earlier start of this instance. A link, or a file of somebody else's, is not taken."""
        found = path.lstat()
        if path.is_symlink() or found.st_uid != self.owners.root or found.st_mode & 0o077:
            return None
        token = path.read_text(encoding="ascii", errors="replace")
        whole = len(token) == 34 and token.startswith(TOKEN_PREFIX)
        return token if whole and all(c in "0123456789abcdef" for c in token) else None

    def do_hooks(self, _found: Any) -> str:
        return f"{hooks.fill(self.layout, self.owners, self.say)} stages"

    def do_facts(self, found: Found) -> str:
        from jenkins_bootstrap.stages.facts_document import facts_document

        self._facts = facts_document(
            self.settings,
            found.facts,
            target=self.target.name,
            endpoint=self.target.endpoint,
            github_api_url=self.target.github_api_url,
        )
        write_facts(self.layout, self._facts)
        return str(self.layout.facts)

    def do_secrets(self, found: Found) -> str:
        from jenkins_bootstrap.boot.watch import inputs_of

        token, reconcile_token = map(self._kept_token, (self.layout.service_token, self.layout.reconcile_token))
        assert token is not None
        assert reconcile_token is not None
        assert self._facts is not None
        document = documents.secrets_document(found.secrets, token, reconcile_token)
        # What the stages are about to apply, for `watch`: a Jenkins that comes up has applied it.
        record_applied(self.layout, inputs_of(self.layout, self.settings, self._facts, document))
        write_secrets(self.layout, document)
        return str(self.layout.secrets)


@dataclass(slots=True)
class _Handler:
    """Runs `do_<key>` of the boot. Each looks for itself at what is there already."""

    boot: Boot

    def is_done(self, step: BootStep, results: Mapping[str, Any]) -> Any | None:
        return None

    def run(self, step: BootStep, results: Mapping[str, Any]) -> Any:
        return getattr(self.boot, f"do_{step.key.replace('-', '_')}")(results.get("find"))
