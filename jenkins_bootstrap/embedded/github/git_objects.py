"""What GraphQL shows of a repository's files: blobs, trees and one commit, made up from the texts of the data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from jenkins_bootstrap.embedded.github.ids import global_id, object_id
from jenkins_bootstrap.embedded.github.organisation import Record

SHOWN_BYTES = 512 * 1024
"""GitHub cuts a blob's text off there, and says so."""


def git_object(
    url: str,
    repository: Callable[[Any], Any],
    record: Record,
    expression: str | None = None,
    oid: str | None = None,
) -> dict[str, Any] | None:
    """What `git rev-parse` of REVISION or REVISION:PATH names: a file, a folder, a commit, or nothing.

    Only the default branch has files, and only its newest commit is known.
    """
    revision, colon, path = (expression or oid or "").partition(":")
    if record.empty or not record.is_at(revision):
        return None
    if not colon:
        return _commit(url, repository, record)
    text = record.text_of(path)
    return _blob(url, repository, record, text) if text is not None else _tree(url, repository, record, path)


def _commit(url: str, repository: Callable[[Any], Any], record: Record) -> dict[str, Any]:
    return {
        **_git(url, repository, record, "Commit", record.head),
        "committedDate": record.pushed_at or record.updated_at,
        "message": f"Push {record.pushes}",
        "tree": lambda _info: _tree(url, repository, record, ""),
    }


def _tree(url: str, repository: Callable[[Any], Any], record: Record, path: str) -> dict[str, Any] | None:
    prefix = path.rstrip("/") + "/" if path else ""
    inside = [p for p in record.paths if p.startswith(prefix)]
    if path and not inside:
        return None

    def entry(name: str) -> dict[str, Any]:
        whole = prefix + name
        text = record.text_of(whole)

        def its_object(_info: Any) -> dict[str, Any] | None:
            return git_object(url, repository, record, f"HEAD:{whole}")

        return {
            "name": name,
            "extension": PurePosixPath(name).suffix,
            "isGenerated": False,
            "mode": 0o040000 if text is None else 0o100644,
            "path": whole,
            "size": 0 if text is None else len(text.encode()),
            "type": "tree" if text is None else "blob",
            "oid": lambda info: (its_object(info) or {})["oid"],
            "object": its_object,
        }

    oid = object_id("tree", *((p, record.text_of(p)) for p in inside))
    return {
        **_git(url, repository, record, "Tree", oid),
        "entries": [entry(name) for name in record.names_below(prefix)],
    }


def _blob(url: str, repository: Callable[[Any], Any], record: Record, text: str) -> dict[str, Any]:
    raw = text.encode()
    binary = "\0" in text
    cut = len(raw) > SHOWN_BYTES
    return {
        **_git(url, repository, record, "Blob", blob_id(text)),
        "text": None if binary else raw[:SHOWN_BYTES].decode("utf-8", "ignore") if cut else text,
        "byteSize": len(raw),
        "isBinary": binary,
        "isTruncated": cut,
    }


def blob_id(text: str) -> str:
    """The id that git itself gives a file with this text."""
    import hashlib

    raw = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()


def _git(url: str, repository: Callable[[Any], Any], record: Record, kind: str, oid: str) -> dict[str, Any]:
    path = f"/{record.full_name}/commit/{record.head}"
    return {
        "__typename": kind,
        "id": lambda _info: global_id(kind, record.id, oid),
        "oid": oid,
        "abbreviatedOid": oid[:7],
        "commitResourcePath": path,
        "commitUrl": url + f"/commit/{record.head}",
        "repository": repository,
    }
