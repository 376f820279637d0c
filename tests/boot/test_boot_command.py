"""The command `boot` as jenkins.service calls it: exit status, what is said, what the page is told."""

import json

import pytest

from jenkins_bootstrap.boot.failures import Failure
from jenkins_bootstrap.cli.main import run


def boot(controller, *arguments):
    return run(["boot", "--root", str(controller.root), *arguments])


def test_the_plan_as_rows_and_as_lines(controller, capsys):
    assert boot(controller, "--plan", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["step"] for row in rows][-1] == "secrets"
    assert boot(controller, "--plan", "--exit-code") == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows)
    assert not controller.hooks.exists()


def test_an_image_has_the_target_it_was_baked_for(controller, capsys):
    assert boot(controller, "--target", "aws") == 2
    assert "leave it out" in capsys.readouterr().err


def test_without_an_image_boot_refuses(tmp_path, capsys):
    assert run(["boot", "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "share/jenkins-bootstrap/settings.json" in said
    assert "boot runs inside a controller image" in said


@pytest.mark.parametrize("part", ["confirm", "ended", "page"])
def test_without_an_image_no_part_of_it_does_anything(tmp_path, capsys, part):
    assert run(["boot", "--root", str(tmp_path), part]) == 1
    assert "runs inside a controller image" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_failure_is_kept_for_the_page(controller, capsys):
    controller.image.write_text('{"target": "embed')
    controller.secrets.write_text("left by a boot that was killed")
    assert boot(controller) == 1
    assert "is cut off" in capsys.readouterr().err
    kept = Failure.read(controller.failed)
    assert kept is not None
    assert "is cut off" in kept.reasons[0].what
    assert not controller.secrets.exists()


def test_an_unexpected_error_is_kept_by_its_kind_alone(controller, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("jenkins_bootstrap.boot.prepare.Boot.run", lambda *_: {}["not-a-real-secret"])
    assert boot(controller) == 4
    assert list(tmp_path.glob("jenkins-bootstrap-error-*.md"))
    text = controller.failed.read_text()
    assert "unexpected KeyError" in text
    assert "not-a-real-secret" not in text


@pytest.fixture
def quiet(controller):
    """An instance that does not say which it is: nothing is told to AWS."""
    told = json.loads(controller.embedded.read_text())
    controller.embedded.write_text(json.dumps(told | {"instance_id": ""}))
    return controller


def test_confirm_names_the_stage_that_has_not_run(quiet, capsys):
    assert boot(quiet, "confirm") == 1
    assert "the stage init.groovy has not run" in capsys.readouterr().err
    quiet.results.mkdir(parents=True)
    for stage in ("init.groovy", "aws.txt", "github.txt", "githubrepos.txt"):
        (quiet.results / f"{stage}.json").write_text(json.dumps({"stage": stage, "seconds": 0.1, "changed": False}))
    assert boot(quiet, "confirm") == 0
    assert not quiet.failed.exists()


def test_ended_counts_a_failed_boot(quiet, monkeypatch):
    called = []
    monkeypatch.setattr("jenkins_bootstrap.cli.boot._systemctl", lambda *words: called.append(words))
    for name, value in {"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "70"}.items():
        monkeypatch.setenv(name, value)
    assert boot(quiet, "ended") == 0
    assert ("start", "jenkins-bootstrap-page.service") in called
    assert json.loads(quiet.boots.read_text())["failed"] == 1
