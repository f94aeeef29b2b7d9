"""Tracks of the cells of a man's tissue, day by day: as a table, or as a trajectory for Simularium (simularium.allencell.org)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.biology import steps
from testis_abm.exports.target import arms_of, days_of, described, mornings, needs, suffix_of, usual_arm
from testis_abm.pictures.steps import FURTHER_LOOKS, LEYDIG, LEYDIG_RADIUS, SERTOLI, STEPS
from testis_abm.scenario import Scenario
from testis_abm.scenario.load import load
from testis_abm.support import files, guard, outputs
from testis_abm.testis.kind import Look
from testis_abm.testis.kinds import KINDS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("day", "id", "kind", "step", "lineage", "tubule", "x_um", "y_um", "z_um", "radius_um")
MOST = 2_000_000  # places of cells in a file: about 60 bytes each
_SIMULARIUM = ".simularium"
_LOOKS: Mapping[str, Look] = {
    **dict(zip(steps.NAMES, STEPS, strict=True)),
    "sertoli": SERTOLI,
    "leydig": LEYDIG,
    **FURTHER_LOOKS,
}


def cell_tracks(scenario: Any, *, days: object = None, arm: str | None = None) -> pd.DataFrame:
    """Return a row for each cell that is there on each morning.

    Args:
        scenario: a Scenario, a mapping, or the path or name of a scenario file.
        days: "FIRST:LAST" of the plan, both included (default: all of it).
        arm: "treated" (default where there is a therapy) or "untreated".

    Returns:
        COLUMNS: `id`, a small number that a cell keeps while it lives, through all steps; `lineage`, its name in every run with
        the same seed (a cell that divides ends, and its daughters are new); `kind`; `step` of a germ cell; `tubule` (-1: a
        Leydig cell lies between them); x, y and, along the tubule, z in um; radius in um, of the nucleus (Leydig cell:
        of the cell).

    Raises:
        TestisError: days or arm that are not in the scenario, or more than MOST places.
    """
    case = load(scenario)
    (arm,) = arms_of(case, usual_arm(case, arm))
    return _tracks(case, arm, days_of(days, case.plan.duration_days))


def _tracks(case: Scenario, arm: str, days: range) -> pd.DataFrame:
    import pandas as pd

    known: dict[tuple[str, int], int] = {}
    parts: list[pd.DataFrame] = []
    count = 0
    for day, men in mornings(case, (arm,), days):
        today = _places(men[arm].tissue)
        if not parts:
            guard.few(len(today) * len(days), MOST, "places of cells", "export fewer days, or a smaller tissue", "days")
        names = zip(today["kind"].to_list(), today["lineage"].to_list(), strict=True)
        today.insert(0, "id", [known.setdefault(name, len(known)) for name in names])
        today.insert(0, "day", day)
        count += guard.few(len(today) + count, MOST, "places of cells", "export fewer days", "days") - count
        parts.append(today)
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _places(tissue: Any) -> pd.DataFrame:
    """Return a row for each cell that is there now: all of COLUMNS but day and id."""
    import pandas as pd

    geometry, parts = tissue.geometry, []
    between = float(geometry.ring[1]) if geometry.around > 1 else 2.0 * geometry.radius  # as far along as around
    for kind in KINDS:
        columns = getattr(tissue.columns, kind.name)
        rows = columns.rows()
        niche = kind.niche(tissue, rows) if kind.row is None else None
        there = kind.there(tissue) if kind.there else tissue.columns.sertoli.present[niche] > 0.0
        rows = rows[there]
        x, y = kind.places(tissue, rows)[:2]
        niche = kind.niche(tissue, rows) if kind.row is None else None
        along = geometry.along(niche) if kind.row is None else kind.row(tissue, rows)
        step = np.array(steps.NAMES)[columns.step[rows]] if kind.name == "germ" else np.full(len(rows), "")
        of = np.where(step == "", kind.name, step)
        part = {
            "kind": kind.name,
            "step": step,
            "lineage": columns.lineage[rows],
            "tubule": -1 if niche is None else niche // geometry.sertoli_per_tubule,
            "x_um": x,
            "y_um": y,
            "z_um": between * along,
            "radius_um": [_radius(name) for name in of.tolist()],
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def _radius(name: str) -> float:
    return LEYDIG_RADIUS if name == "leydig" else 0.5 * _LOOKS[name].length


def export_tracks(scenario: Any, out: str | Path, *, days: object = None, arm: str | None = None) -> Path:
    """Write the tracks of `cell_tracks` as .simularium, .csv or .parquet, as the suffix says; return the path.

    Raises:
        TestisError: as `cell_tracks`, another suffix, simulariumio is missing, or the file cannot be written or is somebody
            else's.
    """
    if suffix_of(out, (_SIMULARIUM, *outputs.TABLES)) == _SIMULARIUM:
        needs("simulariumio", "simulariumio", "a trajectory for Simularium")
    outputs.check(out, COLUMNS)
    case = load(scenario)
    (arm,) = arms_of(case, usual_arm(case, arm))
    table = _tracks(case, arm, days_of(days, case.plan.duration_days))
    if Path(out).suffix.lower() == _SIMULARIUM:
        files.write(out, json.dumps(_trajectory(case, arm, table), separators=(",", ":")))
    else:
        outputs.write_table(out, table)
    return files.resolved(out)


def _trajectory(case: Scenario, arm: str, table: pd.DataFrame) -> dict[str, Any]:
    """Return tracks as a trajectory of Simularium, around the middle of the box."""
    import simulariumio as simularium

    days, count = np.unique(table["day"].to_numpy(), return_counts=True)
    most = int(count.max())
    row, place = np.repeat(np.arange(len(days)), count), np.concatenate([np.arange(n) for n in count])
    xyz = table[["x_um", "y_um", "z_um"]].to_numpy()
    low, high = xyz.min(axis=0), xyz.max(axis=0)
    # Single precision, which its binary form and the viewer have: what is not a whole number is rounded to 0.01 um.
    ids, radii = np.zeros((len(days), most)), np.zeros((len(days), most))
    positions = np.zeros((len(days), most, 3))
    ids[row, place], radii[row, place] = table["id"], table["radius_um"]
    positions[row, place] = np.round(xyz - 0.5 * (low + high), 2)
    of = np.where(table["step"] == "", table["kind"], table["step"]).tolist()
    types: list[list[str]] = [[] for _ in days]
    for k, name in zip(row.tolist(), of, strict=True):
        types[k].append(_LOOKS[name].name)
    display = {
        look.name: simularium.DisplayData(
            name=look.name, display_type=simularium.DISPLAY_TYPE.SPHERE, radius=_radius(name), color=look.fill
        )
        for name, look in _LOOKS.items()
    }
    said = described(case)
    agents = simularium.AgentData(
        times=days.astype(float),
        n_agents=count,
        viz_types=np.full((len(days), most), 1000.0),  # spheres
        unique_ids=ids,
        types=types,
        positions=positions,
        radii=radii,
        display_data={name: look for name, look in display.items() if any(name in day for day in types)},
    )
    model = simularium.ModelMetaData(
        title=said["scenario"],
        version=f"{said['software']} {said['version']}",
        description=f"{case.called(arm)}, seed {said['seed']}. {said['disclaimer']}",
    )
    data = simularium.TrajectoryData(
        meta_data=simularium.MetaData(
            box_size=np.ceil(high - low) + 20.0,
            trajectory_title=f"{said['software']}: {said['scenario']}, {case.called(arm)}",
            model_meta_data=model,
        ),
        agent_data=agents,
        time_units=simularium.UnitData("day"),
        spatial_units=simularium.UnitData("um"),
    )
    made = simularium.JsonWriter.format_trajectory_data(data)
    # The title first, by which the file is known again.
    info = made["trajectoryInfo"]
    made["trajectoryInfo"] = {"trajectoryTitle": info.pop("trajectoryTitle"), **info}
    return made  # type: ignore[no-any-return]
