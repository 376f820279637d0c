"""Nothing that belongs to one instance or to nobody is in the image: keys, identities, caches, secrets."""

import os
import re
from pathlib import Path

from report import check, end

# A key has a body; source code that only names the first line has none.
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\\nr]+[A-Za-z0-9+/=\s\\]{64}")
TOKEN = re.compile(
    rb"\b(?:AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{60}"
)
# Looked for first: a plain search is many times faster than the expressions.
MARKS = (b"PRIVATE KEY-----", b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_")
NAMES = {".netrc", ".git-credentials", "secrets.json", "master.key", "hudson.util.Secret", "identity.key.enc", "id_rsa"}
NAMES |= {"id_ed25519", "id_ecdsa", "credentials.xml", ".bash_history"}
NAMES |= {"secret.key", "secret.key.not-so-secret", "identity.key"}
FOLDERS = (
    "/etc",
    "/root",
    "/home",
    "/srv",
    "/opt",
    "/usr/local",
    "/usr/share/jenkins-bootstrap",
    "/var/lib/jenkins",
    "/var/log",
)
LARGEST = 1 << 20


def secrets() -> "list[str]":
    found = []
    for folder in FOLDERS:
        for place, _, names in os.walk(folder):
            for name in names:
                path = Path(place, name)
                if path.is_symlink() or not path.is_file():
                    continue
                if (name in NAMES or place.endswith("/.aws")) and path.stat().st_size:
                    found.append(str(path))
                elif 32 < path.stat().st_size < LARGEST:
                    data = path.read_bytes()
                    if any(mark in data for mark in MARKS) and (KEY.search(data) or TOKEN.search(data)):
                        found.append(str(path))
    return found


def held(folder: str, pattern: str) -> str:
    names = sorted(p.name for p in Path(folder).glob(pattern) if p.is_file())
    return f"{folder} holds {', '.join(names[:5])}" if names else ""


check("no host key", held("/etc/ssh", "ssh_host_*"))
identity = Path("/etc/machine-id")
check(
    "no machine id",
    "it is set" if identity.exists() and identity.read_text().strip() not in ("", "uninitialized") else "",
)
check("no machine id of D-Bus", "it is set" if Path("/var/lib/dbus/machine-id").is_file() else "")
check("no package archives", held("/var/cache/apt/archives", "*.deb"))
check("no package lists", held("/var/lib/apt/lists", "*_Packages*"))
problem = secrets()
check("no secret", f"it looks like one: {', '.join(problem[:5])}" if problem else "")
end()
