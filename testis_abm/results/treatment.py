"""When treatment ran, and which days tell what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from testis_abm.choices import ARMS
from testis_abm.man.diary import treated_span
from testis_abm.results.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.scenario import Scenario

WINDOW = 28  # days over which hormones are averaged, up to the morning whose sperm are looked at


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
    def of(cls, result: Run) -> Treatment | None:
        """Return the treatment of `result`, or None if it has no treated arm beside an untreated one."""
        if result.arms != ARMS or not result.scenario.treated:
            return None
        return cls.planned(result.scenario, float(result.hormones["day"].max()))

    @classmethod
    def planned(cls, scenario: Scenario, last: float) -> Treatment:
        """Return the treatment of a scenario that has one and ends on day `last`."""
        start, end = treated_span(scenario, last)
        return cls(start, end, end < last)

    @property
    def window(self) -> tuple[float, float]:
        """Return the mornings after the last 28 days of treatment, or after all of it if shorter, the first and the last."""
        return max(self.start, self.end - WINDOW) + 1.0, self.end

    @property
    def morning(self) -> int:
        """Return the morning that closes it."""
        return max(1, round(self.end))


def last_window(end: float) -> tuple[float, float]:
    """Return the first and last of the mornings that a level of morning `end` averages, from day 1 on."""
    return max(0.0, end - WINDOW) + 1.0, end


def basis(first: float, last: float, *, sampled: bool = False) -> str:
    """Return what levels of hormones and of sperm are in every command, as expected or, in trials, `sampled` at a visit."""
    days = f"days {first:g} to {round(last)}" if first < last else f"day {round(last)}"
    error = "; samples add variation within the man, assay and counting error" if sampled else ", no counting error"
    return (
        f"Hormones: means of {days}; semen and sperm production: expected on the morning of day {round(last)}{error}."
    )


def closing(table: pd.DataFrame, name: str, window: tuple[float, float]) -> pd.DataFrame:
    """Return the rows of table `name` that tell its level: hormones of the whole window, semen and tissue of its last morning.

    Where nothing was sampled then, of the last sample before it, or else the first.
    """
    if name == "hormones":
        return within(table, *window)
    days = table["day"]
    known = days[days <= window[1]]
    return table[days == (known.max() if len(known) else days.min())]


def within(table: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    """Return the rows of the days from `first` to `last`; without any, those of the day nearest `last`."""
    rows = table[table["day"].between(first, last)]
    if rows.empty and len(table):
        nearest = table["day"].iloc[int((table["day"] - last).abs().to_numpy().argmin())]
        rows = table[table["day"] == nearest]
    return rows
