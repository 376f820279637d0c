"""`try`: a throwaway controller on this machine."""

from __future__ import annotations

import click


@click.command("try")
def try_() -> None:
    """Start a throwaway controller on this machine.

    \b
    Example:
      jenkins-bootstrap try --war jenkins.war --plugins plugins
    """
