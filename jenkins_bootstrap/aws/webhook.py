"""The webhook secrets before the newest ones, with which deliveries still count while hooks are moved; and since when
the present ones are in force."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jenkins_bootstrap.aws.session import Aws, AwsError

KEYS = ("github_webhook_secret", "github_receiver_secret")
"""What deliveries to Jenkins and to the receiver are signed with."""
MOST = 10
"""Versions that are read at most; a secret that is changed more often within the overlap has its own problem."""
EVER_HOURS = 100 * 365 * 24


def superseded(aws: Aws, name: str, now: datetime, hours: int) -> Mapping[str, tuple[str, ...]]:
    """By key, the webhook secrets of versions of the secret `name` that ended within the last `hours`, newest first.

    A version ended when the next one was made. The newest, if it is not the current one, has ended by a roll-back: when
    is not known, so it counts for as long after it was made. All versions are looked at, not AWSPREVIOUS alone: another
    key of the same secret may have changed since. What those versions look like is not checked: one may be the broken
    one that the current one corrects.
    """
    if hours == 0:
        return {}
    try:
        versions = sorted(_versions(aws, name), key=lambda version: version["CreatedDate"])
    except AwsError as error:
        if error.code == "ResourceNotFoundException":  # told by whoever reads the current version
            return {}
        raise
    ends = [v["CreatedDate"] for v in (*versions[1:], *versions[-1:])]
    ended = [
        version["VersionId"]
        for version, end in zip(versions, ends, strict=True)
        if "AWSCURRENT" not in version.get("VersionStages", []) and now - end < timedelta(hours=hours)
    ]
    found = [_webhook_secrets(aws, name, version) for version in reversed(ended[-MOST:])]
    return {key: tuple(values[key] for values in found if key in values) for key in KEYS}


def in_force(aws: Aws, name: str) -> Mapping[str, datetime]:
    """Since when the present value of each webhook secret of the secret `name` is in force, as far as AWS remembers; a
    key without a value is not there.

    A value that was rolled back to counts from the version whose place it took again, the latest that is sure.
    """
    versions = sorted(_versions(aws, name), key=lambda version: version["CreatedDate"])
    place = next((n for n, v in enumerate(versions) if "AWSCURRENT" in v.get("VersionStages", [])), None)
    if place is None:
        return {}
    current, created = _read(aws, name, versions[place]["VersionId"])
    newer = versions[place + 1 :]
    if newer:
        created = _read(aws, name, newer[-1]["VersionId"])[1]
    since = {} if created is None else dict.fromkeys(current, created)
    asked = set() if newer else set(since)
    for version in reversed(versions[max(0, place - MOST) : place]):
        if not asked:
            break
        before, created = _read(aws, name, version["VersionId"])
        asked = {key for key in asked if created is not None and before.get(key) == current[key]}
        since.update({key: created for key in asked if created is not None})
    return since


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


def _webhook_secrets(aws: Aws, name: str, version: str) -> dict[str, str]:
    return _read(aws, name, version)[0]


def _read(aws: Aws, name: str, version: str) -> tuple[dict[str, str], datetime | None]:
    """The webhook secrets of a version and when it was made; nothing when it is gone, no secrets when it is broken."""
    try:
        answer = aws.call("secretsmanager", "get_secret_value", SecretId=name, VersionId=version)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":  # AWS removes versions that no stage names
            return {}, None
        raise
    created: datetime = answer["CreatedDate"]
    try:
        value = json.loads(answer.get("SecretString", ""))
    except ValueError:
        return {}, created
    found = {key: value.get(key) for key in KEYS} if isinstance(value, dict) else {}
    return {key: secret for key, secret in found.items() if isinstance(secret, str) and secret.strip()}, created


def with_overlap(values: Mapping[str, str], ended: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """The values with each webhook secret before the current one, if one of `ended` (newest first) differs from it.

    A key of the secret itself wins, an empty one too: it says that there is none.
    """
    more = {}
    for key in KEYS:
        if f"{key}_previous" not in values and key in values:
            previous = next((secret for secret in ended.get(key, ()) if secret != values[key]), None)
            if previous is not None:
                more[f"{key}_previous"] = previous
    return {**values, **more} if more else values


def contradicted(aws: Aws, name: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """Which `_previous` keys of the secret `name`, whose current `values` are these, are not what its versions say.

    Such a key wins over them, so that during a rotation deliveries signed with the true one before are refused. Of one
    whose earlier values AWS does not remember nothing is said.
    """
    told = [key for key in KEYS if values.get(f"{key}_previous")]
    ended = superseded(aws, name, datetime.now(UTC), EVER_HOURS) if told else {}
    wrong = []
    for key in told:
        before = next((secret for secret in ended.get(key, ()) if secret != values.get(key)), None)
        if before is not None and before != values[f"{key}_previous"]:
            wrong.append(f"{key}_previous")
    return tuple(wrong)
