"""No number that the data cannot carry: percentages of nothing, intervals without men or replicates, indices over 1."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as draws
from hypothesis import strategies as st
from scipy.stats import genpareto

from testis_abm import load, parameters
from testis_abm.biology.assay import reported_oestradiol
from testis_abm.biology.laboratory import Censored, Laboratory
from testis_abm.cli.command import main
from testis_abm.experiments.sensitivity import samples_needed
from testis_abm.population import predict, report, screen, twin
from testis_abm.population.given import values
from testis_abm.population.search import LEAST_SIZE
from testis_abm.population.twin import Twin, find, independent
from testis_abm.results.report import replicates
from testis_abm.statistics import LEAST_MEN, cannot_say, deterministic, kish, pareto_smoothed, weighted_quantiles
from testis_abm.support.errors import TestisError

MAN = {"t": 13.9, "fsh": 4.4, "lh": 4.0, "bmi": 27.0}


# ---- zeros of laboratory values


@pytest.mark.parametrize(
    ("given", "column", "least", "most"),
    [
        ({**MAN, "concentration": 20.0, "morphology": 0.0}, "normal_forms_pct", 0.5, 3.0),
        pytest.param(
            {**MAN, "concentration": 20.0, "tmc": 0.0}, "progressive_motility_pct", 1.0, 20.0, marks=pytest.mark.slow
        ),
    ],
)
def test_a_percentage_of_zero_is_a_count_of_ordinary_men(given, column, least, most):
    found = find(given)
    table = found.labs()
    assert found.dependable and table.loc["concentration", "low"] > 8.0
    assert abs(table.loc[["t", "fsh", "lh", "concentration"], "deviation_sd"]).max() < 1.0
    assert least < found.weights @ found.true[column].to_numpy() < most


@pytest.mark.slow
@pytest.mark.parametrize("share", ["motility", "morphology"])
@pytest.mark.parametrize("value", [0.0, 40.0])
def test_a_percentage_of_no_sperm_moves_nothing(share, value):
    alone, beside = find({**MAN, "concentration": 0.0}), find({**MAN, "concentration": 0.0, share: value})
    pd.testing.assert_frame_equal(alone.men, beside.men)
    np.testing.assert_array_equal(alone.weights, beside.weights)
    text = report.matches(beside, {})
    assert "is left out: no sperm were counted" in text and "nan" not in text


def test_information_counts_once():
    laboratory = Laboratory(parameters.values())

    def used(**given: float) -> dict[str, twin.Given]:
        return independent(given, laboratory)[0]

    assert used(concentration=20.0, volume=3.0, motility=50.0, tmc=30.0).keys() == {
        "concentration",
        "volume",
        "motility",
    }
    assert used(concentration=20.0, volume=3.0, tmc=30.0)["motility"] == pytest.approx(50.0)
    assert used(concentration=20.0, tmc=0.0)["motility"] == 0.0
    assert used(concentration=0.0, tmc=0.0, motility=0.0, morphology=0.0).keys() == {"concentration"}
    assert used(t=12.0, shbg=30.0, free_t=0.25).keys() == {"t", "shbg"}
    assert any("counts twice" in note for note in independent({"t": 12.0, "free_t": 0.25}, laboratory)[1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"tmc": 100.0, "concentration": 10.0, "volume": 2.0, "motility": 50.0},
            "total motile count 100 million contradicts the other values, which give 10 million",
        ),
        (
            {"tmc": 0.0, "concentration": 10.0, "volume": 2.0, "motility": 40.0},
            "total motile count 0 million contradicts the other values, which give 8 million",
        ),
        (
            {"tmc": 0.0, "concentration": 10.0, "motility": 40.0},
            "total motile count 0 million contradicts the other values, which give some",
        ),
        (
            {"tmc": 5.0, "concentration": 10.0, "volume": 2.0, "motility": 0.0},
            "total motile count 5 million contradicts the other values, which give 0 million",
        ),
        (
            {"free_t": 0.8, "t": 12.0, "shbg": 40.0},
            "free testosterone 0.8 nmol/L contradicts the other values, which give 0.2",
        ),
        (
            {"concentration": 0.0, "motility": 40.0},
            "progressive motility is left out: no sperm were counted, which contradicts it",
        ),
    ],
)
def test_a_value_left_out_is_held_against_those_that_determine_it(given, said):
    laboratory = Laboratory(parameters.values())
    assert any(said in note for note in independent(given, laboratory)[1])
    for factor in (0.85, 1.0, 1.2):
        levels = {name: factor * level for name, (level, _) in twin.implied(given, laboratory).items()}
        if levels and not np.isnan(list(levels.values())).any():
            agreeing = given | levels
            assert not any("contradicts" in note for note in independent(agreeing, laboratory)[1])
    text = " ".join(independent(given, laboratory)[1])
    assert ("volume" in text) == ("volume" in given)


def test_the_deviation_of_a_value_left_out_is_shown(few_men):
    found = find({"t": 12.0, "tmc": 100.0, "concentration": 10.0, "volume": 2.0, "motility": 50.0})
    assert found.labs().loc["tmc", "deviation_sd"] < -3.0 and "tmc" not in found.misfit
    line = next(line for line in report.matches(found, {}).splitlines() if line.startswith("  total motile count"))
    assert float(line.split()[-1]) < -3.0  # no star: it is no strain of the men's


def test_a_level_of_zero_is_under_the_limit_and_missing_is_missing():
    laboratory = Laboratory(parameters.values())
    used, notes = independent(values({"lh": 0.0, "fsh": Censored(0.3), "t": None, "e2": float("nan")}), laboratory)
    assert used == {"lh": Censored(0.1), "fsh": Censored(0.3)}
    assert notes == ["LH 0 is read as <0.1 IU/L, the limit of quantitation"]


def test_a_twin_keeps_the_parameters_it_was_made_with(few_men):
    values = parameters.values() | {"axis.immunoassay_oestradiol_floor": 120.0}
    found = find({"t": 12.0, "e2": 150.0, "lh": 4.0}, values=values)
    level = reported_oestradiol(found.true["oestradiol_pmol_l"].to_numpy(), "immunoassay", values)
    assert found.labs().loc["e2", "median"] == pytest.approx(weighted_quantiles(level, found.weights, (0.5,))[0])
    with pytest.raises(TestisError, match='"Immunoassay" is not one of'):
        find({"t": 12.0}, assay="Immunoassay")


# ---- how many virtual patients carry an answer


@pytest.mark.parametrize("k", [-0.2, 0.3, 0.8])
def test_the_pareto_shape_is_that_of_the_tail(k):
    excess = genpareto.rvs(k, size=40_000, random_state=3)
    weights, shape = pareto_smoothed(np.log1p(excess))
    assert shape == pytest.approx(k, abs=0.12)
    assert weights.sum() == pytest.approx(1.0) and (np.argsort(weights) == np.argsort(excess)).all()


def test_equal_weights_have_no_tail_and_one_weight_has_nothing_else():
    weights, shape = pareto_smoothed(np.zeros(500))
    assert kish(weights) == pytest.approx(500.0) and shape == 0.0
    weights, shape = pareto_smoothed(np.r_[np.zeros(500), 800.0])
    assert kish(weights) == pytest.approx(1.0, abs=0.1) and shape > 0.7


def few(found: Twin, men: int) -> Twin:
    """Return a twin whose weight lies on a few men."""
    from dataclasses import replace

    weights = np.where(np.arange(len(found.weights)) < men, 1.0, 1e-9)
    return replace(found, weights=weights / weights.sum(), pareto_k=1.3)


def test_a_collapse_gives_neither_intervals_nor_identifiability():
    found = find({**MAN, "concentration": 20.0})
    assert found.dependable and "identifiability: share of prior variance explained" in report.matches(found, {})
    poor = few(found, 5)
    text = report.matches(poor, {})
    assert "cannot be matched with enough virtual patients" in " ".join(text.split())
    assert "90 %" not in text and not re.search(r"\d %", text) and "open" not in text and "nan" not in text
    assert poor.labs()["low"].isna().all() and poor.physiology()["variance_explained"].isna().all()
    case = load(
        {
            "title": "x",
            "plan": {"duration": "30 days"},
            "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
        }
    )
    from testis_abm.population.predict import predict

    before, after = predict(poor.sample(5), case)
    predicted = report.predicted(before, after, poor.sample_lesions(5), None, poor.dependable)
    assert "(90 % of the men)" not in predicted and "No intervals" in predicted and " to " not in predicted


@pytest.mark.slow
def test_seeds_agree_within_their_precision():
    for given in (
        {**MAN, "concentration": 20.0, "morphology": 0.0},
        {"t": 9.0, "e2": 170.0, "lh": 3.1, "fsh": 4.4, "bmi": 33.0},
    ):
        means, errors = [], []
        for seed in (1, 2, 3):
            found = find(given, seed=seed)
            assert found.effective > LEAST_SIZE and found.pareto_k < 0.7
            men = found.men[["gnrh_drive", "leydig_capacity", "inhibin_capacity", "fsh_secretion", "motility"]]
            log = np.log(men.to_numpy())
            means.append(found.weights @ log)
            errors.append(found.weights @ (log - means[-1]) ** 2 / found.effective)
        off = (np.array(means) - np.mean(means, axis=0)) / np.sqrt(errors)
        assert np.abs(off).max() < 5.0 and np.sqrt((off**2).mean()) < 2.0


# ---- replicates and samples


def test_what_is_the_same_in_all_replicates_has_no_interval():
    assert deterministic(87.3, 87.3 - 1e-11, 87.3, 8) and not deterministic(87.3, 87.25, 87.35, 8)
    assert not deterministic(87.3, float("nan"), float("nan"), 1)
    # Many replicates make a narrow interval of what differs between them.
    assert not deterministic(0.0, -0.05, 0.05, 10_000)
    assert "one replicate" in replicates(1).lower() and "rough" in replicates(3) and "rough" not in replicates(8)
    assert "deterministic" in replicates(8, [(87.3, 87.3, 87.3)])
    assert "deterministic" not in replicates(8, [(87.3, 87.25, 87.35)])


def test_sobol_indices_that_cannot_be_ask_for_more_samples():
    def table(first: float, width: float, total: float) -> pd.DataFrame:
        rows = {
            "output": "x",
            "first": [first, 0.05],
            "first_confidence": width,
            "total": [total, 0.05],
            "confidence": width,
        }
        return pd.DataFrame(rows)

    assert samples_needed(table(0.9, 0.05, 0.93), 256) == 0
    assert samples_needed(table(0.9, 0.4, 0.93), 256) == 4096
    assert samples_needed(table(1.2, 0.05, 1.25), 256) == 512
    assert samples_needed(table(0.99, 0.01, 0.99), 256) == 512  # their sum is 1.04


# ---- men without sperm, hormones or oestradiol, in every command

PRESETS = {
    "congenital_hypogonadotropic": [("hcg", "1500 IU", "3.5 days"), ("rfsh", "150 IU", "3.5 days")],
    "sertoli_cell_only": [("anastrozole", "1 mg", "1 day")],
    "aromatase_deficiency": [("anastrozole", "1 mg", "1 day")],
}
TABLES = {
    "run": "",
    "compare": '[[arm]]\nname = "none"\ntherapy = []\n[[arm]]\nname = "drug"\n',
    "sweep": '[sweep]\nengine = "expected"\n[sweep.over]\n"man.bmi" = [24, 30]\n',
    "sensitivity": '[sensitivity]\nmethod = "sobol"\nsamples = 4\nengine = "expected"\n[sensitivity.over]\n'
    '"man.bmi" = { from = 22, to = 42 }\n"man.leydig_capacity" = { from = 0.3, to = 1.2 }\n',
}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("command", TABLES)
def test_nothing_has_no_percentage(command, preset, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f'title = "x"\n[man]\npreset = "{preset}"\n[tissue]\ntubules = 2\n'
    text += '[plan]\nbaseline = "2 days"\nduration = "80 days"\nreplicates = 2\n'
    drugs = "".join(
        f'{{ drug = "{drug}", dose = "{dose}", every = "{every}" }},' for drug, dose, every in PRESETS[preset]
    )
    arm = f"therapy = [{drugs}]\n"
    (tmp_path / "x.toml").write_text(
        (text + TABLES[command] + arm) if command == "compare" else f"{arm}{text}{TABLES[command]}"
    )
    extra = [] if command == "run" else ["--workers", "1"]
    if preset != "sertoli_cell_only":  # one of them is drawn too
        extra.append("--no-plots")
    assert main([command, "x.toml", *extra, "--out", "here"]) == 0
    printed = capsys.readouterr().out
    assert not re.search(r"\b(nan|inf)\b", printed), printed
    # The largest rise of what a laboratory sees is that of intratesticular testosterone on hCG, some three hundredfold.
    assert all(float(times.replace(",", "")) < 1000.0 for times in re.findall(r"x ([\d.,]+\d)", printed)), printed
    assert all(float(change.replace(",", "")) < 1000.0 for change in re.findall(r"\+([\d.,]+\d) %", printed)), printed
    if preset == "sertoli_cell_only" and command in ("run", "compare"):
        for name in ("progressive motility", "normal forms"):
            assert next(line for line in printed.splitlines() if name in line).split()[-3:] == ["-", "-", "-"]


# ---- few men, and numbers that agree with one another


def levels(men: int, **columns: object) -> pd.DataFrame:
    """Return a table of a prediction in which each column holds a constant or the values given."""
    names = [*predict.SHOWN, *predict.READOUTS]
    return pd.DataFrame(
        {name: np.broadcast_to(np.asarray(columns.get(name, 20.0), dtype=float), men) for name in names}
    )


@pytest.mark.parametrize("men", [1, 2, 4, 5, 30])
def test_few_men_have_neither_intervals_nor_shares(men):
    rng = np.random.default_rng(1)
    before = levels(men)
    after = levels(men, **{name: 20.0 * np.exp(0.3 * rng.standard_normal(men)) for name in predict.SHOWN})
    changes, readouts = predict.changes(before, after), predict.readouts(before, after)
    text = report.predicted(before, after, pd.Series(["none"] * men), None)
    few = men < LEAST_MEN
    assert (changes[["low_pct", "high_pct", "gain_over_20_pct"]].isna().all(axis=None)) == few
    assert readouts[["low", "high"]].isna().all(axis=None) == few and (readouts["men"] == men).all()
    assert text.count(cannot_say(men)) == (len(predict.SHOWN) + len(predict.READOUTS) if few else 0)
    assert not re.search(r"\bnan\b", text) and (few or " to " in text)
    assert not few or not re.search(r"\d %(?! )|\([-+]", text.split("safety and outcome")[0].replace(" %)", ""))
    cohort = screen.screen("clinic", men, seed=3)
    first = cohort.text().splitlines()[3]
    assert (
        first.lstrip().startswith("BMI")
        and ("cannot say" in first) == few != (" to " in first)
        and "nan" not in cohort.text()
    )


def test_a_change_rests_on_men_with_a_level_before():
    men = 12
    first = np.where(np.arange(men) < 9, 0.0, 20.0)
    before, after = (
        levels(men, concentration_million_ml=first),
        levels(men, retrieval_pct=np.where(np.arange(men) < 7, 50.0, np.nan)),
    )
    text = report.predicted(before, after, pd.Series(["none"] * men), None)
    line = next(line for line in text.splitlines() if line.startswith("  sperm concentration"))
    assert cannot_say(3) in line and line.endswith("75 %; change of 3")
    assert next(line for line in text.splitlines() if "micro-TESE" in line).endswith("7 men")


def test_a_change_does_not_contradict_the_medians_beside_it():
    before = levels(9, lh_iu_l=[1, 1, 1, 1, 5, 6, 7, 8, 9])
    after = levels(9, lh_iu_l=np.array([1.05, 1.05, 1.05, 1.05, 4.9, 6.1, 7.1, 8.1, 8.0]))
    text = report.predicted(before, after, pd.Series(["none"] * 9), None)
    assert next(line for line in text.splitlines() if line.startswith("  LH")).split()[4:6] == ["about", "0"]
    assert report.CAPTION in text


def test_what_a_man_has_or_has_not_is_a_share_with_its_interval():
    after = levels(40, oestradiol_low_pct=np.where(np.arange(40) < 6, 100.0, 0.0))
    row = predict.readouts(levels(40, oestradiol_low_pct=0.0), after).loc["serum E2 (LC-MS/MS) under 10 pg/mL"]
    assert (row["before"], row["after"], row["difference"]) == (0.0, 15.0, 15.0)
    assert 0.0 < row["low"] < 10.0 < 20.0 < row["high"] < 35.0
    never = predict.readouts(levels(40, oestradiol_low_pct=0.0), levels(40, oestradiol_low_pct=0.0))
    assert never.loc["serum E2 (LC-MS/MS) under 10 pg/mL", "high"] > 5.0


@draws(st.floats(0.0, 1e4), st.floats(0.0, 1e4))
def test_haematocrit_rises_with_testosterone_to_its_ceiling(one, other):
    from testis_abm.biology.safety import Felt, Safety

    values = parameters.values()

    def at(testosterone: float) -> float:
        return Safety(values, Felt(testosterone, 90.0, 90.0)).haematocrit

    low, high = sorted((one, other))
    assert 40.0 < at(low) <= at(high) <= values["safety.haematocrit_ceiling"]
    reference, slope = values["axis.testosterone_reference"], values["safety.haematocrit_slope"]
    normal = min(one, 2.0 * reference)
    linear = values["safety.haematocrit_reference"] + slope * (normal / reference - 1.0)
    assert at(normal) == pytest.approx(linear, abs=0.01)
