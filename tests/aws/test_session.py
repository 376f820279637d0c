"""The gateway: errors in words, calls shown, no values in what is shown."""

import boto3
import pytest

from jenkins_bootstrap.aws.session import Aws, AwsError


def test_without_credentials_one_clear_error(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AwsError, match="none found") as error:
        Aws.real("eu-west-1")
    assert "AWS_PROFILE" in error.value.hint


def test_an_unknown_profile(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with pytest.raises(AwsError, match="no-such-profile"):
        Aws.real("eu-west-1")


def test_an_aws_error_keeps_its_code_and_says_where(aws):
    with pytest.raises(AwsError) as error:
        aws.call("ec2", "describe_instances", InstanceIds=["i-0123456789abcdef0"])
    assert error.value.code == "InvalidInstanceID.NotFound"
    assert error.value.where == "AWS ec2 describe_instances in eu-west-1"


def test_no_answer_is_explained():
    aws = Aws.embedded("eu-west-1", "http://127.0.0.1:9")
    with pytest.raises(AwsError, match=r"127\.0\.0\.1:9"):
        aws.call("sts", "get_caller_identity")


def test_a_traced_call_hides_secret_values(aws):
    lines = []
    traced = Aws(boto3.session.Session(region_name="eu-west-1"), "eu-west-1", None, lines.append)
    traced.call("secretsmanager", "create_secret", Name="jenkins", SecretString="not-a-real-secret-canary")
    assert lines[0].startswith("secretsmanager.create_secret")
    assert "canary" not in "".join(lines)
