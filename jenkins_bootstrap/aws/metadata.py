"""What an EC2 instance knows of itself, by IMDSv2: its id and zone. Nothing else of the metadata is read."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from jenkins_bootstrap.aws.session import AwsError

ROOT = "http://169.254.169.254/latest"
_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Instance:
    id: str
    zone: str


def instance(root: str = ROOT) -> Instance:
    """This instance. Raises AwsError, which passes by itself, when the metadata does not answer."""
    # Only a local address is asked, and never through a proxy of the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        ask = urllib.request.Request(f"{root}/api/token", method="PUT")  # noqa: S310
        ask.add_header("X-aws-ec2-metadata-token-ttl-seconds", "60")
        with opener.open(ask, timeout=_SECONDS) as answer:
            token = answer.read().decode()
        ask = urllib.request.Request(f"{root}/dynamic/instance-identity/document")  # noqa: S310
        ask.add_header("X-aws-ec2-metadata-token", token)
        with opener.open(ask, timeout=_SECONDS) as answer:
            document = json.load(answer)
        return Instance(str(document["instanceId"]), str(document["availabilityZone"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AwsError(
            f"does not answer: {error}", where="the instance's metadata (IMDSv2)", hint="boot runs on an EC2 instance"
        ) from error
