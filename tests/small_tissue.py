"""A small tissue inside a bare Mesa model, for the tests of both engines."""

from __future__ import annotations

from typing import Any

import mesa
import numpy as np
from conftest import NORMAL_BLOOD

from testis_abm import parameters
from testis_abm.agents.cells import agent_sets
from testis_abm.agents.reference import ReferenceCells
from testis_abm.man.physiology import complete
from testis_abm.testis.columns import GERM_DTYPES
from testis_abm.testis.tissue import Tissue


class SmallModel(mesa.Model):
    """Only a tissue, under blood that the test chooses."""

    def __init__(
        self,
        engine: str = "compiled",
        seed: int = 1,
        tubules: int = 2,
        sertoli_per_tubule: int = 12,
        numbers: dict[str, float] | None = None,
        rows: int = 1,
        **man: float,
    ) -> None:
        super().__init__(rng=seed)
        values = complete(parameters.values(numbers or {}))
        normal = {name: field.value for name, field in parameters.physiology().items()}
        self.blood = NORMAL_BLOOD
        self.tissue = Tissue(values, {**normal, **man}, tubules, sertoli_per_tubule, seed, rows)
        if engine == "reference":
            self.tissue.cells = ReferenceCells(self, self.tissue)

    def settle(self) -> SmallModel:
        self.tissue.settle_soma(self.blood)
        self.tissue.settle_germ_line()
        self.tissue.settle_soma(self.blood)  # the germ cells have brought their aromatase
        return self

    def step(self) -> None:
        self.report = self.tissue.day(self.blood)

    @property
    def agents(self) -> Any:
        return agent_sets(self, super().agents)[0]

    @property
    def agents_by_type(self) -> Any:
        return agent_sets(self, super().agents)[1]

    @property
    def agent_types(self) -> list[type]:
        return list(self.agents_by_type)


def columns_of(tissue: Tissue) -> dict[str, np.ndarray]:
    """Return every column of every kind of cell, germ cells in the order of their lineage."""
    germ = tissue.columns.germ
    order = np.argsort(germ.compacted("lineage"))
    found = {f"germ.{name}": germ.compacted(name)[order] for name in GERM_DTYPES}
    for kind in ("leydig", "sertoli"):
        found |= {f"{kind}.{name}": column for name, column in vars(getattr(tissue.columns, kind)).items()}
    levels = ("testosterone", "oestradiol", "corner_testosterone", "corner_oestradiol", "sources")
    found |= {name: getattr(tissue.levels, name) for name in levels}
    return {name: np.array(column) for name, column in found.items()}


def assert_same(one: Tissue, other: Tissue) -> None:
    """Assert that two tissues hold the same cells to the last bit, and saw the same events."""
    left, right = columns_of(one), columns_of(other)
    for name in left:
        assert left[name].dtype == right[name].dtype, name
        assert np.array_equal(left[name], right[name]), name
    for name, events in vars(one.events).items():
        assert np.array_equal(events, getattr(other.events, name)), name
