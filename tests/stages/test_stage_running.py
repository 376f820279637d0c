"""The stages run by the real Groovy against doubles of Jenkins' core: order, failing closed, building by name.

The doubles (groovy/doubles) are Jenkins' names and kinds, not its behaviour; what a real Jenkins makes of the stages is
the acceptance test's to say.
"""

import json
import shutil
from pathlib import Path

import pytest

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.literal import environment
from jenkins_bootstrap.stages.render import guards, render, write

pytestmark = pytest.mark.groovy

LOCK = {"ec2": "2059.v05f9d511d7e5", "git": "5.7.0"}
PROBE = "new File(root, 'ran.txt') << '{name} '\n"


def result(text):
    """The probe, which also says that it has run, as a whole stage does."""
    return text + "new File(root, 'stages/' + this.class.name + '.txt.json').text = '{}'\n"


KEY = "\n".join(["not-a-real-key-line-one", "not-a-real-key-line-two"])
SECRETS = {
    "schema": 1,
    "agent_private_key": f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY-----\n",
    "service_token": "not-a-real-service-token",
    "values": {
        "admin_username": "admin",
        "admin_password": "not-a-real-password",
        "github_token": "not-a-real-token",
        "ldap_password": "not-a-real-ldap-password",
    },
}
INSTALLED = """
jenkinsClass.get().pluginManager.plugins = [
    [shortName: 'ec2', version: '2059.v05f9d511d7e5', active: true], [shortName: 'git', version: '5.7.0', active: true],
]
"""


@pytest.fixture
def hooks(settings, tmp_path):
    """A folder of hooks as `boot` fills it; the three stages after the first are probes unless `whole`.

    With `guarded` the guards are there too, and the first stage lies where they take it from, in the folder image/.
    """
    count = iter(range(1000))

    def make(
        *,
        secrets=SECRETS,
        wanted=None,
        plugins=LOCK,
        before=INSTALLED,
        whole=False,
        edit=None,
        more=None,
        guarded=False,
        sources=None,
    ):
        root = tmp_path / f"hooks{next(count)}"
        paths = {f"{kind}_path": str(root / f"{kind}.json") for kind in ("facts", "secrets", "seed")}
        files = render(wanted or settings, plugins, sources=sources, **paths)
        if not whole:
            files |= {path: PROBE.replace("{name}", Path(path).stem) for path in files if path.endswith(".txt")}
        files |= more or {}
        for path, change in (edit or {}).items():
            files[path] = change(files[path])
        write(root, files)
        if guarded:
            (root / "stages").mkdir()
            write(root / "image", {"init.groovy": files["init.groovy"]})
            places = {"results_path": str(root / "stages"), "first_path": str(root / "image" / "init.groovy")}
            write(root, guards(secrets_path=paths["secrets_path"], **places))
        if secrets is not None:
            (root / "secrets.json").write_text(json.dumps(secrets) if isinstance(secrets, dict) else secrets)
        (root / "before.groovy").write_text(before)
        return root

    return make


def with_controller(settings, **changes):
    data = settings.model_dump(exclude_defaults=True)
    data["controller"] |= changes
    return Settings.model_validate(data)


def test_the_stages_run_in_order_in_the_same_boot_and_jenkins_is_closed(boots, hooks, settings):
    root = hooks()
    (came,) = boots(root)
    assert came["outcome"] == "open"
    assert came["warnings"] == []
    assert came["ran"] == ["init.groovy", "aws.groovy", "github.groovy", "githubrepos.groovy"]
    assert (root / "ran.txt").read_text() == "aws github githubrepos "
    assert came["leaked"] == []
    state = came["state"]
    assert state["realm"] == "hudson.security.HudsonPrivateSecurityRealm"
    assert state["signup"] is False
    assert state["users"] == ["admin"]
    assert set(state["granted"]) == {
        "hudson.model.Hudson.Administer:USER:admin",
        "hudson.model.Hudson.Administer:USER:_jenkins-bootstrap",
    }
    assert state["crumbs"] == "hudson.security.csrf.DefaultCrumbIssuer"
    assert state["formatter"] == "hudson.markup.EscapedMarkupFormatter"
    assert (state["executors"], state["port"], state["url"]) == (0, -1, settings.controller.url)
    line = json.loads(came["log"][-1].split(" ", 2)[2])
    assert (line["stage"], line["changed"]) == ("init.groovy", True)


def test_roles_are_permissions_of_accounts_and_groups(boots, hooks, settings):
    wanted = with_controller(
        settings,
        accounts=[{"id": "ada", "role": "developer"}, {"id": "bob"}],
        sign_in={"kind": "accounts", "groups": {"ops": "administrator"}},
    )
    (came,) = boots(hooks(wanted=wanted))
    granted = came["state"]["granted"]
    assert "hudson.model.Item.Build:USER:ada" in granted
    assert "hudson.model.Item.Read:USER:bob" in granted
    assert "hudson.model.Item.Build:USER:bob" not in granted
    assert "hudson.model.Hudson.Administer:GROUP:ops" in granted
    assert not [g for g in granted if g.endswith((":anonymous", ":authenticated"))]


def test_a_second_run_in_the_same_jenkins_changes_nothing(boots, hooks):
    again = (
        "def root = System.getProperty('jenkins.util.groovy.GroovyHookScript.ROOT_PATH')\n"
        "new GroovyShell(jenkins.model.Jenkins.classLoader, new Binding()).evaluate(new File(root, 'init.groovy'))\n"
    )
    root = hooks(more={"init.groovy.d/zz.txt": again})
    (came,) = boots(root)
    assert came["outcome"] == "open"
    first, second = (json.loads(line.split(" ", 2)[2]) for line in came["log"] if '"stage":"init.groovy"' in line)
    assert (first["changed"], second["changed"], second["changes"]) == (True, False, [])
    assert came["state"]["saves"] == 1


@pytest.mark.parametrize(
    "stage", ["init.groovy", "init.groovy.d/aws.txt", "init.groovy.d/github.txt", "init.groovy.d/githubrepos.txt"]
)
def test_whatever_a_stage_throws_jenkins_does_not_open(boots, hooks, settings, stage):
    kinds = {
        "RuntimeException": "throw new RuntimeException('the cause')",
        "IOException": "throw new IOException('the cause')",
        "Exception": "throw new Exception('the cause')",
        "Error": "throw new Error('the cause')",
        "NoClassDefFoundError": "throw new NoClassDefFoundError('the cause')",
        "ExceptionInInitializerError": "throw new ExceptionInInitializerError('the cause')",
        "StackOverflowError": "throw new StackOverflowError('the cause')",
        "PowerAssertionError": "assert 1 == 2 : 'the cause'",
        "MissingPropertyException": "theCause.call()",
        "ClassNotFoundException": "Class.forName('the cause')",
    }
    whole = render(settings, LOCK)
    roots = []
    for code in kinds.values():
        root = hooks()
        text = (
            whole[stage].replace("/run/jenkins-bootstrap/", f"{root}/").replace("\nstage {", "\nstage {\n    " + code)
        )
        write(root, {stage: text})
        roots.append(root)
    for kind, root, came in zip(kinds, roots, boots(*roots), strict=True):
        assert came["outcome"] == "closed", kind
        assert came["message"].startswith("java.lang.Error: jenkins-bootstrap: the stage " + Path(stage).name), kind
        assert "cause" in came["message"].lower(), kind
        assert came["ran"][-1] == Path(stage).name.replace(".txt", ".groovy"), kind
        assert not came["secrets"], kind
        assert Path(stage).stem not in ((root / "ran.txt").read_text() if (root / "ran.txt").exists() else "").split()


def test_a_stage_that_does_not_compile_is_found_before_it_is_named(boots, hooks):
    (came,) = boots(hooks(edit={"init.groovy.d/github.txt": lambda text: text + "def (\n"}))
    assert came["outcome"] == "closed"
    assert "github.txt does not compile" in came["message"]
    assert came["ran"] == ["init.groovy"]


def test_a_user_s_stage_runs_after_the_four_with_the_same_guarantees(boots, hooks):
    mine = "new File(root, 'ran.txt')\n"
    more = {"init.groovy.d/a.txt": "new File('{root}', 'ran.txt') << 'a '\n", "init.groovy.d/b.txt": mine}
    good = hooks(
        more=more, guarded=True, edit={f"init.groovy.d/{n}.txt": result for n in ("aws", "github", "githubrepos")}
    )
    text = (good / "init.groovy.d" / "a.txt").read_text().replace("{root}", str(good))
    (good / "init.groovy.d" / "a.txt").write_text(text)
    (good / "init.groovy.d" / "b.txt").write_text(
        text.replace("'a '", "'b ' + new File('%s').exists()" % (good / "secrets.json"))
    )
    bad = hooks(more={"init.groovy.d/a.txt": "throw new NoClassDefFoundError('mine')\n", "init.groovy.d/b.txt": "1\n"})
    here, there = boots(good, bad)
    assert (good / "ran.txt").read_text() == "aws github githubrepos a b true"
    assert here["outcome"] == "open"
    assert not here["secrets"]
    assert there["outcome"] == "closed"
    assert "the stage user_a.txt failed" in there["message"]
    assert "user_b.groovy" not in there["ran"]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"secrets": None}, "secrets.json is not there"),
        ({"secrets": '{"schema": 1, "val'}, "cut off or not JSON"),
        ({"secrets": "[]"}, "not a JSON object"),
        ({"secrets": {"schema": 2}}, "has version 2, this stage reads version 1"),
        ({"secrets": {"schema": 1, "values": {"admin_username": "admin"}}}, "no value for admin_password"),
        (
            {"secrets": {"schema": 1, "values": {"admin_username": "", "admin_password": "x"}}},
            "no value for admin_username",
        ),
        ({"before": ""}, "ec2 2059.v05f9d511d7e5 is not installed"),
        ({"before": INSTALLED.replace("5.7.0", "5.6.0")}, "git is 5.6.0, locked is 5.7.0"),
        ({"before": INSTALLED.replace("active: true]", "active: false]")}, "ec2 is not active; git is not active"),
        (
            {"before": INSTALLED + "jenkinsClass.get().pluginManager.failedPlugins = [[name: 'git']]"},
            "git failed to load",
        ),
        (
            {
                "before": INSTALLED
                + "jenkinsClass.classLoader.loadClass('jenkins.AgentProtocol').known << [name: 'JNLP2-connect']"
            },
            "still has JNLP2-connect",
        ),
        ({"before": INSTALLED + "jenkinsClass.get().descriptors << 'jenkins.CLI'"}, "still has the CLI over remoting"),
    ],
)
def test_what_is_not_as_it_must_be_stops_the_boot_with_what_to_try(boots, hooks, case, words):
    (came,) = boots(hooks(**case))
    assert came["outcome"] == "closed"
    assert words in came["message"]
    assert "Try: " in came["message"]
    assert came["ran"] == ["init.groovy"]


def test_a_missing_stage_stops_the_boot(boots, hooks):
    root = hooks()
    (root / "init.groovy.d" / "github.txt").unlink()
    (came,) = boots(root)
    assert came["outcome"] == "closed"
    assert "The stage github is missing" in came["message"]


def test_a_stage_that_fails_in_a_running_jenkins_does_not_say_that_it_closes_it(boots, hooks):
    up = "jenkinsClass.get().initLevel = jenkinsClass.classLoader.loadClass('jenkins.model.Milestone').COMPLETED"
    (came,) = boots(hooks(before=up))
    assert "the stage init.groovy failed. The plugins differ" in came["message"]


def test_an_unlocked_plugin_is_told_in_the_log(boots, hooks):
    more = INSTALLED + "jenkinsClass.get().pluginManager.plugins << [shortName: 'by-hand', version: '1', active: true]"
    (came,) = boots(hooks(before=more))
    assert came["outcome"] == "open"
    assert any("not in the lock: by-hand" in line for line in came["log"])


def test_no_secret_is_in_a_failure_s_message_or_log(boots, hooks, settings):
    leak = (
        "\nstage {\n    String key = secrets().agent_private_key.readLines()[1]\n"
        "    throw new RuntimeException('refused: ' + new File(SECRETS_PATH).text + key)"
    )
    root = hooks()
    whole = render(settings, LOCK, facts_path="/x", secrets_path=str(root / "secrets.json"))
    write(root, {"init.groovy": whole["init.groovy"].replace("\nstage {", leak)})
    (came,) = boots(root)
    told = json.dumps(came)
    assert came["outcome"] == "closed"
    assert "(secret)" in told
    assert "not-a-real" not in told


def test_ldap_is_built_by_name_with_a_secret_by_reference(boots, hooks, settings):
    options = {"server": "ldap.example.org", "rootDN": "dc=x", "managerPasswordSecret": "secret:ldap_password"}
    sign_in = {"kind": "ldap", "options": options, "groups": {"ops": "administrator"}}
    good = hooks(wanted=with_controller(settings, sign_in=sign_in))
    typo = hooks(wanted=with_controller(settings, sign_in=sign_in | {"options": {"rootDn": "dc=x"}}))
    github = hooks(wanted=with_controller(settings, sign_in={"kind": "github"}))
    here, wrong, without = boots(good, typo, github)
    assert here["state"]["ldap"] == [["ldap.example.org", "dc=x", "not-a-real-ldap-password"]]
    assert here["state"]["users"] == []
    assert "hudson.model.Hudson.Administer:USER:admin" not in here["state"]["granted"]
    assert wrong["outcome"] == "closed"
    assert "LDAPConfiguration has no parameter rootDn (nearest: rootDN)" in wrong["message"]
    assert without["outcome"] == "closed"
    assert "org.jenkinsci.plugins.GithubSecurityRealm is in no active plugin" in without["message"]


FULL = "[ami: 'ami-1', numExecutors: '1', mode: 'NORMAL', minimum: 0, stop: false, password: null, tags: []]"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("", None),
        (" + [extra: 'x']", None),
        (" + [mode: 'exclusive']", "mode is exclusive, it must be one of NORMAL, EXCLUSIVE (nearest: EXCLUSIVE)"),
        (" + [numExecutors: 1]", "numExecutors is a Integer, it must be a String"),
        (" + [minimum: null]", "minimum is null, it must be int"),
        (" + [minimum: 'two']", "minimum is a String, it must be a int"),
        (" + [stop: 'no']", "stop is a String, it must be a boolean"),
        (" + [tags: 'a']", "tags is a String, it must be a List"),
        (" + [password: 'not-a-real-one']", "password is a String, it must be a Secret"),
        (" + [numExecutor: '1']", "has no parameter numExecutor (nearest: numExecutors)"),
        (" + [zzzzzzzzzz: '1']", "has no parameter zzzzzzzzzz."),
        (".findAll { it.key != 'ami' && it.key != 'stop' }", "sample.Template needs ami, stop, which nothing gives"),
    ],
)
def test_building_by_name_says_what_does_not_fit(boots, hooks, tmp_path, change, words):
    templates = tmp_path / "templates"
    templates.mkdir()
    for part in share("groovy").glob("*.groovy.j2"):
        shutil.copy(part, templates)
    (templates / "probe.j2").write_text(
        "{% include 'shared.groovy.j2' %}\nstage {\n"
        f"    def made = build('sample.Template', {FULL}{change} + [since: 1], ['since'])\n"
        "    changed(made.ami + made.mode.name())\n}\n"
    )
    values = {"stage": "aws.txt", "settings": {}, "facts_path": "/x", "secrets_path": "/x", "schema": 1}
    probe = environment(templates).get_template("probe.j2").render(**values)
    (came,) = boots(hooks(more={"init.groovy.d/aws.txt": probe}))
    if words is None:
        assert came["outcome"] == "open"
        assert any('"changes":["ami-1NORMAL"]' in line for line in came["log"])
    else:
        assert came["outcome"] == "closed"
        assert words in came["message"]
        assert "not-a-real" not in json.dumps(came)
