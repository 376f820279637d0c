"""Loopback addresses for instances: one each in 127.64.0.0/10, on a port that is free there. Opens no server."""

from __future__ import annotations

import secrets
import socket
import threading

from jenkins_bootstrap.embedded import userns
from jenkins_bootstrap.errors import BootstrapError

_TRIES = 50


class Addresses:
    """Gives out addresses, none twice; usable from several threads.

    `port` is the port that instances listen on. Without it: 22 for root if no server of this machine holds that port on
    all addresses, else the first free one from 2222 on. BootstrapError when none is free.
    """

    def __init__(self, port: int | None = None) -> None:
        self._given: set[str] = set()
        self._lock = threading.Lock()
        self.port = port if port is not None else _choose_port()

    def fresh(self) -> str:
        """An address never given out before, where nobody listens on the port."""
        with self._lock:
            for _ in range(_TRIES):
                address = _random_address()
                if address not in self._given and _is_free(address, self.port):
                    self._given.add(address)
                    return address
        raise BootstrapError(
            f"cannot listen on port {self.port} of a loopback address",
            where="starting an instance",
            hint="another server holds the port, or an ordinary user needs one of 1024 or above",
        )


def _choose_port() -> int:
    address = _random_address()
    candidates = ([22] if userns.is_root() else []) + list(range(2222, 2300))
    for port in candidates:
        if _is_free(address, port):
            return port
    raise BootstrapError(
        "no port from 2222 to 2299 is free", where="starting the embedded instances", hint="end the servers there"
    )


def _random_address() -> str:
    """Never the first or last of a /24, which some tools take for network and broadcast."""
    number = secrets.randbelow(2**22)
    return f"127.{64 + (number >> 16)}.{(number >> 8) & 255}.{1 + (number & 255) % 254}"


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        # As sshd does: connections of an earlier boot that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
        return True
