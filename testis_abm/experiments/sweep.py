"""Sweeps: a scenario run at every point of a design, with replicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from testis_abm.choices import CELLS, EXPECTED, PARAMETERS, PLAUSIBLE, TABLES, TREATED, UNTREATED
from testis_abm.experiments.design import Design, parse_design
from testis_abm.experiments.experiment import Experiment, How, run
from testis_abm.experiments.files import ExperimentFile, Source, read_experiment
from testis_abm.experiments.swept import Swept as Swept
from testis_abm.experiments.swept import results as results
from testis_abm.experiments.swept import summary as summary
from testis_abm.experiments.task import Job, Task, essence
from testis_abm.man.injuries import warn_if_cells_are_needed
from testis_abm.parameters.tables import NONE, using
from testis_abm.scenario import load
from testis_abm.scenario.scenario import marked
from testis_abm.studies.ensemble import shipped
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, gathered

KEYS = ("over", "method", "samples", "seed", "replicates", "parameters")


class Options(How, total=False):
    """How a sweep is made in Python: keys of its table (docs/experiments.md), and how it is run."""

    outputs: Sequence[str]
    at: object
    engine: str
    method: str
    samples: int
    seed: int
    replicates: int
    parameters: str


_FIXED = {
    "plan.duration": "name the days to look at in at",
    "plan.seed": "replicates have seeds of their own",
    "plan.replicates": "set replicates in the table",
    "plan.engine": "set engine in the table",
}
_SETS = 20  # plausible parameter sets of a sweep of mean-field men


@dataclass(frozen=True)
class Sweep(Experiment[pd.DataFrame]):
    """A sweep as it is run."""

    file: ExperimentFile
    design: Design
    job: Job
    tasks: list[Task]
    title: str

    def about(self) -> dict[str, Any]:
        """Return what its store says of it."""
        axes = self.design.axes
        return {
            "kind": self.file.kind,
            "title": self.title,
            "outputs": list(self.file.outputs),
            "asked": "outputs" in self.file.table,
            "done": self.file.scenario.done,
            "parameters": self.file.table.get("parameters", TABLES),
            "design": {
                "method": self.file.table.get("method", "grid"),
                "paths": [axis.path for axis in axes],
                "units": [axis.unit for axis in axes],
                "log": [axis.log for axis in axes],
                "points": [list(point) for point in self.design.points],
            },
        }

    def analyse(self, folder: Path, models: Callable[[int, int], None]) -> pd.DataFrame:
        """Return the runs."""
        return results(folder)

    def unfinished(self, folder: Path) -> pd.DataFrame:
        """Return the runs so far."""
        return results(folder)


def prepare(source: Source, overrides: Mapping[str, object] | None = None) -> Sweep:
    """Read a sweep; check its paths at the first and last point, and return its runs.

    Raises:
        ScenarioError: a path that does not exist, an empty design, a value that the scenario refuses.
    """
    file = read_experiment(source, "sweep", KEYS, overrides)
    with using(file.scenario.own_tables):
        return _prepared(file)


def _prepared(file: ExperimentFile) -> Sweep:
    engine = file.table.get("engine", CELLS)
    with guard.at(file.name, "sweep"):
        design = parse_design(file.table)
        plausible = guard.word(file.table.get("parameters", TABLES), PARAMETERS, "parameters") == PLAUSIBLE
        # A mean-field man has no random draws to repeat.
        usual = (_SETS if plausible else 1) if engine == EXPECTED else file.scenario.plan.replicates
        replicates = guard.argument("replicates", file.table.get("replicates", usual))
        guard.few(len(design.points) * replicates, guard.MOST_RUNS, "runs", "use fewer points or replicates")
    title = check_axes(file, design, engine)
    arms = (UNTREATED, TREATED) if file.scenario.treated else (UNTREATED,)
    job = Job({"": essence(file.raw)}, file.days, engine, arms)
    models: list[dict[str, Any]] = [{}] * replicates
    if plausible:  # replicate by replicate the same at every point, so that points are paired
        sets = shipped().knowing(file.scenario.parameters).drawn(replicates, file.scenario.plan.seed)
        models = [{"parameters": own.changed, "answers": own.of_some} for own in sets]
    points = range(len(design.points))
    tasks = [Task(k, r, design.overrides(k), **model) for k in points for r, model in enumerate(models)]
    return Sweep(file, design, job, tasks, title)


def check_axes(file: ExperimentFile, design: Design, engine: str) -> str:
    """Put the ends of every axis into the scenario, so that a wrong path or value is refused before anything runs.

    Returns the title, marked if some end lies beyond the evidence.

    Warns where mean-field men are asked about what needs cells.

    Raises:
        ScenarioError: what the scenario says of it.
    """
    place, cases = (file.name, file.kind, "over"), [file.scenario]
    with gathered() as problems:
        for k, axis in enumerate(design.axes):
            if axis.path in _FIXED:
                problems.add(f"{axis.path} is not swept; {_FIXED[axis.path]}", *place)
                continue
            # Of a sampled range a value between the ends too: a field may want whole numbers (name them in a list then).
            sampled = axis.ranged and not axis.values
            ends = [axis.at(x) for x in (0.0, 0.37, 1.0)] if sampled else dict.fromkeys(row[k] for row in design.points)
            try:
                for value in ends:
                    with using(NONE):  # a case carries its tables, which an axis may change
                        cases.append(load(file.raw, overrides={axis.path: value}))
            except ScenarioError as error:
                problems += [problem.without("overrides").at(*place) for problem in error.problems]
    if engine == EXPECTED:
        warn_if_cells_are_needed(cases)
    return marked(file.scenario.title, file.scenario, *cases)


def sweep(
    source: Source, folder: str | Path, *, overrides: Mapping[str, object] | None = None, **how: Unpack[How]
) -> pd.DataFrame | None:
    """Run a sweep (what is missing of it) into a store; return `results`, also while shards are missing.

    Args:
        source: a scenario file with a [sweep] table, or such a mapping.
        folder: the store; runs that it holds are not repeated.
        overrides: dotted path -> value, as `--set` of the command: "man.bmi", "sweep.replicates".
        how: workers, dask, shard, progress: see experiment.How.

    Raises:
        TestisError: see prepare and experiment.run.
    """
    return run(partial(prepare, source, overrides), folder, **how)
