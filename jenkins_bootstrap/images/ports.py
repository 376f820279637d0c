"""What this room asks of AWS. aws/bakery.py has it; a test may have its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from jenkins_bootstrap.facts import Image


class Cloud(Protocol):
    """Images and the temporary things of a bake, in one account and region. Errors are BootstrapErrors."""

    def project_images(self, project: str) -> tuple[Image, ...]:
        """All own images with the tag Project, in any state."""

    def named_image(self, name: str) -> Image | None:
        """The own image with exactly this AMI name."""

    def tag(self, ids: Sequence[str], tags: Mapping[str, str]) -> None: ...

    def untag(self, ids: Sequence[str], keys: Sequence[str]) -> None: ...

    def deregister(self, image: str) -> None:
        """Remove an image and its snapshots; one that is gone already is no error."""

    def make_security_group(self, name: str, vpc: str, port: int, cidr: str, tags: Mapping[str, str]) -> str:
        """A group that lets in TCP to `port` from `cidr`, in `vpc` ("" is the default one); returns its id."""

    def remove_run(self, tag: str, run: str, key_pairs: str) -> list[str]:
        """Remove what a run left: instances (waiting for their end), volumes and groups whose `tag` is `run`, and key
        pairs whose name begins with `key_pairs`. Returns what was removed, in words."""
