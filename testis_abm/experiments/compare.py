"""Comparisons: arms with common random numbers, what differs between them with intervals, and which rates made the difference."""

from __future__ import annotations

import os
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.rules import TissueParameters
from testis_abm.experiments.files import Source, read_experiment
from testis_abm.experiments.outputs import COLUMNS, DEFAULT, OUTPUTS, WEEK
from testis_abm.experiments.runner import Progress, execute
from testis_abm.experiments.store import Store, read
from testis_abm.experiments.task import TREATED, UNTREATED, Job, Task, essence
from testis_abm.quantities import clinical, label
from testis_abm.results import report
from testis_abm.results.attribution import NUMBERS, attribute, log_rates, why_sperm
from testis_abm.results.report import aligned
from testis_abm.results.tables import SIGNALS
from testis_abm.results.treatment import basis, last_window
from testis_abm.scenario import Scenario, load
from testis_abm.statistics import deterministic, nanmean, paired_change
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, TestisError, shown


@dataclass(frozen=True)
class Comparison:
    """Arms beside the first of them.

    Attributes:
        title: of the experiment; arms: names; replicates: pairs.
        courses: a row an arm, replicate and week: outputs (COLUMNS).
        effects: a row an arm (but the first) and output, in its `unit`: level of the first arm (`reference`) and of this one, change
            in % with its 95 % interval, and `worth`, how many times the replicates that unpaired arms would need for it.
        attribution: arm -> what each rate adds to the difference in sperm output, by signal, and by `numbers` of the tissue that differ.
        why: arm -> what became of its sperm production and why, in the words of a run.
        failed: a row a run that failed, with its error; its replicate is left out in all arms.
    """

    title: str
    arms: tuple[str, ...]
    replicates: int
    courses: pd.DataFrame
    effects: pd.DataFrame
    attribution: Mapping[str, pd.DataFrame]
    why: Mapping[str, str]
    failed: pd.DataFrame

    def __repr__(self) -> str:
        return f"<Comparison {self.title!r}: {', '.join(self.arms)}; {self.replicates} replicates; print(_.text())>"

    def text(self) -> str:
        """Return the table and the reasons."""
        lines = [f"{self.title}: {self.replicates} replicates, arms paired by common random numbers"]
        for arm in self.arms[1:]:
            of = self.effects[self.effects["arm"] == arm].set_index("output")
            rows = [(label(OUTPUTS[word].column), *_told(of.loc[word], self.replicates)) for word in DEFAULT]
            lines += [
                "",
                aligned([("", self.arms[0], arm, "change", "(95 % interval)", "variance reduction by pairing"), *rows]),
            ]
        rows = self.effects[self.effects["output"].isin(DEFAULT)][["change_pct", "low_pct", "high_pct"]]
        notes = basis(*last_window(float(self.courses["day"].max()))) + " "
        notes += report.replicates(self.replicates, rows.itertuples(index=False, name=None))
        if self.replicates > 2:
            notes += " Variance reduction by pairing: how many times the replicates unpaired arms would need."
        lines += ["", textwrap.fill(notes, 120, initial_indent="  ", subsequent_indent="  ")]
        for arm, why in self.why.items():
            lines.append(textwrap.fill(f"Why, {arm}: {why}.", 120, initial_indent="  ", subsequent_indent="    "))
        lines.append(
            "  Rates explain sperm production at steady state; concentration also follows from volume, transit and what is in store."
        )
        if len(self.failed):
            lines.append(f"  {len(self.failed)} runs failed: {self.failed['error'].iloc[0]}")
        return "\n".join(lines)


def _told(row: pd.Series, pairs: int) -> tuple[str, ...]:
    """Return both levels, the change with its interval, and the variance reduction by pairing."""
    change, interval = report.change(row["change_pct"], row["low_pct"], row["high_pct"], pairs)
    same = deterministic(row["change_pct"], row["low_pct"], row["high_pct"], pairs)
    worth = f"x{row['worth']:.2g}" if np.isfinite(row["worth"]) and not same else ""
    levels = (report.level(OUTPUTS[str(row.name)].column, row[name]) for name in ("reference", "level"))
    return *levels, change, interval, worth


def read_arms(
    sources: Sequence[Source], overrides: Mapping[str, object] | None = None
) -> tuple[str, dict[str, Scenario]]:
    """Return title and arms of one file with [[arm]], or one arm a scenario file, named by its title.

    Args:
        sources: files, or what else a scenario is made of.
        overrides: dotted path -> value, put into all of them.

    Raises:
        TestisError: fewer than two arms, or arms of different length.
    """
    if len(sources) == 1:
        experiment = read_experiment(sources[0], "compare", (), overrides)
        if len(experiment.arms) < 2:
            raise TestisError(
                f"{sources[0]}: has {len(experiment.arms)} [[arm]]; compare needs two or more, or two or more files"
            )
        return experiment.scenario.title, dict(experiment.arms)
    found: dict[str, Scenario] = {}
    for source in sources:
        scenario = load(source, overrides=overrides)
        name, again = scenario.title, 2
        while name in found:
            name, again = f"{scenario.title} ({again})", again + 1
        found[name] = scenario
    return "Comparison", found


def prepare(arms: Mapping[str, Scenario], replicates: int | None = None) -> tuple[Job, list[Task]]:
    """Return the runs of a comparison.

    Raises:
        TestisError: fewer than two arms, arms of different length, or replicates out of range.
    """
    if len(arms) < 2:
        raise TestisError(f"{len(arms)} arm: compare needs two or more")
    plans = {(case.plan.duration_days, case.plan.baseline_days) for case in arms.values()}
    if len(plans) > 1:
        lengths = ", ".join(
            f"{name}: {case.plan.baseline_days} + {case.plan.duration_days} days" for name, case in arms.items()
        )
        raise TestisError(f"the arms differ in length ({lengths}); give them the same plan")
    plan = next(iter(arms.values())).plan
    count = plan.replicates if replicates is None else guard.argument("replicates", replicates)
    guard.few(count * len(arms), guard.MOST_RUNS, "runs", "use fewer arms or replicates")
    days = tuple(sorted({*range(0, plan.duration_days, WEEK), plan.duration_days}))
    cases = {name: essence(case.as_dict()) for name, case in arms.items()}
    for case in cases.values():
        case["plan"]["seed"] = plan.seed  # all arms have the random draws of the first
    # Arms of one replicate follow one another: they begin at the same steady state.
    tasks = [
        Task(k, replicate, case=name, arms=(TREATED if case.treated else UNTREATED,))
        for replicate in range(count)
        for k, (name, case) in enumerate(arms.items())
    ]
    return Job(cases, days, course=True), tasks


def compare(
    arms: Mapping[str, Source] | Sequence[Source] | Source,
    folder: str | Path | None = None,
    *,
    title: str = "Comparison",
    replicates: int | None = None,
    overrides: Mapping[str, object] | None = None,
    workers: int = 0,
    dask: str = "",
    shard: tuple[int, int] = (1, 1),
    progress: Callable[[Progress], None] | None = None,
) -> Comparison | None:
    """Run arms with common random numbers and compare each with the first; None while shards of it are still to come.

    Args:
        arms: name -> scenario (a Scenario, a mapping, or the path of a file), a list of these, or one file with [[arm]] tables; all
            take the seed and replicates of the first.
        folder: the store; runs that it holds are not repeated (None: nothing is kept).
        title: told above the table; replicates: instead of the plan's.
        overrides: dotted path -> value, as `--set` of the command, put into all arms.
        workers, dask, shard, progress: see runner.execute.

    Raises:
        TestisError: see prepare, Store and execute; or no replicate ended in all arms.
    """
    folder = folder if folder is None else guard.path(folder, "folder")
    guard.running("store", workers, shard, dask)
    cases, own_title = _cases(arms, overrides)
    return _run(cases, folder, own_title or title, replicates, workers, dask, shard, progress)


def _cases(arms: object, overrides: Mapping[str, object] | None) -> tuple[dict[str, Scenario], str]:
    """Return the arms by name, and the title of the file that they were all read from ("" for scenarios of their own).

    Raises:
        TestisError: one that is no scenario.
    """
    if isinstance(arms, str | os.PathLike) or (isinstance(arms, Mapping) and "arm" in arms):
        title, cases = read_arms([arms], overrides)
        return cases, title
    if isinstance(arms, list | tuple):
        return read_arms(arms, overrides)[1], ""
    found = {}
    for name, source in guard.mapping(arms, "arms", '{"control": scenario, "anastrozole": scenario}').items():
        if not isinstance(name, str) or not name.strip():
            raise ScenarioError(f'arms: {shown(name)} is not the name of an arm; write for example "control"')
        with guard.at(name):
            found[name] = load(source, overrides=overrides)
    return found, ""


def _run(
    arms: Mapping[str, Scenario],
    folder: str | Path | None,
    title: str,
    replicates: int | None,
    workers: int,
    dask: str,
    shard: tuple[int, int],
    progress: Callable[[Progress], None] | None,
) -> Comparison | None:
    job, tasks = prepare(arms, replicates)
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return _compared(arms, job, tasks, Path(temporary) / "store", title, workers, dask, shard, progress)
    return _compared(arms, job, tasks, Path(folder), title, workers, dask, shard, progress)


def _compared(
    arms: Mapping[str, Scenario],
    job: Job,
    tasks: list[Task],
    folder: Path,
    title: str,
    workers: int,
    dask: str,
    shard: tuple[int, int],
    progress: Callable[[Progress], None] | None,
) -> Comparison | None:
    store = Store.of(
        folder, job, tasks, {"kind": "compare", "title": title, "arms": list(arms), "outputs": list(DEFAULT)}
    )
    execute(job, tasks, store, workers=workers, dask=dask, shard=shard, progress=progress)
    return None if store.missing() else analyse(arms, read(folder), title)


def analyse(arms: Mapping[str, Scenario], table: pd.DataFrame, title: str) -> Comparison:
    """Compare the arms of a finished store (`store.read`).

    Raises:
        TestisError: no replicate ended in all arms.
    """
    names = tuple(arms)
    failed = table[table["error"] != ""]
    table = table[~table["replicate"].isin(failed["replicate"])].drop(columns="arm").rename(columns={"case": "arm"})
    if table.empty:
        raise TestisError(f"no replicate ended in all arms; {failed['case'].iloc[0]}: {failed['error'].iloc[0]}")
    end = table[table["day"] == table["day"].max()]
    heard = end.groupby("arm")[list(SIGNALS)].mean()
    numbers = {name: _numbers(case) for name, case in arms.items()}
    attribution = {arm: _attributed(heard, names[0], arm, numbers) for arm in names[1:]}
    made = end.groupby("arm")["daily_production_million_g"].mean()
    why = {
        arm: why_sperm(dict(heard.loc[names[0]]), dict(heard.loc[arm]), of, numbers[arm], (made[names[0]], made[arm]))
        for arm, of in attribution.items()
    }
    return Comparison(
        title,
        names,
        table["replicate"].nunique(),
        table[["arm", "replicate", "day", *COLUMNS]].reset_index(drop=True),
        _effects(end, names),
        attribution,
        why,
        failed[["case", "replicate", "error"]].rename(columns={"case": "arm"}).reset_index(drop=True),
    )


def _numbers(case: Scenario) -> TissueParameters:
    """Return the numbers of an arm's tissue."""
    from testis_abm.man.physiology import complete
    from testis_abm.testis.build import tissue_parameters

    return tissue_parameters(complete(parameters.values(case.parameters)), case.man.physiology)[0]


def _attributed(heard: pd.DataFrame, first: str, arm: str, numbers: Mapping[str, TissueParameters]) -> pd.DataFrame:
    """Return what each rate adds: signals under the first arm's numbers of the tissue, then the arm's own numbers."""
    after = dict(heard.loc[arm])
    table = attribute(dict(heard.loc[first]), after, numbers[first])
    own, other = (log_rates(after, numbers[name]) for name in (arm, first))
    table[NUMBERS] = [a - b for a, b in zip(own, other)]
    table["output_change_pct"] = 100.0 * np.expm1(np.log1p(table["output_change_pct"] / 100.0) + table[NUMBERS])
    return table


def _effects(end: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    rows, laboratory = [], Laboratory(parameters.values())
    for word, row in OUTPUTS.items():
        level = {
            name: clinical(row.column, end[end["arm"] == name].sort_values("replicate")[row.column]) for name in names
        }
        first = level[names[0]]
        for name in names[1:]:
            other = level[name]
            change, low, high = paired_change(first, other, laboratory.limit(row.column) * row.factor)
            rows.append(
                (
                    name,
                    word,
                    row.clinical_unit,
                    float(nanmean(first)),
                    float(nanmean(other)),
                    change,
                    low,
                    high,
                    _worth(first, other),
                )
            )
    columns = ["arm", "output", "unit", "reference", "level", "change_pct", "low_pct", "high_pct", "worth"]
    return pd.DataFrame(rows, columns=columns)


def _worth(first: np.ndarray, other: np.ndarray) -> float:
    """Return the variance of an unpaired difference over that of the paired one, on a log scale."""
    if len(first) < 3 or not ((first > 0).all() and (other > 0).all()):
        return float("nan")
    apart = np.log(first).var(ddof=1) + np.log(other).var(ddof=1)
    together = np.log(other / first).var(ddof=1)
    return float(apart / together) if together > 0 else float("nan")
