"""How far a run of a page is, and who watches it day by day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testis_abm.app.work import Allowance, Stopped
from testis_abm.scenario import Scenario

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel
    from testis_abm.results.run import Run

_FIRST_DAYS = 14  # lived before the first picture
BETWEEN = 0.25  # seconds between pictures
# Times what a picture takes goes to the run before the next: on a machine that is busy they are rarer.
_RATHER_RUN = 4.0
_STREAMED = ("hormones", "semen")  # records that are shown while a run goes on
OVER_MODELS = "Working out plausible models …"


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        phase: "idle", "waiting", "running", "done", "cancelled" or "failed".
        scenario: that was run; result: what it has brought so far.
        text: in words; share: of the work done.
        first, seconds: from the click to the first picture, and to the end.
        models: how far the levels over plausible models are, in words; "" once the result has them.
        units: system of units in which the reason of the effect is worded.
    """

    phase: str = "idle"
    scenario: Scenario | None = None
    result: Run | None = None
    text: str = ""
    share: float = 0.0
    first: float | None = None
    seconds: float | None = None
    models: str = ""
    units: str = ""

    @property
    def busy(self) -> bool:
        """Return whether it goes on."""
        return self.phase in ("waiting", "running")

    @property
    def going(self) -> bool:
        """Return whether there is something to cancel."""
        return self.busy or self.models == OVER_MODELS


class Watcher:
    """Sees each day of a run: stops it when asked, shows what it has brought so far.

    Args:
        tell: is told how far the run is.
        scenario: that is run; stop: set once nobody wants it any more; started: by time.perf_counter.
    """

    def __init__(
        self, tell: Callable[[Progress], None], scenario: Scenario, stop: threading.Event, started: float
    ) -> None:
        self.tell, self.scenario, self.stop, self.started = tell, scenario, stop, started
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _STREAMED}
        self.first: float | None = None
        self._shown, self._took, self._allowance = started, 0.0, Allowance(stop)

    def publish(self, progress: Progress) -> None:
        """Show progress, unless the page has gone or another run has begun."""
        if not self.stop.is_set():
            self.tell(progress)

    def check(self) -> None:
        """Go on unless the page has gone or another run has begun; of any thread.

        Raises:
            Stopped: it has.
        """
        if self.stop.is_set():
            raise Stopped

    def __call__(self, replicate: int, men: Mapping[str, TestisModel]) -> None:
        """See a day that the men have lived.

        Raises:
            Stopped: nobody wants the run any more; TestisError: see Allowance.
        """
        self._allowance.check()
        lived = self.scenario.plan.baseline_days + next(iter(men.values())).day
        if not any(model.running for model in men.values()):
            self.rows = self._with(replicate, men)
            return
        due = time.perf_counter() - self._shown > max(BETWEEN, _RATHER_RUN * self._took) or (
            self.first is None and lived >= _FIRST_DAYS
        )
        if lived and due:
            self._show(replicate, men, lived)

    def _with(self, replicate: int, men: Mapping[str, TestisModel]) -> dict[str, list[tuple[Any, ...]]]:
        return {
            name: [*rows, *((arm, replicate, *row) for arm, model in men.items() for row in model.records[name])]
            for name, rows in self.rows.items()
        }

    def _show(self, replicate: int, men: Mapping[str, TestisModel], lived: int) -> None:
        from testis_abm.experiments.simulate import so_far

        plan = self.scenario.plan
        result = so_far(self.scenario, self._with(replicate, men))
        text = f"Day {lived - plan.baseline_days} of {plan.duration_days}"
        text += f", replicate {replicate + 1} of {plan.replicates}" if plan.replicates > 1 else ""
        done = (replicate + lived / (plan.baseline_days + plan.duration_days)) / plan.replicates
        begun = time.perf_counter()
        self.first = self.first or begun - self.started
        self.publish(Progress("running", self.scenario, result, text, done, self.first))
        self._shown = time.perf_counter()
        self._took = self._shown - begun
