"""Reading the settings file: positions, every error at once, no secret in a message, quick to load."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jenkins_bootstrap.config import Settings, load
from jenkins_bootstrap.config.document import read, spell
from jenkins_bootstrap.config.load import locate, parse
from jenkins_bootstrap.errors import BootstrapError, SettingsError, SeveralErrors

SMALL = """\
project: demo
region: eu-west-1
controller:
  url: https://jenkins.example.com
github:
  owners: [{name: acme-demo}]
"""

AGENT = """\
agents:
  - label: linux
    ami: {image: agent}
    instance_types: [m7i.large]
    security_groups: {tags: {Role: agent}}
    subnets: {tags: {Role: agent}}
"""


def errors(text: str) -> list[BootstrapError]:
    """What is wrong with the settings in `text`, in the order of the file."""
    with pytest.raises(BootstrapError) as caught:
        parse(text, name="s.yml", folder=Path("/"))
    error = caught.value
    found = list(error.errors) if isinstance(error, SeveralErrors) else [error]
    assert error.exit_status == 2
    assert all(isinstance(e, SettingsError) for e in found)
    return found


def one(text: str) -> str:
    found = errors(text)
    assert len(found) == 1, [str(e) for e in found]
    return str(found[0])


def test_a_small_file_is_enough_and_the_url_gets_its_slash() -> None:
    settings = parse(SMALL, name="s.yml", folder=Path("/"))
    assert settings.controller.url == "https://jenkins.example.com/"
    assert settings.images["controller"].parent == "base"


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    file = folder / "jenkins-bootstrap.yml"
    file.write_text(SMALL + "embedded: {github: data/org.json, state: /var/state}\n")
    settings = load(file)
    assert settings.embedded.github == folder / "data/org.json"
    assert settings.embedded.state == Path("/var/state")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "s.yml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load(file).project == "demo"


def test_sections_whose_lines_are_all_comments_mean_the_defaults() -> None:
    settings = parse(SMALL + "jobs:\n  # folder: x\nimages:\nagents:\nsecrets:\nnetwork:\n", name="s", folder=Path("/"))
    assert settings.jobs.folder == "github"
    assert set(settings.images) == {"base", "controller", "agent"}


def test_anchors_aliases_and_merges_work() -> None:
    text = SMALL + (
        "agents:\n"
        "  - &one\n    label: linux\n    ami: {image: agent}\n    instance_types: [m7i.large]\n"
        "    security_groups: &tags {tags: {Role: agent}}\n    subnets: *tags\n"
        "  - <<: *one\n    label: big\n    instance_types: [m7i.4xlarge]\n"
    )
    settings = parse(text, name="s.yml", folder=Path("/"))
    assert [(a.label, a.instance_types) for a in settings.agents] == [
        ("linux", ["m7i.large"]),
        ("big", ["m7i.4xlarge"]),
    ]


def test_an_error_in_a_merged_mapping_points_to_where_it_is_written() -> None:
    text = SMALL + "agents:\n  - &one\n    label: a b\n    cap: 0\n  - <<: *one\n    label: big\n"
    wrong_cap = [e.where for e in errors(text) if ".cap" in e.where]
    assert wrong_cap == ["s.yml:10:10: agents[0].cap", "s.yml:10:10: agents[1].cap"]


# Files that cannot be read


def test_file_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no such file[\s\S]*jenkins-bootstrap init"):
        load(tmp_path / "none.yml")


def test_file_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a folder"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_file_without_permission(tmp_path: Path) -> None:
    file = tmp_path / "s.yml"
    file.write_text(SMALL)
    file.chmod(0)
    with pytest.raises(SettingsError, match="cannot be read: Permission denied"):
        load(file)


def test_file_not_utf8_names_byte_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "s.yml"
    file.write_bytes(b"project: demo\nregion: \xe9u-west-1\n")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert caught.value.where == f"{file}:2:9"
    assert "0xe9" in caught.value.what


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("project: [demo\nregion: x\n", "s.yml:2:7", "not YAML"),
        ("a: b: c\n", "s.yml:1:5", "mapping values are not allowed"),
        ("a:\n\tb: c\n", "s.yml:2:1", "indent with spaces"),
        ('a: "b\n', "s.yml:2:1", "end of stream"),
        ("a: \x07\n", "s.yml:1:4", "control character"),
        ("a: *nobody\n", "s.yml:1:4", "undefined alias"),
        ("a: 1\n---\nb: 2\n", "s.yml:2:1", "single document"),
        ("", "s.yml", "is empty"),
        ("# only words\n", "s.yml", "is empty"),
        ("- a\n- b\n", "s.yml:1:1", "is a list where a mapping is wanted"),
        ("just words\n", "s.yml:1:1", "is text where a mapping is wanted"),
        ("a: &a [*a]\n", "s.yml:1:4: a[0]", "contains itself"),
    ],
)
def test_text_that_is_no_settings_file(text: str, where: str, says: str) -> None:
    (found,) = errors(text)
    assert found.where == where
    assert says in str(found)


def test_aliases_that_grow_beyond_measure_end_in_an_error() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "beyond all measure" in one("\n".join(lines))


def test_nesting_too_deep_ends_in_an_error() -> None:
    assert "nested too deep" in one("a: " + "[" * 500 + "]" * 500)


# Values that do not fit


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("demo\n", "no\n", "1:10: project", "must be text; 'no' is read as a boolean"),
        ("demo\n", "no\n", "1:10: project", 'quote it: "no"'),
        ("demo\n", "007\n", "1:10: project", "'007' is read as a number"),
        ("demo\n", "2025-01-02\n", "1:10: project", "'2025-01-02' is read as a date"),
        ("demo\n", "2025-13-45\n", "1:10: project", "put it in quotes"),
        ("demo\n", "12:30\n", "1:10: project", 'quote it: "12:30"'),
        ("demo\n", "\n", "1:9: project", "must be text, but nothing is given"),
        ("demo\n", "[demo]\n", "1:10: project", "must be text, not a list"),
        ("demo\n", "Demo_1\n", "1:10: project", "seen: 'Demo_1'"),
        ("demo\n", "Demo_1\n", "1:10: project", "for example demo"),
        ("demo\n", "!x demo\n", "1:10: project", "tag !x is not known"),
        ("demo\n", "!!binary aGFsbG8=\n", "1:10: project", "!!binary is not known"),
        ("eu-west-1", "europe", "2:9: region", "for example eu-west-1"),
        ("url: https", "url: ftp", "4:8: controller.url", "does not have the form"),
        ("  url:", "  urll: x\n  url:", "4:3: controller.urll", "did you mean url?"),
        ("project:", "regoin: x\nproject:", "1:1: regoin", "did you mean region?"),
        ("project:", "zzz: x\nproject:", "1:1: zzz", "known here: agents, controller, embedded"),
        ("project: demo\n", "", "1:1: project", "is missing"),
        ("[{name: acme-demo}]", "[]", "6:11: github.owners", "at least 1"),
        ("[{name: acme-demo}]", "acme-demo", "6:11: github.owners", "must be a list, not the text 'acme-demo'"),
        ("[{name: acme-demo}]", "[acme-demo]", "6:12: github.owners[0]", "known keys: filter, installation, name"),
        ("acme-demo}", "acme, installation: 5}", "6:12: github.owners[0]", "installation goes with sign_in: app"),
    ],
)
def test_wrong_value(old: str, new: str, where: str, says: str) -> None:
    assert old in SMALL
    text = one(SMALL.replace(old, new, 1))
    assert text.startswith(f"s.yml:{where}: ")
    assert says in text


@pytest.mark.parametrize(
    ("section", "where", "says"),
    [
        ("agents: [{label: x, market: off}]\n", "agents[0].market", "must be one of spot, on-demand; seen: 'off'"),
        ("jobs: {scan_every: nevr}\n", "jobs.scan_every", "did you mean never?"),
        ('jobs: {keep_builds: "30"}\n', "jobs.keep_builds", "write it without quotes: 30"),
        ("jobs: {keep_builds: 3.5}\n", "jobs.keep_builds", "must be a whole number"),
        ("jobs: {keep_builds: 0}\n", "jobs.keep_builds", "must be 1 or more; seen: '0'"),
        ("jobs: {keep_builds: 90000}\n", "jobs.keep_builds", "must be 10000 or less"),
        ('jobs: {forks: "yes"}\n', "jobs.forks", "write it without quotes: true"),
        ("tags: {Cost: 0012}\n", "tags.Cost", 'quote it: "0012"'),
        ('tags: {"a.b": [1]}\n', 'tags["a.b"]', "must be text, not a list"),
        ("embedded: {github: 5}\n", "embedded.github", "must be a path as text"),
        ("secrets: {settings: ''}\n", "secrets.settings", "must not be empty"),
        ("network: {subnets: {}}\n", "network.subnets", "give tags, name, or both"),
        ("images: {x: {template: base}}\n", "images.x", "give source or parent, one of them"),
        ("images: {x: 5}\n", "images.x", "must be a mapping; '5' is read as a number"),
    ],
)
def test_wrong_value_in_a_section(section: str, where: str, says: str) -> None:
    found = [e for e in errors(SMALL + section) if e.where.endswith(f": {where}")]
    assert len(found) == 1
    assert says in str(found[0])


@pytest.mark.parametrize(
    ("source", "place", "says"),
    [
        ("{url: 'https://x/jenkins.war'}", "source.sha256", "is missing"),
        ("{url: 'https://x/jenkins.war', sha: x}", "source.sha", "did you mean sha256?"),
        ("{war: 5}", "source.war", "must be a path as text"),
        ("{wars: x.war}", "source.wars", "did you mean war?"),
        ("here", "source", "must be a mapping, not the text 'here'"),
    ],
)
def test_an_error_in_a_source_of_jenkins_speaks_of_that_source_alone(source: str, place: str, says: str) -> None:
    text = SMALL.replace("github:", f"  jenkins: {{source: {source}}}\ngithub:", 1)
    found = {e.where.rpartition(": ")[2]: str(e) for e in errors(text)}
    assert says in found[f"controller.jenkins.{place}"]
    assert all("DebianRepository" not in k for k in found)


def test_a_union_of_plain_types_is_one_error() -> None:
    text = SMALL.replace("github:", "  sign_in: {kind: oidc, options: {scope: [a]}}\ngithub:", 1)
    assert "must be text or a whole number or true or false, not a list" in one(text)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("on: x", "the key on is read as a boolean"),
        ("7: x", "the key 7 is read as a number"),
        ("~: x", "the key ~ is read as nothing"),
        ("[a]: x", "cannot be a key"),
        ("<<: x", "<< wants a mapping"),
    ],
)
def test_keys_that_are_not_words(line: str, says: str) -> None:
    assert says in one(SMALL + line + "\n")


def test_a_key_given_twice_names_both_lines() -> None:
    text = one(SMALL + "project: other\n")
    assert text.startswith("s.yml:7:1: project: the key is given twice, first in line 1")


def test_all_errors_are_told_at_once_in_the_order_of_the_file() -> None:
    text = SMALL.replace("demo\n", "no\n", 1).replace("eu-west-1", "7") + "jobs: {folder: 5}\nproject: x\nfoo: 1\n"
    assert [e.where for e in errors(text)] == [
        "s.yml:1:10: project",
        "s.yml:2:9: region",
        "s.yml:7:16: jobs.folder",
        "s.yml:8:1: project",
        "s.yml:9:1: foo",
    ]


# No secret in a message


@pytest.mark.parametrize(
    "section",
    [
        "secrets: {agent_key: 4711000111}\n",
        "secrets: {passwort_x: 4711000111}\n",
        "jobs: {admin_password: 4711000111, keep_builds: x}\n",
        "images: {x: {template: 4711000111, tags: {Api_Token: 4711000111}, parent: base}}\n",
        "jobs: {scan_every: ghp_4711000111}\n",
        'jobs: {keep_builds: "-----BEGIN 4711000111"}\n',
        "jobs: {scan_every: AKIA4711000111AAAA}\n",
    ],
)
def test_a_value_that_may_be_a_secret_is_not_shown(section: str) -> None:
    for error in errors(SMALL + section):
        if "template" in error.where:
            continue  # not named like a secret, and its value does not look like one
        assert "4711000111" not in str(error)


def test_a_long_value_is_cut() -> None:
    assert len(one(SMALL.replace("demo\n", "D" * 500 + "\n", 1))) < 250


# What must hold between settings


def changed(**images: str) -> str:
    return SMALL + "images:\n" + "".join(f"  {name}: {spec}\n" for name, spec in images.items())


BASE = '{source: {owners: ["136693071363"], name: "debian-13-*"}, template: base}'


def test_an_agents_image_without_definition_names_the_nearest() -> None:
    text = one(SMALL + AGENT.replace("image: agent", "image: agnet"))
    assert text.startswith("s.yml:9:18: agents[0].ami.image: there is no image 'agnet' in images")
    assert "did you mean 'agent'?" in text


def test_a_parent_without_definition() -> None:
    text = one(changed(base=BASE, controller="{parent: bose, template: controller}"))
    assert text.startswith("s.yml:9:24: images.controller.parent: there is no image 'bose'")
    assert "did you mean 'base'?" in text


def test_parents_in_a_circle() -> None:
    text = one(
        changed(a="{parent: b, template: base}", b="{parent: c, template: base}", c="{parent: a, template: base}")
    )
    assert text.startswith("s.yml:8:15: images.a.parent: the parents go in a circle: a from b from c from a")


def test_an_image_that_is_its_own_parent() -> None:
    assert "circle: a from a" in one(changed(a="{parent: a, template: base}"))


def test_a_label_given_twice() -> None:
    text = one(SMALL + AGENT + AGENT.replace("agents:\n", ""))
    assert text.startswith("s.yml:13:12: agents[1].label: the label 'linux' is there already, as agents[0].label")


def test_an_agents_architecture_against_its_image_and_its_types() -> None:
    found = errors(SMALL + AGENT + "    architecture: arm64\n")
    assert [e.where for e in found] == ["s.yml:9:18: agents[0].ami.image", "s.yml:10:22: agents[0].instance_types[0]"]


def test_an_instance_type_given_twice() -> None:
    text = one(SMALL + AGENT.replace("[m7i.large]", "[m7i.large, m7i.large]"))
    assert text.startswith("s.yml:10:33: agents[0].instance_types[1]")


def test_a_parent_of_another_architecture() -> None:
    found = errors(
        changed(base=BASE, arm="{parent: base, template: base, architecture: arm64, instance_type: t4g.small}")
    )
    assert ["the parent 'base' is amd64" in str(e) for e in found] == [True]


def test_an_image_baked_on_another_architecture() -> None:
    arm = BASE.replace("template: base", "template: base, architecture: arm64")
    text = one(changed(base=arm))
    assert "baked on t3.medium, which is amd64" in text
    assert text.startswith("s.yml:8:9: images.base.instance_type")


@pytest.mark.parametrize(
    ("section", "where", "says"),
    [
        ("tags: {Project: x}\n", "7:17: tags.Project", "look-ups rest on it"),
        ("tags: {'aws:x': x}\n", "7:17: tags.aws:x", "reserved by AWS"),
    ],
)
def test_tags_that_are_not_the_users_to_set(section: str, where: str, says: str) -> None:
    text = one(SMALL + section)
    assert text.startswith(f"s.yml:{where}: ")
    assert says in text


def test_an_account_a_plugin_and_an_owner_given_twice() -> None:
    text = SMALL.replace("github:", "  accounts: [{id: ada}, {id: ada}]\n  plugins: [git, ec2, git@5.7.0]\ngithub:", 1)
    found = errors(text.replace("[{name: acme-demo}]", "[{name: acme}, {name: ACME}]"))
    assert [e.where.rpartition(": ")[2] for e in found] == [
        "controller.accounts[1].id",
        "controller.plugins[2]",
        "github.owners[1].name",
    ]


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("m7i.large", "amd64"),
        ("m7g.large", "arm64"),
        ("m7i-flex.large", "amd64"),
        ("g5.xlarge", "amd64"),
        ("g5g.xlarge", "arm64"),
        ("t4g.small", "arm64"),
        ("c7gn.large", "arm64"),
        ("im4gn.large", "arm64"),
        ("a1.medium", "arm64"),
        ("u-6tb1.56xlarge", "amd64"),
    ],
)
def test_the_processor_of_an_instance_type(name: str, architecture: str) -> None:
    text = SMALL + AGENT.replace("[m7i.large]", f"[{name}]")
    if architecture == "amd64":
        assert parse(text, name="s.yml", folder=Path("/")).agents[0].instance_types == [name]
    else:
        assert f"{name} is arm64" in one(text)


def test_settings_made_in_code_are_checked_as_well() -> None:
    document = read(SMALL + AGENT.replace("image: agent", "image: agnet"), "s.yml")
    with pytest.raises(ValueError, match=r"agents\.0\.ami\.image: there is no image 'agnet'"):
        Settings.model_validate(document.value)


def test_places_are_spelt_as_people_write_them() -> None:
    assert spell(("agents", 0, "instance_types", 2)) == "agents[0].instance_types[2]"
    assert spell(("tags", "a b")) == 'tags["a b"]'


def test_a_place_is_found_again_after_loading(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text(SMALL.replace("  url:", "  plugins: [git, ec2]\n  url:"))
    assert locate(path, ("controller", "plugins", 1)) == f"{path}:4:18: controller.plugins[1]"
    path.write_text(SMALL)  # a default: the nearest that is written
    assert locate(path, ("controller", "plugins", 1)) == f"{path}:4:3: controller.plugins[1]"
    path.unlink()
    assert locate(path, ("controller", "plugins", 1)) == f"{path}: controller.plugins[1]"
