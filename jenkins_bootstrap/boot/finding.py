"""Everything the settings name, found again, and the values of the secrets: asked again until the deadline.

What was found is kept over the attempts, so that only what failed is asked again. A boot needs all of it, a look at a
running controller goes on with what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
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
    secrets: secrets.SecretValues = field(repr=False)
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
        answers, failed = _ask(aws, settings, now(), found)
        found.update(answers)
        errors = _each(failed.values())
        raise_all([error for error in errors if not passes(error, patience.waited)] or errors)

    patience.until(ask, "AWS")
    return Found(aws, find.facts(aws, settings, found), secrets.values_of(settings, found))


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
    found: dict[str, Any] = {}
    lasting: dict[str, BootstrapError] = {}
    passing: dict[str, BootstrapError] = {}

    def ask() -> None:
        answers, failed = _ask(aws, settings, now(), found, lasting)
        found.update(answers)
        passing.clear()
        for path, error in failed.items():
            (passing if passes(error, APPEARS_WITHIN) else lasting)[path] = error
        raise_all(_each(passing.values()))

    try:
        patience.until(ask, "AWS")
    except BootstrapError:
        if not found:
            raise
    if not found:
        raise_all(_each(lasting.values()))
    facts, failed = find.some_facts(aws, settings, found, {**lasting, **passing})
    return FoundPartly(aws, facts, secrets.values_of(settings, found), failed)


def _ask(
    aws: Aws, settings: Settings, now: datetime, *answered: Collection[str]
) -> tuple[dict[str, Any], dict[str, BootstrapError]]:
    """Ask once what is not answered yet, by path; each failure says the paths of its settings."""
    questions = find.questions(aws, settings, now)
    answers, failed = find.ask(aws, {p: look for p, look in questions.items() if not any(p in a for a in answered)})
    for path, error in failed.items():
        if isinstance(error, NothingFound) and path.endswith(".ami"):
            error.may_come = False
    for error in _each(failed.values()):
        _say_where(error, ", ".join(path for path, each in failed.items() if each is error))
    return answers, failed


def _each(errors: Iterable[BootstrapError]) -> list[BootstrapError]:
    """Each error once, which settings that name the same secret share."""
    return list({id(error): error for error in errors}.values())


def _say_where(error: BootstrapError, paths: str) -> None:
    """The paths of the settings in front, without making the error anew: its code says whether it passes."""
    for each in getattr(error, "errors", (error,)):
        each.where = f"{paths}: {each.where}"
