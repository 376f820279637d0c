"""A push that nobody made, signed as GitHub signs: what a check sends to Jenkins. Pure.

It tells of a new branch that does not exist. Jenkins notes such an event with the job it belongs to, asks GitHub for
the branch, finds none and builds nothing; with a branch that exists it would look for a job of that branch first.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

BRANCH = "jenkins-bootstrap-canary-"


@dataclass(frozen=True, slots=True)
class Push:
    """The request; `mark` is the branch's name, which Jenkins writes down."""

    mark: str
    body: bytes
    headers: dict[str, str] = field(repr=False)


def html_root(api_url: str) -> str:
    """Where people see repositories, as Jenkins compares it with a source's API address: by host, without a port."""
    parts = urlsplit(api_url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{'github.com' if host == 'api.github.com' else host.removeprefix('api.')}"


def canary_push(full_name: str, api_url: str, secret: str, nonce: str) -> Push:
    """A signed push for the repository `full_name` (owner/name).

    Args:
        full_name: of a repository that has a job.
        api_url: GitHub's REST root, as the job's source has it.
        secret: what Jenkins verifies deliveries by.
        nonce: letters and digits that were not used before.
    """
    owner, _, name = full_name.partition("/")
    url = f"{html_root(api_url)}/{full_name}"
    mark = BRANCH + nonce
    payload = {
        "ref": f"refs/heads/{mark}",
        "before": "0" * 40,
        "after": hashlib.sha1(mark.encode(), usedforsecurity=False).hexdigest(),
        "created": True,
        "deleted": False,
        "forced": False,
        "commits": [],
        "repository": {
            "name": name,
            "full_name": full_name,
            "html_url": url,
            "url": url,
            "owner": {"login": owner, "name": owner},
        },
        "pusher": {"name": "jenkins-bootstrap"},
        "sender": {"login": owner},
    }
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",  # exactly so: with a charset Jenkins refuses it
        "User-Agent": "GitHub-Hookshot/jenkins-bootstrap-canary",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": f"{BRANCH}{nonce}",
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest(),
    }
    return Push(mark, body, headers)


def outcome(events: str, mark: str) -> Literal["none", "under way", "failed", "done"]:
    """What a job's log of events says of a push.

    `failed`: it came to the job, which could not look at GitHub; the reason stands in the log. Source: branch-api,
    MultiBranchProject.SCMEventListenerImpl: a line when it begins, what went wrong as ERROR, a line when it ends.
    """
    begun = events.find(mark)
    if begun < 0:
        return "none"
    ended = re.compile(rf"{re.escape(mark)}\b.* processed in ").search(events, begun)
    if ended is None:
        return "under way"
    return "failed" if re.search(r"^ERROR: ", events[begun : ended.start()], re.MULTILINE) else "done"
