"""The WSGI application: signs requests in, counts points, injects faults, and hands them to REST or GraphQL."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jenkins_bootstrap.embedded.github import query, rest
from jenkins_bootstrap.embedded.github.model import Token
from jenkins_bootstrap.embedded.github.rest import Call, Reply, problem
from jenkins_bootstrap.embedded.github.store import Store

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

LARGEST_BODY = 1024 * 1024

# method, path below /api/v3, what answers, who may ask
_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., Reply], str], ...] = tuple(
    (method, re.compile(pattern), answer, who)
    for method, pattern, answer, who in (
        ("GET", r"/?", rest.root, "anyone"),
        ("GET", r"/meta", rest.meta, "anyone"),
        ("GET", r"/user", rest.user, "token"),
        ("GET", r"/orgs/(?P<org>[^/]+)", rest.organisation, "token"),
        ("GET", r"/(?P<kind>orgs|users)/(?P<owner>[^/]+)/repos", rest.owner_repositories, "token"),
        ("POST", r"/orgs/(?P<org>[^/]+)/repos", rest.new_repository, "token"),
        ("GET", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)", rest.repository, "token"),
        ("GET", r"/repositories/(?P<number>[0-9]{1,15})", rest.repository_by_id, "token"),
        ("PATCH", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)", rest.repository, "token"),
        ("DELETE", r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)", rest.repository, "token"),
        ("GET", r"/app", rest.app, "app"),
        ("GET", r"/app/installations", rest.installations, "app"),
        ("GET", r"/app/installations/(?P<number>[0-9]{1,15})", rest.installation, "app"),
        ("POST", r"/app/installations/(?P<number>[0-9]{1,15})/access_tokens", rest.access_token, "app"),
    )
)


def create_app(store: Store) -> WsgiApp:
    """The application for a WSGI server: `/api/v3` is REST, `/api/graphql` is GraphQL, as on an Enterprise server."""
    from werkzeug.exceptions import HTTPException
    from werkzeug.wrappers import Request, Response

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = LARGEST_BODY
        with store.lock:
            store.requests.append(f"{request.method} {request.path}")
            del store.requests[:-1000]
        fault = store.next_fault(request.path)
        if fault is not None and fault.alter is None:
            reply = Reply(fault.status, fault.body, fault.headers)
        else:
            try:
                reply = _answer(store, request)
            except HTTPException as error:  # a body that is too large
                reply = problem(error.code or 400, error.name)
            if fault is not None and fault.alter is not None:
                reply = Reply(reply.status, fault.alter(reply.data), reply.headers)
        raw = isinstance(reply.data, str | bytes)
        text = reply.data if raw else b"" if reply.data is None else json.dumps(reply.data)
        kind = "text/html; charset=utf-8" if raw else "application/json; charset=utf-8"
        headers = {"Content-Type": kind, **reply.headers}
        answer: Iterable[bytes] = Response(text, reply.status, headers)(environ, start_response)
        return answer

    return application


def _answer(store: Store, request: Any) -> Reply:
    base_url = request.host_url.rstrip("/")
    path = request.path
    secret = _credential(request.headers.get("Authorization", ""))
    if path == "/api/graphql":
        token = None if secret is None else store.sign_in(secret)
        if token is None or secret is None:
            return problem(
                401, "This endpoint requires you to be authenticated." if secret is None else "Bad credentials"
            )
        return _graphql(store, request, secret, token, base_url)
    if not path.startswith("/api/v3"):
        return problem(404, "Not Found")
    return _rest(store, request, secret, base_url, path.removeprefix("/api/v3"))


def _graphql(store: Store, request: Any, secret: str, token: Token, base_url: str) -> Reply:
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
    return Reply(200, data, {**_limits(store, "graphql", *spent), **_scopes(token)})


def _rest(store: Store, request: Any, secret: str | None, base_url: str, path: str) -> Reply:
    token = Token("", ()) if secret is None else store.sign_in(secret)
    if path == "/rate_limit":
        return _rate_limit(store, secret) if token is not None else problem(401, "Bad credentials")
    route = _route(request.method, path)
    if route is None:
        return problem(404, "Not Found")
    answer, who, arguments = route
    refused: str | None
    if who == "app":
        refused = _refused_jwt(store, secret)
        token = Token(store.app.slug, None)
    elif who == "token" and secret is None:
        refused = "Requires authentication"
    else:
        refused = "Bad credentials" if token is None else None
    if refused is not None or token is None:
        return problem(401, refused or "Bad credentials")
    body = _body(request) if request.get_data(cache=True) else {}
    if body is None:
        return problem(400, "Problems parsing JSON")
    call = Call(store, token, base_url, request.method, request.path, request.args.to_dict(), body)
    return _counted(store, secret, token, lambda: answer(call, **arguments))


def _route(method: str, path: str) -> tuple[Callable[..., Reply], str, dict[str, Any]] | None:
    for its_method, pattern, answer, who in _ROUTES:
        match = pattern.fullmatch(path) if its_method == method else None
        if match is not None:
            return answer, who, _arguments(match)
    return None


def _counted(store: Store, secret: str | None, token: Token, answer: Callable[[], Reply]) -> Reply:
    used, reset = store.spend(secret or "", "core", 1)
    reply = problem(403, "API rate limit exceeded for this token.") if used > store.points else answer()
    return Reply(reply.status, reply.data, {**_limits(store, "core", used, reset), **_scopes(token), **reply.headers})


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


def _limits(store: Store, resource: str, used: int, reset: int) -> dict[str, str]:
    used = min(used, store.points)
    return {
        "X-RateLimit-Limit": str(store.points),
        "X-RateLimit-Remaining": str(store.points - used),
        "X-RateLimit-Used": str(used),
        "X-RateLimit-Reset": str(reset),
        "X-RateLimit-Resource": resource,
    }


def _scopes(token: Token) -> dict[str, str]:
    return {} if token.scopes is None else {"X-OAuth-Scopes": ", ".join(token.scopes)}


def _credential(header: str) -> str | None:
    kind, _, value = header.strip().partition(" ")
    if kind.lower() == "basic":  # a token in place of the password, as GitHub takes it
        try:
            value = base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except ValueError:
            return None
        return value or None
    return value.strip() if kind.lower() in ("bearer", "token") and value.strip() else None


def _arguments(match: re.Match[str]) -> dict[str, Any]:
    return {name: int(value) if name == "number" else value for name, value in match.groupdict().items()}


def _body(request: Any) -> Mapping[str, Any] | None:
    try:
        found = json.loads(request.get_data(cache=True))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refused_jwt(store: Store, secret: str | None) -> str | None:
    """Why GitHub would refuse this JWT, in its words; None when it is good."""
    import jwt

    if secret is None:
        return "A JSON web token could not be decoded"
    key = store.app.public_key
    try:
        claims = jwt.decode(
            secret,
            key or "",
            algorithms=["RS256"],
            # Times are judged below, by the store's clock.
            options={
                "verify_signature": key is not None,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError:
        return "A JSON web token could not be decoded"
    issued, ends, now = claims.get("iat"), claims.get("exp"), store.clock()
    if not isinstance(issued, int) or issued > now:
        return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
    if not isinstance(ends, int) or ends <= now:
        return "'Expiration time' claim ('exp') must be a numeric value representing the future time"
    if ends > now + 600:
        return "'Expiration time' claim ('exp') is too far in the future"
    if store.app.id and str(claims.get("iss")) != store.app.id:
        return "Integration not found"
    return None
