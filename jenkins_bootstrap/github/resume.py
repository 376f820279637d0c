"""The pages of a listing that was killed, kept in a file so that the next one goes on where it stopped.

A line a page, as GitHub gave it, appended when the page was good; a last line that was cut off is dropped. The file is
the reader's own: one process has it at a time, another one lists without it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

LONGEST_SECONDS = 900
"""Pages that are older say too little about now."""


class Pages:
    """The pages that are kept, for one listing; as a context manager it lets go of the file.

    Args:
        folder: where the file lies; None keeps nothing.
        owner: whose repositories; part of the file's name.
        asked: what makes the listing what it is (address, query, paths); other pages are not gone on from.
        now: seconds since the epoch.
    """

    def __init__(self, folder: Path | None, owner: str, asked: str, now: float) -> None:
        self._asked = hashlib.sha256(asked.encode()).hexdigest()
        self._now = now
        self._path = None if folder is None else folder / f"listing-{owner.lower()}.jsonl"
        self._stream = None if self._path is None else _open(self._path)
        self.kept = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._stream is not None:
            self._stream.close()  # which also lets go of the lock

    def _read(self) -> list[Mapping[str, Any]]:
        """The pages of a listing like this one that is young enough; the file then ends after the last whole line."""
        if self._stream is None:
            return []
        pages: list[Mapping[str, Any]] = []
        good = 0
        for line in self._stream:
            if not line.endswith(b"\n"):
                break
            try:
                value = json.loads(line)
            except ValueError:
                break
            if not isinstance(value, dict) or (good == 0 and not self._is_like(value)):
                break
            if good:
                pages.append(value)
            good += len(line)
        self._stream.seek(good)
        self._stream.truncate()
        if not good:
            self._begin()
        return pages

    def _is_like(self, head: Mapping[str, Any]) -> bool:
        begun = head.get("begun")
        return (
            head.get("asked") == self._asked
            and isinstance(begun, int | float)
            and 0 <= self._now - begun < LONGEST_SECONDS
        )

    def _begin(self) -> None:
        self._write({"asked": self._asked, "begun": self._now})

    def add(self, page: Mapping[str, Any]) -> None:
        self._write(page)

    def _write(self, value: Mapping[str, Any]) -> None:
        if self._stream is not None:
            try:
                self._stream.write(json.dumps(value).encode() + b"\n")
                self._stream.flush()
            except OSError:  # a full disk must not end a listing that is going well
                self._stream = None

    def drop(self) -> None:
        """Forget every page, and begin anew."""
        self.kept = []
        if self._stream is not None:
            self._stream.seek(0)
            self._stream.truncate()
            self._begin()

    def remove(self) -> None:
        """The listing is over."""
        if self._stream is not None and self._path is not None:
            self._path.unlink(missing_ok=True)


def _open(path: Path) -> IO[bytes] | None:
    """The file, locked; None when another process lists, or nothing can be written here."""
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Descriptions of private repositories are for nobody else's eyes.
        stream = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "r+b")
    except OSError:
        return None
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        return None
    return stream
