"""Files written whole or not at all, canonical JSON, digests. Knows nothing of the rest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError


def write_atomic(path: Path, data: bytes | str, mode: int = 0o644) -> None:
    """Write `data` (text as UTF-8) to `path` by a rename in the same folder; folders are made as needed.

    Raises BootstrapError when the file cannot be written (no space, no permission); the old file is then untouched.
    """
    raw = data.encode() if isinstance(data, str) else data
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(raw)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise BootstrapError(
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            hint="free space, or choose another folder",
        ) from error


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, two spaces of indentation and a final newline: the same value gives the same bytes."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None when it is not there, not whole yet, or something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
