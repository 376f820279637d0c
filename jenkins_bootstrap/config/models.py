"""The shape of `jenkins-bootstrap.yml`. Each field's description is what the JSON schema and the editor show.

The section `controller` has a module of its own; what it holds can be imported from here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from jenkins_bootstrap.config import checks
from jenkins_bootstrap.config.controller import (
    DEFAULT_PLUGINS,
    Account,
    Boot,
    Controller,
    Credential,
    DebianRepository,
    Java,
    Jenkins,
    Receiver,
    SignIn,
    WarFile,
    WarUrl,
)
from jenkins_bootstrap.config.fields import (
    LINE,
    Architecture,
    Find,
    FindImage,
    Form,
    InstanceType,
    Label,
    LocalPath,
    Model,
    Name,
    Text,
)

__all__ = [
    "CROSS_CHECK",
    "DEBIAN_OWNER",
    "DEFAULT_PLUGINS",
    "Account",
    "AgentTemplate",
    "Architecture",
    "Boot",
    "Controller",
    "Credential",
    "DebianRepository",
    "Definition",
    "Embedded",
    "Find",
    "FindImage",
    "GitHub",
    "Hooks",
    "ImageSpec",
    "Java",
    "Jenkins",
    "Jobs",
    "Network",
    "Owner",
    "Receiver",
    "RepositoryFilter",
    "Secrets",
    "Settings",
    "SignIn",
    "Sync",
    "WarFile",
    "WarUrl",
    "default_images",
]


class AgentTemplate(Model):
    label: Label = Field(description="the label jobs ask for; unique")
    ami: FindImage = Field(description="the image agents start from")
    architecture: Architecture = Field("amd64", description="processor of the image and of every instance type")
    instance_types: list[InstanceType] = Field(min_length=1, description="one EC2 template each, in this order")
    market: Literal["spot", "on-demand"] = Field("spot", description="spot costs less and may be interrupted")
    maximum_price: Annotated[str, Field(pattern=r"^\d+(\.\d+)?$", examples=["0.05"])] | None = Field(
        None, description="USD an hour in quotes; none (the default) is the on-demand price and interrupts least"
    )
    security_groups: Find = Field(description="security groups of the agents")
    subnets: Find = Field(description="subnets agents may run in; several zones find capacity more often")
    instance_profile: Find | None = Field(None, description="instance profile of the agents")
    idle_minutes: int = Field(10, ge=1, le=1440, description="an agent without work for so long is ended")
    cap: int = Field(10, ge=1, le=1000, description="most instances of this label at once")
    launch_timeout_seconds: int = Field(300, ge=30, le=3600, description="an agent not connected by then is given up")
    executors: int = Field(1, ge=1, le=64, description="builds at once on one agent")
    remote_user: str = Field(
        "admin", pattern=r"^[a-z_][a-z0-9_-]{0,31}$", description="user the controller signs in as"
    )
    remote_fs: Annotated[str, Form("an absolute path without blanks")] = Field(
        "/home/admin",
        pattern=r"^/[^\x00-\x20\x7f-\x9f\s\u2028\u2029\ufffe\uffff]*$",
        description="absolute path of the agent's work",
    )


class RepositoryFilter(Model):
    include: list[str] = Field(default_factory=lambda: ["*"], description="name globs; at least one must match")
    exclude: list[str] = Field(default_factory=list, description="name globs; none may match")
    topics: list[str] = Field(default_factory=list, description="at least one must be set, when any is given")
    exclude_topics: list[str] = Field(default_factory=list, description="none of these may be set")
    languages: list[str] = Field(default_factory=list, description="main language, when any is given")
    archived: bool = Field(False, description="also archived repositories")
    forks: bool = Field(False, description="also forks")
    visibility: Literal["all", "public", "private"] = Field("all", description="which repositories are looked at")
    has_jenkinsfile: bool = Field(True, description="only repositories with a Jenkinsfile")


class Owner(Model):
    name: str = Field(
        pattern=r"^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$", description="organisation or user", examples=["acme-demo"]
    )
    sign_in: Literal["token", "app"] = Field("token", description="token, or app for a GitHub App")
    installation: int | None = Field(None, ge=1, description="installation id of the GitHub App for this owner")
    filter: RepositoryFilter = Field(default_factory=RepositoryFilter, description="which repositories get a job")

    @model_validator(mode="after")
    def _installation(self) -> Self:
        if (self.sign_in == "app") != (self.installation is not None):
            raise ValueError("installation goes with sign_in: app, and only with it")
        return self

    @property
    def credentials_id(self) -> str:
        """Id of the Jenkins credential for this owner: the stage github.txt makes it, every job's source names it."""
        return f"github-app-{self.name.lower()}" if self.sign_in == "app" else "github-token"


class Hooks(Model):
    """The webhooks on GitHub: one to Jenkins for builds, one to the receiver for the jobs themselves."""

    per_repository: bool = Field(
        False, description="a hook on every repository, where nobody may administer hooks of the organisation"
    )
    receiver_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="where GitHub reaches the receiver; <controller.url>jenkins-bootstrap/webhook when absent",
    )
    canary: Annotated[str | None, Form("OWNER/NAME")] = Field(
        None,
        pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$",
        description="owner/name of a repository that `hooks check` may send a push for",
        examples=["acme-demo/jenkins-canary"],
    )


class GitHub(Model):
    api_url: str = Field(
        "https://api.github.com", pattern=r"^https?://\S+$", description="https://HOST/api/v3 on GitHub Enterprise"
    )
    owners: list[Owner] = Field(min_length=1, description="organisations and users whose repositories get jobs")
    hooks: Hooks = Field(default_factory=Hooks, description="webhooks on GitHub")


class Definition(Model):
    """Which template a repository's job is made from: the first of the list all of whose conditions hold."""

    template: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$", description="id of a job-template in jobs.templates, or of ours"
    )
    names: list[str] = Field(default_factory=list, description="globs of a repository's name; one must match")
    topics: list[str] = Field(default_factory=list, description="topics; one must be set")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.names and not self.topics:
            raise ValueError("give names, topics, or both")
        return self


class Sync(Model):
    """How the jobs follow GitHub."""

    every_minutes: int = Field(30, ge=1, le=1440, description="a full reconciliation, for what no webhook told")
    delete_after_days: int = Field(
        14, ge=0, le=3650, description="a job without its repository is disabled, and deleted after this time"
    )
    most_removed_percent: int = Field(
        20,
        ge=0,
        le=100,
        description="share of our jobs that a run, or all of a day, may disable or delete without --allow-mass-change",
    )
    scan_calls_per_hour: int = Field(
        2500,
        ge=60,
        le=100_000,
        description="calls to GitHub an hour that scans asked for by us may cost; half of a token's",
    )


class Jobs(Model):
    folder: str = Field("github", pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$", description="top folder of our jobs")
    script_path: Annotated[str, LINE] = Field(
        "Jenkinsfile",
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]+$",
        description="path of the pipeline in a branch",
    )
    scan_every: Literal["1h", "2h", "4h", "8h", "12h", "1d", "2d", "1w", "2w", "4w", "never"] = Field(
        "1d", description="a full scan, for what no webhook told"
    )
    keep_builds: int = Field(30, ge=1, le=10000, description="builds kept of a branch")
    keep_days: int = Field(90, ge=1, le=3650, description="days a build is kept")
    pull_requests: bool = Field(True, description="pull requests from branches of the repository itself")
    draft_pull_requests: bool = Field(True, description="also pull requests that are still drafts")
    forks: bool = Field(False, description="pull requests from forks; off, as their builds can read credentials")
    templates: LocalPath | None = Field(None, description="a folder of your own JJB YAML beside ours")
    definitions: list[Definition] = Field(
        default_factory=list, description="other templates by name or topic; the first that matches"
    )
    override_file: str | None = Field(
        ".jenkins.yml",
        pattern=r"^[A-Za-z0-9._][A-Za-z0-9._/-]{0,199}$",
        description="a repository's own file with branches, script_path, retention, triggers, disabled; null for none",
    )
    sync: Sync = Field(default_factory=Sync, description="how the jobs follow GitHub")

    @property
    def own_folder(self) -> str:
        """The folder of jobs that are no repository's; no owner's login begins with an underscore."""
        return f"{self.folder}/_jenkins-bootstrap"


class Secrets(Model):
    agent_key: Name = Field("jenkins_slave_private_key", description="secret with the agents' private key, RSA in PEM")
    settings: Name = Field("jenkins", description="key-value secret: admin_username, admin_password, github_..., ...")


class ImageSpec(Model):
    source: FindImage | None = Field(None, description="a foreign image to start from")
    parent: str | None = Field(None, description="an image of this list to start from")
    template: str = Field(description="folder in packer/ (base, controller), or path of a folder of your own")
    architecture: Architecture = Field("amd64", description="processor of the image, its parent and its instance type")
    instance_type: InstanceType = Field("t3.medium", description="type of the instance it is baked on")
    volume_gib: int = Field(10, ge=4, le=1000, description="size of the root volume in GiB")
    ssh_user: str = Field("admin", pattern=r"^[a-z_][a-z0-9_-]{0,31}$", description="user Packer signs in as")
    checks: list[LocalPath] = Field(default_factory=list, description="own check scripts, run in the bake as root")
    files: dict[str, LocalPath] = Field(default_factory=dict, description="path in the image to file here")
    tags: dict[Text, Text] = Field(default_factory=dict, description="further tags of this image")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.source is None) == (self.parent is None):
            raise ValueError("give source or parent, one of them")
        if self.source is not None and self.source.image is not None:
            raise ValueError("source names a foreign image; for one of ours give parent")
        return self


class Network(Model):
    """Where instances that bake run; the account's default VPC when nothing is given."""

    subnets: Find | None = Field(None, description="where they run")
    security_groups: Find | None = Field(None, description="they must let Packer in by SSH")
    ssh_from: str | None = Field(
        None,
        pattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$",
        description="in place of security_groups: the addresses that a temporary group lets in by SSH",
        examples=["203.0.113.7/32"],
    )


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


LEFT_OUT_IN_IMAGE = ("images", "network", "embedded")
"""Sections that an image does not carry: they are of the bake."""
_MAY_BE_EMPTY = ("tags", "agents", "jobs", "secrets", "network", "images", "embedded")


class Settings(Model):
    version: Literal[1] = Field(1, description="version of this file's format")
    project: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,31}$", description="value of the tag Project on everything made", examples=["demo"]
    )
    region: str = Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="AWS region everything is in", examples=["eu-west-1"]
    )
    target: Literal["embedded", "aws"] | None = Field(None, description="which AWS; --target and the environment win")
    tags: dict[Text, Text] = Field(default_factory=dict, description="further tags on everything made")
    controller: Controller = Field(description="the Jenkins that is baked and run")
    agents: list[AgentTemplate] = Field(default_factory=list, description="what builds run on, by label")
    github: GitHub = Field(description="whose repositories get jobs")
    jobs: Jobs = Field(default_factory=Jobs, description="what the jobs are like")
    secrets: Secrets = Field(default_factory=Secrets, description="names in Secrets Manager; never values")
    network: Network = Field(default_factory=Network, description="where images are baked")
    images: dict[str, ImageSpec] = Field(
        default_factory=default_images, description="by name; base, controller and agent when absent"
    )
    embedded: Embedded = Field(default_factory=Embedded, description="data of the embedded target")

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, value: Any) -> Any:
        """A section whose lines are all commented out is YAML's null: it means the defaults."""
        if not isinstance(value, dict):
            return value
        return {k: v for k, v in value.items() if v is not None or k not in _MAY_BE_EMPTY}

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        # In an image the sections of the bake are left out; what they say was checked before it.
        found = checks.problems(self, images=not (info.context or {}).get("image"))
        if found:
            words = "; ".join(f"{'.'.join(map(str, p.place))}: {p.what} ({p.hint})" for p in found)
            raise PydanticCustomError(CROSS_CHECK, "{words}", {"words": words, "problems": found})
        return self


CROSS_CHECK = "cross_check"
"""Type of the validation error whose context holds the `problems` found between settings."""
