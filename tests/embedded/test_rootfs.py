"""The root file system of the embedded instances: what is in it, made once, and every way of not getting it."""

import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import jenkins_bootstrap
from jenkins_bootstrap.embedded import prerequisites, processes, rootfs, userns
from jenkins_bootstrap.embedded.client import cache_folder
from jenkins_bootstrap.embedded.rootfs import ensure_rootfs
from jenkins_bootstrap.errors import BootstrapError, ToolError

LACKING = [row for row in prerequisites.prerequisites() if not row.ok]

pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"this machine lacks {LACKING}")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture(scope="module")
def root() -> Path:
    return ensure_rootfs(cache_folder())


@pytest.fixture(scope="module")
def good_tar(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system that the recipe accepts, without most of its files, so that unpacking takes no time."""
    path = tmp_path_factory.mktemp("tar") / "root.tar"
    left_out = ["usr/share", "usr/lib/python3", "usr/lib/python3.13", "usr/lib/systemd", "var/lib/dpkg"]
    excluded = [f"--exclude=./{name}" for name in left_out]
    userns.run(userns.inside(["tar", "-C", str(root), *excluded, "-cf", str(path), "."]), where="packing")
    return path


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program named mmdebstrap before the real one."""
    folder.mkdir()
    program = folder / "mmdebstrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setitem(userns.ENVIRONMENT, "PATH", f"{folder}:{userns.ENVIRONMENT['PATH']}")


def inside(root: Path, script: str) -> str:
    return userns.run(userns.inside(["/bin/sh", "-ec", f"cd {root}; {script}"]), where="looking")


def unfinished(cache: Path) -> list[Path]:
    return list((cache / "rootfs").glob("building-*"))


def test_it_is_what_a_vendors_image_is(root: Path) -> None:
    assert "admin:*:" in inside(root, "cat etc/shadow")
    assert "admin:x:1000:1000:" in inside(root, "cat etc/passwd")
    assert "NOPASSWD" in inside(root, "cat etc/sudoers.d/90-admin")
    assert inside(root, "ls etc/ssh; ls -A var/lib/apt/lists; ls var/cache/apt").count("ssh_host") == 0
    assert (root / "etc/machine-id").read_bytes() == b""
    assert (root / "etc/resolv.conf").read_bytes() == b""
    assert (root / "etc/hostname").read_text() == "debian\n"
    assert inside(root, "ls -A dev tmp run | grep -v :; find var/cache/apt var/lib/apt/lists -type f").split() == [
        "lock"
    ]
    assert "VERSION_CODENAME=trixie" in (root / "usr/lib/os-release").read_text()
    for program in ("usr/sbin/sshd", "usr/bin/python3", "usr/bin/sudo", "usr/bin/curl", "usr/lib/systemd/systemd"):
        assert (root / program).exists()
    assert stat.S_IMODE(root.stat().st_mode) == 0o755


def test_no_package_starts_a_service_on_the_hosts_network(root: Path) -> None:
    done = subprocess.run([str(root / "usr/sbin/policy-rc.d"), "ssh", "start"], check=False)
    assert done.returncode == (0 if Path("/run/systemd/system").is_dir() else 101)


def test_the_second_time_nothing_is_made(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", monkeypatch, "exit 7")
    said: list[str] = []
    assert ensure_rootfs(cache_folder(), progress=said.append) == root
    assert said == []


def test_two_at_once_make_it_once(tmp_path: Path, good_tar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        tmp_path / "bin", monkeypatch, f"echo I: downloading packages... >&2; echo x >>{tmp_path}/made; cat {good_tar}"
    )
    said: list[str] = []
    made: list[Path] = []
    threads = [
        threading.Thread(target=lambda: made.append(ensure_rootfs(tmp_path / "cache", progress=said.append)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2
    assert made[0] == made[1]
    assert (made[0] / "usr/sbin/sshd").exists()
    assert (tmp_path / "made").read_text() == "x\n"
    assert sorted(said) == ["another process is making the root file system; waiting for it", "downloading packages"]
    userns.remove_tree(made[0])
    assert not made[0].exists()


def test_a_making_that_was_killed_is_redone(tmp_path: Path, good_tar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    stand_in(tmp_path / "bin", monkeypatch, f"head -c 20000000 {good_tar}; sleep 60")
    program = (
        "import sys; from pathlib import Path; from jenkins_bootstrap.embedded import rootfs, userns;"
        "userns.ENVIRONMENT['PATH'] = sys.argv[2]; rootfs.ensure_rootfs(Path(sys.argv[1]))"
    )
    package = Path(jenkins_bootstrap.__file__).parents[1]
    making = subprocess.Popen(
        [sys.executable, "-c", program, str(cache), userns.ENVIRONMENT["PATH"]],
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    deadline = time.monotonic() + 90
    while not [path for path in unfinished(cache) if any(path.iterdir())]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    below = [(pid, processes.start_time(pid)) for pid in processes.descendants(making.pid)]
    making.send_signal(signal.SIGKILL)
    making.wait()
    unpackers = [(pid, started) for pid, started in below if started and str(cache).encode() in command(pid)]
    try:
        for pid, started in unpackers:
            assert processes.wait_gone(pid, started, 5)
        assert unfinished(cache)
        made = ensure_rootfs(cache, tar=good_tar)
        assert (made / "etc/sudoers.d/90-admin").exists()
        assert unfinished(cache) == []
    finally:
        for pid, started in below:
            if started is not None:
                processes.kill(pid, started)


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_failing_mmdebstrap_is_quoted_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path / "bin", monkeypatch, "echo 'E: apt-get update failed' >&2; exit 1")
    with pytest.raises(ToolError, match=r"mmdebstrap failed: (.|\n)*apt-get update failed"):
        ensure_rootfs(tmp_path / "cache")
    assert unfinished(tmp_path / "cache") == []


def test_a_tar_that_is_cut_off_leaves_nothing(tmp_path: Path, good_tar: Path) -> None:
    cut = tmp_path / "cut.tar"
    with good_tar.open("rb") as whole:
        cut.write_bytes(whole.read(3_000_000))
    with pytest.raises(ToolError, match="unpacking failed"):
        ensure_rootfs(tmp_path / "cache", tar=cut)
    assert unfinished(tmp_path / "cache") == []


def test_a_tar_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match=r"none.tar: cannot be read: No such file"):
        ensure_rootfs(tmp_path / "cache", tar=tmp_path / "none.tar")


def test_without_mmdebstrap_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("tar", "unshare", "newuidmap", "setpriv", "true"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setitem(userns.ENVIRONMENT, "PATH", str(programs))
    with pytest.raises(ToolError, match=r"mmdebstrap: not found(.|\n)*apt-get install mmdebstrap"):
        ensure_rootfs(tmp_path / "cache")


def test_programs_are_found_whatever_path_the_caller_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good_tar: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [row for row in prerequisites.prerequisites() if not row.ok] == []
    made = ensure_rootfs(tmp_path / "cache", tar=good_tar)
    assert (made / "usr/sbin/sshd").exists()
    monkeypatch.setattr(userns, "is_root", lambda: False)
    assert prerequisites._unshare().ok


def test_a_user_without_subordinate_ids_is_told_how_to_get_them(tmp_path: Path) -> None:
    table = tmp_path / "subuid"
    table.write_text("somebody-else:100000:65536\n")
    row = prerequisites._subordinate(table, "uids")
    assert not row.ok
    assert row.remedy.startswith("sudo usermod --add-subuids 100000-165535 ")
    table.write_text(f"{os.getuid()}:100000:1000\n")
    assert not prerequisites._subordinate(table, "uids").ok
    table.write_text(f"{os.getuid()}:100000:65536\n")
    assert prerequisites._subordinate(table, "uids").ok
    assert "No such file" in prerequisites._subordinate(tmp_path / "none", "gids").found


def test_a_machine_that_refuses_user_name_spaces_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for_user = prerequisites.Prerequisite("subordinate uids", True, "65536", "")
    monkeypatch.setattr(userns, "is_root", lambda: False)
    monkeypatch.setattr(prerequisites, "_subordinate", lambda _table, _what: for_user)
    refused = ["/bin/sh", "-c", "echo unshare failed: Operation not permitted >&2; exit 1"]
    monkeypatch.setattr(userns, "inside", lambda _argv, *_flags: refused)
    with pytest.raises(ToolError, match=r"user name spaces: unshare failed: Operation not permitted(.|\n)*run as root"):
        ensure_rootfs(tmp_path / "cache")


# -- no disk space


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@as_root
def test_no_disk_space_is_found_before_anything_is_made(small: Path) -> None:
    with pytest.raises(BootstrapError, match=r"no disk space for the root file system: [78] MiB free, 320 MiB needed"):
        ensure_rootfs(small)
    assert unfinished(small) == []


@as_root
def test_disk_space_that_runs_out_half_way_leaves_nothing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootfs, "NEEDED_BYTES", 0)
    large = small.parent / "large.tar"
    with tarfile.open(large, "w") as tar:
        member = tarfile.TarInfo("./file")
        member.size = 32 * 2**20
        tar.addfile(member, io.BytesIO(os.urandom(member.size)))
    with pytest.raises(BootstrapError, match="no disk space for the root file system"):
        ensure_rootfs(small, tar=large)
    assert unfinished(small) == []


@as_root
def test_a_full_temporary_folder_is_told_apart(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootfs.tempfile, "gettempdir", lambda: str(small))
    with pytest.raises(BootstrapError, match=f"{small}: no disk space for the root file system"):
        ensure_rootfs(tmp_path / "cache")
