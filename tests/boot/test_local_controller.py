"""A controller on this machine, with a program in Java's place that does what it is told: how it is started, watched,
restarted and ended. What a real Jenkins does is in the acceptance tests."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.local import (
    BootFailed,
    LocalController,
    free_port,
    lay_out,
    link_tree,
    put_plugins,
    running,
    unit_options,
)
from jenkins_bootstrap.plugins.explode import tree_digest

STAND_IN = """
import http.server, json, os, pathlib, signal, subprocess, sys, time
root = pathlib.Path(os.environ["JENKINS_HOME"]).parents[2]
(root / "arguments").write_text(json.dumps(sys.argv[1:]))
(root / "environment").write_text(json.dumps(dict(os.environ)))
tries = root / "tries"
count = int(tries.read_text()) + 1 if tries.exists() else 1
tries.write_text(str(count))
port = int(next(a for a in sys.argv if a.startswith("--httpPort=")).partition("=")[2])
results = root / "run/jenkins-bootstrap/stages"
def ended(stage, **said):
    (results / f"{stage}.json").write_text(json.dumps({"stage": stage, **said}))
class Login(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/login" else 403)
        self.end_headers()
    def log_message(self, *words):
        pass
def serve():
    ended("init.groovy", seconds=0.2, changed=True, changes=[])
    server = http.server.HTTPServer(("127.0.0.1", port), Login)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    server.serve_forever()
"""


@pytest.fixture
def make(tmp_path):
    """A controller whose Java is the stand-in with `body` behind it."""
    made = []

    def one(body, **options):
        (tmp_path / "jenkins.war").write_text("")
        program = tmp_path / "java"
        program.write_text(f"#!{sys.executable}\n{STAND_IN}\n{body}\n")
        program.chmod(0o755)
        layout = Layout(tmp_path / "root")
        lay_out(layout, war=tmp_path / "jenkins.war", stages={"init.groovy": "x"}, seed={"seed.json": b"{}"})
        layout.results.mkdir(parents=True)
        controller = LocalController(layout, free_port(), java=str(program), **options)
        made.append(controller)
        return controller

    yield one
    for controller in made:
        controller.stop()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def ends(pid):
    """Whether a process that was told to end is gone: it was only sent the signal, and a busy machine lets it wait."""
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_java_gets_the_units_options_below_the_folder_on_loopback_and_a_bounded_heap(make):
    controller = make("serve()", options=["-Dmine=1"])
    with running(controller, 10) as ready:
        given = json.loads((controller.layout.root / "arguments").read_text())
        environment = json.loads((controller.layout.root / "environment").read_text())
        assert controller.status("other") == 403
    assert ready.restarts == 0
    assert ready.stages == {"init.groovy": 0.2}
    root = str(controller.layout.root)
    assert f"-Djenkins.util.groovy.GroovyHookScript.ROOT_PATH={root}/run/jenkins-bootstrap/hooks" in given
    assert given.index("-Dmine=1") < given.index("-jar")
    assert given[given.index("-jar") + 1] == f"{root}/usr/share/java/jenkins.war"
    assert "--httpListenAddress=127.0.0.1" in given
    assert f"--httpPort={controller.port}" in given
    assert any(option.startswith("-Xmx") for option in given)
    assert any(option.startswith("-Xms") for option in given)
    assert not [option for option in given if "RAMPercentage" in option]
    kept = {option for option in unit_options() if option.startswith("-D") and "/" not in option}
    assert len(kept) >= 6
    assert kept <= set(given)
    assert not [option for option in given if "/var/lib/jenkins" in option.replace(root, "")]
    assert set(environment) - {"LC_CTYPE", "_"} <= {"PATH", "LANG", "TZ", "HOME", "JENKINS_HOME"}


def test_the_folder_is_for_its_owners_eyes_only(make):
    controller = make("serve()")
    assert controller.layout.root.stat().st_mode & 0o777 == 0o700


def test_a_failing_stage_ends_the_wait_with_its_cause(make):
    controller = make("ended('aws.txt', failed=True, cause='no such group. Try: make it'); time.sleep(30)")
    controller.start()
    with pytest.raises(BootFailed) as failure:
        controller.wait(10)
    assert failure.value.stage == "aws.txt"
    assert "no such group. Try: make it" in failure.value.what


def test_a_jenkins_that_ends_by_itself_is_told_with_the_telling_lines_of_its_log(make):
    controller = make("print('fine'); print('SEVERE: port is taken'); sys.exit(3)")
    controller.start()
    with pytest.raises(BootFailed, match="exit status 3") as failure:
        controller.wait(10)
    assert "SEVERE: port is taken" in failure.value.what
    assert "fine" not in failure.value.what


def test_a_jenkins_that_never_answers_is_given_up(make):
    controller = make("time.sleep(30)")
    controller.start()
    with pytest.raises(BootFailed, match="not up after 0 s"):
        controller.wait(0.3)


def test_a_restart_that_jenkins_asks_for_begins_with_what_stands_in_front_of_a_start(make):
    prepared = []
    controller = make("serve() if count > 1 else sys.exit(5)", prepare=lambda: prepared.append(1))
    with running(controller, 10) as ready:
        assert ready.restarts == 1
    assert len(prepared) == 2


def test_restarts_come_to_an_end(make):
    controller = make("sys.exit(5)")
    controller.start()
    with pytest.raises(BootFailed, match="exit status 5"):
        controller.wait(20)
    assert int((controller.layout.root / "tries").read_text()) < 6


def test_stopping_ends_what_jenkins_started_too(make):
    body = "child = subprocess.Popen(['sleep', '60']); (root / 'child').write_text(str(child.pid)); serve()"
    controller = make(body)
    with running(controller, 10):
        child = int((controller.layout.root / "child").read_text())
        assert alive(child)
        java = controller.process.pid
    assert ends(child)
    assert not alive(java)


def test_a_jenkins_that_does_not_end_is_killed(make):
    controller = make("signal.signal(signal.SIGTERM, signal.SIG_IGN); (root / 'ready').touch(); time.sleep(60)")
    controller.start()
    while not (controller.layout.root / "ready").exists():
        time.sleep(0.01)
    java = controller.process.pid
    assert controller.stop(seconds=0.2) == -signal.SIGKILL
    assert not alive(java)


def test_jenkins_ends_with_the_process_that_started_it(make, tmp_path):
    controller = make("serve()")
    script = (
        "import os, sys; from pathlib import Path; from jenkins_bootstrap.boot.layout import Layout;"
        "from jenkins_bootstrap.boot.local import LocalController;"
        f"layout = Layout(Path({str(controller.layout.root)!r}));"
        f"c = LocalController(layout, {controller.port}, java={controller.java!r});"
        "c.start(); c.wait(10); print(c.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False)
    java = int(done.stdout)
    end = time.monotonic() + 5
    while alive(java) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(java)


def test_watching_goes_on_over_a_restart_and_ends_with_an_error_when_jenkins_ends(make):
    body = "import threading\nthreading.Timer(0.3, lambda: os._exit(5 if count == 1 else 4)).start()\nserve()"
    controller, told = make(body), []
    controller.start()
    controller.wait(10)
    with pytest.raises(BootFailed, match="exit status 4"):
        controller.watch(told.append)
    assert told[0] == "Jenkins restarts"
    assert told[1].startswith("up again")


def test_a_tree_is_linked_and_keeps_its_times(tmp_path):
    source = tmp_path / "git"
    (source / "WEB-INF").mkdir(parents=True)
    (source / ".timestamp2").write_text("")
    os.utime(source / ".timestamp2", (1_700_000_000, 1_700_000_000))
    link_tree(source, tmp_path / "copy")
    assert (tmp_path / "copy/.timestamp2").stat().st_mtime == 1_700_000_000
    assert (tmp_path / "copy/.timestamp2").samefile(source / ".timestamp2")


def test_plugins_are_exploded_once_and_linked_with_their_times(tmp_path):
    archive = tmp_path / "some-name.jpi"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Short-Name: ec2\nPlugin-Version: 1\n")
        made.writestr("WEB-INF/lib/ec2.jar", "x")
    os.utime(archive, (1_700_000_000, 1_700_000_000))
    first, second = Layout(tmp_path / "one"), Layout(tmp_path / "two")
    for layout in (first, second):
        put_plugins(layout, {"ec2": (archive, "ab" * 32)}, tmp_path / "cache")
        assert (layout.plugins / "ec2/.timestamp2").stat().st_mtime == (layout.plugins / "ec2.jpi").stat().st_mtime
        digests = json.loads((layout.plugins / "tree.json").read_text())
        assert digests == {"ec2": tree_digest(layout.plugins / "ec2")}
    jar = "ec2/WEB-INF/lib/ec2.jar"
    assert (first.plugins / jar).samefile(second.plugins / jar)


def test_a_free_port_is_on_loopback():
    assert 1024 < free_port() < 65536
