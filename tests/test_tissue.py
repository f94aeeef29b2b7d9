"""The tissue: geometry, fields, germ line against published counts and phenotypes."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import NORMAL_BLOOD
from hypothesis import given, settings
from hypothesis import strategies as st

from testis_abm.biology import steps
from testis_abm.biology.germ import rates_under
from testis_abm.biology.sertoli import Response, signals
from testis_abm.testis import build
from testis_abm.testis.fields import draw_field, kernel
from testis_abm.testis.geometry import lattice
from testis_abm.testis.tissue import Tissue


def settled(values, man, blood=NORMAL_BLOOD, *, tubules=12, sertoli=24, seed=3):
    tissue = Tissue(values, man, tubules, sertoli, seed)
    for _ in range(3):
        report = tissue.settle_soma(blood)
    tissue.settle_germ_line()
    return tissue, tissue.settle_soma(blood) if report else None


@pytest.fixture(scope="module")
def normal(values, fertile):
    tissue, _ = settled(values, fertile, tubules=40)
    production = []
    for _ in range(64):
        tissue.day(NORMAL_BLOOD)
        production.append(tissue.events.released.sum())
    return tissue, np.array(production)


def test_lattice_is_periodic_and_every_full_site_sees_the_same_corners():
    geometry = lattice(16, 24, 194.0, 0.694)
    assert (geometry.columns * geometry.rows, geometry.rows % 2) == (16, 0)
    assert (geometry.neighbours >= 0).all()
    # Each corner acts on as many tubules as any other: the field's mass balance rests on it.
    assert np.ptp(np.bincount(geometry.neighbours.ravel())) == 0


def test_neighbour_table_agrees_with_positions():
    geometry = lattice(64, 8, 194.0, 0.694)
    corners, centres = geometry.corners(), geometry.centres()
    extent = np.array(geometry.extent)
    angle = geometry.niche_angle
    niche = centres[:, None] + geometry.radius * np.stack([np.cos(angle), np.sin(angle)], -1)[None]
    for tubule in (0, 9, 27, 63):
        offset = np.abs(corners[geometry.neighbours[tubule]][None] - niche[tubule][:, None])
        distance = np.linalg.norm(np.minimum(offset, extent - offset), axis=-1)
        np.testing.assert_allclose(distance, geometry.niche_offset, atol=1e-6)


def test_a_source_acts_by_k0_of_its_distance():
    # Abramowitz & Stegun, table 9.8: K0 at 0.1, 1 and 2 screening lengths.
    level = np.array([2.4270690, 0.4210244, 0.1138939])
    np.testing.assert_allclose(kernel(190.0 * np.array([0.1, 1.0, 2.0]), 190.0, 0.0), level / level.sum(), rtol=1e-6)
    # Softened, none is nearer than the size of a cell: 0.1^2 = 0.06^2 + 0.08^2.
    np.testing.assert_allclose(
        kernel(np.array([11.4, 190.0 * (1.0 - 0.08**2) ** 0.5]), 190.0, 15.2), level[:2] / level[:2].sum(), rtol=1e-6
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(3, 30), st.integers(0, 2**31))
def test_field_mean_is_production_over_clearance(values, fertile, tubules, sertoli, seed):
    tissue = Tissue(values, fertile, tubules, sertoli, seed)
    report = tissue.settle_soma(NORMAL_BLOOD)
    assert report.testosterone_nmol_l == pytest.approx(1800.0, rel=1e-9)
    made = (
        tissue.columns.leydig.oestradiol_secretion.sum() * tissue.leydig_weight
        + tissue.columns.sertoli.oestradiol_secretion.sum()
    )
    entered = values["tissue.blood_oestradiol_entry"]
    level = (1.0 - entered) * made / tissue.sertoli_count + entered
    assert report.oestradiol_nmol_l == pytest.approx(8.0 * level, rel=1e-9)
    assert (tissue.testosterone > 0).all() and (tissue.oestradiol > 0).all()


def test_testosterone_is_highest_by_the_leydig_cells(values, fertile):
    tissue, _ = settled(values, fertile)
    leydig = tissue.columns.leydig
    corner = tissue.geometry.corners()[np.bincount(leydig.corner, minlength=24).argmax()]
    field = draw_field(
        tissue.geometry,
        tissue.geometry.corners()[leydig.corner],
        leydig.testosterone_secretion,
        190.0,
        8.0,
        1800.0,
        120,
    )
    width = tissue.geometry.extent[0]
    at_corner = field[int(corner[1] / width * 120) % field.shape[0], int(corner[0] / width * 120) % 120]
    assert at_corner > 1.1 * field.mean()
    assert field.mean() == pytest.approx(1800.0)


def test_production_and_counts_are_those_of_man(values, normal):
    tissue, released = normal
    per_sertoli_day = released.mean() / tissue.sertoli_count
    sertoli_per_g = values["tissue.sertoli_per_man"] / (
        values["tissue.testis_volume"] * values["tissue.testis_density"]
    )
    # Johnson 1983: 5.5 to 5.9 million per gram and day.
    assert per_sertoli_day * sertoli_per_g / 1e6 == pytest.approx(5.7, rel=0.12)
    counts = tissue.counts() / tissue.sertoli_count
    assert 2.0 < counts[steps.ELONGATING_SPERMATID] + counts[steps.ELONGATED_SPERMATID] < 5.0
    expected = build.reference_counts(tissue.p)
    np.testing.assert_allclose(counts[2:], expected[2:], rtol=0.25, atol=0.08)


def test_meiosis_loses_forty_five_percent(normal):
    tissue, _ = normal
    done = np.zeros(steps.COUNT)
    for _ in range(48):
        tissue.day(NORMAL_BLOOD)
        done += tissue.events.completed.sum(axis=0)
    rounds = 2 * done[steps.SECONDARY_SPERMATOCYTE]
    assert 1 - rounds / (4 * done[steps.DIPLOTENE]) == pytest.approx(0.45, abs=0.03)


def test_no_step_drifts_from_the_first_day_on(values, fertile):
    tissue, _ = settled(values, fertile, tubules=200)
    early, late = np.zeros(steps.COUNT), np.zeros(steps.COUNT)
    for day in range(192):
        tissue.day(NORMAL_BLOOD)
        (early if day < 96 else late)[:] += tissue.counts()
    np.testing.assert_allclose(early[1:], late[1:], rtol=0.03)


def test_counts_follow_births_and_deaths(values, fertile):
    tissue, _ = settled(values, fertile)
    for blood in (NORMAL_BLOOD, NORMAL_BLOOD._replace(lh_activity=0.05, fsh_iu_l=0.2)):
        for _ in range(40):
            before = tissue.columns.germ.total
            tissue.day(blood)
            done, events = tissue.events.completed.sum(axis=0), tissue.events
            born = sum(int(done[step]) for step in range(2, 11) if steps.DAUGHTERS[step] == 2)
            gone = int(events.deaths.sum() + events.released.sum() + events.retained.sum())
            founded = tissue.columns.germ.total - before - born + gone
            assert abs(founded) <= 6 * int(done[: steps.B_SPERMATOGONIUM].sum())
            assert tissue.counts().sum() == tissue.columns.germ.total
            assert (tissue.columns.germ.compacted("ends") >= tissue.now).all()  # equal where rounding brings it there


def test_withdrawal_stops_late_steps_and_they_come_back(values, fertile):
    # Lack of oestrogen, which outlasts the withdrawal by months, is another matter.
    def over_a_cycle():
        return np.mean([(tissue.day(NORMAL_BLOOD), tissue.counts())[1] for _ in range(16)], axis=0)

    tissue, _ = settled({**values, "germ.oestrogen_lack": 0.0}, fertile, tubules=40)
    whole = over_a_cycle()
    off = NORMAL_BLOOD._replace(lh_activity=0.04, fsh_iu_l=0.15, free_testosterone=4.0)
    for _ in range(110):
        tissue.day(off)
    low = tissue.counts()
    assert low[steps.ELONGATED_SPERMATID] < 0.06 * whole[steps.ELONGATED_SPERMATID]
    # FSH feeds A-pale, half of them at most; A-dark stay.
    assert 0.45 * whole[steps.A_PALE] < low[steps.A_PALE] < 0.65 * whole[steps.A_PALE]
    assert low[steps.A_DARK] > 0.75 * whole[steps.A_DARK]  # a window of three niches finds none now and then
    for _ in range(140):
        tissue.day(NORMAL_BLOOD)
    assert over_a_cycle()[steps.ELONGATED_SPERMATID] == pytest.approx(whole[steps.ELONGATED_SPERMATID], rel=0.15)


def test_without_fsh_output_falls_to_about_forty_percent(values, fertile):
    tissue, _ = settled(values, fertile, NORMAL_BLOOD._replace(fsh_iu_l=0.05), tubules=40)
    whole, _ = settled(values, fertile, tubules=40)
    ratio = tissue.counts()[steps.ELONGATED_SPERMATID] / whole.counts()[steps.ELONGATED_SPERMATID]
    # Bremner 1981: 43 %; Matsumoto 1983: 25 % of control.
    assert 0.25 < ratio < 0.55


def test_sertoli_cell_only_holds_no_germ_cell(values, fertile):
    tissue, report = settled(values, {**fertile, "germ_cell_endowment": 0.0})
    for _ in range(20):
        tissue.day(NORMAL_BLOOD)
    assert tissue.columns.germ.total == 0
    assert report.testosterone_nmol_l == pytest.approx(1800.0)


def test_meiotic_arrest_stops_at_spermatocytes(values, fertile):
    tissue, _ = settled(values, {**fertile, "meiotic_completion": 1e-6})
    counts = tissue.counts()
    assert counts[steps.PACHYTENE] > 0 and counts[steps.ROUND_SPERMATID :].sum() == 0


def test_germ_line_ablation_raises_no_leydig_change(values, fertile):
    _, full = settled(values, fertile)
    _, empty = settled(values, {**fertile, "germ_cell_endowment": 0.0})
    assert empty.secretory_capacity == pytest.approx(full.secretory_capacity)
    assert empty.oestradiol_output < full.oestradiol_output


def test_inhibitor_acts_less_where_testosterone_is_high(values, fertile):
    tissue, _ = settled(values, fertile)
    report = tissue.settle_soma(NORMAL_BLOOD._replace(inhibitor=43.0))
    assert 0.3 < report.aromatase_inhibition < 0.7
    weak = dict(values) | {"aromatase.testicular_km": 40.0}
    tissue, _ = settled(weak, fertile)
    assert tissue.settle_soma(NORMAL_BLOOD._replace(inhibitor=43.0)).aromatase_inhibition > 0.85


def test_aromatase_of_a_further_place_adds_to_the_whole(values, fertile):
    levels = []
    for germ, sertoli in ((0.0, 0.0), (1.0, 1.0)):
        changed = dict(values) | {"aromatase.germ_cell_expression": germ, "aromatase.sertoli_expression": sertoli}
        tissue, _ = settled(changed, fertile, tubules=40)
        report = tissue.settle_soma(NORMAL_BLOOD)
        levels.append(report.oestradiol_nmol_l)
        made = tissue.columns.sertoli.oestradiol_secretion
        assert (made == 0).all() if germ == 0 else (made > 0).all()
    # Leydig cells alone make 0.83 of it; germ cells and Sertoli cells of the rat would make 1 again.
    assert levels == pytest.approx([0.83 * 8.0, (0.83 + 0.98) * 8.0], rel=0.06)


_LEVEL = st.floats(0.0, 400.0)


@settings(deadline=None)
@given(st.builds(Response, _LEVEL, _LEVEL, st.floats(0.0, 60.0), st.floats(0.0, 1.0)), st.floats(0.0, 1.0))
def test_support_is_a_share_or_a_hazard(values, fertile, response, pressure):
    p, _ = build.tissue_parameters(values, fertile)
    signal = signals(response, pressure, p)
    assert all(np.isfinite(value) and value >= 0 for value in signal)
    rates = rates_under(signal, p)
    assert rates.commitment <= 1 and rates.spermiation <= 1
    assert all(np.isfinite(value) and value >= 0 for value in rates)


@settings(deadline=None)
@given(st.floats(0.1, 200.0), st.floats(1.01, 3.0))
def test_more_androgen_never_hurts(values, fertile, androgen, more):
    p, _ = build.tissue_parameters(values, fertile)
    low, high = (
        rates_under(signals(Response(level, level, 4.0, 0.0), 0.0, p), p) for level in (androgen, androgen * more)
    )
    assert high.commitment >= low.commitment and high.spermiation >= low.spermiation
    assert all(a <= b for a, b in zip(high[steps.HAZARD :], low[steps.HAZARD :], strict=True))
