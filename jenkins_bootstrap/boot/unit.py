"""Reads the options of Java out of jenkins.service, the one place where they stand. Starts nothing.

`try`, the acceptance tests and the benchmarks start Jenkins with the same ones.
"""

from __future__ import annotations

import re
import shlex

from jenkins_bootstrap.errors import BootstrapError

WHERE = "jenkins.service"


def java_options(text: str) -> list[str]:
    """The arguments that `ExecStart=` of the unit `text` gives to Java, in order; the program itself left out.

    As systemd reads it (systemd.syntax(7)): a line that ends with a backslash goes on in the next one, comment lines in
    between do not count, `Environment=` of the unit stands for `${NAME}`. Raises BootstrapError for a unit without
    ExecStart, with several, with a quote that is not closed, or with a variable it does not set.
    """
    lines = _lines(text)
    commands = [value for name, value in lines if name == "ExecStart" and value]
    if len(commands) != 1:
        raise BootstrapError(f"{len(commands)} lines ExecStart=, not one", where=WHERE, hint="keep one command")
    variables: dict[str, str] = {}
    for name, value in lines:
        if name == "Environment":
            variables |= dict(word.split("=", 1) for word in _words(value) if "=" in word)
    return [_filled(word, variables) for word in _words(commands[0])][1:]


def _lines(text: str) -> list[tuple[str, str]]:
    """The assignments of the section [Service], continued lines joined."""
    found: list[tuple[str, str]] = []
    section, begun = "", ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(("#", ";")):
            continue
        if bare.endswith("\\"):
            begun += bare[:-1] + " "
            continue
        whole, begun = begun + bare, ""
        if whole.startswith("[") and whole.endswith("]"):
            section = whole
        elif section == "[Service]" and "=" in whole:
            name, value = whole.split("=", 1)
            found.append((name.strip(), value.strip()))
    return found


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError as error:
        raise BootstrapError(str(error), where=f"{WHERE}: {value[:60]}", hint="close the quote") from error


def _filled(word: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise BootstrapError(
                f"${{{match[1]}}} is not set in the unit", where=WHERE, hint=f"add Environment={match[1]}="
            )
        return variables[match[1]]

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value, word)
