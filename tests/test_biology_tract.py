"""The tract and the ejaculate, against hand-worked values of a man of round numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from testis_abm.biology import tract
from testis_abm.biology.semen import Semen
from testis_abm.biology.tract import COLLECTED, TRACT, Arriving, TractParameters

P = TractParameters(
    reabsorption=0.9,
    reabsorption_er_half=1.0,
    reabsorption_ligand_free=0.6,
    reabsorption_er_share=0.5,
    fluid_volume=0.5,
    fluid_maturation_loss=0.25,
    harmless_fluid=1.5,
    back_pressure_days=60.0,
    transit_days=10.0,
    transit_output_exponent=-0.5,
    collected=0.5,
    immature_survival=0.4,
    motility_reference=0.5,
    motility_androgen_half=1.0,
    motility_oestrogen_half=1 / 3,
    motility_elongation_share=0.5,
    motility_days=5.0,
    volume_reference=3.0,
    volume_slope=0.5,
    volume_slope_early=0.75,
    volume_slope_from=2.0,
    volume_slope_until=7.0,
    volume_androgen_half=1.0,
    volume_androgen_exponent=2.0,
    volume_days=20.0,
    volume_bmi_slope=-0.01,
    bmi_reference=25.0,
    er_alpha_sensitivity=1.0,
    androgen_sensitivity=1.0,
    morphology_reference=0.2,
    morphology_androgen_share=0.5,
    motility_abstinence_slope=-0.02,
    motility_abstinence_from=5.0,
    reserve_days=6.0,
    ejaculated=0.8,
    delivery_exponent=3.0,
    dna_fragmentation=0.2,
    dna_fragmentation_abstinence_slope=0.1,
    harm_motility=1.0,
    harm_normal_forms=0.5,
    harm_dna=2.0,
    closed_pressure=0.6,
    closed_pressure_days=1000.0,
    beyond=0.25,
    beyond_days=10.0,
    beyond_alone=0.25,
    beyond_motile_days=5.0,
    reference_output=100.0,
)


def records(**levels):
    """Return a settled tract with some levels of its own, and where what it collects is kept."""
    state, collected = np.zeros(1, TRACT).view(np.recarray)[0], np.zeros(1, COLLECTED).view(np.recarray)[0]
    for name, level in {"output": 100.0, "motility": 0.5, "glands": 1.0, "fluid": 1.0, "open": 1.0, **levels}.items():
        setattr(state, name, level)
    return state, collected


def chain_of(sperm, normal, harm=0.0):
    """Return compartments of so many sperm, of which a share is normal, each with its harm."""
    return np.outer(sperm, [1.0, normal, harm, 0.0])


# ---- efferent ductules


@pytest.mark.parametrize(
    ("e2", "sensitivity", "taken"),
    [
        (1.0, 1.0, 0.9),
        (3.0, 1.0, 0.9),  # more than enough is enough
        (0.0, 1.0, 0.72),  # the part that needs no ligand: 0.9 (1 - 0.5 x 0.4)
        (1 / 3, 1.0, 0.81),  # half of the ligand's part
        (1.0, 0.5, 0.675),  # half of the receptors: 0.9 (1 - 0.5 x 0.5)
        (1.0, 2.0, 0.9),
        (1.0, 0.0, 0.45),
    ],
)
def test_fluid_is_taken_up_by_er_alpha(e2, sensitivity, taken):
    assert tract.uptake(e2, P._replace(er_alpha_sensitivity=sensitivity)) == pytest.approx(taken)


def test_fluid_that_is_not_taken_up_is_left():
    assert tract.fluid_left(1.0, P) == pytest.approx(1.0)
    assert tract.fluid_left(0.0, P) == pytest.approx(2.8)  # 0.28 against 0.1
    assert tract.fluid_left(1.0, P._replace(er_alpha_sensitivity=0.0)) == pytest.approx(5.5)


def test_fluid_presses_once_it_is_more_than_the_ducts_hold():
    assert tract.pressure(1.0, P) == 0.0
    assert tract.pressure(0.0, P) == pytest.approx(1.3 / 4.0)  # 2.8, 1.5 of it harmless, and 5.5 without the receptor
    assert tract.pressure(1 / 3, P) == pytest.approx(0.4 / 4.0)
    assert tract.pressure(0.0, P._replace(harmless_fluid=3.0)) == 0.0
    assert tract.pressure(1.0, P._replace(er_alpha_sensitivity=0.0)) == pytest.approx(1.0)


# ---- epididymis


@pytest.mark.parametrize(
    ("output", "days"),
    [(1.0, 10.0), (0.25, 20.0), (0.0, 10.0 * math.sqrt(10.0)), (9.0, 10.0 / math.sqrt(3.0)), (2.25, 10.0 / 1.5)],
)
def test_few_sperm_pass_slowly(output, days):
    assert tract.transit(output, P) == pytest.approx(days)


def test_a_fifth_of_the_transit_is_spent_in_each_compartment():
    assert tract.moved_a_day(records()[0], P) == pytest.approx(0.5)
    assert tract.moved_a_day(records(output=25.0)[0], P) == pytest.approx(0.25)
    assert tract.moved_a_day(records()[0], P._replace(transit_days=2.0)) == 1.0


@pytest.mark.parametrize(
    ("elongation", "androgen", "e2", "motile"),
    [
        (1.0, 1.0, 1.0, 0.5),
        (1.0, 1 / 3, 1.0, 0.25),  # a quarter of the sites against half
        (1.0, 3.0, 1.0, 0.75),
        (1.0, 1.0, 1 / 9, 0.5 / 3 / 1.36),  # a quarter against three quarters, in 2.44 times the fluid
        (1.0, 1.0, 9.0, 0.5),
        (1.0, 0.0, 1.0, 0.0),
        (0.0, 1.0, 1.0, 0.25),  # badly shaped
        (0.6, 1.0, 1.0, 0.4),
        (3.0, 1.0, 1.0, 0.5),
    ],
)
def test_sperm_become_motile_under_androgen_and_oestrogen(elongation, androgen, e2, motile):
    assert tract.motility_target(elongation, androgen, e2, P) == pytest.approx(motile)


def test_motility_has_a_ceiling_and_needs_the_receptor():
    assert tract.motility_target(1.0, 3.0, 1.0, P._replace(motility_reference=0.9)) == 0.95
    few = P._replace(er_alpha_sensitivity=1 / 9, fluid_maturation_loss=0.0)
    assert tract.motility_target(1.0, 1.0, 1.0, few) == pytest.approx(0.5 / 3)


# ---- glands


def test_glands_follow_androgen():
    assert [tract.gland_target(x, P) for x in (0.0, 0.5, 1.0, 2.0)] == pytest.approx([0.0, 0.4, 1.0, 1.6])


@pytest.mark.parametrize(
    ("size", "abstinence", "bmi", "ml"),
    [
        (1.0, 3.0, 25.0, 3.0),
        (1.0, 2.0, 25.0, 2.5),
        (1.0, 1.0, 25.0, 1.75),
        (1.0, 7.0, 25.0, 5.0),
        (1.0, 9.0, 25.0, 5.0),
        (2.0, 3.0, 25.0, 6.0),
        (1.0, 3.0, 25.0 + 100.0 * math.log(2.0), 1.5),
        (1.0, 3.0, 25.0 - 100.0 * math.log(2.0), 6.0),
        (0.0, 3.0, 25.0, 0.3),
    ],
)
def test_volume_grows_with_abstinence_and_glands_and_falls_with_weight(size, abstinence, bmi, ml):
    assert tract.volume(size, abstinence, bmi, P) == pytest.approx(ml)


def test_heads_are_badly_shaped_where_androgen_lacks():
    assert [tract.normal_forms(signal, P) for signal in (1.0, 0.5, 0.0, 9.0)] == pytest.approx([0.2, 0.15, 0.1, 0.2])
    assert tract.normal_forms(1.0, P._replace(morphology_reference=0.9)) == 0.6


# ---- a day, and rest


def test_a_settled_tract_holds_what_is_released_and_stays():
    man, collected = records()
    arriving = Arriving(100.0, immature=10.0)
    tract.settle_tract(man, arriving, 1.0, 1.0, 1.0, P)
    assert man.chain == pytest.approx(np.tile([200.0, 40.0, 0.0, 8.0], (5, 1)))  # half moves on a day
    settled = man.copy()
    for _ in range(3):
        tract.tract_day(man, collected, arriving, 1.0, 1.0, 1.0, P)
    assert man.chain == pytest.approx(settled.chain)
    assert settled.tolist()[:5] == pytest.approx((100.0, 0.5, 0.0, 1.0, 1.0))
    assert man.tolist()[:5] == pytest.approx((100.0, 0.5, 0.0, 1.0, 1.0))
    assert collected.tolist() == pytest.approx((50.0, 25.0, 10.0, 10.0, 2.0))
    kept = records()[1]
    tract.collect_settled(kept, man, arriving, 1.0, P)
    assert kept.tolist() == pytest.approx(collected.tolist())


def test_a_settled_tract_is_that_of_its_hormones():
    man, _ = records()
    p = P._replace(androgen_sensitivity=0.5)
    tract.settle_tract(man, Arriving(25.0), 1.0, 2 / 3, 1 / 9, p)
    # A third of the androgen is felt; the ligand's part of uptake is a fifth: 0.9 (1 - 0.5 x 0.32) is taken up.
    assert man.tolist()[:5] == pytest.approx((25.0, 0.25 / 3 / 1.36, 0.94 / 4.0, 0.2, 2.44))
    assert man.chain[4] == pytest.approx([100.0, 20.0, 0.0, 0.0])


def test_a_day_moves_sperm_one_compartment_on():
    man, collected = records(chain=chain_of([100.0, 0.0, 80.0, 0.0, 40.0], 0.1))
    tract.tract_day(man, collected, Arriving(100.0), 0.5, 1.0, 1.0, P)
    assert man.chain[:, 0] == pytest.approx([150.0, 50.0, 40.0, 40.0, 20.0])
    assert man.chain[:, 1] == pytest.approx([20.0, 5.0, 4.0, 4.0, 2.0])
    motile = 0.375 + 0.125 * math.exp(-1 / 5)  # of half the androgen signal in elongation, in five days
    assert collected.tolist() == pytest.approx((10.0, 10.0 * motile, 1.0, 2.0, 0.0))  # half of the 20 and 2 that arrive


def test_a_day_of_other_hormones():
    man, collected = records(chain=chain_of([10.0] * 5, 1.0), back_pressure=0.4)
    tract.tract_day(man, collected, Arriving(50.0), 1.0, 2.0, 0.0, P._replace(androgen_sensitivity=0.5))
    assert man.output == pytest.approx(50.0 + 50.0 * math.exp(-1 / 10))
    assert man.motility == pytest.approx(0.5 * math.exp(-1 / 5))  # no oestradiol: to none in five days
    assert man.back_pressure == pytest.approx(0.325 + 0.075 * math.exp(-1 / 60)) and man.fluid == pytest.approx(2.8)
    assert man.glands == pytest.approx(1.0)
    moved = 0.5 * math.sqrt(man.output / 100.0)
    # Fluid deletes no sperm.
    assert collected.collected_million == pytest.approx(10.0 * moved * 0.5)
    assert collected.collected_motile_million == pytest.approx(10.0 * moved * 0.5 * man.motility)
    man, collected = records()
    tract.tract_day(man, collected, Arriving(100.0), 1.0, 1 / 3, 1 / 9, P)
    target = 0.25 / 3 / 1.36
    assert man.motility == pytest.approx(target + (0.5 - target) * math.exp(-1 / 5))
    man, collected = records(glands=2.0)
    tract.tract_day(man, collected, Arriving(50.0), 1.0, 2.0, 0.0, P)
    assert man.glands == pytest.approx(1.6 + 0.4 * math.exp(-1 / 20))


def test_spermatids_freed_too_early_travel_with_the_sperm_and_leave_them_as_they_are():
    plain, collected = records()
    mixed, with_them = records()
    tract.settle_tract(plain, Arriving(100.0), 1.0, 1.0, 1.0, P)
    tract.settle_tract(mixed, Arriving(100.0), 1.0, 1.0, 1.0, P)
    seen = []
    for day in range(60):
        tract.tract_day(plain, collected, Arriving(100.0, 0.2), 1.0, 1.0, 1.0, P)
        tract.tract_day(mixed, with_them, Arriving(100.0, 0.2, 1.0, 10.0 * (day == 0)), 1.0, 1.0, 1.0, P)
        assert with_them.tolist()[:4] == collected.tolist()[:4]
        seen.append(float(with_them.collected_immature_million))
    assert sum(seen) == pytest.approx(10.0 * 0.4 * 0.5)  # of 10 million two fifths are whole, half of them collected
    assert seen[:5] == pytest.approx([0.0] * 5) and np.argmax(seen) in (8, 9)  # days of transit


def test_spermatids_beyond_a_closed_duct_leave_with_what_lies_there():
    man, collected = records()
    tract.settle_tract(man, Arriving(100.0, immature=10.0), 1.0, 1.0, 1.0, P)
    left = 0.0
    for _ in range(200):
        tract.tract_day(man, collected, Arriving(100.0, 0.0, 0.0, 10.0), 1.0, 1.0, 1.0, P)
        left += collected.collected_immature_million
    assert left == pytest.approx(0.25 * 6 * 2.0)  # a quarter of six days of 2 million


# ---- the ejaculate


def test_an_ejaculate_holds_the_days_of_abstinence_and_traces_of_the_last():
    assert kept(3.0, days=7).weights == pytest.approx([0.8] * 3 + [0.16] * 3 + [0.032])
    # Half of the third day back is of this ejaculate, half of the last.
    assert kept(2.5, days=3).weights == pytest.approx([0.8, 0.8, 0.5 * 0.8 + 0.5 * 0.16])
    regular = tract.rest((1.0,), 6.0, 0.5, 8).weights
    assert regular == pytest.approx([2.0 ** -(k + 1) for k in range(6)] + [0.0] * 2)
    # Two days after one that followed a week after those before it: in the store lay 6 days' sperm and what waited.
    assert kept(2.0, 5.0, 3.0, days=8).weights == pytest.approx([0.8] * 2 + [0.16] * 5 + [0.032])


def kept(*intervals, days=400):
    return tract.rest(intervals, 6.0, 0.8, days)


@pytest.mark.parametrize("days", [0.5, 1.0, 3.0, 6.0, 6.5, 7.0, 8.0, 14.0, 30.0])
def test_of_what_comes_in_an_ejaculate_holds_up_to_six_days_and_the_rest_spills(days):
    of = kept(days)
    assert of.weights.sum() == pytest.approx(min(days, 6.0), rel=0.01)
    assert of.spilled.sum() == pytest.approx(max(0.0, days - 6.0), abs=0.06)
    assert (of.weights >= 0.0).all() and (of.weights + of.spilled <= 1.0 + 1e-9).all()


def test_a_full_store_spills_young_and_old_alike():
    of = kept(16.0)
    # Full for ten of the sixteen days, of a room of seven and a half: what came in just before is thinned most.
    assert of.weights[0] > of.weights[5] > of.weights[9] == pytest.approx(0.8 * math.exp(-9.5 / 7.5))
    assert of.weights[10:16] == pytest.approx([0.8 * math.exp(-10.0 / 7.5)] * 6)


def test_sperm_are_as_old_as_regular_abstinence_makes_them_and_no_older_than_the_store_lets_them():
    assert kept(3.0).aged == 0.0  # to the bit: nothing is taken off at the usual abstinence
    assert [kept(days).aged for days in (1.0, 2.0, 4.5, 6.0)] == pytest.approx([-2.0, -1.0, 1.5, 3.0])
    aged = [kept(days).aged for days in (6.0, 8.0, 12.0, 20.0, 30.0)]
    assert aged == sorted(aged) and aged[-1] < 8.0
    daily = kept(*[1.0] * 12, 3.0)
    assert daily.aged == pytest.approx(-2.0, abs=1e-3) and daily.weights.sum() == pytest.approx(1.0, rel=1e-3)


def test_a_store_refills_to_the_same_ejaculate_whatever_came_before():
    assert kept(*[6.0] * 8, 1.0).weights.sum() == pytest.approx(6.0, rel=1e-4)
    depleted = [kept(*gaps, *[1.0] * 8).weights.sum() for gaps in ((1.0,), (3.0,), (3.0, 3.0), (3.0, 3.0, 3.0))]
    assert depleted == pytest.approx([1.0, 2.6, 2.92, 2.984], rel=1e-3)


def test_weights_are_shared_and_not_changed():
    of = kept(3.0, days=7)
    assert kept(3.0, days=7) is of and not of.weights.flags.writeable and not of.spilled.flags.writeable


def test_sperm_that_spill_are_of_all_that_lie_in_store():
    assert tract.spilled(store(40), 3.0, P) == 0.0
    assert tract.spilled(store(400), (10.0, 6.0), P) == pytest.approx(40.0, rel=0.02)


def store(days, sperm=10.0, motile=5.0, normal=2.0, broken=3.0, immature=1.0):
    kept = np.zeros(days, COLLECTED)
    for name, level in zip(COLLECTED.names, (sperm, motile, normal, broken, immature), strict=True):
        kept[name] = level
    return kept


def test_an_ejaculate_of_three_days():
    semen = tract.ejaculate(store(3), 1.0, 1.0, 3.0, 25.0, P)
    assert semen.volume_ml == pytest.approx(3.0) and semen.concentration_million_ml == pytest.approx(8.0)
    assert semen.progressive_motility_pct == pytest.approx(50.0) and semen.normal_forms_pct == pytest.approx(20.0)
    assert semen.total_count_million == pytest.approx(24.0) and semen.total_motile_count_million == pytest.approx(12.0)
    assert semen.immature_germ_cells_million == pytest.approx(2.4)
    assert semen.immature_germ_cells_million_ml == pytest.approx(0.8)


def test_fluid_left_over_dilutes_an_ejaculate_and_keeps_its_sperm():
    semen = tract.ejaculate(store(3), 1.0, 3.0, 3.0, 25.0, P)
    assert semen.volume_ml == pytest.approx(4.0) and semen.total_count_million == pytest.approx(24.0)


def test_traces_of_earlier_ejaculates_are_in_it():
    semen = tract.ejaculate(store(9), 1.0, 1.0, 3.0, 25.0, P)
    assert semen.total_count_million == pytest.approx(10.0 * 3.0 * (0.8 + 0.16 + 0.032))


def test_few_sperm_have_shares_too():
    semen = tract.ejaculate(store(3, 0.1, 0.05, 0.02), 1.0, 1.0, 3.0, 25.0, P)
    assert semen.progressive_motility_pct == pytest.approx(50.0) and semen.normal_forms_pct == pytest.approx(20.0)
    assert Semen.of(2.0, 0.5, 0.4, 0.05).total_motile_count_million == pytest.approx(0.4)


def test_motility_falls_once_sperm_are_older_than_five_days_make_them_and_not_below_none():
    def motile(days, **of):
        return tract.ejaculate(store(90, **of), 1.0, 1.0, days, 25.0, P).progressive_motility_pct

    assert motile(5.0) == pytest.approx(50.0) and motile(6.0) == pytest.approx(48.0)
    assert motile(30.0) < motile(12.0) < motile(8.0) < motile(6.0)
    assert motile(8.0, motile=0.1) == 0.0


def test_an_ejaculate_without_sperm():
    semen = tract.ejaculate(store(6, 0.0, 0.0, 0.0, 0.0), 1.0, 1.0, 3.0, 25.0, P)
    assert (semen.concentration_million_ml, semen.total_count_million, semen.progressive_motility_pct) == (
        0.0,
        0.0,
        0.0,
    )
    assert semen.immature_germ_cells_million == pytest.approx(1.0 * 3 * (0.8 + 0.16))  # they need no sperm beside them


def test_an_analysis_follows_from_volume_concentration_and_shares():
    semen = Semen.of(2.0, 30.0, 0.4, 0.05, 0.2, 1.5)
    assert vars(semen) == pytest.approx(
        {
            "volume_ml": 2.0,
            "concentration_million_ml": 30.0,
            "total_count_million": 60.0,
            "progressive_motility_pct": 40.0,
            "normal_forms_pct": 5.0,
            "total_motile_count_million": 24.0,
            "dna_fragmentation_pct": 20.0,
            "immature_germ_cells_million_ml": 1.5,
            "immature_germ_cells_million": 3.0,
        }
    )
    none = Semen.of(2.0, 0.0, math.nan, math.nan)
    assert none.total_motile_count_million == 0.0 and math.isnan(none.progressive_motility_pct)


# ---- harm, and closed ducts


def test_harm_travels_with_the_sperm_and_acts_where_it_can():
    man, collected = records()
    tract.settle_tract(man, Arriving(100.0), 1.0, 1.0, 1.0, P)
    tract.tract_day(man, collected, Arriving(100.0, 0.4), 1.0, 1.0, 1.0, P)
    assert collected.tolist() == pytest.approx((50.0, 25.0, 10.0, 10.0, 0.0))  # what leaves has none yet
    assert man.chain[0] == pytest.approx([200.0, 20.0 + 20.0 * math.exp(-0.2), 40.0, 0.0])  # form is decided at release
    for _ in range(200):
        tract.tract_day(man, collected, Arriving(100.0, 0.4), 1.0, 1.0, 1.0, P)
    whole = math.exp(-0.4), math.exp(-0.2), math.exp(-0.8)
    broken = 50.0 * (1.0 - 0.8 * whole[2])
    assert collected.tolist() == pytest.approx((50.0, 25.0 * whole[0], 10.0 * whole[1], broken, 0.0))


def test_stored_sperm_lose_motility_and_dna_at_once_and_keep_their_form():
    man, kept = records(chain=chain_of([10.0] * 5, 0.2, 0.1))[0], store(3)
    tract.hurt_stored(man, kept.view(np.recarray), 0.5, P)
    assert man.chain[:, 2] == pytest.approx([6.0] * 5) and man.chain[:, 1] == pytest.approx([2.0] * 5)
    semen = tract.ejaculate(kept, 1.0, 1.0, 3.0, 25.0, P)
    assert semen.progressive_motility_pct == pytest.approx(50.0 * math.exp(-0.5))
    assert semen.dna_fragmentation_pct == pytest.approx(100.0 - 70.0 * math.exp(-1.0))
    assert semen.normal_forms_pct == pytest.approx(20.0) and semen.total_count_million == pytest.approx(24.0)


def test_dna_breaks_with_the_age_of_sperm():
    shares = [tract.ejaculate(store(99), 1.0, 1.0, days, 25.0, P).dna_fragmentation_pct for days in (1.0, 3.0, 6.0)]
    assert shares == pytest.approx([30.0 * 0.8, 30.0, 30.0 * 1.3])
    rested, again = (tract.ejaculate(store(99), 1.0, 1.0, gaps, 25.0, P) for gaps in (6.0, (1.0, 6.0)))
    assert again.dna_fragmentation_pct < rested.dna_fragmentation_pct


def test_what_lies_beyond_a_closed_duct_clears_with_ejaculates_and_a_part_of_it_without():
    def left(*pace):
        man, collected = records()
        tract.settle_tract(man, Arriving(100.0), 1.0, 1.0, 1.0, P)
        for of_day in pace:
            tract.tract_day(man, collected, Arriving(100.0, 0.0, 0.0, pace=of_day), 1.0, 1.0, 1.0, P)
        return man.beyond[0] / 75.0

    assert left(*[1.0] * 30) == pytest.approx(math.exp(-3.0))
    # Ten ejaculates in thirty days are one every three, on whichever days they fall.
    assert left(*[3.0] * 10, *[0.0] * 20) == pytest.approx(math.exp(-3.0))
    assert left(*[3.0, 0.0, 0.0] * 10) == pytest.approx(math.exp(-3.0))
    assert left(*[0.0] * 30) == pytest.approx(math.exp(-0.75))
    assert left(*[3.0] * 30) == pytest.approx(math.exp(-7.5))


def test_what_lies_beyond_a_closed_duct_clears_and_stops_moving():
    man, collected = records()
    tract.settle_tract(man, Arriving(100.0), 1.0, 1.0, 1.0, P)
    seen = []
    for _ in range(30):
        tract.tract_day(man, collected, Arriving(100.0, 0.0, 0.0), 1.0, 1.0, 1.0, P)
        seen.append(collected.tolist())
    # A quarter of six days of 50 million lies beyond.
    assert sum(sperm for sperm, *_ in seen) == pytest.approx(75.0 * (1.0 - math.exp(-3.0)))
    assert seen[20][0] / seen[10][0] == pytest.approx(math.exp(-1.0))
    assert seen[20][1] / seen[20][0] == pytest.approx(0.5 * math.exp(-4.0))
    assert man.back_pressure == pytest.approx(0.6 * (1.0 - math.exp(-0.03))) and man.fluid == 0.0
    tract.tract_day(man, collected, Arriving(100.0), 1.0, 1.0, 1.0, P)  # reversal: what comes is collected again
    assert collected.collected_million > 50.0


def test_one_closed_duct_of_two_lets_half_pass():
    man, collected = records()
    tract.settle_tract(man, Arriving(100.0), 1.0, 1.0, 1.0, P)
    for _ in range(400):
        tract.tract_day(man, collected, Arriving(100.0, 0.0, 0.5, 20.0), 1.0, 1.0, 1.0, P)
    assert collected.tolist() == pytest.approx((25.0, 12.5, 5.0, 5.0, 2.0))
