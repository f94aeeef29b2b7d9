"""What a run returns: the scenario as understood, tidy tables, provenance, drawn sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.results.tables import SCHEMAS, conform, empty
from testis_abm.scenario import Scenario, load
from testis_abm.support import guard
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Tables(Mapping[str, "pd.DataFrame"]):
    """Tables by name, each taken out as a copy (lazy: pandas copies what is written to), so that none changes the result."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = dict(tables)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._tables[name].copy(deep=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __or__(self, other: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Return these tables with some of them replaced, as dicts do."""
        return {**self, **other}


class RunResult:
    """The result of one run. A table that is taken out of it can be edited; the result stays as it was.

    Args:
        scenario: the scenario as understood.
        tables: name -> table (see `tables.SCHEMAS`); a table left out has no rows.
        provenance: versions, seed, seconds, warnings and whatever else tells how the result came about; may
            hold "why", the sentence that explains the effect.
        sections: arm -> arrays of one drawn cross-section (see `plots.tubules`).
        attribution: which modifier of which rate did what, if it was worked out.

    Raises:
        TestisError: a table lacks a column or holds one of the wrong type, or an argument is none of its kind.
    """

    def __init__(
        self,
        *,
        scenario: Scenario,
        tables: Mapping[str, pd.DataFrame],
        provenance: Mapping[str, Any] | None = None,
        sections: Mapping[str, Mapping[str, Any]] | None = None,
        attribution: pd.DataFrame | None = None,
    ) -> None:
        self.scenario = load(scenario)
        given = guard.mapping(tables, "tables", "{'hormones': a DataFrame}")
        self.tables: Mapping[str, pd.DataFrame] = Tables(
            {name: empty(name) for name in SCHEMAS} | {name: conform(name, table) for name, table in given.items()}
        )
        self.provenance = dict(
            guard.mapping({} if provenance is None else provenance, "provenance", "{'seconds': 3.2}")
        )
        drawn = guard.mapping({} if sections is None else sections, "sections", "{'untreated': {}}")
        self.sections = {
            arm: dict(guard.mapping(of, f"section {arm}", "{'radius': 100.0}")) for arm, of in drawn.items()
        }
        self.attribution = attribution if attribution is None else guard.frame(attribution, "attribution")

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {len(table):,}" for name, table in self.tables.items() if len(table))
        return f"<RunResult {self.title!r}: {' and '.join(self.arms)}; rows: {rows}>"

    @property
    def title(self) -> str:
        """Return the title of the scenario."""
        return self.scenario.title

    @property
    def arms(self) -> tuple[str, ...]:
        """Return the arms that were simulated: "untreated", and "treated" if there was a therapy."""
        present = set(self.hormones["arm"].unique())
        return tuple(arm for arm in ("untreated", "treated") if arm in present)

    @property
    def replicates(self) -> int:
        """Return the number of replicates."""
        return int(self.hormones["replicate"].nunique())

    @property
    def hormones(self) -> pd.DataFrame:
        """Return the true hormone levels, one row a day."""
        return self.tables["hormones"]

    @property
    def tissue(self) -> pd.DataFrame:
        """Return cell counts, output and signals of the simulated tissue, one row a day."""
        return self.tables["tissue"]

    @property
    def semen(self) -> pd.DataFrame:
        """Return the semen analyses: as measured, and as expected without variation and counting error."""
        return self.tables["semen"]

    @property
    def blood(self) -> pd.DataFrame:
        """Return the blood samples as the laboratory reports them."""
        return self.tables["blood"]

    @property
    def biopsy(self) -> pd.DataFrame:
        """Return the biopsies: germ cells per Sertoli cell by step, and the Johnsen score."""
        return self.tables["biopsy"]

    @property
    def safety(self) -> pd.DataFrame:
        """Return the readouts of safety, one row a day."""
        return self.tables["safety"]

    @property
    def outcome(self) -> pd.DataFrame:
        """Return the chance of conception in a month and of sperm retrieval, on the days of semen samples."""
        return self.tables["outcome"]

    def aromatase(self) -> pd.DataFrame:
        """Return how far aromatase is inhibited at each site, and what each gives of the blood's oestradiol (see aromatase.by_site)."""
        from testis_abm.results.aromatase import by_site

        return by_site(self)

    @property
    def therapy(self) -> pd.DataFrame:
        """Return the log of doses given, one row a dose."""
        return self.tables["therapy"]

    @property
    def decisions(self) -> pd.DataFrame:
        """Return what was measured and decided for therapies with a condition, one row a clause."""
        return self.tables["decisions"]

    @property
    def drugs(self) -> pd.DataFrame:
        """Return the drug concentrations, one row a drug and day."""
        return self.tables["drugs"]

    def untreated(self) -> RunResult:
        """Return a copy with the untreated arm only.

        Raises:
            TestisError: the run has no such arm.
        """
        return self._arm("untreated")

    def treated(self) -> RunResult:
        """Return a copy with the treated arm only.

        Raises:
            TestisError: the run has no such arm.
        """
        return self._arm("treated")

    def _arm(self, arm: str) -> RunResult:
        if arm not in self.arms:
            raise TestisError(f"this run has no {arm} arm; it has: {', '.join(self.arms) or 'none'}")
        return RunResult(
            scenario=self.scenario,
            tables={name: table[table["arm"] == arm] for name, table in self.tables.items()},
            provenance=self.provenance,
            sections={of: section for of, section in self.sections.items() if of == arm},
            attribution=self.attribution,
        )

    def summary(self) -> pd.DataFrame:
        """Return levels with and without treatment, and changes with intervals (see `summary.summarise`)."""
        from testis_abm.results.summary import summarise

        return summarise(self)

    def plot(self, folder: str | Path | None = None) -> dict[str, Figure]:
        """Return the figures of this run by name; write each as PNG and SVG too if a folder is given.

        Raises:
            TestisError: the folder holds something else than results and their pictures, or cannot be written.
        """
        from testis_abm.pictures.drawing import draw_figures
        from testis_abm.results.store import check_pictures

        return draw_figures(self, None if folder is None else check_pictures(folder))

    def save(self, folder: str | Path) -> Path:
        """Write everything to `folder`, whole or not at all; return its path (see `store.save`)."""
        from testis_abm.results.store import save

        return save(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> RunResult:
        """Read a result that `save` wrote (see `store.load`)."""
        from testis_abm.results.store import load

        return load(folder)
