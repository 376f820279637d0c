"""The page on Jenkins' port, over a socket."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jenkins_bootstrap.boot.failures import Failure, Reason
from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.page import as_html, server
from jenkins_bootstrap.errors import BootstrapError

REASON = Reason("stage aws.txt", 'unknown key <b> "x"', "name & keep")
FAILURE = Failure((REASON,), "2026-01-01T00:00:00Z", 2, 3, 20)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Layout, int]]:
    layout = Layout(tmp_path)
    layout.run.mkdir(parents=True)
    running = server(layout, host="127.0.0.1", port=0)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield layout, running.server_address[1]
    running.shutdown()
    running.server_close()
    thread.join()


def ask(port: int, method: str = "GET", path: str = "/", **headers: str) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read().decode()


def test_it_says_where_what_try_and_when_it_is_tried_again(place: tuple[Layout, int]) -> None:
    layout, port = place
    layout.failed.write_text(FAILURE.text())
    answer, text = ask(port, path="/job/x")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "20")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert text.splitlines()[1:4] == ["Where: stage aws.txt", 'What: unknown key <b> "x"', "Try: name & keep"]
    assert "Attempt: 2 of 3\nNext: tried again after 20 s\n" in text
    answer, text = ask(port, Accept="text/html,*/*")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "unknown key &lt;b&gt; &quot;x&quot;" in text and "<b>" not in text
    answer, text = ask(port, Accept="application/json")
    assert json.loads(text)["errors"][0]["what"] == REASON.what


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_every_request_is_answered_with_503(place: tuple[Layout, int], method: str) -> None:
    answer, text = ask(place[1], method, "/github-webhook/")
    assert (answer.status, bool(text)) == (503, method != "HEAD")


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"what": "x"}'])
def test_without_a_reason_it_says_that(place: tuple[Layout, int], content: str | None) -> None:
    layout, port = place
    if content is not None:
        layout.failed.write_text(content)
    answer, text = ask(port)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "300")
    assert "Why: not known yet" in text


def test_given_up_it_says_what_a_person_can_do(place: tuple[Layout, int]) -> None:
    layout, port = place
    layout.failed.write_text(replace(FAILURE, next_seconds=None).text())
    assert "Next: nothing by itself: once the cause is gone, systemctl start jenkins" in ask(port)[1]


def test_a_client_that_says_nothing_keeps_nobody_waiting(place: tuple[Layout, int]) -> None:
    with socket.create_connection(("127.0.0.1", place[1])) as idle:
        assert ask(place[1])[0].status == 503
        idle.sendall(b"\x00\xff garbage\r\n\r\n")
        assert b"Error response" in idle.recv(1000)


def test_a_port_that_is_taken_is_an_error(place: tuple[Layout, int]) -> None:
    with pytest.raises(BootstrapError, match=f"port {place[1]}"):
        server(place[0], host="127.0.0.1", port=place[1])


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@given(st.text(), st.text())
def test_no_text_breaks_out_of_the_page(where: str, what: str) -> None:
    usual, other = Tags(), Tags()
    usual.feed(as_html(Failure((Reason("a", "b", "c"),), "d", 1, 2, 3)))
    other.feed(as_html(Failure((Reason(where or "a", what or "b", "c"),), "d", 1, 2, 3)))
    assert other.tags == usual.tags
