"""What the recorded men's blood, testis and semen were, day by day: the strip under the slide, and the marks on its time line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from testis_abm.app.tubule.recording import Recording
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


class Course:
    """The levels of one recorded man, read from his own tables once each; serum E2 is by the scenario's assay.

    Attributes:
        columns: of quantities; none of a model that keeps no records.
    """

    def __init__(self, recording: Recording) -> None:
        model = recording.model
        case, self._records = getattr(model, "case", None), getattr(model, "records", None)
        self._known: dict[str, Measure] = {}
        if case is not None and self._records is not None:
            known = {measure.column: measure for measure in measures(values=case.values(), stored=True)}
            self._known = {column: known[column] for column in _columns(case.samples.assay)}
        self.columns = tuple(self._known)
        self._days: dict[str, list[int]] = {column: [] for column in self.columns}
        self._levels: dict[str, list[float]] = {column: [] for column in self.columns}

    def now(self, column: str) -> dict[str, list[Any]]:
        """Return `days` and `values` so far in the system of units in force; None where there is no level."""
        measure, days, levels = self._known[column], self._days[column], self._levels[column]
        new = self._records[measure.table][len(days) :]  # type: ignore[index]
        if new:
            rows = pd.DataFrame(new)
            days += rows["day"].tolist()
            levels += measure.read(rows).tolist()
        factor = QUANTITIES[column].factor
        return {
            "days": list(days),
            "values": [float(f"{level * factor:.5g}") if math.isfinite(level) else None for level in levels],
        }


def courses(shown: Sequence[Course]) -> list[dict[str, Any]]:
    """Return, for each quantity of the strip, `name`, `unit` and the `arms` (one for each recording), in the system of units in force."""
    return [
        {
            "name": QUANTITIES[column].title,
            "unit": QUANTITIES[column].clinical_unit,
            "arms": [one.now(column) for one in shown],
        }
        for column in (shown[0].columns if shown else ())
    ]


def _columns(assay: str) -> list[str]:
    return ["testosterone_nmol_l", OESTRADIOL[assay], _T, _E2, "daily_production_million_g", "concentration_million_ml"]


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
