"""Explodes plugin files as Jenkins does at its start, so that a baked image has that behind it; and digests of folders.

What `hudson.ClassicPluginStrategy` of core 2.516.2 does: everything of the archive except WEB-INF/classes, which is
packed as WEB-INF/lib/classes.jar, and a file `.timestamp2` with the archive's modification time. Jenkins compares the
two times, to the millisecond, and explodes anew when they differ: a copy of both must keep the times of both. Verifies
no hash of an archive: that is `fetch`'s and `boot`'s.
"""

from __future__ import annotations

import calendar
import hashlib
import io
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from jenkins_bootstrap.plugins.errors import PluginError

TIMESTAMP = ".timestamp2"
_MANIFEST = "META-INF/MANIFEST.MF"
_CLASSES = "WEB-INF/classes"
_CLASSES_JAR = "WEB-INF/lib/classes.jar"
_MOST_BYTES = 2 << 30
"""Of one plugin, unpacked."""
_CHUNK = 1 << 20
_HINT = "fetch it again: jenkins-bootstrap plugins fetch --out DIR"


def explode(archive: Path, folder: Path) -> None:
    """Put what the plugin file `archive` holds into `folder`, which appears whole or stays as it was.

    An older `folder` is replaced. The same archive gives the same bytes, names and times each time.

    Raises PluginError for an archive that is cut off, is no plugin, holds a name that leads out of the folder, a link
    or a name twice, or for a folder that cannot be written.
    """
    temporary: Path | None = None
    try:
        times = archive.stat()
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        # As Ant reads names: UTF-8, whether or not the archive says so.
        with zipfile.ZipFile(archive, metadata_encoding="utf-8") as opened:
            _unpack(opened, _members(opened, archive), temporary)
        mark = temporary / TIMESTAMP
        mark.touch()
        os.utime(mark, ns=(times.st_mtime_ns, times.st_mtime_ns))
        _open_to_read(temporary)
        _swap(temporary, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, NotImplementedError, RuntimeError) as error:
        raise PluginError(f"is no plugin, or cut off: {error}", where=str(archive), hint=_HINT) from None
    except OSError as error:
        where = str(error.filename or folder)
        hint = "free space, or choose another folder"
        raise PluginError(f"cannot be exploded: {error.strerror or error}", where=where, hint=hint) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def tree_digest(folder: Path) -> str:
    """The SHA-256, lower-case hex, over every path below `folder` and its content, sorted by path; times do not count.

    Folders count, and symbolic links by where they lead, without being followed. Raises OSError.
    """
    digest = hashlib.sha256()
    for path, kind, size in _walk(str(folder), ""):
        # Lengths and kind before each part, so that no other tree gives the same bytes.
        name = os.fsencode(path)
        digest.update(b"%s %d %d\n" % (kind, len(name), size))
        digest.update(name)
        if kind == b"f":
            _update(digest, f"{folder}/{path}", size)
        elif kind == b"l":
            digest.update(os.fsencode((folder / path).readlink()))
    return digest.hexdigest()


def tree_manifest(plugins_folder: Path) -> dict[str, str]:
    """The digest of every exploded plugin in a folder of NAME.jpi and NAME/, by name, sorted.

    Raises PluginError when a plugin is not exploded.
    """
    found = {}
    for archive in sorted(plugins_folder.glob("*.jpi")):
        folder = plugins_folder / archive.stem
        if not (folder / TIMESTAMP).is_file():
            raise PluginError("the plugin is not exploded", where=str(archive), hint="bake the controller anew")
        found[archive.stem] = tree_digest(folder)
    return found


def _members(opened: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    """The entries, checked before anything is written."""

    def refuse(what: str) -> PluginError:
        return PluginError(what, where=str(archive), hint=_HINT)

    members, seen, total = opened.infolist(), set[str](), 0
    for member in members:
        name = member.filename
        path = PurePosixPath(name)
        if not name or "\\" in name or "\0" in member.orig_filename or path.is_absolute() or ".." in path.parts:
            raise refuse(f"holds a name that leads out of its folder: {name!r}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise refuse(f"holds a symbolic link: {name!r}")
        if str(path) in seen and not member.is_dir():
            raise refuse(f"holds {name!r} twice")
        if member.flag_bits & 1:
            raise refuse(f"is encrypted: {name!r}")
        seen.add(str(path))
        total += member.file_size
    if total > _MOST_BYTES:
        raise refuse(f"is larger than {_MOST_BYTES >> 30} GiB unpacked")
    if _MANIFEST not in seen:
        raise refuse(f"is no plugin: it has no {_MANIFEST}")
    return members


def _unpack(opened: zipfile.ZipFile, members: list[zipfile.ZipInfo], into: Path) -> None:
    classes = []
    for member in members:
        path = PurePosixPath(member.filename)
        if path.parts[:2] == ("WEB-INF", "classes"):
            classes.append(member)
            continue
        target = into / path
        if member.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(member) as source, target.open("xb") as out:
            shutil.copyfileobj(source, out, _CHUNK)
        time = calendar.timegm((*member.date_time, 0, 0, 0))
        os.utime(target, (time, time))
    if any(not member.is_dir() for member in classes):
        jar = into / _CLASSES_JAR
        jar.parent.mkdir(parents=True, exist_ok=True)
        jar.write_bytes(_jar(opened, classes))


def _jar(opened: zipfile.ZipFile, classes: list[zipfile.ZipInfo]) -> bytes:
    """The classes as an archive of their own, sorted; without folders and with the archive's times, as Jenkins'."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as jar:
        for member in sorted((m for m in classes if not m.is_dir()), key=lambda m: m.filename):
            entry = zipfile.ZipInfo(member.filename.removeprefix(f"{_CLASSES}/"), member.date_time)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            jar.writestr(entry, opened.read(member))
    return packed.getvalue()


def _open_to_read(folder: Path) -> None:
    """Give everything the modes that the usual umask gives, whatever it is here."""
    folder.chmod(0o755)
    for top, folders, files in os.walk(folder):
        for name in folders:
            os.chmod(f"{top}/{name}", 0o755)  # noqa: PTH101, S103 - twice as quick without a Path each
        for name in files:
            os.chmod(f"{top}/{name}", 0o644)  # noqa: PTH101


def _swap(new: Path, folder: Path) -> None:
    """Put `new` in the place of `folder`."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    if not folder.exists():
        new.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        folder.rename(old)  # onto an empty folder, which is replaced
        new.rename(folder)
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _walk(top: str, below: str) -> Iterator[tuple[str, bytes, int]]:
    """Path, kind (f, d, l, or o for what is neither) and size of everything, each folder's entries sorted."""
    with os.scandir(f"{top}/{below}" if below else top) as entries:
        listed = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in listed:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_symlink():
            yield path, b"l", 0
        elif entry.is_dir(follow_symlinks=False):
            yield path, b"d", 0
            yield from _walk(top, path)
        elif entry.is_file(follow_symlinks=False):
            yield path, b"f", entry.stat(follow_symlinks=False).st_size
        else:
            yield path, b"o", 0


def _update(digest: hashlib._Hash, path: str, size: int) -> None:
    """Feed a file's content, which must have the size it was listed with."""
    left = size
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - half the time of Path.open on many small files
        while block := stream.read(_CHUNK):
            digest.update(block)
            left -= len(block)
    if left:
        raise OSError(None, "changed while it was read", path)
