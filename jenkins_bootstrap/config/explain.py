"""Validation errors in a person's words: where it stands, what is wrong with the value seen, what would be right.

A value under a key that is named like a secret, or that looks like one, is never shown.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from jenkins_bootstrap.config.document import Document, Mark, Place, kind
from jenkins_bootstrap.config.fields import Form
from jenkins_bootstrap.config.models import CROSS_CHECK, Settings
from jenkins_bootstrap.errors import SettingsError, nearest

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_SECRET_KEY = re.compile(r"password|passphrase|token|secret|private_?key|credential", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"-----BEGIN|\bgh[pousr]_\w|github_pat_|\b(AKIA|ASIA)[A-Z0-9]{12}|\bxox[abp]-|^eyJ[\w-]+\.")
_LONGEST_SHOWN = 60

_WANTED = {
    "string_type": "text",
    "path_type": "a path as text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def explain(error: ValidationError, document: Document) -> list[tuple[Mark, SettingsError]]:
    """Each error of `error` as a SettingsError, beside its position in `document`."""
    grouped: dict[Place, list[ErrorDetails]] = {}
    told: list[tuple[Mark, SettingsError]] = []
    for detail in error.errors(include_url=False):
        if detail["type"] == CROSS_CHECK:
            told += [(document.mark(p.place), _cross(p, document)) for p in detail["ctx"]["problems"]]
            continue
        grouped.setdefault(_place(detail["loc"], document), []).append(detail)
    told += [(document.mark(place), _one(place, details, document)) for place, details in grouped.items()]
    return told


def _place(loc: tuple[int | str, ...], document: Document) -> Place:
    """The path in the document; what pydantic adds for members of a union or for keys is passed over."""
    place: list[int | str] = []
    value: Any = document.value
    for i, part in enumerate(loc):
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if inside:
            place.append(part)
            value = value[part]
        elif i == len(loc) - 1 and isinstance(value, dict) and part in _known(tuple(place)):
            place.append(part)
    return tuple(place)


def _cross(problem: Any, document: Document) -> SettingsError:
    return SettingsError(problem.what, where=document.where(problem.place), hint=problem.hint)


def _one(place: Place, details: list[ErrorDetails], document: Document) -> SettingsError:
    detail = details[0]
    hint = _right(place)
    match detail["type"]:
        case "missing":
            return SettingsError("is missing", where=document.where(place), hint=f"add {place[-1]}: {hint}")
        case "extra_forbidden":
            return _unknown_key(place, document)
        case "value_error":
            known = ", ".join(sorted(_known(place)))
            hint = f"known here: {known}" if known else hint
            return SettingsError(str(detail["ctx"]["error"]), where=document.where(place), hint=hint)
        case "literal_error":
            return _not_a_choice(place, detail, document)
        case type_ if type_ in _WANTED:
            return _wrong_type(place, details, document)
    if detail["loc"][-1] == "[key]":
        what = f"the key {str(detail['input'])[:_LONGEST_SHOWN]!r} {_rule(place, detail)}"
        return SettingsError(what, where=document.where(place, key=True), hint="choose another key")
    what = f"{_rule(place, detail)}; seen: {_shown(place, detail['input'], document)}"
    return SettingsError(what, where=document.where(place), hint=hint)


def _rule(place: Place, detail: ErrorDetails) -> str:
    ctx = detail.get("ctx", {})
    match detail["type"]:
        case "string_pattern_mismatch":
            return f"does not have the form {_form(place, ctx['pattern'], key=detail['loc'][-1] == '[key]')}"
        case "greater_than_equal":
            return f"must be {ctx['ge']} or more"
        case "less_than_equal":
            return f"must be {ctx['le']} or less"
        case "too_short":
            return f"needs at least {ctx['min_length']} of them"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must be {ctx['max_length']} characters or fewer"
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _unknown_key(place: Place, document: Document) -> SettingsError:
    key, known = str(place[-1]), sorted(_known(place[:-1]))
    near = nearest(key, known)
    hint = f"did you mean {near}?" if near else f"known here: {', '.join(known)}"
    return SettingsError(f"unknown key {key!r}", where=document.where(place, key=True), hint=hint)


def _not_a_choice(place: Place, detail: ErrorDetails, document: Document) -> SettingsError:
    expected = detail["ctx"]["expected"]
    words = re.findall(r"'([^']*)'", expected)
    near = nearest(str(document.raw.get(place, "")), words)
    return SettingsError(
        f"must be one of {', '.join(words) or expected}; seen: {_shown(place, detail['input'], document)}",
        where=document.where(place),
        hint=f"did you mean {near}?" if near else _right(place),
    )


def _wrong_type(place: Place, details: list[ErrorDetails], document: Document) -> SettingsError:
    wanted = list(dict.fromkeys(_WANTED.get(d["type"], d["type"]) for d in details))
    value = details[0]["input"]
    what = f"must be {' or '.join(wanted)}"
    if value is None:
        what += ", but nothing is given"
    elif isinstance(value, str):
        what += f", not the text {_shown(place, value, document)}"
    elif isinstance(value, dict | list):
        what += f", not {kind(value)}"
    else:
        what += f"; {_shown(place, value, document)} is read as {kind(value)}"
    return SettingsError(what, where=document.where(place), hint=_turned(wanted[0], value, place, document))


def _turned(wanted: str, value: Any, place: Place, document: Document) -> str:
    """How the value seen becomes what is wanted, or what would be right."""
    raw = document.raw.get(place, "")
    if "text" in wanted and value is not None and not isinstance(value, str | dict | list):
        shown = f'"{raw}"' if not _secret(place, raw) else '"..."'
        return f"quote it: {shown}"
    if isinstance(value, str) and not _secret(place, value):
        if wanted == "a whole number" and re.fullmatch(r"\d+", value):
            return f"write it without quotes: {value}"
        if wanted == "true or false" and value.lower() in ("true", "false", "yes", "no", "on", "off"):
            return f"write it without quotes: {'true' if value.lower() in ('true', 'yes', 'on') else 'false'}"
    if wanted == "a list":
        return "put a dash and a space before each entry, also before a single one"
    if wanted == "a mapping" and (known := sorted(_known(place))):
        return f"`key: value` lines below it; known keys: {', '.join(known)}"
    return _right(place)


def _secret(place: Place, value: Any) -> bool:
    return any(isinstance(p, str) and _SECRET_KEY.search(p) for p in place) or bool(_SECRET_VALUE.search(str(value)))


def _shown(place: Place, value: Any, document: Document) -> str:
    """The value as a message may show it."""
    if isinstance(value, dict | list):
        return kind(value) if value else f"an empty {'mapping' if isinstance(value, dict) else 'list'}"
    raw = document.raw.get(place, str(value))
    if _secret(place, raw):
        return "(not shown, it may be a secret)"
    text = raw if len(raw) <= _LONGEST_SHOWN else raw[:_LONGEST_SHOWN] + "..."
    return repr(text)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models an annotation allows, through optional, union and annotated types."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    if typing.get_origin(annotation) in (list, dict):
        return
    for inner in typing.get_args(annotation):
        yield from _models(inner)


def _inside(annotation: Any) -> Any:
    """What a list or mapping of this annotation holds, through optional types; None when it is neither."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (list, dict):
        return args[-1]
    return next((found for arg in args if (found := _inside(arg)) is not None), None)


def _step(annotation: Any, part: int | str) -> tuple[Any, FieldInfo | None]:
    """The annotation (and field) of `part` below one of `annotation`."""
    for model in _models(annotation):
        found = model.model_fields.get(str(part))
        if found is not None:
            return found.annotation, found
    return _inside(annotation), None


def _known(place: Place) -> set[str]:
    """The keys a mapping at `place` may have; empty where any key may stand."""
    annotation: Any = Settings
    for part in place:
        annotation, _ = _step(annotation, part)
    return {name for model in _models(annotation) for name in model.model_fields}


def _right(place: Place) -> str:
    """What would be right at `place`: its description and an example, from the model."""
    annotation: Any = Settings
    field: FieldInfo | None = None
    for part in place:
        annotation, found = _step(annotation, part)
        field = found or field
    examples = [*_examples(annotation), *((field.examples or []) if field else [])]
    words = field.description or "" if field else ""
    if not examples:
        return words
    return f"for example {examples[0]}" + (f" ({words})" if words else "")


def _form(place: Place, pattern: str, *, key: bool) -> str:
    """What a text at `place`, or a key there, must be like: in the model's words, else its pattern."""
    annotation: Any = Settings
    field: FieldInfo | None = None
    for part in place[:-1] if key else place:
        annotation, field = _step(annotation, part)
    return next(_forms((*(field.metadata if field else ()), annotation)), pattern)


def _forms(parts: Iterable[Any]) -> Iterator[str]:
    """The words of each Form among these, and inside them; of a mapping's key before those of its values."""
    for part in parts:
        if isinstance(part, Form):
            yield part.words
        yield from _forms(getattr(part, "__metadata__", ()))
        yield from _forms(typing.get_args(part))


def _examples(annotation: Any) -> list[Any]:
    """Examples written into an annotated type, as in `InstanceType`."""
    found: list[Any] = []
    for extra in getattr(annotation, "__metadata__", ()):
        found += getattr(extra, "examples", None) or []
    for inner in typing.get_args(annotation):
        found += _examples(inner) if not isinstance(inner, Mapping) else []
    return found
