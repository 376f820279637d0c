"""A Jenkins in memory as the synchronisation sees it: folders, jobs, their XML, names that are the same in any case.

It is strict where a real one is: what is not there is 404, a name that is taken is 400, a folder must be there before
what is in it. `fail` is asked before and after each call, so that a test can end a run at any point; it builds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jenkins_bootstrap.controller.client import ControllerError
from jenkins_bootstrap.jobs.marker import MachineLine, parse
from jenkins_bootstrap.jobs.present import FOLDER_CLASS

MULTIBRANCH_CLASS = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"


def xml(line: MachineLine | None, *, folder: bool = False, disabled: bool = False, text: str = "") -> bytes:
    tag = FOLDER_CLASS if folder else MULTIBRANCH_CLASS
    description = f"{text}\n\n{line}" if line else text
    return (
        f"<{tag}><description>{description}</description><disabled>{str(disabled).lower()}</disabled></{tag}>".encode()
    )


class JenkinsModel:
    def __init__(self) -> None:
        self.items: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.log: list[str] = []
        self.scans: list[str] = []
        self.writes: list[str] = []
        self.fail: Callable[[str, int, bool], None] = lambda _what, _number, _after: None
        """Told of each call: what it is, its number from 0, whether it has been done."""

    def find(self, path: str) -> str | None:
        return next((p for p in self.items if p.lower() == path.lower()), None)

    def put(self, path: str, content: bytes) -> None:
        self.items[path] = content

    def is_folder(self, path: str) -> bool:
        return parse(self.items[path]).tag == FOLDER_CLASS

    def descriptions(self) -> dict[str, str]:
        return {path: parse(content).findtext("description") or "" for path, content in sorted(self.items.items())}

    def present(self, folder: str) -> Mapping[str, Any] | None:
        return self._called("list", folder, lambda: self._listing(self.find(folder), 2))

    def config(self, path: str) -> bytes:
        return self._called("config", path, lambda: self.items[self._there(path)])

    def create(self, path: str, xml: bytes) -> None:
        def do() -> None:
            above = path.rpartition("/")[0]
            if above and not self.is_folder(self._there(above)):
                raise ControllerError("answers 404", status=404)
            self._free(path)
            self.items[path] = xml

        self._called("create", path, do)

    def update(self, path: str, xml: bytes) -> None:
        self._called("update", path, lambda: self.items.__setitem__(self._there(path), xml))

    def rename(self, path: str, new_name: str) -> None:
        def do() -> None:
            old = self._there(path)
            self._to(old, f"{old.rpartition('/')[0]}/{new_name}".lstrip("/"))

        self._called("rename", f"{path} {new_name}", do)

    def move(self, path: str, folder: str) -> None:
        def do() -> None:
            old = self._there(path)
            self._to(old, f"{self._there(folder)}/{old.rpartition('/')[2]}")

        self._called("move", f"{path} {folder}", do)

    def delete(self, path: str) -> None:
        self._called("delete", path, lambda: self.items.pop(self._there(path)))

    def request_scans(self, paths: Sequence[str], calls_per_hour: int) -> None:
        assert 0 < len(paths) <= 1000
        assert calls_per_hour > 0
        self._called("scan", " ".join(paths), lambda: self.scans.extend(p for p in paths if p not in self.scans))

    def _to(self, old: str, new: str) -> None:
        self._free(new)
        for path in [p for p in self.items if p == old or p.startswith(old + "/")]:
            self.items[new + path[len(old) :]] = self.items.pop(path)

    def _there(self, path: str) -> str:
        found = self.find(path)
        if found is None:
            raise ControllerError("answers 404", status=404)
        return found

    def _free(self, path: str) -> None:
        if self.find(path) is not None:
            raise ControllerError("answers 400", status=400)

    def _listing(self, path: str | None, depth: int) -> Mapping[str, Any] | None:
        if path is None:
            return None
        content = self.items[path]
        node: dict[str, Any] = {
            "_class": FOLDER_CLASS if self.is_folder(path) else MULTIBRANCH_CLASS,
            "name": path.rpartition("/")[2],
            "description": parse(content).findtext("description"),
        }
        if depth and self.is_folder(path):
            children = [p for p in self.items if p.rpartition("/")[0] == path]
            node["jobs"] = [self._listing(p, depth - 1) for p in sorted(children)]
        return node

    def _called(self, what: str, where: str, do: Callable[[], Any]) -> Any:
        number = sum(self.calls.values())
        self.calls[what] += 1
        self.log.append(f"{what} {where}")
        self.fail(what, number, False)
        result = do()
        if what not in ("list", "config"):
            self.writes.append(f"{what} {where}")
        self.fail(what, number, True)
        return result
