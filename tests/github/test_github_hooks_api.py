"""REST of webhooks over a real socket: pages, deliveries by age, and what must not be followed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jenkins_bootstrap.embedded.github import Fault, Token
from jenkins_bootstrap.github.client import next_page
from jenkins_bootstrap.github.errors import Forbidden, NotAccepted, NotFound, NotGitHub
from jenkins_bootstrap.github.hooks import HooksApi

NOWHERE = "http://127.0.0.1:9/webhook"


@pytest.fixture
def api(serve: Any) -> Any:
    """The gateway; `api.served` is what is behind it."""
    served = serve(["app"])
    with served.client() as client:
        found = HooksApi(client)
        found.served = served  # type: ignore[attr-defined]
        yield found


@pytest.mark.parametrize("scope", ["acme", "acme/app"])
def test_a_webhook_is_made_read_changed_and_deleted(api: Any, scope: str) -> None:
    made = api.create(scope, NOWHERE, ["push", "pull_request"], "not-a-real-secret")
    assert (made.scope, made.url, made.events, made.has_secret) == (scope, NOWHERE, ("pull_request", "push"), True)
    api.update(scope, made.id, NOWHERE, ["push"], "not-a-real-secret")
    (found,) = api.hooks(scope)
    assert (found.id, found.events, found.active, found.insecure_ssl) == (made.id, ("push",), True, "0")
    api.delete(scope, made.id)
    assert api.hooks(scope) == ()


def test_every_page_of_webhooks_is_read(api: Any) -> None:
    for number in range(230):
        api.served.store.hooks.add("organization", "acme", 1, ["star"], {"url": f"{NOWHERE}/{number}"})
    found = api.hooks("acme")
    assert len({hook.id for hook in found}) == 230
    assert api.served.calls == 3
    assert found[0].content_type == "form"


def test_deliveries_come_newest_first_as_many_as_asked_for_and_none_that_is_too_old(api: Any) -> None:
    made = api.create("acme", NOWHERE, ["push"], "not-a-real-secret")
    store = api.served.store
    assert store.deliveries.settle()
    for _ in range(3):
        api.served.now += 60
        api.ping("acme", made.id)
        assert store.deliveries.settle()
    found = api.deliveries("acme", made.id)
    assert [one.event for one in found] == ["ping"] * 4
    assert [one.delivered_at for one in found] == sorted((one.delivered_at for one in found), reverse=True)
    assert len(api.deliveries("acme", made.id, most=3)) == 3
    since = datetime.fromtimestamp(api.served.now - 90, UTC)
    assert len(api.deliveries("acme", made.id, since=since)) == 2
    assert (found[0].code, found[0].arrived, found[0].redelivery) == (0, False, False)
    api.redeliver("acme", made.id, found[0].id)
    assert store.deliveries.settle()
    again = api.deliveries("acme", made.id)[0]
    assert (again.guid, again.redelivery) == (found[0].guid, True)


def test_a_page_elsewhere_is_not_asked_for(api: Any) -> None:
    link = {"Link": '<https://elsewhere.invalid/orgs/acme/hooks?page=2>; rel="next"'}
    api.served.store.faults.append(Fault(200, link, []))
    with pytest.raises(NotGitHub, match="elsewhere"):
        api.hooks("acme")


@pytest.mark.parametrize("body", [{}, [{}], [{"id": 1}], [1], {"message": "x"}])
def test_an_answer_that_is_no_list_of_webhooks_is_an_error(api: Any, body: Any) -> None:
    api.served.store.faults.append(Fault(200, {}, body))
    with pytest.raises(NotGitHub):
        api.hooks("acme")


def test_what_github_does_not_accept_says_why(api: Any) -> None:
    with pytest.raises(NotAccepted, match="Events is invalid"):
        api.create("acme", NOWHERE, ["no-such-event"], "not-a-real-secret")
    with pytest.raises(NotAccepted) as caught:
        api.create("acme", "no address", ["push"], "not-a-real-secret")
    assert "not-a-real-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("scope", "remedy"), [("acme", "admin:org_hook"), ("acme/app", "admin:repo_hook"), ("acme/none", "still there")]
)
def test_a_missing_permission_is_named(api: Any, scope: str, remedy: str) -> None:
    api.served.store.tokens["not-a-real-token"] = Token(scopes=("read:org",))
    with pytest.raises(NotFound) as caught:
        api.hooks(scope)
    assert remedy in caught.value.hint


def test_an_archived_repository_is_told_as_that(api: Any) -> None:
    api.served.store.faults.append(Fault(403, {}, {"message": "Repository was archived so is read-only."}))
    with pytest.raises(Forbidden) as caught:
        api.create("acme/app", NOWHERE, ["push"], "not-a-real-secret")
    assert "archived" in caught.value.hint


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ('<https://x/a?page=2>; rel="next", <https://x/a?page=9>; rel="last"', "https://x/a?page=2"),
        ('<https://x/a?page=1>; rel="prev", <https://x/a?cursor=v1_3>; rel="next"', "https://x/a?cursor=v1_3"),
        ("<https://x/a?page=2>; rel=next", "https://x/a?page=2"),
        ('<https://x/a?page=9>; rel="last"', None),
        ('<https://x/a>; rel="nextish"', None),
        ("", None),
        ("<<>>; rel=next", None),
    ],
)
def test_the_next_page_is_the_one_that_the_header_names(header: str, url: str | None) -> None:
    assert next_page({"link": header}) == url
