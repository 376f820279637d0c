"""What a reconciliation came to, in values and in the words that people read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.jobs.comparison import SyncPlan
from jenkins_bootstrap.jobs.steps import UpdateJob, counts
from jenkins_bootstrap.plan import Step

if TYPE_CHECKING:
    from jenkins_bootstrap.reconcile.look import Drift


@dataclass(frozen=True, slots=True)
class Outcome:
    """`done` are the plan's steps that were carried out, none for a plan only. `errors` make the run a failed one;
    `calls` counts the requests to Jenkins, None where nobody counted."""

    plan: SyncPlan
    planned_only: bool
    repositories: int
    done: tuple[Step, ...] = ()
    skipped: tuple[Step, ...] = ()
    errors: tuple[BootstrapError, ...] = ()
    warnings: tuple[str, ...] = ()
    calls: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    drift: Drift | None = None
    """What somebody has changed in Jenkins, where that was looked for."""

    @property
    def failed(self) -> bool:
        return bool(self.errors)

    @property
    def counts(self) -> dict[str, int]:
        """Jobs by what was done with them, or would be."""
        return counts(self.plan.steps if self.planned_only else self.done, self.plan.unchanged)

    @property
    def changes(self) -> int:
        """How many steps were done, or would be."""
        return len(self.plan.steps if self.planned_only else self.done)

    def summary(self) -> list[str]:
        """A line or a few: what was done, and what waits."""
        found = self.counts
        words = [f"{count:,} {word}" for word, count in found.items() if count and word not in ("scans", "unchanged")]
        if found["unchanged"] or not words:
            words.append(f"{found['unchanged']:,} unchanged")
        line = ", ".join(words)
        if found["scans"]:
            line += f"; {found['scans']:,} scan{'s' if found['scans'] != 1 else ''} {self._asked()}"
        if self.calls is not None:
            line += f"; {self.calls:,} call{'s' if self.calls != 1 else ''}"
        lines = [f"would be: {line}" if self.planned_only else line]
        if self.plan.pending:
            soon = min(r.due for r in self.plan.pending)
            lines.append(f"{len(self.plan.pending):,} disabled as gone, the next is deleted on {soon}")
        if self.drift is not None:
            lines.append(
                f"drift: {len(self.drift.found):,} of {self.drift.looked:,} jobs differed from what they are made as"
            )
        if self.plan.as_they_are:
            lines.append(f"{len(self.plan.as_they_are):,} left as they are: what their repositories ask for is wrong")
        if self.plan.left_alone:
            lines.append(f"{len(self.plan.left_alone):,} jobs of others, left alone")
        if self.skipped:
            lines.append(f"{len(self.skipped):,} steps not done after an error: run the command again")
        return lines

    def _asked(self) -> str:
        return "to ask for" if self.planned_only else "asked for"

    def as_data(self) -> dict[str, Any]:
        """For --json."""
        return {
            "planned_only": self.planned_only,
            "repositories": self.repositories,
            "steps": [row(step) for step in (self.plan.steps if self.planned_only else self.done)],
            "counts": self.counts,
            "held_back": [row(step) for step in self.plan.held_back],
            "pending": [{"path": r.path, "gone": str(r.gone), "due": str(r.due)} for r in self.plan.pending],
            "left_alone": list(self.plan.left_alone),
            "as_they_are": list(self.plan.as_they_are),
            "not_done": [row(step) for step in self.skipped],
            "warnings": list(self.warnings),
            "errors": [str(error) for error in self.errors],
            "calls": self.calls,
            "seconds": {name: round(took, 3) for name, took in self.seconds.items()},
        }


def row(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {"does": step.words, "call": step.call, "reason": step.reason}
    if isinstance(step, UpdateJob):
        found["structural"] = step.structural
    return found


class HeldBack(BootstrapError):
    """Removals that were not done. A listing of everything, or a person, has to decide."""


def held_back_error(plan: SyncPlan, percent: int) -> HeldBack:
    """Why removals were not done."""
    if not plan.sure:
        return HeldBack(
            "GitHub does not find the repository, and nobody told that it is gone: the sign-in may see less now",
            where=plan.held_back[0].path,
            hint="jenkins-bootstrap jobs sync looks at everything, and disables the job if it is not too many at once",
        )
    shown = ", ".join(step.path for step in plan.held_back[:5])
    more = f" and {len(plan.held_back) - 5} more" if len(plan.held_back) > 5 else ""
    lately = f" after {plan.lately} in the last day" if plan.lately else ""
    return HeldBack(
        f"{len(plan.held_back)} of {plan.ours} jobs would be disabled or deleted at once ({shown}{more}){lately}, more "
        f"than {percent}%: they are left as they are",
        where="jobs.sync.most_removed_percent",
        hint="jenkins-bootstrap jobs plan --why; if that is right, jenkins-bootstrap jobs sync --allow-mass-change",
    )
