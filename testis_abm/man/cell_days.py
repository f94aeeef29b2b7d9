"""The man of single cells through time: body, cells and tract through many days in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from testis_abm.biology.axis import DAY, brought
from testis_abm.biology.days import TESTIS
from testis_abm.biology.lesions import delivered
from testis_abm.biology.readouts import READOUTS
from testis_abm.biology.tissue import with_aromatase
from testis_abm.biology.tract import Arriving
from testis_abm.man.body import body_day
from testis_abm.man.physical import is_physical
from testis_abm.man.tract import pass_day
from testis_abm.support.compile import compiled
from testis_abm.testis.kernel import (
    GERM_DAY,
    Steroids,
    Today,
    all_done,
    clear,
    germ_cells,
    report,
    shape_of,
    soma_and_germ_cells,
    tell,
)
from testis_abm.testis.levels import Entering
from testis_abm.testis.survey import survey
from testis_abm.testis.threads import wait


class Man(NamedTuple):
    """What the days of a man change, as compiled code takes it (BODY, TESTIS, Depots, TRACT, COLLECTED, CellArrays)."""

    body: np.ndarray
    testis: np.ndarray
    drugs: Any
    tract: np.ndarray
    store: np.ndarray
    cells: Any
    steroids: Steroids
    events: Any


class Numbers(NamedTuple):
    """What stays the same through the days of a call.

    Attributes:
        axis, tract: packed parameters; tissue: numbers of the tissue (tissue.as_array).
        change: of the rates of Sertoli cells, see kernel.Today.
        sperm: million sperm of the whole man that one released stands for; open: share of the testes whose duct is.
        live: share of the man's tubules that could let germ cells pass (tubules.live).
        leydig_weight: see kernel.report.
        entry: what enters with the blood of the reference man, nmol/L (levels.Entering).
        oestradiol: intratesticular, of the reference man, nmol/L.
    """

    axis: np.ndarray
    tract: np.ndarray
    tissue: np.ndarray
    change: np.ndarray
    sperm: float
    open: float
    live: float
    leydig_weight: float
    entry: Entering
    oestradiol: float


class Lived(NamedTuple):
    """A row for each day that was lived: DAY of the blood, TESTIS, GERM_DAY, back-pressure at its end, and the levels of drugs.

    `levels`: (days, substances, 3); `cells`: what is read of them, (days, READOUTS), or no rows where nobody asks.
    """

    blood: np.ndarray
    testis: np.ndarray
    germ: np.ndarray
    back_pressure: np.ndarray
    levels: np.ndarray
    cells: np.ndarray

    @classmethod
    def none(cls, days: int, substances: int, surveyed: bool) -> Lived:
        """Return rows for days that have not been lived yet; `surveyed`: whether the cells are asked each day."""
        blood, testis, germ = (np.zeros(days, kind) for kind in (DAY, TESTIS, GERM_DAY))
        cells = np.zeros((days if surveyed else 0, len(READOUTS)))
        return cls(blood, testis, germ, np.zeros(days), np.zeros((days, substances, 3)), cells)


@compiled(error_model="numpy")
def advance(man, numbers, planned, lived, day, begun, now, crew):
    """Let a man live the days of `planned` from `day` on; fill in the rows of `lived`.

    Args:
        man, numbers, planned, lived: Man, Numbers, Planned, Lived.
        day: of `planned`, the first to live.
        begun: whether that day has been lived but for the germ cells of some tubules (see below).
        now: days on the clock of the tissue before day 0.
        crew: the threads that live it together.

    Returns:
        The number of days lived, fewer if the man leaves the physical range, or if a tubule runs out of room: its last
        day is then begun; give room and call again.
    """
    body, testis, tract, leads = man.body[0], man.testis[0], man.tract[0], crew.rank == 0
    shape = shape_of(man.steroids.testosterone)
    while day < planned.held.size:
        held = planned.held[day]
        if leads and not begun:
            body_day(body, numbers.axis[0], testis, man.drugs, planned.doses[day], held, lived.blood[day])
            for substance in range(lived.levels.shape[1]):
                for k in range(lived.levels.shape[2]):
                    lived.levels[day, substance, k] = man.drugs.levels[substance, k]
            clear(man.events)
        wait(crew)
        if not is_physical(lived.blood[day]):
            return day
        blood = brought(lived.blood[day], tract.back_pressure, held, numbers.axis[0])
        tissue = with_aromatase(numbers.tissue, blood.aromatase_left)
        today = Today(blood, numbers.entry, now + day + 1.0, 1.0, numbers.change, tissue)
        if begun:
            germ_cells(man.cells, today, man.events, shape, crew)
        else:
            soma_and_germ_cells(man.cells, man.steroids, today, man.events, crew)
        if not all_done(man.events):
            return day
        begun = False
        if leads:
            report(man.cells, man.steroids, today, numbers.leydig_weight, testis)
            lived.testis[day] = testis
            tell(man.events, man.cells.sertoli, shape, lived.germ[day])
            testis_e2 = testis.oestradiol_nmol_l / numbers.oestradiol
            germ = lived.germ[day]
            passed = delivered(germ.of_side, germ.live, numbers.live, numbers.tract[0].delivery_exponent)
            harm = germ.injury / germ.released if germ.released > 0 else 0.0
            freed = delivered(germ.freed_of_side, germ.live, numbers.live, numbers.tract[0].delivery_exponent)
            arriving = Arriving(passed * numbers.sperm, harm, numbers.open, freed * numbers.sperm, planned.pace[day])
            pass_day(
                tract, man.store, arriving, testis.androgen_signal, blood.tract_androgen, testis_e2, numbers.tract[0]
            )
            lived.back_pressure[day] = tract.back_pressure
            if lived.cells.size:
                survey(man.cells, man.steroids.oestradiol, tract.back_pressure, tissue, lived.cells[day])
        wait(crew)
        day += 1
    return day
