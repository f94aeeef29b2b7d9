"""Adaptive importance sampling in the hidden coordinates of a population, centred where men match.

Every draw is weighted against the mixture of all rounds (AMIS, Cornuet 2012). A round draws a lesion, then coordinates
from a Student t about the men who match so far and have that lesion, with a share from the prior so that no man is out
of reach.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from testis_abm.population.distribution import COORDINATES, LESIONS, Population
from testis_abm.statistics import kish, pareto_smoothed

GOOD_SIZE, GOOD_SHAPE = 400.0, 0.5  # effective sample size and Pareto k at which the search ends
LEAST_SIZE, WORST_SHAPE = 100.0, 0.7  # beyond which no interval is given
_FEWEST, _MOST, _DRAWS = 4, 24, 1200  # rounds, and men of each
_FEWEST_FROM = 2  # rounds of a search that starts near men who match
_SIZE = len(COORDINATES)
_FROM_PRIOR, _FREEDOM, _WIDER = 0.1, 8.0, 1.15
_CARRIED = 100.0  # effective sample size of the tempered weights
_PRIOR_MEN = 20.0  # men of the prior that a lesion's spread is shrunk by
_LESION_FROM_PRIOR = 0.04  # added to the share of each lesion
_MATTERS = 0.03  # weight of a lesion from which its own men must be many

# Takes physiologies, returns true levels and the log likelihood of each.
Match = Callable[[pd.DataFrame], tuple[pd.DataFrame, np.ndarray]]


@dataclass(frozen=True)
class _Proposal:
    """What a round draws from: of each lesion its share, and centre and Cholesky factor of its coordinates."""

    shares: np.ndarray
    centres: np.ndarray
    factors: np.ndarray

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates (n, _SIZE) and lesions (n,)."""
        lesion = rng.choice(len(LESIONS), n, p=self.shares)
        z = rng.standard_normal((n, _SIZE))
        heavy = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, n))
        near = self.centres[lesion] + heavy[:, None] * np.einsum("nij,nj->ni", self.factors[lesion], z)
        return np.where((rng.random(n) < _FROM_PRIOR)[:, None], z, near), lesion

    def log_density(self, z: np.ndarray, lesion: np.ndarray) -> np.ndarray:
        """Return the log density of coordinates (n, _SIZE) with lesions, up to a constant of all proposals."""
        from testis_abm.support.special import gammaln

        log = np.empty(len(z))
        constant = gammaln((_FREEDOM + _SIZE) / 2) - gammaln(_FREEDOM / 2) - _SIZE / 2 * np.log(_FREEDOM / 2)
        for k in np.unique(lesion):
            own, factor = lesion == k, self.factors[k]
            scaled = np.linalg.solve(factor, (z[own] - self.centres[k]).T)
            t = constant - (_FREEDOM + _SIZE) / 2 * np.log1p((scaled**2).sum(axis=0) / _FREEDOM)
            t -= np.log(np.diag(factor)).sum()
            plain = -0.5 * (z[own] ** 2).sum(axis=1)
            log[own] = np.logaddexp(np.log(1.0 - _FROM_PRIOR) + t, np.log(_FROM_PRIOR) + plain)
        return np.asarray(log + np.log(self.shares)[lesion])


class Start(NamedTuple):
    """Men of a pool near whom a search starts; they only say where to draw, and are no draws of the search themselves.

    Attributes:
        hidden: coordinates (men, _SIZE); lesions: (men,), indices into LESIONS.
        log_prior: log of the prior over what they were drawn from; fit: log likelihood of each, (men,).
    """

    hidden: np.ndarray
    lesions: np.ndarray
    log_prior: np.ndarray
    fit: np.ndarray


class Search:
    """Rounds of draws until the weights are dependable or the budget ends; `start`: near whom the first draws from."""

    def __init__(self, prior: Population, match: Match, rng: np.random.Generator, start: Start | None = None) -> None:
        self.prior, self.match, self.rng, self.start = prior, match, rng, start
        self.hidden, self.lesions = np.zeros((0, _SIZE)), np.zeros(0, dtype=int)
        self.men, self.true, self.fit = pd.DataFrame(), pd.DataFrame(), np.zeros(0)
        self._shares = prior.lesion_shares()
        self._proposals: list[_Proposal] = []
        self._drawn_from = np.zeros(0)  # log of the sum of the densities of all proposals, of each man

    def run(self) -> tuple[np.ndarray, float]:
        """Draw; return the weights of all men, sum 1, and their Pareto k."""
        fewest = _FEWEST if self.start is None else _FEWEST_FROM
        for done in range(1, _MOST + 1):
            self._round()
            weights, shape = pareto_smoothed(self._log_weights())
            if done >= fewest and shape <= GOOD_SHAPE and self._enough(weights):
                break
        return weights, shape

    def _enough(self, weights: np.ndarray) -> bool:
        """Return whether the men, and those of each lesion that matters, are many enough."""
        parts = [weights[self.lesions == k] for k in range(len(LESIONS))]
        some = all(kish(part) >= LEAST_SIZE for part in parts if part.sum() > _MATTERS)
        return some and kish(weights) >= GOOD_SIZE

    def _round(self) -> None:
        new = self._next()
        z, lesion = new.draw(_DRAWS, self.rng)
        men = pd.DataFrame(self.prior.fields(z, lesion))
        true, fit = self.match(men)
        earlier = [proposal.log_density(z, lesion) for proposal in self._proposals]
        self.hidden, self.lesions = np.vstack([self.hidden, z]), np.concatenate([self.lesions, lesion])
        self.men = pd.concat([self.men, men], ignore_index=True)
        self.true = pd.concat([self.true, true], ignore_index=True)
        self.fit = np.concatenate([self.fit, fit])
        old = np.concatenate([self._drawn_from, np.logaddexp.reduce([np.full(len(z), -np.inf), *earlier])])
        self._drawn_from = np.logaddexp(old, new.log_density(self.hidden, self.lesions))
        self._proposals.append(new)

    def _next(self) -> _Proposal:
        """Return where to draw: at first the prior, or near the men of a pool who match, then where men match so far."""
        possible = self._shares > 0.0
        if not self._proposals and self.start is not None:
            return self._near(*self.start)
        if not self._proposals:
            shares = np.where(possible, np.maximum(self._shares, 0.1), 0.0)
            one = np.broadcast_to(np.eye(_SIZE), (len(LESIONS), _SIZE, _SIZE))
            return _Proposal(shares / shares.sum(), np.zeros((len(LESIONS), _SIZE)), one)
        return self._near(self.hidden, self.lesions, self._log_prior(), self.fit)

    def _near(self, hidden: np.ndarray, lesions: np.ndarray, log_prior: np.ndarray, fit: np.ndarray) -> _Proposal:
        """Return a proposal about men who match: coordinates, lesions, log of prior over what they were drawn from, log likelihood."""
        possible = self._shares > 0.0
        log = log_prior + fit
        whole = np.exp(log - log.max())
        carried = np.bincount(lesions, weights=whole / whole.sum(), minlength=len(LESIONS))
        # The weight of a lesion is as uncertain as its men are few: less likely ones get more than their share.
        shares = np.where(possible, np.sqrt(carried) / np.sqrt(carried).sum() + _LESION_FROM_PRIOR, 0.0)
        about = []
        for k in range(len(LESIONS)):
            own = np.flatnonzero(lesions == k)
            few = len(own) < 2 or not possible[k]
            weights = np.zeros(0) if few else _tempered(log_prior[own], fit[own])
            about.append(_centred(hidden[:0] if few else hidden[own], weights))
        return _Proposal(shares / shares.sum(), *(np.array(part) for part in zip(*about, strict=True)))

    def _log_prior(self) -> np.ndarray:
        """Return the log of the prior of all men over the density that they were drawn from."""
        with np.errstate(divide="ignore"):
            prior = -0.5 * (self.hidden**2).sum(axis=1) + np.log(self._shares)[self.lesions]
        return np.asarray(prior - self._drawn_from)

    def _log_weights(self) -> np.ndarray:
        return self._log_prior() + self.fit


def _tempered(log_prior: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """Return weights of men, softened so that no round collapses onto a few."""

    def at(power: float) -> np.ndarray:
        log = log_prior + power * fit
        weights = np.exp(log - log.max())
        return np.asarray(weights / weights.sum())

    low, high = (1.0, 1.0) if kish(at(1.0)) >= _CARRIED else (0.0, 1.0)
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if kish(at(middle)) >= _CARRIED else (low, middle)
    return at(low)


def _centred(hidden: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and Cholesky factor of weighted men (sum 1), leaning on the prior where few carry the weight."""
    size = kish(weights)
    centre = (weights @ hidden) * size / (size + 1.0)
    off = hidden - centre
    shrunk = (size * (off.T * weights) @ off + _PRIOR_MEN * np.eye(_SIZE)) / (size + _PRIOR_MEN)
    return centre, np.linalg.cholesky(_WIDER * shrunk)
