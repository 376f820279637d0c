"""The receiver: 200 deliveries a second, each on the disk before its answer; and the calls from a delivery to its job.

    python benchmarks/receiver.py [--seconds 10] [--rate 200]

Receiver and sender are processes of their own. The sender keeps to its times whether answers come or not, and each time
is counted from when the delivery was due, so that an answer held up also counts for those behind it. Beside it a bare
handler of aiohttp, which reads the body and answers, takes the same deliveries from the same sender.

Twice the receiver has real work at the same time, wired as in an image: it makes the jobs of 10,000 repositories, then
looks at all of them again and again. GitHub, Jenkins, the receiver and the sender share the processors of one machine
then, so that these figures are worse than those of a controller, to which others send.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jenkins_bootstrap.boot.local import free_port
from jenkins_bootstrap.embedded.servers import serve as serve_wsgi

ROOT = Path(__file__).resolve().parents[1]
SECRET = "not-a-real-receiver-secret"
VALUES = {"github_receiver_secret": SECRET, "github_token": "not-a-real-token"}
OWNER, BIG = "acme-demo", "big-org"
MOST_MS = 100.0
MOST_JENKINS_CALLS, MOST_GITHUB_CALLS = 3, 1
RUNS = 5


def settings(port: int = 0, address: str = "127.0.0.1", owner: str = OWNER, **hooks: str) -> Any:
    from jenkins_bootstrap.config.controller import Receiver
    from jenkins_bootstrap.config.models import Settings

    made = Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {"url": "http://jenkins.example.org/"},
            "github": {"owners": [{"name": owner}], "hooks": hooks},
        }
    )
    receiver = Receiver.model_construct(port=port, address=address, queue_most=10_000)
    return made.model_copy(update={"controller": made.controller.model_copy(update={"receiver": receiver})})


def image(folder: Path, given: Any, github: str, jenkins: str, token: str, say: Any = None) -> Any:
    """A controller below `folder`, wired to this GitHub and this Jenkins."""
    from jenkins_bootstrap.boot import documents
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.receiver.image import Image
    from jenkins_bootstrap.receiver.telling import to_stderr

    layout = Layout(folder / "controller")
    for each in (layout.share, layout.run, layout.state):
        each.mkdir(parents=True)
    layout.settings.write_text(json.dumps(documents.image_settings(given)))
    layout.image.write_text(json.dumps({"target": "embedded"}))
    layout.service_token.write_text(token)
    environ = {"JENKINS_BOOTSTRAP_EMBEDDED_AWS": "http://127.0.0.1:9/", "JENKINS_BOOTSTRAP_EMBEDDED_GITHUB": github}
    made = Image(layout, environ, say=say or to_stderr, url=jenkins)
    made.read_secret = lambda: VALUES  # type: ignore[method-assign]
    return made


def serve(folder: Path, kind: str, *about: str) -> None:
    """Until ended: a receiver whose work is a pause, one that keeps a Jenkins in step, or the bare handler."""

    def started(host: str, port: int) -> None:
        (folder / "part").write_text(f"http://{host}:{port}")
        (folder / "part").rename(folder / "address")

    if kind == "bare":
        asyncio.run(_bare(started))
    elif kind == "working":
        image(folder, settings(free_port(), owner=BIG), *about).service().run(started)
    else:
        from jenkins_bootstrap.receiver.ports import Result
        from jenkins_bootstrap.receiver.service import Service

        def work(_target: object) -> Result:
            time.sleep(0.05)
            return Result()

        Service(settings(), folder / "deliveries.db", lambda: VALUES, lambda _v: work, first=1e6).run(started)


async def _bare(started: Any) -> None:
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"outcome": "queued"}, status=202)

    app = web.Application()
    app.router.add_post("/jenkins-bootstrap/webhook", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    started(*runner.addresses[0][:2])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


def example() -> dict[str, Any]:
    """GitHub's own example of a made repository, as large as they are."""
    packed = ROOT / "tests/data/github/webhooks-examples.json.gz"
    found: dict[str, Any] = json.loads(gzip.decompress(packed.read_bytes()))["repository"][1]
    return found


def bodies(count: int, first: int = 1, owner: str = OWNER) -> list[tuple[bytes, dict[str, str]]]:
    """Deliveries of as many repositories, each signed."""
    from jenkins_bootstrap.receiver.signature import sign

    payload, made = example(), []
    for number in range(first, first + count):
        payload["repository"] |= {"id": number, "name": f"repository-{number}", "owner": {"login": owner}}
        raw = json.dumps(payload).encode()
        headers = {
            "X-GitHub-Event": "repository",
            "X-GitHub-Delivery": f"{number:032x}",
            "X-GitHub-Hook-ID": "1",
            "X-Hub-Signature-256": sign(SECRET, raw),
            "Content-Type": "application/json",
        }
        made.append((raw, headers))
    return made


async def send(url: str, sent: list[tuple[bytes, dict[str, str]]], rate: float) -> list[float]:
    """Milliseconds of each delivery, from when it was due to its answer."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(due: float, raw: bytes, headers: dict[str, str]) -> float:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            async with session.post(url + "/jenkins-bootstrap/webhook", data=raw, headers=headers) as answer:
                await answer.read()
                assert answer.status == 202, answer.status
            return (time.perf_counter() - due) * 1000

        start = time.perf_counter() + 0.2
        return await asyncio.gather(*(one(start + n / rate, *each) for n, each in enumerate(sent)))


@contextmanager
def process(kind: str, *about: str) -> Iterator[tuple[str, Path]]:
    """A server of this kind: its URL, and the file with what it says."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with (folder / "log").open("w") as log:
            started = subprocess.Popen([sys.executable, __file__, "--serve", scratch, kind, *about], stderr=log)
        try:
            deadline = time.monotonic() + 60
            while not (folder / "address").exists():
                if started.poll() is not None or time.monotonic() > deadline:
                    sys.exit((folder / "log").read_text())
                time.sleep(0.02)
            yield (folder / "address").read_text(), folder / "log"
        finally:
            os.kill(started.pid, signal.SIGTERM)
            started.wait(60)


@contextmanager
def organisation(folder: Path) -> Iterator[tuple[str, str, str]]:
    """A GitHub with 10,000 repositories and a Jenkins without jobs, for a receiver that works: what it is to know."""
    import requests
    from discovery import github
    from sync import embedded

    with github(folder) as api, embedded(folder / "jenkins") as jenkins:
        limits = {"points": 10**9, "secondary": False}  # what is measured is no pace of GitHub's
        requests.put(api.removesuffix("api/v3") + "-/limits", json=limits, timeout=10).raise_for_status()
        yield api, jenkins.url, jenkins.token


def took(url: str, sent: list[tuple[bytes, dict[str, str]]], rate: float, words: str, *, judged: bool = True) -> bool:
    """Send them; whether each was answered in time."""
    each = sorted(asyncio.run(send(url, sent, rate)))
    fine = each[-1] <= MOST_MS
    verdict = ("ok" if fine else "MISS") if judged else ""
    figures = f"{each[len(each) // 2]:8.1f} {each[int(len(each) * 0.99)]:8.1f} {each[-1]:8.1f}"
    print(f"{words:58}{figures}   {verdict}", flush=True)
    return fine or not judged


def acknowledged(rate: float, seconds: float) -> bool:
    count = int(rate * seconds)
    sent = bodies(count)
    print(f"{rate:.0f} deliveries a second for {seconds:.0f} s, {len(sent[0][0]) / 1024:.1f} KiB each; milliseconds")
    print(f"{'':58}{'median':>8} {'p99':>8} {'most':>8}   at most {MOST_MS:.0f}")
    with process("bare") as (url, _log):
        took(url, sent, rate, "bare handler of aiohttp", judged=False)
    with process("receiver") as (url, _log):
        well = took(url, sent, rate, "receiver, on the disk")
    with tempfile.TemporaryDirectory() as scratch, organisation(Path(scratch)) as about:
        sent = bodies(2 * count, owner=BIG)
        with process("working", *about) as (url, log):
            well &= took(url, sent[:count], rate, "  while it makes the jobs of 10,000 repositories")
            while not (ended := looks(log)):
                time.sleep(0.1)
            well &= took(url, sent[count:], rate, "  while it looks at all of them, again and again")
            meanwhile = looks(log) - ended
            while looks(log) == ended:  # one is under way
                time.sleep(0.1)
            print(f"  {meanwhile} such looks ended meanwhile, and one was under way", flush=True)
    return well


def looks(log: Path) -> int:
    return log.read_text().count("reconcile kind=everything outcome=done")


def to_job() -> bool:
    """From a push that adds a Jenkinsfile to the repository's job: calls, and seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        return _to_job(Path(scratch))


def _to_job(folder: Path) -> bool:
    import requests

    from jenkins_bootstrap.embedded.github import Store, create_app
    from jenkins_bootstrap.embedded.jenkins.serving import running

    (folder / "organisation.json").write_text(json.dumps([{"name": "first", "full_name": f"{OWNER}/first"}]))
    store = Store.load(folder / "organisation.json", folder / "github")
    server = serve_wsgi(create_app(store))
    github = f"http://127.0.0.1:{server.port}/api/v3"
    port = free_port()
    url = f"http://127.0.0.1:{port}/jenkins-bootstrap/webhook"
    (folder / "jenkins").mkdir()
    said: list[str] = []

    def ask(method: str, path: str, **body: Any) -> None:
        token = {"Authorization": "token not-a-real-token"}
        requests.request(method, github + path, json=body, headers=token, timeout=10).raise_for_status()

    def until(words: str) -> None:
        deadline = time.monotonic() + 30
        while not any(words in line for line in said):
            if time.monotonic() > deadline:
                sys.exit("never came: " + words + "\n" + "\n".join(said))
            time.sleep(0.001)

    with running(folder / "jenkins") as jenkins:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        given = settings(port, receiver_url=url)
        service = image(folder, given, github, jenkins.url, jenkins.token, said.append).service()
        runner = asyncio.run_coroutine_threadsafe(service.start(), loop).result(30)
        until("kind=everything outcome=done")
        config = {"url": url, "content_type": "json", "secret": SECRET}
        ask("POST", f"/orgs/{OWNER}/hooks", name="web", events=["push", "repository"], config=config)
        calls: list[tuple[int, int, float]] = []
        for number in range(RUNS):
            name = f"new-{number}"
            ask("POST", f"/orgs/{OWNER}/repos", name=name)
            until(f"repository={OWNER}/{name} outcome=done")
            said.clear()
            jenkins.app.calls.reset()
            content = base64.b64encode(b"pipeline {}").decode()
            before, started = len(store.requests), time.perf_counter()
            ask("PUT", f"/repos/{OWNER}/{name}/contents/Jenkinsfile", message="pipeline", content=content)
            until(f"repository={OWNER}/{name} outcome=done changes=2")
            took = time.perf_counter() - started
            # The push itself is a request too.
            calls.append((jenkins.app.calls.total, len(store.requests) - before - 1, took))
        asyncio.run_coroutine_threadsafe(service.stop(runner), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
    server.shutdown()
    jenkins_calls, github_calls = (max(each[place] for each in calls) for place in (0, 1))
    seconds = sorted(each[2] for each in calls)[RUNS // 2]
    well = jenkins_calls <= MOST_JENKINS_CALLS and github_calls <= MOST_GITHUB_CALLS
    print(
        f"webhook to job: {jenkins_calls} calls of Jenkins (at most {MOST_JENKINS_CALLS}), {github_calls} of GitHub"
        f" (at most {MOST_GITHUB_CALLS}), {seconds:.2f} s from the push to the job and its scan asked for"
        f"   {'ok' if well else 'MISS'}",
        flush=True,
    )
    return well


def deliveries(rate: float = 200.0, seconds: float = 10.0) -> bool:
    """Both figures; whether they keep their bars."""
    return all([acknowledged(rate, seconds), to_job()])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        folder, kind, *about = given.serve
        serve(Path(folder), kind, *about)
        return 0
    return 0 if deliveries(given.rate, given.seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
