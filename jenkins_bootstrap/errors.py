"""The one family of errors a user is meant to see: where it happened, what is wrong, what to try.

Anything else that reaches the command line is a defect of ours and ends with exit status 4.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class BootstrapError(Exception):
    """An expected failure, explained.

    `where` names the place (a file with line and column, an AWS call, a step), `what` is wrong with the value that was
    seen, `hint` is what to try. None of the three ever holds a secret's value.
    """

    exit_status = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.where = where
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  try: {self.hint}" if self.hint else text


class UsageError(BootstrapError):
    """The command was called in a way that cannot work: exit status 2."""

    exit_status = 2


class SettingsError(BootstrapError):
    """The settings file is wrong: exit status 2."""

    exit_status = 2


class LookupFailed(BootstrapError):
    """Something named in the settings was not found in AWS, or more than one thing was."""


class NothingFound(LookupFailed):
    """No thing at all matches. `may_come`: it may just be in the making; not so for an image."""

    may_come = True


class SecretError(BootstrapError):
    """A secret is missing or does not have the shape it must have. Never carries a value."""


class ToolError(BootstrapError):
    """A program that is needed is missing, too old, or failed."""


class SeveralErrors(BootstrapError):
    """Several errors found at once, so that one run shows them all."""

    def __init__(self, errors: Sequence[BootstrapError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)
        self.exit_status = max((e.exit_status for e in errors), default=1)

    def __str__(self) -> str:
        return "\n".join(str(e) for e in self.errors)


def raise_all(errors: Sequence[BootstrapError]) -> None:
    """Raise nothing for none, the one for one, SeveralErrors for more."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralErrors(errors)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be, or None."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
