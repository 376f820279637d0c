"""Addresses and the port of the embedded instances, against real listeners."""

import socket
from collections.abc import Iterator

import pytest

from jenkins_bootstrap.embedded import addresses, userns
from jenkins_bootstrap.embedded.addresses import Addresses
from jenkins_bootstrap.errors import BootstrapError

HERE = "127.99.77.55"


@pytest.fixture
def one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_random_address", lambda: HERE)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((HERE, 0))
        server.listen(1)
        yield server.getsockname()[1]


def test_no_address_is_given_twice_and_all_are_loopback() -> None:
    given = Addresses(port=40022)
    fresh = [given.fresh() for _ in range(200)]
    assert len(set(fresh)) == 200
    for address in fresh:
        first, second, _third, last = (int(part) for part in address.split("."))
        assert first == 127
        assert 64 <= second < 128
        assert 1 <= last <= 254


def test_an_address_where_another_listens_is_not_given(one_address: None, taken: int) -> None:
    with pytest.raises(BootstrapError, match=f"cannot listen on port {taken}"):
        Addresses(taken).fresh()
    assert Addresses(taken + 1 if taken < 65535 else taken - 1).fresh() == HERE


def test_the_default_port_gives_way_to_a_server_that_holds_it(one_address: None) -> None:
    usual = Addresses().port
    if userns.is_root():
        assert usual == 22 or usual >= 2222
    with socket.socket() as server:
        server.bind((HERE, usual))
        server.listen(1)
        assert Addresses().port == (2222 if usual == 22 else usual + 1)
