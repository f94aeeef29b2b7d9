"""Populations against published quartiles and slopes, and the men who could have given labs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from testis_abm import TestisError, load, parameters
from testis_abm.cli.command import main
from testis_abm.man.mean_field import steady_state
from testis_abm.population import Population, draw, report, twin
from testis_abm.population.distribution import COORDINATES, LESIONS
from testis_abm.population.predict import changes, predict, readouts
from testis_abm.population.screen import screen
from testis_abm.quantities import OESTRADIOL_PMOL_L, TESTOSTERONE_NG_DL
from testis_abm.scenario import Man

ANASTROZOLE = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}


@pytest.fixture(scope="module")
def clinic():
    return draw(Population.named("clinic"), 2500, seed=11, visits=2)


@pytest.fixture(scope="module")
def community():
    return draw(Population.named("community"), 2500, seed=12, assay="lc-ms")


@pytest.mark.parametrize(
    ("column", "factor", "quartiles", "tolerance"),
    [
        ("testosterone_nmol_l", 28.84, (320, 429, 547), 0.08),
        ("lh_iu_l", 1.0, (3.1, 4.5, 6.2), 0.1),
        ("fsh_iu_l", 1.0, (3.4, 5.7, 10.6), 0.14),
    ],
)
def test_the_clinic_has_tradewells_quartiles(clinic, column, factor, quartiles, tolerance):
    found = np.quantile(clinic.measured[0][column] * factor, [0.25, 0.5, 0.75])
    assert found == pytest.approx(quartiles, rel=tolerance)


def test_the_clinic_has_tradewells_sperm(clinic):
    count = clinic.measured[0]["concentration_million_ml"]
    assert 100 * (count == 0).mean() == pytest.approx(22.5, abs=3)
    assert count.median() == pytest.approx(7.6, rel=0.25)
    assert count.quantile(0.75) == pytest.approx(23.8, rel=0.25)


def test_inhibin_goes_with_fsh_and_count_as_published(clinic):
    # Men without gonadotrophins are low in both; the correlation is that of the others.
    seen = clinic.measured[0][clinic.lesions != "hypogonadotropic"]
    r = np.corrcoef(np.log(seen["inhibin_b_pg_ml"]), np.log(seen["fsh_iu_l"]))[0, 1]
    assert -0.85 < r < -0.6  # Pierik 1998 -0.78, PMID 16764873 -0.72
    r = np.corrcoef(seen["inhibin_b_pg_ml"], np.log10(seen["concentration_million_ml"] + 0.1))[0, 1]
    assert 0.35 < r < 0.65  # 0.48 and 0.54


def test_obesity_lowers_testosterone_as_in_emas(community):
    bmi, t = community.men["bmi"], community.true["testosterone_nmol_l"]
    obese = t[bmi >= 30].mean() - t[bmi < 25].mean()
    assert obese == pytest.approx(-5.09, abs=1.3)
    lh = community.true["lh_iu_l"]
    assert lh[bmi >= 30].mean() <= lh[bmi < 25].mean()


def test_men_selected_on_one_low_count_rise_untreated(clinic):
    first, second = (visit["concentration_million_ml"] for visit in clinic.measured)
    low = (first > 0) & (first < 10)
    assert second[low].mean() > 1.1 * first[low].mean()


@pytest.mark.parametrize(
    "preset",
    [
        "obese_low_t_e2",
        pytest.param("compensated_hypogonadism", marks=pytest.mark.slow),
        pytest.param("secondary_hypogonadism", marks=pytest.mark.slow),
    ],
)
def test_a_twin_finds_the_physiology_that_gave_the_labs(values, preset):
    man = dict(Man(preset=preset).physiology)
    true = steady_state(values, man)
    given = {
        "t": true["testosterone_nmol_l"],
        "e2": true["oestradiol_pmol_l"],
        "lh": true["lh_iu_l"],
        "fsh": true["fsh_iu_l"],
        "concentration": true["concentration_million_ml"],
        "bmi": man["bmi"],
    }
    found = twin.find(given, assay="lc-ms")
    assert found.dependable and not found.misfit
    for name, row in found.labs().iterrows():
        assert row["low"] <= row["given"] * 1.05 and row["high"] >= row["given"] * 0.95, name
    table = found.physiology()
    for name in ("gnrh_drive", "leydig_capacity"):
        assert table.loc[name, "low"] * 0.6 <= man[name] <= table.loc[name, "high"] * 1.6, name
    # Labs of the blood say nothing of the glands.
    assert table.loc["leydig_capacity", "variance_explained"] > 0.5 > table.loc["gland_volume", "variance_explained"]


@pytest.mark.parametrize("motility", [0.4, pytest.param(8.0, marks=pytest.mark.slow)])
def test_poor_motility_is_not_taken_for_azoospermia(motility):
    found = twin.find({"t": 9.0, "motility": motility})
    # Some lack GnRH in part, and have sperm.
    with_sperm = found.lesion.isin(["none", "partial_hypogonadotropic", "acquired_hypogonadotropic"])
    assert found.weights[with_sperm.to_numpy()].sum() > 0.95
    assert found.weights @ (found.true["concentration_million_ml"] < 0.02).to_numpy() < 0.02
    assert found.labs().loc["motility", "deviation_sd"] > 1.0
    assert ("motility" in found.misfit) == (motility < 2.0)


def test_few_sperm_explain_the_percentage_that_they_gave():
    found = twin.find({"t": 9.0, "motility": 30.0, "concentration": 0.01})
    table = found.labs()["deviation_sd"]
    assert not found.misfit and table.abs().max() < 1.0
    assert found.weights @ (found.true["concentration_million_ml"] < 0.1).to_numpy() > 0.9


def test_hypogonadotropic_men_are_found_and_gain_sperm_on_gonadotrophins():
    given = {"t": 20.0 / TESTOSTERONE_NG_DL, "lh": 0.3, "fsh": 0.5, "concentration": 0.0, "bmi": 24.0}
    found = twin.find(given)
    assert found.dependable and not found.misfit and not found.rare
    # From birth, in part or acquired: blood and semen alone do not tell these forms apart.
    assert found.weights[found.lesion.str.endswith("hypogonadotropic").to_numpy()].sum() > 0.95
    therapy = [
        {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days"},
        {"drug": "rfsh", "dose": "150 IU", "every": "56 hours"},
    ]
    before, after = predict(
        found.sample(12), load({"title": "x", "plan": {"duration": "540 days"}, "therapy": therapy})
    )
    sperm = before["concentration_million_ml"]  # of some the chamber held none by chance
    assert sperm.median() < 0.05 and sperm.max() < 0.25 < after["concentration_million_ml"].median()
    assert after["testosterone_nmol_l"].median() > 8.0


def test_one_clinic_man_in_a_hundred_is_hypogonadotropic_and_no_volunteer(values):
    rng = np.random.default_rng(4)
    lesions = Population.named("clinic").hidden(20_000, rng)[1]
    assert np.mean(lesions == LESIONS.index("hypogonadotropic")) == pytest.approx(
        values["population.hypogonadotropic_share"], abs=0.003
    )
    assert not Population.named("healthy").hidden(2000, rng)[1].any()
    kept = screen("clinic", 8, ["LH < 1 IU/L and testosterone < 80 ng/dL"], seed=5).cohort
    assert (kept.lesions == "hypogonadotropic").mean() > 0.7


@pytest.mark.parametrize("name", ["bmi", "age"])
@pytest.mark.parametrize("population", ["clinic", "community", "healthy"])
def test_a_standard_coordinate_is_the_one_that_gives_the_value(population, name):
    prior = Population.named(population)
    z = np.zeros((3, len(COORDINATES)))
    z[:, COORDINATES.index(name)] = (-1.2, 0.0, 0.9)
    levels = prior.fields(z, np.zeros(3, dtype=int))[name]
    assert [prior.standard(name, level) for level in levels] == pytest.approx([-1.2, 0.0, 0.9])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "field"), [({"bmi": 66.0}, "bmi"), ({"age": 79.0}, "age"), ({"shbg": 280.0}, "shbg_production")]
)
def test_a_man_of_whom_the_population_holds_hardly_any_is_called_rare(given, field):
    found = twin.find({"t": 13.9, "lh": 4.0, "fsh": 4.4, "concentration": 20.0} | given)
    assert abs(found.rare[field]) > 3.0
    text = " ".join(report.matches(found, {}).split())
    assert "holds hardly any man like this" in text and field in text


def test_labs_that_no_physiology_explains_are_told(few_men):
    found = twin.find({"t": 18.0, "lh": 90.0, "fsh": 1.0, "concentration": 80.0})
    assert "lh" in found.misfit and abs(found.misfit["lh"]) > 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"t": -1.0}, r"t: -1\.0 is implausible; allowed: testosterone of 0 to 100 nmol/L"),
        ({"t": 12.0, "lh": 900.0}, "lh: 900.0 is implausible; allowed: LH of 0 to 150 IU/L"),
        ({"testosteron": 3.0}, 'laboratory value "testosteron" is not known'),
        ({"bmi": 30.0}, "give at least one laboratory value"),
    ],
)
def test_impossible_labs_are_refused(given, said):
    with pytest.raises(TestisError, match=said):
        twin.find(given)


@pytest.fixture(scope="module")
def found():
    """Return the virtual patients who match a common set of laboratory values."""
    return twin.find({"t": 9.0, "lh": 3.1, "fsh": 4.4, "bmi": 33.0, "concentration": 6.0})


def test_a_prediction_has_the_spread_of_the_men(found):
    case = load(
        {
            "title": "x",
            "plan": {"duration": "120 days"},
            "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
        }
    )
    before, after = predict(found.sample(30), case)
    table = changes(before, after)
    assert table.loc["testosterone", "low_pct"] > 20 and table.loc["serum E2 (LC-MS/MS)", "high_pct"] < -30
    assert table.loc["testosterone", "high_pct"] > table.loc["testosterone", "change_pct"] + 5


def test_men_without_sperm_make_no_sperm_gain():
    """Sperm too few to be in any ejaculate may grow by a third; that is no gain."""
    lesions = ["sertoli_cell_only", "none", "none"]
    men = pd.DataFrame([Man(preset=name).physiology for name in ("sertoli_cell_only", "idiopathic_oligozoospermia")])
    case = load({"title": "x", "plan": {"duration": "180 days"}, "therapy": [ANASTROZOLE]})
    before, after = predict(men.iloc[[0, 1, 1]].reset_index(drop=True), case)
    table = changes(before, after)
    assert table.loc["sperm concentration", "before"] == pytest.approx(before["concentration_million_ml"].iloc[1])
    text = report.predicted(before, after, pd.Series(lesions), None)
    assert "Azoospermic before and after (under 0.05 million/mL) in 1 of 3 men: sertoli cell only 1." in text
    alone = report.predicted(before.iloc[:1], after.iloc[:1], pd.Series(lesions[:1]), None)
    assert "Nobody gains sperm" in alone and np.isnan(
        changes(before.iloc[:1], after.iloc[:1]).loc["normal forms", "before"]
    )
    safety = readouts(before, after)
    assert safety.loc["haematocrit", "difference"] > 0 > safety.loc["bone density against untreated", "difference"]
    assert safety.loc["fecundability", "difference"] > 0
    assert safety.loc["predicted micro-TESE sperm retrieval", "difference"] == pytest.approx(0.0, abs=0.1)


def test_no_man_without_sperm_explains_a_count(found):
    assert found.weights[(found.true["concentration_million_ml"] < 0.5).to_numpy()].sum() < 1e-3


@pytest.mark.slow
def test_only_what_was_given_is_called_known_and_strain_is_shown():
    found = twin.find({"t": 12.0, "e2": 110.0, "lh": 8.0, "fsh": 16.0, "bmi": 30.0, "concentration": 0.0})
    lines = report.matches(
        found, {"t": ("ng/dL", TESTOSTERONE_NG_DL), "e2": ("pg/mL", 1 / OESTRADIOL_PMOL_L)}
    ).splitlines()
    end = {line.split()[0]: line.split()[-1] for line in lines if line.strip()}
    assert end["bmi"] == "given" and end["germ_cell_endowment"] == "open" and list(end.values()).count("given") == 1
    assert any(line.split()[:3] == ["testosterone", "(ng/dL)", "346"] for line in lines)
    assert any(line.split()[:3] == ["T/E2", "(immunoassay)", "11.5"] for line in lines)
    strained = report.matches(twin.find({"t": 18.0, "lh": 90.0, "fsh": 1.0}), {})
    assert " *" in next(line for line in strained.splitlines() if line.startswith("  LH"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--t", "5000ng/dL"], '--t: "5000ng/dL" is implausible; allowed: testosterone of 0 to 2884 ng/dL'),
        ([], "give at least one laboratory value: --t, --free-t, --e2"),
        (["--t", "9nmol/L", "--men", "5"], "--set, --days and --men are of a therapy; add --give or --scenario"),
        (["--t", "3kg"], '--t: "kg" is not a unit of testosterone; known: nmol/L'),
        (["--t", "-3nmol/L"], '--t: "-3nmol/L" is implausible; allowed: testosterone of 0 to 100 nmol/L'),
        (
            ["--concentration", "900"],
            '--concentration: "900" is implausible; allowed: sperm concentration of 0 to 600 million/mL',
        ),
        (["--e2", "30"], '--e2: "30" has no unit; write for example 30 pg/mL'),
    ],
)
def test_a_wrong_lab_is_told_in_the_words_and_the_unit_of_the_user(given, said, capsys):
    assert main(["twin", *given]) == 2
    error = capsys.readouterr().err
    assert error.startswith(said) and error.count("\n") == 1


def test_twin_writes_tables_and_a_picture(tmp_path, capsys, few_men):
    given = ["--t", "260ng/dL", "--lh", "3.1", "--concentration", "6M/mL", "--give", "anastrozole 1mg daily"]
    assert main(["twin", *given, "--days", "30", "--men", "20", "--out", str(tmp_path / "here")]) == 0
    text = capsys.readouterr().out
    assert "haematocrit" in text and "fecundability" in text and report.PARAMETERS in text
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert {"before_and_after.png", "before_and_after.svg", "prediction.parquet", "safety_and_outcome.parquet"} <= names
    assert "answers.parquet" in names
    assert main(["twin", *given, "--days", "30", "--men", "9", "--no-ensemble", "--out", str(tmp_path / "here")]) == 0
    assert "by answer" not in capsys.readouterr().out and not (tmp_path / "here" / "answers.parquet").exists()


def test_a_screening_names_its_assays_and_its_men_without_sperm():
    kept = screen(Population.named("clinic"), 60, ["sperm concentration <= 0 M/mL"], seed=2)
    text, table = kept.text(), kept.table()
    for label in (
        "serum E2 (immunoassay) (pg/mL)",
        "serum E2 (LC-MS/MS) (pg/mL)",
        "T/E2 (immunoassay)",
        "T/E2 (LC-MS/MS)",
    ):
        assert sum(line.strip().startswith(label) for line in text.splitlines()) == 1, label
    rows = {line.strip().split("   ")[0]: line.split()[-1] for line in text.splitlines() if "   " in line}
    assert rows["progressive motility (%)"] == rows["normal forms (%)"] == "-"
    assert "azoospermic (no sperm counted)" in text and "100 %" in text and "nan" not in text
    assert table["visit1_progressive_motility_pct"].isna().all()
    none = table["true_concentration_million_ml"] < 0.05
    assert none.any() and table.loc[none, "true_progressive_motility_pct"].isna().all()
    assert {"visit1_oestradiol_immunoassay_pmol_l", "visit1_oestradiol_pmol_l"} <= set(table)


def test_a_population_that_is_not_known():
    with pytest.raises(TestisError, match='population "clinc" is not known; nearest: "clinic"'):
        Population.named("clinc")
    assert set(Population.named("clinic").numbers) == {
        name.split(".")[1] for name in parameters.load() if name.startswith("population.")
    }
