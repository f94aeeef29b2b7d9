"""What is written down of a man every morning (tables: man/diary.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from testis_abm.biology import outcome, steps
from testis_abm.biology.axis import MECHANISMS
from testis_abm.biology.germ import rates_under
from testis_abm.biology.sertoli import signals
from testis_abm.testis import biopsy
from testis_abm.testis.build import standing_elongated

TestisModel = Any  # of agents/model.py, which calls this


def record(model: TestisModel) -> None:
    """Write down the morning of the day that begins; of a `brief` run the hormones alone."""
    means, report, write, day = model.means, model.report, model.records.write, model.day
    hormones = means | {
        "intratesticular_testosterone_nmol_l": report.testosterone_nmol_l,
        "intratesticular_oestradiol_nmol_l": report.oestradiol_nmol_l,
        "free_testosterone_pmol_l": 1e3 * means["free_testosterone_nmol_l"],
    }
    write("hormones", day=day, **hormones)
    if model.brief:
        return
    write("tissue", day=day, **_tissue(model, means))
    safety = model.safety.readout(means["testosterone_nmol_l"], means["oestradiol_pmol_l"])
    write("safety", day=day, **vars(safety))
    write("signals", day=day, **{**means, **report._asdict()}, back_pressure=model.tract.back_pressure)
    for name, rate, factor, added in model.modified:
        write("modifiers", day=day, modifier=name, rate=rate, factor=factor, added=added)
    kinetics = model.body.kinetics
    for name, levels, actions in zip(kinetics.names, model.body.drugs.levels.tolist(), kinetics.actions, strict=True):
        ranges = dict(zip(("concentration_mean", "concentration_lowest", "concentration_highest"), levels, strict=True))
        write("drugs", day=day, drug=name, unit=MECHANISMS[actions[0]].unit, **ranges)
    samples = model.case.samples
    if day in model.semen_days:
        abstinence = samples.abstinence_days
        truth = model.laboratory.shares_reported(vars(model.expected_semen(abstinence)))
        expected = {f"expected_{name}": value for name, value in truth.items()}
        write("semen", day=day, abstinence_days=abstinence, **vars(model.semen_sample(day)), **expected)
        write("outcome", day=day, **_outcome(model, means, truth["concentration_million_ml"]))
    if day in samples.blood:
        write("blood", day=day, **model.blood_sample(day))
    if day in samples.biopsy:
        per_sertoli = model.tissue.counts() / model.tissue.sertoli_count
        score = biopsy.johnsen_score(model.tissue.columns.sertoli.counts, model.tissue.geometry.sertoli_per_tubule)
        write("biopsy", day=day, **dict(zip(steps.NAMES, per_sertoli, strict=True)), johnsen_score=score)


def _outcome(model: TestisModel, means: Mapping[str, float], concentration: float) -> dict[str, float]:
    """Return the chances of this morning in % (see biology/outcome.py).

    Spermatids are the expectation under today's support: the simulated sections are too few to hold rare foci.
    """
    p, report, values = model.tissue.p, model.report, model.values
    signal = signals(report.androgen, report.oestrogen, report.fsh, model.tract.back_pressure, p)
    spermatids = standing_elongated(p, rates_under(signal, p))
    niches = values["tissue.sertoli_per_man"] * model.man["sertoli_number"] * model.man["germ_cell_endowment"]
    lh = means["lh_iu_l"] + means["hcg_iu_l"]
    chances = {
        "conception": outcome.conception(concentration, values),
        "retrieval": outcome.retrieval(niches, spermatids, concentration, lh, means["fsh_iu_l"], values),
    }
    return {
        f"{name}{end}_pct": 100.0 * chance
        for name, three in chances.items()
        for end, chance in zip(("", "_low", "_high"), three, strict=True)
    }


def _tissue(model: TestisModel, means: Mapping[str, float]) -> dict[str, Any]:
    report, events, tissue = model.report, model.tissue.events, model.tissue
    flux = {name: model.flux[name].sum() for name in ("divided", "round_spermatids")}
    completed = flux["round_spermatids"] / (4.0 * flux["divided"]) if flux["divided"] > 0 else np.nan
    counts = dict(zip(steps.NAMES, tissue.counts().tolist(), strict=True))
    share = model.body.p.testicular_oestradiol_share
    adrenal = means["adrenal_oestradiol"]
    made = {
        "testicular": share * report.oestradiol_output,
        "leydig": share * report.from_leydig,
        "sertoli": share * report.from_sertoli,
        "germ": share * report.from_germ,
        "fat": means["peripheral_oestradiol"] - adrenal,
        "adrenal": adrenal,
    }
    whole = made["testicular"] + means["peripheral_oestradiol"]
    return {
        **counts,
        **report._asdict(),
        "sertoli": tissue.sertoli_count,
        "leydig": len(tissue.columns.leydig.lineage),
        "apoptosis": int(events.deaths.sum() + events.retained.sum()),
        "sperm_released": int(events.released.sum()),
        "daily_production_million_g": model.daily_production(),
        "meiotic_loss_pct": 100.0 * (1.0 - completed),
        "elongated_per_sertoli": (counts["elongating_spermatid"] + counts["elongated_spermatid"])
        / tissue.sertoli_count,
        "aromatase_inhibition_fat_pct": 100.0 * means["inhibition_fat"],
        "aromatase_inhibition_testis_pct": 100.0 * report.aromatase_inhibition,
        "aromatase_inhibition_leydig_pct": 100.0 * report.leydig_inhibition,
        "aromatase_inhibition_niche_pct": 100.0 * report.niche_inhibition,
        **{
            f"{source}_oestradiol_share_pct": 100.0 * amount / whole if whole > 0 else 0.0
            for source, amount in made.items()
        },
    }
