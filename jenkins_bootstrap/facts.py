"""Plain frozen values that gateways read and planners use. No behaviour beyond what a value knows of itself."""

from __future__ import annotations

from dataclasses import dataclass

from jenkins_bootstrap.errors import BootstrapError


@dataclass(frozen=True, slots=True)
class Repository:
    """One GitHub repository. `id` is GitHub's numeric (database) id; times are ISO 8601 UTC."""

    owner: str
    name: str
    id: int
    default_branch: str = "main"
    description: str = ""
    archived: bool = False
    fork: bool = False
    private: bool = False
    language: str | None = None
    topics: tuple[str, ...] = ()
    has_jenkinsfile: bool = True
    pushed_at: str | None = None
    override: str | None = None
    """Text of the override file (jobs.override_file) on the default branch; None when there is none."""
    override_problem: str | None = None
    """Why an override file that is there gives no text, in words ("is binary"); `override` is None then."""

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class ListedOwners:
    """What a listing of several owners came to. Only about an owner in `whole` may absence be concluded from.

    `whole` holds logins in lower case, as the settings name them; `problems` has an error for each other owner, and
    `repositories` nothing of those.
    """

    repositories: tuple[Repository, ...]
    whole: frozenset[str]
    problems: tuple[BootstrapError, ...] = ()

    def is_whole(self, owner: str) -> bool:
        return owner.lower() in self.whole


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook on GitHub. Its secret is never told; times are ISO 8601 UTC.

    `scope` is the organisation's login, or `owner/name` of a repository. `last_code` is the status that its last
    delivery got, which GitHub tells with the hooks of repositories alone.
    """

    scope: str
    id: int
    url: str
    events: tuple[str, ...]
    active: bool = True
    content_type: str = "json"
    insecure_ssl: str = "0"
    has_secret: bool = True
    updated_at: str = ""
    last_code: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt of GitHub to deliver an event. `code` is the status that it got, 0 when there was no answer.

    `guid` is the same for all attempts at one event, `id` is not. `status` is GitHub's word for how it went.
    """

    id: int
    guid: str
    delivered_at: str
    event: str
    code: int
    status: str = ""
    action: str | None = None
    redelivery: bool = False
    seconds: float = 0.0

    @property
    def arrived(self) -> bool:
        return 200 <= self.code < 300


@dataclass(frozen=True, slots=True)
class Image:
    """An AMI. `created` is ISO 8601 UTC as AWS gives it."""

    id: str
    name: str
    owner: str
    created: str
    architecture: str
    tags: tuple[tuple[str, str], ...] = ()
    state: str = "available"

    def tag(self, key: str) -> str | None:
        return dict(self.tags).get(key)


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    id: str
    name: str
    vpc: str


@dataclass(frozen=True, slots=True)
class Subnet:
    id: str
    vpc: str
    zone: str


@dataclass(frozen=True, slots=True)
class InstanceProfile:
    name: str
    arn: str
    role: str


@dataclass(frozen=True, slots=True)
class Volume:
    id: str
    zone: str
    size_gib: int


@dataclass(frozen=True, slots=True)
class TargetGroup:
    name: str
    arn: str
    vpc: str


@dataclass(frozen=True, slots=True)
class SecretShape:
    """What may be known of a secret without its value: its name, ARN, version and the names of its keys."""

    name: str
    arn: str
    version: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What was found in AWS for one agent template of the settings, by its label."""

    label: str
    image: Image
    security_groups: tuple[SecurityGroup, ...]
    subnets: tuple[Subnet, ...]
    instance_profile: InstanceProfile | None


@dataclass(frozen=True, slots=True)
class ControllerFacts:
    security_groups: tuple[SecurityGroup, ...]
    subnets: tuple[Subnet, ...]
    instance_profile: InstanceProfile | None
    volume: Volume | None
    target_group: TargetGroup | None


@dataclass(frozen=True, slots=True)
class AwsFacts:
    """Everything the settings name, as found in one account and region. Ids, ARNs and names of secrets; no values."""

    account: str
    region: str
    vpc: str
    controller: ControllerFacts
    agents: tuple[AgentFacts, ...]
    agent_key: SecretShape
    settings_secret: SecretShape
    github_repos: tuple[str, ...] = ()
    """Names listed in the secret's github_repos (the settings win over it, with a warning)."""
    jenkins_url: str | None = None
    """The secret's jenkins_url (the settings win over it, with a warning)."""
    credentials: tuple[tuple[str, SecretShape], ...] = ()
    """Id of each further credential and the secret with its value, in the settings' order."""
