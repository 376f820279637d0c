from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.config.controller import Boot
from jenkins_bootstrap.config.models import DebianRepository, ImageSpec, Settings, Sync
from jenkins_bootstrap.errors import BootstrapError, ToolError
from jenkins_bootstrap.images import manifest, runtime
from jenkins_bootstrap.images.graph import NamedImage
from jenkins_bootstrap.images.inputs import Archive, ControllerContent, ImageInputs, digest, gather
from jenkins_bootstrap.images.payload import bake_facts, environment, write_upload
from jenkins_bootstrap.images.tarball import Member, write_tar
from jenkins_bootstrap.images.units import units
from jenkins_bootstrap.images.war import JenkinsSource

Inputs = Callable[..., ImageInputs]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which the dependencies are there already."""
    kept = tmp_path / "cache" / "runtime.tar.gz"
    kept.parent.mkdir()
    kept.write_bytes(gzip.compress(b""))
    monkeypatch.setattr("jenkins_bootstrap.images.payload.dependencies", lambda *_: kept)
    return kept.parent


def upload(tmp_path: Path, inputs: ImageInputs, cache: Path, name: str = "up") -> Path:
    identity = {"target": "embedded", "project": "demo", "commit": "none", "image": "mine"}
    return write_upload(tmp_path / name, inputs, key="k" * 64, identity=identity, cache=cache)


def names(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


def test_a_controllers_upload(tmp_path: Path, inputs_of: Inputs, cache: Path) -> None:
    folder = upload(tmp_path, inputs_of(), cache)
    assert folder.name == "jenkins-bootstrap"
    assert names(folder / "payload.tar") == [
        "etc/systemd/system/jenkins-bootstrap-jobs.service",
        "etc/systemd/system/jenkins-bootstrap-jobs.service.d/10-settings.conf",
        "etc/systemd/system/jenkins-bootstrap-jobs.timer",
        "etc/systemd/system/jenkins-bootstrap-jobs.timer.d/10-settings.conf",
        "etc/systemd/system/jenkins-bootstrap-page.service",
        "etc/systemd/system/jenkins-bootstrap-serve.service",
        "etc/systemd/system/jenkins-bootstrap-watch.service",
        "etc/systemd/system/jenkins-bootstrap-watch.timer",
        "etc/systemd/system/jenkins-bootstrap-watch.timer.d/10-settings.conf",
        "etc/systemd/system/jenkins.service",
        "etc/systemd/system/jenkins.service.d/10-settings.conf",
        "opt/jenkins-bootstrap/lib/jenkins_bootstrap/__init__.py",
        "usr/local/bin/jenkins-bootstrap",
        "usr/share/jenkins-bootstrap/image.json",
        "usr/share/jenkins-bootstrap/plugins.lock.json",
        "usr/share/jenkins-bootstrap/settings.json",
        "usr/share/jenkins-bootstrap/stages/init.groovy",
        "usr/share/jenkins-bootstrap/stages/init.groovy.d/aws.txt",
        "usr/share/jenkins-bootstrap/stages/init.groovy.d/github.txt",
        "usr/share/jenkins-bootstrap/stages/init.groovy.d/githubrepos.txt",
    ]
    assert names(folder / "seed.tar") == [
        "usr/share/jenkins-bootstrap/jobs/seed.json",
        *(f"usr/share/jenkins-bootstrap/jobs/xml/acme/r{n}.xml" for n in range(3)),
    ]
    with tarfile.open(folder / "payload.tar") as tar:
        modes = {m.name: (m.mode, m.uname, m.uid) for m in tar.getmembers()}
        image = json.loads(tar.extractfile("usr/share/jenkins-bootstrap/image.json").read())  # type: ignore[union-attr]
    assert modes["usr/local/bin/jenkins-bootstrap"] == (0o755, "root", 0)
    assert modes["usr/share/jenkins-bootstrap/image.json"] == (0o644, "root", 0)
    assert image["content_key"] == "k" * 64 and image["target"] == "embedded"
    assert json.loads((folder / "bake.json").read_text())["classes"] is False
    assert json.loads((folder / "bake.json").read_text())["seed_jobs"] == 3
    assert (folder / "scripts" / "own.sh").read_text() == "true\n"
    assert not (folder / "jenkins.war").exists()


def test_the_classes_of_the_stages_lie_beside_them(
    tmp_path: Path, inputs_of: Inputs, cache: Path, content: ControllerContent
) -> None:
    folder = upload(tmp_path, replace(inputs_of(), controller=replace(content, classes=b"an archive")), cache)
    with tarfile.open(folder / "payload.tar") as tar:
        found = tar.extractfile("usr/share/jenkins-bootstrap/stages.jar")
        assert found is not None and found.read() == b"an archive"
    assert json.loads((folder / "bake.json").read_text())["classes"] is True


def test_units_say_what_the_settings_say() -> None:
    made = units(Boot(memory_percent=75, look_every_minutes=2, deadline_seconds=3600), Sync(every_minutes=20))
    jenkins = made["jenkins.service.d/10-settings.conf"].decode()
    assert jenkins == "[Service]\nEnvironment=MEMORY_PERCENT=75\nTimeoutStartSec=3900\n"
    timer = made["jenkins-bootstrap-watch.timer.d/10-settings.conf"].decode()
    assert timer == "[Timer]\nOnActiveSec=\nOnActiveSec=2min\nOnUnitInactiveSec=2min\n"
    assert b"OnUnitInactiveSec=20min\n" in made["jenkins-bootstrap-jobs.timer.d/10-settings.conf"]
    assert made["jenkins-bootstrap-jobs.service.d/10-settings.conf"] == b"[Service]\nEnvironment=MINUTES=26\n"
    assert b"TimeoutStartSec=1200\n" in units(Boot(), Sync())["jenkins.service.d/10-settings.conf"]


def test_an_upload_is_the_same_bytes_for_the_same_inputs(tmp_path: Path, inputs_of: Inputs, cache: Path) -> None:
    first, second = (upload(tmp_path, inputs_of(), cache, name) for name in ("a", "b"))
    for path in first.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (second / path.relative_to(first)).read_bytes(), path.name


def test_files_and_checks_of_the_settings_are_uploaded(tmp_path: Path, inputs_of: Inputs, cache: Path) -> None:
    (tmp_path / "motd").write_text("hello")
    (tmp_path / "own.py").write_text("pass")
    inputs = inputs_of(files={"/etc/motd": str(tmp_path / "motd")}, checks=[str(tmp_path / "own.py")])
    folder = upload(tmp_path, inputs, cache)
    assert names(folder / "files.tar") == ["etc/motd"]
    assert (folder / "checks" / "own" / "0-own.py").read_text() == "pass"


def test_the_users_own_templates_of_jobs_are_in_the_image_and_in_its_key(
    tmp_path: Path, settings: Settings, template: Path, content: ControllerContent, cache: Path
) -> None:
    own = tmp_path / "own"
    for name in ("nightly.yaml", "scripts/build.sh", ".git/config"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text("text of " + name)

    def inputs(place: Path) -> ImageInputs:
        jobs = settings.jobs.model_copy(update={"templates": place})
        spec = ImageSpec.model_validate({"parent": "base", "template": str(template)})
        changed = settings.model_copy(update={"jobs": jobs})
        return gather(NamedImage("mine", spec), changed, content, folder=template.parent, package={})

    def templates(place: Path, name: str) -> list[str]:
        payload = upload(tmp_path, inputs(place), cache, name) / "payload.tar"
        return [path for path in names(payload) if "/templates/" in path]

    top = "usr/share/jenkins-bootstrap/templates"
    assert templates(own, "folder") == [f"{top}/nightly.yaml", f"{top}/scripts/build.sh"]
    assert templates(own / "nightly.yaml", "file") == [f"{top}/nightly.yaml"]
    before = digest(inputs(own).files["jobs/scripts/build.sh"])
    (own / "scripts/build.sh").write_text("another")
    assert digest(inputs(own).files["jobs/scripts/build.sh"]) != before  # of which the key is made


def test_plugin_archives_are_those_of_the_lock(tmp_path: Path, inputs_of: Inputs, cache: Path) -> None:
    path = tmp_path / "git.hpi"
    path.write_bytes(b"plugin")
    inputs = inputs_of()
    assert inputs.controller is not None

    def having(sha256: str) -> ImageInputs:
        assert inputs.controller is not None
        return replace(inputs, controller=replace(inputs.controller, archives=(Archive("git", path, sha256),)))

    folder = upload(tmp_path, having(hashlib.sha256(b"plugin").hexdigest()), cache)
    assert "usr/share/jenkins-bootstrap/plugins/git.jpi" in names(folder / "payload.tar")
    with pytest.raises(BootstrapError, match=r"git\.hpi: its SHA-256 is .* the plugin lock says 0000"):
        upload(tmp_path, having("0" * 64), cache)
    path.unlink()
    with pytest.raises(BootstrapError, match=r"git\.hpi: is not there"):
        upload(tmp_path, having("0" * 64), cache)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path, inputs_of: Inputs, cache: Path) -> None:
    (tmp_path / "up").write_text("a file where the folder should be")
    with pytest.raises(BootstrapError, match="cannot be written"):
        upload(tmp_path, inputs_of(), cache)


def test_scripts_are_told_what_they_need(inputs_of: Inputs, content: ControllerContent) -> None:
    inputs = inputs_of()
    assert environment(inputs) == ["BAKE_SSH_USER=admin", "BAKE_JAVA=21"]
    assert bake_facts(inputs, "k")["jenkins"] is None
    repository = JenkinsSource(repository=DebianRepository(), version="2.516.2")
    inputs = replace(inputs, controller=replace(content, jenkins=repository))
    assert "BAKE_JENKINS_VERSION=2.516.2" in environment(inputs)
    assert bake_facts(inputs, "k")["jenkins"] == {"version": "2.516.2", "sha256": ""}


PATHS = st.lists(st.text("abc.é ", min_size=1, max_size=5), min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(PATHS, st.binary(max_size=40)))
def test_a_tar_does_not_depend_on_the_order_of_its_members(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("tar")
    members = [Member(name, data) for name, data in files.items()]
    for compress in (False, True):
        write_tar(folder / "a", members, compress=compress)
        write_tar(folder / "b", members[::-1], compress=compress)
        assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    with tarfile.open(folder / "a") as tar:
        assert {m.name: tar.extractfile(m).read() for m in tar} == files  # type: ignore[union-attr]


# --- our package and its dependencies ---


def test_our_package_travels_with_what_is_rendered_and_without_the_embedded_target() -> None:
    files = runtime.package_files()
    assert "jenkins_bootstrap/images/runtime.py" in files
    assert "jenkins_bootstrap/_share/packer/base/base.pkr.hcl" in files
    assert "jenkins_bootstrap/_share/requirements-runtime.lock" in files
    (points,) = [content for name, content in files.items() if name.endswith(".dist-info/entry_points.txt")]
    assert isinstance(points, bytes) and b"[jenkins_jobs.properties]\njenkins-bootstrap = " in points
    assert not [name for name in files if "embedded/" in name or "__pycache__" in name or name.endswith(".pyc")]


def test_every_aws_service_that_our_code_calls_is_kept_in_the_image() -> None:
    import re

    package = Path(runtime.__file__).parents[1]
    called = set()
    for path in package.rglob("*.py"):
        if "embedded" not in path.parts:
            called |= set(re.findall(r"\.(?:client|call|pages)\(\s*\"([a-z0-9-]+)\"", path.read_text()))
    assert "ec2" in called
    assert called <= set(runtime.SERVICES)


def test_the_lock_names_every_dependency_with_its_sum_and_no_host() -> None:
    text = runtime.runtime_lock().read_text()
    assert "://" not in text
    pinned = [line for line in text.splitlines() if "==" in line and not line.startswith(" ")]
    assert len(pinned) > 20 and text.count("--hash=sha256:") >= len(pinned)
    for name in ("boto3==", "pydantic==", "jenkins-job-builder=="):
        assert any(line.startswith(name) for line in pinned)
    assert "moto" not in text and "pytest" not in text


def test_pips_failure_is_shown_with_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'ERROR: No matching distribution found for boto3' >&2; exit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(ToolError, match="No matching distribution found for boto3"):
        runtime.dependencies("amd64", tmp_path / "cache")
    assert not list((tmp_path / "cache" / "runtime").iterdir())


def test_dependencies_are_made_once_and_trimmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python"
    fake.write_text(
        '#!/bin/sh\nwhile [ "$1" != --target ]; do shift; done; cd_to=$2; echo run >>$0.log\n'
        "for f in boto3/a.py boto3/tests/t.py botocore/data/ec2/x.json botocore/data/xray/x.json bin/tool x.so; do\n"
        '  mkdir -p "$cd_to/$(dirname $f)"; echo $f >"$cd_to/$f"; done\n'
    )
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    first = runtime.dependencies("amd64", tmp_path / "cache")
    assert runtime.dependencies("amd64", tmp_path / "cache") == first
    assert runtime.dependencies("arm64", tmp_path / "cache") != first
    assert Path(f"{fake}.log").read_text() == "run\nrun\n"
    lib = "opt/jenkins-bootstrap/lib"
    assert names(first) == [f"{lib}/boto3/a.py", f"{lib}/botocore/data/ec2/x.json", f"{lib}/x.so"]


# --- the manifest ---


def packers(ami: str, name: str = "base", image: str | None = None, uuid: str = "u1") -> str:
    build = {
        "name": name,
        "builder_type": "amazon-ebs",
        "build_time": 1,
        "files": None,
        "artifact_id": f"eu-west-1:{ami}",
        "packer_run_uuid": uuid,
        "custom_data": {"image": image} if image else None,
    }
    return json.dumps({"builds": [build], "last_run_uuid": uuid})


def test_the_manifest_keeps_every_build_newest_last(tmp_path: Path) -> None:
    path, fresh = tmp_path / "manifest.json", tmp_path / "fresh.json"
    for ami, name, image in (("ami-1", "base", None), ("ami-2", "controller", "web"), ("ami-3", "base", None)):
        fresh.write_text(packers(ami, name, image, f"u-{ami}"))
        manifest.merge(path, fresh)
    builds = manifest.read_builds(path)
    assert [(b.name, b.region, b.ami) for b in builds] == [
        ("base", "eu-west-1", "ami-1"),
        ("web", "eu-west-1", "ami-2"),
        ("base", "eu-west-1", "ami-3"),
    ]
    written = json.loads(path.read_text())
    assert written["last_run_uuid"] == "u-ami-3"
    assert written["builds"][1]["name"] == "web"
    manifest.merge(path, fresh)
    assert len(manifest.read_builds(path)) == 3


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "no list of builds"), ("{}", "no list")]
)
def test_a_manifest_that_is_none_is_an_error(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "manifest.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ToolError, match=words):
        manifest.read_builds(path)


# --- the runner of the checks inside a bake ---

CHECKS = Path(__file__).parents[2] / "packer" / "checks"


def run_checks(tmp_path: Path, *scripts: str, own: str | None = None, seconds: str = "20") -> tuple[int, str]:
    folder = tmp_path / "checks"
    folder.mkdir()
    (folder / "run.py").write_bytes((CHECKS / "run.py").read_bytes())
    files = []
    for number, text in enumerate(scripts):
        files.append(folder / f"{number}.py")
        files[-1].write_text(text)
    if own is not None:
        (folder / "own").mkdir()
        (folder / "own" / "0-mine.sh").write_text(own)
    done = subprocess.run(
        [sys.executable, str(folder / "run.py"), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BAKE_CHECK_SECONDS": seconds},
    )
    return done.returncode, done.stdout


def test_checks_that_pass(tmp_path: Path) -> None:
    said = "running the check 0.py\nok     one\nrunning the check 0-mine.sh\nok     mine\n"
    assert run_checks(tmp_path, "print('ok     one')", own="echo 'ok     mine'") == (0, said)


def test_what_a_check_says_of_an_error_comes_before_its_failed_line(tmp_path: Path) -> None:
    _, text = run_checks(tmp_path, own="echo too small >&2; exit 7")
    assert text.splitlines()[1:3] == ["too small", "FAILED 0-mine.sh: exit status 7"]


def test_all_checks_run_and_one_that_fails_fails_the_bake(tmp_path: Path) -> None:
    status, text = run_checks(tmp_path, "raise SystemExit(3)", "print('ok     two')", own="false")
    assert status == 1
    assert "FAILED 0.py: exit status 3" in text and "ok     two" in text and "FAILED 0-mine.sh: exit status 1" in text


def test_a_check_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = (
        "import subprocess, time\nfrom pathlib import Path\n"
        f"Path({str(child)!r}).write_text(str(subprocess.Popen(['sleep', '600']).pid))\ntime.sleep(600)\n"
    )
    status, text = run_checks(tmp_path, script, seconds="1")
    assert (status, "FAILED 0.py: did not end in 1 seconds" in text) == (1, True)
    stat = Path(f"/proc/{child.read_text()}/stat")
    deadline = time.monotonic() + 15
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.02)
