"""Which plugins a definition needs; one that is not in the lock is an error."""

import pytest

from jenkins_bootstrap.errors import BootstrapError, SeveralErrors
from jenkins_bootstrap.jobs.jjb import Builder
from jenkins_bootstrap.jobs.plugins import check_plugins, plugins_of, required_plugins

REPOSITORY = {"branch-api", "cloudbees-folder", "github-branch-source", "workflow-multibranch"}
OURS = REPOSITORY | {"workflow-cps", "workflow-job"}  # the job reconcile is a Pipeline


def test_our_own_templates_need_these(settings, with_jobs):
    assert required_plugins(settings) == OURS
    assert required_plugins(with_jobs(settings, forks=True, draft_pull_requests=False)) == OURS


def test_further_traits_need_further_plugins():
    text = """
- job:
    name: x
    project-type: multibranch-github
    scm: [github-repository: {id: 1, repo-owner: a, repo: b, head-filter-include: v*, wipe-workspace: true}]
"""
    assert plugins_of(Builder([]).render(text)["x"]) == REPOSITORY | {"scm-api", "git"}


def test_the_plugin_that_jenkins_job_builder_writes_counts():
    xml = b"<project><publishers><hudson.plugins.ws_x.Y plugin='ws-cleanup@0.48'/></publishers></project>"
    assert plugins_of(xml) == {"ws-cleanup"}


def test_a_class_of_an_unknown_plugin_is_an_error():
    with pytest.raises(BootstrapError, match=r"com\.example\.strange_trait\.Trait\$Inner"):
        plugins_of(b"<a><com.example.strange__trait.Trait_-Inner/></a>")


def test_core_classes_need_nothing():
    assert plugins_of(b"<a><b class='hudson.tasks.LogRotator'/><hudson.model.AllView/></a>") == set()


def test_a_plugin_that_is_not_in_the_lock_is_an_error_with_the_remedy(settings):
    with pytest.raises(BootstrapError) as error:
        check_plugins(required_plugins(settings), OURS - {"github-branch-source"})
    assert "'github-branch-source'" in error.value.what
    assert "controller.plugins" in error.value.hint
    with pytest.raises(SeveralErrors):
        check_plugins(OURS, [])
    check_plugins(OURS, [*OURS, "git"])


def test_the_default_plugins_are_enough_by_name_or_by_dependency(settings):
    """What begins with workflow- comes with workflow-aggregator, the others are in the list itself."""
    assert {name for name in OURS if not name.startswith("workflow-")} <= set(settings.controller.plugins)
