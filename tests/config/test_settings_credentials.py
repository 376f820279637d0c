"""Further credentials: what of them does not go together is told with its place in the file."""

import pytest

from jenkins_bootstrap.config.load import parse
from jenkins_bootstrap.errors import SettingsError

SETTINGS = """\
project: demo
region: eu-west-1
controller:
  url: https://jenkins.example.com
  credentials:
    - {id: npm, secret: npm, kind: text, folder: github/Acme}
    - {%s}
github:
  owners: [{name: Acme}, {name: other, sign_in: app, installation: 1}]
"""


def parsed(credential, folder):
    return parse(SETTINGS % credential, name="s.yml", folder=folder)


@pytest.mark.parametrize(
    "credential",
    [
        "id: a, secret: s, kind: text",
        "id: a, secret: s, kind: text, folder: github",
        "id: a, secret: s, kind: text, folder: github/acme",
        "id: a, secret: s, kind: username-password, username: bot, folder: github/other",
        "id: a, secret: s, kind: ssh-key, username: git",
        "id: a, secret: s, kind: file, file_name: kubeconfig",
    ],
)
def test_each_kind_and_folder_is_accepted(credential, tmp_path):
    assert parsed(credential, tmp_path).controller.credentials[1].id == "a"


@pytest.mark.parametrize(
    ("credential", "place", "words"),
    [
        ("id: npm, secret: s, kind: text", "[1].id", "'npm' is there already, as controller.credentials[0]"),
        ("id: github-token, secret: s, kind: text", "[1].id", "makes by itself"),
        ("id: github-app-other, secret: s, kind: text", "[1].id", "makes by itself"),
        ("id: jenkins-bootstrap-agent-key, secret: s, kind: ssh-key", "[1].id", "makes by itself"),
        ("id: github-webhook-secret-previous, secret: s, kind: text", "[1].id", "makes by itself"),
        ("id: a, secret: s, kind: text, username: u", "[1].username", "kind text has no username"),
        ("id: a, secret: s, kind: file, username: u", "[1].username", "kind file has no username"),
        ("id: a, secret: s, kind: text, file_name: f", "[1].file_name", "kind text has no file_name"),
        ("id: a, secret: s, kind: ssh-key, file_name: f", "[1].file_name", "kind ssh-key has no file_name"),
        ("id: a, secret: s, kind: text, folder: jobs", "[1].folder", "there is no folder 'jobs' of ours"),
        ("id: a, secret: s, kind: text, folder: jobs/Acme", "[1].folder", "there is no folder 'jobs/Acme' of ours"),
        ("id: a, secret: s, kind: text, folder: github/x", "[1].folder", "github/Acme, github/other"),
        ("id: a, secret: s, kind: text, folder: github/Acme/x", "[1].folder", "there is no folder"),
    ],
)
def test_what_does_not_go_together_is_told_with_its_place(credential, place, words, tmp_path):
    with pytest.raises(SettingsError) as caught:
        parsed(credential, tmp_path)
    assert caught.value.where.startswith("s.yml:7:")
    assert place in str(caught.value)
    assert words in str(caught.value)
