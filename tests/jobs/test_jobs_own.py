"""Jobs of the user's own in jobs.templates, and what is kept of jenkins-job-builder's work from run to run."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs import jjb, kept
from jenkins_bootstrap.jobs.marker import MachineLine, clean_text, definition_hash, read_line, without_line
from jenkins_bootstrap.jobs.plugins import needed
from jenkins_bootstrap.jobs.xml import render_all

TOOL = Repository("acme-demo", "tool", 7)
USERS = r"""
- defaults:
    name: global
    retries: 3
- wrapper:
    name: stamped
    wrappers:
      - timestamps
      - workspace-cleanup
- job:
    name: github/tools/clean-up
    project-type: freestyle
    description: |
      Cleans {{nothing}} up.
      <b>Nightly</b>
    triggers: [timed: '@midnight']
    wrappers: [stamped]
    builders: [shell: 'find /srv -mtime +9 -delete && echo "$WORKSPACE"']
    publishers:
      - email: {recipients: nobody@example.org}
- job:
    name: github/plain
    disabled: true
- job:
    name: github/own-branches
    project-type: multibranch
    scm: [github: {repo: r, repo-owner: acme-demo}]
- job:
    name: github/views
    project-type: folder
    description: A folder of the user's own
- job-template:
    name: 'github/views/{name}-{stage}'
    description: 'try {retries} times'
    publishers:
      - raw: {xml: '<org.example.Strange_-Publisher/>'}
- project:
    name: deploy
    stage: [test, live]
    jobs: ['github/views/{name}-{stage}']
"""


@pytest.fixture
def users(settings, with_jobs, tmp_path):
    """users(text): settings with this YAML in jobs.templates."""
    folder = tmp_path / "templates"
    folder.mkdir()

    def write(text):
        (folder / "jobs.yaml").write_text(text)
        return with_jobs(settings, templates=folder)

    return write


def test_each_is_what_jenkins_job_builder_gives_but_for_the_marker(users, tmp_path, jenkins_jobs_test):
    settings = users(USERS)
    rendered = render_all(settings, [TOOL])
    ours = {i.path: i for i in (*rendered.folders, *rendered.jobs)}
    plain = jenkins_jobs_test(settings, tmp_path, [TOOL])
    assert set(ours) - set(plain) == {"github/tools"}  # made as one of our folders
    for path, xml in plain.items():
        if path.startswith(("github/acme-demo", "github/_")) or path == "github":
            assert ours[path].xml == xml
        else:
            found = re.compile(rb"<description>.*?</description>", re.DOTALL)
            assert found.sub(b"", ours[path].xml) == found.sub(b"", xml)
            theirs = ET.fromstring(xml).findtext("description").removesuffix("<!-- Managed by Jenkins Job Builder -->")
            assert without_line(ET.fromstring(ours[path].xml).findtext("description")) == clean_text(theirs)
            assert read_line(ours[path].xml).hash == definition_hash(ours[path].xml) == ours[path].hash


def test_they_come_after_the_repositories_by_path_and_say_that_they_are_no_repositorys(users):
    rendered = render_all(users(USERS), [TOOL])
    own = [job for job in rendered.jobs if job.id is None]
    assert [(job.path, job.name, job.owner, job.disabled) for job in own] == [
        ("github/own-branches", "own-branches", "", False),
        ("github/plain", "plain", "", True),
        ("github/_jenkins-bootstrap/reconcile", "reconcile", "", False),
        ("github/tools/clean-up", "clean-up", "", False),
        ("github/views/deploy-live", "deploy-live", "", False),
        ("github/views/deploy-test", "deploy-test", "", False),
    ]
    for job in own:
        scan = read_line(job.xml).scan
        assert read_line(job.xml) == MachineLine("demo", None, job.hash, scan, kind="job")
        assert job.structural == scan
        assert (scan is not None) == (job.name == "own-branches")
    paths = [folder.path for folder in rendered.folders]
    assert paths == ["github", "github/acme-demo", "github/_jenkins-bootstrap", "github/tools", "github/views"]
    assert read_line(rendered.folders[-1].xml).kind == "folder"
    assert "A folder of the user's own" in ET.fromstring(rendered.folders[-1].xml).findtext("description")


def test_a_class_of_no_known_plugin_in_them_is_a_warning_and_a_known_one_counts(users):
    found = needed(render_all(users(USERS), [TOOL]))
    assert {"timestamper", "ws-cleanup"} & found.plugins
    assert [w for w in found.warnings if "github/views/deploy-test" in w and "org.example.Strange$Publisher" in w]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nightly", "is not below jobs.folder, 'github'"),
        ("other/nightly", "is not below jobs.folder"),
        ("github", "is not below jobs.folder"),
        ("github/a/b/c", "is too deep"),
        ("github//c", "is too deep"),
        ("github/acme-demo/mine", "in the place of the jobs of acme-demo's repositories"),
        ("github/ACME-Demo", "in the place of the jobs of ACME-Demo's repositories"),
        ("github/_jenkins-bootstrap/mine", "in the place of the project's own jobs"),
        ("github/_jenkins-bootstrap", "in the place of the project's own jobs"),
    ],
)
def test_one_where_it_cannot_be_is_left_out_and_named_with_the_remedy_and_the_others_are_made(users, name, words):
    text = f"- job: {{name: '{name}'}}\n- job: {{name: github/nightly}}"
    rendered = render_all(users(text), [TOOL])
    (warning,) = rendered.warnings
    assert words in warning
    assert f"job {name!r} of jobs.templates is left out" in warning
    assert "github/NAME" in warning
    paths = [job.path for job in rendered.jobs]
    assert name not in paths
    assert {"github/acme-demo/tool", "github/nightly"} <= set(paths)


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("{installation: other}", "belongs to installation 'other'"),
        ("{installation: demo, id: 7}", "is repository 7's"),
    ],
)
def test_one_that_says_to_be_another_s_is_left_out(users, mark, words):
    rendered = render_all(users(f"- job: {{name: github/x, properties: [jenkins-bootstrap: {mark}]}}"), [TOOL])
    assert words in rendered.warnings[0]
    assert "github/x" not in [job.path for job in rendered.jobs]


def test_a_folder_two_deep_is_left_out(users):
    rendered = render_all(users("- job: {name: github/a/b, project-type: folder}"), [TOOL])
    assert "folder too deep" in rendered.warnings[0]
    assert "github/a/b" not in [folder.path for folder in rendered.folders]


# What is kept


@pytest.fixture
def work(monkeypatch):
    """The YAML texts that jenkins-job-builder was given."""
    done = []
    real = jjb.Builder.__init__
    monkeypatch.setattr(jjb.Builder, "__init__", lambda self, paths: done.append(paths) or real(self, paths))
    return done


def test_a_run_with_nothing_new_needs_no_jenkins_job_builder_and_gives_the_same(users, work, tmp_path):
    settings, cache = users(USERS), tmp_path / "shapes"
    listed = [
        TOOL,
        replace(TOOL, name="b", id=8, override="branches: [main]"),
        replace(TOOL, name="c", id=9, archived=True),
    ]
    first = render_all(settings, listed, cache=cache)
    assert len(work) == 1
    assert render_all(settings, listed, cache=cache) == first == render_all(settings, listed)
    assert len(work) == 2  # the last one had no cache
    more = [
        *listed,
        replace(TOOL, name="d", id=10, description="new"),
        replace(TOOL, name="e", id=11, override="branches: [x]"),
    ]
    assert len(render_all(settings, more, cache=cache).jobs) == len(first.jobs) + 2
    assert len(work) == 2


def test_another_kind_of_job_is_rendered_and_then_kept_too(settings, work, tmp_path):
    for _ in range(2):
        render_all(settings, [TOOL], cache=tmp_path)
        render_all(settings, [replace(TOOL, override="exclude_branches: [x]")], cache=tmp_path)
    assert len(work) == 2


def test_another_template_setting_or_module_makes_it_void(users, with_jobs, work, tmp_path, monkeypatch):
    settings, cache = users(USERS), tmp_path / "shapes"
    render_all(settings, [TOOL], cache=cache)
    changed = render_all(users(USERS.replace("try {retries}", "at most {retries}")), [TOOL], cache=cache)
    assert b"at most 3 times" in changed.jobs[-1].xml
    assert b"<numToKeep>7<" in render_all(with_jobs(settings, keep_builds=7), [TOOL], cache=cache).jobs[0].xml
    assert len(work) == 3
    monkeypatch.setattr(kept, "_distributions", lambda _folders: ["jenkins_job_builder-6.6.0.dist-info"])
    render_all(settings, [TOOL], cache=cache)
    assert len(work) == 4


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-40], lambda t: t.replace("Nightly", "nightly"), lambda _: "[]", lambda _: ""]
)
def test_a_torn_or_changed_file_counts_as_absent(users, work, tmp_path, spoil):
    settings, cache = users(USERS), tmp_path / "shapes"
    first = render_all(settings, [TOOL], cache=cache)
    (file,) = cache.iterdir()
    file.write_text(spoil(file.read_text()))
    assert render_all(settings, [TOOL], cache=cache) == first
    assert len(work) == 2
    assert json.loads(file.read_text())["format"] == kept.FORMAT


def test_a_folder_that_cannot_be_written_only_costs_time(settings, tmp_path):
    (tmp_path / "file").write_text("")
    assert render_all(settings, [TOOL], cache=tmp_path / "file" / "below").jobs


def test_templates_that_include_files_are_not_kept(users, tmp_path):
    settings, cache = (
        users("- job:\n    name: github/x\n    description: !include-raw-verbatim: words.txt\n"),
        tmp_path / "c",
    )
    words = settings.jobs.templates / "words.txt"
    for text in ("one", "two"):
        words.write_text(text)
        jobs = {job.path: job.xml for job in render_all(settings, [TOOL], cache=cache).jobs}
        assert text.encode() in jobs["github/x"]
    assert not cache.exists()


def test_only_the_last_few_are_kept(users, tmp_path):
    for number in range(kept.MOST_FILES + 3):
        render_all(users(f"- job: {{name: github/x{number}}}"), [], cache=tmp_path / "shapes")
    assert len(list((tmp_path / "shapes").iterdir())) == kept.MOST_FILES
