"""What the receiver of a controller image is wired to: AWS for the secret, GitHub, the Jenkins beside it. Decides
nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jenkins_bootstrap.boot import documents
from jenkins_bootstrap.boot.layout import PORT, Layout
from jenkins_bootstrap.config.controller import SERVICE_ACCOUNT
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.apart import Apart
from jenkins_bootstrap.receiver.events import Target
from jenkins_bootstrap.receiver.ports import Busy, Missed, Reconcile, Result
from jenkins_bootstrap.receiver.service import Service
from jenkins_bootstrap.receiver.telling import Say, line, to_stderr, words_of

if TYPE_CHECKING:
    from jenkins_bootstrap.aws.session import Aws
    from jenkins_bootstrap.reconcile.source import GitHubSource
    from jenkins_bootstrap.reconcile.state import Last

Values = Callable[[], Mapping[str, str]]
KEPT = timedelta(days=3)
"""So long GitHub keeps deliveries."""
SKEW = timedelta(minutes=10)
"""The clock of this machine may be so much ahead of GitHub's."""
NOT_UP = (0, 503)
"""What Jenkins gives while it restarts: no answer, or that it is not ready. Work then waits and has not failed."""
MOST_WARNINGS = 20


@dataclass
class Image:
    """The image at `layout`. `url` is the Jenkins beside it, `environ` may tell the embedded target's addresses."""

    layout: Layout
    environ: Mapping[str, str]
    say: Say = to_stderr
    url: str = f"http://127.0.0.1:{PORT}/"
    make_aws: Callable[[], Aws] | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _aws: Aws | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.settings = documents.read_image_settings(self.layout.settings)
        self.target = documents.read_target(self.layout, self.settings, self.environ)

    def service(self) -> Service:
        """The receiver as this image runs it. Raises BootstrapError when its queue cannot be had."""
        apart = Apart(self.layout.root, self.url, self.environ)
        return Service(
            self.settings,
            self.layout.deliveries,
            self.read_secret,
            apart.reconcile,
            close=apart.close,
            find_missed=lambda values: partial(self.find_missed, values),
            token=partial(_text, self.layout.reconcile_token),
            say=self.say,
            first=self.first_in(),
        )

    def read_secret(self) -> Mapping[str, str]:
        """The key-value secret, with the secrets of deliveries before the present ones during the overlap."""
        from jenkins_bootstrap.aws import secrets
        from jenkins_bootstrap.aws.webhook import superseded, with_overlap
        from jenkins_bootstrap.boot.finding import gateway

        if self._aws is None:
            self._aws = (self.make_aws or (lambda: gateway(self.settings, self.target)))()
        values = secrets.settings_secret(self._aws, self.settings).value
        hours = self.settings.controller.boot.webhook_overlap_hours
        try:
            return with_overlap(values, superseded(self._aws, self.settings.secrets.settings, self.now(), hours))
        except BootstrapError as error:  # what is in force now must count all the same
            self.say(line("secret", outcome="no overlap", error=words_of(error)))
            return values

    def plugins(self) -> list[str] | None:
        """Names of the plugins that the image has; None where it was baked without."""
        from jenkins_bootstrap.plugins import lock

        path = self.layout.plugin_lock
        return [plugin.name for plugin in lock.read(path).plugins] if path.exists() else None

    def reconcile(self, values: Values) -> Reconcile:
        return Reconciler(self, values)

    def first_in(self) -> float:
        """Seconds until the first full reconciliation: none, unless the last one is not long ago."""
        last = self._last_in_step()
        if last is None:
            return 0.0
        every = self.settings.jobs.sync.every_minutes * 60.0
        return min(max(0.0, every - (self.now() - last.at).total_seconds()), every)

    def _last_in_step(self) -> Last | None:
        from jenkins_bootstrap.reconcile.state import State

        return State(self.layout.state, self.url).last()

    def find_missed(self, values: Values) -> list[Missed]:
        """What GitHub could not deliver to this receiver since everything was in step last, see missed.Asker.find."""
        from jenkins_bootstrap.receiver.missed import Asker

        since, last = self.now() - KEPT, self._last_in_step()
        if last is not None:
            since = max(since, last.at - SKEW)
        return Asker(self.settings, values(), self.target.github_api_url, since, self.say).find()


class Reconciler:
    """The reconciliation as the worker calls it. GitHub's sign-ins are kept as long as the secret stays the same."""

    def __init__(self, image: Image, values: Values) -> None:
        self._image, self._values = image, values
        self._lock = threading.Lock()
        self._source: GitHubSource | None = None
        self._away = True

    def __call__(self, target: Target | None) -> Result:
        from jenkins_bootstrap.controller.client import Controller, ControllerError
        from jenkins_bootstrap.controller.jobs import JobsApi
        from jenkins_bootstrap.reconcile import measure, run, state
        from jenkins_bootstrap.reconcile.outcome import HeldBack
        from jenkins_bootstrap.reconcile.ports import Only

        # Made anew each time: a restarted Jenkins may have another token. There is none before its first start.
        token = _text(self._image.layout.service_token)
        controller = Controller(self._image.url, SERVICE_ACCOUNT, token)
        # Asked first where it was away, and before thousands of repositories are listed for nothing.
        if not token or ((self._away or target is None) and not controller.is_up()):
            self._away = True
            raise Busy("Jenkins is not up")
        calls = measure.Calls()
        jobs = JobsApi(controller, log=calls)
        only = None
        if target is not None:
            only = Only(target.owner, target.name, target.id, target.node, may_be_gone=target.gone)
        made = run.Reconciler(
            self._image.settings,
            self._github(),
            jobs,
            self._image.layout.state,
            jenkins=self._image.url,
            calls=calls,
            locked=self._image.plugins(),
        )
        try:
            outcome = made.run(only)
        except state.Busy as busy:
            raise Busy(busy.what) from None
        except ControllerError as error:
            if error.status in NOT_UP:
                self._away = True
                raise Busy(words_of(error)) from None
            raise
        finally:
            jobs.close()
        self._away = False
        shown = [f"warning: {warning}" for warning in outcome.warnings[:MOST_WARNINGS]]
        if len(outcome.warnings) > len(shown):
            shown.append(f"and {len(outcome.warnings) - len(shown)} warnings more")
        # What a single repository's delivery may not remove the next look at everything does, or tells.
        held = [error for error in outcome.errors if only is not None and isinstance(error, HeldBack)]
        errors = [words_of(error) for error in outcome.errors if error not in held]
        lines = (*outcome.summary(), *shown, *map(words_of, held))
        return Result(len(outcome.done), lines, "; ".join(errors[:MOST_WARNINGS]), everything=bool(held))

    def _github(self) -> GitHubSource:
        from jenkins_bootstrap.reconcile.source import GitHubSource

        values = self._values()
        if not values:
            raise BootstrapError(
                "the secret could not be read yet",
                where=f"secret {self._image.settings.secrets.settings}",
                hint="the log says why, above",
            )
        with self._lock:
            if self._source is None or self._source.values != values:
                # No unfinished listing is gone on with: its first pages may be older than what deliveries told since.
                self._source = GitHubSource(self._image.settings, values, self._image.target.github_api_url)
            return self._source


def _text(path: Path) -> str:
    """The word in a file; empty when it is not there, or not for us."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
