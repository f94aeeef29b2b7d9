"""The tables of a run: their types, and their conversion to other units (columns: man/diary.py)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from testis_abm.biology import steps
from testis_abm.man.diary import KINDS, Kind
from testis_abm.man.diary import SCHEMAS as SCHEMAS
from testis_abm.man.diary import SIGNALS as SIGNALS
from testis_abm.quantities import QUANTITIES, ending
from testis_abm.support import guard
from testis_abm.support.errors import TestisError, shown

if TYPE_CHECKING:
    import pandas as pd

STEPS = steps.NAMES


def empty(name: str) -> pd.DataFrame:
    """Return table `name` without rows."""
    return _empty(name).copy()


@cache
def _empty(name: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({column: pd.Series(dtype=KINDS[of.kind].dtype) for column, of in SCHEMAS[name].items()})


def conform(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with exactly the columns, order and types of table `name`.

    Columns in another order or of a narrower type are put right.

    Raises:
        TestisError: unknown table; column missing, unexpected or of a type that does not fit.
    """
    import pandas as pd

    if not isinstance(name, str) or name not in SCHEMAS:
        raise TestisError(f"{shown(name)} is not a table of a run; tables: {', '.join(SCHEMAS)}")
    schema = SCHEMAS[name]
    guard.frame(table, f"table {name}")
    missing = [column for column in schema if column not in table]
    extra = [str(column) for column in table if column not in schema]
    if missing or extra:
        faults = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has no place for {', '.join(extra)}"] * bool(
            extra
        )
        raise TestisError(f"table {name}: {'; '.join(faults)}")
    columns = {column: _typed(name, column, table[column], of.kind) for column, of in schema.items()}
    if list(table) == list(schema) and all(columns[column] is table[column] for column in schema):
        return table.reset_index(drop=True)
    return pd.DataFrame(columns).reset_index(drop=True)


def _typed(name: str, column: str, values: pd.Series, kind: Kind) -> pd.Series:
    try:
        typed = values.astype(KINDS[kind].dtype)
        fits = kind in ("text", "number") or bool((typed == values).all())
    except (TypeError, ValueError):
        fits = False
    if not fits or (kind == "text" and values.isna().any()):
        raise TestisError(f"table {name}: {column} holds {values.dtype} where {kind} values are expected")
    if kind == "number" and bool(np.signbit(typed.to_numpy()[typed.to_numpy() == 0.0]).any()):
        return typed + 0.0  # no table shows a zero with a sign
    return typed


def reported(column: str) -> str:
    """Return the name of a column of QUANTITIES in its clinical unit, in the system of units in force."""
    row = QUANTITIES[column]
    kept = row.factor == 1.0 or not column.endswith(ending(row.unit))
    return column if kept else column.removesuffix(ending(row.unit)) + ending(row.clinical_unit)
