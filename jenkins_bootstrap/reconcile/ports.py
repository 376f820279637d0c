"""What a reconciliation needs of the outside: GitHub as a source of repositories, the jobs of a Jenkins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jenkins_bootstrap.facts import ListedOwners, Repository


@dataclass(frozen=True, slots=True)
class Only:
    """The one repository that a run is about: by owner and name, by GitHub's number, or as a webhook names it, by all.

    `node` is its node id, with which GitHub is asked in a single call. `may_be_gone`: when GitHub does not find it, it
    is gone; else the sign-in may only see less than before, and a listing of everything has to decide.
    """

    owner: str = ""
    name: str = ""
    id: int | None = None
    node: str = ""
    may_be_gone: bool = True

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}" if self.name else f"repository {self.id}"


class Source(Protocol):
    """GitHub."""

    def list_all(self) -> ListedOwners:
        """Every repository of every owner of the settings; an owner that could not be listed is among its problems."""

    def read(self, only: Only) -> Repository | None:
        """One repository under the name it has now, None when it is gone. Raises BootstrapError when not to be told."""


class Jobs(Protocol):
    """The jobs of a Jenkins, by full name; each method is a request and raises ControllerError. See controller.jobs."""

    def present(self, folder: str) -> Mapping[str, Any] | None: ...
    def config(self, path: str) -> bytes: ...
    def create(self, path: str, xml: bytes) -> None: ...
    def update(self, path: str, xml: bytes) -> None: ...
    def rename(self, path: str, new_name: str) -> None: ...
    def move(self, path: str, folder: str) -> None: ...
    def delete(self, path: str) -> None: ...
    def request_scans(self, paths: Sequence[str], calls_per_hour: int) -> object: ...
