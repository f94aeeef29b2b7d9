"""Answers of a draft to what the data do not decide (parameters.hypotheses): which it states, and how to state another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testis_abm import parameters
from testis_abm.app.draft import Draft, tables, with_entry
from testis_abm.parameters import Hypothesis, ManKind
from testis_abm.parameters.tables import using
from testis_abm.scenario import Man

OPEN, OWN = "", "own numbers"


def answers(question: Hypothesis) -> Mapping[str, ManKind]:
    """Return the answers that a scenario can state, by name: those about one kind of man, by parameters of the model."""
    return {
        name: answer.kinds[0]
        for name, answer in question.answers.items()
        if len(answer.kinds) == 1 and answer.kinds[0].parameters
    }


def stated(draft: Draft, question: Hypothesis) -> str:
    """Return the answer that a draft states; OPEN if none of its parameters is set, OWN if they are those of no answer."""
    given = {name: of for name, of in draft.get("parameters", {}).items() if name in question.parameters}
    if not given:
        return OPEN
    return next((name for name, kind in answers(question).items() if dict(kind.parameters) == given), OWN)


def with_answer(draft: Draft, question: Hypothesis, answer: str) -> Draft:
    """Return a draft that states an answer in the place of the one that it states, or leaves the question open.

    Where an answer is about a kind of man, his fields are those of his preset times the factors of the kind.
    """
    known, former = answers(question), stated(draft, question)
    for name in question.parameters:
        draft = with_entry(draft, None, "parameters", name)
    usual = _preset(draft)
    if former in known:
        for field in known[former].man:
            if field in usual:
                draft = with_entry(draft, usual[field], "man", field)
    if answer not in known:
        return draft
    for name, value in known[answer].parameters.items():
        draft = with_entry(draft, value, "parameters", name)
    for field, factor in known[answer].man.items():
        of = parameters.physiology()[field]
        if field in usual:
            draft = with_entry(draft, min(max(usual[field] * factor, of.low), of.high), "man", field)
    return draft


def _preset(draft: Draft) -> Mapping[str, Any]:
    """Return the physiology of the preset of a draft; none while it names no preset."""
    with using(tables(draft)):
        name = draft["man"].get("preset")
        return Man(preset=name).physiology if name in parameters.presets() else {}
