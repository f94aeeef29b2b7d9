"""A scenario while it is being written: the tables of a scenario file, which controls change and `understood` checks.

A draft may be wrong; it is never changed in place, so that what runs is not what is being typed. Whatever it holds is
either a field of the form or one of `extras`, which the form lists and can remove.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from testis_abm import parameters
from testis_abm.app import fields, typed
from testis_abm.app.fields import Path
from testis_abm.app.sliders import Slider
from testis_abm.parameters import Drug, Preset
from testis_abm.parameters.own import Injury, drugs_in, injuries
from testis_abm.parameters.tables import KINDS as TABLES
from testis_abm.parameters.tables import NONE, Tables, using
from testis_abm.quantities import QUANTITIES
from testis_abm.scenario import Man, Plan, Scenario
from testis_abm.scenario.amounts import parse_day
from testis_abm.scenario.insult import KINDS, keys_of, regimens
from testis_abm.scenario.own import checked
from testis_abm.scenario.scenario import alike, extrapolated
from testis_abm.scenario.section import plain
from testis_abm.support.errors import Problem, ScenarioError, written

type Draft = Mapping[str, Any]

# What a browser may ask of a server that others use too; the command line has no such limits.
MOST_SERTOLI, MOST_REPLICATES, MOST_DAYS, MOST_WORK = 10_000, 50, 3653, 20_000_000
# Of all replicates together: days, which are rows of tables (8 kB each); doses, planned before the first day, and
# decisions on them.
MOST_ROWS, MOST_DOSES = 40_000, 100_000
MOST_THERAPIES = 50  # fieldsets of a form
_REPLICATES = 4
OF_LABS = "Representative virtual patient"  # the title of a draft that was matched to laboratory values
LONGEST = 2000  # characters of what was typed into one field
# What of a draft is a man's own, and so goes when another patient takes his place; all else stays.
_HIS = ("title", "man", "partner", "weight", "observed")


def start() -> Draft:
    """Return the draft of a page that has just been opened: the fertile man, untreated."""
    plan = {"duration": "270 days", "replicates": _REPLICATES}
    return of(Scenario(title=parameters.presets()["fertile"].title, plan=plan))


def tables(draft: Draft) -> Tables:
    """Return the tables of its own that a draft brings; none while they are wrong."""
    try:
        return checked({kind: draft[kind] for kind in TABLES if kind in draft})
    except ScenarioError:
        return NONE


def presets(draft: Draft) -> Mapping[str, Preset]:
    """Return the presets that a draft may name."""
    with using(tables(draft)):
        return parameters.presets()


def drugs(draft: Draft) -> Mapping[str, Drug]:
    """Return the drugs that a draft may name."""
    return drugs_in(tables(draft))


def titled(draft: Draft, kind: str, name: str, title: str) -> str:
    """Return the title of a drug or preset, marked if it is the scenario's own."""
    return f"{title} (own)" if name in draft.get(kind, {}) else title


def of(scenario: Scenario) -> Draft:
    """Return the draft that says what a scenario says; defaults that follow the plan are left open, to follow it."""
    whole = scenario.as_dict()
    return {**short(scenario), "title": whole["title"], "man": whole["man"], "plan": whole["plan"]}


def short(scenario: Scenario) -> dict[str, Any]:
    """Return tables that say what a scenario says, without what they leave to defaults."""
    with using(scenario.own_tables):
        return _short(scenario)


def _short(scenario: Scenario) -> dict[str, Any]:
    whole = scenario.as_dict()
    usual: dict[str, Mapping[str, Any]] = {
        "man": {**Man(preset=scenario.man.preset).as_dict(), "preset": None},
        **fields.DEFAULTS,
        "samples": Scenario(plan=scenario.plan).samples.as_dict(),
    }
    kept: dict[str, Any] = {"title": whole["title"]}
    for name, defaults in usual.items():
        given = {key: value for key, value in whole[name].items() if defaults.get(key) != value}
        kept |= {name: given} if given else {}
    kept |= {name: table for name, table in whole.items() if name not in ("title", *usual)}
    if "therapy" in kept:
        kept["therapy"] = [_short_therapy(row, scenario.plan) for row in kept["therapy"]]
    # Should a default ever depend on more than is thought of here, the long form is right.
    return kept if Scenario(**kept) == scenario else whole


def _short_therapy(row: dict[str, Any], plan: Plan) -> dict[str, Any]:
    usual = {"from": "day 0", "until": f"day {plan.duration_days}", "route": parameters.drugs()[row["drug"]].routes[0]}
    kept = {key: value for key, value in row.items() if usual.get(key) != value}
    return kept | ({"every": "1 day"} if kept.get("every") == "1 days" else {})


def with_entry(draft: Draft, value: object, *path: str | int) -> Draft:
    """Return a draft with the entry at `path` set to `value`, or left out if it is None, as is a section without entries."""
    changed = copy.deepcopy(dict(draft))
    place: Any = changed if len(path) == 1 else changed.setdefault(str(path[0]), {})
    for key in path[1:-1]:
        place = place[key]
    if value is None:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = value
    if len(path) > 1 and not changed[str(path[0])]:
        del changed[str(path[0])]
    return changed


def with_preset(draft: Draft, name: str) -> Draft:
    """Return a draft of the man of a preset (see with_man)."""
    with using(tables(draft)):
        return with_man(draft, Man(preset=name), parameters.presets()[name].title)


def with_man(draft: Draft, man: Man, title: str) -> Draft:
    """Return a draft of another man: treatment, plan, tissue, sampling days and model parameters stay.

    All else was the former man's (his history, what injured him before day 0, his change of weight, his published values, the assay of his laboratory)
    and goes with him; `belongings` names it.
    """
    kept = {name: copy.deepcopy(of) for name, of in draft.items() if name not in _HIS}
    if rows := [row for row in kept.pop("insult", ()) if not is_past(row)]:
        kept["insult"] = rows
    changed = {"title": title, "man": man.as_dict(), **kept}
    return without(changed, ("samples", "assay")) if "assay" in changed.get("samples", {}) else changed


def is_past(insult: Mapping[str, Any]) -> bool:
    """Return whether an insult of a draft was before day 0, as far as it can be read."""
    try:
        return parse_day(insult.get("day", 0.0)) < 0.0
    except ScenarioError:
        return False


def without(draft: Draft, path: Path) -> Draft:
    """Return a draft without the entry at `path`; its section goes with its last entry, a preset's history leaves an empty list."""
    changed = copy.deepcopy(dict(draft))
    places: list[Any] = [changed]
    for key in path[:-1]:
        places.append(places[-1][key])
    del places[-1][path[-1]]
    if len(path) == 2 and not places[-1]:
        del changed[str(path[0])]
    return changed


def with_slider(draft: Draft, slider: Slider, value: object) -> Draft:
    """Return a draft with the value of a control, in the control's unit; what is no number is kept, to be explained."""
    try:
        number: object = typed.number(value) / slider.factor
    except (TypeError, ValueError, OverflowError):
        number = str(value)[:LONGEST]
    return with_entry(draft, number, "man", slider.field)


def with_therapy(draft: Draft, name: str) -> Draft:
    """Return a draft with one more therapy, the drug's usual one."""
    with using(tables(draft)):
        drug = parameters.drugs()[parameters.drug_named(name)]
    usual = drug.regimen[-1]
    row: dict[str, Any] = {"drug": drug.name, "dose": f"{written(usual.dose)} {drug.dose_unit}"}
    if usual.every_hours is not None:
        row["every"] = _often(usual.every_hours)
    if usual.over_hours is not None:
        row["over"] = f"{written(usual.over_hours)} hours"
    return with_entry(draft, [*draft.get("therapy", ()), {**row, "from": "day 0"}], "therapy")


def _often(hours: float) -> str:
    if (2.0 * hours) % 24.0:
        return f"{written(hours)} hours"
    return "1 day" if hours == 24.0 else f"{written(hours / 24.0)} days"


def with_weight(draft: Draft) -> Draft:
    """Return a draft with one more change of weight: a loss of 10 %, after those that are there."""
    rows = draft.get("weight", ())
    last = rows[-1] if rows else {"bmi": draft["man"].get("bmi"), "until": "day 0"}
    try:
        bmi, day = float(last["bmi"]), float(str(last["until"]).removeprefix("day "))
    except (KeyError, TypeError, ValueError):
        bmi, day = parameters.physiology()["bmi"].value, 0.0
    row = {
        "bmi": round(max(0.9 * bmi, parameters.physiology()["bmi"].low), 1),
        "from": f"day {day:g}",
        "until": f"day {day + 90:g}",
    }
    return with_entry(draft, [*rows, row], "weight")


def own_injuries(draft: Draft) -> Mapping[str, Injury]:
    """Return the injuries of a draft's own, by the name that stands as the kind of an insult."""
    with using(tables(draft)):
        return injuries()


def kind_of(draft: Draft, index: int) -> tuple[str, Injury | None]:
    """Return the kind (of KINDS) of an insult of a draft, and the injury of its own that it is; "" of what is neither."""
    row, own = draft["insult"][index], own_injuries(draft)
    injury = own.get(str(row.get("agent") or row.get("kind", "")))
    kind = injury.kind if injury else str(row.get("kind", ""))
    return (kind if kind in KINDS else ""), injury


def with_insult(draft: Draft, kind: str) -> Draft:
    """Return a draft with one more insult of a kind or of an injury of its own, on day 0: what the kind needs is an example."""
    return with_entry(draft, [*draft.get("insult", ()), {"kind": kind, "day": "day 0", **_needed(kind)}], "insult")


def with_kind(draft: Draft, index: int, kind: str) -> Draft:
    """Return a draft with an insult of another kind: what that takes too stays, what it needs besides is an example."""
    row, known = draft["insult"][index], keys_of(kind) if kind in KINDS else ("day",)
    kept = {key: value for key, value in row.items() if key in known}
    return with_entry(draft, {"kind": kind, **_needed(kind), **kept}, "insult", index)


def _needed(kind: str) -> dict[str, object]:
    # One of a regimen and a strength is needed, which no table of keys can say.
    if kind == "cytotoxics":
        return {"regimen": regimens()[0]}
    return dict(KINDS[kind].needs) if kind in KINDS else {}


def usual(kind: str, key: str, injury: Injury | None = None) -> str:
    """Return what a key of a kind of insult is where its field is empty, or an example if it is needed; "" of none."""
    value = {"day": 0, **KINDS[kind].needs, **KINDS[kind].takes, **(injury.keys if injury else {})}[key]
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def with_clamps(draft: Draft, rows: Sequence[Mapping[str, str]]) -> Draft:
    """Return a draft with these clamps, in the place of those of its own."""
    return with_entry(draft, [dict(row) for row in rows], "clamp")


def with_cell(draft: Draft, *path_and_text: str | int) -> Draft:
    """Return a draft with the field at a path as it was typed, the last argument; what is left empty is left out.

    A bare number is a day, of lengths days, of `over` hours; of an insult else a number, but for a dose, whose unit has to be
    told. A body mass index may be given as a weight, "85 kg", of a man of his height. An empty line is no line.
    """
    *place, typed_in = path_and_text
    path, text = tuple(place), str(typed_in).strip()[:LONGEST]
    if not text and fields.at(path) is not None and isinstance(path[-1], int):
        return without(draft, path)
    value = _read(draft, path, text) if text else None
    changed = with_entry(draft, value, *path)
    # Another drug has other routes, another quantity other units: each takes its usual one.
    if path[-1] == "drug" and value != _at(draft, path):
        changed = with_entry(changed, None, *path[:-1], "route")
    if path[-1] == "variable" and value in QUANTITIES and value != _at(draft, path):
        changed = with_entry(changed, unit_of(str(value)), *path[:-1], "unit")
    return changed


def _read(draft: Draft, path: Path, text: str) -> Any:
    field = fields.at(path)
    if field is None:
        return text
    unit = text.lower().removesuffix("kg")
    if path[0] == "weight" and field.key == "bmi" and unit != text.lower() and typed.is_number(unit):
        return round(typed.number(unit) / height(draft) ** 2, 3)
    return field.kind.read(text)


def height(draft: Draft) -> float:
    """Return the height of the man of a draft, m; of one that cannot be read that of the reference man."""
    known = parameters.physiology()["height"]
    value = draft["man"].get("height", known.value)
    return known.value if known.fault(value) else float(value)


def cell(draft: Draft, *path: str | int) -> str:
    """Return an entry as its field shows it; "" of what is not there."""
    value, field = _at(draft, path), fields.at(path)
    return str(value) if field is None else "" if value == "" else field.kind.show(value)


def _at(draft: Draft, path: Path) -> Any:
    """Return what stands at a path; "" if nothing does."""
    value: Any = draft
    for key in path:
        if isinstance(value, Mapping):
            value = value.get(key, "")
        else:
            value = value[key] if isinstance(value, list | tuple) and isinstance(key, int) else ""
    return value


def with_line(draft: Draft, rows: fields.Rows, text: str) -> Draft:
    """Return a draft with one more line of a list of lines: a rule, an earlier treatment."""
    return with_entry(draft, [*rows_of(draft, rows.path), text.strip()[:LONGEST]], *rows.path)


def with_clamp(draft: Draft, quantity: str) -> Draft:
    """Return a draft that holds one more quantity, at the man's own level."""
    return with_entry(draft, [*draft.get("clamp", ()), {"quantity": quantity, "level": "1 x own"}], "clamp")


def with_observed(draft: Draft, variable: str) -> Draft:
    """Return a draft with one more published value, whose number is still missing, in the units of the page."""
    row = {"variable": variable, "day": "day 0", "unit": unit_of(variable)}
    return with_entry(draft, [*draft.get("observed", ()), row], "observed")


def unit_of(variable: str) -> str:
    """Return the unit of a published value in the system of units in force."""
    row = QUANTITIES[variable]
    return row.clinical_unit if row.clinical_unit in row.units else row.unit


def with_parameter(draft: Draft, name: str) -> Draft:
    """Return a draft that sets a model parameter, to its value in the tables."""
    with using(tables(draft)):
        return with_entry(draft, parameters.values()[name], "parameters", name)


def rows_of(draft: Draft, path: Path) -> Sequence[Any]:
    """Return the rows of a draft at a path, or those that what stands there is one of; none if there are none."""
    rows = fields.rows_at(path)
    found: Any = draft
    for key in rows.path if rows else ():
        found = found.get(key, ())
    return found if rows and isinstance(found, list | tuple) else ()


def differs_from_preset(draft: Draft, field: str) -> bool:
    """Return whether a field of a draft's man is not as his preset has it."""
    value = draft["man"].get(field)
    of = presets(draft).get(str(draft["man"].get("preset")))
    usual = of.values.get(field, parameters.physiology()[field].value) if of else None
    return value is not None and value != usual


def with_assay(draft: Draft, name: str) -> Draft:
    """Return a draft whose oestradiol is measured by another assay."""
    return with_entry(draft, name, "samples", "assay")


@dataclass(frozen=True)
class Understanding:
    """What a draft says.

    Attributes:
        scenario: None if it cannot be understood.
        problems: why not, or why it is too large to run here; notes: what is odd but allowed.
    """

    scenario: Scenario | None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Return the problems as the command line tells them."""
        return [problem.line() for problem in self.problems]

    def at(self, *path: str | int) -> str:
        """Return what is wrong with the entry at `path`, or within it."""
        return "; ".join(dict.fromkeys(of.text for of in self.problems if of.path[: len(path)] == path))

    def only_at(self, *path: str | int) -> str:
        """Return what is wrong with the entry at `path` as a whole."""
        return "; ".join(of.text for of in self.problems if of.path == path)


def understood(draft: Draft) -> Understanding:
    """Return what a draft says; never raises for what a user can write."""
    try:
        scenario = Scenario(**plain(draft))
    except ScenarioError as error:
        return Understanding(None, error.problems)
    notes = (*alike(scenario.therapy), *extrapolated(scenario))
    return Understanding(scenario, tuple(too_large(scenario)), notes)


def too_large(scenario: Scenario) -> list[Problem]:
    """Return why a scenario may not run in the browser, where the server is shared."""
    plan, sertoli = scenario.plan, scenario.tissue.sertoli
    days, replicates = plan.baseline_days + plan.duration_days, plan.replicates
    doses = sum(therapy.dose_count * (len(therapy.when.clauses) if therapy.when else 1) for therapy in scenario.therapy)
    doses += sum(therapy.dose_count for therapy in scenario.man.history)
    times = f" in {replicates} replicates" if replicates > 1 else ""
    more, of_days = "are more than this page runs", f"{replicates} replicates of {days:,} days"
    each: tuple[tuple[bool, tuple[str, ...], str], ...] = (
        (sertoli > MOST_SERTOLI, ("tissue",), f"{sertoli:,} Sertoli cells {more} ({MOST_SERTOLI:,})"),
        (replicates > MOST_REPLICATES, ("plan", "replicates"), f"{replicates:,} {more} ({MOST_REPLICATES})"),
        (days > MOST_DAYS, ("plan", "duration"), f"{days:,} days {more} ({MOST_DAYS:,})"),
        (plan.engine != "compiled", ("plan", "engine"), f'"{plan.engine}" is too slow for this page'),
        (
            doses * replicates > MOST_DOSES,
            ("therapy",),
            f"{doses:,} doses and decisions{times} {more} ({MOST_DOSES:,} in all)",
        ),
    )
    together: tuple[tuple[bool, tuple[str, ...], str], ...] = (
        (days * replicates > MOST_ROWS, ("plan",), f"{of_days} {more} ({MOST_ROWS:,} days in all)"),
        (sertoli * days * replicates > MOST_WORK, ("plan",), f"{of_days} with {sertoli:,} Sertoli cells {more}"),
    )
    found = [(path, text) for wrong, path, text in each if wrong]
    found = found or [(path, text) for wrong, path, text in together if wrong][:1]
    return [Problem(path, f"{text}; run it with testis-abm run") for path, text in found]
