"""An AWS in this process for look-ups: moto, with a region of its own."""

import boto3
import pytest
from moto import mock_aws

from jenkins_bootstrap.aws.session import Aws

REGION = "eu-west-1"


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not-a-real-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield Aws(boto3.session.Session(region_name=REGION), REGION, None, None)
