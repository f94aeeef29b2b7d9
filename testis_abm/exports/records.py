"""Doses and measurements of a run as records of pharmacometrics: ID, TIME, AMT, RATE, EVID, MDV, DRUG, DVID, DV, UNIT.

A subject is a replicate; doses are those that were given (what was missed is not there), measurements what a laboratory
reported on the days of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from testis_abm.choices import TREATED
from testis_abm.quantities import QUANTITIES
from testis_abm.results.run import Run
from testis_abm.scenario.records import record_text
from testis_abm.support import files, outputs

_BLOOD, _SEMEN = "blood", "semen"


def export_records(run: Run, path: str | Path) -> Path:
    """Write the doses and reported measurements of a run's treated arm (its only arm, if nobody was treated).

    Times are hours from day 0; DVID names the quantity and UNIT its unit. `scenario.records.read_records` reads the doses back.

    Args:
        run: from testis_abm.run or results.store.load.
        path: the CSV file to write.

    Raises:
        TestisError: the file is somebody else's, or the disk refuses.
    """
    outputs.check(path, ("ID", "TIME", "AMT"))
    files.write(path, record_text(records(run)))
    return Path(path)


def records(run: Run) -> list[dict[str, object]]:
    """Return the records of a run, by subject and time, doses before measurements of the same moment."""
    arm = TREATED if TREATED in run.arms else run.arms[-1]
    rows = [*_doses(run.tables["therapy"], arm), *_measured(run, arm)]
    return sorted(rows, key=lambda row: (row["ID"], row["TIME"], -int(str(row["EVID"])), str(row.get("DVID"))))


def _doses(table: pd.DataFrame, arm: str) -> Iterator[dict[str, object]]:
    for row in table[table["arm"] == arm].to_dict("records"):
        hours = float(row["over_hours"])
        rate = float(row["dose"]) / hours if hours else None
        yield _row(row, EVID=1, MDV=1, AMT=float(row["dose"]), RATE=rate, DRUG=row["drug"], UNIT=row["unit"])


def _measured(run: Run, arm: str) -> Iterator[dict[str, object]]:
    for name in (_BLOOD, _SEMEN):
        table = run.tables.get(name)
        if table is None:
            continue
        for row in table[table["arm"] == arm].to_dict("records"):
            for column, value in row.items():
                if column in QUANTITIES and value == value:
                    of = QUANTITIES[column]
                    yield _row(row, EVID=0, MDV=0, DVID=of.label, DV=float(value), UNIT=of.unit)


def _row(row: dict[str, object], **cells: object) -> dict[str, object]:
    return {"ID": int(str(row["replicate"])) + 1, "TIME": round(24.0 * float(str(row["day"])), 6), **cells}
