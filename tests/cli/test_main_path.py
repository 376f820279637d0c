"""The main path as a user types it: one command bakes the controller of a whole organisation, the next one sees it."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import boto3
import pytest

from jenkins_bootstrap.stages.classes import classes_of

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
REPOSITORIES = 1894
STAGES = ("init.groovy", "init.groovy.d/aws.txt", "init.groovy.d/github.txt", "init.groovy.d/githubrepos.txt")

pytestmark = [
    pytest.mark.bake,
    pytest.mark.skipif(shutil.which("packer") is None, reason="packer is not installed"),
]


def run(folder, *arguments):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JENKINS_WAR", "JENKINS_PLUGINS"))}
    command = [sys.executable, "-m", "jenkins_bootstrap", "-c", str(folder / "jenkins-bootstrap.yml"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    return done


def organisation(folder):
    """The real organisation beside the checkout, or one of the same size."""
    real = SHARED / "github-org-jenkinsci-2025-09-13.json"
    names = (
        [entry["name"] for entry in json.loads(real.read_text())]
        if real.is_file()
        else [f"repository-{number:04}" for number in range(REPOSITORIES)]
    )
    listed = [{"name": name, "full_name": f"jenkinsci/{name}", "default_branch": "master"} for name in names]
    (folder / "organisation.json").write_text(json.dumps(listed))
    return names


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with settings for that organisation, and what `bake controller` said."""
    folder = tmp_path_factory.mktemp("main-path")
    names = organisation(folder)
    text = (ROOT / "jenkins-bootstrap.yml").read_text().replace("name: acme-demo", "name: jenkinsci")
    text += "\nembedded:\n  github: organisation.json\n"
    center = SHARED / "jenkins-update-center-2025-09-13.json"
    text += f"  update_center: {center}\n" if center.is_file() else ""
    (folder / "jenkins-bootstrap.yml").write_text(text)
    try:
        told = json.loads(run(folder, "--json", "bake", "controller").stdout)
        yield folder, names, told
    finally:  # also after a bake that failed: an ordinary user cannot delete what instances wrote
        run(folder, "embedded", "down", "--wipe")


def controller_layer(folder, told):
    (image,) = [row for row in told["images"] if row["image"] == "controller"]
    (layer,) = (folder / ".jenkins-bootstrap").glob(f"metal/layers/{image['id']}")
    return layer


def needs_root():
    if os.geteuid() != 0:
        pytest.skip("layers of an ordinary user belong to its subordinate ids")


def test_the_layer_holds_stages_lock_and_a_job_for_every_repository(place):
    needs_root()
    folder, names, told = place
    inside = controller_layer(folder, told) / "usr/share/jenkins-bootstrap"
    run(folder, "render", "--out", str(folder / "out"))
    for stage in STAGES:
        assert (inside / "stages" / stage).read_bytes() == (folder / "out" / stage).read_bytes()
    if shutil.which("groovy") is not None:
        texts = {stage: (folder / "out" / stage).read_text() for stage in STAGES}
        assert list(classes_of(inside / "stages.jar", texts)) == list(STAGES)
    assert (inside / "plugins.lock.json").read_bytes() == (folder / "jenkins-bootstrap.lock.json").read_bytes()
    seed = json.loads((inside / "jobs/seed.json").read_text())
    assert seed["listed_at"].endswith("Z")
    assert sorted(job["name"] for job in seed["jobs"]) == sorted(names)
    assert len(names) == REPOSITORIES
    sources = {ET.parse(inside / "jobs" / job["file"]).findtext(".//repository") for job in seed["jobs"]}
    assert sources == set(names)
    assert len({job["id"] for job in seed["jobs"]}) == REPOSITORIES


def test_the_summary_says_what_there_is(place):
    folder, _names, told = place
    assert [row["image"] for row in told["images"]] == ["base", "controller"]
    base, controller = told["images"]
    assert controller["parent"] == base["id"]
    assert {"Name", "Project", "Commit", "ContentKey", "Parent", "BuiltAt", "Channel"} <= set(controller["tags"])
    assert told["stages"] == list(STAGES)
    assert told["jobs"] == {"defined": REPOSITORIES, "repositories": REPOSITORIES}
    assert told["missing"][0] == "without Jenkins: give JENKINS_WAR=FILE"
    assert told["plugins"]["locked"] == len(json.loads((folder / "jenkins-bootstrap.lock.json").read_text())["plugins"])
    built = {
        build["name"]: build["artifact_id"] for build in json.loads((folder / "manifest.json").read_text())["builds"]
    }
    assert built == {row["image"]: f"eu-west-1:{row['id']}" for row in told["images"]}


def test_a_second_process_lists_both_images(place):
    folder, _names, told = place
    listed = {row["image"]: row for row in json.loads(run(folder, "images", "list", "--json").stdout)}
    for row in told["images"]:
        assert listed[row["image"]]["id"] == row["id"]
        assert listed[row["image"]]["channel"] == "current"
    assert "controller" in run(folder, "images", "list").stdout


def test_the_plugins_of_the_image_are_compared_with_the_lock(place):
    needs_root()
    folder, _names, _told = place
    assert run(folder, "plugins", "verify", "--image").stdout.endswith(" 0 wrong, 0 notes\n")
    lock = folder / "jenkins-bootstrap.lock.json"
    kept = lock.read_text()
    digest = json.loads(kept)["plugins"][0]["sha256"]
    lock.write_text(kept.replace(digest, "0" * 64))
    try:
        with pytest.raises(AssertionError):
            run(folder, "plugins", "verify", "--image")
    finally:
        lock.write_text(kept)


def test_a_new_repository_makes_a_new_job_and_no_new_image(place):
    folder, _names, told = place
    listed = json.loads((folder / "organisation.json").read_text())
    listed.append({"name": "one-more", "full_name": "jenkinsci/one-more"})
    (folder / "organisation.json").write_text(json.dumps(listed))
    again = json.loads(run(folder, "--json", "bake", "controller").stdout)
    assert again["jobs"]["defined"] == REPOSITORIES + 1
    assert [(row["id"], row["baked"]) for row in again["images"]] == [(row["id"], False) for row in told["images"]]
    assert (
        run(folder, "bake", "controller", "--plan", "--exit-code").stdout == "nothing to do: every image is current\n"
    )


def test_no_secret_is_in_a_layer_a_log_or_a_file(place):
    needs_root()
    folder, _names, told = place
    ports = json.loads(run(folder, "embedded", "up", "--json").stdout)
    planted = canaries(ports)
    assert all(len(value) > 12 for value in planted)
    state = folder / ".jenkins-bootstrap"
    # The two places whose purpose it is: the embedded Secrets Manager's own store.
    kept = {state / "aws.state", state / "aws.state.previous"}
    looked_at = [p for p in [*folder.rglob("*")] if p.is_file() and not p.is_symlink() and p not in kept]
    assert controller_layer(folder, told) in {p for p in folder.rglob("*") if p.is_dir()}
    found = [str(p) for p in looked_at for value in planted if value.encode() in p.read_bytes()]
    assert not found


# --- an instance of the image, as it comes up


class Instance:
    """One that runs the controller image, and ssh into it."""

    def __init__(self, folder, image, client):
        self.folder, self.client = folder, client
        self.key = folder / "ssh-key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        public = self.key.with_suffix(".pub").read_bytes()
        client.import_key_pair(KeyName="visitor", PublicKeyMaterial=public)
        ran = client.run_instances(ImageId=image, MinCount=1, MaxCount=1, KeyName="visitor", InstanceType="m7i.large")
        self.id = ran["Instances"][0]["InstanceId"]
        (found,) = client.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"]
        self.address, self.zone = found["PublicIpAddress"], found["Placement"]["AvailabilityZone"]
        self.port = json.loads((folder / ".jenkins-bootstrap/daemon.json").read_text())["ssh_port"]

    def ssh(self, script):
        options = ["-F", "none", "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-q"]
        to = ["-o", "BatchMode=yes", "-i", str(self.key), "-p", str(self.port), f"admin@{self.address}"]
        done = subprocess.run(
            ["ssh", *options, *to, "sudo", "bash", "-s"], input=script, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def canaries(ports):
    """Every value of the key-value secret and a line of the agents' key."""
    client = service("secretsmanager", ports)
    values = json.loads(client.get_secret_value(SecretId="jenkins")["SecretString"])
    planted = [values[name] for name in ("admin_password", "github_webhook_secret", "github_token")]
    return [*planted, client.get_secret_value(SecretId="jenkins_slave_private_key")["SecretString"].splitlines()[3]]


def service(name, ports):
    return boto3.client(
        name,
        region_name="eu-west-1",
        endpoint_url=ports["aws"],
        aws_access_key_id="not-a-real-key",
        aws_secret_access_key="not-a-real-secret",
    )


# What every process shows of itself while boot runs, gathered as fast as can be.
BOOT = """
exec 2>&1
(while :; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; sleep 0.02; done >/tmp/seen) & watching=$!
set +e
began=$(date +%s%N)
jenkins-bootstrap boot
status=$?
echo "boot took $(( ($(date +%s%N) - began) / 1000000 )) ms"
kill $watching
exit $status
"""


@pytest.fixture(scope="module")
def booted(place):
    """An instance after `jenkins-bootstrap boot`, what that said, and the canaries."""
    folder, _names, told = place
    ports = json.loads(run(folder, "embedded", "up", "--json").stdout)
    (image,) = [row["id"] for row in told["images"] if row["image"] == "controller"]
    client = service("ec2", ports)
    instance = Instance(folder, image, client)
    try:
        yield instance, instance.ssh(BOOT), canaries(ports)
    finally:
        client.terminate_instances(InstanceIds=[instance.id])


def test_boot_puts_everything_in_place_in_an_instance(booted):
    instance, said, _canaries = booted
    assert "target: embedded AWS" in said and "SIMULATED: " in said and "NO JENKINS" in said
    listed = instance.ssh("cd /run/jenkins-bootstrap && stat -c '%n %U:%G %a' . * hooks/* && stat -f -c %T /run")
    has = dict(line.split(" ", 1) for line in listed.splitlines() if " " in line)
    assert has["."] == "root:jenkins 1770"
    assert has["facts.json"] == "root:jenkins 640"
    assert has["secrets.json"] == "jenkins:jenkins 600"
    assert has["service-token"] == "root:root 400"
    assert has["hooks"] == "jenkins:jenkins 700"
    assert {"hooks/init.groovy", "hooks/init.groovy.d", "hooks/boot-failure.groovy"} <= set(has)
    assert listed.splitlines()[-1] == "tmpfs"
    home = instance.ssh("stat -c '%U:%G %a' /var/lib/jenkins /usr/share/jenkins-bootstrap")
    assert home.splitlines() == ["jenkins:jenkins 750", "root:root 755"]
    facts = json.loads(instance.ssh("cat /run/jenkins-bootstrap/facts.json"))
    assert facts["schema"] == 1
    pairs = {pair["KeyName"] for pair in instance.client.describe_key_pairs()["KeyPairs"]} - {"visitor"}
    assert any(name in json.dumps(facts) or name.startswith("demo") for name in pairs) and pairs
    told = json.loads(instance.ssh("cat /run/jenkins-bootstrap/embedded.json"))
    assert (told["instance_id"], told["zone"]) == (instance.id, instance.zone)


def test_a_second_boot_of_the_instance_changes_nothing(booted):
    instance, _said, _canaries = booted
    sums = "cd /run/jenkins-bootstrap && find . -type f ! -path ./secrets.json -exec sha256sum {} + | sort"
    before = instance.ssh(sums)
    instance.ssh("jenkins-bootstrap boot 2>&1")
    assert instance.ssh(sums) == before


def test_a_secret_is_in_secrets_json_and_nowhere_else(booted, place):
    needs_root()
    instance, said, planted = booted
    looked = "\n".join(planted)
    found = instance.ssh(
        f"cat >/tmp/canaries <<'END'\n{looked}\nEND\n"
        "grep -aFl -f /tmp/canaries /tmp/seen /proc/[0-9]*/cmdline /proc/[0-9]*/environ; "
        "grep -aFlr -f /tmp/canaries /etc /home /opt /root /run /usr/share/jenkins-bootstrap /var; "
        "test $? -le 1 || echo failed; rm /tmp/canaries; wc -c </tmp/seen"
    ).split()
    assert found[:-1] == ["/run/jenkins-bootstrap/secrets.json"]
    assert int(found[-1]) > 10_000  # processes were seen
    assert not [value for value in planted if value in said]
    state = place[0] / ".jenkins-bootstrap"
    upper = state / "metal/instances" / instance.id
    files = [p for p in [*upper.glob("upper/**/*"), *upper.glob("*.log"), state / "daemon.log"] if p.is_file()]
    assert not [str(p) for p in files for value in planted if value.encode() in p.read_bytes()]


def test_an_image_made_of_the_instance_carries_nothing_of_its_boot(booted, place):
    needs_root()
    instance, _said, planted = booted
    instance.client.stop_instances(InstanceIds=[instance.id])
    image = instance.client.create_image(InstanceId=instance.id, Name="of-a-running-controller")["ImageId"]
    (layer,) = (place[0] / ".jenkins-bootstrap").glob(f"metal/layers/{image}")
    assert not [p for p in layer.glob("run/**/*") if p.is_file()]
    files = [p for p in layer.rglob("*") if p.is_file() and not p.is_symlink()]
    assert not [str(p) for p in files for value in planted if value.encode() in p.read_bytes()]
