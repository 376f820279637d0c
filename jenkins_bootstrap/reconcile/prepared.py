"""What a reconciliation was planned from: what GitHub said, the definitions, what Jenkins has. Values, and no calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.facts import ListedOwners, Repository
from jenkins_bootstrap.jobs.comparison import Inputs, SyncPlan
from jenkins_bootstrap.jobs.present import Present
from jenkins_bootstrap.jobs.select import why
from jenkins_bootstrap.jobs.sync import plan_sync
from jenkins_bootstrap.jobs.xml import Rendered


@dataclass(frozen=True, slots=True)
class Listing:
    """What GitHub said: the repositories, and the ids that the run is about, None for all."""

    owners: ListedOwners
    only: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and everything that it was made from. `told` are warnings that were known before."""

    inputs: Inputs
    plan: SyncPlan
    told: tuple[str, ...] = ()

    @classmethod
    def of(cls, inputs: Inputs, told: tuple[str, ...]) -> Prepared:
        return cls(inputs, plan_sync(inputs), told)

    @property
    def installation(self) -> str:
        return self.inputs.settings.project

    @property
    def listing(self) -> Listing:
        only = self.inputs.only
        return Listing(self.inputs.listed, None if only is None else frozenset(only))

    @property
    def rendered(self) -> Rendered:
        return self.inputs.rendered

    @property
    def present(self) -> Present:
        return self.inputs.present

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self.told, *self.rendered.warnings, *self.plan.warnings)


class WhyOut:
    """Says for a GitHub id why its repository has no job; reads the filter only for those it is asked about."""

    def __init__(self, settings: Settings, repositories: tuple[Repository, ...]) -> None:
        self._filters = {o.name.lower(): o.filter for o in settings.github.owners}
        self._repositories = repositories
        self._by_id: Mapping[int, Repository] | None = None

    def __call__(self, number: int) -> str | None:
        if self._by_id is None:
            self._by_id = {r.id: r for r in self._repositories}
        repository = self._by_id.get(number)
        if repository is None:
            return None
        owner = self._filters.get(repository.owner.lower())
        return f"is {repository.owner}'s now" if owner is None else why(repository, owner).text
