"""The gateway to a running Jenkins, against an HTTP server that signs in and wants crumbs as Jenkins does."""

import importlib.util
import socket
from pathlib import Path

import pytest

from jenkins_bootstrap.controller.client import Controller, ControllerError, StageFailed

spec = importlib.util.spec_from_file_location("jenkins_double", Path(__file__).with_name("jenkins_double.py"))
jenkins_double = importlib.util.module_from_spec(spec)
spec.loader.exec_module(jenkins_double)


@pytest.fixture
def double():
    with jenkins_double.serving(jenkins_double.Double()) as made:
        yield made


@pytest.fixture
def jenkins(double):
    return Controller(double.url, double.user, double.token, timeout=5)


def run(jenkins, tmp_path, stage="aws.txt"):
    return jenkins.run_stage(str(tmp_path / stage), str(tmp_path / f"{stage}.json"), stage)


def test_a_stage_is_run_by_its_file_and_says_what_it_changed(double, jenkins, tmp_path):
    result = run(jenkins, tmp_path)
    assert (result.stage, result.seconds, result.changes) == ("aws.txt", 0.25, ("something",))
    assert f"'{tmp_path}/aws.txt'" in double.scripts[0]
    assert "'aws.groovy'" in double.scripts[0]
    assert double.token not in double.scripts[0]


def test_a_stage_that_fails_tells_its_cause_and_remedy(double, jenkins, tmp_path):
    double.stages = lambda name, file: {"stage": name, "failed": True, "cause": "no image", "remedy": "bake it"}
    with pytest.raises(StageFailed) as error:
        run(jenkins, tmp_path)
    assert (error.value.where, error.value.what, error.value.hint) == ("stage aws.txt", "no image", "bake it")


def test_a_stage_that_leaves_no_result_has_failed(double, jenkins, tmp_path):
    double.stages = lambda name, file: None
    with pytest.raises(StageFailed, match="without saying"):
        run(jenkins, tmp_path)


def test_an_answer_of_something_else_than_our_script(double, jenkins, tmp_path):
    double.answer = "<html>a proxy's page, not-a-real-secret-canary</html>"
    with pytest.raises(ControllerError, match="not that of our script") as error:
        run(jenkins, tmp_path)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "systemctl restart"), (403, "permission"), (500, "log of Jenkins"), (503, "wait")]
)
def test_a_refusal_says_what_to_do_and_shows_nothing_of_the_page(double, jenkins, tmp_path, status, hint):
    double.status["/scriptText"] = status
    with pytest.raises(ControllerError, match=f"answers {status}") as error:
        run(jenkins, tmp_path)
    assert hint in error.value.hint
    assert error.value.status == status
    assert "canary" not in str(error.value)


def test_a_token_that_is_not_known(double, tmp_path):
    with pytest.raises(ControllerError, match="answers 401") as error:
        run(Controller(double.url, double.user, "another-token"), tmp_path)
    assert "another-token" not in str(error.value) + repr(Controller(double.url, "a", "another-token"))


def test_nobody_listens(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        jenkins = Controller(f"http://127.0.0.1:{probe.getsockname()[1]}/", "a", "b")
        assert not jenkins.is_up()
        with pytest.raises(ControllerError, match="cannot be reached"):
            jenkins.version()


def test_up_only_once_the_login_page_is_there(double, jenkins):
    double.up = False
    assert not jenkins.is_up()
    with pytest.raises(ControllerError, match="not up after 0 s"):
        jenkins.wait_until_ready(0)
    jenkins.wait_until_ready(5, sleep=lambda _seconds: setattr(double, "up", True))


def test_version_and_plugins(double, jenkins):
    assert jenkins.version() == "2.516.2"
    assert [(p.name, p.version, p.active) for p in jenkins.plugins()] == [
        ("ec2", "2059", True),
        ("github", "1.45.0", False),
    ]
    double.answer = 'jenkins-bootstrap-result ["b", "a"]\n'
    assert jenkins.failed_plugins() == ("a", "b")


@pytest.mark.parametrize("name", ["it's", "back\\slash", "$dollar ${x}", "two\nlines"])
def test_no_path_breaks_out_of_the_script(double, jenkins, name):
    double.answer = 'jenkins-bootstrap-result {"seconds": 1}\n'
    jenkins.run_stage(f"/a/{name}", "/b", "aws.txt")
    line = next(line for line in double.scripts[0].splitlines() if line.startswith("def file"))
    literal = line.removeprefix("def file = Paths.get(").removesuffix(")")
    # In single quotes Groovy and Python read these the same.
    assert eval(literal) == f"/a/{name}"
