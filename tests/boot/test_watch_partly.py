"""A look at which something fails: only the stages that read it are held up, and it is told which."""

import json

import pytest
from botocore.exceptions import ClientError

from jenkins_bootstrap.boot.applied import read_applied
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError, raise_all

SECRETS = {"npm": "not-a-real-npm-token", "deploy": json.dumps({"username": "u", "password": "not-a-real-password"})}


@pytest.fixture
def boot_settings(boot_settings):
    """With a credential for all jobs and one of a folder."""
    raw = boot_settings.model_dump(mode="json", exclude_unset=True)
    raw["controller"]["credentials"] = [
        {"id": "npm-token", "secret": "npm", "kind": "text"},
        {"id": "deploy", "secret": "deploy", "kind": "username-password", "folder": "github/acme-demo"},
    ]
    return Settings.model_validate(raw)


@pytest.fixture
def cloud(cloud, session):
    for name, value in SECRETS.items():
        session.client("secretsmanager").create_secret(Name=name, SecretString=value)
    return cloud


@pytest.fixture
def seen(jenkins, controller):
    """secrets.json as each stage that ran had it, by the stage."""
    found = {}

    def stage(name, file):
        found[name] = json.loads(controller.secrets.read_text())
        return {"stage": name, "seconds": 0, "changes": []}

    jenkins.stages = stage
    return found


@pytest.fixture
def store(session, look_of):
    def change(name, text):
        session.client("secretsmanager").put_secret_value(SecretId=name, SecretString=text)

    return change


def ran(looked):
    return [result.stage for result in looked.applied]


def facts(controller):
    return json.loads(controller.facts.read_text())


def new_image(session, cloud):
    """A newer image in the place of the agents'; its id."""
    ec2 = session.client("ec2")
    instance = ec2.run_instances(ImageId=cloud.ami, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    ami = ec2.create_image(InstanceId=instance, Name="agent-2")["ImageId"]
    ec2.create_tags(Resources=[cloud.ami], Tags=[{"Key": "Channel", "Value": "previous"}])
    tags = {"Project": "demo", "Name": "agent", "Channel": "current"}
    ec2.create_tags(Resources=[ami], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
    return ami


def channel(session, cloud, value):
    session.client("ec2").create_tags(Resources=[cloud.ami], Tags=[{"Key": "Channel", "Value": value}])


def test_with_an_image_gone_the_webhook_secret_is_rotated(look_of, put, session, cloud, seen, controller):
    before = facts(controller)
    channel(session, cloud, "gone")
    put(github_webhook_secret="not-a-real-webhook-secret-new")
    looked = look_of().run()
    assert ran(looked) == ["github.txt"]
    assert looked.held_up == {"aws.txt": ["agents[0].ami"]}
    assert seen["github.txt"]["values"]["github_webhook_secret"] == "not-a-real-webhook-secret-new"
    with pytest.raises(BootstrapError, match=r"agents\[0\]\.ami: .*; held up by it: aws\.txt"):
        raise_all(looked.failed)
    after = facts(controller)
    assert after["agents"] == before["agents"]
    assert after["secrets"]["settings"]["version"] != before["secrets"]["settings"]["version"]
    assert not controller.secrets.exists()


def test_with_a_malformed_credential_the_password_is_rotated_and_its_stage_later(look_of, put, store, seen, controller):
    before = facts(controller)
    store("deploy", "no JSON, not-a-real-password")
    store("npm", "not-a-real-npm-token-new")
    put(admin_password="not-a-real-password-new")
    looked = look_of().run()
    assert ran(looked) == ["init.groovy", "aws.txt"]
    assert looked.held_up == {"githubrepos.txt": ["controller.credentials[1]"]}
    assert seen["aws.txt"]["credentials"]["npm-token"] == {"text": "not-a-real-npm-token-new"}
    assert "deploy" not in seen["aws.txt"]["credentials"]
    with pytest.raises(
        BootstrapError, match=r"controller\.credentials\[1\]: .*held up by it: githubrepos\.txt"
    ) as error:
        raise_all(looked.failed)
    assert "not-a-real" not in str(error.value)
    kept = {one["id"]: one for one in facts(controller)["credentials"]}
    assert kept["deploy"] in before["credentials"]
    assert kept["npm-token"] not in before["credentials"]

    again = look_of().run()
    assert (ran(again), set(again.held_up)) == ([], {"githubrepos.txt"})

    store("deploy", json.dumps({"username": "u", "password": "not-a-real-password-new"}))
    whole = look_of().run()
    assert (ran(whole), whole.failed, whole.held_up) == (["githubrepos.txt"], (), {})
    assert seen["githubrepos.txt"]["credentials"]["deploy"]["password"] == "not-a-real-password-new"


def test_a_secret_that_two_settings_name_is_told_once_with_both(look_of, put, store, seen, controller):
    raw = json.loads(controller.settings.read_text())
    raw["settings"]["controller"]["credentials"][0]["secret"] = "deploy"
    raw["settings"]["controller"]["credentials"][0]["kind"] = "username-password"
    controller.settings.write_text(json.dumps(raw))
    store("deploy", " ")
    looked = look_of().run()
    both = "controller.credentials[0], controller.credentials[1]: secret deploy"
    assert [error.where.startswith(both) for error in looked.failed] == [True]
    assert set(looked.held_up) == {"aws.txt", "githubrepos.txt"}


def test_what_comes_back_as_it_was_runs_nothing(look_of, session, cloud, store, seen):
    channel(session, cloud, "gone")
    assert set(look_of().run().held_up) == {"aws.txt"}
    channel(session, cloud, "current")
    looked = look_of().run()
    assert (ran(looked), looked.failed) == ([], ())


def test_with_the_key_value_secret_malformed_a_new_image_is_applied(look_of, session, cloud, store, seen, controller):
    good = session.client("secretsmanager").get_secret_value(SecretId="jenkins")["SecretString"]
    store("jenkins", "not-a-real-{secret")
    ami = new_image(session, cloud)
    looked = look_of().run()
    assert ran(looked) == ["aws.txt"]
    assert looked.held_up == {"init.groovy": ["secrets.settings"], "github.txt": ["secrets.settings"]}
    assert facts(controller)["agents"]["linux"]["image"]["id"] == ami
    assert seen["aws.txt"]["values"] == {}
    assert len(looked.failed) == 1
    assert "not-a-real" not in str(looked.failed[0]) + repr(looked)

    store("jenkins", json.dumps(json.loads(good) | {"github_token": "not-a-real-token-new"}))
    whole = look_of().run()
    assert (ran(whole), whole.failed) == (["github.txt"], ())


def test_a_denied_credential_holds_up_no_other_stage(look_of, put, session, seen, controller):
    def deny(params, **_):
        if params.get("SecretId") == "npm":
            answer = {"Error": {"Code": "AccessDeniedException", "Message": "said AWS"}}
            raise ClientError(answer, "GetSecretValue")

    events = session.client("secretsmanager").meta.events
    put(break_glass="open", github_token="not-a-real-token-new")
    events.register("before-parameter-build.secrets-manager.GetSecretValue", deny)
    try:
        looked = look_of().run()
    finally:
        events.unregister("before-parameter-build.secrets-manager.GetSecretValue", deny)
    assert ran(looked) == ["github.txt"]
    assert looked.held_up == {"aws.txt": ["controller.credentials[0]"]}


def test_a_question_that_aws_does_not_answer_in_time_holds_up_no_other_stage(look_of, put, failing, seen):
    def throttle(operation):
        answer = {"Error": {"Code": "Throttling", "Message": "said AWS"}}
        raise ClientError(answer, operation)

    put(github_token="not-a-real-token-new")
    failing("DescribeImages", throttle, 99)
    looked = look_of().run()
    assert ran(looked) == ["github.txt"]
    assert looked.held_up == {"aws.txt": ["agents[0].ami"]}


def test_the_agents_key_gone_keeps_its_digest_and_what_else_changed_is_applied_with_it_later(
    look_of, session, cloud, store, agent_pem, seen, controller
):
    before = read_applied(controller)["aws.txt"]
    store("jenkins_slave_private_key", "no key")
    new_image(session, cloud)
    looked = look_of().run()
    assert (ran(looked), set(looked.held_up)) == ([], {"aws.txt"})
    assert read_applied(controller)["aws.txt"] == before
    store("jenkins_slave_private_key", agent_pem)
    whole = look_of().run()
    assert [(p.stage, p.because) for p in whole.pending] == [("aws.txt", ("agents linux: image",))]


def test_without_the_older_versions_of_the_secret_only_the_webhooks_stage_waits(look_of, put, failing, seen):
    put(admin_password="not-a-real-password-new", github_webhook_secret="not-a-real-webhook-secret-new")

    def deny(operation):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "said AWS"}}, operation)

    failing("ListSecretVersionIds", deny, 99)
    looked = look_of().run()
    assert ran(looked) == ["init.groovy"]
    assert looked.held_up == {"github.txt": ["controller.boot.webhook_overlap_hours"]}


def test_a_stage_of_ones_own_reads_everything_and_comes_after_what_it_waited_for(
    look_of, put, session, cloud, seen, controller
):
    (controller.stages / "init.groovy.d/mine.txt").touch()
    (controller.hooks / "init.groovy.d/user_mine.groovy").touch()
    assert ran(look_of().run()) == ["user_mine.txt"]
    channel(session, cloud, "gone")
    put(github_token="not-a-real-token-new")
    looked = look_of().run()
    assert ran(looked) == ["github.txt"]
    assert set(looked.held_up) == {"aws.txt", "user_mine.txt"}
    channel(session, cloud, "current")
    assert ran(look_of().run()) == ["user_mine.txt"]


def test_groups_of_another_vpc_hold_up_the_clouds_and_keep_their_facts(look_of, put, session, cloud, seen, controller):
    before = facts(controller)
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.8.1.0/24")["Subnet"]["SubnetId"]
    ec2.delete_tags(Resources=[cloud.subnet], Tags=[{"Key": "Role"}])
    ec2.create_tags(Resources=[subnet], Tags=[{"Key": "Role", "Value": "agent"}])
    put(github_token="not-a-real-token-new")
    looked = look_of().run()
    assert ran(looked) == ["github.txt"]
    assert looked.held_up == {"aws.txt": ["agents[0].security_groups", "agents[0].subnets"]}
    assert len(looked.failed) == 1
    after = facts(controller)
    assert (after["vpc"], after["agents"]) == (before["vpc"], before["agents"])


def test_what_is_gone_is_not_waited_for(look_of, put, session, cloud, seen):
    session.client("ec2").delete_tags(Resources=[cloud.subnet], Tags=[{"Key": "Role"}])
    put(github_token="not-a-real-token-new")
    look = look_of()
    look.patience_seconds = 30.0
    looked = look.run()
    assert ran(looked) == ["github.txt"]
    assert looked.held_up == {"aws.txt": ["agents[0].subnets"]}
    assert not [line for line in look.said if "waiting" in line]


def test_a_plan_says_what_is_held_up_and_does_nothing(look_of, put, session, cloud, seen, controller):
    channel(session, cloud, "gone")
    put(github_token="not-a-real-token-new")
    before = {p: p.read_bytes() for p in controller.run.rglob("*") if p.is_file()}
    planned = look_of().plan()
    assert [each.stage for each in planned.pending] == ["github.txt"]
    assert planned.held_up == {"aws.txt": ["agents[0].ami"]}
    assert len(planned.failed) == 1
    assert {p: p.read_bytes() for p in controller.run.rglob("*") if p.is_file()} == before
    assert seen == {}
