"""Images under test: small inputs, and the real templates of packer/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jenkins_bootstrap.boot.documents import image_settings
from jenkins_bootstrap.config.models import ImageSpec, Settings
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.images.graph import NamedImage
from jenkins_bootstrap.images.inputs import ControllerContent, ImageInputs, gather
from jenkins_bootstrap.images.war import JenkinsSource

STAGES = {
    "init.groovy": "println 'init'\n",
    "init.groovy.d/aws.txt": "println 'aws'\n",
    "init.groovy.d/github.txt": "println 'github'\n",
    "init.groovy.d/githubrepos.txt": "println 'githubrepos'\n",
}
LOCK = '{"plugins": []}\n'
JOB = (
    "<?xml version='1.1' encoding='UTF-8'?>\n<org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject/>\n"
)


@pytest.fixture
def content(settings: Settings) -> ControllerContent:
    seed = {
        "seed.json": b'{"listed": "2026-01-01T00:00:00Z"}\n',
        **{f"xml/acme/r{n}.xml": JOB.encode() for n in range(3)},
    }
    told = canonical_json(image_settings(settings))
    return ControllerContent(STAGES, LOCK, JenkinsSource(version="2.516.2"), seed, settings=told)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template of one's own that puts a controller in place with a script of its own."""
    folder = tmp_path / "settings" / "mine"
    (folder / "scripts").mkdir(parents=True)
    (folder / "mine.pkr.hcl").write_text('# "sh scripts/controller.sh", "sh scripts/java.sh", "sh scripts/own.sh"\n')
    (folder / "scripts" / "own.sh").write_text("true\n")
    return folder


@pytest.fixture
def inputs_of(settings: Settings, template: Path, content: ControllerContent) -> Callable[..., ImageInputs]:
    """Gathers the inputs of the image `mine`, anew at each call; keywords go over the image's spec."""

    def make(**values: object) -> ImageInputs:
        spec = ImageSpec.model_validate({"parent": "base", "template": str(template), **values})
        package = {"jenkins_bootstrap/__init__.py": b"__version__ = '0'\n"}
        return gather(NamedImage("mine", spec), settings, content, folder=template.parent, package=package)

    return make
