"""The shape of secrets: each way in which one can be wrong is told without its value."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from jenkins_bootstrap.aws import credentials, secrets
from jenkins_bootstrap.config.models import Account, Controller, SignIn
from jenkins_bootstrap.errors import SecretError, SeveralErrors

CANARY = "not-a-real-password-canary"
GOOD = {
    "admin_username": "admin",
    "admin_password": CANARY,
    "github_username": "octocat",
    "github_token": "not-a-real-token",
    "github_webhook_secret": "not-a-real-webhook-secret",
}


def pem(key, form=serialization.PrivateFormat.TraditionalOpenSSL, passphrase=None):
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, lock).decode()


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize("form", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8])
def test_rsa_in_pem_is_taken(rsa_key, form):
    credentials.check_rsa_pem(pem(rsa_key, form), "secret agent")


def test_a_key_that_is_not_pem():
    with pytest.raises(SecretError, match="no private key in PEM"):
        credentials.check_rsa_pem("ssh-rsa AAAA not a private key", "secret agent")


def test_an_openssh_key_says_how_to_convert_it(rsa_key):
    with pytest.raises(SecretError) as error:
        credentials.check_rsa_pem(pem(rsa_key, serialization.PrivateFormat.OpenSSH), "secret agent")
    assert "ssh-keygen -p -m PEM" in error.value.hint


def test_an_ed25519_key_says_that_rsa_is_wanted():
    with pytest.raises(SecretError, match=r"Ed25519.*RSA only"):
        credentials.check_rsa_pem(
            pem(ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.PKCS8), "secret"
        )


def test_a_key_with_a_passphrase(rsa_key):
    with pytest.raises(SecretError, match="passphrase"):
        credentials.check_rsa_pem(pem(rsa_key, passphrase=b"not-a-real-passphrase"), "secret agent")


def test_a_key_that_is_cut_off_never_shows_its_text(rsa_key):
    whole = pem(rsa_key)
    with pytest.raises(SecretError, match="cut off") as error:
        credentials.check_rsa_pem(whole[:400] + "\n-----END RSA PRIVATE KEY-----", "secret agent")
    assert whole[100:140] not in str(error.value)
    assert error.value.__cause__ is None


def test_the_settings_secret_of_the_original_is_taken():
    assert secrets.check_settings_secret(json.dumps(GOOD), "secret", {"token"}) == GOOD


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"admin_password={CANARY}", "is not JSON"),
        (json.dumps([CANARY]), "no object"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "github_token"}), "has no key github_token"),
        (json.dumps(GOOD | {"github_webhook_secret": " "}), "the value of github_webhook_secret is empty"),
        (json.dumps(GOOD | {"github_token": 7}), "the value of github_token is no string"),
        (json.dumps(GOOD | {"admin_pasword": CANARY}), "did you mean admin_password?"),
    ],
)
def test_a_wrong_settings_secret_is_told_without_its_values(text, told):
    with pytest.raises(SecretError) as error:
        secrets.check_settings_secret(text, "secret jenkins", {"token"})
    assert told in str(error.value)
    assert CANARY not in str(error.value)


def test_several_wrong_keys_are_told_at_once():
    with pytest.raises(SeveralErrors) as error:
        secrets.check_settings_secret("{}", "secret jenkins", {"token"})
    assert {e.what for e in error.value.errors} >= {"has no key admin_password", "has no key github_token"}


def test_an_app_needs_its_id_and_key(rsa_key):
    app = {k: v for k, v in GOOD.items() if k not in ("github_username", "github_token")}
    with pytest.raises(SeveralErrors, match="github_app_private_key"):
        secrets.check_settings_secret(json.dumps(app), "secret jenkins", {"app"})
    app |= {"github_app_id": "12", "github_app_private_key": pem(rsa_key)}
    assert secrets.check_settings_secret(json.dumps(app), "secret jenkins", {"app"})


def test_a_missing_secret_says_how_to_make_it(aws):
    with pytest.raises(SecretError, match="no such secret") as error:
        secrets.read(aws, "jenkins")
    assert "create-secret --name jenkins" in error.value.hint


def test_an_empty_and_a_binary_secret(aws):
    client = aws.client("secretsmanager")
    client.create_secret(Name="blank", SecretString="\n")
    client.create_secret(Name="binary", SecretBinary=b"\x00")
    with pytest.raises(SecretError, match="is empty"):
        secrets.read(aws, "blank")
    with pytest.raises(SecretError, match="is binary"):
        secrets.read(aws, "binary")


def test_a_deleted_secret(aws):
    client = aws.client("secretsmanager")
    client.create_secret(Name="gone", SecretString="x")
    client.delete_secret(SecretId="gone")
    with pytest.raises(SecretError):
        secrets.read(aws, "gone")


def test_keys_that_the_settings_name_are_known(settings):
    controller = Controller(
        url="https://jenkins.example.org/",
        accounts=[Account(id="ada")],
        sign_in=SignIn(
            kind="ldap", options={"managerPasswordSecret": "secret:ldap_password", "server": "ldap.example.org"}
        ),
    )
    named = secrets.named_keys(controller)
    assert named == (("ldap_password",), ("password_ada",))
    with pytest.raises(SecretError, match="has no key ldap_password"):
        secrets.check_settings_secret(json.dumps(GOOD), "secret", {"token"}, named)
    both = GOOD | {"ldap_password": "not-a-real-one", "password_ada": "not-a-real-one"}
    assert secrets.check_settings_secret(json.dumps(both), "secret", {"token"}, named) == both
    with pytest.raises(SecretError, match="unknown key password_grace"):
        secrets.check_settings_secret(json.dumps(both | {"password_grace": "x"}), "secret", {"token"}, named)


@pytest.mark.parametrize("name", ["Ada", "ADA", "ada "])
def test_an_account_that_is_the_administrator_but_for_case_is_told(aws, settings, name):
    accounts = [Account(id="grace"), Account(id="ada")]
    controller = settings.controller.model_copy(update={"accounts": accounts})
    wanted = settings.model_copy(update={"controller": controller})
    aws.client("secretsmanager").create_secret(Name="jenkins", SecretString=json.dumps(GOOD | {"admin_username": name}))
    with pytest.raises(SecretError, match=r"admin_username is controller\.accounts\[1\] in other letters") as error:
        secrets.settings_secret(aws, wanted)
    assert name not in str(error.value)
    github = controller.model_copy(update={"sign_in": SignIn(kind="github", options={})})
    outside = wanted.model_copy(update={"controller": github})
    assert secrets.settings_secret(aws, outside).value["admin_username"] == name
    same = json.dumps(GOOD | {"admin_username": "ada"})
    aws.client("secretsmanager").put_secret_value(SecretId="jenkins", SecretString=same)
    assert secrets.settings_secret(aws, wanted).value["admin_username"] == "ada"


def test_values_are_in_no_repr(aws, settings):
    aws.client("secretsmanager").create_secret(Name="jenkins", SecretString=json.dumps(GOOD))
    assert CANARY not in repr(secrets.read(aws, "jenkins"))
    checked = secrets.settings_secret(aws, settings)
    assert CANARY not in repr(checked)
    assert checked.value == GOOD
    assert checked.shape.keys == tuple(sorted(GOOD))
