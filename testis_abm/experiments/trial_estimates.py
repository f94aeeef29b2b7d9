"""What is estimated of a trial's men: levels, effects, responders, interim looks, men who had treatments in turn.

`men` is a row a man: `arm`, `baseline_` what screening measured, `day<d>_` what visits did (trial_result.Result); `attended` whether
he was measured at the last visit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from testis_abm.biology.laboratory import VARIATION, Laboratory
from testis_abm.experiments.outputs import ROWS
from testis_abm.experiments.trial_design import (
    ANCOVA,
    COMPOSITE,
    HYPOTHETICAL,
    MIXED,
    TREATMENT_POLICY,
    WHILE_ON_TREATMENT,
    Design,
)
from testis_abm.quantities import QUANTITIES
from testis_abm.scenario.condition import Condition
from testis_abm.statistics import (
    Effect,
    adjusted,
    arm_effect,
    crossed_over,
    nanmean,
    repeated_measures,
    share_difference,
    stopping,
    stopping_limits,
)

LEAST = 5  # measured men of an arm under which nothing is estimated
_CV = 0.3  # of what no sample tells: it weighs men in a comparison, and errors are robust against it
STOPPED, LOST = "stopped_day", "lost_day"  # columns of the men: first day without doses, and without visits
# Estimator -> what it is, in print.
METHODS = {
    ANCOVA: "ANCOVA of the last visit (negative binomial), men who came to it",
    MIXED: "mixed model for repeated measures (unstructured, REML), all visits",
}


def measured_at_visits(column: str) -> bool:
    """Return whether visits measure an output: they take blood and semen."""
    return column in QUANTITIES and QUANTITIES[column].sample in ("blood", "semen")


def visited(day: int, column: str) -> str:
    """Return the column of the men's table that holds an output on the day of a visit."""
    return f"day{day}_{'' if measured_at_visits(column) else 'true_'}{column}"


def effect(men: pd.DataFrame, arms: tuple[str, str], column: str, last: int, laboratory: Laboratory) -> dict[str, Any]:
    """Return the effect of the second of two arms on an output; levels in the clinical unit."""
    after = men[visited(last, column)]
    used = men[np.isfinite(after) & men["arm"].isin(arms)]
    after, own = after[used.index].to_numpy(dtype=float), (used["arm"] == arms[1]).to_numpy()
    before = used.get(f"baseline_{column}", pd.Series(np.nan, used.index)).to_numpy(dtype=float)
    percent = plain = Effect()
    if min(own.sum(), (~own).sum()) >= LEAST:
        cv = np.sqrt(np.expm1(laboratory.log_sd(column) ** 2)) if column in VARIATION else _CV
        percent, plain = arm_effect(after, own, before, least=laboratory.limit(column), cv=float(cv))
    quantity = ROWS[column]
    means = [[float(quantity.clinical(nanmean(of[part]))) for part in (~own, own)] for of in (before, after)]
    return {
        "arm": arms[1],
        "column": column,
        "output": quantity.label,
        "unit": quantity.clinical_unit,
        "measured": measured_at_visits(column),
        "n_control": int((~own).sum()),
        "n": int(own.sum()),
        "control_baseline": means[0][0],
        "baseline": means[0][1],
        "control_mean": means[1][0],
        "mean": means[1][1],
        "difference_pct": percent.centre,
        "low_pct": percent.low,
        "high_pct": percent.high,
        "difference": quantity.factor * plain.centre,
        "low": quantity.factor * plain.low,
        "high": quantity.factor * plain.high,
        "p": percent.p if np.isfinite(percent.p) else plain.p,
        "df": plain.df,
    }


def responders(men: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return responders of each arm among the men randomised, against the first arm."""
    rows = []
    counts = men.groupby("arm").agg(hits=("responds", "sum"), n=("responds", "size"), measured=("attended", "sum"))
    counts = counts.reindex(names, fill_value=0)
    control = counts.iloc[0]
    for name, own in counts.iterrows():
        apart = Effect()
        if name != names[0] and min(own["measured"], control["measured"]) >= LEAST:
            apart = share_difference(own["hits"], own["n"], control["hits"], control["n"])
        nnt = 100.0 / apart.centre if apart.centre else np.nan
        ends = (100.0 / apart.high, 100.0 / apart.low) if apart.low * apart.high > 0.0 else (np.nan, np.nan)
        row = {"arm": name, "responders": own["hits"], "n": own["n"], "measured": own["measured"]}
        for end, of_men in (("", "n"), ("_measured", "measured")):
            row[f"share{end}_pct"] = 100.0 * own["hits"] / own[of_men] if own[of_men] else np.nan
        row |= {"difference_pct_points": apart.centre, "low": apart.low, "high": apart.high}
        rows.append(row | {"nnt": nnt, "nnt_low": ends[0], "nnt_high": ends[1]})
    return pd.DataFrame(rows)


def as_estimated(men: pd.DataFrame, design: Design, days: Sequence[int]) -> pd.DataFrame:
    """Return the men as the estimand takes what was measured after they stopped treatment (trial_design.ESTIMANDS)."""
    if design.estimand == TREATMENT_POLICY or STOPPED not in men:
        return men
    men, days = men.copy(), sorted(days)
    stopped, last = men[STOPPED].fillna(np.inf).to_numpy(), days[-1]
    names = [name.removeprefix("baseline_") for name in men if name.startswith("baseline_")]
    names = [name for name in names if visited(last, name) in men]
    if design.estimand == WHILE_ON_TREATMENT:
        for name in names:
            seen = np.column_stack([men[visited(day, name)].where(day <= stopped) for day in days])
            # A stopped man's last visit before it stands for the last; who stays and misses that one is missing.
            known = pd.DataFrame(seen).ffill(axis=1).iloc[:, -1].to_numpy()
            men[visited(last, name)] = np.where(stopped < last, known, seen[:, -1])
    else:
        for day in days:
            off = stopped < day
            for name in names:
                instead = men[f"baseline_{name}"] if design.estimand == COMPOSITE else np.nan
                men[visited(day, name)] = men[visited(day, name)].mask(off, instead)
    off = stopped < last
    if design.estimand == COMPOSITE:
        men["attended"] |= off
    elif design.estimand == HYPOTHETICAL:
        men["attended"] &= ~off
    else:
        first = np.column_stack([men[visited(day, names[0])].notna() for day in days]).any(axis=1) if names else False
        men["attended"] = np.where(off, first & men[visited(last, names[0])].notna(), men["attended"])
    return men


def responds(men: pd.DataFrame, column: str, last: int, rule: Condition | float, laboratory: Laboratory) -> pd.Series:
    """Return whether each man responds at the last visit; who missed it does not.

    `rule` is a condition on what that visit measures, or the rise in % of the outcome `column`; of sperm any do where none
    were counted, and none never.
    """
    if isinstance(rule, Condition):
        return pd.Series(holds(men, rule, last, laboratory) & men["attended"].to_numpy(), men.index)
    before, after = men[f"baseline_{column}"], men[visited(last, column)]
    if QUANTITIES[column].sample == "semen":
        before = before.fillna(0.0)  # percentages of no sperm are missing
    return after > before * (1.0 + rule / 100.0)


def holds(men: pd.DataFrame, condition: Condition, day: int | None, laboratory: Laboratory) -> np.ndarray:
    """Return of whom a condition holds by the visit of a day (None: by screening), (men,); not of who was not measured."""
    each = []
    for clause in condition.clauses:
        column = laboratory.column(clause.column)
        name = column if column in ("bmi", "age") else f"baseline_{column}" if day is None else visited(day, column)
        each.append([clause.holds(clause.in_unit(value)) for value in men[name]])
    return np.asarray(np.all(each, axis=0) if condition.joint == "and" else np.any(each, axis=0))


def flow(men: pd.DataFrame, last: int, names: Sequence[str], used: pd.Series) -> pd.DataFrame:
    """Return what became of the men of each arm, how many are analysed (`used`), and how many have no sperm."""
    rows = []
    stopped = men[STOPPED].notna() if STOPPED in men else pd.Series(False, men.index)
    lost = men[LOST].notna() if LOST in men else pd.Series(False, men.index)
    sperm = "concentration_million_ml"
    for name in names:
        own = men["arm"] == name
        there = own & men["attended"]
        row = {"arm": name, "randomised": int(own.sum()), "stopped": int((own & stopped).sum())}
        gone = own & ~men["attended"] & ~men["failed"]
        row |= {"measured": int(there.sum()), "missed": int((gone & ~lost).sum()), "lost": int((gone & lost).sum())}
        row |= {"failed": int((own & men["failed"]).sum()), "analysed": int((own & used).sum())}
        none = {"before": men["screened_azoospermic"][there], "after": men[visited(last, sperm)][there] == 0.0}
        row |= {f"azoospermic_{when}": int(without.sum()) for when, without in none.items()}
        row |= {f"azoospermic_{when}_pct": 100.0 * float(without.mean()) for when, without in none.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def levels(men: pd.DataFrame, names: Sequence[str], columns: Sequence[str], last: int) -> pd.DataFrame:
    """Return a row an output and arm: baseline, last visit and change of the men who came to it, in the clinical unit.

    Means with SD, and geometric means of levels that are compared on a log scale (NaN where one is 0).
    """
    rows = []
    for column in columns:
        quantity = ROWS[column]
        for name in names:
            own = men[men["arm"] == name]
            after = quantity.clinical(own[visited(last, column)].to_numpy(dtype=float))
            before = own.get(f"baseline_{column}", pd.Series(np.nan, own.index)).to_numpy(dtype=float)
            came = np.isfinite(after)
            rows.append(_averages(column, name, np.asarray(quantity.clinical(before))[came], after[came]))
    return pd.DataFrame(rows)


def _averages(column: str, arm: str, before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Return a row of `levels` of an arm, of levels in the clinical unit, none missing after."""
    quantity = ROWS[column]
    row = {"output": quantity.label, "column": column, "unit": quantity.clinical_unit, "arm": arm, "n": len(after)}
    for part, values in {"baseline": before, "last": after, "change": after - before}.items():
        some = values[np.isfinite(values)]
        row[part] = float(some.mean()) if len(some) else np.nan
        row[f"{part}_sd"] = float(some.std(ddof=1)) if len(some) > 1 else np.nan
        if part != "change":
            logs = len(some) > 0 and some.min() > 0.0 and _logged(column)
            row[f"{part}_geometric"] = float(np.exp(np.log(some).mean())) if logs else np.nan
    return row


def _logged(column: str) -> bool:
    """Return whether a level is compared on a log scale by models with normal errors: all but percentages."""
    return not column.endswith("_pct")


def _scaled(values: np.ndarray, column: str, laboratory: Laboratory) -> np.ndarray:
    """Return levels on the scale of normal errors; what is under the limit stands at half of it, as laboratories report it."""
    if not _logged(column):
        return values
    some = values[np.isfinite(values) & (values > 0.0)]
    low = 0.5 * (laboratory.limit(column) or (float(some.min()) if len(some) else 1.0))
    return np.log(np.where(np.isfinite(values), np.maximum(values, low), np.nan))


def estimates(
    men: pd.DataFrame, design: Design, effects: pd.DataFrame, control: str, days: Sequence[int], laboratory: Laboratory
) -> pd.DataFrame:
    """Return a row an output, arm and estimator: the difference from the control at the last visit, and p.

    `relative` tells a difference in % from one in the unit; `p_adjusted` is that of the deciding estimator over the family of outcomes and arms.
    """
    rows = []
    for row in effects[effects["measured"]].to_dict("records"):
        own = {key: row[key] for key in ("output", "column", "arm")}
        for method in design.analysis:
            if method == ANCOVA:
                percent = np.isfinite(row["difference_pct"])
                names = ("difference_pct", "low_pct", "high_pct") if percent else ("difference", "low", "high")
                centre, low, high = (float(row[name]) for name in names)
                found = Effect(centre, low, high, float(row["p"]), float(row["df"]))
                scale, relative, n = "means", percent, (row["n_control"], row["n"])
            elif design.estimand == WHILE_ON_TREATMENT:
                continue  # one value a man
            else:
                found, n = mixed(men, (control, row["arm"]), row["column"], days, laboratory)
                relative = _logged(row["column"])
                scale = "geometric means" if relative else "means"
            rows.append(
                own
                | {
                    "method": method,
                    "of": scale,
                    "relative": relative,
                    "unit": "%" if relative else row["unit"],
                    "n_control": n[0],
                    "n": n[1],
                    "estimate": found.centre,
                }
                | {"low": found.low, "high": found.high, "p": found.p, "df": found.df, "p_adjusted": np.nan}
            )
    table = pd.DataFrame(rows)
    if len(table):
        first = table[table["method"] == table["method"].iloc[0]].set_index(["column", "arm"])
        arms = list(dict.fromkeys(table["arm"]))
        family = [(column, arm) for column in design.family for arm in arms if (column, arm) in first.index]
        own = table.set_index(["column", "arm"]).index
        for of, p in zip(family, adjusted([first.loc[of, "p"] for of in family], design.multiplicity), strict=True):
            table.loc[(own == of) & (table["method"] == table["method"].iloc[0]), "p_adjusted"] = p
    return table


def mixed(
    men: pd.DataFrame, arms: tuple[str, str], column: str, days: Sequence[int], laboratory: Laboratory
) -> tuple[Effect, tuple[int, int]]:
    """Return the effect of the second of two arms by the mixed model, in % or the unit, and the men of either who were measured."""
    used = men[men["arm"].isin(arms)]
    own = (used["arm"] == arms[1]).to_numpy()
    seen = np.column_stack([used[visited(day, column)].to_numpy(dtype=float) for day in sorted(days) if day > 0])
    some = np.isfinite(seen).any(axis=1)
    n = int((some & ~own).sum()), int((some & own).sum())
    came = np.isfinite(seen[:, -1])
    if min((came & own).sum(), (came & ~own).sum()) < LEAST:
        return Effect(), n
    both = _scaled(np.column_stack([used[f"baseline_{column}"].to_numpy(dtype=float), seen]), column, laboratory)
    found = repeated_measures(both[:, 1:], own, both[:, 0])
    return _in_print(found, column), n


def _in_print(found: Effect, column: str) -> Effect:
    """Return an effect on the scale of normal errors in %, or in the clinical unit."""
    if _logged(column):
        return found.scaled(lambda x: 100.0 * float(np.expm1(x)))
    return found.scaled(lambda x: float(ROWS[column].factor * x))


def interim(design: Design, men: int, look: Callable[[int], float]) -> pd.DataFrame:
    """Return a row a look that was taken: men, p, z and its limit, whether it is passed, and chances to stop there.

    Args:
        men: randomised; look: returns p of the primary outcome among the first men.
    """
    from scipy.stats import norm

    limits, rows = stopping_limits(design.looks, design.spending), list[dict[str, Any]]()
    for k, (share, limit) in enumerate(zip(design.looks, limits, strict=True), 1):
        first = round(share * men)
        p = look(first)
        z = float(norm.isf(p / 2.0)) if np.isfinite(p) else np.nan
        row = {"look": k, "share": share, "men": first, "p": p, "z": z, "limit": limit}
        rows.append(row | {"nominal_p": float(2.0 * norm.sf(limit)), "passed": bool(z >= limit)})
        if z >= limit:
            break
    table = pd.DataFrame(rows)
    seen = table["z"].iloc[-1]
    drift = seen / np.sqrt(table["share"].iloc[-1]) if np.isfinite(seen) else np.nan
    for name, mean in (("chance_without_effect", 0.0), ("chance_with_effect_seen", drift)):
        chances = stopping(design.looks, limits, mean) if np.isfinite(mean) else [np.nan] * len(limits)
        table[name] = chances[: len(table)]
    return table


def in_turn(
    men: pd.DataFrame,
    design: Design,
    orders: Sequence[Sequence[int]],
    names: Sequence[str],
    columns: Sequence[str],
    laboratory: Laboratory,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return of a cross-over the effects (columns of `effect`), levels (of `levels`) and, an output a row, p of period and carry-over.

    Args:
        orders: (men,) treatments of each man in turn, by number in `names`; columns: outputs.
    """
    given, ends = np.array(orders), [design.begins(period) + design.length for period in range(design.periods)]
    rows, tests, averages = [], [], []
    for column in columns:
        seen = np.column_stack([men[visited(day, column)].to_numpy(dtype=float) for day in ends])
        found = crossed_over(_scaled(seen, column, laboratory), given, len(names))
        quantity, before = (
            ROWS[column],
            men.get(f"baseline_{column}", pd.Series(np.nan, men.index)).to_numpy(dtype=float),
        )
        whole = np.isfinite(seen).sum(axis=1) >= 2
        tests.append(
            {"output": quantity.label, "column": column, "p_period": found.period, "p_carry_over": found.carry_over}
        )
        of = [np.where((given == k) & whole[:, None], seen, np.nan) for k in range(len(names))]
        for name, one in zip(names, of, strict=True):
            pairs = [np.broadcast_to(level, one.shape)[np.isfinite(one)] for level in (before[:, None], one)]
            averages.append(_averages(column, name, *(np.asarray(quantity.clinical(level)) for level in pairs)))
        means = [float(quantity.clinical(nanmean(one.ravel()))) for one in of]
        base = float(quantity.clinical(nanmean(before[whole])))
        counts = [int(np.isfinite(one).any(axis=1).sum()) for one in of]
        for k, apart in enumerate(found.effects, 1):
            told = _in_print(apart, column)
            blank = Effect()
            percent, plain = (told, blank) if _logged(column) else (blank, told)
            rows.append(
                {"arm": names[k], "column": column, "output": quantity.label, "unit": quantity.clinical_unit}
                | {"measured": measured_at_visits(column), "n_control": counts[0], "n": counts[k]}
                | {"control_baseline": base, "baseline": base, "control_mean": means[0], "mean": means[k]}
                | {"difference_pct": percent.centre, "low_pct": percent.low, "high_pct": percent.high}
                | {"difference": plain.centre, "low": plain.low, "high": plain.high, "p": apart.p, "df": apart.df}
            )
    return pd.DataFrame(rows), pd.DataFrame(averages), pd.DataFrame(tests)
