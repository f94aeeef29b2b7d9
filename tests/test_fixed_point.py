"""The search for a steady state."""

import math

import numpy as np
import pytest

from testis_abm import parameters
from testis_abm.biology.fixed_point import Search, begin, take
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete


def search_for(demand, n, turns=40):
    """Return the levels that `demand` asks for again, and after how many turns they were found."""
    search = Search(np.empty(n), np.empty(n), np.empty((n, n)), np.empty(n))
    begin(search)
    for turn in range(turns):
        level = search.level.copy()
        level[0] = math.exp(level[0])
        asked = demand(level)
        lack = asked - level
        lack[0] = math.log(asked[0] / level[0])
        if np.abs(lack).sum() < 1e-12:
            return level, turn
        take(search, turn, lack)
    raise AssertionError(f"not found in {turns} turns: {level}")


@pytest.mark.parametrize("steepness", [0.5, 3.0, 6.0, 15.0])
def test_finds_levels_under_feedback_of_any_steepness(steepness):
    def demand(level):
        return np.array([0.4 * level[0] ** -steepness, 0.3 * level[0] + 0.1, 1.0 / (1.0 + level[1])])

    found, turns = search_for(demand, 3)
    assert found[0] == pytest.approx(0.4 ** (1.0 / (1.0 + steepness)))
    assert found[1] == pytest.approx(0.3 * found[0] + 0.1) and found[2] == pytest.approx(1.0 / (1.0 + found[1]))
    assert turns < 25


def test_a_level_that_is_none_is_found():
    found, _ = search_for(lambda level: np.array([0.5 / level[0], 0.0]), 2)
    assert found == pytest.approx([math.sqrt(0.5), 0.0], abs=1e-9)


def test_men_at_every_end_of_physiology_are_at_rest_when_made():
    values, table, rng = complete(parameters.values()), parameters.physiology(), np.random.default_rng(3)
    still = {"somatic_maturity", "spermatogonial_maturity", "arrest_before"}
    for _ in range(40):
        man = {name: field.value for name, field in table.items()}
        for name in rng.choice([name for name in table if name not in still], 12, replace=False):
            man[name] = float(rng.choice([table[name].low, table[name].high]))
        found = ExpectedMan(values, man)
        found.advance(np.zeros((20, 48, 0)))
        for column in ("testosterone_nmol_l", "oestradiol_pmol_l", "lh_iu_l", "fsh_iu_l", "inhibin_b_pg_ml", "memory"):
            first, last = found.days[column][0], found.days[column][-1]
            assert last == pytest.approx(first, rel=1e-6, abs=1e-9), (column, man)
