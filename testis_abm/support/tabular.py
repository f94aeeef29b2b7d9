"""Tables as files of other programs: CSV, Excel and JSON, and back to the table that they were written of.

Text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return, and goes on) is text in
all of them: an Excel cell says that it holds text, and CSV, which cannot, has an apostrophe before it, as spreadsheets
themselves write such text. Reading takes it away again. All files are the same bytes for the same table.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

from testis_abm.support.errors import ScenarioError, TestisError

if TYPE_CHECKING:
    import pandas as pd

SOFTWARE = "testis_abm"  # in every file that has room for it
SHEET_ROWS, SHEET_COLUMNS, CELL_SIGNS = 1_048_576, 16_384, 32_767  # what a worksheet holds
_HEAD = 2  # rows of names and of units
_FORMULA = re.compile(r"'*[=+\-@\t\r].", re.DOTALL)
# Signs that XML has no room for, and text that looks like how they are written in a workbook.
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_WRITTEN = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LONGEST_NAME = 31  # signs of a worksheet's name
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of a file in an archive: no clock decides on its bytes
_CLOCK = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms:)")
_CREATOR = re.compile(rb"<dc:creator[^>]*>" + SOFTWARE.encode() + b"</dc:creator>")  # with lxml it names its space
_INFINITE = {math.inf: "inf", -math.inf: "-inf"}


def need_openpyxl() -> None:
    """Make sure that workbooks can be written.

    Raises:
        ScenarioError: openpyxl is missing.
    """
    if find_spec("openpyxl") is None:
        raise ScenarioError('Excel files need one more package: pip install "testis_abm[tables]"; CSV needs none')


def plain(value: Any) -> Any:
    """Return a value as JSON has it: Python's own numbers, null for what is missing, "inf" and "-inf" for what has no end."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else _INFINITE.get(value, float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return [plain(entry) for entry in sorted(value)]
    if hasattr(value, "tolist"):  # numpy's own
        return plain(value.tolist())
    return None if _is_missing(value) else str(value)


def _is_missing(value: Any) -> bool:
    if isinstance(value, str | bool | int):
        return False
    import pandas as pd

    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def columns(table: pd.DataFrame, units: Mapping[str, str]) -> list[dict[str, str]]:
    """Return name, unit ("" without) and type of each column."""
    return [
        {"name": str(name), "unit": units.get(str(name), ""), "type": str(kind)} for name, kind in table.dtypes.items()
    ]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, each by column, as JSON has them."""
    names = [str(name) for name in table]
    return [dict(zip(names, map(plain, row))) for row in _rows(table)]


def with_texts(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Return the table with these columns as text, "" where nothing stands: a column without any text is read as numbers.

    Raises:
        KeyError: it lacks one.
    """
    texts = {name: table[name].astype(object) for name in names}
    return table.assign(**{name: column.where(column.notna(), "").astype(str) for name, column in texts.items()})


def _rows(table: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    return zip(*(table.iloc[:, k].astype(object) for k in range(table.shape[1])))


def _typed(cells: Mapping[str, Sequence[Any]], types: Mapping[str, str], rows: int) -> pd.DataFrame:
    """Return a table of cells as they were read; in columns of numbers None is missing, and text an infinity."""
    import pandas as pd

    made = {}
    for name, values in cells.items():
        kind = types[name]
        if kind.startswith("float"):
            made[name] = pd.Series([math.nan if x is None else float(x) for x in values], dtype=kind)
        elif kind.startswith(("int", "uint", "bool")):
            made[name] = pd.Series(list(values), dtype=kind)
        else:
            made[name] = pd.Series(list(values), dtype=object).astype(kind)
    return pd.DataFrame(made, index=range(rows))


# ---- JSON


def json_of(table: pd.DataFrame, units: Mapping[str, str], about: Mapping[str, Any]) -> bytes:
    """Return a table as JSON: what it is about, its columns with units and types, and its rows."""
    whole = {"software": SOFTWARE, **plain(about), "columns": columns(table, units), "records": records(table)}
    return (json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def from_json(file: IO[bytes]) -> pd.DataFrame:
    """Return the table that `json_of` wrote."""
    whole = json.load(file)
    types = {column["name"]: column["type"] for column in whole["columns"]}
    rows = whole["records"]
    return _typed({name: [row[name] for row in rows] for name in types}, types, len(rows))


# ---- CSV


def defended(value: Any) -> Any:
    """Return text that a spreadsheet would take for a formula marked as text, and anything else as it is."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _undefended(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_of(table: pd.DataFrame) -> bytes:
    """Return a table as CSV, one head line; it has no place for units, which the names of columns tell, or types."""
    safe = table.rename(columns=defended)
    for k, kind in enumerate(table.dtypes):
        if not _is_number(kind) and any(isinstance(x, str) and _FORMULA.match(x) for x in table.iloc[:, k]):
            safe.isetitem(k, table.iloc[:, k].astype(object).map(defended))
    return bytes(safe.to_csv(index=False, lineterminator="\n").encode(errors="backslashreplace"))


def _is_number(kind: Any) -> bool:
    return getattr(kind, "kind", "O") in "biuf"


def from_csv(file: IO[bytes], types: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return the table that `csv_of` wrote; of columns without a type, whole numbers, numbers, yes or no, and text are told apart.

    CSV has one word for an empty text and a missing one.
    """
    import pandas as pd

    raw = pd.read_csv(file, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False)
    made: dict[str, tuple[list[Any], str]] = {}
    for k in raw:
        head, *cells = raw[k].tolist()
        name = _undefended(head)
        kind = (types or {}).get(name) or _guessed(cells)
        if kind == "bool":
            cells = [cell == "True" for cell in cells]
        elif kind.startswith(("int", "uint")):
            cells = [int(cell) for cell in cells]
        elif kind.startswith("float"):
            cells = [None if cell == "" else cell for cell in cells]
        else:
            cells = [_undefended(cell) for cell in cells]
        made[name] = (cells, kind)
    kinds = {name: kind for name, (_, kind) in made.items()}
    return _typed({name: cells for name, (cells, _) in made.items()}, kinds, len(raw) - 1)


def _guessed(cells: Sequence[str]) -> str:
    if cells and all(cell in ("True", "False") for cell in cells):
        return "bool"
    if cells and all(re.fullmatch(r"-?[0-9]{1,18}", cell) for cell in cells):
        return "int64"
    number = re.compile(r"-?(inf|[0-9]+\.?[0-9]*(e[+-]?[0-9]+)?)|", re.IGNORECASE)
    if any(cells) and all(number.fullmatch(cell) for cell in cells):
        return "float64"
    return "str"


# ---- Excel


def xlsx_of(table: pd.DataFrame, name: str, units: Mapping[str, str], about: Mapping[str, Any]) -> bytes:
    """Return a table as a workbook: names and units in a frozen head, and a sheet that says what it is about.

    Raises:
        TestisError: a worksheet does not hold it.
    """
    need_openpyxl()
    import openpyxl

    if len(table) + _HEAD > SHEET_ROWS or table.shape[1] > SHEET_COLUMNS:
        raise TestisError(
            f"{name}: {len(table):,} rows and {table.shape[1]:,} columns are more than a worksheet holds "
            f"({SHEET_ROWS - _HEAD:,} and {SHEET_COLUMNS:,}); choose --format csv or parquet"
        )
    longest = max((len(_written(x)) for row in _rows(table) for x in row if isinstance(x, str)), default=0)
    if longest > CELL_SIGNS:
        raise TestisError(
            f"{name}: a text of {longest:,} signs is more than a cell of a worksheet holds ({CELL_SIGNS:,})"
        )
    book = openpyxl.Workbook(write_only=True)
    book.properties.creator = SOFTWARE
    book.properties.title = _written(str(about.get("title", name)))
    described = columns(table, units)
    sheet = book.create_sheet(name[:_LONGEST_NAME])
    sheet.freeze_panes = f"A{_HEAD + 1}"
    for letter, column in zip(_letters(len(described)), described):
        sheet.column_dimensions[letter].width = min(40, max(10, 2 + max(len(column["name"]), len(column["unit"]))))
    sheet.append([_text(sheet, column["name"], bold=True) for column in described])
    sheet.append([_text(sheet, column["unit"]) for column in described])
    formats = [_format(table.iloc[:, k]) for k in range(table.shape[1])]
    for row in _rows(table):
        sheet.append([_cell(sheet, value, form) for value, form in zip(row, formats)])
    page = book.create_sheet("about")
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 24, 100
    for key, value in {"software": SOFTWARE, **about}.items():
        written = plain(value)
        shown = written if isinstance(written, int | float) else _spelled(written)
        page.append([_text(page, key, bold=True), _cell(page, shown, "General")])
    page.append([])
    page.append([_text(page, head, bold=True) for head in _DESCRIBED])
    for k, column in enumerate(described):
        blank = "" if _is_number(table.dtypes.iloc[k]) else _blank(table.iloc[:, k])
        page.append([_text(page, text) for text in (*column.values(), blank)])
    file = io.BytesIO()
    book.save(file)
    return _without_clock(file.getvalue())


_DESCRIBED = ("column", "unit", "type", "empty cells are")


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _blank(values: pd.Series) -> str:
    """Return what an empty cell of a column of text stands for: a missing text, if there is one."""
    cells = values.astype(object)
    return "empty text" if (cells == "").any() and not any(map(_is_missing, cells)) else "missing"


def _letters(count: int) -> list[str]:
    from openpyxl.utils import get_column_letter

    return [get_column_letter(k) for k in range(1, count + 1)]


def _format(values: pd.Series) -> str:
    """Return the number format of a column: about four figures of what it usually holds."""
    kind = getattr(values.dtype, "kind", "O")
    if kind in "iu":
        return "0"
    if kind != "f":
        return "General"
    import numpy as np

    sizes = np.abs(values.to_numpy(dtype=float))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0.0)]
    if not len(sizes):
        return "0.0"
    usual = math.floor(math.log10(float(np.median(sizes))))
    if not -4 < usual < 9:
        return "0.00E+00"
    return f"0.{'0' * places}" if (places := min(6, max(0, 3 - usual))) else "0"


def _cell(sheet: Any, value: Any, form: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    if _is_missing(value):
        return None
    value = plain(value)
    if isinstance(value, str):
        return _text(sheet, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        cell = WriteOnlyCell(sheet, value=repr(value))  # openpyxl would write 16 figures
        cell.data_type = "n"
    else:
        cell = WriteOnlyCell(sheet, value=value)
    cell.number_format = form
    return cell


def _text(sheet: Any, text: str, *, bold: bool = False) -> Any:
    """Return a cell that holds text, whatever it begins with."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cell = WriteOnlyCell(sheet, value=_written(text)[:CELL_SIGNS])
    cell.data_type = "s"
    cell.quotePrefix = bool(_FORMULA.match(text))  # so that it stays text where somebody edits it
    if bold:
        cell.font = Font(bold=True)
    return cell


def _written(text: str) -> str:
    """Return a text with what XML has no room for as workbooks write it."""
    text = _WRITTEN.sub(lambda found: f"_x005F{found[0]}", text)
    return _UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _read(text: str) -> str:
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)), text)


def _without_clock(content: bytes) -> bytes:
    """Return a workbook without the times at which it and its parts were made."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "docProps/core.xml":
                part = _CLOCK.sub(rb"\g<1>1980-01-01T00:00:00Z\g<3>", part)
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            new.writestr(entry, part)
    return made.getvalue()


def from_xlsx(file: IO[bytes]) -> pd.DataFrame:
    """Return the table that `xlsx_of` wrote."""
    need_openpyxl()
    import openpyxl

    book = openpyxl.load_workbook(file, read_only=True)
    rows = list(book.worksheets[0].iter_rows(min_row=_HEAD + 1, values_only=True))
    about = [tuple(row) for row in book["about"].iter_rows(max_col=len(_DESCRIBED), values_only=True)]
    described = about[about.index(_DESCRIBED) + 1 :]
    types, empty = {}, set()
    for name, _, kind, blank in described:
        types[_read(name or "")] = kind
        if blank == "empty text":
            empty.add(_read(name or ""))
    cells = {
        name: [_back(row[k] if k < len(row) else None, "" if name in empty else None) for row in rows]
        for k, name in enumerate(types)
    }
    return _typed(cells, types, len(rows))


def _back(value: Any, blank: str | None) -> Any:
    return blank if value is None else _read(value) if isinstance(value, str) else value


def written_here(content: IO[bytes]) -> bool:
    """Return whether a workbook was written by this program."""
    with zipfile.ZipFile(content) as parts:
        return bool(_CREATOR.search(parts.read("docProps/core.xml")))


READERS: Mapping[str, Callable[[IO[bytes]], Any]] = {".csv": from_csv, ".xlsx": from_xlsx, ".json": from_json}
