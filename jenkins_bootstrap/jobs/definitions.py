"""Settings and repositories to jenkins-job-builder data: what the templates in jobs/ are filled with.

Pure values; jenkins-job-builder itself is not needed here. A text that jenkins-job-builder would format, or YAML would
take for something else than a string, comes out as the string it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jenkins_bootstrap.config.models import Owner, Settings
from jenkins_bootstrap.errors import BootstrapError, raise_all
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.marker import clean_text
from jenkins_bootstrap.resources import share

REPOSITORY_TEMPLATE = "github-repository"
FOLDER_TEMPLATE = "github-folder"

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder above the jobs. `path` as Jenkins names it: `github`, `github/jenkinsci`."""

    path: str
    description: str


def templates(settings: Settings) -> list[Path]:
    """Folders of JJB YAML, ours first: in a folder of the user a template with the id of one of ours replaces it."""
    own = settings.jobs.templates
    return [share("jobs")] if own is None else [share("jobs"), own]


def select_unique(repositories: Iterable[Repository]) -> list[Repository]:
    """The repositories in the order of their owner and name, each id once (the last one listed: a rename in between).

    An owner that is spelled in two ways gets the first spelling, as it is one folder in Jenkins. Raises BootstrapError,
    for all of them at once, when a name is none that GitHub gives or that Jenkins takes, or when two repositories of
    one owner differ only in case, as Jenkins does not tell such jobs apart.
    """
    spelling: dict[str, str] = {}
    by_id: dict[int, Repository] = {}
    for repository in repositories:
        owner = spelling.setdefault(repository.owner.lower(), repository.owner)
        by_id[repository.id] = repository if owner == repository.owner else replace(repository, owner=owner)
    errors: list[BootstrapError] = []
    seen: dict[str, Repository] = {}
    for repository in by_id.values():
        problem = _problem(repository)
        if problem is not None:
            errors.append(problem)
            continue
        key = repository.full_name.lower()
        if key in seen:
            errors.append(
                BootstrapError(
                    f"is, but for case, the name of {seen[key].full_name!r} (ids {repository.id} and {seen[key].id}); "
                    "Jenkins does not tell the two jobs apart",
                    where=f"repository {repository.full_name!r}",
                    hint="list the organisation again, or leave one of them out by its name in filter.exclude",
                )
            )
        seen[key] = repository
    raise_all(errors)
    return sorted(by_id.values(), key=lambda r: (r.owner.lower(), r.owner, r.name.lower(), r.name))


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


def owner_settings(settings: Settings, name: str) -> Owner:
    """The owner of the settings with this name in any case. Raises BootstrapError when there is none."""
    for owner in settings.github.owners:
        if owner.name.lower() == name.lower():
            return owner
    raise BootstrapError(
        f"owner {name!r} is not in github.owners, so that no credential is known for it",
        where="repositories",
        hint="add the owner to the settings, or list the repositories again",
    )


def shape_values(settings: Settings, owner: str) -> dict[str, Any]:
    """The template's values that all repositories of an owner have in common, as they are before escaping."""
    jobs = settings.jobs
    return {
        "installation": settings.project,
        "folder": jobs.folder,
        "owner": owner,
        "api_uri": settings.github.api_url,
        "credentials_id": owner_settings(settings, owner).credentials_id,
        "script_path": jobs.script_path,
        "scan_every": jobs.scan_every,
        # Without pull requests a branch that has one must be built too.
        "branch_discovery": "no-pr" if jobs.pull_requests else "all",
        "origin_pull_requests": "merge-current" if jobs.pull_requests else False,
        "fork_pull_requests": "merge-current" if jobs.forks else False,
        "ignore_drafts": not jobs.draft_pull_requests,
        "keep_builds": jobs.keep_builds,
        "keep_days": jobs.keep_days,
    }


def project(values: dict[str, Any], repositories: Sequence[Repository]) -> dict[str, Any]:
    """One JJB project: the template for each of these repositories of one owner. `values` from `shape_values`."""
    items = [{r.name: {"github_id": str(r.id), "description": escape(clean_text(r.description))}} for r in repositories]
    return {
        "project": {
            "name": f"{values['folder']}/{values['owner']}",
            **{key: escape(value) for key, value in values.items()},
            "repository": items,
            "jobs": [REPOSITORY_TEMPLATE],
        }
    }


def folders(settings: Settings, repositories: Iterable[Repository]) -> list[Folder]:
    """The folders that the jobs of these repositories need, parents first."""
    top = settings.jobs.folder
    found = [Folder(top, f"Jobs for the repositories of {', '.join(o.name for o in settings.github.owners)}.")]
    owners = sorted({r.owner for r in repositories}, key=lambda o: (o.lower(), o))
    return found + [Folder(f"{top}/{owner}", f"Repositories of {owner} on GitHub.") for owner in owners]


def folder_project(settings: Settings, wanted: Sequence[Folder]) -> dict[str, Any]:
    """One JJB project: the folder template for each of these folders."""
    return {
        "project": {
            "name": f"{settings.jobs.folder}/folders",
            "installation": settings.project,
            "path": [{escape(f.path): {"description": escape(f.description)}} for f in wanted],
            "jobs": [FOLDER_TEMPLATE],
        }
    }


def definitions(settings: Settings, repositories: Iterable[Repository]) -> list[dict[str, Any]]:
    """Everything as JJB data: the folders, then one project an owner. What plain `jenkins-jobs` can be given."""
    chosen = select_unique(repositories)
    data = [folder_project(settings, folders(settings, chosen))]
    for owner in dict.fromkeys(r.owner for r in chosen):
        data.append(project(shape_values(settings, owner), [r for r in chosen if r.owner == owner]))
    return data


def escape(value: Any) -> Any:
    """A string that jenkins-job-builder's formatting gives back as it was; other values as they are."""
    return value.replace("{", "{{").replace("}", "}}") if isinstance(value, str) else value


def to_yaml(data: Sequence[dict[str, Any]]) -> str:
    """JJB YAML in which every string is quoted, so that `null`, `007`, `1.10` and `on` stay strings."""
    import yaml

    class Quoted(yaml.SafeDumper):
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    return yaml.dump(list(data), Dumper=Quoted, sort_keys=False, allow_unicode=False, width=1_000_000)
