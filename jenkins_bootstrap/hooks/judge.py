"""What recent deliveries tell of a webhook, in words, with the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from jenkins_bootstrap.facts import Delivery
from jenkins_bootstrap.hooks.wanted import Kind

REFUSED = (400, 401, 403)
"""Jenkins answers 400 to a wrong signature, the receiver 401; a proxy or a missing permission may give a 403."""
QUIET_DAYS = 3
"""GitHub keeps deliveries for so long; silence says nothing of an organisation without pushes."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`refused`: the newest delivery was refused, as by a wrong signature."""

    status: Literal["ok", "note", "fail"]
    words: str
    remedy: str = ""
    refused: bool = False


def judge_deliveries(deliveries: Sequence[Delivery], now: datetime, kind: Kind) -> Judgement:
    """The newest delivery counts; those before it are told in numbers.

    Args:
        deliveries: the newest first, as GitHub lists them.
        now: with a time zone.
        kind: which webhook, for the remedy.
    """
    if not deliveries:
        return Judgement("note", f"no delivery in the last {QUIET_DAYS} days", "push something, or look at the ping")
    newest = deliveries[0]
    failed = sum(not one.arrived for one in deliveries)
    told = f"the newest, {newest.event} {_ago(newest, now)}, got {answer_words(newest)}"
    counts = f"; {failed} of {len(deliveries)} failed" if failed else f"; all of {len(deliveries)} arrived"
    if newest.arrived:
        waiting = _not_made_up_for(deliveries)
        if waiting:
            remedy = (
                "the receiver asks for them again when it starts; or: GitHub, the webhook, Recent Deliveries, Redeliver"
            )
            return Judgement("note", f"{told}{counts}, {waiting} without a later success", remedy)
        return Judgement("ok", told + counts)
    return Judgement("fail", told + counts, remedy_of(newest, kind), refused=newest.code in REFUSED)


def remedy_of(delivery: Delivery, kind: Kind) -> str:
    """What to do about a delivery that failed."""
    where = "Jenkins" if kind == "jenkins" else "the receiver"
    code = delivery.code
    if code in REFUSED:
        return (
            f"the signature does not fit, or a proxy refuses it: jenkins-bootstrap hooks sync sets the secret anew; "
            f"{where} knows a new one within controller.boot.look_every_minutes"
        )
    if code in (301, 302, 303, 307, 308):
        return "the address redirects, which GitHub does not follow: correct controller.url, with its scheme and host"
    if code == 404:
        return (
            "nothing answers at that path: correct controller.url"
            if kind == "jenkins"
            else "nothing answers at that path: does the load balancer send jenkins-bootstrap/* to the receiver's port?"
        )
    if code == 429:
        return "the receiver's queue is full: look in its log, journalctl -u jenkins-bootstrap-serve"
    if code >= 500:
        return f"{where} is down or starting: systemctl status jenkins jenkins-bootstrap-serve"
    if any(word in delivery.status.lower() for word in ("ssl", "certificate", "peer")):
        return "GitHub does not trust the certificate: use one of a public authority, with its chain"
    return "GitHub cannot reach the address: look at its DNS name, the load balancer's security group, the certificate"


def answer_words(delivery: Delivery) -> str:
    """What a delivery got: a status, or GitHub's word for why there was none."""
    return str(delivery.code) if delivery.code else f"no answer ({delivery.status or 'not told why'})"


def _not_made_up_for(deliveries: Sequence[Delivery]) -> int:
    """Events of which no attempt arrived; pings are of no consequence."""
    arrived = {one.guid for one in deliveries if one.arrived}
    return len({one.guid for one in deliveries if not one.arrived and one.event != "ping"} - arrived)


def _ago(delivery: Delivery, now: datetime) -> str:
    age = now - datetime.fromisoformat(delivery.delivered_at)
    if age < timedelta(minutes=2):
        return "just now"
    if age < timedelta(hours=2):
        return f"{age // timedelta(minutes=1)} minutes ago"
    return f"{age // timedelta(hours=1)} hours ago" if age < timedelta(days=2) else f"{age.days} days ago"
