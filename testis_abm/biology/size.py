"""What Sertoli, germ and Leydig cells make up of a testis, and the AMH that Sertoli cells give to the blood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GERM_CELLS = "tissue.germ_cells_reference"  # of completed values: germ cells per Sertoli cell of the reference man


def of_testis(man: Mapping[str, Any], germ_cells: Any, there: Any, values: Mapping[str, float]) -> dict[str, Any]:
    """Return mean testis volume (mL, of one that is there) and serum AMH (ng/mL), by column.

    Volume adds up what cells fill: germ cells by their number, Sertoli cells, Leydig cells, and wall, lumen and stroma,
    which go with the Sertoli cells. AMH goes with the Sertoli cells that are there; immature ones make several times
    as much until androgen and puberty end it.

    Args:
        man: physiology field -> value, or an array of men.
        germ_cells: per Sertoli cell before any were lost, of the testes that are there, a number or an array of days.
        there: share of the testes that is there.
        values: dotted parameter name -> value, completed (`physiology.complete`).
    """
    sertoli = man["sertoli_number"] * (1.0 - man["hyalinised_tubules"])
    leydig = (1.0 - man["leydig_patches"]) * man["somatic_maturity"]
    germ = man["sertoli_number"] * germ_cells / values[GERM_CELLS]
    by_germ, by_leydig = values["tissue.germ_volume_share"], values["tissue.leydig_volume_share"]
    filled = by_germ * germ + by_leydig * leydig + (1.0 - by_germ - by_leydig) * sertoli
    young = values["tissue.immature_amh"] * (1.0 - man["somatic_maturity"]) + man["somatic_maturity"]
    return {
        "testis_volume_ml": 0.5 * values["tissue.testis_volume"] * filled,
        "amh_ng_ml": values["tissue.amh_reference"] * sertoli * young * there + 0.0 * germ_cells,
    }
