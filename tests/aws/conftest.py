"""An AWS in this process for look-ups: moto, with a region of its own."""

import pytest
from moto import mock_aws

from jenkins_bootstrap.aws.session import Aws

REGION = "eu-west-1"


@pytest.fixture
def aws(monkeypatch, aws_session):
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield Aws(aws_session(REGION), REGION, None, None)
