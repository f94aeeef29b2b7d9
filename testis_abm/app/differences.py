"""In which words a change of a draft is told: "Dose of therapy 1", "clamp 2 added", "3 changes"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from testis_abm.app import fields
from testis_abm.app.draft import Draft
from testis_abm.app.fields import Path

_MOST_TOLD = 60  # characters


def said(before: Draft, after: Draft) -> str:
    """Return in a few words what is other in a draft."""
    if before.get("man", {}).get("preset") != after.get("man", {}).get("preset"):
        return f"another man, {after.get('title') or 'untitled'}"[:_MOST_TOLD]
    found = list(dict.fromkeys(_told(path) for path in _differing((), before, after)))
    return "nothing" if not found else found[0] if len(found) == 1 else f"{found[0]} and {len(found) - 1} more"


def _differing(path: Path, before: Any, after: Any) -> Iterator[Path | str]:
    if before == after:
        return
    rows = fields.rows_at(path)
    if rows is not None and path == rows.path:
        one, other = list(before or ()), list(after or ())
        if len(one) != len(other):
            more = len(other) > len(one)
            longer = other if more else one
            at = next(
                (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
            number = "" if abs(len(one) - len(other)) > 1 else f" {min(at, len(longer) - 1) + 1}"
            yield f"{rows.name}{number or 's'} {'added' if more else 'removed'}"
            return
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from _differing((*path, i), a, b)
    elif fields.is_table(path) and (isinstance(before, Mapping) or isinstance(after, Mapping)):
        former, later = before or {}, after or {}
        for key in dict.fromkeys((*former, *later)):
            yield from _differing((*path, str(key)), former.get(key), later.get(key))
    else:
        yield path


def _told(path: Path | str) -> str:
    if isinstance(path, str):
        return path
    field, rows = fields.at(path), fields.rows_at(path)
    if rows is not None:
        place = f"{rows.name} {int(path[len(rows.path)]) + 1}"
        return f"{field.label} of {place}" if field is not None and rows.fields else place
    return field.label if field is not None else " ".join(str(part) for part in path)
