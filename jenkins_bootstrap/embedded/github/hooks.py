"""The webhooks that the embedded GitHub has: of organisations, of repositories, and the App's own; kept in a file.

Knows no REST and sends nothing: rest_hooks.py checks what is asked for, deliveries.py delivers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from jenkins_bootstrap.embedded.github.organisation import Record
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import canonical_json, write_atomic

Kind = Literal["organization", "repository", "integration"]

MOST_PER_EVENT = 20
HIDDEN = "********"
"""What GitHub gives in place of a secret."""

NOT_TO_REPOSITORIES = {("repository", "created"), ("repository", "deleted")}
"""Events that only an organisation's hook gets. Source: docs.github.com, "Webhook events and payloads"."""

NOT_TO_APPS = {("repository", "deleted")}
"""Events of a repository that an App does not get; installation_repositories tells it."""

# Source: GitHub's OpenAPI description of webhooks, x-github.supported-webhook-types.
_BOTH = """
branch_protection_configuration branch_protection_rule check_run check_suite code_scanning_alert commit_comment create
custom_property_values delete dependabot_alert deploy_key deployment deployment_status discussion discussion_comment
fork gollum issue_comment issue_dependencies issues label member meta milestone package page_build project project_card
project_column public pull_request pull_request_review pull_request_review_comment pull_request_review_thread push
registry_package release repository repository_advisory repository_import repository_ruleset
repository_vulnerability_alert secret_scanning_alert secret_scanning_alert_location secret_scanning_scan
security_and_analysis star status sub_issues team_add watch workflow_job workflow_run
"""
_ORGANISATION = """
custom_property membership org_block organization personal_access_token_request projects_v2 projects_v2_item
projects_v2_status_update team
"""
EVENTS: dict[Kind, frozenset[str]] = {
    "repository": frozenset(["*", "ping", *_BOTH.split()]),
    "organization": frozenset(["*", "ping", *_BOTH.split(), *_ORGANISATION.split()]),
}
"""What a hook may ask for."""


@dataclass(slots=True)
class Hook:
    """One webhook. `target` is the organisation's login in lower case, the repository's id or the App's, as text."""

    id: int
    kind: Kind
    target: str
    target_id: int
    events: list[str]
    config: dict[str, str]
    active: bool = True
    created_at: str = ""
    updated_at: str = ""
    last_code: int | None = None
    last_status: str = "unused"
    last_message: str | None = None

    def wants(self, event: str) -> bool:
        return "*" in self.events or event in self.events

    @property
    def shown_config(self) -> dict[str, str]:
        return {name: HIDDEN if name == "secret" else value for name, value in sorted(self.config.items())}


@dataclass(slots=True)
class Hooks:
    """All webhooks, by id, for several threads."""

    file: Path | None = None
    by_id: dict[int, Hook] = field(default_factory=dict)
    newest: int = 300_000_000
    lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def load(cls, file: Path) -> Hooks:
        """Read what an earlier run kept.

        Raises:
            BootstrapError: the file is something else.
        """
        try:
            kept = json.loads(file.read_bytes())
            hooks = [Hook(**values) for values in kept["hooks"]]
            return cls(file, {hook.id: hook for hook in hooks}, int(kept["newest"]))
        except FileNotFoundError:
            return cls(file)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BootstrapError(
                "is not the list of webhooks of an embedded GitHub",
                where=str(file),
                hint="remove it while the embedded target is down; the webhooks are then gone",
            ) from error

    def save(self) -> None:
        """Secrets are in it, so nobody else may read it."""
        if self.file is not None:
            hooks = [asdict(self.by_id[number]) for number in sorted(self.by_id)]
            write_atomic(self.file, canonical_json({"newest": self.newest, "hooks": hooks}), 0o600)

    def of(self, kind: Kind, target: str) -> list[Hook]:
        with self.lock:
            return [h for _, h in sorted(self.by_id.items()) if (h.kind, h.target) == (kind, target.lower())]

    def add(self, kind: Kind, target: str, target_id: int, events: list[str], config: Mapping[str, str]) -> Hook:
        with self.lock:
            self.newest += 1
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            hook = Hook(self.newest, kind, target.lower(), target_id, events, dict(config), True, now, now)
            self.by_id[hook.id] = hook
            return hook

    def remove(self, hook: Hook) -> None:
        with self.lock:
            self.by_id.pop(hook.id, None)
            self.save()

    def forget_repository(self, number: int) -> None:
        """A deleted repository's hooks go with it."""
        for hook in self.of("repository", str(number)):
            self.remove(hook)

    def listening(self, event: str, action: str | None, record: Record) -> list[Hook]:
        """The active hooks of the repository and its organisation that get this event of it; not the App's own."""
        found = [*self.of("organization", record.owner)] if record.owner_type == "Organization" else []
        if (event, action) not in NOT_TO_REPOSITORIES:
            found += self.of("repository", str(record.id))
        return [hook for hook in found if hook.active and hook.wants(event)]

    def app_hook(self, number: int) -> Hook:
        """The App's own webhook; it is there, without an address, from the App's beginning."""
        with self.lock:
            found = self.of("integration", str(number))
            return found[0] if found else self.add("integration", str(number), number, [], default_config())


def default_config() -> dict[str, str]:
    return {"content_type": "form", "insecure_ssl": "0"}


def faults_of(hooks: Hooks, hook: Hook) -> list[str]:
    """What GitHub says against a hook as it would become, in its words; nothing when it is good."""
    others = [other for other in hooks.of(hook.kind, hook.target) if other.id != hook.id]
    said = []
    for event in hook.events:
        if sum(other.wants(event) for other in others) >= MOST_PER_EVENT:
            said.append(f'The "{event}" event cannot have more than {MOST_PER_EVENT} hooks')
    public = {name: value for name, value in hook.config.items() if name != "secret"}
    for other in others:
        same = public == {name: value for name, value in other.config.items() if name != "secret"}
        if same and ("*" in hook.events or any(other.wants(event) for event in hook.events)):
            said.append(f"Hook already exists on this {hook.kind}")
            break
    return said
