"""What all exports ask for before the work, and how they write."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.choices import ARMS, TREATED, UNTREATED
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import ScenarioError, TestisError, printable, shown

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel
    from testis_abm.scenario import Scenario

BOTH = "both"


def suffix_of(path: str | Path, known: Sequence[str]) -> str:
    """Return the suffix of a file that is to be written, which says its format.

    Raises:
        TestisError: it is none of `known`.
    """
    suffix = guard.path(path, "out").suffix.lower()
    if suffix not in known:
        listed = " or ".join(known)
        raise TestisError(
            f"{printable(str(path))}: the suffix must say the format, {listed}, not {suffix or 'nothing'!r}"
        )
    return suffix


def needs(module: str, package: str, what: str) -> None:
    """Make sure, before the work, that a package is installed.

    Raises:
        TestisError: it is not, with how to get it.
    """
    try:
        installed = find_spec(module) is not None
    except (ImportError, ValueError):  # it is kept out
        installed = False
    if not installed:
        raise TestisError(f'{what} needs {package}, which is not installed: pip install "testis_abm[export]"')


@contextmanager
def file_for(path: str | Path) -> Iterator[Path]:
    """Give the name of a file to be written by somebody else's writer; at the end it becomes `path`, whole or not at all."""
    with files.temporary() as folder:
        made = Path(folder) / Path(path).name
        yield made
        with made.open("rb") as source, files.whole(path) as target:
            shutil.copyfileobj(source, target)


def days_of(text: object, last: int) -> range:
    """Return the days that "FIRST:LAST" (both included) or one day spells; None is the whole plan.

    Raises:
        ScenarioError: it spells none, or days outside day 0 to `last` of the plan.
    """
    if text is None:
        return range(last + 1)
    match = re.fullmatch(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?", str(text))
    if match is None:
        raise ScenarioError(f"{shown(text)} are no days; write them as FIRST:LAST, for example 0:16", "days")
    first, end = int(match[1]), int(match[2] or match[1])
    if end < first:
        raise ScenarioError(f"day {end} is before day {first}; write the first day first, as {end}:{first}", "days")
    if end > last:
        raise ScenarioError(
            f"day {end} is out of range; allowed: 0 to {last}, the last day of the plan (--set plan.duration=... for more)",
            "days",
        )
    return range(first, end + 1)


def arms_of(case: Scenario, arm: str) -> tuple[str, ...]:
    """Return the arms that a word names: one, or "both".

    Raises:
        ScenarioError: another word, or the treated arm where there is no therapy.
    """
    guard.word(arm, (*ARMS, BOTH), "arm")
    if arm != UNTREATED and not case.treated:
        if arm == TREATED:
            raise ScenarioError('there is no therapy in the scenario: use "untreated"', "arm")
        return (UNTREATED,)
    return ARMS if arm == BOTH else (arm,)


def usual_arm(case: Scenario, arm: str | None) -> str:
    """Return the arm that is asked for, else the treated one where there is one."""
    return arm or (TREATED if case.treated else UNTREATED)


def mornings(case: Scenario, arms: Sequence[str], days: Sequence[int]) -> Iterator[tuple[int, dict[str, TestisModel]]]:
    """Yield each of `days` with the men of `arms` on that morning (replicate 0 of the scenario)."""
    from testis_abm.experiments.simulate import men_of

    men: dict[str, Any] = {arm: man for arm, man in men_of(case).items() if arm in arms}
    for man in men.values():
        man.brief = True  # no tables are asked for
    for day in days:
        for man in men.values():
            if day > man.day:
                man.run_for(day - man.day)
        yield day, men


def described(case: Scenario) -> dict[str, str]:
    """Return what an export says of where it comes from."""
    from testis_abm import __version__
    from testis_abm.choices import DISCLAIMER

    return {
        "software": outputs.SOFTWARE,
        "version": __version__,
        "scenario": case.heading,
        "seed": str(case.plan.seed),
        "disclaimer": DISCLAIMER,
    }
