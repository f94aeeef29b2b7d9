"""The equations of a man (equations.py) as SBML Level 3 Version 2, which simulators of systems biology read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from testis_abm import parameters
from testis_abm.exports.equations import Doses, Equations, Infusion, equations
from testis_abm.exports.target import described, needs, suffix_of
from testis_abm.parameters.tables import using
from testis_abm.scenario.load import load
from testis_abm.support import files, outputs
from testis_abm.support.errors import TestisError

_NEVER = 1e9  # days: when what has ended is due again
_BLOOD = "blood"
# Unit -> its parts (kind of SBML, exponent, scale, multiplier). An IU is counted as an item, and of each hormone its own.
_UNITS: Mapping[str, tuple[str, Sequence[tuple[str, int, int, float]]]] = {
    "1": ("dimensionless", ()),
    "day": ("day", (("second", 1, 0, 86400.0),)),
    "1/day": ("per_day", (("second", -1, 0, 86400.0),)),
    "nmol": ("nmol", (("mole", 1, -9, 1.0),)),
    "IU": ("iu", (("item", 1, 0, 1.0),)),
    "nmol/L": ("nmol_per_l", (("mole", 1, -9, 1.0), ("litre", -1, 0, 1.0))),
    "pmol": ("pmol", (("mole", 1, -12, 1.0),)),
    "pmol/L": ("pmol_per_l", (("mole", 1, -12, 1.0), ("litre", -1, 0, 1.0))),
    "IU/L": ("iu_per_l", (("item", 1, 0, 1.0), ("litre", -1, 0, 1.0))),
    "ng": ("ng", (("gram", 1, -9, 1.0),)),
    "pg/mL": ("pg_per_ml", (("gram", 1, -12, 1.0), ("litre", -1, -3, 1.0))),
    "ug": ("ug", (("gram", 1, -6, 1.0),)),
    "ug/L": ("ug_per_l", (("gram", 1, -6, 1.0), ("litre", -1, 0, 1.0))),
    "nmol/day": ("nmol_per_day", (("mole", 1, -9, 1.0), ("second", -1, 0, 86400.0))),
    "L": ("litre", ()),
}
# Level in blood -> unit of its substance, title, and what it is (identifiers.org).
_HORMONES = {
    "testosterone": ("testosterone", "CHEBI:17347"),
    "free_testosterone": ("free testosterone", "CHEBI:17347"),
    "oestradiol": ("oestradiol", "CHEBI:16469"),
    "dihydrotestosterone": ("dihydrotestosterone", "CHEBI:16330"),
    "lh": ("LH", "uniprot:P01229"),
    "fsh": ("FSH", "uniprot:P01225"),
    "inhibin_b": ("inhibin B", "uniprot:P09529"),
    "shbg": ("SHBG", "uniprot:P04278"),
    "hcg": ("LH activity of hCG", ""),
    "prolactin": ("prolactin", "uniprot:P01236"),
}
# End of a level's name -> unit of the substance whose amount in a litre it is.
_SUBSTANCE = {"nmol_l": "nmol", "pmol_l": "pmol", "iu_l": "IU", "pg_ml": "ng", "ug_l": "ug"}
_NOTE = (
    "Written by {software} {version} from the scenario '{scenario}'. Time 0 is the morning of day 0; a tablet of that morning is "
    "an event at time 0. The model steps the body by hours and its Sertoli and Leydig cells by days; here the same rate laws run in "
    "continuous time, and a level is that of the moment, not the mean of a day. The germ line is held at its state of day 0 (germ_..., "
    "germ cells per Sertoli cell): what it adds to aromatase and calls forth of inhibin B does not change. The ducts and the semen are "
    "left out. Pulses of LH are left out, as in the model: levels are means over pulses. {disclaimer}"
)


def export_sbml(scenario: Any, out: str | Path) -> Path:
    """Write the equations of a scenario's man and his doses as SBML; return the path.

    Args:
        scenario: a Scenario, a mapping, or the path or name of a scenario file.
        out: file that ends on .xml or .sbml.

    Raises:
        TestisError: the scenario does what the equations do not hold (weight, clamps, insults, rules, doses that measurements or
            chance decide on, GnRH agonists), python-libsbml is missing, another suffix, or the file cannot be written or is somebody else's.
    """
    suffix_of(out, (".xml", ".sbml"))
    needs("libsbml", "python-libsbml", "SBML")
    outputs.check(out)
    case = load(scenario)
    with using(case.own_tables):
        files.write(out, sbml_of(equations(case), described(case)))
    return files.resolved(out)


def sbml_of(
    man: Equations, said: Mapping[str, str], arms: Mapping[str, Equations] | None = None, baselines: Sequence[str] = ()
) -> str:
    """Return SBML of the equations.

    Args:
        man: whose.
        said: where it comes from (target.described).
        arms: of the same man, with their doses, each under a switch `arm_NAME` (0 or 1; while all are 0, nothing happens).
        baselines: variables whose level at time 0 is kept as `baseline_VARIABLE`.

    Raises:
        TestisError: libsbml finds a fault in it.
    """
    import libsbml

    document = libsbml.SBMLDocument(3, 2)
    model = document.createModel()
    model.setId(outputs.SOFTWARE)
    model.setName(said["scenario"])
    text = escape(_NOTE.format(**said))
    _done(model.setNotes(f'<body xmlns="http://www.w3.org/1999/xhtml"><p>{text}</p></body>'))
    _units(model)
    model.setTimeUnits("day")
    blood = model.createCompartment()
    _set(blood, Id=_BLOOD, Name="blood plasma", Constant=True, Size=1.0, SpatialDimensions=3, Units="litre")
    for name, value in man.constants.items():
        _parameter(model, name, value, constant=True)
    for name in man.substances:
        _parameter(model, f"release_{name}", 0.0)
    for name, value in man.states.items():
        _parameter(model, name, value)
    for name in man.variables:
        if species := _species_of(name):
            _species(model, name, *species)
        else:
            _parameter(model, name, None)
    for name, formula in man.variables.items():
        rule = model.createAssignmentRule()
        _done(rule.setVariable(name))
        _done(rule.setMath(_math(formula)))
    for name, formula in man.rates.items():
        rate = model.createRateRule()
        _done(rate.setVariable(name))
        _done(rate.setMath(_math(formula)))
    for name in baselines:
        _parameter(model, f"baseline_{name}", 1.0)
    if baselines:
        begun = f"and(geq(time, 0), gt({' + '.join(f'arm_{arm}' for arm in arms or ())}, 0.5))"
        _event(model, "record_baseline", begun, {f"baseline_{name}": name for name in baselines})
    for arm, of in ({"": man} if arms is None else arms).items():
        if arm:
            _parameter(model, f"arm_{arm}", 0.0, constant=True)
        for k, doses in enumerate(of.doses):
            _doses(model, of.substances[doses.substance], doses, k, arm)
        for k, change in enumerate(of.infusions):
            _infusion(model, of.substances[change.substance], change, k, arm)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, False)  # numbers in rate laws have no units
    document.checkConsistency()
    if document.getNumErrors(libsbml.LIBSBML_SEV_ERROR):
        raise TestisError(f"SBML: {' '.join(document.getErrorLog().toString().split())[:400]}")
    return str(libsbml.writeSBMLToString(document))


def _units(model: Any) -> None:
    import libsbml

    for name, parts in _UNITS.values():
        if not parts:
            continue
        unit = model.createUnitDefinition()
        _done(unit.setId(name))
        for kind, exponent, scale, multiplier in parts:
            part = unit.createUnit()
            _set(part, Kind=libsbml.UnitKind_forName(kind), Exponent=exponent, Scale=scale, Multiplier=multiplier)


def _species_of(name: str) -> tuple[str, str, str] | None:
    """Return unit of the substance, title and identity of a variable that is a level of a hormone in blood."""
    for end, unit in _SUBSTANCE.items():
        if found := _HORMONES.get(name.removesuffix(f"_{end}")) if name.endswith(end) else None:
            return unit, *found
    return None


def _species(model: Any, name: str, unit: str, title: str, identity: str) -> None:
    """Add a level in blood, which a rule sets."""
    import libsbml

    species = model.createSpecies()
    _set(species, Id=name, MetaId=f"meta_{name}", Name=title, Compartment=_BLOOD, SubstanceUnits=_UNITS[unit][0])
    _set(species, HasOnlySubstanceUnits=False, BoundaryCondition=True, Constant=False)
    if identity:
        term = libsbml.CVTerm(libsbml.BIOLOGICAL_QUALIFIER)
        term.setBiologicalQualifierType(libsbml.BQB_IS)
        term.addResource(f"https://identifiers.org/{identity}")
        _done(species.addCVTerm(term))


def _parameter(model: Any, name: str, value: float | None, *, constant: bool = False) -> None:
    parameter = model.createParameter()
    _set(parameter, Id=name, Constant=constant)
    if value is not None:
        _set(parameter, Value=float(value))
    room, _, short = name.partition("_")
    of = parameters.load().get(f"{room}.{short}") if constant else None
    if of is None:
        if unit := next((unit for end, unit in _ENDS.items() if name.startswith(end) or name.endswith(end)), ""):
            _set(parameter, Units=_UNITS[unit][0])
        return
    if of.unit in _UNITS:
        _set(parameter, Units=_UNITS[of.unit][0])
    text = f"{of.name}, {of.unit}; range of the reference man {of.low:g} to {of.high:g}; {of.confidence}: {of.source}. {of.note}"
    _done(parameter.setNotes(f'<body xmlns="http://www.w3.org/1999/xhtml"><p>{escape(text.strip())}</p></body>'))


_ENDS = {"_nmol_l": "nmol/L", "_pmol_l": "pmol/L", "_iu_l": "IU/L", "arm_": "1", "volume_": "L", "absorption_": "1/day"}


def _doses(model: Any, substance: str, doses: Doses, k: int, arm: str) -> None:
    """Add an event that gives a dose whenever it is due, and says when the next one is."""
    end = f"{substance}_{k + 1}{f'_{arm}' if arm else ''}"
    _parameter(model, f"dose_{end}", doses.amount, constant=True)
    _parameter(model, f"due_{end}", doses.first)
    last = doses.first + (doses.times - 1) * doses.every
    due = f"due_{end} + {doses.every!r}"
    again = (
        f"piecewise({due}, lt({due}, {last + 0.5 * doses.every!r}), {_NEVER!r})" if doses.times > 1 else repr(_NEVER)
    )
    changes = {f"depot_{substance}": f"depot_{substance} + dose_{end}", f"due_{end}": again}
    _event(model, f"give_{end}", _when(f"geq(time, due_{end})", arm), changes)


def _infusion(model: Any, substance: str, change: Infusion, k: int, arm: str) -> None:
    end = f"{substance}_{k + 1}{f'_{arm}' if arm else ''}"
    when = _when(f"geq(time, {change.day!r})", arm)
    _event(model, f"infuse_{end}", when, {f"release_{substance}": repr(change.per_day)})


def _when(due: str, arm: str) -> str:
    return f"and({due}, gt(arm_{arm}, 0.5))" if arm else due


def _event(model: Any, name: str, when: str, changes: Mapping[str, str]) -> None:
    event = model.createEvent()
    _set(event, Id=name, UseValuesFromTriggerTime=True)
    trigger = event.createTrigger()
    # False before time 0, so that what is due then happens.
    _set(trigger, InitialValue=False, Persistent=True, Math=_math(when))
    for variable, formula in changes.items():
        assignment = event.createEventAssignment()
        _set(assignment, Variable=variable, Math=_math(formula))


def _math(formula: str) -> Any:
    import libsbml

    made = libsbml.parseL3Formula(formula)
    if made is None:
        raise TestisError(f"SBML: {formula}: {libsbml.getLastParseL3Error()}")
    return made


def _set(part: Any, **attributes: Any) -> None:
    for name, value in attributes.items():
        _done(getattr(part, f"set{name}")(value))


def _done(code: int | None) -> None:
    """Make sure that libsbml has done as it was told."""
    if code:
        raise TestisError(f"SBML: libsbml refused a part of the model (code {code})")
