"""What tests of commands share."""

import os

import pytest

from jenkins_bootstrap.stages.compile import GROOVY


@pytest.fixture(scope="session")
def quick_tools(tmp_path_factory):
    """A PATH whose groovy and javac only say their version, for tests of `check` that are about other things: each is
    a JVM otherwise, at every check. A test with the real ones says so."""
    folder = tmp_path_factory.mktemp("tools")
    (folder / "groovy").write_text(f"#!/bin/sh\necho 'Groovy Version: {GROOVY} JVM: 17.0.15'\n")
    (folder / "javac").write_text("#!/bin/sh\necho 'javac 17.0.15'\n")
    for program in folder.iterdir():
        program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"
