"""JENKINS_HOME before Jenkins starts: older, newer, damaged, full."""

import errno
import json
import os
import subprocess

import pytest

from jenkins_bootstrap.boot import home
from jenkins_bootstrap.boot.writing import Owners, explained, write_file
from jenkins_bootstrap.errors import BootstrapError


def config(version, root="hudson"):
    head = "<?xml version='1.1' encoding='UTF-8'?>"
    return f"{head}\n<{root}>\n  <version>{version}</version>\n  <x>&#x1b;</x>\n</{root}>\n"


def test_an_older_home_goes_on_and_says_so(boot_of, controller):
    (controller.home / "config.xml").write_text(config("2.504.3"))
    boot = boot_of()
    boot.run()
    assert any("will be upgraded from 2.504.3 to 2.516.2" in line for line in boot.said)


def test_a_newer_home_is_not_started_on(boot_of, controller):
    (controller.home / "config.xml").write_text(config("2.528"))
    with pytest.raises(BootstrapError, match=r"was written by Jenkins 2\.528, the image has 2\.516\.2") as error:
        boot_of().run()
    assert "restore the snapshot" in error.value.hint
    assert not controller.secrets.exists()


def test_the_version_of_the_image_is_that_of_its_war(boot_of, controller):
    told = json.loads(controller.image.read_text())
    controller.image.write_text(json.dumps(told | {"jenkins": "2.528"}))
    (controller.home / "config.xml").write_text(config("2.528"))
    boot_of().run()
    controller.image.write_text(json.dumps(told | {"jenkins": "2.520"}))
    with pytest.raises(BootstrapError, match=r"was written by Jenkins 2\.528, the image has 2\.520"):
        boot_of().run()


def test_the_same_version_says_nothing(boot_of, controller):
    (controller.home / "config.xml").write_text(config("2.516.2"))
    boot = boot_of()
    boot.run()
    assert not any(str(controller.home) in line for line in boot.said)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("\0" * 512, "is empty"),
        (config("2.516.2")[:60], "is damaged"),
        (config("2.516.2", "slave"), "no configuration of Jenkins"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><hudson><version>1</version></hudson>", "document type"),
    ],
)
def test_a_damaged_configuration_is_an_error(boot_of, controller, text, what):
    (controller.home / "config.xml").write_text(text)
    with pytest.raises(BootstrapError, match=what) as error:
        boot_of().run()
    assert "restore config.xml" in error.value.hint


def test_a_nested_version_is_not_the_cores(controller):
    text = "<hudson><realm><version>9.9</version></realm><version>2.516.2</version></hudson>"
    (controller.home / "config.xml").write_text(text)
    assert home.written_by(controller) == "2.516.2"


def test_too_little_room_names_the_file_system_and_the_figures(controller):
    with pytest.raises(BootstrapError, match=r"\d+ of \d+ MiB free, \d+ of \d+ inodes free") as error:
        home.check_room(controller, least=1 << 62)
    assert error.value.where.startswith("file system /")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_file_system(tmp_path, controller):
    """A real one: 1 MiB of tmpfs."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(controller.home)], check=True)
    try:
        with pytest.raises(BootstrapError, match="1 MiB free"):
            home.check_room(controller)
        with pytest.raises(BootstrapError, match="No space left") as error:
            write_file(controller.home / "x", "x" * (2 << 20), uid=0, gid=0, mode=0o600)
        assert error.value.where.startswith(f"file system {controller.home}")
        assert list(controller.home.iterdir()) == []
        (controller.home / "fill").write_bytes(b"x" * 1000)
        with pytest.raises(OSError, match="No space"):
            (controller.home / "fill").write_bytes(b"x" * (1 << 21))
        with pytest.raises(BootstrapError, match="0 of 1 MiB free"):
            home.prepare(controller, Owners.of(controller))
    finally:
        subprocess.run(["umount", str(controller.home)], check=True)


def test_a_disk_that_fills_up_while_the_stages_are_written(boot_of, controller, monkeypatch):
    boot_of().run()
    before = sorted(p.name for p in controller.hooks.rglob("*"))
    real = os.chown

    def chown(path, *rest):
        if ".hooks." in str(path):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, *rest)

    monkeypatch.setattr(os, "chown", chown)
    with pytest.raises(BootstrapError, match="No space left on device: "):
        boot_of().run()
    assert sorted(p.name for p in controller.hooks.rglob("*")) == before
    assert not controller.secrets.exists()


def test_a_folder_that_may_not_be_written_is_no_full_disk(tmp_path):
    with pytest.raises(BootstrapError, match="cannot be written"), explained(tmp_path):
        raise OSError(errno.EACCES, "Permission denied", str(tmp_path))
