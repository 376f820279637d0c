"""Every secret's value at once: further credentials by kind, the webhook secret before the newest; no value told."""

import contextlib
import itertools
import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from jenkins_bootstrap.aws import find, secrets
from jenkins_bootstrap.aws.credentials import credential_value
from jenkins_bootstrap.aws.webhook import in_force, superseded
from jenkins_bootstrap.cli.check import lookup_rows
from jenkins_bootstrap.config.controller import Credential
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import SecretError, SeveralErrors, raise_all

CANARY = "not-a-real-value-canary"
VALUES = {
    "admin_username": "admin",
    "admin_password": CANARY,
    "github_username": "octocat",
    "github_token": CANARY,
    "github_webhook_secret": f"{CANARY}-new",
}
FORMS = serialization.PrivateFormat
ED25519 = ed25519.Ed25519PrivateKey.generate()


def pem(key, form=FORMS.OpenSSH):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


LOCKED = ED25519.private_bytes(
    serialization.Encoding.PEM, FORMS.PKCS8, serialization.BestAvailableEncryption(b"not-a-real-phrase")
).decode()


@pytest.fixture(scope="module")
def agent_pem():
    return pem(rsa.generate_private_key(public_exponent=65537, key_size=2048), FORMS.TraditionalOpenSSL)


def settings(*credentials, hours=24):
    return Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {
                "url": "https://jenkins.example.org/",
                "credentials": list(credentials),
                "boot": {"webhook_overlap_hours": hours},
            },
            "github": {"owners": [{"name": "acme-demo"}]},
        }
    )


@pytest.fixture
def put(aws, agent_pem):
    def store(name, value):
        kind = "SecretBinary" if isinstance(value, bytes) else "SecretString"
        try:
            aws.call("secretsmanager", "create_secret", Name=name, **{kind: value})
        except Exception:
            aws.call("secretsmanager", "put_secret_value", SecretId=name, **{kind: value})

    store("jenkins_slave_private_key", agent_pem)
    store("jenkins", json.dumps(VALUES))
    return store


def now():
    return datetime.now(UTC)


def all_values(aws, wanted, at):
    found, failed = find.ask(aws, secrets.questions(aws, wanted, at))
    raise_all(list(failed.values()))
    return secrets.values_of(wanted, found)


NPM = {"id": "npm", "secret": "npm", "kind": "text"}


def test_all_of_them_are_read_and_none_shows(aws, put, agent_pem):
    put("npm", f"{CANARY}-npm\n")
    put("kube", b"\x00\xff" + CANARY.encode())
    wanted = settings(NPM, {"id": "kube", "secret": "kube", "kind": "file", "file_name": "kubeconfig"})
    found = all_values(aws, wanted, now())
    assert found.agent_key_pem == agent_pem
    assert found.values == VALUES
    assert found.credentials["npm"] == {"text": f"{CANARY}-npm"}
    assert b64decode(found.credentials["kube"]["content"]) == b"\x00\xff" + CANARY.encode()
    assert not found.overlap_open
    assert CANARY not in repr(found)
    assert "PRIVATE" not in repr(found)


def test_the_secret_before_is_accepted_while_the_new_one_is_young(aws, put):
    put("jenkins", json.dumps(VALUES | {"github_webhook_secret": f"{CANARY}-newer"}))
    found = all_values(aws, settings(), now())
    assert found.values["github_webhook_secret_previous"] == f"{CANARY}-new"
    assert found.overlap_open
    late = all_values(aws, settings(), now() + timedelta(hours=24, seconds=5))
    assert "github_webhook_secret_previous" not in late.values
    assert not late.overlap_open
    assert not all_values(aws, settings(hours=0), now()).overlap_open


def test_a_key_of_the_secret_wins_over_the_version_before(aws, put):
    put("jenkins", json.dumps(VALUES | {"github_webhook_secret": "n", "github_webhook_secret_previous": "told"}))
    assert all_values(aws, settings(), now()).values["github_webhook_secret_previous"] == "told"


def test_check_tells_of_a_previous_key_that_is_not_the_value_before(aws, put):
    def rows():
        ctx = SimpleNamespace(aws=aws, settings=settings(), progress=contextlib.nullcontext)
        return [row for row in lookup_rows(ctx) if "value before" in row.found]

    put("jenkins", json.dumps(VALUES | {"github_webhook_secret": "n", "github_webhook_secret_previous": "seeded"}))
    (row,) = rows()
    assert (row.thing, row.status) == ("secrets.settings", "note")
    assert row.found.startswith("github_webhook_secret_previous is not the value before")
    assert "seeded" not in str(row)
    put("jenkins", json.dumps(VALUES | {"github_webhook_secret": "n"}))
    assert rows() == []


@pytest.mark.parametrize("before", ["no JSON", "[1]", '{"github_webhook_secret": 1}', b"binary", json.dumps(VALUES)])
def test_a_version_before_that_is_of_no_use_does_no_harm(aws, put, before):
    put("jenkins", before)
    put("jenkins", json.dumps(VALUES))
    assert not all_values(aws, settings(), now()).overlap_open


def test_without_a_version_before_there_is_none(aws, put):
    assert not any(superseded(aws, "jenkins", now(), 24).values())


def test_another_key_changed_since_does_not_end_the_overlap(aws, put):
    put("jenkins", json.dumps(VALUES | {"github_webhook_secret": f"{CANARY}-newer"}))
    for password in ("another", "and another"):
        put("jenkins", json.dumps(VALUES | {"github_webhook_secret": f"{CANARY}-newer", "admin_password": password}))
    found = all_values(aws, settings(), now())
    assert found.values["github_webhook_secret_previous"] == f"{CANARY}-new"
    assert all_values(aws, settings(), now() + timedelta(hours=25)).overlap_open is False


def put_a_mistake_and_roll_back(aws, put):
    put("jenkins", json.dumps(VALUES | {"github_webhook_secret": "not-a-real-mistake"}))
    versions = aws.call("secretsmanager", "list_secret_version_ids", SecretId="jenkins")["Versions"]
    stages = {stage: v["VersionId"] for v in versions for stage in v["VersionStages"]}
    aws.call(
        "secretsmanager",
        "update_secret_version_stage",
        SecretId="jenkins",
        VersionStage="AWSCURRENT",
        MoveToVersionId=stages["AWSPREVIOUS"],
        RemoveFromVersionId=stages["AWSCURRENT"],
    )


def test_a_secret_that_was_rolled_back_from_is_accepted_too(aws, put):
    put_a_mistake_and_roll_back(aws, put)
    assert all_values(aws, settings(), now()).values["github_webhook_secret_previous"] == "not-a-real-mistake"
    assert not all_values(aws, settings(), now() + timedelta(hours=25)).overlap_open


def test_a_version_that_a_rotation_has_only_begun_does_not_count(aws, put):
    pending = json.dumps(VALUES | {"github_webhook_secret": "not-yet-a-real-one"})
    aws.call(
        "secretsmanager", "put_secret_value", SecretId="jenkins", SecretString=pending, VersionStages=["AWSPENDING"]
    )
    assert not all_values(aws, settings(), now()).overlap_open


def test_the_receivers_secret_before_is_accepted_too_and_each_has_its_own_overlap(aws, put):
    put("jenkins", json.dumps(VALUES | {"github_receiver_secret": f"{CANARY}-r1"}))
    assert not all_values(aws, settings(), now()).overlap_open
    put("jenkins", json.dumps(VALUES | {"github_receiver_secret": f"{CANARY}-r2"}))
    found = all_values(aws, settings(), now())
    assert found.values["github_receiver_secret_previous"] == f"{CANARY}-r1"
    assert "github_webhook_secret_previous" not in found.values
    assert found.overlap_open
    put("jenkins", json.dumps(VALUES))
    assert "github_receiver_secret_previous" not in all_values(aws, settings(), now()).values


def made(aws, number):
    """When the version of that place was made; -1 is the newest."""
    versions = aws.call("secretsmanager", "list_secret_version_ids", SecretId="jenkins", IncludeDeprecated=True)
    ids = [version["VersionId"] for version in versions["Versions"]]
    found = [aws.call("secretsmanager", "get_secret_value", SecretId="jenkins", VersionId=id_) for id_ in ids]
    return sorted(one["CreatedDate"] for one in found)[number]


@pytest.fixture
def ticking(monkeypatch):
    """Every version is made at a second of its own."""
    from moto.secretsmanager import models

    ticks = itertools.count(2_000_000_000, 100)
    monkeypatch.setattr(models, "time", SimpleNamespace(time=lambda: float(next(ticks))))


def test_since_when_a_webhook_secret_is_in_force_is_known(aws, put, ticking):
    put("jenkins", json.dumps(VALUES | {"github_receiver_secret": f"{CANARY}-r"}))
    put(
        "jenkins",
        json.dumps(VALUES | {"github_webhook_secret": f"{CANARY}-w2", "github_receiver_secret": f"{CANARY}-r"}),
    )
    put(
        "jenkins",
        json.dumps(
            VALUES
            | {"github_webhook_secret": f"{CANARY}-w2", "github_receiver_secret": f"{CANARY}-r", "jenkins_url": "x"}
        ),
    )
    found = in_force(aws, "jenkins")
    assert found == {"github_webhook_secret": made(aws, 2), "github_receiver_secret": made(aws, 1)}
    put("jenkins", json.dumps(VALUES))
    assert in_force(aws, "jenkins") == {"github_webhook_secret": made(aws, 4)}


def test_a_value_that_was_rolled_back_to_counts_from_the_version_in_between(aws, put, ticking):
    put_a_mistake_and_roll_back(aws, put)
    assert in_force(aws, "jenkins") == {"github_webhook_secret": made(aws, -1)}


def test_everything_that_is_wrong_is_told_at_once_and_without_a_value(aws, put):
    put("jenkins_slave_private_key", f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----")
    put("jenkins", json.dumps(VALUES | {"break_glass": CANARY}))
    put("login", json.dumps({"username": "u", CANARY: CANARY}))
    login = {"id": "login", "secret": "login", "kind": "username-password"}
    with pytest.raises(SeveralErrors) as error:
        all_values(aws, settings(login), now())
    text = str(error.value)
    assert [word in text for word in ("cut off", "break_glass", "no key password")] == [True] * 3
    assert CANARY not in text + repr(error.value)


def test_secrets_that_are_missing_are_told_together(aws, put):
    other = {"id": "other", "secret": "other", "kind": "text"}
    with pytest.raises(SeveralErrors) as error:
        all_values(aws, settings(NPM, other), now())
    assert "secret npm" in str(error.value)
    assert "secret other" in str(error.value)


def test_the_glass_is_open_or_the_key_is_away(aws, put):
    put("jenkins", json.dumps(VALUES | {"break_glass": "open"}))
    assert all_values(aws, settings(), now()).values["break_glass"] == "open"
    for wrong in ("", "true", "Open"):
        put("jenkins", json.dumps(VALUES | {"break_glass": wrong}))
        with pytest.raises(SecretError, match="break_glass is not open"):
            all_values(aws, settings(), now())


def test_a_password_that_jenkins_cannot_hash_is_told_before_it_starts(aws, put):
    put("jenkins", json.dumps(VALUES | {"admin_password": "\u00e4" * 36}))
    all_values(aws, settings(), now())
    put("jenkins", json.dumps(VALUES | {"admin_password": "\u00e4" * 37}))
    with pytest.raises(SecretError, match="longer than 72 bytes") as error:
        all_values(aws, settings(), now())
    assert "\u00e4" not in str(error.value)


def test_each_credential_is_a_look_up_of_its_own(aws, put):
    found, failed = find.ask(aws, find.questions(aws, settings(NPM)))
    assert set(failed) == {"controller.credentials[0]"}
    put("npm", CANARY)
    found, failed = find.ask(aws, find.questions(aws, settings(NPM)))
    assert not failed
    assert [(id_, shape.name) for id_, shape in find.facts(aws, settings(NPM), found).credentials] == [("npm", "npm")]


def test_a_secret_that_several_settings_name_is_read_once_and_they_share_its_error(aws, put):
    pair = {"id": "pair", "secret": "npm", "kind": "username-password", "username": "u"}
    both = settings(NPM, pair)
    asked = []
    aws.client("secretsmanager").meta.events.register(
        "before-call.secrets-manager.GetSecretValue", lambda params, **_: asked.append(json.loads(params["body"]))
    )
    found, failed = find.ask(aws, find.questions(aws, both))
    assert set(failed) == {"controller.credentials[0]", "controller.credentials[1]"}
    assert len({id(error) for error in failed.values()}) == 1
    put("npm", CANARY)
    asked.clear()
    found, failed = find.ask(aws, find.questions(aws, both))
    assert not failed
    assert sorted(one["SecretId"] for one in asked) == ["jenkins", "jenkins_slave_private_key", "npm"]
    assert secrets.values_of(both, found).credentials == {
        "npm": {"text": CANARY},
        "pair": {"username": "u", "password": CANARY},
    }


def test_what_was_not_read_is_blank(aws, put):
    blank = secrets.values_of(settings(NPM), {})
    assert (blank.agent_key_pem, blank.values, blank.credentials, blank.overlap_open) == ("", {}, {}, False)


def value(kind, text, binary=None, **more):
    return credential_value(Credential(id="one", secret="one", kind=kind, **more), text, binary, "secret one")


def test_what_a_kind_takes():
    assert value("text", "a\nb\r\n") == {"text": "a\nb"}
    assert value("username-password", "p\n", username="u") == {"username": "u", "password": "p"}
    pair = {"username": "u", "password": "p"}
    assert value("username-password", json.dumps(pair)) == pair
    key = pem(ED25519)
    assert value("ssh-key", key, username="git") == {"username": "git", "private_key": key}
    assert value("ssh-key", json.dumps({"username": "git", "private_key": key}))["private_key"] == key
    locked = {"private_key": LOCKED, "passphrase": "not-a-real-phrase"}
    assert value("ssh-key", json.dumps(locked), username="git") == {"username": "git", **locked}
    assert value("file", "text") == {"file_name": "one", "content": "dGV4dA=="}


@pytest.mark.parametrize("form", [FORMS.PKCS8, FORMS.TraditionalOpenSSL, FORMS.OpenSSH])
def test_keys_of_every_form_are_taken(agent_pem, form):
    key = serialization.load_pem_private_key(agent_pem.encode(), password=None)
    assert value("ssh-key", pem(key, form), username="git")


@pytest.mark.parametrize(
    ("kind", "text", "more", "what"),
    [
        ("text", "", {"binary": b"b"}, "is binary"),
        ("username-password", CANARY, {}, "not JSON"),
        ("username-password", json.dumps([CANARY]), {}, "no object"),
        ("username-password", json.dumps({"username": CANARY}), {}, "no key password"),
        ("username-password", json.dumps({"username": CANARY, "password": ""}), {}, "empty"),
        ("username-password", json.dumps({"username": CANARY, "password": 1}), {}, "no string"),
        ("username-password", json.dumps({"username": "u", "password": "p", CANARY: "x"}), {}, "1 unknown key"),
        ("ssh-key", CANARY, {"username": "git"}, "no private key"),
        ("ssh-key", pem(ED25519), {}, "no username"),
        ("ssh-key", LOCKED, {"username": "git"}, "has a passphrase"),
        (
            "ssh-key",
            json.dumps({"private_key": LOCKED, "passphrase": CANARY}),
            {"username": "git"},
            "passphrase is wrong",
        ),
        ("ssh-key", pem(ED25519)[:90] + "\n-----END OPENSSH PRIVATE KEY-----", {"username": "git"}, "cut off"),
    ],
)
def test_what_a_kind_does_not_take_is_told_without_the_value(kind, text, more, what):
    with pytest.raises(SecretError, match=what) as error:
        value(kind, text, **more)
    assert CANARY not in str(error.value) + repr(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("character", ["\0", "\u2028", "\ufffe", "\uffff", "\ud800"])
def test_a_user_s_name_that_jenkins_cannot_store_is_told_by_its_code_point(character):
    name = f"{CANARY}{character}"
    pair = json.dumps({"username": name, "password": "p"})
    key = json.dumps({"username": name, "private_key": pem(ED25519)})
    keys = json.dumps(VALUES | {"admin_username": name, "github_username": name})
    for wrong, words in (
        (lambda: value("username-password", pair), ["value of username"]),
        (lambda: value("ssh-key", key), ["value of username"]),
        (
            lambda: secrets.check_settings_secret(keys, "secret one", {"token"}),
            ["value of admin_username", "value of github_username"],
        ),
    ):
        with pytest.raises((SecretError, SeveralErrors)) as error:
            wrong()
        assert f"U+{ord(character):04X}" in str(error.value)
        assert [word in str(error.value) for word in ["secret one", *words]] == [True] * (len(words) + 1)
        assert CANARY not in str(error.value)


def test_what_is_stored_encrypted_may_have_any_whole_character():
    text = "p\0\x01\u2028\ufffe\uffff\U0001f600"
    assert value("text", text) == {"text": text}
    pair = {"username": "u\x01\x1b\U0001f600", "password": text}
    assert value("username-password", json.dumps(pair)) == pair
    keys = VALUES | {"admin_password": text, "github_token": text}
    assert secrets.check_settings_secret(json.dumps(keys), "secret one", {"token"}) == keys


@pytest.mark.parametrize("key", ["admin_password", "github_token", "github_webhook_secret"])
def test_half_a_character_is_told_wherever_it_stands(key):
    half = f"{CANARY}\udc00"
    for wrong in (
        lambda: secrets.check_settings_secret(json.dumps(VALUES | {key: half}), "secret one", {"token"}),
        lambda: value("text", half),
        lambda: value("file", half),
        lambda: value("username-password", json.dumps({"username": "u", "password": half})),
    ):
        with pytest.raises(SecretError, match=r"U\+DC00") as error:
            wrong()
        assert CANARY not in str(error.value)


@pytest.mark.parametrize(
    "name", ["anonymous", "Anonymous", " SYSTEM ", "Authenticated", "_Jenkins-Bootstrap", "unknown"]
)
def test_the_administrator_is_a_person(name):
    with pytest.raises(SecretError, match=r"the value of admin_username is .*(Jenkins|jenkins-bootstrap)"):
        secrets.check_settings_secret(json.dumps(VALUES | {"admin_username": name}), "secret one", {"token"})
