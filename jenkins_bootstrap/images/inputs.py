"""What goes into one image, gathered before anything is baked: files by their role, and the settings that matter.

The same value makes the content key and the upload, so that nothing can be in an image that its key does not know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import SettingsError
from jenkins_bootstrap.files import sha256_file
from jenkins_bootstrap.images.graph import NamedImage
from jenkins_bootstrap.images.template import SOURCE, VARIABLES, Template, load_template
from jenkins_bootstrap.images.units import units
from jenkins_bootstrap.images.war import JenkinsSource
from jenkins_bootstrap.resources import share

Content = Path | bytes
"""A file's bytes, or the file they are read from when they are needed."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A plugin's archive on this machine with the SHA-256 (hex) that the lock gives for it."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class ControllerContent:
    """What a controller image carries. `stages` by path below stages/; `seed` by path below jobs/ (outside the key).

    `settings` is the text of settings.json: what runs on the controller needs of the settings.
    """

    stages: Mapping[str, str]
    lock: str
    jenkins: JenkinsSource
    seed: Mapping[str, bytes] = field(default_factory=dict)
    archives: tuple[Archive, ...] = ()
    settings: str = "{}\n"
    classes: bytes | None = None
    """What the stages were compiled to, made of them and so outside the key; None where they were not compiled."""

    @property
    def seed_jobs(self) -> int:
        return sum(1 for name in self.seed if name.startswith("xml/"))


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """One image: its template, the settings that matter to its content, and its files by role and name."""

    image: NamedImage
    template: Template
    settings: Mapping[str, str]
    files: Mapping[str, Content]
    controller: ControllerContent | None = None


def gather(
    image: NamedImage,
    settings: Settings,
    controller: ControllerContent,
    *,
    folder: Path,
    package: Mapping[str, Content],
) -> ImageInputs:
    """Gather what `image` is made of. `folder` is the settings file's, `package` our own package (see runtime.py).

    `controller` and `package` count only for an image whose template puts a controller in place. Raises SettingsError
    for a template, check or file that is not there.
    """
    where = f"images.{image.name}"
    spec = image.spec
    template = load_template(spec.template, f"{where}.template", folder)
    files: dict[str, Content] = {f"template/{name}": path for name, path in template.files}
    files |= {f"shared/{name}": path for name, path in template.used}
    files |= {f"shared/{name}": share("packer") / name for name in (VARIABLES, SOURCE)}
    files |= {f"check/{n}-{path.name}": path for n, path in enumerate(spec.checks)}
    files |= {f"file/{_in_image(name, where)}": path for name, path in spec.files.items()}
    for name, content in files.items():
        if isinstance(content, Path) and not content.is_file():
            raise SettingsError(f"{content} is not there", where=f"{where}: {name}", hint="correct the path")
    values = {
        "architecture": spec.architecture,
        "volume_gib": str(spec.volume_gib),
        "ssh_user": spec.ssh_user,
        "template": template.name,
    }
    if template.has_java:
        values["java"] = str(settings.controller.java.version)
    if not template.is_controller:
        return ImageInputs(image, template, values, files)
    files |= {f"jobs/{name}": path for name, path in _templates(settings.jobs.templates).items()}
    files |= {f"stage/{name}": text.encode() for name, text in controller.stages.items()}
    files["plugins.lock.json"] = controller.lock.encode()
    files["settings.json"] = controller.settings.encode()
    files |= {f"unit/{name}": text for name, text in units(settings.controller.boot, settings.jobs.sync).items()}
    files |= {f"package/{name}": content for name, content in package.items()}
    values |= _jenkins(controller.jenkins)
    values |= {f"plugin/{archive.name}": archive.sha256 for archive in controller.archives}
    return ImageInputs(image, template, values, files, controller)


def _templates(place: Path | None) -> dict[str, Path]:
    """The user's own JJB YAML, and what lies beside it to be included, by path below its folder."""
    if place is None:
        return {}
    if place.is_file():
        return {place.name: place}
    found = {path.relative_to(place): path for path in sorted(place.rglob("*")) if path.is_file()}
    return {
        name.as_posix(): path for name, path in found.items() if not any(part.startswith(".") for part in name.parts)
    }


def digest(content: Content) -> str:
    """The SHA-256 of a file's bytes in hex."""
    return sha256_file(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()


def _jenkins(source: JenkinsSource) -> dict[str, str]:
    if source.war is not None:
        return {"jenkins": f"war {source.war.sha256}"}
    if source.repository is not None:
        return {"jenkins": f"repository {source.repository.repository} {source.version}"}
    return {"jenkins": "none"}


def _in_image(path: str, where: str) -> str:
    if not path.startswith("/") or path.endswith("/") or ".." in path.split("/") or "\x00" in path:
        raise SettingsError(
            f"{path!r} is no path of a file in an image",
            where=f"{where}.files",
            hint="an absolute one, such as /etc/motd",
        )
    return path.lstrip("/")
