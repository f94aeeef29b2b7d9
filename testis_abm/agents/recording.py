"""What is written down of a man: a row a morning (tables: man/diary.py), of one day or of many that were lived at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from testis_abm.agents.histology import scores
from testis_abm.biology import outcome, readouts, steps
from testis_abm.biology.germ import rates_under
from testis_abm.biology.mechanisms import MECHANISMS
from testis_abm.biology.safety import SafetyDay
from testis_abm.biology.sertoli import Response, signals
from testis_abm.biology.size import of_testis
from testis_abm.biology.tract import clearing
from testis_abm.man.cell_days import Lived
from testis_abm.man.diary import LOST
from testis_abm.man.effects import untold_since
from testis_abm.man.ejaculations import pace_of
from testis_abm.parameters import tubules
from testis_abm.testis.build import standing_elongated
from testis_abm.testis.tese import sections_with_sperm

TestisModel = Any  # of agents/model.py, which calls this


def record(model: TestisModel, lived: Lived, safety: Sequence[SafetyDay]) -> None:
    """Write down the mornings after the days that were `lived`, of which the last begins now; of a `brief` run the hormones alone."""
    count, extend, scale = len(lived.blood), model.records.extend, model.tissue.scale
    day = np.arange(model.day - count + 1, model.day + 1)
    extend(
        "hormones",
        _Columns(
            lived.blood,
            day=day,
            intratesticular_testosterone_nmol_l=lived.testis["testosterone_nmol_l"],
            intratesticular_oestradiol_nmol_l=lived.testis["oestradiol_nmol_l"],
            free_intratesticular_testosterone_nmol_l=scale.testosterone_free * lived.testis["testosterone_nmol_l"],
            free_intratesticular_oestradiol_nmol_l=scale.oestradiol_free * lived.testis["oestradiol_nmol_l"],
            free_testosterone_pmol_l=1e3 * lived.blood["free_testosterone_nmol_l"],
        ),
        count,
    )
    if model.brief:
        return
    blood, testis = _columns(lived.blood), _columns(lived.testis)
    extend("tissue", {"day": day, **_tissue(model, lived, blood, testis)}, count)
    since = untold_since(model.case if model.treated else model.case.untreated(), model.records["decisions"])
    for when, readout in zip(day.tolist(), safety, strict=True):
        blank = {column: math.nan for column, first in since.items() if when > first}
        model.records.write("safety", day=when, **{**vars(readout), **blank})
    inner = {**blood, **testis, "oestradiol": testis["oestradiol_nmol_l"], "back_pressure": lived.back_pressure}
    extend("signals", {**inner, "day": day}, count)
    for when in day.tolist():
        for name, rate, factor, added in model.modified:
            model.records.write("modifiers", day=when, modifier=name, rate=rate, factor=factor, added=added)
    _drugs(model, lived, day)
    _samples(model)


class _Columns(dict[str, Any]):
    """Columns of a table by name: those given, else those of rows, looked at when they are asked for."""

    def __init__(self, rows: np.ndarray, **columns: Any) -> None:
        super().__init__(columns)
        self.rows = rows

    def __missing__(self, name: str) -> np.ndarray:
        return self.rows[name]


def _columns(rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: rows[name] for name in rows.dtype.names or ()}


def _drugs(model: TestisModel, lived: Lived, days: np.ndarray) -> None:
    kinetics = model.body.kinetics
    units = [MECHANISMS[actions[0]].unit for actions in kinetics.actions]
    for day, levels in zip(days.tolist(), lived.levels.tolist(), strict=True):
        for name, unit, of_day in zip(kinetics.names, units, levels, strict=True):
            ranges = dict(zip(("concentration_mean", "concentration_lowest", "concentration_highest"), of_day))
            model.records.write("drugs", day=day, drug=name, unit=unit, **ranges)


def _samples(model: TestisModel) -> None:
    """Write down the samples of this morning."""
    day, write, samples = model.day, model.records.write, model.case.samples
    if day in model.semen_days:
        rested = samples.rested(day)
        truth = model.laboratory.shares_reported(vars(model.expected_semen()))
        expected = {f"expected_{name}": value for name, value in truth.items()}
        kept = {"abstinence_days": rested[0], "lost_in_urine_million": model.tract.spilled(rested)}
        write("semen", day=day, **kept, **vars(model.semen_sample()), **expected)
        write("outcome", day=day, **_outcome(model, model.means, truth), cleared_pct=_cleared(model, truth))
    if day in samples.blood:
        write("blood", day=day, **model.blood_sample())
    if day in samples.biopsy:
        per_sertoli = model.tissue.counts() / model.tissue.present_count
        write("biopsy", day=day, **dict(zip(steps.NAMES, per_sertoli, strict=True)), **scores(model)._asdict())


def _cleared(model: TestisModel, semen: Mapping[str, float]) -> float:
    """Return the share of men with both ducts closed, in %, who have no sperm left by now; NaN while one is open."""
    since = model.injuries.closed_since(model.day)
    if since is None:
        return math.nan
    p, pace = model.tract.p, pace_of(model.case.samples, range(int(since), model.day))
    effort = float(clearing(pace, p).sum()) / p.beyond_days
    return 100.0 * outcome.cleared(semen["concentration_million_ml"], effort, model.values)


def _outcome(model: TestisModel, means: Mapping[str, float], semen: Mapping[str, float]) -> dict[str, float]:
    """Return the chances of this morning in % (see biology/outcome.py)."""
    values, of = model.values, _sections_that_yield(model)
    concentration, partner = semen["concentration_million_ml"], model.case.partner
    lh = means["lh_iu_l"] + means["hcg_iu_l"]
    along = model.man["lesion_length"]
    seek = partial(outcome.retrieval, of, concentration, lh, means["fsh_iu_l"], values, lesion_length=along)
    found = seek()
    chances = {
        **outcome.chances(semen, found, outcome.Couple(partner.age, partner.cycles_tried), values),
        "retrieval": found,
        "conventional_retrieval": seek("conventional"),
    }
    return {
        f"{name}{end}_pct": 100.0 * chance
        for name, three in chances.items()
        for end, chance in zip(("", "_low", "_high"), three, strict=True)
    }


def _sections_that_yield(model: TestisModel) -> outcome.Yield:
    """Return the share of the man's tubule sections in which a surgeon would see sperm this morning.

    The man's shares of tubules times what his simulated ones that could hold sperm do hold; if the tissue is too small
    to hold any, what such a tubule would hold for good under today's support.
    """
    tissue = model.tissue
    passing, sertoli = float(tubules.passing(tissue.shares)), tissue.columns.sertoli
    there = sertoli.present > 0.0
    if not there.any():
        return outcome.Yield(0.0, 0.0, 0.0)
    if not tissue.columns.germ.total and not model.germ_cells_live:
        return outcome.Yield(0.0, 0.0, 0.0)
    sections, of = sections_with_sperm(sertoli.counts[there], sertoli.state[there], tissue.geometry.around)
    if of:
        return outcome.Yield(*(passing * share for share in outcome.seen(sections, of)))
    report = model.report
    signal = signals(
        Response(report.androgen, report.adhesion, report.fsh, report.lack), model.tract.back_pressure, tissue.p
    )
    share = outcome.yielding(passing, standing_elongated(tissue.p, rates_under(signal, tissue.p)), model.values)
    return outcome.Yield(share, share, share)


def _tissue(
    model: TestisModel, lived: Lived, blood: Mapping[str, np.ndarray], testis: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Return the columns of the tissue table."""
    germ, sertoli = lived.germ, model.tissue.present_count
    counts = dict(zip(steps.NAMES, germ["counts"].T, strict=True))
    cycle = model.over_cycle(len(germ))
    divided = cycle["divided"]
    completed = np.divide(cycle["round_spermatids"], 4.0 * divided, out=np.full(len(germ), np.nan), where=divided > 0)
    share, adrenal = model.body.p.testicular_oestradiol_share, blood["adrenal_oestradiol"]
    made = {
        "testicular": share * testis["oestradiol_output"],
        "leydig": share * testis["from_leydig"],
        "sertoli": share * testis["from_sertoli"],
        "germ": share * testis["from_germ"],
        "fat": blood["peripheral_oestradiol"] - adrenal,
        "adrenal": adrenal,
    }
    germ_cells, there = model.tissue.germ_cells(germ["counts"])
    whole = made["testicular"] + blood["peripheral_oestradiol"]
    percent = np.divide(100.0, whole, out=np.zeros(len(germ)), where=whole > 0)
    return {
        **counts,
        **testis,
        "sertoli": sertoli,
        "leydig": len(model.tissue.columns.leydig.lineage),
        "apoptosis": germ["apoptosis"],
        **{name: germ[name] for name in LOST},
        **{f"{name}_million_g": model.per_gram(cycle[name]) for name in LOST},
        "sperm_released": germ["released"],
        "daily_production_million_g": model.per_gram(cycle["released"]),
        "meiotic_loss_pct": 100.0 * np.maximum(0.0, 1.0 - completed),  # while cells are lost, fewer enter than complete
        "a_pale_per_sertoli": counts["a_pale"] / sertoli,
        "a_dark_per_sertoli": counts["a_dark"] / sertoli,
        "elongated_per_sertoli": (counts["elongating_spermatid"] + counts["elongated_spermatid"]) / sertoli,
        **{f"{source}_oestradiol_share_pct": percent * amount for source, amount in made.items()},
        **readouts.of_aromatase(testis, blood, share),
        **of_testis(model.man, germ_cells, there, model.values),
        **readouts.named(lived.cells),
    }
