"""The sliders of a man's physiology: every field has one, so that none is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from testis_abm import parameters
from testis_abm.app import typed
from testis_abm.app.fields import LESION_FIELDS

_PERCENT = 100.0


@dataclass(frozen=True)
class Slider:
    """One field of a man as a control shows it.

    Attributes:
        field: of the physiology.
        label, unit: in words; "% of normal" stands for a field whose reference is 1.
        low, high, step: of the slider, in `unit`; what lies beyond can be typed.
    """

    field: str
    label: str
    unit: str
    low: float
    high: float
    step: float = 5.0

    @property
    def factor(self) -> float:
        """Return how many of `unit` make one of the field's own."""
        return _PERCENT if self.unit.startswith("%") else 1.0

    def shown(self, draft: Mapping[str, Any]) -> float:
        """Return the value of a draft in `unit`."""
        value = draft["man"].get(self.field, parameters.physiology()[self.field].value)
        return round(float(value) * self.factor, 3)

    def fault(self, value: float) -> str | None:
        """Return what is wrong with `value`, in `unit`, or None."""
        known = parameters.physiology()[self.field]
        low, high = self.factor * known.low, self.factor * known.high
        number = int(value) if value.is_integer() else value
        return replace(known, low=low, high=high, unit=self.unit).fault(number)

    def clamp(self, value: object) -> float:
        """Return the place of `value` on the slider: the nearest end if it lies beyond, the low one if it is no number."""
        try:
            number = typed.number(value)
        except (TypeError, ValueError, OverflowError):
            return self.low
        return min(max(number, self.low), self.high) if number == number else self.low


_NORMAL = "% of normal"
_NAMED = (
    Slider("bmi", "Body mass index", "kg/m²", 16.0, 55.0, 0.5),
    Slider("age", "Age", "years", 18.0, 80.0, 1.0),
    Slider("gnrh_drive", "GnRH drive", _NORMAL, 0.0, 200.0),
    Slider("leydig_capacity", "Leydig cell capacity", _NORMAL, 2.0, 200.0),
    Slider("sertoli_number", "Sertoli cell number", _NORMAL, 5.0, 200.0),
    Slider("adipose_aromatase", "Aromatase in fat", _NORMAL, 0.0, 500.0),
    Slider("testicular_aromatase", "Aromatase in the testis", _NORMAL, 0.0, 500.0),
    Slider("androgen_sensitivity", "Androgen sensitivity of Sertoli cells", _NORMAL, 0.0, 200.0),
    Slider("spermatogonial_commitment", "A-pale to B differentiation", _NORMAL, 0.0, 160.0),
    Slider("meiotic_completion", "Completion of meiosis", _NORMAL, 0.0, 160.0),
    Slider("hyalinised_tubules", "Hyalinised tubules", "% of tubules", 0.0, 100.0, 1.0),
    Slider("germ_cell_endowment", "Tubules with stem cells", "% of those with Sertoli cells", 0.0, 100.0, 1.0),
    Slider("arrested_tubules", "Arrested tubules", "% of those with stem cells", 0.0, 100.0, 1.0),
    Slider("reduced_tubules", "Tubules with hypospermatogenesis", "% of those not arrested", 0.0, 100.0, 1.0),
    Slider("reduced_founding", "Clones founded in these", _NORMAL, 0.0, 100.0, 1.0),
    Slider("lesion_length", "Length of a lesion along the tubule", "mm", 0.02, 1000.0, 1.0),
    Slider("leydig_patches", "Interstices without Leydig cells", "%", 0.0, 98.0, 1.0),
    Slider("duct_patency", "Patency of the ducts", "%", 0.0, 100.0, 1.0),
)


_UNITS = {"x reference": _NORMAL, "share": "%", "share of niches": "% of niches"}


def _slider_of(field: str) -> Slider:
    """Return the slider of a field that has no name of its own here: its whole range, under its name in files."""
    known = parameters.physiology()[field]
    unit = _UNITS.get(known.unit, known.unit)
    factor, step = (_PERCENT, 1.0) if unit.startswith("%") else (1.0, 0.5 if known.high - known.low > 2.0 else 0.01)
    return Slider(field, parameters.in_words(field, heading=True), unit, factor * known.low, factor * known.high, step)


# Every field of a man's physiology has one, so that none is hidden.
SLIDERS = _NAMED + tuple(
    _slider_of(field) for field in parameters.physiology() if field not in [slider.field for slider in _NAMED]
)
# Those that are lesions stand apart from the others; the first two, weight and age, stand above all.
LESIONS = tuple(slider for field in LESION_FIELDS for slider in SLIDERS if slider.field == field)
OTHERS = tuple(slider for slider in SLIDERS[2:] if slider.field not in LESION_FIELDS)
