"""Listing an owner over a real socket: whole, or an error that says why not."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jenkins_bootstrap.embedded.github import Fault, Token
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.github.auth import TokenAuth
from jenkins_bootstrap.github.client import graphql_url
from jenkins_bootstrap.github.errors import (
    Forbidden,
    GitHubError,
    IncompleteListing,
    NotFound,
    NotGitHub,
    QueryRefused,
    RateLimited,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from jenkins_bootstrap.github.listing import list_repositories

GRAPHQL = "/api/graphql"


def test_every_repository_is_listed_a_hundred_a_call(acme: Any) -> None:
    found = acme.list()
    assert [r.name for r in found] == [f"app-{number:03}" for number in range(250)]
    assert acme.calls == 3
    assert acme.said[-1] == "acme: 250 of 250 repositories"


def test_all_facts_of_a_repository_arrive(serve: Any) -> None:
    served = serve(
        [
            {
                "name": "app",
                "full_name": "Acme/app",
                "id": 4711,
                "default_branch": "trunk",
                "topics": ["b", "a"],
                "description": "x",
                "archived": True,
                "fork": True,
                "private": True,
                "language": "Go",
                "has_jenkinsfile": False,
                "pushed_at": "2026-01-02T03:04:05Z",
            }
        ]
    )
    assert served.list("aCME") == [
        Repository(
            owner="Acme",
            name="app",
            id=4711,
            default_branch="trunk",
            description="x",
            archived=True,
            fork=True,
            private=True,
            language="Go",
            topics=("b", "a"),
            has_jenkinsfile=False,
            pushed_at="2026-01-02T03:04:05Z",
        )
    ]


def test_a_user_is_listed_like_an_organisation(serve: Any) -> None:
    served = serve([{"name": "tools", "full_name": "someone/tools", "owner_type": "User"}])
    assert [r.full_name for r in served.list("someone")] == ["someone/tools"]


def test_an_owner_without_repositories_left_is_an_empty_list(serve: Any) -> None:
    served = serve(["only"])
    served.store.delete(served.store.find("acme", "only"))
    assert served.list() == []


def test_another_script_path_is_looked_for_and_a_folder_of_that_name_does_not_count(serve: Any) -> None:
    served = serve(
        [
            {"name": "a", "full_name": "acme/a", "files": {"ci/Jenkinsfile": "node {}"}},
            {"name": "b", "full_name": "acme/b", "files": {"ci/Jenkinsfile/README": "a folder"}},
            {"name": "c", "full_name": "acme/c"},
        ]
    )
    found = served.list(script_path="ci/Jenkinsfile")
    assert [r.has_jenkinsfile for r in found] == [True, False, False]


@pytest.mark.parametrize("name", ["null", "007", "1.10", "on", "-x", "true", "1e3", "_"])
def test_names_that_other_languages_misread_stay_strings(serve: Any, name: str) -> None:
    assert [r.name for r in serve([name]).list()] == [name]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["{x}", "]]>", "\"'\\", "\x00\x1b[2J"]))
def test_any_description_arrives_unchanged(one_app: Any, text: str) -> None:
    one_app.store.find("acme", "app").description = text
    assert one_app.list()[0].description == text


@pytest.fixture
def one_app(serve: Any) -> Any:
    return serve(["app"])


@pytest.mark.parametrize("status", [502, 504])
def test_pages_are_halved_when_github_runs_out_of_time_and_grow_again(acme: Any, status: int) -> None:
    acme.store.faults.append(Fault(status, path=GRAPHQL))
    assert len(acme.list()) == 250
    # One failure, four pages of 50, one of 100.
    assert acme.calls == 6
    assert "going on with 50 repositories a page" in acme.said[0]


def test_a_page_of_one_that_still_fails_is_an_error(acme: Any) -> None:
    acme.store.faults.append(Fault(504, path=GRAPHQL, times=1000))
    with pytest.raises(ServerTrouble, match="504"):
        acme.list()
    assert acme.calls == 7  # 100, 50, 25, 12, 6, 3, 1


def test_a_5xx_in_the_middle_is_tried_again_and_nothing_is_lost(acme: Any) -> None:
    acme.store.faults.append(Fault(500, path=GRAPHQL, skip=1, times=2))
    assert len(acme.list()) == 250
    assert acme.slept == [1.0, 2.0]


def test_a_5xx_that_stays_is_an_error_after_a_bounded_number_of_calls(acme: Any) -> None:
    acme.store.faults.append(Fault(503, {"Retry-After": "20"}, path=GRAPHQL, times=1000))
    with pytest.raises(ServerTrouble, match="503 5 times"):
        acme.list()
    assert acme.slept == [20.0] * 4


def test_retry_after_of_the_secondary_limit_is_obeyed(acme: Any) -> None:
    body = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
    acme.store.faults.append(Fault(403, {"Retry-After": "7"}, body, skip=1, path=GRAPHQL))
    assert len(acme.list()) == 250
    assert acme.slept == [7.0]
    assert "GitHub's rate limit: waiting 7 s" in acme.said


def test_a_secondary_limit_without_a_time_is_waited_for_a_minute_then_longer(acme: Any) -> None:
    body = {"message": "You have exceeded a secondary rate limit."}
    acme.store.faults += [Fault(403, {}, body), Fault(429, {}, {"message": "slow down"})]
    assert len(acme.list()) == 250
    assert acme.slept == [60.0, 120.0]


def test_used_up_points_are_waited_for_until_the_hour_ends(acme: Any) -> None:
    acme.store.points = 2
    acme.now += 2400  # ten minutes before the hour ends
    assert len(acme.list()) == 250
    assert acme.slept == [601.0]


def test_a_wait_that_is_too_long_is_an_error_that_says_how_long(acme: Any) -> None:
    acme.store.points = 2
    with pytest.raises(RateLimited, match="asks to wait 3001 s") as caught:
        acme.list()
    assert acme.slept == []
    assert "GitHub App" in caught.value.hint


def test_a_limit_that_never_ends_is_given_up(acme: Any) -> None:
    acme.store.faults.append(Fault(429, {"Retry-After": "1"}, {}, times=1000))
    with pytest.raises(RateLimited):
        acme.list()
    assert acme.calls == 5


def test_403_without_a_rate_limit_names_the_missing_scope_and_is_not_tried_again(acme: Any) -> None:
    headers = {"X-OAuth-Scopes": "gist, user", "X-Accepted-OAuth-Scopes": "repo"}
    acme.store.faults.append(Fault(403, headers, {"message": "Must have rights"}))
    with pytest.raises(Forbidden, match="Must have rights") as caught:
        acme.list()
    assert "repo" in caught.value.hint
    assert "gist, user" in caught.value.hint
    assert acme.slept == []


def test_403_of_an_app_names_the_missing_permission(acme: Any) -> None:
    headers = {"X-Accepted-GitHub-Permissions": "contents=read"}
    acme.store.faults.append(Fault(403, headers, {"message": "Resource not accessible by integration"}))
    with pytest.raises(Forbidden) as caught:
        acme.list()
    assert "contents=read" in caught.value.hint


def test_single_sign_on_is_named_without_its_link(acme: Any) -> None:
    headers = {"X-GitHub-SSO": "required; url=https://github.invalid/orgs/acme/sso?authorization_request=SECRET"}
    acme.store.faults.append(Fault(403, headers, {"message": "Resource protected by organization SAML enforcement."}))
    with pytest.raises(Forbidden) as caught:
        acme.list()
    assert "single sign-on" in caught.value.hint
    assert "SECRET" not in str(caught.value)


def test_missing_scopes_in_a_graphql_answer_are_forbidden(acme: Any) -> None:
    error = {"type": "INSUFFICIENT_SCOPES", "message": "requires one of the following scopes: ['repo']"}
    acme.store.faults.append(Fault(200, {"X-OAuth-Scopes": ""}, {"errors": [error]}))
    with pytest.raises(Forbidden, match=r"\['repo'\]") as caught:
        acme.list()
    assert "(none)" in caught.value.hint


def test_a_token_that_github_does_not_know_is_refused_without_being_shown(acme: Any) -> None:
    with pytest.raises(SignInRefused, match="Bad credentials") as caught:
        acme.list(auth=TokenAuth("not-a-real-token-either"))
    assert "not-a-real-token" not in str(caught.value)
    assert acme.calls == 1


def test_an_owner_that_does_not_exist_is_named(acme: Any) -> None:
    with pytest.raises(NotFound, match="'acne'"):
        acme.list("acne")


def test_not_found_among_the_errors_is_the_same(acme: Any) -> None:
    error = {"type": "NOT_FOUND", "path": ["repositoryOwner"], "message": "Could not resolve to a User"}
    acme.store.faults.append(Fault(200, {}, {"data": {"repositoryOwner": None}, "errors": [error]}))
    with pytest.raises(NotFound, match="owner acme"):
        acme.list()


@pytest.mark.parametrize(
    "body", ["<html>Sign in to the proxy</html>", "", b"\xff\xfe", '{"data": ', "[" * 100_000], ids=range(5)
)
def test_an_answer_that_is_not_json_is_an_error(acme: Any, body: Any) -> None:
    acme.store.faults.append(Fault(200, {}, body))
    with pytest.raises(NotGitHub, match="is not JSON") as caught:
        acme.list()
    assert "github.api_url" in caught.value.hint


@pytest.mark.parametrize("body", [[], {}, {"data": None}, {"data": 1}, 0, None])
def test_json_that_is_no_answer_of_github_is_an_error(acme: Any, body: Any) -> None:
    acme.store.faults.append(Fault(200, {}, "null" if body is None else body))
    with pytest.raises(NotGitHub):
        acme.list()


def test_a_redirection_is_not_followed_with_the_token(acme: Any) -> None:
    acme.store.faults.append(Fault(301, {"Location": "https://elsewhere.invalid/graphql?x=1"}))
    with pytest.raises(NotGitHub, match=r"https://elsewhere\.invalid/graphql$|redirection") as caught:
        acme.list()
    assert "x=1" not in str(caught.value)


def test_a_graphql_error_refuses_the_page_even_when_it_has_data(acme: Any) -> None:
    def with_error(data: Any) -> Any:
        path = ["repositoryOwner", "repositories", "nodes", 3, "jenkinsfile"]
        return {**data, "errors": [{"message": "Something \x1b[31mwent wrong", "path": path}]}

    acme.store.faults.append(Fault(alter=with_error))
    with pytest.raises(QueryRefused, match=r"Something \[31mwent wrong"):
        acme.list()


def page(data: Any) -> Any:
    return data["data"]["repositoryOwner"]["repositories"]


def test_a_listing_that_ends_early_is_an_error(acme: Any) -> None:
    def end(data: Any) -> Any:
        page(data)["pageInfo"]["hasNextPage"] = False
        return data

    acme.store.faults.append(Fault(alter=end, skip=1))
    with pytest.raises(IncompleteListing, match="counts 250 repositories but gave 200"):
        acme.list()


def test_a_page_that_lacks_a_repository_is_an_error(acme: Any) -> None:
    def lose(data: Any) -> Any:
        del page(data)["nodes"][17]
        return data

    acme.store.faults.append(Fault(alter=lose, skip=1))
    with pytest.raises(IncompleteListing, match="gave 249"):
        acme.list()


def test_a_repository_that_is_withheld_is_an_error(acme: Any) -> None:
    def withhold(data: Any) -> Any:
        page(data)["nodes"][0] = None
        return data

    acme.store.faults.append(Fault(alter=withhold))
    with pytest.raises(IncompleteListing, match="withheld"):
        acme.list()


def test_pages_that_do_not_advance_end_in_an_error(acme: Any) -> None:
    first: list[Any] = []

    def again(data: Any) -> Any:
        first.append(data)
        return first[0]

    acme.store.faults.append(Fault(alter=again, times=1000))
    with pytest.raises(IncompleteListing, match="stopped to advance after 100"):
        acme.list()


@pytest.mark.parametrize("name", ["databaseId", "name", "visibility", "defaultBranchRef", "repositoryTopics"])
def test_a_fact_that_is_not_in_the_answer_is_an_error_that_names_it(acme: Any, name: str) -> None:
    def drop(data: Any) -> Any:
        del page(data)["nodes"][0][name]
        return data

    acme.store.faults.append(Fault(alter=drop))
    with pytest.raises(NotGitHub, match=name):
        acme.list()


def test_an_empty_repository_has_a_branch_name_all_the_same(acme: Any) -> None:
    def empty(data: Any) -> Any:
        page(data)["nodes"][0].update(defaultBranchRef=None, jenkinsfile=None)
        return data

    acme.store.faults.append(Fault(alter=empty))
    assert sum(r.default_branch == "main" and not r.has_jenkinsfile for r in acme.list()) == 1


def test_a_repository_made_while_pages_are_read_is_listed_too(acme: Any) -> None:
    def meanwhile(data: Any) -> Any:
        acme.store.create("acme", "brand-new")
        return data

    acme.store.faults.append(Fault(alter=meanwhile))
    assert "brand-new" in {r.name for r in acme.list()}


def test_a_repository_deleted_while_pages_are_read_is_no_missing_one(acme: Any) -> None:
    def meanwhile(data: Any) -> Any:
        acme.store.delete(acme.store.repositories[page(data)["nodes"][0]["databaseId"]])
        return data

    acme.store.faults.append(Fault(alter=meanwhile))
    assert len(acme.list()) in (249, 250)


def test_a_token_without_the_scope_repo_gets_the_public_ones(serve: Any) -> None:
    served = serve(["open", {"name": "hidden", "full_name": "acme/hidden", "private": True}])
    served.store.tokens["not-a-real-token"] = Token(scopes=("read:org",))
    assert [r.name for r in served.list()] == ["open"]


def test_no_answer_at_all_is_tried_again_and_then_an_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    slept: list[float] = []
    with pytest.raises(Unreachable, match="no answer"):
        list_repositories(
            "acme", api_url=f"http://127.0.0.1:{port}", auth=TokenAuth("not-a-real-token"), sleep=slept.append
        )
    assert slept == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("url", ["ftp://example.invalid", "http://", "//nothing"])
def test_an_address_that_cannot_be_called_is_an_error(url: str) -> None:
    with pytest.raises(GitHubError):
        list_repositories("acme", api_url=url, auth=TokenAuth("not-a-real-token"), sleep=lambda _s: None)


def test_netrc_does_not_replace_the_sign_in(acme: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login nobody password not-a-real-password\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with requests.Session() as session:
        assert len(acme.list(session=session)) == 250


@pytest.mark.parametrize(
    ("api_url", "graphql"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://api.github.com/", "https://api.github.com/graphql"),
        ("https://ghe.example/api/v3", "https://ghe.example/api/graphql"),
        ("https://ghe.example/api/v3/", "https://ghe.example/api/graphql"),
        ("https://api.acme.ghe.com", "https://api.acme.ghe.com/graphql"),
    ],
)
def test_the_graphql_address_follows_from_the_rest_root(api_url: str, graphql: str) -> None:
    assert graphql_url(api_url) == graphql


def test_a_proxy_of_the_environment_is_not_asked_for_a_loopback_address(
    acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert len(acme.list()) == 250
    assert acme.slept == []


def test_listings_at_the_same_time_as_renames_are_whole(acme: Any) -> None:
    record = acme.store.find("acme", "app-007")
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(acme.list()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        acme.store.change(record, name=f"zz-{number}")
    for thread in threads:
        thread.join()
    assert found == [250] * 4
