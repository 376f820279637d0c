"""Which parameters each released version of a plugin takes, and whether what the stages build fits them.

The tables (groovy/signatures/PLUGIN.json) are facts about interfaces, read from the plugin's sources by this module's
own command, which nothing of the product calls:

    python -m jenkins_bootstrap.stages.signatures extract --repository GITDIR --tag TAG
    python -m jenkins_bootstrap.stages.signatures tables --repository GITDIR > groovy/signatures/ec2.json
    python -m jenkins_bootstrap.stages.signatures live < ANSWER > groovy/signatures/live-CORE.json
    python -m jenkins_bootstrap.stages.signatures document > docs/ec2-versions.md

ANSWER is what groovy/signatures.groovy prints in the script console of a running Jenkins.

A parameter is written "name: erased type", with "?" before one that may be left out: as DescribableModel of the plugin
structs lists them, the @DataBoundConstructor's in its order, then those of @DataBoundSetter by name. A setter for a
parameter of the constructor makes it one that may be left out.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.resources import share

if TYPE_CHECKING:
    from jenkins_bootstrap.stages.java_source import Declaration, Source, Type

EC2_CLASSES = tuple(
    f"hudson.plugins.ec2.{name}"
    for name in ("EC2Cloud", "AmazonEC2Cloud", "SlaveTemplate", "SpotConfiguration", "UnixData", "EC2Tag")
)
OLDEST = "1.40"
_PRIMITIVE = frozenset(["boolean", "byte", "char", "short", "int", "long", "float", "double"])
_KNOWN = {
    "java.lang": [
        *(
            "Boolean",
            "Byte",
            "Character",
            "Class",
            "Comparable",
            "Double",
            "Enum",
            "Float",
            "Integer",
            "Iterable",
            "Long",
        ),
        *("Number", "Object", "Short", "String"),
    ],
    "java.util": ["Collection", "List", "Map", "Set"],
    "hudson.model": ["Describable", "Descriptor", "Node", "Slave"],
    "com.amazonaws.services.ec2.model": ["InstanceType"],
}
"""What an `import x.*` of a package outside the repository may bring, as far as it has ever been needed."""
_OUTSIDE_ENUMS = {"hudson.model.Node$Mode": ["NORMAL", "EXCLUSIVE"]}


class SignatureError(BootstrapError):
    """A table that cannot be made or read."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    required: bool

    @classmethod
    def parse(cls, text: str) -> Parameter:
        name, _, kind = text.removeprefix("?").partition(": ")
        return cls(name, kind, not text.startswith("?"))

    def __str__(self) -> str:
        return f"{'' if self.required else '?'}{self.name}: {self.type}"


@dataclass(frozen=True, slots=True)
class Table:
    """One version. `kinds` maps a class to those of the parameters' types it is; `enums` a type to its constants."""

    version: str
    core: str
    classes: Mapping[str, tuple[Parameter, ...]]
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "core": self.core,
            "classes": {name: [str(one) for one in self.classes[name]] for name in sorted(self.classes)},
            "kinds": {name: list(self.kinds[name]) for name in sorted(self.kinds)},
            "enums": {name: list(self.enums[name]) for name in sorted(self.enums)},
        }


@functools.cache
def tables(plugin: str = "ec2") -> tuple[Table, ...]:
    """All versions of a plugin that are known, the oldest first. Raises SignatureError where there is no such table."""
    path = share("groovy") / "signatures" / f"{plugin}.json"
    try:
        versions = json.loads(path.read_text(encoding="utf-8"))["versions"]
    except (OSError, ValueError, KeyError) as error:
        raise SignatureError(f"cannot be read: {error}", where=str(path), hint="install the package again") from None
    now: dict[str, dict[str, Any]] = {"classes": {}, "kinds": {}, "enums": {}}
    found = []
    for one in versions:
        now = {part: _changed(old, one.get(part, {})) for part, old in now.items()}
        found.append(
            Table(
                one["version"],
                one["core"],
                {name: tuple(Parameter.parse(text) for text in texts) for name, texts in now["classes"].items()},
                {name: tuple(values) for name, values in now["kinds"].items()},
                {name: tuple(values) for name, values in now["enums"].items()},
            )
        )
    return tuple(found)


def _changed(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**old, **changes}.items() if value is not None}


def compact(plugin: str, found: Sequence[Table]) -> str:
    """The tables as the file keeps them: of each version what differs from the one before it, null for what is gone."""
    lines = []
    before: dict[str, Any] = {}
    for table in found:
        now = table.as_json()
        lines.append(f'{{"version": {json.dumps(now["version"])}, "core": {json.dumps(now["core"])}')
        for part in ("classes", "kinds", "enums"):
            old, new = before.get(part, {}), now[part]
            changes = {name: new.get(name) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}
            if changes:
                inner = ",\n".join(f"  {json.dumps(name)}: {_wrapped(value)}" for name, value in changes.items())
                lines[-1] += f',\n "{part}": {{\n{inner}}}'
        lines[-1] += "}"
        before = now
    return f'{{"plugin": {json.dumps(plugin)}, "versions": [\n' + ",\n".join(lines) + "\n]}\n"


def laid_out(live: Mapping[str, Any]) -> str:
    """What a running Jenkins has told, readable: a class or enum a line, or several where it is long."""
    lines = []
    for part, values in live.items():
        if isinstance(values, str):
            lines.append(f"{json.dumps(part)}: {json.dumps(values)}")
            continue
        inner = (
            f"  {json.dumps(k)}: {_wrapped(v) if isinstance(v, list) else json.dumps(v)}" for k, v in values.items()
        )
        lines.append(f"{json.dumps(part)}: {{\n" + ",\n".join(inner) + "}")
    return "{" + ",\n".join(lines) + "}\n"


def _wrapped(value: list[str] | None) -> str:
    if value is None:
        return "null"
    lines = [""]
    for text in map(json.dumps, value):
        if len(lines[-1]) + len(text) > 112:
            lines.append("")
        lines[-1] += f" {text}," if lines[-1] else f"{text},"
    return "[" + "\n    ".join(lines).removesuffix(",") + "]"


# Reading the sources.


class Repository:
    """The Java sources at one commit of a git repository, each file read when it is needed."""

    def __init__(self, folder: Path, tag: str) -> None:
        self.folder = folder
        self.tag = tag
        self.paths = set(self._git("ls-tree", "-r", "--name-only", tag).splitlines())
        self.sources: dict[str, Source] = {}

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(self.folder), *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SignatureError(
                done.stderr.strip() or "git failed", where=f"{self.folder}: {self.tag}", hint="name a tag it has"
            )
        return done.stdout

    def text(self, path: str) -> str:
        return self._git("show", f"{self.tag}:{path}")

    def find(self, name: str) -> tuple[Source, list[Declaration]] | None:
        """A type by its name (a nested one after `$`): its file, and it with those around it, the outermost first."""
        outer, *inner = name.split("$")
        path = f"src/main/java/{outer.replace('.', '/')}.java"
        package, _, simple = outer.rpartition(".")
        if path not in self.paths:
            # A second class of a file: of one that has been read, as it is named in there only.
            read = (path for path, source in self.sources.items() if source.package == package)
            path = next((p for p in read if any(d.name == simple for d in self.sources[p].types)), "")
        if not path:
            return None
        if path not in self.sources:
            from jenkins_bootstrap.stages.java_source import parse

            self.sources[path] = parse(self.text(path), f"{self.tag}:{path}")
        source = self.sources[path]
        chain: list[Declaration] = []
        among = source.types
        for part in [simple, *inner]:
            one = next((d for d in among if d.name == part), None)
            if one is None:
                return None
            chain.append(one)
            among = one.nested
        return source, chain

    def core(self) -> str:
        """The Jenkins that the plugin is built for, by its pom.xml."""
        text = re.sub(r"<!--.*?-->", "", self.text("pom.xml"), flags=re.DOTALL)
        block = re.search(r"<properties>(.*?)</properties>", text, re.DOTALL)
        known = dict(re.findall(r"<([\w.-]+)>\s*([^<]*?)\s*</\1>", block.group(1))) if block else {}
        value = known.get("jenkins.version")
        while value and (name := re.search(r"\$\{([^}]+)\}", value)):
            value = value.replace(name.group(), known.get(name.group(1), ""))
        if not value:
            hint = "older plugins than this reads say it elsewhere"
            raise SignatureError("no jenkins.version in pom.xml", where=self.tag, hint=hint)
        return str(value)


def extract(repository: Repository, classes: Sequence[str], version: str) -> Table:
    """What DescribableModel would say of those of the classes that are there and have a @DataBoundConstructor."""
    found: dict[str, tuple[Parameter, ...]] = {}
    for name in classes:
        parameters = _parameters(repository, name)
        if parameters is not None:
            found[name] = parameters
    types = {one.type for parameters in found.values() for one in parameters}
    enums = {}
    for name in sorted(types):
        there = repository.find(name)
        if there is not None and there[1][-1].kind == "enum":
            enums[name] = there[1][-1].constants
        elif name in _OUTSIDE_ENUMS:
            enums[name] = tuple(_OUTSIDE_ENUMS[name])
    kinds = {name: tuple(sorted(types & set(_ancestors(repository, name)[1:]))) for name in found}
    return Table(version, repository.core(), found, {name: of for name, of in kinds.items() if of}, enums)


def _parameters(repository: Repository, name: str) -> tuple[Parameter, ...] | None:
    there = repository.find(name)
    if there is None:
        return None
    bound = [m for m in there[1][-1].members if m.kind == "constructor" and "DataBoundConstructor" in m.annotations]
    if not bound:
        return None
    found = {
        parameter: Parameter(parameter, _erased(repository, name, of, bound[0].variables), True)
        for parameter, of in bound[0].parameters
    }
    setters: dict[str, Parameter] = {}
    for ancestor in _ancestors(repository, name):
        place = repository.find(ancestor)
        for member in place[1][-1].members if place else ():
            if "DataBoundSetter" not in member.annotations:
                continue
            if member.kind == "field" and member.type is not None:
                setter, of = member.name, member.type
            else:
                setter, of = _decapitalized(member.name.removeprefix("set")), member.parameters[0][1]
            kind = _erased(repository, ancestor, of, member.variables)
            setters.setdefault(setter, Parameter(setter, kind, False))
    # A setter for one of the constructor's takes its place, where it stands.
    found |= {setter: setters[setter] for setter in sorted(setters)}
    return tuple(found.values())


def _decapitalized(word: str) -> str:
    """As java.beans.Introspector does it: `URL` stays."""
    return word if word[:2].isupper() and len(word) > 1 else word[:1].lower() + word[1:]


def _ancestors(repository: Repository, name: str) -> list[str]:
    """The class, its superclasses and their interfaces; the last of a line may be outside the repository."""
    found = [name]
    there = repository.find(name)
    if there is not None:
        for of in (*there[1][-1].extends, *there[1][-1].implements):
            if (ancestor := _resolved(repository, name, of.name)) is not None:
                found += _ancestors(repository, ancestor)
    return found


def _erased(repository: Repository, owner: str, of: Type, variables: Sequence[tuple[str, Type]]) -> str:
    there = repository.find(owner)
    around = there[1] if there else []
    known = {variable: bound for one in around for variable, bound in one.variables} | dict(variables)
    if of.name in known:
        return _erased(repository, owner, known[of.name], ()) + "[]" * of.dimensions
    name = of.name if of.name in _PRIMITIVE else _resolved(repository, owner, of.name)
    if name is None:
        hint = "add the package of an `import x.*` to _KNOWN"
        raise SignatureError(f"the type {of.name} is not known", where=f"{repository.tag}: {owner}", hint=hint)
    return name + "[]" * of.dimensions


def _resolved(repository: Repository, owner: str, name: str) -> str | None:
    """The full name of a type as it is written in `owner`; None for one that comes from nowhere known."""
    there = repository.find(owner)
    if there is None:
        return None
    source, chain = there
    first, *rest = name.split(".")
    if first[:1].islower():
        return _nested(name)
    candidates = [owner.rsplit("$", depth)[0] + f"${first}" for depth in range(len(chain))]
    candidates += [one for one in map(_nested, source.imports) if re.split(r"[.$]", one)[-1] == first]
    candidates += [f"{source.package}.{first}"]
    candidates += [f"{package}.{first}" for package in source.wildcards]
    for candidate in candidates:
        known = first in _KNOWN.get(candidate.rpartition(".")[0], ())
        if known or candidate in map(_nested, source.imports) or repository.find(candidate):
            return "$".join([candidate, *rest])
    if first in _KNOWN["java.lang"]:
        return f"java.lang.{first}"
    for of in chain[-1].extends:  # a nested type that is inherited
        ancestor = _resolved(repository, owner, of.name)
        if ancestor is not None and repository.find(f"{ancestor}${first}"):
            return "$".join([f"{ancestor}${first}", *rest])
    return None


def _nested(name: str) -> str:
    """`a.b.Outer.Inner` as the JVM names it, by the custom that packages are in lower case."""
    package, types = re.fullmatch(r"((?:[a-z_]\w*\.)*)(.*)", name).groups()  # type: ignore[union-attr]
    return str(package + types.replace(".", "$"))


def released(folder: Path) -> list[tuple[str, str]]:
    """Tag and version of each release of ec2 since OLDEST, the oldest first."""
    done = subprocess.run(["git", "-C", str(folder), "tag"], capture_output=True, text=True, check=True)
    found = []
    for tag in done.stdout.split():
        match = re.fullmatch(r"(?:ec2-)?((\d+)(?:\.\d+)*(?:\.v[0-9a-f_]+)?)", tag)
        if match and (match.group(1)[0:2] in ("1.", "2.") or ".v" in tag):
            found.append((order(match.group(1)), tag, match.group(1)))
    return [(tag, version) for key, tag, version in sorted(found) if key >= order(OLDEST)]


def order(version: str) -> tuple[int, ...]:
    """Sorts versions: 1.50.2 < 2.0.0 < 1601.v09101155c9a_3."""
    return tuple(int(part) for part in version.split(".v", maxsplit=1)[0].split("."))


def main(arguments: Sequence[str]) -> int:
    """The command line, for who keeps the tables."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m jenkins_bootstrap.stages.signatures")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("extract", help="one version, as JSON")
    one.add_argument("--tag", required=True)
    one.add_argument("--class", dest="classes", action="append", help="full name; those of ec2 when not given")
    every = commands.add_parser("tables", help="every release of ec2, as groovy/signatures/ec2.json")
    for command in (one, every):
        command.add_argument("--repository", required=True, type=Path, help="git repository of the plugin")
    commands.add_parser("live", help="what groovy/signatures.groovy has printed, laid out as the file keeps it")
    commands.add_parser("document", help="what each version lacks, as docs/ec2-versions.md")
    options = parser.parse_args(arguments)
    if options.command == "extract":
        version = options.tag.removeprefix("ec2-")
        table = extract(Repository(options.repository, options.tag), options.classes or EC2_CLASSES, version)
        print(json.dumps(table.as_json(), indent=1))
    elif options.command == "tables":
        made = [extract(Repository(options.repository, t), EC2_CLASSES, v) for t, v in released(options.repository)]
        print(compact("ec2", made), end="")
    elif options.command == "live":
        print(laid_out(json.load(sys.stdin)), end="")
    else:
        from jenkins_bootstrap.stages.fitting import document

        print(document(), end="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BootstrapError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
