"""Calibration: an ensemble of plausible parameter sets from the literature, by ensemble smoothing (ES-MDA, Emerick 2013).

Every parameter stays inside its sourced range: it is moved on a hidden normal scale whose centre is the table's value. Each round runs
every member through the studies and moves all members towards what was observed, as far as its error allows; rounds are kept on
disk, so that a stopped calibration goes on where it was.

Cross-validation fits anew without some papers and replays those. It starts from the middle of each range, so that no value of the
tables that owes something to a paper helps to predict it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import __version__
from testis_abm.studies.ensemble import FILE, Ensemble, applied, parameter, write
from testis_abm.studies.replay import (
    CONFIGURATION,
    POOL,
    as_fold,
    between_studies,
    configuration,
    courses,
    expectation,
    replay,
    scaled,
)
from testis_abm.studies.study import Observation, Study, known, load_study
from testis_abm.support import arrays, files, guard
from testis_abm.support.errors import TestisError, printable
from testis_abm.support.outputs import SOFTWARE

_PULL = 0.8  # SD of the prior on the hidden scale: about 90 % of a range for a value at its middle
_EDGE = 0.03
_MEN, _SEED = 4, 1


@cache
def _ranges(name: str) -> tuple[float, float, float, bool]:
    """Return value, low and high of a parameter, and whether it moves on a log scale."""
    entry = parameter(name)
    return entry.value, entry.low, entry.high, entry.low > 0.0 and entry.high / entry.low > 3.0


def to_values(hidden: np.ndarray, middle: bool = False) -> dict[str, float]:
    """Return parameter values from hidden standard normals, in the order of the configuration.

    The centre is the table's value or, with `middle`, the middle of the range.
    """
    from scipy.special import ndtr, ndtri

    found = {}
    for name, z in zip(configuration()["parameters"], hidden, strict=True):
        value, low, high, log = _ranges(name)
        place = np.log(value / low) / np.log(high / low) if log else (value - low) / (high - low)
        place = 0.5 if middle else place
        place = float(ndtr(ndtri(min(1.0 - _EDGE, max(_EDGE, place))) + _PULL * z))
        found[name] = float(low * (high / low) ** place if log else low + (high - low) * place)
    return found


def error(of: Observation, n: int) -> float:
    """Return the SD of an observation on the scale of `scaled`: its own error and what studies differ by."""
    spread = configuration()["spread"]
    if of.kind == "share_below":
        return float(np.hypot(spread["share"], 0.5 / np.sqrt(of.n or n)))
    if of.kind == "difference":
        own = abs(of.value) * spread["difference"]
        return float(np.hypot(of.se or own, own) + 1e-6)
    size = abs(as_fold(of, of.value))
    own = (of.se / (100.0 if of.relative else 1.0)) / max(size, 1e-6) if of.se else 0.5 / np.sqrt(of.n or n)
    return float(np.hypot(own, between_studies(of)))


def is_fitted(study: Study, of: Observation) -> bool:
    """Return whether an observation is fitted: nothing from memory, no study that is set apart (calibration.toml)."""
    return of.confidence != "memory" and study.name not in configuration()["apart"]


def fitted_studies() -> tuple[str, ...]:
    """Return the names of the studies of which something is fitted."""
    return tuple(name for name in known() if any(is_fitted(_study(name), of) for of in _study(name).observed))


def respond(job: tuple[tuple[str, ...], Mapping[str, float]]) -> np.ndarray:
    """Return what one parameter set predicts for every observation of the named studies (on the scale of `scaled`)."""
    names, of = job
    values, drugs = applied(of)
    found: list[float] = []
    for name in names:
        study = _study(name)
        try:
            seen = expectation(study, courses(study, values, drugs, _MEN, pool=POOL, seed=_SEED), pool=POOL, seed=_SEED)
        except (FloatingPointError, ZeroDivisionError):
            seen = np.full(len(study.observed), np.nan)
        for obs, value in zip(study.observed, seen, strict=True):
            if obs.kind.startswith("weeks") and not np.isfinite(value):
                value = 1.2 * study.duration_days / 7.0
            found.append(scaled(obs, float(value)) if np.isfinite(value) else scaled(obs, obs.value) + 3.0)
    return np.array(found)


@cache
def _study(name: str) -> Study:
    return load_study(known()[name])


def calibrate(
    folder: Path, *, members: int = 240, rounds: int = 4, seed: int = 1, progress: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """Calibrate; return the ensemble (a column a parameter, and `weight`), and keep it with its report in `folder`.

    Args:
        folder: where rounds are kept; one that holds rounds of the same calibration is gone on with.
        members: parameter sets, at least 40.
        rounds: of assimilation.
        seed: of the prior.
        progress: told what is being done.

    Raises:
        TestisError: too few members, a folder of another calibration, or one that cannot be written.
    """
    folder = guard.path(folder, "folder")
    what = _what(folder, members, rounds, seed)
    tell = progress or (lambda text: None)
    with workers() as pool:
        hidden = _assimilate(folder, fitted_studies(), pool, what, tell)
    table = _table(hidden, False)
    head = (
        f"{len(table)} plausible parameter sets, testis_abm {what['version']}: ES-MDA, {rounds} rounds, seed {seed}, "
        f"{len(what['studies'])} studies; made by testis-abm calibrate"
    )
    write(folder / FILE.name, table, head)
    files.write(folder / "identified.csv", identified(hidden).to_csv(float_format="%.4g", lineterminator="\n"))
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
    """Fit anew without the papers of each fold and replay them; return a row an observation (see replay), with its `left_out` fold.

    Studies of one paper, or on the same men, are left out together (`related` in calibration.toml). Rounds are kept in `folder`.

    Raises:
        TestisError: as calibrate; fewer than 2 folds.
    """
    folds = guard.argument("folds", folds)
    folder = guard.path(folder, "folder")
    what = _what(folder, members, rounds, seed)
    tell = progress or (lambda text: None)
    fitted = fitted_studies()
    related = configuration()["related"]
    papers = list(dict.fromkeys(next((of[0] for of in related if name in of), name) for name in fitted))
    tables = []
    with workers() as pool:
        for fold in range(min(folds, len(papers))):
            out = papers[fold::folds]
            left = [name for name in fitted if next((of[0] for of in related if name in of), name) in out]
            tell(f"without {', '.join(left)}")
            used = tuple(name for name in fitted if name not in left)
            hidden = _assimilate(folder / f"fold-{fold}", used, pool, what, tell, middle=True)
            table = _table(hidden, True)
            ensemble = Ensemble(table.drop(columns="weight"), table["weight"].to_numpy())
            for name in left:
                tables.append(replay(_study(name), ensemble, sets=24, repeats=240).assign(left_out=fold))
    found = pd.concat(tables, ignore_index=True)
    files.write(folder / "left_out.csv", found.to_csv(index=False, float_format="%.4g", lineterminator="\n"))
    return found


def workers() -> ProcessPoolExecutor:
    """Return a process for each core (spawned: replays start threads, which do not survive a fork)."""
    return ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn"))


def answer(
    folder: Path,
    fixed: Mapping[str, float],
    *,
    members: int = 60,
    rounds: int = 3,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Ensemble:
    """Return the ensemble of one answer to a structural question: calibrated with the parameters that stand for it `fixed`.

    Raises:
        TestisError: as calibrate.
    """
    folder = guard.path(folder, "folder")
    what = _what(folder, members, rounds, seed)
    with workers() as pool:
        hidden = _assimilate(folder, fitted_studies(), pool, what, progress or (lambda text: None), fixed=fixed)
    sets = _table(hidden, False).drop(columns="weight").assign(**fixed)
    return Ensemble(sets, np.full(members, 1.0 / members))


def _what(folder: Path, members: int, rounds: int, seed: int) -> dict[str, Any]:
    """Return what a calibration is of, kept in its folder; refuse a folder of another one."""
    members, rounds = guard.argument("members", members), guard.argument("rounds", rounds)
    seed = guard.argument("seed", seed)
    files = [CONFIGURATION, *known().values(), *sorted(CONFIGURATION.parents[1].glob("parameters/*.toml"))]
    inputs = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    what = {
        "version": __version__,
        "members": members,
        "rounds": rounds,
        "seed": seed,
        "studies": list(known()),
        "inputs": inputs,
    }
    _same(folder, what)
    return what


def _assimilate(
    folder: Path,
    names: tuple[str, ...],
    pool: ProcessPoolExecutor,
    what: Mapping[str, Any],
    tell: Callable[[str], None],
    *,
    middle: bool = False,
    fixed: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Return the posterior, (parameters, members) on the hidden scale, fitted to those studies of `names` that are fitted.

    Parameters that are `fixed` keep their value.
    """
    from iterative_ensemble_smoother import ESMDA

    flat = [(_study(name), of) for name in names for of in _study(name).observed]
    chosen = np.array([k for k, (study, of) in enumerate(flat) if is_fitted(study, of)])
    seen = np.array([scaled(of, of.value) for _, of in flat])[chosen]
    sd = np.array([error(of, study.n) for study, of in flat])[chosen]
    members, rounds, seed = what["members"], what["rounds"], what["seed"]
    smoother = ESMDA(covariance=sd**2, observations=seen, alpha=rounds, seed=np.random.default_rng(seed + 1))
    hidden = np.random.default_rng(seed).standard_normal((len(configuration()["parameters"]), members))
    folder.mkdir(parents=True, exist_ok=True)
    for turn in range(rounds):
        kept = folder / f"round-{turn}.npz"
        made = _found(kept, hidden, tell)
        if made is None:
            tell(f"round {turn + 1} of {rounds}: {members} parameter sets through {len(names)} studies")
            jobs = [(names, to_values(column, middle) | dict(fixed or {})) for column in hidden.T]
            made = np.array(list(pool.map(respond, jobs, chunksize=4))).T[chosen]
            arrays.write(kept, {"hidden": hidden, "made": made}, {"software": SOFTWARE})
        else:
            tell(f"round {turn + 1} of {rounds}: found")
        far = (made - seen[:, None]) / sd[:, None]
        tell(
            f"  misfit {np.sqrt((far**2).mean()):.2f} SD (root mean square); of the mean {np.sqrt((far.mean(axis=1) ** 2).mean()):.2f}"
        )
        # The smoother's own draws follow the round, so that a resumed calibration is the unbroken one.
        smoother.rng = np.random.default_rng([seed, turn])
        smoother.prepare_assimilation(Y=made)
        hidden = np.clip(smoother.assimilate_batch(X=hidden), -3.5, 3.5)
    return np.asarray(hidden)


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


def _table(hidden: np.ndarray, middle: bool) -> pd.DataFrame:
    return pd.DataFrame([to_values(column, middle) for column in hidden.T]).assign(weight=1.0 / hidden.shape[1])


def _same(folder: Path, what: dict[str, Any]) -> None:
    note = folder / "calibration.json"
    try:
        kept = files.unsealed(files.content(note)) if note.exists() else what
    except (OSError, ValueError):
        kept = None
    if kept != what:
        raise TestisError(
            f"{folder}: holds another calibration (other studies, parameters, size or version), or {note.name} is damaged; "
            "name another folder"
        )
    files.write(note, files.sealed(what))


def identified(hidden: np.ndarray) -> pd.DataFrame:
    """Return what the data identify: each parameter's value, posterior median and 90 % interval, posterior over prior width."""
    sets = pd.DataFrame([to_values(column) for column in hidden.T])
    rows = []
    correlation = np.corrcoef(hidden)
    np.fill_diagonal(correlation, 0.0)
    for k, name in enumerate(sets.columns):
        value, low, high, _ = _ranges(name)
        other = int(np.abs(correlation[k]).argmax())
        rows.append(
            (
                name,
                value,
                low,
                high,
                *np.quantile(sets[name], [0.05, 0.5, 0.95]),
                float(hidden[k].std()),
                sets.columns[other],
                float(correlation[k, other]),
            )
        )
    names = ["parameter", "table", "range_low", "range_high", "low", "median", "high", "width", "most_correlated", "r"]
    return pd.DataFrame(rows, columns=names).set_index("parameter").sort_values("width")
