"""What the embedded AWS does beyond moto: instances that really run, images that really hold their files.

Each function here replaces one of moto's and calls it. Instances are started and stopped through `Machines`; which
layers an image is made of is an attribute of moto's image object, so that it is kept with it. Also repairs what moto
lacks or gets wrong for Packer and for Jenkins' ec2 plugin. Imported only in the daemon, after moto's settings are set.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2 import utils as ec2_utils
from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, InvalidKeyPairNameError
from moto.ec2.models import EC2Backend, amis, instances, spot_requests
from moto.ec2.responses.general import General

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

    @contextlib.contextmanager
    def slow(self, what: str, instance_id: str) -> Iterator[None]:
        """Around work of the machines: the state lock is put down, and an error becomes an EC2 error."""
        try:
            with self.lock.released():
                yield
        except BootstrapError as error:
            raise EC2ClientError("EmbeddedInstanceFailed", f"{instance_id}: {what}: {error}") from error


_ORIGINALS: dict[tuple[type, str], Callable[..., Any]] = {}


def install(hooks: Hooks) -> Callable[[], None]:
    """Put the hooks into moto. Returns what takes them out again."""
    for owner, name, make in (
        (EC2Backend, "run_instances", _run_instances),
        (EC2Backend, "start_instances", _start_instances),
        (EC2Backend, "stop_instances", _stop_instances),
        (EC2Backend, "reboot_instances", _reboot_instances),
        (EC2Backend, "terminate_instances", _terminate_instances),
        (EC2Backend, "create_image", _create_image),
        (EC2Backend, "copy_image", _copy_image),
        (EC2Backend, "deregister_image", _deregister_image),
        (EC2Backend, "cancel_spot_instance_requests", _cancel_spot_requests),
        (amis.Ami, "__init__", _ami_init),
        (spot_requests.SpotInstanceRequest, "get_filter_value", _spot_filter),
        (spot_requests.SpotInstanceRequest, "launch_instance", _launch_spot),
        (General, "get_console_output", _console_output),
    ):
        original = _ORIGINALS.setdefault((owner, name), getattr(owner, name))
        setattr(owner, name, make(original, hooks))
    mappings, tables = amis.Ami.block_device_mappings, dict(ec2_utils.filter_dict_attribute_mapping)
    amis.Ami.block_device_mappings = property(_image_mappings)
    ec2_utils.filter_dict_attribute_mapping["tenancy"] = "placement.tenancy"
    ec2_utils.filter_dict_attribute_mapping["network-interface.subnet-id"] = "subnet_id"

    def undo() -> None:
        for (owner, name), function in _ORIGINALS.items():
            setattr(owner, name, function)
        _ORIGINALS.clear()
        amis.Ami.block_device_mappings = mappings
        ec2_utils.filter_dict_attribute_mapping.clear()
        ec2_utils.filter_dict_attribute_mapping.update(tables)

    return undo


def original(owner: type, name: str) -> Callable[..., Any]:
    """moto's own function, for what must not reach the machines."""
    return _ORIGINALS.get((owner, name)) or getattr(owner, name)


def _run_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def run_instances(
        self: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **more: Any
    ) -> Any:
        wanted = image_id or _template_image(self, more.get("launch_template"))
        image = self.amis.get(wanted)
        if image is None:
            raise InvalidAMIIdError(str(wanted))
        if image.state != "available" or getattr(image, "layers", None) is None:
            raise EC2ClientError("InvalidAMIID.Unavailable", f"The image {wanted} ({image.state}) has no disk to boot")
        reservation = moto(self, image_id, count, user_data, security_group_names, **more)
        try:
            for instance in reservation.instances:
                _boot(self, hooks, instance, image)
        except BaseException:
            for instance in reservation.instances:
                _forget(self, hooks, instance)
            self.reservations.pop(reservation.id, None)
            raise
        return reservation

    return run_instances


def _template_image(backend: Any, launch_template: dict[str, Any] | None) -> str | None:
    return backend._get_template_from_args(launch_template).image_id if launch_template else None


def _boot(backend: Any, hooks: Hooks, instance: Any, image: Any) -> None:
    pair = backend.key_pairs.get(instance.key_name) if instance.key_name else None
    if instance.key_name and pair is None:
        raise InvalidKeyPairNameError(instance.key_name)
    if instance.lifecycle == "spot" and not getattr(instance, "spot_instance_request_id", None):
        instance.spot_instance_request_id = ec2_utils.random_spot_request_id()
    instance.layers = image.layers
    launch = Launch(
        instance.id,
        image.layers,
        pair.public_key if pair else None,
        instance.key_name,
        f"ip-{instance.private_ip.replace('.', '-')}",
        _bytes(instance.user_data),
    )
    instance._state.name, instance._state.code = "pending", 0
    with hooks.slow("does not boot", instance.id):
        address = hooks.machines.boot(launch)
    instance._state.name, instance._state.code = "running", 16
    instance.nics[0].public_ip = address


def _bytes(user_data: Any) -> bytes:
    return b"" if user_data is None else base64.b64decode(str(user_data))


def _forget(backend: Any, hooks: Hooks, instance: Any) -> None:
    """An instance that never came to be: nothing of it stays, not even as terminated."""
    with contextlib.suppress(EC2ClientError), hooks.slow("cannot be removed", instance.id):
        hooks.machines.destroy(instance.id)
    instance.terminate()
    sweep_instance(backend, instance)
    backend.tags.pop(instance.id, None)


def sweep_instance(backend: Any, instance: Any) -> None:
    """Remove what moto leaves of a terminated instance: its root volume, network interfaces and address."""
    for device, attached in list(instance.block_device_mapping.items()):
        if device == instance.root_device_name:
            backend.detach_volume(attached.volume_id, instance.id, device)
            backend.delete_volume(attached.volume_id)
            backend.tags.pop(attached.volume_id, None)
    for nic in instance.nics.values():
        if backend.enis.pop(nic.id, None) is not None:
            backend.tags.pop(nic.id, None)
        nic.public_ip = None
        for address in nic.private_ip_addresses:
            nic.subnet.del_subnet_ip(address["PrivateIpAddress"])


def collect_layers(hooks: Hooks) -> None:
    """Drop the layers that no image and no instance of any region needs."""
    from moto.ec2.models import ec2_backends

    needed: set[str] = set()
    for _account, _region, backend in ec2_backends.iter_backends():
        needed |= {layer for image in backend.amis.values() for layer in getattr(image, "layers", None) or ()}
        for instance in backend.all_instances():
            if instance.state != "terminated":
                needed |= set(getattr(instance, "layers", ()))
    for layer in hooks.machines.layers() - needed:
        hooks.machines.drop(layer)


def _start_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def start_instances(self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            _only(instance, "stopped", "running")
        started = []
        for instance in self.get_multi_instances_by_id(instance_ids):
            address = instance.nics[0].public_ip
            if instance.state == "stopped":
                with hooks.slow("does not boot", instance.id):
                    address = hooks.machines.resume(instance.id)
            started += moto(self, [instance.id])
            instance.nics[0].public_ip = address
        return started

    return start_instances


def _stop_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def stop_instances(self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            _only(instance, "stopped", "running")
        stopped = moto(self, instance_ids)
        for instance, _before in stopped:
            with hooks.slow("does not stop", instance.id):
                hooks.machines.halt(instance.id)
            instance.nics[0].public_ip = None
        return stopped

    return stop_instances


def _only(instance: Any, *states: str) -> None:
    if instance.state not in states:
        raise EC2ClientError(
            "IncorrectInstanceState", f"The instance '{instance.id}' is {instance.state}, not {' or '.join(states)}"
        )


def _reboot_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def reboot_instances(self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            _only(instance, "running")
            with hooks.slow("does not boot again", instance.id):
                address = hooks.machines.reboot(instance.id)
            instance.nics[0].public_ip = address
        return moto(self, instance_ids)

    return reboot_instances


def _terminate_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def terminate_instances(self: Any, instance_ids: list[str]) -> Any:
        answer = []
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance.state == "terminated":  # again is allowed, and moto would stumble over what is gone
                answer.append((instance, instance._state))
                continue
            answer += moto(self, [instance.id])
            with hooks.slow("cannot be removed", instance.id):
                hooks.machines.destroy(instance.id)
            sweep_instance(self, instance)
        collect_layers(hooks)
        return answer

    return terminate_instances


def _create_image(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def create_image(
        self: Any, instance_id: str, name: str, description: str, tag_specifications: list[dict[str, Any]]
    ) -> Any:
        instance = self.get_instance(instance_id)
        _only(instance, "stopped", "running")
        if any(image.name == name and image.owner_id == self.account_id for image in self.amis.values()):
            raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use")
        if instance.state == "running":
            self.stop_instances([instance_id])
        # moto refuses tags for the snapshot, which Packer may send with the image's.
        for_image = [spec for spec in tag_specifications if spec["ResourceType"] != "snapshot"]
        image = moto(self, instance_id, name, description, for_image)
        for spec in tag_specifications:
            if spec["ResourceType"] == "snapshot":
                image.ebs_snapshot.add_tags({tag["Key"]: tag["Value"] for tag in spec["Tags"]})
        image.root_device_name = instance.root_device_name
        image.layers = (*instance.layers, image.id)  # named before it exists, so that nobody sweeps it meanwhile
        image.state = "pending"
        try:
            with hooks.slow("its disk cannot become an image", instance_id):
                hooks.machines.keep(instance_id, image.id)
        except BaseException:
            discard_image(self, image)
            raise
        image.state = "available"
        instance.layers = image.layers  # its disk now stands on the image's
        return image

    return create_image


def discard_image(backend: Any, image: Any) -> None:
    """Remove an image and its snapshot as if it had never been."""
    backend.amis.pop(image.id, None)
    backend.snapshots.pop(image.ebs_snapshot.id, None)
    for resource in (image.id, image.ebs_snapshot.id):
        backend.tags.pop(resource, None)


def _copy_image(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def copy_image(self: Any, source_image_id: str, source_region: str, *more: Any, **named: Any) -> Any:
        from moto.ec2.models import ec2_backends

        source = ec2_backends[self.account_id][source_region].amis.get(source_image_id)
        if source is None:
            raise InvalidAMIIdError(source_image_id)
        image = moto(self, source_image_id, source_region, *more, **named)
        image.layers = getattr(source, "layers", None)
        return image

    return copy_image


def _deregister_image(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def deregister_image(self: Any, ami_id: str) -> Any:
        result = moto(self, ami_id)
        collect_layers(hooks)
        return result

    return deregister_image


def _cancel_spot_requests(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def cancel_spot_instance_requests(self: Any, request_ids: list[str]) -> Any:
        requests = moto(self, request_ids)
        for request in requests:  # moto forgets it; AWS shows it as cancelled
            request.state = "cancelled"
            request._status_code = "request-canceled-and-instance-running"
            self.spot_instance_requests[request.id] = request
        return requests

    return cancel_spot_instance_requests


def _ami_init(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def init(self: Any, ec2_backend: Any, ami_id: str, *more: Any, **named: Any) -> None:
        named.setdefault("root_device_type", "ebs")  # Packer refuses moto's "standard"
        if named.get("creation_date") is None:
            named["creation_date"] = next_second(ec2_backend)
        moto(self, ec2_backend, ami_id, *more, **named)
        self.ena_support = True
        self.imds_support = "v2.0"

    return init


def next_second(backend: Any) -> datetime:
    """Now, or the second after the newest image's: most_recent compares whole seconds and must not meet a tie."""
    moment: datetime = utcnow().replace(microsecond=0)
    newest = max((image.creation_date for image in backend.amis.values()), default=None)
    return moment if newest is None or newest < moment else newest.replace(microsecond=0) + timedelta(seconds=1)


def _image_mappings(image: Any) -> list[dict[str, Any]]:
    """An image's root volume, deleted with its instance as on AWS (moto says it stays)."""
    root = {
        "SnapshotId": image.ebs_snapshot.id,
        "VolumeSize": 8,
        "DeleteOnTermination": True,
        "VolumeType": "gp3",
        "Encrypted": False,
    }
    return [{"DeviceName": image.root_device_name, "Ebs": root}]


def _spot_filter(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def get_filter_value(self: Any, filter_name: str, method_name: str | None = None) -> Any:
        if filter_name == "launch.image-id":
            return self.launch_specification.image_id
        return moto(self, filter_name, method_name)

    return get_filter_value


def _launch_spot(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def launch_instance(self: Any) -> Any:
        instance = moto(self)
        instance.spot_instance_request_id = self.id
        return instance

    return launch_instance


def _console_output(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def get_console_output(self: Any) -> Any:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        with hooks.slow("its console cannot be read", instance.id):
            text = hooks.machines.console(instance.id)
        output = Base64EncodedString.from_raw_string(text)
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": output})

    return get_console_output


def add_image(
    backend: Any,
    *,
    name: str,
    owner: str,
    architecture: str,
    layers: tuple[str, ...],
    tags: dict[str, str],
    created: datetime | None = None,
) -> str:
    """Register an image that nobody baked: a vendor's, or a stand-in. Returns its id."""
    image_id: str = ec2_utils.random_ami_id()
    image = amis.Ami(
        backend,
        image_id,
        name=name,
        owner_id=owner,
        owner_alias="amazon" if owner == "137112412989" else None,
        architecture=architecture,
        virtualization_type="hvm",
        hypervisor="xen",
        image_location=f"{owner}/{name}",
        public=owner != backend.account_id,
        creation_date=created,
        root_device_name="/dev/xvda",
        tags=tags,
    )
    image.layers = layers
    backend.amis[image_id] = image
    return image_id


def repair(hooks: Hooks) -> list[str]:
    """Make the restored state agree with the machines, none of which runs: returns what was done, in words.

    Instances become terminated (those that already were are forgotten), images without their layers go, and layers
    without an image too.
    """
    from moto.ec2.models import ec2_backends

    said = []
    existing = hooks.machines.layers()
    terminate = original(EC2Backend, "terminate_instances")
    for _account, _region, backend in ec2_backends.iter_backends():
        for reservation in list(backend.reservations.values()):
            for instance in list(reservation.instances):
                if instance.state == "terminated":
                    reservation.instances.remove(instance)
                    backend.tags.pop(instance.id, None)
                    continue
                instance.disable_api_termination = False
                terminate(backend, [instance.id])
                sweep_instance(backend, instance)
                instance.state_reason = instances.StateReason(
                    "Server.InternalError: the embedded AWS was started anew", "Server.InternalError"
                )
                said.append(f"{instance.id} is terminated")
            if not reservation.instances:
                del backend.reservations[reservation.id]
        for image in list(backend.amis.values()):
            missing = set(getattr(image, "layers", None) or ()) - existing
            if missing or image.state == "pending":
                discard_image(backend, image)
                said.append(f"{image.id} ({image.name}) is gone: its disk is not there")
    collect_layers(hooks)
    return said
