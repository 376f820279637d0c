"""No permission for whoever comes: Jenkins' names for many people are no accounts and no groups."""

import pytest

from jenkins_bootstrap.config.load import parse
from jenkins_bootstrap.errors import SettingsError

SETTINGS = """\
project: demo
region: eu-west-1
controller:
  url: https://jenkins.example.com
  %s
github: {owners: [{name: acme}]}
"""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("accounts: [{id: anonymous}]", "no account"),
        ("accounts: [{id: ada}, {id: authenticated, role: reader}]", "no account"),
        ("sign_in: {kind: ldap, groups: {anonymous: reader}}", "'anonymous' is whoever comes"),
        ("sign_in: {kind: github, groups: {authenticated: reader}}", "everybody who has an account of GitHub"),
    ],
)
def test_whoever_comes_gets_no_permission(line, words, tmp_path):
    with pytest.raises(SettingsError) as caught:
        parse(SETTINGS % line, name="s.yml", folder=tmp_path)
    assert caught.value.where.startswith("s.yml:5:")
    assert words in str(caught.value)


def test_whoever_is_in_one_s_own_directory_may_have_a_role(tmp_path):
    line = "sign_in: {kind: ldap, groups: {authenticated: reader}}"
    assert parse(SETTINGS % line, name="s.yml", folder=tmp_path).controller.sign_in.groups == {
        "authenticated": "reader"
    }
