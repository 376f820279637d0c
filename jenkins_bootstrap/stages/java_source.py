"""Reads the outline of Java source: types, their members and annotations. No compiler; nothing inside a method's body.

It splits the text into tokens, so that what stands in comments, strings and text blocks is never taken for code, then
reads declarations. Text that is not Java gives JavaError, not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jenkins_bootstrap.errors import BootstrapError

_TOKEN = re.compile(
    r'(?P<skip>\s+|//[^\n]*|/\*.*?\*/)|(?P<text>"""(?:\\.|(?!""").)*"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')'
    r"|(?P<word>[^\W\d]\w*|\$\w*)|(?P<number>\d[\w.]*)|(?P<sign>\.\.\.|::|->|@|[^\w\s])",
    re.DOTALL,
)
_MODIFIERS = {
    *("public", "protected", "private", "static", "final", "abstract", "transient", "volatile", "synchronized"),
    *("native", "strictfp", "default", "sealed"),
}
_PAIRS = {"(": ")", "[": "]", "{": "}"}


class JavaError(BootstrapError):
    """Source that cannot be read."""


@dataclass(frozen=True, slots=True)
class Type:
    """A type as written, without its arguments: `Map.Entry` for `Map.Entry<K, V>`, with as many `[]` as it has."""

    name: str
    dimensions: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A constructor (no type), a method or a field (no parameters)."""

    kind: str
    name: str
    annotations: frozenset[str]
    type: Type | None
    parameters: tuple[tuple[str, Type], ...] = ()
    variables: tuple[tuple[str, Type], ...] = ()
    """The type variables of a generic method, with their bounds."""


@dataclass(slots=True)
class Declaration:
    """A class, interface, enum, record or annotation, nested ones inside."""

    kind: str
    name: str
    variables: tuple[tuple[str, Type], ...] = ()
    extends: tuple[Type, ...] = ()
    implements: tuple[Type, ...] = ()
    constants: tuple[str, ...] = ()
    members: list[Member] = field(default_factory=list)
    nested: list[Declaration] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """One file. `imports` are full names, static ones left out; `wildcards` the packages of `import x.*`."""

    package: str
    imports: tuple[str, ...]
    wildcards: tuple[str, ...]
    types: list[Declaration]


def parse(text: str, where: str = "Java source") -> Source:
    """The outline of one file. Raises JavaError where it is not Java."""
    return _Reader(list(_tokens(text, where)), where).source()


def _tokens(text: str, where: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or (match.lastgroup == "sign" and match.group() in "\"'"):
            line = text.count("\n", 0, at) + 1
            raise JavaError("text that does not end, or is not Java", where=f"{where}:{line}", hint="look at that line")
        if match.lastgroup != "skip":
            yield match.group()
        at = match.end()


class _Reader:
    def __init__(self, tokens: list[str], where: str) -> None:
        self.tokens = tokens
        self.where = where
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            hint = "is the file whole, and Java?"
            wanted = expected or "more"
            raise JavaError(f"{token or 'the end'!r} where {wanted!r} was expected", where=self.where, hint=hint)
        self.at += 1
        return token

    def accept(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.at += 1
        return True

    def skip_pair(self) -> None:
        """Over a bracket and what it holds."""
        closing = [_PAIRS[self.take()]]
        while closing:
            token = self.take()
            if token in _PAIRS:
                closing.append(_PAIRS[token])
            elif token in _PAIRS.values() and token != closing.pop():
                raise JavaError(f"{token!r} closes what it did not open", where=self.where, hint="is the file whole?")

    def skip_to(self, *ends: str) -> None:
        while self.peek() not in ends:
            self.skip_pair() if self.peek() in _PAIRS else self.take()

    def name(self) -> str:
        parts = [self.word()]
        while self.peek() == "." and self.peek(1) != "*":
            self.take()
            self.annotations()
            parts.append(self.word())
        return ".".join(parts)

    def word(self) -> str:
        token = self.take()
        if not (token[0].isalpha() or token[0] in "_$"):
            raise JavaError(f"{token!r} where a name was expected", where=self.where, hint="is the file Java?")
        return token

    def annotations(self) -> frozenset[str]:
        """Those that stand here, by their last name, and modifiers between them, which are dropped."""
        found = set()
        while True:
            if self.peek() == "@" and self.peek(1) != "interface":
                self.take()
                found.add(self.name().rpartition(".")[2])
                if self.peek() == "(":
                    self.skip_pair()
            elif self.peek() == "non" and self.peek(1) == "-":
                self.at += 3
            elif self.peek() in _MODIFIERS and not (self.peek() == "default" and self.peek(1) in (":", "->")):
                self.take()
            else:
                return frozenset(found)

    def arguments(self) -> None:
        """Over `<...>` where it stands."""
        if self.peek() != "<":
            return
        depth = 0
        while True:
            token = self.take()
            depth += {"<": 1, ">": -1}.get(token, 0)
            if depth == 0:
                return

    def type(self) -> Type:
        self.annotations()
        if self.accept("?"):
            return self.type() if self.accept("extends") or self.accept("super") else Type("Object")
        parts = [self.word()]
        self.arguments()
        while self.peek() == ".":
            self.take()
            self.annotations()
            parts.append(self.word())
            self.arguments()
        return Type(".".join(parts), self.dimensions())

    def dimensions(self) -> int:
        count = 0
        while True:
            before = self.at
            self.annotations()
            if self.peek() == "[" and self.peek(1) == "]":
                self.at += 2
                count += 1
            elif self.accept("..."):
                return count + 1
            else:
                self.at = before
                return count

    def types(self) -> tuple[Type, ...]:
        found = [self.type()]
        while self.accept(",") or self.accept("&"):
            found.append(self.type())
        return tuple(found)

    def variables(self) -> tuple[tuple[str, Type], ...]:
        """`<T extends A & B, U>`: each with its first bound, which is what it is erased to."""
        if not self.accept("<"):
            return ()
        found = []
        while True:
            self.annotations()
            name = self.word()
            bound = Type("Object")
            if self.accept("extends"):
                bound = self.type()
                while self.accept("&"):
                    self.type()
            found.append((name, bound))
            if not self.accept(","):
                self.take(">")
                return tuple(found)

    def source(self) -> Source:
        package, imports, wildcards = "", [], []
        types: list[Declaration] = []
        while self.peek():
            if self.accept(";"):
                continue
            self.annotations()
            if self.accept("package"):
                package = self.name()
                self.take(";")
            elif self.accept("import"):
                static = self.accept("static") or self.tokens[self.at - 1] == "static"
                name = self.name()
                if self.accept("."):
                    self.take("*")
                    wildcards += [] if static else [name]
                else:
                    imports += [] if static else [name]
                self.take(";")
            elif self.peek() == "module" or self.peek() == "open":
                break
            else:
                types.append(self.declaration())
        return Source(package, tuple(imports), tuple(wildcards), types)

    def is_declaration(self) -> bool:
        if self.peek() in ("class", "interface", "enum") or (self.peek() == "@" and self.peek(1) == "interface"):
            return True
        return self.peek() == "record" and self.peek(2) in ("(", "<") and self.peek(1) not in ("(", "=")

    def declaration(self) -> Declaration:
        if not self.is_declaration():
            raise JavaError(f"{self.peek()!r} where a type was expected", where=self.where, hint="is the file Java?")
        kind = "annotation" if self.accept("@") else self.peek()
        self.take()
        made = Declaration(kind, self.word(), self.variables())
        if self.peek() == "(":
            self.skip_pair()
        while self.peek() != "{":
            clause = self.take()
            if clause == "extends":
                made.extends = self.types()
            elif clause in ("implements", "permits"):
                types = self.types()
                made.implements = types if clause == "implements" else made.implements
            else:
                raise JavaError(f"{clause!r} before a type's body", where=self.where, hint="is the file Java?")
        self.take("{")
        if kind == "enum":
            made.constants = self.constants()
        while not self.accept("}"):
            self.member(made)
        return made

    def constants(self) -> tuple[str, ...]:
        found = []
        while self.peek() not in (";", "}"):
            self.annotations()
            found.append(self.word())
            if self.peek() == "(":
                self.skip_pair()
            if self.peek() == "{":
                self.skip_pair()
            self.accept(",")
        self.accept(";")
        return tuple(found)

    def member(self, owner: Declaration) -> None:
        if self.accept(";"):
            return
        annotations = self.annotations()
        if self.peek() == "{":
            self.skip_pair()
        elif self.is_declaration():
            owner.nested.append(self.declaration())
        else:
            variables = self.variables()
            annotations |= self.annotations()
            if self.peek() == owner.name and self.peek(1) == "(":
                self.take()
                owner.members.append(Member("constructor", owner.name, annotations, None, self.parameters(), variables))
                self.body()
            elif self.peek() == owner.name and self.peek(1) == "{":  # a record's compact constructor
                self.take()
                self.skip_pair()
            else:
                self.typed(owner, annotations, variables)

    def typed(self, owner: Declaration, annotations: frozenset[str], variables: tuple[tuple[str, Type], ...]) -> None:
        """A method or a field, both of which begin with a type and a name."""
        of = self.type()
        name = self.word()
        if self.peek() == "(":
            owner.members.append(Member("method", name, annotations, of, self.parameters(), variables))
            self.body()
            return
        while True:
            more = self.dimensions()
            owner.members.append(Member("field", name, annotations, Type(of.name, of.dimensions + more)))
            if self.accept("="):
                self.initial()
            if not self.accept(","):
                self.take(";")
                return
            name = self.word()

    def initial(self) -> None:
        """Over a field's value. A comma may be one of type arguments (`new HashMap<A, B>()`) or begin a field."""
        while True:
            self.skip_to(",", ";")
            if self.peek() == ";" or (self.peek(1).isidentifier() and self.peek(2) in ("=", ",", ";", "[")):
                return
            self.take()

    def body(self) -> None:
        self.dimensions()
        while self.peek() not in ("{", ";"):
            if self.peek() == "default":
                self.skip_to(";")
            else:
                self.take()
        self.skip_pair() if self.peek() == "{" else self.take()

    def parameters(self) -> tuple[tuple[str, Type], ...]:
        self.take("(")
        found = []
        while not self.accept(")"):
            of = self.type()
            name = self.word()
            if name != "this" and self.peek() != ".":
                found.append((name, Type(of.name, of.dimensions + self.dimensions())))
            else:
                self.skip_to(",", ")")
            self.accept(",")
        return tuple(found)
