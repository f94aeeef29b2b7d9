"""The command `testis-abm pulses`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from testis_abm.choices import ARMS, DISCLAIMER
from testis_abm.cli import printing
from testis_abm.cli.options import NO_PLOTS, REPORT, Command, day_of, option, overrides, scenario, tables, whole, word
from testis_abm.results import KINDS
from testis_abm.support import guard, outputs

# Table -> its first columns, by which a file of it is known.
_TABLES = {"pulses": ("arm", "hour"), "summary": ("arm", "lh_iu_l")}
_PICTURE = "pulses"
_BOTH = "both"
_DIGITS = 5


def _pulses(options: argparse.Namespace) -> None:
    from testis_abm.scenario import load

    case = printing.noted(options.told, load, options.file, overrides=overrides(options))
    from testis_abm.experiments.pulses import pulses, read_arms, read_every

    day = day_of(options.day, case.plan.duration_days)
    arm = None if options.arm == _BOTH else options.arm
    with guard.at("--arm"):
        read_arms(case, arm)
    every = guard.named("--every", read_every)(options.every)
    decides = json.dumps([case.as_dict(), options.arm, day, every], sort_keys=True, default=str)
    folder = Path(options.out or printing.default_folder(f"pulses-{Path(options.file).stem}", decides))
    told, kind_ = options.told, options.format or "csv"
    told.of(case)
    told.place(folder)
    for name, columns in _TABLES.items():
        outputs.check(folder / f"{name}.{kind_}", columns)
    if not options.no_plots:
        for kind in KINDS:
            outputs.check(folder / f"{_PICTURE}.{kind}")
        guard.matplotlib()
    found = pulses(case, day=day, arm=arm, every=every)
    for name, table in {"pulses": found.table(), "summary": found.summary()}.items():
        rounded = table.map(lambda value: value if isinstance(value, str) else float(f"{value:.{_DIGITS}g}"))
        told.write(folder / f"{name}.{kind_}", rounded)
    told.row("summary", found.summary())
    told.facts |= {"day": day}
    told.say(f"{case.heading}: day {day}\n\n{found.text()}\n\n{DISCLAIMER}\n")
    written = [f"{name}.{kind_}" for name in _TABLES]
    told.files += written
    told.show(f"Tables in {folder}/: {', '.join(written)}")
    if not options.no_plots:
        from testis_abm.pictures.pulses import draw

        printing.picture(told, draw(found), _PICTURE, folder)


COMMANDS = (
    Command(
        "pulses",
        "LH and testosterone through 24 hours, with their pulses",
        _pulses,
        (
            option("file", "scenario: a file (TOML), or the name of one of testis-abm scenarios"),
            option("--day", "day of the plan, from 0 (its last day)", metavar="N"),
            word("--arm", "whose day, where there is a therapy", (_BOTH, *ARMS), _BOTH),
            whole("--every", "minutes between samples, an even number", 10, limit=(2, 60)),
            *scenario(),
            option("--out", "results folder (default runs/pulses-NAME-HASH)", metavar="FOLDER"),
            tables("default csv"),
            REPORT,
            NO_PLOTS,
        ),
        "Pulses of LH, and the testosterone that follows them, drawn about the means that the model has for one day: a table of "
        f"samples (pulses.csv), what to expect of such days (summary.csv) and a picture. Nothing else moves. {DISCLAIMER}",
        "obese_anastrozole --day 90",
    ),
)
