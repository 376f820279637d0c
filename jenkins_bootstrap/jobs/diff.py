"""Definitions compared for people: what an update would change, and what somebody changed in Jenkins (drift).

Jenkins does not give back what it was given: after a save there are `plugin` attributes, another order, a few defaults
more, and elements missing that it does not know. None of these is a difference here.
"""

from __future__ import annotations

import difflib
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from jenkins_bootstrap.jobs.marker import scan_part, without_line
from jenkins_bootstrap.jobs.read_back import parse_definition

# What a real Jenkins drops from a folder class or adds by itself: tests/jobs/test_jobs_in_jenkins.py reads it back.
_DROPPED = frozenset(
    {
        *("keepDependencies", "blockBuildWhenDownstreamBuilding", "blockBuildWhenUpstreamBuilding", "concurrentBuild"),
        *("canRoam", "assignedNode", "scm", "publishers", "buildWrappers", "views", "viewsTabBar", "primaryView"),
        "actions",
    }
)
_FOLDERISH = (
    "com.cloudbees.hudson.plugins.folder.Folder",
    "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject",
)
_LISTS = frozenset(
    {"traits", "data", "triggers", "healthMetrics", "a", "buildStrategies", "properties", "builders", "publishers"}
)
"""Elements in which the order of children means something, or names repeat."""
_DEFAULTS = frozenset({"", "false"})
_REFERENCE = "reference"
_COLLECTION = "vector"
"""A class that jenkins-job-builder names, and that XStream leaves out as the field's own."""


def canonical_lines(xml: bytes) -> list[str]:
    """The definition as indented lines, comparable after Jenkins had it: without its machine line, plugin versions,
    defaults, and in an order of its own. Raises BootstrapError for what is no XML."""
    root = parse_definition(xml)
    description = root.find("description")
    if description is not None:
        description.text = without_line(description.text or "")
    return list(_lines(_Node(root, top=True), ""))


def unified(path: str, there: bytes, wanted: bytes) -> list[str]:
    """A unified diff from what Jenkins has to what the plan would give it; empty when nothing differs that means
    anything."""
    found = difflib.unified_diff(
        canonical_lines(there), canonical_lines(wanted), f"jenkins/{path}", f"wanted/{path}", n=3, lineterm=""
    )
    return list(found)


def scans_alike(there: bytes, wanted: bytes) -> bool:
    """Whether what a scan works by is the same in what Jenkins has, as far as a difference means anything."""
    one, other = (scan_part(parse_definition(xml)) for xml in (there, wanted))
    if one is None or other is None:
        return one is other
    return list(_lines(_Node(one, top=True), "")) == list(_lines(_Node(other, top=True), ""))


class _Node:
    """An element with the children that count, in comparable order."""

    def __init__(self, element: ET.Element, *, top: bool = False) -> None:
        self.tag = element.tag
        self.text = (element.text or "").strip()
        self.attributes = {k: v for k, v in sorted(element.attrib.items()) if k != "plugin" and v != _COLLECTION}
        dropped = _DROPPED if top and element.tag in _FOLDERISH else frozenset()
        children = [_Node(child) for child in element if child.tag not in dropped]
        self.children = [c for c in children if not c.is_default]
        if element.tag not in _LISTS or top:
            self.children.sort(key=lambda c: c.tag)

    @property
    def is_default(self) -> bool:
        """Empty or false is as good as absent; a class alone, without content, is the default of its field."""
        if _REFERENCE in self.attributes:  # to what holds it: it follows from where it stands
            return True
        return not self.children and self.text in _DEFAULTS and "." not in self.tag


def _lines(node: _Node, indent: str) -> Iterator[str]:
    attributes = "".join(f' {name}="{value}"' for name, value in node.attributes.items())
    if not node.children:
        texts = node.text.splitlines() or [""]
        if len(texts) == 1:
            yield f"{indent}<{node.tag}{attributes}>{texts[0]}</{node.tag}>"
            return
        yield f"{indent}<{node.tag}{attributes}>"
        yield from (f"{indent}  {text}" for text in texts)
    else:
        yield f"{indent}<{node.tag}{attributes}>"
        for child in node.children:
            yield from _lines(child, indent + "  ")
    yield f"{indent}</{node.tag}>"
