"""What a therapy would do to all virtual patients who match a man's laboratory values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from testis_abm.population import report
from testis_abm.population.predict import ParameterSets, changes, predict, predict_with, readouts
from testis_abm.population.twin import Twin
from testis_abm.results.shown import Shown
from testis_abm.scenario import Scenario
from testis_abm.support import guard

MEN = 200  # who are treated


@dataclass(frozen=True)
class TwinResponse(Shown):
    """The predicted response of the virtual patients who match laboratory values.

    Attributes:
        scenario: of the treatment.
        before, after: a row a man, levels untreated and at the end of the plan (predict.SHOWN and READOUTS, SI units).
        answers: what each man's parameter set answers to what the data do not decide; None under the tables' parameters.
        lesions: of each man; dependable: whether enough men match for intervals.
    """

    scenario: Scenario
    before: pd.DataFrame = field(repr=False)
    after: pd.DataFrame = field(repr=False)
    answers: pd.DataFrame | None = field(repr=False)
    lesions: pd.Series = field(repr=False)
    dependable: bool

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.before):,} men to {self.scenario.title!r}; print(_)>"

    def changes(self) -> pd.DataFrame:
        """Return a row a quantity: medians before and after, median change in % with its 90 % interval (predict.changes)."""
        return changes(self.before, self.after, self.scenario.values())

    def readouts(self) -> pd.DataFrame:
        """Return a row a readout of safety or outcome: means and difference with its 90 % interval (predict.readouts)."""
        return readouts(self.before, self.after)

    def text(self) -> str:
        """Return the response in words and tables."""
        case = self.scenario
        head = (
            f"Predicted response of all matching virtual patients ({len(self.before)} drawn): "
            f"{case.heading}, {case.plan.duration_days} days"
        )
        given = [f"  {line}" for line in report.therapies(case)]
        levels = report.predicted(
            self.before, self.after, self.lesions, self.answers, self.dependable, dict(case.values())
        )
        return "\n".join([head, *given, "", levels])


def treated(
    found: Twin, scenario: Scenario, ensemble: ParameterSets | None = None, *, men: int = MEN, seed: int = 1
) -> TwinResponse:
    """Treat the virtual patients of a twin.

    Args:
        found: whose.
        scenario: plan, therapies, abstinence and assay; its own man is not used.
        ensemble: parameter sets over which the prediction is spread too; None: the tables'.
        men: drawn by weight; seed: of that draw.

    Raises:
        TestisError: an argument is out of range, or a man cannot live the plan.
    """
    men, seed = guard.argument("men", men), guard.argument("seed", seed)
    drawn, lesions = found.sample(men, seed), found.sample_lesions(men, seed)
    answers = None
    if ensemble is None:
        before, after = predict(drawn, scenario)
    else:
        before, after, answers = predict_with(drawn, scenario, ensemble)
    return TwinResponse(scenario, before, after, answers, lesions, found.dependable)


def tables(response: TwinResponse) -> Mapping[str, Any]:
    """Return what is written of a response: name -> table."""
    kept = {"prediction": response.changes().reset_index(), "before": response.before, "after": response.after}
    kept |= {"safety_and_outcome": response.readouts().reset_index()}
    return kept if response.answers is None else kept | {"answers": response.answers}
