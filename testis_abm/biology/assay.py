"""What a laboratory reports is not the truth: the map from true to reported oestradiol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def reported_oestradiol(true: Any, assay: str, values: Mapping[str, float]) -> Any:
    """Return the oestradiol that an assay reports, pmol/L (a number, array or column).

    An immunoassay flatters low levels: reported = floor + true (1 - floor / reference) below the reference man's level,
    and the truth from there on (Huhtaniemi 2012: the two agree above 41 pmol/L, R 0.74, and part below, R 0.32), all
    times the factor by which andrology clinics' immunoassays read higher. Mass spectrometry ("lc-ms") reports the
    truth.
    """
    if assay != "immunoassay":
        return true
    floor = values["axis.immunoassay_oestradiol_floor"]
    flattered = floor + true * (1.0 - floor / values["axis.oestradiol_reference"])
    return values["axis.immunoassay_oestradiol_scale"] * np.maximum(true, flattered)
