"""No permission for whoever comes, whatever the case of its name; and no secret of the sign-in in plain."""

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
        ("accounts: [{id: Anonymous, role: administrator}]", "no account"),
        ("accounts: [{id: ANONYMOUS}]\n  sign_in: {kind: ldap}", "no account"),
        ("accounts: [{id: Authenticated}]", "no account"),
        ("accounts: [{id: SYSTEM}]", "no account"),
        ("accounts: [{id: system}]", "no account"),
        ("accounts: [{id: Unknown}]", "no account"),
        ("accounts: [{id: _jenkins-bootstrap}]", "no account"),
        ("accounts: [{id: _Jenkins-Bootstrap}]", "no account"),
        ("accounts: [{id: ada}, {id: Ada, role: administrator}]", "there already, as controller.accounts[0]"),
        ("sign_in: {kind: ldap, groups: {Anonymous: reader}}", "'Anonymous' is whoever comes"),
        ("sign_in: {kind: ldap, groups: {' anonymous ': reader}}", "is whoever comes"),
        ("sign_in: {kind: github, groups: {AUTHENTICATED: reader}}", "everybody who has an account of GitHub"),
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


CANARY = "not-a-real-value-canary"


@pytest.mark.parametrize(
    "name",
    [
        "clientSecret",
        "managerPasswordSecret",
        "configurations.managerPasswordSecret",
        "MANAGERPASSWORD",
        "escapeHatchSecret",
        "serverConfiguration.clientSecret",
        "some.apiToken",
        "privateKey",
        "private_key",
        "keyPassphrase",
        "credentialsValue",
    ],
)
@pytest.mark.parametrize("value", [CANARY, "12345678", "'secret:'", "'secret:no key'", "''", f"Secret:{CANARY}"])
def test_a_secret_of_the_sign_in_in_plain_is_an_error_that_does_not_show_it(name, value, tmp_path):
    with pytest.raises(SettingsError) as caught:
        parse(SETTINGS % f"sign_in: {{kind: oidc, options: {{{name}: {value}}}}}", name="s.yml", folder=tmp_path)
    assert caught.value.where.startswith("s.yml:5:")
    assert "controller.sign_in.options" in caught.value.where
    assert name in caught.value.where
    assert "secret:KEY" in caught.value.hint
    assert CANARY not in str(caught.value)
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        "clientSecret: secret:oidc_secret",
        "tokenFieldToCheckKey: aud",
        "tokenExpirationCheckDisabled: true",
        "allowedTokenExpirationClockSkewSeconds: 60",
        "serverConfiguration.scopesOverride: openid email",
    ],
)
def test_an_option_that_is_no_secret_or_names_one_is_taken(option, tmp_path):
    line = f"sign_in: {{kind: oidc, options: {{{option}}}}}"
    assert len(parse(SETTINGS % line, name="s.yml", folder=tmp_path).controller.sign_in.options) == 1
