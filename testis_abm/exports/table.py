"""The numbers of the model as one table: parameters, men, drugs, hypotheses, each with unit, range, source and confidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm import parameters
from testis_abm.exports.target import suffix_of
from testis_abm.parameters import Parameter
from testis_abm.support import files, outputs

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("table", "name", "value", "unit", "low", "high", "confidence", "source", "note")
_CSV, _JSON = ".csv", ".json"


def parameter_table() -> pd.DataFrame:
    """Return a row for each number of the model.

    `table` says where it stands: model (parameters/model/*.toml), physiology (fields of a man: those of the reference man),
    man (in what a preset is unlike him), observed (what was published of men like a preset: low to high), drug, hypothesis
    (what an answer sets, its weight, and its shares of men). A text that a table does not have is empty, a number NaN.
    """
    import pandas as pd

    return pd.DataFrame([*_rows()], columns=list(COLUMNS))


def _rows() -> Iterator[tuple[Any, ...]]:
    for table, numbers in (("model", parameters.load()), ("physiology", parameters.physiology())):
        yield from (_row(table, number) for number in numbers.values())
    fields, nan = parameters.physiology(), float("nan")
    for man in parameters.presets().values():
        for field, value in man.values.items():
            of = fields[field]
            yield "man", f"{man.name}.{field}", value, of.unit, of.low, of.high, "", man.source, man.title
        for quantity, seen in parameters.observed_in(man.name).items():
            yield "observed", f"{man.name}.{quantity}", nan, "", seen.low, seen.high, "measured", seen.source, ""
    for drug in parameters.drugs().values():
        yield from (_row("drug", number) for number in drug.numbers.values())
        note = f"{drug.title}, {drug.drug_class}; largest single dose that evidence covers"
        yield "drug", f"drug.{drug.name}.largest_dose", drug.largest_dose, drug.dose_unit, nan, nan, "", "", note
    known = parameters.load()
    for hypothesis in parameters.hypotheses().values():
        for answer in hypothesis.answers.values():
            place = f"{hypothesis.name}.{answer.name}"
            default = "; the default" if answer.name == hypothesis.default else ""
            yield (
                "hypothesis",
                f"{place}.weight",
                answer.weight,
                "1",
                0.0,
                1.0,
                "",
                answer.source,
                (f"{hypothesis.question}{default}"),
            )
            for k, kind in enumerate(answer.kinds):
                yield "hypothesis", f"{place}.{k}.share", kind.share, "1", 0.0, 1.0, "", answer.source, ""
                for name, value in kind.parameters.items():
                    of = known[name]
                    yield "hypothesis", f"{place}.{k}.{name}", value, of.unit, of.low, of.high, "", answer.source, ""
                for name, value in kind.man.items():
                    text = "factor of his own"
                    yield "hypothesis", f"{place}.{k}.man.{name}", value, "1", nan, nan, "", answer.source, text


def _row(table: str, of: Parameter) -> tuple[Any, ...]:
    return (table, *(getattr(of, name) for name in COLUMNS[1:]))


def export_parameters(out: str | Path) -> Path:
    """Write all numbers of the model as CSV or JSON, as the suffix says; return the path.

    JSON holds the rows under "parameters", null for what is NaN in the table; numbers read back as they were, to the last bit.

    Raises:
        TestisError: another suffix, or the file cannot be written or is somebody else's.
    """
    suffix = suffix_of(out, (_CSV, _JSON))
    outputs.check(out, COLUMNS)
    table = parameter_table()
    if suffix == _CSV:
        outputs.write_table(out, table)
    else:
        from testis_abm import __version__

        rows = [
            {name: value if value == value else None for name, value in row.items()} for row in table.to_dict("records")
        ]
        outputs.write_json(out, {"version": __version__, "parameters": rows})
    return files.resolved(out)
