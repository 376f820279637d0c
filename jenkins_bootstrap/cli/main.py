"""The entry point: finds the command, runs it under one error handler, ends with an exit status of the contract.

Command modules are imported only when they are asked for, so that `--help` stays quick.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from jenkins_bootstrap import __version__
from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.errors import BootstrapError, SeveralErrors

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init:init", "write a commented jenkins-bootstrap.yml that works as it is"),
    "check": ("check:check", "every setting, look-up, secret key and tool, with the remedy"),
    "render": ("render:render", "the four staged init scripts and facts.json"),
    "plugins": ("plugins:plugins", "pinned plugins: lock, verify, fetch"),
    "jobs": ("jobs:jobs", "job definitions for every repository"),
    "hooks": ("hooks:hooks", "webhooks on GitHub: plan, sync, check"),
    "bake": ("bake:bake", "images in dependency order, only what changed"),
    "images": ("images:images", "what has been baked"),
    "try": ("try_:try_", "a throwaway controller on this machine, from a war and plugins"),
    "boot": ("boot:boot", "in an image: put everything in place before Jenkins starts"),
    "watch": ("watch:watch", "in an image: apply changed secrets, images and groups to the running Jenkins"),
    "serve": ("serve:serve", "in an image: hear of repositories from GitHub and keep the jobs in step"),
    "embedded": ("embedded:embedded", "the emulated AWS, GitHub and Jenkins as servers: up, down, env"),
}


SHOWN = 25
"""Errors that are printed at once; a file that is wrong throughout need not fill the screen."""


class Commands(click.Group):
    """A group whose members are modules, imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(f"jenkins_bootstrap.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    "settings_path",
    type=click.Path(path_type=Path),
    default=Path("jenkins-bootstrap.yml"),
    show_default=True,
    help="The settings file.",
)
@click.option("--target", type=click.Choice(["embedded", "aws"]), help="Which AWS and GitHub; the default is embedded.")
@click.option("--json", "as_json", is_flag=True, help="Data as JSON on standard output.")
@click.option("-v", "--verbose", is_flag=True, help="Show each call that is made.")
@click.option("-q", "--quiet", is_flag=True, help="No notes and no progress.")
@click.version_option(__version__, prog_name="jenkins-bootstrap")
@click.pass_context
def main(
    ctx: click.Context, settings_path: Path, target: str | None, as_json: bool, verbose: bool, quiet: bool
) -> None:
    """A Jenkins that nobody sets up by hand.

    \b
    Example:
      jenkins-bootstrap init
      jenkins-bootstrap check
      jenkins-bootstrap bake controller

    Exit status: 0 done; 1 a failure, explained; 2 wrong usage or settings; 3 changes are pending (--exit-code);
    4 an unexpected error; 130 interrupted.
    """
    ctx.obj = Context(settings_path=settings_path, target_option=target, json=as_json, verbose=verbose, quiet=quiet)


def entry(arguments: list[str] | None = None) -> None:
    """The command line as a whole. Never returns."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit status; everything a user may see of an error is printed here."""
    try:
        status = main.main(args=arguments, prog_name="jenkins-bootstrap", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        error.show()
        return 2
    except click.ClickException as error:
        error.show()
        return 1
    except (click.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except BootstrapError as error:
        show(error)
        return error.exit_status
    except Exception as error:
        from jenkins_bootstrap.cli.report import write_report

        return write_report(error, arguments if arguments is not None else sys.argv[1:])


def show(error: BootstrapError) -> None:
    """Print where, what and what to try; every one of several."""
    errors: tuple[Any, ...] = error.errors if isinstance(error, SeveralErrors) else (error,)
    for each in errors[:SHOWN]:
        print(f"error: {each}", file=sys.stderr)
    if len(errors) > SHOWN:
        print(f"error: and {len(errors) - SHOWN} more", file=sys.stderr)
