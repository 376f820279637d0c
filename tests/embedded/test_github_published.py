"""The embedded GitHub's GraphQL is GitHub's own: its schema is a part of the published one, as are our queries."""

from __future__ import annotations

import gzip
import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import graphql
import pytest

from jenkins_bootstrap import github
from jenkins_bootstrap.embedded.github import Store, Token
from jenkins_bootstrap.embedded.github.execution import PlainFields
from jenkins_bootstrap.embedded.github.query import answer, schema

PUBLISHED = Path(__file__).parent.parent / "data" / "github" / "schema.graphql.gz"
EVERYTHING_BUILT_IN = {"String", "Int", "Float", "Boolean", "ID"}


@pytest.fixture(scope="module")
def published() -> Any:
    """GitHub's whole schema; it takes a second."""
    text = gzip.decompress(PUBLISHED.read_bytes()).decode()
    return graphql.build_ast_schema(graphql.parse(text, no_location=True), assume_valid_sdl=True)


def ours() -> list[str]:
    return [name for name in schema().type_map if not name.startswith("__") and name not in EVERYTHING_BUILT_IN]


def signature(field: Any) -> tuple[Any, ...]:
    """A field with everything that a client can notice: its type, its arguments, their defaults, whether it is old."""
    arguments = {n: (str(a.type), a.default_value) for n, a in getattr(field, "args", {}).items()}
    return str(field.type), arguments, field.deprecation_reason


def test_every_type_and_field_is_in_the_published_schema_word_for_word(published: Any) -> None:
    for name in ours():
        mine, theirs = schema().type_map[name], published.type_map[name]
        assert type(mine) is type(theirs), name
        if graphql.is_enum_type(mine):
            assert set(mine.values) == set(theirs.values), name
        elif graphql.is_input_object_type(mine):
            assert {n: signature(f) for n, f in mine.fields.items()} == {
                n: signature(f) for n, f in theirs.fields.items()
            }
        elif not graphql.is_scalar_type(mine):
            for field in mine.fields:
                assert signature(mine.fields[field]) == signature(theirs.fields[field]), f"{name}.{field}"


def test_every_interface_of_ours_is_had_by_the_same_types(published: Any) -> None:
    for name in ours():
        if graphql.is_interface_type(schema().type_map[name]):
            mine = {t.name for t in schema().get_possible_types(schema().type_map[name])}
            theirs = {t.name for t in published.get_possible_types(published.type_map[name])}
            assert mine <= theirs
            # Whoever is one of them on GitHub is one of them here.
            assert theirs & set(ours()) == mine


def test_our_part_is_a_whole_schema() -> None:
    assert graphql.validate_schema(schema()) == []


def queries() -> dict[str, str]:
    """Every query that a module of the GitHub gateway holds."""
    found = {}
    for module in pkgutil.iter_modules(github.__path__):
        held = vars(importlib.import_module(f"{github.__name__}.{module.name}"))
        texts = {n: v for n, v in held.items() if isinstance(v, str) and v.lstrip().startswith("query")}
        found |= {f"{module.name}.{name}": text for name, text in texts.items()}
    return found


def test_the_products_queries_are_found() -> None:
    assert queries().keys() >= {"listing.QUERY", "access.QUERY", "single.BY_NAME", "single.BY_NODE"}


@pytest.mark.parametrize("name", queries())
def test_what_the_product_asks_is_valid_on_github(published: Any, name: str) -> None:
    assert graphql.validate(published, graphql.parse(queries()[name])) == []


def test_a_query_that_github_refuses_is_refused_here_with_the_same_words(published: Any) -> None:
    for text in (
        "{ repository(name: 5) { id } }",
        "{ viewer }",
        "{ rateLimit { cost { x } } }",
        "query ($a: Int!) { id }",
    ):
        document = graphql.parse(text)
        said = [error.message for error in graphql.validate(schema(), document)]
        assert said and said == [error.message for error in graphql.validate(published, document)]


# Execution


@pytest.fixture
def ask(tmp_path: Path) -> Any:
    file = tmp_path / "organisation.json"
    file.write_text(
        """[
        {"name": "a", "full_name": "acme/a", "id": 7, "topics": ["x"], "files": {".jenkins.yml": "disabled: true\\n"}},
        {"name": "hidden", "full_name": "acme/hidden", "internal": true},
        {"name": "bare", "full_name": "acme/bare", "empty": true},
        {"name": "home", "full_name": "person/home", "owner_type": "User"}]"""
    )
    store = Store.load(file, tmp_path / "state")

    def run(query: str, token: Token | None = None, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        return answer(store, token or Token(), "http://127.0.0.1", body, lambda points: (points, 3600))

    run.store = store  # type: ignore[attr-defined]
    return run


def test_the_override_file_comes_with_what_tells_whether_it_is_text(ask: Any) -> None:
    query = """query ($o: String!, $n: String!) { repository(owner: $o, name: $n) {
        object(expression: "HEAD:.jenkins.yml") { __typename ... on Blob { text isBinary isTruncated byteSize } } } }"""

    def read() -> Any:
        return ask(query, o="acme", n="a")["data"]["repository"]["object"]

    assert read() == {
        "__typename": "Blob",
        "text": "disabled: true\n",
        "isBinary": False,
        "isTruncated": False,
        "byteSize": 15,
    }
    record = ask.store.find("acme", "a")
    ask.store.change(record, files={".jenkins.yml": "\0x"})
    assert (read()["text"], read()["isBinary"]) == (None, True)
    ask.store.change(record, files={".jenkins.yml": "é" * 300_000})
    found = read()
    assert (found["isTruncated"], found["byteSize"], len(found["text"])) == (True, 600_000, 262_144)


def test_a_repository_is_found_by_an_earlier_name_unless_another_has_it(ask: Any) -> None:
    ask.store.change(ask.store.find("acme", "a"), name="b")
    query = 'query ($n: String!, $f: Boolean) { repository(owner: "acme", name: $n, followRenames: $f) { name } }'
    assert ask(query, n="A", f=True)["data"]["repository"] == {"name": "b"}
    assert ask(query, n="a", f=False)["errors"][0]["type"] == "NOT_FOUND"
    made = ask.store.create("acme", "a")
    assert ask(query, n="a", f=True)["data"]["repository"] == {"name": "a"}
    ask.store.delete(made)
    assert ask(query, n="a", f=True)["errors"][0]["type"] == "NOT_FOUND"


def test_nodes_are_found_by_ids_of_both_forms_github_has_given(ask: Any) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Repository { name } ... on Organization { login } } }"
    # Made by GitHub's ways: base64 of "010:Repository7", and of MessagePack's [0, 7].
    found = ask(query, ids=["MDEwOlJlcG9zaXRvcnk3", "R_kgDOAAAABw", "R_kgDOAAAACA", "nonsense"])
    assert found["data"]["nodes"] == [{"id": "R_kgDOAAAABw", "name": "a"}] * 2 + [None, None]
    assert [(e["type"], e["path"]) for e in found["errors"]] == [("NOT_FOUND", ["nodes", n]) for n in (2, 3)]
    acme = ask('{ organization(login: "acme") { id } }')["data"]["organization"]["id"]
    one = ask("query ($i: ID!) { node(id: $i) { ... on Organization { login } } }", i=acme)
    assert one["data"]["node"] == {"login": "acme"}


def test_a_repository_without_a_push_has_no_branch_and_no_file(ask: Any) -> None:
    fields = 'isEmpty defaultBranchRef { name } object(expression: "HEAD:") { id }'
    found = ask(f'{{ repository(owner: "acme", name: "bare") {{ {fields} }} }}')
    assert found["data"]["repository"] == {"isEmpty": True, "defaultBranchRef": None, "object": None}


def test_internal_repositories_count_as_private(ask: Any) -> None:
    query = """query ($p: RepositoryPrivacy) { organization(login: "acme") {
        repositories(first: 9, privacy: $p) { nodes { name visibility isPrivate } } } }"""
    found = ask(query, p="PRIVATE")["data"]["organization"]["repositories"]["nodes"]
    assert found == [{"name": "hidden", "visibility": "INTERNAL", "isPrivate": True}]
    assert ask(query, Token(scopes=()))["data"]["organization"]["repositories"]["nodes"][0]["name"] != "hidden"


@pytest.mark.parametrize(
    "query",
    [
        """{ it: repository(owner: "acme", name: "a") { b: name a: databaseId kind: __typename visibility pushedAt
        isFork none: description bad: repositoryTopics { nodes { id } } ref(qualifiedName: "x") { id } diskUsage } }""",
        '{ viewer { login } rateLimit { cost resetAt } repository(owner: "acme", name: "none") { name } __typename }',
        '{ repositoryOwner(login: "person") { __typename login ... on User { name repositories { totalCount } } } }',
    ],
)
def test_the_short_cut_gives_what_graphql_core_gives(ask: Any, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Aliases, every kind of scalar, null, and a field that is refused in the middle."""
    quick = ask(query)
    monkeypatch.setattr(PlainFields, "execute_field", graphql.ExecutionContext.execute_field)
    assert json.dumps(ask(query)) == json.dumps(quick)
