"""The living cross-section in the browser: one or two recordings on one clock, and the panel of a chosen cell."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.resources import files
from typing import Any

import solara

from testis_abm.app.tubule.recording import Recording
from testis_abm.biology import steps
from testis_abm.pictures.steps import FURTHER_LOOKS, STEPS, slide

_SETTLE = 0.2  # seconds in which new frames gather before the page hears of them
_MOST_DAYS = 12  # frames in an answer
_EXPORTS = (
    "readStatic, readChunk, motion, valueOf, fieldOf, fieldPicture, paintTissue, paintWalls, paintStages, stageOf, paintCell, Sprites, blit, LOOKS, NAMES, NEAR, "
    "STEP_COLOURS, CLONE_COLOURS, STAGES, NO_STAGE, stateOf, HYALINISED, REMOVED, NO_VALUE, VIRIDIS, BINS, BIN_COLOURS, LIGHT, DARK, SPAN, RELEASED, turns, variants, reach"
)
_KINDS = {"sertoli": "Sertoli cell", "leydig": "Leydig cell"}
_KINDS |= {name: look.name for name, look in FURTHER_LOOKS.items()}
_ENDS = {"released": "released as sperm", "retained": "retained by the Sertoli cell and digested", "died": "died"}


@solara.component_vue("tubule.vue", vuetify=False)
def _Tubule(  # noqa: N802
    scenes: list[dict[str, Any]],
    chunk: bytes,
    panel: dict[str, Any] | None,
    dark: bool | None,
    library: str,
    event_need: Callable[[dict[str, Any]], None],
    event_pick: Callable[[dict[str, Any] | None], None],
    event_seen: Callable[[dict[str, Any]], None],
) -> None:
    pass


@solara.component
def TubuleView(  # noqa: N802 (a component, as Solara writes them)
    recording: Recording,
    control: Recording | None = None,
    *,
    names: tuple[str, str] = ("Treated", "Untreated control"),
    dark: bool | None = None,
    on_day: Callable[[int], None] | None = None,
    on_cell: Callable[[dict[str, Any] | None], None] | None = None,
) -> solara.Element:
    """Show a recording as a living slide, and its untreated control beside it on the same clock.

    Args:
        recording: may still grow; new frames appear by themselves.
        control: shown beside it.
        names: of the two, as headings.
        dark: colours (None: as the browser prefers).
        on_day: called with the day of the plan when it is scrubbed to or paused at.
        on_cell: called with what `Recording.describe` says of the cell that was clicked, or None.
    """
    shown = [recording] if control is None else [recording, control]
    chunk, set_chunk = solara.use_state(b"")
    cell, set_cell = solara.use_state(None)
    _, refresh = solara.use_state(0)
    solara.use_effect(partial(_listen, shown, refresh), [one.key for one in shown])

    def need(wanted: dict[str, Any]) -> None:
        set_chunk(_answer(shown, wanted))

    def pick(clicked: dict[str, Any] | None) -> None:
        found = None if clicked is None else _clicked(shown, clicked)
        set_cell(found)
        if on_cell is not None:
            on_cell(found)

    def seen(where: dict[str, Any]) -> None:
        if on_day is not None:
            on_day(int(where["day"]))

    scenes = [
        {
            "name": name,
            "key": one.key,
            "days": one.days,
            "static": one.static,
            "ranges": one.ranges,
            "tubules": one.tubules,
        }
        for name, one in zip(names, shown, strict=False)
    ]
    return _Tubule(
        scenes=scenes,
        chunk=chunk,
        panel=None if cell is None else describe(cell),
        dark=dark,
        library=_library(),
        event_need=need,
        event_pick=pick,
        event_seen=seen,
    )


def make_tubule(model: Any = None, **look: Any) -> Callable[..., solara.Element]:
    """Return a component that records a model as it steps and shows it, for a notebook and for Mesa's `SolaraViz`.

    Called with a model, as Mesa does, it shows that one (a new model is recorded from its beginning); called without,
    the one given here.

    Args:
        model: a TestisModel.
        look: for `Recording` (`every`, `tubules`, `megabytes`) and `TubuleView` (`dark`, `names`, `on_day`, `on_cell`).
    """
    kept = {name: look.pop(name) for name in ("every", "tubules", "megabytes") if name in look}
    look.setdefault("names", ("Tubules", ""))
    if model is not None:
        follow(model, **kept)

    def component(shown: Any = None) -> solara.Element:
        return TubuleView(follow(model if shown is None else shown, **kept), **look)

    return component


def follow(model: Any, **kept: Any) -> Recording:
    """Let a model record itself after each day that it lives; return the recording (a model has one).

    Args:
        model: a TestisModel.
        kept: for `Recording`.
    """
    for observer in model.observers:
        if isinstance(observer, Recording):
            return observer
    recording = Recording(model, **kept)
    model.observers.append(recording)
    return recording


def describe(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what `Recording.describe` found, in words: title, where, rows of (label, value), story."""
    where = f"day {cell['day']}" + (f", tubule {cell['tubule']}" if "tubule" in cell else ", between the tubules")
    rows = [("Stage of niche", cell["stage"])] if "stage" in cell else []
    rows += [
        ("Testosterone here", f"{cell['testosterone_nmol_l']:.0f} nmol/L"),
        ("Oestradiol here", f"{cell['oestradiol_pmol_l']:.0f} pmol/L"),
        ("T/E2 (molar)", _number(cell["testosterone_over_oestradiol"])),
        ("AR signal of niche", _number(cell["androgen_signal"])),
        ("ER-α signal", _number(cell["er_alpha_signal"])),
        ("ER-β signal", _number(cell["er_beta_signal"])),
        ("Aromatase, working", _number(cell["aromatase"])),
    ]
    if cell["kind"] == "germ":
        rows = [("In this step", f"{cell['age_days']} days"), ("Days left", f"{cell['left_days']}"), *rows]
        rows.append(("Clone", cell["clone"] or f"stem cell, {cell['clones_founded']} founded"))
    rows.append(("Name", _short(cell["lineage"])))
    return {"title": _title(cell), "where": where, "rows": rows, "story": list(_story(cell))}


def _title(cell: dict[str, Any]) -> str:
    if cell["kind"] in _KINDS:
        return _KINDS[cell["kind"]]
    look = STEPS[steps.NAMES.index(cell["step"])]
    name = f"{look.name[:1].upper()}{look.name[1:]}"
    return name if " " in name else f"{name} spermatocyte"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _short(lineage: object) -> str:
    """Return a cell's name as people can compare it: the first eight of its sixteen digits."""
    return f"{int(str(lineage)):016x}"[:8]


def _story(cell: dict[str, Any]) -> Iterator[str]:
    if cell["kind"] != "germ":
        return
    if cell["mother"] is not None:
        yield f"Born by day {cell['born_day']} of {_short(cell['mother'])}."
    for change in cell["later_steps"]:
        yield f"Day {change['day']}: {change['step'].replace('_', ' ')}."
    for daughter in cell["daughters"]:
        yield f"Day {daughter['day']}: daughter {_short(daughter['lineage'])}."
    if cell["fate"] == "divided" and len(cell["daughters"]) == 1:
        yield "The other daughter died within the day."
    if cell["fate"] in _ENDS:
        yield f"Day {cell['fate_day']}: {_ENDS[cell['fate']]}."
    if cell["fate"] == "lives":
        yield "Still there when the recording ends."


def _listen(recordings: list[Recording], refresh: Callable[[Any], None]) -> Callable[[], None]:
    """Refresh the view soon after new frames, however fast they come; return what stops it."""
    waiting = threading.Event()

    def flush() -> None:
        waiting.clear()
        refresh(lambda count: count + 1)

    def refresh_soon() -> None:
        if not waiting.is_set():
            waiting.set()
            timer = threading.Timer(_SETTLE, flush)
            timer.daemon = True
            timer.start()

    for one in recordings:
        one.listeners.append(refresh_soon)

    def stop() -> None:
        for one in recordings:
            if refresh_soon in one.listeners:
                one.listeners.remove(refresh_soon)

    return stop


_ANSWERS = iter(range(1, 2**32))


def _answer(shown: list[Recording], wanted: dict[str, Any]) -> bytes:
    """Return the frames that a page asks for, as far as they are there; nothing it sends is trusted."""
    which = _recording(shown, wanted)
    head = struct.pack("<2I", 0 if which is None else which, next(_ANSWERS))  # no two alike, or it would not be sent
    if which is None:
        return head
    days, asked = shown[which].days, wanted.get("days")
    some = asked[:_MOST_DAYS] if isinstance(asked, list) else []
    return head + b"".join(shown[which].link(days.index(day)) for day in some if day in days)


def _clicked(shown: list[Recording], clicked: dict[str, Any]) -> dict[str, Any] | None:
    which = _recording(shown, clicked)
    if which is None:
        return None
    try:
        index = int(clicked["index"])
        return shown[which].describe(shown[which].days.index(clicked["day"]), index) if index >= 0 else None
    except (KeyError, TypeError, ValueError, IndexError):  # thinned away since, or not from our page
        return None


def _recording(shown: list[Recording], message: dict[str, Any]) -> int | None:
    """Return which recording a message of the page is about."""
    keys = [one.key for one in shown]
    return keys.index(message["key"]) if message.get("key") in keys else None


@cache
def _library() -> str:
    """Return the drawing code as the body of a function: it goes to the page with the component, from nowhere else."""
    here = files("testis_abm.app.tubule")
    code = "\n".join((here / name).read_text(encoding="utf-8") for name in ("frames.js", "draw.js"))
    return f"const SLIDE = {json.dumps(slide())};\n{code}\nreturn {{ {_EXPORTS} }};"
