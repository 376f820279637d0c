"""From the plugins that are wanted to every plugin that is needed, one version each.

Pure: an update-center document, a core and perhaps the last lock go in, a lock or every error at once comes out.
A document offers one version of each plugin; what the last lock holds is kept while it fits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from jenkins_bootstrap.errors import nearest, raise_all
from jenkins_bootstrap.plugins.errors import PluginError, WantedPluginError
from jenkins_bootstrap.plugins.implied import implied
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin, split_wanted
from jenkins_bootstrap.plugins.update_center import Dependency, UpdateCenter
from jenkins_bootstrap.plugins.versions import Version, older

ALL = "*"
"""In `upgrade`: every plugin."""


def resolve(
    wanted: Sequence[str],
    document: UpdateCenter,
    core: str,
    *,
    locked: Lock | None = None,
    upgrade: Collection[str] = (),
    made_for: tuple[int, str] | None = None,
) -> Lock:
    """The lock for `wanted` (each `name` or `name@version`) on a Jenkins of version `core`.

    Dependencies that are not optional are added, and so are the plugins that the core implies, where the document has
    them. A plugin in `locked` keeps its version while that satisfies everything; those named in `upgrade` (or all, for
    `ALL`) take the document's. A version asked for with `@` must be the document's or the locked one, as nothing else
    comes with a hash. `made_for`, the controller's Java and architecture, is what the lock says of itself: a document
    offers one file for all.

    Raises PluginError, or SeveralErrors of them: an unknown plugin (with the nearest name), a version that cannot be
    had, a required core newer than `core` (these three as WantedPluginError), a dependency that is missing or too old,
    a circle; each says who asked.
    """
    keep = {} if locked is None or ALL in upgrade else {p.name: p for p in locked.plugins if p.name not in upgrade}
    pinned = {p.name: p for p in locked.plugins} if locked is not None else {}
    fresh: set[str] = set()
    while True:
        run = _Run(document, core, keep, pinned, fresh)
        run.walk(wanted)
        outgrown = run.outgrown - fresh
        if not outgrown:
            break
        fresh |= outgrown  # what was locked no longer fits: begin again with the document's version of it
    raise_all(run.errors or _circles(run.chosen, run.asked))
    plugins = tuple(sorted(run.chosen.values(), key=lambda p: p.name))
    java, architecture = made_for or (None, None)
    return Lock(core, document.id, document.generated, plugins, java, architecture)


@dataclass
class _Run:
    """One walk over the wanted plugins and what they need."""

    document: UpdateCenter
    core: str
    keep: dict[str, LockedPlugin]
    pinned: dict[str, LockedPlugin]
    fresh: set[str]
    chosen: dict[str, LockedPlugin] = field(default_factory=dict)
    asked: dict[str, str | None] = field(default_factory=dict)
    """Who asked for a plugin first; None when the settings did."""
    versions: dict[str, str] = field(default_factory=dict)
    outgrown: set[str] = field(default_factory=set)
    errors: list[PluginError] = field(default_factory=list)

    def walk(self, wanted: Iterable[str]) -> None:
        todo: list[str] = []
        for one in wanted:
            name, version = split_wanted(one)
            if version is not None:
                self.versions[name] = version
            if name not in self.asked:
                self.asked[name] = None
                todo.append(name)
        for name in todo:  # grows while it is walked
            plugin = self.choose(name)
            if plugin is None:
                continue
            self.chosen[name] = replace(plugin, requested=self.asked[name] is None)
            for need in (*plugin.dependencies, *plugin.implied):
                if need.name not in self.asked and (not need.optional or self.available(need.name)):
                    self.asked[need.name] = name
                    todo.append(need.name)
        self.check_cores()
        self.check_minimums()

    def available(self, name: str) -> bool:
        return name in self.document or name in self.keep

    def choose(self, name: str) -> LockedPlugin | None:
        """The plugin's entry, from the last lock or from the document; None after noting an error."""
        offered = self.document.plugin(name)
        version = self.versions.get(name)
        if version is not None:
            pin = self.pinned.get(name)
            if pin is not None and pin.version == version and (offered is None or offered.version != version):
                return self.with_implied(pin)
            if offered is not None and offered.version != version:
                self.fail_wanted(
                    f"the plugin {name} {version} cannot be had: the update-center document offers {offered.version}",
                    name,
                    f"want {name}@{offered.version}, or {name} without a version, or name a document of the time when "
                    f"{version} was the newest with controller.update_center",
                )
                return None
        elif name in self.keep and name not in self.fresh:
            return self.with_implied(self.keep[name])
        if offered is None:
            self.unknown(name)
            return None
        return LockedPlugin(
            name=name,
            version=offered.version,
            sha256=offered.sha256,
            url=offered.url,
            required_core=offered.required_core,
            dependencies=_sorted(d for d in offered.dependencies if not d.optional),
            optional=_sorted(d for d in offered.dependencies if d.optional),
            implied=self.implied(name, offered.required_core),
        )

    def implied(self, name: str, required_core: str) -> tuple[Dependency, ...]:
        return _sorted(d for d in implied(name, required_core, self.core) if self.available(d.name))

    def with_implied(self, plugin: LockedPlugin) -> LockedPlugin:
        return replace(plugin, implied=self.implied(plugin.name, plugin.required_core))

    def unknown(self, name: str) -> None:
        if self.asked[name] is not None:
            what = f"the plugin {name} is needed but not in the update-center document"
            hint = "it may have been withdrawn: do without the plugin that needs it, or take a complete document"
            return self.fail(what, name, hint)
        near = nearest(name, self.document.names)
        hint = f"did you mean {near!r}?" if near else "see plugins.jenkins.io for its id"
        return self.fail_wanted(f"there is no plugin {name!r} in the update-center document", name, hint)

    def check_cores(self) -> None:
        too_new = []
        for name, plugin in self.chosen.items():
            if not older(self.core, plugin.required_core):
                continue
            if self.newer_may_fit(name):
                self.outgrown.add(name)
                continue
            too_new.append(plugin)
        lowest = max((p.required_core for p in too_new), key=Version, default="")
        or_later = "or later" if len(too_new) == 1 else f"or later, the lowest that all {len(too_new)} can do with"
        for plugin in too_new:
            self.fail_wanted(
                f"the plugin {plugin.name} {plugin.version} needs core {plugin.required_core}, "
                f"the settings have {self.core}",
                plugin.name,
                f"set controller.jenkins.version to {lowest} {or_later}, or do without it",
            )

    def check_minimums(self) -> None:
        """Jenkins does not load a plugin when one it needs, or can use and finds, is too old."""
        for asker in self.chosen.values():
            for need in (*asker.dependencies, *asker.optional, *asker.implied):
                have = self.chosen.get(need.name)
                if have is None or not older(have.version, need.minimum):
                    continue
                if self.newer_may_fit(need.name):
                    self.outgrown.add(need.name)
                    continue
                self.fail(
                    f"the plugin {asker.name} {asker.version} needs {need.name} {need.minimum} or later, "
                    f"but {have.version} is chosen",
                    asker.name,
                    f"remove the version of {need.name}"
                    if need.name in self.versions
                    else "the update-center document contradicts itself: take another",
                )

    def newer_may_fit(self, name: str) -> bool:
        """Whether the entry came from the last lock and the document may have a better one."""
        return name in self.keep and name not in self.fresh and name not in self.versions and name in self.document

    def fail(self, what: str, name: str, hint: str) -> None:
        self.errors.append(PluginError(what, where=chain(name, self.asked), hint=hint))

    def fail_wanted(self, what: str, name: str, hint: str) -> None:
        links = tuple(_links(name, self.asked))
        self.errors.append(WantedPluginError(what, where=chain(name, self.asked), hint=hint, chain=links))


def chain(name: str, asked: dict[str, str | None]) -> str:
    """Who asked for a plugin: `controller.plugins: github > git > scm-api`."""
    return "controller.plugins: " + " > ".join(_links(name, asked))


def _links(name: str, asked: dict[str, str | None]) -> list[str]:
    links = [name]
    while (asker := asked.get(links[0])) is not None:
        links.insert(0, asker)
    return links


def _circles(chosen: dict[str, LockedPlugin], asked: dict[str, str | None]) -> list[PluginError]:
    """An error for each circle: Jenkins deactivates every plugin in one, optional dependencies counting as well."""
    state: dict[str, bool] = {}
    """False while a plugin is being walked, True when it is done."""
    found: list[PluginError] = []
    for start, first in chosen.items():
        if start in state:
            continue
        state[start] = False
        path = [(start, iter(_edges(first)))]
        while path:
            name, edges = path[-1]
            step = next(edges, None)
            if step is None:
                state[name] = True
                path.pop()
            elif step in chosen and step not in state:
                state[step] = False
                path.append((step, iter(_edges(chosen[step]))))
            elif state.get(step) is False:
                names = [n for n, _ in path]
                circle = [*names[names.index(step) :], step]
                found.append(
                    PluginError(
                        f"the plugins need each other in a circle: {' > '.join(circle)}",
                        where=chain(step, asked),
                        hint="do without one of them, or take another update-center document",
                    )
                )
    return found


def _sorted(dependencies: Iterable[Dependency]) -> tuple[Dependency, ...]:
    return tuple(sorted(dependencies, key=str))


def _edges(plugin: LockedPlugin) -> list[str]:
    return [d.name for d in (*plugin.dependencies, *plugin.optional, *plugin.implied)]
