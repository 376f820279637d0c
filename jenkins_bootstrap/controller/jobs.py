"""The jobs of a running Jenkins: listed, made, changed, renamed, moved and deleted, one HTTP request each.

What may have been done although no good answer came (a status of 5xx, a time-out, a connection that broke) is looked at
before it is tried again, so that nothing is done twice. What a call should do is decided elsewhere.
"""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jenkins_bootstrap.controller.client import MARK, STAGE_SECONDS, Controller, ControllerError
from jenkins_bootstrap.controller.scan_script import scan_script
from jenkins_bootstrap.controller.wire import Answer, Unanswered, Wire

TREE = "_class,name,description,jobs[_class,name,description,jobs[_class,name,description]]"
"""What `present` asks for. Anything of builds would load them from disk."""
CALLS_PER_SCAN = 7
"""Calls to GitHub of a scan that finds nothing to build."""
LEAST_PAUSE_MS = 200
CRUMB_PATH = "crumbIssuer/api/json"
MOST_SCANS = 1000
"""Paths of one batch of scans."""
LISTING_SECONDS = 120.0
PAUSES = (0.5, 2.0, 5.0)
"""Seconds before each further attempt."""
_XML = "application/xml; charset=utf-8"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class ScansAsked:
    """What came of a batch: paths `added` to the queue, `waiting` in it now, `passed` over as they are gone, disabled
    or without a source."""

    added: int
    waiting: int
    passed: int


@dataclass(slots=True)
class JobsApi:
    """The jobs of `controller`'s Jenkins, by full name (`github/acme/web`); folders are jobs too.

    `log` gets a line for each request. Every method raises ControllerError and nothing else.
    """

    controller: Controller
    log: Callable[[str], None] | None = None
    sleep: Callable[[float], None] = time.sleep
    pauses: Sequence[float] = PAUSES
    _wire: Wire = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._wire = Wire(self.controller.url, self.controller.user, self.controller.token)

    def present(self, folder: str) -> Mapping[str, Any] | None:
        """What is in the folder, two levels deep, as Jenkins tells it (see TREE); None when there is no such folder."""
        what = f"folder {folder!r} cannot be listed"
        answer = self._asked(f"{_job(folder)}api/json?tree={TREE}", what, LISTING_SECONDS)
        if answer is None:
            return None
        try:
            listed = json.loads(answer.body)
        except ValueError:
            listed = None
        if not isinstance(listed, dict):
            raise self._error(
                f"{what}: the answer is no JSON object", "check that the URL is that of a Jenkins", answer.status
            )
        return listed

    def exists(self, path: str) -> bool:
        """Whether there is a job of exactly this name: Jenkins finds it in other letters' case too."""
        answer = self._asked(f"{_job(path)}api/json?tree=name", f"job {path!r} cannot be looked up")
        return answer is not None and _value(answer, "name") == path.rpartition("/")[2]

    def config(self, path: str) -> bytes:
        """The definition of a job, as Jenkins holds it."""
        what = f"the definition of job {path!r} cannot be read"
        answer = self._asked(f"{_job(path)}config.xml", what)
        if answer is None:
            raise self._error(f"{what}: it is not there", "list the jobs again", 404)
        return answer.body

    def create(self, path: str, xml: bytes) -> None:
        """Make a job or folder. The folder above it must be there."""
        above, _, name = path.rpartition("/")
        call = f"{_job(above)}createItem?name={quote(name, safe='')}"
        self._done(call, f"job {path!r} cannot be made", lambda: self._is(path, xml, new=True), xml, _XML)

    def update(self, path: str, xml: bytes) -> None:
        """Give a job another definition."""
        call = f"{_job(path)}config.xml"
        self._done(call, f"job {path!r} cannot be changed", lambda: self._is(path, xml), xml, _XML)

    def rename(self, path: str, new_name: str) -> None:
        """Rename a job within its folder; its builds stay."""
        new = "/".join([*path.split("/")[:-1], new_name])
        call = f"{_job(path)}confirmRename?newName={quote(new_name, safe='')}"
        self._done(call, f"job {path!r} cannot be renamed to {new_name!r}", lambda: self._moved(path, new))

    def move(self, path: str, folder: str) -> None:
        """Move a job to another folder that is there; its builds stay."""
        new = f"{folder}/{path.rpartition('/')[2]}"
        call = f"{_job(path)}move/move?destination={quote('/' + folder, safe='')}"
        what = f"job {path!r} cannot be moved to {folder!r}"
        answer = self._done(call, what, lambda: self._moved(path, new))
        # Jenkins answers alike when it did nothing, but for where it leads to.
        if answer is not None and not urlsplit(answer.location).path.endswith("/" + _job(new)):
            hint = "see that the folder is there, and no job of this name in it"
            raise self._error(f"{what}: Jenkins did nothing", hint, answer.status)

    def delete(self, path: str) -> None:
        """Delete a job with its builds; one that is not there is as good."""
        what = f"job {path!r} cannot be deleted"
        self._done(f"{_job(path)}doDelete", what, lambda: not self.exists(path), gone_is_done=True)

    def request_scans(self, paths: Sequence[str], calls_per_hour: int) -> ScansAsked:
        """Have multibranch jobs scanned, in this order, as soon as `calls_per_hour` calls to GitHub allow.

        Jenkins keeps one queue for these and the first scans after a boot: what waits in it is not added again. It is
        in memory: a restart of Jenkins forgets it. At most MOST_SCANS paths. Needs the permission to administer.
        """
        if len(paths) > MOST_SCANS:
            raise ValueError(f"{len(paths)} paths in a batch of at most {MOST_SCANS}")
        pause = max(LEAST_PAUSE_MS, 3_600_000 * CALLS_PER_SCAN // calls_per_hour)
        body = urlencode({"script": scan_script(paths, pause, token_hex(8))}).encode()
        what = f"the scans of {len(paths)} jobs cannot be asked for"
        # The batch carries a number that Jenkins remembers, so that it may simply be sent again.
        answer = self._done("scriptText", what, lambda: False, body, _FORM, STAGE_SECONDS)
        for line in answer.body.decode("utf-8", "replace").splitlines() if answer is not None else ():
            if line.startswith(MARK):
                said = json.loads(line.removeprefix(MARK))
                return ScansAsked(int(said["added"]), int(said["waiting"]), int(said["passed"]))
        raise self._error(f"{what}: the answer is not that of our script", "look in the log of Jenkins", 200)

    def close(self) -> None:
        self._wire.close()

    def _is(self, path: str, xml: bytes, *, new: bool = False) -> bool:
        """Whether the job has this definition. Of a `new` one, which a save may have changed at once, the description
        does: it carries the definition's hash."""
        answer = self._asked(f"{_job(path)}config.xml", f"job {path!r} cannot be looked at", tries=1)
        if answer is None:
            return False
        try:
            there, wanted = (ET.fromstring(text) for text in (_xml10(answer.body), _xml10(xml)))  # noqa: S314
        except ET.ParseError:
            return False
        if new and there.tag == wanted.tag and there.findtext("description") == wanted.findtext("description"):
            return True
        return _canonical(there) == _canonical(wanted)

    def _moved(self, old: str, new: str) -> bool:
        return self.exists(new) and not self.exists(old)

    def _asked(self, path: str, what: str, seconds: float | None = None, tries: int | None = None) -> Answer | None:
        """A GET, tried again while Jenkins has trouble; None for 404."""
        left = list(self.pauses) if tries is None else list(self.pauses)[: tries - 1]
        while True:
            answer: Answer | Unanswered
            try:
                answer = self._send("GET", path, seconds)
            except Unanswered as error:
                answer = error
            if isinstance(answer, Answer) and answer.status < 500:
                return None if answer.status == 404 else self._good(answer, what)
            if not left:
                raise self._refusal(answer, what)
            self.sleep(left.pop(0))

    def _done(
        self,
        path: str,
        what: str,
        done: Callable[[], bool],
        body: bytes = b"",
        kind: str = "",
        seconds: float | None = None,
        *,
        gone_is_done: bool = False,
    ) -> Answer | None:
        """A POST. After an answer that leaves open whether it was done, `done` looks, and only then is it tried again.

        Returns the answer, None when it was done but has none to show.
        """
        left = list(self.pauses)
        while True:
            answer: Answer | Unanswered
            try:
                answer = self._send("POST", path, seconds, body, kind)
            except Unanswered as error:
                answer = error
            if isinstance(answer, Answer) and answer.status < 500:
                return None if gone_is_done and answer.status == 404 else self._good(answer, what)
            refused = isinstance(answer, Unanswered) and answer.refused
            if not refused and self._looks_done(done):
                return None
            if not left:
                raise self._refusal(answer, what)
            self.sleep(left.pop(0))
            if isinstance(answer, Answer) and answer.status == 500:
                left = []  # most often no passing trouble: once more, and no oftener

    def _looks_done(self, done: Callable[[], bool]) -> bool:
        """False too when that cannot be seen now; what is wrong with it is told by the next attempt."""
        try:
            return done()
        except ControllerError:
            return False

    def _send(self, method: str, path: str, seconds: float | None, body: bytes | None = None, kind: str = "") -> Answer:
        timeout = seconds or self.controller.timeout
        answer = self._told(method, path, lambda: self._wire.send(method, path, timeout, body, kind))
        if method == "POST" and answer.asks_for_crumb:
            crumb = self._told("GET", CRUMB_PATH, lambda: self._wire.send("GET", CRUMB_PATH, timeout))
            if self._wire.use_crumb(crumb):
                return self._told(method, path, lambda: self._wire.send(method, path, timeout, body, kind))
        return answer

    def _told(self, method: str, path: str, send: Callable[[], Answer]) -> Answer:
        """A request, and its line in the log."""
        started = time.monotonic()
        said = "no answer"
        try:
            answer = send()
            said = str(answer.status)
            return answer
        finally:
            if self.log is not None:
                self.log(f"{method} {path.partition('?tree=')[0]}: {said}, {time.monotonic() - started:.3f} s")

    def _good(self, answer: Answer, what: str) -> Answer:
        if answer.status == 200 or (answer.status in (302, 303) and not _is_sign_in(answer.location)):
            return answer
        raise self._refusal(answer, what)

    def _refusal(self, answer: Answer | Unanswered, what: str) -> ControllerError:
        if isinstance(answer, Unanswered):
            hint = "look in the log of Jenkins" if answer.late else "check that Jenkins runs and that its URL is right"
            return self._error(f"{what}: {answer}", hint, 0)
        if answer.status in (302, 303):
            return self._error(f"{what}: leads to a sign-in page", "check the URL, the account and its token", 401)
        own = f", {_short(answer.error)}" if answer.status == 400 and answer.error else ""
        hints = {
            400: "another of this name may be in the way, or the name is none for Jenkins",
            401: f"the account {self.controller.user} or its token is not known there: give the right ones",
            403: f"give {self.controller.user} the permission that this needs",
            404: "it, or the folder above it, is not there: list the jobs again",
            503: "wait until Jenkins is up",
        }
        hint = hints.get(answer.status, "look in the log of Jenkins")
        return self._error(f"{what}: answers {answer.status}{own}", hint, answer.status)

    def _error(self, what: str, hint: str, status: int) -> ControllerError:
        return ControllerError(what, where=f"Jenkins at {self.controller.url}", hint=hint, status=status)


def _job(path: str) -> str:
    """The URL of a job below Jenkins' own, with the slash at its end; empty for Jenkins itself."""
    return "".join(f"job/{quote(name, safe='')}/" for name in path.split("/") if name)


def _xml10(text: bytes) -> bytes:
    """Jenkins declares XML 1.1, which expat does not take; what it writes is 1.0 but for control characters."""
    return text.replace(b"version='1.1'", b"version='1.0'", 1).replace(b'version="1.1"', b'version="1.0"', 1)


def _canonical(root: ET.Element) -> str:
    return ET.canonicalize(ET.tostring(root, encoding="unicode"), strip_text=True)


def _value(answer: Answer, key: str) -> object:
    try:
        return json.loads(answer.body)[key]
    except (ValueError, KeyError, TypeError):
        return None


def _short(words: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())[:200]


def _is_sign_in(location: str) -> bool:
    path = urlsplit(location).path
    return path.endswith(("/login", "/commenceLogin"))
