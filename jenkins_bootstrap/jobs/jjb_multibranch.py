"""Project types for jenkins-job-builder: `multibranch-github`, a Multibranch Pipeline of one GitHub repository, and
`bootstrap-folder`, a folder above such jobs.

What jenkins-job-builder's own `multibranch` and `folder` give besides, and Jenkins drops or lists as old data, is left
out; `jjb_finish` does that last. Sources are `scm` components, ours is `github-repository` in `jjb_source`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from jenkins_jobs.errors import InvalidAttributeError, MissingAttributeError
from jenkins_jobs.modules.base import Base

MULTIBRANCH = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
FACTORY = "org.jenkinsci.plugins.workflow.multibranch.WorkflowBranchProjectFactory"
FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
FOLDER_VIEWS = "com.cloudbees.hudson.plugins.folder.views"
STOCK_ICON = "com.cloudbees.hudson.plugins.folder.icons.StockFolderIcon"
HEALTH = "com.cloudbees.hudson.plugins.folder.health.WorstChildHealthMetric"
ORPHANS = "com.cloudbees.hudson.plugins.folder.computed.DefaultOrphanedItemStrategy"
PERIODIC = "com.cloudbees.hudson.plugins.folder.computed.PeriodicFolderTrigger"

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
INTERVALS = {
    **{f"{n}m": n * MINUTE for n in (1, 2, 5, 10, 15, 20, 25, 30)},
    **{f"{n}h": n * HOUR for n in (1, 2, 4, 8, 12)},
    **{f"{n}d": n * DAY for n in (1, 2)},
    **{f"{n}w": n * 7 * DAY for n in (1, 2, 4)},
}
"""What the plugin's own form offers, in milliseconds."""


def crontab(interval: int) -> str:
    """How often the trigger looks whether `interval` (milliseconds) is over, as the plugin itself writes it.

    Source: cloudbees-folder, PeriodicFolderTrigger.toCrontab. jenkins-job-builder writes other crontabs for 30m and
    above, so that its jobs change as soon as a person saves them.
    """
    steps = (
        (5 * MINUTE, "* * * * *"),
        (30 * MINUTE, "H/5 * * * *"),
        (HOUR, "H/15 * * * *"),
        (8 * HOUR, "H/30 * * * *"),
        (DAY, "H H/4 * * *"),
        (2 * DAY, "H H/12 * * *"),
    )
    return next((cron for limit, cron in steps if interval <= limit), "H H * * *")


class MultibranchGitHub(Base):  # type: ignore[misc]
    """`project-type: multibranch-github`.

    Keys: scm (list; `github-repository`), periodic-folder-trigger (1m ... 4w, or never), script-path (Jenkinsfile),
    prune-dead-branches (true), days-to-keep and number-to-keep (-1: of branches that are gone), abort-builds (false).
    """

    sequence = 0

    def root_xml(self, data: dict[str, Any]) -> ET.Element:
        root = ET.Element(MULTIBRANCH)
        ET.SubElement(root, "properties")
        _owned(root, "folderViews", "jenkins.branch.MultiBranchProjectViewHolder")
        health = ET.SubElement(ET.SubElement(root, "healthMetrics"), HEALTH)
        ET.SubElement(health, "nonRecursive").text = "false"
        _owned(root, "icon", "jenkins.branch.MetadataActionFolderIcon")
        self._orphans(root, data)
        self._triggers(root, data)
        self._sources(root, data)
        factory = _owned(root, "factory", FACTORY)
        ET.SubElement(factory, "scriptPath").text = str(data.get("script-path", "Jenkinsfile"))
        return root

    def _orphans(self, root: ET.Element, data: dict[str, Any]) -> None:
        strategy = ET.SubElement(root, "orphanedItemStrategy", {"class": ORPHANS})
        ET.SubElement(strategy, "pruneDeadBranches").text = _boolean(data.get("prune-dead-branches", True))
        ET.SubElement(strategy, "daysToKeep").text = str(data.get("days-to-keep", -1))
        ET.SubElement(strategy, "numToKeep").text = str(data.get("number-to-keep", -1))
        ET.SubElement(strategy, "abortBuilds").text = _boolean(data.get("abort-builds", False))

    def _triggers(self, root: ET.Element, data: dict[str, Any]) -> None:
        triggers = ET.SubElement(root, "triggers")
        every = data.get("periodic-folder-trigger", "never")
        if every == "never":
            return
        if every not in INTERVALS:
            raise InvalidAttributeError("periodic-folder-trigger", every, [*INTERVALS, "never"])
        trigger = ET.SubElement(triggers, PERIODIC)
        ET.SubElement(trigger, "spec").text = crontab(INTERVALS[every])
        ET.SubElement(trigger, "interval").text = str(INTERVALS[every])

    def _sources(self, root: ET.Element, data: dict[str, Any]) -> None:
        if not data.get("scm"):
            raise MissingAttributeError("scm", "multibranch-github")
        sources = _owned(root, "sources", "jenkins.branch.MultiBranchProject$BranchSourceList", owner_last=True)
        self.dispatch_component_list("scm", data["scm"], sources[0])


class BootstrapFolder(Base):  # type: ignore[misc]
    """`project-type: bootstrap-folder`. No keys of its own."""

    sequence = 0

    def root_xml(self, data: dict[str, Any]) -> ET.Element:
        root = ET.Element(FOLDER)
        ET.SubElement(root, "properties")
        holder = ET.SubElement(root, "folderViews", {"class": f"{FOLDER_VIEWS}.DefaultFolderViewHolder"})
        view = ET.SubElement(ET.SubElement(holder, "views"), "hudson.model.AllView")
        ET.SubElement(view, "owner", {"class": FOLDER, "reference": "../../../.."})
        ET.SubElement(view, "name").text = "All"
        ET.SubElement(view, "filterExecutors").text = "false"
        ET.SubElement(view, "filterQueue").text = "false"
        ET.SubElement(view, "properties", {"class": "hudson.model.View$PropertyList"})
        ET.SubElement(holder, "tabBar", {"class": "hudson.views.DefaultViewsTabBar"})
        ET.SubElement(root, "icon", {"class": STOCK_ICON})
        ET.SubElement(root, "healthMetrics")
        return root


def _owned(root: ET.Element, tag: str, kind: str, *, owner_last: bool = False) -> ET.Element:
    """An element with XStream's reference back to the project; with `owner_last` after an empty `data`."""
    element = ET.SubElement(root, tag, {"class": kind})
    if owner_last:
        ET.SubElement(element, "data")
    ET.SubElement(element, "owner", {"class": MULTIBRANCH, "reference": "../.."})
    return element


def _boolean(value: Any) -> str:
    return str(value).lower()
