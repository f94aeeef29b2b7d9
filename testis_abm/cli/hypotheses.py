"""The command `testis-abm hypotheses`."""

from __future__ import annotations

import argparse

from testis_abm.choices import DISCLAIMER
from testis_abm.cli import printing
from testis_abm.cli.options import REPORT, Command, need_out, option, overrides, scenario, several, tables
from testis_abm.support import guard, outputs

_TABLE = "hypotheses"


def _hypotheses(options: argparse.Namespace) -> int:
    from testis_abm.scenario import load

    case = printing.noted(options.told, load, options.file, overrides=overrides(options))
    from testis_abm.experiments.hypotheses import DEFAULT, under_hypotheses
    from testis_abm.experiments.outputs import output
    from testis_abm.results.plausible import COLUMNS

    words = tuple(guard.named("--output", output)(text) for text in options.output or DEFAULT)
    told, form = options.told, options.format or "csv"
    need_out(options)
    folder = None if options.out is None else guard.path(options.out, "--out")
    if folder is not None:
        outputs.check(folder / f"{_TABLE}.{form}", COLUMNS)
        told.place(folder)
    told.of(case)
    found = under_hypotheses(case)
    told.row(_TABLE, found.table())
    told.say(found.text(words))
    told.say(f"\n{DISCLAIMER}")
    if folder is not None:
        told.write(folder / f"{_TABLE}.{form}", found.table())
        told.files.append(f"{_TABLE}.{form}")
        printing.results(told, folder, ())
    return 0


COMMANDS = (
    Command(
        "hypotheses",
        "a treatment under each answer to what the data do not decide",
        _hypotheses,
        (
            option("file", "scenario with a treatment: a file (TOML), or the name of one of testis-abm scenarios"),
            several(
                "--output", "WORD", 'what is printed (default production, concentration, total motile count), e.g. "LH"'
            ),
            *scenario(),
            option("--out", f"write a table of all outputs there ({_TABLE}.csv)", metavar="FOLDER"),
            tables("default csv"),
            REPORT,
        ),
        "What a treatment does to the scenario's man under every combination of answers to the questions that the data do not decide "
        f"(lack of oestradiol, affinity of testicular aromatase, why infertile men gain), and what would decide. Seconds. {DISCLAIMER}",
        "obese_anastrozole",
    ),
)
