"""Carries out the steps of a plan. A job that Jenkins refuses does not hold up the others; a Jenkins that is away does.

Which steps are left is not written down: the next plan finds out by what Jenkins has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from jenkins_bootstrap.controller.client import ControllerError
from jenkins_bootstrap.jobs import steps
from jenkins_bootstrap.jobs.read_back import mark_gone
from jenkins_bootstrap.plan import Step
from jenkins_bootstrap.reconcile.ports import Jobs

OF_ONE_JOB = (400, 404, 409, 500)
"""Statuses that speak of the job alone."""
MOST_IN_A_ROW = 10


@dataclass(slots=True)
class Done:
    """`steps` that were done, in order; an error for each that was not; `skipped` those that built on one of these, or
    that came after Jenkins was away."""

    steps: list[Step] = field(default_factory=list)
    errors: list[ControllerError] = field(default_factory=list)
    skipped: list[Step] = field(default_factory=list)


def execute(
    plan: Iterable[Step], jobs: Jobs, *, calls_per_hour: int, tell: Callable[[str], None] = lambda _line: None
) -> Done:
    """Do the steps. Raises nothing of Jenkins: what it refuses is among the errors."""
    done = Done()
    failed: set[str] = set()
    in_a_row = 0
    away = False
    for step in plan:
        if away or _builds_on(step, failed):
            done.skipped.append(step)
            continue
        tell(step.words)
        try:
            _run(step, jobs, calls_per_hour)
        except ControllerError as error:
            done.errors.append(error)
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


def _run(step: Step, jobs: Jobs, calls_per_hour: int) -> None:
    match step:
        case steps.CreateFolder() | steps.CreateJob():
            jobs.create(step.path, step.xml)
        case steps.UpdateJob():
            jobs.update(step.path, step.xml)
        case steps.RenameJob():
            jobs.rename(step.path, step.new_name)
        case steps.MoveJob():
            jobs.move(step.path, step.folder)
        case steps.MarkGone():
            _mark(step.path, step.on, jobs)
        case steps.DeleteJob():
            jobs.delete(step.path)
        case steps.ScanJobs():
            jobs.request_scans(step.paths, calls_per_hour)
        case _:
            raise TypeError(f"no handler for {type(step).__name__}")


def _mark(path: str, on: date, jobs: Jobs) -> None:
    """Disable a job as Jenkins has it, with the day in its machine line. Without that line it is no longer ours."""
    marked = mark_gone(jobs.config(path), on)
    if marked is None:
        raise ControllerError(
            "is not ours any more: its machine line is gone",
            where=f"job {path}",
            hint="delete it by hand if nobody needs it",
            status=409,
        )
    jobs.update(path, marked)
