"""The units as systemd and as we read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.boot.layout import PORT, Layout
from jenkins_bootstrap.boot.unit import java_options
from jenkins_bootstrap.errors import BootstrapError

UNITS = Path(__file__).resolve().parents[2] / "packer" / "systemd"
JENKINS = (UNITS / "jenkins.service").read_text()


def test_java_gets_the_options_of_the_unit() -> None:
    options = java_options(JENKINS)
    assert {"-XX:MaxRAMPercentage=60", "-XX:InitialRAMPercentage=25", "-XX:MetaspaceSize=256m"} <= set(options)
    assert f"-Djenkins.util.groovy.GroovyHookScript.ROOT_PATH={Layout().hooks}" in options
    assert options[-3:] == ["-jar", str(Layout().war), f"--httpPort={PORT}"]
    assert not [option for option in options if "\\" in option or "#" in option or "$" in option]


def test_the_optimising_compiler_comes_later_than_by_itself_and_still_comes() -> None:
    options = java_options(JENKINS)
    usual = {"Invocation": 5_000, "MinInvocation": 600, "Compile": 15_000, "BackEdge": 40_000}  # Java's own, 17 to 25
    given = dict(option.removeprefix("-XX:Tier4").split("Threshold=") for option in options if "Tier4" in option)
    assert {name: int(value) for name, value in given.items()} == {name: 10 * value for name, value in usual.items()}
    assert not [option for option in options if "TieredStopAtLevel" in option or option == "-Xint"]


def test_each_option_stands_below_its_reason() -> None:
    lines = JENKINS[JENKINS.index("ExecStart=/usr/bin/java") :].split("ExecStartPost")[0].splitlines()[1:-1]
    assert sum(line.strip().startswith("-") for line in lines) == len(java_options(JENKINS)) - 3
    assert lines[0].strip().startswith("#")


def test_comments_and_continuations_are_read_as_systemd_reads_them() -> None:
    text = '[Service]\nExecStart=/usr/bin/java \\\n  # why\n  -Da="b c" \\\n; why\n  -x\nRestart=no\n'
    assert java_options(text) == ["-Da=b c", "-x"]


def test_what_is_not_of_the_service_does_not_count() -> None:
    assert java_options("[Unit]\nExecStart=/a b\n[Service]\nExecStart=\nExecStart=/c d\n") == ["d"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[Service]\n", "0 lines ExecStart"),
        ("[Service]\nExecStart=/a\nExecStart=/b\n", "2 lines ExecStart"),
        ("[Service]\nExecStart=/a 'b\n", "No closing quotation"),
        ("[Service]\nExecStart=/a ${HEAP}\n", r"\$\{HEAP\} is not set"),
    ],
)
def test_a_unit_that_cannot_be_read_is_an_error(text: str, words: str) -> None:
    with pytest.raises(BootstrapError, match=words):
        java_options(text)


WORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="\"'\\$#;% "), min_size=1)


@given(st.lists(WORDS, min_size=1), st.lists(st.sampled_from(["  # a comment \\", "; one more"])))
def test_any_words_come_back_in_their_order(words: list[str], comments: list[str]) -> None:
    between = "".join(f"{line}\n" for line in comments)
    text = "[Service]\nExecStart=/usr/bin/java \\\n" + between + f" \\\n{between}".join(words) + "\n"
    assert java_options(text) == words


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: apt-get install systemd; the units are NOT checked")
    program = tmp_path / "jenkins-bootstrap"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/usr/local/bin/jenkins-bootstrap", str(program))
        (tmp_path / unit.name).write_text(text.replace("/usr/bin/java", "/bin/true"))
    names = [f"./{unit.name}" for unit in UNITS.iterdir()]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_unit_that_systemd_does_not_understand_is_told(tmp_path: Path) -> None:
    """That the check above can fail."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: apt-get install systemd")
    (tmp_path / "a.service").write_text("[Service]\nExecStart=/bin/true \\\n  # fine\n  one\nRestrat=no\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "./a.service"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"a\.service:5: Unknown key (name )?'Restrat'", done.stderr)
