"""Response surfaces: levels, held steroids, the path of treatment, what is refused, written and drawn."""

from __future__ import annotations

import json
import tomllib
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

import testis_abm as ta
from testis_abm.app import draft
from testis_abm.app.results.surface import clamps_at
from testis_abm.cli.command import main
from testis_abm.experiments.outputs import of_expected
from testis_abm.experiments.surface import AXES, Spread, levels, surface
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.treat import Treatment
from testis_abm.pictures import screen
from testis_abm.pictures.chart import Path, Scale, SurfaceMap
from testis_abm.pictures.surface import caption, draw, surface_map
from testis_abm.scenario import Scenario
from testis_abm.studies.ensemble import shipped

PRODUCTION = "daily_production_million_g"
LOCAL_T, LOCAL_E2 = "intratesticular_testosterone_nmol_l", "intratesticular_oestradiol_nmol_l"
TREATED = {
    "title": "Treated",
    "plan": {"baseline": "4 days", "duration": "60 days"},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "until": "day 40"}],
}
SMALL = {"levels": 4, "sets": 5, "hold": 120}


@pytest.fixture(scope="module")
def found():
    return ta.surface(TREATED, **SMALL)


@pytest.fixture(scope="module")
def untreated():
    return surface("fertile_man", levels=3, sets=2, hold=60, axes=["T/E2"])


@pytest.mark.parametrize(
    ("low", "high", "count"), [(0.02, 3.0, 13), (0.01, 10.0, 4), (1.0, 3.0, 3), (0.2, 1.0, 5), (0.99, 50.0, 3)]
)
def test_levels_rise_between_their_ends_and_hold_ones_own(low, high, count):
    found = levels(low, high, count)
    assert len(found) == count and 1.0 in found
    assert (np.diff(found) > 0.0).all()
    assert found[[0, -1]] == pytest.approx([low, high])


def test_each_place_holds_its_steroids_and_gonadotrophins(found):
    rest = found.state("untreated").set_index("set")
    points = found.points.set_index("set")
    for own, column in (("t_own", LOCAL_T), ("e2_own", LOCAL_E2)):
        assert np.allclose(points[column], points[own] * rest[column].loc[points.index], rtol=1e-6)
    for column in ("lh_iu_l", "fsh_iu_l"):
        assert np.allclose(points[column], rest[column].loc[points.index], rtol=1e-6)


def test_ones_own_place_is_the_untreated_man(found):
    rest = found.state("untreated").set_index("set")
    own = found.points[(found.points["t_own"] == 1.0) & (found.points["e2_own"] == 1.0)].set_index("set")
    assert len(own) == SMALL["sets"]
    for column in (PRODUCTION, "concentration_million_ml", "progressive_motility_pct"):
        assert np.allclose(own[column], rest[column], rtol=1e-6)


def test_grid_and_points_agree_and_testosterone_is_needed(found):
    spread = found.grid("daily sperm production")
    across, up = found.axes
    assert spread.median.shape == (len(up.levels), len(across.levels))
    at = found.points[(found.points["t_own"] == across.levels[2]) & (found.points["e2_own"] == up.levels[1])]
    assert spread.median[1, 2] == pytest.approx(at[PRODUCTION].median())
    assert (spread.low <= spread.median).all() and (spread.median <= spread.high).all()
    own = list(up.levels).index(1.0)
    assert spread.median[own, 0] < 0.2 * spread.median[own, list(across.levels).index(1.0)]


def test_free_gonadotrophins_answer():
    free = surface(TREATED, levels=3, sets=1, hold=60, gonadotrophins="free")
    held = surface(TREATED, levels=3, sets=1, hold=60)
    assert held.points["fsh_iu_l"].std() < 1e-6 < free.points["fsh_iu_l"].std()


def test_the_path_is_that_of_the_treated_man_to_the_end_of_treatment(found):
    assert found.end == 40
    assert set(found.path["day"]) == set(range(41))
    k = int(found.points["set"].iloc[0])
    case = ta.load(TREATED)
    own = shipped().drawn(5, case.plan.seed)[k]
    treatment = Treatment(case, own.drugs_of(case))
    man = treatment.follow(ExpectedMan(own.whole, case.man.physiology, treatment.kinetics), (case.plan.seed, k))
    path = found.path[found.path["set"] == k]
    assert path[["t_own", "e2_own"]].iloc[0].tolist() == pytest.approx([1.0, 1.0])
    week = man.days[LOCAL_T][34:41].mean() / man.days[LOCAL_T][0]
    assert path["t_own"].iloc[-1] == pytest.approx(week)
    treated = found.state("treated").set_index("set").loc[k]
    assert treated["fsh_iu_l"] == pytest.approx(
        dict(zip(treated.index[1:], of_expected(man, 40, Scenario())))["fsh_iu_l"]
    )
    alone = found.state("steroids alone").set_index("set").loc[k]
    assert alone[LOCAL_T] == pytest.approx(week * man.days[LOCAL_T][0], rel=1e-6)


def test_its_tables_and_text_can_be_split_by_answer(found, untreated):
    sets = shipped().drawn(SMALL["sets"], ta.load(TREATED).plan.seed)
    for table in (found.points, found.states):
        by_set = table.groupby("set")
        for question in ("germ.lack", "aromatase.testicular_km"):
            assert by_set[question].agg(["nunique", "first"]).values.tolist() == [
                [1, own.answers[question]] for own in sets
            ]
        assert "infertility" not in table  # he is fertile: it is no question of him
    text = " ".join(found.text("LH").split())
    assert "with answers by weight to what these do not decide" in text
    assert "At the end of the path, treated against untreated: LH rises under 100 %" in text
    assert "monkey" in text and set(found.under["arm"]) == {"untreated", "treated"}
    assert untreated.under is None and "monkey" not in untreated.text()


def test_a_ratio_is_an_axis_too(untreated):
    across, up = untreated.axes
    assert up.name == "T/E2"
    points = untreated.points[untreated.points["set"] == untreated.points["set"].iloc[0]]
    ratio = (points["t_own"] / points["e2_own"]).to_numpy().reshape(len(up.levels), len(across.levels))
    assert np.allclose(ratio, up.levels[:, None])
    assert untreated.path.empty and untreated.end == 0
    assert "no path" in untreated.text()


def test_own_parameters_of_a_scenario_are_fixed_in_every_set():
    case = {**TREATED, "therapy": [], "parameters": {"axis.lh_reference": 4.0}}
    assert surface(case, levels=3, sets=3, hold=30).sets == 3
    with pytest.raises(ta.ScenarioError, match=r"axis\.lh_referenc"):
        surface({**case, "parameters": {"axis.lh_referenc": 4.0}}, levels=3, sets=1)


def test_text_says_what_the_path_does(found):
    text = found.text("sperm concentration")
    assert "sperm concentration (M/mL) over T and E2" in text
    assert "100 %" in text and "5 parameter sets" in text
    assert "By day 40 treatment takes the testis to" in text and "with LH and FSH at his own levels" in text
    assert "(" not in Spread.of(np.ones(2)).text() and "1.00 (1.00 to 1.00)" in Spread.of(np.ones(5)).text()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"axes": ["T", "X"]}, "axes: .*X.*not one of T, E2, T/E2"),
        ({"axes": ["E2", "T/E2"]}, "axes: E2 and T/E2 are given both"),
        ({"axes": {"T": "2 % to 50 %"}}, "axes: T: .*does not hold his own level"),
        ({"axes": {"T": "2 kg to 50 kg"}}, 'axes: T: "2 kg" has the unit "kg"'),
        ({"axes": {"T": "2 to 500 %"}}, 'axes: T: "2" has no unit'),
        ({"axes": {"E2": (0.0, 10.0)}}, "axes: E2: 0.0 is out of range; allowed: 0.001 to 100 x own"),
        ({"axes": {"E2": "10 %"}}, "axes: E2: .*no range; write for example"),
        ({"axes": 3}, "axes: 3 is not a table"),
        ({"levels": 2}, "levels: 2 is out of range; allowed: 3 to 60"),
        ({"sets": 0}, "sets: 0 is out of range"),
        ({"hold": 3}, "hold: 3 is out of range"),
        ({"gonadotrophins": "fixed"}, "gonadotrophins: .*held, free"),
        ({"levels": 60, "sets": 1000}, "levels: 3,600,000 men are more than"),
        ({"axes": {"T": "50 % to 10000 %"}, "levels": 3, "sets": 1}, "can be held at 0 to"),
    ],
)
def test_what_makes_no_sense_is_refused(given, text):
    with pytest.raises(ta.TestisError, match=text):
        surface("fertile_man", **given)


def test_an_experiment_is_no_scenario_of_one_man():
    with pytest.raises(ta.TestisError, match=r"use testis-abm sweep"):
        surface("experiments/sweep")


def test_progress_counts_all_men_and_can_stop():
    seen = []
    surface(TREATED, levels=3, sets=2, hold=30, progress=lambda done, men: seen.append((done, men)))
    assert seen[-1] == (20, 20) and [done for done, _ in seen] == list(range(1, 21))

    def stop(done, men):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        surface(TREATED, levels=3, sets=2, hold=30, progress=stop)


def test_a_folder_is_whole_and_somebody_elses_is_left_alone(tmp_path, capsys):
    folder = tmp_path / "out"
    command = ["surface", "obese_anastrozole", "--levels", "3", "--sets", "2", "--hold", "30", "--days", "30"]
    assert main([*command, "--output", "TMC", "--axis", "E2=10 % to 300 %", "--out", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "total motile count (million) over T and E2" in printed and "surface_total_motile_count.png" in printed
    names = {path.name for path in folder.iterdir()}
    tables = {"surface.parquet", "path.parquet", "states.parquet"}
    pictures = {"surface_total_motile_count.png", "surface_total_motile_count.svg"}
    assert names == {*tables, *pictures, "surface.json", "summary.txt", "results.json"}
    about = json.loads((folder / "surface.json").read_text())
    assert about["axes"]["E2"][0] == pytest.approx(0.1) and about["hold_days"] == 30 and len(about["sets"]) == 2
    assert len(pd.read_parquet(folder / "surface.parquet")) == 18
    assert (folder / "summary.txt").read_text().strip() in printed
    assert ta.load(tomllib.loads(about["scenario"])).plan.duration_days == 30
    # The same command again: what is no longer drawn goes.
    assert main([*command, "--no-plots", "--out", str(folder)]) == 0
    assert not {path.name for path in folder.iterdir()} & pictures
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    assert main([*command, "--out", str(tmp_path / "mine")]) == 2
    assert "holds no results" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["--axis", "X"], "--axis: "),
        (["--axis", "T", "--axis", "T=5 % to 100 %"], "--axis T: is given twice"),
        (["--output", "foo"], "--output: "),
        (["--levels", "1"], "--levels: 1 is out of range"),
        (["--gonadotrophins", "none"], "--gonadotrophins: "),
    ],
)
def test_the_command_names_the_option(given, text, capsys):
    assert main(["surface", "fertile_man", *given]) == 2
    assert text in capsys.readouterr().err


# ---- pictures


def test_what_cells_are_told_is_a_surface_too(found):
    word = "Sertoli AR signal for meiosis"
    assert "Sertoli AR signal for meiosis" in found.text(word)
    for name in (word, "free intratesticular testosterone"):
        assert (np.diff(found.grid(name).median, axis=1) > 0.0).all(), name
    assert surface_map(found, word).unit == "x reference man"


def test_the_figure_has_both_units_the_path_and_its_caption(found):
    figure = found.plot("sperm concentration")
    texts = " ".join(text.get_text() for text in figure.findobj(Text))
    for words in ("Intratesticular testosterone (% of own)", "nmol/L", "day 40", "5 parameter sets", "WHO 2021"):
        assert words in " ".join(texts.split()), words
    assert ta.__version__ in caption(found, "sperm concentration")


def test_a_surface_of_nothing_says_so():
    none = surface("azoospermic_sertoli_only", levels=3, sets=1, hold=30)
    figure = draw(none, "sperm concentration")
    assert any("none at any level" in text.get_text() for text in figure.axes[0].texts)
    assert ElementTree.fromstring(screen.surface(surface_map(none, "progressive motility"))).get("aria-label")


def chart(values, path=None):
    scales = (Scale(name, np.array([10.0, 100.0, 300.0]), own, "nmol/L") for name, own in (("T", 1000.0), ("E2", 5.0)))
    return SurfaceMap("Sperm", "M/mL", *scales, values, values, values, (0.0, 5.0, 10.0), float(values[1, 1]), path)


def test_between_levels_a_surface_neither_overshoots_nor_invents():
    values = np.array([[0.0, 5.0, 9.0], [0.0, 6.0, 9.5], [np.nan, 6.0, 9.5]])
    x, y, fine = chart(values).fine(50)
    assert (x[[0, -1]], y[[0, -1]]) == (pytest.approx([10.0, 300.0]), pytest.approx([10.0, 300.0]))
    assert np.nanmin(fine) >= 0.0 and np.nanmax(fine) <= 9.5
    assert np.isnan(fine[-1, 0]) and fine[0, -1] == pytest.approx(9.0)


def test_slices_are_taken_at_ones_own():
    values = np.arange(9.0).reshape(3, 3)
    (_, along), (_, up) = chart(values).slices()
    assert along.mean.tolist() == [3.0, 4.0, 5.0] and up.mean.tolist() == [1.0, 4.0, 7.0]


def test_the_screen_shows_every_place_and_the_path():
    values = np.arange(9.0).reshape(3, 3)
    path = Path(np.array([100.0, 200.0]), np.array([100.0, 50.0]), ((1, "day 1"),), None)
    root = ElementTree.fromstring(screen.surface(chart(values, path)))
    assert sorted(part.get("data-at") for part in root.iter() if part.get("data-at")) == [
        f"{i},{k}" for i in range(3) for k in range(3)
    ]
    words = "".join(root.itertext())
    assert "day 1" in words and "1,000" in words
    assert "his own 4.00" in root.get("aria-label")


def test_a_place_becomes_clamps_of_a_form(found, untreated):
    rows = clamps_at(found, 0, 3)
    assert [row["quantity"] for row in rows] == [
        "gonadotrophins",
        *(AXES[name][0].label.replace("E2", "oestradiol") for name in ("T", "E2")),
    ]
    assert rows[1]["level"] == "3 x own" and rows[2]["level"] == "0.01 x own"
    said = draft.understood(draft.with_clamps(draft.of(ta.load(TREATED)), rows))
    assert said.problems == () and len(said.scenario.clamp) == 3
    assert clamps_at(untreated, 2, 1)[2]["level"] == "0.1 x own"  # T/E2 of 10 at his own T


@pytest.mark.parametrize("word", ["progressive motility", "DNA fragmentation"])
def test_what_a_man_without_sperm_has_none_of_is_drawn_as_nothing(word):
    none = ta.surface("azoospermic_sertoli_only", levels=3, sets=1, hold=30)
    assert none.plot(word).axes


def test_a_man_without_testes_has_a_path_to_the_lower_end():
    case = {**TREATED, "tissue": {"tubules": 2}, "insult": [{"kind": "orchiectomy", "side": "both"}]}
    assert ta.surface(case, levels=3, sets=1, hold=30).plot("LH").axes
