"""An embedded target in a folder of its own, ended with the test."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.embedded import client, userns
from jenkins_bootstrap.embedded.layout import Record, StateFolder


@dataclass
class Place:
    folder: Path
    settings: Settings
    said: list[str] = field(default_factory=list)

    @property
    def state(self) -> StateFolder:
        return StateFolder(self.folder / ".jenkins-bootstrap")

    @contextlib.contextmanager
    def progress(self, words: str):
        self.said.append(words)
        yield self.said.append

    def up(self, **more: Any) -> client.Endpoints:
        more.setdefault("settings", self.settings)
        return client.up(self.settings.embedded, self.folder, progress=self.progress, **more)

    def down(self, **more: Any) -> client.Ended:
        return client.down(self.settings.embedded, self.folder, **more)

    def aws(self, endpoints: client.Endpoints, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.settings.region,
            endpoint_url=endpoints.aws_url,
            aws_access_key_id="not-a-real-key",
            aws_secret_access_key="not-a-real-secret",
        )

    def kill(self) -> int:
        """kill -9 of the daemon; its process id."""
        record = Record.read(self.state.record)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        _wait_for(lambda: not record.alive())
        return record.pid


def _wait_for(condition, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _emptied(tmp_path):
    """Removes what a test made that belongs to subordinate ids: an ordinary user could not delete it."""
    yield
    for made in tmp_path.iterdir():
        userns.remove_tree(made)


@pytest.fixture
def place(tmp_path, settings):
    made = Place(tmp_path, settings)
    yield made
    made.down(wipe=True)


@pytest.fixture
def wait_for():
    """Waits until a condition holds; fails after a while."""
    return _wait_for
