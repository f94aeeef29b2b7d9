"""A virtual trial: the primary outcome, men by their change, who came how far, baseline predictors of response, power."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import solara

from testis_abm.app import widgets
from testis_abm.app.results import parts
from testis_abm.app.results.parts import Refused, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.experiments import opened
from testis_abm.experiments.opened import Folder
from testis_abm.experiments.outputs import OUTPUTS, ROWS, output
from testis_abm.experiments.store import read, read_manifest
from testis_abm.experiments.trial_result import Result
from testis_abm.pictures import plots_screen, rows_screen
from testis_abm.pictures.plots import Lines, Row, Rows, Series, Waterfall
from testis_abm.pictures.reference import reference_ranges
from testis_abm.quantities import QUANTITIES
from testis_abm.results import report
from testis_abm.statistics import mean_and_half

_FEW = 2  # men of a level
_WAITS = "Every man has been followed; estimates, intervals and p are worked out last."


@solara.component
@in_its_units
def View(session: Session, folder: Folder, now: tuple[int, ...]) -> None:  # noqa: N802
    """Show a trial, or what there is of one that goes on."""
    found = solara.use_memo(lambda: tried(lambda: _found(folder), folder.folder), [folder, now, session.units.value])
    if isinstance(found, Refused):
        waits = folder.missing or not _analysed(folder)
        widgets.note(found.why if folder.missing or not waits else _WAITS, wrong=not waits)
        return
    if isinstance(found, pd.DataFrame):
        widgets.paragraph(
            "Estimates, intervals and p come once every man has been followed. True levels of the men so far, on their last day:"
        )
        widgets.table(found, "Without error of measurement; of the arms as randomised.", "arm")
        return
    parts.answer(answer(found))
    name = f"{folder.title} "
    for chart, paint in _charts(found):
        parts.painted(partial(paint, chart), name + chart.label)
    widgets.table(flow(found), _assessed(found), "arm")
    ends = "end of each period" if found.design.crossover else f"day {max(found.days)}"
    widgets.table(
        outcomes(found),
        f"Means (SD) as measured at baseline and at {ends}; differences are adjusted for the baseline. * primary outcome.",
        "outcome",
    )
    with parts.folded("All that the analysis says"):
        widgets.html(escape(found.text()), tag="pre")
    with parts.folded("Files"):
        parts.download(found.effects, f"{name} effects")
        parts.download(found.men, f"{name} men")


def _analysed(folder: Folder) -> bool:
    """Return whether the tables of an analysis are there, which come after the last man."""
    return any((folder.folder / f"men{suffix}").is_file() for suffix in opened.FORMATS)


def _found(folder: Folder) -> Result | pd.DataFrame:
    """Return a trial that has ended, or mean levels of the men of one that goes on."""
    if not folder.missing:
        return opened.trial(folder.folder)
    manifest, runs = read_manifest(folder.folder), read(folder.folder)
    runs = runs[(runs["error"] == "") & (runs["day"] == max(manifest["days"]))]
    scenario = next(iter(opened.arms_of(folder.folder).values()))
    word = output(manifest["design"].get("outcome", "sperm concentration"), scenario.samples.assay)
    words = list(dict.fromkeys([word, *(name for name in manifest["outputs"] if name in OUTPUTS)]))[:8]
    rows = {
        case: [
            f"{len(of):,}",
            *(report.number(float(OUTPUTS[name].clinical(of[OUTPUTS[name].column].mean()))) for name in words),
        ]
        for case, of in runs.groupby("case")
    }
    return pd.DataFrame(
        rows.values(), index=list(rows), columns=["men", *(OUTPUTS[name].heading for name in words)], dtype=object
    )


def answer(found: Result) -> str:
    """Return the difference in the primary outcome with its interval and p, and how many men respond."""
    rows = found.effects[found.effects["column"] == found.outcome]
    word, told = QUANTITIES[found.outcome].title, []
    for row in rows.itertuples():
        centre, interval = report.change(row.difference_pct, row.low_pct, row.high_pct)
        if not math.isfinite(row.difference_pct):
            told.append(f"of {row.arm} it cannot say how {word.lower()} differs from {found.names[0]}")
            continue
        sure = row.p < 0.05
        verb = ("is higher" if row.difference_pct > 0 else "is lower") if sure else "does not differ beyond chance"
        p = "p < 0.0001" if row.p < 1e-4 else f"p = {row.p:.2g}"
        told.append(
            f"{verb} on {row.arm} than on {found.names[0]}: {centre} (95 % {interval.strip('()')}; {p})"
            if sure
            else f"{verb} between {row.arm} and {found.names[0]}: {centre} (95 % {interval.strip('()')}; {p})"
        )
    text = f"{word} {'; '.join(told)}" if told else f"{word}: nothing to compare"
    shares = found.responders.set_index("arm") if len(found.responders) else found.responders
    if len(shares):
        parts_ = [
            f"{shares.loc[name, 'share_pct']:.0f} % on {name}"
            for name in (*found.names[1:], found.names[0])
            if name in shares.index
        ]
        text += f". Of the men randomised {' and '.join(parts_)} respond ({found.rise})"
    return f"{text}."


def _charts(found: Result) -> Iterator[tuple[Any, Callable[[Any, float], str]]]:
    """Yield what is drawn, and what paints it."""
    yield visits(found), plots_screen.lines
    if not found.design.crossover:
        yield waterfall(found), rows_screen.waterfall
    yield differences(found), rows_screen.rows
    if len(found.predictors) and found.predictors["auc"].notna().any():
        yield predictors(found), rows_screen.rows
    if len(found.power) and found.power["power"].notna().any():
        yield power(found), plots_screen.lines


def visits(found: Result) -> Lines:
    """Return the primary outcome as measured at every visit, means with 95 % intervals."""
    row, arms = ROWS[found.outcome], list(dict.fromkeys(found.men["arm"])) if found.design.crossover else found.names
    days = sorted(
        int(match[1]) for name in found.men if (match := re.fullmatch(rf"day(\d+)_{found.outcome}", str(name)))
    )
    baseline = f"baseline_{found.outcome}"
    columns = ([baseline] if baseline in found.men else []) + [f"day{day}_{found.outcome}" for day in days]
    x = np.array([0.0, *days] if baseline in found.men else days, dtype=float)
    series = []
    for k, arm in enumerate(arms[:8]):
        values = row.clinical(found.men.loc[found.men["arm"] == arm, columns].to_numpy(dtype=float))
        levels = np.array([_mean(column[np.isfinite(column)]) for column in values.T])
        series.append(
            Series(str(arm), k, levels[:, 0], np.maximum(levels[:, 0] - levels[:, 1], 0.0), levels[:, 0] + levels[:, 1])
        )
    reference = reference_ranges().get(found.outcome)
    scaled = reference and reference.scaled(row.factor)
    return Lines(
        f"{row.title}, as measured",
        row.clinical_unit,
        "Day",
        x,
        ["screening" if day == 0.0 and baseline in found.men else f"{day:g}" for day in x],
        series,
        reference=scaled,
    )


def _mean(values: np.ndarray) -> tuple[float, float]:
    return mean_and_half(values) if len(values) >= _FEW else (math.nan, math.nan)


def waterfall(found: Result) -> Waterfall:
    """Return the men of each arm by their change from baseline to the last visit."""
    last = max(found.days)
    before = found.men.get(f"baseline_{found.outcome}", pd.Series(np.nan, found.men.index)).to_numpy(dtype=float)
    after = found.men[f"day{last}_{found.outcome}"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(before > 0.0, 100.0 * (after / before - 1.0), np.where(after > 0.0, np.inf, 0.0))
    change = np.where(np.isnan(before) | np.isnan(after), np.nan, change)
    arms = [(name, k, change[(found.men["arm"] == name).to_numpy()]) for k, name in enumerate(found.names[:8])]
    threshold = found.responder_pct if found.design.responder is None else math.nan
    return Waterfall(f"{QUANTITIES[found.outcome].title} by day {last}", arms, threshold)


def differences(found: Result) -> Rows:
    """Return how many times the control every outcome is that visits measure, by arm: halving and doubling are as far from none."""
    groups = []
    measured = found.effects[found.effects["measured"]]
    for k, name in enumerate(found.names[1:], 1):
        rows = [
            Row(
                f"{OUTPUTS[row.output].title}{' *' if row.column == found.outcome else ''}",
                _ratio(row.difference_pct),
                _ratio(row.low_pct),
                _ratio(row.high_pct),
                colour=k % 8,
                detail=" ".join(report.change(row.difference_pct, row.low_pct, row.high_pct)).strip(),
            )
            for row in measured[measured["arm"] == name].itertuples()
            if math.isfinite(row.difference_pct)
        ]
        groups.append((name if len(found.names) > 2 else "", rows))
    return Rows(
        f"Differences from {found.names[0]}",
        f"Ratio to {found.names[0]} (95 % interval; * primary)",
        groups,
        zero=1.0,
        log=True,
    )


def _ratio(percent: float) -> float:
    """Return a difference in % as a ratio; what is left of nothing is drawn as a hundredth."""
    return max(0.01, 1.0 + percent / 100.0) if math.isfinite(percent) else math.nan


def predictors(found: Result) -> Rows:
    """Return how well what is known at baseline tells who responds."""
    groups = []
    for k, name in enumerate(found.names):
        rows = found.predictors[(found.predictors["arm"] == name) & found.predictors["auc"].notna()].sort_values(
            "auc", ascending=False
        )
        groups.append(
            (
                name,
                [
                    Row(parts.opening(row.predictor), row.auc, row.low, row.high, colour=k % 8)
                    for row in rows.itertuples()
                ],
            )
        )
    axis = "Area under the ROC curve (0.5: none; over 0.5 high values respond)"
    return Rows(
        f"Baseline predictors of a response ({found.rise})",
        axis,
        [of for of in groups if of[1]],
        zero=0.5,
        ends=(0.0, 1.0),
    )


def power(found: Result) -> Lines:
    """Return the chance of p under 0.05 by men randomised to an arm."""
    series, sizes = [], np.array(sorted(set(found.power["men"])), dtype=float)
    none = np.full(len(sizes), np.nan)
    for k, name in enumerate(found.names[1:], 1):
        rows = found.power[found.power["arm"] == name].set_index("men")["power"].reindex(sizes)
        series.append(Series(name, k % 8, 100.0 * rows.to_numpy(), none, none))
    names = [f"{size:,.0f}" for size in sizes]
    return Lines("Power for the primary outcome", "%", "Men randomised per arm", sizes, names, series, log=True)


def flow(found: Result) -> pd.DataFrame:
    """Return how many men of each arm came how far."""
    heads = {
        "randomised": "randomised",
        "stopped": "stopped treatment",
        "lost": "lost to follow-up",
        "missed": "missed last visit",
    }
    heads |= {"failed": "run failed", "measured": "measured", "analysed": "analysed"}
    return pd.DataFrame(
        {text: found.flow[name].astype(str).tolist() for name, text in heads.items()},
        index=found.flow["arm"].tolist(),
        dtype=object,
    )


def _assessed(found: Result) -> str:
    randomised = int(found.flow["randomised"].sum())
    if not found.assessed:  # of a store that does not say
        return f"{randomised:,} men randomised."
    return f"{found.assessed:,} men assessed for eligibility, {found.assessed - found.planned:,} excluded, {randomised:,} randomised."


def outcomes(found: Result) -> pd.DataFrame:
    """Return every outcome and arm under one header: men, baseline, last visit, change, difference, p."""
    effects = found.effects.set_index(["column", "arm"])
    rows, names = [], []
    for column in dict.fromkeys(found.effects["column"]):
        for row in found.levels[found.levels["column"] == column].itertuples():
            names.append(f"{'* ' if column == found.outcome else ''}{ROWS[column].heading}: {row.arm}")
            cells = [str(row.n), *(_mean_sd(row, name) for name in ("baseline", "last", "change"))]
            apart = ["", ""]
            if (column, row.arm) in effects.index:
                of = effects.loc[(column, row.arm)]
                apart = [" ".join(report.change(of.difference_pct, of.low_pct, of.high_pct)).strip(), _p(of.p)]
            rows.append([*cells, *apart])
    heads = ["men", "baseline", "last visit", "change", f"difference from {found.names[0]} (95 % interval)", "p"]
    return pd.DataFrame(rows, index=names, columns=heads, dtype=object)


def _mean_sd(row: object, name: str) -> str:
    mean, sd = getattr(row, name), getattr(row, f"{name}_sd")
    if not math.isfinite(mean):
        return "-"
    sign = "+" if name == "change" and mean > 0 else ""
    return f"{sign}{report.number(mean)} ({report.number(sd)})" if math.isfinite(sd) else f"{sign}{report.number(mean)}"


def _p(p: float) -> str:
    return "-" if math.isnan(p) else f"{p:.2g}" if p >= 1e-4 else "< 0.0001"
