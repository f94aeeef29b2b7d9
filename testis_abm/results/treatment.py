"""When treatment ran, and which days tell what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from testis_abm.results.run_result import RunResult

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.scenario import Scenario

WINDOW_DAYS = 28.0


@dataclass(frozen=True)
class Treatment:
    """The treatment of a run, from the first dose to the end of the last therapy.

    Attributes:
        start, end: days.
        stops_early: whether the run goes on after treatment.
    """

    start: float
    end: float
    stops_early: bool

    @classmethod
    def of(cls, result: RunResult) -> Treatment | None:
        """Return the treatment of `result`, or None if it has no treated arm beside an untreated one."""
        if result.arms != ("untreated", "treated") or not result.scenario.treated:
            return None
        return cls.planned(result.scenario, float(result.hormones["day"].max()))

    @classmethod
    def planned(cls, scenario: Scenario, last: float) -> Treatment:
        """Return the treatment of a scenario that has therapies and ends on day `last`; a changed weight is held till then."""
        start = min([of.from_day for of in scenario.therapy] + [of.from_day for of in scenario.weight])
        end = last if scenario.weight else min(last, max(of.until_day for of in scenario.therapy))
        return cls(start, end, end < last)

    @property
    def window(self) -> tuple[float, float]:
        """Return the mornings after the last 28 days of treatment, or after all of it if shorter, the first and the last."""
        return max(self.start, self.end - WINDOW_DAYS) + 1.0, self.end


def within(table: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    """Return the rows of the days from `first` to `last`; without any, those of the day nearest `last`."""
    rows = table[table["day"].between(first, last)]
    if rows.empty and len(table):
        nearest = table["day"].iloc[int((table["day"] - last).abs().to_numpy().argmin())]
        rows = table[table["day"] == nearest]
    return rows
