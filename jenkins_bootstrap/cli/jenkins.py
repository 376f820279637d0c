"""Which Jenkins a command speaks to, and as whom: options, the environment, the image, the target, in this order."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.errors import BootstrapError, UsageError
from jenkins_bootstrap.files import canonical_json, write_atomic

if TYPE_CHECKING:
    from jenkins_bootstrap.controller.client import Controller

F = TypeVar("F", bound=Callable[..., Any])
URL = "JENKINS_BOOTSTRAP_JENKINS_URL"
USER = "JENKINS_BOOTSTRAP_JENKINS_USER"
TOKEN_FILE = "JENKINS_BOOTSTRAP_JENKINS_TOKEN_FILE"  # noqa: S105 - a name
TRY_RECORD = "try.json"
"""In the state folder while `try` runs: url, user, token_file, pid."""


def jenkins_options(function: F) -> F:
    """--jenkins, --user and --token-file, as `url`, `user` and `token_file`."""
    function = click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"File with that account's API token; or {TOKEN_FILE}.",
    )(function)
    function = click.option("--user", help=f"Account in that Jenkins; or {USER}.")(function)
    return click.option("--jenkins", "url", help=f"URL of a Jenkins; or {URL}. The target's own when absent.")(function)


@dataclass(frozen=True, slots=True)
class _Given:
    url: str | None
    user: str | None
    token_file: Path | None


def controller_for(ctx: Context, url: str | None, user: str | None, token_file: Path | None) -> Controller:
    """The Jenkins that the options name, else the environment, the image that this runs in, or the target.

    Nothing is asked yet. Raises UsageError when it is not known which, or as whom; the token is never shown.
    """
    environment = os.environ.get(TOKEN_FILE)
    given = _Given(
        url or os.environ.get(URL) or None,
        user or os.environ.get(USER) or None,
        token_file or (Path(environment) if environment else None),
    )
    if given.url or given.user or given.token_file:
        return _named(ctx, given)
    return _in_image() or (_embedded(ctx) if ctx.target == "embedded" else _nobody(ctx))


def _named(ctx: Context, given: _Given) -> Controller:
    from jenkins_bootstrap.controller.client import Controller

    url = given.url or ctx.settings.controller.url
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise UsageError(f"{url!r} is no URL of a Jenkins", where="--jenkins", hint="https://HOST/ with its path")
    if "@" in urlsplit(url).netloc:
        raise UsageError("a URL with a password in it is not taken", where="--jenkins", hint="--user and --token-file")
    if not given.user or given.token_file is None:
        raise UsageError(
            f"an account and its API token are needed for {url}",
            where="--user" if not given.user else "--token-file",
            hint="--user NAME --token-file FILE; Jenkins makes a token at <user> / Security / API Token",
        )
    return Controller(_with_slash(url), given.user, read_token(given.token_file))


def _in_image() -> Controller | None:
    from jenkins_bootstrap.boot.layout import PORT, Layout

    file = Layout().service_token
    if not file.parent.is_dir() or not file.exists():
        return None
    from jenkins_bootstrap.config.controller import SERVICE_ACCOUNT
    from jenkins_bootstrap.controller.client import Controller

    return Controller(f"http://127.0.0.1:{PORT}/", SERVICE_ACCOUNT, read_token(file))


def _embedded(ctx: Context) -> Controller:
    from jenkins_bootstrap.controller.client import Controller

    tried = _of_try(ctx.state / TRY_RECORD)
    if tried is not None:
        from jenkins_bootstrap.cli.sources import github_api_url

        ctx.note(f"Jenkins: the one that `try` has running here, {tried.url}")
        # Its jobs name the GitHub of this machine, in place of the one in the settings.
        github = ctx.settings.github.model_copy(update={"api_url": github_api_url(ctx)})
        ctx.settings = ctx.settings.model_copy(update={"github": github})
        return tried
    from jenkins_bootstrap.embedded.layout import JENKINS_USER

    endpoints = ctx.endpoints
    ctx.note("Jenkins: the embedded one, which keeps jobs and builds nothing")
    return Controller(endpoints.jenkins_url, JENKINS_USER, read_token(endpoints.jenkins_token_file))


@contextmanager
def announced(ctx: Context, url: str, token_file: Path) -> Iterator[None]:
    """Have commands in this folder find the controller that `try` runs. Of several the last one is found."""
    from jenkins_bootstrap.config.controller import SERVICE_ACCOUNT

    record = ctx.state / TRY_RECORD
    value = {"url": url, "user": SERVICE_ACCOUNT, "token_file": str(token_file), "pid": os.getpid()}
    write_atomic(record, canonical_json(value))
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            if json.loads(record.read_bytes()) == value:
                record.unlink()


def _of_try(record: Path) -> Controller | None:
    from jenkins_bootstrap.controller.client import Controller

    try:
        value = json.loads(record.read_bytes())
        os.kill(int(value["pid"]), 0)  # only asks whether it lives
        return Controller(str(value["url"]), str(value["user"]), read_token(Path(value["token_file"])))
    except (OSError, ValueError, KeyError, TypeError, BootstrapError):
        return None


def _nobody(ctx: Context) -> Controller:
    raise UsageError(
        f"no account is given for the Jenkins at {ctx.settings.controller.url}",
        where="--target aws",
        hint=f"--user NAME --token-file FILE, or {USER} and {TOKEN_FILE}; in the image itself none is needed",
    )


def read_token(file: Path) -> str:
    """The API token in a file. Raises BootstrapError, which does not show what it found."""
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise BootstrapError(
            f"the token cannot be read: {why}", where=str(file), hint="give a file that you may read"
        ) from None
    if not token or any(c.isspace() or not c.isprintable() for c in token):
        raise BootstrapError(
            "this is no API token: one line without spaces is wanted", where=str(file), hint="make a new token"
        )
    return token


def _with_slash(url: str) -> str:
    return url if url.endswith("/") else url + "/"
