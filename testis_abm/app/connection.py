"""A connection of a browser: few at a time, and none for who says nothing."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 300
_PATIENCE, _LONGEST = (
    15.0,
    600.0,
)  # seconds for a whole request, from the connection or the last answer; and for an answer
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n"
    b"Too many connections are open; try again in some minutes.\n"
)


class Connection(H11Protocol):
    """Uvicorn's connection, closed if it is one too many, has not brought a whole request in time, or does not read its answer."""

    most, patience, longest = MOST_CONNECTIONS, _PATIENCE, _LONGEST
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless too many are open."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.write(_FULL)
            transport.close()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._due = self.loop.call_later(self.patience, self._give_up)

    def _stop_waiting(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _give_up(self) -> None:
        if self.transport.get_protocol() is not self:  # a WebSocket has taken the transport over
            return
        self._due = self.loop.call_later(self.longest, self.transport.abort)
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()  # once what is still to be sent is read
