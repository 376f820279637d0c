"""^C and the other signals that ask a command to end: when they break in, when they wait, when they are not heard.

Nothing here decides what a command does about it. Signals reach the main thread only; in others this does nothing.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_on_signals(tell: Callable[[], None]) -> Iterator[None]:
    """Let each of these signals end the block as ^C does: `tell` is called and KeyboardInterrupt raised, once.

    Those that follow are not heard, so that nothing breaks off the clearing up. What is ignored already (nohup, a
    background command) stays ignored. `tell` runs inside the handler: it may not print through a buffered stream.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: handler for number in ENDING if (handler := signal.getsignal(number)) is not signal.SIG_IGN}

    def interrupt(_number: int, _frame: Any) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        tell()
        raise KeyboardInterrupt

    try:
        for number in before:
            signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hear none of these signals: an impatient second ^C does not break off the clearing up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Let a signal that would raise wait for the end of the block: for the moment in which a process has been started
    and is not yet known to us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, Any]] = []
    before: dict[int, Callable[[int, Any], Any]] = {}
    for number in ENDING:
        handler = signal.getsignal(number)
        if callable(handler):
            before[number] = handler
            signal.signal(number, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
        if came:
            before[came[0][0]](*came[0])
