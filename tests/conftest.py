"""What every room's tests share."""

import functools
import gc
import gzip
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from jenkins_bootstrap.config.models import Settings

ROOT = Path(__file__).resolve().parent.parent

# No test is timed: a busy machine makes none of them wrong.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

LONGEST = (
    "cli/test_main_path.py",
    "images/test_images_bake.py",
    "embedded/test_daemon.py",
    "stages/test_stage_running.py",
    "embedded/test_daemon_instances.py",
    "cli/test_try.py",
    "cli/test_check.py",
    "stages/test_stage_plugins.py",
    "embedded/test_metal.py",
    "cli/test_bad_organisation.py",
    "cli/test_two_bakes.py",
    "stages/test_stage_rendering.py",
    "embedded/test_daemon_cli.py",
    "cli/test_wheel.py",
    "embedded/test_seed.py",
)
"""Files that take longest, in the order in which they begin: one that began last would leave the other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; otherwise pytest's order. xdist keeps it, see the Makefile."""
    place = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """What collecting the tests has made stays: looking through it again and again is a tenth of what they take."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


# A shell's background job ignores ^C and so would all it starts; some tests send it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def serve_wsgi() -> Iterator[Callable[..., str]]:
    """Serves a WSGI application on a free port of the loopback and gives its URL, without a slash; `handler` is
    werkzeug's when another one than its own without the log is wanted, `keep_alive` leaves connections open."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):  # type: ignore[misc]
        def log_request(self, *_: Any) -> None:
            pass

    servers = []

    def start(application: Any, handler: Any = Quiet, *, keep_alive: bool = False) -> str:
        if keep_alive:
            handler = type("KeepsAlive", (handler,), {"protocol_version": "HTTP/1.1"})
        server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def jenkins_jobs() -> Callable[..., None]:
    """Runs the real `jenkins-jobs update` over some YAML, with a cache of its own in `folder`."""

    def update(jenkins: Any, folder: Path, text: str, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "jobs.yaml").write_text(text)
        (folder / "jjb.ini").write_text(
            f"[jenkins]\nurl={jenkins.url}\nuser={jenkins.user}\npassword={jenkins.token}\n[job_builder]\n"
        )
        done = subprocess.run(
            [Path(sys.executable).parent / "jenkins-jobs", "--conf", "jjb.ini", "update", *options, "jobs.yaml"],
            cwd=folder,
            env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    return update


@pytest.fixture(scope="session")
def aws_session() -> Iterator[Callable[[str], Any]]:
    """A function from a region to its boto3 session, whose clients are made once and ask once: making them takes longer
    than all that tests ask of them."""
    import boto3
    from botocore.config import Config

    class Session(boto3.session.Session):  # type: ignore[misc]
        def __init__(self, region: str) -> None:
            super().__init__("not-a-real-key", "not-a-real-secret", region_name=region)
            self.made: dict[str, Any] = {}

        def client(self, service: str, **_options: Any) -> Any:
            if service not in self.made:
                self.made[service] = super().client(service, config=Config(retries={"total_max_attempts": 1}))
            return self.made[service]

    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
            patch.delenv(name, raising=False)
        yield functools.cache(Session)


@pytest.fixture
def settings() -> Settings:
    """Settings that name one of everything."""
    return Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {
                "url": "https://jenkins.example.org/",
                "security_groups": {"tags": {"Project": "demo", "Role": "controller"}},
                "subnets": {"tags": {"Project": "demo", "Role": "controller"}},
                "instance_profile": {"name": "demo-controller"},
                "volume": {"tags": {"Project": "demo", "Role": "jenkins-home"}},
                "target_group": "demo-controller",
            },
            "agents": [
                {
                    "label": "linux",
                    "ami": {"image": "agent"},
                    "instance_types": ["m7i.large", "m6i.large"],
                    "security_groups": {"tags": {"Project": "demo", "Role": "agent"}},
                    "subnets": {"tags": {"Project": "demo", "Role": "agent"}, "several": True},
                    "instance_profile": {"name": "demo-agent"},
                }
            ],
            "github": {"owners": [{"name": "acme-demo"}]},
        }
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; tests that want it are skipped where it is not."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the checkout")
    return folder


@pytest.fixture(scope="session")
def webhook_examples() -> dict[str, list[dict[str, Any]]]:
    """GitHub's published example payloads, by event: 329 of 58 events. Not to be changed by a test."""
    packed = (ROOT / "tests" / "data" / "github" / "webhooks-examples.json.gz").read_bytes()
    events: dict[str, list[dict[str, Any]]] = json.loads(gzip.decompress(packed))
    return events


@pytest.fixture(scope="session")
def github_description() -> Any:
    """The module tests/data/github/described.py: GitHub's own description of its REST and payloads, as a check."""
    spec = importlib.util.spec_from_file_location(
        "github_described", ROOT / "tests" / "data" / "github" / "described.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Described()


@pytest.fixture
def described(github_description: Any) -> Iterator[Any]:
    """`described.checked(app)` is the WSGI application of an embedded GitHub with each REST call checked.

    The test fails when a request that succeeds, or any answer, is not as GitHub describes it; `described.payload(event,
    payload)` gives what is wrong with a delivery.
    """
    github_description.problems.clear()
    yield github_description
    assert github_description.problems == []
