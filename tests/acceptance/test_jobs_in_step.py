"""Reconciliations against a real Jenkins: 100 jobs in a folder of their own, beside those of the seed."""

import time
from dataclasses import replace
from datetime import date, timedelta

import pytest

from jenkins_bootstrap.controller.client import Controller, ControllerError
from jenkins_bootstrap.controller.jobs import JobsApi
from jenkins_bootstrap.facts import ListedOwners, Repository
from jenkins_bootstrap.jobs.diff import unified
from jenkins_bootstrap.reconcile import Calls, Reconciler

COUNT = 100
TODAY = date(2026, 11, 24)
OWNERS = ("acme-demo", "second")
SCANNED = """
def jenkins = jenkins.model.Jenkins.get()
def jobs = jenkins.getItemByFullName(folder).items.collectMany { it.items as List }
return jobs.findAll { it.respondsTo('getSCMSources') }.findAll {
    it.computation.result != null || it.computation.building || jenkins.queue.contains(it)
}*.fullName.sort()
"""
KEEP = """
// What stands for builds: a file beside the definition goes where the folder of the job goes.
def item = jenkins.model.Jenkins.get().getItemByFullName(path)
new File(item.rootDir, 'kept').text = 'history'
return true
"""
KEPT = "new File(jenkins.model.Jenkins.get().getItemByFullName(path).rootDir, 'kept').exists()"
STATE = """
def item = jenkins.model.Jenkins.get().getItemByFullName(path)
return item == null ? null : [item.disabled, item.description, item.SCMSources[0].repository, item.SCMSources[0].id]
"""
SAVE = """
jenkins.model.Jenkins.get().getItemByFullName(folder).items.collectMany { it.items as List }*.save()
return true
"""
OLD_DATA = "return hudson.diagnosis.OldDataMonitor.get(jenkins.model.Jenkins.get()).data.keySet()*.toString()"


class World:
    """A list that stands for GitHub, and the reconciliations of it, which follow each other as the tests do."""

    def __init__(self, settings, controller, folder):
        self.settings, self.folder = settings, folder
        token = controller.layout.service_token.read_text().strip()
        self.calls = Calls()
        self.api = JobsApi(Controller(controller.url, "_jenkins-bootstrap", token), self.calls)
        self.repositories = {
            n: Repository("acme-demo", f"work-{n:03}", 9000 + n, pushed_at=f"2026-11-{1 + n % 28:02}T08:00:00Z")
            for n in range(COUNT)
        }

    def list_all(self):
        return ListedOwners(tuple(self.repositories.values()), frozenset(OWNERS))

    def read(self, only):
        raise NotImplementedError

    def run(self, today=TODAY, **more):
        before = self.calls.count
        made = Reconciler(self.settings, self, self.api, self.folder, "real", self.calls, today=lambda: today)
        outcome = made.run(**more)
        assert not outcome.failed, [str(error) for error in outcome.errors]
        return outcome, self.calls.count - before

    def change(self, number, **values):
        self.repositories[number] = replace(self.repositories[number], **values)

    def names(self):
        """The jobs in the first owner's folder."""
        (folder,) = (each for each in self.api.present("in step")["jobs"] if each["name"] == OWNERS[0])
        return [job["name"] for job in folder["jobs"]]

    def path(self, number):
        repository = self.repositories[number]
        return f"{self.settings.jobs.folder}/{repository.owner}/{repository.name}"


@pytest.fixture(scope="module")
def synced(world, controller, tmp_path_factory):
    """After the first reconciliation."""
    base = world.trial.settings
    sync = base.jobs.sync.model_copy(update={"scan_calls_per_hour": 100_000})
    jobs = base.jobs.model_copy(update={"folder": "in step", "sync": sync})
    first = base.github.owners[0]
    owners = [
        first.model_copy(update={"name": name, "filter": first.filter.model_copy(update={"has_jenkinsfile": None})})
        for name in OWNERS
    ]
    github = base.github.model_copy(update={"owners": owners, "api_url": world.ctx.endpoints.github_url})
    settings = base.model_copy(update={"jobs": jobs, "github": github, "project": "in-step"})
    made = World(settings, controller, tmp_path_factory.mktemp("state"))
    made.first = made.run()
    yield made
    made.api.delete("in step")


def test_a_hundred_new_jobs_are_a_call_each_and_one_batch_of_scans(synced):
    outcome, calls = synced.first
    # The listing, the top folder, the owner's, the one of the job reconcile and that job, 100 jobs; and the scans.
    assert calls == COUNT + 5 + 1
    assert outcome.counts["unchanged"] == 0
    assert len(synced.names()) == COUNT
    assert synced.run()[1] == 1


def test_scans_are_asked_for_one_after_the_other(synced, admin):
    seen = []
    deadline = time.monotonic() + 120
    while len(seen) < COUNT and time.monotonic() < deadline:
        seen.append(len(admin.script(SCANNED, folder="in step")))
        if seen[-1] == COUNT:
            break
        time.sleep(0.5)
    assert seen[-1] == COUNT
    assert seen[0] < COUNT  # 200 ms each: they cannot all have been asked for at once
    assert seen == sorted(seen)


def test_a_changed_description_is_one_call_more_and_no_scan(synced, admin):
    path = synced.path(1)
    admin.script(KEEP, path=path)
    before = admin.script(
        "jenkins.model.Jenkins.get().getItemByFullName(path).computation.timestamp.timeInMillis", path=path
    )
    synced.change(1, description="now with words")
    assert synced.run()[1] == 2
    disabled, description, *_ = admin.script(STATE, path=path)
    assert (disabled, description.splitlines()[0]) == (False, "now with words")
    time.sleep(1)
    after = admin.script(
        "jenkins.model.Jenkins.get().getItemByFullName(path).computation.timestamp.timeInMillis", path=path
    )
    assert after == before
    assert synced.run()[1] == 1


def test_a_renamed_repository_takes_its_job_and_its_history_along(synced, admin):
    old = synced.path(1)
    synced.change(1, name="renamed")
    assert synced.run()[1] == 4  # it is looked at before it is renamed
    assert admin.script(STATE, path=old) is None
    assert admin.script(KEPT, path=synced.path(1)) is True
    assert admin.script(STATE, path=synced.path(1))[2:] == ["renamed", "9001"]


def test_two_repositories_that_swap_their_names_and_one_that_changes_its_letters(synced, admin):
    admin.script(KEEP, path=synced.path(2))
    synced.change(2, name="work-003"), synced.change(3, name="work-002"), synced.change(4, name="WORK-004")
    synced.run()
    assert admin.script(KEPT, path="in step/acme-demo/work-003") is True
    assert admin.script(KEPT, path="in step/acme-demo/work-002") is False
    listed = synced.names()
    assert "WORK-004" in listed and "work-004" not in listed
    assert synced.run()[1] == 1


def test_a_transferred_repository_takes_its_job_to_the_other_owner(synced, admin):
    admin.script(KEEP, path=synced.path(5))
    synced.change(5, owner="second")
    synced.run()
    assert admin.script(KEPT, path="in step/second/work-005") is True
    assert synced.run()[1] == 1


def test_an_archived_one_is_disabled_and_enabled_again(synced, admin):
    synced.change(6, archived=True)
    synced.run()
    assert admin.script(STATE, path=synced.path(6))[0] is True
    synced.change(6, archived=False)
    synced.run()
    assert admin.script(STATE, path=synced.path(6))[0] is False


def test_one_that_is_gone_is_disabled_first_and_deleted_later(synced, admin):
    path = synced.path(7)
    del synced.repositories[7]
    synced.run()
    disabled, description, *_ = admin.script(STATE, path=path)
    assert disabled is True
    assert description.splitlines()[-1].endswith(f"gone={TODAY}")
    assert synced.run()[1] == 1
    synced.run(TODAY + timedelta(days=synced.settings.jobs.sync.delete_after_days + 1))
    assert admin.script(STATE, path=path) is None


def test_what_others_made_is_left_alone(synced, admin):
    mine = b"<project><description>mine</description></project>"
    synced.api.create("in step/acme-demo/mine", mine)
    synced.repositories[999] = Repository("acme-demo", "mine", 9999)
    outcome, _calls = synced.run()
    assert any("mine" in warning for warning in outcome.warnings)
    assert b"<description>mine</description>" in synced.api.config("in step/acme-demo/mine")
    del synced.repositories[999]


def test_definitions_are_as_we_made_them_and_none_is_old_data_after_a_restart(synced, admin, controller):
    from jenkins_bootstrap.jobs.xml import render_all

    controller.stop()
    controller.start()
    controller.wait()
    assert admin.script(OLD_DATA) == []
    assert synced.run()[1] == 1
    # Jenkins writes them anew by a save: in its own order, with the versions of plugins.
    assert admin.script(SAVE, folder="in step") is True
    rendered = render_all(synced.settings, synced.list_all().repositories)
    for job in rendered.jobs[:: len(rendered.jobs) // 10]:
        assert unified(job.path, synced.api.config(job.path), job.xml) == []


def test_what_jenkins_refuses_is_told(synced):
    with pytest.raises(ControllerError, match="A job already exists"):
        synced.api.create(synced.path(8), b"<project/>")
    with pytest.raises(ControllerError, match="did nothing"):
        synced.api.move(synced.path(8), "in step/none")
    with pytest.raises(ControllerError, match="already in use"):
        synced.api.rename(synced.path(8), "work-009")
    stranger = JobsApi(Controller(synced.api.controller.url, "_jenkins-bootstrap", "not-the-token"))
    with pytest.raises(ControllerError, match="token is not known"):
        stranger.present("in step")
