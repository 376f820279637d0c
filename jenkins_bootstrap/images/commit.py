"""Which commit of the settings' repository an image comes from. Asks git; nothing depends on there being one."""

from __future__ import annotations

import subprocess
from pathlib import Path

NONE = "none"


def commit_of(folder: Path) -> str:
    """The commit of the repository that `folder` is in, with -dirty when tracked files are changed, or "none"."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return NONE
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else NONE
