"""The command `testis-abm compile`: the rules as machine code, before the first run needs them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from testis_abm.choices import EXPECTED
from testis_abm.cli.options import Command

# A short run that calls every rule.
_SCENARIO = "obese_anastrozole"
_SHORT = {"tissue.tubules": 1, "plan.replicates": 1, "plan.baseline": "1 day", "plan.duration": "2 days"}


def run_cells() -> None:
    """Run a man of single cells."""
    from testis_abm.experiments.simulate import run

    run(_SCENARIO, overrides=_SHORT)


def run_mean() -> None:
    """Run a man of mean cells, and settle men of a population."""
    from testis_abm.experiments.task import Job, Task, perform
    from testis_abm.man.mean_field import steady_state
    from testis_abm.man.physiology import complete
    from testis_abm.parameters import values
    from testis_abm.scenario import load

    scenario = load(_SCENARIO, overrides=_SHORT)
    perform(Job({"": scenario.as_dict()}, (2,), EXPECTED), Task(0, 0))
    steady_state(complete(values({})), scenario.man.physiology)


# Side by side, in processes: numba compiles one rule at a time.
_RUNS: tuple[Callable[[], None], ...] = (run_cells, run_mean)


def _compile(options: argparse.Namespace) -> None:
    from testis_abm.support.compile import folder

    with ProcessPoolExecutor(len(_RUNS), get_context("spawn")) as pool:
        for done in [pool.submit(work) for work in _RUNS]:
            done.result()
    place = folder()
    options.told.say(f"Compiled rules in {place}/" if place else "Compiled rules are kept nowhere")


COMMANDS = (
    Command(
        "compile",
        "compile the rules of the cells now, not in the first run",
        _compile,
        description="Compile the rules of the cells: once per version and user, as the first run would.",
        unitless=True,
    ),
)
