"""Makes the surroundings of an embedded target, by the AWS API over HTTP as anyone would.

Only images cannot be made that way (moto drops their owner, date and tags), so the daemon gives a function for them.
It makes no values that could be mistaken for real secrets.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.embedded.layout import ACCOUNT, FAKE_CREDENTIAL
from jenkins_bootstrap.embedded.seed import Kind, Thing, plan

VENDOR_DATE = datetime(2025, 11, 17, 2, 29, 9, tzinfo=UTC).replace(tzinfo=None)  # moto keeps UTC without saying so
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def agent_key() -> str:
    """A fresh RSA key in PEM (PKCS#1), the one kind that Jenkins' ec2 plugin takes."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    # 2048 bits, as it opens nothing but guests of this machine and is made while someone waits.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def settings_secret(settings: Settings) -> dict[str, str]:
    """The key-value secret: obviously fake where it stands for something of GitHub's, else random.

    Every key but those that say something by being there: an open glass, and a webhook secret before the present one,
    which would take the place of the one that a rotation leaves behind.
    """
    apps = any(owner.sign_in == "app" for owner in settings.github.owners)
    return {
        "admin_username": "admin",
        "admin_password": secrets.token_urlsafe(18),
        "github_username": "embedded",
        "github_token": "not-a-real-token",
        "github_webhook_username": "webhook",
        "github_webhook_password": secrets.token_urlsafe(18),
        "github_webhook_secret": secrets.token_urlsafe(18),
        "github_receiver_secret": secrets.token_urlsafe(18),
        "github_repos": "",
        "jenkins_url": settings.controller.url,
        "github_app_id": "1",
        "github_app_private_key": agent_key() if apps else "not-a-real-key",
    }


class Seeder:
    """Reads and makes surroundings in one embedded AWS."""

    def __init__(self, endpoint: str, settings: Settings, add_image: Callable[[Thing, datetime | None], str]) -> None:
        """`add_image` registers an image (with a creation date, or now) and returns its id."""
        self._endpoint = endpoint
        self._settings = settings
        self._add_image = add_image
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    def run(self) -> tuple[Thing, ...]:
        """Make what is missing and return it."""
        missing = plan(self._settings, self.existing())
        for thing in missing:
            _MAKERS[thing.kind](self, thing)
        return missing

    def client(self, service: str) -> Any:
        if self._session is None:
            from boto3.session import Session

            self._session = Session(
                aws_access_key_id=FAKE_CREDENTIAL,
                aws_secret_access_key=FAKE_CREDENTIAL,
                region_name=self._settings.region,
            )
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self._endpoint)
        return self._clients[service]

    def _pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterable[Any]:
        for page in self.client(service).get_paginator(operation).paginate(**parameters):
            yield from page[key]

    def existing(self) -> list[Thing]:
        """What there is already, of the kinds that a plan makes."""
        found = [Thing("vpc", _tag(v, "Name"), _tags(v, "Name")) for v in self._vpcs()]
        found += [
            Thing("subnet", _tag(s, "Name"), _tags(s), s["AvailabilityZone"])
            for s in self._pages("ec2", "describe_subnets", "Subnets")
        ]
        found += [
            Thing("security group", g["GroupName"], _tags(g))
            for g in self._pages("ec2", "describe_security_groups", "SecurityGroups")
        ]
        found += [
            Thing("volume", _tag(v, "Name"), _tags(v), v["AvailabilityZone"])
            for v in self._pages("ec2", "describe_volumes", "Volumes")
        ]
        found += [
            Thing("image", i.get("Name", ""), _tags(i), owner=i["OwnerId"], architecture=i.get("Architecture", ""))
            for i in self.client("ec2").describe_images()["Images"]
        ]
        iam = self.client("iam")
        for profile in self._pages("iam", "list_instance_profiles", "InstanceProfiles"):
            whole = iam.get_instance_profile(InstanceProfileName=profile["InstanceProfileName"])["InstanceProfile"]
            found.append(Thing("instance profile", whole["InstanceProfileName"], _tags(whole)))
        found += [Thing("secret", s["Name"]) for s in self._pages("secretsmanager", "list_secrets", "SecretList")]
        if self._settings.controller.target_group is not None:
            groups = self._pages("elbv2", "describe_target_groups", "TargetGroups")
            found += [Thing("target group", g["TargetGroupName"]) for g in groups]
        return found

    def _vpcs(self) -> list[Any]:
        return [v for v in self.client("ec2").describe_vpcs()["Vpcs"] if not v["IsDefault"]]

    def _vpc_id(self) -> str:
        name = f"{self._settings.project}-embedded"
        return str(next(v["VpcId"] for v in self._vpcs() if _tag(v, "Name") == name))

    def _make_vpc(self, thing: Thing) -> None:
        tags = {**dict(thing.tags), "Name": thing.name}
        ec2 = self.client("ec2")
        number = len(self._vpcs())
        vpc = ec2.create_vpc(CidrBlock=f"10.{number % 200}.0.0/16", TagSpecifications=_specify("vpc", tags))["Vpc"]
        ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": True})

    def _make_subnet(self, thing: Thing) -> None:
        ec2 = self.client("ec2")
        vpc_id = self._vpc_id()
        wanted = [{"Name": "vpc-id", "Values": [vpc_id]}]
        taken = {subnet["CidrBlock"] for subnet in self._pages("ec2", "describe_subnets", "Subnets", Filters=wanted)}
        base = next(v["CidrBlock"] for v in self._vpcs() if v["VpcId"] == vpc_id).rsplit(".", 2)[0]
        block = next(b for b in (f"{base}.{n}.0/24" for n in range(256)) if b not in taken)
        tags = {**dict(thing.tags), **({"Name": thing.name} if thing.name else {})}
        made = ec2.create_subnet(
            VpcId=vpc_id,
            CidrBlock=block,
            AvailabilityZone=thing.zone,
            TagSpecifications=_specify("subnet", tags),
        )["Subnet"]
        ec2.modify_subnet_attribute(SubnetId=made["SubnetId"], MapPublicIpOnLaunch={"Value": True})

    def _make_security_group(self, thing: Thing) -> None:
        self.client("ec2").create_security_group(
            GroupName=thing.name,
            Description="made by the embedded target",
            VpcId=self._vpc_id(),
            TagSpecifications=_specify("security-group", dict(thing.tags)),
        )

    def _make_instance_profile(self, thing: Thing) -> None:
        iam = self.client("iam")
        tags = [{"Key": key, "Value": value} for key, value in thing.tags]
        iam.create_role(RoleName=thing.name, AssumeRolePolicyDocument=json.dumps(TRUST), Tags=tags)
        iam.create_instance_profile(InstanceProfileName=thing.name, Tags=tags)
        iam.add_role_to_instance_profile(InstanceProfileName=thing.name, RoleName=thing.name)

    def _make_volume(self, thing: Thing) -> None:
        tags = {**dict(thing.tags), **({"Name": thing.name} if thing.name else {})}
        self.client("ec2").create_volume(
            AvailabilityZone=thing.zone, Size=20, VolumeType="gp3", TagSpecifications=_specify("volume", tags)
        )

    def _make_target_group(self, thing: Thing) -> None:
        self.client("elbv2").create_target_group(
            Name=thing.name, Protocol="HTTP", Port=8080, VpcId=self._vpc_id(), HealthCheckPath="/login"
        )

    def _make_image(self, thing: Thing) -> None:
        self._add_image(thing, None if thing.owner == ACCOUNT else VENDOR_DATE)

    def _make_secret(self, thing: Thing) -> None:
        value = (
            agent_key()
            if thing.name == self._settings.secrets.agent_key
            else json.dumps(settings_secret(self._settings), indent=2)
        )
        self.client("secretsmanager").create_secret(Name=thing.name, SecretString=value)


_MAKERS: Mapping[Kind, Callable[[Seeder, Thing], None]] = {
    "vpc": Seeder._make_vpc,
    "subnet": Seeder._make_subnet,
    "security group": Seeder._make_security_group,
    "instance profile": Seeder._make_instance_profile,
    "volume": Seeder._make_volume,
    "target group": Seeder._make_target_group,
    "image": Seeder._make_image,
    "secret": Seeder._make_secret,
}


def _tag(raw: Mapping[str, Any], key: str) -> str:
    return next((str(tag["Value"]) for tag in raw.get("Tags", []) if tag["Key"] == key), "")


def _tags(raw: Mapping[str, Any], *but: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((t["Key"], t["Value"]) for t in raw.get("Tags", []) if t["Key"] not in but))


def _specify(kind: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    if not tags:
        return []
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}]
