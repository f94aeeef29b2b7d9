"""Virtual patients who could have given laboratory values: a weighted set of physiologies, and what stays open.

Men are drawn by adaptive importance sampling (search.py) and weighed by how probable the report is of each
(biology/laboratory.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.man.parameter_set import ABSTINENCE
from testis_abm.population.cohort import labs, testis_volume
from testis_abm.population.distribution import COORDINATES, LESIONS, Population
from testis_abm.population.given import as_number
from testis_abm.population.given import values as read_values
from testis_abm.population.search import GOOD_SHAPE, GOOD_SIZE, LEAST_SIZE, WORST_SHAPE, Search, Start
from testis_abm.quantities import DEFAULT_ASSAY, KNOWN, MEASURES, QUANTITIES, Censored, clinical_ratio, column
from testis_abm.scenario.schema import Man
from testis_abm.statistics import kish, resampled, weighted_quantiles
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError

_RARE = 1e-3  # share of the population's men under which it holds hardly any
_AGREES = 1.5  # times: total or progressive motility, free testosterone by calculation or another assay
_ALIKE = 0.4  # SD of the population within which men of a pool are about as old and heavy as one who is sought
_FAR = 3.0  # SD beyond which a value is not explained

Given = float | Censored


def independent(given: Mapping[str, Given], laboratory: Laboratory) -> tuple[dict[str, Given], list[str]]:
    """Return what enters the likelihood, name of MEASURES -> value, and notes on what was read otherwise than written.

    No information counts twice: values that others imply are left out, and a motile count beside concentration and
    volume is the motility that it was worked out from.
    """
    used = {name: value for name, value in given.items() if name in MEASURES}
    notes = []
    for name, value in used.items():
        low = laboratory.understood(column(name, laboratory.assay), _in_column(name, value))
        if isinstance(low, Censored) and not isinstance(value, Censored):
            limit = low.limit / MEASURES[name].factor
            used[name] = Censored(limit)
            notes.append(
                f"{_label(name, laboratory)} {value:g} is read as <{limit:g} {MEASURES[name].unit}, the limit of "
                "quantitation"
            )

    def leave_out(name: str, why: str) -> None:
        if used.pop(name, None) is not None:
            notes.append(f"{_label(name, laboratory)} {why}")

    _count_in_parts(used, leave_out)

    if {"t", "free_t", "shbg"} <= used.keys():
        leave_out("free_t", "is left out: testosterone and SHBG determine it")
    if {"t", "free_t"} <= used.keys():
        notes.append("testosterone and free testosterone share one sample: where they agree it counts twice")
    if used.get("concentration") == 0.0:
        if used.get("tmc") == 0.0:
            leave_out("tmc", "is left out: no sperm were counted")
        for name in ("motility", "morphology"):
            some = used.get(name, 0.0) != 0.0
            leave_out(
                name,
                "is left out: no sperm were counted" + (", which contradicts it; check the report" if some else ""),
            )
    _count_once(used, leave_out, notes)
    for name, (level, off) in implied(given, laboratory).items():
        if abs(off) * laboratory.spread(column(name, laboratory.assay)) > math.log(_AGREES):
            unit = MEASURES[name].unit
            other = "some" if math.isnan(level) else f"{level:.3g} {unit}"
            notes.append(
                f"{_label(name, laboratory)} {given[name]:g} {unit} contradicts the other values, which give {other} "
                f"(deviation {off:+.1f} SD); check the report"
            )
    if "concentration" not in used and "tmc" not in used and 0.0 in (used.get("motility"), used.get("morphology")):
        notes.append("0 % without a concentration may be that of no sperm; give the concentration if it is known")
    return used, notes


def _count_in_parts(used: dict[str, Given], leave_out: Callable[[str, str], None]) -> None:
    """Make of a total sperm count what it adds to concentration or volume, which it is the product of."""
    total, concentration, volume = (used.get(name) for name in ("total_count", "concentration", "volume"))
    if {"concentration", "volume"} <= used.keys():
        leave_out("total_count", "is left out: concentration and volume determine it")
    elif isinstance(total, float) and isinstance(volume, float) and "concentration" not in used:
        leave_out("total_count", f"counts as the concentration that it follows from, {total / volume:.3g} million/mL")
        used["concentration"] = total / volume
    elif isinstance(total, float) and isinstance(concentration, float):
        low, high = MEASURES["volume"].low, MEASURES["volume"].high
        if concentration > 0.0 and low <= total / concentration <= high:
            leave_out("total_count", f"counts as the volume that it follows from, {total / concentration:.3g} mL")
            used["volume"] = total / concentration
        elif total == concentration == 0.0:
            leave_out("total_count", "is left out: no sperm were counted")


def _count_once(used: dict[str, Given], leave_out: Callable[[str, str], None], notes: list[str]) -> None:
    """Make of a total motile count what it adds to the concentration."""
    if not {"tmc", "concentration"} <= used.keys():
        return
    count, concentration, volume = (used.get(name) for name in ("tmc", "concentration", "volume"))
    if "motility" in used and "volume" in used:
        leave_out("tmc", "is left out: concentration, volume and motility determine it")
    elif "motility" in used and count == 0.0:
        leave_out("tmc", "is left out: sperm were counted, and motility says how many of them move")
    elif (
        "motility" not in used and isinstance(count, float) and isinstance(concentration, float) and concentration > 0.0
    ):
        share = (
            0.0 if count == 0.0 else 100.0 * count / (concentration * volume) if isinstance(volume, float) else math.inf
        )
        if share <= MEASURES["motility"].high:
            leave_out("tmc", f"counts as the motility that it follows from, {share:.3g} %")
            used["motility"] = share
    if "tmc" in used:
        notes.append("total motile count and sperm concentration share one count: where they agree it counts twice")


def implied(given: Mapping[str, Given], laboratory: Laboratory) -> dict[str, tuple[float, float]]:
    """Return what other values of the same report give of a value, name -> (value, deviation from the given one in SD).

    Free testosterone follows from testosterone and SHBG, a total motile count from concentration, volume and motility.
    None motile stands for one of the sperm assessed. NaN for a count without a volume, which can only be none or some.
    """
    number = {name: value for name, value in given.items() if not isinstance(value, Censored)}
    found: dict[str, tuple[float, float]] = {}

    def compare(name: str, level: float, least: float) -> None:
        off = math.log(max(level, least) / max(number[name], least)) / laboratory.spread(column(name, laboratory.assay))
        found[name] = level, off

    if {"t", "shbg", "free_t"} <= number.keys():
        free = laboratory.free_testosterone(number["t"], number["shbg"])
        compare("free_t", free, laboratory.limit("free_testosterone_pmol_l") / MEASURES["free_t"].factor)
    if {"concentration", "volume", "total_count"} <= number.keys():
        count = number["concentration"] * number["volume"]
        compare("total_count", count, laboratory.limit("total_count_million"))
    if {"concentration", "tmc"} <= number.keys() and ({"motility", "volume"} <= number.keys() or number["tmc"] == 0.0):
        # With none motile the volume makes no difference.
        total = number["concentration"] * number.get("volume", 1.0)
        if total > 0.0 and "motility" in number:
            compare(
                "tmc", total * number["motility"] / 100.0, total * laboratory.limit("progressive_motility_pct") / 100.0
            )
            if "volume" not in number:
                found["tmc"] = math.nan, found["tmc"][1]
    return found


def _in_column(name: str, value: Given) -> Given:
    """Return a value in the unit of its column."""
    factor = MEASURES[name].factor
    return Censored(value.limit * factor, value.below) if isinstance(value, Censored) else float(value) * factor


def _counted(used: Mapping[str, Given]) -> float | None:
    """Return the concentration of sperm that was reported, million/mL, None if none or no number was."""
    value = used.get("concentration")
    return None if value is None or isinstance(value, Censored) or value == 0.0 else value


def _label(name: str, laboratory: Laboratory) -> str:
    return QUANTITIES[column(name, laboratory.assay)].label


@dataclass(frozen=True)
class Twin:
    """The virtual patients who could have given laboratory values.

    Attributes:
        given: the values, in the units of MEASURES and KNOWN.
        used: those that entered the likelihood (see independent), and `notes` on the others.
        men: physiology, one row a man; lesion: of each.
        true: their untreated levels (course.MORNING and the semen table's names).
        weights: of each man, sum 1; `pareto_k`: shape of their tail.
        misfit: name -> deviation in SD of the men's median, of values that no physiology explains.
        visits: what entered the likelihood of each report, of several; `used` and `given` hold the first of each value.
        rested: days of abstinence before the first report; at_visit: the true levels then, where these are not the usual
            ABSTINENCE of `true`.
        rare: coordinate of the population -> the men's in SD of it, largest first, if the population holds hardly any
            man like them.
        least: effective sample size under which no interval is given.
        prior: the population; laboratory: with the parameters that the search used.
    """

    given: Mapping[str, Given]
    used: Mapping[str, Given]
    notes: tuple[str, ...]
    men: pd.DataFrame
    lesion: pd.Series
    true: pd.DataFrame
    weights: np.ndarray
    pareto_k: float
    misfit: Mapping[str, float]
    prior: Population
    laboratory: Laboratory = field(repr=False)
    rare: Mapping[str, float] = field(default_factory=dict)
    visits: tuple[Mapping[str, Given], ...] = ()
    rested: float = ABSTINENCE
    at_visit: pd.DataFrame | None = field(default=None, repr=False)
    least: float = LEAST_SIZE

    @property
    def seen(self) -> pd.DataFrame:
        """Return the true levels of the men as they came to the first visit."""
        return self.true if self.at_visit is None else self.at_visit

    def of(self, place: np.ndarray) -> Twin:
        """Return the twin of men at `place` among them; weights and what was found of the search stay."""
        men, lesion, true, at_visit = (
            None if part is None else part.iloc[place].reset_index(drop=True)
            for part in (self.men, self.lesion, self.true, self.at_visit)
        )
        return replace(self, men=men, lesion=lesion, true=true, at_visit=at_visit)

    @property
    def assay(self) -> str:
        """Return the assay of oestradiol."""
        return self.laboratory.assay

    @property
    def effective(self) -> float:
        """Return the effective sample size of the weighted set."""
        return kish(self.weights)

    @property
    def dependable(self) -> bool:
        """Return whether enough men carry the weight for intervals to mean something."""
        return self.effective >= self.least and self.pareto_k <= WORST_SHAPE

    @property
    def rough(self) -> bool:
        """Return whether intervals are rough, or not to be had."""
        return self.effective < GOOD_SIZE or self.pareto_k > GOOD_SHAPE

    @property
    def representative(self) -> int:
        """Return the row of the virtual patient who represents all: of the likelier half, the nearest to the weighted mean."""
        fields = [name for name in self.men if np.ptp(self.men[name].to_numpy()) > 0.0]
        logs = np.log(np.maximum(self.men[fields].to_numpy(dtype=float), 1e-6))
        mean = self.weights @ logs
        spread = np.sqrt(self.weights @ (logs - mean) ** 2)
        apart = (((logs - mean) / np.maximum(spread, 1e-6)) ** 2).sum(axis=1)
        likely = self.weights >= np.median(self.weights[self.weights > self.weights.max() * 1e-3])
        return int(np.where(likely, apart, np.inf).argmin())

    def man(self) -> Man:
        """Return the representative virtual patient: one simulated man near the centre of those who match, not the patient.

        Fields are held to their ranges, which a population's tails can leave.
        """
        own, known = self.men.iloc[self.representative], parameters.physiology()
        within = {name: min(max(float(own[name]), known[name].low), known[name].high) for name in self.men}
        return Man(preset="fertile", **within)

    def sample(self, n: int, seed: int = 1) -> pd.DataFrame:
        """Return `n` men drawn by weight (systematic resampling), physiology in columns.

        Raises:
            TestisError: `n` or `seed` is out of range.
        """
        return self.men.iloc[self.places(n, seed)].reset_index(drop=True)

    def sample_lesions(self, n: int, seed: int = 1) -> pd.Series:
        """Return the lesions of the men that `sample` returns."""
        return self.lesion.iloc[self.places(n, seed)].reset_index(drop=True)

    def places(self, n: int, seed: int = 1) -> np.ndarray:
        """Return the places in `men` of the men that `sample` returns, (n,)."""
        return resampled(self.weights, guard.argument("men", n), guard.argument("seed", seed))

    def physiology(self) -> pd.DataFrame:
        """Return each field's median and 90 % interval, and the share of its prior variance that is explained.

        Intervals and shares are NaN where the set is not dependable.
        """
        rng = np.random.default_rng(7)
        before = pd.DataFrame(self.prior.fields(*self.prior.hidden(4000, rng)))
        rows = []
        for name in self.men.columns:
            values, prior = self.men[name].to_numpy(), before[name].to_numpy()
            if np.ptp(prior) == 0.0 and np.ptp(values) == 0.0:
                continue
            middle, low, high = self._middle(values)
            # On a log scale, as the fields are drawn.
            prior_log, log = np.log(np.maximum(prior, 1e-9)), np.log(np.maximum(values, 1e-9))
            wide = float(np.diff(np.quantile(prior_log, [0.16, 0.84]))[0]) / 2.0
            narrow = float(np.diff(weighted_quantiles(log, self.weights, (0.16, 0.84)))[0]) / 2.0
            if wide == 0.0 and low == high == np.median(prior):
                continue  # a field that only lesions move, in men without one
            if wide == 0.0:  # a field that only a lesion moves: few men of the population have it
                wide = float(prior_log.std())
                narrow = float(np.sqrt(self.weights @ (log - self.weights @ log) ** 2))
            explained = 1.0 - min(1.0, (narrow / wide) ** 2) if wide > 0 else 1.0
            rows.append((name, *np.quantile(prior, [0.5]), middle, low, high, explained if self.dependable else np.nan))
        columns = ["field", "population_median", "median", "low", "high", "variance_explained"]
        return pd.DataFrame(rows, columns=columns).set_index("field")

    def labs(self) -> pd.DataFrame:
        """Return each given value, and T/E2, beside what the weighted men give: median, 90 % interval, deviation in SD.

        `beyond` is "<" or ">" of a value given as beyond a limit. The deviation is that of the men's median, or of what
        the other values give of one that did not enter the likelihood; NaN where they give nothing. Low and high are
        NaN where the set is not dependable.
        """
        rows, apart = [], {}
        left_out = implied(self.given, self.laboratory)
        for name, value in self.given.items():
            if name not in MEASURES:
                continue
            predicted, sd = self.predicted(name), np.nan
            limit = value.limit if isinstance(value, Censored) else float(value)
            if name in self.used:
                _, off = apart[name] = self._fit(name)
                sd = self._middle(off)[0]
            elif name in left_out:
                sd = left_out[name][1]
            beyond = value.sign if isinstance(value, Censored) else ""
            rows.append((name, MEASURES[name].unit, limit, beyond, *self._middle(predicted), sd))
        if {"t", "e2"} <= apart.keys() and not any(isinstance(self.used[name], Censored) for name in ("t", "e2")):
            given = float(clinical_ratio(self.given["t"], self.given["e2"]))
            predicted = clinical_ratio(self.predicted("t"), self.predicted("e2"))
            spread = math.hypot(*(self.laboratory.spread(column(name, self.assay)) for name in ("t", "e2")))
            rows.append(
                ("t_e2", "", given, "", *self._middle(predicted), self._middle(np.log(predicted / given) / spread)[0])
            )
        columns = ["lab", "unit", "given", "beyond", "median", "low", "high", "deviation_sd"]
        return pd.DataFrame(rows, columns=columns).set_index("lab")

    def predicted(self, name: str) -> np.ndarray:
        """Return what the laboratory would report on average of each man, in the unit of MEASURES."""
        return self.laboratory.expected(column(name, self.assay), self.seen) / MEASURES[name].factor

    def _fit(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        reported = _in_column(name, self.used[name])
        return self.laboratory.likelihood(column(name, self.assay), reported, self.seen, _counted(self.used))

    def _middle(self, values: np.ndarray) -> tuple[float, float, float]:
        """Return weighted median and 90 % interval of what is there (a man without sperm has no percentage)."""
        there = np.isfinite(values)
        if self.weights[there].sum() < 0.5:
            return np.nan, np.nan, np.nan
        low, middle, high = weighted_quantiles(values[there], self.weights[there], (0.05, 0.5, 0.95))
        return (middle, low, high) if self.dependable else (middle, np.nan, np.nan)


@dataclass(frozen=True)
class Pool:
    """Men of a population drawn once, near whom many searches start.

    Attributes:
        prior: the population; hidden, lesions: of the men; log_prior: of the population over what they were drawn from.
        true: their untreated levels; values: dotted parameters of both.
    """

    prior: Population
    hidden: np.ndarray = field(repr=False)
    lesions: np.ndarray = field(repr=False)
    log_prior: np.ndarray = field(repr=False)
    true: pd.DataFrame = field(repr=False)
    values: Mapping[str, float] = field(repr=False)

    @classmethod
    def draw(cls, population: str, n: int = 20_000, seed: int = 1, values: Mapping[str, float] | None = None) -> Pool:
        """Draw men of a population; rare lesions more often than it has them."""
        values, rng = parameters.all_values(values), np.random.default_rng([seed, 71])
        prior = Population.named(population, values)
        shares = prior.lesion_shares()
        drawn = np.where(shares > 0.0, np.maximum(shares, 0.03), 0.0)
        drawn /= drawn.sum()
        lesions = rng.choice(len(LESIONS), n, p=drawn)
        hidden = rng.standard_normal((n, len(COORDINATES)))
        men = pd.DataFrame(prior.fields(hidden, lesions))
        true = labs(men, values)
        true["testis_volume_ml"] = testis_volume(men, true, values)
        with np.errstate(divide="ignore"):
            log_prior = np.where(shares > 0.0, np.log(shares) - np.log(np.maximum(drawn, 1e-300)), -np.inf)
        kept = [name for name in true if name in QUANTITIES or name == "free_testosterone_nmol_l"]
        return cls(prior, hidden, lesions, log_prior[lesions], true[kept], values)

    def start(self, known: Mapping[str, float], match: Callable[[Mapping[str, np.ndarray]], np.ndarray]) -> Start:
        """Return where a search starts: men about as old and heavy as he is, weighed by `match` of their true levels."""
        # Of prolactin all men of a population have the same.
        known = {name: value for name, value in known.items() if name in COORDINATES}
        far = np.zeros(len(self.hidden))
        for name, value in known.items():
            z = self.hidden[:, COORDINATES.index(name)]
            far += ((z - self.prior.standard(name, value)) / _ALIKE) ** 2
        near = np.argsort(far, kind="stable")[: len(far) // 4] if known else np.arange(len(far))
        fit = match({name: self.true[name].to_numpy()[near] for name in self.true}) - 0.5 * far[near]
        hidden = self.hidden[near].copy()
        for name in known:  # what is given moves the man by itself, and nothing of it is to be sought
            hidden[:, COORDINATES.index(name)] = np.roll(self.hidden[:, COORDINATES.index(name)], 1)[: len(near)]
        return Start(hidden, self.lesions[near], self.log_prior[near], fit)


def find(
    given: object,
    *,
    again: Sequence[object] = (),
    population: str = "clinic",
    assay: str = DEFAULT_ASSAY,
    seed: int = 1,
    values: Mapping[str, float] | None = None,
    pool: Pool | None = None,
) -> Twin:
    """Find the virtual patients of a population who could have given laboratory values.

    Args:
        given: lab ("t", "e2", "lh", "fsh", "bmi", "concentration", ...) -> value in the units of quantities.GIVEN, or
            text with a unit; a mapping or a row of a table. None, NaN and empty text are missing.
        again: more reports of the same man untreated, each of another day: each counts with the variation of its own
            samples.
        population: prior over men, see distribution.POPULATIONS.
        assay: how oestradiol was measured, "immunoassay" or "lc-ms".
        seed: of the draws.
        values: dotted parameters (default: the table's).
        pool: of the same population and parameters, near whose men the search starts; it makes many searches faster.

    Raises:
        TestisError: an assay or a name that is not known, or an implausible value.
    """
    reports, seed = [read_values(given)], guard.argument("seed", seed)
    for k, report in enumerate(again):
        with guard.at("again", str(k + 1)):
            reports.append(read_values(report))
    values = parameters.all_values(values)
    laboratory = Laboratory(values, assay)
    if pool is not None and (pool.prior.name != population or dict(pool.values) != dict(values)):
        raise ScenarioError("is of another population or other parameters; draw it with Pool.draw", "pool")
    first = {name: value for report in reversed(reports) for name, value in report.items()}
    read = [independent(report, laboratory) for report in reports]
    visits = [used for used, _ in read]
    used = {name: value for report in reversed(visits) for name, value in report.items()}
    notes = dict.fromkeys(note for _, own in read for note in own)
    known = {name: as_number(first[name]) for name in KNOWN if name in first}
    if "prolactin" in known:
        notes[f"prolactin {known['prolactin']:g} ug/L is taken as it is, and as normal where it is not given"] = None
        known["prolactin"] /= values["axis.prolactin_reference"]
    rested = [as_number(report.get("abstinence", ABSTINENCE)) for report in reports]
    others = dict.fromkeys(days for days in rested if days != ABSTINENCE)

    def fits(true: Mapping[str, Any], after: Mapping[float, Mapping[str, Any]] | None = None) -> np.ndarray:
        """Return how well levels match: `after` other abstinence than the usual, days -> levels."""
        found = []
        for name in used:
            own, by_days = column(name, assay), dict[float, list[Mapping[str, Given]]]()
            for of, days in zip(visits, rested, strict=True):
                if name in of:
                    by_days.setdefault(days if QUANTITIES[own].sample == "semen" else ABSTINENCE, []).append(of)
            for days, several in by_days.items():
                reported, counted = [_in_column(name, of[name]) for of in several], [_counted(of) for of in several]
                found.append(laboratory.likelihood_of_visits(own, reported, (after or {}).get(days, true), counted))
        return np.asarray(np.sum(found, axis=0))

    def levels(men: pd.DataFrame, days: float = ABSTINENCE) -> pd.DataFrame:
        true = labs(men, values, (days, ABSTINENCE))
        return true.assign(testis_volume_ml=testis_volume(men, true, values)) if "testis_volume" in used else true

    def match(men: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
        men = men.assign(**known)
        true = levels(men)
        return true, fits(true, {days: levels(men, days) for days in others})

    start = None if pool is None else pool.start(known, fits)
    search = Search(Population.named(population, values), match, np.random.default_rng(seed), start)
    weights, shape = search.run()
    kept = np.flatnonzero(weights > 1e-6 * weights.max())
    found = Twin(
        first,
        used,
        tuple(notes),
        search.men.iloc[kept].reset_index(drop=True).assign(**known),
        pd.Series(np.array(LESIONS)[search.lesions[kept]]),
        search.true.iloc[kept].reset_index(drop=True),
        weights[kept] / weights[kept].sum(),
        shape,
        {},
        search.prior,
        laboratory,
        visits=tuple(visits) if len(visits) > 1 else (),
        rested=rested[0],
    )
    if rested[0] != ABSTINENCE:
        found = replace(found, at_visit=levels(found.men, rested[0]))
    found = replace(found, rare=_rare(search.prior, search.hidden[kept], found.weights, known))
    far = found.labs()["deviation_sd"]
    return replace(found, misfit={str(name): float(z) for name, z in far[far.abs() > _FAR].items() if name in used})


def _rare(prior: Population, hidden: np.ndarray, weights: np.ndarray, known: Mapping[str, float]) -> dict[str, float]:
    """Return the coordinates in which weighted men are extreme for a population, empty if it holds enough of them.

    Hardly any: fewer than one man in a thousand has a coordinate as extreme, or lies as far out in all of them
    together.
    """
    from scipy.stats import chi2

    from testis_abm.support.special import ndtri

    hidden = hidden.copy()
    for name, value in known.items():
        if name in COORDINATES:
            hidden[:, COORDINATES.index(name)] = prior.standard(name, value)
    centre = dict(zip(COORDINATES, (weights @ hidden).tolist(), strict=True))
    distance = weighted_quantiles((hidden**2).sum(axis=1), weights, (0.5,))[0]
    far = -float(ndtri(_RARE / 2.0))
    if distance > chi2.isf(_RARE, len(COORDINATES)):
        far = min(far, max(map(abs, centre.values())), 2.0)
    extreme = {name: z for name, z in centre.items() if abs(z) >= far}
    return dict(sorted(extreme.items(), key=lambda item: -abs(item[1])))
