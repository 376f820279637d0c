"""The state file of the embedded GitHub: the ids it gave and what was changed since the organisation file was read."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from jenkins_bootstrap.embedded.github.organisation import Record
from jenkins_bootstrap.errors import BootstrapError

STATE_FILE = "github.json"
OVERLAY = ("changed", "created", "deleted", "moved")


def read_state(path: Path) -> dict[str, Any]:
    """What `path` holds, or the beginning of it when there is no such file.

    Raises:
        BootstrapError: it is cut off or something else.
    """
    empty: dict[str, Any] = {"version": 1, "ids": {}, "changed": {}, "created": [], "deleted": [], "moved": {}}
    try:
        kept = {"moved": {}, **json.loads(path.read_bytes())}
        known = {f.name for f in fields(Record)}
        fits = kept["version"] == 1 and all(type(kept[name]) is type(value) for name, value in empty.items())
        fits = fits and all(set(values) <= known for values in (*kept["changed"].values(), *kept["created"]))
    except FileNotFoundError:
        return empty
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad_state(path) from error
    if not fits:
        raise _bad_state(path)
    return {name: kept[name] for name in empty}


def _bad_state(path: Path) -> BootstrapError:
    return BootstrapError(
        "is not the state of an embedded GitHub",
        where=str(path),
        hint="remove it while the embedded target is down; repositories then come from the organisation file alone",
    )
