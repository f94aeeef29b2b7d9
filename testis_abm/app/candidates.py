"""Candidates of treatment for matching virtual patients: as they are chosen, what each says, and how much a page may ask for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from testis_abm.app import draft
from testis_abm.choices import TREATMENTS
from testis_abm.parameters.tables import KINDS as TABLES
from testis_abm.scenario import Man, Scenario

if TYPE_CHECKING:
    from testis_abm.scenario import Therapy

type Candidate = Mapping[str, Any]  # the sections of a draft that treat (choices.TREATMENTS)

MOST = 4  # candidates: as many as stand beside one another
SIZES = (200, 400, 800)  # virtual patients; the first is what `testis-abm twin` treats
MOST_LIVES = 800  # virtual patients times candidates
MOST_DAYS = 300_000  # of all these lives together
OUTCOME = "total_motile_count_million"  # that is looked at first
_LETTERS = "ABCD"
_OF_MODEL = ("partner", "parameters", *TABLES)  # sections of a draft that hold for each candidate
_OF_SAMPLES = ("assay", "abstinence", "ejaculations")


@dataclass(frozen=True)
class Choice:
    """What is chosen: candidates, how long they are given, how many virtual patients have them, and the outcome looked at."""

    candidates: tuple[Candidate, ...] = ()
    duration: str = "180 days"
    men: int = SIZES[0]
    outcome: str = OUTCOME

    def with_candidate(self, index: int, candidate: Candidate) -> Choice:
        """Return it with another candidate in a place, or one more; one that treats with nothing goes."""
        rows = [*self.candidates[:index], candidate, *self.candidates[index + 1 :]]
        return replace(self, candidates=tuple(row for row in rows if any(row.values()))[:MOST])


def letter(index: int) -> str:
    """Return the letter of a candidate."""
    return _LETTERS[index]


def of_form(form: draft.Draft) -> Candidate:
    """Return the treatment of the form as a candidate."""
    return {key: form[key] for key in TREATMENTS if form.get(key)}


def with_drug(form: draft.Draft, candidate: Candidate, drug: str) -> Candidate:
    """Return a candidate with one more drug of the form, its usual dose."""
    return of_form(draft.with_therapy({**_whole(form), **candidate}, drug))


def with_cell(form: draft.Draft, candidate: Candidate, index: int, key: str, text: str) -> Candidate:
    """Return a candidate with a field of a therapy as it was typed."""
    return of_form(draft.with_cell({**_whole(form), **candidate}, "therapy", index, key, text))


def without_drug(candidate: Candidate, index: int) -> Candidate:
    """Return a candidate without one of its drugs."""
    return {**candidate, "therapy": [row for k, row in enumerate(candidate["therapy"]) if k != index]}


def _whole(form: draft.Draft) -> draft.Draft:
    return {key: value for key, value in form.items() if key not in TREATMENTS}


def understood(form: draft.Draft, choice: Choice, man: Man) -> list[draft.Understanding]:
    """Return what each candidate says for a man: under the parameters and tables of the form, for the duration chosen."""
    samples = {key: value for key, value in form.get("samples", {}).items() if key in _OF_SAMPLES}
    shared = {key: form[key] for key in _OF_MODEL if key in form}
    shared |= {"man": man.as_dict(), **({"samples": samples} if samples else {})}
    found = []
    for k, candidate in enumerate(choice.candidates):
        whole = {"title": f"Candidate {letter(k)}", **shared, "plan": {"duration": choice.duration}, **candidate}
        found.append(draft.understood(whole))
    return found


def refused(choice: Choice, scenarios: Sequence[Scenario]) -> str:
    """Return why a page does not predict so much, and what does; "" if it does."""
    lives = choice.men * len(scenarios)
    days = sum(choice.men * scenario.plan.duration_days for scenario in scenarios)
    text = f"{choice.men:,} virtual patients with {len(scenarios)} candidate{'s' * (len(scenarios) > 1)}"
    fix = "choose fewer, or run one candidate at a time with testis-abm twin --give ... --men"
    if lives > MOST_LIVES:
        return f"{text} are {lives:,} lives, more than this page predicts ({MOST_LIVES:,}): {fix}"
    if days > MOST_DAYS:
        return (
            f"{text} are {days:,} days, more than this page predicts ({MOST_DAYS:,} of all together): {fix} or --days"
        )
    return ""


def command(texts: Mapping[str, str], assay: str, scenario: Scenario, men: int) -> str:
    """Return the command that matches laboratory values and predicts a candidate's response with the same numbers."""
    words = [f"--{name.replace('_', '-')} {shlex.quote(text)}" for name, text in texts.items() if text.strip()]
    words += [f"--assay {assay}", f"--men {men}"]
    days = scenario.plan.duration_days
    plain = all(_prescribed(therapy, days) for therapy in scenario.therapy) and not any(
        getattr(scenario, key) for key in TREATMENTS[1:]
    )
    if plain and not scenario.parameters and not scenario.own_tables:
        given = [shlex.quote(therapy.title) for therapy in scenario.therapy]
        words += [*(f"--give {text}" for text in given), f"--days {days}"]
    else:
        words.append("--scenario candidate.toml")
    return f"testis-abm twin {' '.join(words)}"


def _prescribed(therapy: Therapy, days: int) -> bool:
    """Return whether drug, dose and rhythm say all of a therapy in a plan of so many days."""
    from testis_abm.scenario.prescription import parse_prescription
    from testis_abm.support.errors import TestisError

    try:
        plan = {"duration": f"{days} days"}
        return Scenario(plan=plan, therapy=[parse_prescription(therapy.title)]).therapy == (therapy,)
    except TestisError:
        return False
