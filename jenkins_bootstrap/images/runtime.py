"""Our own package with its dependencies, as it goes into a controller image at /opt/jenkins-bootstrap.

The dependencies are wheels for the guest's Python, installed on this machine by pip from requirements-runtime.lock,
so that a guest needs no package index; the result is one tar in the cache, named by the hash of what it is made of. Our
own files go into each image's payload.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from importlib.metadata import distribution
from itertools import groupby
from pathlib import Path

from jenkins_bootstrap import __version__
from jenkins_bootstrap.errors import ToolError
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.images.inputs import Content
from jenkins_bootstrap.images.tarball import Member, write_tar
from jenkins_bootstrap.resources import share

PYTHON = "3.13"
"""Of Debian 13, the guests' distribution."""
LIBRARY = "opt/jenkins-bootstrap/lib"
LOCK = "requirements-runtime.lock"
_PACKAGE = Path(__file__).resolve().parents[1]
_METADATA = f"jenkins_bootstrap-{__version__}.dist-info"
_SHARED = ("groovy", "jobs", "packer", "terraform")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# Has no wheel; pure Python, so a wheel built from its source on this machine fits the guest.
_FROM_SOURCE = "multi-key-dict"
# Of botocore's 440 service descriptions (28 MB) an image keeps those that our code calls or signs in with.
SERVICES = (
    *("autoscaling", "cloudwatch", "ebs", "ec2", "elbv2", "events", "iam", "kms", "logs", "pricing", "s3"),
    *("secretsmanager", "signin", "sns", "sqs", "ssm", "sso", "sso-oidc", "sts"),
)
_UNUSED = re.compile(r"(^|/)__pycache__/|^\./(_share|embedded|data)/")
_DROPPED = re.compile(
    r"(^bin/|/tests?/|__pycache__|\.py[ix]$|\.pxd$|\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json)$"
    # rich asks Pygments for nothing but to colour source code; pkg_resources needs of setuptools what is vendored.
    r"|^pygments/lexers/(?!__init__|_mapping|python|special|shell|data)|^setuptools/(?!_vendor/)|^_distutils_hack/"
    r"|^distutils-precedence\.pth$|^botocore/data/(?!(" + "|".join(SERVICES) + r")/)[^/]+/)"
)


def package_files() -> dict[str, Content]:
    """Our own files as an image has them, by path, with the folders that are rendered; no embedded target.

    With what pip writes of a package: jenkins-job-builder finds our extensions by it.
    """
    files: dict[str, Content] = {f"jenkins_bootstrap/_share/{LOCK}": runtime_lock()}
    about = f"Metadata-Version: 2.1\nName: jenkins-bootstrap\nVersion: {__version__}\n"
    files[f"{_METADATA}/METADATA"] = about.encode()
    files[f"{_METADATA}/entry_points.txt"] = _entry_points().encode()
    for top, below in ((_PACKAGE, ""), *((share(folder), f"_share/{folder}/") for folder in _SHARED)):
        for path in top.rglob("*"):
            name = path.relative_to(top).as_posix()
            if path.is_file() and not _UNUSED.search(name if below else f"./{name}"):
                files[f"jenkins_bootstrap/{below}{name}"] = path
    return files


def _entry_points() -> str:
    """Our entry points as pip would write them: from pyproject.toml in a checkout, which may be newer than what pip has
    written, else from there."""
    project = _PACKAGE.parent / "pyproject.toml"
    if project.is_file():
        groups = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]
        found = [(group, name, value) for group, of in groups.items() for name, value in of.items()]
    else:
        found = [(e.group, e.name, e.value) for e in distribution("jenkins-bootstrap").entry_points]
    lines: list[str] = []
    for group, points in groupby(sorted(found), key=lambda point: point[0]):
        lines += [f"[{group}]", *(f"{name} = {value}" for _, name, value in points), ""]
    return "\n".join(lines)


def runtime_lock() -> Path:
    """The lock of the run-time dependencies: in the wheel, or at the top of a checkout. Raises ToolError if absent."""
    for path in (_PACKAGE / "_share" / LOCK, _PACKAGE.parent / LOCK):
        if path.is_file():
            return path
    raise ToolError(f"{LOCK} is not there", where=str(_PACKAGE), hint="install the package again")


def dependencies(architecture: str, cache: Path, progress: Callable[[str], None] = lambda _line: None) -> Path:
    """The tar (gzip) of the dependencies for guests of this architecture, from the cache or made anew.

    Making it takes some ten seconds and the package index. Raises ToolError with pip's last words.
    """
    lock = runtime_lock()
    recipe = {"lock": lock.read_text(), "python": PYTHON, "machine": architecture, "dropped": _DROPPED.pattern}
    kept = cache / "runtime" / f"{hashlib.sha256(canonical_json(recipe).encode()).hexdigest()[:32]}.tar.gz"
    if kept.is_file():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        target = Path(scratch, "lib")
        progress("fetching the dependencies of our package for the image")
        _install(lock, _MACHINES[architecture], target)
        members = [
            Member(f"{LIBRARY}/{name}", path, 0o755 if path.suffix == ".so" else 0o644)
            for path in sorted(target.rglob("*"))
            if path.is_file() and not _DROPPED.search(name := path.relative_to(target).as_posix())
        ]
        part = Path(scratch, kept.name)
        write_tar(part, members, compress=True)
        part.replace(kept)
    return kept


def _install(lock: Path, machine: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--target", str(target), "--no-compile", "--no-deps", "--require-hashes", "--requirement", str(lock)]
    command += [f"--platform={tag}_{machine}" for tag in ("manylinux2014", "manylinux_2_28", "manylinux_2_34")]
    command += [
        "--implementation=cp",
        f"--python-version={PYTHON}",
        "--only-binary=:all:",
        f"--no-binary={_FROM_SOURCE}",
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(target, ignore_errors=True)
        words = "\n  ".join(done.stderr.strip().splitlines()[-4:]) or f"exit status {done.returncode}"
        raise ToolError(
            f"the dependencies for the image could not be fetched:\n  {words}",
            where="pip install",
            hint="check the network and pip's settings, then bake again",
        )
