"""Reads the settings file: text, YAML with positions, then the model; every error of a file at once."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from jenkins_bootstrap.config.document import Place, read, spell
from jenkins_bootstrap.config.explain import explain
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import SettingsError, raise_all


def load(path: Path) -> Settings:
    """The settings in the file `path`; relative paths in it count from its folder.

    Raises SettingsError, or SeveralErrors of them, each with file, line, column and path, the value seen (unless it
    looks like a secret) and what would be right.
    """
    return parse(_text(path), name=str(path), folder=path.resolve().parent)


def parse(text: str, *, name: str, folder: Path) -> Settings:
    """The settings in `text`, as `load` gives them; `name` is how messages call the file."""
    document = read(text, name)
    settings: Settings
    try:
        settings = Settings.model_validate(document.value, context={"folder": folder})
    except ValidationError as error:
        told = {problem.where for _, problem in document.problems}
        located = document.problems + [e for e in explain(error, document) if e[1].where not in told]
    else:
        located = document.problems
    raise_all([problem for _, problem in sorted(located, key=lambda e: e[0])])
    return settings


def locate(path: Path, place: Place) -> str:
    """File, line, column and path of `place` in a settings file, for errors that are found after it was loaded.

    Reads the file once more: positions are not kept, as hardly any run needs them.
    """
    try:
        return read(_text(path), str(path)).where(place)
    except SettingsError:  # changed since it was loaded
        return f"{path}: {spell(place)}"


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SettingsError(
            "there is no such file", where=str(path), hint="jenkins-bootstrap init writes one; -c FILE names another"
        ) from None
    except IsADirectoryError:
        raise SettingsError(
            "is a folder", where=str(path), hint=f"-c {path / 'jenkins-bootstrap.yml'} names the file in it"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"cannot be read: {error.strerror or error}", where=str(path), hint="let this user read the file"
        ) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise SettingsError(
            f"is not UTF-8: the byte 0x{raw[error.start]:02x}",
            where=f"{path}:{line}:{column}",
            hint="save the file as UTF-8",
        ) from None
