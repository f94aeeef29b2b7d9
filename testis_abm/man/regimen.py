"""Which doses a man is given: the plan of his therapies, and what measurements decide of it.

A sample's result is known the next day. What has been decided and given is kept in the man's diary alone, so that a
saved, loaded or branched man goes on as the unbroken one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from testis_abm.biology.laboratory import reported_column
from testis_abm.biology.pharmacology import Dose, day_of
from testis_abm.man.diary import Diary
from testis_abm.quantities import DEFAULT_ASSAY, QUANTITIES

if TYPE_CHECKING:
    from testis_abm.scenario import Clause, Condition, Therapy

Measure = Callable[["Clause", int], float]
_ADHERENCE = 53  # stream of draws
# Tables of the doses given, the decisions, and what samples that decide showed.
RECORDS = ("therapy", "decisions", "measured")


@dataclass(frozen=True)
class Stop:
    """When a man leaves all his drugs for good; what was given by then (a depot, an infusion) runs its time.

    Attributes:
        day: no dose on it or later.
        when: he also stops on the day after the first of `looks`, mornings, whose samples meet it.
    """

    day: float = math.inf
    when: Condition | None = None
    looks: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.day:g}; {self.when or ''}; {self.looks}"


_STOP = 0  # number in the diary of what is no therapy


class Regimen:
    """The therapies of one man, day by day.

    Args:
        therapies: in the order of the scenario.
        release_hours: the longest time over which any of the drugs is released evenly.
        assay: of serum oestradiol in the samples that decide.
        man: his physiology by field, for doses by weight or body surface (None: the reference man's).
        key: of the draws that leave out doses where adherence is not whole.

    Attributes:
        stop: when he leaves them for good (default: never).
    """

    def __init__(
        self,
        therapies: Sequence[Therapy],
        release_hours: float,
        assay: str = DEFAULT_ASSAY,
        *,
        man: Mapping[str, float] | None = None,
        key: Sequence[int] = (0,),
    ) -> None:
        self.therapies, self.assay, self.stop = tuple(therapies), assay, Stop()
        self._doses = [therapy.dose_for(man) for therapy in therapies]
        self._ruled = any(therapy.when for therapy in therapies)  # whether measurements decide on any dose
        infused = [therapy.over_hours or 0.0 for therapy in therapies]
        # A day more, as doses are put to the nearest hour.
        self._longest_days = max([release_hours, *infused]) / 24.0 + 1.0
        self._due: dict[int, list[tuple[float, int]]] = {}
        planned = [(day, i) for i, therapy in enumerate(therapies) for day in _taken(therapy, (*key, i))]
        for day, i in sorted(
            planned, key=lambda dose: (dose[0], therapies[dose[1]].drug, therapies[dose[1]].dose, dose[1])
        ):
            self._due.setdefault(day_of(day), []).append((day, i))

    def quiet(self, day: int, most: int, diary: Diary) -> int:
        """Return for how many days from `day` on, at most `most`, no measurement is asked for but in the first morning."""
        if not self._ruled and self.stop.when is None:
            return most
        return next((ahead for ahead in range(1, most) if self._looks(day + ahead, diary)), most)

    def _looks(self, day: int, diary: Diary) -> bool:
        """Return whether a measurement is asked for, or decided on, on a day."""
        if self.stop.when is not None and day in self.stop.looks and day < self.ended(diary):
            return True
        for i, therapy in enumerate(self.therapies):
            condition = therapy.when
            if condition is None:
                continue
            if self._asks(i, day) and not (condition.once and self._decided(i, diary) is not None):
                return True
            for clause in condition.clauses:
                if day == clause.day or (clause.day is None and self._asks(i, day + 1)):
                    return True
        return False

    def days(self, first: int, count: int, measure: Measure, diary: Diary) -> list[Dose]:
        """Log the doses of `count` days from `first` on; return them, and those before that are still released.

        Only the first may ask for a measurement (see `quiet`).
        """
        for day in range(first, first + count):
            self._day(day, measure, diary)
        return self._acting(first, diary)

    def day(self, day: int, measure: Measure, diary: Diary) -> list[Dose]:
        """Return `days` of one day."""
        return self.days(day, 1, measure, diary)

    def _day(self, day: int, measure: Measure, diary: Diary) -> None:
        """Decide on the doses of `day` and log them, take this morning's samples.

        Args:
            day: the day that begins.
            measure: takes a clause and a day, returns what the laboratory reports of its quantity for a sample of now,
                in the unit of the clause, with the random draw of that day.
            diary: decisions and doses so far; today's are written down.
        """
        end = self.ended(diary)
        if self.stop.when is not None and day in self.stop.looks and day < end:
            self._look(self.stop.when, day, measure, diary)
        due = [(when, i) for when, i in self._due.get(day, ()) if when < end]
        if self._ruled:
            for i in dict.fromkeys(i for _, i in due):
                self._decide(i, day, measure, diary)
            self._take_samples(day, measure, diary)  # whose results nobody knows today
        for when, i in due:
            if not self._ruled or (self._held(i, diary) and not self._displaced(i, when, diary)):
                given = self.therapies[i]
                diary.write(
                    "therapy",
                    day=when,
                    therapy=i + 1,
                    drug=given.drug,
                    dose=self._doses[i],
                    unit=given.dose_unit,
                    route=given.route,
                    over_hours=given.over_hours or 0.0,
                )

    def ended(self, diary: Diary) -> float:
        """Return the first day without doses, as far as is known (infinite: he goes on)."""
        if self.stop.when is None:
            return self.stop.day
        stopped = (float(row.day) for row in diary["decisions"] if row.therapy == _STOP and row.taken)
        return min([self.stop.day, *stopped])

    def _look(self, condition: Condition, day: int, measure: Measure, diary: Diary) -> None:
        """Decide whether he stops, on this morning's sample, whose result is known tomorrow."""
        values = [measure(clause, day) for clause in condition.clauses]
        self._write(_STOP, condition, day + 1, values, diary)

    def _take_samples(self, day: int, measure: Measure, diary: Diary) -> None:
        for i, therapy in enumerate(self.therapies):
            for k, clause in enumerate(therapy.when.clauses if therapy.when else ()):
                if day == clause.day or (clause.day is None and self._asks(i, day + 1)):
                    diary.write("measured", therapy=i, clause=k, value=measure(clause, day))

    def _asks(self, i: int, day: int) -> bool:
        """Return whether a dose of therapy `i` is due on `day`."""
        return any(due == i for _, due in self._due.get(day, ()))

    def _decide(self, i: int, day: int, measure: Measure, diary: Diary) -> None:
        """Decide on therapy `i` if today's dose asks for it: its first dose, or any if it has a clause without a day."""
        condition = self.therapies[i].when
        if condition is None or (condition.once and self._decided(i, diary) is not None):
            return
        values = [self._result(i, k, day, measure, diary) for k in range(len(condition.clauses))]
        self._write(i + 1, condition, day, values, diary)

    def _write(self, therapy: int, condition: Condition, day: int, values: Sequence[float], diary: Diary) -> None:
        """Write down what was decided, for a day, on measured values of the clauses."""
        met = tuple(clause.holds(value) for clause, value in zip(condition.clauses, values, strict=True))
        taken = condition.holds(met)
        for clause, value, holds in zip(condition.clauses, values, met, strict=True):
            diary.write(
                "decisions",
                day=day,
                therapy=therapy,
                drug=self.therapies[therapy - 1].drug if therapy else "",
                clause=str(clause),
                measured_day=day - 1 if clause.day is None else clause.day,
                quantity=QUANTITIES[reported_column(clause.column, self.assay)].label,
                measured=value,
                unit=clause.unit,
                met=holds,
                taken=taken,
            )

    def _result(self, i: int, k: int, day: int, measure: Measure, diary: Diary) -> float:
        """Return what the last sample for clause `k` of therapy `i` showed.

        A man whose days begin after that of his sample is at his untreated steady state: he was then what he is now.
        """
        for known in reversed(diary["measured"]):
            if (known.therapy, known.clause) == (i, k):
                return float(known.value)
        clause = self.therapies[i].when.clauses[k]  # type: ignore[union-attr]
        return measure(clause, day - 1 if clause.day is None else clause.day)

    def _decided(self, i: int, diary: Diary) -> bool | None:
        """Return the last decision on therapy `i`, None before the first."""
        return next((bool(row.taken) for row in reversed(diary["decisions"]) if row.therapy == i + 1), None)

    def _held(self, i: int, diary: Diary) -> bool:
        return self.therapies[i].when is None or self._decided(i, diary) is True

    def _displaced(self, i: int, when: float, diary: Diary) -> bool:
        """Return whether a later-listed therapy of the same drug takes the place of therapy `i` at `when`."""
        return any(
            other.drug == self.therapies[i].drug
            and other.when is not None
            and not other.adds
            and other.covers(when)
            and self._held(k, diary)
            for k, other in enumerate(self.therapies[i + 1 :], i + 1)
        )

    def _acting(self, day: int, diary: Diary) -> list[Dose]:
        acting = []
        for given in reversed(diary["therapy"]):
            if given.day < day - self._longest_days:
                break
            acting.append(Dose(given.day, given.drug, given.dose, given.over_hours))
        return acting[::-1]


def _taken(therapy: Therapy, key: Sequence[int]) -> list[float]:
    """Return the days of the doses that a man takes of those that are planned; `key` of his draws."""
    planned = therapy.dose_days()
    if therapy.missed:
        missed = {*therapy.missed}
        planned = tuple(day for day in planned if day_of(day) not in missed)
    if therapy.adherence == 1.0:
        return list(planned)
    drawn = np.random.default_rng([*key, _ADHERENCE]).random(len(planned))
    return [day for day, chance in zip(planned, drawn.tolist(), strict=True) if chance < therapy.adherence]
