"""One look at a controller: moto in AWS' place, an HTTP server in Jenkins', whose stages do what a test says."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jenkins_bootstrap.aws.session import AwsError
from jenkins_bootstrap.boot.applied import Busy, alone, digest_key, read_applied, record_applied
from jenkins_bootstrap.boot.hooks import own_stages
from jenkins_bootstrap.boot.watch import stage_file
from jenkins_bootstrap.errors import BootstrapError, SeveralErrors, raise_all

FOUR = ["init.groovy", "aws.txt", "github.txt", "githubrepos.txt"]


def new_key(session):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    session.client("secretsmanager").put_secret_value(SecretId="jenkins_slave_private_key", SecretString=pem)


def test_after_a_boot_there_is_nothing_to_do(look_of, jenkins, controller):
    assert look_of().run().pending == ()
    assert jenkins.ran == []
    assert not controller.secrets.exists()


def test_only_the_stage_concerned_runs_with_the_new_values_and_without_them_in_the_call(
    look_of, put, jenkins, controller
):
    put(admin_password="not-a-real-password-new")
    seen = []

    def stage(name, file):
        seen.append((json.loads(controller.secrets.read_text()), controller.secrets.stat().st_mode & 0o777, file))
        return {"stage": name, "seconds": 0.5, "changed": True, "changes": ["administrator account"]}

    jenkins.stages = stage
    look = look_of()
    looked = look.run()
    assert [p.stage for p in looked.pending] == ["init.groovy"]
    assert looked.pending[0].because == ("secret key admin_password",)
    assert [r.changes for r in looked.applied] == [("administrator account",)]
    document, mode, file = seen[0]
    assert document["values"]["admin_password"] == "not-a-real-password-new"
    assert mode == 0o600
    assert file == controller.stages / "init.groovy"
    assert not controller.secrets.exists()
    everything = repr(looked) + "".join(look.said) + "".join(jenkins.scripts) + controller.applied.read_text()
    assert "not-a-real" not in everything
    assert look_of().run().pending == ()


def test_the_old_webhook_secret_counts_until_the_overlap_is_over(look_of, put, jenkins, controller):
    put(github_webhook_secret="not-a-real-webhook-secret-new")
    seen = []

    def stage(name, file):
        seen.append(json.loads(controller.secrets.read_text())["values"].get("github_webhook_secret_previous"))
        return {"stage": name, "seconds": 0, "changes": []}

    jenkins.stages = stage
    look_of().run()
    look_of(now=lambda: datetime.now(UTC) + timedelta(hours=25)).run()
    assert jenkins.ran == ["github.txt", "github.txt"]
    assert seen == ["not-a-real-webhook-secret", None]


def test_a_new_key_of_the_agents_is_in_aws_before_the_stage_runs(look_of, session, jenkins):
    new_key(session)
    pairs = []

    def stage(name, file):
        pairs.append(len(session.client("ec2").describe_key_pairs()["KeyPairs"]))
        return {"stage": name, "seconds": 0, "changes": []}

    jenkins.stages = stage
    assert [r.stage for r in look_of().run().applied] == ["aws.txt"]
    assert pairs == [2]


def test_a_new_image_concerns_the_clouds(look_of, session, cloud, jenkins, controller):
    ec2 = session.client("ec2")
    instance = ec2.run_instances(ImageId=cloud.ami, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    ami = ec2.create_image(InstanceId=instance, Name="agent-2")["ImageId"]
    tags = {"Project": "demo", "Name": "agent", "Channel": "current"}
    ec2.create_tags(Resources=[ami], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
    ec2.create_tags(Resources=[cloud.ami], Tags=[{"Key": "Channel", "Value": "previous"}])
    looked = look_of().run()
    assert [(p.stage, p.because) for p in looked.pending] == [("aws.txt", ("agents linux: image",))]
    assert json.loads(controller.facts.read_text())["agents"]["linux"]["image"]["id"] == ami


def test_a_stage_that_fails_is_tried_again_and_the_others_are_applied(look_of, put, jenkins, controller):
    put(admin_password="not-a-real-password-new", github_token="not-a-real-token-new")
    failing = {"stage": "init.groovy", "failed": True, "cause": "no realm", "remedy": "see"}
    fine = {"stage": "github.txt", "seconds": 0, "changes": []}
    jenkins.stages = lambda name, file: failing if name == "init.groovy" else fine
    looked = look_of().run()
    assert [r.stage for r in looked.applied] == ["github.txt"]
    with pytest.raises(BootstrapError, match="no realm"):
        raise_all(looked.failed)
    assert not controller.secrets.exists()
    jenkins.stages = lambda name, file: {"stage": name, "seconds": 0, "changes": []}
    assert [r.stage for r in look_of().run().applied] == ["init.groovy"]


def test_aws_away_changes_nothing_and_the_next_look_goes_on(look_of, put, jenkins, controller):
    put(github_token="not-a-real-token-new")
    before = controller.applied.read_bytes(), controller.facts.read_bytes()

    def away():
        raise AwsError("no answer", where="AWS")

    look = look_of()
    look.make_aws = away
    with pytest.raises(BootstrapError, match="no answer"):
        look.run()
    assert (controller.applied.read_bytes(), controller.facts.read_bytes()) == before
    assert jenkins.ran == []
    assert [r.stage for r in look_of().run().applied] == ["github.txt"]


def test_where_no_jenkins_has_come_up_nothing_is_touched(look_of, put, jenkins, controller):
    put(github_token="not-a-real-token-new")
    controller.secrets.write_text("those of the boot that is under way")
    jenkins.up = False
    assert look_of().run().up is False
    assert look_of().plan().up is False
    assert controller.secrets.exists()


def test_a_plan_says_why_and_does_nothing(look_of, put, jenkins, controller):
    put(github_token="not-a-real-token-new")
    before = {p: p.read_bytes() for p in controller.run.rglob("*") if p.is_file()}
    pending = look_of().plan().pending
    assert [(p.stage, p.because) for p in pending] == [("github.txt", ("secret key github_token",))]
    assert {p: p.read_bytes() for p in controller.run.rglob("*") if p.is_file()} == before
    assert jenkins.ran == []


def test_secrets_that_a_killed_look_left_are_deleted_by_the_next(look_of, controller):
    controller.secrets.write_text("not-a-real-secret")
    part = controller.run / ".secrets.json.abc"
    part.write_text("not-a-real-secret")
    look_of().run()
    assert not controller.secrets.exists()
    assert not part.exists()


def test_a_token_that_jenkins_does_not_know(look_of, put, jenkins, controller):
    put(github_token="not-a-real-token-new")
    jenkins.token = "another"
    with pytest.raises(BootstrapError, match="answers 401"):
        raise_all(look_of().run().failed)
    assert not controller.secrets.exists()


def test_two_looks_never_overlap_and_a_boot_waits(look_of, boot_of, controller):
    with alone(controller):
        with pytest.raises(Busy):
            look_of().run()
        with pytest.raises(Busy), alone(controller, wait_seconds=0.2):
            pass
    look_of().run()


def test_a_stage_is_the_images_whatever_lies_in_the_hook_root(look_of, put, jenkins, controller):
    put(github_token="not-a-real-token-new", admin_password="not-a-real-password-new")
    for path in controller.hooks.rglob("*"):
        if path.is_file():
            path.write_text("throw new Error('tampered')")
    files = []
    jenkins.stages = lambda name, file: files.append(file) or {"stage": name, "seconds": 0, "changes": []}
    look_of().run()
    assert files == [controller.stages / "init.groovy", controller.stages / "init.groovy.d/github.txt"]


def test_stages_of_a_users_own_are_run_in_their_guard_and_told_when_it_is_missing(look_of, put, controller):
    for name in ("mine", "jcasc"):
        (controller.stages / f"init.groovy.d/{name}.txt").write_text("")
    assert own_stages(controller) == ["jcasc.txt", "user_mine.txt"]
    assert stage_file(controller, "jcasc.txt") == controller.stages / "init.groovy.d/jcasc.txt"
    assert stage_file(controller, "user_mine.txt") == controller.hooks / "init.groovy.d/user_mine.groovy"
    looked = look_of().run()
    assert [r.stage for r in looked.applied] == ["jcasc.txt"]
    with pytest.raises(BootstrapError, match=r"user_mine\.txt is not there"):
        raise_all(looked.failed)


def test_a_record_that_cannot_be_trusted_runs_every_stage(look_of, controller, jenkins):
    for text in ("{", "[]", '{"schema": 2, "stages": {}}', '{"schema": 1, "stages": []}'):
        controller.applied.write_text(text)
        assert read_applied(controller) == {}
    assert [r.stage for r in look_of().run().applied] == FOUR


def test_the_key_of_the_digests_stays_and_is_roots_alone(controller):
    key = digest_key(controller)
    path = controller.run / "digest-key"
    assert digest_key(controller) == key
    assert path.stat().st_mode & 0o777 == 0o400
    path.chmod(0o644)  # somebody may have read it
    assert digest_key(controller) != key
    record_applied(controller, {"aws.txt": {"region": "digest"}})
    assert read_applied(controller) == {"aws.txt": {"region": "digest"}}


def test_what_several_stages_failed_with_is_told_together(look_of, put, jenkins):
    put(admin_password="not-a-real-password-new", github_token="not-a-real-token-new")
    jenkins.stages = lambda name, file: None
    with pytest.raises(SeveralErrors):
        raise_all(look_of().run().failed)


def test_ended_in_the_middle_of_a_stage_it_leaves_no_secrets(controller, jenkins, tmp_path):
    """SIGTERM reaches the command as systemd sends it."""
    program = f"""
import signal, sys, time
from pathlib import Path
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.watch import Look, Pending, _Seen
from jenkins_bootstrap.cli.watch import _end
signal.signal(signal.SIGTERM, _end)
look = Look(Layout(Path({str(controller.root)!r})), url="http://127.0.0.1:9/")
seen = _Seen(None, {{}}, {{"values": "not-a-real-secret"}}, {{}})
class Slow:
    def run_stage(self, *_):
        print("running", flush=True)
        time.sleep(60)
file = Path({__file__!r})
look._run_stage(Slow(), Pending("github.txt", file, ()), seen)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=dict(os.environ))
    assert process.stdout.readline() == b"running\n"
    assert controller.secrets.exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 1
    assert not controller.secrets.exists()
    process.stdout.close()
