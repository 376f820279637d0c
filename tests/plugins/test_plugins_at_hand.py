"""What a folder of plugin files says of itself, and what is chosen of it."""

import hashlib
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.errors import SeveralErrors
from jenkins_bootstrap.plugins.at_hand import (
    as_lock,
    attributes,
    choose,
    differences,
    read_file,
    read_folder,
)
from jenkins_bootstrap.plugins.core import check_plugins
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin, dumps, loads


def manifest(text):
    """As `jar` writes it: lines of 72 bytes, then a line that begins with a blank."""
    lines = []
    for line in text.splitlines():
        rest = line
        while len(rest) > 72:
            lines.append(rest[:72])
            rest = " " + rest[72:]
        lines.append(rest)
    return "\r\n".join(lines) + "\r\n\r\nName: part\r\nShort-Name: other\r\n"


def plugin(folder, name, version="1.0", needs="", core="2.479.1", file=None):
    path = folder / (file or f"{name}.jpi")
    needs = f"Plugin-Dependencies: {needs}\n" if needs else ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "META-INF/MANIFEST.MF",
            manifest(f"Short-Name: {name}\nPlugin-Version: {version}\nJenkins-Version: {core}\n{needs}"),
        )
    return path


def locked(*pairs):
    made = tuple(
        LockedPlugin(name, version, "0" * 64, "https://example.com", "2.479.1", requested=True)
        for name, version in pairs
    )
    return Lock("2.516.2", "test", "2025-09-13", made)


def test_a_file_says_its_name_version_core_and_dependencies(tmp_path):
    needs = "structs:353.v261ea_40a_80fb_,a-rather-long-plugin-name:1.2.3;resolution:=optional,ssh-credentials:361.vb_f"
    found = read_file(plugin(tmp_path, "ec2", "2059.v05f9d511d7e5 (private-0-root)", needs))
    assert (found.name, found.version, found.required_core) == ("ec2", "2059.v05f9d511d7e5", "2.479.1")
    assert [(d.name, d.minimum, d.optional) for d in found.dependencies] == [
        ("a-rather-long-plugin-name", "1.2.3", True),
        ("ssh-credentials", "361.vb_f", False),
        ("structs", "353.v261ea_40a_80fb_", False),
    ]


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Za-z-]{0,30}", fullmatch=True), st.text("ab:;= é", max_size=200)))
def test_attributes_survive_their_line_breaks(values):
    values = {name: value.strip() for name, value in values.items()}
    assert attributes(manifest("\n".join(f"{n}: {v}" for n, v in values.items()))) == values


def test_what_is_no_plugin_is_named_all_at_once(tmp_path):
    plugin(tmp_path, "good")
    (tmp_path / "text.jpi").write_text("<html>not found</html>")
    whole = plugin(tmp_path, "whole").read_bytes()
    (tmp_path / "whole.jpi").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(tmp_path / "empty.hpi", "w") as archive:
        archive.writestr("x", "")
    with zipfile.ZipFile(tmp_path / "nameless.hpi", "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    with pytest.raises(SeveralErrors) as failure:
        read_folder(tmp_path)
    text = str(failure.value)
    assert all(f"{name}: is no plugin" in text for name in ("text.jpi", "whole.jpi", "empty.hpi", "nameless.hpi"))


def test_two_files_of_one_plugin_are_an_error(tmp_path):
    plugin(tmp_path, "ec2", "1.0")
    plugin(tmp_path, "ec2", "2.0", file="ec2-copy.hpi")
    with pytest.raises(PluginError, match="is the plugin ec2, and so is"):
        read_folder(tmp_path)


def test_a_folder_without_plugins_or_no_folder_is_an_error(tmp_path):
    with pytest.raises(PluginError, match="holds no plugin"):
        read_folder(tmp_path)
    with pytest.raises(PluginError, match="no such folder"):
        read_folder(tmp_path / "none")


def test_the_wanted_ones_come_with_what_they_need_and_nothing_else(tmp_path):
    plugin(tmp_path, "ec2", needs="structs:1.0,later:1.0;resolution:=optional,locked-one:1.0;resolution:=optional")
    for name in ("structs", "later", "locked-one", "unused"):
        plugin(tmp_path, name)
    chosen = choose(["ec2@2.0"], read_folder(tmp_path), "2.516.2", locked(("ec2", "1.0"), ("locked-one", "1.0")))
    assert list(chosen.versions) == ["ec2", "locked-one", "structs"]
    assert not chosen.missing
    assert not chosen.unfit


def test_what_is_not_at_hand_is_told_with_who_wants_it(tmp_path):
    plugin(tmp_path, "ec2", needs="structs:1.0")
    chosen = choose(["ec2", "matrix-auth"], read_folder(tmp_path), "2.516.2")
    assert chosen.missing == (("matrix-auth", "the settings"), ("structs", "ec2"))


def test_what_jenkins_will_not_load_is_told(tmp_path):
    plugin(tmp_path, "ec2", needs="structs:2.0", core="2.600")
    plugin(tmp_path, "structs", "1.9")
    chosen = choose(["ec2"], read_folder(tmp_path), "2.516.2")
    assert chosen.unfit == ("ec2 1.0 needs structs 2.0, at hand is 1.9",)
    check_plugins(chosen.plugins, "2.600")
    with pytest.raises(PluginError, match=r"1\.0 needs Jenkins 2\.600 or newer, this one is 2\.516\.2") as caught:
        check_plugins(chosen.plugins, "2.516.2")
    assert caught.value.where == "plugin ec2"


def test_what_the_core_implies_comes_along_when_it_is_at_hand(tmp_path):
    plugin(tmp_path, "old", core="1.400")
    plugin(tmp_path, "mailer")
    chosen = choose(["old"], read_folder(tmp_path), "2.516.2")
    assert list(chosen.versions) == ["mailer", "old"]
    assert not chosen.missing


def test_differences_from_the_lock_are_a_line_each(tmp_path):
    plugin(tmp_path, "ec2", "2059.v0")
    plugin(tmp_path, "same", "2.0")
    plugin(tmp_path, "extra", "1.0")
    chosen = choose(["ec2", "same", "extra"], read_folder(tmp_path), "2.516.2")
    lock = locked(("ec2", "2029.v5"), ("same", "2"), ("gone", "3.0"))
    assert differences(chosen, lock) == (
        "ec2 2059.v0, locked is 2029.v5",
        "extra 1.0, which the lock does not have",
        "gone 3.0 of the lock is not here",
    )


def test_a_lock_of_what_is_at_hand_has_the_files_as_they_are(tmp_path):
    path = plugin(tmp_path, "ec2", "2059.v0", "structs:1.0,later:2.0;resolution:=optional")
    plugin(tmp_path, "structs")
    lock = as_lock(choose(["ec2"], read_folder(tmp_path), "2.516.2"), "2.516.2")
    assert loads(dumps(lock), "made") == lock
    made = lock.by_name()["ec2"]
    assert (made.version, made.sha256) == ("2059.v0", hashlib.sha256(path.read_bytes()).hexdigest())
    assert [str(need) for need in (*made.dependencies, *made.optional)] == ["structs@1.0", "later@2.0"]
    assert made.url == path.as_uri()
