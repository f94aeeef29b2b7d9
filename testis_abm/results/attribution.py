"""Which signal moved which rate, and by how much that moves sperm production."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from testis_abm.biology import steps
from testis_abm.biology.germ import LOSSES, a_pale_fed, changed, commitment, durations, rates_under, spermiation
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.mechanisms import MECHANISMS
from testis_abm.biology.sertoli import Response, signals
from testis_abm.biology.tissue import TissueParameters
from testis_abm.choices import TREATED, UNTREATED
from testis_abm.quantities import QUANTITIES
from testis_abm.results.report import level, limit, number
from testis_abm.results.tables import SIGNALS

OWN_RULES = "own_rules"  # column of what a scenario's rules do by themselves, a row each
NUMBERS = "numbers"  # column of what the tissue's own parameters add, where arms differ in them
_FAR = 0.25  # log of sperm made over what rates make of it, above the noise of a small tissue
# Types of cells that are told, in words.
_TOLD = {
    "a_pale": "A-pale",
    "pachytene": "pachytene spermatocytes",
    "round_spermatid": "round spermatids",
    "elongated_spermatid": "elongated spermatids",
}
_ENOUGH = math.log(0.01)  # of output: rates that let a hundredth through do not make azoospermia
CAUSES = "androgens", "oestradiol", "memory", "hypothalamus"
_BY_DRUGS: Mapping[str, tuple[str, ...]] = {  # cause -> exposures of drugs that bring it about
    "androgens": ("androgen_block", "progestin", "androgen", "dihydrotestosterone"),
    "oestradiol": ("receptor_bound",),
    "memory": (),
    "hypothalamus": ("gnrh_inhibition", "dopamine_agonist"),
}
_NONE = 1e-12  # of a share, in logarithms
_LITTLE = 0.05  # log change that is not told
_BOTH = 1.0 / 3.0  # of the stronger brake's part in LH: a weaker one of as much is told with it
RATES = ("number of A-pale", "A-pale to B differentiation", *(loss.label for loss in LOSSES), "spermiation")


def log_rates(levels: Mapping[str, float], p: TissueParameters) -> tuple[float, ...]:
    """Return the log of each rate's factor in sperm output, in the order of RATES; their sum is the log of output."""
    androgen, lack, fsh, pressure = (levels[name] for name in SIGNALS)
    signal = signals(Response(androgen, androgen, fsh, lack), pressure, p)
    losses = [-loss.cumulative(signal, p) for loss in LOSSES]
    shares = (a_pale_fed, commitment, spermiation)
    number, first, last = (math.log(max(rate(signal, p), _NONE)) for rate in shares)
    return (number, first, *losses, last)


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


class Acted(NamedTuple):
    """What a rule did: numbers of the tissue under it, and factors of and additions to rates, (2, steps.RATES)."""

    p: TissueParameters
    change: np.ndarray


def output_under(levels: Mapping[str, float], p: TissueParameters, acted: Acted) -> float:
    """Return the log of what a rule makes of sperm output by itself, at such mean signals: not through the hormones it moves."""
    androgen, lack, fsh, pressure = (levels[name] for name in SIGNALS)
    log = sum(log_rates(levels, acted.p)) - sum(log_rates(levels, p))
    rates = rates_under(signals(Response(androgen, androgen, fsh, lack), pressure, acted.p), acted.p)
    days = durations(acted.p)
    for rate, value in enumerate(rates):
        new = changed(rate, value, *acted.change[:, rate])
        if steps.HAZARD <= rate < steps.FED:
            log -= (new - value) * days[rate - steps.HAZARD]
        elif new != value:
            log += math.log(max(new, _NONE) / max(value, _NONE))
    return log


def with_rules(
    table: pd.DataFrame,
    before: Mapping[str, float],
    after: Mapping[str, float],
    p: TissueParameters,
    acted: Sequence[Mapping[str, Acted]],
) -> pd.DataFrame:
    """Return a table of `attribute` with a row for each rule: what it does by itself, in column OWN_RULES.

    `acted`: what each rule did, by name, without and with treatment.
    """
    parts = [
        {name: output_under(levels, p, of) for name, of in arm.items()}
        for levels, arm in zip((before, after), acted, strict=True)
    ]
    names = dict.fromkeys(name for arm in parts for name in arm)
    own = {name: parts[1].get(name, 0.0) - parts[0].get(name, 0.0) for name in names}
    rows = pd.DataFrame(
        [
            {"rate": f"own {name}", "output_change_pct": 100.0 * math.expm1(log), OWN_RULES: log}
            for name, log in own.items()
        ]
    )
    return pd.concat([table, rows], ignore_index=True).fillna(0.0)


def feedback_shares(before: Mapping[str, float], after: Mapping[str, float], pituitary: float) -> dict[str, float]:
    """Return the log change of the drive of LH by what it is owed to: CAUSES.

    "androgens" and "oestradiol" are their brakes, "memory" what lasting feedback has made of the hypothalamus, and
    "hypothalamus" what else slows or quickens its pulses.

    Args:
        before, after: the means of signals; pituitary: share of the oestradiol feedback that acts at the pituitary.
    """

    def moved(name: str) -> float:
        return math.log(after[name] / before[name]) if before[name] > 0.0 and after[name] > 0.0 else 0.0

    androgens, oestradiol, memory = (moved(name) for name in ("testosterone_brake", "oestradiol_brake", "memory"))
    sent = moved("gnrh_frequency")
    rest = sent - androgens - memory - (1.0 - pituitary) * oestradiol if sent else 0.0
    return dict(zip(CAUSES, (androgens, oestradiol, memory, rest), strict=True))


def explain(
    before: Mapping[str, float],
    after: Mapping[str, float],
    table: pd.DataFrame,
    tissue: Mapping[str, Mapping[str, float]],
    p: TissueParameters,
    pituitary: float,
    drugs: Mapping[str, Sequence[str]] | None = None,
    laboratory: Laboratory | None = None,
) -> str:
    """Return the sentence that says what happened and why.

    Args:
        before, after: mean signals, brakes, LH (`lh`, IU/L) and `serum_testosterone` without and with treatment.
        table: from `attribute`.
        tissue: "untreated" and "treated" -> means of the tissue table.
        p: the man's tissue parameters.
        pituitary: share of the oestradiol feedback that acts at the pituitary.
        drugs: action -> names of the drugs that were given for it.
        laboratory: under whose limits a level is none (default: the usual one).
    """
    parts = []
    if lh := _moved("lh_iu_l", before["lh"], after["lh"], laboratory):
        parts.append(f"LH {lh} because {_why_lh(before, after, pituitary, drugs or {})}")
    treated = tissue[TREATED]
    if treated["aromatase_inhibition_fat_pct"] > 1.0:
        parts.append(
            f"aromatase is inhibited {treated['aromatase_inhibition_fat_pct']:.0f} % in fat, "
            f"{treated['aromatase_inhibition_testis_pct']:.0f} % in the testis{_own_oestradiol(before, after)}"
        )
    made = (tissue[UNTREATED]["daily_production_million_g"], treated["daily_production_million_g"])
    by_rates = why_sperm(before, after, table, p, made, laboratory)
    parts.append(_by_cells(tissue, table, made, by_rates) or by_rates)
    return "; ".join(parts) + "."


def why_sperm(
    before: Mapping[str, float],
    after: Mapping[str, float],
    table: pd.DataFrame,
    p: TissueParameters,
    made: tuple[float, float],
    laboratory: Laboratory | None = None,
) -> str:
    """Return what became of sperm production and which rate made most of it, or which keeps it at none.

    Args:
        before, after: mean signals of both arms; table: from `attribute`.
        p: tissue parameters of the latter arm; made: sperm production of both.
        laboratory: as in explain.
    """
    return _why_none(after, p) if max(made) == 0.0 else _why_change(before, after, table, laboratory)


def _by_cells(
    tissue: Mapping[str, Mapping[str, float]], table: pd.DataFrame, made: tuple[float, float], by_rates: str
) -> str:
    """Return what became of sperm production where cells were lost or have not caught up, and what rates alone do; "" else.

    Args:
        made: sperm production of both arms; by_rates: what the rates make of it, in words.
    """
    causes = [name for name in (*SIGNALS, NUMBERS, OWN_RULES) if name in table]
    if made[0] <= 0.0:
        return ""
    if made[1] > 0.0 and abs(math.log(made[1] / made[0]) - float(table[causes].to_numpy().sum())) < _FAR:
        return ""
    before, after = tissue[UNTREATED], tissue[TREATED]
    # Per Sertoli cell that is there, as sperm production is per gram.
    lost = after.get("sertoli", 1.0) / before.get("sertoli", 1.0) or 1.0
    there = {name: after[name] / before[name] / lost for name in _TOLD if before.get(name, 0.0) > 0.0}
    if not there:
        return ""
    if not any(there.values()):
        return "no sperm are made, as no germ cells are left"
    fewer = made[1] <= 0.0 or math.log(made[1] / made[0]) < float(table[causes].to_numpy().sum())
    what = f"sperm production {_changed(made[1] / made[0])}" if made[1] > 0.0 else "no sperm are made"
    why = "for want of germ cells" if fewer else "with more germ cells than rates alone keep"
    told = ", ".join(f"{_TOLD[name]} {_share(of) if of > 0.0 else 'none'}" for name, of in there.items())
    return f"{what}, {why} ({told}, of untreated per Sertoli cell); by rates alone, {by_rates}"


def _own_oestradiol(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Return what an inhibitor leaves of the testis' own oestradiol where LH outweighs it."""
    change = 100.0 * (after["oestradiol"] / before["oestradiol"] - 1.0) if before["oestradiol"] > 0 else 0.0
    if change < 1.0:
        return ""
    return f", whose own oestradiol rises {change:.0f} % as LH-driven substrate outweighs inhibition"


def _changed(ratio: float) -> str:
    """Return a ratio in words: "rises 2.23-fold", "falls to 4.4 % of untreated"."""
    if ratio >= 1000.0:
        return "rises from next to none"
    if ratio >= 1.0:
        return f"rises {ratio:.2f}-fold"
    return f"falls to {_share(ratio)} of untreated"


def _moved(column: str, before: float, after: float, laboratory: Laboratory | None) -> str:
    """Return what became of a level (clinical unit) in words, as far as a laboratory can tell; "" if next to nothing."""
    least = limit(column, laboratory)
    if min(before, after) <= 0.0 or max(before, after) < least or abs(math.log(after / before)) < 0.05:
        return ""
    if before < least:
        return f"rises from under {least:.3g} to {number(after)} {QUANTITIES[column].clinical_unit}"
    return f"falls to under {_share(least / before)} of untreated" if after < least else _changed(after / before)


def _why_lh(
    before: Mapping[str, float], after: Mapping[str, float], pituitary: float, drugs: Mapping[str, Sequence[str]]
) -> str:
    change = math.log(after["lh"] / before["lh"])
    if given := _given("gnrh_block", change, drugs) or _given("gnrh", change, drugs):
        return given
    shares = feedback_shares(before, after, pituitary)
    along = {cause: share * math.copysign(1.0, change) for cause, share in shares.items()}
    cause = max(along, key=lambda name: along[name])
    text = _brakes(
        {name: _moved_by(name, before, after, change, drugs) for name in _told_together(cause, along)}, pituitary
    )
    if cause != "memory" and along["memory"] > _LITTLE:
        text += (
            f", and lasting feedback has set the drive of GnRH to {100 * math.exp(shares['memory']):.0f} % of untreated"
        )
    against = min(along, key=lambda name: along[name])
    if along[cause] > 0.0 and along[against] < -_LITTLE:
        other = {"androgens": "testosterone feedback", "oestradiol": "oestradiol feedback"}.get(
            against, f"the {against}"
        )
        text += f", partly offset ({100 * abs(along[against] / along[cause]):.0f} %) by {other}"
    return text


def _told_together(cause: str, along: Mapping[str, float]) -> tuple[str, ...]:
    """Return the strongest cause of a change of LH, and the other brake where it pulls the same way and not far less."""
    other = {"androgens": "oestradiol", "oestradiol": "androgens"}.get(cause)
    if other and along[other] > _LITTLE and along[other] >= _BOTH * along[cause]:
        return CAUSES[:2]
    return (cause,)


def _brakes(told: Mapping[str, str], pituitary: float) -> str:
    """Return causes of a change of LH, in words, as one text: "testosterone and oestradiol fall (...)".

    Args:
        told: cause (CAUSES) -> words; pituitary: share of the oestradiol feedback that acts at the pituitary.
    """
    places = f"{100 * pituitary:.0f} % pituitary, {100 - 100 * pituitary:.0f} % hypothalamic"
    levels = [text.rsplit(" ", 1) for text in told.values()]
    if len(told) > 1 and all(level[1:] == levels[0][1:] and " " not in level[0] for level in levels):
        return f"{' and '.join(name for name, _ in levels)} {levels[0][1].removesuffix('s')} (of oestradiol: {places})"
    texts = (f"{text} (negative feedback: {places})" if cause == "oestradiol" else text for cause, text in told.items())
    return ", and ".join(texts)


def _moved_by(
    cause: str,
    before: Mapping[str, float],
    after: Mapping[str, float],
    change: float,
    drugs: Mapping[str, Sequence[str]],
) -> str:
    """Return what of a cause (CAUSES) moved LH, in words."""
    more, by_drugs = change < 0.0, [_given(exposure, change, drugs) for exposure in _BY_DRUGS[cause]]
    told = [text for text in by_drugs if text]
    if cause == "memory":
        return f"lasting {'feedback' if more else 'lack of feedback'} has {'lowered' if more else 'raised'} the drive of GnRH"
    if cause == "hypothalamus":
        return " and ".join(told) or f"the hypothalamus sends {'less' if more else 'more'} GnRH"
    if cause == "oestradiol":
        return " and ".join(told) or f"oestradiol {'rises' if more else 'falls'}"
    log_t = math.log(after["serum_testosterone"] / before["serum_testosterone"])
    if abs(log_t) > _LITTLE and (log_t > 0.0) == more:
        told.insert(0, f"testosterone {'rises' if more else 'falls'}")
    elif not more and "five_alpha_reductase_inactivator" in drugs:
        told.append("DHT falls")
    elif not more and not told and "oestrogen_receptor_modulator" in drugs:
        told.append(
            f"androgens act less where {' and '.join(drugs['oestrogen_receptor_modulator'])} keeps oestradiol off"
        )
    return " and ".join(told) or f"androgens act {'more' if more else 'less'} on the hypothalamus"


def _given(exposure: str, change: float, drugs: Mapping[str, Sequence[str]]) -> str:
    """Return how drugs that add to an exposure changed LH; "" without any."""
    for action, names in drugs.items():
        mechanism = MECHANISMS[action]
        does = mechanism.raises_lh if change > 0 else mechanism.lowers_lh
        if does and any(part.exposure == exposure for part in mechanism.exposed):
            return f"{' and '.join(names)} {does}"
    return ""


def _why_none(after: Mapping[str, float], p: TissueParameters) -> str:
    rates = dict(zip(RATES, log_rates(after, p), strict=True))
    if sum(rates.values()) > _ENOUGH:
        return "no sperm are made with or without it in the simulated sections, as no niche of theirs holds stem cells"
    worst = min(rates, key=lambda name: rates[name])
    return f"no sperm are made with or without it in the simulated sections: {worst} stays at {_share(math.exp(rates[worst]))}"


def _share(ratio: float) -> str:
    """Return a share in %; of next to none "under 0.01 %"."""
    return f"{number(100 * ratio)} %" if ratio >= 1e-4 else "under 0.01 %"


def _from_to(signal: str, before: float, after: float, laboratory: Laboratory | None) -> str:
    """Return what became of a signal, levels under the laboratory's limit as such."""
    first, last = (
        level("fsh_iu_l", value, laboratory) if signal == "fsh" else number(value) for value in (before, after)
    )
    return f"{SIGNALS[signal].label} {first} -> {last} {SIGNALS[signal].unit}".rstrip()


def _percent(change: float) -> str:
    return f"{change:+.0f} %" if change < 900.0 else "from next to none"


def _why_change(
    before: Mapping[str, float], after: Mapping[str, float], table: pd.DataFrame, laboratory: Laboratory | None
) -> str:
    causes = [name for name in (*SIGNALS, NUMBERS, OWN_RULES) if name in table]
    whole = table[causes].sum(axis=1)
    ranked = table.reindex(whole.abs().sort_values(ascending=False).index)
    if abs(ranked.iloc[0]["output_change_pct"]) <= 1.0:
        return "no rate of the germ line changes by more than 1 %"
    along = ranked["output_change_pct"] * whole.sum() > 0.0  # what goes the way of the whole; the others go against it
    strongest = ranked[along].iloc[0] if along.any() else ranked.iloc[0]
    cause = max(causes, key=lambda name: abs(strongest[name]))
    beside = {NUMBERS: "parameter changes", OWN_RULES: "of the scenario"}
    why = beside.get(cause) or _from_to(cause, before[cause], after[cause], laboratory)
    further = [
        f"{'' if along[i] == along[strongest.name] else 'against it '}{row['rate']} {_percent(row['output_change_pct'])}"
        for i, row in ranked.drop(index=strongest.name).iloc[:2].iterrows()
        if abs(row["output_change_pct"]) > 1.0
    ]
    return (
        f"sperm production {_changed(math.exp(table[causes].to_numpy().sum()))} at steady state, most through {strongest['rate']} "
        f"({_percent(strongest['output_change_pct'])}; {why})" + (f", then {' and '.join(further)}" if further else "")
    )
