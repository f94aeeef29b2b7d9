"""What a drug does at its usual regimen: concentrations by the hour, effects by the day, and the response to dose.

The man is the fertile reference man on a piece of testis just large enough for his hormones, unless the drug is for another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from testis_abm import parameters
from testis_abm.agents.model import TestisModel
from testis_abm.biology import axis, pharmacology
from testis_abm.biology.pharmacology import UNITS, Kinetics, absorb_and_clear, hourly_doses
from testis_abm.parameters import Drug
from testis_abm.scenario import Scenario, Therapy, load
from testis_abm.scenario.prescription import amount, rhythm

_HOURS = 24
_MAN: Mapping[str, tuple[Mapping[str, float], str]] = {
    "gonadorelin": ({"gnrh_drive": 0.02}, "a man with next to no GnRH of his own")
}
_FERTILE: tuple[Mapping[str, float], str] = ({}, "the fertile man")
_TISSUE = {"tubules": 1, "sertoli_per_tubule": 6}
_DOSES = 11
_LOWEST, _HIGHEST = 0.01, 10.0  # of the usual dose
_RECENT = 7  # days of the mean at steady state, or an interval between doses if that is longer


@dataclass(frozen=True)
class Series:
    """One line: values over days or doses."""

    label: str
    x: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Panel:
    """Lines that share an axis.

    Attributes:
        label: of the axis, with unit.
        lines: what is drawn.
        share: whether the values are percent of a whole.
        factor, second: to a second unit and its name; 0 and "" for none.
    """

    label: str
    lines: tuple[Series, ...]
    share: bool = False
    factor: float = 0.0
    second: str = ""


@dataclass(frozen=True)
class DrugCourse:
    """A drug at its usual regimen.

    Attributes:
        drug: its row of the table.
        regimen, man: in words.
        days: length of the regimen.
        panels: concentration, effect, and what follows in blood, over days.
        response: the mean effect at steady state over single doses.
        doses: the usual ones.
    """

    drug: Drug
    regimen: str
    man: str
    days: float
    panels: tuple[Panel, ...]
    response: Panel
    doses: tuple[float, ...]

    def __repr__(self) -> str:
        return f"<DrugCourse: {self.regimen}, {self.man}, {self.days:g} days>"


def drug_course(name: str) -> DrugCourse:
    """Return what drug `name` does at its usual regimen."""
    drug = parameters.drugs()[parameters.drug_named(name)]
    man, told = _MAN.get(drug.name, _FERTILE)
    therapies = _therapies(drug)
    days = sum(part.days for part in drug.regimen)
    rested = TestisModel(_scenario(man, (), 1), treated=False)
    course = _follow(drug, _scenario(man, therapies, round(days)), rested)
    label, share, names = _effect_of(drug)
    day = np.arange(len(course[names[0]])) + 0.5
    effect = Panel(label, tuple(Series(_EFFECTS[of][1], day, course[of]) for of in names), share)
    return DrugCourse(
        drug,
        _in_words(drug),
        told,
        days,
        (_concentration(drug, therapies, days), effect, _blood(course, rested.values, day)),
        _response(drug, man, rested),
        tuple(dict.fromkeys(part.dose for part in drug.regimen)),
    )


def _scenario(man: Mapping[str, float], therapies: Sequence[Mapping[str, Any]], days: int) -> Scenario:
    plan = {"baseline": 0, "duration": days, "replicates": 1}
    return load(
        {"man": man, "tissue": _TISSUE, "plan": plan, "therapy": therapies, "samples": {"blood": [], "semen": []}}
    )


def _therapies(drug: Drug) -> list[dict[str, Any]]:
    """Return the usual regimen as a scenario file would have it."""
    start, found = 0.0, []
    for part in drug.regimen:
        therapy: dict[str, Any] = {"drug": drug.name, "dose": f"{part.dose!r} {drug.dose_unit}", "from": start}
        if part.every_hours is not None:
            therapy |= {"every": f"{part.every_hours!r} hours", "until": start + part.days}
        if part.over_hours is not None:
            therapy["over"] = f"{part.over_hours!r} hours"
        found.append(therapy)
        start += part.days
    return found


def _in_words(drug: Drug) -> str:
    return ", then ".join(f"{amount(part.dose, drug.dose_unit)} {rhythm(part.every_days)}" for part in drug.regimen)


# ---- concentration


def _concentration(drug: Drug, therapies: Sequence[Mapping[str, Any]], days: float) -> Panel:
    kinetics = Kinetics.of([drug])
    found = levels(kinetics, [Therapy(**therapy) for therapy in therapies], round(days))
    hour = (np.arange(found.shape[1]) + 1.0) * days / found.shape[1]
    masses = {part.numbers["molar_mass"].value for part in drug.substances if "molar_mass" in part.numbers}
    # Several depots of one substance are one concentration.
    depots = {"fast", "slow"} >= set(kinetics.names)
    if depots or len(kinetics.names) == 1:
        found, names = found.sum(axis=0, keepdims=True), [drug.title]
    else:
        names = [_titled(name) for name in kinetics.names]
    lines = tuple(Series(name, hour, of) for name, of in zip(names, found, strict=True))
    if kinetics.releases(0):
        mass = masses.pop()
        released = tuple(Series(of.label, of.x, of.values * mass * 1e-6) for of in lines)
        return Panel(f"{_titled(drug.action)} released\n(mg/day)", released)
    unit = UNITS[drug.action]
    if unit == "nmol/L" and len(masses) == 1:
        return Panel("Concentration (nmol/L)", lines, factor=masses.pop() / 1e3, second="ng/mL")
    return Panel(f"Concentration ({unit})", lines)


def _titled(name: str) -> str:
    return name.upper() if name in ("fsh", "lh") else name.capitalize()


def levels(kinetics: Kinetics, therapies: Sequence[Therapy], days: int) -> np.ndarray:
    """Return the course of concentrations, nmol/L or IU/L (nmol/day of a released steroid), by the hour or finer."""
    plan = [(day, of.drug, of.dose, of.over_hours or 0.0) for of in therapies for day in of.dose_days()]
    depot, central = np.zeros(len(kinetics.names)), np.zeros(len(kinetics.names))
    # What comes and goes within the hour is followed by five minutes.
    parts = 12 if kinetics.elimination.max() > np.log(2.0) else 1
    found = np.zeros((len(depot), days * _HOURS * parts))
    for day in range(days):
        near = [dose for dose in plan if day - 1 - max(*kinetics.release, dose[3], 0.0) / _HOURS <= dose[0] <= day + 1]
        doses = hourly_doses(kinetics, near, day)
        for step in range(_HOURS * parts):
            hour, part = divmod(step, parts)
            for k in range(len(depot)):
                depot[k] += (doses[hour, k] if part == 0 else 0.0) + doses[_HOURS + hour, k] / parts
                held = central[k]
                depot[k], central[k], absorbed = absorb_and_clear(
                    depot[k], central[k], kinetics.absorption[k], kinetics.elimination[k], 1.0 / parts
                )
                released = (held + absorbed - central[k]) * _HOURS * parts
                level = released if kinetics.releases(k) else central[k] / kinetics.volume[k]
                found[k, day * _HOURS * parts + step] = level
    return found


# ---- effect

Reading = Callable[[TestisModel], float]


def _exposure(model: TestisModel, which: int) -> float:
    """Return what the substances' mean concentrations of the last 24 h are worth."""
    return float(model.kinetics.effect[:, which] @ model._levels[:, 0])


def _taken(exposure: float) -> float:
    return 100.0 * exposure / (1.0 + exposure)


# Name -> how it is read of the last 24 h of a model, and its label.
_EFFECTS: Mapping[str, tuple[Reading, str]] = {
    "fat": (lambda of: 100.0 * float(of.means[axis.MEAN_FAT_INHIBITION]), "in fat"),
    "leydig": (lambda of: 100.0 * float(of.report.leydig_inhibition), "in Leydig cells"),
    "lyase": (lambda of: _taken(float(of.means[axis.MEAN_STEROID_BLOCK])), "17,20-lyase"),
    "receptor": (lambda of: _taken(_exposure(of, pharmacology.RECEPTOR_BOUND)), "receptor"),
    "blocked": (lambda of: _taken(_exposure(of, pharmacology.GNRH_BLOCK)), "receptor"),
    "response": (lambda of: 100.0 * float(of.body[axis.GNRH_RECEPTOR]), "response"),
    "activity": (lambda of: float(of.means[axis.MEAN_LH_ACTIVITY]), "LH and hCG together"),
    "own_lh": (lambda of: float(of.means[axis.MEAN_LH]) / of.values["axis.lh_reference"], "his own LH"),
    "fsh": (lambda of: float(of.means[axis.MEAN_FSH]), "his own and given"),
    "own_fsh": (lambda of: float(of.means[axis.MEAN_FSH_IU_L]), "his own"),
    "testosterone": (lambda of: float(of.means[axis.MEAN_T]), "testosterone"),
    "oestradiol": (lambda of: float(of.means[axis.MEAN_E2]), "oestradiol"),
}
# Action -> label of the axis, whether it is a share, and the effects that tell it.
_OF_ACTION: Mapping[str, tuple[str, bool, tuple[str, ...]]] = {
    "aromatase_inhibitor": ("Aromatase inhibited (%)", True, ("fat", "leydig")),
    "aromatase_inactivator": ("Aromatase inhibited (%)", True, ("fat", "leydig")),
    "lyase_inhibitor": ("17,20-lyase blocked (%)", True, ("lyase",)),
    "oestrogen_receptor_modulator": ("Oestrogen receptor\ntaken (%)", True, ("receptor",)),
    "gnrh_agonist": ("Response left to the\ngonadotroph (%)", True, ("response",)),
    "gnrh_antagonist": ("GnRH receptor\nblocked (%)", True, ("blocked",)),
    "lh_activity": ("LH activity (x normal)", False, ("activity", "own_lh")),
    "fsh_activity": ("FSH in blood (IU/L)", False, ("fsh", "own_fsh")),
    "testosterone": ("Testosterone in blood\n(nmol/L)", False, ("testosterone",)),
    "oestradiol": ("Oestradiol in blood\n(pmol/L)", False, ("oestradiol",)),
}
_IN_BLOOD = (
    ("testosterone", axis.MEAN_T, "axis.testosterone_reference"),
    ("oestradiol", axis.MEAN_E2, "axis.oestradiol_reference"),
    ("LH", axis.MEAN_LH, "axis.lh_reference"),
    ("FSH", axis.MEAN_FSH, "axis.fsh_reference"),
)


def _effect_of(drug: Drug) -> tuple[str, bool, tuple[str, ...]]:
    label, share, names = _OF_ACTION[drug.action]
    actions = {action for part in drug.substances for action in part.actions}
    if drug.action == "aromatase_inhibitor" and "lyase_inhibitor" in actions:
        return "Enzyme inhibited (%)", share, (*names, "lyase")
    return label, share, names


def _follow(drug: Drug, scenario: Scenario, rested: TestisModel) -> dict[str, np.ndarray]:
    """Return the effects of a drug and the levels in blood, day by day."""
    model = TestisModel(scenario, settled=rested)
    names = _effect_of(drug)[2]
    found: dict[str, list[float]] = {name: [] for name in (*names, *(label for label, *_ in _IN_BLOOD))}
    while model.running:
        model.step()
        for name in names:
            found[name].append(_EFFECTS[name][0](model))
        for label, which, _ in _IN_BLOOD:
            if label not in names:
                found[label].append(float(model.means[which]))
    return {name: np.array(values) for name, values in found.items()}


def _blood(course: Mapping[str, np.ndarray], values: Mapping[str, float], day: np.ndarray) -> Panel:
    """Return what follows in blood as multiples of the fertile man's levels."""
    lines = tuple(Series(label, day, course[label] / values[of]) for label, _, of in _IN_BLOOD)
    return Panel("In blood\n(x fertile man)", lines)


def _response(drug: Drug, man: Mapping[str, float], rested: TestisModel) -> Panel:
    """Return the mean effect at steady state over the dose, given in the usual rhythm."""
    last = drug.regimen[-1]
    every, days = last.every_hours or last.days * _HOURS, round(sum(part.days for part in drug.regimen))
    doses = np.geomspace(_LOWEST * last.dose, min(_HIGHEST * last.dose, drug.largest_dose), _DOSES)
    label, share, names = _effect_of(drug)
    recent = max(_RECENT, round(every / _HOURS))
    found: dict[str, list[float]] = {name: [] for name in names}
    for dose in doses.tolist():
        therapy: dict[str, Any] = {"drug": drug.name, "dose": f"{dose!r} {drug.dose_unit}", "every": f"{every!r} hours"}
        if last.over_hours is not None:
            therapy["over"] = f"{last.over_hours!r} hours"
        course = _follow(drug, _scenario(man, [therapy], days), rested)
        for name in names:
            found[name].append(float(course[name][-recent:].mean()))
    lines = tuple(Series(_EFFECTS[name][1], doses, np.array(values)) for name, values in found.items())
    return Panel(label, lines, share)
