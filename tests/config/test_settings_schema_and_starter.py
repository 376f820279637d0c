"""The published schema and the starter file are what the code makes, and agree with each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from jenkins_bootstrap.config import Settings, load
from jenkins_bootstrap.config.load import parse
from jenkins_bootstrap.config.schema import schema
from jenkins_bootstrap.config.starter import starter
from jenkins_bootstrap.files import canonical_json

ROOT = Path(__file__).resolve().parents[2]


def test_the_published_schema_is_current() -> None:
    published = (ROOT / "docs/settings.schema.json").read_text()
    assert published == canonical_json(schema()), (
        "python -m jenkins_bootstrap.config.schema > docs/settings.schema.json"
    )


def test_the_settings_at_the_top_are_what_init_writes() -> None:
    assert (ROOT / "jenkins-bootstrap.yml").read_text() == starter(schema="docs/settings.schema.json")


def test_the_starter_is_valid_for_the_loader_and_for_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    assert list(validator.iter_errors(yaml.safe_load(starter()))) == []
    assert list(validator.iter_errors({"project": 5})) != []
    settings = parse(starter(), name="s.yml", folder=Path("/"))
    assert settings.target is None
    assert [o.name for o in settings.github.owners] == ["acme-demo"]


def test_the_starter_says_the_defaults_it_shows() -> None:
    """Each optional value written out in the starter, commented or not, loads, and those marked as default are it."""
    plain = parse(starter(), name="s.yml", folder=Path("/"))
    lean = parse(
        "project: demo\nregion: eu-west-1\ncontroller: {url: https://jenkins.example.com/}\n"
        "github: {owners: [{name: acme-demo}]}\n",
        name="s.yml",
        folder=Path("/"),
    )
    for section in ("jobs", "secrets", "network", "images", "embedded", "tags"):
        assert getattr(plain, section) == getattr(lean, section), section
    assert plain.github == lean.github
    assert plain.controller.plugins == lean.controller.plugins
    assert plain.controller.jenkins == lean.controller.jenkins


def test_another_project_owner_and_region() -> None:
    settings = parse(starter("shop", owner="shop-org", region="us-east-1"), name="s.yml", folder=Path("/"))
    assert settings.controller.instance_profile is not None
    assert settings.controller.instance_profile.name == "shop-controller"
    assert (settings.project, settings.region, settings.github.owners[0].name) == ("shop", "us-east-1", "shop-org")


def test_every_setting_is_described_in_the_schema() -> None:
    bare: list[str] = []

    def walk(node: Any, path: str) -> None:
        for name, field in node.get("properties", {}).items():
            if "description" not in field:
                bare.append(f"{path}.{name}")

    for name, model in schema()["$defs"].items():
        walk(model, name)
    walk(schema(), "Settings")
    assert bare == []


def test_the_starter_loads_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "jenkins-bootstrap.yml"
    file.write_text(starter())
    assert isinstance(load(file), Settings)


def test_the_schema_is_plain_json() -> None:
    assert json.loads(canonical_json(schema()))["$id"].startswith("urn:")
