"""`watch` as a person or systemd calls it."""

import json
from types import SimpleNamespace

import pytest

from jenkins_bootstrap.boot import watch as watching
from jenkins_bootstrap.boot.watch import Looked, Pending
from jenkins_bootstrap.cli.main import run
from jenkins_bootstrap.controller.client import StageFailed, StageResult
from jenkins_bootstrap.errors import BootstrapError

PENDING = (Pending("github.txt", None, ("secret key github_token",)),)


@pytest.fixture
def command(tmp_path, capsys):
    def called(*arguments):
        status = run(["watch", "--root", str(tmp_path), *arguments])
        said = capsys.readouterr()
        return SimpleNamespace(status=status, out=said.out, err=said.err)

    return called


@pytest.fixture
def call(monkeypatch, command):
    def called(looked, *arguments):
        monkeypatch.setattr(watching.Look, "plan", lambda self: looked)
        monkeypatch.setattr(watching.Look, "run", lambda self: looked)
        monkeypatch.setattr("signal.signal", lambda *_: None)  # the tests' own process keeps its handlers
        return command(*arguments)

    return called


def test_no_jenkins_is_no_error_and_nothing_is_made(command, tmp_path, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    done = command("--url", "http://127.0.0.1:9/")
    assert done.status == 0
    assert "no Jenkins has come up here" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_plan_names_stages_and_what_changed(call):
    done = call(Looked(True, PENDING), "--plan", "--exit-code")
    assert done.status == 3
    assert "github.txt: secret key github_token" in done.out
    assert call(Looked(True, PENDING), "--plan").status == 0
    assert call(Looked(True), "--plan", "--exit-code").status == 0


def test_as_json(call):
    done = call(Looked(True, PENDING, (StageResult("github.txt", 0.5, ("webhook secrets",)),)), "--json")
    assert json.loads(done.out) == {
        "up": True,
        "pending": [{"stage": "github.txt", "because": ["secret key github_token"]}],
        "applied": [{"stage": "github.txt", "seconds": 0.5, "changes": ["webhook secrets"]}],
        "held_up": [],
        "failed": [],
    }


def test_a_stage_that_failed_is_an_error(call):
    done = call(Looked(True, PENDING, (), (StageFailed("no image", where="stage aws.txt", hint="bake it"),)))
    assert done.status == 1
    assert "no image" in done.err


def test_what_is_held_up_is_an_error_that_names_its_stage(call):
    failed = BootstrapError("nothing matches; held up by it: aws.txt", where="agents[0].ami")
    looked = Looked(True, PENDING, (), (failed,), {"aws.txt": ["agents[0].ami"]})
    done = call(looked, "--plan", "--exit-code")
    assert done.status == 1
    assert "held up by it: aws.txt" in done.err
    assert "github.txt: secret key github_token" in done.out
    shown = json.loads(call(looked, "--json").out)
    assert shown["held_up"] == [{"stage": "aws.txt", "because": ["agents[0].ami"]}]
    assert [error["where"] for error in shown["failed"]] == ["agents[0].ami"]


def test_an_image_has_its_target(call):
    assert call(Looked(True), "--target", "aws").status == 2
