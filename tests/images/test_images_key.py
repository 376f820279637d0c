from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.config.models import DebianRepository, FindImage, ImageSpec, Settings
from jenkins_bootstrap.errors import SettingsError
from jenkins_bootstrap.facts import Image
from jenkins_bootstrap.images.graph import build_graph
from jenkins_bootstrap.images.inputs import Archive, ControllerContent, ImageInputs, gather
from jenkins_bootstrap.images.key import content_key, content_keys
from jenkins_bootstrap.images.war import JenkinsSource, War

Inputs = Callable[..., ImageInputs]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.dictionaries(TEXT, TEXT, max_size=6)


def key(inputs: ImageInputs) -> str:
    source = replace(inputs, image=replace(inputs.image, spec=inputs.image.spec.model_copy(update={"parent": None})))
    return content_keys([source], {"mine": DEBIAN})["mine"]


DEBIAN = Image("ami-1", "debian-13-amd64-20260101", "136693071363", "2026-01-01T00:00:00.000Z", "x86_64")


@given(VALUES, VALUES, st.randoms())
def test_the_order_of_settings_and_files_does_not_matter(a: dict[str, str], b: dict[str, str], random: object) -> None:
    def shuffled(values: dict[str, str]) -> dict[str, str]:
        items = list(values.items())
        random.shuffle(items)  # type: ignore[attr-defined]
        return dict(items)

    assert content_key("ami x", shuffled(a), shuffled(b)) == content_key("ami x", a, b)


@given(VALUES, VALUES, VALUES, VALUES)
def test_different_inputs_have_different_keys(
    a: dict[str, str], b: dict[str, str], c: dict[str, str], d: dict[str, str]
) -> None:
    assert (content_key("o", a, b) == content_key("o", c, d)) == ((a, b) == (c, d))


@given(st.binary(min_size=1, max_size=64), st.data())
def test_any_byte_of_any_file_changes_thekey(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, draw: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("key")
    path = folder / "file"
    path.write_bytes(data)
    image = build_graph({"mine": _spec(folder)}).images[0]
    settings = _settings()
    content = ControllerContent({}, "", JenkinsSource())
    before = content_keys([gather(image, settings, content, folder=folder, package={})], {"mine": DEBIAN})
    place = draw.draw(st.integers(0, len(data) - 1))
    bit = draw.draw(st.integers(0, 7))
    path.write_bytes(data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :])
    assert content_keys([gather(image, settings, content, folder=folder, package={})], {"mine": DEBIAN}) != before


def _spec(folder: Path) -> ImageSpec:
    source = FindImage(owners=["self"], name="debian-*")
    return ImageSpec(source=source, template="base", files={"/etc/motd": folder / "file"})


def _settings() -> Settings:
    return Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {"url": "https://j.example.org/"},
            "github": {"owners": [{"name": "a"}]},
        }
    )


def test_times_and_the_order_of_a_folder_do_not_matter(inputs_of: Inputs, template: Path) -> None:
    before = key(inputs_of())
    for path in template.rglob("*"):
        os.utime(path, (1, 1))
    moved = template.with_name("elsewhere")
    template.rename(moved)
    template.mkdir()
    for path in sorted(moved.rglob("*"), reverse=True):
        if path.is_file():
            target = template / path.relative_to(moved)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
    assert key(inputs_of()) == before


def test_the_seed_of_jobs_does_not_matter(inputs_of: Inputs, content: ControllerContent) -> None:
    inputs = inputs_of()
    assert inputs.controller is not None and inputs.controller.seed
    other = replace(inputs, controller=replace(content, seed={"xml/acme/other.xml": b"<x/>"}))
    assert key(other) == key(inputs)


def test_the_classes_of_the_stages_do_not_as_they_are_made_of_them(
    inputs_of: Inputs, settings: Settings, template: Path, content: ControllerContent
) -> None:
    image = inputs_of().image
    package: dict[str, Path | bytes] = {"jenkins_bootstrap/__init__.py": b"1"}
    variants = (content, replace(content, classes=b"an archive"))
    assert len({key(gather(image, settings, each, folder=template, package=package)) for each in variants}) == 1


@pytest.mark.parametrize("name", ["mine.pkr.hcl", "scripts/own.sh"])
def test_a_change_of_the_template_matters(inputs_of: Inputs, template: Path, name: str) -> None:
    before = key(inputs_of())
    with (template / name).open("a") as stream:
        stream.write("#\n")
    assert key(inputs_of()) != before


def test_a_new_file_in_the_template_matters(inputs_of: Inputs, template: Path) -> None:
    before = key(inputs_of())
    (template / "more.txt").touch()
    assert key(inputs_of()) != before


@pytest.mark.parametrize("change", [{"architecture": "arm64"}, {"ssh_user": "debian"}, {"volume_gib": 11}])
def test_a_setting_that_matters_changes_thekey(inputs_of: Inputs, change: dict[str, object]) -> None:
    assert key(inputs_of(**change)) != key(inputs_of())


@pytest.mark.parametrize("change", [{"instance_type": "c7i.large"}, {"tags": {"Team": "x"}}])
def test_a_setting_that_is_not_in_the_image_does_not(inputs_of: Inputs, change: dict[str, object]) -> None:
    assert key(inputs_of(**change)) == key(inputs_of())


def test_what_a_controller_carries_matters(settings: Settings, template: Path, content: ControllerContent) -> None:
    image = build_graph({"mine": _spec(template).model_copy(update={"template": str(template), "files": {}})}).images[0]
    war = War(Path("/nowhere/jenkins.war"), "2.516.2", 17, "a" * 64)
    variants = [
        content,
        replace(content, stages={**content.stages, "init.groovy": "println 'other'\n"}),
        replace(content, lock='{"plugins": [1]}\n'),
        replace(content, settings='{"project": "other"}\n'),
        replace(content, jenkins=JenkinsSource(war=war, version="2.516.2")),
        replace(content, jenkins=JenkinsSource(war=replace(war, sha256="b" * 64), version="2.516.2")),
        replace(content, jenkins=JenkinsSource(repository=DebianRepository(), version="2.516.2")),
        replace(content, jenkins=JenkinsSource(repository=DebianRepository(), version="2.528.1")),
        replace(content, archives=(Archive("git", Path("git.hpi"), "c" * 64),)),
    ]
    package: dict[str, Path | bytes] = {"jenkins_bootstrap/__init__.py": b"1"}
    keys = {key(gather(image, settings, each, folder=template, package=package)) for each in variants}
    keys.add(key(gather(image, settings, content, folder=template, package={"jenkins_bootstrap/__init__.py": b"2"})))
    java = settings.controller.java.model_copy(update={"version": 25})
    other = settings.model_copy(update={"controller": settings.controller.model_copy(update={"java": java})})
    keys.add(key(gather(image, other, content, folder=template, package=package)))
    boot = settings.controller.boot.model_copy(update={"memory_percent": 75})
    other = settings.model_copy(update={"controller": settings.controller.model_copy(update={"boot": boot})})
    keys.add(key(gather(image, other, content, folder=template, package=package)))
    assert len(keys) == len(variants) + 3


def test_a_script_that_only_the_agent_uses_leaves_the_other_keys(
    settings: Settings, content: ControllerContent
) -> None:
    images = build_graph(settings.images).images
    inputs = {i.name: gather(i, settings, content, folder=Path(), package={}) for i in images}
    assert "shared/scripts/agent.sh" in inputs["agent"].files
    assert "shared/scripts/agent.sh" not in {*inputs["base"].files, *inputs["controller"].files}
    assert "shared/checks/run.py" in inputs["base"].files


def test_a_new_parent_gives_its_children_new_keys(settings: Settings, content: ControllerContent) -> None:
    inputs = [gather(i, settings, content, folder=Path(), package={}) for i in build_graph(settings.images).images]
    old = content_keys(inputs, {"base": DEBIAN})
    new = content_keys(inputs, {"base": replace(DEBIAN, id="ami-2")})
    assert old.keys() == new.keys() == {"base", "controller", "agent"}
    assert all(old[name] != new[name] for name in old)


@pytest.mark.parametrize("path", ["etc/motd", "/etc/", "/a/../b", "/x\x00"])
def test_a_path_that_is_no_file_of_an_image_is_refused(inputs_of: Inputs, template: Path, path: str) -> None:
    with pytest.raises(SettingsError, match="no path of a file in an image"):
        inputs_of(files={path: str(template / "mine.pkr.hcl")})


def test_a_check_that_is_not_there_is_refused(inputs_of: Inputs) -> None:
    with pytest.raises(SettingsError, match=r"nosuch\.py is not there"):
        inputs_of(checks=["/nowhere/nosuch.py"])
