"""Holds instances in a process of its own, for tests that kill it or run it as an ordinary user.

Arguments: a state folder, a root file system (a folder, or a tar that is unpacked to the folder CACHE), what to do.
Prints one JSON line of results, then does what was asked: `exit`, `kill` (SIGKILL to itself), or `layers`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from jenkins_bootstrap.embedded import processes
from jenkins_bootstrap.embedded.metal import Guest, Metal
from jenkins_bootstrap.embedded.rootfs import ensure_rootfs

state, source, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
root = source if source.is_dir() else ensure_rootfs(state.parent / "cache", tar=source)
metal = Metal(state, cache=state.parent / "cache")
key = state.parent / "key"
if not key.exists():
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)


def start(name: str, layers: list[Path]) -> Guest:
    public = key.with_suffix(".pub").read_text()
    return metal.start(name, layers, public_key=public, key_name="pair", hostname=name, user_data=None)


def ssh(guest: Guest, command: str) -> str:
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    to = ["-F", "none", "-i", str(key), "-p", str(guest.port), f"admin@{guest.address}"]
    return subprocess.run(["ssh", *options, *to, command], check=True, capture_output=True, text=True).stdout


if what == "layers":
    guest = start("i-1", [root])
    ssh(guest, "sudo mkdir /opt/dir && sudo touch /opt/dir/one /opt/kept && sudo rm /etc/issue")
    metal.stop("i-1")
    first = metal.capture("i-1", "ami-1")
    guest = start("i-2", [root, first])
    ssh(guest, "sudo rm -r /opt/dir && sudo mkdir /opt/dir && sudo touch /opt/dir/two")
    metal.stop("i-2")
    second = metal.capture("i-2", "ami-2")
    guest = start("i-3", [root, first, second])
    seen = ssh(guest, "ls -d /opt/* /opt/dir/* /etc/issue 2>/dev/null || true; sudo id -u; id -u")
    installs = ssh(guest, "sudo chown 33:33 /opt/kept && stat -c %u:%g /opt/kept")
    metal.close()
    for image in ("ami-1", "ami-2"):
        metal.drop_layer(image)
    left = sorted(path.name for path in [*(state / "layers").iterdir(), *(state / "trash").iterdir()])
    print(json.dumps({"seen": seen.split(), "owner": installs.strip(), "left": left}), flush=True)
else:
    guests: list[Guest] = []
    # As a server does: the thread that started an instance is gone soon after.
    for name in ("i-1", "i-2"):
        thread = threading.Thread(target=lambda name=name: guests.append(start(name, [root])))
        thread.start()
        thread.join()
    ssh(guests[0], "nohup sleep 600 >/dev/null 2>&1 & sudo nohup sleep 600 >/dev/null 2>&1 &")
    pids = [pid for guest in guests for pid in (guest.pid, *processes.descendants(guest.pid))]
    named = [[pid, processes.start_time(pid)] for pid in pids]
    print(json.dumps({"pids": [one for one in named if one[1] is not None]}), flush=True)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
