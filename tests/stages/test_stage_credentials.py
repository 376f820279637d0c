"""Further credentials, run by the real Groovy against doubles of the stores: made, updated, left alone, removed."""

import base64
import json
import shutil
from pathlib import Path

import pytest

from jenkins_bootstrap.resources import share
from jenkins_bootstrap.stages.literal import environment
from jenkins_bootstrap.stages.render import write

pytestmark = pytest.mark.groovy

STORES = """
def loader = new GroovyClassLoader(jenkinsClass.classLoader)
new File('{folder}').listFiles().sort().each {{ loader.parseClass(it) }}
def jenkins = jenkinsClass.get()
jenkins.pluginManager.uberClassLoader = loader
def folder = loader.loadClass('com.cloudbees.hudson.plugins.folder.AbstractFolder').newInstance()
jenkins.metaClass.getItemByFullName = {{ String path -> path.equalsIgnoreCase('github') ? folder : null }}
"""
WANTED = [
    {"id": "npm", "kind": "text", "description": "registry", "secret": "s-npm", "folder": None},
    {"id": "registry", "kind": "username-password", "description": "", "secret": "s-reg", "folder": None},
    {"id": "deploy", "kind": "ssh-key", "description": "", "secret": "s-dep", "folder": None},
    {"id": "kube", "kind": "file", "description": "", "secret": "s-kube", "folder": None},
]
VALUES = {
    "npm": {"text": "not-a-real-token"},
    "registry": {"username": "bot", "password": "not-a-real-password"},
    "deploy": {"username": "git", "private_key": "not-a-real-key", "passphrase": "not-a-real-phrase"},
    "kube": {"file_name": "kubeconfig", "content": base64.b64encode(b"not-a-real-file\xff").decode()},
}


@pytest.fixture
def run(boots, tmp_path):
    """Run `code` as a stage with the functions of further credentials; what came of it, and what the store has then."""

    def go(code, values=VALUES):
        root = tmp_path / "hooks"
        templates = tmp_path / "templates"
        for folder in (root / "stages", templates):
            folder.mkdir(parents=True)
        for part in share("groovy").glob("*.groovy.j2"):
            shutil.copy(part, templates)
        (templates / "probe.j2").write_text(
            "{% include 'shared.groovy.j2' %}\n\n{% include 'further.groovy.j2' %}\nstage {\n" + code + "\n}\n"
            "def found = systemStore().all.collect { [it.id, it.class.simpleName, it.scope.name(), it.description] }\n"
            f"new File('{root}/found.json').text = JsonOutput.toJson([found: found, writes: systemStore().writes])\n"
        )
        given = {"stage": "init.groovy", "facts_path": "/x", "secrets_path": str(root / "secrets.json"), "schema": 1}
        script = environment(templates).get_template("probe.j2").render(settings={"wanted": WANTED}, **given)
        stores = STORES.format(folder=Path(__file__).parent / "groovy" / "credentials")
        secrets = {"schema": 1, "agent_private_key": "", "values": {}, "credentials": values}
        write(root, {"init.groovy": script, "before.groovy": stores, "secrets.json": json.dumps(secrets)})
        (root / "init.groovy.d").mkdir()
        (came,) = boots(root)
        kept = root / "found.json"
        said = json.loads((root / "stages" / "init.groovy.json").read_text())
        assert "not-a-real" not in json.dumps([came, said])
        return came, said, json.loads(kept.read_text()) if kept.exists() else None

    return go


PUT = "putFurther(SETTINGS.wanted as List, systemStore(), '')\n"


def test_each_kind_is_made_once_and_its_description_says_whose_it_is(run):
    _, said, kept = run(PUT + PUT)
    assert kept["found"] == [
        ["npm", "StringCredentialsImpl", "GLOBAL", "registry [jenkins-bootstrap]"],
        ["registry", "UsernamePasswordCredentialsImpl", "GLOBAL", "[jenkins-bootstrap]"],
        ["deploy", "BasicSSHUserPrivateKey", "GLOBAL", "[jenkins-bootstrap]"],
        ["kube", "FileCredentialsImpl", "GLOBAL", "[jenkins-bootstrap]"],
    ]
    assert kept["writes"] == 4
    assert said["changes"] == ["credential npm", "credential registry", "credential deploy", "credential kube"]


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ("values.npm.text = 'not-a-real-other'", "npm"),
        ("values.registry.password = 'not-a-real-other'", "registry"),
        ("values.registry.username = 'other'", "registry"),
        ("values.deploy.passphrase = 'not-a-real-other'", "deploy"),
        ("values.kube.content = 'b3RoZXI='", "kube"),
        ("values.kube.file_name = 'other'", "kube"),
        ("SETTINGS.wanted[0].description = 'other'", "npm"),
    ],
)
def test_one_whose_value_changed_is_updated_and_no_other(run, change, changed):
    _, said, kept = run(f"{PUT}Map values = secrets().credentials\nCHANGES.clear()\n{change}\n{PUT}")
    assert said["changes"] == [f"credential {changed}"]
    assert kept["writes"] == 5


def test_one_that_is_no_longer_wanted_goes_and_one_made_by_hand_stays(run):
    by_hand = "systemStore().all << build('org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl', "
    by_hand += "[scope: 'GLOBAL', id: 'mine', description: 'of a person', secret: Secret.fromString('x')])\n"
    _, said, kept = run(by_hand + PUT + "CHANGES.clear()\nputFurther([SETTINGS.wanted[1]], systemStore(), '')\n")
    assert [one[0] for one in kept["found"]] == ["mine", "registry"]
    assert said["changes"] == ["credential npm removed", "credential deploy removed", "credential kube removed"]


def test_those_of_a_folder_are_in_its_own_store(run):
    code = """
    List here = SETTINGS.wanted.collect { it + [folder: 'GitHub'] }
    putInFolders(here, ['github'])
    putInFolders(here, ['github'])
    changed(folderStore('github', false).all*.id.join(' '))
    putInFolders([], ['github'])
    """
    _, said, kept = run(code)
    assert kept["found"] == []
    assert said["changes"][:5] == [f"credential {n} in GitHub" for n in ("npm", "registry", "deploy", "kube")] + [
        "npm registry deploy kube"
    ]
    assert said["changes"][5:] == [f"credential {n} in github removed" for n in ("npm", "registry", "deploy", "kube")]


@pytest.mark.parametrize(
    ("code", "values", "cause", "remedy"),
    [
        (PUT, {}, "There is no value for the credential npm.", "the secret s-npm"),
        (PUT, VALUES | {"npm": {}}, "The value of the credential npm has no text.", "the secret s-npm"),
        (PUT, VALUES | {"deploy": {"username": "git"}}, "credential deploy has no private_key.", "the secret s-dep"),
        (
            "putInFolders([SETTINGS.wanted[0] + [folder: 'github/gone']], [])",
            VALUES,
            "There is no folder github/gone",
            "jobs.folder/OWNER",
        ),
    ],
)
def test_what_is_missing_is_named_with_what_to_try(run, code, values, cause, remedy):
    came, said, _ = run(code, values)
    assert came["outcome"] == "closed"
    assert cause in said["cause"]
    assert remedy in said["remedy"]
    assert cause in came["message"]
