"""`serve`: the receiver of GitHub's deliveries, which keeps the jobs of the Jenkins beside it in step."""

from __future__ import annotations

import os
from pathlib import Path

import click

from jenkins_bootstrap.cli.context import Context, global_options
from jenkins_bootstrap.errors import UsageError


@click.command("serve")
@click.option("--root", type=click.Path(path_type=Path), help="The controller's / (for tests).", hidden=True)
@click.option("--url", help="Where Jenkins listens (for tests).", hidden=True)
@global_options
def serve(ctx: Context, root: Path | None, url: str | None) -> None:
    """Hear of repositories from GitHub and keep the jobs in step. Runs in an image, beside Jenkins, until ended.

    Takes deliveries (repository, push, installation_repositories, ping) at controller.url's jenkins-bootstrap/webhook,
    has them on the disk before it answers, and works on them afterwards. Looks at everything by itself every
    jobs.sync.every_minutes. Tells of its health at /healthz, and of its figures at /jenkins-bootstrap/metrics.

    \b
    Example:
      jenkins-bootstrap serve
    """
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.receiver.image import Image

    if ctx.target_option is not None:
        raise UsageError("an image has the target it was baked for", where="--target", hint="leave it out")
    image = Image(Layout() if root is None else Layout(root.absolute()), os.environ)
    if url is not None:
        image.url = url
    image.service().run()
