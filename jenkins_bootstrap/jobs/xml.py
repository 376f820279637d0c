"""The definitions as XML: one config.xml a repository, one for each folder above them, and the user's own jobs.

Byte for byte what `jenkins-jobs test` gives for the same data with this package installed, on the same Python; made
quick by `shapes`, and without jenkins-job-builder where `kept` has what it gave before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs import definitions, shapes
from jenkins_bootstrap.jobs.definitions import Variant, Wanted
from jenkins_bootstrap.jobs.kept import Kept
from jenkins_bootstrap.jobs.marker import MachineLine, parse, parse_line, read_line
from jenkins_bootstrap.jobs.shapes import Filled

if TYPE_CHECKING:
    from jenkins_bootstrap.jobs.jjb import Builder
    from jenkins_bootstrap.jobs.overrides import Override

_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class JobXml:
    """One job: `path` is its full name in Jenkins, `id` GitHub's number, None for a job that is no repository's.

    `content` is the definition, or what gives it. `hash` is of its canonical XML, `structural` of what a scan works by:
    None for a job that is never scanned, and for one that is disabled. `problem` says why the definition lacks what the
    repository's override file asks for. A job that is `keep_only` is not made anew: its repository is out by the filter
    because it is archived, and for nothing else, or the repository's override disables it.
    """

    path: str
    name: str
    owner: str
    id: int | None
    content: bytes | Filled
    hash: str
    pushed_at: str | None = None
    disabled: bool = False
    structural: str | None = None
    problem: str | None = None
    keep_only: bool = False

    @property
    def xml(self) -> bytes:
        """The config.xml."""
        return self.content if isinstance(self.content, bytes) else self.content.xml


@dataclass(frozen=True, slots=True)
class FolderXml:
    """A folder above the jobs, by its full name in Jenkins. Made where it is missing, never written again."""

    path: str
    xml: bytes
    hash: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """Folders with parents first; jobs in the order of owner and name, then the user's own by path.

    `examples` are jobs of every shape there is, so that what holds for them (the plugins they need) holds for all.
    `warnings` name the user's own jobs that are left out, and why.
    """

    folders: tuple[FolderXml, ...]
    jobs: tuple[JobXml, ...]
    examples: tuple[JobXml, ...] = ()
    warnings: tuple[str, ...] = ()

    def seed(self) -> Rendered:
        """What a controller begins with: the repositories' jobs. The reconciliation brings the others."""
        return replace(self, jobs=tuple(job for job in self.jobs if job.id is not None and not job.keep_only))


def render(settings: Settings, repositories: Iterable[Repository]) -> list[JobXml]:
    """The repositories' jobs alone; see `render_all`."""
    return [job for job in render_all(settings, repositories).jobs if job.id is not None]


def render_all(settings: Settings, repositories: Iterable[Repository], *, cache: Path | None = None) -> Rendered:
    """The definition of every repository that `select.chosen` gave, of the folders above them, and the user's own jobs.

    `cache` is a folder in which renderings are kept for the next run; it is made as needed.

    Raises BootstrapError for a repository that cannot have a job, named, and for a template that is wrong, as
    jenkins-job-builder explains it. A wrong override is no error: see `JobXml.problem`.
    """
    return render_wanted(settings, definitions.wanted(settings, repositories), cache)


def render_wanted(settings: Settings, chosen: Sequence[Wanted], cache: Path | None = None) -> Rendered:
    """The same for what `definitions.wanted` gave."""
    making = _Making(settings, cache)
    own_folders, own_jobs, warnings = _own(settings, making.own())
    there = {folder.path for folder in own_folders}
    further = {path.rpartition("/")[0] for path in [*there, *(job.path for job in own_jobs)]} - there
    wanted = definitions.folders(settings, [job.repository for job in chosen], further)
    by_variant = definitions.by_variant(settings, chosen)
    making.prepare(wanted, by_variant)
    folders = (*(making.folder(folder) for folder in wanted), *own_folders)
    made: dict[int, JobXml] = {}
    examples: list[JobXml] = []
    for number, (of, members) in enumerate(by_variant.items()):
        shape = making.shape(of, number)
        jobs = _by_shape(settings, shape, members) if shape else making.one_by_one(of, members)
        examples += jobs[:1] if shape else jobs
        made |= {job.repository.id: xml for job, xml in zip(members, jobs, strict=True)}
    making.kept.save()
    all_jobs = (*(made[job.repository.id] for job in chosen), *own_jobs)
    return Rendered(folders, all_jobs, (*examples, *own_jobs), tuple(warnings))


def job_path(settings: Settings, repository: Repository) -> str:
    """The job's full name in Jenkins: folder/owner/name."""
    return f"{settings.jobs.folder}/{repository.owner}/{repository.name}"


class _Making:
    """Renderings for these settings, from what is stored or by jenkins-job-builder."""

    def __init__(self, settings: Settings, cache: Path | None) -> None:
        self.settings = settings
        self.templates = definitions.templates(settings)
        self.kept = Kept(cache, self.templates)
        self._builder: Builder | None = None
        self._rendered: dict[str, bytes] = {}

    @property
    def builder(self) -> Builder:
        if self._builder is None:
            from jenkins_bootstrap.jobs.jjb import Builder

            self._builder = Builder(self.templates)
        return self._builder

    def own(self) -> dict[str, str]:
        """XML of the jobs that the templates' files define themselves, and of the project's own, by full name."""
        project = definitions.reconcile_project(self.settings)
        try:
            found: dict[str, str] = self.kept.get(project)
        except KeyError:
            made = self.builder.jobs_of_templates(self.settings.project)
            made |= self.builder.render(definitions.to_yaml([project]))
            found = {name: xml.decode() for name, xml in made.items()}
            self.kept.put(project, found)
        return found

    def prepare(self, folders: Iterable[definitions.Folder], variants: Iterable[Variant]) -> None:
        """Have everything rendered at once that is not kept and that `folder` and `shape` will ask for."""
        projects = [definitions.folder_project(self.settings, [folder]) for folder in folders]
        for number, of in enumerate(variants):
            project = definitions.variant_project(self.settings, of, shapes.samples(of, number), number)
            if project not in self.kept:
                self._check_template(of)
                if self.builder.one_by_one(of.template):
                    continue
            projects.append(project)
        missing = [project for project in projects if project not in self.kept]
        for number, project in enumerate(missing):
            project["project"]["name"] += f" {number}"  # each its own name, or the last one wins
        if missing:
            self._rendered = self.builder.render(definitions.to_yaml(missing))

    def folder(self, folder: definitions.Folder) -> FolderXml:
        project = definitions.folder_project(self.settings, [folder])
        try:
            xml = self.kept.get(project).encode()
        except KeyError:
            _line(self.settings, folder.path, self._rendered)
            xml = self._rendered[folder.path]
            self.kept.put(project, xml.decode())
        line = read_line(xml)
        return FolderXml(folder.path, xml, "" if line is None else line.hash)

    def shape(self, of: Variant, number: int) -> shapes.Shape | None:
        """The shape of a variant; None where its jobs are to be rendered one by one."""
        samples = shapes.samples(of, number)
        project = definitions.variant_project(self.settings, of, samples, number)
        try:
            kept = self.kept.get(project)
        except KeyError:
            made = None
            if not self.builder.one_by_one(of.template):
                xml = [self._checked(of, str(s["repository"]), int(s["github_id"]), self._rendered)[0] for s in samples]
                made = shapes.make(samples, xml)
            kept = None if made is None else [made.xml, made.canonical, made.scan]
            self.kept.put(project, kept)
        return None if kept is None else shapes.Shape(*(tuple(pieces) for pieces in kept))

    def one_by_one(self, of: Variant, members: Sequence[Wanted]) -> list[JobXml]:
        items = [definitions.values(self.settings, job) for job in members]
        rendered = self.builder.render(definitions.to_yaml([definitions.variant_project(self.settings, of, items, 0)]))
        jobs = []
        for job in members:
            repository = job.repository
            xml, line = self._checked(of, repository.name, repository.id, rendered)
            jobs.append(_job(self.settings, job, xml, line.hash, line.scan))
        return jobs

    def _checked(self, of: Variant, name: str, number: int, rendered: dict[str, bytes]) -> tuple[bytes, MachineLine]:
        """A job that must be there and say that it is this repository's."""
        path = f"{self.settings.jobs.folder}/{of.owner}/{name}"
        line = _line(self.settings, path, rendered, self.templates[-1])
        if line.id != number:
            raise BootstrapError(
                f"{path!r} says id {line.id} where the repository has {number}",
                where=f"template {of.template!r}",
                hint="give the property jenkins-bootstrap id: '{github_id}'",
            )
        return rendered[path], line

    def _check_template(self, of: Variant) -> None:
        known = self.builder.templates
        if of.template not in known:
            from difflib import get_close_matches

            near = get_close_matches(of.template, known, n=1) or sorted(known)
            raise BootstrapError(
                f"there is no template {of.template!r}",
                where="jobs.definitions",
                hint=f"name the id of a job-template of jobs.templates or of ours, as {near[0]!r}",
            )


def _by_shape(settings: Settings, shape: shapes.Shape, members: Iterable[Wanted]) -> list[JobXml]:
    forms: dict[Override, shapes.Form] = {}
    made = []
    for job in members:
        form = forms.get(job.override)
        if form is None:
            form = forms[job.override] = shape.bound(definitions.asked_values(settings, job.override))
        filled = form.fill(definitions.own_values(job.repository))
        made.append(_job(settings, job, filled, filled.hash, filled.scan))
    return made


def _job(settings: Settings, job: Wanted, content: bytes | Filled, digest: str, scan: str | None) -> JobXml:
    r = job.repository
    return JobXml(
        job_path(settings, r),
        r.name,
        r.owner,
        r.id,
        content,
        digest,
        r.pushed_at,
        disabled=job.disabled,
        structural=scan,
        problem=job.problem,
        keep_only=job.keep_only,
    )


def _own(settings: Settings, rendered: dict[str, str]) -> tuple[list[FolderXml], list[JobXml], list[str]]:
    """The user's own folders and jobs, by path; and in words those that are where they must not be, which are left out:
    a job that a user has for plain `jenkins-jobs` holds up no other."""
    folders: list[FolderXml] = []
    jobs: list[JobXml] = []
    warnings: list[str] = []
    for path, text in sorted(rendered.items(), key=lambda item: (item[0].count("/"), item[0])):
        root = parse(text.encode())
        line = parse_line(root.findtext("description"))
        problem = _place_problem(settings, path, line)
        if problem is not None or line is None:
            warnings.append(
                f"job {path!r} of jobs.templates is left out: it {problem or 'does not say whose it is'}; plain "
                f"`jenkins-jobs update` makes it, or name it {settings.jobs.folder}/NAME or "
                f"{settings.jobs.folder}/FOLDER/NAME"
            )
        elif line.kind == "folder":
            folders.append(FolderXml(path, text.encode(), line.hash))
        else:
            disabled = root.findtext("disabled") == "true"
            name = path.rpartition("/")[2]
            jobs.append(JobXml(path, name, "", None, text.encode(), line.hash, disabled=disabled, structural=line.scan))
    return folders, jobs, warnings


def _place_problem(settings: Settings, path: str, line: MachineLine | None) -> str | None:
    """Why a job of the user's own must not be there: the one listing of Jenkins sees no more, and two must not meet."""
    top, *below = path.split("/")
    if top != settings.jobs.folder or not below:
        return f"is not below jobs.folder, {settings.jobs.folder!r}"
    if len(below) >= _DEEPEST or "" in below:
        return "is too deep: at most one folder below jobs.folder is looked into"
    if below[0].lower() in {owner.name.lower() for owner in settings.github.owners}:
        return f"is in the place of the jobs of {below[0]}'s repositories"
    if below[0] == definitions.OWN_FOLDER and below[1:] != ["reconcile"]:
        return "is in the place of the project's own jobs"
    if line is not None and line.owner != settings.project:
        return f"says that it belongs to installation {line.owner!r}"
    if line is not None and line.id is not None:
        return f"says that it is repository {line.id}'s, which jobs.definitions decides about"
    if line is not None and line.kind == "folder" and len(below) > 1:
        return "is a folder too deep: at most one folder below jobs.folder is looked into"
    return None


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
