"""What a cloud writes into an instance before its first boot: names, keys, user data. Starts nothing.

The files go to `<instance>/inject`; guest.sh copies them into the instance and seal.sh uses the same files to take them
out again, so the two cannot disagree on what was ours.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from jenkins_bootstrap.errors import BootstrapError

USER_DATA = "/var/lib/cloud/instance/user-data.txt"  # where cloud-init keeps it


def write_first_boot(
    folder: Path,
    *,
    hostname: str,
    public_key: str | None,
    key_name: str | None,
    user_data: bytes | None,
    told: Mapping[str, str],
) -> tuple[str, ...]:
    """Fill `folder` for a new instance and return its public host keys, one `type base64` line each.

    `public_key` is one line of authorized_keys; its comment becomes `key_name`, because Packer's
    ssh_clear_authorized_keys deletes the lines that end with the name of its key pair. `told` goes to the instance's
    /run/jenkins-bootstrap/embedded.json at every boot: on tmpfs, so that no image has it.
    """
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    (folder / "hostname").write_text(f"{hostname}\n", encoding="utf-8")
    (folder / "machine-id").write_text(f"{secrets.token_hex(16)}\n", encoding="utf-8")
    (folder / "hosts").write_text("", encoding="utf-8")
    (folder / "authorized_keys").write_text(_authorized(public_key, key_name), encoding="utf-8")
    if user_data is not None:
        (folder / "user-data").write_bytes(user_data)
    (folder / "embedded.json").write_text(json.dumps(dict(told), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return tuple(_host_key(folder, kind) for kind in ("ed25519", "ecdsa"))


def name_address(folder: Path, hostname: str, address: str) -> None:
    """Note the /etc/hosts line of this boot; the last line counts, earlier ones are kept so that they are removed."""
    with (folder / "hosts").open("a", encoding="utf-8") as out:
        out.write(f"{address} {hostname}\n")


def _authorized(public_key: str | None, key_name: str | None) -> str:
    if public_key is None:
        return ""
    words = public_key.split(None, 2)
    if len(words) < 2 or "\n" in public_key.strip():
        raise BootstrapError(
            "is not one line of `type base64 [comment]`",
            where="an instance's public key",
            hint="give the key pair's public half in OpenSSH format",
        )
    comment = key_name or (words[2].strip() if len(words) > 2 else "")
    return " ".join([*words[:2], comment]).strip() + "\n"


def _host_key(folder: Path, kind: str) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    key = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path = folder / f"ssh_host_{kind}_key"
    path.touch(mode=0o600)
    path.write_bytes(private)
    path.with_name(path.name + ".pub").write_bytes(public + b"\n")
    return public.decode()
