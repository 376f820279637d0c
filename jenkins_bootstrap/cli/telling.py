"""What `jobs plan` and `jobs sync` print: steps, reasons, differences, counts at the end; the same as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.cli.context import Context

if TYPE_CHECKING:
    from jenkins_bootstrap.facts import Repository
    from jenkins_bootstrap.plan import Step
    from jenkins_bootstrap.reconcile import Outcome
    from jenkins_bootstrap.reconcile.look import Difference, Drift

ON_A_SCREEN = 200
"""Steps shown on a terminal; a pipe or a file gets all of them."""
_COLOURS = {"+": "32", "-": "31", "@": "36"}


def steps(ctx: Context, found: Iterable[Step], word: str = "") -> None:
    """A line a step: what it does, and why."""
    rows = list(found)
    shown = rows[:ON_A_SCREEN] if sys.stdout.isatty() else rows
    for step in shown:
        ctx.out(f"{word}{step.words}: {step.reason}")
        for path in getattr(step, "paths", ())[:5] if ctx.verbose else ():
            ctx.out(f"    {path}")
    if len(rows) > len(shown):
        ctx.out(f"... and {len(rows) - len(shown):,} more; in a file or pipe all of them are shown")


def outcome(ctx: Context, found: Outcome) -> None:
    """Steps, what is held back, warnings, the counts last. Errors are left to whoever ends the command."""
    if found.planned_only:
        steps(ctx, found.plan.steps)
    steps(ctx, found.plan.held_back, "held back: ")
    for words in found.warnings:
        ctx.warn(words)
    for line in found.summary():
        ctx.out(line)


def why(ctx: Context, repositories: Iterable[Repository]) -> list[dict[str, Any]]:
    """Every repository, in or out, and why; printed unless it goes into JSON."""
    from jenkins_bootstrap.jobs.names import impossible
    from jenkins_bootstrap.jobs.select import Reason, chosen, explain

    listed = list(repositories)
    none = impossible(chosen(ctx.settings, listed))
    rows = []
    for repository in sorted(listed, key=lambda r: r.full_name.lower()):
        reason = explain(ctx.settings, repository)
        if repository.id in none:
            reason = Reason(False, f"no job: {none[repository.id].what}")
        rows.append({"repository": repository.full_name, "id": repository.id, "in": reason.in_, "why": reason.text})
        if not ctx.json:
            ctx.out(f"{'in ' if reason.in_ else 'out'}  {repository.full_name}: {reason.text}")
    return rows


def differences(ctx: Context, found: Iterable[Difference]) -> list[dict[str, Any]]:
    """Unified diffs, in colour on a terminal."""
    rows = []
    for each in found:
        rows.append({"path": each.path, "diff": list(each.lines)})
        if not ctx.json:
            lines = each.lines or (f"{each.path}: nothing differs but the machine line",)
            for line in lines:
                ctx.out(_coloured(line))
    return rows


def drift(ctx: Context, found: Drift) -> dict[str, Any]:
    """What somebody changed in Jenkins."""
    rows = differences(ctx, found.found)
    return {"looked_at": found.looked, "jobs": found.of, "different": rows}


def _coloured(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    return f"\x1b[{colour}m{line}\x1b[0m" if colour and sys.stdout.isatty() else line
