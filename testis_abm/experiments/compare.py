"""Comparisons: arms with common random numbers, what differs between them with intervals, and which rates made the difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm.errors import TestisError
from testis_abm.experiments.files import read_experiment
from testis_abm.experiments.outputs import COLUMNS, DEFAULT, OUTPUTS, WINDOW, clinical, label, of_cells
from testis_abm.model import TestisModel
from testis_abm.results.attribution import SIGNALS, attribute, log_rates
from testis_abm.results.summary import paired_change
from testis_abm.scenario import Scenario, load
from testis_abm.simulate import SIGNAL_COLUMNS, replicate_seed
from testis_abm.tissue.rules import TissueParameters

_EVERY = 7  # days between the points of a course


@dataclass(frozen=True)
class Comparison:
    """Arms beside the first of them.

    Attributes:
        arms: names; replicates: pairs.
        courses: a row an arm, replicate and week: outputs (COLUMNS).
        effects: a row an arm (but the first) and output, in its `unit`: level of the first arm (`reference`) and of this one, change
            in % with its 95 % interval, and `worth`, how many times the replicates that unpaired arms would need for it.
        attribution: arm -> what each rate adds to the difference in sperm output, by signal, and by `numbers` of the tissue that differ.
    """

    arms: tuple[str, ...]
    replicates: int
    courses: pd.DataFrame
    effects: pd.DataFrame
    attribution: Mapping[str, pd.DataFrame]

    def text(self) -> str:
        """Return the table and the reasons."""
        first = self.arms[0]
        head = ["", first, *(f"{arm}, change (95 %)" for arm in self.arms[1:]), "pairing worth"]
        rows = [head]
        for word in DEFAULT:
            column = OUTPUTS[word][0]
            of = self.effects[self.effects["output"] == word].set_index("arm")
            cells = [label(column), f"{of['reference'].iloc[0]:.3g}"]
            for arm in self.arms[1:]:
                row = of.loc[arm]
                interval = f" ({row['low_pct']:+.0f} to {row['high_pct']:+.0f})" if np.isfinite(row["low_pct"]) else ""
                cells.append(
                    f"{row['level']:.3g}  {row['change_pct']:+.0f} %{interval}"
                    if np.isfinite(row["change_pct"])
                    else f"{row['level']:.3g}"
                )
            worth = of["worth"].median()
            rows.append([*cells, f"x{worth:.0f}" if np.isfinite(worth) else ""])
        widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
        lines = ["  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        lines.append(
            f"\n  {self.replicates} replicates, each arm with the same luck; hormones are means of the last {WINDOW} days, semen is that of the last."
        )
        for arm, table in self.attribution.items():
            best = table.reindex(table["output_change_pct"].abs().sort_values(ascending=False).index).head(3)
            told = ", ".join(
                f"{row['rate']} {row['output_change_pct']:+.0f} % (mostly {_main_signal(row)})"
                for _, row in best.iterrows()
                if abs(row["output_change_pct"]) > 0.5
            )
            rates = 100.0 * np.expm1(np.log1p(table["output_change_pct"] / 100.0).sum())
            lines.append(
                f"  Why {arm} differs in sperm made: {told or 'no rate differs'}; all rates together {rates:+.0f} %."
            )
        return "\n".join(lines)


def _main_signal(row: pd.Series) -> str:
    """Return the signal that adds most to a rate."""
    return str(row[[*SIGNALS, "numbers"]].astype(float).abs().idxmax()).replace("_", " ")


def read_arms(sources: Sequence[str | Path]) -> dict[str, Scenario]:
    """Return the arms of one file with [[arm]], or one arm a scenario file, named by its title.

    Raises:
        TestisError: fewer than two arms, or arms of different length.
    """
    if len(sources) == 1:
        arms = dict(read_experiment(sources[0], "compare", ()).arms)
        if len(arms) < 2:
            raise TestisError(f"{sources[0]}: has {len(arms)} [[arm]]; compare needs two or more, or two or more files")
        return arms
    found: dict[str, Scenario] = {}
    for source in sources:
        scenario = load(source)
        name = scenario.title if scenario.title not in found else f"{scenario.title} ({Path(source).name})"
        found[name] = scenario
    return found


def compare(
    arms: Mapping[str, Scenario], *, replicates: int | None = None, progress: Callable[[int, str], None] | None = None
) -> Comparison:
    """Run arms with common random numbers and compare each with the first.

    Args:
        arms: name -> scenario; all take the seed and replicates of the first.
        replicates: instead.
        progress: called as progress(replicate, arm) after each man.

    Raises:
        TestisError: fewer than two arms, arms of different length, or a man outside the physical range.
    """
    if len(arms) < 2:
        raise TestisError(f"{len(arms)} arm: compare needs two or more")
    plans = {(case.plan.duration_days, case.plan.baseline_days) for case in arms.values()}
    if len(plans) > 1:
        lengths = ", ".join(
            f"{name}: {case.plan.baseline_days} + {case.plan.duration_days} days" for name, case in arms.items()
        )
        raise TestisError(f"the arms differ in length ({lengths}); give them the same plan")
    names = tuple(arms)
    plan = arms[names[0]].plan
    count = plan.replicates if replicates is None else replicates
    if not 1 <= count <= 10_000:
        raise TestisError(f"{count} replicates are out of range (1 to 10000)")
    courses, ends, signals = [], [], []
    numbers: dict[str, TissueParameters] = {}
    for replicate in range(count):
        seed = replicate_seed(plan.seed, replicate)
        for name, model in _men(arms, seed).items():
            numbers.setdefault(name, model.tissue.p)
            while model.running:
                model.step()
                if (model.day - 1) % _EVERY == 0 and model.day > 0:
                    courses.append((name, replicate, model.day - 1, *of_cells(model)))
            ends.append((name, replicate, *of_cells(model)))
            rows = np.array([row[1:] for row in model.records["signals"][-WINDOW:]])
            signals.append((name, replicate, *rows.mean(axis=0)))
            if progress is not None:
                progress(replicate, name)
    end = pd.DataFrame(ends, columns=["arm", "replicate", *COLUMNS])
    heard = (
        pd.DataFrame(signals, columns=["arm", "replicate", *SIGNAL_COLUMNS[1:]]).groupby("arm").mean(numeric_only=True)
    )
    return Comparison(
        names, count, pd.DataFrame(courses, columns=["arm", "replicate", "day", *COLUMNS]), _effects(end, names),
        {arm: _attributed(heard, names[0], arm, numbers) for arm in names[1:]},
    )  # fmt: skip


def _attributed(heard: pd.DataFrame, first: str, arm: str, numbers: Mapping[str, TissueParameters]) -> pd.DataFrame:
    """Return what each rate adds: signals under the first arm's numbers of the tissue, then the arm's own numbers."""
    after = dict(heard.loc[arm])
    table = attribute(dict(heard.loc[first]), after, numbers[first])
    own, other = (log_rates(after, numbers[name]) for name in (arm, first))
    table["numbers"] = [a - b for a, b in zip(own, other)]
    table["output_change_pct"] = 100.0 * np.expm1(np.log1p(table["output_change_pct"] / 100.0) + table["numbers"])
    return table


def _men(arms: Mapping[str, Scenario], seed: int) -> dict[str, TestisModel]:
    """Return the men of a replicate; arms of one man share his steady state."""
    rest: dict[Any, TestisModel] = {}
    men = {}
    for name, case in arms.items():
        key = (case.man, case.tissue, case.parameters, case.plan.baseline_days)
        if key not in rest:
            rest[key] = TestisModel(case, rng=seed, treated=False)
        men[name] = TestisModel(case, rng=seed, treated=case.treated, settled=rest[key])
    return men


def _effects(end: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    rows = []
    for word, (column, unit, _) in OUTPUTS.items():
        level = {name: clinical(column, end[end["arm"] == name].sort_values("replicate")[column]) for name in names}
        first = level[names[0]]
        for name in names[1:]:
            other = level[name]
            change, low, high = paired_change(first, other)
            rows.append((name, word, unit, first.mean(), other.mean(), change, low, high, _worth(first, other)))
    columns = ["arm", "output", "unit", "reference", "level", "change_pct", "low_pct", "high_pct", "worth"]
    return pd.DataFrame(rows, columns=columns)


def _worth(first: np.ndarray, other: np.ndarray) -> float:
    """Return the variance of an unpaired difference over that of the paired one, on a log scale."""
    if len(first) < 3 or not ((first > 0).all() and (other > 0).all()):
        return float("nan")
    apart = np.log(first).var(ddof=1) + np.log(other).var(ddof=1)
    together = np.log(other / first).var(ddof=1)
    return float(apart / together) if together > 0 else float("nan")
