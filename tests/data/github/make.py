"""Makes the fixtures of this folder from the packages that GitHub's Octokit publishes; README.md says which.

    python tests/data/github/make.py examples FOLDER   # the unpacked @octokit/webhooks-examples

The fixtures are the packages' own words, only fewer of them. Nothing here is run by the tests.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def write(name: str, data: Any) -> None:
    """Compressed without a time, so that the same input gives the same file."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    (HERE / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def examples(folder: Path) -> None:
    """All example payloads of github.com, by event."""
    published = json.loads((folder / "api.github.com" / "index.json").read_text("utf-8"))
    write("webhooks-examples.json.gz", {event["name"]: event["examples"] for event in published})


MAKERS = {"examples": examples}

if __name__ == "__main__":
    MAKERS[sys.argv[1]](Path(sys.argv[2]))
