"""What happens when a boot fails and when one succeeds: the count, the page, the end of trying, the alarm.

`begin` runs first of all in `boot`, `note` when that fails; `confirm` after Jenkins said it is ready; `ended` whenever
the unit's processes have ended. AWS may be what fails, so everything said to AWS is said with a limit of time, and
nothing of it hides the reason of the failed boot.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jenkins_bootstrap.boot.alarm import Alarm
from jenkins_bootstrap.boot.hooks import stage_names
from jenkins_bootstrap.boot.layout import RESTART_STATUS, Layout
from jenkins_bootstrap.boot.writing import Owners, make_folder, write_file
from jenkins_bootstrap.config.controller import Boot
from jenkins_bootstrap.errors import BootstrapError, SeveralErrors
from jenkins_bootstrap.files import canonical_json, read_object, write_atomic

JENKINS_UNIT = "jenkins.service"
PAGE_UNIT = "jenkins-bootstrap-page.service"
RESTART_SECONDS = 20
"""RestartSec= of jenkins.service."""
CLOUD_SECONDS = 20.0
"""How long all that is said to AWS of one failure may take."""
_NUMBERS = ("attempt", "attempts", "next_seconds")
LONGEST = 2000
"""Characters of a cause that are kept."""

Connect = Callable[[], Alarm | None]
"""Makes what speaks to AWS, None where nothing does. May be slow and may raise."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reason:
    where: str
    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What the page shows: failed.json.

    `attempt` is 0 when Jenkins was up before, and `next_seconds` None when there is no more try. All three numbers are
    None for what `boot` has noted and `ended` has not counted yet.
    """

    reasons: tuple[Reason, ...]
    at: str
    attempt: int | None = None
    attempts: int | None = None
    next_seconds: int | None = None

    @property
    def counted(self) -> bool:
        return self.attempt is not None

    @property
    def words(self) -> str:
        return "; ".join(f"{each.where}: {each.what}" if each.where else each.what for each in self.reasons)

    @classmethod
    def read(cls, path: Path) -> Failure | None:
        """The failure in a file, None when there is none or it cannot be understood."""
        said = read_object(path)
        try:
            rows = [Reason(str(e["where"]), str(e["what"]), str(e["try"])) for e in said["errors"]] if said else []
            return cls(tuple(rows), str(said["at"]), *map(said.get, _NUMBERS)) if said and rows else None
        except (KeyError, TypeError):
            return None

    def text(self) -> str:
        rows = [{"where": e.where, "what": e.what, "try": e.hint} for e in self.reasons]
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return canonical_json({"schema": 1, "at": self.at, "by": "ended", "errors": rows, **numbers})


def begin(layout: Layout) -> None:
    """Forget what came of the start before, so that its results are not taken for this one's."""
    _confirmed(layout).unlink(missing_ok=True)
    for path in layout.results.glob("*.json"):
        path.unlink(missing_ok=True)


def note(layout: Layout, error: BootstrapError) -> None:
    """Keep why `boot` or `confirm` failed, for `ended` and the page. Never raises: the error itself is what counts."""
    with contextlib.suppress(BootstrapError, OSError):
        each = error.errors if isinstance(error, SeveralErrors) else (error,)
        _write(layout, Failure(tuple(Reason(e.where, e.what[:LONGEST], e.hint[:LONGEST]) for e in each), _now()))


def confirm(layout: Layout, *, connect: Connect, tell: Tell = lambda _line: None) -> None:
    """Jenkins says it is ready: see that every stage has run and that no secret is left, and reset the count.

    Raises BootstrapError (and notes it) naming the stage that failed or did not run; the unit then stops Jenkins.
    """
    try:
        _check(layout)
    except BootstrapError as error:
        note(layout, error)
        raise
    failed_before = _count(layout) > 0
    layout.failed.unlink(missing_ok=True)
    if failed_before:
        layout.boots.unlink(missing_ok=True)
    write_atomic(_confirmed(layout), "")

    def say() -> None:
        alarm = connect()
        # The count may be of instances before this one.
        if alarm is not None and (alarm.well() or failed_before):
            alarm.metric(0)

    _within(CLOUD_SECONDS, say, "AWS is not told that the controller is up", tell)


def ended(
    layout: Layout,
    boot: Boot,
    environment: Mapping[str, str],
    *,
    connect: Connect,
    service: Callable[[str, str], None],
    tell: Tell = lambda _line: None,
) -> Failure | None:
    """The unit's processes have ended (ExecStopPost): None when that was meant, else the failure, counted and shown.

    `environment` holds SERVICE_RESULT, EXIT_CODE and EXIT_STATUS as systemd.exec(5) describes them; `service` is
    called with a verb of systemctl and a unit, without waiting. At boot.attempts the restart is cancelled, the Auto
    Scaling group keeps the instance, and the alarm is raised.
    """
    layout.secrets.unlink(missing_ok=True)
    was_up = _confirmed(layout).exists()
    _confirmed(layout).unlink(missing_ok=True)
    asked = environment.get("EXIT_CODE") == "exited" and environment.get("EXIT_STATUS") == str(RESTART_STATUS)
    noted = Failure.read(layout.failed)
    fresh = noted is not None and not noted.counted
    if environment.get("SERVICE_RESULT", "success") == "success":
        return None
    if asked and not fresh:
        # RestartSec= is for failures: who restarts Jenkins does not wait for it.
        service("start", JENKINS_UNIT)
        return None
    reasons = noted.reasons if noted is not None and fresh else (_cause(layout, environment, was_up),)
    attempt, alarm_known = (0, None) if was_up else _counted(layout, connect, tell)
    give_up = attempt >= boot.attempts
    failure = Failure(
        tuple(Reason(each.where, each.what[:LONGEST], each.hint[:LONGEST]) for each in reasons),
        _now(),
        attempt,
        boot.attempts,
        None if give_up else RESTART_SECONDS,
    )
    with contextlib.suppress(BootstrapError, OSError):
        _write(layout, failure)
    tell(f"failed: {failure.words}")
    if give_up:
        # In this state of the unit a stop takes back the restart that would follow.
        service("stop", JENKINS_UNIT)
        tell(f"{attempt} of {boot.attempts} attempts failed: this instance stays as it is")
    service("start", PAGE_UNIT)
    if not was_up:
        _within(CLOUD_SECONDS, lambda: _say(alarm_known or connect(), failure, boot), "AWS is not told", tell)
    return failure


def _say(alarm: Alarm | None, failure: Failure, boot: Boot) -> None:
    if alarm is None or failure.attempt is None:
        return
    count = failure.attempt
    give_up = failure.next_seconds is None
    # Each on its own: one that is not allowed does not keep the others from being done.
    errors: list[BootstrapError] = []
    steps: list[Callable[[], None]] = [
        lambda: alarm.failed(count, give_up=give_up),
        lambda: alarm.metric(count),
    ]
    if give_up and (topic := boot.alarm_topic) is not None:
        hints = "".join(f"try: {each.hint}\n" for each in failure.reasons if each.hint)
        text = f"{failure.words}\n{hints}{failure.attempt} boots failed, the last at {failure.at}."
        subject = "A Jenkins controller does not come up and has stopped trying"
        steps.append(lambda: alarm.tell(topic, subject, text))
    for step in steps:
        try:
            step()
        except BootstrapError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _check(layout: Layout) -> None:
    where = "boot confirm"
    for name in stage_names(layout):
        said = read_object(layout.results / f"{name}.json")
        if said is None:
            raise BootstrapError(
                f"the stage {name} has not run",
                where=where,
                hint="the journal of jenkins.service says what came before",
            )
        if said.get("failed"):
            raise BootstrapError(
                str(said.get("cause", "failed")), where=f"stage {name}", hint=str(said.get("remedy", ""))
            )
    if layout.secrets.exists():
        raise BootstrapError(
            "secrets.json is still there: the last of the hooks has not run",
            where=where,
            hint="the journal of jenkins.service says what came before",
        )


def _cause(layout: Layout, environment: Mapping[str, str], was_up: bool) -> Reason:
    """As a stage says it, else as systemd does."""
    # Without an exit of its own Jenkins was never started: what lies there is of an earlier start.
    stages = sorted(layout.results.glob("*.json")) if environment.get("EXIT_CODE") and not was_up else []
    for path in stages:
        said = read_object(path)
        if said is not None and said.get("failed"):
            name = str(said.get("stage", path.stem))
            return Reason(f"stage {name}", str(said.get("cause", "")), str(said.get("remedy", "")))
    how = {"exited": "exit status", "killed": "signal", "dumped": "signal"}.get(environment.get("EXIT_CODE", ""), "")
    what = f"ended with {how} {environment.get('EXIT_STATUS', '')}" if how else "did not start"
    if (result := environment.get("SERVICE_RESULT", "")) not in ("exit-code", "signal"):
        what += f" ({result})"
    return Reason("Jenkins", what, "journalctl -u jenkins.service")


def _counted(layout: Layout, connect: Connect, tell: Tell) -> tuple[int, Alarm | None]:
    """This failure's number, over this instance and those before it in the group; and what spoke to AWS, if it did."""
    found: list[Alarm] = []
    group: list[int] = []

    def ask() -> None:
        if (alarm := connect()) is not None:
            found.append(alarm)
            group.append(alarm.failed_boots())

    _within(CLOUD_SECONDS, ask, "the group's count is not known", tell)
    count = max(_count(layout), *group, 0) + 1
    with contextlib.suppress(BootstrapError):  # a full disk: the group's count goes on
        write_atomic(layout.boots, canonical_json({"schema": 1, "failed": count}))
    return count, found[0] if found else None


def _count(layout: Layout) -> int:
    said = read_object(layout.boots)
    value = said.get("failed") if said else 0
    return value if isinstance(value, int) and value > 0 else 0


def _within(seconds: float, work: Callable[[], None], instead: str, tell: Tell) -> None:
    """Do it in at most so long; what goes wrong is told and no more."""
    problems: list[str] = []

    def run() -> None:
        try:
            work()
        except BootstrapError as error:
            problems.append(str(error))
        except Exception as error:  # whatever a library raises: nothing may hide the reason of the boot
            problems.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        problems.append(f"no answer in {seconds:g} s")
    for problem in problems:
        tell(f"{instead}: {problem}")


def _write(layout: Layout, failure: Failure) -> None:
    owners = Owners.of(layout)
    make_folder(layout.run, uid=owners.root, gid=owners.gid, mode=0o1770)
    write_file(layout.failed, failure.text(), uid=owners.root, gid=owners.gid, mode=0o640)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _confirmed(layout: Layout) -> Path:
    return layout.run / "confirmed"
