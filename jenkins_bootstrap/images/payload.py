"""What a bake uploads: one folder, named jenkins-bootstrap, that Packer puts in /tmp of the instance.

bake.json         facts for the checks
scripts/ checks/  those that the template names; checks/own/ those of the settings
files.tar         files that the settings put in the image
and for a controller:
runtime.tar.gz    the dependencies of our package (/opt/jenkins-bootstrap/lib)
payload.tar       our package, its launcher, units, stages, the user's templates of jobs, plugin lock, plugins,
                  settings.json, image.json; and the stages' classes, made of them and outside the content key
seed.tar          the jobs of the day, outside the content key
jenkins.war       when there is one
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import canonical_json, sha256_file, write_atomic
from jenkins_bootstrap.images.inputs import Archive, Content, ControllerContent, ImageInputs
from jenkins_bootstrap.images.runtime import LIBRARY, dependencies
from jenkins_bootstrap.images.tarball import Member, write_tar
from jenkins_bootstrap.images.units import FOLDER as UNITS

NAME = "jenkins-bootstrap"
_SHARE = "usr/share/jenkins-bootstrap"
_LAUNCHER = f"""#!/usr/bin/python3
import sys
sys.path.insert(0, "/{LIBRARY}")
from jenkins_bootstrap.__main__ import entry
entry()
"""


def write_upload(
    folder: Path,
    inputs: ImageInputs,
    *,
    key: str,
    identity: Mapping[str, str],
    cache: Path,
    progress: Callable[[str], None] = lambda _line: None,
) -> Path:
    """Write the upload of one image below `folder`; returns its path.

    `identity` is what image.json says of the image besides its content key: target, project, commit. Raises
    BootstrapError when a plugin's archive is not the one of the lock, or the disk is full.
    """
    upload = folder / NAME
    try:
        shutil.rmtree(upload, ignore_errors=True)
        upload.mkdir(parents=True)
        for name, content in _tools(inputs).items():
            target = upload / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(content, target)
        write_atomic(upload / "bake.json", canonical_json(bake_facts(inputs, key)))
        members = [Member(n.removeprefix("file/"), c) for n, c in inputs.files.items() if n.startswith("file/")]
        write_tar(upload / "files.tar", members)
        if inputs.controller is not None:
            packed = dependencies(inputs.image.spec.architecture, cache, progress)
            _link(packed, upload / "runtime.tar.gz")
            _write_controller(upload, inputs, inputs.controller, {**identity, "content_key": key})
    except OSError as error:
        raise BootstrapError(
            f"cannot be written: {error.strerror or error}", where=error.filename or str(upload), hint="free space"
        ) from error
    return upload


def bake_facts(inputs: ImageInputs, key: str) -> dict[str, object]:
    """What the checks inside the bake are told."""
    content = inputs.controller
    jenkins = None
    if content is not None and not content.jenkins.note:
        war = content.jenkins.war
        jenkins = {"version": content.jenkins.version, "sha256": war.sha256 if war else ""}
    return {
        "image": inputs.image.name,
        "content_key": key,
        "architecture": inputs.image.spec.architecture,
        "ssh_user": inputs.image.spec.ssh_user,
        "java": int(inputs.settings.get("java", "0")),
        "jenkins": jenkins,
        "stages": sorted(content.stages) if content is not None else [],
        "classes": content is not None and content.classes is not None,
        "seed_jobs": content.seed_jobs if content is not None else 0,
        "plugins": len(content.archives) if content is not None else 0,
    }


def environment(inputs: ImageInputs) -> list[str]:
    """What the scripts are told, as NAME=value; nothing secret."""
    values = {"BAKE_SSH_USER": inputs.image.spec.ssh_user, "BAKE_JAVA": inputs.settings.get("java", "")}
    repository = inputs.controller.jenkins.repository if inputs.controller is not None else None
    if repository is not None and inputs.controller is not None:
        values["BAKE_JENKINS_REPOSITORY"] = repository.repository
        values["BAKE_JENKINS_KEY"] = repository.key
        values["BAKE_JENKINS_VERSION"] = inputs.controller.jenkins.version
    return [f"{name}={value}" for name, value in values.items() if value]


def _tools(inputs: ImageInputs) -> dict[str, Path]:
    """The scripts and checks by their path in the upload; the template's own files go over the shared ones."""
    tools: dict[str, Path] = {}
    for prefix, target in (("shared/", ""), ("template/", ""), ("check/", "checks/own/")):
        for name, content in inputs.files.items():
            if name.startswith(prefix) and not name.endswith((".pkr.hcl", ".j2")) and isinstance(content, Path):
                tools[target + name.removeprefix(prefix)] = content
    return tools


def _write_controller(
    upload: Path, inputs: ImageInputs, content: ControllerContent, identity: Mapping[str, str]
) -> None:
    about = {**identity, "jenkins": "" if content.jenkins.note else content.jenkins.version}
    members = [
        Member("usr/local/bin/jenkins-bootstrap", _LAUNCHER.encode(), 0o755),
        Member(f"{_SHARE}/image.json", canonical_json(about).encode()),
    ]
    for name, value in inputs.files.items():
        role, _, rest = name.partition("/")
        if role == "package":
            members.append(Member(f"{LIBRARY}/{rest}", _bytes(value)))
        elif role == "stage":
            members.append(Member(f"{_SHARE}/stages/{rest}", _bytes(value)))
        elif role == "jobs":
            members.append(Member(f"{_SHARE}/templates/{rest}", _bytes(value)))
        elif role == "unit":
            members.append(Member(f"{UNITS}/{rest}", _bytes(value)))
        elif name in ("plugins.lock.json", "settings.json"):
            members.append(Member(f"{_SHARE}/{name}", _bytes(value)))
    if content.classes is not None:
        members.append(Member(f"{_SHARE}/stages.jar", content.classes))
    for archive in content.archives:
        _verify(archive)
        members.append(Member(f"{_SHARE}/plugins/{archive.name}.jpi", archive.path))
    write_tar(upload / "payload.tar", members)
    write_tar(upload / "seed.tar", [Member(f"{_SHARE}/jobs/{n}", xml) for n, xml in content.seed.items()])
    if content.jenkins.war is not None:
        _link(content.jenkins.war.path, upload / "jenkins.war")


def _verify(archive: Archive) -> None:
    if not archive.path.is_file():
        raise BootstrapError(
            "is not there", where=str(archive.path), hint="fetch it: jenkins-bootstrap plugins fetch --out DIR"
        )
    if (found := sha256_file(archive.path)) != archive.sha256:
        raise BootstrapError(
            f"its SHA-256 is {found}, the plugin lock says {archive.sha256}",
            where=str(archive.path),
            hint="fetch it again: jenkins-bootstrap plugins fetch --out DIR",
        )


def _bytes(content: Content) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def _link(source: Path, target: Path) -> None:
    """A hard link where the file systems allow it: a war has 90 MB."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
