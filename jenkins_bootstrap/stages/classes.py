"""The classes that our own stages are compiled to: one archive, made of the stages' texts and good for no others.

Says whether an archive is that of the stages beside it, and which class stands for which stage. Compiles nothing
(`compile` does), and takes no class of a user's stage: that may name classes which are only in Jenkins.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.stages.render import CASC, STAGE_FILES

LIST = "stages.json"
"""In the archive: by the stage's path its class, and the SHA-256 of the text that this was made of."""
_PREFIX = "jenkins_bootstrap_"
_OURS = ("init.groovy", *(f"init.groovy.d/{name}" for name in (*STAGE_FILES, CASC) if name.endswith(".txt")))
_DAMAGED = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error)
"""What reading raises, whichever byte of an archive is another."""
_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that an archive can say."""


def class_name(path: str) -> str | None:
    """The class of a stage of ours by its path below the hook root, None for another's. No plugin has one like it."""
    return _PREFIX + PurePosixPath(path).stem if path in _OURS else None


def pack(stages: Mapping[str, str], classes: Mapping[str, bytes]) -> bytes:
    """The archive of `classes`, by their path in it, made of `stages`, path to text.

    The same input gives the same bytes, whatever its order.
    """
    named = {path: (class_name(path), _digest(text)) for path, text in stages.items()}
    listed = {path: {"class": name, "sha256": sha256} for path, (name, sha256) in named.items() if name is not None}
    files = {LIST: canonical_json({"stages": listed}).encode()} | dict(sorted(classes.items()))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:  # not compressed: Jenkins waits for it
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return whole.getvalue()


def classes_of(archive: Path, stages: Mapping[str, str]) -> dict[str, str]:
    """The class of each of our stages among `stages` (path to text), by path.

    Raises BootstrapError when the archive is not there, is damaged, or was made of other texts: then the texts
    themselves are to be run. `what` says which.
    """
    try:
        with zipfile.ZipFile(archive) as read:
            contents = {name: read.read(name) for name in read.namelist()}  # compares each one's checksum
        listed: Any = json.loads(contents[LIST])["stages"]
        found = {path: (str(said["class"]), str(said["sha256"])) for path, said in listed.items()}
    except FileNotFoundError:
        raise _useless(archive, "there are no classes of them") from None
    except _DAMAGED as error:
        raise _useless(archive, f"the archive of their classes is damaged: {error}") from None
    except (KeyError, ValueError, TypeError, AttributeError):
        raise _useless(archive, "the archive of their classes does not say what is in it") from None
    result = {}
    for path, text in stages.items():
        if class_name(path) is None:
            continue
        name, sha256 = found.get(path, ("", ""))
        if sha256 != _digest(text):
            raise _useless(archive, f"the class of {path} was made of another text")
        if f"{name}.class" not in contents:
            raise _useless(archive, f"the class of {path} is not in the archive")
        result[path] = name
    return result


def _useless(archive: Path, what: str) -> BootstrapError:
    hint = "bake the controller anew, with Groovy on the machine that bakes"
    return BootstrapError(what, where=str(archive), hint=hint)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
