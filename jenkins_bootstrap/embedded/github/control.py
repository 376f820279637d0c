"""What GitHub does not have: faults, delays, limits and counts over HTTP below `/-/`, for tests in other processes.

GET, POST, DELETE /-/faults    a list of {"status", "headers", "body", "times", "path", "method", "skip", "cut"}
GET, PUT          /-/latency   {"seconds": 0.2, "path": ""}, or a list of them; seconds 0 ends it
GET, PUT          /-/limits    {"points": 5000, "secondary": {"writes_a_minute": null, ...} or false}
GET, DELETE       /-/calls     requests so far, by method and route
POST              /-/settle    waits until all webhooks are delivered
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from jenkins_bootstrap.embedded.github.call import Reply, problem
from jenkins_bootstrap.embedded.github.limits import Secondary
from jenkins_bootstrap.embedded.github.model import Delay, Fault
from jenkins_bootstrap.embedded.github.store import Store

PREFIX = "/-/"
_FAULT = {field.name for field in fields(Fault)} - {"alter"}


def control(store: Store, method: str, name: str, body: Any) -> Reply:
    """Answer a control request; `body` is its JSON, None without one."""
    try:
        if name == "faults":
            return _faults(store, method, body)
        if name == "latency":
            return _latency(store, method, body)
        if name == "limits":
            return _limits(store, method, body)
        if name == "calls":
            return _calls(store, method)
        if name == "settle" and method == "POST":
            return Reply(200, {"settled": store.deliveries.settle()})
    except (TypeError, ValueError, KeyError) as error:
        return problem(422, f"{type(error).__name__}: {error}")
    return problem(404, "Not Found")


def _faults(store: Store, method: str, body: Any) -> Reply:
    with store.lock:
        if method == "DELETE":
            store.faults.clear()
        elif method == "POST":
            store.faults += [_fault(**fault) for fault in (body if isinstance(body, list) else [body])]
        elif method != "GET":
            return problem(404, "Not Found")
        return Reply(200, [{name: getattr(fault, name) for name in sorted(_FAULT)} for fault in store.faults])


def _fault(**given: Any) -> Fault:
    unknown = given.keys() - _FAULT
    if unknown:
        raise ValueError(f"a fault has no {sorted(unknown)[0]}; it has {', '.join(sorted(_FAULT))}")
    return Fault(**given)


def _latency(store: Store, method: str, body: Any) -> Reply:
    with store.lock:
        if method == "PUT":
            delays = [Delay(**delay) for delay in (body if isinstance(body, list) else [body])]
            store.delays = [delay for delay in delays if 0 < float(delay.seconds) <= 60]
        elif method != "GET":
            return problem(404, "Not Found")
        return Reply(200, [asdict(delay) for delay in store.delays])


def _limits(store: Store, method: str, body: Any) -> Reply:
    with store.lock:
        if method == "PUT":
            store.points = int(body.get("points", store.points))
            secondary = body.get("secondary", asdict(store.secondary))
            store.secondary = Secondary(**secondary) if secondary is not False else Secondary.off()
        elif method != "GET":
            return problem(404, "Not Found")
        return Reply(200, {"points": store.points, "secondary": asdict(store.secondary)})


def _calls(store: Store, method: str) -> Reply:
    with store.lock:
        if method == "DELETE":
            store.calls.clear()
        return Reply(200, dict(store.calls))
