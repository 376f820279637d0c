"""What deliveries tell of a webhook."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jenkins_bootstrap.facts import Delivery
from jenkins_bootstrap.hooks.judge import judge_deliveries

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def delivery(number: int, code: int = 200, minutes: float = 0, **values: Any) -> Delivery:
    """Number 9 is newer than 1."""
    at = (NOW - timedelta(minutes=minutes or 10 - number)).isoformat()
    return Delivery(number, values.pop("guid", f"guid-{number}"), at, values.pop("event", "push"), code, **values)


def test_without_a_delivery_nothing_is_known() -> None:
    found = judge_deliveries([], NOW, "jenkins")
    assert (found.status, found.refused) == ("note", False)


def test_deliveries_that_all_arrived_are_fine_and_told_with_their_age() -> None:
    found = judge_deliveries([delivery(2), delivery(1, 202)], NOW, "jenkins")
    assert found.status == "ok"
    assert found.words == "the newest, push 8 minutes ago, got 200; all of 2 arrived"


@pytest.mark.parametrize(
    ("minutes", "words"), [(1, "just now"), (119, "119 minutes ago"), (130, "2 hours ago"), (60 * 60, "2 days ago")]
)
def test_the_age_is_told_in_words(minutes: float, words: str) -> None:
    assert words in judge_deliveries([delivery(1, minutes=minutes)], NOW, "jenkins").words


@pytest.mark.parametrize("code", [400, 401, 403])
def test_a_refusal_is_a_signature_that_does_not_fit(code: int) -> None:
    found = judge_deliveries([delivery(2, code), delivery(1)], NOW, "jenkins")
    assert (found.status, found.refused) == ("fail", True)
    assert "hooks sync" in found.remedy


@pytest.mark.parametrize(
    ("kind", "code", "status", "remedy"),
    [
        ("jenkins", 302, "", "redirects"),
        ("jenkins", 404, "", "controller.url"),
        ("receiver", 404, "", "load balancer"),
        ("receiver", 429, "", "queue"),
        ("jenkins", 503, "", "systemctl"),
        ("jenkins", 0, "failed to connect to host", "cannot reach"),
        ("jenkins", 0, "Peer certificate cannot be authenticated", "does not trust"),
        ("jenkins", 0, "timed out", "cannot reach"),
    ],
)
def test_what_failed_otherwise_has_its_own_remedy(kind: Any, code: int, status: str, remedy: str) -> None:
    found = judge_deliveries([delivery(2, code, status=status)], NOW, kind)
    assert (found.status, found.refused) == ("fail", False)
    assert remedy in found.remedy
    assert status in found.words


def test_a_failure_that_a_later_attempt_made_up_for_is_no_loss() -> None:
    again = delivery(3, guid="same", redelivery=True)
    assert judge_deliveries([again, delivery(1, 503, guid="same")], NOW, "receiver").status == "ok"


def test_a_failure_without_a_later_success_is_told() -> None:
    found = judge_deliveries([delivery(3), delivery(2, 503), delivery(1, 503)], NOW, "receiver")
    assert found.status == "note"
    assert "2 without a later success" in found.words


def test_a_ping_that_failed_once_is_of_no_consequence() -> None:
    assert judge_deliveries([delivery(2), delivery(1, 503, event="ping")], NOW, "jenkins").status == "ok"
