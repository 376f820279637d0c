"""What was missed is found wherever the webhooks are: of organisations, of a user's repositories, of the App."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.embedded.github import App, Fault, Store, create_app
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver import missed
from jenkins_bootstrap.receiver.catchup import catch_up
from jenkins_bootstrap.receiver.image import KEPT, SKEW, Image
from jenkins_bootstrap.receiver.missed import Asker
from jenkins_bootstrap.receiver.queue import Queue
from jenkins_bootstrap.reconcile.state import State

VALUES = {"github_token": "not-a-real-token"}
ENTRIES = [
    {"name": "app", "full_name": "acme/app"},
    {"name": "lib", "full_name": "acme/lib"},
    *({"name": name, "full_name": f"person/{name}", "owner_type": "User"} for name in ("home", "tool", "old")),
]


@dataclass
class Site:
    """An organisation and a user, whose webhooks go to somebody who is down."""

    store: Store
    api: str
    url: str
    got: list = field(default_factory=list)
    said: list = field(default_factory=list)
    status: str = "503 X"

    def call(self, method, path, **body):
        headers = {"Authorization": "token not-a-real-token"}
        answer = requests.request(method, self.api + path, json=body or None, headers=headers, timeout=10)
        assert answer.ok, answer.text
        assert self.store.deliveries.settle()

    def hook(self, scope):
        config = {"url": self.url, "content_type": "json", "secret": "not-a-real-receiver-secret"}
        self.call("POST", f"/{scope}/hooks", config=config, events=["repository", "push"], name="web")

    def asker(self, *owners, values=VALUES, since=timedelta(days=3), **hooks):
        settings = Settings.model_validate(
            {
                "project": "demo",
                "region": "eu-west-1",
                "controller": {"url": "https://jenkins.example.org/"},
                "github": {
                    "owners": [{"name": o} if isinstance(o, str) else o for o in owners],
                    "hooks": {"receiver_url": self.url, **hooks},
                },
            }
        )
        return Asker(settings, values, self.api, datetime.now(UTC) - since, self.said.append)

    def found(self, *owners, **more):
        return [one for one in self.asker(*owners, **more).find() if one.event != "ping"]


@pytest.fixture
def site(tmp_path, serve_wsgi, described):
    (tmp_path / "organisation.json").write_text(json.dumps(ENTRIES))
    permissions = {"metadata": "read", "contents": "read", "organization_hooks": "write", "repository_hooks": "write"}
    app = App(id="4242", installations={7: "acme"}, permissions=permissions)
    store = Store.load(tmp_path / "organisation.json", tmp_path / "github", app=app)

    def listener(environ, start_response):
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        made.got.append(environ["HTTP_X_GITHUB_EVENT"])
        start_response(made.status, [("Content-Length", "0")])
        return [b""]

    github = serve_wsgi(described.checked(create_app(store))) + "/api/v3"
    made = Site(store, github, serve_wsgi(listener) + "/jenkins-bootstrap/webhook")
    return made


def test_a_users_repositories_are_asked_and_what_was_missed_is_sent_again(site, tmp_path):
    for name in ("home", "tool", "old"):
        site.hook(f"repos/person/{name}")
    site.call("PATCH", "/repos/person/home", description="another")
    site.call("PATCH", "/repos/person/tool", name="kit")
    site.got.clear()
    queue = Queue(tmp_path / "q.db")
    site.status = "202 X"
    assert catch_up(site.asker("person").find, queue, site.said.append, sleep=lambda _s: None) == 2
    assert site.store.deliveries.settle()
    assert site.got == ["repository", "repository"]
    assert site.found("person") == []
    queue.close()


def test_only_repositories_that_changed_are_asked_the_newest_first_and_so_many_at_most(site, monkeypatch):
    for name in ("home", "tool", "old"):
        site.hook(f"repos/person/{name}")
    for name in ("home", "tool"):
        site.call("PATCH", f"/repos/person/{name}", description="another")
    site.store.requests.clear()
    assert len(site.found("person")) == 2
    assert not [call for call in site.store.requests if "/person/old/" in call]
    site.store.clock = lambda: datetime.now(UTC).timestamp() + 60
    site.call("PATCH", "/repos/person/home", description="and another")
    monkeypatch.setattr(missed, "MOST_REPOSITORIES", 1)
    site.store.requests.clear()
    assert len(site.found("person")) == 2
    assert not [call for call in site.store.requests if "/person/tool/" in call]


def test_an_organisation_whose_repositories_have_their_own_webhooks_is_asked_repository_by_repository(site):
    site.hook("repos/acme/app")
    site.hook("repos/acme/lib")
    site.call("PATCH", "/repos/acme/app", description="another")
    site.call("PATCH", "/repos/acme/lib", description="another")
    assert site.found("acme") == []
    assert len(site.found("acme", per_repository=True)) == 2


def test_what_cannot_be_asked_takes_nothing_from_the_others(site):
    for scope in ("repos/person/home", "repos/person/tool", "orgs/acme"):
        site.hook(scope)
    for name in ("person/home", "person/tool", "acme/app"):
        site.call("PATCH", f"/repos/{name}", description="another")
    site.store.faults.append(Fault(403, {}, {"message": "no"}, method="GET", path="/person/tool/hooks"))
    assert len(site.found("nobody", "person", "acme")) == 2
    assert [said.split("error=")[0] for said in site.said] == ['catch-up outcome="not asked" '] * 2
    with pytest.raises(BootstrapError, match="nobody"):
        site.found("nobody")


@pytest.fixture(scope="module")
def pem():
    form = serialization.PrivateFormat.TraditionalOpenSSL
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_the_apps_own_webhook_is_asked_too(site, pem):
    site.store.app_hook.config.update(url=site.url, content_type="json")
    site.hook("orgs/acme")
    site.call("PATCH", "/repos/acme/app", description="another")
    values = {"github_app_id": "4242", "github_app_private_key": pem}
    found = site.found({"name": "acme", "sign_in": "app", "installation": 7}, values=values)
    assert sorted(one.hook is None for one in found) == [False, True]


@pytest.mark.parametrize(("hours", "since"), [(None, KEPT), (200, KEPT), (1, timedelta(hours=1) + SKEW)])
def test_what_was_missed_before_everything_was_in_step_is_of_no_interest(hours, since, monkeypatch, tmp_path):
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    if hours is not None:
        State(tmp_path, "http://one/").in_step("github", now - timedelta(hours=hours))
    asked = []
    monkeypatch.setattr(Asker, "find", lambda self: asked.append(self.since) or [])
    made = Image.__new__(Image)
    made.layout = type("L", (), {"state": tmp_path})
    made.settings = made.say = None
    made.url, made.now, made.target = "http://one/", lambda: now, type("T", (), {"github_api_url": "x"})
    assert made.find_missed(lambda: VALUES) == []
    assert asked == [now - since]
