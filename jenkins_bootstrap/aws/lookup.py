"""Finds by tag or name what the settings name. Never an arbitrary pick.

No match, or more than one where one is wanted, is an error that shows the filter, the region and the candidates: after
no match those are what is nearest, which takes one more call.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from jenkins_bootstrap.aws import candidates
from jenkins_bootstrap.aws.candidates import Candidate, tags_of
from jenkins_bootstrap.aws.session import Aws, AwsError
from jenkins_bootstrap.errors import LookupFailed, NothingFound
from jenkins_bootstrap.facts import Image, InstanceProfile, SecurityGroup, Subnet, TargetGroup, Volume

T = TypeVar("T")
AWS_ARCHITECTURE = {"amd64": "x86_64", "arm64": "arm64"}
SHOWN_CANDIDATES = 8
ALIASES = {"amazon", "aws-marketplace"}
"""Owners who have so many images that listing them all takes minutes."""


def filters(tags: Mapping[str, str], **more: str) -> list[dict[str, Any]]:
    """EC2 filters for tags that must have a value; further filters by name, with - for _."""
    found = [{"Name": f"tag:{key}", "Values": [_literal(value)]} for key, value in sorted(tags.items())]
    return found + [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in sorted(more.items())]


def _literal(value: str) -> str:
    """A tag's value as an EC2 filter that matches this value alone: there `*` and `?` are wildcards."""
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def exactly_one(
    what: str,
    found: Sequence[T],
    sought: str,
    region: str,
    describe: Callable[[T], str],
    nearest: Callable[[], str] = lambda: "",
) -> T:
    """The one of `found`; LookupFailed with the filter, the region and the candidates when it is none or several.

    `nearest` says what is near when none is found (see candidates.told); it is asked only then.
    """
    if len(found) == 1:
        return found[0]
    where = f"{what} with {sought} in {region}"
    if not found:
        near = nearest()
        raise NothingFound(
            f"nothing matches; {near}" if near else "nothing matches",
            where=where,
            hint="create or tag it, or correct the look-up in the settings",
        )
    shown = ", ".join(describe(f) for f in found[:SHOWN_CANDIDATES])
    more = f" and {len(found) - SHOWN_CANDIDATES} more" if len(found) > SHOWN_CANDIDATES else ""
    raise LookupFailed(
        f"{len(found)} match where one is wanted: {shown}{more}",
        where=where,
        hint="make the tags or the name say which one",
    )


def sought(tags: Mapping[str, str], name: str | None = None, owners: Iterable[str] = ()) -> str:
    """A look-up in words, for errors."""
    words = [f"name {name}"] if name is not None else []
    words += [f"tag {key}={value}" for key, value in sorted(tags.items())]
    owner_list = list(owners)
    return ", ".join(words + ([f"owner {' or '.join(owner_list)}"] if owner_list else []))


def image_from(raw: Mapping[str, Any]) -> Image:
    """An AMI of DescribeImages as a value."""
    tags = tuple(sorted((t["Key"], t["Value"]) for t in raw.get("Tags", [])))
    return Image(
        raw["ImageId"],
        raw.get("Name", ""),
        raw.get("OwnerId", ""),
        raw.get("CreationDate", ""),
        raw.get("Architecture", ""),
        tags,
        raw.get("State", ""),
    )


def own_image(aws: Aws, project: str, name: str, architecture: str) -> Image:
    """Our own AMI `name` of this project: the one tagged Channel=current (owner self)."""
    tags = {"Project": project, "Name": name, "Channel": "current"}
    return exactly_one(
        f"AMI {name}",
        images(aws, ["self"], tags, architecture=architecture),
        sought(tags, owners=["self"]) + f", {architecture}",
        aws.region,
        lambda image: f"{image.id} of {image.created}",
        lambda: candidates.told(lambda: _images_there(aws, ["self"]), tags, None, aws.region),
    )


def _images_there(aws: Aws, owners: Sequence[str], name: str | None = None) -> list[Candidate]:
    """What these owners have, the newest first; `name` narrows it."""
    newest = sorted(images(aws, owners, {}, name=name), key=lambda image: image.created, reverse=True)
    return [Candidate(i.id, i.name, dict(i.tags), i.architecture) for i in newest]


def images(
    aws: Aws,
    owners: Sequence[str],
    tags: Mapping[str, str],
    *,
    name: str | None = None,
    architecture: str | None = None,
) -> list[Image]:
    """Every available AMI of these owners with these tags and name; all pages, unsorted."""
    more = {"state": "available"}
    if name is not None:
        more["name"] = name
    if architecture is not None:
        more["architecture"] = AWS_ARCHITECTURE[architecture]
    listing = aws.pages("ec2", "describe_images", "Images", Owners=list(owners), Filters=filters(tags, **more))
    return [image_from(raw) for raw in listing]


def foreign_image(
    aws: Aws, owners: Sequence[str], tags: Mapping[str, str], name: str | None, architecture: str
) -> Image:
    """The newest foreign AMI by creation date; two of the same date are a tie, which is an error."""
    found = sorted(
        images(aws, owners, tags, name=name, architecture=architecture), key=lambda image: image.created, reverse=True
    )
    words = f"{sought(tags, name, owners)}, {architecture}"
    if not found:
        exactly_one(
            "AMI", found, words, aws.region, lambda image: image.id, lambda: _foreign_near(aws, owners, tags, name)
        )
    newest = [image for image in found if image.created == found[0].created]
    if len(newest) > 1:
        tied = ", ".join(f"{image.id} ({image.name})" for image in sorted(newest, key=lambda i: i.id))
        raise LookupFailed(
            f"{len(newest)} images have the same creation date {newest[0].created}: {tied}",
            where=f"AMI with {words} in {aws.region}",
            hint="make the name say which one",
        )
    return newest[0]


def _foreign_near(aws: Aws, owners: Sequence[str], tags: Mapping[str, str], name: str | None) -> str:
    begin = None
    if ALIASES & set(owners):
        word = re.match(r"[A-Za-z0-9]+", name or "")
        if word is None:
            return ""
        begin = f"{word[0]}*"
    return candidates.told(lambda: _images_there(aws, owners, begin), tags, name or "", aws.region)


def security_groups(aws: Aws, tags: Mapping[str, str], name: str | None, several: bool) -> tuple[SecurityGroup, ...]:
    more = {} if name is None else {"group_name": name}
    listing = aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=filters(tags, **more))
    found = sorted(
        (SecurityGroup(g["GroupId"], g["GroupName"], g.get("VpcId", "")) for g in listing), key=lambda g: g.id
    )
    if several and found:
        return tuple(found)

    def there() -> Iterator[Candidate]:
        for group in aws.pages("ec2", "describe_security_groups", "SecurityGroups"):
            yield Candidate(group["GroupId"], group["GroupName"], tags_of(group))

    one = exactly_one(
        "security group",
        found,
        sought(tags, name),
        aws.region,
        lambda g: f"{g.id} ({g.name}, {g.vpc})",
        lambda: candidates.told(there, tags, name, aws.region),
    )
    return (one,)


def subnets(aws: Aws, tags: Mapping[str, str], name: str | None, several: bool) -> tuple[Subnet, ...]:
    """Subnets by tag; a subnet's name is its tag Name."""
    named = dict(tags) if name is None else {**tags, "Name": name}
    wanted = filters(tags) + ([] if name is None else [{"Name": "tag:Name", "Values": [name]}])
    listing = aws.pages("ec2", "describe_subnets", "Subnets", Filters=wanted)
    found = sorted((Subnet(s["SubnetId"], s["VpcId"], s["AvailabilityZone"]) for s in listing), key=lambda s: s.id)
    if several and found:
        return tuple(found)
    one = exactly_one(
        "subnet",
        found,
        sought(named),
        aws.region,
        lambda s: f"{s.id} ({s.zone}, {s.vpc})",
        lambda: candidates.told(lambda: _named_by_tag(aws, "subnet"), tags, name, aws.region),
    )
    return (one,)


def _named_by_tag(aws: Aws, what: str) -> Iterator[Candidate]:
    """Every subnet or volume, whose name is its tag Name."""
    key = {"subnet": "SubnetId", "volume": "VolumeId"}[what]
    for raw in aws.pages("ec2", f"describe_{what}s", f"{what.capitalize()}s"):
        tags = tags_of(raw)
        yield Candidate(raw[key], tags.get("Name", ""), tags, raw["AvailabilityZone"])


def volume(aws: Aws, tags: Mapping[str, str], name: str | None) -> Volume:
    wanted = filters(tags) + ([] if name is None else [{"Name": "tag:Name", "Values": [name]}])
    wanted.append({"Name": "status", "Values": ["creating", "available", "in-use"]})
    listing = aws.pages("ec2", "describe_volumes", "Volumes", Filters=wanted)
    found = sorted((Volume(v["VolumeId"], v["AvailabilityZone"], v["Size"]) for v in listing), key=lambda v: v.id)
    return exactly_one(
        "volume",
        found,
        sought(tags, name),
        aws.region,
        lambda v: f"{v.id} ({v.zone}, {v.size_gib} GiB)",
        lambda: candidates.told(lambda: _named_by_tag(aws, "volume"), tags, name, aws.region),
    )


def target_group(aws: Aws, name: str) -> TargetGroup:
    try:
        found = list(aws.pages("elbv2", "describe_target_groups", "TargetGroups", Names=[name]))
    except AwsError as error:
        if error.code != "TargetGroupNotFound":
            raise
        found = []
    groups = [TargetGroup(g["TargetGroupName"], g["TargetGroupArn"], g.get("VpcId", "")) for g in found]

    def there() -> Iterator[Candidate]:
        for group in aws.pages("elbv2", "describe_target_groups", "TargetGroups"):
            yield Candidate(group["TargetGroupName"], group["TargetGroupName"], note=group.get("VpcId", ""))

    return exactly_one(
        "target group",
        groups,
        f"name {name}",
        aws.region,
        lambda g: g.arn,
        lambda: candidates.told(there, {}, name, aws.region),
    )


def instance_profile(aws: Aws, tags: Mapping[str, str], name: str | None) -> InstanceProfile:
    """An instance profile with its one role. By name it is one call; by tags each profile is asked for its tags."""
    if name is not None and "*" not in name:
        found = [p] if (p := _profile(aws, name)) is not None else []
    else:
        listed = aws.pages("iam", "list_instance_profiles", "InstanceProfiles")
        names = [p["InstanceProfileName"] for p in listed]
        wanted = [n for n in names if name is None or fnmatch.fnmatchcase(n, name)]
        found = [p for n in wanted if (p := _profile(aws, n)) is not None]
    matching = [p for p in found if dict(tags).items() <= {t["Key"]: t["Value"] for t in p.get("Tags", [])}.items()]

    def there() -> Iterator[Candidate]:
        known = {p["InstanceProfileName"]: tags_of(p) for p in found}
        for listed in aws.pages("iam", "list_instance_profiles", "InstanceProfiles"):
            profile = listed["InstanceProfileName"]
            yield Candidate(profile, profile, known.get(profile))

    raw = exactly_one(
        "instance profile",
        matching,
        sought(tags, name),
        aws.region,
        lambda p: str(p["Arn"]),
        lambda: candidates.told(there, tags, name, aws.region),
    )
    if not raw["Roles"]:
        raise LookupFailed(
            "has no role", where=f"instance profile {raw['InstanceProfileName']}", hint="add its role to the profile"
        )
    return InstanceProfile(raw["InstanceProfileName"], raw["Arn"], raw["Roles"][0]["RoleName"])


def _profile(aws: Aws, name: str) -> dict[str, Any] | None:
    try:
        profile: dict[str, Any] = aws.call("iam", "get_instance_profile", InstanceProfileName=name)["InstanceProfile"]
    except AwsError as error:
        if error.code == "NoSuchEntity":
            return None
        raise
    return profile
