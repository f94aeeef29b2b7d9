"""Saving a model and going on with it later: numbers in a zip of plain arrays and JSON, never code.

What follows from the scenario (parameters, geometry, drugs) is worked out again; the file holds the scenario and the
state.
"""

from __future__ import annotations

import contextlib
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm import __version__
from testis_abm.agents import mesa_clock
from testis_abm.biology import steps
from testis_abm.man.injuries import Injuries
from testis_abm.parameters.tables import NONE, using
from testis_abm.scenario import Clamp, Insult, Scenario, load
from testis_abm.support import arrays, files, guard
from testis_abm.support.errors import Note, TestisError, shown
from testis_abm.support.fingerprint import fingerprint
from testis_abm.testis import kernel
from testis_abm.testis.columns import GERM_DTYPES
from testis_abm.testis.geometry import CORNERS
from testis_abm.testis.kinds import KINDS

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel
    from testis_abm.testis.tissue import Tissue

FORMAT = 9  # 4: checksums; 5: parts declare their state; 6: clamps; 7: stem-cell niches, insults; 8: lost spermatids; 9: levels of drugs
_LEVELS = ("testosterone", "oestradiol", "corner_testosterone", "corner_oestradiol", "sources")
_SCALARS = ("day", "engine_seconds", "running")
# Bytes that the arrays may take: of any tissue, and for each Sertoli cell (1,000 are usual).
_LEAST_ROOM, _ROOM = 10_000_000, 20_000
_SIGNED = ("model", "body", "safety")  # parts whose numbers may be negative; all others are amounts
_LATEST = 100_000  # days that a man may have lived, before and in the plan
_LONGEST = 10_000.0  # days that a germ cell may still spend in its step
# What the JSON of a checkpoint holds.
_KEYS: Mapping[str, type] = {
    "scenario": dict,
    "seed": int,
    "treated": bool,
    "engine": str,
    "scalars": dict,
    "now": float,
    "records": dict,
    "time": float,
    "next_step": float,
    "rng": dict,
    "random": list,
    "modifiers": list,
    "clamps": list,
    "insults": list,
    "own_rules": list,
}


def _parts(model: TestisModel) -> dict[str, tuple[object, tuple[str, ...]]]:
    """Return the name of each part of a man in a file -> the part, and the attributes that are its state."""
    tissue = model.tissue
    cells = {kind.name: getattr(tissue.columns, kind.name) for kind in KINDS}
    whole = {name: (part, tuple(vars(part))) for name, part in {**cells, "events": tissue.events}.items()}
    declared: dict[str, Any] = {"model": model, "body": model.body, "tract": model.tract, "safety": model.safety}
    return {
        **whole,
        "levels": (tissue.levels, _LEVELS),
        **{name: (part, part.STATE) for name, part in declared.items()},
    }


def _arrays(model: TestisModel) -> dict[str, tuple[object, str]]:
    """Return the name of each array of state in a file -> the part of the model and the attribute that hold it."""
    return {f"{kind}.{name}": (part, name) for kind, (part, names) in _parts(model).items() for name in names}


def _plain(value: Any) -> np.ndarray:
    """Return a piece of state as an array without names: of records a row each."""
    array = np.asarray(value)
    return array.view(float).reshape(*array.shape, -1) if array.dtype.names else array


def _like(value: Any, array: np.ndarray) -> Any:
    """Return an array as the piece of state that `_plain` took it from."""
    if isinstance(value, tuple):
        return type(value)(*array.tolist())
    if isinstance(value, float):
        return float(array)
    if value.dtype.names:
        return np.ascontiguousarray(array).view(value.dtype)[..., 0]
    return array


def _fault(tissue: Tissue) -> str | None:
    """Return what is wrong with the germ cells of a tissue, if anything is (compiled code would follow any index)."""
    germ, leydig, geometry = tissue.columns.germ, tissue.columns.leydig, tissue.geometry
    outside = "its cells lie outside the tissue"
    segments = len(germ.start) == geometry.tubules + 1 == len(germ.count) + 1 and germ.start[0] == 0
    if not segments or np.any(germ.count < 0) or np.any(germ.count > np.diff(germ.start)):
        return outside
    if any(len(getattr(germ, name)) != germ.start[-1] for name in GERM_DTYPES):
        return outside
    rows = germ.rows()
    if (
        np.any(germ.niche[rows] >= geometry.sertoli_per_tubule)
        or np.any(germ.step[rows] >= steps.COUNT)
        or np.any((leydig.corner < 0) | (leydig.corner >= CORNERS * geometry.tubules))
    ):
        return outside
    # A cell cannot have lived on for days after the end of its step: its progeny has room for one day.
    ends, threshold, share, injury = (getattr(germ, name)[rows] for name in ("ends", "threshold", "share", "injury"))
    if not np.all((ends >= tissue.now - 1.0) & (ends < tissue.now + _LONGEST)):
        return "germ.ends lie in the past, or years ahead, or are no numbers"
    budget = (threshold >= 0.0) | (threshold == -np.inf)  # a user may have taken all of it
    if not np.all(budget & (threshold < np.inf) & (share >= 0.0) & (share < np.inf)):
        return "germ.threshold or germ.share are negative or no numbers"
    if not np.all((injury >= 0.0) & (injury < np.inf)):
        return "germ.injury is negative or no number"
    counts = np.zeros_like(tissue.columns.sertoli.counts)
    kernel.count_steps(germ.arrays(), counts)
    if np.any(tissue.columns.sertoli.able > 1):
        return "sertoli.able is neither 0 nor 1"
    agree = np.array_equal(counts, tissue.columns.sertoli.counts)
    return None if agree else "sertoli.counts do not agree with its germ cells"


def _number(value: Any, name: str, low: float, high: float) -> Any:
    """Return a number between two bounds.

    Raises:
        ValueError: it is none, or lies outside.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} is {shown(value)}, not a number from {low:g} to {high:g}")
    return value


def _file(path: str | Path) -> Path:
    return guard.path(path, "checkpoint")


def _own_agents(model: TestisModel) -> list[str]:
    from testis_abm.agents.views import Cell

    return sorted({kind.__name__ for kind in model.agent_types if not issubclass(kind, Cell)})


def _check_replaceable(path: Path) -> None:
    target = files.check_regular(path)
    if target.exists() and not zipfile.is_zipfile(target):
        raise TestisError(f"{path}: exists and is no checkpoint; name another file, or remove this one")


def save(model: TestisModel, path: str | Path) -> Path:
    """Write a model's state to `path`, whole or not at all.

    Raises:
        TestisError: for what a file of numbers cannot hold (agents or drugs of the user's own, events of theirs still to
            come), or a path that cannot be written, and within a step before the day has been lived.
    """
    path = _file(path)
    _check_replaceable(path)
    model.check_whole_day()
    own, pending, drugs = _own_agents(model), model.pending_events(), model.drugs is not None
    if own or pending or drugs:
        what = "drugs of your own" if drugs else f"{pending} scheduled events still to come"
        what = f"agents of your own ({', '.join(own)})" if own else what
        raise TestisError(
            f"{path}: the model holds {what}, which a checkpoint of numbers cannot; model.branch() holds everything, in memory"
        )
    tissue = model.tissue
    columns = {key: _plain(getattr(part, name)) for key, (part, name) in _arrays(model).items()}
    columns |= {f"section.{name}": np.asarray(value) for name, value in model.section.items()}
    state = {
        "format": FORMAT,
        "version": __version__,
        "rules": fingerprint(),
        "scenario": model.case.as_dict(),
        "seed": model.seed,
        "treated": model.treated,
        "engine": model.engine,
        "scalars": {name: getattr(model, name) for name in _SCALARS},
        "now": tissue.now,
        "records": model.records,
        "time": float(model.time),
        "next_step": mesa_clock.next_step(model),
        "rng": model.rng.bit_generator.state,
        "random": model.random.getstate(),
        "modifiers": list(model.modifiers),
        "clamps": [clamp.as_dict() for clamp in model.clamps],
        "insults": [insult.as_dict() for insult in model.injuries.insults],
        "own_rules": sorted(model.rules),
    }
    arrays.write(path, columns, state)
    return path


class Checkpoint:
    """A saved state, read and checked.

    Raises:
        TestisError: if the file is missing, damaged, no checkpoint, or of another version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = _file(path)
        try:
            with files.regular(self.path) as file:
                archive = arrays.Archive(file)
                self.state = archive.state
                self._check(archive.headers)
                self.arrays = archive.arrays()
        except FileNotFoundError as error:
            raise TestisError(f"{self.path}: there is no such file") from error
        except arrays.FAULTS as error:
            raise TestisError(
                f"{self.path}: not a checkpoint of testis_abm, or damaged ({shown(files.reason(error))[1:-1]}); save it again"
            ) from error

    def _check(self, headers: Mapping[str, arrays.Header]) -> None:
        """Check the state, and that the arrays are of a size that its tissue can have, before they are read."""
        if not isinstance(self.state, dict):
            raise self._damaged("its state is no table")
        self._check_rules(self.state.get("version"), self.state.get("format"))
        for key, kind in _KEYS.items():
            if not isinstance(self.state.get(key), kind):
                raise self._damaged(f"{key} is missing or no {kind.__name__}")
        with self._reading():
            tissue = self._scenario().tissue
        size, cells = sum(header.size for header in headers.values()), tissue.sertoli
        if size > _LEAST_ROOM + _ROOM * cells:
            raise self._damaged(f"its arrays take {size:,} bytes, more than a tissue of {cells:,} Sertoli cells can")

    def _scenario(self) -> Scenario:
        """Return the scenario, which carries its own tables."""
        with using(NONE):
            return load(self.state["scenario"])

    def _check_rules(self, version: object, form: object) -> None:
        if version != __version__:
            found = f"saved by testis_abm {version}, and this is {__version__}: its rules may differ"
        elif form != FORMAT:
            found = f"a checkpoint of format {form}, and this testis_abm {__version__} reads format {FORMAT}"
        elif self.state.get("rules") != fingerprint():
            found = f"saved by a testis_abm {version} with other rules or parameters than this one"
        else:
            return
        raise TestisError(f"{self.path}: {found}. Load it with that version, or run the scenario again")

    def _damaged(self, what: object) -> TestisError:
        return TestisError(f"{self.path}: damaged: {what}; save it again")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Tell what goes wrong on reading the state as one line."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise self._damaged(error) from error

    def put_cells(self, model: TestisModel) -> None:
        """Give a model whose parts have just been built the saved state of its cells, body and tract.

        Raises:
            TestisError: if the arrays do not fit the scenario or hold what cannot be.
        """
        tissue, state = model.tissue, self.state
        kept, own = (", ".join(names) or "none" for names in (map(str, state["own_rules"]), sorted(model.rules)))
        if kept != own:
            raise TestisError(
                f"{self.path}: saved with rules of the user's own ({kept}), which a file cannot hold, and {type(model).__name__} "
                f"sets others ({own}); load it with the class that gives the same in its __init__"
            )
        with self._reading():
            tissue.now = _number(state["now"], "now", 0.0, _LATEST)
            for key, (part, name) in _arrays(model).items():
                built = getattr(part, name)
                setattr(part, name, _like(built, self._array(key, _plain(built))))
            fault = _fault(tissue)
            if fault is not None:
                raise self._damaged(fault)

    def _array(self, key: str, built: np.ndarray) -> np.ndarray:
        """Return an array of the file, which must be such as the scenario has `built` (germ cells are checked by _fault)."""
        found, germ = self.arrays[key], key.startswith("germ.")
        if found.dtype != built.dtype or found.ndim != built.ndim or (not germ and found.shape != built.shape):
            raise self._damaged(f"{key} is {found.dtype}{found.shape}, not {built.dtype}{built.shape}")
        if not germ and not np.all(np.isfinite(found)):
            raise self._damaged(f"{key} holds what is no finite number")
        if not germ and key.partition(".")[0] not in _SIGNED and np.any(found < 0):
            raise self._damaged(f"{key} holds a negative number")
        return found

    def put_course(self, model: TestisModel) -> None:
        """Give a model the saved day, records and random streams.

        Raises:
            TestisError: if they do not fit, or a modifier is missing.
        """
        kept = self.state
        with self._reading():
            missing = [name for name in kept["modifiers"] if name not in model.modifiers]
            if missing:
                raise TestisError(
                    f"{self.path}: saved with the modifiers {', '.join(map(repr, missing))}, which a file cannot hold; "
                    "load it with the class that adds them in its __init__"
                )
            surplus = [name for name in model.modifiers if name not in kept["modifiers"]]
            for name in surplus:
                del model.modifiers[name]
            for name in kept["modifiers"]:  # in the saved order: the last bit of a product depends on it
                model.modifiers[name] = model.modifiers.pop(name)
            if not -np.inf < kept["time"] <= kept["next_step"] <= kept["time"] + 1.0 < np.inf:
                raise ValueError(f"next_step {kept['next_step']} does not follow time {kept['time']}")
            first, scalars = -model.case.plan.baseline_days, kept["scalars"]
            if abs(_number(scalars["day"], "day", first, _LATEST) - first - kept["time"]) > 1.0:
                raise ValueError(f"day {scalars['day']} is not that of time {kept['time']}, counted from day {first}")
            model.day, model.running = int(scalars["day"]), bool(scalars["running"])
            model.clamps = tuple(Clamp(**table) for table in kept["clamps"])
            with using(model.case.own_tables):
                insults = [Insult(**table) for table in kept["insults"]]
            model.injuries = Injuries(insults, model.values)
            model.engine_seconds = float(_number(scalars["engine_seconds"], "engine_seconds", 0.0, np.inf))
            for name in model.records:
                model.records.read(name, kept["records"][name])
            model.section = {
                name.partition(".")[2]: array if array.ndim else array.item()
                for name, array in self.arrays.items()
                if name.startswith("section.")
            }
            model.rng.bit_generator.state = kept["rng"]
            version, numbers, gauss = kept["random"]
            model.random.setstate((version, tuple(numbers), gauss))
        if surplus:
            warnings.warn(
                f"{self.path}: saved without the modifiers {', '.join(map(repr, surplus))}, which {type(model).__name__} "
                "adds: they are taken off; modify() adds them again",
                Note,
                stacklevel=3,
            )
