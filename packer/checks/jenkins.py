"""The war is the one that was meant, and Jenkins really starts from it: once, on a JENKINS_HOME that is thrown away.

Loopback only, no set-up wizard, everything it writes on tmpfs, so that no identity or master key gets into the image.
"""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from report import BAKE, check, end, file

WAR = Path("/usr/share/java/jenkins.war")
SECONDS = 150


def answer(port: int, process: "subprocess.Popen[bytes]") -> str:
    """Wait for /login; the problem, or nothing."""
    deadline = time.monotonic() + SECONDS
    last = "no answer"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"ended with exit status {process.returncode}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as reply:
                if reply.status == 200:
                    return ""
        except urllib.error.HTTPError as error:
            last = f"HTTP {error.code}"  # 503 while it starts
        except OSError as error:
            last = str(error)
        time.sleep(0.2)
    return f"/login did not answer with 200 in {SECONDS} seconds, last: {last}"


def start_once(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("home", "scratch"):
        (folder / name).mkdir()
    shutil.chown(folder, "jenkins", "jenkins")
    for name in ("home", "scratch"):
        shutil.chown(folder / name, "jenkins", "jenkins")
    command = ["setpriv", "--reuid=jenkins", "--regid=jenkins", "--clear-groups", "java"]
    command += [
        f"-Djava.io.tmpdir={folder}/scratch",
        f"-Duser.home={folder}/home",  # the JDK takes it from passwd(5) otherwise, and writes .java/fonts there
        "-Djava.awt.headless=true",
        "-Djenkins.install.runSetupWizard=false",
    ]
    command += ["-Dhudson.model.UpdateCenter.never=true", "-XX:TieredStopAtLevel=1", "-jar", str(WAR)]
    command += [f"--httpPort={port}", "--httpListenAddress=127.0.0.1", f"--webroot={folder}/web"]
    log = folder / "log"
    environment = {"PATH": os.environ["PATH"], "JENKINS_HOME": str(folder / "home"), "HOME": str(folder / "home")}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            start_new_session=True,
        )  # fmt: skip
        try:
            problem = answer(port, process)
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                    process.wait(timeout=20)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    pass
    if problem:
        lines = log.read_text(errors="replace").splitlines()
        causes = [line for line in lines if re.search(r"Exception|Error|Caused|Problem|SEVERE", line)]
        print("\n".join([*causes[:15], *lines[-10:]]))
    check("Jenkins starts and answers at /login", problem)


def version() -> str:
    with zipfile.ZipFile(WAR) as archive:
        text = archive.read("META-INF/MANIFEST.MF").decode(errors="replace")
    found = re.search(r"^Jenkins-Version: *(\S+)", text, re.MULTILINE)
    return found[1] if found else "none"


asked = BAKE["jenkins"]
if asked is None:
    check("no Jenkins in this image, as was asked", f"{WAR} is there" if WAR.exists() else "")
else:
    file(str(WAR))
    if WAR.is_file():
        if asked["sha256"]:
            digest = hashlib.sha256(WAR.read_bytes()).hexdigest()
            check("the war's SHA-256", "" if digest == asked["sha256"] else f"is {digest}")
        check(f"Jenkins {asked['version']}", "" if version() == asked["version"] else f"the war is {version()}")
        memory = "/dev/shm" if os.path.ismount("/dev/shm") else "/run"  # noqa: S108 - tmpfs both
        scratch = Path(tempfile.mkdtemp(dir=memory))
        try:
            start_once(scratch)
        finally:
            shutil.rmtree(scratch)
end()
