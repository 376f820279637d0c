"""The value of a further credential: what its secret holds, checked by the credential's kind, as secrets.json has it;
and what the private keys must be like.

Pure; no value enters a message.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping

from jenkins_bootstrap.config.controller import Credential
from jenkins_bootstrap.errors import SecretError

_NOT_STORED = re.compile("[\0\u2028\ud800-\udfff\ufffe\uffff]")
"""What Jenkins' XML cannot hold, or gives back as another character (U+2028 becomes a line break)."""
_HALF = re.compile("[\ud800-\udfff]")
"""Half a surrogate pair: what Jenkins encrypts can be any text but this, which becomes a question mark."""


def check_characters(value: str, key: str, where: str, *, plain: bool) -> None:
    """Raise SecretError when Jenkins would not keep `value` as it is. `key` is its key in the secret, or empty where it
    is the whole of it; `plain` tells that Jenkins stores it as it is, in XML: a user's name. Passwords, tokens and keys
    are stored encrypted.
    """
    if found := (_NOT_STORED if plain else _HALF).search(value):
        what = f"the value of {key} has" if key else "has"
        raise SecretError(
            f"{what} the character U+{ord(found[0]):04X}, which Jenkins cannot store there",
            where=where,
            hint="take it out, then store the secret again",
        )


def credential_value(credential: Credential, text: str, binary: bytes | None, where: str) -> Mapping[str, str]:
    """The parts of a credential's value. `text` is the secret as a string, `binary` as bytes when it is stored so.

    Raises SecretError when the secret does not have the shape that the kind asks for.
    """
    check_characters(text, "", where, plain=False)
    if credential.kind == "file":
        content = text.encode() if binary is None else binary
        return {"file_name": credential.file_name or credential.id, "content": b64encode(content).decode()}
    if binary is not None:  # another credential of kind file may name the same secret
        raise SecretError("is binary", where=where, hint="store it as a string (SecretString)")
    if credential.kind == "text":
        return {"text": _line(text)}
    if credential.kind == "username-password":
        if credential.username is not None:
            return {"username": credential.username, "password": _line(text)}
        return _parts(text, where, ("username", "password"))
    return _ssh_key(credential, text, where)


def _line(text: str) -> str:
    """A value without the line break that an editor or `file://` has put behind it."""
    return text.rstrip("\r\n")


def _parts(text: str, where: str, needed: tuple[str, ...], also: tuple[str, ...] = ()) -> dict[str, str]:
    """The parts of a JSON object, all strings, none missing, empty or unknown."""
    keys = ", ".join((*needed, *also))
    hint = f"store one object of strings with the keys {keys}, or set the credential's username"
    try:
        value = json.loads(text)
    except ValueError:
        raise SecretError("is not JSON", where=where, hint=hint) from None
    if not isinstance(value, dict):
        raise SecretError("is JSON but no object", where=where, hint=hint)
    if missing := [key for key in needed if key not in value]:
        raise SecretError(f"has no key {', '.join(missing)}", where=where, hint=hint)
    if unknown := [key for key in value if key not in (*needed, *also)]:
        # An unknown key may be a value in the wrong place, so it is counted and not shown.
        raise SecretError(f"has {len(unknown)} unknown keys", where=where, hint=hint)
    for key, part in value.items():
        if not isinstance(part, str) or (not part.strip() and key in needed):
            raise SecretError(f"the value of {key} is empty or no string", where=where, hint=hint)
        check_characters(part, key, where, plain=key == "username")
    return {key: part for key, part in value.items() if part}


def _ssh_key(credential: Credential, text: str, where: str) -> Mapping[str, str]:
    if text.lstrip().startswith("{"):  # no private key begins so; it may need a passphrase beside it
        needed = ("private_key",) if credential.username is not None else ("username", "private_key")
        also = ("passphrase", "username") if credential.username is not None else ("passphrase",)
        parts = _parts(text, where, needed, also)
        if credential.username is not None:
            parts["username"] = credential.username
    elif credential.username is None:
        raise SecretError(
            "is no JSON object, and the credential has no username",
            where=where,
            hint="set the credential's username, or store an object with username and private_key",
        )
    else:
        parts = {"username": credential.username, "private_key": text}
    check_private_key(parts["private_key"], parts.get("passphrase"), where)
    return parts


def check_private_key(text: str, passphrase: str | None, where: str) -> None:
    """Raise SecretError unless `text` is a private key that SSH can use: PEM or OpenSSH's own format, any algorithm.

    Of a kind that only Jenkins may know (an algorithm the library has dropped) just the frame is looked at.
    """
    if "-----BEGIN" not in text or "PRIVATE KEY-----" not in text:
        raise SecretError(
            "is no private key (no line BEGIN ... PRIVATE KEY)", where=where, hint="store the whole file of the key"
        )
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    load = load_ssh_private_key if "BEGIN OPENSSH PRIVATE KEY" in text else load_pem_private_key
    password = passphrase.encode() if passphrase else None
    try:
        load(text.strip().encode() + b"\n", password=password)
    except UnsupportedAlgorithm:
        return
    except TypeError:  # the library's way of saying that there is a passphrase too few, or one too many
        what = "has no passphrase, though one is given" if password else "has a passphrase, which is not given"
        raise SecretError(what, where=where, hint="store an object with private_key and passphrase") from None
    except Exception:
        # The library's own text may quote the input, so it is dropped.
        raise SecretError(
            "cannot be read as a private key: it is cut off, its line breaks are lost, or the passphrase is wrong",
            where=where,
            hint="store the file as it is: --secret-string file://KEYFILE",
        ) from None


def check_rsa_pem(text: str, where: str, reader: str = "the ec2 plugin") -> None:
    """Raise SecretError unless `text` is an RSA private key in PEM (PKCS#1 or PKCS#8) without a passphrase.

    The ec2 plugin compares fingerprints of RSA keys in PEM only: OpenSSH's own format and ed25519 fail at launch.
    `reader` is who cannot read anything else, for the message.
    """
    if "BEGIN OPENSSH PRIVATE KEY" in text:
        raise SecretError(
            f"is a key in OpenSSH's own format, which {reader} cannot read",
            where=where,
            hint="ssh-keygen -p -m PEM -N '' -f KEYFILE converts an RSA key; another kind must be made anew: "
            "ssh-keygen -t rsa -b 4096 -m PEM -N '' -f KEYFILE",
        )
    if "-----BEGIN" not in text or "PRIVATE KEY-----" not in text:
        raise SecretError(
            "is no private key in PEM (no line BEGIN ... PRIVATE KEY)",
            where=where,
            hint="ssh-keygen -t rsa -b 4096 -m PEM -N '' -f KEYFILE, then store the whole file",
        )
    if "ENCRYPTED" in text:
        raise SecretError("has a passphrase", where=where, hint="ssh-keygen -p -m PEM -N '' -f KEYFILE takes it off")
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text.strip().encode() + b"\n", password=None)
    except Exception:
        # The library's own text may quote the input, so it is dropped.
        raise SecretError(
            "cannot be read as a private key in PEM: it is cut off or its line breaks are lost",
            where=where,
            hint="store the file as it is: --secret-string file://KEYFILE",
        ) from None
    if not isinstance(key, RSAPrivateKey):
        kind = type(key).__name__.strip("_").removesuffix("PrivateKey")
        raise SecretError(
            f"is a key of kind {kind}; {reader} takes RSA only",
            where=where,
            hint="ssh-keygen -t rsa -b 4096 -m PEM -N '' -f KEYFILE",
        )
