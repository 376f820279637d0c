"""The dated seed: the definitions that an image carries, outside its content key.

Below /usr/share/jenkins-bootstrap/jobs/ it is

    seed.json                  what there is, and when GitHub was listed
    folders/0.xml, 1.xml ...   folders, parents first
    xml/<owner>/<name>.xml     one definition a repository

At boot the stage githubrepos.txt creates from it only what is not there. Jobs of the user's own and jobs that are only
kept where they are come with the reconciliation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.jobs.marker import read_line
from jenkins_bootstrap.jobs.xml import FolderXml, JobXml

SCHEMA = 1
_PART = re.compile(r"[A-Za-z0-9._-]{1,100}")


def seed_files(jobs: Sequence[JobXml], folders: Sequence[FolderXml], listed_at: datetime) -> dict[str, bytes]:
    """The seed's files by path, sorted: the same jobs (of `Rendered.seed`), folders and time give the same bytes.

    `listed_at` is when GitHub was listed, with its time zone. Raises BootstrapError for an owner or a name that cannot
    be a file's name, and names the repository.
    """
    files = {"seed.json": to_json(contents(jobs, folders, listed_at)).encode()}
    files |= {folder_file(place): folder.xml for place, folder in enumerate(folders)}
    files |= {job_file(job): job.xml for job in jobs}
    return dict(sorted(files.items()))


def contents(
    jobs: Sequence[JobXml],
    folders: Sequence[FolderXml],
    listed_at: datetime,
    *,
    file_of_job: Callable[[JobXml], str] | None = None,
    file_of_folder: Callable[[int], str] | None = None,
) -> dict[str, Any]:
    """What seed.json holds. The two functions say where a definition lies; the default is as in the image."""
    file_of_job = file_of_job or job_file
    file_of_folder = file_of_folder or folder_file
    return {
        "schema": SCHEMA,
        "listed_at": listed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "installation": _installation(folders),
        "folders": [
            {"path": folder.path, "hash": folder.hash, "file": file_of_folder(place)}
            for place, folder in enumerate(folders)
        ],
        "jobs": [
            {
                "path": job.path,
                "owner": job.owner,
                "name": job.name,
                "id": job.id,
                "hash": job.hash,
                "file": file_of_job(job),
                "pushed_at": job.pushed_at,
            }
            for job in jobs
        ],
    }


def to_json(seed: dict[str, Any]) -> str:
    """A line for each folder and job, keys sorted: the same seed gives the same text."""
    parts = []
    spell = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode  # json.dumps would make one for each row
    for key, value in sorted(seed.items()):
        rows = [spell(row) for row in value] if isinstance(value, list) else []
        text = "[\n    " + ",\n    ".join(rows) + "\n  ]" if rows else json.dumps(value, ensure_ascii=False)
        parts.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def job_file(job: JobXml) -> str:
    """Where the job's definition lies in the seed; the ending makes every name that GitHub gives a safe one."""
    for part in (job.owner, job.name):
        if not _PART.fullmatch(part) or part in (".", ".."):
            raise BootstrapError(
                f"{part!r} cannot be the name of a file",
                where=f"repository {f'{job.owner}/{job.name}'!r}",
                hint="correct the list of repositories",
            )
    return f"xml/{job.owner}/{job.name}.xml"


def folder_file(place: int) -> str:
    return f"folders/{place}.xml"


def _installation(folders: Sequence[FolderXml]) -> str:
    line = read_line(folders[0].xml) if folders else None
    if line is None:
        raise BootstrapError(
            "the top folder is missing or does not say whose it is",
            where="seed",
            hint="take the folders from render_all()",
        )
    return line.owner
