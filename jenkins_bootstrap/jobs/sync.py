"""What has to be done in Jenkins so that it has a job for every repository: a pure comparison.

A job is its GitHub id. What Jenkins has is known from the machine lines of one listing, what it should have from the
rendered definitions. Only jobs with a machine line of this installation are ever touched, and nothing is removed by a
listing that is not whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from jenkins_bootstrap.jobs import steps
from jenkins_bootstrap.jobs.comparison import Inputs, SyncPlan, item_key, job_key
from jenkins_bootstrap.jobs.moves import Mover, Ordering, is_aside
from jenkins_bootstrap.jobs.present import Item, is_ours
from jenkins_bootstrap.jobs.removals import removals, too_many
from jenkins_bootstrap.jobs.steps import CreateJob, JobStep
from jenkins_bootstrap.jobs.xml import JobXml
from jenkins_bootstrap.plan import Step

SCANS_A_CALL = 1000


def plan_sync(inputs: Inputs) -> SyncPlan:
    """The plan. Planned again for what it leads to, it is empty but for removals whose day comes later."""
    return _Planner(inputs).plan()


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
    """Where each of our jobs is after the renames, by where it was."""
    unchanged: int = 0
    as_they_are: list[str] = field(default_factory=list)

    def plan(self) -> SyncPlan:
        self.warnings += self.inputs.left_out.values()
        self._take_stock()
        self._folders()
        self._match()
        before_moves = len(self.out)
        self._move()
        self._update(before_moves)
        self._create()
        going = removals(self.inputs, self.items, self.wanted.keys(), self._path)
        self.warnings += going.warnings
        ours = sum(is_ours(item, self.inputs.settings.project) for item in self.items)
        held = too_many(self.inputs, going, ours + sum(isinstance(step, CreateJob) for step in self.out))
        if not held:
            self.out += going.steps
        return SyncPlan(
            steps=(*self.out, *self._scan_steps()),
            warnings=tuple(self.warnings),
            held_back=going.steps if held else (),
            left_alone=tuple(sorted(i.path for i in self.items if self._foreign(i))),
            pending=going.pending,
            unchanged=self.unchanged,
            ours=ours,
            lately=len(set(self.inputs.removed_lately) - {step.of for step in going.steps}),
            sure=self.inputs.sure,
            as_they_are=tuple(self.as_they_are),
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
                self.now[item.path] = ordering.put_aside(item.path, other, self._mark(item), reason)
        ordering.arrange(list(movers.values()))
        self.now |= {self.current[m.of].path: m.path for m in movers.values()}
        self.out += ordering.out

    def _path(self, item: Item) -> str:
        return self.now.get(item.path, item.path)

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

    def _update(self, before_moves: int) -> None:
        ahead: list[JobStep] = []
        for key, item in self.current.items():
            job, line = self.wanted[key], item.line
            assert line is not None
            path = self._path(item)
            moved, back = path != item.path, line.gone is not None
            differs = back or job.hash != line.hash
            if job.problem is not None and not (moved or back or job.keep_only):
                self.warnings.append(f"{path} is left as it is: {job.problem}")
                self.as_they_are.append(path)
            elif differs and job.problem is not None:
                # Left as it is it would build whatever has its old name now, stay enabled, or be deleted unannounced.
                # Ahead of the move: a run that is ended in between is followed by one that does it again.
                self.warnings.append(f"{path} is updated without what its repository asks for: {job.problem}")
                step = steps.update_job(item.path, key, job.xml, _reason(job, back, False), False)
                (ahead if moved else self.out).append(step)
            elif differs or key in self.inputs.drifted:
                # Without a hash of what is scanned the line is an older one, or the job was disabled meanwhile.
                rebuilt = job.structural != line.scan if differs else self.inputs.drifted[key]
                structural = bool(job.structural) and not job.disabled and rebuilt
                reason = _reason(job, back, structural) if differs else "somebody has changed it in Jenkins"
                self.out.append(steps.update_job(path, key, job.xml, reason, structural))
                if structural:
                    self.scans[path] = job
            elif not moved:
                self.unchanged += 1
            if key in self.inputs.unscanned and not job.disabled and job.structural:
                self.scans[path] = job
        self.out[before_moves:before_moves] = ahead

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
