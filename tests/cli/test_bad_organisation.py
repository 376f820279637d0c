"""A file of `embedded.github` that is wrong: each command of the main path tells its place and remedy, at once."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

STARTER = Path(__file__).resolve().parents[2] / "jenkins-bootstrap.yml"

GOOD = {"name": "app", "full_name": "acme-demo/app"}
# The file's text (None: no file), where and what the error says after the file's path, and its remedy.
WRONG = {
    "cut off": (
        '[\n  {"name": "app", "full_na',
        ":2:19: is not JSON: Unterminated string starting at; the file seems to be cut off",
        "copy it again, whole",
    ),
    "not a list": ("{}", ": is an object, not a list of repositories", 'write [{"name": "app"'),
    "twice the same name": (
        json.dumps([GOOD, GOOD]),
        ": [1].full_name: 'acme-demo/app' is there already, at [0]",
        "remove one",
    ),
    "a name that is no string": (
        json.dumps([GOOD, {"name": 7, "full_name": "acme-demo/7"}]),
        ": [1].name: is 7, not a string",
        'in quotes: "name": "7"',
    ),
    "an entry that is no object": (json.dumps([GOOD, "app"]), ": [1]: is a string, not an object", "write {"),
    "missing": (None, ": cannot be read: No such file or directory", "see embedded.github in the settings"),
}
wrong_files = pytest.mark.parametrize(("text", "said", "remedy"), WRONG.values(), ids=WRONG.keys())


class Place:
    """A folder whose settings name organisation.json, with its embedded AWS and GitHub."""

    def __init__(self, folder, path):
        self.folder = folder
        self.path = path
        self.file = folder / "organisation.json"
        settings = STARTER.read_text() + "\nembedded: {github: organisation.json}\n"
        (folder / "jenkins-bootstrap.yml").write_text(settings)

    def run(self, *arguments):
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "JENKINS_"))}
        environ["PATH"] = self.path
        command = [sys.executable, "-m", "jenkins_bootstrap", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environ, check=False)

    def write(self, text):
        self.file.unlink(missing_ok=True)
        if text is not None:
            self.file.write_text(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory, quick_tools):
    made = Place(tmp_path_factory.mktemp("bad-organisation"), quick_tools)
    made.write(json.dumps([GOOD]))
    made.run("embedded", "up")
    yield made
    made.run("embedded", "down", "--wipe")


def assert_github_was_not_asked(done):
    assert not re.search(r"githubstatus|api/graphql|\b(503|422)\b|Traceback", done.stdout + done.stderr)


@pytest.mark.parametrize("command", [("bake", "--plan"), ("jobs", "render", "--out", "jobs")], ids=" ".join)
@wrong_files
def test_a_command_ends_with_the_place_and_the_remedy(place, command, text, said, remedy):
    place.write(text)
    done = place.run(*command)
    assert done.returncode == 1
    assert f"{place.file}{said}\n" in done.stderr
    assert f"try: {remedy}" in done.stderr
    assert done.stdout == ""
    assert_github_was_not_asked(done)


@wrong_files
def test_check_has_a_failing_row_for_the_file_and_asks_github_nothing(place, text, said, remedy):
    place.write(text)
    done = place.run("check", "--json")
    assert done.returncode == 1
    rows = {row["thing"]: row for row in json.loads(done.stdout)}
    row = rows["embedded.github"]
    assert (row["status"], row["found"]) == ("fail", f"{place.file}{said}")
    assert row["remedy"].startswith(remedy)
    assert rows["AWS"]["status"] == "ok"
    assert rows["GitHub acme-demo"]["status"] == "note"
    assert rows["GitHub acme-demo"]["found"] == "not asked: its file is wrong"
    assert_github_was_not_asked(done)


def test_every_wrong_entry_is_told_in_one_run(place):
    place.write(json.dumps([1, GOOD, {"name": None, "full_name": "acme-demo/x"}]))
    done = place.run("jobs", "render", "--out", "jobs")
    assert done.returncode == 1
    assert "[0]: is 1, not an object" in done.stderr
    assert "[2].name: is null, not a string" in done.stderr


def test_a_good_file_is_counted_by_check_and_rendered(place):
    place.write(json.dumps([GOOD]))
    rows = {row["thing"]: row for row in json.loads(place.run("check", "--json").stdout)}
    assert (rows["embedded.github"]["status"], rows["GitHub acme-demo"]["status"]) == ("ok", "ok")
    assert rows["embedded.github"]["found"] == f"{place.file}, 1 repositories"
    done = place.run("jobs", "render", "--out", "jobs")
    assert (done.returncode, done.stderr.count("error")) == (0, 0)


def test_the_embedded_github_itself_tells_it_and_is_not_asked_again(place):
    """As when the file is spoilt between its check and the listing."""
    from jenkins_bootstrap.config import load
    from jenkins_bootstrap.embedded.client import status
    from jenkins_bootstrap.github.auth import TokenAuth
    from jenkins_bootstrap.github.client import Client
    from jenkins_bootstrap.github.errors import QueryRefused

    place.write("{}")
    settings = load(place.folder / "jenkins-bootstrap.yml")
    url = status(settings.embedded, place.folder).endpoints.github_url
    slept = []
    with Client(url, TokenAuth("not-a-real-token"), sleep=slept.append) as client, pytest.raises(QueryRefused) as error:
        client.get("/user", subject="the user")
    assert "organisation.json: is an object, not a list" in error.value.what
    assert slept == []


def test_a_file_is_read_again_when_its_bytes_have_changed_and_not_before(tmp_path, monkeypatch):
    from jenkins_bootstrap.cli import sources
    from jenkins_bootstrap.embedded.github import organisation
    from jenkins_bootstrap.errors import BootstrapError

    read, asked = organisation.read_organisation, []
    monkeypatch.setattr(organisation, "read_organisation", lambda file: asked.append(file) or read(file))
    file, state = tmp_path / "organisation.json", tmp_path / "state"
    state.mkdir()

    def count():
        sources._repositories_in.cache_clear()
        return sources._repositories_in(file, state)

    file.write_text(json.dumps([GOOD]))
    assert [count(), count()] == [1, 1]
    assert len(asked) == 1
    file.write_text(json.dumps([GOOD, GOOD]))
    for _ in range(2):
        with pytest.raises(BootstrapError, match="is there already"):
            count()
    file.write_text(json.dumps([]))
    assert count() == 0
    (state / "organisation-checked.json").write_text("{torn")
    assert count() == 0
