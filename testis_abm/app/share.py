"""What leaves and enters the app: links, scenario files, tables, pictures, the equivalent command and Python.

All of it is made in memory; nothing that comes from a browser is written to disk or run as code.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import threading
import zipfile
import zlib

from testis_abm.app.draft import short
from testis_abm.quantities import SI, unit_system
from testis_abm.results import KINDS
from testis_abm.results.run import Run
from testis_abm.results.tables import SCHEMAS
from testis_abm.scenario import Scenario, load
from testis_abm.scenario.load import load_bytes
from testis_abm.support.errors import ScenarioError, printable
from testis_abm.support.tabular import csv_of

LONGEST_LINK, LARGEST_UPLOAD = 20_000, 200_000  # characters, bytes
_LARGEST_LINKED = 200_000  # bytes, unpacked
_KEY, _FORMAT = "#s=", "1"
_EPOCH = (1980, 1, 1, 0, 0, 0)
# Matplotlib keeps its settings for the whole process.
_drawing = threading.Lock()


def link(scenario: Scenario) -> str:
    """Return the end of an address that restores a scenario exactly.

    It is a fragment, which browsers do not send: a man's labs do not end up in the log of a server.
    """
    text = json.dumps(scenario.as_dict(), separators=(",", ":"), ensure_ascii=False)
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    return f"{_KEY}{_FORMAT}{packed}"


def is_link(fragment: str) -> bool:
    """Return whether the end of an address is meant to hold a scenario."""
    return fragment.startswith(_KEY)


def from_link(fragment: str) -> Scenario:
    """Return the scenario of a link.

    Raises:
        ScenarioError: one line a problem; the link is too long, damaged, or says what no scenario can.
    """
    if len(fragment) > LONGEST_LINK:
        raise ScenarioError(f"link: is longer than {LONGEST_LINK:,} characters and no scenario")
    text = fragment.removeprefix(_KEY).strip()
    if not text.startswith(_FORMAT):
        raise ScenarioError("link: was not made by this version, or its beginning is missing; ask for it again")
    damaged = ScenarioError("link: is damaged or cut short; copy all of it, or ask for it again")
    try:
        packed = base64.b64decode(text[1:] + "=" * (-len(text[1:]) % 4), altchars=b"-_", validate=True)
        unpack = zlib.decompressobj()
        content = unpack.decompress(packed, _LARGEST_LINKED)
        if unpack.unconsumed_tail:
            raise ScenarioError(f"link: holds more than {_LARGEST_LINKED:,} bytes and no scenario")
        if not unpack.eof:
            raise damaged
        tables = json.loads(content.decode())
    except (binascii.Error, zlib.error, UnicodeError, RecursionError):
        raise damaged from None
    except ScenarioError:
        raise
    except ValueError:
        raise damaged from None
    if not isinstance(tables, dict):
        raise damaged
    return load(tables, name="link")


def from_upload(name: object, content: bytes) -> Scenario:
    """Return the scenario of an uploaded file; `name` is only for messages and for the title of one without.

    Raises:
        ScenarioError: one line a problem, as the command line tells it.
    """
    called = printable(str(name))[:100] or "file"
    if len(content) > LARGEST_UPLOAD:
        raise ScenarioError(f"{called}: is larger than {LARGEST_UPLOAD // 1000} kB and no scenario")
    return load_bytes(content, called)


def file_name(scenario: Scenario, ending: str = "toml") -> str:
    """Return a file name made of the title, of plain letters only."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in scenario.title.lower()).split()
    return f"{'_'.join(words)[:40].strip('_') or 'scenario'}.{ending}"


def command(scenario: Scenario) -> str:
    """Return the command that runs the downloaded scenario, in the system of units in force."""
    units = f" --units {SI}" if unit_system() == SI else ""
    return f"testis-abm run {file_name(scenario)}{units}"


def python(scenario: Scenario) -> str:
    """Return Python that runs the scenario and needs no file."""
    from pprint import pformat

    tables = pformat(short(scenario), indent=1, width=100, sort_dicts=False)
    shown = "print(result.summary())\nresult.plot()"
    if unit_system() == SI:
        shown = f'with ta.in_units("{SI}"):\n{_indented(shown)}'
    return f"import testis_abm as ta\n\nresult = ta.run(\n{_indented(tables)}\n)\n{shown}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def tables(result: Run, kind: str) -> bytes:
    """Return the tables of a run that have rows, as a zip of "csv" or "parquet", with scenario and provenance."""
    from testis_abm.results.store import write_table

    files = {
        "scenario.toml": result.scenario.to_toml().encode(),
        "run.json": json.dumps(result.provenance, indent=1, default=str).encode(),
    }
    for name, table in result.tables.items():
        if not len(table):
            continue
        if kind == "csv":
            files[f"{name}.csv"] = csv_of(table)
        else:
            file = io.BytesIO()
            write_table(table, file, {column: of.unit for column, of in SCHEMAS[name].items()})
            files[f"{name}.parquet"] = file.getvalue()
    return _zip(files)


def pictures(result: Run) -> bytes:
    """Return the figures of a run as a zip of PNG and SVG."""
    from testis_abm.pictures.drawing import draw_figures, rendered

    with _drawing:
        figures = draw_figures(result)
        return _zip({f"{name}.{kind}": rendered(of, kind) for name, of in figures.items() for kind in KINDS})


def _zip(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as into:
        for name, content in files.items():
            into.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()
