"""Two machines, each with a memory of its own, bring one Jenkins in step at once: both come to the right end."""

import random
import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest

from jenkins_bootstrap.controller.client import Controller, ControllerError
from jenkins_bootstrap.controller.jobs import JobsApi
from jenkins_bootstrap.embedded.jenkins.serving import running
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.marker import read_line
from jenkins_bootstrap.reconcile import Only, Reconciler

DAY = date(2026, 11, 24)
WEB = "github/acme-demo/web"
SEEDS = 6


def organisation(version):
    """Two that swap names, a change of case, a rename, a name that another one gets, changes, new ones, gone ones."""
    names = ["a", "b", "case", "same", "gone", "moved", "old", "web"]
    base = [Repository("acme-demo", name, number) for number, name in enumerate(names, start=1)]
    if version == 1:
        return base
    new = {1: "b", 2: "a", 3: "Case", 6: "moved-on"}
    changed = [
        replace(r, name=new.get(r.id, r.name), description="another" if r.id in (2, 4) else "")
        for r in base
        if r.id not in (5, 7)
    ]
    return [*changed, Repository("acme-demo", "new", 9), Repository("acme-demo", "gone", 10)]


class Between:
    """A gateway that is told before each call, by number, and after it."""

    def __init__(self, jobs, before=lambda _number: None, after=lambda _number: None):
        self.jobs, self.before, self.after, self.number = jobs, before, after, 0

    def __getattr__(self, name):
        def call(*values):
            number, self.number = self.number, self.number + 1
            self.before(number)
            try:
                return getattr(self.jobs, name)(*values)
            finally:
                self.after(number)

        return call


@pytest.fixture
def machine(settings, source, state, tmp_path):
    """machine(name, jobs): a reconciler with a memory of its own."""
    sync = settings.jobs.sync.model_copy(update={"most_removed_percent": 100})
    settings = settings.model_copy(update={"jobs": settings.jobs.model_copy(update={"sync": sync})})
    source.settings = settings

    def make(name, jobs, day=DAY):
        folder = tmp_path / name
        if not folder.exists():
            folder.mkdir()
            (folder / "shapes").symlink_to((state / "shapes").resolve())
        return Reconciler(
            settings, source, jobs, folder, jenkins="http://one/", today=lambda: day, sleep=lambda _s: None
        )

    return make


@pytest.fixture
def before(machine, source, jenkins):
    """Jenkins after the first version; `old` is marked as gone long since. The second version is to come."""
    source.repositories = organisation(1)
    machine("first", jenkins).run()
    source.repositories = [r for r in source.repositories if r.name != "old"]
    machine("first", jenkins, DAY - timedelta(30)).run()
    source.repositories = organisation(2)
    jenkins.scans.clear()
    return dict(jenkins.items)


@pytest.fixture
def wanted(before, machine, jenkins):
    """What an undisturbed run comes to, and of how many calls it is."""
    jobs = Between(jenkins)
    assert not machine("undisturbed", jobs).run().failed
    end = dict(jenkins.items), sorted(jenkins.scans), jobs.number
    jenkins.items = dict(before)
    jenkins.scans.clear()
    return end


def ended_rightly(jenkins, machine, wanted):
    items, scans, _calls = wanted
    assert {p: read_line(x) for p, x in jenkins.items.items()} == {p: read_line(x) for p, x in items.items()}
    assert jenkins.items == items
    assert sorted(jenkins.scans) == scans
    assert not machine("later", jenkins).run().done


def test_a_whole_run_of_another_machine_between_any_two_calls(before, wanted, machine, jenkins):
    for at in range(wanted[2]):
        jenkins.items = dict(before)
        jenkins.scans.clear()
        others = []

        def meet(number, at=at, others=others):
            if number == at and not others:
                others.append(None)
                others[0] = machine(f"other-{at}", jenkins).run()

        mine = machine(f"mine-{at}", Between(jenkins, before=meet)).run()
        assert [str(e) for e in (*mine.errors, *others[0].errors)] == [], at
        ended_rightly(jenkins, machine, wanted)


class Baton:
    """Whose call is next is drawn; one who has ended is not waited for."""

    def __init__(self, seed):
        self.random, self.changed = random.Random(seed), threading.Condition()
        self.running, self.turn = {0, 1}, 0

    def wait(self, who):
        with self.changed:
            assert self.changed.wait_for(lambda: self.turn == who or len(self.running) == 1, 30)

    def give(self):
        with self.changed:
            self.turn = self.random.choice(sorted(self.running))
            self.changed.notify_all()

    def end(self, who):
        with self.changed:
            self.running.discard(who)
            self.turn = next(iter(self.running), who)
            self.changed.notify_all()


@pytest.mark.parametrize("empty", [False, True], ids=["changed", "wiped"])
def test_calls_of_two_machines_in_any_order(before, wanted, machine, jenkins, empty):
    for seed in range(SEEDS):
        jenkins.items = {} if empty else dict(before)
        jenkins.scans.clear()
        baton, outcomes = Baton(seed), {}

        def run(who, baton=baton, outcomes=outcomes, seed=seed):
            gateway = Between(jenkins, before=lambda _n: baton.wait(who), after=lambda _n: baton.give())
            try:
                outcomes[who] = machine(f"{seed}-{who}", gateway).run()
            finally:
                baton.end(who)

        threads = [threading.Thread(target=run, args=(who,)) for who in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [str(e) for o in outcomes.values() for e in o.errors] == [], seed
        if empty:
            assert len(jenkins.items) == len({p.lower() for p in jenkins.items}) == 12
            assert not machine("later", jenkins).run().done
        else:
            ended_rightly(jenkins, machine, wanted)


def test_two_machines_over_http(machine, source, tmp_path):
    """As fast as they can, from an empty Jenkins and after every kind of change."""
    with running(tmp_path / "jenkins") as made:
        apis = [JobsApi(Controller(made.url, made.user, made.token)) for _ in (0, 1)]
        for version in (1, 2, 1):
            source.repositories = organisation(version)
            outcomes = {}
            start = threading.Barrier(2)

            def run(who, outcomes=outcomes, start=start):
                start.wait()
                outcomes[who] = machine(f"http-{who}", apis[who]).run()

            threads = [threading.Thread(target=run, args=(who,)) for who in (0, 1)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert [str(e) for o in outcomes.values() for e in o.errors] == []
            store = made.app.store
            ours = {item.path: read_line(store.config(item)).id for item in store.root.below()}
            names = {f"github/acme-demo/{r.name}": r.id for r in source.repositories}
            assert names.items() <= ours.items()
            assert not machine("http-later", apis[0]).run().done


# What the other has done meanwhile, one by one.


def test_a_job_that_another_machine_made_first_counts_as_made_and_somebody_elses_does_not(machine, jenkins, source):
    source.repositories = [Repository("acme-demo", "web", 1), Repository("acme-demo", "api", 2)]
    plain = jenkins.create

    def create(path, xml):
        if path == WEB:
            plain(path, xml)
        if path.endswith("/api"):
            plain(path, b"<project><description>mine</description></project>")
        plain(path, xml)

    jenkins.create = create
    outcome = machine("one", jenkins).run()
    assert [e.status for e in outcome.errors] == []
    assert read_line(jenkins.items[WEB]).id == 1
    assert jenkins.items["github/acme-demo/api"] == b"<project><description>mine</description></project>"
    assert outcome.counts["created"] == 2  # web, and the job that lets people reconcile


@pytest.mark.parametrize("left", ["not gone any more", "another repository's", "not ours any more"])
def test_a_job_that_changed_since_the_listing_is_not_deleted(machine, jenkins, source, left):
    source.repositories = organisation(1)
    machine("one", jenkins).run()
    back = jenkins.items[WEB]
    source.repositories = [r for r in source.repositories if r.name != "web"]
    machine("one", jenkins, DAY - timedelta(30)).run()
    marked = jenkins.items[WEB]
    now = {
        "not gone any more": back,
        "another repository's": marked.replace(b" id=8 ", b" id=80 "),
        "not ours any more": marked.replace(b"jenkins-bootstrap: owner=", b"mine: owner="),
    }[left]
    first = []

    def before(_number):
        if not first and jenkins.calls["list"] > 2:
            first.append(True)
            jenkins.items[WEB] = now

    machine("one", Between(jenkins, before=before)).run()
    assert WEB in jenkins.items
    assert jenkins.calls["delete"] == 0


def test_a_rename_told_by_a_webhook_is_three_calls_and_one_refused_looks_again_once(machine, jenkins, source):
    source.repositories = organisation(1)
    machine("one", jenkins).run()
    source.repositories = [replace(r, name="renamed") if r.id == 8 else r for r in source.repositories]
    jenkins.calls.clear()
    machine("one", jenkins).run(Only(id=8))
    assert jenkins.calls == {"list": 1, "rename": 1, "update": 1}

    def refuse(*_values):
        raise ControllerError("answers 400", status=400)

    jenkins.calls.clear()
    source.repositories = [replace(r, name="again") if r.id == 8 else r for r in source.repositories]
    jenkins.rename = refuse
    assert len(machine("one", jenkins).run().errors) == 1
    assert jenkins.calls["list"] == 2
