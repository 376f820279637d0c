"""The agents' public key as an EC2 key pair, named by its fingerprint.

The ec2 plugin looks through all key pairs for the one with the fingerprint of its credential, by the MD5 of the public
key as EC2 tells it for imported keys. Pairs of older keys stay: agents of theirs may still run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from jenkins_bootstrap.aws.session import Aws, AwsError
from jenkins_bootstrap.errors import BootstrapError


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`fingerprint` as EC2 writes it: MD5 of the public key's DER, in pairs of hex digits with colons. `imported` says
    that it was not there before."""

    name: str
    fingerprint: str
    imported: bool


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`line` is in OpenSSH's format."""

    line: str
    fingerprint: str


def public_key(private_pem: str) -> PublicKey:
    """The public half of a checked RSA key in PEM (see credentials.check_rsa_pem)."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    pem = private_pem.strip().encode() + b"\n"
    # Its numbers were checked when the secret was read; with 4096 bits that takes longer than a call to AWS.
    public = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return PublicKey(line, ":".join(digest[i : i + 2] for i in range(0, len(digest), 2)))


def name_of(project: str, key: PublicKey) -> str:
    """`<project>-agent-<first 16 hex digits of the fingerprint>`."""
    return f"{project}-agent-{key.fingerprint.replace(':', '')[:16]}"


def find(aws: Aws, name: str) -> str | None:
    """The fingerprint of the pair of this name, None when there is none."""
    listed = aws.call("ec2", "describe_key_pairs", Filters=[{"Name": "key-name", "Values": [name]}])["KeyPairs"]
    return next((str(pair["KeyFingerprint"]) for pair in listed if pair["KeyName"] == name), None)


def ensure(aws: Aws, project: str, private_pem: str, tags: Mapping[str, str] | None = None) -> KeyPair:
    """Import the public half unless it is there; another controller that does the same at once is no error.

    Raises BootstrapError when a pair of this name holds another key, AwsError when AWS refuses.
    """
    key = public_key(private_pem)
    name = name_of(project, key)
    there = find(aws, name)
    imported = False
    if there is None:
        all_tags = {**(tags or {}), "Project": project, "Name": name}
        specification = {
            "ResourceType": "key-pair",
            "Tags": [{"Key": k, "Value": v} for k, v in sorted(all_tags.items())],
        }
        try:
            answer = aws.call(
                "ec2",
                "import_key_pair",
                KeyName=name,
                PublicKeyMaterial=key.line.encode(),
                TagSpecifications=[specification],
            )
            there, imported = str(answer["KeyFingerprint"]), True
        except AwsError as error:
            if error.code != "InvalidKeyPair.Duplicate":
                raise
            there = find(aws, name)
    if there != key.fingerprint:
        raise BootstrapError(
            f"holds another key: its fingerprint is {there}, that of the agents' key is {key.fingerprint}",
            where=f"EC2 key pair {name} in {aws.region}",
            hint=f"aws ec2 delete-key-pair --key-name {name}, then boot again",
        )
    return KeyPair(name, key.fingerprint, imported)
