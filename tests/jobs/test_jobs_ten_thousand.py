"""Every definition of ten thousand repositories is what `jenkins-jobs test` writes, on whichever Python runs this."""

import random
from dataclasses import replace

import pytest

from jenkins_bootstrap.config.models import Definition
from jenkins_bootstrap.jobs.xml import render_all

pytestmark = pytest.mark.soak


def test_ten_thousand_of_two_owners_with_overrides_and_two_templates(
    two_owners, with_jobs, organisation, tmp_path, jenkins_jobs_test
):
    settings = with_jobs(two_owners, definitions=[Definition(template="github-freestyle", names=["R.*"])])
    draw = random.Random(10_000)
    asked = [
        lambda n: f"branches: [main, 'v{n}/*']",
        lambda n: f"exclude_branches: ['{n}-*']",
        lambda n: f"script_path: ci/{n}/Jenkinsfile",
        lambda n: f"retention: {{builds: {n % 30 + 1}, days: {n % 90 + 1}}}",
        lambda n: "triggers: {pull_requests: false, scan_every: 1w}",
        lambda n: "disabled: true",
        lambda n: f"unknown: {n}",
    ]
    repositories = [
        replace(
            one,
            override=draw.choice(asked)(place) if place % 3 == 0 else None,
            default_branch=draw.choice(["main", "master", f"rel/{place}"]),
        )
        for place, one in enumerate(organisation(10_000, ("acme-demo", "Other-Org")))
    ]
    rendered = render_all(settings, repositories)
    ours = {item.path: item.xml for item in (*rendered.folders, *rendered.jobs)}
    theirs = jenkins_jobs_test(settings, tmp_path, repositories)
    assert ours.keys() == theirs.keys()
    assert [path for path, xml in theirs.items() if ours[path] != xml] == []
