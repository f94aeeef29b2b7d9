"""What a therapy would do to men: their laboratory values and semen untreated and at its end, man by man.

Men who were injured before day 0 change untreated too: their levels untreated are those of the last day, as those treated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology import outcome
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.safety import Safety, felt
from testis_abm.choices import TREATED, UNTREATED
from testis_abm.man.effects import untold_since
from testis_abm.man.injuries import warn_if_cells_are_needed
from testis_abm.man.mean_field import ExpectedMan, mean_morning
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Life, Treatment, treat
from testis_abm.parameters.tables import using
from testis_abm.population.cohort import retrieval_of
from testis_abm.quantities import QUANTITIES, Quantity, clinical, told
from testis_abm.results import plausible
from testis_abm.scenario import Scenario, load
from testis_abm.scenario.rule import refuse_standing
from testis_abm.statistics import share_of_men, spread_of_men
from testis_abm.support import guard
from testis_abm.support.cores import counted, each
from testis_abm.support.errors import ScenarioError, shown

if TYPE_CHECKING:
    from testis_abm.man.parameter_set import ParameterSet
    from testis_abm.parameters import Drug

SPERM = ("concentration_million_ml", "total_motile_count_million", "progressive_motility_pct", "normal_forms_pct")
# Columns of a prediction, as in quantities.QUANTITIES.
SHOWN = (
    "testosterone_nmol_l",
    "oestradiol_immunoassay_pmol_l",
    "oestradiol_pmol_l",
    "t_over_e2_immunoassay",
    "lh_iu_l",
    "fsh_iu_l",
    "inhibin_b_pg_ml",
    "intratesticular_testosterone_nmol_l",
    "intratesticular_oestradiol_nmol_l",
    *SPERM,
    "volume_ml",
)
# Safety and outcome, whose change is given in their own unit.
READOUTS: Mapping[str, Quantity] = {
    row.column: row
    for row in (
        QUANTITIES["haematocrit_pct"],
        Quantity("bone_density_change_pct", "bone density against untreated", "%"),
        Quantity("bone_density_scan_pct", "bone density on a scan against day 0", "%"),
        Quantity("hdl_change_mg_dl", "HDL cholesterol against day 0", "mg/dL"),
        Quantity("libido_score", "libido score", "of 100"),
        Quantity("vasomotor_pct", "vasomotor symptoms", "% of visits"),
        Quantity("oestradiol_low_pct", f"{QUANTITIES['oestradiol_pmol_l'].label} under {{E2:10}}", "% of men"),
        *(QUANTITIES[f"{name}_pct"] for name in outcome.OF_SEMEN),
        Quantity("retrieval_pct", "predicted micro-TESE sperm retrieval", "%"),
    )
}
YES_OR_NO = ("oestradiol_low_pct",)  # readouts that are 0 or 100 in a man
SETS = 200  # one for each of as many men
_WINDOW = 28  # days over which hormones are averaged at the end


@runtime_checkable
class ParameterSets(Protocol):
    """Plausible parameter sets (studies.ensemble.Ensemble)."""

    def knowing(self, known: Mapping[str, float]) -> ParameterSets:
        """Return the sets with parameters that are taken as known."""

    def drawn(self, n: int, seed: int = 1) -> list[ParameterSet]:
        """Return `n` sets drawn by weight, with their answers to what the data do not decide."""


def check_men(men: object) -> pd.DataFrame:
    """Return men: a row of physiology fields each.

    Raises:
        ScenarioError: it is no such table, lacks a field, or holds what no man has.
    """
    if not isinstance(men, pd.DataFrame):
        raise ScenarioError(
            f"{shown(men)} is not a table of men (a DataFrame with a row of physiology fields each)", "men"
        )
    if men.empty:
        raise ScenarioError("has no rows; give at least one man", "men")
    for name, field in parameters.physiology().items():
        if name not in men:
            raise ScenarioError(f"column {name} is missing; see: testis-abm men", "men")
        column = pd.to_numeric(men[name], errors="coerce")
        wrong = ~column.between(field.low - 1e-9, field.high + 1e-9)
        if wrong.any():
            raise ScenarioError(str(field.fault(men[name][wrong].iloc[0])), "men", name)
    return men


def predict(
    men: pd.DataFrame,
    scenario: Scenario | str | os.PathLike[str] | Mapping[str, Any],
    values: Mapping[str, float] | None = None,
    drugs: Mapping[str, Drug] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run each man through the scenario's therapies; return his labs untreated and at the end of the plan.

    Args:
        men: a row of physiology fields each (the scenario's own man is not used).
        scenario: its plan, therapies, abstinence and assay; a Scenario, a mapping, or the path of a scenario file.
        values: dotted parameters (default: the scenario's).
        drugs: rows of the drug table by name (default: the table's).

    Returns:
        Two tables, one row a man, columns as SHOWN and READOUTS: before (of men who were injured before day 0: untreated
        at the end of the plan), after. Hormones after are means of the last 28 days, safety that of its last day. `retrieval_pct` is NaN where micro-TESE has no place (biology/outcome.py).

    Raises:
        TestisError: men that are none, or a scenario that cannot be understood.
    """
    men, scenario = check_men(men), load(scenario)
    values = complete(parameters.all_values(scenario.values() if values is None else values))
    treatment = Treatment(scenario, drugs)
    return _predicted(men, scenario, [Life(man, values, treatment) for man in men.to_dict("records")])


def _predicted(
    men: pd.DataFrame,
    scenario: Scenario,
    lives: Sequence[Life],
    begin: Callable[[], None] = lambda: None,
    before: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what is reported of men before and after treatment, a life each.

    `begin` is called as each begins, from any thread; what is known of them `before` is not worked out again.
    """
    warn_if_cells_are_needed([scenario])
    refuse_standing(scenario.rule)
    couple = outcome.Couple(scenario.partner.age, scenario.partner.cycles_tried)
    rested = [scenario.samples.rested(day) for day in (0, scenario.plan.duration_days)]

    def look(man: ExpectedMan) -> dict[str, list[float]]:
        safety, seen = _safety(man), {}
        if before is None and not past:
            first = {**mean_morning(man.days[:1]), **man.semen(rested[0], 0), **safety[0]}
            seen[UNTREATED] = _report(man, first, couple)
        last = {**mean_morning(man.days[1:][-_WINDOW:]), **man.semen(rested[1]), **safety[1]}
        return {**seen, TREATED: _report(man, last, couple)}

    def table(seen: Sequence[Mapping[str, list[float]]], when: str) -> pd.DataFrame:
        return pd.DataFrame([row[when] for row in seen], columns=[*SHOWN, *READOUTS], index=men.index)

    past = any(life.treatment.past for life in lives)
    seen = treat(lives, look, begin=begin)
    after = table(seen, TREATED)
    after[list(untold_since(scenario))] = np.nan
    if before is None and past:
        controls = {id(life.treatment): life.treatment.control() for life in lives}
        untreated = [life._replace(treatment=controls[id(life.treatment)]) for life in lives]
        before = table(treat(untreated, look), TREATED)
    return table(seen, UNTREATED) if before is None else before, after


def _report(man: ExpectedMan, true: Mapping[str, float], couple: outcome.Couple) -> list[float]:
    """Return SHOWN and READOUTS of a man's true levels."""
    report = Laboratory(man.values).without_error(true)
    report["oestradiol_low_pct"] = 100.0 * true["oestradiol_low"]
    found = retrieval_of(man.man, true, man.values)
    report["retrieval_pct"] = 100.0 * found[0]
    chances = outcome.chances(true, found, couple, man.values)
    report |= {f"{name}_pct": 100.0 * chances[name][0] for name in outcome.OF_SEMEN}
    return [float(report[name]) for name in (*SHOWN, *READOUTS)]


def _safety(man: ExpectedMan) -> tuple[dict[str, float], dict[str, float]]:
    """Return the readouts of safety untreated and on the last day (safety.SafetyDay)."""
    rest, *mornings = (felt(day, man.values) for day in man.days)
    follow = Safety(man.values, rest)
    before = follow.readout(rest)
    for feels in mornings:
        follow.day(feels)
    return vars(before), vars(follow.readout(mornings[-1]))


def predict_with(
    men: pd.DataFrame,
    scenario: Scenario | str | os.PathLike[str] | Mapping[str, Any],
    ensemble: ParameterSets,
    *,
    sets: int = SETS,
    seed: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predict as `predict`, each man under one of `sets` parameter sets: the spread holds men and parameters.

    A set holds an answer to each question that the data do not decide; of infertile men it says of what kind they are.

    Returns:
        Before and after as `predict`, and the answers: a row a man, a column a question (parameters.hypotheses), ""
        where a question is not his, or none of its answers is that of his parameters.

    Raises:
        TestisError: as `predict`; `sets` or `seed` is out of range.
    """
    before, (after,), answers = predict_each(men, [scenario], ensemble, sets=sets, seed=seed)
    return before, after, answers


def predict_each(
    men: pd.DataFrame,
    scenarios: Sequence[Scenario | str | os.PathLike[str] | Mapping[str, Any]],
    ensemble: ParameterSets,
    *,
    sets: int = SETS,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[pd.DataFrame, list[pd.DataFrame], pd.DataFrame]:
    """Predict as `predict_with` what each of several treatments of the same men does, man by man under the same parameter set.

    Args:
        men, ensemble, sets, seed: as `predict_with`.
        scenarios: alike but for title and treatment.
        progress: called with how many lives have begun and how many there are, from any thread.

    Returns:
        Before, which they share; after each; and the answers.

    Raises:
        TestisError: as `predict_with`; the scenarios differ in more, or there is none.
    """
    men, cases = check_men(men), [load(scenario) for scenario in scenarios]
    sets, seed = guard.argument("sets", sets), guard.argument("seed", seed)
    if not isinstance(ensemble, ParameterSets):
        raise ScenarioError(f"ensemble: {shown(ensemble)} is no Ensemble; use studies.ensemble.shipped()")
    if not cases:
        raise ScenarioError("give at least one scenario", "scenarios")
    of_all = cases[0]
    for k, case in enumerate(cases[1:], 2):
        if case.untreated() != of_all.untreated().model_copy(update={"title": case.title}):
            text = "differs from scenario 1 in more than title and treatment; give it the same man, plan, samples, and parameters"
            raise ScenarioError(text, f"scenario {k}")
    with using(of_all.own_tables):
        drawn = ensemble.knowing(of_all.parameters).drawn(min(sets, len(men)), seed)

    def one(numbered: tuple[int, dict[Any, Any]]) -> tuple[Mapping[str, float], Mapping[str, float], dict[str, str]]:
        i, row = numbered
        own = drawn[i % len(drawn)]
        return *own.as_kind(row, own.drawn(row, (seed, i))), own.answers_of(row)

    known = each(one, list(enumerate(men.to_dict("records"))))
    begin, before, after = counted(progress, len(known) * len(cases)), None, []
    for case in cases:
        treatments = [Treatment(case, own.drugs_of(case)) for own in drawn]
        lives = [Life(man, values, treatments[i % len(drawn)]) for i, (man, values, _) in enumerate(known)]
        before, seen = _predicted(men, case, lives, begin, before)
        after.append(seen)
    answers = [answer for _, _, answer in known]
    assert before is not None
    table = pd.DataFrame(answers, men.index, [*parameters.hypotheses()], dtype=object).fillna("")
    return before, after, table


def by_answer(
    before: pd.DataFrame, after: pd.DataFrame, answers: pd.DataFrame, values: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return what becomes of sperm in men with each answer, and whether its sign hangs on it (results.plausible.COLUMNS).

    Men are those with sperm, before or after (with_sperm); sperm where there were none are a rise without a number.

    Args:
        before, after, answers: from `predict_with`; values: dotted parameters (default: the table's).
    """
    values = parameters.all_values(values)
    sperm, laboratory = with_sperm(before, after, values), Laboratory(values)
    levels = {name: np.stack([frame[name].to_numpy()[sperm] for frame in (before, after)]) for name in plausible.SPERM}
    least = {name: laboratory.limit(name) for name in levels}
    return plausible.Lives(answers[sperm], (UNTREATED, TREATED), levels, least).table()


def with_sperm(before: pd.DataFrame, after: pd.DataFrame, values: Mapping[str, float] | None = None) -> np.ndarray:
    """Return which men have sperm in their ejaculate, before or after; `values` are dotted parameters."""
    concentration = [frame["concentration_million_ml"].to_numpy() for frame in (before, after)]
    return np.asarray(np.maximum(*concentration) >= parameters.all_values(values)["outcome.azoospermic_below"])


def changes(before: pd.DataFrame, after: pd.DataFrame, values: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return a row a quantity: medians before and after, median change in % with its 90 % interval, responders.

    Sperm are those of `men` who have any, before or after (with_sperm); NaN if no man has. The change is that of the
    `changed` men whose level before is distinguished from zero. Sperm where there were none count as a rise. Too few
    men (statistics.LEAST_MEN) have no interval and no share.
    """
    values = parameters.all_values(values)
    rows, sperm, laboratory = [], with_sperm(before, after, values), Laboratory(values)
    for name in SHOWN:
        # A man who has no percentage before or after is left out.
        there = (sperm if name in SPERM else True) & (before[name].notna() & after[name].notna()).to_numpy()
        first, last = before[name].to_numpy()[there], after[name].to_numpy()[there]
        change = np.asarray(laboratory.percent_change(name, first, last))
        known = change[np.isfinite(change)]
        row: dict[str, Any] = {"quantity": QUANTITIES[name].label, "unit": QUANTITIES[name].clinical_unit}
        for when, level in (("before", first), ("after", last)):
            row[when] = float(np.median(clinical(name, level))) if len(level) else np.nan
        row |= dict(zip(("change_pct", "low_pct", "high_pct"), spread_of_men(known)))
        rises = np.where(np.isfinite(change), change > 20.0, last >= laboratory.limit(name))
        rows.append(row | {"gain_over_20_pct": share_of_men(rises)[0], "men": len(first), "changed": len(known)})
    return pd.DataFrame(rows).set_index("quantity")


def readouts(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return a row a readout of safety or outcome: means before and after, mean difference with its 90 % interval.

    Of what a man has or has not (YES_OR_NO) the interval is the 95 % one of the share after. The chance of
    microdissection is that of the `men` for whom it has a place, before and after; without one it has no row. Too few
    men (statistics.LEAST_MEN) have no interval, and no share.
    """
    rows = []
    for name, readout in READOUTS.items():
        both = (before[name].notna() & after[name].notna()).to_numpy()
        if not both.any():
            continue
        first, last = before[name].to_numpy()[both], after[name].to_numpy()[both]
        if name in YES_OR_NO:
            levels = [share_of_men(level > 0.0) for level in (first, last)]
            means, difference, interval = [share[0] for share in levels], levels[1][0] - levels[0][0], levels[1][1:]
        else:
            means, difference, interval = (
                [first.mean(), last.mean()],
                (last - first).mean(),
                spread_of_men(last - first)[1:],
            )
        row = {"readout": told(readout.label), "unit": readout.unit, "before": means[0], "after": means[1]}
        rows.append(row | {"difference": difference, "low": interval[0], "high": interval[1], "men": len(first)})
    return pd.DataFrame(rows).set_index("readout")
