"""Many definitions from one rendering: jenkins-job-builder renders a sample, the rest is substitution.

All jobs of one variant share a *shape*: definitions that differ only in values that the template inserts (name, id,
description, branches, script path, ...) and in the hashes over them. A shape is cut from jenkins-job-builder's own
output for a sample whose values are found again in it, and proved on two further samples, a plain and a hostile one:
what the shape gives for them must be byte for byte what jenkins-job-builder gives. A template that does more with a
value than to insert it fails this proof, and its jobs are then rendered by jenkins-job-builder one by one: slower, and
right. (A template whose text depends on conditions, as Jinja makes possible, is never given to this proof: `jjb`.)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from jenkins_bootstrap.jobs.definitions import Value, Variant
from jenkins_bootstrap.jobs.marker import SCAN_DIGITS, canonical, canonical_scan, clean_text, parse, parse_line

_CUT: dict[str, Value] = {
    "repository": "sentinel-name-5e0c7b1f",
    "github_id": "7316482950163847205",
    "description": "sentinel-description-5e0c7b1f",
    "default_branch": "sentinel-default-5e0c7b1f",
    "script_path": "sentinel-script-5e0c7b1f",
    "include_branches": "sentinel-include-5e0c7b1f",
    "exclude_branches": "sentinel-exclude-5e0c7b1f",
    "keep_builds": 731_648_295,
    "keep_days": 846_592_731,
}
_PLAIN: dict[str, Value] = {
    "repository": "-x.1_Y",
    "github_id": "1",
    "description": "",
    "default_branch": "m",
    "script_path": "J",
    "include_branches": "*",
    "exclude_branches": "x",
    "keep_builds": 1,
    "keep_days": 2,
}
_HOSTILE: dict[str, Value] = {
    "repository": "007",
    "github_id": "99999999999",
    "description": clean_text(
        "{x} {{y}} ]]> <!-- & &amp; \"q\" 'a' \\n é \U0001f600\r\n\t#\x01 {0} $1 \\1 %s sentinel-name-5e0c7b1f"
    ),
    "default_branch": "{x}/\"&<'{{y}}>é]]>",
    "script_path": "  {x}/{{y}} \"&amp;<'>é\U0001f600]]> $1 \\1 %s ",
    "include_branches": "{x}* &amp; <'\"> é release/* PR-*",
    "exclude_branches": "{{y}}* 007 1.10 null &",
    "keep_builds": 10_000,
    "keep_days": 365,
}


def samples(of: Variant, number: int) -> tuple[dict[str, Value], ...]:
    """What jenkins-job-builder must render to make a shape for this variant.

    `number` keeps the samples' names apart from those of other variants of the same owner.
    """
    return tuple(_sample(of, sample, number) for sample in (_CUT, _PLAIN, _HOSTILE))


def _sample(of: Variant, values: Mapping[str, Value], number: int) -> dict[str, Value]:
    made = {**values, "repository": f"{values['repository']}{number or ''}"}
    if not of.included:
        made["include_branches"] = ""
    if not of.excluded:
        made["exclude_branches"] = ""
    return made


@dataclass(frozen=True, slots=True)
class Shape:
    """Literal text with places for values: `xml` as it is written, `canonical` and `scan` as they are hashed.

    Each alternates: literal, place, literal, ..., literal. `scan` is empty for what is never scanned.
    """

    xml: tuple[str, ...]
    canonical: tuple[str, ...]
    scan: tuple[str, ...]

    def bound(self, values: Mapping[str, Value]) -> Form:
        """The shape in which these values stand already, for jobs that have them in common."""
        texts = {key: str(value) for key, value in values.items()}
        hashed = {key: _escape_canonical(text) for key, text in texts.items()}
        written = {key: text.translate(_written()) for key, text in texts.items()}
        return Form(
            _Blank.of(_bind(self.xml, written)),
            _Blank.of(_bind(self.canonical, hashed)),
            _Blank.of(_bind(self.scan, hashed)),
        )


@dataclass(frozen=True, slots=True)
class _Blank:
    """Pieces as one text with places: what is filled ten thousand times is filled by one operation."""

    text: str
    keys: tuple[str, ...]

    @classmethod
    def of(cls, pieces: tuple[str, ...]) -> _Blank:
        return cls("%s".join(literal.replace("%", "%%") for literal in pieces[::2]), pieces[1::2])

    def filled(self, values: Mapping[str, str]) -> bytes:
        return (self.text % tuple([values[key] for key in self.keys])).encode()


@dataclass(frozen=True, slots=True)
class Form:
    """A shape for the jobs that differ in their own values alone."""

    xml: _Blank
    canonical: _Blank
    scan: _Blank

    def fill(self, values: Mapping[str, str]) -> Filled:
        """The definition with these values, as they are before escaping."""
        hashed = values
        for key in _FREE:
            if key in values and _SPECIAL(values[key]):
                hashed = {**hashed, key: _escape_canonical(values[key])}
        digest = hashlib.sha256(self.canonical.filled(hashed)).hexdigest()
        scan = hashlib.sha256(self.scan.filled(hashed)).hexdigest()[:SCAN_DIGITS] if self.scan.text else None
        return Filled(self.xml, values, digest, scan)


@dataclass(frozen=True, slots=True)
class Filled:
    """A definition: the two hashes that stand in it, and its text when somebody wants it. Most runs want hardly any."""

    blank: _Blank
    values: Mapping[str, str]
    hash: str
    scan: str | None

    @property
    def xml(self) -> bytes:
        """The config.xml."""
        written = dict(self.values)
        for key in _FREE:
            if key in written and _SPECIAL(written[key]):
                written[key] = written[key].translate(_written())
        description = written.get("description")
        written["paragraph"] = f"{description}\n\n" if description else ""
        written["hash"] = self.hash
        written["scan"] = self.scan or ""
        return self.blank.filled(written)


_FREE = ("description", "default_branch", "script_path", "include_branches", "exclude_branches")
"""Values that may hold what XML writes otherwise."""
_SPECIAL = re.compile("[&<>\"'\t\n]").search


def make(given: Iterable[Mapping[str, Value]], rendered: Iterable[bytes]) -> Shape | None:
    """The shape cut from the first and proved on the other samples, None when the proof fails.

    `rendered` are jenkins-job-builder's bytes for `given`, which `samples` gave, in that order.
    """
    first, *others = given
    cut, *proofs = rendered
    root = parse(cut)
    line = parse_line(root.findtext("description"))
    if line is None:
        return None
    places = {str(value): key for key, value in first.items() if value != ""}
    scan = canonical_scan(root) if line.scan is not None else None
    shape = Shape(
        xml=_cut(
            cut.decode(),
            {
                f"{first['description']}\n\n": "paragraph",
                **places,
                line.hash: "hash",
                **({line.scan: "scan"} if line.scan is not None else {}),
            },
        ),
        canonical=_cut(canonical(root), places),
        scan=() if scan is None else _cut(scan, places),
    )
    wanted = zip([first, *others], [cut, *proofs], strict=True)
    form = shape.bound({})
    proved = all(form.fill({k: str(v) for k, v in sample.items()}).xml == xml for sample, xml in wanted)
    return shape if proved else None


def _cut(text: str, places: Mapping[str, str]) -> tuple[str, ...]:
    pattern = re.compile("|".join(re.escape(value) for value in places))
    pieces: list[str] = []
    end = 0
    for found in pattern.finditer(text):
        pieces += [text[end : found.start()], places[found.group()]]
        end = found.end()
    return (*pieces, text[end:])


def _bind(pieces: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    made = list(pieces[:1])
    for piece, literal in zip(pieces[1::2], pieces[2::2], strict=True):
        if piece in values:
            made[-1] += values[piece] + literal
        else:
            made += [piece, literal]
    return tuple(made)


def _escape_canonical(text: str) -> str:
    """As C14N 2.0 writes text. A carriage return does not occur in cleaned text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@cache
def _written() -> dict[int, str]:
    """How this Python's minidom, which writes jenkins-job-builder's files, escapes text: 3.13 leaves `"` as it is."""
    from xml.dom.minidom import Document

    document = Document()
    written = {ord(c): document.createTextNode(c).toxml() for c in "&<>\"'\t\n"}
    return {code: text for code, text in written.items() if text != chr(code)}
