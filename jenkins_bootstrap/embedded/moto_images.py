"""Images that really hold their files: what replaces moto's CreateImage, CopyImage, DeregisterImage.

Which layers an image is made of is an attribute of moto's object, so that it is kept with it: () is the bare root file
system, and an image without the attribute has no disk. Each function takes moto's own and returns what replaces it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.ec2 import utils as ec2_utils
from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError
from moto.ec2.models import amis

from jenkins_bootstrap.embedded.hooked import Hooks


def hook_create_image(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def create_image(
        self: Any, instance_id: str, name: str, description: str, tag_specifications: list[dict[str, Any]]
    ) -> Any:
        instance = self.get_instance(instance_id)
        only(instance, "stopped", "running")
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


def hook_copy_image(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def copy_image(self: Any, source_image_id: str, source_region: str, *more: Any, **named: Any) -> Any:
        from moto.ec2.models import ec2_backends

        source = ec2_backends[self.account_id][source_region].amis.get(source_image_id)
        if source is None:
            raise InvalidAMIIdError(source_image_id)
        image = moto(self, source_image_id, source_region, *more, **named)
        image.layers = getattr(source, "layers", None)
        return image

    return copy_image


def hook_deregister_image(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
    def deregister_image(self: Any, ami_id: str) -> Any:
        result = moto(self, ami_id)
        collect_layers(hooks)
        return result

    return deregister_image


def hook_image_init(moto: Callable[..., Any], hooks: Hooks) -> Callable[..., Any]:
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


def block_device_mappings(image: Any) -> list[dict[str, Any]]:
    """An image's root volume, deleted with its instance as on AWS (moto says it stays)."""
    root = {
        "SnapshotId": image.ebs_snapshot.id,
        "VolumeSize": 8,
        "DeleteOnTermination": True,
        "VolumeType": "gp3",
        "Encrypted": False,
    }
    return [{"DeviceName": image.root_device_name, "Ebs": root}]


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


def only(instance: Any, *states: str) -> None:
    if instance.state not in states:
        raise EC2ClientError(
            "IncorrectInstanceState", f"The instance '{instance.id}' is {instance.state}, not {' or '.join(states)}"
        )
