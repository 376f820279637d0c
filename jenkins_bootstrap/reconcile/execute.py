"""Carries out the steps of a plan. A job that Jenkins refuses does not hold up the others; a Jenkins that is away does.

Which steps are left is not written down: the next plan finds out by what Jenkins has. Another run, of another machine,
may be at the same jobs: what it has made is taken, and what is at a path by now is looked at before it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jenkins_bootstrap.controller.client import ControllerError
from jenkins_bootstrap.jobs import steps
from jenkins_bootstrap.jobs.comparison import SyncPlan
from jenkins_bootstrap.jobs.marker import FOLDER, JOB, MachineLine, parse_line
from jenkins_bootstrap.jobs.read_back import mark_gone, parse_definition
from jenkins_bootstrap.plan import Step
from jenkins_bootstrap.reconcile.ports import Jobs

OF_ONE_JOB = (302, 400, 404, 409, 500)
"""Statuses that speak of the job alone."""
STALE = (302, 400, 404, 409)
"""Those that may mean that somebody else has changed something since the listing."""
MOST_IN_A_ROW = 10


@dataclass(slots=True)
class Done:
    """`steps` that were done, in order; `failed` those that were not, with an error each; `skipped` those that built on
    one of these, or that came after Jenkins was away."""

    steps: list[Step] = field(default_factory=list)
    errors: list[ControllerError] = field(default_factory=list)
    failed: list[Step] = field(default_factory=list)
    skipped: list[Step] = field(default_factory=list)

    def go_on(self, more: Done) -> None:
        """What came after another look: what is not done now is what was not done then."""
        self.steps += more.steps
        self.errors, self.failed, self.skipped = more.errors, more.failed, more.skipped

    @property
    def may_be_stale(self) -> bool:
        """Whether what was refused may be so because Jenkins is no more as it was listed."""
        return (
            bool(self.errors)
            and all(error.status in OF_ONE_JOB for error in self.errors)
            and any(error.status in STALE for error in self.errors)
        )

    def is_news(self, plan: SyncPlan) -> bool:
        """Whether a plan made now is another one than to try again what was not done."""
        undone = {step.key for step in (*self.failed, *self.skipped) if isinstance(step, steps.JobStep)}
        return undone != {step.key for step in plan.steps if isinstance(step, steps.JobStep)}


def execute(
    plan: Iterable[Step],
    jobs: Jobs,
    *,
    project: str,
    calls_per_hour: int,
    look_first: bool = True,
    tell: Callable[[str], None] = lambda _line: None,
) -> Done:
    """Do the steps for the installation `project`. Raises nothing of Jenkins: what it refuses is among the errors.

    With `look_first` a job is looked at before it is renamed or moved: in a run of many steps another run may have
    given its name to another job meanwhile. A run about one job has been listed a moment ago.
    """
    done = Done()
    run = _Run(jobs, project, calls_per_hour, look_first)
    failed: set[str] = set()
    in_a_row = 0
    away = False
    for step in plan:
        if away or _builds_on(step, failed):
            done.skipped.append(step)
            continue
        tell(step.words)
        try:
            run.step(step)
        except ControllerError as error:
            done.errors.append(error)
            done.failed.append(step)
            in_a_row += 1
            away = error.status not in OF_ONE_JOB or in_a_row >= MOST_IN_A_ROW
            if isinstance(step, steps.JobStep):
                failed.add(step.of)
        else:
            in_a_row = 0
            done.steps.append(step)
    return done


def _builds_on(step: Step, failed: set[str]) -> bool:
    if not failed or not isinstance(step, steps.JobStep):
        return False
    # A folder is known by its path, and what is made in it needs it.
    return step.of in failed or (isinstance(step, (steps.CreateFolder, steps.CreateJob)) and _below(step, failed))


def _below(step: steps.JobStep, failed: set[str]) -> bool:
    return steps.parent(step.path) in failed


@dataclass(slots=True)
class _Run:
    jobs: Jobs
    project: str
    calls_per_hour: int
    look_first: bool
    known: set[str] = field(default_factory=set)
    """Jobs that were looked at before their first rename, by `of`."""

    def step(self, step: Step) -> None:
        match step:
            case steps.CreateFolder() | steps.CreateJob():
                self._create(step)
            case steps.UpdateJob():
                self.jobs.update(step.path, step.xml)
            case steps.RenameJob():
                self._look(step)
                self.jobs.rename(step.path, step.new_name)
            case steps.MoveJob():
                self._look(step)
                self.jobs.move(step.path, step.folder)
            case steps.MarkGone():
                self._mark(step)
            case steps.DeleteJob():
                self._delete(step)
            case steps.ScanJobs():
                self.jobs.request_scans(step.paths, self.calls_per_hour)
            case _:
                raise TypeError(f"no handler for {type(step).__name__}")

    def _create(self, step: steps.CreateFolder | steps.CreateJob) -> None:
        try:
            self.jobs.create(step.path, step.xml)
        except ControllerError as error:
            # As good as made when another run has made it. If it was made otherwise, the next run brings it in step.
            if error.status != 400 or not self._is_there(step):
                raise

    def _is_there(self, step: steps.JobStep) -> bool:
        try:
            return self._is_that(step, _line(self.jobs.config(step.path)))
        except ControllerError:
            return False

    def _look(self, step: steps.JobStep) -> None:
        if self.look_first and step.of not in self.known:
            self._check(step, _line(self.jobs.config(step.path)))
            self.known.add(step.of)

    def _check(self, step: steps.JobStep, line: MachineLine | None) -> None:
        """Raise unless the job at the path is still the one that was listed there."""
        if not self._is_that(step, line):
            ours = line is not None and line.owner == self.project
            raise ControllerError(
                "is another job by now: left alone" if ours else "is not ours any more: its machine line is gone",
                where=f"job {step.path}",
                hint="run the command again; delete the job by hand if nobody needs it",
                status=409,
            )

    def _is_that(self, step: steps.JobStep, line: MachineLine | None) -> bool:
        if line is None or line.owner != self.project:
            return False
        if line.id is not None:
            return str(line.id) == step.of
        is_folder = isinstance(step, steps.CreateFolder) or (isinstance(step, steps.RenameJob) and step.of == step.path)
        return line.kind == JOB or (line.kind == FOLDER and is_folder)

    def _mark(self, step: steps.MarkGone) -> None:
        """Disable a job as Jenkins has it, with the day in its machine line."""
        there = self.jobs.config(step.path)
        line = _line(there)
        self._check(step, line)
        marked = None if line is None or line.gone is not None else mark_gone(there, step.on)
        if marked is not None:
            self.jobs.update(step.path, marked)

    def _delete(self, step: steps.DeleteJob) -> None:
        """Delete a job that is still marked as gone, or is gone already."""
        try:
            line = _line(self.jobs.config(step.path))
        except ControllerError as error:
            if error.status == 404:
                return
            raise
        self._check(step, None if line is None or line.gone is None else line)
        self.jobs.delete(step.path)


def _line(xml: bytes) -> MachineLine | None:
    return parse_line(parse_definition(xml).findtext("description"))
