"""`boot`: what runs on a controller around Jenkins' start: before it, after it, when it ended, and the page meanwhile."""

from __future__ import annotations

import click


@click.group("boot", invoke_without_command=True)
def boot() -> None:
    """Put everything in place before Jenkins starts. Runs in an image, by jenkins.service.

    \b
    Example:
      jenkins-bootstrap boot --plan
    """
