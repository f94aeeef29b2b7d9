"""The men who could have given labs: a weighted set of physiologies, and what the labs leave open.

Adaptive importance sampling in the hidden coordinates of a population: men are drawn, their labs compared with what was
measured (within-man variation and laboratory error are the tolerance), and the next draw centred where men fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from testis_abm import guard, parameters
from testis_abm.body.assay import reported_oestradiol
from testis_abm.errors import Problem, ScenarioError
from testis_abm.guard import Censored
from testis_abm.population.cohort import labs
from testis_abm.population.distribution import COORDINATES, LESIONS, Population
from testis_abm.population.given import values as read_values
from testis_abm.results.tables import clinical_ratio

# What can be given: name -> (column of the true labs, unit, lowest, highest believable value).
MEASURES: Mapping[str, tuple[str, str, float, float]] = {
    "t": ("testosterone_nmol_l", "nmol/L", 0.1, 100.0),
    "free_t": ("free_testosterone_nmol_l", "nmol/L", 0.001, 5.0),
    "e2": ("oestradiol_pmol_l", "pmol/L", 2.0, 2500.0),
    "lh": ("lh_iu_l", "IU/L", 0.02, 150.0),
    "fsh": ("fsh_iu_l", "IU/L", 0.02, 200.0),
    "inhibin_b": ("inhibin_b_pg_ml", "pg/mL", 1.0, 1000.0),
    "shbg": ("shbg_nmol_l", "nmol/L", 2.0, 300.0),
    "concentration": ("concentration_million_ml", "million/mL", 0.0, 600.0),
    "volume": ("volume_ml", "mL", 0.1, 15.0),
    "motility": ("progressive_motility_pct", "%", 0.0, 98.0),
    "morphology": ("normal_forms_pct", "%", 0.0, 60.0),
    "tmc": ("total_motile_count_million", "million", 0.0, 2000.0),
}
KNOWN = {"bmi": ("kg/m2", 16.0, 70.0), "age": ("years", 18.0, 80.0)}
_NOISE = {
    "t": "blood_variation.testosterone", "free_t": "blood_variation.testosterone", "e2": "blood_variation.oestradiol",
    "lh": "blood_variation.lh", "fsh": "blood_variation.fsh", "inhibin_b": "blood_variation.inhibin_b",
    "shbg": "blood_variation.shbg", "volume": "semen_variation.volume", "motility": "semen_variation.motility",
    "morphology": "semen_variation.morphology",
}  # fmt: skip
_ROUNDS, _PER_ROUND, _ENOUGH = 8, 1200, 150.0
_WIDER, _FROM_PRIOR = 1.4, 0.1
_FAR = 3.0  # tolerances beyond which a lab is not explained


def check(given: object) -> dict[str, float]:
    """Return labs in the units of MEASURES and KNOWN, without those that are missing.

    Raises:
        TestisError: for a name that is not a lab, or a value that no living man has.
    """
    found = read_values(given)
    for name, value in found.items():
        if isinstance(value, Censored):
            raise ScenarioError(
                [
                    Problem(
                        (name,),
                        "values beyond a limit of quantitation are not used; leave it out, or give the limit itself",
                    )
                ]
            )
    return {name: value for name, value in found.items() if not isinstance(value, Censored)}


@dataclass(frozen=True)
class Twin:
    """The men who could have given labs.

    Attributes:
        given: the labs, in the units of MEASURES and KNOWN.
        men: physiology, one row a man; lesion: of each.
        true: their untreated labs (expected.COLUMNS and the semen table's names).
        weights: of each man, sum 1.
        misfit: lab -> how many tolerances the best man is away, for labs that no physiology explains.
        prior: the population.
    """

    given: Mapping[str, float]
    men: pd.DataFrame
    lesion: pd.Series
    true: pd.DataFrame
    weights: np.ndarray
    misfit: Mapping[str, float]
    prior: Population
    assay: str
    _hidden: np.ndarray = field(repr=False)

    @property
    def effective(self) -> float:
        """Return how many equal men the weighted set is worth."""
        return float(1.0 / np.sum(self.weights**2))

    def sample(self, n: int, seed: int = 1) -> pd.DataFrame:
        """Return `n` men drawn by weight (systematic resampling), physiology in columns.

        Raises:
            TestisError: `n` or `seed` is out of range.
        """
        return self.men.iloc[self._chosen(n, seed)].reset_index(drop=True)

    def sample_lesions(self, n: int, seed: int = 1) -> pd.Series:
        """Return the lesions of the men that `sample` returns."""
        return self.lesion.iloc[self._chosen(n, seed)].reset_index(drop=True)

    def _chosen(self, n: int, seed: int) -> np.ndarray:
        n, seed = guard.argument("men", n), guard.argument("seed", seed)
        points = (np.arange(n) + np.random.default_rng(seed).random()) / n
        return np.minimum(np.searchsorted(np.cumsum(self.weights), points), len(self.men) - 1)

    def physiology(self) -> pd.DataFrame:
        """Return each field's median and 90 % interval before and after the labs, and how far they determine it (0 to 1)."""
        rng = np.random.default_rng(7)
        before = pd.DataFrame(self.prior.fields(*self.prior.hidden(4000, rng)))
        rows = []
        for name in self.men.columns:
            values, prior = self.men[name].to_numpy(), before[name].to_numpy()
            if np.ptp(prior) == 0.0 and np.ptp(values) == 0.0:
                continue
            low, middle, high = quantiles(values, self.weights, (0.05, 0.5, 0.95))
            # On a log scale, as the fields are drawn.
            prior_log, log = np.log(np.maximum(prior, 1e-9)), np.log(np.maximum(values, 1e-9))
            wide = float(np.diff(np.quantile(prior_log, [0.16, 0.84]))[0]) / 2.0
            narrow = float(np.diff(quantiles(log, self.weights, (0.16, 0.84)))[0]) / 2.0
            if wide == 0.0:  # a field that only a lesion moves: few men of the population have it
                wide = float(prior_log.std())
                narrow = float(np.sqrt(self.weights @ (log - self.weights @ log) ** 2))
            determined = 1.0 - min(1.0, (narrow / wide) ** 2) if wide > 0 else 1.0
            rows.append((name, *np.quantile(prior, [0.5]), middle, low, high, determined))
        columns = ["field", "population_median", "median", "low", "high", "determined"]
        return pd.DataFrame(rows, columns=columns).set_index("field")

    def labs(self) -> pd.DataFrame:
        """Return each given lab, and T/E2, beside what the weighted men give: median, low, high (90 %), and how far off.

        `tolerances` is how far the middle of the men is from the lab, in tolerances (see distance).
        """
        rows, apart = [], {}
        for name, value in self.given.items():
            if name in MEASURES:
                predicted = seen_by(self.true, name, self.assay)
                off, sigma = apart[name] = distance(self.true, name, value, parameters.values(), self.assay)
                rows.append((name, MEASURES[name][1], value, *self._middle(predicted), self._middle(off / sigma)[0]))
        if {"t", "e2"} <= apart.keys():
            (t, t_sigma), (e2, e2_sigma) = apart["t"], apart["e2"]
            given = float(clinical_ratio(np.array(self.given["t"]), np.array(self.given["e2"])))
            far = self._middle((t - e2) / np.hypot(t_sigma, e2_sigma))[0]
            rows.append(("t_e2", "", given, *self._middle(given * np.exp(t - e2)), far))
        columns = ["lab", "unit", "given", "median", "low", "high", "tolerances"]
        return pd.DataFrame(rows, columns=columns).set_index("lab")

    def _middle(self, values: np.ndarray) -> tuple[float, float, float]:
        low, middle, high = quantiles(values, self.weights, (0.05, 0.5, 0.95))
        return middle, low, high


def quantiles(values: np.ndarray, weights: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Return weighted quantiles."""
    order = np.argsort(values)
    heap = np.cumsum(weights[order])
    return np.asarray(np.interp(at, (heap - 0.5 * weights[order]) / heap[-1], values[order]))


def seen_by(true: pd.DataFrame, name: str, assay: str) -> np.ndarray:
    """Return what the laboratory would report on average of a lab, from true values."""
    column = true[MEASURES[name][0]].to_numpy()
    return np.asarray(reported_oestradiol(column, assay, parameters.values())) if name == "e2" else column


def distance(
    true: pd.DataFrame, name: str, measured: float, values: Mapping[str, float], assay: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each man's expectation is from what was measured, log, and the tolerance of that, SD on the same scale.

    Within-man variation, the technician and counting make the tolerance, and an immunoassay's own spread.
    """
    expected = seen_by(true, name, assay)
    if name in ("concentration", "tmc"):
        ml = true["volume_ml"].to_numpy() if name == "tmc" else np.ones(len(expected))
        chamber = 1e3 * values["semen_variation.chamber_dilution"]
        most = values["semen_variation.sperm_counted"]
        counted = np.minimum(most, (expected if measured == 0.0 else measured) / ml * chamber)
        if measured == 0.0:
            return np.sqrt(2.0 * counted), np.ones(len(expected))  # the chance to count none is exp(-counted)
        spread = [values[f"semen_variation.{k}"] for k in ("concentration", "technician")]
        if name == "tmc":
            spread += [values[f"semen_variation.{k}"] for k in ("volume", "motility")]
        sigma = np.sqrt(sum(s * s for s in spread) + 1.0 / np.maximum(counted, 1.0))
    else:
        sigma = np.full(len(expected), values[_NOISE[name]])
        if name == "e2" and assay == "immunoassay":
            sigma = np.hypot(sigma, values["axis.immunoassay_oestradiol_spread"])
    return np.log(np.maximum(expected, 1e-12) / max(measured, 1e-12)), sigma


def _distances(true: pd.DataFrame, given: Mapping[str, float], values: Mapping[str, float], assay: str) -> pd.DataFrame:
    """Return how far each man's expectation is from each lab, in tolerances."""
    far = {}
    for name in given:
        if name in MEASURES:
            off, sigma = distance(true, name, given[name], values, assay)
            far[name] = off / sigma
    return pd.DataFrame(far, index=true.index)


def find(
    given: Mapping[str, object], *, population: str = "clinic", assay: str = "immunoassay", seed: int = 1,
    values: Mapping[str, float] | None = None,
) -> Twin:  # fmt: skip
    """Find the men of a population who could have given labs.

    Args:
        given: lab ("t", "e2", "lh", "fsh", "bmi", "concentration", ...) -> value in the units of MEASURES and KNOWN, or text with
            a unit; a mapping or a row of a table. None, NaN and empty text are missing.
        population: prior over men, see distribution.POPULATIONS.
        assay: how oestradiol was measured, "immunoassay" or "lc-ms".
        seed: of the draws.
        values: dotted parameters (default: the table's).

    Raises:
        TestisError: for labs that are none, or not believable.
    """
    given, seed = check(given), guard.argument("seed", seed)
    assay = guard.word(assay, guard.ASSAYS, "assay")
    values = parameters.values() if values is None else values
    prior, rng = Population.named(population, values), np.random.default_rng(seed)
    search = _Search(prior, given, values, assay, rng)
    for _ in range(_ROUNDS):
        search.round()
        if search.rounds >= 3 and search.effective >= _ENOUGH:
            break
    return search.twin()


class _Search:
    """Rounds of draws; every draw is weighted against the mixture of all rounds (AMIS)."""

    def __init__(
        self,
        prior: Population,
        given: Mapping[str, float],
        values: Mapping[str, float],
        assay: str,
        rng: np.random.Generator,
    ) -> None:
        self.prior, self.given, self.values, self.assay, self.rng = prior, given, values, assay, rng
        self.size = len(COORDINATES)
        self.proposals: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.hidden, self.lesions = np.zeros((0, self.size)), np.zeros(0, dtype=int)
        self.men, self.true, self.fit = pd.DataFrame(), pd.DataFrame(), np.zeros(0)
        self.far = pd.DataFrame()

    @property
    def rounds(self) -> int:
        return len(self.proposals)

    def round(self) -> None:
        """Draw where men fit so far (at first from the prior), and weigh."""
        shares = np.maximum(self.prior.lesion_shares(), 1e-9)
        if not self.proposals:
            mean, spread = np.zeros(self.size), np.eye(self.size)
        else:
            w = self._tempered()
            mean = w @ self.hidden
            off = self.hidden - mean
            spread = _WIDER * (off.T * w) @ off + 0.02 * np.eye(self.size)
            found = np.bincount(self.lesions, weights=w, minlength=len(LESIONS))
            shares = 0.7 * found + 0.3 * shares
        shares = shares / shares.sum()
        self.proposals.append((mean, spread, shares))
        n = _PER_ROUND
        z = self.rng.multivariate_normal(mean, spread, n, method="cholesky")
        from_prior = self.rng.random(n) < _FROM_PRIOR
        z[from_prior] = self.rng.standard_normal((int(from_prior.sum()), self.size))
        lesion = self.rng.choice(len(LESIONS), n, p=shares)
        men = pd.DataFrame(self.prior.fields(z, lesion))
        for name in KNOWN:
            if name in self.given:
                men[name] = float(self.given[name])
        true = labs(men, self.values)
        far = _distances(true, self.given, self.values, self.assay)
        fit = -0.5 * (far.to_numpy() ** 2).sum(axis=1)
        self.hidden, self.lesions = np.vstack([self.hidden, z]), np.concatenate([self.lesions, lesion])
        self.men = pd.concat([self.men, men], ignore_index=True)
        self.true = pd.concat([self.true, true], ignore_index=True)
        self.far = pd.concat([self.far, far], ignore_index=True)
        self.fit = np.concatenate([self.fit, fit])

    def _log_prior(self) -> np.ndarray:
        shares = self.prior.lesion_shares()
        with np.errstate(divide="ignore"):
            return np.asarray(-0.5 * (self.hidden**2).sum(axis=1) + np.log(shares)[self.lesions])

    def _log_proposal(self) -> np.ndarray:
        from scipy.special import logsumexp

        parts = []
        plain = -0.5 * (self.hidden**2).sum(axis=1)
        for mean, spread, shares in self.proposals:
            lower = np.linalg.cholesky(spread)
            scaled = np.linalg.solve(lower, (self.hidden - mean).T)
            normal = -0.5 * (scaled**2).sum(axis=0) - np.log(np.diag(lower)).sum()
            both = np.logaddexp(np.log(1.0 - _FROM_PRIOR) + normal, np.log(_FROM_PRIOR) + plain)
            parts.append(both + np.log(np.maximum(shares, 1e-12))[self.lesions])
        return np.asarray(logsumexp(parts, axis=0) - np.log(len(parts)))

    def _log_weights(self) -> tuple[np.ndarray, np.ndarray]:
        base = self._log_prior() - self._log_proposal()
        return base, self.fit

    @staticmethod
    def _normal(log: np.ndarray) -> np.ndarray:
        w = np.exp(log - log.max())
        return np.asarray(w / w.sum())

    @property
    def effective(self) -> float:
        base, fit = self._log_weights()
        return float(1.0 / np.sum(self._normal(base + fit) ** 2))

    def _tempered(self) -> np.ndarray:
        """Return weights softened until at least 80 men carry them, so that no round collapses onto a lucky few."""
        base, fit = self._log_weights()
        low, high = 0.0, 1.0
        for _ in range(30):
            middle = 0.5 * (low + high)
            enough = 1.0 / np.sum(self._normal(base + middle * fit) ** 2) >= 80.0
            low, high = (middle, high) if enough else (low, middle)
        return self._normal(base + (1.0 if high == 1.0 else low) * fit)

    def twin(self) -> Twin:
        """Return the weighted men, the far outliers left out."""
        base, fit = self._log_weights()
        w = self._normal(base + fit)
        best = self.far.iloc[int(np.argmax(fit))]
        misfit = {name: float(value) for name, value in best.items() if abs(value) > _FAR}
        kept = np.flatnonzero(w > 1e-6 * w.max())
        w = w[kept] / w[kept].sum()
        return Twin(
            dict(self.given), self.men.iloc[kept].reset_index(drop=True),
            pd.Series(np.array(LESIONS)[self.lesions[kept]]), self.true.iloc[kept].reset_index(drop=True), w, misfit,
            self.prior, self.assay, self.hidden[kept],
        )  # fmt: skip
