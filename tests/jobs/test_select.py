"""Which repositories get a job, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.config.models import Definition, RepositoryFilter, Settings
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.select import chosen, definition_of, explain, select, why

APP = Repository("acme", "Payments-API", 1, topics=("service", "Java"), language="Java")

NAMES = st.text("abcXYZ019._-", min_size=1, max_size=12)
GLOBS = st.text("abcXYZ019._-*?[]!", min_size=1, max_size=8)
REPOSITORIES = st.builds(
    Repository,
    st.just("acme"),
    NAMES,
    st.integers(1, 9),
    archived=st.booleans(),
    fork=st.booleans(),
    private=st.booleans(),
    language=st.sampled_from([None, "Java", "Go"]),
    topics=st.lists(st.sampled_from(["web", "batch", "docs"]), unique=True).map(tuple),
    has_jenkinsfile=st.booleans(),
)
FILTERS = st.builds(
    RepositoryFilter,
    include=st.lists(GLOBS, max_size=3),
    exclude=st.lists(GLOBS, max_size=2),
    topics=st.lists(st.sampled_from(["web", "WEB", "docs"]), max_size=2),
    exclude_topics=st.lists(st.sampled_from(["batch", "Docs"]), max_size=1),
    languages=st.lists(st.sampled_from(["java", "Rust"]), max_size=1),
    archived=st.booleans(),
    forks=st.booleans(),
    visibility=st.sampled_from(["all", "public", "private"]),
    has_jenkinsfile=st.booleans(),
)
EVERYTHING = RepositoryFilter(archived=True, forks=True, has_jenkinsfile=False)


@pytest.mark.parametrize(
    ("changes", "options", "inside", "text"),
    [
        ({}, {}, True, "name matches include '*'; has a Jenkinsfile"),
        ({}, {"include": ["web-*", "payments-*"]}, True, "'payments-*'"),
        ({}, {"include": ["web-*"]}, False, "name matches no include ('web-*')"),
        ({}, {"include": []}, False, "name matches no include (none given)"),
        ({}, {"exclude": ["*-api"]}, False, "name matches exclude '*-api'"),
        ({"archived": True}, {}, False, "is archived"),
        ({"archived": True}, {"archived": True}, True, "Jenkinsfile"),
        ({"fork": True}, {}, False, "is a fork"),
        ({"fork": True}, {"forks": True}, True, "Jenkinsfile"),
        ({"private": True}, {"visibility": "public"}, False, "is private, visibility public is asked for"),
        ({}, {"visibility": "private"}, False, "is public, visibility private is asked for"),
        ({"private": True}, {"visibility": "private"}, True, "Jenkinsfile"),
        ({}, {"topics": ["web", "JAVA"]}, True, "topic 'Java'"),
        ({}, {"topics": ["web"]}, False, "has none of the topics 'web'"),
        ({}, {"exclude_topics": ["Service"]}, False, "has the excluded topic 'service'"),
        ({}, {"languages": ["java"]}, True, "language Java"),
        ({}, {"languages": ["Go"]}, False, "language Java is none of 'Go'"),
        ({"language": None}, {"languages": ["Go"]}, False, "language unknown is none of 'Go'"),
        ({"has_jenkinsfile": False}, {}, False, "has no Jenkinsfile"),
        ({"has_jenkinsfile": False}, {"has_jenkinsfile": False}, True, "include '*'"),
        ({"archived": True, "fork": True}, {}, False, "is archived; is a fork"),
    ],
)
def test_each_filter_says_why(changes: Any, options: Any, inside: bool, text: str) -> None:
    reason = why(replace(APP, **changes), RepositoryFilter(**options))
    assert reason.in_ is inside
    assert text in reason.text


@pytest.mark.parametrize("name", ["null", "007", "1.10", "on", "-x", "[x]", "a*b"])
def test_a_name_matches_itself_alone_when_it_has_no_wildcards(name: str) -> None:
    escaped = "".join(f"[{c}]" if c in "*?[" else c for c in name)
    assert why(replace(APP, name=name), RepositoryFilter(include=[escaped])).in_
    assert not why(replace(APP, name=name + "0"), RepositoryFilter(include=[escaped])).in_


@given(st.lists(REPOSITORIES, max_size=8), FILTERS)
def test_what_is_selected_is_what_is_said_to_be_in_and_keeps_its_order(
    repositories: list[Repository], owner_filter: RepositoryFilter
) -> None:
    assert select(repositories, owner_filter) == [r for r in repositories if why(r, owner_filter).in_]
    assert select(repositories, EVERYTHING) == repositories


@given(REPOSITORIES, FILTERS)
def test_case_never_matters(repository: Repository, owner_filter: RepositoryFilter) -> None:
    swapped = replace(repository, name=repository.name.swapcase(), topics=tuple(t.upper() for t in repository.topics))
    loud = owner_filter.model_copy(
        update={
            "include": [g.upper() for g in owner_filter.include],
            "exclude": [g.lower() for g in owner_filter.exclude],
        }
    )
    expected = why(repository, owner_filter).in_
    assert why(swapped, owner_filter).in_ == why(repository, loud).in_ == expected


@given(REPOSITORIES, FILTERS, GLOBS)
def test_an_exclusion_never_brings_anything_in_and_an_inclusion_never_drops_anything(
    repository: Repository, owner_filter: RepositoryFilter, glob: str
) -> None:
    before = why(repository, owner_filter).in_
    excluded = owner_filter.model_copy(update={"exclude": [*owner_filter.exclude, glob]})
    included = owner_filter.model_copy(update={"include": [*owner_filter.include, glob]})
    assert why(repository, excluded).in_ <= before <= why(repository, included).in_


@given(REPOSITORIES, FILTERS)
def test_every_repository_has_a_reason(repository: Repository, owner_filter: RepositoryFilter) -> None:
    assert why(repository, owner_filter).text


@given(REPOSITORIES, FILTERS)
def test_out_only_as_archived_is_what_comes_in_when_archived_ones_may(
    repository: Repository, owner_filter: RepositoryFilter
) -> None:
    reason = why(repository, owner_filter)
    open_to_all = why(repository, owner_filter.model_copy(update={"archived": True}))
    assert reason.archived_only == (not reason.in_ and open_to_all.in_)
    assert not reason.archived_only or reason.text == "is archived"


def test_those_are_chosen_that_pass_or_are_out_only_as_archived(settings: Settings) -> None:
    app = replace(APP, owner="ACME-Demo")
    listed = [
        app,
        replace(app, name="old", archived=True),
        replace(app, name="old-fork", archived=True, fork=True),
        replace(app, name="fork", fork=True),
        replace(app, owner="stranger"),
    ]
    assert chosen(settings, listed) == listed[:2]


@pytest.fixture
def defined(settings: Settings, with_jobs: Any) -> Settings:
    """Three definitions, the second with two conditions."""
    wanted = [
        Definition(template="nightly", topics=["Nightly"]),
        Definition(template="free", names=["lib-*", "tool"], topics=["free"]),
        Definition(template="rest", names=["*-x"]),
    ]
    return with_jobs(settings, definitions=wanted)


@pytest.mark.parametrize(
    ("name", "topics", "template", "words"),
    [
        ("app", ("NIGHTLY",), "nightly", "by topic 'NIGHTLY'"),
        ("Lib-a", ("free",), "free", "by name 'lib-*' and topic 'free'"),
        ("tool", ("nightly", "free"), "nightly", "by topic"),
        ("lib-a", (), "github-repository", "none of jobs.definitions matches"),
        ("app", ("free",), "github-repository", "none of"),
        ("lib-X", (), "rest", "by name '*-x'"),
    ],
)
def test_the_first_definition_whose_conditions_all_hold_gives_the_template(
    defined: Settings, name: str, topics: tuple[str, ...], template: str, words: str
) -> None:
    found = definition_of(defined, replace(APP, name=name, topics=topics))
    assert found.template == template
    assert words in found.text


@pytest.mark.parametrize(
    ("changes", "inside", "words"),
    [
        ({}, True, ["has a Jenkinsfile", "template 'github-repository', as none"]),
        ({"fork": True}, False, ["is a fork"]),
        ({"archived": True}, False, ["is archived, so that a job it has is disabled", "template"]),
        ({"owner": "stranger"}, False, ["owner 'stranger' is not in github.owners"]),
        ({"override": "branches: [main]"}, True, [".jenkins.yml asks for: branches main"]),
        ({"override": "token: x"}, True, [".jenkins.yml, line 1: unknown key 'token'", ": not taken"]),
        ({"override_problem": "is binary"}, True, [".jenkins.yml is binary: not taken"]),
    ],
)
def test_everything_that_decides_about_a_repository_is_said(
    defined: Settings, changes: Any, inside: bool, words: list[str]
) -> None:
    reason = explain(defined, replace(APP, **{"owner": "acme-demo"} | changes))
    assert reason.in_ is inside
    assert [part for part in words if part not in reason.text] == []
