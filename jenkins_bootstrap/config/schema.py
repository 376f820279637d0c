"""The settings' JSON schema, for editors and for other tools. Made from the models, so that it cannot differ."""

from __future__ import annotations

import sys
from typing import Any

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.files import canonical_json

SCHEMA_ID = "urn:jenkins-bootstrap:settings:1"
"""The schema's own name; the number is the `version` of the settings it describes."""


def schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of `jenkins-bootstrap.yml`, with a description of each setting.

    What holds between settings (an image that must be defined, architectures that must agree) is not in it: `load`
    checks that.
    """
    made = Settings.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **made,
        "title": "jenkins-bootstrap.yml",
        "description": "Settings of jenkins-bootstrap",
    }


if __name__ == "__main__":  # python -m jenkins_bootstrap.config.schema > docs/settings.schema.json
    sys.stdout.write(canonical_json(schema()))
