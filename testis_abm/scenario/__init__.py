"""Scenario files: TOML in, frozen and checked objects out. The only place that parses units."""

from testis_abm.scenario.amounts import UNITS, canonical_unit, convert
from testis_abm.scenario.clamp import Clamp, clashes
from testis_abm.scenario.condition import Clause, Condition
from testis_abm.scenario.history import PastTherapy, past_doses
from testis_abm.scenario.insult import Insult
from testis_abm.scenario.load import load
from testis_abm.scenario.rule import Rule
from testis_abm.scenario.scenario import Scenario
from testis_abm.scenario.schema import Man, Observed, Partner, Plan, Samples, Tissue
from testis_abm.scenario.therapy import Therapy
from testis_abm.scenario.weight import Weight, bmi_on

__all__ = [
    "UNITS",
    "Clamp",
    "Clause",
    "Condition",
    "Insult",
    "Man",
    "Observed",
    "Partner",
    "PastTherapy",
    "Plan",
    "Rule",
    "Samples",
    "Scenario",
    "Therapy",
    "Tissue",
    "Weight",
    "bmi_on",
    "canonical_unit",
    "clashes",
    "convert",
    "load",
    "past_doses",
]
