"""Everything the settings name, found at once: concurrent look-ups, every failure reported together, one VPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from jenkins_bootstrap.aws import lookup, secrets
from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.config.models import AgentTemplate, Find, FindImage, ImageSpec, Settings
from jenkins_bootstrap.errors import BootstrapError, LookupFailed, SeveralErrors, raise_all
from jenkins_bootstrap.facts import AgentFacts, AwsFacts, ControllerFacts, Image, SecretShape

SERVICES = ("ec2", "iam", "secretsmanager", "elbv2", "sts")


def image(aws: Aws, find: FindImage, project: str, architecture: str) -> Image:
    """The AMI of a look-up: our own by Channel=current, a foreign one newest by date."""
    if find.image is not None:
        return lookup.own_image(aws, project, find.image, architecture)
    return lookup.foreign_image(aws, find.owners, find.tags, find.name, architecture)


def source_images(aws: Aws, specs: Mapping[str, ImageSpec], project: str) -> dict[str, Image]:
    """The AMIs that images which have a source are built on, by the image's name.

    Raises SeveralErrors (or the one error) with the path of each setting that found nothing, or a tie.
    """
    found: dict[str, Image] = {}
    failed: dict[str, BootstrapError] = {}
    for name, spec in specs.items():
        if spec.source is not None:
            try:
                found[name] = image(aws, spec.source, project, spec.architecture)
            except BootstrapError as error:
                failed[f"images.{name}.source"] = error
    raise_all(explained(failed))
    return found


def questions(aws: Aws, settings: Settings, now: datetime | None = None) -> dict[str, Callable[[], Any]]:
    """One look-up a thing that the settings name, by the path of the setting; none of them is made yet.

    The secrets are read by them, each once, as `secrets.questions` says; `now` is for that.
    """
    asked: dict[str, Callable[[], Any]] = {"account": lambda: aws.account, **secrets.questions(aws, settings, now)}
    controller = settings.controller
    _add_places(asked, aws, "controller", controller.security_groups, controller.subnets, controller.instance_profile)
    if controller.volume is not None:
        asked["controller.volume"] = _with(controller.volume, lambda f: lookup.volume(aws, f.tags, f.name))
    if (group := controller.target_group) is not None:
        asked["controller.target_group"] = lambda: lookup.target_group(aws, group)
    for number, agent in enumerate(settings.agents):
        path = f"agents[{number}]"
        asked[f"{path}.ami"] = _agent_image(aws, agent, settings.project)
        _add_places(asked, aws, path, agent.security_groups, agent.subnets, agent.instance_profile)
    _add_places(asked, aws, "network", settings.network.security_groups, settings.network.subnets, None)
    return asked


def _agent_image(aws: Aws, agent: AgentTemplate, project: str) -> Callable[[], Image]:
    return lambda: image(aws, agent.ami, project, agent.architecture)


def _with(find: Find, look: Callable[[Find], Any]) -> Callable[[], Any]:
    return lambda: look(find)


def _add_places(
    asked: dict[str, Callable[[], Any]],
    aws: Aws,
    path: str,
    groups: Find | None,
    subnets: Find | None,
    profile: Find | None,
) -> None:
    if groups is not None:
        asked[f"{path}.security_groups"] = _with(
            groups, lambda f: lookup.security_groups(aws, f.tags, f.name, f.several)
        )
    if subnets is not None:
        asked[f"{path}.subnets"] = _with(subnets, lambda f: lookup.subnets(aws, f.tags, f.name, f.several))
    if profile is not None:
        asked[f"{path}.instance_profile"] = _with(profile, lambda f: lookup.instance_profile(aws, f.tags, f.name))


def ask(aws: Aws, asked: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, BootstrapError]]:
    """Make the look-ups concurrently; what was found and what failed, both by path in the order they were asked."""
    for service in SERVICES:
        aws.client(
            service
        )  # made one after the other here: boto3 sessions are not safe to share while they make clients
    found: dict[str, Any] = {}
    failed: dict[str, BootstrapError] = {}
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = {path: pool.submit(look) for path, look in asked.items()}
        for path, future in futures.items():
            try:
                found[path] = future.result()
            except BootstrapError as error:
                failed[path] = error
    return found, failed


def find_all(aws: Aws, settings: Settings) -> tuple[AwsFacts, Mapping[str, str]]:
    """Find everything the settings name; also the values of the key-value secret, which are for sign-ins alone.

    Raises SeveralErrors (or the one error) with the path of each setting that found nothing, or too much, or a secret
    without its shape; and LookupFailed when what was found lies in more than one VPC.
    """
    found, failed = ask(aws, questions(aws, settings))
    raise_all(explained(failed))
    return facts(aws, settings, found), found[secrets.SETTINGS].value


def explained(failed: Mapping[str, BootstrapError]) -> list[BootstrapError]:
    """Each failure with the path of its setting in front."""
    errors: list[BootstrapError] = []
    for path, error in failed.items():
        parts = error.errors if isinstance(error, SeveralErrors) else (error,)
        errors += [type(e)(e.what, where=f"{path}: {e.where}", hint=e.hint) for e in parts]
    return errors


def facts(aws: Aws, settings: Settings, found: Mapping[str, Any]) -> AwsFacts:
    """Put what was found together; LookupFailed when it does not lie in one VPC."""
    agent_facts = []
    for number, agent in enumerate(settings.agents):
        path = f"agents[{number}]"
        agent_facts.append(
            AgentFacts(
                agent.label,
                found[f"{path}.ami"],
                found[f"{path}.security_groups"],
                found[f"{path}.subnets"],
                found.get(f"{path}.instance_profile"),
            )
        )
    keys = found[secrets.SETTINGS]
    return AwsFacts(
        account=found["account"],
        region=aws.region,
        vpc=one_vpc(found, aws.region),
        controller=ControllerFacts(
            found.get("controller.security_groups", ()),
            found.get("controller.subnets", ()),
            found.get("controller.instance_profile"),
            found.get("controller.volume"),
            found.get("controller.target_group"),
        ),
        agents=tuple(agent_facts),
        agent_key=found[secrets.AGENT_KEY].shape,
        settings_secret=keys.shape,
        github_repos=tuple(keys.value.get("github_repos", "").replace(",", " ").split()),
        jenkins_url=keys.value.get("jenkins_url") or None,
        credentials=tuple(
            (one.id, found[secrets.credential_path(number)].shape)
            for number, one in enumerate(settings.controller.credentials)
        ),
    )


def some_facts(
    aws: Aws, settings: Settings, found: Mapping[str, Any], failed: Mapping[str, BootstrapError]
) -> tuple[AwsFacts, dict[str, BootstrapError]]:
    """Put together what was found where some of it failed, which is blank then; also what failed, by path.

    What lies in more than one VPC has failed too, all of it.
    """
    sound, wrong = dict(found), dict(failed)
    try:
        one_vpc(sound, aws.region)
    except LookupFailed as error:
        for path in [path for path, value in found.items() if _vpcs(value)]:
            wrong[path] = error
            del sound[path]
    blank = {path: _blank(path) for path in wrong}
    return facts(aws, settings, blank | sound), wrong


def _blank(path: str) -> Any:
    """What stands for a thing that was not found."""
    if path == "account":
        return ""
    if path.startswith(("secrets.", "controller.credentials[")):
        return secrets.Checked(SecretShape("", "", ""), {})
    if path.endswith(".ami"):
        return Image("", "", "", "", "")
    return () if path.endswith((".security_groups", ".subnets")) else None


def _vpcs(value: Any) -> list[tuple[str, Any]]:
    """The things of one look-up that lie in a VPC, each with it."""
    found = ((getattr(item, "vpc", None), item) for item in (value if isinstance(value, tuple) else (value,)))
    return [(vpc, item) for vpc, item in found if vpc is not None]


def one_vpc(found: Mapping[str, Any], region: str) -> str:
    """The VPC that every group, subnet and target group lies in; "" when none of these is named."""
    places: dict[str, list[str]] = {}
    for path, value in found.items():
        for vpc, item in _vpcs(value):
            places.setdefault(vpc, []).append(f"{path} {getattr(item, 'id', None) or item.name}")
    if len(places) > 1:
        told = "; ".join(f"{vpc} has {', '.join(sorted(set(things)))}" for vpc, things in sorted(places.items()))
        raise LookupFailed(
            f"what was found lies in {len(places)} VPCs: {told}",
            where=f"look-ups in {region}",
            hint="make the tags name things of one VPC",
        )
    return next(iter(places), "")
