"""What a browser sends over its WebSocket, checked before Solara believes it."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

LARGEST_MESSAGE = 2_000_000  # bytes that a browser may send at once
MOST_PARTS = 1024  # of a binary message: one of JSON, one a buffer of a widget
# A page sends a few messages a second, a slider or a scrubbed film some dozens; what comes faster waits for its turn.
_MESSAGES_A_SECOND, _BYTES_A_SECOND = 200.0, 4_000_000.0
_SAVED = 5.0  # seconds of both that a page may use at once
_TABLES = ("header", "parent_header", "metadata", "content")
# What a page says; of all else Solara makes widgets, or ends the page.
_KINDS = ("kernel_info_request", "comm_info_request", "comm_open", "comm_msg", "comm_close", "shutdown_request")
_TARGETS = ("solara.control", "jupyter.widget.control")
# What the data of a message may ask for -> the entry that goes with it, and its type.
_METHODS: Mapping[str, tuple[str, type] | None] = MappingProxyType(
    {
        "run": ("args", dict),
        "app-status": None,
        "reload": None,  # of Solara's control
        "update": ("state", dict),
        "custom": ("content", dict),
        "request_state": None,
        "request_states": None,  # of widgets
    }
)
_LONGEST_ID = 100


class Unbelievable(Exception):  # noqa: N818 (what was sent is at fault)
    """Raised for what is no message of a page; says why."""


def read(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an ASGI message `websocket.receive` says to a kernel, without its buffers.

    Raises:
        Unbelievable: it is too large, not what its head says, no JSON, or not what a page says.
    """
    sent = message.get("text")
    if sent is None:
        sent = message.get("bytes") or b""
    if len(sent) > LARGEST_MESSAGE:
        raise Unbelievable(f"a message has at most {LARGEST_MESSAGE:,} bytes")
    try:
        said = json.loads(sent if isinstance(sent, str) else _first_part(sent))
    except (ValueError, RecursionError):
        raise Unbelievable("the message is no JSON") from None
    if not isinstance(said, dict) or any(not isinstance(said.get(name), dict) for name in _TABLES):
        raise Unbelievable("the message lacks a part")
    kind = said["header"].get("msg_type")
    if not isinstance(said.get("channel"), str) or kind not in _KINDS:
        raise Unbelievable("the message is of no known kind")
    if kind == "comm_open" and said["content"].get("target_name") not in _TARGETS:
        raise Unbelievable("the message opens what no page opens")
    if kind.startswith("comm_") and kind != "comm_info_request":
        _check_comm(kind, said, isinstance(sent, str))
    return said


def _check_comm(kind: str, said: Mapping[str, Any], is_text: bool) -> None:
    """Make sure that a message to a widget has the parts by which Solara and ipywidgets take it up.

    Raises:
        Unbelievable: it lacks one, or has one of another type.
    """
    name, data = said["content"].get("comm_id"), said["content"].get("data", {})
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ID or not name.isprintable():
        raise Unbelievable("the message names no widget")
    if not isinstance(data, dict):
        raise Unbelievable("the data of the message are no table")
    if kind != "comm_msg":
        return
    method = data.get("method")
    if not isinstance(method, str) or method not in _METHODS:
        raise Unbelievable("the message asks for what no page asks for")
    part = _METHODS[method]
    if part is not None and not isinstance(data.get(part[0]), part[1]):
        raise Unbelievable(f"the message lacks its {part[0]}")
    if is_text and said.get("buffers") != []:
        raise Unbelievable("the message holds buffers as text")


def _first_part(frame: bytes) -> bytes:
    """Return the JSON of a binary message: its head is the number of parts and where each begins, the parts fill the rest.

    Raises:
        Unbelievable: they do not.
    """
    if len(frame) < 4:
        raise Unbelievable("the message is too short")
    (count,) = struct.unpack_from("!I", frame)
    head = 4 * (count + 1)
    # The count is compared with the real length before anything is made of that size.
    if not 1 <= count <= MOST_PARTS or head > len(frame):
        raise Unbelievable("the message holds another number of parts than it says")
    starts = struct.unpack_from(f"!{count}I", frame, 4)
    if starts[0] != head or any(a > b for a, b in zip(starts, (*starts[1:], len(frame)))):
        raise Unbelievable("the parts of the message do not follow one another")
    return frame[head : starts[1] if count > 1 else None]


def begins(said: Mapping[str, Any]) -> bool:
    """Return whether a message begins a page, which a browser does once or twice."""
    data = said["content"].get("data")
    return said["header"]["msg_type"] == "comm_open" or (
        isinstance(data, dict) and data.get("method") in ("run", "reload")
    )


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
