"""Commands about men: `testis-abm twin` and `testis-abm cohort`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from testis_abm.choices import DISCLAIMER, POPULATIONS
from testis_abm.cli.options import (
    REPORT,
    SEED,
    Command,
    flag,
    option,
    overrides,
    scenario,
    several,
    tables,
    whole,
    word,
)
from testis_abm.cli.page import DOCUMENT, PAGE
from testis_abm.cli.printing import noted, picture
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY, GIVEN, SI, title, unit_system
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import Problem, ScenarioError, TestisError

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.population.given import Lab
    from testis_abm.population.twin import Twin
    from testis_abm.scenario import Scenario

_TWIN_TABLES = ("physiology", "labs", "men", "prediction", "before", "after", "answers", "safety_and_outcome")
_TWIN = "twin.json"
_TWIN_FILES = (
    *(f"{name}.{form}" for name in _TWIN_TABLES for form in outputs.FORMATS),
    *(_TWIN, DOCUMENT, PAGE, "before_and_after.png", "before_and_after.svg"),
)
# Name -> its option; help as argparse formats it, with %.
_FLAGS = {name: f"--{name.replace('_', '-')}" for name in GIVEN}
_LABS = tuple(
    option(
        _FLAGS[name],
        f"{title(name)} ({measure.assumed or 'with its unit'})".replace("%", "%%"),
        action="append",
        metavar="VALUE",
    )
    for name, measure in GIVEN.items()
)
_DAYS = 180  # of treatment with --give
_MEN = 200  # who are treated


def _given(options: argparse.Namespace) -> dict[str, Lab]:
    from testis_abm.population.given import labs

    typed = {name: raw for name in GIVEN if (raw := getattr(options, name)) is not None}
    for name, raw in typed.items():
        if len(raw) > 1:  # the last would win silently
            raise TestisError(f"{_FLAGS[name]} is given twice; leave one out")
        if guard.missing(raw[0]):
            raise TestisError(f"{_FLAGS[name]}: is empty; leave it out if it was not measured")
    return labs({name: raw[0] for name, raw in typed.items()}, _FLAGS.__getitem__)


def _treatment(options: argparse.Namespace) -> Scenario | None:
    from testis_abm.scenario import load
    from testis_abm.scenario.prescription import parse_prescription

    if options.scenario and options.give:
        raise TestisError("--scenario and --give: use one of them")
    # --seed is that of the search: the plan of a scenario has no draws here.
    changes = overrides(options, seeds=())
    if options.scenario:
        return noted(options.told, load, options.scenario, overrides=changes)
    if not options.give:
        if changes or options.men is not None:
            raise TestisError("--set, --days and --men are of a therapy; add --give or --scenario")
        return None
    therapies = []
    for text in options.give:
        with guard.at("--give"):
            therapies.append(parse_prescription(text))
    title = "; ".join(options.give)
    tables = {
        "title": title[:200],
        "plan": {"duration": f"{_DAYS} days"},
        "therapy": therapies,
        "samples": {"assay": options.assay},
    }
    try:
        return noted(options.told, load, tables, overrides=changes)
    except ScenarioError as error:
        raise ScenarioError(_as_given(problem) for problem in error.problems) from None


def _as_given(problem: Problem) -> Problem:
    """Return a problem of a therapy under the option that gave it."""
    match problem.path:
        case ("scenario", "therapy", *inner):
            return problem._replace(path=("--give", *inner))
    return problem


def _twin(options: argparse.Namespace) -> None:
    seed = 1 if options.seed is None else options.seed
    labs, case = _given(options), _treatment(options)
    from testis_abm import parameters
    from testis_abm.population import report, twin
    from testis_abm.population.given import values

    given = values({name: lab.value for name, lab in labs.items()}, _FLAGS.__getitem__)
    own = None if case is None else parameters.values(case.parameters)
    told = options.told
    told.title, told.seed = case.heading if case else "Virtual patients who match laboratory values", seed
    if (options.report or options.format) and not options.out:
        raise TestisError(f"{'--report' if options.report else '--format'}: name a folder for it, --out FOLDER")
    if options.out:
        outputs.check_writable(options.out, _TWIN, _TWIN_FILES)
        told.place(options.out)
    if options.out and case is not None and not options.no_plots:
        guard.matplotlib()
    options.interrupt.check()
    found = twin.find(given, population=options.population, assay=options.assay, seed=seed, values=own)
    options.interrupt.check()
    # As they were given, or in SI units where those are in force: the twin's own.
    units = {} if unit_system() == SI else {name: (lab.unit, lab.factor) for name, lab in labs.items()}
    told.say(report.matches(found, units))
    tables = {"physiology": found.physiology().reset_index(), "labs": found.labs().reset_index()}
    if case is not None:
        from testis_abm.population.predict import changes, predict, predict_with, readouts
        from testis_abm.studies.ensemble import shipped

        drawn = options.men or _MEN
        men, lesions = (sample(drawn, seed) for sample in (found.sample, found.sample_lesions))
        answers = None
        if options.ensemble:
            before, after, answers = predict_with(men, case, shipped())
        else:
            before, after = predict(men, case)
        told.of(case)
        told.seed = seed
        told.say(
            f"\nPredicted response of all matching virtual patients ({drawn} drawn): "
            f"{case.heading}, {case.plan.duration_days} days"
        )
        told.say("\n".join([*(f"  {line}" for line in report.therapies(case)), ""]))
        told.say(report.predicted(before, after, lesions, answers, found.dependable, own))
        tables |= {"prediction": changes(before, after, own).reset_index(), "before": before, "after": after}
        tables |= {"safety_and_outcome": readouts(before, after).reset_index()}
        tables |= {} if answers is None else {"answers": answers}
    for name in ("physiology", "labs", "prediction", "safety_and_outcome"):
        if name in tables:
            told.row(name, tables[name])
    told.facts |= _about(found)
    told.say(f"\n{DISCLAIMER}")
    if options.out:
        folder = Path(options.out)
        _write(folder, tables, found, options)
        if case is not None and not options.no_plots:
            from testis_abm.pictures.twin import draw

            picture(told, draw(before, after, case), "before_and_after", folder)
        told.show(f"Results in {options.out}/")


def _about(found: Twin) -> dict[str, object]:
    """Return what was given, and how well it could be matched."""
    return {
        "given": {name: str(value) for name, value in found.given.items()},
        "assay": found.assay,
        "population": found.prior.name,
        "used": {name: str(value) for name, value in found.used.items()},
        "notes": list(found.notes),
        "effective_sample_size": found.effective,
        "pareto_k": found.pareto_k,
        "dependable": found.dependable,
        "misfit": dict(found.misfit),
    }


def _write(folder: Path, tables: Mapping[str, pd.DataFrame], found: Twin, options: argparse.Namespace) -> None:
    """Write all tables or none; what another man left in the folder goes."""
    from testis_abm import __version__

    men = found.men.assign(lesion=found.lesion.to_numpy(), weight=found.weights)
    with files.whole_folder(outputs.check_folder(folder, _TWIN, _TWIN_FILES), _TWIN_FILES) as partial:
        for name, table in {**tables, "men": men}.items():
            options.told.write(partial / f"{name}.{options.format or 'parquet'}", table)
            options.told.files.append(f"{name}.{options.format or 'parquet'}")
        outputs.write_json(partial / _TWIN, {"version": __version__, **_about(found)})


def _cohort(options: argparse.Namespace) -> None:
    if options.format:
        if not options.out:
            raise TestisError("--format: name a file for the men, --out FILE")
        suffix = Path(options.out).suffix
        if suffix.lower() not in ("", f".{options.format}"):
            raise TestisError(f"--format {options.format}: --out {options.out} says another format; leave one out")
        options.out += "" if suffix else f".{options.format}"
    if options.out:
        from testis_abm.parameters import physiology

        outputs.check_table(options.out, [name.rpartition(".")[2] for name in physiology()][:3])
    from testis_abm.population.screen import parse_criterion, screen

    for text in options.where:
        guard.named("--where", parse_criterion)(text)
    kept = screen(
        options.population, options.men, options.where, visits=options.visits, seed=options.seed, assay=options.assay
    )
    told = options.told
    told.title, told.seed = f"Men of the {options.population} population", options.seed
    told.facts |= {"kept": len(kept.cohort), "seen": kept.seen, "criteria": list(kept.criteria)}
    told.row("men", kept.table())
    told.say(kept.text())
    told.say(f"\n{DISCLAIMER}")
    if options.out:
        told.write(Path(options.out), kept.table())
        told.files.append(options.out)
        told.show(f"Men in {options.out}")


_ASSAY = word("--assay", "of serum E2", tuple(ASSAYS), DEFAULT_ASSAY)
COMMANDS = (
    Command(
        "twin",
        "match virtual patients to laboratory values",
        _twin,
        (
            *_LABS,
            _ASSAY,
            word("--population", "prior over men", POPULATIONS, "clinic"),
            several("--give", '"DRUG DOSE OFTEN"', 'a therapy, e.g. "anastrozole 1mg daily"'),
            option("--scenario", "take plan and therapies from a scenario file", metavar="FILE"),
            *scenario(f"of treatment (default: the scenario's, {_DAYS} with --give)"),
            whole("--men", f"matching virtual patients that are treated (default {_MEN})"),
            option(
                "--ensemble",
                "spread the prediction over plausible parameter sets too (default), or not",
                action=argparse.BooleanOptionalAction,
                default=True,
            ),
            option("--out", "write tables, twin.json and a picture there", metavar="FOLDER"),
            tables("default parquet"),
            REPORT,
            flag("--no-plots", "write no picture"),
        ),
        "Match virtual patients to a man's laboratory values, and predict their response to a therapy. " + DISCLAIMER,
        '--t 260ng/dL --e2 48pg/mL --lh 3.1 --fsh 4.4 --bmi 33 --concentration 6M/mL --give "anastrozole 1mg daily"',
    ),
    Command(
        "cohort",
        "draw men from a population and screen them by laboratory values",
        _cohort,
        (
            whole("--men", "men wanted", 100),
            several("--where", "CRITERION", "of what is measured, at every visit"),
            whole("--visits", "baseline measurements that must all meet the criteria", 1),
            word("--population", "population of men", POPULATIONS, "clinic"),
            _ASSAY,
            SEED,
            option(
                "--out",
                "write the men and their laboratory values there (.csv, .xlsx, .parquet or .json)",
                metavar="FILE",
            ),
            tables("default that of the suffix of --out"),
        ),
        f"Draw men from a population, measure them, keep those who meet every criterion. {DISCLAIMER}",
        '--men 30 --where "BMI > 25" --where "testosterone < 350 ng/dL" '
        '--where "sperm concentration < 15 M/mL" --visits 2',
    ),
)
