"""What GitHub could not deliver to this receiver: asked of the webhooks of organisations, of repositories, of the App.
Which of it is sent again decides catchup.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from jenkins_bootstrap.errors import BootstrapError, raise_all
from jenkins_bootstrap.facts import Delivery
from jenkins_bootstrap.receiver.ports import Missed
from jenkins_bootstrap.receiver.telling import Say, line, words_of

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Owner, Settings
    from jenkins_bootstrap.github.hooks import HooksApi

T = TypeVar("T")
MOST_DELIVERIES = 1000
"""The newest of one webhook: ten calls. What failed before them is found by the full reconciliation."""
MOST_REPOSITORIES = 100
"""Where each repository has a webhook of its own those of an owner that changed last are asked: two calls each."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks about the time from `since` on. `values` is the key-value secret, `api_url` GitHub's REST root."""

    settings: Settings
    values: Mapping[str, str] = field(repr=False)
    api_url: str
    since: datetime
    say: Say

    def find(self) -> list[Missed]:
        """What was missed, of every webhook to the receiver that can be asked.

        Raises what some of them could not be asked for only when none could.
        """
        failed: list[BootstrapError] = []
        signed_in = [self._tried(partial(self._scopes, owner), failed) for owner in self.settings.github.owners]
        signed_in.append(self._tried(self._app, failed))
        scopes = [scope for each in signed_in if each is not None for scope in each]
        answers = [self._tried(partial(self._of_scope, api, scope), failed) for api, scope in scopes]
        if all(answer is None for answer in answers):
            raise_all(failed)
        return [one for answer in answers if answer is not None for one in answer]

    def _tried(self, ask: Callable[[], list[T]], failed: list[BootstrapError]) -> list[T] | None:
        """The answer; None when there is none, which is told and takes nothing from the others."""
        try:
            return ask()
        except BootstrapError as error:
            failed.append(error)
            self.say(line("catch-up", outcome="not asked", error=words_of(error)))
            return None

    def _scopes(self, owner: Owner) -> list[tuple[HooksApi, str]]:
        """An owner's webhooks: the organisation's, or those of the repositories that changed."""
        api = self._api(owner)
        login, kind = api.owner(owner.name)
        if kind == "Organization" and not self.settings.github.hooks.per_repository:
            return [(api, login)]
        return [(api, name) for name in api.changed_repositories(login, self.since, MOST_REPOSITORIES)]

    def _app(self) -> list[tuple[HooksApi, str]]:
        """The App's own webhook, which is the same for all owners."""
        from jenkins_bootstrap.github.hooks import APP

        apps = [owner for owner in self.settings.github.owners if owner.sign_in == "app"]
        return [(self._api(owner), APP) for owner in apps[:1]]

    def _api(self, owner: Owner) -> HooksApi:
        from jenkins_bootstrap.github.auth import auth_for
        from jenkins_bootstrap.github.client import Client
        from jenkins_bootstrap.github.hooks import HooksApi

        auth = auth_for(owner, self.values, held_in=self.settings.secrets.settings)
        return HooksApi(Client(self.api_url, auth))

    def _of_scope(self, api: HooksApi, scope: str) -> list[Missed]:
        from jenkins_bootstrap.github.hooks import APP
        from jenkins_bootstrap.hooks.wanted import same_address, wanted_hooks

        url = next(hook.url for hook in wanted_hooks(self.settings) if hook.kind == "receiver")
        found: list[Missed] = []
        for hook in api.hooks(scope):
            if same_address(hook.url, url):
                sent = api.deliveries(scope, hook.id, most=MOST_DELIVERIES, since=self.since)
                known_as = None if scope == APP else str(hook.id)
                for one in never_arrived(sent):
                    again = partial(api.redeliver, scope, hook.id, one.id)
                    found.append(Missed(known_as, one.guid, one.event, again))
        return found


def never_arrived(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Of each event none of whose attempts arrived the newest attempt, the oldest event first."""
    arrived = {one.guid for one in deliveries if one.arrived}
    newest: dict[str, Delivery] = {}
    for one in deliveries:  # the newest first
        if one.guid not in arrived:
            newest.setdefault(one.guid, one)
    return list(reversed(newest.values()))
