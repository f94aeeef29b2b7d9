"""The tract: transit, storage, the ejaculate."""

from __future__ import annotations

import numpy as np
import pytest

from testis_abm.man.physiology import tract_parameters
from testis_abm.man.tract import Tract

OUTPUT = 200.0


def settled(values, man, output=OUTPUT, elongation=1.0, androgen=1.0, testis_e2=1.0):
    tract = Tract(tract_parameters({**values, "tract.reference_output": OUTPUT}, man))
    tract.settle(output, elongation, androgen, testis_e2)
    return tract


def held(tract, days):
    return tract.semen(days, 24.0).total_count_million


@pytest.fixture
def tract(values, fertile):
    return settled(values, fertile)


def test_a_day_leaves_the_steady_state_where_it_is(tract):
    before = tract.state.copy()
    for _ in range(30):
        tract.day(OUTPUT, 1.0, 1.0, 1.0)
    assert tract.state.item()[:4] == pytest.approx(before.item()[:4])
    np.testing.assert_allclose(tract.state["chain"], before["chain"])


def test_a_rested_ejaculate_holds_what_accrued(values, tract):
    # J Reprod Fert 57:391: 87 million a day of abstinence of about 205 produced.
    total = [held(tract, days) for days in (2.0, 3.0, 4.0)]
    assert np.diff(total) == pytest.approx([values["tract.collected"] * OUTPUT] * 2, rel=0.02)


def test_the_reserve_spills_beyond_a_week(tract):
    assert held(tract, 10.0) == pytest.approx(held(tract, 8.0), rel=0.05)


def test_sperm_pass_in_ten_days_on_average(values, fertile):
    marked = settled(values, fertile, output=0.0)
    marked.state["output"] = OUTPUT
    marked.day(OUTPUT, 1.0, 1.0, 1.0)
    out = []
    for _ in range(60):
        marked.state["output"] = OUTPUT
        marked.day(0.0, 1.0, 1.0, 1.0)
        out.append(marked.store["collected_million"][0])
    days = 1 + np.arange(60)
    assert np.average(days, weights=out) == pytest.approx(values["tract.transit_days"], abs=1.0)
    assert sum(out) == pytest.approx(OUTPUT * values["tract.collected"], rel=0.01)


def test_transit_is_longer_when_output_is_low(values, fertile):
    days = [settled(values, fertile, output).state["chain"][:, 0].sum() / output for output in (200.0, 20.0)]
    assert days[1] > 1.2 * days[0]


def test_loss_of_er_alpha_dilutes_and_builds_pressure_over_months(values, fertile):
    normal = settled(values, fertile)
    for field in ("er_alpha_sensitivity", "tract_er_alpha_sensitivity"):
        without = settled(values, {**fertile, field: 0.0})
        assert held(without, 3.0) == pytest.approx(held(normal, 3.0))
        assert (
            without.semen(3.0, 24.0).concentration_million_ml < 0.9 * normal.semen(3.0, 24.0).concentration_million_ml
        )
        assert without.back_pressure > 0.9
    late = Tract(without.p)
    for _ in range(20):
        late.day(OUTPUT, 0.0, 1.0, 1.0)
    assert 0.1 < late.back_pressure < 0.5


def test_less_er_alpha_costs_little(values, fertile):
    # Concentration 0.97 and 0.92 of normal at 0.8 and 0.5 of the receptor, none of the sperm.
    normal = settled(values, fertile).semen(3.0, 24.0)
    for sensitivity, left in ((0.8, 0.97), (0.5, 0.92), (0.0, 0.85)):
        tract = settled(values, {**fertile, "er_alpha_sensitivity": sensitivity})
        semen = tract.semen(3.0, 24.0)
        assert semen.total_count_million == pytest.approx(normal.total_count_million)
        assert semen.concentration_million_ml / normal.concentration_million_ml == pytest.approx(left, abs=0.01)


def test_lack_of_oestradiol_alone_leaves_most_uptake(values, fertile):
    # Aromatase-null mice show no back-pressure.
    assert settled(values, fertile, testis_e2=0.0).back_pressure < 0.15


def test_volume_depends_on_androgen_and_hardly_near_normal(values, fertile):
    normal, low, none = (
        settled(values, fertile, androgen=level).semen(3.0, 24.0).volume_ml for level in (1.0, 0.55, 0.05)
    )
    assert normal == pytest.approx(3.5)
    assert low > 0.9 * normal
    assert none < 1.0


def test_expected_semen_of_the_reference_man(tract):
    semen = tract.semen(3.0, 24.0)
    assert 50 < semen.concentration_million_ml < 90
    assert semen.progressive_motility_pct == pytest.approx(55.0)
    assert semen.normal_forms_pct == pytest.approx(14.0)
