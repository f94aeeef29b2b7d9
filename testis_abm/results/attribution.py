"""Which signal moved which rate, and by how much that moves sperm production."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import pandas as pd

from testis_abm.tissue import steps
from testis_abm.tissue.rules import TissueParameters, sertoli_support

SIGNALS = ("androgen", "oestrogen", "fsh", "back_pressure")
RATES = (
    "commitment of A-pale",
    "survival of B spermatogonia",
    "survival through prophase",
    "completion of meiosis",
    "elongation of round spermatids",
    "survival of elongated spermatids",
    "spermiation",
    "survival under ER-beta",
)


def log_rates(signals: Mapping[str, float], p: TissueParameters) -> tuple[float, ...]:
    """Return the log of each rate's factor in sperm output, in the order of RATES; their sum is the log of output."""
    support = sertoli_support(*(signals[name] for name in SIGNALS), p)
    prophase = p.preleptotene_days + p.leptotene_days + p.zygotene_days + p.pachytene_days + p.diplotene_days
    lack = support[steps.OESTROGEN_LACK_HAZARD]
    oestrogen = lack * (
        p.er_beta_spermatogonium * p.b_spermatogonium_days
        + p.er_beta_spermatocyte * (prophase + p.secondary_spermatocyte_days)
        + p.er_beta_spermatid * p.round_spermatid_days
        + p.er_beta_elongated * (p.elongating_spermatid_days + p.elongated_spermatid_days)
    )
    return (
        math.log(max(support[steps.COMMITMENT], 1e-12)),
        -support[steps.SPERMATOGONIAL_HAZARD] * p.b_spermatogonium_days,
        -support[steps.PROPHASE_HAZARD] * prophase,
        -support[steps.MEIOTIC_HAZARD] * p.secondary_spermatocyte_days,
        -support[steps.ROUND_HAZARD] * p.round_spermatid_days,
        -support[steps.ELONGATION_HAZARD] * (p.elongating_spermatid_days + p.elongated_spermatid_days),
        math.log(max(support[steps.SPERMIATION], 1e-12)),
        -oestrogen,
    )


def attribute(before: Mapping[str, float], after: Mapping[str, float], p: TissueParameters) -> pd.DataFrame:
    """Split the change of sperm output over rates and signals.

    Each signal's share is its Shapley value: the mean, over all orders in which the signals could have changed, of what
    its own change does to the log of the rate; so the shares add up to the whole.

    Args:
        before, after: mean signals (SIGNALS) without and with treatment.
        p: the man's tissue parameters.

    Returns:
        One row a rate: `rate`, `output_change_pct`, and one column a signal with its part in log units.
    """
    orders = list(itertools.permutations(SIGNALS))
    parts = {rate: dict.fromkeys(SIGNALS, 0.0) for rate in RATES}
    for order in orders:
        now = {name: before[name] for name in SIGNALS}
        last = log_rates(now, p)
        for signal in order:
            now[signal] = after[signal]
            new = log_rates(now, p)
            for rate, old, value in zip(RATES, last, new, strict=True):
                parts[rate][signal] += (value - old) / len(orders)
            last = new
    rows = [
        {"rate": rate, "output_change_pct": 100.0 * math.expm1(sum(part.values())), **part}
        for rate, part in parts.items()
    ]
    return pd.DataFrame(rows)


def feedback_shares(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[float, float]:
    """Return the log change of gonadotrophin drive owed to testosterone's and to oestradiol's brake."""
    return (
        math.log(after["testosterone_brake"] / before["testosterone_brake"]),
        math.log(after["oestradiol_brake"] / before["oestradiol_brake"]),
    )


def explain(
    before: Mapping[str, float], after: Mapping[str, float], table: pd.DataFrame, tissue: Mapping[str, float], pituitary: float
) -> str:
    """Return the sentence that says what happened and why.

    Args:
        before, after: mean signals, brakes and LH (`lh`, IU/L) of both arms.
        table: from `attribute`.
        tissue: mean aromatase inhibition in the treated arm (aromatase_inhibition_fat_pct, _testis_pct).
        pituitary: share of the oestradiol feedback that acts at the pituitary.
    """
    by_t, by_e = feedback_shares(before, after)
    change = math.log(after["lh"] / before["lh"])
    parts = []
    if abs(change) > 0.05:
        verb = "rises" if change > 0 else "falls"
        cause, own, other = ("oestradiol", by_e, by_t) if abs(by_e) >= abs(by_t) else ("testosterone", by_t, by_e)
        if own * change > 0:
            moved = "falls" if own > 0 else "rises"
            text = f"LH {verb} {math.exp(change):.2f}-fold because {cause} {moved}"
            if cause == "oestradiol":
                text += f" (its brake acts {100 * pituitary:.0f} % at the pituitary, {100 - 100 * pituitary:.0f} % at the hypothalamus)"
            if own * other < 0 and abs(other) > 0.05:
                text += f"; testosterone holds back {100 * min(1.0, abs(other / own)):.0f} % of it" if cause == "oestradiol" else ""
        else:
            text = f"LH {verb} {math.exp(change):.2f}-fold"
        parts.append(text)
    fat, testis = tissue["aromatase_inhibition_fat_pct"], tissue["aromatase_inhibition_testis_pct"]
    if fat > 1.0:
        parts.append(f"aromatase is inhibited {fat:.0f} % in fat, {testis:.0f} % in the testis")
    total = table[list(SIGNALS)].sum().sum()
    strongest = table.loc[table["output_change_pct"].abs().idxmax()]
    if abs(strongest["output_change_pct"]) > 1.0:
        signal = max(SIGNALS, key=lambda name: abs(strongest[name]))
        name = {"androgen": "free intratesticular testosterone", "oestrogen": "free intratesticular oestradiol",
                "fsh": "FSH", "back_pressure": "back-pressure"}[signal]  # fmt: skip
        unit = {"androgen": " nmol/L", "oestrogen": " nmol/L", "fsh": " IU/L", "back_pressure": ""}[signal]
        parts.append(
            f"sperm production follows by {100 * math.expm1(total):+.0f} % in the long run, most through {strongest['rate']} "
            f"({strongest['output_change_pct']:+.0f} %, {name} {before[signal]:.3g} -> {after[signal]:.3g}{unit})"
        )
    else:
        parts.append("no rate of the germ line changes by more than 1 %")
    return "; ".join(parts) + "."
