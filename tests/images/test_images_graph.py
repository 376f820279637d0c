from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.config.models import FindImage, ImageSpec, default_images
from jenkins_bootstrap.errors import SettingsError, SeveralErrors, UsageError
from jenkins_bootstrap.images.graph import build_graph


def on(parent: str | None) -> ImageSpec:
    if parent is None:
        return ImageSpec(source=FindImage(owners=["self"], name="debian-*"), template="base")
    return ImageSpec(parent=parent, template="base")


def names(images: object) -> list[str]:
    return [image.name for image in images]  # type: ignore[attr-defined]


def test_parents_come_before_their_children_whatever_the_order_of_the_settings() -> None:
    graph = build_graph({"web": on("app"), "app": on("base"), "base": on(None), "agent": on("base")})
    assert names(graph.images) == ["base", "app", "agent", "web"]


def test_a_wanted_image_brings_its_ancestors_and_nothing_else() -> None:
    graph = build_graph({**default_images(), "web": on("controller")})
    assert names(graph.wanted(["web"])) == ["base", "controller", "web"]
    assert graph.ancestors("web") == ("controller", "base")
    assert names(graph.wanted()) == ["base", "controller", "agent", "web"]


def test_an_unknown_image_is_named_with_the_nearest() -> None:
    graph = build_graph(default_images())
    with pytest.raises(UsageError, match="did you mean 'controller'"):
        graph.wanted(["controler"])
    with pytest.raises(SeveralErrors, match="'x'"):
        graph.wanted(["x", "y"])


def test_an_unknown_parent_is_named_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"images\.web\.parent: no image is named 'bse'\n.*'base'"):
        build_graph({"base": on(None), "web": on("bse")})


def test_a_cycle_is_shown_as_the_ring_it_is() -> None:
    with pytest.raises(SettingsError, match="ring: a on c on b on a"):
        build_graph({"base": on(None), "a": on("c"), "b": on("a"), "c": on("b"), "leaf": on("a")})


@pytest.mark.parametrize("name", ["Base", "x y", "9", "", "a" * 33, "a_b", "../x"])
def test_a_name_that_cannot_be_a_file_an_ami_and_an_identifier_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be the name of an image"):
        build_graph({name: on(None)})


@given(
    st.lists(st.integers(min_value=-1, max_value=12), max_size=12).flatmap(
        lambda p: st.permutations(list(enumerate(p)))
    )
)
def test_every_forest_is_ordered_parents_first(pairs: list[tuple[int, int]]) -> None:
    # Node i may only be built on a node before it, so this is a forest; its order in the settings is any.
    images = {f"i{i}": on(f"i{p}" if 0 <= p < i else None) for i, p in pairs}
    ordered = names(build_graph(images).images)
    assert sorted(ordered) == sorted(images)
    for name, spec in images.items():
        assert spec.parent is None or ordered.index(spec.parent) < ordered.index(name)
