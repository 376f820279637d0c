"""What the receiver asks of others: the reconciliation, and the deliveries that GitHub could not make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jenkins_bootstrap.receiver.events import Target


@dataclass(frozen=True, slots=True)
class Result:
    """What a reconciliation came to: how many changes it made, and its summary for people, a line each.

    `error` is empty when everything that was wanted is done. What failed is tried again. `everything`: it is left to a
    look at everything, which is to come soon.
    """

    changes: int = 0
    lines: tuple[str, ...] = ()
    error: str = ""
    everything: bool = False


Reconcile = Callable[[Target | None], Result]
"""Brings the job of one repository in step with GitHub, or (None) all of them. Raises BootstrapError, Busy."""


class Busy(Exception):
    """Another process works on the jobs; its words say which."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A delivery that GitHub could not make: of which hook (None: not known), its id, what it was, and how to have it
    sent again."""

    hook: str | None
    id: str
    event: str
    again: Callable[[], None]


FindMissed = Callable[[], list[Missed]]
"""The deliveries of late none of whose attempts got a good answer. Raises BootstrapError."""
