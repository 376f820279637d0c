"""GitHub's own description of its REST and of its webhooks' payloads, as a check. The fixture `described` is one."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from jenkins_bootstrap.embedded.github.app import FAULT_KEY

HERE = Path(__file__).resolve().parent
ROOT = "/api/v3"
ASKS_TOO_MUCH = {("GET", "/app/installations"): "/account: "}
"""Where the description cannot be met: this account would have to be a user and an enterprise in one."""


class Described:
    """What is wrong with requests, answers and payloads by GitHub's description; `problems` collects it."""

    def __init__(self) -> None:
        self._rest = _read("openapi.json.gz")
        self._webhooks = _read("openapi-webhooks.json.gz")
        self._paths = [(_pattern(path), methods) for path, methods in self._rest["paths"].items()]
        self.problems: list[str] = []

    def check(self, method: str, path: str, status: int, asked: Any, answered: Any) -> list[str]:
        """What is wrong with a call. `path` is below the REST root; None stands for a body that is not there."""
        if status >= 500:
            return []
        operation = next((m[method.lower()] for p, m in self._paths if p.fullmatch(path) and method.lower() in m), None)
        if operation is None:
            schema = {"$ref": "#/components/schemas/basic-error"} if status >= 300 else None
        else:
            described = operation["responses"]
            if status < 300 and str(status) not in described:
                return [f"{method} {path}: {status} is not described"]
            schema = described.get(str(status)) or (
                {"$ref": "#/components/schemas/basic-error"} if status >= 300 else None
            )
        found = [] if schema is None else _errors(self._rest["components"], schema, answered)
        if operation is not None and status < 300 and operation["request"] and asked is not None:
            found += [f"request: {e}" for e in _errors(self._rest["components"], operation["request"], asked)]
        if status >= 300:
            # Some refusals are described in two ways, both of which an ordinary error fits.
            found = [e for e in found if "valid under more than one" not in e]
        too_much = ASKS_TOO_MUCH.get((method, path))
        return [f"{method} {path} {status}: {e}" for e in found if too_much is None or too_much not in e]

    def payload(self, event: str, payload: Any) -> list[str]:
        """What is wrong with a webhook's payload."""
        action = payload.get("action")
        name = event.replace("_", "-") + (f"-{action}" if action else "")
        return [f"{name}: {e}" for e in _errors(self._webhooks["components"], self._webhooks["paths"][name], payload)]

    def checked(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """The WSGI application with every REST call checked that meets no fault; what is wrong goes to `problems`."""

        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            import io

            asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(asked)
            status: list[str] = []

            def start(line: str, headers: Any, *more: Any) -> Any:
                status[:] = [line]
                return start_response(line, headers, *more)

            body = b"".join(app(environ, start))
            path = environ["PATH_INFO"]
            if path.startswith(ROOT) and not environ.get(FAULT_KEY):
                code = int(status[0].split()[0])
                self.problems += self.check(
                    environ["REQUEST_METHOD"], path[len(ROOT) :] or "/", code, _json(asked), _json(body)
                )
            return [body]

        return application


def _read(name: str) -> Any:
    return _without_nullable(json.loads(gzip.decompress((HERE / name).read_bytes())))


def _without_nullable(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable` in JSON Schema's words."""
    if isinstance(schema, list):
        return [_without_nullable(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _without_nullable(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") is True else found


def _errors(components: Any, schema: Any, value: Any) -> list[str]:
    validator = _validator(json.dumps(schema), id(components), _Held(components))
    return [f"{'/'.join(map(str, e.instance_path))}: {e.message[:200]}" for e in validator.iter_errors(value)]


class _Held:
    """Lets a large value be an argument of a cached function that is already told apart by its id."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@cache
def _validator(schema: str, _identity: int, components: _Held) -> Any:
    return jsonschema_rs.Draft7Validator(
        {"allOf": [json.loads(schema)], "components": components.value}, validate_formats=True
    )


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", lambda m: ".+" if m[1] == "path" else "[^/]+", path))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
