"""Definitions as Jenkins gives them back: read though they are XML 1.1, and marked when their repository is gone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.jobs.marker import parse, parse_line, with_line, without_line

_DECLARATION = re.compile(rb"\A\s*<\?xml[^>]*\?>")
_REFERENCE = re.compile(rb"&#(?:x([0-9A-Fa-f]+)|([0-9]+));")


def parse_definition(xml: bytes) -> ET.Element:
    """The tree of a config.xml that Jenkins gave. Raises BootstrapError when it is none.

    Jenkins declares XML 1.1, which no parser of Python's takes; it differs in the control characters that it allows as
    references, which become U+FFFD here.
    """
    text = _DECLARATION.sub(b"", xml)
    try:
        return parse(text)
    except ET.ParseError:
        pass
    try:
        return parse(_REFERENCE.sub(_allowed, text))
    except ET.ParseError as error:
        raise BootstrapError(
            f"is not XML ({error})", where="config.xml from Jenkins", hint="look in the log of Jenkins"
        ) from error


def _allowed(found: re.Match[bytes]) -> bytes:
    code = int(found[1], 16) if found[1] else int(found[2])
    return found[0] if code in (9, 10, 13) or code >= 0x20 else "\ufffd".encode()


def mark_gone(xml: bytes, on: date) -> bytes | None:
    """The definition of a job that is disabled, with the day in its machine line; None when it has no such line.

    What a scan works by is taken out of the line, so that the job is scanned when its repository comes back.
    """
    root = parse_definition(xml)
    description = root.find("description")
    text = "" if description is None else description.text or ""
    line = parse_line(text)
    if description is None or line is None:
        return None
    description.text = with_line(without_line(text), replace(line, gone=on, scan=None))
    disabled = root.find("disabled")
    if disabled is None:
        disabled = ET.SubElement(root, "disabled")
    disabled.text = "true"
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
