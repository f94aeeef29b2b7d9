"""The kinds of cell: tissue, checkpoint, agents, cross-section, pictures and slide follow this list.

Leydig, Sertoli and germ cells feed one another, so the engines move them together (kernel.py, agents/reference.py). A
further kind is a module with its `Kind` and an entry here.
"""

from __future__ import annotations

from testis_abm.testis.columns import GermColumns, LeydigColumns, SertoliColumns
from testis_abm.testis.kind import Kind
from testis_abm.testis.places import (
    germ_niche,
    germ_places,
    leydig_places,
    leydig_row,
    leydig_there,
    sertoli_places,
    sertoli_there,
)

KINDS: tuple[Kind, ...] = (
    Kind("leydig", "A Leydig cell in an interstice.", LeydigColumns, leydig_places, row=leydig_row, there=leydig_there),
    Kind("sertoli", "A Sertoli cell on the wall of a tubule.", SertoliColumns, sertoli_places, there=sertoli_there),
    Kind("germ", "A germ cell in the niche of a Sertoli cell.", GermColumns, germ_places, niche=germ_niche),
)
FURTHER = tuple(kind for kind in KINDS if kind.build)
