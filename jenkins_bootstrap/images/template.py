"""The Packer template of an image: a folder in packer/ (base, controller, agent) or one of the user's own.

A template is HCL that Packer 1.6.6 accepts. It holds the build block; its source block is rendered from
packer/source.pkr.hcl.j2, as a source cannot be extended from another file and as Packer 1.6.6 refuses the IMDSv2
settings that newer versions need. The source is named after the folder. What a template uses of packer/scripts and
packer/checks is what its text names, so a change of another script leaves the image's content key alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jenkins_bootstrap.errors import SettingsError, nearest
from jenkins_bootstrap.resources import share

VARIABLES = "variables.pkr.hcl"
SOURCE = "source.pkr.hcl.j2"
PLUGINS = "plugins.pkr.hcl"
_USED = re.compile(r"\b(?:scripts|checks)/[A-Za-z0-9_.-]+")
# What scripts and checks load by themselves.
_ALWAYS = ("scripts/apt.sh", "checks/run.py", "checks/report.py")
_CONTROLLER = "scripts/controller.sh"
_JAVA = "scripts/java.sh"


@dataclass(frozen=True, slots=True)
class Template:
    """A folder with HCL. `files` are its own, `used` those of packer/scripts and packer/checks, by relative path.

    `named` are the scripts and checks that its HCL names, wherever they lie.
    """

    name: str
    folder: Path
    files: tuple[tuple[str, Path], ...]
    named: frozenset[str] = frozenset()
    used: tuple[tuple[str, Path], ...] = ()

    @property
    def is_controller(self) -> bool:
        """The image is given stages, lock, seed and our package: what scripts/controller.sh puts in place."""
        return _CONTROLLER in self.named

    @property
    def has_java(self) -> bool:
        return _JAVA in self.named

    @property
    def hcl(self) -> tuple[Path, ...]:
        return tuple(path for name, path in self.files if "/" not in name and name.endswith(".pkr.hcl"))


def load_template(asked: str, where: str, base: Path | None = None) -> Template:
    """The template that an image's `template` names: a folder of packer/, else a path (relative to `base`).

    `where` is the place in the settings. Raises SettingsError for a folder that is not there or holds no HCL, and for a
    script or check that is named and does not exist.
    """
    packer = share("packer")
    own = sorted(p.parent.name for p in packer.glob("*/*.pkr.hcl"))
    folder = packer / asked if asked in own else (base or Path()) / Path(asked).expanduser()
    if not folder.is_dir():
        near = nearest(asked, own)
        raise SettingsError(
            f"no template {asked!r}: there is no folder {folder}",
            where=where,
            hint=f"did you mean {near!r}?" if near else f"use {', '.join(own)}, or the path of a folder with *.pkr.hcl",
        )
    files = tuple(
        (str(path.relative_to(folder)), path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    )
    template = Template(folder.resolve().name, folder, files)
    if not template.hcl:
        raise SettingsError(f"{folder} holds no *.pkr.hcl", where=where, hint="add the build block of the image")
    text = "".join(path.read_text() for path in template.hcl)
    named = frozenset(_USED.findall(text))
    return Template(template.name, folder, files, named, tuple(_shared(packer, named, folder, where)))


def _shared(packer: Path, named: frozenset[str], folder: Path, where: str) -> list[tuple[str, Path]]:
    found = []
    for name in sorted({*named, *(_ALWAYS if named else ())}):
        if (folder / name).is_file():
            continue  # the template's own file of that name goes first
        if not (packer / name).is_file():
            raise SettingsError(
                f"{folder} uses {name}, which is in neither {folder} nor {packer}",
                where=where,
                hint="correct the name in the template",
            )
        found.append((name, packer / name))
    return found


def render_source(source: str, *, imds_v2: bool) -> str:
    """The source block for the template named `source`; `imds_v2` where the Packer at hand knows the settings."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)  # noqa: S701 - HCL
    text = (share("packer") / SOURCE).read_text()
    return environment.from_string(text).render(source=source, features={"imds_v2": imds_v2})
