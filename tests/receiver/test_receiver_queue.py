"""The queue on disk: duplicates, newest wins, bounds, and what a crash leaves."""

import sqlite3

import pytest

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver import asked
from jenkins_bootstrap.receiver.events import Target
from jenkins_bootstrap.receiver.queue import KEEP_SECONDS, Delivery, Queue

ONE, TWO = Target("acme-demo", "one", 1), Target("acme-demo", "two", 2)


def delivery(id_="d", *targets, hook="1", at=1000.0, everything=False):
    return Delivery(hook, id_, at, targets, everything)


@pytest.fixture
def queue(tmp_path):
    made = Queue(tmp_path / "queue.db", most=3)
    yield made
    made.close()


def test_each_commit_is_on_the_disk(queue):
    assert queue._file.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert queue._file.connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_delivery_comes_once_for_each_hook(queue):
    assert queue.add([delivery("a", ONE), delivery("a", ONE), delivery("a", ONE, hook="2")]) == [
        "queued",
        "duplicate",
        "queued",
    ]
    assert queue.add([delivery("a", ONE)]) == ["duplicate"]
    assert queue.knows("1", "a") and not queue.knows("1", "b")
    assert queue.knows(None, "a") and not queue.knows("3", "a") and not queue.knows(None, "b")


def test_several_deliveries_for_a_repository_are_one_piece_of_work_with_the_newest_name(queue):
    queue.add([delivery("a", ONE, at=10.0), delivery("b", Target("acme-demo", "renamed", 1, "R_x"), at=20.0)])
    work = queue.take(30.0)
    assert (work.target.name, work.target.node, work.first) == ("renamed", "R_x", 10.0)
    queue.done(work, 31.0)
    assert queue.take(32.0) is None


def test_what_comes_while_its_repository_is_worked_on_is_worked_on_again(queue):
    queue.add([delivery("a", ONE, at=10.0)])
    work = queue.take(11.0)
    queue.add([delivery("b", ONE, at=12.0)])
    queue.done(work, 13.0)
    again = queue.take(14.0)
    assert (again.target, again.first, again.attempts) == (ONE, 12.0, 0)


def test_work_stays_until_it_is_done(queue, tmp_path):
    queue.add([delivery("a", ONE)])
    assert queue.take(1.0) == queue.take(1.0)
    queue.close()
    again = Queue(tmp_path / "queue.db")
    assert again.take(1.0).target == ONE
    assert again.add([delivery("a", ONE)]) == ["duplicate"]
    again.close()


def test_what_failed_waits_is_visible_and_holds_nothing_up(queue):
    queue.add([delivery("a", ONE, at=1.0), delivery("b", TWO, at=2.0)])
    queue.failed(queue.take(3.0), 3.0, due=100.0, error="GitHub is away")
    assert queue.take(4.0).target == TWO
    assert [(f.what, f.attempts, f.error) for f in queue.failing()] == [("acme-demo/one", 1, "GitHub is away")]
    assert queue.waiting().failing == 1
    assert queue.next_due() == 0.0
    queue.done(queue.take(4.0), 5.0)
    assert queue.next_due() == 100.0
    assert queue.take(100.0).attempts == 1


def test_a_new_delivery_has_what_failed_tried_at_once(queue):
    queue.add([delivery("a", ONE)])
    queue.failed(queue.take(3.0), 3.0, due=100.0, error="x")
    queue.add([delivery("b", ONE)])
    assert queue.take(4.0).attempts == 1


def test_a_failure_does_not_delay_what_came_meanwhile(queue):
    queue.add([delivery("a", ONE)])
    work = queue.take(1.0)
    queue.add([delivery("b", ONE)])
    queue.failed(work, 2.0, due=100.0, error="x")
    assert queue.take(3.0) is not None


def test_after_a_restart_what_failed_is_tried_at_once(queue, tmp_path):
    queue.add([delivery("a", ONE)])
    queue.failed(queue.take(3.0), 3.0, due=1e12, error="x")
    queue.close()
    again = Queue(tmp_path / "queue.db")
    assert again.take(4.0).attempts == 1
    again.close()


def test_beyond_its_bound_only_what_adds_nothing_is_taken(queue):
    targets = [Target("acme-demo", f"r{n}", n) for n in range(1, 5)]
    assert queue.add([delivery(f"d{t.id}", t) for t in targets]) == ["queued"] * 3 + ["full"]
    assert queue.add([delivery("again", targets[0])]) == ["queued"]
    assert not queue.knows("1", "d4")  # so that GitHub may send it again
    queue.done(queue.take(1e9), 1e9)
    assert queue.add([delivery("d4", targets[3])]) == ["queued"]


def test_everything_goes_first_and_covers_what_came_before_it_began(queue):
    queue.add([delivery("a", ONE, at=1.0), delivery("b", everything=True, at=2.0)])
    work = queue.take(3.0)
    assert work.target is None
    queue.add([delivery("c", TWO, at=4.0)])
    queue.done(work, 5.0)
    assert queue.take(6.0).target == TWO
    assert queue.waiting().length == 1


def test_everything_that_failed_covers_nothing(queue):
    queue.add([delivery("a", ONE), delivery("b", everything=True)])
    queue.failed(queue.take(3.0), 3.0, due=100.0, error="x")
    assert queue.take(4.0).target == ONE


def test_a_request_waits_runs_and_ends_with_its_lines(queue):
    id_ = queue.ask(1.0)
    assert queue.asked(id_).state == "waiting"
    work = queue.take(2.0)
    queue.begin(work, 2.0)
    late = queue.ask(3.0)  # asks for one that begins after it
    assert queue.asked(id_).state == "running"
    queue.done(work, 4.0, ["1 created"])
    assert (queue.asked(id_).state, queue.asked(id_).lines) == ("done", ("1 created",))
    assert queue.asked(late).state == "waiting"
    work = queue.take(5.0)
    queue.begin(work, 5.0)
    queue.failed(work, 6.0, due=7.0, error="GitHub is away")
    assert (queue.asked(late).state, queue.asked(late).lines) == ("failed", ("GitHub is away",))
    assert queue.asked("no such") is None


def test_a_request_that_a_crash_interrupted_is_worked_again(queue, tmp_path):
    id_ = queue.ask(1.0)
    queue.begin(queue.take(2.0), 2.0)
    queue.close()
    again = Queue(tmp_path / "queue.db")
    work = again.take(3.0)
    again.begin(work, 3.0)
    again.done(work, 4.0)
    assert again.asked(id_).state == "done"
    again.close()


def test_those_who_ask_while_one_waits_share_it(queue):
    id_ = queue.ask(1.0)
    assert [queue.ask(float(now)) for now in range(2, 50)] == [id_] * 48
    work = queue.take(50.0)
    queue.begin(work, 50.0)
    late = queue.ask(51.0)
    assert late != id_ and queue.ask(52.0) == late
    # Postponed, as Jenkins is not up: both wait for the next, and who asks meanwhile too.
    queue.postpone(work, 60.0)
    assert {queue.asked(each).state for each in (id_, late)} == {"waiting"}
    assert {queue.ask(float(now)) for now in range(53, 100)} <= {id_, late}
    work = queue.take(100.0)
    queue.begin(work, 100.0)
    queue.done(work, 101.0, ["1 created"])
    assert {queue.asked(each).state for each in (id_, late)} == {"done"}
    assert queue.waiting().length == 0


def test_one_that_is_asked_for_goes_before_the_pause_after_a_failure(queue):
    queue.add_everything(1.0)
    queue.failed(queue.take(2.0), 2.0, due=900.0, error="x")
    queue.ask(3.0)
    assert queue.take(3.0) is not None


def test_a_crash_leaves_no_request_running(queue, tmp_path):
    id_ = queue.ask(1.0)
    queue.begin(queue.take(2.0), 2.0)
    queue.close()
    again = Queue(tmp_path / "queue.db")
    assert again.asked(id_).state == "waiting" and again.ask(3.0) == id_
    again.close()


def test_answers_are_forgotten_when_they_are_old_or_many(queue, monkeypatch):
    def ended(now):
        id_ = queue.ask(now)
        work = queue.take(now)
        queue.begin(work, now)
        queue.done(work, now)
        return id_

    monkeypatch.setattr(asked, "KEEP_MOST", 3)
    ids = [ended(float(now)) for now in range(1, 7)]
    waits = queue.ask(7.0)
    queue.prune(8.0)
    assert [queue.asked(id_) is not None for id_ in ids] == [False] * 3 + [True] * 3
    queue.prune(8.0 + asked.KEEP_SECONDS)
    assert not any(map(queue.asked, ids)) and queue.asked(waits).state == "waiting"


def test_deliveries_are_forgotten_when_they_cannot_come_again(queue):
    queue.add([delivery("old", ONE, at=1000.0), delivery("new", ONE, at=1000.0 + KEEP_SECONDS)])
    queue.prune(1001.0 + KEEP_SECONDS)
    assert not queue.knows("1", "old") and queue.knows("1", "new")


def test_the_oldest_are_forgotten_beyond_a_number(queue, monkeypatch):
    monkeypatch.setattr("jenkins_bootstrap.receiver.queue.KEEP_MOST", 3)
    monkeypatch.setattr("jenkins_bootstrap.receiver.queue._AT_ONCE", 2)
    queue.add([delivery(str(n), ONE) for n in range(9)])
    queue.prune(1001.0)
    assert [n for n in range(9) if queue.knows("1", str(n))] == [6, 7, 8]
    queue.settle()
    assert [n for n in range(9) if queue.knows("1", str(n))] == [6, 7, 8]


def test_a_second_process_cannot_have_the_file(queue, tmp_path):
    other = sqlite3.connect(tmp_path / "queue.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM work")
    other.close()


@pytest.mark.parametrize("content", [b"no database at all, only text that is long enough" * 50])
def test_a_file_that_is_no_queue_says_what_to_do(tmp_path, content):
    (tmp_path / "queue.db").write_bytes(content)
    with pytest.raises(BootstrapError, match="NOTADB") as caught:
        Queue(tmp_path / "queue.db")
    assert "move the file away" in caught.value.hint


def test_a_queue_of_a_newer_version_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "queue.db") as db:
        db.execute("PRAGMA user_version=9")
    with pytest.raises(BootstrapError, match="version 9"):
        Queue(tmp_path / "queue.db")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BootstrapError, match="cannot be made"):
        Queue(tmp_path / "file/queue.db")
