"""Sensitivity: what matters, what does not, and samples that are too few."""

from __future__ import annotations

import pytest
from small_sweep import SMALL

from testis_abm import TestisError
from testis_abm.experiments.sensitivity import indices, sensitivity


@pytest.mark.parametrize("method", ["morris", "sobol"])
def test_sensitivity_finds_what_matters_and_what_does_not(tmp_path, method):
    pytest.importorskip("SALib")
    case = {
        **SMALL,
        "sensitivity": {
            "method": method,
            "samples": 8,
            "of": "untreated",
            "engine": "expected",
            "outputs": ["testosterone"],
            "over": {
                "man.gnrh_drive": {"from": 0.4, "to": 1.2},
                "man.motility": {"from": 0.5, "to": 1.5},
                "man.leydig_capacity": {"from": 0.9, "to": 1.0},
            },
        },
    }
    table = sensitivity(case, tmp_path / "s", workers=1).set_index("input")
    rank = table["mu_star" if method == "morris" else "total"]
    assert rank["man.gnrh_drive"] > 5 * rank["man.leydig_capacity"] and rank["man.motility"] == pytest.approx(
        0, abs=1e-6
    )
    assert rank.idxmax() == "man.gnrh_drive"
    next((tmp_path / "s" / "parts").glob("*.parquet")).unlink()
    with pytest.raises(TestisError, match="still to come"):
        indices(tmp_path / "s")


def test_a_sobol_sample_is_a_power_of_two():
    pytest.importorskip("SALib")
    over = {"man.bmi": {"from": 20, "to": 40}, "man.age": {"from": 25, "to": 45}}
    with pytest.raises(TestisError, match=r"24 is not a power of two.*use 16 or 32"):
        sensitivity({**SMALL, "sensitivity": {"method": "sobol", "samples": 24, "over": over}}, "never")
