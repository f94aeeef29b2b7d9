"""Exports for other tools: cell tracks, states of cells, films, parameters, equations, observations.

Packages that only an export needs are in the extra `export`; each function asks for them before its work, and writes its file
or folder whole or not at all, never over what this program has not written.
"""

from testis_abm.exports.cells import export_cells
from testis_abm.exports.film import export_film
from testis_abm.exports.petab import export_petab
from testis_abm.exports.records import export_records
from testis_abm.exports.sbml import export_sbml
from testis_abm.exports.table import export_parameters
from testis_abm.exports.tracks import export_tracks

__all__ = [
    "export_cells",
    "export_film",
    "export_parameters",
    "export_petab",
    "export_records",
    "export_sbml",
    "export_tracks",
]
