"""What can go wrong when GitHub is asked, each kind an error of its own so that callers and tests can tell them apart.

No message holds a token, a key or a JWT: the texts come from statuses, header names and GitHub's own `message`.
"""

from __future__ import annotations

from jenkins_bootstrap.errors import BootstrapError


class GitHubError(BootstrapError):
    """GitHub could not be asked, or did not give what was asked for."""


class Unreachable(GitHubError):
    """No answer at all: name, network, TLS, time-out."""


class ServerTrouble(GitHubError):
    """5xx answers, again and again. `status` is the last one."""

    def __init__(self, what: str, *, status: int, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.status = status


class NotGitHub(GitHubError):
    """An answer that GitHub's API does not give: no JSON, a redirection, a field that must be there and is not."""


class SignInRefused(GitHubError):
    """401: the token or the App's JWT is wrong, expired or revoked.

    `server_time` is the server's clock at that moment, in seconds since the epoch, if it told it.
    """

    def __init__(self, what: str, *, server_time: float | None = None, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.server_time = server_time


class Forbidden(GitHubError):
    """403 that no waiting helps: a scope or permission is missing, or single sign-on is required."""


class NotFound(GitHubError):
    """404: the owner, repository or installation does not exist, or may not be seen with this sign-in."""


class RateLimited(GitHubError):
    """GitHub asks for a longer wait than is allowed here."""


class QueryRefused(GitHubError):
    """GraphQL answered with errors that are none of the above."""


class QueryTooLarge(QueryRefused):
    """GraphQL gave up half-way as the query takes too much of the server: the caller can ask for less."""


class NotAccepted(QueryRefused):
    """422: REST does not take the values that it was given."""


class NotResolved(NotFound):
    """GraphQL says that what a query is about does not exist, or may not be seen. A 404 of the address is none."""


class IncompleteListing(GitHubError):
    """A listing that ended early or lacks repositories. Nothing may be concluded from it, least of all a deletion."""
