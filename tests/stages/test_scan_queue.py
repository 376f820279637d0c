"""The queue of scans in Jenkins: what the stage and the gateway add to it, run by the real Groovy on the doubles.

The scripts come from two places and are of two classes each time, as in a Jenkins: only what they share can be shared.
"""

import json

import pytest

from jenkins_bootstrap.controller.client import MARK
from jenkins_bootstrap.controller.scan_script import scan_script
from jenkins_bootstrap.resources import share

pytestmark = pytest.mark.groovy

PRELUDE = """
def jenkins = jenkinsClass.get()
def timer = jenkinsClass.classLoader.loadClass('jenkins.util.Timer').get()
def make = { holder, String name, String kind, String more ->
    holder.createProjectFromXML(name, new ByteArrayInputStream("<${kind}>${more}</${kind}>".bytes))
}
def top = make(jenkins, 'top', 'com.cloudbees.hudson.plugins.folder.Folder', '')
def source = '<sources><data><jenkins.branch.BranchSource><source ' +
    'class="org.jenkinsci.plugins.github_branch_source.GitHubSCMSource"/></jenkins.branch.BranchSource></data></sources>'
def multibranch = 'org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject'
jenkinsClass.classLoader.loadClass('jenkins.branch.MultiBranchProject').FIRE_SCM_SOURCE_BUILDS_AFTER_SAVE = false
def job = ('a'..'f').collectEntries { [(it): make(top, it, multibranch, source + '<triggers><daily/></triggers>')] }
def run = { String name ->
    def out = new StringWriter()
    new GroovyShell(jenkinsClass.classLoader, new Binding(out: out)).evaluate(new File(root, name).text)
    out.toString()
}
def scans = { job.values().collectEntries { [(it.name): it.scans] }.findAll { it.value } }
def waiting = { new LinkedHashMap(jenkins.servletContext.getAttribute('jenkins-bootstrap.scans').waiting) }
def alive = { timer.tasks.findAll { !it.cancelled } }
"""


def batch(names, pause=10_000, number="one"):
    return scan_script([f"top/{name}" for name in names], pause, number)


def first(names, pause=10_000):
    """As the stage asks for the first scans."""
    listed = ", ".join(f"'top/{name}'" for name in names)
    text = (share("groovy") / "scans.groovy").read_text()
    return (
        f"import jenkins.model.Jenkins\n{text}\naskForScans([{listed}], true, null, {pause}L, 30000L, {{ a, b -> }})\n"
    )


@pytest.fixture
def ran(boots, tmp_path):
    """Runs a scenario with these scripts by name; what it noted, and the log."""

    def run(scenario, **scripts):
        (tmp_path / "init.groovy.d").mkdir()
        (tmp_path / "init.groovy").write_text("1\n")
        (tmp_path / "again.groovy").write_text(PRELUDE + scenario)
        for name, text in scripts.items():
            (tmp_path / name).write_text(text)
        (came,) = boots(tmp_path)
        assert came["outcome"] == "open", came["message"]
        return came["again"], came["log"]

    return run


def told(text):
    (line,) = [line for line in text.splitlines() if line.startswith(MARK)]
    return json.loads(line.removeprefix(MARK))


def test_a_second_batch_joins_the_first_and_nothing_is_asked_twice(ran):
    scenario = """
note(run('one')); note(run('two')); note(run('two'))
note([waiting: waiting(), alive: alive().size(), pause: alive()[0].pause, held: job.a.triggers.daily.works()])
5.times { timer.tick(); note(scans()) }
note([alive: alive().size(), free: job.a.triggers.daily.works()])
"""
    came, log = ran(scenario, one=batch("ab"), two=batch("bc", 5_000, "two"))
    answers, state, ticks, end = came[:3], came[3], came[4:9], came[9]
    assert [told(text) for text in answers] == [
        {"added": 2, "waiting": 2, "passed": 0},
        {"added": 1, "waiting": 3, "passed": 0},
        {"added": 0, "waiting": 3, "passed": 0},  # sent again: its answer was lost
    ]
    assert list(state["waiting"]) == ["top/a", "top/b", "top/c"]
    assert (state["alive"], state["pause"], state["held"]) == (1, 5_000, False)
    assert ticks == [{"a": 1}, {"a": 1, "b": 1}, *([{"a": 1, "b": 1, "c": 1}] * 3)]
    assert end == {"alive": 0, "free": True}
    assert any("3 of 3 scans asked for, 0 minutes to go" in line for line in log)


def test_what_is_gone_or_disabled_costs_no_turn(ran):
    scenario = """
job.b.disabled = true
note(run('one'))
job.c.disabled = true
job.d.delete()
timer.tick(); note(scans()); timer.tick(); note(scans())
timer.tick(); note(alive().size())
"""
    came, _log = ran(scenario, one=batch(["b", "c", "d", "a", "none", "e"]))
    assert told(came[0]) == {"added": 4, "waiting": 4, "passed": 2}
    assert came[1:] == [{"a": 1}, {"a": 1, "e": 1}, 0]


def test_the_first_scans_of_a_boot_and_those_asked_for_share_the_budget(ran):
    scenario = """
run('first')
note(alive()*.delay)
job.a.computation.result = 'SUCCESS'
job.b.computation.result = 'SUCCESS'
note(run('one'))
note(waiting())
run('first')
note(waiting())
4.times { timer.tick(); note(scans()) }
note(run('two'))
note(alive()*.delay)
"""
    came, _log = ran(scenario, first=first("abc"), one=batch("bd"), two=batch("e", number="two"))
    assert came[0] == [30_000]
    assert told(came[1])["added"] == 1
    # b has had its first scan by a push, and needs one more: its definition is another.
    assert came[2] == {"top/a": "first", "top/b": "always", "top/c": "first", "top/d": "always"} == came[3]
    assert came[4:8] == [{"b": 1}, {"b": 1, "c": 1}, {"b": 1, "c": 1, "d": 1}, {"b": 1, "c": 1, "d": 1}]
    assert 8_000 < came[9][0] <= 10_000  # the pause after the last one holds for a queue that had run dry


def test_a_full_batch_of_long_names_compiles(ran):
    names = [f"{'o' * 39}/{'r' * 90}-{n:04}" for n in range(1000)]
    came, _log = ran("note(run('one'))", one=batch(names))
    assert told(came[0]) == {"added": 0, "waiting": 0, "passed": 1000}
