"""Settings and repositories to jenkins-job-builder data: what the templates in jobs/ are filled with.

Pure values; jenkins-job-builder itself is not needed here. A text that jenkins-job-builder would format, or YAML would
take for something else than a string, comes out as the string it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jenkins_bootstrap.config.models import Owner, Settings
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.marker import clean_text
from jenkins_bootstrap.jobs.names import select_unique
from jenkins_bootstrap.jobs.overrides import NONE, Override, OverrideProblem, read_override
from jenkins_bootstrap.jobs.select import definition_of, is_archived_out, owner_of
from jenkins_bootstrap.resources import share

FOLDER_TEMPLATE = "github-folder"
OWN_FOLDER = "_jenkins-bootstrap"
"""Below jobs.folder: jobs of the project itself. No owner on GitHub has a name like it."""
RECONCILE_TEMPLATE = "jenkins-bootstrap-reconcile"

Value = str | int
"""What a template is filled with for one repository; text as it is before escaping."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder above the jobs. `path` as Jenkins names it: `github`, `github/jenkinsci`."""

    path: str
    description: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a repository's job is made from.

    `problem` says why its override file is not taken; `keep_only`, that the job is kept where it is and not made anew:
    the repository is archived and out for that alone, or its override disables the job.
    """

    repository: Repository
    template: str
    override: Override = NONE
    problem: str | None = None
    keep_only: bool = False

    @property
    def disabled(self) -> bool:
        return self.keep_only


@dataclass(frozen=True, slots=True)
class Variant:
    """What definitions of one owner may differ in beyond the insertion of values: each has a rendering of its own."""

    owner: str
    template: str
    scan_every: str
    pull_requests: bool
    forks: bool
    draft_pull_requests: bool
    disabled: bool
    included: bool
    excluded: bool


def templates(settings: Settings) -> list[Path]:
    """Folders of JJB YAML, ours first: in a folder of the user a template with the id of one of ours replaces it."""
    own = settings.jobs.templates
    return [share("jobs")] if own is None else [share("jobs"), own]


def wanted(settings: Settings, repositories: Iterable[Repository]) -> list[Wanted]:
    """What the jobs of these repositories are made from, in the order of `select_unique`.

    The repositories are those that `select.chosen` gives. Raises BootstrapError as `select_unique` does.
    """
    return [_wanted(settings, repository) for repository in select_unique(repositories)]


def _wanted(settings: Settings, repository: Repository) -> Wanted:
    template = definition_of(settings, repository).template
    archived = repository.archived and is_archived_out(owner_settings(settings, repository.owner).filter)
    if settings.jobs.override_file is None or (repository.override is None and repository.override_problem is None):
        return Wanted(repository, template, keep_only=archived)
    if repository.override is None:
        problem = f"{settings.jobs.override_file} {repository.override_problem}"
        return Wanted(repository, template, problem=problem, keep_only=archived)
    override = read_override(repository.override, settings)
    if isinstance(override, OverrideProblem):
        return Wanted(repository, template, problem=str(override), keep_only=archived)
    return Wanted(repository, template, override, keep_only=archived or override.disabled)


def owner_settings(settings: Settings, name: str) -> Owner:
    """The owner of the settings with this name in any case. Raises BootstrapError when there is none."""
    owner = owner_of(settings, name)
    if owner is not None:
        return owner
    raise BootstrapError(
        f"owner {name!r} is not in github.owners, so that no credential is known for it",
        where="repositories",
        hint="add the owner to the settings, or list the repositories again",
    )


def variant(settings: Settings, job: Wanted) -> Variant:
    """Which rendering this job is one of."""
    jobs, override = settings.jobs, job.override
    return Variant(
        owner=job.repository.owner,
        template=job.template,
        scan_every=override.scan_every or jobs.scan_every,
        pull_requests=jobs.pull_requests and override.pull_requests,
        forks=jobs.forks and override.pull_requests,
        draft_pull_requests=jobs.draft_pull_requests and override.draft_pull_requests,
        disabled=job.disabled,
        included=bool(override.branches),
        excluded=bool(override.exclude_branches),
    )


def variant_values(settings: Settings, of: Variant) -> dict[str, Any]:
    """The template's values that all jobs of a variant have in common, as they are before escaping."""
    jobs, api_url = settings.jobs, settings.github.api_url
    return {
        "installation": settings.project,
        "folder": jobs.folder,
        "owner": of.owner,
        "api_uri": api_url,
        "web_url": web_url(api_url),
        "credentials_id": owner_settings(settings, of.owner).credentials_id,
        "scan_every": of.scan_every,
        # Without pull requests a branch that has one must be built too.
        "branch_discovery": "no-pr" if of.pull_requests else "all",
        "origin_pull_requests": "merge-current" if of.pull_requests else False,
        "fork_pull_requests": "merge-current" if of.forks else False,
        "ignore_drafts": not of.draft_pull_requests,
        "disabled": of.disabled,
        "label": settings.agents[0].label if settings.agents else "",
        # What most repositories have; an item of the project says what it has in place of it.
        "description": "",
        "default_branch": "main",
        "script_path": jobs.script_path,
        "include_branches": "",
        "exclude_branches": "",
        "keep_builds": jobs.keep_builds,
        "keep_days": jobs.keep_days,
    }


def values(settings: Settings, job: Wanted) -> dict[str, Value]:
    """The template's values of one repository, as they are before escaping."""
    return {**own_values(job.repository), **asked_values(settings, job.override)}


def own_values(repository: Repository) -> dict[str, str]:
    """Those of them that are the repository's own."""
    return {
        "repository": repository.name,
        "github_id": str(repository.id),
        "description": clean_text(repository.description),
        "default_branch": clean_text(repository.default_branch),
    }


def asked_values(settings: Settings, override: Override) -> dict[str, Value]:
    """Those of them that the settings give and an override may change."""
    jobs = settings.jobs
    include = list(override.branches)
    if include and override.pull_requests and (jobs.pull_requests or jobs.forks):
        # The filter is over all heads, and pull requests are heads named so: PR-7, PR-7-merge.
        include.append("PR-*")
    return {
        "script_path": override.script_path or jobs.script_path,
        "include_branches": " ".join(include),
        "exclude_branches": " ".join(override.exclude_branches),
        "keep_builds": override.keep_builds or jobs.keep_builds,
        "keep_days": override.keep_days or jobs.keep_days,
    }


def project(
    name: str, template: str, common: Mapping[str, Any], items: Iterable[Mapping[str, Value]]
) -> dict[str, Any]:
    """One JJB project: the template for each of these items of `values`, all of one variant."""
    return {
        "project": {
            "name": escape(name),
            **{key: escape(value) for key, value in common.items()},
            "repository": [
                {
                    item["repository"]: {
                        k: escape(v) for k, v in item.items() if k != "repository" and common.get(k) != v
                    }
                }
                for item in items
            ],
            "jobs": [template],
        }
    }


def folders(settings: Settings, repositories: Iterable[Repository], further: Iterable[str] = ()) -> list[Folder]:
    """The folders that the jobs of these repositories need, and `further` ones (paths), parents first."""
    top = settings.jobs.folder
    found = [Folder(top, f"Jobs for the repositories of {', '.join(o.name for o in settings.github.owners)}.")]
    owners = sorted({r.owner for r in repositories}, key=lambda o: (o.lower(), o))
    found += [Folder(f"{top}/{owner}", f"Repositories of {owner} on GitHub.") for owner in owners]
    return found + [
        Folder(
            path,
            "Jobs of jenkins-bootstrap itself." if path == f"{top}/{OWN_FOLDER}" else "Jobs of jobs.templates.",
        )
        for path in sorted(set(further) - {folder.path for folder in found})
    ]


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


def reconcile_project(settings: Settings) -> dict[str, Any]:
    """One JJB project: the job by which people start a reconciliation and see what came of it."""
    return {
        "project": {
            "name": f"{settings.jobs.folder}/{OWN_FOLDER}",
            "installation": settings.project,
            "folder": settings.jobs.folder,
            "controller_url": escape(settings.controller.url.rstrip("/") + "/"),
            "receiver_path": "jenkins-bootstrap",
            "label": settings.agents[0].label if settings.agents else "",
            "jobs": [RECONCILE_TEMPLATE],
        }
    }


def definitions(settings: Settings, repositories: Iterable[Repository]) -> list[dict[str, Any]]:
    """The folders and our jobs as JJB data: what plain `jenkins-jobs` takes beside the templates."""
    chosen = wanted(settings, repositories)
    own = f"{settings.jobs.folder}/{OWN_FOLDER}"
    data = [
        reconcile_project(settings),
        folder_project(settings, folders(settings, [job.repository for job in chosen], [own])),
    ]
    for of, members in by_variant(settings, chosen).items():
        data.append(variant_project(settings, of, [values(settings, job) for job in members], len(data)))
    return data


def by_variant(settings: Settings, jobs: Iterable[Wanted]) -> dict[Variant, list[Wanted]]:
    """The jobs of each variant, in their order."""
    known: dict[tuple[str, str, Override, bool], Variant] = {}
    found: dict[Variant, list[Wanted]] = {}
    for job in jobs:
        key = (job.repository.owner, job.template, job.override, job.keep_only)
        of = known.get(key) or known.setdefault(key, variant(settings, job))
        found.setdefault(of, []).append(job)
    return found


def variant_project(
    settings: Settings, of: Variant, items: Iterable[Mapping[str, Value]], number: int
) -> dict[str, Any]:
    """The JJB project of a variant; `number` makes its name the only one."""
    name = f"{settings.jobs.folder}/{of.owner} {number}"
    return project(name, of.template, variant_values(settings, of), items)


def web_url(api_url: str) -> str:
    """Where people see the repositories that a REST root is for."""
    trimmed = api_url.rstrip("/")
    return "https://github.com" if trimmed.lower() == "https://api.github.com" else trimmed.removesuffix("/api/v3")


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
