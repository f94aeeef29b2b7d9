"""What a virtual trial found, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from testis_abm.experiments.outputs import ROWS
from testis_abm.experiments.trial_design import ANCOVA, ESTIMANDS, MIXED, TREATMENT_POLICY, Design
from testis_abm.experiments.trial_estimates import LEAST, METHODS
from testis_abm.quantities import QUANTITIES
from testis_abm.results import plausible, report
from testis_abm.results.shown import Shown
from testis_abm.results.treatment import basis, last_window

# Men who live in every arm under every answer, and sets of each combination of answers about all men.
UNDER_MEN, UNDER_SETS = 6, 3

_OWN_MODELS = (
    "Each man lives, from screening on, under one of the parameter sets that fit published studies, with its answer to each "
    "question that these do not decide (men.parquet). The intervals hold the spread of men, measurement and parameters, and "
    "narrow with more men; what is not known of the parameters does not: see the difference under each answer."
)
_ONE_MODEL = 'All men live under the parameters of the tables (parameters = "tables"): nothing here holds how far these are known.'
_UNMEASURED = "  true level, not measured, unadjusted"
_NOTE = (
    "* primary outcome. Levels as measured, of the men of that arm who came to the last visit; change: from baseline to that "
    "visit, within men. Differences of means, adjusted for the baseline by negative binomial regression with robust "
    "errors; a percentage of sperm is of men who had some. In the unit where the control has too "
    f'little for a percentage; "cannot say" with fewer than {LEAST} men of an arm.'
)
_NOTE_IN_TURN = (
    "* primary outcome. Levels as measured of the men with two periods or more: baseline at screening, before any treatment; "
    "change: from that baseline to the end of the period, within men."
)
_SHORT = {ANCOVA: "ANCOVA, complete cases", MIXED: "mixed model, all visits"}


@dataclass(frozen=True)
class Result(Shown):
    """What a trial found.

    Attributes:
        men: a row a man: arm, what screening measured (`baseline_`, the mean of its visits), what each visit measured
            (`day<d>_`) and, of what it does not, the true level (`day<d>_true_`), NaN where it was missed.
            `stopped_day` and `lost_day` (first day without doses, without visits) where men stop or are lost.
        flow: a row an arm: men randomised, who stopped their drugs, were measured at the last visit, missed it, were lost
            before it, whose run failed, and who are analysed under the estimand; of those
            measured, the % in whom no sperm were counted at the last screening visit and at the last visit.
        levels: a row an output and arm: n, baseline, last visit and change, mean and SD (`_sd`) in the unit, and
            `_geometric` means.
        estimates: a row an output, arm and estimator: difference from the control in `unit`, interval, p; `p_adjusted` over
            the family of outcomes and arms.
        looks: a row an interim look that was taken: p, z, limit, whether it was passed, chances to stop there; None of
            trials with one look. Of a trial that stopped, everything is of the men up to then; planned: men.
        turns: of a cross-over a row an output: p of period and carry-over.
        names: arms, the control first; design: as read.
        effects: a row an arm (against the first) and output at the last visit: means, difference in % and in the unit
            with 95 % intervals, p, n; `measured` is False of true levels, which no visit measures and nothing adjusts.
        responders, predictors, power: empty of a cross-over.
        responders: a row an arm: men whose level rose by over `responder_pct` (or who have some where there was none),
            their share of the men randomised (who missed the visit did not respond) and of those measured; difference
            from the control in percentage points and number needed to treat, with intervals, by the former.
        predictors: a row an arm and baseline measure: AUC for a response with its 95 % interval. What predicts one in
            the control arm too predicts regression to the mean.
        power: a row an active arm and number of men randomised to an arm: share of trials of that size with p under
            0.05.
        failed: men whose run failed, with the error.
        parameters: of plausible models a row a man, a column a number that is not the same in all, or not as in the tables.
        under: of plausible models the arms under every answer, as expected of a few of the men (results.plausible.COLUMNS);
            without those that need cells, which are in `left_out` with the reason.
        assessed: men who were measured for eligibility; days: of the visits.
        men_from: table whose men they match ("": men of a population).
    """

    title: str
    outcome: str
    responder_pct: float
    men: pd.DataFrame
    flow: pd.DataFrame
    effects: pd.DataFrame
    responders: pd.DataFrame
    predictors: pd.DataFrame
    power: pd.DataFrame
    failed: pd.DataFrame
    parameters: pd.DataFrame
    under: pd.DataFrame | None
    assessed: int
    days: tuple[int, ...]
    names: tuple[str, ...]
    design: Design
    levels: pd.DataFrame
    estimates: pd.DataFrame
    looks: pd.DataFrame | None
    turns: pd.DataFrame | None
    planned: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    men_from: str = ""

    @property
    def rise(self) -> str:
        """Return the words for what makes a responder: over a threshold under 0 it is no increase."""
        if self.design.responder is not None:
            return f"{self.design.responder} at the last visit"
        return f"> {self.responder_pct:g} % {'increase' if self.responder_pct >= 0.0 else 'change'}"

    def __repr__(self) -> str:
        arms = ", ".join(f"{row.arm} {row.randomised}" for row in self.flow.itertuples())
        return f"<Result of trial {self.title!r}: {QUANTITIES[self.outcome].label}; {arms} men; print(_)>"

    def text(self) -> str:
        """Return the result in words and tables."""
        word = QUANTITIES[self.outcome].label
        when = "at the end of each period" if self.design.crossover else "at the last visit"
        parts = [
            f"{self.title}: primary outcome {word} {when}; the control is {self.names[0]}",
            self._plan(),
            self._flow(),
        ]
        parts += [self._levels(), self._note(), self._estimates(), self._looks(), self._turns(), self._under(word)]
        if not self.design.crossover:
            parts += [self._responders(word), self._predictors(), self._power()]
        if len(self.failed):
            parts.append(f"{len(self.failed)} runs failed: {self.failed['error'].iloc[0]}")
        return "\n\n".join(part for part in parts if part)

    def _plan(self) -> str:
        """Return the estimand, what befalls men, and the design where it is none of parallel arms."""
        design = self.design
        text = f"Estimand: {design.estimand.replace('_', ' ')} ({ESTIMANDS[design.estimand]}). Intercurrent events: "
        stop, lost = design.discontinuation, design.dropout
        events = [f"{100 * stop.monthly:g} % of men with drugs stop them a month"] if stop.monthly else []
        events += (
            [
                f"men with drugs stop them for good the day after a visit whose safety sample, drawn apart, shows {stop.when}"
            ]
            if stop.when
            else []
        )
        text += f"{'; '.join(events) or 'nobody stops treatment'}. Lost to follow-up: "
        gone = f"{100 * lost.monthly:g} % a month"
        if lost.when is not None:
            gone += f", {100 * lost.monthly_when:g} % of men whose last measurement was {lost.when} (missing at random)"
        text += f"{gone if lost.some else 'nobody'}."
        if design.crossover:
            text += (
                f" Cross-over: {design.periods} periods of {design.length} days, washout {design.washout} days, men randomised to "
                "sequences of treatments; day 0 of a treatment is the first of its period."
            )
        return report.note(text)

    def _flow(self) -> str:
        heads = {"randomised": "randomised", "stopped": "stopped treatment", "lost": "lost to follow-up"}
        heads |= {"missed": "missed last visit", "failed": "run failed", "measured": "measured", "analysed": "analysed"}
        rows = [["", *heads.values(), "azoospermic at screening", "at the last visit"]]
        for row in self.flow.to_dict("records"):
            none = (f"azoospermic_{when}" for when in ("before", "after"))
            shares = [f"{_percent(row[f'{name}_pct'])} ({row[name]})" for name in none]
            rows.append([row["arm"], *(str(row[name]) for name in heads), *shares])
        randomised = int(self.flow["randomised"].sum())
        excluded = self.assessed - self.planned
        cut = f" of {self.planned:,} planned, as the trial stopped at a look" if randomised < self.planned else ""
        whose = (
            f"  Men are virtual patients who match the untreated reports of the men of {self.men_from}.\n"
            if self.men_from
            else ""
        )
        return (
            f"{whose}  Assessed for eligibility {self.assessed:,}, excluded {excluded:,}, randomised {randomised:,}{cut}:\n"
            + report.aligned(rows)
            + "\n  Azoospermic: no sperm counted at that visit (of screening the last); of the men measured at the "
            "last visit."
        )

    def _levels(self) -> str:
        """Return baseline, last visit and change of every arm, and differences from the control, under one header."""
        ends = "end of period" if self.design.crossover else f"day {max(self.days)}"
        heads = {True: "mean (SD)", False: _UNMEASURED}
        rows: list[list[str]] = []
        effects = self.effects.set_index(["column", "arm"])
        for measured, part in self.effects.groupby("measured", sort=False):
            difference = f"difference from {self.names[0]} (95 % interval)"
            rows.append([f"  {heads[bool(measured)]}", "n", "baseline", ends, "change", difference, "p"])
            for column in dict.fromkeys(part["column"]):
                rows.append([f"{'*' if column == self.outcome else ' '} {ROWS[column].heading}", *[""] * 6])
                for row in self.levels[self.levels["column"] == column].itertuples():
                    cells = [_mean_sd(row, name) for name in ("baseline", "last", "change")]
                    apart = ["", ""]
                    if row.arm != self.names[0]:
                        of = effects.loc[(column, row.arm)]
                        apart = [_difference(of), _p(of.p)]
                    rows.append([f"    {row.arm}", str(row.n), *cells, *apart])
        return report.aligned(rows)

    def _estimates(self) -> str:
        """Return the difference by every estimator, with p adjusted for the family."""
        if self.estimates.empty:
            return ""
        family = len(self.design.family) * (len(self.names) - 1)
        deciding, how = self.estimates["method"].iloc[0], self.design.multiplicity
        rows = [["  by estimator", f"difference from {self.names[0]} (95 % interval)", "of", "p", "adjusted p", "n"]]
        for column in self.design.family:
            own = self.estimates[self.estimates["column"] == column]
            rows.append([f"{'*' if column == self.outcome else ' '} {ROWS[column].heading}", *[""] * 5])
            for row in own.itertuples():
                sizes = f"{row.n_control} and {row.n}"
                name = f"    {row.arm}, {_SHORT[row.method]}"
                rows.append([name, _estimate(row), str(row.of), _p(row.p), _p(row.p_adjusted), sizes])
        notes = [
            f"{_SHORT[name][0].upper()}{_SHORT[name][1:]}: {METHODS[name]}."
            for name in dict.fromkeys(self.estimates["method"])
        ]
        notes.append(f"The primary analysis is {_SHORT[deciding]}.")
        if family > 1:
            kind = "in the order given (hierarchical)" if how == "hierarchical" else how.capitalize()
            notes.append(
                f"Adjusted p: {kind if how != 'none' else 'not adjusted'}, {family} comparisons of outcomes and arms."
            )
        if MIXED in set(self.estimates["method"]):
            notes.append(
                "For the mixed model a level under the limit of quantitation, a count of none too, stands at half of it."
            )
        return report.aligned(rows) + "\n" + report.note(" ".join(notes))

    def _looks(self) -> str:
        """Return what was seen at interim looks."""
        if self.looks is None:
            return ""
        heads = [
            "  look",
            "men",
            "p",
            "limit of p",
            "|z|",
            "limit",
            "passed",
            "chance to stop here without effect",
            "with the effect seen",
        ]
        rows = [heads]
        for row in self.looks.itertuples():
            chances = [f"{100 * row.chance_without_effect:.2g} %", _percent(100 * row.chance_with_effect_seen)]
            z = [_p(row.p), _p(row.nominal_p), report.number(row.z), f"{row.limit:.3f}", "yes" if row.passed else "no"]
            rows.append([f"  {row.look} ({100 * row.share:.3g} % of the men)", str(row.men), *z, *chances])
        passed = bool(self.looks["passed"].iloc[-1])
        last = int(self.looks["look"].iloc[-1])
        end = (
            f"stopped at look {last} of {len(self.design.looks)}"
            if last < len(self.design.looks)
            else "went on to the last look"
        )
        verdict = f"The trial {end}; the difference in the primary outcome {'passed' if passed else 'did not pass'} its limit."
        name = "O'Brien-Fleming" if self.design.spending == "obrien_fleming" else "Pocock"
        text = f"{verdict} Two-sided alpha of 5 % is spent as {name} (Lan-DeMets); looks by {_SHORT[self.design.analysis[0]]} at the first men's last visit."
        if passed and last < len(self.design.looks):
            text += " Estimates after an early stop lie, on average, too far from no effect."
        return report.aligned(rows) + "\n" + report.note(text)

    def _turns(self) -> str:
        """Return the tests of period and carry-over."""
        if self.turns is None:
            return ""
        rows = [["  cross-over", "p of period", "p of carry-over"]]
        rows += [
            [f"  {ROWS[str(row.column)].heading}", _p(row.p_period), _p(row.p_carry_over)]
            for row in self.turns.itertuples()
        ]
        text = (
            "Differences within men: least squares with an effect of man, period and treatment (of geometric means; percentages "
            "in points). They are not adjusted for carry-over, whose test "
            + (
                "compares the sequences and has little power."
                if (len(self.names), self.design.periods) == (2, 2)
                else "is one within men."
            )
        )
        return report.aligned(rows) + "\n" + report.note(text)

    def _note(self) -> str:
        """Return what the numbers of the effects are."""
        text = _NOTE if not self.design.crossover else _NOTE_IN_TURN
        if not self.effects["measured"].all():
            text += " True levels: what no blood or semen sample tells, without error of measurement and adjustment."
        last = self.design.length if self.design.crossover else max(self.days)
        of_period = " (days of each period)" if self.design.crossover else ""
        text += f" What visits sample{of_period}: {basis(*last_window(last), sampled=True)}"
        return "\n".join(map(report.note, (text, _ONE_MODEL if self.parameters.empty else _OWN_MODELS)))

    def _under(self, word: str) -> str:
        """Return what is expected of the primary outcome under each answer."""
        left = [report.note(f"Note: {arm}: {why}") for arm, why in self.left_out.items()]
        if self.under is None:
            return "\n".join(left)
        control, *arms = (arm for arm in self.names if arm not in self.left_out)
        found = {arm: (self.under, arm, (self.outcome,)) for arm in arms}
        if not any(np.isfinite(plausible.of_all(self.under, arm).loc[self.outcome, "change_pct"]) for arm in arms):
            return f"  Under each answer: of {word} the men in {control} are expected to have none to compare with."
        text = (
            f"Expected difference from {control} in {word} at the last visit under each answer to what the data do not "
            f"decide: {min(UNDER_MEN, len(self.men))} of the men, evenly spaced by their baseline, each in every arm, "
            "mean-field model without error of measurement, under parameter sets that were calibrated with these answers "
            f"({UNDER_SETS} of each combination of answers about all men)."
        )
        frames = [plausible.by_answer(*of).set_axis(["weight", arm], axis=1) for arm, of in found.items()]
        rows = pd.concat([frames[0], *(frame.iloc[:, 1:] for frame in frames[1:])], axis=1)
        verdicts = [f"{arm}: {told}" for arm, of in found.items() for told in plausible.verdicts(*of)]
        decided = dict.fromkeys(told for of in found.values() for told in plausible.deciding(*of))
        table = plausible.answered(rows, "difference, % (90 % interval)")
        return "\n".join([report.note(text), table, *map(report.note, (*verdicts, *decided)), *left])

    def _responders(self, word: str) -> str:
        some = "; any where none was counted" if QUANTITIES[self.outcome].sample == "semen" else ""
        what = self.rise if self.design.responder is not None else f"{self.rise} in {word}{some}"
        gone = "who missed the visit"
        if self.design.estimand != TREATMENT_POLICY:
            gone = "without a value under the estimand"
        lines = [f"  Responders ({what}; defined before):"]
        for row in self.responders.itertuples():
            measured = f"; of {row.measured} measured {_percent(row.share_measured_pct)}"
            missed, failed = row.n - row.measured, self.flow.set_index("arm").loc[row.arm, "failed"]
            without = f" ({failed} whose run failed left out)" if failed else ""
            lines.append(
                f"    {row.arm}: {_percent(row.share_pct)} ({row.responders} of {row.n} randomised{without}, {missed} "
                f"{gone} "
                f"counted as no response{measured}){_risk(row)}{_needed(row.nnt, row.nnt_low, row.nnt_high)}"
            )
        return "\n".join(lines)

    def _predictors(self) -> str:
        lines = [
            "  Baseline predictors of response (ROC AUC, 95 % interval; 0.5: none, under 0.5: low values respond)."
        ]
        for arm, rows in self.predictors.groupby("arm", sort=False):
            known = [
                f"{row.predictor} {row.auc:.2f}"
                + (f" ({row.low:.2f} to {row.high:.2f})" if np.isfinite(row.low) else "")
                for row in rows.itertuples()
                if np.isfinite(row.auc)
            ]
            lines.append(f"    {arm}: {', '.join(known) or f'cannot say, fewer than {LEAST} men responded or did not'}")
        return "\n".join([*lines, "  What predicts a response in the control arm predicts regression to the mean."])

    def _power(self) -> str:
        lines = ["  Power by men randomised per arm (effect, spread and missed visits as seen here):"]
        for arm, rows in self.power.groupby("arm", sort=False):
            sizes = [f"{row.men}: {100 * row.power:.0f} %" for row in rows.itertuples() if np.isfinite(row.power)]
            lines.append(f"    {arm}: {', '.join(sizes) or 'cannot say'}")
        return "\n".join(lines)


def _mean_sd(row: Any, name: str) -> str:
    """Return a mean with its SD in print, a change with its sign."""
    mean, sd = getattr(row, name), getattr(row, f"{name}_sd")
    if not np.isfinite(mean):
        return "-"
    shown_mean = (
        report.level(row.column, mean) if name != "change" else f"{'+' if mean > 0 else ''}{report.number(mean)}"
    )
    return f"{shown_mean} ({report.number(sd)})" if np.isfinite(sd) else shown_mean


def _estimate(row: Any) -> str:
    """Return an estimate with its interval in print."""
    if row.relative:
        return (
            " ".join(report.change(row.estimate, row.low, row.high)).strip()
            if np.isfinite(row.estimate)
            else "cannot say"
        )
    if not np.isfinite(row.estimate):
        return "cannot say"
    sign = "+" if row.estimate > 0 else ""
    return f"{sign}{report.number(row.estimate)} {row.unit} ({report.number(row.low)} to {report.number(row.high)})"


def _risk(row: Any) -> str:
    """Return a difference of shares in print."""
    if not np.isfinite(row.difference_pct_points):
        return ""
    return f"; difference {row.difference_pct_points:+.1f} points (95 % interval {row.low:+.1f} to {row.high:+.1f})"


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{report.number(share)} %"


def _p(p: float) -> str:
    return "-" if np.isnan(p) else f"{p:.2g}" if p >= 1e-4 else "< 0.0001"


def _difference(row: Any) -> str:
    """Return a difference with its interval in print."""
    if np.isfinite(row.difference_pct):
        return " ".join(report.change(row.difference_pct, row.low_pct, row.high_pct)).strip()
    if np.isfinite(row.difference):
        low, high = report.number(row.low), report.number(row.high)
        return f"{'+' if row.difference > 0 else ''}{report.number(row.difference)} {row.unit} ({low} to {high})"
    return "cannot say" if min(row.n_control, row.n) < LEAST else "none in either arm"


def _needed(nnt: float, low: float, high: float) -> str:
    """Return the number needed to treat (negative: to harm) in words."""
    if not np.isfinite(nnt):
        return ""
    few, many = sorted((abs(low), abs(high)))
    interval = f" ({few:.1f} to {many:.1f})" if np.isfinite(low + high) else " (interval includes no effect)"
    return f"; number needed to {'treat' if nnt > 0 else 'harm'} {abs(nnt):.1f}{interval}"
