"""What a script or a notebook works with: functions that return results, each of which says, shows, draws and keeps itself.

Of every result `print(result)` says what came of it, a notebook shows the same as tables, `summary()` is that as a
DataFrame, and `plot()` draws it (see pictures.drawing.Look: save, dpi, size).
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments import compare as comparing
from testis_abm.experiments import pulses as pulse_days
from testis_abm.experiments import sensitivity as ranking
from testis_abm.experiments import simulate, trial_result
from testis_abm.experiments import surface as surfaces
from testis_abm.experiments import sweep as sweeps
from testis_abm.experiments import trial as trials
from testis_abm.experiments.compare_runs import Lived, of_runs
from testis_abm.experiments.experiment import How
from testis_abm.experiments.files import Source
from testis_abm.experiments.swept import Swept
from testis_abm.population import report, treated, twin
from testis_abm.results import store
from testis_abm.results.aromatase import by_site
from testis_abm.results.run import Run
from testis_abm.results.shown import Shown
from testis_abm.results.summary import render, summarise
from testis_abm.scenario import Man, Scenario, load
from testis_abm.scenario.composed import composed, read_days, with_therapies
from testis_abm.support import files, guard
from testis_abm.support.errors import ScenarioError, TestisError, shown
from testis_abm.support.notebook import days_lived, parts_done

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from testis_abm.pictures.drawing import Figures, Look


def _as[R](kind: type[R], found: Any) -> R:
    """Return a result as what can be done with it too."""
    return kind(**{part.name: getattr(found, part.name) for part in fields(found)})


def _finished[F: Figure](draw: Callable[[], F], look: Look) -> F:
    """Draw, and give the figure its size, resolution and file."""
    guard.matplotlib()
    from testis_abm.pictures.drawing import finished

    return finished(draw, look)


# ---- one man


class RunResult(Shown, Run):  # noqa: D101
    __doc__ = Run.__doc__

    @classmethod
    def of(cls, run: Run) -> RunResult:
        """Return a run with what can be done with it."""
        return cls(
            scenario=run.scenario,
            tables=run.tables,
            provenance=run.provenance,
            sections=run.sections,
            attribution=run.attribution,
            plausible=run.plausible,
        )

    def text(self) -> str:
        """Return what a run ends with: levels and changes with intervals, why, flags, recovery."""
        return render(self)

    def summary(self) -> pd.DataFrame:
        """Return levels with and without treatment, and changes with intervals (see `summary.summarise`)."""
        return summarise(self)

    def aromatase(self) -> pd.DataFrame:
        """Return how far aromatase is inhibited at each site, and its contribution to serum oestradiol (see `aromatase.by_site`)."""
        return by_site(self)

    def plot(
        self, folder: str | Path | None = None, *, figure: str | None = None, **look: Unpack[Look]
    ) -> Figure | Figures:
        """Return the figures of this run by name, of which a notebook shows all; or one of them.

        Args:
            folder: write each as PNG and SVG there.
            figure: the name of one, such as "hormones", "semen", "tissue" or "tubules".
            look: save, dpi, size of the one (pictures.drawing.Look).

        Raises:
            TestisError: there is no such figure; the folder holds something else than results and their pictures, or
                cannot be written; matplotlib is missing.
        """
        guard.matplotlib()
        from testis_abm.pictures.data import PlotData
        from testis_abm.pictures.drawing import draw_figure, draw_figures

        if figure is None:
            if look:
                raise ScenarioError(
                    f'{next(iter(look))}: is of one figure; name it, figure="semen", or give a folder for all', "plot"
                )
            return draw_figures(self, None if folder is None else store.check_pictures(folder))
        if folder is not None:
            raise ScenarioError("is of all figures; of one give save", "folder")
        data = PlotData.of(self)
        name = guard.word(figure, data.figures(), "figure")
        return _finished(lambda: draw_figure(data, name), look)

    def save(self, folder: str | Path) -> Path:
        """Write everything to `folder`, whole or not at all; return its path (see `store.save`)."""
        return store.save(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> RunResult:
        """Read a result that `save` wrote (see `store.load`)."""
        return cls.of(store.load(folder))


def run(
    scenario: Man | twin.Twin | Scenario | str | Path | Mapping[str, Any],
    *,
    therapies: object = (),
    days: object = None,
    **how: Unpack[simulate.Options],
) -> RunResult:
    """Simulate a man, with what he is given and without.

    Args:
        scenario: a Man, a twin (whose representative virtual patient it is), a Scenario, a mapping as a file has it, the path of a
            scenario file or the name of one that is shipped.
        therapies: a Therapy, a prescription in words ("anastrozole 1 mg daily"), or a list of these; besides those of a scenario.
        days: length of the plan, days or a length of time ("6 months"); default: the scenario's, of a man 180.
        how: seed, replicates, overrides, progress (False: none in a notebook), watch, model, plausible: see simulate.run.

    Returns:
        Tidy tables (SI units in the names of columns), and what they come to; arm "untreated" is the same man with the same random
        draws and no therapy.

    Raises:
        TestisError: what cannot be understood, one line a fault, with its place; a man outside the physical range.
    """
    case = _case(scenario, therapies, days, how.pop("overrides", None))
    with days_lived(case, how):
        return RunResult.of(simulate.run(case, **how))


def _case(source: Any, therapies: object, days: object, overrides: Mapping[str, object] | None = None) -> Scenario:
    """Return the scenario that is run."""
    if isinstance(source, twin.Twin):
        source = source.man()
    if isinstance(source, Man):
        return composed(source, therapies, days, overrides)
    changes = guard.changes(overrides)
    if days is not None:
        changes["plan.duration"] = read_days(days)
    case = load(source, overrides=changes)
    none = isinstance(therapies, list | tuple) and not therapies
    return case if none else with_therapies(case, therapies)


# ---- laboratory values


class TwinResponse(treated.TwinResponse):  # noqa: D101
    __doc__ = treated.TwinResponse.__doc__

    def summary(self) -> pd.DataFrame:
        """Return a row a quantity: medians before and after, median change in % with its 90 % interval, in clinical units."""
        return self.changes()

    def plot(self, **look: Unpack[Look]) -> Figure:
        """Return the figure: each virtual patient a dot, untreated and at the end, with medians and quartiles.

        Raises:
            TestisError: matplotlib is missing, or an argument of `look` (pictures.drawing.Look) is none.
        """

        def draw() -> Figure:
            from testis_abm.pictures.twin import draw

            return draw(self.before, self.after, self.scenario)

        return _finished(draw, look)


class Twin(Shown, twin.Twin):  # noqa: D101
    __doc__ = twin.Twin.__doc__

    def __repr__(self) -> str:
        given = ", ".join(f"{name} {value}" for name, value in self.given.items())
        return f"<Twin of {given}: {self.effective:.0f} virtual patients (effective); print(_)>"

    def text(self) -> str:
        """Return how well the values are matched, what they determine and what they leave open."""
        return report.matches(self, report.clinical_units())

    def summary(self) -> pd.DataFrame:
        """Return each given value beside what the matching men give: median, 90 % interval, deviation in SD."""
        return self.labs()

    def treat(
        self, *therapies: object, days: object = None, men: int = treated.MEN, seed: int = 1, ensemble: bool = True
    ) -> TwinResponse:
        """Return what a therapy would do to the virtual patients who match: `twin.treat("anastrozole 1 mg daily")`.

        Args:
            therapies: prescriptions in words, or of Therapy; several are given together. Or one Scenario, with its plan and
                abstinence (its man is not used).
            days: length of the plan, default 180; of a Scenario its own.
            men: virtual patients who are treated, drawn by weight; seed: of that draw.
            ensemble: whether the spread holds plausible parameter sets and answers too, or the men alone.

        Raises:
            TestisError: a therapy cannot be understood, or an argument is out of range.
        """
        if not therapies:
            raise ScenarioError('name a therapy, for example "anastrozole 1 mg daily"', "treat")
        if len(therapies) == 1 and isinstance(therapies[0], Scenario):
            case = _case(therapies[0], (), days)
        else:
            case = composed(self.man(), list(therapies), days, samples={"assay": self.assay})
        sets = None
        if guard.flag(ensemble, "ensemble"):
            from testis_abm.studies.ensemble import shipped

            sets = shipped()
        return _as(TwinResponse, treated.treated(self, case, sets, men=men, seed=seed))


@wraps(twin.find)
def find_twin(*args: Any, **options: Any) -> Twin:  # noqa: D103 (that of population.twin.find)
    return _as(Twin, twin.find(*args, **options))


# ---- experiments


class Comparison(comparing.Comparison):  # noqa: D101
    __doc__ = comparing.Comparison.__doc__

    def summary(self) -> pd.DataFrame:
        """Return a row an arm (but the first) and output: both levels, change in % with its intervals."""
        return self.effects.set_index(["arm", "output"])

    def plot(self, **look: Unpack[Look]) -> Figure:
        """Return the figure of all arms over time.

        Raises:
            TestisError: matplotlib is missing, or an argument of `look` (pictures.drawing.Look) is none.
        """

        def draw() -> Figure:
            from testis_abm.pictures.experiments import draw_compared

            return draw_compared(self)

        return _finished(draw, look)


def compare(
    arms: Mapping[str, Source | Run] | Any = None,
    folder: str | Path | None = None,
    *,
    title: str = "Comparison",
    replicates: int | None = None,
    overrides: Mapping[str, object] | None = None,
    rules: str | Path | None = None,
    **how: Any,
) -> Comparison | None:
    """Compare arms with the first of them: changes with intervals, and why; None while shards of it are still to come.

    `ta.compare({"none": "fertile_man", "drug": scenario})`, or arms by keyword: `ta.compare(untreated=run.untreated(), treated=run)`.

    Args:
        arms: name -> arm, a list, or one file with [[arm]] tables. An arm is a Scenario, a mapping, the path of a file, the name of
            a shipped scenario, or what `run` returned (its treated man, if it has one). Arms take the seed and replicates of
            the first; replicates of the same man and seed are pairs.
        folder: the store; runs that it holds are not repeated (None: nothing is kept).
        title: of arms that are not from one file; replicates: instead of the plan's.
        overrides: dotted path -> value, put into all arms.
        rules: a file of Python of the user's own, by whose rules all men live; it is run.
        how: workers, dask, shard, progress (experiment.How); any other name is that of an arm.

    Raises:
        TestisError: fewer than two arms, of different length; one that cannot be understood; or what is of arms that are still to
            be run is given with runs.
    """
    named = {name: how.pop(name) for name in [*how] if name not in How.__annotations__}
    if named:
        if arms is not None and not isinstance(arms, Mapping):
            raise ScenarioError(f"{next(iter(named))}: arms are given by name or as a list, not both", "compare")
        arms = {**(arms or {}), **named}
    parts = arms.values() if isinstance(arms, Mapping) else arms if isinstance(arms, list | tuple) else ()
    if any(isinstance(part, Run) for part in parts):
        of_runs_alone = {"folder": folder, "replicates": replicates, "overrides": overrides, "rules": rules, **how}
        for name, value in of_runs_alone.items():
            if value is not None:
                raise ScenarioError("is of arms that are still to be run; some of these have been", name)
        return _as(Comparison, of_runs(_lived(arms), guard.line(title, "title")))
    options: Any = {"title": title, "replicates": replicates, "overrides": overrides, "rules": rules}
    with parts_done(how):
        found = comparing.compare(arms, folder, **options, **how)
    return None if found is None else _as(Comparison, found)


def _lived(arms: Any) -> dict[str, Lived]:
    """Return arms of which some have been run; the others are run with the seed and replicates of the first of these."""
    named: Iterable[tuple[object, Any]] = arms.items() if isinstance(arms, Mapping) else enumerate(arms, 1)
    cases = dict[str, Run | Scenario]()
    for given, arm in named:
        name = comparing.arm_name(given) if isinstance(arms, Mapping) else ""
        with guard.at(name or f"arm {given}"):
            case = arm if isinstance(arm, Run) else _case(arm, (), None)
        name = name or case.title
        if name in cases:
            raise ScenarioError(f"two arms are called {shown(name)}; give them as name -> arm", "compare")
        cases[name] = case
    comparing.check_lengths({name: (of.scenario if isinstance(of, Run) else of).plan for name, of in cases.items()})
    first = next(case for case in cases.values() if isinstance(case, Run))
    lived = dict[str, Lived]()
    for name, case in cases.items():
        with guard.at(name):
            one = (
                case if isinstance(case, Run) else run(case, seed=first.scenario.plan.seed, replicates=first.replicates)
            )
        lived[name] = Lived(one, TREATED if TREATED in one.arms else UNTREATED)
    return lived


class _Kept:
    """A folder that goes with this."""

    def __init__(self) -> None:
        folder = files.temporary()
        self.name = folder.name
        weakref.finalize(self, folder.cleanup)

    def __deepcopy__(self, memo: object) -> _Kept:
        return self  # copies share it

    def __reduce__(self) -> NoReturn:
        raise TestisError(
            "a sweep without a folder of its own cannot be pickled; give ta.sweep a folder, or keep its .table"
        )


@dataclass(frozen=True)
class SweepResult(Shown, Swept):
    """A sweep: levels and changes at every point of its design.

    Attributes:
        folder, title, outputs, days, axes: see experiments.swept.Swept.
    """

    _kept: _Kept | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        paths = ", ".join(axis.path for axis in self.axes)
        return f"<SweepResult {self.manifest['title']!r} over {paths}: {self.manifest['runs']:,} runs; print(_)>"

    @property
    def table(self) -> pd.DataFrame:
        """The runs with the values of the axes: a row a run, arm and day, SI units in the names of columns."""
        return sweeps.results(self.folder)

    def text(self) -> str:
        """Return points, levels and changes with intervals on the last day."""
        runs = self.table
        failed = runs[runs["error"] != ""].drop_duplicates(["point", "replicate"])
        return self.report(self.summary(), failed)

    def plot(self, **look: Unpack[Look]) -> Figure | Figures:
        """Return the figure: lines over one axis, a map over two; of more axes `Figures`, one an axis.

        Raises:
            TestisError: matplotlib is missing, no run has ended, or an argument of `look` (pictures.drawing.Look) is none.
        """
        guard.matplotlib()
        from testis_abm.pictures.experiments import draw_swept

        table = self.summary()
        if table.empty:
            raise TestisError(f"{self.folder}: no run has ended; nothing can be drawn")
        figures = draw_swept(self, table)
        if len(figures) > 1:
            if look:
                raise ScenarioError(f"{next(iter(look))}: is of one figure; these are {len(figures)}", "plot")
            return figures
        return _finished(lambda: next(iter(figures.values())), look)


def sweep(
    source: Source,
    folder: str | Path | None = None,
    *,
    over: Mapping[str, object] | None = None,
    overrides: Mapping[str, object] | None = None,
    **how: Unpack[sweeps.Options],
) -> SweepResult:
    """Run a scenario at every point of a design (what is missing of it), with replicates.

    `ta.sweep("obese_anastrozole", over={"man.bmi": [26, 34, 42]}, replicates=2)`

    Args:
        source: a scenario file with a [sweep] table, such a mapping; with `over` any scenario.
        folder: the store; runs that it holds are not repeated (None: it lasts as long as the result).
        over: dotted path -> values, or a range {"from": ..., "to": ..., "steps": ...}, as in [sweep]; instead of a file's.
        overrides: dotted path -> value, as `--set` of the command: "man.bmi", "sweep.replicates".
        how: keys of [sweep] (outputs, at, engine, method, samples, seed, replicates, parameters), and workers, dask, shard,
            progress (experiment.How).

    Returns:
        The sweep, of shards what has been run so far.

    Raises:
        ScenarioError: a path that does not exist, an empty design, a value that the scenario refuses. TestisError: the store.
    """
    keys: dict[str, Any] = {name: how.pop(name) for name in [*how] if name not in How.__annotations__}  # type: ignore[misc]
    if unknown := [name for name in keys if name not in sweeps.Options.__annotations__]:
        raise TypeError(f"sweep() takes no {unknown[0]}; known: {', '.join(sweeps.Options.__annotations__)}")
    given: Any = source
    if over is not None:
        case = load(source)
        given = {**case.as_dict(), "sweep": {"over": over, **keys}}
    elif keys:
        overrides = {**guard.changes(overrides), **{f"sweep.{name}": value for name, value in keys.items()}}
    place, kept = _place(folder)
    with parts_done(how):
        sweeps.sweep(given, place, overrides=overrides, **how)  # type: ignore[misc]
    found = Swept.of(place)
    return SweepResult(**{part.name: getattr(found, part.name) for part in fields(found)}, _kept=kept)


def _place(folder: str | Path | None) -> tuple[str | Path, _Kept | None]:
    """Return the folder of a store, or one that lasts as long as what is returned beside it."""
    if folder is not None:
        return folder, None
    kept = _Kept()
    return os.path.join(kept.name, "runs"), kept


class TrialResult(trial_result.Result):  # noqa: D101
    __doc__ = trial_result.Result.__doc__

    def summary(self) -> pd.DataFrame:
        """Return a row an arm and outcome: the effect with its 95 % interval."""
        return self.effects

    def plot(self, **look: Unpack[Look]) -> Figure:
        """Return the figure: the outcome at visits, men by their change, predictors of response, power.

        Raises:
            TestisError: matplotlib is missing, or an argument of `look` (pictures.drawing.Look) is none.
        """

        def draw() -> Figure:
            from testis_abm.pictures.experiments import draw_tried

            return draw_tried(self)

        return _finished(draw, look)


def trial(
    source: Source,
    folder: str | Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    **how: Unpack[How],
) -> TrialResult | None:
    """Run a virtual randomised trial (what is missing of it); None while shards of it are still to come.

    Args:
        source: a scenario file with a [trial] table and [[arm]], or such a mapping.
        folder: the store; runs that it holds are not repeated (None: nothing is kept).
        overrides: dotted path -> value, as `--set` of the command: "trial.men".
        how: workers, dask, shard, progress: see experiment.How.

    Raises:
        TestisError: the design cannot be understood; too few men of the population meet it; the store.
    """
    place, _kept = _place(folder)
    with parts_done(how):
        found = trials.trial(source, place, overrides=overrides, **how)
    return None if found is None else _as(TrialResult, found)


@dataclass(frozen=True)
class SensitivityResult(Shown):
    """Which inputs move an output.

    Attributes:
        table: a row an output and input, most important first (sensitivity.indices); no rows while shards are missing.
        report: in words.
    """

    table: pd.DataFrame
    report: str = field(repr=False)

    def text(self) -> str:
        """Return the ranks in words, and what they rest on."""
        return self.report

    def summary(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def plot(self, **look: Unpack[Look]) -> Figure:
        """Return the figure: inputs ranked, with intervals, an output a panel.

        Raises:
            TestisError: matplotlib is missing, nothing is ranked, or an argument of `look` (pictures.drawing.Look) is none.
        """
        if self.table.empty:
            raise TestisError("no output is ranked; nothing can be drawn")

        def draw() -> Figure:
            from testis_abm.pictures.experiments import draw_ranked

            return draw_ranked(self.table)

        return _finished(draw, look)


def sensitivity(
    source: Source,
    folder: str | Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    **how: Unpack[How],
) -> SensitivityResult:
    """Rank the inputs of a scenario by what they do to its outputs (SALib): run what is missing.

    Args:
        source: a scenario file with a [sensitivity] table, or such a mapping.
        folder, overrides, how: as `sweep`.

    Raises:
        TestisError: SALib is missing; the design cannot be understood; runs failed; the store.
    """
    place, _kept = _place(folder)
    with parts_done(how):
        table = ranking.sensitivity(source, place, overrides=overrides, **how)
    text = ranking.report(place) if table is not None and len(table) else "Runs are still to come."
    return SensitivityResult(table if table is not None else ranking.indices(place), text)


class SurfaceResult(surfaces.Surface):  # noqa: D101
    __doc__ = surfaces.Surface.__doc__

    def plot(self, word: str = surfaces.DEFAULT, **look: Unpack[Look]) -> Figure:
        """Return the figure of an output: map, path of treatment and slices.

        Raises:
            TestisError: matplotlib is missing, there is no such output, or an argument of `look` (pictures.drawing.Look) is none.
        """

        def draw() -> Figure:
            from testis_abm.pictures.surface import draw

            return draw(self, word)

        return _finished(draw, look)


@wraps(surfaces.surface)
def surface(*args: Any, **options: Any) -> SurfaceResult:  # noqa: D103 (that of experiments.surface)
    return _as(SurfaceResult, surfaces.surface(*args, **options))


class PulsesResult(pulse_days.Pulses):  # noqa: D101
    __doc__ = pulse_days.Pulses.__doc__

    def plot(self, **look: Unpack[Look]) -> Figure:
        """Return the figure: LH and testosterone over the hours of the clock.

        Raises:
            TestisError: matplotlib is missing, or an argument of `look` (pictures.drawing.Look) is none.
        """

        def draw() -> Figure:
            from testis_abm.pictures.pulses import draw

            return draw(self)

        return _finished(draw, look)


@wraps(pulse_days.pulses)
def pulses(*args: Any, **options: Any) -> PulsesResult:  # noqa: D103 (that of experiments.pulses)
    return _as(PulsesResult, pulse_days.pulses(*args, **options))
