"""Numbers of a user's own that leave the equations of the model without a result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from testis_abm.parameters.tables import in_force
from testis_abm.scenario.scenario import Scenario
from testis_abm.support.errors import TestisError, shown

_FEW = 12  # numbers that a message lists


def blamed(error: ArithmeticError, cases: Iterable[Scenario]) -> TestisError:
    """Return what to tell of an error of the equations (a division by 0, an overflow) under numbers of the user's own.

    Args:
        error: as it was raised.
        cases: that were simulated; tables in force count too.

    Raises:
        ArithmeticError: `error` itself, where all numbers are the shipped ones: it is a fault of the program.
    """
    cases = tuple(cases)
    numbers: dict[str, Any] = {}
    for tables in (in_force(), *(case.own_tables for case in cases)):
        for kind, rows in tables.as_dict().items():
            for name, row in rows.items():
                own = {key: value for key, value in row.items() if isinstance(value, int | float)}
                if kind == "parameter":
                    numbers |= {name: own["value"]} if "value" in own else {}
                else:
                    numbers |= {f"{kind}.{name}.{key}": value for key, value in own.items()}
    for case in cases:
        numbers |= dict(case.parameters)
    if not numbers:
        raise error
    # What is 0 is what may have been divided by.
    texts = [f"{name} = {shown(value)}" for name, value in sorted(numbers.items(), key=lambda pair: pair[1] != 0)]
    more = f" and {len(texts) - _FEW} more" if len(texts) > _FEW else ""
    return TestisError(
        f"the equations of the model have no result ({error}) with numbers of your own: {', '.join(texts[:_FEW])}{more}; "
        "change them (a quantity that others are divided by cannot be 0)"
    )
