"""Numbers and first cells of a tissue: counts from days and hazards by hand, and what a man's physiology changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from round_tissue import DAYS, P

from testis_abm.biology import steps
from testis_abm.biology.tissue import as_array, from_array, with_aromatase
from testis_abm.parameters import tubules
from testis_abm.testis import build
from testis_abm.testis.fields import screening_length


def rates(commitment=0.5, fed=1.0, **hazards):
    """Return the rates of a niche in the order of steps.RATES."""
    return [commitment, 1.0, *(hazards.get(name, 0.0) for name in steps.NAMES), fed]


def tissue(values, fertile, cells_ratio=1.0, **man):
    return build.tissue_parameters(values, fertile | man, cells_ratio)[0]


# ---- cells that stand


def test_without_loss_each_type_holds_its_days_times_the_flux():
    # Two B spermatogonia from each committed half of an A-pale every 16 days; two, two and four times as many later.
    fold = [1, 2, 2, 2, 2, 2, 4, 8, 8, 8]
    aside = (
        0.25 * 0.5625 / (0.25 * 0.5625 + 0.125)
    )  # as many A-dark are set aside as are lost: a half of 0.5 leaves, a quarter dies
    expected = [aside, 1.0, *(days * n / 16.0 for days, n in zip(DAYS[2:], fold, strict=True))]
    assert build.standing(rates(), P) == pytest.approx(expected)
    assert build.standing(rates(0.25), P)[2:] == pytest.approx(0.5 * np.array(expected[2:]))
    assert build.standing(rates(fed=0.5), P)[1:] == pytest.approx(0.5 * np.array(expected[1:]))


def test_a_hazard_thins_its_type_and_all_that_follow():
    free, thinned = build.standing(rates(), P), build.standing(rates(pachytene=0.1), P)
    left = math.exp(-1.5)  # of 15 days
    assert thinned[: steps.PACHYTENE] == pytest.approx(free[: steps.PACHYTENE])
    assert thinned[steps.PACHYTENE] == pytest.approx(free[steps.PACHYTENE] * (1.0 - left) / 1.5)
    assert thinned[steps.PACHYTENE + 1 :] == pytest.approx(left * free[steps.PACHYTENE + 1 :])


def test_late_spermatids_stand_for_20_days():
    assert build.standing_elongated(P, rates()) == pytest.approx(8.0 * (6.0 + 14.0) / 16.0)
    lossy = rates(elongating_spermatid=0.1, elongated_spermatid=0.2)
    kept = math.exp(-0.6)
    by_hand = 0.5 * ((1.0 - kept) / 0.1 + kept * (1.0 - math.exp(-2.8)) / 0.2)
    assert build.standing_elongated(P, lossy) == pytest.approx(by_hand)


def test_reference_counts_are_those_that_stand_under_the_losses_of_the_table(values, fertile):
    p = tissue(values, fertile)
    counts, flux = build.reference_counts(p), 2.0 * p.germ.commitment / p.germ.cycle_days
    # Each day as many enter as meiosis and elongation leave: 8 spermatids of each B, less the losses of the table.
    survive = math.prod(
        1.0 - values[f"germ.{name}_loss"]
        for name in ("spermatogonial", "prophase", "meiotic", "round_spermatid", "elongation")
    )
    released = counts[steps.ELONGATED_SPERMATID] / p.germ.elongated_spermatid_days
    assert released == pytest.approx(flux * 8.0 * survive, rel=0.05)


# ---- what a man's physiology changes


@pytest.mark.parametrize(
    ("field", "room", "number"),
    [
        ("spermatogonial_survival", "germ", "spermatogonial_hazard"),
        ("meiotic_completion", "germ", "meiotic_hazard"),
        ("spermatid_elongation", "germ", "round_hazard"),
    ],
)
def test_completion_of_a_half_adds_its_log_to_the_hazard(values, fertile, field, room, number):
    normal = getattr(getattr(tissue(values, fertile), room), number)
    for factor in (0.5, 0.9, 1.1):
        hurt = getattr(getattr(tissue(values, fertile, **{field: factor}), room), number)
        assert hurt - normal == pytest.approx(-math.log(factor))
    # None at all is a millionth, or no number would hold it.
    none = getattr(getattr(tissue(values, fertile, **{field: 0.0}), room), number)
    assert none - normal == pytest.approx(math.log(1e6))


def test_losses_of_the_table_are_hazards(values, fertile):
    germ = tissue(values, fertile).germ
    pairs = {
        "spermatogonial_hazard": "spermatogonial_loss",
        "prophase_hazard": "prophase_loss",
        "meiotic_hazard": "meiotic_loss",
        "round_hazard": "round_spermatid_loss",
        "elongation_hazard": "elongation_loss",
    }
    for hazard, loss in pairs.items():
        assert math.exp(-getattr(germ, hazard)) == pytest.approx(1.0 - values[f"germ.{loss}"]), hazard


def test_leydig_cells_wane_from_34_years_on_and_never_below_a_fifth(values, fertile):
    numbers = values | {"tissue.leydig_attrition": 0.01}
    secretion = {age: tissue(numbers, fertile, age=age).leydig.leydig_secretion for age in (20, 34, 54, 200)}
    assert secretion[20] == secretion[34]
    assert secretion[54] == pytest.approx(0.8 * secretion[34])
    assert secretion[200] == pytest.approx(0.2 * secretion[34])


def test_secretion_goes_with_capacity_maturity_and_the_cells_there_are(values, fertile):
    normal = tissue(values, fertile).leydig.leydig_secretion
    changed = tissue(values, fertile, 1.25, leydig_capacity=0.5, somatic_maturity=0.4).leydig.leydig_secretion
    assert changed == pytest.approx(1.25 * 0.5 * 0.4 * normal)


def test_commitment_falls_with_the_spermatogonia_of_a_man_and_sertoli_cells_with_age(values, fertile):
    numbers = values | {"tissue.sertoli_age_slope": -0.02}
    normal = tissue(numbers, fertile)
    assert normal.germ.commitment == pytest.approx(values["germ.commitment"])
    older = tissue(numbers, fertile, age=44, spermatogonial_commitment=0.5, spermatogonial_maturity=0.8)
    assert older.germ.commitment == pytest.approx(0.4 * normal.germ.commitment)
    assert older.inhibin.inhibin_floor == pytest.approx(math.exp(-0.2) * normal.inhibin.inhibin_floor)


def test_heat_of_fat_costs_cells_that_complete_meiosis(values, fertile):
    heavy, normal = tissue(values, fertile, bmi=34).germ.meiotic_hazard, tissue(values, fertile).germ.meiotic_hazard
    assert heavy - normal == pytest.approx(-10.0 * values["tissue.heat_bmi_slope"])


def test_inhibin_goes_with_sertoli_cells_and_the_root_of_their_maturity(values, fertile):
    normal = tissue(values, fertile).inhibin
    less = tissue(values, fertile, inhibin_capacity=0.5, sertoli_number=0.8, somatic_maturity=0.25).inhibin
    assert less.inhibin_floor == pytest.approx(0.2 * normal.inhibin_floor)
    assert less.inhibin_fsh_gain == pytest.approx(0.2 * normal.inhibin_fsh_gain)
    assert less.inhibin_fsh_half == normal.inhibin_fsh_half


def test_the_reference_tissue_makes_oestradiol_of_1_in_all(values, fertile):
    p = tissue(values, fertile)
    counts, made = build.reference_counts(p), p.aromatase
    total = (
        values["tissue.leydig_per_sertoli"] * made.leydig_aromatase
        + made.sertoli_aromatase
        + counts[steps.PRELEPTOTENE : steps.ROUND_SPERMATID].sum() * made.spermatocyte_aromatase
        + counts[steps.ROUND_SPERMATID] * made.spermatid_aromatase
        + counts[steps.ELONGATING_SPERMATID :].sum() * made.elongated_aromatase
    )
    assert total == pytest.approx(1.0)


def test_aromatase_of_a_man_scales_every_cell_and_rounding_only_that_of_leydig_cells(values, fertile):
    normal = tissue(values, fertile).aromatase
    twice = tissue(values, fertile, 1.5, testicular_aromatase=2.0).aromatase
    assert twice.aromatase_km == normal.aromatase_km == values["aromatase.testicular_km"]
    assert twice.leydig_aromatase == pytest.approx(3.0 * normal.leydig_aromatase)
    for cell in ("sertoli", "spermatocyte", "spermatid", "elongated"):
        name = f"{cell}_aromatase"
        assert getattr(twice, name) == pytest.approx(2.0 * getattr(normal, name)), name


def test_each_place_of_aromatase_has_a_field_of_a_man(values, fertile):
    normal = tissue(values, fertile).aromatase
    for cell in ("leydig", "sertoli", "spermatocyte", "spermatid", "elongated"):
        name = f"{cell}_aromatase"
        changed = tissue(values, fertile, **{name: 3.0}).aromatase
        assert changed == normal._replace(**{name: pytest.approx(3.0 * getattr(normal, name))})


def test_activities_are_over_the_tissue_of_the_tables_and_not_rescaled(values, fertile):
    normal = tissue(values, fertile).aromatase
    more = tissue(values | {"aromatase.leydig_activity": 2.0 * values["aromatase.leydig_activity"]}, fertile).aromatase
    assert more == normal._replace(leydig_aromatase=pytest.approx(2.0 * normal.leydig_aromatase))


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("sertoli_androgen_sensitivity", "androgen_sensitivity"),
        ("sertoli_er_alpha_sensitivity", "er_alpha_sensitivity"),
        ("leydig_er_alpha_sensitivity", "leydig_er_alpha_sensitivity"),
    ],
)
def test_receptors_of_a_kind_of_cell_are_a_share_of_those_of_the_man(values, fertile, field, number):
    everywhere = field.split("_", 1)[1]
    changed = tissue(values, fertile, **{field: 0.5, everywhere: 0.5})
    assert changed.flat()[number] == pytest.approx(0.25)


def test_a_man_of_few_founders_is_not_crowded(values, fertile):
    numbers = values | {"germ.room": 2.0}
    assert tissue(numbers, fertile).germ.crowding == pytest.approx(1 / 16)
    few = tissue(numbers, fertile, spermatogonial_commitment=0.5).germ
    assert few.crowding == pytest.approx(1 / 256)


def test_a_blocked_aromatase_keeps_its_affinity(values, fertile):
    p = tissue(values, fertile)
    left = from_array(with_aromatase(as_array(p), 0.25))
    assert left.aromatase[0] == p.aromatase[0]
    assert left.aromatase[1:] == pytest.approx([0.25 * activity for activity in p.aromatase[1:]])
    assert left._replace(aromatase=p.aromatase) == p and from_array(with_aromatase(as_array(p), 1.0)) == p


def test_reference_levels_are_free_shares_of_those_in_tissue(values, fertile):
    own = {
        "tissue.intratesticular_testosterone_reference": 500.0,
        "tissue.intratesticular_oestradiol_reference": 5.0,
        "tissue.testosterone_free_fraction": 0.02,
        "tissue.oestradiol_free_fraction": 0.1,
        "receptor.oestrogen_half": 0.5,
        "receptor.androgen_exponent": 1.0,
        "receptor.androgen_half": 30.0,
        "receptor.meiosis_half_ratio": 1 / 3,
    }
    p, scale = build.tissue_parameters(values | own, fertile)
    assert (scale.testosterone, scale.oestradiol) == (500.0, 5.0)
    assert (scale.testosterone_free, scale.oestradiol_free) == (0.02, 0.1)
    assert scale.softening == values["tissue.cell_radius"]
    assert p.receptor.free_testosterone_reference == pytest.approx(10.0)
    assert p.receptor.free_oestradiol_reference == pytest.approx(0.5)
    # Twice the half squared: a fifth is lacking. A third of the half: a quarter; for meiosis, the half itself.
    assert p.receptor.lack_reference == pytest.approx(0.2)
    assert p.receptor.androgen_occupancy == pytest.approx(0.25)
    assert p.receptor.meiosis_androgen_half == pytest.approx(10.0) and p.receptor.meiosis_occupancy == pytest.approx(
        0.5
    )


# ---- first cells


def test_kernels_reach_as_far_as_clearance_lets_them(values):
    geometry = build.build_geometry(values, 4, 8)
    testosterone, oestradiol = build.build_kernels(values, geometry)
    litres = 1e-3 * values["tissue.testis_volume"]
    made = values["axis.testosterone_free_clearance"] * values["axis.free_testosterone_reference"]
    cleared = made * values["axis.testicular_testosterone_share"] / litres
    cleared /= values["tissue.intratesticular_testosterone_reference"]
    assert testosterone.length == pytest.approx(screening_length(values["tissue.diffusion"], cleared))
    made = 1e-3 * values["axis.oestradiol_clearance"] * values["axis.oestradiol_reference"]
    cleared = made * values["axis.testicular_oestradiol_share"] / litres
    cleared /= values["tissue.intratesticular_oestradiol_reference"]
    assert oestradiol.length == pytest.approx(screening_length(values["tissue.diffusion"], cleared))


def test_leydig_cells_are_as_many_as_there_should_be_and_average_one(values):
    numbers = values | {"tissue.leydig_per_sertoli": 0.3, "leydig.size_variation": 0.2}
    geometry = build.build_geometry(numbers, 40, 25)
    cells = build.build_leydig(numbers, geometry, 5)
    assert build.leydig_count(numbers, geometry) == len(cells.size) == 300
    assert cells.size.mean() == pytest.approx(1.0) and cells.size.std() == pytest.approx(0.2, rel=0.1)
    assert cells.corner.min() >= 0 and cells.corner.max() < 80 and len(np.unique(cells.corner)) > 70
    assert len(np.unique(cells.lineage)) == 300
    assert (build.build_leydig(numbers, geometry, 6).corner != cells.corner).any()


def test_one_leydig_cell_is_the_least(values):
    assert build.leydig_count(values | {"tissue.leydig_per_sertoli": 1e-6}, build.build_geometry(values, 1, 4)) == 1


def test_sertoli_cells_begin_at_the_levels_of_the_reference_man(values, fertile):
    p = tissue(values, fertile)
    cells = build.build_sertoli(values, build.build_geometry(values, 2, 5), 5, p)
    assert (cells.fsh == values["axis.fsh_reference"]).all()
    for column in ("androgen", "adhesion", "local_testosterone"):
        assert (getattr(cells, column) == p.receptor.free_testosterone_reference).all(), column
    assert (cells.local_oestradiol == p.receptor.free_oestradiol_reference).all()
    assert not cells.counts.any() and not cells.lack.any()


def stem_cells(values, man, shape=(40, 25, 1), endowment=1.0, fed=1.0, now=0.0):
    """Return geometry, Sertoli cells, their stem cells and the numbers of a tissue."""
    p, (number, around, length) = tissue(values, man), shape
    geometry = build.build_geometry(values, number, around, length)
    shares = tubules.Tubules(endowment, 0.0, 0.0, 1.0 - endowment, 0.0)
    sertoli = build.build_sertoli(values, geometry, 5, p, shares)
    everywhere, commitment = np.full((2, number * around * length), [[fed], [p.germ.commitment]])
    return geometry, sertoli, build.build_germ(geometry, sertoli, 5, everywhere, commitment, p, now), p


def test_stem_cells_stand_on_the_clock_of_their_niche(values, fertile):
    for now in (0.0, 40.0):
        _, sertoli, germ, p = stem_cells(values, fertile, (3, 10, 2), now=now)
        home = np.repeat(np.arange(3), germ.count) * 20 + germ.compacted("niche")
        turns = germ.compacted("ends")
        assert (turns > now).all() and (turns <= now + p.germ.cycle_days + 1e-3).all()
        # A whole number of cycles after the first turn of the niche.
        cycles = (turns - (1.0 - sertoli.phase[home]) * p.germ.cycle_days) / p.germ.cycle_days
        assert cycles == pytest.approx(np.round(cycles), abs=1e-4)


def test_niches_hold_the_a_pale_that_they_feed_and_the_a_dark_of_those(values, fertile):
    for fed in (0.6, 1.0, 1.7):
        _, _, germ, p = stem_cells(values, fertile, fed=fed)
        step = germ.compacted("step")
        pale, dark = (step == steps.A_PALE).sum() / 1000, (step == steps.A_DARK).sum() / 1000
        assert pale == pytest.approx(fed * p.niche.a_pale_present, rel=0.06)
        assert dark == pytest.approx(build.niche.resting_a_dark(pale, p.germ.commitment, p.niche), rel=0.06)
    held = np.bincount(
        germ.compacted("niche")[step == steps.A_PALE] + 25 * np.repeat(np.arange(40), germ.count)[step == 1]
    )
    assert held.max() > 2 and held.min() == 0


def test_shares_of_a_pale_are_those_of_long_after_a_start(values, fertile):
    _, _, germ, p = stem_cells(values, fertile)
    pale = germ.compacted("step") == steps.A_PALE
    over = germ.compacted("share")[pale] - p.germ.commitment
    assert (germ.compacted("share")[~pale] == 0.0).all()
    assert np.sort(over) == pytest.approx((np.arange(pale.sum()) + 0.5) / pale.sum(), abs=0.06)  # five SD of the draw
    assert germ.compacted("founder").tolist() == list(range(germ.total))
    assert len(np.unique(germ.compacted("lineage"))) == germ.total


def test_only_able_niches_hold_stem_cells(values, fertile):
    _, sertoli, some, _ = stem_cells(values, fertile, endowment=0.3)
    assert sertoli.able.sum() == 300
    home = np.repeat(np.arange(40), some.count) * 25 + some.compacted("niche")
    assert sertoli.able[home].all() and some.total == pytest.approx(600, abs=120)
    assert stem_cells(values, fertile, endowment=0.0)[2].total == 0
    # Who can keep germ cells does so in a man who can keep more of them.
    assert (stem_cells(values, fertile, endowment=0.6)[1].able >= sertoli.able).all()


MIXED = {"hyalinised_tubules": 0.2, "germ_cell_endowment": 0.75, "arrested_tubules": 0.5, "reduced_tubules": 1 / 3}


def test_a_man_is_a_mixture_of_tubules(fertile):
    assert tubules.tubules(fertile) == tubules.SOUND
    assert tubules.tubules({**fertile, **MIXED}) == pytest.approx((0.2, 0.1, 0.3, 0.2, 0.2))


def test_each_tubule_is_in_one_state_along_its_length(values, fertile):
    p = tissue(values, fertile)
    geometry = build.build_geometry(values, 40, 10, 4)
    shares = tubules.tubules({**fertile, **MIXED})
    sertoli = build.build_sertoli(values, geometry, 5, p, shares)
    state = sertoli.state.reshape(40, 40)
    assert (state == state[:, :1]).all()
    assert np.bincount(state[:, 0]).tolist() == [8, 4, 12, 8, 8]
    assert len(np.flatnonzero(np.diff(state[:, 0]))) > 20  # in no order
    germ = build.build_germ(geometry, sertoli, 5, np.ones(1600), np.full(1600, p.germ.commitment), p)
    assert ((germ.count > 40) == (state[:, 0] < tubules.GERMINAL)).all() and (sertoli.able == (sertoli.state < 3)).all()
    again = build.build_sertoli(values, geometry, 6, p, shares).state.reshape(40, 40)[:, 0]
    assert (again != state[:, 0]).any() and np.bincount(again).tolist() == [8, 4, 12, 8, 8]


def test_a_state_goes_on_along_a_tubule_for_the_length_of_a_lesion(values, fertile):
    p, geometry = tissue(values, fertile), build.build_geometry(values, 30, 20, 400)  # 18 um of tubule a section
    shares = tubules.tubules({**fertile, **MIXED})
    for length in (0.09, 0.9):  # mm: 5 and 50 sections
        sertoli = build.build_sertoli(values, geometry, 5, p, shares, lesion_length=length)
        state = sertoli.state.reshape(30, 400, 20)
        assert (state == state[:, :, :1]).all()  # one state around a section
        along = state[:, :, 0]
        # Shares stay those of the man, and whether two sections are in one state falls off with their distance.
        assert np.bincount(along.ravel(), minlength=5) / along.size == pytest.approx(
            list(shares), abs=0.01 + 0.03 * length
        )
        alike = sum(share**2 for share in shares)
        for apart in (1, 5, 50):
            same = (along[:, apart:] == along[:, :-apart]).mean()
            expected = alike + (1.0 - alike) * np.exp(-apart * 0.018 / length)
            assert same == pytest.approx(expected, abs=0.04 + 0.05 * length), (length, apart)
        assert ((sertoli.able > 0) == (sertoli.state < tubules.GERMINAL)).all()


def test_a_share_of_less_than_a_tubule_is_there_as_often(values, fertile):
    p, geometry = tissue(values, fertile), build.build_geometry(values, 5, 4)
    shares = tubules.tubules({**fertile, "germ_cell_endowment": 0.1})
    live = [(build.build_sertoli(values, geometry, s, p, shares).state < tubules.GERMINAL).any() for s in range(200)]
    assert np.mean(live) == pytest.approx(0.5, abs=0.11)


def test_interstices_without_leydig_cells(values):
    geometry = build.build_geometry(values, 40, 25)
    whole, left = build.build_leydig(values, geometry, 5), build.build_leydig(values, geometry, 5, 0.25)
    empty = np.array([not left.size[left.corner == corner].any() for corner in range(80)])
    assert empty.sum() >= 20 and left.size.mean() == pytest.approx(0.75)
    kept = left.size > 0
    assert left.size[kept] / whole.size[kept] == pytest.approx(left.size[kept][0] / whole.size[kept][0])
