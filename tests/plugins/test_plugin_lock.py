"""The lock file: its bytes, what is refused, when it must be made anew, and what verifying finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from jenkins_bootstrap.config import Settings
from jenkins_bootstrap.config.starter import starter
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.lock import (
    Lock,
    completed,
    dumps,
    loads,
    lock_needed,
    made_for,
    path_beside,
    read,
    write,
)
from jenkins_bootstrap.plugins.notes import verify, verify_folder
from jenkins_bootstrap.plugins.resolve import resolve
from jenkins_bootstrap.plugins.update_center import UpdateCenter

Make = Callable[..., UpdateCenter]
CORE = "2.516.2"
DOCUMENT = {"git": "5.7 2.479 scm-api@1 ?junit@1", "scm-api": "2.1 2.300", "sshd": "4 2.479"}


@pytest.fixture
def lock(document: Make) -> Lock:
    return resolve(["git"], document(DOCUMENT), CORE)


def test_the_same_lock_gives_the_same_bytes_and_comes_back_whole(lock: Lock, tmp_path: Path) -> None:
    path = tmp_path / "jenkins-bootstrap.lock.json"
    write(path, lock)
    first = path.read_bytes()
    assert read(path) == lock
    write(path, replace(lock, plugins=lock.plugins[::-1]))
    assert path.read_bytes() == first
    assert first.endswith(b"}\n")


def test_the_lock_says_what_a_reader_of_it_needs(lock: Lock) -> None:
    value = json.loads(dumps(lock))
    assert (value["format"], value["core"], value["updateCenter"]) == (
        1,
        CORE,
        {"id": "test", "generated": "2025-01-01T00:00:00Z"},
    )
    git, scm_api = value["plugins"]
    assert git == {
        "name": "git",
        "version": "5.7",
        "sha256": lock.plugins[0].sha256,
        "url": "https://updates.example.com/git/5.7/git.hpi",
        "requiredCore": "2.479",
        "dependencies": ["scm-api@1"],
        "optional": ["junit@1"],
        "requested": True,
    }
    assert scm_api["requested"] is False


def test_it_says_which_java_and_architecture_it_is_for(document: Make, tmp_path: Path) -> None:
    made = resolve(["git"], document(DOCUMENT), CORE, made_for=(21, "arm64"))
    value = json.loads(dumps(made))
    assert (value["format"], value["java"], value["architecture"]) == (2, 21, "arm64")
    write(tmp_path / "x.json", made)
    assert read(tmp_path / "x.json") == made


def test_a_lock_of_the_first_format_is_read_and_completed_from_the_settings(lock: Lock) -> None:
    old = loads(dumps(lock), "x")
    assert (json.loads(dumps(lock))["format"], old.java, old.architecture) == (1, None, None)
    wanted = settings(["git"])
    assert lock_needed(wanted, old) is None
    new = completed(old, wanted)
    assert (new.java, new.architecture, new.plugins) == (21, "amd64", old.plugins)
    assert completed(replace(new, java=17), wanted).java == 17


def test_a_lock_for_another_java_or_architecture_does_not_fit(lock: Lock) -> None:
    made = completed(lock, settings(["git"]))
    newer = settings(["git"], java=25)
    assert lock_needed(newer, made) == "it is for Java 21 on amd64, the settings want Java 25 on amd64"
    other = settings(["git"], architecture="arm64")
    assert made_for(other) == (21, "arm64")
    assert lock_needed(other, made) == "it is for Java 21 on amd64, the settings want Java 21 on arm64"


def test_it_lies_beside_the_settings(tmp_path: Path) -> None:
    assert path_beside(tmp_path / "other.yml") == tmp_path / "jenkins-bootstrap.lock.json"


def test_no_lock(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"there is no plugin lock[\s\S]*plugins lock"):
        read(tmp_path / "x.json")


def broken(change: Callable[[dict[str, Any]], object], lock: Lock) -> str:
    value = json.loads(dumps(lock))
    change(value)
    return json.dumps(value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v.update(format=3), "has format 3, this version knows 1 and 2"),
        (lambda v: v.update(format=2), "damaged: 'java'"),
        (lambda v: v.update(format=2, java="21", architecture="amd64"), "java is no number"),
        (lambda v: v.update(format=2, java=21), "damaged: 'architecture'"),
        (lambda v: v.pop("format"), "is no plugin lock"),
        (lambda v: v.pop("core"), "damaged: 'core'"),
        (lambda v: v.update(core=2.5), "core is no text"),
        (lambda v: v.update(plugins={}.get("x")), "damaged"),
        (lambda v: v.update(plugins=["git"]), "damaged"),
        (lambda v: v["plugins"].append(v["plugins"][0]), "git is locked twice"),
        (lambda v: v["plugins"][0].update(sha256="abc"), "sha256 of git is not 64 hex digits"),
        (lambda v: v["plugins"][0].update(sha256="A" * 64), "sha256 of git is not 64 hex digits"),
        (lambda v: v["plugins"][0].update(requested="yes"), "requested of git"),
        (lambda v: v["plugins"][0].update(dependencies=["scm-api"]), "has no version"),
        (lambda v: v["plugins"][0].update(dependencies=5), "damaged"),
        (lambda v: v["plugins"][0].update(name="../../etc/x"), "is no plugin's name"),
    ],
)
def test_a_damaged_lock_is_refused(lock: Lock, change: Callable[[dict[str, Any]], object], says: str) -> None:
    with pytest.raises(PluginError, match=says):
        loads(broken(change, lock), "x.lock.json")


def test_a_lock_that_is_cut_off_or_in_a_merge_conflict_names_the_line(lock: Lock, tmp_path: Path) -> None:
    path = tmp_path / "x.lock.json"
    path.write_text(dumps(lock)[:100])
    with pytest.raises(PluginError, match="is no JSON") as caught:
        read(path)
    assert caught.value.where.startswith(f"{path}:")
    path.write_text("<<<<<<< HEAD\n" + dumps(lock))
    with pytest.raises(PluginError, match="merge conflicts"):
        read(path)
    path.write_bytes(b"\xff")
    with pytest.raises(PluginError, match="cannot be read"):
        read(path)


def settings(plugins: list[str], core: str = CORE, java: int = 21, architecture: str = "amd64") -> Settings:
    value = yaml.safe_load(starter())
    value["controller"]["java"] = {"version": java}
    source = {"owners": ["136693071363"], "name": "debian-13-*"}
    ours = {"architecture": architecture, "instance_type": "t4g.medium" if architecture == "arm64" else "t3.medium"}
    value["images"] = {
        "base": {"source": source, "template": "base", **ours},
        "controller": {"parent": "base", "template": "controller", **ours},
        "agent": {"source": source, "template": "agent"},
    }
    value["controller"]["plugins"] = plugins
    value["controller"]["jenkins"]["version"] = core
    return Settings.model_validate(value)


@pytest.mark.parametrize(
    ("plugins", "core", "why"),
    [
        (["git"], CORE, None),
        (["git@5.7"], CORE, None),
        (["git@5.8"], CORE, "the settings want git@5.8"),
        (["git", "scm-api"], CORE, "the settings also want scm-api"),
        (["git", "ec2"], CORE, "the settings also want ec2"),
        (["scm-api"], CORE, "the settings also want scm-api"),
        ([], CORE, "the settings no longer want git"),
        (["git"], "2.528.1", "it is for core 2.516.2, the settings want 2.528.1"),
    ],
)
def test_when_plugins_must_be_locked_anew(lock: Lock, plugins: list[str], core: str, why: str | None) -> None:
    assert lock_needed(settings(plugins, core), lock) == why


def test_without_a_lock_one_is_needed() -> None:
    assert lock_needed(settings(["git"]), None) == "there is no plugin lock"


# Verifying


def kinds(found: tuple[Any, ...]) -> list[tuple[str, str, bool]]:
    return [(f.plugin, f.kind, f.wrong) for f in found]


def test_a_lock_verifies_against_the_document_it_came_from(lock: Lock, document: Make) -> None:
    assert verify(lock, document(DOCUMENT)) == ()


def test_another_hash_for_the_same_version_is_wrong(lock: Lock, document: Make) -> None:
    tampered = replace(lock, plugins=(replace(lock.plugins[0], sha256="0" * 64), *lock.plugins[1:]))
    (finding,) = verify(tampered, document(DOCUMENT))
    assert (finding.kind, finding.wrong) == ("hash", True)
    assert "tampered" in finding.hint


def test_newer_and_withdrawn_versions_are_notes(lock: Lock, document: Make) -> None:
    assert kinds(verify(lock, document({"git": "5.8 2.479"}))) == [
        ("git", "newer", False),
        ("scm-api", "withdrawn", False),
    ]


def test_a_lock_edited_by_hand_is_found_out(lock: Lock, document: Make) -> None:
    made = document(DOCUMENT)
    assert kinds(verify(replace(lock, plugins=lock.plugins[:1]), made)) == [("git", "missing", True)]
    assert kinds(verify(replace(lock, core="2.400"), made)) == [("git", "core", True)]
    old = replace(lock.plugins[1], version="0.9")
    assert ("git", "too-old", True) in kinds(verify(replace(lock, plugins=(lock.plugins[0], old)), made))


def test_a_folder_of_files_is_compared_by_hash(lock: Lock, tmp_path: Path, content: Callable[..., bytes]) -> None:
    assert kinds(verify_folder(lock, tmp_path / "none")) == [("git", "missing", True), ("scm-api", "missing", True)]
    (tmp_path / "git.jpi").write_bytes(content("git", "5.7"))
    (tmp_path / "scm-api.hpi").write_bytes(content("scm-api", "2.1"))
    (tmp_path / "notes.txt").write_text("not a plugin")
    assert verify_folder(lock, tmp_path) == ()
    (tmp_path / "scm-api.hpi").write_bytes(b"tampered")
    (tmp_path / "stranger.jpi").write_bytes(b"x")
    assert kinds(verify_folder(lock, tmp_path)) == [("scm-api", "hash", True), ("stranger", "extra", True)]
