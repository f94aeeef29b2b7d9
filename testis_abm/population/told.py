"""What the command `testis-abm twin` prints: virtual patients who match laboratory values, and their predicted response."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.population.distribution import LESIONS
from testis_abm.population.predict import READOUTS, YES_OR_NO, changes, readouts, with_sperm
from testis_abm.population.search import GOOD_SHAPE, GOOD_SIZE, LEAST_SIZE, WORST_SHAPE
from testis_abm.population.twin import KNOWN, MEASURES, Twin, column
from testis_abm.quantities import DEFAULT_ASSAY, QUANTITIES, RATIO, column_of
from testis_abm.results import report
from testis_abm.results.report import number
from testis_abm.statistics import LEAST_MEN, cannot_say

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario, Therapy

# Name of a laboratory value -> how it is printed, oestradiol by the assay of andrology clinics.
LABELS: Mapping[str, str] = {
    **{name: QUANTITIES[column(name, DEFAULT_ASSAY)].label for name in MEASURES},
    "t_e2": QUANTITIES[RATIO[DEFAULT_ASSAY]].label,
}
CAPTION = 'Before and after are medians of the men, the change is the median of each man\'s own ("about 0" where they point different ways).'
_SHARES = tuple(READOUTS[name][0] for name in YES_OR_NO)
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
        lines += [
            f"No physiology explains all of these laboratory values. Nearest match below; not explained: {far}.",
            "",
        ]
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
    lines.append(
        "  One SD is the variation of one man's samples, the laboratory's and, for serum E2 (immunoassay), the assay's own."
    )
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
    return [f"{of.drug} {of.label}, {_days(of)}{f', when {of.when}' if of.when else ''}" for of in case.therapy] or [
        "no therapy"
    ]


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
        change, interval, gain = change_cells(row, len(before))
        before_after = "".join(f"{level:>9s}" for level in before_and_after(str(name), row))
        line = f"  {label:46s}{before_after}{change:>10s}"
        lines.append((line + f"{interval:>22s}   {gain}" if dependable else line).rstrip())
    lines.append(f"  {CAPTION}")
    if text := azoospermic(before, after, lesions):
        lines.append(f"  {text}")
    lines += ["", f"  {'safety and outcome':46s}{'before':>9s}{'after':>9s}{'by':>10s}{between:>22s}".rstrip()]
    for name, row in readouts(before, after).iterrows():
        levels, interval, about = readout_cells(str(name), row, len(before))
        label = f"{name} ({row['unit']})"
        cells = f"  {label:46s}{levels[0]:>9s}{levels[1]:>9s}{levels[2]:>10s}"
        lines.append((cells + f"{interval:>22s}   {about}" if dependable else cells).rstrip())
    lines.append(
        "  Trends and chances of populations, with wide uncertainty, for comparison: no diagnosis, no couple's chance."
    )
    held = " and of the model's parameters (the ensemble)" if parameters_too else ", under one set of parameters"
    lines.append(
        f"  The spread is that of {len(before):,} matching virtual patients{held}."
        if dependable
        else "  No intervals: too few virtual patients match the laboratory values."
    )
    return "\n".join(lines)


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
    """Return before, after and difference of a row of predict.readouts in print, its interval, and what that is of if not of all."""
    levels = ["-" if np.isnan(of) else f"{of:.1f}" for of in (row["before"], row["after"])]
    difference = "-" if np.isnan(row["difference"]) else f"{row['difference']:+.1f}"
    men = int(row["men"])
    if men < LEAST_MEN:
        return (levels[0], levels[1], difference), cannot_say(men), ""
    sign = "" if name in _SHARES else "+"
    interval = f"({row['low']:{sign}.1f} to {row['high']:{sign}.1f})"
    about = ["95 % interval of the share after"] if name in _SHARES else []
    about += [f"{men} men"] if men < total else []
    return (levels[0], levels[1], difference), interval, ", ".join(about)


def azoospermic(before: pd.DataFrame, after: pd.DataFrame, lesions: pd.Series) -> str:
    """Return how many have no sperm before and after, and with which lesions; "" if all have some."""
    sperm = with_sperm(before, after)
    if sperm.all():
        return ""
    without = lesions[~sperm].value_counts()
    few = len(sperm) < LEAST_MEN
    counts = {name: int(without.get(name, 0)) for name in LESIONS if name in without.index}
    names = {name: name.replace("_", " ").replace("none", "no lesion") for name in counts}
    of = ", ".join(
        f"{names[name]} {count}" if few else f"{names[name]} {100 * count / len(sperm):.0f} %"
        for name, count in counts.items()
    )
    least = parameters.values()["outcome.azoospermic_below"]
    share = f"{int((~sperm).sum())} of {len(sperm)} men" if few else f"{100 * np.mean(~sperm):.0f} %"
    others = "Nobody gains sperm."
    if sperm.any():
        others = f"Sperm above are those of the other {int(sperm.sum()) if few else f'{100 * np.mean(sperm):.0f} %'}."
    return f"Azoospermic before and after (under {least:g} million/mL) in {share}: {of}. {others}"
