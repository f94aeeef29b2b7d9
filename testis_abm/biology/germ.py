"""The germ cell: how long it stays a type, what it dies of, when it divides, founds a clone or is released (see leydig.py)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.draws import (
    CLONE,
    COMMIT,
    ENTRY,
    FREED,
    RELEASE,
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
_LEAST_FED = 1e-9


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
    clonal_death: float
    spermatogonial_hazard: float
    prophase_hazard: float
    meiotic_hazard: float
    round_hazard: float
    elongation_hazard: float
    spermiation: float
    entry_alone: float
    entry_androgen: float
    crowding: float
    meiosis_deprivation: float
    adhesion_deprivation: float
    shed: float
    spermiation_alone: float
    oestrogen_lack: float
    back_pressure: float
    arrest_before: float
    reduced_founding: float


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


# ---- what germ cells die of under the signals of their Sertoli cell

# Types that hold on to their Sertoli cell by what androgen keeps up.
HOLDING_ON = (ROUND_SPERMATID, ELONGATING_SPERMATID)


@register_jitable
def entered(androgen, fsh, p):
    """Return how many germ cells enter under such signals, 1 in the reference man.

    FSH and androgen add up, so that each stands in for the other within its share; `entry_alone` needs neither. Sertoli
    cells fill up: `crowding` is the fourth power of what the man founds at rest over what they have room for.
    """
    alone, by_androgen = p.germ.entry_alone, p.germ.entry_androgen
    wanted = alone + by_androgen * androgen + (1.0 - alone - by_androgen) * fsh
    squared = wanted * wanted
    room = (1.0 + p.germ.crowding) / (1.0 + p.germ.crowding * (squared * squared))
    return wanted * math.sqrt(math.sqrt(room))


@register_jitable
def entry(signals, p):
    """Return how many germ cells enter, 1 in the reference man: half by stem cells, half by survival of B spermatogonia.

    The half of stem cells (see feeding, differentiation) is their number, which FSH feeds, times their differentiation.
    """
    return entered(signals.androgen, signals.fsh, p)


@register_jitable
def missing(signal):
    """Return what is missing of a signal; more than that of the reference man does no more."""
    return max(0.0, 1.0 - signal)


@register_jitable
def spermatogonial_loss(signals, p):
    """B spermatogonia decide half of entry, the stem cells that found them the other half.

    2 (1 - s) / (1 + s) stands for -log s, from which it differs by 1 % at half of normal entry: plain arithmetic, and
    finite where nothing enters.
    """
    root = math.sqrt(entry(signals, p))
    return max(0.0, p.germ.spermatogonial_hazard + 2.0 * (1.0 - root) / (1.0 + root))


@register_jitable
def prophase_loss(signals, p):
    """Primary spermatocytes need no more than to be there."""
    return p.germ.prophase_hazard


@register_jitable
def meiotic_loss(signals, p):
    """Meiosis needs androgen, the least of all."""
    return p.germ.meiotic_hazard + p.germ.meiosis_deprivation * missing(signals.meiosis)


@register_jitable
def round_loss(signals, p):
    """Round spermatids elongate, or some of a man's do not."""
    return p.germ.round_hazard


@register_jitable
def letting_go(androgen, p):
    """Spermatids need androgen to hold on to their Sertoli cell until they have elongated."""
    return p.germ.adhesion_deprivation * missing(androgen)


@register_jitable
def adhesion_loss(signals, p):
    """Spermatids that let go of their Sertoli cell are lost (see freed_share)."""
    return letting_go(signals.androgen, p)


@register_jitable
def elongated_loss(signals, p):
    """Elongating and elongated spermatids suffer late where oestrogen lacks."""
    return p.germ.elongation_hazard + p.germ.oestrogen_lack * signals.lack


@register_jitable
def pressure_loss(signals, p):
    """Fluid under pressure injures all that lie in the lumen; the square leaves a little without effect."""
    return p.germ.back_pressure * (signals.pressure * signals.pressure)


class Loss(NamedTuple):
    """A process that germ cells die of.

    Attributes:
        label: what it takes from, for reports.
        steps: the types that it acts on.
        cumulative: (signals, p) -> hazard over the mean time in those types, over which it is spread evenly.
    """

    label: str
    steps: tuple[int, ...]
    cumulative: Callable[[Signals, Any], float]


# The one list of what germ cells die of: cells, mean-field model, reference counts and attribution follow it.
LOSSES = (
    Loss("survival of B spermatogonia", (B_SPERMATOGONIUM,), spermatogonial_loss),
    Loss("survival through prophase", PROPHASE, prophase_loss),
    Loss("completion of meiosis", (SECONDARY_SPERMATOCYTE,), meiotic_loss),
    Loss("elongation of round spermatids", (ROUND_SPERMATID,), round_loss),
    Loss("adhesion of spermatids", HOLDING_ON, adhesion_loss),
    Loss("survival of elongated spermatids", (ELONGATING_SPERMATID, ELONGATED_SPERMATID), elongated_loss),
    Loss("survival under pressure of fluid", tuple(range(PROPHASE[0], COUNT)), pressure_loss),
)


@register_jitable
def feeding(fsh, p):
    """Return the share of the reference man's A-pale that an FSH signal feeds: half of entry with the androgen of that man.

    So FSH acts a cycle later, when A-pale have renewed or have been used up, and never on A-dark: macaques double A-pale in
    one and a half cycles of FSH and keep A-dark (van Alphen 1988).
    """
    return math.sqrt(entered(1.0, fsh, p))


@register_jitable
def a_pale_fed(signals, p):
    """Return how many A-pale a niche feeds."""
    return p.niche.a_pale_room * feeding(signals.fsh, p)


@register_jitable
def differentiation(signals, fed, p):
    """Return the share of a clone that an A-pale gathers at each turn of its cycle, where androgen acts.

    With the number of A-pale, of which FSH feeds the share `fed`, it makes half of entry, see spermatogonial_loss.
    """
    return min(1.0, p.germ.commitment * (math.sqrt(entry(signals, p)) / max(fed, _LEAST_FED)))


@register_jitable
def commitment(signals, p):
    """Return the share of a clone that an A-pale gathers at each turn of its cycle (see differentiation)."""
    return differentiation(signals, feeding(signals.fsh, p), p)


@register_jitable
def spermiation(signals, p):
    """Return the share of elongated spermatids that is released: androgen lets go of all but `spermiation_alone`."""
    alone = p.germ.spermiation_alone
    return min(1.0, p.germ.spermiation * (alone + (1.0 - alone) * min(1.0, signals.spermiation)))


def _written() -> Callable[[Any, Any, Any], Any]:
    """Write the rule `rates_fed`: a loop over LOSSES within it would keep many cells from going at once."""
    hazards: list[list[str]] = [[] for _ in range(COUNT)]
    lines = ["def rates_fed(signals, fed, p):", "days = durations(p)"]
    names: dict[str, Any] = {
        "Rates": Rates,
        "durations": durations,
        "differentiation": differentiation,
        "spermiation": spermiation,
    }
    for i, loss in enumerate(LOSSES):
        names[f"cumulative_{i}"] = loss.cumulative
        over = " + ".join(f"days.{NAMES[step]}" for step in loss.steps)
        lines.append(f"loss_{i} = cumulative_{i}(signals, p) * (1.0 / ({over}))")
        for step in loss.steps:
            hazards[step].append(f"loss_{i}")
    sums = ", ".join(" + ".join(terms) or "0.0" for terms in hazards)
    lines.append(
        f"return Rates(differentiation(signals, fed, p), spermiation(signals, p), {sums}, p.niche.a_pale_room * fed)"
    )
    exec("\n    ".join(lines), names)
    return register_jitable(names["rates_fed"])  # type: ignore[no-any-return]


# Rates of (signals, share of A-pale fed, p), see rates_under.
rates_fed = _written()


@register_jitable
def rates_under(signals, p):
    """Return what a Sertoli cell sets for its germ cells (steps.RATES).

    Stem cells have no hazard of their own: they are lost at the turn of a cycle.
    """
    return rates_fed(signals, feeding(signals.fsh, p), p)


# What Sertoli cells of the reference man tell.
NORMAL = Signals(1.0, 1.0, 1.0, 1.0, 0.0, 0.0)


@register_jitable
def changed(rate, value, factor, added):
    """Return a named rate (index in steps.RATES) after a change from outside: a share stays within 0 and 1, others >= 0."""
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
    """Return where between two clones an A-pale starts, 0 to 1, so that neighbours do not found theirs together."""
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
def freed_share(androgen, hazard, stop, p):
    """Return the share of the dying cells of a type of HOLDING_ON that is freed into the lumen; the others are digested in place.

    All that let go are freed, and of those that die of anything else the share `shed`.

    Args:
        androgen: signal for adhesion; hazard: of the type, 1/day; stop: the part of it that ends germ cells for good in an
            arrested tubule (lesions.ailing), which frees none.
    """
    if hazard <= 0.0:
        return 0.0
    own = max(0.0, hazard - stop)
    lost = min(own, letting_go(androgen, p) / (p.germ.round_spermatid_days + p.germ.elongating_spermatid_days))
    return (lost + p.germ.shed * (own - lost)) / hazard


@register_jitable
def is_freed(lineage, step, share):
    """Return whether a dying spermatid is among the `share` that is freed into the lumen (see freed_share)."""
    return uniform(lineage, step, FREED) < share


@register_jitable
def is_released(lineage, spermiation):
    """Return whether an elongated spermatid is released at the end of its step; else it is retained and digested."""
    return uniform(lineage, 0, RELEASE) < spermiation
