"""What has to be done in Jenkins so that it has a job for every repository: a pure comparison.

A job is its GitHub id. What Jenkins has is known from the machine lines of one listing, what it should have from the
rendered definitions. Only jobs with a machine line of this installation are ever touched, and nothing is removed by a
listing that is not whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.facts import ListedOwners
from jenkins_bootstrap.jobs import steps
from jenkins_bootstrap.jobs.moves import Mover, Ordering, is_aside
from jenkins_bootstrap.jobs.present import Item, Present, is_ours
from jenkins_bootstrap.jobs.steps import CreateJob, DeleteJob, JobStep, MarkGone
from jenkins_bootstrap.jobs.xml import JobXml, Rendered
from jenkins_bootstrap.plan import Step

SCANS_A_CALL = 1000


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
    """

    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()
    held_back: tuple[JobStep, ...] = ()
    left_alone: tuple[str, ...] = ()
    pending: tuple[Removal, ...] = ()
    unchanged: int = 0
    ours: int = 0

    def __bool__(self) -> bool:
        return bool(self.steps)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a plan is made from.

    `only`: the GitHub ids that this run is about, None for everything. `why_out` says for an id why it has no job;
    `left_out` has those that cannot have one, though they should: their jobs stay as they are.
    `unscanned`: jobs (`of` of their steps) whose scan an earlier run still owes. `before`: where our jobs were until
    jobs.folder was changed. `mass_change`: remove however many there are.
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


def plan_sync(inputs: Inputs) -> SyncPlan:
    """The plan. Planned again for what it leads to, it is empty but for removals whose day comes later."""
    return _Planner(inputs).plan()


def job_key(job: JobXml) -> str:
    """What a job is known by: GitHub's number, or the path of one that is no repository's."""
    return job.path.lower() if job.id is None else str(job.id)


def item_key(item: Item) -> str:
    number = item.line.id if item.line else None
    return item.key if number is None else str(number)


@dataclass(slots=True)
class _Planner:
    inputs: Inputs
    out: list[JobStep] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    scans: dict[str, JobXml] = field(default_factory=dict)
    """By the path that the job will have."""
    items: tuple[Item, ...] = ()
    at: dict[str, Item] = field(default_factory=dict)
    """What is there, by its path in lower case."""
    places: dict[str, str | None] = field(default_factory=dict)
    """Each wanted folder as Jenkins spells it; None where something else bears its name."""
    wanted: dict[str, JobXml] = field(default_factory=dict)
    targets: dict[str, str | None] = field(default_factory=dict)
    """The path of each wanted job, in the same spelling."""
    current: dict[str, Item] = field(default_factory=dict)
    """The item that is the wanted job."""
    now: dict[str, str] = field(default_factory=dict)
    """Where each of our jobs is after the renames, by where it was in lower case."""
    unchanged: int = 0

    def plan(self) -> SyncPlan:
        self.warnings += self.inputs.left_out.values()
        self._take_stock()
        self._folders()
        self._match()
        self._move()
        self._update()
        self._create()
        removals, pending = self._removals()
        held = self._too_many(removals)
        if not held:
            self.out += removals
        return SyncPlan(
            steps=(*self.out, *self._scan_steps()),
            warnings=tuple(self.warnings),
            held_back=tuple(removals) if held else (),
            left_alone=tuple(sorted(i.path for i in self.items if self._foreign(i))),
            pending=tuple(pending),
            unchanged=self.unchanged,
            ours=sum(is_ours(i, self.inputs.settings.project) for i in self.items),
        )

    def _foreign(self, item: Item) -> bool:
        return not item.is_folder and not is_ours(item, self.inputs.settings.project)

    def _take_stock(self) -> None:
        """What is there; a top folder that has only changed its name is renamed, so that all its jobs stay."""
        present, before = self.inputs.present, self.inputs.before
        if before:
            line = before.top.line if before.top else None
            ours = line is not None and line.owner == self.inputs.settings.project
            if not present and ours and self.inputs.only is None:
                self.out.append(
                    steps.rename_job(before.folder, before.folder, present.folder, "jobs.folder has changed")
                )
                present, before = before.moved_to(present.folder), None
        mine = () if not before else before.ours(self.inputs.settings.project)
        self.items = (*present.items, *mine)
        self.at = {item.key: item for item in self.items}

    def _folders(self) -> None:
        needed = None if self.inputs.only is None else self._above_what_is_asked_for()
        for folder in self.inputs.rendered.folders:
            if needed is not None and folder.path.lower() not in needed:
                continue
            above = steps.parent(folder.path)
            place = self.places.get(above.lower(), above) if above else ""
            self.places[folder.path.lower()] = self._folder(folder.path, place, folder.xml)

    def _above_what_is_asked_for(self) -> set[str]:
        paths = {steps.parent(j.path).lower() for j in self._asked_for()}
        return paths | {steps.parent(p) for p in paths}

    def _folder(self, path: str, above: str | None, xml: bytes) -> str | None:
        if above is None:
            return None
        path = f"{above}/{steps.name(path)}" if above else path
        there = self.at.get(path.lower())
        if there is None:
            self.out.append(steps.create_folder(path, xml))
            return path
        if not there.is_folder:
            self.warnings.append(f"{there.path} is in the way: a folder has to be there; its jobs are left out")
            return None
        return there.path

    def _asked_for(self) -> Iterator[JobXml]:
        only = self.inputs.only
        return (j for j in self.inputs.rendered.jobs if only is None or (j.id is not None and j.id in only))

    def _match(self) -> None:
        """Which item is which wanted job. Of several with one id it is the one in its place, else the first."""
        by_key: dict[str, list[Item]] = {}
        for item in self.items:
            if is_ours(item, self.inputs.settings.project):
                by_key.setdefault(item_key(item), []).append(item)
        for job in self._asked_for():
            key = job_key(job)
            above = steps.parent(job.path)
            place = self.places.get(above.lower(), above)
            target = None if place is None else f"{place}/{job.name}"
            self.wanted[key], self.targets[key] = job, target
            same = by_key.get(key, [])
            if same:
                self.current[key] = min(same, key=lambda i: _likely(i, target))
            for double in [i for i in same if i is not self.current[key]]:
                self.warnings.append(f"{double.path} has the id of {self.current[key].path} too: left alone")

    def _move(self) -> None:
        ordering = Ordering(taken=set(self.at))
        movers = {m.of: m for m in self._movers()}
        stays = self._staying(movers)
        for key in self._blocked(movers, stays):
            movers.pop(key, None)
            self.targets[key] = self.current[key].path if key in self.current else None
        for key, target in self.targets.items():
            item = None if target is None else stays.get(target.lower())
            if item is not None and self.current.get(key) is not item and is_ours(item, self.inputs.settings.project):
                other = item_key(item)
                reason = f"its name is that of another repository now (id {key})"
                self.now[item.key] = ordering.put_aside(item.path, other, self._mark(item), reason)
        ordering.arrange(list(movers.values()))
        self.now |= {self.current[m.of].key: m.path for m in movers.values()}
        self.out += ordering.out

    def _path(self, item: Item) -> str:
        return self.now.get(item.key, item.path)

    @staticmethod
    def _mark(item: Item) -> str:
        return str(item.line.id) if item.line and item.line.id is not None else "job"

    def _movers(self) -> Iterator[Mover]:
        for key, item in self.current.items():
            target = self.targets[key]
            if target is not None and target != item.path:
                where = "owner" if steps.parent(item.path) != steps.parent(target) else "name"
                yield Mover(item.path, target, key, self._mark(item), f"the repository has another {where}")

    def _staying(self, movers: dict[str, Mover]) -> dict[str, Item]:
        leaving = {m.path.lower() for m in movers.values()}
        return {key: item for key, item in self.at.items() if key not in leaving}

    def _blocked(self, movers: dict[str, Mover], stays: dict[str, Item]) -> list[str]:
        """The wanted jobs whose place is taken by what is left alone, or by one of ours that cannot leave for that."""
        keep = {item.key for item in self.current.values()} | self._doubles()
        blocked: list[str] = []
        open_ = [key for key in self.targets if key not in self.current or key in movers]
        while True:
            found = []
            for key in open_:
                target = self.targets[key]
                there = None if target is None else stays.get(target.lower())
                if there is not None and (there.key in keep or not is_ours(there, self.inputs.settings.project)):
                    found.append(key)
                    self._tell_blocked(key, there)
            if not found:
                return blocked
            for key in found:
                open_.remove(key)
                blocked.append(key)
                mover = movers.get(key)
                if mover is not None:
                    stays[mover.path.lower()] = self.current[key]

    def _doubles(self) -> set[str]:
        mine = {item.key for item in self.current.values()}
        return {
            item.key
            for item in self.items
            if is_ours(item, self.inputs.settings.project) and item_key(item) in self.wanted and item.key not in mine
        }

    def _tell_blocked(self, key: str, there: Item) -> None:
        job = self.wanted[key]
        if key in self.current:
            self.warnings.append(f"{self.current[key].path} keeps its name: {there.path} is there, and left alone")
        elif not job.keep_only:
            self.warnings.append(f"{job.path} is not made: {there.path} is there, and left alone")

    def _update(self) -> None:
        for key, item in self.current.items():
            job, line = self.wanted[key], item.line
            assert line is not None
            path = self._path(item)
            if job.problem is not None:
                self.warnings.append(f"{path} is left as it is: {job.problem}")
            elif job.hash != line.hash or line.gone is not None:
                # Without a hash of what is scanned the line is an older one, or the job was disabled meanwhile.
                structural = bool(job.structural) and not job.disabled and job.structural != line.scan
                reason = _reason(job, line.gone is not None, structural)
                self.out.append(steps.update_job(path, key, job.xml, reason, structural))
                if structural:
                    self.scans[path] = job
                continue
            elif path == item.path:
                self.unchanged += 1
            if key in self.inputs.unscanned and not job.disabled and job.structural:
                self.scans[path] = job

    def _create(self) -> None:
        for key, job in self.wanted.items():
            target = self.targets[key]
            if key in self.current or job.keep_only or target is None:
                continue
            if job.problem is not None:
                self.warnings.append(f"{target} is made without what its repository asks for: {job.problem}")
            reason = "new repository" if job.id is not None else "new in the templates"
            self.out.append(steps.create_job(target, key, job.xml, reason))
            if job.structural and not job.disabled:
                self.scans[target] = job

    def _removals(self) -> tuple[list[JobStep], list[Removal]]:
        """Marks before deletions. Nothing when an owner was not listed: the repository may be there by now."""
        marks: list[JobStep] = []
        deletions: list[JobStep] = []
        pending: list[Removal] = []
        if self.inputs.only is None and not self._all_whole():
            return [], []
        wait = timedelta(days=self.inputs.settings.jobs.sync.delete_after_days)
        for item in self._unwanted():
            key = item_key(item)
            path = self._path(item)
            gone = item.line.gone if item.line else None
            if gone is None:
                marks.append(steps.mark_gone(path, key, self.inputs.today, self._why_gone(item)))
            elif gone + wait <= self.inputs.today:
                deletions.append(steps.delete_job(path, key, f"gone since {gone}"))
            else:
                pending.append(Removal(path, gone, gone + wait))
        return [*marks, *deletions], pending

    def _unwanted(self) -> Iterator[Item]:
        seen: set[str] = set()
        for item in sorted(self.items, key=self._path):  # the next run has them in the same order
            if not is_ours(item, self.inputs.settings.project):
                continue
            key, line = item_key(item), item.line
            assert line is not None
            asked = self.inputs.only is None or (line.id is not None and line.id in self.inputs.only)
            if not asked or key in self.wanted or line.id in self.inputs.left_out:
                continue
            if key in seen:
                self.warnings.append(f"{item.path} has the id of another job too: left alone")
                continue
            seen.add(key)
            yield item

    def _all_whole(self) -> bool:
        return all(self.inputs.listed.is_whole(o.name) for o in self.inputs.settings.github.owners)

    def _why_gone(self, item: Item) -> str:
        number = item.line.id if item.line else None
        if number is None:
            return "no template makes it any more"
        out = self.inputs.why_out(number)
        if out is not None:
            return f"out by the filter: {out}"
        owner = steps.name(item.parent)
        if all(o.name.lower() != owner.lower() for o in self.inputs.settings.github.owners):
            return f"{owner} is not in github.owners"
        return "the repository is not there any more"

    def _too_many(self, removals: list[JobStep]) -> bool:
        # With those that are about to be made: the next run, which counts them, must judge alike.
        ours = sum(is_ours(i, self.inputs.settings.project) for i in self.items)
        ours += sum(isinstance(step, CreateJob) for step in self.out)
        most = math.ceil(ours * self.inputs.settings.jobs.sync.most_removed_percent / 100)
        return len(removals) > most and not self.inputs.mass_change

    def _scan_steps(self) -> Iterator[Step]:
        """Those pushed to last come first, as somebody waits for them."""
        paths = sorted(self.scans, key=lambda p: self.scans[p].pushed_at or "", reverse=True)
        for start in range(0, len(paths), SCANS_A_CALL):
            batch = paths[start : start + SCANS_A_CALL]
            yield steps.scan_jobs(batch, [job_key(self.scans[p]) for p in batch], start // SCANS_A_CALL)


def _likely(item: Item, target: str | None) -> tuple[bool, bool, bool, str]:
    """Sorts those of one id by how likely they are the job, and not a copy of it: one on its way comes soon."""
    return (
        item.path != target,
        not is_aside(item.path),
        target is None or item.parent != steps.parent(target),
        item.path,
    )


def _reason(job: JobXml, was_gone: bool, structural: bool) -> str:
    if was_gone:
        return "the repository is back" if job.id is not None else "a template makes it again"
    if job.disabled:
        return "its definition has changed; it is disabled"
    return "its source has changed" if structural else "its definition has changed"


def counts(done: Iterable[Step], unchanged: int) -> dict[str, int]:
    """How many jobs were, or would be, what; the order is that in which people are told."""
    sorts = {
        "created": CreateJob,
        "renamed": steps.RenameJob,
        "moved": steps.MoveJob,
        "updated": steps.UpdateJob,
        "disabled": MarkGone,
        "deleted": DeleteJob,
        "folders": steps.CreateFolder,
    }
    done = list(done)
    found = {
        word: sum(isinstance(s, sort) and not getattr(s, "passing", False) for s in done)
        for word, sort in sorts.items()
    }
    found["scans"] = sum(len(s.paths) for s in done if isinstance(s, steps.ScanJobs))
    return found | {"unchanged": unchanged}
