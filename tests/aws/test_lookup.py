"""Look-ups by tag and name: exactly what matches, or an error that shows the filter, the region and the candidates."""

import pytest

from jenkins_bootstrap.aws import find, lookup
from jenkins_bootstrap.errors import LookupFailed, SeveralErrors
from jenkins_bootstrap.facts import Image, SecurityGroup

TAGS = {"Project": "demo", "Role": "agent"}


def tag_list(tags):
    return [{"Key": k, "Value": v} for k, v in tags.items()]


def make_vpc(aws, cidr="10.9.0.0/16"):
    return aws.call("ec2", "create_vpc", CidrBlock=cidr)["Vpc"]["VpcId"]


def make_group(aws, vpc, name, tags):
    return aws.call(
        "ec2",
        "create_security_group",
        GroupName=name,
        Description="for a test",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list(tags)}],
    )["GroupId"]


def make_subnet(aws, vpc, cidr, zone, tags):
    return aws.call(
        "ec2",
        "create_subnet",
        VpcId=vpc,
        CidrBlock=cidr,
        AvailabilityZone=zone,
        TagSpecifications=[{"ResourceType": "subnet", "Tags": tag_list(tags)}],
    )["Subnet"]["SubnetId"]


def image(number, created, **tags):
    return Image(f"ami-{number}", f"debian-{number}", "136693071363", created, "x86_64", tuple(sorted(tags.items())))


def test_security_group_by_tags(aws):
    wanted = make_group(aws, make_vpc(aws), "agents", TAGS)
    make_group(aws, make_vpc(aws), "others", {"Project": "demo", "Role": "controller"})
    assert [g.id for g in lookup.security_groups(aws, TAGS, None, False)] == [wanted]


def test_security_group_by_name_with_a_star(aws):
    wanted = make_group(aws, make_vpc(aws), "agents-of-demo", TAGS)
    assert [g.id for g in lookup.security_groups(aws, {}, "agents-*", False)] == [wanted]


def test_nothing_found_shows_the_filter_and_the_region(aws):
    with pytest.raises(LookupFailed) as error:
        lookup.security_groups(aws, TAGS, None, False)
    assert "tag Project=demo, tag Role=agent in eu-west-1" in str(error.value)


def test_two_found_are_an_error_that_shows_the_candidates(aws):
    vpc = make_vpc(aws)
    first, second = make_group(aws, vpc, "one", TAGS), make_group(aws, vpc, "two", TAGS)
    with pytest.raises(LookupFailed) as error:
        lookup.security_groups(aws, TAGS, None, False)
    assert first in str(error.value)
    assert second in str(error.value)
    assert "2 match where one is wanted" in str(error.value)


def test_several_subnets_only_when_asked_for(aws):
    vpc = make_vpc(aws)
    made = [make_subnet(aws, vpc, f"10.9.{n}.0/24", f"eu-west-1{z}", TAGS) for n, z in enumerate("ab")]
    assert sorted(s.id for s in lookup.subnets(aws, TAGS, None, True)) == sorted(made)
    with pytest.raises(LookupFailed):
        lookup.subnets(aws, TAGS, None, False)


def test_several_may_not_be_none(aws):
    with pytest.raises(LookupFailed):
        lookup.subnets(aws, TAGS, None, True)


def test_all_pages_are_read(aws):
    vpc = make_vpc(aws)
    for number in range(30):
        make_group(aws, vpc, f"group-{number}", {"Project": "demo"})
    seen = list(aws.pages("ec2", "describe_security_groups", "SecurityGroups", PaginationConfig={"PageSize": 7}))
    assert sum(g["GroupName"].startswith("group-") for g in seen) == 30


def test_a_star_in_a_tag_value_is_no_wildcard():
    assert lookup.filters({"Role": "a*b?"}) == [{"Name": "tag:Role", "Values": ["a\\*b\\?"]}]


def test_newest_foreign_image(aws, monkeypatch):
    listed = [image(1, "2025-01-01T00:00:00.000Z"), image(2, "2025-06-01T00:00:00.000Z")]
    monkeypatch.setattr(lookup, "images", lambda *a, **k: listed)
    assert lookup.foreign_image(aws, ["136693071363"], {}, "debian-*", "amd64").id == "ami-2"


def test_two_images_of_the_same_date_are_a_tie(aws, monkeypatch):
    listed = [image(n, "2025-06-01T00:00:00.000Z") for n in (1, 2)] + [image(3, "2025-01-01T00:00:00.000Z")]
    monkeypatch.setattr(lookup, "images", lambda *a, **k: listed)
    with pytest.raises(LookupFailed, match="same creation date") as error:
        lookup.foreign_image(aws, ["136693071363"], {}, "debian-*", "amd64")
    assert "ami-1" in str(error.value)
    assert "ami-2" in str(error.value)
    assert "ami-3" not in str(error.value)


def test_own_image_is_the_current_one_not_the_newest(aws):
    ec2 = aws.client("ec2")
    instance = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    made = [ec2.create_image(InstanceId=instance, Name=f"demo-agent-{n}")["ImageId"] for n in range(2)]
    for number, each in enumerate(made):
        tags = {"Project": "demo", "Name": "agent"} | ({"Channel": "current"} if number == 0 else {})
        ec2.create_tags(Resources=[each], Tags=tag_list(tags))
    assert lookup.own_image(aws, "demo", "agent", "amd64").id == made[0]
    ec2.create_tags(Resources=[made[1]], Tags=tag_list({"Channel": "current"}))
    with pytest.raises(LookupFailed, match="2 match"):
        lookup.own_image(aws, "demo", "agent", "amd64")


def test_instance_profile_by_name_and_by_tags(aws):
    iam = aws.client("iam")
    iam.create_role(RoleName="demo-agent", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="demo-agent", Tags=tag_list(TAGS))
    iam.add_role_to_instance_profile(InstanceProfileName="demo-agent", RoleName="demo-agent")
    assert lookup.instance_profile(aws, {}, "demo-agent").role == "demo-agent"
    assert lookup.instance_profile(aws, TAGS, None).name == "demo-agent"
    with pytest.raises(LookupFailed, match="nothing matches"):
        lookup.instance_profile(aws, {"Role": "controller"}, None)


def test_instance_profile_without_a_role(aws):
    aws.client("iam").create_instance_profile(InstanceProfileName="bare")
    with pytest.raises(LookupFailed, match="has no role"):
        lookup.instance_profile(aws, {}, "bare")


def test_unknown_target_group(aws):
    with pytest.raises(LookupFailed, match="nothing matches"):
        lookup.target_group(aws, "no-such-group")


def test_volume_by_tags(aws):
    made = aws.call(
        "ec2",
        "create_volume",
        AvailabilityZone="eu-west-1a",
        Size=12,
        TagSpecifications=[{"ResourceType": "volume", "Tags": tag_list(TAGS)}],
    )["VolumeId"]
    found = lookup.volume(aws, TAGS, None)
    assert (found.id, found.size_gib) == (made, 12)


def test_a_group_in_another_vpc_is_an_error_that_names_both():
    found = {
        "controller.security_groups": (SecurityGroup("sg-1", "controller", "vpc-1"),),
        "agents[0].security_groups": (SecurityGroup("sg-2", "agents", "vpc-2"),),
    }
    with pytest.raises(LookupFailed, match="2 VPCs") as error:
        find.one_vpc(found, "eu-west-1")
    assert "vpc-1 has controller.security_groups sg-1" in str(error.value)
    assert "vpc-2 has agents[0].security_groups sg-2" in str(error.value)


def test_every_failure_is_reported_with_its_path(aws, settings):
    with pytest.raises(SeveralErrors) as error:
        find.find_all(aws, settings)
    text = str(error.value)
    for path in ("secrets.agent_key", "secrets.settings", "agents[0].ami", "agents[0].subnets", "controller.volume"):
        assert path in text
