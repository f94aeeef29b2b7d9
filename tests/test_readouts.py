"""What is read of the cells: signals of each kind, the rates that Sertoli cells set, aromatase by site; in both models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import testis_abm as ta
from testis_abm import ScenarioError, parameters
from testis_abm.biology import steps
from testis_abm.biology.germ import NORMAL, rates_under
from testis_abm.biology.leydig import er_alpha_signal
from testis_abm.biology.readouts import HEEDED, OESTROGEN, READOUTS, ROWS
from testis_abm.biology.sertoli import Response, Signals, oestrogen_signal, signals
from testis_abm.experiments.outputs import COLUMNS, DEFAULT, OUTPUTS, of_cells, output
from testis_abm.experiments.outputs import ROWS as QUANTITY
from testis_abm.experiments.task import Job, Task, essence, perform
from testis_abm.man.physiology import complete
from testis_abm.results.measures import PRINTED
from testis_abm.scenario import Man
from testis_abm.testis.build import tissue_parameters

DOCS = Path(__file__).parents[1] / "docs" / "experiments.md"
TREATED = {
    "man": {"preset": "obese_low_t_e2"},
    "tissue": {"tubules": 12, "sertoli_per_tubule": 24},
    "plan": {"baseline": "7 days", "duration": "60 days", "replicates": 1},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
}
SMALL = {**TREATED, "tissue": {"tubules": 2, "sertoli_per_tubule": 12}}
SHORT = {**SMALL, "plan": {"baseline": "3 days", "duration": "12 days", "replicates": 1}}


@pytest.fixture(scope="module")
def man():
    """Return a man of cells whom an inhibitor, and a user, have changed."""
    model = ta.TestisModel(SHORT)
    model.run_for(9)
    return model


def test_germ_cells_are_read_for_the_signals_that_their_rules_take():
    p, _ = tissue_parameters(complete(parameters.values()), Man().physiology)
    usual = NORMAL
    heeded = {kind: [] for kind in HEEDED}
    for signal in Signals._fields:
        before, after = (np.array(rates_under(usual._replace(**{signal: x}), p)) for x in (0.4, 0.8))
        moved = {name for name, moves in zip(steps.RATES, before != after, strict=True) if moves}
        kinds = {
            kind for step, kind in enumerate(steps.CLASS_OF_STEP.tolist()) if f"{steps.NAMES[step]}_hazard" in moved
        }
        kinds |= {steps.SPERMATOGONIUM} if "commitment" in moved else set()
        kinds |= {steps.ELONGATED} if "spermiation" in moved else set()
        for kind in kinds:
            heeded[kind].append(signal)
    assert {kind: sorted(found) for kind, found in heeded.items()} == {
        kind: sorted(found) for kind, found in HEEDED.items()
    }


def test_means_and_spreads_are_those_of_the_cells(man):
    cells, p = man.tissue.columns, man.tissue.p
    sertoli, found = cells.sertoli, man.readouts()
    pressure = man.tract.back_pressure
    responses = zip(sertoli.androgen, sertoli.adhesion, sertoli.fsh, sertoli.lack, strict=True)
    heard = np.array([signals(Response(*levels), pressure, p) for levels in responses])
    for k, signal in enumerate(Signals._fields):
        values = heard[:, k]
        assert found[f"sertoli_{signal}_signal"] == pytest.approx(values.mean(), rel=1e-12)
        if signal not in ("fsh", "pressure"):
            assert found[f"sd_sertoli_{signal}_signal"] == pytest.approx(values.std(), rel=1e-9)
    for k, rate in enumerate(steps.RATES):
        unit, factor = ("_pct", 100.0) if k < steps.HAZARD else ("_per_day", 1.0)
        unit = "" if k == steps.FED else unit
        assert found[f"{rate}{unit}"] == pytest.approx(factor * sertoli.rates[:, k].mean(), rel=1e-12)
        assert found[f"sd_{rate}{unit}"] == pytest.approx(factor * sertoli.rates[:, k].std(), rel=1e-9, abs=1e-15)
    local = man.tissue.levels.corner_oestradiol.ravel()[cells.leydig.corner] * man.tissue.scale.oestradiol_free
    own = er_alpha_signal(local, p)
    assert found["leydig_er_alpha_signal"] == pytest.approx(own.mean()) and found["sd_leydig_er_alpha_signal"] > 0.0
    spermatids = sertoli.counts[:, steps.ROUND_SPERMATID]
    k = Signals._fields.index("androgen")
    around = np.average(heard[:, k], weights=spermatids)
    assert found["round_spermatid_androgen_signal"] == pytest.approx(around, rel=1e-12)
    for receptor in OESTROGEN:
        sensed = oestrogen_signal(sertoli.local_oestradiol, getattr(p.receptor, f"{receptor}_sensitivity"), p)
        assert found[f"sertoli_{receptor}_signal"] == pytest.approx(sensed.mean(), rel=1e-12)
        assert found[f"sd_sertoli_{receptor}_signal"] == pytest.approx(sensed.std(), rel=1e-9)


def test_a_class_without_cells_has_no_signal():
    found = ta.TestisModel({**SHORT, "man": {"preset": "sertoli_cell_only"}}).readouts()
    assert np.isnan(found["spermatocyte_meiosis_signal"]) and found["sertoli_meiosis_signal"] > 0.0


def test_every_row_of_a_run_is_that_morning_however_many_days_a_call_lives(man):
    again, brief = ta.TestisModel(SHORT), ta.TestisModel(SHORT)
    brief.brief = True
    brief.run_for(9)
    for _ in range(9):
        again.step()
    assert again.records["tissue"] == man.records["tissue"]
    last = man.records["tissue"][-1]._asdict()
    assert brief.readouts() == man.readouts() == {name: last[name] for name in man.readouts()}
    assert len(brief.records["tissue"]) == 1  # of its first morning
    assert of_cells(brief) == pytest.approx(of_cells(man), nan_ok=True)


def test_a_modifier_shows_in_the_rate_and_not_in_the_signal():
    changed, own = (ta.TestisModel(SHORT) for _ in range(2))
    changed.modify("mine", "pachytene_hazard", factor=3.0)
    for model in (changed, own):
        model.run_for(1)
    of = [model.records["tissue"][-1] for model in (changed, own)]
    assert of[0].pachytene_hazard_per_day == pytest.approx(3.0 * of[1].pachytene_hazard_per_day)
    assert of[0].sertoli_meiosis_signal == pytest.approx(of[1].sertoli_meiosis_signal)


def test_the_reference_engine_reads_the_same(man):
    plain = ta.TestisModel(SHORT, engine="reference")
    plain.run_for(9)
    assert plain.records["tissue"] == man.records["tissue"]


def _levels(scenario, engine):
    job = Job({"": essence(ta.load(scenario).as_dict())}, (0, 60), engine)
    return {(arm, day): dict(zip(COLUMNS, levels, strict=True)) for arm, day, *levels in perform(job, Task(0, 0))}


def test_the_two_models_agree():
    cells, mean = (_levels(TREATED, engine) for engine in ("cells", "expected"))
    spreads = {readout.row.column for readout in READOUTS if readout.spread}
    for when, found in cells.items():
        for column in COLUMNS:
            if column in spreads:
                assert np.isnan(mean[when][column]) and found[column] >= 0.0, column
            elif QUANTITY[column].sample == "testis":
                # Germ cells of a small tissue are few; hazards respond to a signal several times as strongly.
                loose = column.endswith("per_day") or "germ" in column or "production" in column
                within = 0.4 if "production" in column else 0.2 if loose else 0.05
                few = (
                    0.03 if column.endswith("_million_g") else 2e-3
                )  # a handful of lost spermatids (tests/test_freed.py)
                assert found[column] == pytest.approx(mean[when][column], rel=within, abs=few), column


def test_local_and_systemic_inhibition_differ_and_add_up():
    cells = _levels(TREATED, "cells")
    before, after = (cells[arm, 60] for arm in ("untreated", "treated"))
    assert after["aromatase_inhibition_fat_pct"] > after["aromatase_inhibition_leydig_pct"] > 1.0
    sites = ("leydig", "sertoli", "germ", "fat")
    whole = [sum(levels[f"aromatase_activity_{site}_pct"] for site in sites) for levels in (before, after)]
    assert whole[1] / whole[0] == pytest.approx(after["oestradiol_pmol_l"] / before["oestradiol_pmol_l"], rel=0.1)
    for levels in (before, after):
        free = levels["free_intratesticular_testosterone_nmol_l"] / levels["free_intratesticular_oestradiol_nmol_l"]
        assert levels["free_intratesticular_t_over_e2"] == pytest.approx(free)


def test_a_run_summarises_all_of_it_and_prints_what_it_did():
    from testis_abm.results.summary import render

    result = ta.run(SHORT)
    summary = result.summary().set_index("column")
    assert set(summary.index) >= {*ROWS, *PRINTED, "free_intratesticular_t_over_e2", "aromatase_activity_germ_pct"}
    last = result.tissue[(result.tissue["day"] == 12) & (result.tissue["arm"] == "treated")].iloc[0]
    assert summary.loc["sertoli_er_beta_signal", "treated"] == pytest.approx(last["sertoli_er_beta_signal"])
    # What is none but for rounding has no change in percent.
    assert np.isnan(summary.loc["aromatase_inhibition_fat_pct", "change_pct"])
    assert "ER-beta" not in render(result)


@pytest.mark.parametrize("engine", ["cells", "expected"])
def test_a_sweep_keeps_and_prints_what_it_is_asked_for(tmp_path, engine):
    from testis_abm.experiments.sweep import Swept

    words = [
        "Leydig ER-alpha signal",
        "Sertoli ER-beta signal, SD between niches",
        "aromatase inhibition in germ cells",
    ]
    table = {**SHORT, "sweep": {"engine": engine, "outputs": words, "over": {"man.bmi": [24, 34]}, "replicates": 1}}
    ta.sweep(table, tmp_path / "sweep")
    swept = Swept.of(tmp_path / "sweep")
    assert swept.outputs == [words[0], words[1], "aromatase inhibition in Sertoli and germ cells"]
    summary = swept.summary()
    text = swept.report(summary, summary[:0])
    assert all(word in text for word in swept.outputs)
    assert np.isnan(summary["sd_sertoli_er_beta_signal, treated"]).all() == (engine == "expected")
    assert ("- -> -" in text) == (engine == "expected")


def test_no_word_means_two_outputs():
    words = [word.lower() for row in OUTPUTS.values() for word in (row.label, *row.words)]
    assert len(set(words)) == len(words) and len(OUTPUTS) == len(COLUMNS)


def test_a_wrong_output_gets_the_nearest_and_where_all_are_listed():
    with pytest.raises(ScenarioError) as caught:
        output("leydig ER alpha signal")
    text = str(caught.value)
    assert 'nearest: "Leydig ER-alpha signal"' in text and "docs/experiments.md" in text
    assert len(text) < 600
    assert output("  sertoli FSH   signal") == "Sertoli FSH signal"


def test_the_docs_list_every_output():
    spread = {readout.row.label for readout in READOUTS if readout.spread}
    text = DOCS.read_text(encoding="utf-8")
    for word, row in OUTPUTS.items():
        if word not in spread:
            wide = any(other.startswith(f"{word}, SD") for other in spread)
            line = f"| {word} | {row.clinical_unit} | {'yes' if word in DEFAULT else ''} | {'yes' if wide else ''} |"
            assert " ".join(line.split()) in text, line
