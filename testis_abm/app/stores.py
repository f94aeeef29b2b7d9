"""The results folders of sweeps that the server was started with; a browser chooses among them and names no path."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    def axes(self) -> list[Axis]:
        """Return what was varied."""
        design = self.manifest["design"]
        return [Axis(path, unit) for path, unit in zip(design["paths"], design["units"], strict=True)]

    def summary(self, day: int) -> pd.DataFrame:
        """Return a row a point on a day (see sweep.summary), of what is finished by now."""
        from testis_abm.experiments.sweep import summary

        return summary(self.folder, day)


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
