"""Studies made of a table of men: what changed under each treatment, in men like these.

The men of such a study are virtual patients who match the untreated reports of the table's men (men_from), so that nothing
that is fitted was used to find them. Their changes are geometric means of each man's own, with standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from testis_abm.experiments.experiment import How
from testis_abm.experiments.twins import twins
from testis_abm.population.table_in import Patient, Table, Visit
from testis_abm.quantities import DEFAULT_ASSAY, MEASURES
from testis_abm.scenario.format import FORMAT, KEY
from testis_abm.studies.study import VARIABLES
from testis_abm.support import files, outputs
from testis_abm.support.errors import TestisError

LEAST = 3  # men of whom a mean is taken
# Ends of the windows of days on treatment that visits fall in.
_WINDOWS = (0, 14, 45, 135, 270, 450, 730, 1825)
# Name of MEASURES -> variable of a study.
_MEASURED = {
    name: next(word for word, column in VARIABLES.items() if column == of.column)
    for name, of in MEASURES.items()
    if of.column in VARIABLES.values()
}


def studies_of(
    table: Table, folder: Path, *, population: str = "clinic", assay: str = DEFAULT_ASSAY, how: How | None = None
) -> tuple[list[Path], list[str]]:
    """Write a study file for each treatment of a table into `folder`; return them, and what was left out.

    Args:
        table: as read.
        folder: for the studies, and the twins of the men ("twins", which go on where they were stopped).
        population: prior over the men; assay: of their oestradiol.
        how: workers and others of the search for twins.

    Raises:
        TestisError: nobody has untreated values and values under treatment on a known day; the disk refuses.
    """
    groups: dict[str, list[Patient]] = {}
    for man in table.men:
        on = next((visit.on for visit in man.visits if visit.on and visit.days_on is not None), ())
        if on and not man.visits[0].on:
            groups.setdefault(repr([dict(part) for part in on]), []).append(man)
    written, left = [], []
    for k, men in enumerate(groups.values(), 1):
        regimen = next(visit.on for visit in men[0].visits if visit.on)
        named = ", ".join(f"{part['drug']} {part['dose']}" for part in regimen)
        seen = _observed(men, regimen)
        if not seen:
            left.append(f"{named}: {len(men)} men, too few with values before and under it (at least {LEAST})")
            continue
        rest = replace(table, men=tuple(replace(man, visits=_untreated(man)) for man in men))
        found = twins(rest, folder / f"twins-{k}", how=how, population=population, assay=assay)
        if found is None or found.sample.empty:
            left.append(f"{named}: no man has a twin")
            continue
        outputs.write_table(folder / f"sample-{k}.parquet", found.sample)
        last = max(row["day"][1] for row in seen)
        study = {
            KEY: FORMAT,
            "title": f"{table.grid.source}: {named}"[:200],
            "citation": table.grid.source,
            "population": population,
            "men_from": f"sample-{k}.parquet",
            "n": len(men),
            "assay": assay,
            "baseline": "separate",
            "duration": f"{last} days",
            "arm": [{"name": "treated", "therapy": [dict(part) for part in regimen]}],
            "observed": seen,
        }
        path = folder / f"{Path(table.grid.source).stem}-{k}.toml"
        files.write(path, tomli_w.dumps(study))
        written.append(path)
    if not written:
        why = f" ({'; '.join(left)})" if left else ""
        raise TestisError(
            f"{table.grid.source}: no treatment of which {LEAST} men have values before it and on a known day of it{why}"
        )
    return written, left


def _untreated(man: Patient) -> tuple[Visit, ...]:
    """Return the visits of a man up to his first treatment."""
    first = next((i for i, visit in enumerate(man.visits) if visit.on), len(man.visits))
    return man.visits[:first]


def _observed(men: Sequence[Patient], regimen: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for name, variable in _MEASURED.items():
        for low, high in pairwise(_WINDOWS):
            pairs = [pair for man in men if (pair := _change(man, name, regimen, low, high))]
            if len(pairs) < LEAST:
                continue
            change, days = np.array([pair[0] for pair in pairs]), [pair[1] for pair in pairs]
            mean = float(np.exp(change.mean()))
            error = mean * float(change.std(ddof=1)) / np.sqrt(len(change))
            rows.append(
                {
                    "arm": "treated",
                    "variable": variable,
                    "as": "change",
                    "average": "geometric mean",
                    "day": [int(min(days)), int(max(days))],
                    "value": round(100.0 * (mean - 1.0), 3),
                    "se": max(round(100.0 * error, 3), 0.001),
                    "n": len(pairs),
                }
            )
    return rows


def _change(
    man: Patient, name: str, regimen: Sequence[Mapping[str, Any]], low: float, high: float
) -> tuple[float, float] | None:
    """Return the log of a man's ratio to his own baseline in a window of days on treatment, and the day; None without."""
    on = [
        visit
        for visit in man.visits
        if visit.on == tuple(regimen)
        and visit.days_on is not None
        and low < visit.days_on <= high
        and _logs([visit], name)
    ]
    before = _logs(_untreated(man), name)
    if not before or not on:
        return None
    return float(np.mean(_logs(on, name)) - np.mean(before)), float(on[-1].days_on or 0.0)


def _logs(visits: Iterable[Visit], name: str) -> list[float]:
    """Return the logs of a value at visits: none of what is missing, beyond a limit or 0."""
    values = (visit.values.get(name) for visit in visits)
    return [math.log(value) for value in values if isinstance(value, float | int) and value > 0.0]
