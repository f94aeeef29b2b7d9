"""Calibration: an ensemble of plausible parameter sets from the literature, by ensemble smoothing (ES-MDA, Emerick 2013).

Every parameter stays inside its sourced range: it is moved on a hidden normal scale whose centre is the table's value. Each round runs
every member through the studies and moves all members towards what was observed, as far as its error allows; rounds are kept on
disk, so that a stopped calibration goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import __version__, parameters
from testis_abm.errors import TestisError
from testis_abm.studies.ensemble import FILE, applied
from testis_abm.studies.replay import as_fold, between_studies, configuration, courses, expectation
from testis_abm.studies.study import Observation, Study, known, load_study

_PULL = 0.8  # SD of the prior on the hidden scale: about 90 % of a range for a value at its middle
_EDGE = 0.03
_MEN, _POOL, _SEED = 4, 40, 1
_SHARE_SD = 0.1  # of a share of men


@cache
def _ranges(name: str) -> tuple[float, float, float, bool]:
    """Return value, low and high of a parameter, and whether it moves on a log scale."""
    if name.startswith("drug."):
        _, drug, constant = name.split(".", 2)
        numbers = parameters.drugs()[drug].numbers
        entry = next(of for key, of in numbers.items() if key == constant or key.endswith(f".{constant}"))
    else:
        entry = parameters.load()[name]
    return entry.value, entry.low, entry.high, entry.low > 0.0 and entry.high / entry.low > 3.0


def to_values(hidden: np.ndarray) -> dict[str, float]:
    """Return parameter values from hidden standard normals, in the order of the configuration."""
    from scipy.special import ndtr, ndtri

    found = {}
    for name, z in zip(configuration()["parameters"], hidden, strict=True):
        value, low, high, log = _ranges(name)
        place = np.log(value / low) / np.log(high / low) if log else (value - low) / (high - low)
        place = float(ndtr(ndtri(min(1.0 - _EDGE, max(_EDGE, place))) + _PULL * z))
        found[name] = float(low * (high / low) ** place if log else low + (high - low) * place)
    return found


def scaled(of: Observation, value: float) -> float:
    """Return a value on the scale it is compared on: log of a fold, or as it is (differences, shares of men)."""
    if of.kind == "difference":
        return value
    if of.kind == "share_below":
        return value / 100.0
    return float(np.log(max(as_fold(of, value), 0.005)))


def error(of: Observation, n: int) -> float:
    """Return the SD of an observation on the scale of `scaled`: its own error and what studies differ by."""
    if of.kind == "share_below":
        return _SHARE_SD
    if of.kind == "difference":
        return float(np.hypot(of.se or 0.3 * abs(of.value), 0.3 * abs(of.value)) + 1e-6)
    size = abs(as_fold(of, of.value))
    own = (of.se / (100.0 if of.kind == "change" else 1.0)) / max(size, 1e-6) if of.se else 0.5 / np.sqrt(n)
    return float(np.hypot(own, between_studies(of)))


def is_fitted(study: Study, of: Observation) -> bool:
    """Return whether an observation is fitted: nothing from memory, no study that is set apart (calibration.toml)."""
    return of.confidence != "memory" and study.name not in configuration()["apart"]


def respond(job: tuple[tuple[str, ...], Mapping[str, float]]) -> np.ndarray:
    """Return what one parameter set predicts for every observation of the named studies (on the scale of `scaled`)."""
    names, of = job
    values, drugs = applied(of)
    found: list[float] = []
    for name in names:
        study = _study(name)
        try:
            seen = expectation(study, courses(study, values, drugs, _MEN, pool=_POOL, seed=_SEED))
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
    folder: Path,
    *,
    members: int = 240,
    rounds: int = 4,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
    ship: bool = False,
) -> pd.DataFrame:
    """Calibrate; return the ensemble (a column a parameter, and `weight`), and keep it with its report in `folder`.

    Args:
        folder: where rounds are kept; one that holds rounds of the same calibration is gone on with.
        members: parameter sets, at least 40.
        rounds: of assimilation.
        seed: of the prior.
        progress: told what is being done.
        ship: put the ensemble into the package.

    Raises:
        TestisError: too few members, a folder of another calibration, or one that cannot be written.
    """
    if members < 40 or rounds < 1:
        raise TestisError(f"{members} members and {rounds} rounds: use at least 40 members and 1 round")
    from iterative_ensemble_smoother import ESMDA

    names, studies = tuple(known()), [_study(name) for name in known()]
    flat = [(study, of) for study in studies for of in study.observed]
    chosen = np.array([k for k, (study, of) in enumerate(flat) if is_fitted(study, of)])
    seen = np.array([scaled(of, of.value) for _, of in flat])
    sd = np.array([error(of, study.n) for study, of in flat])
    what = {"version": __version__, "members": members, "rounds": rounds, "seed": seed, "studies": list(names),
            "parameters": configuration()["parameters"]}  # fmt: skip
    _same(folder, what)
    smoother = ESMDA(
        covariance=sd[chosen] ** 2, observations=seen[chosen], alpha=rounds, seed=np.random.default_rng(seed + 1)
    )
    hidden = np.random.default_rng(seed).standard_normal((len(configuration()["parameters"]), members))
    tell = progress or (lambda text: None)
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        for turn in range(rounds + 1):
            kept = folder / f"round-{turn}.npz"
            if kept.exists():
                with np.load(kept) as file:
                    hidden, made = file["hidden"], file["made"]
                tell(f"round {turn} of {rounds}: found")
            else:
                tell(f"round {turn} of {rounds}: {members} parameter sets through {len(studies)} studies")
                jobs = [(names, to_values(column)) for column in hidden.T]
                made = np.array(list(pool.map(respond, jobs, chunksize=4))).T
                beside = folder / f".round-{turn}.npz"
                np.savez(beside, hidden=hidden, made=made)
                beside.replace(kept)
            far = (made[chosen] - seen[chosen][:, None]) / sd[chosen][:, None]
            tell(
                f"  root mean square misfit {np.sqrt((far**2).mean()):.2f} SD; of the mean {np.sqrt((far.mean(axis=1) ** 2).mean()):.2f}"
            )
            # The smoother's own draws follow the round, so that a resumed calibration is the unbroken one.
            smoother.rng = np.random.default_rng([seed, turn])
            if turn < rounds:
                smoother.prepare_assimilation(Y=made[chosen])
                hidden = np.clip(smoother.assimilate_batch(X=hidden), -3.5, 3.5)
    return _keep(folder, hidden, made, seen, sd, flat, what, ship)


def _same(folder: Path, what: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        note = folder / "calibration.json"
        if note.exists() and json.loads(note.read_text(encoding="utf-8")) != what:
            raise TestisError(
                f"{folder}: holds another calibration (other studies, parameters, size or version); name another folder"
            )
        note.write_text(json.dumps(what, indent=1), encoding="utf-8")
    except OSError as error:
        raise TestisError(f"{folder}: cannot be written ({error.strerror or error})") from error


def _keep(
    folder: Path, hidden: np.ndarray, made: np.ndarray, seen: np.ndarray, sd: np.ndarray,
    flat: list[tuple[Study, Observation]], what: dict[str, Any], ship: bool,
) -> pd.DataFrame:  # fmt: skip
    table = pd.DataFrame([to_values(column) for column in hidden.T])
    table["weight"] = 1.0 / len(table)
    head = (
        f"# {len(table)} plausible parameter sets, testis_abm {what['version']}: ES-MDA, {what['rounds']} rounds, seed {what['seed']}, "
        f"{len(what['studies'])} studies; made by testis-abm calibrate\n"
    )
    for path in [folder / FILE.name, *([FILE] if ship else [])]:
        beside = path.with_name(f".{path.name}")
        beside.write_text(head + table.to_csv(index=False, float_format="%.6g"), encoding="utf-8")
        beside.replace(path)
    identified(hidden).to_csv(folder / "identified.csv", float_format="%.4g")
    left_out(made, seen, sd, flat).to_csv(folder / "left_out.csv", index=False, float_format="%.4g")
    return table


def identified(hidden: np.ndarray) -> pd.DataFrame:
    """Return what the data identify: each parameter's value, posterior median and 90 % interval, posterior over prior width."""
    sets = pd.DataFrame([to_values(column) for column in hidden.T])
    rows = []
    correlation = np.corrcoef(hidden)
    np.fill_diagonal(correlation, 0.0)
    for k, name in enumerate(sets.columns):
        value, low, high, _ = _ranges(name)
        other = int(np.abs(correlation[k]).argmax())
        rows.append((name, value, low, high, *np.quantile(sets[name], [0.05, 0.5, 0.95]), float(hidden[k].std()),
                     sets.columns[other], float(correlation[k, other])))  # fmt: skip
    names = ["parameter", "table", "range_low", "range_high", "low", "median", "high", "width", "most_correlated", "r"]
    return pd.DataFrame(rows, columns=names).set_index("parameter").sort_values("width")


def left_out(made: np.ndarray, seen: np.ndarray, sd: np.ndarray, flat: list[tuple[Study, Observation]]) -> pd.DataFrame:
    """Return each observation as predicted by the ensemble with its own study left out.

    Leaving out is by weights: a member that owed its place to the study loses weight by the likelihood that it got from it.
    """
    names = np.array([study.name for study, _ in flat])
    rows = []
    for study in dict.fromkeys(names.tolist()):
        own = np.flatnonzero(names == study)
        fitted = [k for k in own if is_fitted(*flat[k])]
        far = (made[fitted] - seen[fitted][:, None]) / sd[fitted][:, None]
        log = np.minimum(0.5 * (far**2).sum(axis=0), 12.0) if fitted else np.zeros(made.shape[1])
        weights = np.exp(log - log.max())
        weights /= weights.sum()
        for k in own:
            order = np.argsort(made[k])
            heap = np.cumsum(weights[order])
            middle = float(np.interp(0.5, heap, made[k][order]))
            mean = float(weights @ made[k])
            spread = float(np.sqrt(weights @ (made[k] - mean) ** 2 + sd[k] ** 2))
            of = flat[k][1]
            inside = abs(seen[k] - mean) <= 1.96 * spread
            rows.append((study, of.label, of.confidence, bool(fitted), of.value, middle, seen[k], spread, inside,
                         np.exp(abs(middle - seen[k])) if of.kind not in ("difference", "share_below") else np.nan,
                         1.0 / float((weights**2).sum())))  # fmt: skip
    names_ = [
        "study",
        "label",
        "confidence",
        "fitted",
        "observed",
        "predicted_scaled",
        "observed_scaled",
        "sd",
        "inside",
        "fold",
        "effective",
    ]
    return pd.DataFrame(rows, columns=names_)
