"""What `jobs plan` and `jobs sync` are wired to: settings, GitHub and Jenkins of the target, or of the image itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.cli.jenkins import controller_for
from jenkins_bootstrap.errors import UsageError

if TYPE_CHECKING:
    from jenkins_bootstrap.reconcile import Only, Reconciler, Source


@dataclass(frozen=True, slots=True)
class Asked:
    """Which Jenkins the options name."""

    url: str | None
    user: str | None
    token_file: Path | None


def reconciler(ctx: Context, asked: Asked, tell: Callable[[str], None]) -> Reconciler:
    """Everything that a run needs. Nothing of GitHub and Jenkins is asked yet."""
    from jenkins_bootstrap.controller.jobs import JobsApi
    from jenkins_bootstrap.reconcile import Calls, Reconciler

    image = image_here(ctx)
    controller = controller_for(ctx, asked.url, asked.user, asked.token_file)
    source, state, plugin_lock = image if image is not None else (_source(ctx, tell), ctx.state, _lock(ctx))
    calls = Calls(ctx.trace if ctx.verbose else None)
    return Reconciler(
        ctx.settings,
        source,
        JobsApi(controller, log=calls),
        state,
        jenkins=controller.url,
        calls=calls,
        tell=tell,
        note=ctx.note,
        locked=_plugins(plugin_lock),
    )


def _lock(ctx: Context) -> Path:
    from jenkins_bootstrap.plugins import lock

    return lock.path_beside(ctx.settings_path)


def _plugins(plugin_lock: Path) -> list[str] | None:
    """Names of the plugins of a lock; None without one, so that nothing is concluded."""
    from jenkins_bootstrap.plugins import lock

    return [plugin.name for plugin in lock.read(plugin_lock).plugins] if plugin_lock.exists() else None


def _source(ctx: Context, tell: Callable[[str], None]) -> Source:
    from jenkins_bootstrap.cli.sources import check_organisation, github_api_url
    from jenkins_bootstrap.reconcile import GitHubSource

    check_organisation(ctx)
    return GitHubSource(ctx.settings, ctx.secret_values, github_api_url(ctx), ctx.state, tell)


def image_here(ctx: Context) -> tuple[Source, Path, Path] | None:
    """GitHub, the state folder and the plugin lock of the controller image that this runs in; None elsewhere.

    Takes the image's settings.
    """
    from jenkins_bootstrap.boot.layout import Layout

    layout = Layout()
    if ctx.settings_path.exists() or not layout.settings.exists():
        return None
    from jenkins_bootstrap.receiver.image import Image
    from jenkins_bootstrap.reconcile import GitHubSource

    image = Image(layout, os.environ)
    ctx.settings = image.settings
    # Beside `serve` no unfinished listing is gone on with: it may be older than what deliveries told since.
    source = GitHubSource(image.settings, image.read_secret(), image.target.github_api_url)
    return source, layout.state, layout.plugin_lock


def is_recent(found: Reconciler, minutes: int) -> bool:
    """Whether everything was in step so short a while ago."""
    from jenkins_bootstrap.reconcile import State

    last = State(found.state, found.jenkins).last()
    if last is None or last.folder != found.settings.jobs.folder:
        return False
    return timedelta(0) <= datetime.now(UTC) - last.at < timedelta(minutes=minutes)


def only_of(ctx: Context, repo: str) -> Only:
    """The repository that --repo names: owner/name, a name where there is one owner, or GitHub's number."""
    from jenkins_bootstrap.reconcile import Only

    owners = ctx.settings.github.owners
    if repo.isascii() and repo.isdigit() and not repo.startswith("0") and len(repo) > 3:
        return Only(id=int(repo))
    owner, slash, name = repo.rpartition("/")
    if not slash and len(owners) == 1:
        owner = owners[0].name
    if not owner or not name or "/" in owner:
        raise UsageError(f"{repo!r} names no repository", where="--repo", hint="owner/name, or GitHub's number for it")
    if all(o.name.lower() != owner.lower() for o in owners):
        raise UsageError(f"{owner!r} is not in github.owners", where="--repo", hint=", ".join(o.name for o in owners))
    return Only(owner=owner, name=name)
