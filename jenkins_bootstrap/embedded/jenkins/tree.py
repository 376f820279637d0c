"""Answers of `api/json`: what the parameter `tree` asks for, or everything that is modelled."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from jenkins_bootstrap.embedded.jenkins.definitions import FOLDER, MULTIBRANCH
from jenkins_bootstrap.embedded.jenkins.store import Item

Tree = dict[str, "Tree | None"]

_TOKEN = re.compile(r"[A-Za-z_]\w*|[,\[\]]")
KNOWN = {"_class", "name", "url", "color", "description", "displayName", "fullName", "jobs", "disabled", "buildable"}
KNOWN_OF_JENKINS = {"_class", "mode", "jobs", "views", "primaryView", "description", "url"}
VIEW = {"_class": "hudson.model.AllView", "name": "all"}
_WHOLE: Tree = dict.fromkeys(sorted(KNOWN - {"jobs"}))


class NotModelled(ValueError):
    """What a real Jenkins may know, and this one does not."""


def parse(text: str) -> Tree:
    """`a,b[c,d[e]]` as nested names. Raises NotModelled, also for ranges."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise NotModelled(f"tree={text}")
    tree, at = _names(tokens, 0)
    if at != len(tokens):
        raise NotModelled(f"tree={text}")
    return tree


def _names(tokens: list[str], at: int) -> tuple[Tree, int]:
    tree: Tree = {}
    while at < len(tokens) and tokens[at] != "]":
        name = tokens[at]
        if name in ",[":
            raise NotModelled(f"tree with a stray {name}")
        at += 1
        tree[name] = None
        if at < len(tokens) and tokens[at] == "[":
            tree[name], at = _names(tokens, at + 1)
            if at >= len(tokens):
                raise NotModelled("tree that does not end")
            at += 1
        if at < len(tokens) and tokens[at] == ",":
            at += 1
    return tree, at


def show(item: Item, tree: Tree | None, url: str) -> dict[str, Any]:
    """An item, or Jenkins itself. `url` is Jenkins' own, `tree` None for all of it."""
    if item.parent is None:
        return _jenkins(item, tree, url)
    if tree is None:
        tree = {**_WHOLE, "jobs": {"name": None, "url": None, "color": None}}
    return _item(item, tree, url + _job_url(item))


def _jenkins(root: Item, tree: Tree | None, url: str) -> dict[str, Any]:
    if tree is None:
        tree = {**dict.fromkeys(KNOWN_OF_JENKINS), "jobs": {"name": None, "url": None, "color": None}}
    _check(tree, KNOWN_OF_JENKINS)
    view = {**VIEW, "url": url}
    every = {"mode": "NORMAL", "views": [view], "primaryView": view, "description": None, "url": url}
    shown: dict[str, Any] = {"_class": root.kind, **{name: every[name] for name in tree if name in every}}
    if "jobs" in tree:
        shown["jobs"] = _children(root, tree["jobs"], url)
    return shown


def _item(item: Item, tree: Tree, url: str) -> dict[str, Any]:
    _check(tree, KNOWN)
    shown: dict[str, Any] = {"_class": item.kind}
    job = item.kind not in (FOLDER, MULTIBRANCH)
    for name, below in tree.items():
        if name in ("name", "displayName"):
            shown[name] = item.name
        elif name == "description":
            shown[name] = item.description
        elif name == "jobs" and not job:
            shown[name] = _children(item, below, url)
        elif name == "url":
            shown[name] = url
        elif name == "fullName":
            shown[name] = item.path
        elif name == "color" and job:
            shown[name] = "disabled" if item.disabled else "notbuilt"
        elif name == "disabled" and job:
            shown[name] = item.disabled
        elif name == "buildable" and item.kind != FOLDER:
            shown[name] = item.buildable and (job or item.scannable)
    return shown


def _children(item: Item, tree: Tree | None, url: str) -> list[dict[str, Any]]:
    # Asked for without names, they come with their class alone.
    wanted: Tree = tree if tree is not None else {}
    return [_item(one, wanted, f"{url}job/{quote(one.name, safe=_SAFE)}/") for one in item.sorted()]


def _check(tree: Tree, known: set[str]) -> None:
    if unknown := tree.keys() - known:
        raise NotModelled(f"tree with {', '.join(sorted(unknown))}")


_SAFE = "!$&'()*+,;=:@-._~"


def _job_url(item: Item) -> str:
    above = _job_url(item.parent) if item.parent is not None and item.parent.parent is not None else ""
    return f"{above}job/{quote(item.name, safe=_SAFE)}/"
