"""One section drawn as a stained slide: interstitium, tubules, cells, the field of a steroid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

from testis_abm.pictures import style
from testis_abm.pictures.packing import Crowd, spread
from testis_abm.pictures.steps import (
    BLOCKED,
    ELONGATED,
    ELONGATING,
    EMPTY,
    FURTHER_LOOKS,
    LEYDIG,
    LEYDIG_RADIUS,
    SERTOLI,
    SHRUNKEN,
    STAGE_COLOURS,
    STAIN,
    STEPS,
)
from testis_abm.pictures.view import View
from testis_abm.testis.kind import Look

_NUCLEOLUS, _LEYDIG_NUCLEOLUS = "#3A1A59", "#35154F"
RASTERED = 5.0  # what lies below this zorder becomes one picture in a vector file

_ROOM = 1.16  # of a nucleus's radius: the share of its cell that a neighbour respects
_VESSEL_RADIUS = 5.5
_RING = (1.03, 1.07)  # of a tubule's radius: the ring that tells the stage
_LAYERS = (0.86, 0.72, 0.58, 0.44, 0.3)  # of the wall of a scar
_ROUNDS = 30  # in which cells make room for one another
_SMOOTH: Any = {"interpolation": "bilinear", "zorder": 0.5}
_TURN = np.linspace(0.0, 2.0 * np.pi, 90, endpoint=False)


class Tubules(NamedTuple):
    """The tubules in view, um."""

    centre: np.ndarray
    radius: np.ndarray
    lumen: np.ndarray


def draw_section(
    axes: Axes, section: Mapping[str, Any], view: View, field: np.ndarray, norm: Normalize, cmap: Any
) -> AxesImage:
    """Draw `section` (see `tubules`) within `view`; return the picture of `field`, coloured by `norm`."""
    axes.set_facecolor(STAIN["stroma"])
    axes.set_rasterization_zorder(RASTERED)
    box = (view.left, view.left + view.width, view.bottom, view.bottom + view.height)
    axes.set(xlim=box[:2], ylim=box[2:], aspect="equal", xticks=[], yticks=[])
    image = axes.imshow(_seen(field, view), extent=box, origin="lower", cmap=cmap, norm=norm, **_SMOOTH)
    rng = np.random.default_rng(0)
    centre, index = view.tile(section["tubule_x"], section["tubule_y"], float(np.max(section["tubule_radius"])) + 20)
    shape = np.shape(section["tubule_x"])
    radius, lumen = (np.broadcast_to(section[name], shape)[index] for name in ("tubule_radius", "lumen_radius"))
    gone, scarred = removed(section)[index], hyalinised(section)[index]
    _draw_removed(axes, centre[gone], radius[gone])
    _draw_hyalinised(axes, centre[scarred], radius[scarred], rng)
    live = ~(gone | scarred)
    tubules, index = Tubules(centre[live], radius[live], lumen[live]), index[live]
    _draw_tubules(axes, tubules, rng)
    if "wall_stage" in section:
        _draw_rings(axes, tubules, ring_colours(section)[index])
    _draw_interstitium(axes, section, view, tubules, rng)
    _draw_epithelium(axes, section, view, tubules, rng)
    return image


def _seen(field: np.ndarray, view: View) -> np.ndarray:
    """Return the part of a periodic field, whose cells start at the origin, that is in the window."""
    across, up = 200, max(2, round(200 * view.height / view.width))
    x = (view.left + (np.arange(across) + 0.5) / across * view.width) / view.period[0]
    y = (view.bottom + (np.arange(up) + 0.5) / up * view.height) / view.period[1]
    return _periodic(_periodic(field, y).T, x).T


def _periodic(field: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the rows of a periodic field at `share` of its period (cell centres count), by straight line."""
    at = share * len(field) - 0.5
    low = np.floor(at).astype(int)
    part = (at - low)[:, None]
    return np.asarray(field[low % len(field)] * (1.0 - part) + field[(low + 1) % len(field)] * part)


def _circles(axes: Axes, place: np.ndarray, radius: Any, **look: Any) -> None:
    """Draw circles of `radius` um."""
    _ellipses(axes, place, 2.0 * radius, 2.0 * radius, 0.0, **look)


def _ellipses(axes: Axes, place: np.ndarray, length: Any, width: Any, angle: Any, **look: Any) -> None:
    """Draw ellipses of `length` and `width` um at `angle` radians."""
    n = len(place)
    if n:
        shape = [np.broadcast_to(size, n) for size in (length, width, np.degrees(angle))]
        cells = EllipseCollection(*shape, units="xy", offsets=place, offset_transform=axes.transData, **look)
        axes.add_collection(cells, autolim=False)


def _polygons(axes: Axes, outline: Any, **look: Any) -> None:
    axes.add_collection(PolyCollection(outline, **look), autolim=False)


def _lines(axes: Axes, line: np.ndarray, **look: Any) -> None:
    axes.add_collection(LineCollection(list(line), **look), autolim=False)


def _rims(place: np.ndarray, radius: np.ndarray) -> Any:
    """Return outlines, (cells, points, 2), from the radius at all angles of a turn, (cells, points)."""
    turn = np.linspace(0.0, 2.0 * np.pi, radius.shape[1], endpoint=False)
    return place[:, None] + radius[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)


def _ragged(n: int, roughness: float, waves: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Return n closed outlines that wander round 1, (n, points)."""
    outline = np.ones((n, len(_TURN)))
    for wave in waves:
        phase = rng.uniform(0.0, 2.0 * np.pi, (n, 1))
        outline += roughness / len(waves) * rng.uniform(0.4, 1.6, (n, 1)) * np.cos(wave * _TURN + phase)
    return outline


def _draw_tubules(axes: Axes, tubules: Tubules, rng: np.random.Generator) -> None:
    centre, radius, lumen = tubules
    wall = _rims(centre, radius[:, None] * _ragged(len(centre), 0.006, (3, 5), rng))
    _polygons(axes, wall, fc=STAIN["epithelium"], ec="none", alpha=0.62, zorder=1)
    _polygons(axes, wall, fc="none", ec=STAIN["membrane"], lw=1.1, zorder=2)
    layer = centre[:, None] + 1.022 * (wall - centre[:, None])
    _polygons(axes, layer, fc="none", ec=STAIN["membrane"], lw=0.35, alpha=0.7, zorder=2)
    edge = _rims(centre, lumen[:, None] * _ragged(len(centre), 0.12, (4, 7, 11), rng))
    _polygons(axes, edge, fc=STAIN["lumen"], ec="none", alpha=0.8, zorder=1.2)


def removed(section: Mapping[str, Any]) -> np.ndarray:
    """Return which tubules of a section have been taken away with their testis, (tubules,)."""
    return np.asarray(section.get("tubule_removed", np.zeros(np.size(section["tubule_x"])))) > 0


def hyalinised(section: Mapping[str, Any]) -> np.ndarray:
    """Return which tubules of a section have lost their cells and are a scar, (tubules,): no Sertoli cell lies in them."""
    centre, place = (np.column_stack([section[f"{what}_x"], section[f"{what}_y"]]) for what in ("tubule", "sertoli"))
    held = np.isin(np.arange(len(centre)), _nearest(place, centre) if len(place) else [])
    return np.asarray(~held & ~removed(section))


def _draw_hyalinised(axes: Axes, centre: np.ndarray, radius: np.ndarray, rng: np.random.Generator) -> None:
    """Draw scars: shrunken, the wall thickened in layers, hardly a lumen."""
    if not len(centre):
        return
    for share in (1.0, *_LAYERS):
        rim = _rims(centre, SHRUNKEN * share * radius[:, None] * _ragged(len(centre), 0.06, (3, 5, 8), rng))
        fill, width = (STAIN["epithelium"], 1.1) if share == 1.0 else ("none", 0.5)
        _polygons(axes, rim, fc=fill, ec=STAIN["membrane"], lw=width, zorder=1.5)
    _circles(axes, centre, 0.14 * SHRUNKEN * radius, fc=STAIN["lumen"], ec="none", zorder=1.6)
    for (x, y), far in zip(centre, radius, strict=True):
        text: Any = {"ha": "center", "va": "center", "color": style.DIM, "size": 6.5, "clip_on": True}
        axes.text(x, y + SHRUNKEN * far + 12, "hyalinised", zorder=RASTERED + 1, **text)


def _draw_removed(axes: Axes, centre: np.ndarray, radius: np.ndarray) -> None:
    """Draw the places of tubules that have been taken away."""
    _circles(axes, centre, _RING[1] * radius, fc="white", ec=style.LIMIT, lw=0.8, ls="--", zorder=1)
    for x, y in centre:
        axes.text(x, y, "removed", ha="center", va="center", color=style.DIM, size=7, clip_on=True, zorder=RASTERED + 1)


def ring_colours(section: Mapping[str, Any]) -> np.ndarray:
    """Return the colour of the ring outside each niche of the section that is shown, (tubules, around).

    That of its stage; a colour of their own have niches without germ cells, and those whose stem cells have stopped.
    """
    row = int(section["row"])
    stage, empty, blocked = (np.asarray(section[f"wall_{name}"])[:, row] for name in ("stage", "empty", "blocked"))
    colour = np.array(STAGE_COLOURS)[stage]
    return np.where(blocked > 0, BLOCKED, np.where(empty > 0, EMPTY, colour))


def _draw_rings(axes: Axes, tubules: Tubules, colours: np.ndarray) -> None:
    """Draw a ring round each tubule, a piece for each niche."""
    around = colours.shape[1]
    edges = (np.arange(around)[:, None] + np.linspace(-0.5, 0.5, 5)) * 2.0 * np.pi / around
    way = np.stack([np.cos(edges), np.sin(edges)], axis=-1)
    outlines = np.concatenate([_RING[0] * way, _RING[1] * way[:, ::-1]], axis=1)
    for edge in _RING:  # so that yellow stands out from the field
        _circles(axes, tubules.centre, edge * tubules.radius, fc="none", ec=style.LIMIT, lw=0.8, zorder=2.05)
    pieces = tubules.centre[:, None, None] + tubules.radius[:, None, None, None] * outlines
    _polygons(axes, pieces.reshape(-1, *outlines.shape[1:]), fc=colours.ravel().tolist(), ec="none", zorder=2.1)


def _draw_interstitium(
    axes: Axes, section: Mapping[str, Any], view: View, tubules: Tubules, rng: np.random.Generator
) -> None:
    leydig, _ = view.tile(section["leydig_x"], section["leydig_y"], 20)
    vessel, _ = view.tile(section["capillary_x"], section["capillary_y"], 20)
    place = np.concatenate([leydig, vessel, tubules.centre])
    sizes = np.repeat([LEYDIG_RADIUS, _VESSEL_RADIUS], [len(leydig), len(vessel)])
    radius, n = np.r_[sizes, tubules.radius * _RING[1]], len(place)
    fixed = np.arange(n) >= len(sizes)
    place = spread(Crowd(place, radius, np.zeros(n), fixed, place, np.zeros(n), radius + 40.0), _ROUNDS)
    draw_leydig(axes, place[: len(leydig)], rng)
    draw_capillaries(axes, place[len(leydig) : len(sizes)], rng)


def draw_leydig(axes: Axes, leydig: np.ndarray, rng: np.random.Generator) -> None:
    """Draw Leydig cells: polygons that take up eosin, with a round nucleus off their middle."""
    outline = _rims(leydig, LEYDIG_RADIUS * _ragged(len(leydig), 0.22, (2, 3, 5), rng)[:, ::6])
    _polygons(axes, outline, fc=STAIN["eosin"], ec=STAIN["eosinEdge"], lw=0.4, zorder=2.2)
    nucleus = leydig + rng.uniform(-1.4, 1.4, leydig.shape)
    _circles(axes, nucleus, 0.5 * LEYDIG.length, fc=LEYDIG.fill, ec=LEYDIG.edge, lw=0.35, zorder=2.3)
    _circles(
        axes,
        nucleus + rng.uniform(-1, 1, nucleus.shape),
        0.5 * LEYDIG.speck,
        fc=_LEYDIG_NUCLEOLUS,
        ec="none",
        zorder=2.35,
    )


def draw_capillaries(axes: Axes, vessel: np.ndarray, rng: np.random.Generator) -> None:
    """Draw capillaries cut across, with blood cells in them."""
    _circles(axes, vessel, _VESSEL_RADIUS - 0.6, fc=STAIN["plasma"], ec=STAIN["vessel"], lw=1.0, zorder=2.2)
    for side in (-1.6, 1.7):
        cell = vessel + np.array([side, 0.3 * side]) + rng.uniform(-0.7, 0.7, vessel.shape)
        _ellipses(
            axes,
            cell,
            3.6,
            2.6,
            rng.uniform(0, np.pi, len(vessel)),
            fc=STAIN["blood"],
            ec=STAIN["vessel"],
            lw=0.2,
            zorder=2.3,
        )


def _draw_epithelium(
    axes: Axes, section: Mapping[str, Any], view: View, tubules: Tubules, rng: np.random.Generator
) -> None:
    sertoli, _ = view.tile(section["sertoli_x"], section["sertoli_y"], 12)
    germ, index = view.tile(section["germ_x"], section["germ_y"], 12)
    step = np.asarray(section["germ_step"])[index].astype(int)
    place = np.concatenate([sertoli, germ])
    home = _nearest(place, tubules.centre)
    centre, outer, lumen = (column[home] for column in tubules)
    radius = np.r_[np.full(len(sertoli), 0.5 * SERTOLI.length), _ROOM * 0.5 * _of_step(step, "length")]
    # Slender heads lie side by side.
    slender = np.r_[np.zeros(len(sertoli), dtype=bool), step >= ELONGATING]
    radius[slender] = 0.9
    fixed = np.arange(len(place)) < len(sertoli)
    nearest = np.where(slender, 0.75, 0.95) * lumen + radius
    place = spread(Crowd(place, radius, home, fixed, centre, nearest, outer - 0.6), _ROUNDS)
    germ = place[len(sertoli) :]
    inward = centre[len(sertoli) :] - germ
    angle = np.arctan2(inward[:, 1], inward[:, 0])
    _draw_sertoli_cells(axes, sertoli, centre[: len(sertoli)] - sertoli, lumen[: len(sertoli)], rng)
    draw_cytoplasm(axes, germ[step < ELONGATING], step[step < ELONGATING])
    for code, look in enumerate(STEPS):
        here = step == code
        if here.any():
            draw_nuclei(axes, germ[here], angle[here], look, rng)
    _draw_tails(axes, germ[step == ELONGATED], angle[step == ELONGATED], rng)
    for name, look in FURTHER_LOOKS.items():
        further, _ = view.tile(section[f"{name}_x"], section[f"{name}_y"], 12)
        arm = tubules.centre[_nearest(further, tubules.centre)] - further
        draw_nuclei(axes, further, np.arctan2(arm[:, 1], arm[:, 0]) + 0.5 * np.pi, look, rng)


def _nearest(place: np.ndarray, tubule: np.ndarray) -> np.ndarray:
    gap = place[:, None] - tubule
    return np.asarray(np.hypot(gap[..., 0], gap[..., 1]).argmin(axis=1))


def _of_step(step: np.ndarray, name: str) -> np.ndarray:
    return np.asarray(np.array([getattr(look, name) for look in STEPS])[step])


def _draw_sertoli_cells(
    axes: Axes, place: np.ndarray, inward: np.ndarray, lumen: np.ndarray, rng: np.random.Generator
) -> None:
    """Draw Sertoli cells: the nucleus at the base, the faint trunk towards the middle of the lumen, `inward` of it."""
    distance = np.hypot(inward[:, 0], inward[:, 1])
    inward = inward / np.maximum(distance, 1e-6)[:, None]
    trunk = np.stack([place + 4.0 * inward, place + inward * (distance - lumen)[:, None]], axis=1)
    _lines(axes, trunk, colors=STAIN["cleft"], lw=0.7, alpha=0.8, zorder=1.5)
    draw_sertoli(axes, place, np.arctan2(inward[:, 1], inward[:, 0]), rng)


def draw_sertoli(axes: Axes, place: np.ndarray, angle: np.ndarray, rng: np.random.Generator) -> None:
    """Draw Sertoli nuclei: pale blunt triangles that point to the lumen at `angle`, with a dark nucleolus."""
    turn = _TURN[::5] - angle[:, None]
    shape = 0.5 * SERTOLI.length * (0.88 + 0.2 * np.cos(3.0 * turn) + rng.uniform(-0.03, 0.03, turn.shape))
    _polygons(axes, _rims(place, shape), fc=SERTOLI.fill, ec=SERTOLI.edge, lw=0.5, zorder=3)
    _circles(
        axes, place + rng.uniform(-0.8, 0.8, place.shape), 0.5 * SERTOLI.speck, fc=_NUCLEOLUS, ec="none", zorder=3.1
    )


def draw_cytoplasm(axes: Axes, place: np.ndarray, step: np.ndarray) -> None:
    """Draw what surrounds the nuclei of `step`."""
    radius = 0.5 * _of_step(step, "length") + 1.6
    _circles(axes, place, radius, fc=STAIN["cytoplasm"], ec=STAIN["cytoplasmEdge"], lw=0.3, alpha=0.85, zorder=2.6)


def draw_nuclei(axes: Axes, place: np.ndarray, angle: np.ndarray, look: Look, rng: np.random.Generator) -> None:
    """Draw nuclei of one step at `place`, long axis towards the lumen at `angle`, with their chromatin."""
    size = rng.normal(1.0, 0.04, len(place))
    # Round nuclei lie as they fall; slender heads point to the base, that is along the same line.
    turned = angle if look.length > 1.5 * look.width else rng.uniform(0.0, np.pi, len(place))
    _ellipses(
        axes, place, size * look.length, size * look.width, turned, fc=look.fill, ec=look.edge, lw=0.4, zorder=3.2
    )
    if look.specks:
        way = rng.uniform(0.0, 2.0 * np.pi, (len(place), look.specks))
        far = 0.36 * look.width * np.sqrt(rng.uniform(0.1 if look.specks > 1 else 0.0, 1.0, way.shape))
        if look.specks == 1:
            far *= 0.4
        spot = place[:, None] + far[..., None] * np.stack([np.cos(way), np.sin(way)], axis=-1)
        _circles(axes, spot.reshape(-1, 2), 0.5 * look.speck, fc=look.edge, ec="none", alpha=0.75, zorder=3.3)


def _draw_tails(axes: Axes, place: np.ndarray, angle: np.ndarray, rng: np.random.Generator) -> None:
    """Draw the tails of elongated spermatids, from the head into the lumen."""
    if not len(place):
        return
    along = np.linspace(0.0, 1.0, 7)
    length = rng.uniform(12.0, 20.0, (len(place), 1))
    bend = rng.uniform(-0.35, 0.35, (len(place), 1))
    way = angle[:, None] + bend * along
    start = place + 1.8 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    line = start[:, None] + (length * along)[..., None] * np.stack([np.cos(way), np.sin(way)], axis=-1)
    _lines(axes, line, colors=STAIN["tail"], lw=0.35, alpha=0.7, zorder=2.9)
