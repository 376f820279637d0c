"""Which update-center document a target resolves against, in the settings' words. Reads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jenkins_bootstrap.resources import sample

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Settings

OFFICIAL = "https://updates.jenkins.io/update-center.actual.json"
"""Jenkins' own document, always of today."""
SAMPLE = "update-center-sample.json"
AUTHORITY = "update-center-authority.pem"
"""The certificate of Jenkins' own authority, among the package's data."""


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


def unsigned_because(settings: Settings, target: Literal["embedded", "aws"]) -> str | None:
    """Why the signature of the target's document is not looked at, in a few words; None when it is.

    A file that `embedded.update_center` names is a person's own, and the sample that ships with the package comes with
    it: both are taken as they are.
    """
    if settings.controller.update_center_check == "none":
        return "controller.update_center_check is none"
    if target == "embedded" and settings.controller.update_center is None:
        named = settings.embedded.update_center
        return "it is the sample that ships with the package" if named is None else "embedded.update_center names it"
    return None


def document_words(source: str, generated: str) -> str:
    """How messages name the document that came from `source` (a path, or a URL as it may be shown), of that date."""
    if source == str(sample(SAMPLE)):
        return f"the sample document that ships with the package, of {generated[:10]}"
    return source


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))
