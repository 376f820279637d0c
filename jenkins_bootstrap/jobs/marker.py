"""The machine line at the end of a job's description, the hash it carries, and text that XML can carry.

State of the synchronisation lives in Jenkins: whose job it is, which GitHub repository, which definition. Nothing here
needs jenkins-job-builder, so that a job can be judged without it.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

FOLDER = "folder"
"""Stands in the place of the id in a folder's line."""

_LINE = re.compile(r"jenkins-bootstrap: owner=([a-z][a-z0-9-]*) id=([1-9][0-9]*|folder) hash=([0-9a-f]{64})")
_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class MachineLine:
    """`owner` is the installation (the settings' project), `id` GitHub's number, None for a folder."""

    owner: str
    id: int | None
    hash: str

    def __str__(self) -> str:
        number = FOLDER if self.id is None else self.id
        return f"jenkins-bootstrap: owner={self.owner} id={number} hash={self.hash}"


def parse_line(description: str | None) -> MachineLine | None:
    """The machine line that ends this description, None when there is none: then the job is not ours."""
    last = (description or "").rstrip().rpartition("\n")[2]
    found = _LINE.fullmatch(last)
    if found is None:
        return None
    owner, number, digest = found.groups()
    return MachineLine(owner, None if number == FOLDER else int(number), digest)


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
    copy = parse(ET.tostring(root, encoding="unicode"))
    description = copy.find("description")
    if description is not None:
        description.text = without_line(description.text or "")
    for element in copy.iter():
        element.tail = None
        if len(element) and not (element.text or "").strip():
            element.text = None
    return ET.canonicalize(ET.tostring(copy, encoding="unicode"))


def digest(canonical_xml: str) -> str:
    """The hash of a definition, as lower-case hex of SHA-256."""
    return hashlib.sha256(canonical_xml.encode()).hexdigest()


def read_line(xml: bytes) -> MachineLine | None:
    """The machine line of a definition."""
    return parse_line(parse(xml).findtext("description"))


def definition_hash(xml: bytes) -> str:
    """The hash of a definition as it would have to stand in its machine line."""
    return digest(canonical(parse(xml)))
