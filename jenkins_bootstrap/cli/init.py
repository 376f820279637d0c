"""`init`: a commented settings file that works as it is."""

from __future__ import annotations

from pathlib import Path

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.errors import UsageError

SETTINGS = "jenkins-bootstrap.yml"
SCHEMA = "jenkins-bootstrap.schema.json"
PUBLISHED_SCHEMA = "docs/settings.schema.json"


@click.command("init")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path), default=Path())
@click.option("--project", default="demo", show_default=True, help="Value of the tag Project on everything made.")
@plan_options
@global_options
def init(ctx: Context, folder: Path, project: str, plan_only: bool, exit_code: bool) -> int:
    """Write a commented jenkins-bootstrap.yml into DIR (here when it is not given).

    \b
    Example:
      jenkins-bootstrap init
      jenkins-bootstrap init shop --project shop
      jenkins-bootstrap init --plan

    It works as it is on the embedded target. Beside it goes the JSON schema that editors complete from. Nothing that is
    there already is overwritten.
    """
    from jenkins_bootstrap.config.load import parse
    from jenkins_bootstrap.config.schema import schema
    from jenkins_bootstrap.config.starter import starter
    from jenkins_bootstrap.files import canonical_json, write_atomic

    path = folder / SETTINGS
    reference = PUBLISHED_SCHEMA if (folder / PUBLISHED_SCHEMA).is_file() else SCHEMA
    text = starter(project, schema=reference)
    parse(text, name=f"--project {project}", folder=folder)
    if path.exists() or path.is_symlink():
        raise UsageError("is there already", where=str(path), hint="edit it, or give another folder: init DIR")
    writes = {path: text}
    if reference == SCHEMA and not (folder / SCHEMA).exists():
        writes[folder / SCHEMA] = canonical_json(schema())
    if not plan_only:
        for file, content in writes.items():
            write_atomic(file, content)
    if ctx.json:
        ctx.data({"written" if not plan_only else "would write": [str(file) for file in writes]})
    else:
        for file in writes:
            ctx.out(f"{'would write' if plan_only else 'wrote'} {file}")
    if not plan_only:
        ctx.note(f"next: jenkins-bootstrap -c {path} check" if folder != Path() else "next: jenkins-bootstrap check")
    return CHANGES_PENDING if plan_only and exit_code else 0
