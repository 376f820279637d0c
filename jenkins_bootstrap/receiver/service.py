"""The receiver as a whole: queue, worker, server, the reading of secrets. Runs until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.catchup import catch_up
from jenkins_bootstrap.receiver.intake import Intake
from jenkins_bootstrap.receiver.keys import FIRST_SECONDS, Keys
from jenkins_bootstrap.receiver.ports import FindMissed, Reconcile
from jenkins_bootstrap.receiver.queue import Queue
from jenkins_bootstrap.receiver.server import Server
from jenkins_bootstrap.receiver.systemd import ALIVE, READY, STOPPING, notify
from jenkins_bootstrap.receiver.telling import Metrics, Say, line, to_stderr, words_of
from jenkins_bootstrap.receiver.worker import Worker

if TYPE_CHECKING:
    from aiohttp import web

    from jenkins_bootstrap.config.models import Settings

TICK_SECONDS = 5.0
"""How often the service manager is told that all is well; it waits several times as long (the unit's WatchdogSec)."""
CLOSE_SECONDS = 5.0
"""How long deliveries that are being taken in may go on after a stop is asked for."""
STOP_SECONDS = 20.0
"""How long the work under way may go on after a stop is asked for."""


@dataclass
class Service:
    """What `serve` runs.

    Args:
        settings: of the image.
        database: the queue's file.
        read_secret: reads the values of the key-value secret.
        reconcile: makes the function that does the work, from what gives it those values.
        close: ends what that function works with; nothing asks it any more.
        find_missed: finds what GitHub could not deliver; None when that is not to be looked at.
        token: reads the reconcile token.
        first: seconds until the first full reconciliation.
    """

    settings: Settings
    database: Path
    read_secret: Callable[[], Mapping[str, str]]
    reconcile: Callable[[Callable[[], Mapping[str, str]]], Reconcile]
    close: Callable[[], None] = lambda: None
    find_missed: Callable[[Callable[[], Mapping[str, str]]], FindMissed] | None = None
    token: Callable[[], str] = str
    say: Say = to_stderr
    first: float = 0.0
    stop_seconds: float = STOP_SECONDS
    tick_seconds: float = TICK_SECONDS

    def __post_init__(self) -> None:
        controller = self.settings.controller
        self.queue = Queue(self.database, controller.receiver.queue_most)
        self.metrics = Metrics(self.queue)
        self.keys = Keys(self.read_secret, controller.boot.look_every_minutes * 60.0, failed=self._unread)
        self.worker = Worker(
            self.queue,
            self.reconcile(lambda: self.keys.values),
            self.settings.jobs.sync.every_minutes * 60.0,
            metrics=self.metrics,
            say=self.say,
            first=self.first,
        )
        self.intake = Intake(self.settings, self.queue, self.keys, self.worker.wake)
        self.server = Server(
            self.queue,
            self.keys,
            self.intake,
            self.worker,
            token=self.token,
            metrics=self.metrics,
            metrics_from=controller.receiver.metrics_from,
            say=self.say,
        )
        self._stopping = threading.Event()
        self._end = asyncio.Event()

    def run(self, started: Callable[[str, int], None] = lambda _host, _port: None) -> None:
        """Serve until SIGTERM or SIGINT. `started` is told the address.

        Raises BootstrapError when the address is taken, or when the worker has ended by itself, without which nothing
        is worked on: whoever started it is to start it again.
        """
        asyncio.run(self._run(started))

    async def _run(self, started: Callable[[str, int], None]) -> None:
        loop, stop = asyncio.get_running_loop(), self._end
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        runner = await self.start()
        try:
            host, port = runner.addresses[0][:2]
            self.say(line("serve", address=f"{host}:{port}"))
            started(host, port)
            await stop.wait()
        finally:
            died = self.worker.has_died
            await self.stop(runner)
        if died:
            raise BootstrapError(
                "the worker has ended, which it never should",
                where="serve",
                hint="start it again, what waits is on the disk; the journal says above what happened",
            )

    async def start(self) -> web.AppRunner:
        """Listen and begin to work."""
        from aiohttp import web

        runner = web.AppRunner(
            self.server.app(),
            handle_signals=False,
            access_log=None,
            keepalive_timeout=75,
            # A body that was refused is not read on.
            lingering_time=0,
            auto_decompress=False,
            shutdown_timeout=CLOSE_SECONDS,
        )
        await runner.setup()
        receiver = self.settings.controller.receiver
        where = f"{receiver.address}:{receiver.port}"
        try:
            await web.TCPSite(runner, receiver.address, receiver.port, backlog=512).start()
        except OSError as error:
            await runner.cleanup()
            self.queue.close()
            raise BootstrapError(
                f"cannot be listened on: {error.strerror}", where=where, hint="choose another controller.receiver.port"
            ) from None
        notify(READY)
        self._watching = asyncio.create_task(self._watch())
        await asyncio.to_thread(self.keys.refresh)
        self.worker.start()
        self._refreshing = asyncio.create_task(self._refresh())
        if self.find_missed is not None:
            find = self.find_missed(lambda: self.keys.values)
            # A thread of its own: asking GitHub may take longer than a stop may.
            threading.Thread(
                target=catch_up,
                args=(find, self.queue, self.say),
                kwargs={"stopping": self._stopping.is_set},
                name="catch-up",
                daemon=True,
            ).start()
        return runner

    async def stop(self, runner: web.AppRunner) -> None:
        """Take no more in, finish what is under way within `stop_seconds`. What is left stays in the queue."""
        notify(STOPPING)
        self._stopping.set()
        self._refreshing.cancel()
        await runner.cleanup()
        ended = await asyncio.to_thread(self.worker.stop, self.stop_seconds)
        await asyncio.to_thread(self.close)
        left = self.queue.waiting().length
        if ended:
            self.queue.close()
        self._watching.cancel()
        self.say(line("stop", outcome="done" if ended else "work goes on at the next start", waiting=left))

    async def _watch(self) -> None:
        """Tell that the loop turns and the worker lives; end the service when the worker has ended by itself."""
        while True:
            await asyncio.sleep(self.tick_seconds)
            if self.worker.has_died and not self._stopping.is_set():
                self._end.set()
            else:
                notify(ALIVE)

    async def _refresh(self) -> None:
        """Read the secret again as it gets old."""
        while True:
            await asyncio.sleep(FIRST_SECONDS)
            if self.keys.is_due():
                await asyncio.to_thread(self.keys.refresh)

    def _unread(self, error: BootstrapError) -> None:
        self.metrics.unread()
        self.say(line("secret", outcome="failed", error=words_of(error)))
