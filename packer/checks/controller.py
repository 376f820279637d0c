"""The controller layer: user, stages, plugins as the lock says, the seed of jobs, settings, units, our package."""

import grp
import json
import os
import pwd
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from report import BAKE, check, end, file, output

SHARE = Path("/usr/share/jenkins-bootstrap")
UNITS = Path("/etc/systemd/system")
LIBRARY = Path("/opt/jenkins-bootstrap/lib")
STAGES = ("init.groovy", "init.groovy.d/aws.txt", "init.groovy.d/github.txt", "init.groovy.d/githubrepos.txt")

try:
    user = pwd.getpwnam("jenkins")
    wrong = [] if (user.pw_uid, user.pw_gid) == (800, 800) else [f"uid {user.pw_uid}, gid {user.pw_gid}"]
    wrong += [] if user.pw_shell.endswith("nologin") else [f"shell {user.pw_shell}"]
    wrong += [f"member of {g.gr_name}" for g in grp.getgrall() if "jenkins" in g.gr_mem]
    check("user jenkins", ", ".join(wrong))
except KeyError:
    check("user jenkins", "does not exist")
file("/var/lib/jenkins", "jenkins:jenkins", "0750")
left = sorted(p.name for p in Path("/var/lib/jenkins").iterdir()) if Path("/var/lib/jenkins").is_dir() else []
# jenkins.py comes before this check: its trial start must leave nothing here either.
check("JENKINS_HOME is empty", f"holds {', '.join(left[:5])}" if left else "")

for stage in STAGES:
    path = SHARE / "stages" / stage
    file(str(path))
    check(f"{stage} is not empty", "" if path.is_file() and path.read_text().strip() else "empty or missing")
extra = sorted(str(p.relative_to(SHARE / "stages")) for p in (SHARE / "stages").rglob("*") if p.is_file())
check("the stages of this bake and no other", "" if extra == BAKE["stages"] else f"{extra}, not {BAKE['stages']}")

try:
    file(str(SHARE / "plugins.lock.json"))
    json.loads((SHARE / "plugins.lock.json").read_text())
    check("plugin lock is JSON")
    file(str(SHARE / "image.json"))
    image = json.loads((SHARE / "image.json").read_text())
    check("image.json names this image", "" if image["content_key"] == BAKE["content_key"] else "another content key")
except (OSError, ValueError, KeyError) as error:
    check("plugin lock and image.json", str(error))

jobs = sorted((SHARE / "jobs" / "xml").rglob("*.xml"))
check(f"seed of {BAKE['seed_jobs']} jobs", "" if len(jobs) == BAKE["seed_jobs"] else f"holds {len(jobs)}")
broken = []
for path in jobs:
    # Jenkins writes and reads XML 1.1, which this parser does not know.
    data = re.sub(rb"^<\?xml[^>]*\?>", b"", path.read_bytes())
    try:
        ElementTree.fromstring(data)  # noqa: S314 - our own files
    except ElementTree.ParseError as error:
        broken.append(f"{path.name}: {error}")
check("each job of the seed is XML", "; ".join(broken[:3]))

file("/var/lib/jenkins-bootstrap", "root:root", "0700")
file(str(SHARE / "settings.json"))

sys.path.insert(0, str(LIBRARY))
from jenkins_bootstrap.errors import BootstrapError  # noqa: E402 - only there

try:
    from jenkins_bootstrap.boot.documents import read_image_settings

    settings = read_image_settings(SHARE / "settings.json")
    check("settings.json is read by boot")
except Exception as error:
    settings = None
    check("settings.json is read by boot", str(error))
if settings is not None:
    try:
        from jenkins_bootstrap.facts import Repository
        from jenkins_bootstrap.jobs.xml import render_all

        # Here as it will be on the controller: by this Python, with jenkins-job-builder as it is installed.
        made = render_all(settings, [Repository(settings.github.owners[0].name, "example", 1)])
        check("a job is made from the templates", "" if len(made.jobs) > 1 else f"{len(made.jobs)} jobs")
    except Exception as error:
        check("a job is made from the templates", f"{type(error).__name__}: {error}")
    try:
        from jenkins_bootstrap.receiver.service import Service

        with TemporaryDirectory() as folder:
            service = Service(settings, Path(folder, "deliveries.db"), dict, lambda _values: None)
            service.server.app()
            check("the receiver can be made", "" if service.metrics.text() else "it tells no figures")
            service.queue.close()
    except Exception as error:
        check("the receiver can be made", f"{type(error).__name__}: {error}")

if BAKE["classes"]:
    from jenkins_bootstrap.stages.classes import classes_of

    file(str(SHARE / "stages.jar"))
    try:
        classes_of(SHARE / "stages.jar", {stage: (SHARE / "stages" / stage).read_text() for stage in BAKE["stages"]})
        check("the classes of the stages are made of these stages")
    except (BootstrapError, OSError) as error:
        check("the classes of the stages are made of these stages", str(error))

for unit in ("jenkins.service", *(f"jenkins-bootstrap-{name}.service" for name in ("jobs", "page", "serve", "watch"))):
    file(str(UNITS / unit))
for unit in ("jenkins-bootstrap-jobs.timer", "jenkins-bootstrap-watch.timer"):
    file(str(UNITS / unit))
for unit in (
    "jenkins.service",
    "jenkins-bootstrap-jobs.service",
    "jenkins-bootstrap-jobs.timer",
    "jenkins-bootstrap-watch.timer",
):
    file(str(UNITS / f"{unit}.d/10-settings.conf"))
for unit in ("jenkins.service", "jenkins-bootstrap-serve.service"):
    wanted = UNITS / "multi-user.target.wants" / unit
    check(f"{unit} is enabled", "" if wanted.is_symlink() and wanted.exists() else "nothing starts it at boot")
    check(f"{unit} is not masked", "it is a link" if (UNITS / unit).is_symlink() else "")
if shutil.which("systemd-analyze"):
    names = sorted(str(p) for p in UNITS.glob("jenkins*") if p.is_file())
    status, text = output("systemd-analyze", "verify", "--man=no", *names)
    lines = [line for line in text.splitlines() if "jenkins" in line]
    check("systemd takes the units", "; ".join(lines[:5]))

plugins = SHARE / "plugins"
archives = sorted(p.stem for p in plugins.glob("*.jpi"))
check(f"{BAKE['plugins']} plugins", "" if len(archives) == BAKE["plugins"] else f"holds {len(archives)}")
if archives:
    from jenkins_bootstrap.boot.plugins_dir import verify
    from jenkins_bootstrap.plugins.lock import read

    try:
        verify(plugins, read(SHARE / "plugins.lock.json"), missing_allowed=False)
        check("plugins are exploded, and as the lock says")
    except BootstrapError as error:
        check("plugins are exploded, and as the lock says", str(error))
    times = {n: (plugins / f"{n}.jpi", plugins / n / ".timestamp2") for n in archives}
    again = [n for n, (a, b) in times.items() if not b.exists() or a.stat().st_mtime != b.stat().st_mtime]
    check("Jenkins explodes no plugin again", ", ".join(again[:5]))
open_to_others = []
for start in (SHARE, LIBRARY):
    for top, folders, names in os.walk(start):
        for path in (Path(top, name) for name in [*folders, *names]):
            found = path.lstat()
            if found.st_uid or (found.st_mode & 0o022 and not path.is_symlink()):
                open_to_others.append(str(path))
check("nothing of ours can be written by others", ", ".join(open_to_others[:5]))

compiled = list(LIBRARY.glob("jenkins_bootstrap/boot/__pycache__/*.pyc"))
# The second word of a compiled file: 1, by hash and unchecked (PEP 552), so that it is the same bytes in every bake.
other = [p.name for p in compiled if p.read_bytes()[4:8] != b"\1\0\0\0"]
check("our package is compiled", ", ".join(other[:5]) if compiled else "it is not")

status, text = output(
    "setpriv", "--reuid=jenkins", "--regid=jenkins", "--clear-groups", "jenkins-bootstrap", "--version"
)
check("jenkins-bootstrap --version runs as jenkins", text[-300:] if status else "")
end()
