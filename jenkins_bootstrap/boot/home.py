"""JENKINS_HOME before Jenkins starts on it: whose Jenkins wrote it, whether there is room, whose it is.

Changes no file in it.
"""

from __future__ import annotations

import os
import re
import shutil
from xml.etree import ElementTree

from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.writing import Owners, explained, figures, make_folder, mount_point
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.plugins.versions import older

LEAST_FREE = 256 << 20
"""Bytes. Jenkins begins by unpacking its war (some 100 MB with what it writes at the first start); with less it comes
up and then fails in the middle of a build or, worse, of writing a configuration."""
LEAST_INODES = 2000


def written_by(layout: Layout) -> str | None:
    """The version of the Jenkins that wrote this JENKINS_HOME; None for an empty one.

    Raises BootstrapError for a config.xml that is cut off or no Jenkins': Jenkins would go on without it, open to all.
    """
    path = layout.home / "config.xml"
    hint = "restore config.xml, or the volume's snapshot; Jenkins does not start on it"
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BootstrapError(f"cannot be read: {error.strerror or error}", where=str(path), hint=hint) from None
    # Jenkins writes XML 1.1, which expat does not read; what 1.1 allows more is references to control characters.
    text = re.sub(rb"^\s*<\?xml[^>]*\?>", b"", raw)
    text = re.sub(rb"&#x?[0-9a-fA-F]{1,6};", b"?", text)
    if b"<!DOCTYPE" in text:
        raise BootstrapError("has a document type, which Jenkins never writes", where=str(path), hint=hint)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without a document type there are no entities to expand
    except ElementTree.ParseError as error:
        what = "is empty" if not raw.strip(b"\0 \t\r\n") else f"is damaged: {error}"
        raise BootstrapError(what, where=str(path), hint=hint) from None
    version = root.findtext("version")
    if root.tag != "hudson":
        raise BootstrapError(f"is no configuration of Jenkins: its root is <{root.tag}>", where=str(path), hint=hint)
    return version.strip() if version else None


def check_version(layout: Layout, image: str) -> str:
    """What there is to say of the core of this JENKINS_HOME and the image's (`image`); "" when they are equal.

    Raises BootstrapError when JENKINS_HOME is of a newer Jenkins: an older one loses what it does not know.
    """
    there = written_by(layout)
    if there is None:
        return "is new" if not (layout.home / "config.xml").exists() else "does not say which Jenkins wrote it"
    if older(image, there):
        raise BootstrapError(
            f"was written by Jenkins {there}, the image has {image}: an older Jenkins loses settings of a newer one",
            where=str(layout.home),
            hint=f"deploy an image with Jenkins {there} or newer, or restore the snapshot of before the upgrade",
        )
    return f"will be upgraded from {there} to {image}" if older(there, image) else ""


def check_room(layout: Layout, least: int = LEAST_FREE) -> None:
    """Raise BootstrapError when the file system of JENKINS_HOME has less than `least` bytes or too few inodes free."""
    place = mount_point(layout.home)
    found = os.statvfs(place)
    few = found.f_files > 0 and found.f_favail < LEAST_INODES
    if shutil.disk_usage(place).free < least or few:
        raise BootstrapError(
            f"too little room for Jenkins to start: {figures(place)}; at least {least >> 20} MiB and "
            f"{LEAST_INODES} inodes are wanted",
            where=f"file system {place}, which holds {layout.home}",
            hint="give the volume more, or remove old builds",
        )


def prepare(layout: Layout, owners: Owners) -> None:
    """JENKINS_HOME is there, is jenkins', and can be written."""
    make_folder(layout.home, uid=owners.uid, gid=owners.gid, mode=0o750)
    probe = layout.home / ".jenkins-bootstrap-probe"
    with explained(probe):
        try:
            probe.write_bytes(b"\0" * 4096)
        finally:
            probe.unlink(missing_ok=True)
