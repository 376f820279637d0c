"""Counts what a command may have left behind in the embedded AWS, for tests and for people who wonder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jenkins_bootstrap.embedded.hooked import Machines


def leftovers(machines: Machines) -> dict[str, Any]:
    """What is there besides the surroundings, counted over all regions: all zero when every command cleaned up."""
    from moto.ec2.models import ec2_backends

    count = dict.fromkeys(("instances", "key_pairs", "security_groups", "volumes", "snapshots", "interfaces"), 0)
    for _account, _region, backend in ec2_backends.iter_backends():
        count["instances"] += sum(i.state != "terminated" for i in backend.all_instances())
        count["key_pairs"] += len(backend.key_pairs)
        groups = [g for by_id in backend.groups.values() for g in by_id.values()]
        count["security_groups"] += sum(
            g.name != "default" and g.description != "made by the embedded target" for g in groups
        )
        count["volumes"] += sum(not backend.tags.get(v.id) for v in backend.volumes.values())
        of_images = {image.ebs_snapshot.id for image in backend.amis.values()}
        count["snapshots"] += len(set(backend.snapshots) - of_images)
        count["interfaces"] += len(backend.enis)
    return {**count, "running": sorted(machines.running()), "mounts": mounts_below(machines.folder)}


def mounts_below(folder: Path) -> int:
    """How many mounts this machine's own mount table has below a folder."""
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    return sum(line.split()[4].startswith(f"{folder}/") for line in table)
