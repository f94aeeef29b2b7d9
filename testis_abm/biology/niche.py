"""The stem cell in its niche: when it renews, rests, wakes, is lost or leaves with the clone that it founds (see leydig.py).

A niche is the place of one Sertoli cell on the wall. A stem cell feels its own and the eight around it together: density is
the A-pale there over the A-pale that the niches feed. Where it is low A-pale renew, where it is high they leave, so that
their number is an outcome; a cell that felt its own niche alone could not tell an empty neighbour, and the line would die
out. Clones drift neutrally. Sources of their numbers: parameters/model/tissue.toml, [niche].
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.draws import ASIDE, RANK, RENEW, STEM_LOSS, USED, WAKE, WHERE, bits, uniform

_CROWDED = 1e3  # times as many A-pale as are fed: more makes no difference
_TURNS = 16  # draws of a turn begin here, beyond those of a cell's type
# Where the names of a stem cell's daughters begin, by its turns: clones that it founds count from 0.
RENEWED, SET_ASIDE = 1 << 40, 1 << 41
_PLACES = 1 << 16  # of a tubule
_NEAR = 1e-4  # cycles
_LEAST_STAYING = 0.51  # share of A-pale: if fewer stay, renewal cannot make up for those that go


class NicheParameters(NamedTuple):
    """Numbers of the stem-cell niche: chances are for one turn of a cycle; rooms in cells of the reference man.

    `a_pale_present`: share of the A-pale fed that is there; the others have died and are not yet replaced.
    """

    a_pale_room: float
    a_pale_present: float
    a_dark_room: float
    most_a_pale: float
    most_a_dark: float
    stem_cell_loss: float
    used: float
    crowd: float
    steep: float
    dark_loss: float
    wake: float
    wake_below: float
    refill: float
    reach: float


class Around(NamedTuple):
    """What a stem cell feels: A-pale, A-dark, niches and A-pale fed, summed over the open ones of its own and the eight around."""

    a_pale: float
    a_dark: float
    niches: float
    fed: float


class Turn(NamedTuple):
    """What an A-pale does at the turn of its cycle.

    Attributes:
        lost: it dies; share: of its next clone; founds: a clone.
        leaves: it goes with that clone; renews: makes a second A-pale; rests: sets an A-dark aside.
    """

    lost: bool
    share: float
    founds: bool
    leaves: bool
    renews: bool
    rests: bool


@register_jitable
def _power(x, exponent):
    """Return x to the exponent: without a call of `pow` for the usual ones."""
    if exponent == 2.0:
        return x * x
    if exponent == 5.0:
        squared = x * x
        return squared * squared * x
    return x**exponent


@register_jitable
def density(around, numbers):
    """Return how many A-pale there are for each that is fed and not missing."""
    held = around.fed * numbers.a_pale_present
    return min(_CROWDED, around.a_pale / held) if held > 0.0 else _CROWDED


@register_jitable
def used_up(density, numbers):
    """Return the chance that an A-pale that founds a clone leaves with it: more in a crowd."""
    return min(1.0, numbers.used * _power(density, numbers.crowd))


@register_jitable
def staying(density, commitment, numbers):
    """Return the share of A-pale that a turn leaves: neither dead nor gone with their clones."""
    return (1.0 - numbers.stem_cell_loss) * (1.0 - commitment * used_up(density, numbers))


@register_jitable
def at_rest(commitment, numbers):
    """Return the chance of renewal that makes up for what is lost and what leaves with clones at density 1."""
    return 1.0 / max(staying(1.0, commitment, numbers), _LEAST_STAYING) - 1.0


@register_jitable
def renewal(density, commitment, numbers):
    """Return the chance that an A-pale renews; in an empty neighbourhood every one does.

    Renewal follows differentiation (`commitment`), so that density rests at 1 whatever androgen does.
    """
    enough = at_rest(commitment, numbers)
    if enough <= 0.0:
        return 0.0
    return 1.0 / (1.0 + (1.0 / enough - 1.0) * _power(density, numbers.steep))


@register_jitable
def aside(a_dark, density, numbers):
    """Return the chance that an A-pale sets an A-dark aside where there are `a_dark` a niche: not while A-pale are few."""
    return numbers.refill * max(0.0, 1.0 - a_dark / numbers.a_dark_room) * min(1.0, density)


@register_jitable
def wake(a_pale, numbers):
    """Return the chance that an A-dark becomes A-pale where A-pale are `a_pale` a niche; FSH does not enter."""
    return numbers.wake * max(0.0, 1.0 - a_pale / (numbers.wake_below * numbers.a_pale_room))


@register_jitable
def a_pale_turn(lineage, turn, share, commitment, around, numbers):
    """Return the Turn of an A-pale.

    It gathers `commitment` at each turn; once its share has reached 1 it differentiates through the next cycle and founds a
    clone at the turn that ends it, so that hormones decide a cycle before B spermatogonia appear (A-pale to release takes
    70 days in all). Niches share a limited mitogen, so clones follow at regular intervals.
    """
    if uniform(lineage, _TURNS + turn, STEM_LOSS) < numbers.stem_cell_loss:
        return Turn(True, share, False, False, False, False)
    here = density(around, numbers)
    founds = share >= 1.0
    if founds:
        share = share - 1.0
        if uniform(lineage, _TURNS + turn, USED) < used_up(here, numbers):
            return Turn(False, share, True, True, False, False)
    renews = uniform(lineage, _TURNS + turn, RENEW) < renewal(here, commitment, numbers)
    rests = uniform(lineage, _TURNS + turn, ASIDE) < aside(around.a_dark / around.niches, here, numbers)
    return Turn(False, share + commitment, founds, False, renews, rests)


@register_jitable
def a_dark_turn(lineage, turn, around, numbers):
    """Return (lost, wakes) at the turn of an A-dark: it rests, and becomes an A-pale where A-pale are few."""
    if uniform(lineage, _TURNS + turn, STEM_LOSS) < numbers.dark_loss:
        return True, False
    return False, uniform(lineage, _TURNS + turn, WAKE) < wake(around.a_pale / around.niches, numbers)


@register_jitable
def share_of_newborn(place, commitment):
    """Return the share of a clone that a new A-pale has gathered: just after founding, `place` (0 to 1) of the way."""
    return commitment * (1.0 + place)


@register_jitable
def pull(lineage, move, niche):
    """Return how strongly a niche (counted within its tubule) draws a daughter among niches that are equally empty."""
    return bits(lineage, move * _PLACES + niche, WHERE)


@register_jitable
def precedence(lineage):
    """Return which daughter enters first where more knock than there is room: the highest."""
    return bits(lineage, 0, RANK)


@register_jitable
def next_turn(phase, cycle_days, now):
    """Return the first day after `now` on which stem cells of a niche turn: all of a niche keep its clock.

    Columns round days: a turn so near to `now` is today's.
    """
    first = (1.0 - phase) * cycle_days
    return first + (math.floor((now - first) / cycle_days + _NEAR) + 1) * cycle_days


@register_jitable
def resting_a_pale(fed, numbers):
    """Return the A-pale a niche at which as many renew as are lost or used up, where `fed` a niche are fed."""
    return fed * numbers.a_pale_present


@register_jitable
def resting_a_dark(a_pale, commitment, numbers):
    """Return the A-dark a niche at which as many are set aside as are lost, where `a_pale` a niche rest."""
    born = a_pale * staying(1.0, commitment, numbers) * numbers.refill
    return born / (born / numbers.a_dark_room + numbers.dark_loss) if born > 0.0 else 0.0


@register_jitable
def mean_cycle(a_pale, a_dark, fed, commitment, numbers):
    """Return what a cycle adds to A-pale and A-dark a niche, in the mean of many niches (see a_pale_turn, a_dark_turn)."""
    here = density(Around(a_pale, a_dark, 1.0, fed), numbers)
    kept = staying(here, commitment, numbers)
    woken = a_dark * (1.0 - numbers.dark_loss) * wake(a_pale, numbers)
    more = a_pale * (kept * (1.0 + renewal(here, commitment, numbers)) - 1.0) + woken
    return more, a_pale * kept * aside(a_dark, here, numbers) - woken - a_dark * numbers.dark_loss
