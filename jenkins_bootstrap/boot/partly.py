"""The documents of a look at which something may have failed.

There are two of each: one to be written, in which a fact that failed stays as it was applied, and one with a mark for
all that failed, by which the stages that read it are held up. Asks nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.boot.documents import Target, secrets_document
from jenkins_bootstrap.errors import BootstrapError, SeveralErrors
from jenkins_bootstrap.stages.digests import Unknown
from jenkins_bootstrap.stages.facts_document import facts_document, part, places, with_parts

if TYPE_CHECKING:
    from jenkins_bootstrap.boot.finding import FoundPartly
    from jenkins_bootstrap.config.models import Settings

_PREVIOUS = "github_webhook_secret_previous"


@dataclass(frozen=True, slots=True)
class Documents:
    """facts.json and secrets.json as they are written, and both with an Unknown for each part that failed."""

    facts: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)
    marked_facts: Mapping[str, Any]
    marked_secrets: Mapping[str, Any] = field(repr=False)


def documents_of(
    settings: Settings, target: Target, found: FoundPartly, tokens: tuple[str, str], before: Mapping[str, Any]
) -> Documents:
    """The documents of what was found. `tokens` are the service account's and the receiver's for a reconciliation,
    `before` is the facts.json that was applied, {} when there is none."""
    facts = facts_document(
        settings, found.facts, target=target.name, endpoint=target.endpoint, github_api_url=target.github_api_url
    )
    where = places(settings)
    failed = {where[path]: Unknown(path) for path in found.failed if path in where}
    if failed and not facts["vpc"]:
        failed["vpc",] = next(iter(failed.values()))
    kept = {place: old for place in failed if (old := part(before, place)) is not None}
    secrets = secrets_document(found.secrets, *tokens)
    return Documents(
        with_parts(facts, kept), secrets, with_parts(facts, failed), _marked(settings, secrets, found.failed)
    )


def _marked(settings: Settings, secrets: Mapping[str, Any], failed: Mapping[str, BootstrapError]) -> dict[str, Any]:
    from jenkins_bootstrap.aws.secrets import AGENT_KEY, OVERLAP, SETTINGS, credential_path

    marked = dict(secrets)
    if AGENT_KEY in failed:
        marked["agent_private_key"] = Unknown(AGENT_KEY)
    if SETTINGS in failed:
        marked["values"] = Unknown(SETTINGS)
    elif OVERLAP in failed and _PREVIOUS not in secrets["values"]:
        marked["values"] = {**secrets["values"], _PREVIOUS: Unknown(OVERLAP)}
    paths = {one.id: credential_path(number) for number, one in enumerate(settings.controller.credentials)}
    unknown = {id_: Unknown(path) for id_, path in paths.items() if path in failed}
    return {**marked, "credentials": {**secrets["credentials"], **unknown}}


def explained(failed: Mapping[str, BootstrapError], held_up: Mapping[str, list[str]]) -> tuple[BootstrapError, ...]:
    """What failed, each error once and with the stages that are held up by it."""
    told: list[BootstrapError] = []
    for error in {id(each): each for each in failed.values()}.values():
        paths = {path for path, each in failed.items() if each is error}
        stages = [stage for stage, because in held_up.items() if paths & set(because)]
        for one in error.errors if isinstance(error, SeveralErrors) else (error,):
            one.what += f"; held up by it: {', '.join(stages)}" if stages else "; no stage is held up by it"
            told.append(one)
    return tuple(told)
