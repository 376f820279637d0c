"""One kept connection to Jenkins, signed in by API token: a request of ours is one request on the wire.

python-jenkins asks for a crumb, which a token does not need, and again for each job whether it is there; the layers of
requests cost a millisecond a call, which is ten seconds of a synchronisation of 10,000 jobs. It follows no redirect,
uses no proxy and tries nothing again.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import select
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

IDLE_SECONDS = 4.0
"""A connection that rested for longer is made anew: Jenkins closes one by itself, and a request that meets that is one
of which nobody knows whether it was done."""


class Unanswered(Exception):
    """No answer came: whether the request was done is not known. `late` when the time was up."""

    def __init__(self, words: str, *, late: bool = False, refused: bool = False) -> None:
        super().__init__(words)
        self.late = late
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    location: str = ""
    error: str = ""
    """Jenkins' own words for a refusal (header X-Error)."""
    cookies: str = ""

    @property
    def asks_for_crumb(self) -> bool:
        return self.status == 403 and b"crumb" in self.body[:100_000].lower()


@dataclass(slots=True)
class Wire:
    """A connection to the Jenkins at `url`. Nothing is opened before the first request."""

    url: str
    user: str
    token: str = field(repr=False)
    _connection: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)
    _used: float = field(default=0.0, init=False)
    _headers: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _base: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._base = urlsplit(self.url).path.rstrip("/")
        signed = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {signed}", "Accept-Encoding": "identity"}

    def send(self, method: str, path: str, timeout: float, body: bytes | None = None, kind: str = "") -> Answer:
        """One request. `path` is below Jenkins' own, quoted; `kind` is the body's content type.

        Raises Unanswered.
        """
        headers = {**self._headers, "Content-Type": kind} if kind else self._headers
        try:
            connection = self._open(timeout)
            connection.request(method, f"{self._base}/{path}", body, headers)
            with contextlib.closing(connection.getresponse()) as response:
                content = response.read()
                error = (response.getheader("X-Error") or "").encode("latin-1", "replace").decode("utf-8", "replace")
                cookies = "; ".join(one.partition(";")[0] for one in response.msg.get_all("Set-Cookie") or ())
                answer = Answer(response.status, content, response.getheader("Location") or "", error, cookies)
                if response.will_close:
                    self.close()
        except TimeoutError:
            self.close()
            raise Unanswered(f"did not answer within {timeout:.0f} s", late=True) from None
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Unanswered(f"shows a certificate that is not trusted, {error.verify_message}", refused=True) from None
        except ConnectionRefusedError:
            self.close()
            raise Unanswered("cannot be reached", refused=True) from None
        except (OSError, http.client.HTTPException):
            self.close()
            raise Unanswered("broke off the connection, or cannot be reached") from None
        self._used = time.monotonic()
        return answer

    def use_crumb(self, answer: Answer) -> bool:
        """Send the crumb of this answer, and its session, with the requests to come. False when it has none."""
        try:
            given = json.loads(answer.body)
            name, value = str(given["crumbRequestField"]), str(given["crumb"])
        except (ValueError, KeyError, TypeError):
            return False
        self._headers = {**self._headers, name: value}
        if answer.cookies:
            self._headers["Cookie"] = answer.cookies  # without a token a crumb is good in its own session alone
        return True

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self, timeout: float) -> http.client.HTTPConnection:
        kept = self._connection
        if kept is not None and kept.sock is not None:
            rested = time.monotonic() - self._used > IDLE_SECONDS
            if not rested and not select.select([kept.sock], [], [], 0)[0]:
                kept.sock.settimeout(timeout)
                return kept
            self.close()
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, parts.port, timeout=timeout, context=ssl.create_default_context()
            )
        else:
            made = http.client.HTTPConnection(host, parts.port, timeout=timeout)
        self._connection = made
        return made
