"""Whether plugins are for the Jenkins that is to load them: for a bake, for `check` and for `try`, in the same words.

A controller that boots looks for itself once more, at the lock of its image.
"""

from __future__ import annotations

from collections.abc import Iterable

from jenkins_bootstrap.errors import BootstrapError, SeveralErrors, raise_all
from jenkins_bootstrap.plugins.at_hand import PluginFile
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin
from jenkins_bootstrap.plugins.versions import older


def check_lock(lock: Lock, version: str) -> None:
    """Raises PluginError when the lock was made for a newer Jenkins than `version`, which would refuse to boot with it,
    together with what `check_plugins` finds."""
    errors: list[BootstrapError] = []
    if older(version, lock.core):
        errors.append(
            PluginError(
                f"was made for Jenkins {lock.core}, this one is {version}",
                where="the plugin lock",
                hint="set controller.jenkins.version, then jenkins-bootstrap plugins lock; or give a newer Jenkins",
            )
        )
    try:
        check_plugins(lock.plugins, version)
    except BootstrapError as error:
        errors += error.errors if isinstance(error, SeveralErrors) else (error,)
    raise_all(errors)


def check_plugins(plugins: Iterable[PluginFile | LockedPlugin], version: str) -> None:
    """Raises PluginError for each plugin that needs a newer Jenkins than `version`, which would come up without it."""
    raise_all(
        [
            PluginError(
                f"{plugin.version} needs Jenkins {plugin.required_core} or newer, this one is {version}",
                where=f"plugin {plugin.name}",
                hint=f"pin an older version of {plugin.name}, or give a newer Jenkins",
            )
            for plugin in sorted(plugins, key=lambda plugin: plugin.name)
            if older(version, plugin.required_core)
        ]
    )
