"""One expected man: made from parameters and a physiology, at rest at once, then through any regimen day by day.

A row of his days describes a morning, before that day's doses (see agents/model.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from testis_abm import parameters
from testis_abm.biology import axis, steps
from testis_abm.biology.axis import AxisParameters
from testis_abm.biology.pharmacology import Kinetics
from testis_abm.biology.sertoli import signals
from testis_abm.biology.tissue import TissueParameters
from testis_abm.biology.tract import CHAIN, TractParameters, tract_parameters, volume
from testis_abm.man import course
from testis_abm.man.course import COLUMNS, TRACT
from testis_abm.man.epididymis import reserve_weights
from testis_abm.man.physiology import axis_parameters, is_adult, matured, testis_mass
from testis_abm.parameters import Drug
from testis_abm.support import guard
from testis_abm.testis.build import reference_counts, tissue_parameters
from testis_abm.testis.mean import AGES, SOMA, Scale

_CYCLE = 16  # days over which production is averaged, as the agent-based model does
_WEEK = 7  # days after which an immature testis is looked at anew
_HISTORY = 192  # days whose sperm an ejaculate may still hold
_TURNS_LOST = 3.5  # cycles of founding that the loss of one A-pale costs, counted in cells (tests/test_expected.py)
_NO_DRUGS = Kinetics.of([])
_BMI = COLUMNS.index("bmi")


@dataclass(frozen=True)
class _Numbers:
    """Everything that is fixed about one man, as the compiled loops take it."""

    axis: AxisParameters
    tissue: TissueParameters
    scale: Scale
    tract: TractParameters
    sperm: float
    reference_output: float
    normal: float
    dependent: float
    heard: float

    @classmethod
    def of(cls, values: Mapping[str, float], man: Mapping[str, float], reference_output: float) -> _Numbers:
        p, scale = tissue_parameters(values, man)
        # An A-pale that is lost takes the share it has gathered along, and A-dark replaces it a cycle or two later: the cells
        # found this much less.
        present = 1.0 / (1.0 + _TURNS_LOST * p.germ.stem_cell_loss)
        return cls(
            axis_parameters(values, man),
            p,
            Scale(
                scale.testosterone,
                scale.oestradiol,
                scale.testosterone_free,
                scale.oestradiol_free,
                scale.blood_entry,
                values["tissue.leydig_per_sertoli"],
                man["germ_cell_endowment"] * present,
            ),
            tract_parameters(values, man),
            values["tissue.sertoli_per_man"] * man["sertoli_number"] / 1e6,
            reference_output,
            values["tract.morphology_reference"] * man["morphology"],
            values["tract.morphology_androgen_share"],
            man["androgen_sensitivity"],
        )

    def tuple(self) -> tuple[Any, ...]:
        return (
            self.axis,
            self.tissue,
            self.scale,
            self.tract,
            self.sperm,
            self.reference_output,
            self.normal,
            self.dependent,
            self.heard,
        )


def reference_output(values: Mapping[str, float], reference_man: Mapping[str, float]) -> float:
    """Return the daily sperm production of the reference man, million, as the tract measures output against."""
    p, _ = tissue_parameters(values, reference_man)
    per_day = reference_counts(p)[steps.ELONGATED_SPERMATID] / p.germ.elongated_spermatid_days
    return float(per_day * values["tissue.sertoli_per_man"] / 1e6 * p.germ.spermiation)


class ExpectedMan:
    """A man's expectation: at his untreated rest when made, then advanced by days under doses.

    Args:
        values: dotted parameter name -> value, completed (`physiology.complete`).
        man: physiology field -> value.
        drugs: rows of the drug table that will be given.
        reference_output: from `reference_output`, if known (else worked out).

    Attributes:
        days: (1 + days lived, COLUMNS), the mornings since he was at his untreated rest, or since `begin` was called.
    """

    def __init__(
        self,
        values: Mapping[str, float],
        man: Mapping[str, float],
        drugs: Sequence[Drug] = (),
        *,
        reference: float | None = None,
    ) -> None:
        guard.entries(values, parameters.load(), "values", "physiology.complete(parameters.values())")
        guard.entries(man, parameters.physiology(), "man", "testis_abm.load(...).man.physiology")
        if reference is None:
            from testis_abm.parameters import physiology

            reference = reference_output(values, {name: field.value for name, field in physiology().items()})
        self.values, self.man = values, dict(man)
        self.kinetics = Kinetics.of(drugs) if drugs else _NO_DRUGS
        self._numbers = _Numbers.of(values, man, reference)
        self._body, self._soma = np.zeros(axis.STATE_SIZE), np.ones(SOMA)
        self._founders, self._spent = np.zeros(AGES), np.zeros((AGES, steps.COUNT))
        self._commitments = np.zeros(max(1, round(self._numbers.tissue.cycle_days)))
        self._descendants = np.zeros(steps.COUNT)
        self._tract, self._chain = np.zeros(TRACT), np.zeros((CHAIN, 2))
        substances = len(self.kinetics.names)
        self._depot, self._central = np.zeros(substances), np.zeros(substances)
        rest = np.zeros(len(COLUMNS))
        rest[_BMI] = self.man["bmi"]
        self._last = course.rest_state(
            self._body,
            self._soma,
            self._founders,
            self._commitments,
            self._spent,
            self._descendants,
            self._tract,
            self._chain,
            *self._numbers.tuple(),
            rest,
        )
        self.days, self._earlier = rest[None], np.tile(rest, (_HISTORY - 1, 1))
        self._output = self._resting_output()

    def __repr__(self) -> str:
        return f"<ExpectedMan, day {len(self.days) - 1}>"

    @property
    def rest(self) -> np.ndarray:
        """Return the row of day 0, before anything is given, (COLUMNS,)."""
        return np.asarray(self.days[0])

    def _resting_output(self) -> np.ndarray:
        from testis_abm.biology.kinetics import lh_response

        p, scale, at = self._numbers.tissue, self._numbers.scale, _at(self.rest)
        activity = max(self._body[axis.LH], 1e-9)
        x = at["free_testosterone_nmol_l"] / self._numbers.axis.free_testosterone_reference
        made = at["intratesticular_testosterone_nmol_l"] / scale.testosterone
        secretion = (made - scale.blood_entry * x) / (1.0 - scale.blood_entry)
        free = at["intratesticular_testosterone_nmol_l"] * scale.testosterone_free
        return np.array(
            [
                secretion / lh_response(activity, p.leydig.lh_saturation),
                at["intratesticular_oestradiol_nmol_l"] / scale.oestradiol,
                self._body[axis.INHIBIN],
                p.aromatase.aromatase_km / (p.aromatase.aromatase_km + free),
            ]
        )

    def change(self, man: Mapping[str, float]) -> None:
        """Give the man another physiology from this morning on (weight, for one), his state unchanged."""
        self.man = dict(man)
        self.days[-1, _BMI] = man["bmi"]
        self._numbers = _Numbers.of(self.values, man, self._numbers.reference_output)

    def advance(self, doses: np.ndarray) -> np.ndarray:
        """Live the days of `doses` (days, 48, substances; rows of pharmacology.hourly_doses); return the mornings after them."""
        if is_adult(self.man) or len(doses) <= _WEEK:
            return self._advance(doses)
        weeks = []
        for first in range(0, len(doses), _WEEK):
            weeks.append(self._advance(doses[first : first + _WEEK]))
        return np.concatenate(weeks)

    def _mature(self, rows: np.ndarray) -> None:
        """Let an immature testis come of age by what the days of `rows` brought."""
        at, p = _at(rows.mean(axis=0)), self._numbers.tissue
        hcg = self.values["axis.hcg_lh_equivalence"] * at["hcg_iu_l"]
        activity = at["lh_iu_l"] / self.values["axis.lh_reference"] + hcg / (
            1.0 + hcg / self.values["axis.hcg_saturation"]
        )
        signal = signals(at["androgen"], 0.0, at["fsh_heard"], 0.0, p)
        support = signal.fsh * signal.commitment
        self.change({**self.man, **matured(self.man, activity, support, len(rows), self.values)})

    def _advance(self, doses: np.ndarray) -> np.ndarray:
        rows = np.zeros((len(doses), len(COLUMNS)))
        rows[:, _BMI] = self.man["bmi"]
        k = self.kinetics
        course.advance(
            self._body,
            self._soma,
            self._founders,
            self._commitments,
            self._spent,
            self._descendants,
            self._last,
            self._tract,
            self._chain,
            self._output,
            self._depot,
            self._central,
            k.absorption,
            k.elimination,
            k.volume,
            k.effect,
            np.ascontiguousarray(doses),
            *self._numbers.tuple(),
            rows,
        )
        self.days = np.concatenate([self.days, rows])
        if not is_adult(self.man) and len(rows):
            self._mature(rows)
        return rows

    def semen(self, abstinence: float = 3.0, day: int | None = None) -> dict[str, float]:
        """Return the expected ejaculate of the morning of `day` (default: of the last), named as the semen table."""
        rows = self._mornings(day)
        first = COLUMNS.index("collected_million")
        store, glands = rows[::-1, first : first + 3], rows[-1, COLUMNS.index("glands")]
        return ejaculate(store, glands, abstinence, rows[-1, _BMI], self.values, self._numbers.tract)

    def daily_production(self, day: int | None = None) -> float:
        """Return the sperm released a day over the cycle before the morning of `day` (default: the last), million per g."""
        mean = self._mornings(day)[-_CYCLE:, COLUMNS.index("released_million")].mean()
        return float(mean / (testis_mass(self.values) * self.man["sertoli_number"]))

    def _mornings(self, day: int | None) -> np.ndarray:
        """Return the last rows up to the morning of `day` (default: the last), the past included."""
        known = self.days if day is None else self.days[: day + 1]
        return np.concatenate([self._earlier, known])[-_HISTORY:]

    def begin(self) -> None:
        """Count days from this morning on: what has been lived so far is his past."""
        self._earlier = self._mornings(None)[:-1]
        self.days = self.days[-1:].copy()


def ejaculate(
    store: np.ndarray, glands: float, abstinence: float, bmi: float, values: Mapping[str, float], t: TractParameters
) -> dict[str, float]:
    """Return the expected semen analysis of what the cauda took in (`store`, newest first: sperm, motile, normal, million)."""
    weights = reserve_weights(abstinence, values["tract.reserve_days"], values["tract.ejaculated"], len(store))
    sperm, motile, normal = (weights[:, None] * store).sum(axis=0)
    ml = float(volume(glands, abstinence, bmi, t))
    slope = values["tract.motility_abstinence_slope"]
    share = max(0.0, motile / sperm + slope * max(0.0, abstinence - 5.0)) if sperm > 0 else 0.0
    return {
        "volume_ml": ml,
        "concentration_million_ml": sperm / ml,
        "total_count_million": float(sperm),
        "progressive_motility_pct": 100.0 * share,
        "normal_forms_pct": 100.0 * normal / sperm if sperm > 0 else 0.0,
        "total_motile_count_million": float(sperm) * share,
    }


def _at(row: np.ndarray) -> dict[str, float]:
    return dict(zip(COLUMNS, (float(value) for value in row), strict=True))


def rest(
    values: Mapping[str, float], man: Mapping[str, float], *, reference: float | None = None, abstinence: float = 3.0
) -> dict[str, float]:
    """Return a man's untreated labs and semen: COLUMNS and the semen table's names (after days of `abstinence`)."""
    one = ExpectedMan(values, man, reference=reference)
    labs = _at(one.rest)
    del labs["bmi"]  # given, not found
    return labs | one.semen(abstinence)
