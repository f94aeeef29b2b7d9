"""A scenario while it is being written: the tables of a scenario file, which controls change and `understood` checks.

A draft may be wrong; it is never changed in place, so that what runs is not what is being typed. Whatever it holds is
either a field of the form or one of `extras`, which the form lists and can remove.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from testis_abm import parameters
from testis_abm.choices import TREATMENTS
from testis_abm.parameters import Drug, Preset
from testis_abm.parameters.own import drugs_in
from testis_abm.parameters.tables import KINDS as TABLES
from testis_abm.parameters.tables import NONE, Tables, using
from testis_abm.scenario import Man, Partner, Plan, Rule, Scenario, Tissue
from testis_abm.scenario.amounts import NUMBER, number_in, parse_day
from testis_abm.scenario.amounts import plain as plain_text
from testis_abm.scenario.insult import KINDS, keys_of, regimens
from testis_abm.scenario.load import cut
from testis_abm.scenario.own import checked
from testis_abm.scenario.scenario import alike, extrapolated
from testis_abm.scenario.section import plain
from testis_abm.support.errors import Problem, ScenarioError, shown, written

type Draft = Mapping[str, Any]
type Path = tuple[str | int, ...]

# What a browser may ask of a server that others use too; the command line has no such limits.
MOST_SERTOLI, MOST_REPLICATES, MOST_DAYS, MOST_WORK = 10_000, 50, 3653, 20_000_000
# Of all replicates together: days, which are rows of tables (8 kB each); doses, planned before the first day, and
# decisions on them.
MOST_ROWS, MOST_DOSES = 40_000, 100_000
MOST_THERAPIES = 50  # fieldsets of a form
_REPLICATES = 4
_PERCENT = 100.0
OF_LABS = "Representative virtual patient"  # the title of a draft that was matched to laboratory values
_LONGEST = 200  # characters of what was typed into one field
# What of a draft is no man's own, and so stays when another patient takes his place.
_OF_NO_MAN = ("therapy", "clamp", "insult", "rule", "plan", "tissue", "samples", "parameters", *TABLES)
# Fields of the form, by section; a row of these has no others.
_ROWS = ("therapy", "weight", "insult")
_FIELDS = {"plan": ("duration", "baseline", "replicates", "seed"), "samples": ("assay",), "tissue": ("tubules", "rows")}


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

    def shown(self, draft: Draft) -> float:
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
            number = typed_number(value)
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
)


_UNITS = {"x reference": _NORMAL, "share": "%", "share of niches": "% of niches"}


def _slider_of(field: str) -> Slider:
    """Return the slider of a field that has no name of its own here: its whole range, under its name in files."""
    known = parameters.physiology()[field]
    unit = _UNITS.get(known.unit, known.unit)
    factor, step = (_PERCENT, 1.0) if unit.startswith("%") else (1.0, 0.5)
    return Slider(field, parameters.in_words(field, heading=True), unit, factor * known.low, factor * known.high, step)


# Every field of a man's physiology has one, so that none is hidden.
SLIDERS = _NAMED + tuple(
    _slider_of(field) for field in parameters.physiology() if field not in [slider.field for slider in _NAMED]
)


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
    usual = {
        "man": {**Man(preset=scenario.man.preset).as_dict(), "preset": None},
        "partner": Partner().as_dict(),
        "tissue": Tissue().as_dict(),
        "plan": Plan().as_dict(),
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
    """Return a draft with the entry at `path` set to `value`, or left out if it is None."""
    changed = copy.deepcopy(dict(draft))
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    if value is None:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = value
    return changed


def with_duration(draft: Draft, text: str) -> Draft:
    """Return a draft of another length, without samples and observations that lie beyond it."""
    value = f"{text} days" if _is_number(text) else str(text)
    changed = with_entry(draft, value, "plan", "duration")
    kept = {key: changed[key] for key in TREATMENTS if key in changed}
    # Therapies stay: they were typed, and what is wrong with them is told.
    tables = {key: table for key, table in changed.items() if key not in kept}
    cut(tables)
    return {**changed, **tables}


def with_preset(draft: Draft, name: str) -> Draft:
    """Return a draft of the man of a preset (see with_man)."""
    with using(tables(draft)):
        return with_man(draft, Man(preset=name), parameters.presets()[name].title)


def with_man(draft: Draft, man: Man, title: str) -> Draft:
    """Return a draft of another man: treatment, plan, tissue, sampling days and model parameters stay.

    All else was the former man's (his history, what injured him before day 0, his change of weight, his published values, the assay of his laboratory)
    and goes with him; `belongings` names it.
    """
    kept = {name: copy.deepcopy(draft[name]) for name in _OF_NO_MAN if name in draft}
    if rows := [row for row in kept.pop("insult", ()) if not _past(row)]:
        kept["insult"] = rows
    changed = {"title": title, "man": man.as_dict(), **kept}
    return without(changed, ("samples", "assay")) if "assay" in changed.get("samples", {}) else changed


def _past(insult: Mapping[str, Any]) -> bool:
    """Return whether an insult of a draft was before day 0, as far as it can be read."""
    try:
        return parse_day(insult.get("day", 0.0)) < 0.0
    except ScenarioError:
        return False


def belongings(draft: Draft) -> tuple[str, ...]:
    """Return in words what of a draft is the man's own, besides his physiology and his title."""
    man, assay = draft["man"], draft.get("samples", {}).get("assay")
    with using(tables(draft)):
        known = man.get("preset") in parameters.presets()
        usual = Man(preset=man["preset"]).as_dict().get("history", ()) if known else ()
    past = [text for text in man.get("history", ()) if text not in usual]
    told = [f"earlier treatment ({text})" for text in past]
    told += [f"injury before day 0 ({_in_words(row)})" for row in draft.get("insult", ()) if _past(row)]
    told += [f"change of weight ({_in_words(row)})" for row in draft.get("weight", ())]
    told += [f"published value ({_in_words(row)})" for row in draft.get("observed", ())]
    return (*told, *([f"assay of oestradiol ({assay})"] if assay else []))


@dataclass(frozen=True)
class Extra:
    """Something of a draft that the form has no field for.

    Attributes:
        path: where it stands in the draft.
        text: what it says, in words.
    """

    path: Path
    text: str


def extras(draft: Draft) -> tuple[Extra, ...]:
    """Return everything of a draft that is no field of the form and no default, in the order of a scenario file."""
    return tuple(_extras(draft))


def _extras(draft: Draft) -> Iterator[Extra]:
    usual = {
        "partner": Partner().as_dict(),
        "tissue": Tissue().as_dict(),
        "plan": Plan().as_dict(),
        "parameters": parameters.values(),
    }
    for section, content in draft.items():
        head = _HEADS.get(section, section)
        if section == "man":
            for i, text in enumerate(content.get("history", ())):
                yield Extra(("man", "history", i), f"Earlier treatment: {text}")
        elif isinstance(content, Mapping):
            for key, value in content.items():
                if section in TABLES:
                    yield Extra((section, key), f"Own {section}: {_own(str(key), value)}")
                    continue
                default = usual.get(section, {}).get(key)
                if key not in _FIELDS.get(section, ()) and value != default:
                    note = f" (default {default:g})" if isinstance(default, int | float) else ""
                    yield Extra((section, key), f"{head}: {_named(section, key)} {_value(value)}{note}")
        elif section not in (*_ROWS, "title"):
            for i, row in enumerate(content):
                yield Extra((section, i), f"{head}: {_in_words(row)}")


_HEADS = {
    "partner": "Partner",
    "tissue": "Simulated tissue",
    "plan": "Plan",
    "samples": "Samples",
    "parameters": "Model parameter",
    "clamp": "Clamp",
    "rule": "Own rule",
    "observed": "Published value",
}


def _own(name: str, table: object) -> str:
    """Return an entry of a table of the scenario's own in words: its name, and each number with its range."""
    if not isinstance(table, Mapping):
        return f"{name} {_value(table)}"
    ends = table.get("range", ())
    reach = f"({_value(ends[0])} to {_value(ends[-1])})" if isinstance(ends, list | tuple) and ends else ""
    number = [_value(table["value"])] if "value" in table else []
    inner = ", ".join(_own(str(key), value) for key, value in table.items() if key not in ("value", "range"))
    parts = [*number, *([reach] if reach else []), *([f"({inner})"] if inner else [])]
    return f"{name} {' '.join(parts)}"


def titled(draft: Draft, kind: str, name: str, title: str) -> str:
    """Return the title of a drug or preset, marked if it is the scenario's own."""
    return f"{title} (own)" if name in draft.get(kind, {}) else title


def _named(section: str, key: str) -> str:
    return f"{key} =" if section == "parameters" else f"{key.replace('_', ' ')}:"


def _value(value: object) -> str:
    """Return a value in words; of many days their number, the first and the last."""
    if isinstance(value, list | tuple):
        days = [str(day) for day in value]
        return ", ".join(days) or "none" if len(days) < 7 else f"{len(days)} times, {days[0]} to {days[-1]}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_words(row: Mapping[str, Any] | str) -> str:
    if isinstance(row, str):  # a rule in words
        return row
    if "behaviour" in row:
        try:
            return Rule(**row).sentence
        except ScenarioError:  # told where it is checked
            pass
    if "variable" in row:
        source = f" ({row['label']})" if row.get("label") else ""
        return f"{row['variable'].replace('_', ' ')} {_value(row.get('value'))} {row.get('unit', '')} on {row.get('day')}{source}"
    return ", ".join(f"{key} {_value(value)}" for key, value in row.items())


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
        number: object = typed_number(value) / slider.factor
    except (TypeError, ValueError, OverflowError):
        number = str(value)[:_LONGEST]
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


def with_insult(draft: Draft, kind: str) -> Draft:
    """Return a draft with one more insult of a kind, on day 0: what the kind needs is an example."""
    row = {"kind": kind, "day": "day 0", **_needed(kind)}
    return with_entry(draft, [*draft.get("insult", ()), row], "insult")


def with_kind(draft: Draft, index: int, kind: str) -> Draft:
    """Return a draft with an insult of another kind: what that takes too stays, what it needs besides is an example."""
    row = draft["insult"][index]
    kept = {key: value for key, value in row.items() if key in keys_of(kind)}
    return with_entry(draft, {"kind": kind, **_needed(kind), **kept}, "insult", index)


def _needed(kind: str) -> dict[str, object]:
    # One of a regimen and a strength is needed, which no table of keys can say.
    return {"regimen": regimens()[0]} if kind == "cytotoxics" else dict(KINDS[kind].needs)


def usual(kind: str, key: str) -> str:
    """Return what a key of a kind of insult is where its field is empty, or an example if it is needed; "" of none."""
    value = {"day": 0, **KINDS[kind].needs, **KINDS[kind].takes}[key]
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def with_tissue(draft: Draft, key: str, value: object) -> Draft:
    """Return a draft of another simulated tissue."""
    return with_entry(draft, {**draft.get("tissue", {}), key: value}, "tissue")


def with_clamps(draft: Draft, rows: Sequence[Mapping[str, str]]) -> Draft:
    """Return a draft with these clamps, in the place of those of its own."""
    return with_entry(draft, [dict(row) for row in rows], "clamp")


def with_cell(draft: Draft, section: str, index: int, key: str, text: str) -> Draft:
    """Return a draft with one entry of a therapy, change of weight or insult as it was typed; an empty one is left out.

    A bare number is a day, of `every` and `days` days, of `over` hours; of an insult else a number, but for a dose, whose unit
    has to be told.
    """
    value: Any = str(text).strip() or None
    if value and _is_number(value):
        value = {
            "from": f"day {value}",
            "until": f"day {value}",
            "day": f"day {value}",
            "every": f"{value} days",
            "days": f"{value} days",
            "over": f"{value} hours",
        }.get(key, value)
    numeric = key == "bmi" or (section == "insult" and key != "dose")
    if numeric and value and _is_number(value):
        number = typed_number(value)
        value = int(number) if section == "insult" and number.is_integer() else number
    if key == "adds":
        value = True if value == "adds" else None
    changed = with_entry(draft, value, section, index, key)
    if key == "drug":
        # Another drug has other routes and takes its usual one.
        changed = with_entry(changed, None, section, index, "route")
    return changed


def cell(draft: Draft, section: str, index: int, key: str) -> str:
    """Return an entry of a therapy, change of weight or insult as its field shows it."""
    value = draft[section][index].get(key, "")
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if key in ("from", "until", "day"):
        return text.removeprefix("day ")
    return "1 day" if text == "1 days" else text


def with_assay(draft: Draft, name: str) -> Draft:
    """Return a draft whose oestradiol is measured by another assay."""
    return with_entry(draft, {**draft.get("samples", {}), "assay": name}, "samples")


def without_extras(draft: Draft) -> Draft:
    """Return a draft of nothing but what the form shows."""
    while found := extras(draft):
        draft = without(draft, found[-1].path)
    return draft


def typed_number(value: object) -> float:
    """Return a number, or the one that was typed, as scenario files and commands read it.

    Raises:
        ValueError, TypeError, OverflowError: it is none.
    """
    if not isinstance(value, str):
        return float(value)  # type: ignore[arg-type]
    text = plain_text(value)
    if not re.fullmatch(NUMBER, text, re.IGNORECASE):
        raise ScenarioError(f"{shown(value)} is not a number")
    return number_in(text)


def _is_number(text: str) -> bool:
    try:
        typed_number(text)
    except ValueError:
        return False
    return True


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
        """Return what is wrong with the entry at `path`."""
        return "; ".join(problem.text for problem in self.problems if problem.path == path)


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
