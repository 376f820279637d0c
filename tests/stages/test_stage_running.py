"""The stages run by the real Groovy against doubles of Jenkins' core: order, failing closed, building by name.

The doubles (groovy/doubles) are Jenkins' names and kinds, not its behaviour; what a real Jenkins makes of the stages is
the acceptance test's to say.
"""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from jenkins_bootstrap.config.models import Account, Settings
from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.literal import environment
from jenkins_bootstrap.stages.render import guards, render, write
from jenkins_bootstrap.stages.values import SIGN_IN_PLUGINS

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
        if plugins is not None and wanted is not None and wanted.controller.sign_in.kind in SIGN_IN_PLUGINS:
            name = SIGN_IN_PLUGINS[wanted.controller.sign_in.kind]
            plugins = plugins | {name: "1"}
            before += (
                f"\njenkinsClass.get().pluginManager.plugins << [shortName: '{name}', version: '1', active: true]\n"
            )
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


def unchecked(settings, **changes):
    """Settings as no file can say them."""
    sign_in = settings.controller.sign_in.model_copy(update=changes.pop("sign_in", {}))
    changes["accounts"] = [Account.model_construct(**one) for one in changes.get("accounts", [])]
    controller = settings.controller.model_copy(update=changes | {"sign_in": sign_in})
    return settings.model_copy(update={"controller": controller})


def test_the_stage_itself_gives_no_permission_to_whoever_comes(boots, hooks, settings):
    def person(name):
        return {"id": name, "role": "administrator", "full_name": "", "email": ""}

    def group(name, kind="accounts"):
        return {"sign_in": {"kind": kind, "groups": {name: "reader"}, "options": OPTIONS.get(kind, {})}}

    wrong = [{"accounts": [person(name)]} for name in ("Anonymous", "anonymous ", "AUTHENTICATED", "SYSTEM", "Unknown")]
    wrong += [group("ANONYMOUS"), group("Authenticated", "github")]
    roots = [hooks(wanted=unchecked(settings, **one)) for one in wrong]
    roots.append(hooks(secrets=with_secret(admin_username="Anonymous")))
    for one, root, came in zip([*wrong, "secret"], roots, boots(*roots), strict=True):
        assert came["outcome"] == "closed", one
        assert "which is no person and no group" in came["message"], one
        assert came["state"]["granted"] is None, one
        assert not (root / "ran.txt").exists()
    again = [{"accounts": [person("ada"), person("Ada")]}, {"accounts": [person("_Jenkins-Bootstrap")]}]
    pairs = boots(
        *(hooks(wanted=unchecked(settings, **one)) for one in again),
        hooks(wanted=unchecked(settings, accounts=[person("Admin")])),
    )
    for came, name in zip(pairs, ("ada", "_jenkins-bootstrap", "admin"), strict=True):
        assert came["outcome"] == "closed"
        assert f"These accounts differ in case alone: {name}." in came["message"]


def test_what_jenkins_makes_of_the_permissions_is_asked_of_itself(boots, hooks):
    given = "def strategy = jenkinsClass.classLoader.loadClass('hudson.security.GlobalMatrixAuthorizationStrategy')\n"
    given += "strategy.besides = ['hudson.model.Hudson.Read']\n"
    (came,) = boots(hooks(before=INSTALLED + given))
    assert came["outcome"] == "closed"
    assert "Whoever comes, without signing in, has hudson.model.Hudson.Read." in came["message"]


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


def test_a_stage_that_does_not_compile_closes_jenkins(boots, hooks):
    broken = {"init.groovy.d/github.txt": lambda text: "import no.such.Thing\n"}
    ran = {f"init.groovy.d/{name}.txt": result for name in ("aws", "githubrepos")}
    ours = hooks(edit=broken | ran, guarded=True)
    theirs = hooks(more={"init.groovy.d/mine.txt": "def (\n"}, guarded=True)
    here, there = boots(ours, theirs)
    assert here["outcome"] == there["outcome"] == "closed"
    assert "the stage github.txt failed" in here["message"]
    assert "It does not compile: " in here["message"]
    assert "unable to resolve class no.such.Thing" in here["message"]
    assert here["ran"][-1] == "zz-closed.groovy"
    assert not here["secrets"]
    assert "mine.txt does not compile" in there["message"]
    assert there["ran"] == ["init.groovy"]


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


OPTIONS = {
    "ldap": {"server": "ldap.example.org", "rootDN": "dc=x", "managerPasswordSecret": "secret:ldap_password"},
    "oidc": {
        "clientId": "c",
        "clientSecret": "secret:ldap_password",
        "serverConfiguration.wellKnownOpenIDConfigurationUrl": "https://id.example.org/",
        "userNameField": "login",
    },
    "saml": {"idpMetadataConfiguration.url": "https://id.example.org/", "idpMetadataConfiguration.period": 60},
    "github": {"clientID": "c", "clientSecret": "secret:ldap_password"},
}
SERVICE = """
def realm = jenkinsClass.get().securityRealm
def service = realm.securityComponents.userDetails2
def found = service.loadUserByUsername('_jenkins-bootstrap')
def other = null
try { service.loadUserByUsername('ada') } catch (Throwable problem) { other = problem.message }
new File(root, 'service.json').text = groovy.json.JsonOutput.toJson([
    realm.class.simpleName, found.username, found.authorities as List, other, realm.securityComponents.manager2])
"""


def test_each_realm_is_built_by_name_with_secrets_by_reference(boots, hooks, settings):
    groups = {"ops": "administrator"}
    roots = [
        hooks(
            wanted=with_controller(settings, sign_in={"kind": kind, "options": OPTIONS[kind], "groups": groups}),
            edit={"init.groovy.d/github.txt": lambda text: SERVICE},
        )
        for kind in ("ldap", "oidc", "saml")
    ]
    came = boots(*roots)
    assert [one["outcome"] for one in came] == ["open"] * 3
    assert came[0]["state"]["ldap"] == [["ldap.example.org", "dc=x", "not-a-real-ldap-password"]]
    for one, root, realm in zip(came, roots, ("LDAP", "Oic", "Saml"), strict=True):
        assert one["state"]["users"] == []
        assert "hudson.model.Hudson.Administer:USER:admin" not in one["state"]["granted"]
        assert "hudson.model.Hudson.Administer:GROUP:ops" in one["state"]["granted"]
        # The service account is known without the directory; whoever else is asked for is the realm's to say.
        assert json.loads((root / "service.json").read_text()) == [
            f"{realm}SecurityRealm",
            "_jenkins-bootstrap",
            ["authenticated"],
            "there is no ada",
            "manager",
        ]


def test_a_wrong_option_of_a_realm_and_a_realm_without_its_plugin_close_jenkins(boots, hooks, settings):
    typo = {"kind": "ldap", "options": {"rootDn": "dc=x"}}
    bare = {"kind": "oidc", "options": {"clientId": "c"}}
    kinds = (typo, bare, {"kind": "github", "options": OPTIONS["github"]})
    wrong, less, without = boots(*(hooks(wanted=with_controller(settings, sign_in=one)) for one in kinds))
    assert {one["outcome"] for one in (wrong, less, without)} == {"closed"}
    assert "LDAPConfiguration has no parameter rootDn (given: 'dc=x') (nearest: rootDN)" in wrong["message"]
    assert "OicServerWellKnownConfiguration needs wellKnownOpenIDConfigurationUrl" in less["message"]
    assert "org.jenkinsci.plugins.GithubSecurityRealm is in no active plugin" in without["message"]


def with_secret(**values):
    return SECRETS | {"values": SECRETS["values"] | values}


def test_while_the_glass_is_broken_one_administrator_can_sign_in_and_nobody_else(boots, hooks, settings):
    sign_in = {"kind": "ldap", "options": OPTIONS["ldap"], "groups": {"ops": "administrator"}}
    wanted = with_controller(settings, sign_in=sign_in, accounts=[{"id": "ada", "role": "administrator"}])
    mended = (
        "new File(root, 'secrets.json').text = new File(root, 'mended.json').text\n"
        "new GroovyShell(jenkinsClass.classLoader, new Binding()).evaluate(new File(root, 'init.groovy'))\n"
    )
    opened = hooks(wanted=wanted, secrets=with_secret(break_glass="open"))
    closed = hooks(
        wanted=wanted,
        secrets=with_secret(break_glass="open"),
        more={"init.groovy.d/zz.groovy": mended, "mended.json": json.dumps(SECRETS)},
    )
    other = hooks(wanted=wanted, secrets=with_secret(break_glass="yes"))
    here, again, wrong = boots(opened, closed, other)
    assert here["state"]["realm"] == "hudson.security.HudsonPrivateSecurityRealm"
    assert set(here["state"]["granted"]) == {
        "hudson.model.Hudson.Administer:USER:admin",
        "hudson.model.Hudson.Administer:USER:_jenkins-bootstrap",
    }
    assert here["state"]["users"] == ["admin"]
    assert any(line.startswith("WARNING") and "break_glass is open" in line for line in here["log"])
    assert again["state"]["realm"] == "hudson.security.LDAPSecurityRealm"
    assert "hudson.model.Hudson.Administer:USER:admin" not in again["state"]["granted"]
    assert "hudson.model.Hudson.Administer:USER:ada" in again["state"]["granted"]
    assert wrong["outcome"] == "closed"
    assert "break_glass of the secret is neither absent nor open" in wrong["message"]


LIFECYCLE = """
def loader = new GroovyClassLoader(jenkinsClass.classLoader)
loader.parseClass('''package hudson.lifecycle
class Lifecycle {
    static File root
    static Lifecycle get() { new Lifecycle() }
    void verifyRestartable() {}
    void restart() { new File(root, 'restarted') << 'x'; throw new ThreadDeath() }
}''')
loader.loadClass('hudson.lifecycle.Lifecycle').root = root
def manager = jenkinsClass.get().pluginManager
manager.uberClassLoader = loader
manager.metaClass.getRootDir = { new File(root, 'plugins') }
new File(root, 'plugins').mkdir()
"""


def test_missing_plugins_are_installed_by_the_lock_with_one_restart(boots, hooks, settings, tmp_path):
    wanted = with_controller(settings, boot={"install_missing_plugins": True})
    archive = tmp_path / "git.jpi"
    archive.write_bytes(b"an archive")
    digest = hashlib.sha256(b"an archive").hexdigest()
    only_ec2 = INSTALLED.replace("[shortName: 'git', version: '5.7.0', active: true],", "") + LIFECYCLE

    def sources(file=archive, sha256=digest):
        return {"ec2": ("https://x/", "0" * 64), "git": (file.as_uri(), sha256)}

    first = hooks(wanted=wanted, before=only_ec2, sources=sources())
    again = hooks(wanted=wanted, before=only_ec2, sources=sources())
    (again / "restarts").write_text("1\n")
    wrong = hooks(wanted=wanted, before=only_ec2, sources=sources(sha256="0" * 64))
    gone = hooks(wanted=wanted, before=only_ec2, sources=sources(file=tmp_path / "gone.jpi"))
    complete = hooks(wanted=wanted, before=INSTALLED + LIFECYCLE, sources=sources())
    (complete / "restarts").write_text("1\n")
    off = hooks(before=only_ec2, sources=sources())
    ended, loop, tampered, unreachable, fine, refused = boots(first, again, wrong, gone, complete, off)
    assert (first / "restarted").read_text() == "x"
    assert (first / "plugins" / "git.jpi").read_bytes() == b"an archive"
    assert (first / "restarts").exists()
    assert ended["state"]["realm"] == "jenkins.model.Open"
    assert not ended["secrets"]
    for came, root, words in (
        (loop, again, "After the restart for missing plugins these are still missing: git"),
        (tampered, wrong, f"has the SHA-256 {digest}, locked is {'0' * 64}"),
        (unreachable, gone, "git could not be had from file:"),
        (refused, off, "git 5.7.0 is not installed"),
    ):
        assert came["outcome"] == "closed"
        assert words in came["message"]
        assert not (root / "restarted").exists()
        assert list((root / "plugins").iterdir()) == []
    assert fine["outcome"] == "open"
    assert not (complete / "restarts").exists()


CASC = """
def loader = new GroovyClassLoader(jenkinsClass.classLoader)
loader.parseClass('''package io.jenkins.plugins.casc
class ConfigurationAsCode {
    static ConfigurationAsCode get() { new ConfigurationAsCode() }
    void configure(String... paths) {
        String text = new File(paths[0]).getText('UTF-8')
        new File(paths[0] + '.seen').setText(text, 'UTF-8')
        if (text.contains('wrong')) throw new IllegalArgumentException('line 1: wrong')
    }
}''')
jenkinsClass.get().pluginManager.uberClassLoader = loader
"""


def test_a_casc_file_is_applied_after_our_stages_and_before_those_of_the_user(boots, hooks, settings, tmp_path):
    file = tmp_path / "casc.yaml"
    good_text, bad_text = "jenkins: {systemMessage: 'gr\u00fc\u00dfe ${x}'}\n", "jenkins: wrong\n"
    roots = []
    for text in (good_text, bad_text):
        file.write_text(text, encoding="utf-8")
        wanted = with_controller(settings, casc=str(file))
        root = hooks(wanted=wanted, plugins=None, before=CASC, more={"init.groovy.d/mine.txt": "1\n"})
        whole = render(wanted, None, secrets_path=f"{root}/secrets.json")
        write(root, {"init.groovy.d/jcasc.txt": whole["init.groovy.d/jcasc.txt"]})
        roots.append(root)
    good, bad = boots(*roots)
    assert good["ran"][-3:] == ["githubrepos.groovy", "jcasc.groovy", "user_mine.groovy"]
    assert (roots[0] / "jcasc.yaml.seen").read_text(encoding="utf-8") == good_text
    assert bad["outcome"] == "closed"
    assert "the stage jcasc.txt failed" in bad["message"]
    assert "line 1: wrong" in bad["message"]
    assert bad["ran"][-1] == "jcasc.groovy"


LEFT_CLOUDS = """
def loader = new GroovyClassLoader(jenkinsClass.classLoader)
Class cloud = loader.parseClass('package hudson.plugins.ec2; class EC2Cloud { String name }')
Class other = loader.parseClass('package sample; class OtherCloud { String name }')
jenkinsClass.get().pluginManager.uberClassLoader = loader
['ec2-demo-gone', 'ec2-demo-busy', 'by-hand'].each { jenkinsClass.get().clouds << cloud.newInstance(name: it) }
jenkinsClass.get().clouds << other.newInstance(name: 'ec2-demo-other')
Class agent = loader.parseClass('package sample; class Agent { public String cloudName }')
jenkinsClass.get().nodes = [1, *(1..2).collect { agent.newInstance(cloudName: 'ec2-demo-busy') }]
"""


def test_a_cloud_whose_label_is_gone_goes_when_its_agents_have(boots, hooks, settings):
    wanted = Settings.model_validate(settings.model_dump(exclude_defaults=True) | {"agents": []})
    left = "new File(root, 'clouds.json').text = groovy.json.JsonOutput.toJson(jenkinsClass.get().clouds*.name)\n"
    root = hooks(wanted=wanted, plugins=None, before=LEFT_CLOUDS, edit={"init.groovy.d/github.txt": lambda text: left})
    write(root, {"facts.json": json.dumps({"schema": 1, "agents": {}})})
    places = {"facts_path": f"{root}/facts.json", "secrets_path": f"{root}/secrets.json"}
    write(root, {"init.groovy.d/aws.txt": render(wanted, None, **places)["init.groovy.d/aws.txt"]})
    (came,) = boots(root)
    assert came["outcome"] == "open", came["message"]
    assert json.loads((root / "clouds.json").read_text()) == ["ec2-demo-busy", "by-hand", "ec2-demo-other"]
    assert any('"cloud ec2-demo-gone removed"' in line for line in came["log"])
    told = "the cloud ec2-demo-busy, whose label is no longer in the settings, stays until its 2 agents are gone"
    assert any(told in line for line in came["log"])


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
        (" + [numExecutor: '1']", "Template has no parameter numExecutor (given: '1') (nearest: numExecutors)"),
        (" + [moode: 'NORMAL']", "Template has no parameter moode (given: 'NORMAL') (nearest: mode)"),
        (" + [Minimum: 7]", "Template has no parameter Minimum (given: 7) (nearest: minimum)"),
        (" + [zzzzzzzzzz: true]", "Template has no parameter zzzzzzzzzz (given: true)."),
        (" + [exta: 'x' * 61]", "no parameter exta (given: '" + "x" * 60 + "...') (nearest: extra)"),
        (" + [exta: 'a\\nb']", "no parameter exta (given: 'a b') (nearest: extra)"),
        (" + [tag: ['not-a-real-one']]", "Template has no parameter tag (nearest: tags)"),
        (" + [zzzzzzzzzz: 'not-a-real-one']", "has no parameter zzzzzzzzzz."),
        (" + [passwort: 'not-a-real-one']", "has no parameter passwort (nearest: password)"),
        (" + [pasword: 'not-a-real-one']", "has no parameter pasword (nearest: password)"),
        (" + [apiToken: 12345]", "has no parameter apiToken."),
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
