"""Instances of the embedded target: boot, layers, capture, and that nothing outlives its daemon."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import jenkins_bootstrap
from jenkins_bootstrap.embedded import leftovers, processes, userns
from jenkins_bootstrap.embedded.booting import Booted, BootRequest
from jenkins_bootstrap.embedded.client import cache_folder
from jenkins_bootstrap.embedded.metal import Guest, Metal
from jenkins_bootstrap.embedded.prerequisites import prerequisites
from jenkins_bootstrap.embedded.rootfs import ensure_rootfs
from jenkins_bootstrap.errors import BootstrapError, ToolError

HOLDER = Path(__file__).parents[1] / "data" / "embedded" / "holder.py"
LACKING = [row for row in prerequisites() if not row.ok]

pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"this machine lacks {LACKING}")


@pytest.fixture(scope="module")
def root() -> Path:
    return ensure_rootfs(cache_folder())


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "someone", "-f", str(path)], check=True)
    return path


class Bench:
    """A Metal, a key, and ssh into its instances."""

    def __init__(self, metal: Metal, root: Path, key: Path) -> None:
        self.metal = metal
        self.root = root
        self.key = key
        self.public = key.with_suffix(".pub").read_text()

    def start(
        self, name: str, *layers: Path, user_data: bytes | None = None, told: dict[str, str] | None = None
    ) -> Guest:
        return self.metal.start(
            name,
            [self.root, *layers],
            public_key=self.public,
            key_name="packer_pair",
            hostname=f"ip-{name}",
            user_data=user_data,
            told=told,
        )

    def ssh(self, guest: Guest, command: str) -> str:
        known = self.key.parent / f"known-{guest.address}"
        known.write_text("".join(f"[{guest.address}]:{guest.port} {key}\n" for key in guest.host_keys))
        if guest.port == 22:
            known.write_text(known.read_text().replace("[", "").replace("]:22", ""))
        options = ["-F", "none", "-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes"]
        to = ["-o", "BatchMode=yes", "-i", str(self.key), "-p", str(guest.port), f"admin@{guest.address}"]
        done = subprocess.run(["ssh", *options, *to, command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def bench(tmp_path: Path, root: Path, key: Path) -> Iterator[Bench]:
    metal = Metal(tmp_path / "state")
    yield Bench(metal, root, key)
    metal.close()
    assert list((tmp_path / "state" / "instances").iterdir()) == []
    assert list((tmp_path / "state" / "trash").iterdir()) == []


def files_of(layer: Path) -> set[str]:
    found = userns.run(userns.inside(["find", str(layer), "-not", "-type", "d", "-printf", "%P\\n"]), where="find")
    return set(found.split())


def test_an_instance_is_what_a_cloud_would_boot(bench: Bench) -> None:
    guest = bench.start("i-1", user_data=b"#cloud-config\n\xff")
    assert bench.ssh(guest, "hostname; cat /etc/hostname; whoami; sudo whoami").split() == [
        "ip-i-1",
        "ip-i-1",
        "admin",
        "root",
    ]
    assert bench.ssh(guest, "getent hosts ip-i-1").split()[0] == guest.address
    assert bench.ssh(guest, "cat .ssh/authorized_keys").split()[2:] == ["packer_pair"]
    assert bench.ssh(guest, "stat -c %a .ssh .ssh/authorized_keys").split() == ["700", "600"]
    assert bench.ssh(guest, "sudo base64 /var/lib/cloud/instance/user-data.txt").strip() == "I2Nsb3VkLWNvbmZpZwr/"
    assert len(bench.ssh(guest, "cat /etc/machine-id").strip()) == 32
    assert "Server listening" in bench.metal.console("i-1")
    for host_key in guest.host_keys:
        assert host_key in bench.metal.console("i-1").split("-----BEGIN SSH HOST KEY KEYS-----")[1]


def test_nothing_of_the_daemons_environment_is_in_an_instance(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "not-a-real-token")
    guest = bench.start("i-1")
    assert "A_TOKEN" not in bench.ssh(guest, "env; sudo cat /proc/[0-9]*/environ | tr '\\0' '\\n'")


def test_instances_listen_on_their_own_address_only(bench: Bench) -> None:
    one, two = bench.start("i-1"), bench.start("i-2")
    assert one.address != two.address
    addresses = [one.address, two.address]
    listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    for address in addresses:
        assert f"{address}:{one.port} " in listening
    assert all(address.startswith("127.") for address in addresses)
    assert {name: guest.address for name, guest in bench.metal.running().items()} == {
        "i-1": one.address,
        "i-2": two.address,
    }


def test_instances_start_at_once_from_several_threads(bench: Bench) -> None:
    guests: list[Guest] = []
    threads = [threading.Thread(target=lambda n=n: guests.append(bench.start(f"i-{n}"))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({guest.address for guest in guests}) == 4
    # The threads that started them are gone; the instances are not.
    assert [bench.ssh(guest, "echo alive").strip() for guest in guests] == ["alive"] * 4


def test_stop_keeps_the_disk_and_restart_the_address_and_host_keys(bench: Bench) -> None:
    guest = bench.start("i-1")
    bench.ssh(guest, "echo kept >note")
    bench.metal.stop("i-1")
    bench.metal.stop("i-1")
    assert bench.metal.running() == {}
    assert processes.start_time(guest.pid) is None
    again = bench.metal.restart("i-1")
    assert (again.address, again.host_keys) == (guest.address, guest.host_keys)
    assert bench.ssh(again, "cat note; grep -c packer_pair .ssh/authorized_keys").split() == ["kept", "1"]
    moved = bench.metal.restart("i-1", new_address=True)
    assert moved.address != guest.address
    assert bench.ssh(moved, "cat note; getent hosts ip-i-1; grep -c ip-i-1 /etc/hosts").split() == [
        "kept",
        moved.address,
        "ip-i-1",
        "1",
    ]


def test_stop_lets_processes_end_in_order(bench: Bench, tmp_path: Path) -> None:
    guest = bench.start("i-1")
    script = "trap 'echo ended >done; exit' TERM; touch ready; while :; do sleep 0.05; done"
    bench.ssh(guest, f'nohup sh -c "{script}" >/dev/null 2>&1 & until [ -e ready ]; do sleep 0.02; done')
    bench.metal.stop("i-1")
    assert bench.ssh(bench.metal.restart("i-1"), "cat done").strip() == "ended"


def test_deletions_reach_through_two_layers(bench: Bench) -> None:
    guest = bench.start("i-1")
    bench.ssh(guest, "sudo mkdir /opt/dir && sudo touch /opt/dir/one /opt/gone /opt/kept && sudo rm /etc/issue")
    bench.metal.stop("i-1")
    first = bench.metal.capture("i-1", "ami-1")
    guest = bench.start("i-2", first)
    bench.ssh(guest, "sudo rm -r /opt/dir /opt/gone && sudo mkdir /opt/dir && sudo touch /opt/dir/two")
    bench.metal.stop("i-2")
    second = bench.metal.capture("i-2", "ami-2")
    guest = bench.start("i-3", first, second)
    seen = bench.ssh(guest, "ls -d /opt/* /opt/dir/* /etc/issue 2>/dev/null || true")
    assert seen.split() == ["/opt/dir", "/opt/dir/two", "/opt/kept"]
    # An instance of the first image alone still sees what the second deleted.
    assert "/opt/gone" in bench.ssh(bench.start("i-4", first), "ls -d /opt/*")


def test_an_instance_is_told_where_its_aws_is_on_tmpfs_at_every_boot(bench: Bench) -> None:
    guest = bench.start("i-1", told={"aws_endpoint": "http://127.0.0.1:1", "instance_id": "i-1"})
    said = bench.ssh(guest, "cat /run/jenkins-bootstrap/embedded.json; stat -f -c %T /run")
    assert said.endswith("}\ntmpfs\n")
    assert '"aws_endpoint": "http://127.0.0.1:1"' in said
    bench.ssh(guest, "sudo rm -r /run/jenkins-bootstrap")
    assert '"instance_id": "i-1"' in bench.ssh(bench.metal.restart("i-1"), "cat /run/jenkins-bootstrap/embedded.json")


def test_a_captured_layer_holds_what_was_provisioned_and_nothing_that_the_start_wrote(bench: Bench) -> None:
    guest = bench.start("i-1", user_data=b"#!/bin/sh\n")
    bench.ssh(guest, "echo baked | sudo tee /etc/baked; echo in >/tmp/scratch; sudo touch /run/scratch /dev/shm/x")
    bench.metal.stop("i-1")
    layer = bench.metal.capture("i-1", "ami-1")
    sudo_note = {"home/admin/.sudo_as_admin_successful"}
    logs = {name for name in files_of(layer) if name.startswith(("var/log/", "var/lib/wtmpdb", "var/lib/lastlog"))}
    assert files_of(layer) - sudo_note - logs == {"etc/baked"}


def test_a_captured_layer_keeps_what_provisioning_added_to_the_same_files(bench: Bench) -> None:
    guest = bench.start("i-1")
    bench.ssh(
        guest, "echo 10.0.0.9 nexus | sudo tee -a /etc/hosts; echo ssh-ed25519 AAAA operator >>.ssh/authorized_keys"
    )
    # What Packer's ssh_clear_authorized_keys does.
    bench.ssh(guest, "sed -i.bak '/ packer_pair$/d' .ssh/authorized_keys && rm .ssh/authorized_keys.bak")
    bench.metal.stop("i-1")
    layer = bench.metal.capture("i-1", "ami-1")
    read = userns.inside(["cat", str(layer / "etc/hosts"), str(layer / "home/admin/.ssh/authorized_keys")])
    text = userns.run(read, where="reading the layer")
    assert "nexus" in text and "operator" in text and "localhost" in text
    assert "packer_pair" not in text and "ip-i-1" not in text
    child = bench.start("i-2", layer)
    assert bench.ssh(child, "grep -o nexus /etc/hosts; cut -d' ' -f3 .ssh/authorized_keys").split() == [
        "nexus",
        "operator",
        "packer_pair",
    ]


def test_a_captured_instance_lives_on_above_its_image(bench: Bench) -> None:
    guest = bench.start("i-1")
    bench.ssh(guest, "echo 1 >note")
    bench.metal.stop("i-1")
    bench.metal.capture("i-1", "ami-1")
    again = bench.metal.restart("i-1")
    assert again.host_keys == guest.host_keys
    assert bench.ssh(again, "cat note").strip() == "1"


def test_a_running_instance_is_not_captured(bench: Bench) -> None:
    bench.start("i-1")
    with pytest.raises(BootstrapError, match="stop it before"):
        bench.metal.capture("i-1", "ami-1")
    assert not bench.metal.layer("ami-1").exists()


def test_a_layer_in_use_is_not_dropped(bench: Bench) -> None:
    bench.start("i-1")
    bench.metal.stop("i-1")
    layer = bench.metal.capture("i-1", "ami-1")
    bench.start("i-2", layer)
    with pytest.raises(BootstrapError, match="is used by i-1, i-2"):
        bench.metal.drop_layer("ami-1")
    bench.metal.destroy("i-1")
    bench.metal.destroy("i-2")
    bench.metal.drop_layer("ami-1")
    assert not layer.exists()
    with pytest.raises(BootstrapError, match="is no folder"):
        bench.start("i-3", layer)


def test_packages_are_kept_for_the_next_instance_and_out_of_the_image(tmp_path: Path, root: Path, key: Path) -> None:
    metal = Metal(tmp_path / "state", cache=tmp_path / "cache")
    bench = Bench(metal, root, key)
    try:
        guest = bench.start("i-1")
        bench.ssh(
            guest,
            "mkdir -p p/DEBIAN && printf 'Package: probe\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b.c>\\n"
            "Description: probe\\n' >p/DEBIAN/control && dpkg-deb --build p /tmp/probe.deb >/dev/null && rm -r p"
            " && sudo cp /tmp/probe.deb /var/cache/apt/archives/probe_1_all.deb"
            " && sudo apt-get -qq install /tmp/probe.deb >/dev/null 2>&1 && sudo apt-get clean",
        )
        metal.stop("i-1")
        layer = metal.capture("i-1", "ami-1")
        inside = files_of(layer)
        assert "var/lib/dpkg/status" in inside
        assert not [name for name in inside if name.startswith(("var/cache/apt/", "var/lib/apt/lists/"))]
        one, two = bench.start("i-2"), bench.start("i-3")
        assert bench.ssh(one, "ls /var/cache/apt/archives").split() == ["partial", "probe_1_all.deb"]
        # Each has locks of its own: apt in one does not refuse while apt runs in the other.
        lock = "import fcntl,time; f=open('/var/cache/apt/archives/lock','w'); fcntl.lockf(f,fcntl.LOCK_EX)"
        hold = (
            f"sudo sh -c \"nohup python3 -c \\\"{lock}; open('/run/held','w'); time.sleep(60)\\\" >/dev/null 2>&1 &\""
        )
        bench.ssh(one, f"{hold}; until [ -e /run/held ]; do sleep 0.02; done; ! sudo apt-get clean 2>/dev/null")
        bench.ssh(two, "sudo apt-get clean")
        metal.destroy("i-3")
        assert (tmp_path / "cache/apt/archives/probe_1_all.deb").exists()
    finally:
        metal.close()


def test_a_boot_that_fails_shows_its_log_and_leaves_nothing(tmp_path: Path, root: Path) -> None:
    def broken(_request: BootRequest) -> list[str]:
        return ["/bin/sh", "-c", "echo no such device >&2; exit 3"]

    metal = Metal(tmp_path / "state", boot=broken)
    with pytest.raises(ToolError, match="no such device"):
        metal.start("i-1", [root], public_key=None, key_name=None, hostname="h", user_data=None)
    assert metal.running() == {}
    assert list((tmp_path / "state/instances").iterdir()) == list((tmp_path / "state/trash").iterdir()) == []
    metal.close()


def test_a_boot_that_never_opens_its_port_is_ended(tmp_path: Path, root: Path) -> None:
    def deaf(_request: BootRequest) -> list[str]:
        return ["/bin/sh", "-c", "echo pid $$; exec sleep 60"]

    metal = Metal(tmp_path / "state", boot=deaf, boot_seconds=0.3)
    with pytest.raises(ToolError, match=r"not reachable within 0.3 s(.|\n)*pid \d+") as caught:
        metal.start("i-1", [root], public_key=None, key_name=None, hostname="h", user_data=None)
    pid = int(caught.value.what.split("pid ")[1])
    assert processes.start_time(pid) is None
    assert list((tmp_path / "state/instances").iterdir()) == []
    metal.close()


def test_an_interrupt_during_the_boot_leaves_nothing(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booted: list[Booted] = []

    def interrupted(self: Booted, *_args: object, **_options: object) -> None:
        while not (tmp_path / "state/instances/i-1/upper/etc/hostname").exists():
            assert self.alive()
        booted.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Booted, "await_port", interrupted)
    metal = Metal(tmp_path / "state")
    with pytest.raises(KeyboardInterrupt):
        metal.start("i-1", [root], public_key=None, key_name=None, hostname="h", user_data=None)
    assert not booted[0].alive()
    assert list((tmp_path / "state/instances").iterdir()) == list((tmp_path / "state/trash").iterdir()) == []
    metal.close()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "-x", "a\nb", "a:b", "x" * 64])
def test_ids_that_are_no_names_are_refused(tmp_path: Path, root: Path, name: str) -> None:
    metal = Metal(tmp_path / "state")
    with pytest.raises(BootstrapError, match="is no instance id"):
        metal.start(name, [root], public_key=None, key_name=None, hostname="h", user_data=None)
    with pytest.raises(BootstrapError, match="is no image id"):
        metal.layer(name)
    metal.close()


def test_a_public_key_of_two_lines_is_refused(bench: Bench) -> None:
    with pytest.raises(BootstrapError, match="one line"):
        bench.metal.start(
            "i-1", [bench.root], public_key="ssh-rsa AAAA\nssh-rsa BBBB", key_name="k", hostname="h", user_data=None
        )


def test_too_many_layers_are_refused_before_the_kernel_cuts_them(bench: Bench) -> None:
    layers = []
    for number in range(200):
        layers.append(bench.metal.layer(f"ami-{number:017d}"))
        layers[-1].mkdir()
    with pytest.raises(BootstrapError, match="201 layers"):
        bench.start("i-1", *layers)


def test_forty_layers_boot(bench: Bench) -> None:
    layers = []
    for number in range(40):
        layers.append(bench.metal.layer(f"ami-{number:017d}"))
        layers[-1].mkdir()
        (layers[-1] / f"from-{number}").touch()
    assert bench.ssh(bench.start("i-1", *layers), "ls -d /from-* | wc -l").strip() == "40"


# -- the daemon dies


def environment(package: Path) -> dict[str, str]:
    return {"PATH": userns.ENVIRONMENT["PATH"], "PYTHONPATH": str(package)}


def assert_gone(pids: list[list[int]], state: Path) -> None:
    for pid, started in pids:
        assert processes.wait_gone(pid, started, 5), f"{pid} is still there"
    mounted = Path("/proc/self/mountinfo").read_text()
    assert str(state) not in mounted


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_instances_end_with_their_daemon_and_the_next_one_clears_up(tmp_path: Path, root: Path, end: str) -> None:
    state = tmp_path / "state"
    kept = state / "layers" / "ami-1"
    kept.mkdir(parents=True)
    argv = [sys.executable, str(HOLDER), str(state), str(root), end]
    package = Path(jenkins_bootstrap.__file__).parents[1]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment(package))
    assert done.returncode == (-9 if end == "kill" else 0), done.stderr
    pids = json.loads(done.stdout)["pids"]
    assert len(pids) >= 6
    assert_gone(pids, state)
    metal = Metal(state)
    assert metal.reap() == ["i-1", "i-2"]
    assert list((state / "instances").iterdir()) == list((state / "trash").iterdir()) == []
    assert kept.is_dir()
    assert metal.reap() == []
    metal.close()


def test_reap_ends_a_recorded_process_but_not_another_with_its_number(tmp_path: Path) -> None:
    metal = Metal(tmp_path / "state")
    ours, other = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    try:
        for name, process in (("i-1", ours), ("i-2", other)):
            (tmp_path / "state/instances" / name).mkdir()
            leftovers.record(tmp_path / "state/instances" / name / "record.json", [process.pid])
        record = tmp_path / "state/instances/i-2/record.json"
        known = json.loads(record.read_text())
        known["processes"][0][1] -= 1
        record.write_text(json.dumps(known))
        threading.Thread(target=ours.wait).start()
        assert metal.reap() == ["i-1", "i-2"]
        assert ours.wait(5) == -9
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()
        metal.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount outside a name space")
def test_reap_unmounts_what_is_mounted_in_our_own_name_space(tmp_path: Path) -> None:
    metal = Metal(tmp_path / "st ate")
    point = tmp_path / "st ate/instances/i-1/merged"
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(point)], check=True)
    (point / "file").touch()
    assert metal.reap() == ["i-1"]
    assert "i-1" not in Path("/proc/self/mountinfo").read_text()
    assert list((tmp_path / "st ate/trash").iterdir()) == []
    metal.close()


# -- an ordinary user


def ordinary_user() -> pwd.struct_passwd | None:
    for line in Path("/etc/subuid").read_text().splitlines() if Path("/etc/subuid").exists() else []:
        try:
            found = pwd.getpwnam(line.partition(":")[0])
        except KeyError:
            continue
        if found.pw_uid >= 1000:
            return found
    return None


@pytest.fixture(scope="module")
def user_folder(root: Path) -> Iterator[tuple[pwd.struct_passwd, Path]]:
    """A folder of an ordinary user with a copy of what it must be able to read."""
    user = ordinary_user()
    if os.geteuid() != 0 or user is None or not shutil.which("newuidmap"):
        pytest.skip("needs root, to become an ordinary user who has subordinate ids")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    version = subprocess.run(["/usr/bin/python3", "--version"], capture_output=True, text=True, check=False).stdout
    if not version.startswith(f"Python {python}."):
        pytest.skip(f"the ordinary user's Python is {version.strip()}, not {python}")
    folder = Path(tempfile.mkdtemp(prefix="ordinary-"))
    try:
        lib = folder / "lib"
        import cffi
        import cryptography

        for package in (jenkins_bootstrap, cffi, cryptography):
            source = Path(package.__file__).parent
            shutil.copytree(source, lib / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        for module in Path(cffi.__file__).parents[1].glob("_cffi_backend*.so"):
            shutil.copy(module, lib)
        shutil.copy(HOLDER, folder)
        # Fewer files, not other ones: neither ssh nor sudo needs these.
        unneeded = ["usr/share", "usr/lib/python3", "usr/lib/python3.13", "usr/lib/systemd", "var/lib/dpkg"]
        left_out = [f"--exclude=./{name}" for name in unneeded]
        subprocess.run(["tar", "-C", str(root), *left_out, "-cf", str(folder / "root.tar"), "."], check=True)
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(folder)], check=True)
        yield user, folder
    finally:
        shutil.rmtree(folder)


def as_user(user: pwd.struct_passwd, folder: Path, what: str) -> subprocess.CompletedProcess[str]:
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--"]
    argv = [
        *become,
        "/usr/bin/python3",
        str(folder / "holder.py"),
        str(folder / "state"),
        str(folder / "root.tar"),
        what,
    ]
    return subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**environment(folder / "lib"), "HOME": str(folder)},
    )


def test_an_ordinary_user_has_layers_and_deletions_too(user_folder: tuple[pwd.struct_passwd, Path]) -> None:
    user, folder = user_folder
    done = as_user(user, folder, "layers")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "seen": ["/opt/dir", "/opt/dir/two", "/opt/kept", "0", "1000"],
        "owner": "33:33",
        "left": [],
    }


def test_an_ordinary_users_instances_end_with_the_daemon(user_folder: tuple[pwd.struct_passwd, Path]) -> None:
    user, folder = user_folder
    done = as_user(user, folder, "kill")
    assert done.returncode == -9, done.stderr
    pids = json.loads(done.stdout)["pids"]
    assert len(pids) >= 6
    assert_gone(pids, folder / "state")
