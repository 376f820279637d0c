"""What may be concluded: a repository that is not found is not therefore gone; an old page tells not what is now."""

import importlib.util
import sqlite3
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from jenkins_bootstrap.cli import reconciling
from jenkins_bootstrap.github import client, listing
from jenkins_bootstrap.github.errors import NotResolved
from jenkins_bootstrap.receiver import worker
from jenkins_bootstrap.receiver.events import ACTIONS, GONE, Target, effect_of
from jenkins_bootstrap.receiver.image import Image
from jenkins_bootstrap.receiver.ports import Result
from jenkins_bootstrap.receiver.queue import Delivery, Queue

spec = importlib.util.spec_from_file_location("receiver_loop", Path(__file__).parent / "test_receiver_loop.py")
loops = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loops)
loop, shapes = loops.loop, loops.shapes


class Ended(Exception):
    """The process ends here."""


@pytest.fixture
def reconcile(loop):
    """The work of the image, in this process; all jobs are there."""
    made = loop.image.reconcile(lambda: loops.VALUES)
    assert made(None).error == ""
    return made


def target(loop, name, **more):
    found = loop.call("GET", f"/repos/acme/{name}")
    return Target("acme", name, found["id"], found["node_id"], **more)


def narrow(monkeypatch, *targets):
    """The sign-in does not see these any more, which GitHub says as of one that is gone."""
    ask = client.Client.graphql

    def blind(self, query, variables, **more):
        if variables.get("node") in {one.node for one in targets}:
            raise NotResolved("nothing that this sign-in may see", where="GitHub")
        return ask(self, query, variables, **more)

    monkeypatch.setattr(client.Client, "graphql", blind)


def gone(loop):
    return {path for path, _disabled, is_gone, _root in loop.jobs().values() if is_gone}


def test_a_sign_in_that_sees_less_disables_nothing_and_a_look_at_everything_is_to_decide(loop, reconcile, monkeypatch):
    web, api = target(loop, "web"), target(loop, "api", gone=True)
    narrow(monkeypatch, web, api)
    left = reconcile(web)
    assert (left.changes, left.error, left.everything) == (0, "", True)
    assert "the sign-in may see less now" in left.lines[-1]
    assert gone(loop) == set()
    # That one is gone its delivery tells, and GitHub agrees.
    done = reconcile(api)
    assert (done.changes, done.error, done.everything) == (1, "", False)
    assert gone(loop) == {"github/acme/api"}


def test_only_what_a_delivery_says_of_the_repository_itself_makes_it_gone(settings, payload):
    told = {action: effect_of("repository", payload(action), settings).targets[0].gone for action in ACTIONS}
    assert {action for action, is_gone in told.items() if is_gone} == set(GONE)
    installation = {"account": {"login": "acme-demo"}}
    removed = {"repositories_removed": [{"id": 7, "name": "one", "node_id": "n"}], "installation": installation}
    assert [one.gone for one in effect_of("installation_repositories", removed, settings).targets] == [False]


def test_the_queue_keeps_what_was_told_and_the_newest_delivery_counts(tmp_path):
    queue = Queue(tmp_path / "q.db")
    queue.add([Delivery("1", "a", 1.0, (Target("acme", "one", 7, "n", gone=True),))])
    queue.close()
    queue = Queue(tmp_path / "q.db")
    assert queue.take(2.0).target.gone is True
    queue.add([Delivery("1", "b", 3.0, (Target("acme", "one", 7, "n"),))])
    assert queue.take(4.0).target.gone is False
    queue.close()


def test_a_queue_of_the_version_before_is_taken_over(tmp_path):
    with sqlite3.connect(tmp_path / "q.db") as db:
        db.execute(
            "CREATE TABLE work (key TEXT PRIMARY KEY, owner TEXT, name TEXT, id INTEGER, node TEXT,"
            " seq INTEGER NOT NULL, first REAL NOT NULL, newest REAL NOT NULL,"
            " attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '')"
        )
        db.execute("INSERT INTO work VALUES ('id:7', 'acme', 'one', 7, 'n', 1, 1.0, 1.0, 0, 0, '')")
        db.execute("PRAGMA user_version=1")
    db.close()
    queue = Queue(tmp_path / "q.db")
    assert queue.take(2.0).target == Target("acme", "one", 7, "n")
    assert queue.take(2.0).target.gone is False
    queue.close()
    Queue(tmp_path / "q.db").close()


def test_what_is_left_to_a_look_at_everything_brings_it_forward(start, payload, until, monkeypatch):
    monkeypatch.setattr(worker, "SOON_SECONDS", 0.05)
    asked = []

    def work(one):
        asked.append(one)
        return Result(everything=one is not None)

    work.free = SimpleNamespace(set=lambda: None)
    receiver = start(work=work)
    receiver.send("repository", payload())
    until(lambda: None in asked)
    receiver.idle()
    assert [one is None for one in asked] == [False, True]
    assert any('left="to a look at everything"' in line for line in receiver.said)


@pytest.fixture
def cut(monkeypatch):
    """Makes listings end after their first page of one repository, until it is called with False."""
    real, sized = client.Client.graphql, listing._PageSize
    monkeypatch.setattr(listing, "_PageSize", partial(sized, 1))

    def graphql(self, query, variables, **more):
        if graphql.cuts and variables.get("after"):
            raise Ended
        return real(self, query, variables, **more)

    graphql.cuts = True
    monkeypatch.setattr(client.Client, "graphql", graphql)
    return lambda cuts: setattr(graphql, "cuts", cuts)


def test_no_unfinished_listing_undoes_what_deliveries_told_since(loop, cut):
    cut(False)
    reconcile = loop.image.reconcile(lambda: loops.VALUES)
    assert reconcile(None).error == ""
    cut(True)
    with pytest.raises(Ended):
        reconcile(None)
    for name in ("web", "api"):  # one of them stands on the page that was read
        loop.call("PATCH", f"/repos/acme/{name}", json={"archived": True})
        assert reconcile(target(loop, name)).changes == 1
    cut(False)
    assert loop.image.reconcile(lambda: loops.VALUES)(None).changes == 0
    assert {path for path, disabled, *_ in loop.jobs().values() if disabled} == {"github/acme/web", "github/acme/api"}


def test_nor_does_a_command_on_the_controller_go_on_with_one(loop, cut, monkeypatch):
    monkeypatch.setattr("jenkins_bootstrap.boot.layout.Layout", lambda: loop.layout)
    monkeypatch.setattr(Image, "read_secret", lambda _self: loops.VALUES)
    for name, value in loop.image.environ.items():
        monkeypatch.setenv(name, value)

    def source():
        found, state, _lock = reconciling.image_here(SimpleNamespace(settings_path=Path("/nonexistent"), settings=None))
        assert state == loop.layout.state
        return found

    with pytest.raises(Ended):
        source().list_all()
    for name in ("web", "api"):
        loop.call("PATCH", f"/repos/acme/{name}", json={"archived": True})
    cut(False)
    assert {r.archived for r in source().list_all().repositories if r.owner == "acme"} == {True}
