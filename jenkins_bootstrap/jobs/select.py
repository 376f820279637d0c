"""Which repositories get a job, of which template, and why: the one place where the filters are read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from jenkins_bootstrap.facts import Repository

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Definition, Owner, RepositoryFilter, Settings

REPOSITORY_TEMPLATE = "github-repository"
_ARCHIVED = "is archived"


@dataclass(frozen=True, slots=True)
class Reason:
    """Whether a repository is in, and every ground for it in words.

    `archived_only`: it is out because it is archived and for nothing else, so that a job it has stays, disabled.
    """

    in_: bool
    text: str
    archived_only: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The template of a repository's job, and why it is this one."""

    template: str
    text: str


def chosen(settings: Settings, repositories: Iterable[Repository]) -> list[Repository]:
    """The repositories whose jobs are wanted: those that pass their owner's filter, and those out only as archived.

    A repository of an owner that the settings do not have is out. Owners are told apart without regard to case.
    """
    filters = {owner.name.lower(): owner.filter for owner in settings.github.owners}
    found = []
    for repository in repositories:
        owner_filter = filters.get(repository.owner.lower())
        if owner_filter is not None:
            reason = why(repository, owner_filter)
            if reason.in_ or reason.archived_only:
                found.append(repository)
    return found


def explain(settings: Settings, repository: Repository) -> Reason:
    """Everything that decides about a repository's job: the filter, the template, its own override file."""
    from jenkins_bootstrap.jobs.overrides import NONE, OverrideProblem, read_override

    owner = owner_of(settings, repository.owner)
    if owner is None:
        return Reason(False, f"owner {repository.owner!r} is not in github.owners")
    reason = why(repository, owner.filter)
    if not reason.in_ and not reason.archived_only:
        return reason
    grounds = [f"{reason.text}, so that a job it has is disabled and a new one is not made"]
    grounds = grounds if reason.archived_only else [reason.text]
    if settings.jobs.definitions:
        grounds.append(definition_of(settings, repository).text)
    file = settings.jobs.override_file
    if file is not None and repository.override_problem is not None:
        grounds.append(f"{file} {repository.override_problem}: not taken")
    elif file is not None and repository.override is not None:
        override = read_override(repository.override, settings)
        if isinstance(override, OverrideProblem):
            grounds.append(f"{override}: not taken")
        elif override != NONE:
            grounds.append(f"{file} asks for: {override}")
    return Reason(reason.in_, "; ".join(grounds), reason.archived_only)


def definition_of(settings: Settings, repository: Repository) -> Chosen:
    """The first of jobs.definitions all of whose conditions hold; our own template when there is none."""
    for definition in settings.jobs.definitions:
        grounds = _grounds(definition, repository)
        if grounds:
            return Chosen(definition.template, f"template {definition.template!r} by {' and '.join(grounds)}")
    return _USUAL


_USUAL = Chosen(REPOSITORY_TEMPLATE, f"template {REPOSITORY_TEMPLATE!r}, as none of jobs.definitions matches")


def _grounds(definition: Definition, repository: Repository) -> list[str]:
    """Why a definition is a repository's; empty when it is not."""
    found = []
    if definition.names:
        glob = _match(repository.name, definition.names)
        if glob is None:
            return []
        found.append(f"name {glob!r}")
    if definition.topics:
        topic = _common(repository.topics, definition.topics)
        if topic is None:
            return []
        found.append(f"topic {topic!r}")
    return found


def owner_of(settings: Settings, name: str) -> Owner | None:
    """The owner of the settings with this name in any case."""
    return next((owner for owner in settings.github.owners if owner.name.lower() == name.lower()), None)


def is_archived_out(owner_filter: RepositoryFilter) -> bool:
    """Whether this filter leaves archived repositories out."""
    return not owner_filter.archived


def why(repository: Repository, owner_filter: RepositoryFilter) -> Reason:
    """Say whether `repository` passes `owner_filter`; out names everything that speaks against it, not only the first.

    Names, topics and languages are compared without regard to case, as GitHub does.
    """
    against = [*_against_name(repository, owner_filter), *_against_facts(repository, owner_filter)]
    if against:
        return Reason(False, "; ".join(against), archived_only=against == [_ARCHIVED])
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
        found.append(_ARCHIVED)
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
