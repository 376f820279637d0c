"""What the hooks in moto share: the machines that run instances, as moto's side needs them, and the state lock."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from moto.ec2.exceptions import EC2ClientError

from jenkins_bootstrap.embedded.locks import StateLock
from jenkins_bootstrap.errors import BootstrapError


@dataclass(frozen=True, slots=True)
class Launch:
    """What an instance boots with. `layers` are image ids, lowest first, on top of the root file system."""

    instance_id: str
    layers: tuple[str, ...]
    public_key: str | None
    key_name: str | None
    hostname: str
    user_data: bytes
    zone: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Where the embedded AWS and GitHub are, by the keys of embedded.json."""


class Machines(Protocol):
    """Runs instances. Errors are BootstrapError; addresses are of this machine's loopback."""

    folder: Path
    """Below it lies and is mounted whatever belongs to an instance."""
    ssh_port: int
    """Where the instances' sshd listens, each on an address of its own."""

    def configure(self, options: Mapping[str, Any]) -> None:
        """Take over the options of a later command."""

    def root(self) -> Path:
        """The root file system that every instance stands on, made now if need be."""

    @property
    def root_progress(self) -> str:
        """The newest line about a root file system that is being made."""

    def boot(self, launch: Launch) -> str:
        """Start an instance and return its address once it accepts SSH."""

    def resume(self, instance_id: str) -> str:
        """Start a stopped instance again and return its address."""

    def reboot(self, instance_id: str) -> str:
        """Stop and start a running instance, which keeps its address, and return that."""

    def halt(self, instance_id: str) -> None:
        """Stop an instance and keep its disk."""

    def destroy(self, instance_id: str) -> None:
        """End an instance, running, stopped or unknown, and drop its disk."""

    def keep(self, instance_id: str, image_id: str) -> None:
        """Make a stopped instance's disk the layer of an image."""

    def drop(self, image_id: str) -> None:
        """Remove an image's layer."""

    def layers(self) -> set[str]:
        """The image ids whose layers exist."""

    def console(self, instance_id: str) -> str:
        """What the instance wrote to its console, with its SSH host keys as cloud-init prints them."""

    def running(self) -> set[str]:
        """The ids of the instances that run."""

    def close(self) -> None:
        """End every instance; layers stay."""


@dataclass(slots=True)
class Hooks:
    machines: Machines
    lock: StateLock = field(default_factory=StateLock)
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Where the servers listen, once they do; instances are told."""
    ending: dict[str, threading.Event] = field(default_factory=dict)
    """The instances that are being terminated; each event tells the others who asked for it that it is done."""

    @contextlib.contextmanager
    def slow(self, what: str, instance_id: str) -> Iterator[None]:
        """Around work of the machines: the state lock is put down, and an error becomes an EC2 error."""
        try:
            with self.lock.released():
                yield
        except BootstrapError as error:
            raise EC2ClientError("EmbeddedInstanceFailed", f"{instance_id}: {what}: {error}") from error
