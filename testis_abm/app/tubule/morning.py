"""What a recording reads of a tissue on a morning: which of it is there, its germ cells, and what each place senses."""

from __future__ import annotations

from typing import Any

import numpy as np

from testis_abm.agents.cells import SertoliCell
from testis_abm.app.tubule.frame import BLOCKED, EMPTY, HYALINISED, REMOVED, STAGED, THERE
from testis_abm.app.tubule.lives import Germ, Hazard
from testis_abm.app.tubule.section import Section
from testis_abm.biology import steps
from testis_abm.biology.germ import on_entering
from testis_abm.parameters.tubules import HYALINISED as LOST
from testis_abm.support.compile import compiled
from testis_abm.testis.geometry import CORNERS
from testis_abm.testis.places import germ_niche, germ_places, tubules_there

MOST_CELLS = 10_000
SIGNALS = ("androgen_signal", "er_alpha_signal", "er_beta_signal")


def there(tissue: Any, section: Section) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `tubule`, `niche` and `interstice` of a frame: what is there of the tubules, the niches and the interstices shown."""
    sertoli, there = tissue.columns.sertoli, tubules_there(tissue)
    scarred = sertoli.state[section.niches].reshape(len(section.tubules), -1)[:, 0] == LOST
    tubule = np.where(there[section.tubules], np.where(scarred, HYALINISED, THERE), REMOVED)
    empty, blocked = sertoli.counts[section.niches].sum(axis=1) == 0, sertoli.blocked_until[section.niches] > tissue.now
    niche = np.where(blocked, BLOCKED, np.where(empty, EMPTY, STAGED))
    return tubule.astype(np.uint8), niche.astype(np.uint8), there[section.corner // CORNERS].astype(np.uint8)


def that_fit(tissue: Any) -> int:
    """Return of how many tubules a section holds `MOST_CELLS`."""
    cells = tissue.columns.germ.total + tissue.sertoli_count + len(tissue.columns.leydig.lineage)
    cells = max(1, cells // tissue.geometry.length)
    return int(np.clip(MOST_CELLS * tissue.geometry.tubules // cells, 1, tissue.geometry.tubules))


def rows_of(tissue: Any, tubules: np.ndarray) -> np.ndarray:
    """Return the rows of the germ cells in the middle section of some tubules."""
    germ, geometry = tissue.columns.germ, tissue.geometry
    rows = np.concatenate([np.arange(germ.start[one], germ.start[one] + germ.count[one]) for one in tubules])
    return np.asarray(rows[geometry.along(germ.niche[rows]) == geometry.middle])


def last_step(tissue: Any, niche: np.ndarray) -> tuple[np.ndarray, Hazard]:
    """Return the share of sperm that each niche releases, and the hazard of elongated spermatids there."""
    sertoli, last = tissue.columns.sertoli, steps.ELONGATED_SPERMATID
    rates, gathered = sertoli.rates, sertoli.gathered[:, last].ravel()[niche]
    return rates[:, steps.SPERMIATION].ravel()[niche], Hazard(gathered, rates[:, steps.HAZARD + last].ravel()[niche])


def germ_of(tissue: Any, rows: np.ndarray) -> Germ:
    """Return the germ cells in `rows` where the model puts them."""
    of = tissue.columns.germ
    x, y, _ = germ_places(tissue, rows)
    niche = germ_niche(tissue, rows)
    return Germ(
        of.lineage[rows],
        of.step[rows],
        of.clone[rows],
        of.turn[rows],
        of.ends[rows].astype(float),
        of.threshold[rows].astype(float),
        niche,
        x,
        y,
    )


def working(model: Any) -> tuple[float, float]:
    """Return the share of aromatase that no drug keeps from working, in the niches and in Leydig cells."""
    report = getattr(model, "report", None)
    return (1.0, 1.0) if report is None else (1.0 - report.niche_inhibition, 1.0 - report.leydig_inhibition)


def levels_of(tissue: Any, section: Section) -> np.ndarray:
    """Return `Frame.levels`: of the Sertoli cells, then of the interstices, where only ER-alpha is sensed."""
    niches, corners = section.niches, section.corner
    levels = np.full((5, len(niches) + len(corners)), np.nan)
    testosterone, oestradiol, *_ = levels
    testosterone[:] = np.concatenate(
        [tissue.testosterone.ravel()[niches], tissue.levels.corner_testosterone.ravel()[corners]]
    )
    oestradiol[:] = np.concatenate(
        [tissue.oestradiol.ravel()[niches], tissue.levels.corner_oestradiol.ravel()[corners]]
    )
    for sensed, name in zip(levels[2:], SIGNALS, strict=True):
        sensed[: len(niches)] = getattr(SertoliCell, name).read(tissue, niches)
    # As the Leydig cells sense it (see agents.LeydigCell.er_alpha_signal).
    _, _, _, er_alpha, _ = levels
    er_alpha[len(niches) :] = (
        tissue.p.leydig.leydig_er_alpha_sensitivity * oestradiol[len(niches) :] / tissue.scale.oestradiol
    )
    return levels


@compiled
def stays(lineage: np.ndarray, step: np.ndarray, mean_days: np.ndarray, variation: float, days: np.ndarray) -> None:
    """Write how long each germ cell stays in its step, days."""
    for i in range(lineage.size):
        days[i] = on_entering(lineage[i], 0, np.int64(step[i]), mean_days, variation, 0.0)[0]
