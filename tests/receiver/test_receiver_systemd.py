"""What systemd hears of the receiver, and what its unit makes of it."""

import configparser
import socket
import threading
from pathlib import Path

import pytest

from jenkins_bootstrap.receiver.service import CLOSE_SECONDS, STOP_SECONDS, TICK_SECONDS
from jenkins_bootstrap.receiver.systemd import notify

UNIT = Path(__file__).parents[2] / "packer/systemd/jenkins-bootstrap-serve.service"


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """The service manager's socket."""
    name = str(tmp_path / "notify") if request.param == "path" else f"\0{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.bind(name)
        wire.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        yield wire


def test_it_is_ready_when_it_listens_and_well_while_its_loop_turns(manager, start):
    receiver = start(tick_seconds=0.02)
    assert manager.recv(99) == b"READY=1"
    assert receiver.call("GET", "/healthz")[0] == 200
    assert manager.recv(99) == b"WATCHDOG=1"
    held, free = threading.Event(), threading.Event()
    start.loop.call_soon_threadsafe(lambda: (held.set(), free.wait(10)))  # what holds the event loop
    assert held.wait(5)
    manager.settimeout(0.15)
    with pytest.raises(TimeoutError):
        while True:
            manager.recv(99)
    free.set()
    manager.settimeout(5)
    assert manager.recv(99) == b"WATCHDOG=1"
    start.stop(receiver)
    told = [manager.recv(99)]
    while told[-1] != b"STOPPING=1":
        told.append(manager.recv(99))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_without_its_worker_it_is_not_well(manager, start, payload, until):
    def work(_target):
        raise SystemExit

    work.free = threading.Event()
    receiver = start(work=work, tick_seconds=0.02)
    receiver.send("repository", payload())
    until(receiver.service._end.is_set)
    manager.settimeout(0.1)
    with pytest.raises(TimeoutError):
        while True:
            manager.recv(99)


@pytest.mark.parametrize("address", ["", "nonsense", "/no/such/socket"])
def test_where_nobody_listens_nothing_is_told(address, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def test_the_unit_is_started_again_when_it_hangs_or_ends():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    service = unit["Service"]
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert int(service["WatchdogSec"]) >= 3 * TICK_SECONDS
    assert "AF_UNIX" in service["RestrictAddressFamilies"]
    assert int(service["TimeoutStopSec"]) > STOP_SECONDS + CLOSE_SECONDS
