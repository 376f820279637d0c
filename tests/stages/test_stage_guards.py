"""What closes Jenkins whatever became of a stage, and what a stage leaves behind: real Groovy against doubles."""

import json
from pathlib import Path

import pytest

from jenkins_bootstrap.stages.compile import compile_stages
from jenkins_bootstrap.stages.render import STAGE_FILES, guards, render, write

STAGES = [path for path in STAGE_FILES.values() if path.endswith(".groovy")]
OK = "new File(root, 'stages/' + this.class.name + '.txt.json').text = '{\"stage\":\"x\"}'\n"
FIRST = """
new File(root, 'stages/init.groovy.json').text = '{"stage":"init.groovy"}'
new File(root, 'init.groovy.d').listFiles().findAll { it.name.endsWith('.txt') }.each {
    it.renameTo(it.path.replace('.txt', '.groovy'))
}
"""
OUT_OF_THE_GUARD = {
    "an exception": "throw new RuntimeException('the cause')\n",
    "an Error": "throw new Error('the cause')\n",
    "a LinkageError": "throw new NoClassDefFoundError('the cause')\n",
    "a class that is not there": "import no.such.TheCause\n",
    "a syntax error": "def the cause (\n",
}

pytestmark = pytest.mark.groovy


@pytest.fixture
def hooks(tmp_path):
    """A folder of hooks with the guards; the stages only say that they have run, but for those of `changed`."""
    count = iter(range(100))

    def make(changed=None, more=None):
        root = tmp_path / f"hooks{next(count)}"
        files = {f"init.groovy.d/{name}": OK for name in STAGE_FILES if name.endswith(".txt")}
        files |= {"init.groovy": FIRST.replace("root", f"new File('{root}')")} | (changed or {})
        (root / "stages").mkdir(parents=True)
        write(root / "image", {"init.groovy": files["init.groovy"]})
        write(root, files | (more or {}))
        places = {"results_path": f"{root}/stages", "secrets_path": f"{root}/secrets.json"}
        write(root, guards(first_path=f"{root}/image/init.groovy", hooks_path=str(root), **places))
        (root / "secrets.json").write_text('{"schema": 1, "values": {"admin_password": "not-a-real-password"}}')
        (root / "stages" / "github.txt.json").write_text('{"stage":"of an earlier boot"}')
        return root

    return make


def test_the_guards_compile_and_stand_for_nothing_of_a_stage(groovy_program):
    files = guards()
    assert set(files) == {"init.groovy", "init.groovy.d/zz-closed.groovy", "boot-failure.groovy"}
    assert compile_stages(files, groovy=groovy_program).compiled
    assert not [text for text in files.values() if "import " in text or "@Field" in text]


def test_when_every_stage_has_run_jenkins_opens_without_secrets(boots, hooks):
    (came,) = boots(hooks())
    assert came["outcome"] == "open"
    assert came["ran"] == [*(Path(path).name for path in STAGES), "zz-closed.groovy"]
    assert not came["secrets"]


@pytest.mark.parametrize("stage", ["init.groovy", "init.groovy.d/aws.txt", "init.groovy.d/githubrepos.txt"])
def test_whatever_becomes_of_a_stage_outside_its_own_guard_jenkins_stays_closed(boots, hooks, stage):
    # No LinkageError at the top level of a later stage: what is ours throws inside `stage`, and a user's runs there.
    kinds = {k: v for k, v in OUT_OF_THE_GUARD.items() if stage == "init.groovy" or k != "a LinkageError"}
    for kind, came in zip(kinds, boots(*(hooks({stage: code}) for code in kinds.values())), strict=True):
        assert came["outcome"] == "closed", kind
        name = stage.rpartition("/")[2]
        assert came["message"].startswith("java.lang.Error: ") and (
            "the cause" in came["message"] or name in came["message"]
        ), kind
        if stage == "init.groovy":
            assert "the stage init.groovy failed" in came["message"], kind
        elif kind != "an Error":
            assert not came["secrets"], kind


def test_a_stage_of_which_nothing_is_left_closes_jenkins_though_an_earlier_boot_left_its_result(boots, hooks):
    (came,) = boots(hooks({"init.groovy.d/github.txt": "1\n"}))
    assert came["outcome"] == "closed"
    assert "the stage github.txt failed, so Jenkins does not open. It has not run to its end" in came["message"]


def test_a_stage_that_was_not_named_closes_jenkins(boots, hooks):
    first = FIRST.replace("findAll { it.name.endsWith('.txt') }", "findAll { it.name in ['aws.txt', 'github.txt'] }")
    root = hooks({"init.groovy": ""})
    (root / "image" / "init.groovy").write_text(first.replace("root", f"new File('{root}')"))
    (came,) = boots(root)
    assert came["outcome"] == "closed"
    assert "the stage githubrepos.txt failed" in came["message"]


def test_a_failed_result_and_one_cut_off_close_jenkins(boots, hooks):
    bad = hooks({"init.groovy.d/aws.txt": OK.replace('"stage":"x"', '"stage":"x","failed":true')})
    cut = hooks({"init.groovy.d/aws.txt": OK.replace('"}', "")})
    extra = hooks(more={"init.groovy.d/user_mine.groovy": "1\n"})
    for came, words in zip(
        boots(bad, cut, extra), ("aws.txt failed", "zz-closed.groovy failed", "user_mine.txt failed"), strict=True
    ):
        assert came["outcome"] == "closed"
        assert words in came["message"]
        assert not came["secrets"]


def test_a_stage_leaves_its_log_line_as_a_file_and_nothing_half(boots, tmp_path, settings):
    good, bad, plain = (tmp_path / name for name in ("good", "bad", "plain"))
    whole = {}
    for root in (good, bad, plain):
        files = render(settings, None, secrets_path=f"{root}/secrets.json")
        whole[root] = {"init.groovy": files["init.groovy"]} | {
            f"init.groovy.d/{name}.txt": "1\n" for name in ("aws", "github", "githubrepos")
        }
        values = {"admin_username": "admin", "admin_password": "not-a-real-password"}
        write(root, {"secrets.json": json.dumps({"schema": 1, "values": values})} | whole[root])
        if root != plain:
            (root / "stages").mkdir()
    leak = "\nstage {\n    String word = secretValue('admin_password')\n"
    leak += "    fail('It is ' + word + '.', 'take ' + word + ' away')"
    write(bad, {"init.groovy": whole[bad]["init.groovy"].replace("\nstage {", leak)})
    opened, closed, without = boots(good, bad, plain)
    said = json.loads((good / "stages" / "init.groovy.json").read_text())
    line = next(line for line in opened["log"] if '"stage":"init.groovy"' in line)
    assert json.loads(line[line.index("{") :]) == said
    assert said["changed"] is True
    told = json.loads((bad / "stages" / "init.groovy.json").read_text())
    assert told == {"stage": "init.groovy", "failed": True, "cause": "It is (secret).", "remedy": "take (secret) away"}
    assert closed["message"].endswith("It is (secret). Try: take (secret) away")
    assert [p.name for p in (bad / "stages").iterdir()] == ["init.groovy.json"]
    assert without["outcome"] == "open"
    assert not (plain / "stages").exists()


FAILURES = {
    "a stage that told nobody": (
        "new Error('jenkins-bootstrap: the stage aws.txt failed, so Jenkins does not open. '"
        " + 'It is not-a-real-password. Try: this')",
        {"stage": "aws.txt", "failed": True, "cause": "It is (secret).", "remedy": "this"},
    ),
    "Jenkins itself": (
        "new Exception('outer', new IOException('config.xml has not-a-real-password'))",
        {"stage": "jenkins", "failed": True, "cause": "java.io.IOException: config.xml has (secret)"},
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_why_a_start_failed_is_written_for_the_page_without_a_secret(evaluate, tmp_path, case):
    thrown, expected = FAILURES[case]
    results, secrets = tmp_path / "stages", tmp_path / "secrets.json"
    results.mkdir()
    secrets.write_text('{"schema": 1, "values": {"admin_password": "not-a-real-password"}}')
    script = guards(results_path=str(results), secrets_path=str(secrets))["boot-failure.groovy"]
    (tmp_path / "f.groovy").write_text(script)
    ran = f"""
    System.setProperty('jenkins-bootstrap.stay', 'true')
    new GroovyShell(new Binding([exception: {thrown}])).evaluate(new File('{tmp_path}/f.groovy'))
    """
    evaluate(ran)
    (told,) = results.iterdir()
    said = json.loads(told.read_text())
    assert told.name == f"{expected['stage']}.json"
    assert expected.items() <= said.items()
    assert said["remedy"]
    assert not secrets.exists()


def test_what_a_stage_has_told_itself_is_kept(evaluate, tmp_path):
    results = tmp_path / "stages"
    results.mkdir()
    (results / "aws.txt.json").write_text('{"stage":"aws.txt","failed":true,"cause":"its own"}')
    script = guards(results_path=str(results), secrets_path="/x/secrets.json")["boot-failure.groovy"]
    (tmp_path / "f.groovy").write_text(script)
    evaluate(f"""
    System.setProperty('jenkins-bootstrap.stay', 'true')
    new GroovyShell(new Binding([exception: new Error('other')])).evaluate(new File('{tmp_path}/f.groovy'))
    """)
    assert [p.name for p in results.iterdir()] == ["aws.txt.json"]
    assert "its own" in (results / "aws.txt.json").read_text()


@pytest.mark.parametrize(("stay", "status"), [("", 70), ("-Djenkins-bootstrap.stay=true", 0)])
def test_a_failed_start_ends_the_jvm_with_status_70_unless_it_is_told_to_stay(groovy_program, tmp_path, stay, status):
    import os
    import subprocess

    from jenkins_bootstrap.stages.compile import JAVA_OPTIONS

    (tmp_path / "f.groovy").write_text(guards(results_path=str(tmp_path), secrets_path="/x")["boot-failure.groovy"])
    run = f"new GroovyShell(new Binding([exception: new Error('x')])).evaluate(new File('{tmp_path}/f.groovy'))"
    environment = os.environ | {"JAVA_OPTS": f"{JAVA_OPTIONS} {stay}"}
    assert subprocess.run([groovy_program, "-e", run], env=environment, check=False).returncode == status
    assert (tmp_path / "jenkins.json").exists()
