"""What the embedded Jenkins answers: paths, parameters and statuses as those of a real one, and nothing else."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from jenkins_bootstrap.embedded.jenkins import definitions, tree
from jenkins_bootstrap.embedded.jenkins.definitions import FOLDER, MULTIBRANCH
from jenkins_bootstrap.embedded.jenkins.faults import Calls, Fault, Faults
from jenkins_bootstrap.embedded.jenkins.scans import NotOurs, Scans
from jenkins_bootstrap.embedded.jenkins.store import Item, Store
from jenkins_bootstrap.embedded.layout import JENKINS_USER

VERSION = "2.516.2"
CRUMB = "embedded-crumb"
_BAD_NAME = re.compile(r"[?*/\\%!@#$^&|<>\[\]:;\x00-\x1f\x7f]")
_JSON = "application/json;charset=utf-8"
_XML = "application/xml"
_HTML = "text/html;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    kind: str = _HTML
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """An answer that is an error. `words` is what Jenkins says in X-Error."""

    def __init__(self, status: int, words: str = "") -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class CutOff(Exception):
    """The connection is to be closed without an answer."""


@dataclass(slots=True)
class Call:
    """A request that has been understood: to which item, what of it, with which parameters."""

    kind: str
    item: Item
    parameters: dict[str, str]
    request: Request


_JOB = {
    ("GET", "api/json"): ("list", {"tree", "depth"}),
    ("GET", "config.xml"): ("config", set()),
    ("POST", "config.xml"): ("update", set()),
    ("POST", "createItem"): ("create", {"name"}),
    ("POST", "doDelete"): ("delete", set()),
    ("POST", "confirmRename"): ("rename", {"newName"}),
    ("POST", "move/move"): ("move", {"destination"}),
    ("POST", "enable"): ("enable", set()),
    ("POST", "disable"): ("disable", set()),
    ("POST", "build"): ("build", {"delay"}),
    ("GET", ""): ("page", set()),
}
_JENKINS = {
    ("GET", "api/json"): ("list", {"tree", "depth"}),
    ("POST", "createItem"): ("create", {"name"}),
    ("POST", "scriptText"): ("script", set()),
    ("GET", "crumbIssuer/api/json"): ("crumb", set()),
    ("GET", "pluginManager/api/json"): ("plugins", {"depth"}),
    ("GET", "view/all/api/json"): ("view", {"tree"}),
    ("GET", "view/all/config.xml"): ("view", set()),
    ("GET", ""): ("page", set()),
}
_OWN = {
    ("GET", "calls"),
    ("DELETE", "calls"),
    ("GET", "items"),
    ("GET", "faults"),
    ("PUT", "faults"),
    ("DELETE", "faults"),
}


class App:
    """One Jenkins. `url` is its root, known once it is served; `scan_after_save` is fireSCMSourceBuildsAfterSave."""

    def __init__(self, store: Store, token: str, *, scan_after_save: bool = False) -> None:
        self.store = store
        self.url = "http://127.0.0.1/"
        self.scan_after_save = scan_after_save
        self.calls = Calls()
        self.faults = Faults()
        self.scans = Scans(store)
        self._signed = b"Basic " + base64.b64encode(f"{JENKINS_USER}:{token}".encode())
        self._answers: dict[str, Callable[[Call], Response]] = {
            "list": self._list,
            "config": self._config,
            "update": self._update,
            "create": self._create,
            "delete": self._delete,
            "rename": self._rename,
            "move": self._move,
            "enable": lambda call: self._able(call, False),
            "disable": lambda call: self._able(call, True),
            "build": self._build,
            "script": self._script,
            "crumb": lambda _call: _json({"crumb": CRUMB, "crumbRequestField": "Jenkins-Crumb"}),
            "plugins": lambda _call: _json({"plugins": _plugins()}),
            "view": self._view,
            "page": lambda _call: Response(200, b"<html>embedded Jenkins</html>"),
        }

    def __call__(self, request: Request, wait: Callable[[float], None]) -> Response:
        """The answer. `wait` sleeps for so many seconds, or until the server ends. Raises CutOff."""
        try:
            return self._answer(request, wait)
        except Refused as refused:
            page = f"<html>{refused.status}</html>".encode()
            words = {"X-Error": refused.words} if refused.words else {}
            return Response(refused.status, page, headers=words)

    def _answer(self, request: Request, wait: Callable[[float], None]) -> Response:
        path = urlsplit(request.target).path
        if path == "/login":
            return Response(200, b"<html>embedded Jenkins</html>")
        given = request.headers.get("authorization")
        if given is None:
            raise Refused(403)
        if not hmac.compare_digest(given.encode(), self._signed):
            raise Refused(401)
        if path.startswith("/-/"):
            return self._own(request, path[3:])
        try:
            call = self._understood(request, path)
        except (tree.NotModelled, NotOurs) as error:
            self.calls.count("not modelled")
            self.calls.refuse(f"{request.method} {request.target}: {error}")
            raise Refused(501, f"not in the embedded Jenkins: {error}") from None
        except Refused as refused:
            self.calls.count(f"refused {refused.status}")
            raise
        self.calls.count(call.kind)
        fault = self.faults.at(call.kind, path)
        if fault is not None:
            return self._failing(call, fault, wait)
        return self._do(call)

    def _do(self, call: Call) -> Response:
        try:
            with self.store.lock:
                self.scans.settle()
                return self._answers[call.kind](call)
        except definitions.NotXml:
            raise Refused(500) from None
        except (tree.NotModelled, NotOurs, definitions.UnknownClass) as error:
            words = f"{call.kind} {call.item.path}: {error}"
            self.calls.refuse(words)
            raise Refused(501, f"not in the embedded Jenkins: {words}") from None

    def _failing(self, call: Call, fault: Fault, wait: Callable[[float], None]) -> Response:
        if fault.kind == "crumb":
            if call.request.headers.get("jenkins-crumb") == CRUMB:
                return self._do(call)
            return Response(403, b"<html>No valid crumb was included in the request</html>")
        if fault.kind == "not-json":
            return Response(200, b"<html>a proxy's page</html>")
        if fault.kind == "sign-in":
            return Response(302, headers={"Location": "/login?from=%2F"})
        if fault.done:
            self._do(call)
        if fault.kind in ("cut", "gone"):
            raise CutOff
        if fault.kind == "timeout":
            wait(fault.seconds)
        raise Refused(500 if fault.kind == "500" else 503)

    def _understood(self, request: Request, path: str) -> Call:
        """Raises Refused with 404 or 405, NotModelled."""
        names: list[str] = []
        rest = path.strip("/").split("/") if path.strip("/") else []
        while len(rest) >= 2 and rest[0] == "job":
            names.append(unquote(rest[1]))
            rest = rest[2:]
        what = "/".join(rest)
        table = _JOB if names else _JENKINS
        found = table.get((request.method, what))
        with self.store.lock:
            item = self.store.find(names)
        if item is None:
            raise Refused(404)
        if found is None:
            if any(known == what for _method, known in table):
                raise Refused(405)
            raise tree.NotModelled("no such path")
        kind, known = found
        parameters = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
        if unknown := parameters.keys() - known:
            raise tree.NotModelled(f"parameter {', '.join(sorted(unknown))}")
        return Call(kind, item, parameters, request)

    # -- what is asked of Jenkins ---------------------------------------------------------------------------------

    def _list(self, call: Call) -> Response:
        depth = call.parameters.get("depth", "0")
        if depth not in ("0", "1"):
            raise tree.NotModelled(f"depth={depth}")
        asked = call.parameters.get("tree")
        return _json(tree.show(call.item, None if asked is None else tree.parse(asked), self.url))

    def _view(self, call: Call) -> Response:
        """The one view there is: jenkins-jobs looks at it before it deletes views of its own."""
        if "config.xml" in call.request.target:
            return Response(
                200, b"<?xml version='1.1'?>\n<hudson.model.AllView><name>all</name></hudson.model.AllView>", _XML
            )
        if call.parameters.get("tree") != "name":
            raise tree.NotModelled(call.request.target)
        return _json(tree.VIEW)

    def _config(self, call: Call) -> Response:
        return Response(200, self.store.config(call.item), _XML)

    def _create(self, call: Call) -> Response:
        parent = call.item
        if parent.kind not in (FOLDER, self.store.root.kind):
            raise Refused(500)
        kind = call.request.headers.get("content-type", "")
        if not kind:
            raise Refused(400, "No Content-Type header set")
        name = _good(call.parameters.get("name"), "Query parameter 'name' is required")
        if parent.child(name) is not None:
            raise Refused(400, f"A job already exists with the name \u2018{name}\u2019")
        if not kind.startswith(("text/xml", "application/xml")):
            raise Refused(400, "No mode given")
        said = definitions.read(call.request.body)
        item = self.store.create(parent, name, call.request.body, said)
        self._after_save(item)
        return Response(200)

    def _update(self, call: Call) -> Response:
        said = definitions.read(call.request.body)
        if said.kind != call.item.kind:
            raise Refused(500)
        self.store.update(call.item, call.request.body, said)
        self._after_save(call.item)
        if call.item.kind == FOLDER:
            for item in call.item.below():
                self._after_save(item)
        return Response(200)

    def _after_save(self, item: Item) -> None:
        if self.scan_after_save and item.scannable and item.buildable:
            self.store.scanned(item)

    def _delete(self, call: Call) -> Response:
        parent = call.item.parent
        assert parent is not None
        self.store.delete(call.item)
        return self._to(parent)

    def _rename(self, call: Call) -> Response:
        item, parent = call.item, call.item.parent
        assert parent is not None
        name = _good(call.parameters.get("newName"), "No name is specified")
        if name == item.name:
            raise Refused(400, "The new name is the same as the current name.")
        if parent.child(name) is not None:
            raise Refused(400, f"The name \u201c{name}\u201d is already in use.")
        self.store.place(item, parent, name)
        return Response(302, headers={"Location": f"../{quote(name)}"})

    def _move(self, call: Call) -> Response:
        """Answers alike whether it moved or not, but for where that leads to."""
        item, to = call.item, call.parameters.get("destination", "")
        target = self.store.find([name for name in to.split("/") if name]) if to.startswith("/") else None
        if (
            target is None
            or target.kind not in (FOLDER, self.store.root.kind)
            or target.child(item.name) is not None
            or target is item
            or target in list(item.below())
        ):
            return Response(302, headers={"Location": "."})
        self.store.place(item, target, item.name)
        return self._to(item)

    def _able(self, call: Call, disabled: bool) -> Response:
        self.store.set_disabled(call.item, disabled)
        return Response(302, headers={"Location": "."})

    def _build(self, call: Call) -> Response:
        if call.item.kind == FOLDER:
            raise Refused(404)
        if call.item.kind != MULTIBRANCH:
            raise tree.NotModelled("builds")
        if not call.item.buildable or not call.item.scannable:
            raise Refused(500)
        self.store.scanned(call.item)
        return Response(302, headers={"Location": "."})

    def _script(self, call: Call) -> Response:
        script = dict(parse_qsl(call.request.body.decode("utf-8", "replace"))).get("script", "")
        return Response(200, self.scans.run(script).encode(), "text/plain;charset=utf-8")

    def _to(self, item: Item) -> Response:
        at = "".join(f"job/{quote(name)}/" for name in item.path.split("/") if name)
        return Response(302, headers={"Location": urlsplit(self.url).path + at})

    # -- what is asked of the stand-in ----------------------------------------------------------------------------

    def _own(self, request: Request, what: str) -> Response:
        if (request.method, what) not in _OWN:
            raise Refused(404)
        if what == "items":
            with self.store.lock:
                self.scans.settle()
                return _json({one.path: _told(one) for one in self.store.root.below()})
        if what == "calls":
            return self._own_calls(request)
        try:
            if request.method == "PUT":
                self.faults.set(json.loads(request.body))
            elif request.method == "DELETE":
                self.faults.clear()
        except (ValueError, TypeError) as error:
            raise Refused(400, str(error)) from None
        return _json(self.faults.shown())

    def _own_calls(self, request: Request) -> Response:
        with self.store.lock:
            self.scans.settle()
            shown = {
                "total": self.calls.total,
                "kinds": dict(sorted(self.calls.kinds.items())),
                "scans": {"asked": len(self.scans.asked), "waiting": len(self.scans.waiting)},
                "not_modelled": list(self.calls.not_modelled),
            }
        if request.method == "DELETE":
            self.calls.reset()
        return _json(shown)


def _told(item: Item) -> dict[str, Any]:
    return {"id": item.id, "class": item.kind, "disabled": item.disabled, "scans": item.scans}


def _good(name: str | None, missing: str) -> str:
    """A name as Jenkins.checkGoodName takes it. Raises Refused."""
    if name is None or not name.strip():
        raise Refused(400, missing if name is None else "No name is specified")
    name = name.strip()
    bad = _BAD_NAME.search(name)
    if bad or name in (".", "..") or name.endswith("."):
        raise Refused(400, f"\u2018{bad[0] if bad else name}\u2019 is not allowed in a name")
    return name


def _plugins() -> list[dict[str, Any]]:
    return [
        {"shortName": name, "longName": name, "version": version, "active": True, "enabled": True}
        for name, version in definitions.PLUGINS.items()
    ]


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), _JSON)
