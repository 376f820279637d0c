"""What a person should know of the plugins in a lock: security warnings, deprecations, newer versions, wrong files.

Pure, but for the files of a folder in `verify_folder`, which are read, and exploded to compare.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from jenkins_bootstrap.files import sha256_file
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.explode import explode, tree_digest
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin
from jenkins_bootstrap.plugins.update_center import UpdateCenter
from jenkins_bootstrap.plugins.versions import older

if TYPE_CHECKING:
    from jenkins_bootstrap.config.controller import AcceptedFinding

Kind = Literal[
    "security",
    "deprecated",
    "unused",
    "newer",
    "withdrawn",
    "hash",
    "missing",
    "extra",
    "too-old",
    "core",
    "version",
    "inactive",
]
DEPRECATION = "deprecation"
"""How a deprecation is named where a warning has an id."""
SUFFIXES = (".jpi", ".hpi")
TREE = "tree.json"
"""Beside an image's plugins: the digest of each as it was exploded."""
_BAKE = "bake the controller anew: jenkins-bootstrap bake controller"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `wrong` says that the plugins must not be used so, and not only that one should know it.

    `id` is that of a security warning, or `deprecation`; `accepted` is the reason that the settings give for it.
    """

    plugin: str
    version: str
    kind: Kind
    what: str
    hint: str
    wrong: bool = False
    id: str = ""
    accepted: str = ""

    def __str__(self) -> str:
        accepted = f" (accepted: {self.accepted})" if self.accepted else ""
        return f"{self.plugin} {self.version}: {self.what}{accepted}"


def notes(lock: Lock, document: UpdateCenter) -> tuple[Finding, ...]:
    """Security warnings and deprecations of the locked versions and of the core, by plugin name."""
    found = []
    for name, version in [("core", lock.core), *((p.name, p.version) for p in lock.plugins)]:
        for warning in document.warnings(name, version):
            what, hint = f"{warning.id}: {warning.message}", f"see {warning.url}"
            found.append(Finding(name, version, "security", what, hint, id=warning.id))
        where = document.deprecation(name)
        if where is not None:
            hint = f"see {where}" if where else "look for what replaces it"
            found.append(Finding(name, version, "deprecated", "is deprecated", hint, id=DEPRECATION))
    return tuple(found)


def judged(found: Iterable[Finding], accepted: Sequence[AcceptedFinding]) -> tuple[Finding, ...]:
    """The findings with the settings' word on them: a warning or deprecation that is not accepted is wrong.

    What is accepted and no longer applies is a finding too, so that the list does not outlive its reasons.
    """
    reasons = {(one.plugin, one.id): one.reason for one in accepted}
    out, used = [], set()
    for finding in found:
        key = (finding.plugin, finding.id)
        if finding.kind not in ("security", "deprecated"):
            out.append(finding)
        elif key in reasons:
            used.add(key)
            out.append(replace(finding, accepted=reasons[key]))
        else:
            upgrade = "" if finding.plugin == "core" else f"jenkins-bootstrap plugins lock --upgrade {finding.plugin}; "
            hint = f"{finding.hint}; {upgrade}or accept {finding.id} in controller.accept, with a reason"
            out.append(replace(finding, wrong=True, hint=hint))
    for name, ident in sorted(reasons.keys() - used):
        what, hint = f"{ident} is accepted but does not apply", "remove it from controller.accept"
        out.append(Finding(name, "-", "unused", what, hint, id=ident))
    return tuple(out)


def verify(lock: Lock, document: UpdateCenter) -> tuple[Finding, ...]:
    """The lock against itself and against a document: what it lacks, other hashes, warnings, newer versions."""
    found = [*_within(lock), *notes(lock, document)]
    for plugin in lock.plugins:
        offered = document.plugin(plugin.name)
        if offered is None:
            found.append(
                Finding(plugin.name, plugin.version, "withdrawn", "is no longer offered", "look for what replaces it")
            )
        elif offered.version == plugin.version and offered.sha256 != plugin.sha256:
            what = f"has sha256 {plugin.sha256} in the lock and {offered.sha256} in {document.source}"
            hint = "one of the two was tampered with: compare with plugins.jenkins.io before going on"
            found.append(Finding(plugin.name, plugin.version, "hash", what, hint, wrong=True))
        elif older(plugin.version, offered.version):
            hint = f"jenkins-bootstrap plugins lock --upgrade {plugin.name}"
            found.append(Finding(plugin.name, plugin.version, "newer", f"{offered.version} is offered", hint))
    return tuple(found)


def _within(lock: Lock) -> list[Finding]:
    have = lock.by_name()
    found = []
    for plugin in lock.plugins:
        if older(lock.core, plugin.required_core):
            what = f"needs core {plugin.required_core}, the lock is for {lock.core}"
            found.append(
                Finding(plugin.name, plugin.version, "core", what, "jenkins-bootstrap plugins lock", wrong=True)
            )
        for need in (*plugin.dependencies, *plugin.optional, *plugin.implied):
            other = have.get(need.name)
            if other is None and not need.optional:
                what = f"needs {need}, which is not locked"
                found.append(
                    Finding(plugin.name, plugin.version, "missing", what, "jenkins-bootstrap plugins lock", wrong=True)
                )
            elif other is not None and older(other.version, need.minimum):
                what = f"needs {need}, {other.version} is locked"
                found.append(
                    Finding(plugin.name, plugin.version, "too-old", what, "jenkins-bootstrap plugins lock", wrong=True)
                )
    return found


class Running(Protocol):
    """A plugin of a running Jenkins."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def active(self) -> bool: ...


def verify_running(lock: Lock, core: str, plugins: Iterable[Running]) -> tuple[Finding, ...]:
    """What a running Jenkins has against the lock: another core or version, missing, not locked, not active."""
    found = []
    if core != lock.core:
        what = f"{core} runs, the lock is for {lock.core}"
        found.append(Finding("core", core, "core", what, "deploy an image that is baked with this lock", wrong=True))
    running = {plugin.name: plugin for plugin in plugins}
    hint = "a controller takes its plugins from its image: bake with this lock, and deploy"
    for locked in lock.plugins:
        there = running.pop(locked.name, None)
        if there is None:
            what = "is not there, or failed to start"
            found.append(Finding(locked.name, locked.version, "missing", what, hint, wrong=True))
            continue
        version = _plain(there.version)
        if version != locked.version:
            what = f"{version} runs, {locked.version} is locked"
            found.append(Finding(locked.name, version, "version", what, hint, wrong=True))
        if not there.active:
            what = "is not active"
            found.append(Finding(locked.name, version, "inactive", what, "look in the log of Jenkins", wrong=True))
    for name, there in sorted(running.items()):
        found.append(Finding(name, _plain(there.version), "extra", "runs and is not locked", hint, wrong=True))
    return tuple(found)


def _plain(version: str) -> str:
    """A plugin built from a work tree has its build behind a blank: "2.1 (private-...)"."""
    return version.partition(" ")[0]


def verify_lock(lock: Lock, other: Lock) -> tuple[Finding, ...]:
    """An image's own lock against this one: another core, version or hash, missing, not locked."""
    found = []
    hint = "jenkins-bootstrap bake controller"
    if other.core != lock.core:
        what = f"the image is for core {other.core}, the lock for {lock.core}"
        found.append(Finding("core", other.core, "core", what, hint, wrong=True))
    theirs = other.by_name()
    for locked in lock.plugins:
        there = theirs.pop(locked.name, None)
        if there is None:
            found.append(Finding(locked.name, locked.version, "missing", "is not in the image", hint, wrong=True))
        elif there.version != locked.version:
            what = f"{there.version} is in the image, {locked.version} is locked"
            found.append(Finding(locked.name, there.version, "version", what, hint, wrong=True))
        elif there.sha256 != locked.sha256:
            what = f"has sha256 {there.sha256} in the image, the lock {locked.sha256}"
            found.append(Finding(locked.name, there.version, "hash", what, hint, wrong=True))
    for name, there in sorted(theirs.items()):
        found.append(Finding(name, there.version, "extra", "is in the image and is not locked", hint, wrong=True))
    return tuple(found)


def verify_folder(lock: Lock, folder: Path) -> tuple[Finding, ...]:
    """The plugin files of a folder (`NAME.jpi` or `NAME.hpi`) against the lock: missing, another hash, not locked.

    A plugin that is exploded beside its file is compared with what the file holds, and with `tree.json`, the digests of
    an image, where that is there.
    """
    found = []
    files = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix in SUFFIXES} if folder.is_dir() else {}
    digests = _digests(folder)
    for plugin in lock.plugins:
        path = files.pop(plugin.name, None)
        if path is None:
            hint = f"jenkins-bootstrap plugins fetch --out {folder}"
            found.append(Finding(plugin.name, plugin.version, "missing", f"is not in {folder}", hint, wrong=True))
        elif (seen := sha256_file(path)) != plugin.sha256:
            what = f"{path} has sha256 {seen}, the lock {plugin.sha256}"
            hint = "remove the file and fetch it again"
            found.append(Finding(plugin.name, plugin.version, "hash", what, hint, wrong=True))
        elif (exploded := folder / plugin.name).is_dir() or digests is not None:
            found += _exploded(plugin, path, exploded, digests)
    for name, path in files.items():
        hint = f"remove {path}, or want {name} in controller.plugins"
        found.append(Finding(name, "?", "extra", "is not locked", hint, wrong=True))
    return tuple(found)


def _digests(folder: Path) -> dict[str, object] | None:
    """What an image's tree.json says; None where there is none. Raises PluginError when it is damaged."""
    path = folder / TREE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PluginError(f"cannot be read: {error}", where=str(path), hint=_BAKE) from None
    if not isinstance(value, dict):
        raise PluginError("holds no digests", where=str(path), hint=_BAKE)
    return value


def _exploded(
    plugin: LockedPlugin, archive: Path, folder: Path, digests: dict[str, object] | None
) -> Iterable[Finding]:
    def wrong(kind: Kind, what: str) -> Finding:
        return Finding(plugin.name, plugin.version, kind, what, _BAKE, wrong=True)

    if not folder.is_dir() or folder.is_symlink():
        yield wrong("missing", f"is not exploded in {folder}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        explode(archive, Path(scratch) / "plugin")
        right, seen = tree_digest(Path(scratch) / "plugin"), tree_digest(folder)
    if seen != right:
        yield wrong("hash", f"{folder} does not hold what {archive.name} does")
    elif digests is not None and digests.get(plugin.name) != seen:
        yield wrong("hash", f"{folder} has another digest than {TREE} says")
