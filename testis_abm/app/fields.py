"""What the form has fields for: each section of a scenario, its rows and keys, in the order in which they are shown.

The form, what is typed, what is listed as having no field, and the words for a change of a draft all follow from it. What is
allowed, examples and defaults are those of the scenario's own classes and tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from testis_abm import parameters
from testis_abm.app import typed
from testis_abm.app.typed import Kind
from testis_abm.choices import CELL_ENGINES, STAGE_LAYOUTS
from testis_abm.quantities import ASSAYS, QUANTITIES
from testis_abm.scenario import UNITS, Clamp, Observed, Partner, Plan, Rule, Samples, Tissue, Weight
from testis_abm.scenario.clamp import TARGETS
from testis_abm.scenario.insult import KEYS, KINDS
from testis_abm.support.errors import ScenarioError

type Path = tuple[str | int, ...]
type Options = tuple[tuple[str, str], ...]

_OFTEN = (
    ("1 day", "daily"),
    ("12 hours", "twice daily"),
    ("2 days", ""),
    ("3.5 days", "twice weekly"),
    ("7 days", "weekly"),
)
ADDS = (("", "replace those of the same drug above"), ("yes", "add to those of the same drug above"))


@dataclass(frozen=True)
class Field:
    """One value of a scenario as a control shows it.

    Attributes:
        key: in its table.
        label: in words.
        kind: how it is typed and shown.
        hint: what is meant where it is empty, or an example.
        options: that it is chosen from; suggestions: that may be taken.
        wide: whether it takes a row of its own.
    """

    key: str
    label: str
    kind: Kind = typed.LINE
    hint: str = ""
    options: Options = ()
    suggestions: Options = ()
    wide: bool = False


@dataclass(frozen=True)
class Rows:
    """A list of tables or of lines that can be added to and removed from.

    Attributes:
        path: where it stands in a draft.
        name: of one of them, in words.
        fields: of a row; none: the row itself is a line of text, of the kind `line`; example: of a line.
    """

    path: tuple[str, ...]
    name: str
    fields: tuple[Field, ...] = ()
    line: Kind = typed.LINE
    example: str = ""

    def labelled(self, key: str) -> str:
        """Return the label of a field of a row."""
        return next(field.label for field in self.fields if field.key == key)


def _hinted(usual: Mapping[str, Any], *fields: Field) -> tuple[Field, ...]:
    """Return fields with the default of their class as what is meant where they are empty."""
    return tuple(
        replace(field, hint=field.kind.show(usual[field.key])) if not field.hint and field.key in usual else field
        for field in fields
    )


def _same(words: tuple[str, ...]) -> Options:
    return tuple((word, word) for word in words)


DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"partner": Partner().as_dict(), "tissue": Tissue().as_dict(), "plan": Plan().as_dict()}
)
TITLE, PRESET = Field("title", "Title", hint="Untitled"), Field("preset", "Start from")
SECTIONS: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {
        "plan": _hinted(
            DEFAULTS["plan"],
            Field("duration", "Duration", typed.LENGTH, "9 months"),
            Field("baseline", "Baseline period", typed.LENGTH),
            Field("replicates", "Replicates", typed.WHOLE),
            Field("seed", "Random seed", typed.WHOLE),
            Field("engine", "Engine of the cells", options=_same(CELL_ENGINES)),
        ),
        "partner": _hinted(
            DEFAULTS["partner"],
            Field(
                "age",
                "Age of the woman",
                typed.Kind(lambda text: f"{text} years" if typed.is_number(text) else text, str),
            ),
            Field("tried", "Trying to conceive for", typed.LENGTH),
        ),
        "samples": (
            Field("assay", "Assay of serum E2", options=tuple(ASSAYS.items()), wide=True),
            Field("blood", "Blood on days", typed.DAYS, "every 4 weeks from day 0", wide=True),
            Field("semen", "Semen on days", typed.DAYS, "every 2 weeks from the start", wide=True),
            Field("biopsy", "Biopsy on days", typed.DAYS, "none", wide=True),
            Field("abstinence", "Abstinence", typed.LENGTH, str(Samples().as_dict()["abstinence"])),
            Field("blood_hour", "Hour of blood samples", typed.NUMBER_OF, "mean of the day"),
            Field("ejaculations", "Ejaculations on days", typed.DAYS, "every so many days of abstinence", wide=True),
        ),
        "tissue": _hinted(
            DEFAULTS["tissue"],
            Field("tubules", "Tubules", typed.WHOLE),
            Field("rows", "Sections along each", typed.WHOLE),
            Field("sertoli_per_tubule", "Sertoli cells a section", typed.WHOLE),
            Field("stages", "Stages of the cycle", options=_same(STAGE_LAYOUTS)),
        ),
    }
)

_LASTING = (Field("from", "Start day", typed.DAY, "0"), Field("until", "Stop day", typed.DAY, "end"))
THERAPY = Rows(
    ("therapy",),
    "therapy",
    (
        Field("dose", "Dose", hint="1 mg"),
        Field("every", "Every", typed.LENGTH, "once", suggestions=_OFTEN),
        *_LASTING,
        Field("over", "Infused over", typed.HOURS, "at once"),
        Field("when", "Only when", hint="LH < 5 IU/L at day 0", wide=True),
        Field("adds", "While the condition holds, its doses", typed.FLAG, options=ADDS, wide=True),
        Field("days", "On listed days", typed.DAYS, "0, 3, 7"),
        Field("missed", "Missed on days", typed.DAYS, typed.NOTHING),
        Field("adherence", "Doses taken", typed.SHARE, "100 %"),
        Field("route", "Route", wide=True),
        Field("drug", "Drug", wide=True),
    ),
)
WEIGHT = Rows(
    ("weight",),
    "weight change",
    (
        Field("bmi", "BMI reached, kg/m²", typed.NUMBER_OF, f"{Weight.examples()['bmi']}, or 85 kg"),
        _LASTING[0],
        Field("until", "Day reached", typed.DAY, "180"),
    ),
)
CLAMP = Rows(
    ("clamp",),
    "clamp",
    (
        Field("quantity", "Held", options=_same(tuple(TARGETS)), wide=True),
        Field("level", "Level", typed.COURSE, str(Clamp.examples()["level"]), wide=True),
        *_LASTING,
    ),
)
OBSERVED = Rows(
    ("observed",),
    "published value",
    (
        Field("variable", "Quantity", options=tuple((column, QUANTITIES[column].title) for column in UNITS), wide=True),
        Field("value", "Value", typed.NUMBER_OF, str(Observed.examples()["value"])),
        Field("unit", "Unit"),
        Field("day", "Day", typed.DAY, "30"),
        Field("label", "Source", hint="Shah 2021"),
    ),
)


def _sentence(value: Any) -> str:
    try:
        return Rule(**value).sentence if isinstance(value, Mapping) else str(value)
    except ScenarioError:  # told where it is checked
        return ", ".join(f"{key} {of}" for key, of in value.items())


RULE = Rows(
    ("rule",),
    "rule",
    line=Kind(str, _sentence),
    example="in pachytene spermatocytes, intratesticular E2 increases death to 3-fold with half-maximum 5 nmol/L, from day 0",
)
HISTORY = Rows(
    ("man", "history"),
    "earlier treatment",
    example="testosterone_enanthate 200 mg every 7 days for 52 weeks, ended 8 weeks before",
)


def _of_insult(key: str) -> Field:
    kinds = {"day": typed.DAY, "until": typed.DAY, "every": typed.LENGTH, "days": typed.LENGTH, "dose": typed.LINE}
    return Field(key, KEYS[key].label, kinds.get(key, typed.NUMBER_OF), options=_same(tuple(KEYS[key].words())))


INSULT = Rows(
    ("insult",),
    "insult",
    (Field("kind", "Kind", options=_same(tuple(KINDS))), Field("agent", "Kind"), *map(_of_insult, KEYS)),
)
ROWS: tuple[Rows, ...] = (HISTORY, THERAPY, WEIGHT, CLAMP, INSULT, RULE, OBSERVED)


MAN, TREATMENT, PLAN, LESIONS, PAST = "Man", "Treatment", "Plan", "Lesions and injury", "Earlier treatment"
SAMPLES, PARTNER, CLAMPS = "Laboratory and samples", "Partner", "Clamps and rules"
MODEL, PUBLISHED = "Model", "Published values"
GROUPS = (MAN, TREATMENT, PLAN, LESIONS, PAST, SAMPLES, PARTNER, CLAMPS, MODEL, PUBLISHED)
# Of a man's physiology, what ails his tubules, interstices and ducts.
LESION_FIELDS = (
    "hyalinised_tubules",
    "germ_cell_endowment",
    "arrested_tubules",
    "arrest_before",
    "reduced_tubules",
    "reduced_founding",
    "lesion_length",
    "leydig_patches",
    "duct_patency",
)
_GROUP_OF = {
    "title": PLAN,
    "man": MAN,
    "therapy": TREATMENT,
    "weight": TREATMENT,
    "plan": PLAN,
    "insult": LESIONS,
    "samples": SAMPLES,
    "partner": PARTNER,
    "clamp": CLAMPS,
    "rule": CLAMPS,
    "observed": PUBLISHED,
}


def group_of(path: Path) -> str:
    """Return the group of the form (of GROUPS) in which what stands at `path` of a draft is shown."""
    if path[:2] == ("man", "history"):
        return PAST
    if path[:1] == ("man",) and path[1:2] and path[1] in LESION_FIELDS:
        return LESIONS
    return MODEL if path == ("plan", "engine") else _GROUP_OF.get(str(path[0]) if path else "", MODEL)


def rows_at(path: Path) -> Rows | None:
    """Return the rows that hold what stands at `path` of a draft, or that stand there."""
    return next((rows for rows in ROWS if path[: len(rows.path)] == rows.path), None)


def is_table(path: Path) -> bool:
    """Return whether what stands at `path` of a draft is a table of values of its own: a section, or a row."""
    if (rows := rows_at(path)) is not None:
        return bool(rows.fields) and len(path) == len(rows.path) + 1
    return len(path) < 2


def at(path: Path) -> Field | None:
    """Return the field of what stands at `path` of a draft, None where there is none."""
    if (rows := rows_at(path)) is not None:
        within = path[len(rows.path) :]
        if not rows.fields:
            return Field("", rows.name, rows.line) if len(within) == 1 else None
        return next((of for of in rows.fields if len(within) == 2 and of.key == within[1]), None)
    if path == ("title",):
        return TITLE
    if len(path) != 2:
        return None
    section, key = str(path[0]), str(path[1])
    if section == "man":
        if key in parameters.physiology():
            return Field(key, parameters.in_words(key, heading=True), typed.NUMBER_OF)
        return PRESET if key == PRESET.key else None
    if section == "parameters":
        return Field(key, key, typed.NUMBER_OF)
    return next((of for of in SECTIONS.get(section, ()) if of.key == key), None)
