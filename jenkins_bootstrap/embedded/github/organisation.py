"""Reads the file with the repositories of the embedded GitHub: a JSON list; errors name the place. Keeps no state."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError, raise_all

LARGEST_ID = 2**31 - 1
"""`databaseId` is a GraphQL Int, which has 32 bits."""

ERRORS_SHOWN = 20

REPOSITORY_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
OWNER_NAME = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}")


@dataclass(slots=True)
class Record:
    """One repository of the embedded GitHub. Times are ISO 8601 UTC; `files` is path to text on the default branch.

    One that is `empty` has no branch yet; one that is `internal` is `private` too.
    """

    owner: str
    name: str
    id: int = 0
    default_branch: str = "main"
    topics: list[str] = field(default_factory=list)
    description: str | None = None
    archived: bool = False
    fork: bool = False
    private: bool = False
    language: str | None = None
    has_jenkinsfile: bool = True
    pushed_at: str | None = None
    created_at: str = "2020-01-01T00:00:00Z"
    updated_at: str = "2020-01-01T00:00:00Z"
    owner_type: str = "Organization"
    files: dict[str, str] = field(default_factory=dict)
    internal: bool = False
    empty: bool = False
    homepage: str | None = None
    pushes: int = 0

    @property
    def visibility(self) -> str:
        return "internal" if self.internal else "private" if self.private else "public"

    @property
    def head(self) -> str:
        """The commit that the default branch is at; made up, as there is no git behind it. Another after each push."""
        return hashlib.sha1(f"{self.id}:{self.pushes}".encode(), usedforsecurity=False).hexdigest()

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def key(self) -> str:
        """What GitHub takes two names for the same by."""
        return self.full_name.lower()

    def is_at(self, revision: Any) -> bool:
        """Whether this names the default branch or its commit."""
        return revision in ("HEAD", self.default_branch, f"refs/heads/{self.default_branch}", self.head)

    def names_below(self, prefix: str) -> list[str]:
        """The entries of a folder, sorted; `prefix` is its path with a slash behind it, or empty."""
        return sorted({p[len(prefix) :].partition("/")[0] for p in self.paths if p.startswith(prefix)})

    @property
    def paths(self) -> tuple[str, ...]:
        """All files, sorted."""
        implied = ["Jenkinsfile"] if self.text_of("Jenkinsfile") is not None else []
        return tuple(sorted({*self.files, *implied}))

    def text_of(self, path: str) -> str | None:
        """The file at `path`, or None. A Jenkinsfile is there without being listed, unless the data says otherwise."""
        if path in self.files:
            return self.files[path]
        if self.empty:
            return None
        return "pipeline { agent any }\n" if path == "Jenkinsfile" and self.has_jenkinsfile else None


# What a value must be, in words for the error. bool is an int in Python, so types are compared exactly.
_STRING, _BOOL, _TOPICS, _FILES, _ID = (
    "a string",
    "true or false",
    "a list of strings",
    "paths with their texts",
    "an id",
)
_FIELDS = {
    "id": _ID,
    "default_branch": _STRING,
    "topics": _TOPICS,
    "description": _STRING,
    "archived": _BOOL,
    "fork": _BOOL,
    "private": _BOOL,
    "language": _STRING,
    "has_jenkinsfile": _BOOL,
    "pushed_at": _STRING,
    "created_at": _STRING,
    "updated_at": _STRING,
    "owner_type": _STRING,
    "files": _FILES,
    "internal": _BOOL,
    "empty": _BOOL,
    "homepage": _STRING,
}
_MAY_BE_NULL = {"description", "language", "pushed_at", "homepage"}


def read_organisation(file: Path) -> list[Record]:
    """The repositories of `file` in its order; `id` is 0 where the file gives none. Fields not known here are ignored.

    Raises:
        BootstrapError: the file cannot be read, is cut off or is wrong; several errors are raised together.
    """
    data = _json(file)
    if not isinstance(data, list):
        raise BootstrapError(
            f"is {_kind(data)}, not a list of repositories",
            where=str(file),
            hint='write [{"name": "app", "full_name": "acme/app"}, ...]',
        )
    records: list[Record] = []
    errors: list[BootstrapError] = []
    whole = _encodes(data)
    places: dict[str, int] = {}
    ids: dict[int, int] = {}
    for index, entry in enumerate(data):
        problem = _problem(entry)
        if problem is None and not whole and not _encodes(entry):
            problem = "", "holds half a surrogate pair, which is no character", "write the character itself"
        if problem is None:
            record = _record(entry)
            if record.key in places:
                problem = "full_name", f"{record.full_name!r} is there already, at [{places[record.key]}]", "remove one"
            elif record.id and record.id in ids:
                problem = "id", f"{record.id} is there already, at [{ids[record.id]}]", "give each repository its own"
        if problem is not None:
            place, what, hint = problem
            where = f"{file}: [{index}]" + (f".{place}" if place else "")
            errors.append(BootstrapError(what, where=where, hint=hint))
            continue
        places[record.key] = index
        if record.id:
            ids[record.id] = index
        records.append(record)
    raise_all(errors[:ERRORS_SHOWN])
    return records


def _json(file: Path) -> Any:
    where = str(file)
    try:
        text = file.read_bytes().decode()
        return json.loads(text)
    except OSError as error:
        raise BootstrapError(
            f"cannot be read: {error.strerror or error}", where=where, hint="see embedded.github in the settings"
        ) from error
    except UnicodeDecodeError as error:
        raise BootstrapError(f"is not UTF-8 at byte {error.start}", where=where, hint="save it as UTF-8") from error
    except json.JSONDecodeError as error:
        cut_off = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        raise BootstrapError(
            f"is not JSON: {error.msg}" + ("; the file seems to be cut off" if cut_off else ""),
            where=f"{where}:{error.lineno}:{error.colno}",
            hint="copy it again, whole" if cut_off else "a list of objects is wanted, as in the sample of the package",
        ) from error
    except RecursionError as error:
        raise BootstrapError("is nested too deeply", where=where, hint="a list of flat objects is wanted") from error


def _problem(entry: Any) -> tuple[str, str, str] | None:
    """The first thing that is wrong with an entry: the field, what, and what would be right."""
    if not isinstance(entry, dict):
        return "", f"is {_kind(entry)}, not an object", 'write {"name": "app", "full_name": "acme/app"}'
    for name in ("name", "full_name"):
        if name not in entry:
            return name, "is missing", 'name is "app" where full_name is "acme/app"'
        if not isinstance(entry[name], str):
            return name, f"is {_kind(entry[name])}, not a string", f'in quotes: "{name}": "{_as_json(entry[name])}"'
    problem = _problem_of_names(entry["name"], entry["full_name"])
    if problem is not None:
        return problem
    for name, wanted in _FIELDS.items():
        value = entry.get(name)
        if name not in entry or (value is None and name in _MAY_BE_NULL):
            continue
        if not _fits(value, wanted):
            return name, f"is {_kind(value)}, not {wanted}", f"write {wanted}, or leave {name} out"
    if entry.get("owner_type", "User") not in ("User", "Organization"):
        return "owner_type", f"is {entry['owner_type']!r}", "Organization (the default) or User"
    return None


def _encodes(value: Any) -> bool:
    """Whether UTF-8 can carry it. JSON can name half a surrogate pair, which is no character."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _problem_of_names(name: str, full_name: str) -> tuple[str, str, str] | None:
    if not REPOSITORY_NAME.fullmatch(name):
        return "name", f"{name!r} is no repository name", "letters, digits, '.', '_' and '-', at most 100"
    owner, _, rest = full_name.partition("/")
    if not OWNER_NAME.fullmatch(owner) or rest != name:
        return "full_name", f"{full_name!r} is not OWNER/{name}", f"for example acme/{name}"
    return None


def _fits(value: Any, wanted: str) -> bool:
    if wanted == _STRING:
        return isinstance(value, str)
    if wanted == _BOOL:
        return isinstance(value, bool)
    if wanted == _ID:
        return type(value) is int and 1 <= value <= LARGEST_ID
    if wanted == _TOPICS:
        return isinstance(value, list) and all(isinstance(topic, str) for topic in value)
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _record(entry: Mapping[str, Any]) -> Record:
    values = {name: entry[name] for name in _FIELDS if name in entry}
    if "default_branch" in values and not values["default_branch"]:
        del values["default_branch"]
    if values.get("internal"):
        values["private"] = True
    return Record(owner=entry["full_name"].partition("/")[0], name=entry["name"], **values)


def _as_json(value: Any) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)


def _kind(value: Any) -> str:
    """A JSON value in words, with the value itself when it is short."""
    if value is None or isinstance(value, bool | int | float):
        return _as_json(value)
    names: dict[type, str] = {str: "a string", list: "a list", dict: "an object"}
    return names[type(value)]
