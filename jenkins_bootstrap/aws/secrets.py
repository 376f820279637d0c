"""Reads secrets from AWS Secrets Manager and checks their shape. No value ever enters a message, a file or a log."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, Generic, TypeVar

from jenkins_bootstrap.aws.credentials import check_characters, check_rsa_pem, credential_value
from jenkins_bootstrap.aws.session import Aws, AwsError
from jenkins_bootstrap.aws.webhook import KEYS, superseded, with_overlap
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
    "github_receiver_secret",
    "github_receiver_secret_previous",
    "github_repos",
    "jenkins_url",
    "break_glass",
)
PLAIN = ("admin_username", "github_username", "github_app_id", "github_webhook_username")
"""Keys whose values Jenkins stores as they are; the others are encrypted, hashed or not stored."""
AGENT_KEY, SETTINGS = "secrets.agent_key", "secrets.settings"
OVERLAP = "controller.boot.webhook_overlap_hours"
"""The path of what fails when the versions of the key-value secret before the current one cannot be read."""
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
class Checked(Generic[T]):
    """A secret's shape and what its value came to when it was checked, kept out of every repr."""

    shape: SecretShape
    value: T = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecretValues:
    """Every value a controller needs; what could not be read is empty or not there. Only ids show in its repr.

    `values` are the keys of the key-value secret, with `github_webhook_secret_previous` and
    `github_receiver_secret_previous` filled in during an overlap; `credentials` the parts of each further credential by
    its id, as secrets.json holds them; `overlap_open` whether deliveries signed with an earlier webhook secret are
    accepted.
    """

    agent_key_pem: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    credentials: Mapping[str, Mapping[str, str]] = field(repr=False)
    overlap_open: bool


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


def settings_secret(aws: Aws, settings: Settings) -> Checked[Mapping[str, str]]:
    """The key-value secret alone: its shape with its keys, and its values."""
    name = settings.secrets.settings
    return _settings(settings, read(aws, name), f"secret {name} in {aws.region}")


def questions(aws: Aws, settings: Settings, now: datetime | None = None) -> dict[str, Callable[[], Any]]:
    """One question a secret that the settings name, by the path of the setting; none of them is asked yet.

    Each answers with a Checked. With `now`, which has a time zone, also the question for the webhook secrets that ended
    within the overlap, with OVERLAP; without it only what the secrets hold is looked at.

    However many settings name a secret, it is read once, and they share its error. Asking again, after an error, takes
    new questions.
    """
    keys, further = settings.secrets, settings.controller.credentials
    files = {one.secret for one in further if one.kind == "file"}
    reads: dict[str, _Read] = {}

    def question(name: str, check: Callable[[Secret, str], Checked[Any]]) -> Callable[[], Checked[Any]]:
        shared = reads.setdefault(name, _Read(partial(read, aws, name, binary=name in files)))
        return lambda: check(shared(), f"secret {name} in {aws.region}")

    asked: dict[str, Callable[[], Any]] = {
        AGENT_KEY: question(keys.agent_key, _agent_key),
        SETTINGS: question(keys.settings, partial(_settings, settings)),
    }
    for number, one in enumerate(further):
        asked[credential_path(number)] = question(one.secret, partial(_credential, one))
    if now is not None:
        asked[OVERLAP] = partial(superseded, aws, keys.settings, now, settings.controller.boot.webhook_overlap_hours)
    return asked


def values_of(settings: Settings, found: Mapping[str, Any]) -> SecretValues:
    """Put the answers to `questions` together, by the path of the setting; what is missing is blank."""
    values: Mapping[str, str] = found[SETTINGS].value if SETTINGS in found else {}
    if values:
        values = with_overlap(values, found.get(OVERLAP, {}))
    paths = {one.id: credential_path(number) for number, one in enumerate(settings.controller.credentials)}
    return SecretValues(
        agent_key_pem=found[AGENT_KEY].value if AGENT_KEY in found else "",
        values=values,
        credentials={id_: found[path].value for id_, path in paths.items() if path in found},
        overlap_open=any(values.get(f"{key}_previous") for key in KEYS),
    )


def credential_path(number: int) -> str:
    """The path of a further credential in the settings."""
    return f"controller.credentials[{number}]"


class _Read:
    """One read of a secret, whoever asks first; everybody gets what it came to, an error too."""

    def __init__(self, look: Callable[[], Secret]) -> None:
        self._look = look
        self._lock = Lock()
        self._came: Future[Secret] | None = None

    def __call__(self) -> Secret:
        with self._lock:
            if self._came is None:
                self._came = Future()
                try:
                    self._came.set_result(self._look())
                except BootstrapError as error:
                    self._came.set_exception(error)
        return self._came.result()


def _agent_key(secret: Secret, where: str) -> Checked[str]:
    check_rsa_pem(secret.text, where)
    return Checked(secret.shape, secret.text)


def _settings(settings: Settings, secret: Secret, where: str) -> Checked[Mapping[str, str]]:
    sign_ins = {owner.sign_in for owner in settings.github.owners}
    values = check_settings_secret(secret.text, where, sign_ins, named_keys(settings.controller))
    _check_administrator(settings.controller, values["admin_username"], where)
    return Checked(replace(secret.shape, keys=tuple(sorted(values))), values)


def _check_administrator(controller: Controller, name: str, where: str) -> None:
    """Raise SecretError when an account of the settings is the administrator but for case, which Jenkins does not see:
    as the very same name it is the administrator."""
    if controller.sign_in.kind != "accounts":  # the administrator breaks glass then, and is alone
        return
    for number, account in enumerate(controller.accounts):
        if account.id != name and account.id.casefold() == name.strip().casefold():
            raise SecretError(
                f"the value of admin_username is controller.accounts[{number}] in other letters",
                where=where,
                hint="write it as there, or take that account out: the administrator has one anyway",
            )


def _credential(credential: Credential, secret: Secret, where: str) -> Checked[Mapping[str, str]]:
    return Checked(secret.shape, credential_value(credential, secret.text, secret.binary, where))
