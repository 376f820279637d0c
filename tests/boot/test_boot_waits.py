"""What a boot waits for, what it does not wait for, and how long."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from jenkins_bootstrap.aws.session import AwsError
from jenkins_bootstrap.boot.retry import APPEARS_WITHIN, Patience, passes
from jenkins_bootstrap.errors import BootstrapError, LookupFailed, NothingFound, SecretError, SeveralErrors


def refused(code, status=400):
    def raise_it(operation):
        answer = {"Error": {"Code": code, "Message": "said AWS"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, operation)

    return raise_it


def late(operation):
    raise ConnectTimeoutError(endpoint_url="https://secretsmanager.example.org")


@pytest.mark.parametrize(
    "fail",
    [refused("ThrottlingException"), refused("InternalServiceError", 500), refused("Unknown", 503), late],
    ids=["throttled", "internal error", "5xx", "answers late"],
)
def test_secrets_manager_in_trouble_is_waited_for(boot_of, failing, controller, clock, fail):
    failing("GetSecretValue", fail, 6)
    boot = boot_of()
    boot.run()
    assert controller.secrets.exists()
    waits = [line for line in boot.said if line.startswith("waiting for AWS")]
    assert len(waits) == 3  # two secrets fail at each of three times
    assert "again in 1 s, for 60 s at most" in waits[0]
    assert clock.slept == [1.0, 2.0, 4.0]


def test_only_what_failed_is_asked_again(boot_of, failing):
    asked = failing("GetSecretValue", refused("ThrottlingException"), 2)
    boot_of().run()
    assert asked.count("DescribeSecurityGroups") == 1
    assert asked.count("DescribeImages") == 1


def test_secrets_denied_ends_the_boot_at_once(boot_of, failing, controller, clock):
    failing("GetSecretValue", refused("AccessDeniedException"), 99)
    with pytest.raises(BootstrapError, match="AccessDeniedException") as error:
        boot_of().run()
    assert "give the role this permission" in str(error.value)
    assert "secrets." in str(error.value)
    assert clock.slept == []
    assert not controller.secrets.exists()


def test_the_deadline_ends_the_waiting(boot_of, failing, clock):
    failing("DescribeImages", refused("Throttling"), 999)
    with pytest.raises(BootstrapError, match=r"waited \d+ s for AWS in vain.*Throttling"):
        boot_of(deadline=50).run()
    assert clock.time == 50
    assert max(clock.slept) <= 15


def test_an_ami_gone_since_the_bake_is_not_waited_for(boot_of, cloud, clock):
    cloud.session.client("ec2").deregister_image(ImageId=cloud.ami)
    with pytest.raises(LookupFailed, match=r"agents\[0\]\.ami.*nothing matches"):
        boot_of().run()
    assert clock.slept == []


def test_a_subnet_may_just_be_in_the_making(boot_of, cloud, controller, clock):
    ec2 = cloud.session.client("ec2")
    ec2.delete_tags(Resources=[cloud.subnet], Tags=[{"Key": "Role"}])

    def sleep(seconds):
        clock.time += seconds
        ec2.create_tags(Resources=[cloud.subnet], Tags=[{"Key": "Role", "Value": "agent"}])

    boot = boot_of()
    boot.patience.sleep = sleep
    boot.run()
    assert controller.facts.exists()
    assert clock.time == 1


def test_a_subnet_that_stays_away_is_told_before_the_deadline(boot_of, cloud, clock):
    cloud.session.client("ec2").delete_tags(Resources=[cloud.subnet], Tags=[{"Key": "Role"}])
    with pytest.raises(LookupFailed, match=r"agents\[0\]\.subnets"):
        boot_of(deadline=600).run()
    assert APPEARS_WITHIN <= clock.time < 60


def test_a_malformed_secret_is_permanent_and_not_shown(boot_of, cloud, clock):
    cloud.session.client("secretsmanager").put_secret_value(SecretId="jenkins", SecretString="not-a-real-{secret")
    with pytest.raises(SecretError, match="is not JSON") as error:
        boot_of().run()
    assert "not-a-real" not in str(error.value)
    assert clock.slept == []


def test_what_does_not_pass_is_told_first_and_alone(boot_of, failing, cloud, clock):
    failing("GetSecretValue", refused("ThrottlingException"), 99)
    cloud.session.client("ec2").deregister_image(ImageId=cloud.ami)
    with pytest.raises(LookupFailed, match="ami"):
        boot_of().run()
    assert clock.slept == []


def test_the_role_may_come_late(boot_of, controller, clock):
    boot = boot_of()
    real, left = boot.make_aws, [1, 2, 3]

    def make():
        if left:
            left.pop()
            raise AwsError("none found", where="AWS credentials")
        return real()

    boot.make_aws = make
    boot.run()
    assert sum("credentials of this instance's role" in line for line in boot.said) == 3
    assert controller.secrets.exists()


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "AccessDenied", "AuthFailure", "InvalidAMIID.NotFound"])
def test_a_refusal_does_not_pass(code):
    assert not passes(AwsError("no", code=code, status=403), 0)


def test_several_pass_only_when_each_does():
    busy, denied = AwsError("busy", code="Throttling"), AwsError("no", code="AccessDenied")
    assert passes(SeveralErrors([busy, NothingFound("nothing")]), 0)
    assert not passes(SeveralErrors([busy, denied]), 0)
    assert not passes(NothingFound("nothing"), APPEARS_WITHIN)


def test_one_deadline_for_all_questions(clock):
    patience = Patience(10, clock=clock, sleep=clock.sleep)
    answers = iter([AwsError("busy", code="Throttling")] * 3)

    def ask():
        error = next(answers, None)
        if error:
            raise error
        return "there"

    assert patience.until(ask, "EC2") == "there"
    assert clock.time == 7

    def never():
        raise AwsError("busy", code="Throttling")

    with pytest.raises(BootstrapError, match="waited 10 s"):
        patience.until(never, "EC2")
