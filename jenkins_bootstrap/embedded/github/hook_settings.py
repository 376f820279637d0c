"""What a webhook may be set to: GitHub's checks and refusals, the same for all kinds of hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from jenkins_bootstrap.embedded.github.call import Call, Reply, invalid, problem
from jenkins_bootstrap.embedded.github.hooks import EVENTS, Hook, faults_of

_CONFIG = ("url", "content_type", "insecure_ssl", "secret")


def config_of(given: Any, base: Mapping[str, str]) -> dict[str, str] | None:
    """The configuration that a request makes of `base`; None when it is none."""
    if not isinstance(given, dict):
        return None
    found = dict(base)
    for name in _CONFIG:
        value = given.get(name)
        if value is not None:
            found[name] = str(value)
    return {name: value for name, value in found.items() if value != ""}


def change_hook(call: Call, hook: Hook, config: dict[str, str] | None, wanted: Any, active: Any) -> Reply | None:
    """Change the hook when GitHub would; else the refusal."""
    if config is None or (not config.get("url") and hook.kind != "integration"):
        return invalid("Hook", "Config must contain URL for webhooks")
    if "url" in config and not _is_url(config["url"]):
        return invalid(
            "Hook",
            "The URL you've entered is not valid. Please make sure that you encode all special characters first.",
        )
    if config.get("content_type") not in ("json", "form") or config.get("insecure_ssl") not in ("0", "1"):
        return invalid("Hook", "Config content_type must be json or form, insecure_ssl 0 or 1")
    if not isinstance(wanted, list) or not all(isinstance(event, str) for event in wanted):
        return problem(422, "Invalid request.\n\nFor 'properties/events', expected an array of strings.")
    if not isinstance(active, bool):
        return problem(422, "Invalid request.\n\nFor 'properties/active', expected a boolean.")
    unknown = [event for event in wanted if event not in EVENTS.get(hook.kind, frozenset())]
    if unknown or (not wanted and hook.kind != "integration"):
        return invalid("Hook", f"Events is invalid: {', '.join(unknown) or 'there is none'}")
    new = replace(hook, config=config, events=list(dict.fromkeys(wanted)), active=active)
    wrong = faults_of(call.store.hooks, new)
    if wrong:
        return invalid("Hook", *wrong)
    hook.config, hook.events, hook.active, hook.updated_at = new.config, new.events, active, call.store.now()
    if hook.id:
        call.store.hooks.save()
    return None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and not set(text) & set(' "<>\\^`{|}')
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain
