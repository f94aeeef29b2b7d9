"""Levels of testosterone and oestradiol in the tissue, and what turns the cells' output into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from testis_abm.testis.build import TissueScale, build_kernels
from testis_abm.testis.fields import sources_of
from testis_abm.testis.geometry import CORNERS, Geometry
from testis_abm.testis.kernel import FieldArrays, Steroids


class Entering(NamedTuple):
    """Total steroid that enters with the blood, nmol/L, at the levels of the reference man's."""

    testosterone: float
    oestradiol: float


class Levels:
    """Total steroid in nmol/L at every niche (tubules, niches of all sections) and in every interstice (tubules, 2).

    Args:
        values: dotted parameter name -> value.
        geometry: the lattice.
        scale: references and free shares.
        leydig: simulated Leydig cells; weight: how many cells of the ideal number each stands for.

    Attributes:
        sources: (corners + 1,), what the Leydig cells of each interstice make, of testosterone or oestradiol in turn;
            the last is the empty site, which makes none.
        from_secretion: nmol/L of testosterone that a mean source of 1 gives; from_leydig, from_niches: of oestradiol.
        entering: what enters with the blood.
        shape: sections along a tubule, niches around each.
    """

    def __init__(
        self, values: Mapping[str, float], geometry: Geometry, scale: TissueScale, leydig: int, weight: float
    ) -> None:
        self.scale = scale
        self.shape = geometry.length, geometry.around
        self.neighbours = sources_of(geometry)
        self.testosterone_kernel, self.oestradiol_kernel = build_kernels(values, geometry)
        niches, corners = (geometry.tubules, geometry.sertoli_per_tubule), (geometry.tubules, CORNERS)
        self.testosterone = np.full(niches, scale.testosterone)
        self.oestradiol = np.full(niches, scale.oestradiol)
        self.corner_testosterone = np.full(corners, scale.testosterone)
        self.corner_oestradiol = np.full(corners, scale.oestradiol)
        count = CORNERS * geometry.tubules
        self.sources = np.zeros(count + 1)
        self.from_secretion = (1.0 - scale.blood_entry) * scale.testosterone * count / leydig
        made = (1.0 - scale.blood_oestradiol_entry) * scale.oestradiol
        self.from_leydig = made * weight * count / self.testosterone.size
        self.from_niches = made
        self.entering = Entering(
            float(scale.blood_entry * scale.testosterone), float(scale.blood_oestradiol_entry * scale.oestradiol)
        )

    def arrays(self) -> Steroids:
        """Return both fields as a kernel takes them."""
        scale = self.scale
        return Steroids(
            FieldArrays(
                self.testosterone_kernel.weights,
                self.testosterone_kernel.ring,
                self.neighbours,
                self.sources,
                self.testosterone,
                self.corner_testosterone,
                scale.testosterone_free,
                self.from_secretion,
                0.0,
            ),
            FieldArrays(
                self.oestradiol_kernel.weights,
                self.oestradiol_kernel.ring,
                self.neighbours,
                self.sources,
                self.oestradiol,
                self.corner_oestradiol,
                scale.oestradiol_free,
                self.from_leydig,
                self.from_niches,
            ),
        )
