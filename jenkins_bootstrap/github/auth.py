"""Sign-in to GitHub: a token, or a GitHub App's installation. Values never appear in a repr or an error.

Knows nothing of sessions and retries: what needs a call gets it as a function (`Exchange`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from jenkins_bootstrap.errors import SecretError
from jenkins_bootstrap.github.errors import NotGitHub, SignInRefused

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Owner

T = TypeVar("T")
Exchange = Callable[[str, str, str], Mapping[str, Any]]
"""(method, path below the API root, value of Authorization) -> the JSON object of the answer."""

RENEW_BEFORE_SECONDS = 300
"""An installation token lives an hour; a listing that starts within its last minutes must not lose it half-way."""

SKEW_WORTH_CORRECTING_SECONDS = 30


class Auth(Protocol):
    """How requests are signed."""

    @property
    def kind(self) -> Literal["token", "app"]: ...

    def authorization(self, exchange: Exchange) -> str:
        """The value of the Authorization header, after a renewal by `exchange` when one is due."""

    def forget(self) -> bool:
        """Drop what was obtained; False when there is nothing that could be obtained anew."""


class TokenAuth:
    """A personal access token (classic or fine-grained) or any other ready-made token."""

    kind: Literal["token", "app"] = "token"

    def __init__(self, token: str, *, where: str = "github_token") -> None:
        token = token.strip()
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            what = "is not a token: it has blanks or characters that no token has" if token else "is empty"
            raise SecretError(what, where=where, hint="store the token alone, without quotes and line breaks")
        self._token = token

    def __repr__(self) -> str:
        return "TokenAuth(...)"

    def authorization(self, exchange: Exchange) -> str:
        return f"bearer {self._token}"

    def forget(self) -> bool:
        return False


class AppAuth:
    """An installation of a GitHub App: a JWT signed with the App's key buys tokens that live an hour.

    Args:
        app_id: the App's id or client id, as its page shows it.
        private_key: the App's RSA key in PEM, as GitHub made it.
        installation: numeric id of the installation on the owner.
        clock: seconds since the epoch; the server's clock corrects it when they differ.
    """

    kind: Literal["token", "app"] = "app"

    def __init__(
        self,
        app_id: str,
        private_key: str,
        installation: int,
        *,
        clock: Callable[[], float] = time.time,
        where: str = "github_app_private_key",
    ) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", app_id.strip()):
            raise SecretError(
                "is not an App id", where="github_app_id", hint="it is the number, or client id, on the App's page"
            )
        self._app_id = app_id.strip()
        self._key = _rsa_key(private_key, where)
        self.installation = installation
        self._clock = clock
        self._offset = 0.0
        self._token: str | None = None
        self._ends = 0.0

    def __repr__(self) -> str:
        return f"AppAuth(installation={self.installation})"

    def jwt(self) -> str:
        """A JWT of nine minutes, issued a minute ago: GitHub allows ten in all and refuses an `iat` in its future."""
        import jwt

        now = int(self._clock() + self._offset)
        return jwt.encode({"iat": now - 60, "exp": now + 540, "iss": self._app_id}, self._key, algorithm="RS256")

    def app_call(self, exchange: Callable[[str, str, str], T], method: str, path: str) -> T:
        """A call as the App itself; once more with the server's time when the two clocks differ."""
        try:
            return exchange(method, path, f"bearer {self.jwt()}")
        except SignInRefused as refused:
            here = self._clock()
            offset = (refused.server_time or here) - here
            if abs(offset - self._offset) < SKEW_WORTH_CORRECTING_SECONDS:
                raise
            self._offset = offset
        try:
            return exchange(method, path, f"bearer {self.jwt()}")
        except SignInRefused as refused:
            refused.hint += f"; this machine's clock differs from GitHub's by {self._offset:+.0f} s: set it right"
            raise

    def authorization(self, exchange: Exchange) -> str:
        now = self._clock() + self._offset
        if self._token is None or now > self._ends - RENEW_BEFORE_SECONDS:
            path = f"/app/installations/{self.installation}/access_tokens"
            answer = self.app_call(exchange, "POST", path)
            try:
                self._token = str(answer["token"])
                self._ends = datetime.fromisoformat(str(answer["expires_at"])).timestamp()
            except (KeyError, ValueError) as error:
                raise NotGitHub("the answer has no token with an end", where=f"POST {path}") from error
        return f"bearer {self._token}"

    def forget(self) -> bool:
        had = self._token is not None
        self._token = None
        return had


def _rsa_key(pem: str, where: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    hint = "store the .pem file that GitHub gave when the App's key was made, with its line breaks"
    try:
        key = load_pem_private_key(pem.strip().encode() + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is left out on purpose: its text may quote the key's.
        raise SecretError("is not an unencrypted private key in PEM", where=where, hint=hint) from None
    if not isinstance(key, RSAPrivateKey):
        raise SecretError("is a private key, but not an RSA one", where=where, hint=hint)
    return key


def auth_for(
    owner: Owner, values: Mapping[str, str], *, held_in: str = "jenkins", clock: Callable[[], float] = time.time
) -> Auth:
    """The sign-in that the settings ask for on `owner`.

    Args:
        owner: an entry of `github.owners`.
        values: the key-value secret.
        held_in: the name of that secret, for messages.
        clock: seconds since the epoch.

    Raises:
        SecretError: a key is missing or has not the shape it must have.
    """

    def value(key: str) -> str:
        if not values.get(key):
            raise SecretError(
                f"has no key {key}, which sign_in: {owner.sign_in} of owner {owner.name} needs",
                where=f"secret {held_in}",
                hint=f"add {key} to the secret, or change sign_in of the owner",
            )
        return values[key]

    if owner.sign_in == "token":
        return TokenAuth(value("github_token"), where=f"secret {held_in}: github_token")
    assert owner.installation is not None, "the settings model requires it for an App"
    return AppAuth(
        value("github_app_id"),
        value("github_app_private_key"),
        owner.installation,
        clock=clock,
        where=f"secret {held_in}: github_app_private_key",
    )
