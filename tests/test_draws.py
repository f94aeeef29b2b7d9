"""Keyed draws: the same draw compiled and plain, spread evenly, and each bit of a key counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

from testis_abm.biology import draws as keyed

KEYS = st.integers(min_value=0, max_value=2**64 - 1)
STAGES = st.integers(min_value=0, max_value=2**20)
PURPOSES = st.integers(min_value=0, max_value=63)


@njit
def compiled(seed, lineage, stage, purpose):
    return (
        keyed.mix(seed, lineage),
        keyed.child(lineage, stage),
        keyed.uniform(lineage, stage, purpose),
        keyed.halves(keyed.bits(lineage, stage, purpose)),
        keyed.exponential(keyed.uniform(lineage, stage, purpose)),
        keyed.spread(keyed.uniform(lineage, stage, purpose), 0.1),
    )


@settings(max_examples=300, deadline=None)
@given(seed=KEYS, lineage=KEYS, stage=STAGES, purpose=PURPOSES)
@example(seed=2**64 - 1, lineage=2**64 - 1, stage=2**20, purpose=63)
@example(seed=0, lineage=0, stage=0, purpose=0)
@example(seed=2**63, lineage=2**63 - 1, stage=1, purpose=0)
def test_compiled_draws_are_plain_draws(seed, lineage, stage, purpose):
    plain = (
        keyed.mix(seed, lineage),
        keyed.child(lineage, stage),
        keyed.uniform(lineage, stage, purpose),
        keyed.halves(keyed.bits(lineage, stage, purpose)),
        keyed.exponential(keyed.uniform(lineage, stage, purpose)),
        keyed.spread(keyed.uniform(lineage, stage, purpose), 0.1),
    )
    mixed, daughter, *draws = compiled(np.uint64(seed), np.uint64(lineage), stage, purpose)
    assert (int(mixed), int(daughter), *draws) == plain
    assert 0.0 <= plain[2] < 1.0
    assert all(0.0 <= half < 1.0 for half in plain[3])
    assert plain[4] >= 0.0
    assert math.isfinite(plain[4])


@pytest.fixture(scope="module")
def draws():
    return np.array([keyed.uniform(keyed.mix(7, lineage), 3, keyed.COMMIT) for lineage in range(40_000)])


def test_draws_are_even(draws):
    n = len(draws)
    assert draws.mean() == pytest.approx(0.5, abs=4.0 / math.sqrt(12.0 * n))
    assert draws.var() == pytest.approx(1.0 / 12.0, rel=0.02)
    expected = n / 50
    chi_square = ((np.histogram(draws, bins=50, range=(0.0, 1.0))[0] - expected) ** 2 / expected).sum()
    assert chi_square < 49 + 5.0 * math.sqrt(2.0 * 49)
    assert len(np.unique(draws)) == n


def test_neighbouring_keys_draw_independently(draws):
    bound = 4.0 / math.sqrt(len(draws))
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < bound
    for seed, stage, purpose in ((8, 3, keyed.COMMIT), (7, 4, keyed.COMMIT), (7, 3, keyed.ENTRY)):
        other = np.array([keyed.uniform(keyed.mix(seed, lineage), stage, purpose) for lineage in range(len(draws))])
        assert abs(np.corrcoef(draws, other)[0, 1]) < bound


def test_exponential_and_spread_have_their_moments():
    drawn = [keyed.halves(keyed.bits(keyed.mix(1, lineage), 2, keyed.ENTRY)) for lineage in range(20_000)]
    budget = np.array([keyed.exponential(second) for _, second in drawn])
    assert budget.mean() == pytest.approx(1.0, abs=0.03)
    assert budget.var() == pytest.approx(1.0, abs=0.08)
    spread = np.array([keyed.spread(first, 0.25) for first, _ in drawn])
    assert abs(np.corrcoef(budget, spread)[0, 1]) < 4.0 / math.sqrt(len(drawn))
    assert spread.mean() == pytest.approx(1.0, abs=0.006)
    assert spread.std() == pytest.approx(0.25, rel=0.02)
    assert spread.min() > 0.56


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_bit_of_a_key_flips_half_of_the_hash(which):
    flips = np.zeros((64, 64))
    samples = 200
    for sample in range(samples):
        a, b = keyed.mix(1, sample), keyed.mix(2, sample)
        before = keyed.mix(a, b)
        for bit in range(64):
            after = keyed.mix(a ^ (1 << bit), b) if which == "first" else keyed.mix(a, b ^ (1 << bit))
            changed = before ^ after
            flips[bit] += [(changed >> k) & 1 for k in range(64)]
    share = flips / samples
    assert share.mean() == pytest.approx(0.5, abs=0.005)
    assert np.abs(share - 0.5).max() < 6.0 * 0.5 / math.sqrt(samples)


def test_descendants_have_lineages_of_their_own():
    generation, seen = [keyed.mix(5, founder) for founder in range(4)], set()
    for _ in range(12):
        seen.update(generation)
        generation = [keyed.child(of, ordinal) for of in generation for ordinal in range(2)]
    assert len(seen) == 4 * (2**12 - 1)
