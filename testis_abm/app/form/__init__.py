"""The form: everything that a scenario holds, in groups that say folded what is in them."""

from __future__ import annotations

from testis_abm.app import fields, widgets
from testis_abm.app.draft import Understanding
from testis_abm.app.form import model, patient, plan, treatment, words
from testis_abm.app.form.controls import Fold, Seen
from testis_abm.app.session import Session

_BEGUN = (fields.MAN, fields.TREATMENT, fields.PLAN)
_SHOWN = {
    fields.MAN: patient.man,
    fields.TREATMENT: treatment.treatment,
    fields.PLAN: plan.plan,
    fields.LESIONS: patient.lesions,
    fields.PAST: patient.past,
    fields.SAMPLES: plan.samples,
    fields.PARTNER: plan.partner,
    fields.CLAMPS: treatment.clamps,
    fields.MODEL: model.model,
    fields.PUBLISHED: plan.published,
}


def man(session: Session, said: Understanding) -> None:
    """Show the man."""
    _group(Seen(session, session.draft.value, said), fields.MAN)


def rest(session: Session, said: Understanding) -> None:
    """Show what is done to him, the plan, and all else that a scenario holds."""
    seen = Seen(session, session.draft.value, said)
    for group in fields.GROUPS[1:]:
        _group(seen, group)


def shown(seen: Seen, group: str) -> None:
    """Show a group, and what is wrong with a section of it as a whole."""
    _SHOWN[group](seen)
    for problem in seen.said.problems:
        if len(problem.path) < 2 and problem.path != ("title",) and fields.group_of(problem.path) == group:
            widgets.paragraph(problem.line(), "ta-error")


def _group(seen: Seen, group: str) -> None:
    says = words.says(group, seen.now, seen.said)
    faults = seen.faults(group)
    Fold(seen.session, group, says, lambda: shown(seen, group), faults=faults, begun=group in _BEGUN)
