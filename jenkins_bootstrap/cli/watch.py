"""`watch`: one look for changed secrets, images and groups, applied to the running Jenkins."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.errors import UsageError, raise_all

if TYPE_CHECKING:
    from jenkins_bootstrap.boot.watch import Looked


@click.command("watch")
@click.option("--root", type=click.Path(path_type=Path), help="The controller's / (for tests).", hidden=True)
@click.option("--url", help="Where Jenkins listens (for tests).", hidden=True)
@plan_options
@global_options
def watch(ctx: Context, root: Path | None, url: str | None, plan_only: bool, exit_code: bool) -> int | None:
    """Apply what changed in AWS to the running Jenkins. Runs in an image, by a timer.

    Finds everything again, and runs those stages anew that read what changed. No restart, no build is lost. What
    cannot be found or read holds up the stages that read it; they, and a stage that fails, are tried again by the next
    look.

    \b
    Example:
      jenkins-bootstrap watch --plan
    """
    from jenkins_bootstrap.boot.applied import Busy
    from jenkins_bootstrap.boot.layout import Layout
    from jenkins_bootstrap.boot.watch import Look

    if ctx.target_option is not None:
        raise UsageError("an image has the target it was baked for", where="--target", hint="leave it out")
    look = Look(
        Layout() if root is None else Layout(root.absolute()),
        environ=os.environ,
        say=_say,
        log=ctx.trace if ctx.verbose else None,
    )
    if url is not None:
        look.url = url
    if plan_only:
        looked = look.plan()
    else:
        signal.signal(signal.SIGTERM, _end)
        try:
            looked = look.run()
        except Busy as busy:
            ctx.note(f"{busy.what}: nothing done")
            return None
    _tell(ctx, looked, plan_only)
    raise_all(looked.failed)
    return CHANGES_PENDING if plan_only and exit_code and looked.pending else None


def _tell(ctx: Context, looked: Looked, plan_only: bool) -> None:
    if ctx.json:
        ctx.data(_document(looked))
    elif not looked.up:
        ctx.note("no Jenkins has come up here: nothing done")
    elif not looked.pending:
        ctx.note("nothing else has changed" if looked.failed else "nothing has changed")
    elif plan_only:
        for each in looked.pending:
            ctx.out(f"{each.stage}: {', '.join(each.because)}")


def _document(looked: Looked) -> dict[str, Any]:
    return {
        "up": looked.up,
        "pending": [{"stage": p.stage, "because": list(p.because)} for p in looked.pending],
        "applied": [{"stage": r.stage, "seconds": r.seconds, "changes": list(r.changes)} for r in looked.applied],
        "held_up": [{"stage": stage, "because": because} for stage, because in looked.held_up.items()],
        "failed": [{"where": e.where, "what": e.what, "try": e.hint} for e in looked.failed],
    }


def _end(_number: int, _frame: object) -> None:
    """systemd's way of ending it: the secrets are deleted on the way out."""
    raise SystemExit(1)


def _say(line: str) -> None:
    """A line for the journal, even with -q: what was changed in Jenkins is never hidden."""
    print(line, file=sys.stderr, flush=True)
