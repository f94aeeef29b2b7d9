"""The range in which the equations mean anything: beyond it no man is followed."""

from __future__ import annotations

import math
from typing import Any

from testis_abm.biology.axis import DAY
from testis_abm.quantities import QUANTITIES
from testis_abm.support.compile import compiled

HIGHEST_TESTOSTERONE, HIGHEST_LH = QUANTITIES["testosterone_nmol_l"].most_held, QUANTITIES["lh_iu_l"].most_held


@compiled(error_model="numpy")
def is_physical(blood):  # type: ignore[no-untyped-def]
    """Return whether the equations mean anything at these means of a day (DAY)."""
    total = blood.testosterone_nmol_l + blood.oestradiol_pmol_l + blood.lh_iu_l + blood.fsh_iu_l + blood.shbg_nmol_l
    if not math.isfinite(total + blood.inhibin_b_pg_ml):
        return False
    return blood.testosterone_nmol_l <= HIGHEST_TESTOSTERONE and blood.lh_iu_l <= HIGHEST_LH


def beyond(means: Any) -> str:
    """Return in words what of a day's means (by names of DAY) leaves the physical range."""
    if endless := [name for name in DAY.names or () if not math.isfinite(float(means[name]))]:
        return f"{', '.join(endless)} of the blood {'is' if len(endless) == 1 else 'are'} not finite"
    levels = (
        ("testosterone", float(means["testosterone_nmol_l"]), HIGHEST_TESTOSTERONE, "nmol/L"),
        ("LH", float(means["lh_iu_l"]), HIGHEST_LH, "IU/L"),
    )
    told = [f"{name} {level:.4g} {unit} (up to {most:g})" for name, level, most, unit in levels if level > most]
    return f"{' and '.join(told)} {'leaves' if len(told) == 1 else 'leave'} the physical range"
