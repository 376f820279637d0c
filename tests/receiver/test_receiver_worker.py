"""The worker: newest wins, retries, the timer, the lock, a stop; and what GitHub could not deliver."""

import asyncio
import json
import sys
import threading
import time

import pytest

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver import worker
from jenkins_bootstrap.receiver.catchup import MOST, catch_up
from jenkins_bootstrap.receiver.events import Target
from jenkins_bootstrap.receiver.ports import Missed
from jenkins_bootstrap.receiver.queue import Delivery, Queue

ONE, TWO = Target("acme-demo", "one", 7), Target("acme-demo", "two", 8)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(worker, "FIRST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(worker, "BUSY_SECONDS", 0.02)


def test_deliveries_for_one_repository_are_worked_on_as_one(receiver, payload, until):
    receiver.work.free.clear()
    receiver.send("repository", payload(), id_="1")
    until(lambda: receiver.work.asked)
    for number in range(2, 7):
        receiver.send("repository", payload(name=f"name-{number}"), id_=str(number))
    receiver.send("repository", payload(id_=8, name="two"), id_="7")
    receiver.work.free.set()
    receiver.idle()
    assert sorted(map(str, receiver.work.asked)) == ["acme-demo/name-6", "acme-demo/one", "acme-demo/two"]


def test_one_repository_is_worked_on_at_a_time(start, payload, until, work):
    receiver = start(work=work)
    work.free.clear()
    for number in range(1, 6):
        receiver.send("repository", payload(id_=number, name=f"r{number}"), id_=str(number))
    until(lambda: work.asked)
    assert len(work.asked) == 1
    work.free.set()
    receiver.idle()
    assert len(work.asked) == 5


def test_what_fails_is_tried_again_and_holds_nothing_up(impatient, receiver, payload):
    receiver.work.fail = 3
    receiver.send("repository", payload())
    receiver.send("repository", payload(id_=8, name="two"), id_="2")
    receiver.idle()
    assert receiver.work.asked.count(ONE) + receiver.work.asked.count(TWO) == 5
    assert any("outcome=failed" in line and 'error="GitHub is away"' in line for line in receiver.said)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BootstrapError("answers 500", where="Jenkins", hint="look"), "Jenkins: answers 500; try: look"),
        (RuntimeError("not-for-the-log"), "unexpected RuntimeError at test_receiver_worker.py"),
    ],
)
def test_errors_are_told_without_what_they_may_quote(error, words, impatient, start, payload):
    raised = []

    def work(_target):
        if not raised:
            raised.append(error)
            raise error
        return worker.Result()

    work.free = type("", (), {"set": lambda: None})
    receiver = start(work=work)
    receiver.send("repository", payload())
    receiver.idle()
    text = "\n".join(receiver.said)
    assert words in text and "not-for-the-log" not in text
    assert not receiver.service.worker.has_died


def test_waits_between_tries_grow_to_a_bound():
    waits = [worker.retry_after(n, 0.5) for n in range(12)]
    assert waits[:3] == [5, 10, 20] and waits[-1] == 900
    assert worker.retry_after(0, 0.5, everything=True) == 60
    assert worker.retry_after(0, 0.0) == 4 and worker.retry_after(10_000, 0.999) < 1080


def test_everything_is_looked_at_at_the_start_and_by_the_timer(start, until):
    receiver = start(first=0.0)
    until(lambda: any("reconcile kind=everything outcome=done" in line for line in receiver.said))
    assert receiver.work.asked == [None]
    receiver.service.worker._full_due = 0.0
    receiver.service.worker.wake()
    until(lambda: sum("outcome=done" in line for line in receiver.said) == 2)
    assert receiver.work.asked == [None, None]
    due = receiver.service.worker._full_due - time.monotonic()
    assert 0.9 * 1800 - 5 < due < 1.1 * 1800


def test_many_repositories_at_once_are_one_look_at_everything(start, work, payload, until, tmp_path):
    queue = Queue(tmp_path / "many.db")
    queue.add([Delivery("1", f"{n}", 1.0, (Target("acme-demo", f"r{n}", n),)) for n in range(1, worker.MANY + 2)])
    queue.close()
    receiver = start(work=work, database="many.db")
    receiver.idle()
    assert work.asked == [None]


def test_while_another_process_works_on_the_jobs_nothing_is_lost_or_counted_as_failed(impatient, start, payload, work):
    work.busy = 3
    receiver = start(work=work)
    receiver.send("repository", payload())
    receiver.idle()
    assert receiver.work.asked == [ONE]
    assert sum("outcome=postponed" in line and "process 42" in line for line in receiver.said) == 3
    assert not any("outcome=failed" in line for line in receiver.said)


def test_a_stop_finishes_the_work_under_way_and_keeps_the_rest(start, payload, until, work):
    receiver = start(work=work)
    work.free.clear()
    receiver.send("repository", payload())
    receiver.send("repository", payload(id_=8, name="two"), id_="2")
    until(lambda: work.asked)
    first = work.asked[0]
    work.free.set()
    start.stop(receiver)
    assert "stop outcome=done" in receiver.said[-1]
    again = start(work=work)
    again.idle()
    assert work.asked[0] == first and set(work.asked) == {ONE, TWO}
    assert again.send("repository", payload()) == (200, "duplicate")


def test_work_that_does_not_end_in_time_is_done_by_the_next_start(start, payload, until, work, tmp_path):
    receiver = start(work=work)
    receiver.service.stop_seconds = 0.05
    work.free.clear()
    receiver.send("repository", payload())
    until(lambda: work.asked)
    hung, work.free = work.free, threading.Event()  # what runs waits on; `stop` sets the other
    start.stop(receiver)
    assert "work goes on at the next start" in receiver.said[-1]
    hung.set()
    until(lambda: receiver.service.queue.waiting().length == 0)
    receiver.service.queue.close()


def missed(asked, id_, event="repository", hook="1", fail=False):
    def again():
        if fail:
            raise BootstrapError("answers 403", where="GitHub")
        asked.append(id_)

    return Missed(hook, id_, event, again)


def test_what_github_could_not_deliver_is_sent_again(tmp_path):
    queue, said, asked, waits = Queue(tmp_path / "queue.db"), [], [], []
    queue.add([Delivery("1", "known", 1.0, (ONE,))])
    found = [
        missed(asked, "lost"),
        missed(asked, "known"),
        missed(asked, "known", hook="2"),
        missed(asked, "pinged", "ping"),
        missed(asked, "other", "issues"),
        missed(asked, "app", "installation_repositories", hook=None),
        missed(asked, "known", hook=None),
    ]
    assert catch_up(lambda: found, queue, said.append, sleep=waits.append) == 3
    assert asked == ["lost", "known", "app"]
    assert waits == [1.0, 1.0]  # GitHub wants no more than one a second
    assert said == ["catch-up outcome=done again=3 left=0"]
    queue.close()


def test_catching_up_is_bounded_and_a_failure_is_only_told(tmp_path):
    queue, said, asked = Queue(tmp_path / "queue.db"), [], []
    many = [missed(asked, str(n)) for n in range(MOST + 5)]
    assert catch_up(lambda: many, queue, said.append, sleep=lambda _s: None) == MOST
    failing = [missed(asked, "a"), missed(asked, "b", fail=True), missed(asked, "c")]
    assert catch_up(lambda: failing, queue, said.append, sleep=lambda _s: None) == 1
    assert "left=5" in said[0] and 'outcome=failed again=1 error="GitHub: answers 403"' in said[1]
    assert catch_up(lambda: many, queue, said.append, stopping=lambda: True) == 0
    queue.close()


def test_missed_deliveries_are_looked_for_at_the_start(start, payload, until):
    asked = []
    receiver = start(find_missed=lambda _values: lambda: [missed(asked, "lost")])
    until(lambda: asked == ["lost"])
    until(lambda: any("catch-up outcome=done again=1" in line for line in receiver.said))


def test_a_port_that_is_taken_is_explained(start, receiver, settings):
    taken = settings.controller.receiver.model_copy(update={"port": receiver.port})
    controller = settings.controller.model_copy(update={"receiver": taken})
    receiver.service.settings = settings.model_copy(update={"controller": controller})
    receiver.service.queue.close = lambda: None  # the running one needs it
    with pytest.raises(BootstrapError, match="cannot be listened on"):
        asyncio.run(receiver.service.start())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_answer_of_health_is_503_when_the_worker_has_ended(start, payload, until):
    def work(_target):
        sys.exit()  # ends its thread, as what nobody thought of may

    work.free = threading.Event()
    receiver = start(work=work)
    receiver.send("repository", payload())
    until(lambda: receiver.service.worker.has_died)
    status, text = receiver.call("GET", "/healthz")
    assert status == 503 and json.loads(text)["status"] != "ok"
