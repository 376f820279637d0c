"""The gateway to Jenkins' jobs, over HTTP against the embedded one: how many requests, and what failures come to."""

import importlib.util
import socket
from pathlib import Path

import pytest

from jenkins_bootstrap.controller.client import Controller, ControllerError
from jenkins_bootstrap.controller.jobs import MOST_SCANS, JobsApi

spec = importlib.util.spec_from_file_location("controller_conftest", Path(__file__).with_name("conftest.py"))
conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conftest)
FOLDER, multibranch = conftest.FOLDER, conftest.multibranch

WEB = "My Jobs/acme/web"
CALLS = {
    "list": lambda api: api.present("My Jobs"),
    "config": lambda api: api.config(WEB),
    "create": lambda api: api.create("My Jobs/acme/api", multibranch()),
    "update": lambda api: api.update(WEB, multibranch("two")),
    "rename": lambda api: api.rename(WEB, "site"),
    "move": lambda api: api.move(WEB, "My Jobs/other"),
    "delete": lambda api: api.delete(WEB),
    "script": lambda api: api.request_scans([WEB], 2500),
}
WRITES = [kind for kind in CALLS if kind not in ("list", "config")]
AFTER = {
    "create": lambda place: "My Jobs/acme/api" in place.paths(),
    "update": lambda place: place.item(WEB).description == "two",
    "rename": lambda place: "My Jobs/acme/site" in place.paths() and WEB not in place.paths(),
    "move": lambda place: "My Jobs/other/web" in place.paths() and WEB not in place.paths(),
    "delete": lambda place: WEB not in place.paths(),
    "script": lambda place: place.jenkins.app.scans.asked == [WEB] and not place.jenkins.app.scans.waiting,
}


def settled(place):
    with place.jenkins.app.store.lock:
        place.jenkins.app.scans.settle()


@pytest.mark.parametrize("kind", CALLS)
def test_each_is_one_request_with_no_crumb_and_no_look_before_or_after(place, kind):
    CALLS[kind](place.api)
    assert place.jenkins.app.calls.kinds == {kind: 1}
    assert place.jenkins.app.calls.not_modelled == []


def test_all_go_over_one_connection_and_are_told_one_a_line(place):
    for kind in ("list", "config", "create", "update", "script", "rename"):
        CALLS[kind](place.api)
    assert len(place.jenkins.server._open) == 1
    assert len(place.log) == place.count() + 4  # those of the fixture
    assert "GET job/My%20Jobs/api/json: 200" in place.log[4]
    assert not any(place.jenkins.token in line for line in place.log)


def test_what_is_present_is_jenkins_own_tree(place):
    listed = place.api.present("My Jobs")
    assert [one["name"] for one in listed["jobs"]] == ["acme", "other"]
    assert listed["jobs"][0]["jobs"] == [
        {
            "_class": "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject",
            "name": "web",
            "description": "one",
        }
    ]
    assert place.api.present("My Jobs/none") is None
    assert place.api.exists(WEB)
    assert not place.api.exists("My Jobs/acme/WEB")
    assert place.api.config(WEB) == multibranch()


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("what", ["500-done", "503-done", "cut-done"])
def test_what_was_done_without_a_good_answer_is_not_done_again(place, kind, what):
    place.fault(what, call=kind)
    CALLS[kind](place.api)
    settled(place)
    assert AFTER[kind](place)
    # A batch of scans carries a number by which Jenkins knows it, so that it is sent again rather than looked for.
    assert place.count(kind) == (2 if kind == "script" else 1)


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("what", ["500", "503", "cut"])
def test_what_was_not_done_is_tried_again(place, kind, what):
    place.fault(what, call=kind)
    CALLS[kind](place.api)
    settled(place)
    assert AFTER[kind](place)
    assert place.count(kind) == 2
    assert place.slept == [0.5]


def test_an_answer_that_does_not_come_in_time_is_looked_for(place):
    place.api.controller.timeout = 0.2
    place.fault("timeout-done", call="create", seconds=30)
    CALLS["create"](place.api)
    assert place.count("create") == 1
    place.fault("timeout", call="update", seconds=30)
    CALLS["update"](place.api)
    assert place.count("update") == 2


@pytest.mark.parametrize("kind", ["list", "config"])
def test_a_look_is_tried_again_while_jenkins_has_trouble(place, kind):
    place.fault("503", call=kind, times=2)
    CALLS[kind](place.api)
    assert place.count(kind) == 3
    assert place.slept == [0.5, 2.0]


def test_trouble_that_does_not_pass_ends_with_an_error_after_a_few_attempts(place):
    place.fault("503", call="update", times=99)
    with pytest.raises(ControllerError) as error:
        CALLS["update"](place.api)
    assert error.value.status == 503
    assert error.value.where == f"Jenkins at {place.jenkins.url}"
    assert error.value.what == "job 'My Jobs/acme/web' cannot be changed: answers 503"
    assert error.value.hint == "wait until Jenkins is up"
    assert place.count("update") == 4
    place.fault("500", call="delete", times=99)
    with pytest.raises(ControllerError, match="answers 500"):
        CALLS["delete"](place.api)
    assert place.count("delete") == 2  # seldom a passing trouble


def test_a_crumb_is_fetched_only_when_jenkins_wants_one(place):
    place.fault("crumb", call="update", times=99)
    CALLS["update"](place.api)
    place.api.update(WEB, multibranch("three"))
    assert place.jenkins.app.calls.kinds == {"update": 3, "crumb": 1}
    assert place.item(WEB).description == "three"


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        (lambda api: api.create("My Jobs/none/web", multibranch()), 404, "the folder above it, is not there"),
        (lambda api: api.create(WEB, multibranch()), 400, "A job already exists with the name \u2018web\u2019"),
        (lambda api: api.create("My Jobs/acme/a?b", multibranch()), 400, "\u2018?\u2019 is not allowed"),
        (lambda api: api.update("My Jobs/acme/none", multibranch()), 404, "is not there"),
        (lambda api: api.config("My Jobs/acme/none"), 404, "it is not there"),
        (lambda api: api.rename("My Jobs/acme", "other"), 400, "already in use"),
        (lambda api: api.move(WEB, "My Jobs/none"), 302, "Jenkins did nothing"),
        (lambda api: api.update(WEB, FOLDER), 500, "look in the log"),
    ],
)
def test_what_jenkins_refuses_is_an_error_that_says_of_which_job(place, call, status, words):
    with pytest.raises(ControllerError) as error:
        call(place.api)
    assert error.value.status == status
    assert words in str(error.value)
    assert "My Jobs/" in str(error.value)
    assert place.jenkins.url in str(error.value)


def test_one_that_is_gone_already_is_as_good_as_deleted(place):
    place.api.delete("My Jobs/acme/none")
    assert place.count() == 1


def test_another_account_is_told_apart_from_no_permission(place):
    stranger = JobsApi(Controller(place.jenkins.url, place.jenkins.user, "not-the-token"), sleep=place.slept.append)
    with pytest.raises(ControllerError, match="its token is not known") as error:
        stranger.present("My Jobs")
    assert error.value.status == 401
    assert "not-the-token" not in str(error.value) + repr(stranger)
    place.fault("sign-in", call="update")
    with pytest.raises(ControllerError, match="leads to a sign-in page"):
        CALLS["update"](place.api)


def test_an_answer_of_something_else_than_jenkins_is_no_listing(place):
    place.fault("not-json", call="list")
    with pytest.raises(ControllerError, match="no JSON object"):
        place.api.present("My Jobs")


def test_nobody_at_the_address_is_an_error_after_a_while():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/"
    slept = []
    api = JobsApi(Controller(url, "somebody", "not-a-real-token"), sleep=slept.append)
    for call in (lambda: api.present("github"), lambda: api.delete("github/acme/web")):
        with pytest.raises(ControllerError, match="cannot be reached"):
            call()
    assert slept == [0.5, 2.0, 5.0] * 2


def test_a_connection_that_jenkins_has_closed_meanwhile_is_made_anew(place):
    place.api.present("My Jobs")
    for one in list(place.jenkins.server._open):
        one.shutdown(socket.SHUT_RDWR)
    place.api.update(WEB, multibranch("two"))
    assert place.count("update") == 1
    assert place.slept == []


def test_scans_are_asked_for_in_order_once_and_not_of_those_that_cannot_be_scanned(place):
    for name in ("a", "b", "c"):
        place.api.create(f"My Jobs/acme/{name}", multibranch(disabled=name == "b"))
    asked = place.api.request_scans([f"My Jobs/acme/{name}" for name in ("c", "b", "a", "none")], 2500)
    assert (asked.added, asked.passed) == (2, 2)
    again = place.api.request_scans(["My Jobs/acme/a", WEB], 2500)
    assert (again.added, again.waiting) == (1, 2)
    assert place.jenkins.app.scans.asked == ["My Jobs/acme/c"]
    assert list(place.jenkins.app.scans.waiting) == ["My Jobs/acme/a", WEB]


def test_a_batch_of_scans_is_one_request_and_no_larger_than_jenkins_compiles(place):
    place.api.request_scans([f"My Jobs/{'o' * 39}/{'r' * 90}-{n:04}" for n in range(MOST_SCANS)], 2500)
    assert place.count() == 1
    with pytest.raises(ValueError, match="1001 paths"):
        place.api.request_scans([WEB] * (MOST_SCANS + 1), 2500)


def test_killed_at_any_call_the_rest_is_not_sent(place):
    place.fault("gone-done", nth=2)
    place.api.pauses = ()
    CALLS["update"](place.api)
    with pytest.raises(ControllerError):
        CALLS["create"](place.api)
    assert "My Jobs/acme/api" in place.paths()
    place.jenkins.app.faults.clear()
    assert place.api.exists("My Jobs/acme/api")
