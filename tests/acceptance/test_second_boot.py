"""A second start with the same JENKINS_HOME changes nothing: no stage does, and no XML file but those listed here."""

import hashlib
import re

import pytest

NOT_COMPARED = {
    r"queue\.xml(\.bak)?": "the core's queue, written when it stops",
    r"nodeMonitors\.xml": "the core's monitors of nodes; no stage touches it",
    r"jobs/.*/indexing/.*": "a scan's own result",
    r"jobs/.*/(branches|builds)/.*": "what a scan found, and builds",
    r"jobs/.*/state\.xml": "a scan's own result",
}
"""Files below JENKINS_HOME, and why they may differ. Plugins and the war are not configuration."""


def snapshot(home):
    """The digest of every XML file of JENKINS_HOME that is compared, by its path."""
    found = {}
    for path in home.rglob("*.xml"):
        name = str(path.relative_to(home))
        if name.startswith(("plugins/", "war/", "logs/")) or any(re.fullmatch(p, name) for p in NOT_COMPARED):
            continue
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def again(controller):
    """Stop it and start it; how it came up."""
    controller.stop()
    controller.start()
    return controller.wait()


def differing(before, after):
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def test_a_second_start_changes_nothing(controller, world):
    controller.stop()
    before = snapshot(controller.layout.home)
    ready = again(controller)
    said = controller.stages
    assert ready.restarts == 0
    assert {name: one["changes"] for name, one in said.items() if one["changed"]} == {}
    controller.stop()
    after = snapshot(controller.layout.home)
    assert differing(before, after) == []
    jobs = [name for name in after if re.fullmatch(r"jobs/github/jobs/acme-demo/jobs/[^/]+/config\.xml", name)]
    assert len(jobs) == len(world.trial.made.rendered.jobs)
    assert {"config.xml", "credentials.xml"} <= set(after)


@pytest.mark.soak
def test_twenty_starts_change_nothing(controller):
    controller.stop()
    before = snapshot(controller.layout.home)
    for _ in range(20):
        again(controller)
        assert not any(one["changed"] for one in controller.stages.values())
    controller.stop()
    assert differing(before, snapshot(controller.layout.home)) == []
