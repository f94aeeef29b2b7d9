"""One day of a section as bytes, for the browser: a header and plain little-endian arrays, about 21 bytes a cell."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from testis_abm.biology import steps
from testis_abm.testis.kinds import FURTHER

# As steps of a cell that is no germ cell; those of further kinds follow.
SOMA = ("sertoli", "leydig", *(kind.name for kind in FURTHER))
SERTOLI, LEYDIG = steps.COUNT, steps.COUNT + 1
_HEADER = struct.Struct("<i7I4f16x")
THERE, HYALINISED, REMOVED = range(3)  # of a tubule
STAGED, EMPTY, BLOCKED = range(3)  # of a niche: in a stage, without germ cells, or with stem cells that have stopped
_WHOLE, _TENTH = 65535.0, 0.1
_ALIGNED = 8


@dataclass(frozen=True, eq=False)
class Frame:
    """A section on one day: Sertoli cells, then Leydig cells, those of further kinds, then germ cells.

    Attributes:
        day: of the plan.
        sertoli, others: how many Sertoli cells there are, and how many of all other kinds but germ cells.
        window: x, y, width and height of what is seen, um (not part of the bytes).
        lineage: (cells,) uint64; clone: (cells,) uint32, of a stem cell how many it has founded; of others 0 or its
            name.
        levels: (5, places) float32: total testosterone and oestradiol (nmol/L), AR, ER-alpha and ER-beta signal (1 =
            reference man; NaN where nobody hears it) at each Sertoli cell and interstice.
        by_step: (2, steps) float32: working aromatase, usual age at its begin (days since A-pale).
        soma_aromatase: (sertoli + others,) float32, working aromatase of each.
        x, y: (cells,) um. place: (cells,) uint16, column of `levels`.
        step: (cells,) uint8, as `steps.NAMES`, then SOMA.
        tubule: (tubules,) uint8, THERE, HYALINISED or REMOVED; niche: (sertoli,) uint8, STAGED, EMPTY or BLOCKED.
        interstice: (places - sertoli,) uint8, 1 where its testis is there; present: (sertoli + others,) uint8, 1 of a cell
            that is: others are kept, so that rows stay, and not shown.
        age, left: (cells,) days in the step, and until it ends (a stem cell's: of its cycle), to a tenth of a day.
        testosterone, oestradiol: (rows, columns) nmol/L over the window, rows upwards, to 1/255 of their range.
    """

    day: int
    sertoli: int
    others: int
    window: tuple[float, float, float, float]
    lineage: np.ndarray
    clone: np.ndarray
    levels: np.ndarray
    by_step: np.ndarray
    soma_aromatase: np.ndarray
    x: np.ndarray
    y: np.ndarray
    place: np.ndarray
    step: np.ndarray
    tubule: np.ndarray
    niche: np.ndarray
    interstice: np.ndarray
    present: np.ndarray
    age: np.ndarray
    left: np.ndarray
    testosterone: np.ndarray
    oestradiol: np.ndarray

    def pack(self) -> bytes:
        """Return the frame as bytes, a multiple of 8 of them."""
        left, bottom, width, height = self.window
        ranges = [float(edge) for grid in (self.testosterone, self.oestradiol) for edge in (grid.min(), grid.max())]
        head = _HEADER.pack(
            self.day,
            len(self.step),
            self.sertoli,
            self.others,
            self.levels.shape[1],
            *self.testosterone.shape,
            len(self.tubule),
            *ranges,
        )
        stored = {
            "x": _whole(_WHOLE * (self.x - left) / width, _WHOLE),
            "y": _whole(_WHOLE * (self.y - bottom) / height, _WHOLE),
            "age": _whole(self.age / _TENTH, 255),
            "left": _whole(self.left / _TENTH, 255),
            "testosterone": _quantised(self.testosterone, *ranges[:2]),
            "oestradiol": _quantised(self.oestradiol, *ranges[2:]),
        }
        arrays = _layout(head)
        body = b"".join(
            np.ascontiguousarray(stored.get(name, getattr(self, name)), dtype=dtype).tobytes()
            for name, dtype, _ in arrays
        )
        return head + body + bytes(-len(body) % _ALIGNED)


def unpack(data: bytes, window: tuple[float, float, float, float]) -> Frame:
    """Return the frame that `pack` made bytes of, as it was seen in `window`."""
    day, _, sertoli, others, _, _, _, _, *ranges = _HEADER.unpack_from(data)
    at, of = _HEADER.size, {}
    for name, dtype, shape in _layout(data[:at]):
        count = int(np.prod(shape))
        of[name] = np.frombuffer(data, dtype, count, at).reshape(shape)
        at += of[name].nbytes
    left, bottom, width, height = window
    of["x"], of["y"] = left + of["x"] / _WHOLE * width, bottom + of["y"] / _WHOLE * height
    of["age"], of["left"] = of["age"] * _TENTH, of["left"] * _TENTH
    for k, name in enumerate(("testosterone", "oestradiol")):
        low, high = ranges[2 * k : 2 * k + 2]
        of[name] = low + of[name] / 255.0 * (high - low)
    return Frame(day, sertoli, others, window, **of)


def lineages(data: bytes) -> np.ndarray:
    """Return only the lineages of a packed frame, uint64."""
    cells = _HEADER.unpack_from(data)[1]
    return np.frombuffer(data, "<u8", cells, _HEADER.size)


def _layout(head: bytes) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return name, type and shape of each array behind a header; wide types first, so that all lie aligned."""
    _, cells, sertoli, others, places, rows, columns, tubules, *_ = _HEADER.unpack(head)
    each, grid = (cells,), (rows, columns)
    return [
        ("lineage", "<u8", each),
        ("clone", "<u4", each),
        ("levels", "<f4", (5, places)),
        ("by_step", "<f4", (2, steps.COUNT)),
        ("soma_aromatase", "<f4", (sertoli + others,)),
        ("x", "<u2", each),
        ("y", "<u2", each),
        ("place", "<u2", each),
        ("step", "<u1", each),
        ("tubule", "<u1", (tubules,)),
        ("niche", "<u1", (sertoli,)),
        ("interstice", "<u1", (places - sertoli,)),
        ("present", "<u1", (sertoli + others,)),
        ("age", "<u1", each),
        ("left", "<u1", each),
        ("testosterone", "<u1", grid),
        ("oestradiol", "<u1", grid),
    ]


def _whole(value: np.ndarray, most: float) -> np.ndarray:
    return np.asarray(np.rint(np.clip(value, 0.0, most)))


def _quantised(grid: np.ndarray, low: float, high: float) -> np.ndarray:
    return _whole(255.0 * (grid - low) / max(high - low, 1e-12), 255)
