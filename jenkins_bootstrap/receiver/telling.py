"""What the receiver tells: a line in the journal an event, figures for Prometheus. Never a secret or a payload."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.events import EVENTS

if TYPE_CHECKING:
    from jenkins_bootstrap.receiver.queue import Queue

ERROR_LENGTH = 500
Say = Callable[[str], None]
_PLAIN = re.compile(r"[A-Za-z0-9._:/+@-]{1,200}")


def line(what: str, **values: object) -> str:
    """`what key=value ...`; a value that is more than a word is in quotes, as JSON, so that it stays one line."""
    told = (f"{key}={_value(value)}" for key, value in values.items() if value is not None)
    return " ".join((what, *told))


def _value(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def words_of(error: BootstrapError) -> str:
    """An error on one line, and no longer than a line may be."""
    return "; ".join(part.strip() for part in str(error).splitlines())[:ERROR_LENGTH]


def to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Metrics:
    """The figures of one receiver, in a registry of its own."""

    def __init__(self, queue: Queue) -> None:
        import prometheus_client as prometheus
        from prometheus_client.core import GaugeMetricFamily

        self.registry = prometheus.CollectorRegistry()
        name = "jenkins_bootstrap"
        self._deliveries = prometheus.Counter(
            f"{name}_deliveries",
            "Deliveries by event and by what became of them.",
            ("event", "outcome"),
            registry=self.registry,
        )
        self._seconds = prometheus.Histogram(
            f"{name}_reconcile_seconds",
            "Seconds that a reconciliation took, of one repository or of everything; what was postponed is left out.",
            ("kind",),
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
            registry=self.registry,
        )
        self._results = prometheus.Counter(
            f"{name}_reconciles",
            "Reconciliations that ended, by kind (repository, everything) and result (done, failed).",
            ("kind", "result"),
            registry=self.registry,
        )
        self._success = prometheus.Gauge(
            f"{name}_last_success_timestamp_seconds",
            "When the last one since the start ended well, in seconds since the epoch.",
            ("kind",),
            registry=self.registry,
        )
        self._unread = prometheus.Counter(
            f"{name}_secret_failures", "Times that the secret could not be read.", registry=self.registry
        )
        self._answer = prometheus.Histogram(
            f"{name}_answer_seconds",
            "Seconds from a delivery's head to its answer: its body is read in them, checked, and written down.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10),
            registry=self.registry,
        )

        class Waits:
            """Asked when somebody looks, not counted along."""

            def collect(self) -> list[GaugeMetricFamily]:
                import time

                waiting = queue.waiting()
                oldest = 0.0 if waiting.oldest is None else max(0.0, time.time() - waiting.oldest)
                return [
                    GaugeMetricFamily(
                        f"{name}_queue_length",
                        "Repositories that wait or are worked on; everything counts as one.",
                        value=waiting.length,
                    ),
                    GaugeMetricFamily(
                        f"{name}_queue_failing",
                        "Those of them that have failed at least once since they came.",
                        value=waiting.failing,
                    ),
                    GaugeMetricFamily(
                        f"{name}_queue_oldest_seconds", "Seconds since the oldest of them came.", value=oldest
                    ),
                ]

        self.registry.register(Waits())

    def delivered(self, event: str, outcome: str, seconds: float) -> None:
        # The header is anybody's: an event that is none of ours must not make a series of its own.
        self._deliveries.labels(event if event in EVENTS else "other", outcome).inc()
        self._answer.observe(seconds)

    def reconciled(self, kind: str, result: str, seconds: float, now: float) -> None:
        self._seconds.labels(kind).observe(seconds)
        self._results.labels(kind, result).inc()
        if result == "done":
            self._success.labels(kind).set(now)

    def unread(self) -> None:
        self._unread.inc()

    def text(self) -> bytes:
        import prometheus_client as prometheus

        return prometheus.generate_latest(self.registry)
