"""What a definition says that Jenkins acts on: class, description, whether it is disabled, whether it can be scanned.

And what becomes of one when Jenkins saves it, as far as it is known (jobs that were posted, then disabled, read back).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
MULTIBRANCH = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
CLASSES = {
    FOLDER: FOLDER,
    MULTIBRANCH: MULTIBRANCH,
    "project": "hudson.model.FreeStyleProject",
    "flow-definition": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
}
"""The root elements that are known, and their classes."""
PLUGINS = {
    "ant": "518.0",
    "branch-api": "2.1244.0",
    "cloudbees-folder": "6.1040.0",
    "git": "5.7.0",
    "github": "1.45.0",
    "github-branch-source": "1862.0",
    "workflow-job": "1546.0",
    "workflow-multibranch": "811.0",
}
"""Name and version of what stands for the installed plugins."""
_PREFIXES = {
    "com.cloudbees.hudson.plugins.folder.": "cloudbees-folder",
    "org.jenkinsci.plugins.workflow.multibranch.": "workflow-multibranch",
    "org.jenkinsci.plugins.workflow.job.": "workflow-job",
    "org.jenkinsci.plugins.github_branch_source.": "github-branch-source",
    "org.jenkinsci.plugins.github__branch__source.": "github-branch-source",
    "jenkins.branch.": "branch-api",
    "jenkins.plugins.git.": "git",
    "hudson.plugins.git.": "git",
}
_DROPPED = {
    "assignedNode",
    "blockBuildWhenDownstreamBuilding",
    "blockBuildWhenUpstreamBuilding",
    "buildWrappers",
    "canRoam",
    "concurrentBuild",
    "keepDependencies",
    "publishers",
    "scm",
    "views",
    "viewsTabBar",
}
"""What a folder's class does not know and loses at a save."""


class NotXml(ValueError):
    """The text is no XML; Jenkins answers 500."""


class UnknownClass(ValueError):
    """A root element that is not modelled."""


@dataclass(frozen=True, slots=True)
class Definition:
    kind: str
    description: str | None
    disabled: bool
    scannable: bool
    """Whether it is a multibranch project with a source."""


def read(xml: bytes) -> Definition:
    root = _parse(xml)
    kind = CLASSES.get(root.tag)
    if kind is None:
        raise UnknownClass(root.tag)
    sources = root.find("sources/data") if kind == MULTIBRANCH else None
    return Definition(
        kind,
        root.findtext("description"),
        kind != FOLDER and (root.findtext("disabled") or "").strip() == "true",
        sources is not None and len(sources) > 0,
    )


def saved(xml: bytes, disabled: bool) -> bytes:
    """The definition after a save: with plugins' names, without what the class does not know."""
    root = _parse(xml)
    if CLASSES.get(root.tag) in (FOLDER, MULTIBRANCH):
        for element in [one for one in root if one.tag in _DROPPED]:
            root.remove(element)
    for traits in root.iter("traits"):
        for trait in [one for one in traits if _plugin(one) is None]:
            traits.remove(trait)  # its plugin is not there
    for element in root.iter():
        plugin = _plugin(element)
        if plugin is not None:
            element.set("plugin", f"{plugin}@{PLUGINS[plugin]}")
    mark = root.find("disabled")
    if mark is None:
        mark = ET.SubElement(root, "disabled")
    mark.text = "true" if disabled else "false"
    text: str = ET.tostring(root, encoding="unicode")
    return f"<?xml version='1.1' encoding='UTF-8'?>\n{text}".encode()


def _parse(xml: bytes) -> ET.Element:
    # Jenkins declares what it writes as XML 1.1, which expat does not take.
    head = xml[:60].replace(b"1.1", b"1.0", 1)
    try:
        root: ET.Element = ET.fromstring(head + xml[60:])  # noqa: S314 - sent by whoever has the token
        return root
    except ET.ParseError as error:
        raise NotXml(str(error)) from None


def _plugin(element: ET.Element) -> str | None:
    name = element.get("class") or element.tag
    return next((plugin for prefix, plugin in _PREFIXES.items() if name.startswith(prefix)), None)
