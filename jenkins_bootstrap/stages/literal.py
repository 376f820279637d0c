r"""Python values as Groovy 2.4 literals that nothing in them can break out of. Knows nothing of templates' contents.

Three readers stand between a literal and its value: the unicode-escape reader, which turns `\u0027` into a quote before
the lexer sees it; the lexer, whose vocabulary starts at U+0003 and which takes U+FFFF for the end of the file; and the
class file, whose constants hold 65,535 bytes, as do its methods. So only plainly harmless characters stand for
themselves; what is below U+0100 is an octal escape, which only the lexer reads; the rest is `\uXXXX`, above every
character that means something; U+FFFF is added as a number; long strings are joined from pieces and large collections
from closures, each of which is a method of its own.
"""

from __future__ import annotations

import string
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Environment

_PLAIN = frozenset(string.ascii_letters + string.digits + " !#%&()*+,-./:;<=>?@[]^_`{|}~")
_PIECE = 16_000
"""UTF-16 units in one string constant: at most 48,000 of the 65,535 bytes a class file's constant holds."""
_PER_METHOD = 250
"""Values in one method: some 60 bytes of code each at worst, far below the 65,535 bytes a method may have."""
_LONG = 2**63


class LiteralError(BootstrapError):
    """A value that cannot be written as a Groovy literal, or that reached a template without being one."""


class GroovyCode(str):
    """Text that is known to be one Groovy literal."""

    __slots__ = ()


def groovy_literal(value: Any) -> GroovyCode:
    """The Groovy expression whose value equals `value`: str, int, bool, None, and lists and string-keyed dicts of them.

    Raises LiteralError for a null byte, a lone surrogate, any other type, and a key that is not a string.
    """
    return GroovyCode(_render(value)[0])


def _render(value: Any) -> tuple[str, int]:
    """The expression, and how many values the method that holds it has to build."""
    if value is None:
        return "null", 1
    if isinstance(value, bool):
        return ("true" if value else "false"), 1
    if isinstance(value, int):
        return _integer(value), 1
    if isinstance(value, str):
        return _string(value), 1
    if isinstance(value, Mapping):
        return _collection([_entry(key, item) for key, item in value.items()], "[:]")
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return _collection([_render(item) for item in value], "[]")
    raise LiteralError(
        f"a {type(value).__name__} has no Groovy literal here",
        hint="pass a string, an integer, a bool, a list or a dict",
    )


def _integer(value: int) -> str:
    if not -_LONG < value < _LONG:
        raise LiteralError(f"the integer {value} is beyond 64 bits", hint="pass it as a string")
    return str(value) if value >= 0 else f"({value})"


def _entry(key: Any, item: Any) -> tuple[str, int]:
    if not isinstance(key, str):
        raise LiteralError(f"a key of a map is a {type(key).__name__}", hint="keys are strings")
    name = _string(key)
    text, weight = _render(item)
    return f"{name if name.startswith(chr(39)) else f'({name})'}: {text}", weight + 1


def _collection(parts: list[tuple[str, int]], empty: str) -> tuple[str, int]:
    if not parts:
        return empty, 1
    pieces: list[list[str]] = [[]]
    weight = 0
    for text, cost in parts:
        if pieces[-1] and weight + cost > _PER_METHOD:
            pieces.append([])
            weight = 0
        pieces[-1].append(text)
        weight += cost
    if len(pieces) == 1:
        return "[" + ", ".join(pieces[0]) + "]", weight + 1
    # Joined pairwise, each pair in a method of its own, so that neither code nor nesting grows with the length.
    terms = [f"{{ -> [{', '.join(piece)}] }}()" for piece in pieces]
    while len(terms) > 1:
        paired = [f"{{ -> {a} + {b} }}()" for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = paired + terms[len(paired) * 2 :]
    return f"({terms[0]})", 2


def _string(text: str) -> str:
    if "\0" in text:
        raise LiteralError(f"a null byte in {_shown(text)}", hint="remove it: no part of Jenkins takes one")
    try:
        units = array("H", text.encode("utf-16" + ("-le" if sys.byteorder == "little" else "-be")))
    except UnicodeEncodeError as error:
        raise LiteralError(
            f"half a surrogate pair at character {error.start + 1} of {_shown(text)}", hint="write the whole character"
        ) from None
    if len(units) <= _PIECE and 0xFFFF not in units:
        return "'" + "".join(map(_unit, units)) + "'"
    # A list joined at run time: the compiler may not fold it back into one constant, as it may with `+`.
    terms: list[str] = []
    start = 0
    for at, unit in enumerate(units):
        if unit == 0xFFFF or at - start == _PIECE:
            terms.append("'" + "".join(map(_unit, units[start:at])) + "'")
            start = at
        if unit == 0xFFFF:
            terms.append("((char) 65535)")
            start = at + 1
    terms.append("'" + "".join(map(_unit, units[start:])) + "'")
    if len(terms) > _PER_METHOD:
        raise LiteralError(f"{_shown(text)} is too long for a literal: {len(units)} characters", hint="shorten it")
    return f"[{', '.join(terms)}].join('')"


def _unit(unit: int) -> str:
    if unit < 0x100:
        char = chr(unit)
        return char if char in _PLAIN else f"\\{unit:03o}"
    return f"\\u{unit:04X}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def refuse_unfiltered(value: Any) -> Any:
    """Jinja's `finalize`: what a template prints must have come through the literal filter."""
    if isinstance(value, GroovyCode):
        return value
    raise LiteralError(
        f"a template prints a {type(value).__name__} that did not pass the filter `literal`",
        hint="write {{ value | literal }}",
    )


def environment(folder: Path) -> Environment:
    """The only way our Groovy templates are rendered: undefined names and unfiltered values are errors."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    result = Environment(
        loader=FileSystemLoader(folder, encoding="utf-8"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Groovy, not HTML: `finalize` is stricter than any escaping
        finalize=refuse_unfiltered,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result.filters["literal"] = groovy_literal
    return result
