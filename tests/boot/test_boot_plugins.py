"""The plugins of the image against the lock, before any of their code runs, and over JENKINS_HOME."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from jenkins_bootstrap.boot import plugins_dir
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.plugins.lock import dumps, read


def verify(controller, **options):
    return plugins_dir.verify(controller.plugins, read(controller.plugin_lock), **{"missing_allowed": False, **options})


def test_an_image_as_it_was_baked(controller):
    assert verify(controller) == plugins_dir.Verified(2)


def test_a_plugin_with_another_hash_ends_the_boot(boot_of, controller):
    with (controller.plugins / "ec2.jpi").open("ab") as out:
        out.write(b"x")
    with pytest.raises(BootstrapError, match="the plugin lock says") as error:
        boot_of().run()
    assert error.value.where.endswith("ec2.jpi")
    assert not controller.secrets.exists()


@pytest.mark.parametrize(
    "tamper",
    [
        lambda folder: (folder / "WEB-INF/lib/classes.jar").write_text("other"),
        lambda folder: (folder / "WEB-INF/lib/more.jar").write_text("more"),
        lambda folder: (folder / "META-INF/MANIFEST.MF").unlink(),
        shutil.rmtree,
    ],
    ids=["changed", "added", "removed", "gone"],
)
def test_a_tampered_exploded_plugin_ends_the_boot(boot_of, controller, tamper):
    tamper(controller.plugins / "github")
    with pytest.raises(BootstrapError, match="exploded plugin") as error:
        boot_of().run()
    assert error.value.where.endswith("plugins/github")


def made_for(controller, **changes):
    controller.plugin_lock.write_text(dumps(replace(read(controller.plugin_lock), **changes)))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"core": "2.528.1"}, r"made for Jenkins 2\.528\.1, the image has 2\.516\.2"),
        ({"java": 25, "architecture": "amd64"}, r"made for Java 25, the image has 21"),
    ],
)
def test_a_lock_for_a_newer_jenkins_or_java_than_the_images_ends_the_boot(boot_of, controller, clock, changes, what):
    made_for(controller, **changes)
    with pytest.raises(BootstrapError, match=what) as error:
        boot_of().run()
    assert error.value.where.endswith("plugins.lock.json")
    assert clock.slept == []
    assert not controller.secrets.exists()


def test_the_core_of_a_lock_is_compared_with_that_of_the_war(boot_of, controller):
    controller.image.write_text(json.dumps(json.loads(controller.image.read_text()) | {"jenkins": "2.504.3"}))
    with pytest.raises(BootstrapError, match=r"made for Jenkins 2\.516\.2, the image has 2\.504\.3"):
        boot_of().run()


def test_a_lock_for_something_older_is_told_and_goes_on(boot_of, controller):
    made_for(controller, core="2.504.3", java=17, architecture="s390x")
    boot = boot_of()
    boot.run()
    assert [line.split(",")[0] for line in boot.said if line.startswith("the plugin lock was made for ")] == [
        "the plugin lock was made for Jenkins 2.504.3",
        "the plugin lock was made for Java 17",
        "the plugin lock was made for s390x",
    ]


def test_what_is_no_plugin_of_the_lock_does_not_get_in(controller):
    (controller.plugins / "evil.jpi").write_bytes(b"x")
    with pytest.raises(BootstrapError, match="does not belong here"):
        verify(controller)


def test_a_link_is_no_plugin(controller, tmp_path):
    shutil.move(controller.plugins / "ec2.jpi", tmp_path / "ec2.jpi")
    (controller.plugins / "ec2.jpi").symlink_to(tmp_path / "ec2.jpi")
    with pytest.raises(BootstrapError, match="is no file"):
        verify(controller)


def test_missing_ones_are_an_error_unless_they_may_be_installed(controller):
    (controller.plugins / "ec2.jpi").unlink()
    shutil.rmtree(controller.plugins / "ec2")
    with pytest.raises(BootstrapError, match="1 plugins of the lock are not in the image: ec2"):
        verify(controller)
    assert verify(controller, missing_allowed=True) == plugins_dir.Verified(1, ("ec2",))


def test_only_what_the_lock_has_stays_of_what_was_installed(controller):
    upper = plugins_dir.upper_layer(controller)
    upper.mkdir()
    shutil.move(controller.plugins / "ec2.jpi", upper)
    shutil.move(controller.plugins / "ec2", upper)
    (upper / "by-hand.jpi").write_text("by hand")
    (upper / "by-hand").mkdir()
    (upper / "github.jpi").write_text("a newer one, by hand")
    lock = read(controller.plugin_lock)
    assert plugins_dir.discard(controller, lock, ("ec2",)) == ("by-hand", "by-hand.jpi", "github.jpi")
    assert sorted(path.name for path in upper.iterdir()) == ["ec2", "ec2.jpi"]
    (upper / "ec2.jpi").write_text("other")
    assert plugins_dir.discard(controller, lock, ("ec2",)) == ("ec2", "ec2.jpi")


MOUNTED = """
import os, pathlib
from jenkins_bootstrap.boot import plugins_dir
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.writing import Owners
import sys
from dataclasses import replace
layout, owners = Layout(pathlib.Path(sys.argv[1])), Owners(0, 0, 0)
writable = sys.argv[2] == "writable"
target = layout.home / "plugins"
target.mkdir(exist_ok=True)
(target / "by-hand.jpi").write_text("by hand")
print(plugins_dir.mount(layout, owners, writable=writable))
print(plugins_dir.mount(layout, owners, writable=writable))
print(sorted(os.listdir(target)))
try:
    (target / "new.jpi").write_text("new")
    print("written")
except OSError as error:
    print(error.strerror)
print(len(plugins_dir.mounted(target)))
print(plugins_dir.mount(layout, owners, writable=not writable))
print(len(plugins_dir.mounted(target)))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("writable", [False, True])
def test_the_mount_over_jenkins_home(controller, writable):
    """In a mount namespace of its own; one installed by hand is hidden, and a second boot mounts nothing more."""
    run = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(controller.run)], check=False)
    try:
        done = subprocess.run(
            ["unshare", "-m", sys.executable, "-c", MOUNTED, str(controller.root), "writable" if writable else "not"],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        if run.returncode == 0:
            subprocess.run(["umount", str(controller.run)], check=True)
    assert done.stderr == ""
    first, again, listed, written, count, other, count_of_other = done.stdout.splitlines()
    assert first.startswith("mounted")
    assert again == "is mounted already"
    assert "by-hand.jpi" not in listed
    assert written == ("written" if writable else "Read-only file system")
    assert other.startswith("mounted")
    assert count == count_of_other == "1"
    assert not (controller.plugins / "new.jpi").exists()


def test_below_a_folder_nothing_is_mounted(boot_of, controller):
    boot_of().run()
    assert (controller.home / "plugins").readlink() == controller.plugins
    assert Layout(controller.root) == controller
