"""What a boot leaves for Jenkins and for the stages, a second boot included."""

import json
import os
import shutil
import stat

import pytest

from jenkins_bootstrap.aws import keypair
from jenkins_bootstrap.aws.secrets import SecretValues
from jenkins_bootstrap.aws.session import Aws
from jenkins_bootstrap.boot import documents
from jenkins_bootstrap.boot.prepare import Boot
from jenkins_bootstrap.boot.writing import write_file
from jenkins_bootstrap.errors import BootstrapError, LookupFailed
from jenkins_bootstrap.stages.classes import class_name, pack


def state(layout):
    """Everything below run and the home, as text by path; the token is told by its shape."""
    found = {}
    for top in (layout.run, layout.home):
        for path in sorted(p for p in top.rglob("*") if p.is_file() and not p.is_symlink()):
            found[str(path.relative_to(layout.root))] = (oct(path.stat().st_mode & 0o7777), path.read_text())
    return found


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_boot_writes_what_the_stages_read(boot_of, controller, cloud):
    boot = boot_of()
    boot.run()
    facts = json.loads(controller.facts.read_text())
    assert facts["agents"]["linux"]["image"]["id"] == cloud.ami
    assert facts["agents"]["linux"]["subnets"][0]["id"] == cloud.subnet
    assert facts["target"] == "embedded"
    assert facts["github_api_url"] == "http://127.0.0.1:2/api/v3"
    secrets = json.loads(controller.secrets.read_text())
    assert set(secrets) == {"schema", "agent_private_key", "service_token", "values", "credentials"}
    assert secrets["values"]["github_token"] == "not-a-real-token"
    assert secrets["service_token"] == controller.service_token.read_text()
    assert secrets["service_token"].startswith("11") and len(secrets["service_token"]) == 34
    token = controller.reconcile_token.read_text()
    assert secrets["credentials"] == {"jenkins-bootstrap-reconcile": {"text": token}}
    assert len(token) == 34 and token != secrets["service_token"]


def test_rights_are_as_narrow_as_each_reader_needs(boot_of, controller):
    boot_of().run()
    assert mode(controller.secrets) == 0o600
    assert mode(controller.facts) == 0o640
    assert mode(controller.service_token) == 0o400
    assert mode(controller.reconcile_token) == 0o400
    assert mode(controller.hooks) == 0o700
    assert mode(controller.results) == 0o750
    assert mode(controller.run) == 0o1770


def test_no_moment_with_wider_rights(tmp_path, monkeypatch):
    """The file has its rights before it has its first byte, also where the umask would allow everything."""
    seen = []
    real = os.fchmod

    def fchmod(handle, wanted):
        seen.append((stat.S_IMODE(os.fstat(handle).st_mode), os.fstat(handle).st_size))
        real(handle, wanted)

    monkeypatch.setattr(os, "fchmod", fchmod)
    before = os.umask(0)
    try:
        write_file(tmp_path / "secret", "not-a-real-secret", uid=os.geteuid(), gid=os.getegid(), mode=0o400)
    finally:
        os.umask(before)
    assert seen == [(0o600, 0)]
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]


def test_the_hook_root_begins_with_txt_stages_behind_the_guards(boot_of, controller):
    controller.hooks.joinpath("init.groovy.d").mkdir(parents=True)
    (controller.hooks / "init.groovy.d/aws.groovy").write_text("renamed by the start before")
    boot_of().run()
    there = sorted(str(p.relative_to(controller.hooks)) for p in controller.hooks.rglob("*") if p.is_file())
    assert there == [
        "boot-failure.groovy",
        "init.groovy",
        "init.groovy.d/aws.txt",
        "init.groovy.d/github.txt",
        "init.groovy.d/githubrepos.txt",
        "init.groovy.d/zz-closed.groovy",
    ]
    assert str(controller.stages / "init.groovy") in (controller.hooks / "init.groovy").read_text()


def compiled(layout, **other):
    """The archive of classes that a bake puts beside the stages; `other` are texts that it was made of instead."""
    files = {str(p.relative_to(layout.stages)): p.read_text() for p in layout.stages.rglob("*") if p.is_file()}
    classes = {f"{class_name(path)}.class": b"a class" for path in files}
    layout.classes.write_bytes(pack(files | other, classes))
    return files


def test_stages_that_were_compiled_with_the_image_are_run_as_classes(boot_of, controller):
    files = compiled(controller)
    (controller.stages / "init.groovy.d/mine.txt").write_text("println 'a user's'\n")
    boot = boot_of()
    boot.run()
    texts = {path: (controller.hooks / path).read_text() for path in (*files, "init.groovy.d/mine.txt")}
    for path in files:
        assert f"loadClass('jenkins_bootstrap_{path.rpartition('/')[2].partition('.')[0]}')" in texts[path]
        assert str(controller.classes) in texts[path]
        assert "println" not in texts[path]
    assert texts["init.groovy.d/mine.txt"] == "println 'a user's'\n"
    assert not [line for line in boot.said if "compiles" in line]


@pytest.mark.parametrize("case", ["none", "damaged", "of other stages"])
def test_without_classes_of_these_stages_their_texts_run_and_it_is_said(boot_of, controller, case):
    files = compiled(controller, **({"init.groovy.d/aws.txt": "another text"} if case == "of other stages" else {}))
    if case == "none":
        controller.classes.unlink()
    elif case == "damaged":
        controller.classes.write_bytes(controller.classes.read_bytes()[:-100])
    boot = boot_of()
    boot.run()
    for path, text in files.items():
        assert path == "init.groovy" or (controller.hooks / path).read_text() == text
    assert "loadClass" not in (controller.hooks / "init.groovy").read_text()
    (line,) = [
        line for line in boot.said if line.startswith("Jenkins compiles the stages itself, which takes longer: ")
    ]
    assert str(controller.classes) in line


def test_a_second_boot_leaves_the_same(boot_of, controller):
    boot_of().run()
    first = state(controller)
    controller.secrets.unlink()  # as the last stage does
    (controller.hooks / "init.groovy.d/aws.txt").rename(controller.hooks / "init.groovy.d/aws.groovy")
    boot = boot_of()
    boot.run()
    assert state(controller) == first
    assert not any("imported" in line for line in boot.said)


def test_a_token_of_another_shape_is_made_anew(boot_of, controller):
    controller.service_token.write_text("cut off")
    boot_of().run()
    assert len(controller.service_token.read_text()) == 34


def test_jenkins_is_not_told_the_receivers_secrets():
    values = {"github_receiver_secret": "a", "github_receiver_secret_previous": "b", "github_webhook_secret": "c"}
    document = documents.secrets_document(SecretValues("", values, {}, False), "s", "r")
    assert document["values"] == {"github_webhook_secret": "c"}


def test_the_key_pair_is_the_one_the_ec2_plugin_looks_for(boot_of, cloud, agent_pem):
    boot_of().run()
    ec2 = cloud.session.client("ec2")
    (pair,) = ec2.describe_key_pairs()["KeyPairs"]
    key = keypair.public_key(agent_pem)
    assert pair["KeyFingerprint"] == key.fingerprint
    assert pair["KeyName"] == "demo-agent-" + key.fingerprint.replace(":", "")[:16]
    assert {"Key": "Project", "Value": "demo"} in pair["Tags"]


def test_two_controllers_import_the_same_key_at_once(cloud, agent_pem, monkeypatch):
    aws = Aws(cloud.session, "eu-west-1", None, None)
    keypair.ensure(aws, "demo", agent_pem)
    answers = [None]
    real = keypair.find
    monkeypatch.setattr(keypair, "find", lambda a, name: answers.pop() if answers else real(a, name))
    assert not keypair.ensure(aws, "demo", agent_pem).imported
    assert not answers


def test_a_key_pair_of_this_name_with_another_key_is_told(cloud, agent_pem):
    aws = Aws(cloud.session, "eu-west-1", None, None)
    cloud.session.client("ec2").create_key_pair(KeyName=keypair.name_of("demo", keypair.public_key(agent_pem)))
    with pytest.raises(BootstrapError, match="holds another key"):
        keypair.ensure(aws, "demo", agent_pem)


def test_a_failed_boot_leaves_no_secret(boot_of, controller, cloud):
    boot_of().run()
    cloud.session.client("ec2").deregister_image(ImageId=cloud.ami)
    with pytest.raises(LookupFailed, match=r"agents\[0\]\.ami"):
        boot_of().run()
    assert not controller.secrets.exists()


def test_the_plan_changes_nothing_and_asks_nothing(controller):
    before = state(controller)
    boot = Boot(controller, make_aws=lambda: pytest.fail("AWS was asked"))
    assert [step.key for step in boot.plan().steps] == [
        "find", "plugins", "home", "mount", "key-pair", "token", "hooks", "facts", "secrets",
    ]  # fmt: skip
    assert state(controller) == before


def test_an_image_without_a_target_is_refused(controller):
    controller.image.write_text('{"project": "demo"}')
    with pytest.raises(BootstrapError, match="names no target"):
        Boot(controller).plan()


def test_the_embedded_addresses_come_from_the_environment_too(controller):
    controller.embedded.unlink()
    with pytest.raises(BootstrapError, match="JENKINS_BOOTSTRAP_EMBEDDED_AWS"):
        Boot(controller).plan()
    environ = {
        "JENKINS_BOOTSTRAP_EMBEDDED_AWS": "http://127.0.0.1:9/",
        "JENKINS_BOOTSTRAP_EMBEDDED_GITHUB": "http://127.0.0.1:8/api/v3",
    }
    assert Boot(controller, environ=environ).target.endpoint == "http://127.0.0.1:9/"


@pytest.mark.parametrize("document", ["settings", "image", "plugin_lock", "embedded"])
def test_a_document_that_is_cut_off_is_told_with_its_path(boot_of, controller, document):
    path = getattr(controller, document)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(BootstrapError) as error:
        boot_of().run()
    assert str(path) in error.value.where


def test_settings_of_another_shape_are_told(controller):
    value = json.loads(controller.settings.read_text())
    value["settings"]["controller"]["uri"] = "https://jenkins.example.org/"
    controller.settings.write_text(json.dumps(value))
    with pytest.raises(BootstrapError, match=r"controller\.uri"):
        Boot(controller).plan()


def test_the_images_settings_are_the_same_whatever_the_bake_is_like(boot_settings, tmp_path):
    images = boot_settings.images | {"other": boot_settings.images["agent"]}
    jobs = boot_settings.jobs.model_copy(update={"templates": tmp_path})
    other = boot_settings.model_copy(update={"images": images, "target": "aws", "jobs": jobs})
    assert documents.image_settings(other) == documents.image_settings(boot_settings)


def test_the_images_settings_come_back_as_they_were(controller, boot_settings):
    read = documents.read_image_settings(controller.settings)
    assert read.controller == boot_settings.controller
    assert read.agents == boot_settings.agents


def test_the_users_templates_of_jobs_are_those_of_the_image(controller):
    assert documents.read_image_settings(controller.settings).jobs.templates is None
    templates = controller.share / "templates"
    templates.mkdir()
    assert documents.read_image_settings(controller.settings).jobs.templates == templates


def test_an_agent_of_an_image_of_ones_own_needs_no_images_section(controller, boot_settings):
    value = json.loads(controller.settings.read_text())
    value["settings"]["agents"][0]["ami"]["image"] = "gpu"
    controller.settings.write_text(json.dumps(value))
    assert documents.read_image_settings(controller.settings).agents[0].ami.image == "gpu"


def test_an_image_without_jenkins_and_plugins_says_so(boot_of, controller):
    shutil.rmtree(controller.plugins)
    controller.plugins.mkdir()
    with pytest.raises(BootstrapError, match="none of the 2 plugins"):
        boot_of().run()
    controller.war.unlink()
    boot = boot_of()
    boot.run()
    assert any(line.startswith("NO PLUGINS") for line in boot.said)
    assert any(line.startswith("NO JENKINS") for line in boot.said)
