"""Tar files that are the same bytes for the same members: order, owner, times and modes are given, never taken."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar: its path there without a leading slash, its bytes or the file they are in, its mode."""

    name: str
    content: Path | bytes
    mode: int = 0o644


def write_tar(path: Path, members: Iterable[Member], *, compress: bool = False) -> None:
    """Write the members, root's all of them, sorted by name, with gzip's fastest level when `compress`.

    Folders are not members: unpacking makes those that are missing and leaves the others as they are.
    """
    with path.open("wb") as raw:
        if compress:
            # mtime=0 and no file name in gzip's header, so that the bytes depend on the members alone.
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed:
                _write(cast("IO[bytes]", packed), members)
        else:
            _write(raw, members)


def _write(stream: IO[bytes], members: Iterable[Member]) -> None:
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for member in sorted(members, key=lambda m: m.name):
            info = tarfile.TarInfo(member.name)
            info.mode = member.mode
            info.uname = info.gname = "root"
            if isinstance(member.content, bytes):
                info.size = len(member.content)
                tar.addfile(info, io.BytesIO(member.content))
            else:
                info.size = member.content.stat().st_size
                with member.content.open("rb") as source:
                    tar.addfile(info, source)
