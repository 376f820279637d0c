"""`plugins verify` against a running Jenkins and an image, and what `check` says of warnings and deprecations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.cli.check import plugin_rows
from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.cli.main import run
from jenkins_bootstrap.cli.plugins import wanted_lock
from jenkins_bootstrap.plugins import lock as locks
from jenkins_bootstrap.plugins.notes import verify_lock, verify_running
from jenkins_bootstrap.plugins.resolve import resolve
from jenkins_bootstrap.plugins.update_center import UpdateCenter

CORE = "2.516.2"
Raw = Callable[..., dict[str, Any]]
Make = Callable[..., UpdateCenter]


@dataclass(frozen=True)
class There:
    name: str
    version: str
    active: bool = True


@pytest.fixture
def lock(document: Make) -> locks.Lock:
    return resolve(["git"], document({"git": "5.7 2.479 scm-api@1", "scm-api": "2.1 2.479"}), CORE)


def test_a_running_jenkins_that_has_what_is_locked(lock: locks.Lock) -> None:
    assert verify_running(lock, CORE, [There("scm-api", "2.1"), There("git", "5.7")]) == ()
    assert verify_running(lock, CORE, [There("scm-api", "2.1 (private-abc-me)"), There("git", "5.7")]) == ()


def test_every_way_a_running_jenkins_can_differ(lock: locks.Lock) -> None:
    found = verify_running(lock, "2.528.1", [There("git", "5.8", active=False), There("zzz", "1")])
    assert [(f.plugin, f.kind) for f in found] == [
        ("core", "core"),
        ("git", "version"),
        ("git", "inactive"),
        ("scm-api", "missing"),
        ("zzz", "extra"),
    ]
    assert all(f.wrong and f.hint for f in found)


def test_every_way_an_images_lock_can_differ(lock: locks.Lock) -> None:
    assert verify_lock(lock, lock) == ()
    git, scm = lock.plugins
    other = replace(lock, core="2.528.1", plugins=(replace(git, sha256="0" * 64), replace(scm, name="zzz")))
    assert [(f.plugin, f.kind, f.wrong) for f in verify_lock(lock, other)] == [
        ("core", "core", True),
        ("git", "hash", True),
        ("scm-api", "missing", True),
        ("zzz", "extra", True),
    ]
    older = replace(lock, plugins=(git, replace(scm, version="2.0")))
    assert [(f.plugin, f.kind) for f in verify_lock(lock, older)] == [("scm-api", "version")]


# As it is typed


@dataclass
class Site:
    url: str = ""
    plugins: list[dict[str, Any]] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)


@pytest.fixture
def site(serve: Callable[[Callable[[BaseHTTPRequestHandler], None]], str]) -> Site:
    """What a Jenkins answers to the two questions that are asked."""
    site = Site()

    def answer(request: BaseHTTPRequestHandler) -> None:
        site.signed_in.append(request.headers.get("Authorization", ""))
        known = request.path.startswith(("/pluginManager/", "/api/json"))
        body = json.dumps({"plugins": site.plugins}).encode()
        request.send_response(200 if known else 404)
        request.send_header("X-Jenkins", CORE)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    site.url = serve(answer) + "/"
    return site


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: Raw) -> Path:
    """A folder with settings that want `a`, their document and their lock, as the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("JENKINS_BOOTSTRAP_TARGET", "JENKINS_USER", "JENKINS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    offer(tmp_path, raw)
    write(tmp_path)
    assert run(["-q", "plugins", "lock"]) == 0
    return tmp_path


def write(folder: Path, accept: str = "[]") -> None:
    (folder / "jenkins-bootstrap.yml").write_text(
        "project: demo\nregion: eu-west-1\ngithub: {owners: [{name: a}]}\ncontroller:\n  url: https://x/\n"
        f"  plugins: [a]\n  accept: {accept}\nembedded: {{update_center: uc.json}}\n"
    )


def offer(folder: Path, raw: Raw, **more: Any) -> None:
    (folder / "uc.json").write_text(json.dumps(raw({"a": "1 2.479 b@1", "b": "1 2.479"}, **more)))


def test_verify_of_a_running_jenkins(
    here: Path, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["plugins", "verify", "--url", site.url]
    assert run(call) == 2
    assert "JENKINS_USER, JENKINS_TOKEN: who signs in is not said" in capsys.readouterr().err
    monkeypatch.setenv("JENKINS_USER", "ada")
    monkeypatch.setenv("JENKINS_TOKEN", "not-a-real-token")
    site.plugins = [{"shortName": n, "version": "1", "active": True} for n in ("a", "b")]
    assert run(call) == 0
    assert all(value.startswith("Basic ") for value in site.signed_in)
    site.plugins = [{"shortName": "a", "version": "2", "active": True}, {"shortName": "c", "version": "1", "active": 1}]
    capsys.readouterr()
    assert run([*call, "--json"]) == 1
    shown = capsys.readouterr()
    found = json.loads(shown.out)["findings"]
    assert [(f["plugin"], f["kind"]) for f in found] == [("a", "version"), ("b", "missing"), ("c", "extra")]
    assert "not-a-real-token" not in shown.out + shown.err


def test_verify_takes_one_thing_at_a_time_and_says_what_it_cannot(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plugins", "verify", "--folder", ".", "--image"]) == 2
    assert "one at a time" in capsys.readouterr().err
    assert run(["--target", "aws", "plugins", "verify", "--image"]) == 2
    assert "nobody can look into an image on AWS" in capsys.readouterr().err


# Warnings and deprecations

WARNING = {
    "id": "SECURITY-7",
    "name": "b",
    "type": "plugin",
    "message": "Stored XSS",
    "url": "https://jenkins.io/x",
    "versions": [{"pattern": "1(|[.].*)"}],
}


def test_warnings_and_deprecations_fail_check_and_verify_until_they_are_accepted(
    here: Path, raw: Raw, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows() -> list[tuple[str, str]]:
        found = plugin_rows(Context(here / "jenkins-bootstrap.yml", "embedded"), None)
        return [(row.status, row.found) for row in found if row.thing == "controller.plugins"]

    assert rows() == [("ok", "2 plugins for core 2.516.2, Java 21 on amd64")]
    offer(here, raw, warnings=[WARNING], deprecations={"a": {"url": "https://jenkins.io/why"}})
    assert rows()[1:] == [("fail", "a 1: is deprecated"), ("fail", "b 1: SECURITY-7: Stored XSS")]
    assert run(["plugins", "verify"]) == 1
    shown = capsys.readouterr().out
    assert "wrong  b 1: SECURITY-7: Stored XSS\n" in shown
    assert "or accept SECURITY-7 in controller.accept, with a reason" in shown
    assert run(["plugins", "lock"]) == 0
    assert wanted_lock(Context(here / "jenkins-bootstrap.yml", "embedded"))[1] == [
        "a 1: is deprecated",
        "b 1: SECURITY-7: Stored XSS",
    ]
    write(
        here,
        "[{plugin: a, id: deprecation, reason: until spring}, {plugin: b, id: SECURITY-7, reason: not reachable}, "
        "{plugin: b, id: SECURITY-6, reason: of last year}]",
    )
    assert rows()[1:] == [
        ("note", "a 1: is deprecated (accepted: until spring)"),
        ("note", "b 1: SECURITY-7: Stored XSS (accepted: not reachable)"),
        ("note", "b -: SECURITY-6 is accepted but does not apply"),
    ]
    assert run(["plugins", "verify"]) == 0
    assert wanted_lock(Context(here / "jenkins-bootstrap.yml", "embedded"))[1] == []


def test_check_says_whether_the_document_is_signed(here: Path) -> None:
    (row,) = [
        r for r in plugin_rows(Context(here / "jenkins-bootstrap.yml", "embedded"), None) if r.thing == "update center"
    ]
    assert (row.status, row.found.partition(": ")[2]) == (
        "note",
        "its signature was not looked at: embedded.update_center names it",
    )


def test_a_lock_of_the_first_format_is_told_and_written_anew(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = here / "jenkins-bootstrap.lock.json"
    new = path.read_bytes()
    locks.write(path, replace(locks.read(path), java=None, architecture=None))
    assert json.loads(path.read_text())["format"] == 1
    assert run(["plugins", "verify"]) == 0
    lock, notes = wanted_lock(Context(here / "jenkins-bootstrap.yml", "embedded"))
    assert (lock.java, lock.architecture, notes) == (21, "amd64", [])
    capsys.readouterr()
    assert run(["plugins", "lock", "--plan", "--exit-code"]) == 3
    assert "the lock now says what it is for: Java 21 on amd64\n" in capsys.readouterr().out
    assert run(["plugins", "lock"]) == 0
    assert path.read_bytes() == new


def test_check_says_whether_the_locked_ec2_takes_what_the_stage_builds(here: Path, raw: Raw) -> None:
    def rows(version: str) -> set[tuple[str, str]]:
        (here / "uc.json").write_text(json.dumps(raw({"ec2": f"{version} 2.479"})))
        (here / "jenkins-bootstrap.lock.json").unlink(missing_ok=True)
        found = plugin_rows(Context(here / "jenkins-bootstrap.yml", "embedded"), None)
        return {(row.status, row.found) for row in found if row.thing == "plugin ec2"}

    text = (here / "jenkins-bootstrap.yml").read_text()
    (here / "jenkins-bootstrap.yml").write_text(text.replace("plugins: [a]", "plugins: [ec2]"))
    assert {status for status, _ in rows("2029.v50458f410ef9")} == {"ok"}
    assert ("fail", "SlaveTemplate has no parameter metadataTokensRequired: IMDSv2 cannot be required") in rows("1.40")
