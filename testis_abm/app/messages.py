"""What a browser sends over its WebSocket, checked before Solara believes it."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Mapping
from typing import Any

LARGEST_MESSAGE = 2_000_000  # bytes that a browser may send at once
MOST_PARTS = 1024  # of a binary message: one of JSON, one a buffer of a widget
# A page sends a few messages a second, a slider or a scrubbed film some dozens; what comes faster waits for its turn.
_MESSAGES_A_SECOND, _BYTES_A_SECOND = 200.0, 4_000_000.0
_SAVED = 5.0  # seconds of both that a page may use at once
_TABLES = ("header", "parent_header", "metadata", "content")


def fault(message: Mapping[str, Any]) -> str | None:
    """Return why an ASGI message `websocket.receive` is no message of a Jupyter kernel's channel, None if it is one."""
    text = message.get("text")
    if text is not None:
        return _fault_of_size(len(text)) or _fault_of_json(text)
    frame: bytes = message.get("bytes") or b""
    return _fault_of_size(len(frame)) or _fault_of_parts(frame)


def _fault_of_size(size: int) -> str | None:
    return None if size <= LARGEST_MESSAGE else f"a message has at most {LARGEST_MESSAGE:,} bytes"


def _fault_of_parts(frame: bytes) -> str | None:
    """Check the head: the number of parts, then where each begins; the parts fill the rest, the first is JSON."""
    if len(frame) < 4:
        return "the message is too short"
    (count,) = struct.unpack_from("!I", frame)
    head = 4 * (count + 1)
    # The count is compared with the real length before anything is made of that size.
    if not 1 <= count <= MOST_PARTS or head > len(frame):
        return "the message holds another number of parts than it says"
    starts = struct.unpack_from(f"!{count}I", frame, 4)
    if starts[0] != head or any(a > b for a, b in zip(starts, (*starts[1:], len(frame)))):
        return "the parts of the message do not follow one another"
    return _fault_of_json(frame[head : starts[1] if count > 1 else None])


def _fault_of_json(text: str | bytes) -> str | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return "the message is no JSON"
    if not isinstance(message, dict) or any(not isinstance(message.get(name), dict) for name in _TABLES):
        return "the message lacks a part"
    if not all(isinstance(of, str) for of in (message.get("channel"), message["header"].get("msg_type"))):
        return "the message says not what it is"
    return None


class Budget:
    """How much one page may send: what is beyond it is read later, and its sender waits."""

    def __init__(self) -> None:
        self._paid_until = 0.0

    async def spend(self, size: int) -> None:
        """Wait until a message of `size` bytes is within the budget."""
        now = time.monotonic()
        cost = max(1.0 / _MESSAGES_A_SECOND, size / _BYTES_A_SECOND)
        self._paid_until = max(self._paid_until, now - _SAVED) + cost
        if self._paid_until > now:
            await asyncio.sleep(self._paid_until - now)
