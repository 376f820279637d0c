"""GitHub as a reconciliation asks it: every owner's listing, or one repository in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jenkins_bootstrap.config.models import Owner, Settings
from jenkins_bootstrap.facts import ListedOwners, Repository
from jenkins_bootstrap.reconcile.ports import Only

if TYPE_CHECKING:
    from jenkins_bootstrap.github.auth import Auth


@dataclass(slots=True)
class GitHubSource:
    """`values` is the key-value secret, `api_url` the REST root, `state` a folder for an unfinished listing."""

    settings: Settings
    values: Mapping[str, str] = field(repr=False)
    api_url: str
    state: Path | None = None
    tell: Callable[[str], None] = lambda _line: None
    _signed_in: dict[str, Auth] = field(default_factory=dict, init=False, repr=False)
    """By owner: an App's token is good for an hour, so that a webhook costs one call and not two."""

    def list_all(self) -> ListedOwners:
        from jenkins_bootstrap.github.owners import list_all

        return list_all(
            self.settings.github.owners,
            self.values,
            api_url=self.api_url,
            held_in=self.settings.secrets.settings,
            script_path=self.settings.jobs.script_path,
            override_file=self.settings.jobs.override_file,
            state=self.state,
            progress=self.tell,
        )

    def read(self, only: Only) -> Repository | None:
        from jenkins_bootstrap.github.client import Client
        from jenkins_bootstrap.github.single import read_repository

        auth = self._auth(self._signing(only))
        by_name = bool(only.name) and only.id is None
        with Client(self.api_url, auth, notify=self.tell) as client:
            return read_repository(
                client,
                owner=only.owner,
                name=only.name if by_name else "",
                node=only.node,
                number=0 if by_name or only.node else only.id or 0,
                script_path=self.settings.jobs.script_path,
                override_file=self.settings.jobs.override_file,
            )

    def _auth(self, owner: Owner) -> Auth:
        from jenkins_bootstrap.github.auth import auth_for

        if owner.name not in self._signed_in:
            self._signed_in[owner.name] = auth_for(owner, self.values, held_in=self.settings.secrets.settings)
        return self._signed_in[owner.name]

    def _signing(self, only: Only) -> Owner:
        """The owner whose sign-in is used: the repository's own, else the first, which sees what has become of it."""
        owners = self.settings.github.owners
        return next((o for o in owners if o.name.lower() == only.owner.lower()), owners[0])
