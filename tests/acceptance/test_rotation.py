"""What changes in AWS is applied to a running Jenkins by one look, whose build goes on."""

import contextlib
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jenkins_bootstrap.boot.documents import ENDPOINTS
from jenkins_bootstrap.boot.watch import Look
from jenkins_bootstrap.errors import raise_all
from jenkins_bootstrap.stages.render import STAGE_FILES
from jenkins_bootstrap.stages.values import AGENT_KEY

PATIENCE = 120
"""Seconds that a build may take to wait for an answer, and to end after it."""
MINE = "user_mine.txt"
WATCH = [sys.executable, "-m", "jenkins_bootstrap", "watch"]


def new_pem():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def rotating(new_world, base_settings, listed, tmp_path_factory):
    """A world with a further credential, and its running controller."""
    raw = base_settings()
    raw["controller"]["credentials"] = [{"id": "npm-token", "secret": "npm", "kind": "text"}]
    world = new_world(tmp_path_factory.mktemp("rotating"), raw, listed()[:3])
    with contextlib.closing(world):
        world.put_secrets(
            admin_username="admin",
            admin_password="not-a-real-password-Rq71",
            github_webhook_secret="not-a-real-webhook-secret-Rq72",
            github_webhook_secret_previous=None,
        )
        world.ctx.aws.call("secretsmanager", "create_secret", Name="npm", SecretString="not-a-real-npm-token-Rq73")
        controller = world.controller()
        controller.start()
        controller.wait()
        yield world, controller


def environ(world):
    told = {"aws_endpoint": world.ctx.endpoints.aws_url, "github_url": world.ctx.endpoints.github_url}
    return {variable: told[key] for key, variable in ENDPOINTS.items()}


@pytest.fixture
def look(rotating):
    """Looks once; the stages that were run again, with what each changed."""
    world, controller = rotating

    def once():
        looked = Look(controller.layout, environ=environ(world), url=controller.url).run()
        raise_all(looked.failed)
        assert looked.up
        assert not controller.layout.secrets.exists()
        return {result.stage: result.changes for result in looked.applied}

    return once


@pytest.fixture
def service(rotating, client):
    _, controller = rotating
    return client(controller, "_jenkins-bootstrap", controller.layout.service_token.read_text())


def test_after_a_boot_a_look_has_nothing_to_do(look):
    assert look() == {}


def test_what_is_rotated_is_applied_and_a_running_build_goes_on(rotating, look, service, client, have_plugins):
    have_plugins("ec2", "github", "workflow-job", "workflow-cps", "pipeline-input-step", "plain-credentials")
    world, controller = rotating
    aws = world.ctx.aws
    service.script(
        """
        def job = jenkins.model.Jenkins.get().createProject(org.jenkinsci.plugins.workflow.job.WorkflowJob, 'long')
        job.definition = new org.jenkinsci.plugins.workflow.cps.CpsFlowDefinition("input id: 'Go', message: ''", true)
        return job.scheduleBuild2(0).waitForStart().number
        """
    )

    # The image's stages are what runs again, so that nothing in Jenkins' own folder has to be there.
    for stage in STAGE_FILES.values():
        (controller.layout.hooks / stage).unlink()

    # The agents' key: the credential, its pair in AWS, and new clouds, as one keeps the pair it began with.
    before = clouds(service)
    pairs = len(aws.call("ec2", "describe_key_pairs")["KeyPairs"])
    pem = new_pem()
    aws.call("secretsmanager", "put_secret_value", SecretId=world.ctx.settings.secrets.agent_key, SecretString=pem)
    assert set(look()) == {"aws.txt", MINE}
    assert stored(service, AGENT_KEY, "privateKeys[0].trim()", pem.strip())
    assert not set(before) & set(clouds(service))
    assert len(aws.call("ec2", "describe_key_pairs")["KeyPairs"]) == pairs + 1

    # The webhook's secret: the new and the old one are accepted, and no other.
    old, new = "not-a-real-webhook-secret-Rq72", "not-a-real-webhook-secret-Rq82"
    world.put_secrets(github_webhook_secret=new)
    assert deliver(service, new) == 400
    assert set(look()) == {"github.txt", MINE}
    assert [deliver(service, secret) for secret in (new, old, "another")] == [200, 200, 400]

    # The administrator's password.
    world.put_secrets(admin_password="not-a-real-password-Rq81")
    assert set(look()) >= {"init.groovy", MINE}
    assert client(controller, "admin", "not-a-real-password-Rq81").get("manage/").status_code == 200
    assert client(controller, "admin", "not-a-real-password-Rq71").get("manage/").status_code == 401

    # A further credential.
    aws.call("secretsmanager", "put_secret_value", SecretId="npm", SecretString="not-a-real-npm-token-Rq83")
    assert set(look()) == {"aws.txt", MINE}
    assert stored(service, "npm-token", "secret.plainText", "not-a-real-npm-token-Rq83")

    # A new image of the agents.
    ami = new_image(world, controller)
    assert set(look()) == {"aws.txt", MINE}
    amis = service.script("return jenkins.model.Jenkins.get().clouds.collectMany { it.templates*.ami }.unique()")
    assert amis == [ami]

    assert look() == {}
    building = "job/long/1/api/json?tree=building,result"
    assert service.get(building).json()["building"]
    comes(lambda: service.post("job/long/1/input/Go/proceedEmpty", crumb=False).status_code < 400)
    comes(lambda: not service.get(building).json()["building"])
    assert service.get(building).json()["result"] == "SUCCESS"


def comes(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_one_look_of_the_command_applies_a_new_key(rotating):
    world, controller = rotating
    name = world.ctx.settings.secrets.agent_key
    world.ctx.aws.call("secretsmanager", "put_secret_value", SecretId=name, SecretString=new_pem())
    done = subprocess.run(
        [*WATCH, "--json", "--root", controller.layout.root, "--url", controller.url],
        env={**os.environ, **environ(world)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {one["stage"] for one in json.loads(done.stdout)["applied"]} == {"aws.txt", MINE}
    assert "PRIVATE" not in done.stdout + done.stderr


def test_a_stage_file_that_does_not_compile_is_told(rotating, look, service):
    world, controller = rotating
    file = controller.layout.stages / "init.groovy.d/github.txt"
    text = file.read_text()
    world.put_secrets(github_token="not-a-real-token-Rq94")
    file.write_text("this is { no Groovy")
    try:
        looked = Look(controller.layout, environ=environ(world), url=controller.url).run()
        assert ["MultipleCompilationErrorsException" in error.what for error in looked.failed] == [True]
        assert not controller.layout.secrets.exists()
        assert service.get("login").status_code == 200
    finally:
        file.write_text(text)
    assert "github.txt" in look()


def clouds(service):
    """The identity of each cloud's object."""
    return service.script("return jenkins.model.Jenkins.get().clouds.collect { System.identityHashCode(it) }")


def stored(service, id_, expression, value):
    """Whether a credential has this value: compared inside Jenkins."""
    return service.script(
        """
        def all = com.cloudbees.plugins.credentials.SystemCredentialsProvider.instance.credentials
        def one = all.find { it.respondsTo('getId') && it.id == id_ }
        return new GroovyShell(one.class.classLoader, new Binding([one: one])).evaluate('one.' + expression) == value
        """,
        id_=id_,
        expression=expression,
        value=value,
    )


def deliver(service, secret):
    """The status of a delivery signed with the secret."""
    body = json.dumps({"zen": "Keep it logically awesome."}).encode()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "ping", "X-Hub-Signature-256": signature, "Content-Type": "application/json"}
    return service.post("github-webhook/", crumb=False, data=body, headers=headers).status_code


def new_image(world, controller):
    """A newer image in the place of the agents'; its id."""
    aws, project = world.ctx.aws, world.ctx.settings.project
    facts = json.loads(controller.layout.facts.read_text())
    old = {agent["image"]["id"] for agent in facts["agents"].values()}
    assert len(old) == 1
    (source,) = old
    ami = aws.call("ec2", "copy_image", Name="newer", SourceImageId=source, SourceRegion=aws.region)["ImageId"]
    tags = {t["Key"]: t["Value"] for t in aws.call("ec2", "describe_images", ImageIds=[source])["Images"][0]["Tags"]}
    assert tags["Project"] == project
    aws.call("ec2", "create_tags", Resources=[source], Tags=[{"Key": "Channel", "Value": "previous"}])
    wanted = [{"Key": key, "Value": value} for key, value in tags.items()]
    aws.call("ec2", "create_tags", Resources=[ami], Tags=wanted)
    return ami
