"""Two bakes of one folder at the same moment: one makes the image, the other waits and takes it."""

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.bake,
    pytest.mark.skipif(shutil.which("packer") is None, reason="packer is not installed"),
]

TEMPLATE = """build {
  sources = ["source.amazon-ebs.quick"]
  provisioner "file" {
    source      = var.upload
    destination = "/tmp"
  }
  provisioner "shell" {
    inline = ["sleep 3"]
  }
  post-processor "manifest" {
    output      = var.manifest
    custom_data = var.custom_data
  }
}
"""
SETTINGS = """
project: demo
region: eu-west-1
controller: {url: "https://jenkins.example.org/"}
github: {owners: [{name: acme-demo}]}
images:
  quick:
    source: {owners: ["136693071363"], name: "debian-13-amd64-*"}
    template: quick
"""


def command(folder, *arguments):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JENKINS_WAR", "JENKINS_PLUGINS"))}
    words = [sys.executable, "-m", "jenkins_bootstrap", "-c", str(folder / "jenkins-bootstrap.yml"), *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def end(process):
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    return out, err


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "quick.pkr.hcl").write_text(TEMPLATE)
    (tmp_path / "jenkins-bootstrap.yml").write_text(SETTINGS)
    end(command(tmp_path, "embedded", "up"))
    yield tmp_path
    end(command(tmp_path, "embedded", "down", "--wipe"))


def test_one_makes_the_image_and_the_other_takes_it(folder):
    both = [command(folder, "--json", "bake") for _ in range(2)]
    ended = [end(process) for process in both]
    images = [json.loads(out)["images"][0] for out, _err in ended]
    assert images[0]["id"] == images[1]["id"]
    assert sorted(image["baked"] for image in images) == [False, True]
    assert sum("another bake of this folder is under way" in err for _out, err in ended) == 1
    (only,) = json.loads(end(command(folder, "images", "list", "--json"))[0])
    assert only["channel"] == "current"
