"""The command `testis-abm hypotheses`."""

from __future__ import annotations

import argparse

from testis_abm.choices import DISCLAIMER
from testis_abm.cli import printing
from testis_abm.cli.options import Command, option, overrides, scenario, several
from testis_abm.support import guard


def _hypotheses(options: argparse.Namespace) -> int:
    from testis_abm.scenario import load

    case = printing.noted(options.told, load, options.file, overrides=overrides(options))
    from testis_abm.experiments.hypotheses import DEFAULT, under_hypotheses
    from testis_abm.experiments.outputs import output

    words = tuple(guard.named("--output", output)(text) for text in options.output or DEFAULT)
    options.told.of(case)
    found = under_hypotheses(case)
    options.told.row("hypotheses", found.table())
    options.told.say(found.text(words))
    options.told.say(f"\n{DISCLAIMER}")
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
        ),
        "What a treatment does to the scenario's man under every combination of answers to the questions that the data do not decide "
        f"(lack of oestradiol, affinity of testicular aromatase, why infertile men gain), and what would decide. Seconds. {DISCLAIMER}",
        "obese_anastrozole",
    ),
)
