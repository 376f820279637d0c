"""Puts what the embedded AWS does beyond moto into moto, and makes a restored state agree with the machines.

The replacements are in moto_instances.py, moto_images.py and moto_secrets.py; they also repair what moto lacks or gets
wrong for Packer and for Jenkins' ec2 plugin. Imported only in the daemon, after moto's settings are in the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2 import utils as ec2_utils
from moto.ec2.models import EC2Backend, amis, instances, spot_requests
from moto.ec2.responses.general import General
from moto.secretsmanager.models import SecretsManagerBackend

from jenkins_bootstrap.embedded import moto_images, moto_instances, moto_secrets
from jenkins_bootstrap.embedded.hooked import Hooks

_ORIGINALS: dict[tuple[type, str], Callable[..., Any]] = {}


def install(hooks: Hooks) -> Callable[[], None]:
    """Put the hooks into moto. Returns what takes them out again."""
    for owner, name, make in (
        (EC2Backend, "run_instances", moto_instances.hook_run_instances),
        (EC2Backend, "start_instances", moto_instances.hook_start_instances),
        (EC2Backend, "stop_instances", moto_instances.hook_stop_instances),
        (EC2Backend, "reboot_instances", moto_instances.hook_reboot_instances),
        (EC2Backend, "terminate_instances", moto_instances.hook_terminate_instances),
        (EC2Backend, "create_image", moto_images.hook_create_image),
        (EC2Backend, "copy_image", moto_images.hook_copy_image),
        (EC2Backend, "deregister_image", moto_images.hook_deregister_image),
        (EC2Backend, "cancel_spot_instance_requests", moto_instances.hook_cancel_spot_requests),
        (amis.Ami, "__init__", moto_images.hook_image_init),
        (spot_requests.SpotInstanceRequest, "get_filter_value", moto_instances.hook_spot_filter),
        (spot_requests.SpotInstanceRequest, "launch_instance", moto_instances.hook_launch_spot),
        (General, "get_console_output", moto_instances.hook_console_output),
        (SecretsManagerBackend, "list_secret_version_ids", moto_secrets.hook_list_versions),
    ):
        original = _ORIGINALS.setdefault((owner, name), getattr(owner, name))
        setattr(owner, name, make(original, hooks))
    mappings, tables = amis.Ami.block_device_mappings, dict(ec2_utils.filter_dict_attribute_mapping)
    amis.Ami.block_device_mappings = property(moto_images.block_device_mappings)
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
                moto_instances.sweep_instance(backend, instance)
                instance.state_reason = instances.StateReason(
                    "Server.InternalError: the embedded AWS was started anew", "Server.InternalError"
                )
                said.append(f"{instance.id} is terminated")
            if not reservation.instances:
                del backend.reservations[reservation.id]
        for image in list(backend.amis.values()):
            missing = set(getattr(image, "layers", None) or ()) - existing
            if missing or image.state == "pending":
                moto_images.discard_image(backend, image)
                said.append(f"{image.id} ({image.name}) is gone: its disk is not there")
    moto_images.collect_layers(hooks)
    return said
