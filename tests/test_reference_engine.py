"""The reference engine (plain Mesa agents) and the compiled one hold the same cells, to the last bit."""

from __future__ import annotations

import copy
import pickle

import mesa
import numpy as np
import pytest
from conftest import NORMAL_BLOOD
from small_tissue import SmallModel, assert_same

from testis_abm.agents.cells import GermCell, LeydigCell, SertoliCell
from testis_abm.agents.model import TestisModel
from testis_abm.biology import steps
from testis_abm.biology.draws import child
from testis_abm.biology.germ import DIES, HOLDING_ON, next_event
from testis_abm.scenario import load
from testis_abm.testis.columns import GERM_DTYPES
from testis_abm.testis.fields import kernel

DAYS = 75
WITHDRAWN = NORMAL_BLOOD._replace(lh_activity=0.02, fsh_iu_l=0.1, free_testosterone=0.4)
ON_LETROZOLE = NORMAL_BLOOD._replace(lh_activity=1.9, fsh_iu_l=7.5, inhibitor=400.0)
CASES = {
    "normal": {"blood": lambda day: NORMAL_BLOOD},
    "androgen withdrawal": {"blood": lambda day: WITHDRAWN},
    "inhibitor": {"blood": lambda day: ON_LETROZOLE},
    "no FSH": {"blood": lambda day: NORMAL_BLOOD._replace(fsh_iu_l=0.0)},
    "oestrogen receptors nearly silent": {
        "blood": lambda day: NORMAL_BLOOD._replace(inhibitor=3e4),
        "man": {"er_alpha_sensitivity": 0.02, "er_beta_sensitivity": 0.02},
    },
    "Sertoli cells only": {"blood": lambda day: NORMAL_BLOOD, "man": {"germ_cell_endowment": 0.0}},
    "few stem cells, which are lost and replaced": {
        "blood": lambda day: NORMAL_BLOOD,
        "man": {"germ_cell_endowment": 0.5},
        "numbers": {"germ.stem_cell_loss": 0.05},
    },
    "a tubule in each state, and interstices without Leydig cells": {
        "blood": lambda day: NORMAL_BLOOD._replace(fsh_iu_l=9.0),
        "man": {
            "tubules": 5,
            "rows": 2,
            "hyalinised_tubules": 0.2,
            "germ_cell_endowment": 0.75,
            "arrested_tubules": 1 / 3,
            "reduced_tubules": 0.5,
            "leydig_patches": 0.4,
        },
    },
    "states that change along a tubule": {
        "blood": lambda day: NORMAL_BLOOD._replace(fsh_iu_l=9.0),
        "man": {
            "tubules": 2,
            "rows": 12,
            "hyalinised_tubules": 0.2,
            "germ_cell_endowment": 0.75,
            "arrested_tubules": 1 / 3,
            "reduced_tubules": 0.5,
            "lesion_length": 0.03,
        },
    },
    "blood that changes": {
        "blood": lambda day: NORMAL_BLOOD._replace(
            lh_activity=1.0 + 0.9 * np.sin(day / 5.0).item(),
            fsh_iu_l=4.0 + 3.0 * np.cos(day / 9.0).item(),
            inhibitor=50.0 if 20 <= day < 40 else 0.0,
            back_pressure=0.5 if day > 50 else 0.0,
        )
    },
    "steep lack of oestrogen under an inhibitor, in a man of other places": {
        "blood": lambda day: NORMAL_BLOOD._replace(inhibitor=4300.0, oestradiol=0.4),
        "man": {"sertoli_aromatase": 3.0, "elongated_aromatase": 0.0, "sertoli_er_alpha_sensitivity": 0.5},
        "numbers": {"germ.oestrogen_lack": 2.6, "receptor.oestrogen_half": 0.15, "receptor.lack_days": 15.0},
    },
    "another steepness": {"blood": lambda day: WITHDRAWN, "numbers": {"receptor.androgen_exponent": 2.5}},
    "clones that die together": {
        "blood": lambda day: NORMAL_BLOOD._replace(fsh_iu_l=1.0),
        "numbers": {"germ.clonal_death": 0.6},
    },
    "oestrogen brake and excess": {
        "blood": lambda day: NORMAL_BLOOD._replace(lh_activity=3.7),
        "numbers": {"leydig.oestrogen_brake": 0.6, "aromatase.testicular_km": 30.0, "germ.duration_variation": 0.1},
    },
}


def pair(seed=1, tubules=2, sertoli=12, blood=NORMAL_BLOOD, numbers=None, **man):
    """Return one tissue in both engines, settled under `blood`."""
    models = [SmallModel(engine, seed, tubules, sertoli, numbers, **man) for engine in ("compiled", "reference")]
    for model in models:
        model.blood = blood
        model.settle()
    return models


def balance(before, tissue):
    """Assert that a tubule's change in count is what entered a step less what completed it or died in it."""
    per = tissue.geometry.sertoli_per_tubule
    events = tissue.events
    change = (tissue.columns.sertoli.counts.astype(int) - before).reshape(-1, per, steps.COUNT).sum(axis=1)
    entered = events.completed * steps.DAUGHTERS
    for step in range(steps.PRELEPTOTENE, steps.COUNT):
        assert np.array_equal(
            change[:, step], entered[:, step - 1] - events.completed[:, step] - events.deaths[:, step]
        ), steps.NAMES[step]
    assert np.array_equal(events.completed[:, steps.ELONGATED_SPERMATID], events.released + events.retained)
    assert np.all((events.freed >= 0) & (events.freed <= events.deaths))
    assert not np.delete(events.freed, HOLDING_ON, axis=1).any()
    founded = change[:, 2] + events.completed[:, 2] + events.deaths[:, 2]
    assert np.all(founded % 2 == 0)
    assert np.all((founded >= 0) & (founded <= 2 * events.completed[:, steps.A_PALE]))
    turned = events.completed[:, : steps.B_SPERMATOGONIUM].sum(axis=1)
    for step in (steps.A_DARK, steps.A_PALE):  # made, woken, used up: each at the turn of a stem cell
        assert np.all(np.abs(change[:, step] + events.deaths[:, step]) <= turned)
    replaced = (change + events.deaths)[:, : steps.B_SPERMATOGONIUM].sum(axis=1)
    divided = events.completed[:, steps.DAUGHTERS == 2].sum(axis=1)
    births = founded + replaced + divided
    lost = events.deaths.sum(axis=1) + events.released + events.retained
    assert np.array_equal(change.sum(axis=1), births - lost)
    assert tissue.columns.germ.total == tissue.columns.sertoli.counts.sum()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [pytest.param(1, marks=pytest.mark.slow), 2**63 + 12345])
def test_engines_hold_the_same_cells(name, seed):
    case = CASES[name]
    compiled, reference = pair(seed, numbers=case.get("numbers"), **case.get("man", {}))
    assert_same(compiled.tissue, reference.tissue)
    freed = 0
    for day in range(DAYS):
        before = compiled.tissue.columns.sertoli.counts.astype(int)
        for model in (compiled, reference):
            model.blood = case["blood"](day)
            model.step()
        assert compiled.report == reference.report
        balance(before, compiled.tissue)
        freed += compiled.tissue.events.freed.sum()
        if day % 5 == 4:
            assert_same(compiled.tissue, reference.tissue)
    if name != "Sertoli cells only":
        assert compiled.tissue.columns.germ.total > 20
        assert freed > (10 if name == "androgen withdrawal" else 0)


def test_a_larger_tissue_and_the_order_of_its_cells():
    compiled, reference = pair(seed=9, tubules=4, sertoli=24)
    for _ in range(20):
        compiled.step()
        reference.step()
    assert 900 < compiled.tissue.columns.germ.total < 1500
    assert_same(compiled.tissue, reference.tissue)
    left, right = compiled.tissue.columns.germ, reference.tissue.columns.germ
    assert np.array_equal(left.compacted("lineage"), right.compacted("lineage"))
    assert np.array_equal(left.count, right.count)


def test_tubules_of_some_sections_hold_the_same_cells_in_both_engines():
    compiled, reference = (SmallModel(engine, 5, 2, 9, rows=4).settle() for engine in ("compiled", "reference"))
    for _ in range(20):
        compiled.step()
        reference.step()
    assert_same(compiled.tissue, reference.tissue)
    level, geometry = compiled.tissue.testosterone, compiled.tissue.geometry
    assert level.shape == (2, 36) and (geometry.length, geometry.around) == (4, 9)
    assert (level.reshape(2, 4, 9) == level.reshape(2, 4, 9)[:, :1]).all()  # what Leydig cells make, all sections share
    oestradiol = compiled.tissue.oestradiol
    made = compiled.tissue.columns.sertoli.oestradiol_secretion.reshape(2, 4, 9)
    leydig = oestradiol.reshape(2, 4, 9) - _of_niches(compiled.tissue, made)
    assert np.allclose(leydig, leydig[:, :1], rtol=1e-12)


def _of_niches(tissue, made):
    """Return what the niches of each section give to one another, nmol/L: it adds up to what they make."""
    ring = kernel(tissue.geometry.ring, tissue.levels.oestradiol_kernel.length, tissue.scale.softening)
    around = np.array([[ring[(i - j) % len(ring)] for j in range(len(ring))] for i in range(len(ring))])
    given = tissue.levels.from_niches * made @ around.T
    assert np.allclose(given.sum(axis=-1), tissue.levels.from_niches * made.sum(axis=-1))
    return given


def test_segments_grow_when_births_find_no_room():
    compiled, reference = (SmallModel(engine, seed=4) for engine in ("compiled", "reference"))
    germ = compiled.tissue.columns.germ
    germ.start, wanted = germ.start.copy(), germ.count.copy()
    germ.grow(wanted)  # no slack at all
    assert germ.start[-1] == germ.total
    before = {name: germ.compacted(name) for name in GERM_DTYPES}
    germ.grow(wanted + np.array([5, 0]))
    assert all(np.array_equal(germ.compacted(name), column) for name, column in before.items())
    for model in (compiled, reference):
        model.settle()
    assert germ.start[-1] > wanted.sum()
    assert_same(compiled.tissue, reference.tissue)


def test_order_of_cells_within_a_tubule_does_not_matter():
    one, other = (SmallModel(seed=6).settle() for _ in range(2))
    germ, rng = other.tissue.columns.germ, np.random.default_rng(0)
    for _ in range(30):
        for start, count in zip(germ.start[:-1], germ.count, strict=True):
            order = start + rng.permutation(count)
            for name in GERM_DTYPES:
                column = getattr(germ, name)
                column[start : start + count] = column[order]
        one.step()
        other.step()
        assert_same(one.tissue, other.tissue)


@pytest.mark.parametrize("threads", ["2", "3", "4"])
def test_tubules_shared_among_threads_hold_the_same_cells(monkeypatch, threads):
    serial = SmallModel(seed=8, tubules=6).settle()
    monkeypatch.setattr("testis_abm.testis.threads.WORTH_SHARING", 0)
    monkeypatch.setenv("TESTIS_ABM_THREADS", threads)
    parallel = SmallModel(seed=8, tubules=6).settle()
    for _ in range(10):
        parallel.step()
    monkeypatch.undo()
    for _ in range(10):
        serial.step()
    assert_same(serial.tissue, parallel.tissue)
    assert np.array_equal(serial.tissue.columns.germ.rows(), parallel.tissue.columns.germ.rows())


def test_a_cell_without_budget_dies_even_without_hazard():
    assert next_event(5.0, 0.0, 0.0, 0.0, 1.0)[0] == DIES
    model = SmallModel(numbers={"germ.round_spermatid_loss": 0.0}).settle()
    model.agents_by_type[GermCell].set("hazard_budget", 0.0)
    model.step()
    assert model.tissue.columns.germ.total == 0


# ---- the plain agents as Mesa agents


def test_births_register_agents_and_deaths_remove_them():
    model = SmallModel("reference").settle()
    mine = mesa.Agent(model)
    for _ in range(10):
        before = {cell.lineage for cell in model.agents_by_type[GermCell]}
        model.step()
        after = {cell.lineage for cell in model.agents_by_type[GermCell]}
        assert after == set(model.tissue.columns.germ.lineage.tolist())
        assert before != after
    assert len(model.agents) == model.tissue.columns.germ.total + 24 + len(model.tissue.columns.leydig.lineage) + 1
    assert mine in model.agents
    assert all(cell.model is model and isinstance(cell, mesa.Agent) for cell in model.agents)
    assert len(mesa.Model.agents.fget(model)) == len(model.agents)
    model.remove_all_agents()
    cells = model.tissue.columns.germ.total
    assert len(model.agents_by_type[GermCell]) == cells and mine not in model.agents
    model.step()
    assert len(model.agents_by_type[GermCell]) == model.tissue.columns.germ.total


def test_a_mother_gives_way_to_two_daughters():
    model = SmallModel("reference").settle()
    dividing = [
        cell
        for cell in model.agents_by_type[GermCell]
        if cell.step == "secondary_spermatocyte" and cell.remaining_days < 1
    ]
    mother, others = dividing[0], dividing[1:]
    model.agents_by_type[GermCell].set("hazard_budget", 9.0)
    model.step()
    alive = {cell.lineage: cell.step for cell in model.agents_by_type[GermCell]}
    assert alive[child(mother.lineage, 0)] == alive[child(mother.lineage, 1)] == "round_spermatid"
    assert mother.lineage not in alive
    assert not any(cell.alive for cell in (mother, *others))
    with pytest.raises(LookupError, match="no longer in the tissue"):
        _ = mother.step


def test_what_a_user_sets_acts_the_same_in_both_engines():
    compiled, reference = pair(seed=3)
    for model in (compiled, reference):
        cells = sorted(model.agents_by_type[GermCell], key=lambda cell: cell.lineage)
        rounds = [cell for cell in cells if cell.step == "round_spermatid"]
        rounds[0].hazard_budget = 0
        rounds[1].remaining_days = 0.25
        rounds[2].step = "elongated_spermatid"
        model.agents_by_type[GermCell].select(lambda cell: cell.step == "a_pale").set("share", 0.5)
        min(model.agents_by_type[LeydigCell], key=lambda cell: cell.lineage).capacity = 3.0
    assert_same(compiled.tissue, reference.tissue)
    for _ in range(12):
        compiled.step()
        reference.step()
        assert_same(compiled.tissue, reference.tissue)
    assert compiled.report == reference.report


def test_agents_read_the_same_in_both_engines():
    compiled, reference = pair(seed=5)
    for model in (compiled, reference):
        model.step()
    for kind, names in {
        GermCell: ["unique_id", "step", "niche", "remaining_days", "hazard_per_day", "position", "aromatase", "turn"],
        SertoliCell: ["unique_id", "androgen_signal", "commitment", "germ_cells", "oestradiol_pmol_l"],
        LeydigCell: ["unique_id", "capacity", "testosterone_secretion", "position"],
    }.items():
        left, right = (model.agents_by_type[kind].get(names) for model in (compiled, reference))
        assert left == right


def test_sets_are_the_same_in_both_engines():
    compiled, reference = pair(seed=5)
    for model in (compiled, reference):
        for _ in range(6):
            model.step()
        model.random.seed(3)
    assert compiled.agent_types == reference.agent_types == [LeydigCell, SertoliCell, GermCell]
    assert compiled.agents.groupby(type).count() == reference.agents.groupby(type).count()
    for look in (
        lambda germ: germ,
        lambda germ: germ.select(at_most=50),
        lambda germ: germ.shuffle(),
        lambda germ: germ.sort("step_index"),
    ):
        left, right = (look(model.agents_by_type[GermCell]) for model in (compiled, reference))
        assert left.get("lineage") == right.get("lineage")
        assert np.array_equal(left.array("niche"), right.array("niche"))


def scenario():
    return load(
        {
            "title": "both engines",
            "tissue": {"tubules": 2, "sertoli_per_tubule": 12},
            "plan": {"baseline": "4 days", "duration": "30 days", "seed": 11},
            "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
        }
    )


def test_a_whole_man_is_the_same_in_both_engines_and_after_copying():
    compiled, reference = (TestisModel(scenario(), engine=engine) for engine in ("compiled", "reference"))
    for model in (compiled, reference):
        model.run_for(12)
    copies = [copy.deepcopy(reference), pickle.loads(pickle.dumps(reference)), pickle.loads(pickle.dumps(compiled))]
    for model in (compiled, reference, *copies):
        model.run_for(10)
    assert compiled.tissue.columns.germ.total > 100
    for other in (reference, *copies):
        assert repr(compiled.records) == repr(other.records)
        assert_same(compiled.tissue, other.tissue)
        assert other.agents_by_type[GermCell].get("lineage") == compiled.agents_by_type[GermCell].get("lineage")


def test_a_daughter_takes_the_place_of_a_stem_cell_that_died():
    case = load(
        {
            "title": "turn",
            "tissue": {"tubules": 3, "sertoli_per_tubule": 20},
            "plan": {"baseline": "1 day", "duration": "30 days"},
        }
    )
    models = [TestisModel(case, rng=3, engine=engine) for engine in ("compiled", "reference")]
    for model in models:
        # Every A-pale founds at its turn, and most of them die on the day.
        model.modify("harsh", "a_pale_hazard", added=1.5)
        for cell in model.agents_by_type[GermCell].select(lambda cell: cell.step == "a_pale"):
            cell.share = 1.5
    for _ in range(6):
        for model in models:
            model.step()
        assert_same(models[0].tissue, models[1].tissue)
