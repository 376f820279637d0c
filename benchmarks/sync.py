"""Synchronisation of 10,000 repositories with Jenkins: calls, seconds and memory, beside `jenkins-jobs update`.

    python benchmarks/sync.py
    JENKINS_WAR=FILE JENKINS_PLUGINS=DIR python benchmarks/sync.py --real

Each run is a process of its own that lists the organisation from a file (the time of that is GitHub's, and is left out)
and speaks to a Jenkins in another process: the embedded one, or with --real a real one. What `jenkins-jobs update`
does with the same definitions is measured with 1,000 of them against the embedded one, as 10,000 take it many minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORIES = 10_000
BESIDE = 1_000
RUNS = 5
OWNER = "big-org"
TOKEN = "not-a-real-token"
MOST_SECONDS = 1.0
MOST_MIB = 200.0
SETTINGS: dict[str, Any] = {
    "version": 1,
    "project": "demo",
    "region": "eu-west-1",
    "controller": {"url": "http://jenkins.example.org/"},
    "github": {"owners": [{"name": OWNER}]},
}


@dataclass(frozen=True)
class Jenkins:
    url: str
    user: str
    token: str


@dataclass(frozen=True)
class Ran:
    """Of a whole process: `seconds` besides GitHub, requests to Jenkins in all and for scans, memory at its most."""

    seconds: float
    calls: int
    scan_calls: int
    scans: int
    changes: int
    mib: float
    parts: dict[str, float]


# -- in processes of their own -------------------------------------------------------------------------------------


def once(started: float, state: Path, file: Path, jenkins: Jenkins) -> None:
    """One reconciliation; what it took is printed."""
    from jenkins_bootstrap.config.models import Settings
    from jenkins_bootstrap.controller.client import Controller
    from jenkins_bootstrap.controller.jobs import JobsApi
    from jenkins_bootstrap.facts import ListedOwners, Repository
    from jenkins_bootstrap.jobs.steps import ScanJobs
    from jenkins_bootstrap.reconcile import Calls, Reconciler

    class Listed:
        def list_all(self) -> ListedOwners:
            rows = json.loads(file.read_text())
            found = tuple(Repository(**{**row, "topics": tuple(row["topics"])}) for row in rows)
            return ListedOwners(found, frozenset({OWNER}))

        def read(self, only: object) -> None:
            raise NotImplementedError

    calls = Calls()
    jobs = JobsApi(Controller(jenkins.url, jenkins.user, jenkins.token), calls)
    made = Reconciler(Settings.model_validate(SETTINGS), Listed(), jobs, state, jenkins.url, calls)
    outcome = made.run()
    if outcome.failed:
        sys.exit("\n".join(str(error) for error in outcome.errors[:5]))
    batches = [step for step in outcome.done if isinstance(step, ScanJobs)]
    told = {
        "seconds": time.time() - started - outcome.seconds["github"],
        "calls": calls.count,
        "scan_calls": len(batches),
        "scans": sum(len(step.paths) for step in batches),
        "changes": outcome.changes - len(batches),
        "mib": peak_mib(),
        "parts": dict(outcome.seconds),
    }
    print(json.dumps(told))


def peak_mib() -> float:
    """Of this process alone: getrusage would begin with what the process had that started it."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def serve(folder: Path) -> None:
    """The embedded Jenkins, until this process is ended; its URL is printed."""
    from jenkins_bootstrap.embedded.jenkins.serving import running

    with running(folder, token=TOKEN) as jenkins:
        print(jenkins.url, flush=True)
        sys.stdin.read()


# -- what is measured ----------------------------------------------------------------------------------------------


def organisation(count: int, **changed: Any) -> list[dict[str, Any]]:
    """Repositories; `changed` is for the one in the middle."""
    rows = [
        {
            "owner": OWNER,
            "name": f"service-{n:05}",
            "id": 500_000 + n,
            "description": f"Service number {n} of the organisation",
            "topics": ["jenkins", f"team-{n % 40}"],
            "pushed_at": f"2026-11-{1 + n % 28:02}T08:00:00Z",
        }
        for n in range(count)
    ]
    rows[count // 2] |= changed
    return rows


def ask(jenkins: Jenkins, path: str, method: str = "GET") -> Any:
    signed = b64encode(f"{jenkins.user}:{jenkins.token}".encode()).decode()
    request = urllib.request.Request(jenkins.url + path, method=method, headers={"Authorization": f"Basic {signed}"})
    with urllib.request.build_opener(NoRedirect).open(request, timeout=600) as answer:
        return json.loads(answer.read() or b"null")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.read()
        return type("Done", (), {"read": lambda _s: b"", "__enter__": lambda s: s, "__exit__": lambda *_a: None})()


@contextmanager
def embedded(folder: Path) -> Iterator[Jenkins]:
    command = [sys.executable, __file__, "--serve", str(folder)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        from jenkins_bootstrap.embedded.layout import JENKINS_USER

        yield Jenkins(child.stdout.readline().strip(), JENKINS_USER, TOKEN)
    finally:
        child.terminate()
        child.wait()


def sync(folder: Path, jenkins: Jenkins, rows: list[dict[str, Any]]) -> Ran:
    file = folder / "organisation.json"
    file.write_text(json.dumps(rows))
    (folder / "token").write_text(jenkins.token)
    command = [sys.executable, __file__, "--once", str(folder), jenkins.url, jenkins.user]
    done = subprocess.run(
        command, env=os.environ | {"STARTED": str(time.time())}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"the synchronisation failed:\n{done.stderr[-3000:]}")
    return Ran(**json.loads(done.stdout))


def often(folder: Path, jenkins: Jenkins, rows: list[dict[str, Any]]) -> Ran:
    """The median of a few runs that have nothing to do."""
    return sorted((sync(folder, jenkins, rows) for _ in range(RUNS)), key=lambda ran: ran.seconds)[RUNS // 2]


def line(figure: str, ran: Ran, most_calls: int, beside: str, *, scan_calls: int, most_seconds: float = 0.0) -> None:
    good = ran.calls - ran.scan_calls <= most_calls and ran.scan_calls == scan_calls and ran.mib <= MOST_MIB
    good = good and (not most_seconds or ran.seconds <= most_seconds)
    bar = f", bar {most_seconds:.1f} s" if most_seconds else ""
    scans = f" + {ran.scan_calls} for {ran.scans} scans" if ran.scan_calls else ""
    print(
        f"{figure:58} {ran.calls - ran.scan_calls:7} c  {most_calls:6} c  {'ok  ' if good else 'MISS'}"
        f"{scans}  {ran.seconds:.2f} s{bar}, {ran.mib:.0f} MiB (bar {MOST_MIB:.0f}){beside}",
        flush=True,
    )
    print(f"  {', '.join(f'{k} {v:.2f} s' for k, v in ran.parts.items())}", file=sys.stderr)


def rows_of(jenkins: Jenkins, folder: Path, count: int, words: str, beside: list[str]) -> None:
    """The rows of the table against one Jenkins. `beside` says what jenkins-jobs needs, for each."""
    folder.mkdir()
    batches = -(-count // 1000)
    plain = organisation(count)
    line(f"sync{words}, {count} new", sync(folder, jenkins, plain), count + 5, beside[0], scan_calls=batches)
    nothing = "nothing changed"
    line(f"  {nothing}", often(folder, jenkins, plain), 1, beside[1], scan_calls=0, most_seconds=MOST_SECONDS)
    told = organisation(count, description="Another description")
    line("  one changed, its description", sync(folder, jenkins, told), 2, beside[2], scan_calls=0)
    built = organisation(count, description="Another description", default_branch="trunk", name="renamed")
    line("  that one renamed", sync(folder, jenkins, built), 3, "", scan_calls=0)
    line("  the next time", often(folder, jenkins, built), 1, "", scan_calls=0, most_seconds=MOST_SECONDS)
    ask(jenkins, "job/github/doDelete", "POST")
    line("  Jenkins wiped", sync(folder, jenkins, built), count + 5, beside[3], scan_calls=batches)


def jenkins_jobs(folder: Path, jenkins: Jenkins, rows: list[dict[str, Any]]) -> tuple[int, float, float]:
    """Calls, seconds and MiB of `jenkins-jobs update` for the definitions of these repositories."""
    from jenkins_bootstrap.config.models import Settings
    from jenkins_bootstrap.facts import Repository
    from jenkins_bootstrap.jobs import definitions
    from jenkins_bootstrap.resources import share

    found = [Repository(**{**row, "topics": tuple(row["topics"])}) for row in rows]
    data = definitions.definitions(Settings.model_validate(SETTINGS), found)
    (folder / "yaml").mkdir(exist_ok=True)
    (folder / "yaml" / "projects.yaml").write_text(definitions.to_yaml(data))
    for template in share("jobs").glob("*.yaml"):
        shutil.copy(template, folder / "yaml")
    ini = (share("jobs") / "jenkins_jobs.ini").read_text()
    account = f"\n[jenkins]\nurl={jenkins.url}\nuser={jenkins.user}\npassword={jenkins.token}\n"
    (folder / "jjb.ini").write_text(ini + account)
    ask(jenkins, "-/calls", "DELETE")
    command = [Path(sys.executable).parent / "jenkins-jobs", "--conf", folder / "jjb.ini", "update", folder / "yaml"]
    home = os.environ | {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    started = time.perf_counter()
    with (folder / "jjb.log").open("w") as log:
        child = subprocess.Popen(command, env=home, stdout=log, stderr=log)
        _pid, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - started
    if status:
        sys.exit(f"jenkins-jobs failed:\n{(folder / 'jjb.log').read_text()[-3000:]}")
    return ask(jenkins, "-/calls")["total"], took, used.ru_maxrss / 1024


def synchronisation(folder: Path) -> None:
    """The rows against the embedded Jenkins, beside jenkins-jobs against it."""
    folder = folder / "sync"
    folder.mkdir()
    theirs = []
    with embedded(folder / "their-jenkins") as jenkins:
        beside = folder / "beside"
        beside.mkdir()
        theirs.append(jenkins_jobs(beside, jenkins, organisation(BESIDE)))
        theirs.append(jenkins_jobs(beside, jenkins, organisation(BESIDE)))
        changed = organisation(BESIDE, description="Another description")
        theirs.append(jenkins_jobs(beside, jenkins, changed))
        ask(jenkins, "job/github/doDelete", "POST")
        theirs.append(jenkins_jobs(beside, jenkins, changed))
        made = "makes none again, by its cache" if len(ask(jenkins, "-/items")) < BESIDE else "makes them again"
    told = [
        f"; jenkins-jobs update of {BESIDE}: {calls} calls, {took:.1f} s, {mib:.0f} MiB" for calls, took, mib in theirs
    ]
    told[3] += f", and {made}"
    with embedded(folder / "jenkins") as jenkins:
        rows_of(jenkins, folder / "ours", REPOSITORIES, "", told)
        left = ask(jenkins, "-/calls")["not_modelled"]
        if left:
            sys.exit(f"not in the embedded Jenkins: {left[:5]}")


def real(folder: Path) -> None:
    """The same rows against a real Jenkins."""
    from real_jenkins import EVERY, World

    from jenkins_bootstrap.boot import local
    from jenkins_bootstrap.embedded.layout import JENKINS_USER

    with closing(World.make(folder / "world", 5)) as world:
        controller = world.controller(folder / "controller")
        with local.running(controller, EVERY):
            token = controller.layout.service_token.read_text().strip()
            jenkins = Jenkins(controller.url, JENKINS_USER, token)
            ask(jenkins, "job/github/doDelete", "POST")  # the jobs of the seed
            rows_of(jenkins, folder / "ours", REPOSITORIES, " with a real Jenkins", [""] * 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true", help="against a real Jenkins: JENKINS_WAR and JENKINS_PLUGINS")
    parser.add_argument("--once", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.once:
        folder, url, user = chosen.once
        jenkins = Jenkins(url, user, (Path(folder) / "token").read_text())
        once(float(os.environ["STARTED"]), Path(folder) / "state", Path(folder) / "organisation.json", jenkins)
        return
    if chosen.serve:
        serve(Path(chosen.serve))
        return
    with tempfile.TemporaryDirectory(prefix="jb-sync-") as name:
        (real if chosen.real else synchronisation)(Path(name))


if __name__ == "__main__":
    main()
