"""Which doses a man is given: the plan of his therapies, and what measurements decide of it.

A sample's result is known the next day. What has been decided and given is kept in the model's records alone, so that a saved,
loaded or branched man goes on as the unbroken one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from testis_abm.biology.laboratory import reported_column
from testis_abm.biology.pharmacology import Dose, day_of
from testis_abm.quantities import DEFAULT_ASSAY, QUANTITIES

if TYPE_CHECKING:
    from testis_abm.scenario import Clause, Therapy

Records = Mapping[str, list[tuple[Any, ...]]]
Measure = Callable[["Clause", int], float]
# Of the therapy log, the decisions (as the tables of a run), and what samples that decide showed.
RECORDS = ("therapy", "decisions", "measured")


class Regimen:
    """The therapies of one man, day by day.

    Args:
        therapies: in the order of the scenario.
        release_hours: the longest time over which any of the drugs is released evenly.
        assay: of serum oestradiol in the samples that decide.
    """

    def __init__(self, therapies: Sequence[Therapy], release_hours: float, assay: str = DEFAULT_ASSAY) -> None:
        self.therapies, self.assay = tuple(therapies), assay
        self._ruled = any(therapy.when for therapy in therapies)  # whether measurements decide on any dose
        infused = [therapy.over_hours or 0.0 for therapy in therapies]
        # A day more, as doses are put to the nearest hour.
        self._longest_days = max([release_hours, *infused]) / 24.0 + 1.0
        self._due: dict[int, list[tuple[float, int]]] = {}
        planned = [(day, i) for i, therapy in enumerate(therapies) for day in therapy.dose_days()]
        for day, i in sorted(planned, key=lambda of: (of[0], therapies[of[1]].drug, therapies[of[1]].dose, of[1])):
            self._due.setdefault(day_of(day), []).append((day, i))

    def day(self, day: int, measure: Measure, records: Records) -> list[Dose]:
        """Decide on the doses of `day` and log them, take this morning's samples; return the doses and what earlier ones release.

        Args:
            day: the day that begins.
            measure: takes a clause and a day, returns what the laboratory reports of its quantity for a sample of now, in the
                unit of the clause, with the random draw of that day.
            records: decisions and doses so far; today's are appended.
        """
        due = self._due.get(day, ())
        if self._ruled:
            for i in dict.fromkeys(i for _, i in due):
                self._decide(i, day, measure, records)
            self._take_samples(day, measure, records)  # whose results nobody knows today
        for when, i in due:
            if not self._ruled or (self._held(i, records) and not self._displaced(i, when, records)):
                of = self.therapies[i]
                row = (when, i + 1, of.drug, of.dose, of.dose_unit, of.route, of.over_hours or 0.0)
                records["therapy"].append(row)
        return self._acting(day, records)

    def _take_samples(self, day: int, measure: Measure, records: Records) -> None:
        for i, therapy in enumerate(self.therapies):
            for k, clause in enumerate(therapy.when.clauses if therapy.when else ()):
                if day == clause.day or (clause.day is None and self._asks(i, day + 1)):
                    records["measured"].append((i, k, measure(clause, day)))

    def _asks(self, i: int, day: int) -> bool:
        """Return whether a dose of therapy `i` is due on `day`."""
        return any(therapy == i for _, therapy in self._due.get(day, ()))

    def _decide(self, i: int, day: int, measure: Measure, records: Records) -> None:
        """Decide on therapy `i` if today's dose asks for it: its first dose, or any if it has a clause without a day."""
        condition = self.therapies[i].when
        if condition is None or (condition.once and self._decided(i, records) is not None):
            return
        values = [self._result(i, k, day, measure, records) for k in range(len(condition.clauses))]
        met = tuple(clause.holds(value) for clause, value in zip(condition.clauses, values, strict=True))
        taken = condition.holds(met)
        drug = self.therapies[i].drug
        for clause, value, holds in zip(condition.clauses, values, met, strict=True):
            on = day - 1 if clause.day is None else clause.day
            quantity = QUANTITIES[reported_column(clause.column, self.assay)].label
            row = (day, i + 1, drug, str(clause), on, quantity, value, clause.unit, holds, taken)
            records["decisions"].append(row)

    def _result(self, i: int, k: int, day: int, measure: Measure, records: Records) -> float:
        """Return what the last sample for clause `k` of therapy `i` showed.

        A man whose days begin after that of his sample is at his untreated steady state: he was then what he is now.
        """
        known = next((value for *of, value in reversed(records["measured"]) if of == [i, k]), None)
        if known is not None:
            return float(known)
        clause = self.therapies[i].when.clauses[k]  # type: ignore[union-attr]
        return measure(clause, day - 1 if clause.day is None else clause.day)

    def _decided(self, i: int, records: Records) -> bool | None:
        """Return the last decision on therapy `i`, None before the first."""
        return next((bool(row[-1]) for row in reversed(records["decisions"]) if row[1] == i + 1), None)

    def _held(self, i: int, records: Records) -> bool:
        return self.therapies[i].when is None or self._decided(i, records) is True

    def _displaced(self, i: int, when: float, records: Records) -> bool:
        """Return whether a later-listed therapy of the same drug takes the place of therapy `i` at `when`."""
        return any(
            other.drug == self.therapies[i].drug
            and other.when is not None
            and not other.adds
            and other.covers(when)
            and self._held(k, records)
            for k, other in enumerate(self.therapies[i + 1 :], i + 1)
        )

    def _acting(self, day: int, records: Records) -> list[Dose]:
        acting = []
        for row in reversed(records["therapy"]):
            if row[0] < day - self._longest_days:
                break
            acting.append(Dose(row[0], row[2], row[3], row[6]))
        return acting[::-1]
