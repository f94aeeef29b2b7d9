"""The results folders of sweeps that the server was started with; a browser chooses among them and names no path."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.app import charts
from testis_abm.experiments.design import Axis
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    import pandas as pd

# How the command tells the page, which Solara imports by itself.
VARIABLE = "TESTIS_ABM_APP_STORES"


@dataclass(frozen=True)
class SweepStore:
    """A sweep's results folder as the page shows it."""

    folder: Path
    manifest: Any

    @property
    def title(self) -> str:
        """Return the title of the sweep and the name of its folder."""
        return f"{self.manifest['title']} ({self.folder.name})"

    @property
    def outputs(self) -> list[str]:
        """Return the outputs that were kept."""
        return list(self.manifest["outputs"])

    @property
    def days(self) -> list[int]:
        """Return the days that were kept."""
        return list(self.manifest["days"])

    @property
    def axes(self) -> list[str]:
        """Return the paths that were varied."""
        return list(self.manifest["design"]["paths"])

    def summary(self, day: int) -> pd.DataFrame:
        """Return a row a point on a day (see sweep.summary), of what is finished by now."""
        from testis_abm.experiments.sweep import summary

        return summary(self.folder, day)

    def kinds(self, table: pd.DataFrame, word: str) -> list[str]:
        """Return how an output can be shown: as change in %, or the level of an arm."""
        from testis_abm.experiments.outputs import OUTPUTS

        known = {"change in %": "change_pct", "treated": "treated", "untreated": "untreated"}
        return [name for name, end in known.items() if f"{OUTPUTS[word].column}, {end}" in table] or ["untreated"]

    def replicates(self, table: pd.DataFrame) -> int:
        """Return how many replicates a point has."""
        return int(table["replicates"].max()) if len(table) else 0

    def picture(self, table: pd.DataFrame, word: str, kind: str, chosen: Sequence[int]) -> str:
        """Return an output as a map over two axes, or as one row over one."""
        from testis_abm.experiments.outputs import OUTPUTS
        from testis_abm.quantities import clinical, label

        column = OUTPUTS[word].column
        changes = kind == "change in %"
        values = table[f"{column}, {'change_pct' if changes else kind}"].to_numpy(dtype=float)
        values = values if changes else clinical(column, values)
        names = [self.axes[k] for k in chosen]
        places = [_places(table[self.axes[k]].tolist(), self.manifest["design"]["units"][k]) for k in chosen]
        across, up = places[0], places[1] if len(places) > 1 else ([""], [0] * len(table))
        shown, count = np.zeros((len(up[0]), len(across[0]))), np.zeros((len(up[0]), len(across[0])))
        for value, k, i in zip(values, across[1], up[1]):
            if np.isfinite(value):
                shown[i, k] += value
                count[i, k] += 1
        with np.errstate(invalid="ignore"):
            mean = np.where(count > 0, shown / count, np.nan)
        title = f"{word}: change under treatment, %" if changes else f"{label(column)}, {kind}"
        return charts.heat_map(
            mean,
            across[0],
            up[0],
            (self._named(chosen[0]), self._named(chosen[1]) if len(names) > 1 else ""),
            title,
            change=changes,
        )

    def _named(self, k: int) -> str:
        unit = self.manifest["design"]["units"][k]
        return f"{self.axes[k]} ({unit})" if unit else self.axes[k]


def _places(values: list[Any], unit: str) -> tuple[list[str], list[int]]:
    """Return the names of the places on an axis, rising or as they come, and the place of each value; many are put in ten bins."""
    axis = Axis("", unit)
    numbers = [axis.number(value) for value in values]
    if not all(np.isfinite(numbers)):
        names = list(dict.fromkeys(str(value) for value in values))
        return names, [names.index(str(value)) for value in values]
    known = np.unique(numbers)
    if len(known) <= 16:
        return [f"{value:.3g}" for value in known], [int(k) for k in np.searchsorted(known, numbers)]
    edges = np.linspace(known[0], known[-1], 11)
    middles = (edges[1:] + edges[:-1]) / 2.0
    return [f"{value:.3g}" for value in middles], [
        int(k) for k in np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, 9)
    ]


def read_store(folder: str | Path) -> SweepStore:
    """Return the results folder of a sweep.

    Raises:
        TestisError: it is none, or not that of a sweep.
    """
    from testis_abm.experiments.store import read_manifest

    found = read_manifest(folder)
    if found.get("kind") != "sweep":
        raise TestisError(f"{folder}: holds a {found.get('kind')}; the app shows those of sweeps")
    return SweepStore(Path(folder), found)


def publish(folders: Sequence[str]) -> None:
    """Let the page of this process show the results in `folders`."""
    os.environ[VARIABLE] = json.dumps([str(read_store(folder).folder.resolve()) for folder in folders])


@cache
def opened() -> tuple[SweepStore, ...]:
    """Return the results folders that the server was started with."""
    return tuple(read_store(folder) for folder in json.loads(os.environ.get(VARIABLE, "[]")))
