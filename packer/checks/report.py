"""What the checks of packer/checks share: one line a check, facts of the bake, and a few questions to the system."""

import grp
import json
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

BAKE = json.loads(Path(os.environ.get("BAKE_FACTS", Path(__file__).parent.parent / "bake.json")).read_text())
_failures: "list[str]" = []


def check(words: str, problem: str = "") -> None:
    """Report one check: passed when `problem` is empty."""
    if problem:
        _failures.append(words)
    print(f"FAILED {words}: {problem}" if problem else f"ok     {words}", flush=True)


def end() -> None:
    sys.exit(1 if _failures else 0)


def output(*command: str, seconds: int = 60) -> "tuple[int, str]":
    """Exit status and both outputs of a command."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace").strip()


def package(name: str) -> None:
    _, text = output("dpkg-query", "--show", "--showformat", "${Status} ${Version}", name)
    check(f"package {name}", "" if text.startswith("install ok installed") else "not installed")


def file(path: str, owner: str = "root:root", mode: str = "0644") -> None:
    """The file or folder is there with this owner and mode."""
    try:
        found = Path(path).stat()
    except OSError as error:
        check(path, error.strerror or str(error))
        return
    has = f"{_user(found.st_uid)}:{_group(found.st_gid)}"
    bits = f"{stat.S_IMODE(found.st_mode):04o}"
    wrong = [f"{a} instead of {b}" for a, b in ((has, owner), (bits, mode)) if a != b]
    check(f"{path} {owner} {mode}", ", ".join(wrong))


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
