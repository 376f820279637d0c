"""Downloads over real HTTP on loopback: verified, resumed, never half a file."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.errors import BootstrapError, SeveralErrors
from jenkins_bootstrap.plugins import fetch as fetching
from jenkins_bootstrap.plugins.errors import PluginError
from jenkins_bootstrap.plugins.fetch import fetch, missing, read_document
from jenkins_bootstrap.plugins.lock import Lock
from jenkins_bootstrap.plugins.resolve import resolve
from jenkins_bootstrap.plugins.update_center import UpdateCenter

DOCUMENT = {"git": "5.7 2.479 scm-api@1", "scm-api": "2.1 2.479 structs@1", "structs": "350.v3b_30f09f2363 2.479"}


@dataclass
class Site:
    """Bodies by path, statuses to answer first, how often a path's body is cut off; and what was asked."""

    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def site(serve: Callable[[Callable[[BaseHTTPRequestHandler], None]], str]) -> Site:
    site = Site()

    def answer(request: BaseHTTPRequestHandler) -> None:
        site.asked.append(request.path)
        body = site.bodies.get(request.path)
        queued = site.statuses.get(request.path, [])
        status = queued.pop(0) if queued else 200 if body is not None else 404
        request.send_response(status)
        body = body if status == 200 and body is not None else b""
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if site.cut.get(request.path, 0) > 0:
            site.cut[request.path] -= 1
            body = body[: len(body) // 2]
            request.close_connection = True
        request.wfile.write(body)

    site.url = serve(answer)
    return site


@pytest.fixture
def lock(document: Callable[..., UpdateCenter], site: Site, content: Callable[..., bytes]) -> Lock:
    """A lock whose addresses are on the server, which has every file."""
    made = resolve(["git"], document(DOCUMENT), "2.516.2")
    plugins = []
    for plugin in made.plugins:
        path = f"/{plugin.name}/{plugin.version}/{plugin.name}.hpi"
        site.bodies[path] = content(plugin.name, plugin.version)
        plugins.append(replace(plugin, url=site.url + path))
    return replace(made, plugins=tuple(plugins))


class Sleeps(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def errors(lock: Lock, out: Path, **more: Any) -> list[BootstrapError]:
    with pytest.raises(BootstrapError) as caught:
        fetch(lock, out, **{"sleep": Sleeps(), **more})
    return list(caught.value.errors) if isinstance(caught.value, SeveralErrors) else [caught.value]


def test_every_plugin_is_fetched_and_told(lock: Lock, tmp_path: Path, content: Callable[..., bytes]) -> None:
    lines: list[str] = []
    fetched = fetch(lock, tmp_path / "new/plugins", progress=lines.append)
    assert fetched.downloaded == ("git", "scm-api", "structs")
    assert names(tmp_path / "new/plugins") == ["git.jpi", "scm-api.jpi", "structs.jpi"]
    assert (tmp_path / "new/plugins/git.jpi").read_bytes() == content("git", "5.7")
    assert lines[0] == "(0 of 3)"
    assert [line[-8:] for line in lines[1:]] == ["(1 of 3)", "(2 of 3)", "(3 of 3)"]
    assert "structs 350.v3b_30f09f2363" in {line.rpartition(" (")[0] for line in lines[1:]}


def test_a_second_run_asks_only_for_what_is_not_there_or_not_good(lock: Lock, tmp_path: Path, site: Site) -> None:
    fetch(lock, tmp_path)
    site.asked.clear()
    (tmp_path / "git.jpi").write_bytes(b"tampered")
    (tmp_path / "structs.jpi").unlink()
    assert [p.name for p in missing(lock, tmp_path)] == ["git", "structs"]
    fetched = fetch(lock, tmp_path)
    assert (fetched.downloaded, fetched.kept) == (("git", "structs"), ("scm-api",))
    assert sorted(site.asked) == ["/git/5.7/git.hpi", "/structs/350.v3b_30f09f2363/structs.hpi"]
    assert missing(lock, tmp_path) == []


def test_another_hash_is_an_error_and_leaves_no_file(lock: Lock, tmp_path: Path, site: Site) -> None:
    site.bodies["/git/5.7/git.hpi"] = b"tampered"
    (error,) = errors(lock, tmp_path)
    assert error.where == f"{site.url}/git/5.7/git.hpi"
    assert "git 5.7 has sha256 " in error.what
    assert names(tmp_path) == ["scm-api.jpi", "structs.jpi"]


def test_a_good_file_is_not_lost_to_a_tampered_download(lock: Lock, tmp_path: Path, site: Site) -> None:
    fetch(lock, tmp_path)
    newer = replace(lock, plugins=(replace(lock.plugins[0], sha256="0" * 64), *lock.plugins[1:]))
    assert len(errors(newer, tmp_path)) == 1
    assert missing(lock, tmp_path) == []


def test_every_failure_is_told(lock: Lock, tmp_path: Path, site: Site) -> None:
    site.bodies["/git/5.7/git.hpi"] = b"tampered"
    del site.bodies["/scm-api/2.1/scm-api.hpi"]
    found = errors(lock, tmp_path)
    assert ["has sha256" in found[0].what, found[1].what] == [True, "the server answers 404 Not Found"]
    assert "--upgrade scm-api" in found[1].hint


def test_what_may_pass_is_tried_again(lock: Lock, tmp_path: Path, site: Site) -> None:
    site.statuses["/git/5.7/git.hpi"] = [503, 429]
    site.cut["/structs/350.v3b_30f09f2363/structs.hpi"] = 1
    sleeps = Sleeps()
    fetch(lock, tmp_path, sleep=sleeps)
    assert sorted(sleeps) == [1.0, 1.0, 2.0]
    assert missing(lock, tmp_path) == []


def test_what_does_not_pass_ends_in_an_error_and_leaves_nothing(lock: Lock, tmp_path: Path, site: Site) -> None:
    site.statuses["/git/5.7/git.hpi"] = [500] * 3
    site.cut["/structs/350.v3b_30f09f2363/structs.hpi"] = 3
    found = errors(lock, tmp_path)
    assert found[0].what == "the server answers 500 Internal Server Error"
    assert found[1].what.startswith("cannot be downloaded: IncompleteRead")
    assert names(tmp_path) == ["scm-api.jpi"]


def test_no_connection_is_one_clear_error(lock: Lock, tmp_path: Path) -> None:
    dead = replace(lock, plugins=(replace(lock.plugins[0], url="http://127.0.0.1:1/x.hpi"),))
    (error,) = errors(dead, tmp_path)
    assert "Connection refused" in error.what
    assert "HTTPS_PROXY" in error.hint


def many(lock: Lock, count: int, url: str) -> Lock:
    """A lock of so many plugins p00, p01, ..., all at that address."""
    return replace(lock, plugins=tuple(replace(lock.plugins[0], name=f"p{i:02}", url=url) for i in range(count)))


def test_a_host_that_cannot_be_reached_is_given_up_and_told_once(lock: Lock, tmp_path: Path) -> None:
    lines: list[str] = []
    (error,) = errors(many(lock, 40, "http://127.0.0.1:1/x.hpi"), tmp_path, progress=lines.append)
    assert error.where == "127.0.0.1:1"
    assert error.what.startswith("cannot be reached: ")
    assert "Connection refused; 4 plugins failed, 36 more were not tried" in error.what
    assert "HTTPS_PROXY" in error.hint
    assert lines[0] == "(0 of 40)"
    assert lines[-1].endswith("(0 of 40, 4 failed)")
    assert len(lines) == 5


def test_giving_up_does_not_wait_for_all_pauses_of_the_others(
    lock: Lock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way ends after the pause it is in."""
    asked: list[str] = []
    slept: list[float] = []
    over = threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            over.set()
            super().shutdown(wait, cancel_futures=cancel_futures)

    def get(url: str) -> Any:
        asked.append(url)
        return fetching.http_get(url)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 4 * 2:
            assert over.wait(20)

    monkeypatch.setattr(fetching, "ThreadPoolExecutor", Pool)
    errors(many(lock, 40, "http://127.0.0.1:1/x.hpi"), tmp_path, get=get, sleep=sleep, workers=1)
    assert len(asked) in (4 * 3, 4 * 3 + 1)


def test_what_failed_otherwise_is_told_beside_the_host(lock: Lock, tmp_path: Path, site: Site) -> None:
    odd = replace(lock.plugins[0], name="a", url="file:///x")
    dead = many(lock, 9, "http://127.0.0.1:1/x.hpi")
    found = errors(replace(dead, plugins=(odd, *dead.plugins)), tmp_path, workers=1)
    assert ["no http(s) URL" in found[0].what, "4 plugins failed, 5 more were not tried" in found[1].what] == [True] * 2


def test_one_that_comes_through_begins_the_count_anew(lock: Lock, tmp_path: Path) -> None:
    dead = many(lock, 6, "http://127.0.0.1:1/x.hpi").plugins
    mixed = replace(lock, plugins=(*dead[:3], lock.plugins[0], *dead[3:]))
    found = errors(mixed, tmp_path, workers=1)
    assert [e.where for e in found] == ["http://127.0.0.1:1/x.hpi"] * 6
    assert names(tmp_path) == ["git.jpi"]


def test_answers_of_a_server_are_never_a_reason_to_give_up(lock: Lock, tmp_path: Path, site: Site) -> None:
    assert len(errors(many(lock, 6, site.url + "/none.hpi"), tmp_path, workers=1)) == 6


def test_an_address_that_is_no_url_is_refused(lock: Lock, tmp_path: Path) -> None:
    odd = replace(lock, plugins=(replace(lock.plugins[0], url="file:///etc/passwd"),))
    (error,) = errors(odd, tmp_path)
    assert "no http(s) URL" in error.what
    assert names(tmp_path) == []


def test_another_site_takes_the_place_of_the_locks_addresses(lock: Lock, tmp_path: Path, site: Site) -> None:
    elsewhere = replace(lock, plugins=tuple(replace(p, url="http://127.0.0.1:1/x") for p in lock.plugins))
    assert len(fetch(elsewhere, tmp_path, source=site.url + "/").downloaded) == 3


@pytest.mark.parametrize("layout", ["{n}.jpi", "{n}.hpi", "{n}/{v}/{n}.hpi"])
def test_a_folder_takes_the_place_of_the_locks_addresses(
    lock: Lock, tmp_path: Path, content: Callable[..., bytes], layout: str
) -> None:
    for plugin in lock.plugins:
        path = tmp_path / "from" / layout.format(n=plugin.name, v=plugin.version)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(plugin.name, plugin.version))
    fetch(lock, tmp_path / "out", source=str(tmp_path / "from"))
    assert missing(lock, tmp_path / "out") == []


def test_a_folder_without_the_plugin(lock: Lock, tmp_path: Path) -> None:
    found = errors(lock, tmp_path / "out", source=str(tmp_path))
    assert [e.what for e in found] == ["git.jpi is not there", "scm-api.jpi is not there", "structs.jpi is not there"]
    assert {e.hint for e in found} == {"give a folder that has it"}


def test_no_space_is_told_and_leaves_nothing(lock: Lock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, real: Any) -> None:
            self.real = real

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.real.close()

        def write(self, _block: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    fdopen = fetching.os.fdopen
    monkeypatch.setattr(fetching.os, "fdopen", lambda handle, mode: Full(fdopen(handle, mode)))
    sleeps = Sleeps()
    found = errors(lock, tmp_path, sleep=sleeps)
    assert all(e.what.startswith("cannot be written: No space left on device (") for e in found)
    assert sleeps == []
    assert names(tmp_path) == []


def test_a_run_that_is_interrupted_leaves_whole_files_only(lock: Lock, tmp_path: Path) -> None:
    def stop(line: str) -> None:
        if "(1 of 3)" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(lock, tmp_path, progress=stop)
    assert not [n for n in names(tmp_path) if n.endswith(".part")]
    assert len(missing(lock, tmp_path)) < 3


def test_what_a_killed_run_left_is_swept_away(lock: Lock, tmp_path: Path) -> None:
    (tmp_path / ".git.old.part").write_bytes(b"half")
    os.utime(tmp_path / ".git.old.part", (1, 1))
    (tmp_path / ".git.new.part").write_bytes(b"half")
    fetch(lock, tmp_path)
    assert [n for n in names(tmp_path) if n.endswith(".part")] == [".git.new.part"]


def test_a_folder_that_cannot_be_made(lock: Lock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (error,) = errors(lock, tmp_path / "file/plugins")
    assert "cannot be made" in error.what


def test_a_document_from_a_url_and_from_a_path(site: Site, tmp_path: Path, raw: Callable[..., dict[str, Any]]) -> None:
    text = json.dumps(raw(DOCUMENT)).encode()
    site.bodies["/uc.json"] = text
    (tmp_path / "uc.json").write_bytes(text)
    assert read_document(site.url + "/uc.json").names == read_document(str(tmp_path / "uc.json")).names


def test_a_document_that_breaks_off_is_tried_again(site: Site, raw: Callable[..., dict[str, Any]]) -> None:
    site.bodies["/uc.json"] = json.dumps(raw(DOCUMENT)).encode()
    site.cut["/uc.json"] = 1
    assert read_document(site.url + "/uc.json", sleep=Sleeps()).names == sorted(DOCUMENT)
    with pytest.raises(PluginError, match="404"):
        read_document(site.url + "/none", sleep=Sleeps())


def test_a_password_in_an_address_is_not_shown(site: Site) -> None:
    address = site.url.replace("http://", "http://user:not-a-real-password@") + "/none?token=not-a-real-token"
    with pytest.raises(PluginError) as caught:
        read_document(address, sleep=Sleeps(), get=lambda _url: fetching.http_get(site.url + "/none"))
    assert "not-a-real" not in str(caught.value)
