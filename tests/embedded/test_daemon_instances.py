"""Real instances behind the embedded AWS: what is written over SSH is in the image, and nothing outlives the daemon."""

import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from jenkins_bootstrap.embedded import client, userns
from jenkins_bootstrap.embedded.prerequisites import prerequisites

pytestmark = pytest.mark.bake


@pytest.fixture
def cloud(place):
    """The embedded AWS with a key pair and a way to run commands on its instances."""
    missing = [row.name for row in prerequisites() if not row.ok]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    made = Cloud(place)
    client.prepare_root(made.endpoints)
    yield made
    made.place.down()


class Cloud:
    def __init__(self, place):
        self.place = place
        self.connect()
        pair = self.ec2.create_key_pair(KeyName="pair", KeyType="ed25519")
        self.key = place.folder / "key.pem"
        self.key.touch(mode=0o600)
        self.key.write_text(pair["KeyMaterial"])
        self.vendor = self.ec2.describe_images(Owners=["136693071363"])["Images"][0]["ImageId"]

    def connect(self, **more):
        self.endpoints = self.place.up(**more)
        self.ec2 = self.place.aws(self.endpoints, "ec2")

    def run(self, image):
        (made,) = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, KeyName="pair")["Instances"]
        return made["InstanceId"]

    def describe(self, instance):
        return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]

    def ssh(self, instance, command):
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        address = self.describe(instance)["PublicIpAddress"]
        done = subprocess.run(
            ["ssh", "-i", str(self.key), "-p", str(self.endpoints.ssh_port), *options, f"admin@{address}", command],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def image(self, instance, name):
        return self.ec2.create_image(InstanceId=instance, Name=name)["ImageId"]


def processes_below(folder):
    """Processes of any kind that have to do with a folder: their command line or working folder says so."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            here = str((entry / "cwd").readlink())
        except OSError:
            continue
        if here.startswith(str(folder)) and "pytest" not in words:
            found.append(words)
    return found


def test_what_is_written_over_ssh_is_in_the_image_and_in_its_children(cloud):
    base = cloud.run(cloud.vendor)
    cloud.ssh(base, "echo baked | sudo tee /etc/baked; sudo rm /etc/issue")
    cloud.ec2.stop_instances(InstanceIds=[base])
    image = cloud.image(base, "base")
    layer = cloud.place.state.root / "metal" / "layers" / image
    assert (layer / "etc/baked").read_text() == "baked\n"
    child = cloud.run(image)
    assert cloud.ssh(child, "cat /etc/baked; test ! -e /etc/issue && echo gone") == "baked\ngone"
    cloud.ec2.terminate_instances(InstanceIds=[base, child])
    cloud.ec2.delete_key_pair(KeyName="pair")
    left = client.leftovers(cloud.endpoints)
    assert left.pop("running") == []
    assert set(left.values()) == {0}
    cloud.ec2.deregister_image(ImageId=image)
    assert not layer.exists()


def test_the_console_shows_the_host_keys_that_the_instance_really_has(cloud):
    instance = cloud.run(cloud.vendor)
    console = cloud.ec2.get_console_output(InstanceId=instance)["Output"]
    keys = console.split("-----BEGIN SSH HOST KEY KEYS-----\n")[1].split("-----END")[0].splitlines()
    address = cloud.describe(instance)["PublicIpAddress"]
    scan = subprocess.run(
        ["ssh-keyscan", "-t", "ed25519", "-p", str(cloud.endpoints.ssh_port), address],
        capture_output=True,
        text=True,
        check=True,
    )
    kind, key = scan.stdout.split()[1:3]
    assert f"{kind} {key}" in [" ".join(line.split()[:2]) for line in keys]


def test_kill_9_of_the_daemon_ends_the_instances_and_keeps_the_images(cloud):
    first = cloud.run(cloud.vendor)
    cloud.ssh(first, "echo kept | sudo tee /etc/kept")
    image = cloud.image(first, "kept")
    lost = cloud.run(image)
    metal = cloud.place.state.root / "metal"
    assert processes_below(metal)
    cloud.place.kill()
    cloud.connect()
    assert processes_below(metal) == []
    assert list((metal / "instances").iterdir()) == []
    assert cloud.describe(lost)["State"]["Name"] == "terminated"
    assert str(metal) not in Path("/proc/self/mountinfo").read_text()
    assert cloud.ssh(cloud.run(image), "cat /etc/kept") == "kept"


def test_down_after_a_kill_9_leaves_no_process(cloud):
    cloud.run(cloud.vendor)
    metal = cloud.place.state.root / "metal"
    cloud.place.kill()
    cloud.place.down()
    assert processes_below(metal) == []
    assert list((metal / "instances").iterdir()) == []


def test_it_does_not_end_while_an_instance_runs(place, wait_for, request):
    cloud = request.getfixturevalue("cloud")
    place.down()
    cloud.connect(idle_seconds=1.5)
    instance = cloud.run(cloud.vendor)
    subprocess.run(["sleep", "3"], check=True)
    assert cloud.ssh(instance, "echo here") == "here"
    cloud.ec2.terminate_instances(InstanceIds=[instance])
    wait_for(lambda: not place.state.record.exists())


def test_an_image_whose_disk_is_gone_is_not_offered(cloud):
    instance = cloud.run(cloud.vendor)
    image = cloud.image(instance, "gone")
    cloud.place.down()
    userns.remove_tree(cloud.place.state.root / "metal" / "layers" / image)
    cloud.connect()
    assert image not in {found["ImageId"] for found in cloud.ec2.describe_images()["Images"]}
    with pytest.raises(ClientError, match="InvalidAMIID"):
        cloud.run(image)


def test_four_instances_at_once_boot_in_four_threads(cloud):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        instances = list(pool.map(cloud.run, [cloud.vendor] * 4))
    assert len({cloud.describe(i)["PublicIpAddress"] for i in instances}) == 4
    assert {cloud.ssh(i, "hostname") for i in instances} == {
        f"ip-{cloud.describe(i)['PrivateIpAddress'].replace('.', '-')}" for i in instances
    }
