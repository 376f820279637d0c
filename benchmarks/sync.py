"""Synchronisation of 10,000 repositories with Jenkins: calls, seconds and memory, beside `jenkins-jobs update`.

    python benchmarks/sync.py
    JENKINS_WAR=FILE JENKINS_PLUGINS=DIR python benchmarks/sync.py --real

Each run is a process of its own that lists the organisation from a file (the time of that is GitHub's, and is left out)
and speaks to a Jenkins in another process: the embedded one, or with --real a real one. The last row is the command
`jobs sync` as people run it, on the embedded target, from the start of its process to the end. What `jenkins-jobs
update` does with the same definitions is measured with 1,000 of them against the embedded one, as 10,000 take it many
minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORIES = 10_000
BESIDE = 1_000
RUNS = 5
OWNER = "big-org"
OWNERS = 5
ROOT = Path(__file__).resolve().parents[1]
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


def once(started: float, state: Path, file: Path, more: dict[str, Any], jenkins: Jenkins) -> None:
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
            return ListedOwners(found, frozenset(owner.name.lower() for owner in settings.github.owners))

        def read(self, only: object) -> None:
            raise NotImplementedError

    settings = Settings.model_validate(SETTINGS | more)
    calls = Calls()
    jobs = JobsApi(Controller(jenkins.url, jenkins.user, jenkins.token), calls)
    made = Reconciler(settings, Listed(), jobs, state, jenkins.url, calls)
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


def organisation(count: int, owners: int = 1, **changed: Any) -> list[dict[str, Any]]:
    """Repositories; `changed` is for the one in the middle."""
    rows = [
        {
            "owner": f"{OWNER}-{n % owners}" if owners > 1 else OWNER,
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
    import requests

    signed = (jenkins.user, jenkins.token)
    answer = requests.request(method, jenkins.url + path, auth=signed, allow_redirects=False, timeout=600)
    answer.raise_for_status()
    return answer.json() if answer.status_code == 200 and answer.content else None


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


def sync(folder: Path, jenkins: Jenkins, rows: list[dict[str, Any]], **more: Any) -> Ran:
    """One run; `more` are settings in place of the usual ones."""
    (folder / "settings.json").write_text(json.dumps(more))
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
    line("  that one renamed", sync(folder, jenkins, built), 4, "", scan_calls=0)
    line("  the next time", often(folder, jenkins, built), 1, "", scan_calls=0, most_seconds=MOST_SECONDS)
    asking = [row | {"override": "branches: [main]\n"} if row["name"] == "renamed" else row for row in built]
    line("  one changed, what is built of it", sync(folder, jenkins, asking), 2, "", scan_calls=1)
    moved = sync(folder, jenkins, asking, jobs={"script_path": "ci/Jenkinsfile"})
    line(f"  all {count} changed, what is built of them", moved, 1 + count, "", scan_calls=batches)
    ask(jenkins, "job/github/doDelete", "POST")
    line("  Jenkins wiped", sync(folder, jenkins, built), count + 5, beside[3], scan_calls=batches)
    ask(jenkins, "job/github/doDelete", "POST")
    several = organisation(count, OWNERS)
    names = {"github": {"owners": [{"name": f"{OWNER}-{n}"} for n in range(OWNERS)]}}
    most = count + 5 + OWNERS - 1
    line(f"  all new, of {OWNERS} owners", sync(folder, jenkins, several, **names), most, "", scan_calls=batches)


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
    command(folder)


def command(folder: Path) -> None:
    """`jobs sync` with nothing to do, as people run it: the process as a whole, besides its listing of GitHub."""
    folder = folder / "command"
    folder.mkdir()
    rows = [row | {"full_name": f"{OWNER}/{row['name']}"} for row in organisation(REPOSITORIES)]
    (folder / "organisation.json").write_text(json.dumps(rows))
    settings = (ROOT / "jenkins-bootstrap.yml").read_text().replace("name: acme-demo", f"name: {OWNER}")
    (folder / "jenkins-bootstrap.yml").write_text(settings + "\nembedded: {github: organisation.json}\n")
    bare = [Path(sys.executable).parent / "jenkins-bootstrap", "-c", folder / "jenkins-bootstrap.yml"]
    try:
        subprocess.run([*bare, "-q", "jobs", "sync"], check=True, capture_output=True)
        runs = sorted(commanded([*bare, "--json", "-v", "jobs", "sync"]) for _ in range(RUNS))
    finally:
        subprocess.run([*bare, "-q", "embedded", "down", "--wipe"], check=True, capture_output=True)
    beside, answering, busy, calls, mib = runs[RUNS // 2]
    verdict = "ok  " if calls == 1 and beside <= MOST_SECONDS else "MISS"
    print(
        f"{'`jobs sync`, nothing changed, the process as a whole':58} {calls:7} c  {1:6} c  {verdict}"
        f"  {beside:.2f} s, bar {MOST_SECONDS:.1f} s; of it Jenkins answers for {answering:.2f} s; "
        f"on a processor {busy:.2f} s with GitHub's listing, {mib:.0f} MiB",
        flush=True,
    )


def commanded(bare: list[Any]) -> tuple[float, float, float, int, float]:
    """Seconds besides GitHub's listing, those of them until Jenkins answered, seconds on a processor, calls, MiB."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        with subprocess.Popen(bare, stdout=out, stderr=log) as child:
            _pid, status, used = os.wait4(child.pid, 0)
            took = time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        log.seek(0)
        told, lines = out.read(), log.read()
    if child.returncode:
        sys.exit(f"jobs sync failed:\n{lines[-3000:]}")
    data = json.loads(told)
    answers = re.findall(r"^  [A-Z]+ job/github/api/json: 200, ([0-9.]+) s$", lines, re.MULTILINE)
    busy = used.ru_utime + used.ru_stime
    return took - data["seconds"]["github"], sum(map(float, answers)), busy, data["calls"], used.ru_maxrss / 1024


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
        more = json.loads((Path(folder) / "settings.json").read_text())
        once(float(os.environ["STARTED"]), Path(folder) / "state", Path(folder) / "organisation.json", more, jenkins)
        return
    if chosen.serve:
        serve(Path(chosen.serve))
        return
    with tempfile.TemporaryDirectory(prefix="jb-sync-") as name:
        (real if chosen.real else synchronisation)(Path(name))


if __name__ == "__main__":
    main()
