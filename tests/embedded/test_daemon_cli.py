"""`embedded up`, `down`, `env` as a user types them."""

import json
import os
import subprocess
import sys

import pytest

from jenkins_bootstrap.cli.main import run

SETTINGS = """\
version: 1
project: demo
region: eu-west-1
controller:
  url: http://jenkins.example.org/
  volume: {tags: {Role: home}}
github:
  owners:
    - name: acme-demo
"""


@pytest.fixture
def command(place, capsys):
    """Runs a command line with settings of its own; returns status, standard output, standard error."""
    (place.folder / "jenkins-bootstrap.yml").write_text(SETTINGS)

    def call(*words):
        status = run(["-c", str(place.folder / "jenkins-bootstrap.yml"), *words])
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_up_shows_where_it_listens_and_the_state_folder_lies_beside_the_settings(command, place):
    status, out, err = command("embedded", "up", "--json")
    assert status == 0, err
    value = json.loads(out)
    assert value["aws"].startswith("http://127.0.0.1:")
    assert value["github"].endswith("/api/v3")
    assert value["state"] == str(place.folder / ".jenkins-bootstrap")
    assert command("embedded", "up")[1].startswith("AWS     http://127.0.0.1:")


def test_the_plan_of_up_starts_nothing_and_names_what_would_be_made(command, place):
    status, out, _err = command("embedded", "up", "--plan", "--exit-code")
    assert status == 3
    assert "start the embedded AWS and GitHub" in out
    assert "make volume Role=home in eu-west-1a" in out
    assert not place.state.root.exists()
    command("embedded", "up")
    assert command("embedded", "up", "--plan", "--exit-code")[:2] == (0, "nothing to do\n")


def test_env_can_be_evaluated_by_a_shell(command, place):
    status, out, _err = command("embedded", "env")
    assert status == 0
    script = out + 'printf %s "$AWS_ENDPOINT_URL"; test -r "$JENKINS_BOOTSTRAP_JENKINS_TOKEN_FILE"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("http://127.0.0.1:")
    assert all(line.startswith("export ") for line in out.splitlines())


def test_down_says_what_it_would_do_and_does_it(command, place):
    command("embedded", "up")
    status, out, _err = command("embedded", "down", "--wipe", "--plan", "--exit-code")
    assert status == 3
    assert "end the daemon" in out
    assert str(place.state.root) in out
    assert json.loads(command("embedded", "down", "--json")[1]) == {"was_running": True, "wiped": False}
    assert command("embedded", "down", "--plan", "--exit-code")[:2] == (0, "nothing to do\n")
    assert place.state.root.exists()
    command("embedded", "down", "--wipe")
    assert not place.state.root.exists()


def test_a_folder_with_other_things_in_it_is_not_wiped(command, place):
    mine = place.folder / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    settings = place.folder / "jenkins-bootstrap.yml"
    settings.write_text(SETTINGS + f"embedded:\n  state: {mine}\n")
    assert command("embedded", "up")[0] == 0
    status, _out, err = command("embedded", "down", "--wipe")
    assert status == 1
    assert "not removed" in err
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_secrets_of_the_embedded_aws_are_in_no_output_and_no_log(command, place):
    shown = "".join(command("embedded", "up", "-v")[1:]) + "".join(command("embedded", "env", "-v")[1:])
    endpoints = place.up(settings=None)
    secrets = place.aws(endpoints, "secretsmanager")
    values = json.loads(secrets.get_secret_value(SecretId="jenkins")["SecretString"])
    key = secrets.get_secret_value(SecretId="jenkins_slave_private_key")["SecretString"]
    log = place.state.log.read_text()
    for value in [values["admin_password"], values["github_webhook_secret"], key.splitlines()[1]]:
        assert value not in shown + log
    assert place.state.aws.stat().st_mode & 0o777 == 0o600


def test_up_is_quick_to_refuse_settings_that_are_not_there(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from jenkins_bootstrap.cli.main import entry; entry()", "embedded", "up"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 2
    assert "jenkins-bootstrap.yml" in done.stderr
    assert not (tmp_path / ".jenkins-bootstrap").exists()
