"""What a synchronisation is planned from and what the plan says: values, and what a job is known by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.facts import ListedOwners
from jenkins_bootstrap.jobs.present import Item, Present
from jenkins_bootstrap.jobs.steps import JobStep
from jenkins_bootstrap.jobs.xml import JobXml, Rendered
from jenkins_bootstrap.plan import Step


@dataclass(frozen=True, slots=True)
class Removal:
    """A job that is disabled since `gone`, and deleted from `due` on."""

    path: str
    gone: date
    due: date


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """`steps` in their order. `held_back` are removals that only --allow-mass-change lets through; `pending` those
    whose day has not come; `left_alone` the jobs of others among ours; `unchanged` how many of ours are as they should.
    `as_they_are` are jobs that are not brought in step since their repository's file is wrong.
    `lately` and `sure` are why removals are held back: how many others were removed in the last day, and as in Inputs.
    """

    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()
    held_back: tuple[JobStep, ...] = ()
    left_alone: tuple[str, ...] = ()
    pending: tuple[Removal, ...] = ()
    unchanged: int = 0
    ours: int = 0
    lately: int = 0
    sure: bool = True
    as_they_are: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a plan is made from.

    `only`: the GitHub ids that this run is about, None for everything. `why_out` says for an id why it has no job;
    `left_out` has those that cannot have one, though they should: their jobs stay as they are.
    `unscanned`: jobs (`of` of their steps) whose scan an earlier run still owes. `before`: where our jobs were until
    jobs.folder was changed. `mass_change`: remove however many there are. `removed_lately`: jobs (`of`) that were
    marked as gone within the last day. `sure`: False when what is not there may only be out of sight, so that nothing
    is concluded from it. `drifted`: jobs (`of`) that somebody has changed in Jenkins, and whether a scan depends on it.
    """

    settings: Settings
    rendered: Rendered
    listed: ListedOwners
    present: Present
    today: date
    only: Collection[int] | None = None
    why_out: Callable[[int], str | None] = lambda _id: None
    left_out: Mapping[int, str] = field(default_factory=dict)
    unscanned: Collection[str] = ()
    before: Present | None = None
    mass_change: bool = False
    removed_lately: Collection[str] = ()
    sure: bool = True
    drifted: Mapping[str, bool] = field(default_factory=dict)


def job_key(job: JobXml) -> str:
    """What a job is known by: GitHub's number, or the path of one that is no repository's."""
    return job.path.lower() if job.id is None else str(job.id)


def item_key(item: Item) -> str:
    number = item.line.id if item.line else None
    return item.key if number is None else str(number)
