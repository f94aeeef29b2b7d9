"""One man's body and tissue from his physiology and the parameter tables: the numbers that the rooms below work with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from testis_abm import parameters
from testis_abm.biology import steps
from testis_abm.biology.axis import AxisParameters
from testis_abm.biology.binding import free_testosterone
from testis_abm.biology.days import number
from testis_abm.biology.size import GERM_CELLS
from testis_abm.biology.tract import TractParameters
from testis_abm.parameters.rooms import Values, room
from testis_abm.testis.build import (
    GERM_REFERENCE,
    present,
    reference_counts,
    reference_food,
    sertoli_number,
    tissue_parameters,
)

_REPEATS_REFERENCE = 7.5  # between the two halves of men: how repeats are told, and no level


def complete(values: Mapping[str, float]) -> Values:
    """Return the parameters with what follows from them: the reference man's free testosterone (nmol/L), daily sperm (million), germ cells.

    Worked out once for all men of the same parameters, who share what is returned.
    """
    return _completed(tuple(values.items()))


@lru_cache(maxsize=16)
def _completed(items: tuple[tuple[str, float], ...]) -> Values:
    values = dict(items)
    free = free_testosterone(
        values["axis.testosterone_reference"],
        values["axis.shbg_reference"],
        values["axis.shbg_binding"],
        values["axis.albumin_binding"],
    )
    values = Values({**values, "axis.free_testosterone_reference": free})
    p, _ = tissue_parameters(values, {name: field.value for name, field in parameters.physiology().items()})
    per_day = reference_counts(p)[steps.ELONGATED_SPERMATID] / p.germ.elongated_spermatid_days
    stem, others = np.split(reference_counts(p), [steps.B_SPERMATOGONIUM])
    germ_cells = float(stem.sum() + others.sum() * present(values["germ.stem_cell_loss"]))
    output = float(per_day * values["tissue.sertoli_per_man"] / 1e6 * p.germ.spermiation)
    food = {GERM_REFERENCE[name]: amount for name, amount in reference_food(values).items()}
    return Values({**values, **food, "tract.reference_output": output, GERM_CELLS: germ_cells})


def axis_parameters(values: Mapping[str, float], man: Mapping[str, Any]) -> AxisParameters:
    """Fold a man's physiology into the numbers of the axis.

    Fat's aromatase and SHBG follow BMI and age on a log scale, aromatase by the CYP19A1 variant; ER-alpha sensitivity
    scales the oestradiol feedback.

    Args:
        values: dotted parameter name -> value, completed.
        man: physiology field -> value, or array of the values of many men: numbers that follow are arrays then.
    """
    axis = room(values, "axis")
    heavier = man["bmi"] - axis["bmi_reference"]
    older = man["age"] - axis["age_reference"]
    # Half a unit either way of the mean of men: up to 7 TTTA repeats, or more.
    variant = np.clip(man["cyp19a1_repeats"] - _REPEATS_REFERENCE, -0.5, 0.5)
    slope = axis["peripheral_aromatase_bmi_slope"] * (1.0 + variant * axis["aromatase_repeat_slope"])
    fat = np.exp(
        slope * heavier + axis["peripheral_aromatase_age_slope"] * older + axis["aromatase_repeat_effect"] * variant
    )
    own = {
        "lh_saturation": values["leydig.lh_saturation"],
        "basal_secretion": values["leydig.basal_secretion"],
        **{name: man[name] for name in ("axis_recovery", "prolactin")},
        "gnrh_drive": man["gnrh_drive"]
        * np.exp(
            axis["gnrh_bmi_slope"] * np.maximum(0.0, man["bmi"] - axis["gnrh_bmi_from"])
            + axis["gnrh_age_slope"] * np.maximum(0.0, older)
        ),
        "adrenal_androgen": np.exp(
            axis["adrenal_age_slope"] * older
            + axis["adrenal_bmi_slope"] * np.minimum(heavier, axis["adrenal_bmi_most"] - axis["bmi_reference"])
        ),
        "fsh_secretion": man["fsh_secretion"],
        "shbg_production": axis["shbg_reference"]
        * man["shbg_production"]
        * np.exp(
            axis["shbg_bmi_slope"] * heavier
            + axis["shbg_lost_slope"] * man["bmi_lost"]
            + axis["shbg_age_slope"] * older
        ),
        "peripheral_aromatase": man["adipose_aromatase"] * fat,
        "oestrogen_feedback_sensitivity": man["er_alpha_sensitivity"] * man["oestrogen_feedback"],
        "androgen_feedback_sensitivity": man["androgen_sensitivity"] * man["androgen_feedback"],
    }
    fields = {**axis, **own}
    return AxisParameters(**{name: number(fields[name]) for name in AxisParameters._fields})


def tract_parameters(values: Mapping[str, float], man: Mapping[str, Any]) -> TractParameters:
    """Fold a man's physiology into the numbers of the tract (dotted parameter name -> value, completed; field -> value)."""
    own: dict[str, Any] = room(values, "tract")
    own["collected"] *= man["duct_patency"]
    older = man["age"] - values["axis.age_reference"]
    own["motility_reference"] *= man["motility"] * np.exp(own["motility_age_slope"] * older)
    own["morphology_reference"] *= man["morphology"] * np.exp(own["morphology_age_slope"] * older)
    glands = man["gland_volume"] * np.exp(own["volume_age_slope"] * older)
    own["volume_reference"] *= glands
    own["volume_slope"] *= glands
    own["volume_slope_early"] *= glands
    own["bmi_reference"] = values["axis.bmi_reference"]
    own["fluid_volume"] *= man["duct_patency"]
    own |= {f"harm_{name}": values[f"injury.{name}"] for name in ("motility", "normal_forms", "dna")}
    closed = {
        "closed_pressure": "pressure",
        "closed_pressure_days": "pressure_days",
        "beyond": "beyond",
        "beyond_days": "clearing_days",
        "beyond_alone": "clearing_alone",
        "beyond_motile_days": "motile_days",
    }
    own |= {name: values[f"obstruction.{of}"] for name, of in closed.items()}
    own |= {name: man[name] * man[f"tract_{name}"] for name in ("er_alpha_sensitivity", "androgen_sensitivity")}
    return TractParameters(**{name: number(own[name]) for name in TractParameters._fields})


def sperm_per_release(values: Mapping[str, float], man: Mapping[str, float], sertoli_simulated: int) -> float:
    """Return how many million sperm of the man one released spermatid of the simulated tissue stands for."""
    return float(values["tissue.sertoli_per_man"] * sertoli_number(values, man) / sertoli_simulated / 1e6)


def testis_mass(values: Mapping[str, float]) -> float:
    """Return the mass of both testes of the reference man, g."""
    return values["tissue.testis_volume"] * values["tissue.testis_density"]


def weighed(man: Mapping[str, float], bmi: float) -> dict[str, float]:
    """Return the fields of a man whose body mass index was `man["bmi"]` and is `bmi`, kg/m2, now."""
    return {"bmi": bmi, "bmi_lost": max(0.0, man["bmi_lost"] + man["bmi"] - bmi)}


MATURITY = ("somatic_maturity", "spermatogonial_maturity")


def is_adult(man: Mapping[str, float]) -> bool:
    """Return whether his testis has been through puberty and matures no more."""
    return all(man[name] >= 1.0 for name in MATURITY)


def matured(
    man: Mapping[str, float], lh_activity: float, support: float, days: float, values: Mapping[str, float]
) -> dict[str, float]:
    """Return the maturity of a man's somatic cells and spermatogonia after `days` under what drives them.

    Leydig (and with them Sertoli) cells that have never seen LH come of age one by one; a pool of spermatogonia
    multiplies until its niches are full. Neither goes back. The square keeps a man at rest who has had a little LH all
    his life.

    Args:
        lh_activity: LH and hCG, 1 = normal (more does not hasten it).
        support: FSH signal times androgen signal of the Sertoli cells, 1 = reference man.
    """
    young = 1.0 - man["somatic_maturity"]
    young *= math.exp(-days * min(1.0, lh_activity) ** 2 / values["leydig.maturation_days"])
    pool = man["spermatogonial_maturity"]
    empty = (1.0 - pool) * math.exp(-days * values["germ.pool_growth"] * min(1.0, support))
    return dict(zip(MATURITY, (1.0 - young, pool / (pool + empty)), strict=True))
