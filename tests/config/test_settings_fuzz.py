"""Whatever stands in the file: settings or an explained error, never anything else, and never a secret."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from jenkins_bootstrap.config.load import parse
from jenkins_bootstrap.config.starter import starter
from jenkins_bootstrap.errors import SettingsError, SeveralErrors

LINES = re.sub(r"(?m)^( *)# ( *)(?=[A-Za-z_]+:)", r"\1\2", starter()).splitlines()
"""The starter with its optional lines switched on, so that each setting is in it."""

VALUES = st.sampled_from(
    [
        "",
        "no",
        "7",
        "-1",
        "1.5",
        "1e400",
        "[]",
        "{}",
        "[a, b]",
        "{a: b}",
        "null",
        "2025-01-02",
        "0x1F",
        '"x"',
        "&a x",
        "*a",
    ]
) | st.text(max_size=10)


def told(text: str) -> list[SettingsError]:
    """The errors of `text`; anything but a SettingsError passes and fails the test."""
    try:
        parse(text, name="s.yml", folder=Path("/"))
    except SettingsError as error:
        return [error]
    except SeveralErrors as error:
        assert all(isinstance(e, SettingsError) for e in error.errors)
        return [e for e in error.errors if isinstance(e, SettingsError)]
    return []


@given(st.text())
@example("\x00")
@example("? a\n: b")
@example("{? [a]: b}")
@example("a: !!float x")
@example("a: !!int x")
@example("a: !!bool x")
@example("a: !!timestamp x")
@example("%YAML 3.0\n--- a")
def test_any_text(text: str) -> None:
    told(text)


@given(st.data())
def test_the_starter_with_some_lines_changed(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        head, colon, _ = lines[at].partition(":")
        change = data.draw(st.sampled_from(["value", "remove", "double", "key", "indent"]))
        if change == "value":
            lines[at] = f"{head}{colon} {data.draw(VALUES)}"
        elif change == "remove":
            del lines[at]
        elif change == "double":
            lines.insert(at, lines[at])
        elif change == "key":
            lines[at] = f"{head}x{colon}{lines[at][len(head) + 1 :]}"
        else:
            lines[at] = " " + lines[at]
    text = "\n".join(lines)
    for error in told(text):
        assert re.match(r"s\.yml(:\d+:\d+)?", error.where)
        position = re.match(r"s\.yml:(\d+):(\d+)", error.where)
        if position:
            assert 1 <= int(position.group(1)) <= text.count("\n") + 2
        assert error.what


@given(st.data())
def test_a_secret_put_anywhere_under_a_telling_key_is_never_shown(data: st.DataObject) -> None:
    key = data.draw(
        st.sampled_from(["password", "github_token", "clientSecret", "private_key", "privateKey", "secrets"])
    )
    at = data.draw(st.integers(0, len(LINES)))
    indent = " " * data.draw(st.integers(0, 8))
    value = data.draw(
        st.sampled_from(["canary-90125", "[canary-90125]", "{a: canary-90125}", "90125e90125", "|\n   canary-90125"])
    )
    text = "\n".join([*LINES[:at], f"{indent}{key}: {value}", *LINES[at:]])
    for error in told(text):
        assert "90125" not in str(error)


def test_the_starters_optional_lines_name_only_known_settings_with_right_values() -> None:
    found = told("\n".join(LINES))
    alone = [e.what for e in found if "given twice" not in e.what]  # the three sources of Jenkins are alternatives
    assert alone == ["installation goes with sign_in: app, and only with it"]
