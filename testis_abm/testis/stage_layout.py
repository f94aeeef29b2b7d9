"""How the stages of the cycle lie along a tubule and around it: in patches at random, or on a helix. Which is disputed in man."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from testis_abm.biology import draws
from testis_abm.biology.stages import COUNT_OF_STAGES
from testis_abm.choices import HELIX
from testis_abm.testis.geometry import Geometry

_PATCH = 0x50415443
_ORDER, _BAND, _TURN, _START, _ANGLE = range(5)  # which of a place's draws; angles take three
_LEAST_ANGLE = 30.0  # degrees, between the centres of successive stages


def phases(layout: str, values: Mapping[str, float], geometry: Geometry, seed: int) -> np.ndarray:
    """Return the phase of the clock of each niche on day 0, 0 to 1, (niches,).

    Args:
        layout: of choices.STAGE_LAYOUTS.
        values: dotted parameter name -> value.
        geometry: of the tissue; seed: of every draw.
    """
    if layout == HELIX:
        return _on_helix(values, geometry, seed).reshape(-1)
    return _in_patches(max(1, round(values["tissue.stage_patch"])), geometry, seed).reshape(-1)


def _in_patches(patch: int, geometry: Geometry, seed: int) -> np.ndarray:
    """Let neighbours within about `patch` x `patch` Sertoli cells share a phase, (tubules, length, around).

    Patches of a tubule lie in bands around it, which begin anywhere along it and are turned against one another. A
    section is cut into whole patches, as even as can be. Their phases fill the cycle evenly, in an order by chance.
    """
    tubules, length, around = geometry.tubules, geometry.length, geometry.around
    bands, wide = -(-(length - 1) // patch) + 1, max(1, round(around / patch))
    tubule = _draws(seed, tubules)
    begins = (_uniforms(tubule, _BAND) * min(patch, length)).astype(np.int64) if length > 1 else np.zeros(tubules, int)
    band = (np.arange(length) + begins[:, None]) // patch
    turned = (_uniforms(_draws(seed, tubules * bands), _TURN) * around).astype(np.int64).reshape(tubules, bands)
    place = (np.arange(around) + np.take_along_axis(turned, band, axis=1)[..., None]) % around * wide // around
    name = (np.arange(tubules)[:, None] * bands + band)[..., None] * wide + place
    used, which = np.unique(name, return_inverse=True)
    return np.asarray(_even(_uniforms(_draws(seed, len(used)), _ORDER))[which.reshape(name.shape)])


def _on_helix(values: Mapping[str, float], geometry: Geometry, seed: int) -> np.ndarray:
    """Wind the cycle around each tubule as a ribbon, (tubules, length, around), after Schulze & Rehder (1984).

    A ribbon is `stage.helix_pitch` wide and goes up as much in a turn; every sixth of the cycle takes an angle of its own draw.
    """
    tubules, length, around = geometry.tubules, geometry.length, geometry.around
    pitch = values["stage.helix_pitch"]
    starts = _uniforms(_draws(seed, tubules), _START) * pitch
    angle = np.arange(around) / around
    # The turn in which a place is: the ribbon climbs by its own width.
    turn = np.floor((np.arange(length) + starts[:, None])[..., None] / pitch - angle + 1.0) + angle
    knots = int(np.ceil((length / pitch + 3.0) * 360.0 / _LEAST_ANGLE))
    angles = _angles(values, _draws(seed, tubules * knots)).reshape(tubules, knots)
    along = np.pad(angles.cumsum(axis=1) / 360.0, ((0, 0), (1, 0)))
    sixths = np.arange(knots + 1) / COUNT_OF_STAGES
    cycles = np.stack([np.interp(turn[k], along[k], sixths) for k in range(tubules)])
    first = _even(_uniforms(_draws(seed, tubules), _ORDER))
    return np.asarray((cycles + first[:, None, None]) % 1.0)


def _angles(values: Mapping[str, float], lineages: np.ndarray) -> np.ndarray:
    """Return angles of a sixth of the cycle, degrees: normal, from sums of three uniform draws."""
    sum_of_three = sum(_uniforms(lineages, _ANGLE + k) for k in range(3))
    angle = values["stage.helix_angle"] + 2.0 * values["stage.helix_angle_sd"] * (sum_of_three - 1.5)
    return np.maximum(_LEAST_ANGLE, angle)


def _even(uniforms: np.ndarray) -> np.ndarray:
    """Return phases that fill the cycle evenly, in the order of draws."""
    phase = np.empty(len(uniforms))
    phase[np.argsort(uniforms, kind="stable")] = (np.arange(len(uniforms)) + 0.5) / len(uniforms)
    return phase


def _draws(seed: int, n: int) -> np.ndarray:
    return np.asarray(draws.lineages(np.uint64(seed), np.uint64(_PATCH), n))


def _uniforms(lineages: np.ndarray, which: int) -> np.ndarray:
    return np.asarray(draws.uniforms(lineages, which, draws.PLACE))
