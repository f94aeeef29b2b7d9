"""The tables of docs/local_steroids.md: what they are made of, and that the page holds them all."""

from __future__ import annotations

import numpy as np
import own_scripts
import pytest

from testis_abm import parameters
from testis_abm.experiments.outputs import COLUMNS
from testis_abm.experiments.surface import Spread

SETS = 2


@pytest.fixture(scope="module", name="script")
def _script():
    return own_scripts.script("make_local_steroids")


@pytest.fixture(scope="module")
def found(script):
    return script.testis(SETS)


@pytest.fixture(scope="module")
def made(script):
    """Return all parts, of two men, few sets and few numbers."""
    with pytest.MonkeyPatch.context() as patch:
        few = ("aromatase.testicular_km", "tract.volume_androgen_half")
        patch.setattr(script, "MEN", script.MEN[:2])
        patch.setattr(script, "ANSWER_SETS", 1)
        patch.setattr(script, "one_at_a_time", lambda case, whole=script.one_at_a_time: whole(case, few))
        yield script.sections(SETS)


def production(script, values):
    return values[..., COLUMNS.index(script.PRODUCTION)]


def test_sperm_rise_with_testosterone_and_fsh_up_to_what_is_needed(script, found):
    held, zero, doubled = (production(script, found.testosterone[name]) for name in ("held", "zero", "doubled"))
    assert (np.diff(held) >= -1e-9 * held[:, 1:]).all()
    assert (zero <= held).all() and (held <= doubled).all()
    own = script.T_LEVELS.index(100)
    assert held[:, own] == pytest.approx(production(script, found.own), rel=1e-6)
    assert held[:, -1] == pytest.approx(held[:, own], rel=0.01)


def test_oestradiol_above_his_own_does_nothing_and_less_never_helps(script, found):
    made = production(script, found.oestradiol)
    own = script.E2_LEVELS.index(100)
    assert made[:, own:] == pytest.approx(np.repeat(made[:, [own]], made.shape[1] - own, axis=1), rel=1e-3)
    assert (np.diff(made) >= -1e-9).all()


def test_a_loss_long_ago_is_a_loss_from_the_start(script, found):
    """A year without receptors that act at once is the steady state without them; the man himself is not changed."""
    for name in ("ER-beta", "FSH receptor", "aromatase of fat"):
        start, year = production(script, found.lost[name]).T
        assert year == pytest.approx(start, rel=0.02), name
    assert production(script, found.lost["ER-beta"])[:, 0] == pytest.approx(production(script, found.own), rel=1e-6)


def test_the_half_effect_lies_where_half_is_left(script, found):
    column = COLUMNS.index(script.PRODUCTION)
    shares = 100.0 * found.testosterone["held"][:, :, column] / found.own[:, [column]]
    half = float(script.half(found, "held").median)
    below, above = (np.median(shares, axis=0)[i] for i in np.searchsorted(script.T_LEVELS, half) + np.array([-1, 0]))
    assert below <= 50.0 <= above


def test_every_published_figure_stands_in_a_table(script):
    levels = {f"T at FSH {name}": script.T_LEVELS for name in script.FSH} | {"E2": script.E2_LEVELS}
    for figure in script.published():
        assert figure.low <= figure.high and figure.seen and figure.source and figure.verified in ("yes", "no")
        if figure.table in levels:
            assert int(figure.at) in levels[figure.table] and figure.quantity in script.SPERM and figure.unit == "%"
        elif figure.table == "course":
            assert int(figure.when) in script.COURSE_DAYS
        else:
            assert figure.table == "lost" and figure.at in script.KNOCK_OUTS
            assert figure.when in (script.START, script.YEAR) and figure.unit in ("%", "clinical")
            assert figure.quantity in {**script.SPERM, **script.HORMONES}


def test_what_is_lost_and_what_rules_rest_on_is_in_the_tables_of_the_model(script):
    assert {field for fields in script.KNOCK_OUTS.values() for field in fields} <= parameters.physiology().keys()
    assert {name for names in script.RULES.values() for name in names} <= parameters.load().keys()
    assert {*script.MEN} <= parameters.presets().keys()


@pytest.mark.parametrize(
    ("spread", "verdict"),
    [
        ((50.0, 20.0, 80.0), "yes"),
        ((5.0, 1.0, 29.0), "no: model lower"),
        ((90.0, 41.0, 99.0), "no: model higher"),
        ((35.0, np.nan, np.nan), "yes"),  # few sets have no interval
        ((45.0, np.nan, np.nan), "no: model higher"),
        ((np.nan, np.nan, np.nan), "no: model has none"),
    ],
)
def test_a_figure_is_met_where_its_range_meets_the_interval(script, spread, verdict):
    figure = script.published()[0]._replace(low=30.0, high=40.0)
    assert figure.verdict(Spread(*map(np.array, spread))) == verdict


def test_figures_that_were_not_verified_say_so(script):
    for figure in script.published():
        assert ("not verified against the source" in figure.text) == (figure.verified == "no")


def test_the_page_holds_every_part_and_keeps_its_text(script, made):
    assert all(made.values())
    page = script.PAGE.read_text(encoding="utf-8")
    made_page = own_scripts.script("made_page")
    once = script.filled(script.PAGE, page, made)
    assert script.filled(script.PAGE, once, made) == once
    assert made_page.MADE.sub("", once) == made_page.MADE.sub("", page)
    assert f"{SETS} parameter sets" in once


def test_tables_have_a_row_a_level_and_as_many_cells_as_their_head(script, made):
    assert len(made["testosterone, FSH zero"]) == 2 + len(script.T_LEVELS)
    assert len(made["hormones without"]) == 3 + len(script.KNOCK_OUTS)
    for name, lines in made.items():
        tables = [line.count(" | ") for line in lines if line.startswith("|")]
        assert len({*tables}) <= 1, name


def test_the_ranking_says_what_moves_a_number_and_whether_its_sign_turns(made):
    rows = {
        line.split(" | ")[1]: line.split(" | ") for line in made["letrozole: what sperm concentration hangs on"][2:]
    }
    volume, km = rows["`tract.volume_androgen_half`"], rows["`aromatase.testicular_km`"]
    assert volume[5:7] == ["assumed", "nothing"] and "`aromatase.testicular_km`" in km[6]
    for row in (volume, km):
        ends = [int(end) for end in row[3].split(" / ")]
        assert abs(int(row[4]) - (max(ends) - min(ends))) <= 1
        if min(ends) <= -3 and max(ends) >= 3:
            assert "yes" in row[7]
        elif min(ends) >= -1 or max(ends) <= 1:
            assert "no" in row[7]


def test_a_page_that_lacks_a_part_is_refused(script, made):
    with pytest.raises(SystemExit, match="parts and markers differ, or one stands twice: mutants"):
        script.filled(
            script.PAGE, script.PAGE.read_text(encoding="utf-8").replace("<!-- made: mutants -->\n", ""), made
        )
