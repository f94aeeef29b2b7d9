"""The readouts of the cells (biology/readouts.py) worked out of their columns."""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.leydig import er_alpha_signal
from testis_abm.biology.readouts import EVERYWHERE, OF_GERM_CELLS
from testis_abm.biology.sertoli import Signals, signals
from testis_abm.biology.steps import CLASS_OF_STEP, COUNT, RATES
from testis_abm.biology.tissue import from_array
from testis_abm.support.compile import compiled

_SIGNALS, _RATES, _CLASSES = len(Signals._fields), len(RATES), int(CLASS_OF_STEP.max()) + 1
_DIFFERS = np.array([int(signal not in EVERYWHERE) for signal in Signals._fields])
_GERM_CLASS = np.array([readout.kind for readout in OF_GERM_CELLS])
_GERM_SIGNAL = np.array([Signals._fields.index(readout.signal) for readout in OF_GERM_CELLS])


@register_jitable
def _tell(values, differ, found, at):
    """Write the mean of values, (tubules, cells) or (1, cells), and their standard deviation if they `differ`; return the next place.

    Both are summed around the first value, in one pass: exact where all are the same.
    """
    first, total, squares = values[0, 0], 0.0, 0.0
    for row in range(values.shape[0]):
        for k in range(values.shape[1]):
            beyond = values[row, k] - first
            total += beyond
            squares += beyond * beyond
    mean = total / values.size
    found[at] = first + mean
    if differ:
        found[at + 1] = math.sqrt(max(0.0, squares / values.size - mean * mean))
    return at + 1 + differ


@compiled(error_model="numpy")
def survey(cells, oestradiol, pressure, numbers, found):
    """Fill in what is found of the cells this morning, (READOUTS,).

    Args:
        cells: CellArrays; oestradiol: the field (kernel.FieldArrays).
        pressure: of fluid in the tract; numbers: of the tissue today, see tissue.as_array.
    """
    p, sertoli, leydig = from_array(numbers), cells.sertoli, cells.leydig
    niches, pairs = sertoli.androgen.size, _GERM_CLASS.size
    heard = np.empty((_SIGNALS, niches))
    around, present, here = np.zeros(pairs), np.zeros(_CLASSES), np.empty(_CLASSES)
    for i in range(niches):
        told = signals(sertoli.androgen[i], sertoli.oestrogen[i], sertoli.fsh[i], pressure, p)
        for signal in range(_SIGNALS):
            heard[signal, i] = told[signal]
        here[:] = 0.0
        for step in range(COUNT):
            here[CLASS_OF_STEP[step]] += sertoli.counts[i, step]
        present += here
        for pair in range(pairs):
            around[pair] += here[_GERM_CLASS[pair]] * told[_GERM_SIGNAL[pair]]
    at = 0
    for signal in range(_SIGNALS):
        at = _tell(heard[signal : signal + 1], _DIFFERS[signal], found, at)
    for rate in range(_RATES):
        at = _tell(sertoli.rates[:, rate], 1, found, at)
    local, own = oestradiol.interstitial.reshape(-1), np.empty((1, leydig.size.size))
    for i in range(leydig.size.size):
        own[0, i] = er_alpha_signal(local[leydig.corner[i]] * oestradiol.free, p)
    at = _tell(own, 1, found, at)
    for pair in range(pairs):
        cells_there = present[_GERM_CLASS[pair]]
        found[at + pair] = around[pair] / cells_there if cells_there > 0.0 else math.nan
