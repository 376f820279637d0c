"""The webhooks that the settings ask for: one to Jenkins, which builds, one to the receiver, which makes jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from jenkins_bootstrap.config.controller import RECEIVER_PATH
from jenkins_bootstrap.config.models import Settings

Kind = Literal["jenkins", "receiver"]

ENDINGS: Mapping[Kind, str] = {"jenkins": "/github-webhook", "receiver": f"/{RECEIVER_PATH}/webhook"}
"""How the paths of our webhooks end, but for a slash."""


@dataclass(frozen=True, slots=True)
class WantedHook:
    """`secret_key` is the key of the key-value secret that deliveries are signed with."""

    kind: Kind
    url: str
    events: tuple[str, ...]
    secret_key: str

    @property
    def words(self) -> str:
        return "webhook to Jenkins" if self.kind == "jenkins" else "webhook to the receiver"


def wanted_hooks(settings: Settings) -> tuple[WantedHook, ...]:
    """Both of them. Jenkins takes deliveries only with the slash at the end."""
    base = settings.controller.url
    receiver = settings.github.hooks.receiver_url or f"{base}{settings.controller.receiver.path}/webhook"
    return (
        WantedHook("jenkins", f"{base}github-webhook/", ("pull_request", "push"), "github_webhook_secret"),
        WantedHook("receiver", receiver, ("push", "repository"), "github_receiver_secret"),
    )


def same_address(one: str, other: str) -> bool:
    """Whether two URLs are the same to a browser: case of scheme and host and a port that goes without saying."""
    return _parts(one) == _parts(other)


def lacks_slash(url: str, wanted: str) -> bool:
    """Whether a URL is the wanted one but for the slash at its end, where a delivery gets lost."""
    return not same_address(url, wanted) and same_address(url.rstrip("/"), wanted.rstrip("/"))


def like_ours(url: str, hook: WantedHook) -> bool:
    """Whether a URL ends as one of that kind does, at whatever host: as it would after a change of controller.url."""
    _scheme, host, _port, path, _query = _parts(url)
    return bool(host) and path.rstrip("/").endswith(ENDINGS[hook.kind])


def _parts(url: str) -> tuple[str, str, int | None, str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower())
    except ValueError:
        return ("", "", None, url, "")
    return parts.scheme.lower(), (parts.hostname or "").lower(), port, parts.path or "/", parts.query
