"""Waiting for what may still come: one deadline for a whole boot, growing pauses, and a word each time.

Decides which errors of AWS pass by themselves. Asks nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from jenkins_bootstrap.aws.session import AwsError
from jenkins_bootstrap.errors import BootstrapError, NothingFound, SeveralErrors

T = TypeVar("T")
LONGEST_PAUSE = 15.0
APPEARS_WITHIN = 30.0
"""Seconds for which a thing that is not found may just be in the making: Terraform makes a target group, a volume or a
subnet's tag beside the instance, and what was made is found a little later. An image or a secret is not waited for: the
first was there at the bake, and of the second the settings' name is more likely wrong."""
PASSES = frozenset(
    {
        "",  # no answer at all: a time-out, no connection, no credentials yet (the role may come late)
        "EC2ThrottledException",
        "ExpiredToken",  # the clock may be set late, or the role's credentials be renewed
        "ExpiredTokenException",
        "InternalError",
        "InternalFailure",
        "InternalServiceError",
        "PriorRequestNotComplete",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "Unavailable",
    }
)
"""AWS' codes (docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and Secrets Manager's CommonErrors)
of what passes by itself; so does everything answered with 5xx."""


@dataclass(slots=True)
class Patience:
    """How long a boot waits in all, counted from the first question. `say` gets a line at each pause."""

    seconds: float
    say: Callable[[str], None] = lambda _line: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    began: float | None = field(default=None)

    @property
    def waited(self) -> float:
        if self.began is None:
            self.began = self.clock()
        return self.clock() - self.began

    def until(self, ask: Callable[[], T], what: str) -> T:
        """Ask until there is an answer. `what` is waited for, in words.

        An error that does not pass is raised as it came, at once. When the time is over, the last one is raised with
        how long it was waited for. A question under way is not broken off: the end may be late by its own time limit.
        """
        pause = 1.0
        while True:
            waited = self.waited
            try:
                return ask()
            except BootstrapError as error:
                if not passes(error, self.waited):
                    raise
                waited, last = self.waited, error
            left = self.seconds - waited
            if left <= 0:
                raise _given_up(last, what, waited) from last
            now = min(pause, left)
            self.say(f"waiting for {what}: {_line(last)}; again in {now:.0f} s, for {left:.0f} s at most")
            self.sleep(now)
            pause = min(pause * 2, LONGEST_PAUSE)


def passes(error: BootstrapError, waited: float) -> bool:
    """Whether asking again may help. `waited` are the seconds since the first question."""
    if isinstance(error, SeveralErrors):
        return all(passes(each, waited) for each in error.errors)
    if isinstance(error, AwsError):
        return error.code in PASSES or error.status >= 500
    if isinstance(error, NothingFound):
        return error.may_come and waited < APPEARS_WITHIN
    return False


def _line(error: BootstrapError) -> str:
    first = error.errors[0] if isinstance(error, SeveralErrors) else error
    text = f"{first.where}: {first.what}" if first.where else first.what
    more = f" (and {len(error.errors) - 1} more)" if isinstance(error, SeveralErrors) else ""
    return text.splitlines()[0][:300] + more


def _given_up(error: BootstrapError, what: str, waited: float) -> BootstrapError:
    hint = "see whether AWS or the network has trouble; controller.boot.deadline_seconds says how long is waited"
    parts = error.errors if isinstance(error, SeveralErrors) else (error,)
    text = "; ".join(part.what for part in parts)
    where = ", ".join(dict.fromkeys(part.where for part in parts if part.where))
    return BootstrapError(f"waited {waited:.0f} s for {what} in vain: {text}", where=where, hint=parts[0].hint or hint)
