"""The job `reconcile` in a real Jenkins: it has its token, runs in the sandbox, and shows what came of it."""

import asyncio
import shutil
import threading
import time

import pytest

from jenkins_bootstrap.config.controller import Receiver
from jenkins_bootstrap.controller.client import Controller
from jenkins_bootstrap.controller.jobs import JobsApi
from jenkins_bootstrap.jobs.xml import render_all
from jenkins_bootstrap.receiver.ports import Result
from jenkins_bootstrap.receiver.service import Service

ID = "jenkins-bootstrap-reconcile"
CREDENTIAL = """
def own = jenkins.model.Jenkins.get().getItemByFullName(folder)
def kind = com.cloudbees.hudson.plugins.folder.properties.FolderCredentialsProvider.FolderCredentialsProperty
return own.properties.get(kind).store.getCredentials(com.cloudbees.plugins.credentials.domains.Domain.global())
    .collectEntries { [(it.id): [it.class.simpleName, it.secret.plainText == token]] }
"""
ELSEWHERE = """
def all = com.cloudbees.plugins.credentials.CredentialsProvider.lookupCredentialsInItem(
    com.cloudbees.plugins.credentials.common.StandardCredentials, jenkins.model.Jenkins.get().getItemByFullName(job),
    hudson.security.ACL.SYSTEM2, [])
return all*.id
"""
EXECUTOR = """
def jenkins = jenkins.model.Jenkins.get()
jenkins.labelString = 'linux'
jenkins.numExecutors = count
jenkins.setMode(hudson.model.Node.Mode.EXCLUSIVE)
jenkins.save()
return jenkins.numExecutors
"""


@pytest.fixture(scope="module")
def receiver(world, controller, tmp_path_factory):
    """A receiver whose work succeeds or fails as told."""
    told = {"error": ""}
    settings = world.trial.settings
    free = Receiver.model_construct(port=0, address="127.0.0.1", queue_most=100)
    settings = settings.model_copy(update={"controller": settings.controller.model_copy(update={"receiver": free})})
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    service = Service(
        settings,
        tmp_path_factory.mktemp("receiver") / "deliveries.db",
        dict,
        lambda _values: lambda _target: Result(3, ("3 created", "warning: one is odd"), told["error"]),
        token=controller.layout.reconcile_token.read_text,
        say=lambda _line: None,
        first=1e6,
    )
    runner = asyncio.run_coroutine_threadsafe(service.start(), loop).result(20)
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/jenkins-bootstrap", told
    asyncio.run_coroutine_threadsafe(service.stop(runner), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)


@pytest.fixture(scope="module")
def job(world, controller, admin, have_plugins, receiver):
    """The job as it is made, but for the receiver's address; on the built-in node in an agent's place."""
    have_plugins("workflow-job", "workflow-cps", "credentials-binding", "plain-credentials")
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    settings = world.trial.settings
    (made,) = [job for job in render_all(settings, []).jobs if job.id is None]
    address = f"{settings.controller.url}jenkins-bootstrap"
    assert address.encode() in made.xml
    token = controller.layout.service_token.read_text().strip()
    api = JobsApi(Controller(controller.url, "_jenkins-bootstrap", token))
    api.create(made.path, made.xml.replace(address.encode(), receiver[0].encode()))
    assert admin.script(EXECUTOR, count=1) == 1
    yield made.path
    admin.script(EXECUTOR, count=0)
    api.delete(made.path)


def build(admin, path, number):
    """The result of a build, its log and its description."""
    url = "".join(f"job/{name}/" for name in path.split("/"))
    assert admin.post(f"{url}build").status_code == 201
    end = time.monotonic() + 120
    while time.monotonic() < end:
        answer = admin.get(f"{url}{number}/api/json")
        if answer.status_code == 200 and answer.json()["result"]:
            return answer.json()["result"], admin.get(f"{url}{number}/consoleText").text, answer.json()["description"]
        time.sleep(0.3)
    raise AssertionError(admin.get(f"{url}{number}/consoleText").text)


def test_its_token_is_in_its_folder_alone(world, controller, admin):
    folder = world.trial.settings.jobs.own_folder
    token = controller.layout.reconcile_token.read_text()
    assert admin.script(CREDENTIAL, folder=folder, token=token) == {ID: ["StringCredentialsImpl", True]}
    top = world.trial.settings.jobs.folder
    (name, *_) = [one["name"] for one in admin.json(f"job/{top}/job/acme-demo", "jobs[name]")["jobs"]]
    assert ID not in admin.script(ELSEWHERE, job=f"{top}/acme-demo/{name}")


def test_it_shows_what_came_of_it(job, admin, receiver, controller):
    result, log, description = build(admin, job, 1)
    assert result == "SUCCESS", log
    assert "3 created" in log and "warning: one is odd" in log
    assert description == "3 created"
    assert controller.layout.reconcile_token.read_text() not in log


def test_it_fails_when_the_reconciliation_failed(job, admin, receiver):
    receiver[1]["error"] = "GitHub is away"
    result, log, _ = build(admin, job, 2)
    assert result == "FAILURE" and "GitHub is away" in log and "is tried again by itself" in log
