"""What every command needs: the settings, the target, the gateways, and how to say something.

Data goes to standard output, everything else to standard error. The line that says which account is used is never
hidden. Gateways are made on first use, so that a command pays only for what it touches.
"""

from __future__ import annotations

import json as jsonlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from jenkins_bootstrap.errors import ToolError, UsageError

if TYPE_CHECKING:
    from jenkins_bootstrap.aws.session import Aws
    from jenkins_bootstrap.config.models import Settings
    from jenkins_bootstrap.embedded.client import Endpoints
    from jenkins_bootstrap.facts import AwsFacts, Repository

F = TypeVar("F", bound=Callable[..., Any])
CHANGES_PENDING = 3


@dataclass
class Context:
    settings_path: Path
    target_option: str | None = None
    json: bool = False
    verbose: bool = False
    quiet: bool = False
    throwaway: bool = False
    """What is started of the embedded target ends with whoever uses it, see cli/surroundings.py."""

    def __post_init__(self) -> None:
        self._line: Callable[[str], None] = self.trace

    @cached_property
    def settings(self) -> Settings:
        from jenkins_bootstrap.config import load

        return load(self.settings_path)

    @property
    def folder(self) -> Path:
        """The settings file's folder: state, lock file and manifest lie beside it."""
        return self.settings_path.resolve().parent

    @property
    def state(self) -> Path:
        """What this machine remembers of the project: the embedded target, logs of bakes, journals."""
        from jenkins_bootstrap.embedded.client import state_folder

        return state_folder(self.settings.embedded, self.folder)

    @property
    def cache(self) -> Path:
        """Downloads and the embedded root file system, shared by all projects of this user."""
        from jenkins_bootstrap.embedded.client import cache_folder

        return cache_folder()

    @cached_property
    def target(self) -> Literal["embedded", "aws"]:
        """--target, then JENKINS_BOOTSTRAP_TARGET, then the settings, then embedded."""
        asked = self.target_option or os.environ.get("JENKINS_BOOTSTRAP_TARGET") or self.settings.target or "embedded"
        if asked not in ("embedded", "aws"):
            raise UsageError(f"no target {asked!r}", where="JENKINS_BOOTSTRAP_TARGET", hint="embedded or aws")
        return "aws" if asked == "aws" else "embedded"

    @cached_property
    def endpoints(self) -> Endpoints:
        """The embedded AWS and GitHub, started when they are not there."""
        from importlib.util import find_spec

        from jenkins_bootstrap.embedded import client

        if find_spec("moto") is None:
            raise ToolError(
                "the embedded target is not installed with this package",
                where="--target embedded",
                hint="pip install 'jenkins-bootstrap[embedded]', or use an AWS account: --target aws",
            )
        print("target: embedded AWS and GitHub, no account is used", file=sys.stderr)
        return client.up(
            self.settings.embedded,
            self.folder,
            settings=self.settings,
            progress=self.progress,
            throwaway=self.throwaway,
        )

    @cached_property
    def aws(self) -> Aws:
        """The AWS gateway of the target; says on standard error which account it is."""
        from jenkins_bootstrap.aws.session import Aws

        log = self.trace if self.verbose else None
        if self.target == "embedded":
            return Aws.embedded(self.settings.region, self.endpoints.aws_url, log=log)
        aws = Aws.real(self.settings.region, log=log)
        print(f"target: AWS account {aws.account} in {self.settings.region}", file=sys.stderr)
        return aws

    @cached_property
    def _found(self) -> tuple[AwsFacts, Mapping[str, str]]:
        from jenkins_bootstrap.cli.sources import find_facts

        return find_facts(self)

    @property
    def facts(self) -> AwsFacts:
        """Everything the settings name, as found in AWS."""
        return self._found[0]

    @property
    def secret_values(self) -> Mapping[str, str]:
        """The values of the key-value secret: for sign-ins, never to be shown or written."""
        return self._found[1] if "_found" in self.__dict__ else self._sign_in

    @cached_property
    def _sign_in(self) -> Mapping[str, str]:
        from jenkins_bootstrap.cli.sources import sign_in_values

        return sign_in_values(self)

    @cached_property
    def repositories(self) -> tuple[Repository, ...]:
        """Every repository of every owner in the settings, unfiltered, in listing order."""
        from jenkins_bootstrap.cli.sources import list_owners

        return list_owners(self)

    @cached_property
    def selected(self) -> list[Repository]:
        """Those of them that get a job; warns of each whose name no job can have."""
        from jenkins_bootstrap.cli.sources import selected

        return selected(self)

    def out(self, text: str) -> None:
        """A line of data."""
        print(text)

    def data(self, value: Any) -> None:
        """Data as JSON."""
        print(jsonlib.dumps(value, indent=2, ensure_ascii=False))

    def note(self, text: str) -> None:
        if not self.quiet:
            sys.stdout.flush()  # what was said before stands before, also where both go into one pipe
            print(text, file=sys.stderr)

    def warn(self, text: str) -> None:
        """Shown even with -q: something the user must know."""
        sys.stdout.flush()
        print(f"warning: {text}", file=sys.stderr)

    def trace(self, text: str) -> None:
        """A call that was made; shown with -v."""
        if self.verbose:
            print(f"  {text}", file=sys.stderr)

    def tell(self, line: str) -> None:
        """The newest line of what the step under way does."""
        self._line(line)

    @contextmanager
    def progress(self, words: str) -> Iterator[Callable[[str], None]]:
        """Show that a step is under way; yields a function that shows its newest line. Quiet when not a terminal."""
        started = time.monotonic()
        if self.quiet or self.verbose or not sys.stderr.isatty():
            self._line = self.trace
            yield self.trace
        else:
            from rich.console import Console
            from rich.markup import escape

            console = Console(stderr=True, highlight=False)
            with console.status(escape(words)) as status:
                self._line = lambda line: status.update(escape(f"{words}: {line}"[: console.width - 4]))
                yield self._line
                self._line = self.trace
            console.print(f"[green]✓[/] {escape(words)} [dim]{time.monotonic() - started:.1f} s[/]")


def global_options(function: F) -> F:
    """Let the global options also stand after the command, and hand the command its Context as first argument."""

    @click.option("-c", "--config", "after_config", type=click.Path(path_type=Path), help="The settings file.")
    @click.option("--target", "after_target", type=click.Choice(["embedded", "aws"]), help="Which AWS and GitHub.")
    @click.option("--json", "after_json", is_flag=True, help="Data as JSON on standard output.")
    @click.option("-v", "--verbose", "after_verbose", is_flag=True, help="Show each call that is made.")
    @click.option("-q", "--quiet", "after_quiet", is_flag=True, help="No notes and no progress.")
    @click.pass_obj  # type: ignore[arg-type]
    @wraps(function)
    def command(
        obj: Context,
        *args: Any,
        after_config: Path | None,
        after_target: str | None,
        after_json: bool,
        after_verbose: bool,
        after_quiet: bool,
        **values: Any,
    ) -> Any:
        obj.settings_path = after_config or obj.settings_path
        obj.target_option = after_target or obj.target_option
        obj.json = obj.json or after_json
        obj.verbose = obj.verbose or after_verbose
        obj.quiet = obj.quiet or after_quiet
        return function(obj, *args, **values)

    return command  # type: ignore[return-value]


def plan_options(function: F) -> F:
    """--plan and --exit-code, for each command that changes something."""
    function = click.option("--plan", "plan_only", is_flag=True, help="Show what would be done, change nothing.")(
        function
    )
    return click.option("--exit-code", is_flag=True, help="With --plan: exit with 3 when changes are pending.")(
        function
    )
