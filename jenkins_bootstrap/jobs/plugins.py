"""Which plugins a definition needs.

Jenkins drops a trait whose plugin is missing and says nothing, so that a plugin missing in the lock is an error here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError, raise_all
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.definitions import Wanted
from jenkins_bootstrap.jobs.marker import parse
from jenkins_bootstrap.jobs.select import REPOSITORY_TEMPLATE
from jenkins_bootstrap.jobs.xml import Rendered, render_wanted

_PACKAGES = {
    "com.cloudbees.hudson.plugins.folder.": "cloudbees-folder",
    "com.cloudbees.jenkins.GitHub": "github",
    "com.coravy.hudson.plugins.github.": "github",
    "hudson.plugins.git.": "git",
    "jenkins.branch.": "branch-api",
    "jenkins.plugins.git.": "git",
    "jenkins.scm.": "scm-api",
    "org.jenkinsci.plugins.github_branch_source.": "github-branch-source",
    "org.jenkinsci.plugins.workflow.cps.": "workflow-cps",
    "org.jenkinsci.plugins.workflow.job.": "workflow-job",
    "org.jenkinsci.plugins.workflow.multibranch.": "workflow-multibranch",
}
_CORE = (
    *("hudson.model.", "hudson.scm.", "hudson.triggers.", "hudson.util.", "hudson.views.", "jenkins.model."),
    *("jenkins.triggers.", "java."),
    *(
        "hudson.tasks." + name
        for name in ("ArtifactArchiver", "BatchFile", "BuildTrigger", "Fingerprinter", "LogRotator")
    ),
    *("hudson.tasks." + name for name in ("Maven", "Shell")),
)
_CLASS = re.compile(r"[a-z]\w*(\.\w+)+(\$\w+)*(-array)?")


@dataclass(frozen=True, slots=True)
class Needed:
    """The plugins that definitions need, and in words which classes of the user's own jobs belong to no known one."""

    plugins: frozenset[str]
    warnings: tuple[str, ...] = ()


def required_plugins(settings: Settings) -> set[str]:
    """The plugins that the definitions of these settings need, whatever repositories there are.

    Rendered for a made-up repository of each owner with each template that the settings name.
    """
    named = dict.fromkeys([REPOSITORY_TEMPLATE, *(definition.template for definition in settings.jobs.definitions)])
    made_up = [
        Wanted(Repository(owner.name, f"example-{place}", place), template)
        for owner in settings.github.owners
        for place, template in enumerate(named, start=1)
    ]
    return set(needed(render_wanted(settings, made_up)).plugins)


def needed(rendered: Rendered) -> Needed:
    """The plugins that these definitions need.

    Raises BootstrapError for a class of no known plugin in a repository's job; in a job of the user's own it is a
    warning, as nobody but the user knows.
    """
    found: set[str] = set()
    warnings: list[str] = []
    for xml in [*(folder.xml for folder in rendered.folders), *(j.xml for j in rendered.examples if j.id is not None)]:
        found |= plugins_of(xml)
    for job in rendered.examples:
        if job.id is None:
            known, unknown = _sorted_out(job.xml)
            found |= known
            if unknown:
                warnings.append(
                    f"job {job.path}: no plugin is known for {', '.join(sorted(unknown))}; Jenkins drops without a "
                    "word what no installed plugin has"
                )
    return Needed(frozenset(found), tuple(warnings))


def plugins_of(xml: bytes) -> set[str]:
    """The plugins whose classes a definition names: by the attribute `plugin`, else by the package.

    Raises BootstrapError for a class of no known plugin.
    """
    known, unknown = _sorted_out(xml)
    for name in sorted(unknown):
        raise BootstrapError(
            f"no plugin is known for class {name}",
            where="job definitions",
            hint="write the plugin's name into the element's attribute plugin",
        )
    return known


def _sorted_out(xml: bytes) -> tuple[set[str], set[str]]:
    """Plugins, and classes of no known plugin."""
    known: set[str] = set()
    unknown: set[str] = set()
    for element in parse(xml).iter():
        named = element.get("plugin")
        if named is not None:
            known.add(named.partition("@")[0])
            continue
        for name in (_java_name(element.tag), element.get("class", "")):
            if not _CLASS.fullmatch(name) or name.startswith(_CORE):
                continue
            plugin = next((plugin for package, plugin in _PACKAGES.items() if name.startswith(package)), None)
            if plugin is None:
                unknown.add(name)
            else:
                known.add(plugin)
    return known, unknown


def check_plugins(required: Iterable[str], locked: Iterable[str]) -> None:
    """Raise BootstrapError for every plugin that the definitions need and the lock does not have."""
    missing = sorted(set(required) - set(locked))
    raise_all(
        [
            BootstrapError(
                f"job definitions need the plugin {name!r}; Jenkins would drop what it stands for without a word",
                where="plugin lock",
                hint=f"add {name} to controller.plugins and run: jenkins-bootstrap plugins lock",
            )
            for name in missing
        ]
    )


def _java_name(tag: str) -> str:
    """The class an element is named after, as XStream writes it: `__` is `_`, `_-` is `$`."""
    return re.sub("__|_-", lambda found: {"__": "_", "_-": "$"}[found.group()], tag)
