"""Which repositories get a job, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.config.models import RepositoryFilter
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.select import select, why

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
