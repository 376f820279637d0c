"""Everything the settings name, found again, and the values of the secrets: asked again until the deadline.

What was found is kept over the attempts, so that only what failed is asked again. A boot needs all of it, a look at a
running controller goes on with what there is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jenkins_bootstrap.aws import find, secrets
from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.boot.documents import Target
from jenkins_bootstrap.boot.retry import APPEARS_WITHIN, Patience, passes
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError, NothingFound, raise_all
from jenkins_bootstrap.facts import AwsFacts

ATTEMPTS = 2
READ_SECONDS = 15
"""Of one call: the boot asks again by itself, and must notice when its deadline is over."""


@dataclass(frozen=True, slots=True)
class Found:
    aws: Aws
    facts: AwsFacts
    secrets: secrets.SecretValues = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundPartly:
    """What could be found and read, blank where it failed, and what failed by the path of the setting."""

    aws: Aws
    facts: AwsFacts
    secrets: secrets.ReadSecrets = field(repr=False)
    failed: Mapping[str, BootstrapError]


def gateway(settings: Settings, target: Target, log: Callable[[str], None] | None = None) -> Aws:
    """The gateway of a boot. Raises AwsError when there are no credentials (yet)."""
    if target.endpoint is None:
        aws = Aws.real(settings.region, log=log)
    else:
        aws = Aws.embedded(settings.region, target.endpoint, log=log)
    aws.attempts, aws.read_seconds = ATTEMPTS, READ_SECONDS
    return aws


def find_again(
    make: Callable[[], Aws],
    settings: Settings,
    patience: Patience,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Found:
    """Find everything and read every secret. `make` gives the gateway, and is asked again while it has no credentials.

    Raises what does not pass at once (access denied, an image that is gone, a secret without its shape; all that were
    seen together), and a BootstrapError when the deadline is over.
    """
    aws = patience.until(make, "the credentials of this instance's role")
    found: dict[str, Any] = {}

    def ask() -> None:
        asked = {path: look for path, look in find.questions(aws, settings).items() if path not in found}
        answers, failed = _ask(aws, asked)
        found.update(answers)
        lasting = [error for error in failed.values() if not passes(error, patience.waited)]
        raise_all(lasting or list(failed.values()))

    patience.until(ask, "AWS")
    values = patience.until(lambda: secrets.all_values(aws, settings, now()), "Secrets Manager")
    return Found(aws, find.facts(aws, settings, found), values)


def find_partly(
    make: Callable[[], Aws],
    settings: Settings,
    patience: Patience,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FoundPartly:
    """Find what there is and read the secrets that can be read. Only what passes by itself is waited for.

    What is not found is not waited for, as the rest would have to wait with it: the next look asks again.

    Raises BootstrapError when there are no credentials, or nothing at all is found: AWS cannot be asked then.
    """
    aws = patience.until(make, "the credentials of this instance's role")
    questions = find.questions(aws, settings)
    found: dict[str, Any] = {}
    lasting: dict[str, BootstrapError] = {}
    passing: dict[str, BootstrapError] = {}
    read: list[secrets.ReadSecrets] = []

    def ask() -> None:
        answers, failed = _ask(aws, {p: look for p, look in questions.items() if p not in found and p not in lasting})
        found.update(answers)
        passing.clear()
        for path, error in failed.items():
            (passing if passes(error, APPEARS_WITHIN) else lasting)[path] = error
        raise_all(list(passing.values()))

    def read_secrets() -> None:
        read[:] = [secrets.read_values(aws, settings, now())]
        raise_all([error for error in read[0].failed.values() if passes(error, APPEARS_WITHIN)])

    try:
        patience.until(ask, "AWS")
    except BootstrapError:
        if not found:
            raise
    if not found:
        raise_all(list(lasting.values()))
    with contextlib.suppress(BootstrapError):  # each is in what was read
        patience.until(read_secrets, "Secrets Manager")
    failed = {path: error for path in questions if (error := lasting.get(path) or passing.get(path)) is not None}
    for error in {id(e): e for path, e in read[0].failed.items() if path not in failed}.values():
        _say_where(error, ", ".join(path for path, each in read[0].failed.items() if each is error))
    facts, failed = find.some_facts(aws, settings, found, failed)
    return FoundPartly(aws, facts, read[0], {**read[0].failed, **failed})


def _ask(aws: Aws, asked: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, BootstrapError]]:
    """Ask once; each failure says the path of its setting."""
    answers, failed = find.ask(aws, asked)
    for path, error in failed.items():
        if isinstance(error, NothingFound) and path.endswith(".ami"):
            error.may_come = False
        _say_where(error, path)
    return answers, failed


def _say_where(error: BootstrapError, path: str) -> None:
    """The path of the setting in front, without making the error anew: its code says whether it passes."""
    for each in getattr(error, "errors", (error,)):
        each.where = f"{path}: {each.where}"
