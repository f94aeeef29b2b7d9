"""Comparisons: arms with common random numbers, what differs between them, and which rates made the difference."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.tissue import TissueParameters
from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments.experiment import Experiment, How, run
from testis_abm.experiments.files import Source, read_experiment
from testis_abm.experiments.hypotheses import over_models_of
from testis_abm.experiments.outputs import COLUMNS, DEFAULT, OUTPUTS, WEEK, output
from testis_abm.experiments.store import read
from testis_abm.experiments.task import Job, Task, essence
from testis_abm.results import plausible, report
from testis_abm.results.attribution import NUMBERS, attribute, log_rates, why_sperm
from testis_abm.results.shown import Shown
from testis_abm.results.tables import SIGNALS
from testis_abm.results.treatment import basis, last_window
from testis_abm.scenario import Scenario, load
from testis_abm.scenario.scenario import marked
from testis_abm.scenario.schema import Plan
from testis_abm.statistics import deterministic, nanmean, paired_change, variance_reduction
from testis_abm.support import files, guard
from testis_abm.support.errors import ScenarioError, TestisError, shown

if TYPE_CHECKING:
    from testis_abm.agents.own_file import OwnFile


@dataclass(frozen=True)
class Comparison(Shown):
    """Arms beside the first of them.

    Attributes:
        title: of the experiment; arms: names; replicates: pairs.
        courses: a row an arm, replicate and week: outputs (COLUMNS).
        effects: a row an arm (but the first) and output, in its `unit`: level of the first arm (`reference`) and of
            this one, change in % with its 95 % interval, `worth`, how many times the replicates that unpaired arms
            would need for it, and `plausible_low_pct` to `plausible_high_pct`, the 90 % interval over plausible models.
        attribution: arm -> what each rate adds to the difference in sperm output, by signal, and by `numbers` of the
            tissue that differ.
        why: arm -> what became of its sperm production and why, in the words of a run.
        failed: a row a run that failed, with its error; its replicate is left out in all arms.
        window: days of which levels are means, where they are not those before the last.
        lost: arm of which every run failed -> the error of the first; it is none of `arms`, which are compared without it.
        plausible: levels and changes over plausible models (results.plausible.COLUMNS) of the arms that need no cells; None
            where the first does, or all others do.
        left_out: arm -> why it is not among them.
        scenarios: arm -> what is done in it.
        unpaired: arms whose replicates have not the man and draws of those of the first.
        more: arm -> its number of replicates, where it has more than the `replicates` first that all arms have.
    """

    title: str
    arms: tuple[str, ...]
    replicates: int
    courses: pd.DataFrame
    effects: pd.DataFrame
    attribution: Mapping[str, pd.DataFrame]
    why: Mapping[str, str]
    failed: pd.DataFrame
    plausible: pd.DataFrame | None
    left_out: Mapping[str, str] = field(default_factory=dict)
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    window: tuple[float, float] | None = None
    unpaired: tuple[str, ...] = ()
    more: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Comparison {self.title!r}: {', '.join(self.arms)}; {report.counted(self.replicates)}; print(_)>"

    @property
    def pairing(self) -> str:
        """Return which arms are pairs with the first, in words."""
        apart, pairs = list(self.unpaired), [arm for arm in self.arms[1:] if arm not in self.unpaired]
        common = "paired by common random numbers"
        if not apart:
            return common
        if not pairs:
            return "not paired"
        return f"{', '.join(pairs)} and {self.arms[0]} {common}; {', '.join(apart)} not"

    def over(self, outputs: Sequence[str] = tuple(OUTPUTS)) -> str:
        """Return what levels and intervals of some outputs are over."""
        effects = self.effects[self.effects["output"].isin(outputs) & ~self.effects["arm"].isin(list(self.unpaired))]
        changes = effects[["change_pct", "low_pct", "high_pct"]].itertuples(index=False, name=None)
        text = f"No interval: no arm is paired with {self.arms[0]}."
        if len(self.unpaired) < len(self.arms) - 1:
            text = report.replicates(self.replicates, changes)
        if self.more:
            first = "replicate 1" if self.replicates == 1 else f"replicates 1 to {self.replicates}"
            has = ", ".join(f"{arm} has {count}" for arm, count in self.more.items())
            text = f"Levels and changes are over {first}, which all arms have ({has}). {text}"
        return text

    def text(self, outputs: Sequence[str] = DEFAULT) -> str:
        """Return the table of some outputs (by any word for them, see OUTPUTS) and the reasons.

        Raises:
            ScenarioError: one is none.
        """
        outputs = [output(word) for word in outputs]
        lines = [
            f"{self.title}: {report.counted(self.replicates)}, {'' if 0 < len(self.unpaired) < len(self.arms) - 1 else 'arms '}{self.pairing}"
        ]
        shown_effects = self.effects[self.effects["output"].isin(outputs)]
        for arm in self.arms[1:]:
            effects = shown_effects[shown_effects["arm"] == arm].set_index("output")
            head = ("", self.arms[0], arm, *plausible.CHANGE, "variance reduction by pairing")
            rows = [_cells(effects.loc[word], self.replicates) for word in outputs]
            kept = [k for k in range(7) if k not in (4, 6) or any(row[k] for row in rows)]
            lines += ["", report.aligned([[row[k] for k in kept] for row in (head, *rows)])]
        window = self.window or last_window(float(self.courses["day"].max()))
        notes = f"{basis(*window)} {self.over(outputs)}"
        if self.replicates > 2 and shown_effects["worth"].notna().any():
            notes += " Variance reduction by pairing: how many times the replicates unpaired arms would need."
        lines += ["", report.note(notes), *self._over_models()]
        lines += [report.note(f"Why, {arm}: {why}.", "    ") for arm, why in self.why.items()]
        lines.append(
            "  Rates explain sperm production at steady state; concentration also follows from volume, transit and "
            "what is in store."
        )
        lines += [report.note(f"{arm}: left out, as every run of it failed: {why}") for arm, why in self.lost.items()]
        others = self.failed[~self.failed["arm"].isin(list(self.lost))]
        lines += [
            f"  {len(others)} runs failed: {arm}: {error}" for arm, error in others[["arm", "error"]].to_numpy()[:1]
        ]
        return "\n".join(lines)

    def _over_models(self) -> Iterator[str]:
        """Yield what the interval over plausible models holds, and why arms have none."""
        if self.plausible is not None:
            yield report.note(plausible.basis(self.plausible))
            for arm in self.arms[1:]:
                told = plausible.verdicts(self.plausible, arm) if arm not in self.left_out else ()
                yield from (report.note(f"{arm}: {text}", "    ") for text in told)
        yield from (report.note(f"Note: {arm}: {why}", "    ") for arm, why in self.left_out.items())


def _cells(row: pd.Series, pairs: int) -> list[str]:
    """Return an output with both levels, the change with its interval, and the variance reduction by pairing."""
    quantity = OUTPUTS[str(row.name)]
    centre, low, high = row[["change_pct", "low_pct", "high_pct"]]
    same = deterministic(centre, low, high, pairs)
    worth = f"x {report.number(row['worth'])}" if np.isfinite(row["worth"]) and not same else ""
    levels = (report.level(quantity.column, row[name]) for name in ("reference", "level"))
    change, interval = report.change(centre, low, high, pairs)
    ends = plausible.ends(centre, row["plausible_low_pct"], row["plausible_high_pct"])
    return [quantity.heading, *levels, change, ends, interval, worth]


def read_arms(arms: object, overrides: Mapping[str, object] | None = None) -> tuple[str, dict[str, Scenario]]:
    """Return the title of the file that holds all arms ("" where they are scenarios of their own), and arms by name.

    Args:
        arms: name -> scenario, a list of scenarios (named by their titles), or one file with [[arm]] tables, also as a
            list of one.
        overrides: dotted path -> value, put into all of them.

    Raises:
        TestisError: fewer than two arms in a file, or one that is no scenario.
    """
    listed = arms if isinstance(arms, list | tuple) else ()
    if len(listed) == 1 or isinstance(arms, str | os.PathLike) or (isinstance(arms, Mapping) and "arm" in arms):
        source: Any = listed[0] if listed else arms
        file = read_experiment(source, "compare", (), overrides)
        if len(file.arms) < 2:
            raise TestisError(
                f"{source}: has {len(file.arms)} [[arm]]; compare needs two or more, or two or more files"
            )
        return file.scenario.title, dict(file.arms)
    cases: dict[str, Scenario] = {}
    for scenario in (load(source, overrides=overrides) for source in listed):
        name, again = scenario.title, 2
        while name in cases:
            name, again = f"{scenario.title} ({again})", again + 1
        cases[name] = scenario
    if listed:
        return "", cases
    for name, source in guard.mapping(arms, "arms", '{"control": scenario, "anastrozole": scenario}').items():
        arm_name(name)
        with guard.at(name):
            cases[name] = load(source, overrides=overrides)
    return "", cases


def arm_name(name: object) -> str:
    """Return the name of an arm.

    Raises:
        ScenarioError: it is none, or not one line.
    """
    if not isinstance(name, str) or not name.strip():
        raise ScenarioError(f'arms: {shown(name)} is not the name of an arm; write for example "control"')
    return guard.line(name, "arms")


def check_lengths(plans: Mapping[str, Plan]) -> None:
    """Make sure that all arms last as long.

    Raises:
        TestisError: they do not.
    """
    if len({(plan.duration_days, plan.baseline_days) for plan in plans.values()}) > 1:
        lengths = ", ".join(f"{name}: {plan.baseline_days} + {plan.duration_days} days" for name, plan in plans.items())
        raise TestisError(f"the arms differ in length ({lengths}); give them the same plan")


@dataclass(frozen=True)
class Arms(Experiment[Comparison]):
    """A comparison as it is run."""

    title: str
    arms: Mapping[str, Scenario]
    job: Job
    tasks: list[Task]

    def about(self) -> dict[str, Any]:
        """Return what its store says of it."""
        return {
            "kind": "compare",
            "title": marked(self.title, *self.arms.values()),
            "arms": list(self.arms),
            "outputs": list(DEFAULT),
        }

    def analyse(self, folder: Path, models: Callable[[int, int], None]) -> Comparison:
        """Compare the arms."""
        title = marked(self.title, *self.arms.values())
        return analyse(self.arms, read(folder), title, models, rules=self.job.rules)


def prepare(
    arms: object,
    replicates: int | None = None,
    overrides: Mapping[str, object] | None = None,
    title: str = "Comparison",
    rules: str | Path | None = None,
) -> Arms:
    """Return the runs of a comparison (see compare).

    Raises:
        TestisError: fewer than two arms, arms of different length, or replicates out of range.
    """
    title = guard.line(title, "title")
    own_title, scenarios = read_arms(arms, overrides)
    if len(scenarios) < 2:
        raise TestisError(f"{len(scenarios)} arm: compare needs two or more")
    plans = {name: case.plan for name, case in scenarios.items()}
    check_lengths(plans)
    plan = next(iter(plans.values()))
    count = plan.replicates if replicates is None else guard.argument("replicates", replicates)
    guard.few(count * len(scenarios), guard.MOST_RUNS, "runs", "use fewer arms or replicates")
    days = tuple(sorted({*range(0, plan.duration_days, WEEK), plan.duration_days}))
    cases = {name: essence(case.as_dict()) for name, case in scenarios.items()}
    for case in cases.values():
        case["plan"]["seed"] = plan.seed  # all arms have the random draws of the first
    # Arms of one replicate follow one another: they begin at the same steady state.
    tasks = [
        Task(k, replicate, case=name, arms=(TREATED if case.treated else UNTREATED,))
        for replicate in range(count)
        for k, (name, case) in enumerate(scenarios.items())
    ]
    own = None
    if rules is not None:
        from testis_abm.agents.own_file import OwnFile

        own = OwnFile.at(rules)
        _ = own.model  # a fault of the file comes before any work
    return Arms(own_title or title, scenarios, Job(cases, days, course=True, rules=own), tasks)


def compare(
    arms: Mapping[str, Source] | Sequence[Source] | Source,
    folder: str | Path | None = None,
    *,
    title: str = "Comparison",
    replicates: int | None = None,
    overrides: Mapping[str, object] | None = None,
    rules: str | Path | None = None,
    **how: Unpack[How],
) -> Comparison | None:
    """Run arms with common random numbers and compare each with the first; None while shards of it are still to come.

    Args:
        arms: name -> scenario (a Scenario, a mapping, or the path of a file), a list of these, or one file with [[arm]]
            tables; all take the seed and replicates of the first.
        folder: the store; runs that it holds are not repeated (None: nothing is kept).
        title: of arms that are not from one file; replicates: instead of the plan's.
        overrides: dotted path -> value, as `--set` of the command, put into all arms.
        rules: a file of Python of the user's own, by whose rules all men live (agents/own_file.py); it is run.
        how: workers, dask, shard, progress: see experiment.How.

    Raises:
        TestisError: see read_arms, prepare and experiment.run; or no replicate ended in all arms.
    """
    with nullcontext(folder) if folder is not None else files.temporary() as place:
        return run(partial(prepare, arms, replicates, overrides, title, rules), place, **how)


def analyse(
    arms: Mapping[str, Scenario],
    table: pd.DataFrame,
    title: str,
    models: Callable[[int, int], None] | None = None,
    rules: OwnFile | None = None,
    known: pd.DataFrame | None = None,
) -> Comparison:
    """Compare the arms of a finished store (`store.read`); `models` is told of plausible models (arms_under_hypotheses).

    `known`: of plausible models what is known of them already (results.plausible.COLUMNS; empty: nothing); None: they are worked out.

    Raises:
        TestisError: no replicate ended in all arms.
    """
    table = table.drop(columns="arm").rename(columns={"case": "arm"})
    failed = table[table["error"] != ""]
    lost = {name: str(failed.loc[failed["arm"] == name, "error"].iloc[0]) for name in _without_end(arms, table)}
    first = next(iter(arms))
    arms = {name: case for name, case in arms.items() if name not in lost}
    names = tuple(arms)
    if first in lost or len(arms) < 2:
        raise TestisError("\n".join(f"{name}: every run failed: {why}" for name, why in lost.items()))
    table = table[
        table["arm"].isin(names) & ~table["replicate"].isin(failed.loc[failed["arm"].isin(names), "replicate"])
    ]
    if table.empty:
        raise TestisError(f"no replicate ended in all arms; {failed['arm'].iloc[0]}: {failed['error'].iloc[0]}")
    end = table[table["day"] == table["day"].max()]
    left: dict[str, str] = {}
    over_models = None
    if rules:  # which plausible models do not know
        left = dict.fromkeys(
            arms, f"lived by rules of your own ({Path(rules.path).name}); no interval over plausible models"
        )
    elif known is not None:
        over_models = known if len(known) else None
    else:
        left, over_models = over_models_of(arms, day=int(end["day"].iloc[0]), progress=models)
    signals = end.groupby("arm")[list(SIGNALS)].mean()
    numbers = {name: _numbers(case) for name, case in arms.items()}
    attribution = {arm: _attributed(signals, names[0], arm, numbers) for arm in names[1:]}
    made = end.groupby("arm")["daily_production_million_g"].mean()
    why = {
        arm: why_sperm(
            dict(signals.loc[names[0]]), dict(signals.loc[arm]), rates, numbers[arm], (made[names[0]], made[arm])
        )
        + _ruled(arms[names[0]], arms[arm])
        for arm, rates in attribution.items()
    }
    return Comparison(
        title,
        names,
        table["replicate"].nunique(),
        table[["arm", "replicate", "day", *COLUMNS]].reset_index(drop=True),
        _effects(end, names, over_models),
        attribution,
        why,
        failed[["arm", "replicate", "error"]].reset_index(drop=True),
        over_models,
        left,
        dict(arms),
        lost,
    )


def _without_end(arms: Mapping[str, Scenario], table: pd.DataFrame) -> list[str]:
    """Return the arms of which no run ended."""
    ended = {*table.loc[table["error"] == "", "arm"]}
    return [name for name in arms if name not in ended]


def _ruled(first: Scenario, arm: Scenario) -> str:
    """Return which rules act in one of two arms alone: what they do by themselves is not among the rates."""
    differ = [rule.label for rule in (*first.rule, *arm.rule) if (rule in first.rule) != (rule in arm.rule)]
    return f"; own rules that differ act beside these rates: {', '.join(differ)}" if differ else ""


def _numbers(case: Scenario) -> TissueParameters:
    """Return the numbers of an arm's tissue."""
    from testis_abm.man.physiology import complete
    from testis_abm.testis.build import tissue_parameters

    return tissue_parameters(complete(case.values()), case.man.physiology)[0]


def _attributed(signals: pd.DataFrame, first: str, arm: str, numbers: Mapping[str, TissueParameters]) -> pd.DataFrame:
    """Return what each rate adds: signals under the first arm's numbers of the tissue, then the arm's own numbers."""
    after = dict(signals.loc[arm])
    table = attribute(dict(signals.loc[first]), after, numbers[first])
    own, other = (log_rates(after, numbers[name]) for name in (arm, first))
    table[NUMBERS] = [a - b for a, b in zip(own, other)]
    table["output_change_pct"] = 100.0 * np.expm1(np.log1p(table["output_change_pct"] / 100.0) + table[NUMBERS])
    return table


def _effects(end: pd.DataFrame, names: Sequence[str], over_models: pd.DataFrame | None) -> pd.DataFrame:
    rows, laboratory = [], Laboratory(parameters.values())
    models = {name: plausible.of_all(over_models, name) for name in names} if over_models is not None else {}
    by_replicate = end.sort_values("replicate").groupby("arm")
    for word, quantity in OUTPUTS.items():
        levels = {name: quantity.clinical(by_replicate.get_group(name)[quantity.column]) for name in names}
        first = levels.pop(names[0])
        for name, level in levels.items():
            change = paired_change(first, level, laboratory.limit(quantity.column) * quantity.factor)
            row: dict[str, Any] = {"arm": name, "output": word, "unit": quantity.clinical_unit}
            row |= {"reference": float(nanmean(first)), "level": float(nanmean(level))}
            row |= dict(zip(("change_pct", "low_pct", "high_pct"), change))
            row |= {"worth": variance_reduction(first, level)}
            ends = dict.fromkeys(("low_pct", "high_pct"), np.nan)
            if name in models and not models[name].empty:
                ends = {at: models[name].loc[quantity.column, at] for at in ends}
            rows.append(row | {f"plausible_{at}": end for at, end in ends.items()})
    return pd.DataFrame(rows)
