"""The definitions as XML: one config.xml a repository, and one for each folder above them.

Byte for byte what `jenkins-jobs test` gives for the same data with this package installed, on the same Python; made
quick by `shapes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs import definitions, shapes
from jenkins_bootstrap.jobs.marker import MachineLine, read_line


@dataclass(frozen=True, slots=True)
class JobXml:
    """One job: `path` is its full name in Jenkins, `id` GitHub's number, None for a job that is no repository's.

    `hash` is of its canonical XML, `structural` of what a scan works by: None for a job that is never scanned.
    `problem` says why the definition lacks what the repository's override file asks for. A job that is `keep_only` is
    not made anew: its repository is out by the filter because it is archived, and for nothing else.
    """

    path: str
    name: str
    owner: str
    id: int | None
    xml: bytes
    hash: str
    pushed_at: str | None = None
    disabled: bool = False
    structural: str | None = None
    problem: str | None = None
    keep_only: bool = False


@dataclass(frozen=True, slots=True)
class FolderXml:
    """A folder above the jobs, by its full name in Jenkins."""

    path: str
    xml: bytes
    hash: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """Folders with parents first, and jobs in the order of owner and name."""

    folders: tuple[FolderXml, ...]
    jobs: tuple[JobXml, ...]


def render(settings: Settings, repositories: Iterable[Repository]) -> list[JobXml]:
    """The jobs alone; see `render_all`."""
    return list(render_all(settings, repositories).jobs)


def render_all(settings: Settings, repositories: Iterable[Repository]) -> Rendered:
    """The definition of every repository (already filtered) and of the folders above them.

    Raises BootstrapError for a repository that cannot have a job, named, and for a template that is wrong, as
    jenkins-job-builder explains it.
    """
    from jenkins_bootstrap.jobs import jjb

    chosen = definitions.select_unique(repositories)
    by_owner: dict[str, list[Repository]] = {}
    for repository in chosen:
        by_owner.setdefault(repository.owner, []).append(repository)
    values = {owner: definitions.shape_values(settings, owner) for owner in by_owner}
    wanted = definitions.folders(settings, chosen)
    templates = definitions.templates(settings)

    data = [definitions.folder_project(settings, wanted)]
    data += [definitions.project(values[owner], shapes.samples(owner)) for owner in by_owner]
    rendered = jjb.render_yaml(definitions.to_yaml(data), templates)
    folders = tuple(_folder(settings, folder.path, rendered) for folder in wanted)
    jobs: list[JobXml] = []
    for owner, members in by_owner.items():
        made = [_one(settings, sample, rendered, templates) for sample in shapes.samples(owner)]
        shape = shapes.make(owner, [job.xml for job in made])
        jobs += (
            _by_shape(settings, shape, members)
            if shape is not None
            else _one_by_one(settings, values[owner], members, templates)
        )
    return Rendered(folders, tuple(jobs))


def _by_shape(settings: Settings, shape: shapes.Shape, members: Sequence[Repository]) -> list[JobXml]:
    return [
        JobXml(job_path(settings, r), r.name, r.owner, r.id, *shape.render(r), pushed_at=r.pushed_at) for r in members
    ]


def _one_by_one(
    settings: Settings, values: dict[str, object], members: Sequence[Repository], templates: Sequence[Path]
) -> list[JobXml]:
    from jenkins_bootstrap.jobs import jjb

    rendered = jjb.render_yaml(definitions.to_yaml([definitions.project(values, members)]), templates)
    return [_one(settings, repository, rendered, templates) for repository in members]


def job_path(settings: Settings, repository: Repository) -> str:
    """The job's full name in Jenkins: folder/owner/name."""
    return f"{settings.jobs.folder}/{repository.owner}/{repository.name}"


def _one(settings: Settings, r: Repository, rendered: dict[str, bytes], templates: Sequence[Path]) -> JobXml:
    path = job_path(settings, r)
    line = _line(settings, path, rendered, templates[-1])
    if line.id != r.id:
        raise BootstrapError(
            f"{path!r} says id {line.id} where the repository has {r.id}",
            where=f"template {definitions.REPOSITORY_TEMPLATE!r}",
            hint="give the property jenkins-bootstrap id: '{github_id}'",
        )
    return JobXml(path, r.name, r.owner, r.id, rendered[path], line.hash, r.pushed_at)


def _folder(settings: Settings, path: str, rendered: dict[str, bytes]) -> FolderXml:
    return FolderXml(path, rendered[path], _line(settings, path, rendered).hash)


def _line(settings: Settings, path: str, rendered: dict[str, bytes], where: Path | None = None) -> MachineLine:
    """The machine line of a job that must be ours."""
    place = f"templates in {where}" if where else "templates"
    if path not in rendered:
        raise BootstrapError(
            f"no job {path!r} comes out of them", where=place, hint="name the template '{folder}/{owner}/{repository}'"
        )
    line = read_line(rendered[path])
    if line is None or line.owner != settings.project:
        raise BootstrapError(
            f"{path!r} does not say that it belongs to installation {settings.project!r}",
            where=place,
            hint="give the template the property jenkins-bootstrap with installation: '{installation}'",
        )
    return line
