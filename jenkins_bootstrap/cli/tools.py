"""The programs the toolkit runs, their versions, and how to get them. Asks, changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from jenkins_bootstrap.errors import ToolError
from jenkins_bootstrap.images.tool import find_packer
from jenkins_bootstrap.stages.compile import GROOVY


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: how it says its version, what is wanted of it, and the Debian package that brings it."""

    name: str
    version_command: tuple[str, ...]
    pattern: str
    package: str
    exactly: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a tool: `ok`, what to show, and the remedy ("" when there is nothing to do)."""

    name: str
    ok: bool
    found: str
    remedy: str


TOOLS = (
    Tool("groovy", ("groovy", "--version"), r"Groovy Version: (\S+)", "groovy", exactly=GROOVY),
    Tool("javac", ("javac", "-version"), r"javac (\d+\S*)", "default-jdk-headless"),
    Tool("git", ("git", "--version"), r"git version (\S+)", "git"),
)


def install(package: str) -> str:
    """The command that installs a Debian package here."""
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install {package}"


def look(tool: Tool) -> Found:
    """Run the tool for its version."""
    if shutil.which(tool.version_command[0]) is None:
        return Found(tool.name, False, "not found", install(tool.package))
    done = subprocess.run(tool.version_command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    seen = re.search(tool.pattern, done.stdout + done.stderr, re.MULTILINE)
    if seen is None:
        return Found(tool.name, False, "another program of this name", install(tool.package))
    version = seen[1]
    if tool.exactly and version != tool.exactly:
        return Found(tool.name, False, f"{version}; {tool.exactly} is wanted", install(tool.package))
    return Found(tool.name, True, version, "")


def packer() -> Found:
    """The Packer that a bake would use."""
    try:
        tool = find_packer()
    except ToolError as error:
        return Found("packer", False, error.what, error.hint)
    return Found("packer", True, tool.words, "")


def look_at_all() -> list[Found]:
    """Every tool, side by side as a JVM takes its time to say its version."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=len(TOOLS)) as pool:
        others = pool.map(look, TOOLS)
        return [packer(), *others]
