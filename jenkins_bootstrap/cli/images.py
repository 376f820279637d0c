"""`images`: what has been baked."""

from __future__ import annotations

import sys
from typing import Any

import click

from jenkins_bootstrap.cli.context import Context, global_options
from jenkins_bootstrap.cli.summary import image_row


@click.group("images")
def images() -> None:
    """What has been baked.

    \b
    Example:
      jenkins-bootstrap images list
    """


@images.command("list")
@global_options
def list_command(ctx: Context) -> None:
    """Every image of the project: parents before children, newest first; * marks the current one.

    \b
    Example:
      jenkins-bootstrap images list
      jenkins-bootstrap images list --json
    """
    from jenkins_bootstrap.aws.bakery import ImageCloud
    from jenkins_bootstrap.images.graph import build_graph

    found = ImageCloud(ctx.aws).project_images(ctx.settings.project)
    order = [image.name for image in build_graph(ctx.settings.images).images]
    place = {name: number for number, name in enumerate(order)}
    newest_first = sorted(found, key=lambda image: image.created, reverse=True)
    rows = [image_row(i) for i in sorted(newest_first, key=lambda i: place.get(i.tag("Name") or "", len(order)))]
    if ctx.json:
        ctx.data(rows)
    elif rows:
        show(rows)
    else:
        ctx.note("no image yet: jenkins-bootstrap bake")


COLUMNS = ("", "image", "id", "built at", "commit", "content key", "parent")


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table; commit and key as people write them, short."""
    commit = row["commit"] or "-"
    short = commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")
    current = "*" if row["channel"] == "current" else " "
    texts = [row["image"], row["id"], row["built_at"], short, (row["content_key"] or "-")[:12], row["parent"]]
    return [current, *(text or "-" for text in texts)]


def show(rows: list[dict[str, Any]]) -> None:
    table = [list(COLUMNS), *(cells(row) for row in rows)]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        shown = Table(*COLUMNS, box=None, pad_edge=False)
        for line in table[1:]:
            shown.add_row(*(escape(cell) for cell in line))
        Console().print(shown)
        return
    widths = [max(len(line[n]) for line in table) for n in range(len(COLUMNS))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
