"""Whatever there is on both sides: a plan carried out leaves nothing to do, also when it was ended anywhere."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies

from jenkins_bootstrap.jobs.marker import read_line
from jenkins_bootstrap.jobs.sync import plan_sync
from jenkins_bootstrap.reconcile.execute import execute

spec = importlib.util.spec_from_file_location("sync_cases", Path(__file__).with_name("test_sync_cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)

NAMES = ["a", "b", "c", "A", "B", "d"]
OWNERS = ["acme", "beta"]
FAST = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
words = strategies.sampled_from


class Killed(Exception):
    """The process ended here."""


@strategies.composite
def versions(draw):
    """How a definition is, in Jenkins or as it should be; one that is disabled has nothing that a scan works by."""
    disabled = draw(words(["", "", "disabled"]))
    return f"v{draw(words([1, 2]))} " + (disabled or f"s{draw(words([1, 2]))}")


@strategies.composite
def github(draw):
    """Repositories by owner/name; no two of an owner differ only in case."""
    found, taken = {}, set()
    for number in draw(strategies.sets(strategies.integers(1, 6))):
        owner, name = draw(words(OWNERS)), draw(words(NAMES))
        if (owner, name.lower()) not in taken:
            taken.add((owner, name.lower()))
            more = draw(words(["", "", "", " keep-only", " problem"]))
            found[f"{owner}/{name}"] = f"id={number} {draw(versions())}{more}"
    return found


@strategies.composite
def jenkins(draw):
    """What is there: jobs of ours under any name, doubles, marked ones, jobs of others, sometimes no folder."""
    found = {"": "folder"} if draw(strategies.booleans()) else {}
    taken = set()
    for owner in OWNERS if found else []:
        kind = draw(words(["", "folder", "folder", "folder", "hand folder", "hand"]))
        if not kind:
            continue
        found[owner] = kind
        if kind == "hand":
            continue
        for name in draw(strategies.lists(words([*NAMES, "a._renaming-1", "x"]), max_size=5)):
            if (owner, name.lower()) in taken:
                continue
            taken.add((owner, name.lower()))
            gone = draw(words(["", "", "", " gone=2026-01-01", " gone=2026-11-20"]))
            ours = f"id={draw(strategies.integers(1, 8))} {draw(versions())}{gone}"
            found[f"{owner}/{name}"] = draw(words([ours, ours, ours, "hand", f"{ours} owner=other", "job v1"]))
    return found


def others(made):
    """What nobody but its owner may touch."""
    lines = {path: read_line(content) for path, content in made.items.items()}
    return {
        path: made.items[path]
        for path, line in lines.items()
        if line is None or line.owner != "demo" or line.kind == "folder"
    }


def without_copies(there):
    """Each id once: a copy of a job that is gone is found to be gone itself when the job has been deleted."""
    seen, found = set(), {}
    for path, text in there.items():
        number = next((w for w in text.split() if w.startswith("id=")), None)
        if number is None or number not in seen:
            found[path] = text
            seen.add(number)
    return found


def run(case, made, base):
    """One run, as the reconciliation does it."""
    plan = plan_sync(cases.inputs_of(case, base, made, "github"))
    done = execute(plan.steps, made, project="demo", calls_per_hour=1000)
    assert not done.errors, [str(e) for e in done.errors]
    return plan


def case_of(repositories, there, mass_change, whole):
    return {
        "owners": OWNERS,
        "github": repositories,
        "jenkins": there,
        "mass_change": mass_change,
        "not_whole": [] if whole else ["beta"],
    }


@pytest.fixture(name="base")
def _base(settings):
    return settings


@FAST
@given(github(), jenkins(), strategies.booleans(), strategies.booleans())
def test_carried_out_a_plan_leaves_nothing_to_do_and_others_untouched(base, repositories, there, mass_change, whole):
    case = case_of(repositories, without_copies(there), mass_change, whole)
    made = cases.jenkins(case, "github")
    before = others(made)
    run(case, made, base)
    assert before.items() <= made.items.items()
    again = plan_sync(cases.inputs_of(case, base, made, "github"))
    assert not again.steps, [s.words for s in again.steps]


# Two jobs pass through the name acme/b one after the other, so that two writes read alike.
PASSING = {
    "repositories": {"acme/a": "id=1 v1 disabled", "beta/c": "id=2 v1 disabled", "acme/c": "id=4 v1 s1"},
    "there": {
        "": "folder",
        "acme": "folder",
        "acme/a": "id=1 v1 s1",
        "acme/c": "id=3 v1 disabled",
        "acme/b": "id=2 v1 disabled",
        "beta": "folder",
        "beta/b": "id=4 v1 s1",
    },
}


@FAST
@given(github(), jenkins(), strategies.integers(0, 30), strategies.booleans())
@example(**PASSING, call=0, after=False)
@example(**PASSING, call=3, after=True)
def test_ended_at_any_call_and_run_again_it_comes_to_the_same_end(base, repositories, there, call, after):
    case = case_of(repositories, there, True, True)
    whole = cases.jenkins(case, "github")
    run(case, whole, base)

    made = cases.jenkins(case, "github")

    def kill(_what, number, done):
        if number == call and done == after:
            raise Killed

    made.fail = kill
    try:
        run(case, made, base)
    except Killed:
        made.fail = lambda *_: None
        run(case, made, base)
    assert made.items == whole.items
    usual = Counter(whole.writes)
    assert all(times <= max(1, usual[write]) for write, times in Counter(made.writes).items())


@FAST
@given(github(), github())
def test_there_and_back_every_job_is_where_it_was(base, one, other):
    one = {name: text.replace(" keep-only", "").replace(" problem", "") for name, text in one.items()}
    case = case_of(one, {}, True, True)
    made = cases.jenkins(case, "github")
    run(case, made, base)
    first = made.items.copy()
    run(case | {"github": other}, made, base)
    run(case, made, base)
    assert first.items() <= made.items.items()
