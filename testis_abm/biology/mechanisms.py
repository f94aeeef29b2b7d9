"""What drugs act on: the mechanisms that drugs.toml names, and the exposures that they add up to.

The axis and the testis read exposures and never drugs, so that any drugs combine. A mechanism is a row of MECHANISMS and
its effect in an equation of pituitary.py, axis.py or the testis.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from testis_abm.quantities import QUANTITIES


class Exposed(NamedTuple):
    """An exposure that a mechanism adds to: the concentration, over one constant of the drug's, times another ("" for 1)."""

    exposure: str
    over: str = ""
    times: str = ""


class Effect(NamedTuple):
    """A line of the picture of a drug.

    `field` is of the day's means, the testis' day, the body or the exposures; `unit` is "share" (of 1), "bound"
    (concentration over constant, shown as the occupied share), "" for a level as it is, or the parameter that it is a
    multiple of.
    """

    label: str
    field: str
    unit: str = "share"


@dataclass(frozen=True)
class Mechanism:
    """What a substance may do, as drugs.toml names it.

    Attributes:
        unit: of its concentration in tables and pictures.
        exposed: the exposures that it adds to, and the constants that it needs for them.
        title: of the axis of its effects.
        effects: what shows them.
        released: whether it joins the blood as a steroid of the body, by the amount that the depot releases in a day.
        pulsed: whether it comes and goes within the hour, so that the lowest level of the hour tells too.
        raises_lh, lowers_lh: how it moves LH, said after the drug's name.
    """

    unit: str
    exposed: tuple[Exposed, ...]
    title: str
    effects: tuple[Effect, ...]
    released: bool = False
    pulsed: bool = False
    raises_lh: str = ""
    lowers_lh: str = ""

    @property
    def share(self) -> bool:
        """Return whether its effects are shares of a whole."""
        return self.effects[0].unit in ("share", "bound")


_INHIBITED = (Effect("in fat", "inhibition_fat"), Effect("in Leydig cells", "leydig_inhibition"))
_T, _E2 = QUANTITIES["testosterone_nmol_l"], QUANTITIES["oestradiol_pmol_l"]
_BLOCKS_GNRH = "keeps GnRH from its receptor"
MECHANISMS: Mapping[str, Mechanism] = {
    "aromatase_inhibitor": Mechanism(
        "nmol/L", (Exposed("aromatase_inhibitor", "inhibition_constant"),), "Aromatase inhibited (%)", _INHIBITED
    ),
    "aromatase_inactivator": Mechanism(
        "nmol/L",
        (Exposed("aromatase_inactivation", times="inactivation_rate"),),  # share of the enzyme lost per day
        "Aromatase inhibited (%)",
        _INHIBITED,
    ),
    "lyase_inhibitor": Mechanism(
        "nmol/L",
        (Exposed("lyase_inhibitor", "lyase_constant"),),
        "17,20-lyase blocked (%)",
        (Effect("17,20-lyase", "lyase_inhibitor", "bound"),),
    ),
    "oestrogen_receptor_modulator": Mechanism(
        "nmol/L",
        (
            Exposed("receptor_bound", "receptor_constant"),
            Exposed("pituitary_agonist", "receptor_constant", "pituitary_activity"),  # at hypothalamus and pituitary
            Exposed("liver_agonist", "receptor_constant", "liver_activity"),  # on SHBG
            Exposed("bone_agonist", "receptor_constant", "bone_activity"),
        ),
        "Oestrogen receptor\ntaken (%)",
        (Effect("receptor", "receptor_bound", "bound"),),
        raises_lh="keeps oestradiol from its receptor",
    ),
    "gnrh_agonist": Mechanism(
        "nmol/L",
        (Exposed("gnrh", "gnrh_constant"), Exposed("gnrh_trough", "gnrh_constant")),  # mean and lowest of the hour
        "Response left to the\ngonadotroph (%)",
        (Effect("response", "gnrh_receptor"),),
        pulsed=True,
        raises_lh="drives the gonadotrophs",
        lowers_lh="desensitises the gonadotrophs",
    ),
    "gnrh_antagonist": Mechanism(
        "nmol/L",
        (Exposed("gnrh_block", "block_constant"),),
        "GnRH receptor\nblocked (%)",
        (Effect("receptor", "gnrh_block", "bound"),),
        raises_lh=_BLOCKS_GNRH,
        lowers_lh=_BLOCKS_GNRH,
    ),
    "lh_activity": Mechanism(
        "IU/L",
        (Exposed("hcg_iu_l"),),
        "LH activity (x normal)",
        (Effect("LH and hCG together", "lh_activity", ""), Effect("his own LH", "lh_iu_l", "axis.lh_reference")),
    ),
    "fsh_activity": Mechanism(
        "IU/L",
        (Exposed("fsh_iu_l"),),
        "FSH in blood (IU/L)",
        (Effect("his own and given", "fsh_iu_l", ""), Effect("his own", "own_fsh_iu_l", "")),
    ),
    "five_alpha_reductase_inactivator": Mechanism(
        "nmol/L",
        (
            Exposed("five_alpha_1_loss", times="inactivation_rate_type_1"),  # share of the enzyme lost per day
            Exposed("five_alpha_2_loss", times="inactivation_rate_type_2"),
        ),
        "DHT in blood (x normal)",
        (Effect("DHT", "dihydrotestosterone_nmol_l", "axis.dihydrotestosterone_reference"),),
    ),
    "androgen_receptor_blocker": Mechanism(
        "nmol/L",
        (Exposed("androgen_block", "androgen_receptor_constant"),),
        "Androgen receptor\ntaken (%)",
        (Effect("receptor", "androgen_block", "bound"),),
        raises_lh="keeps androgens from their receptor",
    ),
    "progestin": Mechanism(
        "nmol/L",
        (Exposed("progestin", "progestin_constant"),),
        "Feedback as progestin\n(x that of normal androgen)",
        (Effect("feedback", "progestin", ""),),
        lowers_lh="slows the pulses of GnRH as a progestin does",
    ),
    "androgen": Mechanism(
        "nmol/L",
        (Exposed("androgen", "androgen_constant"),),
        "Androgen activity in blood\n(x normal)",
        (Effect("given", "androgen", ""), Effect("all", "blood_androgen", "")),
        lowers_lh="acts on the androgen receptor of the hypothalamus",
    ),
    "hypothalamic_inhibitor": Mechanism(
        "nmol/L",
        (Exposed("gnrh_inhibition", "gnrh_inhibition_constant"),),
        "GnRH drive withheld (%)",
        (Effect("GnRH", "gnrh_inhibition", "bound"),),
        lowers_lh="keeps the hypothalamus from sending GnRH",
    ),
    "dopamine_agonist": Mechanism(
        "nmol/L",
        (Exposed("dopamine_agonist", "dopamine_constant"),),
        "Prolactin (x normal)",
        (Effect("prolactin", "prolactin_ug_l", "axis.prolactin_reference"),),
        raises_lh="lowers prolactin",
    ),
    "dihydrotestosterone": Mechanism(
        "nmol/day released",
        (Exposed("dihydrotestosterone"),),
        "DHT in blood (x normal)",
        (Effect("DHT", "dihydrotestosterone_nmol_l", "axis.dihydrotestosterone_reference"),),
        released=True,
        lowers_lh="acts on the androgen receptor of the hypothalamus",
    ),
    "testosterone": Mechanism(
        "nmol/day released",
        (Exposed("testosterone"),),
        f"{_T.title} in blood\n({_T.unit})",
        (Effect(_T.label, _T.column, ""),),
        released=True,
    ),
    "oestradiol": Mechanism(
        "nmol/day released",
        (Exposed("oestradiol"),),
        f"{_E2.title}\n({_E2.unit})",
        (Effect(_E2.label, _E2.column, ""),),
        released=True,
    ),
}
EXPOSURES = tuple(dict.fromkeys(part.exposure for row in MECHANISMS.values() for part in row.exposed))
Exposure = namedtuple("Exposure", EXPOSURES)  # type: ignore[misc]  # what drugs do, summed over all of them
NO_DRUGS = Exposure(*[0.0] * len(EXPOSURES))
