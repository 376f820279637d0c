"""The surroundings: which things a plan makes for which settings, and that every look-up then finds its one."""

import json

from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.aws import find, lookup
from jenkins_bootstrap.aws.credentials import check_rsa_pem
from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.config.models import DEBIAN_OWNER, Settings
from jenkins_bootstrap.embedded.seed import Thing, plan


def kinds(things):
    return sorted({thing.kind for thing in things})


def with_(settings: Settings, **changes):
    return Settings.model_validate(settings.model_dump() | changes)


def test_a_plan_for_settings_that_name_one_of_everything_makes_one_of_everything(settings):
    made = plan(settings, [])
    assert kinds(made) == sorted(
        ["vpc", "subnet", "security group", "instance profile", "volume", "target group", "image", "secret"]
    )
    assert Thing("target group", "demo-controller") in made
    assert Thing("secret", "jenkins") in made


def test_what_exists_is_not_made_again(settings):
    made = plan(settings, [])
    assert plan(settings, made) == ()
    without_volume = [thing for thing in made if thing.kind != "volume"]
    assert kinds(plan(settings, without_volume)) == ["volume"]


def test_things_get_exactly_the_tags_that_are_looked_for(settings):
    group = next(t for t in plan(settings, []) if t.kind == "security group" and t.name == "demo-controller")
    assert group.tags == (("Project", "demo"), ("Role", "controller"))


def test_several_subnets_lie_in_two_zones_and_a_single_one_in_one(settings):
    zones = {}
    for thing in plan(settings, []):
        if thing.kind == "subnet":
            zones.setdefault(dict(thing.tags)["Role"], []).append(thing.zone)
    assert zones == {"agent": ["eu-west-1a", "eu-west-1b"], "controller": ["eu-west-1a"]}


def test_a_glob_becomes_a_name_that_it_matches(settings):
    changed = with_(settings, controller=settings.controller.model_dump() | {"instance_profile": {"name": "x-*-?"}})
    profile = [t.name for t in plan(changed, []) if t.kind == "instance profile"]
    assert "x-embedded-x" in profile


def test_the_vendors_image_is_of_the_vendor_and_named_as_debian_names_its_images(settings):
    vendor = next(t for t in plan(settings, []) if t.kind == "image" and t.owner == DEBIAN_OWNER)
    assert vendor.name == "debian-13-amd64-20251117-2299"
    assert vendor.architecture == "x86_64"
    assert vendor.tags == ()


def test_an_image_of_ours_that_agents_name_gets_a_stand_in_until_it_is_baked(settings):
    stand_in = next(t for t in plan(settings, []) if dict(t.tags).get("StandIn") == "true")
    assert dict(stand_in.tags) == {"Project": "demo", "Name": "agent", "Channel": "current", "StandIn": "true"}
    baked = Thing(
        "image",
        "demo-agent-1",
        (("Channel", "current"), ("Name", "agent"), ("Project", "demo")),
        owner=stand_in.owner,
        architecture="x86_64",
    )
    assert not [t for t in plan(settings, [baked]) if dict(t.tags).get("StandIn")]


def test_one_thing_serves_two_look_ups_of_which_one_is_wider(settings):
    changed = with_(
        settings,
        network={"security_groups": {"tags": {"Role": "agent"}}, "subnets": None},
    )
    groups = [t for t in plan(changed, []) if t.kind == "security group"]
    assert len(groups) == 2


TAGS = st.dictionaries(st.text("ABab", min_size=1, max_size=3), st.text("xyz *", min_size=1, max_size=4), min_size=1)


@given(controller=TAGS, agent=TAGS, network=TAGS)
def test_after_a_plan_every_look_up_matches_something(controller, agent, network):
    settings = Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {"url": "http://j/", "security_groups": {"tags": controller}, "volume": {"tags": network}},
            "agents": [
                {
                    "label": "linux",
                    "ami": {"owners": ["self"], "tags": agent},
                    "instance_types": ["m7i.large"],
                    "security_groups": {"tags": agent},
                    "subnets": {"tags": agent},
                }
            ],
            "github": {"owners": [{"name": "acme"}]},
            "network": {"security_groups": {"tags": network}, "subnets": {"tags": controller, "several": True}},
        }
    )
    made = plan(settings, [])
    for kind, find_tags in (
        ("security group", controller),
        ("security group", agent),
        ("security group", network),
        ("subnet", agent),
        ("subnet", controller),
        ("volume", network),
        ("image", agent),
    ):
        assert any(t.kind == kind and find_tags.items() <= dict(t.tags).items() for t in made)
    assert plan(settings, made) == ()


def test_the_key_value_secret_has_every_key_and_nothing_that_looks_real(settings):
    from jenkins_bootstrap.aws.secrets import KNOWN, check_settings_secret
    from jenkins_bootstrap.embedded.seeder import settings_secret

    values = settings_secret(settings)
    before = {key for key in KNOWN if key.endswith("_previous")}
    assert set(values) == set(KNOWN) - {"break_glass"} - before  # the glass is whole, and nothing was rotated yet
    assert values["github_token"] == "not-a-real-token"
    assert values["admin_password"] != settings_secret(settings)["admin_password"]
    assert check_settings_secret(json.dumps(values), "here", {"token"}) == values


def test_with_a_github_app_its_key_is_a_real_one(settings):
    from jenkins_bootstrap.aws.secrets import check_settings_secret
    from jenkins_bootstrap.embedded.seeder import settings_secret

    app = with_(settings, github={"owners": [{"name": "acme", "sign_in": "app", "installation": 1}]})
    assert check_settings_secret(json.dumps(settings_secret(app)), "here", {"app"})


def test_every_look_up_of_the_settings_finds_its_one_over_http(place):
    endpoints = place.up()
    settings = place.settings
    aws = Aws.embedded(settings.region, endpoints.aws_url)
    facts, _values = find.find_all(aws, settings)
    assert facts.controller.target_group.name == "demo-controller"
    assert facts.controller.instance_profile.role == "demo-controller"
    assert facts.controller.volume.size_gib == 20
    assert len(facts.agents[0].subnets) == 2
    assert facts.agents[0].image.name == "demo-agent-stand-in"
    assert facts.vpc
    vendor = lookup.foreign_image(aws, [DEBIAN_OWNER], {}, "debian-13-amd64-*", "amd64")
    assert vendor.created == "2025-11-17T02:29:09.000Z"
    key = place.aws(endpoints, "secretsmanager").get_secret_value(SecretId=settings.secrets.agent_key)["SecretString"]
    assert key.startswith("-----BEGIN RSA PRIVATE KEY-----")
    check_rsa_pem(key, "here")


def test_up_again_makes_only_what_somebody_deleted(place):
    endpoints = place.up()
    ec2 = place.aws(endpoints, "ec2")
    volume = next(v for v in ec2.describe_volumes()["Volumes"] if {"Key": "Role", "Value": "jenkins-home"} in v["Tags"])
    ec2.delete_volume(VolumeId=volume["VolumeId"])
    place.up()
    assert len(ec2.describe_volumes()["Volumes"]) == 0, "a command that only uses it repairs nothing"
    assert client_plan(place) == ["volume Project=demo Role=jenkins-home in eu-west-1a"]
    place.up(reseed=True)
    assert len(ec2.describe_volumes()["Volumes"]) == 1
    assert client_plan(place) == []


def client_plan(place):
    from jenkins_bootstrap.embedded import client

    return client.seed_plan(place.settings.embedded, place.folder, place.settings)
