"""Plan, then execute: steps are plain values, handlers do them, a journal records what happened.

A plan is computed by pure functions from facts and settings. The executor shows it, runs it, or runs it again after a
crash: a step whose handler says that it is already done is passed over. The journal is a log for people; whether a step
is done is asked of the world, never of the journal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. Rooms subclass it with the values their handler needs.

    `key` is unique in its plan and the same each time the plan is computed; `words` says what it does, `call` is the
    call as --plan shows it, `reason` why it is in the plan.
    """

    key: str
    words: str
    call: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    title: str
    steps: tuple[Step, ...]

    def __bool__(self) -> bool:
        return bool(self.steps)


class Handler(Protocol):
    """Does the steps of one type. `results` holds what earlier steps of this run returned, by key."""

    def is_done(self, step: Any, results: Mapping[str, Any]) -> Any | None:
        """The step's result when the world already has it, else None."""

    def run(self, step: Any, results: Mapping[str, Any]) -> Any:
        """Do it and return its result (not None). Raises BootstrapError; leaves nothing half-made behind."""


@dataclass(slots=True)
class Journal:
    """Appends one JSON line an event; `path` None keeps nothing."""

    path: Path | None = None
    clock: Callable[[], float] = time.time

    def write(self, event: str, **values: Any) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"time": round(self.clock(), 3), "event": event, **values}, sort_keys=True)
        with self.path.open("a") as stream:
            stream.write(line + "\n")


@dataclass(slots=True)
class Outcome:
    """What a run came to: each step's result and its seconds, and which steps had been done before."""

    results: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)


Progress = Callable[[str], AbstractContextManager[Any]]


@dataclass(slots=True)
class Executor:
    """Runs a plan's steps in order with the handler of each step's type."""

    handlers: Mapping[type[Step], Handler]
    journal: Journal = field(default_factory=Journal)
    progress: Progress = lambda _words: nullcontext()
    clock: Callable[[], float] = time.monotonic

    def run(self, plan: Plan) -> Outcome:
        """Run every step that is not done yet. The first error ends the run and is raised as it came."""
        outcome = Outcome()
        self.journal.write("plan", title=plan.title, steps=[s.key for s in plan.steps])
        for step in plan.steps:
            started = self.clock()
            handler = self.handlers[type(step)]
            done = handler.is_done(step, outcome.results)
            if done is not None:
                outcome.results[step.key] = done
                outcome.passed_over.append(step.key)
                self.journal.write("passed-over", step=step.key)
                continue
            self.journal.write("start", step=step.key, call=step.call)
            try:
                with self.progress(step.words):
                    outcome.results[step.key] = handler.run(step, outcome.results)
            except BaseException as error:
                self.journal.write("failed", step=step.key, error=type(error).__name__)
                raise
            outcome.seconds[step.key] = self.clock() - started
            self.journal.write("done", step=step.key, seconds=round(outcome.seconds[step.key], 3))
        return outcome


def describe(plan: Plan) -> list[dict[str, str]]:
    """The plan as plain rows, for --plan and --json."""
    return [{"step": s.key, "does": s.words, "call": s.call, "reason": s.reason} for s in plan.steps]
