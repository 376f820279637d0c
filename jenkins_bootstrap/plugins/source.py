"""Which update-center document a target resolves against, in the settings' words. Reads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jenkins_bootstrap.resources import sample

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Settings

OFFICIAL = "https://updates.jenkins.io/update-center.actual.json"
"""Jenkins' own document, always of today."""
SAMPLE = "update-center-sample.json"


def document_source(settings: Settings, target: Literal["embedded", "aws"]) -> str:
    """The path or URL of the update-center document.

    `controller.update_center` wins; else on the embedded target `embedded.update_center` or the sample that ships with
    the package, and Jenkins' own document on AWS.
    """
    if settings.controller.update_center is not None:
        return settings.controller.update_center
    if target == "embedded":
        return str(settings.embedded.update_center or sample(SAMPLE))
    return OFFICIAL


def document_words(source: str, generated: str) -> str:
    """How messages name the document that came from `source` (a path, or a URL as it may be shown), of that date."""
    if source == str(sample(SAMPLE)):
        return f"the sample document that ships with the package, of {generated[:10]}"
    return source


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))
