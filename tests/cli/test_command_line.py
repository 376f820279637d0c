"""The contract of the command line: names, exit statuses, where things are printed, errors with their remedy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from jenkins_bootstrap.cli import context, main

STARTER = Path(__file__).resolve().parents[2] / "jenkins-bootstrap.yml"


def run(*arguments, cwd=None, **environment):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JENKINS_"))} | environment
    return subprocess.run(
        [sys.executable, "-m", "jenkins_bootstrap", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environ,
        check=False,
    )


def every_command(command=main.main, path=()):
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from every_command(command.get_command(click.Context(command), name), (*path, name))


@pytest.mark.parametrize(
    ("path", "command"), list(every_command()), ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_every_command_has_help_with_an_example(path, command):
    assert "Example:" in (command.help or "")
    assert "jenkins-bootstrap " in command.help.split("Example:")[1]


def test_every_command_that_is_listed_exists():
    assert [name for name, _ in ((p[0], c) for p, c in every_command() if len(p) == 1)] == list(main.COMMANDS)


@pytest.mark.parametrize("name", ["lock", "fetch"])
def test_commands_that_change_something_have_plan_and_exit_code(name):
    commands = {p: c for p, c in every_command() if len(p) == 2 and p[0] == "plugins"}
    options = {o for parameter in commands["plugins", name].params for o in parameter.opts}
    assert {"--plan", "--exit-code"} <= options


def test_wrong_usage_exits_with_2():
    assert run("render").returncode == 2
    assert run("no-such-command").returncode == 2
    assert run("--target", "moon", "check").returncode == 2


def test_no_settings_file_exits_with_2_and_says_what_to_try(tmp_path):
    done = run("render", "--out", "out", "--no-facts", cwd=tmp_path)
    assert done.returncode == 2
    assert "jenkins-bootstrap.yml" in done.stderr
    assert "jenkins-bootstrap init" in done.stderr


def test_wrong_target_in_the_environment_exits_with_2(tmp_path):
    (tmp_path / "jenkins-bootstrap.yml").write_text(STARTER.read_text())
    done = run("bake", "--plan", cwd=tmp_path, JENKINS_BOOTSTRAP_TARGET="moon")
    assert done.returncode == 2
    assert "embedded or aws" in done.stderr


def test_real_aws_without_credentials_is_one_clear_error(tmp_path):
    (tmp_path / "jenkins-bootstrap.yml").write_text(STARTER.read_text())
    done = run(
        *("--target", "aws", "bake", "controller"),
        cwd=tmp_path,
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_CONFIG_FILE="/dev/null",
        AWS_EC2_METADATA_DISABLED="true",
    )
    assert done.returncode == 1
    assert done.stderr.count("error:") == 1
    assert "AWS credentials: none found" in done.stderr
    assert "AWS_PROFILE" in done.stderr


def test_an_image_without_a_definition_is_told_with_the_nearest(tmp_path):
    (tmp_path / "jenkins-bootstrap.yml").write_text(STARTER.read_text())
    done = run("bake", "controler", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'controller'?" in done.stderr


def test_an_unexpected_error_exits_with_4_and_leaves_a_report(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(context.Context, "settings", property(lambda self: 1 / 0))
    assert main.run(["render", "--out", str(tmp_path / "out")]) == 4
    said = capsys.readouterr().err
    (report,) = tmp_path.glob("jenkins-bootstrap-error-*.md")
    assert str(report) in said
    assert "ZeroDivisionError" in report.read_text()


def test_an_interrupt_exits_with_130(monkeypatch, capsys, tmp_path):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(context.Context, "settings", property(interrupted))
    assert main.run(["render", "--out", str(tmp_path / "out")]) == 130


def test_an_interrupt_while_text_is_executed_exits_with_130_too(tmp_path):
    """Python ends a `python -m` by SIGINT when ^C once met an `exec` (as a dataclass is made), unless told not to."""
    (tmp_path / "interrupted.py").write_text(
        "from jenkins_bootstrap import __main__\n"
        "from jenkins_bootstrap.cli import main\n\n"
        "main.main.main = lambda **_: exec('raise KeyboardInterrupt')\n"
        "__main__.entry()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stderr


def test_options_may_stand_after_the_command(tmp_path):
    (tmp_path / "jenkins-bootstrap.yml").write_text(STARTER.read_text())
    done = run("render", "--out", "out", "--no-facts", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == [
        "init.groovy",
        "init.groovy.d/aws.txt",
        "init.groovy.d/github.txt",
        "init.groovy.d/githubrepos.txt",
    ]


def test_render_says_not_compiled_where_no_groovy_is_and_can_require_it(tmp_path):
    (tmp_path / "jenkins-bootstrap.yml").write_text(STARTER.read_text())
    without = {"PATH": str(tmp_path / "empty")}
    done = run("render", "--out", "out", "--no-facts", cwd=tmp_path, **without)
    assert done.returncode == 0, done.stderr
    assert "not compiled" in done.stderr
    required = run("render", "--out", "out", "--no-facts", "--require-compile", cwd=tmp_path, **without)
    assert required.returncode == 1
    assert "not compiled" in required.stderr


def test_jobs_from_a_file_of_repositories(tmp_path):
    (tmp_path / "jenkins-bootstrap.yml").write_text(STARTER.read_text())
    (tmp_path / "organisation.json").write_text(
        json.dumps([{"name": n, "full_name": f"acme-demo/{n}"} for n in ("null", "007", "1.10", "on", "-x")])
    )
    done = run("jobs", "render", "--out", "out", "--repositories", "organisation.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = sorted(p.stem for p in (tmp_path / "out/github/acme-demo").glob("*.xml"))
    assert made == ["-x", "007", "1.10", "null", "on"]


def test_a_cut_off_organisation_file_is_told_with_its_place(tmp_path):
    (tmp_path / "jenkins-bootstrap.yml").write_text(STARTER.read_text())
    (tmp_path / "organisation.json").write_text('[{"name": "a", "full_name": "acme-demo/a"}, {"na')
    done = run("jobs", "render", "--out", "out", "--repositories", "organisation.json", cwd=tmp_path)
    assert done.returncode == 1
    assert "organisation.json" in done.stderr
    assert not (tmp_path / "out").exists()
