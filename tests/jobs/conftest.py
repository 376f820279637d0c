"""An organisation whose names and descriptions are as bad as GitHub, or a cut-off listing, can give them."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.definitions import definitions, templates, to_yaml
from jenkins_bootstrap.jobs.jjb import CONFIGURATION
from jenkins_bootstrap.resources import share

NAMES = ["null", "007", "1.10", "on", "-x", "true", "0x1F", "1e3", "2026-11-24", "_", ".github", "a_-b__c", "yes-No"]
PIECES = [
    "{x}", "{{y}}", "{", "}}", "{obj:a}", "{a|b}", "{0}", "]]>", "<![CDATA[", "<!-- c -->", "&", "&amp;", "<b>", '"',
    "'", "\\", "\\1", "%s", "$HOME", "#", ": ", "- ", "\t", "\n", "\r\n", "\r", "\x00", "\x01", "\x1b[31m", "\x7f",
    "\x85", "\u2028", "\ud800", "\ufffe", "é", "日本", "\U0001f600", " ", "  ", "text",
    "<!-- Managed by Jenkins Job Builder -->",
    "jenkins-bootstrap: owner=other id=1 hash=" + "0" * 64, "sentinel-name-5e0c7b1f",
]  # fmt: skip


def _organisation(count: int, owners: tuple[str, ...] = ("acme-demo",)) -> list[Repository]:
    draw = random.Random(20250913)
    repositories = []
    for place in range(count):
        name = NAMES[place] if place < len(NAMES) else f"{draw.choice(['r', 'R.', '_', '9-'])}{place}"
        repositories.append(
            Repository(
                draw.choice(owners),
                name,
                id=place * 7919 + 1,
                description="".join(draw.choices(PIECES, k=draw.randrange(8))),
                pushed_at="2026-11-02T08:21:45Z" if place % 3 else None,
            )
        )
    draw.shuffle(repositories)
    return repositories


@pytest.fixture(scope="session")
def organisation() -> Callable[..., list[Repository]]:
    """organisation(count, owners): that many repositories, the same each time, in a shuffled order."""
    return _organisation


@pytest.fixture(scope="session")
def with_jobs() -> Callable[..., Settings]:
    """with_jobs(settings, ...): the settings with other values in `jobs`."""
    return lambda settings, **jobs: settings.model_copy(update={"jobs": settings.jobs.model_copy(update=jobs)})


@pytest.fixture
def two_owners(settings: Settings) -> Settings:
    """One owner by token and one by App."""
    data = settings.model_dump(exclude={"github"}, exclude_none=True)
    owners = [{"name": "acme-demo"}, {"name": "Other-Org", "sign_in": "app", "installation": 42}]
    return Settings.model_validate({**data, "github": {"owners": owners}})


@pytest.fixture(scope="session")
def jenkins_jobs_test() -> Callable[..., dict[str, bytes]]:
    """jenkins_jobs_test(settings, folder, repositories): what the real command writes for the same data, by name."""
    return _jenkins_jobs_test


def _jenkins_jobs_test(settings: Settings, folder: Path, repositories: list[Repository]) -> dict[str, bytes]:
    given_yaml, out = folder / "given.yaml", folder / "out"
    given_yaml.write_text(to_yaml(definitions(settings, repositories)))
    paths = os.pathsep.join(str(path) for path in [*templates(settings), given_yaml])
    command = [sys.executable, "-m", "jenkins_jobs", "--conf", str(share("jobs") / CONFIGURATION)]
    subprocess.run([*command, "test", "--config-xml", "-o", str(out), paths], check=True, capture_output=True)
    return {str(path.parent.relative_to(out)): path.read_bytes() for path in out.rglob("config.xml")}
