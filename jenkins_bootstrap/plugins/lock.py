"""The plugin lock: every plugin of a controller with version, SHA-256 and address, in one file beside the settings.

There is no official format for this in Jenkins (plugin-installation-manager-tool #93, #488 and #655 ask for one); this
one is our own, sorted and with one spelling, so that a change of one plugin is a change of a few lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.files import canonical_json, write_atomic
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.update_center import Dependency

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Settings

FORMAT = 2
"""Format 1 did not say which Java and architecture a lock is for, and is read still."""
FILE_NAME = "jenkins-bootstrap.lock.json"
_AGAIN = "jenkins-bootstrap plugins lock makes it anew"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class LockedPlugin:
    """One pinned plugin.

    `sha256` is lower-case hex; `dependencies` are what the plugin itself needs, `optional` what it can use and then in
    at least that version, `implied` what the core adds for plugins as old as this one (see `implied`), each sorted by
    name; `requested` means that the settings name it.
    """

    name: str
    version: str
    sha256: str
    url: str
    required_core: str
    dependencies: tuple[Dependency, ...] = ()
    optional: tuple[Dependency, ...] = ()
    implied: tuple[Dependency, ...] = ()
    requested: bool = False


@dataclass(frozen=True, slots=True)
class Lock:
    """All plugins for one core, sorted by name, and which update-center document (id and date) they were found in.

    `java` (feature release) and `architecture` (amd64, arm64) are those of the controller that it was made for; None in
    a lock that does not say.
    """

    core: str
    source_id: str
    source_date: str
    plugins: tuple[LockedPlugin, ...]
    java: int | None = None
    architecture: str | None = None

    @property
    def versions(self) -> dict[str, str]:
        return {p.name: p.version for p in self.plugins}

    @property
    def sources(self) -> dict[str, tuple[str, str]]:
        """Where each plugin comes from: address and SHA-256 (hex)."""
        return {p.name: (p.url, p.sha256) for p in self.plugins}

    def plugin(self, name: str) -> LockedPlugin | None:
        return next((p for p in self.plugins if p.name == name), None)

    def by_name(self) -> dict[str, LockedPlugin]:
        return {p.name: p for p in self.plugins}

    @property
    def requested(self) -> tuple[str, ...]:
        """The names that the settings ask for, sorted."""
        return tuple(p.name for p in self.plugins if p.requested)


def path_beside(settings_path: Path) -> Path:
    """Where the lock of a settings file lies."""
    return settings_path.resolve().parent / FILE_NAME


def dumps(lock: Lock) -> str:
    """The lock as text; the same lock gives the same bytes."""
    said = {"java": lock.java, "architecture": lock.architecture}
    made_for = {} if None in said.values() else said
    return canonical_json(
        {
            "format": FORMAT if made_for else 1,
            "core": lock.core,
            **made_for,
            "updateCenter": {"id": lock.source_id, "generated": lock.source_date},
            "plugins": [_to_json(p) for p in sorted(lock.plugins, key=lambda p: p.name)],
        }
    )


def write(path: Path, lock: Lock) -> None:
    """Write the lock, whole or not at all."""
    write_atomic(path, dumps(lock))


def read(path: Path) -> Lock:
    """The lock in a file. Raises PluginError when there is none, or when it is cut off or has another form."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PluginError("there is no plugin lock", where=str(path), hint="jenkins-bootstrap plugins lock") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"the plugin lock cannot be read: {error}", where=str(path), hint=_AGAIN) from None
    return loads(text, str(path))


def loads(text: str, source: str) -> Lock:
    """The lock in `text`; `source` is how messages call it."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        what = "has unresolved merge conflicts" if "<<<<<<<" in text else f"is no JSON: {error.msg}"
        raise PluginError(
            f"the plugin lock {what}", where=f"{source}:{error.lineno}:{error.colno}", hint=_AGAIN
        ) from None
    if not isinstance(value, dict) or not isinstance(value.get("format"), int):
        raise PluginError("is no plugin lock", where=source, hint=_AGAIN)
    if value["format"] not in (1, FORMAT):
        raise PluginError(
            f"the plugin lock has format {value['format']}, this version knows 1 and {FORMAT}",
            where=source,
            hint=f"use the version of jenkins-bootstrap that wrote it, or: {_AGAIN}",
        )
    try:
        center = value["updateCenter"]
        plugins = tuple(_from_json(p) for p in value["plugins"])
        java, architecture = _made_for(value)
        lock = Lock(_text(value, "core"), _text(center, "id"), _text(center, "generated"), plugins, java, architecture)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PluginError(f"the plugin lock is damaged: {error}", where=source, hint=_AGAIN) from None
    names = [p.name for p in plugins]
    if len(set(names)) != len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise PluginError(f"the plugin {twice} is locked twice", where=source, hint=_AGAIN)
    return lock


def made_for(settings: Settings) -> tuple[int, str]:
    """The Java (feature release) and the architecture of the controller that these settings describe."""
    images = settings.images
    ours = images.get("controller") or next((i for i in images.values() if i.template == "controller"), None)
    return settings.controller.java.version, ours.architecture if ours is not None else "amd64"


def completed(lock: Lock, settings: Settings) -> Lock:
    """A lock of format 1 with what it does not say, from the settings; any other as it is."""
    if lock.java is not None:
        return lock
    java, architecture = made_for(settings)
    return replace(lock, java=java, architecture=architecture)


def lock_needed(settings: Settings, lock: Lock | None) -> str | None:
    """Why the plugins must be locked (again) for these settings; None when `lock` satisfies them.

    A lock that does not say its Java and architecture satisfies any: see `completed`.
    """
    if lock is None:
        return "there is no plugin lock"
    wanted = dict(split_wanted(one) for one in settings.controller.plugins)
    if lock.core != settings.controller.jenkins.version:
        return f"it is for core {lock.core}, the settings want {settings.controller.jenkins.version}"
    java, architecture = made_for(settings)
    if lock.java not in (None, java) or lock.architecture not in (None, architecture):
        return f"it is for Java {lock.java} on {lock.architecture}, the settings want Java {java} on {architecture}"
    locked = lock.by_name()
    asked = set(lock.requested)
    if added := sorted(set(wanted) - asked):
        return f"the settings also want {', '.join(added)}"
    if gone := sorted(asked - set(wanted)):
        return f"the settings no longer want {', '.join(gone)}"
    other = sorted(f"{n}@{v}" for n, v in wanted.items() if v is not None and locked[n].version != v)
    return f"the settings want {', '.join(other)}" if other else None


def split_wanted(wanted: str) -> tuple[str, str | None]:
    """`name@version` as its two parts; None for no version."""
    name, at, version = wanted.partition("@")
    return name, version if at else None


def _to_json(plugin: LockedPlugin) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": plugin.name,
        "version": plugin.version,
        "sha256": plugin.sha256,
        "url": plugin.url,
        "requiredCore": plugin.required_core,
        "dependencies": _names(plugin.dependencies),
        "requested": plugin.requested,
    }
    if plugin.optional:
        out["optional"] = _names(plugin.optional)
    if plugin.implied:
        out["implied"] = _names(plugin.implied)
    return out


def _names(dependencies: Iterable[Dependency]) -> list[str]:
    return sorted(str(d) for d in dependencies)


def _from_json(raw: Mapping[str, Any]) -> LockedPlugin:
    name = _text(raw, "name")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no plugin's name")
    sha256 = _text(raw, "sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(f"the sha256 of {name} is not 64 hex digits")
    requested = raw["requested"]
    if not isinstance(requested, bool):
        raise TypeError(f"requested of {name} is neither true nor false")
    return LockedPlugin(
        name=name,
        version=_text(raw, "version"),
        sha256=sha256,
        url=_text(raw, "url"),
        required_core=_text(raw, "requiredCore"),
        dependencies=_needs(raw["dependencies"], optional=False),
        optional=_needs(raw.get("optional", []), optional=True),
        implied=_needs(raw.get("implied", []), optional=True),
        requested=requested,
    )


def _made_for(value: Mapping[str, Any]) -> tuple[int | None, str | None]:
    if value["format"] == 1:
        return None, None
    java = value["java"]
    if not isinstance(java, int) or isinstance(java, bool):
        raise TypeError("java is no number")
    return java, _text(value, "architecture")


def _needs(raw: Any, *, optional: bool) -> tuple[Dependency, ...]:
    found = []
    for one in raw:
        name, minimum = split_wanted(one)
        if minimum is None:
            raise ValueError(f"the dependency {one!r} has no version")
        found.append(Dependency(name, minimum, optional))
    return tuple(found)


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value
