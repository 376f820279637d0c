"""The process that reconciles: what it is told and tells, and what happens when it ends."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.apart import Apart, answer
from jenkins_bootstrap.receiver.events import Target
from jenkins_bootstrap.receiver.image import Image
from jenkins_bootstrap.receiver.ports import Busy, Result

ONE = Target("acme-demo", "one", 7, "R_x")
SECRET = "not-a-real-secret-for-the-pipe"


@pytest.fixture
def apart(tmp_path):
    made = Apart(tmp_path, "http://127.0.0.1:9/")
    yield made
    made.close()


def runs(apart, *scripts):
    """Has it run these in turn instead of the reconciliation."""
    left = list(scripts)

    def start():
        command = [sys.executable, "-c", "import json, sys, time\n" + left.pop(0)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    apart._start = start
    return apart.reconcile(lambda: {"github_token": SECRET})


ECHO = """
for line in sys.stdin:
    asked = json.loads(line)
    answer = {"busy": "", "changes": 1, "lines": [asked["target"]["node"]], "error": "", "everything": True}
    print(json.dumps(answer), flush=True)
"""


def test_an_image_reconciles_in_another_process_that_knows_the_secret_by_its_pipe_alone(tmp_path, settings, lay_out):
    layout = lay_out(tmp_path, settings)
    addresses = ("JENKINS_BOOTSTRAP_EMBEDDED_AWS", "JENKINS_BOOTSTRAP_EMBEDDED_GITHUB")
    image = Image(layout, dict.fromkeys(addresses, "http://127.0.0.1:9/"), url="http://127.0.0.1:9/")
    service = image.service()
    try:
        service.keys._values = {"github_token": SECRET}
        with pytest.raises(Busy, match="Jenkins is not up"):
            service.worker._reconcile(None)
        child = service.close.__self__._child
        seen = [Path(f"/proc/{child.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
        assert child.pid != os.getpid() and b"apart" in seen[0]
        assert not any(SECRET.encode() in each for each in seen)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) > os.getpriority(os.PRIO_PROCESS, 0)
        with pytest.raises(Busy):
            service.worker._reconcile(None)
        assert service.close.__self__._child is child  # it stays
    finally:
        service.close()
        service.queue.close()
    assert child.returncode is not None


def test_what_it_tells_is_what_the_reconciliation_came_to(apart):
    assert runs(apart, ECHO)(ONE) == Result(1, ("R_x",), "", everything=True)

    def fails(_target):
        raise BootstrapError("answers 500", where="Jenkins")

    def breaks(_target):
        raise RuntimeError(SECRET)

    def waits(_target):
        raise Busy("jobs sync of process 42")

    assert answer(fails, None)["error"] == "Jenkins: answers 500"
    assert "RuntimeError at test_receiver_apart" in answer(breaks, None)["error"]
    assert SECRET not in answer(breaks, None)["error"]
    assert answer(waits, None) == {"busy": "jobs sync of process 42"}


def test_one_that_ends_is_an_error_and_the_next_work_has_another(apart):
    reconcile = runs(apart, "sys.stdin.readline(); sys.exit(3)", ECHO)
    with pytest.raises(BootstrapError, match="ended with status 3"):
        reconcile(ONE)
    assert reconcile(ONE).changes == 1
    apart._child.kill()
    apart._child.wait()
    with pytest.raises(BootstrapError, match="ended with status -9"):
        reconcile(ONE)


def test_the_end_of_the_receiver_ends_it_and_the_work_has_not_failed(apart, until):
    reconcile, raised = runs(apart, "sys.stdin.readline(); time.sleep(60)"), []

    def ask():
        try:
            reconcile(ONE)
        except Busy as busy:
            raised.append(str(busy))

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: apart._child is not None)
    apart.close()
    asking.join(10)
    assert raised == ["the receiver ends"]
    with pytest.raises(Busy):
        reconcile(ONE)
