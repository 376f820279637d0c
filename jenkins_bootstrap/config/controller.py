"""The shape of the settings' section `controller`: which Jenkins it is and how it comes up."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator

from jenkins_bootstrap.config.fields import (
    LINE,
    TEXT,
    Find,
    Form,
    LocalPath,
    LongText,
    Model,
    Name,
    PluginName,
    Role,
    Text,
    UrlOrPath,
)

SERVICE_ACCOUNT = "_jenkins-bootstrap"
"""The account that works on jobs after the boot. No GitHub login can be this one, as none begins with an underscore, so
nobody who signs in from there can become it."""

_HOST = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:.]+\]"
_SEGMENT = r"/([A-Za-z0-9_~!$&()*+,;=:@-]|%[0-9A-Fa-f]{2})([A-Za-z0-9._~!$&()*+,;=:@-]|%[0-9A-Fa-f]{2})*"
_CHAR = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]"
_INK = r"[^\x00-\x20\x7f-\x9f\u2028\u2029\ufffe\uffff]"
"""What Jenkins does not trim from the ends of a text."""
_PART = r"[^\x00-\x20\x7f-\x9f\u2028\u2029\ufffe\uffff<>@,;\"]+"
_ADDRESS = rf"{_PART}@{_PART}"


class WarUrl(Model):
    url: str = Field(
        pattern=r"^https?://\S+$",
        description="where jenkins.war is downloaded from",
        examples=["https://get.jenkins.io/war-stable/2.516.2/jenkins.war"],
    )
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="its SHA-256, 64 lower-case hex digits")


class WarFile(Model):
    war: LocalPath = Field(description="a jenkins.war on this machine")


class DebianRepository(Model):
    repository: str = Field(
        "https://pkg.jenkins.io/debian-stable", pattern=r"^https?://\S+$", description="the apt repository of Jenkins"
    )
    key: str = Field(
        "https://pkg.jenkins.io/debian-stable/jenkins.io-2023.key",
        pattern=r"^https?://\S+$",
        description="the key that signs it",
    )


def _kind_of_source(value: Any) -> str:
    """Which source is meant, so that an error speaks of that one and not of all three."""
    if isinstance(value, dict):
        return "WarFile" if "war" in value else "WarUrl" if {"url", "sha256"} & set(value) else "DebianRepository"
    return type(value).__name__ if isinstance(value, WarFile | WarUrl) else "DebianRepository"


JenkinsSource = Annotated[
    Annotated[DebianRepository, Tag("DebianRepository")]
    | Annotated[WarUrl, Tag("WarUrl")]
    | Annotated[WarFile, Tag("WarFile")],
    Discriminator(_kind_of_source),
]


class Jenkins(Model):
    version: str = Field(
        "2.516.2",
        pattern=r"^\d+(\.\d+){1,3}$",
        description="core version the plugins are pinned for",
        examples=["2.516.2"],
    )
    source: JenkinsSource | None = Field(
        None, description="where Jenkins comes from; JENKINS_WAR in the environment wins over it"
    )


class Java(Model):
    version: int = Field(21, ge=17, le=30, description="feature release; Jenkins needs 21 from 2.545 on")
    source: Literal["debian"] = Field(
        "debian", description="openjdk-<version>-jre-headless of the guest's distribution"
    )


class Account(Model):
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="name to sign in with", examples=["ada"])
    full_name: Annotated[str, LINE] = Field(
        "", pattern=rf"^({_CHAR}*{_INK}{_CHAR}*)?$", description="name as people read it"
    )
    email: Annotated[str, Form("one line without blanks at its ends")] = Field(
        "", pattern=rf"^({_INK}({_CHAR}*{_INK})?)?$", description="address for mail"
    )
    role: Role = Field("reader", description="what the account may do")


class SignIn(Model):
    kind: Literal["accounts", "github", "oidc", "saml", "ldap"] = Field(
        "accounts", description="accounts: those listed here, with passwords kept by Jenkins"
    )
    options: dict[Text, LongText | int | bool] = Field(
        default_factory=dict, description="parameters of the realm, by name; a secret one as secret:KEY"
    )
    groups: dict[Text, Role] = Field(default_factory=dict, description="group of the sign-in to role")

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of the key-value secret that options name as `secret:KEY`, sorted."""
        texts = [value for value in self.options.values() if isinstance(value, str)]
        return tuple(sorted({text.removeprefix("secret:") for text in texts if text.startswith("secret:")}))


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


class Credential(Model):
    """One more credential in Jenkins, its value in a secret of its own in Secrets Manager."""

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$", description="id that jobs name", examples=["npm-token"])
    secret: Name = Field(description="name of the secret in Secrets Manager")
    kind: Literal["text", "username-password", "ssh-key", "file"] = Field(
        description="text: a secret text; username-password: a registry's; ssh-key: a deploy key; file: a secret file"
    )
    username: Annotated[str | None, Form("one line of at most 255 characters")] = Field(
        None,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]{1,255}$",
        description="username-password and ssh-key: the user; without it the secret is an object with username and "
        "password, or username and private_key",
    )
    file_name: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_.-]{1,128}$", description="file: the name builds see", examples=["kubeconfig"]
    )
    folder: Annotated[str | None, Form("names of letters, digits, blanks, _ . and -, with / between")] = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*(/[A-Za-z0-9][A-Za-z0-9 _.-]*)*$",
        description="only for jobs below this folder: jobs.folder, or jobs.folder/OWNER; all jobs when absent",
        examples=["github/acme-demo"],
    )
    description: Annotated[str, LINE] = Field("", pattern=TEXT, description="what people read beside it")


class AcceptedFinding(Model):
    """A security warning or deprecation of a locked plugin that is accepted, and why."""

    plugin: PluginName = Field(description="the plugin it is about")
    id: str = Field(
        pattern=r"^[A-Za-z0-9_.-]+$", description="id of the warning, or deprecation", examples=["SECURITY-3314"]
    )
    reason: Name = Field(description="why it does no harm here")


class Boot(Model):
    look_every_minutes: int = Field(
        5, ge=1, le=60, description="how often a running controller looks for changed secrets, images and groups"
    )
    deadline_seconds: int = Field(
        300, ge=10, le=3600, description="what cannot be had for so long at boot, the data volume included, ends it"
    )
    attempts: int = Field(
        3, ge=1, le=20, description="failed boots after which the instance stays as it is and raises an alarm"
    )
    alarm_topic: Annotated[str | None, Form("arn:aws:sns:REGION:ACCOUNT:TOPIC")] = Field(
        None,
        pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$",
        description="ARN of an SNS topic that is told when a controller gives up",
        examples=["arn:aws:sns:eu-west-1:123456789012:operators"],
    )
    webhook_overlap_hours: int = Field(
        24, ge=0, le=168, description="how long deliveries signed with the secret before the newest are accepted"
    )
    install_missing_plugins: bool = Field(
        False, description="install locked plugins that the image lacks at the first boot, with one restart"
    )
    memory_percent: int = Field(60, ge=10, le=90, description="share of the instance's memory that Java's heap may use")


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        raise ValueError(f"no network: {error}") from None
    return text


Network = Annotated[
    str, Field(pattern=r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$", examples=["10.0.0.0/16"]), AfterValidator(_network)
]


class Receiver(Model):
    """The server beside Jenkins that hears of new, renamed and deleted repositories: the command `serve`."""

    port: int = Field(8090, ge=1024, le=65535, description="it listens here; the load balancer sends its path to it")
    address: str = Field("0.0.0.0", description="address it listens on")  # noqa: S104 - behind security groups
    queue_most: int = Field(10_000, ge=100, le=1_000_000, description="deliveries that wait at most; more are refused")
    metrics_from: list[Network] = Field(
        default_factory=list, description="networks from which /metrics may be read, besides the machine itself"
    )

    @property
    def path(self) -> str:
        return RECEIVER_PATH


RECEIVER_PATH = "jenkins-bootstrap"
"""What the load balancer sends to the receiver: everything below this path of controller.url."""
RECONCILE_CREDENTIAL = "jenkins-bootstrap-reconcile"
"""Id of the credential of the job `reconcile`, with the token that the receiver takes for this alone."""


class Controller(Model):
    url: Annotated[str, Form("http:// or https://, HOST[:PORT][/PATH]; no user, query or #")] = Field(
        pattern=rf"^https?://({_HOST})(:[0-9]{{1,5}})?({_SEGMENT})*/?$",
        description="the URL people and webhooks use",
        examples=["https://jenkins.example.com/"],
    )
    admin_address: Annotated[str, Form("ADDRESS or NAME <ADDRESS>")] = Field(
        "",
        pattern=rf"^({_ADDRESS}|{_INK}{_CHAR}*<{_ADDRESS}>)?$",
        description="sender of Jenkins' mail, as jenkins@example.com or Jenkins <jenkins@example.com>",
        examples=["jenkins@example.com"],
    )
    jenkins: Jenkins = Field(default_factory=Jenkins, description="which Jenkins, and where it comes from")
    java: Java = Field(default_factory=Java, description="which Java it runs on")
    plugins: list[PluginName] = Field(
        default_factory=lambda: list(DEFAULT_PLUGINS), description="names, or name@version"
    )
    plugin_versions: Literal["lock", "newest"] = Field(
        "lock",
        description="lock: keep jenkins-bootstrap.lock.json while it satisfies the settings; newest: resolve anew",
    )
    update_center: UrlOrPath | None = Field(None, description="URL or path of an update-center document")
    accounts: list[Account] = Field(default_factory=list, description="accounts besides the administrator's")
    sign_in: SignIn = Field(default_factory=SignIn, description="how people sign in")
    credentials: list[Credential] = Field(
        default_factory=list, description="further credentials for builds: registries, deploy keys, tokens"
    )
    stages: LocalPath | None = Field(
        None, description="folder of further stages of your own, *.txt in Groovy: they run after the four"
    )
    casc: LocalPath | None = Field(
        None, description="a file of the plugin configuration-as-code, applied after the stages; needs that plugin"
    )
    accept: list[AcceptedFinding] = Field(
        default_factory=list, description="security warnings and deprecations of plugins that are accepted"
    )
    update_center_check: Literal["signature", "none"] = Field(
        "signature", description="signature: only a document that Jenkins' authority has signed; none: any"
    )
    update_center_authority: LocalPath | None = Field(
        None, description="certificate in PEM of another authority than Jenkins' own, for a mirror that signs itself"
    )
    boot: Boot = Field(default_factory=Boot, description="how the controller comes up and keeps in step")
    receiver: Receiver = Field(default_factory=Receiver, description="the server beside Jenkins that follows GitHub")
    security_groups: Find | None = Field(None, description="the controller's security groups")
    subnets: Find | None = Field(None, description="subnets the controller may run in")
    instance_profile: Find | None = Field(None, description="the controller's instance profile")
    volume: Find | None = Field(None, description="the data volume of JENKINS_HOME")
    target_group: Name | None = Field(None, description="name of the load balancer's target group")

    @field_validator("url")
    @classmethod
    def _slash(cls, url: str) -> str:
        return url if url.endswith("/") else url + "/"
