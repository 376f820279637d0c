"""`try` as a person uses it, with a program in Java's place: what it says, and that nothing is left of it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from jenkins_bootstrap.cli import surroundings
from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.cli.main import run
from jenkins_bootstrap.embedded import client
from jenkins_bootstrap.plugins import lock as locks

ROOT = Path(__file__).resolve().parents[2]
JAVA = """
import http.server, json, os, pathlib, sys
root = pathlib.Path(os.environ["JENKINS_HOME"]).parents[2]
secrets = json.loads((root / "run/jenkins-bootstrap/secrets.json").read_text())
pathlib.Path(sys.argv[0]).with_name("seen").write_text(json.dumps({"root": str(root), "pid": os.getpid(),
    "run": str((root / "run/jenkins-bootstrap").resolve()), "password": secrets["values"]["admin_password"],
    "plugins": sorted(os.listdir(root / "var/lib/jenkins/plugins"))}))
port = int(next(a for a in sys.argv if a.startswith("--httpPort=")).partition("=")[2])
(root / "run/jenkins-bootstrap/stages/init.groovy.json").write_text('{"stage": "init.groovy", "seconds": 0.5}')
class Login(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", port), Login).serve_forever()
"""


@pytest.fixture
def place(tmp_path):
    """Settings with their lock, a war, a folder of plugins of which one is newer than its lock and one is not there."""
    shutil.copy(ROOT / "jenkins-bootstrap.yml", tmp_path)
    shutil.copy(ROOT / "jenkins-bootstrap.lock.json", tmp_path)
    with zipfile.ZipFile(tmp_path / "jenkins.war", "w") as war:
        war.writestr("META-INF/MANIFEST.MF", "Jenkins-Version: 2.516.2\n")
    (tmp_path / "plugins").mkdir()
    for plugin in locks.read(tmp_path / "jenkins-bootstrap.lock.json").plugins:
        if plugin.name == "timestamper":
            continue
        version = "9999.v0" if plugin.name == "ec2" else plugin.version
        needs = ",".join(str(d).replace("@", ":") for d in plugin.dependencies)
        with zipfile.ZipFile(tmp_path / "plugins" / f"{plugin.name}.jpi", "w") as archive:
            words = f"Short-Name: {plugin.name}\nPlugin-Version: {version}\nJenkins-Version: 2.479.1\n"
            lines = re.sub(r"(.{70})", r"\1\n ", f"Plugin-Dependencies: {needs}") if needs else ""
            archive.writestr("META-INF/MANIFEST.MF", f"{words}{lines}\n")
    return tmp_path


@pytest.fixture
def java(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "java").write_text(f"#!{sys.executable}\n{JAVA}")
    (folder / "java").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One for all: the stages of the same settings are compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def start(place, java, cache):
    """Starts `try` as a process of its own."""
    given = ["--war", str(place / "jenkins.war"), "--plugins", str(place / "plugins")]
    command = [sys.executable, "-m", "jenkins_bootstrap", "-c", str(place / "jenkins-bootstrap.yml"), "try", *given]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JENKINS_"))}
    environment["PATH"] = f"{java}:{environment['PATH']}"
    environment["JENKINS_BOOTSTRAP_CACHE"] = str(cache)

    def once():
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return once


def assert_nothing_is_left(place, process, before):
    assert {path.name for path in place.iterdir()} <= before
    assert not list(surroundings.MEMORY.glob(f"{surroundings.PREFIX}{process.pid}-*"))
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(place).encode() in read(p)]


def test_it_runs_until_interrupted_and_leaves_nothing(place, java, start):
    before = {path.name for path in place.iterdir()} | {"seen"}
    process = start()
    lines = [process.stdout.readline() for _ in range(4)]
    seen = json.loads((java / "seen").read_text())
    assert Path(seen["root"]).is_dir()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    out = "".join(lines) + out
    assert process.returncode == 0, err

    assert re.search(r"^Jenkins   http://127\.0\.0\.1:\d+/$", out, re.MULTILINE)
    assert "user      admin" in out
    assert "key admin_password of the secret jenkins" in out
    assert "embedded secret jenkins admin_password" in out
    assert seen["password"] not in out + err
    assert "ec2 9999.v0, locked is" in err
    assert "warning: the plugin timestamper, wanted by the settings, is not at hand" in err
    assert "ec2.jpi" in seen["plugins"]

    assert not Path(seen["root"]).exists()
    assert not Path(seen["run"]).exists()
    assert not Path("/proc", str(seen["pid"])).exists()
    assert_nothing_is_left(place, process, before)


def comes(path, process):
    """Wait until a file is there, as the process makes it."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("moment", ["start.lock", "daemon.lock", "daemon.json"])
def test_interrupted_while_the_embedded_aws_starts_it_leaves_nothing(place, start, moment):
    before = {path.name for path in place.iterdir()}
    process = start()
    comes(place / ".jenkins-bootstrap" / moment, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "ending ..." in err
    assert err.endswith("interrupted\n")
    assert "Traceback" not in err
    assert_nothing_is_left(place, process, before)


def test_a_jenkins_that_does_not_end_while_it_starts_is_killed(place, java, start):
    before = {path.name for path in place.iterdir()} | {"seen"}
    (java / "java").write_text(
        f"#!{sys.executable}\nimport pathlib, signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pathlib.Path(sys.argv[0]).with_name('seen').touch()\ntime.sleep(300)\n"
    )
    process = start()
    comes(java / "seen", process)
    process.send_signal(signal.SIGINT)
    assert "ending ..." in iter(lambda: process.stderr.readline().strip(), "")
    process.send_signal(signal.SIGINT)  # an impatient one breaks nothing off
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert_nothing_is_left(place, process, before)


@pytest.fixture
def two(place, java, start):
    """Two that are up; what they leave is removed after the test."""
    both = []
    try:
        for _ in range(2):
            both.append(start())
            assert both[-1].stdout.readline().startswith("Jenkins")
        yield both
    finally:
        for process in both:
            process.kill()
            process.wait()
        client.down(Context(settings_path=place / "jenkins-bootstrap.yml").settings.embedded, place, wipe=True)


def interrupt(process):
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return err


@pytest.mark.parametrize("begins", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_the_last_of_two_ends_the_embedded_aws_whoever_started_it(place, two, begins):
    first, last = two[begins], two[1 - begins]
    assert f"another try uses them (process {last.pid})" in interrupt(first)
    embedded = Context(settings_path=place / "jenkins-bootstrap.yml").settings.embedded
    assert client.status(embedded, place).endpoints is not None
    assert last.poll() is None
    assert "stay" not in interrupt(last)
    assert_nothing_is_left(place, last, {path.name for path in place.iterdir()} - {".jenkins-bootstrap"})


@pytest.mark.soak
def test_the_last_of_two_ends_the_embedded_aws_when_the_other_was_killed(place, two):
    two[0].kill()
    two[0].wait()
    assert "stay" not in interrupt(two[1])
    assert_nothing_is_left(place, two[1], {path.name for path in place.iterdir()} - {".jenkins-bootstrap"})


@pytest.mark.soak
def test_a_mark_of_one_that_was_killed_does_not_take_the_folder_of_another(place, start, java):
    embedded = Context(settings_path=place / "jenkins-bootstrap.yml").settings.embedded
    first = start()
    try:
        first.stdout.readline()
        first.kill()
        first.wait()
        client.down(embedded, place)
        client.up(embedded, place, settings=None)
        second = start()
        second.stdout.readline()
        assert "stay" not in interrupt(second)
        assert client.status(embedded, place).endpoints is not None
        assert not (place / ".jenkins-bootstrap/try").exists()
    finally:
        first.kill()
        client.down(embedded, place, wipe=True)


def test_an_agents_key_that_is_none_leaves_nothing(place, capfd):
    ctx = Context(settings_path=place / "jenkins-bootstrap.yml", quiet=True)
    try:
        name = ctx.settings.secrets.agent_key
        ctx.aws.call("secretsmanager", "put_secret_value", SecretId=name, SecretString="not-a-real-key")
        status, err = said(capfd, place, "--war", str(place / "jenkins.war"), "--plugins", str(place / "plugins"))
        assert status == 1
        assert f"secret {name}" in err
        assert not list(surroundings.MEMORY.glob(f"{surroundings.PREFIX}{os.getpid()}-*"))
        assert not (place / ".jenkins-bootstrap/try").exists()
        assert client.status(ctx.settings.embedded, place).endpoints is not None
    finally:
        client.down(ctx.settings.embedded, place, wipe=True)


def test_interrupted_before_anything_is_imported_it_says_so(tmp_path):
    # In short sleeps: a signal that comes just before a sleep begins is heard when that ends.
    slow = "import time\nprint('importing', flush=True)\nfor _ in range(600): time.sleep(0.1)\n"
    (tmp_path / "click.py").write_text(slow)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-m", "jenkins_bootstrap", "--help"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "interrupted\n")


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def said(capfd, place, *arguments):
    status = run(["-c", str(place / "jenkins-bootstrap.yml"), "try", *arguments])
    return status, capfd.readouterr().err


def test_without_a_war_it_says_what_is_missing_and_starts_nothing(place, capfd, monkeypatch):
    monkeypatch.delenv("JENKINS_WAR", raising=False)
    status, err = said(capfd, place, "--plugins", str(place / "plugins"))
    assert status == 1
    assert "there is no Jenkins to start" in err
    assert "try --war FILE" in err
    assert not (place / ".jenkins-bootstrap").exists()


def test_a_war_and_plugins_that_cannot_be_used_are_told_at_once(place, capfd):
    (place / "jenkins.war").write_text("<html>")
    (place / "plugins/ec2.jpi").write_text("cut off")
    status, err = said(capfd, place, "--war", str(place / "jenkins.war"), "--plugins", str(place / "plugins"))
    assert status == 1
    assert "jenkins.war is no war" in err
    assert "ec2.jpi: is no plugin, or cut off" in err


def test_a_plugin_that_needs_a_newer_jenkins_is_told_and_nothing_is_started(place, capfd):
    with zipfile.ZipFile(place / "plugins/ec2.jpi", "w") as archive:
        words = "Short-Name: ec2\nPlugin-Version: 3000.v1\nJenkins-Version: 2.555.1\n\n"
        archive.writestr("META-INF/MANIFEST.MF", words)
    status, err = said(capfd, place, "--war", str(place / "jenkins.war"), "--plugins", str(place / "plugins"))
    assert status == 1
    assert "plugin ec2: 3000.v1 needs Jenkins 2.555.1 or newer, this one is 2.516.2" in err
    assert not (place / ".jenkins-bootstrap").exists()


def test_a_lock_for_a_newer_jenkins_is_told_and_nothing_is_started(place, capfd, monkeypatch):
    with zipfile.ZipFile(place / "jenkins.war", "w") as war:
        war.writestr("META-INF/MANIFEST.MF", "Jenkins-Version: 2.516.1\n")
    monkeypatch.delenv("JENKINS_PLUGINS", raising=False)
    status, err = said(capfd, place, "--war", str(place / "jenkins.war"), "--plan")
    assert status == 1
    assert "the plugin lock: was made for Jenkins 2.516.2, this one is 2.516.1" in err
    assert not (place / ".jenkins-bootstrap").exists()


def test_a_port_that_is_taken_is_told(place, capfd):
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        status, err = said(capfd, place, "--port", str(held.getsockname()[1]))
    assert status == 1
    assert "is taken" in err


def test_interrupted_while_it_takes_the_lock_it_leaves_no_folder(place, monkeypatch):
    ctx = Context(settings_path=place / "jenkins-bootstrap.yml", quiet=True)

    @contextmanager
    def interrupted(state, _show):
        state.root.mkdir(parents=True)
        state.mark.touch()
        state.start_lock.touch()
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("jenkins_bootstrap.embedded.starter.locked", interrupted)
    with pytest.raises(KeyboardInterrupt), surroundings.surroundings(ctx):
        pass
    monkeypatch.undo()
    assert not (place / ".jenkins-bootstrap").exists()
