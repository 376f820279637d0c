"""A controller below a folder, as an image and an instance leave it, and an AWS in this process with what it names."""

import hashlib
import importlib.util
import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto import mock_aws

from jenkins_bootstrap.aws.find import SERVICES
from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.boot import documents
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.prepare import Boot
from jenkins_bootstrap.boot.retry import Patience
from jenkins_bootstrap.boot.watch import Look
from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.plugins.explode import explode, tree_digest
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin, dumps

spec = importlib.util.spec_from_file_location(
    "jenkins_double", Path(__file__).parents[1] / "controller/jenkins_double.py"
)
jenkins_double = importlib.util.module_from_spec(spec)
spec.loader.exec_module(jenkins_double)
REGION = "eu-west-1"
VALUES = {
    "admin_username": "admin",
    "admin_password": "not-a-real-password",
    "github_username": "octocat",
    "github_token": "not-a-real-token",
    "github_webhook_secret": "not-a-real-webhook-secret",
}


@pytest.fixture(scope="session")
def agent_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def boot_settings() -> Settings:
    """Settings of a small controller: one agent, no volume."""
    return Settings.model_validate(
        {
            "project": "demo",
            "region": REGION,
            "controller": {"url": "https://jenkins.example.org/", "boot": {"deadline_seconds": 60}},
            "agents": [
                {
                    "label": "linux",
                    "ami": {"image": "agent"},
                    "instance_types": ["m7i.large"],
                    "security_groups": {"tags": {"Role": "agent"}},
                    "subnets": {"tags": {"Role": "agent"}},
                }
            ],
            "github": {"owners": [{"name": "acme-demo"}]},
        }
    )


@pytest.fixture(scope="session")
def session(aws_session):
    return aws_session(REGION)


@pytest.fixture
def cloud(monkeypatch, agent_pem, session):
    """What the settings name, in moto."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield make_cloud(session, agent_pem)


@pytest.fixture
def failing(session):
    """Lets calls of one operation fail at first; gives the list of everything that is asked."""
    undo = []

    def begin(operation, fail, times):
        asked, left = [], [times]

        def before(model, **_):
            asked.append(model.name)
            if model.name == operation and left[0] > 0:
                left[0] -= 1
                fail(model.name)

        for service in SERVICES:
            events = session.client(service).meta.events
            events.register("before-call", before)
            undo.append((events, before))
        return asked

    yield begin
    for events, before in undo:
        events.unregister("before-call", before)


def make_cloud(session, pem):
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    role = [{"Key": "Role", "Value": "agent"}]
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.9.1.0/24", TagSpecifications=[{"ResourceType": "subnet", "Tags": role}]
    )["Subnet"]["SubnetId"]
    ec2.create_security_group(
        GroupName="agent",
        Description="agents",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": role}],
    )
    instance = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    ami = ec2.create_image(InstanceId=instance, Name="agent")["ImageId"]
    tags = {"Project": "demo", "Name": "agent", "Channel": "current"}
    ec2.create_tags(Resources=[ami], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
    secrets = session.client("secretsmanager")
    secrets.create_secret(Name="jenkins_slave_private_key", SecretString=pem)
    secrets.create_secret(Name="jenkins", SecretString=json.dumps(VALUES))
    return Cloud(session, ami, subnet)


@dataclass
class Cloud:
    session: boto3.session.Session
    ami: str
    subnet: str


@pytest.fixture
def controller(tmp_path, boot_settings) -> Layout:
    """A controller with two plugins, as its image leaves it below a folder, on the embedded target."""
    return lay_image(Layout(tmp_path / "root"), boot_settings)


def lay_image(layout: Layout, settings: Settings, endpoint: str = "http://127.0.0.1:1/") -> Layout:
    for path in (layout.stages / "init.groovy.d", layout.seed.parent, layout.plugins, layout.home, layout.war.parent):
        path.mkdir(parents=True)
    layout.run.parent.mkdir(parents=True)
    layout.war.write_bytes(b"a war")
    layout.image.write_text(json.dumps({"target": "embedded", "project": settings.project}))
    layout.settings.write_text(canonical_json(documents.image_settings(settings)))
    (layout.stages / "init.groovy").write_text("println 'first'\n")
    for name in ("aws", "github", "githubrepos"):
        (layout.stages / f"init.groovy.d/{name}.txt").write_text(f"println '{name}'\n")
    layout.seed.write_text("{}")
    locked = tuple(add_plugin(layout.plugins, name) for name in ("ec2", "github"))
    layout.plugin_lock.write_text(dumps(Lock("2.516.2", "default", "2025-09-13", locked)))
    trees = {p.name: tree_digest(layout.plugins / p.name) for p in locked}
    (layout.plugins / "tree.json").write_text(canonical_json(trees))
    layout.run.mkdir()
    layout.embedded.write_text(
        json.dumps({"aws_endpoint": endpoint, "github_url": "http://127.0.0.1:2/api/v3", "instance_id": "i-1"})
    )
    return layout


def add_plugin(folder: Path, name: str) -> LockedPlugin:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\nShort-Name: {name}\nPlugin-Version: 1\n")
        archive.writestr("WEB-INF/lib/classes.jar", name * 100)
    path = folder / f"{name}.jpi"
    path.write_bytes(raw.getvalue())
    explode(path, folder / name)
    sha256 = hashlib.sha256(raw.getvalue()).hexdigest()
    return LockedPlugin(name, "1", sha256, f"https://example.org/{name}.hpi", "2.479.1")


class Clock:
    """Time that passes only when something sleeps."""

    def __init__(self) -> None:
        self.time, self.slept = 0.0, []

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def boot_of(controller, cloud, clock):
    """Makes a boot of the controller; what it says is in its list `said`."""

    def make(deadline=60.0, layout=controller) -> Boot:
        said: list[str] = []
        boot = Boot(
            layout,
            say=said.append,
            make_aws=lambda: Aws(cloud.session, REGION, None, None),
            patience=Patience(deadline, said.append, clock, clock.sleep),
            now=lambda: datetime(2026, 11, 24, 10, tzinfo=UTC),
        )
        boot.said = said
        return boot

    return make


@pytest.fixture
def jenkins():
    with jenkins_double.serving(jenkins_double.Double()) as made:
        yield made


@pytest.fixture
def look_of(controller, cloud, session, jenkins, boot_of):
    """A controller that has booted, and looks at it; what a look says is in its list `said`."""
    boot_of().run()
    jenkins.token = controller.service_token.read_text()
    controller.secrets.unlink()  # as the last stage does

    def make(**changes):
        said = []
        look = Look(
            controller,
            say=said.append,
            url=jenkins.url,
            make_aws=lambda: Aws(session, "eu-west-1", None, None),
            patience_seconds=0,
            **changes,
        )
        look.said = said
        return look

    return make


@pytest.fixture
def put(session, look_of):
    """Change keys of the key-value secret."""

    def change(**values):
        client = session.client("secretsmanager")
        now = json.loads(client.get_secret_value(SecretId="jenkins")["SecretString"])
        client.put_secret_value(SecretId="jenkins", SecretString=json.dumps(now | values))

    return change
