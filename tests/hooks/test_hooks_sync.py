"""`hooks sync` against an embedded GitHub that delivers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jenkins_bootstrap.cli import hooks_check, webhooks
from jenkins_bootstrap.cli.check import Row
from jenkins_bootstrap.cli.hooks import Wishes, bring_about
from jenkins_bootstrap.cli.hooks_check import webhook_rows
from jenkins_bootstrap.cli.webhooks import Hand, Pace, read
from jenkins_bootstrap.embedded.github import Fault, Token
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.github.errors import NotFound, RateLimited

ORG = "/api/v3/orgs/acme/hooks"


def sync(world: Any, *, plan_only: bool = False, **wishes: Any) -> int:
    """How many steps; also leaves what was asked of GitHub to `world.writes()`."""
    status = bring_about(world, Wishes(**wishes), plan_only=plan_only, exit_code=True)
    assert status in (None, 3)
    said = next(words for words in reversed(world.said) if words.endswith(("made", "pending")))
    count = int(said.split()[0])
    assert status == (3 if plan_only and count else None)
    return count


def hooks_of(world: Any, kind: str = "organization", target: str = "acme") -> list[Any]:
    return world.store.hooks.of(kind, target)


def check(world: Any, *, ping: bool = True) -> list[Row]:
    with read(world) as found:
        return list(webhook_rows(world, found, ping=ping))


def failed(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.status == "fail"]


def test_both_webhooks_are_made_once_and_what_they_deliver_arrives(world: Any) -> None:
    assert sync(world, plan_only=True) == 2
    assert world.writes() == []
    assert sync(world) == 2
    assert world.writes() == [f"POST {ORG}"] * 2
    assert sorted(world.listener.got) == [
        ("/github-webhook/", "ping", 200),
        ("/jenkins-bootstrap/webhook", "ping", 200),
    ]
    assert sync(world) == 0
    assert world.writes() == []
    jenkins, receiver = hooks_of(world)
    assert (jenkins.events, receiver.events) == (["pull_request", "push"], ["push", "repository"])
    assert jenkins.config["insecure_ssl"] == "0"
    assert jenkins.config["content_type"] == "json"
    assert failed(check(world)) == []


def test_no_secret_is_said_or_kept(world: Any) -> None:
    sync(world)
    sync(world, rotate=True)
    kept = (world.state / "hooks.jsonl").read_text()
    with read(world) as found:
        hand = Hand(found.apis, world.secret_values, found.app_note)
    for secret in ("not-a-real-webhook-secret", "not-a-real-receiver-secret", "not-a-real-token"):
        assert secret not in kept + repr(world.said) + repr(hand)


def test_other_peoples_webhooks_stay_as_they_are(world: Any) -> None:
    url = world.settings.controller.url + "another/"
    other = world.store.hooks.add(
        "organization", "acme", 1, ["push"], {"url": url, "content_type": "form", "insecure_ssl": "1"}
    )
    before = dict(other.config)
    sync(world)
    sync(world, rotate=True)
    assert hooks_of(world)[0] is other
    assert (other.config, other.events, other.active) == (before, ["push"], True)


def test_a_new_secret_in_aws_is_set_at_the_next_sync_without_being_asked_for(world: Any) -> None:
    sync(world)
    world.store.deliveries.settle()
    world.aws.put(datetime.now(UTC) + timedelta(seconds=2), github_webhook_secret="not-a-real-newer-one")
    world.store.clock = lambda: (datetime.now(UTC) + timedelta(seconds=4)).timestamp()
    world.listener.accepted["/github-webhook/"].add("not-a-real-newer-one")  # the controller has looked
    world.writes()
    assert sync(world, plan_only=True) == 1
    assert any(words.startswith("github_webhook_secret is younger than 5 minutes") for words in world.warned)
    assert not any(words.startswith("github_receiver_secret is younger") for words in world.warned)
    assert sync(world) == 1
    jenkins, receiver = hooks_of(world)
    assert world.writes() == [f"PATCH {ORG}/{jenkins.id}", f"POST {ORG}/{jenkins.id}/pings"]
    assert jenkins.config["secret"] == "not-a-real-newer-one"
    assert receiver.config["secret"] == "not-a-real-receiver-secret"
    assert world.listener.got[-1] == ("/github-webhook/", "ping", 200)
    assert sync(world) == 0


def test_a_secret_that_somebody_changed_on_github_is_seen_by_the_refusals(world: Any) -> None:
    sync(world)
    world.store.deliveries.settle()
    hooks_of(world)[1].config["secret"] = "not-a-real-wrong-one"
    rows = check(world)
    assert [row.thing for row in failed(rows)] == [
        f"acme: webhook to the receiver{what}" for what in ("", ", deliveries", ", ping")
    ]
    assert "got 400" in failed(rows)[2].found
    world.writes()
    rows = check(world, ping=False)
    assert {row.thing for row in failed(rows)} == {
        "acme: webhook to the receiver",
        "acme: webhook to the receiver, deliveries",
    }
    assert sync(world) == 1
    assert failed(check(world)) == []
    assert sync(world) == 0


def test_a_rotation_that_was_asked_for_sets_every_secret(world: Any) -> None:
    sync(world)
    assert sync(world, rotate=True) == 2
    assert sync(world) == 0


def test_a_second_webhook_with_our_address_is_deleted(world: Any) -> None:
    sync(world)
    jenkins = hooks_of(world)[0]
    world.store.hooks.add("organization", "acme", 1, ["create"], dict(jenkins.config))
    assert sync(world) == 1
    assert len(hooks_of(world)) == 2
    assert hooks_of(world)[0] is jenkins


def test_without_a_receiver_secret_only_jenkins_is_told(world: Any) -> None:
    world.aws.put(github_receiver_secret=None)
    assert sync(world) == 1
    assert any("github_receiver_secret" in words for words in world.warned)
    rows = check(world)
    assert next(row.found for row in rows if row.status == "note") == "the secret has no github_receiver_secret"
    assert failed(rows) == []


@pytest.mark.parametrize("token", [Token(scopes=("repo",)), Token(scopes=("repo", "read:org"))])
def test_without_the_right_to_an_organisations_webhooks_the_remedy_is_told(world: Any, token: Token) -> None:
    world.store.tokens["not-a-real-token"] = token
    with pytest.raises(NotFound) as caught:
        sync(world)
    assert "admin:org_hook" in caught.value.hint
    assert "github.hooks.per_repository" in caught.value.hint


def test_an_owner_that_fails_takes_nothing_from_the_others(world: Any) -> None:
    world.configure(owners=[{"name": "nobody-there"}, {"name": "acme"}])
    with pytest.raises(NotFound, match="nobody-there"):
        sync(world)
    assert len(hooks_of(world)) == 2


def repository_hooks(world: Any, name: str) -> list[Any]:
    return hooks_of(world, "repository", str(world.store.find(*name.split("/")).id))


def test_a_users_repositories_have_their_own(world: Any) -> None:
    world.configure(owners=[{"name": "someone"}])
    assert sync(world) == 2
    assert [hook.events for hook in repository_hooks(world, "someone/tool")] == [
        ["pull_request", "push"],
        ["push", "repository"],
    ]
    assert any("someone is a user" in words for words in world.said)
    assert sync(world) == 0


def test_where_the_settings_say_so_every_repository_has_its_own_and_what_is_there_is_seen(world: Any) -> None:
    world.store.change(world.store.find("acme", "lib"), archived=True)
    world.store.create("acme", "more")
    world.configure(hooks={"per_repository": True})
    world.store.faults.append(Fault(403, {"Retry-After": "99999"}, {}, method="POST", path="/hooks", skip=1))
    with pytest.raises(RateLimited, match="asks to wait 99999 s"):
        sync(world)
    assert sync(world) == 3
    assert [len(repository_hooks(world, name)) for name in ("acme/app", "acme/more", "acme/lib")] == [2, 2, 0]
    assert sync(world) == 0
    rows = check(world)
    assert [row.found for row in rows] == ["2 of 2 repositories have all that they need"]
    repository_hooks(world, "acme/app")[0].last_code = 503
    assert "got 503" in failed(check(world))[0].found


def test_a_repository_that_vanishes_takes_nothing_from_the_others(world: Any, monkeypatch: Any) -> None:
    world.configure(hooks={"per_repository": True})
    create = webhooks.HooksApi.create

    def vanishing(self: Any, scope: str, *rest: Any) -> Any:
        found = world.store.find("acme", "app")
        if found is not None:
            world.store.delete(found)
        return create(self, scope, *rest)

    monkeypatch.setattr(webhooks.HooksApi, "create", vanishing)
    with pytest.raises(BootstrapError, match=r"2 errors|acme/app"):
        sync(world)
    assert len(repository_hooks(world, "acme/lib")) == 2


def test_an_answer_that_was_lost_leaves_one_webhook(world: Any) -> None:
    made: list[Any] = []

    def lost(self: Any, *arguments: Any) -> Any:
        made.append(create(self, *arguments))
        return create(self, *arguments)

    create = webhooks.HooksApi.create
    webhooks.HooksApi.create = lost  # type: ignore[method-assign]
    try:
        sync(world)
    finally:
        webhooks.HooksApi.create = create  # type: ignore[method-assign]
    assert len(made) == len(hooks_of(world)) == 2
    assert sync(world) == 0


def test_a_kill_between_two_writes_leaves_the_rest_to_the_next_run(world: Any, monkeypatch: Any) -> None:
    class Killed(BaseException):
        pass

    waited = 0

    def die(self: Pace) -> None:
        nonlocal waited
        waited += 1
        if waited == 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Pace, "wait", die)
        with pytest.raises(Killed):
            sync(world)
    assert len(hooks_of(world)) == 1
    assert sync(world) == 1
    assert len(hooks_of(world)) == 2


def test_writes_are_a_second_apart() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(1.0, clock=lambda: now[0], sleep=sleep)
    for _ in range(3):
        pace.wait()
    now[0] += 0.25
    pace.wait()
    now[0] += 5
    pace.wait()
    pace.wait()
    assert slept == [1.0, 1.0, 0.75, 1.0]


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def app(world: Any, pem: str) -> Any:
    """Signed in as the App."""
    world.aws.put(datetime(2020, 1, 2, tzinfo=UTC), github_app_id="4242", github_app_private_key=pem)
    world.configure(owners=[{"name": "acme", "sign_in": "app", "installation": 7}])
    return world


def app_hook(world: Any) -> Any:
    return world.store.hooks.app_hook(world.store.app.number)


def test_the_apps_own_webhook_is_set_to_the_receiver(app: Any) -> None:
    assert sync(app) == 3
    config = app_hook(app).config
    assert config["url"] == app.settings.controller.url + "jenkins-bootstrap/webhook"
    assert (config["content_type"], config["insecure_ssl"]) == ("json", "0")
    assert config["secret"] == "not-a-real-receiver-secret"
    assert sync(app) == 0
    rows = check(app)
    assert failed(rows) == []
    assert "the GitHub App: webhook to the receiver" in {row.thing for row in rows}


class Killed(BaseException):
    """The process ends here."""


def rotate_receiver(app: Any) -> None:
    """A new value in AWS, long enough ago that every controller has looked."""
    app.aws.put(datetime.now(UTC) + timedelta(seconds=2), github_receiver_secret="not-a-real-newer-one")
    app.store.clock = lambda: (datetime.now(UTC) + timedelta(seconds=4)).timestamp()
    app.listener.accepted["/jenkins-bootstrap/webhook"].add("not-a-real-newer-one")


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_rotation_that_is_killed_at_any_write_leaves_the_apps_webhook_to_the_next_run(
    app: Any, monkeypatch: Any, at: int
) -> None:
    sync(app)
    rotate_receiver(app)
    waits = iter(range(1, 100))

    def die(_self: Pace) -> None:
        if next(waits) == at:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Pace, "wait", die)
        with pytest.raises(Killed):
            sync(app)
    sync(app)
    assert app_hook(app).config["secret"] == hooks_of(app)[1].config["secret"] == "not-a-real-newer-one"
    assert sync(app) == 0


def test_an_apps_webhook_that_could_not_be_set_is_set_by_the_next_run(app: Any) -> None:
    sync(app)
    rotate_receiver(app)
    app.store.faults.append(Fault(403, {}, {"message": "no"}, method="PATCH", path="/app/hook/config", times=1))
    with pytest.raises(BootstrapError, match="no"):
        sync(app)
    assert hooks_of(app)[1].config["secret"] == "not-a-real-newer-one"
    assert "an earlier run could not set its secret" in {row.found for row in failed(check(app))}
    assert sync(app) == 1
    assert app_hook(app).config["secret"] == "not-a-real-newer-one"
    assert sync(app) == 0


def test_webhooks_to_a_former_address_are_told_and_deleted_only_when_asked_for(world: Any) -> None:
    sync(world)
    old = [hook.config["url"] for hook in hooks_of(world)]
    url = world.settings.controller.url.replace("127.0.0.1", "localhost")
    controller = world.settings.controller.model_copy(update={"url": url})
    world.settings = world.settings.model_copy(update={"controller": controller})
    assert sync(world) == 2
    assert len(hooks_of(world)) == 4
    assert all(any(url in words for words in world.warned) for url in old)
    notes = [row.found for row in check(world, ping=False) if row.status == "note"]
    assert all(any(url in words for words in notes) for url in old)
    world.warned.clear()
    assert sync(world, former=(old[0],)) == 1
    assert old[0] not in [hook.config["url"] for hook in hooks_of(world)]
    assert sync(world, former=tuple(old)) == 1
    assert len(hooks_of(world)) == 2
    world.warned.clear()
    assert sync(world) == 0
    assert not [words for words in world.warned if "former" in words]


def test_an_apps_webhook_that_goes_elsewhere_is_taken_only_when_asked_for(app: Any) -> None:
    app_hook(app).config["url"] = "http://127.0.0.1:9/elsewhere"
    assert sync(app) == 2
    assert app_hook(app).config["url"] == "http://127.0.0.1:9/elsewhere"
    assert any("--replace-app-webhook" in words for words in app.warned)
    rows = [row for row in check(app, ping=False) if row.thing.startswith("the GitHub App")]
    assert {row.status for row in rows} == {"note"}
    assert any("left alone" in row.found for row in rows)
    assert sync(app, replace_app=True) == 1
    assert app_hook(app).config["url"].endswith("/jenkins-bootstrap/webhook")


def test_an_app_without_the_permission_is_told_which(app: Any) -> None:
    app.store.app.permissions.pop("organization_hooks")
    with pytest.raises(BootstrapError) as caught:
        sync(app)
    assert "Webhooks: read and write" in caught.value.hint


def test_a_target_that_is_down_is_told_by_the_ping(world: Any) -> None:
    sync(world)
    world.store.deliveries.settle()
    world.listener.broken = 503
    rows = [row for row in failed(check(world)) if row.thing.endswith("ping")]
    assert [row.found for row in rows] == ["got 503", "got 503"]
    assert "systemctl" in rows[0].remedy


def test_right_after_an_outage_the_ping_counts_and_what_was_lost_is_told(world: Any) -> None:
    sync(world)
    world.store.deliveries.settle()
    world.listener.broken = 503
    headers = {"Authorization": "token not-a-real-token"}
    url = f"{world.endpoints.github_url}/repos/acme/app"
    assert requests.patch(url, json={"name": "site"}, headers=headers, timeout=10).ok
    world.store.deliveries.settle()
    world.listener.broken = 0
    assert {row.thing for row in failed(check(world, ping=False))} == {"acme: webhook to the receiver, deliveries"}
    rows = check(world)
    assert failed(rows) == []
    told = next(row for row in rows if row.thing == "acme: webhook to the receiver, deliveries")
    assert told.status == "note"
    assert "the newest, ping just now, got 200; 1 of" in told.found
    assert "1 without a later success" in told.found


def test_right_after_a_rotation_was_taken_in_the_refusals_before_it_do_not_count(world: Any) -> None:
    sync(world)
    world.store.deliveries.settle()
    accepted = world.listener.accepted["/jenkins-bootstrap/webhook"]
    accepted.clear()
    check(world)
    accepted.add("not-a-real-receiver-secret")
    assert failed(check(world, ping=False))
    assert failed(check(world)) == []


def test_a_ping_that_is_never_delivered_is_told(world: Any, monkeypatch: Any) -> None:
    sync(world)
    world.store.deliveries.settle()
    monkeypatch.setattr(hooks_check, "newest_ping", lambda *_: None)
    with read(world) as found:
        rows = list(webhook_rows(world, found, ping=True, sleep=lambda _s: None))
    assert [row.found for row in failed(rows)] == ["GitHub has not delivered it within 20 s"] * 2
