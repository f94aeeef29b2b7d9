"""The ensemble brought up to data of the user's own: from plausible parameter sets to those that their studies speak for.

The members are those of an ensemble (default: the shipped one, calibrated on published studies), and only the parameters that are
asked for move, inside their ranges, by ensemble smoothing as in calibrate.py: Bayes' theorem, with the old ensemble as the prior.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import __version__
from testis_abm.man.parameter_set import parameter
from testis_abm.results.report import aligned, number
from testis_abm.studies.calibrate import Calibration, fitted, hidden_of, study_of, to_values
from testis_abm.studies.ensemble import FILE, Ensemble, shipped, write
from testis_abm.studies.replay import label_of
from testis_abm.studies.score import from_scaled
from testis_abm.studies.study import Observation, Study
from testis_abm.support import files, guard
from testis_abm.support.errors import ScenarioError, TestisError, unknown

_FAR = 2.0  # SD of an observation beyond which the moved ensemble does not explain it
_MOVED = 0.3  # of its SD before: a median that went further was moved
_NARROWED = 0.85  # of its width before: a parameter that the data say something about


@dataclass(frozen=True)
class Updated:
    """An ensemble that was brought up to data.

    Attributes:
        ensemble: after; weights are equal.
        changed: a row a parameter: its range, median and 90 % interval before and after, `width` (SD after over before) and
            `shift` of the median (SD before), on the scale on which it moves.
        fit: a row an observation: study, label, observed, medians and 90 % intervals before and after, `used`, and how far the
            median lies from what was observed, in SD of its error.
    """

    ensemble: Ensemble
    changed: pd.DataFrame
    fit: pd.DataFrame

    def text(self) -> str:
        """Return in words what the data changed, and what the model does not explain."""
        rows: list[tuple[str, ...]] = [("parameter", "before", "after", "width", "shift", "")]
        for name, row in self.changed.iterrows():
            said = row["width"] < _NARROWED or abs(row["shift"]) > _MOVED
            cells = [_interval(row, when) for when in ("before", "after")]
            rows.append(
                (
                    str(name),
                    *cells,
                    f"{row['width']:.2f}",
                    f"{row['shift']:+.1f}",
                    "" if said else "not told by these data",
                )
            )
        lines = [
            "What the data changed (median, 90 % interval; width: SD after over before; shift: of the median, in SD before):"
        ]
        lines.append(aligned(rows, right=1))
        rows = [("observation", "observed", "before", "after", "off")]
        for row in self.fit.itertuples():
            cells = [_interval(row._asdict(), when) for when in ("before", "after")]
            rows.append(
                (
                    f"{row.study}: {row.label}",
                    number(row.observed),
                    *cells,
                    f"{row.off_after:+.1f} SD" if row.used else "not used",
                )
            )
        lines += [
            "",
            "The observations (predicted median, 90 % interval; off: of the median after):",
            aligned(rows, right=1),
        ]
        far = self.fit[self.fit["used"] & (self.fit["off_after"].abs() > _FAR)]
        if len(far):
            which = "; ".join(f"{row.study}: {row.label}" for row in far.itertuples())
            lines += [
                "",
                f"Not explained within the ranges of what was moved: {which}. Move other parameters, or look at the data.",
            ]
        return "\n".join(lines)


def _interval(row: Mapping[str, float], when: str) -> str:
    low, middle, high = (number(row[f"{end}_{when}"]) for end in ("low", "median", "high"))
    return f"{middle} ({low} to {high})"


def update(
    studies: Sequence[str | Path],
    folder: Path,
    *,
    move: Sequence[str] | None = None,
    start: Ensemble | None = None,
    members: int = 120,
    rounds: int = 3,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Updated:
    """Bring an ensemble up to studies of the user's own; keep it with its reports in `folder`, where a stopped one goes on.

    Args:
        studies: study files (testis_abm/studies/README.md).
        folder: for rounds, ensemble.csv, changed.csv and fit.csv.
        move: dotted parameters ("axis.lh_reference", "drug.anastrozole.inhibition_constant"); None: all in which the sets of
            `start` differ and that have a range.
        start: the ensemble before (None: the shipped one).
        members: parameter sets, drawn by weight; rounds: of assimilation; seed: of the draws.
        progress: called with what is being done.

    Raises:
        TestisError: a study that cannot be read or holds nothing to fit, a parameter that does not exist, a folder of another
            calibration.
    """
    start = shipped() if start is None else start
    paths = tuple(Path(guard.path(study, "study")).resolve() for study in studies)
    if not paths:
        raise TestisError("studies: name at least one study file")
    observed = [(study_of(path), of) for path in paths for of in study_of(path).observed]
    if not fitted(paths)[2].any():
        raise TestisError('studies: nothing to fit: every observation is marked confidence = "memory"')
    names = movable(move, start)
    members, seed = guard.argument("members", members), guard.argument("seed", seed)
    picked = start.sets.iloc[start.pick(members, seed)]
    base = [{**dict(zip(picked.columns, row)), **start.known} for row in picked.to_numpy(dtype=float).tolist()]
    hidden = _before(names, base, seed)

    def sets_of(hidden: np.ndarray) -> list[dict[str, float]]:
        return [{**own, **to_values(column, names)} for own, column in zip(base, hidden.T, strict=True)]

    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    old = hashlib.sha256(
        pd.util.hash_pandas_object(start.sets.assign(weight=start.weights)).to_numpy().tobytes()
    ).hexdigest()
    also = {"own": texts, "move": list(names), "start": old}
    with Calibration.begun(Path(folder), members, rounds, seed, progress, also) as calibration:
        after, made = calibration.moved(paths, hidden, sets_of, calibration.folder)
        made.append(calibration.respond(paths, after, sets_of, calibration.folder, calibration.rounds))
        table = pd.DataFrame(sets_of(after)).assign(weight=1.0 / members)
        head = f"{members} parameter sets, testis_abm {__version__}: moved by {len(paths)} studies of the user's own; testis-abm calibrate"
        write(calibration.folder / FILE.name, table, head)
        updated = Updated(
            Ensemble(table.drop(columns="weight"), table["weight"].to_numpy()),
            _changed(names, hidden, after),
            _fit(observed, paths, (made[0], made[-1])),
        )
        for name, of in (("changed", updated.changed.reset_index()), ("fit", updated.fit)):
            files.write(
                calibration.folder / f"{name}.csv", of.to_csv(index=False, float_format="%.5g", lineterminator="\n")
            )
    return updated


def movable(move: Sequence[str] | None, start: Ensemble) -> tuple[str, ...]:
    """Return the parameters that are to move: `move`, or all in which the sets of `start` differ and that have a range.

    Raises:
        ScenarioError: one does not exist, or has no range.
    """
    if move is None:
        varied = [name for name in start.sets if start.sets[name].nunique() > 1]
        return tuple(name for name in varied if parameter(name).high > parameter(name).low)
    with guard.at("move"):
        for name in guard.texts(move, "", '["axis.testosterone_feedback_strength"]'):
            if not _exists(name):
                from testis_abm import parameters

                known = [of.name for of in parameters.search()]
                raise ScenarioError(unknown("parameter", name, known, see="testis-abm parameters"))
            if not parameter(name).high > parameter(name).low:
                raise ScenarioError(f"{name} has no range to move in")
    return tuple(dict.fromkeys(move))


def _exists(name: str) -> bool:
    try:
        parameter(name)
    except TestisError:
        return False
    return True


def _before(names: Sequence[str], base: Sequence[Mapping[str, float]], seed: int) -> np.ndarray:
    """Return (parameters, members) on the hidden scale: where the members have them, or drawn from the prior of a parameter that none has."""
    rng, rows = np.random.default_rng([seed, 47]), []
    for name in names:
        drawn = rng.standard_normal(len(base))
        there = name in base[0] and len({own[name] for own in base}) > 1
        rows.append(hidden_of(name, np.array([own[name] for own in base])) if there else drawn)
    return np.asarray(np.clip(np.array(rows), -3.5, 3.5))


def _changed(names: Sequence[str], before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    rows = []
    for k, name in enumerate(names):
        entry = parameter(name)
        row: dict[str, object] = {
            "parameter": name,
            "unit": entry.unit,
            "range_low": entry.low,
            "range_high": entry.high,
        }
        for when, hidden in (("before", before), ("after", after)):
            values = [to_values(np.array([z]), (name,))[name] for z in hidden[k]]
            row |= dict(zip((f"low_{when}", f"median_{when}", f"high_{when}"), np.quantile(values, [0.05, 0.5, 0.95])))
        wide = max(float(before[k].std()), 1e-9)
        row |= {
            "width": float(after[k].std()) / wide,
            "shift": float(np.median(after[k]) - np.median(before[k])) / wide,
        }
        rows.append(row)
    return pd.DataFrame(rows).set_index("parameter").sort_values("width")


def _fit(
    observed: Sequence[tuple[Study, Observation]], paths: Sequence[Path], made: Sequence[np.ndarray]
) -> pd.DataFrame:
    seen, sd, chosen = fitted(paths)
    place = np.cumsum(chosen) - 1
    rows = []
    for k, (study, of) in enumerate(observed):
        row: dict[str, object] = {
            "study": study.name,
            "label": label_of(of, study),
            "unit": of.shown_unit,
            "observed": of.number,
            "used": bool(chosen[k]),
        }
        for when, levels in zip(("before", "after"), made, strict=True):
            back = partial(from_scaled, of)
            row |= {
                f"{end}_{when}": back(level)
                for end, level in zip(("low", "median", "high"), np.quantile(levels[k], [0.05, 0.5, 0.95]))
            }
            row[f"off_{when}"] = float((np.median(levels[k]) - seen[place[k]]) / sd[place[k]]) if chosen[k] else np.nan
        rows.append(row)
    return pd.DataFrame(rows)
