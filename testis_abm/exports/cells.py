"""The states of all cells of a man on a morning, as AnnData (anndata.readthedocs.io): cells by quantities."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from testis_abm.biology import germ, stages, steps
from testis_abm.exports.target import arms_of, days_of, described, file_for, mornings, needs, suffix_of, usual_arm
from testis_abm.scenario import Scenario
from testis_abm.scenario.load import load
from testis_abm.support import files, guard, outputs
from testis_abm.testis.kinds import KINDS
from testis_abm.testis.places import germ_progress

MOST = 2_000_000  # cells in a file: about 400 bytes each
_NOWHERE = -1
# What tells cells apart, or is of use within the engine alone; all other numbers of an agent are quantities.
_NO_QUANTITIES = (
    *("position", "lineage", "niche", "corner", "tubule", "along", "step", "step_index", "clone", "founder", "turn"),
    *("ends", "threshold", "state", "blocked_until", "phase"),
)
_UNITS = ("free nmol/L", "nmol/L", "pmol/L", "IU/L", "per day", "day", "um")
_DAYS = re.compile(r"\bdays?\b", re.IGNORECASE)


def cell_states(scenario: Any, *, day: int | None = None, arm: str | None = None) -> Any:
    """Return the states of all cells on a morning, anndata.AnnData (cells, quantities).

    Args:
        scenario: a Scenario, a mapping, or the path or name of a scenario file.
        day: of the plan (default: its last).
        arm: "treated" (default where there is a therapy) or "untreated".

    Returns:
        X: the quantities that agents of each kind have, NaN where a kind has none of a name. obs: kind; step and clone of a
        germ cell (0: stem cells, and cells of the body); tubule (-1: Leydig cells), section of it, stage of the cycle that its
        niche shows ("none": without germ cells; "" of Leydig cells); age_days since the clone was founded, at mean durations
        of the steps before the present one (NaN: stem cells and cells of the body). Its index is kind and lineage. var: unit,
        doc, and the kinds that have it. obsm["spatial"]: x, y in um. uns: version, scenario, day, arm, seed, disclaimer.

    Raises:
        TestisError: anndata is missing, or a day or arm that is not in the scenario.
    """
    needs("anndata", "anndata", "AnnData")
    case = load(scenario)
    return _states(case, usual_arm(case, arm), _day(case, day))


def _day(case: Scenario, day: int | None) -> int:
    last = case.plan.duration_days
    return last if day is None else days_of(guard.whole(day, 0, last, "day"), last).start


def _states(case: Scenario, arm: str, day: int) -> Any:
    import anndata
    import pandas as pd

    (arm,) = arms_of(case, arm)
    ((_, men),) = mornings(case, (arm,), [day])
    man = men[arm]
    guard.few(sum(map(len, man.agents_by_type.values())), MOST, "cells", "make the tissue smaller", "tissue")
    parts = []
    docs: dict[str, Any] = {}
    has: dict[str, Any] = {}
    for kind in KINDS:
        cells = next(found for of, found in man.agents_by_type.items() if getattr(of, "kind", None) == kind.name)
        of = cells.cell_type
        numbers = {name: cells.array(name) for name in _quantities(of)}
        for name in numbers:
            docs.setdefault(name, getattr(of, name).__doc__)
            has.setdefault(name, []).append(kind.name)
        rows = getattr(man.tissue.columns, kind.name).rows()
        there = (
            kind.there(man.tissue)
            if kind.there
            else man.tissue.columns.sertoli.present[kind.niche(man.tissue, rows)] > 0.0
        )
        found = pd.DataFrame({**_obs(man.tissue, kind, rows), **numbers})
        found["x"], found["y"] = np.asarray(cells.array("position"), dtype=float).reshape(-1, 2).T
        parts.append(found[there])
    table = pd.concat(parts, ignore_index=True)
    obs = table[["kind", "step", "clone", "tubule", "section", "stage", "age_days"]].copy()
    obs.index = pd.Index(table["kind"] + "-" + table["lineage"], name="cell")
    for name in ("kind", "step", "stage"):
        obs[name] = obs[name].astype("category")
    var = pd.DataFrame(
        {
            "unit": [_unit(docs[name]) for name in docs],
            "doc": list(docs.values()),
            "kinds": [" ".join(has[name]) for name in docs],
        },
        index=pd.Index(list(docs), name="quantity"),
    )
    states = anndata.AnnData(
        table[list(docs)].to_numpy(dtype=float), obs=obs, var=var, obsm={"spatial": table[["x", "y"]].to_numpy()}
    )
    plan = json.dumps(case.as_dict(), default=str, ensure_ascii=False)
    states.uns = {**described(case), "day": day, "arm": arm, "settings": plan}
    return states


def _quantities(of: type) -> list[str]:
    """Return the names of the numbers that agents of a type have."""
    from testis_abm.agents.views import Reading

    names = [name for kind in reversed(of.__mro__) for name, what in vars(kind).items() if isinstance(what, Reading)]
    return [name for name in dict.fromkeys(names) if name not in _NO_QUANTITIES]


def _unit(doc: str) -> str:
    """Return the unit that the description of a quantity ends on ("1": a plain number, relative to the reference man)."""
    found = [unit for unit in _UNITS if re.search(rf"[,;] {re.escape(unit)}\b", doc)]
    return found[0] if found else "day" if _DAYS.match(doc) else "1"


def _obs(tissue: Any, kind: Any, rows: np.ndarray) -> dict[str, Any]:
    """Return what tells the cells in `rows` of a kind apart."""
    geometry, cells = tissue.geometry, getattr(tissue.columns, kind.name)
    body: dict[str, Any] = {
        "kind": kind.name,
        "lineage": cells.lineage[rows].astype(str),
        "step": "",
        "clone": np.zeros(len(rows), dtype=np.int64),
        "age_days": np.full(len(rows), np.nan),
    }
    if kind.row is not None:  # it lies between the tubules
        return {**body, "tubule": _NOWHERE, "section": kind.row(tissue, rows), "stage": ""}
    niche = kind.niche(tissue, rows)
    shown = tissue.stages_shown().ravel()[niche]
    names = np.array([*stages.NAMES, stages.NO_STAGE])
    body |= {
        "tubule": niche // geometry.sertoli_per_tubule,
        "section": geometry.along(niche),
        "stage": names[np.where(shown == stages.NONE, len(stages.NAMES), shown)],
    }
    if kind.name == "germ":
        step = cells.step[rows].astype(np.intp)
        days = np.array(germ.durations(tissue.p))
        before = np.concatenate([[0.0, 0.0, 0.0], np.cumsum(days[steps.B_SPERMATOGONIUM : -1])])
        age = before[step] + germ_progress(tissue, rows) * days[step]
        stem = step <= steps.A_PALE
        body |= {
            "step": np.array(steps.NAMES)[step],
            "clone": np.where(stem, 0, cells.clone[rows]).astype(np.int64),
            "age_days": np.where(stem, np.nan, age),
        }
    return body


def export_cells(scenario: Any, out: str | Path, *, day: int | None = None, arm: str | None = None) -> Path:
    """Write the states of `cell_states` as .h5ad; return the path.

    Raises:
        TestisError: as `cell_states`, another suffix, or the file cannot be written or is somebody else's.
    """
    suffix_of(out, (".h5ad",))
    needs("anndata", "anndata", "AnnData")
    outputs.check(out)
    states = cell_states(scenario, day=day, arm=arm)
    with file_for(out) as file:
        states.write_h5ad(file, compression="gzip")
    return files.resolved(out)
