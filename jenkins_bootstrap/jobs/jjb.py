"""jenkins-job-builder as a library: YAML in, XML out, exactly as `jenkins-jobs test` does it.

jenkins-job-builder 6.5 calls none of this stable, so that its version is pinned and tests/jobs/test_jjb_contract.py
holds the chain. Importing it takes half a second: only `render_yaml` does, and only when it is called.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.resources import share

CONFIGURATION = "jenkins_jobs.ini"
"""Beside the templates in jobs/; given to `jenkins-jobs --conf` for the same result."""

_OURS = ("multibranch-github", "bootstrap-folder", "github-repository", "jenkins-bootstrap")


def render_yaml(yaml_text: str, templates: Sequence[Path]) -> dict[str, bytes]:
    """Each job of the YAML by its full name, as the bytes of its config.xml.

    `templates` are folders or files of JJB YAML, read before the text in this order. Raises BootstrapError with
    jenkins-job-builder's own explanation.
    """
    with warnings.catch_warnings():
        # pkg_resources, which jenkins-job-builder needs, announces its end on import.
        warnings.simplefilter("ignore")
        import yaml
        from jenkins_jobs.config import JJBConfig
        from jenkins_jobs.errors import JenkinsJobsException
        from jenkins_jobs.loader import load_files
        from jenkins_jobs.registry import ModuleRegistry
        from jenkins_jobs.roots import Roots
        from jenkins_jobs.xml_config import XmlJobGenerator
    logging.getLogger("jenkins_jobs").setLevel(logging.ERROR)

    config = JJBConfig(str(share("jobs") / CONFIGURATION))
    config.validate()
    try:
        roots = Roots(config)
        with tempfile.TemporaryDirectory(prefix="jenkins-bootstrap-") as folder:
            # A file, as jenkins-job-builder cannot explain an error in what it reads from a stream.
            text = Path(folder) / "definitions.yaml"
            text.write_text(yaml_text)
            load_files(config, roots, [*templates, text])
        registry = ModuleRegistry(config, [])
        registry.set_macros(roots.macros)
        jobs = roots.generate_jobs()
        registry.amend_job_dicts(jobs)
        return {job.name: job.output() for job in XmlJobGenerator(registry).generateXML(jobs)}
    except JenkinsJobsException as error:
        raise BootstrapError(_explain(error), where="jenkins-job-builder", hint=_hint(error)) from error
    except yaml.YAMLError as error:
        raise BootstrapError(str(error), where="templates", hint="correct the YAML at the place named") from error
    except OSError as error:
        raise BootstrapError(
            f"cannot be read: {error.strerror}", where=str(error.filename), hint="correct jobs.templates"
        ) from error


def _explain(error: Any) -> str:
    return "\n  ".join(error.lines)


def _hint(error: Any) -> str:
    message = str(error)
    unknown = "Unrecognized project-type: " in message or "Unknown entry point or macro " in message
    if unknown and any(name in message.partition("(supported")[0] for name in _OURS):
        return "install jenkins-bootstrap with pip in this environment: its entry points are missing"
    return "correct the template at the place named"
