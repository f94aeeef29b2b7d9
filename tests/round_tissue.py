"""A tissue of round numbers: halves and exponents at which the reference man's levels occupy simple shares."""

from __future__ import annotations

from types import SimpleNamespace

from testis_abm.biology.steps import NAMES

LEYDIG = SimpleNamespace(
    lh_saturation=3.0,
    basal_secretion=0.0,
    trophic_exponent=0.5,
    trophic_days=20.0,
    aromatase_lh_exponent=2.0,
    aromatase_days=4.0,
    oestrogen_brake=0.0,
    leydig_er_alpha_sensitivity=1.0,
    leydig_secretion=1.5,
)
AROMATASE = SimpleNamespace(
    aromatase_km=30.0,
    leydig_aromatase=0.4,
    sertoli_aromatase=0.1,
    spermatocyte_aromatase=0.01,
    spermatid_aromatase=0.02,
    elongated_aromatase=0.03,
)
RECEPTOR = SimpleNamespace(
    free_testosterone_reference=10.0,
    free_oestradiol_reference=2.0,
    fsh_reference=4.0,
    androgen_sensitivity=1.0,
    fsh_sensitivity=1.0,
    er_alpha_sensitivity=1.0,
    er_beta_sensitivity=1.0,
    androgen_half=10.0,
    meiosis_androgen_half=5.0,
    spermiation_androgen_half=30.0,
    androgen_exponent=1.0,
    fsh_half=4.0,
    oestrogen_half=1 / 3,
    response_days=5.0,
    adhesion_days=10.0,
    lack_days=20.0,
    androgen_occupancy=0.5,
    meiosis_occupancy=2 / 3,
    spermiation_occupancy=0.25,
    fsh_occupancy=0.5,
    lack_reference=0.1,
)
INHIBIN = SimpleNamespace(
    inhibin_floor=0.2,
    inhibin_fsh_gain=1.6,
    inhibin_fsh_half=1.0,
    inhibin_germ_share=0.75,
    inhibin_germ_half=0.25,
    inhibin_germ_clone=0.0,
    inhibin_germ_most=1.25,
    inhibin_germ_reference=8.0,
)
DAYS = (16.0, 16.0, 8.0, 1.0, 4.0, 5.0, 15.0, 1.0, 2.0, 10.0, 6.0, 14.0)
GERM = SimpleNamespace(
    cycle_days=16.0,
    **{f"{name}_days": days for name, days in zip(NAMES[2:], DAYS[2:], strict=True)},
    duration_variation=0.1,
    commitment=0.6,
    clonal_death=0.0,
    spermatogonial_hazard=0.8,
    prophase_hazard=0.26,
    meiotic_hazard=0.5,
    round_hazard=0.3,
    elongation_hazard=0.4,
    spermiation=0.8,
    entry_alone=0.1,
    entry_androgen=0.4,
    crowding=0.0,
    meiosis_deprivation=3.0,
    adhesion_deprivation=6.0,
    shed=0.25,
    spermiation_alone=0.25,
    oestrogen_lack=2.0,
    back_pressure=2.32,
    arrest_before=8.0,
    reduced_founding=0.5,
)
NICHE = SimpleNamespace(
    a_pale_room=1.0,
    a_pale_present=1.0,
    a_dark_room=1.0,
    most_a_pale=5.0,
    most_a_dark=3.0,
    stem_cell_loss=0.25,
    used=0.5,
    crowd=2.0,
    steep=5.0,
    dark_loss=0.125,
    wake=0.4,
    wake_below=0.5,
    refill=0.25,
    reach=1.0,
)
P = SimpleNamespace(leydig=LEYDIG, aromatase=AROMATASE, receptor=RECEPTOR, inhibin=INHIBIN, germ=GERM, niche=NICHE)


def with_(part, **numbers):
    """Return the parameters with other numbers in a part."""
    return SimpleNamespace(**{**vars(P), part: SimpleNamespace(**{**vars(getattr(P, part)), **numbers})})
