"""Repositories by a GitHub App: its credential is whole, jobs name it, and a second start changes nothing."""

import contextlib
import hashlib
import xml.etree.ElementTree as ET

import pytest
from cryptography.hazmat.primitives import serialization

from jenkins_bootstrap.embedded.seeder import agent_key
from jenkins_bootstrap.stages.values import SERVICE_ACCOUNT

ID = "github-app-acme-demo"
APP = "4711"


@pytest.fixture(scope="module")
def app(have_plugins, new_world, base_settings, listed, tmp_path_factory):
    """A world whose owner has a GitHub App, the App's key, and a running controller."""
    have_plugins("github-branch-source", "workflow-multibranch")
    raw = base_settings()
    del raw["controller"]["credentials"]
    raw["github"]["owners"][0] |= {"sign_in": "app", "installation": 1}
    world = new_world(tmp_path_factory.mktemp("app"), raw, listed()[:3])
    with contextlib.closing(world):
        key = agent_key()
        world.put_secrets(github_app_id=APP, github_app_private_key=key, github_token=None, github_username=None)
        controller = world.controller()
        controller.start()
        controller.wait()
        yield world, controller, key


@pytest.fixture
def service(app, client):
    _, controller, _ = app
    return client(controller, SERVICE_ACCOUNT, controller.layout.service_token.read_text())


API = "return org.jenkinsci.plugins.github_branch_source.GitHubConfiguration.get().endpoints*.apiUri"


def pkcs8(pem):
    """The same key in the one form that the plugin reads."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def assert_whole(service, key):
    """Compared inside Jenkins, as a key is given to nobody."""
    assert service.script(
        """
        def all = com.cloudbees.plugins.credentials.SystemCredentialsProvider.instance.credentials
        def one = all.find { it.respondsTo('getId') && it.id == id_ }
        return [type: one.class.simpleName, scope: one.scope.name(), app: one.appID, api: one.apiUri,
            owner: one.repositoryAccessStrategy.owner, repositories: one.repositoryAccessStrategy.repositories,
            key: one.privateKey.plainText.readLines() == key.readLines()]
        """,
        id_=ID,
        key=pkcs8(key),
    ) == {
        "type": "GitHubAppCredentials",
        "scope": "GLOBAL",
        "app": APP,
        "api": service.script(API)[0],
        "owner": "acme-demo",
        "repositories": [],
        "key": True,
    }


def test_the_credential_is_as_the_settings_and_the_secret_say(app, service, client):
    _, controller, key = app
    assert_whole(service, key)
    shown = f"credentials/store/system/domain/_/credential/{ID}"
    assert service.json(shown, "id,typeName,displayName")["id"] == ID
    page = service.get(f"{shown}/update").text
    assert not [line for pem in (key, pkcs8(key)) for line in pem.splitlines() if line in page]
    assert client(controller).get(f"{shown}/api/json").status_code == 403
    ids = service.json("credentials/store/system/domain/_", "credentials[id]")["credentials"]
    assert "github-token" not in {one["id"] for one in ids}


def test_the_endpoint_is_the_one_that_the_app_signs_in_to(app, service):
    world, _, _ = app
    assert service.script(API) == [world.ctx.endpoints.github_url]


def test_jenkins_signs_in_as_the_app(app, service):
    """With a JWT of its key it gets an installation's token from the embedded GitHub."""
    assert (
        service.script(
            """
        def all = com.cloudbees.plugins.credentials.SystemCredentialsProvider.instance.credentials
        try {
            return all.find { it.respondsTo('getId') && it.id == id_ }.password.plainText.length() > 10
        } catch (Throwable problem) {
            return [problem, problem.cause, problem.cause?.cause]*.toString()
        }
        """,
            id_=ID,
        )
        is True
    )


def test_every_job_names_the_credential(app, service):
    jobs = service.json("job/github/job/acme-demo", "jobs[name]")["jobs"]
    assert len(jobs) == 3
    for job in jobs:
        text = service.get(f"job/github/job/acme-demo/job/{job['name']}/config.xml").text
        root = ET.fromstring(text.partition("?>")[2])
        assert [one.text for one in root.iter("credentialsId")] == [ID]


def test_a_second_start_changes_nothing(app, client):
    _, controller, key = app
    names = ["config.xml", "credentials.xml", "jobs/github/jobs/acme-demo/config.xml"]
    names += [
        str(path.relative_to(controller.layout.home))
        for path in controller.layout.home.glob("jobs/github/jobs/acme-demo/jobs/*/config.xml")
    ]
    assert len(names) == 6

    def digests():
        return {name: hashlib.sha256((controller.layout.home / name).read_bytes()).hexdigest() for name in names}

    controller.stop()
    before = digests()
    stored = (controller.layout.home / "credentials.xml").read_text()
    assert not [line for pem in (key, pkcs8(key)) for line in pem.splitlines() if line in stored]
    controller.start()
    assert controller.wait().restarts == 0
    assert {name: one["changes"] for name, one in controller.stages.items() if one["changed"]} == {}
    assert digests() == before
    assert_whole(client(controller, SERVICE_ACCOUNT, controller.layout.service_token.read_text()), key)
