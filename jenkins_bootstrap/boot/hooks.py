"""The hook root: the image's stages, fresh at each start, with the scripts that guard them. Renders no stage.

Our stages were compiled when the image was baked: small scripts stand in their files, which run those classes. Where
these are not the classes of the stages beside them the stages themselves stand there, and Jenkins compiles them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from jenkins_bootstrap.boot.layout import BAKE_ANEW, Layout
from jenkins_bootstrap.boot.writing import Owners, explained
from jenkins_bootstrap.errors import BootstrapError


def fill(layout: Layout, owners: Owners, say: Callable[[str], None] = lambda _line: None) -> int:
    """Fill the hook root anew, whole or not at all; returns how many stages it begins with.

    An earlier start has left renamed stages and perhaps others: they all go. `say` gets a line where the stages are not
    run as classes. Raises BootstrapError when the image has no stages, or the file system is full.
    """
    stages = _stages(layout)
    with explained(layout.hooks):
        for old in layout.run.glob(".hooks.*"):
            shutil.rmtree(old)
        fresh = Path(tempfile.mkdtemp(prefix=".hooks.", dir=layout.run))  # 0700, root's until it is whole
        for name, text in wanted(layout, stages, say).items():
            path = fresh / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o600)
        for path in (*fresh.rglob("*"), fresh):
            os.chown(path, owners.uid, owners.gid)
        if layout.hooks.exists():
            shutil.rmtree(layout.hooks)
        fresh.rename(layout.hooks)
    return len(stages)


def wanted(layout: Layout, stages: list[Path], say: Callable[[str], None] = lambda _line: None) -> dict[str, str]:
    """The files of the hook root: the stages, and over them the guards, whose init.groovy runs that stage."""
    from jenkins_bootstrap.stages.render import class_runners, guards

    try:
        files = {str(path.relative_to(layout.stages)): path.read_text(encoding="utf-8") for path in stages}
    except (OSError, UnicodeDecodeError) as error:
        raise BootstrapError(f"a stage cannot be read: {error}", where=str(layout.stages), hint=BAKE_ANEW) from None
    classes = _classes(layout, files, say)
    place = str(layout.classes)
    runners = class_runners(classes, classes_path=place)
    return (
        files
        | runners
        | guards(
            classes_path=place,
            first_class=classes.get("init.groovy"),
            results_path=str(layout.results),
            secrets_path=str(layout.secrets),
            first_path=str(layout.stages / "init.groovy"),
            hooks_path=str(layout.hooks),
        )
    )


def stage_names(layout: Layout) -> list[str]:
    """The names of all stages of the image in the order in which a boot runs them: the four, then `own_stages`."""
    from jenkins_bootstrap.stages.render import STAGE_FILES

    return [*STAGE_FILES, *own_stages(layout)]


def own_stages(layout: Layout) -> list[str]:
    """The names of the stages after the four: jcasc.txt, then a user's, which init.groovy calls user_NAME.txt."""
    from jenkins_bootstrap.stages.render import CASC, STAGE_FILES

    names = sorted(path.name for path in (layout.stages / "init.groovy.d").glob("*.txt"))
    more = [name for name in names if name not in STAGE_FILES]
    return [name for name in more if name == CASC] + [f"user_{name}" for name in more if name != CASC]


def _classes(layout: Layout, files: Mapping[str, str], say: Callable[[str], None]) -> dict[str, str]:
    """The class of each stage of ours; none of any where the archive does not fit them, so that all run alike."""
    from jenkins_bootstrap.stages.classes import classes_of

    try:
        return classes_of(layout.classes, files)
    except BootstrapError as error:
        say(f"Jenkins compiles the stages itself, which takes longer: {error.what} ({error.where})")
        return {}


def _stages(layout: Layout) -> list[Path]:
    first = layout.stages / "init.groovy"
    if not first.is_file():
        raise BootstrapError("the image has no stages", where=str(layout.stages), hint=BAKE_ANEW)
    return [first, *sorted((layout.stages / "init.groovy.d").glob("*.txt"))]
