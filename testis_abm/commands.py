"""Commands about men: `testis-abm twin` and `testis-abm cohort`."""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.errors import TestisError, shown, unknown

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.population.twin import Twin
    from testis_abm.scenario import Scenario

_NOTE = "Research software: a simulation, not medical advice."
# Option -> lab of twin.MEASURES, variable whose units are known, unit if none is given (None: one must be).
LABS: Mapping[str, tuple[str, str, str | None]] = {
    "t": ("t", "testosterone_nmol_l", None),
    "free-t": ("free_t", "free_testosterone_pmol_l", None),
    "e2": ("e2", "oestradiol_pmol_l", None),
    "lh": ("lh", "lh_iu_l", "IU/L"),
    "fsh": ("fsh", "fsh_iu_l", "IU/L"),
    "inhibin-b": ("inhibin_b", "inhibin_b_pg_ml", "pg/mL"),
    "shbg": ("shbg", "shbg_nmol_l", "nmol/L"),
    "concentration": ("concentration", "concentration_million_ml", "million/mL"),
    "volume": ("volume", "volume_ml", "mL"),
    "motility": ("motility", "progressive_motility_pct", "%"),
    "morphology": ("morphology", "normal_forms_pct", "%"),
    "tmc": ("tmc", "total_motile_count_million", "million"),
}
_PLAIN = {"bmi": "kg/m2", "age": "years"}
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*(.*?)\s*", re.IGNORECASE)
_GIVE = re.compile(r"(?P<drug>\S+)\s+(?P<dose>[\d.]+\s*[a-zA-Z]+)(?:\s+(?P<often>.+))?")
_OFTEN = {
    "daily": "1 day",
    "twice daily": "12 hours",
    "weekly": "7 days",
    "twice weekly": "3.5 days",
    "monthly": "28 days",
}


def add(commands: Any) -> None:
    """Add the commands to the parser of `testis-abm`."""
    what = "find the physiologies that could have given a man's labs, and run a therapy on them"
    command = commands.add_parser(
        "twin", help="the men who could have given labs", description=what[0].upper() + what[1:] + ". " + _NOTE,
        epilog="Example: testis-abm twin --t 260ng/dL --e2 48pg/mL --lh 3.1 --fsh 4.4 --bmi 33 --concentration 6M/mL "
        '--give "anastrozole 1mg daily"',
    )  # fmt: skip
    for option, (_, variable, unit) in LABS.items():
        needed = f" (in {unit} if no unit is given)" if unit else ", with its unit"
        # argparse formats help with %.
        command.add_argument(f"--{option}", metavar="VALUE", help=(variable + needed).replace("%", "%%"))
    for option, unit in _PLAIN.items():
        command.add_argument(f"--{option}", metavar="VALUE", help=f"{unit}")
    command.add_argument("--assay", default="immunoassay", help='of oestradiol: "immunoassay" (default) or "lc-ms"')
    command.add_argument("--population", default="clinic", help='prior over men: "clinic" (default) or "community"')
    command.add_argument(
        "--give",
        action="append",
        default=[],
        metavar='"DRUG DOSE OFTEN"',
        help='a therapy, e.g. "anastrozole 1mg daily"',
    )
    command.add_argument("--scenario", metavar="FILE", help="take plan and therapies from a scenario file")
    command.add_argument("--days", type=int, default=180, help="of treatment with --give (default 180)")
    command.add_argument("--men", type=int, default=200, help="men that are treated (default 200)")
    command.add_argument(
        "--ensemble",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="spread the prediction over plausible parameter sets too (default), or not",
    )
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--out", metavar="FOLDER", help="write tables (Parquet), twin.json and a picture there")
    command.add_argument("--no-plots", action="store_true", help="write no picture")
    command.set_defaults(action=_twin)

    command = commands.add_parser(
        "cohort", help="draw men from a population and screen them by their labs",
        description="Draw men from a population, measure them, keep those who meet every criterion. " + _NOTE,
        epilog='Example: testis-abm cohort --men 30 --where "BMI > 25" --where "testosterone < 350 ng/dL" '
        '--where "sperm concentration < 15 M/mL" --visits 2',
    )  # fmt: skip
    command.add_argument("--men", type=int, default=100, help="men wanted (default 100)")
    command.add_argument(
        "--where", action="append", default=[], metavar="CRITERION", help="of what is measured, at every visit"
    )
    command.add_argument(
        "--visits", type=int, default=1, help="baseline measurements that must all meet the criteria (default 1)"
    )
    command.add_argument("--population", default="clinic", help='"clinic" (default) or "community"')
    command.add_argument("--assay", default="immunoassay", help='of oestradiol: "immunoassay" (default) or "lc-ms"')
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--out", metavar="FILE", help="write the men and their labs as Parquet")
    command.set_defaults(action=_cohort)


@dataclass(frozen=True)
class Lab:
    """A lab as a user wrote it: its value in the unit of twin.MEASURES, the user's unit, and the factor to that."""

    value: float
    unit: str
    factor: float = 1.0


def parse_lab(option: str, text: str) -> Lab:
    """Return the lab that "260ng/dL", "48 pg/mL" or "3.1" spells for an option of LABS.

    Raises:
        TestisError: no number, no unit where one is needed, a unit of another kind, or a value that no living man has.
    """
    from testis_abm.population.told import LABELS
    from testis_abm.population.twin import MEASURES
    from testis_abm.scenario.quantities import UNITS, canonical_unit, convert, parse_unit

    lab, variable, usual = LABS[option]
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise TestisError(
            f"--{option} {text}: {shown(text)} is not a number with a unit; write for example {_example(option)}"
        )
    number, wanted = float(found[1]), found[2] or usual
    if wanted is None and number > 0.0:
        units = ", ".join(UNITS[variable])
        raise TestisError(f"--{option} {text}: has no unit; write for example {_example(option)} ({units})")
    canonical = canonical_unit(variable)
    try:
        unit = parse_unit(variable, wanted or canonical)
    except TestisError as error:
        raise TestisError(f"--{option} {text}: {str(error).replace(variable, LABELS[lab])}") from None
    _, _, low, high = MEASURES[lab]
    # The free testosterone of twin.MEASURES is in nmol/L.
    factor = convert(variable, 1e3 if lab == "free_t" else 1.0, canonical, unit)
    if not low <= number / factor <= high:
        raise TestisError(
            f"--{option} {text} is not believable; allowed: {LABELS[lab]} of {low * factor:.3g} to {high * factor:.4g} {unit}"
        )
    return Lab(number / factor, unit, factor)


def _example(option: str) -> str:
    return {"t": "260ng/dL", "free-t": "8pg/mL", "e2": "30pg/mL"}.get(option, "4.4")


def _given(options: argparse.Namespace) -> dict[str, Lab]:
    given: dict[str, Lab] = {}
    for option, (lab, _, _) in LABS.items():
        text = getattr(options, option.replace("-", "_"))
        if text is not None:
            given[lab] = parse_lab(option, text)
    for option, unit in _PLAIN.items():
        text = getattr(options, option)
        if text is not None:
            try:
                given[option] = Lab(float(text), unit)
            except ValueError:
                raise TestisError(f"--{option} {text}: is not a plain number (of {unit})") from None
    return given


def _assay(name: str) -> str:
    if name not in ("immunoassay", "lc-ms"):
        raise TestisError(unknown("assay", name, ("immunoassay", "lc-ms")))
    return name


def _treatment(options: argparse.Namespace) -> Scenario | None:
    from testis_abm.scenario import load

    if options.scenario and options.give:
        raise TestisError("--scenario and --give: use one of them")
    if options.scenario:
        return noted(load, options.scenario)
    if not options.give:
        return None
    therapies = []
    for text in options.give:
        found = _GIVE.fullmatch(text.strip())
        if found is None:
            raise TestisError(
                f'--give {shown(text)}: write drug, dose and how often, for example "anastrozole 1mg daily"'
            )
        often = (found["often"] or "daily").strip().lower()
        therapies.append(
            {"drug": found["drug"], "dose": found["dose"], "every": _OFTEN.get(often, often.removeprefix("every "))}
        )
    return noted(
        load,
        {
            "title": "; ".join(options.give),
            "plan": {"duration": f"{options.days} days"},
            "therapy": therapies,
            "samples": {"assay": options.assay},
        },
    )


def noted[T](make: Callable[..., T], *given: Any, **named: Any) -> T:
    """Return what `make` makes; print its warnings as notes, a line each."""
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        made = make(*given, **named)
    for note in notes:
        print(f"Note: {note.message}", file=sys.stderr)
    return made


def _twin(options: argparse.Namespace) -> int:
    labs, assay, case = _given(options), _assay(options.assay), _treatment(options)
    from testis_abm.population import told, twin

    given = {name: lab.value for name, lab in labs.items()}
    twin.check(given)
    options.interrupt.check()
    found = twin.find(given, population=options.population, assay=assay, seed=options.seed)
    options.interrupt.check()
    print(told.about(found, {name: (lab.unit, lab.factor) for name, lab in labs.items()}))
    tables = {"physiology": found.physiology().reset_index(), "labs": found.labs().reset_index()}
    if case is not None:
        from testis_abm.population.predict import changes, predict, predict_with, readouts
        from testis_abm.studies.ensemble import shipped

        men, lesions = (sample(options.men, options.seed) for sample in (found.sample, found.sample_lesions))
        before, after = predict_with(men, case, shipped()) if options.ensemble else predict(men, case)
        print(f"\nPredicted response of all matching virtual patients ({options.men} drawn): {case.title}, {case.plan.duration_days} days\n")
        print(told.predicted(before, after, lesions, options.ensemble, found.dependable))
        tables |= {"prediction": changes(before, after).reset_index(), "before": before, "after": after}
        tables |= {"safety_and_outcome": readouts(before, after).reset_index()}
    print(f"\n{_NOTE}")
    if options.out:
        folder = Path(options.out)
        _write(folder, tables, found)
        if case is not None and not options.no_plots:
            _draw(before, after, case, folder)
        print(f"Results in {options.out}/")
    return 0


def _draw(before: pd.DataFrame, after: pd.DataFrame, case: Scenario, folder: Path) -> None:
    """Write the picture of the men before and after; without matplotlib the tables are there all the same."""
    try:
        from testis_abm.results.plots import style, twin
    except ModuleNotFoundError as error:
        print(f"No picture: {error.name} is not installed (pip install matplotlib).", file=sys.stderr)
        return
    from testis_abm.results.draw import write_figure

    with style.looks():
        paths = write_figure(twin.draw(before, after, case), "before_and_after", folder)
    print(f"Picture: {paths[0]} (SVG beside it)")


def _write(folder: Path, tables: Mapping[str, pd.DataFrame], found: Twin) -> None:
    """Write each table whole or not at all."""
    from testis_abm import __version__

    try:
        folder.mkdir(parents=True, exist_ok=True)
        men = found.men.assign(lesion=found.lesion.to_numpy(), weight=found.weights)
        for name, table in {**tables, "men": men}.items():
            beside = folder / f".{name}.parquet"
            table.to_parquet(beside)
            beside.replace(folder / f"{name}.parquet")
        kept = {
            "version": __version__, "given": {name: str(value) for name, value in found.given.items()},
            "used": {name: str(value) for name, value in found.used.items()}, "notes": list(found.notes), "assay": found.assay,
            "population": found.prior.name, "effective_sample_size": found.effective, "pareto_k": found.pareto_k,
            "dependable": found.dependable, "misfit": dict(found.misfit),
        }  # fmt: skip
        beside = folder / ".twin.json"
        beside.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        beside.replace(folder / "twin.json")
    except OSError as error:
        raise TestisError(f"{folder}: cannot be written ({error.strerror or error})") from error


def _cohort(options: argparse.Namespace) -> int:
    assay = _assay(options.assay)
    from testis_abm.population import Population
    from testis_abm.population.screen import screen

    kept = screen(
        Population.named(options.population),
        options.men,
        options.where,
        visits=options.visits,
        seed=options.seed,
        assay=assay,
    )
    print(kept.told())
    print(f"\n{_NOTE}")
    if options.out:
        try:
            path = Path(options.out)
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}")
            kept.table().to_parquet(beside)
            beside.replace(path)
        except OSError as error:
            raise TestisError(f"{options.out}: cannot be written ({error.strerror or error})") from error
        print(f"Men in {options.out}")
    return 0
