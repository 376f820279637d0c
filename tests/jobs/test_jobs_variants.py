"""Definitions that differ by more than values: templates, overrides, state. Each is what jenkins-job-builder gives."""

import random
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from jenkins_bootstrap.config.models import Definition, RepositoryFilter
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs import jjb, shapes
from jenkins_bootstrap.jobs.definitions import definitions, templates, to_yaml
from jenkins_bootstrap.jobs.marker import definition_hash, read_line, scan_hash
from jenkins_bootstrap.jobs.overrides import MOST_GLOBS
from jenkins_bootstrap.jobs.xml import render, render_all

TRAITS = "sources/data/jenkins.branch.BranchSource/source/traits"
TOOL = Repository("acme-demo", "tool", 7)
OVERRIDES = [
    None,
    "branches: [main, 'release/*']",
    "branches: ['1.10', 'a(b),c=d+e@f#g']\nexclude_branches: ['*-wip', 'Ünïcode']",
    "exclude_branches: [old/*]",
    "script_path: ci/Jenkinsfile (neu)",
    "retention: {builds: 3}",
    "retention: {days: 2}",
    "triggers: {scan_every: never}",
    "triggers: {pull_requests: false}\nbranches: [main]",
    "triggers: {draft_pull_requests: false, scan_every: 4w}",
    "disabled: true",
    "credentials: mine",
]
OWN_TEMPLATES = """
- job-template:
    id: strict
    name: '{folder}/{owner}/{repository}'
    project-type: multibranch-github
    description: '{description}'
    disabled: '{disabled}'
    properties: [jenkins-bootstrap: {installation: '{installation}', id: '{github_id}'}]
    scm:
      - github-repository:
          id: '{github_id}'
          repo-owner: '{owner}'
          repo: '{repository}'
          ignore-drafts: true
          wipe-workspace: true
          discover-tags: true
          untrusted: true
          rate-limit: {count: 3, per: hour, user-boost: true}
          keep-builds: '{keep_builds}'
- job-template:
    id: counted
    name: '{folder}/{owner}/{repository}'
    project-type: multibranch-github
    display-name: !j2: '{% if repository == "exactly" %}found{% else %}not{% endif %}'
    properties: [jenkins-bootstrap: {installation: '{installation}', id: '{github_id}'}]
    scm: [github-repository: {id: '{github_id}', repo-owner: '{owner}', repo: '{repository}'}]
- job-template:
    id: from-file
    name: '{folder}/{owner}/{repository}'
    description: !include-raw-verbatim: '{repository}.txt'
    properties: [jenkins-bootstrap: {installation: '{installation}', id: '{github_id}'}]
"""


def by(template, *, names=(), topics=()):
    return Definition(template=template, names=list(names), topics=list(topics))


def everything(settings, repositories, **more):
    rendered = render_all(settings, repositories, **more)
    return {item.path: item.xml for item in (*rendered.folders, *rendered.jobs)}


@pytest.fixture
def own(tmp_path, settings, with_jobs):
    """Settings with templates of the user's own: strict by topic, counted and from-file by name."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "mine.yml").write_text(OWN_TEMPLATES)
    (folder / "words.txt").write_text("from a file named after the repository")
    return with_jobs(
        settings,
        templates=folder,
        definitions=[
            by("strict", topics=["locked"]),
            by("counted", names=["exactly", "nearly"]),
            by("from-file", names=["words"]),
            by("github-freestyle", names=["free-*"], topics=["free"]),
        ],
    )


def varied(organisation, count):
    draw = random.Random(7)
    return [
        replace(
            one,
            override=draw.choice(OVERRIDES),
            archived=draw.random() < 0.1,
            default_branch=draw.choice(["main", "master", "rel/\"&<'{x}>é"]),
            topics=tuple(draw.sample(["locked", "free", "x"], draw.randrange(3))),
        )
        for one in organisation(count)
    ]


def test_every_kind_of_job_is_byte_identical(own, organisation, tmp_path, jenkins_jobs_test):
    repositories = varied(organisation, 150)
    repositories += [replace(TOOL, name=name, id=n) for n, name in enumerate(("exactly", "nearly", "words"), 10**9)]
    repositories.append(replace(TOOL, name="free-tool", id=10**9 + 9, topics=("free",), override=OVERRIDES[5]))
    rendered = render_all(own, repositories)
    assert {i.path: i.xml for i in (*rendered.folders, *rendered.jobs)} == jenkins_jobs_test(
        own, tmp_path, repositories
    )
    for job in rendered.jobs:
        assert (definition_hash(job.xml), scan_hash(job.xml) if not job.disabled else None) == (
            job.hash,
            job.structural,
        )
        line = read_line(job.xml)
        assert (line.id, line.hash, line.scan) == (job.id, job.hash, job.structural)
        assert job.disabled == job.keep_only == (b"<disabled>true</disabled>" in job.xml)
    assert {job.problem is None for job in rendered.jobs} == {True, False}


def test_values_alone_make_no_further_rendering(settings, monkeypatch):
    """Ten thousand overrides of one kind are one shape."""
    many = [
        Repository(
            "acme-demo", f"r{n}", n + 1, override=f"branches: [b{n}]\nscript_path: ci/{n}\nretention: {{days: 3}}"
        )
        for n in range(200)
    ]
    calls = []
    real = jjb.Builder.render
    monkeypatch.setattr(jjb.Builder, "render", lambda self, text: calls.append(text) or real(self, text))
    jobs = render(settings, many)
    assert len(calls) == 2  # the job reconcile; folders and the samples of one shape
    root = ET.fromstring(jobs[-1].xml)
    assert root.findtext("factory/scriptPath") == f"ci/{jobs[-1].name[1:]}"
    assert root.findtext(f"{TRAITS}/jenkins.scm.impl.trait.WildcardSCMHeadFilterTrait/includes").endswith(" PR-*")


@pytest.mark.parametrize(
    ("override", "includes", "excludes"),
    [
        ("branches: [main, 'v*']", "main v* PR-*", None),
        ("branches: [main]\ntriggers: {pull_requests: false}", "main", None),
        ("exclude_branches: [old]", "*", "old"),
    ],
)
def test_branches_are_a_filter_of_heads_that_lets_pull_requests_through(settings, override, includes, excludes):
    (job,) = render(settings, [replace(TOOL, override=override)])
    trait = ET.fromstring(job.xml).find(f"{TRAITS}/jenkins.scm.impl.trait.WildcardSCMHeadFilterTrait")
    assert (trait.findtext("includes"), trait.findtext("excludes") or None) == (includes, excludes)


def test_an_override_switches_pull_requests_off_those_of_forks_too(settings, with_jobs):
    (job,) = render(with_jobs(settings, forks=True), [replace(TOOL, override="triggers: {pull_requests: false}")])
    assert [e.tag.rpartition(".")[2] for e in ET.fromstring(job.xml).find(TRAITS)] == ["BranchDiscoveryTrait"]


def test_a_wrong_override_is_said_and_the_job_is_as_without_it(settings):
    plain, wrong, binary = render(
        settings,
        [
            TOOL,
            replace(TOOL, name="wrong", id=8, override="a: b"),
            replace(TOOL, name="x", id=9, override_problem="is binary"),
        ],
    )
    assert plain.problem is None
    assert (
        wrong.problem == ".jenkins.yml, line 1: unknown key 'a' in the file; it knows branches, exclude_branches, "
        "script_path, retention, triggers, disabled"
    )
    assert binary.problem == ".jenkins.yml is binary"
    assert render(settings, [replace(TOOL, name="wrong", id=8)])[0].xml == wrong.xml


def test_without_an_override_file_in_the_settings_none_is_read(settings, with_jobs):
    (job,) = render(with_jobs(settings, override_file=None), [replace(TOOL, override="disabled: true")])
    assert not job.disabled


def test_an_archived_repository_is_disabled_where_the_filter_leaves_it_out(settings):
    (job,) = render(settings, [replace(TOOL, archived=True)])
    assert (job.disabled, job.keep_only, job.structural) == (True, True, None)
    owner = settings.github.owners[0].model_copy(update={"filter": RepositoryFilter(archived=True)})
    wanted = settings.model_copy(update={"github": settings.github.model_copy(update={"owners": [owner]})})
    (job,) = render(wanted, [replace(TOOL, archived=True)])
    assert (job.disabled, job.keep_only) == (False, False)


LISTS = st.lists(st.text("abc/*.-_ 1é{}<&>\"'\\$", max_size=8), max_size=3)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "branches": LISTS,
        "exclude_branches": LISTS,
        "script_path": st.text("ab/. -é{}<&>\"'$", max_size=12),
        "retention": st.fixed_dictionaries({}, optional={"builds": st.integers(-1, 40), "days": st.integers(-1, 99)}),
        "triggers": st.fixed_dictionaries({}, optional={"pull_requests": st.booleans(), "scan_every": st.just("1w")}),
        "disabled": st.booleans(),
    },
)
ALLOWED = {"factory/scriptPath", "description", "disabled"}


@examples(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FILES, min_size=5, max_size=20))
def test_whatever_an_override_says_the_job_is_what_jenkins_job_builder_gives_and_names_nothing_else(settings, files):
    repositories = [
        Repository("acme-demo", f"r{n}", n + 1, override=to_yaml([file])[2:].replace("\n  ", "\n"))
        for n, file in enumerate(files)
    ]
    slow = jjb.Builder(templates(settings)).render(to_yaml(definitions(settings, repositories)))
    assert everything(settings, repositories) == slow
    without = everything(settings, [replace(r, override=None) for r in repositories])
    for path, xml in slow.items():
        assert reduced(xml) == reduced(without[path])


def reduced(xml):
    """A definition without what an override is there for: all that is left is none of its business."""
    root = ET.fromstring(xml)
    root.remove(root.find("description"))
    for path in ("disabled", "triggers", "factory/scriptPath"):
        if (found := root.find(path)) is not None:
            found.clear()
    for traits in root.iter("traits"):
        traits.clear()
    for tag in ("numToKeep", "daysToKeep"):
        for element in root.iter(tag):
            element.text = ""
    return ET.canonicalize(ET.tostring(root), strip_text=True)


def test_the_first_definition_that_matches_gives_the_template(own):
    names = ["free-a", "tool", "exactly"]
    jobs = {
        j.name: ET.fromstring(j.xml)
        for j in render(own, [replace(TOOL, name=n, id=i, topics=("FREE",)) for i, n in enumerate(names, 1)])
    }
    assert {name: root.tag.rpartition(".")[2] for name, root in jobs.items()} == {
        "free-a": "project", "tool": "WorkflowMultiBranchProject", "exactly": "WorkflowMultiBranchProject",
    }  # fmt: skip
    assert jobs["exactly"].findtext("displayName") == "found"


def test_a_freestyle_job_builds_the_default_branch_at_a_push_by_a_script_of_the_repository(settings, with_jobs):
    free = with_jobs(settings, definitions=[by("github-freestyle", names=["*"])])
    (job,) = render(free, [replace(TOOL, default_branch="trunk", override="retention: {builds: 4}")])
    root = ET.fromstring(job.xml)
    assert root.tag == "project"
    assert job.structural is None
    assert root.findtext("scm/userRemoteConfigs/*/url") == "https://github.com/acme-demo/tool.git"
    assert root.findtext("scm/userRemoteConfigs/*/credentialsId") == "github-token"
    assert root.findtext("scm/branches/*/name") == "refs/heads/trunk"
    assert list(root.find("scm/extensions")) == []
    assert [trigger.tag for trigger in root.find("triggers")] == ["com.cloudbees.jenkins.GitHubPushTrigger"]
    assert root.findtext("builders/hudson.tasks.Shell/command") == "sh -eu ./jenkins.sh"
    assert root.findtext("properties/jenkins.model.BuildDiscarderProperty/strategy/numToKeep") == "4"
    assert root.findtext("assignedNode") == settings.agents[0].label


def test_what_a_template_asks_for_is_there(own):
    (job,) = render(own, [replace(TOOL, topics=("locked",))])
    root = ET.fromstring(job.xml)
    assert [e.tag.rpartition(".")[2] for e in root.find(TRAITS)] == [
        "BranchDiscoveryTrait", "OriginPullRequestDiscoveryTrait", "TagDiscoveryTrait",
        "IgnoreDraftPullRequestFilterTrait", "WipeWorkspaceTrait",
    ]  # fmt: skip
    assert [e.tag.rpartition(".")[2] for e in next(root.iter("a"))] == [
        "BuildRetentionBranchProperty", "RateLimitBranchProperty", "UntrustedBranchProperty",
    ]  # fmt: skip


def test_a_template_that_is_not_there_is_an_error_with_the_nearest_name(own, with_jobs):
    with pytest.raises(BootstrapError) as error:
        render(with_jobs(own, definitions=[by("github-freestile", names=["*"])]), [TOOL])
    assert "'github-freestile'" in error.value.what
    assert "'github-freestyle'" in error.value.hint


def test_a_template_that_makes_two_jobs_of_a_repository_is_rendered_for_one(own):
    assert len(render(own, [TOOL, replace(TOOL, name="b", id=8)])) == 2


def test_the_samples_of_a_shape_are_within_what_an_override_may_say():
    assert len(shapes._HOSTILE["include_branches"].split()) < MOST_GLOBS
