"""`check`: everything the other commands rest on, one row a thing, with the remedy. Changes nothing.

Only the embedded target's daemon may be started by it, as by every command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from jenkins_bootstrap.cli.context import Context, global_options
from jenkins_bootstrap.errors import BootstrapError, SeveralErrors

if TYPE_CHECKING:
    from jenkins_bootstrap.images.war import JenkinsSource
    from jenkins_bootstrap.plugins.lock import Lock

Status = Literal["ok", "note", "fail"]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was looked at. `remedy` is empty where there is nothing to do."""

    thing: str
    status: Status
    found: str
    remedy: str = ""


@click.command("check")
@global_options
def check(ctx: Context) -> int:
    """Every setting, look-up, secret key, permission and tool: one row each, with the remedy.

    \b
    Example:
      jenkins-bootstrap check
      jenkins-bootstrap --target aws check --json

    Exits with 1 when a row fails. A note does not fail.
    """
    return concluded(ctx, list(all_rows(ctx)))


def concluded(ctx: Context, rows: list[Row]) -> int:
    """Say the rows and return the exit status they come to."""
    if ctx.json:
        ctx.data([asdict(row) for row in rows])
    else:
        show(rows)
    failed = sum(row.status == "fail" for row in rows)
    ctx.note(f"{len(rows)} checked, {failed} failed")
    return 1 if failed else 0


def all_rows(ctx: Context) -> Iterator[Row]:
    """The rows in the order in which one thing rests on another; what cannot be asked any more is left out."""
    try:
        yield Row("settings", "ok", f"{ctx.settings_path}, project {ctx.settings.project}")
    except BootstrapError as error:
        yield from failures("settings", error)
        return
    yield from tool_rows(ctx)
    yield from image_rows(ctx)
    rows, jenkins = jenkins_rows(ctx)
    yield from rows
    yield from plugin_rows(ctx, jenkins)
    organisation = list(organisation_rows(ctx))
    yield from organisation
    try:
        account = ctx.aws.account
    except BootstrapError as error:
        yield from failures("AWS", error)
        return
    yield Row("AWS", "ok", f"{ctx.target}, account {account}, {ctx.settings.region}")
    looked_up = lookup_rows(ctx)
    yield from looked_up
    yield from source_rows(ctx)
    if any(row.status == "fail" for row in organisation):
        yield from unasked_rows(ctx, "not asked: its file is wrong", "see embedded.github")
    elif any(row.status == "fail" and row.thing == "secrets.settings" for row in looked_up):
        yield from unasked_rows(ctx, "not asked: the secret is wrong", "see secrets.settings")
    else:
        yield from github_rows(ctx)


def failures(thing: str, error: BootstrapError) -> Iterator[Row]:
    """A row for each of the errors in one."""
    for each in error.errors if isinstance(error, SeveralErrors) else (error,):
        place = f"{each.where}: " if each.where and each.where != thing else ""
        yield Row(thing, "fail", f"{place}{each.what}", each.hint)


def tool_rows(ctx: Context) -> Iterator[Row]:
    """The programs; on the embedded target what its instances need of this machine too."""
    from jenkins_bootstrap.cli import tools

    for tool in tools.look_at_all():
        yield Row(f"tool {tool.name}", "ok" if tool.ok else "fail", tool.found, tool.remedy)
    if ctx.target == "embedded":
        from jenkins_bootstrap.embedded.prerequisites import prerequisites

        for each in prerequisites():
            yield Row(f"machine: {each.name}", "ok" if each.ok else "fail", each.found, each.remedy)


def image_rows(ctx: Context) -> Iterator[Row]:
    """The graph of images."""
    from jenkins_bootstrap.images.graph import build_graph

    try:
        graph = build_graph(ctx.settings.images)
        yield Row("images", "ok", ", ".join(image.name for image in graph.images))
    except BootstrapError as error:
        yield from failures("images", error)


def jenkins_rows(ctx: Context) -> tuple[list[Row], JenkinsSource | None]:
    """Where Jenkins comes from; also that, None where it failed."""
    from jenkins_bootstrap.images.war import REMEDY, find_jenkins

    try:
        source = find_jenkins(ctx.settings.controller, environ=os.environ, target=ctx.target, cache=ctx.cache)
    except BootstrapError as error:
        return list(failures("controller.jenkins", error)), None
    if source.note:
        return [Row("controller.jenkins", "note", "no war is given", REMEDY)], source
    said = f"{source.version}, Java {ctx.settings.controller.java.version}"
    return [Row("controller.jenkins", "ok", said)], source


def plugin_rows(ctx: Context, jenkins: JenkinsSource | None) -> Iterator[Row]:
    """Whether the plugins can be pinned (each known, with its dependencies, for this core), are for `jenkins`, and are
    sound."""
    from jenkins_bootstrap.cli.plugins import signature_words, wanted
    from jenkins_bootstrap.plugins.core import check_lock
    from jenkins_bootstrap.plugins.source import document_words
    from jenkins_bootstrap.stages.render import unlocked

    try:
        found = wanted(ctx)
    except BootstrapError as error:
        yield from failures("controller.plugins", error)
        return
    lock, document = found.lock, found.document
    said = f"{len(lock.plugins)} plugins for core {lock.core}, Java {lock.java} on {lock.architecture}"
    yield Row("controller.plugins", "ok", said)
    try:
        if jenkins is not None:
            check_lock(lock, jenkins.version)
    except BootstrapError as error:
        yield from failures("controller.plugins", error)
    if document is not None:
        status: Status = "note" if document.signer is None else "ok"
        words = f"{document_words(document.source, document.generated)}: {signature_words(ctx, document)}"
        yield Row("update center", status, words)
    for words in found.words:
        yield Row(
            "controller.plugins", "note", words, "jenkins-bootstrap plugins lock pins them, plugins verify tells more"
        )
    yield from ec2_rows(lock)
    for lacking in unlocked(ctx.settings, {plugin.name for plugin in lock.plugins}):
        yield from failures(lacking.where, lacking)
    for finding in found.findings:
        yield Row("controller.plugins", "fail" if finding.wrong else "note", str(finding), finding.hint)


def ec2_rows(lock: Lock) -> Iterator[Row]:
    """Whether the locked version of the plugin ec2 takes the clouds that the stage aws.txt builds."""
    from jenkins_bootstrap.stages.fitting import misfits

    ec2 = lock.plugin("ec2")
    if ec2 is None:
        return
    found = misfits(ec2.version)
    for misfit in found:
        remedy = "lock a version that docs/ec2-versions.md says fits: controller.plugins: ec2@VERSION"
        yield Row("plugin ec2", "fail", misfit, remedy)
    if not found:
        yield Row("plugin ec2", "ok", f"{ec2.version}: nothing is known that speaks against the clouds of aws.txt")


def organisation_rows(ctx: Context) -> Iterator[Row]:
    """The file that the embedded GitHub serves, when the settings give one."""
    from jenkins_bootstrap.cli.sources import check_organisation

    try:
        count = check_organisation(ctx)
    except BootstrapError as error:
        yield from failures("embedded.github", error)
        return
    if count is not None:
        yield Row("embedded.github", "ok", f"{ctx.settings.embedded.github}, {count} repositories")


def lookup_rows(ctx: Context) -> list[Row]:
    """Every look-up of the settings by its path, and whether what was found lies in one VPC."""
    from jenkins_bootstrap.aws import find, secrets

    with ctx.progress("looking up what the settings name"):
        asked = find.questions(ctx.aws, ctx.settings)
        found, failed = find.ask(ctx.aws, asked)
    rows: list[Row] = []
    for path in asked:
        if path in failed:
            rows += failures(path, failed[path])
        elif path != "account":
            rows.append(Row(path, "ok", told(found[path])))
    if secrets.SETTINGS in found:
        rows += previous_rows(ctx, found[secrets.SETTINGS].value)
    if failed:
        return rows
    try:
        facts = find.facts(ctx.aws, ctx.settings, found)
    except BootstrapError as error:
        return [*rows, *failures("one VPC", error)]
    return [*rows, Row("one VPC", "ok", facts.vpc or "nothing that lies in one is named")]


def previous_rows(ctx: Context, values: Mapping[str, str]) -> Iterator[Row]:
    """Webhook secrets "before the present one" that never were it, or no longer."""
    from jenkins_bootstrap.aws.webhook import contradicted

    name = ctx.settings.secrets.settings
    try:
        for key in contradicted(ctx.aws, name, values):
            said = f"{key} is not the value before the present one, as the versions of secret {name} say"
            remedy = f"take {key} out of the secret: the value before is then taken from its versions"
            yield Row("secrets.settings", "note", said, remedy)
    except BootstrapError as error:
        yield Row("secrets.settings", "note", f"{error.where}: {error.what}", error.hint)


def told(value: Any) -> str:
    """What was found, in a few words; of a secret its version and the names of its keys."""
    if isinstance(value, tuple):
        return ", ".join(told(item) for item in value)
    if (shape := getattr(value, "shape", None)) is not None:
        return f"version {shape.version[:8]}" + (
            f", keys {', '.join(shape.keys)}" if shape.keys else f" of {shape.name}"
        )
    name = getattr(value, "name", "")
    ident = getattr(value, "id", None) or getattr(value, "arn", "")
    return f"{ident} ({name})" if name and name != ident else str(ident)


def source_rows(ctx: Context) -> Iterator[Row]:
    """The foreign image that each image without a parent starts from."""
    from jenkins_bootstrap.aws import find

    for name, spec in ctx.settings.images.items():
        if spec.source is None:
            continue
        try:
            image = find.image(ctx.aws, spec.source, ctx.settings.project, spec.architecture)
            yield Row(f"images.{name}.source", "ok", f"{image.id} ({image.name}) of {image.created[:10]}")
        except BootstrapError as error:
            yield from failures(f"images.{name}.source", error)


def unasked_rows(ctx: Context, found: str, remedy: str) -> Iterator[Row]:
    """A note for each owner that is not asked, since what that rests on has failed and was told."""
    for owner in ctx.settings.github.owners:
        yield Row(f"GitHub {owner.name}", "note", found, remedy)


def github_rows(ctx: Context) -> Iterator[Row]:
    """Each owner: who signs in, which scopes are missing, how many repositories there are."""
    from jenkins_bootstrap.cli.sources import github_api_url
    from jenkins_bootstrap.github.access import check_access
    from jenkins_bootstrap.github.auth import auth_for

    for owner in ctx.settings.github.owners:
        thing = f"GitHub {owner.name}"
        try:
            auth = auth_for(owner, ctx.secret_values, held_in=ctx.settings.secrets.settings)
            access = check_access(owner.name, api_url=github_api_url(ctx), auth=auth)
        except BootstrapError as error:
            yield from failures(thing, error)
            continue
        if access.repositories is None:
            yield Row(
                thing, "fail", f"{access.login} cannot see it", "correct the name, or give the sign-in access to it"
            )
        elif access.missing:
            yield Row(thing, "fail", f"{access.login} lacks {', '.join(access.missing)}", "give it to the token or App")
        else:
            points = "" if access.remaining is None else f", {access.remaining} of {access.limit} points left"
            yield Row(thing, "ok", f"{access.login} by {access.kind}, {access.repositories} repositories{points}")


def show(rows: list[Row]) -> None:
    """A table on a terminal, else one line a row: status, thing, what was found, remedy."""
    if not sys.stdout.isatty():
        for row in rows:
            remedy = f"  (try: {row.remedy})" if row.remedy else ""
            print(f"{row.status:4}  {row.thing}: {row.found}{remedy}")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    colours = {"ok": "green", "note": "yellow", "fail": "bold red"}
    table = Table("", "what", "found", "try", box=None, pad_edge=False)
    for row in rows:
        colour = colours[row.status]
        table.add_row(f"[{colour}]{row.status}[/]", escape(row.thing), escape(row.found), escape(row.remedy))
    Console().print(table)
