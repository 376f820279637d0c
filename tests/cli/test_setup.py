"""The set-up of `make`: without root and sudo it prints the exact command for what is missing, and stops."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("sh", "awk", "date", "cat", "sha256sum", "cut", "grep", "mktemp", "printf", "env")


@pytest.fixture
def bare(tmp_path):
    """A PATH with a Python and the shell's tools, an ordinary user, and nothing of what the set-up installs."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in NEEDED:
        found = next(p for p in (Path("/bin") / name, Path("/usr/bin") / name) if p.exists())
        (tools / name).symlink_to(found)
    (tools / "python3").write_text("#!/bin/sh\ncase $* in *ensurepip*) exit 1;; esac\nexit 0\n")
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    for name in ("python3", "id"):
        (tools / name).chmod(0o755)
    return tools


def setup(bare, venv):
    return subprocess.run(
        ["/bin/sh", ".ci/setup", str(venv)],
        cwd=ROOT,
        env={"PATH": str(bare), "HOME": os.environ.get("HOME", "/")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_root_and_sudo_it_prints_the_command_and_stops(bare, tmp_path):
    done = setup(bare, tmp_path / "venv")
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends packer groovy" in done.stderr
    for package in ("default-jdk-headless", "mmdebstrap", "openssh-client", "git", "uidmap", "python3-venv"):
        assert package in done.stderr
    assert not (tmp_path / "venv").exists()


def test_another_program_named_packer_does_not_pass(bare, tmp_path):
    (bare / "packer").write_text("#!/bin/sh\nexit 0\n")
    (bare / "packer").chmod(0o755)
    assert " packer" in setup(bare, tmp_path / "venv").stderr


def test_without_a_python_of_the_right_version_it_says_which(bare, tmp_path):
    (bare / "python3").write_text("#!/bin/sh\nexit 1\n")
    done = setup(bare, tmp_path / "venv")
    assert done.returncode == 1
    assert "no Python 3.11 to 3.13 found" in done.stderr
