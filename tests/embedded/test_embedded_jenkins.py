"""The embedded Jenkins: strict where it does not know, the same after a restart, good enough for jenkins-jobs."""

import json
import time
from pathlib import Path

import pytest
import requests

from jenkins_bootstrap.embedded.jenkins import definitions, tree
from jenkins_bootstrap.embedded.jenkins.serving import running
from jenkins_bootstrap.embedded.jenkins.store import Store
from jenkins_bootstrap.embedded.layout import JENKINS_USER

FOLDER = b"<com.cloudbees.hudson.plugins.folder.Folder/>"
FREESTYLE = b"<project><description>mine</description></project>"
SOURCE = (
    b"<sources><data><jenkins.branch.BranchSource><source "
    b'class="org.jenkinsci.plugins.github_branch_source.GitHubSCMSource"><id>1</id><traits>'
    b"<org.jenkinsci.plugins.github__branch__source.BranchDiscoveryTrait/><org.example.NoSuchTrait/></traits>"
    b"</source></jenkins.branch.BranchSource></data></sources>"
)
KIND = b"org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"


def multibranch(text="one", disabled="false"):
    more = f"<description>{text}</description><disabled>{disabled}</disabled><scm/>".encode()
    return b"<" + KIND + b">" + more + SOURCE + b"</" + KIND + b">"


class Client(requests.Session):
    def __init__(self, running):
        super().__init__()
        self.trust_env = False
        self.auth = (running.user, running.token)
        self.url = running.url

    def call(self, method, path, **more):
        more.setdefault("allow_redirects", False)
        return self.request(method, self.url + path, timeout=10, **more)

    def create(self, folder, name, xml, kind="text/xml"):
        above = "".join(f"job/{one}/" for one in folder.split("/") if one)
        headers = {"Content-Type": kind}
        return self.call("POST", f"{above}createItem", params={"name": name}, data=xml, headers=headers)


@pytest.fixture
def jenkins(tmp_path):
    with running(tmp_path / "jenkins") as made:
        yield made


@pytest.fixture
def client(jenkins):
    made = Client(jenkins)
    made.create("", "top", FOLDER)
    made.create("top", "acme", FOLDER)
    made.create("top/acme", "web", multibranch())
    jenkins.app.calls.reset()
    return made


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "job/top/view/all/", 501),
        ("POST", "job/top/job/acme/job/web/doRename?newName=x", 501),
        ("GET", "api/json?pretty=true", 501),
        ("GET", "api/json?tree=jobs[name,lastBuild[number]]", 501),
        ("GET", "api/json?tree=jobs[name]{0,5}", 501),
        ("GET", "api/json?tree=jobs[name", 501),
        ("GET", "api/json?depth=7", 501),
        ("POST", "createItem?name=x&mode=copy&from=top", 501),
        ("POST", "scriptText", 501),
        ("GET", "job/top/job/none/config.xml", 404),
        ("GET", "job/top/doDelete", 405),
        ("PUT", "-/calls", 404),
        ("GET", "-/nothing", 404),
    ],
)
def test_what_it_does_not_know_is_never_as_if_it_were_done(jenkins, client, method, path, status):
    before = [item.path for item in jenkins.app.store.root.below()]
    assert client.call(method, path).status_code == status
    assert [item.path for item in jenkins.app.store.root.below()] == before
    told = client.call("GET", "-/calls").json()
    assert len(told["not_modelled"]) == (status == 501)


def test_a_class_that_is_not_modelled_is_not_made(client):
    answer = client.create("top", "maven", b"<maven2-moduleset/>")
    assert (answer.status_code, "maven2-moduleset" in answer.headers["X-Error"]) == (501, True)
    assert client.create("top", "broken", b"<project>").status_code == 500
    assert client.call("GET", "job/top/api/json?tree=jobs[name]").json()["jobs"] == [
        {"_class": definitions.FOLDER, "name": "acme"}
    ]
    assert client.call("GET", "-/calls").json()["not_modelled"] == ["create top: maven2-moduleset"]


@pytest.mark.parametrize("name", ["a?b", "a/b", "..", "ends.", " ", "a\tb"])
def test_names_are_refused_as_jenkins_refuses_them(client, name):
    assert client.create("top/acme", name, multibranch()).status_code == 400


def test_letters_case_counts_in_a_folder_and_not_at_the_top(client):
    for name in ("b", "C", "a", "B-2", "WEB"):
        assert client.create("top/acme", name, multibranch()).status_code == 200
    assert client.create("", "TOP", FOLDER).status_code == 400
    assert client.create("", "Another", FOLDER).status_code == 200
    listed = client.call("GET", "job/TOP/job/acme/api/json?tree=jobs[name,url]").json()["jobs"]
    assert [one["name"] for one in listed] == ["B-2", "C", "WEB", "a", "b", "web"]
    assert listed[3]["url"] == f"{client.url}job/top/job/acme/job/a/"
    assert client.call("GET", "job/top/job/ACME/api/json?tree=name").status_code == 404
    assert [one["name"] for one in client.call("GET", "api/json?tree=jobs[name]").json()["jobs"]] == ["Another", "top"]


def test_nobody_and_somebody_else_get_nothing(jenkins, client):
    client.auth = None
    assert client.call("GET", "api/json").status_code == 403
    assert client.call("GET", "-/calls").status_code == 403
    client.auth = (jenkins.user, "another")
    assert client.call("GET", "api/json").status_code == 401
    client.auth = None
    assert client.call("GET", "login").headers["X-Jenkins"]


def test_a_definition_comes_back_as_sent_and_after_a_save_as_jenkins_leaves_it(client):
    web = "job/top/job/acme/job/web/"
    assert client.call("GET", web + "config.xml").content == multibranch()
    assert client.call("POST", web + "disable").status_code == 302
    text = client.call("GET", web + "config.xml").text
    assert text.startswith("<?xml version='1.1'")
    assert 'plugin="github-branch-source@' in text
    assert "<disabled>true</disabled>" in text
    assert "<scm" not in text
    assert "NoSuchTrait" not in text
    assert client.call("POST", web + "build?delay=0").status_code == 500
    assert client.call("POST", web + "config.xml", data=text.encode()).status_code == 200
    assert client.call("POST", web + "enable").status_code == 302
    assert client.call("POST", web + "build?delay=0").status_code == 302
    assert client.call("GET", "-/items").json()["top/acme/web"]["scans"] == 1


def test_saves_ask_for_scans_only_where_that_is_left_on(tmp_path):
    for scan, counts in ((True, [1, 2, 3]), (False, [0, 0, 0])):
        with running(tmp_path / str(scan), scan_after_save=scan) as jenkins:
            client = Client(jenkins)
            client.create("", "top", FOLDER)
            client.create("top", "web", multibranch())
            seen = [client.call("GET", "-/items").json()["top/web"]["scans"]]
            for path in ("job/top/job/web/config.xml", "job/top/config.xml"):
                client.call("POST", path, data=FOLDER if path.count("job/") == 1 else multibranch("two"))
                seen.append(client.call("GET", "-/items").json()["top/web"]["scans"])
            assert seen == counts


def test_a_job_is_the_same_after_renames_and_moves_and_gone_with_its_folder(client):
    number = client.call("GET", "-/items").json()["top/acme/web"]["id"]
    client.create("top", "other", FOLDER)
    answer = client.call("POST", "job/top/job/acme/job/web/confirmRename?newName=site")
    assert (answer.status_code, answer.headers["Location"]) == (302, "../site")
    answer = client.call("POST", "job/top/job/acme/job/site/move/move?destination=/top/other")
    assert answer.headers["Location"] == "/job/top/job/other/job/site/"
    client.call("POST", "job/top/confirmRename?newName=all")
    assert client.call("GET", "-/items").json()["all/other/site"]["id"] == number
    assert client.call("POST", "job/all/doDelete").headers["Location"] == "/"
    assert client.call("GET", "-/items").json() == {}


@pytest.mark.parametrize("destination", ["/none", "top", "/top/acme/web", "/top/acme", ""])
def test_a_move_to_nowhere_leaves_the_job_where_it_is(client, destination):
    path = "job/top/job/acme/job/web/move/move"
    assert client.call("POST", path, params={"destination": destination}).status_code == 302
    assert "top/acme/web" in client.call("GET", "-/items").json()


def test_it_is_the_same_after_a_restart(tmp_path):
    with running(tmp_path) as jenkins:
        client = Client(jenkins)
        client.create("", "top", FOLDER)
        for name in ("a", "b", "c"):
            client.create("top", name, multibranch(name))
        client.call("POST", "job/top/job/b/disable")
        client.call("POST", "job/top/job/c/doDelete")
        client.call("POST", "job/top/job/a/build")
        client.call("POST", "job/top/job/a/confirmRename?newName=z")
        before = client.call("GET", "-/items").json(), client.call("GET", "job/top/job/b/config.xml").content
    with running(tmp_path) as jenkins:
        client = Client(jenkins)
        assert (client.call("GET", "-/items").json(), client.call("GET", "job/top/job/b/config.xml").content) == before
        assert list(before[0]) == ["top", "top/b", "top/z"]


def test_faults_are_set_shown_and_taken_away_over_http(client):
    faults = [{"what": "503", "call": "config", "nth": 2}, {"what": "gone", "path": "/job/acme", "nth": 3}]
    assert client.call("PUT", "-/faults", json=faults).json()[1]["what"] == "gone"
    path = "job/top/job/acme/job/web/config.xml"
    assert [client.call("GET", path).status_code for _ in range(2)] == [200, 503]
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            client.call("GET", "job/top/job/acme/api/json")
    assert client.call("GET", "-/faults").json()[0]["seen"] == 2
    assert client.call("DELETE", "-/faults").json() == []
    assert client.call("GET", path).status_code == 200
    assert client.call("PUT", "-/faults", json=[{"what": "earthquake"}]).status_code == 400


def test_ten_thousand_jobs_are_listed_by_one_call(jenkins):
    with jenkins.app.store.lock:
        store = jenkins.app.store
        top = store.create(store.root, "top", FOLDER, definitions.read(FOLDER))
        said = definitions.read(multibranch())
        for number in range(10_000):
            store.create(top, f"r-{number:05}", b"", said)
    started = time.process_time()
    shown = tree.show(top, tree.parse("name,jobs[name,description]"), "http://127.0.0.1/")
    body = json.dumps(shown)
    assert len(shown["jobs"]) == 10_000
    assert len(body) > 1_000_000
    assert time.process_time() - started < 5  # no timed test: only that it is not quadratic


YAML = """
- job:
    name: top
    project-type: folder
- job:
    name: top/mine
    description: a job of my own
{more}
"""


def test_the_real_jenkins_jobs_updates_and_deletes_its_own(jenkins, jenkins_jobs, tmp_path):
    client = Client(jenkins)
    client.create("", "ours", FOLDER)
    client.create("ours", "web", multibranch("not made by it"))
    jenkins_jobs(jenkins, tmp_path / "jjb", YAML.format(more="- job:\n    name: top/old\n"))
    assert set(client.call("GET", "-/items").json()) == {"ours", "ours/web", "top", "top/mine", "top/old"}
    jenkins_jobs(jenkins, tmp_path / "jjb", YAML.format(more="- job:\n    name: top/new\n"), "--delete-old")
    items = client.call("GET", "-/items").json()
    assert set(items) == {"ours", "ours/web", "top", "top/mine", "top/new"}
    assert "a job of my own" in client.call("GET", "job/top/job/mine/api/json").json()["description"]
    told = client.call("GET", "-/calls").json()
    assert told["not_modelled"] == []
    assert (told["kinds"]["create"], told["kinds"]["delete"]) == (6, 1)


def test_the_daemon_serves_it_with_a_token_of_its_own_and_what_it_was_told_outlives_it(place):
    endpoints = place.up(settings=None)
    variables = endpoints.jenkins_environment()
    token = Path(variables["JENKINS_BOOTSTRAP_JENKINS_TOKEN_FILE"])
    assert token.stat().st_mode & 0o777 == 0o600
    client = Client(
        type("Known", (), {"user": JENKINS_USER, "token": token.read_text().strip(), "url": endpoints.jenkins_url})
    )
    assert client.create("", "top", FOLDER).status_code == 200
    assert (
        client.call("GET", "api/json?tree=jobs[name,url]").json()["jobs"][0]["url"]
        == f"{endpoints.jenkins_url}job/top/"
    )
    place.kill()
    client.url = place.up(settings=None).jenkins_url
    assert list(client.call("GET", "-/items").json()) == ["top"]
    place.down()
    store = Store(place.state.jenkins / "jobs.db")
    assert [item.path for item in store.root.below()] == ["top"]
    store.close()
