"""Bodies: what is refused without reading them, and what those who send large or slow ones cannot take from others."""

import contextlib
import socket
import threading

import pytest

from jenkins_bootstrap.receiver import signature
from jenkins_bootstrap.receiver.body import SMALL, Room
from jenkins_bootstrap.receiver.head import MOST_BYTES

HEAD = {
    "Content-Type": "application/json",
    "Content-Length": str(MOST_BYTES),
    "X-GitHub-Event": "push",
    "X-GitHub-Delivery": "d-1",
    "X-Hub-Signature-256": "sha256=" + "0" * 64,
}


@contextlib.contextmanager
def begun(receiver, body=b"", **headers):
    """A request whose head is sent, and so much of its body."""
    told = HEAD | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in told.items() if value is not None]
    with socket.create_connection((receiver.host, receiver.port), timeout=10) as wire:
        wire.sendall("\r\n".join(("POST /jenkins-bootstrap/webhook HTTP/1.1", "Host: x", *lines, "", "")).encode())
        wire.sendall(body)
        yield wire


def status(wire):
    return int(wire.recv(65536).split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X_Hub_Signature_256": None}, 401),
        ({"X_Hub_Signature_256": "sha256=" + "0" * 63}, 401),
        ({"X_Hub_Signature_256": "sha256=" + "G" * 64}, 401),
        ({"X_GitHub_Event": None}, 400),
        ({"X_GitHub_Delivery": None}, 400),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/json; charset=latin-1"}, 415),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Length": "30000000"}, 413),
        ({"Content_Length": None, "Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_what_the_head_shows_to_be_none_of_githubs_is_refused_before_a_byte_of_its_body(headers, expected, receiver):
    with begun(receiver, **headers) as wire:
        answer = wire.recv(65536)
        assert int(answer.split(b" ", 2)[1]) == expected
        assert b"Connection: close" in answer


def test_a_large_body_that_is_refused_is_not_read(receiver):
    sent, block = 0, b"0" * 65536
    with begun(receiver, Content_Length="30000000") as wire, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while sent < 60_000_000:
            wire.sendall(block)
            sent += len(block)
    assert sent < 10_000_000  # what fits into the buffers of the two ends


def test_a_body_as_large_as_github_sends_is_taken(receiver, payload):
    filling = "x" * (MOST_BYTES - 1000)
    assert receiver.send("repository", payload(filling=filling)) == (202, "queued")
    assert not receiver.service.intake.bodies.large.used


@pytest.mark.parametrize("length", ["10", str(MOST_BYTES)])
def test_a_slow_body_is_given_up(length, receiver):
    receiver.service.intake.bodies.seconds = 0.1
    with begun(receiver, b"{", Content_Length=length) as wire:
        assert status(wire) == 408


def test_a_sender_that_goes_away_half_way_does_no_harm(receiver, payload, until):
    bodies = receiver.service.intake.bodies
    with begun(receiver, b"{"):
        until(lambda: bodies.large.used)
    until(lambda: not bodies.large.used)
    assert receiver.send("repository", payload()) == (202, "queued")


def test_large_bodies_of_strangers_hold_up_none_of_githubs_usual_size(receiver, payload, until):
    bodies = receiver.service.intake.bodies
    bodies.large = Room(4 * SMALL, 2 * SMALL)
    with contextlib.ExitStack() as held:
        for peer in ("203.0.113.1", "203.0.113.2"):
            held.enter_context(begun(receiver, b"x" * 2 * SMALL, X_Forwarded_For=f"10.0.0.9, {peer}"))
        until(lambda: bodies.large.used.total() == 4 * SMALL)
        large = payload(filling="x" * SMALL)
        assert receiver.send("repository", large) == (503, "full")
        for number in range(5):
            assert receiver.send("repository", payload(), id_=f"d{number}") == (202, "queued")
    until(lambda: not bodies.large.used)
    assert receiver.send("repository", large, id_="again") == (202, "queued")


@pytest.mark.parametrize("size", [100, 2 * SMALL])
def test_nobody_has_all_of_the_room(size, receiver, payload, until):
    bodies = receiver.service.intake.bodies
    bodies.small, bodies.large = Room(10_000, 600), Room(10 * SMALL, 3 * SMALL)
    room = bodies.small if size < SMALL else bodies.large
    with contextlib.ExitStack() as held:

        def begin(count):
            request = begun(receiver, b"x" * count, Content_Length=str(count + 1), X_Forwarded_For="203.0.113.1")
            return held.enter_context(request)

        begin(room.most_a_peer - size)
        until(lambda: room.used["203.0.113.1"] == room.most_a_peer - size)
        assert status(begin(size + 1)) == 503
        assert receiver.send("repository", payload(filling="x" * size)) == (202, "queued")


def test_a_large_body_is_hashed_beside_the_others(receiver, payload, monkeypatch, until):
    hashing, go_on, real = threading.Event(), threading.Event(), signature.is_signed

    def is_signed(header, body, secrets):
        if len(body) > SMALL:
            hashing.set()
            assert go_on.wait(10)
        return real(header, body, secrets)

    monkeypatch.setattr(signature, "is_signed", is_signed)
    answers = []
    large = threading.Thread(
        target=lambda: answers.append(receiver.send("repository", payload(filling="x" * SMALL), id_="large"))
    )
    large.start()
    assert hashing.wait(10)
    assert receiver.send("repository", payload(), id_="small") == (202, "queued")
    assert receiver.service.intake.bodies.large.used  # it counts until it is worked on
    go_on.set()
    large.join(10)
    assert answers == [(202, "queued")]
