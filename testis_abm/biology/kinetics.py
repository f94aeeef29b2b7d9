"""Rate laws that body, tissue and tract share: plain scalar functions that also compile inside numba loops."""

from __future__ import annotations

import math

from numba.extending import register_jitable


@register_jitable
def relax(value, target, days, dt):
    """Return `value` after first-order approach to `target` with time constant `days` over `dt` days."""
    return target + (value - target) * math.exp(-dt / days)


@register_jitable
def relax_by_ratio(value, target, days, dt):
    """Return `value` after first-order approach of its logarithm to that of `target`, as `relax`."""
    return target * (value / target) ** math.exp(-dt / days)


@register_jitable
def power(x, exponent):
    """Return x ** exponent for x >= 0; the usual Hill exponents without the cost of a general power."""
    if exponent == 1.0:
        return x
    if exponent == 2.0:
        return x * x
    if exponent == 3.0:
        return x * x * x
    return x**exponent


@register_jitable
def occupied(level, half):
    """Return the occupancy of a site, 0 to 1, from a level and a half-saturation raised to the same exponent."""
    return level / (half + level)


@register_jitable
def hill(concentration, half, exponent):
    """Return the occupancy of a site with half-saturation `half`, from 0 to 1."""
    return occupied(power(max(concentration, 0.0), exponent), power(half, exponent))


@register_jitable
def relative_hill(concentration, half, exponent, reference):
    """Return `hill` relative to its value at `reference` (1 in the reference man)."""
    return hill(concentration, half, exponent) / hill(reference, half, exponent)


@register_jitable
def lh_response(activity, saturation, basal):
    """Return acute steroidogenic response to relative LH activity; 1 at activity 1, near linear below `saturation`, `basal` at 0."""
    return basal + (1.0 - basal) * (1.0 + saturation) * activity / (saturation + activity)


@register_jitable
def shielded_inhibition(substrate, km, inhibitor):
    """Return aromatase velocity relative to Vmax with a competitive inhibitor.

    `substrate` and `km` in nmol/L of free testosterone; `inhibitor` is concentration over inhibition constant.
    v = S / (Km (1 + I) + S): a high local substrate shields the enzyme.
    """
    return substrate / (km * (1.0 + inhibitor) + substrate)
