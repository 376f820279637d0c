"""What Jenkins has below our folder, read from the one listing call: items, and whose each of them is. Calls nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.jobs.marker import MachineLine, parse_line

FOLDER_CLASS = "com.cloudbees.hudson.plugins.folder.Folder"


@dataclass(frozen=True, slots=True)
class Item:
    """A job or folder that is there, by its full name as Jenkins spells it; `line` None: it says nothing of us."""

    path: str
    is_folder: bool
    line: MachineLine | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def key(self) -> str:
        """Jenkins tells names apart without regard to case."""
        return self.path.lower()


@dataclass(frozen=True, slots=True)
class Present:
    """The items below `folder`, two levels deep, that folder itself first; none when Jenkins has no such folder."""

    folder: str
    items: tuple[Item, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def top(self) -> Item | None:
        return self.items[0] if self.items else None

    def ours(self, installation: str) -> tuple[Item, ...]:
        """The jobs, not the folders, that belong to this installation."""
        return tuple(i for i in self.items if is_ours(i, installation))

    def moved_to(self, folder: str) -> Present:
        """The same items below a folder of another name."""
        cut = len(self.folder)
        return Present(folder, tuple(replace(item, path=folder + item.path[cut:]) for item in self.items))


def is_ours(item: Item, installation: str) -> bool:
    """Whether this is a job that this installation may change."""
    line = item.line
    return not item.is_folder and line is not None and line.owner == installation and line.kind != "folder"


def read_present(folder: str, answer: Mapping[str, Any] | None) -> Present:
    """The listing of a folder, as Jenkins' JSON of it with `_class`, `name`, `description`, `jobs`; None: not there.

    Raises BootstrapError when the answer has not that shape: what is missing in it must not be taken for absent.
    """
    if answer is None:
        return Present(folder)
    try:
        return Present(folder, tuple(_walk(folder, answer, depth=2)))
    except (KeyError, TypeError, AttributeError) as error:
        raise BootstrapError(
            f"the listing is not that of a folder ({type(error).__name__}: {error})",
            where=f"Jenkins, folder {folder}",
            hint="run the command again; if it stays so, look whether a proxy stands before Jenkins",
        ) from error


def _walk(path: str, node: Mapping[str, Any], depth: int) -> Iterator[Item]:
    is_folder = str(node["_class"]) == FOLDER_CLASS
    yield Item(path, is_folder, parse_line(node.get("description")))
    if is_folder and depth:
        for child in node["jobs"]:
            yield from _walk(f"{path}/{child['name']}", child, depth - 1)
