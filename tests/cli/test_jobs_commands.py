"""`jobs plan` and `jobs sync` as a user calls them, on the embedded target with no set-up; which Jenkins they take."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from jenkins_bootstrap.boot import documents
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.cli import main
from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.cli.jenkins import TOKEN_FILE, URL, USER, announced, controller_for, read_token
from jenkins_bootstrap.cli.reconciling import only_of
from jenkins_bootstrap.embedded.client import status
from jenkins_bootstrap.embedded.jenkins.serving import running
from jenkins_bootstrap.errors import BootstrapError, UsageError
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.reconcile import State

STARTER = Path(__file__).resolve().parents[2] / "jenkins-bootstrap.yml"
JOBS = 6
"""Five repositories of the sample, and the job that lets people reconcile."""


class Place:
    """A folder with the starter settings; commands run in this process."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "jenkins-bootstrap.yml"
        self.file.write_text(STARTER.read_text())

    def run(self, capfd, *arguments):
        """Exit status, standard output, standard error."""
        capfd.readouterr()
        code = main.run(["-c", str(self.file), *arguments])
        return code, *capfd.readouterr()

    def change(self, old, new):
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    for name in [n for n in os.environ if n.startswith(("JENKINS_BOOTSTRAP_", "AWS_"))]:
        if name != "JENKINS_BOOTSTRAP_CACHE":
            del os.environ[name]
    made = Place(tmp_path_factory.mktemp("jobs"))
    yield made
    assert main.run(["-c", str(made.file), "embedded", "down", "--wipe"]) == 0


@pytest.fixture
def jenkins(place):
    """The embedded Jenkins, for a test to do by hand what a person does there."""
    settings = Context(place.file).settings
    endpoints = status(settings.embedded, place.folder).endpoints
    session = requests.Session()
    session.auth = ("_jenkins-bootstrap", endpoints.jenkins_token_file.read_text().strip())
    session.trust_env = False
    session.url = endpoints.jenkins_url
    return session


# The tests of this part go on from each other: one embedded target takes seconds.


def test_a_plan_works_with_no_set_up_and_changes_nothing(place, capfd):
    for _ in range(2):
        code, out, err = place.run(capfd, "jobs", "plan", "--exit-code")
        assert code == 3
        assert "create job github/acme-demo/storefront: new repository" in out
        assert out.splitlines()[-1] == f"would be: {JOBS} created, 3 folders; 5 scans to ask for; 1 call"
        assert "target: embedded AWS and GitHub, no account is used" in err
        assert "Jenkins: the embedded one, which keeps jobs and builds nothing" in err


def test_a_sync_makes_all_jobs_and_the_next_one_is_a_single_call(place, capfd):
    code, out, _err = place.run(capfd, "jobs", "sync")
    assert (code, out) == (0, f"{JOBS} created, 3 folders; 5 scans asked for; {JOBS + 5} calls\n")
    code, out, err = place.run(capfd, "-v", "jobs", "sync")
    assert (code, out) == (0, f"{JOBS} unchanged; 1 call\n")
    assert "  GET job/github/api/json: 200" in err
    code, out, _err = place.run(capfd, "jobs", "plan", "--exit-code")
    assert (code, out) == (0, f"would be: {JOBS} unchanged; 1 call\n")


def test_nothing_is_done_when_all_was_in_step_a_short_while_ago(place, capfd):
    code, out, err = place.run(capfd, "jobs", "sync", "--if-older-than", "60")
    assert (code, out) == (0, "")
    assert "everything was in step less than 60 minutes ago: nothing done" in err
    assert "1 call" in place.run(capfd, "jobs", "sync", "--if-older-than", "0")[1]


def test_why_names_every_repository_with_its_reasons(place, capfd):
    _code, out, _err = place.run(capfd, "jobs", "plan", "--why")
    rows = dict(line.split(": ", 1) for line in out.splitlines() if line.startswith(("in ", "out")))
    assert len(rows) == 8
    assert "is a fork" in rows["out  acme-demo/log-shipper"]
    assert "is archived" in rows["out  acme-demo/legacy-billing"]
    assert rows["in   acme-demo/storefront"].startswith("name matches include '*'")


def test_a_changed_setting_is_shown_as_a_diff_of_the_xml_and_as_json(place, capfd):
    place.change("# script_path: Jenkinsfile", "script_path: ci/Jenkinsfile")
    place.change("# keep_builds: 30", "keep_builds: 5")
    code, out, _err = place.run(capfd, "jobs", "plan", "--diff", "--exit-code")
    assert code == 3
    # No repository of the sample has that file: the filter leaves them out, so that their jobs would go.
    assert "held back: disable job github/acme-demo/storefront, marked as gone: out by the filter: has no Jen" in out
    place.change("script_path: ci/Jenkinsfile", "# script_path: Jenkinsfile")
    code, out, _err = place.run(capfd, "jobs", "plan", "--diff", "--exit-code")
    assert code == 3
    assert "update job github/acme-demo/storefront: its definition has changed" in out
    assert "<numToKeep>30</numToKeep>" in next(line for line in out.splitlines() if line.startswith("-  "))
    _code, out, _err = place.run(capfd, "--json", "jobs", "plan", "--diff", "--why", "--deep")
    value = json.loads(out)
    assert value["counts"] == {
        "created": 0, "renamed": 0, "moved": 0, "updated": 5, "disabled": 0, "deleted": 0, "folders": 0, "scans": 0,
        "unchanged": 1,
    }  # fmt: skip
    assert value["steps"][0] == {
        "does": "update job github/acme-demo/infrastructure",
        "call": "POST job/github/job/acme-demo/job/infrastructure/config.xml",
        "reason": "its definition has changed",
        "structural": False,
    }
    assert {row["path"] for row in value["differences"]} == {
        f"github/acme-demo/{name}"
        for name in ("infrastructure", "machine-images", "orders-api", "price.list", "storefront")
    }
    assert len(value["repositories"]) == 8
    assert value["drift"] == {"looked_at": 1, "jobs": 6, "different": []}


def test_a_mass_change_is_an_error_with_its_remedy(place, capfd):
    place.change("keep_builds: 5", "# keep_builds: 30")
    place.change("# script_path: Jenkinsfile", "script_path: ci/Jenkinsfile")
    code, out, err = place.run(capfd, "jobs", "sync")
    assert code == 1
    assert "5 of 6 jobs would be disabled or deleted at once" in err
    assert "jobs sync --allow-mass-change" in err
    assert "held back: disable job github/acme-demo/storefront" in out
    place.change("script_path: ci/Jenkinsfile", "# script_path: Jenkinsfile")


def test_one_repository_alone_is_brought_in_step(place, capfd, jenkins):
    path = "job/github/job/acme-demo/job"
    for name in ("storefront", "orders-api"):
        assert jenkins.post(f"{jenkins.url}{path}/{name}/doDelete", timeout=10).ok
    code, out, _err = place.run(capfd, "jobs", "sync", "--repo", "storefront")
    assert (code, out) == (0, "1 created; 1 scan asked for; 3 calls\n")
    code, out, _err = place.run(capfd, "jobs", "plan", "--repo", "acme-demo/orders-api")
    assert "create job github/acme-demo/orders-api: new repository" in out
    code, _out, err = place.run(capfd, "jobs", "sync", "--repo", "acme-demo/never-was")
    assert code == 1
    assert "no job of ours is called so" in err
    assert place.run(capfd, "jobs", "sync")[1] == f"1 created, {JOBS - 1} unchanged; 1 scan asked for; 3 calls\n"


def test_what_somebody_changed_in_jenkins_is_found_by_a_closer_look(place, capfd, jenkins):
    url = f"{jenkins.url}job/github/job/acme-demo/job/storefront/config.xml"
    config = jenkins.get(url, timeout=10).content
    changed = config.replace(b"<numToKeep>30<", b"<numToKeep>7<")
    assert changed != config
    assert jenkins.post(url, changed, headers={"Content-Type": "application/xml"}, timeout=10).ok
    assert place.run(capfd, "jobs", "plan", "--exit-code")[0] == 0
    code, out, _err = place.run(capfd, "jobs", "plan", "--deep", "--exit-code")
    assert code == 3
    assert "--- jenkins/github/acme-demo/storefront" in out
    assert f"drift: 1 of {JOBS} jobs differed from what they are made as" in out
    assert f"would be: 1 updated, {JOBS - 1} unchanged; {JOBS + 1} calls" in out
    assert "of 2 jobs differ" in place.run(capfd, "jobs", "plan", "--deep", "--sample", "2")[1]
    code, out, _err = place.run(capfd, "jobs", "sync", "--deep")
    assert (code, out.splitlines()[0]) == (0, f"1 updated, {JOBS - 1} unchanged; {JOBS + 2} calls")
    assert jenkins.get(url, timeout=10).content == config
    assert place.run(capfd, "jobs", "sync", "--sample", "2")[0] == 2


def test_another_jenkins_by_its_url_account_and_token(place, capfd, tmp_path):
    token = tmp_path / "token"
    token.write_text("not-a-real-token\n")
    with running(tmp_path / "jenkins") as made:
        options = ["--jenkins", made.url, "--user", made.user, "--token-file", str(token)]
        assert f"{JOBS} created" in place.run(capfd, "jobs", "sync", *options)[1]
        token.write_text("another-not-a-real-token")
        code, out, err = place.run(capfd, "jobs", "sync", *options)
    assert (code, out) == (1, "")
    assert "answers 401" in err
    assert "another-not-a-real-token" not in err


def test_a_url_with_a_password_is_refused_and_not_shown(place, capfd):
    code, out, err = place.run(capfd, "jobs", "plan", "--jenkins", "http://me:not-a-real-password@127.0.0.1:1/")
    assert (code, out) == (2, "")
    assert "--user and --token-file" in err
    assert "not-a-real-password" not in err


def test_a_name_that_no_job_can_have_stops_no_rendering(place, capfd, tmp_path):
    organisation = tmp_path / "organisation.json"
    names = ("ends.", "web", "api")
    organisation.write_text(
        json.dumps([{"name": n, "full_name": f"acme-demo/{n}", "id": i} for i, n in enumerate(names, 1)])
    )
    code, _out, err = place.run(
        capfd, "jobs", "render", "--out", str(tmp_path / "out"), "--repositories", str(organisation)
    )
    assert code == 0
    assert "warning: repository 'acme-demo/ends.'" in err
    assert (tmp_path / "out/github/acme-demo/api.xml").is_file()


def test_in_an_image_everything_is_the_images_own(place, capfd, tmp_path, monkeypatch, jenkins):
    """As the timer runs it: no settings file, no option but --if-older-than."""
    settings = Context(place.file).settings
    endpoints = status(settings.embedded, place.folder).endpoints
    layout = Layout(tmp_path / "root")
    for folder in (layout.run, layout.share):
        folder.mkdir(parents=True)
    layout.settings.write_text(canonical_json(documents.image_settings(settings)))
    layout.image.write_text(json.dumps({"target": "embedded", "project": settings.project}))
    told = {"aws_endpoint": endpoints.aws_url, "github_url": endpoints.github_url, "instance_id": "i-1"}
    layout.embedded.write_text(json.dumps(told))
    layout.service_token.write_text("not-a-real-token")
    monkeypatch.setattr(Layout.__init__, "__defaults__", (layout.root,))
    monkeypatch.chdir(tmp_path)
    with running(tmp_path / "jenkins") as made:
        monkeypatch.setattr("jenkins_bootstrap.boot.layout.PORT", made.server.port)
        arguments = ["jobs", "sync", "--if-older-than", "30"]
        capfd.readouterr()
        assert main.run(arguments) == 0
        assert f"{JOBS} created" in capfd.readouterr().out
        assert main.run(arguments) == 0
        assert "nothing done" in capfd.readouterr().err
        with State(layout.state, made.url).locked():
            monkeypatch.setattr("jenkins_bootstrap.reconcile.state.LOCK_SECONDS", 0.0)
            assert main.run(["jobs", "sync"]) == 1
            assert f"process {os.getpid()} is bringing the jobs in step" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("jobs", "plan", "--sample", "3"), "--sample goes with --deep"),
        (("jobs", "sync", "--why"), "go with --plan"),
        (("jobs", "sync", "--repo", "a/b/c"), "names no repository"),
        (("jobs", "sync", "--repo", "elsewhere/x"), "is not in github.owners"),
        (("jobs", "plan", "--jenkins", "https://j.example.org"), "an account and its API token are needed"),
        (("jobs", "plan", "--jenkins", "j.example.org", "--user", "x"), "is no URL of a Jenkins"),
    ],
)
def test_wrong_usage_is_told(place, capfd, arguments, words):
    code, out, err = place.run(capfd, *arguments)
    assert (code, out) == (2, "")
    assert words in err


# Without an embedded target.


@pytest.fixture
def context(settings, tmp_path, monkeypatch):
    for name in (URL, USER, TOKEN_FILE, "JENKINS_BOOTSTRAP_TARGET"):
        monkeypatch.delenv(name, raising=False)
    made = Context(tmp_path / "jenkins-bootstrap.yml")
    made.settings = settings
    return made


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "token"
    file.write_text("not-a-real-token\n")
    return file


def test_options_win_over_the_environment(context, token, monkeypatch):
    monkeypatch.setenv(URL, "http://10.0.0.1/jenkins")
    monkeypatch.setenv(USER, "robot")
    monkeypatch.setenv(TOKEN_FILE, str(token))
    found = controller_for(context, None, None, None)
    assert (found.url, found.user, found.token) == ("http://10.0.0.1/jenkins/", "robot", "not-a-real-token")
    found = controller_for(context, "https://j.example.org/", "me", None)
    assert (found.url, found.user) == ("https://j.example.org/", "me")


def test_an_account_without_a_url_is_that_of_the_settings_jenkins(context, token):
    assert controller_for(context, None, "me", token).url == "https://jenkins.example.org/"


def test_on_aws_an_account_must_be_given(context):
    context.target = "aws"
    with pytest.raises(UsageError, match="no account is given for the Jenkins at https:"):
        controller_for(context, None, None, None)


def test_the_controller_that_try_runs_here_is_taken_while_it_lives(context, token, monkeypatch, tmp_path):
    context.state.mkdir()
    record = {"url": "http://127.0.0.1:8080/", "user": "_jenkins-bootstrap", "token_file": str(token)}
    context.endpoints = SimpleNamespace(
        jenkins_url="http://127.0.0.1:1/", jenkins_token_file=token, github_url="http://127.0.0.1:2/api/v3"
    )
    with announced(context, "http://127.0.0.1:8080/", token):
        assert json.loads((context.state / "try.json").read_text()) == record | {"pid": os.getpid()}
        assert controller_for(context, None, None, None).url == "http://127.0.0.1:8080/"
        # Its jobs are those of this machine's GitHub.
        assert context.settings.github.api_url == "http://127.0.0.1:2/api/v3"
    assert not (context.state / "try.json").exists()
    (context.state / "try.json").write_text(json.dumps(record | {"pid": 2**22 + 1}))
    assert controller_for(context, None, None, None).url == "http://127.0.0.1:1/"


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a\nb", b"\xff\xfe"])
def test_a_file_that_holds_no_token_is_told_and_its_content_is_not(tmp_path, content):
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(BootstrapError) as raised:
        read_token(file)
    assert "words" not in str(raised.value).replace(str(file), "")
    with pytest.raises(BootstrapError, match="cannot be read: No such file"):
        read_token(tmp_path / "absent")


def test_a_repository_is_named_in_three_ways(context):
    assert (only_of(context, "web").owner, only_of(context, "web").name) == ("acme-demo", "web")
    assert only_of(context, "Acme-Demo/web").owner == "Acme-Demo"
    assert only_of(context, "123456").id == 123456
    assert only_of(context, "007").name == "007"


def test_why_says_of_a_name_that_no_job_can_have_that_there_is_no_job(capsys):
    from jenkins_bootstrap.cli import telling
    from jenkins_bootstrap.facts import Repository

    ctx = Context(STARTER)
    listed = [Repository("acme-demo", "dot.", 1, has_jenkinsfile=True), Repository("acme-demo", "web", 2)]
    rows = {row["repository"]: row for row in telling.why(ctx, listed)}
    assert not rows["acme-demo/dot."]["in"]
    assert "out  acme-demo/dot.: no job: Jenkins takes no job whose name ends with a dot" in capsys.readouterr().out
    assert rows["acme-demo/web"]["in"]
