"""`jobs`: definitions for the repositories that the settings choose, and a Jenkins that is kept in step with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.cli.jenkins import jenkins_options

if TYPE_CHECKING:
    from jenkins_bootstrap.cli.reconciling import Asked
    from jenkins_bootstrap.jobs.xml import Rendered
    from jenkins_bootstrap.reconcile import Only, Outcome


@click.group()
def jobs() -> None:
    """A job for every repository, always in step.

    \b
    Example:
      jenkins-bootstrap jobs plan
      jenkins-bootstrap jobs sync
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

    from jenkins_bootstrap.cli.sources import use_file
    from jenkins_bootstrap.jobs.output import write_tree
    from jenkins_bootstrap.jobs.xml import render_all

    listed_at = datetime.now(UTC)
    if repositories is not None:
        use_file(ctx, repositories)
    chosen = ctx.selected
    with ctx.progress(f"rendering {len(chosen)} jobs"):
        rendered = render_all(ctx.settings, chosen, cache=ctx.cache / "shapes")
        check_against_lock(ctx, rendered)
    for words in rendered.warnings:
        ctx.warn(words)
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
    if not rendered.seed().jobs:
        ctx.warn(f"no repository of {len(ctx.repositories)} passes github.owners[].filter")


def check_against_lock(ctx: Context, rendered: Rendered) -> None:
    """Raise when the definitions need a plugin that the lock beside the settings lacks. Without a lock, no check."""
    from jenkins_bootstrap.jobs.plugins import check_plugins, needed
    from jenkins_bootstrap.plugins import lock

    path = lock.path_beside(ctx.settings_path)
    if path.exists():
        found = needed(rendered)
        for words in found.warnings:
            ctx.warn(words)
        check_plugins(found.plugins, (plugin.name for plugin in lock.read(path).plugins))


def look_options(function: Any) -> Any:
    """What a plan can show besides its steps."""
    function = click.option("--diff", "show_diff", is_flag=True, help="Show what each update changes in the XML.")(
        function
    )
    return click.option("--why", "show_why", is_flag=True, help="Show every repository, in or out, and why.")(function)


def deep_options(function: Any) -> Any:
    """--deep and --sample: what somebody has changed in Jenkins."""
    function = click.option(
        "--sample", type=click.IntRange(min=1), help="With --deep: only so many jobs, chosen at random."
    )(function)
    return click.option(
        "--deep", is_flag=True, help="Also read the definitions in Jenkins: what somebody changed there is put right."
    )(function)


@jobs.command("plan")
@deep_options
@click.option("--repo", help="Only this repository: owner/name, or GitHub's number for it.")
@click.option("--allow-mass-change", is_flag=True, help="As with sync.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when changes are pending, or --deep found any.")
@look_options
@jenkins_options
@global_options
def plan(
    ctx: Context,
    deep: bool,
    sample: int | None,
    repo: str | None,
    allow_mass_change: bool,
    exit_code: bool,
    show_diff: bool,
    show_why: bool,
    url: str | None,
    user: str | None,
    token_file: Path | None,
) -> int | None:
    """Show what `jobs sync` would do. Changes nothing.

    \b
    Example:
      jenkins-bootstrap jobs plan --why
      jenkins-bootstrap jobs plan --diff --exit-code
      jenkins-bootstrap jobs plan --deep --sample 100

    --deep finds what somebody changed in Jenkins. Versions of plugins, the order of elements and what Jenkins adds or
    drops by itself are no differences.
    """
    if sample is not None and not deep:
        raise click.UsageError("--sample goes with --deep")
    from jenkins_bootstrap.cli.reconciling import Asked

    look = _Look(deep, sample, show_diff, show_why)
    return _plan(ctx, Asked(url, user, token_file), repo, allow_mass_change, exit_code, look)


@jobs.command("sync")
@deep_options
@click.option("--repo", help="Only this repository: owner/name, or GitHub's number for it.")
@click.option("--allow-mass-change", is_flag=True, help="Remove also more than jobs.sync.most_removed_percent at once.")
@click.option(
    "--if-older-than",
    type=click.IntRange(min=0),
    metavar="MINUTES",
    help="Do nothing when everything was in step so short a while ago.",
)
@plan_options
@look_options
@jenkins_options
@global_options
def sync(
    ctx: Context,
    deep: bool,
    sample: int | None,
    repo: str | None,
    allow_mass_change: bool,
    if_older_than: int | None,
    plan_only: bool,
    exit_code: bool,
    show_diff: bool,
    show_why: bool,
    url: str | None,
    user: str | None,
    token_file: Path | None,
) -> int | None:
    """Bring the jobs in Jenkins in step with the repositories on GitHub.

    \b
    Example:
      jenkins-bootstrap jobs sync
      jenkins-bootstrap jobs sync --repo acme-demo/web
      jenkins-bootstrap jobs sync --deep --sample 500
      jenkins-bootstrap jobs sync --jenkins https://jenkins.example.org/ --user me --token-file token

    Jobs that others made are never touched. A repository that is gone, or out by the filter, has its job disabled
    first, and deleted jobs.sync.delete_after_days later. --deep reads the definitions in Jenkins too and puts right
    what somebody has changed there.
    """
    if sample is not None and not deep:
        raise click.UsageError("--sample goes with --deep")
    from jenkins_bootstrap.cli.reconciling import Asked, is_recent, reconciler
    from jenkins_bootstrap.reconcile import Busy, Deep

    asked = Asked(url, user, token_file)
    if plan_only:
        return _plan(ctx, asked, repo, allow_mass_change, exit_code, _Look(deep, sample, show_diff, show_why))
    if show_diff or show_why:
        raise click.UsageError("--diff and --why go with --plan")
    made = reconciler(ctx, asked, ctx.tell)
    if if_older_than is not None and repo is None and not deep and is_recent(made, if_older_than):
        ctx.note(f"everything was in step less than {if_older_than} minutes ago: nothing done")
        return None
    try:
        with ctx.progress("bringing the jobs in step"):
            found = made.run(_only(ctx, repo), allow_mass_change=allow_mass_change, deep=Deep(sample) if deep else None)
    except Busy as busy:
        if if_older_than is None:
            raise
        ctx.note(f"{busy.what}: nothing done")
        return None
    return _end(ctx, found, {})


class _Look:
    """What a plan shows besides its steps."""

    def __init__(self, deep: bool, sample: int | None, diff: bool, why: bool) -> None:
        self.deep, self.sample, self.diff, self.why = deep, sample, diff, why


def _plan(ctx: Context, asked: Asked, repo: str | None, mass_change: bool, exit_code: bool, look: _Look) -> int | None:
    from jenkins_bootstrap.cli import telling
    from jenkins_bootstrap.cli.reconciling import reconciler
    from jenkins_bootstrap.reconcile import Deep
    from jenkins_bootstrap.reconcile import look as looking

    made = reconciler(ctx, asked, ctx.tell)
    more: dict[str, Any] = {}
    deep = Deep(look.sample) if look.deep else None
    with ctx.progress("comparing GitHub with Jenkins"):
        found, prepared = made.plan(_only(ctx, repo), allow_mass_change=mass_change, deep=deep)
    if look.why:
        more["repositories"] = telling.why(ctx, prepared.listing.owners.repositories)
    if look.diff:
        more["differences"] = telling.differences(ctx, looking.differences(prepared, made.jobs))
    if found.drift is not None:
        more["drift"] = telling.drift(ctx, found.drift)
    status = _end(ctx, found, more)
    pending = bool(found.plan or found.plan.held_back)
    return status or (CHANGES_PENDING if exit_code and pending else None)


def _only(ctx: Context, repo: str | None) -> Only | None:
    from jenkins_bootstrap.cli.reconciling import only_of

    return None if repo is None else only_of(ctx, repo)


def _end(ctx: Context, found: Outcome, more: dict[str, Any]) -> int | None:
    """Print what there is to say; 1 when something could not be done, or could not be looked at."""
    from jenkins_bootstrap.cli import telling
    from jenkins_bootstrap.cli.main import show

    if ctx.json:
        ctx.data(found.as_data() | more)
    else:
        telling.outcome(ctx, found)
    for error in found.errors:
        show(error)
    return 1 if found.failed else None
