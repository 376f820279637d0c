"""The calls to EC2 around a bake, against moto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jenkins_bootstrap.aws.bakery import ImageCloud
from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.images.runs import KEY_PAIRS, TAG

RUN = "machine-1-2"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        # Without the hundreds of images that moto otherwise reads anew for each region.
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def aws(endpoint: str, request: pytest.FixtureRequest) -> Aws:
    # A region a test: what one makes another does not see.
    regions = ["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "us-east-2", "us-west-1", "us-west-2"]
    place = [item.name for item in request.session.items if item.fspath == request.node.fspath].index(request.node.name)
    return Aws.embedded(regions[place], endpoint)


@pytest.fixture
def cloud(aws: Aws) -> ImageCloud:
    return ImageCloud(aws, sleep=lambda _seconds: None)


def launch(aws: Aws, **tags: str) -> str:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    specifications = [{"ResourceType": kind, "Tags": pairs} for kind in ("instance", "volume") if pairs]
    count = {"MinCount": 1, "MaxCount": 1}
    made = aws.call("ec2", "run_instances", ImageId="ami-12c6146b", **count, TagSpecifications=specifications)
    return str(made["Instances"][0]["InstanceId"])


def running(aws: Aws) -> set[str]:
    found = aws.pages("ec2", "describe_instances", "Reservations")
    return {i["InstanceId"] for r in found for i in r["Instances"] if i["State"]["Name"] != "terminated"}


def make_image(aws: Aws, name: str, **tags: str) -> str:
    image = str(aws.call("ec2", "create_image", InstanceId=launch(aws), Name=name)["ImageId"])
    if tags:
        aws.call("ec2", "create_tags", Resources=[image], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
    return image


def names_of(values: Any, key: str) -> set[str]:
    return {value[key] for value in values}


def test_a_run_is_removed_and_nothing_of_another(aws: Aws, cloud: ImageCloud) -> None:
    groups = {}
    for run in (RUN, f"{RUN}3"):
        groups[run] = cloud.make_security_group(f"{KEY_PAIRS}{run}-base", "", 22, "127.0.0.0/8", {TAG: run})
        aws.call("ec2", "create_key_pair", KeyName=f"{KEY_PAIRS}{run}-base")
    mine, others, untagged = launch(aws, **{TAG: RUN}), launch(aws, **{TAG: f"{RUN}3"}), launch(aws)
    spare = aws.call(
        "ec2",
        "create_volume",
        AvailabilityZone=f"{aws.region}a",
        Size=1,
        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": TAG, "Value": RUN}]}],
    )["VolumeId"]
    removed = cloud.remove_run(TAG, RUN, f"{KEY_PAIRS}{RUN}-")
    assert f"instance {mine}" in removed and f"volume {spare}" in removed
    assert f"key pair {KEY_PAIRS}{RUN}-base" in removed and f"security group {groups[RUN]}" in removed
    assert running(aws) == {others, untagged}
    assert names_of(aws.call("ec2", "describe_key_pairs")["KeyPairs"], "KeyName") == {f"{KEY_PAIRS}{RUN}3-base"}
    left = names_of(aws.pages("ec2", "describe_security_groups", "SecurityGroups"), "GroupId")
    assert groups[f"{RUN}3"] in left and groups[RUN] not in left
    assert cloud.remove_run(TAG, RUN, f"{KEY_PAIRS}{RUN}-") == []


def test_an_image_goes_with_its_snapshots_and_twice_is_no_error(aws: Aws, cloud: ImageCloud) -> None:
    image, other = make_image(aws, "one"), make_image(aws, "two")
    described = aws.call("ec2", "describe_images", ImageIds=[image])["Images"][0]
    snapshots = [d["Ebs"]["SnapshotId"] for d in described["BlockDeviceMappings"] if "Ebs" in d]
    assert snapshots
    cloud.deregister(image)
    cloud.deregister(image)
    left = names_of(aws.pages("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"]), "SnapshotId")
    assert left and not left & set(snapshots)
    assert cloud.named_image("one") is None and (found := cloud.named_image("two")) is not None and found.id == other


def test_images_are_those_of_the_project_with_their_tags(aws: Aws, cloud: ImageCloud) -> None:
    mine = make_image(aws, "mine", Project="demo", Name="base")
    make_image(aws, "another", Project="demo2", Name="base")
    make_image(aws, "untagged")
    assert [(i.id, i.tag("Name")) for i in cloud.project_images("demo")] == [(mine, "base")]
    cloud.tag([mine], {"Channel": "current"})
    assert cloud.project_images("demo")[0].tag("Channel") == "current"
    cloud.untag([mine], ["Channel"])
    assert cloud.project_images("demo")[0].tag("Channel") is None


def test_a_group_of_a_bake_lets_in_its_port_alone(aws: Aws, cloud: ImageCloud) -> None:
    group = cloud.make_security_group("g", "", 2222, "127.0.0.0/8", {TAG: RUN})
    (found,) = aws.call("ec2", "describe_security_groups", GroupIds=[group])["SecurityGroups"]
    assert [(p["FromPort"], p["ToPort"], p["IpProtocol"]) for p in found["IpPermissions"]] == [(2222, 2222, "tcp")]
