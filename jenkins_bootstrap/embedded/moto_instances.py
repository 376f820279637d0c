"""Instances that really run: what replaces moto's RunInstances, StartInstances, and the rest of an instance's life.

Each function takes moto's own and returns what replaces it. An instance's layers are an attribute of moto's object.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2 import utils as ec2_utils
from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, InvalidKeyPairNameError

from jenkins_bootstrap.embedded.hooked import Hooks, Launch
from jenkins_bootstrap.embedded.moto_images import collect_layers, only


def hook_run_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
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
        instance.placement.zone,
        hooks.addresses,
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


def hook_start_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def start_instances(self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            only(instance, "stopped", "running")
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


def hook_stop_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def stop_instances(self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            only(instance, "stopped", "running")
        stopped = moto(self, instance_ids)
        for instance, _before in stopped:
            with hooks.slow("does not stop", instance.id):
                hooks.machines.halt(instance.id)
            instance.nics[0].public_ip = None
        return stopped

    return stop_instances


def hook_reboot_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def reboot_instances(self: Any, instance_ids: list[str]) -> Any:
        for instance in self.get_multi_instances_by_id(instance_ids):
            only(instance, "running")
            with hooks.slow("does not boot again", instance.id):
                address = hooks.machines.reboot(instance.id)
            instance.nics[0].public_ip = address
        return moto(self, instance_ids)

    return reboot_instances


def hook_terminate_instances(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def terminate_instances(self: Any, instance_ids: list[str]) -> Any:
        answer = []
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance.state == "terminated":  # again is allowed, and moto would stumble over what is gone
                if ended := hooks.ending.get(instance.id):
                    with hooks.slow("cannot be removed", instance.id):
                        ended.wait()
                answer.append((instance, instance._state))
                continue
            ended = hooks.ending[instance.id] = threading.Event()
            try:
                answer += moto(self, [instance.id])
                with hooks.slow("cannot be removed", instance.id):
                    hooks.machines.destroy(instance.id)
                sweep_instance(self, instance)
            finally:
                del hooks.ending[instance.id]
                ended.set()
        collect_layers(hooks)
        return answer

    return terminate_instances


def hook_cancel_spot_requests(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def cancel_spot_instance_requests(self: Any, request_ids: list[str]) -> Any:
        requests = moto(self, request_ids)
        for request in requests:  # moto forgets it; AWS shows it as cancelled
            request.state = "cancelled"
            request._status_code = "request-canceled-and-instance-running"
            self.spot_instance_requests[request.id] = request
        return requests

    return cancel_spot_instance_requests


def hook_spot_filter(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def get_filter_value(self: Any, filter_name: str, method_name: str | None = None) -> Any:
        if filter_name == "launch.image-id":
            return self.launch_specification.image_id
        return moto(self, filter_name, method_name)

    return get_filter_value


def hook_launch_spot(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def launch_instance(self: Any) -> Any:
        instance = moto(self)
        instance.spot_instance_request_id = self.id
        return instance

    return launch_instance


def hook_console_output(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def get_console_output(self: Any) -> Any:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        with hooks.slow("its console cannot be read", instance.id):
            text = hooks.machines.console(instance.id)
        output = Base64EncodedString.from_raw_string(text)
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": output})

    return get_console_output
