from __future__ import annotations

import hashlib
import struct
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from jenkins_bootstrap.config.models import Controller, DebianRepository, Java, Jenkins, WarFile, WarUrl
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.images.war import (
    JenkinsSource,
    find_jenkins,
    java_of_core,
    read_war,
    version_key,
)


def class_file(java: int) -> bytes:
    return struct.pack(">IHH", 0xCAFEBABE, 0, java + 44)


def make_war(path: Path, version: str | None = "2.516.2", *, java: int = 17, core_java: int | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as war:
        manifest = "Manifest-Version: 1.0\r\nMain-Class: executable.Main\r\n"
        war.writestr("META-INF/MANIFEST.MF", manifest + (f"Jenkins-Version: {version}\r\n" if version else ""))
        war.writestr("executable/Main.class", class_file(java))
        if core_java is not None:
            jar = BytesIO()
            with zipfile.ZipFile(jar, "w") as core:
                core.writestr("jenkins/model/Jenkins.class", class_file(core_java))
            war.writestr(f"WEB-INF/lib/jenkins-core-{version}.jar", jar.getvalue())
    return path


def controller(java: int = 21, source: object = None, version: str = "2.516.2") -> Controller:
    return Controller(
        url="https://j.example.org/",
        java=Java(version=java),
        jenkins=Jenkins.model_validate({"version": version, "source": source}),
    )


def find(spec: Controller, tmp_path: Path, target: str = "embedded", **environ: str) -> JenkinsSource:
    return find_jenkins(spec, environ=environ, target=target, cache=tmp_path / "cache", folder=tmp_path)


def test_a_war_tells_its_version_and_its_java(tmp_path: Path) -> None:
    path = make_war(tmp_path / "jenkins.war")
    war = read_war(path)
    assert (war.version, war.java) == ("2.516.2", 17)
    assert war.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_core_inside_the_war_counts_where_the_launcher_is_older(tmp_path: Path) -> None:
    assert read_war(make_war(tmp_path / "a.war", java=11, core_java=21)).java == 21


def test_the_version_counts_where_the_classes_are_older(tmp_path: Path) -> None:
    assert read_war(make_war(tmp_path / "a.war", "2.550", java=17)).java == 21


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("missing.war", None, "is not there"),
        ("text.war", b"not a zip", "is no war"),
        ("cut.war", b"PK\x03\x04" + b"\x00" * 50, "is no war"),
        ("empty.war", b"", "is no war"),
    ],
)
def test_what_is_no_war_is_an_error(tmp_path: Path, name: str, data: bytes | None, words: str) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(BootstrapError, match=words) as caught:
        read_war(tmp_path / name)
    assert caught.value.where == "JENKINS_WAR"


def test_a_folder_is_no_war(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="is no file"):
        read_war(tmp_path)


def test_a_zip_without_manifest_or_version_is_no_jenkins(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip.war", "w") as zipped:
        zipped.writestr("x", "y")
    with pytest.raises(BootstrapError, match="no META-INF/MANIFEST"):
        read_war(tmp_path / "zip.war")
    with pytest.raises(BootstrapError, match="no Jenkins-Version"):
        read_war(make_war(tmp_path / "other.war", None))


def test_a_java_that_is_too_old_is_refused_with_the_one_that_is_needed(tmp_path: Path) -> None:
    make_war(tmp_path / "new.war", "2.550", java=21)
    with pytest.raises(
        BootstrapError, match=r"Jenkins 2\.550 needs Java 21 or newer, the settings ask for 17"
    ) as caught:
        find(controller(17), tmp_path, JENKINS_WAR="new.war")
    assert caught.value.where == "controller.java.version"
    with pytest.raises(BootstrapError, match="needs Java 21"):
        find(controller(17, {"repository": "https://pkg.example.org"}, "2.550"), tmp_path, "aws")


def test_the_environment_wins_over_the_settings(tmp_path: Path) -> None:
    make_war(tmp_path / "a.war", "2.500")
    make_war(tmp_path / "b.war", "2.501")
    spec = controller(source=WarFile(war=tmp_path / "a.war"))
    assert find(spec, tmp_path).version == "2.500"
    assert find(spec, tmp_path, JENKINS_WAR="b.war").version == "2.501"


@pytest.mark.parametrize("source", [None, DebianRepository()])
def test_embedded_bakes_without_jenkins_and_says_so(tmp_path: Path, source: object) -> None:
    found = find(controller(source=source), tmp_path)
    assert found.war is None
    assert found.note == "without Jenkins: give JENKINS_WAR=FILE"


def test_real_aws_needs_a_source(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="an image for real AWS needs Jenkins"):
        find(controller(), tmp_path, "aws")
    found = find(controller(source=DebianRepository()), tmp_path, "aws")
    assert found.repository == DebianRepository() and found.note == ""


def test_versions_compare_as_numbers() -> None:
    assert version_key("2.516.10") > version_key("2.516.9") > version_key("2.516") > version_key("2.99.1-rc35")
    assert [java_of_core(v) for v in ("2.303", "2.361.4", "2.463", "2.544", "2.545", "3.0")] == [8, 11, 17, 17, 21, 21]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    path, asked = make_war(tmp_path / "served.war"), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path == "/jenkins.war" else 404)
            self.end_headers()
            self.wfile.write(path.read_bytes())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jenkins.war", path, asked
    server.shutdown()
    server.server_close()


def test_a_war_by_url_is_downloaded_once_and_verified(tmp_path: Path, served: tuple[str, Path, list[str]]) -> None:
    url, path, asked = served
    spec = controller(source=WarUrl(url=url, sha256=hashlib.sha256(path.read_bytes()).hexdigest()))
    assert find(spec, tmp_path).version == find(spec, tmp_path).version == "2.516.2"
    assert asked == ["/jenkins.war"]


def test_a_war_of_another_sum_is_refused_and_not_kept(tmp_path: Path, served: tuple[str, Path, list[str]]) -> None:
    url, _, _ = served
    with pytest.raises(BootstrapError, match=r"its SHA-256 is [0-9a-f]{64}, the settings say 0000"):
        find(controller(source=WarUrl(url=url, sha256="0" * 64)), tmp_path)
    with pytest.raises(BootstrapError, match=r"cannot be downloaded: HTTP Error 404"):
        find(controller(source=WarUrl(url=url + "x", sha256="0" * 64)), tmp_path)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
