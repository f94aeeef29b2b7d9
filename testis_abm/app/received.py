"""Files that a browser sends, in parts that each fit into one message; kept in memory until the last has come."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from testis_abm.support.errors import ScenarioError, printable

PART = 1_000_000  # bytes of a part, which base64 makes 4/3 of: under messages.LARGEST_MESSAGE


class Parts:
    """The file that a browser is sending.

    Args:
        most: bytes that it may have; what: says what is refused if it has more.
    """

    def __init__(self, most: int, what: str) -> None:
        self.most, self.what = most, what
        self._bytes = bytearray()

    def take(self, part: object) -> tuple[str, bytes] | None:
        """Return name and content of a file with its last part; None before. What a browser says of it is not trusted.

        Raises:
            ScenarioError: it is too large, or parts are missing.
        """
        said = part if isinstance(part, Mapping) else {}
        name, size = printable(str(said.get("name")))[:100] or "file", said.get("size")
        if said.get("at") == 0:
            self._bytes.clear()
        if isinstance(size, int) and size > self.most:
            large = f"{self.most // 1_000_000} MB" if self.most >= 1_000_000 else f"{self.most // 1000} kB"
            raise ScenarioError(f"{name}: is larger than {large}{self.what}")
        piece, begun = _decoded(said.get("data")), len(self._bytes)
        if not isinstance(size, int) or piece is None or said.get("at") != begun or begun + len(piece) > size:
            self._bytes.clear()
            raise ScenarioError(f"{name}: has not come whole; choose it again")
        self._bytes += piece
        if len(self._bytes) < size:
            return None
        content = bytes(self._bytes)
        self._bytes.clear()
        return name, content


def _decoded(data: object) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except (binascii.Error, ValueError):
        return None
