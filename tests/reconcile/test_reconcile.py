"""Whole reconciliations against a Jenkins in memory: what is asked, what is remembered, what one failure leaves."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from jenkins_bootstrap.controller.client import ControllerError
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.marker import parse_line, read_line
from jenkins_bootstrap.reconcile import Busy, Only, Reconciler, State

TODAY = date(2026, 11, 24)
JOBS = 5
"""Four repositories, and the job that lets people reconcile."""
ITEMS = JOBS + 3
"""With the top folder, the owner's, and the one of that job."""


@pytest.fixture
def reconciler(settings, source, jenkins, state):
    def make(**more):
        return Reconciler(settings, source, jenkins, state, jenkins="http://one/", today=lambda: TODAY, **more)

    return make


def only(**names):
    return Only(**names)


def renamed(source, old, new):
    source.repositories = [replace(r, name=new) if r.name == old else r for r in source.repositories]


def without(source, *names):
    source.repositories = [r for r in source.repositories if r.name not in names]


def test_all_new_and_then_nothing_is_one_call(reconciler, jenkins):
    first = reconciler().run()
    assert not first.failed
    assert first.counts["created"] == JOBS
    assert first.counts["scans"] == 4
    assert jenkins.calls == {"list": 1, "create": ITEMS, "scan": 1}
    assert jenkins.scans == [f"github/acme-demo/{name}" for name in ("tools", "docs", "web", "api")]
    jenkins.calls.clear()
    second = reconciler().run()
    assert jenkins.calls == {"list": 1}
    assert second.summary() == [f"{JOBS} unchanged"]


def test_one_changed_is_two_calls_and_one_the_next_time(reconciler, source, jenkins):
    reconciler().run()
    source.repositories[0] = replace(source.repositories[0], description="another")
    jenkins.calls.clear()
    assert reconciler().run().counts["updated"] == 1
    assert jenkins.calls == {"list": 1, "update": 1}
    jenkins.calls.clear()
    reconciler().run()
    assert jenkins.calls == {"list": 1}


def test_a_wiped_controller_heals(reconciler, jenkins):
    reconciler().run()
    before = jenkins.items.copy()
    jenkins.items.clear()
    jenkins.calls.clear()
    reconciler().run()
    assert jenkins.items == before
    assert jenkins.calls == {"list": 1, "create": ITEMS, "scan": 1}


@pytest.mark.parametrize(
    ("change", "calls"),
    [
        (lambda s: s.repositories.append(Repository("acme-demo", "new", 9)), {"list": 1, "create": 1, "scan": 1}),
        (lambda s: renamed(s, "web", "ui"), {"list": 1, "rename": 1, "update": 1}),
        (lambda s: without(s, "web"), {"list": 1, "config": 1, "update": 1}),
    ],
    ids=["created", "renamed", "deleted"],
)
def test_what_a_webhook_tells_is_at_most_three_calls_and_one_to_github(reconciler, source, jenkins, change, calls):
    reconciler().run()
    change(source)
    jenkins.calls.clear()
    source.asked.clear()
    number = 9 if "create" in calls else 2
    reconciler().run(only(owner="acme-demo", name="any", id=number, node="n"))
    assert jenkins.calls == calls
    assert len(source.asked) == 1


def test_only_one_by_name_that_is_gone_is_found_by_the_job_of_that_name(reconciler, source, jenkins):
    reconciler().run()
    without(source, "web", "api")
    outcome = reconciler().run(only(owner="acme-demo", name="web"))
    assert outcome.counts["disabled"] == 1
    gone = parse_line(jenkins.descriptions()["github/acme-demo/web"])
    assert gone.gone == TODAY
    assert parse_line(jenkins.descriptions()["github/acme-demo/api"]).gone is None


def test_only_one_that_nobody_knows_is_an_error(reconciler):
    with pytest.raises(BootstrapError, match="no job of ours is called so"):
        reconciler().run(only(owner="acme-demo", name="never-was"))


def test_a_repository_that_now_is_somebody_elses_is_out(reconciler, source, jenkins):
    reconciler().run()
    source.repositories[1] = replace(source.repositories[1], owner="elsewhere")
    outcome = reconciler().run(only(id=2))
    assert [s.reason for s in outcome.done] == ["out by the filter: is elsewhere's now"]


def test_disabled_first_and_deleted_later_and_back_in_between(reconciler, source, jenkins, settings, state):
    reconciler().run()
    kept = source.repositories[1]
    without(source, "web")
    assert reconciler().run().counts["disabled"] == 1
    assert b"<disabled>true</disabled>" in jenkins.items["github/acme-demo/web"]
    outcome = reconciler().run()
    assert not outcome.done
    assert str(outcome.plan.pending[0].due) == "2026-12-08"
    source.repositories.append(kept)
    assert reconciler().run().counts["updated"] == 1
    assert b"<disabled>false</disabled>" in jenkins.items["github/acme-demo/web"]
    assert jenkins.scans.count("github/acme-demo/web") == 1
    without(source, "web")
    reconciler().run()
    later = Reconciler(settings, source, jenkins, state, jenkins="http://one/", today=lambda: TODAY + timedelta(14))
    assert later.run().counts["deleted"] == 1
    assert "github/acme-demo/web" not in jenkins.items


def test_an_owner_that_cannot_be_listed_is_an_error_and_the_rest_is_done(reconciler, source, jenkins, settings):
    owners = [*settings.github.owners, settings.github.owners[0].model_copy(update={"name": "beta"})]
    source.settings = settings.model_copy(update={"github": settings.github.model_copy(update={"owners": owners})})
    made = replace_settings(reconciler(), source.settings)
    made.run()
    source.broken = {"beta"}
    source.repositories.append(Repository("acme-demo", "new", 9))
    without(source, "web")
    outcome = made.run()
    assert [e.what for e in outcome.errors] == ["beta is not listed"]
    assert (outcome.counts["created"], outcome.counts["disabled"]) == (1, 0)
    assert State(made.state, "http://one/").last().at < datetime.now(UTC)


def replace_settings(made, settings):
    made.settings = settings
    return made


def test_a_mass_change_fails_and_says_so_and_is_let_through_when_allowed(reconciler, source):
    reconciler().run()
    source.repositories = []
    outcome = reconciler().run()
    assert outcome.failed
    assert f"4 of {JOBS} jobs would be disabled or deleted at once" in outcome.errors[0].what
    assert "--allow-mass-change" in outcome.errors[0].hint
    assert reconciler().run(allow_mass_change=True).counts["disabled"] == 4


def test_a_plan_changes_nothing_and_takes_no_lock(reconciler, jenkins, state):
    with State(state, "").locked():
        outcome, _prepared = reconciler().plan()
    assert outcome.counts["created"] == JOBS
    assert outcome.summary()[0] == f"would be: {JOBS} created, {ITEMS - JOBS} folders; 4 scans to ask for"
    assert not jenkins.items
    assert jenkins.calls == {"list": 1}
    assert {p.name for p in state.iterdir()} <= {"shapes", "jobs.lock"}


def refuse(what, nth, status):
    """A fault for the model: the nth call of this kind is refused with this status."""
    seen = []

    def fail(kind, _number, after):
        if kind == what and not after:
            seen.append(kind)
            if len(seen) == nth:
                raise ControllerError(f"answers {status}", status=status)

    return fail


def refuse_path(jenkins, call, status):
    """A fault for the model: this one call is refused."""

    def fail(_kind, _number, _after):
        if jenkins.log[-1] == call:
            raise ControllerError(f"answers {status}", status=status)

    return fail


def test_a_job_that_is_refused_does_not_hold_up_the_others(reconciler, jenkins, state):
    jenkins.fail = refuse("create", ITEMS - 1, 400)
    outcome = reconciler().run()
    assert outcome.failed
    assert outcome.counts["created"] == JOBS - 1
    jenkins.fail = lambda *_: None
    assert reconciler().run().counts["created"] == 1
    assert len(jenkins.items) == ITEMS


def test_without_its_folder_no_job_of_it_is_tried(reconciler, jenkins):
    jenkins.fail = refuse_path(jenkins, "create github/acme-demo", 400)
    outcome = reconciler().run()
    assert len(outcome.skipped) == 4
    assert jenkins.calls["create"] == ITEMS - 4
    assert outcome.summary()[-1] == "4 steps not done after an error: run the command again"


@pytest.mark.parametrize("status", [0, 401, 403, 503])
def test_a_jenkins_that_is_away_ends_the_run(reconciler, jenkins, status):
    jenkins.fail = refuse("create", 3, status)
    outcome = reconciler().run()
    assert len(outcome.errors) == 1
    assert jenkins.calls["create"] == 3
    assert "scan" not in jenkins.calls


def test_many_refusals_in_a_row_end_the_run(reconciler, source, jenkins):
    source.repositories = [Repository("acme-demo", f"r{n}", n) for n in range(1, 41)]

    def fail(kind, number, _after):
        if kind == "create" and number > 4:
            raise ControllerError("answers 500", status=500)

    jenkins.fail = fail
    outcome = reconciler().run()
    assert len(outcome.errors) == 10
    assert len(outcome.skipped) > 20


def test_a_rename_that_fails_leaves_the_definition_for_the_next_run(reconciler, source, jenkins):
    reconciler().run()
    renamed(source, "web", "ui")
    jenkins.fail = refuse("rename", 1, 400)
    outcome = reconciler().run()
    assert "update" not in jenkins.calls
    assert outcome.failed
    jenkins.fail = lambda *_: None
    reconciler().run()
    assert "github/acme-demo/ui" in jenkins.items


def test_a_job_that_lost_its_line_before_it_is_marked_is_left(reconciler, source, jenkins):
    reconciler().run()
    without(source, "web")
    wanted = jenkins.items["github/acme-demo/web"]
    taken = wanted.replace(b"jenkins-bootstrap: owner", b"mine now, not owner")
    jenkins.config = lambda _path: taken
    outcome = reconciler().run()
    assert "its machine line is gone" in outcome.errors[0].what
    assert jenkins.items["github/acme-demo/web"] == wanted


def test_scans_that_could_not_be_asked_for_are_asked_for_by_the_next_run(reconciler, jenkins, source, state):
    jenkins.fail = refuse("scan", 1, 500)
    assert reconciler().run().failed
    assert not jenkins.scans
    source.repositories.append(Repository("acme-demo", "new", 9))
    reconciler().run(only(id=9))
    assert jenkins.scans == ["github/acme-demo/new"]
    outcome = reconciler().run()
    assert outcome.counts["scans"] == 4
    assert not (state / "pending-scans.json").exists()


def test_scans_owed_to_another_jenkins_are_not_asked_for_here(settings, source, jenkins, state):
    State(state, "http://other/").owe({"1"})
    made = Reconciler(settings, source, jenkins, state, jenkins="http://one/")
    made.run()
    assert State(state, "http://other/").owed() == frozenset()


def test_when_all_was_in_step_is_remembered_but_not_after_a_failure(reconciler, jenkins, state):
    jenkins.fail = refuse("create", 4, 400)
    reconciler().run()
    assert State(state, "http://one/").last() is None
    jenkins.fail = lambda *_: None
    before = datetime.now(UTC) - timedelta(seconds=2)
    reconciler().run()
    last = State(state, "http://one/").last()
    assert last.folder == "github"
    assert before <= last.at <= datetime.now(UTC)
    assert State(state, "http://two/").last() is None
    (state / "reconciled.json").write_text("{half")
    assert State(state, "http://one/").last() is None


def test_the_time_is_written_over_in_place_and_another_folder_by_a_rename(state):
    kept, file = State(state, "http://jenkins/"), state / "reconciled.json"
    kept.in_step("github", datetime(2026, 11, 1, tzinfo=UTC))
    first = file.stat().st_ino
    kept.in_step("github", datetime(2026, 11, 2, tzinfo=UTC))
    assert (kept.last().at.day, file.stat().st_ino) == (2, first)
    kept.in_step("github-jobs", datetime(2026, 11, 3, tzinfo=UTC))
    assert (kept.last().folder, kept.last().at.day) == ("github-jobs", 3)
    assert file.stat().st_ino != first


def test_the_folder_of_the_settings_is_renamed_in_jenkins_when_it_changes(reconciler, settings, source, jenkins, state):
    reconciler().run()
    jobs = settings.jobs.model_copy(update={"folder": "code"})
    made = replace_settings(reconciler(), settings.model_copy(update={"jobs": jobs}))
    jenkins.calls.clear()
    outcome = made.run()
    assert jenkins.calls["rename"] == 1
    assert not outcome.failed
    assert {path.split("/")[0] for path in jenkins.items} == {"code"}
    jenkins.calls.clear()
    assert not made.run().done
    assert jenkins.calls == {"list": 1}


def test_a_webhook_after_the_folder_has_changed_brings_everything_in_step(reconciler, settings, jenkins):
    reconciler().run()
    jobs = settings.jobs.model_copy(update={"folder": "code"})
    made = replace_settings(reconciler(), settings.model_copy(update={"jobs": jobs}))
    made.run(only(id=1))
    assert {path.split("/")[0] for path in jenkins.items} == {"code"}


def test_the_second_writer_waits_and_then_says_who_is_at_it(reconciler, state):
    notes = []
    with State(state, "").locked():
        made = reconciler(note=notes.append, sleep=lambda _s: None)
        with pytest.raises(Busy, match=f"process {os.getpid()} is bringing"):
            State(state, "").locked(notes.append, seconds=0.05).__enter__()
        assert notes == [f"process {os.getpid()} is bringing the jobs in step: waiting up to 0 s"]
    assert not made.run().failed


def test_the_second_writer_goes_on_when_the_first_has_ended(reconciler, state, jenkins):
    held = State(state, "").locked()
    held.__enter__()
    threading.Timer(0.3, lambda: held.__exit__(None, None, None)).start()
    assert reconciler().run().counts["created"] == JOBS


def test_a_writer_that_was_killed_holds_no_lock(reconciler, state):
    code = (
        "import os, pathlib, sys; from jenkins_bootstrap.reconcile.state import State\n"
        "State(pathlib.Path(sys.argv[1]), '').locked().__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(state)], check=False)
    assert (state / "jobs.lock").read_text().strip().isdigit()
    assert not reconciler().run().failed


def test_the_machine_line_that_is_marked_keeps_owner_id_and_hash(reconciler, source, jenkins):
    reconciler().run()
    before = read_line(jenkins.items["github/acme-demo/web"])
    without(source, "web")
    reconciler().run()
    after = read_line(jenkins.items["github/acme-demo/web"])
    assert (after.owner, after.id, after.hash, after.scan) == (before.owner, before.id, before.hash, None)


def test_jobs_whose_repositories_file_is_wrong_are_counted(reconciler, source):
    reconciler().run()
    source.repositories = [
        replace(r, override="credentials: mine", description="x") if r.name == "web" else r for r in source.repositories
    ]
    outcome = reconciler().run()
    assert not outcome.failed
    assert "1 left as they are: what their repositories ask for is wrong" in outcome.summary()
    assert outcome.as_data()["as_they_are"] == ["github/acme-demo/web"]


def test_a_top_level_job_of_the_users_own_yaml_is_left_out_with_a_warning_and_the_rest_is_made(
    reconciler, settings, jenkins, tmp_path
):
    folder = tmp_path / "yaml"
    folder.mkdir()
    (folder / "own.yaml").write_text("- job: {name: nightly}\n- job: {name: github/mine}\n")
    made = replace_settings(
        reconciler(), settings.model_copy(update={"jobs": settings.jobs.model_copy(update={"templates": folder})})
    )
    outcome = made.run()
    assert not outcome.failed
    assert outcome.counts["created"] == JOBS + 1
    assert [w for w in outcome.warnings if "job 'nightly' of jobs.templates is left out: it is not below" in w]
    assert "github/mine" in jenkins.items
    assert not jenkins.find("nightly")


def test_a_repository_that_can_have_no_job_is_told_and_the_others_get_theirs(reconciler, source, jenkins):
    source.repositories += [Repository("acme-demo", "dot.", 11), Repository("acme-demo", "WEB", 12)]
    outcome = reconciler().run()
    assert outcome.counts["created"] == JOBS
    assert [w.partition(": ")[0] for w in outcome.warnings] == [
        "repository 'acme-demo/dot.'",
        "repository 'acme-demo/WEB'",
    ]


def test_a_definition_that_needs_a_plugin_that_is_not_locked_stops_before_anything_is_written(reconciler, jenkins):
    with pytest.raises(BootstrapError, match="github-branch-source"):
        reconciler(locked=["cloudbees-folder", "branch-api", "workflow-multibranch", "git", "scm-api"]).run()
    assert not jenkins.writes


OWN = """
- job:
    name: github/tools/nightly
    description: {text}
    properties: [jenkins-bootstrap: {{installation: demo, id: job}}]
"""


def test_jobs_of_the_users_own_yaml_are_made_changed_and_removed(reconciler, settings, source, jenkins, tmp_path):
    folder = tmp_path / "yaml"
    folder.mkdir()
    made = replace_settings(
        reconciler(), settings.model_copy(update={"jobs": settings.jobs.model_copy(update={"templates": folder})})
    )
    (folder / "own.yaml").write_text(OWN.format(text="one"))
    assert made.run().counts["created"] == JOBS + 1
    assert b"one" in jenkins.items["github/tools/nightly"]
    assert parse_line(jenkins.descriptions()["github/tools/nightly"]).kind == "job"
    (folder / "own.yaml").write_text(OWN.format(text="two"))
    outcome = made.run()
    assert [s.path for s in outcome.done] == ["github/tools/nightly"]
    assert outcome.counts["scans"] == 0
    (folder / "own.yaml").unlink()
    assert [s.reason for s in made.run().done] == ["no template makes it any more"]
    assert b"<disabled>true</disabled>" in jenkins.items["github/tools/nightly"]
