"""Whatever a stage throws, Jenkins never opens: each stage, each kind of Throwable, and what does not even compile.

Each case is a boot of its own. A selection runs with the acceptance tests; every stage with every kind is soak.
"""

import itertools
import re
import time
import zipfile

import pytest

from jenkins_bootstrap.boot.local import BootFailed

STAGES = ("init.groovy", "init.groovy.d/aws.txt", "init.groovy.d/github.txt", "init.groovy.d/githubrepos.txt")
KINDS = {
    "RuntimeException": "throw new RuntimeException('planted')",
    "IOException": "throw new IOException('planted')",
    "MissingPropertyException": "println planted",
    "AssertionError": "assert 'planted' == ''",
    "Error": "throw new Error('planted')",
    "NoClassDefFoundError": "throw new NoClassDefFoundError('planted/Missing')",
    "ExceptionInInitializerError": "throw new ExceptionInInitializerError('planted')",
    "StackOverflowError": "throw new StackOverflowError('planted')",
}
SELECTION = {
    ("init.groovy", "RuntimeException"),
    ("init.groovy.d/aws.txt", "NoClassDefFoundError"),
    ("init.groovy.d/github.txt", "MissingPropertyException"),
    ("init.groovy.d/githubrepos.txt", "Error"),
}
CASES = [
    pytest.param(stage, kind, marks=() if (stage, kind) in SELECTION else pytest.mark.soak)
    for stage, kind in itertools.product(STAGES, KINDS)
]


def planting(name, code):
    """A change of the stages: `code` as the first thing that the stage does."""

    def change(stages):
        spoilt, count = re.subn(
            r"^stage \{$", lambda found: f"{found[0]}\n    {code}", stages[name], flags=re.MULTILINE
        )
        assert count == 1
        return stages | {name: spoilt}

    return change


def replacing(name, text):
    return lambda stages: stages | {name: text}


def fails(controller, seconds=120):
    """Start it; the failure. Jenkins must not have been open at any moment, nor open afterwards."""
    controller.start()
    with pytest.raises(BootFailed) as failure:
        controller.wait(seconds)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert controller.status("login") != 200
        time.sleep(0.1)
    assert "Jenkins is fully up and running" not in controller.log.read_text()
    assert not controller.layout.secrets.exists()
    return failure.value


@pytest.mark.parametrize(("stage", "kind"), CASES)
def test_a_stage_that_throws_ends_the_boot(spoiled, stage, kind):
    controller = spoiled(planting(stage, KINDS[kind]))
    failure = fails(controller)
    name = stage.rpartition("/")[2]
    assert failure.stage == name
    assert "planted" in failure.what
    assert re.search(rf"jenkins-bootstrap.*{re.escape(name)}.*planted", controller.log.read_text())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("init.groovy", "this { does not compile"),
        pytest.param("init.groovy", "import no.such.plugin.Type\nprintln Type", marks=pytest.mark.soak),
        ("init.groovy.d/github.txt", "this { does not compile"),
    ],
)
def test_a_stage_that_does_not_compile_ends_the_boot(spoiled, name, text):
    failure = fails(spoiled(replacing(name, text)))
    assert failure.stage is None or "compil" in failure.what.lower()


@pytest.mark.parametrize("stage", ["init", "aws"])
def test_a_class_of_a_stage_that_does_not_load_ends_the_boot(spoiled, stage):
    controller = spoiled()
    archive = controller.layout.classes
    if not archive.exists():
        pytest.skip("no groovy on PATH")
    with zipfile.ZipFile(archive) as read:
        files = {name: read.read(name) for name in read.namelist()}
    with zipfile.ZipFile(archive, "w") as made:  # with the checksum of what it holds, so that `boot` takes it
        for name, content in files.items():
            made.writestr(name, content[:-200] if name == f"jenkins_bootstrap_{stage}.class" else content)
    failure = fails(controller)
    assert "ClassFormatError" in failure.what
    assert f"the stage {stage}." in controller.log.read_text()


@pytest.mark.parametrize("code", ["throw new NoClassDefFoundError('planted')", "throw new Exception('planted')"])
def test_a_stage_of_ones_own_that_throws_ends_the_boot(spoiled, code):
    failure = fails(spoiled(replacing("init.groovy.d/mine.txt", code)))
    assert "mine" in str(failure.stage)
    assert "planted" in failure.what
