"""Scenario files: TOML in, frozen and checked objects out. The only place that parses units."""

from testis_abm.scenario.load import load
from testis_abm.scenario.quantities import UNITS, canonical_unit, convert
from testis_abm.scenario.scenario import Scenario
from testis_abm.scenario.schema import Man, Observed, Plan, Samples, Therapy, Tissue

__all__ = [
    "UNITS",
    "Man",
    "Observed",
    "Plan",
    "Samples",
    "Scenario",
    "Therapy",
    "Tissue",
    "canonical_unit",
    "convert",
    "load",
]
