"""What is done about webhooks: a case a file in cases/, facts in, calls out."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.facts import Webhook
from jenkins_bootstrap.hooks.plan import CreateHook, DeleteHook, HooksPlan, Present, UpdateHook, plan_hooks
from jenkins_bootstrap.hooks.wanted import same_address, wanted_hooks

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
LONG_AGO = datetime.fromisoformat("2020-01-01T00:00:00Z")


def wanted(url: str = "https://jenkins.example.com/", receiver_url: str | None = None) -> Any:
    return wanted_hooks(
        Settings.model_validate(
            {
                "project": "demo",
                "region": "eu-west-1",
                "controller": {"url": url},
                "github": {"owners": [{"name": "acme"}], "hooks": {"receiver_url": receiver_url}},
            }
        )
    )


def webhook(scope: str, values: dict[str, Any]) -> Webhook:
    return Webhook(scope=scope, **{**values, "events": tuple(values["events"])})


def planned(case: dict[str, Any]) -> HooksPlan:
    present = [
        Present(
            one["scope"],
            tuple(webhook(one["scope"], hook) for hook in one["hooks"]),
            frozenset(one.get("refused", ())),
            one.get("app", False),
        )
        for one in case["present"]
    ]
    return plan_hooks(
        wanted(**{name: case[name] for name in ("url", "receiver_url") if name in case}),
        {key: datetime.fromisoformat(since) for key, since in case["in_force"].items()},
        present,
        rotate=case.get("rotate", False),
        replace_app=case.get("replace_app", False),
        app_owed=case.get("app_owed", False),
        former=case.get("former", ()),
    )


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path) -> None:
    case = json.loads(file.read_text())
    found = planned(case)
    assert [step.call for step in found.plan.steps] == case["calls"]
    assert len({step.key for step in found.plan.steps}) == len(found.plan.steps)
    if "reasons" in case:
        assert [step.reason for step in found.plan.steps] == case["reasons"]
    assert len(found.warnings) == len(case["warnings"])
    for words, said in zip(case["warnings"], found.warnings, strict=True):
        assert words in said


WANTED = wanted()
hooks = st.builds(
    Webhook,
    scope=st.just("acme"),
    id=st.integers(1, 20),
    url=st.sampled_from(
        [*(hook.url for hook in WANTED), "https://elsewhere.example/", "", "https://[", "https://h:x/"]
    ),
    events=st.lists(st.sampled_from(["push", "pull_request", "repository", "*"]), unique=True).map(tuple),
    active=st.booleans(),
    content_type=st.sampled_from(["json", "form"]),
    insecure_ssl=st.sampled_from(["0", "1"]),
    has_secret=st.booleans(),
    updated_at=st.just("2026-02-01T00:00:00Z"),
)


@settings(max_examples=60, deadline=None)
@given(there=st.lists(hooks, unique_by=lambda hook: hook.id, max_size=8))
def test_after_the_plan_there_is_one_of_each_nothing_is_left_to_do_and_others_are_as_they_were(
    there: list[Webhook],
) -> None:
    in_force = {hook.secret_key: LONG_AGO for hook in WANTED}
    after = {hook.id: hook for hook in there}
    for number, step in enumerate(plan_hooks(WANTED, in_force, [Present("acme", tuple(there))]).plan.steps):
        if isinstance(step, DeleteHook):
            del after[step.id]
        elif isinstance(step, CreateHook | UpdateHook) and step.hook is not None:
            id_ = step.id if isinstance(step, UpdateHook) else 100 + number
            after[id_] = Webhook("acme", id_, step.hook.url, step.hook.events, updated_at="2026-02-01T00:00:00Z")
    for want in WANTED:
        assert sum(same_address(hook.url, want.url) for hook in after.values()) == 1
    others = [h for h in there if not any(same_address(h.url, w.url) for w in WANTED)]
    assert [after[hook.id] for hook in others] == others
    assert not plan_hooks(WANTED, in_force, [Present("acme", tuple(after.values()))]).plan
