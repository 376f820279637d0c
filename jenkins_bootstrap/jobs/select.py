"""Which repositories get a job, and why: the one place where the filters of the settings are read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from jenkins_bootstrap.facts import Repository

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import RepositoryFilter


@dataclass(frozen=True, slots=True)
class Reason:
    """Whether a repository is in, and every ground for it in words."""

    in_: bool
    text: str


def why(repository: Repository, owner_filter: RepositoryFilter) -> Reason:
    """Say whether `repository` passes `owner_filter`; out names everything that speaks against it, not only the first.

    Names, topics and languages are compared without regard to case, as GitHub does.
    """
    against = [*_against_name(repository, owner_filter), *_against_facts(repository, owner_filter)]
    if against:
        return Reason(False, "; ".join(against))
    glob = _match(repository.name, owner_filter.include)
    grounds = [f"name matches include {glob!r}"]
    if owner_filter.topics:
        grounds.append(f"topic {_common(repository.topics, owner_filter.topics)!r}")
    if owner_filter.languages:
        grounds.append(f"language {repository.language}")
    if owner_filter.has_jenkinsfile:
        grounds.append("has a Jenkinsfile")
    return Reason(True, "; ".join(grounds))


def select(repositories: Iterable[Repository], owner_filter: RepositoryFilter) -> list[Repository]:
    """The repositories that pass, in their order."""
    return [r for r in repositories if why(r, owner_filter).in_]


def _against_name(repository: Repository, f: RepositoryFilter) -> list[str]:
    found = []
    if _match(repository.name, f.include) is None:
        found.append(f"name matches no include ({_quoted(f.include)})")
    glob = _match(repository.name, f.exclude)
    if glob is not None:
        found.append(f"name matches exclude {glob!r}")
    return found


def _against_facts(repository: Repository, f: RepositoryFilter) -> list[str]:
    found = []
    if repository.archived and not f.archived:
        found.append("is archived")
    if repository.fork and not f.forks:
        found.append("is a fork")
    if f.visibility != "all" and repository.private != (f.visibility == "private"):
        found.append(f"is {'private' if repository.private else 'public'}, visibility {f.visibility} is asked for")
    if f.topics and _common(repository.topics, f.topics) is None:
        found.append(f"has none of the topics {_quoted(f.topics)}")
    excluded = _common(repository.topics, f.exclude_topics)
    if excluded is not None:
        found.append(f"has the excluded topic {excluded!r}")
    if f.languages and _common([repository.language or ""], f.languages) is None:
        found.append(f"language {repository.language or 'unknown'} is none of {_quoted(f.languages)}")
    if f.has_jenkinsfile and not repository.has_jenkinsfile:
        found.append("has no Jenkinsfile")
    return found


def _match(name: str, globs: Sequence[str]) -> str | None:
    """The first glob that `name` matches. GitHub's names are one whatever their case, so that globs are too."""
    lower = name.lower()
    return next((glob for glob in globs if fnmatchcase(lower, glob.lower())), None)


def _common(has: Sequence[str], asked: Sequence[str]) -> str | None:
    wanted = {word.lower() for word in asked}
    return next((word for word in has if word.lower() in wanted), None)


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(repr(word) for word in words) or "none given"
