"""What the recorded men's blood, testis and semen were, day by day: the strip under the slide, and the marks on its time line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from testis_abm.app.tubule.recording import Recording
from testis_abm.experiments.simulate import so_far
from testis_abm.pictures.courses import spans
from testis_abm.quantities import OESTRADIOL, QUANTITIES
from testis_abm.results.measures import Measure, measures

_T, _E2 = "intratesticular_testosterone_nmol_l", "intratesticular_oestradiol_nmol_l"
# Quantities of the slide's fields, by their names in a frame.
FIELDS = {"testosterone": _T, "oestradiol": _E2, "ratio": "intratesticular_t_over_e2"}


def units() -> dict[str, dict[str, Any]]:
    """Return unit and factor (of the frame's nmol/L) of each field, in the system of units in force."""
    return {
        name: {"unit": QUANTITIES[of].clinical_unit, "factor": QUANTITIES[of].factor} for name, of in FIELDS.items()
    }


def courses(shown: Sequence[Recording]) -> list[dict[str, Any]]:
    """Return, for each quantity of the strip, `name`, `unit` and the `arms` (one for each recording: `days` and `values`).

    Values are those of the model's own tables, in the system of units in force; serum E2 is by the scenario's assay.
    """
    found: list[dict[str, Any]] = []
    for recording in shown:
        for number, (measure, days, values) in enumerate(_of(recording)):
            if number == len(found):
                quantity = QUANTITIES[measure.column]
                found.append({"name": quantity.title, "unit": quantity.clinical_unit, "arms": []})
            found[number]["arms"].append({"days": days, "values": values})
    return found


def _of(recording: Recording) -> list[tuple[Measure, list[int], list[float | None]]]:
    """Return the measures of one man with their days and levels; of a model that keeps no records none."""
    model = recording.model
    records, case = getattr(model, "records", None), getattr(model, "case", None)
    if records is None or case is None:
        return []
    wanted = _wanted(case.samples.assay)
    known = {measure.column: measure for measure in measures(values=case.values(), stored=True)}
    chosen = [known[name] for name in wanted if name in known]
    tables = {measure.table for measure in chosen}
    # Another thread may be living this man: as many rows of each table as all have by now.
    count = min(len(records[table]) for table in tables)
    rows = {table: [("", 0, *row) for row in records[table][:count]] for table in tables}
    if not count:
        return []
    run = so_far(case, rows)
    return [(measure, *_course(run.tables[measure.table], measure)) for measure in chosen]


def _wanted(assay: str) -> tuple[str, ...]:
    return (
        "testosterone_nmol_l",
        OESTRADIOL[assay],
        _T,
        _E2,
        "daily_production_million_g",
        "expected_concentration_million_ml",
    )


def _course(rows: pd.DataFrame, measure: Measure) -> tuple[list[int], list[float | None]]:
    levels = QUANTITIES[measure.column].clinical(measure.read(rows))
    return rows["day"].tolist(), [float(f"{level:.5g}") if np.isfinite(level) else None for level in levels]


def marks(shown: Sequence[Recording], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what happens to the men on the time line: `label`, first and last day, whether it is an insult, and `whose` it is ("": of all)."""
    of_all = [_spans(recording) for recording in shown]
    every = list(dict.fromkeys(span for spans in of_all for span in spans))
    return [
        {
            "label": span.label,
            "start": span.start,
            "end": span.end,
            "insult": span.drug == "insult",
            "whose": "" if all(span in of for of in of_all) else names[[span in of for of in of_all].index(True)],
        }
        for span in every
    ]


def _spans(recording: Recording) -> tuple[Any, ...]:
    model = recording.model
    case = getattr(model, "case", None)
    if case is None:
        return ()
    return spans(case if model.treated else case.untreated())


class Differences:
    """The largest difference between two recordings of each field on the days that both have kept: what scales its colours."""

    def __init__(self, first: Recording, second: Recording) -> None:
        self._pair, self._days = (first, second), set[int]()
        one, other = (recording.section for recording in self._pair)
        self.alike = one.window == other.window and np.array_equal(one.tubules, other.tubules)
        self.most = dict.fromkeys(FIELDS, 0.0)

    def now(self) -> dict[str, float]:
        """Return the largest so far, in nmol/L and molar; nothing of recordings of other tissues."""
        if not self.alike:
            return {}
        first, second = self._pair
        for day in set(first.days) & set(second.days) - self._days:
            try:
                one, other = (of.frame(of.days.index(day)) for of in self._pair)
            except (ValueError, IndexError):  # thinned away meanwhile
                continue
            self._days.add(day)
            for name, field in _fields(one).items():
                self.most[name] = max(self.most[name], float(np.abs(field - _fields(other)[name]).max()))
        return dict(self.most)


def _fields(frame: Any) -> dict[str, np.ndarray]:
    ratio = frame.testosterone / np.maximum(frame.oestradiol, 1e-9)
    return {"testosterone": frame.testosterone, "oestradiol": frame.oestradiol, "ratio": ratio}
