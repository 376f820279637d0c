"""Who may import whom: the walls of docs/architecture.md, held by reading the sources."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "jenkins_bootstrap"
GROUND = {"errors", "files", "facts", "resources", "plan", "interrupts"}
CONFIG = {"config"}
GATEWAYS = {"aws", "github", "controller"}
PLANNERS = {"plugins", "stages", "jobs", "images", "hooks"}
MAY = (
    {key: {"errors", "files"} for key in GROUND}
    | {"config": {"errors", "files", "resources"}}
    | dict.fromkeys(GATEWAYS, {"errors", "files", "facts"} | CONFIG)
    | {"controller": {"errors", "files", "facts", "resources"} | CONFIG}
    | dict.fromkeys(PLANNERS, GROUND | CONFIG)
    | {"embedded": {"errors", "files", "facts", "resources", "interrupts"} | CONFIG}
    | {"reconcile": GROUND | CONFIG | GATEWAYS | {"jobs"}}
    | {"receiver": GROUND | CONFIG | GATEWAYS | {"jobs", "hooks", "plugins", "reconcile", "boot"}}
    | {"boot": GROUND | CONFIG | GATEWAYS | {"stages", "plugins"}}
)
FREE = {"cli", "__main__"}
HEAVY = {
    "boto3",
    "botocore",
    "moto",
    "jenkins_jobs",
    "cryptography",
    "rich",
    "requests",
    "graphql",
    "pydantic",
    "jinja2",
    "aiohttp",
    "prometheus_client",
}


def rooms():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in {"__init__", "_share"}:
            yield parts[0], path


def imported(path, top_level_only=False):
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_a_rule():
    assert {room for room, _ in rooms()} <= set(MAY) | FREE


@pytest.mark.parametrize("room", sorted(MAY))
def test_a_room_imports_only_what_it_may(room):
    wrong = []
    for owner, path in rooms():
        if owner != room:
            continue
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "jenkins_bootstrap" and len(parts) > 1 and parts[1] != "__version__":
                other = parts[1]
                if other != room and other not in MAY[room]:
                    wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def test_only_gateways_and_the_embedded_target_speak_to_the_outside():
    outside = {"boto3": {"aws", "embedded"}, "botocore": {"aws", "embedded"}, "jenkins": {"controller"}}
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for room, path in rooms()
        for name in imported(path)
        if room not in outside.get(name.split(".")[0], {room})
    ]
    assert not wrong


def test_the_command_line_starts_without_anything_heavy():
    for name in ("main", "context"):
        tops = {n.split(".")[0] for n in imported(PACKAGE / "cli" / f"{name}.py", top_level_only=True)}
        assert not tops & HEAVY
