"""From a change on GitHub to the job in Jenkins: the embedded GitHub delivers, the rest is the image's wiring."""

import asyncio
import base64
import json
import socket
import threading
import xml.etree.ElementTree as ET
from dataclasses import replace

import boto3
import pytest
import requests
from moto import mock_aws

from jenkins_bootstrap.aws.session import Aws, AwsError
from jenkins_bootstrap.cli import main
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.embedded.github import Store, create_app
from jenkins_bootstrap.embedded.jenkins.serving import running
from jenkins_bootstrap.facts import Delivery
from jenkins_bootstrap.jobs.marker import parse_line
from jenkins_bootstrap.receiver.events import Target
from jenkins_bootstrap.receiver.image import Image
from jenkins_bootstrap.receiver.keys import Keys
from jenkins_bootstrap.receiver.missed import never_arrived
from jenkins_bootstrap.receiver.ports import Busy
from jenkins_bootstrap.reconcile.state import State

SECRET = "not-a-real-receiver-secret"
VALUES = {"github_receiver_secret": SECRET, "github_token": "not-a-real-token"}
TOKEN = {"Authorization": "token not-a-real-token"}
OVERRIDE = base64.b64encode(b"script_path: ci/Jenkinsfile\n").decode()


class Loop:
    """GitHub, the receiver and Jenkins, each on its socket."""

    def __init__(self, tmp_path, jenkins, shapes, serve_wsgi, lay_out):
        self.jenkins = jenkins
        entries = [
            {"name": n.partition("/")[2], "full_name": n} for n in ("acme/web", "acme/api", "other/z", "third/x")
        ]
        (tmp_path / "organisation.json").write_text(json.dumps(entries))
        self.store = Store.load(tmp_path / "organisation.json", tmp_path / "github")
        self.github = serve_wsgi(create_app(self.store), keep_alive=True) + "/api/v3"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/jenkins-bootstrap/webhook"
        settings = Settings.model_validate(
            {
                "project": "demo",
                "region": "eu-west-1",
                "controller": {
                    "url": "https://jenkins.example.org/",
                    "receiver": {"port": port, "address": "127.0.0.1"},
                },
                "github": {
                    "owners": [{"name": name, "filter": {"visibility": "public"}} for name in ("acme", "other")],
                    "hooks": {"receiver_url": self.url},
                },
            }
        )
        layout = lay_out(tmp_path / "controller", settings)
        (layout.state / "shapes").symlink_to(shapes)
        layout.service_token.write_text(jenkins.token)
        layout.reconcile_token.write_text("not-a-real-reconcile-token")
        environ = {
            "JENKINS_BOOTSTRAP_EMBEDDED_AWS": "http://127.0.0.1:9/",
            "JENKINS_BOOTSTRAP_EMBEDDED_GITHUB": self.github,
        }
        self.layout, self.said = layout, []
        self.image = Image(layout, environ, say=self.said.append, url=jenkins.url)
        self.image.read_secret = lambda: VALUES
        self.service = None

    def call(self, method, path, **options):
        answer = requests.request(method, self.github + path, headers=TOKEN, timeout=10, **options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def hook(self, owner):
        config = {"url": self.url, "content_type": "json", "secret": SECRET}
        return self.call(
            "POST", f"/orgs/{owner}/hooks", json={"config": config, "events": ["repository", "push"], "name": "web"}
        )

    def start(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.service = self.image.service()
        self.runner = asyncio.run_coroutine_threadsafe(self.service.start(), self.loop).result(20)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.service.stop(self.runner), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.service = None

    def settle(self, until):
        assert self.store.deliveries.settle()
        until(lambda: any("kind=everything outcome=done" in line for line in self.said), 10)
        until(lambda: self.service.queue.waiting().length == 0, 10)

    def jobs(self):
        """Our jobs by GitHub's id: path, whether disabled, whether gone, and the definition."""
        store, found = self.jenkins.app.store, {}
        for item in store.root.below():
            root = ET.fromstring(store.config(item))
            line = parse_line(root.findtext("description"))
            if line is not None and line.id is not None:
                found[line.id] = (item.path, root.findtext("disabled") == "true", line.gone is not None, root)
        return found

    def close(self):
        if self.service is not None:
            self.stop()


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return tmp_path_factory.mktemp("shapes")


@pytest.fixture
def loop(tmp_path, shapes, serve_wsgi, lay_out):
    (tmp_path / "jenkins").mkdir()
    with running(tmp_path / "jenkins") as jenkins:
        made = Loop(tmp_path, jenkins, shapes, serve_wsgi, lay_out)
        yield made
        made.close()


def named(loop, owner, name):
    return loop.store.find(owner, name).id


def test_each_action_on_github_has_its_effect_on_the_job(loop, until):
    for owner in ("acme", "other"):
        loop.hook(owner)
    loop.start()
    loop.settle(until)
    web = named(loop, "acme", "web")
    assert {path for path, *_ in loop.jobs().values()} == {"github/acme/web", "github/acme/api", "github/other/z"}

    def effect(method, path, number=web, **body):
        loop.call(method, path, json=body or None)
        loop.settle(until)
        found = loop.jobs().get(number)
        return None if found is None else found[:3]

    def created():
        loop.call("POST", "/orgs/acme/repos", json={"name": "new"})
        # GitHub makes it empty: it gets a job when a push adds its Jenkinsfile.
        loop.call("PUT", "/repos/acme/new/contents/Jenkinsfile", json={"message": "m", "content": "cGlwZWxpbmUge30="})
        loop.settle(until)
        return loop.jobs()[named(loop, "acme", "new")][:3]

    at = "/repos/acme/web"
    assert created() == ("github/acme/new", False, False)
    assert effect("PATCH", at, archived=True) == ("github/acme/web", True, False)
    assert effect("PATCH", at, archived=False) == ("github/acme/web", False, False)
    assert effect("PATCH", at, description="for the people") == ("github/acme/web", False, False)
    assert loop.jobs()[web][3].findtext("description").startswith("for the people")
    assert effect("PATCH", at, private=True) == ("github/acme/web", True, True)
    assert effect("PATCH", at, private=False) == ("github/acme/web", False, False)
    assert effect("PATCH", at, name="site") == ("github/acme/site", False, False)
    assert effect("POST", "/repos/acme/site/transfer", new_owner="other") == ("github/other/site", False, False)
    assert effect("PUT", "/repos/other/site/contents/.jenkins.yml", message="m", content=OVERRIDE)
    assert any(element.text == "ci/Jenkinsfile" for element in loop.jobs()[web][3].iter("scriptPath"))
    assert effect("DELETE", "/repos/other/site") == ("github/other/site", True, True)
    assert not [line for line in loop.said if "outcome=failed" in line]


def test_from_the_delivery_to_a_new_job_it_takes_one_call_of_github_and_three_of_jenkins(loop, until):
    loop.start()
    loop.settle(until)
    loop.call("POST", "/orgs/acme/repos", json={"name": "new", "auto_init": True})
    loop.call("PUT", "/repos/acme/new/contents/Jenkinsfile", json={"message": "m", "content": "cGlwZWxpbmUge30="})
    number = named(loop, "acme", "new")
    loop.jenkins.app.calls.reset()
    node = loop.call("GET", "/repos/acme/new")["node_id"]
    before = len(loop.store.requests)
    result = loop.service.worker._reconcile(Target("acme", "new", number, node))
    assert result.error == "" and result.changes == 2, result
    assert loop.jenkins.app.calls.total <= 3
    assert len(loop.store.requests) - before <= 1


def test_what_could_not_be_delivered_is_sent_again_at_the_start(loop, until):
    """The receiver is down while a repository is renamed; its listing is recent, so that only the delivery tells it."""
    loop.hook("acme")
    loop.start()
    loop.settle(until)
    loop.stop()
    loop.call("PATCH", "/repos/acme/web", json={"name": "site"})
    assert loop.store.deliveries.settle()
    loop.start()
    until(lambda: any("catch-up outcome=done again=1" in line for line in loop.said), 10)
    loop.settle(until)
    assert loop.jobs()[named(loop, "acme", "site")][0] == "github/acme/site"
    loop.stop()
    loop.said.clear()
    loop.start()
    until(lambda: any("catch-up outcome=done again=0" in line for line in loop.said), 10)


def test_while_jenkins_is_away_work_waits_and_github_is_not_asked(loop, until):
    loop.layout.service_token.unlink()
    loop.image.find_missed = lambda _values: []
    loop.start()
    until(lambda: any("outcome=postponed" in line for line in loop.said))
    assert 'because="Jenkins is not up"' in "\n".join(loop.said)
    assert not loop.jobs()
    assert not [one for one in loop.store.requests if "graphql" in str(one)]
    loop.layout.service_token.write_text(loop.jenkins.token)
    loop.service.queue.add_everything(0.0)
    reconcile = loop.image.reconcile(lambda: VALUES)
    assert reconcile(None).changes >= 3


def test_another_process_at_it_is_waited_for(loop):
    loop.start()
    reconcile = loop.image.reconcile(lambda: VALUES)
    with State(loop.layout.state, loop.jenkins.url).locked(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(State.locked.__wrapped__, "__defaults__", (print, 0.1, lambda _s: None))
        with pytest.raises(Busy, match="process"):
            reconcile(None)


def test_the_secret_is_read_with_the_one_before_it_and_without_where_that_cannot_be_told(loop, monkeypatch):
    keys = {"admin_username": "a", "admin_password": "b", "github_username": "c", "github_token": "d"}
    keys["github_webhook_secret"] = "not-a-real-webhook-secret"
    with mock_aws():
        session = boto3.session.Session("not-a-real-key", "not-a-real-secret", region_name="eu-west-1")
        client = session.client("secretsmanager")
        for value in ("not-a-real-old", "not-a-real-new"):
            text = json.dumps(keys | {"github_receiver_secret": value})
            if value == "not-a-real-old":
                client.create_secret(Name="jenkins", SecretString=text)
            else:
                client.put_secret_value(SecretId="jenkins", SecretString=text)
        loop.image.make_aws = lambda: Aws(session, "eu-west-1", None, None)
        held = Keys(lambda: Image.read_secret(loop.image), 60.0)
        held.refresh()
        assert held.secrets() == ("not-a-real-new", "not-a-real-old")

        def broken(*_values):
            raise AwsError("denied", code="AccessDeniedException", where="ListSecretVersionIds")

        monkeypatch.setattr("jenkins_bootstrap.aws.webhook.superseded", broken)
        held.refresh()
        assert held.secrets() == ("not-a-real-new",)
        assert "secret outcome=" in loop.said[-1] and "not-a-real" not in loop.said[-1]
    assert "not-a-real" not in repr(held)


def test_serve_runs_in_an_image_alone(loop, capsys):
    assert main.run(["serve", "--target", "aws"]) == 2
    assert "leave it out" in capsys.readouterr().err
    assert main.run(["serve", "--root", str(loop.layout.root / "elsewhere")]) == 1
    assert "bake one" in capsys.readouterr().err


def test_an_event_counts_as_missed_when_no_attempt_arrived():
    def attempt(id_, guid, code):
        return Delivery(id_, guid, "2026-11-24T00:00:00Z", "repository", code)

    sent = [attempt(6, "b", 502), attempt(5, "a", 200), attempt(4, "c", 0), attempt(3, "b", 0), attempt(2, "a", 500)]
    assert [one.id for one in never_arrived(sent)] == [4, 6]
    assert never_arrived([replace(one, code=202) for one in sent]) == []
