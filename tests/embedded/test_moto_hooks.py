"""What the hooks make of moto: the order of calls to the machines, and that nothing stays when one of them fails.

The machines here are a double that keeps a list of what it was asked; test_daemon_instances.py has the real ones.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jenkins_bootstrap.errors import ToolError

ACCOUNT = "111122223333"
REGION = "eu-west-1"


class Recorded:
    """Machines that do nothing but remember: `calls` in order, and fail when told so."""

    folder = Path("/nonexistent")
    ssh_port = 22
    root_progress = ""

    def __init__(self):
        self.calls = []
        self.launches = []
        self.kept = set()
        self.fail = None
        self.number = 0

    def _called(self, what, *names):
        self.calls.append((what, *names))
        if self.fail == what:
            raise ToolError("no space left", where="double")

    def _address(self):
        self.number += 1
        return f"127.64.0.{self.number}"

    def boot(self, launch):
        self.launches.append(launch)
        self._called("boot", launch.instance_id)
        return self._address()

    def resume(self, instance_id):
        self._called("resume", instance_id)
        return self._address()

    def reboot(self, instance_id):
        self._called("reboot", instance_id)
        return "127.64.0.1"

    def halt(self, instance_id):
        self._called("halt", instance_id)

    def destroy(self, instance_id):
        self._called("destroy", instance_id)

    def keep(self, instance_id, image_id):
        self._called("keep", instance_id)
        self.kept.add(image_id)

    def drop(self, image_id):
        self._called("drop", image_id)
        self.kept.discard(image_id)

    def layers(self):
        return set(self.kept)

    def console(self, instance_id):
        return f"-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAA {instance_id}\n-----END SSH HOST KEY KEYS-----\n"

    def names(self):
        return [call[0] for call in self.calls]


@pytest.fixture
def machines():
    return Recorded()


@pytest.fixture
def ec2(machines, monkeypatch):
    """moto's own backend with the hooks in it; taken out again afterwards."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not-a-real-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-secret")
    from moto.ec2.models import ec2_backends

    from jenkins_bootstrap.embedded import hooked, moto_hooks

    undo = moto_hooks.install(hooked.Hooks(machines))
    try:
        ec2_backends[ACCOUNT][REGION].reset()
        yield ec2_backends[ACCOUNT][REGION]
    finally:
        ec2_backends[ACCOUNT][REGION].reset()
        undo()


@pytest.fixture
def vendor(ec2):
    from jenkins_bootstrap.embedded import moto_images

    return moto_images.add_image(ec2, name="debian-13", owner="136693071363", architecture="x86_64", layers=(), tags={})


def run(ec2, image, count=1, **more):
    more.setdefault("is_instance_type_default", False)
    more.setdefault("instance_type", "t3.micro")
    return ec2.run_instances(image, count, None, [], region_name=REGION, **more).instances


def image_of(ec2, instance, name="child"):
    return ec2.create_image(instance.id, name, "", [])


def clean(ec2):
    return not (ec2.enis or ec2.volumes or ec2.reservations or ec2.key_pairs)


def test_an_instance_boots_with_its_key_name_and_address(ec2, machines, vendor):
    pair = ec2.create_key_pair("pair", "rsa", {})
    (instance,) = run(ec2, vendor, key_name="pair")
    launch = machines.launches[0]
    assert launch.public_key == pair.public_key
    assert launch.key_name == "pair"
    assert launch.hostname == f"ip-{instance.private_ip.replace('.', '-')}"
    assert instance.public_ip == "127.64.0.1"
    assert instance.state == "running"


def test_user_data_reaches_the_instance_as_bytes(ec2, machines, vendor):
    from moto.core.types import Base64EncodedString

    data = Base64EncodedString.from_raw_string("#!/bin/sh\necho grüezi\n")
    ec2.run_instances(vendor, 1, data, [], region_name=REGION, is_instance_type_default=True)
    assert machines.launches[0].user_data == "#!/bin/sh\necho grüezi\n".encode()


def test_an_instance_that_does_not_boot_is_an_error_at_once_and_leaves_nothing(ec2, machines, vendor):
    from moto.ec2.exceptions import EC2ClientError

    machines.fail = "boot"
    with pytest.raises(EC2ClientError, match="no space left"):
        run(ec2, vendor, 2)
    assert ("destroy", machines.launches[0].instance_id) in machines.calls
    assert clean(ec2)


@pytest.mark.parametrize("image", ["ami-00000000000000000", ""])
def test_an_unknown_image_is_refused(ec2, image):
    from moto.ec2.exceptions import InvalidAMIIdError

    with pytest.raises(InvalidAMIIdError):
        run(ec2, image)


def test_an_image_without_a_disk_is_refused(ec2, machines):
    from moto.ec2.exceptions import EC2ClientError

    empty = ec2.register_image("no-disk", "")
    with pytest.raises(EC2ClientError, match="no disk to boot"):
        run(ec2, empty.id)
    assert machines.calls == []


def test_an_unknown_key_is_refused_and_leaves_nothing(ec2, machines, vendor):
    from moto.ec2.exceptions import InvalidKeyPairNameError

    with pytest.raises(InvalidKeyPairNameError):
        run(ec2, vendor, key_name="nobody")
    assert "boot" not in machines.names()
    assert clean(ec2)


def test_terminating_leaves_no_volume_interface_or_address(ec2, machines, vendor):
    (instance,) = run(ec2, vendor)
    ec2.terminate_instances([instance.id])
    assert machines.names() == ["boot", "destroy"]
    assert not ec2.enis
    assert not ec2.volumes
    assert instance.state == "terminated"
    assert ec2.terminate_instances([instance.id])[0][0] is instance, "again is allowed"


def test_terminating_what_another_terminates_ends_when_nothing_is_left(ec2, machines, vendor):
    (instance,) = run(ec2, vendor)
    begun, go_on = threading.Event(), threading.Event()

    def slowly(_instance_id):
        begun.set()
        assert go_on.wait(60)

    machines.destroy = slowly
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ec2.terminate_instances, [instance.id])
        assert begun.wait(60)
        second = pool.submit(ec2.terminate_instances, [instance.id])
        with pytest.raises(TimeoutError):
            second.result(0.1)
        go_on.set()
        second.result(60)
        assert not ec2.enis
        first.result(60)


def test_an_image_stops_the_instance_and_its_children_stand_on_it(ec2, machines, vendor):
    (parent,) = run(ec2, vendor)
    base = image_of(ec2, parent, "base")
    assert machines.names() == ["boot", "halt", "keep"]
    (child,) = run(ec2, base.id)
    assert machines.launches[1].layers == (base.id,)
    ec2.stop_instances([child.id])
    top = image_of(ec2, child, "top")
    run(ec2, top.id)
    assert machines.launches[2].layers == (base.id, top.id)


def test_an_image_is_what_packer_and_the_plugin_expect(ec2, vendor):
    (instance,) = run(ec2, vendor)
    image = image_of(ec2, instance)
    assert image.root_device_type == "ebs"
    assert image.root_device_name == "/dev/xvda"
    assert image.imds_support == "v2.0"
    assert image.architecture == "x86_64"
    assert image.state == "available"


def test_images_made_in_one_second_have_different_dates(ec2, vendor):
    dates = set()
    for number in range(3):
        (instance,) = run(ec2, vendor)
        dates.add(image_of(ec2, instance, f"image-{number}").creation_date.replace(microsecond=0))
    assert len(dates) == 3


def test_an_image_that_cannot_be_kept_does_not_exist(ec2, machines, vendor):
    from moto.ec2.exceptions import EC2ClientError

    (instance,) = run(ec2, vendor)
    snapshots = set(ec2.snapshots)
    machines.fail = "keep"
    with pytest.raises(EC2ClientError, match="no space left"):
        image_of(ec2, instance)
    assert set(ec2.amis) == {vendor}
    assert set(ec2.snapshots) == snapshots


def test_tags_for_image_and_snapshot_may_come_with_create_image(ec2, vendor):
    (instance,) = run(ec2, vendor)
    tags = [
        {"ResourceType": "image", "Tags": [{"Key": "Name", "Value": "base"}]},
        {"ResourceType": "snapshot", "Tags": [{"Key": "Project", "Value": "demo"}]},
    ]
    image = ec2.create_image(instance.id, "tagged", "", tags)
    assert ec2.tags[image.id] == {"Name": "base"}
    assert ec2.tags[image.ebs_snapshot.id] == {"Project": "demo"}


def test_a_name_in_use_is_refused(ec2, vendor):
    from moto.ec2.exceptions import EC2ClientError

    (instance,) = run(ec2, vendor)
    image_of(ec2, instance, "once")
    with pytest.raises(EC2ClientError, match="already in use"):
        image_of(ec2, instance, "once")


def test_a_layer_goes_only_when_no_image_and_no_instance_needs_it(ec2, machines, vendor):
    (instance,) = run(ec2, vendor)
    base = image_of(ec2, instance, "base")
    ec2.terminate_instances([instance.id])
    (child,) = run(ec2, base.id)
    copy = ec2.copy_image(base.id, REGION, "copy")
    ec2.deregister_image(base.id)
    assert machines.kept == {base.id}, "the copy and the instance stand on it"
    ec2.deregister_image(copy.id)
    assert machines.kept == {base.id}, "the instance stands on it"
    ec2.terminate_instances([child.id])
    assert machines.kept == set()


def test_stop_and_start_give_a_new_address(ec2, machines, vendor):
    (instance,) = run(ec2, vendor)
    ec2.stop_instances([instance.id])
    assert instance.public_ip is None
    ec2.start_instances([instance.id])
    assert instance.public_ip == "127.64.0.2"
    ec2.reboot_instances([instance.id])
    assert machines.names() == ["boot", "halt", "resume", "reboot"]


def test_a_terminated_instance_cannot_be_started(ec2, vendor):
    from moto.ec2.exceptions import EC2ClientError

    (instance,) = run(ec2, vendor)
    ec2.terminate_instances([instance.id])
    with pytest.raises(EC2ClientError, match="is terminated"):
        ec2.start_instances([instance.id])


def test_a_spot_instance_has_its_request_id_and_a_cancelled_request_stays_visible(ec2, vendor):
    (by_run,) = run(ec2, vendor, instance_market_options="spot")
    assert by_run.lifecycle == "spot"
    assert by_run.spot_instance_request_id.startswith("sir-")
    (request,) = ec2.request_spot_instances(
        price="0.1",
        image_id=vendor,
        count=1,
        spot_instance_type="one-time",
        valid_from=None,
        valid_until=None,
        launch_group=None,
        availability_zone_group=None,
        key_name=None,
        security_groups=[],
        user_data=None,
        instance_type="m7i.large",
        placement=None,
        kernel_id=None,
        ramdisk_id=None,
        monitoring_enabled=False,
        subnet_id=None,
    )
    assert request.instance.spot_instance_request_id == request.id
    found = ec2.describe_spot_instance_requests(filters={"launch.image-id": [vendor]})
    assert [r.id for r in found] == [request.id]
    ec2.cancel_spot_instance_requests([request.id])
    assert ec2.describe_spot_instance_requests(filters={"state": ["cancelled"]}) == [request]


def test_the_plugins_filter_by_tenancy_works(ec2, vendor):
    run(ec2, vendor)
    assert len(ec2.describe_instances(filters={"tenancy": ["default"]})) == 1


def test_hooks_can_be_taken_out(machines):
    from moto.ec2.models import EC2Backend

    from jenkins_bootstrap.embedded import hooked, moto_hooks

    before = EC2Backend.run_instances
    undo = moto_hooks.install(hooked.Hooks(machines))
    assert EC2Backend.run_instances is not before
    undo()
    assert EC2Backend.run_instances is before
