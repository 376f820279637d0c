"""What the embedded GitHub refuses and delays: limits that count as GitHub's do, and faults ordered over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from jenkins_bootstrap.embedded.github import Secondary, Store, create_app

TOKEN = {"Authorization": "token not-a-real-token"}
HALF_PAST = 1_800_000_000.0 - 1_800_000_000 % 3600 + 1810


Ask = Callable[..., requests.Response]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    file = tmp_path / "organisation.json"
    file.write_text(json.dumps([{"name": "a", "full_name": "acme/a"}]))
    return Store.load(file, tmp_path / "state", clock=lambda: HALF_PAST)


@pytest.fixture
def ask(store: Store, described: Any, serve_wsgi: Callable[..., str]) -> Ask:
    url = serve_wsgi(described.checked(create_app(store)), keep_alive=True)

    def call(path: str, method: str = "GET", **options: Any) -> requests.Response:
        options.setdefault("headers", TOKEN)
        return requests.request(method, url + path, timeout=10, **options)

    return call


def test_reads_are_one_point_a_minute_and_writes_five(store: Store, ask: Ask) -> None:
    store.secondary = Secondary(rest_points_a_minute=7)
    assert ask("/api/v3/user").status_code == 200
    assert ask("/api/v3/repos/acme/a", "PATCH", json={"description": "x"}).status_code == 200
    assert ask("/api/v3/user").status_code == 200
    refused = ask("/api/v3/user")
    assert (refused.status_code, refused.headers["Retry-After"]) == (403, "50")
    assert "secondary rate limit" in refused.json()["message"]
    # GraphQL has points of its own, and the next minute too.
    assert ask("/api/graphql", "POST", json={"query": "{ viewer { login } }"}).status_code == 200
    store.clock = lambda: HALF_PAST + 50
    assert ask("/api/v3/user").status_code == 200


@pytest.mark.parametrize(
    ("limits", "wait"), [({"writes_a_minute": 2}, "50"), ({"writes_an_hour": 2}, "1790"), ({"at_once": 0}, "1")]
)
def test_each_secondary_limit_tells_how_long_to_wait(store: Store, ask: Ask, limits: Any, wait: str) -> None:
    store.secondary = Secondary(**limits)
    answers = [ask("/api/v3/repos/acme/a", "PATCH", json={"description": str(n)}) for n in range(3)]
    assert (answers[-1].status_code, answers[-1].headers["Retry-After"]) == (403, wait)
    if "at_once" not in limits:
        assert [a.status_code for a in answers[:2]] == [200, 200]
        assert ask("/api/v3/user").status_code == 200


def test_too_many_at_once_are_refused_while_they_last(store: Store, ask: Ask) -> None:
    with store.meter.request("not-a-real-token", "GET", False, Secondary(at_once=1), HALF_PAST) as wait:
        assert wait is None
        store.secondary = Secondary(at_once=1)
        assert ask("/api/v3/user").status_code == 403
    assert ask("/api/v3/user").status_code == 200


def test_the_limits_of_one_sign_in_are_not_anothers(store: Store, ask: Ask) -> None:
    store.tokens["other"] = store.tokens["not-a-real-token"]
    store.secondary = Secondary(rest_points_a_minute=1)
    store.points = 1
    assert [ask("/api/v3/user").status_code for _ in range(2)] == [200, 403]
    assert ask("/api/v3/user", headers={"Authorization": "token other"}).status_code == 200


def test_graphql_points_that_are_used_up_are_an_error_in_the_answer(store: Store, ask: Ask) -> None:
    store.points = 1
    answers = [ask("/api/graphql", "POST", json={"query": "{ viewer { login } }"}) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[1].json()["errors"][0]["type"] == "RATE_LIMITED"
    assert [a.headers["X-RateLimit-Remaining"] for a in answers] == ["0", "0"]
    assert answers[0].headers["X-RateLimit-Reset"] == str(int(HALF_PAST) + 1790)


# Over HTTP


def test_faults_are_ordered_over_http_and_need_no_sign_in(store: Store, ask: Ask) -> None:
    wanted = [
        {"status": 502, "path": "/graphql", "method": "POST"},
        {
            "status": 503,
            "headers": {"Retry-After": "7"},
            "body": {"message": "x"},
            "path": "/user",
            "times": 2,
            "skip": 1,
        },
    ]
    assert len(ask("/-/faults", "POST", json=wanted, headers={}).json()) == 2
    assert [ask("/api/v3/user").status_code for _ in range(4)] == [200, 503, 503, 200]
    assert ask("/api/graphql", "GET").status_code == 404
    assert ask("/api/graphql", "POST", json={}).status_code == 502
    assert ask("/-/faults", headers={}).json() == []
    ask("/-/faults", "POST", json={"status": 500})
    assert ask("/-/faults", "DELETE").json() == []
    assert ask("/api/v3/user").status_code == 200


def test_an_answer_can_end_in_the_middle(ask: Ask) -> None:
    ask("/-/faults", "POST", json={"cut": 20, "path": "/user"})
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        ask("/api/v3/user")
    assert ask("/api/v3/user").status_code == 200


def test_answers_can_be_held_back(ask: Ask) -> None:
    delay = {"seconds": 0.2, "path": "/user"}
    assert ask("/-/latency", "PUT", json=delay).json() == [delay]
    assert ask("/-/latency").json() == [delay]
    began = time.monotonic()
    ask("/api/v3/user")
    assert time.monotonic() - began >= 0.2
    assert ask("/-/latency", "PUT", json={"seconds": 0}).json() == []


def test_limits_are_set_over_http(store: Store, ask: Ask) -> None:
    told = ask("/-/limits", "PUT", json={"points": 3, "secondary": {"writes_a_minute": None}}).json()
    assert (told["points"], told["secondary"]["writes_a_minute"], told["secondary"]["at_once"]) == (3, None, 100)
    assert [ask("/api/v3/user").status_code for _ in range(4)] == [200, 200, 200, 403]
    assert set(ask("/-/limits", "PUT", json={"secondary": False}).json()["secondary"].values()) == {None}


def test_calls_are_counted_by_route(ask: Ask) -> None:
    ask("/api/v3/repos/acme/a")
    ask("/api/v3/repos/acme/b")
    ask("/api/v3/nothing")
    ask("/api/graphql", "POST", json={"query": "{ viewer { login } }"})
    assert ask("/-/calls").json() == {"GET /repos/{owner}/{repo}": 2, "GET unknown": 1, "POST /graphql": 1}
    ask("/-/calls", "DELETE")
    assert ask("/-/calls").json() == {}
    assert ask("/-/settle", "POST").json() == {"settled": True}


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/-/faults", "POST", {"stauts": 500}, 422),
        ("/-/faults", "POST", {"alter": "x"}, 422),
        ("/-/latency", "PUT", {"seconds": "x"}, 422),
        ("/-/limits", "PUT", {"secondary": {"x": 1}}, 422),
        ("/-/faults", "PATCH", {}, 404),
        ("/-/nothing", "GET", None, 404),
    ],
)
def test_a_control_call_that_is_wrong_is_an_error_and_changes_nothing(
    store: Store, ask: Ask, path: str, method: str, body: Any, status: int
) -> None:
    assert ask(path, method, json=body).status_code == status
    assert (store.faults, store.delays, store.points) == ([], [], 5000)
    assert ask("/-/faults", "POST", data="{").status_code == 400


# The check itself


def test_what_is_not_as_github_describes_it_is_found(github_description: Any) -> None:
    check = github_description.check
    assert check("GET", "/orgs/acme/hooks", 200, None, []) == []
    assert check("GET", "/orgs/acme/hooks", 200, None, [{"id": "1"}]) != []
    assert check("POST", "/orgs/acme/hooks", 201, {"name": "web"}, {}) != []
    assert check("GET", "/orgs/acme/hooks", 202, None, []) != []
    assert check("GET", "/user", 401, None, {"message": 5}) != []
    assert github_description.payload("repository", {"action": "renamed"}) != []
    assert github_description.payload("ping", {"zen": "x", "hook_id": 1}) == []


def test_githubs_own_example_payloads_pass_the_check(webhook_examples: Any, github_description: Any) -> None:
    for event in ("ping", "repository"):
        assert [e for payload in webhook_examples[event] for e in github_description.payload(event, payload)] == []
