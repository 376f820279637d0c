"""Where the folders that are rendered or run elsewhere lie: inside the wheel, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def share(folder: str) -> Path:
    """The path of `groovy`, `jobs`, `packer` or `terraform`: in the wheel if it is installed, else in the checkout."""
    inside = _PACKAGE / "_share" / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


def sample(name: str) -> Path:
    """The path of a small sample file that ships with the package (embedded organisation, update-center document)."""
    return _PACKAGE / "data" / name
