"""Reconciliations over HTTP, by the gateway, with the embedded Jenkins: faults at every call, an end at every call."""

import shutil
from dataclasses import replace
from datetime import date, timedelta

import pytest

from jenkins_bootstrap.controller.client import Controller, ControllerError
from jenkins_bootstrap.controller.jobs import JobsApi
from jenkins_bootstrap.embedded.jenkins.serving import running
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.present import read_present
from jenkins_bootstrap.jobs.steps import ScanJobs, UpdateJob
from jenkins_bootstrap.reconcile import Calls, Deep, Only, Reconciler
from jenkins_bootstrap.reconcile.look import differences, drift

DAY = date(2026, 11, 24)
WRITES = ("create", "update", "rename", "move", "delete")


class Ended(BaseException):
    """The process ends here."""


class Ending:
    """The gateway of a process that ends at one call, before or after it."""

    def __init__(self, api, call, after):
        self.api, self.left, self.after = api, call, after

    def __getattr__(self, name):
        method = getattr(self.api, name)

        def called(*values):
            self.left -= 1
            if self.left < 0 and not self.after:
                raise Ended
            result = method(*values)
            if self.left < 0:
                raise Ended
            return result

        return called


class Side:
    """One Jenkins and one machine's memory, from a copy of what the first run left."""

    def __init__(self, settings, source, folder, made):
        self.made, self.source = made, source
        self.api = JobsApi(Controller(made.url, made.user, made.token), sleep=lambda _s: None)
        self.settings, self.folder = settings, folder

    def reconciler(self, day=DAY, jobs=None):
        # Not the server's URL: its port is another one in each copy.
        return Reconciler(
            self.settings, self.source, jobs or self.api, self.folder, jenkins="http://one/", today=lambda: day
        )

    def items(self):
        store = self.made.app.store
        return {item.path: store.config(item) for item in store.root.below()}

    def scans(self):
        scans = self.made.app.scans
        return sorted({*scans.asked, *scans.waiting})

    def writes(self):
        return {kind: self.made.app.calls.kinds[kind] for kind in WRITES}


def organisation(version):
    """Everything that can happen to a repository, between two versions of it."""
    base = [Repository("acme-demo", n, i + 1) for i, n in enumerate(["a", "b", "case", "same", "gone", "moved", "old"])]
    if version == 1:
        return base
    names = {1: "b", 2: "a", 3: "Case", 6: "moved-on"}
    changed = [replace(r, name=names.get(r.id, r.name)) for r in base if r.id not in (5, 7)]
    changed[3] = replace(changed[3], description="another")
    return [*changed, Repository("acme-demo", "new", 9), Repository("acme-demo", "gone", 10)]


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    return tmp_path_factory.mktemp("before")


@pytest.fixture
def prepared(settings, source, state, before):
    """The folder of a Jenkins after the first version of the organisation; `old` is marked as gone long since."""
    sync = settings.jobs.sync.model_copy(update={"most_removed_percent": 100})
    settings = settings.model_copy(update={"jobs": settings.jobs.model_copy(update={"sync": sync})})
    source.settings = settings
    if not (before / "jobs.db").exists():
        with running(before) as made:
            side = Side(settings, source, state, made)
            source.repositories = organisation(1)
            side.reconciler().run()
            source.repositories = [r for r in source.repositories if r.name != "old"]
            side.reconciler(DAY - timedelta(30)).run()
    source.repositories = organisation(2)
    return settings


@pytest.fixture
def side(prepared, source, state, before, tmp_path):
    shutil.copytree(before, tmp_path / "jenkins")
    with running(tmp_path / "jenkins") as made:
        yield Side(prepared, source, state, made)


@pytest.fixture(scope="module")
def expected():
    """What an undisturbed run comes to; made by the first test that needs it."""
    return {}


def undisturbed(expected, prepared, source, state, before, tmp_path):
    if not expected:
        shutil.copytree(before, tmp_path / "other")
        (tmp_path / "memory").mkdir()
        (tmp_path / "memory/shapes").symlink_to(state / "shapes")
        with running(tmp_path / "other") as made:
            other = Side(prepared, source, tmp_path / "memory", made)
            calls = made.app.calls
            outcome = other.reconciler().run()
            assert not outcome.failed
            expected |= {"items": other.items(), "scans": other.scans(), "writes": other.writes(), "n": calls.total}
    return expected


@pytest.fixture
def wanted(expected, prepared, source, state, before, tmp_path):
    return undisturbed(expected, prepared, source, state, before, tmp_path)


def test_everything_that_can_happen_in_one_run(side, wanted):
    outcome = side.reconciler().run()
    assert outcome.counts | {"scans": 0} == {
        "created": 2, "renamed": 5, "moved": 0, "updated": 5, "disabled": 1, "deleted": 1, "folders": 0, "scans": 0,
        "unchanged": 1,
    }  # fmt: skip
    assert "github/acme-demo/gone._renaming-5" in side.items()
    assert side.items() == wanted["items"]
    assert not side.reconciler().run().done


def ends_alike(side, wanted):
    again = side.reconciler().run()
    assert not again.failed, [str(e) for e in again.errors]
    assert side.items() == wanted["items"]
    assert side.scans() == wanted["scans"]
    assert not side.reconciler().run().done


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(25))
def test_ended_at_any_call_the_next_run_comes_to_the_same_end(side, wanted, call, after):
    assert wanted["n"] == 25
    with pytest.raises(Ended):
        side.reconciler(jobs=Ending(side.api, call, after)).run()
    ends_alike(side, wanted)
    assert side.writes() == wanted["writes"]


@pytest.mark.parametrize("what", ["gone", "gone-done"])
@pytest.mark.parametrize("call", [1, 2, 8, 15, 24, 25])
def test_a_jenkins_that_dies_at_a_call_is_followed_by_a_run_that_ends_the_work(side, wanted, call, what):
    side.made.app.faults.add(what, nth=call)
    if call == 1:
        with pytest.raises(ControllerError, match="cannot be listed"):
            side.reconciler().run()
    else:
        assert side.reconciler().run().failed
    side.made.app.faults.clear()
    ends_alike(side, wanted)


@pytest.mark.parametrize("what", ["500", "500-done", "503-done", "cut", "cut-done", "crumb"])
@pytest.mark.parametrize("call", ["create", "update", "rename", "delete", "script"])
def test_one_bad_answer_is_no_failure(side, wanted, call, what):
    side.made.app.faults.add(what, call=call)
    outcome = side.reconciler().run()
    assert not outcome.failed, [str(e) for e in outcome.errors]
    assert side.items() == wanted["items"]
    assert side.scans() == wanted["scans"]


def test_an_answer_that_is_no_json_is_an_error_and_nothing_is_concluded(side):
    side.made.app.faults.add("not-json", call="list")
    before = side.items()
    with pytest.raises(ControllerError, match="no JSON object"):
        side.reconciler().run()
    assert side.items() == before


def test_a_repository_that_vanishes_between_listing_and_sync_is_marked_by_the_next_run(side, wanted):
    plain = side.source.list_all

    def listed():
        found = plain()
        side.source.repositories = [r for r in side.source.repositories if r.name != "new"]
        return found

    side.source.list_all = listed
    assert side.reconciler().run().counts["created"] == 2
    side.source.list_all = plain
    assert [s.path for s in side.reconciler().run().done] == ["github/acme-demo/new"]


def test_the_requests_are_counted(side):
    calls = Calls()
    side.api.log = calls
    made = side.reconciler()
    made.calls = calls
    assert made.run().calls == 25
    assert made.run(Only(id=9)).calls == 26


def test_drift_is_what_a_person_changed_and_nothing_that_jenkins_did(side):
    side.reconciler().run()
    path = "github/acme-demo/same"
    # What Jenkins itself makes of it by a save: plugin versions, another order, defaults.
    side.api.update(path, side.api.config(path))
    _outcome, prepared = side.reconciler().plan()
    seen = drift(prepared, side.api)
    assert (seen.looked, seen.of, seen.found) == (8, 8, ())
    config = side.api.config(path)
    side.api.update(path, config.replace(b"<scriptPath>Jenkinsfile<", b"<scriptPath>mine<"))
    outcome, prepared = side.reconciler().plan()
    assert not outcome.plan.steps
    (found,) = drift(prepared, side.api).found
    assert found.path == path
    assert [line.strip() for line in found.lines if line[0] in "+-"][2:] == [
        "-    <scriptPath>mine</scriptPath>",
        "+    <scriptPath>Jenkinsfile</scriptPath>",
    ]
    assert drift(prepared, side.api, sample=3, seed=1).looked == 3


def test_what_somebody_changed_is_put_right_when_asked_for_and_scanned_where_a_scan_depends_on_it(side):
    side.reconciler().run()
    wanted, path, texts = side.items(), "github/acme-demo/same", "github/acme-demo/a"
    for job, old, new in (
        (path, b"<scriptPath>Jenkinsfile<", b"<scriptPath>mine<"),
        (texts, b"<numToKeep>30<", b"<numToKeep>7<"),
    ):
        assert old in wanted[job]
        side.api.update(job, wanted[job].replace(old, new))
    assert not side.reconciler().run().done
    planned, _ = side.reconciler().plan(deep=Deep())
    outcome = side.reconciler().run(deep=Deep())
    assert [s.call for s in planned.plan.steps] == [s.call for s in outcome.done]
    assert {s.path: s.structural for s in outcome.done if isinstance(s, UpdateJob)} == {path: True, texts: False}
    assert [s.paths for s in outcome.done if isinstance(s, ScanJobs)] == [(path,)]
    assert (outcome.drift.looked, outcome.counts["updated"], outcome.counts["unchanged"]) == (8, 2, 6)
    assert side.items() == wanted
    assert "drift: 2 of 8 jobs differed from what they are made as" in outcome.summary()
    again = side.reconciler().run(deep=Deep())
    assert (again.drift.found, again.done) == ((), ())
    assert side.reconciler().run(deep=Deep(sample=2)).drift.looked == 2


def test_the_diff_of_an_update_shows_what_it_changes_where_the_job_is_now(side):
    _outcome, prepared = side.reconciler().plan()
    found = {d.path: d.lines for d in differences(prepared, side.api)}
    assert "github/acme-demo/moved" in found
    assert [line for line in found["github/acme-demo/same"] if line[0] in "+-"][2:] == [
        "+  <description>another</description>"
    ]
    assert any("moved-on" in line for line in found["github/acme-demo/moved"])


def test_the_listing_of_a_real_call_is_read(side):
    present = read_present("github", side.api.present("github"))
    assert [i.path for i in present.items if i.is_folder] == [
        "github", "github/_jenkins-bootstrap", "github/acme-demo"
    ]  # fmt: skip
    assert side.api.present("nowhere") is None
