"""YAML text to plain values, with the line and column of every key and value.

Knows nothing of what the settings mean. It refuses what YAML lets pass but a person never meant: a key given twice, a
key that YAML 1.1 reads as a boolean or a number, tags, an alias that contains itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from jenkins_bootstrap.errors import SettingsError

Place = tuple[str | int, ...]
"""The path of a value: keys and list indices from the top."""

_CORE = "tag:yaml.org,2002:"
_MOST_VALUES = 100_000
_DEEPEST = 60

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A position in the file; both count from 1, as editors do."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """What one file holds. `raw` is each scalar as it was written, `problems` what is wrong whatever it may mean."""

    name: str
    value: Any = None
    values: dict[Place, Mark] = field(default_factory=dict)
    keys: dict[Place, Mark] = field(default_factory=dict)
    raw: dict[Place, str] = field(default_factory=dict)
    problems: list[tuple[Mark, SettingsError]] = field(default_factory=list)

    def mark(self, place: Place, *, key: bool = False) -> Mark:
        """Where `place` is written, or the nearest thing around it that is."""
        if key and place in self.keys:
            return self.keys[place]
        while place and place not in self.values:
            place = place[:-1]
        return self.values.get(place, Mark(1, 1))

    def where(self, place: Place, *, key: bool = False) -> str:
        """File, line, column and path, as messages name a place."""
        mark = self.mark(place, key=key)
        return f"{self.name}:{mark.line}:{mark.column}: {spell(place)}".removesuffix(": ")


def spell(place: Place) -> str:
    """`agents[0].instance_types` for a place."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part and not set(part) & set(".[]\"' \t\n"):
            text += f".{part}"
        else:
            text += f'["{part}"]'
    return text.removeprefix(".")


def read(text: str, name: str) -> Document:
    """The document in `text`; `name` is how messages call the file.

    Raises SettingsError, with the position, for text that is no YAML, is empty, or is not one mapping. Problems that
    leave the rest readable are collected in `Document.problems` instead.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, text, name) from None
    if node is None:
        raise SettingsError(
            "is empty", where=name, hint="jenkins-bootstrap init DIR writes a commented file that works as it is"
        )
    document = Document(name)
    document.value = _Reader(document).value(node, (), ())
    if not isinstance(document.value, dict):
        raise SettingsError(
            f"is {kind(document.value)} where a mapping is wanted",
            where=document.where(()),
            hint="the top of the file is `key: value` lines: project, region, controller, github, ...",
        )
    return document


def kind(value: object) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else "a date"


_NOT_YAML = "every `[`, `{` and quote must be closed, and what belongs together stands below each other"


def _not_yaml(error: yaml.YAMLError, text: str, name: str) -> SettingsError:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        where = f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        return SettingsError("is not YAML: it has a control character", where=where, hint="remove it")
    mark = error.problem_mark or error.context_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        return SettingsError("is not YAML", where=name, hint=_NOT_YAML)
    problem = error.problem or "it cannot be read"
    started = error.context_mark
    if error.context and started is not None and started.line != mark.line:
        problem += f" ({error.context} from line {started.line + 1} on)"
    line = next(iter(text.splitlines()[mark.line : mark.line + 1]), "")
    tab = line[mark.column : mark.column + 1] == "\t"
    return SettingsError(
        f"is not YAML: {problem}",
        where=f"{name}:{mark.line + 1}:{mark.column + 1}",
        hint="indent with spaces, not with tabs" if tab else _NOT_YAML,
    )


class _Reader:
    """Turns composed nodes into values and notes where each stands."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.scalars = yaml.SafeLoader("")
        self.count = 0

    def value(self, node: yaml.Node, place: Place, above: tuple[yaml.Node, ...]) -> Any:
        self.count += 1
        if self.count > _MOST_VALUES or len(above) > _DEEPEST or any(node is one for one in above):
            raise SettingsError(
                "is nested too deep, contains itself, or grows beyond all measure by its aliases",
                where=self.at(node, place),
                hint="write the values out instead of using & and *",
            )
        self.document.values[place] = _mark(node)
        if isinstance(node, yaml.MappingNode) and node.tag == _CORE + "map":
            return self.mapping(node, place, (*above, node))
        if isinstance(node, yaml.SequenceNode) and node.tag == _CORE + "seq":
            return [self.value(one, (*place, i), (*above, node)) for i, one in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_CORE):
            return self.scalar(node, place)
        self.problem(node, place, f"the tag {node.tag} is not known here", "write the plain value without a tag")
        return None

    def mapping(self, node: yaml.MappingNode, place: Place, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _CORE + "merge":
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                continue
            key = self.key(key_node, place)
            if key is None:
                continue
            if key in out:
                first = self.document.keys[(*place, key)]
                self.problem(
                    key_node, (*place, key), f"the key is given twice, first in line {first.line}", "remove one of them"
                )
                continue
            out[key] = self.value(value_node, (*place, key), above)
            self.document.keys[(*place, key)] = _mark(key_node)
        self.merge(merged, out, place, above)
        return out

    def merge(self, nodes: list[yaml.Node], out: dict[str, Any], place: Place, above: tuple[yaml.Node, ...]) -> None:
        """`<<: *anchor`: what is written out wins, then the first of the merged mappings."""
        for node in nodes:
            if not isinstance(node, yaml.MappingNode):
                self.problem(node, place, "<< wants a mapping", "give an alias of a mapping: <<: *name")
                continue
            inner = Document(self.document.name)
            reader = _Reader(inner)
            reader.count = self.count
            value = reader.value(node, place, above)
            self.count = reader.count
            self.document.problems += inner.problems
            for key in value if isinstance(value, dict) else ():
                if key in out:
                    continue
                out[key] = value[key]
                under = (*place, key)
                for mine, theirs in (
                    (self.document.values, inner.values),
                    (self.document.keys, inner.keys),
                ):
                    mine.update({p: m for p, m in theirs.items() if p[: len(under)] == under})
                self.document.raw.update({p: r for p, r in inner.raw.items() if p[: len(under)] == under})

    def key(self, node: yaml.Node, place: Place) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _CORE + "str":
            return str(node.value)
        if not isinstance(node, yaml.ScalarNode):
            self.problem(node, place, "a list or a mapping cannot be a key", "keys are plain words")
        elif not node.value:
            self.problem(node, place, "a key is empty", "write `key: value`")
        else:
            seen = kind(self.scalar(node, place))
            self.problem(
                node, place, f"the key {node.value} is read as {seen} by YAML 1.1", f'quote it: "{node.value}":'
            )
        return None

    def scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        self.document.raw[place] = node.value
        make: dict[str, Callable[[yaml.ScalarNode], Any]] = {
            "null": self.scalars.construct_yaml_null,
            "bool": self.scalars.construct_yaml_bool,
            "int": self.scalars.construct_yaml_int,
            "float": self.scalars.construct_yaml_float,
            "timestamp": self.scalars.construct_yaml_timestamp,
        }
        short = node.tag.removeprefix(_CORE)
        if short in ("str", "value"):
            return node.value
        if short not in make:
            self.problem(node, place, f"the tag !!{short} is not known here", "write the plain value without a tag")
            return None
        try:
            return make[short](node)
        except (ValueError, KeyError, AttributeError, IndexError):
            self.problem(
                node, place, f"cannot be read as what YAML takes it for ({short})", "put it in quotes if it is text"
            )
            return None

    def at(self, node: yaml.Node, place: Place) -> str:
        mark = _mark(node)
        return f"{self.document.name}:{mark.line}:{mark.column}: {spell(place)}".removesuffix(": ")

    def problem(self, node: yaml.Node, place: Place, what: str, hint: str) -> None:
        self.document.problems.append((_mark(node), SettingsError(what, where=self.at(node, place), hint=hint)))


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)
