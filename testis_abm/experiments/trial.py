"""Virtual randomised trials: a screened cohort, randomised, treated, measured with noise and missing visits."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

import numpy as np
import pandas as pd

from testis_abm.biology.laboratory import VARIATION, Laboratory
from testis_abm.choices import CELLS, EXPECTED, PARAMETERS, PLAUSIBLE, TREATED, UNTREATED
from testis_abm.experiments.experiment import Experiment, How, run
from testis_abm.experiments.files import ExperimentFile, Source, read_experiment
from testis_abm.experiments.hypotheses import over_models_of
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, ROWS, output
from testis_abm.experiments.store import read
from testis_abm.experiments.task import Job, Task, essence
from testis_abm.experiments.twins import twins
from testis_abm.man.injuries import warn_if_cells_are_needed
from testis_abm.man.parameter_set import parameter, stacked
from testis_abm.parameters import values as parameter_values
from testis_abm.population.cohort import OwnModel
from testis_abm.population.distribution import Population
from testis_abm.population.screen import Screened, screen
from testis_abm.population.table_in import read_table
from testis_abm.quantities import QUANTITIES
from testis_abm.results import plausible, report
from testis_abm.results.treatment import basis, last_window
from testis_abm.scenario.scenario import marked
from testis_abm.statistics import Effect, arm_effect, auc, nanmean, power, share_difference
from testis_abm.studies.ensemble import shipped
from testis_abm.support import guard
from testis_abm.support.errors import Note, ScenarioError, shown

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
)
LEAST = 5  # measured men of an arm under which nothing is estimated
_CV = 0.3  # of what no sample tells: it weighs men in a comparison, and errors are robust against it
SIZES = (10, 20, 40, 80, 160, 320)  # men randomised to an arm, of which the power is given
_SPERM = "concentration_million_ml"
_SETS = 100  # parameter sets under which the men of a block live in turn
# Men who live in every arm under every answer, and sets of each combination of answers about all men.
_UNDER_MEN, _UNDER_SETS = 6, 3


@dataclass(frozen=True)
class Trial(Experiment["Result"]):
    """A trial as designed.

    Attributes:
        file: as read; cohort: the men, screened.
        arm: of each man; job, tasks: what is run.
        outcome: column of the primary outcome; responder_pct: rise that makes a responder; missing: share of visits.
        seed: of randomisation, measurement and missing visits.
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

    def __repr__(self) -> str:
        return f"<Trial {self.file.name!r}: {len(self.arm):,} men, {', '.join(self.file.arms)}>"

    @property
    def laboratory(self) -> Laboratory:
        """Return the laboratory of its visits."""
        scenario = self.file.scenario
        return Laboratory(parameter_values(scenario.parameters), scenario.samples.assay)

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
    table = file.table
    with guard.at(file.name, "trial"):
        if len(file.arms) < 2:
            raise ScenarioError(
                f"{len(file.arms)} [[arm]]: a trial needs two or more; a control is an arm with therapy = []"
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
        responder = guard.number(table.get("responder_pct", 20.0), -100.0, 10_000.0, "responder_pct")
        word = guard.word(table.get("parameters", PLAUSIBLE), PARAMETERS, "parameters")
        values, models = parameter_values(file.scenario.parameters), shipped().knowing(file.scenario.parameters)
        cohort = screen(
            _population(file, source, folder, how or {}),
            men,
            where,
            visits=table.get("visits", 1),
            seed=seed,
            assay=file.scenario.samples.assay,
            values=values,
            under=partial(models.drawn, _SETS) if word == PLAUSIBLE else None,
            abstinence=file.scenario.samples.abstinence_days,
        )
    _check(file, outcome, cohort)
    if table.get("engine", CELLS) == EXPECTED:
        warn_if_cells_are_needed(file.arms.values())
    if past := dict.fromkeys(insult.dated for case in file.arms.values() for insult in case.untreated().insult):
        text = f"the men are screened before what injures them ({'; '.join(past)}): their baselines are those of uninjured men"
        warnings.warn(text, Note, stacklevel=2)
    names = list(file.arms)
    arm = _randomised(names, allocation, men, seed)
    # Men of a cohort have no preset or past of their own.
    cases = {name: essence(case.as_dict()) | {"man": {}} for name, case in file.arms.items()}
    job = Job(cases, file.days, table.get("engine", CELLS), (TREATED,))
    rows = cohort.cohort.men.to_dict("records")
    lives = cohort.cohort.lives
    alike = {id(life.values): life.parameters for life in lives}
    own = [alike[id(life.values)] for life in lives] or [{}] * men
    tasks = [
        Task(i, i, {}, row, name, (TREATED if file.arms[name].treated else UNTREATED,), own[i])
        for i, (row, name) in enumerate(zip(rows, arm))
    ]
    return Trial(file, cohort, arm, job, tasks, OUTPUTS[outcome].column, responder, missing, seed)


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
        store = f"{Path(folder)}-twins" if folder else stack.enter_context(TemporaryDirectory())
        own: How = {"workers": how.get("workers", 0), "dask": how.get("dask", "")}
        samples = file.scenario.samples
        found = twins(table, store, how=own, population=name, assay=samples.assay, seed=file.scenario.plan.seed)
        if found is None:
            raise ScenarioError("its twins are not all found yet", "men_from")
        if text := "; ".join(
            filter(None, [*(f"{man}: {why}" for man, why in found.left.items()), *found.failed["man"]])
        ):
            warnings.warn(f"men_from: not used of {table.grid.source}: {text[:500]}", Note, stacklevel=4)
        return found.population()


def _check(file: ExperimentFile, outcome: str, cohort: Screened) -> None:
    """Make sure that all arms last as long as the trial, and that screening measures the outcome.

    Raises:
        ScenarioError: they do not.
    """
    place = f"{file.name}: trial"
    lengths = {name: case.plan.duration_days for name, case in file.arms.items()}
    if {*lengths.values()} != {file.scenario.plan.duration_days}:
        text = ", ".join(f"{name}: {days} days" for name, days in lengths.items())
        raise ScenarioError(f"{place}: the arms differ in length ({text}); give them the same plan")
    screened = _screened(cohort)
    known = [word for word, row in OUTPUTS.items() if f"baseline_{row.column}" in screened]
    if outcome not in known:
        raise ScenarioError(f"{place}: outcome: {outcome} is not measured at screening; known: {', '.join(known)}")


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


@dataclass(frozen=True)
class Result:
    """What a trial found.

    Attributes:
        men: a row a man: arm, what screening measured (`baseline_`, the mean of its visits), what each visit measured
            (`day<d>_`) and, of what it does not, the true level (`day<d>_true_`), NaN where it was missed.
        flow: a row an arm: men randomised, measured at the last visit, who missed it, whose run failed; of those
            measured, the % in whom no sperm were counted at the last screening visit and at the last visit.
        effects: a row an arm (against the first) and output at the last visit: means, difference in % and in the unit
            with 95 % intervals, p, n; `measured` is False of true levels, which no visit measures and nothing adjusts.
        responders: a row an arm: men whose level rose by over `responder_pct` (or who have some where there was none),
            their share of the men randomised (who missed the visit did not respond) and of those measured; difference
            from the control in percentage points and number needed to treat, with intervals, by the former.
        predictors: a row an arm and baseline measure: AUC for a response with its 95 % interval. What predicts one in
            the control arm too predicts regression to the mean.
        power: a row an active arm and number of men randomised to an arm: share of trials of that size with p under
            0.05.
        failed: men whose run failed, with the error.
        parameters: of plausible models a row a man, a column a number that is not the same in all, or not as in the tables.
        under: of plausible models the arms under every answer, as expected of a few of the men (results.plausible.COLUMNS);
            without those that need cells, which are in `left_out` with the reason.
        assessed: men who were measured for eligibility; days: of the visits.
    """

    title: str
    outcome: str
    responder_pct: float
    men: pd.DataFrame
    flow: pd.DataFrame
    effects: pd.DataFrame
    responders: pd.DataFrame
    predictors: pd.DataFrame
    power: pd.DataFrame
    failed: pd.DataFrame
    parameters: pd.DataFrame
    under: pd.DataFrame | None
    assessed: int
    days: tuple[int, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def rise(self) -> str:
        """Return the word for what makes a responder: over a threshold under 0 it is no increase."""
        return "increase" if self.responder_pct >= 0.0 else "change"

    def __repr__(self) -> str:
        arms = ", ".join(f"{row.arm} {row.randomised}" for row in self.flow.itertuples())
        return f"<Result of trial {self.title!r}: {QUANTITIES[self.outcome].label}; {arms} men; print(_.text())>"

    def text(self) -> str:
        """Return the result in words and tables."""
        word = QUANTITIES[self.outcome].label
        control = self.responders["arm"].iloc[0]
        parts = [f"{self.title}: primary outcome {word} at the last visit; the control is {control}", self._flow()]
        parts += [self._effects(control, str(arm), rows) for arm, rows in self.effects.groupby("arm", sort=False)]
        parts += [self._note(), self._under(word), self._responders(word), self._predictors(), self._power()]
        if len(self.failed):
            parts.append(f"{len(self.failed)} runs failed: {self.failed['error'].iloc[0]}")
        return "\n\n".join(part for part in parts if part)

    def _flow(self) -> str:
        heads = {"randomised": "randomised", "measured": "measured", "missed": "missed visit", "failed": "run failed"}
        rows = [["", *heads.values(), "azoospermic at screening", "at the last visit"]]
        for row in self.flow.to_dict("records"):
            none = (f"azoospermic_{when}" for when in ("before", "after"))
            shares = [f"{_percent(row[f'{name}_pct'])} ({row[name]})" for name in none]
            rows.append([row["arm"], *(str(row[name]) for name in heads), *shares])
        randomised = int(self.flow["randomised"].sum())
        return (
            f"  Assessed for eligibility {self.assessed:,}, excluded {self.assessed - randomised:,}, randomised "
            f"{randomised:,}:\n"
            + report.aligned(rows)
            + "\n  Azoospermic: no sperm counted at that visit (of screening the last); of the men measured at the "
            "last visit."
        )

    def _effects(self, control: str, arm: str, effects: pd.DataFrame) -> str:
        heads = {True: "  at the last visit", False: _UNMEASURED}
        rows: list[list[str]] = []
        for measured, part in effects.groupby("measured", sort=False):
            rows.append(
                [heads[bool(measured)], "baseline", control, "baseline", arm, "difference (95 % interval)", "p", "n"]
            )
            for row in part.itertuples():
                name = f"{'*' if row.column == self.outcome else ' '} {ROWS[str(row.column)].heading}"
                levels = (row.control_baseline, row.control_mean, row.baseline, row.mean)
                means = [report.level(str(row.column), mean) for mean in levels]
                rows.append([name, *means, _difference(row), _p(row.p), f"{row.n_control} and {row.n}"])
        return report.aligned(rows)

    def _note(self) -> str:
        """Return what the numbers of the effects are."""
        text = _NOTE
        if not self.effects["measured"].all():
            text += " True levels: what no blood or semen sample tells, without error of measurement and adjustment."
        text += f" What visits sample: {basis(*last_window(max(self.days)), sampled=True)}"
        return "\n".join(map(report.note, (text, _ONE_MODEL if self.parameters.empty else _OWN_MODELS)))

    def _under(self, word: str) -> str:
        """Return what is expected of the primary outcome under each answer."""
        left = [report.note(f"Note: {arm}: {why}") for arm, why in self.left_out.items()]
        if self.under is None:
            return "\n".join(left)
        control, *arms = (arm for arm in self.responders["arm"] if arm not in self.left_out)
        found = {arm: (self.under, arm, (self.outcome,)) for arm in arms}
        if not any(np.isfinite(plausible.of_all(self.under, arm).loc[self.outcome, "change_pct"]) for arm in arms):
            return f"  Under each answer: of {word} the men in {control} are expected to have none to compare with."
        text = (
            f"Expected difference from {control} in {word} at the last visit under each answer to what the data do not "
            f"decide: {min(_UNDER_MEN, len(self.men))} of the men, evenly spaced by their baseline, each in every arm, "
            "mean-field model without error of measurement, under parameter sets that were calibrated with these answers "
            f"({_UNDER_SETS} of each combination of answers about all men)."
        )
        frames = [plausible.by_answer(*of).set_axis(["weight", arm], axis=1) for arm, of in found.items()]
        rows = pd.concat([frames[0], *(frame.iloc[:, 1:] for frame in frames[1:])], axis=1)
        verdicts = [f"{arm}: {told}" for arm, of in found.items() for told in plausible.verdicts(*of)]
        decided = dict.fromkeys(told for of in found.values() for told in plausible.deciding(*of))
        table = plausible.answered(rows, "difference, % (90 % interval)")
        return "\n".join([report.note(text), table, *map(report.note, (*verdicts, *decided)), *left])

    def _responders(self, word: str) -> str:
        some = "; any where none was counted" if QUANTITIES[self.outcome].sample == "semen" else ""
        lines = [f"  Responders (> {self.responder_pct:g} % {self.rise} in {word}{some}):"]
        for row in self.responders.itertuples():
            measured = f"; of {row.measured} measured {_percent(row.share_measured_pct)}"
            missed, failed = row.n - row.measured, self.flow.set_index("arm").loc[row.arm, "failed"]
            without = f" ({failed} whose run failed left out)" if failed else ""
            lines.append(
                f"    {row.arm}: {_percent(row.share_pct)} ({row.responders} of {row.n} randomised{without}, {missed} "
                "who missed the visit "
                f"counted as no response{measured}){_needed(row.nnt, row.nnt_low, row.nnt_high)}"
            )
        return "\n".join(lines)

    def _predictors(self) -> str:
        lines = [
            "  Baseline predictors of response (ROC AUC, 95 % interval; 0.5: none, under 0.5: low values respond)."
        ]
        for arm, rows in self.predictors.groupby("arm", sort=False):
            known = [
                f"{row.predictor} {row.auc:.2f}"
                + (f" ({row.low:.2f} to {row.high:.2f})" if np.isfinite(row.low) else "")
                for row in rows.itertuples()
                if np.isfinite(row.auc)
            ]
            lines.append(f"    {arm}: {', '.join(known) or f'cannot say, fewer than {LEAST} men responded or did not'}")
        return "\n".join([*lines, "  What predicts a response in the control arm predicts regression to the mean."])

    def _power(self) -> str:
        lines = ["  Power by men randomised per arm (effect, spread and missed visits as seen here):"]
        for arm, rows in self.power.groupby("arm", sort=False):
            sizes = [f"{row.men}: {100 * row.power:.0f} %" for row in rows.itertuples() if np.isfinite(row.power)]
            lines.append(f"    {arm}: {', '.join(sizes) or 'cannot say'}")
        return "\n".join(lines)


_OWN_MODELS = (
    "Each man lives, from screening on, under one of the parameter sets that fit published studies, with its answer to each "
    "question that these do not decide (men.parquet). The intervals hold the spread of men, measurement and parameters, and "
    "narrow with more men; what is not known of the parameters does not: see the difference under each answer."
)
_ONE_MODEL = 'All men live under the parameters of the tables (parameters = "tables"): nothing here holds how far these are known.'
_UNMEASURED = "  true level, not measured, unadjusted"
_NOTE = (
    "* primary outcome. Means as measured, each baseline of the men of that arm who came to the last visit; differences of means, adjusted for the baseline by negative binomial "
    "regression with robust "
    "errors, of men who came to the last visit; a percentage of sperm is of men who had some. In the unit where the "
    "control has too "
    f'little for a percentage; "cannot say" with fewer than {LEAST} men of an arm.'
)


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{report.number(share)} %"


def _p(p: float) -> str:
    return "-" if np.isnan(p) else f"{p:.2g}" if p >= 1e-4 else "< 0.0001"


def _difference(row: Any) -> str:
    """Return a difference with its interval in print."""
    if np.isfinite(row.difference_pct):
        return " ".join(report.change(row.difference_pct, row.low_pct, row.high_pct)).strip()
    if np.isfinite(row.difference):
        low, high = report.number(row.low), report.number(row.high)
        return f"{'+' if row.difference > 0 else ''}{report.number(row.difference)} {row.unit} ({low} to {high})"
    return "cannot say" if min(row.n_control, row.n) < LEAST else "none in either arm"


def _needed(nnt: float, low: float, high: float) -> str:
    """Return the number needed to treat (negative: to harm) in words."""
    if not np.isfinite(nnt):
        return ""
    few, many = sorted((abs(low), abs(high)))
    interval = f" ({few:.1f} to {many:.1f})" if np.isfinite(low + high) else " (interval includes no effect)"
    return f"; number needed to {'treat' if nnt > 0 else 'harm'} {abs(nnt):.1f}{interval}"


def analyse(trial: Trial, folder: str | Path, models: Callable[[int, int], None] | None = None) -> Result:
    """Measure the men of a finished trial and analyse it; `models` is told of plausible models (arms_under_hypotheses).

    Levels are compared as means, adjusted for the baseline (statistics.arm_effect), of all men who came to the last
    visit. Responders are counted among all men randomised whose run did not fail.
    """
    table = read(folder)
    failed = table[table["error"] != ""][["point", "case", "error"]].drop_duplicates()
    men = _measured(trial, table[table["error"] == ""])
    last, names = max(trial.job.days), list(trial.file.arms)
    men["failed"] = men.index.isin(failed["point"])
    asked = dict.fromkeys([trial.outcome, *(OUTPUTS[word].column for word in trial.file.outputs)])
    columns = sorted(asked, key=lambda column: not _measured_at_visits(column))
    effects = pd.DataFrame(
        _effect(men, (names[0], name), column, last, trial.laboratory) for column in columns for name in names[1:]
    )
    men["responds"] = _responds(men, trial.outcome, last, trial.responder_pct)
    left, under = _under(trial, men, models)
    return Result(
        marked(trial.file.scenario.title, *trial.file.arms.values()),
        trial.outcome,
        trial.responder_pct,
        men.drop(columns=["failed", "responds"]),
        _flow(men, last, names),
        effects,
        _responders(men[~men["failed"]], names),
        _predictors(men[men["attended"]], names, trial.laboratory),
        _power(effects, trial.outcome, trial.missing),
        failed.reset_index(drop=True),
        _parameters(trial),
        under,
        trial.cohort.seen,
        tuple(trial.job.days),
        left,
    )


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
    count = min(_UNDER_MEN, len(order))
    some = drawn.iloc[order[((np.arange(count) + 0.5) * len(order) / count).astype(int)]].to_dict("records")
    how = {"men": some, "sets": _UNDER_SETS, "day": max(trial.job.days), "progress": models}
    return over_models_of(trial.file.arms, **how)


def _measured(trial: Trial, table: pd.DataFrame) -> pd.DataFrame:
    """Return the men with what was measured of them at baseline and, with noise and missing visits, on each day.

    `attended` is whether a man was measured at the last visit.
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
    for day in sorted(trial.job.days):
        true = table[table["day"] == day].set_index("point").reindex(men.index)
        seen = _visit(true, laboratory, trial.seed, day)
        there = np.random.default_rng([trial.seed, 39, day]).random(len(men)) >= trial.missing
        there &= true[_SPERM].notna().to_numpy()
        measured = {_visited(day, column): np.where(there, seen[column], np.nan) for column in COLUMNS}
        men = pd.concat([men, pd.DataFrame(measured, men.index)], axis=1).assign(attended=there)
    return men


def _measured_at_visits(column: str) -> bool:
    """Return whether visits measure an output: they take blood and semen."""
    return column in QUANTITIES and QUANTITIES[column].sample in ("blood", "semen")


def _visited(day: int, column: str) -> str:
    """Return the column of the men's table that holds an output on the day of a visit."""
    return f"day{day}_{'' if _measured_at_visits(column) else 'true_'}{column}"


def _screened(cohort: Screened) -> pd.DataFrame:
    """Return what screening measured of the men, the mean of its visits, under `baseline_` and the names of outputs."""
    visits = cohort.cohort.measured
    names = [name for name in (*COLUMNS, "t_over_lh") if name in visits[0] and _measured_at_visits(name)]
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
    return {**known, **{name: level for name, level in seen.items() if name not in known or _measured_at_visits(name)}}


def _flow(men: pd.DataFrame, last: int, names: list[str]) -> pd.DataFrame:
    """Return what became of the men of each arm, and how many of them have no sperm."""
    rows = []
    for name, own in ((name, men[men["arm"] == name]) for name in names):
        came = own[own["attended"]]
        row = {"arm": name, "randomised": len(own), "measured": len(came)}
        row |= {"missed": int((~own["attended"] & ~own["failed"]).sum()), "failed": int(own["failed"].sum())}
        none = {"before": came["screened_azoospermic"], "after": came[_visited(last, _SPERM)] == 0.0}
        row |= {f"azoospermic_{when}": int(without.sum()) for when, without in none.items()}
        row |= {f"azoospermic_{when}_pct": 100.0 * float(without.mean()) for when, without in none.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _effect(men: pd.DataFrame, arms: tuple[str, str], column: str, last: int, laboratory: Laboratory) -> dict[str, Any]:
    """Return the effect of the second of two arms on an output; levels in the clinical unit."""
    after = men[_visited(last, column)]
    used = men[np.isfinite(after) & men["arm"].isin(arms)]
    after, own = after[used.index].to_numpy(dtype=float), (used["arm"] == arms[1]).to_numpy()
    before = used.get(f"baseline_{column}", pd.Series(np.nan, used.index)).to_numpy(dtype=float)
    percent = plain = Effect()
    if min(own.sum(), (~own).sum()) >= LEAST:
        cv = np.sqrt(np.expm1(laboratory.log_sd(column) ** 2)) if column in VARIATION else _CV
        percent, plain = arm_effect(after, own, before, least=laboratory.limit(column), cv=float(cv))
    quantity = ROWS[column]
    means = [[float(quantity.clinical(nanmean(of[part]))) for part in (~own, own)] for of in (before, after)]
    return {
        "arm": arms[1],
        "column": column,
        "output": quantity.label,
        "unit": quantity.clinical_unit,
        "measured": _measured_at_visits(column),
        "n_control": int((~own).sum()),
        "n": int(own.sum()),
        "control_baseline": means[0][0],
        "baseline": means[0][1],
        "control_mean": means[1][0],
        "mean": means[1][1],
        "difference_pct": percent.centre,
        "low_pct": percent.low,
        "high_pct": percent.high,
        "difference": quantity.factor * plain.centre,
        "low": quantity.factor * plain.low,
        "high": quantity.factor * plain.high,
        "p": percent.p if np.isfinite(percent.p) else plain.p,
        "df": plain.df,
    }


def _responds(men: pd.DataFrame, column: str, last: int, responder_pct: float) -> pd.Series:
    """Return whether each man's level rose enough; of sperm any do where none were counted, and none never."""
    before, after = men[f"baseline_{column}"], men[_visited(last, column)]
    if QUANTITIES[column].sample == "semen":
        before = before.fillna(0.0)  # percentages of no sperm are missing
    return after > before * (1.0 + responder_pct / 100.0)


def _responders(men: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return responders of each arm among the men randomised, against the first arm."""
    rows = []
    counts = men.groupby("arm").agg(hits=("responds", "sum"), n=("responds", "size"), measured=("attended", "sum"))
    counts = counts.reindex(names, fill_value=0)
    control = counts.iloc[0]
    for name, own in counts.iterrows():
        apart = Effect()
        if name != names[0] and min(own["measured"], control["measured"]) >= LEAST:
            apart = share_difference(own["hits"], own["n"], control["hits"], control["n"])
        nnt = 100.0 / apart.centre if apart.centre else np.nan
        ends = (100.0 / apart.high, 100.0 / apart.low) if apart.low * apart.high > 0.0 else (np.nan, np.nan)
        row = {"arm": name, "responders": own["hits"], "n": own["n"], "measured": own["measured"]}
        for end, of_men in (("", "n"), ("_measured", "measured")):
            row[f"share{end}_pct"] = 100.0 * own["hits"] / own[of_men] if own[of_men] else np.nan
        row |= {"difference_pct_points": apart.centre, "low": apart.low, "high": apart.high}
        rows.append(row | {"nnt": nnt, "nnt_low": ends[0], "nnt_high": ends[1]})
    return pd.DataFrame(rows)


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
