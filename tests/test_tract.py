"""The tract: transit, storage, the ejaculate."""

from __future__ import annotations

import numpy as np
import pytest

from testis_abm.man.ejaculate import Glands, expected_semen
from testis_abm.man.epididymis import Epididymis

OUTPUT = 200.0


@pytest.fixture
def tract(values, fertile):
    epididymis = Epididymis(values, fertile, OUTPUT)
    epididymis.settle(OUTPUT, 0.14 * OUTPUT, 1.0, 1.0)
    return epididymis


def test_a_rested_ejaculate_holds_what_accrued(values, tract):
    # J Reprod Fert 57:391: 87 million a day of abstinence of about 205 produced.
    total = [tract.reserve(days)[0] for days in (2.0, 3.0, 4.0)]
    assert np.diff(total) == pytest.approx([values["tract.collected"] * OUTPUT] * 2, rel=0.02)


def test_the_reserve_spills_beyond_a_week(tract):
    assert tract.reserve(10.0)[0] == pytest.approx(tract.reserve(8.0)[0], rel=0.05)


def test_sperm_pass_in_ten_days_on_average(values, fertile):
    marked = Epididymis(values, fertile, OUTPUT)
    marked.settle(OUTPUT, 0.0, 1.0, 1.0)
    marked.day(OUTPUT, OUTPUT, 1.0, 1.0)
    out = []
    for _ in range(60):
        marked.day(OUTPUT, 0.0, 1.0, 1.0)
        out.append(marked.store[-1][2])
    days = 1 + np.arange(60)
    assert np.average(days, weights=out) == pytest.approx(values["tract.transit_days"], abs=1.0)
    assert sum(out) == pytest.approx(OUTPUT * values["tract.collected"], rel=0.01)


def test_transit_is_longer_when_output_is_low(values, fertile):
    held = []
    for output in (200.0, 20.0):
        low = Epididymis(values, fertile, OUTPUT)
        low.settle(output, 0.0, 1.0, 1.0)
        held.append(low.chain[:, 0].sum() / output)
    assert held[1] > 1.2 * held[0]


def test_loss_of_er_alpha_dilutes_and_builds_pressure_over_months(values, fertile):
    deaf = Epididymis(values, {**fertile, "er_alpha_sensitivity": 0.0}, OUTPUT)
    deaf.settle(OUTPUT, 0.0, 1.0, 1.0)
    assert deaf.dilution < 0.7
    assert deaf.back_pressure > 0.9
    late = Epididymis(values, {**fertile, "er_alpha_sensitivity": 0.0}, OUTPUT)
    for _ in range(20):
        late.day(OUTPUT, 0.0, 1.0, 1.0)
    assert 0.1 < late.back_pressure < 0.5


def test_lack_of_oestradiol_alone_leaves_most_uptake(values, fertile):
    # Aromatase-null mice show no back-pressure.
    dry = Epididymis(values, fertile, OUTPUT)
    dry.settle(OUTPUT, 0.0, 1.0, 0.0)
    assert dry.back_pressure < 0.15


def test_volume_depends_on_androgen_and_hardly_near_normal(values, fertile):
    normal = Glands(values, fertile, 1.0).volume(3.0)
    assert normal == pytest.approx(3.5)
    assert Glands(values, fertile, 0.55).volume(3.0) > 0.92 * normal
    assert Glands(values, fertile, 0.05).volume(3.0) < 1.0


def test_expected_semen_of_the_reference_man(values, fertile, tract):
    semen = expected_semen(tract, Glands(values, fertile, 1.0), 3.0, values["tract.motility_abstinence_slope"])
    assert 50 < semen.concentration_million_ml < 90
    assert semen.progressive_motility_pct == pytest.approx(55.0)
    assert semen.normal_forms_pct == pytest.approx(14.0)
