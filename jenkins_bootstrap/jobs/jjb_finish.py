"""The module of jenkins-job-builder that runs last: leaves out what Jenkins drops, writes the machine line.

It acts on jobs of our project types and on every job, of any type, with the property `jenkins-bootstrap`. Other jobs
pass untouched, unless they stand in jobs.templates and this project renders them: then they are marked too. In place of
jenkins-job-builder's own marker a managed job gets our machine line, so that `jenkins-jobs update --delete-old` never
takes it for one of its own.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jenkins_jobs.constants import MAGIC_MANAGE_STRING
from jenkins_jobs.errors import InvalidAttributeError, MissingAttributeError
from jenkins_jobs.modules.base import Base

from jenkins_bootstrap.jobs.jjb import INSTALLATION
from jenkins_bootstrap.jobs.jjb_multibranch import FOLDER as FOLDER_CLASS
from jenkins_bootstrap.jobs.marker import (
    FOLDER,
    JOB,
    MachineLine,
    canonical,
    canonical_scan,
    clean_text,
    digest,
    scan_digest,
    with_line,
)

_MARK = "jenkins-bootstrap"

# What jenkins-job-builder gives every project and a folder class does not know: Jenkins drops it at the first save and
# lists the job under Old Data after a restart.
_FREESTYLE = (
    "keepDependencies",
    "blockBuildWhenDownstreamBuilding",
    "blockBuildWhenUpstreamBuilding",
    "concurrentBuild",
    "canRoam",
    "assignedNode",
    "scm",
    "jenkins.branch.BranchSource",
    "publishers",
    "buildWrappers",
)


def managed(registry: Any, xml_parent: ET.Element, data: Mapping[str, Any]) -> None:
    """yaml: jenkins-bootstrap

    :arg str installation: the installation that owns the job, `project` in jenkins-bootstrap.yml (required)
    :arg str id: GitHub's numeric id of the repository, `folder`, or `job` for one of neither (default: folder)
    """
    installation = data.get("installation")
    if not installation:
        raise MissingAttributeError("installation", _MARK)
    number = str(data.get("id", FOLDER))
    if number not in (FOLDER, JOB) and not (number.isascii() and number.isdigit() and int(number)):
        raise InvalidAttributeError("id", number)
    ET.SubElement(xml_parent, _MARK, {"installation": str(installation), "id": number})


class Finish(Base):  # type: ignore[misc]
    sequence = 1000

    def gen_xml(self, xml: ET.Element, data: Mapping[str, Any]) -> None:
        ours = data.get("project-type") in ("multibranch-github", "bootstrap-folder")
        if ours:
            for element in [e for e in xml if e.tag in _FREESTYLE]:
                xml.remove(element)
        properties = xml.find("properties")
        mark = None if properties is None else properties.find(_MARK)
        if properties is not None and mark is not None:
            properties.remove(mark)
            _describe(xml, mark.attrib["installation"], mark.attrib["id"])
        elif INSTALLATION in data:
            _describe(xml, data[INSTALLATION], FOLDER if xml.tag == FOLDER_CLASS else JOB)


def _describe(xml: ET.Element, installation: str, number: str) -> None:
    description = xml.find("description")
    if description is None:
        description = ET.SubElement(xml, "description")
    text = clean_text((description.text or "").removesuffix(MAGIC_MANAGE_STRING))
    line = _unsigned(installation, number)
    # Hashed with a line in its place, which is then left out: a text may itself end like one.
    description.text = with_line(text, line)
    # Without the hash a disabled job that is enabled later counts as one whose source changed: it is scanned then.
    scan = None if xml.findtext("disabled") == "true" else canonical_scan(xml)
    line = replace(line, hash=digest(canonical(xml)), scan=None if scan is None else scan_digest(scan))
    description.text = with_line(text, line)


def _unsigned(installation: str, number: str) -> MachineLine:
    if number in (FOLDER, JOB):
        return MachineLine(installation, None, "0" * 64, kind=FOLDER if number == FOLDER else JOB)
    return MachineLine(installation, int(number), "0" * 64)
