"""Where Jenkins itself comes from, and which Java its war needs.

A local war is read here, before a bake begins; a war by URL is downloaded once and verified. The Debian repository of
the Jenkins project is used inside the bake, so its war is only seen there.
"""

from __future__ import annotations

import re
import shutil
import struct
import tempfile
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from jenkins_bootstrap.config.models import Controller, DebianRepository, WarFile, WarUrl
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import sha256_file

REMEDY = "give JENKINS_WAR=FILE"
WITHOUT = f"without Jenkins: {REMEDY}"
_VERSION = re.compile(r"^Jenkins-Version: *(\S+)\s*$", re.MULTILINE)
# Class files of Java N have major version N + 44 (JVM specification, table 4.1-A).
_CLASS_FILE_OFFSET = 44
# From this core on Jenkins needs this Java (jenkins.io/doc/book/platform-information/support-policy-java).
_JAVA_BY_CORE = (((2, 545), 21), ((2, 463), 17), ((2, 357), 11))


@dataclass(frozen=True, slots=True)
class War:
    """A jenkins.war on this machine. `java` is the oldest feature release that runs it."""

    path: Path
    version: str
    java: int
    sha256: str


@dataclass(frozen=True, slots=True)
class JenkinsSource:
    """What goes into the controller image: a war, a package of a Debian repository, or nothing yet."""

    war: War | None = None
    repository: DebianRepository | None = None
    version: str = ""

    @property
    def note(self) -> str:
        """What a summary must say, "" when there is nothing to say."""
        return WITHOUT if self.war is None and self.repository is None else ""


def read_war(path: Path, where: str = "JENKINS_WAR") -> War:
    """Read a jenkins.war. Raises BootstrapError for a file that is missing, no zip, or no Jenkins."""
    hint = "give the path of a jenkins.war as the Jenkins project publishes it"
    if not path.is_file():
        raise BootstrapError(
            f"{path} is not there" if not path.exists() else f"{path} is no file", where=where, hint=hint
        )
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = archive.read("META-INF/MANIFEST.MF").decode("utf-8", "replace")
            found = _VERSION.search(manifest)
            if found is None:
                raise BootstrapError(f"{path}: its manifest has no Jenkins-Version", where=where, hint=hint)
            java = max(_java_of_classes(archive), java_of_core(found[1]))
    except KeyError as error:
        raise BootstrapError(f"{path} has no META-INF/MANIFEST.MF", where=where, hint=hint) from error
    except (zipfile.BadZipFile, OSError) as error:
        raise BootstrapError(f"{path} is no war: {error}", where=where, hint=hint) from error
    return War(path, found[1], java, sha256_file(path))


def java_of_core(version: str) -> int:
    """The oldest Java that a core of this version runs on, as far as its number tells."""
    number = version_key(version)
    return next((java for core, java in _JAVA_BY_CORE if number >= core), 8)


def version_key(version: str) -> tuple[int, ...]:
    """A Jenkins core version as numbers that compare; what follows a hyphen (-rc, -SNAPSHOT) is left out."""
    return tuple(int(part) for part in version.partition("-")[0].split(".") if part.isdigit())


def find_jenkins(
    controller: Controller, *, environ: Mapping[str, str], target: str, cache: Path, folder: Path | None = None
) -> JenkinsSource:
    """Where Jenkins comes from on this target: JENKINS_WAR, else the settings.

    `cache` keeps downloaded wars, `folder` is what a relative JENKINS_WAR is relative to (default: the working
    directory). Embedded without a war bakes without Jenkins; on AWS that is an error. Raises BootstrapError for a war
    that cannot be used, and when the Java of the settings is too old for it.
    """
    source: object = controller.jenkins.source
    where = "controller.jenkins.source"
    if given := environ.get("JENKINS_WAR"):
        source, where = WarFile(war=(folder or Path.cwd()) / Path(given).expanduser()), "JENKINS_WAR"
    if isinstance(source, WarUrl):
        source = WarFile(war=download(source, cache))
    if isinstance(source, WarFile):
        war = read_war(source.war, where)
        check_java(war.version, war.java, controller.java.version)
        return JenkinsSource(war=war, version=war.version)
    if target == "embedded":
        return JenkinsSource(version=controller.jenkins.version)
    if isinstance(source, DebianRepository):
        check_java(controller.jenkins.version, java_of_core(controller.jenkins.version), controller.java.version)
        return JenkinsSource(repository=source, version=controller.jenkins.version)
    raise BootstrapError(
        "an image for real AWS needs Jenkins, and the settings name no source",
        where=where,
        hint="set controller.jenkins.source to repository, url with sha256, or war; or give JENKINS_WAR=FILE",
    )


def check_java(version: str, needed: int, java: int) -> None:
    """Raises BootstrapError when `java` (a feature release) is older than this Jenkins needs."""
    if java < needed:
        raise BootstrapError(
            f"Jenkins {version} needs Java {needed} or newer, the settings ask for {java}",
            where="controller.java.version",
            hint=f"set controller.java.version to {needed}, or give an older Jenkins",
        )


def kept_war(source: WarUrl, cache: Path) -> Path:
    """Where a downloaded war is kept."""
    return cache / "wars" / f"{source.sha256}.war"


def download(source: WarUrl, cache: Path) -> Path:
    """The war at this URL, from the cache or downloaded and verified. Raises BootstrapError, and keeps nothing then."""
    kept = kept_war(source, cache)
    if kept.is_file() and sha256_file(kept) == source.sha256:
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        part = Path(scratch, "jenkins.war")
        try:
            with urllib.request.urlopen(source.url, timeout=60) as answer, part.open("wb") as out:  # noqa: S310 - http(s)
                shutil.copyfileobj(answer, out, 1 << 20)
        except OSError as error:
            raise BootstrapError(
                f"cannot be downloaded: {error}", where=source.url, hint="check the URL, or give JENKINS_WAR=FILE"
            ) from error
        if (found := sha256_file(part)) != source.sha256:
            raise BootstrapError(
                f"its SHA-256 is {found}, the settings say {source.sha256}",
                where=source.url,
                hint="correct sha256 if the new war is the one you mean",
            )
        part.replace(kept)
    return kept


def _java_of_classes(archive: zipfile.ZipFile) -> int:
    """The Java that the war's own classes were compiled for: the launcher's, and the core's inside WEB-INF/lib."""
    names = archive.namelist()
    majors = [_class_java(archive.read(name)) for name in names if name.endswith("Main.class") and "/lib/" not in name][
        :3
    ]
    for name in names:
        if re.fullmatch(r"WEB-INF/lib/jenkins-core-[^/]+\.jar", name):
            with zipfile.ZipFile(BytesIO(archive.read(name))) as core:
                inside = [
                    n for n in core.namelist() if n in ("jenkins/model/Jenkins.class", "hudson/model/Hudson.class")
                ]
                majors += [_class_java(core.read(n)) for n in inside]
    return max(majors, default=0)


def _class_java(data: bytes) -> int:
    if len(data) < 8 or data[:4] != b"\xca\xfe\xba\xbe":
        return 0
    return int(struct.unpack(">H", data[6:8])[0]) - _CLASS_FILE_OFFSET
