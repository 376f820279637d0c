"""A real Jenkins with the rendered stages, the embedded AWS and GitHub: one running Jenkins is shared by many tests.

JENKINS_WAR names the war, JENKINS_PLUGINS a folder of plugin files; any will do. What the plugins at hand do not have
is skipped by name. JENKINS_JAVA_OPTIONS are further options for Java.
"""

import contextlib
import itertools
import json
import os
import re
import shlex
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import yaml

from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.local import free_port
from jenkins_bootstrap.boot.watch import stage_file
from jenkins_bootstrap.cli import trial
from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.embedded.client import down
from jenkins_bootstrap.embedded.seeder import agent_key
from jenkins_bootstrap.plugins.at_hand import as_lock, choose, read_folder

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {"JENKINS_WAR", "JENKINS_PLUGINS"}
JOBS = 100
MINE = """
def jenkins = jenkins.model.Jenkins.get()
if (jenkins.systemMessage != 'set by a stage of my own') {
    jenkins.systemMessage = 'set by a stage of my own'
}
"""


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


FURTHER = {
    "npm": "not-a-real-npm-token-Xq81",
    "registry": "not-a-real-registry-password-Xq82",
    "deploy": agent_key(),
    "kube": "not-a-real-kubeconfig-Xq84\nwith: two lines\n",
}
"""The secrets of the further credentials, by name."""


def settings():
    """Settings that use what can be used."""
    raw = yaml.safe_load((ROOT / "jenkins-bootstrap.yml").read_text())
    raw["controller"]["stages"] = "stages"
    raw["controller"]["boot"] = {"deadline_seconds": 30}
    raw["controller"]["admin_address"] = "jenkins@example.com"
    raw["controller"]["credentials"] = [
        {"id": "npm-token", "secret": "npm", "kind": "text", "description": "packages"},
        {"id": "registry", "secret": "registry", "kind": "username-password", "username": "robot", "folder": "github"},
        {"id": "deploy", "secret": "deploy", "kind": "ssh-key", "username": "git", "folder": "github/acme-demo"},
        {"id": "kubeconfig", "secret": "kube", "kind": "file", "file_name": "kubeconfig"},
    ]
    raw["agents"][0]["idle_minutes"] = 7
    raw["agents"][0]["cap"] = 4
    raw["agents"].append(
        {
            **raw["agents"][0],
            "label": "large",
            "instance_types": ["c7i.4xlarge", "c6i.4xlarge"],
            "market": "on-demand",
            "executors": 2,
            "remote_user": "builder",
            "remote_fs": "/home/builder",
            "launch_timeout_seconds": 120,
        }
    )
    raw["agents"].append(
        {**raw["agents"][0], "label": "priced", "maximum_price": "0.05", "instance_types": ["t3.small"]}
    )
    raw["tags"] = {"CostCentre": "4711"}
    # No repository has a Jenkinsfile, so that scans find nothing to build.
    raw["github"]["owners"][0]["filter"] = {"has_jenkinsfile": False}
    raw["embedded"] = {"github": "organisation.json"}
    return raw


def organisation():
    return [
        {
            "name": f"repository-{number:03}",
            "full_name": f"acme-demo/repository-{number:03}",
            "id": 7000 + number,
            "default_branch": "main",
            "description": f'number {number}: "quoted" & <b>bold</b>',
            "has_jenkinsfile": False,
            "pushed_at": f"2026-11-{1 + number % 28:02}T08:00:00Z",
        }
        for number in range(JOBS)
    ]


class World:
    """The emulated AWS and GitHub of one settings file, and controllers of it."""

    def __init__(self, folder, raw=None, listed=None):
        self.folder = folder
        self.canaries = {}
        self.secrets = {}
        (folder / "stages").mkdir()
        (folder / "stages/mine.txt").write_text(MINE)
        (folder / "jenkins-bootstrap.yml").write_text(yaml.safe_dump(raw or settings(), sort_keys=False))
        shutil.copy(ROOT / "jenkins-bootstrap.lock.json", folder)
        (folder / "organisation.json").write_text(json.dumps(listed if listed is not None else organisation()))
        self.ctx = Context(settings_path=folder / "jenkins-bootstrap.yml", quiet=True)
        self._numbers = itertools.count(1)
        self._made = []
        self._trial = None

    def create_secrets(self, **values):
        for name, value in values.items():
            self.ctx.aws.call("secretsmanager", "create_secret", Name=name, SecretString=value)

    def put_secrets(self, **changes):
        """Canary values into the key-value secret; what is None is taken away."""
        name = self.ctx.settings.secrets.settings
        values = json.loads(self.ctx.aws.call("secretsmanager", "get_secret_value", SecretId=name)["SecretString"])
        values = {k: v for k, v in (values | changes).items() if v is not None}
        self.ctx.aws.call("secretsmanager", "put_secret_value", SecretId=name, SecretString=json.dumps(values))
        self.ctx.__dict__.pop("_found", None)
        self._trial = None
        return values

    @property
    def trial(self):
        if self._trial is None:
            plugins = Path(os.environ["JENKINS_PLUGINS"])
            self._trial = trial.gather(self.ctx, Path(os.environ["JENKINS_WAR"]), plugins, "http://127.0.0.1:1/")
        return self._trial

    def with_plugins(self, *names):
        """The trial with further plugins of those at hand, which no lock has; skips when there are none."""
        at_hand = read_folder(Path(os.environ["JENKINS_PLUGINS"]))
        chosen = choose(
            [*self.ctx.settings.controller.plugins, *names], at_hand, self.trial.war_version, self.trial.lock
        )
        if chosen.missing:
            pytest.skip(f"not at hand: {', '.join(name for name, _ in chosen.missing)}")
        files = {plugin.name: plugin.path for plugin in chosen.plugins}
        return replace(self.trial, files=files, choice=chosen, carried=as_lock(chosen, self.trial.war_version))

    def controller(self, change=lambda stages: stages, made=None):
        """A controller of its own folder and port, not started. `change` is given its stages by name, to spoil them;
        `made` stands for the world's trial."""
        port = free_port()
        made = made or self.trial
        url = f"http://127.0.0.1:{port}/"
        made = replace(made, settings=trial.local_settings(made.settings, url, made.war_version))
        layout = Layout(self.folder / f"controller-{next(self._numbers)}")
        controller = trial.put(self.ctx, made, layout, port)
        controller.options = shlex.split(os.environ.get("JENKINS_JAVA_OPTIONS", ""))
        for name, text in change(stages(layout)).items():
            (layout.stages / name).write_text(text)
        boot = controller.prepare

        def prepare():
            boot()
            self.secrets[controller.port] = json.loads(layout.secrets.read_text())

        controller.prepare = prepare
        self._made.append(controller)
        return controller

    def secrets_of(self, controller):
        """What the stages of the controller's last start were given."""
        return self.secrets[controller.port]

    def close(self):
        for controller in self._made:
            controller.stop()
        down(self.ctx.settings.embedded, self.folder, wipe=True)


def stages(layout):
    return {str(p.relative_to(layout.stages)): p.read_text() for p in layout.stages.rglob("*") if p.is_file()}


class Client:
    """Speaks HTTP to a Jenkins as one account; nobody when no name is given."""

    def __init__(self, controller, name=None, password=None):
        self.url = controller.url
        self.session = requests.Session()
        self.session.trust_env = False
        if name:
            self.session.auth = (name, password)

    def get(self, path, **options):
        return self.session.get(self.url + path, timeout=60, allow_redirects=False, **options)

    def post(self, path, *, crumb=True, **options):
        headers = dict(options.pop("headers", {}))
        if crumb:
            answer = self.get("crumbIssuer/api/json").json()
            headers[answer["crumbRequestField"]] = answer["crumb"]
        return self.session.post(self.url + path, timeout=120, allow_redirects=False, headers=headers, **options)

    def json(self, path, tree=None, **parameters):
        answer = self.get(f"{path}/api/json".lstrip("/"), params={"tree": tree, **parameters} if tree else parameters)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.json()

    def script(self, groovy, **values):
        """What a script prints, as JSON. `values` become its variables; they travel in the body, not in the log."""
        head = "".join(
            f"def {name} = new groovy.json.JsonSlurperClassic()"
            f".parseText(new String('{json.dumps([value]).encode().hex()}'.decodeHex(), 'UTF-8'))[0]\n"
            for name, value in values.items()
        )
        whole = f"{head}def r = ({{->\n{groovy}\n}}).call()\nprintln 'RESULT ' + groovy.json.JsonOutput.toJson(r)"
        answer = self.post("scriptText", data={"script": whole})
        found = re.search(r"^RESULT (.*)$", answer.text, re.MULTILINE)
        assert found, (answer.status_code, answer.text[:3000])
        return json.loads(found[1])


def live(controller, service, stage, secrets):
    """Run a stage again in the running Jenkins with these secrets, as `watch` does.

    Returns what the stage said of itself.
    """
    layout = controller.layout
    layout.secrets.touch(mode=0o600)
    layout.secrets.write_text(json.dumps(secrets))
    said = layout.results / f"{stage}.json"
    said.unlink(missing_ok=True)
    file = stage_file(layout, stage)
    loader = "jenkins.model.Jenkins.get().pluginManager.uberClassLoader"
    script = f"new GroovyShell({loader}, new Binding()).evaluate(new File('{file}'))"
    try:
        answer = service.post("scriptText", crumb=False, data={"script": script})
        assert answer.status_code == 200, answer.text[:500]
        return json.loads(said.read_text())
    finally:
        layout.secrets.unlink(missing_ok=True)


def have(world, *plugins):
    """Skip, by name, when the plugins at hand lack one of these."""
    lacking = [name for name in plugins if name not in world.trial.versions]
    if lacking:
        pytest.skip(f"not at hand: {', '.join(lacking)}")


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    if not set(os.environ) >= NEEDED or shutil.which("java") is None:
        pytest.skip("no real Jenkins: set JENKINS_WAR and JENKINS_PLUGINS, and have java")
    world = World(tmp_path_factory.mktemp("world"))
    try:
        world.create_secrets(**FURTHER)
        world.canaries = world.put_secrets(
            admin_username="admin",
            admin_password="not-a-real-password-of-admin-Xq71",
            password_ada="not-a-real-password-of-ada-Xq72",
            password_grace="not-a-real-password-of-grace-Xq73",
            github_webhook_secret="not-a-real-webhook-secret-Xq75",
            github_webhook_secret_previous="not-a-real-webhook-secret-before-Xq76",
        )
        yield world
    finally:
        world.close()


@pytest.fixture(scope="session")
def first_boot(world, request):
    """The controller that is shared, and how it came up from an empty JENKINS_HOME."""
    request.config.acceptance_versions = versions(world.trial)
    controller = world.controller()
    controller.start()
    return controller, controller.wait()


@pytest.fixture(scope="session")
def controller(first_boot):
    return first_boot[0]


@pytest.fixture
def facts(controller):
    return json.loads(controller.layout.facts.read_text())


@pytest.fixture
def secrets(world, controller):
    return world.secrets_of(controller)


@pytest.fixture(scope="session")
def admin(world, controller):
    return Client(controller, "admin", world.canaries["admin_password"])


@pytest.fixture(scope="session")
def have_plugins(world):
    return lambda *names: have(world, *names)


@pytest.fixture(scope="session")
def client_of(controller):
    return lambda name=None, password=None: Client(controller, name, password)


@pytest.fixture
def spoiled(world):
    """Controllers with stages that a function changed; stopped after the test."""
    with contextlib.ExitStack() as stack:

        def make(change=lambda stages: stages, made=None):
            controller = world.controller(change, made)
            stack.callback(controller.stop)
            return controller

        yield make


def versions(trial):
    """Core and plugins of a trial, and which are others in the lock: the lines that docs/acceptance.md has of them."""
    locked = {plugin.name: plugin.version for plugin in trial.lock.plugins}
    at_hand = sorted(trial.versions.items())
    listed = ", ".join(f"{name} {version}" for name, version in at_hand)
    rows = ["| plugin | at hand | in the lock |", "| --- | --- | --- |"]
    rows += [f"| {n} | {v} | {locked.get(n, 'not in it')} |" for n, v in at_hand if locked.get(n) != v]
    wrapped = textwrap.wrap(listed, 116, break_long_words=False, break_on_hyphens=False)
    return [f"Core {trial.war_version}, {len(at_hand)} plugins; others than in the lock:", "", *rows, "", *wrapped]


def pytest_terminal_summary(terminalreporter):
    """What it ran with: the core, and each plugin beside the lock."""
    config = terminalreporter.config
    rows = getattr(config, "acceptance_versions", None)
    if rows:
        terminalreporter.section("versions at hand")
        for row in rows:
            terminalreporter.write_line(row)


@pytest.fixture(scope="session")
def client():
    return Client


@pytest.fixture(scope="session")
def new_world(world):
    """Makes another world; the caller closes it."""
    return World


@pytest.fixture(scope="session")
def further():
    return dict(FURTHER)


@pytest.fixture(scope="session")
def run_live():
    return live


@pytest.fixture(scope="session")
def base_settings():
    return settings


@pytest.fixture(scope="session")
def listed():
    return organisation
