"""Errors say where, what and what to try; files are written whole or not at all."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.errors import BootstrapError, SettingsError, SeveralErrors, nearest, raise_all
from jenkins_bootstrap.files import canonical_json, write_atomic


def test_an_error_has_three_parts():
    assert str(BootstrapError("is missing", where="tool packer", hint="apt-get install packer")) == (
        "tool packer: is missing\n  try: apt-get install packer"
    )


def test_several_errors_are_raised_at_once_with_the_gravest_status():
    with pytest.raises(SeveralErrors) as error:
        raise_all([BootstrapError("one"), SettingsError("two")])
    assert error.value.exit_status == 2
    assert str(error.value) == "one\ntwo"
    with pytest.raises(SettingsError):
        raise_all([SettingsError("alone")])
    raise_all([])


def test_nearest_word():
    assert nearest("controler", ["controller", "agents"]) == "controller"
    assert nearest("xyz", ["controller"]) is None


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "file"
    write_atomic(path, "one")
    write_atomic(path, "two", mode=0o600)
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, "old")
    monkeypatch.setattr("tempfile.mkstemp", lambda **k: (os.open("/dev/full", os.O_WRONLY), str(tmp_path / "none")))
    with pytest.raises(BootstrapError, match="No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"


@given(st.dictionaries(st.text(), st.integers()))
def test_canonical_json_is_the_same_for_the_same_value(value):
    shuffled = dict(reversed(list(value.items())))
    assert canonical_json(value) == canonical_json(shuffled)
    assert json.loads(canonical_json(value)) == value
