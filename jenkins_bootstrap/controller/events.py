"""What Jenkins makes of a webhook: it is sent one, and the events that a multibranch job has noted are read.

Jenkins answers 200 to whatever is signed well, also when nothing comes of it; a job's log of events is what proves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from jenkins_bootstrap.controller.client import Controller, ControllerError
from jenkins_bootstrap.controller.wire import Unanswered, Wire

if TYPE_CHECKING:
    import requests

SECONDS = 20.0
_HINT = "see that the address is the one of Jenkins, and that Jenkins runs"


def deliver(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """POST a webhook to `url`, as GitHub does: no sign-in, no redirect. Returns the status of the answer.

    Raises ControllerError when there is none.
    """
    import requests

    try:
        with requests.Session() as session:
            session.auth = _nobody  # also none of ~/.netrc; proxies of the environment are used
            if url.split("/")[2].partition(":")[0] in ("127.0.0.1", "localhost"):
                session.trust_env = False
            answer = session.post(url, data=body, headers=dict(headers), timeout=SECONDS, allow_redirects=False)
    except requests.exceptions.SSLError as error:
        raise ControllerError("its certificate is not trusted", where=f"POST {url}", hint=_HINT) from error
    except requests.RequestException as error:
        raise ControllerError(f"no answer ({type(error).__name__})", where=f"POST {url}", hint=_HINT) from error
    return answer.status_code


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def job_events(controller: Controller, path: str) -> str | None:
    """What a multibranch job (full name: `github/acme/web`) has noted of the events that concerned it, about a MiB at
    most; None when there is no such job.

    Source: cloudbees-folder, FolderComputation.getEventsText; branch-api serves it as `indexing`.
    """
    wire = Wire(controller.url, controller.user, controller.token)
    job = "".join(f"job/{quote(part, safe='')}/" for part in path.split("/"))
    where = f"Jenkins at {controller.url}"
    try:
        answer = wire.send("GET", f"{job}indexing/eventsText/progressiveText?start=0", SECONDS)
    except Unanswered as error:
        raise ControllerError(str(error), where=where, hint=_HINT) from None
    finally:
        wire.close()
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise ControllerError(
            f"the events of job {path!r} cannot be read: answers {answer.status}",
            where=where,
            hint="give the account the right to read jobs, or correct its token",
            status=answer.status,
        )
    return answer.body.decode("utf-8", "replace")
