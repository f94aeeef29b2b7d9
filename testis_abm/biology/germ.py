"""The germ cell: how long it stays a type, what it dies of, when it divides, founds a clone or is released (see leydig.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.draws import (
    CLONE,
    COMMIT,
    ENTRY,
    RELEASE,
    STEM_LOSS,
    bits,
    child,
    exponential,
    halves,
    spread,
    u64,
    uniform,
)
from testis_abm.biology.sertoli import Signals
from testis_abm.biology.steps import (
    A_DARK,
    A_PALE,
    B_SPERMATOGONIUM,
    COUNT,
    ELONGATED_SPERMATID,
    ELONGATING_SPERMATID,
    HAZARD,
    NAMES,
    PROPHASE,
    ROUND_SPERMATID,
    SECONDARY_SPERMATOCYTE,
    ByStep,
    Rates,
)

LIVES, DIES, COMPLETES = range(3)


class GermParameters(NamedTuple):
    """Numbers of one man's germ line: `*_hazard` are cumulative under reference signals, over all types that a loss acts on."""

    cycle_days: float
    b_spermatogonium_days: float
    preleptotene_days: float
    leptotene_days: float
    zygotene_days: float
    pachytene_days: float
    diplotene_days: float
    secondary_spermatocyte_days: float
    round_spermatid_days: float
    elongating_spermatid_days: float
    elongated_spermatid_days: float
    duration_variation: float
    commitment: float
    stem_cell_loss: float
    clonal_death: float
    spermatogonial_hazard: float
    prophase_hazard: float
    meiotic_hazard: float
    round_hazard: float
    elongation_hazard: float
    spermiation: float
    fsh_floor_commitment: float
    fsh_floor_spermiation: float
    fsh_spermatogonial_deprivation: float
    androgen_spermatogonial_deprivation: float
    androgen_prophase_deprivation: float
    androgen_meiotic_deprivation: float
    androgen_round_deprivation: float
    androgen_elongation_deprivation: float
    oestrogen_lack: float
    oestrogen_excess: float
    back_pressure: float
    er_beta_spermatogonium: float
    er_beta_spermatocyte: float
    er_beta_spermatid: float
    er_beta_elongated: float
    er_alpha_germ: float


# ---- what depends on the type alone


@register_jitable
def durations(p):
    """Return the mean days that a cell spends as each type (stem cells: one cycle)."""
    days = p.germ
    return ByStep(
        days.cycle_days,
        days.cycle_days,
        days.b_spermatogonium_days,
        days.preleptotene_days,
        days.leptotene_days,
        days.zygotene_days,
        days.pachytene_days,
        days.diplotene_days,
        days.secondary_spermatocyte_days,
        days.round_spermatid_days,
        days.elongating_spermatid_days,
        days.elongated_spermatid_days,
    )


@register_jitable
def by_class(spermatogonium, spermatocyte, spermatid, elongated):
    """Return a value for each type from one for each class (steps.CLASS_OF_STEP)."""
    spermatogonia = (spermatogonium, spermatogonium, spermatogonium)
    spermatocytes = (spermatocyte, spermatocyte, spermatocyte, spermatocyte, spermatocyte, spermatocyte)
    return ByStep(*(spermatogonia + spermatocytes + (spermatid, elongated, elongated)))


@register_jitable
def aromatase(p):
    """Return the aromatase activity of each type."""
    return by_class(
        0.0, p.aromatase.spermatocyte_aromatase, p.aromatase.spermatid_aromatase, p.aromatase.elongated_aromatase
    )


@register_jitable
def er_beta_expression(p):
    """Return the ER-beta expression of each type, 0 to 1."""
    return by_class(
        p.germ.er_beta_spermatogonium, p.germ.er_beta_spermatocyte, p.germ.er_beta_spermatid, p.germ.er_beta_elongated
    )


# ---- what germ cells die of under the signals of their Sertoli cell


@register_jitable
def lost(base, deprivation, signal):
    """Return a cumulative hazard: what is always lost plus what a missing signal adds; never negative."""
    return max(0.0, base + deprivation * (1.0 - signal))


@register_jitable
def spermatogonial_loss(signals, p):
    """B spermatogonia need androgen and FSH."""
    hazard = lost(p.germ.spermatogonial_hazard, p.germ.androgen_spermatogonial_deprivation, signals.commitment)
    return lost(hazard, p.germ.fsh_spermatogonial_deprivation, signals.fsh)


@register_jitable
def prophase_loss(signals, p):
    """Primary spermatocytes need androgen."""
    return lost(p.germ.prophase_hazard, p.germ.androgen_prophase_deprivation, signals.meiosis)


@register_jitable
def meiotic_loss(signals, p):
    """The second division needs androgen."""
    return lost(p.germ.meiotic_hazard, p.germ.androgen_meiotic_deprivation, signals.meiosis)


@register_jitable
def injury(signals, p):
    """Spermatids suffer under excess oestrogen (ER-alpha) and back-pressure of fluid."""
    excess = max(0.0, signals.er_alpha - p.receptor.er_alpha_reference)
    return p.germ.oestrogen_excess * excess + p.germ.back_pressure * signals.pressure


@register_jitable
def round_loss(signals, p):
    """Round spermatids need androgen to elongate."""
    hazard = lost(p.germ.round_hazard, p.germ.androgen_round_deprivation, signals.elongation)
    return hazard + injury(signals, p)


@register_jitable
def elongated_loss(signals, p):
    """Elongating and elongated spermatids need androgen."""
    hazard = lost(p.germ.elongation_hazard, p.germ.androgen_elongation_deprivation, signals.elongation)
    return hazard + injury(signals, p)


@register_jitable
def oestrogen_loss(signals, p):
    """What expresses ER-beta misses its signal (or, by a switch, that of ER-alpha)."""
    by_alpha = signals.er_alpha * (1.0 / p.receptor.er_alpha_reference)
    signal = p.germ.er_alpha_germ * by_alpha + (1.0 - p.germ.er_alpha_germ) * signals.er_beta
    return p.germ.oestrogen_lack * max(0.0, 1.0 - signal)


class Loss(NamedTuple):
    """A process that germ cells die of.

    Attributes:
        label: what it takes from, for reports.
        steps: the types that it acts on.
        cumulative: (signals, p) -> hazard over the mean time in the types of `over`, as which it is spread evenly.
        over: those types (empty: `steps`).
        exposure: p -> share of it that each type takes (None: all).
    """

    label: str
    steps: tuple[int, ...]
    cumulative: Callable[[Signals, Any], float]
    over: tuple[int, ...] = ()
    exposure: Callable[[Any], ByStep] | None = None

    def through(self, signals: Signals, p: Any) -> float:
        """Return the hazard that a cell meets which lives through all types that it acts on, in their mean time."""
        days, exposure = durations(p), self.exposure(p) if self.exposure else [1.0] * COUNT
        per_day = self.cumulative(signals, p) / sum(days[step] for step in self.over or self.steps)
        return float(per_day * sum(exposure[step] * days[step] for step in self.steps))


# The one list of what germ cells die of: cells, mean-field model, reference counts and attribution follow it.
LOSSES = (
    Loss("survival of B spermatogonia", (B_SPERMATOGONIUM,), spermatogonial_loss),
    Loss("survival through prophase", PROPHASE, prophase_loss),
    Loss("completion of meiosis", (SECONDARY_SPERMATOCYTE,), meiotic_loss),
    Loss("elongation of round spermatids", (ROUND_SPERMATID,), round_loss),
    Loss("survival of elongated spermatids", (ELONGATING_SPERMATID, ELONGATED_SPERMATID), elongated_loss),
    Loss(
        "survival under ER-beta",
        tuple(range(B_SPERMATOGONIUM, COUNT)),
        oestrogen_loss,
        over=(*PROPHASE, ROUND_SPERMATID),
        exposure=er_beta_expression,
    ),
)


@register_jitable
def commitment(signals, p):
    """Return the share of a clone that an A-pale gathers at each turn of its cycle: FSH and androgen commit it."""
    floor = p.germ.fsh_floor_commitment
    return min(1.0, p.germ.commitment * signals.commitment * (floor + (1.0 - floor) * signals.fsh))


@register_jitable
def spermiation(signals, p):
    """Return the share of elongated spermatids that is released: androgen and FSH let go."""
    floor = p.germ.fsh_floor_spermiation
    return min(1.0, p.germ.spermiation * (signals.spermiation * (floor + (1.0 - floor) * signals.fsh)))


def _written() -> Callable[[Any, Any], Any]:
    """Write the rule `rates_under`: a loop over LOSSES within it would keep many cells from going at once."""
    hazards: list[list[str]] = [[] for _ in range(COUNT)]
    lines = ["def rates_under(signals, p):", "days = durations(p)"]
    names: dict[str, Any] = {
        "Rates": Rates,
        "durations": durations,
        "commitment": commitment,
        "spermiation": spermiation,
    }
    for i, loss in enumerate(LOSSES):
        names[f"cumulative_{i}"], names[f"exposure_{i}"] = loss.cumulative, loss.exposure
        over = " + ".join(f"days.{NAMES[step]}" for step in loss.over or loss.steps)
        lines.append(f"loss_{i} = cumulative_{i}(signals, p) * (1.0 / ({over}))")
        if loss.exposure:
            lines.append(f"share_{i} = exposure_{i}(p)")
        for step in loss.steps:
            hazards[step].append(f"share_{i}.{NAMES[step]} * loss_{i}" if loss.exposure else f"loss_{i}")
    sums = ", ".join(" + ".join(terms) or "0.0" for terms in hazards)
    lines.append(f"return Rates(commitment(signals, p), spermiation(signals, p), {sums})")
    exec("\n    ".join(lines), names)
    return register_jitable(names["rates_under"])  # type: ignore[no-any-return]


# Rates of (signals, p): what a Sertoli cell sets for its germ cells, two shares and the hazard of each type a day. Stem
# cells have no hazard of their own: they are lost at the turn of a cycle.
rates_under = _written()


def reference_signals(p: Any) -> Signals:
    """Return the signals of the reference man."""
    return Signals(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, p.receptor.er_alpha_reference, 0.0)


@register_jitable
def changed(rate, value, factor, added):
    """Return a named rate (index in steps.RATES) after a change from outside: a share stays within 0 and 1, a hazard >= 0."""
    value = max(0.0, value * factor + added)
    return min(1.0, value) if rate < HAZARD else value


# ---- a cell's life


@register_jitable
def clone_of(lineage, ordinal):
    """Return the name of the clone that an A-pale founds after `ordinal` others: 32 bits, never 0.

    Not named by the turn: a treatment that lets it found earlier shifts its clones in time and leaves each its draws.
    """
    return u64(child(lineage, 2 * ordinal) >> u64(32)) | u64(1)


@register_jitable
def on_entering(lineage, clone, step, mean_days, variation, clonal_death):
    """Return how long a cell will stay in `step`, days, and what hazard it can take there: drawn once, on entering.

    Stem cells keep the clock of their niche exactly. `mean_days` are `durations`. With the chance `clonal_death` the
    cells of a clone, which bridges join, share what they can take in the step: they die together.
    """
    first, second = halves(bits(lineage, step, ENTRY))
    if clonal_death > 0.0 and step > A_PALE and uniform(clone, step, CLONE) < clonal_death:
        second = halves(bits(clone, step, ENTRY))[1]
    days = mean_days[step]
    if step > A_PALE:
        days = days * spread(first, variation)
    return days, exponential(second)


@register_jitable
def first_share(lineage, step):
    """Return the share of a clone that an A-pale starts with, so that neighbours do not found theirs together."""
    return uniform(lineage, step, COMMIT)


@register_jitable
def next_event(ends, threshold, gathered, hazard, now):
    """Return what a germ cell meets first up to day `now`, and when: (LIVES | DIES | COMPLETES, day).

    Its Sertoli cell counts the hazard of each step since the beginning; by now it has `gathered` and grows by `hazard`
    a day. The cell dies when that count passes its `threshold` (the count at its entry plus its budget): exact for any
    history of hazards and any length of step.
    """
    if threshold <= gathered:
        died = now - (gathered - threshold) / hazard if hazard > 0.0 else -1e300
        if died <= ends:
            return DIES, died
    if ends <= now:
        return COMPLETES, ends
    return LIVES, now


@register_jitable
def stem_cell_turn(lineage, step, turn, share, commitment, niche_a_pale, stem_cell_loss):
    """Return (lost, share, founds) at the turn of a stem cell's cycle.

    A-pale gathers `commitment` at each turn; once its share has reached 1 it differentiates through the next cycle and
    founds a clone at the turn that ends it, so that hormones decide a cycle before B spermatogonia appear (A-pale to
    release takes 70 days in all). Niches share a limited mitogen, so clones follow at regular intervals. A few A-pale
    are lost. A-dark rests, and founds one A-pale when its niche has none.
    """
    if step == A_DARK:
        return False, share, niche_a_pale == 0
    if uniform(lineage, 16 + turn, STEM_LOSS) < stem_cell_loss:
        return True, share, False
    founds = share >= 1.0
    if founds:
        share = share - 1.0
    return False, share + commitment, founds


@register_jitable
def is_released(lineage, spermiation):
    """Return whether an elongated spermatid is released at the end of its step; else it is retained and digested."""
    return uniform(lineage, 0, RELEASE) < spermiation
