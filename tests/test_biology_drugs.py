"""Drugs in the body (pharmacology): amounts, levels and exposures, against the closed forms of their kinetics and hand-worked values."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from testis_abm import TestisError
from testis_abm.biology import pharmacology
from testis_abm.biology.days import HOURS
from testis_abm.biology.mechanisms import EXPOSURES
from testis_abm.biology.pharmacology import Dose, Kinetics, absorb_and_clear, day_of, doses_by_day, expose

LN2 = math.log(2.0)


@pytest.fixture(autouse=True)
def in_plain_python(monkeypatch):
    """Let what only compiled code has be plain."""
    monkeypatch.setattr(pharmacology, "to_fixed_tuple", lambda array, size: tuple(array[:size]))


PILL = {"absorption_half_life": 2.0, "half_life": 4.0, "clearance": 10.0, "bioavailability": 0.5, "molar_mass": 200.0}


def kinetics(*actions, name="drug", **numbers):
    constants = {key: SimpleNamespace(value=value) for key, value in numbers.items()}
    substance = SimpleNamespace(name=f"of {name}", actions=actions, numbers=constants)
    return Kinetics.of([SimpleNamespace(name=name, substances=(substance,))])


def effects(drugs):
    return {name: x for name, x in zip(EXPOSURES, drugs.effect[0]) if x}


# ---- one substance


def test_a_depot_empties_into_the_blood():
    # Absorption quarters the depot in an hour, elimination halves the blood: 8 x 2 x (1/2 - 1/4) = 4 are there.
    assert absorb_and_clear(8.0, 10.0, 2 * LN2, LN2, 1.0) == pytest.approx((2.0, 5.0 + 4.0, 6.0))
    assert absorb_and_clear(8.0, 0.0, 2 * LN2, LN2, 2.0) == pytest.approx((0.5, 3.0, 7.5))
    assert absorb_and_clear(0.0, 10.0, 2 * LN2, LN2, 3.0) == pytest.approx((0.0, 1.25, 0.0))


def test_slow_absorption_limits_the_level():
    # 8 x (1/2) / (1/2 - 1) x (1/2 - 2^-1/2): the flip-flop of depots.
    assert absorb_and_clear(8.0, 0.0, 0.5 * LN2, LN2, 1.0)[1] == pytest.approx(8.0 * (math.sqrt(0.5) - 0.5))


def test_equal_rates_are_the_limit_of_unequal_ones():
    assert absorb_and_clear(8.0, 1.0, LN2, LN2, 1.0) == pytest.approx((4.0, 0.5 + 4.0 * LN2, 4.0))
    assert absorb_and_clear(8.0, 1.0, LN2, LN2, 2.0) == pytest.approx((2.0, 0.25 + 4.0 * LN2, 6.0))
    near = absorb_and_clear(8.0, 1.0, LN2 + 1e-7, LN2, 2.0)
    assert near == pytest.approx((2.0, 0.25 + 4.0 * LN2, 6.0), rel=1e-6)


def test_what_joins_the_blood_at_once_is_never_held():
    assert absorb_and_clear(8.0, 5.0, LN2, 0.0, 1.0) == (4.0, 0.0, 4.0)


# ---- the table of drugs


def test_rates_of_a_drug_are_those_of_its_half_lives():
    drug = kinetics("aromatase_inhibitor", **PILL, payload_fraction=0.8, share=0.25, inhibition_constant=5.0)
    assert drug.absorption[0] == pytest.approx(LN2 / 2) and drug.elimination[0] == pytest.approx(LN2 / 4)
    assert drug.volume[0] == pytest.approx(40.0 / LN2)  # clearance over the rate of elimination
    assert drug.load[0] == pytest.approx(0.5 * 0.8 * 0.25 * 5000.0)  # nmol of a mg at 200 g/mol
    assert drug.release[0] == 0.0 and not drug.releases(0)


def test_a_dose_in_units_needs_no_molar_mass():
    numbers = {key: value for key, value in PILL.items() if key != "molar_mass"}
    assert kinetics("lh_activity", **numbers).load[0] == 0.5


def test_a_steroid_of_the_body_is_released_into_it():
    slow = kinetics("testosterone", absorption_half_life=48.0, bioavailability=1.0, uptake_half_life=12.0)
    assert (slow.elimination[0], slow.volume[0]) == (pytest.approx(LN2 / 12), 0.0) and slow.releases(0)
    gel = kinetics("testosterone", absorption_half_life=48.0, bioavailability=1.0)
    assert gel.elimination[0] == 0.0 and effects(gel) == {"testosterone": 1.0}


def test_an_implant_releases_evenly_and_what_it_releases_is_absorbed_in_minutes():
    implant = kinetics("oestradiol", release_days=3.0, bioavailability=1.0)
    assert implant.release[0] == 72.0 and implant.absorption[0] == pytest.approx(4.0 * LN2)
    assert effects(implant) == {"oestradiol": 1.0}


@pytest.mark.parametrize(
    ("action", "numbers", "exposures"),
    [
        ("aromatase_inhibitor", {"inhibition_constant": 4.0}, {"aromatase_inhibitor": 0.25}),
        ("aromatase_inactivator", {"inactivation_rate": 0.7}, {"aromatase_inactivation": 0.7}),
        ("lyase_inhibitor", {"lyase_constant": 5.0}, {"lyase_inhibitor": 0.2}),
        (
            "oestrogen_receptor_modulator",
            {"receptor_constant": 2.0, "pituitary_activity": 0.1, "liver_activity": 0.6, "bone_activity": 0.8},
            {"receptor_bound": 0.5, "pituitary_agonist": 0.05, "liver_agonist": 0.3, "bone_agonist": 0.4},
        ),
        ("gnrh_agonist", {"gnrh_constant": 0.5}, {"gnrh": 2.0, "gnrh_trough": 2.0}),
        ("gnrh_antagonist", {"block_constant": 10.0}, {"gnrh_block": 0.1}),
        ("lh_activity", {}, {"hcg_iu_l": 1.0}),
        ("fsh_activity", {}, {"fsh_iu_l": 1.0}),
    ],
)
def test_a_mechanism_adds_to_its_exposures(action, numbers, exposures):
    assert effects(kinetics(action, **PILL, **numbers)) == pytest.approx(exposures)


def test_a_substance_may_do_two_things():
    both = kinetics("aromatase_inhibitor", "lyase_inhibitor", **PILL, inhibition_constant=4.0, lyase_constant=5.0)
    assert effects(both) == pytest.approx({"aromatase_inhibitor": 0.25, "lyase_inhibitor": 0.2})
    assert (both.names, both.drugs) == (("of drug",), ("drug",)) and not both.depots().pulsed.any()
    assert kinetics("gnrh_agonist", "lh_activity", **PILL, gnrh_constant=1.0).depots().pulsed.all()
    assert kinetics("testosterone", "lh_activity", **PILL).releases(0)


def test_a_table_that_lacks_a_number_or_names_no_mechanism_is_told():
    with pytest.raises(TestisError, match="lacks 'inhibition_constant' for action \"aromatase_inhibitor\""):
        kinetics("aromatase_inhibitor", **PILL)
    with pytest.raises(TestisError, match='action "magic" is not known; known: aromatase_inhibitor'):
        kinetics("magic", **PILL)


# ---- doses


def test_a_dose_enters_on_the_day_of_its_hour():
    assert [day_of(when) for when in (0.0, 0.97, 0.98, 1.0, 3 * (1 / 3), -0.5, -1.0)] == [0, 0, 1, 1, 1, -1, -1]


def hourly_doses(kinetics, plan, day):
    """Return the doses of one day, (48, substances)."""
    return doses_by_day(kinetics, plan, day, 1)[0]


def test_doses_land_in_their_hours():
    drug = kinetics("lh_activity", **{**PILL, "molar_mass": 1e6})  # half a nmol of a mg
    doses = hourly_doses(
        drug, [(2.25, "drug", 10.0), Dose(2.25, "drug", 2.0), Dose(3.0, "drug", 7.0), (1.9, "drug", 7.0)], 2
    )
    assert doses.shape == (48, 1) and doses[6, 0] == pytest.approx(6.0) and doses.sum() == pytest.approx(6.0)
    assert hourly_doses(drug, [(2.25, "another", 1.0)], 2).sum() == 0.0
    assert hourly_doses(drug, [(2.0, "drug", 1.0)], 2)[0, 0] == 0.5


def test_an_infusion_runs_evenly_through_its_hours_and_over_midnight():
    drug = kinetics("lh_activity", **{**PILL, "molar_mass": 1e6})
    night = [Dose(2.0 + 22 / 24, "drug", 12.0, 6.0)]
    first, second, third = (hourly_doses(drug, night, day)[:, 0] for day in (2, 3, 4))
    assert np.flatnonzero(first).tolist() == [24 + 22, 24 + 23] and first[46] == pytest.approx(1.0)
    assert np.flatnonzero(second).tolist() == [24, 25, 26, 27] and second[24] == pytest.approx(1.0)
    assert not third.any()
    until_one = hourly_doses(drug, [Dose(2.0 + 22 / 24, "drug", 12.0, 3.0)], 3)[:, 0]
    assert np.flatnonzero(until_one).tolist() == [24] and until_one[24] == pytest.approx(2.0)


def test_an_implant_gives_every_hour_of_its_days_the_same():
    implant = kinetics("testosterone", release_days=2.0, bioavailability=1.0, name="implant")
    given = [hourly_doses(implant, [(1.0, "implant", 96.0)], day)[:, 0] for day in range(4)]
    assert [day.sum() for day in given] == pytest.approx([0.0, 48.0, 48.0, 0.0])
    assert (given[1][:24] == 0.0).all() and given[2][24:] == pytest.approx(2.0)
    # Twelve and a half hours, to the nearest: from noon to midnight.
    short = kinetics("testosterone", release_days=12.4 / 24, bioavailability=1.0, name="implant")
    assert short.brought == {"implant": ((0, 1.0, 12),)}
    assert hourly_doses(short, [(0.75, "implant", 12.0)], 1)[24:, 0] == pytest.approx([1.0] * 6 + [0.0] * 18)


# ---- an hour, a day


def live(drugs, doses=None, hours=1, **start):
    """Live hours; return the exposures of the last, by name, and the depots."""
    body = drugs.depots()
    for name, amount in start.items():
        getattr(body, name)[:] = amount
    doses = np.zeros((48, 1)) if doses is None else doses
    for hour in range(hours):
        exposed = expose(body, doses, hour, np.zeros(len(EXPOSURES)))
    return {name: x for name, x in exposed._asdict().items() if x}, body


PER_HOUR = {"absorption_half_life": 0.5, "half_life": 1.0, "clearance": 3.0 * LN2, "bioavailability": 1.0}  # 3 L


def test_an_exposure_is_that_of_the_level_at_the_end_of_the_hour():
    drug = kinetics("aromatase_inhibitor", **PER_HOUR, inhibition_constant=0.5)
    doses = np.zeros((48, 1))
    doses[0, 0], doses[24, 0] = 6.0, 2.0  # at once and evenly: both enter at the start
    exposed, body = live(drug, doses, depot=4.0, central=10.0)
    # 12 in the depot and 10 in 3 L: 3 stay, 12 x 2 x (1/2 - 1/4) + 5 = 11 are in blood.
    assert (body.depot[0], body.central[0]) == pytest.approx((3.0, 11.0))
    assert exposed == pytest.approx({"aromatase_inhibitor": 11.0 / 3.0 / 0.5})
    assert body.levels[0] == pytest.approx([10.0 + 9.0 - 11.0, 11 / 3, 11 / 3])  # cleared so far, lowest, highest


def test_each_hour_has_its_own_doses():
    drug, doses = kinetics("lh_activity", **{**PER_HOUR, "molar_mass": 1e6}), np.zeros((48, 1))
    doses[5, 0], doses[24 + 5, 0] = 8.0, 4.0
    body = drug.depots()
    expose(body, doses, 5, np.zeros(len(EXPOSURES)))
    assert body.depot[0] == pytest.approx(3.0)


def test_a_released_steroid_is_what_left_the_depot_in_the_hour():
    ester = kinetics("testosterone", absorption_half_life=0.5, bioavailability=1.0, uptake_half_life=1.0)
    exposed, _ = live(ester, depot=12.0, central=10.0)
    assert exposed == pytest.approx({"testosterone": 24.0 * (10.0 + 9.0 - 11.0)})
    at_once = kinetics("testosterone", absorption_half_life=0.5, bioavailability=1.0)
    assert live(at_once, depot=12.0)[0] == pytest.approx({"testosterone": 24.0 * 9.0})


def test_a_day_has_the_mean_the_lowest_and_the_highest_level():
    drug = kinetics("aromatase_inhibitor", **PER_HOUR, inhibition_constant=0.5)
    _, body = live(drug, hours=HOURS, central=24.0)
    # 24 halve every hour: nearly all is cleared, over 24 h and a clearance of 3 ln 2 L/h.
    mean = 24.0 * (1.0 - 2.0**-24) / (24.0 * 3.0 * LN2)
    assert body.levels[0] == pytest.approx([mean, 8.0 * 2.0**-24, 4.0])
    ester = kinetics("testosterone", absorption_half_life=1.0, bioavailability=1.0)
    _, body = live(ester, hours=HOURS, depot=16.0)
    assert body.levels[0] == pytest.approx([16.0 * (1.0 - 2.0**-24), 24.0 * 16.0 * 2.0**-24, 24.0 * 8.0])


def test_a_new_day_begins_its_own_extremes():
    drug = kinetics("lh_activity", **{**PER_HOUR, "molar_mass": 1e6})
    body = drug.depots()
    body.central[:], body.levels[:] = 6.0, [[9.0, -1.0, 99.0]]
    expose(body, np.zeros((48, 1)), 0, np.zeros(len(EXPOSURES)))
    assert body.levels[0] == pytest.approx([3.0, 1.0, 1.0])


def test_the_lowest_level_may_be_an_earlier_hours():
    drug, doses = kinetics("lh_activity", **{**PER_HOUR, "molar_mass": 1e6}), np.zeros((48, 1))
    doses[1, 0] = 48.0
    _, body = live(drug, doses, hours=2, central=6.0)
    # 1 IU/L after an hour; then 48 x 2 x (1/2 - 1/4) = 24 and half of 3, in 3 L.
    assert body.levels[0][1:] == pytest.approx([1.0, 8.5])


def test_in_half_a_litre_too():
    drug = kinetics("lh_activity", **{**PER_HOUR, "clearance": 0.5 * LN2, "molar_mass": 1e6})
    _, body = live(drug, hours=HOURS, central=24.0)
    assert body.levels[0][0] == pytest.approx(24.0 * (1.0 - 2.0**-24) / (24.0 * 0.5 * LN2))


def test_nobody_asks_for_levels_and_none_are_kept():
    drug = kinetics("lh_activity", **{**PER_HOUR, "molar_mass": 1e6})
    body = drug.depots(levels=False)
    body.central[:] = 6.0
    assert expose(body, np.zeros((48, 1)), 0, np.zeros(len(EXPOSURES))).hcg_iu_l == pytest.approx(1.0)
    assert body.levels.shape == (0, 3)


def test_a_pulse_is_followed_within_the_hour():
    pulse = kinetics("gnrh_agonist", **PER_HOUR, gnrh_constant=2.0)
    exposed, body = live(pulse, central=12.0)
    # It halves in the hour: lowest 6 at its end, highest after five minutes, mean what was cleared over ln 2; in 3 L.
    assert exposed == pytest.approx({"gnrh": 6.0 / LN2 / 3.0 / 2.0, "gnrh_trough": 6.0 / 3.0 / 2.0})
    assert body.central[0] == pytest.approx(6.0)
    assert body.levels[0] == pytest.approx([6.0, 2.0, 4.0 * 2.0 ** (-1 / 12)])


def test_what_is_given_of_a_pulse_enters_at_once_or_through_the_hour():
    fast = {**PER_HOUR, "absorption_half_life": 1e-9}
    pulse = kinetics("gnrh_agonist", **fast, gnrh_constant=1.0)
    doses = np.zeros((48, 1))
    doses[0, 0] = 12.0
    exposed, body = live(pulse, doses)
    assert body.central[0] == pytest.approx(6.0, rel=1e-6) and exposed["gnrh"] == pytest.approx(
        6.0 / LN2 / 3.0, rel=1e-6
    )
    doses[0, 0], doses[24, 0] = 0.0, 12.0
    exposed, body = live(pulse, doses)
    # One in twelve every five minutes, each halving in an hour: a geometric series from 2^-1/12.
    q = 2.0 ** (-1 / 12)
    assert body.central[0] == pytest.approx(q * 0.5 / (1.0 - q), rel=1e-6)
    assert exposed["gnrh"] == pytest.approx((12.0 - body.central[0]) / LN2 / 3.0, rel=1e-6)
    assert exposed["gnrh_trough"] == pytest.approx(q / 3.0, rel=1e-6)


def test_a_pulse_from_a_depot():
    pulse = kinetics("gnrh_agonist", **PER_HOUR, gnrh_constant=1.0)
    exposed, body = live(pulse, depot=0.8)
    # 0.2 stay, 0.4 are in blood, so 0.2 were cleared.
    assert (body.depot[0], body.central[0]) == pytest.approx((0.2, 0.4))
    assert exposed["gnrh"] == pytest.approx(0.2 / LN2 / 3.0)
    assert body.levels[0][2] == pytest.approx(0.4 / 3.0)  # the highest is at the end


def test_drugs_add_up():
    one, other = (kinetics("aromatase_inhibitor", name=name, **PER_HOUR, inhibition_constant=0.5) for name in "ab")
    both = Kinetics(
        one.names + other.names,
        one.drugs + other.drugs,
        one.actions + other.actions,
        *(
            np.concatenate([getattr(one, field), getattr(other, field)])
            for field in ("absorption", "elimination", "load", "volume", "release", "effect")
        ),
    )
    body = both.depots()
    body.central[:] = 6.0, 12.0
    exposed = expose(body, np.zeros((48, 2)), 0, np.zeros(len(EXPOSURES)))
    assert exposed.aromatase_inhibitor == pytest.approx((1.0 + 2.0) / 0.5)
    assert both.names == ("of a", "of b")
    assert both.brought == {"a": ((0, 1.0, 0),), "b": ((1, 1.0, 0),)}
