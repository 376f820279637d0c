"""REST about the files of a repository's default branch: read, written and removed, each write a push of one commit."""

from __future__ import annotations

import base64
from typing import Any

from jenkins_bootstrap.embedded.github import events, shapes
from jenkins_bootstrap.embedded.github.call import Call, Reply, not_found, problem
from jenkins_bootstrap.embedded.github.git_objects import blob_id
from jenkins_bootstrap.embedded.github.ids import object_id
from jenkins_bootstrap.embedded.github.organisation import Record

NO_COMMIT = "0" * 40


def read(call: Call, owner: str, repo: str, path: str = "") -> Reply:
    """A file, or the list of a folder's entries."""
    record = call.repository(owner, repo)
    path = path.strip("/")
    if record is None or not _is_default(record, call.query.get("ref")):
        return not_found()
    if record.empty:
        return problem(404, "This repository is empty.")
    text = record.text_of(path)
    if text is not None:
        return Reply(200, {**_entry(call, record, path), **_content(text)})
    prefix = f"{path}/" if path else ""
    names = record.names_below(prefix)
    return Reply(200, [_entry(call, record, prefix + name) for name in names]) if names or not path else not_found()


def write(call: Call, owner: str, repo: str, path: str) -> Reply:
    found = _writable(call, owner, repo, path)
    if isinstance(found, Reply):
        return found
    content, message = call.body.get("content"), call.body.get("message")
    if not isinstance(content, str) or not isinstance(message, str):
        missing = "message" if not isinstance(message, str) else "content"
        return problem(422, f'Invalid request.\n\n"{missing}" wasn\'t supplied.')
    try:
        text = base64.b64decode("".join(content.split()), validate=True).decode()
    except ValueError:
        # Ours holds texts only; GitHub takes any bytes.
        return problem(422, "content is not valid Base64")
    old = found.text_of(path)
    wrong = _wrong_sha(call, path, old, needed=old is not None)
    if wrong is not None:
        return wrong
    commit = _push(call, found, {**found.files, path: text}, "added" if old is None else "modified", path)
    shown = {**_entry(call, found, path), **_content(text)}
    del shown["content"], shown["encoding"]
    return Reply(201 if old is None else 200, {"content": shown, "commit": commit})


def remove(call: Call, owner: str, repo: str, path: str) -> Reply:
    found = _writable(call, owner, repo, path)
    if isinstance(found, Reply):
        return found
    old = found.text_of(path)
    if old is None:
        return not_found()
    wrong = _wrong_sha(call, path, old, needed=True)
    if wrong is not None:
        return wrong
    files = {name: text for name, text in found.files.items() if name != path}
    return Reply(200, {"content": None, "commit": _push(call, found, files, "removed", path)})


def _push(call: Call, record: Record, files: dict[str, str], done: str, path: str) -> dict[str, Any]:
    """Make the commit, tell of it, and return it as REST shows it."""
    before = NO_COMMIT if record.empty else record.head
    now = call.store.now()
    values: dict[str, Any] = {"files": files, "pushes": record.pushes + 1, "pushed_at": now, "empty": False}
    if path == "Jenkinsfile" or record.empty:
        values["has_jenkinsfile"] = "Jenkinsfile" in files
    call.store.change(record, **values)
    message, sha = str(call.body.get("message") or f"Push {record.pushes}"), record.head
    url, tree = f"{call.base_url}/{record.full_name}/commit/{sha}", object_id("tree", sha)
    person = shapes.person(call.token.login)
    touched = {name: [path] if name == done else [] for name in ("added", "removed", "modified")}
    named = {**person, "username": call.token.login}
    committed: dict[str, Any] = {"id": sha, "tree_id": tree, "distinct": True, "message": message, "timestamp": now}
    committed |= {"url": url, "author": named, "committer": named}
    events.push(call, record, before, {**committed, **touched})
    api = f"{call.api}/repos/{record.full_name}/git"
    parents = [] if before == NO_COMMIT else [{"sha": before, "url": f"{api}/commits/{before}", "html_url": url}]
    return {
        "sha": sha,
        "node_id": object_id("node", sha),
        "url": f"{api}/commits/{sha}",
        "html_url": url,
        "author": {**person, "date": now},
        "committer": {**person, "date": now},
        "message": message,
        "tree": {"sha": tree, "url": f"{api}/trees/{tree}"},
        "parents": parents,
        "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
    }


def _writable(call: Call, owner: str, repo: str, path: str) -> Record | Reply:
    record = call.repository(owner, repo)
    if record is None or not _is_default(record, call.body.get("branch")):
        return not_found()
    if not call.may_write(record):
        return problem(403, "Resource not accessible by personal access token")
    if record.archived:
        return problem(403, "Repository was archived so is read-only.")
    if any(part in ("", ".", "..", ".git") for part in path.split("/")):
        return problem(422, "path contains a malformed path component")
    return record


def _wrong_sha(call: Call, path: str, old: str | None, *, needed: bool) -> Reply | None:
    given = call.body.get("sha")
    if given is None:
        return problem(422, 'Invalid request.\n\n"sha" wasn\'t supplied.') if needed else None
    if old is None or given != blob_id(old):
        return problem(409, f"{path} does not match {given}")
    return None


def _is_default(record: Record, name: Any) -> bool:
    return name in (None, "") or record.is_at(name)


def _content(text: str) -> dict[str, str]:
    return {"content": base64.encodebytes(text.encode()).decode(), "encoding": "base64"}


def _entry(call: Call, record: Record, path: str) -> dict[str, Any]:
    text = record.text_of(path)
    kind = "dir" if text is None else "file"
    sha = object_id("tree", path, record.head) if text is None else blob_id(text)
    url = f"{call.api}/repos/{record.full_name}/contents/{path}?ref={record.default_branch}"
    git = f"{call.api}/repos/{record.full_name}/git/{'trees' if text is None else 'blobs'}/{sha}"
    html = f"{call.base_url}/{record.full_name}/{'tree' if text is None else 'blob'}/{record.default_branch}/{path}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": 0 if text is None else len(text.encode()),
        "type": kind,
        "url": url,
        "git_url": git,
        "html_url": html,
        "download_url": None if text is None else f"{call.base_url}/{record.full_name}/raw/{record.head}/{path}",
        "_links": {"self": url, "git": git, "html": html},
    }
