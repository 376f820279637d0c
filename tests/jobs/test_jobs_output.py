"""`jobs render`: files for people, and what a second run does with those of the first."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from jenkins_bootstrap.cli import jobs as command
from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.output import Written, write_tree
from jenkins_bootstrap.jobs.xml import render_all
from jenkins_bootstrap.plugins import lock

LISTED = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
OWN = {"github/_jenkins-bootstrap.xml", "github/_jenkins-bootstrap/reconcile.xml"}
A, B = Repository("acme-demo", "a", 1), Repository("acme-demo", "b", 2)


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_one_file_a_job_and_a_folder_and_the_list_of_them(settings, tmp_path):
    rendered = render_all(settings, [A, B])
    assert write_tree(tmp_path, rendered, LISTED) == Written(6, 0, 0)
    assert names(tmp_path) == {
        *OWN,
        "seed.json",
        "github.xml",
        "github/acme-demo.xml",
        "github/acme-demo/a.xml",
        "github/acme-demo/b.xml",
    }
    for item in json.loads((tmp_path / "seed.json").read_text())["jobs"]:
        assert (tmp_path / item["file"]).read_bytes() == next(j.xml for j in rendered.jobs if j.path == item["path"])


def test_a_second_run_writes_only_what_changed(settings, tmp_path):
    write_tree(tmp_path, render_all(settings, [A, B]), LISTED)
    before = (tmp_path / "github/acme-demo/a.xml").stat()
    (tmp_path / "github/acme-demo/b.xml").write_text("torn")
    assert write_tree(tmp_path, render_all(settings, [A, B]), LISTED) == Written(1, 5, 0)
    assert (tmp_path / "github/acme-demo/a.xml").stat().st_ino == before.st_ino


def test_what_is_no_longer_wanted_goes_with_its_folder(two_owners, tmp_path):
    other = Repository("Other-Org", "gone", 3)
    write_tree(tmp_path, render_all(two_owners, [A, B, other]), LISTED)
    assert write_tree(tmp_path, render_all(two_owners, [A]), LISTED).removed == 3
    assert names(tmp_path) == OWN | {"seed.json", "github.xml", "github/acme-demo.xml", "github/acme-demo/a.xml"}
    assert not (tmp_path / "github/Other-Org").exists()


def test_files_that_are_not_ours_stay(settings, tmp_path):
    write_tree(tmp_path, render_all(settings, [A, B]), LISTED)
    (tmp_path / "github/acme-demo/mine.xml").write_text("<project/>")
    (tmp_path / "github/acme-demo/b.xml").write_text("<project>rewritten by hand</project>")
    assert write_tree(tmp_path, render_all(settings, [A]), LISTED).removed == 0
    assert {"github/acme-demo/mine.xml", "github/acme-demo/b.xml"} <= names(tmp_path)


def test_a_list_that_points_outside_removes_nothing(settings, tmp_path):
    rendered = render_all(settings, [A])
    outside = tmp_path / "outside.xml"
    outside.write_bytes(rendered.jobs[0].xml)
    out = tmp_path / "out"
    write_tree(out, rendered, LISTED)
    seed = json.loads((out / "seed.json").read_text())
    seed["jobs"] += [{"file": "../outside.xml"}, {"file": str(outside)}]
    (out / "seed.json").write_text(json.dumps(seed))
    assert write_tree(out, rendered, LISTED).removed == 0
    assert outside.exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 9}', '{"schema": 1, "jobs": 3}', "\x00"])
def test_a_folder_with_another_seed_json_is_refused(settings, tmp_path, text):
    (tmp_path / "seed.json").write_text(text)
    with pytest.raises(BootstrapError, match=r"seed\.json"):
        write_tree(tmp_path, render_all(settings, [A]), LISTED)
    assert names(tmp_path) == {"seed.json"}


def test_a_path_that_is_a_file_is_an_explained_error(settings, tmp_path):
    (tmp_path / "github").write_text("in the way")
    with pytest.raises(BootstrapError, match="cannot be written"):
        write_tree(tmp_path, render_all(settings, [A]), LISTED)


@pytest.fixture
def context(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("JENKINS_BOOTSTRAP_CACHE", str(tmp_path / "cache"))
    ctx = Context(settings_path=tmp_path / "jenkins-bootstrap.yml", quiet=True)
    ctx.settings = settings
    ctx.repositories = (A, B, Repository("acme-demo", "old", 3, archived=True))
    return ctx


def test_the_command_writes_the_chosen_repositories(context, tmp_path):
    result = CliRunner().invoke(command.jobs, ["render", "--out", str(tmp_path / "out")], obj=context)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"3 jobs and 3 folders in {tmp_path}/out: 6 written, 0 unchanged, 0 removed\n"
    assert "github/acme-demo/b.xml" in names(tmp_path / "out")


def test_the_command_tells_programs_the_same_as_json(context, tmp_path):
    result = CliRunner().invoke(command.jobs, ["render", "--out", str(tmp_path / "out"), "--json"], obj=context)
    assert json.loads(result.stdout) == {
        "out": f"{tmp_path}/out", "jobs": 3, "folders": 3, "written": 6, "unchanged": 0, "removed": 0,
    }  # fmt: skip


def test_the_command_says_when_no_repository_passes_the_filter(context, tmp_path):
    context.repositories = context.repositories[2:]
    result = CliRunner().invoke(command.jobs, ["render", "--out", str(tmp_path / "out")], obj=context)
    assert "no repository of 1 passes" in result.stderr


PLUGINS = ("branch-api", "cloudbees-folder", "workflow-cps", "workflow-job", "workflow-multibranch")


def write_lock(ctx, *names):
    plugins = tuple(
        lock.LockedPlugin(name, "1", "ab" * 32, f"https://plugins.example.org/{name}.hpi", "2.500") for name in names
    )
    lock.write(lock.path_beside(ctx.settings_path), lock.Lock("2.516.2", "default", "2025-09-13", plugins))


def test_the_command_refuses_definitions_whose_plugin_is_not_in_the_lock(context, tmp_path):
    write_lock(context, *PLUGINS)
    result = CliRunner().invoke(command.jobs, ["render", "--out", str(tmp_path / "out")], obj=context)
    assert isinstance(result.exception, BootstrapError)
    assert "'github-branch-source'" in result.exception.what
    assert not (tmp_path / "out").exists()


def test_the_command_takes_definitions_whose_plugins_are_all_in_the_lock(context, tmp_path):
    write_lock(context, *PLUGINS, "github-branch-source")
    result = CliRunner().invoke(command.jobs, ["render", "--out", str(tmp_path / "out")], obj=context)
    assert result.exit_code == 0, result.output
