"""What commands say of one thing is the same everywhere, and nothing is said of what is not there."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology import outcome as chances
from testis_abm.biology.laboratory import Laboratory
from testis_abm.cli.command import main
from testis_abm.experiments.trial import trial
from testis_abm.pictures import courses, paper, style
from testis_abm.pictures.chart import Span
from testis_abm.results import attribution, plausible, report
from testis_abm.results.summary import render
from testis_abm.results.tables import SIGNALS

PILL = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
CASE = {
    "title": "small",
    "man": {"preset": "obese_low_t_e2"},
    "tissue": {"tubules": 1, "sertoli_per_tubule": 20},
    "plan": {"baseline": "2 days", "duration": "45 days", "seed": 3, "replicates": 2},
    "therapy": [PILL],
}


def numbers(text: str, arms: int) -> dict[str, list[str]]:
    """Return label -> printed levels and change of the table in a text."""
    rows = {}
    for line in text.splitlines():
        found = re.match(r"  (\S.*?\)|\S.*?) {2,}(.*)", line)
        if found:
            rows[found[1]] = found[2].split()[: arms + 1]
    return rows


@pytest.fixture(scope="module")
def run() -> ta.RunResult:
    return ta.run(CASE)


@pytest.mark.slow
def test_run_and_compare_print_the_same_numbers_of_the_same_man(run):
    compared = ta.compare({"untreated": {**CASE, "therapy": []}, "treated": CASE}).text()
    one, other = numbers(render(run), 2), numbers(compared, 2)
    shared = one.keys() & other.keys()
    assert {
        "LH (IU/L)",
        "T/E2 (immunoassay) (ng/dL per pg/mL)",
        "sperm concentration (M/mL)",
        "daily sperm production (million/g/day)",
    } <= shared
    assert {name: one[name] for name in shared} == {name: other[name] for name in shared}
    basis = "Hormones: means of days 18 to 45; semen and sperm production: expected on the morning of day 45"
    assert all(" ".join(text.split()).count(basis) == 1 for text in (render(run), compared))


def test_a_run_takes_semen_when_treatment_and_plan_end():
    early = {**CASE, "therapy": [{**PILL, "until": "day 31"}], "plan": {**CASE["plan"], "replicates": 1}}
    assert {31, 45} <= set(ta.run(early).semen["day"])
    assert ta.run({**early, "samples": {"semen": []}}).semen.empty


def test_run_and_compare_give_the_same_reason():
    none = {**CASE, "man": {"preset": "sertoli_cell_only"}}
    words = "no sperm are made with or without it in the simulated sections"
    said = render(ta.run(none)), ta.compare([{**none, "therapy": []}, none]).text()
    assert all(words in " ".join(text.split()) for text in said)


def test_levels_under_the_limit_of_quantitation_print_as_such():
    assert report.level("fsh_iu_l", 2.4e-322) == "<0.1" and report.level("fsh_iu_l", 2.42) == "2.42"
    assert report.level("concentration_million_ml", 0.0) == "0"  # counted
    assert report.level("lh_iu_l", float("nan")) == "-"
    before = dict.fromkeys(SIGNALS, 1.0) | {"back_pressure": 0.0}
    p = ta.TestisModel({**CASE, "therapy": []}).tissue.p
    first = {**before, "fsh": 2.37e-322}
    told = attribution.why_sperm(first, before, attribution.attribute(first, before, p), p, (0.1, 0.2))
    assert "e-322" not in told and "FSH <0.1 -> 1.00 IU/L" in told


@pytest.mark.parametrize(
    ("before", "after", "limit", "said"),
    [
        (0.02, 3.087, 0.1, "LH rises from under 0.1 to 3.09 IU/L because hCG"),
        (4.0, 0.048, 0.1, "LH falls to under 2.50 % of untreated because hCG"),
        (4.0, 0.048, 0.02, "LH falls to 1.20 % of untreated because hCG"),
        (1.0, 8.0, 0.1, "LH rises 8.00-fold because hCG"),
        (0.02, 0.05, 0.1, ""),
    ],
)
def test_the_reason_tells_no_more_of_lh_than_the_laboratory(before, after, limit, said, monkeypatch):
    monkeypatch.setattr(attribution, "_why_lh", lambda *_: "hCG")
    p = ta.TestisModel({**CASE, "therapy": []}).tissue.p
    levels = dict.fromkeys(SIGNALS, 1.0) | {"back_pressure": 0.0}
    first, last = levels | {"lh": before}, levels | {"lh": after}
    made = {"aromatase_inhibition_fat_pct": 0.0, "daily_production_million_g": 1.0}
    told = attribution.explain(
        first,
        last,
        attribution.attribute(first, last, p),
        {"untreated": made, "treated": made},
        p,
        0.7,
        laboratory=Laboratory(parameters.values({"laboratory.gonadotrophin_limit": limit})),
    )
    assert told == (f"{said}; " if said else "") + "no rate of the germ line changes by more than 1 %."


def test_the_reason_tells_androgen_as_sertoli_cells_feel_it():
    """A blocker of the receptor lowers it though testosterone rises."""
    p = ta.TestisModel({**CASE, "therapy": []}).tissue.p
    before = {"androgen": 80.0, "lack": 0.0, "fsh": 4.0, "back_pressure": 0.0}
    after = before | {"androgen": 10.0}
    told = attribution.why_sperm(before, after, attribution.attribute(before, after, p), p, (1.0, 0.5))
    assert "androgen that Sertoli cells feel 80.0 -> 10.0 nmol/L" in told and "testosterone" not in told


@pytest.mark.parametrize(
    ("change", "low", "high", "said"),
    [
        (math.nan, 0.0, 0.0, "-"),  # none, whatever the models make of it
        (math.nan, math.nan, math.nan, ""),
        (50.0, -30.0, 3087.0, "-30 to +3087"),
        (-0.3, -15.6, 2.7, "-16 to +3"),
        (1510.0, 266.0, 3087.0, "x 3.66 to 31.9"),
    ],
)
def test_an_interval_over_models_has_the_form_of_its_change(change, low, high, said):
    assert plausible.ends(change, low, high) == said


def test_nothing_is_inhibited_where_there_is_no_enzyme():
    result = ta.run({**CASE, "man": {"preset": "aromatase_deficiency"}})
    assert result.aromatase().isna().all(axis=None)
    assert "has no enzyme" in render(result) and "0.0 ->" not in render(result)
    part = ta.run({**CASE, "man": {"testicular_aromatase": 0.0}}).aromatase()["inhibited_pct"]
    assert part["fat, from testosterone"] > 50.0 and part[["Leydig cells", "germ cells"]].isna().all()


def test_a_decision_names_the_assay_and_keeps_the_clause_as_written():
    for name, label in (("immunoassay", "serum E2 (immunoassay)"), ("lc-ms", "serum E2 (LC-MS/MS)")):
        rule = {**PILL, "when": "oestradiol > 1 pg/mL"}
        result = ta.run(
            {**CASE, "therapy": [rule], "samples": {"assay": name}, "plan": {**CASE["plan"], "replicates": 1}}
        )
        assert set(result.decisions["quantity"]) == {label} and set(result.decisions["clause"]) == {
            "oestradiol > 1 pg/mL"
        }
        assert label in render(result).split("Decided")[1]


def test_a_chance_without_a_range_prints_none():
    at = pd.Series({"retrieval_pct": 100.0, "retrieval_low_pct": 99.9, "retrieval_high_pct": 100.0})
    assert report._chance(at, "retrieval", 0) == "100 %"
    assert report._chance(at - 50.0, "retrieval", 1) == "50.0 % (49.9 to 50.0)"


def _azoospermic(retrieval, concentration=(0.0, 0.0)):
    """Return a run of an azoospermic man with such a chance of retrieval, %, low and high."""
    made = ta.run({**CASE, "plan": {**CASE["plan"], "duration": "3 days"}, "therapy": []}, plausible=False)
    outcome, semen = made.outcome.copy(), made.semen.copy()
    outcome["retrieval_pct"], outcome["retrieval_low_pct"], outcome["retrieval_high_pct"] = retrieval
    replicates = semen["replicate"].nunique()
    semen["expected_concentration_million_ml"] = semen["replicate"].map(dict(enumerate(concentration[:replicates])))
    return report.chances(
        ta.RunResult(scenario=made.scenario, tables={**made.tables, "outcome": outcome, "semen": semen}), None
    )


def test_a_chance_that_sections_do_not_tell_names_those_that_would():
    text = " ".join(_azoospermic((0.0, 0.0, 99.9)).split())
    tissue = ta.load(CASE).tissue
    assert f"not told by the {tissue.tubules * tissue.rows} sections of this tissue; [tissue] tubules = " in text
    tubules = int(text.split("tubules = ")[1].split()[0].replace(",", ""))
    high = chances.seen(0, tubules * tissue.rows).high
    most = parameters.load()["outcome.microdissection_tubules"].high
    assert chances.told(0.0, chances.found(high, most)) and not chances.told(0.0, chances.found(1.1 * high, most))
    assert "retrieval 40 % (10 to 80)" in " ".join(_azoospermic((40.0, 10.0, 80.0)).split())
    assert "retrieval 0 % in" in " ".join(_azoospermic((0.0, 0.0, 0.0)).split())


def test_who_has_sperm_in_his_ejaculate_is_told_no_retrieval():
    assert "micro-TESE" not in _azoospermic((100.0, 100.0, 100.0), (0.03, 0.08))


def test_a_change_beyond_ten_thousand_percent_says_no_more():
    assert report.change(-99.9, -100.0, 3.9e14) == ("-100 %", "(-100 to >+9,999)")
    assert report.change(-100.0, -100.0, math.inf)[1] == "(-100 to >+9,999)"
    assert report.change(2000.0, -50.0, 1e9) == ("x 21.0", "(x 0.50 to >9,999)")
    assert report.change(1e9)[0] == "x >9,999"
    assert report.change(-0.01)[0] == "+0.0 %"
    assert plausible.Change(-90.0, -100.0, 1e12).text() == "-90 (-100 to >+9,999)"


@pytest.mark.slow
def test_a_trial_keeps_true_levels_apart_from_measured_ones(tmp_path):
    design = {
        "men": 16,
        "visits": 2,
        "engine": "expected",
        "where": ["sperm concentration < 40 M/mL"],
        "outputs": ["LH", "daily sperm production", "intratesticular testosterone", "fecundability"],
        "parameters": "tables",
    }
    source = {key: value for key, value in CASE.items() if key not in ("man", "therapy")}
    found = trial(
        {**source, "trial": design, "arm": [{"name": "none", "therapy": []}, {"name": "pill", "therapy": [PILL]}]},
        tmp_path / "s",
    )
    measured = found.effects.set_index("output")["measured"]
    assert measured[["LH", "sperm concentration"]].all() and not measured[list(design["outputs"][1:])].any()
    assert not {"baseline_daily_production_million_g", "baseline_intratesticular_testosterone_nmol_l"} & set(found.men)
    text = found.text()
    assert (
        text.index("LH (IU/L)")
        < text.index("true level, not measured, unadjusted")
        < text.index("daily sperm production (")
    )
    assert "one visit" not in text
    assessed, excluded, randomised = map(
        int, re.search(r"eligibility (\d+), excluded (\d+), randomised (\d+)", text).groups()
    )
    assert assessed == excluded + randomised == found.assessed and randomised == 16
    flow = found.flow
    assert (flow["randomised"] == flow["measured"] + flow["missed"] + flow["failed"]).all()
    assert len(repr(found)) < 300


def test_a_sweep_prints_the_outputs_that_were_asked_for(tmp_path, capsys):
    words = [
        "SHBG",
        "FSH",
        "inhibin B",
        "free testosterone",
        "intratesticular testosterone",
        "fecundability",
        "ejaculate volume",
    ]
    path = tmp_path / "s.toml"
    listed = ", ".join(f'"{word}"' for word in words)
    path.write_text(
        f'title = "s"\n[plan]\nduration = "20 days"\n[[therapy]]\ndrug = "anastrozole"\ndose = "1 mg"\nevery = "1 day"\n'
        f'[sweep]\nengine = "expected"\noutputs = [{listed}]\n[sweep.over]\n"man.bmi" = [22, 30]\n'
    )
    assert main(["sweep", str(path), "--no-plots", "--out", str(tmp_path / "o")]) == 0
    out = capsys.readouterr().out
    assert all(f"{word} (" in out for word in words)
    assert max(map(len, out.splitlines()[:-6])) <= 160
    assert out.count("man.bmi") > 1  # a wide table in parts


def test_scenarios_name_the_command_that_runs_them(capsys):
    assert main(["scenarios"]) == 0
    listed = {
        line.split()[1]: line.split()[0] for line in capsys.readouterr().out.splitlines() if len(line.split()) > 2
    }
    assert (
        listed["fertile_man"] == "run"
        and listed["experiments/trial"] == "trial"
        and listed["experiments/compare_drugs"] == "compare"
    )
    assert main(["run", "experiments/trial"]) == 2
    assert "use testis-abm trial" in capsys.readouterr().err


def test_plain_numbers_have_no_unit(capsys):
    plain = next(p for p in parameters.load().values() if p.unit == "1")
    assert main(["parameters", plain.name]) == 0
    assert f"{plain.name} = {plain.value:g}   (range" in capsys.readouterr().out
    assert "(1)" not in str(plain.fault(1e99))


def test_objects_say_what_they_are_in_a_line(run):
    shown = [run, run.scenario, ta.TestisModel(CASE), ta.screen("clinic", 4), ta.screen("clinic", 4).cohort]
    assert all(len(repr(of)) < 250 and "\n" not in repr(of) for of in shown)


def test_pictures_show_the_treatments_that_were_given():
    often = {"every": "2 days"}
    never = {"drug": "rfsh", "dose": "150 IU", **often, "when": "LH > 100 at day 5", "from": "day 6"}
    later = {
        "drug": "hcg",
        "dose": "500 IU",
        **often,
        "from": "day 12",
        "until": "day 20",
        "when": "LH > 0.1 at day 12",
    }
    therapy = [PILL, never, later]
    result = ta.run({**CASE, "therapy": therapy, "weight": [{"bmi": 30, "until": "day 40"}]})
    given = courses.spans_given(result)
    assert [span.label.partition(" ")[0] for span in given] == ["Anastrozole", "hCG", "to"]
    doses = result.therapy.query("drug == 'hcg'")["day"]
    assert (given[1].start, given[1].end) == (doses.min(), 20.0) and doses.min() > 12.0
    assert len(courses.spans(result.scenario)) == 4


@pytest.mark.parametrize("columns", [2, 3])
def test_the_name_of_a_therapy_can_be_read(columns):
    inches = style.WIDTH / columns - 1.25
    late = Span("rfsh", "rFSH 150 IU every 56 h (conditional)", 274.0, 548.0)
    name = paper._placed(late, (-14.0, 548.0), inches)
    assert name.size >= 5.0 and " ".join(name.text.split()) == late.label
    early = Span("hcg", "hCG 500 IU daily", 0.0, 548.0)
    heights = [paper._lane_height(row, (-14.0, 548.0), inches) for row in ([early], [early, late])]
    assert heights[1] == len(name.text.splitlines()) * heights[0]


@pytest.mark.parametrize("inches", [1.5, 2.8, 6.0])
@pytest.mark.parametrize(("start", "end"), [(0.0, 120.0), (0.0, 4.0), (50.0, 60.0), (110.0, 120.0), (7.0, 7.0)])
def test_the_name_of_a_therapy_stays_in_its_bar_or_out_of_it(start, end, inches):
    axis = (-28.0, 120.0)
    first, last = paper.name_days(
        Span("hcg", "Human chorionic gonadotrophin 1500 IU every 3.5 days", start, end), axis, inches
    )
    assert axis[0] - 1e-9 <= first < last <= axis[1] + 1e-9
    assert (first >= start and last <= end + 1e-9) or first >= end or last <= start + 1e-9
    assert np.isfinite(first)


# ---- why LH moved

STILL = {"testosterone_brake": 1.0, "oestradiol_brake": 1.0, "memory": 1.0, "gnrh_frequency": 1.0} | {
    "lh": 4.0,
    "serum_testosterone": 18.0,
}


def _why(lh, drugs=None, **after):
    """Return the reason of a change of LH; the frequency is what brakes (half of oestradiol's) and memory make of it."""
    after = STILL | {"lh": lh} | after
    made = after["testosterone_brake"] * after["oestradiol_brake"] ** 0.5 * after["memory"]
    return attribution._why_lh(STILL, {**after, "gnrh_frequency": made * after["gnrh_frequency"]}, 0.5, drugs or {})


@pytest.mark.parametrize(
    ("lh", "drugs", "after", "said"),
    [
        (2.0, {}, {"testosterone_brake": 0.5, "serum_testosterone": 36.0}, "testosterone rises"),
        (8.0, {}, {"testosterone_brake": 1.5, "serum_testosterone": 3.0}, "testosterone falls"),
        (2.0, {}, {"oestradiol_brake": 0.5}, "oestradiol rises (negative feedback: 50 % pituitary, 50 % hypothalamic)"),
        (
            8.0,
            {"androgen_receptor_blocker": ["bicalutamide"]},
            {"testosterone_brake": 1.5, "serum_testosterone": 30.0},
            "bicalutamide keeps androgens from their receptor",
        ),
        (
            6.0,
            {"five_alpha_reductase_inactivator": ["finasteride"]},
            {"testosterone_brake": 1.1, "serum_testosterone": 20.0},
            "DHT falls",
        ),
        (
            0.5,
            {"progestin": ["levonorgestrel"], "testosterone": ["enanthate"]},
            {"testosterone_brake": 0.3, "serum_testosterone": 36.0},
            "testosterone rises and levonorgestrel slows the pulses of GnRH as a progestin does",
        ),
        (8.0, {"dopamine_agonist": ["cabergoline"]}, {"gnrh_frequency": 3.0}, "cabergoline lowers prolactin"),
        (2.0, {}, {"gnrh_frequency": 0.5}, "the hypothalamus sends less GnRH"),
        (
            2.0,
            {},
            {"testosterone_brake": 0.4, "serum_testosterone": 36.0, "memory": 0.6},
            "testosterone rises, and lasting feedback has set the drive of GnRH to 60 % of untreated",
        ),
        (2.0, {}, {"memory": 0.3}, "lasting feedback has lowered the drive of GnRH"),
        (
            8.0,
            {},
            {"oestradiol_brake": 2.0, "testosterone_brake": 2.0**-0.5},
            "oestradiol falls (negative feedback: 50 % pituitary, 50 % hypothalamic), "
            "partly offset (50 %) by testosterone feedback",
        ),
        (
            8.0,
            {},
            {"testosterone_brake": 1.5, "serum_testosterone": 0.3, "oestradiol_brake": 1.8},
            "testosterone and oestradiol fall (of oestradiol: 50 % pituitary, 50 % hypothalamic)",
        ),
        (
            2.0,
            {"progestin": ["levonorgestrel"]},
            {"testosterone_brake": 0.5, "serum_testosterone": 36.0, "oestradiol_brake": 0.7},
            "testosterone rises and levonorgestrel slows the pulses of GnRH as a progestin does, and oestradiol rises "
            "(negative feedback: 50 % pituitary, 50 % hypothalamic)",
        ),
        # Less than a third of the stronger.
        (
            8.0,
            {},
            {"testosterone_brake": 2.0, "serum_testosterone": 0.3, "oestradiol_brake": 1.2},
            "testosterone falls",
        ),
    ],
)
def test_the_reason_of_lh_is_what_moved_it_most_and_both_brakes_where_they_are_near(lh, drugs, after, said):
    assert _why(lh, drugs, **after) == said


def test_shares_of_the_reason_make_the_drive():
    after = {"testosterone_brake": 0.5, "oestradiol_brake": 3.0, "memory": 0.7, "gnrh_frequency": 0.9}
    shares = attribution.feedback_shares(STILL, STILL | after, 0.5)
    assert tuple(shares) == attribution.CAUSES
    assert sum(shares.values()) == pytest.approx(math.log(0.9 * 3.0**0.5))  # frequency, and the pituitary's part
    # A hypothalamus that sends none has nothing to be told of.
    assert attribution.feedback_shares(STILL, {**STILL, **after, "gnrh_frequency": 0.0}, 0.5)["hypothalamus"] == 0.0
