"""The systemd units of a controller image: those of packer/systemd, and the settings' values as drop-ins beside them.

The units stay as they are read by people and by `try`; only what the settings say goes into a drop-in.
"""

from __future__ import annotations

from jenkins_bootstrap.config.controller import Boot
from jenkins_bootstrap.config.models import Sync
from jenkins_bootstrap.resources import share

FOLDER = "etc/systemd/system"
_DROP_IN = "10-settings.conf"
_LEAST_START_SECONDS = 1200


def units(boot: Boot, sync: Sync) -> dict[str, bytes]:
    """The files below /etc/systemd/system by their path there."""
    found = {path.name: path.read_bytes() for path in sorted((share("packer") / "systemd").iterdir()) if path.is_file()}
    # Finding everything may use its whole deadline, and writing comes after it.
    start = max(_LEAST_START_SECONDS, boot.deadline_seconds + 300)
    jenkins = f"[Service]\nEnvironment=MEMORY_PERCENT={boot.memory_percent}\nTimeoutStartSec={start}\n"
    found[f"jenkins.service.d/{_DROP_IN}"] = jenkins.encode()
    found[f"jenkins-bootstrap-watch.timer.d/{_DROP_IN}"] = _timer(boot.look_every_minutes)
    found[f"jenkins-bootstrap-jobs.timer.d/{_DROP_IN}"] = _timer(sync.every_minutes)
    # The receiver's own time is a tenth longer at most; only when it has passed is there something amiss.
    minutes = sync.every_minutes * 5 // 4 + 1
    found[f"jenkins-bootstrap-jobs.service.d/{_DROP_IN}"] = f"[Service]\nEnvironment=MINUTES={minutes}\n".encode()
    return found


def _timer(minutes: int) -> bytes:
    # An empty value first: without it the unit's own times would stay beside these.
    return f"[Timer]\nOnActiveSec=\nOnActiveSec={minutes}min\nOnUnitInactiveSec={minutes}min\n".encode()
