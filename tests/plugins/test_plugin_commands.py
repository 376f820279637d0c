"""`init` and `plugins` as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.cli.main import run
from jenkins_bootstrap.cli.plugins import wanted_lock
from jenkins_bootstrap.config import load
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.lock import read


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the starter settings, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JENKINS_BOOTSTRAP_TARGET", raising=False)
    assert run(["-q", "init"]) == 0
    return tmp_path


def edit(folder: Path, old: str, new: str) -> None:
    edit_file(folder / "jenkins-bootstrap.yml", old, new)


def edit_file(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_init_writes_settings_that_load_and_the_schema(here: Path) -> None:
    assert load(here / "jenkins-bootstrap.yml").project == "demo"
    assert json.loads((here / "jenkins-bootstrap.schema.json").read_text())["title"] == "jenkins-bootstrap.yml"
    first = (here / "jenkins-bootstrap.yml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=jenkins-bootstrap.schema.json"


def test_init_never_overwrites(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "jenkins-bootstrap.yml").write_text("mine\n")
    (here / "jenkins-bootstrap.lock.json").write_text("mine too\n")
    assert run(["init"]) == 2
    assert "jenkins-bootstrap.yml: is there already" in capsys.readouterr().err
    assert (here / "jenkins-bootstrap.yml").read_text() == "mine\n"
    (here / "jenkins-bootstrap.yml").unlink()
    assert run(["init"]) == 0
    assert (here / "jenkins-bootstrap.lock.json").read_text() == "mine too\n"


def test_init_with_plan_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "new"), "--plan", "--exit-code"]) == 3
    assert f"would write {tmp_path}/new/jenkins-bootstrap.yml" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_init_for_a_project_and_for_one_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "shop"), "--project", "shop"]) == 0
    assert load(tmp_path / "shop/jenkins-bootstrap.yml").project == "shop"
    assert run(["init", str(tmp_path / "bad"), "--project", "Not One"]) == 2
    assert "project" in capsys.readouterr().err
    assert not (tmp_path / "bad").exists()


def test_init_points_to_a_published_schema_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/settings.schema.json").write_text("{}")
    assert run(["-q", "init", str(tmp_path)]) == 0
    assert (tmp_path / "jenkins-bootstrap.yml").read_text().startswith("# yaml-language-server: $schema=docs/settings")
    assert not (tmp_path / "jenkins-bootstrap.schema.json").exists()


def test_lock_writes_once_and_then_nothing_changes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins", "lock", "--plan", "--exit-code"]) == 3
    assert not (here / "jenkins-bootstrap.lock.json").exists()
    assert run(["plugins", "lock"]) == 0
    assert "add      ec2 2029.v50458f410ef9\n" in capsys.readouterr().out
    before = (here / "jenkins-bootstrap.lock.json").read_bytes()
    assert run(["plugins", "lock", "--plan", "--exit-code"]) == 0
    assert run(["plugins", "lock"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("0 changes: nothing changes")
    assert (here / "jenkins-bootstrap.lock.json").read_bytes() == before


def test_lock_as_json_lists_each_change(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["plugins", "lock", "-q"])
    edit(here, "    - ws-cleanup\n", "")
    capsys.readouterr()
    assert run(["--json", "plugins", "lock"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {"change": "remove", "plugin": "ws-cleanup", "from": "0.49", "to": None} in shown["changes"]
    assert all(c["change"] == "remove" for c in shown["changes"])


def test_an_unknown_plugin_names_the_nearest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(here, "    - matrix-auth\n", "    - matrix-auht\n")
    lines = (here / "jenkins-bootstrap.yml").read_text().splitlines()
    number = lines.index("    - matrix-auht") + 1
    index = load(here / "jenkins-bootstrap.yml").controller.plugins.index("matrix-auht")
    assert run(["plugins", "lock"]) == 2
    shown = capsys.readouterr().err
    assert f"error: jenkins-bootstrap.yml:{number}:7: controller.plugins[{index}]: there is no plugin" in shown
    assert "'matrix-auht'" in shown
    assert "did you mean 'matrix-auth'?" in shown
    assert not (here / "jenkins-bootstrap.lock.json").exists()


def test_a_core_older_than_the_plugins_need_is_told_for_each(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(here, 'version: "2.516.2"', 'version: "2.479.1"')
    assert run(["plugins", "lock"]) == 2
    shown = capsys.readouterr().err
    lines = (here / "jenkins-bootstrap.yml").read_text().splitlines()
    index = load(here / "jenkins-bootstrap.yml").controller.plugins.index("ec2")
    where = f"jenkins-bootstrap.yml:{lines.index('    - ec2') + 1}:7: controller.plugins[{index}]"
    assert f"{where}: the plugin ec2 2029.v50458f410ef9 needs core 2.479.3" in shown
    assert "(wanted through " in shown
    assert shown.count("needs core") > 5
    hints = {line for line in shown.splitlines() if "try:" in line}
    assert len(hints) == 1
    lowest = hints.pop().partition("version to ")[2].partition(" or later")[0]
    edit(here, 'version: "2.479.1"', f'version: "{lowest}"')
    assert run(["plugins", "lock", "--plan"]) == 0


def test_a_version_that_cannot_be_had_is_a_settings_error(
    here: Path, capsys: pytest.CaptureFixture[str], raw: Callable[..., dict[str, Any]]
) -> None:
    (here / "uc.json").write_text(json.dumps(raw({"a": "1 2.479", "b": "2 2.479 gone@1"})))
    (here / "small.yml").write_text(
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\n"
        "controller: {url: 'https://x/', update_center: uc.json, plugins: [b, a@0.9], update_center_check: none}\n"
    )
    assert run(["-c", "small.yml", "plugins", "lock"]) == 2
    shown = capsys.readouterr().err
    assert "small.yml:4:70: controller.plugins[1]: the plugin a 0.9 cannot be had" in shown
    assert "error: controller.plugins: b > gone: the plugin gone is needed" in shown


def test_lock_names_the_document_it_resolved_from(
    here: Path, capsys: pytest.CaptureFixture[str], raw: Callable[..., dict[str, Any]]
) -> None:
    assert run(["plugins", "lock", "--plan"]) == 0
    shown = capsys.readouterr().out
    assert "resolved from the sample document that ships with the package, of 20" in shown
    assert run(["plugins", "lock", "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["document"].startswith("the sample document that ships")
    (here / "uc.json").write_text(json.dumps(raw({"a": "1 2.479"})))
    (here / "small.yml").write_text(
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\n"
        "controller: {url: 'https://x/', plugins: [a], update_center: uc.json, update_center_check: none}\n"
    )
    assert run(["-c", "small.yml", "plugins", "lock", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["document"]).name == "uc.json"
    assert told["generated"] == "2025-01-01T00:00:00Z"
    assert run(["-c", "small.yml", "plugins", "lock"]) == 0
    assert f"resolved from {told['document']}\n" in capsys.readouterr().out


def test_a_lock_that_is_not_there_or_does_not_fit_is_noted(here: Path) -> None:
    settings = here / "jenkins-bootstrap.yml"
    _, notes = wanted_lock(Context(settings, "embedded"))
    assert notes[0].startswith("no jenkins-bootstrap.lock.json yet: resolved anew from the sample document that ships")
    assert notes[0].endswith(", bake writes it")
    assert run(["-q", "plugins", "lock"]) == 0
    assert not any("resolved anew" in note for note in wanted_lock(Context(settings, "embedded"))[1])
    edit(here, "    - ws-cleanup\n", "    - ws-cleanup\n    - git\n")
    _, notes = wanted_lock(Context(settings, "embedded"))
    assert notes[0].startswith("the lock does not fit the settings (the settings also want git): resolved anew from ")


def test_what_was_written_stands_before_what_is_next_in_one_pipe(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jenkins_bootstrap", "init", str(tmp_path / "new")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    first = [line.split()[0] for line in done.stdout.splitlines()]
    assert first == ["wrote", "wrote", "next:"]


def test_upgrade_of_one_of_all_and_of_a_wrong_name(
    here: Path, capsys: pytest.CaptureFixture[str], raw: Callable[..., dict[str, Any]]
) -> None:
    def offer(**plugins: str) -> None:
        (here / "uc.json").write_text(json.dumps(raw(plugins)))

    path = here / "small.yml"
    path.write_text(
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\n"
        "controller: {url: 'https://x/', plugins: [a, b], update_center: uc.json, update_center_check: none}\n"
    )

    def versions() -> list[str]:
        return [p.version for p in read(here / "jenkins-bootstrap.lock.json").plugins]

    offer(a="1 2.479", b="1 2.479")
    assert run(["-c", "small.yml", "plugins", "lock"]) == 0
    offer(a="2 2.479", b="2 2.479")
    assert run(["-c", "small.yml", "plugins", "lock"]) == 0
    assert versions() == ["1", "1"]
    assert run(["-c", "small.yml", "plugins", "lock", "--upgrade", "a"]) == 0
    assert versions() == ["2", "1"]
    assert "change   a 1 -> 2" in capsys.readouterr().out
    assert run(["-c", "small.yml", "plugins", "lock", "--upgrade"]) == 0
    assert versions() == ["2", "2"]
    assert run(["-c", "small.yml", "plugins", "lock", "--upgrade", "nothing-like-it"]) == 2


def test_a_document_of_a_later_date_that_says_the_same_is_no_change(
    here: Path, raw: Callable[..., dict[str, Any]]
) -> None:
    (here / "small.yml").write_text(
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\n"
        "controller: {url: 'https://x/', plugins: [a], update_center: uc.json, update_center_check: none}\n"
    )
    (here / "uc.json").write_text(json.dumps(raw({"a": "1 2.479"})))
    assert run(["-c", "small.yml", "plugins", "lock"]) == 0
    (here / "uc.json").write_text(json.dumps(raw({"a": "1 2.479"}, generationTimestamp="2025-02-02T00:00:00Z")))
    assert run(["-c", "small.yml", "plugins", "lock", "--plan", "--exit-code"]) == 0


def test_newest_in_the_settings_resolves_anew(here: Path, raw: Callable[..., dict[str, Any]]) -> None:
    for version in ("1", "2"):
        (here / "uc.json").write_text(json.dumps(raw({"a": f"{version} 2.479"})))
        (here / "small.yml").write_text(
            "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\ncontroller:\n  url: https://x/\n"
            "  plugins: [a]\n  plugin_versions: newest\n"
            "  update_center: uc.json\n  update_center_check: none\n"
        )
        assert run(["-c", "small.yml", "plugins", "lock"]) == 0
        assert read(here / "jenkins-bootstrap.lock.json").plugins[0].version == version


def test_verify_finds_a_lock_that_no_longer_fits(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins", "verify"]) == 1
    assert "there is no plugin lock" in capsys.readouterr().err
    run(["plugins", "lock", "-q"])
    assert run(["plugins", "verify"]) == 0
    edit(here, "    - ws-cleanup\n", "    - ws-cleanup\n    - git\n")
    capsys.readouterr()
    assert run(["plugins", "verify"]) == 1
    assert "the lock does not fit the settings: the settings also want git" in capsys.readouterr().out


def test_fetch_from_a_folder_and_verify_it(
    here: Path, capsys: pytest.CaptureFixture[str], raw: Callable[..., dict[str, Any]], content: Callable[..., bytes]
) -> None:
    (here / "uc.json").write_text(json.dumps(raw({"a": "1 2.479 b@1", "b": "1 2.479"})))
    (here / "small.yml").write_text(
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\n"
        "controller: {url: 'https://x/', plugins: [a], update_center: uc.json, update_center_check: none}\n"
    )
    (here / "mirror").mkdir()
    for name in ("a", "b"):
        (here / f"mirror/{name}.hpi").write_bytes(content(name, "1"))
    call = ["-c", "small.yml", "plugins"]
    assert run([*call, "lock"]) == 0
    assert run([*call, "fetch", "--out", "out", "--source", "mirror", "--plan", "--exit-code"]) == 3
    assert not (here / "out").exists()
    assert run([*call, "fetch", "--out", "out", "--source", "mirror"]) == 0
    assert run([*call, "fetch", "--out", "out", "--plan", "--exit-code"]) == 0
    assert run([*call, "verify", "--folder", "out"]) == 0
    (here / "out/b.jpi").write_bytes(b"tampered")
    capsys.readouterr()
    assert run([*call, "verify", "--folder", "out", "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["plugin"], finding["kind"]) == ("b", "hash")


def test_a_lock_that_fits_needs_no_update_center(here: Path, raw: Callable[..., dict[str, Any]]) -> None:
    settings = here / "small.yml"
    settings.write_text(
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\n"
        "controller: {url: 'https://x/', plugins: [a], update_center: uc.json, update_center_check: none}\n"
    )
    (here / "uc.json").write_text(json.dumps(raw({"a": "1 2.479"})))
    assert run(["-c", "small.yml", "plugins", "lock"]) == 0
    before, notes = wanted_lock(Context(settings))
    assert ([p.version for p in before.plugins], notes) == (["1"], [])
    (here / "uc.json").unlink()
    after, notes = wanted_lock(Context(settings))
    assert after == before
    assert ["security warnings are not known" in n for n in notes] == [True]
    edit_file(settings, "[a]", "[a, b]")
    with pytest.raises(PluginError, match="cannot be read"):
        wanted_lock(Context(settings))


def test_an_update_center_document_that_is_cut_off(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "uc.json").write_text('{"plugins": {"a": ')
    edit(here, "# embedded:\n", "embedded: {update_center: uc.json}\n")
    assert run(["plugins", "lock"]) == 1
    assert "cut off" in capsys.readouterr().err
