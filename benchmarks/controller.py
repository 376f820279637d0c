"""What `jenkins-bootstrap boot` costs before Jenkins starts: a controller below a folder, against the embedded AWS.

Its plugins are archives of random bytes, as many and as large as those of a usual lock, since their content is hashed.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

from run import COMMAND, median, row, run

from jenkins_bootstrap.boot import documents, local
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.config import load
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.plugins.explode import explode, tree_manifest
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin, dumps
from jenkins_bootstrap.stages.render import render

PLUGINS = 96
ARCHIVE = 1_200_000
"""Bytes of one archive: 96 real ones had 115 MB."""
BAR = 3.0


def plugin(folder: Path, name: str) -> LockedPlugin:
    path = folder / f"{name}.jpi"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Short-Name: {name}\nPlugin-Version: 1.0\n")
        archive.writestr(f"WEB-INF/lib/{name}.jar", os.urandom(ARCHIVE))
    os.utime(path, (315532800, 315532800))
    explode(path, folder / name)
    return LockedPlugin(
        name, "1.0", sha256(path.read_bytes()).hexdigest(), f"http://127.0.0.1:1/{name}.hpi", "2.479", ()
    )


def boots(folder: Path) -> None:
    """One row: the whole process, again and again as systemd would start it, beside one call to the same AWS."""
    file = folder / "jenkins-bootstrap.yml"
    settings = load(file)
    told = json.loads(run(COMMAND, "-c", file, "--json", "embedded", "env"))
    layout = Layout(folder / "controller")
    layout.plugins.mkdir(parents=True)
    locked = tuple(plugin(layout.plugins, f"plugin-{n:02}") for n in range(PLUGINS))
    (layout.plugins / "tree.json").write_text(canonical_json(tree_manifest(layout.plugins)))
    stages = render(
        settings,
        {one.name: one.version for one in locked},
        facts_path=str(layout.facts),
        secrets_path=str(layout.secrets),
        seed_path=str(layout.seed),
    )
    war = folder / "war"
    war.write_bytes(b"not started here")
    documents_of = {
        layout.plugin_lock.name: dumps(Lock("2.516.2", "default", "2026-01-01", locked)),
        layout.settings.name: canonical_json(documents.image_settings(settings)),
        layout.image.name: canonical_json({"target": "embedded", "project": settings.project}),
    }
    local.lay_out(layout, war=war, stages=stages, seed={"seed.json": b"{}"}, documents=documents_of)
    more = {
        "JENKINS_BOOTSTRAP_EMBEDDED_AWS": told["AWS_ENDPOINT_URL"],
        "JENKINS_BOOTSTRAP_EMBEDDED_GITHUB": told["GITHUB_API_URL"],
    }
    call = (
        "import boto3, os; boto3.client('sts', 'eu-west-1', endpoint_url=os.environ['JENKINS_BOOTSTRAP_EMBEDDED_AWS'],"
        "aws_access_key_id='x', aws_secret_access_key='x').get_caller_identity()"
    )
    one = median(lambda: run(sys.executable, "-c", call, **more), 5)
    ours = median(lambda: run(COMMAND, "boot", "--root", layout.root, **more), 5)
    row(
        f"boot, before Jenkins, {PLUGINS} plugins of {ARCHIVE * PLUGINS // 10**6} MB",
        ours,
        BAR,
        "of one call by boto3",
        one,
    )
