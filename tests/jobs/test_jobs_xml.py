"""The XML of every repository is what `jenkins-jobs test` writes, byte for byte."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs import jjb, shapes
from jenkins_bootstrap.jobs.definitions import Wanted, definitions, templates, to_yaml, variant, variant_project
from jenkins_bootstrap.jobs.marker import clean_text, definition_hash, read_line, without_line
from jenkins_bootstrap.jobs.xml import render, render_all

SOURCE = "sources/data/jenkins.branch.BranchSource/source"
OWN_TEMPLATE = """
- job-template:
    id: github-repository
    name: '{folder}/{owner}/{repository}'
    project-type: multibranch-github
    description: '%(description)s'
    display-name: %(display)s
    properties: [jenkins-bootstrap: {installation: '%(installation)s', id: '%(id)s'}]
    scm: [github-repository: {id: '{github_id}', repo-owner: '{owner}', repo: '{repository}'}]
"""


def own_template(folder, **values):
    values = {
        "description": "{description}",
        "display": "'{repository} ({github_id})'",
        "installation": "{installation}",
        "id": "{github_id}",
        **values,
    }
    own = folder / "templates"
    own.mkdir()
    (own / "mine.yaml").write_text(OWN_TEMPLATE % values)
    return own


def everything(settings, repositories):
    rendered = render_all(settings, repositories)
    return {item.path: item.xml for item in (*rendered.folders, *rendered.jobs)}


def test_a_hostile_organisation_of_two_owners_is_byte_identical(two_owners, organisation, tmp_path, jenkins_jobs_test):
    repositories = organisation(300, ("acme-demo", "Other-Org"))
    assert everything(two_owners, repositories) == jenkins_jobs_test(two_owners, tmp_path, repositories)


@pytest.mark.parametrize(
    "jobs",
    [
        {"scan_every": "never", "script_path": 'ci/{name}\'s "Jenkinsfile" & <x>'},
        {"pull_requests": False, "forks": True, "draft_pull_requests": False, "keep_builds": 1, "folder": "A b_c.d-e"},
    ],
)
def test_other_settings_are_byte_identical_too(settings, with_jobs, organisation, tmp_path, jenkins_jobs_test, jobs):
    changed = with_jobs(settings, **jobs)
    assert everything(changed, organisation(20)) == jenkins_jobs_test(changed, tmp_path, organisation(20))


def test_a_real_organisation_is_byte_identical(settings, shared_data, tmp_path, jenkins_jobs_test):
    listed = json.loads((shared_data / "github-org-jenkinsci-2025-09-13.json").read_text())
    repositories = [
        Repository("acme-demo", r["name"], place, description=f"{r['name']}: {' & '.join(r['topics'])}")
        for place, r in enumerate(listed, start=1)
    ]
    ours = everything(settings, repositories)
    assert len(ours) == len(repositories) + 4
    sample = repositories[::19]
    for path, xml in jenkins_jobs_test(settings, tmp_path, sample).items():
        assert ours[path] == xml


@examples(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=30))
def test_any_description_is_what_jenkins_job_builder_gives(settings, texts):
    repositories = [Repository("acme-demo", f"r{n}", n + 1, description=text) for n, text in enumerate(texts)]
    slow = jjb.Builder(templates(settings)).render(to_yaml(definitions(settings, repositories)))
    assert everything(settings, repositories) == slow


@pytest.mark.parametrize("name", ["null", "007", "1.10", "on", "-x"])
def test_a_name_that_yaml_would_misread_is_named_exactly(settings, name):
    (job,) = render(settings, [Repository("acme-demo", name, 1300192)])
    root = ET.fromstring(job.xml)
    assert job.path == f"github/acme-demo/{name}"
    assert root.findtext(f"{SOURCE}/repository") == name
    assert root.findtext(f"{SOURCE}/repositoryUrl") == f"https://github.com/acme-demo/{name}"
    assert root.findtext(f"{SOURCE}/id") == "1300192"


@pytest.mark.parametrize(
    "text", ["{x}", "a ]]> b", "\"double\" and 'single'", "{{y}} } {", "bell\x07 and escape\x1b[0m"]
)
def test_a_description_arrives_as_it_was_but_for_what_xml_cannot_carry(settings, text):
    (job,) = render(settings, [Repository("acme-demo", "tool", 1, description=text)])
    assert without_line(ET.fromstring(job.xml).findtext("description")) == clean_text(text)
    assert ("\ufffd" in clean_text(text)) == ("\x07" in text)


def test_the_hash_is_the_one_in_the_line_and_of_the_definition(settings, organisation):
    for job in render(settings, organisation(40)):
        line = read_line(job.xml)
        assert (line.owner, line.id, line.hash) == ("demo", job.id, job.hash)
        assert definition_hash(job.xml) == job.hash


def test_a_change_of_anything_but_the_time_of_the_last_push_changes_the_hash(settings, with_jobs):
    one = Repository("acme-demo", "tool", 1, description="a")
    (before,) = render(settings, [one])
    for other in (replace(one, name="tools"), replace(one, id=2), replace(one, description="b")):
        assert render(settings, [other])[0].hash != before.hash
    assert render(with_jobs(settings, keep_days=7), [one])[0].hash != before.hash
    assert render(settings, [replace(one, pushed_at="2026-11-02T08:21:45Z")])[0].xml == before.xml


def test_forks_are_discovered_only_when_switched_on(settings, with_jobs):
    one = [Repository("acme-demo", "tool", 1)]
    assert b"ForkPullRequestDiscoveryTrait" not in render(settings, one)[0].xml
    assert b"ForkPullRequestDiscoveryTrait$TrustPermission" in render(with_jobs(settings, forks=True), one)[0].xml


def test_without_pull_requests_a_branch_that_has_one_is_built(settings, with_jobs):
    (job,) = render(with_jobs(settings, pull_requests=False), [Repository("acme-demo", "tool", 1)])
    root = ET.fromstring(job.xml)
    assert [e.text for e in root.iter("strategyId")] == ["3"]


def test_a_job_says_that_it_is_not_disabled(settings):
    (job,) = render(settings, [Repository("acme-demo", "tool", 1)])
    assert ET.fromstring(job.xml).findtext("disabled") == "false"


def test_jobs_come_in_the_order_of_owner_and_name_and_folders_with_parents_first(two_owners):
    listed = [Repository("Other-Org", "b", 1), Repository("acme-demo", "Z", 2), Repository("acme-demo", "a", 3)]
    rendered = render_all(two_owners, listed)
    assert [j.path for j in rendered.jobs] == [
        "github/acme-demo/a",
        "github/acme-demo/Z",
        "github/Other-Org/b",
        "github/_jenkins-bootstrap/reconcile",
    ]
    assert [f.path for f in rendered.folders] == [
        "github",
        "github/acme-demo",
        "github/Other-Org",
        "github/_jenkins-bootstrap",
    ]


def test_the_users_own_template_replaces_ours(settings, with_jobs, organisation, tmp_path, jenkins_jobs_test):
    changed = with_jobs(settings, templates=own_template(tmp_path))
    assert everything(changed, organisation(30)) == jenkins_jobs_test(changed, tmp_path, organisation(30))
    (job,) = render(changed, [Repository("acme-demo", "tool", 77)])
    assert ET.fromstring(job.xml).findtext("displayName") == "tool (77)"


def test_a_template_that_does_more_than_to_insert_is_rendered_job_by_job(settings, with_jobs, tmp_path):
    changed = with_jobs(settings, templates=own_template(tmp_path, display="!j2: '{{ repository|length }} letters'"))
    (job,) = render(changed, [Repository("acme-demo", "seven-l", 1)])
    assert ET.fromstring(job.xml).findtext("displayName") == "7 letters"
    assert definition_hash(job.xml) == job.hash


def test_a_shape_that_is_not_proved_is_no_shape(settings):
    of = variant(settings, Wanted(Repository("acme-demo", "tool", 1), "github-repository"))
    samples = shapes.samples(of, 0)
    good = jjb.Builder(templates(settings)).render(to_yaml([variant_project(settings, of, samples, 0)]))
    ordered = [good[f"github/acme-demo/{sample['repository']}"] for sample in samples]
    assert shapes.make(samples, ordered) is not None
    for place in range(3):
        wrong = list(ordered)
        wrong[place] = wrong[place].replace(b"<disabled>false", b"<disabled>true")
        assert shapes.make(samples, wrong) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"installation": "other"}, "does not say that it belongs to installation 'demo'"),
        ({"id": "5"}, "says id 5"),
    ],
)
def test_a_template_that_does_not_mark_its_jobs_is_an_error(settings, with_jobs, tmp_path, values, words):
    changed = with_jobs(settings, templates=own_template(tmp_path, **values))
    with pytest.raises(BootstrapError, match=words):
        render(changed, [Repository("acme-demo", "tool", 1)])


def test_a_template_that_is_no_yaml_is_an_error_that_names_the_file(settings, with_jobs, tmp_path):
    (tmp_path / "bad.yaml").write_text("- job-template: {name: [}")
    with pytest.raises(BootstrapError, match=r"bad\.yaml"):
        render(with_jobs(settings, templates=tmp_path), [Repository("acme-demo", "tool", 1)])


def test_a_folder_of_templates_that_is_missing_is_an_error_that_names_it(settings, with_jobs, tmp_path):
    with pytest.raises(BootstrapError, match="absent"):
        render(with_jobs(settings, templates=tmp_path / "absent"), [Repository("acme-demo", "tool", 1)])


def test_no_repository_gives_the_projects_own_job_alone(settings):
    rendered = render_all(settings, [])
    assert [j.path for j in rendered.jobs] == ["github/_jenkins-bootstrap/reconcile"]
    assert [f.path for f in rendered.folders] == ["github", "github/_jenkins-bootstrap"]
