"""Ensemble smoothing: what Bayes' theorem gives where it is known, and the numbers of another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from testis_abm.studies.smoother import assimilate


def _case(parameters: int, observations: int, members: int):
    rng = np.random.default_rng(7)
    matrix = rng.standard_normal((observations, parameters))
    sd = np.exp(0.3 * rng.standard_normal(observations))
    seen = rng.standard_normal(observations)
    return matrix, sd, seen, rng.standard_normal((parameters, members))


def test_a_linear_model_gives_the_posterior_of_bayes():
    matrix, sd, seen, hidden = _case(3, 4, 20_000)
    for turn in range(4):
        rng = np.random.default_rng([1, turn])
        hidden = assimilate(hidden, matrix @ hidden, seen, sd, rounds=4, rng=rng, localised=False)
    covariance = np.linalg.inv(np.eye(3) + matrix.T @ np.diag(sd**-2) @ matrix)
    # Three standard errors of 20 000 members, and what 99 % of the singular values leave out.
    np.testing.assert_allclose(hidden.mean(axis=1), covariance @ matrix.T @ (seen / sd**2), atol=0.03)
    np.testing.assert_allclose(np.cov(hidden), covariance, atol=0.02)


# Of iterative_ensemble_smoother 1.3.0 (AdaptiveESMDA, alpha 3, truncation 0.99) on the same draws: the first member.
ELSEWHERE = {
    False: [0.489025414459, 0.126849357099, 0.0619408232729, 0.0657986211267, -0.13221961424, 0.957837830319],
    True: [1.22650575525, -0.176271035202, -0.658629075524, 0.0169920746387, 0.0134750092117, 0.810793768526],
}


@pytest.mark.parametrize("localised", ELSEWHERE)
def test_another_implementation_gives_the_same_numbers(localised):
    matrix, sd, seen, hidden = _case(6, 30, 25)
    predicted = matrix @ hidden + 0.1 * (matrix @ hidden) ** 2
    moved = assimilate(hidden, predicted, seen, sd, rounds=3, rng=np.random.default_rng([1, 0]), localised=localised)
    np.testing.assert_allclose(moved[:, 0], ELSEWHERE[localised], rtol=1e-9)


def test_what_goes_with_nothing_stays():
    _, sd, seen, hidden = _case(2, 5, 400)
    predicted = np.array([hidden[0]] * 4 + [np.full(400, 2.0)])  # of one parameter, and what no member moves
    moved = assimilate(hidden, predicted, seen, sd, rounds=1, rng=np.random.default_rng(3), localised=True)
    np.testing.assert_array_equal(moved[1], hidden[1])
    assert moved[0].std() < 0.7 and np.isfinite(moved).all()
    everywhere = assimilate(hidden, predicted, seen, sd, rounds=1, rng=np.random.default_rng(3), localised=False)
    assert (everywhere[1] != hidden[1]).any()
