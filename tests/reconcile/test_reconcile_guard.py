"""One removal after the other comes to no more in a day than one run may do; not found is not therefore gone."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.marker import parse_line
from jenkins_bootstrap.jobs.removals import FEW_A_DAY
from jenkins_bootstrap.reconcile import Only, Reconciler, State
from jenkins_bootstrap.reconcile.outcome import HeldBack

COUNT = 40
MOST = 9
"""20% of 40 repositories and one job more, rounded up."""


@pytest.fixture
def reconciler(settings, source, jenkins, state):
    def make():
        return Reconciler(settings, source, jenkins, state, jenkins="http://one/")

    return make


@pytest.fixture
def organisation(source, reconciler):
    """Every repository has its job."""
    source.repositories = [Repository("acme-demo", f"r{n:02}", n) for n in range(1, COUNT + 1)]
    assert not reconciler().run().failed
    return source


def take(source, *numbers):
    source.repositories = [r for r in source.repositories if r.id not in numbers]


def told(number):
    """As a delivery that it was deleted."""
    return Only("acme-demo", f"r{number:02}", number, "node")


def gone(jenkins):
    return {path for path, text in jenkins.descriptions().items() if (line := parse_line(text)) and line.gone}


def test_what_is_not_found_is_left_to_a_look_at_everything(organisation, reconciler, jenkins):
    take(organisation, 1)
    outcome = reconciler().run(replace(told(1), may_be_gone=False))
    assert [type(error) for error in outcome.errors] == [HeldBack]
    assert "the sign-in may see less now" in outcome.errors[0].what
    assert gone(jenkins) == set()
    assert reconciler().run().counts["disabled"] == 1
    assert gone(jenkins) == {"github/acme-demo/r01"}


def test_what_is_found_and_left_out_by_the_filter_needs_no_other_witness(organisation, reconciler, jenkins):
    organisation.repositories[0] = replace(organisation.repositories[0], owner="elsewhere")
    assert not reconciler().run(replace(told(1), may_be_gone=False)).failed
    assert gone(jenkins) == {"github/acme-demo/r01"}


def test_one_after_the_other_no_more_go_in_a_day_than_at_once(organisation, reconciler, jenkins, state):
    for number in range(1, COUNT + 1):
        take(organisation, number)
        outcome = reconciler().run(told(number))
        assert bool(outcome.errors) == (number > MOST)
    assert len(gone(jenkins)) == MOST
    assert f"1 of 41 jobs would be disabled or deleted at once (github/acme-demo/r40) after {MOST} in the last day" in (
        outcome.errors[0].what
    )
    organisation.repositories = [Repository("acme-demo", f"r{n:02}", n) for n in range(MOST + 2, COUNT + 1)]
    assert [type(error) for error in reconciler().run().errors] == [HeldBack]  # the look at everything counts alike
    assert len(gone(jenkins)) == MOST
    known = json.loads((state / "removed.json").read_text())
    known["jobs"] = dict.fromkeys(known["jobs"], (datetime.now(UTC) - timedelta(hours=24, seconds=1)).isoformat())
    (state / "removed.json").write_text(json.dumps(known))
    assert reconciler().run().counts["disabled"] == 1
    assert len(gone(jenkins)) == MOST + 1


def test_those_that_are_back_do_not_count(organisation, reconciler, jenkins):
    before = list(organisation.repositories)
    for number in range(1, MOST + 3):
        take(organisation, number)
        assert not reconciler().run(told(number)).failed
        organisation.repositories = list(before)
        assert not reconciler().run(told(number)).failed
    assert gone(jenkins) == set()


def test_a_change_that_somebody_allowed_does_not_hold_up_the_next_one(organisation, reconciler, jenkins):
    take(organisation, *range(1, MOST + 1))
    assert not reconciler().run().failed
    take(organisation, *range(MOST + 1, 31))
    assert reconciler().run().failed
    assert not reconciler().run(allow_mass_change=True).failed
    take(organisation, 31)
    assert not reconciler().run(told(31)).failed
    assert len(gone(jenkins)) == 31


def test_a_few_may_go_in_a_day_in_a_small_organisation(source, reconciler, jenkins):
    source.repositories = [Repository("acme-demo", f"r{n:02}", n) for n in range(1, 9)]
    reconciler().run()
    for number in range(1, 9):
        take(source, number)
        assert reconciler().run(told(number)).failed == (number > FEW_A_DAY)
    assert len(gone(jenkins)) == FEW_A_DAY


def test_what_was_removed_counts_for_one_jenkins_and_a_file_that_is_broken_for_none(tmp_path):
    now = datetime.now(UTC)
    state = State(tmp_path, "http://one/")
    state.removing(["1"], now - timedelta(hours=23))
    state.removing(["2"], now)
    assert state.removed(now) == {"1", "2"}
    assert state.removed(now + timedelta(hours=2)) == {"2"}
    assert State(tmp_path, "http://two/").removed(now) == frozenset()
    for broken in ("{", '{"jenkins": "http://one/", "jobs": {"1": "x"}}', '{"jenkins": "http://one/", "jobs": 1}'):
        (tmp_path / "removed.json").write_text(broken)
        assert state.removed(now) == frozenset()
