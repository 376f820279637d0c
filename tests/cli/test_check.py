"""`check` names what is missing and what to do about it, and exits with 1 when a row fails."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest

STARTER = Path(__file__).resolve().parents[2] / "jenkins-bootstrap.yml"


class Place:
    """A folder with the starter settings and its embedded AWS."""

    def __init__(self, folder, path):
        self.folder = folder
        self.path = path
        (folder / "jenkins-bootstrap.yml").write_text(STARTER.read_text())

    def run(self, *arguments, **environment):
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JENKINS_WAR"))}
        environ |= {"PATH": self.path} | environment
        command = [sys.executable, "-m", "jenkins_bootstrap", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environ, check=False)

    def check(self, *options, **environment):
        """Exit status, and the rows by thing."""
        done = self.run(*options, "check", "--json", **environment)
        assert done.stdout, done.stderr
        rows = {}
        for row in json.loads(done.stdout):
            rows.setdefault(row["thing"], []).append(row)
        return done.returncode, rows

    @property
    def aws_url(self):
        return json.loads(self.run("embedded", "up", "--json").stdout)["aws"]

    def client(self, service):
        return boto3.client(
            service,
            region_name="eu-west-1",
            endpoint_url=self.aws_url,
            aws_access_key_id="not-a-real-key",
            aws_secret_access_key="not-a-real-secret",
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory, quick_tools):
    made = Place(tmp_path_factory.mktemp("check"), quick_tools)
    made.run("embedded", "up")
    yield made
    made.run("embedded", "down", "--wipe")


def failed(rows):
    return {thing: found for thing, found in rows.items() if any(row["status"] == "fail" for row in found)}


@pytest.mark.skipif(shutil.which("packer") is None, reason="packer is not installed")
def test_on_a_prepared_machine_nothing_fails(place):
    status, rows = place.check(PATH=os.environ["PATH"])  # with the real tools
    assert failed(rows) == {}
    assert status == 0
    assert {"settings", "tool packer", "tool groovy", "agents[0].ami", "secrets.settings", "one VPC"} <= set(rows)
    assert "admin_password" in rows["secrets.settings"][0]["found"]
    (jenkins,) = rows["controller.jenkins"]
    assert (jenkins["status"], jenkins["found"]) == ("note", "no war is given")
    assert jenkins["remedy"] == "give JENKINS_WAR=FILE"


def test_a_missing_tag_is_named_with_the_filter(place):
    ec2 = place.client("ec2")
    wanted = [{"Name": "tag:Role", "Values": ["jenkins-home"]}]
    volume = ec2.describe_volumes(Filters=wanted)["Volumes"][0]["VolumeId"]
    ec2.delete_tags(Resources=[volume], Tags=[{"Key": "Role"}])
    status, rows = place.check()
    ec2.create_tags(Resources=[volume], Tags=[{"Key": "Role", "Value": "jenkins-home"}])
    assert status == 1
    (row,) = failed(rows)["controller.volume"]
    assert "tag Role=jenkins-home" in row["found"]
    assert row["remedy"]


def test_a_group_in_another_vpc_is_named(place):
    ec2 = place.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    wanted = [{"Name": "tag:Role", "Values": ["agent"]}]
    old = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"][0]["GroupId"]
    group = ec2.create_security_group(GroupName="elsewhere", Description="for a test", VpcId=vpc)["GroupId"]
    tags = [{"Key": "Project", "Value": "demo"}, {"Key": "Role", "Value": "agent"}]
    ec2.delete_tags(Resources=[old], Tags=[{"Key": "Role"}])
    ec2.create_tags(Resources=[group], Tags=tags)
    status, rows = place.check()
    ec2.delete_security_group(GroupId=group)
    ec2.create_tags(Resources=[old], Tags=tags)
    assert status == 1
    (row,) = failed(rows)["one VPC"]
    assert vpc in row["found"]
    assert group in row["found"]


def test_a_missing_secret_key_is_named_without_any_value(place):
    client = place.client("secretsmanager")
    text = client.get_secret_value(SecretId="jenkins")["SecretString"]
    values = json.loads(text)
    password = values["admin_password"]
    del values["github_webhook_secret"]
    client.put_secret_value(SecretId="jenkins", SecretString=json.dumps(values))
    done = place.run("check")
    client.put_secret_value(SecretId="jenkins", SecretString=text)
    assert done.returncode == 1
    assert done.stdout.count("has no key github_webhook_secret") == 1
    assert "note  GitHub acme-demo: not asked: the secret is wrong  (try: see secrets.settings)\n" in done.stdout
    assert password not in done.stdout + done.stderr


def test_a_github_token_that_is_refused_is_told_as_that(place):
    client = place.client("secretsmanager")
    text = client.get_secret_value(SecretId="jenkins")["SecretString"]
    wrong = json.dumps(json.loads(text) | {"github_token": "not-a-real-token-either"})
    client.put_secret_value(SecretId="jenkins", SecretString=wrong)
    status, rows = place.check()
    client.put_secret_value(SecretId="jenkins", SecretString=text)
    assert status == 1
    (row,) = failed(rows)["GitHub acme-demo"]
    assert "401" in row["found"] or "refuse" in row["found"]
    assert "not-a-real-token-either" not in json.dumps(rows)


def test_missing_and_other_tools_are_named_with_the_command_that_brings_them(place, tmp_path):
    (tmp_path / "packer").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "groovy").write_text("#!/bin/sh\necho 'Groovy Version: 4.0.1 JVM: 21'\n")
    for name in ("packer", "groovy"):
        (tmp_path / name).chmod(0o755)
    status, rows = place.check(PATH=str(tmp_path))
    assert status == 1
    wrong = failed(rows)
    assert "another program" in wrong["tool packer"][0]["found"]
    assert "apt-get install packer" in wrong["tool packer"][0]["remedy"]
    assert "4.0.1; 2.4.21 is wanted" in wrong["tool groovy"][0]["found"]
    assert wrong["tool javac"][0]["found"] == "not found"


def test_a_sign_in_whose_plugin_is_not_locked_is_a_row(place):
    file = place.folder / "jenkins-bootstrap.yml"
    whole = file.read_text()
    file.write_text(whole.replace("controller:\n", "controller:\n  sign_in: {kind: ldap}\n", 1))
    status, rows = place.check()
    file.write_text(whole)
    assert status == 1
    (row,) = failed(rows)["controller.sign_in.kind"]
    assert row["found"] == "the plugin ldap is not in the lock"
    assert "add ldap to controller.plugins" in row["remedy"]


def test_a_lock_for_a_newer_jenkins_than_the_war_is_a_row(place, tmp_path):
    with zipfile.ZipFile(tmp_path / "jenkins.war", "w") as war:
        war.writestr("META-INF/MANIFEST.MF", "Jenkins-Version: 2.480.1\n")
    status, rows = place.check(JENKINS_WAR=str(tmp_path / "jenkins.war"))
    assert status == 1
    found = [row["found"] for row in failed(rows)["controller.plugins"]]
    assert "the plugin lock: was made for Jenkins 2.516.2, this one is 2.480.1" in found
    assert any("needs Jenkins 2." in words and "this one is 2.480.1" in words for words in found)


def test_broken_settings_are_rows_too(tmp_path, quick_tools):
    place = Place(tmp_path, quick_tools)
    (tmp_path / "jenkins-bootstrap.yml").write_text(STARTER.read_text().replace("region:", "regoin:"))
    status, rows = place.check()
    assert status == 1
    assert any("region" in row["remedy"] + row["found"] for row in failed(rows)["settings"])


def test_the_aws_target_asks_the_account_of_the_usual_chain(place):
    """The endpoint variable of the AWS SDKs makes the embedded AWS stand for the account."""
    account = {
        "AWS_ENDPOINT_URL": place.aws_url,
        "AWS_ACCESS_KEY_ID": "not-a-real-key",
        "AWS_SECRET_ACCESS_KEY": "not-a-real-secret",
    }
    done = place.run("--target", "aws", "bake", "controller", **account)
    assert done.returncode == 1
    assert "target: AWS account 123456789012 in eu-west-1" in done.stderr
    assert "an image for real AWS needs Jenkins" in done.stderr
    assert "JENKINS_WAR=FILE" in done.stderr
