"""What a therapy would do to all men of a table: a prediction a man, on all cores, kept as they end; a stopped run goes on.

Of each man some of his virtual patients (twins.Found) are treated, each under a plausible parameter set of his own, as
population.predict does it of one man. Levels are expected ones, without errors of measurement.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.choices import EXPECTED, TREATED
from testis_abm.experiments.experiment import Experiment, How, run
from testis_abm.experiments.store import read
from testis_abm.experiments.task import Job, Row, Task, essence
from testis_abm.experiments.twins import Found
from testis_abm.parameters.tables import NONE, using
from testis_abm.population.predict import READOUTS, SHOWN, SPERM, YES_OR_NO, predict, predict_with, with_sperm
from testis_abm.quantities import QUANTITIES
from testis_abm.results.shown import Shown
from testis_abm.scenario import Scenario, load
from testis_abm.statistics import LEAST_MEN, cannot_say, spread_of_men
from testis_abm.studies.ensemble import shipped
from testis_abm.support import guard

MEN = 24  # virtual patients of each man who are treated
RISE = 20.0  # %: of a level beyond which he responds
_WHEN = "before", "after"
_COLUMNS = (*SHOWN, *READOUTS)
_COUNT = "total_motile_count_million"
_LIKELY = 50.0  # %: chance from which a man is predicted to respond
_NAMED = 5  # men at either end who are named


@dataclass(frozen=True)
class ResponseJob(Job):
    """What the predictions of a table share: the one case is the scenario, and whether parameters are spread."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return what is kept of each virtual patient: levels and readouts before and after."""
        return tuple(f"{when}_{name}" for when in _WHEN for name in _COLUMNS)

    def perform(self, task: Task) -> list[Row]:
        """Treat the virtual patients of a man; return a row each: arm, number, levels."""
        case: Any = self.cases[""]
        with using(NONE):  # a case carries its tables
            scenario = _scenario(json.dumps(case["scenario"], sort_keys=True))
        men = pd.DataFrame(json.loads(task.overrides["men"]), columns=[*parameters.physiology()])
        if case["ensemble"]:
            # Other parameter sets of each man, so that those of a whole table are many.
            seed = zlib.crc32(f"{case['seed']} {task.overrides['men']}".encode())
            before, after, _ = predict_with(men, scenario, shipped(), sets=len(men), seed=seed)
        else:
            before, after = predict(men, scenario)
        levels = np.hstack([frame[[*_COLUMNS]].to_numpy(dtype=float) for frame in (before, after)])
        return [(TREATED, k, *row) for k, row in enumerate(levels.tolist())]


@cache
def _scenario(text: str) -> Scenario:
    return load(json.loads(text))


@dataclass(frozen=True)
class Responses(Experiment["Response"]):
    """The predictions of the men of a table.

    Attributes:
        scenario: of the treatment; men: names, of each task; dependable: whether a man's twin is.
        job, tasks: what is run.
    """

    scenario: Scenario
    men: tuple[str, ...]
    dependable: Mapping[str, bool]
    job: Job
    tasks: list[Task]

    def about(self) -> dict[str, Any]:
        """Return what its store says of it."""
        return {"kind": "responses", "title": self.scenario.heading, "outputs": []}

    def analyse(self, folder: Path, models: Callable[[int, int], None]) -> Response:
        """Read what became of each virtual patient."""
        kept = read(folder)
        kept.insert(0, "man", kept["point"].map(dict(enumerate(self.men))))
        failed = kept.loc[kept["error"] != "", ["man", "error"]].reset_index(drop=True)
        lives = kept[kept["error"] == ""].rename(columns={"day": "number"})
        lives = lives[["man", "number", *self.job.columns]].reset_index(drop=True)
        return Response(self.scenario, lives, failed, self.dependable)


def prepare(
    found: Found, scenario: Scenario | str | Mapping[str, Any], *, men: int = MEN, ensemble: bool = True, seed: int = 1
) -> Responses:
    """Return the predictions of the men of a table.

    Args:
        found: their twins.
        scenario: its plan, therapies, abstinence and assay.
        men: virtual patients of each who are treated, at most those that are kept.
        ensemble: spread the predictions over plausible parameter sets too.
        seed: of the parameter sets.

    Raises:
        TestisError: a scenario that cannot be understood, or an argument out of range.
    """
    scenario = load(scenario)
    men, seed = guard.argument("men", men), guard.argument("seed", seed)
    case = {"scenario": essence(scenario.as_dict()) | {"man": {}}, "ensemble": bool(ensemble), "seed": seed}
    table, fields = found.men(), [*parameters.physiology()]
    there = table[table["status"] == "found"] if "dependable" in table else table.iloc[:0]
    names: list[str] = []
    tasks: list[Task] = []
    for name, own in found.sample.groupby("man", sort=False):
        # Evenly spaced ones of a systematic sample are a systematic sample.
        place = (np.arange(min(men, len(own))) * len(own)) // min(men, len(own))
        rows = own[fields].to_numpy(dtype=float)[place].tolist()
        tasks.append(Task(len(names), 0, {"men": json.dumps(rows)}))
        names.append(str(name))
    sure = dict(zip(there["man"].astype(str), there["dependable"].astype(bool))) if len(there) else {}
    return Responses(scenario, tuple(names), sure, ResponseJob({"": case}, (0,), EXPECTED), tasks)


def responses(
    found: Found,
    scenario: Scenario | str | Mapping[str, Any],
    folder: str | Path,
    how: How | None = None,
    **choices: Any,
) -> Response | None:
    """Predict what a therapy does to the men of a table (what is missing of it); None while shards are still to come.

    Args:
        found, scenario: see prepare, as `choices` (men, ensemble, seed).
        folder: the store; a run that was stopped goes on there.
        how: workers, dask, shard, progress (experiment.How).

    Raises:
        TestisError: see prepare and experiment.run.
    """
    return run(lambda: prepare(found, scenario, **choices), folder, **(how or {}))


@dataclass(frozen=True)
class Response(Shown):
    """What a therapy is predicted to do to the men of a table.

    Attributes:
        scenario: of the treatment.
        lives: a row a virtual patient: man, number, levels and readouts (`before_`, `after_`), units as in
            predict.SHOWN and READOUTS.
        failed: men whose prediction failed, with the error.
        dependable: whether a man's twin is; of others no interval and no chance is given.
    """

    scenario: Scenario
    lives: pd.DataFrame = field(repr=False)
    failed: pd.DataFrame
    dependable: Mapping[str, bool] = field(repr=False)

    def table(self, rise: float = RISE) -> pd.DataFrame:
        """Return a row a man and outcome: median and 90 % interval of level before, level after and change.

        Levels are in the unit of reports. The change of a level is in %, of the virtual patients whose level before is
        distinguished from zero; that of a readout is in its own unit. `rises_pct` is the chance that a level rises by
        more than `rise` %: sperm where there were none are a rise. NaN where the man's twin is not dependable, or
        hardly a virtual patient has the outcome.
        """
        rise = guard.number(rise, 0.0, 10_000.0, "rise", "%")
        values = self.scenario.values()
        laboratory, rows = Laboratory(values), []
        for man, own in self.lives.groupby("man", sort=False):
            levels = {
                when: own[[f"{when}_{name}" for name in _COLUMNS]].set_axis([*_COLUMNS], axis=1) for when in _WHEN
            }
            sperm, sure = with_sperm(levels["before"], levels["after"], values), self.dependable.get(str(man), False)
            for name in _COLUMNS:
                first, last = (levels[when][name].to_numpy() for when in _WHEN)
                there = np.isfinite(first) & np.isfinite(last) & (sperm if name in SPERM else True)
                rows.append(
                    {"man": man, "outcome": name, **_outcome(name, first[there], last[there], laboratory, rise)}
                )
                if not sure:
                    rows[-1] |= {key: np.nan for key in rows[-1] if key.endswith(("_low", "_high", "rises_pct"))}
                rows[-1]["dependable"] = sure
        return pd.DataFrame(rows)

    def text(self, rise: float = RISE) -> str:
        """Return in words who is predicted to respond."""
        table = self.table(rise)
        men = table["man"].nunique()
        each = int(self.lives.groupby("man").size().max()) if men else 0
        lines = [
            f"Predicted response of {men:,} men, {each} virtual patients each: {self.scenario.heading}, "
            f"{self.scenario.plan.duration_days} days (expected levels, without errors of measurement)"
        ]
        for name in ("testosterone_nmol_l", "oestradiol_immunoassay_pmol_l", "concentration_million_ml", _COUNT):
            own = table.loc[table["outcome"] == name, "change"].dropna()
            if len(own):
                low, middle, high = np.quantile(own, (0.05, 0.5, 0.95))
                lines.append(
                    f"  {QUANTITIES[name].label}: median change of a man {middle:+.0f} % "
                    f"(90 % of the men: {low:+.0f} to {high:+.0f} %; n = {len(own):,})"
                )
        chance = table[table["outcome"] == _COUNT].set_index("man")["rises_pct"].dropna().sort_values(ascending=False)
        what = f"{QUANTITIES[_COUNT].label} by more than {rise:g} %"
        if chance.empty:
            return "\n".join([*lines, f"  rise of {what}: {cannot_say(0)}"])
        likely = int((chance >= _LIKELY).sum())
        lines.append(
            f"  rise of {what}: more likely than not in {likely:,} of {len(chance):,} men; mean chance {chance.mean():.0f} %"
        )
        few = len(chance) <= 2 * _NAMED
        said = _named(chance) if few else f"{_named(chance[:_NAMED])} ... {_named(chance[-_NAMED:])}"
        lines.append(f"    the likeliest first: {said}")
        left = men - len(chance)
        if left:
            lines.append(f"  without a chance, as too few virtual patients match or have sperm: {left:,}")
        if len(self.failed):
            lines.append(f"  failed: {', '.join(self.failed['man'].head(10))}: {self.failed['error'].iloc[0]}")
        return "\n".join(lines)


def _outcome(
    name: str, first: np.ndarray, last: np.ndarray, laboratory: Laboratory, rise: float
) -> dict[str, str | float]:
    """Return what becomes of an outcome in the virtual patients of a man who have it, `first` before and `last` after."""
    quantity = READOUTS.get(name) or QUANTITIES[name]
    row: dict[str, str | float] = {
        "quantity": quantity.label,
        "unit": quantity.clinical_unit,
        "virtual_patients": len(first),
    }
    if name in YES_OR_NO and len(first) >= LEAST_MEN:  # a man has it or not: his chance, which has no interval
        shares = {"before": first.mean(), "after": last.mean(), "change": (last - first).mean()}
        ends = dict.fromkeys((f"{of}_{end}" for of in shares for end in ("low", "high")), np.nan)
        return row | {"change_unit": quantity.clinical_unit} | shares | ends | {"rises_pct": np.nan}
    for when, level in zip(_WHEN, (first, last)):
        row |= _spread(when, quantity.clinical(level))
    if name in READOUTS:
        return row | {"change_unit": quantity.clinical_unit} | _spread("change", last - first) | {"rises_pct": np.nan}
    change = np.asarray(laboratory.percent_change(name, first, last))
    known = np.isfinite(change)
    up = np.where(known, change > rise, last >= laboratory.limit(name))
    return row | {
        "change_unit": "%",
        **_spread("change", change[known]),
        "rises_pct": 100.0 * float(up.mean()) if len(up) >= LEAST_MEN else np.nan,
    }


def _spread(name: str, values: np.ndarray) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), spread_of_men(values)))


def _named(chance: pd.Series) -> str:
    return ", ".join(f"{man} {value:.0f} %" for man, value in chance.items())


def folder_of(scenario: Scenario, ensemble: bool, seed: int) -> str:
    """Return the name of the folder in which the predictions of a scenario are kept beside the twins."""
    text = json.dumps([essence(scenario.as_dict()), ensemble, seed], sort_keys=True, default=str)
    return f"response-{zlib.crc32(text.encode()):08x}"
