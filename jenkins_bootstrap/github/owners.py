"""The repositories of several owners: what goes wrong with one of them takes nothing from the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import ListedOwners, Repository
from jenkins_bootstrap.github.auth import auth_for
from jenkins_bootstrap.github.client import Notify
from jenkins_bootstrap.github.listing import list_repositories

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Owner


def list_all(
    owners: Sequence[Owner],
    values: Mapping[str, str],
    *,
    api_url: str,
    held_in: str = "jenkins",
    script_path: str = "Jenkinsfile",
    override_file: str | None = None,
    state: Path | None = None,
    progress: Notify | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> ListedOwners:
    """List each owner, one after the other, as GitHub asks its clients to.

    Args:
        owners: entries of `github.owners`.
        values: the key-value secret, for the sign-ins.
        api_url: the REST root.
        held_in: the name of that secret, for messages.
        script_path, override_file: paths that are looked at on each default branch, as `list_repositories` has them.
        state: folder for pages of an unfinished listing.
        progress: told in words.
        sleep, clock: injected for tests; seconds, seconds since the epoch.

    Raises:
        Nothing that one owner's listing raises: it is among the result's `problems`.
    """
    listed: list[Repository] = []
    whole: set[str] = set()
    problems: list[BootstrapError] = []
    for owner in owners:
        try:
            listed += list_repositories(
                owner.name,
                api_url=api_url,
                auth=auth_for(owner, values, held_in=held_in, clock=clock),
                sleep=sleep,
                clock=clock,
                progress=progress,
                script_path=script_path,
                override_file=override_file,
                state=state,
            )
        except BootstrapError as error:
            error.where = error.where if owner.name in error.where else f"owner {owner.name}: {error.where}"
            problems.append(error)
        else:
            whole.add(owner.name.lower())
    return ListedOwners(tuple(listed), frozenset(whole), tuple(problems))
