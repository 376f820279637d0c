"""The four stages as text: the same for the same settings, and nothing in the settings gets out of its literal."""

import json
import re

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jenkins_bootstrap.config.checks import OWN_CREDENTIALS
from jenkins_bootstrap.config.models import Account, Settings
from jenkins_bootstrap.errors import SettingsError
from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.compile import compile_stages
from jenkins_bootstrap.stages.literal import LiteralError, groovy_literal
from jenkins_bootstrap.stages.render import render, write
from jenkins_bootstrap.stages.values import (
    SERVICE_ACCOUNT,
    aws_values,
    github_values,
    githubrepos_values,
    init_values,
)

ORDER = ["init.groovy", "init.groovy.d/aws.txt", "init.groovy.d/github.txt", "init.groovy.d/githubrepos.txt"]
LOCK = {"git": "5.7.0", "ec2": "2059.v05f9d511d7e5"}
LDAP = {"ldap": "1"}
HOSTILE = [
    "'; throw new Error('out'); '",
    '"""; System.exit(1); """',
    "${System.exit(1)}",
    "$x",
    "\\",
    "\\u0027; System.exit(1); //",
    "*/ System.exit(1) /*",
    "{{ 7 * 7 }}{% raw %}",
    "\n\r\t\x01\x7f\x85\u2028",
    "\uffff\ufeff\U0001f600",
    "]]>\"'`$(id)",
]
TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30),
)


def unchecked(settings, *, tags=None, agent=None, **controller):
    """Settings with values that the file would be refused for: a stage must hold them all the same."""
    sign_in = controller.pop("sign_in", None)
    if sign_in is not None:
        controller["sign_in"] = settings.controller.sign_in.model_copy(update=sign_in)
    changed = {"controller": settings.controller.model_copy(update=controller), "tags": tags or {}}
    agents = [one.model_copy(update=agent or {}) for one in settings.agents]
    return settings.model_copy(update=changed | {"agents": agents})


def hostile(settings, texts):
    """Settings with these texts in every field that takes free text and reaches a stage."""
    place = iter(texts)
    person = {"full_name": next(place), "email": next(place)}
    return unchecked(
        settings,
        tags={"key " + next(place): next(place)},
        agent={"remote_fs": next(place), "maximum_price": "0.05"},
        url="https://jenkins.example.org/" + next(place),
        admin_address=next(place),
        accounts=[Account(id="ada", role="developer").model_copy(update=person)],
        sign_in={
            "kind": "ldap",
            "options": {"server": next(place), "x" + next(place): next(place)},
            "groups": {next(place): "administrator"},
        },
    )


def test_the_same_settings_give_the_same_bytes(settings):
    first = render(settings, LOCK)
    again = render(Settings.model_validate(settings.model_dump()), dict(reversed(LOCK.items())))
    assert first == again
    assert list(first) == ORDER


def test_the_paths_on_the_controller_reach_every_stage(settings):
    files = render(settings, LOCK, facts_path="/x/facts.json", secrets_path="/x/secrets.json", seed_path="/x/seed.json")
    for text in files.values():
        assert "FACTS_PATH = '/x/facts.json'" in text
        assert "SECRETS_PATH = '/x/secrets.json'" in text
    assert "'seed': '/x/seed.json'" in files["init.groovy.d/githubrepos.txt"]
    assert "/run/jenkins-bootstrap/facts.json" in render(settings, LOCK)["init.groovy"]


def test_a_stage_is_ascii_so_that_no_encoding_changes_it(settings):
    for name, text in render(hostile(settings, HOSTILE * 2), LOCK | LDAP).items():
        assert text.isascii(), name
    assert all(text.endswith("}\n") for text in render(settings, LOCK).values())


def test_no_stage_imports_a_class_of_a_plugin(settings):
    allowed = re.compile(r"java\.|groovy\.|hudson\.model\.TaskListener$|hudson\.util\.Secret$|jenkins\.model\.Jenkins$")
    for name, text in render(settings, LOCK).items():
        imports = re.findall(r"^import (\S+)", text, re.MULTILINE)
        assert [i for i in imports if not allowed.match(i)] == [], name


def test_no_stage_leaves_an_undeclared_variable_in_the_shared_binding(settings):
    for name, text in render(settings, LOCK).items():
        assert re.findall(r"^([a-zA-Z_]\w*) *= ", text, re.MULTILINE) == [], name


def test_every_stage_ends_in_the_guard(settings):
    for name, text in render(settings, LOCK).items():
        top_level = [line for line in text.splitlines() if re.match(r"[a-z]\w* *\{$", line)]
        assert top_level == ["stage {"], name


def test_without_a_lock_the_stage_says_so_instead_of_confirming(settings):
    assert "'plugins': null" in render(settings, None)["init.groovy"]
    assert "'plugins': ['ec2': '2059.v05f9d511d7e5', 'git': '5.7.0']" in render(settings, LOCK)["init.groovy"]


@pytest.mark.parametrize(
    "place",
    [
        {"admin_address": "a\0b"},
        {"accounts": [Account(id="ada").model_copy(update={"full_name": "a\0b"})]},
        {"accounts": [Account(id="ada").model_copy(update={"email": "a\0b"})]},
        {"sign_in": {"kind": "ldap", "options": {"server": "a\0b"}}},
        {"sign_in": {"kind": "ldap", "options": {"a\0b": 1}}},
        {"sign_in": {"groups": {"a\0b": "reader"}}},
    ],
)
def test_a_null_byte_that_has_come_past_the_settings_is_refused(settings, place):
    with pytest.raises(LiteralError, match="null byte"):
        render(unchecked(settings, **place), None)


@pytest.mark.groovy
@hypothesis_settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(TEXT, min_size=13, max_size=13), min_size=4, max_size=4))
def test_whatever_is_in_the_settings_the_stages_compile(groovy_program, settings, rows):
    files = {}
    for number, row in enumerate(rows):
        files |= {
            f"{number}/{path}": text
            for path, text in render(hostile(settings, row), {row[0]: row[1]} | LOCK | LDAP).items()
        }
    assert compile_stages(files, groovy=groovy_program).compiled


@pytest.mark.groovy
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXT, min_size=13, max_size=13))
def test_whatever_is_in_the_settings_a_stage_sees_it_as_it_is(evaluate, settings, row):
    wanted = hostile(settings, row)
    for values in (init_values(wanted, LOCK), aws_values(wanted), github_values(wanted)):
        assert evaluate(groovy_literal(values))[0] == values


def test_templates_are_one_for_each_type_with_a_description_of_its_own(settings):
    (cloud,) = aws_values(settings)["clouds"]
    assert cloud["name"] == "ec2-demo-linux"
    assert cloud["types"] == [
        {"name": "m7i.large", "description": "linux-m7i.large-spot"},
        {"name": "m6i.large", "description": "linux-m6i.large-spot"},
    ]
    assert cloud["tags"] == {"Name": "demo-agent-linux", "Project": "demo", "Role": "agent"}


def test_idle_minutes_and_time_outs_are_never_blank(settings):
    for cloud in aws_values(settings)["clouds"]:
        assert all(
            isinstance(cloud[k], int) and cloud[k] > 0 for k in ("idle_minutes", "launch_timeout_seconds", "cap")
        )


def test_the_project_s_tags_win_over_the_settings_tags(settings):
    wanted = settings.model_copy(update={"tags": {"Project": "other", "Team": "x"}})
    assert aws_values(wanted)["clouds"][0]["tags"]["Project"] == "demo"
    assert aws_values(wanted)["clouds"][0]["tags"]["Team"] == "x"


def test_every_owner_s_credential_is_made_once(settings):
    owners = [
        {"name": "one"},
        {"name": "two"},
        {"name": "Three", "sign_in": "app", "installation": 3},
        {"name": "four", "sign_in": "app", "installation": 4},
    ]
    data = settings.model_dump(exclude_defaults=True) | {"github": {"owners": owners}}
    wanted = Settings.model_validate(data)
    values = github_values(wanted)
    assert [c["id"] for c in values["credentials"]] == ["github-token", "github-app-three", "github-app-four"]
    assert {o.credentials_id for o in wanted.github.owners} == {c["id"] for c in values["credentials"]}
    assert values["server_credentials"] == "github-token-api"


def test_with_apps_only_the_github_server_has_no_credential(settings):
    data = settings.model_dump(exclude_defaults=True)
    data["github"] = {"owners": [{"name": "three", "sign_in": "app", "installation": 3}]}
    assert github_values(Settings.model_validate(data))["server_credentials"] == ""


def test_nobody_has_a_permission_who_is_not_named(settings):
    values = init_values(settings, None)
    assert values["users"] == {SERVICE_ACCOUNT: "administrator"}
    assert not {"anonymous", "authenticated"} & set(values["users"])


def test_no_github_login_can_be_the_service_account():
    assert not re.fullmatch(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", SERVICE_ACCOUNT)


def test_the_files_are_written_below_the_folder(settings, tmp_path):
    files = render(settings, LOCK)
    write(tmp_path / "out", files)
    assert {p: (tmp_path / "out" / p).read_text() for p in ORDER} == files
    assert sorted(p.name for p in (tmp_path / "out").rglob("*") if p.is_file()) == [
        "aws.txt",
        "github.txt",
        "githubrepos.txt",
        "init.groovy",
    ]


def test_no_secret_s_value_can_be_in_a_stage(settings):
    names = json.dumps([init_values(settings, LOCK), aws_values(settings), github_values(settings)])
    assert "password" not in names.lower()
    assert "PRIVATE KEY" not in names


def with_controller(settings, **changes):
    data = settings.model_dump(exclude_defaults=True)
    data["controller"] |= changes
    return Settings.model_validate(data)


def test_stages_of_one_s_own_come_after_the_four_as_they_are(settings, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("b.txt", "10_tools.txt"):
        (folder / name).write_text("println '{{ 1 }}' // gr\u00fc\u00dfe\n", encoding="utf-8")
    (folder / "README.md").write_text("not a stage\n")
    files = render(with_controller(settings, stages=str(folder)), LOCK)
    assert list(files) == [*ORDER, "init.groovy.d/10_tools.txt", "init.groovy.d/b.txt"]
    assert files["init.groovy.d/b.txt"] == "println '{{ 1 }}' // gr\u00fc\u00dfe\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (None, "is no folder"),
        ("README.md", "has no .txt file"),
        ("aws.txt", "has the name of a stage of ours"),
        ("jcasc.txt", "has the name of a stage of ours"),  # without any controller.casc, too
        ("zz-closed.txt", "is no name of a stage"),
        ("my-tools.txt", "is no name of a stage"),
        ("a b.txt", "is no name of a stage"),
        ("$(id).txt", "is no name of a stage"),
    ],
)
def test_what_cannot_be_a_stage_of_one_s_own_is_an_error_of_the_settings(settings, tmp_path, name, words):
    folder = tmp_path / "mine"
    if name is not None:
        folder.mkdir()
        (folder / name).write_text("1\n")
    with pytest.raises(SettingsError, match=re.escape(words)) as caught:
        render(with_controller(settings, stages=str(folder)), LOCK)
    assert caught.value.where == "controller.stages"


def test_a_stage_that_is_not_utf_8_is_an_error_of_the_settings(settings, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        render(with_controller(settings, stages=str(tmp_path)), LOCK)


@pytest.mark.parametrize(
    ("kind", "plugin"), [("github", "github-oauth"), ("oidc", "oic-auth"), ("saml", "saml"), ("ldap", "ldap")]
)
def test_a_sign_in_needs_its_plugin_in_the_lock(settings, kind, plugin):
    wanted = with_controller(settings, sign_in={"kind": kind})
    with pytest.raises(SettingsError, match=f"the plugin {plugin} is not in the lock") as caught:
        render(wanted, LOCK)
    assert caught.value.where == "controller.sign_in.kind"
    assert f"add {plugin} to controller.plugins" in caught.value.hint
    assert render(wanted, LOCK | {plugin: "1"})
    assert render(wanted, None)


def test_a_casc_file_needs_its_plugin_in_the_lock(settings, tmp_path):
    file = tmp_path / "casc.yaml"
    file.write_text("jenkins: {}\n")
    wanted = with_controller(settings, casc=str(file))
    with pytest.raises(SettingsError, match="configuration-as-code is not in the lock") as caught:
        render(wanted, LOCK)
    assert caught.value.where == "controller.casc"
    files = render(wanted, LOCK | {"configuration-as-code": "1"})
    assert list(files) == [*ORDER, "init.groovy.d/jcasc.txt"]
    assert "'aws', 'github', 'githubrepos', 'jcasc'" in files["init.groovy"]


def test_where_plugins_come_from_is_told_only_to_a_controller_that_may_install_them(settings):
    sources = {"git": ("https://plugins.example.org/git.hpi", "0" * 64), "ec2": ("https://x/ec2.hpi", "1" * 64)}
    assert "plugins.example.org" not in render(settings, LOCK, sources=sources)["init.groovy"]
    wanted = with_controller(settings, boot={"install_missing_plugins": True})
    assert init_values(wanted, LOCK, sources)["plugin_sources"] == {n: list(sources[n]) for n in ("ec2", "git")}
    assert init_values(wanted, LOCK)["plugin_sources"] is None


def test_credentials_of_a_folder_are_made_when_the_folders_are_there(settings):
    of_all = {"id": "npm", "secret": "s", "kind": "text"}
    of_one = {"id": "deploy", "secret": "s", "kind": "ssh-key", "username": "git", "folder": "github/acme-demo"}
    wanted = with_controller(settings, credentials=[of_all, of_one])
    assert [c["id"] for c in aws_values(wanted)["credentials"]] == ["npm"]
    of_folders = githubrepos_values(wanted, "/seed.json")["credentials"]
    assert [(c["id"], c["folder"]) for c in of_folders] == [
        ("deploy", "github/acme-demo"),
        ("jenkins-bootstrap-reconcile", "github/_jenkins-bootstrap"),
    ]


def test_the_ids_that_settings_may_not_take_are_those_the_stages_make(settings):
    made = {aws_values(settings)["agent_key"]["id"], github_values(settings)["server_credentials"]}
    made |= {c["id"] for c in github_values(settings)["credentials"]}
    made |= {c["id"] for c in githubrepos_values(settings, "/seed.json")["credentials"]}
    template = (share("groovy") / "github.txt.j2").read_text()
    made |= set(re.findall(r"'(github-webhook-secret[a-z-]*)'", template))
    assert made == set(OWN_CREDENTIALS)
