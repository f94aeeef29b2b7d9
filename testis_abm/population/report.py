"""Men in print: presets, a screening, virtual patients who match laboratory values, and their predicted response."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology import steps
from testis_abm.choices import TREATED
from testis_abm.parameters.own import is_own
from testis_abm.population import men
from testis_abm.population.distribution import LESIONS
from testis_abm.population.predict import READOUTS, YES_OR_NO, by_answer, changes, readouts, with_sperm
from testis_abm.population.search import GOOD_SHAPE, GOOD_SIZE, LEAST_SIZE, WORST_SHAPE
from testis_abm.quantities import (
    EFFECTS,
    KNOWN,
    MEASURES,
    OESTRADIOL,
    QUANTITIES,
    RATIO,
    SI,
    clinical,
    column,
    column_of,
    label,
    told,
    unit_system,
)
from testis_abm.results import plausible, report
from testis_abm.results.report import number, signed
from testis_abm.scenario import Man
from testis_abm.statistics import LEAST_MEN, cannot_say, share_of_men, spread_of_men

if TYPE_CHECKING:
    from testis_abm.population.cohort import Cohort
    from testis_abm.population.twin import Twin
    from testis_abm.scenario import Scenario

CAPTION = (
    "Before and after are medians of the men, the change is the median of each man's own "
    '("about 0" where they point different ways).'
)
_DEVIATION = (
    "One SD is the variation of one man's samples, the laboratory's and, for serum E2 (immunoassay), the assay's own."
)
_STRAINED = "* The men deviate by more than one SD: they give this value only with strain."
OF_POPULATIONS = (
    "Trends and chances of populations, with wide uncertainty, for comparison: no diagnosis, no couple's chance."
)
PARAMETERS = "the model's parameters and answers to what the data do not decide (the ensemble)"
ABOUT_ANSWERS = (
    "Each man lives under one plausible parameter set with its answers; weight: probability of the answer; no interval of under "
    f"{LEAST_MEN} men. Men differ besides, so rows differ by chance too; one man under every combination: testis-abm hypotheses."
)
_WHOLE = frozenset(READOUTS[name].label for name in ("hdl_change_mg_dl", "libido_score", "vasomotor_pct"))
_WIDEST = 32  # characters of a cell of a plan
_FAULTS = 20  # of them shown
_RARE = 0.005  # share of men under which a lesion is not named
_OPEN = 0.2  # share of the prior variance explained under which the values leave a field open
_SCREENED = (
    "bmi",
    "testosterone_nmol_l",
    *OESTRADIOL.values(),
    *RATIO.values(),
    "lh_iu_l",
    "fsh_iu_l",
    "inhibin_b_pg_ml",
    "concentration_million_ml",
    "total_motile_count_million",
    "progressive_motility_pct",
    "normal_forms_pct",
)


# ---- presets


def presets() -> Iterator[str]:
    """Yield the lines that list all presets with their labs in short."""
    yield f"{'preset':32s}{'T':>6s}{'E2':>7s}{'T/E2':>7s}{'LH':>7s}{'FSH':>7s}{'sperm':>9s}   title"
    t, e2, ratio = (
        QUANTITIES[name] for name in ("testosterone_nmol_l", *(of["immunoassay"] for of in (OESTRADIOL, RATIO)))
    )
    molar = ratio.clinical_unit.partition(" per ")[0] if " per " not in ratio.clinical_unit else ""
    places = 0 if t.factor > 1.0 else 1  # what a laboratory prints of either unit
    yield f"{'':32s}{t.clinical_unit:>6s}{e2.clinical_unit:>7s}{molar:>7s}{'IU/L':>7s}{'IU/L':>7s}{'M/mL':>9s}"
    for preset in parameters.presets().values():
        levels = men.labs(Man(preset=preset.name))
        share, sperm = number(levels["t_over_e2_immunoassay"]), number(levels["concentration_million_ml"])
        yield (
            f"{preset.name:32s}{levels['testosterone_nmol_l']:6.{places}f}{levels['oestradiol_immunoassay_pmol_l']:7.1f}{share:>7s}"
            f"{levels['lh_iu_l']:7.1f}{levels['fsh_iu_l']:7.1f}{sperm:>9s}   {_mark(preset.name)}{preset.title}{' *' if preset.history else ''}"
        )
    yield "E2 and T/E2 by immunoassay, as andrology clinics report them."
    yield "* on day 0, when what he took still acts (testis-abm men NAME tells what)"


def _mark(name: str) -> str:
    return "[own] " if is_own("preset", name) else ""


def presets_table() -> pd.DataFrame:
    """Return a row a preset: name, title, whether it is the user's own, and his untreated laboratory values in their units."""
    rows = []
    for preset in parameters.presets().values():
        levels = men.labs(Man(preset=preset.name))
        rows.append(
            {
                "name": preset.name,
                "title": preset.title,
                "own": is_own("preset", preset.name),
                **{QUANTITIES[of].label: level for of, level in levels.items()},
            }
        )
    return pd.DataFrame(rows)


def preset(name: str) -> Iterator[str]:
    """Yield the lines that show one preset."""
    preset, fields = parameters.presets()[name], parameters.physiology()
    yield f"{preset.name}: {_mark(preset.name)}{preset.title}"
    yield f"    source: {preset.source}"
    for line in preset.history:
        yield f"    history: {line}"
    yield ""
    yield "  Physiology (the other fields are those of the fertile man)"
    for field, value in preset.values.items():
        yield f"    {field:30s}{value:10g} {fields[field].symbol}   {_beside(field, value, fields[field].value)}"
    if not preset.values:
        yield "    as the fertile reference man"
    yield ""
    when = "What follows on day 0, after his history" if preset.history else "What follows from it"
    yield f"  {when:46s}{'':10s}   published"
    for finding in men.findings(name):
        text, published = "", finding.published
        if published is not None:
            mark = "published" if finding.fits is None else "within" if finding.fits else "OUTSIDE"
            text = f"{mark} {published.low:g} to {published.high:g}: {published.source}"
        yield f"    {finding.label:44s}{number(finding.value):>10s}   {text}".rstrip()
    yield "  Expected values at three days of abstinence; a sample varies about them."
    if preset.history:
        yield "  What he took still acts: run him untreated to see him recover."


def _beside(field: str, value: float, fertile: float) -> str:
    """Return what stands behind a number of a preset: the fertile man's, or the name of the type of germ cell that it is."""
    return f"({steps.NAMES[int(value)].replace('_', ' ')})" if field == "arrest_before" else f"(fertile {fertile:g})"


# ---- a screening


def screened(cohort: Cohort, seen: int, criteria: Sequence[str]) -> str:
    """Return the men of a screening: median and quartiles of what each visit reported, and how many have no sperm."""
    among = f" ({'; '.join(criteria)})" if criteria else ""
    visits, size = cohort.measured, len(cohort)
    heads = [f"visit {k}" for k in range(1, len(visits) + 1)] if len(visits) > 1 else ["median (quartiles)"]
    rows = [["", *heads]]
    for name in _SCREENED:
        levels = [visit[name] if name in visit else cohort.men[name] for visit in visits]
        rows.append([label(name), *(_quartiles(clinical(name, level)) for level in levels)])
    none = [share_of_men((visit["concentration_million_ml"] == 0.0).to_numpy())[0] for visit in visits]
    shares = [cannot_say(size) if np.isnan(share) else f"{number(share)} %" for share in none]
    rows.append(["azoospermic (no sperm counted)", *shares])
    note = "" if len(visits) == 1 else "\n  Medians (quartiles)."
    return (
        f"{size:,} of {seen:,} men measured{among}\n\n{report.aligned(rows)}{note}\n"
        "  Percentages are of men in whom sperm were counted, ratios of those with both levels over their limits."
    )


def _quartiles(values: np.ndarray) -> str:
    """Return median and quartiles of those who have a value, in print."""
    there = values[np.isfinite(values)]
    if not len(there):
        return "-"
    middle, low, high = spread_of_men(there, 0.25, 0.75)
    if len(there) < LEAST_MEN:
        return f"{number(middle)}, quartiles: {cannot_say(len(there))}"
    return f"{number(middle)} ({number(low)} to {number(high)})" + (
        f" of {len(there)}" if len(there) < len(values) else ""
    )


# ---- virtual patients who match laboratory values


def heading(found: Twin, name: str, unit: str) -> str:
    """Return how a laboratory value is printed, oestradiol by the assay of the search."""
    text = QUANTITIES[RATIO[found.assay] if name == "t_e2" else column(name, found.assay)].label
    return f"{text} ({unit})" if unit else text


def in_print(rows: Mapping[str, Sequence[str]], *columns: str) -> pd.DataFrame:
    """Return cells in print as a table: a row a name."""
    return pd.DataFrame.from_dict(rows, "index", columns=[*columns], dtype=object)


def lines(table: pd.DataFrame, name: str, last: int = 1) -> str:
    """Return a table in print as text; its `last` columns are to the left."""
    rows = [[name, *table.columns], *([str(index), *row] for index, row in zip(table.index, table.to_numpy()))]
    return report.aligned(rows, len(table.columns) - last)


def labs(found: Twin, units: Mapping[str, tuple[str, float]]) -> pd.DataFrame:
    """Return laboratory values beside the matching virtual patients, in print.

    Args:
        found: the men.
        units: name -> unit to print a value in, and factor from that of given.MEASURES.
    """
    rows = {}
    for name, row in found.labs().iterrows():
        unit, factor = units.get(str(name), (row["unit"], 1.0))
        z, given = row["deviation_sd"], f"{row['beyond']}{number(row['given'] * factor)}"
        strained = abs(z) > 1.0 and (name in found.used or name not in found.given)
        deviation = "-" if np.isnan(z) else f"{z:+.1f}{' *' if strained else ''}"
        middle = _middle(*(row[["median", "low", "high"]] * factor))
        rows[heading(found, str(name), unit)] = (given, middle, deviation)
    between = "matching, median (90 %)" if found.dependable else "matching, median"
    return in_print(rows, "given", between, "deviation in SD (z)")


def clinical_units() -> dict[str, tuple[str, float]]:
    """Return name of MEASURES -> (unit in force, factor from the twin's unit), as `labs` takes them."""
    if unit_system() == SI:  # the twin's own
        return {}
    rows = {name: (QUANTITIES[measure.column], measure.factor) for name, measure in MEASURES.items()}
    return {name: (row.clinical_unit, row.factor * factor) for name, (row, factor) in rows.items()}


def deviations(table: pd.DataFrame) -> list[str]:
    """Return what the deviations in the table of `labs` are."""
    return [_DEVIATION, *([_STRAINED] if table.iloc[:, -1].str.endswith("*").any() else [])]


def misfit(found: Twin) -> str:
    """Return which values no simulated physiology explains; "" if all are explained."""
    far = [f"{heading(found, name, '')} (deviation {value:+.1f} SD)" for name, value in found.misfit.items()]
    text = f"No simulated physiology explains all of these laboratory values. Not explained: {', '.join(far)}."
    return f"{text} What follows is the nearest match: do not read it as this patient." if far else ""


def physiology(found: Twin) -> pd.DataFrame:
    """Return what laboratory values determine of each field, in print: what was given, then the best explained first."""
    table, rows = found.physiology(), {}
    given = [name for name in KNOWN if name in found.given and name in table.index]
    ordered = table.drop(given).sort_values("variance_explained", ascending=False, kind="stable")
    for name, row in pd.concat([table.loc[given], ordered]).iterrows():
        explained = row["variance_explained"]
        share = "-" if np.isnan(explained) else "open" if explained < _OPEN else f"{100 * explained:.0f} %"
        if share != "-" and row["low"] == row["high"] != row["population_median"]:
            share = "at the end of its range"
        middle = _middle(*row[["median", "low", "high"]])
        rows[str(name)] = (number(row["population_median"]), middle, "given" if name in given else share)
    if not found.dependable:
        return in_print({name: row[:2] for name, row in rows.items()}, "population", "matching, median")
    share = "identifiability: share of prior variance explained"
    return in_print(rows, "population", "matching, median (90 %)", share)


def lesions(found: Twin) -> str:
    """Return which lesions could be behind the values, and how often; "" without any, or where too few match."""
    shares = {name: float(found.weights[(found.lesion == name).to_numpy()].sum()) for name in LESIONS[1:]}
    some = [f"{name.replace('_', ' ')} {100 * share:.0f} %" for name, share in shares.items() if share > _RARE]
    return f"Lesions that could be behind the values: {', '.join(some)}." if found.dependable and some else ""


def matches(found: Twin, units: Mapping[str, tuple[str, float]]) -> str:
    """Return laboratory values beside the matching virtual patients, their physiology, and possible lesions.

    Arguments as `labs`.
    """
    table = labs(found, units)
    notes = [*deviations(table), *(f"Note: {note}." for note in found.notes)]
    parts = [
        *(textwrap.fill(text, 110) for text in (misfit(found), rare(found)) if text),
        "\n  ".join([lines(table, "laboratory value"), *notes]),
        f"{lines(physiology(found), 'physiology')}\n{lesions(found)}".rstrip(),
    ]
    return "\n\n".join(["\n".join(precision(found)), *parts])


def precision(found: Twin) -> list[str]:
    """Return how many virtual patients match, and what that allows to say."""
    size = f"effective sample size {found.effective:.0f}, Pareto k {found.pareto_k:.2f}"
    lines = [f"Matching virtual patients: a weighted set of {len(found.men):,}, {size}"]
    if not found.dependable:
        text = (
            "These laboratory values cannot be matched with enough virtual patients to give intervals or "
            "identifiability "
            f"(needed: effective sample size {LEAST_SIZE:.0f}, Pareto k up to {WORST_SHAPE:g}): the combination is too "
            "rare in the "
            f"{found.prior.name} population. Medians below are of the nearest men and may differ with the random seed."
        )
        lines.append(textwrap.fill(text, 110))
    elif found.rough:
        lines.append(
            f"Warning: intervals and identifiability are rough (good: effective sample size {GOOD_SIZE:.0f}, Pareto k "
            f"up to {GOOD_SHAPE:g})."
        )
    return lines


def rare(found: Twin) -> str:
    """Return that a population holds hardly any man like those found, and why; "" if it holds enough."""
    if not found.rare:
        return ""
    extreme = ", ".join(f"{name} ({z:+.1f} SD)" for name, z in found.rare.items())
    return (
        f"Warning: the {found.prior.name} population holds hardly any man like this (fewer than 1 in 1,000). Extreme "
        "for it: "
        f"{extreme}. Such a man may have a disorder that the population does not include; read what follows with "
        "reserve."
    )


def _middle(middle: float, low: float, high: float) -> str:
    """Return a median with its interval in print, alone where there is none."""
    return number(middle) if np.isnan(low) else f"{number(middle)} ({number(low)} to {number(high)})"


def therapies(case: Scenario) -> list[str]:
    """Return a line a therapy or clamp: drug, dose, rhythm, days and condition, as they were understood."""
    lines = []
    for therapy in case.therapy:
        until = "" if therapy.every_days is None else f" to {therapy.until_day:g}"
        condition = f", when {therapy.when.told}" if therapy.when else ""
        lines.append(f"{therapy.title}, day {therapy.first_day:g}{until}{condition}")
    lines += [f"{clamp.label}, day {clamp.from_day:g} to {clamp.until_day:g}" for clamp in case.clamp]
    lines += [f"own rule: {rule.sentence}" for rule in case.rule]
    lines += [insult.dated for insult in case.insult]
    return [*(lines or ["no therapy"]), *([text] if (text := past(case)) else [])]


def past(case: Scenario) -> str:
    """Return what stands beside the treatment of men who were injured before it, whose levels untreated change too; "" of others."""
    insults = " and ".join(insult.label for insult in case.untreated().insult)
    return insults and f"Their past ({insults}) is in both columns: before is what they are untreated on the last day."


def effects(
    before: pd.DataFrame, after: pd.DataFrame, dependable: bool = True, values: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return the predicted response of matching virtual patients, in print; arguments as `predicted`."""
    rows = {}
    for name, row in changes(before, after, values).iterrows():
        levels, change = before_and_after(str(name), row), change_cells(row, len(before))
        rows[f"{name} ({row['unit']})" if row["unit"] else str(name)] = (*levels, *change)
    columns = ("before", "after", "change", "(90 % of the men)", "responders (> 20 % increase)")
    return in_print(rows, *columns).iloc[:, : None if dependable else 3]


def safety(before: pd.DataFrame, after: pd.DataFrame, dependable: bool = True) -> pd.DataFrame:
    """Return the predicted readouts of safety and outcome, in print; arguments as `predicted`."""
    rows = {}
    for name, row in readouts(before, after).iterrows():
        levels, *about = readout_cells(str(name), row, len(before))
        rows[f"{name} ({row['unit']})"] = (*levels, *about)
    for effect in EFFECTS:
        label = told(READOUTS[effect.column].label) if effect.column else effect.label
        if not effect.column or after[effect.column].isna().all():
            rows[label] = ("-", "-", "-", "", "no dose-response known")
    columns = ("before", "after", "difference", "(90 % of the men)", "")
    return in_print(rows, *columns).iloc[:, : None if dependable else 3]


def predicted(
    before: pd.DataFrame,
    after: pd.DataFrame,
    lesions: pd.Series,
    answers: pd.DataFrame | None,
    dependable: bool = True,
    values: Mapping[str, float] | None = None,
) -> str:
    """Return the predicted response of all matching virtual patients: benefit, by answer, safety, outcome, azoospermia.

    Args:
        before, after: from predict; lesions: of the men; answers: from predict_with, None under one parameter set.
        dependable: whether the men carry intervals (Twin.dependable); without, medians only.
        values: dotted parameters of the men (default: the table's).
    """
    held = ", under one set of parameters" if answers is None else f" and of {PARAMETERS}"
    by_answers = "" if answers is None or not dependable else answered(before, after, answers, values)
    spread = f"The spread is that of {len(before):,} matching virtual patients{held}."
    parts = [
        lines(effects(before, after, dependable, values), "", int(dependable)),
        *(f"  {text}" for text in (CAPTION, azoospermic(before, after, lesions, values)) if text),
        *(["", by_answers] if by_answers else []),
        "",
        lines(safety(before, after, dependable), "safety and outcome", int(dependable)),
        f"  {OF_POPULATIONS}",
        f"  {spread if dependable else 'No intervals: too few virtual patients match all that was reported.'}",
    ]
    return "\n".join(parts)


def answered(
    before: pd.DataFrame, after: pd.DataFrame, answers: pd.DataFrame, values: Mapping[str, float] | None = None
) -> str:
    """Return what becomes of sperm in men with each answer, on which its sign hangs, and what would decide; "" if none is open.

    Arguments as predict.by_answer.
    """
    table = by_answer(before, after, answers, values)
    if not table["question"].any():
        return ""
    rows = plausible.by_answer(table, TREATED, men=True)
    text = plausible.answered(rows, "by answer: change, % (90 % of the men)")
    return "\n".join([text, *map(report.note, (*on_answers(table), ABOUT_ANSWERS))])


def on_answers(table: pd.DataFrame) -> list[str]:
    """Return the verdicts on sperm of a table of predict.by_answer, and what would decide."""
    return [*plausible.verdicts(table, TREATED, men=True), *plausible.deciding(table, TREATED)]


def before_and_after(label: str, row: pd.Series) -> tuple[str, str]:
    """Return the levels before and after of a row of predict.changes in print, "<0.1" under a limit of quantitation."""
    column = column_of(label)
    return report.level(column, row["before"]), report.level(column, row["after"])


def change_cells(row: pd.Series, total: int) -> tuple[str, str, str]:
    """Return change, interval and responders of a row of predict.changes in print; `total` is the number of all men."""
    change, interval = report.change(row["change_pct"], row["low_pct"], row["high_pct"])
    covers = not (row["low_pct"] > 0.0 or row["high_pct"] < 0.0)
    if covers and row["change_pct"] * (row["after"] - row["before"]) < 0.0:
        change = "about 0"
    men, changed = int(row["men"]), int(row["changed"])
    if men and men < LEAST_MEN:
        return change, cannot_say(men), ""
    if changed and changed < LEAST_MEN:
        interval = cannot_say(changed)
    gain = "" if np.isnan(row["gain_over_20_pct"]) else f"{row['gain_over_20_pct']:.0f} %"
    gain += f" of {men}" if gain and men < total else ""
    return change, interval, gain + (f"; change of {changed}" if gain and 0 < changed < men else "")


def readout_cells(name: str, row: pd.Series, total: int) -> tuple[tuple[str, str, str], str, str]:
    """Return the levels and difference of a row of predict.readouts in print, the interval, and whom that is of."""
    places = 0 if name in _WHOLE else 1
    before, after = (
        "-" if np.isnan(level) else f"{round(level, places) + 0.0:.{places}f}"
        for level in (row["before"], row["after"])
    )
    levels = before, after, "-" if np.isnan(row["difference"]) else signed(row["difference"], places)
    men = int(row["men"])
    if men < LEAST_MEN:
        return levels, cannot_say(men), ""
    share = name in [told(READOUTS[column].label) for column in YES_OR_NO]
    sign = "" if share else "+"
    about = ["95 % interval of the share after"] if share else []
    about += [f"{men} men"] if men < total else []
    return levels, f"({row['low']:{sign}.{places}f} to {row['high']:{sign}.{places}f})", ", ".join(about)


def azoospermic(
    before: pd.DataFrame, after: pd.DataFrame, lesions: pd.Series, values: Mapping[str, float] | None = None
) -> str:
    """Return how many have no sperm before and after, and with which lesions; "" if all have some."""
    sperm = with_sperm(before, after, values)
    if sperm.all():
        return ""

    def part(count: int) -> str:
        return f"{count}" if len(sperm) < LEAST_MEN else f"{100 * count / len(sperm):.0f} %"

    counts = lesions[~sperm].value_counts()
    parts = [
        f"{name.replace('_', ' ').replace('none', 'no lesion')} {part(counts[name])}"
        for name in LESIONS
        if name in counts.index
    ]
    share = part(int((~sperm).sum())) + (f" of {len(sperm)} men" if len(sperm) < LEAST_MEN else "")
    others = f"Sperm above are those of the other {part(int(sperm.sum()))}." if sperm.any() else "Nobody gains sperm."
    least = parameters.all_values(values)["outcome.azoospermic_below"]
    return f"Azoospermic before and after (under {least:g} million/mL) in {share}: {', '.join(parts)}. {others}"


# ---- tables of men


def table_plan(table: Any) -> str:
    """Return how a table of men (table_in.Table) was read: a row a column, what was not understood, faults and counts."""
    first = f"{table.grid.source}: {table.grid.how}; headings in row {table.heading}"
    rows = [["column", "means", "unit", "factor", "values", "missing", "< or >", "range", "first values", "use"]]
    told = []
    for own in table.columns:
        if not own.heading and not own.meaning and not own.note:
            continue
        unit = f"{own.unit} ({own.said})" if own.unit else ""
        factor = f"{own.factor:.4g}" if own.kept_in and own.unit else ""
        low, high = (number(value) for value in (own.low, own.high))
        spread = "" if np.isnan(own.low) else f"{low} to {high} {own.kept_in}"
        counts = [
            str(of) if own.use in ("used", "read, not used") else "" for of in (own.values, own.missing, own.censored)
        ]
        rows.append(
            [_cut(own.heading), own.meaning, unit, factor, *counts, spread, _cut("; ".join(own.first)), own.use]
        )
        if own.note:
            told.append(f"  {_cut(own.heading)}: {own.note}")
    parts = [first, _in_columns(rows), *told]
    if table.faults:
        cells = [["row", "column", "man", "found", "expected", "done"]]
        shown_of = [fault for fault in table.faults if fault.row]
        for fault in shown_of[:_FAULTS]:
            cells.append(
                [str(fault.row), *map(_cut, (fault.column, fault.man, fault.found)), fault.expected, fault.done]
            )
        if shown_of:
            parts += [f"Not used as written, {len(shown_of):,} rows and cells:", _in_columns(cells)]
        if len(shown_of) > _FAULTS:
            parts.append(f"  ... and {len(shown_of) - _FAULTS:,} more (--faults FILE writes them all)")
        parts += [f"  {fault.found}: {fault.done}" for fault in table.faults if not fault.row and not fault.column]
    visits = sum(len(man.visits) for man in table.men)
    treated = sum(bool(visit.on) for man in table.men for visit in man.visits)
    counts_of = "; ".join(f"{kind}: {count:,}" for kind, count in table.skipped.items() if count)
    total = f"{len(table.men):,} men with {visits:,} visits" + (
        f", {treated:,} of them on a treatment" if treated else ""
    )
    parts.append(f"{total}{'; ' if counts_of else ''}{counts_of}")
    return "\n".join(parts)


def _in_columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of words as columns to the left."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join("  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def followed(table: pd.DataFrame) -> str:
    """Return visits under treatment: what was predicted of each value before it was used, and where it fell."""
    rows = [["day", "value", "reported", "predicted, median (90 %)", "share of the prediction under it"]]
    units = clinical_units()
    for row in table.itertuples():
        unit, factor = units.get(row.lab, (row.unit, 1.0))
        rows.append(
            [
                str(row.day),
                f"{row.lab} ({unit})",
                f"{row.beyond}{number(row.given * factor)}",
                _middle(*(factor * value for value in (row.median, row.low, row.high))),
                f"{100 * row.fell:.0f} %",
            ]
        )
    return report.aligned(rows, 0)
