"""Deliveries that GitHub could not make while nobody listened: it sends none again by itself, so it is asked to."""

from __future__ import annotations

import time
from collections.abc import Callable

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.events import EVENTS
from jenkins_bootstrap.receiver.ports import FindMissed
from jenkins_bootstrap.receiver.queue import Queue
from jenkins_bootstrap.receiver.telling import Say, line, words_of

MOST = 100
"""Beyond that the full reconciliation, which comes anyway, is the shorter way."""
PAUSE_SECONDS = 1.0
"""GitHub wants at most one change a second of anybody."""


def catch_up(
    find: FindMissed,
    queue: Queue,
    say: Say,
    *,
    sleep: Callable[[float], None] = time.sleep,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Have GitHub send again what it could not deliver and the queue does not know. Returns how many.

    A failure is told and no more: the full reconciliation finds the same changes.
    """
    asked = 0
    try:
        missed = [one for one in find() if one.event in EVENTS and one.event != "ping"]
        missed = [one for one in missed if not queue.knows(one.hook, one.id)]
        for one in missed[:MOST]:
            if stopping():
                break
            if asked:
                sleep(PAUSE_SECONDS)
            one.again()
            asked += 1
    except BootstrapError as error:
        say(line("catch-up", outcome="failed", again=asked, error=words_of(error)))
        return asked
    say(line("catch-up", outcome="done", again=asked, left=len(missed) - asked))
    return asked
