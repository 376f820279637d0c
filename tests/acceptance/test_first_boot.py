"""What a controller is like that came up from an empty JENKINS_HOME: asked by HTTP, and read from its files."""

import hashlib
import hmac
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from jenkins_bootstrap.boot import failures
from jenkins_bootstrap.jobs.marker import read_line
from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.signatures import tables
from jenkins_bootstrap.stages.values import AGENT_KEY, SERVICE_ACCOUNT

STAGES = ["init.groovy", "aws.txt", "github.txt", "githubrepos.txt", "user_mine.txt"]
HOOK = "github-webhook/"


@pytest.fixture(scope="module")
def config(controller, admin):
    admin.script("jenkins.model.Jenkins.get().save(); return true")
    return ET.fromstring(re.sub(r"^<\?xml[^>]*\?>", "", (controller.layout.home / "config.xml").read_text()))


def test_it_is_up_without_a_restart_and_every_stage_has_run_once(first_boot):
    controller, ready = first_boot
    assert ready.restarts == 0
    assert list(ready.stages) == STAGES
    log = controller.log.read_text()
    assert log.count("Jenkins is fully up and running") == 1
    said = [line for line in log.splitlines() if 'jenkins-bootstrap {"stage"' in line]
    told = [json.loads(line[line.index("{") :]) for line in said]
    assert [one["stage"] for one in told] == STAGES
    assert all(one["changed"] for one in told if one["stage"] != "user_mine.txt")
    assert all(one["seconds"] > 0 for one in told)


def test_our_stages_ran_as_the_classes_they_were_compiled_to(controller):
    if not controller.layout.classes.exists():
        pytest.skip("no groovy on PATH")
    hooks = {path.stem: path.read_text() for path in controller.layout.hooks.rglob("*.groovy")}
    for name in ("init", "aws", "github", "githubrepos"):
        assert f"loadClass('jenkins_bootstrap_{name}')" in hooks[name]


def test_a_stage_of_ones_own_has_run(admin, controller):
    failures.confirm(controller.layout, connect=lambda: None)
    assert admin.script("return jenkins.model.Jenkins.get().systemMessage") == "set by a stage of my own"


# Security


def test_nobody_reads_anything_without_signing_in(client_of):
    nobody = client_of()
    for path in ("", "api/json", "job/github/", "manage/", "script", "asynchPeople/", "systemInfo", "queue/api/json"):
        assert nobody.get(path).status_code == 403, path
    assert nobody.get("login").status_code == 200
    assert nobody.get("signup").status_code in (403, 404)


def test_a_wrong_password_is_refused(client_of):
    assert client_of("admin", "not-the-password").get("api/json").status_code == 401


def test_roles_give_what_they_say(world, client_of):
    names = {"admin": "admin_password", "ada": "password_ada", "grace": "password_grace"}
    clients = {name: client_of(name, world.canaries[key]) for name, key in names.items()}
    assert {name: one.get("api/json").status_code for name, one in clients.items()} == dict.fromkeys(names, 200)
    assert {name: client.get("manage/").status_code for name, client in clients.items()} == {
        "admin": 200,
        "ada": 403,
        "grace": 403,
    }
    job = "job/github/job/acme-demo/job/repository-001"
    build = {
        name: client.post(f"{job}/build?delay=0").status_code for name, client in clients.items() if name != "admin"
    }
    assert build["grace"] == 403
    assert build["ada"] in (200, 201, 302)


def test_a_post_needs_a_crumb(admin):
    assert admin.post("quietDown", crumb=False).status_code == 403


def test_the_baseline_is_set(admin, have_plugins):
    said = admin.script("""
        def j = jenkins.model.Jenkins.get()
        return [executors: j.numExecutors, port: j.slaveAgentPort, formatter: j.markupFormatter.class.name,
                realm: j.securityRealm.class.name, signup: j.securityRealm.allowsSignup(),
                strategy: j.authorizationStrategy.class.name, crumbs: j.crumbIssuer.class.name,
                setup: j.installState.name(), url: j.rootUrl,
                address: jenkins.model.JenkinsLocationConfiguration.get().adminAddress]
    """)
    assert said["url"] == admin.url
    assert said["address"] == "jenkins@example.com"
    assert (said["executors"], said["port"], said["signup"]) == (0, -1, False)
    assert said["realm"] == "hudson.security.HudsonPrivateSecurityRealm"
    assert said["strategy"] == "hudson.security.GlobalMatrixAuthorizationStrategy"
    assert said["crumbs"] == "hudson.security.csrf.DefaultCrumbIssuer"
    assert said["setup"] != "NEW"
    have_plugins("antisamy-markup-formatter")
    assert said["formatter"] == "hudson.markup.RawHtmlMarkupFormatter"


def test_a_script_in_a_description_does_not_run(admin):
    description = "number 1"
    page = admin.get("job/github/job/acme-demo/job/repository-001/").text
    assert description in page
    formatted = admin.script(
        """return jenkins.model.Jenkins.get().markupFormatter.translate('<script>alert(1)</script><b>x</b>')"""
    )
    assert "script" not in formatted


def test_accounts_are_those_of_the_settings(admin, controller):
    people = admin.script("""
        return hudson.model.User.all.findAll { it.id != 'SYSTEM' }.collectEntries {
            [(it.id): [it.fullName, it.getProperty(hudson.tasks.Mailer.UserProperty)?.address]] }
    """)
    assert set(people) == {"admin", "ada", "grace", SERVICE_ACCOUNT}
    assert people["ada"] == ["Ada Lovelace", "ada@example.com"]
    assert people["grace"] == ["Grace Hopper", "grace@example.com"]
    kept = {path.name.rpartition("_")[0] for path in (controller.layout.home / "users").iterdir() if path.is_dir()}
    assert len(kept) == 4  # SYSTEM, which the core makes in memory, is no account


def test_the_service_account_signs_in_with_its_token_alone(client_of, secrets):
    token = secrets["service_token"]
    assert client_of(SERVICE_ACCOUNT, token).get("manage/").status_code == 200
    assert client_of(SERVICE_ACCOUNT, "11" + 32 * "0").get("api/json").status_code == 401


# Credentials


def test_credentials_are_there_by_id_with_the_values_of_the_secrets(admin, secrets, further):
    values = secrets["values"]
    expected = {
        "github-token": [values["github_username"], values["github_token"]],
        "github-token-api": [values["github_token"]],
        "github-webhook-secret": [values["github_webhook_secret"]],
        "github-webhook-secret-previous": [values["github_webhook_secret_previous"]],
        AGENT_KEY: [secrets["agent_private_key"].strip()],
        "npm-token": [further["npm"]],
        "kubeconfig": ["kubeconfig", further["kube"]],
    }
    # Compared inside Jenkins: only whether they are equal comes back.
    same = admin.script(
        """
        def all = com.cloudbees.plugins.credentials.SystemCredentialsProvider.instance.credentials
        def pair = com.cloudbees.plugins.credentials.common.StandardUsernamePasswordCredentials
        def values = { pair.isInstance(it) ? [it.username, it.password.plainText]
            : it instanceof org.jenkinsci.plugins.plaincredentials.StringCredentials ? [it.secret.plainText]
            : it instanceof org.jenkinsci.plugins.plaincredentials.FileCredentials ? [it.fileName, it.content.text]
            : it.privateKeys*.trim() }
        return all.collectEntries { [(it.id): [same: values(it) == expected[it.id], scope: it.scope.name()]] }
        """,
        expected=expected,
    )
    assert set(same) == set(expected)
    assert all(one["same"] for one in same.values()), same
    assert same[AGENT_KEY]["scope"] == same["github-webhook-secret"]["scope"] == "SYSTEM"
    assert same["github-token"]["scope"] == "GLOBAL"


def test_credentials_of_a_folder_are_in_it_and_nowhere_else(admin, further):
    same = admin.script(
        """
        def type = com.cloudbees.hudson.plugins.folder.properties.FolderCredentialsProvider.FolderCredentialsProperty
        def of = { jenkins.model.Jenkins.get().getItemByFullName(it).properties.get(type)?.credentials ?: [] }
        return [github: of('github').collect { [it.id, it.username, it.password.plainText == registry] },
                owner: of('github/acme-demo').collect { [it.id, it.username, it.privateKey.trim() == deploy.trim()] }]
        """,
        registry=further["registry"],
        deploy=further["deploy"],
    )
    assert same == {"github": [["registry", "robot", True]], "owner": [["deploy", "git", True]]}


# Clouds


TEMPLATE = """
    def value = { object, name ->
        try {
            def found = object[name]
            return found instanceof Collection ? found.collect { "${it.name}=${it.value}" as String }.sort()
                : found == null || found instanceof Number || found instanceof Boolean ? found : found.toString()
        } catch (MissingPropertyException ignored) {
            return '(absent)'
        }
    }
    return jenkins.model.Jenkins.get().clouds.collect { cloud -> [
        name: cloud.name, kind: cloud.class.name, region: cloud.region, endpoint: cloud.altEC2Endpoint,
        key: cloud.sshKeysCredentialsId, profile: cloud.useInstanceProfileForCredentials,
        credentials: cloud.credentialsId, cap: cloud.instanceCapStr, noDelay: cloud.noDelayProvisioning,
        templates: cloud.templates.collect { t -> names.collectEntries { [(it): value(t, it)] } + [
            spot: t.spotConfig == null ? null
                : [bid: t.spotConfig.useBidPrice, price: t.spotConfig.spotMaxBidPrice,
                   fallback: t.spotConfig.fallbackToOndemand],
            prefix: t.amiType.rootCommandPrefix, groups: t.securityGroupSet.sort()] } ] }
"""


def expected_template(settings, facts, agent, kind):
    found = facts["agents"][agent.label]
    spot = None
    if agent.market == "spot":
        spot = {"bid": agent.maximum_price is not None, "price": agent.maximum_price or "", "fallback": False}
    return {
        "ami": found["image"]["id"],
        "type": kind,
        "subnetId": " ".join(subnet["id"] for subnet in found["subnets"]),
        "groups": sorted(group["id"] for group in found["security_groups"]),
        "iamInstanceProfile": found["instance_profile"]["arn"],
        "labelString": agent.label,
        "description": f"{agent.label}-{kind}-{agent.market}",
        "mode": "EXCLUSIVE",
        "remoteFS": agent.remote_fs,
        "remoteAdmin": agent.remote_user,
        "numExecutors": agent.executors,
        "idleTerminationMinutes": str(agent.idle_minutes),
        "instanceCapStr": str(agent.cap),
        "launchTimeout": agent.launch_timeout_seconds,
        "hostKeyVerificationStrategy": "CHECK_NEW_HARD",
        "metadataTokensRequired": True,
        "metadataEndpointEnabled": True,
        "metadataHopsLimit": 1,
        "deleteRootOnTermination": True,
        "minimumNumberOfInstances": 0,
        "tags": sorted(
            f"{name}={value}"
            for name, value in (
                settings.tags
                | {"Name": f"{settings.project}-agent-{agent.label}", "Project": settings.project, "Role": "agent"}
            ).items()
        ),
        "spot": spot,
    }


def test_clouds_and_templates_are_those_of_the_settings_field_by_field(admin, world, facts, have_plugins):
    have_plugins("ec2")
    settings = world.trial.settings
    wanted = {
        agent.label: [expected_template(settings, facts, agent, kind) for kind in agent.instance_types]
        for agent in settings.agents
    }
    names = sorted(set(wanted["linux"][0]) - {"spot", "groups"})
    clouds = {cloud["name"]: cloud for cloud in admin.script(TEMPLATE, names=names)}
    assert list(clouds) == [f"ec2-demo-{agent.label}" for agent in settings.agents]
    for agent in settings.agents:
        cloud = clouds[f"ec2-demo-{agent.label}"]
        assert (cloud["region"], cloud["endpoint"], cloud["key"]) == (facts["region"], facts["endpoint"], AGENT_KEY)
        assert (cloud["profile"], cloud["credentials"] or "", cloud["cap"], cloud["noDelay"]) == (
            False,
            "",
            str(agent.cap),
            True,
        )
        for template, expected in zip(cloud["templates"], wanted[agent.label], strict=True):
            # A field that this version of the plugin calls otherwise cannot be looked at; none may be lost but these.
            absent = {name for name in names if template[name] == "(absent)"}
            assert absent <= {"launchTimeout"}
            assert {name: template[name] for name in expected if name not in absent} == {
                name: value for name, value in expected.items() if name not in absent
            }
    descriptions = [template["description"] for cloud in clouds.values() for template in cloud["templates"]]
    assert len(set(descriptions)) == len(descriptions)


# GitHub


def test_the_github_server_and_the_hooks_are_configured(admin, facts, have_plugins):
    have_plugins("github")
    said = admin.script("""
        def c = org.jenkinsci.plugins.github.GitHubPlugin.configuration()
        return [servers: c.configs.collect { [it.name, it.apiUrl, it.credentialsId, it.manageHooks] },
                secrets: c.hookSecretConfigs.collect { [it.credentialsId, it.signatureAlgorithm?.name()] },
                url: c.hookUrl.toString(), override: c.overrideHookUrl]
    """)
    api = facts["github_api_url"]
    assert said["servers"] == [["demo", api, "github-token-api", False]]
    assert said["secrets"] == [["github-webhook-secret", "SHA256"], ["github-webhook-secret-previous", "SHA256"]]
    assert (said["url"], said["override"]) == (f"{admin.url}{HOOK}", False)


def deliver(client, secret, *, sign=True):
    body = json.dumps({"ref": "refs/heads/main", "repository": {"name": "none", "owner": {"login": "none"}}}).encode()
    headers = {"X-GitHub-Event": "push", "Content-Type": "application/json"}
    if sign:
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return client.post(HOOK, crumb=False, data=body, headers=headers).status_code


def test_deliveries_signed_with_the_new_and_the_old_secret_are_taken_and_no_others(client_of, world, have_plugins):
    have_plugins("github")
    github = client_of()
    assert deliver(github, world.canaries["github_webhook_secret"]) == 200
    assert deliver(github, world.canaries["github_webhook_secret_previous"]) == 200
    assert deliver(github, "not-the-secret") == 400
    assert deliver(github, "", sign=False) == 400


# Jobs


def test_every_repository_has_its_job_with_its_source(admin, world, facts, have_plugins):
    have_plugins("github-branch-source", "workflow-multibranch", "cloudbees-folder")
    said = admin.script("""
        return jenkins.model.Jenkins.get().allItems(jenkins.branch.MultiBranchProject).collectEntries { job ->
            def values = { [it.class.simpleName, it.id, it.repoOwner, it.repository, it.apiUri, it.credentialsId,
                            it.traits*.class*.simpleName.sort()] }
            [(job.fullName): job.SCMSources.collect(values)] }
    """)
    api = facts["github_api_url"]
    jobs = world.trial.made.rendered.jobs
    assert set(said) == {job.path for job in jobs}
    assert len(jobs) >= 100
    for job in jobs:
        ((kind, number, owner, repository, uri, credentials, traits),) = said[job.path]
        assert (kind, number, owner, repository) == ("GitHubSCMSource", str(job.id), job.owner, job.name)
        assert (uri, credentials) == (api, "github-token")
        assert traits


def test_every_job_keeps_its_machine_line_and_is_not_old_data(admin, world):
    listed = admin.json("job/github/job/acme-demo", "jobs[name,description]")["jobs"]
    lines = {one["name"]: one["description"].splitlines()[-1] for one in listed}
    for job in world.trial.made.rendered.jobs:
        line = read_line(job.xml)
        assert str(line.id) in lines[job.name] and line.hash in lines[job.name]
    assert admin.script("return hudson.diagnosis.OldDataMonitor.get(jenkins.model.Jenkins.get()).data.size()") == 0


# Secrets


def canaries(secrets, further):
    plain = [
        value
        for name, value in secrets["values"].items()
        if value.startswith("not-a-real") or name.endswith("_password")
    ]
    key = [line for line in secrets["agent_private_key"].splitlines() if len(line) == 64][2:5]
    key += [line for line in further["deploy"].splitlines() if len(line) == 64][2:5]
    plain += [further["npm"], further["registry"], further["kube"].splitlines()[0]]
    return [value.encode() for value in (*plain, *key, secrets["service_token"]) if len(value) > 15]


def holding(paths, wanted):
    return [
        (str(path), value[:12]) for path in paths for value in wanted if path.is_file() and value in path.read_bytes()
    ]


def test_no_secret_is_in_plain_anywhere_on_the_controller(controller, secrets, further, admin):
    wanted = canaries(secrets, further)
    assert len(wanted) > 8
    assert not controller.layout.secrets.exists()
    # The service account's token is root's, on tmpfs, for `watch`; its hash is all that Jenkins has.
    token = controller.layout.service_token
    assert token.stat().st_mode & 0o077 == 0
    everything = [p for p in controller.layout.root.rglob("*") if not p.is_symlink() and p != token]
    assert len(everything) > 500
    assert not holding(everything, wanted)
    process = Path("/proc", str(controller.process.pid))
    assert not holding([process / "cmdline", process / "environ"], wanted)
    for path in ("log/all", "systemInfo", "manage/configure", "job/github/job/acme-demo/job/repository-001/config.xml"):
        answer = admin.get(path)
        assert not [value for value in wanted if value in answer.content], path


# What the tables say


def test_the_classes_take_what_the_tables_say(admin, have_plugins):
    """The live model of every class of the EC2 plugin that the stages build, against what was read from its sources."""
    have_plugins("ec2")
    answer = admin.post("scriptText", data={"script": (share("groovy") / "signatures.groovy").read_text()})
    live = json.loads(answer.text.strip().splitlines()[-1])
    version = live["plugins"]["ec2"].partition(" ")[0]
    table = next((one for one in tables() if one.version == version), None)
    if table is None:
        pytest.skip(f"no table for ec2 {version}")
    read = table.as_json()
    said = {name: values for name, values in live["classes"].items() if live["from"][name] == "ec2"}
    assert {name: sorted(values) for name, values in said.items()} == {
        name: sorted(read["classes"][name]) for name in said
    }
    assert len(said) >= 5


def test_no_class_is_refused_by_the_class_filter(controller):
    if "SUPPRESS_WHITELIST=true" in " ".join(controller.options):
        pytest.skip("the class filter is switched off by JENKINS_JAVA_OPTIONS")
    assert "ClassFilterImpl#notifyRejected" not in controller.log.read_text()
