"""The errors of this room."""

from __future__ import annotations

from jenkins_bootstrap.errors import BootstrapError


class PluginError(BootstrapError):
    """A plugin, an update-center document or a lock is not what it must be."""


class WantedPluginError(PluginError):
    """What the settings want cannot be: an unknown plugin, a version that cannot be had, a core that is too old.

    `chain` are the names from the one that the settings hold to the plugin that the error is about.
    """

    def __init__(self, what: str, *, where: str, hint: str, chain: tuple[str, ...]) -> None:
        super().__init__(what, where=where, hint=hint)
        self.chain = chain


class UnreachableError(PluginError):
    """No connection to `host`, for `reason`: what else lies there cannot be had either."""

    def __init__(self, what: str, *, where: str, hint: str, host: str, reason: str) -> None:
        super().__init__(what, where=where, hint=hint)
        self.host = host
        self.reason = reason

    def same_as(self, other: UnreachableError) -> bool:
        """Whether it is the same host for the same reason."""
        return (self.host, self.reason) == (other.host, other.reason)


class SignatureError(PluginError):
    """An update-center document is not signed, or not by an authority that is trusted."""
