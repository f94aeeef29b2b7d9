"""Numbers of the model with an answer to each question that the data do not decide, and the men who follow from both."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from testis_abm import parameters
from testis_abm.man.mean_field import ExpectedMan, steady_states
from testis_abm.man.physiology import complete
from testis_abm.parameters import Drug, FrozenMapping, Hypothesis, ManKind, Parameter, own
from testis_abm.parameters.rooms import Values
from testis_abm.parameters.table import Substance
from testis_abm.parameters.tables import NONE, in_force, using
from testis_abm.support import guard
from testis_abm.support.errors import TestisError, printable, shown

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario

ROUNDED = 1e-5  # of values that are written with six digits
_CORRECTIONS = 2  # of meiosis to a count: not in proportion, as FSH answers to what germ cells there are
ABSTINENCE = 3.0  # days, of the sperm by which a man counts as infertile
_UNLIKE = "unlike the tables"
Kinds = tuple[ManKind, ...]


@dataclass(frozen=True)
class ParameterSet:
    """One plausible parameter set.

    Attributes:
        values: dotted parameters.
        of_drugs: constants of drugs that are unlike the tables, by dotted name ("drug.anastrozole.inhibition_constant").
        answers: question -> answer (parameters.hypotheses); questions that are not open are left out.
    """

    values: Mapping[str, float]
    of_drugs: Mapping[str, float]
    answers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<ParameterSet: {', '.join(f'{name} {answer}' for name, answer in self.answers.items())}>"

    @property
    def changed(self) -> dict[str, float]:
        """Return what parameter_set made it of: in what it is unlike the tables, by dotted name."""
        return {**unlike_tables(self.whole), **self.of_drugs}

    def answering(self, question: str, answer: str) -> ParameterSet:
        """Return the set with another answer to a question; one about all men sets its parameters, the rest as they are."""
        of, answers = parameters.hypotheses()[question], {**self.answers, question: answer}
        if of.sperm_below is not None:
            return replace(self, answers=answers)
        usual = {name: parameters.load()[name].value for name in of.parameters}
        return replace(self, values={**self.values, **usual, **of.answers[answer].parameters}, answers=answers)

    @cached_property
    def whole(self) -> Values:
        """Return the values with what follows from them."""
        return self.values if isinstance(self.values, Values) else complete(self.values)

    def drugs_of(self, case: Scenario) -> Mapping[str, Drug]:
        """Return the drug table of a scenario by name with the set's constants; drugs in place of shipped ones stay as they are."""
        numbers = {name: of for name, of in self.of_drugs.items() if not own.states(case.own_tables, name)}
        return drugs_with(numbers, case.drugs)

    @cached_property
    def of_some(self) -> dict[str, str]:
        """Return the answers about some men alone."""
        questions = parameters.hypotheses()
        return {name: answer for name, answer in self.answers.items() if questions[name].sperm_below is not None}

    def asked(self, man: Mapping[str, float], sperm: float | None = None) -> list[Hypothesis]:
        """Return the questions that are about some men alone, and are of this man.

        Args:
            man: physiology field -> value.
            sperm: his untreated concentration under this set, million/mL, where it is known.
        """
        if not self.of_some:
            return []
        untreated, questions = _sperm_of(self.whole, man) if sperm is None else sperm, parameters.hypotheses()
        return [questions[name] for name in self.of_some if 0.0 < untreated < (questions[name].sperm_below or 0.0)]

    def answers_of(self, man: Mapping[str, float], sperm: float | None = None) -> dict[str, str]:
        """Return the answers to questions about all men, and to those that are of this man; see asked."""
        asked = {of.name for of in self.asked(man, sperm)}
        return {name: answer for name, answer in self.answers.items() if name in asked or name not in self.of_some}

    def kinds(self, man: Mapping[str, float], sperm: float | None = None) -> Iterator[tuple[float, Kinds]]:
        """Yield of what kinds the answers may have him, with the probability; of none he is as the values have him."""
        each_of = []
        of_kinds = any(parameters.hypotheses()[name].answers[answer].kinds for name, answer in self.of_some.items())
        for of in self.asked(man, sperm) if of_kinds else ():
            kinds = of.answers[self.answers[of.name]].kinds
            rest = 1.0 - sum(kind.share for kind in kinds)
            plain: list[tuple[float, Kinds]] = [(rest, ())] if rest > 1e-9 else []
            each_of.append([*((kind.share, (kind,)) for kind in kinds), *plain])
        for parts in itertools.product(*each_of):
            yield math.prod(share for share, _ in parts), tuple(kind for _, kinds in parts for kind in kinds)

    def as_kind(self, man: Mapping[str, float], kinds: Kinds) -> tuple[dict[str, float], Values]:
        """Return a man's physiology and his parameters, completed, if he is of these kinds (see of_kinds)."""
        if not kinds:
            return dict(man), self.whole
        men, values = of_kinds({name: np.array([value], float) for name, value in man.items()}, [self], [kinds])
        return {name: float(value[0]) for name, value in men.items()}, values[0]

    def values_as(self, kinds: Kinds) -> Values:
        """Return the parameters of a man of these kinds, completed; worked out once."""
        changed = {name: value for kind in kinds for name, value in kind.parameters.items()}
        if not changed:
            return self.whole
        known = self.whole.known
        if kinds not in known:
            known[kinds] = complete({**self.whole, **changed})
        return cast(Values, known[kinds])

    def drawn(self, man: Mapping[str, float], key: Sequence[int], sperm: float | None = None) -> Kinds:
        """Return of what kinds a man is, drawn by `key`; see asked for `sperm`."""
        possible = list(self.kinds(man, sperm))
        if len(possible) == 1:
            return possible[0][1]
        at = np.random.default_rng([*key, zlib.crc32(b"kind")]).random()
        chosen = int(np.searchsorted(np.cumsum([share for share, _ in possible]), at))
        return possible[min(chosen, len(possible) - 1)][1]


def of_kinds(
    men: Mapping[str, np.ndarray], sets: Sequence[ParameterSet], kinds: Sequence[Kinds], sperm: np.ndarray | None = None
) -> tuple[dict[str, np.ndarray], list[Values]]:
    """Return the physiology of men and the parameters of each, completed, if he is of his kinds.

    His untreated sperm concentration stays: what another cause explains of his low count, losses in meiosis need not.

    Args:
        men: physiology field -> (men,). sets, kinds: of each man.
        sperm: untreated concentration of each under his set, million/mL, where it is known, (men,).
    """
    values = [own.values_as(of) for own, of in zip(sets, kinds, strict=True)]
    others = {name: np.array(of, float) for name, of in men.items()}
    at = [i for i, of in enumerate(kinds) if of]
    if not at:
        return others, values
    before = sperm[at] if sperm is not None else untreated_sperm([sets[i].whole for i in at], _rows(others, at))
    for i in at:
        for field, factor in (pair for kind in kinds[i] for pair in kind.man.items()):
            others[field][i] = _held(field, others[field][i] * factor)
    for _ in range(_CORRECTIONS):
        after = untreated_sperm([values[i] for i in at], _rows(others, at))
        completed = others["meiotic_completion"][at] * (before / np.maximum(after, 1e-12))
        others["meiotic_completion"][at] = _held("meiotic_completion", completed)
    return others, values


def _rows(men: Mapping[str, np.ndarray], at: Sequence[int]) -> dict[str, np.ndarray]:
    return {name: of[at] for name, of in men.items()}


def stacked(values: Sequence[Mapping[str, float]]) -> Mapping[str, Any]:
    """Return the parameters of men by name: the number that all have, or each one's, (men,)."""
    distinct = {id(one): one for one in values}
    if len(distinct) == 1:
        return values[0]
    place = {key: k for k, key in enumerate(distinct)}
    names, at = list(values[0]), [place[id(one)] for one in values]
    table = np.array([*map(itemgetter(*names), distinct.values())])
    alike = (table == table[0]).all(axis=0)
    return Values(
        {name: float(of[0]) if same else of[at] for name, of, same in zip(names, table.T, alike, strict=True)}
    )


def _held(field: str, value: Any) -> Any:
    limits = parameters.physiology()[field]
    return np.clip(value, limits.low, limits.high)


def untreated_sperm(values: Sequence[Values], men: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the untreated sperm concentration of men, million/mL."""
    if len(values) == 1:  # sooner
        return np.array([_sperm_of(values[0], {name: float(of[0]) for name, of in men.items()})])
    return steady_states(stacked(values), men, abstinence=ABSTINENCE)["concentration_million_ml"]


def _sperm_of(values: Values, man: Mapping[str, float]) -> float:
    return ExpectedMan(values, man).semen(ABSTINENCE)["concentration_million_ml"]


# ---- the tables with some numbers replaced


def parameter(name: str) -> Parameter:
    """Return the entry of the tables that a dotted name stands for; names of drugs begin with "drug.".

    Raises:
        TestisError: there is none.
    """
    if not isinstance(name, str):
        raise TestisError(f"{shown(name)} is no name of a parameter")
    if name.startswith("drug."):
        _, drug, constant = (*name.split(".", 2), "", "")[:3]
        numbers = parameters.drugs()[drug].numbers if drug in parameters.drugs() else {}
        entry = next((number for key, number in numbers.items() if f".{key}".endswith(f".{constant}")), None)
    else:
        entry = parameters.load().get(name)
    if entry is None:
        raise TestisError(f"{printable(name)} is no parameter of this version; calibrate again")
    return entry


def within(entry: Parameter) -> tuple[float, float]:
    """Return what a written value may be."""
    low, high = _ends(entry)
    room = ROUNDED * max(abs(low), abs(high))
    return low - room, high + room


def _ends(entry: Parameter) -> tuple[float, float]:
    """Return the range of a number, as wide as the shipped one: a user's own narrower range is no fault of a plausible set."""
    if not in_force():
        return entry.low, entry.high
    with using(NONE):
        known = parameters.load().get(entry.name)
    return (min(entry.low, known.low), max(entry.high, known.high)) if known else (entry.low, entry.high)


def parameter_set(changed: Mapping[str, float]) -> ParameterSet:
    """Return the tables with some numbers replaced, as a set with the answers to questions about all men that these are.

    What rounding put outside the range of a number is its end.

    Raises:
        TestisError: a parameter that does not exist, or a value outside its range.
    """
    given: dict[str, float] = {}
    for name, value in guard.mapping(changed, "parameters", '{"axis.testosterone_feedback_strength": 0.5}').items():
        entry = parameter(name)
        number = guard.number(value, *within(entry), name, entry.unit)
        low, high = _ends(entry)
        given[name] = min(max(number, low), high)
    own, of_drugs = parted(given)
    values = complete(parameters.values() | own)
    answers = {
        name: answer.name
        for name, question in parameters.hypotheses().items()
        if question.sperm_below is None
        for answer in question.answers.values()
        if all(math.isclose(values[key], value, rel_tol=ROUNDED) for key, value in answer.parameters.items())
    }
    return ParameterSet(values, of_drugs, answers)


def unlike_tables(values: Values) -> dict[str, float]:
    """Return the parameters that have another value than in the tables, by dotted name; worked out once."""
    key = _UNLIKE, in_force()
    if key not in values.known:
        tables = parameters.values()
        values.known[key] = {name: float(values[name]) for name in tables if values[name] != tables[name]}
    return values.known[key]


def parted(numbers: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the parameters among numbers of the tables, and the constants of drugs."""
    of_drugs = {name: value for name, value in numbers.items() if name.startswith("drug.")}
    return {name: value for name, value in numbers.items() if name not in of_drugs}, of_drugs


def drugs_with(numbers: Mapping[str, float], known: Mapping[str, Drug]) -> Mapping[str, Drug]:
    """Return a drug table with some constants ("drug.anastrozole.inhibition_constant") replaced."""
    rows = dict(known)
    for name, value in numbers.items():
        _, drug, constant = name.split(".", 2)
        rows[drug] = _with(rows[drug], constant, value)
    return FrozenMapping(rows)


def _with(drug: Drug, constant: str, value: float) -> Drug:
    """Return a drug with a constant replaced ("inhibition_constant", "endoxifen.receptor_constant" of a substance).

    Without a substance it is that of the first who has it; those of the others keep their ratio to it, as potencies that
    were measured beside one another do.
    """
    part, _, short = constant.rpartition(".")
    alike = [of for of in drug.substances if short in of.numbers and part in ("", of.name)]
    usual = alike[0].numbers[short].value

    def changed(of: Substance) -> Parameter:
        number = of.numbers[short]
        if of is alike[0] or usual == 0.0:  # to nothing there is no ratio
            return replace(number, value=value if of is alike[0] else number.value)
        return replace(number, value=min(number.high, max(number.low, number.value * value / usual)))

    substances = [
        replace(of, numbers=FrozenMapping({**of.numbers, short: changed(of)})) if of in alike else of
        for of in drug.substances
    ]
    return replace(drug, substances=tuple(substances))
