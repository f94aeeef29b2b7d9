"""The expected man against the man of cells: the same labs, the same course, the same sperm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.man.mean_field import ExpectedMan, steady_state
from testis_abm.man.physiology import is_adult, matured
from testis_abm.man.treat import Life, Treatment, treat
from testis_abm.scenario import Man

SHARED = (
    "testosterone_nmol_l",
    "oestradiol_pmol_l",
    "lh_iu_l",
    "fsh_iu_l",
    "inhibin_b_pg_ml",
    "shbg_nmol_l",
    "intratesticular_testosterone_nmol_l",
    "intratesticular_oestradiol_nmol_l",
)


def cells(case: dict, tubules: int = 80) -> ta.RunResult:
    return ta.run({"title": "cells", "tissue": {"tubules": tubules}, **case}, replicates=1)


# The commonest men; the others are for `make verify`.
RESTING = {
    name: [pytest.mark.slow]
    * (name not in ("fertile", "obese_low_t_e2", "congenital_hypogonadotropic", "mixed_atrophy"))
    for name, of in parameters.presets().items()
    if not of.history
}


@pytest.mark.parametrize("preset", [pytest.param(name, marks=marks) for name, marks in RESTING.items()])
def test_rest_is_that_of_the_cells(values, preset):
    # The tables, too, have no percentages of no sperm.
    expected = Laboratory(values).shares_reported(steady_state(values, Man(preset=preset).physiology))
    # So many that rare tubules are there.
    run = cells({"man": {"preset": preset}, "plan": {"baseline": "1 day", "duration": "96 days"}}, tubules=500)
    for name in SHARED:
        # Where enzymes or inhibin B saturate, the spread between niches tells: the mean cell is a few per cent off.
        close = {"intratesticular_oestradiol_nmol_l": 0.05, "inhibin_b_pg_ml": 0.08, "fsh_iu_l": 0.05}.get(name, 0.01)
        assert expected[name] == pytest.approx(run.hormones[name].head(20).mean(), rel=close, abs=1e-3), name
    mass = 37.2 * 1.04 * Man(preset=preset)["sertoli_number"]
    made = run.tissue["daily_production_million_g"].iloc[32:].mean() * mass
    assert expected["released_million"] == pytest.approx(made, rel=0.1, abs=0.8)
    semen = run.semen[run.semen["day"] > 80].mean(numeric_only=True)
    for name in ("volume_ml", "progressive_motility_pct", "normal_forms_pct"):
        if made > 0.5:
            assert expected[name] == pytest.approx(semen[f"expected_{name}"], rel=0.03, nan_ok=True), name


@pytest.mark.parametrize(
    ("drug", "dose", "every", "until"),
    [
        ("testosterone_enanthate", 200.0, 7.0, 120),
        ("anastrozole", 1.0, 1.0, 180),
        *(
            pytest.param(*of, marks=pytest.mark.slow)
            for of in (
                ("clomiphene", 25.0, 1.0, 180),
                ("hcg", 1500.0, 3.5, 180),
                ("exemestane", 25.0, 1.0, 60),
                ("leuprolide", 7.5, 28.0, 120),
                ("ketoconazole", 200.0, 1 / 3, 30),
                ("gonadorelin", 0.01, 1 / 12, 40),
            )
        ),
    ],
)
def test_a_course_is_that_of_the_cells(values, fertile, drug, dose, every, until):
    known = parameters.drugs()[drug]
    case = {
        "plan": {"baseline": "1 day", "duration": "200 days"},
        "therapy": [
            {"drug": drug, "dose": f"{dose} {known.dose_unit}", "every": f"{every} days", "until": f"day {until}"}
        ],
        "samples": {"semen": {"every": "20 days", "from": 0}},
    }
    run, treatment = cells(case), Treatment(ta.load({"title": "expected", **case}))
    man = treatment.follow(ExpectedMan(values, fertile, treatment.drugs))
    rows = man.days
    seen = run.hormones[(run.hormones["arm"] == "treated") & (run.hormones["day"] >= 0)]
    for name in SHARED:
        # In a testis that refills after months without gonadotrophins germ cells come patch by patch, and call forth less
        # inhibin B than so many that lie evenly; in one that testosterone has emptied cells make 15 % more of it (47 for
        # 41 pg/mL), in many tubules as in few.
        refills = {"leuprolide": 0.25, "testosterone_enanthate": 0.2}.get(drug, 0.08)
        close, least = {"inhibin_b_pg_ml": (refills, 1.5), "fsh_iu_l": (0.05, 1.4)}.get(name, (0.05, 0.1))
        np.testing.assert_allclose(rows[name], seen[name], rtol=close, atol=least, err_msg=name)
    semen = run.semen[run.semen["arm"] == "treated"].set_index("day")["expected_concentration_million_ml"]
    for day, count in semen.items():
        assert man.semen(3.0, int(day))["concentration_million_ml"] == pytest.approx(count, rel=0.15, abs=2.0), day


def plan(drug: str, dose: str, **more: object) -> ta.Scenario:
    return ta.load(
        {
            "title": "x",
            "plan": {"duration": "40 days"},
            "therapy": [{"drug": drug, "dose": dose, "every": "1 day", "until": "day 30"}],
            **more,
        }
    )


def test_men_in_a_crowd_are_the_men_alone(values, fertile):
    men = pd.DataFrame([fertile, {**fertile, "bmi": 35.0}, {**fertile, "gnrh_drive": 0.4}])
    case = plan("letrozole", "2.5 mg")
    treatment = Treatment(case)
    together = treat([Life(man, values, treatment) for man in men.to_dict("records")], lambda man: man.days)
    for row, man in zip(together, men.to_dict("records"), strict=True):
        assert np.array_equal(row, Treatment(case).follow(ExpectedMan(values, man, treatment.drugs)).days)


def test_a_day_at_a_time_is_all_at_once(values, fertile):
    # A weight that does not change is followed day by day.
    whole, parts = (
        Treatment(plan("hcg", "500 IU")),
        Treatment(plan("hcg", "500 IU", weight=[{"bmi": fertile["bmi"], "from": 0, "until": 20}])),
    )
    men = [one.follow(ExpectedMan(values, fertile, one.drugs)) for one in (whole, parts)]
    assert np.array_equal(men[0].days, men[1].days)


def test_rules_and_weight_reach_the_expected_man(values, fertile):
    obese = {**fertile, "bmi": 38.0}
    thin = Treatment(plan("anastrozole", "1 mg", weight=[{"bmi": 28, "from": 0, "until": 40}]))
    fat = Treatment(plan("anastrozole", "1 mg"))
    last = [one.follow(ExpectedMan(values, obese, one.drugs)).days[-1] for one in (thin, fat)]
    assert last[0]["shbg_nmol_l"] > last[1]["shbg_nmol_l"]
    never = Treatment(
        plan(
            "anastrozole",
            "1 mg",
            therapy=[{"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "when": "LH > 90"}],
        )
    )
    man = never.follow(ExpectedMan(values, fertile, never.drugs))
    assert man.days[-1]["oestradiol_pmol_l"] == pytest.approx(man.rest["oestradiol_pmol_l"], rel=1e-3)


def test_an_untreated_man_stays_at_rest(values):
    man = ExpectedMan(values, Man(preset="obese_low_t_e2").physiology)
    rows = man.advance(np.zeros((400, 48, 0)))
    for name in SHARED:
        assert rows[name][-1] == pytest.approx(man.rest[name], rel=1e-3), name
    assert rows["released_million"][-1] == pytest.approx(man.rest["released_million"], rel=1e-3)


def test_men_at_the_edges_have_a_rest(values, fertile):
    for changed in (
        {"gnrh_drive": 0.0},
        {"leydig_capacity": 0.02},
        {"bmi": 70.0},
        {"adipose_aromatase": 20.0},
        {"er_alpha_sensitivity": 0.0},
        {"androgen_sensitivity": 0.0},
        {"germ_cell_endowment": 0.0},
        {"adipose_aromatase": 0.0, "testicular_aromatase": 0.0},
        {"fsh_secretion": 0.0},
        {"gnrh_drive": 3.0, "inhibin_capacity": 0.02},
    ):
        labs = steady_state(values, {**fertile, **changed})
        assert all(np.isfinite(value) and value >= 0 for value in labs.values()), changed


PUMP = {
    "title": "pump",
    "man": {"preset": "congenital_hypogonadotropic"},
    "tissue": {"tubules": 120},
    "plan": {"baseline": "1 day", "duration": "560 days", "replicates": 1},
    "therapy": [{"drug": "gonadorelin", "dose": "10 ug", "every": "1.5 hours"}],
    "samples": {"semen": {"every": "4 days", "from": 500}},
}


@pytest.mark.slow
def test_a_testis_that_never_saw_gonadotrophins_comes_of_age(values):
    case = ta.load(PUMP)
    treatment = Treatment(case)
    man = ExpectedMan(values, case.man.physiology, treatment.drugs)
    treatment.follow(man)
    testosterone = man.days["testosterone_nmol_l"]
    sperm = [man.semen(3.0, day)["concentration_million_ml"] for day in (90, 180, 270, 360, 450, 540)]
    # Mao 2017: 8.3 nmol/L; first sperm after 6 months (1.6 to 10.4), 5 million/mL after 14.
    assert 6.0 < testosterone[330:460].mean() < 13.0 and testosterone[60] < testosterone[240] < testosterone[500]
    assert sperm == sorted(sperm) and sperm[0] < 0.05 < sperm[2] and 1.0 < sperm[4] < 15.0
    run = ta.run(case)
    treated = run.hormones[run.hormones["arm"] == "treated"].set_index("day")
    for day in (100, 300, 540):
        assert man.days["testosterone_nmol_l"][day] == pytest.approx(treated["testosterone_nmol_l"][day], rel=0.03)
        # Of few germ cells the mean calls forth more inhibin B than patches of them do.
        assert man.days["fsh_iu_l"][day] == pytest.approx(treated["fsh_iu_l"][day], rel=0.12)
    # Niches that fill up at the same time send their first waves together, 8 weeks apart: as many over a wave.
    semen = run.semen[(run.semen["arm"] == "treated") & (run.semen["day"] < 556)].set_index("day")
    counted = semen["expected_concentration_million_ml"]
    told = [man.semen(3.0, int(day))["concentration_million_ml"] for day in counted.index]
    assert len(counted) == 14 and np.mean(told) == pytest.approx(counted.mean(), rel=0.35)
    twin = run.hormones[run.hormones["arm"] == "untreated"]["testosterone_nmol_l"]
    assert twin.iloc[-1] == pytest.approx(twin.iloc[0], rel=0.1)


def test_maturity_never_falls_and_an_adult_has_no_more_to_come(values, fertile):
    young = {**fertile, "somatic_maturity": 0.2, "spermatogonial_maturity": 0.01}
    man = ExpectedMan(values, young)
    known = []
    for _ in range(6):
        man.advance(np.zeros((28, 48, 0)))
        known.append((man.man["somatic_maturity"], man.man["spermatogonial_maturity"]))
    assert known == sorted(known) and all(0.2 < a < 1 and 0.01 < b < 1 for a, b in known)
    assert is_adult(fertile) and not is_adult(young)
    none = matured(young, 0.0, 0.0, 1000.0, values)
    assert none == pytest.approx({"somatic_maturity": 0.2, "spermatogonial_maturity": 0.01})
