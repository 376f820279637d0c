"""A log file fit for a bug report, for errors nobody expected: exit status 4."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from pathlib import Path

from jenkins_bootstrap import __version__

UNEXPECTED = 4


def write_report(error: BaseException, arguments: list[str]) -> int:
    """Write the traceback and versions to a file, say where it is, and return exit status 4.

    The file holds no environment and no local variables, as those may hold secrets.
    """
    text = "\n".join(
        [
            "## jenkins-bootstrap: unexpected error",
            f"version: {__version__}",
            f"python: {platform.python_version()} on {platform.platform()}",
            f"command: jenkins-bootstrap {' '.join(arguments)}",
            "",
            "```",
            "".join(traceback.format_exception(error)).rstrip(),
            "```",
            "",
        ]
    )
    handle, name = tempfile.mkstemp(prefix="jenkins-bootstrap-error-", suffix=".md")
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    print(f"unexpected error: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"  this is a defect; please report it with {Path(name)}", file=sys.stderr)
    return UNEXPECTED
