"""Look-ups by tag and name: exactly what matches, or an error that shows the filter, the region and the candidates."""

import pytest

from jenkins_bootstrap.aws import find, lookup
from jenkins_bootstrap.aws.session import AwsError
from jenkins_bootstrap.config.models import ImageSpec
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


# -- what is nearest when nothing matches


def said(look, *arguments):
    with pytest.raises(LookupFailed, match="nothing matches") as error:
        look(*arguments)
    return error.value.what


def test_the_nearest_groups_are_shown_with_the_tags_that_were_asked_for(aws):
    vpc = make_vpc(aws)
    far = make_group(aws, vpc, "far", {"Project": "other"})
    half = make_group(aws, vpc, "half", {"Project": "demo"})
    near = make_group(aws, vpc, "near", {"Project": "demo", "Role": "agents", "Other": "not-asked"})
    text = said(lookup.security_groups, aws, TAGS, None, False)
    assert f"nearest: {near} (Project=demo, Role=agents), {half} (Project=demo, no Role)" in text
    assert far not in text
    assert "not-asked" not in text


def test_five_of_many_are_shown(aws):
    vpc = make_vpc(aws)
    for number in range(7):
        make_group(aws, vpc, f"group-{number}", {"Project": "demo"})
    assert said(lookup.security_groups, aws, TAGS, None, False).count("Project=demo") == 5


def test_a_name_that_is_near_is_shown(aws):
    group = make_group(aws, make_vpc(aws), "demo-controller", {"Other": "x"})
    assert f"nearest: {group} (name demo-controller)" in said(lookup.security_groups, aws, {}, "demo-controler", False)


def test_when_nothing_is_near_some_of_what_there_is_is_shown(aws):
    group = make_group(aws, make_vpc(aws), "x", {"Other": "x"})
    text = said(lookup.security_groups, aws, TAGS, None, False)
    assert "that there are is like it" in text
    assert f"{group} (no Project, no Role)" in text


def test_the_nearest_subnet_and_volume_are_shown(aws):
    subnet = make_subnet(aws, make_vpc(aws), "10.9.1.0/24", "eu-west-1a", {"Project": "demo", "Name": "builds"})
    assert f"nearest: {subnet} (name builds, eu-west-1a)" in said(lookup.subnets, aws, {}, "build", False)
    tags = [{"ResourceType": "volume", "Tags": tag_list({"Project": "demo"})}]
    made = aws.call("ec2", "create_volume", AvailabilityZone="eu-west-1a", Size=12, TagSpecifications=tags)
    assert f"nearest: {made['VolumeId']} (Project=demo, no Role, eu-west-1a)" in said(lookup.volume, aws, TAGS, None)


def test_none_at_all_is_told(aws):
    assert said(lookup.volume, aws, TAGS, None) == "nothing matches; there is none at all in eu-west-1"
    assert "none at all" in said(lookup.target_group, aws, "demo")
    assert "none at all" in said(lookup.own_image, aws, "demo", "agent", "amd64")


def test_the_nearest_target_group_is_shown(aws):
    aws.call("elbv2", "create_target_group", Name="demo-controller", Protocol="HTTP", Port=8080, VpcId=make_vpc(aws))
    assert "nearest: demo-controller (vpc-" in said(lookup.target_group, aws, "demo-controler")


def test_the_nearest_instance_profile_is_shown_and_no_tag_that_is_not_known(aws):
    iam = aws.client("iam")
    iam.create_instance_profile(InstanceProfileName="demo-agent", Tags=tag_list({"Project": "demo"}))
    assert said(lookup.instance_profile, aws, TAGS, None).endswith("nearest: demo-agent (Project=demo, no Role)")
    assert said(lookup.instance_profile, aws, {}, "demo-agnet").endswith("nearest: demo-agent")
    assert said(lookup.instance_profile, aws, TAGS, "demo-agents").endswith("nearest: demo-agent")


def make_image(aws, name, **tags):
    made = aws.call("ec2", "register_image", Name=name, Architecture="x86_64", RootDeviceName="/dev/sda1")["ImageId"]
    if tags:
        aws.call("ec2", "create_tags", Resources=[made], Tags=tag_list(tags))
    return made


def test_an_own_image_that_is_not_current_is_the_nearest(aws):
    made = make_image(aws, "demo-agent-1", Project="demo", Name="agent")
    text = said(lookup.own_image, aws, "demo", "agent", "amd64")
    assert f"nearest: {made} (no Channel, Name=agent, Project=demo" in text


def test_the_newest_foreign_images_of_the_owner_are_shown(aws, monkeypatch):
    made = {1: "2025-01-01T00:00:00.000Z", 2: "2025-06-01T00:00:00.000Z"}
    listed = [image(number, created) for number, created in made.items()]
    monkeypatch.setattr(lookup, "images", lambda *a, architecture=None, **k: [] if architecture else listed)
    text = said(lookup.foreign_image, aws, ["136693071363"], {}, "ubuntu-*", "amd64")
    assert "ami-2 (name debian-2, x86_64), ami-1 (name debian-1, x86_64)" in text


def test_not_every_image_of_amazon_is_listed(aws, monkeypatch):
    asked = []

    def images(_aws, owners, tags, *, name=None, architecture=None):
        asked.append(name)
        return []

    monkeypatch.setattr(lookup, "images", images)
    said(lookup.foreign_image, aws, ["amazon"], {}, "al2023-ami-9*", "amd64")
    said(lookup.foreign_image, aws, ["amazon"], {"Role": "x"}, None, "amd64")
    assert asked == ["al2023-ami-9*", "al2023*", None]


def test_a_listing_that_fails_hides_nothing(aws, monkeypatch):
    pages = aws.pages

    def refused(service, operation, key, **parameters):
        if not parameters:
            raise AwsError("UnauthorizedOperation: no", where="AWS", code="UnauthorizedOperation")
        return pages(service, operation, key, **parameters)

    monkeypatch.setattr(aws, "pages", refused)
    text = said(lookup.security_groups, aws, TAGS, None, False)
    assert text == "nothing matches; what is near could not be listed: UnauthorizedOperation: no"


def test_a_source_that_is_not_found_is_named_by_its_setting(aws):
    spec = ImageSpec.model_validate({"template": "base", "source": {"owners": ["self"], "name": "debian-99-*"}})
    with pytest.raises(LookupFailed, match=r"^images\.base\.source: AMI with name debian-99-\*"):
        find.source_images(aws, {"base": spec, "controller": ImageSpec(template="controller", parent="base")}, "demo")


def test_every_source_that_is_not_found_is_reported(aws):
    spec = ImageSpec.model_validate({"template": "base", "source": {"owners": ["self"], "name": "debian-99-*"}})
    with pytest.raises(SeveralErrors) as error:
        find.source_images(aws, {"base": spec, "other": spec}, "demo")
    assert "images.base.source: " in str(error.value) and "images.other.source: " in str(error.value)
