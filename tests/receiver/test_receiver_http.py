"""The receiver over HTTP: what it takes, what it refuses, what it tells."""

import http.client
import json
import time
from urllib.parse import urlencode

import pytest
from prometheus_client.parser import text_string_to_metric_families

from jenkins_bootstrap.config import load
from jenkins_bootstrap.errors import BootstrapError, SecretError
from jenkins_bootstrap.receiver import server
from jenkins_bootstrap.receiver.events import ACTIONS, Target
from jenkins_bootstrap.receiver.queue import Delivery
from jenkins_bootstrap.receiver.signature import sign

ONE = Target("acme-demo", "one", 7)
HOOK = "/jenkins-bootstrap/webhook"


def test_a_signed_delivery_is_worked_on(receiver, payload):
    assert receiver.send("repository", payload()) == (202, "queued")
    receiver.idle()
    assert receiver.work.asked == [ONE]


def test_nothing_but_names_and_what_became_of_it_is_logged(receiver, payload):
    receiver.send("repository", payload(description="not-for-the-log"))
    receiver.idle()
    text = "\n".join(receiver.said)
    assert "not-for-the-log" not in text and "not-a-real" not in text
    assert "delivery event=repository action=created outcome=queued hook=1 id=d-1 repositories=acme-demo/one" in text
    assert "reconcile kind=repository repository=acme-demo/one outcome=done changes=1" in text
    assert all("\n" not in line for line in receiver.said)


def test_a_replayed_delivery_is_worked_on_once(receiver, payload):
    receiver.send("repository", payload())
    receiver.idle()
    assert receiver.send("repository", payload()) == (200, "duplicate")
    assert receiver.send("repository", payload(), hook="2") == (202, "queued")  # another hook's shares the id
    receiver.idle()
    assert receiver.work.asked == [ONE, ONE]


@pytest.mark.parametrize(
    ("headers", "status", "outcome"),
    [
        ({"X_Hub_Signature_256": None}, 401, "unsigned"),
        ({"X_Hub_Signature_256": None, "X_Hub_Signature": "sha1=" + "0" * 40}, 401, "unsigned"),
        ({"X_Hub_Signature_256": "sha256=" + "0" * 64}, 401, "wrong_signature"),
        ({"X_Hub_Signature_256": "sha1=" + "0" * 40}, 401, "wrong_signature"),
        ({"X_Hub_Signature_256": ""}, 401, "wrong_signature"),
        ({"Content_Type": "text/plain"}, 415, "wrong_type"),
        ({"Content_Type": "application/json; charset=latin-1"}, 415, "wrong_type"),
        ({"Content_Encoding": "gzip"}, 415, "wrong_type"),
        ({"X_GitHub_Event": None}, 400, "malformed"),
        ({"X_GitHub_Delivery": None}, 400, "malformed"),
        ({"X_GitHub_Delivery": "x" * 101}, 400, "malformed"),
        ({"X_GitHub_Hook_ID": "a b"}, 400, "malformed"),
        ({"X_GitHub_Hook_ID": None}, 202, "queued"),
        ({"Content_Type": "application/json; charset=utf-8"}, 202, "queued"),
        ({"Content_Type": 'application/json;charset="UTF-8"'}, 202, "queued"),
    ],
)
def test_headers(headers, status, outcome, receiver, payload):
    assert receiver.send("repository", payload(), **headers) == (status, outcome)
    receiver.idle()
    assert bool(receiver.work.asked) is (status == 202)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff\xfe",
        b'{"a": "\xe9"}',
        b"[" * 100_000,
        b"1" * 5000,
        b'{"action": "created"}',
        b'{"repository": null}',
        json.dumps({"repository": {"id": 10**30, "name": "x", "owner": {"login": "acme-demo"}}}).encode(),
    ],
)
@pytest.mark.parametrize("event", ["repository", "push", "installation_repositories"])
def test_a_signed_body_that_is_not_githubs_is_a_400(event, body, receiver):
    assert receiver.send(event, body) == (400, "malformed")


def test_a_body_that_is_not_utf_8_is_a_400_for_every_event(receiver):
    assert receiver.send("ping", b'{"zen": "\xff"}') == (400, "malformed")


def test_a_form_is_signed_as_it_is_sent(receiver, payload):
    raw = urlencode({"payload": json.dumps(payload())}).encode()
    form = "application/x-www-form-urlencoded"
    assert receiver.send("repository", raw, Content_Type=form) == (202, "queued")
    for wrong in (b"", b"other=1", b"payload=1&payload=2", b"payload=%ff", raw.replace(b"%7B", b"", 1)):
        assert receiver.send("repository", wrong, id_="d-2", Content_Type=form) == (400, "malformed")


def test_the_secret_before_counts_in_the_overlap_and_an_empty_one_never(start, payload):
    held = {"github_receiver_secret": "not-a-real-new", "github_receiver_secret_previous": "not-a-real-old"}
    receiver = start(secret=held)
    assert receiver.send("repository", payload(), id_="1", secret="not-a-real-new")[0] == 202
    assert receiver.send("repository", payload(), id_="2", secret="not-a-real-old")[0] == 202
    assert receiver.send("repository", payload(), id_="3", secret="not-a-real-other")[0] == 401
    held["github_receiver_secret_previous"] = ""
    receiver.service.keys.refresh()
    assert receiver.send("repository", payload(), id_="4", secret="")[0] == 401
    assert receiver.send("repository", payload(), id_="5", secret="not-a-real-old")[0] == 401


def test_a_rotated_secret_is_read_when_a_signature_does_not_fit_once_a_minute(start, payload):
    held, reads, now = {"github_receiver_secret": "not-a-real-old"}, [], [1000.0]

    def read():
        reads.append(1)
        return dict(held)

    receiver = start(read_secret=read)
    receiver.service.keys._clock = lambda: now[0]
    receiver.service.keys._tried = now[0]
    held["github_receiver_secret"] = "not-a-real-new"
    assert receiver.send("repository", payload(), secret="not-a-real-new")[0] == 401  # read a moment ago
    now[0] += 61
    assert receiver.send("repository", payload(), secret="not-a-real-new") == (202, "queued")
    for n in range(5):
        assert receiver.send("repository", payload(), id_=f"w{n}", secret="not-a-real-wrong")[0] == 401
    assert len(reads) == 2


def test_while_the_secret_cannot_be_read_github_is_told_to_come_again(start, payload):
    broken = [True]

    def read():
        if broken[0]:
            raise SecretError("there is no such secret", where="secret jenkins", hint="make one")
        return {"github_receiver_secret": "not-a-real-receiver-secret"}

    receiver = start(read_secret=read)
    assert receiver.send("repository", payload()) == (503, "no_secret")
    broken[0] = False
    receiver.service.keys.refresh()
    assert receiver.send("repository", payload()) == (202, "queued")
    broken[0] = True
    receiver.service.keys.refresh()  # those before stay in force
    assert receiver.send("repository", payload(), id_="2") == (202, "queued")
    assert any("secret outcome=failed" in line and "no such secret" in line for line in receiver.said)


def test_beyond_the_queues_bound_github_is_told_to_come_again(receiver, payload):
    receiver.work.free.clear()
    receiver.service.queue._most = 2
    answers = [receiver.send("repository", payload(id_=n), id_=str(n)) for n in range(1, 5)]
    assert answers == [(202, "queued")] * 2 + [(429, "full")] * 2


def test_every_example_that_github_publishes_is_answered_well(receiver, webhook_examples):
    """None is an error of ours, and each action of a repository is worked on, or merged into what waits."""
    statuses, number = {}, 0
    for event, bodies in webhook_examples.items():
        for body in bodies:
            number += 1
            statuses.setdefault(event, set()).add(receiver.send(event, body, id_=f"e{number}"))
    assert number >= 329
    receiver.idle()
    expected = {
        "ping": {(200, "ping")},
        "repository": {(202, "queued")},
        "installation_repositories": {(202, "queued")},
    }
    for event, seen in statuses.items():
        if event == "push":  # of tags, and of a new default branch
            assert seen == {(200, "ignored"), (202, "queued")}
        else:
            assert seen == expected.get(event, {(200, "ignored")}), event
    assert {b["action"] for b in webhook_examples["repository"]} <= set(ACTIONS)
    assert {str(target) for target in receiver.work.asked} == {
        "Codertocat/Hello-World",
        "Octocoders/Hello-World",
        "Codertocat/Space",
        "octocat/Hello-World",
    } | {f"Octocoders/{name}" for name in {b["repository"]["name"] for b in webhook_examples["repository"]}} - {""}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_of_a_repository_is_worked_on(action, receiver, payload):
    assert receiver.send("repository", payload(action)) == (202, "queued")
    receiver.idle()
    assert receiver.work.asked == [ONE]


@pytest.mark.parametrize("path", ["/", "/jenkins-bootstrap", "/jenkins-bootstrap/", "/webhook", f"{HOOK}/x", "/%2e%2e"])
def test_no_other_path_is_there(path, receiver):
    assert receiver.call("GET", path)[0] == 404


def test_a_webhook_is_posted(receiver):
    assert receiver.call("GET", HOOK)[0] == 405


def test_health_shows_what_fails_to_this_machine_alone(receiver, payload, until):
    receiver.work.fail = 1
    receiver.send("repository", payload())
    until(lambda: receiver.service.queue.waiting().failing)
    for path in ("/healthz", "/jenkins-bootstrap/healthz"):
        status, text = receiver.call("GET", path)
        state = json.loads(text)
        assert (status, state["status"], state["waiting"]) == (200, "ok", 1)
        assert state["failing"][0]["what"] == "acme-demo/one" and state["failing"][0]["error"] == "GitHub is away"
    text = receiver.call("GET", "/healthz", headers={"X-Forwarded-For": "203.0.113.9"})[1]
    assert json.loads(text) == {"status": "ok"}


def test_metrics_are_for_this_machine_alone(receiver, payload):
    receiver.send("repository", payload())
    receiver.send("repository", payload())
    receiver.send("evil\tname", payload(), id_="2")
    receiver.idle()
    status, text = receiver.call("GET", "/jenkins-bootstrap/metrics")
    assert status == 200
    samples = {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(text.decode())
        for s in family.samples
    }

    def value(name, **labels):
        return samples["jenkins_bootstrap_" + name, tuple(sorted(labels.items()))]

    assert value("deliveries_total", event="repository", outcome="queued") == 1
    assert value("deliveries_total", event="repository", outcome="duplicate") == 1
    assert value("reconciles_total", kind="repository", result="done") == 1
    assert value("last_success_timestamp_seconds", kind="repository") == pytest.approx(time.time(), abs=60)
    assert value("reconcile_seconds_count", kind="repository") == 1
    assert value("queue_length") == 0
    assert not any("evil" in str(key) for key in samples)
    assert receiver.call("GET", "/jenkins-bootstrap/metrics", headers={"X-Forwarded-For": "203.0.113.9"})[0] == 404


def test_metrics_are_for_the_networks_of_the_settings_too(start, settings, monkeypatch):
    monkeypatch.setattr(server, "_MACHINE", [])  # there is no other machine here to ask from
    path = "/jenkins-bootstrap/metrics"
    assert start(database="a.db").call("GET", path)[0] == 404
    settings.controller.receiver.metrics_from.append("127.0.0.0/8")
    receiver = start(database="b.db")
    assert receiver.call("GET", path)[0] == 200
    # Neither what is behind a proxy that is in the network, nor the names of repositories that health shows.
    assert receiver.call("GET", path, headers={"X-Forwarded-For": "127.0.0.1"})[0] == 404
    assert json.loads(receiver.call("GET", "/healthz")[1]) == {"status": "ok"}


def settings_with(folder, network):
    (folder / "s.yml").write_text(
        "version: 1\nproject: demo\nregion: eu-west-1\ngithub: {owners: [{name: acme-demo}]}\n"
        f'controller: {{url: "http://x/", receiver: {{metrics_from: ["{network}"]}}}}\n'
    )
    return load(folder / "s.yml")


@pytest.mark.parametrize("network", ["10.0.0.0/8", "fd00::/8"])
def test_networks_are_of_either_kind(network, tmp_path):
    assert settings_with(tmp_path, network).controller.receiver.metrics_from == [network]


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0", "300.0.0.0/8", "example.org/8"])
def test_what_is_no_network_is_told_with_its_place(network, tmp_path):
    with pytest.raises(BootstrapError, match=r"controller\.receiver\.metrics_from\[0\]"):
        settings_with(tmp_path, network)


def bearer(token="not-a-real-reconcile-token", kind="Bearer"):
    return {"Authorization": f"{kind} {token}"}


def test_a_reconciliation_is_asked_for_and_its_result_is_told(receiver, until):
    status, text = receiver.call("POST", "/jenkins-bootstrap/reconcile", headers=bearer())
    assert status == 202
    path = f"/jenkins-bootstrap/reconcile/{json.loads(text)['id']}"

    def state():
        return json.loads(receiver.call("GET", path, headers=bearer())[1])

    until(lambda: state()["state"] == "done")
    assert state()["lines"] == ["1 created"]
    assert receiver.work.asked == [None]


def test_a_reconciliation_that_fails_says_so(receiver, until):
    receiver.work.fail = 1
    id_ = json.loads(receiver.call("POST", "/jenkins-bootstrap/reconcile", headers=bearer())[1])["id"]
    path = f"/jenkins-bootstrap/reconcile/{id_}"
    until(lambda: json.loads(receiver.call("GET", path, headers=bearer())[1])["state"] == "failed")
    assert json.loads(receiver.call("GET", path, headers=bearer())[1])["lines"] == ["1 created", "GitHub is away"][1:]


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), bearer(""), bearer(kind="Basic"), bearer("\xe9")])
def test_without_the_token_nothing_is_asked_or_told(headers, receiver):
    assert receiver.call("POST", "/jenkins-bootstrap/reconcile", headers=headers)[0] == 401
    assert receiver.call("GET", "/jenkins-bootstrap/reconcile/0123456789abcdef", headers=headers)[0] == 401
    assert receiver.service.queue.waiting().length == 0


def test_the_token_of_a_machine_that_has_none_is_not_the_empty_one(receiver):
    receiver.service.server._token = lambda: ""
    assert receiver.call("POST", "/jenkins-bootstrap/reconcile", headers=bearer(""))[0] == 401


@pytest.mark.parametrize("id_", ["0123456789abcdef", "x", "..", "%00"])
def test_a_request_that_nobody_made_is_a_404(id_, receiver):
    assert receiver.call("GET", f"/jenkins-bootstrap/reconcile/{id_}", headers=bearer())[0] == 404


def test_a_full_disk_is_told_and_nothing_is_answered_as_taken(receiver, payload, monkeypatch):
    db = receiver.service.queue._file.connection
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages}")
    many = [Delivery("1", f"{n:0>90}", 1.0) for n in range(100)]
    with pytest.raises(Exception, match="SQLITE_FULL"):
        receiver.service.queue.add(many)
    answers = {receiver.send("repository", payload(id_=n), id_=f"{n:0>99}") for n in range(1, 60)}
    assert (503, "not_written") in answers
    assert answers <= {(503, "not_written"), (202, "queued")}


def test_a_request_keeps_its_connection(receiver, payload):
    connection = http.client.HTTPConnection(receiver.host, receiver.port, timeout=10)
    for number in range(3):
        raw = json.dumps(payload()).encode()
        signature = {"X-Hub-Signature-256": sign("not-a-real-receiver-secret", raw), "X-GitHub-Event": "repository"}
        headers = signature | {"X-GitHub-Delivery": str(number), "Content-Type": "application/json"}
        connection.request("POST", HOOK, raw, headers)
        answer = connection.getresponse()
        assert answer.status == 202 and answer.read()
        assert not answer.will_close
    connection.close()
