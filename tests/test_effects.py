"""Effects at cost and chances of a couple: what is told, and where it is said that nothing is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import testis_abm as ta
from testis_abm import cli, parameters
from testis_abm.man.effects import drugs_of, untold_since
from testis_abm.population import report
from testis_abm.population.predict import predict
from testis_abm.quantities import EFFECTS, column_of, untold
from testis_abm.results.report import chances, flags
from testis_abm.results.summary import render
from testis_abm.scenario import Partner, Scenario
from testis_abm.support.errors import ScenarioError

UNKNOWN = [effect for effect in EFFECTS if not effect.column]
COLUMNS = {effect.column for effect in EFFECTS if effect.column}


def plan(*therapy, days=20, **tables):
    return {
        "plan": {"baseline": "7 days", "duration": f"{days} days", "replicates": 1},
        "tissue": {"tubules": 2, "rows": 1, "sertoli_per_tubule": 12},
        "therapy": [{"dose": "20 mg", "every": "1 day", **one} for one in therapy],
        **tables,
    }


TAMOXIFEN = {"drug": "tamoxifen", "from": "day 10"}


@pytest.mark.parametrize("effect", UNKNOWN, ids=lambda effect: effect.label)
def test_an_effect_without_a_dose_response_is_no_output_and_says_why(effect):
    for word in (effect.label, effect.label.upper(), *effect.words):
        with pytest.raises(ScenarioError, match="no dose-response known") as raised:
            column_of(word)
        assert effect.evidence in str(raised.value)


def test_what_serum_tells_is_asked_for_where_it_is_reported():
    with pytest.raises(ScenarioError, match="report it under safety"):
        column_of("hot flashes")


@pytest.mark.parametrize("drug", parameters.drugs())
def test_every_drug_acts_by_serum_or_is_said_not_to(drug, capsys):
    unknown = untold(parameters.drugs()[drug].actions)
    assert set(unknown) <= COLUMNS
    own = {"oestrogen_receptor_modulator", "progestin", "androgen", "hypothalamic_inhibitor"}
    assert set(unknown) == (COLUMNS - {"haematocrit_pct"} if own & {*parameters.drugs()[drug].actions} else set())
    assert cli.main(["drugs", drug]) in (0, None)
    printed = capsys.readouterr().out
    assert printed.count(f"no dose-response known of {drug}") == len(unknown)
    assert all(effect.label in printed for effect in EFFECTS)


def test_of_every_action_somebody_has_thought_whether_serum_tells_its_effects():
    by_serum = {"testosterone", "oestradiol", "lh_activity", "fsh_activity", "gnrh_agonist", "gnrh_antagonist"}
    by_serum |= {"aromatase_inhibitor", "aromatase_inactivator", "lyase_inhibitor", "dopamine_agonist"}
    # By what tissues feel of serum (safety.felt).
    by_serum |= {"five_alpha_reductase_inactivator", "androgen_receptor_blocker", "dihydrotestosterone"}
    actions = {action for drug in parameters.drugs().values() for action in drug.actions}
    # A new one is listed here, or in quantities: what it does to bone, lipids, marrow, desire and flushes by itself.
    assert {action for action in actions if not untold((action,))} <= by_serum
    assert set(untold(("oestrogen_receptor_modulator", "testosterone"))) == COLUMNS - {"haematocrit_pct"}


def test_an_effect_is_blank_from_the_first_dose_on_in_the_treated_arm_alone():
    run = ta.run(plan(TAMOXIFEN), plausible=False)
    table = run.safety.set_index(["arm", "day"]).sort_index()
    blank = ["bone_density_change_pct", "bone_density_scan_pct", "hdl_change_mg_dl", "libido_score", "vasomotor_pct"]
    assert table.loc[("treated", slice(0, 10)), blank].notna().to_numpy().all()
    assert table.loc[("treated", slice(11, 20)), blank].isna().to_numpy().all()
    assert table.loc["untreated"].notna().to_numpy().all() and table["haematocrit_pct"].notna().all()
    text = " ".join(flags(run, None).split())
    assert "of tamoxifen also bone density, HDL cholesterol, libido, flushes" in text
    assert all(effect.label in text for effect in UNKNOWN) and "nan" not in render(run)


def test_a_therapy_that_was_not_given_blanks_nothing():
    case = Scenario(**plan({**TAMOXIFEN, "when": "testosterone > 5000 ng/dL at day 5"}))
    assert untold_since(case, []) == {} and set(untold_since(case)) > {"libido_score"}
    assert drugs_of(case, "libido_score") == ("tamoxifen",) and drugs_of(case, "haematocrit_pct") == ()


def test_virtual_patients_are_told_what_is_not_known():
    group = pd.DataFrame([dict(Scenario().man.physiology)] * 2)
    for therapy, blank in (({"drug": "tamoxifen"}, 4), ({"drug": "anastrozole", "dose": "1 mg"}, 0)):
        table = report.safety(*predict(group, Scenario(**plan(therapy))))
        told = table.astype(str).apply(" ".join, axis=1).str.contains("no dose-response known")
        assert told.sum() == len(UNKNOWN) + blank
        assert set(table.index[told]) >= {effect.label for effect in UNKNOWN}


# ---- the partner


@pytest.mark.parametrize(
    ("given", "age", "tried"),
    [({}, 30.0, 0.0), ({"age": 36}, 36.0, 0.0), ({"age": "41 years", "tried": "12 weeks"}, 41.0, 3.0)],
)
def test_a_partner_has_an_age_and_cycles_in_vain(given, age, tried):
    partner = Scenario(partner=given).partner
    assert (partner.age, partner.cycles_tried) == (pytest.approx(age), pytest.approx(tried))
    case = Scenario(partner=given)
    assert Scenario(**case.as_dict()) == case


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"age": 12}, "out of range; allowed: 18 to 50 years"),
        ({"age": "60 years"}, "out of range; allowed: 18 to 50 years"),
        ({"tried": "40 years"}, "allowed: 0 to 7305 days"),
        ({"ages": 30}, 'nearest: "age"'),
        (3, "write [partner]"),
    ],
)
def test_a_wrong_partner_is_told_what_is_allowed(given, text):
    with pytest.raises(ScenarioError) as raised:
        Scenario(partner=given)
    assert str(raised.value).startswith("partner") and text in str(raised.value)


def test_the_partner_moves_the_couple_and_nothing_of_the_man():
    young, old = (
        ta.run(plan(partner=partner), plausible=False)
        for partner in (Partner(age=28), Partner(age=41, tried="24 months"))
    )
    assert young.semen.equals(old.semen) and young.hormones.equals(old.hormones)
    for name in ("conception_pct", "conception_year_pct", "iui_pct", "icsi_pct"):
        assert (old.outcome[name] < 0.75 * young.outcome[name]).all(), name
    text = " ".join(chances(old, None).split())
    assert "partner of 41 years, after 26 cycles in vain" in text and "IUI" in text and "ICSI" in text
    assert "IUI" not in chances(young, None) or young.semen["expected_total_motile_count_million"].min() < 20.0
    assert np.isnan(young.outcome["cleared_pct"]).all()


def test_clearance_counts_weeks_and_ejaculates():
    case = plan(
        days=100, insult=[{"kind": "vasectomy"}], samples={"ejaculations": {"every": "2 days"}, "semen": [50, 90]}
    )
    run = ta.run(case, plausible=False)
    text = " ".join(render(run).split())
    assert "7 weeks and 25 ejaculates after" in text
    assert "13 weeks and 45 ejaculates after" in text
    share = run.outcome[run.outcome["arm"] == "treated"].set_index("day")["cleared_pct"]
    assert 0.0 < share[50] < share[90] <= 100.0
