"""Plan, then execute: done steps are passed over, a failure stops the run, the journal tells what happened."""

import json
from dataclasses import dataclass

import pytest

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.plan import Executor, Journal, Plan, Step, describe


@dataclass(frozen=True, slots=True)
class Put(Step):
    value: int = 0


class World:
    """A handler over a dict that stands for the world."""

    def __init__(self, fails=()):
        self.there = {}
        self.fails = set(fails)

    def is_done(self, step, results):
        return self.there.get(step.key)

    def run(self, step, results):
        if step.key in self.fails:
            raise BootstrapError("refused", where=step.key)
        self.there[step.key] = step.value
        return step.value


def steps(*keys):
    return Plan("put", tuple(Put(k, f"put {k}", f"put({k})", value=n + 1) for n, k in enumerate(keys)))


def test_steps_run_in_order_and_their_results_are_kept():
    outcome = Executor({Put: World()}).run(steps("a", "b"))
    assert outcome.results == {"a": 1, "b": 2}
    assert list(outcome.seconds) == ["a", "b"]


def test_a_second_run_passes_over_what_is_done():
    world = World()
    Executor({Put: world}).run(steps("a"))
    outcome = Executor({Put: world}).run(steps("a", "b"))
    assert outcome.passed_over == ["a"]
    assert list(outcome.seconds) == ["b"]


def test_a_failure_stops_the_run_and_a_later_run_goes_on(tmp_path):
    world = World(fails={"b"})
    journal = Journal(tmp_path / "log" / "journal.jsonl", clock=lambda: 1.0)
    with pytest.raises(BootstrapError):
        Executor({Put: world}, journal=journal).run(steps("a", "b", "c"))
    assert world.there == {"a": 1}
    world.fails.clear()
    assert Executor({Put: world}, journal=journal).run(steps("a", "b", "c")).passed_over == ["a"]
    events = [json.loads(line)["event"] for line in (tmp_path / "log" / "journal.jsonl").read_text().splitlines()]
    assert events == [
        "plan",
        "start",
        "done",
        "start",
        "failed",
        "plan",
        "passed-over",
        "start",
        "done",
        "start",
        "done",
    ]


def test_a_plan_is_shown_as_rows():
    assert describe(steps("a")) == [{"step": "a", "does": "put a", "call": "put(a)", "reason": ""}]
    assert not Plan("nothing", ())
