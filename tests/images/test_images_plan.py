"""Plans as data: tests/data/images/plan has one file a case, existing images in and calls with their reason out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.config.models import default_images
from jenkins_bootstrap.facts import Image
from jenkins_bootstrap.images.bake import BakeImage, MarkCurrent, bake_plan
from jenkins_bootstrap.images.execute import MarkHandler
from jenkins_bootstrap.images.graph import build_graph

CASES = sorted((Path(__file__).parents[1] / "data" / "images" / "plan").glob("*.json"))
KEYS = {"base": "b" * 64, "controller": "c" * 64, "agent": "a" * 64}
DEBIAN = Image("ami-debian", "debian-13", "136693071363", "2026-01-01T00:00:00.000Z", "x86_64")


def image(raw: dict[str, Any]) -> Image:
    tags = {"Name": raw["name"], "ContentKey": raw["key"], **({"Channel": "current"} if raw["current"] else {})}
    return Image(raw["id"], raw["id"], "1", raw["created"], "x86_64", tuple(tags.items()), raw["state"])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_plan_is(path: Path) -> None:
    case = json.loads(path.read_text())
    wanted = build_graph(default_images()).wanted(case["wanted"])
    plan = bake_plan(wanted, KEYS, {"base": DEBIAN}, [image(raw) for raw in case["existing"]])
    assert [[step.call, step.reason] for step in plan.steps] == case["steps"]
    assert len({step.key for step in plan.steps}) == len(plan.steps)


def test_a_plan_that_was_carried_out_is_empty() -> None:
    wanted = build_graph(default_images()).images
    exist = [
        Image(f"ami-{n}", n, "1", "2026", "x86_64", (("Name", n), ("ContentKey", k), ("Channel", "current")))
        for n, k in KEYS.items()
    ]
    assert not bake_plan(wanted, KEYS, {"base": DEBIAN}, exist)


def test_a_child_is_baked_on_what_its_parent_step_made() -> None:
    plan = bake_plan(build_graph(default_images()).wanted(["controller"]), KEYS, {"base": DEBIAN}, [])
    bakes = [step for step in plan.steps if isinstance(step, BakeImage)]
    assert [(b.parent_ami, b.parent_step) for b in bakes] == [("ami-debian", None), (None, "bake:base")]


def test_the_new_image_is_marked_before_the_old_one_loses_its_mark() -> None:
    calls: list[tuple[Any, ...]] = []

    class Tags:
        def tag(self, ids: list[str], tags: dict[str, str]) -> None:
            calls.append(("tag", ids, tags))

        def untag(self, ids: list[str], keys: list[str]) -> None:
            calls.append(("untag", ids, keys))

    step = MarkCurrent("current:x", "", "", image="x", bake_step="bake:x", others=("ami-old",))
    assert MarkHandler(Tags()).run(step, {"bake:x": "ami-new"}) == "ami-new"  # type: ignore[arg-type]
    assert calls == [("tag", ["ami-new"], {"Channel": "current"}), ("untag", ["ami-old"], ["Channel"])]
