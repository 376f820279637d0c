"""The webhook secret before the newest one: while hooks are moved, deliveries signed with it still count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from jenkins_bootstrap.aws.session import Aws, AwsError

KEY = "github_webhook_secret"
MOST = 10
"""Versions that are read at most; a secret that is changed more often within the overlap has its own problem."""


def superseded(aws: Aws, name: str, now: datetime, hours: int) -> tuple[str, ...]:
    """The webhook secrets of versions of the secret `name` that ended within the last `hours`, the newest first.

    A version ended when the next one was made. The newest, if it is not the current one, has ended by a roll-back: when
    is not known, so it counts for as long after it was made. All versions are looked at, not AWSPREVIOUS alone: another
    key of the same secret may have changed since. What those versions look like is not checked: one may be the broken
    one that the current one corrects.
    """
    if hours == 0:
        return ()
    try:
        versions = sorted(_versions(aws, name), key=lambda version: version["CreatedDate"])
    except AwsError as error:
        if error.code == "ResourceNotFoundException":  # told by whoever reads the current version
            return ()
        raise
    ends = [v["CreatedDate"] for v in (*versions[1:], *versions[-1:])]
    ended = [
        version["VersionId"]
        for version, end in zip(versions, ends, strict=True)
        if "AWSCURRENT" not in version.get("VersionStages", []) and now - end < timedelta(hours=hours)
    ]
    found = (_webhook_secret(aws, name, version) for version in reversed(ended[-MOST:]))
    return tuple(secret for secret in found if secret is not None)


def _versions(aws: Aws, name: str) -> Iterator[Mapping[str, Any]]:
    """Every version but one that a rotation has only begun, which has never been in force."""
    token: dict[str, str] = {}
    while True:
        page = aws.call("secretsmanager", "list_secret_version_ids", SecretId=name, IncludeDeprecated=True, **token)
        for version in page["Versions"]:
            stages = set(version.get("VersionStages", ()))
            if "AWSPENDING" not in stages or stages & {"AWSCURRENT", "AWSPREVIOUS"}:
                yield version
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _webhook_secret(aws: Aws, name: str, version: str) -> str | None:
    try:
        answer = aws.call("secretsmanager", "get_secret_value", SecretId=name, VersionId=version)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":  # AWS removes versions that no stage names
            return None
        raise
    try:
        value = json.loads(answer.get("SecretString", ""))
    except ValueError:
        return None
    found = value.get(KEY) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found.strip() else None


def with_overlap(values: Mapping[str, str], ended: tuple[str, ...]) -> Mapping[str, str]:
    """The values with the webhook secret before the current one, if one of `ended` (newest first) differs from it.

    A key of the secret itself wins, an empty one too: it says that there is none.
    """
    if f"{KEY}_previous" in values:
        return values
    previous = next((secret for secret in ended if secret != values[KEY]), None)
    return values if previous is None else {**values, f"{KEY}_previous": previous}
