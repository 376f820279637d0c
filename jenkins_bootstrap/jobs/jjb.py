"""jenkins-job-builder as a library: YAML in, XML out, exactly as `jenkins-jobs test` does it.

jenkins-job-builder 6.5 calls none of this stable, so that its version is pinned and tests/jobs/test_jjb_contract.py
holds the chain. Importing it takes half a second: only `Builder` does, and only when one is made.
"""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.resources import share

CONFIGURATION = "jenkins_jobs.ini"
"""Beside the templates in jobs/; given to `jenkins-jobs --conf` for the same result."""
INSTALLATION = "jenkins-bootstrap-installation"
"""Key in a job's data by which `jjb_finish` is told to mark it as this installation's."""

_OURS = ("multibranch-github", "bootstrap-folder", "github-repository", "github-checkout", "jenkins-bootstrap")
# What may make a template's text depend on a value by more than its insertion: Jinja, files named after a value, and
# YAML files included that may hold either.
_CONDITIONAL = re.compile(r"!(j2\b|j2-yaml|include-jinja2|include\b(?!-)|include[\w-]*:?[^:]*\{)")


class Builder:
    """The templates, loaded once, for several renderings.

    Raises BootstrapError with jenkins-job-builder's own explanation, here and in each method.
    """

    def __init__(self, templates: Sequence[Path]) -> None:
        """`templates` are folders or files of JJB YAML, read in this order."""
        _silence()
        from jenkins_jobs.config import JJBConfig
        from jenkins_jobs.roots import Roots

        logging.getLogger("jenkins_jobs").setLevel(logging.ERROR)
        self._config = JJBConfig(str(share("jobs") / CONFIGURATION))
        self._config.validate()
        self._roots = Roots(self._config)
        self._paths = list(templates)
        with _explained():
            self._load(templates)
        self._projects = dict(self._roots.projects)
        self._jobs = dict(self._roots.jobs)

    def _load(self, paths: Sequence[Path]) -> None:
        from jenkins_jobs.loader import load_files

        load_files(self._config, self._roots, paths)

    @property
    def templates(self) -> dict[str, Path]:
        """The file in which the template of each id is."""
        return {str(name): Path(template.pos.path) for name, template in self._roots.job_templates.items()}

    def one_by_one(self, template: str) -> bool:
        """Whether jobs of this template must not be made by a shape, as samples prove nothing for the others."""
        theirs = [
            file for path in self._paths if path.resolve() != share("jobs").resolve() for file in yaml_files(path)
        ]
        if not any(_CONDITIONAL.search(file.read_text(encoding="utf-8")) for file in theirs):
            return False
        return bool(self._roots.defaults) or self.templates[template].resolve() in {file.resolve() for file in theirs}

    def jobs_of_templates(self, installation: str) -> dict[str, bytes]:
        """The jobs that the templates' files define themselves, marked as this installation's where they are not."""
        self._roots.projects, self._roots.jobs = dict(self._projects), dict(self._jobs)
        with _explained():
            return self._generate(installation)

    def render(self, yaml_text: str) -> dict[str, bytes]:
        """Each job of this YAML by its full name, as the bytes of its config.xml; not those of the templates' files."""
        self._roots.projects, self._roots.jobs = {}, {}
        with _explained(), tempfile.TemporaryDirectory(prefix="jenkins-bootstrap-") as folder:
            # A file, as jenkins-job-builder cannot explain an error in what it reads from a stream.
            text = Path(folder) / "definitions.yaml"
            text.write_text(yaml_text)
            self._load([text])
            return self._generate(None)

    def _generate(self, installation: str | None) -> dict[str, bytes]:
        with _without_requirements():
            return self._generated(installation)

    def _generated(self, installation: str | None) -> dict[str, bytes]:
        jobs = self._roots.generate_jobs()
        if not jobs:
            return {}
        self._registry.amend_job_dicts(jobs)
        if installation is not None:
            for job in jobs:
                job.data[INSTALLATION] = installation
        from jenkins_jobs.xml_config import XmlJobGenerator

        return {job.name: job.output() for job in XmlJobGenerator(self._registry).generateXML(jobs)}

    @cached_property
    def _registry(self) -> Any:
        """Made once: every making resolves the dependencies of all its modules."""
        from jenkins_jobs.registry import ModuleRegistry

        registry = ModuleRegistry(self._config, [])
        registry.set_macros(self._roots.macros)
        return registry


def yaml_files(path: Path) -> list[Path]:
    """What jenkins-job-builder reads of a folder, or the file itself. Raises OSError."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in (".yml", ".yaml"))


def _silence() -> None:
    """pkg_resources, which jenkins-job-builder needs, announces its end on import: nobody who reads that can help it.

    For good and not for a block, as a block that another thread leaves would bring the words back.
    """
    warnings.filterwarnings("ignore", "pkg_resources is deprecated as an API", UserWarning)


@contextlib.contextmanager
def _without_requirements() -> Iterator[None]:
    """Entry points are loaded without a look whether all that their distribution requires is installed in a version
    that it likes: asked again for each of two hundred this is a tenth of a second."""
    from pkg_resources import EntryPoint

    required = EntryPoint.require
    EntryPoint.require = lambda *_args, **_more: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        EntryPoint.require = required  # type: ignore[method-assign]


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    import yaml
    from jenkins_jobs.errors import JenkinsJobsException

    try:
        yield
    except JenkinsJobsException as error:
        raise BootstrapError("\n  ".join(error.lines), where="jenkins-job-builder", hint=_hint(error)) from error
    except yaml.YAMLError as error:
        raise BootstrapError(str(error), where="templates", hint="correct the YAML at the place named") from error
    except OSError as error:
        raise BootstrapError(
            f"cannot be read: {error.strerror}", where=str(error.filename), hint="correct jobs.templates"
        ) from error


def _hint(error: Any) -> str:
    message = str(error)
    unknown = "Unrecognized project-type: " in message or "Unknown entry point or macro " in message
    if unknown and any(name in message.partition("(supported")[0] for name in _OURS):
        return "install jenkins-bootstrap with pip in this environment: its entry points are missing"
    return "correct the template at the place named"
