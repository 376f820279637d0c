"""Runs that were killed: the next one finds their records and removes what they left, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from jenkins_bootstrap.facts import Image
from jenkins_bootstrap.images import commit, runs

PLACE = "embedded eu-west-1"


class Cloud:
    """Holds images by AMI name; writes down what is removed."""

    def __init__(self, *images: Image) -> None:
        self.images = {image.name: image for image in images}
        self.removed: list[str] = []

    def project_images(self, project: str) -> tuple[Image, ...]:
        return tuple(self.images.values())

    def named_image(self, name: str) -> Image | None:
        return self.images.get(name)

    def deregister(self, image: str) -> None:
        self.removed.append(image)

    def remove_run(self, tag: str, run: str, key_pairs: str) -> list[str]:
        self.removed.append(f"{tag}={run} {key_pairs}")
        return []

    def tag(self, ids: Sequence[str], tags: Mapping[str, str]) -> None: ...

    def untag(self, ids: Sequence[str], keys: Sequence[str]) -> None: ...

    def make_security_group(self, name: str, vpc: str, port: int, cidr: str, tags: Mapping[str, str]) -> str:
        return "sg-1"


def dead() -> runs.Run:
    """A run of a process of this machine that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    alive = runs.this_run(PLACE)
    return runs.Run(alive.host, ended.pid, 12345, PLACE)


def image(name: str, *tags: tuple[str, str]) -> Image:
    return Image(f"ami-{name}", name, "1", "2026-01-01T00:00:00.000Z", "x86_64", tags)


def test_what_a_dead_run_left_is_removed_once(tmp_path: Path) -> None:
    run = dead()
    runs.write_record(tmp_path, run, ["cut-off", "whole", "never-made"])
    (runs.folder(tmp_path, run) / "base").mkdir()
    cloud = Cloud(image("cut-off"), image("whole", ("ContentKey", "k")), image("another"))
    assert runs.sweep_dead(cloud, tmp_path, PLACE) == ["image ami-cut-off (cut-off)"]
    assert cloud.removed == [f"BakeRun={run.id} jenkins-bootstrap-bake-{run.id}-", "ami-cut-off"]
    assert not runs.folder(tmp_path, run).exists()
    assert runs.sweep_dead(cloud, tmp_path, PLACE) == [] and len(cloud.removed) == 2


@pytest.mark.parametrize("case", ["alive", "other machine", "other place", "process id used again"])
def test_only_dead_runs_of_this_machine_and_place_are_swept(tmp_path: Path, case: str) -> None:
    mine = runs.this_run(PLACE)
    run = {
        "alive": mine,
        "other machine": runs.Run("elsewhere", 1, 1, PLACE),
        "other place": runs.Run(mine.host, dead().pid, 1, "aws eu-west-1"),
        "process id used again": runs.Run(mine.host, mine.pid, mine.started - 1, PLACE),
    }[case]
    runs.write_record(tmp_path, run, ["x"])
    cloud = Cloud(image("x"))
    assert bool(runs.sweep_dead(cloud, tmp_path, PLACE)) == (case == "process id used again")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"amis": [], "host": "x"}', '{"amis": 1}'])
def test_a_record_that_is_none_is_left_alone(tmp_path: Path, text: str) -> None:
    record = tmp_path / "bakes" / "x" / "run.json"
    record.parent.mkdir(parents=True)
    record.write_text(text)
    assert runs.sweep_dead(Cloud(), tmp_path, PLACE) == []
    assert record.exists()


def test_a_record_holds_no_more_than_names(tmp_path: Path) -> None:
    run = runs.this_run(PLACE)
    runs.write_record(tmp_path, run, ["a"])
    text = (runs.folder(tmp_path, run) / "run.json").read_text()
    assert set(json.loads(text)) == {"host", "pid", "started", "place", "amis"}
    runs.end_run(tmp_path, run)
    assert not runs.folder(tmp_path, run).exists()


def test_old_logs_go_and_new_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in range(60):
        path = tmp_path / "logs" / f"{number:02}.log"
        path.touch()
        os.utime(path, (number, number))
    runs.end_run(tmp_path, runs.this_run(PLACE))
    assert sorted(p.name for p in (tmp_path / "logs").iterdir()) == [f"{n:02}.log" for n in range(10, 60)]


def test_the_commit_is_that_of_the_settings_with_dirty(tmp_path: Path) -> None:
    assert commit.commit_of(tmp_path) == "none"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert commit.commit_of(tmp_path) == "none"
    (tmp_path / "f").write_text("1")
    subprocess.run([*git, "add", "f"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert commit.commit_of(tmp_path) == head
    (tmp_path / "untracked").touch()
    assert commit.commit_of(tmp_path) == head
    (tmp_path / "f").write_text("2")
    assert commit.commit_of(tmp_path) == f"{head}-dirty"
