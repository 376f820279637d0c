"""Which names a job can have: GitHub's, as far as Jenkins takes them and tells them apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from jenkins_bootstrap.errors import BootstrapError, raise_all
from jenkins_bootstrap.facts import Repository

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


def select_unique(repositories: Iterable[Repository]) -> list[Repository]:
    """The repositories in the order of their owner and name, each id once (the last one listed: a rename in between).

    An owner that is spelled in two ways gets the first spelling, as it is one folder in Jenkins. Raises BootstrapError,
    for all of them at once, when there are `impossible` ones.
    """
    by_id = _by_id(repositories)
    raise_all(list(_impossible(by_id).values()))
    return sorted(by_id.values(), key=lambda r: (r.owner.lower(), r.owner, r.name.lower(), r.name))


def impossible(repositories: Iterable[Repository]) -> dict[int, BootstrapError]:
    """Those that can have no job, by id, and why: a name is none that GitHub gives or that Jenkins takes, or differs
    from another one of the same owner only in case, as Jenkins does not tell such jobs apart."""
    return _impossible(_by_id(repositories))


def _by_id(repositories: Iterable[Repository]) -> dict[int, Repository]:
    spelling: dict[str, str] = {}
    found: dict[int, Repository] = {}
    for repository in repositories:
        owner = spelling.setdefault(repository.owner.lower(), repository.owner)
        found[repository.id] = repository if owner == repository.owner else replace(repository, owner=owner)
    return found


def _impossible(by_id: Mapping[int, Repository]) -> dict[int, BootstrapError]:
    errors: dict[int, BootstrapError] = {}
    seen: dict[str, Repository] = {}
    for repository in by_id.values():
        problem = _problem(repository)
        if problem is not None:
            errors[repository.id] = problem
            continue
        first = seen.setdefault(repository.full_name.lower(), repository)
        if first is not repository:
            errors[repository.id] = BootstrapError(
                f"is, but for case, the name of {first.full_name!r} (ids {repository.id} and {first.id}); "
                "Jenkins does not tell the two jobs apart",
                where=f"repository {repository.full_name!r}",
                hint="list the organisation again, or leave one of them out by its name in filter.exclude",
            )
    return errors


def _problem(repository: Repository) -> BootstrapError | None:
    where = f"repository {repository.full_name!r}"
    name, owner = repository.name, repository.owner
    for text in (name, owner):
        if not _NAME.fullmatch(text) or text in (".", ".."):
            return BootstrapError(
                f"{text!r} is no name that GitHub gives", where=where, hint="correct the list of repositories"
            )
    if name.endswith("."):
        return BootstrapError(
            "Jenkins takes no job whose name ends with a dot", where=where, hint="leave it out in filter.exclude"
        )
    if repository.id < 1:
        return BootstrapError(
            f"{repository.id} is no id that GitHub gives", where=where, hint="correct the list of repositories"
        )
    return None
