"""Virtual randomised trials: a screened cohort, randomised, treated, measured with noise and missing visits."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from testis_abm.biology.laboratory import Laboratory
from testis_abm.choices import CELLS, EXPECTED, PARAMETERS, PLAUSIBLE, TREATED, UNTREATED
from testis_abm.experiments import trial_estimates as estimated
from testis_abm.experiments import trial_result
from testis_abm.experiments.experiment import Experiment, How, run
from testis_abm.experiments.files import ExperimentFile, Source, days_of, read_experiment
from testis_abm.experiments.hypotheses import over_models_of
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, output
from testis_abm.experiments.store import read
from testis_abm.experiments.task import STOPPED, Job, Task, essence
from testis_abm.experiments.trial_design import (
    ANCOVA,
    COMPOSITE,
    Design,
    in_turn,
    read_design,
    rise_of,
    sequences,
    stops_of,
)
from testis_abm.experiments.trial_design import KEYS as OF_DESIGN
from testis_abm.experiments.trial_estimates import LEAST, LOST, effect, measured_at_visits, visited
from testis_abm.experiments.trial_result import Result
from testis_abm.experiments.twins import twins
from testis_abm.man.injuries import warn_if_cells_are_needed
from testis_abm.man.parameter_set import parameter, stacked
from testis_abm.parameters.tables import using
from testis_abm.population.cohort import OwnModel
from testis_abm.population.distribution import Population
from testis_abm.population.screen import Screened, screen
from testis_abm.population.table_in import read_table
from testis_abm.quantities import QUANTITIES
from testis_abm.scenario import Scenario
from testis_abm.scenario.rule import refuse_standing
from testis_abm.scenario.scenario import marked
from testis_abm.statistics import Effect, auc, nanmean, power
from testis_abm.studies.ensemble import shipped
from testis_abm.support import files, guard
from testis_abm.support.errors import Note, ScenarioError, TestisError, shown

KEYS = (
    "men",
    "population",
    "men_from",
    "where",
    "visits",
    "allocation",
    "missing",
    "outcome",
    "responder_pct",
    "seed",
    "parameters",
    *OF_DESIGN,
)
SIZES = (10, 20, 40, 80, 160, 320)  # men randomised to an arm, of which the power is given
_SPERM = "concentration_million_ml"
_SETS = 100  # parameter sets under which the men of a block live in turn


@dataclass(frozen=True)
class Trial(Experiment["Result"]):
    """A trial as designed.

    Attributes:
        file: as read; cohort: the men, screened.
        arm: of each man, or the sequence of his treatments; orders: of each sequence, numbers of arms; job, tasks: what is run.
        outcome: column of the primary outcome; responder_pct: rise that makes a responder; missing: share of visits.
        seed: of randomisation, measurement and missing visits.
        design: what else befalls men, and how they are compared.
    """

    file: ExperimentFile
    cohort: Screened
    arm: np.ndarray
    job: Job
    tasks: list[Task]
    outcome: str
    responder_pct: float
    missing: float
    seed: int
    design: Design = field(default_factory=Design)
    orders: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Trial {self.file.name!r}: {len(self.arm):,} men, {', '.join(self.file.arms)}>"

    @property
    def laboratory(self) -> Laboratory:
        """Return the laboratory of its visits."""
        scenario = self.file.scenario
        return Laboratory(scenario.values(), scenario.samples.assay)

    @property
    def lives(self) -> Sequence[OwnModel]:
        """Return the model under which each man lives; none where all live under the tables' parameters."""
        return self.cohort.cohort.lives

    def about(self) -> dict[str, Any]:
        """Return what its store says of it; more men, another analysis or outcome are still the same trial."""
        table = json.loads(json.dumps({"parameters": PLAUSIBLE, **self.file.table}, default=str))
        return {
            "kind": "trial",
            "title": marked(self.file.scenario.title, *self.file.arms.values()),
            "cohort": {
                key: table.get(key) for key in ("population", "men_from", "where", "visits", "seed", "parameters")
            },
            "design": table,
            "assessed": self.cohort.seen,
            "planned": len(self.arm),
            "outputs": list(self.file.outputs),
        }

    def analyse(self, folder: Path, models: Callable[[int, int], None]) -> Result:
        """Measure the men and analyse the trial."""
        return analyse(self, folder, models)


def prepare(
    source: Source, overrides: Mapping[str, object] | None = None, folder: str | Path = "", how: How | None = None
) -> Trial:
    """Read a trial; draw, screen and randomise its men.

    Args:
        source, overrides: see files.read_experiment.
        folder: of the trial, beside which twins of the men of a table are kept ("-twins"); how: of their searches.

    Raises:
        TestisError: a wrong key, fewer than two arms, criteria that nearly nobody meets.
    """
    file = read_experiment(source, "trial", KEYS, overrides)
    with using(file.scenario.own_tables):
        return _prepared(file, source, folder, how or {})


def _prepared(file: ExperimentFile, source: Source, folder: str | Path, how: How) -> Trial:
    table = file.table
    with guard.at(file.name, "trial"):
        if len(file.arms) < 2:
            raise ScenarioError(
                f"{len(file.arms)} [[arm]]: a trial needs two or more; a control is an arm with therapy = []"
            )
        if file.scenario.samples.blood_hour is not None:
            raise ScenarioError(
                "samples.blood_hour: visits of a trial measure the means of the day; leave it out (testis-abm run takes it)"
            )
        men = guard.whole(table.get("men", 100), 4, guard.LIMITS["men"][1], "men")
        seed = guard.argument("seed", table.get("seed", file.scenario.plan.seed))
        where = table.get("where", [])
        with guard.at("outcome"):
            outcome = output(table.get("outcome", "sperm concentration"), file.scenario.samples.assay)
        allocation = table.get("allocation", [1] * len(file.arms))
        if (
            not isinstance(allocation, list)
            or len(allocation) != len(file.arms)
            or not all(isinstance(men, int) and not isinstance(men, bool) and 1 <= men <= 20 for men in allocation)
        ):
            raise ScenarioError(
                f"allocation: {shown(allocation)} is not one whole number (1 to 20) for each of {len(file.arms)} arms"
            )
        missing = guard.number(table.get("missing", 0.0), 0.0, 0.9, "missing")
        responder = rise_of(table)
        word = guard.word(table.get("parameters", PLAUSIBLE), PARAMETERS, "parameters")
        values, models = file.scenario.values(), shipped().knowing(file.scenario.parameters)
        cohort = screen(
            _population(file, source, folder, how),
            men,
            where,
            visits=table.get("visits", 1),
            seed=seed,
            assay=file.scenario.samples.assay,
            values=values,
            under=partial(models.drawn, _SETS) if word == PLAUSIBLE else None,
            abstinence=file.scenario.samples.abstinence_days,
        )
        for name, case in file.arms.items():
            with guard.at(f"arm {name}"):
                refuse_standing(case.rule)
        known = _check(file, outcome, cohort)
        design = read_design(table, file, outcome, known)
        if len(design.looks) > 1 and len(file.arms) != 2:
            raise ScenarioError(
                f"looks: {len(file.arms)} arms; interim looks compare two, so make a trial of each pair"
            )
        cases, orders = dict(file.arms), dict[str, tuple[int, ...]]()
        days = file.days
        if design.crossover:
            every = sequences(len(cases), design.periods)
            orders = {", then ".join(list(cases)[k] for k in order): order for order in every}
            cases = {name: in_turn(cases, order, design) for name, order in orders.items()}
            visits = {*days_of(table.get("at", "end"), design.length), design.length}
            days = tuple(sorted(design.begins(period) + day for period in range(design.periods) for day in visits))
            allocation = [1] * len(cases)
    if table.get("engine", CELLS) == EXPECTED:
        warn_if_cells_are_needed(file.arms.values())
    if past := dict.fromkeys(insult.dated for case in file.arms.values() for insult in case.untreated().insult):
        text = f"the men are screened before what injures them ({'; '.join(past)}): their baselines are those of uninjured men"
        warnings.warn(text, Note, stacklevel=2)
    arm = _randomised(list(cases), allocation, men, seed)
    # Men of a cohort have no preset or past of their own.
    texts = {name: essence(case.as_dict()) | {"man": {}} for name, case in cases.items()}
    stops = stops_of(design, men, seed, [bool(cases[name].therapy) for name in arm], [day for day in days if day])
    job = Job(texts, days, table.get("engine", CELLS), (TREATED,), stops=design.discontinuation.some)
    rows = cohort.cohort.men.to_dict("records")
    lives = cohort.cohort.lives
    alike = {id(life.values): life.parameters for life in lives}
    own = [alike[id(life.values)] for life in lives] or [{}] * men
    tasks = [
        Task(i, i, {}, row, name, (TREATED if cases[name].treated else UNTREATED,), own[i], stop=stops[i])
        for i, (row, name) in enumerate(zip(rows, arm))
    ]
    return Trial(file, cohort, arm, job, tasks, OUTPUTS[outcome].column, responder, missing, seed, design, orders)


def _population(file: ExperimentFile, source: Source, folder: str | Path, how: How) -> Population | str:
    """Return from whom men are drawn: a population by name, or the twins of the men of a table (`men_from`).

    Raises:
        TestisError: no such table, or none of its men has a twin.
    """
    name, given = file.table.get("population", "clinic"), file.table.get("men_from")
    if given is None:
        return name  # type: ignore[no-any-return]
    with guard.at("men_from"):
        place = guard.path(given, "")
        if not place.exists() and isinstance(source, str | Path) and not place.is_absolute():
            place = Path(source).parent / place
        table = read_table(place)
    with ExitStack() as stack:
        store = f"{Path(folder)}-twins" if folder else stack.enter_context(files.temporary())
        own: How = {"workers": how.get("workers", 0), "dask": how.get("dask", "")}
        samples = file.scenario.samples
        found = twins(table, store, how=own, population=name, assay=samples.assay, seed=file.scenario.plan.seed)
        if found is None:
            raise ScenarioError("its twins are not all found yet", "men_from")
        if text := "; ".join(
            filter(None, [*(f"{man}: {why}" for man, why in found.left.items()), *found.failed["man"]])
        ):
            warnings.warn(f"men_from: not used of {table.grid.source}: {text[:500]}", Note, stacklevel=4)
        if table.faults:
            text = f"men_from: {len(table.faults):,} cells or rows of {table.grid.source} were not used"
            warnings.warn(f"{text}; testis-abm table {place} names them", Note, stacklevel=4)
        return found.population()


def _check(file: ExperimentFile, outcome: str, cohort: Screened) -> list[str]:
    """Make sure that all arms last as long as the trial, and that screening measures the outcome; return what it measures.

    Raises:
        ScenarioError: they do not.
    """
    lengths = {name: case.plan.duration_days for name, case in file.arms.items()}
    if {*lengths.values()} != {file.scenario.plan.duration_days}:
        text = ", ".join(f"{name}: {days} days" for name, days in lengths.items())
        raise ScenarioError(f"the arms differ in length ({text}); give them the same plan")
    screened = _screened(cohort)
    known = [word for word, row in OUTPUTS.items() if f"baseline_{row.column}" in screened]
    if outcome not in known:
        raise ScenarioError(f"outcome: {outcome} is not measured at screening; known: {', '.join(known)}")
    return known


def _randomised(names: list[str], allocation: list[int], men: int, seed: int) -> np.ndarray:
    """Return the arm of each man: permuted blocks."""
    rng = np.random.default_rng([seed, 31])
    block = [name for name, count in zip(names, allocation) for _ in range(2 * count)]
    drawn = [rng.permutation(block) for _ in range(men // len(block) + 1)]
    return np.concatenate(drawn)[:men]


def trial(
    source: Source, folder: str | Path, *, overrides: Mapping[str, object] | None = None, **how: Unpack[How]
) -> Result | None:
    """Run a virtual trial (what is missing of it); return its analysis, None while shards of it are still to come.

    Arguments as `sweep.sweep`.

    Raises:
        TestisError: see prepare and experiment.run.
    """
    return run(partial(prepare, source, overrides, folder, how), folder, **how)


def analyse(trial: Trial, folder: str | Path, models: Callable[[int, int], None] | None = None) -> Result:
    """Measure the men of a finished trial and analyse it; `models` is told of plausible models (arms_under_hypotheses).

    Levels are compared as means, adjusted for the baseline (statistics.arm_effect), of all men who came to the last
    visit. Responders are counted among all men randomised whose run did not fail.
    """
    table = read(folder)
    failed = table[table["error"] != ""][["point", "case", "error"]].drop_duplicates()
    men = _measured(trial, table[table["error"] == ""])
    last, names, design, laboratory = max(trial.job.days), list(trial.file.arms), trial.design, trial.laboratory
    men["failed"] = men.index.isin(failed["point"])
    used = estimated.as_estimated(men, design, trial.job.days)
    looks = None
    if len(design.looks) > 1:

        def look(first: int) -> float:
            return _primary(used.iloc[:first], trial, (names[0], names[1]))

        looks = estimated.interim(design, len(men), look)
        men, used = (frame.iloc[: looks["men"].iloc[-1]] for frame in (men, used))
        failed = failed[failed["point"].isin(men.index)]
    asked = dict.fromkeys([*design.family, trial.outcome, *(OUTPUTS[word].column for word in trial.file.outputs)])
    columns = sorted(asked, key=lambda column: not measured_at_visits(column))
    turns, estimates = None, pd.DataFrame()
    if design.crossover:
        orders = [trial.orders[name] for name in men["arm"]]
        effects, levels, turns = estimated.in_turn(men, design, orders, names, columns, laboratory)
        analysed = (
            men[[visited(design.begins(k) + design.length, trial.outcome) for k in range(design.periods)]]
            .notna()
            .sum(axis=1)
            >= 2
        )
    else:
        effects = pd.DataFrame(
            effect(used, (names[0], name), column, last, laboratory) for column in columns for name in names[1:]
        )
        levels = estimated.levels(used, names, columns, last)
        estimates = estimated.estimates(used, design, effects, names[0], trial.job.days, laboratory)
        analysed = used["attended"]
        if design.analysis[0] != ANCOVA:  # a man with any visit counts
            analysed |= used[[visited(day, trial.outcome) for day in trial.job.days if day > 0]].notna().any(axis=1)
    if design.crossover:  # men are compared with themselves
        used = used.iloc[:0]
    rule = trial.responder_pct if design.responder is None else design.responder
    responds = estimated.responds(used, trial.outcome, last, rule, laboratory)
    if design.estimand == COMPOSITE and STOPPED in men:
        responds &= men[STOPPED].isna()
    used = used.assign(responds=responds)
    left, under = _under(trial, men, models)
    return Result(
        marked(trial.file.scenario.title, *trial.file.arms.values()),
        trial.outcome,
        trial.responder_pct,
        men.drop(columns=["failed"]),
        estimated.flow(men, last, list(trial.orders or trial.file.arms), analysed),
        effects,
        estimated.responders(used[~used["failed"]], names),
        _predictors(used[used["attended"]], names, laboratory),
        _power(effects, trial.outcome, trial.missing),
        failed.reset_index(drop=True),
        _parameters(trial),
        under,
        trial.cohort.seen,
        tuple(trial.job.days),
        tuple(names),
        design,
        levels,
        estimates,
        looks,
        turns,
        len(trial.arm),
        left,
        str(trial.file.table.get("men_from", "")),
    )


def from_tables(
    manifest: Mapping[str, Any], scenario: Scenario, tables: Mapping[str, pd.DataFrame | None], failed: pd.DataFrame
) -> Result:
    """Return the analysis of a trial from the manifest of its store and the tables that were written beside it.

    Args:
        scenario: of an arm; tables: by name, None of one that was not written; failed: men whose run failed.

    Raises:
        TestisError: the tables are not those of the trial.
    """
    given, assay = manifest["design"], scenario.samples.assay
    found = {name: pd.DataFrame() if table is None else table for name, table in tables.items()}
    try:
        names = tuple(dict.fromkeys(found["levels"]["arm"]))
        known = [word for word, row in OUTPUTS.items() if f"baseline_{row.column}" in found["men"]]
        file = ExperimentFile("trial", "trial", {}, scenario, dict.fromkeys(names, scenario), given, (), ())
        outcome = output(given.get("outcome", "sperm concentration"), assay)
        design = read_design(given, file, outcome, known)
        found["flow"], found["effects"]["arm"]
    except KeyError as error:
        raise TestisError(f"trial: its tables lack {error}; run the same command again") from None
    return Result(
        manifest["title"],
        OUTPUTS[outcome].column,
        rise_of(given),
        found["men"],
        found["flow"],
        found["effects"],
        found["responders"],
        found["predictors"],
        found["power"],
        failed,
        found["parameters"],
        tables["under"],
        int(manifest.get("assessed", 0)),
        tuple(manifest["days"]),
        names,
        design,
        found["levels"],
        found["estimates"],
        tables["looks"],
        tables["turns"],
        int(manifest.get("planned", len(found["men"]))),
        {},
        str(given.get("men_from") or ""),
    )


def _primary(men: pd.DataFrame, trial: Trial, arms: tuple[str, str]) -> float:
    """Return p of the primary outcome by the deciding estimator."""
    if trial.design.analysis[0] == ANCOVA:
        return float(effect(men, arms, trial.outcome, max(trial.job.days), trial.laboratory)["p"])
    return estimated.mixed(men, arms, trial.outcome, trial.job.days, trial.laboratory)[0].p


def _parameters(trial: Trial) -> pd.DataFrame:
    """Return in what men live unlike the tables, a row a man."""
    rows = pd.DataFrame([life.parameters for life in trial.lives])
    return rows.fillna({name: parameter(name).value for name in rows})


def _under(
    trial: Trial, men: pd.DataFrame, models: Callable[[int, int], None] | None
) -> tuple[Mapping[str, str], pd.DataFrame | None]:
    """Return why arms are left out, and the others under every answer, as expected of some of the men."""
    drawn = trial.cohort.cohort.drawn
    if drawn is None:
        return {}, None
    order = men[f"baseline_{trial.outcome}"].fillna(0.0).argsort(kind="stable").to_numpy()
    count = min(trial_result.UNDER_MEN, len(order))
    some = drawn.iloc[order[((np.arange(count) + 0.5) * len(order) / count).astype(int)]].to_dict("records")
    day = trial.design.length if trial.design.crossover else max(trial.job.days)
    how = {"men": some, "sets": trial_result.UNDER_SETS, "day": day, "progress": models}
    return over_models_of(trial.file.arms, **how)


def _measured(trial: Trial, table: pd.DataFrame) -> pd.DataFrame:
    """Return the men with what was measured of them at baseline and, with noise and missing visits, on each day.

    `attended` is whether a man was measured at the last visit. Who is lost to follow-up is so by what was last measured of
    him.
    """
    cohort, laboratory = trial.cohort.cohort, trial.laboratory
    men = pd.DataFrame({"arm": trial.arm, "age": cohort.men["age"], "bmi": cohort.men["bmi"]})
    men["lesion"] = cohort.lesions.to_numpy()
    if cohort.lives:
        laboratory = replace(laboratory, values=stacked([life.values for life in cohort.lives]))
        for question in cohort.lives[0].own.answers:
            men[question] = [life.answers.get(question, "") for life in cohort.lives]
    men["screened_azoospermic"] = cohort.measured[-1][_SPERM].to_numpy() == 0.0
    men = pd.concat([men, _screened(trial.cohort)], axis=1)
    stopping, leaving, before = trial.job.stops, trial.design.dropout, None
    if stopping:
        men[STOPPED] = table.groupby("point")[STOPPED].first().reindex(men.index)
    if leaving.some:
        men[LOST] = np.nan
        by_rule = Laboratory({}, trial.file.scenario.samples.assay)
        at_risk = np.zeros(len(men), dtype=bool)  # by the last measurement of each man
        if leaving.when is not None:
            at_risk = estimated.holds(men, leaving.when, None, by_rule)
    for day in sorted(trial.job.days):
        true = table[table["day"] == day].set_index("point").reindex(men.index)
        seen = _visit(true, laboratory, trial.seed, day)
        there = np.random.default_rng([trial.seed, 39, day]).random(len(men)) >= trial.missing
        there &= true[_SPERM].notna().to_numpy()
        if leaving.some:
            first = before or 0
            drawn = np.random.default_rng([trial.seed, 41, day]).random((len(men), 2))
            gone = men[LOST].isna().to_numpy() & (drawn[:, 0] < leaving.chance(day - first, at_risk))
            # Some day after the visit before, up to this one, which he does not attend.
            men[LOST] = men[LOST].mask(gone, np.minimum(first + 1 + np.floor((day - first) * drawn[:, 1]), day))
            there &= men[LOST].isna().to_numpy()
            before = day
        measured = {visited(day, column): np.where(there, seen[column], np.nan) for column in COLUMNS}
        men = pd.concat([men, pd.DataFrame(measured, men.index)], axis=1).assign(attended=there)
        if leaving.when is not None:
            now = estimated.holds(men, leaving.when, day, by_rule)
            at_risk = np.where(there, now, at_risk)
    return men


def _screened(cohort: Screened) -> pd.DataFrame:
    """Return what screening measured of the men, the mean of its visits, under `baseline_` and the names of outputs."""
    visits = cohort.cohort.measured
    names = [name for name in (*COLUMNS, "t_over_lh") if name in visits[0] and measured_at_visits(name)]
    stacked = np.array([[visit[name] for name in names] for visit in visits])
    return pd.DataFrame(nanmean(stacked).T, columns=[f"baseline_{name}" for name in names])


def _visit(true: pd.DataFrame, laboratory: Laboratory, seed: int, day: int) -> dict[str, np.ndarray]:
    """Return what a visit measures of the men by column; of what neither blood nor semen tells, the true level.

    Outputs tell no motility of men with too few sperm to see; the laboratory that finds one of them sees whether it
    swims.
    """
    known = {name: true[name].to_numpy(dtype=float) for name in COLUMNS}
    total, motile = known["total_count_million"], known["total_motile_count_million"]
    share = 100.0 * motile / np.where(total > 0.0, total, np.nan)
    known["progressive_motility_pct"] = np.where(
        np.isnan(known["progressive_motility_pct"]), share, known["progressive_motility_pct"]
    )
    seen = laboratory.visit(known, (seed, 37), day)
    return {**known, **{name: level for name, level in seen.items() if name not in known or measured_at_visits(name)}}


def _predictors(men: pd.DataFrame, names: list[str], laboratory: Laboratory) -> pd.DataFrame:
    """Return how well what was known at baseline discriminates responders of each arm."""
    rows = []
    for name in names:
        own = men[men["arm"] == name]
        for column in ("t_over_lh", laboratory.ratio, "testosterone_nmol_l", "lh_iu_l", "fsh_iu_l", "bmi", _SPERM):
            scores = own[column if column == "bmi" else f"baseline_{column}"].to_numpy(dtype=float)
            area = auc(scores, own["responds"].to_numpy(dtype=bool), LEAST)
            row = {"arm": name, "predictor": QUANTITIES[column].label}
            rows.append(row | {"auc": area.centre, "low": area.low, "high": area.high})
    return pd.DataFrame(rows)


def _power(effects: pd.DataFrame, outcome: str, missing: float) -> pd.DataFrame:
    """Return the chance of p < 0.05 in the primary outcome by men randomised per arm."""
    rows = []
    for row in effects[effects["column"] == outcome].itertuples():
        percent = Effect(row.difference_pct, row.low_pct, row.high_pct, row.p, row.df)
        # On the scale of its normal error; where the fold has no interval there is none.
        effect = percent.scaled(lambda x: float(np.log1p(x / 100.0))) if percent.low > -100.0 else Effect()
        sizes = (row.n_control, row.n)
        rows += [{"arm": row.arm, "men": n, "power": power(effect, sizes, round(n * (1.0 - missing)))} for n in SIZES]
    return pd.DataFrame(rows)
