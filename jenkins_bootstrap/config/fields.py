"""What all settings models share: the base class and the fields whose shape several settings have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

Architecture = Literal["amd64", "arm64"]
Role = Literal["administrator", "developer", "reader"]


@dataclass(frozen=True, slots=True)
class Form:
    """What a text must be like, in words: beside a pattern that nobody can read."""

    words: str


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _against_settings_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    path = path.expanduser()
    return path if folder is None or path.is_absolute() else Path(folder) / path


def _url_or_path(text: str, info: ValidationInfo) -> str:
    return text if text.startswith(("http://", "https://")) else str(_against_settings_folder(Path(text), info))


LocalPath = Annotated[Path, Field(strict=False), AfterValidator(_against_settings_folder)]
UrlOrPath = Annotated[str, Field(min_length=1), AfterValidator(_url_or_path)]
TEXT = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]*$"
"""One line: no control characters, no line separators, and nothing else that Jenkins' XML does not give back."""
LINE = Form("one line without control characters")
Text = Annotated[str, Field(pattern=TEXT), LINE]
LongText = Annotated[
    str,
    Field(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ufffe\uffff]*$"),
    Form("text without control characters"),
]
"""As Text, with line breaks and tabs."""
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=TEXT), LINE]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", examples=["linux"])]
PluginName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(@[A-Za-z0-9][A-Za-z0-9_.+-]*)?$", examples=["ec2", "git@5.7.0"]),
    Form("NAME or NAME@VERSION"),
]
InstanceType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$", examples=["m7i.large"])]


class Find(Model):
    """A look-up in AWS: by tags, by name, or both. Exactly what it matches is used, never one of several."""

    tags: dict[Text, Text] = Field(default_factory=dict, description="every tag must have this value")
    name: Text | None = Field(None, description="the name; * stands for any text")
    several: bool = Field(
        False, description="subnets and security groups: use all that match; otherwise more than one match is an error"
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.tags and self.name is None:
            raise ValueError("give tags, name, or both")
        return self


class FindImage(Model):
    """An AMI: one of our own by its name in `images`, or a foreign one by owner and name, newest first."""

    image: str | None = Field(None, description="an image of `images`: found by its tags and Channel=current")
    owners: list[str] = Field(default_factory=list, description="account ids, or amazon, self, aws-marketplace")
    name: Text | None = Field(None, description="name of a foreign image; * stands for any text")
    tags: dict[Text, Text] = Field(default_factory=dict, description="tags of a foreign image")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.image is not None and (self.owners or self.name or self.tags):
            raise ValueError("give image, or owners with name or tags, not both")
        if self.image is None and not self.owners:
            raise ValueError("give image (one of ours) or owners (whose image it is)")
        if self.image is None and not (self.name or self.tags):
            raise ValueError("give name or tags beside owners")
        return self
