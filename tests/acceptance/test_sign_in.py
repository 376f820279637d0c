"""Sign-in by a directory that is down: nobody gets in, the service account works, and the glass can be broken."""

from dataclasses import replace

import pytest

from jenkins_bootstrap.config.models import SignIn
from jenkins_bootstrap.stages.values import SERVICE_ACCOUNT


@pytest.fixture(scope="module")
def directory(world):
    """A controller whose people are in a directory that does not answer, and the secrets of its start."""
    trial = world.with_plugins("ldap")
    options = {"server": "ldap://127.0.0.1:1", "rootDN": "dc=example,dc=com"}
    sign_in = SignIn(kind="ldap", options=options, groups={"admins": "administrator"})
    controller = trial.settings.controller.model_copy(update={"sign_in": sign_in})
    trial = replace(trial, settings=trial.settings.model_copy(update={"controller": controller}))
    jenkins = world.controller(made=trial)
    try:
        jenkins.start()
        jenkins.wait()
        yield jenkins, world.secrets_of(jenkins)
    finally:
        jenkins.stop()


def realm(service):
    return service.script("return jenkins.model.Jenkins.get().securityRealm.class.name")


def test_the_glass_is_broken_and_mended_in_the_running_jenkins(directory, client, run_live):
    jenkins, secrets = directory
    service = client(jenkins, SERVICE_ACCOUNT, secrets["service_token"])
    admin = client(jenkins, "admin", secrets["values"]["admin_password"])
    assert realm(service) == "hudson.security.LDAPSecurityRealm"
    assert client(jenkins).get("api/json").status_code == 403
    assert admin.get("api/json").status_code == 401

    broken = {**secrets, "values": {**secrets["values"], "break_glass": "open"}}
    said = run_live(jenkins, service, "init.groovy", broken)
    assert "security realm" in said["changes"]
    assert admin.get("manage/").status_code == 200
    assert client(jenkins, "ada", secrets["values"]["password_ada"]).get("api/json").status_code == 401
    assert client(jenkins, "admin", "not-the-password").get("api/json").status_code == 401
    assert realm(service) == "hudson.security.HudsonPrivateSecurityRealm"

    said = run_live(jenkins, service, "init.groovy", secrets)
    assert "security realm" in said["changes"]
    assert admin.get("manage/").status_code == 401
    assert realm(service) == "hudson.security.LDAPSecurityRealm"


def test_a_stage_that_fails_in_the_running_jenkins_closes_nothing(directory, client, run_live):
    jenkins, secrets = directory
    service = client(jenkins, SERVICE_ACCOUNT, secrets["service_token"])
    wrong = {**secrets, "values": {**secrets["values"], "break_glass": "ajar"}}
    said = run_live(jenkins, service, "init.groovy", wrong)
    assert said["failed"]
    assert "break_glass" in said["cause"]
    assert said["remedy"]
    assert client(jenkins).get("login").status_code == 200
    assert realm(service) == "hudson.security.LDAPSecurityRealm"
