"""The documents of a controller: what the image says of itself, and what a boot writes for the stages.

`settings.json` is the part of the settings that a running controller needs. It leaves out what is of the machine that
bakes (paths, `images`, `network`, `embedded`), so that a change there does not change the image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jenkins_bootstrap.boot.layout import BAKE_ANEW, Layout
from jenkins_bootstrap.config.controller import RECONCILE_CREDENTIAL
from jenkins_bootstrap.config.models import LEFT_OUT_IN_IMAGE, Settings
from jenkins_bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from jenkins_bootstrap.aws.secrets import SecretValues

SCHEMA = 1
ENDPOINTS = {"aws_endpoint": "JENKINS_BOOTSTRAP_EMBEDDED_AWS", "github_url": "JENKINS_BOOTSTRAP_EMBEDDED_GITHUB"}
"""Keys of embedded.json and the variables of the environment that stand for them where there is no such file."""
_LOCAL = {
    "controller": {
        "stages": True,
        "casc": True,
        "update_center": True,
        "update_center_authority": True,
        "jenkins": {"source": True},
    },
    "jobs": {"templates": True},
}
"""Settings that name files of the machine that bakes. What those files hold is in the image by itself."""
TEMPLATES = "templates"
"""Where the image has what jobs.templates named, beside settings.json."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which AWS and GitHub a controller speaks to. `endpoint` is the embedded AWS, None for the real one."""

    name: Literal["embedded", "aws"]
    endpoint: str | None
    github_api_url: str


def image_settings(settings: Settings) -> dict[str, Any]:
    """settings.json of an image, as plain JSON values: the same settings, the same document."""
    exclude: dict[str, Any] = {**dict.fromkeys(LEFT_OUT_IN_IMAGE, True), "target": True, **_LOCAL}
    return {"schema": SCHEMA, "settings": settings.model_dump(mode="json", exclude=exclude)}


def read_image_settings(path: Path) -> Settings:
    """The settings that an image carries, with its own place of the user's templates of jobs.

    Raises BootstrapError when there are none, or they are cut off or wrong.
    """
    from pydantic import ValidationError

    document = read_json(path, "the image's settings")
    if document.get("schema") != SCHEMA:
        raise BootstrapError(
            f"has schema {document.get('schema')!r}, this version knows {SCHEMA}", where=str(path), hint=BAKE_ANEW
        )
    try:
        settings = Settings.model_validate_json(
            json.dumps(document.get("settings")), context={"image": True, "folder": path.parent}
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise BootstrapError(
            f"does not hold: {place or 'settings'}: {first['msg']}{more}", where=str(path), hint=BAKE_ANEW
        ) from None
    templates = path.with_name(TEMPLATES)
    if not templates.is_dir():
        return settings
    return settings.model_copy(update={"jobs": settings.jobs.model_copy(update={"templates": templates})})


def image_core(layout: Layout, settings: Settings) -> str:
    """The version of the Jenkins that the image carries; that of the settings where the image does not say one.

    They differ where the war was given by hand (JENKINS_WAR).
    """
    said = read_json(layout.image, "what the image says of itself").get("jenkins")
    return said if isinstance(said, str) and said else settings.controller.jenkins.version


def read_target(layout: Layout, settings: Settings, environ: Mapping[str, str]) -> Target:
    """What image.json says the image was baked for; there is no default.

    On the embedded target the addresses are those of run/embedded.json, or of the environment. Raises BootstrapError
    when image.json does not name a target, or an address is missing.
    """
    name = read_json(layout.image, "what the image says of itself").get("target")
    if name == "aws":
        return Target("aws", None, settings.github.api_url)
    if name != "embedded":
        raise BootstrapError(
            f"names no target (embedded or aws): {name!r}" if name else "names no target",
            where=str(layout.image),
            hint=BAKE_ANEW,
        )
    told = read_json(layout.embedded, "the embedded target's addresses") if layout.embedded.exists() else {}
    found = {key: str(told.get(key) or environ.get(variable, "")) for key, variable in ENDPOINTS.items()}
    missing = [f"{key} ({ENDPOINTS[key]})" for key, value in found.items() if not value]
    if missing:
        raise BootstrapError(
            f"the image is for the embedded target, and its address is not told: {', '.join(missing)}",
            where=str(layout.embedded),
            hint="start the instance with jenkins-bootstrap's embedded AWS, or set the environment",
        )
    return Target("embedded", found["aws_endpoint"], found["github_url"])


def embedded_instance(layout: Layout) -> str | None:
    """The id of this instance of the embedded target, None where nothing says it."""
    if not layout.embedded.exists():
        return None
    found = read_json(layout.embedded, "the embedded target's addresses").get("instance_id")
    return str(found) if found else None


def secrets_document(secrets: SecretValues, service_token: str, reconcile_token: str) -> dict[str, Any]:
    """secrets.json: for the stages alone, never to be shown. What could not be read is empty or not there.

    The receiver's secrets are not in it: Jenkins has no use for them.
    """
    credentials = {id_: dict(fields) for id_, fields in secrets.credentials.items()}
    return {
        "schema": SCHEMA,
        "agent_private_key": secrets.agent_key_pem,
        "service_token": service_token,
        "values": {key: value for key, value in secrets.values.items() if not key.startswith("github_receiver_secret")},
        "credentials": credentials | {RECONCILE_CREDENTIAL: {"text": reconcile_token}},
    }


def read_json(path: Path, what: str) -> dict[str, Any]:
    """A JSON object in a file. Raises BootstrapError when it is missing, cut off, or something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BootstrapError(
            f"there is no such file: {what}",
            where=str(path),
            hint="boot runs inside a controller image; bake one: jenkins-bootstrap bake controller",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BootstrapError(f"{what} cannot be read: {error}", where=str(path), hint=BAKE_ANEW) from None
    except ValueError as error:
        raise BootstrapError(f"is cut off, or no JSON: {error}", where=str(path), hint=BAKE_ANEW) from None
    if not isinstance(value, dict):
        raise BootstrapError("is JSON, but no object", where=str(path), hint=BAKE_ANEW)
    return value
