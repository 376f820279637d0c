"""Renders the stages from the settings and the plugin lock, and the scripts that guard them.

The same input gives the same bytes. Does not compile them (`compile` does), and knows nothing that is found in AWS or
kept secret: stages read that at boot.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import SettingsError, raise_all
from jenkins_bootstrap.files import write_atomic
from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.facts_document import SCHEMA
from jenkins_bootstrap.stages.values import SIGN_IN_PLUGINS, aws_values, github_values, githubrepos_values, init_values

FACTS_PATH = "/run/jenkins-bootstrap/facts.json"
SECRETS_PATH = "/run/jenkins-bootstrap/secrets.json"
SEED_PATH = "/usr/share/jenkins-bootstrap/jobs/seed.json"
RESULTS_PATH = "/run/jenkins-bootstrap/stages"
FIRST_PATH = "/usr/share/jenkins-bootstrap/stages/init.groovy"
CLASSES_PATH = "/usr/share/jenkins-bootstrap/stages.jar"

STAGE_FILES = {
    "init.groovy": "init.groovy",
    "aws.txt": "init.groovy.d/aws.groovy",
    "github.txt": "init.groovy.d/github.groovy",
    "githubrepos.txt": "init.groovy.d/githubrepos.groovy",
}
"""The stages of every controller by name, in their order, and each one's file in the hook root once it has been named.

A stage writes what came of it to RESULTS_PATH/<name>.json."""
CASC = "jcasc.txt"
CASC_PLUGIN = "configuration-as-code"
_OURS = tuple(Path(name).stem for name in (*STAGE_FILES, CASC) if name.endswith(".txt"))
"""Names that no stage of a user may have, also where the settings have no controller.casc: by its name a controller
knows whose a stage is."""
_USER_STAGE = re.compile(r"[A-Za-z0-9_]{1,64}\.txt")
"""Groovy makes a class of a script's name, and classes for its methods that a `-` in it breaks."""


def render(
    settings: Settings,
    plugins: Mapping[str, str] | None,
    *,
    facts_path: str = FACTS_PATH,
    secrets_path: str = SECRETS_PATH,
    seed_path: str = SEED_PATH,
    sources: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, str]:
    """The stages by their path below the hook root, in the order Jenkins runs them.

    `plugins` maps each locked plugin to its version; None renders a stage that does not confirm the plugins and says so
    in the log. `sources` maps it to its address and SHA-256 (hex), for controller.boot.install_missing_plugins. The
    paths are those on the controller. After the four come that of controller.casc and the files of controller.stages,
    as they are. Raises LiteralError for a value that no Groovy literal can hold, SettingsError for a file that cannot
    be a stage.
    """
    from jenkins_bootstrap.stages.literal import environment

    templates = environment(share("groovy"))
    common = {"facts_path": facts_path, "secrets_path": secrets_path, "schema": SCHEMA}
    if plugins is not None:
        raise_all(unlocked(settings, plugins))
    stages: dict[str, dict[str, Any]] = {
        "init.groovy": init_values(settings, plugins, sources),
        "init.groovy.d/aws.txt": aws_values(settings),
        "init.groovy.d/github.txt": github_values(settings),
        "init.groovy.d/githubrepos.txt": githubrepos_values(settings, seed_path),
    }
    if settings.controller.casc is not None:
        stages[f"init.groovy.d/{CASC}"] = {"text": _text(settings.controller.casc, "controller.casc")}
    names = [Path(path).stem for path in stages if path.endswith(".txt")]
    # What init.groovy makes of a user's stage: two marks stand for its name and its file, which it finds at the boot.
    user_stage = templates.get_template("user.groovy.j2").render(stage="@STAGE@", settings={"file": "@FILE@"}, **common)
    rendered = {
        path: templates.get_template(f"{Path(path).name}.j2").render(
            stage=Path(path).name, settings=values, stages=names, user_stage=user_stage, **common
        )
        for path, values in stages.items()
    }
    return rendered | _user_stages(settings.controller.stages, (*_OURS, "zz-closed"))


def guards(
    *,
    results_path: str = RESULTS_PATH,
    secrets_path: str = SECRETS_PATH,
    first_path: str = FIRST_PATH,
    hooks_path: str = "/run/jenkins-bootstrap/hooks",
    classes_path: str = CLASSES_PATH,
    first_class: str | None = None,
) -> dict[str, str]:
    """The scripts that close Jenkins whatever became of the stages, by their path below the hook root.

    They are written there after the stages: their `init.groovy` stands for the first one, which it runs from
    `first_path`, or as the class `first_class` of the archive `classes_path` where there is one.
    """
    from jenkins_bootstrap.stages.literal import environment

    templates = environment(share("groovy"))
    scripts = {
        "init.groovy": "first.groovy.j2",
        "init.groovy.d/zz-closed.groovy": "closed.groovy.j2",
        "boot-failure.groovy": "failure.groovy.j2",
    }
    return {
        path: templates.get_template(template).render(
            results_path=results_path,
            secrets_path=secrets_path,
            first_path=first_path,
            hooks_path=hooks_path,
            classes_path=classes_path,
            class_name=first_class,
            stages=list(STAGE_FILES),
        )
        for path, template in scripts.items()
    }


def class_runners(classes: Mapping[str, str], *, classes_path: str = CLASSES_PATH) -> dict[str, str]:
    """What stands in a stage's file in place of its text: a script that runs the stage's class.

    `classes` is the class of each stage by path, `classes_path` the archive that they are in. Jenkins compiles these,
    so they are small; the first stage has none, since `guards` has one for it.
    """
    from jenkins_bootstrap.stages.literal import environment

    template = environment(share("groovy")).get_template("class.groovy.j2")
    return {
        path: template.render(stage=Path(path).name, class_name=name, classes_path=classes_path)
        for path, name in classes.items()
        if path != "init.groovy"
    }


def write(out: Path, files: Mapping[str, str]) -> None:
    """Write each file below `out`, whole or not at all. Raises BootstrapError when one cannot be written."""
    for path, text in files.items():
        write_atomic(out / path, text)


def unlocked(settings: Settings, plugins: Collection[str]) -> list[SettingsError]:
    """What the settings ask for and no plugin of the lock can do. `plugins` are the names of the locked ones."""
    kind = settings.controller.sign_in.kind
    needed = {"controller.sign_in.kind": SIGN_IN_PLUGINS.get(kind)}
    if settings.controller.casc is not None:
        needed["controller.casc"] = CASC_PLUGIN
    return [
        SettingsError(
            f"the plugin {plugin} is not in the lock",
            where=where,
            hint=f"add {plugin} to controller.plugins, then jenkins-bootstrap plugins lock",
        )
        for where, plugin in needed.items()
        if plugin is not None and plugin not in plugins
    ]


def _user_stages(folder: Path | None, taken: tuple[str, ...]) -> dict[str, str]:
    """The .txt files of a folder, in the order of their names."""
    if folder is None:
        return {}
    where = "controller.stages"
    files = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    if not files:
        what = f"{folder} has no .txt file" if folder.is_dir() else f"{folder} is no folder"
        raise SettingsError(what, where=where, hint="name a folder with your stages, or leave it out")
    for file in files:
        if not _USER_STAGE.fullmatch(file.name):
            hint = "letters, digits and _ before the ending .txt"
            raise SettingsError(f"{file.name!r} is no name of a stage", where=where, hint=hint)
        if file.stem in taken:
            hint = f"choose another name than {', '.join(taken)}"
            raise SettingsError(f"{file.name} has the name of a stage of ours", where=where, hint=hint)
    return {f"init.groovy.d/{file.name}": _text(file, where) for file in files}


def _text(file: Path, where: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file} cannot be read: {error}", where=where, hint="correct the path or the file"
        ) from None
