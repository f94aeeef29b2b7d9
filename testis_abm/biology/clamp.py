"""Clamps: quantities that are held at a level, whatever body and testis would make of them.

What is held of a day is a record HELD, NaN for what follows its own course. In blood, a state of the body is set to its
level each hour, so that feedback, SHBG and the day's means see it. In the testis, the field of a steroid is scaled so
that its mean is the level: niches keep their differences.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology import days
from testis_abm.quantities import HELD as COLUMNS

HELD = days.record(*COLUMNS)  # levels in the units of the columns


def nothing(count: int) -> np.ndarray:
    """Return days on which nothing is held, (count,) of HELD."""
    return np.full((count, len(COLUMNS)), np.nan).view(HELD)[:, 0]


@register_jitable
def kept(level, held):
    """Return a level, or what it is `held` at."""
    return level if math.isnan(held) else held


@register_jitable
def hold_body(body, held, p):
    """Set what is held of a body (BODY) to its level."""
    body.lh = kept(body.lh, held.lh_iu_l / p.lh_reference)
    body.fsh = kept(body.fsh, held.fsh_iu_l / p.fsh_reference)
    body.inhibin = kept(body.inhibin, held.inhibin_b_pg_ml / p.inhibin_b_reference)
    body.testosterone_nmol_l = kept(body.testosterone_nmol_l, held.testosterone_nmol_l)
    body.oestradiol = kept(body.oestradiol, held.oestradiol_pmol_l / p.oestradiol_reference)


@register_jitable
def field_held(mean, held):
    """Return what a field of that mean is multiplied by, and what is added, so that its mean is as `held`; of none, even."""
    if math.isnan(held):
        return 1.0, 0.0
    if mean > 0.0:
        return held / mean, 0.0
    return 0.0, held
