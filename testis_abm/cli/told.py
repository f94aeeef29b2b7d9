"""What a command has to say, in one place: printed as it comes, as one JSON document, as files, and as a page."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.choices import DISCLAIMER
from testis_abm.cli.options import as_typed, under_its_option
from testis_abm.cli.page import DOCUMENT, PAGE, methods, write_page
from testis_abm.quantities import unit_of, unit_system
from testis_abm.support import files, outputs, tabular
from testis_abm.support.errors import Note, Problem, TestisError, brief, printable

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.scenario import Scenario

_FORMAT = 1


def mute() -> None:
    """Let nothing that is still to be printed fail once more, now or as the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Told:
    """What a command says.

    Attributes:
        as_json: whether standard output is one JSON document.
        title: of the results; seed: of their draws.
        marks: what of them lies beyond the evidence; notes: warnings.
        lines: of text, without what is only of the terminal.
        tables: name -> rows of what the text says, with the unit of each column.
        facts: numbers and words beside them.
        cases: name -> scenario that was simulated; loaded: all that were read, simulated or not yet.
        folder: of the results, which keeps what is said.
    """

    def __init__(self, command: Sequence[str], *, as_json: bool = False, page: bool = False) -> None:
        self.command, self.as_json, self.page = tuple(command), as_json, page
        self.title, self.seed = "", None  # type: str, int | None
        self.marks: list[str] = []
        self.notes: list[str] = []
        self.lines: list[str] = []
        self.tables: dict[str, tuple[pd.DataFrame, dict[str, str]]] = {}
        self.facts: dict[str, Any] = {}
        self.cases: dict[str, Scenario] = {}
        self.loaded: list[Scenario] = []
        self.folder: Path | None = None
        self.kept = True
        self.files: list[str] = []
        self._deaf = False  # nobody reads standard output any more

    def say(self, text: object = "", end: str = "\n") -> None:
        """Print a text, now and whole, unless all is one document."""
        self.lines += str(text).split("\n")
        self.show(text, end)

    def show(self, text: object, end: str = "\n") -> None:
        """Print what is only of the terminal: where results are, what to type next."""
        if self.as_json or self._deaf:
            return
        try:
            print(text, end=end, flush=True)
        except BrokenPipeError:  # the reader of a pipe has gone (head, less): files are still wanted
            self._deaf = True
            mute()

    def note(self, text: str) -> None:
        """Say on standard error what a user should know, and keep it; a JSON document holds it."""
        self.notes.append(text)
        if not self.as_json:
            print(f"Note: {text}", file=sys.stderr, flush=True)

    def row(self, name: str, table: pd.DataFrame, units: Mapping[str, str] | None = None) -> None:
        """Add a table of what the text says; `units` by column where its name does not tell."""
        self.tables[name] = (table, units_of(table) | dict(units or {}))

    def of(self, *cases: Scenario, named: Sequence[str] = ()) -> None:
        """Take title, seed and marks from the scenarios that are simulated."""
        from testis_abm.scenario.scenario import extrapolated

        for case, name in zip(cases, named or [case.title for case in cases], strict=True):
            self.cases[name] = case
            self.marks += [text for text in extrapolated(case) if text not in self.marks]
        self.loaded += cases
        first = cases[0]
        self.title = self.title or first.heading
        self.seed = first.plan.seed if self.seed is None else self.seed

    def place(self, folder: str | Path, *, kept: bool = True) -> Path:
        """Name the folder of the results; whether what is said is `kept` there too (a page can be made of it later).

        Raises:
            TestisError: a file there has the name of one of ours, and is none.
        """
        self.folder, self.kept = Path(folder), kept
        for name in (DOCUMENT,) * kept + (PAGE,) * self.page:
            outputs.check(self.folder / name)
        return self.folder

    def about(self) -> dict[str, Any]:
        """Return what files of tables say of themselves."""
        from testis_abm import __version__

        named = {"title": self.title, "version": __version__, "command": self.command[0] if self.command else ""}
        return named | {"seed": "" if self.seed is None else self.seed, "disclaimer": DISCLAIMER}

    def write(self, path: Path, table: pd.DataFrame) -> None:
        """Write a table in the format of its suffix."""
        outputs.write_table(path, table, units_of(table), self.about())

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Keep warnings while a command works, and let nothing but the document reach standard output."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("default", Note)
            warnings.formatwarning = lambda message, *_, **__: f"note: {brief(str(message))}\n"
            shown = warnings.showwarning

            def keep(message: Any, *rest: Any, **more: Any) -> None:
                self.notes.append(str(message))
                if not self.as_json:
                    shown(message, *rest, **more)

            warnings.showwarning = keep
            if self.as_json:
                stack.enter_context(contextlib.redirect_stdout(sys.stderr))
            yield

    def document(self) -> dict[str, Any]:
        """Return all that is said, as JSON has it."""
        from testis_abm import __version__

        return {
            "software": outputs.SOFTWARE,
            "version": __version__,
            "format": _FORMAT,
            "command": list(map(printable, self.command)),
            "title": self.title,
            "seed": self.seed,
            "units": unit_system(),
            "extrapolation": self.marks,
            "warnings": [text for text in dict.fromkeys(self.notes) if text not in self.marks],
            **tabular.plain(self.facts),
            "tables": {
                name: {"columns": tabular.columns(table, units), "records": tabular.records(table)}
                for name, (table, units) in self.tables.items()
            },
            "text": self.lines,
            "disclaimer": DISCLAIMER,
        }

    def end(self, code: int) -> None:
        """Keep what was said in the folder of the results, make the page, print the document."""
        whole = self.document() | {"methods": self.methods()}
        if self.folder is not None and self.folder.is_dir() and self.lines:
            if self.kept:
                files.write(self.folder / DOCUMENT, _json(whole))
            if self.page:
                self.files.append(PAGE)
                self.show(f"Report: {write_page(self.folder, whole)}")
        if self.as_json:
            made = {"folder": None if self.folder is None else str(self.folder), "files": sorted(set(self.files))}
            print(_json({**whole, **made, "exit_code": code}), end="", flush=True)

    def stop(self, error: TestisError | str) -> None:
        """Say on standard error why a command ends early."""
        print(fault(error, warnings=self.notes) if self.as_json else as_typed(error), file=sys.stderr)

    def methods(self) -> dict[str, Any]:
        """Return how the results were made: terms and texts, the scenarios as TOML, versions."""
        if not self.cases:
            return {}
        from testis_abm.support.fingerprint import versions

        return {
            "entries": methods(self.command[0] if self.command else "", self.cases),
            "scenarios": {name: case.to_toml() for name, case in self.cases.items()},
            "versions": {**versions(), "platform": platform.platform()},
        }


def units_of(table: pd.DataFrame) -> dict[str, str]:
    """Return the unit of each column whose name tells one."""
    return {str(name): unit for name in table if (unit := unit_of(str(name)))}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(tabular.plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def fault(error: TestisError | str, place: str = "", warnings: Sequence[str] = ()) -> str:
    """Return an error as one JSON document: place and text of each of its faults, and what was noted before."""
    if isinstance(error, TestisError) and error.problems:
        found = [_fault(under_its_option(problem)) for problem in error.problems]
    else:
        found = [{"place": place, "text": str(error).strip()}]
    noted = {"warnings": list(dict.fromkeys(warnings))} if warnings else {}
    return json.dumps({"software": outputs.SOFTWARE, "errors": found, **noted}, ensure_ascii=False)


def _fault(problem: Problem) -> dict[str, str]:
    line = problem.line()
    text = printable(problem.text)
    return {"place": printable(line.removesuffix(problem.text).removesuffix(": ")), "text": text}


def of_line(options: argparse.Namespace, arguments: Sequence[str]) -> Told:
    """Return what a command line will say."""
    typed_ = [text for text in arguments if text != "--json"]
    return Told(typed_, as_json=options.json, page=getattr(options, "report", False))
