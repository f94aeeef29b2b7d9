"""The command `testis-abm histology`."""

from __future__ import annotations

import argparse
import json
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.choices import ARMS, DISCLAIMER, TREATED, UNTREATED
from testis_abm.cli import printing
from testis_abm.cli.options import NO_PLOTS, REPORT, Command, day_of, option, overrides, scenario, tables
from testis_abm.cli.told import Told
from testis_abm.results import KINDS
from testis_abm.support import guard, outputs

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.agents.model import TestisModel

# Table -> its first columns, by which a file of it is known.
_TABLES = {
    "stages": ("stage", "niches_pct"),
    "sections": ("tubule", "row", "stages"),
    "nuclei": ("type", "per_section"),
    "stage_map": ("tubule", "row", "place"),
}
_PICTURES = ("tubules", "wall")
_DECIMALS = 2


def _histology(options: argparse.Namespace) -> None:
    from testis_abm.scenario import load

    case = printing.noted(options.told, load, options.file, overrides=overrides(options))
    from testis_abm.experiments.pulses import read_arms

    with guard.at("--arm"):
        arm = read_arms(case, options.arm)[-1]
    day = day_of(options.day, case.plan.duration_days)
    decides = json.dumps([case.as_dict(), arm, day], sort_keys=True, default=str)
    folder = Path(options.out or printing.default_folder(f"histology-{Path(options.file).stem}", decides))
    told, kind_ = options.told, options.format or "csv"
    told.of(case)
    told.place(folder)
    for name, columns in _TABLES.items():
        outputs.check(folder / f"{name}.{kind_}", columns)
    for name in _PICTURES * (not options.no_plots):
        for kind in KINDS:
            outputs.check(folder / f"{name}.{kind}")
    if not options.no_plots:
        guard.matplotlib()
    man = _lived(case, arm, day)
    found = {"stages": man.by_stage(), "sections": man.sections(), "nuclei": man.nuclei(), "stage_map": man.stage_map()}
    for name, table in found.items():
        told.write(folder / f"{name}.{kind_}", table.round(_DECIMALS))
    for name in ("stages", "nuclei"):
        told.row(name, found[name])
    told.facts |= {"arm": arm, "day": day}
    told.say(f"{case.heading}: {arm} arm, day {day}\n\n{_text(man, found)}\n\n{DISCLAIMER}\n")
    written = [f"{name}.{kind_}" for name in _TABLES]
    told.files += written
    told.show(f"Tables in {folder}/: {', '.join(written)}")
    if not options.no_plots:
        _draw(man, arm, folder, told)


def _lived(case: Any, arm: str, day: int) -> TestisModel:
    """Return the man of an arm on the morning of a day."""
    from testis_abm.experiments.simulate import men_of

    man = men_of(case)[arm]
    man.brief = True
    if day > man.day:
        man.run_for(day - man.day)
    return man


def _text(man: TestisModel, tables: dict[str, pd.DataFrame]) -> str:
    """Return what the sections and stages are, in words and a table."""
    from testis_abm.agents.histology import scores
    from testis_abm.testis.places import NOTHING_LEFT

    found, cut = scores(man), len(tables["sections"])
    if not cut:
        return f"{NOTHING_LEFT.capitalize()}: there is nothing to cut."
    stages = f"{found.stages_per_section:.1f} (men: 2 to 4)"
    late, arrested, sertoli_only, hyalinised = _whole(
        found.elongated_sections_pct,
        found.arrested_sections_pct,
        found.sertoli_only_sections_pct,
        found.hyalinised_sections_pct,
    )
    lines = (
        f"{cut} sections of {man.values['section.thickness']:g} um, one through each row of Sertoli cells:",
        f"stages a section {stages if tables['stages'].niches_pct.notna().any() else 'none: no germ cells'}",
        f"Johnsen score {found.johnsen_score:.2f} (SD {found.johnsen_sd:.2f})",
        f"late (elongating and elongated) spermatids a section {found.late_spermatids_per_section:.1f} (normal men: 17 to 35)",
        f"sections with late spermatids {late} %, arrested (germ cells, but no late spermatids) {arrested} %, "
        f"Sertoli cells only {sertoli_only} %, hyalinised {hyalinised} %",
    )
    by_stage, nuclei = tables["stages"].set_index("stage").T, tables["nuclei"].set_index("type")
    parts = ("Germ cells per Sertoli cell by stage:", by_stage), ("Nuclei counted, corrected and true:", nuclei)
    return "\n".join([*lines, *(f"\n{title}\n{_printed(table)}" for title, table in parts)])


def _whole(*shares: float) -> list[int]:
    """Return shares of 100 % as whole numbers that add up to it as well."""
    ends = [round(end) for end in accumulate(shares)]
    return [end - begin for begin, end in pairwise([0, *ends])]


def _printed(table: pd.DataFrame) -> str:
    return str(table.rename_axis(index=None, columns=None).to_string(float_format="{:.2f}".format, na_rep="-"))


def _draw(man: TestisModel, arm: str, folder: Path, told: Told) -> None:
    from testis_abm.pictures.data import PlotData
    from testis_abm.pictures.drawing import draw_figure
    from testis_abm.pictures.style import NOTE

    day = (float(man.day), float(man.day))
    footer = f"Seed {man.seed}. {NOTE}"
    data = PlotData(
        man.case.heading, (arm,), footer, "", day, (), {}, {}, {arm: man.cross_section()}, {arm: man.case.called(arm)}
    )
    for name in _PICTURES:
        printing.picture(told, draw_figure(data, name), name, folder)


COMMANDS = (
    Command(
        "histology",
        "the stages of the cycle in a man's tubules, and what thin sections of them show",
        _histology,
        (
            option("file", "scenario: a file (TOML), or the name of one of testis-abm scenarios"),
            option("--day", "day of the biopsy, from 0 (the plan's last day)", metavar="N"),
            option(
                "--arm",
                f'whose testes: "{TREATED}" (default, where there is a treatment) or "{UNTREATED}"',
                ARMS,
                type=guard.named("--arm", partial(guard.word, names=ARMS)),
                metavar="WORD",
            ),
            *scenario(),
            option("--out", "results folder (default runs/histology-NAME-HASH)", metavar="FOLDER"),
            tables("default csv"),
            REPORT,
            NO_PLOTS,
        ),
        "One man to a day: sections of 5 um through each row of Sertoli cells, counted and scored, germ cells and deaths by stage "
        f"(stages.csv, sections.csv), the stage of each niche (stage_map.csv), the slide and the unrolled wall. {DISCLAIMER}",
        "fertile_man --set tissue.rows=40 --set tissue.stages=helix",
    ),
)
