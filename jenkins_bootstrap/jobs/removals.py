"""Jobs whose repository is gone or out by the filter: marked and disabled first, deleted when their day has come."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from jenkins_bootstrap.jobs import steps
from jenkins_bootstrap.jobs.comparison import Inputs, Removal, item_key
from jenkins_bootstrap.jobs.present import Item, is_ours
from jenkins_bootstrap.jobs.steps import JobStep

FEW_A_DAY = 5
"""So many may go in a day in any case, so that a small organisation need not confirm its second deletion."""


@dataclass(slots=True)
class Removals:
    """Marks, then deletions; and the jobs that are marked and whose day has not come."""

    marks: list[JobStep] = field(default_factory=list)
    deletions: list[JobStep] = field(default_factory=list)
    waiting: list[Removal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def steps(self) -> tuple[JobStep, ...]:
        return (*self.marks, *self.deletions)

    @property
    def pending(self) -> tuple[Removal, ...]:
        return tuple(self.waiting)


def removals(
    inputs: Inputs, items: Iterable[Item], wanted: Collection[str], path_of: Callable[[Item], str]
) -> Removals:
    """What goes of our `items`, by now at `path_of` them, when only the `wanted` keys may stay.

    Nothing does when an owner was not listed: a repository that is missed may be there by now.
    """
    found = Removals()
    if inputs.only is None and not all(inputs.listed.is_whole(o.name) for o in inputs.settings.github.owners):
        return found
    wait = timedelta(days=inputs.settings.jobs.sync.delete_after_days)
    for item in _unwanted(inputs, sorted(items, key=path_of), wanted, found.warnings):
        key, path = item_key(item), path_of(item)
        gone = item.line.gone if item.line else None
        if gone is None:
            found.marks.append(steps.mark_gone(path, key, inputs.today, _why(inputs, item)))
        elif inputs.today - gone >= wait:
            found.deletions.append(steps.delete_job(path, key, f"gone since {gone}"))
        else:
            # A day that somebody wrote by hand may be the last that there is.
            due = gone + wait if gone <= date.max - wait else date.max
            found.waiting.append(Removal(path, gone, due))
    return found


def too_many(inputs: Inputs, going: Removals, ours: int) -> bool:
    """Whether this is more than may go of `ours`, the jobs there are and those about to be made: the next run, which
    finds those, must judge alike.

    The share is of one run and of a day: one repository after the other must not come to what one run may not do.
    """
    if inputs.mass_change or not going.steps:
        return False
    most = math.ceil(ours * inputs.settings.jobs.sync.most_removed_percent / 100)
    a_day = {*inputs.removed_lately, *(step.of for step in going.marks)}
    return not inputs.sure or len(going.steps) > most or len(a_day) > max(most, FEW_A_DAY)


def _unwanted(inputs: Inputs, items: Iterable[Item], wanted: Collection[str], warnings: list[str]) -> Iterator[Item]:
    """Ours that nobody wants; of several with one id the first, in an order that the next run has too."""
    seen: set[str] = set()
    for item in items:
        line = item.line
        if line is None or not is_ours(item, inputs.settings.project):
            continue
        key = item_key(item)
        asked = inputs.only is None or (line.id is not None and line.id in inputs.only)
        if not asked or key in wanted or line.id in inputs.left_out:
            continue
        if key in seen:
            warnings.append(f"{item.path} has the id of another job too: left alone")
            continue
        seen.add(key)
        yield item


def _why(inputs: Inputs, item: Item) -> str:
    number = item.line.id if item.line else None
    if number is None:
        return "no template makes it any more"
    out = inputs.why_out(number)
    if out is not None:
        return f"out by the filter: {out}"
    owner = steps.name(item.parent)
    if all(o.name.lower() != owner.lower() for o in inputs.settings.github.owners):
        return f"{owner} is not in github.owners"
    return "the repository is not there any more"
