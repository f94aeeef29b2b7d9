"""The cells of a table that a clinic exports: delimited text of any separator and encoding, or a sheet of an Excel file.

Nothing in a file is run or followed: formulas, macros and links are named, and what they would bring is not fetched.
What a file may hold is limited before it is read, so that a hostile one is refused in no time.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from testis_abm.support import files, guard
from testis_abm.support.errors import ScenarioError, TestisError, printable, shown

MOST_BYTES = 64 * 2**20  # of a file
MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 100_000, 1_000, 5_000_000
LONGEST = 2_000  # characters of a cell
_LAST_ROW, _MOST_SPREAD = 2**20, 4 * MOST_CELLS  # of a sheet; cells of one, those that only have a format too
# Of an Excel file, which is a zip: parts, bytes of all parts as declared, and how far one may be packed.
_MOST_PARTS, _MOST_UNPACKED, _MOST_RATIO, _SMALL = 2_000, 256 * 2**20, 400, 2**20
_LEGACY, _ZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")
_SEPARATORS = "\t;|,"  # in the order in which they are believed: a comma also stands in numbers
_LOOKED_AT = 200  # lines that tell the separator
_EXPECTED = "give a table as CSV text or Excel (.xlsx)"

Cell = str | float | date | bool | None


@dataclass(frozen=True)
class Fault:
    """What was found in a table and not used: where, what was found, what was expected, and what was done.

    Attributes:
        row: line or row in the file, from 1; 0 of a whole column or file.
        column: heading; "" of a whole row.
        man: his identifier, "" where it is of none.
    """

    row: int
    column: str
    found: str
    expected: str
    done: str = "left out"
    man: str = ""


@dataclass(frozen=True)
class Grid:
    """The cells of a table.

    Attributes:
        source: name of the file; how: how it was read, in words.
        rows: cells of each row, from row `first` of the file on, all of one length.
        numbers: row in the file of each of `rows`.
        faults: of cells and of the file as a whole.
    """

    source: str
    how: str
    rows: list[list[Cell]]
    numbers: list[int]
    faults: list[Fault]


def read(path: str | Path, sheet: str = "") -> Grid:
    """Return the cells of a table.

    Args:
        path: of CSV text (comma, semicolon, tab or bar; UTF-8, UTF-16 or cp1252) or an .xlsx file.
        sheet: of an Excel file (default: the first that is visible and not empty).

    Raises:
        TestisError: it is no such file, or holds more than a table of men can.
    """
    place = guard.path(path, "table")
    name = printable(place.name)
    with files.reading(place), files.regular(place) as file:
        check_bytes(name, file.seek(0, io.SEEK_END))
        file.seek(0)
        raw = file.read(MOST_BYTES + 1)
    return read_bytes(raw, name, sheet)


def check_bytes(name: str, size: int) -> None:
    """Make sure that a file of `size` bytes may be read.

    Raises:
        ScenarioError: it is larger than MOST_BYTES.
    """
    if size > MOST_BYTES:
        raise _refused(name, f"{size / 2**20:,.0f} MB", f"at most {MOST_BYTES // 2**20} MB")


def read_bytes(raw: bytes, name: str, sheet: str = "") -> Grid:
    """Return the cells of a table from what its file holds; `name` is what messages call it (see `read`).

    Raises:
        TestisError: as `read`.
    """
    check_bytes(name, len(raw))
    if not raw.strip():
        raise ScenarioError(f"{name}: is empty; {_EXPECTED}")
    if raw.startswith(_LEGACY):
        raise ScenarioError(
            f"{name}: is an old or encrypted Excel file; save it as .xlsx without a password, or as CSV"
        )
    if raw.startswith(_ZIP):
        return _excel(raw, name, sheet)
    if raw.startswith(_ARCHIVES):
        raise ScenarioError(f"{name}: is an archive; unpack it and give the table in it")
    if sheet:
        raise ScenarioError(f"{name}: is text, without sheets; leave --sheet out")
    return _text(raw, name)


def _refused(name: str, found: str, allowed: str) -> ScenarioError:
    return ScenarioError(
        f"{name}: holds {found}; allowed: {allowed}. Keep the rows of men and the columns that are needed"
    )


# ---- text


def _decoded(raw: bytes, name: str) -> tuple[str, str]:
    """Return text and its encoding."""
    for mark, code in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            try:
                return raw.decode(code), "UTF-8" if code == "utf-8-sig" else "UTF-16"
            except UnicodeDecodeError:
                raise ScenarioError(f"{name}: begins as {code} and cannot be read as such; save it as UTF-8") from None
    start = raw[:4096]
    for code, nul in (("utf-16-le", slice(1, None, 2)), ("utf-16-be", slice(0, None, 2))):
        if start[nul].count(0) > 0.4 * len(start[nul]):
            try:
                return raw.decode(code), "UTF-16"
            except UnicodeDecodeError:
                break
    if b"\0" in raw:
        raise ScenarioError(f"{name}: is no text (it holds zero bytes); {_EXPECTED}")
    try:
        return raw.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), "cp1252"


def _text(raw: bytes, name: str) -> Grid:
    text, encoding = _decoded(raw, name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    skipped = 0
    named = re.match(r"sep=(.)\n", text)  # what Excel writes to itself
    if named:
        text, skipped = text[named.end() :], 1
    separator = named[1] if named else _separator(text, name)
    try:
        rows, numbers = _parsed(text, name, separator, skipped, strict=True)
    except csv.Error:  # signs after a quotation mark that closes: read as they stand
        rows, numbers = _parsed(text, name, separator, skipped, strict=False)
    words = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
    how = f"text in {encoding}, separated by {words.get(separator, shown(separator))}"
    return _grid(name, how, rows, numbers, [])


def _parsed(text: str, name: str, separator: str, skipped: int, *, strict: bool) -> tuple[list[list[Cell]], list[int]]:
    """Return rows of cells, and the line of the file in which each begins."""
    rows: list[list[Cell]] = []
    numbers: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
    cells, line = 0, skipped
    before = csv.field_size_limit(20 * LONGEST)
    try:
        for row in reader:
            numbers.append(line + 1)
            line = reader.line_num + skipped
            cells += len(row)
            _check_size(name, len(numbers), len(row), cells)
            rows.append([cell.strip().replace("\xa0", " ") or None for cell in row])
    except csv.Error as error:
        # A quotation mark that is never closed would take the rest of the file as one cell.
        if strict and "end of data" not in str(error) and "limit" not in str(error):
            raise
        text = f"{name}: line {line + 1}: a quotation mark is not closed, or a cell is longer than {20 * LONGEST:,} characters"
        raise ScenarioError(f"{text}; close it") from None
    finally:
        csv.field_size_limit(before)
    return rows, numbers


def _separator(text: str, name: str) -> str:
    """Return what stands between cells: in most lines, and about as often in each."""
    lines = [line for line in text.split("\n", _LOOKED_AT + 1)[:_LOOKED_AT] if line.strip()]
    bare = [re.sub(r'"(?:[^"]|"")*"', "", line[: 100 * LONGEST]) for line in lines]
    for separator in _SEPARATORS:
        counts = Counter(count for line in bare if (count := line.count(separator)))
        alike = max(counts.values(), default=0)
        if alike and sum(counts.values()) >= 0.5 * len(bare) and alike >= 0.4 * sum(counts.values()):
            return separator
    raise ScenarioError(
        f"{name}: no separator of columns was found (comma, semicolon, tab or bar, in most lines); a table has at "
        "least two columns, an identifier or date and a value"
    )


def _check_size(name: str, rows: int, columns: int, cells: int) -> None:
    if columns > MOST_COLUMNS:
        raise _refused(name, f"{columns:,} columns or more", f"at most {MOST_COLUMNS:,}")
    if rows > MOST_ROWS + 1:  # the headings are one more
        raise _refused(name, f"over {MOST_ROWS:,} rows", f"at most {MOST_ROWS:,}")
    if cells > MOST_CELLS:
        raise _refused(name, f"over {MOST_CELLS:,} cells", f"at most {MOST_CELLS:,}")


def _grid(name: str, how: str, rows: list[list[Cell]], numbers: list[int], faults: list[Fault]) -> Grid:
    """Return a grid whose rows are of one length, without cells that no table of men holds."""
    for number, row in zip(numbers, rows, strict=True):
        for k, cell in enumerate(row):
            if isinstance(cell, str):
                if len(cell) > LONGEST:
                    faults.append(Fault(number, f"column {k + 1}", f"{len(cell):,} characters", f"at most {LONGEST:,}"))
                    row[k] = None
                elif cell.startswith("="):
                    faults.append(
                        Fault(number, f"column {k + 1}", cell, "a value, no formula", "left out; it was not run")
                    )
                    row[k] = None
    width = max((k + 1 for row in rows for k, cell in enumerate(row) if cell is not None), default=0)
    if not width:
        raise ScenarioError(f"{name}: holds no cell with a value; {_EXPECTED}")
    return Grid(name, how, [(row + [None] * width)[:width] for row in rows], numbers, faults)


# ---- Excel


def _excel(raw: bytes, name: str, sheet: str) -> Grid:
    faults = _check_zip(raw, name)
    try:
        import openpyxl
    except ImportError:
        raise TestisError(
            'Excel files need one more package: pip install "testis_abm[tables]"; or save it as CSV'
        ) from None
    try:
        return _sheet(openpyxl, raw, name, sheet, faults)
    except TestisError:
        raise
    except Exception as error:  # a reader of a file that others wrote may raise anything
        raise ScenarioError(
            f"{name}: cannot be read as an Excel file ({type(error).__name__}: {printable(str(error))[:120]}); save it "
            "again as .xlsx, or as CSV"
        ) from None


def _check_zip(raw: bytes, name: str) -> list[Fault]:
    """Look at what the zip of an Excel file declares, before anything of it is unpacked."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(raw))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ScenarioError(f"{name}: is a damaged zip ({error}); save it again as .xlsx, or as CSV") from None
    parts = archive.infolist()
    names = [part.filename for part in parts]
    if "[Content_Types].xml" not in names or not any(part.startswith("xl/") for part in names):
        raise ScenarioError(f"{name}: is a zip, and no Excel file; unpack it and give the table in it (.xlsx or CSV)")
    if len(parts) > _MOST_PARTS:
        raise _refused(name, f"{len(parts):,} parts", f"at most {_MOST_PARTS:,}")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > _MOST_UNPACKED:
        raise _refused(name, f"{unpacked / 2**20:,.0f} MB unpacked", f"at most {_MOST_UNPACKED // 2**20} MB")
    for part in parts:
        if part.file_size > _SMALL and part.file_size > _MOST_RATIO * max(1, part.compress_size):
            raise _refused(
                name, f"a part packed {part.file_size // max(1, part.compress_size):,} times", f"{_MOST_RATIO} times"
            )
        if part.flag_bits & 1:
            raise ScenarioError(f"{name}: is encrypted; save it without a password")
        with archive.open(part) as opened:
            start = opened.read(4096)
        if start.startswith(_ARCHIVES):
            raise ScenarioError(
                f"{name}: holds an archive ({printable(part.filename)}); give a table without attachments"
            )
        if part.filename.endswith((".xml", ".rels")) and re.search(rb"<!(DOCTYPE|ENTITY)", start, re.IGNORECASE):
            raise ScenarioError(
                f"{name}: defines entities ({printable(part.filename)}), which no table does; save it again"
            )
    faults = []
    if any(part.startswith("xl/externalLinks/") for part in names):
        faults.append(Fault(0, "", "links to other files", "values", "not followed; values stored with them are read"))
    if any(part.endswith("vbaProject.bin") for part in names):
        faults.append(Fault(0, "", "macros", "values", "not run"))
    return faults


def _sheet(openpyxl: Any, raw: bytes, name: str, wanted: str, faults: list[Fault]) -> Grid:
    def opened(values: bool) -> Any:
        return openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=values, keep_links=False)

    book, formulas = opened(True), opened(False)
    known = [sheet.title for sheet in book.worksheets]
    if wanted and wanted not in known:
        raise ScenarioError(f"{name}: has no sheet {shown(wanted)}; known: {', '.join(map(shown, known))}")
    visible = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"] or known
    rows: list[list[Cell]] = []
    title = wanted
    for title in [wanted] if wanted else visible:
        rows = list(_rows(book[title], name))
        while rows and not rows[-1]:
            rows.pop()
        if any(cell is not None for row in rows for cell in row):
            break
    if not rows:
        raise ScenarioError(f"{name}: has no sheet with values; {_EXPECTED}")
    stored = 0
    for number, (row, written) in enumerate(zip(rows, _rows(formulas[title], name, text=True)), 1):
        for k, formula in enumerate(written):
            if isinstance(formula, str) and formula.startswith("="):
                if row[k] is None:
                    faults.append(
                        Fault(number, f"column {k + 1}", formula, "a stored value", "left out; it was not run")
                    )
                else:
                    stored += 1
    others = [other for other in known if other != title]
    how = f"sheet {shown(title)} of an Excel file" + (f" (not read: {', '.join(map(shown, others))})" if others else "")
    how += f"; of {stored:,} formulas the values stored with them" if stored else ""
    return _grid(name, how, rows, list(range(1, len(rows) + 1)), faults)


def _rows(sheet: Any, name: str, *, text: bool = False) -> Iterator[list[Cell]]:
    """Yield the cells of a sheet, its limits checked as it is read."""
    sheet.reset_dimensions()  # what a sheet says of its own size may be anything
    cells = spread = 0
    # Without bounds a row is as long as its last cell, and one that is missing has no cell: nothing is filled up before it is refused.
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        spread += len(row)
        if number > _LAST_ROW or spread > _MOST_SPREAD:
            raise _refused(name, "rows or cells without end, most of them empty", f"at most {MOST_CELLS:,} cells")
        used = len(row)
        while used and row[used - 1] is None:
            used -= 1
        cells += used
        _check_size(name, number if used else 0, used, cells)
        yield [cell if text and isinstance(cell, str) else _cell(cell) for cell in row[:used]] if used else []


def _cell(value: object) -> Cell:
    if isinstance(value, str):
        text = value.strip().replace("\xa0", " ")
        # A stored text that begins with "=" is text; what is a formula has its value here.
        return text or None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return str(value)


def listed(cells: Iterable[Cell]) -> Sequence[str]:
    """Return cells as text: numbers with a decimal point, dates as YYYY-MM-DD, nothing as ""."""
    return [as_text(cell) for cell in cells]


def as_text(cell: Cell) -> str:
    """Return a cell as text."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.12g}"
    return cell.isoformat() if isinstance(cell, date) else str(cell)
