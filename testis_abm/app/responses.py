"""What candidates do to matching virtual patients, as charts and tables in print.

Only what shows responses imports this: the first page does without.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from testis_abm.app.candidates import letter
from testis_abm.app.matching import Response
from testis_abm.biology.laboratory import Laboratory
from testis_abm.choices import TREATED
from testis_abm.pictures.reference import reference_ranges
from testis_abm.pictures.spreads import Violin, Violins
from testis_abm.population import predict, report
from testis_abm.population.candidates import RISE
from testis_abm.population.predict import changes, readouts
from testis_abm.quantities import EFFECTS, QUANTITIES, clinical
from testis_abm.results import plausible

CELLS = "Median after, and in brackets the median of each man's own change with its 90 % interval over virtual patients and parameters."
MEANS = "Means after, and in brackets the mean difference with its 90 % interval; of a share of men after, its 95 % interval."
_BEFORE = "before"


def violins(response: Response, column: str) -> Violins:
    """Return the distributions of a quantity before treatment and under each candidate."""
    quantity, laboratory = QUANTITIES[column], Laboratory(response.values)
    frames = [(_BEFORE, response.before), *zip(response.names, response.after, strict=True)]
    groups = []
    for name, frame in frames:
        levels = clinical(column, frame[column].to_numpy())
        groups.append(Violin(name, levels[np.isfinite(levels)]))
    limits, least = reference_ranges().get(column), laboratory.limit(column) * quantity.factor
    word = "none" if quantity.sample == "semen" else f"<{least:.3g}"
    of = limits and limits.scaled(quantity.factor)
    return Violins(quantity.title, quantity.clinical_unit, tuple(groups), of, least, word)


def caption(chart: Violins, response: Response) -> str:
    """Return what the violins show, in words."""
    days, men = response.scenarios[0].plan.duration_days, len(response.before)
    limit = (
        f" Reference limit {chart.reference.printed} {chart.unit} ({chart.reference.source})."
        if chart.reference
        else " No reference limit of it is in the tables of this program."
    )
    return (
        f"Each shape: the distribution over {men} matching virtual patients, each under a plausible parameter set, before treatment and after "
        f"{days} days. Bar: 90 % interval; line: median.{limit}"
    )


def basis(response: Response) -> str:
    """Return on what the tables stand."""
    past = report.past(response.scenarios[0])
    return f"{report.CAPTION} The spread is that of the virtual patients and of {report.PARAMETERS}, as testis-abm twin --give has it. {past}".strip()


def of_outcome(response: Response, column: str, dependable: bool) -> pd.DataFrame:
    """Return a row a candidate: levels, change with interval, and shares of men, of one outcome."""
    of, quantity, rows = response.candidates, QUANTITIES[column], {}
    limits = reference_ranges().get(column)
    for k, (name, after) in enumerate(zip(response.names, response.after, strict=True), 1):
        change = changes(response.before, after, response.values).loc[quantity.label]
        levels, cells = report.before_and_after(quantity.label, change), report.change_cells(change, len(after))
        row = dict(zip(("before", "after"), levels, strict=True)) | {
            "change": cells[0],
            "90 % interval": cells[1].strip("()"),
        }
        row[f"rise over {RISE:.0f} %"] = of.rising(column, k)
        if limits is not None:
            inside = (
                "in the reference range"
                if len(limits.limits) == 2
                else f"{'at least' if limits.low > 0.0 else 'at most'} {limits.printed}"
            )
            row[f"{inside}: before"], row[f"{inside}: after"] = (
                of.within(column, arm, limits.low, limits.high) for arm in (0, k)
            )
        rows[name] = row | {"azoospermic: before": of.azoospermic(0), "azoospermic: after": of.azoospermic(k)}
    table = pd.DataFrame.from_dict(rows, "index", dtype=object)
    return table if dependable else table[["before", "after", "change"]]


def of_all(response: Response, dependable: bool) -> pd.DataFrame:
    """Return a row an outcome, a column a candidate: before, and after each with its change."""
    found: dict[str, list[str]] = {}
    for after in response.after:
        for name, row in changes(response.before, after, response.values).iterrows():
            unit = f" ({row['unit']})" if row["unit"] else ""
            (first, last), cells = report.before_and_after(str(name), row), report.change_cells(row, len(after))
            interval = f", {cells[1].strip('()')}" if dependable and cells[1] else ""
            found.setdefault(f"{name}{unit}", [first]).append(f"{last} ({cells[0]}{interval})")
    return report.in_print(found, _BEFORE, *response.names)


def safety(response: Response, dependable: bool) -> pd.DataFrame:
    """Return a row a readout of safety or outcome, a column a candidate, as `of_all`."""
    of_each = [readouts(response.before, after) for after in response.after]
    found = {}
    for name in dict.fromkeys(name for table in of_each for name in table.index):
        cells, first, unit = [], "-", ""
        for table in of_each:
            if name not in table.index:
                cells.append("-")
                continue
            (first, last, difference), interval, whom = report.readout_cells(
                str(name), table.loc[name], len(response.before)
            )
            unit = f" ({table.loc[name, 'unit']})"
            more = f", {interval.strip('()')}" if dependable and interval else ""
            men = f", {part}" if (part := whom.rpartition(", ")[2]).endswith(" men") else ""
            cells.append(f"{last} ({difference}{more}{men})")
        found[f"{name}{unit}"] = [first, *cells]
    return report.in_print(found, _BEFORE, *response.names)


def by_answer(response: Response, column: str) -> pd.DataFrame:
    """Return the change of an outcome of sperm (plausible.SPERM) under each candidate in men with each answer; as widgets.by_answer takes it."""
    found: list[pd.DataFrame] = []
    for k, after in enumerate(response.after):
        table = predict.by_answer(response.before, after, response.answers, response.values)
        rows = plausible.by_answer(table, TREATED, (column,), men=True)
        found.append(rows.set_axis(["weight", letter(k), "men"], axis=1))
    return pd.concat([found[0][["weight"]], *(rows.iloc[:, [1]] for rows in found), found[0][["men"]]], axis=1).fillna(
        "-"
    )


def unknown() -> str:
    """Return of which effects no dose-response is known."""
    return f"No dose-response is known of: {', '.join(of.label for of in EFFECTS if not of.column)}."


def azoospermic(response: Response) -> list[str]:
    """Return for each candidate who has no sperm before and after, and with which lesions; nothing where all have some."""
    told = [
        (letter(k), report.azoospermic(response.before, after, response.lesions, response.values))
        for k, after in enumerate(response.after)
    ]
    return [f"{name}: {text}" for name, text in told if text]
