"""The lattice and its fields: distances by hand, superposition against an explicit sum, and what is conserved."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import k0

from testis_abm.testis.fields import (
    TOGETHER,
    Kernels,
    conserving,
    draw_field,
    interstitial_fields,
    kernel,
    ring_field,
    screening_length,
    sources_of,
)
from testis_abm.testis.geometry import CORNERS, lattice

HALF_ROOT = math.sqrt(3.0) / 2.0
# A spacing of 100: 0.5 of the area of a cell of 100 x 86.6 um is a circle of that radius.
RADIUS = math.sqrt(0.5 * 1e4 * HALF_ROOT / math.pi)


def full(tubules=24, sertoli=6):
    return lattice(tubules, sertoli, 2.0 * RADIUS, 0.5)


def nearest(geometry, a, b):
    """Return the distance of two places on the periodic patch, whichever of their repeats is the nearest."""
    width, height = geometry.extent
    moves = [(i * width, j * height) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return min(math.dist(a, np.add(b, move)) for move in moves)


# ---- geometry


def test_tubules_are_as_far_apart_as_their_share_of_the_area_says():
    geometry = full()
    assert geometry.spacing == pytest.approx(100.0) and geometry.radius == pytest.approx(RADIUS)
    area = math.prod(geometry.extent)
    assert 24 * math.pi * RADIUS**2 / area == pytest.approx(0.5)


@pytest.mark.parametrize(("tubules", "rows", "columns"), [(1, 2, 1), (4, 2, 2), (12, 4, 3), (24, 4, 6), (50, 8, 7)])
def test_a_lattice_is_about_square_with_an_even_number_of_rows(tubules, rows, columns):
    geometry = lattice(tubules, 8, 200.0, 0.6)
    assert (geometry.rows, geometry.columns) == (rows, columns)


def test_odd_rows_are_shifted_by_half_a_spacing():
    centres = full().centres()
    assert centres[0] == pytest.approx([50.0, 50.0 * HALF_ROOT])
    assert centres[1] == pytest.approx([150.0, 50.0 * HALF_ROOT])
    assert centres[6] == pytest.approx([100.0, 150.0 * HALF_ROOT])
    assert centres[12] == pytest.approx([50.0, 250.0 * HALF_ROOT])


def test_each_tubule_has_six_neighbours_at_one_spacing():
    geometry = full()
    centres = geometry.centres()
    for centre in centres:
        distances = sorted(nearest(geometry, centre, other) for other in centres)
        assert distances[1:7] == pytest.approx([100.0] * 6) and distances[7] == pytest.approx(100.0 * math.sqrt(3.0))


def test_each_corner_lies_amid_three_tubules():
    geometry = full()
    for corner in geometry.corners():
        distances = sorted(nearest(geometry, corner, centre) for centre in geometry.centres())
        assert distances[:3] == pytest.approx([100.0 / math.sqrt(3.0)] * 3)
        assert distances[3] > 110.0


def test_niches_are_corners_of_a_polygon():
    geometry = full(sertoli=6)
    assert geometry.niche_angle == pytest.approx(np.arange(6) * math.pi / 3)
    # Sides of a hexagon are as long as its radius; across it are two.
    root = math.sqrt(3.0)
    assert geometry.ring / RADIUS == pytest.approx([0.0, 1.0, root, 2.0, root, 1.0])


def test_the_table_of_neighbours_holds_every_corner_in_reach_at_its_distance():
    geometry = full(tubules=64)  # wider than twice the reach
    centre, corners = geometry.centres()[0], geometry.corners()
    distances = np.array([nearest(geometry, centre, corner) for corner in corners])
    found = geometry.neighbours[0]
    assert sorted(found) == np.flatnonzero(distances <= 260.0).tolist()
    for niche, angle in enumerate(np.radians([0, 60, 120, 180, 240, 300])):
        place = centre + RADIUS * np.array([math.cos(angle), math.sin(angle)])
        assert geometry.niche_offset[niche] == pytest.approx([nearest(geometry, place, corners[k]) for k in found])
    for own in range(CORNERS):
        expected = [nearest(geometry, corners[own], corners[k]) for k in found]
        assert geometry.corner_offset[own] == pytest.approx(expected)
        assert geometry.corner_offset[own][list(found).index(own)] == pytest.approx(0.0)


def test_empty_sites_have_no_corners():
    geometry = lattice(11, 6, 2.0 * RADIUS, 0.5)  # of a lattice of twelve
    whole = lattice(12, 6, 2.0 * RADIUS, 0.5)
    missing = whole.neighbours[:11] >= 22
    assert missing.any() and ((geometry.neighbours == -1) == missing).all()
    assert (geometry.neighbours[~missing] == whole.neighbours[:11][~missing]).all()


# ---- fields


def test_a_steroid_reaches_the_root_of_diffusion_over_clearance():
    # 100 um2/s are 8.64e6 um2/day; cleared 864 times a day it gets 100 um far.
    assert screening_length(100.0, 864.0) == pytest.approx(100.0)
    assert screening_length(400.0, 864.0) == pytest.approx(200.0)


def test_weights_fall_as_k0_and_sum_to_one():
    distance = np.array([[0.0, 30.0, 80.0], [10.0, 20.0, 30.0]])
    weights = kernel(distance, 50.0, 5.0)
    assert weights.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert weights[0, 1] / weights[0, 2] == pytest.approx(k0(math.hypot(30, 5) / 50) / k0(math.hypot(80, 5) / 50))
    assert weights[0, 0] / weights[0, 1] == pytest.approx(k0(0.1) / k0(math.hypot(30, 5) / 50))


def field_of(geometry, kernels, made):
    """Return the field of corner sources at all targets, (tubules, niches + 2)."""
    sources, rows = np.append(made, 0.0), np.empty((TOGETHER, geometry.sertoli_per_tubule + CORNERS))
    found = []
    for first in range(0, geometry.tubules, TOGETHER):
        last = min(first + TOGETHER, geometry.tubules)
        interstitial_fields(first, last, kernels.weights, sources_of(geometry), sources, rows)
        found += rows[: last - first].tolist()
    return np.array(found)


def test_a_field_does_not_depend_on_which_tubules_are_taken_together():
    geometry = lattice(11, 6, 2.0 * RADIUS, 0.5)
    kernels = Kernels(geometry, 60.0, 8.0)
    made = np.random.default_rng(3).exponential(1.0, CORNERS * 11)
    sources, rows = np.append(made, 0.0), np.empty((TOGETHER, 6 + CORNERS))
    together = field_of(geometry, kernels, made)
    for tubule in range(11):
        interstitial_fields(tubule, tubule + 1, kernels.weights, sources_of(geometry), sources, rows)
        assert (rows[0] == together[tubule]).all()


@pytest.mark.parametrize("tubules", [24, 11])
def test_a_field_is_the_sum_over_its_sources(tubules):
    geometry = lattice(tubules, 6, 2.0 * RADIUS, 0.5)
    made = np.random.default_rng(2).exponential(1.0, CORNERS * tubules)
    rows = field_of(geometry, Kernels(geometry, 60.0, 8.0), made)
    offsets = np.vstack([geometry.niche_offset, geometry.corner_offset])
    for tubule in range(tubules):
        for target, distances in enumerate(offsets):
            weights = k0(np.hypot(distances, 8.0) / 60.0)
            there = geometry.neighbours[tubule] >= 0
            seen = made[geometry.neighbours[tubule][there]]
            assert rows[tubule, target] == pytest.approx((weights[there] * seen).sum() / weights[there].sum())


def test_a_full_lattice_keeps_the_mean_and_an_even_one_the_level():
    geometry = full()
    kernels = Kernels(geometry, 60.0, 8.0)
    made = np.random.default_rng(3).exponential(1.0, CORNERS * 24)
    assert field_of(geometry, kernels, made)[:, 6:].mean() == pytest.approx(made.mean())
    assert field_of(geometry, kernels, np.full(CORNERS * 24, 2.5)) == pytest.approx(np.full((24, 8), 2.5))


@pytest.mark.parametrize(("kind", "columns"), [(0, slice(0, 6)), (1, slice(6, 8))])
def test_where_sites_are_empty_a_factor_brings_the_mean_back(kind, columns):
    geometry = lattice(11, 6, 2.0 * RADIUS, 0.5)
    kernels = Kernels(geometry, 60.0, 8.0)
    made = np.random.default_rng(4).exponential(1.0, CORNERS * 11)
    seen = field_of(geometry, kernels, made)[:, columns]
    factor = conserving(kernels.weights.reach, np.append(made, 0.0), kind, float(seen.size))
    assert (factor * seen).mean() == pytest.approx(made.mean()) and abs(factor - 1.0) > 1e-6
    assert conserving(kernels.weights.reach, np.zeros(CORNERS * 11 + 1), kind, float(seen.size)) == 0.0


@pytest.mark.parametrize("niches", [5, 6, 7, 8])
def test_niches_of_a_tubule_act_on_one_another_around_the_ring(niches):
    geometry = full(tubules=4, sertoli=niches)
    made = np.random.default_rng(niches).exponential(1.0, niches)
    row = np.full(niches + CORNERS, 10.0)
    ring_field(Kernels(geometry, 40.0, 6.0).ring, made, np.empty(3 * niches), row)
    angles = 2.0 * math.pi * np.arange(niches) / niches
    places = RADIUS * np.column_stack([np.cos(angles), np.sin(angles)])
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    weights = k0(np.hypot(apart, 6.0) / 40.0)
    assert row[:niches] == pytest.approx(10.0 + weights @ made / weights.sum(axis=1))
    assert row[niches:].tolist() == [10.0, 10.0]  # corners are no niches
    assert (row[:niches] - 10.0).sum() == pytest.approx(made.sum())


def test_a_picture_of_a_field_is_periodic_and_has_the_mean_it_is_given():
    geometry = full()
    strength = np.ones(1)
    drawn = draw_field(geometry, np.array([[5.0, 5.0]]), strength, 60.0, 8.0, 7.0, 60)
    assert drawn.shape == (round(geometry.extent[1] / 10.0), 60) and drawn.mean() == pytest.approx(7.0)
    assert np.unravel_index(drawn.argmax(), drawn.shape) == (0, 0)
    # The same distance to the left, over the edge, and to the right.
    assert drawn[0, 1:6] == pytest.approx(drawn[0, :-6:-1])
    beyond = draw_field(geometry, np.array([[5.0 + geometry.extent[0], 5.0]]), strength, 60.0, 8.0, 7.0, 60)
    assert beyond == pytest.approx(drawn)
    assert drawn[0, 3] / drawn[0, 10] == pytest.approx(k0(math.hypot(30, 8) / 60) / k0(math.hypot(100, 8) / 60))


def test_the_cells_of_a_picture_fill_the_height_of_the_lattice():
    geometry = full()
    width, height = geometry.extent
    for cells in (7, 60):
        drawn = draw_field(geometry, np.array([[0.0, 0.999 * height]]), np.ones(1), 60.0, 8.0, 7.0, cells)
        # A source at the upper edge is in the last row, and both neighbours, one over the edge, are as far from it.
        assert drawn[:, 0].argmax() == len(drawn) - 1
        assert drawn[0, 0] == pytest.approx(drawn[-2, 0])
        up = height / len(drawn)
        assert drawn[0, 0] / drawn[-1, 1] == pytest.approx(
            k0(math.hypot(up, 8) / 60) / k0(math.hypot(width / cells, 8) / 60)
        )


def test_a_picture_of_no_source_is_blank():
    drawn = draw_field(full(), np.array([[5.0, 5.0]]), np.zeros(1), 60.0, 8.0, 0.0, 20)
    assert (drawn == 0.0).all()
