"""Renames and moves of jobs, put in an order in which no name is taken when it is needed. Pure.

Two that swap their names, and a change of case only, go through a name in between, `<name>._renaming-<id>`: Jenkins
looks names up without regard to case, but in folders that it has loaded from disk, which is not seen from outside. A
run that ends in between is no loss, as a job is known by its id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from jenkins_bootstrap.jobs import steps
from jenkins_bootstrap.jobs.steps import JobStep


@dataclass(slots=True)
class Mover:
    """A job on its way: where it is, where it has to be; `of` and `id` name it in steps and in names in between."""

    path: str
    target: str
    of: str
    id: str
    reason: str


@dataclass(slots=True)
class Ordering:
    """`taken` has the path, in lower case, of every item that is there; it follows each step that is put out."""

    taken: set[str]
    out: list[JobStep] = field(default_factory=list)

    def arrange(self, movers: list[Mover]) -> None:
        """Put out the steps that bring every mover to its target. Each target is free, or becomes so by the others."""
        waiting = {m.target.lower(): m for m in movers}
        open_: dict[str, Mover] = {m.of: m for m in movers}
        ready = deque(m for m in movers if m.target.lower() not in self.taken)
        while open_:
            while ready:
                mover = ready.popleft()
                freed = mover.path.lower()
                self._bring(mover)
                del open_[mover.of]
                follower = waiting.get(freed)
                if follower is not None and follower.of in open_ and freed not in self.taken:
                    ready.append(follower)
            if not open_:
                return
            # What is left waits for others that wait: in a circle, if only for itself.
            mover = self._in_a_circle(open_)
            freed = mover.path.lower()
            self._rename(mover, self._aside(mover), passing=True)
            ready.append(waiting[freed])

    def put_aside(self, path: str, of: str, id_: str, reason: str) -> str:
        """Rename a job that nobody asks for any more, and whose name is needed. Returns its new path."""
        mover = Mover(path, path, of, id_, reason)
        self._rename(mover, self._aside(mover), passing=False)
        return mover.path

    @staticmethod
    def _in_a_circle(movers: dict[str, Mover]) -> Mover:
        at = {m.path.lower(): m for m in movers.values()}
        mover = next(iter(movers.values()))
        seen: set[str] = set()
        while mover.of not in seen:
            seen.add(mover.of)
            mover = at[mover.target.lower()]
        return mover

    def _bring(self, mover: Mover) -> None:
        folder, wanted = steps.parent(mover.target), steps.name(mover.target)
        if steps.parent(mover.path) != folder:
            for name in self._names_on_the_way(mover, folder, wanted):
                if name != steps.name(mover.path):
                    self._rename(mover, name, passing=name != wanted)
            self._move(mover, folder)
        if steps.name(mover.path) != wanted:
            self._rename(mover, wanted, passing=False)

    def _names_on_the_way(self, mover: Mover, folder: str, wanted: str) -> Iterator[str]:
        """The name to bear when the folder changes: the old, the new, or one that nobody else has."""
        name, here = steps.name(mover.path), steps.parent(mover.path)
        if name != wanted and name.lower() == wanted.lower():
            yield self._aside(mover)
        elif f"{folder}/{name}".lower() not in self.taken:
            yield name
        elif f"{here}/{wanted}".lower() not in self.taken:
            yield wanted
        else:
            yield self._aside(mover)

    def _aside(self, mover: Mover) -> str:
        """A free name in between."""
        name, mark = steps.name(mover.path), f"._renaming-{mover.id}"
        above = steps.parent(mover.path)
        place = 1
        while f"{above}/{name}{mark}".lower() in self.taken:  # by a copy that somebody made
            place += 1
            mark = f"._renaming-{mover.id}-{place}"
        return name + mark

    def _rename(self, mover: Mover, new_name: str, *, passing: bool) -> None:
        self.out.append(steps.rename_job(mover.path, mover.of, new_name, mover.reason, passing))
        self._now_at(mover, f"{steps.parent(mover.path)}/{new_name}")

    def _move(self, mover: Mover, folder: str) -> None:
        self.out.append(steps.move_job(mover.path, mover.of, folder, mover.reason))
        self._now_at(mover, f"{folder}/{steps.name(mover.path)}")

    def _now_at(self, mover: Mover, path: str) -> None:
        self.taken.discard(mover.path.lower())
        self.taken.add(path.lower())
        mover.path = path


def is_aside(path: str) -> bool:
    """Whether a job has a name in between."""
    return "._renaming-" in steps.name(path)
