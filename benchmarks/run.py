"""The figures of the project, each measured beside something it can be compared with, in one run.

    python benchmarks/run.py            what is quick (some minutes)
    python benchmarks/run.py --cold     also a fresh clone with empty caches

Input is the organisation of 1,894 repositories in ../shared/data where it is, else a generated one of the same size.
Wall-clock seconds, medians of the runs given; the machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
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

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
BIN = Path(sys.executable).parent
COMMAND = BIN / "jenkins-bootstrap"
REPOSITORIES = 1894


def environment(**more: str) -> dict[str, str]:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JENKINS_")) and k != "PYTHONDONTWRITEBYTECODE"
    }
    return kept | more


def run(*command: object, cwd: Path = ROOT, **more: str) -> str:
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def median(measured: Callable[[], object], runs: int) -> float:
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        measured()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def row(figure: str, ours: float, bar: float, beside: str, theirs: float) -> None:
    ratio = f"{ours / theirs:6.2f} x" if theirs else ""
    verdict = "ok  " if ours <= bar else "MISS"
    print(f"{figure:58} {ours:7.2f} s  {bar:6.1f} s  {verdict}  {ratio} {beside} ({theirs:.2f} s)", flush=True)


def organisation(folder: Path) -> Path:
    """The real organisation, or one of the same size."""
    real = SHARED / "github-org-jenkinsci-2025-09-13.json"
    if real.is_file():
        return real
    made = folder / "organisation.json"
    names = [f"repository-{n:04}-plugin" for n in range(REPOSITORIES)]
    made.write_text(json.dumps([{"name": n, "full_name": f"jenkinsci/{n}", "topics": []} for n in names]))
    return made


def settings(folder: Path) -> Path:
    """Settings for that organisation, with the real update-center document where it is."""
    path = folder / "jenkins-bootstrap.yml"
    text = (ROOT / "jenkins-bootstrap.yml").read_text().replace("name: acme-demo", "name: jenkinsci")
    text += f"\nembedded:\n  github: {organisation(folder)}\n"
    center = SHARED / "jenkins-update-center-2025-09-13.json"
    if center.is_file():
        text += f"  update_center: {center}\n"
    path.write_text(text)
    return path


def start_up(folder: Path) -> None:
    bare = median(lambda: run(sys.executable, "-c", "import click"), 9)
    row("jenkins-bootstrap --help", median(lambda: run(COMMAND, "--help"), 9), 0.2, "of `import click`", bare)
    out = folder / "out"
    file = folder / "jenkins-bootstrap.yml"

    def render() -> None:
        run(COMMAND, "-c", file, "render", "--out", out, "--no-facts")

    render()  # compiles the stages: the Groovy compile is not counted
    imports = median(lambda: run(sys.executable, "-c", "import click, pydantic, jinja2, yaml"), 7)
    row("render, besides AWS and the Groovy compile", median(render, 7), 0.6, "of its imports alone", imports)


def job_definitions(folder: Path) -> None:
    """All definitions against jenkins-jobs on the same input."""
    file = folder / "jenkins-bootstrap.yml"
    listing = organisation(folder)
    ours = median(
        lambda: run(COMMAND, "-c", file, "jobs", "render", "--out", folder / "jobs", "--repositories", listing), 3
    )
    theirs = median(lambda: run(*jenkins_jobs_test(folder / "jjb", file, listing, folder / "xml")), 1)
    row(f"jobs render, {REPOSITORIES} repositories, whole process", ours, 3.0, "of `jenkins-jobs test`", theirs)


def jenkins_jobs_test(folder: Path, settings: Path, listing: Path, out: Path) -> list[object]:
    """The command by which plain `jenkins-jobs` renders the same: our templates, and the repositories as its YAML."""
    folder.mkdir()
    dump = (
        "import sys; from pathlib import Path; from jenkins_bootstrap.cli.context import Context\n"
        "from jenkins_bootstrap.cli.sources import selected, use_file\n"
        "from jenkins_bootstrap.jobs import definitions as d\n"
        "ctx = Context(settings_path=Path(sys.argv[1])); use_file(ctx, Path(sys.argv[2]))\n"
        "Path(sys.argv[3]).write_text(d.to_yaml(d.definitions(ctx.settings, selected(ctx))))\n"
    )
    run(sys.executable, "-c", dump, settings, listing, folder / "projects.yaml")
    for template in (ROOT / "jobs").glob("*.yaml"):
        shutil.copyfile(template, folder / template.name)
    ini = ROOT / "jobs" / "jenkins_jobs.ini"
    return [BIN / "jenkins-jobs", "--conf", ini, "test", folder, "-o", out, "--config-xml"]


def bakes(folder: Path) -> None:
    """make jenkins-ami with warm caches and nothing in the embedded AWS; then with nothing changed."""
    file = folder / "jenkins-bootstrap.yml"
    make = ("make", "-s", "jenkins-ami", f"SETTINGS={file}")
    try:
        run(*make)  # fills the caches: root file system, packages, dependencies of the image
        run(COMMAND, "-c", file, "embedded", "down", "--wipe")
        shutil.rmtree(folder / ".jenkins-bootstrap", ignore_errors=True)
        started = time.perf_counter()
        told = json.loads(run(COMMAND, "-c", file, "--json", "bake", "controller"))
        took = time.perf_counter() - started
        packer = sum(told["packer_seconds"].values())
        row(f"make jenkins-ami, warm, {REPOSITORIES} repositories, both images", took, 20.0, "of Packer alone", packer)
        others = told["seconds"].get("embedded AWS", 0.0) + told["seconds"].get("waiting for Groovy", 0.0)
        row("  of it our own", took - packer - others, 3.0, "of the whole", took)
        row("make jenkins-ami, nothing changed", median(lambda: run(*make), 3), 20.0, "of the warm bake", took)
    finally:
        run(COMMAND, "-c", file, "embedded", "down", "--wipe")


def cold(folder: Path) -> None:
    """A fresh clone with empty caches; system packages are there already, or are installed by the first run of make."""
    clone = folder / "clone"
    run("git", "clone", "-q", ROOT, clone)
    given = settings(folder)
    more = {"JENKINS_BOOTSTRAP_CACHE": str(folder / "cache"), "PIP_CACHE_DIR": str(folder / "pip")}
    started = time.perf_counter()
    done = subprocess.run(
        ["make", "-s", "jenkins-ami", f"SETTINGS={given}"],
        cwd=clone,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=True,
    )
    took = time.perf_counter() - started
    row("make jenkins-ami, cold: fresh clone, empty caches", took, 300.0, "of five minutes", 300.0)
    for line in done.stderr.splitlines():
        if "download" in line:
            print(f"  {line}")
    run(clone / ".venv/bin/jenkins-bootstrap", "-c", given, "embedded", "down", "--wipe", **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold", action="store_true", help="also from a fresh clone with empty caches")
    chosen = parser.parse_args()
    print(f"{'figure':58} {'ours':>9}  {'bar':>8}        beside")
    with tempfile.TemporaryDirectory(prefix="jb-bench-") as name:
        folder = Path(name)
        settings(folder)
        start_up(folder)
        job_definitions(folder)
        from jobs import definitions

        definitions(folder)
        from discovery import discovery

        discovery(folder)
        from sync import synchronisation

        synchronisation(folder)
        from receiver import deliveries

        deliveries()
        bakes(folder)
        from controller import boots  # here, as it imports this module

        try:
            boots(folder)
        finally:
            run(COMMAND, "-c", folder / "jenkins-bootstrap.yml", "embedded", "down", "--wipe")
    if chosen.cold:
        with tempfile.TemporaryDirectory(prefix="jb-cold-") as name:
            cold(Path(name))


if __name__ == "__main__":
    main()
