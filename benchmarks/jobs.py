"""The definitions of 10,000 repositories, beside `jenkins-jobs test` on the same input, byte for byte.

Run by benchmarks/run.py; alone: python benchmarks/jobs.py
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from run import COMMAND, ROOT, environment, jenkins_jobs_test, row

REPOSITORIES = 10_000
MEMORY = Path("/dev/shm")
SECONDS, MEBIBYTES, TIMES = 1.5, 150, 20
OVERRIDES = ("branches: [main, 'release-{n}/*']\n", "script_path: ci/Jenkinsfile-{n}\n", "retention: {{builds: {m}}}\n")


def input_of(folder: Path) -> tuple[Path, Path]:
    """Settings and a listing: every tenth repository has an override, every hundredth is a freestyle job's."""
    listing = folder / "ten-thousand.json"
    repositories = []
    for n in range(REPOSITORIES):
        one = {
            "name": f"repository-{n:05}",
            "full_name": f"acme/repository-{n:05}",
            "id": 1_000_000 + n * 37,
            "description": f"No. {n}: what it is <for>, in \"words\" & 'signs' {{x}} é",
            "topics": ["freestyle"] if n % 100 == 0 else ["service"],
            "default_branch": "main" if n % 3 else "master",
            "pushed_at": "2026-11-02T08:21:45Z",
        }
        if n % 10 == 1:
            one["files"] = {".jenkins.yml": OVERRIDES[n // 10 % len(OVERRIDES)].format(n=n, m=n % 30 + 1)}
        repositories.append(one)
    listing.write_text(json.dumps(repositories))
    settings = folder / "ten-thousand.yml"
    text = (ROOT / "jenkins-bootstrap.yml").read_text().replace("name: acme-demo", "name: acme")
    wanted = "\njobs:\n  definitions: [{template: github-freestyle, topics: [freestyle]}]\n"
    settings.write_text(text.replace("\njobs:\n", wanted))
    return settings, listing


def measured(*command: object, **more: str) -> tuple[float, float, float]:
    """Seconds, those of them on a processor, and peak MiB of a whole process that must succeed."""
    started = time.perf_counter()
    with subprocess.Popen([str(c) for c in command], env=environment(**more), stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def differing(ours: Path, theirs: Path) -> int:
    """How many definitions are not byte for byte the same; each must be on both sides."""
    mine = {str(path.relative_to(ours))[: -len(".xml")]: path for path in ours.rglob("*.xml")}
    other = {str(path.parent.relative_to(theirs)): path for path in theirs.rglob("config.xml")}
    wrong = len(mine.keys() ^ other.keys())
    return wrong + sum(mine[name].read_bytes() != other[name].read_bytes() for name in mine.keys() & other.keys())


def definitions(folder: Path, say: Callable[..., None] = row) -> None:
    """XML for all of them, whole process. Both write to memory where they can, so that no disk is measured."""
    settings, listing = input_of(folder)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="jb-jobs-") as place:
        _definitions(Path(place), settings, listing, say)


def _definitions(folder: Path, settings: Path, listing: Path, say: Callable[..., None]) -> None:
    out = folder / "ours"

    def ours_with(cache: Path) -> tuple[float, float, float]:
        shutil.rmtree(out, ignore_errors=True)
        command = (COMMAND, "-c", settings, "-q", "jobs", "render", "--out", out, "--repositories", listing)
        return measured(*command, JENKINS_BOOTSTRAP_CACHE=str(cache))

    runs = [ours_with(folder / f"cache{number}") for number in range(5)]
    again = statistics.median(ours_with(folder / "cache0")[0] for _ in range(5))
    ours = statistics.median(seconds for seconds, _, _ in runs)
    busy = statistics.median(seconds for _, seconds, _ in runs)
    peak = max(mebibytes for _, _, mebibytes in runs)
    where = folder / "theirs"
    command = jenkins_jobs_test(folder / "given", settings, listing, where)
    theirs, their_busy, their_peak = measured(*command)
    say(f"XML for {REPOSITORIES} repositories, whole process", ours, SECONDS, "of `jenkins-jobs test`", theirs)
    print(
        f"  on a processor {busy:.2f} s, `jenkins-jobs test` {their_busy:.2f} s: {their_busy / busy:.0f} times",
        flush=True,
    )
    say("  the same, no template changed since the last run", again, SECONDS, "of the first run", ours)
    verdicts = (
        (f"{theirs / ours:.0f} times faster, bar {TIMES}", theirs / ours >= TIMES),
        (f"{peak:.0f} MiB at the most, bar {MEBIBYTES}; `jenkins-jobs test` {their_peak:.0f} MiB", peak <= MEBIBYTES),
    )
    for words, good in verdicts:
        print(f"  {words:85} {'ok' if good else 'MISS'}", flush=True)
    wrong = differing(out, where)
    print(f"  {wrong} of {REPOSITORIES} definitions differ by a byte{'':46} {'MISS' if wrong else 'ok'}", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="jb-jobs-") as name:
        definitions(Path(name))
