"""What a run brings: the scenario as understood, tidy tables, provenance, drawn sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from testis_abm.choices import ARMS, TREATED, UNTREATED
from testis_abm.results.tables import SCHEMAS, conform, empty
from testis_abm.scenario import Scenario, load
from testis_abm.support import guard
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    import pandas as pd


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


class Run:
    """The data of one run. A table that is taken out can be edited; the run stays as it was.

    Args:
        scenario: the scenario as understood.
        tables: name -> table (see `tables.SCHEMAS`); a table left out has no rows. Each is an attribute too.
        provenance: versions, seed, seconds, warnings and whatever else tells how the result came about; may
            hold "why", the sentence that explains the effect.
        sections: arm -> arrays of one drawn cross-section (see `pictures.tubules`).
        attribution: which modifier of which rate did what, if it was worked out.
        plausible: levels and changes over plausible models (see `plausible.COLUMNS`), if they were worked out.

    Raises:
        TestisError: a table lacks a column or holds one of the wrong type, or an argument is none of its kind.
    """

    hormones: pd.DataFrame  # true levels, one row a day
    tissue: pd.DataFrame  # cell counts, output and signals of the simulated tissue, one row a day
    semen: pd.DataFrame  # as measured, and as expected without variation and counting error
    blood: pd.DataFrame  # as the laboratory reports it
    biopsy: pd.DataFrame  # germ cells per Sertoli cell by type, and the Johnsen score
    safety: pd.DataFrame  # one row a day
    outcome: pd.DataFrame  # fecundability and sperm retrieval, on the days of semen samples
    therapy: pd.DataFrame  # doses given, one row each
    decisions: pd.DataFrame  # what was measured and decided for therapies with a condition, one row a clause
    drugs: pd.DataFrame  # concentrations, one row a drug and day

    def __init__(
        self,
        *,
        scenario: Scenario,
        tables: Mapping[str, pd.DataFrame],
        provenance: Mapping[str, Any] | None = None,
        sections: Mapping[str, Mapping[str, Any]] | None = None,
        attribution: pd.DataFrame | None = None,
        plausible: pd.DataFrame | None = None,
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
            arm: dict(guard.mapping(section, f"section {arm}", "{'radius': 100.0}")) for arm, section in drawn.items()
        }
        self.attribution = attribution if attribution is None else guard.frame(attribution, "attribution")
        self.plausible = plausible if plausible is None else guard.frame(plausible, "plausible")

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {len(table):,}" for name, table in self.tables.items() if len(table))
        return f"<RunResult {self.title!r}: {' and '.join(self.arms)}; rows: {rows}>"

    def __getattr__(self, name: str) -> Any:
        """Return a table."""
        if name in SCHEMAS:
            return self.tables[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *SCHEMAS]

    @property
    def title(self) -> str:
        """Return the title of the scenario."""
        return self.scenario.heading

    @property
    def arms(self) -> tuple[str, ...]:
        """Return the arms that were simulated: "untreated", and "treated" if there was a therapy."""
        present = set(self.hormones["arm"].unique())
        return tuple(arm for arm in ARMS if arm in present)

    def called(self, arm: str) -> str:
        """Return the word in print for an arm: what was done to the man in it (Scenario.called)."""
        return self.scenario.called(arm)

    @property
    def replicates(self) -> int:
        """Return the number of replicates."""
        return int(self.hormones["replicate"].nunique())

    def untreated(self) -> Self:
        """Return a copy with the untreated arm only.

        Raises:
            TestisError: the run has no such arm.
        """
        return self._arm(UNTREATED)

    def treated(self) -> Self:
        """Return a copy with the treated arm only.

        Raises:
            TestisError: the run has no such arm.
        """
        return self._arm(TREATED)

    def _arm(self, arm: str) -> Self:
        if arm not in self.arms:
            raise TestisError(f"this run has no {arm} arm; it has: {', '.join(self.arms) or 'none'}")
        return type(self)(
            scenario=self.scenario,
            tables={name: table[table["arm"] == arm] for name, table in self.tables.items()},
            provenance=self.provenance,
            sections={key: section for key, section in self.sections.items() if key == arm},
            attribution=self.attribution,
            plausible=self.plausible,
        )
