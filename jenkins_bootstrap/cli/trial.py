"""What a controller on this machine is made of, from the settings as in a bake: for `try` and the acceptance tests.

The stages, the seed and the documents are those of an image; only the paths, the URL and, where a folder of plugins is
given, their versions are this machine's.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jenkins_bootstrap.cli import content
from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.cli.surroundings import MEMORY, PREFIX, sweep, trials
from jenkins_bootstrap.errors import BootstrapError, raise_all
from jenkins_bootstrap.interrupts import undisturbed

if TYPE_CHECKING:
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.boot.local import LocalController
    from jenkins_bootstrap.config.models import Settings
    from jenkins_bootstrap.images.war import War
    from jenkins_bootstrap.plugins.at_hand import Choice
    from jenkins_bootstrap.plugins.lock import Lock

END_SECONDS = 5.0
"""What Jenkins gets to end in: nothing of it is kept, so that killing it does no harm."""


@dataclass(slots=True)
class Trial:
    """Everything known before anything is made: what Jenkins is started with, and what differs from an image."""

    settings: Settings
    """Those of this machine's controller: its URL, its GitHub, its Jenkins, no volume of its own."""
    lock: Lock
    """What the settings want."""
    carried: Lock
    """What this controller has in its place: the plugins at hand, or the same lock."""
    war: War | None
    """None only in a plan that does not download."""
    files: Mapping[str, Path]
    """Plugin files by name: those at hand, or those of the lock."""
    to_fetch: tuple[str, ...]
    choice: Choice | None
    """What was chosen of a folder of plugins; None when the plugins are the lock's."""
    made: content.Definitions

    @property
    def versions(self) -> dict[str, str]:
        return self.carried.versions

    @property
    def war_version(self) -> str:
        return self.settings.controller.jenkins.version

    @property
    def differences(self) -> tuple[str, ...]:
        """How the plugins differ from the lock, a line each."""
        from jenkins_bootstrap.plugins.at_hand import differences

        return () if self.choice is None else differences(self.choice, self.lock)


def gather(ctx: Context, war: Path | None, plugins: Path | None, url: str, *, download: bool = True) -> Trial:
    """List and render everything; changes nothing but the caches of downloads. `url` is what Jenkins will be at.

    What the settings name in AWS is looked up by each start, as on a controller.

    Raises BootstrapError when there is no Jenkins to start, or its plugins cannot be had; both are told at once.
    """
    from jenkins_bootstrap.cli.plugins import wanted_lock
    from jenkins_bootstrap.cli.sources import check_organisation, github_api_url
    from jenkins_bootstrap.plugins.at_hand import as_lock, choose, read_folder
    from jenkins_bootstrap.plugins.core import check_lock, check_plugins
    from jenkins_bootstrap.plugins.errors import UnreachableError

    check_organisation(ctx)
    lock, _notes = wanted_lock(ctx)
    errors: list[BootstrapError] = []
    found, at_hand, choice, carried = None, None, None, lock
    files: dict[str, Path] = {}
    to_fetch: tuple[str, ...] = ()
    try:
        found = find_war(ctx, war, download=download)
    except BootstrapError as error:
        errors.append(error)
    try:
        if plugins is not None:
            at_hand = read_folder(plugins)
        else:
            files, to_fetch = locked_files(ctx, lock, download=download)
    except UnreachableError as error:
        errors.append(BootstrapError(error.what, where=error.where, hint=f"{error.hint}, with --plugins DIR"))
    except BootstrapError as error:
        errors.append(error)
    raise_all(errors)
    version = found.version if found is not None else ctx.settings.controller.jenkins.version
    if at_hand is not None:
        choice = choose(ctx.settings.controller.plugins, at_hand, version, lock)
        check_plugins(choice.plugins, version)
        files = {plugin.name: plugin.path for plugin in choice.plugins}
        carried = as_lock(choice, version)
    else:
        check_lock(lock, version)
    # The jobs of this machine's GitHub name it, in place of the one in the settings.
    github = ctx.settings.github.model_copy(update={"api_url": github_api_url(ctx)})
    ctx.settings = ctx.settings.model_copy(update={"github": github})
    return Trial(
        settings=local_settings(ctx.settings, url, version),
        lock=lock,
        carried=carried,
        war=found,
        files=files,
        to_fetch=to_fetch,
        choice=choice,
        made=content.definitions(ctx, lock),
    )


def local_settings(settings: Settings, url: str, version: str) -> Settings:
    """The settings of a controller of this machine: reached at `url`, with this Jenkins, JENKINS_HOME in its folder."""
    jenkins = settings.controller.jenkins.model_copy(update={"version": version})
    here = {"url": url, "jenkins": jenkins, "volume": None}
    return settings.model_copy(update={"controller": settings.controller.model_copy(update=here)})


def find_war(ctx: Context, given: Path | None, *, download: bool) -> War | None:
    """The war that was given, JENKINS_WAR's, or that of the settings; None for one that would be downloaded."""
    from jenkins_bootstrap.config.models import WarUrl
    from jenkins_bootstrap.images.war import find_jenkins, kept_war

    environ = dict(os.environ) if given is None else {"JENKINS_WAR": str(given)}
    source = ctx.settings.controller.jenkins.source
    kept = kept_war(source, ctx.cache) if isinstance(source, WarUrl) else None
    if kept is not None and not environ.get("JENKINS_WAR") and not download and not kept.exists():
        return None
    with ctx.progress("getting Jenkins"):
        jenkins = find_jenkins(ctx.settings.controller, environ=environ, target="embedded", cache=ctx.cache)
    if jenkins.war is None:
        raise BootstrapError(
            "there is no Jenkins to start: a war is given neither here nor in the settings",
            where="controller.jenkins.source",
            hint="jenkins-bootstrap try --war FILE; or set source to {war: FILE}, or to {url: URL, sha256: ...}",
        )
    return jenkins.war


def locked_files(ctx: Context, lock: Lock, *, download: bool) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The plugin files of the lock by name, downloaded and verified, out of the cache, or out of JENKINS_PLUGINS; and
    the names of those that are still to be had."""
    from jenkins_bootstrap.plugins.fetch import fetch, missing
    from jenkins_bootstrap.plugins.lock import dumps

    folder = ctx.cache / "plugins" / hashlib.sha256(dumps(lock).encode()).hexdigest()[:16]
    files = {plugin.name: folder / f"{plugin.name}.jpi" for plugin in lock.plugins}
    if not download:
        return files, tuple(plugin.name for plugin in missing(lock, folder))
    with ctx.progress("fetching the plugins of the lock") as line:
        fetch(lock, folder, source=os.environ.get("JENKINS_PLUGINS"), progress=line)
    return files, ()


@contextmanager
def laid_out(ctx: Context, trial: Trial, port: int) -> Iterator[LocalController]:
    """The trial's controller, not started yet; when the block ends it is stopped and all of it is removed.

    After a failure the log stays, and the error names it.
    """
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.boot.local import BootFailed

    parent = trials(ctx)
    sweep(parent)
    root = parent / str(os.getpid())
    place = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    memory = place / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    key_pair, controller = None, None
    try:
        key_pair = agents_key_pair(ctx)
        memory.mkdir(mode=0o700)
        controller = put(ctx, trial, Layout(root), port, memory)
        yield controller
    except BootFailed as error:
        kept = ctx.folder / "jenkins-try.log"
        shutil.copyfile(root / "jenkins.log", kept)
        hint = f"{error.hint}; the log is kept in {kept}" if error.stage else f"the log is kept in {kept}"
        raise BootFailed(error.what, where=error.where, hint=hint, stage=error.stage) from None
    finally:
        with undisturbed():
            if controller is not None:
                controller.stop(END_SECONDS)
                with suppress(BootstrapError):
                    clear(ctx, controller.url, key_pair)
            shutil.rmtree(memory, ignore_errors=True)
            shutil.rmtree(root, ignore_errors=True)
            for folder in (parent, ctx.state):
                with suppress(OSError):
                    folder.rmdir()  # when nothing else is in there


def agents_key_pair(ctx: Context) -> str | None:
    """The name of the key pair that the start will import; None when it is there, and so not ours to remove."""
    from jenkins_bootstrap.aws import credentials, keypair
    from jenkins_bootstrap.aws import secrets as values

    text = values.read(ctx.aws, ctx.settings.secrets.agent_key).text
    credentials.check_rsa_pem(text, f"secret {ctx.settings.secrets.agent_key}")
    name = keypair.name_of(ctx.settings.project, keypair.public_key(text))
    return name if keypair.find(ctx.aws, name) is None else None


def clear(ctx: Context, url: str, key_pair: str | None) -> None:
    """Remove what the Jenkins at `url` left in AWS: its agents, which the EC2 plugin tags with it, and the key pair."""
    mine = [{"Name": "tag:jenkins_server_url", "Values": [url]}]
    alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    pages = ctx.aws.pages("ec2", "describe_instances", "Reservations", Filters=mine + alive)
    ids = [instance["InstanceId"] for reservation in pages for instance in reservation["Instances"]]
    if ids:
        ctx.aws.call("ec2", "terminate_instances", InstanceIds=ids)
    if key_pair is not None:
        ctx.aws.call("ec2", "delete_key_pair", KeyName=key_pair)


def put(ctx: Context, trial: Trial, layout: Layout, port: int, memory: Path | None = None) -> LocalController:
    """Lay the trial out below `layout.root` and return its controller, not started yet. `memory` is an empty folder on
    tmpfs for what a controller has there."""
    from jenkins_bootstrap.boot import documents, local
    from jenkins_bootstrap.boot.prepare import Boot
    from jenkins_bootstrap.files import canonical_json
    from jenkins_bootstrap.jobs.seed import seed_files
    from jenkins_bootstrap.plugins.lock import dumps
    from jenkins_bootstrap.stages.compile import compile_stages
    from jenkins_bootstrap.stages.render import render

    assert trial.war is not None
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if memory is not None:
        layout.run.parent.symlink_to(memory)
    stages = render(
        trial.settings,
        trial.versions,
        facts_path=str(layout.facts),
        secrets_path=str(layout.secrets),
        seed_path=str(layout.seed),
        sources=trial.carried.sources,
    )
    with ctx.progress("compiling the stages"):
        compiled = compile_stages(stages, own=trial.settings.controller.stages)
    if not compiled.compiled:
        ctx.warn(f"the stages are {content.compiled_words(compiled)}; Jenkins does it itself, which takes longer")
    rendered = trial.made.rendered
    local.lay_out(
        layout,
        war=trial.war.path,
        stages=stages,
        classes=compiled.classes,
        seed=seed_files(rendered.jobs, rendered.folders, trial.made.listed_at),
        documents={
            layout.plugin_lock.name: dumps(trial.carried),
            layout.settings.name: canonical_json(documents.image_settings(trial.settings)),
            layout.image.name: canonical_json({"target": ctx.target, "project": trial.settings.project}),
        },
    )
    sha256 = {plugin.name: plugin.sha256 for plugin in trial.carried.plugins}
    local.put_plugins(
        layout, {name: (path, sha256[name]) for name, path in trial.files.items()}, ctx.cache / "exploded"
    )
    environment: dict[str, str] = {}
    environ: dict[str, str] = {}
    if ctx.target == "embedded":
        environment = ctx.endpoints.environment()
        told = {"aws_endpoint": ctx.endpoints.aws_url, "github_url": ctx.endpoints.github_url}
        environ = {variable: told[key] for key, variable in documents.ENDPOINTS.items()}

    def prepare() -> None:
        Boot(layout, environ=environ, say=ctx.trace, log=ctx.trace if ctx.verbose else None).run()

    return local.LocalController(layout, port, prepare=prepare, environment=environment)
