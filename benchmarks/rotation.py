"""What a look of `watch` takes that applies a change to a real Jenkins, beside the same look with nothing changed.

    JENKINS_WAR=FILE JENKINS_PLUGINS=DIR python benchmarks/rotation.py

Whole processes, as the timer starts them, against the embedded AWS; medians of looks in turns. What is rotated is
applied within one period of the timer and such a look. `make bench` runs this when both variables are set.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from real_jenkins import EVERY, World
from run import COMMAND, row, run

from jenkins_bootstrap.boot.documents import ENDPOINTS
from jenkins_bootstrap.boot.local import LocalController, running

RUNS = 5
BAR = 5.0


def put(world: World, number: int) -> None:
    """A new password and a new webhook secret in the key-value secret."""
    aws, name = world.ctx.aws, world.ctx.settings.secrets.settings
    values = json.loads(aws.call("secretsmanager", "get_secret_value", SecretId=name)["SecretString"])
    for key in ("admin_password", "github_webhook_secret"):
        values[key] = f"not-a-real-{key}-{number}"
    aws.call("secretsmanager", "put_secret_value", SecretId=name, SecretString=json.dumps(values))


def put_key(world: World) -> None:
    """A new key of the agents, with which every cloud is made anew."""
    pem = rsa.generate_private_key(public_exponent=65537, key_size=4096).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    name = world.ctx.settings.secrets.agent_key
    world.ctx.aws.call("secretsmanager", "put_secret_value", SecretId=name, SecretString=pem.decode())


def look(world: World, controller: LocalController, stages: set[str]) -> float:
    """Seconds of one look, which must run just these stages again."""
    told = {"aws_endpoint": world.ctx.endpoints.aws_url, "github_url": world.ctx.endpoints.github_url}
    endpoints = {variable: told[key] for key, variable in ENDPOINTS.items()}
    started = time.perf_counter()
    said = run(COMMAND, "--json", "watch", "--root", controller.layout.root, "--url", controller.url, **endpoints)
    seconds = time.perf_counter() - started
    if (ran := {one["stage"] for one in json.loads(said)["applied"]}) != stages:
        sys.exit(f"a look ran {sorted(ran)} again, and not {sorted(stages)}")
    return seconds


def looks(world: World, controller: LocalController) -> dict[str, list[float]]:
    """Seconds of each look, by what changed before it."""

    def both(number: int) -> None:
        put_key(world)
        put(world, RUNS + number)

    changes: dict[str, tuple[Callable[[int], object], set[str]]] = {
        "nothing": (lambda _number: None, set()),
        "key": (lambda _number: put_key(world), {"aws.txt"}),
        "secret": (lambda number: put(world, number), {"init.groovy", "github.txt"}),
        "all": (both, {"init.groovy", "aws.txt", "github.txt"}),
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in changes}
    for number in range(RUNS):
        for kind, (change, stages) in changes.items():
            change(number)
            seconds[kind].append(look(world, controller, stages))
            print(f"  {kind}: {seconds[kind][-1]:.2f} s", file=sys.stderr)
    return seconds


def main() -> None:
    if not {"JENKINS_WAR", "JENKINS_PLUGINS"} <= set(os.environ):
        sys.exit("give JENKINS_WAR=FILE and JENKINS_PLUGINS=DIR")
    with (
        tempfile.TemporaryDirectory(prefix="jb-rotation-") as name,
        closing(World.make(Path(name, "world"), 5)) as world,
    ):
        controller = world.controller(Path(name, "controller"))
        with running(controller, EVERY) as ready:
            seconds = looks(world, controller)
            assert controller.process is not None
            restarts = ready.restarts + (controller.process.poll() is not None)
    beside, nothing = "of a look with nothing changed", median(seconds["nothing"])
    row("a look of watch that applies a new agents' key", median(seconds["key"]), BAR, beside, nothing)
    row("a look of watch that applies a password, a webhook secret", median(seconds["secret"]), BAR, beside, nothing)
    row("a look of watch that applies all three", median(seconds["all"]), BAR, beside, nothing)
    row("  the slowest look of all", max(max(each) for each in seconds.values()), BAR, beside, nothing)
    print(f"restarts of Jenkins meanwhile: {restarts}")


if __name__ == "__main__":
    main()
