"""Reads secrets from AWS Secrets Manager and checks their shape. No value ever enters a message, a file or a log."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from jenkins_bootstrap.aws.session import Aws, AwsError
from jenkins_bootstrap.config.models import Controller, Settings
from jenkins_bootstrap.errors import BootstrapError, SecretError, nearest, raise_all
from jenkins_bootstrap.facts import SecretShape

ALWAYS = ("admin_username", "admin_password", "github_webhook_secret")
WITH_TOKEN = ("github_username", "github_token")
WITH_APP = ("github_app_id", "github_app_private_key")
OPTIONAL = (
    "github_webhook_username",
    "github_webhook_password",
    "github_webhook_secret_previous",
    "github_repos",
    "jenkins_url",
)
KNOWN = ALWAYS + WITH_TOKEN + WITH_APP + OPTIONAL


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's shape and, kept out of every repr, its value."""

    shape: SecretShape
    text: str = field(repr=False)


def read(aws: Aws, name: str) -> Secret:
    """The current version of a secret. Raises SecretError when it is missing, being deleted, binary or empty."""
    where = f"secret {name} in {aws.region}"
    try:
        answer = aws.call("secretsmanager", "get_secret_value", SecretId=name)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise SecretError(
                "there is no such secret, or it has no current value",
                where=where,
                hint=f"aws secretsmanager create-secret --name {name} --secret-string file://FILE",
            ) from error
        if error.code == "InvalidRequestException":
            raise SecretError(error.what, where=where, hint="restore the secret, or name another one") from error
        raise
    if "SecretString" not in answer:
        raise SecretError("is binary", where=where, hint="store it as a string (SecretString)")
    text: str = answer["SecretString"]
    if not text.strip():
        raise SecretError("is empty", where=where, hint="put a value into it")
    return Secret(SecretShape(name, answer["ARN"], answer.get("VersionId", "")), text)


def check_rsa_pem(text: str, where: str, reader: str = "the ec2 plugin") -> None:
    """Raise SecretError unless `text` is an RSA private key in PEM (PKCS#1 or PKCS#8) without a passphrase.

    The ec2 plugin compares fingerprints of RSA keys in PEM only: OpenSSH's own format and ed25519 fail at launch.
    `reader` is who cannot read anything else, for the message.
    """
    if "BEGIN OPENSSH PRIVATE KEY" in text:
        raise SecretError(
            f"is a key in OpenSSH's own format, which {reader} cannot read",
            where=where,
            hint="ssh-keygen -p -m PEM -N '' -f KEYFILE converts an RSA key; another kind must be made anew: "
            "ssh-keygen -t rsa -b 4096 -m PEM -N '' -f KEYFILE",
        )
    if "-----BEGIN" not in text or "PRIVATE KEY-----" not in text:
        raise SecretError(
            "is no private key in PEM (no line BEGIN ... PRIVATE KEY)",
            where=where,
            hint="ssh-keygen -t rsa -b 4096 -m PEM -N '' -f KEYFILE, then store the whole file",
        )
    if "ENCRYPTED" in text:
        raise SecretError("has a passphrase", where=where, hint="ssh-keygen -p -m PEM -N '' -f KEYFILE takes it off")
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text.strip().encode() + b"\n", password=None)
    except Exception:
        # The library's own text may quote the input, so it is dropped.
        raise SecretError(
            "cannot be read as a private key in PEM: it is cut off or its line breaks are lost",
            where=where,
            hint="store the file as it is: --secret-string file://KEYFILE",
        ) from None
    if not isinstance(key, RSAPrivateKey):
        kind = type(key).__name__.strip("_").removesuffix("PrivateKey")
        raise SecretError(
            f"is a key of kind {kind}; {reader} takes RSA only",
            where=where,
            hint="ssh-keygen -t rsa -b 4096 -m PEM -N '' -f KEYFILE",
        )


def required_keys(sign_ins: Collection[str]) -> tuple[str, ...]:
    """The keys that the key-value secret must have, for the ways of signing in to GitHub (token, app) in use."""
    keys: tuple[str, ...] = ALWAYS
    if "token" in sign_ins:
        keys += WITH_TOKEN
    if "app" in sign_ins:
        keys += WITH_APP
    return keys


def named_keys(controller: Controller) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Keys that the settings themselves speak of: required ones, which options of the sign-in name as `secret:KEY`, and
    optional ones, a password for an account."""
    options = [value for value in controller.sign_in.options.values() if isinstance(value, str)]
    required = tuple(sorted({v.removeprefix("secret:") for v in options if v.startswith("secret:")}))
    return required, tuple(f"password_{account.id}" for account in controller.accounts)


def check_settings_secret(
    text: str,
    where: str,
    sign_ins: Collection[str],
    named: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
) -> Mapping[str, str]:
    """The key-value secret as a mapping, each key checked. `named` are required and optional keys of the settings' own.

    Raises SecretError (several at once as SeveralErrors) when it is not JSON, no object, lacks a key, has an unknown
    one, or a value is no string or empty.
    """
    try:
        value = json.loads(text)
    except ValueError:
        raise SecretError("is not JSON", where=where, hint='store one object: {"admin_username": "...", ...}') from None
    if not isinstance(value, dict):
        raise SecretError("is JSON but no object", where=where, hint='store one object: {"admin_username": "...", ...}')
    errors: list[BootstrapError] = []
    known = (*KNOWN, *named[0], *named[1])
    for key in (*required_keys(sign_ins), *named[0]):
        if key not in value:
            errors.append(SecretError(f"has no key {key}", where=where, hint=f"add {key} to the secret's object"))
    for key, content in value.items():
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near}?" if near else f"known keys: {', '.join(known)}"
            errors.append(SecretError(f"has an unknown key {key}", where=where, hint=hint))
        elif not isinstance(content, str):
            errors.append(SecretError(f"the value of {key} is no string", where=where, hint="put it in quotes"))
        elif not content.strip() and key not in (*OPTIONAL, *named[1]):
            errors.append(SecretError(f"the value of {key} is empty", where=where, hint=f"give {key} a value"))
    if "app" in sign_ins and isinstance(value.get("github_app_private_key"), str):
        try:
            check_rsa_pem(value["github_app_private_key"], f"{where}, key github_app_private_key", "a GitHub App")
        except SecretError as error:
            errors.append(error)
    raise_all(errors)
    return value


def agent_key(aws: Aws, name: str) -> SecretShape:
    """The shape of the agents' key, checked."""
    secret = read(aws, name)
    check_rsa_pem(secret.text, f"secret {name} in {aws.region}")
    return secret.shape


def settings_secret(aws: Aws, settings: Settings) -> tuple[SecretShape, Mapping[str, str]]:
    """The shape of the key-value secret with its keys, and its values."""
    name = settings.secrets.settings
    sign_ins = {owner.sign_in for owner in settings.github.owners}
    secret = read(aws, name)
    where = f"secret {name} in {aws.region}"
    values = check_settings_secret(secret.text, where, sign_ins, named_keys(settings.controller))
    shape = secret.shape
    return SecretShape(shape.name, shape.arn, shape.version, tuple(sorted(values))), values
