"""What a boot and a look do no more often than they must: each secret is read and checked once, the facts are put
together once."""

import json

import pytest

from jenkins_bootstrap.aws import secrets
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.stages import facts_document

ALL = ["jenkins", "jenkins_slave_private_key", "npm"]


@pytest.fixture
def boot_settings(boot_settings):
    """With two credentials of one secret."""
    raw = boot_settings.model_dump(mode="json", exclude_unset=True)
    raw["controller"]["credentials"] = [
        {"id": "npm-token", "secret": "npm", "kind": "text"},
        {"id": "registry", "secret": "npm", "kind": "username-password", "username": "robot"},
    ]
    return Settings.model_validate(raw)


@pytest.fixture
def cloud(cloud, session):
    session.client("secretsmanager").create_secret(Name="npm", SecretString="not-a-real-npm-token")
    return cloud


@pytest.fixture
def done(session, monkeypatch):
    """The names of the secrets whose current version is read, and of what else is counted, in their order."""
    counted = []

    def read(model, params, **_):
        asked = json.loads(params["body"])
        if "VersionId" not in asked:  # versions that have ended are read beside it, for the overlap
            counted.append(asked["SecretId"])

    def counting(module, name):
        real = getattr(module, name)

        def call(*arguments, **named):
            counted.append(name)
            return real(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    counting(secrets, "check_rsa_pem")
    counting(facts_document, "facts_document")
    events = session.client("secretsmanager").meta.events
    events.register("before-call.secrets-manager.GetSecretValue", read)
    yield counted
    events.unregister("before-call.secrets-manager.GetSecretValue", read)


def test_a_boot_reads_each_secret_once(boot_of, done):
    boot_of().run()
    assert sorted(done) == ["check_rsa_pem", "facts_document", *ALL]


def test_each_look_reads_each_secret_once(look_of, put, session, done):
    done.clear()
    assert look_of().run().pending == ()
    assert [name for name in sorted(done) if name in ALL] == ALL
    assert done.count("check_rsa_pem") == 1
    put(github_token="not-a-real-token-new")
    done.clear()
    assert [each.stage for each in look_of().run().pending] == ["github.txt"]
    assert [name for name in sorted(done) if name in ALL] == ALL
