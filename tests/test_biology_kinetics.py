"""Rate laws (kinetics) and binding, against closed forms and hand-worked values."""

from __future__ import annotations

import math

import pytest

from testis_abm.biology.binding import free_testosterone, total_testosterone
from testis_abm.biology.kinetics import hill, lh_response, power, relative_hill, relax, shielded_inhibition

LN2 = math.log(2.0)


def test_a_level_goes_half_way_in_a_half_life_from_either_side():
    assert relax(8.0, 2.0, 3.0, 3.0 * LN2) == pytest.approx(5.0)
    assert relax(0.0, 2.0, 3.0, 6.0 * LN2) == pytest.approx(1.5)


def test_a_level_stays_at_its_target_and_without_time():
    assert relax(2.0, 2.0, 3.0, 7.0) == 2.0
    assert relax(8.0, 2.0, 3.0, 0.0) == 8.0
    assert relax(8.0, 2.0, 3.0, 1e4) == pytest.approx(2.0)


def test_two_short_steps_are_one_long():
    assert relax(relax(8.0, 2.0, 3.0, 0.7), 2.0, 3.0, 1.1) == pytest.approx(relax(8.0, 2.0, 3.0, 1.8), rel=1e-14)


@pytest.mark.parametrize(
    ("x", "exponent", "result"), [(3.0, 1.0, 3.0), (3.0, 2.0, 9.0), (4.0, 1.5, 8.0), (2.0, 4.0, 16.0), (0.0, 3.0, 0.0)]
)
def test_powers(x, exponent, result):
    assert power(x, exponent) == pytest.approx(result)


def test_half_of_the_sites_are_taken_at_the_half_saturation():
    assert hill(5.0, 5.0, 1.0) == hill(5.0, 5.0, 3.0) == 0.5
    assert hill(0.0, 5.0, 2.0) == hill(-1.0, 5.0, 2.0) == 0.0
    assert hill(10.0, 5.0, 1.0) == pytest.approx(2 / 3)
    assert hill(10.0, 5.0, 2.0) == pytest.approx(4 / 5)  # 100 of 25 + 100
    assert hill(2.0, 1.0, 3.0) == pytest.approx(8 / 9)


def test_occupancy_relative_to_a_reference():
    assert relative_hill(7.0, 3.0, 2.0, 7.0) == 1.0
    assert relative_hill(1.0, 1.0, 1.0, 3.0) == pytest.approx(0.5 / 0.75)
    assert relative_hill(1e9, 1.0, 1.0, 1.0) == pytest.approx(2.0)  # to one over the reference's own occupancy


def test_the_response_to_lh_is_one_at_one_and_ends_at_one_plus_the_saturation():
    assert lh_response(1.0, 4.0, 0.0) == 1.0
    assert lh_response(0.0, 4.0, 0.0) == 0.0
    assert lh_response(4.0, 4.0, 0.0) == pytest.approx(2.5)  # 5 x 4 / 8
    assert lh_response(1e9, 4.0, 0.0) == pytest.approx(5.0)
    assert lh_response(1e-6, 4.0, 0.0) == pytest.approx(1.25e-6, rel=1e-5)


def test_some_steroid_is_made_without_lh():
    assert lh_response(0.0, 4.0, 0.2) == 0.2
    assert lh_response(1.0, 4.0, 0.2) == pytest.approx(1.0)
    assert lh_response(4.0, 4.0, 0.2) == pytest.approx(2.2)  # 0.2 + 0.8 x 2.5


def test_a_competitive_inhibitor_raises_km_and_substrate_shields():
    assert shielded_inhibition(2.0, 2.0, 0.0) == 0.5
    assert shielded_inhibition(2.0, 2.0, 2.0) == 0.25  # 2 of 6 + 2
    assert shielded_inhibition(200.0, 2.0, 2.0) == pytest.approx(200 / 206)
    # Under little substrate the inhibitor leaves 1 / (1 + I).
    assert shielded_inhibition(1e-6, 2.0, 3.0) / shielded_inhibition(1e-6, 2.0, 0.0) == pytest.approx(0.25, rel=1e-5)


def test_mass_action_of_testosterone():
    # Free 0.5 nmol/L: albumin holds 20 x 0.5 = 10, SHBG 30 x 0.5 / 1.5 = 10; with the free, 20.5.
    assert total_testosterone(0.5, 30.0, 1.0, 20.0) == pytest.approx(20.5)
    assert free_testosterone(20.5, 30.0, 1.0, 20.0) == pytest.approx(0.5)
    # k = 0.5: SHBG 30 x 0.5 x 2 / (1 + 1) = 15, albumin 20 x 2 = 40, free 2.
    assert total_testosterone(2.0, 30.0, 0.5, 20.0) == pytest.approx(57.0)
    assert free_testosterone(57.0, 30.0, 0.5, 20.0) == pytest.approx(2.0)


def test_without_shbg_albumin_alone_binds():
    assert free_testosterone(21.0, 0.0, 1.0, 20.0) == pytest.approx(1.0)
    assert free_testosterone(0.0, 30.0, 1.0, 20.0) == 0.0
