"""The living cross-section as one widget, for Jupyter, VS Code, marimo and Solara alike: what the browser is sent, and what it may ask."""

from __future__ import annotations

import json
import re
import struct
import threading
from functools import cache
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from testis_abm.app.tubule import course
from testis_abm.app.tubule.recording import Recording
from testis_abm.app.tubule.words import describe, short
from testis_abm.pictures.steps import slide
from testis_abm.quantities import in_units, unit_system

_SETTLE = 0.2  # seconds in which new frames gather before the browser hears of them
_MOST_DAYS = 12  # frames in an answer
_MOST_RELATIVES, _MOST_MATES, _MOST_FAMILY = 24, 8, 2000  # of a chosen cell
_LINEAGE = re.compile(r"[0-9]{1,20}")
# In the order in which they are joined into one module.
_PARTS = (
    "dom",
    "frames",
    "draw",
    "clock",
    "hand",
    "paint",
    "fields",
    "loss",
    "legend",
    "strip",
    "panel",
    "film",
    "slide",
    "module",
)
NAMES = ("Treated", "Untreated control")


@cache
def module() -> str:
    """Return the code of the browser as one ES module: it goes there with the widget, from nowhere else."""
    here = files("testis_abm.app.tubule")
    code = "\n".join((here / f"{name}.js").read_text(encoding="utf-8") for name in _PARTS)
    return f"const SLIDE = {json.dumps(slide())};\n{code}"


@cache
def style() -> str:
    """Return the style sheet of the widget."""
    return (files("testis_abm.app.tubule") / "tubule.css").read_text(encoding="utf-8")


class TubuleWidget(anywidget.AnyWidget):
    """One or two recordings on one clock.

    The browser sends messages of kind "need" (frames), "pick" (a cell, or none) and "seen" (the day that is shown); what is none of them
    is left alone.

    Attributes:
        recordings: one, or that of the treated man and of his untreated control; they may still grow.
        system: of units, in which levels are shown (default: the one in force).
        names: of the recordings, as headings.
        dark: colours (None: as the host is).
        day: of the plan, that was scrubbed to or paused at.
        cell: what `Recording.describe` says of the cell that was chosen, or None.
    """

    _esm = module()
    _css = style()
    scenes: Any = traitlets.List().tag(sync=True)
    panel: Any = traitlets.Dict(None, allow_none=True).tag(sync=True)
    dark = traitlets.Bool(None, allow_none=True).tag(sync=True)
    units: Any = traitlets.Dict().tag(sync=True)
    courses: Any = traitlets.List().tag(sync=True)
    marks: Any = traitlets.List().tag(sync=True)
    differences: Any = traitlets.Dict().tag(sync=True)
    recordings: Any = traitlets.Tuple()
    system = traitlets.Unicode()
    names: Any = traitlets.Tuple(NAMES)
    day = traitlets.Int(0)
    cell: Any = traitlets.Dict(None, allow_none=True)

    def __init__(self, **traits: Any) -> None:
        self._waiting, self._changing = threading.Event(), threading.RLock()
        self._heard: tuple[Recording, ...] = ()
        self._between: course.Differences | None = None
        self._courses: list[course.Course] = []
        super().__init__(**{"system": unit_system(), **traits})
        self.on_msg(self._receive)
        self._follow()
        self.observe(lambda _: self._follow(), ["recordings", "names", "system"])

    def close(self) -> None:
        """Listen no longer, and leave the browser."""
        self._leave()
        super().close()

    # ---- what the browser is told

    def _follow(self) -> None:
        """Listen to the recordings, and to no others."""
        self._leave()
        self._heard = tuple(self.recordings)
        for recording in self._heard:
            recording.listeners.append(self._grown)
        self._courses = [course.Course(recording) for recording in self._heard]
        self._between = course.Differences(*self._heard) if len(self._heard) == 2 else None
        if self.cell is not None:
            self._show(None)
        self._tell()

    def _leave(self) -> None:
        for recording in self._heard:
            if self._grown in recording.listeners:
                recording.listeners.remove(self._grown)
        self._heard = ()

    def _grown(self) -> None:
        """Tell the browser of new frames soon, however fast they come."""
        if not self._waiting.is_set():
            self._waiting.set()
            timer = threading.Timer(_SETTLE, self._tell)
            timer.daemon = True
            timer.start()

    def _tell(self) -> None:
        self._waiting.clear()
        if self.comm is None:  # closed meanwhile
            return
        with self._changing, in_units(self.system):
            self.units, self.courses = course.units(), course.courses(self._courses)
            self.marks = course.marks(self._heard, self.names)
            self.differences = {} if self._between is None else self._between.now()
            self.scenes = [
                {
                    "name": name,
                    "key": one.key,
                    "days": one.days,
                    "planned": one.planned,
                    "static": one.static,
                    "ranges": one.ranges,
                    "tubules": one.tubules,
                }
                for name, one in zip(self.names, self._heard, strict=False)
            ]

    # ---- what it asks

    def _receive(self, _: Any, message: Any, __: Any) -> None:
        """Answer a message of the browser; nothing that it holds is trusted."""
        if not isinstance(message, dict):
            return
        kind, shown = message.get("kind"), list(self._heard)
        if kind == "need":
            self.send({"kind": "chunk"}, [answer(shown, message)])
        elif kind == "pick":
            self._show(clicked(shown, message), _which(shown, message))
        elif kind == "kin":
            found, which = kin(shown, message), _which(shown, message)
            if found is not None:
                self._show(found, which)
        elif kind == "seen" and isinstance(message.get("day"), int):
            self.day = message["day"]

    def _show(self, cell: dict[str, Any] | None, which: int | None = None) -> None:
        with self._changing, in_units(self.system):
            self.cell = cell
            if cell is None or which is None:
                self.panel = None
            else:
                self.panel = describe(cell) | _place(which, cell) | _relatives(self._heard[which], cell)


def answer(shown: list[Recording], wanted: dict[str, Any]) -> bytes:
    """Return the frames that a browser asks for, as far as they are there, behind the number of their recording."""
    which = _which(shown, wanted)
    head = struct.pack("<2I", 0 if which is None else which, 0)
    if which is None:
        return head
    days, asked = shown[which].days, wanted.get("days")
    some = asked[:_MOST_DAYS] if isinstance(asked, list) else []
    return head + b"".join(shown[which].link(days.index(day)) for day in some if day in days)


def clicked(shown: list[Recording], message: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is known of the cell that a browser names by recording, day and row; None if there is no such cell."""
    which = _which(shown, message)
    if which is None:
        return None
    try:
        index = int(message["index"])
        return shown[which].describe(shown[which].days.index(message["day"]), index) if index >= 0 else None
    except (KeyError, TypeError, ValueError, IndexError):  # thinned away since, or not from our module
        return None


def kin(shown: list[Recording], message: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is known of a cell named by its lineage, on the day nearest to one on which it is there; None if there is none."""
    which = _which(shown, message)
    lineage, day = message.get("lineage"), message.get("day")
    if which is None or not isinstance(day, int) or not isinstance(lineage, str) or not _LINEAGE.fullmatch(lineage):
        return None
    found = shown[which].find(int(lineage) % 2**64, day)
    return None if found is None else shown[which].describe(*found)


def _place(which: int, cell: dict[str, Any]) -> dict[str, Any]:
    """Return where the browser finds a cell: arm, day, row, halves of its lineage, clone (0: none)."""
    of = int(cell["lineage"])
    clone = int(cell["clone"], 16) if cell.get("clone") else 0
    return {"arm": which, "day": cell["day"], "lineage": [of & 0xFFFFFFFF, of >> 32], "clone": clone}


def _relatives(recording: Recording, cell: dict[str, Any]) -> dict[str, Any]:
    """Return the relatives of a germ cell, each as a button that chooses it on a day on which it is shown, and its whole family."""
    if cell["kind"] != "germ":
        return {"relatives": [], "family": []}
    found: list[dict[str, Any]] = []

    def add(label: str, lineage: int, day: int) -> None:
        if len(found) < _MOST_RELATIVES and (at := recording.find(lineage, day)) is not None:
            found.append({"label": f"{label} {short(lineage)}", "lineage": str(lineage), "day": recording.days[at[0]]})

    own = int(cell["lineage"])
    if cell["mother"] is not None:
        add("Mother", int(cell["mother"]), cell["born_day"] - 1)
    for daughter in cell["daughters"]:
        add("Daughter", int(daughter["lineage"]), daughter["day"])
    for mate in recording.mates(recording.days.index(cell["day"]), cell["index"])[:_MOST_MATES]:
        add("Clone mate", mate, cell["day"])
    family = recording.lives.family(own)[:_MOST_FAMILY]
    return {"relatives": found, "family": [[of & 0xFFFFFFFF, of >> 32] for of in family]}


def _which(shown: list[Recording], message: dict[str, Any]) -> int | None:
    """Return which recording a message is about."""
    keys = [one.key for one in shown]
    return keys.index(message["key"]) if message.get("key") in keys else None
