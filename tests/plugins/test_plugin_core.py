"""A lock and plugins that are for a newer Jenkins than the one that is given."""

import pytest

from jenkins_bootstrap.errors import SeveralErrors
from jenkins_bootstrap.plugins.core import check_lock, check_plugins
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin


def lock(core="2.516.2", **required):
    plugins = (LockedPlugin(name, "1.0", "0" * 64, "https://example.org/", needs) for name, needs in required.items())
    return Lock(core, "default", "2025-09-13", tuple(plugins))


def test_a_lock_for_a_newer_jenkins_is_told():
    check_lock(lock(), "2.516.2")
    check_lock(lock(), "2.516.10")
    with pytest.raises(PluginError, match=r"lock: was made for Jenkins 2\.516\.2, this one is 2\.516\.1") as error:
        check_lock(lock(), "2.516.1")
    assert "plugins lock" in error.value.hint


def test_each_plugin_that_needs_a_newer_jenkins_is_named():
    check_lock(lock(git="2.479.3", ec2="2.516.2", old="2.7"), "2.516.2")
    with pytest.raises(PluginError, match=r"plugin ec2: 1\.0 needs Jenkins 2\.516\.3 or newer, this one is 2\.516\.2"):
        check_plugins(lock(git="2.479.3", ec2="2.516.3").plugins, "2.516.2")
    with pytest.raises(SeveralErrors, match=r"(?s)plugin a.*plugin b"):
        check_plugins(lock(b="2.530", a="2.517").plugins, "2.516.2")


def test_the_lock_and_its_plugins_are_told_together():
    with pytest.raises(SeveralErrors, match=r"(?s)the plugin lock.*plugin b") as error:
        check_lock(lock(a="2.479", b="2.516.2"), "2.500")
    assert len(error.value.errors) == 2
