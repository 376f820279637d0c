"""The job `reconcile`: what its agent runs, run here, against a receiver that listens."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from jenkins_bootstrap.jobs.marker import parse_line
from jenkins_bootstrap.jobs.xml import render_all

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here; the job is NOT run")
AGENT = {
    "label": "linux",
    "ami": {"image": "agent"},
    "instance_types": ["m7i.large"],
    "security_groups": {"tags": {"Role": "agent"}},
    "subnets": {"tags": {"Role": "agent"}},
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return tmp_path_factory.mktemp("shapes")


@pytest.fixture
def definition(settings, shapes):
    data = settings.model_dump(mode="json", exclude_defaults=True) | {"agents": [AGENT]}
    data["controller"].pop("receiver")
    rendered = render_all(type(settings).model_validate(data), [], cache=shapes)
    (job,) = [job for job in rendered.jobs if job.path == settings.jobs.own_folder + "/reconcile"]
    return ET.fromstring(job.xml)


def shell(definition):
    """The script of the step `sh`, as Groovy gives it to the agent."""
    text = definition.findtext("definition/script").split("script: '''")[1].split("'''")[0]
    return text.replace("\\\\", "\\")


def run(definition, receiver, token="not-a-real-reconcile-token", **more):
    environment = {
        **os.environ,
        "RECONCILE_TOKEN": token,
        "RECEIVER": f"http://{receiver.host}:{receiver.port}/jenkins-bootstrap",
        "no_proxy": "*",
    }
    return subprocess.run(
        ["sh", "-c", shell(definition)], env=environment | more, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_is_ours_in_its_own_folder_sandboxed_and_asks_the_receiver(definition, settings):
    line = parse_line(definition.findtext("description"))
    assert (line.kind, line.owner, line.id) == ("job", "demo", None)
    assert definition.findtext("definition/sandbox") == "true"
    script = definition.findtext("definition/script")
    assert "node('linux')" in script
    assert "RECEIVER=https://jenkins.example.org/jenkins-bootstrap'" in script
    assert "{{" not in script and "}}" not in script


def test_where_the_settings_have_no_agents_any_does(settings, shapes):
    (job,) = [job for job in render_all(settings, [], cache=shapes).jobs if job.id is None]
    assert b"node('')" in job.xml


def test_it_waits_for_the_result_and_hands_it_on(definition, receiver):
    done = run(definition, receiver)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n1 created\n"
    assert "not-a-real" not in done.stdout + done.stderr
    assert receiver.work.asked == [None]


def test_a_reconciliation_that_failed_is_handed_on_too(definition, receiver):
    receiver.work.fail = 1
    done = run(definition, receiver)
    assert (done.returncode, done.stdout) == (0, "failed\nGitHub is away\n")


def test_with_another_token_it_fails(definition, receiver):
    done = run(definition, receiver, token="not-a-real-other")
    assert done.returncode != 0 and "401" in done.stderr and not done.stdout
    assert receiver.work.asked == []


def test_the_token_is_in_no_list_of_processes(definition, receiver, tmp_path):
    curl = tmp_path / "curl"
    curl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/arguments\nexec {shutil.which("curl")} "$@"\n')
    curl.chmod(0o755)
    done = run(definition, receiver, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 0
    arguments = (tmp_path / "arguments").read_text()
    assert "/reconcile" in arguments and "not-a-real" not in arguments
