"""The real Groovy for the stages' tests: one process that evaluates many scripts, as a JVM costs a second."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jenkins_bootstrap.stages.compile import JAVA_OPTIONS

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def groovy_program():
    program = shutil.which("groovy")
    if program is None:
        pytest.skip("no groovy on PATH")
    return program


class Answering:
    """A Groovy script that answers each line with a line of JSON, for as long as the tests run."""

    def __init__(self, program, script, *arguments):
        self.process = subprocess.Popen(
            [program, str(HERE / "groovy" / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"JAVA_OPTS": JAVA_OPTIONS},
        )

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = ""
        while not answer.startswith("{"):
            answer = self.process.stdout.readline()
            assert answer, "Groovy has ended"
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def evaluate(groovy_program):
    """A function from a Groovy expression to its value, as JSON carries it, and its Java class."""
    groovy = Answering(groovy_program, "evaluate.groovy")

    def ask(script):
        answer = groovy.ask(base64.b64encode(script.encode()).decode())
        assert "error" not in answer, f"{answer['error']}\n{script[:500]}"
        return answer["value"], answer["type"]

    yield ask
    groovy.close()


def at_one_place(root, place):
    """Lets a folder of hooks lie at `place` too, and its texts name that: the same texts are then compiled once."""
    place.unlink(missing_ok=True)
    place.symlink_to(root)
    for path in root.rglob("*"):
        if path.suffix in {".groovy", ".json", ".txt"} and path.is_file():
            text = path.read_text()
            if str(root) in text:
                path.write_text(text.replace(str(root), str(place)))
    return place


@pytest.fixture(scope="session")
def boots(groovy_program, tmp_path_factory):
    """Boot the doubles of Jenkins with each of these hook folders; what came of each."""
    groovy = Answering(groovy_program, "boot.groovy", HERE / "groovy" / "doubles")
    place = tmp_path_factory.mktemp("boots") / "hooks"

    def boot(*roots):
        # Classes that were compiled with a folder name what lay in it then.
        return [groovy.ask(str(root if list(root.glob("*.jar")) else at_one_place(root, place))) for root in roots]

    yield boot
    groovy.close()
