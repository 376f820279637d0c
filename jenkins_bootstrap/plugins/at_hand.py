"""Plugin files in a folder as they are: what each says of itself, and how that differs from the lock.

For trying a Jenkins with the plugins one has. Reads manifests alone; loads and downloads nothing, and does not decide
what may go into an image: that is the lock's.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jenkins_bootstrap.errors import BootstrapError, raise_all
from jenkins_bootstrap.files import sha256_file
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.implied import implied
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin, split_wanted
from jenkins_bootstrap.plugins.update_center import Dependency
from jenkins_bootstrap.plugins.versions import Version, older

SUFFIXES = (".jpi", ".hpi")
_MANIFEST = "META-INF/MANIFEST.MF"
_MOST_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class PluginFile:
    """One plugin's file. `dependencies` are those of its manifest, the optional ones too."""

    name: str
    version: str
    required_core: str
    dependencies: tuple[Dependency, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Choice:
    """What to start Jenkins with: the wanted plugins that are at hand, with all that they need.

    `missing` are plugins that are wanted, or needed, and not at hand, each with what wants it; `unfit` says which of
    the chosen Jenkins will not load, as they need a newer one of another plugin.
    """

    plugins: tuple[PluginFile, ...]
    missing: tuple[tuple[str, str], ...]
    unfit: tuple[str, ...]

    @property
    def versions(self) -> dict[str, str]:
        return {plugin.name: plugin.version for plugin in self.plugins}


def read_folder(folder: Path) -> dict[str, PluginFile]:
    """Every .jpi and .hpi of a folder by its plugin's name.

    Raises PluginError for a folder that is not there or holds none, a file that is no plugin, two files of one plugin.
    """
    if not folder.is_dir():
        raise PluginError("there is no such folder", where=str(folder), hint="name a folder of .jpi or .hpi files")
    found: dict[str, PluginFile] = {}
    errors: list[BootstrapError] = []
    for path in sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and p.is_file()):
        try:
            plugin = read_file(path)
        except PluginError as error:
            errors.append(error)
            continue
        if plugin.name in found:
            errors.append(
                PluginError(
                    f"is the plugin {plugin.name}, and so is {found[plugin.name].path.name}",
                    where=str(path),
                    hint="keep one of the two",
                )
            )
        found[plugin.name] = plugin
    raise_all(errors)
    if not found:
        raise PluginError("holds no plugin", where=str(folder), hint="name a folder of .jpi or .hpi files")
    return found


def read_file(path: Path) -> PluginFile:
    """What a plugin's file says of itself. Raises PluginError for a file that is cut off, or no plugin."""
    hint = "download it again: jenkins-bootstrap plugins fetch --out DIR"
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MANIFEST) as stream:
            raw = stream.read(_MOST_BYTES).decode("utf-8", "replace")
    except KeyError:
        raise PluginError(f"is no plugin: it has no {_MANIFEST}", where=str(path), hint=hint) from None
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise PluginError(f"is no plugin, or cut off: {error}", where=str(path), hint=hint) from None
    said = attributes(raw)
    name = said.get("Short-Name") or said.get("Extension-Name") or ""
    # A plugin built from a work tree has its build behind a blank: "2.1 (private-...)".
    version = (said.get("Plugin-Version") or said.get("Implementation-Version") or "").partition(" ")[0]
    if not _NAME.fullmatch(name) or not version:
        raise PluginError("is no plugin: its manifest gives no Short-Name with a version", where=str(path), hint=hint)
    needs = said.get("Plugin-Dependencies", "")
    return PluginFile(
        name=name,
        version=version,
        required_core=said.get("Jenkins-Version") or said.get("Hudson-Version") or "1.0",
        dependencies=tuple(sorted(_dependencies(needs), key=lambda d: d.name)),
        path=path,
    )


def attributes(manifest: str) -> dict[str, str]:
    """The main attributes of a manifest; a line that begins with a blank goes on with the one before."""
    main = re.split(r"\r?\n\r?\n", manifest, maxsplit=1)[0]
    joined = re.sub(r"\r?\n ", "", main)
    pairs = (line.partition(":") for line in joined.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _dependencies(text: str) -> Iterable[Dependency]:
    for one in filter(None, (part.strip() for part in text.split(","))):
        head, *rest = one.split(";")
        name, _, minimum = head.partition(":")
        yield Dependency(name, minimum or "0", optional="resolution:=optional" in rest)


def choose(wanted: Iterable[str], at_hand: Mapping[str, PluginFile], core: str, lock: Lock | None = None) -> Choice:
    """The wanted plugins (`name` or `name@version`) with everything they need, from those at hand.

    An optional dependency comes along when the lock has it, as in the image. `core` is the version of the Jenkins that
    they are for: it may imply further plugins.
    """
    locked = set(lock.by_name()) if lock is not None else set()
    asked = {split_wanted(one)[0]: "the settings" for one in wanted}
    queue, chosen, missing = list(asked), dict[str, PluginFile](), dict[str, str]()
    while queue:
        name = queue.pop()
        plugin = at_hand.get(name)
        if plugin is None:
            missing[name] = asked[name]
            continue
        if name in chosen:
            continue
        chosen[name] = plugin
        implicit = implied(name, plugin.required_core, core)
        for need in (*plugin.dependencies, *implicit):
            if not need.optional or need.name in locked or (need in implicit and need.name in at_hand):
                asked.setdefault(need.name, name)
                queue.append(need.name)
    return Choice(
        plugins=tuple(chosen[name] for name in sorted(chosen)),
        missing=tuple(sorted(missing.items())),
        unfit=tuple(_unfit(chosen)),
    )


def as_lock(choice: Choice, core: str) -> Lock:
    """A lock of the chosen files as they are, for a controller that has these."""
    return Lock(
        core=core,
        source_id="at hand",
        source_date="",
        plugins=tuple(
            LockedPlugin(
                name=plugin.name,
                version=plugin.version,
                sha256=sha256_file(plugin.path),
                url=plugin.path.resolve().as_uri(),
                required_core=plugin.required_core,
                dependencies=tuple(d for d in plugin.dependencies if not d.optional),
                optional=tuple(d for d in plugin.dependencies if d.optional),
            )
            for plugin in choice.plugins
        ),
    )


def _unfit(chosen: Mapping[str, PluginFile]) -> Iterable[str]:
    for name, plugin in sorted(chosen.items()):
        for need in plugin.dependencies:
            there = chosen.get(need.name)
            if there is not None and older(there.version, need.minimum):
                yield f"{name} {plugin.version} needs {need.name} {need.minimum}, at hand is {there.version}"


def differences(choice: Choice, lock: Lock) -> tuple[str, ...]:
    """How the chosen plugins differ from the lock, a line each."""
    locked = lock.by_name()
    lines = [
        f"{plugin.name} {plugin.version}, "
        + (f"locked is {locked[plugin.name].version}" if plugin.name in locked else "which the lock does not have")
        for plugin in choice.plugins
        if plugin.name not in locked or Version(locked[plugin.name].version) != Version(plugin.version)
    ]
    there = set(choice.versions)
    return (*lines, *(f"{p.name} {p.version} of the lock is not here" for p in lock.plugins if p.name not in there))
