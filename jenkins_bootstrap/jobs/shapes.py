"""Many definitions from one rendering: jenkins-job-builder renders a sample, the rest is substitution.

All repositories of one owner share a *shape*: definitions that differ only in the repository's name, id and
description and in the hash over them. A shape is cut from jenkins-job-builder's own output for a sample whose values
are found again in it, and proved on two further samples, an empty and a hostile one: what the shape gives for them must
be byte for byte what jenkins-job-builder gives. A template that does more with a value than to insert it fails this
proof, and its jobs are then rendered by jenkins-job-builder one by one: slower, and right.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.marker import canonical, canonical_scan, clean_text, parse, parse_line, scan_digest

_CUT = Repository("", "sentinel-name-5e0c7b1f", 7_316_482_950_163_847_205, description="sentinel-description-5e0c7b1f")
_EMPTY = Repository("", "-x.1_Y", 1, description="")
_HOSTILE = Repository(
    "",
    "007",
    99_999_999_999,
    description="{x} {{y}} ]]> <!-- & &amp; \"q\" 'a' \\n é \U0001f600\r\n\t#\x01 {0} $1 \\1 %s",
)


def samples(owner: str) -> tuple[Repository, ...]:
    """The repositories that must be rendered by jenkins-job-builder to make a shape for this owner."""
    return tuple(replace(sample, owner=owner) for sample in (_CUT, _EMPTY, _HOSTILE))


@dataclass(frozen=True, slots=True)
class Shape:
    """Literal text with places for values: `xml` as it is written, `canonical` and `scan` as they are hashed.

    Each alternates: literal, place, literal, ..., literal.
    """

    xml: tuple[str, ...]
    canonical: tuple[str, ...]
    scan: tuple[str, ...]

    def render(self, repository: Repository) -> tuple[bytes, str]:
        """The config.xml of this repository and the hash that stands in it."""
        text = clean_text(repository.description)
        values = {"name": repository.name, "id": str(repository.id), "text": _escape_canonical(text)}
        digest = hashlib.sha256(_join(self.canonical, values).encode()).hexdigest()
        values["scan"] = scan_digest(_join(self.scan, values)) if self.scan else ""
        values["text"] = _escape_written(text)
        values["paragraph"] = values["text"] + "\n\n" if text else ""
        values["hash"] = digest
        return _join(self.xml, values).encode(), digest


def make(owner: str, rendered: Iterable[bytes]) -> Shape | None:
    """The shape cut from the first and proved on the other samples of this owner, None when the proof fails.

    `rendered` are jenkins-job-builder's bytes for `samples(owner)`, in that order.
    """
    cut, *others = rendered
    root = parse(cut)
    line = parse_line(root.findtext("description"))
    if line is None:
        return None
    places = {_CUT.name: "name", str(_CUT.id): "id", _CUT.description: "text", line.hash: "hash"}
    if line.scan is not None:
        places[line.scan] = "scan"
    scan = canonical_scan(root)
    shape = Shape(
        xml=_cut(cut.decode(), {f"{_CUT.description}\n\n": "paragraph", **places}),
        canonical=_cut(canonical(root), places),
        scan=() if scan is None else _cut(scan, places),
    )
    wanted = zip(samples(owner), [cut, *others], strict=True)
    return shape if all(shape.render(sample)[0] == xml for sample, xml in wanted) else None


def _cut(text: str, places: dict[str, str]) -> tuple[str, ...]:
    pattern = re.compile("|".join(re.escape(value) for value in places))
    pieces: list[str] = []
    end = 0
    for found in pattern.finditer(text):
        pieces += [text[end : found.start()], places[found.group()]]
        end = found.end()
    return (*pieces, text[end:])


def _join(pieces: tuple[str, ...], values: dict[str, str]) -> str:
    return "".join(values[piece] if place % 2 else piece for place, piece in enumerate(pieces))


def _escape_canonical(text: str) -> str:
    """As C14N 2.0 writes text. A carriage return does not occur in cleaned text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape_written(text: str) -> str:
    return text.translate(_written())


@cache
def _written() -> dict[int, str]:
    """How this Python's minidom, which writes jenkins-job-builder's files, escapes text: 3.13 leaves `"` as it is."""
    from xml.dom.minidom import Document

    document = Document()
    written = {ord(c): document.createTextNode(c).toxml() for c in "&<>\"'\t\n"}
    return {code: text for code, text in written.items() if text != chr(code)}
