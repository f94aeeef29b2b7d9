"""Commands about men: `testis-abm twin`, `testis-abm cohort` and `testis-abm table`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from testis_abm.choices import DISCLAIMER, POPULATIONS
from testis_abm.cli.options import (
    REPORT,
    SEED,
    Command,
    flag,
    need_out,
    option,
    overrides,
    scenario,
    several,
    tables,
    whole,
    word,
)
from testis_abm.cli.page import DOCUMENT, PAGE
from testis_abm.cli.printing import default_folder, noted, picture
from testis_abm.cli.told import Told
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY, GIVEN, SI, title, unit_system
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import Problem, ScenarioError, TestisError

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.experiments.twins import Found
    from testis_abm.population.given import Lab
    from testis_abm.population.screen import Screened
    from testis_abm.population.table_in import Table
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


def _twin(options: argparse.Namespace) -> int | None:
    seed = 1 if options.seed is None else options.seed
    if options.table:
        return _twins(options, seed)
    _no_table(options)
    labs, case = _given(options), _treatment(options)
    from testis_abm.population import report, twin
    from testis_abm.population.given import values

    given = values({name: lab.value for name, lab in labs.items()}, _FLAGS.__getitem__)
    own = None if case is None else case.values()
    told = options.told
    told.title, told.seed = case.heading if case else "Virtual patients who match laboratory values", seed
    need_out(options)
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
    _treated(options, found, case, seed)
    return None


def _treated(options: argparse.Namespace, found: Twin, case: Scenario | None, seed: int) -> None:
    """Tell the response of matching virtual patients to a therapy, if there is one; write all that is known of them."""
    told = options.told
    tables = {"physiology": found.physiology().reset_index(), "labs": found.labs().reset_index()}
    if case is not None:
        from testis_abm.population import treated
        from testis_abm.studies.ensemble import shipped

        sets = shipped() if options.ensemble else None
        response = treated.treated(found, case, sets, men=options.men or treated.MEN, seed=seed)
        told.of(case)
        told.seed = seed
        told.say(f"\n{response.text()}")
        tables |= treated.tables(response)
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

            picture(told, draw(response.before, response.after, case), "before_and_after", folder)
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


_READING = {"--column": "column", "--sheet": "sheet", "--decimal": "decimal", "--header": "header"}


def _no_table(options: argparse.Namespace) -> None:
    """Refuse options that say how a table is read where there is none."""
    given = [name for name in ("row", "rise", *_READING.values()) if getattr(options, name, None)]
    if given or getattr(options, "plan_only", False):
        raise TestisError(f"--{(given or ['plan-only'])[0]} is of a table; add --table FILE")


def _read(options: argparse.Namespace, path: str) -> Table:
    from testis_abm.population.table_in import read_table

    return read_table(
        path, columns=options.column, sheet=options.sheet, decimal=options.decimal, header=options.header or 0
    )


def _table(options: argparse.Namespace) -> None:
    if options.faults:
        outputs.check_table(options.faults, ["row", "column", "found"])
    if options.out:
        outputs.check_table(options.out, ["man", "row", "date"])
    table, told = _read(options, options.file), options.told
    tell_table(table, told)
    for path, frame in ((options.faults, table.fault_table()), (options.out, table.values())):
        if path:
            told.write(Path(path), frame)
            told.files.append(path)
            told.show(f"Written: {path}")


def tell_table(table: Table, told: Told) -> None:
    """Say how a table of men was read."""
    told.title = told.title or f"Men of {table.grid.source}"
    told.row("columns", table.plan())
    told.row("faults", table.fault_table())
    told.facts |= {"men": len(table.men), "skipped": dict(table.skipped)}
    told.say(table.text())


def _store(options: argparse.Namespace, seed: int, under: Mapping[str, float] | None = None) -> Path:
    """Return the folder in which the search of a table's men goes on where it was stopped."""
    decides = [options.population, options.assay, seed, *(getattr(options, name) for name in _READING.values())]
    decides += [dict(under)] if under else []
    return default_folder(f"twins-{Path(options.table).stem}", json.dumps(decides))


def _found(
    options: argparse.Namespace, table: Table, folder: Path, seed: int, under: Mapping[str, float] | None = None
) -> Found:
    """Find the twins of the men of a table into a store, `under` parameters of their own."""
    from testis_abm.cli.experiments import progress_bar
    from testis_abm.experiments.twins import twins

    options.interrupt.kept = f"What was finished is in {folder}/; the same command goes on from there."
    with progress_bar(options.interrupt, "twins") as progress:
        search = {"population": options.population, "assay": options.assay, "seed": seed, "own": under}
        found = twins(table, folder, (), {"progress": progress, "workers": options.workers}, **search)
    assert found is not None  # shards are not offered here
    return found


def _twins(options: argparse.Namespace, seed: int) -> int | None:
    """Find the twin of one man of a table, or of all."""
    typed = [_FLAGS[name] for name in GIVEN if getattr(options, name) is not None]
    if typed:
        raise TestisError(f"{typed[0]} and --table: use one of them")
    one = options.row if options.row != "all" else None
    case = _treatment(options)
    if options.rise is not None and (one is not None or case is None):
        raise TestisError("--rise is of the response of all men; add --give or --scenario, and leave --row out")
    if one is not None:
        need_out(options)
    table, told = _read(options, options.table), options.told
    told.seed = seed
    tell_table(table, told)
    if options.plan_only:
        return None
    told.say()
    if one is None:
        return _all_twins(options, table, case, seed)
    _twin_of(options, table, one, case, seed)
    return None


def _all_twins(options: argparse.Namespace, table: Table, case: Scenario | None, seed: int) -> int:
    told, form = options.told, options.format or "parquet"
    under = None if case is None else case.parameters
    folder = told.place(options.out or _store(options, seed, under))
    found = _found(options, table, folder, seed, under)
    men = found.men()
    told.row("men", men)
    told.facts["failed"] = len(found.failed)
    told.say(found.text())
    made = {"men": men, "sample": found.sample, "plan": table.plan(), "faults": table.fault_table()}
    for name, frame in made.items():
        told.write(folder / f"{name}.{form}", frame)
        told.files.append(f"{name}.{form}")
    failed = len(found.failed) + (0 if case is None else _responses(options, found, case, seed, folder))
    told.say(f"\n{DISCLAIMER}")
    told.show(f"One row a man: {folder}/men.{form}; his virtual patients: {folder}/sample.{form}")
    if failed:
        told.note(f"{failed:,} searches or predictions failed (exit code 1)")
    return 1 if failed else 0


def _twin_of(options: argparse.Namespace, table: Table, one: str, case: Scenario | None, seed: int) -> None:
    from testis_abm.experiments.twins import reports
    from testis_abm.population import report, twin
    from testis_abm.population.follow import follow

    told = options.told
    if options.out:
        outputs.check_writable(options.out, _TWIN, _TWIN_FILES)
        told.place(options.out)
    man = table.man(one)
    rest, treated, why = reports(man)
    if not rest:
        raise TestisError(f"{man.name}: {why}")
    if why:
        told.say(f"Not used: {why}")
    own = None if case is None else case.values()
    how = {"population": options.population, "assay": options.assay, "seed": seed, "values": own}
    found = twin.find(rest[0], again=rest[1:], **how)
    told.title = case.heading if case else f"Virtual patients who match {man.name} of {table.grid.source}"
    told.say(f"{man.name}: {len(rest)} untreated and {len(treated)} treated visits")
    told.say(report.matches(found, report.clinical_units()))
    if treated:
        after = follow(found, treated, seed=seed)
        told.row("visits", after.visits)
        told.say("\nVisits under treatment, each predicted from what was known before it:")
        told.say(report.followed(after.visits))
        told.say(
            f"  Effective number of virtual patients after the last: {after.effective:.0f}"
            + ("" if after.dependable else "; too few for intervals")
        )
        found = after.twin
    _treated(options, found, case, seed)


def _responses(options: argparse.Namespace, found: Found, case: Scenario, seed: int, folder: Path) -> int:
    """Print what a therapy is predicted to do to all men of a table, and write it beside their twins; return how many failed."""
    from testis_abm.cli.experiments import progress_bar
    from testis_abm.experiments.responses import MEN, RISE, folder_of, responses

    own = folder / folder_of(case, options.ensemble, seed)
    choices = {"men": options.men or MEN, "ensemble": options.ensemble, "seed": seed}
    with progress_bar(options.interrupt, "responses") as progress:
        response = responses(found, case, own, {"progress": progress, "workers": options.workers}, **choices)
    assert response is not None  # shards are not offered here
    rise = RISE if options.rise is None else float(options.rise)
    told, name = options.told, f"responses.{options.format or 'parquet'}"
    table = response.table(rise)
    told.of(case)
    told.row("responses", table)
    told.say(f"\n{response.text(rise)}")
    told.write(own / name, table)
    told.files.append(str((own / name).relative_to(folder)))
    told.show(f"A row a man and outcome: {own / name}")
    return len(response.failed)


def _cohort_of_table(options: argparse.Namespace) -> None:
    table, told = _read(options, options.table), options.told
    told.seed = options.seed
    tell_table(table, told)
    told.say()
    if options.plan_only:
        return
    found = _found(options, table, _store(options, options.seed), options.seed)
    kept, whose = found.screened(options.where, each=options.men, visits=options.visits, seed=options.seed)
    men = kept.table().assign(man=whose.to_numpy())
    told.say(found.text())
    _tell_men(options, kept, men)


def _tell_men(options: argparse.Namespace, kept: Screened, men: pd.DataFrame) -> None:
    """Say and write who was kept."""
    told = options.told
    told.facts |= {"kept": len(kept.cohort), "seen": kept.seen, "criteria": list(kept.criteria)}
    told.row("men", men)
    told.say(kept.text())
    told.say(f"\n{DISCLAIMER}")
    if options.out:
        told.write(Path(options.out), men)
        told.files.append(options.out)
        told.show(f"Men in {options.out}")


def _cohort(options: argparse.Namespace) -> None:
    if not options.table:
        _no_table(options)
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
    if options.table:
        return _cohort_of_table(options)
    kept = screen(
        options.population, options.men, options.where, visits=options.visits, seed=options.seed, assay=options.assay
    )
    options.told.title, options.told.seed = f"Men of the {options.population} population", options.seed
    _tell_men(options, kept, kept.table())


def _populations() -> tuple[str, ...]:
    from testis_abm.parameters.own import populations

    return populations()


_AS_READ = (
    several("--column", '"HEADING=MEANING:UNIT"', 'what a column means, e.g. "Testo=t:nmol/L", "#7=ignore"'),
    option("--sheet", "of an Excel file (default: the first with values)", metavar="NAME", default=""),
    option(
        "--decimal",
        'sign in numbers: "comma" or "point" (default: as the file shows)',
        ("comma", "point"),
        metavar="WORD",
        default="",
    ),
    whole("--header", "row of the headings (default: the one with most known words)", None, (1, 100_000)),
)
_OF_TABLE = (
    option("--table", "men of a table as a clinic exports it (CSV, .xlsx): docs/tables_of_men.md", metavar="FILE"),
    *_AS_READ,
    flag("--plan-only", "print how the table was read, and nothing else"),
    whole("--workers", "worker processes for a table; 0: one per core", 0),
)
_ASSAY = word("--assay", "of serum E2", tuple(ASSAYS), DEFAULT_ASSAY)
COMMANDS = (
    Command(
        "twin",
        "match virtual patients to laboratory values",
        _twin,
        (
            *_LABS,
            *_OF_TABLE,
            option("--row", 'identifier of one man of the table, or "all" (default)', metavar="ID", default=None),
            _ASSAY,
            word("--population", "prior over men", POPULATIONS, "clinic", _populations),
            several("--give", '"DRUG DOSE OFTEN"', 'a therapy, e.g. "anastrozole 1mg daily"'),
            option("--scenario", "take plan and therapies from a scenario file", metavar="FILE"),
            *scenario(f"of treatment (default: the scenario's, {_DAYS} with --give)"),
            whole("--men", "matching virtual patients that are treated (default 200; of each man of a table 24)"),
            whole(
                "--rise", "rise in %% from which a man of a table is said to respond (default 20)", None, (0, 10_000)
            ),
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
            whole("--men", "men wanted; of a table virtual patients of each man", 100),
            *_OF_TABLE,
            several("--where", "CRITERION", "of what is measured, at every visit"),
            whole("--visits", "baseline measurements that must all meet the criteria", 1),
            word("--population", "population of men", POPULATIONS, "clinic", _populations),
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
    Command(
        "table",
        "show how a table of men is read: columns, units, faults",
        _table,
        (
            option("file", "CSV text or Excel (.xlsx)", metavar="FILE"),
            *_AS_READ,
            option("--faults", "write what was not used there (.csv, .xlsx, .parquet or .json)", metavar="FILE"),
            option("--out", "write the values that were read there (.csv, .xlsx, .parquet or .json)", metavar="FILE"),
        ),
        "Show how a clinic's table of men is read before anything is made of it: the meaning, unit and factor of each column, "
        f"and what was left out and why. {DISCLAIMER}",
        'clinic.csv --column "Testo=t:nmol/L"',
    ),
)
