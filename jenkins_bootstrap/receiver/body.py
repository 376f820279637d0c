"""Reads bodies within bounds of memory and time.

Who sent a body is known only when all of it is there, so anybody may have some read. What they can use up that way is
kept apart: large bodies have a room of their own, so that GitHub's usual deliveries find theirs, and nobody gets all of
a room.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jenkins_bootstrap.receiver.head import MOST_BYTES, Refused

if TYPE_CHECKING:
    from aiohttp import web

SMALL = 64 * 1024
"""Most deliveries are of some 10 KB."""
BODY_SECONDS = 10.0
"""GitHub itself gives up after ten."""


@dataclass(slots=True)
class Room:
    """Bytes that bodies may take together, and those of one peer."""

    most: int
    most_a_peer: int
    used: Counter[str] = field(default_factory=Counter)

    def take(self, peer: str, count: int) -> bool:
        """Count them; False where there is no room, and nothing is counted then."""
        if self.used.total() + count > self.most or self.used[peer] + count > self.most_a_peer:
            return False
        self.used[peer] += count
        return True

    def give(self, peer: str, count: int) -> None:
        self.used[peer] -= count
        if not self.used[peer]:
            del self.used[peer]


@dataclass(slots=True)
class Bodies:
    """All bodies that are being read or worked on: some 90 MB."""

    small: Room = field(default_factory=lambda: Room(256 * SMALL, 64 * SMALL))
    large: Room = field(default_factory=lambda: Room(3 * MOST_BYTES, MOST_BYTES))
    seconds: float = BODY_SECONDS

    @asynccontextmanager
    async def read(self, request: web.Request, length: int, peer: str) -> AsyncIterator[bytearray]:
        """The raw body, of which the head said that it has `length` bytes; it counts until the end. Raises Refused."""
        from aiohttp import ClientPayloadError

        room = self.small if length <= SMALL else self.large
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(self.seconds):
                    async for chunk in request.content.iter_chunked(SMALL):
                        # By what came, not by what was announced: that costs who sends it something too.
                        if not room.take(peer, len(chunk)):
                            raise Refused(
                                503, "full", f"too many {'small' if room is self.small else 'large'} bodies at once"
                            )
                        body += chunk
            except TimeoutError:
                raise Refused(408, "slow", f"the body was not there within {self.seconds:.0f} s") from None
            except (ClientPayloadError, ConnectionError):
                raise Refused(400, "cut_off", "the body ended early") from None
            yield body
        finally:
            if body:
                room.give(peer, len(body))
