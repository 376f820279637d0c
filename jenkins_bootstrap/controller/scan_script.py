"""The Groovy that asks a running Jenkins for scans, as one text for its script console. Sends nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from jenkins_bootstrap.controller.client import MARK
from jenkins_bootstrap.resources import share

_LITERAL = 30_000
"""Characters of one literal: a class file holds at most 65,535 bytes of each."""


def scan_script(paths: Sequence[str], pause_ms: int, batch: str) -> str:
    """The script that adds to the queue of scans: groovy/scans.groovy and a call. Paths travel in base64, so that none
    can be anything but a text."""
    text = base64.b64encode(json.dumps(list(paths)).encode()).decode()
    pieces = ", ".join(f"'{text[at : at + _LITERAL]}'" for at in range(0, len(text), _LITERAL))
    return f"""import jenkins.model.Jenkins
{(share("groovy") / "scans.groovy").read_text(encoding="utf-8")}
def scanPaths = new groovy.json.JsonSlurperClassic().parseText(new String([{pieces}].join('').decodeBase64(), 'UTF-8'))
def scanLog = java.util.logging.Logger.getLogger('jenkins-bootstrap')
def scanSay = {{ words, boolean warning -> scanLog.log(warning ? java.util.logging.Level.WARNING : java.util.logging.Level.INFO, words as String) }}
println '{MARK}' + groovy.json.JsonOutput.toJson(askForScans(scanPaths, false, '{batch}', {pause_ms}L, 0L, scanSay))
"""  # noqa: E501 - Groovy
