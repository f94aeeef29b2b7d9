"""What a form of an experiment asks for: its fields, and what they make of the scenario in the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testis_abm.app import typed
from testis_abm.app.draft import short
from testis_abm.app.jobs.limits import Size
from testis_abm.choices import EXPECTED
from testis_abm.scenario import Scenario
from testis_abm.scenario.format import FORMAT, KEY
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, shown

if TYPE_CHECKING:
    from testis_abm.results.run import Run

type Kept = Sequence[tuple[str, Run]]


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Attributes:
        name: of what was typed; label: in words; value: before anything was typed.
        options: (value, text); of a `choice` no other is taken, else they are suggestions.
        wide: whether it takes a whole line; resets: fields that follow it, whatever was typed there before.
    """

    name: str
    label: str
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    choice: bool = False
    wide: bool = False
    resets: tuple[str, ...] = ()


def choice(name: str, label: str, *options: tuple[str, str], value: str = "", **how: Any) -> Field:
    """Return a field with a closed list; its first option stands there at first, unless `value` does."""
    return Field(name, label, value or options[0][0], options, choice=True, **how)


class Typed:
    """What was typed into a form, or stands there.

    Args:
        fields: of the form; typed: by name.
    """

    def __init__(self, fields: Sequence[Field], typed: Mapping[str, str]) -> None:
        self.fields = {of.name: of for of in fields}
        self._typed = typed

    def __getitem__(self, name: str) -> str:
        """Return the text of a field; of a closed list always one of it, and what stands there at first where it is empty."""
        of = self.fields[name]
        text = self._typed.get(name, of.value).strip()
        return of.value if not text or (of.choice and text not in {option for option, _ in of.options}) else text

    def whole(self, name: str, low: int, high: int) -> int:
        """Return a whole number.

        Raises:
            ScenarioError: it is none, or out of range.
        """
        return int(guard.whole(self._number(name), low, high, self.fields[name].label))

    def number(self, name: str, low: float, high: float, unit: str = "") -> float:
        """Return a number.

        Raises:
            ScenarioError: it is none, or out of range.
        """
        return guard.number(self._number(name), low, high, self.fields[name].label, unit)

    def _number(self, name: str) -> float:
        text = self[name]
        try:
            number = typed.number(text)
            return int(number) if number.is_integer() else number
        except (ValueError, OverflowError):
            raise ScenarioError(f"{shown(text)} is not a number", self.fields[name].label) from None


@dataclass(frozen=True)
class Asked:
    """An experiment as a form asks for it.

    Attributes:
        kind: of results (experiments.opened); title: in words.
        tables: of the experiment file; text: instead of them, the file; shipped: the name by which a command knows that one.
        command: of `testis-abm`, before the file; after: options behind it.
        size: of it; what: its runs are called; extra: seconds that it takes besides, on the machine that was measured.
        note: what should be known before it runs.
        check: what reads it as the command will, and raises what is wrong.
    """

    kind: str
    title: str
    tables: Mapping[str, Any]
    command: tuple[str, ...]
    size: Size
    check: Callable[[], object]
    after: tuple[str, ...] = ()
    text: str = ""
    shipped: str = ""
    what: str = "runs"
    extra: float = 0.0
    note: str = ""

    @property
    def file(self) -> str:
        """Return the text of the experiment file."""
        if self.text:
            return self.text
        import tomli_w

        return tomli_w.dumps({KEY: FORMAT, **self.tables})


@dataclass(frozen=True)
class Form:
    """A kind of experiment as the page offers it.

    Attributes:
        label: in words; help: what it answers.
        fields: of the scenario, what was typed so far and the kept arms; make: what these ask for.
    """

    label: str
    help: str
    fields: Callable[[Scenario, Mapping[str, str], Kept], list[Field]]
    make: Callable[[Scenario, Typed, Kept], Asked]


def written(scenario: Scenario) -> dict[str, Any]:
    """Return the tables of a scenario, short but for its plan, which a file of an experiment says in full."""
    return {**short(scenario), "plan": scenario.as_dict()["plan"]}


def lived(scenario: Scenario, arms: int) -> int:
    """Return the days that a man lives in all his arms."""
    return (scenario.plan.baseline_days + scenario.plan.duration_days) * arms


def size(scenario: Scenario, runs: int, engine: str, arms: int) -> Size:
    """Return how large that many runs of a scenario are."""
    return Size(runs, lived(scenario, arms), engine, 0 if engine == EXPECTED else scenario.tissue.sertoli)
