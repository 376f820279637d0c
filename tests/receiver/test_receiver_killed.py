"""A receiver that is killed at any moment loses nothing that it answered, and does nothing twice in effect."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jenkins_bootstrap.receiver.signature import sign

PROCESS = Path(__file__).with_name("receiver_process.py")


class Process:
    def __init__(self, folder, **options):
        self.folder = folder
        (folder / "address").unlink(missing_ok=True)
        self.running = subprocess.Popen(
            [sys.executable, str(PROCESS), str(folder), json.dumps(options)], stderr=(folder / "log").open("a")
        )
        end = time.monotonic() + 20
        while not (folder / "address").exists() or not (folder / "address").read_text():
            assert time.monotonic() < end and self.running.poll() is None, (folder / "log").read_text()
            time.sleep(0.01)
        host, port = (folder / "address").read_text().split()
        self.address = host, int(port)

    def send(self, payload, id_, connection=None):
        """The status, None when there was no answer."""
        raw = json.dumps(payload).encode()
        made = connection or http.client.HTTPConnection(*self.address, timeout=10)
        headers = {
            "X-GitHub-Event": "repository",
            "X-GitHub-Delivery": id_,
            "X-GitHub-Hook-ID": "1",
            "Content-Type": "application/json",
            "X-Hub-Signature-256": sign("not-a-real-receiver-secret", raw),
        }
        try:
            made.request("POST", "/jenkins-bootstrap/webhook", raw, headers)
            answer = made.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            if connection is None:
                made.close()

    def end(self, number=signal.SIGKILL):
        if self.running.poll() is None:
            os.kill(self.running.pid, number)
        return self.running.wait(20)

    def jobs(self):
        return {path.name: path.read_text() for path in (self.folder / "jobs").glob("*")}


@pytest.fixture
def process(tmp_path):
    made = []

    def begin(**options):
        made.append(Process(tmp_path, **options))
        return made[-1]

    yield begin
    for each in made:
        each.end()


def test_killed_after_the_answer_and_during_the_work(process, payload, until):
    first = process(hang=True)
    for number in range(1, 6):
        assert first.send(payload(id_=number, name=f"r{number}"), f"d{number}") == 202
    until(lambda: (first.folder / "begun").exists())
    first.end()
    assert first.jobs() == {}
    second = process()
    until(lambda: len(second.jobs()) == 5)
    assert second.jobs() == {str(n): f"r{n}" for n in range(1, 6)}
    # GitHub's redelivery of what was answered is known, and not worked on once more.
    begun = (second.folder / "begun").read_text()
    assert second.send(payload(id_=1, name="r1"), "d1") == 200
    time.sleep(0.1)
    assert (second.folder / "begun").read_text() == begun


def test_killed_during_the_commit_a_redelivery_is_worked_on(process, payload, until):
    first = process(die=True)
    assert first.send(payload(id_=1, name="r1"), "d1") == 202
    until(lambda: "1" in first.jobs())
    (first.folder / "die").touch()
    assert first.send(payload(id_=2, name="r2"), "d2") is None  # never answered: GitHub counts it as failed
    assert first.running.wait(10) == -signal.SIGKILL
    (first.folder / "die").unlink()
    second = process()
    assert second.send(payload(id_=2, name="r2"), "d2") in (200, 202)  # 200 if it was on the disk already
    until(lambda: second.jobs() == {"1": "r1", "2": "r2"})


def test_killed_at_any_moment_under_load(process, payload, until):
    """Whatever was answered is worked on; what was not, GitHub sends again."""
    answered, number, chance = {}, 0, random.Random(5)
    for _round in range(3):
        running = process()
        deadline = threading.Timer(0.05 + chance.random() * 0.25, running.end)
        deadline.start()
        connection = http.client.HTTPConnection(*running.address, timeout=10)
        while running.running.poll() is None:
            number += 1
            name = f"r{number}"
            status = running.send(payload(id_=number, name=name), f"d{number}", connection)
            if status is None:
                break
            assert status == 202
            answered[str(number)] = name
        connection.close()
        deadline.join()
    last = process()
    until(lambda: answered.items() <= last.jobs().items(), 10)
    assert len(answered) > 20
    log = (last.folder / "log").read_text()
    assert "Traceback" not in log


def test_sigterm_finishes_the_work_under_way(process, payload, until):
    running = process(slow=0.3)
    assert running.send(payload(id_=1, name="r1"), "d1") == 202
    assert running.send(payload(id_=2, name="r2"), "d2") == 202
    until(lambda: (running.folder / "begun").exists())
    assert running.end(signal.SIGTERM) == 0
    assert list(running.jobs().values()) == ["r1"]
    assert "stop outcome=done waiting=1" in (running.folder / "log").read_text()


def test_without_its_worker_it_ends_for_systemd_to_start_it_again(process, payload, until):
    first = process(end=True)
    assert first.send(payload(id_=1, name="r1"), "d1") == 202
    assert first.running.wait(10) == 1
    assert "the worker has ended" in (first.folder / "log").read_text()
    second = process()
    until(lambda: second.jobs() == {"1": "r1"})
