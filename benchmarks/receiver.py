"""The receiver: 200 deliveries a second, each on the disk before its answer; and the calls from a delivery to its job.

    python benchmarks/receiver.py [--seconds 10] [--rate 200]

Receiver and sender are processes of their own. The sender keeps to its times whether answers come or not, and each time
is counted from when the delivery was due, so that an answer held up also counts for those behind it. Beside it a bare
handler of aiohttp, which reads the body and answers, takes the same deliveries from the same sender.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SECRET = "not-a-real-receiver-secret"
VALUES = {"github_receiver_secret": SECRET, "github_token": "not-a-real-token"}
OWNER = "acme-demo"
MOST_MS = 100.0
MOST_JENKINS_CALLS, MOST_GITHUB_CALLS = 3, 1
RUNS = 5


def settings(port: int = 0, address: str = "127.0.0.1", **hooks: str) -> Any:
    from jenkins_bootstrap.config.controller import Receiver
    from jenkins_bootstrap.config.models import Settings

    made = Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {"url": "http://jenkins.example.org/"},
            "github": {"owners": [{"name": OWNER}], "hooks": hooks},
        }
    )
    receiver = Receiver.model_construct(port=port, address=address, queue_most=10_000)
    return made.model_copy(update={"controller": made.controller.model_copy(update={"receiver": receiver})})


def serve(kind: str, folder: Path) -> None:
    """A receiver whose work is a pause, or the bare handler, until ended."""

    def started(host: str, port: int) -> None:
        (folder / "part").write_text(f"http://{host}:{port}")
        (folder / "part").rename(folder / "address")

    if kind == "bare":
        asyncio.run(_bare(started))
        return
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


def bodies(count: int) -> list[tuple[bytes, dict[str, str]]]:
    """Deliveries of as many repositories, each signed."""
    from jenkins_bootstrap.receiver.signature import sign

    payload, made = example(), []
    for number in range(1, count + 1):
        payload["repository"] |= {"id": number, "name": f"repository-{number}", "owner": {"login": OWNER}}
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
def process(kind: str) -> Any:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with (folder / "log").open("w") as log:
            started = subprocess.Popen([sys.executable, __file__, "--serve", kind, scratch], stderr=log)
        try:
            deadline = time.monotonic() + 60
            while not (folder / "address").exists():
                if started.poll() is not None or time.monotonic() > deadline:
                    sys.exit((folder / "log").read_text())
                time.sleep(0.02)
            yield (folder / "address").read_text()
        finally:
            os.kill(started.pid, signal.SIGTERM)
            started.wait(60)


def acknowledged(rate: float, seconds: float) -> bool:
    sent = bodies(int(rate * seconds))
    print(f"{rate:.0f} deliveries a second for {seconds:.0f} s, {len(sent[0][0]) / 1024:.1f} KiB each; milliseconds")
    print(f"{'':34}{'median':>8} {'p99':>8} {'most':>8}   at most {MOST_MS:.0f}")
    well = True
    for kind, words in (("receiver", "receiver, on the disk"), ("bare", "bare handler of aiohttp")):
        with process(kind) as url:
            took = sorted(asyncio.run(send(url, sent, rate)))
        p99, most = took[int(len(took) * 0.99)], took[-1]
        fine = most <= MOST_MS
        well &= fine or kind == "bare"
        verdict = ("ok" if fine else "MISS") if kind == "receiver" else ""
        print(f"{words:34}{took[len(took) // 2]:8.1f} {p99:8.1f} {most:8.1f}   {verdict}", flush=True)
    return well


def to_job() -> bool:
    """From a push that adds a Jenkinsfile to the repository's job: calls, and seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        return _to_job(Path(scratch))


def _to_job(folder: Path) -> bool:
    import socket

    import requests
    from werkzeug.serving import make_server

    from jenkins_bootstrap.boot import documents
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.embedded.github import Store, create_app
    from jenkins_bootstrap.embedded.jenkins.serving import running
    from jenkins_bootstrap.receiver.image import Image

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    (folder / "organisation.json").write_text(json.dumps([{"name": "first", "full_name": f"{OWNER}/first"}]))
    store = Store.load(folder / "organisation.json", folder / "github")
    server = make_server("127.0.0.1", 0, create_app(store), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    github = f"http://127.0.0.1:{server.port}/api/v3"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    layout = Layout(folder / "controller")
    for each in (layout.share, layout.run, layout.state, folder / "jenkins"):
        each.mkdir(parents=True)
    url = f"http://127.0.0.1:{port}/jenkins-bootstrap/webhook"
    layout.settings.write_text(json.dumps(documents.image_settings(settings(port, receiver_url=url))))
    layout.image.write_text(json.dumps({"target": "embedded"}))
    environ = {"JENKINS_BOOTSTRAP_EMBEDDED_AWS": "http://127.0.0.1:9/", "JENKINS_BOOTSTRAP_EMBEDDED_GITHUB": github}
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
        layout.service_token.write_text(jenkins.token)
        image = Image(layout, environ, say=said.append, url=jenkins.url)
        image.read_secret = lambda: VALUES  # type: ignore[method-assign]
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        service = image.service()
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
    parser.add_argument("--serve", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve[0], Path(given.serve[1]))
        return 0
    return 0 if deliveries(given.rate, given.seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
