"""The paragraphs of a run's closing text; each function returns lines, empty if there is nothing to say."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology import outcome
from testis_abm.biology.laboratory import VARIATION, Laboratory
from testis_abm.biology.tract import ABSTINENCE_REFERENCE
from testis_abm.choices import TREATED, UNTREATED
from testis_abm.man.effects import drugs_of
from testis_abm.man.ejaculations import pace_of
from testis_abm.man.injuries import Injuries
from testis_abm.quantities import EFFECTS, LOST_SPERMATIDS, OESTRADIOL, QUANTITIES, told
from testis_abm.results.observed import observed
from testis_abm.results.run import Run
from testis_abm.results.tables import SCHEMAS, STEPS
from testis_abm.results.treatment import Treatment, last_window
from testis_abm.results.treatment import basis as level_basis
from testis_abm.scenario.condition import Clause
from testis_abm.scenario.scenario import extrapolated
from testis_abm.statistics import FEW, deterministic

_WIDTH = 110
_INDENT = "     "
_YEAR = 365.25
_LEVELS = (20.0, 15.0, 10.0, 5.0, 3.0, 1.0)  # million/mL
_OLIGOZOOSPERMIA = 15.0  # million/mL
_HAEMATOCRIT = (50.0, 54.0)  # %: the limits at which guidelines reconsider and stop testosterone
_PARTED = 10.0  # points between the falls of true and reported oestradiol
NOTHING = 1e-3  # of any unit in use: sperm of one niche, oestradiol without the enzyme
_MONTH = 28  # days
_BLOCKING = ("irradiation", "cytotoxics")
_RISEN, _SOME = 2.0, 0.1  # times the untreated man's, and million (per g and day, per mL): what is told of a rise
_MOVED = 0.93  # of untreated: what is less has moved
# Table, column, and whether an injury lowers it.
_EXTREMES = (
    ("semen", "expected_concentration_million_ml", True),
    ("semen", "expected_progressive_motility_pct", True),
    ("semen", "expected_normal_forms_pct", True),
    ("semen", "expected_dna_fragmentation_pct", False),
    ("hormones", "fsh_iu_l", False),
    ("hormones", "inhibin_b_pg_ml", True),
)
TENFOLD = 900.0  # %: from there on a change is told as a multiple
_FARTHEST = 9_999  # %, or times: what is beyond is no more than "far"
_FLUSHES = 5.0  # % of visits
_LIBIDO = 10.0  # points
_HDL = 5.0  # mg/dL
_FEW_MOTILE = 20.0  # million: under it, or after a year in vain, couples are offered IUI or ICSI
_LONG = 365.0  # days
_CLEARING_WEEKS = (6, 12, 26)


def number(value: float) -> str:
    """Return `value` with about three figures, "-" if it is missing or has no end, "0" where nobody would measure any."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if size < NOTHING:
        return "0"
    if size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"


def level(column: str, value: float, laboratory: Laboratory | None = None) -> str:
    """Return a level in its clinical unit: "<0.1" for one of a hormone that no assay tells from none (default: the usual laboratory)."""
    return number(value) if measurable(column, value, laboratory) else f"<{limit(column, laboratory):.3g}"


def measurable(column: str, value: float, laboratory: Laboratory | None = None) -> bool:
    """Return whether a level in its clinical unit is told from none; sperm are counted, and a missing level is under no limit."""
    return not value < limit(column, laboratory)


def limit(column: str, laboratory: Laboratory | None = None) -> float:
    """Return the least level in the clinical unit that is told from none; 0 for sperm, which are counted."""
    if column not in VARIATION or (row := QUANTITIES[column]).sample == "semen":
        return 0.0
    return (laboratory or Laboratory(parameters.values())).limit(column) * row.factor


def signed(value: float, places: int = 0) -> str:
    """Return a number with its sign, zero as "+0"; ">+9,999" of what is beyond: how far says nothing."""
    return f">+{_FARTHEST:,}" if value > _FARTHEST else f"{round(value, places) + 0.0:+.{places}f}"


def _multiple(value: float) -> str:
    return f">{_FARTHEST:,}" if value > _FARTHEST else number(value)


def change(centre: float, low: float = math.nan, high: float = math.nan, pairs: int = 0) -> tuple[str, str]:
    """Return a change in % and its interval as text, as a multiple once it is tenfold.

    There is no interval where all `pairs` of replicates give the same (0: not pairs).
    """
    if not math.isfinite(centre):
        return "-", ""
    if deterministic(centre, low, high, pairs):
        low = high = math.nan
    if centre >= TENFOLD:
        text = [_multiple(1.0 + value / 100.0) for value in (centre, low, high)]
        middle, ends, narrow = f"x {text[0]}", f"x {text[1]} to {text[2]}", "±<1 %"
    else:
        # A narrow interval keeps its width in print.
        places = 0 if abs(centre) >= 9.95 and not high - low < 1.0 else 1
        text = [signed(value, places) for value in (centre, low, high)]
        middle, ends, narrow = f"{text[0]} %", f"{text[1]} to {text[2]}", "±<0.1 %"
    if math.isnan(low + high):
        return middle, ""
    return middle, f"({narrow if text[1] == text[2] else ends})"


def replicates(count: int, rows: Iterable[tuple[float, float, float]] = ()) -> str:
    """Return what the intervals of paired replicates are worth: how many there are, and which quantities have none.

    Args:
        count: pairs.
        rows: change, low and high of each quantity.
    """
    if count < 2:
        return "One replicate: no interval; ask for two or more in plan.replicates."
    text = f"Interval: 95 %, over {count} paired replicates"
    text += "; so few make it rough." if count < FEW else "."
    if any(deterministic(*row, count) for row in rows):
        text += " Without an interval: deterministic, the same in all replicates."
    return text


def aligned(rows: Sequence[Sequence[str]], right: int | None = None, gap: str = "   ", indent: str = "  ") -> str:
    """Return rows as columns of text: the first to the left, `right` others (default: all) to the right, the rest as they are."""
    last = len(rows[0]) if right is None else right + 1
    widths = [max(len(row[k]) for row in rows) for k in range(last)]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:last], widths[1:], strict=True)]
        lines.append((indent + gap.join([row[0].ljust(widths[0]), *cells, *row[last:]])).rstrip())
    return "\n".join(lines)


def note(text: str, hanging: str = "  ") -> str:
    """Return a text that stands under a table, its later lines behind `hanging`."""
    return textwrap.fill(text, 120, initial_indent="  ", subsequent_indent=hanging)


def counted(replicates: int) -> str:
    """Return how many replicates there are."""
    return f"{replicates:,} replicate{'s' * (replicates != 1)}"


def extrapolation(result: Run) -> str:
    """Return what of the scenario lies beyond the evidence, a line each, and whose rules are not this program's."""
    lines = [note(f"{text[0].upper()}{text[1:]}.") for text in extrapolated(result.scenario)]
    if own := result.provenance.get("rules_file"):
        replaced = f": {', '.join(own['rules'])}" if own["rules"] else ""
        lines.append(note(f"Own rules in Python: {own['file']} (sha256 {own['sha256'][:12]}){replaced}."))
    return "\n".join(lines)


def title(result: Run) -> str:
    """Return the title line: what was simulated, how often, how large, which seed."""
    facts = [counted(result.replicates)]
    if len(result.tissue):
        facts.append(f"{_cells(result.tissue):,} cells each")
    if "seed" in result.provenance:
        facts.append(f"seed {result.provenance['seed']}")
    return f"{result.title}      {', '.join(facts)}"


def _cells(tissue: pd.DataFrame) -> int:
    first = tissue[tissue["day"] == tissue["day"].min()]
    return round(float(first[[*STEPS, "sertoli", "leydig"]].sum(axis=1).mean()))


def basis(result: Run, treatment: Treatment | None, summary: pd.DataFrame) -> str:
    """Return which days the table covers and what its interval holds."""
    if treatment is None:
        text = f"{level_basis(*last_window(float(result.hormones['day'].max())))} Drift: last quarter of the run against the first; "
        spread = f"spread: standard deviation over {result.replicates} replicates." if result.replicates > 1 else ""
        return _wrapped("", text + (spread or "one replicate: no spread."))
    text = f"{level_basis(*treatment.window)} "
    text += "Treatment ends then. " if treatment.stops_early else ""
    pairs = result.replicates
    text += replicates(pairs, summary[["change_pct", "low_pct", "high_pct"]].itertuples(index=False, name=None))
    return _wrapped("", text + (" It holds no spread of men or of parameters." if pairs > 1 else ""))


def assay(summary: pd.DataFrame) -> str:
    """Return why an immunoassay sees less of a fall of oestradiol, where the two part."""
    if "change_pct" not in summary:
        return ""
    rows = {row.column: row for row in summary.itertuples()}
    true, seen = rows[OESTRADIOL["lc-ms"]], rows[OESTRADIOL["immunoassay"]]
    if not seen.change_pct - true.change_pct >= _PARTED:
        return ""
    return _wrapped(
        "Assay: ",
        f"serum E2 (LC-MS/MS) {true.change_pct:+.0f} %, serum E2 (immunoassay) {seen.change_pct:+.0f} %: an immunoassay "
        "reads other steroids too and so hardly goes below its floor; compare a clinic's values, T/E2 among them, with its rows.",
    )


def why(result: Run) -> str:
    """Return the sentence that explains the effect, if the run has one."""
    text = str(result.provenance.get("why") or "").removeprefix("Why:").strip()
    return _wrapped("Why: ", text) if text else ""


def held(result: Run) -> str:
    """Return what was clamped."""
    clamps = result.scenario.clamp if TREATED in result.arms else ()
    parts = (f"{clamp.label}, day {clamp.from_day:g} to {clamp.until_day:g}" for clamp in clamps)
    return _wrapped("Clamped: ", f"{'; '.join(parts)}.") if clamps else ""


def own_rules(result: Run) -> str:
    """Return the rules of the scenario, what each did on average in the last arm, and what it does to sperm by itself."""
    lines, table, by_itself = [], result.modifiers, result.attribution
    arm = result.arms[-1]
    for i, rule in enumerate(result.scenario.rule, 1):
        if not rule.standing and arm != TREATED:
            continue
        days = table[(table["arm"] == arm) & table["modifier"].str.startswith(f"rule {i}:")]
        name = next(iter(days["modifier"]), "")
        means = days[days["rate"] == next(iter(rule.powers))][["factor", "added"]].mean()
        did = ""
        if name:
            amount = f"+{number(means['added'])} a day" if rule.to.added else f"x {number(means['factor'])}"
            did = f" Mean over its days: {amount}."
        own = (
            [] if by_itself is None else by_itself.loc[by_itself["rate"] == f"own {name}", "output_change_pct"].tolist()
        )
        if own and abs(own[0]) >= 0.05:
            did += f" Of the change in sperm production it makes {signed(own[0])} % by itself, at steady state."
        lines.append(_wrapped(f"Own rule {i}: ", f"{rule.sentence}.{did}{' In both arms.' if rule.standing else ''}"))
    return "\n".join(lines)


def insults(result: Run) -> str:
    """Return what happened to the testes, and on which numbers recovery hangs that nothing but recovery is known of."""
    given = result.scenario.insult
    if not given:
        return ""
    text = f"{'; '.join(insult.dated for insult in given)}."
    if any(insult.kind in _BLOCKING for insult in given):
        text += (
            " When sperm return hangs on how long injured Sertoli cells stop their stem cells: a hypothesis, fitted on recovery itself"
            " (injury.hit_days, irradiation.gray_per_hit; docs/injury.md)."
        )
    return _wrapped("Insults: ", text)


def course(result: Run) -> str:
    """Return how far sperm and hormones went after an insult, and when they were back, against the untreated man."""
    if not any(insult.day >= 0 for insult in result.scenario.insult) or TREATED not in result.arms:
        return ""
    parts = [_production_course(result)]
    for name, column, lowest in _EXTREMES:
        table = getattr(result, name)
        if column in table and not table.empty:
            parts.append(_extreme(table, column, lowest))
    return _wrapped("Course: ", "; ".join(part for part in parts if part) + ".") if any(parts) else ""


def lost(result: Run) -> str:
    """Return how many spermatids were lost on the way to release where treatment makes them more, and what semen shows of it."""
    if TREATED not in result.arms or UNTREATED not in result.arms or "retained_million_g" not in result.tissue:
        return ""
    found = [(words.lower(), f"{name}_million_g") for name, words in LOST_SPERMATIDS.items()]
    parts = [part for words, column in found if (part := _peak(result.tissue, column, words, "million/g/day"))]
    semen, column = result.semen, "immature_germ_cells_million_ml"
    if parts and f"expected_{column}" in semen and len(semen):
        parts.append(_peak(semen, f"expected_{column}", f"{QUANTITIES[column].label} in semen", "M/mL"))
    return _wrapped("Spermatids: ", "; ".join(part for part in parts if part) + ".") if parts else ""


def _peak(table: pd.DataFrame, column: str, words: str, unit: str) -> str:
    """Return the highest level of a column under treatment, "" unless it is some and at least twice that of the untreated man."""
    by_day = _by_day(table, column).dropna()
    if by_day.empty:
        return ""
    day = by_day[TREATED].idxmax()
    most, untreated = by_day.loc[day, TREATED], by_day.loc[day, UNTREATED]
    if most < max(_RISEN * untreated, _SOME):
        return ""
    return f"{words} up to {number(most)} {unit} (day {day:g}; untreated {number(untreated)})"


def _by_day(table: pd.DataFrame, column: str, window: int = 1) -> pd.DataFrame:
    """Return the means over replicates of a column by day from day 0 on, a column an arm, over `window` days around each."""
    rows = table[table["day"] >= 0].pivot_table(index="day", columns="arm", values=column, aggfunc="mean", dropna=False)
    return rows.rolling(window, center=True, min_periods=1).mean()


def _production_course(result: Run) -> str:
    by_day = _by_day(result.tissue, "sperm_released", _MONTH)  # of all testes that are there, not per g
    share = (by_day[TREATED] / by_day[UNTREATED]).dropna()
    if share.empty or share.min() > _MOVED:
        return ""
    day = share.idxmin()
    text = (
        f"sperm released a day, {_MONTH}-day mean, lowest on day {day:g} ({number(100.0 * share[day])} % of untreated)"
    )
    back = []
    for level_ in (0.5, 0.8):
        below = share.index[share < level_]
        if len(below):
            after = share.index[share.index > below[-1]]
            back.append(
                f"{100 * level_:.0f} % " + (f"from day {after[0]:g} on" if len(after) else f"not by day {below[-1]:g}")
            )
    return text + (f", {' and '.join(back)}" if back else "") + _without_sperm(result)


def _without_sperm(result: Run) -> str:
    """Return over which samples no sperm are expected in the ejaculate of the injured man."""
    semen = _by_day(result.semen, "expected_concentration_million_ml") if len(result.semen) else pd.DataFrame()
    if TREATED not in semen:
        return ""
    least = result.scenario.values()["outcome.azoospermic_below"]
    none = semen.index[semen[TREATED] < least]
    return f"; azoospermic in the samples of day {none[0]:g} to {none[-1]:g}" if len(none) else ""


def _extreme(table: pd.DataFrame, column: str, lowest: bool) -> str:
    by_day = _by_day(table, column)
    treated, untreated = by_day[TREATED].dropna(), by_day[UNTREATED]
    if treated.empty:
        return ""
    day = treated.idxmin() if lowest else treated.idxmax()
    far, usual = treated[day], untreated[day]
    if not usual > 0.0 or (far / usual > _MOVED if lowest else far / usual < 1.0 / _MOVED):
        return ""
    row = QUANTITIES[column.removeprefix("expected_")]
    unit = row.clinical_unit
    clinical = [number(float(row.clinical(value))) for value in (far, usual)]
    return f"{row.label} {'lowest' if lowest else 'highest'} on day {day:g} ({clinical[0]} {unit}; untreated {clinical[1]})"


def decisions(result: Run) -> str:
    """Return what was measured and decided for each therapy with a condition, one paragraph each."""
    table = result.decisions
    parts = []
    for number_, rows in table.groupby("therapy"):
        therapy = result.scenario.therapy[int(number_) - 1]
        if therapy.when is None:  # none is decided on
            continue
        name = f"{therapy.title} when {therapy.when.told}"
        made = rows.groupby(["replicate", "day"])["taken"].first()
        parts.append(
            _wrapped(
                "Decided: ",
                f"therapy {number_}, {name}: {_verdict(made)} ({_measurements(rows, therapy.when.clauses)}).",
            )
        )
    return "\n".join(parts)


def _verdict(made: pd.Series) -> str:
    """Return how often a therapy was given, from one decision a replicate or several."""
    days = made.index.get_level_values("day").unique()
    taken, count = int(made.sum()), len(made)
    when = f"on day {days[0]:g}" if len(days) == 1 else f"on {len(days)} days from {days.min():g} to {days.max():g}"
    if taken in (0, count):
        often = "" if count == 1 else f" every time, {count} decisions" if taken else f" in all {count} decisions"
        return f"{when} {'given' if taken else 'not given'}{often}"
    first = made[made].index.get_level_values("day").min()
    return f"{when} given after {taken} of {count} decisions, first on day {first:g}"


def _measurements(rows: pd.DataFrame, clauses: Sequence[Clause]) -> str:
    """Return the measured values, by the clause and the day of their sample."""
    parts, named = [], {str(clause): clause for clause in clauses}
    for written, sample in rows.groupby("clause", sort=False):
        clause = named[str(written)]
        low, high = (number(clause.reported(end)) for end in (sample["measured"].min(), sample["measured"].max()))
        unit = clause.reported_unit
        days = sorted(sample["measured_day"].unique())
        when = f"day {days[0]:g}" if len(days) == 1 else f"days {days[0]:g} to {days[-1]:g}"
        parts.append(f"{sample['quantity'].iloc[0]} {low if low == high else f'{low} to {high}'} {unit} on {when}")
    return "; ".join(parts)


def observed_block(result: Run) -> str:
    """Return predicted beside observed values."""
    table = observed(result)
    if table.empty:
        return ""
    rows = [("Observed", "day", "observed", "predicted", "ratio", "")]
    for entry in table.to_dict("records"):
        name = SCHEMAS["hormones" if entry["variable"] in SCHEMAS["hormones"] else "semen"][entry["variable"]].inline
        cells = (number(entry["observed"]), number(entry["predicted"]), number(entry["ratio"]))
        rows.append((f"  {name} ({entry['unit']})", f"{entry['day']:g}", *cells, entry["label"]))
    return aligned(rows, right=4, gap="  ", indent="")


def flags(result: Run, treatment: Treatment | None) -> str:
    """Return what the readouts of safety say."""
    if result.safety.empty or not result.arms:
        return ""
    arm = result.arms[-1]
    safety = result.safety[result.safety["arm"] == arm]
    start, end = (treatment.start, treatment.end) if treatment else (0.0, float(safety["day"].max()))
    safety = safety[safety["day"] > start]
    parts = [
        f"{QUANTITIES[OESTRADIOL['lc-ms']].label} under {told('{E2:10}')}: {_days(safety, safety['oestradiol_low'])}.",
        _bone(safety[safety["day"] <= end]),
        _haematocrit(safety),
        *_complaints(result, arm, start),
        _unknown(result, arm),
    ]
    return _wrapped("Flags: ", " ".join(part for part in parts if part))


def chances(result: Run, treatment: Treatment | None) -> str:
    """Return the chances of conception, of assisted reproduction where it is thought of, and, for an azoospermic man, of sperm retrieval."""
    if result.outcome.empty or not result.arms:
        return ""
    last = treatment.end if treatment else float(result.outcome["day"].max())
    rows = result.outcome[result.outcome["day"] <= last]
    parts = []
    last_day = rows["day"].max()
    motile = [_at(result.semen, arm, last_day).get("expected_total_motile_count_million") for arm in result.arms]
    assisted = result.scenario.partner.tried_days >= _LONG or any(of is not None and of < _FEW_MOTILE for of in motile)
    for arm in result.arms:
        own = rows[rows["arm"] == arm]
        if own.empty:
            return ""
        at = own[own["day"] == own["day"].max()].mean(numeric_only=True)
        none = _azoospermic(result, arm, at["day"])
        text = f"{result.called(arm)} {_chance(at, 'conception', _places(at, 'conception'))}"
        text += f", within 12 cycles {_chance(at, 'conception_year', 0)}"
        text += _assisted(at, none) if assisted else ""
        parts.append(text + (_retrieval(result, at) if none else ""))
    return _wrapped(
        "Fecundability (per cycle): ",
        f"{_partner(result)}: {'; '.join(parts)}. By total motile count, normal forms and DNA fragmentation: curves of populations "
        "with wide uncertainty, no couple's chance.",
    )


def _partner(result: Run) -> str:
    partner = result.scenario.partner
    tried = f"after {partner.cycles_tried:.0f} cycles in vain" if partner.tried_days else "in their first cycles"
    return f"partner of {partner.age:g} years, {tried}"


def _assisted(at: pd.Series, none: bool) -> str:
    """Return the chances of IUI and ICSI per cycle."""
    if none:
        known = pd.notna(at["icsi_testicular_pct"])  # else the reason follows, of their retrieval
        return f", ICSI with testicular sperm {_chance(at, 'icsi_testicular', 0)} live birth" if known else ""
    return f", IUI {_chance(at, 'iui', 0)} pregnancy, ICSI {_chance(at, 'icsi', 0)} live birth"


def _places(at: pd.Series, name: str) -> int:
    """Return 0, or 1 where a chance is under 10 %."""
    return int(at[f"{name}_pct"] < 9.95)


def _at(table: pd.DataFrame, arm: str, day: float) -> pd.Series:
    """Return the means over replicates of an arm on a day."""
    return table[(table["arm"] == arm) & (table["day"] == day)].mean(numeric_only=True)


def clearance(result: Run) -> str:
    """Return how far both closed ducts have cleared, by weeks and ejaculates."""
    if "cleared_pct" not in result.outcome or not result.arms:
        return ""
    arm = TREATED if TREATED in result.arms else UNTREATED
    rows = result.outcome[result.outcome["arm"] == arm].groupby("day")[["cleared_pct"]].mean().dropna()
    closing = Injuries(result.scenario.insult, {})
    parts, samples = [], result.scenario.samples
    for weeks in _CLEARING_WEEKS:
        for day in rows.index:
            since = closing.closed_since(int(day))
            if since is not None and day - since >= 7 * weeks:
                often = float(pace_of(samples, range(int(since), int(day))).sum()) / ABSTINENCE_REFERENCE
                sperm = _at(result.semen, arm, day)["expected_concentration_million_ml"]
                text = f"{(day - since) / 7.0:.0f} weeks and {often:.0f} ejaculates after, {rows.loc[day, 'cleared_pct']:.0f} %"
                parts.append(f"{text} of such men have no sperm (in him {number(sperm)} M/mL)")
                break
    if not parts:
        return ""
    return _wrapped(
        "Clearance: ", "; ".join(dict.fromkeys(parts)) + ". Contraception is needed until a sample shows none."
    )


def _retrieval(result: Run, at: pd.Series) -> str:
    """Return the chance of an azoospermic man's retrieval in words, or what would tell it."""
    if math.isnan(at["retrieval_pct"]):
        return ", micro-TESE not worked out (LH and FSH are low: gonadotrophins come first)"
    if outcome.told(at["retrieval_low_pct"] / 100.0, at["retrieval_high_pct"] / 100.0):
        return f", predicted micro-TESE sperm retrieval {_chance(at, 'retrieval', 0)} in the whole testis"
    tissue, needed = result.scenario.tissue, outcome.sections_to_tell()
    tubules = 2 * math.ceil(needed / tissue.rows / 2.0)
    return (
        f", micro-TESE sperm retrieval not told by the {tissue.tubules * tissue.rows:,} sections of this tissue; [tissue] "
        f"tubules = {tubules:,} would"
    )


def _chance(at: pd.Series, name: str, places: int) -> str:
    """Return a chance in % with its range; without one where both of its ends are the same in print."""
    middle, low, high = (f"{at[f'{name}{end}_pct']:.{places}f}" for end in ("", "_low", "_high"))
    return f"{middle} %" + (f" ({low} to {high})" if low != high else "")


def _azoospermic(result: Run, arm: str, day: float) -> bool:
    semen = result.semen[(result.semen["arm"] == arm) & (result.semen["day"] == day)]
    below = result.scenario.values()["outcome.azoospermic_below"]
    return bool(semen["expected_concentration_million_ml"].mean() < below)


def _days(safety: pd.DataFrame, flag: pd.Series) -> str:
    """Return on how many days of a replicate, on average, `flag` is up."""
    per_replicate = flag.groupby(safety["replicate"]).sum()
    if not per_replicate.any():
        return "never"
    days = per_replicate.mean()
    return f"{days:,.0f} days" if days >= 1.5 else "1 day"


def _bone(safety: pd.DataFrame) -> str:
    course = safety.groupby("day")[["bone_density_change_pct", "bone_density_scan_pct"]].mean().dropna()
    span = course.index[-1] - course.index[0] if len(course) else 0
    if not span:
        return ""
    trend, scan = (course.iloc[-1] - course.iloc[0]) / span * _YEAR
    # Without it a trend of -0.001 prints as "-0.0".
    if abs(trend) < 0.05:
        return "Bone density steady."
    placebo = parameters.load()["safety.bone_placebo_trend"]
    return (
        f"Bone density {trend:+.1f} % a year against untreated, {signed(scan, 1)} on a scan (men on placebo {scan - trend:+.1f}, "
        f"{placebo.low:g} to {placebo.high:g})."
    )


def _haematocrit(safety: pd.DataFrame) -> str:
    highest = safety["haematocrit_pct"].max()
    if math.isnan(highest):
        return ""
    if highest <= _HAEMATOCRIT[0]:
        return f"Peak haematocrit {highest:.0f} %."
    over = [
        f"over {limit:g} % {_days(safety, safety['haematocrit_pct'] > limit)}"
        for limit in _HAEMATOCRIT
        if limit == _HAEMATOCRIT[0] or highest > limit
    ]
    day = safety["day"][safety["haematocrit_pct"].idxmax()]
    return f"Peak haematocrit {highest:.1f} % (day {day:g}): {', '.join(over)}."


def _unknown(result: Run, arm: str) -> str:
    """Return of which effects no dose-response is known: of any drug, and of those given."""
    none = [effect.label for effect in EFFECTS if not effect.column]
    case = result.scenario if arm == TREATED else result.scenario.untreated()
    by_drugs: dict[tuple[str, ...], list[str]] = {}
    for effect in EFFECTS:
        if effect.column and (drugs := drugs_of(case, effect.column)):
            by_drugs.setdefault(drugs, []).append(effect.label)
    parts = [f"of {' and '.join(drugs)} also {', '.join(labels)}" for drugs, labels in by_drugs.items()]
    return f"No dose-response known: {'; '.join([', '.join(none), *parts])}."


def _complaints(result: Run, arm: str, start: float) -> Iterator[str]:
    """Yield what changed of flushes, libido and HDL against the days before treatment."""
    safety = result.safety[result.safety["arm"] == arm]
    course = safety.groupby("day")[["vasomotor_pct", "libido_score", "hdl_change_mg_dl"]].mean()
    own, after = course[course.index <= start].mean(), course[course.index > start]
    shift = (after - own).dropna()
    if shift.empty:
        return
    flushes, libido, hdl = (
        shift["vasomotor_pct"].idxmax(),
        shift["libido_score"].idxmin(),
        shift["hdl_change_mg_dl"].abs().idxmax(),
    )
    if shift["vasomotor_pct"][flushes] > _FLUSHES:
        yield f"Vasomotor symptoms, up to {after['vasomotor_pct'][flushes]:.0f} % of visits (day {flushes:g})."
    if -shift["libido_score"][libido] > _LIBIDO:
        yield f"Libido score falls from {own['libido_score']:.0f} to {after['libido_score'][libido]:.0f} (day {libido:g})."
    if abs(shift["hdl_change_mg_dl"][hdl]) > _HDL:
        yield f"HDL cholesterol {shift['hdl_change_mg_dl'][hdl]:+.0f} mg/dL (day {hdl:g})."


def recovery(result: Run, treatment: Treatment | None) -> str:
    """Return when sperm fell under treatment and came back, if it made the man oligozoospermic."""
    if treatment is None or not treatment.stops_early or result.semen.empty:
        return ""
    semen = result.semen[result.semen["arm"] == TREATED]
    course = semen.groupby("day")["expected_concentration_million_ml"].mean()
    day, sperm = course.index.to_numpy(dtype=float), course.to_numpy()
    before = sperm[day <= treatment.start]
    after = sperm[day > treatment.start]
    if not len(before) or not len(after) or before[-1] < _OLIGOZOOSPERMIA or after.min() >= _OLIGOZOOSPERMIA:
        return ""
    levels = [level for level in _LEVELS if level < before[-1]]
    lowest = max(treatment.end, float(day[np.argmin(sperm)]))
    down = [crossing(day, sperm, level, after=treatment.start, rising=False) for level in levels]
    up = [crossing(day, sperm, level, after=lowest, rising=True) for level in levels]
    rows = {
        "Recovery: expected sperm (M/mL)": [f"{level:g}" for level in levels],
        "  weeks from the start, falling below": [_weeks(fell, treatment.start, "-") for fell in down],
        "  weeks from the end, rising above": [
            "-" if fell is None else _weeks(rose, treatment.end, "not yet") for rose, fell in zip(up, down, strict=True)
        ],
    }
    follow = (float(result.hormones["day"].max()) - treatment.end) / 7.0
    last = f"  lowest {number(float(after.min()))} M/mL; followed for {follow:.0f} weeks after {result.scenario.cause}"
    lines = [name.ljust(40) + "".join(cell.rjust(9) for cell in cells) for name, cells in rows.items()]
    return "\n".join([*lines, last])


def _weeks(day: float | None, since: float, otherwise: str) -> str:
    return otherwise if day is None else f"{(day - since) / 7.0:.1f}"


def crossing(day: np.ndarray, value: np.ndarray, level: float, *, after: float, rising: bool) -> float | None:
    """Return the day from `after` on when `value` first crosses `level`, between samples by straight line."""
    start = np.interp(after, day, value)
    later = day > after
    days, values = np.r_[after, day[later]], np.r_[start, value[later]]
    beyond = values >= level if rising else values < level
    if not beyond.any():
        return None
    k = int(beyond.argmax())
    if k == 0:
        return float(after)
    share = (level - values[k - 1]) / (values[k] - values[k - 1])
    return float(days[k - 1] + share * (days[k] - days[k - 1]))


def warnings(result: Run) -> str:
    """Return the warnings of the run, one a line."""
    return "\n".join(_wrapped("Note: ", str(text)) for text in result.provenance.get("warnings") or ())


def _wrapped(head: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=head, subsequent_indent=_INDENT if head else "")
