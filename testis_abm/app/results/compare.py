"""Arms beside the first of them: what changed, by how much, why; of a results folder, and of arms that the page kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pandas as pd
import solara

from testis_abm.app import charts, widgets
from testis_abm.app.results import parts, points
from testis_abm.app.results.parts import Refused, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.experiments import opened
from testis_abm.experiments.compare import Comparison
from testis_abm.experiments.opened import Folder
from testis_abm.experiments.outputs import OUTPUTS, WANTED
from testis_abm.pictures import arms, rows_screen, screen
from testis_abm.results import plausible, report
from testis_abm.results.treatment import basis, last_window


@solara.component
@in_its_units
def View(session: Session, folder: Folder, now: tuple[int, ...]) -> None:  # noqa: N802
    """Show the comparison of a folder."""
    found = solara.use_memo(
        lambda: tried(lambda: opened.comparison(folder.folder), folder.folder), [folder, now, session.units.value]
    )
    if isinstance(found, Refused):
        widgets.note(found.why, wrong=not folder.missing)
        return
    Arms(session, found, lambda key: points.load(session, folder.folder, key))
    spans, days = arms.treatments(found.scenarios)
    if spans:
        widgets.html(screen.timeline(spans, days), classes=["ta-scroll"])
    widgets.heading("Courses", 3)
    charts.grid(session, arms.panels(found, WANTED))
    widgets.html(arms.legend(arms.colours(found)))
    widgets.paragraph(f"By week. In the tables: {basis(*last_window(float(found.courses['day'].max())))}", "ta-unit")


@solara.component
@in_its_units
def Arms(  # noqa: N802
    session: Session,
    found: Comparison,
    load: Callable[[str], None] | None = None,
    below: Callable[[str], object] = lambda word: None,
) -> None:
    """Show changes against the first arm: the sentence that answers, the picture, reasons, tables; `load` is told an arm that is clicked, `below` shows more of an output."""
    word, set_word = solara.use_state("")
    words = list(dict.fromkeys(found.effects["output"]))
    word = word if word in words else next((name for name in parts.FIRST if name in words), words[0])
    with solara.Div(classes=["ta-cells", "ta-choices"]):
        widgets.select("Outcome", word, [(name, OUTPUTS[name].title) for name in words], set_word)
    parts.answer(answer(found, word))
    chart = arms.changes(found, word, keys=load is not None)
    parts.painted(partial(rows_screen.rows, chart), f"{found.title} {word}", load or (lambda key: None))
    widgets.table(by_arm(found, word), f"{parts.opening(OUTPUTS[word].heading)}. {found.over()}", "arm")
    below(word)
    for name in found.arms[1:]:
        _reasons(found, name)
    for name, why in found.lost.items():
        widgets.note(f"{name}: left out, as every run of it failed: {why}", wrong=True)
    if others := len(found.failed[~found.failed["arm"].isin(list(found.lost))]):
        widgets.note(
            f"{others} {'run' if others == 1 else 'runs'} failed and {'is' if others == 1 else 'are'} left out in all arms: {found.failed['error'].iloc[0]}",
            wrong=True,
        )
    parts.table(
        all_outcomes(found),
        f"Levels, and changes against {found.arms[0]}. {found.over()}",
        "outcome",
        found.effects,
        found.title,
    )


def _reasons(found: Comparison, name: str) -> None:
    lines = []
    if name in found.why:
        lines.append(f"Why: {found.why[name]}.")
    if found.plausible is not None and (found.plausible["arm"] == name).any():
        lines += [f"Over plausible models: {text}" for text in plausible.verdicts(found.plausible, name)]
    if name in found.left_out:
        lines.append(f"{parts.opening(found.left_out[name])}.")
    if lines:
        widgets.heading(name, 3)
    for k, text in enumerate(lines):
        widgets.paragraph(text, "ta-reason" if k == 0 and text.startswith("Why") else "")


def answer(found: Comparison, word: str) -> str:
    """Return which arm changes an output most against the first, and whether the interval allows none at all."""
    rows = found.effects[(found.effects["output"] == word) & found.effects["change_pct"].notna()]
    name, first = OUTPUTS[word].title, found.arms[0]
    if rows.empty:
        return f"{name}: nothing to compare with, as {first} has none."
    most = rows.loc[rows["change_pct"].abs().idxmax()]
    up = most["change_pct"] >= 0.0
    best = rows.loc[rows["change_pct"].idxmax()] if up else rows.loc[rows["change_pct"].idxmin()]
    told = _change(best, found.replicates)
    if abs(best["change_pct"]) < plausible.SAME:
        return f"{name} hardly changes against {first}: {told}{f' with {best["arm"]}' if len(rows) > 1 else f' in {best["arm"]}'} at most."
    text = f"{name} {'rises' if up else 'falls'} {'most ' if len(rows) > 1 else ''}in {best['arm']}: {told} against {first}"
    low, high = _ends(best)
    if math.isfinite(low + high) and low < 0.0 < high:
        text += "; the interval allows no change, and one the other way"
    return f"{text}."


def _ends(row: pd.Series) -> tuple[float, float]:
    """Return the interval over plausible models, or else over replicates."""
    ends = float(row["plausible_low_pct"]), float(row["plausible_high_pct"])
    return ends if math.isfinite(sum(ends)) else (float(row["low_pct"]), float(row["high_pct"]))


def _change(row: pd.Series, replicates: int) -> str:
    centre, interval = report.change(row["change_pct"], row["low_pct"], row["high_pct"], replicates)
    over = plausible.ends(row["change_pct"], row["plausible_low_pct"], row["plausible_high_pct"])
    told = [f"95 % {interval.strip('()')}"] if interval else []
    told += [f"plausible models {over}"] if over not in ("", "-") else []
    return f"{centre} ({'; '.join(told)})" if told else centre


def by_arm(found: Comparison, word: str) -> pd.DataFrame:
    """Return an output of every arm: level, change, and both intervals, in print."""
    rows = found.effects[found.effects["output"] == word].set_index("arm")
    column = OUTPUTS[word].column
    cells = {found.arms[0]: [report.level(column, rows["reference"].iloc[0]), "reference", "", ""]}
    for name, row in rows.iterrows():
        centre, interval = report.change(row["change_pct"], row["low_pct"], row["high_pct"], found.replicates)
        over = plausible.ends(row["change_pct"], row["plausible_low_pct"], row["plausible_high_pct"])
        cells[str(name)] = [report.level(column, row["level"]), centre, interval.strip("()"), over]
    table = pd.DataFrame(
        cells.values(),
        index=list(cells),
        columns=["level", "change", "95 % interval", "plausible models, 90 %"],
        dtype=object,
    )
    return table.loc[:, (table != "").any()]


def all_outcomes(found: Comparison) -> pd.DataFrame:
    """Return every output: its level in every arm, with the change against the first."""
    rows = {}
    for word, of in found.effects.groupby("output", sort=False):
        row, column = OUTPUTS[str(word)], OUTPUTS[str(word)].column
        cells = {found.arms[0]: report.level(column, of["reference"].iloc[0])}
        for effect in of.itertuples():
            change = report.change(effect.change_pct, effect.low_pct, effect.high_pct, found.replicates)
            cells[effect.arm] = f"{report.level(column, effect.level)}  {' '.join(change)}".rstrip()
        rows[row.heading] = cells
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(found.arms), dtype=object)
