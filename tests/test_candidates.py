"""Several treatments of the same men: one untreated state, pairs of the same man, and what a verdict says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_page import THERAPY

from testis_abm import parameters
from testis_abm.population import predict
from testis_abm.population.candidates import NONE, Candidates
from testis_abm.studies.ensemble import shipped
from testis_abm.support.errors import TestisError

TMC, E2 = "total_motile_count_million", "oestradiol_pmol_l"
PLAN = {"plan": {"duration": "40 days"}}
ONE, TWO = ({**PLAN, "therapy": [of]} for of in (THERAPY, {"drug": "clomiphene", "dose": "25 mg", "every": "1 day"}))


@pytest.fixture(scope="module")
def men(match):
    return match.found.sample(12)


def test_treatments_together_are_what_each_is_alone_and_share_their_untreated_state(men):
    told = []
    before, after, answers = predict.predict_each(
        men, [ONE, TWO], shipped(), progress=lambda begun, lives: told.append((begun, lives))
    )
    for scenario, together in zip((ONE, TWO), after, strict=True):
        alone = predict.predict_with(men, scenario, shipped())
        for one, other in zip(alone, (before, together, answers), strict=True):
            pd.testing.assert_frame_equal(one, other)
    assert sorted(told) == [(k, 24) for k in range(1, 25)]
    past = {"insult": [{"kind": "fever", "peak": "39 C", "days": "5 days", "day": "day -20"}]}
    before, after, _ = predict.predict_each(men.head(4), [{**ONE, **past}, {**TWO, **past}], shipped())
    alone = predict.predict_with(men.head(4), {**TWO, **past}, shipped())
    pd.testing.assert_frame_equal(before, alone[0]), pd.testing.assert_frame_equal(after[1], alone[1])


@pytest.mark.parametrize(
    "other",
    [
        {"plan": {"duration": "41 days"}},
        {"samples": {"abstinence": "5 days"}},
        {"parameters": {"tract": {"collected": 0.3}}},
        {"insult": [{"kind": "fever", "peak": "39 C", "days": "5 days", "day": "day -20"}]},
    ],
)
def test_treatments_of_other_men_or_plans_are_not_put_side_by_side(men, other):
    with pytest.raises(TestisError, match="scenario 2: differs from scenario 1 in more than title and treatment"):
        predict.predict_each(men, [ONE, {**TWO, **other}], shipped())
    with pytest.raises(TestisError, match="at least one scenario"):
        predict.predict_each(men, [], shipped())


def test_what_stops_a_prediction_stops_it(men):
    class StopError(Exception):
        pass

    def stop(begun, lives):
        if begun > 3:
            raise StopError

    with pytest.raises(StopError):
        predict.predict_each(men, [ONE, TWO], shipped(), progress=stop)


def side_by_side(*levels, answers="", column=TMC, before=10.0):
    """Return candidates with the levels of a quantity, men by candidate."""
    count = len(levels[0])
    frames = [pd.DataFrame({name: np.full(count, 10.0) for name in predict.SHOWN}) for _ in range(len(levels) + 1)]
    for frame, own in zip(frames, (np.full(count, before), *levels), strict=True):
        frame[column] = own
    table = pd.DataFrame("", range(count), [*parameters.hypotheses()], dtype=object)
    table["germ.lack"] = answers
    names = [f"{letter} (drug)" for letter in "ABCD"[: len(levels)]]
    return Candidates(names, frames[0], frames[1:], table, parameters.values())


def test_men_are_compared_with_themselves():
    men = np.arange(20.0, 60.0)
    # Each man does better by a tenth on A, though the levels of the two overlap almost wholly.
    found = side_by_side(1.1 * men, men)
    pair = found.paired(TMC, 1, 2)
    assert (pair.more, pair.less, pair.same) == (100.0, 0.0, 0.0) and pair.median_pct == pytest.approx(10.0)
    assert pair.clear and found.paired(TMC, 2, 1).opposite
    mixed = side_by_side(men * np.tile([0.9, 1.1], 20), men).paired(TMC, 1, 2)
    assert not mixed.clear and mixed.more + mixed.less == pytest.approx(100.0)
    assert side_by_side(men, men.copy()).paired(TMC, 1, 2).same == 100.0
    missing = side_by_side(np.where(men < 40.0, np.nan, men), men)
    assert missing.paired(TMC, 1, 2).men == 20


def test_the_verdict_names_the_best_and_none_where_none_helps():
    men = np.arange(20.0, 60.0)
    found = side_by_side(men, 1.3 * men, 1.2 * men)
    assert found.ranked(TMC) == [2, 3, 1, 0]
    first, sizes, *_ = found.verdict(TMC)
    assert first.startswith(
        "B (drug) does most for total motile count: higher than with C (drug) in 100 % of 40 paired"
    )
    assert "B (drug) 51.4" in sizes and "no treatment 10.0" in sizes and "+8.3 %" in sizes
    harmful = side_by_side(men / 100.0, men / 90.0)
    assert harmful.ranked(TMC)[0] == 0 and harmful.verdict(TMC)[0].startswith(
        f"No candidate does more for total motile count than {NONE}"
    )
    assert side_by_side(men * np.tile([0.9, 1.1], 20), men).verdict(TMC)[0].startswith("No clear difference")
    assert "cannot say" in side_by_side(men[:3], men[:3]).verdict(TMC)[0]
    # Of oestradiol less is what is wanted.
    assert side_by_side(men, 0.5 * men, column=E2, before=90.0).ranked(E2) == [2, 1, 0]


def test_what_the_order_hangs_on_is_named():
    men = np.full(60, 20.0)
    first, second = parameters.hypotheses()["germ.lack"].answers, 40
    names = [*first][:2]
    answers = np.array([names[0]] * second + [names[1]] * 20, dtype=object)
    apart = np.where(answers == names[0], 1.2, 0.8)
    told = " ".join(side_by_side(apart * men, men, answers=answers).verdict(TMC))
    assert f"The order turns under the answer “{names[1]}”" in told and "What would decide" in told
    assert "No answer" in " ".join(side_by_side(1.2 * men, men, answers=answers).verdict(TMC))


def test_shares_of_men_are_counted():
    men = np.array([5.0, 14.0, 16.0, 40.0, 0.0, 0.0, 30.0, 12.0])
    found = side_by_side(men)
    assert found.rising(TMC, 1) == "38 %"  # 16, 40 and 30 of 10
    assert found.within(TMC, 1, 16.0, np.inf) == "38 %" and found.within(TMC, 0, 16.0, np.inf) == "0 %"
    sperm = side_by_side(np.where(men > 0.0, men, 0.0), column="concentration_million_ml")
    assert (sperm.azoospermic(0), sperm.azoospermic(1)) == ("0 %", "25 %")
    assert "cannot say" in side_by_side(men[:3]).rising(TMC, 1)
