"""A rotation through Secrets Manager on the embedded AWS: what the secret before signed counts for a while."""

import json
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws
from moto.secretsmanager.models import secretsmanager_backends

from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.aws.webhook import contradicted, in_force
from jenkins_bootstrap.embedded import hooked, moto_hooks, seeder
from jenkins_bootstrap.receiver.image import Image

KEY = "github_receiver_secret"
NEW = "not-a-real-newer-one"


@pytest.fixture
def image(tmp_path, settings, lay_out):
    """An image of the embedded target, whose AWS the embedded seed was made in."""
    layout = lay_out(tmp_path / "controller", settings)
    environ = {"JENKINS_BOOTSTRAP_EMBEDDED_AWS": "http://127.0.0.1:9/", "JENKINS_BOOTSTRAP_EMBEDDED_GITHUB": "x"}
    undo = moto_hooks.install(hooked.Hooks(None))
    try:
        with mock_aws():
            session = boto3.session.Session("not-a-real-key", "not-a-real-secret", region_name="eu-west-1")
            made = Image(layout, environ, say=lambda _line: None)
            made.make_aws = lambda: Aws(session, "eu-west-1", None, None)
            made.client = session.client("secretsmanager")
            made.values = seeder.settings_secret(settings)
            made.client.create_secret(Name="jenkins", SecretString=json.dumps(made.values))
            yield made
    finally:
        undo()


def rotate(image, **more):
    image.client.put_secret_value(SecretId="jenkins", SecretString=json.dumps(image.values | {KEY: NEW} | more))


def age(hours):
    """Every version was made so much earlier."""
    (secret,) = [s for b in secretsmanager_backends["123456789012"].values() for s in b.secrets.values()]
    for version in secret.versions.values():
        version["createdate"] -= hours * 3600


def test_what_was_signed_with_the_secret_before_counts_in_the_overlap_and_not_after_it(image, start, payload):
    receiver = start(read_secret=image.read_secret)
    old = image.values[KEY]
    assert receiver.send("repository", payload(), id_="1", secret=old)[0] == 202
    rotate(image)
    receiver.service.keys.refresh()
    assert receiver.send("repository", payload(), id_="2", secret=old)[0] == 202
    assert receiver.send("repository", payload(), id_="3", secret=NEW)[0] == 202
    age(25)
    receiver.service.keys.refresh()
    assert receiver.send("repository", payload(), id_="4", secret=old)[0] == 401
    assert receiver.send("repository", payload(), id_="5", secret=NEW)[0] == 202


def test_since_when_a_value_is_in_force_is_when_it_was_stored(image):
    aws = image.make_aws()
    before = in_force(aws, "jenkins")[KEY]
    age(48)
    assert before - in_force(aws, "jenkins")[KEY] == timedelta(hours=48)
    listed = aws.call("secretsmanager", "list_secret_version_ids", SecretId="jenkins")["Versions"]
    assert [one["CreatedDate"] for one in listed] == [in_force(aws, "jenkins")[KEY]]


@pytest.mark.parametrize(
    ("previous", "told"), [("the one before", ()), ("another", (f"{KEY}_previous",)), ("", ()), (None, ())]
)
def test_a_previous_key_that_is_not_the_value_before_is_told(image, previous, told):
    value = image.values[KEY] if previous == "the one before" else previous
    more = {} if value is None else {f"{KEY}_previous": value}
    aws = image.make_aws()
    assert contradicted(aws, "jenkins", image.values | more) == ()  # nothing is known of before
    rotate(image, **more)
    assert contradicted(aws, "jenkins", image.values | {KEY: NEW} | more) == told
