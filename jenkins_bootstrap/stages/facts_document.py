"""facts.json: what was found in AWS, as the stages read it at boot. Pure; holds ids, ARNs and names, never a value.

`render` writes it to show what the controller will find; `boot` writes it with the same function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.facts import AgentFacts, AwsFacts, InstanceProfile, SecretShape, SecurityGroup, Subnet

SCHEMA = 1
"""Version of the document; the stages refuse another one."""


def facts_document(
    settings: Settings, facts: AwsFacts, *, target: str, endpoint: str | None, github_api_url: str
) -> dict[str, Any]:
    """The document as plain JSON values, the same for the same input: what AWS lists in no order is sorted by id.

    `target` is `embedded` or `aws`; `endpoint` the URL of the embedded AWS, None for the real one; `github_api_url` the
    REST root the jobs and the GitHub plugin use.
    """
    controller = facts.controller
    return {
        "schema": SCHEMA,
        "project": settings.project,
        "target": target,
        "endpoint": endpoint,
        "github_api_url": github_api_url,
        "account": facts.account,
        "region": facts.region,
        "vpc": facts.vpc,
        "controller": {
            "security_groups": _groups(controller.security_groups),
            "subnets": _subnets(controller.subnets),
            "instance_profile": _profile(controller.instance_profile),
            "volume": None
            if controller.volume is None
            else {
                "id": controller.volume.id,
                "zone": controller.volume.zone,
                "size_gib": controller.volume.size_gib,
            },
            "target_group": None
            if controller.target_group is None
            else {"name": controller.target_group.name, "arn": controller.target_group.arn},
        },
        "agents": {agent.label: _agent(agent) for agent in sorted(facts.agents, key=lambda a: a.label)},
        "secrets": {"agent_key": _secret(facts.agent_key), "settings": _secret(facts.settings_secret)},
        "credentials": [
            {"id": id_, "secret": shape.arn, "version": shape.version} for id_, shape in sorted(facts.credentials)
        ],
    }


Place = tuple[str, ...]
"""Where a part of the document stands: keys of objects, and of a list the `id` of an element."""


def places(settings: Settings) -> dict[str, Place]:
    """Where in the document stands what was found for a setting, by the setting's path."""
    found: dict[str, Place] = {
        "account": ("account",),
        "secrets.agent_key": ("secrets", "agent_key"),
        "secrets.settings": ("secrets", "settings"),
    }
    shared = ("security_groups", "subnets", "instance_profile")
    found |= {f"controller.{name}": ("controller", name) for name in (*shared, "volume", "target_group")}
    for number, agent in enumerate(settings.agents):
        found |= {f"agents[{number}].{name}": ("agents", agent.label, name) for name in shared}
        found[f"agents[{number}].ami"] = ("agents", agent.label, "image")
    for number, credential in enumerate(settings.controller.credentials):
        found[f"controller.credentials[{number}]"] = ("credentials", credential.id)
    return found


def part(document: Any, place: Place) -> Any:
    """What stands at a place of the document, None where there is nothing."""
    for name in place:
        if isinstance(document, list):
            document = next((each for each in document if isinstance(each, dict) and each.get("id") == name), None)
        else:
            document = document.get(name) if isinstance(document, dict) else None
    return document


def with_parts(document: Any, parts: Mapping[Place, Any]) -> Any:
    """The document with other parts at places that it has."""
    if () in parts:
        return parts[()]
    if isinstance(document, list):
        return [
            with_parts(each, _below(parts, str(each.get("id")))) if isinstance(each, dict) else each
            for each in document
        ]
    if isinstance(document, dict):
        return {name: with_parts(value, _below(parts, name)) for name, value in document.items()}
    return document


def _below(parts: Mapping[Place, Any], name: str) -> dict[Place, Any]:
    return {place[1:]: value for place, value in parts.items() if place and place[0] == name}


def _agent(agent: AgentFacts) -> dict[str, Any]:
    return {
        "image": {
            "id": agent.image.id,
            "name": agent.image.name,
            "created": agent.image.created,
            "architecture": agent.image.architecture,
        },
        "security_groups": _groups(agent.security_groups),
        "subnets": _subnets(agent.subnets),
        "instance_profile": _profile(agent.instance_profile),
    }


def _groups(groups: tuple[SecurityGroup, ...]) -> list[dict[str, str]]:
    return [{"id": group.id, "name": group.name} for group in sorted(groups, key=lambda g: g.id)]


def _subnets(subnets: tuple[Subnet, ...]) -> list[dict[str, str]]:
    return [{"id": subnet.id, "zone": subnet.zone} for subnet in sorted(subnets, key=lambda s: s.id)]


def _profile(profile: InstanceProfile | None) -> dict[str, str] | None:
    return None if profile is None else {"name": profile.name, "arn": profile.arn, "role": profile.role}


def _secret(secret: SecretShape) -> dict[str, Any]:
    return {"name": secret.name, "arn": secret.arn, "version": secret.version, "keys": sorted(secret.keys)}
