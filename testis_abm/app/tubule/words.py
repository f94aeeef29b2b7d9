"""What is known of a cell, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from testis_abm.app.tubule.course import FIELDS
from testis_abm.biology import steps
from testis_abm.pictures.steps import FURTHER_LOOKS, STEPS
from testis_abm.quantities import QUANTITIES
from testis_abm.results.report import number

_PMOL = 1e3  # pmol in a nmol
_KINDS = {"sertoli": "Sertoli cell", "leydig": "Leydig cell"}
_KINDS |= {name: look.name for name, look in FURTHER_LOOKS.items()}
_ENDS = {"released": "released as sperm", "retained": "retained by the Sertoli cell and digested", "died": "died"}


def describe(cell: dict[str, Any]) -> dict[str, Any]:
    """Return what `Recording.describe` found, in words: title, where, rows of (label, value), story."""
    where = f"day {cell['day']}" + (f", tubule {cell['tubule']}" if "tubule" in cell else ", between the tubules")
    rows = [("Stage of niche", cell["stage"])] if "stage" in cell else []
    rows += [
        ("Testosterone here", _level("testosterone", cell["testosterone_nmol_l"])),
        ("Oestradiol here", _level("oestradiol", cell["oestradiol_pmol_l"] / _PMOL)),
        ("T/E2 (molar)", _number(cell["testosterone_over_oestradiol"])),
        ("AR signal of niche", _number(cell["androgen_signal"])),
        ("ER-α signal", _number(cell["er_alpha_signal"])),
        ("ER-β signal", _number(cell["er_beta_signal"])),
        ("Aromatase, working", _number(cell["aromatase"])),
    ]
    if cell["kind"] == "germ":
        rows = [("In this step", f"{cell['age_days']} days"), ("Days left", f"{cell['left_days']}"), *rows]
        rows.append(("Clone", cell["clone"] or f"stem cell, {cell['clones_founded']} founded"))
    rows.append(("Name", short(cell["lineage"])))
    return {"title": _title(cell), "where": where, "rows": rows, "story": list(_story(cell))}


def _level(field: str, nmol_l: float) -> str:
    quantity = QUANTITIES[FIELDS[field]]
    return f"{number(float(quantity.clinical(nmol_l)))} {quantity.clinical_unit}"


def _title(cell: dict[str, Any]) -> str:
    if cell["kind"] in _KINDS:
        return _KINDS[cell["kind"]]
    look = STEPS[steps.NAMES.index(cell["step"])]
    name = f"{look.name[:1].upper()}{look.name[1:]}"
    return name if " " in name else f"{name} spermatocyte"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def short(lineage: object) -> str:
    """Return a cell's name as people can compare it: the first eight of its sixteen digits."""
    return f"{int(str(lineage)):016x}"[:8]


def _story(cell: dict[str, Any]) -> Iterator[str]:
    if cell["kind"] != "germ":
        return
    if cell["mother"] is not None:
        yield f"Born by day {cell['born_day']} of {short(cell['mother'])}."
    for change in cell["later_steps"]:
        yield f"Day {change['day']}: {change['step'].replace('_', ' ')}."
    for daughter in cell["daughters"]:
        yield f"Day {daughter['day']}: daughter {short(daughter['lineage'])}."
    if cell["fate"] == "divided" and len(cell["daughters"]) == 1:
        yield "The other daughter died within the day."
    if cell["fate"] in _ENDS:
        yield f"Day {cell['fate_day']}: {_ENDS[cell['fate']]}."
    if cell["fate"] == "lives":
        yield "Still there when the recording ends."
