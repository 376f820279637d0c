"""One connection to GitHub's REST and GraphQL: signs, sends, waits when asked to, turns each bad answer into an error.

Knows no query: what is asked is in the modules beside it. All waiting is bounded (`Patience`).
"""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from jenkins_bootstrap import __version__
from jenkins_bootstrap.github.answers import (
    SECONDARY_WAIT_SECONDS,
    Answer,
    back_off,
    error_of,
    printable,
    retry_after,
    seconds_to_wait,
    server_time,
)
from jenkins_bootstrap.github.auth import AppAuth, Auth
from jenkins_bootstrap.github.errors import NotGitHub, RateLimited, ServerTrouble, SignInRefused, Unreachable

if TYPE_CHECKING:
    import requests

Notify = Callable[[str], None]

API_URL_HINT = (
    "github.api_url is https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise; is a proxy in the way?"
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on. Seconds; `waits` is the sum that rate limits may take, `tries` the calls for one answer."""

    waits: float = 900.0
    tries: int = 5
    connect: float = 10.0
    read: float = 60.0


def graphql_url(api_url: str) -> str:
    """The GraphQL address that goes with a REST root; an Enterprise server has them in /api/v3 and /api/graphql."""
    root = api_url.rstrip("/")
    return root.removesuffix("/v3") + "/graphql" if root.endswith("/api/v3") else root + "/graphql"


def open_session(api_url: str) -> requests.Session:
    """A session that keeps its connection. Proxies of the environment are not used for a loopback address."""
    import requests

    session = requests.Session()
    host = urlsplit(api_url).hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    session.trust_env = not loopback
    return session


class Client:
    """Calls for one sign-in, not for several threads at once; as a context manager it closes a session that it opened.

    Args:
        api_url: the REST root.
        auth: how requests are signed.
        session: a requests session; one is opened when absent.
        sleep, clock: injected for tests; seconds, seconds since the epoch.
        notify: told in words when there is a wait.
    """

    def __init__(
        self,
        api_url: str,
        auth: Auth,
        *,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        notify: Notify | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.root = api_url.rstrip("/")
        self.auth = auth
        self._keep_open = session is not None
        self._session = session or open_session(api_url)
        self._sleep = sleep
        self._clock = clock
        self._notify = notify or (lambda _words: None)
        self._patience = patience or Patience()
        self._waited = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if not self._keep_open:
            self._session.close()

    def graphql(
        self, query: str, variables: Mapping[str, Any], *, subject: str, once: tuple[int, ...] = ()
    ) -> tuple[Mapping[str, Any], Answer]:
        """Run a query and return its data and the whole answer.

        Args:
            query: the document.
            variables: its variables.
            subject: what is asked for, in words, for messages.
            once: statuses that are raised as ServerTrouble at once, since the caller can ask for less.

        Raises:
            GitHubError: one of its kinds; an answer with data and errors is an error.
        """
        url = graphql_url(self.root)
        body = {"query": query, "variables": dict(variables)}
        answer = self._signed("POST", url, body=body, subject=subject, once=once)
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        if not isinstance(data, dict):
            raise NotGitHub("the answer has no data", where=f"POST {url}", hint=API_URL_HINT)
        return data, answer

    def get(self, path: str, *, subject: str) -> Answer:
        """GET below the REST root."""
        return self._signed("GET", self.root + path, subject=subject)

    def change(self, method: str, path: str, *, subject: str, body: Mapping[str, Any] | None = None) -> Answer:
        """POST, PATCH, PUT or DELETE below the REST root. An answer without content has None for data."""
        return self._signed(method, self.root + path, subject=subject, body=body)

    def pages(self, path: str, *, subject: str, as_app: bool = False) -> Iterator[Any]:
        """The items of a REST list, page after page by its Link header, each page asked for when it is needed."""
        url: str | None = self.root + path
        while url is not None:
            if not url.startswith(self.root + "/"):
                raise NotGitHub("the next page is elsewhere", where=f"GET {self.root}{path}", hint=API_URL_HINT)
            below = url.removeprefix(self.root)
            answer = self.ask_as_app("GET", below, subject=subject) if as_app else self.get(below, subject=subject)
            if not isinstance(answer.data, list):
                raise NotGitHub("the answer is no JSON list", where=f"GET {url}", hint=API_URL_HINT)
            yield from answer.data
            url = next_page(answer.headers)

    def as_app(self, method: str, path: str) -> Mapping[str, Any]:
        """A call as the GitHub App itself, not as its installation."""
        assert isinstance(self.auth, AppAuth)
        return self.auth.app_call(self._exchange, method, path)

    def ask_as_app(self, method: str, path: str, *, subject: str, body: Mapping[str, Any] | None = None) -> Answer:
        """The same for every shape of answer, and with a body."""
        assert isinstance(self.auth, AppAuth)

        def send(method: str, path: str, authorization: str) -> Answer:
            return self._send(method, self.root + path, authorization, subject=subject, body=body)

        return self.auth.app_call(send, method, path)

    def _exchange(self, method: str, path: str, authorization: str) -> Mapping[str, Any]:
        answer = self._send(method, self.root + path, authorization, subject=f"App installation ({path})")
        if not isinstance(answer.data, dict):
            raise NotGitHub("the answer is no JSON object", where=f"{method} {self.root}{path}", hint=API_URL_HINT)
        return answer.data

    def _signed(self, method: str, url: str, **options: Any) -> Answer:
        try:
            return self._send(method, url, self.auth.authorization(self._exchange), **options)
        except SignInRefused:
            # An installation token can be revoked before its hour is over; a new one settles it.
            if not self.auth.forget():
                raise
        return self._send(method, url, self.auth.authorization(self._exchange), **options)

    def _send(
        self,
        method: str,
        url: str,
        authorization: str,
        *,
        subject: str,
        body: Mapping[str, Any] | None = None,
        once: tuple[int, ...] = (),
    ) -> Answer:
        where = f"{method} {url}"
        attempt = 0
        while True:
            last = attempt + 1 >= self._patience.tries
            response = self._once(method, url, authorization, body, give_up=last)
            if response is not None and response.status_code < 500:
                answer = _read(response, where)
                # The reset is a time of the server's clock, so it is compared with the server's Date.
                wait = seconds_to_wait(answer, attempt, server_time(answer.headers) or self._clock())
                if wait is None:
                    error = error_of(answer, where, subject)
                    if error is not None:
                        raise error
                    return answer
                self._wait(wait, where, last, subject)
            elif response is not None and (last or response.status_code in once):
                raise ServerTrouble(
                    f"GitHub answered {response.status_code} {attempt + 1} times",
                    status=response.status_code,
                    where=where,
                    hint="see githubstatus.com, and run the command again later",
                )
            else:
                asked = None if response is None else retry_after(_headers(response), self._clock())
                self._sleep(max(back_off(attempt), min(asked or 0.0, SECONDARY_WAIT_SECONDS)))
            attempt += 1

    def _wait(self, seconds: float, where: str, last: bool, subject: str) -> None:
        """Sleep as long as GitHub asks for, unless that is more than the patience that is left."""
        if last or self._waited + seconds > self._patience.waits:
            raise RateLimited(
                f"GitHub's rate limit is used up for {subject}; it asks to wait {seconds:.0f} s more"
                f" ({self._waited:.0f} s were waited already)",
                where=where,
                hint="run the command again after that time, or sign in as a GitHub App, which has limits of its own",
            )
        self._waited += seconds
        self._notify(f"GitHub's rate limit: waiting {seconds:.0f} s")
        self._sleep(seconds)

    def _once(
        self, method: str, url: str, authorization: str, body: Mapping[str, Any] | None, *, give_up: bool
    ) -> requests.Response | None:
        """One call; None for a failure of the network that another try may heal."""
        from requests import exceptions

        try:
            return self._session.request(
                method,
                url,
                data=None if body is None else json.dumps(body).encode(),
                headers={
                    "Accept": "application/vnd.github+json",
                    "Content-Type": "application/json",
                    "User-Agent": f"jenkins-bootstrap/{__version__}",
                },
                # A callable, not a header: requests would let an entry of ~/.netrc win over a header.
                auth=_Signature(authorization),
                # A redirected POST would become a GET, and could carry the sign-in elsewhere.
                allow_redirects=False,
                timeout=(self._patience.connect, self._patience.read),
            )
        except (exceptions.InvalidURL, exceptions.MissingSchema, exceptions.InvalidSchema) as error:
            raise NotGitHub("the address is none that can be called", where=url, hint=API_URL_HINT) from error
        except exceptions.SSLError as error:
            raise Unreachable(
                "the server's certificate is not trusted",
                where=f"{method} {url}",
                hint="name your company's certificates in REQUESTS_CA_BUNDLE, or check github.api_url",
            ) from error
        except exceptions.RequestException as error:
            if not give_up:
                return None
            raise Unreachable(
                f"no answer ({type(error).__name__})",
                where=f"{method} {url}",
                hint=f"check the network; {API_URL_HINT}",
            ) from error


class _Signature:
    """Puts the sign-in on a request; has no repr that shows it."""

    def __init__(self, authorization: str) -> None:
        self._authorization = authorization

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._authorization
        return request


def _headers(response: requests.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def next_page(headers: Mapping[str, str]) -> str | None:
    """The address of the next page that a Link header (RFC 8288) names."""
    for part in headers.get("link", "").split(","):
        found = re.fullmatch(r"""\s*<([^<>]+)>\s*;.*\brel=(?:"next"|next\b).*""", part)
        if found:
            return found[1]
    return None


def _read(response: requests.Response, where: str) -> Answer:
    headers = _headers(response)
    status = response.status_code
    if 300 <= status < 400:
        target = urlsplit(headers.get("location", ""))
        raise NotGitHub(
            f"the answer is a redirection ({status}) to {target.scheme}://{target.netloc}{target.path}",
            where=where,
            hint=API_URL_HINT,
        )
    if status in (202, 204) and not response.content:
        return Answer(status, headers, None)
    try:
        return Answer(status, headers, json.loads(response.content))
    except (ValueError, RecursionError):
        kind = printable(headers.get("content-type", "no content type"), 60)
        raise NotGitHub(
            f"the answer ({status}, {kind}, {len(response.content)} bytes) is not JSON", where=where, hint=API_URL_HINT
        ) from None
