"""The embedded AWS's instances on this machine's metal: image ids become layers over the Debian root file system."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.embedded.metal import Metal
from jenkins_bootstrap.embedded.rootfs import ensure_rootfs
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import write_atomic

if TYPE_CHECKING:
    from jenkins_bootstrap.embedded.hooked import Launch


def metal_machines(folder: Path, options: Mapping[str, Any]) -> MetalMachines:
    """The machines of a state folder, after what a killed daemon left of them is removed.

    `options`: `cache` (folder of root file systems and packages) and `tar` (a root file system to use, or None).
    """
    machines = MetalMachines(folder / "metal", options)
    machines.reap()
    return machines


class MetalMachines:
    """`Machines` of hooked.py by `Metal`."""

    def __init__(self, folder: Path, options: Mapping[str, Any]) -> None:
        self.folder = folder
        self._metal = Metal(folder, cache=Path(options["cache"]))
        self.ssh_port = self._metal.port
        self._making = threading.Lock()
        self._root_progress = ""
        self.configure(options)

    def configure(self, options: Mapping[str, Any]) -> None:
        """Take over the options of a later command: which root file system further instances stand on."""
        self._cache = Path(options["cache"])
        self._tar = Path(options["tar"]) if options.get("tar") else None

    def reap(self) -> None:
        self._metal.reap()

    def root(self) -> Path:
        """The root file system, made now if it is not there (most of a minute, once a machine).

        Raises BootstrapError when images were baked on another one: their layers would lie on the wrong ground.
        """
        with self._making:
            found = ensure_rootfs(self._cache, tar=self._tar, progress=self._note)
            kept = self.folder / "root"
            before = kept.read_text() if kept.is_file() else found.name
            if before != found.name and self.layers():
                raise BootstrapError(
                    f"its images stand on the root file system {before}, now it is {found.name}",
                    where=str(self.folder),
                    hint="jenkins-bootstrap embedded down --wipe, or set embedded.root_filesystem back",
                )
            if not kept.is_file() or before != found.name:
                write_atomic(kept, found.name)
            return found

    def _note(self, line: str) -> None:
        self._root_progress = line

    @property
    def root_progress(self) -> str:
        """The newest line about a root file system that is being made."""
        return self._root_progress

    def boot(self, launch: Launch) -> str:
        layers = [self.root(), *(self._metal.layer(image) for image in launch.layers)]
        guest = self._metal.start(
            launch.instance_id,
            layers,
            public_key=launch.public_key,
            key_name=launch.key_name,
            hostname=launch.hostname,
            user_data=launch.user_data or None,
            told={**launch.addresses, "instance_id": launch.instance_id, "zone": launch.zone},
        )
        return guest.address

    def resume(self, instance_id: str) -> str:
        return self._metal.restart(instance_id, new_address=True).address

    def reboot(self, instance_id: str) -> str:
        return self._metal.restart(instance_id).address

    def halt(self, instance_id: str) -> None:
        self._metal.stop(instance_id)

    def destroy(self, instance_id: str) -> None:
        self._metal.destroy(instance_id)

    def keep(self, instance_id: str, image_id: str) -> None:
        self._metal.capture(instance_id, image_id)

    def drop(self, image_id: str) -> None:
        self._metal.drop_layer(image_id)

    def layers(self) -> set[str]:
        return {entry.name for entry in (self.folder / "layers").iterdir()}

    def console(self, instance_id: str) -> str:
        try:
            return self._metal.console(instance_id)
        except BootstrapError:
            return ""  # terminated: its log went with its disk

    def running(self) -> set[str]:
        return set(self._metal.running())

    def close(self) -> None:
        self._metal.close()
