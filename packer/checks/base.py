"""The base layer: its packages, and an sshd that takes keys only."""

import tempfile
from pathlib import Path

from report import check, end, file, output, package

for name in ("ca-certificates", "curl", "git", "openssh-server", "procps", "python3", "sudo"):
    package(name)
file("/etc/ssh/sshd_config.d/10-jenkins-bootstrap.conf")
file("/etc/dpkg/dpkg.cfg.d/10-jenkins-bootstrap")
file("/etc/apt/apt.conf.d/90jenkins-bootstrap")

# sshd shows its effective settings only with a host key, and the image has none.
Path("/run/sshd").mkdir(exist_ok=True)
with tempfile.TemporaryDirectory(dir="/run") as folder:
    output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/key")
    status, text = output("/usr/sbin/sshd", "-T", "-h", f"{folder}/key")
check("sshd's settings are valid", text if status else "")
lines = text.lower().splitlines()
for setting in (
    "passwordauthentication no",
    "kbdinteractiveauthentication no",
    "permitrootlogin no",
    "x11forwarding no",
):
    check(f"sshd: {setting}", "" if setting in lines else "not in force")
end()
