"""The shape of `jenkins-bootstrap.yml`. Each field's description is what the JSON schema and the editor show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from jenkins_bootstrap.errors import nearest

Architecture = Literal["amd64", "arm64"]
Role = Literal["administrator", "developer", "reader"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _against_settings_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    path = path.expanduser()
    return path if folder is None or path.is_absolute() else Path(folder) / path


LocalPath = Annotated[Path, Field(strict=False), AfterValidator(_against_settings_folder)]
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
InstanceType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$", examples=["m7i.large"])]


class Find(Model):
    """A look-up in AWS: by tags, by name, or both. Exactly what it matches is used, never one of several."""

    tags: dict[str, str] = Field(default_factory=dict, description="every tag must have this value")
    name: str | None = Field(None, description="the name; * stands for any text")
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
    name: str | None = Field(None, description="name of a foreign image; * stands for any text")
    tags: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.image is not None and (self.owners or self.name or self.tags):
            raise ValueError("give image, or owners with name or tags, not both")
        if self.image is None and not self.owners:
            raise ValueError("give image (one of ours) or owners (whose image it is)")
        if self.image is None and not (self.name or self.tags):
            raise ValueError("give name or tags beside owners")
        return self


class WarUrl(Model):
    url: str = Field(pattern=r"^https?://\S+$", description="where jenkins.war is downloaded from")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="its SHA-256 in hex")


class WarFile(Model):
    war: LocalPath = Field(description="a jenkins.war on this machine")


class DebianRepository(Model):
    repository: str = Field("https://pkg.jenkins.io/debian-stable", pattern=r"^https?://\S+$")
    key: str = Field("https://pkg.jenkins.io/debian-stable/jenkins.io-2023.key", pattern=r"^https?://\S+$")


class Jenkins(Model):
    version: str = Field("2.516.2", pattern=r"^\d+(\.\d+){1,3}$", description="core version the plugins are pinned for")
    source: DebianRepository | WarUrl | WarFile | None = Field(
        None, description="where Jenkins comes from; JENKINS_WAR in the environment wins over it"
    )


class Java(Model):
    version: int = Field(21, ge=17, le=30, description="feature release; Jenkins needs 21 from 2.545 on")
    source: Literal["debian"] = Field(
        "debian", description="openjdk-<version>-jre-headless of the guest's distribution"
    )


class Account(Model):
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    full_name: str = ""
    email: str = ""
    role: Role = "reader"


class SignIn(Model):
    kind: Literal["accounts", "github", "oidc", "saml", "ldap"] = "accounts"
    options: dict[str, str | int | bool] = Field(default_factory=dict, description="parameters of the realm, by name")
    groups: dict[str, Role] = Field(default_factory=dict, description="group of the sign-in to role")


class Controller(Model):
    url: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$", description="the URL people and webhooks use")
    admin_address: str = Field("", description="sender of Jenkins' mail")
    jenkins: Jenkins = Field(default_factory=Jenkins)
    java: Java = Field(default_factory=Java)
    plugins: list[str] = Field(default_factory=lambda: list(DEFAULT_PLUGINS), description="names, or name@version")
    plugin_versions: Literal["lock", "newest"] = Field(
        "lock",
        description="lock: keep jenkins-bootstrap.lock.json while it satisfies the settings; newest: resolve anew",
    )
    update_center: str | None = Field(None, description="URL or path of an update-center document")
    accounts: list[Account] = Field(default_factory=list)
    sign_in: SignIn = Field(default_factory=SignIn)
    security_groups: Find | None = None
    subnets: Find | None = None
    instance_profile: Find | None = None
    volume: Find | None = Field(None, description="the data volume of JENKINS_HOME")
    target_group: str | None = None

    @field_validator("url")
    @classmethod
    def _slash(cls, url: str) -> str:
        return url if url.endswith("/") else url + "/"


DEFAULT_PLUGINS = (
    "antisamy-markup-formatter",
    "branch-api",
    "build-timeout",
    "cloudbees-folder",
    "credentials-binding",
    "ec2",
    "github",
    "github-branch-source",
    "matrix-auth",
    "pipeline-github-lib",
    "timestamper",
    "workflow-aggregator",
    "ws-cleanup",
)


class AgentTemplate(Model):
    label: Label = Field(description="the label jobs ask for; unique")
    ami: FindImage
    architecture: Architecture = "amd64"
    instance_types: list[InstanceType] = Field(min_length=1, description="one EC2 template each, in this order")
    market: Literal["spot", "on-demand"] = "spot"
    maximum_price: Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")] | None = Field(
        None, description="USD an hour as a string; none (the default) is the on-demand price and interrupts least"
    )
    security_groups: Find
    subnets: Find
    instance_profile: Find | None = None
    idle_minutes: int = Field(10, ge=1, le=1440)
    cap: int = Field(10, ge=1, le=1000, description="most instances of this label at once")
    launch_timeout_seconds: int = Field(300, ge=30, le=3600)
    executors: int = Field(1, ge=1, le=64)
    remote_user: str = Field("admin", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    remote_fs: str = Field("/home/admin", pattern=r"^/[^\x00\s]*$")


class RepositoryFilter(Model):
    include: list[str] = Field(default_factory=lambda: ["*"], description="name globs; at least one must match")
    exclude: list[str] = Field(default_factory=list, description="name globs; none may match")
    topics: list[str] = Field(default_factory=list, description="at least one must be set, when any is given")
    exclude_topics: list[str] = Field(default_factory=list)
    languages: list[str] = Field(default_factory=list, description="main language, when any is given")
    archived: bool = Field(False, description="also archived repositories")
    forks: bool = Field(False, description="also forks")
    visibility: Literal["all", "public", "private"] = "all"
    has_jenkinsfile: bool = Field(True, description="only repositories with a Jenkinsfile")


class Owner(Model):
    name: str = Field(pattern=r"^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$", description="organisation or user")
    sign_in: Literal["token", "app"] = "token"
    installation: int | None = Field(None, ge=1, description="installation id of the GitHub App for this owner")
    filter: RepositoryFilter = Field(default_factory=RepositoryFilter)

    @model_validator(mode="after")
    def _installation(self) -> Self:
        if (self.sign_in == "app") != (self.installation is not None):
            raise ValueError("installation goes with sign_in: app, and only with it")
        return self


class GitHub(Model):
    api_url: str = Field("https://api.github.com", pattern=r"^https?://\S+$")
    owners: list[Owner] = Field(min_length=1)


class Jobs(Model):
    folder: str = Field("github", pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$", description="top folder of our jobs")
    script_path: str = Field("Jenkinsfile", pattern=r"^[^\x00-\x1f]+$")
    scan_every: Literal["1h", "2h", "4h", "8h", "12h", "1d", "2d", "1w", "2w", "4w", "never"] = "1d"
    keep_builds: int = Field(30, ge=1, le=10000)
    keep_days: int = Field(90, ge=1, le=3650)
    pull_requests: bool = Field(True, description="pull requests from branches of the repository itself")
    forks: bool = Field(False, description="pull requests from forks; off, as their builds can read credentials")
    templates: LocalPath | None = Field(None, description="a folder of your own JJB YAML beside ours")


class Secrets(Model):
    agent_key: Name = Field("jenkins_slave_private_key", description="secret with the agents' private key, RSA in PEM")
    settings: Name = Field("jenkins", description="key-value secret: admin_username, admin_password, github_..., ...")


class ImageSpec(Model):
    source: FindImage | None = Field(None, description="a foreign image to start from")
    parent: str | None = Field(None, description="an image of this list to start from")
    template: str = Field(description="folder in packer/ (base, controller), or path of a folder of your own")
    architecture: Architecture = "amd64"
    instance_type: InstanceType = "t3.medium"
    volume_gib: int = Field(10, ge=4, le=1000)
    ssh_user: str = Field("admin", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    checks: list[LocalPath] = Field(default_factory=list, description="own check scripts, run in the bake as root")
    files: dict[str, LocalPath] = Field(default_factory=dict, description="path in the image to file here")
    tags: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.source is None) == (self.parent is None):
            raise ValueError("give source or parent, one of them")
        if self.source is not None and self.source.image is not None:
            raise ValueError("source names a foreign image; for one of ours give parent")
        return self


class Network(Model):
    """Where instances that bake run; the account's default VPC when nothing is given."""

    subnets: Find | None = None
    security_groups: Find | None = None


DEBIAN_OWNER = "136693071363"
"""Debian's account for its official AMIs (wiki.debian.org/Cloud/AmazonEC2Image)."""


def default_images() -> dict[str, ImageSpec]:
    return {
        "base": ImageSpec(source=FindImage(owners=[DEBIAN_OWNER], name="debian-13-amd64-*"), template="base"),
        "controller": ImageSpec(parent="base", template="controller"),
        "agent": ImageSpec(parent="base", template="agent"),
    }


class Embedded(Model):
    github: LocalPath | None = Field(
        None, description="JSON list of repositories; a small sample ships with the package"
    )
    update_center: LocalPath | None = Field(None, description="update-center document; a small sample ships")
    root_filesystem: LocalPath | None = Field(
        None, description="tar of a Debian 13 root; made by mmdebstrap when absent"
    )
    state: LocalPath | None = Field(
        None, description="state folder; .jenkins-bootstrap beside the settings when absent"
    )
    idle_minutes: int = Field(
        30, ge=1, le=1440, description="the daemon ends after this time without use and instances"
    )


class Settings(Model):
    version: Literal[1] = Field(1, description="version of this file's format")
    project: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="value of the tag Project on everything made")
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", examples=["eu-west-1"])
    target: Literal["embedded", "aws"] | None = Field(None, description="which AWS; --target and the environment win")
    tags: dict[str, str] = Field(default_factory=dict, description="further tags on everything made")
    controller: Controller
    agents: list[AgentTemplate] = Field(default_factory=list)
    github: GitHub
    jobs: Jobs = Field(default_factory=Jobs)
    secrets: Secrets = Field(default_factory=Secrets)
    network: Network = Field(default_factory=Network)
    images: dict[str, ImageSpec] = Field(default_factory=default_images)
    embedded: Embedded = Field(default_factory=Embedded)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        labels = [a.label for a in self.agents]
        twice = sorted({x for x in labels if labels.count(x) > 1})
        if twice:
            raise ValueError(f"agents: label {twice[0]!r} is given twice")
        asked = [("agents.ami.image", a.ami.image) for a in self.agents if a.ami.image is not None]
        asked += [(f"images.{name}.parent", spec.parent) for name, spec in self.images.items() if spec.parent]
        for place, image in asked:
            if image not in self.images:
                near = nearest(image, self.images)
                raise ValueError(
                    f"{place}: no image {image!r} in images" + (f"; did you mean {near!r}?" if near else "")
                )
        return self
