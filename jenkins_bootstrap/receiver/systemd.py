"""Tells the service manager, where there is one, how the receiver is: a datagram to its socket (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket

READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


def notify(state: str) -> None:
    """Never fails: what is not told in time, systemd finds out by itself."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        # An @ stands for the NUL of an abstract name. A full socket is not waited for.
        wire.setblocking(False)
        wire.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
