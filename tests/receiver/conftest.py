"""A receiver that really listens, with a reconciliation that writes down what it was asked for."""

import asyncio
import http.client
import json
import threading
import time
from dataclasses import dataclass, field

import pytest

from jenkins_bootstrap.boot import documents
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.config.controller import Receiver
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.receiver.ports import Busy, Result
from jenkins_bootstrap.receiver.service import Service
from jenkins_bootstrap.receiver.signature import sign

SECRET = "not-a-real-receiver-secret"
TOKEN = "not-a-real-reconcile-token"
OWNERS = ["acme-demo", "Codertocat", "Octocoders", "octocat"]
FAR = 10_000.0


@pytest.fixture
def settings() -> Settings:
    made = Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {"url": "https://jenkins.example.org/"},
            "github": {"owners": [{"name": name} for name in OWNERS]},
        }
    )
    # Port 0: any that is free, which no settings file can ask for.
    receiver = Receiver.model_construct(port=0, address="127.0.0.1", queue_most=1000)
    return made.model_copy(update={"controller": made.controller.model_copy(update={"receiver": receiver})})


@pytest.fixture(scope="session")
def lay_out():
    """A function that makes what an image's receiver reads below a folder, and returns its layout.

    A port of 0, which settings of an image cannot have, becomes the usual one.
    """

    def made(folder, settings):
        layout = Layout(folder)
        for each in (layout.share, layout.run, layout.state):
            each.mkdir(parents=True)
        if not settings.controller.receiver.port:
            controller = settings.controller.model_copy(update={"receiver": Receiver()})
            settings = settings.model_copy(update={"controller": controller})
        layout.settings.write_text(json.dumps(documents.image_settings(settings)))
        layout.image.write_text(json.dumps({"target": "embedded"}))
        return layout

    return made


def make_payload(action="created", id_=7, name="one", owner="acme-demo", **more):
    repository = {"id": id_, "name": name, "owner": {"login": owner}, "default_branch": "main"}
    return {"action": action, "repository": repository, **more}


def wait_until(true, seconds=5.0):
    """Wait until something is so, which another thread makes so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "never came"
        time.sleep(0.005)


@pytest.fixture
def payload():
    return make_payload


@pytest.fixture
def until():
    return wait_until


@pytest.fixture
def work():
    return Work()


@dataclass
class Work:
    """The reconciliation: keeps what it was asked for, fails as often as told, waits while held."""

    asked: list = field(default_factory=list)
    fail: int = 0
    busy: int = 0
    free: threading.Event = field(default_factory=threading.Event)
    lines: tuple = ("1 created",)

    def __post_init__(self):
        self.free.set()

    def __call__(self, target):
        if self.busy > 0:
            self.busy -= 1
            raise Busy("jobs sync of process 42")
        self.asked.append(target)
        assert self.free.wait(10)
        if self.fail > 0:
            self.fail -= 1
            return Result(error="GitHub is away")
        return Result(changes=1, lines=self.lines)


@dataclass
class Running:
    """A receiver that listens, and how it is spoken to."""

    service: Service
    work: Work
    said: list
    secret: dict
    host: str = ""
    port: int = 0

    def call(self, method, path, body=b"", headers=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def send(self, event, body, id_="d-1", hook="1", secret=SECRET, **headers):
        """A delivery as GitHub makes it; returns status and outcome."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": id_,
            "X-GitHub-Hook-ID": hook,
            "Content-Type": "application/json",
            "X-Hub-Signature-256": sign(secret, raw),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in all_headers.items() if value is not None}
        status, text = self.call("POST", "/jenkins-bootstrap/webhook", raw, kept)
        return status, json.loads(text)["outcome"]

    def idle(self):
        wait_until(lambda: self.service.queue.waiting().length == 0)


@pytest.fixture
def start(settings, tmp_path):
    """Starts receivers; `first` is the first full reconciliation in seconds."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = []

    def begin(first=FAR, database="deliveries.db", work=None, secret=None, **options):
        said, held = [], {"github_receiver_secret": SECRET} if secret is None else secret

        def read():
            return dict(held)

        job = work or Work()
        service = Service(
            settings,
            tmp_path / database,
            options.pop("read_secret", read),
            lambda _values: job,
            token=lambda: TOKEN,
            say=said.append,
            first=first,
            stop_seconds=2.0,
            **options,
        )
        runner = asyncio.run_coroutine_threadsafe(service.start(), loop).result(10)
        made = Running(service, job, said, held, *runner.addresses[0][:2])
        running.append((made, runner))
        return made

    def end(made=None):
        for each, runner in [pair for pair in running if made in (None, pair[0])]:
            each.work.free.set()
            asyncio.run_coroutine_threadsafe(each.service.stop(runner), loop).result(10)
            running.remove((each, runner))

    begin.stop, begin.loop = end, loop
    yield begin
    end()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def receiver(start):
    return start()
