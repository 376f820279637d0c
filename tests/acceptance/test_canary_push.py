"""The push that `hooks check` signs itself: a real Jenkins notes it with the job, and builds nothing."""

import time

import pytest
import requests

from jenkins_bootstrap.controller.client import Controller
from jenkins_bootstrap.controller.events import deliver, job_events
from jenkins_bootstrap.hooks.canary import canary_push, outcome
from jenkins_bootstrap.stages.values import SERVICE_ACCOUNT

JOB = "github/acme-demo/repository-007"


@pytest.fixture
def service(controller, have_plugins):
    have_plugins("github", "github-branch-source", "workflow-multibranch")
    return Controller(controller.url, SERVICE_ACCOUNT, controller.layout.service_token.read_text())


@pytest.fixture
def push(controller, facts, world):
    def send(full_name, nonce, secret=None):
        secret = secret or world.canaries["github_webhook_secret"]
        made = canary_push(full_name, facts["github_api_url"], secret, nonce)
        return made.mark, deliver(controller.url + "github-webhook/", made.body, made.headers)

    return send


def came_of(service, mark, job=JOB, seconds=20.0):
    """What the job's log says of it in the end; `none` when it has not noted it by then."""
    deadline = time.monotonic() + seconds
    while True:
        said = outcome(job_events(service, job) or "", mark)
        if said in ("done", "failed") or time.monotonic() > deadline:
            return said
        time.sleep(0.2)


def test_a_push_is_noted_with_its_job_and_nothing_is_built(service, push, admin):
    mark, status = push("acme-demo/repository-007", "0001")
    assert status == 200
    assert came_of(service, mark) == "done", job_events(service, JOB)
    assert admin.json(f"job/{JOB.replace('/', '/job/')}", "jobs[name]")["jobs"] == []


def test_a_push_whose_look_at_github_fails_is_told_as_that(service, push, world):
    faults = world.ctx.endpoints.github_url.removesuffix("api/v3") + "-/faults"
    requests.post(faults, json={"status": 401, "path": "repository-009", "times": 100}, timeout=10).raise_for_status()
    try:
        mark, status = push("acme-demo/repository-009", "0004")
        assert status == 200
        assert came_of(service, mark, "github/acme-demo/repository-009") == "failed"
    finally:
        requests.delete(faults, timeout=10).raise_for_status()


def test_a_push_with_another_secret_is_refused_and_not_noted(service, push):
    mark, status = push("acme-demo/repository-007", "0002", "not-the-secret")
    assert status == 400
    assert came_of(service, mark, seconds=3.0) == "none"


def test_a_push_for_another_repository_is_not_noted_here(service, push):
    mark, status = push("acme-demo/repository-008", "0003")
    assert status == 200
    assert came_of(service, mark, "github/acme-demo/repository-008") == "done"
    assert came_of(service, mark, seconds=0.0) == "none"


def test_a_job_that_is_not_there_has_no_events(service):
    assert job_events(service, "github/acme-demo/none") is None
