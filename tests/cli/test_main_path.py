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
    client = boto3.client(
        "secretsmanager",
        region_name="eu-west-1",
        endpoint_url=ports["aws"],
        aws_access_key_id="not-a-real-key",
        aws_secret_access_key="not-a-real-secret",
    )
    values = json.loads(client.get_secret_value(SecretId="jenkins")["SecretString"])
    key = client.get_secret_value(SecretId="jenkins_slave_private_key")["SecretString"]
    planted = [values[name] for name in ("admin_password", "github_webhook_secret", "github_token")]
    planted.append(key.splitlines()[3])
    assert all(len(value) > 12 for value in planted)
    state = folder / ".jenkins-bootstrap"
    # The two places whose purpose it is: the embedded Secrets Manager's own store.
    kept = {state / "aws.state", state / "aws.state.previous"}
    looked_at = [p for p in [*folder.rglob("*")] if p.is_file() and not p.is_symlink() and p not in kept]
    assert controller_layer(folder, told) in {p for p in folder.rglob("*") if p.is_dir()}
    found = [str(p) for p in looked_at for value in planted if value.encode() in p.read_bytes()]
    assert not found
