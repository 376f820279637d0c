"""The machine line at the end of a job's description, the hash it carries, and text that XML can carry.

State of the synchronisation lives in Jenkins: whose job it is, which GitHub repository, which definition. Nothing here
needs jenkins-job-builder, so that a job can be judged without it.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import date
from typing import Literal

FOLDER: Literal["folder"] = "folder"
"""Stands in the place of the id in a folder's line."""
JOB: Literal["job"] = "job"
"""Stands there in the line of a job that is no repository's: one of the user's own, or ours for people."""

Kind = Literal["repository", "folder", "job"]
SCAN_DIGITS = 16
"""Of the hash of what makes a scan necessary: these suffice, as it is only compared with the one before it."""

_LINE = re.compile(
    r"jenkins-bootstrap: owner=([a-z][a-z0-9-]*) id=([1-9][0-9]*|folder|job) hash=([0-9a-f]{64})"
    r"(?: scan=([0-9a-f]{16}))?(?: gone=([0-9]{4}-[0-9]{2}-[0-9]{2}))?"
)
_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_WITHOUT_SCAN = frozenset({
    "actions", "description", "disabled", "displayName", "folderViews", "healthMetrics", "icon",
    "orphanedItemStrategy", "primaryView", "properties", "triggers", "views", "viewsTabBar",
})  # fmt: skip
_NAMES = frozenset({"repoOwner", "repository", "repositoryUrl"})
_LIMITS = frozenset({"jenkins.branch.BuildRetentionBranchProperty", "jenkins.branch.RateLimitBranchProperty"})


@dataclass(frozen=True, slots=True)
class MachineLine:
    """Whose job it is, which repository's, and which definition it was given.

    `owner` is the installation (the settings' project); `id` GitHub's number, None unless the kind is `repository`;
    `hash` that of the whole definition; `scan` the hash of what makes a scan necessary, in a Multibranch Pipeline that
    a version with it wrote; `gone` the day on which the repository was found to be gone and the job was disabled.
    """

    owner: str
    id: int | None
    hash: str
    scan: str | None = None
    gone: date | None = None
    kind: Kind = "repository"

    def __post_init__(self) -> None:
        if (self.kind == "repository") != (self.id is not None):
            raise ValueError("a number goes with the kind repository, and only with it")

    def __str__(self) -> str:
        number = self.kind if self.id is None else self.id
        scan = "" if self.scan is None else f" scan={self.scan}"
        gone = "" if self.gone is None else f" gone={self.gone.isoformat()}"
        return f"jenkins-bootstrap: owner={self.owner} id={number} hash={self.hash}{scan}{gone}"


def parse_line(description: str | None) -> MachineLine | None:
    """The machine line that ends this description, None when there is none: then the job is not ours.

    A line without `scan=` or `gone=` is one too: folders have neither, and earlier versions wrote neither.
    """
    last = (description or "").rstrip().rpartition("\n")[2]
    found = _LINE.fullmatch(last)
    if found is None:
        return None
    owner, number, digest, scan, day = found.groups()
    try:
        gone = None if day is None else date.fromisoformat(day)
    except ValueError:  # a day that no calendar has was not written here
        return None
    if number == FOLDER:
        return MachineLine(owner, None, digest, scan, gone, FOLDER)
    if number == JOB:
        return MachineLine(owner, None, digest, scan, gone, JOB)
    return MachineLine(owner, int(number), digest, scan, gone)


def clean_text(text: str) -> str:
    """A description as XML 1.0 and a Jenkins that writes XML 1.1 both keep it; cleaning it twice changes nothing.

    Every kind of line end becomes one line feed. Other control characters, lone surrogates and non-characters, which
    XML cannot carry or only as something else, become U+FFFD. White space at both ends goes.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    return _NOT_XML.sub("\ufffd", _LINE_ENDS.sub("\n", text)).strip()


def with_line(text: str, line: MachineLine) -> str:
    """The whole description: the text for people, an empty line, the machine line."""
    return f"{text}\n\n{line}" if text else str(line)


def without_line(description: str) -> str:
    """The text for people."""
    if parse_line(description) is None:
        return description
    return description.rstrip().rpartition("\n")[0].rstrip()


def parse(xml: bytes | str) -> ET.Element:
    """A definition's tree: of our own output, or of what a Jenkins that we sign in to gives back."""
    return ET.fromstring(xml)  # noqa: S314


def canonical(root: ET.Element) -> str:
    """Canonical XML (C14N 2.0) of a definition without its machine line and without white space between elements.

    Two files that differ only in indentation, in quoting (as Python versions do) or in the machine line give the same
    text. `root` is not changed.
    """
    copy = _copy(root)
    description = copy.find("description")
    if description is not None:
        description.text = without_line(description.text or "")
    return ET.canonicalize(ET.tostring(copy, encoding="unicode"))


def canonical_scan(root: ET.Element) -> str | None:
    """Canonical XML of what a scan works by, None for a job that is never scanned. `root` stays as it is."""
    part = scan_part(root)
    return None if part is None else ET.canonicalize(ET.tostring(part, encoding="unicode"))


def scan_part(root: ET.Element) -> ET.Element | None:
    """What a scan works by: sources with their traits, script path, strategies. `root` stays as it is.

    Left out is what changes no head that a scan finds: texts, state, views, triggers, how long and how often what was
    found is built, and under which name the source is known, as it is told apart by its id. None for a job that is
    never scanned, which is one without sources.
    """
    if root.find("sources") is None:
        return None
    copy = _copy(root)
    for element in [e for e in copy if e.tag in _WITHOUT_SCAN]:
        copy.remove(element)
    for source in copy.iter("source"):
        if source.findtext("id"):
            for element in [e for e in source if e.tag in _NAMES]:
                source.remove(element)
    for strategy in copy.iter("strategy"):
        for properties in strategy.findall("properties"):
            for array in properties.findall("a"):
                for limit in [e for e in array if e.tag in _LIMITS]:
                    array.remove(limit)
            if not any(len(array) for array in properties):  # no array: the empty list
                strategy.remove(properties)
    return copy


def _copy(root: ET.Element) -> ET.Element:
    """The tree without white space between elements."""
    copy = parse(ET.tostring(root, encoding="unicode"))
    for element in copy.iter():
        element.tail = None
        if len(element) and not (element.text or "").strip():
            element.text = None
    return copy


def digest(canonical_xml: str) -> str:
    """The hash of a definition, as lower-case hex of SHA-256."""
    return hashlib.sha256(canonical_xml.encode()).hexdigest()


def scan_digest(canonical_xml: str) -> str:
    """The hash of what makes a scan necessary."""
    return digest(canonical_xml)[:SCAN_DIGITS]


def read_line(xml: bytes) -> MachineLine | None:
    """The machine line of a definition."""
    return parse_line(parse(xml).findtext("description"))


def definition_hash(xml: bytes) -> str:
    """The hash of a definition as it would have to stand in its machine line."""
    return digest(canonical(parse(xml)))


def scan_hash(xml: bytes) -> str | None:
    """The scan hash of a definition as it would have to stand in its machine line, None for one without sources."""
    text = canonical_scan(parse(xml))
    return None if text is None else scan_digest(text)
