"""A distribution over physiologies: independent standard normals behind every field, and what they mean in a man.

Numbers and sources are in parameters/model/population.toml, a number of a population of its own under the name of the
population or of the one that it is a part of. A man is a row of hidden coordinates (standard normals), so
that the prior of a man from his labs is known, and a lesion, which is one of a few kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from testis_abm import parameters
from testis_abm.biology.steps import ELONGATING_SPERMATID
from testis_abm.parameters import own
from testis_abm.parameters.tables import in_force
from testis_abm.support import guard

# Physiology fields that are log-normal: each with a spread in the table, and a centre of its own in men of the clinic.
_TRAITS = (
    "gnrh_drive",
    "leydig_capacity",
    "adipose_aromatase",
    "testicular_aromatase",
    "shbg_production",
    "sertoli_number",
    "inhibin_capacity",
    "spermatogonial_commitment",
    "meiotic_completion",
    "motility",
    "morphology",
    "gland_volume",
    "fsh_secretion",
    # What shows under treatment, and hardly before.
    "androgen_feedback",
    "oestrogen_feedback",
    "axis_recovery",
    "sertoli_androgen_sensitivity",
    "fsh_sensitivity",
)
# Hidden coordinates, standard normal each.
COORDINATES = ("age", "bmi", *_TRAITS, "cyp19a1_repeats", "testis_quality", "focus")
_CONGENITAL = ("hypogonadotropic", "partial_hypogonadotropic")
_WITHOUT_DRIVE = (*_CONGENITAL, "acquired_hypogonadotropic")
LESIONS = ("none", "sertoli_cell_only", "maturation_arrest", "obstruction", *_WITHOUT_DRIVE)
# Field -> its name in parameters/population.toml, where that is shorter.
_SHORT = {"spermatogonial_commitment": "commitment"}
_QUALITY = {
    "leydig_capacity": "quality_to_leydig",
    "spermatogonial_commitment": "quality_to_commitment",
    "meiotic_completion": "quality_to_meiosis",
}


@dataclass(frozen=True)
class Population:
    """One population of men.

    Attributes:
        name: "clinic" (men at infertility clinics), "community" (40 to 79 years), "healthy" (lean volunteers of 20 to
            45 years), "asian" (such volunteers in East Asia), "obese" (men of the community), "hypogonadotropic" (men
            of the clinic without drive, born so in whole or in part, or since adult life) or "testosterone_users" (men
            of the clinic who have used it: what they took is told by a history).
        numbers: short name -> value of parameters/model/population.toml.
        like: of a population of a user's own tables, the shipped one that it is like.
    """

    name: str
    numbers: Mapping[str, float]
    like: str = ""

    @classmethod
    def of_name(cls, population: Population | str, values: Mapping[str, float] | None = None) -> Population:
        """Return a population, from itself or its name (see named).

        Raises:
            TestisError: unknown name.
        """
        return population if isinstance(population, Population) else cls.named(population, values)

    @classmethod
    def named(cls, name: str, values: Mapping[str, float] | None = None) -> Population:
        """Return a population by name; `values` are dotted parameters (default: the table's).

        Raises:
            TestisError: unknown name.
        """
        guard.key(name, own.populations(), "population")
        values = parameters.all_values(values)
        numbers = {k.split(".")[1]: v for k, v in values.items() if k.startswith("population.")}
        users = own.built(in_force()).populations.get(name)
        if users is None:
            return cls(name, numbers)
        # Its own numbers stand before those of whom it is like, and for what all men share too.
        stated = {f"{name}_{short}": value for short, value in users.numbers.items()}
        shared = {short: value for short, value in users.numbers.items() if short in numbers}
        return cls(name, {**numbers, **shared, **stated}, users.like)

    def _number(self, name: str, default: float | None = None) -> float:
        """Return a number: the population's own, that of one that it is a part of, or that of all men."""
        for of in self._lineage:
            if f"{of}_{name}" in self.numbers:
                return self.numbers[f"{of}_{name}"]
        return self.numbers[name] if default is None else self.numbers.get(name, default)

    @property
    def _lineage(self) -> tuple[str, ...]:
        return (self.name, *own.lineage(self.like)) if self.like else own.lineage(self.name)

    @property
    def _of_clinic(self) -> bool:
        return "clinic" in self._lineage

    def lesion_shares(self) -> np.ndarray:
        """Return the share of men with each of LESIONS."""
        if not self._of_clinic:
            return np.array([1.0] + [0.0] * (len(LESIONS) - 1))
        rare = [self._number(f"{lesion}_share") for lesion in LESIONS[1:]]
        return np.array([1.0 - sum(rare), *rare])

    def hidden(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw `n` men: hidden coordinates (n, COORDINATES) and lesions (n,), indices into LESIONS."""
        coordinates = rng.standard_normal((n, len(COORDINATES)))
        lesions = np.searchsorted(np.cumsum(self.lesion_shares()), rng.random(n), side="right")
        return coordinates, np.minimum(lesions, len(LESIONS) - 1)

    def fields(self, hidden: np.ndarray, lesions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the physiology of men, field -> (n,), from their hidden coordinates and lesions.

        A field never leaves its range in parameters/men.toml.
        """
        number = self._number
        z = {name: hidden[:, k] for k, name in enumerate(COORDINATES)}
        table = parameters.physiology()
        men = {name: np.full(len(hidden), field.value) for name, field in table.items()}
        men["age"] = self._age(z["age"])
        men["bmi"] = number("bmi_median") * np.exp(number("bmi_spread") * z["bmi"])
        for name in _TRAITS:
            short = _SHORT.get(name, name)
            log = np.log(number(short, 1.0)) + number(f"{short}_spread") * z[name]
            if self._of_clinic and name in _QUALITY:
                log = log + number(_QUALITY[name]) * z["testis_quality"]
            men[name] = np.exp(log)
        # Alleles with up to 7 and with more repeats are about equally common (Hammoud 2010).
        men["cyp19a1_repeats"] = np.where(z["cyp19a1_repeats"] > 0.0, 8.0, 7.0)
        if self._of_clinic:
            live = number("quality_to_endowment") * z["testis_quality"] + number("endowment_spread") * z["focus"]
            men["germ_cell_endowment"] = np.minimum(1.0, number("germ_cell_endowment") * np.exp(live))
        self._hurt(men, z["focus"], lesions)
        self._without_drive(men, z, lesions)
        return {name: np.clip(men[name], field.low, field.high) for name, field in table.items()}

    def standard(self, name: str, value: float) -> float:
        """Return the hidden coordinate of an age or a body mass index."""
        from testis_abm.support.special import ndtri

        number = self._number
        if name == "bmi":
            return float(np.log(value / number("bmi_median")) / number("bmi_spread"))
        if self._of_clinic:
            return float((value - number("age_mean")) / number("age_sd"))
        low, high = number("age_low"), number("age_high")
        return float(ndtri(np.clip((value - low) / (high - low), 1e-9, 1.0 - 1e-9)))

    def _age(self, z: np.ndarray) -> np.ndarray:
        if self._of_clinic:
            return np.asarray(self._number("age_mean") + self._number("age_sd") * z)
        from testis_abm.support.special import ndtr

        low, high = self._number("age_low"), self._number("age_high")
        return np.asarray(low + (high - low) * ndtr(z))

    def _hurt(self, men: dict[str, np.ndarray], focus: np.ndarray, lesions: np.ndarray) -> None:
        """Give the men their lesions; the share of tubules that is left spreads evenly over orders of magnitude."""
        from testis_abm.support.special import ndtr

        def left(lesion: str) -> np.ndarray:
            fewest, most = self.numbers[f"{lesion}_fewest"], self.numbers[f"{lesion}_most"]
            return np.asarray(10.0 ** (fewest + (most - fewest) * ndtr(focus)))

        only = lesions == LESIONS.index("sertoli_cell_only")
        men["germ_cell_endowment"] = np.where(only, left("sertoli_cell_only"), men["germ_cell_endowment"])
        men["leydig_capacity"] *= np.where(only, self.numbers["sertoli_cell_only_leydig"], 1.0)
        arrest = lesions == LESIONS.index("maturation_arrest")
        men["germ_cell_endowment"] = np.where(arrest, 1.0, men["germ_cell_endowment"])
        men["arrested_tubules"] = np.where(arrest, 1.0 - left("maturation_arrest"), men["arrested_tubules"])
        men["arrest_before"] = np.where(arrest, ELONGATING_SPERMATID, men["arrest_before"])
        men["duct_patency"] = np.where(lesions == LESIONS.index("obstruction"), 0.0, men["duct_patency"])

    def _without_drive(self, men: dict[str, np.ndarray], z: Mapping[str, np.ndarray], lesions: np.ndarray) -> None:
        """Make men hypogonadotropic: little GnRH, and a sound testis that saw few gonadotrophins if they were born so."""
        from testis_abm.support.special import ndtr

        for lesion in _WITHOUT_DRIVE:
            own, numbers = lesions == LESIONS.index(lesion), self.numbers
            changed: dict[str, np.ndarray | float] = {"germ_cell_endowment": 1.0}
            if lesion in _CONGENITAL:
                fewest, most = numbers[f"{lesion}_maturity_fewest"], numbers[f"{lesion}_maturity_most"]
                somatic = 10.0 ** (fewest + (most - fewest) * ndtr(z["focus"]))
                germ = np.minimum(1.0, numbers[f"{lesion}_germ_maturity"] * somatic)
                changed |= {"somatic_maturity": somatic, "spermatogonial_maturity": germ}
            # The lack is above the testis: no trait of the clinic's testes goes with it.
            for name in (*_QUALITY, "gnrh_drive", "sertoli_number"):
                short = _SHORT.get(name, name)
                spread = numbers.get(f"{lesion}_{name}_spread", numbers[f"{short}_spread"])
                changed[name] = numbers.get(f"{lesion}_{name}", 1.0) * np.exp(spread * z[name])
            for name, field in changed.items():
                men[name] = np.where(own, field, men[name])
