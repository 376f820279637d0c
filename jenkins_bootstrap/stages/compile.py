"""Compiles rendered stages with the Groovy that Jenkins has in it, before a controller has to.

What this proves: every script is read, resolved and written as classes by Groovy 2.4.21, so no value broke out of its
literal, no name is misspelt among those the script declares, and no constant or method is too large. Jenkins treats a
script that does not compile as a warning and comes up without it, so this must be known before.

The classes of our own stages are handed out, for Jenkins to run: compiling them there takes longer than what they do.

What it does not prove: that a class of Jenkins or of a plugin exists (imports are satisfied by empty stand-ins, plugins
are loaded by name), that a method exists (Groovy finds methods when it runs), or what a script does.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError, ToolError, raise_all
from jenkins_bootstrap.files import canonical_json, write_atomic
from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.classes import class_name, pack

GROOVY = "2.4.21"
"""The version inside Jenkins since 2.361 (groovy-all in the war), and of Debian's package `groovy`."""
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""For a JVM that lives a second: no optimising compiler, the smallest collector."""
TIMEOUT = 180.0
"""Seconds after which a Groovy that has not answered is ended."""


@dataclass(frozen=True, slots=True)
class CompileReport:
    """What came of it. `compiled` False means not tried, for `reason`; a script that is wrong is an error instead.

    `classes` is the archive of the classes of our own stages (see `classes`), None where there is none of them.
    """

    compiled: bool
    files: tuple[str, ...]
    groovy: str = ""
    java: str = ""
    reason: str = ""
    seconds: float = 0.0
    cached: bool = False
    classes: bytes | None = field(default=None, repr=False)


def compile_stages(
    files: Mapping[str, str],
    *,
    groovy: str = "groovy",
    cache: Path | None = None,
    require: bool = False,
    own: Path | None = None,
) -> CompileReport:
    """Compile all `files` (path to text) with one JVM.

    `groovy` is a command or a path; `cache` a folder that keeps results, so that an unchanged rendering costs no JVM;
    `require` makes a missing or other Groovy an error, otherwise the report says "not compiled"; `own` is the folder
    with the user's own stages (controller.stages), whose files are named when they are wrong. Raises ToolError for a
    script that does not compile, with file, line and column, and for a Groovy that fails or does not answer.
    """
    started = time.monotonic()
    program = shutil.which(groovy)
    if program is None:
        return _not_compiled(files, f"no {groovy} on PATH", require)
    kept = None if cache is None else cache / f"compiled-{_key(files, program)}.json"
    if kept is not None and (report := _recall(kept)) is not None:
        return report
    answer, classes = _run(files, program)
    if answer["groovy"] != GROOVY:
        return _not_compiled(files, f"{program} is Groovy {answer['groovy']}, Jenkins has {GROOVY}", require)
    raise_all([_error(problem, own) for problem in answer["problems"]])
    ours = {path: text for path, text in files.items() if class_name(path) is not None}
    if unmade := [path for path in ours if f"{class_name(path)}.class" not in classes]:
        raise ToolError(f"made no class of {', '.join(unmade)}", where=program, hint="install Groovy again")
    seconds = round(time.monotonic() - started, 3)
    report = CompileReport(True, tuple(files), answer["groovy"], answer["java"], seconds=seconds)
    archive = pack(ours, classes) if ours else None
    if kept is not None:
        if archive is not None:
            write_atomic(kept.with_suffix(".jar"), archive)
        write_atomic(kept, canonical_json({k: v for k, v in asdict(report).items() if k != "classes"}))
    return replace(report, classes=archive)


def _not_compiled(files: Mapping[str, str], reason: str, require: bool) -> CompileReport:
    if require:
        raise ToolError(
            f"not compiled: {reason}",
            where="stages",
            hint=f"install Groovy {GROOVY} (Debian: apt-get install groovy), or leave out --require-compile",
        )
    return CompileReport(False, tuple(files), reason=reason)


def _key(files: Mapping[str, str], program: str) -> str:
    """Digest of all that decides the result: the scripts, our compiler script, and which Groovy it is."""
    real = Path(program).resolve()
    seen = real.stat()
    parts = [GROOVY, str(real), str(seen.st_size), str(seen.st_mtime_ns), _script().read_text()]
    for path, text in files.items():
        parts += [path, text]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _recall(kept: Path) -> CompileReport | None:
    """The report kept for this key, or None; a file that cannot be read is as good as none."""
    try:
        values = json.loads(kept.read_text())
        report = CompileReport(**(values | {"files": tuple(values["files"]), "cached": True}))
        with_classes = any(class_name(path) is not None for path in report.files)
        return replace(report, classes=kept.with_suffix(".jar").read_bytes() if with_classes else None)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _script() -> Path:
    return share("groovy") / "compile.groovy"


def _run(files: Mapping[str, str], program: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Run the compiler script over the files in a folder of their own; its answer, with our paths in it, and the
    classes of our own stages by their path in the archive."""
    with tempfile.TemporaryDirectory(prefix="jenkins-bootstrap-compile-") as name:
        folder, made = Path(name), Path(name) / "classes"
        ours: dict[str, str] = {}
        for number, (path, text) in enumerate(files.items()):
            # The class is named after the file, so the ending goes and the rest becomes letters; names stay apart.
            own = f"Stage{number}_{''.join(c if c.isalnum() else '_' for c in Path(path).name)}"
            place = folder / f"{class_name(path) or own}.groovy"
            write_atomic(place, text)
            ours[str(place)] = path
        environment = os.environ | {"JAVA_OPTS": f"{os.environ.get('JAVA_OPTS', '')} {JAVA_OPTIONS}".strip()}
        try:
            done = subprocess.run(
                [program, "-Dfile.encoding=UTF-8", str(_script()), str(made), *ours],
                capture_output=True,
                text=True,
                errors="replace",
                env=environment,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"did not answer within {TIMEOUT:.0f} seconds", where=program, hint="try again") from None
        except OSError as error:
            raise ToolError(f"cannot be run: {error.strerror}", where=program, hint="install it again") from error
        classes: dict[str, bytes] = {}
        for top in (made / stage for path in files if (stage := class_name(path)) is not None):
            classes |= {str(one.relative_to(top)): one.read_bytes() for one in top.rglob("*.class")}
    lines = done.stdout.strip().splitlines()
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
        for problem in answer["problems"]:
            problem["file"] = ours[problem["file"]]
    except (IndexError, ValueError, KeyError, TypeError):
        words = (done.stderr.strip() or done.stdout.strip() or "no word of why").splitlines()
        raise ToolError(
            f"failed with exit status {done.returncode}: {' / '.join(words[:3])}",
            where=program,
            hint="run `groovy --version`: it needs a working Java",
        ) from None
    return answer, classes


def _error(problem: Mapping[str, Any], own: Path | None) -> BootstrapError:
    line, column = problem["line"], problem["column"]
    path = str(problem["file"])
    hint = "correct the template in groovy/ it comes from, or the setting that is printed there"
    # A user's stage cannot have the name of one of ours, so that its file in the folder tells whose it is.
    if own is not None and (file := own / Path(path).name).is_file():
        path, hint = str(file), "correct this file: it is a stage of your own, of controller.stages"
    where = f"{path}:{line}:{column}" if line > 0 else path
    return ToolError(f"does not compile: {problem['message']}", where=where, hint=hint)
