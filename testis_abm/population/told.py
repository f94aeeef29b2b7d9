"""What the command `testis-abm twin` prints: virtual patients who match laboratory values, and their predicted response."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.population.distribution import LESIONS
from testis_abm.population.predict import changes, readouts, with_sperm
from testis_abm.population.search import GOOD_SHAPE, GOOD_SIZE, LEAST_SIZE, WORST_SHAPE
from testis_abm.population.twin import KNOWN, MEASURES, Twin, column
from testis_abm.quantities import DEFAULT_ASSAY, QUANTITIES, RATIO
from testis_abm.results import report
from testis_abm.results.report import number

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario, Therapy

# Name of a laboratory value -> how it is printed, oestradiol by the assay of andrology clinics.
LABELS: Mapping[str, str] = {
    **{name: QUANTITIES[column(name, DEFAULT_ASSAY)].label for name in MEASURES}, "t_e2": QUANTITIES[RATIO[DEFAULT_ASSAY]].label,
}  # fmt: skip
_OPEN = 0.2  # share of the prior variance explained under which the values leave a field open


def labels(assay: str) -> dict[str, str]:
    """Return how each laboratory value is printed, oestradiol by `assay`."""
    named = {name: QUANTITIES[column(name, assay)].label for name in MEASURES}
    return named | {"t_e2": QUANTITIES[RATIO[assay]].label}


def about(found: Twin, units: Mapping[str, tuple[str, float]]) -> str:
    """Return laboratory values beside the matching virtual patients, their physiology, and the lesions that could be behind them.

    Args:
        found: the men.
        units: name -> unit to print a value in, and factor from that of twin.MEASURES.
    """
    named = labels(found.assay)
    lines = [*precision(found), ""]
    if found.misfit:
        far = ", ".join(f"{named[name]} (deviation {value:+.1f} SD)" for name, value in found.misfit.items())
        lines += [f"No physiology explains all of these laboratory values. Nearest match below; not explained: {far}.", ""]
    if text := rare(found):
        lines += [textwrap.fill(text, 110), ""]
    between = "(90 % of them)" if found.dependable else ""
    lines.append(f"  {'laboratory value':36s}{'given':>9s}{'matching':>10s}{between:>20s}   deviation in SD (z)")
    strained = False
    table = found.labs()
    for name in (name for name in named if name in table.index):
        row = table.loc[name]
        unit, factor = units.get(name, (row["unit"], 1.0))
        label = f"{named[name]} ({unit})" if unit else named[name]
        far = row["deviation_sd"]
        mark = " *" if abs(far) > 1.0 and (name in found.used or name not in found.given) else ""
        strained |= bool(mark)
        interval = _interval(row, lambda value: number(value * factor))  # noqa: B023
        z = "-" if np.isnan(far) else f"{far:+.1f}"
        given = f"{row['beyond']}{number(row['given'] * factor)}"
        lines.append(f"  {label:36s}{given:>9s}{number(row['median'] * factor):>10s}{interval:>20s}{z:>11s}{mark}")
    lines.append("  One SD is the variation of one man's samples, the laboratory's and, for serum E2 (immunoassay), the assay's own.")
    if strained:
        lines.append("  * The men deviate by more than one SD: they give this value only with strain.")
    lines += [f"  Note: {note}." for note in found.notes]
    return "\n".join([*lines, "", *_physiology(found)])


def precision(found: Twin) -> list[str]:
    """Return how many virtual patients match, and what that allows to say."""
    size = f"effective sample size {found.effective:.0f}, Pareto k {found.pareto_k:.2f}"
    lines = [f"Matching virtual patients: a weighted set of {len(found.men):,}, {size}"]
    if not found.dependable:
        text = (
            "These laboratory values cannot be matched with enough virtual patients to give intervals or identifiability "
            f"(needed: effective sample size {LEAST_SIZE:.0f}, Pareto k up to {WORST_SHAPE:g}): the combination is too rare in the "
            f"{found.prior.name} population. Medians below are of the nearest men and may differ with the random seed."
        )
        lines.append(textwrap.fill(text, 110))
    elif found.rough:
        lines.append(
            f"Warning: intervals and identifiability are rough (good: effective sample size {GOOD_SIZE:.0f}, Pareto k up to {GOOD_SHAPE:g})."
        )
    return lines


def rare(found: Twin) -> str:
    """Return that the population holds hardly any man like those found, and what is extreme in them; "" if it holds enough."""
    if not found.rare:
        return ""
    extreme = ", ".join(f"{name} ({z:+.1f} SD)" for name, z in found.rare.items())
    return (
        f"Warning: the {found.prior.name} population holds hardly any man like this (fewer than 1 in 1,000). Extreme for it: "
        f"{extreme}. Such a man may have a disorder that the population does not include; read what follows with reserve."
    )


def _interval(row: pd.Series, form: Callable[[float], str]) -> str:
    return "" if np.isnan(row["low"]) else f"({form(row['low'])} to {form(row['high'])})"


def _physiology(found: Twin) -> list[str]:
    table = found.physiology()
    given = [name for name in KNOWN if name in found.given and name in table.index]
    if found.dependable:
        head = f"{'(90 % of the men)':>24s}   identifiability: share of prior variance explained"
    else:
        head = ""
    lines = [f"  {'physiology':28s}{'population':>12s}{'median':>10s}{head}"]
    ordered = table.drop(given).sort_values("variance_explained", ascending=False, kind="stable")
    for name, row in pd.concat([table.loc[given], ordered]).iterrows():
        explained = row["variance_explained"]
        share = "" if np.isnan(explained) else "open" if explained < _OPEN else f"{100 * explained:.0f} %"
        if share and row["low"] == row["high"] != row["population_median"]:
            share = "at the end of its range"
        share = "given" if name in given else share
        interval = _interval(row, lambda value: f"{value:.3g}")
        lines.append(
            f"  {name!s:28s}{row['population_median']:12.3g}{row['median']:10.3g}{interval:>24s}   {share}".rstrip()
        )
    shares = {name: float(found.weights[(found.lesion == name).to_numpy()].sum()) for name in LESIONS[1:]}
    if found.dependable and (rare := _lesions(shares, 0.005)):
        lines.append(f"Lesions that could be behind the values: {rare}.")
    return lines


def _lesions(shares: Mapping[str, float], least: float) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {100 * of:.0f} %" for name, of in shares.items() if of > least)


def therapies(case: Scenario) -> list[str]:
    """Return a line a therapy: drug, dose, rhythm, days and condition, as they were understood."""
    return [
        f"{of.drug} {of.label}, {_days(of)}{f', when {of.when}' if of.when else ''}" for of in case.therapy
    ] or ["no therapy"]


def _days(of: Therapy) -> str:
    return f"day {of.first_day:g}" if of.every_days is None else f"day {of.first_day:g} to {of.until_day:g}"


def predicted(
    before: pd.DataFrame, after: pd.DataFrame, lesions: pd.Series, parameters_too: bool, dependable: bool = True
) -> str:
    """Return the predicted response of all matching virtual patients: benefit, safety and outcome, and who stays azoospermic.

    Args:
        before, after: from predict; lesions: of the men; parameters_too: whether the parameters vary too.
        dependable: whether the men carry intervals (Twin.dependable); without, medians only.
    """
    between = "(90 % of the men)" if dependable else ""
    last = "responders (> 20 % increase)" if dependable else ""
    lines = [f"  {'':46s}{'before':>9s}{'after':>9s}{'change':>10s}{between:>22s}   {last}".rstrip()]
    for name, row in changes(before, after).iterrows():
        label = f"{name} ({row['unit']})" if row["unit"] else str(name)
        change, interval = report.change(row["change_pct"], row["low_pct"], row["high_pct"])
        line = f"  {label:46s}{number(row['before']):>9s}{number(row['after']):>9s}{change:>10s}"
        if dependable:
            gain = "" if np.isnan(row["gain_over_20_pct"]) else f"{row['gain_over_20_pct']:.0f} %"
            few = f" of {row['men']:.0f}" if gain and row["men"] < len(before) else ""
            line += f"{interval:>22s}   {gain}{few}"
        lines.append(line.rstrip())
    if text := azoospermic(before, after, lesions):
        lines.append(f"  {text}")
    lines += ["", f"  {'safety and outcome':46s}{'before':>9s}{'after':>9s}{'by':>10s}{between:>22s}".rstrip()]
    for name, row in readouts(before, after).iterrows():
        interval = f"({row['low']:+.1f} to {row['high']:+.1f})" if dependable else ""
        label = f"{name} ({row['unit']})"
        lines.append(f"  {label:46s}{row['before']:9.1f}{row['after']:9.1f}{row['difference']:+10.1f}{interval:>22s}".rstrip())
    lines.append("  Trends and chances of populations, with wide uncertainty, for comparison: no diagnosis, no couple's chance.")
    held = " and of the model's parameters (the ensemble)" if parameters_too else ", under one set of parameters"
    lines.append(
        f"  The spread is that of {len(before):,} matching virtual patients{held}."
        if dependable
        else "  No intervals: too few virtual patients match the laboratory values."
    )
    return "\n".join(lines)


def azoospermic(before: pd.DataFrame, after: pd.DataFrame, lesions: pd.Series) -> str:
    """Return how many have no sperm before and after, and with which lesions; "" if all have some."""
    sperm = with_sperm(before, after)
    if sperm.all():
        return ""
    without = lesions[~sperm].value_counts(normalize=True)
    of = _lesions({name: float(without.get(name, 0.0) * np.mean(~sperm)) for name in LESIONS}, 0.0)
    least = parameters.values()["outcome.azoospermic_below"]
    others = (
        f"Sperm above are those of the other {100 * np.mean(sperm):.0f} %." if sperm.any() else "Nobody gains sperm."
    )
    return (
        f"Azoospermic before and after (under {least:g} million/mL) in {100 * np.mean(~sperm):.0f} %: "
        f"{of.replace('none', 'no lesion')}. {others}"
    )
