"""Ids as GitHub makes them: node ids in the form it gives now and in the one it gave before, and accounts' numbers."""

from __future__ import annotations

import base64
import hashlib

# Global node ids: a prefix, then MessagePack's array of 0 and a 32-bit number.
_PREFIXES = {"Repository": "R", "Organization": "O", "User": "U"}
_HEAD = b"\x92\x00\xce"


def global_id(kind: str, *parts: object) -> str:
    """The node id of something; of a repository or an account by its number."""
    prefix = _PREFIXES.get(kind)
    if prefix is not None and len(parts) == 1 and isinstance(parts[0], int):
        return f"{prefix}_{base64.urlsafe_b64encode(_HEAD + parts[0].to_bytes(4, 'big')).decode().rstrip('=')}"
    return base64.urlsafe_b64encode(":".join(map(str, (kind, *parts))).encode()).decode().rstrip("=")


def numbered(node: str) -> tuple[str, int] | None:
    """The kind and number of a repository's or account's node id of either form, `R_...` or `MDEwOl...`."""
    prefix, _, rest = node.partition("_")
    try:
        for kind, its in _PREFIXES.items():
            if prefix == its:
                raw = base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4))
                return (kind, int.from_bytes(raw[3:], "big")) if raw.startswith(_HEAD) and len(raw) == 7 else None
        length, _, text = base64.b64decode(node + "=" * (-len(node) % 4), validate=True).decode("ascii").partition(":")
        for kind in _PREFIXES:
            if text.startswith(kind) and int(length) == len(kind) and text[len(kind) :].isdecimal():
                return kind, int(text[len(kind) :])
    except ValueError:
        pass
    return None


def owner_id(login: str) -> int:
    """The numeric id of an account; made of its login, since the data has none."""
    return int.from_bytes(hashlib.sha256(login.lower().encode()).digest()[:3], "big") + 1


def object_id(*parts: object) -> str:
    """Forty hexadecimal digits for a git object that is not there."""
    return hashlib.sha1("\0".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
