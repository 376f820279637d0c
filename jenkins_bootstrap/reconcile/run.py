"""The one way in which jobs are brought in step: by `jobs sync`, by a webhook, by the timer; `plan` only shows it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import ListedOwners
from jenkins_bootstrap.jobs import steps
from jenkins_bootstrap.jobs.comparison import Inputs, item_key
from jenkins_bootstrap.jobs.names import impossible
from jenkins_bootstrap.jobs.plugins import check_plugins, needed
from jenkins_bootstrap.jobs.present import Present, is_ours, read_present
from jenkins_bootstrap.jobs.select import chosen
from jenkins_bootstrap.jobs.xml import render_all
from jenkins_bootstrap.reconcile.execute import Done, execute
from jenkins_bootstrap.reconcile.look import Deep, Drift, drift
from jenkins_bootstrap.reconcile.measure import Calls, Timed
from jenkins_bootstrap.reconcile.outcome import Outcome, held_back_error
from jenkins_bootstrap.reconcile.ports import Jobs, Only, Source
from jenkins_bootstrap.reconcile.prepared import Prepared, WhyOut
from jenkins_bootstrap.reconcile.state import State

Tell = Callable[[str], None]
LOOKS = 8
"""How often a run looks at Jenkins again after it was refused what somebody else had done meanwhile."""


@dataclass(slots=True)
class Reconciler:
    """One run's surroundings.

    `state` is the folder of this machine's memory (jobs.lock, reconciled.json, pending-scans.json, shapes); `jenkins`
    names the Jenkins that `jobs` speaks to; `tell` hears what is done, `note` what people must know.
    """

    settings: Settings
    source: Source
    jobs: Jobs
    state: Path
    jenkins: str = ""
    calls: Calls | None = None
    tell: Tell = lambda _line: None
    note: Tell = lambda _line: None
    today: Callable[[], date] = lambda: datetime.now(UTC).date()
    sleep: Callable[[float], None] = time.sleep
    locked: Collection[str] | None = None
    """The plugins that Jenkins has by its lock; a definition that needs another one is an error. None: not known."""
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def _memory(self) -> State:
        return State(self.state, self.jenkins)

    def plan(
        self, only: Only | None = None, *, allow_mass_change: bool = False, deep: Deep | None = None
    ) -> tuple[Outcome, Prepared]:
        """What a run would do. Changes nothing, takes no lock."""
        prepared, found = self._looked_at(only, allow_mass_change, deep)
        return self._outcome(prepared, found, planned_only=True), prepared

    def run(self, only: Only | None = None, *, allow_mass_change: bool = False, deep: Deep | None = None) -> Outcome:
        """Bring the jobs in step, of all repositories or of one; with `deep` also those that somebody has changed.

        What one owner, one repository or one job has against it is among the outcome's errors, and the rest is done.

        Raises:
            Busy: another run is at it.
            BootstrapError: nothing could be done: GitHub or Jenkins cannot be asked, or a template is wrong.
        """
        started = datetime.now(UTC)
        state = self._memory
        with state.locked(self.note, sleep=self.sleep):
            prepared, found = self._looked_at(only, allow_mass_change, deep)
            if allow_mass_change:
                state.forget_removed()
            with self._timed("jenkins"):
                done = self._carry_out(prepared, started)
            outcome = self._outcome(prepared, found, planned_only=False)
            outcome = replace(
                outcome,
                done=tuple(done.steps),
                skipped=tuple(done.skipped),
                errors=(*outcome.errors, *done.errors),
                calls=self._count(),
            )
            if not outcome.failed and prepared.listing.only is None:
                state.in_step(self.settings.jobs.folder, started)
        return outcome

    def _carry_out(self, prepared: Prepared, started: datetime) -> Done:
        """Do what is planned. Where Jenkins is no more as it was listed, as another run is at it, it is listed anew."""
        done, state = Done(), self._memory
        before = state.owed()
        owed = set() if prepared.listing.only is None else set(before)
        for look in range(LOOKS + 1):
            plan = prepared.plan
            scans = {key for step in plan.steps if isinstance(step, steps.ScanJobs) for key in step.keys}
            owed |= scans
            marks = {step.of for step in plan.steps if isinstance(step, steps.MarkGone)}
            if marks and not prepared.inputs.mass_change:
                state.removing(marks, started)
            if scans or before != owed:
                # Before the first write: a run that is ended in between is followed by one that knows.
                state.owe(owed)
            done.go_on(
                execute(
                    plan.steps,
                    self.jobs,
                    project=self.settings.project,
                    calls_per_hour=self.settings.jobs.sync.scan_calls_per_hour,
                    look_first=prepared.listing.only is None,
                    tell=self.tell,
                )
            )
            asked = {key for step in done.steps if isinstance(step, steps.ScanJobs) for key in step.keys}
            if asked:
                owed -= asked
                state.owe(owed)
            before = frozenset(owed)
            if not done.may_be_stale or look == LOOKS:
                break
            again = self._again(prepared, done)
            if again is None or not done.is_news(again.plan):
                break
            prepared = again
            # Not in step with the one that is met again and again.
            self.sleep(random.uniform(0, 0.1 * look))  # noqa: S311 - no secret
        return done

    def _again(self, prepared: Prepared, done: Done) -> Prepared | None:
        """The plan from what Jenkins has now, for the same definitions; None when it cannot be listed."""
        inputs = prepared.inputs
        before = inputs.before
        try:
            present = read_present(inputs.present.folder, self.jobs.present(inputs.present.folder))
            if before is not None:
                before = read_present(before.folder, self.jobs.present(before.folder))
        except BootstrapError:
            return None  # what was refused is told all the same
        updated = {step.of for step in done.steps if isinstance(step, steps.UpdateJob)}
        return Prepared.of(
            replace(
                inputs,
                present=present,
                before=before,
                unscanned=self._memory.owed(),
                removed_lately=self._removed_lately(present),
                drifted={key: scan for key, scan in inputs.drifted.items() if key not in updated},
            ),
            prepared.told,
        )

    def _looked_at(
        self, only: Only | None, allow_mass_change: bool, deep: Deep | None
    ) -> tuple[Prepared, Drift | None]:
        """The plan; with `deep` it also has what somebody has changed."""
        prepared = self._prepare(only, allow_mass_change)
        if deep is None:
            return prepared, None
        with self._timed("deep"):
            found = drift(prepared, self.jobs, sample=deep.sample, seed=deep.seed, tell=self.tell)
        if found.found:
            drifted = {d.key: d.structural for d in found.found}
            prepared = Prepared.of(replace(prepared.inputs, drifted=drifted), prepared.told)
        return prepared, found

    def _prepare(self, only: Only | None, allow_mass_change: bool) -> Prepared:
        folder = self.settings.jobs.folder
        last = self._memory.last()
        moved = last is not None and last.folder != folder
        if only is not None and moved:
            self.note("jobs.folder has changed: all jobs are brought in step, not one")
            only = None
        with self._timed("github"):
            found = self.source.list_all() if only is None else self._one(only)
        with self._timed("definitions"):
            wanted = chosen(self.settings, found.repositories)
            left_out = impossible(wanted)
            rendered = render_all(
                self.settings, [r for r in wanted if r.id not in left_out], cache=self.state / "shapes"
            )
            needs = needed(rendered)
            if self.locked is not None:
                check_plugins(needs.plugins, self.locked)
        with self._timed("listing"):
            present = read_present(folder, self.jobs.present(folder))
            before = read_present(last.folder, self.jobs.present(last.folder)) if last is not None and moved else None
        with self._timed("plan"):
            ids = None if only is None else self._ids(only, found, present)
            return Prepared.of(
                Inputs(
                    settings=self.settings,
                    rendered=rendered,
                    listed=found,
                    present=present,
                    today=self.today(),
                    only=ids,
                    why_out=WhyOut(self.settings, found.repositories),
                    left_out={number: f"{e.where}: {e.what}" for number, e in left_out.items()},
                    unscanned=self._memory.owed(),
                    before=before,
                    mass_change=allow_mass_change,
                    removed_lately=self._removed_lately(present),
                    sure=only is None or only.may_be_gone or bool(found.repositories),
                ),
                needs.warnings if self.locked is not None else (),
            )

    def _one(self, only: Only) -> ListedOwners:
        found = self.source.read(only)
        return ListedOwners((found,) if found is not None else (), frozenset())

    def _removed_lately(self, present: Present) -> frozenset[str]:
        """The jobs that were marked as gone within the last day and are not back."""
        removed = self._memory.removed(datetime.now(UTC))
        return removed and removed - {item_key(i) for i in present.items if i.line is not None and i.line.gone is None}

    def _ids(self, only: Only, found: ListedOwners, present: Present) -> frozenset[int]:
        """The GitHub ids that the run is about. One that is gone is known by the job that has its name."""
        ids = {r.id for r in found.repositories}
        if only.id is not None:
            ids.add(only.id)
        if not ids:
            path = f"{present.folder}/{only.owner}/{only.name}".lower()
            project = self.settings.project
            ids |= {i.line.id for i in present.items if i.key == path and is_ours(i, project) and i.line and i.line.id}
        if not ids:
            raise BootstrapError(
                f"GitHub has no {only}, or this sign-in may not see it, and no job of ours is called so",
                where="--repo",
                hint="check the spelling: owner/name",
            )
        return frozenset(ids)

    def _outcome(self, prepared: Prepared, found: Drift | None, *, planned_only: bool) -> Outcome:
        plan = prepared.plan
        errors, warnings = list(prepared.listing.owners.problems), list(prepared.warnings)
        if plan.held_back:
            held = held_back_error(plan, self.settings.jobs.sync.most_removed_percent)
            if planned_only:
                warnings.append(held.what)
            else:
                errors.append(held)
        return Outcome(
            plan=plan,
            planned_only=planned_only,
            repositories=len(prepared.listing.owners.repositories),
            errors=tuple(errors),
            warnings=tuple(warnings),
            drift=found,
            calls=self._count(),
            seconds=dict(self.seconds),
        )

    def _count(self) -> int | None:
        return None if self.calls is None else self.calls.count

    def _timed(self, name: str) -> Timed:
        return Timed(self.seconds, name)


def reconcile(
    settings: Settings,
    source: Source,
    jobs: Jobs,
    *,
    state: Path,
    jenkins: str = "",
    only: Only | None = None,
    allow_mass_change: bool = False,
    plan_only: bool = False,
    locked: Collection[str] | None = None,
    tell: Tell = lambda _line: None,
    today: Callable[[], date] = lambda: datetime.now(UTC).date(),
) -> Outcome:
    """One run in one call; see `Reconciler`."""
    made = Reconciler(settings, source, jobs, state, jenkins=jenkins, locked=locked, tell=tell, note=tell, today=today)
    if plan_only:
        return made.plan(only, allow_mass_change=allow_mass_change)[0]
    return made.run(only, allow_mass_change=allow_mass_change)
