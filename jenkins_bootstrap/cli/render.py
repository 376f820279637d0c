"""`render`: the staged init scripts, and facts.json as the controller will find it at boot."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from jenkins_bootstrap.cli import content
from jenkins_bootstrap.cli.context import Context, global_options


@click.command("render")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to write to.")
@click.option("--require-compile", is_flag=True, help="Fail where the stages cannot be compiled.")
@click.option("--no-facts", is_flag=True, help="Ask neither AWS nor GitHub; write no facts.json.")
@global_options
def render(ctx: Context, out: Path, require_compile: bool, no_facts: bool) -> None:
    """Write the four staged scripts and facts.json, and compile the scripts with Groovy 2.4.21.

    \b
    Example:
      jenkins-bootstrap render --out out
      jenkins-bootstrap render --out out --no-facts --require-compile

    Writes init.groovy, init.groovy.d/{aws,github,githubrepos}.txt and facts.json. The same input gives the same bytes.
    """
    from jenkins_bootstrap.cli.plugins import wanted_lock
    from jenkins_bootstrap.files import canonical_json
    from jenkins_bootstrap.stages.render import write

    lock, _notes = wanted_lock(ctx)
    files = content.stages(ctx, lock)
    with ThreadPoolExecutor(max_workers=1) as pool:
        report = content.compiling(ctx, pool, files, require_compile)
        facts = None if no_facts else canonical_json(content.facts_document(ctx))
        with ctx.progress("compiling the stages"):
            compiled = report.result()
    written = dict(files) if facts is None else files | {"facts.json": facts}
    write(out, written)
    if ctx.json:
        ctx.data({"out": str(out), "files": list(written), "compiled": compiled.compiled, "reason": compiled.reason})
    else:
        for name in written:
            ctx.out(str(out / name))
        ctx.note(f"{len(files)} stages, {content.compiled_words(compiled)}")
    if not compiled.compiled:
        ctx.warn(f"not compiled: {compiled.reason}")
