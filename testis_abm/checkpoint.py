"""Saving a model and going on with it later: numbers in a zip of plain arrays and JSON, never code.

What follows from the scenario (parameters, geometry, drugs) is worked out again; the file holds the scenario and the state.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm import __version__
from testis_abm.body.axis import TissueOutput
from testis_abm.body.safety import Safety, SafetyDay
from testis_abm.errors import TestisError
from testis_abm.tissue import steps
from testis_abm.tissue.cells import GERM_DTYPES, Events
from testis_abm.tissue.geometry import CORNERS
from testis_abm.tissue.tissue import TissueDay
from testis_abm.tract.epididymis import Epididymis
from testis_abm.tract.semen import Glands

if TYPE_CHECKING:
    from testis_abm.model import TestisModel
    from testis_abm.tissue.tissue import Tissue

FORMAT = 2
_LEVELS = ("testosterone", "oestradiol", "corner_testosterone", "corner_oestradiol", "sources")
_SCALARS = ("day", "engine_seconds", "running", "_million", "_reference_output")
_ARRAYS = ("body", "means", "_depot", "_central", "maturity")


def _tissue_parts(tissue: Tissue) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Return what holds the state of a tissue, and which of its attributes are arrays of state."""
    columns = tissue.columns
    return {
        "leydig": (columns.leydig, tuple(vars(columns.leydig))),
        "sertoli": (columns.sertoli, tuple(vars(columns.sertoli))),
        "germ": (columns.germ, tuple(vars(columns.germ))),
        "levels": (tissue.levels, _LEVELS),
    }


def columns_hold(tissue: Tissue) -> bool:
    """Return whether every index in the columns points into the tissue (compiled code would follow it anywhere)."""
    germ, leydig, geometry = tissue.columns.germ, tissue.columns.leydig, tissue.geometry
    segments = len(germ.start) == geometry.tubules + 1 == len(germ.count) + 1 and germ.start[0] == 0
    if not segments or np.any(germ.count < 0) or np.any(germ.count > np.diff(germ.start)):
        return False
    if any(len(getattr(germ, name)) != germ.start[-1] for name in GERM_DTYPES):
        return False
    rows = germ.rows()
    return bool(
        np.all(germ.niche[rows] < geometry.sertoli_per_tubule)
        and np.all(germ.step[rows] < steps.COUNT)
        and np.all((leydig.corner >= 0) & (leydig.corner < CORNERS * geometry.tubules))
    )


def _numbers(part: object) -> dict[str, Any]:
    """Return the attributes of a small part that are numbers or queues of them (the rest follows from the scenario)."""
    return {
        name: list(value) if isinstance(value, deque) else float(value)
        for name, value in vars(part).items()
        if isinstance(value, (int, float, deque))
    }


def _restore_numbers(part: object, numbers: dict[str, Any]) -> None:
    for name, value in numbers.items():
        old = getattr(part, name)
        new = deque((tuple(row) for row in value), maxlen=old.maxlen) if isinstance(old, deque) else value
        setattr(part, name, new)


def _own_agents(model: TestisModel) -> list[str]:
    from testis_abm.tissue.views import Cell

    return sorted({kind.__name__ for kind in model.agent_types if not issubclass(kind, Cell)})


def save(model: TestisModel, path: str | Path) -> Path:
    """Write a model's state to `path`, whole or not at all.

    Raises:
        TestisError: for what a file of numbers cannot hold (agents of the user's own, events of theirs still to come), or
            a path that cannot be written.
    """
    path = Path(path)
    own, pending = _own_agents(model), model.pending_events()
    if own or pending:
        what = f"agents of your own ({', '.join(own)})" if own else f"{pending} scheduled events still to come"
        raise TestisError(
            f"{path}: the model holds {what}, which a checkpoint of numbers cannot; use model.branch() or pickle.dump"
        )
    tissue = model.tissue
    arrays = {
        f"{kind}.{name}": getattr(part, name) for kind, (part, names) in _tissue_parts(tissue).items() for name in names
    }
    arrays |= {f"events.{name}": array for name, array in vars(tissue.events).items()}
    arrays |= {f"model.{name}": getattr(model, name) for name in _ARRAYS}
    arrays |= {"model.flux": np.array(model._flux), "tract.chain": model.tract.chain}
    arrays |= {f"section.{name}": np.asarray(value) for name, value in model.section.items()}
    state = {
        "format": FORMAT,
        "version": __version__,
        "scenario": model.case.as_dict(),
        "seed": model.seed,
        "treated": model.treated,
        "engine": model.engine,
        "scalars": {name: getattr(model, name) for name in _SCALARS},
        "now": tissue.now,
        "report": list(model.report),
        "output": list(model._output),
        "safe": list(vars(model.safe).values()) if model.safe is not None else None,
        "tract": _numbers(model.tract),
        "glands": _numbers(model.glands),
        "safety": _numbers(model.safety),
        "records": model.records,
        "time": float(model.time),
        "rng": model.rng.bit_generator.state,
        "random": model.random.getstate(),
        "modifiers": list(model.modifiers),
    }
    text = json.dumps(state, default=lambda value: value.item() if isinstance(value, np.generic) else value.tolist())
    arrays["state"] = np.frombuffer(text.encode(), dtype=np.uint8)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise TestisError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        beside.unlink(missing_ok=True)
    return path


class Checkpoint:
    """A saved state, read and checked.

    Raises:
        TestisError: if the file is missing, damaged, no checkpoint, or of another version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with np.load(self.path, allow_pickle=False) as file:
                self.arrays = {name: file[name] for name in file.files}
            self.state = json.loads(self.arrays.pop("state").tobytes())
        except FileNotFoundError as error:
            raise TestisError(f"{self.path}: there is no such file") from error
        except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            raise TestisError(
                f"{self.path}: not a checkpoint of testis_abm, or damaged ({type(error).__name__}); save it anew"
            ) from error
        found = self.state.get("version") if isinstance(self.state, dict) else None
        if found != __version__ or self.state.get("format") != FORMAT:
            raise TestisError(
                f"{self.path}: saved by testis_abm {found}, and this is {__version__}: its rules may differ. "
                "Load it with that version, or run the scenario again"
            )

    def put_cells(self, model: TestisModel) -> None:
        """Give a model whose parts have just been built the saved state of its cells, body and tract.

        Raises:
            TestisError: if the arrays do not fit the scenario.
        """
        tissue = model.tissue
        try:
            for kind, (part, names) in _tissue_parts(tissue).items():
                for name in names:
                    self._put(part, name, f"{kind}.{name}", same_shape=kind != "germ")
            if not columns_hold(tissue):
                raise TestisError(f"{self.path}: damaged: its cells lie outside the tissue; save it anew")
            tissue.events = Events(*(self.arrays[f"events.{name}"] for name in vars(tissue.events)))
            for name in _ARRAYS:
                setattr(model, name, self.arrays[f"model.{name}"])
            for name in ("_million", "_reference_output"):
                setattr(model, name, self.state["scalars"][name])
            model._flux = list(self.arrays["model.flux"])
            tissue.now = self.state["now"]
            model.report, model._output = TissueDay(*self.state["report"]), TissueOutput(*self.state["output"])
            model.tract = Epididymis(model.values, model.man, model._reference_output)
            model.glands = Glands(model.values, model.man, 1.0)
            model.safety = Safety(model.values, 1.0, 1.0)
            for name in ("tract", "glands", "safety"):
                _restore_numbers(getattr(model, name), self.state[name])
            model.tract.chain = self.arrays["tract.chain"]
            model.safe = None if self.state["safe"] is None else SafetyDay(*self.state["safe"])
        except (KeyError, TypeError, AttributeError) as error:
            raise TestisError(f"{self.path}: damaged: {error}; save it anew") from error

    def _put(self, part: object, name: str, key: str, *, same_shape: bool) -> None:
        old, new = getattr(part, name), self.arrays[key]
        if new.dtype != old.dtype or new.ndim != old.ndim or (same_shape and new.shape != old.shape):
            raise TestisError(f"{self.path}: damaged: {key} is {new.dtype}{new.shape}, not {old.dtype}{old.shape}")
        setattr(part, name, new)

    def put_course(self, model: TestisModel) -> None:
        """Give a model the saved day, records and random streams."""
        kept = self.state
        missing = [name for name in kept["modifiers"] if name not in model.modifiers]
        if missing:
            raise TestisError(
                f"{self.path}: saved with the modifiers {', '.join(map(repr, missing))}, which a file cannot hold; load it "
                "with the class that adds them in its __init__"
            )
        for name in ("day", "engine_seconds", "running"):
            setattr(model, name, kept["scalars"][name])
        model.records = {name: [tuple(row) for row in rows] for name, rows in kept["records"].items()}
        model.section = {
            name.partition(".")[2]: array if array.ndim else array.item()
            for name, array in self.arrays.items()
            if name.startswith("section.")
        }
        model.rng.bit_generator.state = kept["rng"]
        version, numbers, gauss = kept["random"]
        model.random.setstate((version, tuple(numbers), gauss))
