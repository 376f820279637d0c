"""Everything the settings name, found again at boot, and the values of the secrets: asked again until the deadline.

What was found is kept over the attempts, so that only what failed is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jenkins_bootstrap.aws import find, secrets
from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.boot.documents import Target
from jenkins_bootstrap.boot.retry import Patience, passes
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
        answers, failed = find.ask(aws, asked)
        found.update(answers)
        for path, error in failed.items():
            if isinstance(error, NothingFound) and path.endswith(".ami"):
                error.may_come = False
            _say_where(error, path)
        lasting = [error for error in failed.values() if not passes(error, patience.waited)]
        raise_all(lasting or list(failed.values()))

    patience.until(ask, "AWS")
    values = patience.until(lambda: secrets.all_values(aws, settings, now()), "Secrets Manager")
    return Found(aws, find.facts(aws, settings, found), values)


def _say_where(error: BootstrapError, path: str) -> None:
    """The path of the setting in front, without making the error anew: its code says whether it passes."""
    for each in getattr(error, "errors", (error,)):
        each.where = f"{path}: {each.where}"
