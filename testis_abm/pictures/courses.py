"""What charts show of runs: courses of arms, treatments, levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from testis_abm.pictures.chart import Curve, Mark, Panel, Span, Whisker
from testis_abm.pictures.reference import reference_ranges
from testis_abm.quantities import OESTRADIOL, QUANTITIES, RATIO, SI, unit_system
from testis_abm.results import plausible
from testis_abm.results.measures import Measure, measures
from testis_abm.results.run import Run
from testis_abm.results.summary import summarise
from testis_abm.results.tables import SCHEMAS, reported
from testis_abm.results.treatment import Treatment
from testis_abm.scenario import Insult, Scenario, Therapy

_HEADLINE = (
    "lh_iu_l",
    "fsh_iu_l",
    "intratesticular_testosterone_nmol_l",
    "intratesticular_oestradiol_nmol_l",
    "daily_production_million_g",
    "expected_concentration_million_ml",
    "expected_total_motile_count_million",
)
SIGNALS = ("androgen_signal", "er_alpha_signal", "er_beta_signal", "fsh_signal")
_PRODUCTION = ("daily_production_million_g", "meiotic_loss_pct", *SIGNALS)
_SAFETY = ("haematocrit_pct", "bone_density_change_pct", "hdl_change_mg_dl", "libido_score", "vasomotor_pct")
_NOT_DRAWN = ("immature_germ_cells_million",)  # the same course as their concentration
_FROM_ZERO = ("libido_score", "vasomotor_pct", "conception_pct")


@dataclass(frozen=True)
class Arm:
    """One arm of one run, under the name that a chart shows."""

    name: str
    run: Run
    arm: str

    def rows(self, table: str) -> pd.DataFrame:
        """Return its rows of a table."""
        rows = self.run.tables[table]
        return rows[rows["arm"] == self.arm]


def arms_of(run: Run) -> tuple[Arm, ...]:
    """Return the arms of a run."""
    return tuple(Arm(name, run, name) for name in run.arms)


# ---- panels


def hormones(arms: Sequence[Arm]) -> list[Panel]:
    """Return the panels of blood and testis, oestradiol and T/E2 by each assay."""
    return [_measured(arms, measure) for measure in _measures(arms, "hormones")]


def semen(arms: Sequence[Arm], *, dots: bool = True) -> list[Panel]:
    """Return the panels of semen: lines as expected, dots (of one man they tell, of many they hide) as the laboratory measured."""
    shown = (measure for measure in _measures(arms, "semen") if measure.column not in _NOT_DRAWN)
    return [_measured(arms, measure, measure.column if dots else "") for measure in shown]


def production(arms: Sequence[Arm]) -> list[Panel]:
    """Return the panels of sperm production and of what drives it."""
    return [_tabled(arms, "tissue", name) for name in _PRODUCTION]


def safety(arms: Sequence[Arm]) -> list[Panel]:
    """Return the panels of safety and of fecundability."""
    found = [_tabled(arms, "safety", name, zero=name in _FROM_ZERO) for name in _SAFETY]
    return [*found, _tabled(arms, "outcome", "conception_pct")]


GROUPS: Mapping[str, Callable[[Sequence[Arm]], list[Panel]]] = {
    "Hormones": hormones,
    "Testis": production,
    "Semen": semen,
    "Safety and outcome": safety,
}


def outcomes() -> Mapping[str, str]:
    """Return the quantities that have a course: column -> title, those of semen first."""
    measured = {
        table: [row.column for row in measures() if row.table == table and row.column not in _NOT_DRAWN]
        for table in ("semen", "hormones")
    }
    first, rest = ({name: QUANTITIES[name].title for name in measured[table]} for table in measured)
    tabled = {"tissue": _PRODUCTION, "safety": _SAFETY, "outcome": ("conception_pct",)}
    return first | {name: SCHEMAS[table][name].label for table in tabled for name in tabled[table]} | rest


def outcome(arms: Sequence[Arm], column: str) -> Panel:
    """Return the panel of one of `outcomes`, without samples, and with intervals over plausible models where they were worked out."""
    for table in ("hormones", "semen"):
        for measure in _measures(arms, table):
            if measure.column == column:
                return _measured(arms, measure, models=True)
    table = next(name for name in ("tissue", "safety", "outcome") if column in SCHEMAS[name])
    return replace(
        _tabled(arms, table, column, zero=column not in _SAFETY or column in _FROM_ZERO),
        whiskers=_whiskers(arms, column),
    )


def _whiskers(arms: Sequence[Arm], column: str) -> tuple[Whisker, ...]:
    """Return the intervals of levels over plausible models, in the unit of the column; none where all models give the same."""
    found = []
    for k, arm in enumerate(arms):
        if arm.run.plausible is None:
            continue
        table, treatment = plausible.of_all(arm.run.plausible, arm.arm), Treatment.of(arm.run)
        day = treatment.end if treatment else float(arm.run.scenario.plan.duration_days)
        if column in table.index:
            level, low, high = map(float, table.loc[column, ["level", "level_low", "level_high"]])
            if high - low > 1e-3 * abs(high):
                found.append(Whisker(k, day, level, low, high))
    return tuple(found)


def _measures(arms: Sequence[Arm], table: str) -> list[Measure]:
    known = measures(values=arms[0].run.scenario.values(), stored=True)
    return [measure for measure in known if measure.table == table]


def _measured(arms: Sequence[Arm], measure: Measure, dots: str = "", *, models: bool = False) -> Panel:
    quantity, scenarios = QUANTITIES[measure.column], [arm.run.scenario for arm in arms]
    marks = {
        Mark(observation.day, observation.canonical_value, observation.label)
        for scenario in scenarios
        for observation in scenario.observed
        if _measured_as(observation.variable, scenario) == measure.column
    }
    panel = Panel(
        measure.column,
        quantity.title,
        quantity.clinical_unit if quantity.factor == 1.0 else quantity.unit,
        tuple(_curve(arm, measure.table, measure.read, dots) for arm in arms),
        _days(scenarios),
        quantity.factor,
        quantity.clinical_unit,
        reference_ranges().get(measure.column),
        tuple(sorted(marks, key=lambda mark: (mark.day, mark.value, mark.label))),
        measure.least if measure.table == "hormones" else 0.0,
        whiskers=_whiskers(arms, measure.column) if models else (),
    )
    return panel.clinical() if unit_system() == SI else panel  # the axis on the right is that of conventional units


def _tabled(arms: Sequence[Arm], table: str, name: str, *, zero: bool = True) -> Panel:
    column, days = SCHEMAS[table][name], _days([arm.run.scenario for arm in arms])
    curves = tuple(_curve(arm, table, lambda rows: rows[name]) for arm in arms)
    return Panel(name, column.label, column.unit, curves, days, zero=zero)


def _days(scenarios: Sequence[Scenario]) -> tuple[float, float]:
    return (
        -float(max(scenario.plan.baseline_days for scenario in scenarios)),
        float(max(scenario.plan.duration_days for scenario in scenarios)),
    )


def _measured_as(variable: str, scenario: Scenario) -> str:
    """Return the column of an observed value: oestradiol is that of the scenario's assay."""
    return OESTRADIOL[scenario.samples.assay] if variable == OESTRADIOL["lc-ms"] else variable


def _curve(arm: Arm, table: str, read: Callable[[pd.DataFrame], pd.Series], dots: str = "") -> Curve:
    rows = arm.rows(table)
    if rows.empty:
        return Curve(arm.name, np.zeros(0), np.zeros(0))
    samples = (rows["day"].to_numpy(dtype=float), rows[dots].to_numpy(dtype=float)) if dots else None
    return Curve.of(arm.name, *matrix(rows, read(rows)), samples)


def matrix(rows: pd.DataFrame, values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return days, and values as (replicates, days), NaN where a replicate has not come to the day."""
    day, column = np.unique(rows["day"].to_numpy(dtype=float), return_inverse=True)
    replicate, row = np.unique(rows["replicate"].to_numpy(), return_inverse=True)
    table = np.full((len(replicate), len(day)), np.nan)
    table[row, column] = np.asarray(values, dtype=float)
    return day, table


# ---- treatments


def spans(scenario: Scenario) -> tuple[Span, ...]:
    """Return the treatments of a scenario as they are planned, up to its last day."""
    last = float(scenario.plan.duration_days)
    weights = sorted(scenario.weight, key=lambda weight: weight.from_day)
    return (
        tuple(_span(therapy, last) for therapy in scenario.therapy)
        + tuple(
            Span("weight", f"to BMI {weight.bmi:g} kg/m2", weight.from_day, min(last, weight.until_day))
            for weight in weights
        )
        + tuple(Span("clamp", clamp.label, clamp.from_day, min(last, clamp.until_day)) for clamp in scenario.clamp)
        + tuple(Span("rule", rule.label, max(0.0, rule.begins), min(last, rule.ends)) for rule in scenario.changing)
        + tuple(_insulted(insult, last) for insult in scenario.insult)
    )


def insults_of(arms: Mapping[str, Scenario]) -> tuple[Span, ...]:
    """Return the insults of arms by name, each once, up to the last day of all; what not all arms have names those that have it."""
    last = max(scenario.plan.duration_days for scenario in arms.values())
    found: dict[Insult, list[str]] = {}
    for name, scenario in arms.items():
        for insult in dict.fromkeys(scenario.insult):
            found.setdefault(insult, []).append(name)
    spans = (
        _insulted(insult, last, f" ({', '.join(names)})" if len(names) < len(arms) else "")
        for insult, names in found.items()
    )
    return tuple(spans)


def _insulted(insult: Insult, last: float, whose: str = "") -> Span:
    return Span("insult", f"{insult.label}{whose}", insult.day, min(last, insult.ends))


def spans_given(run: Run) -> tuple[Span, ...]:
    """Return the treatments of a run as given: what hangs on a condition from its first dose in any replicate to its last."""
    planned, rows = spans(run.scenario), run.tables["therapy"]
    days = rows.groupby("therapy")["day"].agg(["min", "max"])
    found = []
    for number, (therapy, span) in enumerate(zip(run.scenario.therapy, planned), 1):
        if not therapy.when:
            found.append(span)
        elif number in days.index:
            start, end = days.loc[number]
            found.append(replace(span, start=start, end=min(span.end, end + (therapy.every_days or 0.0))))
    return (*found, *planned[len(run.scenario.therapy) :])


def _span(therapy: Therapy, last: float) -> Span:
    end = min(last, therapy.dose_days()[-1] if therapy.every_days is None else therapy.until_day)
    rule = " (conditional)" if therapy.when else ""
    # Words begin with a capital; "hCG" and "rFSH" are no words.
    name = therapy.title[0].upper() + therapy.title[1:] if therapy.row.label.islower() else therapy.title
    return Span(therapy.drug, f"{name}{rule}", therapy.first_day, end)


# ---- levels


def levels(runs: Sequence[tuple[str, Run]]) -> pd.DataFrame:
    """Return a row a quantity, a column an arm: levels at the end of treatment (of an untreated man: of the run)."""
    columns = {}
    for name, run in runs:
        table = summarise(run)
        key = "treated" if "treated" in table else "mean"
        columns[name] = pd.Series(table[key].to_numpy(), index=headings(table))
    return pd.DataFrame(columns)


def headings(summary: pd.DataFrame) -> list[str]:
    """Return the label of each row of a summary with its unit."""
    return [f"{label} ({unit})" if unit else str(label) for label, unit in zip(summary["label"], summary["unit"])]


def headline(run: Run) -> list[str]:
    """Return the names in a summary of what is reported first; oestradiol and T/E2 are those of the scenario's assay."""
    assay = run.scenario.samples.assay
    columns = ("testosterone_nmol_l", OESTRADIOL[assay], RATIO[assay], *_HEADLINE)
    return [reported(column) if column in QUANTITIES else column for column in columns]
