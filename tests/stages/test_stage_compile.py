"""Compiling the stages: what is wrong is named by line, and where Groovy is not the one in Jenkins that is said."""

import pytest

from jenkins_bootstrap.errors import SeveralErrors, ToolError
from jenkins_bootstrap.stages import compile as compiling
from jenkins_bootstrap.stages.compile import GROOVY, compile_stages
from jenkins_bootstrap.stages.render import render

GOOD = {"init.groovy": "import jenkins.model.Jenkins\nJenkins.get().save()\n"}


@pytest.fixture
def fake_groovy(tmp_path):
    """A program in Groovy's place."""

    def make(answer, status=0):
        program = tmp_path / "groovy"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\necho 'why not' >&2\nexit {status}\n")
        program.chmod(0o755)
        return str(program)

    return make


@pytest.mark.groovy
def test_the_four_stages_compile_to_classes(groovy_program, settings):
    files = render(settings, {"ec2": "1"})
    report = compile_stages(files, groovy=groovy_program, require=True)
    assert report.compiled
    assert report.groovy == GROOVY
    assert report.files == tuple(files)
    assert not report.cached
    assert report.seconds > 0


@pytest.mark.groovy
def test_each_script_that_does_not_compile_is_named_with_line_and_column(groovy_program):
    files = GOOD | {
        "init.groovy.d/aws.txt": "def a = 1\n\ndef b = ]\n",
        "init.groovy.d/github.txt": "int x = 1\nint x = 2\n",
        "init.groovy.d/fine.txt": "int x = 1\n",
    }
    with pytest.raises(SeveralErrors) as caught:
        compile_stages(files, groovy=groovy_program)
    assert [e.where for e in caught.value.errors] == ["init.groovy.d/aws.txt:3:9", "init.groovy.d/github.txt:2:5"]
    assert "unexpected token" in caught.value.errors[0].what
    assert "already contains a variable" in caught.value.errors[1].what


@pytest.mark.groovy
def test_a_stage_of_ones_own_is_named_by_its_file(groovy_program, tmp_path):
    (tmp_path / "mine.txt").write_text("def b = ]")
    files = {"init.groovy": "def a = [", "init.groovy.d/mine.txt": "def b = ]"}
    with pytest.raises(SeveralErrors) as caught:
        compile_stages(files, groovy=groovy_program, own=tmp_path)
    ours, mine = caught.value.errors
    assert "template in groovy/" in ours.hint
    assert mine.where == f"{tmp_path}/mine.txt:1:9"
    assert "template" not in mine.hint
    assert "correct this file" in mine.hint


@pytest.mark.groovy
def test_an_import_without_a_class_name_and_a_wrong_type_are_found(groovy_program):
    with pytest.raises(ToolError, match="unable to resolve class Secrte"):
        compile_stages({"a": "import hudson.util.Secret\nSecrte x = null\n"}, groovy=groovy_program)


@pytest.mark.groovy
def test_what_only_the_class_writer_sees_is_found(groovy_program):
    with pytest.raises(ToolError, match=r"(?i)too large|65535|string too long|method code") as caught:
        compile_stages({"big": "def a = '" + "a" * 70_000 + "'\n"}, groovy=groovy_program)
    assert caught.value.where.startswith("big")


@pytest.mark.groovy
def test_an_unchanged_rendering_costs_no_second_run(groovy_program, tmp_path, monkeypatch):
    first = compile_stages(GOOD, groovy=groovy_program, cache=tmp_path / "kept")
    monkeypatch.setattr(compiling.subprocess, "run", lambda *a, **k: pytest.fail("Groovy was started"))
    again = compile_stages(GOOD, groovy=groovy_program, cache=tmp_path / "kept")
    assert (first.cached, again.cached) == (False, True)
    assert first.classes == again.classes
    assert first.classes
    assert (again.compiled, again.groovy, again.files) == (True, GROOVY, ("init.groovy",))


@pytest.mark.groovy
def test_a_changed_rendering_and_a_damaged_cache_are_compiled_again(groovy_program, tmp_path):
    compile_stages(GOOD, groovy=groovy_program, cache=tmp_path)
    assert not compile_stages(GOOD | {"x": "1"}, groovy=groovy_program, cache=tmp_path).cached
    for kept in tmp_path.glob("*.json"):
        kept.write_text('{"compiled": tr')
    assert not compile_stages(GOOD, groovy=groovy_program, cache=tmp_path).cached


@pytest.mark.groovy
def test_a_failure_is_not_kept(groovy_program, tmp_path):
    for _ in range(2):
        with pytest.raises(ToolError):
            compile_stages({"a": "def ("}, groovy=groovy_program, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_no_groovy_is_the_report_says_not_compiled():
    report = compile_stages(GOOD, groovy="no-such-groovy")
    assert not report.compiled
    assert "no-such-groovy" in report.reason
    with pytest.raises(ToolError, match="not compiled: no no-such-groovy on PATH") as caught:
        compile_stages(GOOD, groovy="no-such-groovy", require=True)
    assert GROOVY in caught.value.hint


def test_another_groovy_than_the_one_in_jenkins_does_not_count(fake_groovy, tmp_path):
    other = fake_groovy('{"groovy": "4.0.2", "java": "21", "problems": []}')
    report = compile_stages(GOOD, groovy=other, cache=tmp_path / "kept")
    assert not report.compiled
    assert "4.0.2" in report.reason
    assert not (tmp_path / "kept").exists()
    with pytest.raises(ToolError, match=r"is Groovy 4\.0\.2, Jenkins has 2\.4\.21"):
        compile_stages(GOOD, groovy=other, require=True)


def test_words_before_the_answer_are_passed_over(fake_groovy):
    program = fake_groovy('Picked up _JAVA_OPTIONS\n{"groovy": "2.4.21", "java": "17", "problems": []}')
    report = compile_stages({"init.groovy.d/mine.txt": "1"}, groovy=program)
    assert report.compiled
    assert report.classes is None


def test_a_groovy_that_says_all_is_well_and_makes_no_class_is_an_error(fake_groovy):
    program = fake_groovy('{"groovy": "2.4.21", "java": "17", "problems": []}')
    with pytest.raises(ToolError, match=r"made no class of init\.groovy"):
        compile_stages(GOOD, groovy=program)


@pytest.mark.parametrize("answer", ["", "no JSON", '{"groovy": "2.4.21"}', '{"problems": [{}]}', "[]"])
def test_a_groovy_that_fails_is_an_error_with_its_words(fake_groovy, answer):
    with pytest.raises(ToolError, match="failed with exit status 3: why not"):
        compile_stages(GOOD, groovy=fake_groovy(answer, 3))


def test_a_groovy_that_does_not_answer_is_ended(tmp_path, monkeypatch):
    program = tmp_path / "groovy"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(compiling, "TIMEOUT", 0.3)
    with pytest.raises(ToolError, match="did not answer"):
        compile_stages(GOOD, groovy=str(program))


def test_a_groovy_that_cannot_be_run_is_an_error(tmp_path):
    program = tmp_path / "groovy"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    with pytest.raises(ToolError, match="cannot be run"):
        compile_stages(GOOD, groovy=str(program))
