"""Every number of the model: TOML tables with unit, range, source and confidence, and their loader."""

from testis_abm.parameters.table import (
    Drug,
    FrozenMapping,
    Parameter,
    Preset,
    Range,
    all_values,
    drug_named,
    drugs,
    fault,
    in_words,
    load,
    observed_in,
    physiology,
    presets,
    search,
    values,
)

__all__ = [
    "Drug",
    "FrozenMapping",
    "Parameter",
    "Preset",
    "Range",
    "all_values",
    "drug_named",
    "drugs",
    "fault",
    "in_words",
    "load",
    "observed_in",
    "physiology",
    "presets",
    "search",
    "values",
]
