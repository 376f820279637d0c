"""Discovery: every repository of an organisation of 10,000 with all that jobs need, beside GitHub's REST listing.

    python benchmarks/discovery.py

The embedded GitHub answers from a process of its own. REST tells neither whether there is a Jenkinsfile nor what the
override file says: that is two calls a repository more, which are counted here and not made.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jenkins_bootstrap.embedded.github.generator import write_organisation
from jenkins_bootstrap.embedded.servers import QuietHandler, serve

REPOSITORIES = 10_000
MOST_CALLS, MOST_POINTS = 100, 110
OWNER = "big-org"
TOKEN = "not-a-real-token"


class KeepsAlive(QuietHandler):
    protocol_version = "HTTP/1.1"


def serve_github(file: Path) -> None:
    """The embedded GitHub on a free port of the loopback, which is printed, until this process is ended."""
    from jenkins_bootstrap.embedded.github import Store, create_app

    server = serve(create_app(Store.load(file, file.parent / "state")), KeepsAlive)
    print(server.port, flush=True)
    sys.stdin.read()


@contextmanager
def github(folder: Path) -> Iterator[str]:
    """The REST root of an embedded GitHub with the organisation."""
    file = folder / "organisation.json"
    write_organisation(file, REPOSITORIES, owners=(OWNER,))
    command = [sys.executable, __file__, "--serve", str(file)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{int(child.stdout.readline())}/api/v3"
    finally:
        child.terminate()
        child.wait()


def measured(api_url: str, state: Path | None) -> tuple[int, int, int, float]:
    """Repositories found, calls, points, seconds of one listing."""
    from jenkins_bootstrap.github.auth import TokenAuth
    from jenkins_bootstrap.github.client import open_session
    from jenkins_bootstrap.github.listing import list_repositories

    used: list[int] = []
    with open_session(api_url) as session:
        session.hooks["response"].append(lambda answer, **_: used.append(int(answer.headers["X-RateLimit-Used"])))
        started = time.perf_counter()
        found = list_repositories(
            OWNER,
            api_url=api_url,
            auth=TokenAuth(TOKEN),
            session=session,
            override_file=".jenkins.yml",
            state=state,
        )
        took = time.perf_counter() - started
    if not any(r.override for r in found):
        sys.exit("no override file was read")
    return len(found), len(used), used[-1] - used[0] + 1, took


def by_rest(api_url: str) -> tuple[int, float]:
    """Calls and seconds of the REST listing, without what it does not tell."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"bearer {TOKEN}"
        started = time.perf_counter()
        url: str | None = f"{api_url}/orgs/{OWNER}/repos?per_page=100"
        calls = 0
        while url:
            answer = session.get(url, timeout=60)
            answer.raise_for_status()
            url = answer.links.get("next", {}).get("url")
            calls += 1
        return calls, time.perf_counter() - started


def discovery(folder: Path) -> None:
    folder = folder / "discovery"
    folder.mkdir()
    with github(folder) as api_url:
        found, calls, points, took = measured(api_url, folder / "kept")
        rest_calls, rest_took = by_rest(api_url)
    whole = rest_calls + 2 * REPOSITORIES
    good = found == REPOSITORIES and calls <= MOST_CALLS and points <= MOST_POINTS
    print(
        f"{f'discovery, {found} repositories':58} {calls:7} c  {MOST_CALLS:6} c  {'ok  ' if good else 'MISS'}"
        f"  {points} points (bar {MOST_POINTS}), {took:.2f} s with the embedded GitHub; REST: {rest_calls} calls in"
        f" {rest_took:.2f} s, and {whole - rest_calls} more for Jenkinsfile and override, not made:"
        f" {calls / whole:.4f} x of the calls",
        flush=True,
    )


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve_github(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory(prefix="jb-discovery-") as name:
        discovery(Path(name))


if __name__ == "__main__":
    main()
