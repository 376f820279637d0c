"""Reading update-center documents: forms, cut-off ones, warnings with version patterns."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.config.controller import AcceptedFinding
from jenkins_bootstrap.config.models import DEFAULT_PLUGINS
from jenkins_bootstrap.plugins import update_center
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.notes import judged, notes
from jenkins_bootstrap.plugins.resolve import resolve
from jenkins_bootstrap.plugins.update_center import Dependency, UpdateCenter, Warning
from jenkins_bootstrap.resources import sample

Raw = Callable[..., dict[str, Any]]
Make = Callable[..., UpdateCenter]


@pytest.fixture
def text(raw: Raw) -> bytes:
    return json.dumps(raw({"git": "5.7 2.479 scm-api@1 ?junit@2", "scm-api": "2.1 2.479"})).encode()


def forms(text: bytes) -> dict[str, bytes]:
    jsonp = b"updateCenter.post(\n" + text + b"\n);"
    return {"json": text, "jsonp": jsonp, "json.gz": gzip.compress(text), "jsonp.gz": gzip.compress(jsonp)}


@pytest.mark.parametrize("form", ["json", "jsonp", "json.gz", "jsonp.gz"])
def test_every_form_gives_the_same_values(text: bytes, form: str, tmp_path: Path) -> None:
    file = tmp_path / "uc"
    file.write_bytes(forms(text)[form])
    document = update_center.read(file)
    assert (document.id, document.generated, document.core) == ("test", "2025-01-01T00:00:00Z", "2.516.2")
    git = document.plugin("git")
    assert git is not None
    assert git.dependencies == (Dependency("scm-api", "1"), Dependency("junit", "2", optional=True))
    assert len(git.sha256) == 64
    assert document.plugin("nothing") is None
    assert document.names == ["git", "scm-api"]


@pytest.mark.parametrize("form", ["json", "jsonp", "json.gz", "jsonp.gz"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_document_that_is_cut_off_is_told(text: bytes, form: str, part: float) -> None:
    whole = forms(text)[form]
    with pytest.raises(PluginError, match=r"cut off|form|is no update-center document"):
        update_center.parse(whole[: int(len(whole) * part)], "https://x/uc")


def test_cut_off_is_the_word_for_it(text: bytes) -> None:
    for form, whole in forms(text).items():
        with pytest.raises(PluginError, match="cut off") as caught:
            update_center.parse(whole[:-5], "https://x/uc")
        assert caught.value.where == "https://x/uc", form
        assert "download it again" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<html>Not found</html>", "line 1, column 1"),
        (b"[]", "no mapping `plugins`"),
        (b"{}", "no mapping `plugins`"),
        (b'{"plugins": []}', "no mapping `plugins`"),
        (b'{"plugins": {}}', "no core version"),
        (b'{"plugins": {}, "core": {"version": "2"}, "warnings": {}}', "`warnings` are no list"),
        (b'{"plugins": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b"\x1f\x8bnot gzip at all", "damaged"),
    ],
)
def test_what_is_no_document(text: bytes, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        update_center.parse(text, "uc.json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": None}, "the plugin git has no version"),
        ({"url": ""}, "the plugin git has no url"),
        ({"name": "got"}, "calls itself got"),
        ({"sha256": "abc"}, "no SHA-256 in base64"),
        ({"sha256": "YWJj"}, "no SHA-256 in base64"),
        ({"dependencies": "scm-api"}, "a dependency of the plugin git"),
        ({"dependencies": [{"name": "scm-api"}]}, "a dependency of the plugin git"),
    ],
)
def test_an_entry_of_another_form(raw: Raw, change: dict[str, Any], says: str) -> None:
    value = raw({"git": "5.7 2.479"})
    value["plugins"]["git"].update(change)
    document = update_center.parse(json.dumps(value).encode(), "uc.json")
    with pytest.raises(PluginError, match=says):
        document.plugin("git")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"No such file[\s\S]*controller\.update_center"):
        update_center.read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("patterns", "version", "concerned"),
    [
        (("1[.](\\d|1[0123456])(|[.-].*)",), "1.16", True),
        (("1[.](\\d|1[0123456])(|[.-].*)",), "1.17", False),
        (("1[.](\\d|1[0123456])(|[.-].*)",), "11.1", False),
        (("2[.]0", "1[.]0"), "1.0", True),
        ((), "7", True),
        (("[broken",), "7", True),
    ],
)
def test_which_versions_a_warning_concerns(patterns: tuple[str, ...], version: str, concerned: bool) -> None:
    assert Warning("SECURITY-1", "git", "", "", patterns).concerns(version) is concerned


def test_warnings_and_deprecations_of_locked_plugins_and_core_are_noted(document: Make) -> None:
    def warning(name: str, pattern: str) -> dict[str, Any]:
        return {
            "id": f"SECURITY-{name}",
            "name": name,
            "type": "core" if name == "core" else "plugin",
            "message": "Stored XSS",
            "url": "https://jenkins.io/x",
            "versions": [{"pattern": pattern}],
        }

    made = document(
        {"git": "5.7 2.479", "old": "1.0 2.479", "other": "1 2.479"},
        warnings=[
            warning("git", "5[.].*"),
            warning("old", "0[.].*"),
            warning("core", "2[.]516.*"),
            warning("other", ".*"),
        ],
        deprecations={"old": {"url": "https://jenkins.io/why"}, "other": {"url": "x"}},
    )
    lock = resolve(["git", "old"], made, "2.516.2")
    found = notes(lock, made)
    assert [(f.plugin, f.kind, f.wrong) for f in found] == [
        ("core", "security", False),
        ("git", "security", False),
        ("old", "deprecated", False),
    ]
    accepted = [
        AcceptedFinding(plugin="git", id="SECURITY-git", reason="nobody configures it"),
        AcceptedFinding(plugin="core", id="SECURITY-1", reason="of last year"),
        AcceptedFinding(plugin="other", id="deprecation", reason="not locked any more"),
    ]
    assert [(f.plugin, f.kind, f.wrong, f.accepted) for f in judged(found, accepted)] == [
        ("core", "security", True, ""),
        ("git", "security", False, "nobody configures it"),
        ("old", "deprecated", True, ""),
        ("core", "unused", False, ""),
        ("other", "unused", False, ""),
    ]
    core, git, old, *_ = judged(found, accepted)
    assert core.hint == "see https://jenkins.io/x; or accept SECURITY-core in controller.accept, with a reason"
    assert "plugins lock --upgrade old; or accept deprecation in controller.accept" in old.hint
    assert str(git) == "git 5.7: SECURITY-git: Stored XSS (accepted: nobody configures it)"


def test_the_sample_that_ships_is_exactly_what_the_default_plugins_need() -> None:
    document = update_center.read(sample("update-center-sample.json"))
    lock = resolve(DEFAULT_PLUGINS, document, "2.516.2")
    assert [p.name for p in lock.plugins] == document.names
    assert sample("update-center-sample.json").stat().st_size < 150_000


def test_the_sample_gives_the_lock_of_the_real_document(real: UpdateCenter) -> None:
    shipped = update_center.read(sample("update-center-sample.json"))
    ours = resolve(DEFAULT_PLUGINS, shipped, "2.516.2")
    theirs = resolve(DEFAULT_PLUGINS, real, "2.516.2")
    assert ours == theirs
    assert notes(ours, shipped) == notes(theirs, real)
