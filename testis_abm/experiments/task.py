"""One run of an experiment: a scenario with some values put in, a replicate, and the levels that are kept of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from testis_abm import __version__
from testis_abm.choices import CELLS, EXPECTED, TREATED, UNTREATED
from testis_abm.experiments.outputs import COLUMNS
from testis_abm.parameters import FrozenMapping
from testis_abm.parameters.tables import NONE, using
from testis_abm.results.tables import SIGNALS
from testis_abm.support.errors import TestisError
from testis_abm.support.fingerprint import fingerprint

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel
    from testis_abm.agents.own_file import OwnFile
    from testis_abm.man.regimen import Stop
    from testis_abm.parameters import Drug
    from testis_abm.scenario import Scenario

FAULT = "fault: "  # begins the error of a run that failed by no fault of its scenario: it is tried again

STOPPED = "stopped_day"
_MOST_READ = 20  # cases that are kept as read

Row = tuple[Any, ...]
type Drugs = Mapping[str, Drug] | None  # rows of the drug table by name; None: the table's


@dataclass(frozen=True)
class Job:
    """What all runs of an experiment share; sent to workers once with each chunk.

    Attributes:
        cases: name -> tables of a scenario, as `essence` gives them (the arms of a trial; one without a name for a
            sweep).
        days: on which levels are kept (0 is the end of baseline).
        engine: of choices.ENGINES: a tissue of cells, or the mean cell of each kind.
        arms: of choices.ARMS, those that are run.
        course: whether the days make a course (of cells): hormones are means of a week on all but the last day, and the
            signals that Sertoli cells sense are kept too.
        stops: whether the first day without doses of a man who left his drugs (Task.stop) is kept too, NaN of others.
        rules: a file of rules in Python of the user's own, by which all men of cells live.
    """

    cases: Mapping[str, Mapping[str, Any]]
    days: tuple[int, ...]
    engine: str = CELLS
    arms: tuple[str, ...] = (UNTREATED, TREATED)
    course: bool = False
    stops: bool = False
    rules: OwnFile | None = None

    @property
    def model(self) -> type[TestisModel]:
        """Return the class of its men of cells."""
        from testis_abm.agents.model import TestisModel

        return self.rules.model if self.rules else TestisModel

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the levels that are kept of a run."""
        return (*COLUMNS, *(SIGNALS if self.course else ()), *((STOPPED,) if self.stops else ()))

    def perform(self, task: Task) -> list[Row]:
        """Run a task (`perform`); another kind of work is a job of its own that says how."""
        return perform(self, task)

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """Return all that decides on the results of each case but what its tasks add, as JSON."""
        shared: list[Any] = [version(), self.days, self.engine, self.course, *([self.stops] if self.stops else [])]
        shared += [self.rules.digest] if self.rules else []
        return {name: json.dumps([*shared, case], sort_keys=True, default=str) for name, case in self.cases.items()}


@cache
def version() -> str:
    """Return the version of all that decides on results: the package's, and a hash of its rules and parameters."""
    return f"{__version__} ({fingerprint()})"


def essence(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a scenario without what decides on no run: title, number of replicates."""
    plan = {key: value for key, value in scenario.get("plan", {}).items() if key != "replicates"}
    return {**{key: value for key, value in scenario.items() if key != "title"}, "plan": plan}


@dataclass(frozen=True)
class Task:
    """One run.

    Attributes:
        point: of the design, or number of the man or arm; it decides on no result.
        replicate: which of the point, and its random draws.
        overrides: dotted path -> value, put into the scenario.
        man: physiology fields that replace those of the scenario's man (a drawn man of a cohort).
        case: of the job; arms: instead of the job's.
        parameters: numbers of a plausible model that replace those of the tables, by dotted name (of drugs "drug. ...");
            what the scenario sets itself stays.
        answers: of the same model to questions about some men: of what kind the man is, if he is asked about.
        stop: when he leaves his drugs (None: never).
    """

    point: int
    replicate: int
    overrides: Mapping[str, Any] = field(default_factory=dict)
    man: Mapping[str, float] = field(default_factory=dict)
    case: str = ""
    arms: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    stop: Stop | None = None

    def name(self, job: Job) -> str:
        """Return the run's name: a hash of all that decides on its results."""
        model = [self.parameters, self.answers, *([str(self.stop)] if self.stop else [])]
        own = json.dumps(
            [self.replicate, self.overrides, self.man, self.arms or job.arms, *model], sort_keys=True, default=str
        )
        return hashlib.blake2b(f"{job.texts[self.case]}\n{own}".encode(), digest_size=8).hexdigest()


def perform(job: Job, task: Task) -> list[Row]:
    """Run a task; return a row an arm and day: arm, day, levels (`job.columns`).

    Raises:
        TestisError: the scenario cannot be run with these values.
    """
    from testis_abm.experiments.simulate import replicate_seed
    from testis_abm.man.parameter_set import drugs_with, parted
    from testis_abm.scenario.blame import blamed

    with using(NONE):  # a case carries its tables, wherever it is run
        scenario = _scenario(job, task)
    if task.parameters:
        with using(scenario.own_tables):
            scenario = _under_model(scenario, task)
    of_drugs = parted(task.parameters)[1]
    drugs = drugs_with(of_drugs, scenario.drugs) if of_drugs else None
    seed = replicate_seed(scenario.plan.seed, task.replicate)
    arms = [arm for arm in (task.arms or job.arms) if arm == UNTREATED or scenario.treated]
    live = _expected if job.engine == EXPECTED else _cells
    try:
        return live(scenario, drugs, seed, arms, job, task.stop)
    except ArithmeticError as error:
        if job.rules:  # code of the user's own
            raise
        raise blamed(error, (scenario,)) from error


# Cases as read: the runs of a trial differ in man and parameters alone.
_read: dict[str, Scenario] = {}


def _scenario(job: Job, task: Task) -> Scenario:
    """Return the case of a task with its overrides."""
    from testis_abm.scenario import load

    text = job.texts[task.case]
    if task.overrides:
        scenario = load(job.cases[task.case], overrides=task.overrides)
    elif text in _read:
        scenario = _read[text]
    else:
        if len(_read) >= _MOST_READ:
            _read.clear()
        scenario = _read[text] = load(job.cases[task.case])
    return _changed(scenario, task.man, {})


def _under_model(scenario: Scenario, task: Task) -> Scenario:
    """Return a scenario under the parameters of a task's model, its man of the kind that the answers draw."""
    from testis_abm.man.parameter_set import parameter_set, parted, unlike_tables
    from testis_abm.parameters import hypotheses

    known, own_man = scenario.parameters, scenario.man.physiology
    numbers = {**parted(task.parameters)[0], **known}
    # What the scenario sets is no question.
    answers = {name: of for name, of in task.answers.items() if not hypotheses()[name].parameters & known.keys()}
    if not answers:
        return _changed(scenario, {}, numbers)
    own = replace(parameter_set(numbers), answers=answers)
    man, values = own.as_kind(own_man, own.drawn(own_man, (scenario.plan.seed, task.replicate)))
    return _changed(scenario, man, unlike_tables(values))


def _changed(scenario: Scenario, man: Mapping[str, float], numbers: Mapping[str, float]) -> Scenario:
    """Return a scenario with another physiology and other parameters, where there are any."""
    changed: dict[str, Any] = {}
    if man:
        whole = FrozenMapping({**scenario.man.physiology, **man})
        changed["man"] = scenario.man.model_copy(update={"physiology": whole})
    if numbers:
        changed["parameters"] = FrozenMapping(numbers)
    return scenario.model_copy(update=changed)


def _cells(scenario: Scenario, drugs: Drugs, seed: int, arms: Sequence[str], job: Job, stop: Stop | None) -> list[Row]:
    from testis_abm.experiments.outputs import WEEK, of_cells, of_signals
    from testis_abm.results.treatment import WINDOW

    rest = _untreated(scenario, drugs, seed, job)
    rows: list[Row] = []
    for arm in arms:
        man = job.model(scenario, rng=seed, treated=arm == TREATED, settled=rest, drugs=drugs)
        man.brief = not job.course
        man.regimen.stop = stop or man.regimen.stop
        kept: list[Row] = []
        for day in sorted(job.days):
            if day > man.day:
                man.run_for(day - man.day)
            window = WEEK if job.course and day < max(job.days) else WINDOW
            kept.append((arm, day, *of_cells(man, window), *(of_signals(man) if job.course else ())))
        rows += [(*row, *_ended(job, man.regimen.ended(man.records))) for row in kept]
    return rows


def _ended(job: Job, day: float) -> tuple[float, ...]:
    """Return what is kept of the first day without doses (infinite: he never stopped)."""
    return ((day if day <= max(job.days) else float("nan")),) if job.stops else ()


# The last man in his steady state: runs that differ in therapy alone follow one another.
_settled: dict[Any, TestisModel] = {}


def _untreated(scenario: Scenario, drugs: Drugs, seed: int, job: Job) -> TestisModel:
    """Return the man in his steady state, of whom the arms are copies."""
    past = {part.drug: None if drugs is None else drugs[part.drug] for part in scenario.man.history}
    tables, rules = scenario.own_tables, scenario.untreated().rule
    whose = scenario.man, FrozenMapping(past), scenario.tissue, scenario.parameters, tables, rules
    key = (*whose, scenario.plan.baseline_days, scenario.plan.engine, seed, job.rules)
    if key not in _settled:
        _settled.clear()  # first, as a large tissue may not fit twice
        _settled[key] = job.model(scenario, rng=seed, treated=False, drugs=drugs)
    return _settled[key]


def _expected(
    scenario: Scenario, drugs: Drugs, seed: int, arms: Sequence[str], job: Job, stop: Stop | None
) -> list[Row]:
    from testis_abm.experiments.outputs import of_expected
    from testis_abm.man.physiology import complete
    from testis_abm.man.treat import Treatment

    values = complete(scenario.values())
    rows: list[Row] = []
    for arm in arms:
        case = scenario if arm == TREATED else scenario.untreated()
        treatment = Treatment(case, drugs, history=True, stop=stop)
        man = treatment.man(values, scenario.man.physiology)
        treatment.follow(man, (seed,))
        ended = _ended(job, treatment.ended)
        rows += [(arm, day, *of_expected(man, day, scenario), *ended) for day in job.days]
    return rows


def attempt(job: Job, task: Task) -> tuple[str, list[Row], str]:
    """Run a task and never raise: return its name, its rows and, should it fail, the error in one line."""
    try:
        return task.name(job), job.perform(task), ""
    except TestisError as error:
        return task.name(job), [], str(error).splitlines()[0]
    except Exception as error:  # a run that fails is recorded and does not stop its neighbours
        return task.name(job), [], f"{FAULT}{type(error).__name__}: {error}".splitlines()[0]
