"""What is in each group of the form, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testis_abm import parameters
from testis_abm.app import draft, fields, listed, questions
from testis_abm.app.draft import Draft, Understanding
from testis_abm.app.sliders import LESIONS
from testis_abm.parameters.tables import using
from testis_abm.pictures import courses
from testis_abm.quantities import ASSAYS
from testis_abm.scenario import Samples

_NONE = "none"


def says(group: str, now: Draft, said: Understanding) -> str:
    """Return in words what a group (of fields.GROUPS) of a draft holds."""
    return _SAYS[group](now, said) or _NONE


def _man(now: Draft, said: Understanding) -> str:
    known = draft.presets(now).get(str(now["man"].get("preset")))
    name = known.title if known else str(now["man"].get("preset", ""))
    return f"{name}, {_number(now, 'age')} years, BMI {_number(now, 'bmi')}"


def _number(now: Draft, field: str) -> str:
    return draft.cell(now, "man", field) or f"{parameters.physiology()[field].value:g}"


def _spans(said: Understanding, *kinds: str, others: bool = False) -> str:
    if said.scenario is None:
        return ""
    spans = courses.spans(said.scenario)
    return "; ".join(span.label for span in spans if (span.drug in kinds) != others)


def _treatment(now: Draft, said: Understanding) -> str:
    if said.scenario is not None:
        return _spans(said, "clamp", "rule", "insult", others=True)
    drugs = [str(row.get("drug", "")).replace("_", " ") for row in now.get("therapy", ())]
    return ", ".join([*drugs, *("weight change" for _ in now.get("weight", ()))])


def _plan(now: Draft, said: Understanding) -> str:
    replicates = draft.cell(now, "plan", "replicates")
    return f"{draft.cell(now, 'plan', 'duration')}, {replicates} replicates"


def _lesions(now: Draft, said: Understanding) -> str:
    usual = parameters.physiology()
    found = []
    for slider in LESIONS:
        value = now["man"].get(slider.field, usual[slider.field].value)
        if slider.field not in _OF_OTHERS and value != usual[slider.field].value:
            try:
                found.append(f"{slider.label.lower()} {slider.shown(now):g} {slider.unit.partition(' of ')[0]}")
            except ValueError:
                found.append(slider.label.lower())
    return "; ".join([*found, *(f"{draft.kind_of(now, i)[0]}" for i in range(len(now.get("insult", ()))))])


_OF_OTHERS = ("arrest_before", "reduced_founding", "lesion_length")  # which say how other lesions are


def _past(now: Draft, said: Understanding) -> str:
    return "; ".join(draft.rows_of(now, fields.HISTORY.path))


def _samples(now: Draft, said: Understanding) -> str:
    given = now.get("samples", {})
    assay = given.get("assay", Samples().assay)
    own = [of.label.lower() for of in fields.SECTIONS["samples"] if of.key in given and of.key != "assay"]
    return f"serum E2 by {ASSAYS.get(assay, assay)}" + (f"; {', '.join(own)}" if own else "; usual days")


def _partner(now: Draft, said: Understanding) -> str:
    age, tried = (draft.cell(now, "partner", key) or fields.DEFAULTS["partner"][key] for key in ("age", "tried"))
    return f"{age}, trying for {tried}"


def _clamps(now: Draft, said: Understanding) -> str:
    held = [
        f"{row.get('quantity', '')} {draft.cell(now, 'clamp', i, 'level')}"
        for i, row in enumerate(now.get("clamp", ()))
    ]
    count = len(draft.rows_of(now, fields.RULE.path))
    return "; ".join([*held, *([f"{count} rule{'s' * (count > 1)}"] if count else [])])


def _model(now: Draft, said: Understanding) -> str:
    with using(draft.tables(now)):
        answered = sum(questions.stated(now, of) != questions.OPEN for of in parameters.hypotheses().values())
    count, own = len(now.get("parameters", {})), len(listed.extras(now))
    told = [f"{count} parameter{'s' * (count > 1)} set" if count else "parameters of the tables"]
    told += [f"{answered} question{'s' * (answered > 1)} answered"] if answered else []
    told += [f"{own} of the file’s own"] if own else []
    return ", ".join(told)


def _published(now: Draft, said: Understanding) -> str:
    return f"{len(now['observed'])}" if now.get("observed") else ""


_SAYS: Mapping[str, Any] = {
    fields.MAN: _man,
    fields.TREATMENT: _treatment,
    fields.PLAN: _plan,
    fields.LESIONS: _lesions,
    fields.PAST: _past,
    fields.SAMPLES: _samples,
    fields.PARTNER: _partner,
    fields.CLAMPS: _clamps,
    fields.MODEL: _model,
    fields.PUBLISHED: _published,
}
