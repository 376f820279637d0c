"""The WSGI application: signs requests in, counts limits, injects faults, and hands them to REST or GraphQL."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from jenkins_bootstrap.embedded.github import limits, query
from jenkins_bootstrap.embedded.github.call import Call, Reply, problem
from jenkins_bootstrap.embedded.github.control import PREFIX, control
from jenkins_bootstrap.embedded.github.model import Token
from jenkins_bootstrap.embedded.github.routes import find_route
from jenkins_bootstrap.embedded.github.signin import credential, refused_jwt
from jenkins_bootstrap.embedded.github.store import Store

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

LARGEST_BODY = 1024 * 1024
FAULT_KEY = "jenkins_bootstrap.fault"

_NAMED = re.compile(r"/repos/([^/]+)/([^/]+)(/.*)?")
_NUMBERED = re.compile(r"/repositories/([0-9]{1,15})(/.*)?")
_REASONS_TO_WAIT = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


def create_app(store: Store) -> WsgiApp:
    """The application for a WSGI server: `/api/v3` is REST, `/api/graphql` is GraphQL, as on an Enterprise server."""
    from werkzeug.exceptions import HTTPException
    from werkzeug.wrappers import Request, Response

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = LARGEST_BODY
        try:
            if request.path.startswith(PREFIX):
                reply, cut = _control(store, request), None
            else:
                reply, cut = _with_faults(store, request)
        except HTTPException as error:  # a body that is too large
            reply, cut = problem(error.code or 400, error.name), None
        raw = isinstance(reply.data, str | bytes)
        text = reply.data if raw else b"" if reply.data is None else json.dumps(reply.data)
        body = text.encode() if isinstance(text, str) else text
        kind = "text/html; charset=utf-8" if raw else "application/json; charset=utf-8"
        headers = {"Content-Type": kind, **reply.headers}
        response = Response(body, reply.status, headers)
        if cut is not None:
            # The length is that of the whole, so that the client sees the connection end too early.
            response.headers["Content-Length"] = str(len(body))
            response.response = [body[:cut]]
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    return application


def _control(store: Store, request: Any) -> Reply:
    given = request.get_data(cache=True)
    try:
        body = json.loads(given) if given else None
    except ValueError:
        return problem(400, "Problems parsing JSON")
    return control(store, request.method, request.path.removeprefix(PREFIX), body)


def _with_faults(store: Store, request: Any) -> tuple[Reply, int | None]:
    """The right answer, or what a fault makes of it; and after how many bytes it ends, None for a whole one."""
    with store.lock:
        store.requests.append(f"{request.method} {request.path}")
        del store.requests[:-1000]
    seconds = store.delay(request.path)
    if seconds:
        time.sleep(seconds)
    fault = store.next_fault(request.path, request.method)
    # For what may be wrapped around this application: the answer is not to be judged.
    request.environ[FAULT_KEY] = fault is not None
    if fault is not None and fault.alter is None and fault.cut is None:
        return Reply(fault.status, fault.body, fault.headers), None
    reply = _answer(store, request)
    if fault is not None and fault.alter is not None:
        reply = Reply(reply.status, fault.alter(reply.data), reply.headers)
    return reply, None if fault is None else fault.cut


def _answer(store: Store, request: Any) -> Reply:
    secret = credential(request.headers.get("Authorization", ""))
    graphql = request.path == "/api/graphql"
    with store.meter.request(secret or "", request.method, graphql, store.secondary, store.clock()) as wait:
        if wait is not None:
            reply = problem(403, _REASONS_TO_WAIT, documentation_url=limits.DOCUMENTATION)
            return Reply(reply.status, reply.data, {"Retry-After": str(wait)})
        base_url = request.host_url.rstrip("/")
        store.deliveries.host = request.host
        if graphql:
            return _graphql(store, request, secret, base_url)
        if not request.path.startswith("/api/v3"):
            return problem(404, "Not Found")
        return _rest(store, request, secret, base_url, request.path.removeprefix("/api/v3"))


def _graphql(store: Store, request: Any, secret: str | None, base_url: str) -> Reply:
    _count(store, request.method, "/graphql")
    token = None if secret is None else store.sign_in(secret)
    if token is None or secret is None:
        return problem(401, "This endpoint requires you to be authenticated." if secret is None else "Bad credentials")
    if request.method != "POST":
        return problem(404, "Not Found")
    body = _body(request)
    if body is None:
        return problem(400, "Problems parsing JSON")
    spent = store.spend(secret, "graphql", 0)

    def spend(points: int) -> tuple[int, int]:
        nonlocal spent
        spent = store.spend(secret, "graphql", points)
        return spent

    data = query.answer(store, token, base_url, body, spend)
    return Reply(200, data, {**limits.headers(store.points, "graphql", *spent), **_scopes(token)})


def _rest(store: Store, request: Any, secret: str | None, base_url: str, path: str) -> Reply:
    token = Token("", ()) if secret is None else store.sign_in(secret)
    if path == "/rate_limit":
        _count(store, request.method, path)
        return _rate_limit(store, secret) if token is not None else problem(401, "Bad credentials")
    path = _by_number(store, path)
    found = find_route(request.method, path)
    _count(store, request.method, "unknown" if found is None else found[0].template)
    if found is None:
        return problem(404, "Not Found")
    route, arguments = found
    refused: str | None
    if route.who == "app":
        refused = refused_jwt(store, secret)
        token = Token(store.app.slug, None)
    elif route.who == "token" and secret is None:
        refused = "Requires authentication"
    else:
        refused = "Bad credentials" if token is None else None
    if refused is not None or token is None:
        return problem(401, refused or "Bad credentials")
    moved = _moved(store, token, request, base_url, path)
    body = _body(request) if request.get_data(cache=True) else {}
    if body is None:
        return problem(400, "Problems parsing JSON")
    call = Call(store, token, base_url, request.method, request.path, request.args.to_dict(), body)
    return _counted(store, secret, token, lambda: moved or route.answer(call, **arguments))


def _by_number(store: Store, path: str) -> str:
    """`/repositories/ID...` is another name of `/repos/OWNER/NAME...`; GitHub redirects to it."""
    match = _NUMBERED.fullmatch(path)
    record = store.repositories.get(int(match[1])) if match else None
    return path if match is None or record is None else f"/repos/{record.full_name}{match[2] or ''}"


def _moved(store: Store, token: Token, request: Any, base_url: str, path: str) -> Reply | None:
    """The redirection from a name that a repository had once: 301, or 307 for what is no GET."""
    match = _NAMED.fullmatch(path)
    if match is None or store.find(match[1], match[2]) is not None:
        return None
    record = store.moved(match[1], match[2])
    if record is None or not token.sees(record):
        return None
    arguments = f"?{urlencode(request.args.to_dict())}" if request.args else ""
    url = f"{base_url}/api/v3/repositories/{record.id}{match[3] or ''}{arguments}"
    reads = request.method in ("GET", "HEAD")
    reply = problem(301, "Moved Permanently", url=url) if reads else problem(307, "Temporary Redirect", url=url)
    return Reply(reply.status, reply.data, {"Location": url})


def _count(store: Store, method: str, template: str) -> None:
    with store.lock:
        store.calls[f"{method} {template}"] += 1


def _counted(store: Store, secret: str | None, token: Token, answer: Callable[[], Reply]) -> Reply:
    used, reset = store.spend(secret or "", "core", 1)
    reply = problem(403, "API rate limit exceeded for this token.") if used > store.points else answer()
    counted = limits.headers(store.points, "core", used, reset)
    return Reply(reply.status, reply.data, {**counted, **_scopes(token), **reply.headers})


def _rate_limit(store: Store, secret: str | None) -> Reply:
    """Costs nothing, as on GitHub."""
    resources: dict[str, dict[str, int]] = {}
    for name in ("core", "graphql"):
        used, reset = store.spend(secret or "", name, 0)
        used = min(used, store.points)
        resources[name] = {"limit": store.points, "used": used, "remaining": store.points - used, "reset": reset}
    # Nothing is counted for these, but clients (github-api, which Jenkins' plugins use) refuse an answer without them.
    for name, limit in {"search": 30, "integration_manifest": 5000}.items():
        resources[name] = {"limit": limit, "used": 0, "remaining": limit, "reset": resources["core"]["reset"]}
    return Reply(200, {"resources": resources, "rate": resources["core"]})


def _scopes(token: Token) -> dict[str, str]:
    return {} if token.scopes is None else {"X-OAuth-Scopes": ", ".join(token.scopes)}


def _body(request: Any) -> Mapping[str, Any] | None:
    try:
        found = json.loads(request.get_data(cache=True))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
