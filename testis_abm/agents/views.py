"""Cells as Mesa agents: views of one row of the columns, found by lineage, whose attributes read columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import WeakKeyDictionary

import mesa
import numpy as np

from testis_abm.biology import steps
from testis_abm.testis.columns import Columns

if TYPE_CHECKING:
    from testis_abm.testis.tissue import Tissue

Rows = np.ndarray  # int64 rows of the columns of one kind of cell
Values = np.ndarray | Sequence[Any]
Read = Callable[["Tissue", Rows], Any]  # -> one value a row
_put = object.__setattr__  # past Cell.__setattr__
_LARGEST = float(np.finfo(np.float32).max)


class Index:
    """The living cells of one kind on one day: their rows, in order, and the row of each lineage."""

    def __init__(self, lineage: np.ndarray, rows: Rows) -> None:
        self.lineage, self.rows = lineage, rows
        self._order = np.argsort(lineage)
        self._sorted = lineage[self._order]

    def find(self, lineages: np.ndarray) -> Rows:
        """Return the row of each lineage, -1 where it does not live."""
        if not len(self._sorted):
            return np.full(len(lineages), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self._sorted, lineages), len(self._sorted) - 1)
        return np.where(self._sorted[place] == lineages, self.rows[self._order[place]], -1)


# Per tissue and kind: the index and the events of the day that it was made on (cells move only with events).
_INDEX: WeakKeyDictionary[Tissue, dict[str, tuple[Any, Index]]] = WeakKeyDictionary()


def index_of(tissue: Tissue, kind: str) -> Index:
    """Return the index of the "leydig", "sertoli" or "germ" columns, made again when germ cells have moved."""
    known = _INDEX.setdefault(tissue, {})
    day = tissue.events if kind == "germ" else None
    if kind not in known or known[kind][0] is not day:
        columns = getattr(tissue.columns, kind)
        rows = columns.rows()
        known[kind] = day, Index(columns.lineage[rows], rows)
    return known[kind][1]


class Reading:
    """An attribute of a kind of cell: one array operation over rows, for one view and for whole sets alike.

    Args:
        read: (tissue, rows) -> one value a row.
        write: (tissue, rows, value) -> None, or None when the rules alone change it.
        doc: what it is, with its unit.
    """

    def __init__(self, read: Read, write: Callable[[Tissue, Rows, Any], None] | None = None, doc: str = "") -> None:
        self.read, self.write, self.__doc__ = read, write, doc

    def __get__(self, cell: Cell | None, owner: type) -> Any:
        """Return the value of one cell."""
        if cell is None:
            return self
        return as_list(self.read(cell.model.tissue, np.array([cell.row])))[0]


def as_list(values: Values) -> list[Any]:
    """Return plain Python values, as Mesa's own sets would."""
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


class Cell(mesa.Agent):  # type: ignore[misc]
    """A Mesa agent whose state is one row of the columns of its tissue.

    A view is made when it is looked at and is not registered with the model; two views of one cell of one model are
    equal. It stays valid through births, deaths and compaction; once its cell has died or divided, reading it raises
    LookupError. It holds nothing of a user's own, which the next view of the cell would not have.

    Attributes:
        model: the model, which has `tissue`.
        unique_id: the lineage of the cell (unsigned, 64 bits), its name in every run with the same seed.
    """

    kind: ClassVar[str]
    pos: ClassVar[None] = None
    current_action: ClassVar[None] = None
    model: Any
    _lineage: int
    _seen: tuple[Index, int] | None

    def __init_subclass__(cls, columns: type[Columns] = Columns) -> None:
        """Show what the columns of the kind hold, unless the class reads it in its own way."""
        super().__init_subclass__()
        for name, kept in columns.declared().items():
            if name not in vars(cls) and name != "lineage":
                write = writer(cls.kind, name) if kept.settable else None
                setattr(cls, name, Reading(column(cls.kind, name), write, kept.doc))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return a reading of the columns."""

    def __new__(cls, model: Any = None, lineage: int = 0) -> Self:
        """Name the cell at once: unpickling may need its hash before its state."""
        cell: Self = super().__new__(cls)
        _put(cell, "_lineage", int(lineage))
        return cell

    def __init__(self, model: Any, lineage: int) -> None:
        # mesa.Agent.__init__ would register the view with the model.
        _put(self, "model", model)
        _put(self, "_seen", None)

    @classmethod
    def at(cls, model: Any, index: Index, row: int, lineage: int) -> Self:
        """Return the view of a row that is known."""
        view = cls(model, lineage)
        _put(view, "_seen", (index, row))
        return view

    @classmethod
    def setter(cls, name: str) -> Callable[[Tissue, Rows, Any], None]:
        """Return what writes an attribute, as `Reading.write`.

        Raises:
            AttributeError: if it cannot, with those that can.
        """
        reading = getattr(cls, name, None)
        if not isinstance(reading, Reading) or reading.write is None:
            known = [known for known, what in vars(cls).items() if isinstance(what, Reading) and what.write]
            can = f"can be set: {', '.join(known)}" if known else "none can be set"
            raise AttributeError(
                f"{name!r} of {cls.__name__} cannot be set ({can}); keep what is your own in a dict by cell.lineage"
            )
        return reading.write

    def __setattr__(self, name: str, value: Any) -> None:
        """Write an attribute into the columns; refuse what the columns cannot hold, which would be lost."""
        self.setter(name)(self.model.tissue, np.array([self.row]), value)

    @property
    def lineage(self) -> int:
        """Return the hash that names this cell and keys its draws."""
        return self._lineage

    @property
    def unique_id(self) -> int:
        """Return the lineage, which is what Mesa knows the cell by."""
        return self._lineage

    @property
    def row(self) -> int:
        """Return the row of this cell in today's columns."""
        index = index_of(self.model.tissue, self.kind)
        if self._seen is None or self._seen[0] is not index:
            row = int(index.find(np.array([self.lineage], dtype=np.uint64))[0])
            if row < 0:
                raise LookupError(
                    f"{type(self).__name__} {self.lineage} is no longer in the tissue: "
                    "it has died, divided or been released"
                )
            _put(self, "_seen", (index, row))
            return row
        return self._seen[1]

    @property
    def alive(self) -> bool:
        """Return whether the cell is still in the tissue."""
        try:
            return self.row >= 0
        except LookupError:
            return False

    def remove(self) -> None:
        """Refuse: cells are born and die by the rules."""
        raise TypeError(
            f"{type(self).__name__} cannot be removed: cells are born and die by the rules "
            "(to end a germ cell, set its hazard_budget to 0)"
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Cell)
            and self.kind == other.kind
            and self._lineage == other._lineage
            and self.model is other.model
        )

    def __hash__(self) -> int:
        return hash((self.kind, self._lineage))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._lineage})"

    def __getnewargs__(self) -> tuple[None, int]:
        """Return what `__new__` needs."""
        return None, self._lineage

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the row: another process looks it up."""
        return {**self.__dict__, "_seen": None}


def column(kind: str, name: str) -> Callable[[Tissue, Rows], np.ndarray]:
    """Return a reader of one column."""

    def read(tissue: Tissue, rows: Rows) -> np.ndarray:
        return np.asarray(getattr(getattr(tissue.columns, kind), name)[rows])

    return read


def writer(kind: str, name: str) -> Callable[[Tissue, Rows, Any], None]:
    """Return a writer of one column of non-negative numbers."""

    def write(tissue: Tissue, rows: Rows, value: Any) -> None:
        getattr(getattr(tissue.columns, kind), name)[rows] = not_negative(name, value)

    return write


def not_negative(name: str, value: Any) -> np.ndarray:
    """Return numbers of 0 or more, and not more than a column can hold, as an array.

    Raises:
        ValueError: for anything else.
    """
    number = np.asarray(value, dtype=float)
    if not np.all((number >= 0) & (number <= _LARGEST)):
        raise ValueError(f"{name} must be a number of 0 or more, up to {_LARGEST:.3g}, not {value!r}")
    return number


def step_number(value: Any) -> int:
    """Return the index of a germ-cell step from its name or index."""
    if isinstance(value, str):
        if value not in steps.NAMES:
            raise ValueError(f"step {value!r} is not known: use one of {', '.join(steps.NAMES)}")
        return steps.NAMES.index(value)
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 0 <= value < steps.COUNT:
        raise ValueError(f"step {value!r} is not an index from 0 to {steps.COUNT - 1}")
    return int(value)
