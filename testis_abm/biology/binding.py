"""Free hormones by mass action with SHBG and albumin (Vermeulen 1999)."""

from __future__ import annotations

import math

from numba.extending import register_jitable


@register_jitable
def free_testosterone(total, shbg, shbg_binding, albumin_binding):
    """Return free testosterone, nmol/L.

    total = FT (1 + albumin + k SHBG / (1 + k FT)) solved for FT; `total` and `shbg` in nmol/L, `shbg_binding` k in
    L/nmol, `albumin_binding` the product of albumin's association constant and concentration.
    """
    unbound = 1.0 + albumin_binding
    a = unbound * shbg_binding
    b = unbound + shbg_binding * (shbg - total)
    return (math.sqrt(b * b + 4.0 * a * total) - b) / (2.0 * a)


@register_jitable
def total_over_free(free, shbg, shbg_binding, albumin_binding):
    """Return how many times free testosterone the total is at `free`, nmol/L: finite where there is none (see free_testosterone)."""
    return 1.0 + albumin_binding + shbg_binding * shbg / (1.0 + shbg_binding * free)


@register_jitable
def total_testosterone(free, shbg, shbg_binding, albumin_binding):
    """Return total testosterone, nmol/L, at `free`, nmol/L (see free_testosterone)."""
    return free * total_over_free(free, shbg, shbg_binding, albumin_binding)
