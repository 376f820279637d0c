"""The error of this room."""

from __future__ import annotations

from jenkins_bootstrap.errors import BootstrapError


class PluginError(BootstrapError):
    """A plugin, an update-center document or a lock is not what it must be."""
