"""The state file: what goes in comes out, torn files are noticed, and every kind of resource survives a restart."""

import contextlib
import json
import os
import threading
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.embedded import persistence
from jenkins_bootstrap.embedded.persistence import State, StateError, Store, decode, encode


def store(folder, state, name="aws.state"):
    return Store(folder / name, lambda: state)


def test_a_default_factory_that_is_a_lambda_and_a_lock_survive():
    step = 2
    table = defaultdict(lambda: step * 21)
    state = decode(encode(State({"ssm": {"1": {"eu": {"table": table, "lock": threading.Lock()}}}})), "here")
    kept = state.backends["ssm"]["1"]["eu"]
    assert kept["table"]["new"] == 42
    assert kept["lock"].acquire(blocking=False)


@given(st.dictionaries(st.text(), st.text() | st.binary() | st.integers()))
def test_what_goes_in_comes_out(values):
    state = State({"ec2": {"1": {"eu": values}}}, ["demo eu-west-1"])
    assert decode(encode(state), "here") == state


def test_no_file_is_no_state(tmp_path):
    assert store(tmp_path, State()).load(print) is None


@pytest.mark.parametrize("keep", [0, 1, 40, -1])
def test_a_torn_file_gives_way_to_the_one_before_and_it_is_said(tmp_path, keep):
    state = State(seeded=["first"])
    kept = store(tmp_path, state)
    kept.save(contextlib.nullcontext())
    state.seeded = ["second"]
    kept.save(contextlib.nullcontext())
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[:keep])
    said = []
    assert kept.load(said.append).seeded == ["first"]
    assert "aws.state.previous" in said[0]


def test_a_changed_byte_is_noticed(tmp_path):
    kept = store(tmp_path, State(seeded=["x"]))
    kept.save(contextlib.nullcontext())
    data = bytearray(kept.path.read_bytes())
    data[-1] ^= 1
    kept.path.write_bytes(data)
    with pytest.raises(StateError, match="nothing readable") as error:
        kept.load(print)
    assert "down --wipe" in error.value.hint


@pytest.mark.parametrize(("key", "value"), [("moto", "4.0.0"), ("format", 99), ("python", "3.99")])
def test_another_version_is_refused_by_name(tmp_path, key, value):
    kept = store(tmp_path, State())
    kept.save(contextlib.nullcontext())
    head, _, body = kept.path.read_bytes().partition(b"\n")
    kept.path.write_bytes(json.dumps(json.loads(head) | {key: value}).encode() + b"\n" + body)
    with pytest.raises(StateError, match=rf"{key} {value}"):
        kept.load(print)


def test_a_burst_of_changes_is_written_in_few_writes_and_nobody_returns_before_its_own_is_in(tmp_path):
    state = State()
    lock = threading.Lock()
    kept = store(tmp_path, state)
    missing = []

    def change(number):
        with lock:
            state.seeded = [*state.seeded, str(number)]
        kept.save(lock)
        on_disk = decode(kept.path.read_bytes(), "here").seeded
        if str(number) not in on_disk:
            missing.append(number)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == []
    assert len(decode(kept.path.read_bytes(), "here").seeded) == 40
    assert kept.writes <= 40


def test_a_disk_without_space_is_an_error_and_the_file_stays(tmp_path, monkeypatch):
    kept = store(tmp_path, State(seeded=["kept"]))
    kept.save(contextlib.nullcontext())

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StateError, match="No space left"):
        kept.save(contextlib.nullcontext())
    monkeypatch.undo()
    assert kept.load(print).seeded == ["kept"]


def test_only_named_services_are_kept():
    assert "s3" not in persistence.KEPT


LISTINGS = (
    ("ec2", "describe_vpcs", "Vpcs"),
    ("ec2", "describe_subnets", "Subnets"),
    ("ec2", "describe_security_groups", "SecurityGroups"),
    ("ec2", "describe_volumes", "Volumes"),
    ("ec2", "describe_images", "Images"),
    ("ec2", "describe_snapshots", "Snapshots"),
    ("ec2", "describe_key_pairs", "KeyPairs"),
    ("ec2", "describe_launch_templates", "LaunchTemplates"),
    ("ec2", "describe_tags", "Tags"),
    ("iam", "list_roles", "Roles"),
    ("iam", "list_instance_profiles", "InstanceProfiles"),
    ("secretsmanager", "list_secrets", "SecretList"),
    ("elbv2", "describe_target_groups", "TargetGroups"),
    ("ssm", "describe_parameters", "Parameters"),
    ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"),
    ("kms", "list_keys", "Keys"),
)


def everything(place, endpoints):
    found = {}
    for service, operation, key in LISTINGS:
        found[operation] = getattr(place.aws(endpoints, service), operation)()[key]
    secrets = place.aws(endpoints, "secretsmanager")
    for secret in found["list_secrets"]:
        secret.pop("LastAccessedDate", None)
        found[secret["Name"]] = secrets.get_secret_value(SecretId=secret["Name"])["SecretString"]
    return found


def test_every_kind_of_resource_survives_a_kill_9(place):
    endpoints = place.up()
    ec2 = place.aws(endpoints, "ec2")
    ec2.create_key_pair(KeyName="pair")
    image = ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]
    ec2.create_launch_template(
        LaunchTemplateName="template", LaunchTemplateData={"ImageId": image, "InstanceType": "m7i.large"}
    )
    place.aws(endpoints, "ssm").put_parameter(Name="/demo/lock", Value="run-1", Type="String")
    place.aws(endpoints, "kms").create_key(Description="for volumes")
    subnets = [
        s["SubnetId"] for s in ec2.describe_subnets(Filters=[{"Name": "tag:Role", "Values": ["agent"]}])["Subnets"]
    ]
    autoscaling = place.aws(endpoints, "autoscaling")
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="group",
        LaunchTemplate={"LaunchTemplateName": "template"},
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=0,
        VPCZoneIdentifier=",".join(subnets),
    )
    before = everything(place, endpoints)
    assert all(before[operation] for _service, operation, _key in LISTINGS), "something of every kind"
    place.kill()
    again = place.up()
    assert everything(place, again) == before
    # And it can be worked with, not only looked at.
    place.aws(again, "autoscaling").delete_auto_scaling_group(AutoScalingGroupName="group", ForceDelete=True)
    place.aws(again, "ssm").put_parameter(Name="/demo/other", Value="x", Type="String")
    place.aws(again, "ec2").create_vpc(CidrBlock="10.77.0.0/16")
