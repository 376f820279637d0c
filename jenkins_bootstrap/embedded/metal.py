"""The machines behind the embedded AWS: each instance is an overlay mount with name spaces and an sshd of its own.

`Metal` belongs to one daemon process and is used from several of its threads. An instance's disk is a list of layers,
the root file system first; what it writes goes to its upper directory, and `capture` turns that into the next layer.
Simulated: instances share the host's kernel and network (each has a loopback address of its own), and no systemd runs
in them. It knows nothing of EC2's states, tags or billing.

State folder: instances/ID (upper, work, merged, inject, apt, console.log, record.json), layers/IMAGE, base/ (links to
layers that lie elsewhere: short and free of the characters that overlay options reserve), trash/.

The upper directory is mounted `volatile` where the kernel can: nothing is synced, so a host that loses power may lose a
layer; a process that is killed loses nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from jenkins_bootstrap.embedded import leftovers, userns
from jenkins_bootstrap.embedded.addresses import Addresses
from jenkins_bootstrap.embedded.booting import Booted, BootRequest, sshd_boot, tail
from jenkins_bootstrap.embedded.firstboot import name_address, write_first_boot
from jenkins_bootstrap.errors import BootstrapError

_HERE = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_OPTIONS_LIMIT = 3800  # mount(2) copies one page of options; the rest is the upper and work directory's


@dataclass(frozen=True)
class Guest:
    """A running instance: where its sshd listens, the process on the host, its public host keys as `type base64`."""

    instance_id: str
    address: str
    port: int
    pid: int
    host_keys: tuple[str, ...]


@dataclass
class _Instance:
    folder: Path
    layers: tuple[str, ...]
    hostname: str
    host_keys: tuple[str, ...]
    lock: threading.RLock = field(default_factory=threading.RLock)
    booted: Booted | None = None
    guest: Guest | None = None


class _Unknown(BootstrapError):
    """No such instance."""


class Metal:
    """Starts, stops and captures instances below the folder `state`.

    `cache` is the user's cache folder, in which downloaded packages are kept for the next instance (None: nothing is
    kept). `port` is where the instances' sshd listens (see Addresses for the default). `boot_seconds` is how long an
    instance may take until its port accepts. All methods raise BootstrapError (ToolError for a program that failed).

    The instances end with the process that holds this object, kill -9 included.
    """

    def __init__(
        self,
        state: Path,
        *,
        cache: Path | None = None,
        port: int | None = None,
        boot_seconds: float = 10.0,
        boot: Callable[[BootRequest], list[str]] = sshd_boot,
    ) -> None:
        self.state = state.absolute()
        self._apt = str(cache.absolute() / "apt") if cache else ""
        self._boot_seconds = boot_seconds
        self._boot = boot
        self._instances: dict[str, _Instance] = {}
        self._addresses = Addresses(port)
        self._lock = threading.Lock()
        # The kernel's death signal goes by the thread that started a child, not by the process: one lasting thread.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metal")
        for name in ("instances", "layers", "base", "trash"):
            (self.state / name).mkdir(parents=True, exist_ok=True)

    @property
    def port(self) -> int:
        """The port that every instance's sshd listens on."""
        return self._addresses.port

    # -- life of an instance

    def start(
        self,
        instance_id: str,
        layers: Sequence[Path | str],
        *,
        public_key: str | None,
        key_name: str | None,
        hostname: str,
        user_data: bytes | None,
        told: Mapping[str, str] | None = None,
    ) -> Guest:
        """Boot a new instance and return when its sshd accepts connections.

        `layers` are folders, the root file system first and the newest layer last; relative ones start at the state
        folder. `told` is what the instance's embedded.json says. When the boot fails nothing is left of the instance
        and the error ends with its log.
        """
        _checked(instance_id, "instance id")
        _checked(hostname, "host name")
        folder = self.state / "instances" / instance_id
        with self._lock:
            if instance_id in self._instances or folder.exists():
                raise BootstrapError("exists already", where=f"instance {instance_id}", hint="choose another id")
            instance = _Instance(folder, tuple(self._short(layer) for layer in layers), hostname, ())
            self._instances[instance_id] = instance
        with instance.lock:
            try:
                folder.mkdir()
                instance.host_keys = write_first_boot(
                    folder / "inject",
                    hostname=hostname,
                    public_key=public_key,
                    key_name=key_name,
                    user_data=user_data,
                    told=told or {"instance_id": instance_id},
                )
                return self._run(instance_id, instance, self._addresses.fresh())
            except BaseException:
                self._halt(instance, grace=0.0)
                self._discard(instance_id, instance)
                raise

    def stop(self, instance_id: str) -> None:
        """End the instance's processes (SIGTERM, after a second SIGKILL); its disk stays. Stopped already is fine."""
        with self._held(instance_id) as instance:
            self._halt(instance, grace=1.0)
            self._harvest(instance)
            self._record(instance)

    def restart(self, instance_id: str, *, new_address: bool = False) -> Guest:
        """Boot again from the same disk, after a stop if it runs; with `new_address` as EC2 does after a stop."""
        with self._held(instance_id) as instance:
            address = instance.guest.address if instance.guest else ""
            self._halt(instance, grace=1.0)
            return self._run(instance_id, instance, self._addresses.fresh() if new_address or not address else address)

    def destroy(self, instance_id: str) -> None:
        """End the instance and delete its disk. An unknown one is fine: there is nothing to destroy."""
        if instance_id in self._instances:
            with contextlib.suppress(_Unknown), self._held(instance_id) as instance:
                self._halt(instance, grace=0.0)
                self._harvest(instance)
                self._discard(instance_id, instance)

    def close(self) -> None:
        """Destroy every instance; layers stay."""
        for instance_id in list(self._instances):
            self.destroy(instance_id)
        self._starter.shutdown()

    # -- images

    def layer(self, image_id: str) -> Path:
        """Where the layer of an image lies, whether it exists or not."""
        return self.state / "layers" / _checked(image_id, "image id")

    def capture(self, instance_id: str, image_id: str) -> Path:
        """Make a stopped instance's changes the layer of an image, and return its folder.

        What the start wrote is taken out: authorized key, host keys, machine id, names, user data. (A real AMI keeps
        host keys and machine id; cloud-init makes new ones at the next boot, which comes to the same.) Packages that
        were only downloaded are not in it either. The instance stays, on top of the new layer.
        """
        target = self.layer(image_id)
        with self._held(instance_id) as instance:
            if instance.booted is not None:
                raise BootstrapError("runs", where=f"instance {instance_id}", hint="stop it before it is captured")
            if target.exists():
                raise BootstrapError("exists already", where=f"image {image_id}", hint="choose another id")
            folder = self._relative(instance.folder)
            userns.run(
                userns.private_mounts(["/bin/sh", str(_HERE / "seal.sh"), folder, _lower(instance.layers)]),
                cwd=self.state,
                where=f"capturing instance {instance_id}",
            )
            (instance.folder / "upper").rename(target)
            instance.layers = (*instance.layers, self._relative(target))
            self._record(instance)
        return target

    def drop_layer(self, image_id: str) -> None:
        """Delete an image's layer; the caller knows that no image needs it. Refused while an instance stands on it."""
        target = self.layer(image_id)
        short = self._relative(target)
        with self._lock:
            users = sorted(name for name, instance in self._instances.items() if short in instance.layers)
            if users:
                raise BootstrapError(
                    f"is used by {', '.join(users)}", where=f"image {image_id}", hint="terminate those instances first"
                )
            doomed = self._to_trash(target)
        if doomed:
            userns.remove_tree(doomed)

    # -- what is there

    def running(self) -> dict[str, Guest]:
        """The instances whose process is alive, by id."""
        with self._lock:
            known = [(name, each.guest, each.booted) for name, each in self._instances.items()]
        return {name: guest for name, guest, booted in known if guest and booted and booted.alive()}

    def console(self, instance_id: str) -> str:
        """The instance's log as the console shows it, with the host keys in the lines that cloud-init prints."""
        instance = self._known(instance_id)
        keys = "".join(f"{key} root@{instance.hostname}\n" for key in instance.host_keys)
        marked = f"-----BEGIN SSH HOST KEY KEYS-----\n{keys}-----END SSH HOST KEY KEYS-----\n"
        return tail(instance.folder / "console.log", 48 * 1024) + marked

    def reap(self) -> list[str]:
        """End and remove what a dead daemon left in this state folder; the ids of its instances. Layers stay.

        To be called once, before the first start, by the daemon that holds the state folder's lock.
        """
        found: list[str] = []
        for folder in sorted((self.state / "instances").iterdir()):
            if folder.name in self._instances:
                continue
            leftovers.end_recorded(folder / "record.json")
            found.append(folder.name)
            leftovers.unmount_below(folder)
            self._to_trash(folder)
        leftovers.unmount_below(self.state)
        for leftover in (self.state / "trash").iterdir():
            userns.remove_tree(leftover)
        return found

    # -- inside

    def _known(self, instance_id: str) -> _Instance:
        with self._lock:
            instance = self._instances.get(instance_id)
        if instance is None:
            raise _Unknown("is not known here", where=f"instance {instance_id}", hint="start it first")
        return instance

    @contextlib.contextmanager
    def _held(self, instance_id: str) -> Iterator[_Instance]:
        """The instance, for this thread alone; an error if another thread destroyed it meanwhile."""
        instance = self._known(instance_id)
        with instance.lock:
            if self._known(instance_id) is not instance:
                raise _Unknown("was replaced meanwhile", where=f"instance {instance_id}", hint="try again")
            yield instance

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.state))

    def _short(self, layer: Path | str) -> str:
        """The layer as a short path relative to the state folder, by a link when it lies elsewhere."""
        path = self.state / layer
        if not path.is_dir():
            raise BootstrapError("is no folder", where=f"layer {layer}", hint="was its image deleted?")
        if path.parent == self.state / "layers":
            return self._relative(path)
        link = self.state / "base" / hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        with contextlib.suppress(FileExistsError):
            link.symlink_to(path)
        return self._relative(link)

    def _run(self, instance_id: str, instance: _Instance, address: str) -> Guest:
        lower = _lower(instance.layers)
        name_address(instance.folder / "inject", instance.hostname, address)
        request = BootRequest(self._relative(instance.folder), address, self.port, lower, self._apt)
        future = self._starter.submit(self._boot_now, instance, request)
        try:
            booted = future.result()
            self._record(instance)
            where = f"booting instance {instance_id}"
            booted.await_port(address, self.port, seconds=self._boot_seconds, where=where)
        except BaseException:
            # ^C may come while the starter is at it: what it then starts must not stay.
            if not future.cancel() and not future.exception():
                self._halt(instance, grace=0.0)
            raise
        instance.guest = Guest(instance_id, address, self.port, booted.pid, instance.host_keys)
        self._record(instance)
        return instance.guest

    def _boot_now(self, instance: _Instance, request: BootRequest) -> Booted:
        instance.booted = Booted(self._boot(request), state=self.state, log=instance.folder / "console.log")
        return instance.booted

    def _halt(self, instance: _Instance, *, grace: float) -> None:
        if instance.booted is not None:
            instance.booted.halt(grace=grace)
            instance.booted = None

    def _harvest(self, instance: _Instance) -> None:
        """Keep what the instance downloaded. A cache that cannot be written costs time later, not this instance."""
        if self._apt and (instance.folder / "apt").is_dir():
            script = ["/bin/sh", str(_HERE / "harvest.sh"), self._relative(instance.folder), self._apt]
            with contextlib.suppress(BootstrapError):
                userns.run(userns.inside(script), cwd=self.state, where="keeping downloaded packages")
            userns.remove_tree(instance.folder / "apt")

    def _record(self, instance: _Instance) -> None:
        leftovers.record(instance.folder / "record.json", instance.booted.pids() if instance.booted else [])

    def _discard(self, instance_id: str, instance: _Instance) -> None:
        with self._lock:
            doomed = self._to_trash(instance.folder)
            self._instances.pop(instance_id, None)
        if doomed:
            userns.remove_tree(doomed)

    def _to_trash(self, path: Path) -> Path | None:
        """Move aside in one step, so that a half-deleted folder is never taken for a whole one."""
        if not path.exists():
            return None
        doomed = self.state / "trash" / secrets.token_hex(6)
        return path.rename(doomed)


def _checked(name: str, what: str) -> str:
    if not _NAME.fullmatch(name):
        raise BootstrapError(
            f"{name!r} is no {what}", where="embedded instances", hint="use letters, digits and hyphens"
        )
    return name


def _lower(layers: Sequence[str]) -> str:
    """The overlay's lowerdir option: the topmost layer first."""
    lower = ":".join(reversed(layers))
    if not layers or len(lower) > _OPTIONS_LIMIT:
        raise BootstrapError(
            f"{len(layers)} layers ({len(lower)} bytes of mount options, {_OPTIONS_LIMIT} fit)",
            where="starting an instance",
            hint="bake from an image with fewer ancestors",
        )
    return lower
