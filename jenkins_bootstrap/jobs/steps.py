"""The steps that bring Jenkins in step with GitHub: what each does in words, as a call, and why. Nothing is done here.

A path is a job's full name in Jenkins: `github/acme/web`. Each step that writes is one call, `MarkGone` a look and one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from jenkins_bootstrap.plan import Step


@dataclass(frozen=True, slots=True)
class JobStep(Step):
    """A step on one job or folder. Steps with the same `of` build on each other: after a failed one the rest wait."""

    path: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class CreateFolder(JobStep):
    xml: bytes = b""


@dataclass(frozen=True, slots=True)
class CreateJob(JobStep):
    xml: bytes = b""


@dataclass(frozen=True, slots=True)
class UpdateJob(JobStep):
    xml: bytes = b""
    structural: bool = False


@dataclass(frozen=True, slots=True)
class RenameJob(JobStep):
    new_name: str = ""
    passing: bool = False
    """Only on the way to another name."""


@dataclass(frozen=True, slots=True)
class MoveJob(JobStep):
    folder: str = ""


@dataclass(frozen=True, slots=True)
class MarkGone(JobStep):
    on: date = date.min


@dataclass(frozen=True, slots=True)
class DeleteJob(JobStep):
    pass


@dataclass(frozen=True, slots=True)
class ScanJobs(Step):
    """Asks for the scans of these jobs, one after the other within the budget of calls to GitHub."""

    paths: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """What the same jobs are known by, as `of` of their other steps."""


def job_url(path: str) -> str:
    """`github/acme/web` as Jenkins' URLs spell it: `job/github/job/acme/job/web`."""
    return "/".join(f"job/{quote(part, safe='')}" for part in path.split("/"))


def parent(path: str) -> str:
    return path.rpartition("/")[0]


def name(path: str) -> str:
    return path.rpartition("/")[2]


def create_folder(path: str, xml: bytes) -> CreateFolder:
    return CreateFolder(f"folder:{path}", f"create folder {path}", _creating(path), "is not there", path, path, xml)


def create_job(path: str, of: str, xml: bytes, reason: str) -> CreateJob:
    return CreateJob(f"create:{path}", f"create job {path}", _creating(path), reason, path, of, xml)


def update_job(path: str, of: str, xml: bytes, reason: str, structural: bool) -> UpdateJob:
    call = f"POST {job_url(path)}/config.xml"
    return UpdateJob(f"update:{path}", f"update job {path}", call, reason, path, of, xml, structural)


def rename_job(path: str, of: str, new_name: str, reason: str, passing: bool = False) -> RenameJob:
    call = f"POST {job_url(path)}/confirmRename newName={new_name}"
    words = f"rename job {path} to {new_name}"
    return RenameJob(f"rename:{path}:{new_name}", words, call, reason, path, of, new_name, passing)


def move_job(path: str, of: str, folder: str, reason: str) -> MoveJob:
    call = f"POST {job_url(path)}/move/move destination=/{folder}"
    return MoveJob(f"move:{path}:{folder}", f"move job {path} to {folder}", call, reason, path, of, folder)


def mark_gone(path: str, of: str, on: date, reason: str) -> MarkGone:
    call = f"GET, POST {job_url(path)}/config.xml"
    return MarkGone(f"gone:{path}", f"disable job {path}, marked as gone", call, reason, path, of, on)


def delete_job(path: str, of: str, reason: str) -> DeleteJob:
    return DeleteJob(f"delete:{path}", f"delete job {path}", f"POST {job_url(path)}/doDelete", reason, path, of)


def scan_jobs(paths: Sequence[str], keys: Sequence[str], place: int) -> ScanJobs:
    count = f"{len(paths)} job{'s' if len(paths) != 1 else ''}"
    reason = "new, or its source has changed" if len(paths) == 1 else "new, or their sources have changed"
    return ScanJobs(f"scan:{place}", f"ask for scans of {count}", "POST scriptText", reason, tuple(paths), tuple(keys))


def _creating(path: str) -> str:
    above = parent(path)
    return f"POST {job_url(above) + '/' if above else ''}createItem?name={quote(name(path), safe='')}"


def counts(done: Iterable[Step], unchanged: int) -> dict[str, int]:
    """How many jobs were, or would be, what; the order is that in which people are told."""
    sorts = {
        "created": CreateJob,
        "renamed": RenameJob,
        "moved": MoveJob,
        "updated": UpdateJob,
        "disabled": MarkGone,
        "deleted": DeleteJob,
        "folders": CreateFolder,
    }
    done = list(done)
    found = {
        word: sum(isinstance(s, sort) and not getattr(s, "passing", False) for s in done)
        for word, sort in sorts.items()
    }
    found["scans"] = sum(len(s.paths) for s in done if isinstance(s, ScanJobs))
    return found | {"unchanged": unchanged}
