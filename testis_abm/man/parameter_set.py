"""Numbers of the model with an answer to each question that the data do not decide, and the men who follow from both."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from testis_abm import parameters
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete
from testis_abm.parameters import Drug, Hypothesis, ManKind
from testis_abm.parameters.rooms import Values

_ABSTINENCE = 3.0  # days, of the sperm by which a man counts as infertile
Kinds = tuple[ManKind, ...]


@dataclass(frozen=True)
class ParameterSet:
    """One plausible parameter set.

    Attributes:
        values: dotted parameters.
        drugs: rows of the drug table by name.
        answers: question -> answer (parameters.hypotheses); questions that are not open are left out.
    """

    values: Mapping[str, float]
    drugs: Mapping[str, Drug]
    answers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<ParameterSet: {', '.join(f'{name} {answer}' for name, answer in self.answers.items())}>"

    def answering(self, question: str, answer: str) -> ParameterSet:
        """Return the set with another answer to a question about some men."""
        return replace(self, answers={**self.answers, question: answer})

    @cached_property
    def whole(self) -> Values:
        """Return the values with what follows from them."""
        return complete(self.values)

    @cached_property
    def _of_some(self) -> dict[str, str]:
        """Return the answers about some men alone."""
        questions = parameters.hypotheses()
        return {name: answer for name, answer in self.answers.items() if questions[name].sperm_below is not None}

    def asked(self, man: Mapping[str, float]) -> list[Hypothesis]:
        """Return the questions that are about some men alone, and are of this man."""
        if not self._of_some:
            return []
        untreated, questions = _sperm(self.whole, man), parameters.hypotheses()
        return [questions[name] for name in self._of_some if 0.0 < untreated < (questions[name].sperm_below or 0.0)]

    def answers_of(self, man: Mapping[str, float]) -> dict[str, str]:
        """Return the answers that are about this man."""
        asked = {question.name for question in self.asked(man)}
        return {name: answer for name, answer in self.answers.items() if name in asked or name not in self._of_some}

    def kinds(self, man: Mapping[str, float]) -> Iterator[tuple[float, Kinds]]:
        """Yield of what kinds the answers may have him, with the probability; of none he is as the values have him."""
        each_of = []
        of_kinds = any(parameters.hypotheses()[name].answers[answer].kinds for name, answer in self._of_some.items())
        for of in self.asked(man) if of_kinds else ():
            kinds = of.answers[self.answers[of.name]].kinds
            rest = 1.0 - sum(kind.share for kind in kinds)
            plain: list[tuple[float, Kinds]] = [(rest, ())] if rest > 1e-9 else []
            each_of.append([*((kind.share, (kind,)) for kind in kinds), *plain])
        for parts in itertools.product(*each_of):
            yield math.prod(share for share, _ in parts), tuple(kind for _, kinds in parts for kind in kinds)

    def as_kind(self, man: Mapping[str, float], kinds: Kinds) -> tuple[dict[str, float], Values]:
        """Return a man's physiology and his parameters, completed, if he is of these kinds.

        His untreated sperm concentration stays: what another cause explains of his low count, losses in meiosis need
        not.
        """
        if not kinds:
            return dict(man), self.whole
        changed = {name: value for kind in kinds for name, value in kind.parameters.items()}
        values = complete({**self.values, **changed}) if changed else self.whole
        factors = [pair for kind in kinds for pair in kind.man.items()]
        own = dict(man)
        for field, factor in factors:
            own[field] = _held(field, own[field] * factor)
        kept = _sperm(self.whole, man) / max(_sperm(values, own), 1e-12)
        own["meiotic_completion"] = _held("meiotic_completion", own["meiotic_completion"] * kept)
        return own, values

    def drawn(self, man: Mapping[str, float], key: Sequence[int]) -> Kinds:
        """Return of what kinds a man is, drawn by `key`."""
        possible = list(self.kinds(man))
        if len(possible) == 1:
            return possible[0][1]
        at = np.random.default_rng([*key, zlib.crc32(b"kind")]).random()
        chosen = int(np.searchsorted(np.cumsum([share for share, _ in possible]), at))
        return possible[min(chosen, len(possible) - 1)][1]


def _held(field: str, value: float) -> float:
    limits = parameters.physiology()[field]
    return min(limits.high, max(limits.low, value))


def _sperm(values: Values, man: Mapping[str, float]) -> float:
    """Return a man's untreated sperm concentration, million/mL."""
    return ExpectedMan(values, man).semen(_ABSTINENCE)["concentration_million_ml"]
