"""What a controller carries, made from the settings and the sources: plugin lock, compiled stages, jobs, seed.

`render` writes it to a folder, `bake` puts it into an image; both call this, so that what is shown is what is baked.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.cli.context import Context

if TYPE_CHECKING:
    from jenkins_bootstrap.jobs.xml import Rendered
    from jenkins_bootstrap.plugins.lock import Lock
    from jenkins_bootstrap.stages.compile import CompileReport


@dataclass(frozen=True, slots=True)
class Definitions:
    """The jobs of the organisation at one moment."""

    rendered: Rendered
    listed: int
    listed_at: datetime


def stages(ctx: Context, lock: Lock) -> dict[str, str]:
    """The stages by their path in the hook root: the four, and the settings' own."""
    from jenkins_bootstrap.stages.render import render

    return render(ctx.settings, lock.versions, sources=lock.sources)


def compiling(ctx: Context, pool: ThreadPoolExecutor, files: dict[str, str], require: bool) -> Future[CompileReport]:
    """Start to compile the stages: a JVM works on the other core while we go on; what has not changed costs nothing."""
    from jenkins_bootstrap.stages.compile import compile_stages

    return pool.submit(
        compile_stages, files, cache=ctx.state / "groovy", require=require, own=ctx.settings.controller.stages
    )


def compiled_words(report: CompileReport) -> str:
    """The outcome of a compilation in words."""
    if not report.compiled:
        return f"not compiled: {report.reason}"
    return f"compiled with Groovy {report.groovy}{' before' if report.cached else ''}"


def facts_document(ctx: Context) -> dict[str, Any]:
    """facts.json as `boot` will write it on the controller, from what is in AWS now."""
    from jenkins_bootstrap.cli.sources import github_api_url
    from jenkins_bootstrap.stages.facts_document import facts_document as document

    return document(
        ctx.settings,
        ctx.facts,
        target=ctx.target,
        endpoint=ctx.aws.endpoint,
        github_api_url=github_api_url(ctx),
    )


def definitions(ctx: Context, lock: Lock) -> Definitions:
    """The definition of every repository that the filters let in.

    Raises BootstrapError when a definition needs a plugin that the lock does not have.
    """
    from jenkins_bootstrap.jobs.plugins import check_plugins, required_plugins
    from jenkins_bootstrap.jobs.xml import render_all

    check_plugins(required_plugins(ctx.settings), [plugin.name for plugin in lock.plugins])
    listed_at = datetime.now(UTC)
    chosen = ctx.selected
    with ctx.progress(f"defining {len(chosen)} jobs"):
        rendered = render_all(ctx.settings, chosen, cache=ctx.cache / "shapes").seed()
    return Definitions(rendered, len(ctx.repositories), listed_at)
