"""The built wheel in an empty environment: the rendered folders are inside, and the embedded target is an extra."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("groovy", "jobs", "packer", "terraform")


def run(*command, cwd, check=True):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JENKINS_", "PYTHON", "VIRTUAL_ENV"))}
    environ["UV_SYSTEM_CERTS"] = "1"  # uv brings authorities of its own, which know no company's proxy
    environ["TMPDIR"] = str(Path(cwd).parent)  # uv leaves its locks there
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, env=environ, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    if not any(listed):
        pytest.skip("no git checkout")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=source)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The command of an environment that holds nothing but the wheel and its run-time dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    uv = Path(sys.executable).with_name("uv")
    run(uv, "venv", "-q", "--python", sys.executable, folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    lock = ROOT / "requirements-runtime.lock"
    run(uv, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", lock, cwd=folder)
    run(uv, "pip", "install", "-q", "--python", python, "--no-deps", wheel, cwd=folder)
    return folder / "venv/bin/jenkins-bootstrap"


def test_the_wheel_holds_every_folder_that_is_rendered_or_run_elsewhere(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for folder in FOLDERS:
        here = sorted(
            p.relative_to(ROOT / folder).as_posix()
            for p in (ROOT / folder).rglob("*")
            if p.is_file() and "__pycache__" not in p.parts
        )
        prefix = f"jenkins_bootstrap/_share/{folder}/"
        assert sorted(n.removeprefix(prefix) for n in names if n.startswith(prefix)) == here


def test_an_empty_environment_can_init_render_and_define_jobs(installed, tmp_path):
    run(installed, "init", ".", cwd=tmp_path)
    run(installed, "render", "--out", "out", "--no-facts", cwd=tmp_path)
    assert (tmp_path / "out/init.groovy").is_file()
    sample = next((installed.parents[1] / "lib").rglob("jenkins_bootstrap/data/github-sample.json"))
    run(installed, "jobs", "render", "--out", "jobs", "--repositories", sample, cwd=tmp_path)
    assert list((tmp_path / "jobs").rglob("*.xml"))


@pytest.mark.soak
def test_without_the_extra_the_embedded_target_says_how_to_get_it(installed, tmp_path):
    run(installed, "init", ".", cwd=tmp_path)
    done = run(installed, "render", "--out", "out", cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "jenkins-bootstrap[embedded]" in done.stderr
