"""Works on what waits, one piece at a time: a repository, or everything. A piece is done only when its work is done.

What fails is tried again, later each time, and stays visible; it holds nothing else up. A full reconciliation comes by
itself, for what no delivery told.
"""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.events import Target
from jenkins_bootstrap.receiver.ports import Busy, Reconcile, Result
from jenkins_bootstrap.receiver.queue import Queue, Work
from jenkins_bootstrap.receiver.telling import Metrics, Say, line, words_of

FIRST_RETRY_SECONDS = 5.0
FIRST_FULL_RETRY_SECONDS = 60.0
"""A look at everything lists thousands of repositories."""
LAST_RETRY_SECONDS = 900.0
BUSY_SECONDS = 5.0
PRUNE_SECONDS = 3600.0
SOON_SECONDS = 60.0
"""So soon comes a look at everything that a single repository's was left to: many of those share one."""
SETTLE_SECONDS = 10.0
"""So long after the last work the queue's file is put in order."""
MANY = 100
"""When so many repositories wait, one look at everything costs less: a listing of 10,000 is 100 calls."""


def retry_after(attempts: int, jitter: float, *, everything: bool = False) -> float:
    """Seconds until a piece of work that has failed `attempts` times before is tried again; `jitter` is in [0, 1)."""
    first = FIRST_FULL_RETRY_SECONDS if everything else FIRST_RETRY_SECONDS
    seconds = min(first * float(2 ** min(attempts, 20)), LAST_RETRY_SECONDS)
    return seconds * (0.8 + 0.4 * jitter)


class Worker:
    """One thread over the queue.

    Args:
        queue: where work waits.
        reconcile: does a piece of work.
        every: seconds from one full reconciliation to the next; each time up to a tenth more or less.
        say: a line for the journal.
        first: seconds until the first full one.
    """

    def __init__(
        self,
        queue: Queue,
        reconcile: Reconcile,
        every: float,
        *,
        metrics: Metrics,
        say: Say,
        first: float = 0.0,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._queue, self._reconcile, self._every = queue, reconcile, every
        self._metrics, self._say, self._clock, self._jitter = metrics, say, clock, jitter
        self._settled = True
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._full_due = time.monotonic() + first
        self._prune_due = time.monotonic()
        # A daemon: work that does not end in time must not keep the process, it is done again at the next start.
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is new work."""
        self._woken.set()

    @property
    def has_died(self) -> bool:
        """Whether it has ended without being asked to."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._stopping.is_set()

    def stop(self, seconds: float) -> bool:
        """Begin no more work and wait so long for what is under way. False when it goes on; the queue still has it."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                if self._step():
                    self._settled = False
                    continue
                wait = self._seconds_to_wait()
                if not self._settled and wait > SETTLE_SECONDS:
                    self._settled = not self._woken.wait(SETTLE_SECONDS)
                    if self._settled:
                        self._queue.settle()
                    continue
            except BootstrapError as error:  # the queue itself: its disk may be full, and be well again later
                self._say(line("queue", outcome="failed", error=words_of(error)))
                wait = BUSY_SECONDS
            self._woken.wait(wait)

    def _seconds_to_wait(self) -> float:
        due = self._queue.next_due()
        work = PRUNE_SECONDS if due is None else due - self._clock()
        return max(0.01, min(work, self._full_due - time.monotonic(), self._prune_due - time.monotonic()))

    def _step(self) -> bool:
        """One piece of work; False when nothing is due."""
        if time.monotonic() >= self._prune_due:
            self._prune_due = time.monotonic() + PRUNE_SECONDS
            self._queue.prune(self._clock())
        if time.monotonic() >= self._full_due:
            self._queue.add_everything(self._clock())
            self._plan_full()
        elif self._queue.waiting().length > MANY:
            self._queue.add_everything(self._clock())
        work = self._queue.take(self._clock())
        if work is None:
            return False
        self._do(work)
        return True

    def _plan_full(self) -> None:
        self._full_due = time.monotonic() + self._every * (0.9 + 0.2 * self._jitter())

    def _do(self, work: Work) -> None:
        kind = "everything" if work.target is None else "repository"
        started = time.monotonic()
        self._queue.begin(work, self._clock())
        try:
            result = attempt(self._reconcile, work.target)
        except Busy as busy:
            self._say(line("reconcile", kind=kind, outcome="postponed", because=str(busy)))
            self._queue.postpone(work, self._clock() + BUSY_SECONDS)
            return
        self._end(work, kind, result, time.monotonic() - started)

    def _end(self, work: Work, kind: str, result: Result, seconds: float) -> None:
        now = self._clock()
        if result.error:
            due = now + retry_after(work.attempts, self._jitter(), everything=work.target is None)
            self._queue.failed(work, now, due, result.error, result.lines)
        else:
            self._queue.done(work, now, result.lines)
            if work.target is None:
                self._plan_full()
        if result.everything:
            self._full_due = min(self._full_due, time.monotonic() + SOON_SECONDS)
        outcome = "failed" if result.error else "done"
        self._metrics.reconciled(kind, outcome, seconds, now)
        self._say(
            line(
                "reconcile",
                kind=kind,
                repository=work.target,
                outcome=outcome,
                changes=result.changes,
                seconds=seconds,
                waited=max(0.0, now - seconds - work.first),
                attempt=work.attempts + 1,
                left="to a look at everything" if result.everything else None,
                error=result.error or None,
            )
        )


def attempt(reconcile: Reconcile, target: Target | None) -> Result:
    """What a reconciliation came to, also where it failed. Raises Busy."""
    try:
        return reconcile(target)
    except Busy:
        raise
    except BootstrapError as error:
        return Result(error=words_of(error))
    except Exception as error:  # a defect of ours, which must not end the worker; its text may quote anything
        frames = traceback.extract_tb(error.__traceback__)
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        return Result(error=f"unexpected {type(error).__name__}{place}")
