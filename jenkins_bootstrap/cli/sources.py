"""Where the commands' input comes from: what was found in AWS, the repositories of GitHub. Wires, decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap import __version__
from jenkins_bootstrap.errors import raise_all
from jenkins_bootstrap.facts import AwsFacts, ListedOwners, Repository
from jenkins_bootstrap.files import canonical_json, read_object, sha256_file, write_atomic

if TYPE_CHECKING:
    from jenkins_bootstrap.cli.context import Context
    from jenkins_bootstrap.embedded.github.organisation import Record


def find_facts(ctx: Context) -> tuple[AwsFacts, Mapping[str, str]]:
    """Everything the settings name in AWS, and the values of the key-value secret, which go no further than a sign-in.

    Raises every look-up's error at once.
    """
    from jenkins_bootstrap.aws import find

    with ctx.progress("looking up what the settings name"):
        facts, values = find.find_all(ctx.aws, ctx.settings)
    told_twice = {"jenkins_url": facts.jenkins_url, "github_repos": " ".join(facts.github_repos) or None}
    for key, value in told_twice.items():
        if value is not None and not (
            key == "jenkins_url" and value.rstrip("/") == ctx.settings.controller.url.rstrip("/")
        ):
            ctx.warn(f"secret {ctx.settings.secrets.settings} has {key}, which the settings win over")
    return facts, values


def sign_in_values(ctx: Context) -> Mapping[str, str]:
    """The values of the key-value secret alone, for commands that need nothing else of AWS."""
    from jenkins_bootstrap.aws import secrets

    return secrets.settings_secret(ctx.aws, ctx.settings).value


def github_api_url(ctx: Context) -> str:
    """The REST root that is asked: the embedded GitHub's on the embedded target."""
    return ctx.endpoints.github_url if ctx.target == "embedded" else ctx.settings.github.api_url


def check_organisation(ctx: Context) -> int | None:
    """How many repositories the file of `embedded.github` has; None when no such file is used.

    Called before the embedded GitHub is asked, which could only tell the errors in an answer of GitHub's shape.

    Raises:
        BootstrapError: the file cannot be read, is cut off or is wrong; several errors are raised together.
    """
    file = ctx.settings.embedded.github
    return _repositories_in(file, ctx.state) if ctx.target == "embedded" and file is not None else None


@cache
def _repositories_in(file: Path, state: Path) -> int:
    """Read once a command, and not again while the file's bytes stay the same; an error is not kept."""
    checked = state / "organisation-checked.json"
    try:
        of = f"{sha256_file(file)} {__version__}"
    except OSError:
        of = ""  # explained by who reads it
    before = read_object(checked) or {}
    if of and before.get("of") == of:
        return int(before["repositories"])
    from jenkins_bootstrap.embedded.github.organisation import read_organisation

    count = len(read_organisation(file))
    if state.is_dir():
        write_atomic(checked, canonical_json({"of": of, "repositories": count}))
    return count


def list_owners(ctx: Context) -> tuple[Repository, ...]:
    """Every repository of every owner, unfiltered. One listing an owner, whole or an error."""
    listed = listed_owners(ctx)
    raise_all(listed.problems)
    return listed.repositories


def listed_owners(ctx: Context) -> ListedOwners:
    """Every repository of those owners that could be listed whole, and what was wrong with the others."""
    from jenkins_bootstrap.github.owners import list_all

    check_organisation(ctx)
    settings = ctx.settings
    with ctx.progress("listing " + ", ".join(owner.name for owner in settings.github.owners) + " on GitHub") as tell:
        return list_all(
            settings.github.owners,
            ctx.secret_values,
            api_url=github_api_url(ctx),
            held_in=settings.secrets.settings,
            script_path=settings.jobs.script_path,
            override_file=settings.jobs.override_file,
            state=ctx.state,
            progress=tell,
        )


def use_file(ctx: Context, file: Path) -> None:
    """Take the repositories of the settings' owners from a file, so that neither AWS nor GitHub is asked.

    Ids that the file does not give are made of the names, as the embedded GitHub does.
    """
    records = _records(file)
    places = {owner.name.lower(): place for place, owner in enumerate(ctx.settings.github.owners)}
    mine = [(places[r.owner.lower()], r.key, r) for r in records if r.owner.lower() in places]
    ctx.repositories = tuple(
        Repository(
            owner=record.owner,
            name=record.name,
            id=record.id,
            default_branch=record.default_branch,
            description=record.description or "",
            archived=record.archived,
            fork=record.fork,
            private=record.private,
            language=record.language,
            topics=tuple(record.topics),
            has_jenkinsfile=record.text_of(ctx.settings.jobs.script_path) is not None,
            pushed_at=record.pushed_at,
            override=record.text_of(ctx.settings.jobs.override_file) if ctx.settings.jobs.override_file else None,
        )
        for _place, _key, record in sorted(mine, key=lambda each: each[:2])
    )


def _records(file: Path) -> Iterable[Record]:
    """The records of an organisation file, each with an id."""
    from jenkins_bootstrap.embedded.github.organisation import read_organisation

    records = read_organisation(file)
    if all(record.id for record in records):
        return records
    from tempfile import TemporaryDirectory

    from jenkins_bootstrap.embedded.github.store import Store

    with TemporaryDirectory() as scratch:
        return tuple(Store.load(file, Path(scratch)).repositories.values())


def selected(ctx: Context) -> list[Repository]:
    """The repositories that get a job, by each owner's filter. Owners are told apart without regard to case.

    One whose name no job can have is left out with a warning: it must not stop the others.
    """
    from jenkins_bootstrap.jobs.names import impossible
    from jenkins_bootstrap.jobs.select import why

    filters: dict[str, Any] = {owner.name.lower(): owner.filter for owner in ctx.settings.github.owners}
    passed = [r for r in ctx.repositories if why(r, filters[r.owner.lower()]).in_]
    left_out = impossible(passed)
    for error in left_out.values():
        ctx.warn(f"{error.where}: {error.what}; it gets no job")
    return [r for r in passed if r.id not in left_out]
