"""The four stages whole, by the real Groovy on doubles made from the tables of what the plugins' classes take.

How true the doubles are stands in groovy/README.md; what a real Jenkins makes of the stages, the acceptance tests say.
"""

import copy
import json

import pytest

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.classes import classes_of
from jenkins_bootstrap.stages.compile import compile_stages
from jenkins_bootstrap.stages.fitting import CLOUD as NEW_CLOUD
from jenkins_bootstrap.stages.fitting import INSTANCE_TYPE, OLD_CLOUD, SPECIFICATION, TEMPLATE, fit, given_to
from jenkins_bootstrap.stages.render import class_runners, guards, render, write
from jenkins_bootstrap.stages.signatures import order, tables

pytestmark = pytest.mark.groovy

LIVE = json.loads((share("groovy") / "signatures" / "live-2.516.2.json").read_text())
PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n"
SECRETS = {
    "schema": 1,
    "agent_private_key": PEM.format("not-a-real-key-one"),
    "service_token": "not-a-real-service-token",
    "values": {
        "admin_username": "admin",
        "admin_password": "not-a-real-password",
        "github_username": "bot",
        "github_token": "not-a-real-token",
        "github_webhook_secret": "not-a-real-webhook-secret",
        "password_ada": "not-a-real-password-of-ada",
    },
    "credentials": {
        "npm": {"text": "not-a-real-npm-token"},
        "deploy": {"username": "git", "private_key": "not-a-key"},
        "jenkins-bootstrap-reconcile": {"text": "not-a-real-reconcile-token"},
    },
}
FACTS = {
    "schema": 1,
    "endpoint": None,
    "region": "eu-west-1",
    "github_api_url": "https://github.example.org/api/v3",
    "agents": {
        "linux": {
            "image": {"id": "ami-1"},
            "security_groups": [{"id": "sg-1"}, {"id": "sg-2"}],
            "subnets": [{"id": "subnet-1"}, {"id": "subnet-2"}],
            "instance_profile": {"arn": "arn:aws:iam::1:instance-profile/demo-agent"},
        }
    },
}
FOLDER = "<{kind}><description>{{}}</description></{kind}>".format(kind="com.cloudbees.hudson.plugins.folder.Folder")
JOB = """<org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject>
<description>about
jenkins-bootstrap: owner=demo id={id} hash={hash}</description>
<triggers><com.cloudbees.hudson.plugins.folder.computed.PeriodicFolderTrigger/></triggers>
<sources><data><jenkins.branch.BranchSource><source class="org.jenkinsci.plugins.github_branch_source.{source}">
<id>{id}</id><repoOwner>acme-demo</repoOwner><repository>{name}</repository><credentialsId>github</credentialsId>
</source></jenkins.branch.BranchSource></data></sources>
</org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject>"""
SEED = {
    "schema": 1,
    "installation": "demo",
    "folders": [
        {"path": "github", "file": "xml/github.xml"},
        {"path": "github/acme-demo", "file": "xml/acme-demo.xml"},
        {"path": "github/_jenkins-bootstrap", "file": "xml/own.xml"},
    ],
    "jobs": [
        {
            "path": f"github/acme-demo/{name}",
            "file": f"xml/{name}.xml",
            "id": id_,
            "pushed_at": f"2026-11-0{id_}T00:00:00Z",
        }
        for id_, name in enumerate(("a", "b", "c"), 1)
    ],
}
PLUGINS = "jenkinsClass.get().pluginManager.plugins = [[shortName: 'ec2', version: '1', active: true]]\n"
STAGES = ("init.groovy", *(f"init.groovy.d/{name}.txt" for name in ("aws", "github", "githubrepos")))
TOKEN = "github-token"
MODEL = "jenkinsClass.classLoader.loadClass('org.jenkinsci.plugins.structs.describable.DescribableModel')"


def table(version=None, **changes):
    """What the doubles are made from: the classes of one Jenkins, those of ec2 of another version if it is named."""
    made = copy.deepcopy({part: LIVE[part] for part in ("classes", "kinds", "enums")})
    if version is not None:
        one = next(one for one in tables() if one.version == version).as_json()
        for part in made:
            made[part] = {k: v for k, v in made[part].items() if not k.startswith("hudson.plugins.ec2.")} | one[part]
        made["classes"].setdefault(INSTANCE_TYPE, [])
        del made["classes"][INSTANCE_TYPE]
        if any(": " + INSTANCE_TYPE in text for text in made["classes"][TEMPLATE]):
            constants = 'M7iLarge("m7i.large"), M6iLarge("m6i.large")'
            made["sources"] = {
                INSTANCE_TYPE: "enum @ { " + constants + "; final String text\n@(String text) { this.text = text }\n"
                "String toString() { text } }"
            }
        prefix = "ec2-" if order(version) < (2, 0, 7) else ""
        if OLD_CLOUD in made["classes"] and "cloudName: java.lang.String" in made["classes"][OLD_CLOUD]:
            made["members"] = {OLD_CLOUD: f"String getName() {{ '{prefix}' + cloudName }}"}
    for name, change in changes.items():
        change(made[name])
    return made


@pytest.fixture
def rich(settings):
    """Settings that use what stages can do."""
    data = settings.model_dump(exclude_defaults=True)
    data["controller"] |= {
        "accounts": [{"id": "ada", "full_name": "Ada", "email": "ada@example.org", "role": "developer"}],
        "credentials": [
            {"id": "npm", "secret": "demo/npm", "kind": "text"},
            {"id": "deploy", "secret": "demo/deploy", "kind": "ssh-key", "folder": "github/acme-demo"},
        ],
    }
    data["tags"] = {"CostCentre": "4711"}
    return Settings.model_validate(data)


@pytest.fixture
def hooks(rich, tmp_path):
    """A folder of hooks with the whole stages, facts, secrets, seed and table."""
    count = iter(range(1000))

    def make(
        *, wanted=None, facts=FACTS, secrets=SECRETS, signatures=None, before="", again=None, only=None, jobs=None
    ):
        root = tmp_path / f"hooks{next(count)}"
        paths = {f"{kind}_path": str(root / f"{kind}.json") for kind in ("facts", "secrets", "seed")}
        files = render(wanted or rich, {"ec2": "1"}, **paths)
        if only:
            files = {f"init.groovy.d/{only}.groovy": files[f"init.groovy.d/{only}.txt"]}
        files |= {"facts.json": json.dumps(facts), "seed.json": json.dumps(SEED), "before.groovy": PLUGINS + before}
        files |= {name: json.dumps(secrets) for name in ("secrets.json", "secrets.again.json")}
        files |= {"xml/github.xml": FOLDER.format("all"), "xml/acme-demo.xml": FOLDER.format("of one")}
        files["xml/own.xml"] = FOLDER.format("of our own")
        for job in SEED["jobs"]:
            name = job["path"].rpartition("/")[2]
            values = {"id": job["id"], "name": name, "hash": "0" * 64, "source": "GitHubSCMSource"}
            values |= (jobs or {}).get(name, {})
            files[job["file"]] = values.pop("xml", JOB).format(**values)
        files["signatures.json"] = json.dumps(signatures or table())
        if again:
            files["again.groovy"] = again
        (root / "stages").mkdir(parents=True)
        write(root, files)
        return root

    return make


def lines(came):
    """The stages' own lines in the log, each as it came."""
    return {
        line["stage"]: line
        for line in (json.loads(e.split("jenkins-bootstrap ", 1)[1]) for e in came["log"] if ' {"stage"' in e)
    }


def test_a_whole_boot(boots, hooks):
    root = hooks()
    (came,) = boots(root)
    assert (came["outcome"], came["warnings"], came["leaked"]) == ("open", [], []), came["message"]
    assert {n: line["changed"] for n, line in lines(came).items()} == dict.fromkeys(
        ("init.groovy", "aws.txt", "github.txt", "githubrepos.txt"), True
    )
    assert not came["secrets"]
    own = "credential jenkins-bootstrap-reconcile in github/_jenkins-bootstrap"
    assert own in lines(came)["githubrepos.txt"]["changes"]
    credentials = {one["id"]: one for one in came["credentials"]}
    assert set(credentials) == {"npm", "jenkins-bootstrap-agent-key", TOKEN, TOKEN + "-api", "github-webhook-secret"}
    assert credentials["jenkins-bootstrap-agent-key"]["scope"] == "SYSTEM"
    key = credentials["jenkins-bootstrap-agent-key"]["privateKeySource"]["privateKey"]
    assert key == "plain: " + SECRETS["agent_private_key"]
    assert (credentials[TOKEN]["username"], credentials[TOKEN]["password"]) == ("bot", "not-a-real-token")
    assert came["endpoints"][0]["apiUri"] == FACTS["github_api_url"]
    assert [(one["name"], one["manageHooks"]) for one in came["github"]["configs"]] == [("demo", False)]
    assert [(one["credentialsId"], one["signatureAlgorithm"]) for one in came["github"]["hookSecretConfigs"]] == [
        ("github-webhook-secret", "SHA256")
    ]
    assert came["github"]["saves"] == 1
    jobs = {path: (sources, scans) for kind, path, sources, scans in came["items"] if kind != "Folder"}
    assert set(jobs) == {job["path"] for job in SEED["jobs"]}
    assert jobs["github/acme-demo/b"][0] == [
        {"id": "2", "repoOwner": "acme-demo", "repository": "b", "credentialsId": "github"}
    ]
    assert [scans for _, scans in jobs.values()] == [0, 0, 0]  # none by saving, none before the timer asks
    assert came["accounts"]["ada"]["name"] == "Ada"
    assert "hudson.tasks.Mailer$UserProperty" in came["accounts"]["ada"]["properties"]
    assert came["accounts"]["_jenkins-bootstrap"]["properties"] == [
        "hudson.security.HudsonPrivateSecurityRealm$Details",
        "jenkins.security.ApiTokenProperty",
    ]


def test_compiled_with_the_image_the_stages_do_what_their_texts_do(boots, hooks, groovy_program):
    texts, compiled = hooks(), hooks()
    files = {path: (compiled / path).read_text() for path in STAGES}
    archive = compiled / "stages.jar"
    archive.write_bytes(compile_stages(files, groovy=groovy_program).classes)
    classes = classes_of(archive, files)
    places = {"results_path": f"{compiled}/stages", "secrets_path": f"{compiled}/secrets.json"}
    places |= {"classes_path": str(archive), "hooks_path": str(compiled)}
    write(compiled, class_runners(classes, classes_path=str(archive)))
    write(compiled, guards(**places, first_path="/no/such/file", first_class=classes["init.groovy"]))
    by_text, by_class = boots(texts, compiled)
    assert (by_class["outcome"], by_class["warnings"], by_class["leaked"]) == ("open", [], []), by_class["message"]
    assert by_class["ran"] == [*by_text["ran"], "zz-closed.groovy"]
    assert [line["changes"] for line in lines(by_class).values()] == [
        line["changes"] for line in lines(by_text).values()
    ]
    for part in ("state", "credentials", "clouds", "github", "endpoints", "items", "accounts", "built"):
        assert by_class[part] == by_text[part], part
    assert not by_class["secrets"]


def test_cloud_and_template_field_by_field(boots, hooks):
    (came,) = boots(hooks())
    (cloud,) = came["clouds"]
    first, second = cloud.pop("templates")
    assert cloud == {
        "class": "hudson.plugins.ec2.EC2Cloud",
        "name": "ec2-demo-linux",
        "useInstanceProfileForCredentials": True,
        "credentialsId": "",
        "region": "eu-west-1",
        "privateKey": None,
        "sshKeysCredentialsId": "jenkins-bootstrap-agent-key",
        "instanceCapStr": "10",
        "roleArn": "",
        "roleSessionName": "",
        "altEC2Endpoint": None,
        "cleanUpOrphanedNodes": False,
        "noDelayProvisioning": True,
    }
    tags = {one["name"]: one["value"] for one in first.pop("tags")}
    assert tags == {"CostCentre": "4711", "Name": "demo-agent-linux", "Project": "demo", "Role": "agent"}
    assert (first["type"], second["type"]) == ("m7i.large", "m6i.large")
    assert first["description"] != second["description"]
    spot = first.pop("spotConfig")
    assert (spot["useBidPrice"], spot["fallbackToOndemand"], spot["spotMaxBidPrice"]) == (False, False, None)
    unix = first.pop("amiType")
    assert (unix["class"], unix["sshPort"], unix["rootCommandPrefix"]) == ("hudson.plugins.ec2.UnixData", "22", "")
    given = {
        "ami": "ami-1",
        "zone": "",
        "securityGroups": "sg-1,sg-2",
        "subnetId": "subnet-1 subnet-2",
        "remoteFS": "/home/admin",
        "labelString": "linux",
        "mode": "EXCLUSIVE",
        "initScript": "",
        "tmpDir": "/tmp",
        "userData": "",
        "numExecutors": "1",
        "remoteAdmin": "admin",
        "javaPath": "java",
        "jvmopts": "",
        "stopOnTerminate": False,
        "idleTerminationMinutes": "10",
        "minimumNumberOfInstances": 0,
        "minimumNumberOfSpareInstances": 0,
        "instanceCapStr": "10",
        "iamInstanceProfile": "arn:aws:iam::1:instance-profile/demo-agent",
        "deleteRootOnTermination": True,
        "useEphemeralDevices": False,
        "launchTimeoutStr": "300",
        "associateIPStrategy": "SUBNET",
        "customDeviceMapping": "",
        "connectBySSHProcess": False,
        "monitoring": False,
        "t2Unlimited": False,
        "connectionStrategy": "PRIVATE_IP",
        "maxTotalUses": -1,
        "nodeProperties": [],
        "hostKeyVerificationStrategy": "CHECK_NEW_HARD",
        "tenancy": "Default",
        "ebsEncryptRootVolume": "DEFAULT",
        "metadataEndpointEnabled": True,
        "metadataTokensRequired": True,
        "metadataHopsLimit": 1,
        "metadataSupported": True,
        "enclaveEnabled": False,
    }
    assert {name: first[name] for name in given} == given
    untouched = set(first) - set(given) - {"class", "type", "description", "ebsOptimized"}
    assert {name for name in untouched if first[name]} == set()


AGAIN = "['init', 'aws', 'github', 'githubrepos'].each { stage(it) }\n"


def test_a_second_run_changes_nothing(boots, hooks):
    (came,) = boots(
        hooks(
            again="def before = jenkinsClass.get().clouds.collect()\n"
            + AGAIN
            + ("note([same: before.size() == 1 && before[0].is(jenkinsClass.get().clouds[0])])\n")
        )
    )
    *stages, same = came["again"]
    assert same == {"same": True}
    for one in stages:
        assert one["problem"] is None
        (line,) = (json.loads(entry.split("jenkins-bootstrap ", 1)[1]) for entry in one["log"] if ' {"stage"' in entry)
        assert (line["changed"], line["changes"]) == (False, []), one["stage"]
    assert came["replaced"] == 1
    assert came["github"]["saves"] == 1
    assert not came["secrets"]


def test_a_rotated_agent_key_replaces_our_clouds_and_no_other_s(boots, hooks):
    rotate = """
def secrets = new File(root, 'secrets.again.json')
def clouds = jenkinsClass.get().clouds
def other = jenkinsClass.classLoader.loadClass('jenkins.model.OtherCloud').newInstance(name: 'by-hand')
clouds.add(0, other)
def ours = clouds[1]
secrets.text = secrets.text.replace('not-a-real-key-one', 'not-a-real-key-two')
stage('aws')
note([other: clouds[0].is(other), ours: clouds[1].is(ours), size: clouds.size(), name: clouds[1].name])
"""
    (came,) = boots(hooks(again=rotate))
    run, seen = came["again"]
    assert run["problem"] is None
    assert seen == {"other": True, "ours": False, "size": 2, "name": "ec2-demo-linux"}
    changes = json.loads(run["log"][-1].split("jenkins-bootstrap ", 1)[1])["changes"]
    assert changes == ["credential jenkins-bootstrap-agent-key", "cloud ec2-demo-linux replaced"]
    kept = next(one for one in came["credentials"] if one["id"] == "jenkins-bootstrap-agent-key")
    assert "not-a-real-key-two" in kept["privateKeySource"]["privateKey"]


def test_a_new_image_or_a_webhook_secret_concerns_its_stage_only(boots, hooks):
    news = """
def facts = new File(root, 'facts.json')
facts.text = facts.text.replace('ami-1', 'ami-2')
def secrets = new File(root, 'secrets.again.json')
secrets.text = secrets.text.replace('"not-a-real-webhook-secret"',
    '"not-a-real-new-one", "github_webhook_secret_previous": "not-a-real-webhook-secret"')
stage('aws')
stage('github')
"""
    (came,) = boots(hooks(again=news))
    aws, github = (json.loads(r["log"][-1].split("jenkins-bootstrap ", 1)[1])["changes"] for r in came["again"])
    assert aws == ["cloud ec2-demo-linux replaced"]
    assert came["clouds"][0]["templates"][0]["ami"] == "ami-2"
    assert "webhook secrets" in github
    assert [one["credentialsId"] for one in came["github"]["hookSecretConfigs"]] == [
        "github-webhook-secret",
        "github-webhook-secret-previous",
    ]


def test_first_scans_are_asked_for_one_by_one_those_pushed_last_first(boots, hooks):
    ticks = """
def timer = jenkinsClass.classLoader.loadClass('jenkins.util.Timer').get()
def jobs = { jenkinsClass.get().items.all().findAll { it.hasProperty('scans') } }
note(held: jobs().every { job -> job.triggers.values().every { !it.works() } })
4.times { timer.tick(); note(scans: jobs().collectEntries { [(it.name): it.scans] }) }
note(released: jobs().every { job -> job.triggers.values().every { it.works() } },
    over: timer.tasks.every { it.cancelled })
"""
    (came,) = boots(hooks(again=ticks))
    held, *scans, end = came["again"]
    assert held == {"held": True}
    assert [one["scans"] for one in scans] == [
        {"a": 0, "b": 0, "c": 1},
        {"a": 0, "b": 1, "c": 1},
        {"a": 1, "b": 1, "c": 1},
        {"a": 1, "b": 1, "c": 1},
    ]
    assert end == {"released": True, "over": True}


FREESTYLE = """<project><description>
jenkins-bootstrap: owner=demo id={id} hash={hash} gone=2026-11-24</description></project>"""


def test_a_freestyle_job_is_made_once_and_never_scanned(boots, hooks):
    again = """
def timer = jenkinsClass.classLoader.loadClass('jenkins.util.Timer').get()
def jobs = { jenkinsClass.get().items.all().findAll { it.hasProperty('scans') } }
4.times { timer.tick() }
note(kind: jenkinsClass.get().getItemByFullName('github/acme-demo/b').class.simpleName,
    scans: jobs().collectEntries { [(it.name): it.scans] })
stage('githubrepos')
note(left: jenkinsClass.get().getItemByFullName('github/acme-demo').allBelow()*.name)
"""
    (came,) = boots(hooks(jobs={"b": {"xml": FREESTYLE}}, again=again))
    assert came["outcome"] == "open"
    first, *_, last = came["again"]
    assert first == {"kind": "FreeStyleProject", "scans": {"a": 1, "c": 1}}
    assert last == {"left": ["a", "b", "c"]}
    assert not [words for words in came["log"] if "taken by another job" in words]


def test_a_job_whose_source_no_plugin_knows_stops_the_boot(boots, hooks):
    (came,) = boots(hooks(jobs={"b": {"source": "NoSuchSource"}}))
    assert came["outcome"] == "closed"
    assert "github/acme-demo/b: its definition names a class that no plugin has" in came["message"]


FITTING = [one.version for one in tables() if not fit(one).misfits]
CHANGED = [
    version
    for version, before in zip(FITTING, [None, *FITTING], strict=False)
    if before is None or table(version) != table(before)
]
"""The first and the last of those with equal tables, so at least a dozen that differ."""


SECOND = ("1.63", "2.0.7", "1628.v6d7b_fc58b_a_1d")
"""Those that name a cloud differently: a second run must find it again."""


def test_the_same_specification_is_built_on_every_version_that_fits(boots, hooks):
    versions = sorted({*CHANGED, FITTING[-1], "1648.vf3d852e00486"}, key=order)
    assert len(versions) >= 12
    roots = [
        hooks(signatures=table(version), only="aws", again="stage('aws')\n" if version in SECOND else None)
        for version in versions
    ]
    for version, came in zip(versions, boots(*roots), strict=True):
        assert came["outcome"] == "open", (version, came["message"])
        (cloud,) = came["clouds"]
        assert cloud.get("name", cloud.get("cloudName")) in ("ec2-demo-linux", "demo-linux"), version
        known = next(one for one in tables() if one.version == version)
        actual = {name if name in known.classes else OLD_CLOUD: given for name, given in SPECIFICATION.items()}
        built = {name: set(values) for name, values in came["built"] if name.startswith("hudson.plugins.ec2.")}
        for name, given in actual.items():
            wanted = set(given_to({one.name: one for one in known.classes[name]}, given))
            # Only the embedded AWS has an endpoint, only a price is given.
            assert built[name] == wanted - {"altEC2Endpoint", "spotMaxBidPrice"}, (version, name)
        if version in SECOND:
            (run,) = came["again"]
            assert '"changed":false' in run["log"][-1], version


def test_a_version_that_does_not_fit_stops_the_boot_as_foretold(boots, hooks):
    versions = ["1.62", "1.56", "1.50.1", "1.49.1", "1.40"]
    for version, came in zip(versions, boots(*(hooks(signatures=table(v), only="aws") for v in versions)), strict=True):
        assert came["outcome"] == "closed", version
        misfits = fit(next(one for one in tables() if one.version == version)).misfits
        assert any(
            one.split(": ")[0].split(" ")[-1] in came["message"].partition("hudson.plugins.ec2")[2] for one in misfits
        ), (version, came["message"])


def test_an_instance_type_that_an_old_plugin_does_not_know_is_named(boots, hooks, rich):
    data = rich.model_dump(exclude_defaults=True)
    data["agents"][0]["instance_types"] = ["m9z.large"]
    root = hooks(signatures=table("1872.v8757931fec80"), only="aws", wanted=Settings.model_validate(data))
    (came,) = boots(root)
    assert "does not know the instance type m9z.large" in came["message"]


def test_a_price_and_the_embedded_endpoint_are_given_where_they_are(boots, hooks, rich):
    data = rich.model_dump(exclude_defaults=True)
    data["agents"][0]["maximum_price"] = "0.05"
    facts = FACTS | {"endpoint": "http://127.0.0.1:5000/"}
    (came,) = boots(hooks(only="aws", wanted=Settings.model_validate(data), facts=facts))
    (cloud,) = came["clouds"]
    assert (cloud["altEC2Endpoint"], cloud["useInstanceProfileForCredentials"]) == ("http://127.0.0.1:5000/", False)
    template = cloud["templates"][0]
    assert (template["spotConfig"]["useBidPrice"], template["spotConfig"]["spotMaxBidPrice"]) == (True, "0.05")
    assert template["connectionStrategy"] == "PUBLIC_IP"
    built = dict(came["built"])
    assert set(built[NEW_CLOUD]) == set(SPECIFICATION[NEW_CLOUD]) - {"cloudName"}
    assert set(built["hudson.plugins.ec2.SpotConfiguration"]) == set(
        SPECIFICATION["hudson.plugins.ec2.SpotConfiguration"]
    )


def swap(name, old, new):
    def change(classes):
        classes[name] = [new if one == old else one for one in classes[name] if new or one != old]

    return change


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"classes": swap(TEMPLATE, "remoteFS: java.lang.String", "remoteRoot: java.lang.String")},
            "hudson.plugins.ec2.SlaveTemplate has no parameter remoteFS",
        ),
        (
            {"classes": swap(TEMPLATE, "zone: java.lang.String", "zones: java.lang.String")},
            "hudson.plugins.ec2.SlaveTemplate has no parameter zone (given: '') (nearest: zones)",
        ),
        (
            {"classes": lambda c: c[TEMPLATE].append("brandNew: int")},
            "hudson.plugins.ec2.SlaveTemplate needs brandNew, which nothing gives",
        ),
        (
            {"classes": swap(TEMPLATE, "numExecutors: java.lang.String", "numExecutors: int")},
            "hudson.plugins.ec2.SlaveTemplate: numExecutors is a String, it must be a int",
        ),
        (
            {"enums": lambda e: e.update({"hudson.model.Node$Mode": ["NORMAL", "EXCLUSIV"]})},
            "SlaveTemplate: mode is EXCLUSIVE, it must be one of NORMAL, EXCLUSIV (nearest: EXCLUSIV)",
        ),
        (
            {"kinds": lambda k: k.pop("hudson.plugins.ec2.UnixData")},
            "hudson.plugins.ec2.SlaveTemplate: amiType is a UnixData, it must be a AMITypeData",
        ),
    ],
)
def test_a_plugin_that_takes_something_else_is_an_error_with_class_key_value_and_nearest_name(
    boots, hooks, changes, words
):
    (came,) = boots(hooks(signatures=table(**changes), only="aws"))
    assert came["outcome"] == "closed"
    assert words in came["message"]


BREAKING = {
    "init.groovy": "hudson.security.csrf.DefaultCrumbIssuer",
    "aws.txt": "hudson.plugins.ec2.SlaveTemplate",
    "github.txt": "org.jenkinsci.plugins.github.config.GitHubServerConfig",
    "githubrepos.txt": "org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl",
}


@pytest.mark.parametrize("stage", BREAKING)
def test_whatever_a_plugin_throws_in_a_whole_stage_jenkins_does_not_open(boots, hooks, rich, stage):
    # Every kind in every stage is in test_stage_running; here it comes from within a plugin, other stages being whole.
    kinds = ["RuntimeException", "IOException", "NoClassDefFoundError"]
    data = rich.model_dump(exclude_defaults=True)
    name = BREAKING[stage]
    if stage == "githubrepos.txt":
        name = "com.cloudbees.jenkins.plugins.sshcredentials.impl.BasicSSHUserPrivateKey"
        data["agents"] = []
    wanted = Settings.model_validate(data)
    roots = [hooks(wanted=wanted, before=f"{MODEL}.throwing = ['{name}': new {kind}('the cause')]\n") for kind in kinds]
    for kind, came in zip(kinds, boots(*roots), strict=True):
        assert came["outcome"] == "closed", kind
        assert f"the stage {stage} failed, so Jenkins does not open" in came["message"], kind
        assert f"{kind}: the cause" in came["message"], kind
        assert came["ran"][-1] == stage.replace(".txt", ".groovy"), kind
        assert not came["secrets"], kind
