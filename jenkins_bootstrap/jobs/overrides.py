"""The override in a repository (`.jenkins.yml`): what its owners may say about their own job.

Whoever can push to a default branch writes this file, so it is read as hostile input. It can choose among branches,
name the pipeline's path in the repository, and ask for less than the settings give: fewer builds kept, fewer scans, no
pull requests, no builds at all. There is no key for credentials, hosts, plugins or scripts of the controller, and every
value is checked as the kind it is; YAML's own types, tags, anchors and aliases are never made use of. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Settings

MOST_BYTES = 10_240
MOST_GLOBS = 50
SCANS = ("1h", "2h", "4h", "8h", "12h", "1d", "2d", "1w", "2w", "4w", "never")
"""From the most to the least often."""

_DEEPEST = 3
# Jenkins makes `.*` of each star: with many of them a long name of a branch takes its matching for ever.
_MOST_STARS = 3
_GLOB = re.compile(r"[\w.*@#+=,()][\w./*@#+=,()-]{0,99}")
_PATH = re.compile(r"[\w.@+=,()-](?:[\w.@+=,()/ -]{0,198}[\w.@+=,()-])?")
_NUMBER = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Override:
    """What a repository asks for; None and empty where it says nothing, so that the settings hold."""

    branches: tuple[str, ...] = ()
    exclude_branches: tuple[str, ...] = ()
    script_path: str | None = None
    keep_builds: int | None = None
    keep_days: int | None = None
    scan_every: str | None = None
    pull_requests: bool = True
    draft_pull_requests: bool = True
    disabled: bool = False

    def __str__(self) -> str:
        said = [
            *[f"branches {' '.join(self.branches)}" for _ in self.branches[:1]],
            *[f"not branches {' '.join(self.exclude_branches)}" for _ in self.exclude_branches[:1]],
            *[f"{words} {value}" for words, value in self._values() if value is not None],
            *([] if self.pull_requests else ["no pull requests"]),
            *([] if self.draft_pull_requests else ["no drafts"]),
            *(["disabled"] if self.disabled else []),
        ]
        return ", ".join(said) or "nothing"

    def _values(self) -> Iterable[tuple[str, object]]:
        return (
            ("script path", self.script_path),
            ("builds kept", self.keep_builds),
            ("days kept", self.keep_days),
            ("scan every", self.scan_every),
        )


NONE = Override()


@dataclass(frozen=True, slots=True)
class OverrideProblem:
    """Why an override is not taken. Its repository's job stays as it is; nobody else's is touched."""

    text: str

    def __str__(self) -> str:
        return self.text


def read_override(text: str, settings: Settings) -> Override | OverrideProblem:
    """What an override file says, within the limits of the settings. Never raises, whatever the text is."""
    jobs = settings.jobs
    return _read(text, jobs.override_file or "override", jobs.keep_builds, jobs.keep_days, jobs.scan_every)


class _Wrong(Exception):
    def __init__(self, line: int, words: str) -> None:
        super().__init__(words)
        self.line = line


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of the file and its line. `value`: text, a list of nodes, or nodes by key."""

    line: int
    value: str | list[_Node] | dict[str, _Node]
    plain: bool = False

    @property
    def absent(self) -> bool:
        """Nothing is written, as in a section whose lines are all comments."""
        return self.plain and self.value in ("", "~", "null", "Null", "NULL")


@lru_cache(maxsize=4096)
def _read(text: str, file: str, keep_builds: int, keep_days: int, scan_every: str) -> Override | OverrideProblem:
    try:
        if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            raise _Wrong(0, f"is larger than {MOST_BYTES} bytes")
        top = _tree(text)
        if top is None or top.absent:
            return NONE
        return Override(**_section(top, "", _top(keep_builds, keep_days, scan_every)))
    except _Wrong as problem:
        return OverrideProblem(f"{file}{f', line {problem.line}' if problem.line else ''}: {problem}")


_Reader = Callable[[_Node, str], Mapping[str, Any]]


def _top(keep_builds: int, keep_days: int, scan_every: str) -> dict[str, _Reader]:
    retention: dict[str, _Reader] = {
        "builds": lambda node, key: {"keep_builds": _at_most(node, key, keep_builds)},
        "days": lambda node, key: {"keep_days": _at_most(node, key, keep_days)},
    }
    triggers: dict[str, _Reader] = {
        "scan_every": lambda node, key: {"scan_every": _no_more_often(node, key, scan_every)},
        "pull_requests": lambda node, key: {"pull_requests": _only_off(node, key)},
        "draft_pull_requests": lambda node, key: {"draft_pull_requests": _only_off(node, key)},
    }
    return {
        "branches": lambda node, key: {"branches": _globs(node, key)},
        "exclude_branches": lambda node, key: {"exclude_branches": _globs(node, key)},
        "script_path": lambda node, key: {"script_path": _path(node, key)},
        "retention": lambda node, key: _section(node, key, retention),
        "triggers": lambda node, key: _section(node, key, triggers),
        "disabled": lambda node, key: {"disabled": _switch(node, key)},
    }


def _section(node: _Node, name: str, readers: Mapping[str, _Reader]) -> dict[str, Any]:
    if not isinstance(node.value, dict):
        raise _Wrong(node.line, f"{name or 'the file'} must be keys and values: {', '.join(readers)}")
    found: dict[str, Any] = {}
    for key, value in node.value.items():
        if key not in readers:
            raise _Wrong(value.line, f"unknown key {_short(key)} in {name or 'the file'}; {_nearest(key, readers)}")
        if not value.absent:
            found |= readers[key](value, f"{name}.{key}" if name else key)
    return found


def _nearest(key: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(known)}"


def _text(node: _Node, key: str) -> str:
    if not isinstance(node.value, str):
        raise _Wrong(node.line, f"{key} must be one value")
    return node.value


def _globs(node: _Node, key: str) -> tuple[str, ...]:
    if not isinstance(node.value, list):
        raise _Wrong(node.line, f"{key} must be a list of names of branches, in which * stands for anything")
    if len(node.value) > MOST_GLOBS:
        raise _Wrong(node.line, f"{key} has more than {MOST_GLOBS} entries")
    globs = []
    for item in node.value:
        glob = re.sub(r"\*+", "*", _text(item, f"each of {key}"))
        if not _GLOB.fullmatch(glob) or glob.count("*") > _MOST_STARS:
            raise _Wrong(
                item.line,
                f"{_short(glob)} in {key} is no name of a branch with at most {_MOST_STARS} *, without spaces",
            )
        globs.append(glob)
    return tuple(dict.fromkeys(globs))


def _path(node: _Node, key: str) -> str:
    path = _text(node, key)
    parts = path.split("/")
    if not _PATH.fullmatch(path) or any(part in ("", ".", "..") for part in parts):
        raise _Wrong(node.line, f"{key} {_short(path)} is no path of a file inside the repository")
    return path


def _at_most(node: _Node, key: str, most: int) -> int:
    text = _text(node, key)
    if not node.plain or not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
        raise _Wrong(node.line, f"{key} {_short(text)} is no number from 1 to {most}, which the settings keep")
    return int(text)


def _no_more_often(node: _Node, key: str, often: str) -> str:
    text = _text(node, key)
    allowed = SCANS[SCANS.index(often) :]
    if text not in allowed:
        raise _Wrong(node.line, f"{key} {_short(text)} is none of {', '.join(allowed)}, which the settings allow")
    return text


def _switch(node: _Node, key: str) -> bool:
    text = _text(node, key)
    if not node.plain or text not in ("true", "false"):
        raise _Wrong(node.line, f"{key} {_short(text)} is neither true nor false")
    return text == "true"


def _only_off(node: _Node, key: str) -> bool:
    if _switch(node, key):
        raise _Wrong(node.line, f"{key} can only be false here: what is on is said in the settings")
    return False


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _tree(text: str) -> _Node | None:
    """The file as texts, lists and keys, from YAML's events: nothing is resolved, built or followed."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        events = _events(yaml, loader, text)
        top = _node(events, yaml, 0)
        for _rest in events:
            pass
        return top
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Wrong(0 if mark is None else mark.line + 1, f"is no YAML: {error.problem or error.context}") from None
    except (
        yaml.YAMLError,
        ValueError,
        OverflowError,
    ) as error:  # characters that YAML does not allow, or that are none
        reason = getattr(error, "reason", "") or "characters that YAML does not allow"
        raise _Wrong(0, f"is no YAML: {reason}") from None


def _events(yaml: Any, loader: Any, text: str) -> Iterable[Any]:
    """The events of the only document. An anchor, an alias or a tag is where it ends."""
    documents = 0
    for event in yaml.parse(text, Loader=loader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _Wrong(line, "has more than one document")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _Wrong(line, "has an anchor or an alias (& or *), which are not read; a name with * goes in quotes")
        if getattr(event, "tag", None) is not None:
            raise _Wrong(line, "has a tag (!), which are not read; put a text that begins with ! in quotes")
        if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            yield event


def _node(events: Iterable[Any], yaml: Any, depth: int) -> _Node | None:
    """The next node; None where a collection or the document ends."""
    event = next(iter(events), None)
    if event is None or isinstance(event, yaml.CollectionEndEvent):
        return None
    line = event.start_mark.line + 1
    if isinstance(event, yaml.ScalarEvent):
        return _Node(line, event.value, plain=not event.style)
    if depth == _DEEPEST:
        raise _Wrong(line, "is nested deeper than any key of it")
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while (item := _node(events, yaml, depth + 1)) is not None:
            items.append(item)
        return _Node(line, items)
    found: dict[str, _Node] = {}
    while (key := _node(events, yaml, depth + 1)) is not None:
        value = _node(events, yaml, depth + 1)
        if not isinstance(key.value, str) or value is None:
            raise _Wrong(key.line, "has a key that is not a word")
        if key.value in found:
            raise _Wrong(key.line, f"has the key {_short(key.value)} twice")
        found[key.value] = _Node(key.line, value.value, value.plain)
    return _Node(line, found)
