"""Reads one answer of GitHub: is it good, must one wait and how long, or which error is it? Pure; makes no call.

Sources: docs.github.com, "Best practices for using the REST API" and "Rate limits and query limits for the GraphQL API"
(Retry-After first, else x-ratelimit-reset when nothing remains, else a minute and then longer), "Authenticating with
SAML single sign-on" (X-GitHub-SSO), "Permissions required" (X-Accepted-GitHub-Permissions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from jenkins_bootstrap.github.errors import (
    Forbidden,
    GitHubError,
    NotAccepted,
    NotFound,
    NotResolved,
    QueryRefused,
    QueryTooLarge,
    SignInRefused,
)

SECONDARY_WAIT_SECONDS = 60.0
LONGEST_BACK_OFF_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was JSON. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    data: Any

    @property
    def message(self) -> str:
        text = self.data.get("message") if isinstance(self.data, dict) else None
        return printable(text) if isinstance(text, str) else ""

    @property
    def errors(self) -> Sequence[Mapping[str, Any]]:
        """GraphQL's errors; empty for a REST answer."""
        found = self.data.get("errors") if isinstance(self.data, dict) else None
        return [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []


def printable(text: str, most: int = 300) -> str:
    """One line of what a server said, without control characters (a terminal would obey them)."""
    line = " ".join(re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f]", " ", text).split())
    return line if len(line) <= most else line[: most - 3] + "..."


def server_time(headers: Mapping[str, str]) -> float | None:
    """The server's clock in seconds since the epoch, by its Date header."""
    return _date(headers.get("date", ""))


def seconds_to_wait(answer: Answer, attempt: int, now: float) -> float | None:
    """How long GitHub wants to be left alone, or None when the answer is no rate limit.

    Args:
        answer: any answer.
        attempt: 0 for the first call, then counting.
        now: seconds since the epoch.
    """
    limited_query = any(e.get("type") in ("RATE_LIMITED", "RATE_LIMIT") for e in answer.errors)
    if answer.status not in (403, 429) and not limited_query:
        return None
    asked = retry_after(answer.headers, now)
    if asked is not None:
        return asked
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and re.fullmatch(r"\d{1,12}", reset):
        # Clocks differ by a second or two, and a call just before the reset costs another round.
        return max(0.0, float(reset) - now) + 1.0
    if answer.status == 429 or limited_query or "rate limit" in answer.message.lower():
        return float(SECONDARY_WAIT_SECONDS * 2 ** min(attempt, 6))
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a Retry-After header asks for; it holds seconds or a date."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    moment = _date(text)
    return None if moment is None else max(0.0, moment - now)


def back_off(attempt: int) -> float:
    """Seconds before the next try after a failure that is nobody's fault: 1, 2, 4, ... 30."""
    return float(min(2**attempt, LONGEST_BACK_OFF_SECONDS))


def error_of(answer: Answer, where: str, subject: str) -> GitHubError | None:
    """The error that an answer is, or None for a good one. Rate limits and 5xx are dealt with before.

    Args:
        answer: the answer.
        where: the call, for the message.
        subject: what was asked for, in words ("owner acme").
    """
    if answer.status == 401:
        return SignInRefused(
            f"GitHub refuses the sign-in (401{_said(answer.message)})",
            server_time=server_time(answer.headers),
            where=where,
            hint="the token or the App's key is wrong, expired or revoked: make a new one and store it in the secret",
        )
    if answer.status == 403:
        return Forbidden(
            f"GitHub forbids it for {subject} (403{_said(answer.message)})", where=where, hint=_remedy(answer)
        )
    if answer.status in (404, 410):
        return NotFound(f"GitHub has no {subject} that this sign-in may see (404)", where=where, hint=NOT_FOUND_HINT)
    if answer.status == 422:
        said = "; ".join(printable(str(e.get("message", ""))) for e in answer.errors if e.get("message"))
        return NotAccepted(f"GitHub does not accept it (422{_said(said or answer.message)})", where=where)
    if answer.status >= 400:
        return QueryRefused(f"GitHub answered {answer.status}{_said(answer.message, ' ')}", where=where)
    return _error_of_query(answer, where, subject)


NOT_FOUND_HINT = (
    "check the spelling in github.owners and github.api_url; a private one needs a token with the scope repo, "
    "or the App installed there"
)


def _error_of_query(answer: Answer, where: str, subject: str) -> GitHubError | None:
    errors = answer.errors
    if not errors:
        return None
    kinds = {str(e.get("type", "")) for e in errors}
    first = printable(str(errors[0].get("message", "no message")))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return Forbidden(f"GitHub forbids it for {subject}: {first}{more}", where=where, hint=_remedy(answer))
    if "NOT_FOUND" in kinds and len(errors[0].get("path") or ()) <= 1:
        return NotResolved(
            f"GitHub has no {subject} that this sign-in may see: {first}", where=where, hint=NOT_FOUND_HINT
        )
    if "RESOURCE_LIMITS_EXCEEDED" in kinds:
        return QueryTooLarge(f"GitHub's GraphQL stopped a query that takes too much: {first}", where=where)
    return QueryRefused(f"GitHub's GraphQL answered with an error: {first}{more}", where=where)


def _remedy(answer: Answer) -> str:
    """Which scope or permission is missing, as far as GitHub says it."""
    headers = answer.headers
    if headers.get("x-github-sso", "").startswith("required"):
        return "authorise the token for the organisation's single sign-on: GitHub, Settings, Tokens, Configure SSO"
    parts = []
    wanted = headers.get("x-accepted-oauth-scopes")
    has = headers.get("x-oauth-scopes")
    permissions = headers.get("x-accepted-github-permissions")
    if permissions:
        parts.append(f"the App or fine-grained token needs {printable(permissions)}")
    if wanted:
        parts.append(f"one of the scopes {printable(wanted)} is needed")
    if has is not None:
        parts.append(f"the token has the scopes {printable(has) or '(none)'}")
    if not parts:
        return "a classic token needs the scope repo; an App or fine-grained token needs metadata: read, contents: read"
    return "; ".join(parts)


def _said(message: str, before: str = ": ") -> str:
    return f"{before}{message}" if message else ""


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, IndexError):
        return None
