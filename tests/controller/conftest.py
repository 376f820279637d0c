"""An embedded Jenkins in this process, and the gateway to its jobs."""

from dataclasses import dataclass, field

import pytest

from jenkins_bootstrap.controller.client import Controller
from jenkins_bootstrap.controller.jobs import JobsApi
from jenkins_bootstrap.embedded.jenkins.serving import Running, running

FOLDER = b"<com.cloudbees.hudson.plugins.folder.Folder><description/></com.cloudbees.hudson.plugins.folder.Folder>"


def multibranch(description="one", disabled=False):
    kind = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
    source = "org.jenkinsci.plugins.github_branch_source.GitHubSCMSource"
    return (
        f"<{kind}><description>{description}</description><disabled>{str(disabled).lower()}</disabled>"
        f'<sources><data><jenkins.branch.BranchSource><source class="{source}"/></jenkins.branch.BranchSource></data>'
        f"</sources></{kind}>"
    ).encode()


@dataclass
class Place:
    """`jenkins` is what is asked, `api` the gateway; `slept` holds the pauses between attempts, `log` its lines."""

    jenkins: Running
    slept: list = field(default_factory=list)
    log: list = field(default_factory=list)
    api: JobsApi = None

    def __post_init__(self):
        controller = Controller(self.jenkins.url, self.jenkins.user, self.jenkins.token, timeout=5)
        self.api = JobsApi(controller, self.log.append, self.slept.append)

    def count(self, kind=None):
        return self.jenkins.app.calls.kinds[kind] if kind else self.jenkins.app.calls.total

    def fault(self, what, **more):
        self.jenkins.app.calls.reset()
        self.jenkins.app.faults.add(what, **more)

    def paths(self):
        return [item.path for item in self.jenkins.app.store.root.below()]

    def item(self, path):
        return self.jenkins.app.store.find(path.split("/"))


@pytest.fixture
def place(tmp_path):
    """With the folders `My Jobs`, `My Jobs/acme`, `My Jobs/other` and the job `My Jobs/acme/web`."""
    with running(tmp_path / "jenkins") as jenkins:
        made = Place(jenkins)
        for folder in ("My Jobs", "My Jobs/acme", "My Jobs/other"):
            made.api.create(folder, FOLDER)
        made.api.create("My Jobs/acme/web", multibranch())
        jenkins.app.calls.reset()
        yield made
        made.api.close()
