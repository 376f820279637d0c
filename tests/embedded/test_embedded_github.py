"""The embedded GitHub: what file it takes, what it keeps, and that it answers as GitHub does, over a real socket."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import graphql
import jwt
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.embedded.github import App, Fault, Store, Token, create_app
from jenkins_bootstrap.embedded.github.organisation import read_organisation
from jenkins_bootstrap.embedded.github.query import schema
from jenkins_bootstrap.errors import BootstrapError, SeveralErrors
from jenkins_bootstrap.resources import sample

TOKEN = {"Authorization": "token not-a-real-token"}


class Site:
    def __init__(self, store: Store, base: str) -> None:
        self.store, self.base = store, base

    def rest(self, path: str, method: str = "GET", headers: Any = TOKEN, **options: Any) -> requests.Response:
        return requests.request(method, self.base + "/api/v3" + path, headers=headers, timeout=10, **options)

    def graphql(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        return requests.post(self.base + "/api/graphql", json=body, headers=TOKEN, timeout=10).json()


@pytest.fixture
def site(tmp_path: Path, described: Any, serve_wsgi: Callable[..., str]) -> Callable[..., Site]:
    def start(entries: list[Any], **options: Any) -> Site:
        store = Store.load(write(tmp_path, entries), tmp_path / "state", **options)
        return Site(store, serve_wsgi(described.checked(create_app(store))))

    return start


def entry(full_name: str, **more: Any) -> dict[str, Any]:
    return {"name": full_name.partition("/")[2], "full_name": full_name, **more}


def write(folder: Path, entries: Any) -> Path:
    file = folder / "organisation.json"
    file.write_text(json.dumps(entries))
    return file


# The file


def test_the_sample_that_ships_is_good_and_varied() -> None:
    records = read_organisation(sample("github-sample.json"))
    assert len(records) == 8
    assert {r.owner for r in records} == {"acme-demo"}
    for name in ("archived", "fork", "private", "has_jenkinsfile"):
        assert {getattr(r, name) for r in records} == {True, False}


def test_the_real_organisation_is_read_whole(shared_data: Path, tmp_path: Path) -> None:
    store = Store.load(shared_data / "github-org-jenkinsci-2025-09-13.json", tmp_path)
    assert len(store.of_owner("JenkinsCI")) == 1894


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_says_where(tmp_path: Path, share: float) -> None:
    text = json.dumps([entry(f"acme/app-{n}", description="x") for n in range(20)], indent=1)
    file = tmp_path / "cut.json"
    file.write_text(text[: int(len(text) * share)])
    with pytest.raises(BootstrapError) as caught:
        read_organisation(file)
    line = file.read_text().count("\n") + 1
    assert caught.value.where.startswith(f"{file}:")
    assert abs(int(caught.value.where.split(":")[-2]) - line) <= 1
    assert caught.value.hint


def test_a_cut_in_the_middle_of_a_word_is_called_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    file.write_text('[{"name": "app", "full_na')
    with pytest.raises(BootstrapError, match="cut off"):
        read_organisation(file)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "cut off"),
        (b"{}", "not a list"),
        (b"null", "is null, not a list"),
        (b"[}", "not JSON"),
        (b'["\xff"]', "not UTF-8 at byte 2"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_list_of_repositories_is_an_error(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_bytes(content)
    with pytest.raises(BootstrapError, match=what):
        read_organisation(file)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="cannot be read"):
        read_organisation(tmp_path / "nothing.json")


@pytest.mark.parametrize("name", ["null", "007", "1.10", "on", "-x", "true", "a" * 100, "_", ".github"])
def test_odd_names_in_quotes_are_names(tmp_path: Path, name: str) -> None:
    assert read_organisation(write(tmp_path, [entry(f"acme/{name}")]))[0].name == name


@pytest.mark.parametrize(
    ("value", "said"), [(None, "is null"), (7, "is 7"), (1.1, "is 1.1"), (True, "is true"), (["x"], "is a list")]
)
def test_a_name_that_is_no_string_is_named_by_its_index(tmp_path: Path, value: Any, said: str) -> None:
    file = write(tmp_path, [entry("acme/a"), {"name": value, "full_name": "acme/b"}])
    with pytest.raises(BootstrapError, match=f"{said}, not a string") as caught:
        read_organisation(file)
    assert caught.value.where == f"{file}: [1].name"


@pytest.mark.parametrize(
    ("wrong", "place", "what"),
    [
        ("app", "", "not an object"),
        ({"name": "app"}, ".full_name", "missing"),
        ({"full_name": "acme/app"}, ".name", "missing"),
        ({"name": "app", "full_name": "app"}, ".full_name", "not OWNER/app"),
        ({"name": "app", "full_name": "acme/other"}, ".full_name", "not OWNER/app"),
        ({"name": "app", "full_name": "-acme/app"}, ".full_name", "not OWNER/app"),
        (entry("acme/.."), ".name", "no repository name"),
        (entry("acme/two words"), ".name", "no repository name"),
        (entry("acme/app\n"), ".name", "no repository name"),
        (entry("acme/" + "a" * 101), ".name", "no repository name"),
        (entry("acme/FIRST"), ".full_name", r"there already, at \[0\]"),
        (entry("acme/app", id=5), ".id", r"there already, at \[0\]"),
        (entry("acme/app", id=True), ".id", "is true"),
        (entry("acme/app", id=2**31), ".id", "not an id"),
        (entry("acme/app", archived="no"), ".archived", "not true or false"),
        (entry("acme/app", topics="web"), ".topics", "list of strings"),
        (entry("acme/app", topics=[1]), ".topics", "list of strings"),
        (entry("acme/app", default_branch=None), ".default_branch", "is null"),
        (entry("acme/app", files={"Jenkinsfile": 1}), ".files", "paths with their texts"),
        (entry("acme/app", owner_type="Bot"), ".owner_type", "Bot"),
        (entry("acme/app", description="\ud800"), "", "surrogate"),
    ],
)
def test_a_wrong_entry_is_named_by_index_and_field(tmp_path: Path, wrong: Any, place: str, what: str) -> None:
    file = write(tmp_path, [entry("acme/first", id=5), wrong])
    with pytest.raises(BootstrapError, match=what) as caught:
        read_organisation(file)
    assert caught.value.where == f"{file}: [1]{place}"
    assert caught.value.hint


def test_several_wrong_entries_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(SeveralErrors) as caught:
        read_organisation(write(tmp_path, [1, entry("acme/app"), 2]))
    assert [error.where[-3:] for error in caught.value.errors] == ["[0]", "[2]"]


def test_fields_of_other_origin_are_passed_over_and_nothing_is_misread(tmp_path: Path) -> None:
    record = read_organisation(write(tmp_path, [entry("acme/app", deprecated=True, released=None)]))[0]
    assert (record.archived, record.pushed_at, record.has_jenkinsfile, record.default_branch) == (
        False,
        None,
        True,
        "main",
    )


# Ids and what is kept


def test_ids_are_the_same_for_the_same_names_whatever_their_order(tmp_path: Path) -> None:
    names = [f"acme/app-{n}" for n in range(50)]
    one = Store.load(write(tmp_path, [entry(n) for n in names]), tmp_path / "one")
    two = Store.load(write(tmp_path, [entry(n) for n in reversed(names)]), tmp_path / "two")
    assert {r.full_name: r.id for r in one.repositories.values()} == {
        r.full_name: r.id for r in two.repositories.values()
    }
    assert len(one.repositories) == 50
    assert all(1 <= number < 2**31 for number in one.repositories)


def test_a_rename_keeps_the_id_over_a_restart_even_when_the_file_follows_it(tmp_path: Path) -> None:
    file = write(tmp_path, [entry("acme/old"), entry("acme/other")])
    store = Store.load(file, tmp_path)
    record = store.find("acme", "old")
    assert record is not None
    store.change(record, name="new")
    for entries in ([entry("acme/old"), entry("acme/other")], [entry("acme/new"), entry("acme/other")]):
        again = Store.load(write(tmp_path, entries), tmp_path)
        found = again.find("acme", "NEW")
        assert found is not None and found.id == record.id
        assert again.find("acme", "old") is None
        assert len(again.repositories) == 2


def test_a_transfer_keeps_the_id_over_a_restart_even_when_the_file_follows_it(tmp_path: Path) -> None:
    file = write(tmp_path, [entry("acme/old"), entry("other/z")])
    store = Store.load(file, tmp_path)
    record = store.find("acme", "old")
    assert record is not None
    store.change(record, owner="other")
    for entries in ([entry("acme/old"), entry("other/z")], [entry("other/old"), entry("other/z")]):
        found = Store.load(write(tmp_path, entries), tmp_path).find("other", "old")
        assert found is not None and found.id == record.id


def test_two_repositories_that_swapped_names_stay_swapped(tmp_path: Path) -> None:
    file = write(tmp_path, [entry("acme/a", description="was a"), entry("acme/b", description="was b")])
    store = Store.load(file, tmp_path)
    a, b = store.find("acme", "a"), store.find("acme", "b")
    assert a is not None and b is not None
    store.change(a, name="c")
    store.change(b, name="a")
    store.change(a, name="b")
    again = Store.load(file, tmp_path)
    assert {(r.id, r.name, r.description) for r in again.repositories.values()} == {
        (a.id, "b", "was a"),
        (b.id, "a", "was b"),
    }


def test_later_changes_creations_and_deletions_outlive_a_restart(tmp_path: Path) -> None:
    file = write(tmp_path, [entry("acme/kept"), entry("acme/gone")])
    store = Store.load(file, tmp_path)
    kept, gone = store.find("acme", "kept"), store.find("acme", "gone")
    assert kept is not None and gone is not None
    store.change(kept, archived=True)
    store.delete(gone)
    made = store.create("ACME", "made", description="new")
    store.change(made, topics=["web"])
    again = Store.load(file, tmp_path)
    assert {(r.full_name, r.archived, tuple(r.topics)) for r in again.repositories.values()} == {
        ("acme/kept", True, ()),
        ("acme/made", False, ("web",)),
    }
    assert again.find("acme", "made").id == made.id  # type: ignore[union-attr]


def test_the_file_is_the_data_again_at_each_start(tmp_path: Path) -> None:
    first = Store.load(write(tmp_path, [entry("acme/a", description="one")]), tmp_path)
    second = Store.load(write(tmp_path, [entry("acme/a", description="two"), entry("acme/b")]), tmp_path)
    assert second.find("acme", "a").description == "two"  # type: ignore[union-attr]
    assert second.find("acme", "a").id == first.find("acme", "a").id  # type: ignore[union-attr]


def test_a_file_that_brings_a_name_that_was_given_away_is_an_error(tmp_path: Path) -> None:
    store = Store.load(write(tmp_path, [entry("acme/a")]), tmp_path)
    store.create("acme", "b")
    with pytest.raises(BootstrapError, match="acme/b is there twice"):
        Store.load(write(tmp_path, [entry("acme/a"), entry("acme/b")]), tmp_path)


@pytest.mark.parametrize("content", ["", '{"version": 1', "[]", '{"version": 2}', '{"version": 1, "ids": []}'])
def test_a_broken_state_is_an_error_and_stays_as_it_is(tmp_path: Path, content: str) -> None:
    (tmp_path / "github.json").write_text(content)
    with pytest.raises(BootstrapError, match="not the state"):
        Store.load(write(tmp_path, [entry("acme/a")]), tmp_path)
    assert (tmp_path / "github.json").read_text() == content


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcdAB")), max_size=12))
def test_any_renames_keep_every_id_and_every_name_single(tmp_path_factory: Any, renames: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("renames")
    file = write(folder, [entry(f"acme/{name}") for name in "abc"])
    store = Store.load(file, folder)
    before = set(store.repositories)
    for old, new in renames:
        record = store.find("acme", old)
        if record is None:
            continue
        other = store.find("acme", new)
        if other is None or other is record:
            store.change(record, name=new)
        else:
            with pytest.raises(BootstrapError, match="already exists"):
                store.change(record, name=new)
    again = Store.load(file, folder)
    assert {(r.id, r.name) for r in again.repositories.values()} == {
        (r.id, r.name) for r in store.repositories.values()
    }
    assert set(again.repositories) == before
    assert len({r.key for r in again.repositories.values()}) == 3


# GraphQL


def test_a_field_that_github_does_not_have_is_an_error(site: Any) -> None:
    answer = site([entry("acme/a")]).graphql('{ repositoryOwner(login: "acme") { logn } }')
    assert "data" not in answer
    assert "logn" in answer["errors"][0]["message"]


def test_a_query_that_is_no_graphql_is_an_error(site: Any) -> None:
    assert "Syntax Error" in site([entry("acme/a")]).graphql("{ viewer ")["errors"][0]["message"]


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        ("", "MISSING_PAGINATION_BOUNDARIES"),
        ("(first: 101)", "EXCESSIVE_PAGINATION"),
        ("(last: -1)", "INVALID_PAGINATION"),
    ],
)
def test_a_page_size_that_github_refuses_is_refused(site: Any, size: str, kind: str) -> None:
    query = f'{{ organization(login: "acme") {{ repositories{size} {{ nodes {{ name }} }} }} }}'
    answer = site([entry("acme/a")]).graphql(query)
    assert answer["errors"][0]["type"] == kind


def test_an_owner_of_the_wrong_kind_is_not_found(site: Any) -> None:
    answer = site([entry("acme/a")]).graphql('{ user(login: "acme") { login } repositoryOwner(login: "x") { login } }')
    assert answer["data"] == {"user": None, "repositoryOwner": None}
    assert [(e["type"], e["path"]) for e in answer["errors"]] == [("NOT_FOUND", ["user"])]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("order", ["NAME", "CREATED_AT", "UPDATED_AT", "PUSHED_AT"])
def test_pages_in_any_order_hold_every_repository_once(site: Any, order: str, direction: str) -> None:
    days = [entry(f"acme/r{n}", pushed_at=f"2026-01-{n % 5 + 1:02}T00:00:00Z") for n in range(23)]
    it = site(days)
    query = """query ($after: String) { repositoryOwner(login: "acme") { repositories(
        first: 7, after: $after, orderBy: {field: %s, direction: %s}
    ) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { name pushedAt } } } } }"""
    seen: list[Any] = []
    after = None
    while True:
        page = it.graphql(query % (order, direction), after=after)["data"]["repositoryOwner"]["repositories"]
        seen += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        assert page["edges"][-1]["cursor"] == after
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len({node["name"] for node in seen}) == 23
    field = {"NAME": "name", "PUSHED_AT": "pushedAt"}.get(order)
    if field:
        values = [node[field] for node in seen]
        assert values == sorted(values, reverse=direction == "DESC")


def test_a_cursor_that_is_none_is_refused(site: Any) -> None:
    query = '{ repositoryOwner(login: "acme") { repositories(first: 1, after: "x") { totalCount } } }'
    assert site([entry("acme/a")]).graphql(query)["errors"][0]["type"] == "INVALID_CURSOR_ARGUMENTS"


def test_files_and_folders_of_the_default_branch_can_be_read(site: Any) -> None:
    it = site([entry("acme/a", files={".jenkins.yml": "branches: [main]\n", "src/x.py": ""})])
    query = """query ($e: String!) { repository(owner: "acme", name: "a") { object(expression: $e) {
        __typename ... on Blob { text byteSize } ... on Tree { entries { name type } } } } }"""

    def read(expression: str) -> Any:
        return it.graphql(query, e=expression)["data"]["repository"]["object"]

    assert read("HEAD:.jenkins.yml") == {"__typename": "Blob", "text": "branches: [main]\n", "byteSize": 17}
    assert read("main:Jenkinsfile")["__typename"] == "Blob"
    assert read("HEAD:") == {
        "__typename": "Tree",
        "entries": [
            {"name": ".jenkins.yml", "type": "blob"},
            {"name": "Jenkinsfile", "type": "blob"},
            {"name": "src", "type": "tree"},
        ],
    }
    assert read("HEAD:src")["entries"] == [{"name": "x.py", "type": "blob"}]
    assert read("HEAD:nothing") is None
    assert read("other:Jenkinsfile") is None


ARGUMENTS = {
    "repositories": "(first: 2)",
    "repositoryTopics": "(last: 2)",
    "object": '(expression: "HEAD:")',
    "repository": '(name: "a")',
    "ref": '(qualifiedName: "main")',
}


def every_field(kind: str, depth: int) -> str:
    """A selection of all fields of a type, as deep as told; where there is a choice, all of each possible type."""
    named = schema().type_map[kind]
    parts = ["__typename"]
    for name, field in named.fields.items():
        inner = graphql.get_named_type(field.type)
        arguments = ARGUMENTS.get(name, "") if field.args else ""
        if graphql.is_leaf_type(inner):
            parts.append(name)
        elif depth:
            parts.append(f"{name}{arguments} {{ {every_field(inner.name, depth - 1)} }}")
    if graphql.is_abstract_type(named):
        possible = schema().get_possible_types(named)
        parts += [f"... on {t.name} {{ {every_field(t.name, min(depth, 2))} }}" for t in possible]
    return " ".join(parts)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ('repository(owner: "acme", name: "a")', "Repository"),
        ('organization(login: "acme")', "Organization"),
        ('user(login: "someone")', "User"),
        ("rateLimit", "RateLimit"),
    ],
)
def test_every_field_of_the_schema_has_an_answer(site: Any, field: str, kind: str) -> None:
    person = entry("someone/a", owner_type="User")
    it = site([entry("acme/a", topics=["x", "y"], language="Go", files={"d/e": "f"}), person])
    answer = it.graphql(f"{{ it: {field} {{ {every_field(kind, 3)} }} }}")
    assert "errors" not in answer
    if kind == "Repository":
        found = answer["data"]["it"]
        assert found["owner"]["repositories"]["nodes"][0]["nameWithOwner"] == "acme/a"
        assert [t["topic"]["name"] for t in found["repositoryTopics"]["nodes"]] == ["x", "y"]
        assert [e["object"]["__typename"] for e in found["object"]["entries"]] == ["Blob", "Tree"]


def test_points_are_counted_by_githubs_formula(site: Any) -> None:
    query = """{ rateLimit { cost nodeCount } repositoryOwner(login: "acme") { repositories(first: 100) {
        nodes { repositoryTopics(first: 20) { nodes { topic { name } } } } } } }"""
    it = site([entry("acme/a", topics=["t"])])
    # (1 + 100 requests) / 100 is one point; 100 repositories and 2,000 topics are the nodes.
    assert it.graphql(query)["data"]["rateLimit"] == {"cost": 1, "nodeCount": 2100}
    it.graphql(query)
    assert it.rest("/rate_limit").json()["resources"]["graphql"]["used"] == 2
    assert set(it.rest("/rate_limit").json()["resources"]) == {"core", "graphql", "search", "integration_manifest"}


# REST


def test_a_server_root_and_its_version_need_no_sign_in(site: Any) -> None:
    it = site([entry("acme/a")])
    assert it.rest("/", headers={}).json()["rate_limit_url"].startswith(it.base)
    assert it.rest("/meta", headers={}).status_code == 200


@pytest.mark.parametrize("path", ["/user", "/orgs/acme", "/orgs/acme/repos", "/repos/acme/a"])
def test_no_sign_in_and_a_wrong_one_are_401(site: Any, path: str) -> None:
    it = site([entry("acme/a")])
    assert it.rest(path, headers={}).status_code == 401
    wrong = it.rest(path, headers={"Authorization": "Bearer something-else"})
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Bad credentials")
    assert it.rest(path, headers={"Authorization": "Bearer not-a-real-token"}).status_code == 200
    for password, status in (("not-a-real-token", 200), ("something-else", 401)):
        basic = base64.b64encode(f"octocat:{password}".encode()).decode()
        assert it.rest(path, headers={"Authorization": f"Basic {basic}"}).status_code == status
    assert it.rest(path, headers={"Authorization": "Basic no-base64"}).status_code == 401


def test_repositories_come_in_pages_with_links(site: Any) -> None:
    it = site([entry(f"acme/r{n:02}") for n in range(25)])
    names: list[str] = []
    url: str | None = it.base + "/api/v3/users/acme/repos?per_page=10"
    while url:
        answer = requests.get(url, headers=TOKEN, timeout=10)
        names += [r["name"] for r in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert names == [f"r{n:02}" for n in range(25)]


def test_limits_and_scopes_are_in_the_headers(site: Any) -> None:
    answer = site([entry("acme/a")]).rest("/user")
    assert answer.headers["X-RateLimit-Remaining"] == "4999"
    assert answer.headers["X-RateLimit-Resource"] == "core"
    assert "repo" in answer.headers["X-OAuth-Scopes"].split(", ")


def test_used_up_points_are_403(site: Any) -> None:
    it = site([entry("acme/a")])
    it.store.points = 1
    assert [it.rest("/user").status_code for _ in range(2)] == [200, 403]


def test_a_repository_can_be_renamed_made_and_deleted(site: Any) -> None:
    it = site([entry("acme/a"), entry("acme/b")])
    before = it.rest("/repos/acme/a").json()["id"]
    renamed = it.rest("/repos/acme/a", "PATCH", json={"name": "z", "archived": True}).json()
    assert (renamed["id"], renamed["full_name"], renamed["archived"]) == (before, "acme/z", True)
    assert it.rest("/repos/acme/z", "PATCH", json={"description": "x"}).status_code == 403
    assert it.rest("/repos/acme/z", "PATCH", json={"archived": False}).json()["archived"] is False
    assert it.rest("/repos/acme/z", "PATCH", json={"name": "B"}).status_code == 422
    assert it.rest("/repos/acme/z", "PATCH", json={"archived": "yes"}).status_code == 422
    assert it.rest("/repos/acme/z", "PATCH", data="{").status_code == 400
    assert it.rest("/orgs/acme/repos", "POST", json={"name": "n"}).status_code == 201
    assert it.rest("/repos/acme/n", "DELETE").status_code == 204
    assert {r["name"] for r in it.rest("/orgs/acme/repos").json()} == {"z", "b"}


def test_a_default_branch_must_be_there(site: Any) -> None:
    it = site([entry("acme/a", default_branch="trunk")])
    refused = it.rest("/repos/acme/a", "PATCH", json={"default_branch": "gone", "description": "x"})
    assert refused.status_code == 422
    assert [(e["field"], e["code"]) for e in refused.json()["errors"]] == [("default_branch", "invalid")]
    assert "branch gone was not found" in refused.json()["errors"][0]["message"]
    kept = it.rest("/repos/acme/a", "PATCH", json={"default_branch": "trunk", "description": "y"})
    assert (kept.status_code, kept.json()["default_branch"], kept.json()["description"]) == (200, "trunk", "y")


def test_a_private_repository_needs_the_scope(site: Any) -> None:
    it = site([entry("acme/hidden", private=True)])
    it.store.tokens["not-a-real-token"] = Token(scopes=())
    assert it.rest("/repos/acme/hidden").status_code == 404
    assert it.rest("/orgs/acme/repos").json() == []


def test_a_body_that_is_too_large_is_refused(site: Any) -> None:
    assert site([entry("acme/a")]).rest("/repos/acme/a", "PATCH", data=b"x" * 2_000_000).status_code == 413


def app_jwt(**changes: Any) -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 500, "iss": "1", **changes}
    return {"Authorization": "Bearer " + jwt.encode(claims, key, algorithm="RS256")}


def test_an_app_buys_a_token_for_its_installation(site: Any) -> None:
    it = site([entry("acme/a", private=True), entry("other/b", private=True)])
    signed = app_jwt()
    assert it.rest("/app", headers=signed).json()["slug"] == "demo-app"
    found = it.rest("/app/installations", headers=signed).json()
    assert [(i["id"], i["account"]["login"]) for i in found] == [(1, "acme"), (2, "other")]
    made = it.rest("/app/installations/1/access_tokens", "POST", headers=signed)
    assert made.status_code == 201
    bearer = {"Authorization": "Bearer " + made.json()["token"]}
    assert it.rest("/repos/acme/a", headers=bearer).status_code == 200
    assert it.rest("/repos/other/b", headers=bearer).status_code == 404
    assert it.rest("/user", headers=bearer).status_code == 403
    assert it.rest("/app/installations/9/access_tokens", "POST", headers=signed).status_code == 404


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iat": int(time.time()) + 900}, "Issued at"),
        ({"exp": int(time.time()) - 900}, "Expiration time"),
        ({"exp": int(time.time()) + 90_000}, "too far in the future"),
        ({"iss": "2"}, "Integration not found"),
    ],
)
def test_a_jwt_with_wrong_claims_is_refused_in_githubs_words(site: Any, changes: Any, message: str) -> None:
    it = site([entry("acme/a")], app=App(id="1", installations={1: "acme"}))
    answer = it.rest("/app", headers=app_jwt(**changes))
    assert answer.status_code == 401
    assert message in answer.json()["message"]


@pytest.mark.parametrize("headers", [{}, TOKEN, {"Authorization": "Bearer a.b.c"}])
def test_an_app_endpoint_wants_a_jwt(site: Any, headers: Any) -> None:
    assert site([entry("acme/a")]).rest("/app", headers=headers).status_code == 401


def test_faults_come_in_order_and_end(site: Any) -> None:
    it = site([entry("acme/a")])
    it.store.faults += [
        Fault(503, {"Retry-After": "1"}, "busy", path="/user", skip=1),
        Fault(429, {}, {"message": "x"}),
    ]
    assert [it.rest("/user").status_code for _ in range(3)] == [429, 503, 200]
