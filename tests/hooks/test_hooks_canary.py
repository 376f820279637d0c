"""The push that `hooks check` signs itself, and how its effect is looked for."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from jenkins_bootstrap.cli.check import Row
from jenkins_bootstrap.cli.hooks_check import canary_rows
from jenkins_bootstrap.cli.webhooks import read
from jenkins_bootstrap.controller.client import Controller
from jenkins_bootstrap.errors import UsageError
from jenkins_bootstrap.hooks.canary import canary_push, html_root

EVENTS = "/job/github/job/acme/job/app/indexing/eventsText/progressiveText"


class FakeJenkins:
    """Takes signed deliveries and notes those that it understands, as a multibranch job does."""

    def __init__(self) -> None:
        self.secret = "not-a-real-webhook-secret"
        self.log = "an event of another day\n"
        self.notes = self.ends = True
        self.between = "Getting remote pull requests from branch ...\n"
        self.status = 200

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        code, text = 404, ""
        if environ["PATH_INFO"] == EVENTS and environ.get("HTTP_AUTHORIZATION"):
            code, text = self.status, self.log
        elif environ["PATH_INFO"] == "/github-webhook/":
            right = "sha256=" + hmac.new(self.secret.encode(), body, "sha256").hexdigest()
            code = 200 if environ.get("HTTP_X_HUB_SIGNATURE_256") == right else 400
            if code == 200 and self.notes:
                branch = json.loads(body)["ref"].removeprefix("refs/heads/")
                self.log += f"[now] Received Push event to branch {branch} in repository acme/app\n{self.between}"
                if self.ends:
                    self.log += f"[now] Push event to branch {branch} in repository acme/app processed in 2.1 sec\n"
        start_response(f"{code} X", [("Content-Length", str(len(text)))])
        return [text.encode()]


@pytest.fixture
def jenkins() -> FakeJenkins:
    return FakeJenkins()


@pytest.fixture
def look(world: Any, serve: Any, jenkins: FakeJenkins) -> Callable[..., Row]:
    world.configure(hooks={"canary": "acme/app"})
    world.endpoints.jenkins_url = "http://127.0.0.1:1/"
    url = serve(jenkins)

    def check(find: Callable[[], Controller] | None = None) -> Row:
        with read(world) as found:
            make = find or (lambda: Controller(url, "somebody", "not-a-real-token"))
            (row,) = canary_rows(world, found, make, sleep=lambda _s: None)
            return row

    return check


def test_a_push_that_the_job_has_noted_is_fine(look: Any) -> None:
    row = look()
    assert (row.status, row.thing) == ("ok", "canary acme/app")
    assert "github/acme/app has noted a signed push and looked at GitHub" in row.found


def test_a_push_that_is_taken_and_not_noted_is_a_failure(look: Any, jenkins: FakeJenkins) -> None:
    jenkins.notes = False
    row = look()
    assert row.status == "fail"
    assert "got 200, but" in row.found


def test_a_push_whose_look_at_github_fails_is_a_failure(look: Any, jenkins: FakeJenkins) -> None:
    jenkins.between = "ERROR: Could not connect\n\tat something\n"
    row = look()
    assert (row.status, row.found.rpartition(", ")[2]) == ("fail", "but its look at GitHub failed")
    assert row.remedy.endswith("/job/github/job/acme/job/app/indexing/events")
    jenkins.ends = False
    assert "was not done within 30 s" in look().found


def test_a_push_of_another_time_does_not_count(look: Any, jenkins: FakeJenkins) -> None:
    assert look().status == "ok"
    jenkins.notes = False
    assert look().status == "fail"


def test_a_secret_that_jenkins_does_not_know_is_told_as_that(look: Any, jenkins: FakeJenkins) -> None:
    jenkins.secret = "not-a-real-other-one"
    row = look()
    assert (row.status, row.found.rsplit(" ", 1)[1]) == ("fail", "400")
    assert "signature" in row.remedy


def test_a_repository_without_a_job_is_told(look: Any, world: Any) -> None:
    world.configure(hooks={"canary": "acme/none"})
    assert "Jenkins has no job github/acme/none" in look().found
    world.configure(hooks={"canary": "elsewhere/app"})
    assert look().status == "fail"


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_jenkins_that_does_not_tell_is_a_failure(look: Any, jenkins: FakeJenkins, status: int) -> None:
    jenkins.status = status
    row = look()
    assert row.status == "fail"
    assert str(status) in row.found


def test_a_jenkins_that_does_not_answer_is_a_failure(look: Any) -> None:
    row = look(lambda: Controller("http://127.0.0.1:9/", "somebody", "not-a-real-token"))
    assert (row.status, row.found.rpartition(": ")[2]) == ("fail", "cannot be reached")


def test_without_a_canary_or_a_jenkins_it_is_said_that_nobody_looked(look: Any, world: Any) -> None:
    def unknown() -> Controller:
        raise UsageError("no account is given", hint="--user NAME --token-file FILE")

    row = look(unknown)
    assert (row.status, row.found) == ("note", "not looked for: no account is given")
    row = look(lambda: Controller(world.endpoints.jenkins_url, "somebody", "not-a-real-token"))
    assert (row.status, row.found) == ("note", "not looked for: the embedded Jenkins takes no webhooks")
    world.configure()
    assert look().found == "not looked for: no repository is named"


def test_the_push_is_signed_and_tells_of_a_branch_that_is_nobodys() -> None:
    push = canary_push("acme/app", "https://api.github.com", "not-a-real-secret", "n0nce")
    payload = json.loads(push.body)
    assert payload["ref"] == "refs/heads/jenkins-bootstrap-canary-n0nce"
    assert payload["created"]
    assert set(payload["after"]) != {"0"}
    assert payload["repository"]["html_url"] == "https://github.com/acme/app"
    signature = hmac.new(b"not-a-real-secret", push.body, "sha256").hexdigest()
    assert push.headers["X-Hub-Signature-256"] == f"sha256={signature}"
    assert "not-a-real-secret" not in repr(push)


@pytest.mark.parametrize(
    ("api_url", "root"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://ghe.example/api/v3", "https://ghe.example"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("http://127.0.0.1:18392/api/v3", "http://127.0.0.1"),
    ],
)
def test_the_pages_address_follows_from_the_apis(api_url: str, root: str) -> None:
    assert html_root(api_url) == root
