"""Our definitions in a real Jenkins: nothing is dropped, nothing is old data, nothing changes by a save.

All that can come of settings, overrides and templates is posted. Needs JENKINS_WAR and JENKINS_PLUGINS (a folder of
.jpi files), as `make acceptance` sets them, and java; JENKINS_JAVA_OPTIONS are further options for it.
"""

import os
import re
import shutil
import socket
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import requests

from jenkins_bootstrap.config.models import Definition
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.diff import unified
from jenkins_bootstrap.jobs.jjb import Builder
from jenkins_bootstrap.jobs.marker import parse_line
from jenkins_bootstrap.jobs.xml import render_all

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(
        not {"JENKINS_WAR", "JENKINS_PLUGINS"} <= set(os.environ) or shutil.which("java") is None,
        reason="no real Jenkins: set JENKINS_WAR and JENKINS_PLUGINS",
    ),
]

EVERY_OPTION = """
- job:
    name: every-option
    project-type: multibranch-github
    description: "every option"
    disabled: false
    periodic-folder-trigger: 4w
    days-to-keep: 3
    number-to-keep: 4
    abort-builds: true
    properties: [jenkins-bootstrap: {installation: demo, id: 5}]
    scm:
      - github-repository:
          id: 5
          repo-owner: a
          repo: b
          branch-discovery: all
          discover-pr-origin: both
          discover-pr-forks-strategy: current
          discover-pr-forks-trust: nobody
          discover-tags: true
          ignore-drafts: true
          head-filter-include: main PR-*
          head-filter-exclude: x
          wipe-workspace: true
          keep-builds: 3
          rate-limit: {count: 3, per: hour, user-boost: true}
          untrusted: true
      - github-repository: {id: 6, repo-owner: a, repo: c}
"""
OLD_DATA = "println hudson.diagnosis.OldDataMonitor.get(jenkins.model.Jenkins.get()).data.keySet()*.fullName"
SAVE_ALL = "jenkins.model.Jenkins.get().getAllItems(hudson.model.TopLevelItem)*.save()"
LISTS = {"traits", "a", "data", "triggers", "healthMetrics", "properties"}
OWN = """
- job-template:
    id: strict
    name: '{folder}/{owner}/{repository}'
    project-type: multibranch-github
    description: '{description}'
    disabled: '{disabled}'
    properties: [jenkins-bootstrap: {installation: '{installation}', id: '{github_id}'}]
    scm:
      - github-repository:
          id: '{github_id}'
          repo-owner: '{owner}'
          repo: '{repository}'
          ignore-drafts: true
          wipe-workspace: true
          untrusted: true
          rate-limit: {count: 3, per: hour, user-boost: true}
- job-template:
    id: wiping
    name: '{folder}/{owner}/{repository}'
    project-type: freestyle
    properties: [jenkins-bootstrap: {installation: '{installation}', id: '{github_id}'}]
    scm: [github-checkout: {repo-owner: '{owner}', repo: '{repository}', branch: x, wipe-workspace: true}]
"""
OVERRIDES = [
    "branches: [main, 'release/*']",
    "exclude_branches: ['old/*']\nscript_path: ci/Jenkinsfile",
    "retention: {builds: 3, days: 2}",
    "triggers: {scan_every: never, pull_requests: false}",
    "triggers: {draft_pull_requests: false}",
    "disabled: true",
]


class Jenkins:
    """One Jenkins on loopback, without security, that does not scan what is posted."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = [
            "-Xmx1g",
            "-Djava.awt.headless=true",
            "-Djenkins.install.runSetupWizard=false",
            "-Dhudson.model.UpdateCenter.never=true",
            "-Djenkins.branch.MultiBranchProject.fireSCMSourceBuildsAfterSave=false",
            *os.environ.get("JENKINS_JAVA_OPTIONS", "").split(),
        ]
        listen = ["--httpListenAddress=127.0.0.1", f"--httpPort={self.port}"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["java", *options, "-jar", os.environ["JENKINS_WAR"], *listen],
                env={**os.environ, "JENKINS_HOME": str(self.home)},
                stdout=log,
                stderr=log,
            )
        self.session = requests.Session()
        end = time.monotonic() + 180
        while not self._is_ready():
            assert self.process.poll() is None, (self.home / "log").read_text()[-4000:]
            assert time.monotonic() < end, (self.home / "log").read_text()[-4000:]
            time.sleep(0.3)
        crumb = self.session.get(f"{self.url}/crumbIssuer/api/json", timeout=30).json()
        self.session.headers[crumb["crumbRequestField"]] = crumb["crumb"]

    def _is_ready(self) -> bool:
        try:
            return self.session.get(f"{self.url}/login", timeout=30).status_code == 200
        except requests.RequestException:  # not yet, or busy with its start
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def address(self, path: str) -> str:
        return self.url + "".join(f"/job/{part}" for part in path.split("/") if part)

    def create(self, path: str, xml: bytes) -> None:
        parent, _, name = path.rpartition("/")
        answer = self.session.post(
            f"{self.address(parent)}/createItem",
            params={"name": name},
            data=xml,
            headers={"Content-Type": "application/xml"},
            timeout=60,
        )
        assert answer.status_code == 200, (path, answer.status_code, answer.headers.get("X-Error"))

    def script(self, groovy: str) -> str:
        answer = self.session.post(f"{self.url}/scriptText", data={"script": groovy}, timeout=120)
        return answer.text.partition("Result:")[0].strip()

    def definition(self, path: str) -> bytes:
        return self.session.get(f"{self.address(path)}/config.xml", timeout=60).content


def normal(xml: bytes) -> str:
    """Without plugin versions and without an order where Jenkins has none."""
    root = ET.fromstring(re.sub(rb"^<\?xml[^>]*\?>", b"", xml))
    for element in root.iter():
        element.attrib.pop("plugin", None)
        element.tail = None
        if len(element):
            element.text = None
        if element.tag not in LISTS:
            element[:] = sorted(element, key=lambda child: child.tag)
    return ET.canonicalize(ET.tostring(root, encoding="unicode"))


@pytest.fixture(scope="module")
def jenkins(tmp_path_factory):
    home = tmp_path_factory.mktemp("jenkins")
    (home / "plugins").mkdir()
    for plugin in Path(os.environ["JENKINS_PLUGINS"]).glob("*.[jh]pi"):
        shutil.copy(plugin, home / "plugins")
    jenkins = Jenkins(home)
    try:
        jenkins.start()
        yield jenkins
    finally:
        jenkins.stop()


def varied(with_jobs, settings, folder):
    """Settings with every template there is, by the beginning of a name."""
    (folder / "own").mkdir()
    (folder / "own" / "templates.yaml").write_text(OWN)
    names = {"free-*": "github-freestyle", "strict-*": "strict", "wiping-*": "wiping"}
    wanted = [Definition(template=template, names=[glob]) for glob, template in names.items()]
    return with_jobs(settings, folder="varied", forks=True, templates=folder / "own", definitions=wanted)


def listed_with_overrides():
    kinds = ("", "free-", "strict-", "wiping-")
    told = [None, *OVERRIDES]
    listed = [
        Repository("acme-demo", f"{kind}{n}", 1000 * k + n + 1, description='<what> & "why"', override=override)
        for k, kind in enumerate(kinds)
        for n, override in enumerate(told)
    ]
    return [*listed, Repository("acme-demo", "old", 10_000, archived=True)]


def test_definitions_are_kept_whole_through_posting_saving_and_a_restart(
    jenkins, two_owners, with_jobs, organisation, tmp_path
):
    one = render_all(two_owners, organisation(30, ("acme-demo", "Other-Org")))
    changed = with_jobs(
        two_owners,
        folder="all switched",
        forks=True,
        draft_pull_requests=False,
        scan_every="never",
        script_path="ci/Jf",
    )
    two = render_all(changed, organisation(16))
    three = render_all(varied(with_jobs, two_owners, tmp_path), listed_with_overrides())
    sent = {i.path: i.xml for r in (one, two, three) for i in (*r.folders, *r.jobs)} | Builder([]).render(EVERY_OPTION)
    for path, xml in sent.items():
        jenkins.create(path, xml)
    jenkins.create("control", Builder([]).render("- job: {name: x, project-type: folder}")["x"])
    jenkins.stop()
    jenkins.start()

    # The folder in jenkins-job-builder's own manner shows that the list would have named ours.
    assert jenkins.script(OLD_DATA) == "[control]"
    jenkins.script(SAVE_ALL)
    there = {path: jenkins.definition(path) for path in sent}
    changed = "\n".join(line for path, xml in sent.items() for line in unified(path, there[path], xml))
    assert not changed, changed
    folders = [path for path, xml in sent.items() if b"<project>" not in xml and b"<flow-definition" not in xml]
    assert {path: normal(there[path]) for path in folders} == {path: normal(sent[path]) for path in folders}
    answer = jenkins.session.get(
        f"{jenkins.address('github/acme-demo')}/api/json?tree=jobs[name,description]", timeout=60
    )
    lines = {job["name"]: parse_line(job["description"]) for job in answer.json()["jobs"]}
    assert {name: (line.hash, line.scan) for name, line in lines.items()} == {
        job.name: (job.hash, job.structural) for job in one.jobs if job.owner == "acme-demo"
    }
    told = (
        "def j = jenkins.model.Jenkins.get().getItemByFullName('varied/acme-demo/free-0')\n"
        "println([j.class.simpleName, j.scm.userRemoteConfigs[0].url, j.scm.branches[0].name, j.disabled])"
    )
    assert jenkins.script(told) == "[FreeStyleProject, https://github.com/acme-demo/free-0.git, refs/heads/main, false]"
    items = "jenkins.model.Jenkins.get().getAllItems(hudson.model.TopLevelItem)"
    disabled = f"println {items}.findAll {{ it.respondsTo('isDisabled') && it.disabled }}*.name.toSorted()"
    assert jenkins.script(disabled) == "[6, free-6, old, strict-6]"
