"""What each stage reads of facts.json and secrets.json, as digests: a stage is run again when one of its own changes.

Pure. Versions of secrets would not do, as one secret holds the keys of several stages; values must not be kept. So each
input is hashed with a key that is made at boot and never leaves the machine: nobody can try values against a digest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jenkins_bootstrap.config.controller import RECONCILE_CREDENTIAL
from jenkins_bootstrap.config.models import Settings

Inputs = Mapping[str, Mapping[str, str]]
"""Digests of what stages read: by the stage's name, then by the input's name. The names are shown to people."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands in a document for a part that could not be found or read; `path` is that of the setting."""

    path: str


def stage_inputs(
    settings: Settings, facts: Mapping[str, Any], secrets: Mapping[str, Any], key: bytes, own: Iterable[str] = ()
) -> dict[str, dict[str, str]]:
    """The digest of each input of each stage, stages in the order in which they run; without those that are held up.

    `facts` and `secrets` are the documents as they are written for the stages, with an Unknown where something failed;
    `key` is of 32 bytes. `own` are the names of the stages that come after the four (a user's, jcasc.txt): they may
    read everything, and set anew what the four have set, so each input of the others is one of theirs.
    """
    return {
        stage: {name: _digest(key, name, value) for name, value in of.items()}
        for stage, of in _read(settings, facts, secrets, own).items()
        if not _unknown(of)
    }


def held_up(
    settings: Settings, facts: Mapping[str, Any], secrets: Mapping[str, Any], own: Iterable[str] = ()
) -> dict[str, list[str]]:
    """The stages that read something unknown, each with the sorted paths of the settings that failed."""
    found = {stage: _unknown(of) for stage, of in _read(settings, facts, secrets, own).items()}
    return {stage: sorted(paths) for stage, paths in found.items() if paths}


def _unknown(value: Any) -> set[str]:
    if isinstance(value, Unknown):
        return {value.path}
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return set().union(*map(_unknown, parts))


def _read(
    settings: Settings, facts: Mapping[str, Any], secrets: Mapping[str, Any], own: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """What each stage reads, by the input's name."""
    read = {
        "init.groovy": _init(settings, secrets),
        "aws.txt": _aws(settings, facts, secrets),
        "github.txt": _github(settings, facts, secrets),
        "githubrepos.txt": _credentials(settings, secrets, in_folders=True),
    }
    everything = {f"fact {name}": value for name, value in facts.items()} | _all_secrets(secrets)
    return read | dict.fromkeys(own, everything)


def changes(now: Inputs, applied: Inputs) -> dict[str, list[str]]:
    """The stages of `now` to be run again, each with the names of its inputs that are not as they were applied."""
    found: dict[str, list[str]] = {}
    for stage, inputs in now.items():
        before = applied.get(stage)
        if before is None:
            found[stage] = ["never applied"]
        elif differing := sorted(n for n in {*inputs, *before} if inputs.get(n) != before.get(n)):
            found[stage] = differing
    return found


def _digest(key: bytes, name: str, value: Any) -> str:
    text = json.dumps([name, value], sort_keys=True, ensure_ascii=False)
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _keys(secrets: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Keys of the key-value secret. One that is absent is an input too; to a stage an empty one is absent."""
    values = secrets["values"]
    if isinstance(values, Unknown):
        return {f"secret key {name}": values for name in names}
    return {f"secret key {name}": values.get(name) or None for name in names}


def _init(settings: Settings, secrets: Mapping[str, Any]) -> dict[str, Any]:
    sign_in = settings.controller.sign_in
    administrator = ("admin_username", "admin_password")
    if sign_in.kind == "accounts":
        return _keys(secrets, administrator)
    values = secrets["values"]
    if isinstance(values, Unknown):
        return _keys(secrets, ("break_glass",))
    if values.get("break_glass"):  # the administrator of the secret is somebody, and the realm is not asked
        return _keys(secrets, ("break_glass", *administrator))
    return _keys(secrets, ("break_glass", *sign_in.secret_keys))


def _aws(settings: Settings, facts: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = {"service account's token": secrets["service_token"]}
    if settings.controller.sign_in.kind == "accounts":
        read |= _keys(secrets, (f"password_{account.id}" for account in settings.controller.accounts))
    if settings.agents:
        read["agents' key"] = secrets["agent_private_key"]
        read["region"] = facts["region"]
        read["AWS endpoint"] = facts["endpoint"]
    for label in sorted({agent.label for agent in settings.agents}):
        found = facts["agents"].get(label) or {}
        read |= {f"agents {label}: {part}": found.get(part) for part in _AGENT_PARTS}
    return read | _credentials(settings, secrets, in_folders=False)


_AGENT_PARTS = ("image", "security_groups", "subnets", "instance_profile")


def _github(settings: Settings, facts: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    sign_ins = {owner.sign_in for owner in settings.github.owners}
    names = ["github_webhook_secret", "github_webhook_secret_previous"]
    if "token" in sign_ins:
        names += ["github_username", "github_token"]
    if "app" in sign_ins:
        names += ["github_app_id", "github_app_private_key"]
    return {"GitHub's API": facts["github_api_url"]} | _keys(secrets, names)


def _credentials(settings: Settings, secrets: Mapping[str, Any], *, in_folders: bool) -> dict[str, Any]:
    ids = [one.id for one in settings.controller.credentials if (one.folder is not None) == in_folders]
    if in_folders:
        ids.append(RECONCILE_CREDENTIAL)
    return {f"credential {id_}": secrets["credentials"].get(id_) for id_ in ids}


def _all_secrets(secrets: Mapping[str, Any]) -> dict[str, Any]:
    read = {f"credential {id_}": parts for id_, parts in secrets["credentials"].items()}
    read |= {"service account's token": secrets["service_token"], "agents' key": secrets["agent_private_key"]}
    values = secrets["values"]
    return read | ({"secret keys": values} if isinstance(values, Unknown) else _keys(secrets, values))
