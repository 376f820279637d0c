"""A closer look at what Jenkins has: what an update would change, and what somebody changed behind our back (drift)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jenkins_bootstrap.controller.client import ControllerError
from jenkins_bootstrap.jobs.comparison import item_key, job_key
from jenkins_bootstrap.jobs.diff import scans_alike, unified
from jenkins_bootstrap.jobs.present import is_ours
from jenkins_bootstrap.jobs.steps import UpdateJob
from jenkins_bootstrap.reconcile.ports import Jobs
from jenkins_bootstrap.reconcile.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Difference:
    """How Jenkins' definition of a job differs from ours, as lines of a unified diff from theirs to ours.

    `key` is what a plan knows the job by; `structural`: what a scan works by differs.
    """

    path: str
    lines: tuple[str, ...]
    key: str = ""
    structural: bool = False


def differences(prepared: Prepared, jobs: Jobs) -> Iterator[Difference]:
    """What each update of the plan changes: a look at each, but for those that were found by a look."""
    for step in prepared.plan.steps:
        if isinstance(step, UpdateJob) and step.of not in prepared.inputs.drifted:
            path = _before(prepared, step)
            yield Difference(path, tuple(unified(path, jobs.config(path), step.xml)))


def _before(prepared: Prepared, step: UpdateJob) -> str:
    """Where the job is now, before the plan renames it."""
    project = prepared.installation
    return next((i.path for i in prepared.present.items if is_ours(i, project) and item_key(i) == step.of), step.path)


@dataclass(frozen=True, slots=True)
class Deep:
    """That the definitions in Jenkins are to be read: all, or a random `sample`; `seed` makes it the same each time."""

    sample: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """`looked` jobs of `of` were read that should be as we made them; `found` differ."""

    looked: int
    of: int
    found: tuple[Difference, ...]


def drift(
    prepared: Prepared,
    jobs: Jobs,
    *,
    sample: int | None = None,
    seed: int | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Drift:
    """Read the definitions of the jobs that are as they should by their machine line, all or a random sample.

    A job that vanishes meanwhile is left out. Raises ControllerError when Jenkins cannot be asked.
    """
    project = prepared.installation
    wanted = {job_key(j): j for j in prepared.rendered.jobs if j.problem is None}
    lines = [
        (item, wanted[item_key(item)])
        for item in prepared.present.items
        if is_ours(item, project) and item_key(item) in wanted
    ]
    same = [(i, j) for i, j in lines if i.line is not None and i.line.hash == j.hash and i.line.gone is None]
    if sample is not None and sample < len(same):
        same = random.Random(seed).sample(same, sample)  # noqa: S311 - which jobs are looked at is no secret
    found: list[Difference] = []
    looked = 0
    for item, job in sorted(same, key=lambda pair: pair[0].path):
        tell(item.path)
        try:
            there = jobs.config(item.path)
        except ControllerError as error:
            if error.status == 404:
                continue
            raise
        looked += 1
        lines_ = unified(item.path, there, job.xml)
        if lines_:
            structural = bool(job.structural) and not scans_alike(there, job.xml)
            found.append(Difference(item.path, tuple(lines_), job_key(job), structural))
    return Drift(looked, len(lines), tuple(found))
