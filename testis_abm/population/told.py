"""What the command `testis-abm twin` prints: who could have given the labs, and what a therapy would do to them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.population.distribution import LESIONS
from testis_abm.population.predict import changes, readouts, with_sperm
from testis_abm.population.twin import KNOWN, Twin
from testis_abm.results.report import number

LABELS: Mapping[str, str] = {
    "t": "testosterone",
    "free_t": "free testosterone",
    "e2": "oestradiol",
    "t_e2": "T/E2",
    "lh": "LH",
    "fsh": "FSH",
    "inhibin_b": "inhibin B",
    "shbg": "SHBG",
    "concentration": "sperm concentration",
    "volume": "ejaculate volume",
    "motility": "progressive motility",
    "morphology": "normal forms",
    "tmc": "total motile count",
}
_OPEN = 0.2  # share determined under which the labs leave a field open


def about(found: Twin, units: Mapping[str, tuple[str, float]]) -> str:
    """Return labs beside the set of men, the physiology they determine, and the lesions that could be behind them.

    Args:
        found: the men.
        units: lab -> unit to print it in, and factor from that of twin.MEASURES.
    """
    lines = [
        f"Men who could have given these labs: a weighted set of {len(found.men):,}, worth {found.effective:.0f} equal men",
        "",
    ]
    if found.misfit:
        far = ", ".join(f"{LABELS[name]} ({abs(value):.1f} tolerances off)" for name, value in found.misfit.items())
        lines += [f"No physiology explains all of these labs. Nearest fit below; not explained: {far}.", ""]
    lines.append(f"  {'lab':32s}{'given':>9s}{'the men':>10s}{'(90 % of them)':>20s}   tolerances off")
    strained = False
    labs = found.labs()
    for name, row in labs.loc[[name for name in LABELS if name in labs.index]].iterrows():
        unit, factor = units.get(str(name), ("", 1.0))
        low, high = (number(row[end] * factor) for end in ("low", "high"))
        label = f"{LABELS[str(name)]} ({unit})" if unit else LABELS[str(name)]
        mark = " *" if abs(row["tolerances"]) > 1.0 else ""
        strained |= bool(mark)
        lines.append(
            f"  {label:32s}{number(row['given'] * factor):>9s}{number(row['median'] * factor):>10s}"
            f"{f'({low} to {high})':>20s}{row['tolerances']:>+11.1f}{mark}"
        )
    lines.append(
        "  A tolerance is the variation of one man's samples, the laboratory's and, for oestradiol, the assay's own."
    )
    if strained:
        lines.append("  * The men are off by more than one: they give this lab only with strain.")
    return "\n".join([*lines, "", *_physiology(found)])


def _physiology(found: Twin) -> list[str]:
    lines = [f"  {'physiology':28s}{'population':>12s}{'median':>10s}{'(90 % of the men)':>24s}   determined"]
    table = found.physiology()
    given = [name for name in KNOWN if name in found.given and name in table.index]
    ordered = table.drop(given).sort_values("determined", ascending=False, kind="stable")
    for name, row in pd.concat([table.loc[given], ordered]).iterrows():
        of = row["determined"]
        told = "given" if name in given else "open" if of < _OPEN else f"{100 * of:.0f} %"
        interval = f"({row['low']:.3g} to {row['high']:.3g})"
        lines.append(f"  {name!s:28s}{row['population_median']:12.3g}{row['median']:10.3g}{interval:>24s}   {told}")
    shares = {name: float(found.weights[(found.lesion == name).to_numpy()].sum()) for name in LESIONS[1:]}
    if rare := _lesions(shares, 0.005):
        lines.append(f"Lesions that could be behind the labs: {rare}.")
    return lines


def _lesions(shares: Mapping[str, float], least: float) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {100 * of:.0f} %" for name, of in shares.items() if of > least)


def predicted(before: pd.DataFrame, after: pd.DataFrame, lesions: pd.Series, parameters_too: bool) -> str:
    """Return what a therapy does to the men: benefit, safety and outcome, and who stays azoospermic."""
    lines = [f"  {'':38s}{'before':>9s}{'after':>9s}{'change':>10s}{'(90 % of the men)':>22s}   men who gain over 20 %"]
    for name, row in changes(before, after).iterrows():
        label = f"{name} ({row['unit']})" if row["unit"] else str(name)
        if np.isnan(row["change_pct"]):
            lines.append(f"  {label:38s}{number(row['before']):>9s}{number(row['after']):>9s}{'-':>10s}")
            continue
        interval = f"({row['low_pct']:+.0f} to {row['high_pct']:+.0f})"
        lines.append(
            f"  {label:38s}{number(row['before']):>9s}{number(row['after']):>9s}{row['change_pct']:+8.0f} %{interval:>22s}"
            f"   {row['gain_over_20_pct']:.0f} %"
        )
    if text := azoospermic(before, after, lesions):
        lines.append(f"  {text}")
    lines += ["", f"  {'safety and outcome':38s}{'before':>9s}{'after':>9s}{'by':>10s}{'(90 % of the men)':>22s}"]
    for name, row in readouts(before, after).iterrows():
        interval = f"({row['low']:+.1f} to {row['high']:+.1f})"
        lines.append(
            f"  {f'{name} ({row["unit"]})':38s}{row['before']:9.1f}{row['after']:9.1f}{row['difference']:+10.1f}{interval:>22s}"
        )
    lines.append(
        "  Trends and chances of populations, with wide uncertainty, for comparison: no diagnosis, no couple's chance."
    )
    held = " and of the model's parameters (the ensemble)" if parameters_too else ", under one set of parameters"
    lines.append(f"  The spread is that of the men who fit the labs{held}.")
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
