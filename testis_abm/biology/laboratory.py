"""The laboratory: what is reported of a man's true state, and how probable a report is given that state.

One measurement model serves every visit of every command, conditional dosing, replayed studies and the likelihood of a
twin: variation within a man, the assay of oestradiol, limits of quantitation, the technician, the counting chamber, and
percentages that are counts of 200 sperm. Random draws are keyed by (key, day, quantity): neither another quantity nor
another man moves them. Numbers and sources: parameters/model/laboratory.toml, blood_variation and semen_variation
of parameters/model/tract.toml.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from testis_abm.biology.assay import reported_oestradiol
from testis_abm.biology.binding import free_testosterone
from testis_abm.biology.pulses import PULSING, Sampled, usual_log_variance
from testis_abm.biology.readouts import ROWS as ROWS_OF_CELLS
from testis_abm.biology.semen import Semen
from testis_abm.quantities import (
    ASSAYS,
    DEFAULT_ASSAY,
    OESTRADIOL,
    QUANTITIES,
    RATIO,
    TESTOSTERONE_NG_DL,
    Censored,
    clinical_ratio,
)
from testis_abm.support import guard

# Column -> parameters whose CVs make the spread of one sample about the man's level.
VARIATION: Mapping[str, tuple[str, ...]] = {
    "testosterone_nmol_l": ("blood_variation.testosterone",),
    "free_testosterone_pmol_l": ("blood_variation.testosterone",),
    "oestradiol_pmol_l": ("blood_variation.oestradiol",),
    "oestradiol_immunoassay_pmol_l": ("blood_variation.oestradiol",),
    "t_over_e2": ("blood_variation.testosterone", "blood_variation.oestradiol"),
    "t_over_e2_immunoassay": ("blood_variation.testosterone", "blood_variation.oestradiol"),
    "lh_iu_l": ("blood_variation.lh",),
    "fsh_iu_l": ("blood_variation.fsh",),
    "inhibin_b_pg_ml": ("blood_variation.inhibin_b",),
    "shbg_nmol_l": ("blood_variation.shbg",),
    "dihydrotestosterone_nmol_l": ("blood_variation.dihydrotestosterone",),
    "prolactin_ug_l": ("blood_variation.prolactin",),
    "intratesticular_testosterone_nmol_l": ("blood_variation.testosterone",),
    "intratesticular_oestradiol_nmol_l": ("blood_variation.oestradiol",),
    "testis_volume_ml": ("laboratory.testis_volume",),
    "volume_ml": ("semen_variation.volume",),
    "concentration_million_ml": ("semen_variation.concentration", "semen_variation.technician"),
    "total_count_million": ("semen_variation.concentration", "semen_variation.technician", "semen_variation.volume"),
    "total_motile_count_million": (
        "semen_variation.concentration",
        "semen_variation.technician",
        "semen_variation.volume",
        "semen_variation.motility",
    ),
    "progressive_motility_pct": ("semen_variation.motility",),
    "normal_forms_pct": ("semen_variation.morphology",),
    "dna_fragmentation_pct": ("semen_variation.fragmentation",),
    "immature_germ_cells_million_ml": ("semen_variation.concentration", "semen_variation.technician"),
    "immature_germ_cells_million": (
        "semen_variation.concentration",
        "semen_variation.technician",
        "semen_variation.volume",
    ),
}
# Measured by themselves in blood or tissue; the true oestradiol is that of LC-MS/MS, whatever the assay.
BLOOD = (
    "testosterone_nmol_l",
    "oestradiol_pmol_l",
    "lh_iu_l",
    "fsh_iu_l",
    "inhibin_b_pg_ml",
    "shbg_nmol_l",
    "dihydrotestosterone_nmol_l",
    "prolactin_ug_l",
    "intratesticular_testosterone_nmol_l",
    "intratesticular_oestradiol_nmol_l",
)
_STEROIDS = "testosterone", "oestradiol"
SHARES = ("progressive_motility_pct", "normal_forms_pct", "dna_fragmentation_pct")
# Share of sperm -> parameter of the level at which its variation within a man was found, counting included.
_SHARE_AT = {"motility": "tract.motility_reference", "morphology": "tract.morphology_reference"}
_HIGHEST_SHARE = 0.98
_RAREST = 1e-300  # probability: a quantile of nothing is that of the rarest
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_DAY_0 = 100_000  # in keys, which hold no number under 0
_IMPOSSIBLE = -700.0  # log of the least probability that a number holds


def assay(word: object) -> str:
    """Return `word` if it names an assay of oestradiol.

    Raises:
        TestisError: it does not.
    """
    return guard.word(word, tuple(ASSAYS), "assay")


def reported_column(name: str, by: str) -> str:
    """Return the column that a condition means by `name`: oestradiol and T/E2 without an assay are those of `by`."""
    return {"oestradiol": OESTRADIOL[by], "testosterone_over_oestradiol": RATIO[by]}.get(name, name)


@dataclass(frozen=True)
class Laboratory:
    """A laboratory.

    Attributes:
        values: dotted parameter name -> value.
        assay: of the oestradiol that is meant where none is named, "immunoassay" or "lc-ms"; samples are measured by
            both.

    Raises:
        TestisError: for another assay.
    """

    values: Mapping[str, float] = field(repr=False)
    assay: str = DEFAULT_ASSAY

    def __post_init__(self) -> None:
        assay(self.assay)

    @property
    def oestradiol(self) -> str:
        """Return the column of serum oestradiol by this laboratory's assay."""
        return OESTRADIOL[self.assay]

    @property
    def ratio(self) -> str:
        """Return the column of T/E2 by this laboratory's assay."""
        return RATIO[self.assay]

    def column(self, name: str) -> str:
        """Return the column that a condition means by `name`: oestradiol and T/E2 alone are those of this assay."""
        return reported_column(name, self.assay)

    # ---- what is expected of a report

    def limit(self, column: str) -> float:
        """Return the least of a quantity that is distinguished from zero, in the column's unit (0 without a limit)."""
        if column in SHARES:
            return 100.0 / self.values["laboratory.sperm_assessed"]
        row = QUANTITIES.get(column) or ROWS_OF_CELLS.get(column)
        limit = row.limit if row else ""
        return limit if isinstance(limit, float) else self.values[limit] if limit else 0.0

    def without_error(self, true: Mapping[str, Any]) -> dict[str, Any]:
        """Return the report of true levels without error: what follows from them, and no percentages of no sperm."""
        report = {**true, **self.by_assays(true)}
        if "free_testosterone_nmol_l" in true:
            report["free_testosterone_pmol_l"] = 1e3 * true["free_testosterone_nmol_l"]
        if "lh_iu_l" in true:
            report["t_over_lh"] = self.t_over_lh(true["testosterone_nmol_l"], true["lh_iu_l"])
        return self.shares_reported(report) if "concentration_million_ml" in true else report

    def inside(self, true: Mapping[str, Any]) -> dict[str, Any]:
        """Return what follows from total steroids within the testis: free ones and ratios; no ratio to no oestradiol."""
        testosterone, oestradiol = (np.asarray(true[f"intratesticular_{name}_nmol_l"], float) for name in _STEROIDS)
        free_t, free_e2 = (self.values[f"tissue.{name}_free_fraction"] for name in _STEROIDS)
        known = np.where(oestradiol >= self.limit("intratesticular_oestradiol_nmol_l"), oestradiol, np.nan)
        ratio = testosterone / known
        return {
            "free_intratesticular_testosterone_nmol_l": _plain(free_t * testosterone),
            "free_intratesticular_oestradiol_nmol_l": _plain(free_e2 * oestradiol),
            "intratesticular_t_over_e2": _plain(ratio),
            "free_intratesticular_t_over_e2": _plain(ratio * (free_t / free_e2)),
        }

    def by_assays(self, true: Mapping[str, Any]) -> dict[str, Any]:
        """Return oestradiol and T/E2 by both assays of true testosterone and oestradiol; NaN ratios under a limit."""
        testosterone, level = true["testosterone_nmol_l"], true["oestradiol_pmol_l"]
        found = {OESTRADIOL[name]: reported_oestradiol(level, name, self.values) for name in ASSAYS}
        return found | {RATIO[name]: self.t_over_e2(testosterone, found[OESTRADIOL[name]], name) for name in ASSAYS}

    def t_over_e2(self, testosterone: Any, oestradiol: Any, by: str | None = None) -> Any:
        """Return T/E2 of what was reported (nmol/L, pmol/L), ng/dL per pg/mL; NaN where either is under its limit."""
        low = self.limit("testosterone_nmol_l"), self.limit(OESTRADIOL[by or self.assay])
        measurable = (np.asarray(testosterone) >= low[0]) & (np.asarray(oestradiol) >= low[1])
        return _plain(np.where(measurable, clinical_ratio(testosterone, oestradiol), np.nan))

    def t_over_lh(self, testosterone: Any, lh: Any) -> Any:
        """Return T/LH of what was reported (nmol/L, IU/L), ng/dL per IU/L; NaN where either is under its limit."""
        levels = np.asarray(testosterone, dtype=float), np.asarray(lh, dtype=float)
        measurable = (levels[0] >= self.limit("testosterone_nmol_l")) & (levels[1] >= self.limit("lh_iu_l"))
        with np.errstate(divide="ignore", invalid="ignore"):
            return _plain(np.where(measurable, TESTOSTERONE_NG_DL * levels[0] / levels[1], np.nan))

    def shares_reported(self, semen: Mapping[str, Any]) -> dict[str, Any]:
        """Return a semen analysis in which men without visible sperm have no percentages (NaN)."""
        sperm = np.asarray(semen["concentration_million_ml"], dtype=float) >= self.limit("concentration_million_ml")
        return {
            name: _plain(np.where(sperm, value, np.nan)) if name.removeprefix("expected_") in SHARES else value
            for name, value in semen.items()
        }

    def percent_change(self, column: str, before: Any, after: Any) -> Any:
        """Return the change from `before` to `after` (the column's unit) in %; NaN from a level under the limit."""
        first, last = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
        measurable = first >= max(self.limit(column), np.finfo(float).tiny)
        with np.errstate(divide="ignore", invalid="ignore"):
            return _plain(np.where(measurable, 100.0 * (last / first - 1.0), np.nan))

    # ---- a sample

    def blood(
        self, true: Mapping[str, Any], key: Sequence[int], day: int, sampled: Sampled | None = None
    ) -> dict[str, Any]:
        """Return what is reported of a blood sample.

        Args:
            true: columns of BLOOD (at least testosterone and oestradiol) -> true levels of a man, or arrays of many.
            key: of the man or the men; day: of the sample.
            sampled: at what hour, of one man; LH and testosterone are then those of his pulses, and vary no further than
                from day to day. None: they have the means of the day, and all of the variation within a man.

        Returns:
            The columns given, as reported (half the limit under it), oestradiol of the same sample by both assays;
                T/E2, T/LH and
            free testosterone worked out from them as laboratories do. NaN where a ratio has a part under its limit.
        """
        seen: dict[str, Any] = {}
        if sampled is not None:
            true = {**true, **sampled.levels((*key, day + _DAY_0))}
        for column in BLOOD:
            if column in true:
                sigma = self.log_sd(column) if sampled is None else self.log_sd_from_day_to_day(column)
                level = true[column] * _varied(sigma, key, day, column, np.shape(true[column]))
                if column == "oestradiol_pmol_l":
                    other = OESTRADIOL["immunoassay"]
                    seen[other] = self._quantified(other, reported_oestradiol(level, "immunoassay", self.values))
                seen[column] = self._quantified(column, level)
        testosterone = seen["testosterone_nmol_l"]
        seen |= {RATIO[by]: self.t_over_e2(testosterone, seen[OESTRADIOL[by]], by) for by in ASSAYS}
        if "lh_iu_l" in seen:
            seen["t_over_lh"] = self.t_over_lh(testosterone, seen["lh_iu_l"])
        if "shbg_nmol_l" in seen:
            free = self.free_testosterone(testosterone, seen["shbg_nmol_l"])
            seen["free_testosterone_pmol_l"] = self._quantified("free_testosterone_pmol_l", 1e3 * free)
        return seen

    def free_testosterone(self, testosterone: Any, shbg: Any) -> Any:
        """Return free testosterone, nmol/L, as laboratories work it out from testosterone and SHBG (nmol/L)."""
        binding = self.values["axis.shbg_binding"], self.values["axis.albumin_binding"]
        return _plain(_free_testosterone(testosterone, shbg, *binding))

    def semen(self, expected: Semen, key: Sequence[int], day: int) -> Semen:
        """Return the analysis of one ejaculate of a man, or of many men (arrays in `expected`).

        Sperm are counted in the chamber (Poisson), as are immature germ cells, motile and normal ones among those
        assessed (binomial). No sperm counted: the concentration is 0 and there are no percentages (NaN).
        """
        size = np.shape(expected.volume_ml)
        volume = expected.volume_ml * self._vary(("semen_variation.volume",), key, day, "volume", size)
        concentration, sperm = self.count(expected.concentration_million_ml, key, day)
        shares = [
            np.where(np.asarray(concentration) > 0.0, self._share(name, percent / 100.0, sperm, key, day), np.nan)
            for name, percent in (
                ("motility", expected.progressive_motility_pct),
                ("morphology", expected.normal_forms_pct),
                ("fragmentation", expected.dna_fragmentation_pct),
            )
        ]
        immature = self._immature(expected, key, day)
        return Semen.of(*(_plain(value) for value in (volume, concentration, *shares, immature)))

    def _immature(self, expected: Semen, key: Sequence[int], day: int) -> Any:
        """Return the concentration of immature germ cells counted beside the sperm; NaN where it is not known."""
        true, size = np.asarray(expected.immature_germ_cells_million_ml, dtype=float), np.shape(expected.volume_ml)
        known = np.where(np.isnan(true), 0.0, true)
        # The same ejaculate, diluted or not, and the same technician as of the sperm.
        for name in ("concentration", "technician"):
            known = known * self._vary((f"semen_variation.{name}",), key, day, name, size)
        counted = self._counted(known)
        seen = _poisson(counted, draws(key, day, "immature").random(size))
        return np.where(np.isnan(true), np.nan, known * seen / np.maximum(counted, 1e-300))

    def count(self, concentration: Any, key: Sequence[int], day: int) -> tuple[Any, Any]:
        """Return the concentration counted in ejaculates of an expected one, and the one that was in them."""
        size = np.shape(concentration)
        sperm = concentration * self._vary(("semen_variation.concentration",), key, day, "concentration", size)
        read = sperm * self._vary(("semen_variation.technician",), key, day, "technician", size)
        counted = self._counted(read)
        # A drawn uniform, not a drawn count, keeps paired arms in step.
        seen = _poisson(counted, draws(key, day, "chamber").random(size))
        return _plain(read * seen / np.maximum(counted, 1e-300)), sperm

    def visit(self, true: Mapping[str, Any], key: Sequence[int], day: int) -> dict[str, Any]:
        """Return a blood sample and a semen analysis of the same men on a day, by column (see blood and semen)."""
        expected = Semen(**{name: true[name] for name in Semen.__dataclass_fields__})
        return self.blood(true, key, day) | vars(self.semen(expected, key, day))

    def size(self, volume: Any, key: Sequence[int], day: int) -> Any:
        """Return what orchidometer or ultrasound tell of testis volumes, mL."""
        return volume * self._vary(VARIATION["testis_volume_ml"], key, day, "testis", np.shape(volume))

    def _vary(self, names: tuple[str, ...], key: Sequence[int], day: int, stream: str, size: tuple[int, ...]) -> Any:
        return _varied(self._sigma(names), key, day, stream, size)

    def log_sd(self, column: str) -> float:
        """Return the SD on a log scale of one measurement of a quantity (VARIATION), counting apart."""
        return self._sigma(VARIATION[column])

    def log_sd_from_day_to_day(self, column: str) -> float:
        """Return what is left of `log_sd` of a quantity without the pulses of a usual man's morning sample."""
        if column not in PULSING:
            return self.log_sd(column)
        return math.sqrt(max(0.0, self.log_sd(column) ** 2 - usual_log_variance(self.values)[column]))

    def _sigma(self, names: tuple[str, ...]) -> float:
        """Return the SD on a log scale that CVs make together; of shares the part that counting does not explain."""
        total = 0.0
        for name in names:
            cv, short = self.values[name], name.partition(".")[2]
            variance = cv * cv
            if short in _SHARE_AT:
                level = self.values[_SHARE_AT[short]]
                variance = max(0.0, variance - (1.0 - level) / (level * self.values["laboratory.sperm_assessed"]))
            total += math.log1p(variance)
        return math.sqrt(total)

    def _quantified(self, column: str, level: Any) -> Any:
        """Return levels as reported: half the limit stands for "under the limit"."""
        low = self.limit(column)
        return _plain(np.where(np.asarray(level) < low, 0.5 * low, level))

    def _counted(self, concentration: Any) -> Any:
        """Return how many sperm are counted in the chamber of an ejaculate, on average."""
        chamber = 1e3 * self.values["semen_variation.chamber_dilution"]
        return np.minimum(self.values["semen_variation.sperm_counted"], concentration * chamber)

    def _assessed(self, concentration: Any) -> Any:
        """Return how many sperm there are to assess motility and form on: 200, or all in a wet preparation."""
        there = np.floor(1e3 * self.values["laboratory.wet_preparation"] * np.asarray(concentration, dtype=float))
        return np.clip(there, 1.0, self.values["laboratory.sperm_assessed"])

    def _share(self, name: str, share: Any, concentration: Any, key: Sequence[int], day: int) -> Any:
        varied = share * self._vary((f"semen_variation.{name}",), key, day, name, np.shape(share))
        assessed = self._assessed(concentration)
        quantile = draws(key, day, f"{name} counted").random(np.shape(share))
        # A share that is not known stays so.
        return np.where(
            np.isnan(varied), np.nan, _binomial(assessed, np.minimum(_HIGHEST_SHARE, varied), quantile) / assessed
        )

    # ---- how probable a report is

    def understood(self, column: str, reported: float | Censored) -> float | Censored:
        """Return a report as its likelihood takes it: a level under the limit of quantitation, zero too, is "< limit".

        Counts and shares of sperm are what they are: none is a count.
        """
        if isinstance(reported, Censored) or QUANTITIES[column].sample == "semen":
            return reported
        low = self.limit(column)
        return Censored(low) if reported < low else float(reported)

    def likelihood(
        self, column: str, reported: float | Censored, true: Mapping[str, Any], concentration: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how probable a report is for each of many men, and how far he is from it.

        Args:
            column: of the quantity, oestradiol in that of its assay; reported: in the column's unit.
            true: column -> (men,) true levels and expected semen.
            concentration: the one that was reported with a percentage of sperm, million/mL; None if it was not.

        Returns:
            Log likelihood (up to what all men share) and deviation of the man's expectation from the report in SD, both
                (men,).
        """
        reported = self.understood(column, reported)
        if column in SHARES:
            return self._share_likelihood(column, reported, true, concentration)
        if column in ("concentration_million_ml", "total_count_million", "total_motile_count_million"):
            return self._count_likelihood(column, reported, true)
        usual = self._usual(column, self.expected(column, true))
        return _normal(usual, reported, np.full(len(usual), self.spread(column)))

    def likelihood_of_visits(
        self,
        column: str,
        reported: Sequence[float | Censored],
        true: Mapping[str, Any],
        concentrations: Sequence[float | None],
    ) -> np.ndarray:
        """Return the log likelihood of several reports of a quantity, each of its own visit, for each of many men, (men,).

        Each report has the variation of its own sample; what one immunoassay of oestradiol reads too high or low it does
        in all samples of a man alike (axis.immunoassay_oestradiol_spread), so that more of them do not average it out.

        Args:
            reported, concentrations: a visit each; else as `likelihood`.
        """
        if len(reported) > 1 and column == OESTRADIOL["immunoassay"]:
            usual = self._usual(column, self.expected(column, true))
            own = np.full(len(usual), self._sigma(VARIATION[column]))
            shared = np.exp(self.values["axis.immunoassay_oestradiol_spread"] * _NODES)
            with np.errstate(divide="ignore"):
                at = np.log(_WEIGHTS / _WEIGHTS.sum())[:, None] + np.array(
                    [
                        sum(_normal(usual * off, self.understood(column, one), own)[0] for one in reported)
                        for off in shared
                    ]
                )
            return np.asarray(np.logaddexp.reduce(at, axis=0))
        fits = [
            self.likelihood(column, one, true, concentration)[0]
            for one, concentration in zip(reported, concentrations, strict=True)
        ]
        return np.asarray(np.sum(fits, axis=0))

    def likelihood_beside(self, reported: float | Censored, true: Mapping[str, Any], apart: np.ndarray) -> np.ndarray:
        """Return the log likelihood of oestradiol by immunoassay where it is known how far that reads high in each man, (men,).

        `apart` is the log of the factor, which all samples of a man share.
        """
        column = OESTRADIOL["immunoassay"]
        usual = self._usual(column, self.expected(column, true)) * np.exp(apart)
        own = np.full(len(usual), self._sigma(VARIATION[column]))
        return _normal(usual, self.understood(column, reported), own)[0]

    def immunoassay_apart(
        self, reported: Sequence[float | Censored], true: Mapping[str, Any], rng: np.random.Generator
    ) -> np.ndarray:
        """Return how far the immunoassay may read high in each man, log of a factor, drawn given his reports, (men,)."""
        column = OESTRADIOL["immunoassay"]
        wide, own = self.values["axis.immunoassay_oestradiol_spread"], self._sigma(VARIATION[column])
        usual = self._usual(column, self.expected(column, true))
        values = [value for one in reported if not isinstance(value := self.understood(column, one), Censored)]
        precision = 1.0 / max(wide, 1e-9) ** 2 + len(values) / own**2
        off = sum((np.log(value / usual) for value in values), np.zeros(len(usual))) / own**2
        return np.asarray(off / precision + rng.standard_normal(len(usual)) / math.sqrt(precision))

    def _usual(self, column: str, expected: np.ndarray) -> np.ndarray:
        """Return the median of what is reported, of its mean: factors of variation are log-normal, of mean 1."""
        return np.asarray(np.maximum(expected, 1e-12) * math.exp(-0.5 * self._sigma(VARIATION[column]) ** 2))

    def spread(self, column: str) -> float:
        """Return the SD on a log scale of a report about the man's level: sampling, laboratory, immunoassay."""
        sigma = self._sigma(VARIATION[column])
        if column == OESTRADIOL["immunoassay"]:
            sigma = math.hypot(sigma, self.values["axis.immunoassay_oestradiol_spread"])
        return sigma

    def expected(self, column: str, true: Mapping[str, Any]) -> np.ndarray:
        """Return what is reported of a quantity on average, (men,); NaN for percentages of men without sperm."""
        if column in OESTRADIOL.values():
            by = next(name for name, of_assay in OESTRADIOL.items() if of_assay == column)
            return np.asarray(reported_oestradiol(np.asarray(true["oestradiol_pmol_l"]), by, self.values), dtype=float)
        if column == "free_testosterone_pmol_l" and column not in true:
            return 1e3 * np.asarray(true["free_testosterone_nmol_l"], dtype=float)
        if column in SHARES:
            true = self.shares_reported({name: true[name] for name in ("concentration_million_ml", column)})
        return np.asarray(true[column], dtype=float)

    def _count_likelihood(
        self, column: str, reported: float | Censored, true: Mapping[str, Any]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of a count: none has the probability that the chamber holds none, some an error on a log scale."""
        expected = np.maximum(np.asarray(true[column], dtype=float), 0.0)
        concentration = np.maximum(np.asarray(true["concentration_million_ml"], dtype=float), 0.0)
        sigma = self._sigma(VARIATION[column])
        if not isinstance(reported, Censored) and reported == 0.0:
            none = self._none_counted(concentration)
            if column == "total_motile_count_million":
                # Sperm are there, and none of those assessed is motile.
                motionless, _ = self._share_likelihood("progressive_motility_pct", 0.0, true)
                none = np.maximum(none, np.exp(motionless))
            log = np.log(np.maximum(none, math.exp(_IMPOSSIBLE)))
            return log, np.sqrt(np.maximum(0.0, -2.0 * log))
        level = reported.limit if isinstance(reported, Censored) else reported
        per = np.where(concentration > 0.0, expected / np.maximum(concentration, 1e-12), np.nan)
        counted = self._counted(level / np.nan_to_num(per, nan=1.0))
        return _normal(self._usual(column, expected), reported, np.sqrt(sigma**2 + 1.0 / np.maximum(counted, 1.0)))

    def _share_likelihood(
        self, column: str, reported: float | Censored, true: Mapping[str, Any], seen: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of a percentage: a binomial count among the sperm assessed, mixed over the variation within a man.

        One above 0 was counted on as many sperm as the reported concentration `seen` gives, or on a whole count if none
        was reported: then it is the less probable, the less often the man has that many. Where no sperm were counted a
        report of 0 % says nothing, and there is no other.
        """
        from testis_abm.support.special import bdtr, gammaln

        share = np.clip(np.nan_to_num(np.asarray(true[column], dtype=float)) / 100.0, 0.0, _HIGHEST_SHARE)
        concentration = np.asarray(true["concentration_million_ml"], dtype=float)
        level = float(np.clip((reported.limit if isinstance(reported, Censored) else reported) / 100.0, 0.0, 1.0))
        some = level > 0.0 and not (isinstance(reported, Censored) and reported.below)
        n, reached = self._assessed(concentration), np.ones(len(share))
        if some:
            whole = self.values["laboratory.sperm_assessed"]
            if seen is None:
                reached = self._reaches(concentration, whole)
            else:
                whole = max(min(math.ceil(1.0 / level - 1e-9), whole), float(self._assessed(seen)))
            n = np.full(len(share), whole)
        sigma = self._sigma(VARIATION[column])
        p = np.clip(np.outer(share, np.exp(sigma * _NODES - 0.5 * sigma * sigma)), 1e-9, _HIGHEST_SHARE)
        if isinstance(reported, Censored):
            last = np.maximum(np.ceil(level * n - 1e-9) - 1.0, 0.0) if reported.below else np.floor(level * n + 1e-9)
            under = bdtr(last[:, None], n[:, None].astype(int), p)
            mass = under if reported.below else 1.0 - under
        else:
            k = np.maximum(np.round(level * n), 1.0 if some else 0.0)
            log = (gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))[:, None]
            mass = np.exp(log + k[:, None] * np.log(p) + (n - k)[:, None] * np.log1p(-p))
        found = np.maximum(mass @ (_WEIGHTS / _WEIGHTS.sum()), math.exp(_IMPOSSIBLE))
        off = (share - level) / np.sqrt(share * (1.0 - share) / n + (share * sigma) ** 2 + 0.25 / n**2)
        if isinstance(reported, Censored):
            off = np.maximum(off, 0.0) if reported.below else np.minimum(off, 0.0)
        none = self._none_counted(concentration) if seen is None else np.zeros(len(share))
        total = (1.0 - none) * reached * found + none * (level == 0.0)
        return np.log(np.maximum(total, math.exp(_IMPOSSIBLE))), np.where((none > 0.5) & (level == 0.0), 0.0, off)

    def _reaches(self, concentration: np.ndarray, sperm: float) -> np.ndarray:
        """Return the probability that a wet preparation of an ejaculate holds so many `sperm` to assess, (men,).

        In closed form: a step is no function for nodes.
        """
        from testis_abm.support.special import ndtr

        sigma = self._sigma(("semen_variation.concentration",))
        wanted = math.ceil(sperm) / (1e3 * self.values["laboratory.wet_preparation"])
        if sigma == 0.0:
            return np.where(concentration >= wanted, 1.0, 0.0)
        with np.errstate(divide="ignore"):
            return np.asarray(ndtr(np.log(concentration / wanted) / sigma - 0.5 * sigma))

    def _none_counted(self, concentration: np.ndarray) -> np.ndarray:
        """Return the probability that the chamber holds no sperm, (men,)."""
        sigma = self._sigma(VARIATION["concentration_million_ml"])
        mean = np.outer(self._counted(concentration), np.exp(sigma * _NODES - 0.5 * sigma * sigma))
        return np.asarray(np.exp(-mean) @ (_WEIGHTS / _WEIGHTS.sum()))


def draws(key: Sequence[int], day: int, stream: str) -> np.random.Generator:
    """Return the random draws of one quantity on one day: `key` of whole numbers from 0 on."""
    return np.random.default_rng([*key, day + _DAY_0, zlib.crc32(stream.encode())])


def _varied(sigma: float, key: Sequence[int], day: int, stream: str, size: tuple[int, ...]) -> Any:
    """Return log-normal factors of mean 1."""
    return np.exp(sigma * draws(key, day, stream).standard_normal(size) - 0.5 * sigma * sigma)


def _normal(expected: np.ndarray, reported: float | Censored, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log likelihood and deviation (SD) of a level on a log scale; a censored one is anywhere under it."""
    from testis_abm.support.special import log_ndtr

    if isinstance(reported, Censored):
        off = np.log(expected / reported.limit) / sigma
        if reported.below:
            return np.asarray(log_ndtr(-off)), np.maximum(off, 0.0)
        return np.asarray(log_ndtr(off)), np.minimum(off, 0.0)
    off = np.log(expected / reported) / sigma
    return -0.5 * off * off - np.log(sigma), off


_free_testosterone = np.vectorize(free_testosterone, otypes=[float])


def _poisson(mean: Any, quantile: Any) -> Any:
    """Return the quantile of a Poisson distribution: the least whole number whose probability or less reaches it."""
    from testis_abm.support.special import ndtri, pdtr

    mean, quantile = np.broadcast_arrays(np.asarray(mean, dtype=float), np.maximum(quantile, _RAREST))
    z = ndtri(quantile)
    return _least(pdtr, mean + np.sqrt(mean) * z + (z * z - 1.0) / 6.0, quantile, mean)


def _binomial(n: Any, p: Any, quantile: Any) -> Any:
    """Return the quantile of a binomial distribution (see _poisson): that of scipy.stats, which loads as long as a run."""
    from testis_abm.support.special import bdtr, ndtri

    p = np.clip(np.nan_to_num(p), 0.0, 1.0)
    n, p, quantile = np.broadcast_arrays(np.nan_to_num(n), p, np.maximum(quantile, _RAREST))
    z, mean = ndtri(quantile), n * p
    guess = mean + np.sqrt(mean * (1.0 - p)) * z + (z * z - 1.0) * (1.0 - 2.0 * p) / 6.0
    return _least(lambda k, n, p: bdtr(k, n.astype(np.int64), p), np.minimum(guess, n), quantile, n, p)


def _least(reached: Callable[..., np.ndarray], guess: np.ndarray, quantile: np.ndarray, *of: np.ndarray) -> np.ndarray:
    """Return the least whole number up to which the probability reaches a quantile, from a guess that is seldom one off.

    Three times a distribution function cost a sixth of its continuous inverse.
    """
    k, quantile = (np.maximum(0.0, np.rint(guess)) + 0.0).ravel(), quantile.ravel()
    of = tuple(part.ravel() for part in of)
    left = np.arange(k.size)
    while left.size:
        left = left[reached(k[left], *(part[left] for part in of)) < quantile[left]]
        k[left] += 1.0
    left = np.flatnonzero(k > 0.0)
    while left.size:
        left = left[reached(k[left] - 1.0, *(part[left] for part in of)) >= quantile[left]]
        k[left] -= 1.0
        left = left[k[left] > 0.0]
    return k.reshape(guess.shape)


def _plain(value: Any) -> Any:
    """Return a number for a number, an array for an array."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value, dtype=float)
