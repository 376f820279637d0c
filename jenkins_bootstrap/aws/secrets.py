"""Reads secrets from AWS Secrets Manager and checks their shape. No value ever enters a message, a file or a log."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from jenkins_bootstrap.aws.credentials import check_characters, check_rsa_pem, credential_value
from jenkins_bootstrap.aws.session import Aws, AwsError
from jenkins_bootstrap.aws.webhook import superseded, with_overlap
from jenkins_bootstrap.config.checks import NOT_PEOPLE
from jenkins_bootstrap.config.controller import Credential
from jenkins_bootstrap.config.models import Controller, Settings
from jenkins_bootstrap.errors import BootstrapError, SecretError, nearest, raise_all
from jenkins_bootstrap.facts import SecretShape

T = TypeVar("T")
ALWAYS = ("admin_username", "admin_password", "github_webhook_secret")
WITH_TOKEN = ("github_username", "github_token")
WITH_APP = ("github_app_id", "github_app_private_key")
OPTIONAL = (
    "github_webhook_username",
    "github_webhook_password",
    "github_webhook_secret_previous",
    "github_repos",
    "jenkins_url",
    "break_glass",
)
PLAIN = ("admin_username", "github_username", "github_app_id", "github_webhook_username")
"""Keys whose values Jenkins stores as they are; the others are encrypted, hashed or not stored."""
OVERLAP = "controller.boot.webhook_overlap_hours"
"""The path of what fails when the versions of the key-value secret before the current one cannot be read."""
_ENDED = "\0ended"
"""Marks the read of the version before the current one; no secret has such a name."""
MOST_PASSWORD_BYTES = 72
"""As bcrypt, which Jenkins hashes passwords with, reads no more (hudson.security.HudsonPrivateSecurityRealm)."""
KNOWN = ALWAYS + WITH_TOKEN + WITH_APP + OPTIONAL


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's shape and, kept out of every repr, its value."""

    shape: SecretShape
    text: str = field(repr=False)
    binary: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SecretValues:
    """Every value a controller needs. Only ids, names and versions show in its repr.

    `values` are the keys of the key-value secret, with `github_webhook_secret_previous` filled in during an overlap;
    `credentials` the parts of each further credential by its id, as secrets.json holds them; `versions` the version id
    of each secret by its name; `overlap_open` whether deliveries signed with an earlier webhook secret are accepted.
    """

    agent_key_pem: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    credentials: Mapping[str, Mapping[str, str]] = field(repr=False)
    versions: Mapping[str, str]
    overlap_open: bool


@dataclass(frozen=True, slots=True)
class ReadSecrets:
    """What could be read of the secrets, and what failed, by the path of the setting (as `find.questions` has it).

    `agent_key_pem` and `values` are None when they failed, and `credentials` lack those that did. What failed with
    OVERLAP leaves `values` without the webhook secret before the current one.
    """

    agent_key_pem: str | None = field(repr=False)
    values: Mapping[str, str] | None = field(repr=False)
    credentials: Mapping[str, Mapping[str, str]] = field(repr=False)
    versions: Mapping[str, str]
    failed: Mapping[str, BootstrapError]


def read(aws: Aws, name: str, *, binary: bool = False) -> Secret:
    """The current version of a secret. Raises SecretError when it is missing, being deleted or empty, and when it is
    binary, which only `binary` allows."""
    where = f"secret {name} in {aws.region}"
    try:
        answer = aws.call("secretsmanager", "get_secret_value", SecretId=name, VersionStage="AWSCURRENT")
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
    shape = SecretShape(name, answer["ARN"], answer.get("VersionId", ""))
    if "SecretString" not in answer:
        content: bytes = answer.get("SecretBinary") or b""
        if not binary:
            raise SecretError("is binary", where=where, hint="store it as a string (SecretString)")
        if not content:
            raise SecretError("is empty", where=where, hint="put a value into it")
        return Secret(shape, "", content)
    text: str = answer["SecretString"]
    if not text.strip():
        raise SecretError("is empty", where=where, hint="put a value into it")
    return Secret(shape, text)


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
    return controller.sign_in.secret_keys, tuple(f"password_{account.id}" for account in controller.accounts)


def _wrong_value(
    key: str, content: object, where: str, passwords: Collection[str], *, plain: bool
) -> SecretError | None:
    """What is wrong with the value of a known key. `passwords` are the keys of the accounts' passwords."""
    if not isinstance(content, str):
        return SecretError(f"the value of {key} is no string", where=where, hint="put it in quotes")
    try:
        check_characters(content, key, where, plain=plain)
    except SecretError as error:
        return error
    if key == "break_glass" and content != "open":
        return SecretError("the value of break_glass is not open", where=where, hint="write open, or take the key away")
    if key == "admin_username" and (who := NOT_PEOPLE.get(content.strip().casefold())):
        return SecretError(f"the value of {key} is {who}", where=where, hint="choose another name")
    if key in ("admin_password", *passwords) and len(content.encode()) > MOST_PASSWORD_BYTES:
        return SecretError(
            f"the value of {key} is longer than {MOST_PASSWORD_BYTES} bytes, the most that Jenkins takes",
            where=where,
            hint="choose a shorter password",
        )
    if not content.strip() and key not in (*OPTIONAL, *passwords):
        return SecretError(f"the value of {key} is empty", where=where, hint=f"give {key} a value")
    return None


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
        elif error := _wrong_value(key, content, where, named[1], plain=key in PLAIN or key in named[0]):
            errors.append(error)
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
    secret = read(aws, name)
    values = _settings_values(settings, secret, f"secret {name} in {aws.region}")
    shape = secret.shape
    return SecretShape(shape.name, shape.arn, shape.version, tuple(sorted(values))), values


def credential_secret(aws: Aws, credential: Credential) -> SecretShape:
    """The shape of a further credential's secret, its value checked by the credential's kind."""
    secret = read(aws, credential.secret, binary=credential.kind == "file")
    credential_value(credential, secret.text, secret.binary, f"secret {credential.secret} in {aws.region}")
    return secret.shape


def all_values(aws: Aws, settings: Settings, now: datetime) -> SecretValues:
    """Every secret's value, read concurrently and checked.

    `now` has a time zone; it decides whether the overlap of the webhook secret is open.

    Raises SecretError, or AwsError as it came (its code tells whether asking again may help); several at once as
    SeveralErrors.
    """
    found = read_values(aws, settings, now)
    raise_all(list({id(error): error for error in found.failed.values()}.values()))
    assert found.agent_key_pem is not None
    assert found.values is not None
    overlap = bool(found.values.get("github_webhook_secret_previous"))
    return SecretValues(found.agent_key_pem, found.values, found.credentials, found.versions, overlap)


def read_values(aws: Aws, settings: Settings, now: datetime) -> ReadSecrets:
    """What can be read of the secrets, concurrently, each checked; what cannot is in the result. `now` has a time zone.

    Settings that name the same secret share its error.
    """
    aws.client("secretsmanager")  # made here: boto3's sessions are not safe to share while they make clients
    keys, pairs = settings.secrets, settings.controller.credentials
    files = {one.secret for one in pairs if one.kind == "file"}
    names = list(dict.fromkeys((keys.agent_key, keys.settings, *(one.secret for one in pairs))))
    reads: dict[str, Callable[[], Any]] = {name: partial(read, aws, name, binary=name in files) for name in names}
    reads[_ENDED] = partial(superseded, aws, keys.settings, now, settings.controller.boot.webhook_overlap_hours)
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = {name: pool.submit(look) for name, look in reads.items()}
    failed: dict[str, BootstrapError] = {}

    def checked(path: str, name: str, check: Callable[[Any, str], T]) -> T | None:
        try:
            return check(futures[name].result(), f"secret {name} in {aws.region}")
        except BootstrapError as error:
            failed[path] = error
            return None

    pem = checked("secrets.agent_key", keys.agent_key, _agent_pem)
    values = checked("secrets.settings", keys.settings, partial(_settings_values, settings))
    ended: tuple[str, ...] = checked(OVERLAP, _ENDED, lambda found, _where: found) or ()
    if values is not None:
        values = with_overlap(values, ended)
    credentials: dict[str, Mapping[str, str]] = {}
    for number, one in enumerate(pairs):
        parts = checked(f"controller.credentials[{number}]", one.secret, partial(_credential_parts, one))
        if parts is not None:
            credentials[one.id] = parts
    shapes = [future.result().shape for name, future in futures.items() if name != _ENDED and not future.exception()]
    return ReadSecrets(pem, values, credentials, {shape.name: shape.version for shape in shapes}, failed)


def _settings_values(settings: Settings, secret: Secret, where: str) -> Mapping[str, str]:
    sign_ins = {owner.sign_in for owner in settings.github.owners}
    return check_settings_secret(secret.text, where, sign_ins, named_keys(settings.controller))


def _agent_pem(secret: Secret, where: str) -> str:
    check_rsa_pem(secret.text, where)
    return secret.text


def _credential_parts(credential: Credential, secret: Secret, where: str) -> Mapping[str, str]:
    return credential_value(credential, secret.text, secret.binary, where)
