"""Real bakes: the real Packer over SSH into instances of the embedded AWS, and what they leave behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.aws import find
from jenkins_bootstrap.aws.bakery import ImageCloud
from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.config.models import ImageSpec, Settings, default_images
from jenkins_bootstrap.embedded import client
from jenkins_bootstrap.errors import ToolError
from jenkins_bootstrap.facts import Image
from jenkins_bootstrap.images.execute import Bakery, Target
from jenkins_bootstrap.images.inputs import ControllerContent
from jenkins_bootstrap.images.request import request
from jenkins_bootstrap.images.tool import find_packer
from jenkins_bootstrap.images.war import read_war
from jenkins_bootstrap.plan import Executor, Outcome, Plan

pytestmark = [
    pytest.mark.bake,
    pytest.mark.skipif(shutil.which("packer") is None, reason="packer is not installed"),
]
LEFT_NOTHING = {"instances", "key_pairs", "security_groups", "volumes", "snapshots", "interfaces", "running", "mounts"}


@dataclass
class Oven:
    """One embedded AWS and a way to bake in it."""

    folder: Path
    settings: Settings
    endpoints: client.Endpoints
    cloud: ImageCloud
    aws: Aws

    def bakery(self, content: ControllerContent, names: list[str]) -> tuple[Bakery, Plan]:
        sources = {
            name: find.image(self.aws, spec.source, self.settings.project, spec.architecture)
            for name, spec in self.settings.images.items()
            if spec.source is not None
        }
        asked = request(self.settings, names, content=content, sources=sources, folder=self.folder)
        bakery = Bakery(
            settings=self.settings,
            target=Target(
                "embedded",
                self.endpoints.aws_url,
                self.endpoints.environment(),
                self.endpoints.ssh_port,
                ssh_from="127.0.0.0/8",
            ),
            cloud=self.cloud,
            tool=find_packer(),
            inputs=asked.inputs,
            state=self.endpoints.state,
            cache=client.cache_folder(),
            manifest=self.folder / "manifest.json",
            commit="0123abc-dirty",
        )
        return bakery, asked.plan(self.cloud.project_images(self.settings.project))

    def bake(self, content: ControllerContent, *names: str) -> Outcome:
        bakery, plan = self.bakery(content, list(names))
        return Executor(bakery.handlers()).run(plan)

    def current(self, name: str) -> Image:
        found = self.cloud.project_images(self.settings.project)
        (image,) = [i for i in found if i.tag("Name") == name and i.tag("Channel") == "current"]
        return image

    def named(self, name: str) -> list[Image]:
        return [i for i in self.cloud.project_images(self.settings.project) if i.tag("Name") == name]

    def layer(self, image: Image) -> Path:
        (layer,) = self.endpoints.state.glob(f"metal/layers/{image.id}")
        return layer

    def assert_nothing_left(self) -> None:
        left = client.leftovers(self.endpoints)
        assert set(left) >= LEFT_NOTHING
        assert not any(left.values()), left
        assert not list(self.endpoints.state.glob("bakes/*"))


def with_images(settings: Settings, **images: ImageSpec) -> Settings:
    return settings.model_copy(update={"images": {**default_images(), **images}})


@pytest.fixture(scope="module")
def oven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oven]:
    folder = tmp_path_factory.mktemp("bake")
    settings = Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "tags": {"Team": 'builds ${x} "quoted"'},
            "controller": {"url": "https://jenkins.example.org/"},
            "github": {"owners": [{"name": "acme"}]},
        }
    )
    endpoints = client.up(settings.embedded, folder, settings=settings)
    try:
        client.prepare_root(endpoints)
        aws = Aws.embedded(settings.region, endpoints.aws_url)
        yield Oven(folder, settings, endpoints, ImageCloud(aws), aws)
    finally:  # also when it did not get that far: an ordinary user cannot delete what instances wrote
        client.down(settings.embedded, folder, wipe=True)


QUICK = """build {
  sources = ["source.amazon-ebs.quick"]
  provisioner "file" {
    source      = var.upload
    destination = "/tmp"
  }
  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} sh -eu {{ .Path }}"
    inline = ["cd /tmp/jenkins-bootstrap", "%s", "sh -eu scripts/files.sh", "python3 -B checks/run.py"]
  }
  post-processor "manifest" {
    output      = var.manifest
    custom_data = var.custom_data
  }
}
"""


@pytest.fixture
def quick(oven: Oven, tmp_path: Path) -> Iterator[Callable[..., Oven]]:
    """An oven with one more image, `quick`, which installs nothing and runs one shell line."""
    before = oven.settings

    def make(line: str = "true", **spec: Any) -> Oven:
        folder = tmp_path / "quick"
        folder.mkdir(exist_ok=True)
        (folder / "quick.pkr.hcl").write_text(QUICK % line)
        values = {"source": default_images()["base"].source, "template": str(folder), **spec}
        oven.settings = with_images(before, quick=ImageSpec.model_validate(values))
        return oven

    yield make
    oven.settings = before


JENKINS = """
package executable;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.file.*;

public class Main {
    public static void main(String[] arguments) throws Exception {
        int port = 0;
        String address = null;
        for (String argument : arguments) {
            if (argument.startsWith("--httpPort=")) port = Integer.parseInt(argument.substring(11));
            if (argument.startsWith("--httpListenAddress=")) address = argument.substring(20);
        }
        Path home = Paths.get(System.getenv("JENKINS_HOME"));
        Files.writeString(home.resolve("secret.key"), "an identity that must not get into an image");
        Path fonts = Paths.get(System.getProperty("user.home"), ".java", "fonts");
        Files.createDirectories(fonts);
        Files.writeString(fonts.resolve("fcinfo.properties"), "the host that baked, which the JDK writes down here");
        long ready = System.currentTimeMillis() + 400;
        HttpServer server = HttpServer.create(new InetSocketAddress(address, port), 0);
        server.createContext("/login", exchange -> {
            exchange.sendResponseHeaders(System.currentTimeMillis() < ready ? 503 : STATUS, -1);
            exchange.close();
        });
        server.start();
    }
}
"""


def make_jenkins(folder: Path, status: int = 200) -> Path:
    """A war whose main class answers /login as Jenkins does, built here from source."""
    folder.mkdir()
    source = folder / "Main.java"
    source.write_text(JENKINS.replace("STATUS", str(status)))
    subprocess.run(["javac", "--release", "17", "-d", str(folder), str(source)], check=True, capture_output=True)
    war = folder / "jenkins.war"
    with zipfile.ZipFile(war, "w") as archive:
        archive.writestr(
            "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nMain-Class: executable.Main\nJenkins-Version: 2.516.2\n\n"
        )
        for path in sorted(folder.glob("executable/*.class")):
            archive.write(path, f"executable/{path.name}")
    return war


@pytest.mark.skipif(shutil.which("javac") is None, reason="javac is not installed")
def test_base_and_controller(oven: Oven, content: ControllerContent, tmp_path: Path) -> None:
    war = read_war(make_jenkins(tmp_path / "war"))
    content = replace(content, jenkins=replace(content.jenkins, war=war))
    outcome = oven.bake(content, "controller")
    assert list(outcome.results) == ["bake:base", "current:base", "bake:controller", "current:controller"]
    oven.assert_nothing_left()
    base, controller = oven.current("base"), oven.current("controller")
    assert controller.tag("Parent") == base.id == outcome.results["bake:base"]
    assert controller.name.startswith("demo-controller-20")
    assert f"-{str(controller.tag('ContentKey'))[:8]}" in controller.name
    tags = dict(controller.tags)
    assert tags["Team"] == 'builds ${x} "quoted"' and tags["Project"] == "demo" and tags["Commit"] == "0123abc-dirty"
    assert {"ContentKey", "BuiltAt", "Name"} <= set(tags)
    snapshots = list(oven.aws.pages("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"]))
    assert {t["Value"] for s in snapshots for t in s.get("Tags", []) if t["Key"] == "ContentKey"} == {
        base.tag("ContentKey"),
        controller.tag("ContentKey"),
    }

    layer = oven.layer(controller)
    share = layer / "usr/share/jenkins-bootstrap"
    for name, text in content.stages.items():
        assert (share / "stages" / name).read_text() == text
    assert (share / "plugins.lock.json").read_text() == content.lock
    assert len(list((share / "jobs" / "xml").rglob("*.xml"))) == content.seed_jobs == 3
    image = json.loads((share / "image.json").read_text())
    assert image["content_key"] == controller.tag("ContentKey") and image["target"] == "embedded"
    assert image["jenkins"] == war.version
    assert (layer / "usr/local/bin/jenkins-bootstrap").stat().st_mode & 0o777 == 0o755
    assert (layer / "opt/jenkins-bootstrap/lib/jenkins_bootstrap/_share/packer").is_dir()
    assert (layer / "usr/share/java/jenkins.war").read_bytes() == war.path.read_bytes()
    # Jenkins was started once in the bake; nothing that it wrote is in the image.
    assert not list(layer.rglob("secret.key")) and not list(layer.rglob("fcinfo.properties"))
    if os.geteuid() == 0:  # an ordinary user may not look into the folders of the guest's users
        assert not list((layer / "var/lib/jenkins").iterdir())
    assert not list(layer.glob("etc/ssh/ssh_host_*")) and not list(layer.rglob("*.deb"))

    manifest = json.loads((oven.folder / "manifest.json").read_text())
    assert [(b["name"], b["artifact_id"]) for b in manifest["builds"]] == [
        ("base", f"eu-west-1:{base.id}"),
        ("controller", f"eu-west-1:{controller.id}"),
    ]
    assert manifest["builds"][1]["custom_data"]["ContentKey"] == controller.tag("ContentKey")

    assert not oven.bakery(content, ["controller"])[1], "everything is there: nothing to do"
    newer = replace(content, seed={**content.seed, "xml/acme/new.xml": b"<x/>"})
    assert not oven.bakery(newer, ["controller"])[1], "a new repository alone bakes nothing"


def test_only_what_changed_is_baked_and_going_back_goes_back(
    quick: Callable[..., Oven], content: ControllerContent
) -> None:
    first = quick("echo 1 >/etc/one").bake(content, "quick")
    oven = quick("echo 2 >/etc/two")
    second = oven.bake(content, "quick")
    assert first.results["bake:quick"] != second.results["bake:quick"]
    assert oven.current("quick").id == second.results["bake:quick"]
    assert (oven.layer(oven.current("quick")) / "etc/two").read_text() == "2\n"
    back = quick("echo 1 >/etc/one").bake(content, "quick")
    assert list(back.results) == ["current:quick"]
    assert oven.current("quick").id == first.results["bake:quick"]
    oven.assert_nothing_left()


def test_files_of_the_settings_are_in_the_image(
    quick: Callable[..., Oven], content: ControllerContent, tmp_path: Path
) -> None:
    (tmp_path / "motd").write_text("hello\n")
    oven = quick(files={"/etc/motd.d/ours": str(tmp_path / "motd")})
    oven.bake(content, "quick")
    found = oven.layer(oven.current("quick")) / "etc/motd.d/ours"
    assert found.read_text() == "hello\n" and found.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("echo no such luck >&2; exit 3", r"exit status: 3(.|\n)*no such luck"),
        ("sudo pkill -9 sshd-session; sleep 30", "disconnected"),
    ],
)
def test_a_bake_that_fails_leaves_nothing(
    quick: Callable[..., Oven], content: ControllerContent, line: str, words: str
) -> None:
    oven = quick(line)
    before = oven.named("quick")
    with pytest.raises(ToolError, match=words):
        oven.bake(content, "quick")
    oven.assert_nothing_left()
    assert oven.named("quick") == before


def test_a_failing_check_of_ones_own_fails_the_bake(
    quick: Callable[..., Oven], content: ControllerContent, tmp_path: Path
) -> None:
    (tmp_path / "wheels.py").write_text("print('FAILED wheels: 3 instead of 4')\nraise SystemExit(1)\n")
    (tmp_path / "disk.sh").write_text("echo ok so far\necho 3 GiB are too few >&2\nexit 7\n")
    oven = quick("echo before", checks=[str(tmp_path / name) for name in ("wheels.py", "disk.sh")])
    before = oven.named("quick")
    with pytest.raises(ToolError, match="checks inside the bake failed:\n  FAILED wheels: 3 instead of 4") as caught:
        oven.bake(content, "quick")
    assert caught.value.what.endswith("disk.sh: exit status 7\n    3 GiB are too few")
    oven.assert_nothing_left()
    assert oven.named("quick") == before


def in_a_process(oven: Oven, content: ControllerContent) -> int:
    """Bake `quick` in a process of its own; its id."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            oven.bake(content, "quick")
            os._exit(0)
        except KeyboardInterrupt:
            os._exit(130)
        except BaseException:
            os._exit(1)
    return pid


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.05)


def log_says(oven: Oven, words: str) -> Callable[[], bool]:
    known = set(oven.endpoints.state.glob("logs/*"))
    return lambda: any(
        words in path.read_text(errors="replace") for path in oven.endpoints.state.glob("logs/*") if path not in known
    )


@pytest.mark.parametrize("moment", ["Creating temporary keypair", "Launching", "Connected to SSH", "in the middle"])
def test_an_interrupt_leaves_nothing(quick: Callable[..., Oven], content: ControllerContent, moment: str) -> None:
    oven = quick(f"echo in the middle; sleep 60 # {moment}")
    before, says = oven.named("quick"), log_says(oven, moment)
    pid = in_a_process(oven, content)
    wait_for(says)
    os.kill(pid, signal.SIGINT)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    oven.assert_nothing_left()
    assert oven.named("quick") == before


@pytest.mark.parametrize("moment", ["Launching", "in the middle"])
def test_what_a_killed_bake_leaves_the_next_one_removes(
    quick: Callable[..., Oven], content: ControllerContent, moment: str
) -> None:
    oven = quick(f"echo in the middle; sleep 60 # {moment} killed")
    before, says = oven.named("quick"), log_says(oven, moment)
    pid = in_a_process(oven, content)
    wait_for(says)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert list(oven.endpoints.state.glob("bakes/*/run.json"))
    bakery, _ = oven.bakery(content, ["quick"])
    assert bakery.sweep_dead()
    oven.assert_nothing_left()
    assert oven.named("quick") == before
