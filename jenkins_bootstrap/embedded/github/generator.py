"""Makes organisations of any size for tests and benchmarks: the same file for the same numbers, on every Python.

    python -m jenkins_bootstrap.embedded.github.generator 10000 organisation.json --owner acme --seed 1

The mixture is that of a grown organisation: some archived, forked, private, empty or without a Jenkinsfile, some with
an override file, names that other languages misread, descriptions that need quoting. It makes no git repositories.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from jenkins_bootstrap.files import write_atomic

ODD_NAMES = (
    *("007", "null", "1.10", "true", "on", "no", "0x1F", "1e3", "NaN", "2026-11-24", "0o17", "-", "_", "--"),
    *(".github", "-dash", "dot.", "Makefile", "CON", "config.xml", "job", "api", "a" * 100),
)
"""Names that GitHub allows and that YAML, a file system or Jenkins may take for something else."""

_FIRST: tuple[str, ...] = (
    "api",
    "app",
    "auth",
    "batch",
    "billing",
    "cart",
    "catalogue",
    "chat",
    "data",
    "deploy",
    "docs",
    "events",
)
_FIRST += (
    "gateway",
    "graph",
    "image",
    "infra",
    "ledger",
    "mail",
    "map",
    "media",
    "metrics",
    "order",
    "payment",
    "price",
)
_FIRST += ("report", "search", "session", "shop", "stock", "stream", "sync", "ticket", "tool", "user", "video", "web")
_SECOND = ("service", "client", "server", "worker", "library", "ui", "cli", "plugin", "operator", "chart", "terraform")
_LANGUAGES: tuple[str, ...] = (
    ("Java",) * 6 + ("Go",) * 5 + ("Python",) * 5 + ("TypeScript",) * 5 + ("Kotlin", "Kotlin", "Rust", "C++")
)
_LANGUAGES += ("Shell", "HCL", "Groovy", "C#")
_TOPICS: tuple[str, ...] = (
    ("backend",) * 5 + ("frontend",) * 4 + ("library",) * 4 + ("service",) * 4 + ("team-blue", "team-red") * 2
)
_TOPICS += ("deprecated", "terraform", "kubernetes", "no-ci", "nightly", "java-21", "experimental")
_BRANCHES: tuple[str, ...] = ("main",) * 7 + ("master",) * 4 + ("develop", "trunk", "release/1.x")
_TEXTS = (
    "The service that does it",
    'A "quoted" & <tagged> description',
    "Größenänderung, naïve façade, 日本語, Ελληνικά",
    "🚀 fast, 👩‍💻 friendly",
    "{braces}, ${dollar}, $dollar, %(percent)s and `ticks`",
    "\u202eright to left\u202c",
    "it's 100% ready -- maybe: yes",
    "]]> and <!-- no comment -->",
    "back\\slash \\n and a tab\tin it",
)
_OVERRIDES = (
    "branches: [main, 'release/*']\n",
    "script_path: ci/Jenkinsfile\n",
    "retention: {builds: 5}\n",
    "triggers:\n  scan_every: 1d\n",
    "disabled: true\n",
    "# nothing yet\n",
    "credentials: root\n",
    "branches: [\n",
)

_T = TypeVar("_T")
_BEGIN = datetime(2012, 1, 1, tzinfo=UTC)
_DAYS = 5000


def generate(count: int, *, owners: Sequence[str] = ("acme",), seed: int = 1) -> list[dict[str, Any]]:
    """Repositories, oldest first, in the form of an organisation file.

    Args:
        count: how many, over all owners.
        owners: their logins; each has about as many.
        seed: another one gives other repositories.
    """
    random = Random(seed)  # noqa: S311 - it shall be the same again
    taken: set[str] = set()
    made = []
    for number in range(count):
        owner = owners[number % len(owners)]
        name = _name(random, number // len(owners), owner, taken)
        made.append(_repository(random, owner, name, number, count))
    return made


def write_organisation(file: Path, count: int, *, owners: Sequence[str] = ("acme",), seed: int = 1) -> None:
    """Write what `generate` makes to a file that `embedded.github` can name."""
    made = generate(count, owners=owners, seed=seed)
    write_atomic(file, "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in made) + "\n]\n")


def _name(random: Random, number: int, owner: str, taken: set[str]) -> str:
    name = ODD_NAMES[number] if number < len(ODD_NAMES) else f"{_pick(random, _FIRST)}-{_pick(random, _SECOND)}"
    if random.random() < 0.05:
        name = name.upper() if len(name) < 30 else name
    plain, again = name, 1
    while f"{owner}/{name}".lower() in taken:
        again += 1
        name = f"{plain}-{again}"
    taken.add(f"{owner}/{name}".lower())
    return name


def _repository(random: Random, owner: str, name: str, number: int, count: int) -> dict[str, Any]:
    created = _BEGIN + timedelta(days=_DAYS * number / count, seconds=number)
    idle = _DAYS - _DAYS * number / count
    pushed = created + timedelta(days=idle * (1 - random.random() ** 3))
    empty = random.random() < 0.01
    visibility = random.random()
    entry: dict[str, Any] = {
        "name": name,
        "full_name": f"{owner}/{name}",
        # Growing, with gaps, as ids of one owner do.
        "id": 1_000_000 + number * 97 + int(random.random() * 90),
        "default_branch": _pick(random, _BRANCHES),
        "description": None if random.random() < 0.2 else _pick(random, _TEXTS),
        "topics": sorted({_pick(random, _TOPICS) for _ in range(int(random.random() ** 2 * 6))}),
        "language": None if empty or random.random() < 0.08 else _pick(random, _LANGUAGES),
        "archived": random.random() < 0.12,
        "fork": random.random() < 0.08,
        "private": visibility < 0.35,
        "internal": visibility < 0.05,
        "empty": empty,
        "has_jenkinsfile": not empty and random.random() < 0.75,
        "created_at": _time(created),
        "updated_at": _time(pushed),
        "pushed_at": _time(created if empty else pushed),
    }
    if not empty and random.random() < 0.1:
        entry["files"] = {".jenkins.yml": _pick(random, _OVERRIDES)}
    return entry


def _pick(random: Random, choices: Sequence[_T]) -> _T:
    # Only random() gives the same on every Python.
    return choices[int(random.random() * len(choices))]


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m jenkins_bootstrap.embedded.github.generator")
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--owner", action="append", help="may be given several times; acme when absent")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    write_organisation(given.file, given.count, owners=given.owner or ["acme"], seed=given.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
