"""`jobs`: definitions for the repositories that the settings choose."""

from __future__ import annotations

from pathlib import Path

import click

from jenkins_bootstrap.cli.context import Context, global_options


@click.group()
def jobs() -> None:
    """Job definitions for every repository.

    \b
    Example:
      jenkins-bootstrap jobs render --out out/jobs
    """


@jobs.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder that the definitions are written to.",
)
@click.option(
    "--repositories",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A JSON list of repositories (as embedded.github), read instead of asking GitHub.",
)
@global_options
def render(ctx: Context, out: Path, repositories: Path | None) -> None:
    """Write one XML a repository, and seed.json, which lists them.

    \b
    Example:
      jenkins-bootstrap jobs render --out out/jobs
      jenkins-bootstrap jobs render --out out/jobs --repositories organisation.json

    Definitions that an earlier run wrote there and that are no longer wanted are removed, other files are left alone.
    """
    from datetime import UTC, datetime

    from jenkins_bootstrap.cli.sources import selected, use_file
    from jenkins_bootstrap.jobs.output import write_tree
    from jenkins_bootstrap.jobs.xml import render_all

    listed_at = datetime.now(UTC)
    if repositories is not None:
        use_file(ctx, repositories)
    chosen = selected(ctx)
    with ctx.progress(f"rendering {len(chosen)} jobs"):
        rendered = render_all(ctx.settings, chosen)
        check_against_lock(ctx)
    with ctx.progress(f"writing {out}"):
        result = write_tree(out, rendered, listed_at)
    if ctx.json:
        ctx.data(
            {
                "out": str(out),
                "jobs": len(rendered.jobs),
                "folders": len(rendered.folders),
                "written": result.written,
                "unchanged": result.unchanged,
                "removed": result.removed,
            }
        )
        return
    ctx.out(
        f"{len(rendered.jobs)} jobs and {len(rendered.folders)} folders in {out}: "
        f"{result.written} written, {result.unchanged} unchanged, {result.removed} removed"
    )
    if not rendered.jobs:
        ctx.warn(f"no repository of {len(ctx.repositories)} passes github.owners[].filter")


def check_against_lock(ctx: Context) -> None:
    """Raise when the definitions need a plugin that the lock beside the settings lacks. Without a lock, no check."""
    from jenkins_bootstrap.jobs.plugins import check_plugins, required_plugins
    from jenkins_bootstrap.plugins import lock

    path = lock.path_beside(ctx.settings_path)
    if path.exists():
        check_plugins(required_plugins(ctx.settings), (plugin.name for plugin in lock.read(path).plugins))
