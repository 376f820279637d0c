"""`plugins`: lock, verify, fetch. Also how other commands come by the lock that the settings want."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.errors import BootstrapError, SettingsError, SeveralErrors, UsageError

if TYPE_CHECKING:
    from jenkins_bootstrap.plugins.lock import Lock
    from jenkins_bootstrap.plugins.notes import Finding
    from jenkins_bootstrap.plugins.signature import Trust
    from jenkins_bootstrap.plugins.update_center import UpdateCenter


@click.group("plugins")
def plugins() -> None:
    """Pinned plugins: one version and one SHA-256 each, dependencies included.

    \b
    Example:
      jenkins-bootstrap plugins lock
      jenkins-bootstrap plugins verify
      jenkins-bootstrap plugins fetch --out plugins
    """


@plugins.command("lock")
@click.option(
    "--upgrade",
    "upgrade",
    multiple=True,
    is_flag=False,
    flag_value="*",
    metavar="[NAME]",
    help="Take the document's version of NAME (may be given again), or of all plugins; the others stay as locked.",
)
@plan_options
@global_options
def lock_command(ctx: Context, upgrade: tuple[str, ...], plan_only: bool, exit_code: bool) -> int:
    """Pin the wanted plugins and all they need in jenkins-bootstrap.lock.json, beside the settings.

    \b
    Example:
      jenkins-bootstrap plugins lock --plan
      jenkins-bootstrap plugins lock --upgrade git --upgrade ec2

    Security warnings and deprecations of what is locked are shown; `check` and `plugins verify` fail by those that
    controller.accept does not name.
    """
    from jenkins_bootstrap.plugins import lock as locks
    from jenkins_bootstrap.plugins.notes import judged, notes
    from jenkins_bootstrap.plugins.source import document_words

    path = locks.path_beside(ctx.settings_path)
    old = locks.read(path) if path.exists() else None
    document = read_document(ctx)
    newest = ctx.settings.controller.plugin_versions == "newest"
    new = _resolved(ctx, document, old, upgrade or (("*",) if newest else ()))
    if old is not None and replace(new, source_id=old.source_id, source_date=old.source_date) == old:
        new = old  # a document of a later date that says the same is no change
    rows = changes(old, new)
    if not plan_only and old != new:
        locks.write(path, new)
    found = judged(notes(new, document), ctx.settings.controller.accept)
    source = document_words(document.source, document.generated)
    made_for = {"java": new.java, "architecture": new.architecture}
    if ctx.json:
        told = {"lock": str(path), "core": new.core, **made_for, "document": source, "generated": document.generated}
        ctx.data({**told, "signer": document.signer, "changes": rows, "findings": [asdict(f) for f in found]})
    else:
        if old is not None and old.java is None:
            ctx.out(f"format   the lock now says what it is for: Java {new.java} on {new.architecture}")
        for row in rows:
            versions = " -> ".join(row[side] for side in ("from", "to") if row[side] is not None)
            ctx.out(f"{row['change']:<8} {row['plugin']} {versions}")
        done = "nothing changes" if old == new else f"would write {path}" if plan_only else f"wrote {path}"
        ctx.out(f"resolved from {source}")
        ctx.out(signature_words(ctx, document))
        ctx.out(f"{len(new.plugins)} plugins for core {new.core}, {len(rows)} changes: {done}")
        _warn(ctx, found)
    return CHANGES_PENDING if plan_only and exit_code and old != new else 0


@plugins.command("verify")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Compare the plugin files of a folder with the lock, exploded ones too.",
)
@click.option(
    "--image",
    is_flag=False,
    flag_value="controller",
    metavar="[NAME]",
    help="Compare the current image of that name (controller) on the embedded target with the lock.",
)
@click.option(
    "--url",
    metavar="URL",
    help="Compare a running Jenkins with the lock; JENKINS_USER and JENKINS_TOKEN in the environment sign in.",
)
@global_options
def verify_command(ctx: Context, folder: Path | None, image: str | None, url: str | None) -> int:
    """Compare the lock with the settings, and with an update-center document, files, an image or a running Jenkins.

    \b
    Example:
      jenkins-bootstrap plugins verify
      jenkins-bootstrap plugins verify --folder plugins
      jenkins-bootstrap plugins verify --image
      JENKINS_USER=ada JENKINS_TOKEN=... jenkins-bootstrap plugins verify --url https://jenkins.example.com/

    Exits with 1 when something is wrong: another version or hash, missing, not locked, not active; and a security
    warning or deprecation that controller.accept does not name. Newer versions are shown, and are no failure.
    """
    from jenkins_bootstrap.plugins import lock as locks
    from jenkins_bootstrap.plugins.notes import judged, verify, verify_folder

    if sum(one is not None for one in (folder, image, url)) > 1:
        raise UsageError("one at a time", where="--folder, --image, --url", hint="call it again for the other")
    path = locks.path_beside(ctx.settings_path)
    lock = locks.read(path)
    stale = locks.lock_needed(ctx.settings, lock)
    if folder is not None:
        found = verify_folder(lock, folder)
    elif image is not None:
        found = _in_image(ctx, lock, image)
    elif url is not None:
        found = _in_running(lock, url)
    else:
        document = read_document(ctx)
        ctx.note(signature_words(ctx, document))
        found = judged(verify(lock, document), ctx.settings.controller.accept)
    wrong = sum(f.wrong for f in found) + (stale is not None)
    if ctx.json:
        ctx.data({"lock": str(path), "stale": stale, "wrong": wrong, "findings": [asdict(f) for f in found]})
    else:
        if stale is not None:
            ctx.out(f"wrong  the lock does not fit the settings: {stale}\n         try: jenkins-bootstrap plugins lock")
        for finding in found:
            ctx.out(f"{'wrong' if finding.wrong else 'note ':<6} {finding}\n         try: {finding.hint}")
        noted = sum(not f.wrong for f in found)
        ctx.out(f"{len(lock.plugins)} plugins for core {lock.core}: {wrong} wrong, {noted} notes")
    return 1 if wrong else 0


@plugins.command("fetch")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for NAME.jpi.")
@click.option("--source", help="Base URL (BASE/NAME/VERSION/NAME.hpi) or folder, in place of the lock's addresses.")
@plan_options
@global_options
def fetch_command(ctx: Context, out: Path, source: str | None, plan_only: bool, exit_code: bool) -> int:
    """Download every locked plugin and verify it; files that are there and good are kept.

    \b
    Example:
      jenkins-bootstrap plugins fetch --out plugins
      jenkins-bootstrap plugins fetch --out plugins --source https://mirror.example.com/plugins
    """
    from jenkins_bootstrap.plugins import lock as locks
    from jenkins_bootstrap.plugins.fetch import fetch, missing

    lock = locks.read(locks.path_beside(ctx.settings_path))
    if plan_only:
        todo = missing(lock, out)
        if ctx.json:
            ctx.data({"would fetch": [f"{p.name}@{p.version}" for p in todo]})
        else:
            for plugin in todo:
                ctx.out(f"would fetch {plugin.name} {plugin.version} from {source or plugin.url}")
        return CHANGES_PENDING if exit_code and todo else 0
    with ctx.progress("fetching plugins") as line:
        fetched = fetch(lock, out, source=source, progress=line)
    if ctx.json:
        ctx.data({"out": str(out), **asdict(fetched)})
    else:
        ctx.out(f"{len(fetched.downloaded)} fetched, {len(fetched.kept)} were there: {out}")
    return 0


def read_document(ctx: Context, attempts: int = 3) -> UpdateCenter:
    """The update-center document of the target; a download is tried `attempts` times."""
    from jenkins_bootstrap.plugins import fetch, update_center
    from jenkins_bootstrap.plugins.source import document_source, is_url

    source, trust = document_source(ctx.settings, ctx.target), _trust(ctx)
    if not is_url(source):
        return update_center.read(Path(source), trust)
    with ctx.progress("reading the update-center document"):
        return fetch.read_document(source, trust, attempts=attempts)


def _trust(ctx: Context) -> Trust | None:
    """Who must have signed the target's document; None when that is not looked at."""
    from datetime import UTC, datetime

    from jenkins_bootstrap.plugins.signature import Trust, authorities
    from jenkins_bootstrap.plugins.source import AUTHORITY, unsigned_because
    from jenkins_bootstrap.resources import sample

    if unsigned_because(ctx.settings, ctx.target) is not None:
        return None
    own = ctx.settings.controller.update_center_authority
    path = Path(own) if own is not None else sample(AUTHORITY)
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            hint="controller.update_center_authority names a certificate in PEM",
        ) from error
    named = "Jenkins' own authority" if own is None else f"the authority in {path.name}"
    return Trust(authorities(pem, str(path)), datetime.now(UTC), named)


def signature_words(ctx: Context, document: UpdateCenter) -> str:
    """Who has signed the target's document, or why that was not looked at."""
    from jenkins_bootstrap.plugins.source import unsigned_because

    if document.signer is not None:
        return f"signed by {document.signer}"
    return f"its signature was not looked at: {unsigned_because(ctx.settings, ctx.target)}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The lock that the settings want, how it came to be in `words`, and what is found of its plugins.

    Without `document`, which could not be had, there are no findings.
    """

    lock: Lock
    words: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    document: UpdateCenter | None = None


def wanted_lock(ctx: Context) -> tuple[Lock, list[str]]:
    """The lock that the settings want, and what a person should know of it, a line each. Writes nothing."""
    found = wanted(ctx)
    return found.lock, [*found.words, *(str(f) for f in found.findings if f.wrong)]


def wanted(ctx: Context) -> Wanted:
    """The lock that the settings want, with what there is to say of it. Writes nothing.

    The lock file beside the settings as long as it satisfies them (with `plugin_versions: lock`), else resolved anew. A
    lock that fits is enough by itself: when the update-center document cannot be had, only its warnings are missing.
    """
    from jenkins_bootstrap.plugins import lock as locks
    from jenkins_bootstrap.plugins.errors import PluginError, SignatureError
    from jenkins_bootstrap.plugins.notes import judged, notes
    from jenkins_bootstrap.plugins.source import document_words

    path = locks.path_beside(ctx.settings_path)
    old = locks.completed(locks.read(path), ctx.settings) if path.exists() else None
    keep = ctx.settings.controller.plugin_versions == "lock"
    why = locks.lock_needed(ctx.settings, old)
    fits = keep and old is not None and why is None
    try:
        document = read_document(ctx, attempts=1 if fits else 3)
    except SignatureError:
        raise
    except PluginError as error:
        if old is None or not fits:
            raise
        return Wanted(old, (f"security warnings are not known: {error.where}: {error.what}",))
    new = old if old is not None and fits else _resolved(ctx, document, old, () if keep else ("*",))
    found = judged(notes(new, document), ctx.settings.controller.accept)
    anew = f"resolved anew from {document_words(document.source, document.generated)}"
    words: tuple[str, ...] = ()
    if old is None:
        words = (f"no {path.name} yet: {anew}, bake writes it",)
    elif keep and not fits:
        words = (f"the lock does not fit the settings ({why}): {anew}, bake writes it",)
    return Wanted(new, words, found, document)


def _in_image(ctx: Context, lock: Lock, name: str) -> tuple[Finding, ...]:
    """What the current image `name` of the embedded target holds, against the lock."""
    from jenkins_bootstrap.aws.bakery import ImageCloud
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.plugins import lock as locks
    from jenkins_bootstrap.plugins.notes import verify_folder, verify_lock

    if ctx.target != "embedded":
        what = "nobody can look into an image on AWS"
        raise UsageError(what, where="--image", hint="compare the Jenkins that runs from it: plugins verify --url URL")
    images = ImageCloud(ctx.aws).project_images(ctx.settings.project)
    current = [i for i in images if i.tag("Name") == name and i.tag("Channel") == "current"]
    if not current:
        hint = f"jenkins-bootstrap bake {name}; jenkins-bootstrap images list shows what there is"
        raise UsageError(f"there is no current image {name!r}", where="--image", hint=hint)
    layout = Layout(ctx.state / "metal" / "layers" / current[0].id)
    found = verify_lock(lock, locks.read(layout.plugin_lock))
    return (*found, *verify_folder(lock, layout.plugins)) if any(layout.plugins.glob("*.jpi")) else found


def _in_running(lock: Lock, url: str) -> tuple[Finding, ...]:
    """What a running Jenkins has, against the lock."""
    from jenkins_bootstrap.controller.client import Controller
    from jenkins_bootstrap.plugins.notes import verify_running

    user, token = os.environ.get("JENKINS_USER", ""), os.environ.get("JENKINS_TOKEN", "")
    if not user or not token:
        raise UsageError(
            "who signs in is not said",
            where="JENKINS_USER, JENKINS_TOKEN",
            hint="set both in the environment: a user and an API token of theirs; an administrator's, as others do not "
            "see the plugins",
        )
    jenkins = Controller(url, user, token)
    return verify_running(lock, jenkins.version(), jenkins.plugins())


def changes(old: Lock | None, new: Lock) -> list[dict[str, Any]]:
    """What differs between two locks, one row a plugin."""
    before = {p.name: p for p in old.plugins} if old is not None else {}
    after = {p.name: p for p in new.plugins}
    rows = []
    for name in sorted(before.keys() | after.keys()):
        was, will = before.get(name), after.get(name)
        if was is not None and will is not None and replace(was, requested=will.requested) == will:
            continue
        change = "add" if was is None else "remove" if will is None else "change"
        rows.append(
            {
                "change": change,
                "plugin": name,
                "from": was.version if was is not None else None,
                "to": will.version if will is not None else None,
            }
        )
    return rows


def _resolved(ctx: Context, document: UpdateCenter, old: Lock | None, upgrade: tuple[str, ...]) -> Lock:
    from jenkins_bootstrap.errors import nearest
    from jenkins_bootstrap.plugins.lock import made_for
    from jenkins_bootstrap.plugins.resolve import ALL, resolve

    controller = ctx.settings.controller
    known = {p.name for p in old.plugins} if old is not None else set()
    for name in upgrade:
        if name != ALL and name not in known and name not in document:
            near = nearest(name, known or document.names)
            raise UsageError(
                f"no plugin {name!r} is locked",
                where="--upgrade",
                hint=f"did you mean {near}?" if near else "see the lock",
            )
    try:
        return resolve(
            controller.plugins,
            document,
            controller.jenkins.version,
            locked=old,
            upgrade=upgrade,
            made_for=made_for(ctx.settings),
        )
    except BootstrapError as error:
        if isinstance(error, SeveralErrors):
            raise SeveralErrors([_located(ctx, e) for e in error.errors]) from error
        raise _located(ctx, error) from error


def _located(ctx: Context, error: BootstrapError) -> BootstrapError:
    """An error of a plugin that the settings name as one of the settings, with its line and column; others as is."""
    from jenkins_bootstrap.config.load import locate
    from jenkins_bootstrap.plugins.errors import WantedPluginError
    from jenkins_bootstrap.plugins.lock import split_wanted

    if not isinstance(error, WantedPluginError):
        return error
    names = [split_wanted(one)[0] for one in ctx.settings.controller.plugins]
    where = locate(ctx.settings_path, ("controller", "plugins", names.index(error.chain[0])))
    through = f" (wanted through {' > '.join(error.chain)})" if len(error.chain) > 1 else ""
    return SettingsError(error.what + through, where=where, hint=error.hint)


def _warn(ctx: Context, found: tuple[Finding, ...]) -> None:
    for finding in found:
        ctx.warn(f"{finding} ({finding.hint})")
