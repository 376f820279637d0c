"""Repositories to jenkins-job-builder data: nothing is misread, formatted or lost."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.errors import BootstrapError, SeveralErrors
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.definitions import definitions, escape, folders, owner_settings, to_yaml
from jenkins_bootstrap.jobs.names import select_unique


def repo(name, number=1, owner="acme-demo", **more):
    return Repository(owner, name, number, **more)


@pytest.mark.parametrize("name", ["null", "007", "1.10", "on", "-x", "true", "1e3", "0x1F", "2026-11-24", "12:30:45"])
def test_yaml_reads_a_name_as_the_string_it_is(settings, name):
    if ":" in name:
        data = [{"project": {"name": name}}]
        assert yaml.safe_load(to_yaml(data)) == data
        return
    data = yaml.safe_load(to_yaml(definitions(settings, [repo(name, 12)])))
    assert data[-1]["project"]["repository"] == [{name: {"github_id": "12"}}]


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_yaml_gives_back_every_text(text):
    assert yaml.safe_load(to_yaml([{"project": {text: text}}])) == [{"project": {text: text}}]


@given(st.text(alphabet="{}ax|:0 "))
def test_an_escaped_text_is_formatted_to_itself(text):
    from jenkins_jobs.formatter import CustomFormatter

    assert CustomFormatter().format(escape(text)) == text


def test_numbers_and_switches_are_not_escaped():
    assert [escape(v) for v in (30, False, None)] == [30, False, None]


def test_two_owners_may_have_the_same_name(two_owners):
    both = [repo("tool", 1), repo("tool", 2, "Other-Org")]
    data = definitions(two_owners, both)
    assert [d["project"]["name"] for d in data] == [
        "github/_jenkins-bootstrap",
        "github/folders",
        "github/acme-demo 2",
        "github/Other-Org 3",
    ]
    assert [d["project"]["credentials_id"] for d in data[2:]] == ["github-token", "github-app-other-org"]


def test_names_that_differ_only_in_case_are_an_error_that_names_both(settings):
    with pytest.raises(BootstrapError) as error:
        definitions(settings, [repo("Tool", 1), repo("tool", 2)])
    assert "acme-demo/Tool" in str(error.value)
    assert "acme-demo/tool" in str(error.value)
    assert "filter.exclude" in error.value.hint


def test_a_case_only_rename_within_a_listing_is_one_repository():
    assert select_unique([repo("Tool", 7), repo("tool", 7)]) == [repo("tool", 7)]


def test_an_owner_spelled_in_two_ways_is_one_folder(settings):
    chosen = select_unique([repo("a", 1, "Acme-Demo"), repo("b", 2, "acme-demo")])
    assert {r.owner for r in chosen} == {"Acme-Demo"}
    assert [f.path for f in folders(settings, chosen)] == ["github", "github/Acme-Demo"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "näme", "a\n", "x" * 101, "{x}", "trailing."])
def test_a_name_that_cannot_be_is_an_error_that_names_the_repository(settings, name):
    with pytest.raises(BootstrapError) as error:
        definitions(settings, [repo(name)])
    assert repr(f"acme-demo/{name}") in str(error.value)


def test_all_bad_names_are_reported_at_once(settings):
    with pytest.raises(SeveralErrors) as errors:
        definitions(settings, [repo("a b", 1), repo("fine", 2), repo("ends.", 3), repo("zero", 0)])
    assert len(errors.value.errors) == 3


def test_an_owner_that_is_not_in_the_settings_is_an_error(settings):
    with pytest.raises(BootstrapError, match="stranger"):
        definitions(settings, [repo("tool", owner="stranger")])


def test_owners_are_matched_in_any_case(settings):
    assert owner_settings(settings, "ACME-Demo").credentials_id == "github-token"


def test_the_order_of_the_listing_does_not_matter(settings):
    some = [repo("b", 2), repo("A", 1), repo("c", 3)]
    assert definitions(settings, some) == definitions(settings, some[::-1])


def test_no_repository_gives_the_folders_of_the_project_alone(settings):
    assert [list(p) for p in definitions(settings, [])[1]["project"]["path"]] == [
        ["github"],
        ["github/_jenkins-bootstrap"],
    ]
