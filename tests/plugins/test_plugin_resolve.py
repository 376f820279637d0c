"""Resolution: closure, pins, cores, circles, what a core implies; equal to an independent brute-force resolver."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.errors import BootstrapError, SeveralErrors
from jenkins_bootstrap.plugins import update_center
from jenkins_bootstrap.plugins.implied import SPLITS, implied
from jenkins_bootstrap.plugins.lock import Lock
from jenkins_bootstrap.plugins.notes import verify
from jenkins_bootstrap.plugins.resolve import ALL, resolve
from jenkins_bootstrap.plugins.update_center import UpdateCenter
from jenkins_bootstrap.plugins.versions import Version, older

Make = Callable[..., UpdateCenter]
CORE = "2.516.2"
FIXTURE = Path(__file__).resolve().parents[1] / "data/plugins/usual.json"


def pins(lock: Lock) -> list[str]:
    return [f"{p.name}@{p.version}" for p in lock.plugins]


def errors(wanted: list[str], document: UpdateCenter, core: str = CORE, **more: Any) -> list[BootstrapError]:
    with pytest.raises(BootstrapError) as caught:
        resolve(wanted, document, core, **more)
    return list(caught.value.errors) if isinstance(caught.value, SeveralErrors) else [caught.value]


def test_dependencies_are_added_and_optional_ones_are_not(document: Make) -> None:
    made = document(
        {
            "git": "5.7 2.479 scm-api@1 ?junit@1",
            "scm-api": "2.1 2.479 structs@1",
            "structs": "1 2.479",
            "junit": "1 2.479",
            "other": "1 2.479",
        }
    )
    lock = resolve(["git"], made, CORE)
    assert pins(lock) == ["git@5.7", "scm-api@2.1", "structs@1"]
    assert lock.requested == ("git",)
    assert [str(d) for d in lock.plugins[0].optional] == ["junit@1"]


def test_the_order_of_what_is_wanted_does_not_matter(document: Make) -> None:
    made = document({"a": "1 2.479 c@1", "b": "1 2.479 c@1", "c": "1 2.479"})
    assert resolve(["a", "b"], made, CORE) == resolve(["b", "a"], made, CORE)


def test_an_unknown_plugin_names_the_nearest_and_all_are_told(document: Make) -> None:
    made = document({"github-branch-source": "1 2.479", "ec2": "1 2.479"})
    found = errors(["github-branch-sorce", "zzzzzz", "ec2"], made)
    assert [str(e) for e in found] == [
        "controller.plugins: github-branch-sorce: there is no plugin 'github-branch-sorce' in the update-center "
        "document\n  try: did you mean 'github-branch-source'?",
        "controller.plugins: zzzzzz: there is no plugin 'zzzzzz' in the update-center document"
        "\n  try: see plugins.jenkins.io for its id",
    ]


def test_a_core_that_is_too_old_names_the_plugin_its_core_and_who_asked(document: Make) -> None:
    made = document({"a": "1 2.479 b@1", "b": "1 2.479 c@1", "c": "7 2.545"})
    (error,) = errors(["a"], made)
    assert error.where == "controller.plugins: a > b > c"
    assert error.what == "the plugin c 7 needs core 2.545, the settings have 2.516.2"
    assert "controller.jenkins.version to 2.545" in error.hint


def test_the_lowest_core_for_all_is_in_each_hint(document: Make) -> None:
    made = document({"a": "1 2.479.3 b@1", "b": "1 2.504.1", "c": "1 2.60.3", "d": "1 2.479"})
    found = errors(["a", "c", "d"], made, core="2.400")
    assert [e.what.split(" needs ")[0] for e in found] == ["the plugin a 1", "the plugin d 1", "the plugin b 1"]
    assert {e.hint for e in found} == {
        "set controller.jenkins.version to 2.504.1 or later, the lowest that all 3 can do with, or do without it"
    }
    assert pins(resolve(["a", "c", "d"], made, "2.504.1")) == ["a@1", "b@1", "c@1", "d@1"]


def test_what_the_settings_want_wrongly_says_which_of_them(document: Make) -> None:
    made = document({"a": "1 2.479 b@1", "b": "1 2.545", "git": "5.7 2.479", "x": "1 2.479 gone@1"})
    found = errors(["a", "nothing", "git@5.6", "x"], made)
    chains = {type(e).__name__ + ":" + ">".join(getattr(e, "chain", ())) for e in found}
    assert chains == {
        "WantedPluginError:a>b",
        "WantedPluginError:nothing",
        "WantedPluginError:git",
        "PluginError:",
    }


def test_a_dependency_that_is_missing_in_the_document(document: Make) -> None:
    made = document({"a": "1 2.479 b@1", "b": "1 2.479 gone@1 ?also-gone@1"})
    (error,) = errors(["a"], made)
    assert error.where == "controller.plugins: a > b > gone"
    assert "is needed but not in the update-center document" in error.what


def test_a_circle_is_told_with_its_chain(document: Make) -> None:
    made = document({"z": "1 2.479 a@1", "a": "1 2.479 b@1", "b": "1 2.479 c@1", "c": "1 2.479 a@1"})
    (error,) = errors(["z"], made)
    assert error.what == "the plugins need each other in a circle: a > b > c > a"
    assert error.where == "controller.plugins: z > a"


def test_a_circle_through_an_optional_dependency_is_one_only_when_the_plugin_is_there(document: Make) -> None:
    made = document({"a": "1 2.479 b@1", "b": "1 2.479 ?a@1", "c": "1 2.479 ?d@1", "d": "1 2.479 c@1"})
    (error,) = errors(["a"], made)
    assert "a > b > a" in error.what
    assert pins(resolve(["c"], made, CORE)) == ["c@1"]


@pytest.mark.parametrize("need", ["b@2", "?b@2"])
def test_a_dependency_that_is_too_old_optional_or_not(document: Make, need: str) -> None:
    made = document({"a": f"1 2.479 {need}", "b": "1.9 2.479"})
    (error,) = errors(["a", "b"], made)
    assert error.what == "the plugin a 1 needs b 2 or later, but 1.9 is chosen"


def test_a_version_is_taken_only_when_the_document_offers_it(document: Make) -> None:
    made = document({"git": "5.7 2.479"})
    assert pins(resolve(["git@5.7"], made, CORE)) == ["git@5.7"]
    (error,) = errors(["git@5.6"], made)
    assert error.what == "the plugin git 5.6 cannot be had: the update-center document offers 5.7"
    assert "git@5.7" in error.hint
    assert "controller.update_center" in error.hint


def test_a_version_that_is_locked_can_still_be_wanted(document: Make) -> None:
    old = resolve(["git"], document({"git": "5.6 2.479"}), CORE)
    new = document({"git": "5.7 2.479"})
    assert pins(resolve(["git@5.6"], new, CORE, locked=old)) == ["git@5.6"]
    assert pins(resolve(["git@5.6"], new, CORE, locked=old, upgrade=[ALL])) == ["git@5.6"]
    assert pins(resolve(["git@5.7"], new, CORE, locked=old)) == ["git@5.7"]


def test_what_is_locked_stays_until_it_is_upgraded(document: Make) -> None:
    old = resolve(["a", "b"], document({"a": "1 2.479", "b": "1 2.479"}), CORE)
    new = document({"a": "2 2.479", "b": "2 2.479", "c": "2 2.479"})
    assert pins(resolve(["a", "b", "c"], new, CORE, locked=old)) == ["a@1", "b@1", "c@2"]
    assert pins(resolve(["a", "b"], new, CORE, locked=old, upgrade=["a"])) == ["a@2", "b@1"]
    assert pins(resolve(["a", "b"], new, CORE, locked=old, upgrade=[ALL])) == ["a@2", "b@2"]


def test_what_is_locked_and_withdrawn_stays(document: Make) -> None:
    old = resolve(["a"], document({"a": "1 2.479 b@1", "b": "1 2.479"}), CORE)
    assert pins(resolve(["a"], document({"a": "2 2.479 b@1"}), CORE, locked=old)) == ["a@1", "b@1"]


def test_a_locked_plugin_gives_way_where_a_new_one_needs_more(document: Make) -> None:
    old = resolve(["a"], document({"a": "1 2.479 base@1", "base": "1 2.479 legacy@1", "legacy": "1 2.479"}), CORE)
    new = document({"a": "2 2.479 base@1", "base": "3 2.479", "legacy": "1 2.479", "n": "1 2.479 base@2"})
    assert pins(resolve(["a", "n"], new, CORE, locked=old)) == ["a@1", "base@3", "n@1"]


def test_a_pinned_plugin_does_not_give_way(document: Make) -> None:
    old = resolve(["base"], document({"base": "1 2.479"}), CORE)
    new = document({"base": "3 2.479", "n": "1 2.479 base@2"})
    (error,) = errors(["base@1", "n"], new, locked=old)
    assert error.what == "the plugin n 1 needs base 2 or later, but 1 is chosen"
    assert error.hint == "remove the version of base"


def test_what_is_no_longer_wanted_goes_with_what_only_it_needed(document: Make) -> None:
    made = document({"a": "1 2.479 b@1", "b": "1 2.479", "c": "1 2.479"})
    assert pins(resolve(["c"], made, CORE, locked=resolve(["a", "c"], made, CORE))) == ["c@1"]


# What the core implies


def test_a_plugin_from_before_a_split_gets_what_was_split_off(document: Make) -> None:
    made = document({"old": "1 2.300", "javax-mail-api": "1.6.2-5 2.479", "instance-identity": "203 2.479"})
    lock = resolve(["old"], made, CORE)
    assert pins(lock) == ["instance-identity@203", "javax-mail-api@1.6.2-5", "old@1"]
    assert [str(d) for d in lock.plugins[2].implied] == ["instance-identity@3.1", "javax-mail-api@1.6.2-5"]
    assert lock.requested == ("old",)


def test_a_core_from_before_the_split_implies_nothing(document: Make) -> None:
    made = document({"old": "1 2.300", "instance-identity": "203 2.300"})
    assert pins(resolve(["old"], made, "2.350")) == ["old@1"]
    assert [d.name for d in implied("old", "2.300", "2.346.3")] == ["javax-activation-api", "javax-mail-api"]


def test_a_later_release_of_the_last_core_before_a_split_still_implies() -> None:
    assert [d.name for d in implied("x", "2.281.4", CORE)] == [
        "sshd",
        "javax-activation-api",
        "javax-mail-api",
        "instance-identity",
    ]


def test_no_plugin_implies_itself_or_a_known_circle() -> None:
    for name, _, _ in SPLITS:
        assert name not in {d.name for d in implied(name, "1.0", CORE)}
    assert "sshd" not in {d.name for d in implied("bouncycastle-api", "1.0", CORE)}
    assert "jaxb" not in {d.name for d in implied("junit", "1.0", CORE)}
    assert "jaxb" in {d.name for d in implied("git", "1.0", CORE)}


# Against an independent resolver


def brute_force(wanted: Iterable[str], plugins: dict[str, Any], core: str) -> set[str]:
    """The closure by repeating one sentence until nothing is added: whatever a member needs is a member."""
    members = set(wanted)
    while True:
        more = set()
        for name in members:
            entry = plugins[name]
            more |= {d["name"] for d in entry["dependencies"] if not d["optional"]}
            for split, last, _minimum in SPLITS:
                old_enough = not older(last + ".*", entry["requiredCore"]) and older(last + ".*", core)
                circle = (name, split) in CIRCLES
                if old_enough and split != name and not circle and split in plugins:
                    more.add(split)
        if more <= members:
            return members
        members |= more


CIRCLES = {
    tuple(line.split())
    for line in """
    credentials matrix-auth
    script-security antisamy-markup-formatter
    script-security bouncycastle-api
    script-security command-launcher
    script-security matrix-auth
    script-security matrix-project
    script-security jaxb
    maven-plugin jaxb
    subversion jaxb
    cvs jaxb
    ant jaxb
    javadoc jaxb
    external-monitor-job jaxb
    ldap jaxb
    pam-auth jaxb
    mailer jaxb
    matrix-auth jaxb
    antisamy-markup-formatter jaxb
    matrix-project jaxb
    junit jaxb
    bouncycastle-api jaxb
    command-launcher jaxb
    jdk-tool jaxb
    javax-activation-api javax-mail-api
    javax-activation-api sshd
    javax-mail-api sshd
    bouncycastle-api instance-identity
    bouncycastle-api sshd
    javax-activation-api instance-identity
    javax-mail-api instance-identity
    """.strip().splitlines()
}
"""As in the war's split-plugin-cycles.txt."""

USUAL = [
    "github",
    "github-branch-source",
    "ec2",
    "workflow-aggregator",
    "matrix-auth",
    "git",
    "credentials-binding",
    "timestamper",
    "ws-cleanup",
    "build-timeout",
    "antisamy-markup-formatter",
    "cloudbees-folder",
    "branch-api",
    "pipeline-github-lib",
    "mailer",
    "ldap",
    "junit",
    "gradle",
    "ant",
    "email-ext",
    "ssh-slaves",
    "pam-auth",
    "docker-workflow",
    "kubernetes",
    "configuration-as-code",
]


def test_what_is_not_implied_is_the_wars_list_of_circles() -> None:
    names = {name for name, _, _ in SPLITS} | {"credentials", "script-security", "git"}
    for name in names:
        expected = {s for s, _, _ in SPLITS if s != name and (name, s) not in CIRCLES}
        assert {d.name for d in implied(name, "1.0", CORE)} == expected, name


def same_as_by_brute_force(wanted: list[str], document: UpdateCenter, core: str = CORE) -> Lock:
    """The lock, having compared each name, version, hash and dependency with what the document's own text says."""
    plugins = json.loads(Path(document.source).read_text())["plugins"]
    lock = resolve(wanted, document, core)
    assert {p.name for p in lock.plugins} == brute_force(wanted, plugins, core)
    for plugin in lock.plugins:
        entry = plugins[plugin.name]
        needs = {(d["name"], d["version"]) for d in entry["dependencies"] if not d["optional"]}
        assert {(d.name, d.minimum) for d in plugin.dependencies} == needs
        assert (plugin.version, plugin.url, plugin.required_core) == (
            entry["version"],
            entry["url"],
            entry["requiredCore"],
        )
        assert base64.b64encode(bytes.fromhex(plugin.sha256)).decode() == entry["sha256"]
        assert plugin.requested == (plugin.name in wanted)
    assert not [f for f in verify(lock, document) if f.wrong]
    return lock


def test_25_usual_plugins_resolve_as_by_brute_force() -> None:
    """On the part of a real document that they come from, with what they only can use."""
    assert len(set(USUAL)) == 25
    document = update_center.read(FIXTURE)
    lock = same_as_by_brute_force(USUAL, document)
    assert 25 < len(lock.plugins) < len(document.names)


def test_25_usual_plugins_resolve_as_by_brute_force_in_the_real_document(real: UpdateCenter) -> None:
    lock = same_as_by_brute_force(USUAL, real)
    assert lock.plugins == tuple(
        replace(p, url=lock.by_name()[p.name].url) for p in resolve(USUAL, update_center.read(FIXTURE), CORE).plugins
    )


def test_old_plugins_bring_what_the_core_implies_in_the_real_document(real: UpdateCenter) -> None:
    old = [n for n in real.names if Version(p.required_core if (p := real.plugin(n)) else "9") < Version("1.500")][:90]
    lock = same_as_by_brute_force(old, real)
    assert {"jaxb", "sshd", "instance-identity", "javax-mail-api"} <= {p.name for p in lock.plugins}


NAMES = [f"p{i}" for i in range(8)]


@given(st.data())
def test_any_document_without_circles_resolves_as_by_brute_force(data: st.DataObject) -> None:
    entries = {}
    for i, name in enumerate(NAMES):
        later = NAMES[i + 1 :]
        needs = data.draw(st.lists(st.sampled_from(later), unique=True, max_size=3)) if later else []
        entries[name] = {
            "name": name,
            "version": "1",
            "requiredCore": data.draw(st.sampled_from(["2.479", "2.516.2"])),
            "sha256": "A" * 43 + "=",
            "url": "https://x/y",
            "dependencies": [{"name": n, "version": "1", "optional": data.draw(st.booleans())} for n in needs],
        }
    raw = {"core": {"version": CORE}, "plugins": entries}
    wanted = data.draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    lock = resolve(wanted, update_center.parse(json.dumps(raw).encode(), "x"), CORE)
    assert {p.name for p in lock.plugins} == brute_force(wanted, entries, CORE)
