"""Runs the real Packer: its work folder, its environment, its log, its end.

Results come from the manifest, never from the log; the log serves progress and the words of an error. Packer runs in a
session of its own and dies in order: it is asked once to stop and clean up, given time, and then killed with everything
it started. When we ourselves are killed, the kernel asks it to stop.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import SettingsError, ToolError
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.images.template import PLUGINS, VARIABLES, Template, render_source
from jenkins_bootstrap.images.tool import PackerTool
from jenkins_bootstrap.interrupts import held_back
from jenkins_bootstrap.resources import share

SCRATCH = ".tmp"
Progress = Callable[[str], None]
_CHECK_BEGINS = re.compile("running the check .+")
_PREFIX = re.compile(r"^(?:==>|-->)?\s*[\w.-]*amazon-ebs\.[\w-]+:\s*")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a bake may take, and that Packer is given to clean up after it was asked to stop."""

    bake: float = 3600.0
    clean_up: float = 90.0


def write_work(folder: Path, template: Template, values: Mapping[str, Any], tool: PackerTool) -> Path:
    """Lay out the folder that Packer is given; returns the file with the values of its variables.

    Raises SettingsError for a value that Packer would not take as it is.
    """
    _refuse_templates(values, "images")
    folder.mkdir(parents=True, exist_ok=True)
    for path in template.hcl:
        shutil.copyfile(path, folder / path.name)
    shutil.copyfile(share("packer") / VARIABLES, folder / VARIABLES)
    (folder / "source.pkr.hcl").write_text(render_source(template.name, imds_v2=tool.imds_v2))
    if tool.needs_plugins:
        shutil.copyfile(share("packer") / PLUGINS, folder / PLUGINS)
    variables = folder / "values.json"
    variables.write_text(canonical_json(dict(values)))
    return variables


def environment(aws: Mapping[str, str], environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """All that Packer's environment holds: the AWS_ variables given, where to find programs, where to put files.

    Its temporary files go to the work folder by a relative path: its parts speak over sockets there, whose path may
    have 107 bytes (unix(7)), and Packer 1.6.6 crashes on a longer one.
    """
    mine = os.environ if environ is None else environ
    kept = {
        name: mine[name]
        for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY")
        if name in mine
    }
    polling = {"AWS_POLL_DELAY_SECONDS": "1", "AWS_MAX_ATTEMPTS": "1800"} if aws.get("AWS_ENDPOINT") else {}
    own = {
        "CHECKPOINT_DISABLE": "1",
        "PACKER_CACHE_DIR": SCRATCH,
        "TMPDIR": SCRATCH,
        "PACKER_RUN_UUID": str(uuid.uuid4()),
    }
    return {**kept, **polling, **{n: v for n, v in aws.items() if n.startswith("AWS_")}, **own}


def run_packer(
    tool: PackerTool,
    work: Path,
    *,
    env: Mapping[str, str],
    log: Path,
    progress: Progress = lambda _line: None,
    limits: Limits = Limits(),
    origin: Path | None = None,
) -> None:
    """Build what lies in `work` (see write_work), writing Packer's words to `log`.

    `origin` is the template's folder, which messages name instead of `work`. Raises ToolError with Packer's own words
    when it fails or takes too long; on KeyboardInterrupt it lets Packer clean up, then passes the interrupt on.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    (work / SCRATCH).mkdir(exist_ok=True)
    commands = [["build", "-color=false", "-on-error=cleanup", "-var-file=values.json", "."]]
    if tool.needs_plugins:
        commands.insert(0, ["init", "."])
    with log.open("wb") as stream:
        for arguments in commands:
            status = _run([str(tool.path), *arguments], work, env, stream.fileno(), log, progress, limits)
            if status != 0:
                raise _failure(status, arguments[0], log, work, origin, limits)


def _run(
    command: list[str], work: Path, env: Mapping[str, str], out: int, log: Path, progress: Progress, limits: Limits
) -> int | None:
    """The exit status; None when the time was over."""
    if shutil.which("setpriv"):
        # Packer writes to a file, not to a pipe of ours, so that it can still clean up when we are gone.
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    ended = threading.Event()
    reader = threading.Thread(target=_follow, args=(log, ended, progress), daemon=True)
    reader.start()  # first, so that nothing stands between Packer's start and what ends it
    process: subprocess.Popen[bytes] | None = None
    try:
        with held_back():
            process = subprocess.Popen(
                command,
                cwd=work,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return process.wait(timeout=limits.bake)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process is not None:
            _end(process, limits.clean_up)
        ended.set()
        reader.join(timeout=5)


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Leave nothing of Packer running. SIGTERM, as SIGINT is ignored by the outer one of Packer's two processes."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):  # a second ^C: no more patience
            process.wait(timeout=seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _follow(log: Path, ended: threading.Event, progress: Progress) -> None:
    """Pass each line of the growing log on until Packer has ended and the log is read."""
    with log.open(errors="replace") as stream:
        stream.seek(0, os.SEEK_SET)
        part = ""
        while True:
            last = ended.is_set()
            part += stream.read()
            *lines, part = part.split("\n")
            for line in lines:
                if words := _PREFIX.sub("", line).strip():
                    progress(words)
            if last:
                return
            time.sleep(0.1)


def _failure(status: int | None, command: str, log: Path, work: Path, origin: Path | None, limits: Limits) -> ToolError:
    if status is None:
        what = f"did not end within {limits.bake:.0f} seconds and was stopped"
    elif status < 0:
        what = f"was ended by signal {signal.Signals(-status).name}"
    else:
        what = explain(log.read_text(errors="replace"))
    if origin is not None:
        what = what.replace(f"{work}/", f"{origin}/").replace("on ./", f"on {origin}/")
    return ToolError(what, where=f"packer {command}", hint=f"the whole of what Packer said: {log}")


def explain(text: str) -> str:
    """What went wrong, in Packer's own words: failed checks, else its errors, else its last lines."""
    lines = [_PREFIX.sub("", line).rstrip() for line in text.splitlines()]
    if failed := _failed_checks(lines):
        return "\n  ".join(["checks inside the bake failed:", *failed[:40]])
    start = next((n for n, line in enumerate(lines) if line.startswith("Error:")), None)
    if start is not None:
        return "\n  ".join(line for line in lines[start : start + 12] if line.strip())
    errored = [n for n, line in enumerate(lines) if re.match(r"Build '.*' errored", line)]
    if errored:
        # What the provisioner printed comes before Packer's word that it failed, and its clean-up in between.
        noise = re.compile(r"Provisioning step had errors|Terminating|Deleting|Cleaning up|No volumes|No AMIs")
        said = [line.strip() for line in lines[: errored[0]] if line.strip() and not noise.search(line)]
        return "\n  ".join([lines[errored[0]].strip(), *said[-6:]])
    return "\n  ".join([line for line in lines if line.strip()][-6:]) or "failed without a word"


def _failed_checks(lines: Sequence[str]) -> list[str]:
    """Each FAILED line of packer/checks/run.py, below it (two spaces in) the last lines that the check said before."""
    failed: list[str] = []
    said: list[str] | None = None  # None until the first check begins: what provisioning said belongs to no check
    for line in map(str.strip, lines):
        if line.startswith("FAILED "):
            failed += [line, *(f"  {words}" for words in (said or [])[-5:])]
            said = None if said is None else []
        elif _CHECK_BEGINS.fullmatch(line):
            said = []
        elif said is not None and line and not line.startswith("ok"):
            said.append(line)
    return failed


def _refuse_templates(value: Any, where: str) -> None:
    """Packer 1.6.6 takes the values of a JSON file literally but for its own `{{ }}`, which it would run."""
    if isinstance(value, str) and "{{" in value:
        raise SettingsError(
            f"{value!r} holds {{{{, which Packer would expand", where=where, hint="leave the braces out"
        )
    inside = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    )
    for name, each in inside:
        _refuse_templates(each, f"{where}.{name}")
