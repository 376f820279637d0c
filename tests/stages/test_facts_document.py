"""facts.json: ids and names, in one order, and nothing that is secret."""

import dataclasses
import json

import pytest

from jenkins_bootstrap.facts import (
    AgentFacts,
    AwsFacts,
    ControllerFacts,
    Image,
    InstanceProfile,
    SecretShape,
    SecurityGroup,
    Subnet,
    TargetGroup,
    Volume,
)
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.stages.facts_document import SCHEMA, facts_document

GROUPS = (SecurityGroup("sg-2", "b", "vpc-1"), SecurityGroup("sg-1", "a", "vpc-1"))
SUBNETS = (Subnet("subnet-2", "vpc-1", "eu-west-1b"), Subnet("subnet-1", "vpc-1", "eu-west-1a"))
PROFILE = InstanceProfile("demo-agent", "arn:aws:iam::1:instance-profile/demo-agent", "demo-agent")
IMAGE = Image("ami-1", "agent", "1", "2026-01-01T00:00:00Z", "x86_64", (("Project", "demo"),))
FACTS = AwsFacts(
    account="123456789012",
    region="eu-west-1",
    vpc="vpc-1",
    controller=ControllerFacts(
        GROUPS, SUBNETS, PROFILE, Volume("vol-1", "eu-west-1a", 20), TargetGroup("demo", "arn:tg", "vpc-1")
    ),
    agents=(
        AgentFacts("linux", IMAGE, GROUPS, SUBNETS, PROFILE),
        AgentFacts("arm", dataclasses.replace(IMAGE, id="ami-2"), GROUPS[:1], SUBNETS[:1], None),
    ),
    agent_key=SecretShape("key", "arn:key", "v1"),
    settings_secret=SecretShape("jenkins", "arn:jenkins", "v2", ("github_token", "admin_password")),
    github_repos=("a",),
    jenkins_url="https://elsewhere.example.org/",
)


@pytest.fixture
def document(settings):
    def make(facts=FACTS, **changes):
        values = {"target": "aws", "endpoint": None, "github_api_url": "https://api.github.com"} | changes
        return facts_document(settings, facts, **values)

    return make


def test_an_agent_s_facts_stand_under_its_label(document):
    agents = document()["agents"]
    assert list(agents) == ["arm", "linux"]
    assert agents["linux"] == {
        "image": {"id": "ami-1", "name": "agent", "created": "2026-01-01T00:00:00Z", "architecture": "x86_64"},
        "security_groups": [{"id": "sg-1", "name": "a"}, {"id": "sg-2", "name": "b"}],
        "subnets": [{"id": "subnet-1", "zone": "eu-west-1a"}, {"id": "subnet-2", "zone": "eu-west-1b"}],
        "instance_profile": {"name": "demo-agent", "arn": PROFILE.arn, "role": "demo-agent"},
    }
    assert agents["arm"]["instance_profile"] is None


def test_the_order_in_which_aws_lists_things_does_not_show(document):
    other = dataclasses.replace(
        FACTS,
        agents=tuple(
            dataclasses.replace(a, security_groups=a.security_groups[::-1], subnets=a.subnets[::-1])
            for a in FACTS.agents[::-1]
        ),
        controller=dataclasses.replace(FACTS.controller, security_groups=GROUPS[::-1], subnets=SUBNETS[::-1]),
    )
    assert canonical_json(document(other)) == canonical_json(document())


def test_secrets_are_references_only(document):
    assert document()["secrets"] == {
        "agent_key": {"name": "key", "arn": "arn:key", "version": "v1", "keys": []},
        "settings": {
            "name": "jenkins",
            "arn": "arn:jenkins",
            "version": "v2",
            "keys": ["admin_password", "github_token"],
        },
    }


def test_what_the_controller_may_lack_is_null(document):
    bare = ControllerFacts((), (), None, None, None)
    assert document(dataclasses.replace(FACTS, controller=bare))["controller"] == {
        "security_groups": [],
        "subnets": [],
        "instance_profile": None,
        "volume": None,
        "target_group": None,
    }


def test_it_is_json_with_its_version_and_where_it_is_from(document):
    made = document(target="embedded", endpoint="http://127.0.0.1:5000", github_api_url="http://127.0.0.1:6000/api/v3")
    assert json.loads(canonical_json(made)) == made
    assert (made["schema"], made["target"], made["endpoint"]) == (SCHEMA, "embedded", "http://127.0.0.1:5000")
    assert made["github_api_url"] == "http://127.0.0.1:6000/api/v3"
    assert (made["account"], made["region"], made["vpc"], made["project"]) == (
        "123456789012",
        "eu-west-1",
        "vpc-1",
        "demo",
    )


def test_further_credentials_are_references_in_the_order_of_their_ids(document):
    more = (("npm", SecretShape("n", "arn:npm", "v7")), ("deploy", SecretShape("d", "arn:deploy", "v8")))
    assert document(dataclasses.replace(FACTS, credentials=more))["credentials"] == [
        {"id": "deploy", "secret": "arn:deploy", "version": "v8"},
        {"id": "npm", "secret": "arn:npm", "version": "v7"},
    ]
