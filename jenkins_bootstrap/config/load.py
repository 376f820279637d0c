"""Reads the settings file. Placeholder until the loader with positions lands."""

from __future__ import annotations

from pathlib import Path

import yaml

from jenkins_bootstrap.config.models import Settings


def load(path: Path) -> Settings:
    return Settings.model_validate(yaml.safe_load(path.read_text()), context={"folder": path.resolve().parent})
