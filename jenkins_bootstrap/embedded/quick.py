"""Lets the daemon import and run moto in less time: what moto and botocore read or work out again and again is read
once, and what is seldom asked for is read when it is.

Changes no answer. For the daemon's process alone: it changes modules of moto and botocore for good.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import PurePath
from typing import Any

OFFERINGS = "ec2/resources/instance_type_offerings/"
"""Where moto keeps which instance types a region has: ninety files, each parsed at import."""


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Import moto within. No collecting meanwhile: it makes many objects, all of which stay."""
    _share_descriptions()
    complete = _postpone_offerings()
    gc.disable()
    try:
        yield
        complete()
        _remember_names()
    finally:
        gc.freeze()
        gc.enable()


def _share_descriptions() -> None:
    """Let all sessions have one loader of botocore's descriptions, which they only read, and look for what there is
    once: otherwise each reads and parses the same files. moto's own loader adds to what it has read, so that it stays
    apart."""
    from botocore import loaders, session

    session.create_loader = cache(loaders.create_loader)
    look = loaders.Loader.list_available_services
    seen: dict[tuple[str, ...], list[str]] = {}

    def list_available_services(self: Any, type_name: str) -> list[str]:
        key = (type_name, *dict.fromkeys(self.search_paths))
        if key not in seen:
            seen[key] = look(self, type_name)
        return seen[key]

    loaders.Loader.list_available_services = list_available_services


class Offerings(dict[str, list[dict[str, str]]]):
    """Which instance types a region has, by region, read when a region is asked for. `kind` is moto's location type,
    `files` the resources by region, `read` gives a resource's value."""

    def __init__(self, kind: str, files: dict[str, str], read: Callable[[str], Any]) -> None:
        super().__init__()
        self._kind, self._files, self._read = kind, files, read

    def __missing__(self, region: str) -> list[dict[str, str]]:
        self[region] = [{**each, "LocationType": self._kind} for each in self._read(self._files[region])]
        return self[region]

    def get(self, region: str, default: Any = None) -> Any:
        """As of a dictionary: moto asks by this."""
        return self[region] if region in self._files else default


def _postpone_offerings() -> Callable[[], None]:
    """Leave the offerings out of the import of moto's EC2; what is returned puts them back, to be read when asked."""
    from moto.utilities import utils

    read = utils.load_resource
    left_out: dict[str, dict[str, str]] = {}

    def load_resource(resource: str) -> Any:
        if not resource.startswith(OFFERINGS):
            return read(resource)
        path = PurePath(resource)
        left_out.setdefault(path.parent.name, {})[path.name.split(".")[0]] = resource
        return []

    def complete() -> None:
        from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

        utils.load_resource = read
        for kind, files in left_out.items():
            INSTANCE_TYPE_OFFERINGS[kind] = Offerings(kind, files, read)

    utils.load_resource = load_resource
    return complete


def _remember_names() -> None:
    """The names of moto's services and of a service's operations, which it looks up at every request."""
    from moto import backends
    from moto.core import responses

    names = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: names
    responses.method_names_from_class = cache(responses.method_names_from_class)
