"""Which stage reads what: a change in one thing runs exactly the stages again that read it."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.stages.digests import changes, stage_inputs

KEY = b"k" * 32
FOUR = {"init.groovy", "aws.txt", "github.txt", "githubrepos.txt"}


def made(sign_in=None, owners="token"):
    find = {"tags": {"Role": "agent"}}
    agent = {"ami": {"image": "agent"}, "instance_types": ["m7i.large"], "security_groups": find, "subnets": find}
    return Settings.model_validate(
        {
            "project": "demo",
            "region": "eu-west-1",
            "controller": {
                "url": "https://jenkins.example.org/",
                "accounts": [{"id": "ada"}],
                "sign_in": sign_in or {"kind": "accounts"},
                "credentials": [
                    {"id": "npm", "secret": "npm", "kind": "text"},
                    {"id": "deploy", "secret": "deploy", "kind": "text", "folder": "github/acme-demo"},
                ],
            },
            "agents": [{"label": label, **agent} for label in ("linux", "large")],
            "github": {
                "owners": [{"name": "acme-demo", "sign_in": owners} | ({"installation": 1} if owners == "app" else {})]
            },
        }
    )


def documents():
    part = {"image": {"id": "ami-1"}, "security_groups": [{"id": "sg-1"}], "subnets": [{"id": "subnet-1"}]}
    facts = {
        "schema": 1,
        "account": "123456789012",
        "region": "eu-west-1",
        "endpoint": None,
        "github_api_url": "https://api.github.com",
        "vpc": "vpc-1",
        "controller": {"volume": {"id": "vol-1"}},
        "agents": {label: {**part, "instance_profile": None} for label in ("linux", "large")},
        "secrets": {"settings": {"version": "1"}},
        "credentials": [],
    }
    secrets = {
        "schema": 1,
        "agent_private_key": "a key",
        "service_token": "a token",
        "values": {
            name: f"value of {name}"
            for name in (
                "admin_username",
                "admin_password",
                "password_ada",
                "github_username",
                "github_token",
                "github_app_id",
                "github_app_private_key",
                "github_webhook_secret",
                "github_repos",
                "oidc_secret",
            )
        },
        "credentials": {"npm": {"text": "n"}, "deploy": {"text": "d"}, "jenkins-bootstrap-reconcile": {"text": "r"}},
    }
    return {"facts": facts, "secrets": secrets}


def rerun(of, change, own=()):
    """The stages that are run again after `change` was made in the documents."""
    before = documents()
    after = copy.deepcopy(before)
    change(after)
    then = stage_inputs(of, before["facts"], before["secrets"], KEY, own)
    return changes(stage_inputs(of, after["facts"], after["secrets"], KEY, own), then)


def put(*path):
    def change(document):
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = ["something else"]

    return change


ACCOUNTS = [
    (("secrets", "values", "admin_username"), {"init.groovy"}),
    (("secrets", "values", "admin_password"), {"init.groovy"}),
    (("secrets", "values", "break_glass"), set()),
    (("secrets", "values", "password_ada"), {"aws.txt"}),
    (("secrets", "values", "github_username"), {"github.txt"}),
    (("secrets", "values", "github_token"), {"github.txt"}),
    (("secrets", "values", "github_app_id"), set()),
    (("secrets", "values", "github_webhook_secret"), {"github.txt"}),
    (("secrets", "values", "github_webhook_secret_previous"), {"github.txt"}),
    (("secrets", "values", "github_repos"), set()),
    (("secrets", "agent_private_key"), {"aws.txt"}),
    (("secrets", "service_token"), {"aws.txt"}),
    (("secrets", "credentials", "npm"), {"aws.txt"}),
    (("secrets", "credentials", "deploy"), {"githubrepos.txt"}),
    (("secrets", "credentials", "jenkins-bootstrap-reconcile"), {"githubrepos.txt"}),
    (("facts", "agents", "linux", "image"), {"aws.txt"}),
    (("facts", "agents", "large", "subnets"), {"aws.txt"}),
    (("facts", "agents", "large", "security_groups"), {"aws.txt"}),
    (("facts", "agents", "large", "instance_profile"), {"aws.txt"}),
    (("facts", "region"), {"aws.txt"}),
    (("facts", "endpoint"), {"aws.txt"}),
    (("facts", "github_api_url"), {"github.txt"}),
    (("facts", "vpc"), set()),
    (("facts", "controller"), set()),
    (("facts", "secrets"), set()),  # a new version of a secret with the same values concerns nobody
]
OIDC = {"kind": "oidc", "options": {"clientSecret": "secret:oidc_secret", "clientId": "jenkins"}}


@given(st.sets(st.sampled_from(range(len(ACCOUNTS)))))
@hypothesis_settings(max_examples=60, deadline=None)
def test_exactly_the_stages_are_run_again_that_read_what_changed(numbers):
    def change(document):
        for number in numbers:
            put(*ACCOUNTS[number][0])(document)

    wanted = set().union(*(ACCOUNTS[number][1] for number in numbers)) if numbers else set()
    assert set(rerun(SETTINGS, change)) == wanted


SETTINGS = made()


@pytest.mark.parametrize(
    ("path", "stages"),
    [
        (("values", "oidc_secret"), {"init.groovy"}),
        (("values", "break_glass"), {"init.groovy"}),
        (("values", "admin_password"), set()),  # nobody's, while the realm is another's
        (("values", "password_ada"), set()),
    ],
)
def test_with_a_sign_in_of_its_own_other_keys_count(path, stages):
    assert set(rerun(made(OIDC), put("secrets", *path))) == stages


def test_while_the_glass_is_broken_the_administrator_counts():
    before = documents()
    before["secrets"]["values"]["break_glass"] = "open"
    after = copy.deepcopy(before)
    after["secrets"]["values"]["admin_password"] = "another"
    first, second = (stage_inputs(made(OIDC), d["facts"], d["secrets"], KEY) for d in (before, after))
    assert changes(second, first) == {"init.groovy": ["secret key admin_password"]}


def test_with_an_app_its_keys_count():
    assert set(rerun(made(owners="app"), put("secrets", "values", "github_app_private_key"))) == {"github.txt"}
    assert set(rerun(made(owners="app"), put("secrets", "values", "github_token"))) == set()


def test_stages_of_a_users_own_follow_every_change_and_come_last():
    found = rerun(SETTINGS, put("secrets", "values", "admin_password"), ["jcasc.txt", "user_mine.txt"])
    assert list(found) == ["init.groovy", "jcasc.txt", "user_mine.txt"]
    assert set(rerun(SETTINGS, put("facts", "vpc"), ["user_mine.txt"])) == {"user_mine.txt"}


def test_a_stage_that_was_never_applied_is_run():
    now = stage_inputs(SETTINGS, **documents(), key=KEY)
    assert set(changes(now, {})) == FOUR
    assert changes(now, now) == {}


def test_the_digests_hold_no_value_and_are_of_the_key():
    one, other = (json.dumps(stage_inputs(SETTINGS, **documents(), key=key)) for key in (KEY, b"l" * 32))
    assert "value of" not in one
    assert one != other
    assert {name for stage in json.loads(one).values() for name in stage.values()}.isdisjoint(
        {name for stage in json.loads(other).values() for name in stage.values()}
    )
