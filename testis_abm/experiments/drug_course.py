"""What a drug does at its usual regimen: concentrations by the hour, effects by the day, and the response to dose.

The man is the fertile reference man on a piece of testis just large enough for his hormones, unless the drug is for
another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from testis_abm import parameters
from testis_abm.agents.model import TestisModel
from testis_abm.biology.days import HOURS, named
from testis_abm.biology.mechanisms import EXPOSURES, MECHANISMS, Effect
from testis_abm.biology.pharmacology import Dose, Kinetics, absorb_and_clear, doses_by_day
from testis_abm.parameters import Drug
from testis_abm.quantities import QUANTITIES
from testis_abm.scenario import Scenario, Therapy, load
from testis_abm.scenario.prescription import amount, rhythm

_MAN: Mapping[str, tuple[Mapping[str, float], str]] = {
    "gonadorelin": ({"gnrh_drive": 0.02}, "a man with next to no GnRH of his own")
}
_FERTILE: tuple[Mapping[str, float], str] = ({}, "the fertile man")
_TISSUE = {"tubules": 1, "sertoli_per_tubule": 6}
_DOSES = 11
_LOWEST, _HIGHEST = 0.01, 10.0  # of the usual dose
_RECENT = 7  # days of the mean at steady state, or an interval between doses if that is longer


@dataclass(frozen=True)
class Panel:
    """Lines over days or doses.

    Attributes:
        label: of the axis, with unit.
        x: days or doses.
        lines: name -> values.
        share: whether the values are percent of a whole.
        factor, second: to a second unit and its name; 0 and "" for none.
    """

    label: str
    x: np.ndarray
    lines: Mapping[str, np.ndarray]
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
    man, title = _MAN.get(drug.name, _FERTILE)
    therapies = _therapies(drug)
    days = sum(part.days for part in drug.regimen)
    rested = TestisModel(_scenario(man, (), 1), treated=False)
    course = _follow(_scenario(man, therapies, round(days)), rested, (*_effects(drug), *_IN_BLOOD))
    day = np.arange(len(next(iter(course.values())))) + 0.5
    return DrugCourse(
        drug,
        _in_words(drug),
        title,
        days,
        (
            _concentration(drug, therapies, days),
            _panel(drug, day, course),
            Panel("In blood\n(x fertile man)", day, {effect.label: course[effect] for effect in _IN_BLOOD}),
        ),
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
    start, therapies = 0.0, []
    for part in drug.regimen:
        therapy: dict[str, Any] = {"drug": drug.name, "dose": f"{part.dose!r} {drug.dose_unit}", "from": start}
        if part.every_hours is not None:
            therapy |= {"every": f"{part.every_hours!r} hours", "until": start + part.days}
        if part.over_hours is not None:
            therapy["over"] = f"{part.over_hours!r} hours"
        therapies.append(therapy)
        start += part.days
    return therapies


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
    lines = dict(zip(names, found, strict=True))
    if kinetics.releases(0):
        mass = masses.pop()
        lines = {name: values * mass * 1e-6 for name, values in lines.items()}
        return Panel(f"{_titled(drug.action)} released\n(mg/day)", hour, lines)
    unit = MECHANISMS[drug.action].unit
    if unit == "nmol/L" and len(masses) == 1:
        return Panel("Concentration (nmol/L)", hour, lines, factor=masses.pop() / 1e3, second="ng/mL")
    return Panel(f"Concentration ({unit})", hour, lines)


def _titled(name: str) -> str:
    return name.upper() if name in ("fsh", "lh") else name.capitalize()


def levels(kinetics: Kinetics, therapies: Sequence[Therapy], days: int) -> np.ndarray:
    """Return the course of concentrations, nmol/L or IU/L (nmol/day of a released steroid), by the hour or finer."""
    plan = [Dose(day, part.drug, part.dose, part.over_hours or 0.0) for part in therapies for day in part.dose_days()]
    depot, central = np.zeros(len(kinetics.names)), np.zeros(len(kinetics.names))
    # What comes and goes within the hour is followed by five minutes.
    parts = 12 if kinetics.elimination.max() > np.log(2.0) else 1
    found = np.zeros((len(depot), days * HOURS * parts))
    for day, doses in enumerate(doses_by_day(kinetics, plan, 0, days)):
        for step in range(HOURS * parts):
            hour, part = divmod(step, parts)
            for k in range(len(depot)):
                depot[k] += (doses[hour, k] if part == 0 else 0.0) + doses[HOURS + hour, k] / parts
                held = central[k]
                depot[k], central[k], absorbed = absorb_and_clear(
                    depot[k], central[k], kinetics.absorption[k], kinetics.elimination[k], 1.0 / parts
                )
                released = (held + absorbed - central[k]) * HOURS * parts
                level = released if kinetics.releases(k) else central[k] / kinetics.volume[k]
                found[k, day * HOURS * parts + step] = level
    return found


# ---- effect

_IN_BLOOD = tuple(
    Effect(QUANTITIES[column].label, column, f"axis.{hormone}_reference")
    for hormone, column in (
        ("testosterone", "testosterone_nmol_l"),
        ("oestradiol", "oestradiol_pmol_l"),
        ("lh", "lh_iu_l"),
        ("fsh", "fsh_iu_l"),
    )
)


def _enzymes(drug: Drug) -> bool:
    """Return whether it inhibits both aromatase and 17,20-lyase."""
    actions = {action for part in drug.substances for action in part.actions}
    return drug.action == "aromatase_inhibitor" and "lyase_inhibitor" in actions


def _effects(drug: Drug) -> tuple[Effect, ...]:
    """Return the effects that tell what a drug does."""
    effects = MECHANISMS[drug.action].effects
    return (*effects, *MECHANISMS["lyase_inhibitor"].effects) if _enzymes(drug) else effects


def _reading(model: TestisModel, effect: Effect) -> float:
    """Return an effect of the last 24 h of a model."""
    body = model.body
    exposures = dict(zip(EXPOSURES, body.drugs.levels[:, 0] @ body.kinetics.effect, strict=True))
    level = float({**exposures, **named(body.state[0]), **model.report._asdict(), **model.means}[effect.field])
    if effect.unit == "bound":
        level /= 1.0 + level
    if effect.unit in ("share", "bound"):
        return 100.0 * level
    return level / model.values[effect.unit] if effect.unit else level


def _follow(scenario: Scenario, rested: TestisModel, effects: Sequence[Effect]) -> dict[Effect, np.ndarray]:
    """Return effects day by day."""
    model = TestisModel(scenario, settled=rested)
    days = []
    while model.running:
        model.step()
        days.append([_reading(model, effect) for effect in effects])
    return dict(zip(effects, np.array(days).T, strict=True))


def _panel(drug: Drug, x: np.ndarray, values: Mapping[Effect, np.ndarray]) -> Panel:
    """Return the panel of a drug's own effects."""
    mechanism = MECHANISMS[drug.action]
    title = "Enzyme inhibited (%)" if _enzymes(drug) else mechanism.title
    return Panel(title, x, {effect.label: values[effect] for effect in _effects(drug)}, mechanism.share)


def _response(drug: Drug, man: Mapping[str, float], rested: TestisModel) -> Panel:
    """Return the mean effect at steady state over the dose, given in the usual rhythm."""
    last = drug.regimen[-1]
    every, days = last.every_hours or last.days * HOURS, round(sum(part.days for part in drug.regimen))
    doses = np.geomspace(_LOWEST * last.dose, min(_HIGHEST * last.dose, drug.largest_dose), _DOSES)
    recent, effects = max(_RECENT, round(every / HOURS)), _effects(drug)
    means = []
    for dose in doses.tolist():
        therapy: dict[str, Any] = {"drug": drug.name, "dose": f"{dose!r} {drug.dose_unit}", "every": f"{every!r} hours"}
        if last.over_hours is not None:
            therapy["over"] = f"{last.over_hours!r} hours"
        course = _follow(_scenario(man, [therapy], days), rested, effects)
        means.append([course[effect][-recent:].mean() for effect in effects])
    return _panel(drug, doses, dict(zip(effects, np.array(means).T, strict=True)))
