"""Several owners, single repositories and override files over a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from jenkins_bootstrap.config.models import Owner
from jenkins_bootstrap.embedded.github import Fault, Token
from jenkins_bootstrap.embedded.github.cost import cost_of
from jenkins_bootstrap.github import listing, repository, single
from jenkins_bootstrap.github.errors import NotFound, NotGitHub, SignInRefused
from jenkins_bootstrap.github.single import read_repository

GRAPHQL = "/api/graphql"
BOTH = [Owner(name="acme"), Owner(name="Other")]


@pytest.fixture
def two(serve: Any) -> Any:
    return serve(["a", {"name": "b", "full_name": "other/b"}, {"name": "c", "full_name": "other/c", "private": True}])


def test_every_owner_is_listed_in_the_settings_order(two: Any) -> None:
    listed = two.list_all(BOTH)
    assert [r.full_name for r in listed.repositories] == ["acme/a", "other/b", "other/c"]
    assert (listed.whole, listed.problems) == ({"acme", "other"}, ())
    assert listed.is_whole("OTHER")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(401, {}, {"message": "Bad credentials"}, path=GRAPHQL),
        Fault(403, {}, {"message": "Must have rights"}, path=GRAPHQL),
        Fault(403, {"Retry-After": "5000"}, {"message": "rate limit"}, path=GRAPHQL),
        Fault(503, path=GRAPHQL, times=5),
        Fault(200, {}, "<html>", path=GRAPHQL),
        Fault(200, {}, {"data": {"repositoryOwner": None}}, path=GRAPHQL),
    ],
    ids=["401", "403", "rate limit", "5xx", "no JSON", "404"],
)
def test_what_goes_wrong_with_one_owner_takes_nothing_from_the_other(two: Any, fault: Any) -> None:
    two.store.faults.append(fault)
    listed = two.list_all(BOTH)
    assert [r.full_name for r in listed.repositories] == ["other/b", "other/c"]
    assert listed.whole == {"other"}
    assert len(listed.problems) == 1
    assert "acme" in str(listed.problems[0])


def test_an_owner_that_ends_early_gives_no_repository_at_all(acme: Any) -> None:
    def end(data: Any) -> Any:
        data["data"]["repositoryOwner"]["repositories"]["pageInfo"]["hasNextPage"] = False
        return data

    acme.store.faults.append(Fault(alter=end))
    listed = acme.list_all([Owner(name="acme")])
    assert (listed.repositories, listed.whole) == ((), frozenset())


def test_a_missing_sign_in_of_one_owner_takes_nothing_from_the_other(two: Any) -> None:
    listed = two.list_all([Owner(name="acme", sign_in="app", installation=1), Owner(name="other")])
    assert listed.whole == {"other"}
    assert "github_app_id" in str(listed.problems[0])


def files(**texts: Any) -> list[dict[str, Any]]:
    return [{"name": n, "full_name": f"acme/{n}", "files": {} if t is None else t} for n, t in texts.items()]


def test_the_text_of_the_override_file_comes_with_the_listing(serve: Any) -> None:
    served = serve(files(a={".jenkins.yml": "disabled: true\n"}, b=None, c={".jenkins.yml/x": "a folder"}))
    a, b, c = served.list(override_file=".jenkins.yml")
    assert (a.override, a.override_problem) == ("disabled: true\n", None)
    assert (b.override, b.override_problem) == (None, None)
    assert (c.override, c.override_problem) == (None, "is a folder")
    assert served.calls == 1


def test_without_a_name_no_override_is_asked_for(serve: Any) -> None:
    served = serve(files(a={".jenkins.yml": "disabled: true\n"}))
    answers: list[Any] = []
    served.store.faults.append(Fault(alter=lambda data: answers.append(data) or data))
    assert served.list()[0].override is None
    assert "override" not in answers[0]["data"]["repositoryOwner"]["repositories"]["nodes"][0]


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        ({"text": "x" * 10241, "byteSize": 10241}, "is larger than 10240 bytes (10241)"),
        ({"text": None, "isBinary": True}, "is binary, or no UTF-8 text"),
        ({"text": None, "isBinary": None}, "is binary, or no UTF-8 text"),
        ({"isTruncated": True}, "is not given whole by GitHub"),
        ({"__typename": "Commit"}, "is no file"),
    ],
)
def test_an_override_without_a_usable_text_says_why(serve: Any, blob: Any, problem: str) -> None:
    served = serve(files(a={".jenkins.yml": "disabled: true\n"}))

    def change(data: Any) -> Any:
        data["data"]["repositoryOwner"]["repositories"]["nodes"][0]["override"].update(blob)
        return data

    served.store.faults.append(Fault(alter=change))
    found = served.list(override_file=".jenkins.yml")[0]
    assert (found.override, found.override_problem) == (None, problem)


@pytest.mark.parametrize("query", [listing.QUERY, single.BY_NAME, single.BY_NODE], ids=["listing", "name", "node"])
def test_a_call_costs_one_point(query: str) -> None:
    import graphql

    variables = {"first": 100, **repository.variables("Jenkinsfile", ".jenkins.yml")}
    assert cost_of(graphql.parse(query), variables).points == 1


def test_an_internal_repository_counts_as_private(serve: Any) -> None:
    served = serve(["a"])

    def internal(data: Any) -> Any:
        data["data"]["repositoryOwner"]["repositories"]["nodes"][0]["visibility"] = "INTERNAL"
        return data

    served.store.faults.append(Fault(alter=internal))
    assert served.list()[0].private


@pytest.fixture
def one(serve: Any) -> Any:
    """A repository with everything set."""
    served = serve(
        [
            {
                "name": "app",
                "full_name": "Acme/app",
                "id": 4711,
                "default_branch": "trunk",
                "topics": ["b", "a"],
                "archived": True,
                "private": True,
                "language": "Go",
                "pushed_at": "2026-01-02T03:04:05Z",
                "files": {".jenkins.yml": "disabled: true\n", "ci/Jenkinsfile": "node {}"},
            }
        ]
    )
    served.paths = {"script_path": "ci/Jenkinsfile", "override_file": ".jenkins.yml"}
    return served


@pytest.mark.parametrize("by", ["name", "node", "number"])
def test_one_repository_is_read_as_the_listing_gives_it(one: Any, by: str) -> None:
    with one.client() as client:
        node = client.get("/repos/acme/app", subject="acme/app").data["node_id"]
        one.store.requests.clear()
        asked = {"name": {"owner": "aCME", "name": "APP"}, "node": {"node": node}, "number": {"number": 4711}}[by]
        found = read_repository(client, **asked, **one.paths)
    assert one.calls == (2 if by == "number" else 1)
    assert [found] == one.list("acme", **one.paths)


@pytest.mark.parametrize("by", [{"owner": "acme", "name": "none"}, {"node": "UmVwb3NpdG9yeTo5"}, {"number": 9}])
def test_a_repository_that_is_gone_is_none(one: Any, by: Any) -> None:
    with one.client() as client:
        assert read_repository(client, **by) is None


def test_a_repository_that_vanished_between_listing_and_reading_is_none(one: Any) -> None:
    (listed,) = one.list("acme")
    one.store.delete(one.store.repositories[4711])
    with one.client() as client:
        assert read_repository(client, owner=listed.owner, name=listed.name) is None
        assert read_repository(client, number=listed.id) is None


def test_a_repository_that_the_sign_in_may_not_see_is_none(one: Any) -> None:
    one.store.tokens["not-a-real-token"] = Token(scopes=("read:org",))
    with one.client() as client:
        assert read_repository(client, owner="acme", name="app") is None


def test_a_node_that_is_no_repository_is_none(one: Any) -> None:
    one.store.faults.append(Fault(200, {}, {"data": {"found": {"__typename": "User"}}}))
    with one.client() as client:
        assert read_repository(client, node="U_123") is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(404, {}, {"message": "Not Found"}), NotFound),
        (Fault(401, {}, {"message": "Bad credentials"}), SignInRefused),
        (Fault(200, {}, {"data": {"found": {"__typename": "Repository"}}}), NotGitHub),
        (Fault(200, {}, "<html>"), NotGitHub),
    ],
    ids=["a wrong address", "401", "no facts", "no JSON"],
)
def test_a_failed_look_is_no_gone_repository(one: Any, fault: Any, error: Any) -> None:
    one.store.faults.append(fault)
    with one.client() as client, pytest.raises(error):
        read_repository(client, owner="acme", name="app")
