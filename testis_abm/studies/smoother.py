"""One round of ensemble smoothing with multiple data assimilation (ES-MDA: Emerick & Reynolds 2013), localised by correlation.

A parameter is moved only by observations that it goes with in the ensemble: a correlation of at least 3 / sqrt(members), below
which chance alone gives as much (Vossepoel, Evensen & van Leeuwen 2025). The matrix is inverted in the space of the ensemble, on
the leading singular values that hold 99 % of their sum (Emerick 2016).
"""

from __future__ import annotations

import numpy as np

_HELD = 0.99  # of the sum of singular values
_CHANCE = 3.0  # over sqrt(members): a correlation below it is taken for chance


def assimilate(
    members: np.ndarray,
    predicted: np.ndarray,
    seen: np.ndarray,
    sd: np.ndarray,
    *,
    rounds: int,
    rng: np.random.Generator,
    localised: bool,
) -> np.ndarray:
    """Return members moved towards what was seen, by one of as many `rounds` as take all of its information.

    Args:
        members: (parameters, members), each parameter about normal.
        predicted: (observations, members): what each member predicts.
        seen: what was observed; sd: of its errors, which are independent.
        rounds: the errors count `rounds`-fold as variance in each.
        rng: of the errors that are added to what was seen, another for each member.
        localised: whether an observation moves only parameters that it goes with.
    """
    off = (seen[:, None] - predicted) / sd[:, None] + np.sqrt(rounds) * rng.standard_normal(predicted.shape)
    of_members = members - members.mean(axis=1, keepdims=True)
    of_predicted = (predicted - predicted.mean(axis=1, keepdims=True)) / sd[:, None]
    goes_with = np.ones((len(members), len(seen)), dtype=bool)
    if localised:
        sizes = np.linalg.norm(of_members, axis=1)[:, None] * np.linalg.norm(of_predicted, axis=1)
        # What no member moves goes with nothing.
        goes_with = (sizes > 0.0) & (np.abs(of_members @ of_predicted.T) * np.sqrt(members.shape[1]) >= _CHANCE * sizes)
    moved = members.copy()
    for chosen in np.unique(goes_with, axis=0):  # parameters that go with the same observations move together
        if chosen.any():
            rows = (goes_with == chosen).all(axis=1)
            gain = _gain(of_members[rows], of_predicted[chosen], rounds)
            moved[rows] += gain @ off[chosen]
    return moved


def _gain(of_members: np.ndarray, of_predicted: np.ndarray, rounds: int) -> np.ndarray:
    """Return the Kalman gain of deviations from the mean, those of predictions in SD of the observations."""
    left, singular, _ = np.linalg.svd(of_predicted, full_matrices=False)
    share = np.cumsum(singular)
    kept = int(np.searchsorted(share, _HELD * share[-1])) + 1
    left, singular = left[:, :kept], singular[:kept]
    weights = singular**2 + rounds * (of_members.shape[1] - 1)
    return np.asarray((of_members @ of_predicted.T @ left / weights) @ left.T)
