"""The answer of a run: how far an outcome changes and how sure that is, in one sentence, and which of its factors make the change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.choices import TREATED
from testis_abm.man.injuries import left_out
from testis_abm.results import plausible, report
from testis_abm.results.run import Run
from testis_abm.results.summary import over_models
from testis_abm.scenario.rule import beyond_mean_field
from testis_abm.statistics import deterministic

# Outcome -> what it is the product of: column -> power.
FACTORS: Mapping[str, Mapping[str, int]] = {
    "total_motile_count_million": {"concentration_million_ml": 1, "volume_ml": 1, "progressive_motility_pct": 1},
    "total_count_million": {"concentration_million_ml": 1, "volume_ml": 1},
    "t_over_e2": {"testosterone_nmol_l": 1, "oestradiol_pmol_l": -1},
    "t_over_e2_immunoassay": {"testosterone_nmol_l": 1, "oestradiol_immunoassay_pmol_l": -1},
    "intratesticular_t_over_e2": {"intratesticular_testosterone_nmol_l": 1, "intratesticular_oestradiol_nmol_l": -1},
}
# Column -> the number that its change under treatment hangs on, where nothing but an assumption gives it.
_ASSUMED = {"volume_ml": "tract.volume_androgen_exponent"}
_LARGE = 0.15  # of all log changes together: what is told of an assumed one
_NARROW = 1.0  # points of a percentage
_LEAST = 0.005  # of the whole: what acts against it less than that is no offset
_CLOSE = 1e-3  # of a log change: as far as a product may miss its factors


class Factor(NamedTuple):
    """One factor of an outcome.

    Attributes:
        column, label: of the quantity.
        change: its own, % (of one that divides, too).
        share: of the log change of the outcome; those of all factors sum to 1, and one that acts against it is negative.
        without: change of the outcome, %, had this factor stayed as it was.
    """

    column: str
    label: str
    change: float
    share: float
    without: float


def factors(summary: pd.DataFrame, column: str) -> list[Factor]:
    """Return what the factors of an outcome make of its change (log changes of factors add up); none where that cannot be told.

    It cannot of an outcome without factors here or without change, or with a level of zero.

    Args:
        summary: of two arms (results.summarise).
        column: of the outcome.
    """
    changes = summary.drop_duplicates("column").set_index("column").get("change_pct")
    powers = FACTORS.get(column)
    if changes is None or powers is None or not {column, *powers} <= {*changes.index}:
        return []
    ratios = 1.0 + changes.loc[[column, *powers]].to_numpy(dtype=float) / 100.0
    if not (np.isfinite(ratios).all() and (ratios > 0.0).all()):
        return []
    whole, *parts = np.log(ratios) * np.array([1, *powers.values()])
    if abs(whole) < _CLOSE or abs(sum(parts) - whole) > _CLOSE:
        return []
    return [
        Factor(name, plausible.label(name), float(changes[name]), float(part / whole), 100.0 * math.expm1(whole - part))
        for name, part in zip(powers, parts, strict=True)
    ]


def _hundred(shares: Sequence[float]) -> list[int]:
    """Return shares of one in whole %, rounded so that they add up to 100: what was cut off most is rounded up."""
    percent = [100.0 * share for share in shares]
    whole = [math.floor(share) for share in percent]
    most = sorted(range(len(whole)), key=lambda k: whole[k] - percent[k])
    for k in most[: 100 - sum(whole)]:
        whole[k] += 1
    return whole


def made_of(result: Run, summary: pd.DataFrame, column: str) -> str:
    """Return in words what the factors of an outcome make of its change, and which of them rests on an assumption; "" where that cannot be told."""
    found = factors(summary, column)
    if not found:
        return ""
    changes = [f"{factor.label} ({report.change(factor.change)[0]})" for factor in found]
    against = [words for words, factor in zip(changes, found, strict=True) if factor.share < -_LEAST]
    if against:
        carrying = [words for words in changes if words not in against]
        text = f"It is made by {' and '.join(carrying)}, partly offset by {' and '.join(against)}."
    else:
        shares = _hundred([factor.share for factor in found])
        parts = [f"{share} % is {words}" for words, share in zip(changes, shares, strict=True)]
        text = f"Of this change, on the log scale, {', '.join(parts)}."
    size = sum(abs(factor.share) for factor in found)
    for factor in found:
        if factor.column in _ASSUMED and abs(factor.share) >= _LARGE * size:
            text += f" {_assumed(result, factor)}"
    return text


def _assumed(result: Run, factor: Factor) -> str:
    name = _ASSUMED[factor.column]
    known, value = parameters.load()[name], result.scenario.values()[name]
    return (
        f"The change of {factor.label} rests on an assumed number, {name} = {value:g} (range {known.low:g} to {known.high:g}), "
        f"which plausible models do not vary; without it: {report.change(factor.without)[0]}."
    )


def sentence(result: Run, summary: pd.DataFrame, column: str, *, waiting: bool = False) -> str:
    """Return the answer in a sentence: size and direction, interval, the weight of models that agree, and on what its sign hangs.

    Args:
        result: the run.
        summary: of it (results.summarise).
        column: of the outcome, one of the summary.
        waiting: whether plausible models are still being worked out.
    """
    row: Any = next(of for of in summary.itertuples() if of.column == column)
    name = f"{row.label[0].upper()}{row.label[1:]}"
    if TREATED not in result.arms:
        return f"{name} is {_level(row, row.mean)} in this untreated man ({_spread(row, waiting)})."
    effect = f"{name} {_effect(row)}"
    if not math.isfinite(row.change_pct):
        return f"{effect}."
    low, high = (getattr(row, f"plausible_{end}_pct", math.nan) for end in ("low", "high"))
    if result.plausible is None or not math.isfinite(low + high):
        return f"{effect} ({_over_replicates(row, result, waiting)})."
    if (ends := over_models(row, "_pct")).startswith("±"):
        interval = "the same under all plausible models"
    else:
        apart = "" if low <= row.change_pct <= high else "; this run lies outside"
        interval = f"90 % over plausible models: {percent(ends)}{apart}"
    return f"{effect} ({interval}); {_signs(result.plausible, column, row.change_pct)}."


def percent(interval: str) -> str:
    """Return an interval of a change, as report.change gives it, with its unit."""
    return interval if interval.startswith("x") or interval.endswith("%") else f"{interval} %"


def _level(row: Any, value: float) -> str:
    return f"{report.number(value)} {row.unit}".strip()


def _effect(row: Any) -> str:
    """Return what an outcome does, as a verb with its size."""
    before, after, change = row.untreated, row.treated, row.change_pct
    if not math.isfinite(change):
        if not math.isfinite(before):
            return "cannot be measured in the control"
        if not math.isfinite(after):
            return f"cannot be measured under treatment (control {_level(row, before)})"
        if after < report.NOTHING:
            return "is none that can be measured, with or without treatment"
        return f"comes to {_level(row, after)}, where the control has none that can be measured"
    if after < report.NOTHING <= before:
        return f"falls to none (from {_level(row, before)})"
    words = report.change(change)[0]
    size = f"to {words.removeprefix('x ')} times the control’s" if words.startswith("x") else f"by {words.lstrip('+-')}"
    low, high, pairs = row.low_pct, row.high_pct, int(row.replicates)
    if low < 0.0 < high and not deterministic(change, low, high, pairs):
        return f"shows no change beyond chance in {pairs} replicates ({words}; 95 %: {over_replicates(row)})"
    if abs(change) < plausible.SAME:
        return f"stays within {plausible.SAME:g} % of the control’s"
    return f"{'rises' if change > 0.0 else 'falls'} {size}"


def over_replicates(row: Any) -> str:
    """Return the 95 % interval over replicates of a row of a summary; "" where there is none, or one so narrow that it says nothing.

    Hormones of one man are nearly the same whatever chance brings; how sure they are is told by plausible models.
    """
    if not row.high_pct - row.low_pct >= _NARROW:
        return ""
    interval = report.change(row.change_pct, row.low_pct, row.high_pct, int(row.replicates))[1].strip("()")
    return interval and percent(interval)


def _over_replicates(row: Any, result: Run, waiting: bool) -> str:
    count, interval = int(row.replicates), over_replicates(row)
    if count < 2:
        text = "one replicate, no interval"
    else:
        text = (
            f"95 % over {count} replicates of this one man: {interval}"
            if interval
            else f"much the same in {count} replicates of this one man"
        )
    return f"{text}; {_no_models(result, waiting)}"


def _no_models(result: Run, waiting: bool) -> str:
    """Return why there is no interval over plausible models."""
    if waiting:
        return "plausible models are being worked out"
    why = left_out(result.scenario) or beyond_mean_field(result.scenario.rule)
    if why:
        return f"{why[0].lower()}{why[1:]}".rstrip(".")
    return (
        "not worked out over plausible models"
        if result.plausible is None
        else "plausible models give no change in percent"
    )


def _spread(row: Any, waiting: bool) -> str:
    count = int(row.replicates)
    texts = [f"SD over {count} replicates {report.number(row.sd)}" if count > 1 else "one replicate"]
    if waiting:
        texts.append("plausible models are being worked out")
    elif models := over_models(row):
        texts.append(f"90 % over plausible models: {models}")
    return "; ".join(texts)


def _signs(table: pd.DataFrame, column: str, change: float) -> str:
    """Return under how much of the weight an outcome rises, stays and falls, most first, and what turns the sign."""
    row = plausible.of_all(table, TREATED).loc[column]
    signs = {"rises": row["rises"], f"stays within {plausible.SAME:g} %": row["stays"], "falls": row["falls"]}
    ranked = sorted(signs.items(), key=lambda sign: -sign[1])
    parts = [f"{verb} under {100.0 * share:.0f} %" for verb, share in ranked if round(100.0 * share)]
    if not parts:
        return "plausible models do not tell its sign"
    parts[0] += " of their weight"
    other = {"rises": change <= -plausible.SAME, "falls": change >= plausible.SAME}.get(ranked[0][0], False)
    turning = plausible.turning(table, TREATED, (column,))
    hangs = (
        f"its sign hangs on {' and on '.join(map(plausible.asked, turning))}"
        if turning
        else "no open question turns its sign"
    )
    return f"{'yet ' if other else ''}it {', '.join(parts)}, and {hangs}"
