"""Commands about men: `testis-abm twin`, `testis-abm cohort` and `testis-abm table`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from testis_abm.choices import DISCLAIMER, POPULATIONS
from testis_abm.cli.options import SEED, Command, flag, option, overrides, scenario, several, whole, word
from testis_abm.cli.printing import default_folder, noted, picture
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY, GIVEN, title
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import Problem, ScenarioError, TestisError

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.experiments.twins import Found
    from testis_abm.population.given import Lab
    from testis_abm.population.table_in import Table
    from testis_abm.population.twin import Twin
    from testis_abm.scenario import Scenario

_TWIN_TABLES = ("physiology", "labs", "men", "prediction", "before", "after", "answers", "safety_and_outcome")
_TWIN = "twin.json"
_TWIN_FILES = (*(f"{name}.parquet" for name in _TWIN_TABLES), _TWIN, "before_and_after.png", "before_and_after.svg")
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
        return noted(load, options.scenario, overrides=changes)
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
        return noted(load, tables, overrides=changes)
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
    if options.out:
        outputs.check_writable(options.out, _TWIN, _TWIN_FILES)
    if options.out and case is not None and not options.no_plots:
        guard.matplotlib()
    options.interrupt.check()
    found = twin.find(given, population=options.population, assay=options.assay, seed=seed, values=own)
    options.interrupt.check()
    print(report.matches(found, {name: (lab.unit, lab.factor) for name, lab in labs.items()}))
    _treated(options, found, case, own, seed)
    return None


def _treated(
    options: argparse.Namespace, found: Twin, case: Scenario | None, own: Mapping[str, float] | None, seed: int
) -> None:
    """Print the response of matching virtual patients to a therapy, if there is one; write all that is known of them."""
    from testis_abm.population import report

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
        print(f"\nPredicted response of all matching virtual patients ({drawn} drawn): ", end="")
        print(f"{case.heading}, {case.plan.duration_days} days")
        print(*(f"  {line}" for line in report.therapies(case)), "", sep="\n")
        print(report.predicted(before, after, lesions, answers, found.dependable, own))
        tables |= {"prediction": changes(before, after, own).reset_index(), "before": before, "after": after}
        tables |= {"safety_and_outcome": readouts(before, after).reset_index()}
        tables |= {} if answers is None else {"answers": answers}
    print(f"\n{DISCLAIMER}")
    if options.out:
        folder = Path(options.out)
        _write(folder, tables, found)
        if case is not None and not options.no_plots:
            from testis_abm.pictures.twin import draw

            picture(draw(before, after, case), "before_and_after", folder)
        print(f"Results in {options.out}/")


def _write(folder: Path, tables: Mapping[str, pd.DataFrame], found: Twin) -> None:
    """Write all tables or none; what another man left in the folder goes."""
    from testis_abm import __version__

    men = found.men.assign(lesion=found.lesion.to_numpy(), weight=found.weights)
    kept = {
        "version": __version__,
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
    with files.whole_folder(outputs.check_folder(folder, _TWIN, _TWIN_FILES), _TWIN_FILES) as partial:
        for name, table in {**tables, "men": men}.items():
            outputs.write_table(partial / f"{name}.parquet", table)
        outputs.write_json(partial / _TWIN, kept)


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
    table = _read(options, options.file)
    print(table.text())
    for path, frame in ((options.faults, table.fault_table()), (options.out, table.values())):
        if path:
            outputs.write_table(path, _as_text(frame) if path.lower().endswith(".csv") else frame)
            print(f"Written: {path}")


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts no spreadsheet takes for formulas."""
    text = table.select_dtypes(exclude="number")
    return table.assign(
        **{
            name: [f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+@" and cell else cell for cell in text[name]]
            for name in text
        }
    )


def _found(
    options: argparse.Namespace,
    table: Table,
    seed: int,
    rows: Sequence[str] = (),
    under: Mapping[str, float] | None = None,
) -> tuple[Found, Path]:
    """Find the twins of the men of a table into the store that goes on where it was stopped."""
    from testis_abm.cli.experiments import progress_bar
    from testis_abm.experiments.twins import twins

    mark = json.dumps(
        [
            options.population,
            options.assay,
            seed,
            options.column,
            options.sheet,
            options.decimal,
            options.header,
            list(rows),
            *([dict(under)] if under else []),
        ]
    )
    own = getattr(options, "store", None)
    folder = Path(own) if own else default_folder(f"twins-{Path(options.table).stem}", mark)
    options.interrupt.kept = f"What was finished is in {folder}/; the same command goes on from there."
    with progress_bar(options.interrupt, "twins") as progress:
        search = {"population": options.population, "assay": options.assay, "seed": seed, "own": under}
        found = twins(table, folder, rows, {"progress": progress, "workers": options.workers}, **search)
    assert found is not None  # shards are not offered here
    return found, folder


def _twins(options: argparse.Namespace, seed: int) -> int | None:
    """Find the twin of one man of a table, or of all."""
    typed = [_FLAGS[name] for name in GIVEN if getattr(options, name) is not None]
    if typed:
        raise TestisError(f"{typed[0]} and --table: use one of them")
    one = options.row if options.row != "all" else None
    case = _treatment(options)
    if options.rise is not None and (one is not None or case is None):
        raise TestisError("--rise is of the response of all men; add --give or --scenario, and leave --row out")
    table = _read(options, options.table)
    print(table.text())
    if options.plan_only:
        return None
    print()
    if one is None:
        options.store = options.out
        found, folder = _found(options, table, seed, under=None if case is None else case.parameters)
        print(found.text())
        for name, frame in {
            "men": found.men(),
            "sample": found.sample,
            "plan": table.plan(),
            "faults": table.fault_table(),
        }.items():
            outputs.write_table(folder / f"{name}.parquet", frame)
        print(f"One row a man: {folder}/men.parquet; his virtual patients: {folder}/sample.parquet")
        failed = len(found.failed) + (0 if case is None else _responses(options, found, case, seed, folder))
        print(f"\n{DISCLAIMER}")
        if failed:
            print(f"{failed:,} searches or predictions failed (exit code 1)", file=sys.stderr)
        return 1 if failed else 0
    from testis_abm import parameters
    from testis_abm.experiments.twins import reports
    from testis_abm.population import report, twin
    from testis_abm.population.follow import follow

    if options.out:
        outputs.check_writable(options.out, _TWIN, _TWIN_FILES)
    man = table.man(one)
    rest, treated, why = reports(man)
    if not rest:
        raise TestisError(f"{man.name}: {why}")
    if why:
        print(f"Not used: {why}")
    own = None if case is None else parameters.values(case.parameters)
    how = {"population": options.population, "assay": options.assay, "seed": seed, "values": own}
    found_one = twin.find(rest[0], again=rest[1:], **how)
    print(f"{man.name}: {len(rest)} untreated and {len(treated)} treated visits")
    print(report.matches(found_one, {}))
    if treated:
        after = follow(found_one, treated, seed=seed)
        print("\nVisits under treatment, each predicted from what was known before it:")
        print(report.followed(after.visits))
        print(
            f"  Effective number of virtual patients after the last: {after.effective:.0f}"
            + ("" if after.dependable else "; too few for intervals")
        )
        found_one = after.twin
    _treated(options, found_one, case, own, seed)
    return None


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
    print(f"\n{response.text(rise)}")
    outputs.write_table(own / "responses.parquet", response.table(rise))
    print(f"A row a man and outcome: {own}/responses.parquet")
    return len(response.failed)


def _cohort_of_table(options: argparse.Namespace) -> None:
    table = _read(options, options.table)
    print(table.text(), end="\n\n")
    if options.plan_only:
        return
    found, _ = _found(options, table, options.seed)
    kept, whose = found.screened(options.where, each=options.men, visits=options.visits, seed=options.seed)
    print(found.text(), kept.text(), f"\n{DISCLAIMER}", sep="\n")
    if options.out:
        frame = kept.table().assign(man=whose.to_numpy())
        outputs.write_table(options.out, frame)
        print(f"Men in {options.out}")


def _cohort(options: argparse.Namespace) -> None:
    if not options.table:
        _no_table(options)
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
    print(kept.text())
    print(f"\n{DISCLAIMER}")
    if options.out:
        outputs.write_table(options.out, kept.table())
        print(f"Men in {options.out}")


def _populations() -> tuple[str, ...]:
    from testis_abm.parameters.own import populations

    return populations()


_AS_READ = (
    several("--column", '"HEADING=MEANING:UNIT"', 'what a column means, e.g. "Testo=t:nmol/L", "#7=ignore"'),
    option("--sheet", "of an Excel file (default: the first with values)", metavar="NAME", default=""),
    option("--decimal", 'sign in numbers: "comma" or "point" (default: as the file shows)', metavar="WORD", default=""),
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
            whole("--men", f"matching virtual patients that are treated (default {_MEN}; of each man of a table 24)"),
            whole(
                "--rise", "rise in %% from which a man of a table is said to respond (default 20)", None, (0, 10_000)
            ),
            option(
                "--ensemble",
                "spread the prediction over plausible parameter sets too (default), or not",
                action=argparse.BooleanOptionalAction,
                default=True,
            ),
            option("--out", "write tables (Parquet), twin.json and a picture there", metavar="FOLDER"),
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
            option("--out", "write the men and their laboratory values there (.parquet or .csv)", metavar="FILE"),
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
            option("--faults", "write what was not used there (.parquet or .csv)", metavar="FILE"),
            option("--out", "write the values that were read there (.parquet or .csv)", metavar="FILE"),
        ),
        "Show how a clinic's table of men is read before anything is made of it: the meaning, unit and factor of each column, "
        f"and what was left out and why. {DISCLAIMER}",
        'clinic.csv --column "Testo=t:nmol/L"',
    ),
)
