"""Which plugins a definition needs.

Jenkins drops a trait whose plugin is missing and says nothing, so that a plugin missing in the lock is an error here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError, raise_all
from jenkins_bootstrap.facts import Repository
from jenkins_bootstrap.jobs.marker import parse

_PACKAGES = {
    "com.cloudbees.hudson.plugins.folder.": "cloudbees-folder",
    "hudson.plugins.git.": "git",
    "jenkins.branch.": "branch-api",
    "jenkins.plugins.git.": "git",
    "jenkins.scm.": "scm-api",
    "org.jenkinsci.plugins.github_branch_source.": "github-branch-source",
    "org.jenkinsci.plugins.workflow.multibranch.": "workflow-multibranch",
}
_CORE = ("hudson.model.", "hudson.tasks.LogRotator", "hudson.util.", "hudson.views.", "jenkins.model.", "java.")
_CLASS = re.compile(r"[a-z]\w*(\.\w+)+(\$\w+)*(-array)?")


def required_plugins(settings: Settings) -> set[str]:
    """The plugins that the definitions of these settings need.

    Rendered from a made-up repository of each owner with the settings' templates, so that the user's own count too.
    """
    from jenkins_bootstrap.jobs.xml import render_all

    made_up = [Repository(o.name, "example", place) for place, o in enumerate(settings.github.owners, start=1)]
    rendered = render_all(settings, made_up)
    definitions = [folder.xml for folder in rendered.folders] + [job.xml for job in rendered.jobs]
    return set().union(*(plugins_of(xml) for xml in definitions))


def plugins_of(xml: bytes) -> set[str]:
    """The plugins whose classes a definition names: by the attribute `plugin`, else by the package.

    Raises BootstrapError for a class of no known plugin.
    """
    found: set[str] = set()
    for element in parse(xml).iter():
        named = element.get("plugin")
        if named is not None:
            found.add(named.partition("@")[0])
            continue
        for name in (_java_name(element.tag), element.get("class", "")):
            plugin = _plugin(name)
            if plugin is not None:
                found.add(plugin)
    return found


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


def _plugin(name: str) -> str | None:
    if not _CLASS.fullmatch(name) or name.startswith(_CORE):
        return None
    for package, plugin in _PACKAGES.items():
        if name.startswith(package):
            return plugin
    raise BootstrapError(
        f"no plugin is known for class {name}",
        where="job definitions",
        hint="write the plugin's name into the element's attribute plugin",
    )
