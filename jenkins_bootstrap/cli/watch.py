"""`watch`: one look for changed secrets, images and groups, applied to the running Jenkins."""

from __future__ import annotations

import click


@click.command("watch")
def watch() -> None:
    """Apply what changed in AWS to the running Jenkins. Runs in an image, by a timer.

    \b
    Example:
      jenkins-bootstrap watch --plan
    """
