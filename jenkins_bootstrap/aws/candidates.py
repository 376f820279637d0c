"""What a look-up that matched nothing may have meant: the nearest of what there is, in words. Makes no call itself."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jenkins_bootstrap.errors import BootstrapError, nearest

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that is there: its id, its name ("" for none), its tags (None: not known), one more word."""

    id: str
    name: str = ""
    tags: Mapping[str, str] | None = field(default_factory=dict)
    note: str = ""


def tags_of(raw: Mapping[str, object]) -> dict[str, str]:
    """The tags of an answer of AWS, whose `Tags` are pairs of Key and Value."""
    pairs = raw.get("Tags") or []
    assert isinstance(pairs, Iterable)
    return {pair["Key"]: pair["Value"] for pair in pairs}


def told(listing: Callable[[], Iterable[Candidate]], tags: Mapping[str, str], name: str | None, region: str) -> str:
    """The nearest of what `listing` finds, for the end of an error: "nearest: sg-1 (Project=demo, no Role)".

    Near is what has a tag as asked or a value like it, or a name like it; when nothing is near, the first few of all.
    A listing that fails is told, and raises nothing: the error that it was to explain matters more.
    """
    try:
        there = list(listing())
    except BootstrapError as error:
        return f"what is near could not be listed: {error.what}"
    if not there:
        return f"there is none at all in {region}"
    ranked = sorted(there, key=lambda candidate: -_nearness(candidate, tags, name))
    near = [candidate for candidate in ranked if _nearness(candidate, tags, name)]
    shown = ", ".join(_shown(candidate, tags, name) for candidate in (near or ranked)[:SHOWN])
    return f"nearest: {shown}" if near else f"none of the {len(there)} that there are is like it: {shown}"


def _nearness(candidate: Candidate, tags: Mapping[str, str], name: str | None) -> int:
    """0 when nothing is alike; a value that is the same counts more than one that is like it."""
    known = candidate.tags or {}
    points = sum(2 if known[key] == value else _alike(value, known[key]) for key, value in tags.items() if key in known)
    if name is not None and candidate.name:
        same = fnmatch.fnmatchcase(candidate.name, name)
        points += 2 if same else _alike(name.strip("*"), candidate.name)
    return points


def _alike(asked: str, there: str) -> int:
    return int(nearest(asked.lower(), [there.lower()]) is not None)


def _shown(candidate: Candidate, tags: Mapping[str, str], name: str | None) -> str:
    words: Sequence[str] = ()
    if name is not None and candidate.name not in ("", candidate.id):
        words = [f"name {candidate.name}"]
    if (known := candidate.tags) is not None:
        words = [*words, *(f"{key}={known[key]}" if key in known else f"no {key}" for key in sorted(tags))]
    inside = ", ".join([*words, *([candidate.note] if candidate.note else [])])
    return f"{candidate.id} ({inside})" if inside else candidate.id
