"""facts.json: what was found in AWS, as the stages read it at boot. Pure; holds ids, ARNs and names, never a value.

`render` writes it to show what the controller will find; `boot` writes it with the same function.
"""

from __future__ import annotations

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
