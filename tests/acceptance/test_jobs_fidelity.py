"""The embedded Jenkins beside a real one: the same calls give the same answers, and leave the same jobs."""

import contextlib
import re
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from jenkins_bootstrap.embedded.jenkins.serving import running
from jenkins_bootstrap.jobs.diff import unified

TOP = "fidelity"
FOLDER_CLASS = b"com.cloudbees.hudson.plugins.folder.Folder"
FOLDER = b"<%s><description>\xc3\xa4</description></%s>" % (FOLDER_CLASS, FOLDER_CLASS)
FREESTYLE = b"<project><description>a\n b</description></project>"
PIPELINE = b"<flow-definition><description/><disabled>true</disabled></flow-definition>"
XML = {"Content-Type": "text/xml; charset=utf-8"}
TREE = "_class,name,description,displayName,fullName,color,disabled,buildable"


class Client(requests.Session):
    """One Jenkins, as the account with the API token."""

    def __init__(self, url, user, token):
        super().__init__()
        self.trust_env = False
        self.url, self.account = url, (user, token)
        self.auth = self.account

    def call(self, method, path, **more):
        return self.request(method, self.url + path, timeout=60, allow_redirects=False, **more)


@pytest.fixture(scope="module")
def real(controller):
    client = Client(controller.url, "_jenkins-bootstrap", controller.layout.service_token.read_text().strip())
    yield client
    client.call("POST", f"job/{TOP}/doDelete")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    with running(tmp_path_factory.mktemp("embedded")) as jenkins:
        yield Client(jenkins.url, jenkins.user, jenkins.token)


@pytest.fixture(scope="module")
def definition(world):
    """A definition as we make it, with another description."""
    xml = world.trial.made.rendered.jobs[0].xml

    def make(description, disabled=False):
        text = re.sub(
            rb"<description>.*?</description>", b"<description>%s</description>" % description, xml, flags=re.S
        )
        return re.sub(rb"<disabled>\w+</disabled>", b"<disabled>%s</disabled>" % str(disabled).lower().encode(), text)

    return make


def at(path):
    return "".join(f"job/{name}/" for name in path.split("/"))


def calls(definition):
    """Method, path and the rest of each call; `what` is a word for the failure's message."""
    web, site = at(f"{TOP}/a/web"), at(f"{TOP}/a/site")

    def create(folder, name, xml, **more):
        headers = more.pop("headers", XML)
        return (
            "POST",
            f"{at(folder) if folder else ''}createItem",
            {"params": {"name": name}, "data": xml, "headers": headers},
        )

    return [
        create("", TOP, FOLDER),
        create("", TOP, FOLDER),
        create(TOP, "a", FOLDER),
        create(TOP, "b c", FOLDER),
        create(f"{TOP}/a", "web", definition(b"one")),
        create(f"{TOP}/a", "WEB", definition(b"one")),
        create(f"{TOP}/a", "Zebra", definition(b"zebra", disabled=True)),
        create(f"{TOP}/a", "mine", FREESTYLE),
        create(f"{TOP}/a", "Pipe.line", PIPELINE),
        *[create(f"{TOP}/a", name, FREESTYLE) for name in ("a?b", "a/b", "..", "ends.", " ", "x]")],
        create(f"{TOP}/none", "x", FREESTYLE),
        create(f"{TOP}/a/web", "x", FREESTYLE),
        create(f"{TOP}/a", "broken", b"<project>"),
        create(f"{TOP}/a", "text", FREESTYLE, headers={"Content-Type": "text/plain"}),
        create(f"{TOP}/a", "untyped", FREESTYLE, headers={}),
        ("POST", f"{at(TOP)}createItem", {"data": FREESTYLE, "headers": XML}),
        ("GET", web + "config.xml", {}),
        ("GET", at(f"{TOP}/a/none") + "config.xml", {}),
        ("POST", web + "config.xml", {"data": definition(b"two"), "headers": XML}),
        ("POST", web + "config.xml", {"data": FREESTYLE, "headers": XML}),
        ("POST", web + "config.xml", {"data": b"<project>", "headers": XML}),
        ("POST", at(f"{TOP}/a/none") + "config.xml", {"data": FREESTYLE, "headers": XML}),
        ("POST", web + "confirmRename?newName=web", {}),
        ("POST", web + "confirmRename?newName=mine", {}),
        ("POST", at(f"{TOP}/a/WEB") + "confirmRename?newName=wEB", {}),
        ("POST", at(TOP) + f"confirmRename?newName={TOP.upper()}", {}),
        ("GET", f"{at(TOP.upper())}api/json?tree=name", {}),
        ("POST", web + "confirmRename?newName=a%3Fb", {}),
        ("POST", web + "confirmRename", {}),
        ("POST", at(f"{TOP}/a/none") + "confirmRename?newName=x", {}),
        ("GET", web + "confirmRename?newName=site2", {}),
        ("POST", web + "confirmRename?newName=site", {}),
        ("GET", web + "config.xml", {}),
        ("POST", site + f"move/move?destination=/{TOP}/none", {}),
        ("POST", site + f"move/move?destination={TOP}", {}),
        ("POST", site + f"move/move?destination=/{TOP}/a", {}),
        ("POST", site + f"move/move?destination=/{TOP}/b%20c", {}),
        ("POST", at(f"{TOP}/a") + f"move/move?destination=/{TOP}/a", {}),
        ("POST", at(f"{TOP}/b c/site") + "disable", {}),
        ("POST", at(f"{TOP}/b c/site") + "build?delay=0", {}),
        ("POST", at(f"{TOP}/b c/site") + "enable", {}),
        ("POST", at(f"{TOP}/b c") + "disable", {}),
        ("POST", at(f"{TOP}/b c") + "build?delay=0", {}),
        ("GET", at(f"{TOP}/b c/site") + "disable", {}),
        ("GET", at(f"{TOP}/b c/site") + "doDelete", {}),
        ("POST", at(f"{TOP}/a/mine") + "disable", {}),
        ("POST", at(f"{TOP}/a/none") + "doDelete", {}),
        ("GET", f"{at(TOP)}api/json?tree=name", {}),
        ("GET", at(f"{TOP}/none") + "api/json?tree=name", {}),
        ("GET", at(f"{TOP}/A") + "api/json?tree=name", {}),
        ("GET", "login", {}),
        ("GET", "crumbIssuer/api/json", {}),
        ("GET", "pluginManager/api/json?depth=1", {}),
        ("GET", f"{at(TOP)}api/json", {"auth": ("_jenkins-bootstrap", "another")}),
    ]


def told(client, method, path, more):
    """Status, and where it leads to without the host."""
    answer = client.call(method, path, **more)
    location = answer.headers.get("Location")
    return answer.status_code, urlsplit(urljoin(answer.url, location)).path if location else ""


@pytest.fixture(scope="module")
def answers(real, stand_in, definition):
    """What both answered, call by call."""
    return [
        (
            f"{method} {path} {more.get('params', '')}",
            told(real, method, path, more),
            told(stand_in, method, path, more),
        )
        for method, path, more in calls(definition)
    ]


def test_every_call_is_answered_alike(answers):
    differing = [f"{what}: {there}, and here {here}" for what, there, here in answers if there != here]
    assert "\n".join(differing) == ""


def tree(client):
    whole = TREE
    for _ in range(3):
        whole = f"{TREE},jobs[{whole}]"
    return client.call("GET", f"{at(TOP)}api/json", params={"tree": whole}).json()


def test_the_same_jobs_are_left_in_the_same_order_with_the_same_values(answers, real, stand_in):
    there, here = tree(real), tree(stand_in)
    assert here == there
    assert [job["name"] for job in there["jobs"][0]["jobs"]] == ["Pipe.line", "Zebra", "mine", "wEB"]
    assert [job["name"] for job in there["jobs"][1]["jobs"]] == ["site"]


@pytest.mark.parametrize("path", ["a/Zebra", "b c/site", "a/mine", "a"])
def test_definitions_read_back_differ_in_nothing_that_means_anything(answers, real, stand_in, path):
    there, here = (client.call("GET", at(f"{TOP}/{path}") + "config.xml").content for client in (real, stand_in))
    assert unified(path, there, here) == []


def test_a_job_that_was_posted_comes_back_as_it_was_sent(answers, real, definition):
    sent = definition(b"sent back")
    real.call("POST", at(f"{TOP}/a/Zebra") + "config.xml", data=sent, headers=XML)
    assert unified("Zebra", real.call("GET", at(f"{TOP}/a/Zebra") + "config.xml").content, sent) == []


SCANNED = """
def jenkins = jenkins.model.Jenkins.get()
def found = jenkins.getItemByFullName(top).items.collectMany { it.items as List }.findAll {
    it.computation.result != null || it.computation.building || jenkins.queue.contains(it)
}
return found*.fullName.sort()
"""
FIRE = "jenkins.branch.MultiBranchProject.FIRE_SCM_SOURCE_BUILDS_AFTER_SAVE = fire; return true"


def test_the_same_calls_ask_for_scans(admin, real, definition, tmp_path):
    """With the option of our unit that stops them, and as Jenkins is by itself. Each job is told apart by its name."""
    counts = []
    for fire in (False, True):
        with running(tmp_path / str(fire), scan_after_save=fire) as jenkins, contextlib.ExitStack() as stack:
            here = Client(jenkins.url, jenkins.user, jenkins.token)
            admin.script(FIRE, fire=fire)
            stack.callback(admin.script, FIRE, fire=False)
            top = f"fidelity-scans-{fire}".lower()
            stack.callback(real.call, "POST", f"job/{top}/doDelete")
            for client in (real, here):
                for above, name in (("", top), (top, "posted"), (top, "folder")):
                    client.call(
                        "POST",
                        f"{at(above) if above else ''}createItem",
                        params={"name": name},
                        data=FOLDER,
                        headers=XML,
                    )
                for folder, name, disabled in (
                    ("posted", "new", False),
                    ("posted", "off", True),
                    ("folder", "in", True),
                ):
                    xml = definition(b"one", disabled)
                    client.call(
                        "POST", f"{at(f'{top}/{folder}')}createItem", params={"name": name}, data=xml, headers=XML
                    )
                client.call("POST", at(f"{top}/posted/off") + "enable")
                client.call("POST", at(f"{top}/folder/in") + "enable")
            items = here.call("GET", "-/items").json()
            counts.append((admin.script(SCANNED, top=top), sorted(p for p, one in items.items() if one["scans"])))
            for client in (real, here):
                client.call("POST", at(f"{top}/folder") + "config.xml", data=FOLDER, headers=XML)
            items = here.call("GET", "-/items").json()
            counts.append((admin.script(SCANNED, top=top), sorted(p for p, one in items.items() if one["scans"])))
            for client in (real, here):
                client.call("POST", at(f"{top}/posted/off") + "build?delay=0")
            items = here.call("GET", "-/items").json()
            counts.append((admin.script(SCANNED, top=top), sorted(p for p, one in items.items() if one["scans"])))
    assert [there for there, _here in counts] == [here for _there, here in counts]
    assert counts[0][0] == counts[1][0] == []
    assert "fidelity-scans-true/posted/new" in counts[3][0]
