"""Clamps: what is held is held, in both models and both engines, and all else follows it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from testis_abm import Scenario, ScenarioError, TestisError, TestisModel, load
from testis_abm.agents.checkpoint import Checkpoint
from testis_abm.cli.command import main
from testis_abm.experiments.sweep import sweep
from testis_abm.man.clamps import held_by_day
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.treat import Treatment
from testis_abm.population.report import therapies
from testis_abm.quantities import HELD, QUANTITIES
from testis_abm.results.summary import render
from testis_abm.scenario import Clamp
from testis_abm.scenario.clamp import TARGETS

SIZE = {"tubules": 2, "sertoli_per_tubule": 10}
LOCAL_T, LOCAL_E2 = "intratesticular_testosterone_nmol_l", "intratesticular_oestradiol_nmol_l"
NAMES = {
    "lh_iu_l": "LH",
    "fsh_iu_l": "FSH",
    "testosterone_nmol_l": "testosterone",
    "oestradiol_pmol_l": "oestradiol",
    "inhibin_b_pg_ml": "inhibin B",
    LOCAL_T: "intratesticular testosterone",
    LOCAL_E2: "intratesticular oestradiol",
}
TESTOSTERONE = {"drug": "testosterone_enanthate", "dose": "200 mg", "every": "1 week"}


def clamped(*clamps, days=40, **parts) -> Scenario:
    """Return a scenario of a fertile man; each clamp is (quantity, level) or a table."""
    rows = [clamp if isinstance(clamp, dict) else dict(zip(("quantity", "level"), clamp)) for clamp in clamps]
    plan = {"baseline": "0 days", "duration": f"{days} days", "seed": 3}
    return load({"title": "held", "tissue": SIZE, "plan": plan, "clamp": rows, **parts})


def expected(values, case: Scenario) -> ExpectedMan:
    treatment = Treatment(case)
    return treatment.follow(ExpectedMan(values, case.man.physiology, treatment.kinetics))


def cells(case: Scenario, days: int | None = None, **given) -> TestisModel:
    man = TestisModel(case, **given)
    man.run_for(case.plan.duration_days if days is None else days)
    return man


def course(man: TestisModel, column: str) -> np.ndarray:
    return np.array([getattr(row, column) for row in man.records["hormones"]])


def numbers(rows: np.ndarray) -> np.ndarray:
    return np.array(rows.tolist())


@pytest.fixture(scope="module")
def untreated() -> TestisModel:
    return cells(clamped())


# ---- what is held


def test_everything_that_can_be_held_has_a_name():
    assert set(NAMES) == set(HELD)
    assert {column for name in NAMES.values() for column in Clamp(name, "own").columns} == set(HELD)


@pytest.mark.parametrize("column", HELD)
def test_a_level_is_held_and_measured_in_both_models(values, column):
    row = QUANTITIES[column]
    level = {"lh_iu_l": 9.0, "fsh_iu_l": 1.5, "testosterone_nmol_l": 31.0, "oestradiol_pmol_l": 220.0}.get(column, 50.0)
    case = clamped({"quantity": NAMES[column], "level": f"{level} {row.unit}", "from": 5, "until": 25})
    mean = expected(values, case)
    np.testing.assert_allclose(mean.days[column][6:26], level, rtol=1e-12)
    assert mean.days[column][5] == pytest.approx(mean.rest[column], rel=1e-6)
    assert mean.days[column][40] != pytest.approx(level, rel=1e-3)
    single = cells(case)
    np.testing.assert_allclose(course(single, column)[6:26], level, rtol=1e-9)
    if row.sample == "blood" and column != "oestradiol_pmol_l":
        again = cells(case, 20)
        reported = [again.laboratory.blood(again.means, (again.seed,), day)[column] for day in range(200)]
        assert np.median(reported) == pytest.approx(level, rel=0.05)


@pytest.mark.parametrize("column", HELD)
def test_his_own_level_changes_nothing(values, column):
    case = clamped((NAMES[column], "own"), days=120)
    free, held = (numbers(expected(values, one).days) for one in (clamped(days=120), case))
    np.testing.assert_allclose(held, free, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("column", [LOCAL_T, LOCAL_E2])
def test_single_cells_held_as_they_went_by_themselves_go_the_same_way(untreated, column):
    levels = {f"day {day}": f"{level!r} nmol/L" for day, level in enumerate(course(untreated, column)[1:].tolist())}
    held = cells(clamped((NAMES[column], levels)))
    for name in held.records["hormones"][0]._fields[1:]:
        np.testing.assert_allclose(course(held, name), course(untreated, name), rtol=1e-6)
    steps = [[row[1:13] for row in man.records["tissue"]] for man in (held, untreated)]
    assert steps[0] == steps[1]


def test_niches_keep_their_differences():
    held = cells(clamped(("ITT", "30 %"), ("local free E2", "300 %")), 1)
    free = cells(clamped(), 1)
    for name, times in (("testosterone", 0.3), ("oestradiol", 3.0)):
        here, there = (getattr(man.tissue, name) for man in (held, free))
        assert here.mean() == pytest.approx(times * held.own[f"intratesticular_{name}_nmol_l"][0])
        assert here.std() > 0.0
        # Leydig cells and their testosterone are as far apart as ever; oestradiol is made of less of it.
        if name == "testosterone":
            np.testing.assert_allclose(here / here.mean(), there / there.mean(), rtol=1e-12)


def test_a_field_of_none_is_held_even():
    no_enzyme = {"man": {"testicular_aromatase": 0.0, "adipose_aromatase": 0.0}}
    man = cells(clamped((NAMES[LOCAL_E2], "8 nmol/L"), **no_enzyme), 2)
    assert man.tissue.oestradiol == pytest.approx(8.0)
    assert cells(clamped((NAMES[LOCAL_E2], "300 %"), **no_enzyme), 2).tissue.oestradiol.max() < 1e-6


def test_free_levels_in_the_testis_are_a_share_of_the_whole(values):
    share = values["tissue.testosterone_free_fraction"]
    free = expected(values, clamped(("free intratesticular testosterone", "10 nmol/L")))
    assert free.days[LOCAL_T][-1] == pytest.approx(10.0 / share)
    # A man of another free share is held at the same free level.
    other = {"parameters": {"tissue.testosterone_free_fraction": 0.06}}
    assert course(cells(clamped(("free local T", "10 nmol/L"), **other), 2), LOCAL_T)[-1] == pytest.approx(10.0 / 0.06)


def test_a_course_is_straight_between_its_days(values):
    case = clamped(("FSH", {"day 10": "1 x own", "day 20": "2 IU/L"}))
    own = expected(values, case).own
    levels = held_by_day(case.clamp, own, values, range(-5, 45))["fsh_iu_l"]
    first = own["fsh_iu_l"][0]
    assert np.isnan(levels[:5]).all() and np.isnan(levels[45:]).all()  # day 40 is the plan's end
    assert levels[[5, 15, 20, 25, 44]] == pytest.approx([first, first, (first + 2.0) / 2.0, 2.0, 2.0])
    assert expected(values, case).days["fsh_iu_l"][16] == pytest.approx((first + 2.0) / 2.0)


def test_free_testosterone_follows_by_way_of_shbg(values):
    case = clamped(("testosterone", "12 nmol/L"))
    slim, heavy = (
        expected(values, case.model_copy(update={"man": type(case.man)(bmi=bmi)})).days[-1] for bmi in (20, 40)
    )
    assert slim["testosterone_nmol_l"] == heavy["testosterone_nmol_l"] == 12.0
    assert heavy["shbg_nmol_l"] < slim["shbg_nmol_l"]
    assert heavy["free_testosterone_nmol_l"] > slim["free_testosterone_nmol_l"]


# ---- what follows


def test_without_lh_sperm_are_gone_and_without_fsh_they_are_fewer(values):
    def sperm(*clamps):
        return expected(values, clamped(*clamps, days=270)).semen()["total_count_million"]

    whole = sperm()
    assert sperm(("LH", "0 IU/L")) < 0.01 * whole
    assert 0.25 * whole < sperm(("FSH", 0)) < 0.7 * whole
    assert sperm(("gonadotrophins", 0)) < 0.01 * whole


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("oestradiol", ["0 %", "1000 %"])
@pytest.mark.parametrize("testosterone", ["0 nmol/L", "2 %", "300 %"])
def test_any_local_levels_run_through(values, engine, testosterone, oestradiol):
    case = clamped((NAMES[LOCAL_T], testosterone), (NAMES[LOCAL_E2], oestradiol), days=80)
    assert np.isfinite(numbers(expected(values, case).days)).all()
    man = cells(case, 4, engine=engine)
    for table in ("hormones", "signals"):
        assert np.isfinite(np.array(man.records[table], float)).all()


@pytest.mark.parametrize("column", HELD[:5])
def test_nothing_is_no_fault(values, column):
    case = clamped((NAMES[column], f"0 {QUANTITIES[column].unit}"), days=200)
    mean = expected(values, case)
    assert np.isfinite(numbers(mean.days)).all()
    assert all(map(math.isfinite, mean.semen().values()))
    man = cells(case, 30)
    assert np.isfinite(np.array(man.records["hormones"], float)).all()
    assert man.records["hormones"][-1]._asdict()[column] == 0.0


def test_an_isolated_testis_gets_no_feedback(values):
    case = clamped(("gonadotrophins", "own"), therapy=[TESTOSTERONE], days=60)
    for rows in (expected(values, case).days, cells(case).records["hormones"]):
        read = (
            (lambda name, rows=rows: rows[name])
            if isinstance(rows, np.ndarray)
            else (lambda name, rows=rows: np.array([getattr(row, name) for row in rows]))
        )
        assert np.ptp(read("lh_iu_l")[1:]) == np.ptp(read("fsh_iu_l")[1:]) == 0.0
        assert read("testosterone_nmol_l")[-1] > 1.3 * read("testosterone_nmol_l")[0]
        # What comes in with the blood is all that the drug does within the testis.
        assert read(LOCAL_T)[-1] == pytest.approx(read(LOCAL_T)[0], rel=0.03)


def test_hcg_drives_a_testis_without_lh(values):
    hcg = {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days"}
    with_hcg, without = (
        expected(values, clamped(("LH", 0), therapy=given, days=90)).days[LOCAL_T][-1] for given in ([hcg], [])
    )
    assert with_hcg > 20.0 * without


def test_fsh_that_was_given_before_is_part_of_what_is_held(values):
    rfsh = {"drug": "rfsh", "dose": "300 IU", "every": "1 day", "until": "day 10"}
    held = {"quantity": "FSH", "level": "3 IU/L", "from": 15}
    man = expected(values, clamped(held, therapy=[rfsh], days=20))
    assert man.days["fsh_iu_l"][10] > 8.0
    np.testing.assert_allclose(man.days["fsh_iu_l"][16:], 3.0, rtol=1e-12)


def test_both_models_agree(values):
    case = clamped(("LH", "40 %"), ("FSH", "own"), ("intratesticular oestradiol", "own"), days=60)
    mean = expected(values, case).days
    man = cells(case)
    for column in (LOCAL_T, "testosterone_nmol_l", "oestradiol_pmol_l", "inhibin_b_pg_ml"):
        assert course(man, column)[-1] == pytest.approx(mean[column][-1], rel=0.03), column


def test_only_the_treated_man_is_held():
    case = clamped(("LH", 0))
    assert course(cells(case, 3, treated=False), "lh_iu_l")[-1] > 1.0
    assert course(cells(case, 3), "lh_iu_l")[-1] == 0.0
    assert case.treated


# ---- one man, however he is run

SEVERAL = (
    {"quantity": "ITT", "level": {"day 2": "own", "day 12": "20 %"}},
    {"quantity": "LH", "level": "0.5 x own", "from": 3, "until": 9},
    {"quantity": "oestradiol", "level": "40 pmol/L", "from": 6},
)


def same(one: TestisModel, other: TestisModel) -> bool:
    return all(
        np.array_equal(np.array(one.records[name], float), np.array(other.records[name], float), equal_nan=True)
        for name in ("hormones", "tissue", "signals")
    )


def test_many_days_single_days_and_plain_cells_are_one_man():
    case = clamped(*SEVERAL, days=14)
    at_once, by_day, plain = cells(case), TestisModel(case), cells(case, engine="reference")
    for _ in range(14):
        by_day.step()
    assert same(at_once, by_day)
    assert same(at_once, plain)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_saved_man_goes_on_held(tmp_path, engine):
    case = clamped(*SEVERAL, days=14)
    whole, part = TestisModel(case, engine=engine), TestisModel(case, engine=engine)
    for man in (whole, part):
        man.run_for(4)
        man.clamp("FSH", "0.1 x own", until=11)
    whole.run_for(10)
    part.run_for(3)
    branch, loaded = part.branch(), TestisModel.load(part.save(tmp_path / "man.zip"))
    for man in (branch, loaded):
        man.run_for(7)
        assert man.clamps == whole.clamps
        assert same(man, whole)


def test_a_checkpoint_of_impossible_clamps_is_damaged(tmp_path):
    saved = Checkpoint(TestisModel(clamped(("LH", 0))).save(tmp_path / "man.zip"))
    saved.state["clamps"] = [{"quantity": "LH", "level": "600 IU/L"}]
    man = TestisModel(clamped(("LH", 0)))
    with pytest.raises(TestisError, match=r"man\.zip: damaged: level"):
        saved.put_course(man)


def test_men_of_a_cohort_are_held_at_levels_of_their_own(values, fertile):
    case = clamped(("LH", "50 %"))
    for drive in (0.5, 1.5):
        man = Treatment(case).follow(ExpectedMan(values, {**fertile, "gnrh_drive": drive}))
        assert man.days["lh_iu_l"][-1] == pytest.approx(0.5 * man.rest["lh_iu_l"])


# ---- how it is written


@pytest.mark.parametrize(
    ("written", "column", "level"),
    [
        (("lh", "2 mIU/mL"), "lh_iu_l", 2.0),
        (("Testosterone", "288.4 ng/dL"), "testosterone_nmol_l", 10.0),
        (("estradiol", "10 pg/mL"), "oestradiol_pmol_l", 36.7),
        (("serum E2", "50 %"), "oestradiol_pmol_l", 45.0),
        (("local testosterone", "0.25 x own"), LOCAL_T, 450.0),
        (("ITE", "200 % of own"), LOCAL_E2, 16.0),
        (("Inhibin-B", "0.5x"), "inhibin_b_pg_ml", 85.0),
    ],
)
def test_levels_as_people_write_them(values, written, column, level):
    clamp = Clamp(*written)
    own = np.zeros(1, [(name, float) for name in HELD])
    own["oestradiol_pmol_l"], own[LOCAL_T], own[LOCAL_E2], own["inhibin_b_pg_ml"] = 90.0, 1800.0, 8.0, 170.0
    assert held_by_day([clamp], own, values, range(1))[column] == pytest.approx(level)
    assert Clamp(**clamp.as_dict()) == clamp


def test_a_scenario_is_written_as_it_is_read(tmp_path):
    case = clamped(*SEVERAL)
    path = tmp_path / "case.toml"
    path.write_text(case.to_toml(), encoding="utf-8")
    assert load(path) == case
    assert Scenario(clamp=[Clamp("LH", "2 IU/L", from_="day 3", until="month 1")]).clamp[0].until_day == 30.0


@pytest.mark.parametrize(
    ("clamps", "said"),
    [
        ([("LHH", "1 IU/L")], r'clamp 1: quantity: "LHH" cannot be held; nearest: "LH"; can be: LH, FSH, '),
        ([("SHBG", "1 nmol/L")], r'clamp 1: quantity: "SHBG" cannot be held; .*can be: LH, FSH, '),
        (
            [("LH", "600 IU/L")],
            r'clamp 1: level: "600 IU/L" is out of the physical range; LH can be held at 0 to 500 IU/L',
        ),
        ([("LH", "-1 IU/L")], r"out of the physical range"),
        ([("LH", "101 x own")], r'level: "101 x own" is out of range; allowed: 0 to 100 x own'),
        ([("LH", "-5 %")], r"allowed: 0 to 100 x own"),
        ([("LH", "2 nmol/L")], r'unit "nmol/L" is not one of LH; known: IU/L, .*x own, %'),
        ([("LH", "2")], r'level: "2" has no unit; write a level, such as "2 IU/L" or "30 %" of his own'),
        ([("LH", 2)], r'level: 2 has no unit; write a level, such as "2 IU/L"'),
        ([("LH", "much")], r'level: "much" is not a level, such as "2 IU/L"'),
        ([("LH", {})], r"level: is an empty course"),
        ([("LH", {"day 0": "own", "noon": "own"})], r'clamp 1: level: noon: "noon" is not a day'),
        (
            [("LH", {"day 0": "own", "day 9": "9 x"}), ("LH", {"day 0": "9"})],
            r"clamp 2: level: day 0: \"9\" has no unit",
        ),
        ([{"quantity": "LH", "level": "own", "from": "day 9", "until": "day 9"}], r"until: day 9 is not after from"),
        ([{"quantity": "LH", "level": "own", "from": "day 40"}], r"clamp 1: from: day 40 is not before the end"),
        ([{"quantity": "LH", "level": "own", "from": "day -3"}], r"clamp 1: from: day -3 is in the baseline"),
        ([{"quantity": "LH"}], r"clamp 1: level is missing; for example level ="),
        ([{"quantity": "LH", "level": "own", "levle": 1}], r'clamp 1: key "levle" is not known; nearest: "level"'),
        ([("LH", "own"), ("gonadotrophins", "own")], r"clamp 2: quantity: LH is held by clamp 1 too, from day 0 to 40"),
        (
            [("ITT", "own"), ("free local T", "own")],
            r"clamp 2: quantity: intratesticular testosterone is held by clamp 1",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(clamps, said):
    with pytest.raises(ScenarioError, match=said):
        clamped(*clamps)


@pytest.mark.parametrize(
    ("quantity", "drug", "dose"),
    [
        ("FSH", "rfsh", "150 IU"),
        ("testosterone", "testosterone_enanthate", "200 mg"),
        ("oestradiol", "oestradiol_patch", "0.1 mg"),
    ],
)
def test_a_drug_cannot_give_what_is_held(quantity, drug, dose):
    therapy = {"drug": drug, "dose": dose, "every": "3.5 days", "from": "day 10", "until": "day 20"}
    with pytest.raises(
        ScenarioError, match=rf"clamp 1: quantity: .* is held from day 0 to 40, .* {drug} \(therapy 1\)"
    ):
        clamped((quantity, "own"), therapy=[therapy])
    clamped({"quantity": quantity, "level": "own", "until": 10}, therapy=[therapy])
    assert len(clamped((NAMES[LOCAL_T], "own"), therapy=[therapy]).clamp) == 1


def test_one_may_follow_another():
    case = clamped(
        {"quantity": "LH", "level": "own", "until": 20}, {"quantity": "LH", "level": "2 IU/L", "from": "day 20"}
    )
    assert len(case.clamp) == 2


def test_a_multiple_out_of_the_physical_range_is_refused_before_the_first_day(values):
    case = clamped(("testosterone", "90 x own"))
    for build in (lambda: expected(values, case), lambda: TestisModel(case)):
        with pytest.raises(
            TestisError, match=r"clamp 1: testosterone held at 90 x own: .*it can be held at 0 to 500 nmol/L"
        ):
            build()


def test_clamps_of_a_model_in_python():
    man = TestisModel(clamped(("LH", "own"), days=20))
    man.run_for(3)
    for given, said in (
        ({"quantity": "LH", "level": 0}, "clamp 2: LH is held by clamp 1 too"),
        ({"quantity": "FSH", "level": "own", "from_": 2}, "from: day 2 is over; the day that begins now is day 3"),
        ({"quantity": "FSH", "level": "4 mg"}, 'level: "4 mg": unit "mg" is not one of FSH'),
    ):
        with pytest.raises(TestisError, match=said):
            man.clamp(**given)
    assert len(man.clamps) == 1
    clamp = man.clamp("FSH", "1 IU/L", until="day 6")
    man.run_for(5)
    assert clamp.from_day == 3.0
    assert course(man, "fsh_iu_l")[4:7] == pytest.approx([1.0] * 3)
    assert course(man, "fsh_iu_l")[[3, 8]].min() > 1.1


def test_a_sweep_over_a_clamp(tmp_path):
    case = clamped(("ITT", "own"), days=100).as_dict()
    over = {"clamp.1.level": ["5 %", "30 %", "100 %"]}
    design = {"engine": "expected", "replicates": 1, "at": ["end"], "outputs": ["sperm concentration"], "over": over}
    rows = sweep({**case, "sweep": design}, tmp_path / "sweep", workers=1)
    level = rows.pivot(index="clamp.1.level", columns="arm", values="concentration_million_ml")
    share = level["treated"] / level["untreated"]
    assert share["5 %"] < 0.2 < share["30 %"] < 0.95
    assert share["100 %"] == pytest.approx(1.0, abs=1e-5)


def test_commands_and_reports_tell_what_is_held(tmp_path, capsys):
    from testis_abm import run

    case = clamped(("ITT", "30 %"), days=8)
    text = render(run(case))
    assert "Clamped: intratesticular testosterone held at 0.3 x own, day 0 to 8." in text
    assert therapies(case) == ["intratesticular testosterone held at 0.3 x own, day 0 to 8"]
    path = tmp_path / "wrong.toml"
    path.write_text('[[clamp]]\nquantity = "LH"\nlevel = "3"\n', encoding="utf-8")
    assert main(["run", str(path)]) == 2
    assert f'{path}:3: clamp 1: level: "3" has no unit' in capsys.readouterr().err


GONE = {"kind": "orchiectomy", "side": "both"}
ONE_BY_ONE = [{"kind": "orchiectomy", "side": side, "day": day} for side, day in (("left", -3), ("right", 9))]


@pytest.mark.parametrize("quantity", [name for name in TARGETS if "intratesticular" in name])
@pytest.mark.parametrize(
    ("insults", "span", "gone", "ends"),
    [
        ([GONE], {}, 0, False),
        ([{**GONE, "day": -2}], {"from": 5}, -2, False),
        ([{**GONE, "day": 9}], {"from": 5, "until": 20}, 9, True),
        ([{**GONE, "day": 9}], {"from": 9}, 9, False),
        (ONE_BY_ONE, {}, 9, True),
    ],
)
def test_nothing_is_held_in_testes_that_are_gone(quantity, insults, span, gone, ends):
    """Whether they went in the past, at once or one by one, before the clamp begins or while it holds."""
    tables = {
        "plan": {"baseline": "5 days", "duration": "40 days"},
        "tissue": {"tubules": 2},
        "insult": insults,
        "clamp": [{"quantity": quantity, "level": "own", **span}],
    }
    with pytest.raises(ScenarioError) as caught:
        load(tables)
    said = str(caught.value)
    assert said.startswith(f"scenario: clamp 1: quantity: {quantity} is held from day {span.get('from', 0)}")
    assert f"no testis is left from day {gone} on, by insult {len(insults)} (orchiectomy" in said
    assert (f'write until = "day {gone}"' in said) == ends
    if ends:
        load({**tables, "clamp": [{"quantity": quantity, "level": "own", "until": gone}]})
    load({**tables, "clamp": [{"quantity": "testosterone", "level": "own"}]})
    load({**tables, "insult": [{**insults[0], "side": "left"}]})


def test_neither_python_call_leaves_a_clamp_without_testes():
    tables = {"plan": {"baseline": "1 day", "duration": "40 days", "replicates": 1}, "tissue": {"tubules": 2}}
    man = TestisModel(load(tables))
    man.injure("orchiectomy", side="both", day=5)
    with pytest.raises(TestisError, match=r"^clamp 1: .*no testis is left from day 5"):
        man.clamp("intratesticular testosterone", "own")
    man.clamp("intratesticular testosterone", "own", until="day 5")
    other = TestisModel(load(tables))
    other.clamp("intratesticular oestradiol", "own")
    with pytest.raises(TestisError, match=r"^clamp 1: .*no testis is left from day 5"):
        other.injure("orchiectomy", side="both", day=5)
    assert not other.injuries.insults
