"""Reads an update-center document: plain JSON, `updateCenter.post(...)`, either of them gzipped.

Gives typed values and refuses what is cut off or has another form. It fetches nothing (see `fetch`), decides nothing
(see `resolve`) and trusts whom it is told to (see `signature`). A plugin's entry is read when it is asked for: a
document holds 2,000, a lock needs 90.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.signature import Trust, WrittenFloat

_JSONP = re.compile(rb"\s*updateCenter\.post\(\s*")
_MOST_BYTES = 256 * 1024 * 1024
_TRY_AGAIN = "download it again, or name another document with controller.update_center"


@dataclass(frozen=True, slots=True)
class Dependency:
    """One plugin needs another, at least in version `minimum`; an optional one only if the other is there."""

    name: str
    minimum: str
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.name}@{self.minimum}"


@dataclass(frozen=True, slots=True)
class Plugin:
    """The release of a plugin that a document offers. `sha256` is lower-case hex, `released` as it is written."""

    name: str
    version: str
    sha256: str
    url: str
    required_core: str
    dependencies: tuple[Dependency, ...]
    released: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Warning:
    """A security warning on a plugin, or on the core (`name` is then `core`)."""

    id: str
    name: str
    message: str
    url: str
    patterns: tuple[str, ...]

    def concerns(self, version: str) -> bool:
        """Whether `version` is among the affected ones.

        A pattern that is no regular expression, or none at all, counts as every version, as in Jenkins
        (jenkins.security.UpdateSiteWarningsConfiguration and hudson.model.UpdateSite).
        """
        return not self.patterns or any(_matches(pattern, version) for pattern in self.patterns)


def _matches(pattern: str, version: str) -> bool:
    try:
        return re.fullmatch(pattern, version) is not None
    except re.error:
        return True


@dataclass(slots=True)
class UpdateCenter:
    """One document. `source` is the path or URL it came from, `generated` its own date (may be empty), `signer` who has
    signed it; None when that was not looked at."""

    source: str
    id: str
    generated: str
    core: str
    _plugins: Mapping[str, Any] = field(repr=False)
    _warnings: Mapping[str, list[Any]] = field(repr=False)
    _deprecations: Mapping[str, Any] = field(repr=False)
    signer: str | None = None
    _read: dict[str, Plugin] = field(default_factory=dict, repr=False)

    def __contains__(self, name: str) -> bool:
        return name in self._plugins

    @property
    def names(self) -> list[str]:
        """The names of all plugins, sorted."""
        return sorted(self._plugins)

    def plugin(self, name: str) -> Plugin | None:
        """The plugin of that name, or None. Raises PluginError for an entry of the wrong form."""
        found = self._read.get(name)
        if found is None and name in self._plugins:
            found = self._read[name] = _plugin(name, self._plugins[name], self.source)
        return found

    def warnings(self, name: str, version: str) -> Iterator[Warning]:
        """The security warnings that concern this version of a plugin, or of `core`."""
        for raw in self._warnings.get(name, ()):
            warning = _warning(raw)
            if warning.concerns(version):
                yield warning

    def deprecation(self, name: str) -> str | None:
        """Where it is explained that the plugin is deprecated; None when it is not."""
        found = self._deprecations.get(name)
        return str(found.get("url", "")) if isinstance(found, dict) else None


def read(path: Path, trust: Trust | None = None) -> UpdateCenter:
    """The document in a file. Raises PluginError when it cannot be read or is none; SignatureError, see `parse`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PluginError(
            f"the update-center document cannot be read: {error.strerror or error}",
            where=str(path),
            hint="controller.update_center (or embedded.update_center) names a document",
        ) from error
    return parse(raw, str(path), trust)


def parse(raw: bytes, source: str, trust: Trust | None = None) -> UpdateCenter:
    """The document in `raw`, which came from `source`.

    Raises PluginError when it is cut off or of another form, and SignatureError when it must be signed by someone in
    `trust` and is not; without `trust` a signature is not looked at.
    """
    value = _json(_unpacked(raw, source), source, exact=trust is not None)
    if not isinstance(value, dict) or not isinstance(value.get("plugins"), dict):
        raise _form(source, "it has no mapping `plugins`")
    signer = trust.check(value, source) if trust is not None else None
    core = value.get("core")
    if not isinstance(core, dict) or not isinstance(core.get("version"), str):
        raise _form(source, "it has no core version")
    warnings, deprecations = value.get("warnings", []), value.get("deprecations", {})
    if not isinstance(warnings, list) or not isinstance(deprecations, dict):
        raise _form(source, "its `warnings` are no list, or its `deprecations` no mapping")
    by_name: dict[str, list[Any]] = {}
    for warning in warnings:
        if isinstance(warning, dict):
            by_name.setdefault(str(warning.get("name")), []).append(warning)
    return UpdateCenter(
        source=source,
        id=str(value.get("id", "")),
        generated=str(value.get("generationTimestamp", "")),
        core=core["version"],
        _plugins=value["plugins"],
        _warnings=by_name,
        _deprecations=deprecations,
        signer=signer,
    )


def _unpacked(raw: bytes, source: str) -> bytes:
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        unpacked = zlib.decompressobj(wbits=31)
        out = unpacked.decompress(raw, _MOST_BYTES)
        if unpacked.unconsumed_tail:
            raise PluginError(f"is larger than {_MOST_BYTES >> 20} MiB unpacked", where=source, hint=_TRY_AGAIN)
        if not unpacked.eof:
            raise EOFError
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PluginError("the gzipped document is cut off or damaged", where=source, hint=_TRY_AGAIN) from error
    return out


def _json(raw: bytes, source: str, *, exact: bool) -> Any:
    """The value; `exact` keeps how numbers are written and refuses a key that stands twice, as a signature needs."""
    start = _JSONP.match(raw)
    if start:
        raw = raw[start.end() :].rstrip()
        if not raw.endswith((b");", b")")):
            raise PluginError("the document is cut off: its last `);` is missing", where=source, hint=_TRY_AGAIN)
        raw = raw.rstrip(b";").rstrip()[:-1]
    if not raw.strip():
        raise PluginError("the document is empty", where=source, hint=_TRY_AGAIN)
    try:
        return json.loads(raw, parse_float=WrittenFloat, object_pairs_hook=_once) if exact else json.loads(raw)
    except _TwiceError as error:
        raise _form(source, f"the key {error} stands twice in one object") from None
    except UnicodeDecodeError as error:
        raise _form(source, "it is not UTF-8") from error
    except RecursionError as error:
        raise _form(source, "it is nested too deep") from error
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
            raise PluginError("the document is cut off", where=source, hint=_TRY_AGAIN) from error
        raise _form(source, f"line {error.lineno}, column {error.colno}: {error.msg}") from error


class _TwiceError(Exception):
    """Names the key."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _TwiceError(repr(next(key for key in keys if keys.count(key) > 1)))
    return made


def _form(source: str, what: str) -> PluginError:
    return PluginError(
        f"is no update-center document: {what}",
        where=source,
        hint="Jenkins' own is https://updates.jenkins.io/update-center.actual.json",
    )


def _plugin(name: str, raw: Any, source: str) -> Plugin:
    def text(key: str) -> str:
        value = raw.get(key) if isinstance(raw, dict) else None
        if not isinstance(value, str) or not value:
            raise _form(source, f"the plugin {name} has no {key}")
        return value

    if text("name") != name:
        raise _form(source, f"the plugin {name} calls itself {text('name')}")
    size = raw.get("size")
    return Plugin(
        name=name,
        version=text("version"),
        sha256=_hex(text("sha256"), name, source),
        url=text("url"),
        required_core=text("requiredCore"),
        dependencies=_dependencies(raw.get("dependencies", []), name, source),
        released=str(raw.get("releaseTimestamp") or raw.get("buildDate") or ""),
        size=size if isinstance(size, int) else None,
    )


def _hex(encoded: str, name: str, source: str) -> str:
    """The SHA-256 as hex; documents write it in base64."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise _form(source, f"the sha256 of the plugin {name} is no SHA-256 in base64")
    return raw.hex()


def _dependencies(raw: Any, name: str, source: str) -> tuple[Dependency, ...]:
    found = []
    for one in raw if isinstance(raw, list) else [None]:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not isinstance(one.get("version"), str):
            raise _form(source, f"a dependency of the plugin {name} has no name or no version")
        found.append(Dependency(one["name"], one["version"], bool(one.get("optional", False))))
    return tuple(found)


def _warning(raw: Mapping[str, Any]) -> Warning:
    versions = raw.get("versions")
    patterns = tuple(
        str(v["pattern"])
        for v in (versions if isinstance(versions, list) else [])
        if isinstance(v, dict) and v.get("pattern")
    )
    return Warning(
        id=str(raw.get("id", "")),
        name=str(raw.get("name", "")),
        message=str(raw.get("message", "")),
        url=str(raw.get("url", "")),
        patterns=patterns,
    )
