"""Webhooks of the embedded GitHub over real sockets: what may be set, what is sent, kept, and can be sent again.

Every call and every payload is checked against GitHub's own description.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from jenkins_bootstrap.embedded.github import App, Store, Token, create_app
from jenkins_bootstrap.embedded.github import deliveries as sending

TOKEN = {"Authorization": "token not-a-real-token"}
SECRET = "not-a-real-secret"


class Ear:
    """An HTTP server that remembers what it gets, and answers as told."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.status, self.seconds = 200, 0.0
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ear.heard.append((dict(self.headers), body))
                time.sleep(ear.seconds)
                self.send_response(ear.status)
                self.send_header("X-Ear", "yes")
                self.end_headers()
                self.wfile.write(b"heard")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def payloads(self, event: str) -> list[Any]:
        return [json.loads(body) for headers, body in self.heard if headers["X-GitHub-Event"] == event]


class Site:
    def __init__(self, store: Store, base: str, ear: Ear) -> None:
        self.store, self.base, self.ear = store, base, ear

    def rest(self, path: str, method: str = "GET", headers: Any = TOKEN, **options: Any) -> requests.Response:
        options.setdefault("allow_redirects", False)
        return requests.request(method, self.base + "/api/v3" + path, headers=headers, timeout=10, **options)

    def hook(
        self, place: str = "/orgs/acme", *, events: Any = ("repository", "push"), **config: Any
    ) -> requests.Response:
        settings = {"url": self.ear.url, "content_type": "json", "secret": SECRET, **config}
        return self.rest(f"{place}/hooks", "POST", json={"name": "web", "config": settings, "events": list(events)})

    def settle(self) -> None:
        assert self.store.deliveries.settle()


@pytest.fixture
def ear() -> Iterator[Ear]:
    it = Ear()
    yield it
    it.server.shutdown()
    it.server.server_close()


@pytest.fixture
def site(tmp_path: Path, described: Any, ear: Ear, serve_wsgi: Callable[..., str]) -> Iterator[Callable[..., Site]]:
    def start(*names: str, entries: Any = (), **options: Any) -> Site:
        file = tmp_path / "organisation.json"
        named = [{"name": n.partition("/")[2], "full_name": n} for n in names or ("acme/a", "other/z")]
        file.write_text(json.dumps([*named, *entries]))
        store = Store.load(file, tmp_path / "state", **options)
        return Site(store, serve_wsgi(described.checked(create_app(store))), ear)

    yield start
    for headers, body in ear.heard:
        if headers["Content-Type"] == "application/json":
            assert described.payload(headers["X-GitHub-Event"], json.loads(body)) == []


# What may be set


@pytest.mark.parametrize("place", ["/orgs/acme", "/repos/acme/a"])
def test_a_hook_is_made_read_changed_and_removed(site: Any, place: str) -> None:
    it = site()
    made = it.hook(place).json()
    assert made["config"]["secret"] == "********"
    path = f"{place}/hooks/{made['id']}"
    assert made["url"] == f"{it.base}/api/v3{path}"
    assert it.rest(path).json()["events"] == ["repository", "push"]
    assert [h["id"] for h in it.rest(f"{place}/hooks").json()] == [made["id"]]
    config = {"url": it.ear.url, "content_type": "form"}
    changed = it.rest(path, "PATCH", json={"active": False, "events": ["push"], "config": config}).json()
    assert (changed["active"], changed["events"]) == (False, ["push"])
    # A whole new configuration: the secret that it does not name is gone.
    assert changed["config"] == {"content_type": "form", "insecure_ssl": "0", "url": it.ear.url}
    partly = it.rest(f"{path}/config", "PATCH", json={"secret": SECRET, "content_type": "json"}).json()
    assert partly == {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": it.ear.url}
    assert it.rest(f"{path}/config").json() == partly
    assert it.rest(path, "DELETE").status_code == 204
    assert it.rest(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "irc"}, 'Name must be "web"'),
        ({"config": {}}, "Config must contain URL"),
        ({"config": None}, "Config must contain URL"),
        ({"config": {"url": "no address", "content_type": "json"}}, "The URL you've entered is not valid"),
        ({"config": {"url": "http://h:99999/", "content_type": "json"}}, "The URL you've entered is not valid"),
        ({"config": {"url": "http://h/", "content_type": "xml"}}, "content_type must be json or form"),
        ({"events": ["pushes"]}, "Events is invalid: pushes"),
        ({"events": ["installation_repositories"]}, "Events is invalid"),
        ({"events": []}, "Events is invalid"),
    ],
)
def test_a_wrong_hook_is_422_with_a_reason(site: Any, body: Any, message: str) -> None:
    it = site()
    right = {"name": "web", "config": {"url": it.ear.url, "content_type": "json"}, "events": ["push"]}
    answer = it.rest("/orgs/acme/hooks", "POST", json={**right, **body})
    assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
    assert message in answer.json()["errors"][0]["message"]
    assert it.rest("/orgs/acme/hooks").json() == []


def test_the_same_hook_twice_is_refused_in_githubs_words(site: Any) -> None:
    it = site()
    it.hook()
    for place, kind in (("/orgs/acme", "organization"), ("/repos/acme/a", "repository")):
        it.hook(place)
        again = it.hook(place)
        assert again.json()["errors"][0]["message"] == f"Hook already exists on this {kind}"
    # Other events at the same address are another hook.
    assert it.hook(events=["pull_request"]).status_code == 201


def test_an_event_has_twenty_hooks_at_most(site: Any) -> None:
    it = site()
    for number in range(20):
        assert it.hook(url=f"{it.ear.url}/{number}", events=["push"]).status_code == 201
    said = it.hook(url=f"{it.ear.url}/x").json()["errors"][0]["message"]
    assert said == 'The "push" event cannot have more than 20 hooks'
    assert it.hook(url=f"{it.ear.url}/x", events=["repository"]).status_code == 201
    it.settle()


def test_who_may_not_manage_hooks_does_not_find_them(site: Any) -> None:
    it = site(app=App(installations={1: "acme"}, permissions={"organization_hooks": "read"}))
    it.hook()
    it.store.tokens["reader"] = Token(scopes=("repo", "read:org"))
    reader = {"Authorization": "token reader"}
    assert it.rest("/orgs/acme/hooks", headers=reader).status_code == 404
    assert it.rest("/repos/acme/a/hooks", headers=reader).status_code == 200
    value, _ends = it.store.installation_token(1)
    installed = {"Authorization": f"token {value}"}
    assert it.rest("/orgs/acme/hooks", headers=installed).status_code == 200
    assert it.rest("/orgs/acme/hooks", "POST", headers=installed, json={}).status_code == 403
    assert it.rest("/orgs/other/hooks", headers=installed).status_code == 403
    assert it.rest("/repos/acme/a/hooks", headers=installed).status_code == 403
    assert it.rest("/orgs/nobody/hooks").status_code == 404


def test_hooks_outlive_a_restart_and_nobody_else_may_read_their_secrets(site: Any, tmp_path: Path) -> None:
    it = site()
    made = it.hook().json()
    it.settle()
    again = Store.load(tmp_path / "organisation.json", tmp_path / "state")
    assert again.hooks.by_id[made["id"]].config["secret"] == SECRET
    assert (tmp_path / "state" / "github-hooks.json").stat().st_mode & 0o777 == 0o600
    assert [d["event"] for d in again.deliveries.newest(made["id"], 9)] == ["ping"]
    (tmp_path / "state" / "github-hooks.json").write_text("[]")
    with pytest.raises(Exception, match="not the list of webhooks"):
        Store.load(tmp_path / "organisation.json", tmp_path / "state")


# What is sent


def test_a_new_hook_is_pinged_with_a_signature_and_githubs_headers(site: Any) -> None:
    it = site()
    made = it.hook().json()
    it.settle()
    [(headers, body)] = it.ear.heard
    for name, kind in (("X-Hub-Signature-256", hashlib.sha256), ("X-Hub-Signature", hashlib.sha1)):
        assert headers[name].partition("=")[2] == hmac.new(SECRET.encode(), body, kind).hexdigest()
    assert headers["User-Agent"].startswith("GitHub-Hookshot/")
    assert headers["Content-Type"] == "application/json"
    assert headers["X-GitHub-Hook-ID"] == str(made["id"])
    assert headers["X-GitHub-Hook-Installation-Target-Type"] == "organization"
    payload = json.loads(body)
    assert (payload["hook_id"], payload["hook"]["config"]["secret"]) == (made["id"], "********")


def test_a_hook_without_a_secret_is_not_signed_and_a_form_carries_the_payload(site: Any) -> None:
    it = site()
    it.hook("/repos/acme/a", secret="", content_type="form")
    it.settle()
    [(headers, body)] = it.ear.heard
    assert "X-Hub-Signature-256" not in headers
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(body.decode())["payload"][0])["zen"]


def test_every_change_of_a_repository_is_told(site: Any) -> None:
    it = site(entries=[{"name": "home", "full_name": "person/home", "owner_type": "User"}])
    it.hook()
    it.rest("/orgs/acme/repos", "POST", json={"name": "n", "private": True})
    it.rest("/repos/acme/n", "PATCH", json={"name": "m"})
    it.rest("/repos/acme/m", "PATCH", json={"description": "Ünïcode", "homepage": "http://h/", "private": False})
    it.rest("/repos/acme/m", "PATCH", json={"visibility": "private"})
    it.rest("/repos/acme/m/topics", "PUT", json={"names": ["web", "Go"]})
    it.rest("/repos/acme/m", "PATCH", json={"archived": True})
    it.rest("/repos/acme/m", "PATCH", json={"archived": False})
    it.rest("/repos/acme/m", "PATCH", json={"archived": False, "name": "m"})
    it.rest("/repos/person/home/transfer", "POST", json={"new_owner": "acme", "new_name": "house"})
    it.rest("/repos/other/z/transfer", "POST", json={"new_owner": "acme"})
    it.rest("/repos/acme/m", "DELETE")
    it.settle()
    told = {p["action"]: p for p in it.ear.payloads("repository")}
    assert sorted(p["action"] for p in it.ear.payloads("repository")) == [
        "archived",
        "created",
        "deleted",
        "edited",
        "edited",
        "privatized",
        "publicized",
        "renamed",
        "transferred",
        "transferred",
        "unarchived",
    ]
    assert told["renamed"]["changes"] == {"repository": {"name": {"from": "n"}}}
    assert told["renamed"]["repository"]["full_name"] == "acme/m"
    assert told["created"]["organization"]["login"] == "acme"
    edits = [p["changes"] for p in it.ear.payloads("repository") if p["action"] == "edited"]
    assert {"topics": {"from": []}} in edits
    owners = [p["changes"]["owner"]["from"] for p in it.ear.payloads("repository") if p["action"] == "transferred"]
    assert {next(iter(o)): next(iter(o.values()))["login"] for o in owners} == {
        "user": "person",
        "organization": "other",
    }


def test_a_transfer_is_told_where_the_repository_went_and_not_where_it_was(site: Any) -> None:
    it = site()
    it.hook("/orgs/other", url=f"{it.ear.url}/old")
    it.hook("/repos/other/z", url=f"{it.ear.url}/own")
    it.settle()
    it.ear.heard.clear()
    assert it.rest("/repos/other/z/transfer", "POST", json={"new_owner": "acme"}).status_code == 202
    it.settle()
    assert [h["X-GitHub-Hook-Installation-Target-Type"] for h, _ in it.ear.heard] == ["repository"]
    assert it.rest("/repos/acme/z/hooks").json()[0]["config"]["url"].endswith("/own")


def test_a_repositorys_own_hook_hears_neither_of_its_making_nor_of_its_end(site: Any) -> None:
    it = site()
    hook = it.hook("/repos/acme/a").json()
    it.rest("/repos/acme/a", "DELETE")
    it.settle()
    assert it.ear.payloads("repository") == []
    assert hook["id"] not in it.store.hooks.by_id


def test_a_file_that_is_pushed_is_told_and_can_be_read(site: Any) -> None:
    it = site()
    it.hook()
    path = "/repos/acme/a/contents/.jenkins.yml"
    body = {"message": "Override", "content": base64.b64encode(b"disabled: true\n").decode()}
    made = it.rest(path, "PUT", json=body)
    assert made.status_code == 201
    assert it.rest(path, "PUT", json=body).status_code == 422
    assert it.rest(path, "PUT", json={**body, "sha": "0" * 40}).status_code == 409
    sha = made.json()["content"]["sha"]
    # The id that git gives these bytes.
    assert sha == hashlib.sha1(b"blob 15\0disabled: true\n").hexdigest()
    read = it.rest(path).json()
    assert (base64.b64decode(read["content"]), read["sha"]) == (b"disabled: true\n", sha)
    changed = it.rest(path, "PUT", json={**body, "content": "", "sha": sha})
    assert changed.status_code == 200
    assert it.rest(path, "DELETE", json={"message": "x", "sha": changed.json()["content"]["sha"]}).status_code == 200
    assert it.rest(path).status_code == 404
    assert [entry["name"] for entry in it.rest("/repos/acme/a/contents/").json()] == ["Jenkinsfile"]
    it.settle()
    pushes = sorted(it.ear.payloads("push"), key=lambda p: list(p["commits"][0]["added"]), reverse=True)
    lists = {name: [p["commits"][0][name] for p in pushes] for name in ("added", "modified", "removed")}
    assert sorted(lists["added"] + lists["modified"] + lists["removed"]) == [[]] * 6 + [[".jenkins.yml"]] * 3
    assert {p["ref"] for p in pushes} == {"refs/heads/main"}
    # One follows from the other.
    assert len({p["before"] for p in pushes} | {p["after"] for p in pushes}) == 4
    assert made.json()["commit"]["sha"] in {p["after"] for p in pushes}


def test_the_first_push_to_a_new_repository_makes_its_branch(site: Any) -> None:
    it = site()
    it.hook()
    assert it.rest("/orgs/acme/repos", "POST", json={"name": "n"}).status_code == 201
    assert it.rest("/repos/acme/n/contents/Jenkinsfile").json()["message"] == "This repository is empty."
    body = {"message": "First", "content": base64.b64encode(b"pipeline {}").decode()}
    assert it.rest("/repos/acme/n/contents/Jenkinsfile", "PUT", json=body).status_code == 201
    it.settle()
    [push] = it.ear.payloads("push")
    assert (push["created"], push["before"]) == (True, "0" * 40)
    assert it.store.find("acme", "n").text_of("Jenkinsfile") == "pipeline {}"


def test_an_archived_repository_takes_no_push(site: Any) -> None:
    it = site()
    it.rest("/repos/acme/a", "PATCH", json={"archived": True})
    body = {"message": "x", "content": ""}
    assert it.rest("/repos/acme/a/contents/x", "PUT", json=body).status_code == 403
    assert it.rest("/repos/acme/a/topics", "PUT", json={"names": ["x"]}).status_code == 403


@pytest.mark.parametrize("path", ["../x", "a//b", ".git/config"])
def test_a_path_that_leads_elsewhere_is_refused(site: Any, path: str) -> None:
    it = site()
    prepared = requests.Request("PUT", f"{it.base}/api/v3/repos/acme/a/contents/x", headers=TOKEN).prepare()
    prepared.url = f"{it.base}/api/v3/repos/acme/a/contents/{path}"
    prepared.prepare_body(b"", None, {"message": "x", "content": ""})
    with requests.Session() as session:
        answer = session.send(prepared, timeout=10)
    assert answer.status_code in (404, 422)
    assert it.store.find("acme", "a").files == {}


def test_inactive_hooks_and_hooks_for_other_events_hear_nothing(site: Any) -> None:
    it = site()
    one = it.hook().json()
    it.hook(url=f"{it.ear.url}/2", events=["pull_request"])
    it.hook("/orgs/other", url=f"{it.ear.url}/3")
    it.rest(f"/orgs/acme/hooks/{one['id']}", "PATCH", json={"active": False})
    it.settle()
    it.ear.heard.clear()
    it.rest("/repos/acme/a", "PATCH", json={"name": "b"})
    it.settle()
    assert it.ear.heard == []


# Deliveries


def test_a_delivery_can_be_read_and_sent_again_under_its_guid(site: Any) -> None:
    it = site()
    place = f"/orgs/acme/hooks/{it.hook().json()['id']}"
    it.settle()
    it.ear.status = 500
    it.rest("/repos/acme/a", "PATCH", json={"name": "b"})
    it.settle()
    failed, pinged = it.rest(f"{place}/deliveries").json()
    assert (failed["status_code"], failed["status"], failed["action"]) == (500, "Invalid HTTP Response: 500", "renamed")
    assert (pinged["event"], pinged["status"], pinged["redelivery"]) == ("ping", "OK", False)
    assert [d["id"] for d in it.rest(f"{place}/deliveries?status=failure").json()] == [failed["id"]]
    whole = it.rest(f"{place}/deliveries/{failed['id']}").json()
    assert whole["request"]["payload"]["repository"]["name"] == "b"
    assert whole["request"]["headers"]["X-GitHub-Delivery"] == failed["guid"]
    assert whole["response"]["payload"] == "heard"
    it.ear.status = 200
    first = it.ear.heard[-1]
    assert it.rest(f"{place}/deliveries/{failed['id']}/attempts", "POST").status_code == 202
    it.settle()
    assert it.ear.heard[-1][1] == first[1]
    again = it.rest(f"{place}/deliveries").json()[0]
    assert (again["guid"], again["redelivery"], again["status_code"]) == (failed["guid"], True, 200)
    assert again["id"] > failed["id"]
    assert it.rest(f"{place}/deliveries/1").status_code == 404
    assert it.rest(f"{place}/deliveries/1/attempts", "POST").status_code == 404


def test_all_hooks_of_one_event_share_its_guid(site: Any) -> None:
    it = site()
    it.hook()
    it.hook("/repos/acme/a")
    it.settle()
    it.ear.heard.clear()
    it.rest("/repos/acme/a", "PATCH", json={"name": "b"})
    it.settle()
    assert len(it.ear.heard) == 2
    assert len({headers["X-GitHub-Delivery"] for headers, _ in it.ear.heard}) == 1
    assert len({headers["X-GitHub-Hook-ID"] for headers, _ in it.ear.heard}) == 2


def test_deliveries_come_in_pages_by_cursor(site: Any) -> None:
    it = site()
    place = f"/orgs/acme/hooks/{it.hook().json()['id']}"
    for _ in range(6):
        it.rest(f"{place}/pings", "POST")
    it.settle()
    url: str | None = f"{it.base}/api/v3{place}/deliveries?per_page=3"
    seen: list[int] = []
    while url:
        answer = requests.get(url, headers=TOKEN, timeout=10)
        seen += [d["id"] for d in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert len(seen) == 7
    assert seen == sorted(seen, reverse=True)
    assert it.rest(f"{place}/deliveries?cursor=x").status_code == 400


def test_deliveries_are_kept_for_three_days(site: Any) -> None:
    it = site()
    place = f"/orgs/acme/hooks/{it.hook().json()['id']}"
    it.settle()
    old = it.rest(f"{place}/deliveries").json()[0]["id"]
    now = time.time()
    it.store.clock = lambda: now + 3 * 86400 + 60
    assert it.rest(f"{place}/deliveries").json() == []
    assert it.rest(f"{place}/deliveries/{old}").status_code == 404
    it.rest(f"{place}/pings", "POST")
    it.settle()
    assert len(it.rest(f"{place}/deliveries").json()) == 1


def test_nobody_there_and_a_slow_answer_are_recorded_and_not_tried_again(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.2)
    it = site()
    it.ear.seconds = 0.5
    slow = it.hook().json()["id"]
    dead = it.hook(url="http://127.0.0.1:9/").json()["id"]
    it.settle()
    found = {n: it.rest(f"/orgs/acme/hooks/{n}/deliveries").json() for n in (slow, dead)}
    assert [(d["status"], d["status_code"]) for d in found[slow]] == [("timed out", 0)]
    assert [(d["status"], d["status_code"]) for d in found[dead]] == [("failed to connect to host", 0)]
    assert len(it.ear.heard) == 1


def test_a_delivery_that_cannot_be_recorded_stops_no_other(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    it = site()
    place = f"/orgs/acme/hooks/{it.hook().json()['id']}"
    it.settle()
    with monkeypatch.context() as broken:
        broken.setattr(sending.Deliveries, "_connect", lambda _self: (_ for _ in ()).throw(OSError("no space")))
        it.store.deliveries._database = None
        for _ in range(sending.WORKERS + 1):
            it.rest(f"{place}/pings", "POST")
        it.settle()
    it.rest(f"{place}/pings", "POST")
    it.settle()
    assert len(it.ear.heard) == sending.WORKERS + 3
    assert len(it.rest(f"{place}/deliveries").json()) == 2


def test_a_repositorys_hook_tells_its_last_answer(site: Any) -> None:
    it = site()
    it.ear.status = 404
    place = f"/repos/acme/a/hooks/{it.hook('/repos/acme/a').json()['id']}"
    it.settle()
    assert it.rest(place).json()["last_response"] == {
        "code": 404,
        "status": "failed",
        "message": "Invalid HTTP Response: 404",
    }
    it.ear.status = 200
    assert it.rest(f"{place}/tests", "POST").status_code == 204
    it.settle()
    assert len(it.ear.payloads("push")) == 1
    assert it.rest(place).json()["last_response"]["code"] == 200


# The App's own webhook


@pytest.fixture
def app_headers() -> dict[str, str]:
    import jwt

    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 500, "iss": "1"}
    # The store has no public key, so the signature is not looked at, but RS256 is wanted.
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {"Authorization": "Bearer " + jwt.encode(claims, key, algorithm="RS256")}


def test_the_app_hears_of_repositories_that_it_gains_and_loses(site: Any, app_headers: Any) -> None:
    it = site()
    assert it.rest("/app/hook/config", headers=app_headers).json() == {"content_type": "form", "insecure_ssl": "0"}
    config = {"url": it.ear.url, "content_type": "json", "secret": SECRET}
    shown = it.rest("/app/hook/config", "PATCH", headers=app_headers, json=config).json()
    assert shown == {**config, "insecure_ssl": "0", "secret": "********"}
    it.rest("/orgs/acme/repos", "POST", json={"name": "n"})
    it.rest("/repos/acme/n/transfer", "POST", json={"new_owner": "other"})
    it.rest("/repos/other/n", "DELETE")
    it.settle()
    told = it.ear.payloads("installation_repositories")
    found = sorted(
        (p["installation"]["account"]["login"], p["action"], r["full_name"])
        for p in told
        for r in p["repositories_added"] + p["repositories_removed"]
    )
    # By the time that it is told, the repository has its new name.
    assert found == [
        ("acme", "added", "acme/n"),
        ("acme", "removed", "other/n"),
        ("other", "added", "other/n"),
        ("other", "removed", "other/n"),
    ]
    # It hears of what became of the repository too, but not of its end.
    assert sorted(p["action"] for p in it.ear.payloads("repository")) == ["created", "transferred"]
    assert it.ear.payloads("repository")[0]["installation"]["id"] in (1, 2)
    assert {h["X-GitHub-Hook-Installation-Target-Type"] for h, _ in it.ear.heard} == {"integration"}
    listed = it.rest("/app/hook/deliveries", headers=app_headers).json()
    assert len(listed) == 6
    one = it.rest(f"/app/hook/deliveries/{listed[0]['id']}", headers=app_headers).json()
    assert one["installation_id"] in (1, 2)
    sent_again = it.rest(f"/app/hook/deliveries/{listed[0]['id']}/attempts", "POST", headers=app_headers)
    assert sent_again.status_code == 202
    it.settle()
    assert it.rest("/app/hook/deliveries", headers=app_headers).json()[0]["guid"] == listed[0]["guid"]
    assert it.rest("/app/hook/deliveries").status_code == 401


def test_an_installation_sees_its_own_repositories(site: Any, app_headers: Any) -> None:
    it = site()
    assert it.rest("/orgs/acme/installation", headers=app_headers).json()["id"] == 1
    assert it.rest("/orgs/nobody/installation", headers=app_headers).status_code == 404
    value, _ends = it.store.installation_token(1)
    found = it.rest("/installation/repositories", headers={"Authorization": f"token {value}"}).json()
    assert [r["full_name"] for r in found["repositories"]] == ["acme/a"]
    assert it.rest("/installation/repositories").status_code == 403


# Earlier names


def test_an_earlier_name_redirects_to_the_number(site: Any) -> None:
    it = site()
    number = it.rest("/repos/acme/a").json()["id"]
    it.rest("/repos/acme/a", "PATCH", json={"name": "b"})
    moved = it.rest("/repos/acme/a")
    assert (moved.status_code, moved.json()["message"]) == (301, "Moved Permanently")
    assert moved.headers["Location"] == moved.json()["url"] == f"{it.base}/api/v3/repositories/{number}"
    assert it.rest(f"/repositories/{number}").json()["full_name"] == "acme/b"
    hooks = it.rest("/repos/acme/a/hooks?per_page=5")
    assert hooks.headers["Location"] == f"{it.base}/api/v3/repositories/{number}/hooks?per_page=5"
    written = it.rest("/repos/acme/a", "PATCH", json={"description": "x"})
    assert (written.status_code, written.json()["message"]) == (307, "Temporary Redirect")
    followed = it.rest("/repos/acme/a", "PATCH", json={"description": "x"}, allow_redirects=True)
    assert followed.json()["description"] == "x"
    it.rest("/orgs/acme/repos", "POST", json={"name": "a"})
    assert it.rest("/repos/acme/a").json()["id"] != number


def test_an_earlier_name_tells_nothing_of_a_repository_that_one_may_not_see(site: Any) -> None:
    it = site()
    it.rest("/repos/acme/a", "PATCH", json={"name": "b", "private": True})
    it.store.tokens["stranger"] = Token(scopes=())
    assert it.rest("/repos/acme/a", headers={"Authorization": "token stranger"}).status_code == 404
