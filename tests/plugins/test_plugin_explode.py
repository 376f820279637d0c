"""Exploding plugin files as Jenkins does it, the digests of what is exploded, and comparing a folder with its files."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.explode import TIMESTAMP, explode, tree_digest, tree_manifest
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin
from jenkins_bootstrap.plugins.notes import TREE, verify_folder

MANIFEST = ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nShort-Name: a\r\nPlugin-Version: 1\r\n\r\n")
LIB = ("WEB-INF/lib/a.jar", b"a jar" * 100)
CLASSES = [("WEB-INF/classes/", b""), ("WEB-INF/classes/org/b/B.class", b"B"), ("WEB-INF/classes/a.txt", b"a")]


def pack(path: Path, entries: list[tuple[Any, bytes]]) -> Path:
    """An archive of entries; a name may be a ZipInfo."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    entry = zipfile.ZipInfo("images/café.svg", (2024, 5, 6, 7, 8, 10))
    path = pack(tmp_path / "a.jpi", [MANIFEST, LIB, ("images/", b""), (entry, b"<svg/>"), *CLASSES])
    os.utime(path, ns=(1_700_000_000_123_456_789,) * 2)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_everything_but_the_classes_lies_there_and_they_in_a_jar(archive: Path, tmp_path: Path) -> None:
    explode(archive, tmp_path / "a")
    found = tree(tmp_path / "a")
    assert sorted(found) == [
        TIMESTAMP,
        "META-INF/MANIFEST.MF",
        "WEB-INF/lib/a.jar",
        "WEB-INF/lib/classes.jar",
        "images/café.svg",
    ]
    assert (found["META-INF/MANIFEST.MF"], found["images/café.svg"], found[TIMESTAMP]) == (MANIFEST[1], b"<svg/>", b"")
    with zipfile.ZipFile(io.BytesIO(found["WEB-INF/lib/classes.jar"])) as jar:
        assert jar.namelist() == ["a.txt", "org/b/B.class"]
        assert jar.read("org/b/B.class") == b"B"


def test_without_classes_there_is_no_jar_of_them(tmp_path: Path) -> None:
    explode(pack(tmp_path / "a.jpi", [MANIFEST, LIB, CLASSES[0]]), tmp_path / "a")
    assert sorted(tree(tmp_path / "a")) == [TIMESTAMP, MANIFEST[0], LIB[0]]


def test_the_time_that_jenkins_compares_is_the_archives(archive: Path, tmp_path: Path) -> None:
    explode(archive, tmp_path / "a")
    assert (tmp_path / "a" / TIMESTAMP).stat().st_mtime_ns == archive.stat().st_mtime_ns
    assert (tmp_path / "a/images/café.svg").stat().st_mtime == 1_714_979_290  # 2024-05-06T07:08:10Z


def test_the_same_archive_gives_the_same_bytes_modes_and_times(archive: Path, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        explode(archive, tmp_path / "one")
    finally:
        os.umask(old)
    explode(archive, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")
    for path in [tmp_path / "one", *(tmp_path / "one").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o755 if path.is_dir() else 0o644), path


def test_an_older_folder_is_replaced_whole(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "a/WEB-INF/lib").mkdir(parents=True)
    (tmp_path / "a/WEB-INF/lib/old.jar").write_text("of another version")
    explode(archive, tmp_path / "a")
    explode(archive, tmp_path / "a")
    assert "WEB-INF/lib/old.jar" not in tree(tmp_path / "a")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "a.jpi"]


def test_a_link_in_the_folders_place_is_not_followed(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/mine").write_text("mine")
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    explode(archive, tmp_path / "a")
    assert not (tmp_path / "a").is_symlink()
    assert tree(tmp_path / "elsewhere") == {"mine": b"mine"}


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("WEB-INF/lib/link.jar")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([MANIFEST, ("../evil", b"x")], "leads out of its folder: '../evil'"),
        ([MANIFEST, ("images/../../evil", b"x")], "leads out of its folder"),
        ([MANIFEST, ("/tmp/evil", b"x")], "leads out of its folder"),
        ([MANIFEST, ("..\\evil", b"x")], "leads out of its folder"),
        ([MANIFEST, ("WEB-INF/classes/../../../evil", b"x")], "leads out of its folder"),
        ([MANIFEST, (link(), b"/etc/passwd")], "holds a symbolic link"),
        ([LIB], "is no plugin: it has no META-INF/MANIFEST.MF"),
        ([], "is no plugin: it has no META-INF/MANIFEST.MF"),
    ],
)
def test_what_must_not_be_exploded_leaves_all_as_it_was(
    tmp_path: Path, entries: list[tuple[Any, bytes]], says: str
) -> None:
    place = tmp_path / "plugins"
    (place / "a").mkdir(parents=True)
    (place / "a/mine").write_text("mine")
    archive = pack(place / "a.jpi", entries)
    with pytest.raises(PluginError, match=says) as caught:
        explode(archive, place / "a")
    assert (caught.value.where, tree(place / "a")) == (str(archive), {"mine": b"mine"})
    assert sorted(p.name for p in place.iterdir()) == ["a", "a.jpi"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plugins"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.jpi", [MANIFEST, LIB, LIB])
    with pytest.raises(PluginError, match=r"holds 'WEB-INF/lib/a\.jar' twice"):
        explode(archive, tmp_path / "a")


def test_a_file_that_is_a_folder_too(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.jpi", [MANIFEST, ("x", b"file"), ("x/y", b"below it")])
    with pytest.raises(PluginError):
        explode(archive, tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.9])
def test_an_archive_that_is_cut_off(archive: Path, tmp_path: Path, keep: float) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(keep if keep >= 1 else len(whole) * keep)])
    with pytest.raises(PluginError, match="is no plugin, or cut off"):
        explode(archive, tmp_path / "a")
    assert [p.name for p in tmp_path.iterdir()] == ["a.jpi"]


def test_content_that_was_changed_is_found_by_its_checksum(tmp_path: Path) -> None:
    archive = tmp_path / "a.jpi"
    with zipfile.ZipFile(archive, "w") as opened:  # stored, so that the bytes can be found
        opened.writestr(*MANIFEST)
        opened.writestr(*LIB)
    archive.write_bytes(archive.read_bytes().replace(b"a jar", b"a car", 1))
    with pytest.raises(PluginError, match="cut off: Bad CRC-32"):
        explode(archive, tmp_path / "a")


def test_an_archive_that_is_not_there_or_a_folder_that_cannot_be(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="No such file"):
        explode(tmp_path / "none.jpi", tmp_path / "a")
    with pytest.raises(PluginError, match=r"cannot be exploded: (Not a directory|File exists)"):
        explode(archive, archive / "below")


# Digests


def test_a_digest_changes_with_everything_but_times(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    changes: list[Callable[[], object]] = [
        lambda: (folder / "WEB-INF/lib/a.jar").write_bytes(b"A jar" * 100),
        lambda: (folder / "WEB-INF/lib/b.jar").write_bytes(b""),
        lambda: (folder / "images/café.svg").rename(folder / "images/cafe.svg"),
        lambda: (folder / TIMESTAMP).unlink(),
        lambda: (folder / "empty").mkdir(),
        lambda: (folder / "link").symlink_to("WEB-INF"),
        lambda: os.mkfifo(folder / "pipe"),
    ]
    seen = set()
    for change in changes:
        explode(archive, folder)
        before = tree_digest(folder)
        os.utime(folder / "WEB-INF/lib/a.jar", (1, 1))
        assert tree_digest(folder) == before
        change()
        seen.add(tree_digest(folder))
    assert before not in seen
    assert len(seen) == len(changes)
    (folder / "link").symlink_to("WEB-INF")
    one = tree_digest(folder)
    (folder / "link").unlink()
    (folder / "link").symlink_to("META-INF")
    assert tree_digest(folder) != one


@given(st.dictionaries(st.text("ab\n0 f", min_size=1, max_size=4), st.binary(max_size=12), max_size=5), st.data())
def test_no_two_trees_have_one_digest(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], data: st.DataObject
) -> None:
    def lay(files: dict[str, bytes]) -> str:
        folder = tmp_path_factory.mktemp("tree")
        for name, content in files.items():
            (folder / name).write_bytes(content)
        digest = tree_digest(folder)
        shutil.rmtree(folder)
        return digest

    other = data.draw(
        st.dictionaries(st.text("ab\n0 f", min_size=1, max_size=4), st.binary(max_size=12), max_size=5) | st.just(files)
    )
    assert (lay(files) == lay(other)) == (files == other)


def test_the_manifest_of_a_folder_of_plugins(archive: Path, tmp_path: Path) -> None:
    explode(archive, tmp_path / "a")
    (tmp_path / "notes").mkdir()
    assert tree_manifest(tmp_path) == {"a": tree_digest(tmp_path / "a")}
    (tmp_path / "b.jpi").write_bytes(b"")
    with pytest.raises(PluginError, match="is not exploded"):
        tree_manifest(tmp_path)


# A folder against the lock


@pytest.fixture
def image(archive: Path, tmp_path: Path) -> tuple[Lock, Path]:
    """A folder as an image has it, and its lock."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    shutil.copy2(archive, folder / "a.jpi")
    explode(folder / "a.jpi", folder / "a")
    (folder / TREE).write_text(json.dumps(tree_manifest(folder)))
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    return Lock("2.516.2", "x", "", (LockedPlugin("a", "1", sha256, "https://x/a.hpi", "2.479"),)), folder


def kinds(lock: Lock, folder: Path) -> list[tuple[str, str]]:
    found = verify_folder(lock, folder)
    assert all(f.wrong for f in found)
    return [(f.plugin, f.kind) for f in found]


def test_an_exploded_folder_is_compared_with_its_archive_and_with_the_images_digests(
    image: tuple[Lock, Path],
) -> None:
    lock, folder = image
    assert kinds(lock, folder) == []
    (folder / "a/WEB-INF/lib/a.jar").write_bytes(b"other")
    (folder / TREE).write_text(json.dumps({"a": tree_digest(folder / "a")}))  # whoever changes one can change both
    assert kinds(lock, folder) == [("a", "hash")]
    explode(folder / "a.jpi", folder / "a")
    assert kinds(lock, folder) == [("a", "hash")]
    (folder / TREE).unlink()
    assert kinds(lock, folder) == []
    shutil.rmtree(folder / "a")
    assert kinds(lock, folder) == []
    (folder / TREE).write_text("{}")
    assert kinds(lock, folder) == [("a", "missing")]
    other = replace(lock, plugins=(replace(lock.plugins[0], sha256="0" * 64),))
    assert kinds(other, folder) == [("a", "hash")]


@pytest.mark.parametrize("text", ["", "[]", '{"a": '])
def test_digests_that_are_damaged(image: tuple[Lock, Path], text: str) -> None:
    lock, folder = image
    (folder / TREE).write_text(text)
    with pytest.raises(PluginError, match=TREE):
        verify_folder(lock, folder)
