"""Renders the four stages from the settings and the plugin lock: the same input gives the same bytes.

Does not compile them (`compile` does), and knows nothing that is found in AWS or kept secret: stages read that at boot.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.files import write_atomic
from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.facts_document import SCHEMA
from jenkins_bootstrap.stages.values import aws_values, github_values, githubrepos_values, init_values

FACTS_PATH = "/run/jenkins-bootstrap/facts.json"
SECRETS_PATH = "/run/jenkins-bootstrap/secrets.json"
SEED_PATH = "/usr/share/jenkins-bootstrap/jobs/seed.json"


def render(
    settings: Settings,
    plugins: Mapping[str, str] | None,
    *,
    facts_path: str = FACTS_PATH,
    secrets_path: str = SECRETS_PATH,
    seed_path: str = SEED_PATH,
) -> dict[str, str]:
    """The stages by their path below the hook root, in the order Jenkins runs them.

    `plugins` maps each locked plugin to its version; None renders a stage that does not confirm the plugins and says so
    in the log. The paths are those on the controller. Raises LiteralError for a value that no Groovy literal can hold.
    """
    from jenkins_bootstrap.stages.literal import environment

    stages: dict[str, dict[str, Any]] = {
        "init.groovy": init_values(settings, plugins),
        "init.groovy.d/aws.txt": aws_values(settings),
        "init.groovy.d/github.txt": github_values(settings),
        "init.groovy.d/githubrepos.txt": githubrepos_values(seed_path),
    }
    templates = environment(share("groovy"))
    return {
        path: templates.get_template(f"{Path(path).name}.j2").render(
            stage=Path(path).name,
            settings=values,
            facts_path=facts_path,
            secrets_path=secrets_path,
            schema=SCHEMA,
        )
        for path, values in stages.items()
    }


def write(out: Path, files: Mapping[str, str]) -> None:
    """Write each file below `out`, whole or not at all. Raises BootstrapError when one cannot be written."""
    for path, text in files.items():
        write_atomic(out / path, text)
