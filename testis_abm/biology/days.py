"""What body and testis give one another in a day, whichever testis it is: single cells or the mean of each kind."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

HOURS = 24  # of a day, by which the body advances


def record(*fields: str) -> np.dtype[np.void]:
    """Return the type of a record of numbers, which compiled code reads and sets by name."""
    return np.dtype([(field, float) for field in fields])


def number(value: Any) -> Any:
    """Return a number as Python's float; of many men, an array as it is."""
    return value if isinstance(value, np.ndarray) and value.ndim else float(value)


def packed(numbers: tuple[Any, ...], men: int = 1) -> np.ndarray:
    """Return a named tuple of numbers (and of such tuples) as records, (men,), which compiled code takes at a tenth of the cost.

    Of many men, each number is one for all or an array, (men,).
    """
    if men == 1:
        return np.array([numbers], _layout(numbers))
    records = np.zeros(men, _layout(numbers))
    _fill(records, numbers)
    return records


def _fill(records: np.ndarray, numbers: tuple[Any, ...]) -> None:
    for name, value in zip(records.dtype.names or (), numbers, strict=True):
        if isinstance(value, tuple):
            _fill(records[name], value)
        else:
            records[name] = value


def _layout(numbers: Any) -> np.dtype[Any]:
    kind = type(numbers)
    if not isinstance(numbers, tuple):
        return np.dtype(float)
    if kind not in _layouts:
        _layouts[kind] = np.dtype([(name, _layout(getattr(numbers, name))) for name in kind._fields])
    return _layouts[kind]


_layouts: dict[type, np.dtype[Any]] = {}


def named(values: np.void) -> dict[str, float]:
    """Return the numbers of a record by name."""
    return dict(zip(values.dtype.names or (), values.item(), strict=True))


class BloodDay(NamedTuple):
    """What the blood brings to the testes and the tract in a day, and what local levels are clamped.

    Attributes:
        lh_activity: of LH and hCG, relative; fsh_iu_l; free_testosterone: relative.
        inhibitor: of aromatase, concentration over inhibition constant.
        back_pressure: of fluid in the tract, 0 to 1.
        aromatase_left: share of the enzyme that no drug has inactivated; open_lyase: of steroid synthesis not blocked.
        tract_androgen: what epididymis and glands respond to, relative.
        oestradiol: of the blood, relative; a little of it enters the testis.
        held_testosterone, held_oestradiol: total steroid at which the mean of all niches is held, nmol/L (NaN: not).
        open_receptor: share of what the androgen receptor feels that no drug blocks.
    """

    lh_activity: float
    fsh_iu_l: float
    free_testosterone: float
    inhibitor: float
    back_pressure: float
    aromatase_left: float = 1.0
    open_lyase: float = 1.0
    tract_androgen: float = 1.0
    oestradiol: float = 1.0
    held_testosterone: float = math.nan
    held_oestradiol: float = math.nan
    open_receptor: float = 1.0


class TestisDay(NamedTuple):
    """What the testes did in a day: outputs relative to the reference man, levels in nmol/L of total steroid.

    Attributes:
        secretory_capacity, oestradiol_output, inhibin_output: relative; from_leydig, from_sertoli, from_germ: parts of
            oestradiol_output.
        aromatase_inhibition: share of all testicular aromatase that drugs keep from working, and of that of the Leydig
            cells and of the Sertoli and germ cells in their niches.
        androgen_signal, fsh_signal, er_alpha_signal, er_beta_signal: of the Sertoli cells, 1 = reference.
        aromatase_access: share of aromatase that its substrate does not hold.
        androgen, adhesion, fsh, lack: means of what the Sertoli cells have responded to (sertoli.Response).
    """

    secretory_capacity: float
    oestradiol_output: float
    inhibin_output: float
    testosterone_nmol_l: float
    oestradiol_nmol_l: float
    aromatase_inhibition: float
    leydig_inhibition: float
    niche_inhibition: float
    from_leydig: float
    from_sertoli: float
    from_germ: float
    androgen_signal: float
    er_alpha_signal: float
    er_beta_signal: float
    fsh_signal: float
    aromatase_access: float
    androgen: float
    adhesion: float
    fsh: float
    lack: float


SECRETIONS = ("secretory_capacity", "oestradiol_output", "inhibin_output")  # of TestisDay, that a testis takes with it

NORMAL = TestisDay(*[1.0] * len(TestisDay._fields))  # a first guess of any man's
TESTIS = record(*TestisDay._fields)
SECRETED = record(
    "secretory_capacity", "oestradiol_output", "inhibin_output", "aromatase_access"
)  # of TestisDay, for the blood
