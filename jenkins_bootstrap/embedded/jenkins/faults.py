"""Counts of the calls by kind, and faults that are made to happen at one of them.

A fault is `{"what": ..., "call": KIND, "path": TEXT, "nth": N, "times": M, "seconds": S}`: at the N-th call from now
(1) of this kind (any) whose path has this text in it (any), and the M-1 that follow (1), `what` happens:

- `500`, `503`: that status, nothing done; `500-done`, `503-done`: it is done although;
- `crumb`: 403, as if a crumb were missing;
- `timeout`, `timeout-done`: the answer comes only after so many seconds (60), as a 503;
- `cut`, `cut-done`: the connection is closed without an answer;
- `gone`, `gone-done`: the same, and every later call is cut too: as if one of the two had died at this point. Taking
  the fault away brings Jenkins back;
- `not-json`: 200 with a page of a proxy instead; `sign-in`: 302 to a sign-in page.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

WHAT = ("500", "503", "timeout", "cut", "gone")
EVERY = {*WHAT, *(f"{what}-done" for what in WHAT), "crumb", "not-json", "sign-in"}


@dataclass(slots=True)
class Fault:
    what: str
    call: str = ""
    path: str = ""
    nth: int = 1
    times: int = 1
    seconds: float = 60.0
    seen: int = 0

    @property
    def done(self) -> bool:
        """Whether the call is done all the same."""
        return self.what.endswith("-done")

    @property
    def kind(self) -> str:
        return self.what.removesuffix("-done")

    def happens(self, call: str, path: str) -> bool:
        """Counts a call, and says whether it is one of those."""
        if self.call not in ("", call) or self.path not in path:
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.kind == "gone" or self.seen < self.nth + self.times)


class Faults:
    """The faults to come. The first that fits a call happens; all that fit count it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._gone = False
        self._lock = threading.Lock()

    def add(self, what: str, **more: Any) -> None:
        """See the module's text. Raises ValueError for a fault that is none."""
        if what not in EVERY:
            raise ValueError(f"no fault {what!r}: {', '.join(sorted(EVERY))}")
        with self._lock:
            self._faults.append(Fault(what, **more))

    def set(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Exactly these from now on."""
        self.clear()
        for fault in faults:
            self.add(**fault)

    def clear(self) -> None:
        with self._lock:
            self._faults, self._gone = [], False

    def shown(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(one) for one in self._faults]

    def at(self, call: str, path: str) -> Fault | None:
        """The fault that happens to this call."""
        if not self._faults:
            return None
        with self._lock:
            if self._gone:
                return Fault("cut")
            found = [one for one in self._faults if one.happens(call, path)]
            if found and found[0].kind == "gone":
                self._gone = True
            return found[0] if found else None


class Calls:
    """How many calls of each kind came, and those that are not modelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.kinds: Counter[str] = Counter()
        self.not_modelled: list[str] = []

    def count(self, kind: str) -> None:
        with self._lock:
            self.kinds[kind] += 1

    def refuse(self, words: str) -> None:
        with self._lock:
            self.not_modelled.append(words[:300])

    def reset(self) -> None:
        with self._lock:
            self.kinds.clear()
            self.not_modelled.clear()

    @property
    def total(self) -> int:
        return self.kinds.total()
