"""The gateway to a running Jenkins: its only caller, over python-jenkins' session, crumb and requests.

Runs a stage's file in it and asks for version and plugins. Sends no secret but the token it signs in with, and tells
none of what a failing Jenkins answers, which may hold anything.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from jenkins_bootstrap.errors import BootstrapError

STAGE_SECONDS = 600.0
"""A stage may make a thousand jobs."""
MARK = "jenkins-bootstrap-result "
_SCRIPT = """
import java.nio.charset.StandardCharsets
import java.nio.file.Files
import java.nio.file.Paths
def file = Paths.get(@FILE@)
def said = Paths.get(@RESULT@)
def answer = null
try {
    Files.deleteIfExists(said)
    String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
    new GroovyShell(jenkins.model.Jenkins.get().pluginManager.uberClassLoader, new Binding()).evaluate(text, @NAME@)
} catch (Throwable thrown) {
    // Only a stage's own guard tells a cause without secrets; of anything else the class must do.
    Map told = [failed: true, cause: thrown.class.name, remedy: 'look in the log of Jenkins']
    answer = groovy.json.JsonOutput.toJson(told)
}
if (Files.exists(said)) {
    answer = new String(Files.readAllBytes(said), StandardCharsets.UTF_8)
}
println '@MARK@' + (answer ?: '{}').trim()
"""


class ControllerError(BootstrapError):
    """Jenkins did not do what it was asked. `status` is that of HTTP, 0 when there was no answer."""

    def __init__(self, what: str, *, where: str = "", hint: str = "", status: int = 0) -> None:
        super().__init__(what, where=where, hint=hint)
        self.status = status


class StageFailed(ControllerError):
    """A stage that was run again failed. Jenkins goes on as it was before."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """What came of a stage: seconds it took, and what it changed, in its own words."""

    stage: str
    seconds: float
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    name: str
    version: str
    active: bool


@dataclass(slots=True)
class Controller:
    """A Jenkins at `url`, signed in as `user` with an API token. Nothing is asked before the first call."""

    url: str
    user: str
    token: str = field(repr=False)
    timeout: float = 30.0
    _server: Any = field(default=None, init=False, repr=False)

    def is_up(self) -> bool:
        """Whether Jenkins has come up: it shows its login page. False too when nobody, or something else, answers."""
        import requests

        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy, and no other credentials from ~/.netrc
                answer = session.get(self.url.rstrip("/") + "/login", timeout=self.timeout, allow_redirects=False)
        except requests.RequestException:
            return False
        return answer.status_code == 200 and "X-Jenkins" in answer.headers

    def wait_until_ready(self, seconds: float, pause: float = 0.5, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait until Jenkins has come up. Raises ControllerError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not self.is_up():
            if time.monotonic() >= deadline:
                raise self._error(f"is not up after {seconds:.0f} s", "look in the journal: journalctl -u jenkins")
            sleep(pause)

    def version(self) -> str:
        """The version of the core."""
        answer = self._request("GET", "api/json?tree=mode")
        return str(answer.headers.get("X-Jenkins", ""))

    def plugins(self) -> tuple[InstalledPlugin, ...]:
        """The plugins that Jenkins knows, by name; one that failed to load is not active."""
        rows = self._json("pluginManager/api/json?tree=plugins[shortName,version,active]")["plugins"]
        found = [InstalledPlugin(row["shortName"], row["version"], bool(row["active"])) for row in rows]
        return tuple(sorted(found, key=lambda plugin: plugin.name))

    def failed_plugins(self) -> tuple[str, ...]:
        """Names of the plugins whose start failed, which Jenkins does not list among the others."""
        text = self._script(
            "println '" + MARK + "' + groovy.json.JsonOutput.toJson(jenkins.model.Jenkins.get().pluginManager"
            ".failedPlugins*.name)"
        )
        return tuple(sorted(str(name) for name in json.loads(self._marked(text, "failed plugins"))))

    def run_stage(self, file: str, result: str, stage: str) -> StageResult:
        """Evaluate a stage's file in the running Jenkins. All three go into the call and none is secret: `file` is the
        stage's path where Jenkins runs, `result` the path it writes what came of it to, `stage` its name.

        Raises StageFailed with the cause as the stage told it, ControllerError when it was not run.
        """
        values = {
            "@FILE@": _quoted(file),
            "@RESULT@": _quoted(result),
            # Groovy makes a class of it, as it does of the file that a boot runs.
            "@NAME@": _quoted(PurePosixPath(stage).stem + ".groovy"),
            "@MARK@": MARK,
        }
        script = re.sub("@[A-Z]+@", lambda match: values[match[0]], _SCRIPT)
        try:
            said: Mapping[str, Any] = json.loads(self._marked(self._script(script), f"stage {stage}"))
        except ValueError:
            said = {}
        if said.get("failed"):
            raise StageFailed(str(said.get("cause", "")), where=f"stage {stage}", hint=str(said.get("remedy", "")))
        if "seconds" not in said:
            raise StageFailed(
                "ended without saying what came of it", where=f"stage {stage}", hint="look in the log of Jenkins"
            )
        return StageResult(stage, float(said["seconds"]), tuple(str(change) for change in said.get("changes", ())))

    def _script(self, script: str) -> str:
        return str(self._request("POST", "scriptText", data={"script": script}, timeout=STAGE_SECONDS).text)

    def _marked(self, text: str, what: str) -> str:
        """The line that carries an answer; the rest is whatever the script printed."""
        for line in text.splitlines():
            if line.startswith(MARK):
                return line.removeprefix(MARK)
        raise self._error(f"{what}: the answer is not that of our script", "look in the log of Jenkins")

    def _json(self, path: str) -> Any:
        try:
            return self._request("GET", path).json()
        except ValueError:
            raise self._error("answers something that is no JSON", "check that the URL is that of a Jenkins") from None

    def _request(self, method: str, path: str, *, timeout: float | None = None, **parts: Any) -> Any:
        import jenkins
        import requests

        if self._server is None:
            self._server = jenkins.Jenkins(self.url, self.user, self.token)
            self._server._session.trust_env = False
        self._server.timeout = timeout or self.timeout
        request = requests.Request(method, self.url.rstrip("/") + "/" + path, **parts)
        try:
            return self._server.jenkins_request(request)
        except jenkins.NotFoundException:
            raise self._error("answers 404", "check that the URL is that of a Jenkins, with its path", 404) from None
        except jenkins.TimeoutException:
            raise self._error(
                f"did not answer within {self._server.timeout:.0f} s", "look in the log of Jenkins"
            ) from None
        except jenkins.JenkinsException as error:
            # python-jenkins tells the status in its text alone, with the page behind it, which is not shown.
            found = re.search(r"\[(\d{3})\]", str(error).splitlines()[0] if str(error) else "")
            raise self._refused(int(found[1]) if found else 0) from None
        except requests.HTTPError as error:
            raise self._refused(error.response.status_code if error.response is not None else 0) from None
        except (requests.RequestException, OSError):
            raise self._error("cannot be reached", "check that Jenkins runs: systemctl status jenkins") from None

    def _refused(self, status: int) -> ControllerError:
        hints = {
            401: f"the account {self.user} or its token is not known there: systemctl restart jenkins makes it anew",
            403: f"give {self.user} the permission to administer Jenkins",
            500: "look in the log of Jenkins",
            503: "wait until Jenkins is up: systemctl status jenkins",
        }
        return self._error(
            f"answers {status or 'something else'}", hints.get(status, "look in the log of Jenkins"), status
        )

    def _error(self, what: str, hint: str, status: int = 0) -> ControllerError:
        return ControllerError(what, where=f"Jenkins at {self.url}", hint=hint, status=status)


def _quoted(text: str) -> str:
    """A Groovy literal; in single quotes only these mean anything."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"
