"""Calibration: an ensemble of plausible parameter sets by ensemble smoothing (ES-MDA, Emerick 2013), localised.

Where many are moved, a parameter is moved only by observations that it goes with in the ensemble (a correlation over 3 / sqrt(members), Vossepoel
2025): there are about half as many parameters as observations, and chance correlations would narrow what data do not tell.

Every parameter stays inside its sourced range: it is moved on a hidden normal scale whose centre is the middle of the
range or, of a few, what experiments in animals say (`prior` in calibration.toml), so that no value of the tables that owes
something to a paper helps to predict it. Every member has an answer to
each question that the data do not decide (parameters/hypotheses.toml), and keeps it. Each round runs every member through the studies and moves all members towards what was observed, as far as its error
allows; rounds are kept on disk, so that a stopped calibration goes on where it was.

Cross-validation fits again without some papers and replays those.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import __version__, parameters
from testis_abm.man.parameter_set import parameter, parameter_set
from testis_abm.parameters.tables import NONE, using
from testis_abm.statistics import resampled
from testis_abm.studies.ensemble import FILE, Ensemble, write
from testis_abm.studies.replay import POOL, courses, expectation, replay, scores_by_answer
from testis_abm.studies.score import CONFIGURATION, configuration, error, scaled, toward
from testis_abm.studies.smoother import assimilate
from testis_abm.studies.study import Observation, Study, known, load_study
from testis_abm.support import arrays, files, guard
from testis_abm.support.errors import TestisError, printable
from testis_abm.support.outputs import SOFTWARE

_PULL = 0.8  # SD of the prior within a range (on the scale of normal quantiles), where nothing is known beforehand
_MEN, _SEED = 4, 1
_FEW = 0.1  # parameters a member up to which chance correlations narrow little, and all observations count for each


@cache
def _ranges(name: str) -> tuple[float, float, bool]:
    """Return low and high of a parameter, and whether it moves on a log scale."""
    with using(NONE):
        entry = parameter(name)
    return entry.low, entry.high, entry.low > 0.0 and entry.high / entry.low > 3.0


@cache
def _prior(name: str) -> tuple[float, float]:
    """Return centre and SD of the prior of a parameter, as normal quantiles of its place in its range."""
    known = configuration()["prior"].get(name)
    if known is None:
        return 0.0, _PULL
    from testis_abm.support.special import ndtri

    low, high, log = _ranges(name)
    ends = [float(ndtri(np.log(at / low) / np.log(high / low) if log else (at - low) / (high - low))) for at in known]
    return 0.5 * (ends[0] + ends[1]), 0.5 * (ends[1] - ends[0])


def to_values(hidden: np.ndarray, names: Sequence[str] | None = None) -> dict[str, float]:
    """Return values of parameters `names` (default those of the configuration) from hidden standard normals; 0 is the middle of the prior."""
    from testis_abm.support.special import ndtr

    found = {}
    for name, z in zip(configuration()["parameters"] if names is None else names, hidden, strict=True):
        low, high, log = _ranges(name)
        centre, sd = _prior(name)
        place = float(ndtr(centre + sd * z))
        found[name] = float(low * (high / low) ** place if log else low + (high - low) * place)
    return found


def hidden_of(name: str, values: np.ndarray) -> np.ndarray:
    """Return values of a parameter on the hidden scale (see `to_values`)."""
    from testis_abm.support.special import ndtri

    low, high, log = _ranges(name)
    centre, sd = _prior(name)
    place = np.log(values / low) / np.log(high / low) if log else (values - low) / (high - low)
    return (np.asarray(ndtri(np.clip(place, 1e-9, 1.0 - 1e-9))) - centre) / sd


def is_fitted(study: Study, observation: Observation) -> bool:
    """Return whether an observation is fitted: nothing unverified, no study that is set apart (calibration.toml)."""
    return observation.confidence != "memory" and study.name not in configuration()["apart"]


def fitted(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is fitted of studies: values and SD (on the scale of `scaled`), and which of all observations these are."""
    shipped = {*known().values()}  # what keeps one of these apart says nothing of a file of the user's own
    observed, chosen = [], []
    for path in paths:
        for observation in study_of(path).observed:
            observed.append((study_of(path), observation))
            own = path not in shipped and observation.confidence != "memory"
            chosen.append(own or is_fitted(*observed[-1]))
    seen = np.array([scaled(observation, observation.number) for _, observation in observed])[chosen]
    return seen, np.array([error(observation, study.n) for study, observation in observed])[chosen], np.array(chosen)


def fitted_studies() -> tuple[str, ...]:
    """Return the names of the studies of which something is fitted."""
    return tuple(name for name in known() if any(is_fitted(_shipped(name), seen) for seen in _shipped(name).observed))


def respond(job: tuple[tuple[Path, ...], Mapping[str, float], Mapping[str, str]]) -> np.ndarray:
    """Return what one parameter set predicts for every observation of the studies of files (on the scale of `scaled`)."""
    paths, changed, answers = job
    own = parameter_set(changed)
    for question, answer in answers.items():
        own = own.answering(question, answer)
    predicted: list[float] = []
    for study in map(study_of, paths):
        try:
            course = courses(study, own, _MEN, pool=POOL, seed=_SEED)
            levels = expectation(study, course, pool=POOL, seed=_SEED)
        except (FloatingPointError, ZeroDivisionError, TestisError):  # under some sets nobody passes the screening
            levels = np.full(len(study.observed), np.nan)
        for observation, level in zip(study.observed, levels.tolist(), strict=True):
            if np.isinf(level):  # a time that is not reached by the end
                level = 1.2 * study.duration_days / 7.0
            far = scaled(observation, observation.number) + 3.0
            predicted.append(toward(observation, level) if np.isfinite(level) else far)
    return np.array(predicted)


def _alone() -> None:
    """Let a process of several use one core."""
    os.environ["TESTIS_ABM_THREADS"] = "1"


def study_of(path: Path) -> Study:
    """Return the study of a file, read once as it stands."""
    try:
        state = path.stat()
    except OSError:
        return load_study(path)  # which tells what is wrong
    return _as_it_stands(path, state.st_mtime_ns, state.st_size)


@cache
def _as_it_stands(path: Path, *state: int) -> Study:
    return load_study(path)


def _shipped(name: str) -> Study:
    return study_of(known()[name])


def calibrate(
    folder: Path,
    *,
    members: int = 240,
    rounds: int = 4,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
    fixed: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Calibrate; return the ensemble (a column a parameter, and `weight`), and keep it with its report in `folder`.

    Args:
        folder: where rounds are kept; one that holds rounds of the same calibration is gone on with.
        members: parameter sets, at least 40.
        rounds: of assimilation.
        seed: of the prior.
        progress: called with what is being done.
        fixed: parameters that keep a value, such as one answer to a structural question.

    Raises:
        TestisError: too few members, a folder of another calibration, or one that cannot be written.
    """
    with Calibration.begun(folder, members, rounds, seed, progress) as calibration:
        hidden = calibration.posterior(fitted_studies(), fixed=fixed)
        table = calibration.table(hidden, fixed)
    head = (
        f"{len(table)} plausible parameter sets, testis_abm {__version__}: ES-MDA, {rounds} rounds, seed {seed}, "
        f"{len(known())} studies; made by testis-abm calibrate"
    )
    write(calibration.folder / FILE.name, table, head)
    report = identified(table).to_csv(float_format="%.4g", lineterminator="\n")
    files.write(calibration.folder / "identified.csv", report)
    return table


def cross_validate(
    folder: Path,
    *,
    folds: int = 10,
    members: int = 100,
    rounds: int = 3,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Fit again without the papers of each fold and replay them; return a row an observation with its `left_out` fold.

    Studies of one paper, or on the same men, are left out together (`related` in calibration.toml). Rounds are kept in
    `folder`; there too, in answers.csv, the log score of every observation left out under each answer to what the data
    do not decide.

    Raises:
        TestisError: as calibrate; fewer than 2 folds.
    """
    folds = guard.argument("folds", folds)
    tables, answers = [], []
    with Calibration.begun(folder, members, rounds, seed, progress) as calibration:
        paper = {
            name: next((group[0] for group in configuration()["related"] if name in group), name)
            for name in fitted_studies()
        }
        papers = list(dict.fromkeys(paper.values()))
        for fold in range(min(folds, len(papers))):
            left = [name for name in paper if paper[name] in papers[fold::folds]]
            calibration.log(f"without {', '.join(left)}")
            used = tuple(name for name in paper if name not in left)
            table = calibration.table(calibration.posterior(used, f"fold-{fold}"))
            ensemble = Ensemble(table.drop(columns="weight"), table["weight"].to_numpy())
            calibration.log(f"replaying {len(left)} studies")
            for found, scores in calibration.pool.map(partial(_left_out, ensemble), left):
                tables.append(found.assign(left_out=fold))
                answers.append(scores)
    found = pd.concat(tables, ignore_index=True)
    for name, table in (("left_out", found), ("answers", pd.concat(answers, ignore_index=True))):
        text = table.to_csv(index=False, float_format="%.4g", lineterminator="\n")
        files.write(calibration.folder / f"{name}.csv", text)
    return found


def _left_out(ensemble: Ensemble, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the replay of a study under an ensemble, and the scores of its observations under each answer."""
    return replay(_shipped(name), ensemble, sets=24, repeats=240), scores_by_answer(_shipped(name), ensemble)


@dataclass(frozen=True)
class Calibration:
    """A calibration: where its rounds are kept, its size, whom it tells what it does, and the processes that run it."""

    folder: Path
    members: int
    rounds: int
    seed: int
    log: Callable[[str], None]
    pool: ProcessPoolExecutor

    @classmethod
    @contextmanager
    def begun(
        cls,
        folder: Path,
        members: int,
        rounds: int,
        seed: int,
        progress: Callable[[str], None] | None,
        also: Mapping[str, object] | None = None,
    ) -> Iterator[Calibration]:
        """Begin a calibration, or go on with the one that `folder` holds, on a process for each core.

        `also`: what else decides on its outcome.

        Raises:
            TestisError: an argument is out of range; the folder is of another calibration.
        """
        folder = guard.path(folder, "folder")
        members, rounds = guard.argument("members", members), guard.argument("rounds", rounds)
        seed = guard.argument("seed", seed)
        tell = guard.function(progress, "progress") or (lambda text: None)
        what = {"version": __version__, "members": members, "rounds": rounds, "seed": seed, "studies": list(known())}
        _same(folder, what | {"inputs": _inputs(), **(also or {})})
        # Spawned: replays start threads, which do not survive a fork.
        with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=_alone) as pool:
            yield cls(folder, members, rounds, seed, tell, pool)

    def posterior(
        self, names: tuple[str, ...], fold: str = "", *, fixed: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Return (parameters, members) on the hidden scale, fitted to those shipped studies of `names` that are fitted.

        Rounds are kept in the folder of the `fold`. Parameters that are `fixed` keep their value.
        """
        hidden = np.random.default_rng(self.seed).standard_normal((len(configuration()["parameters"]), self.members))
        paths = tuple(known()[name] for name in names)
        return self.moved(paths, hidden, lambda hidden: self._sets(hidden, fixed), self.folder / fold)[0]

    def moved(
        self,
        paths: tuple[Path, ...],
        hidden: np.ndarray,
        sets_of: Callable[[np.ndarray], list[dict[str, float]]],
        folder: Path,
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return (parameters, members) on the hidden scale, moved towards what studies observed, and what each round predicted.

        Args:
            paths: files of the studies.
            hidden: of the members before; sets_of: parameter sets of such.
            folder: where rounds are kept.
        """
        seen, sd, chosen = fitted(paths)
        many = len(hidden) > _FEW * self.members
        folder.mkdir(parents=True, exist_ok=True)
        rounds = []
        for turn in range(self.rounds):
            rounds.append(self.respond(paths, hidden, sets_of, folder, turn))
            far = (rounds[-1][chosen] - seen[:, None]) / sd[:, None]
            error_of, mean_error = np.sqrt((far**2).mean()), np.sqrt((far.mean(axis=1) ** 2).mean())
            self.log(f"  misfit {error_of:.2f} SD (root mean square); of the mean {mean_error:.2f}")
            # The draws follow the round, so that a resumed calibration is the unbroken one.
            rng = np.random.default_rng([self.seed, turn])
            moved = assimilate(hidden, rounds[-1][chosen], seen, sd, rounds=self.rounds, rng=rng, localised=many)
            hidden = np.clip(moved, -3.5, 3.5)
        return np.asarray(hidden), rounds

    def respond(
        self,
        paths: tuple[Path, ...],
        hidden: np.ndarray,
        sets_of: Callable[[np.ndarray], list[dict[str, float]]],
        folder: Path,
        turn: int,
    ) -> np.ndarray:
        """Return what the members predict, (observations, members), found in `folder` or worked out and kept there."""
        kept, heading = folder / f"round-{turn}.npz", f"round {turn + 1} of {self.rounds}"
        if turn == self.rounds:
            heading = "what comes of it"
        if (made := _found(kept, hidden, self.log)) is not None:
            self.log(f"{heading}: found")
            return made
        self.log(f"{heading}: {self.members} parameter sets through {len(paths)} studies")
        jobs = [(paths, *one) for one in zip(sets_of(hidden), _dealt(self.members, some=True), strict=True)]
        made = np.array(list(self.pool.map(respond, jobs, chunksize=4))).T
        arrays.write(kept, {"hidden": hidden, "made": made}, {"software": SOFTWARE})
        return made

    def _sets(self, hidden: np.ndarray, fixed: Mapping[str, float] | None = None) -> list[dict[str, float]]:
        """Return the parameters of each member: as the smoother has them, as its answers set them, as they are fixed."""
        questions, found = parameters.hypotheses(), []
        for column, answers in zip(hidden.T, _dealt(self.members), strict=True):
            set_there: dict[str, float] = {}
            for question, answer in answers.items():
                # What this answer leaves open is as in the tables.
                set_there |= {name: parameters.load()[name].value for name in sorted(questions[question].parameters)}
                set_there |= questions[question].answers[answer].parameters
            found.append(to_values(column) | set_there | dict(fixed or {}))
        return found

    def table(self, hidden: np.ndarray, fixed: Mapping[str, float] | None = None) -> pd.DataFrame:
        """Return an ensemble, a column a parameter, and `weight`: that of a member's answers, over all who have them."""
        questions, dealt = parameters.hypotheses(), [tuple(answers.items()) for answers in _dealt(self.members)]
        weights = np.array([math.prod(questions[name].answers[answer].weight for name, answer in own) for own in dealt])
        weights /= [dealt.count(own) for own in dealt]
        return pd.DataFrame(self._sets(hidden, fixed)).assign(weight=weights / weights.sum())


def _dealt(members: int, *, some: bool = False) -> list[dict[str, str]]:
    """Return the answers of each member: to questions about all men every combination alike often, about `some` by weight."""
    questions = [of for of in parameters.hypotheses().values() if (of.sperm_below is not None) == some]
    if not some:
        every = list(itertools.product(*(of.answers for of in questions)))
        names = [of.name for of in questions]
        return [dict(zip(names, every[member % len(every)], strict=True)) for member in range(members)]
    dealt: list[dict[str, str]] = [{} for _ in range(members)]
    for of in questions:
        weights = np.array([answer.weight for answer in of.answers.values()])
        drawn = np.random.default_rng(members).permutation(resampled(weights, members, 1))
        for own, at in zip(dealt, drawn, strict=True):
            own[of.name] = list(of.answers)[at]
    return dealt


def _inputs() -> str:
    """Return a hash of the studies and parameter tables that a calibration rests on."""
    paths = [CONFIGURATION, *known().values(), *sorted(CONFIGURATION.parents[1].glob("parameters/**/*.toml"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def _found(kept: Path, hidden: np.ndarray, tell: Callable[[str], None]) -> np.ndarray | None:
    """Return what the members of a round gave, if it is kept; `hidden` must be those members."""
    if not kept.exists():
        return None
    try:
        with files.regular(kept) as file:
            found = arrays.Archive(file).arrays()
        if np.allclose(found["hidden"], hidden):
            return found["made"]
        fault = "its members are not those of the round before"
    except arrays.FAULTS as error:
        fault = printable(str(error))
    tell(f"{kept}: is damaged ({fault}); the round is done again")
    return None


def _same(folder: Path, what: dict[str, object]) -> None:
    note = folder / "calibration.json"
    try:
        kept = files.unsealed(files.content(note)) if note.exists() else what
    except (OSError, ValueError):
        kept = None
    if kept != what:
        raise TestisError(
            f"{folder}: holds another calibration (other studies, parameters, size or version), or {note.name} is "
            "damaged; "
            "name another folder"
        )
    files.write(note, files.sealed(what))


def identified(sets: pd.DataFrame) -> pd.DataFrame:
    """Return what the data identify: each parameter's posterior median, 90 % interval, and width over the prior's.

    `sets` has a row a parameter set and a column each parameter that calibration moves, and maybe others.
    """
    sets = sets[[*configuration()["parameters"]]]
    hidden = np.array([hidden_of(name, sets[name].to_numpy(dtype=float)) for name in sets])
    rows, correlation = [], np.corrcoef(hidden)
    np.fill_diagonal(correlation, 0.0)
    for k, name in enumerate(sets.columns):
        other = int(np.abs(correlation[k]).argmax())
        row = {"parameter": name, **dict(zip(("range_low", "range_high"), _ranges(name)))}
        row |= dict(zip(("low", "median", "high"), np.quantile(sets[name], [0.05, 0.5, 0.95])))
        row |= {"width": float(hidden[k].std()), "most_correlated": sets.columns[other]}
        rows.append(row | {"r": float(correlation[k, other])})
    return pd.DataFrame(rows).set_index("parameter").sort_values("width")
