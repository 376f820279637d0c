"""A receiver as a process of its own, for tests that kill it: folder, what to do at which moment.

Its reconciliation is a file that grows: one line a repository as it is when the work is done, as GitHub and Jenkins
would have it. `slow` makes it take so many seconds; `die` ends the process as SIGKILL does, in the midst of a commit;
`end` ends the worker's thread.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from jenkins_bootstrap.config.controller import Receiver
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.receiver.ports import Result
from jenkins_bootstrap.receiver.service import Service

folder = Path(sys.argv[1])
options = json.loads(sys.argv[2])
settings = Settings.model_validate(
    {
        "project": "demo",
        "region": "eu-west-1",
        "controller": {"url": "https://jenkins.example.org/"},
        "github": {"owners": [{"name": "acme-demo"}]},
    }
)
receiver = Receiver.model_construct(port=0, address="127.0.0.1", queue_most=10_000)
settings = settings.model_copy(update={"controller": settings.controller.model_copy(update={"receiver": receiver})})


def reconcile(target):
    if options.get("end"):
        sys.exit()
    with (folder / "begun").open("a") as begun:
        begun.write(f"{target}\n")
    time.sleep(options.get("slow", 0))
    if options.get("hang") and target is not None:
        time.sleep(60)
    jobs = folder / "jobs"
    jobs.mkdir(exist_ok=True)
    (jobs / str(target.id if target else "all")).write_text(target.name if target else "")
    return Result(changes=1)


service = Service(
    settings,
    folder / "deliveries.db",
    lambda: {"github_receiver_secret": "not-a-real-receiver-secret"},
    lambda _values: reconcile,
    first=10_000,
    stop_seconds=5,
    tick_seconds=0.05,
)
if options.get("die"):
    # At the moment of the commit itself: the statement is given to SQLite, its end is never seen.
    service.queue._file.connection.set_trace_callback(
        lambda statement: (
            statement == "COMMIT" and len(list(folder.glob("die"))) and os.kill(os.getpid(), signal.SIGKILL)
        )
    )


def started(host, port):
    (folder / "address").write_text(f"{host} {port}")


service.run(started)
