"""The real jenkins-jobs and our synchronisation in one Jenkins, even in one folder: neither touches the other's."""

import pytest

from jenkins_bootstrap.controller.client import Controller
from jenkins_bootstrap.controller.jobs import JobsApi
from jenkins_bootstrap.embedded.jenkins.serving import running
from jenkins_bootstrap.reconcile import Reconciler

THEIRS = """
- job:
    name: theirs
    project-type: folder
- job:
    name: theirs/nightly
    description: {text}
- job:
    name: github/acme-demo/by-hand
    description: in the folder of ours
"""
OLD = """
- job:
    name: theirs/old
- job:
    name: github/old
"""


@pytest.fixture
def jenkins(tmp_path):
    with running(tmp_path / "jenkins") as made:
        yield made


def items(jenkins):
    store = jenkins.app.store
    return {item.path: store.config(item) for item in store.root.below()}


def test_neither_touches_what_is_the_others(jenkins, jenkins_jobs, settings, source, state, tmp_path):
    api = JobsApi(Controller(jenkins.url, jenkins.user, jenkins.token))
    ours = Reconciler(settings, source, api, state, jenkins=jenkins.url)
    assert not ours.run().failed
    made = items(jenkins)

    jenkins_jobs(jenkins, tmp_path / "jjb", THEIRS.format(text="one") + OLD)
    both = items(jenkins)
    assert both.keys() - made.keys() == {
        "theirs", "theirs/nightly", "theirs/old", "github/acme-demo/by-hand", "github/old"
    }  # fmt: skip
    outcome = ours.run()
    assert not outcome.done
    assert outcome.plan.left_alone == ("github/acme-demo/by-hand", "github/old")

    source.repositories.pop()
    assert ours.run().counts["disabled"] == 1
    marked = items(jenkins)["github/acme-demo/tools"]
    jenkins_jobs(jenkins, tmp_path / "jjb", THEIRS.format(text="two"), "--delete-old")
    left = items(jenkins)
    assert both.keys() - left.keys() == {"theirs/old", "github/old"}
    assert {path: left[path] for path in made} == made | {"github/acme-demo/tools": marked}
    assert b"two" in left["theirs/nightly"]
    assert not ours.run().done
    assert jenkins.app.calls.not_modelled == []
