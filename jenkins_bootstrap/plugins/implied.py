"""Plugins that a core implies: features that once were part of Jenkins and were split off into plugins.

A plugin built for a core from before a split may use the feature without naming the plugin. Jenkins then adds the
plugin from its war by itself when it starts, unless it is there already. An update-center document does not list these
dependencies, so they are here: the plugin, the last core that still had the feature, and the version it implies. They
are the facts of `jenkins/split-plugins.txt` and `jenkins/split-plugin-cycles.txt` in jenkins.war (to core 2.579).
"""

from __future__ import annotations

from jenkins_bootstrap.plugins.update_center import Dependency
from jenkins_bootstrap.plugins.versions import Version

SPLITS: tuple[tuple[str, str, str], ...] = (
    ("maven-plugin", "1.296", "1.296"),
    ("subversion", "1.310", "1.0"),
    ("cvs", "1.340", "0.1"),
    ("ant", "1.430", "1.0"),
    ("javadoc", "1.430", "1.0"),
    ("external-monitor-job", "1.467", "1.0"),
    ("ldap", "1.467", "1.0"),
    ("pam-auth", "1.467", "1.0"),
    ("mailer", "1.493", "1.2"),
    ("matrix-auth", "1.535", "1.0.2"),
    ("antisamy-markup-formatter", "1.553", "1.0"),
    ("matrix-project", "1.561", "1.0"),
    ("junit", "1.577", "1.0"),
    ("bouncycastle-api", "2.16", "2.16.0"),
    ("command-launcher", "2.86", "1.0"),
    ("jdk-tool", "2.112", "1.0"),
    ("jaxb", "2.163", "2.3.0"),
    ("trilead-api", "2.184", "1.0.4"),
    ("sshd", "2.281", "3.236.ved5e1b_cb_50b_2"),
    ("javax-activation-api", "2.330", "1.2.0-2"),
    ("javax-mail-api", "2.330", "1.6.2-5"),
    ("instance-identity", "2.356", "3.1"),
)

_NOT_IMPLIED: dict[str, frozenset[str]] = {
    "credentials": frozenset({"matrix-auth"}),
    "script-security": frozenset(
        {"antisamy-markup-formatter", "bouncycastle-api", "command-launcher", "matrix-auth", "matrix-project", "jaxb"}
    ),
    "javax-activation-api": frozenset({"javax-mail-api", "sshd", "instance-identity"}),
    "javax-mail-api": frozenset({"sshd", "instance-identity"}),
    "bouncycastle-api": frozenset({"instance-identity", "sshd", "jaxb"}),
    **{
        name: frozenset({"jaxb"})
        for name, _, _ in SPLITS[: [name for name, _, _ in SPLITS].index("jaxb")]
        if name != "bouncycastle-api"
    },
}
"""What a plugin does not imply, although it is old enough, because it would make a circle."""


def implied(plugin: str, required_core: str, core: str) -> tuple[Dependency, ...]:
    """What `plugin`, built for `required_core`, needs besides its own dependencies on a Jenkins of version `core`."""
    built_for, running = Version(required_core), Version(core)
    found = []
    for name, last, minimum in SPLITS:
        split = Version(f"{last}.*")
        if built_for <= split < running and name != plugin and name not in _NOT_IMPLIED.get(plugin, ()):
            found.append(Dependency(name, minimum, optional=True))
    return tuple(found)
