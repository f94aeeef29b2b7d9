"""The kinds of experiments that the page runs, each as a form."""

from __future__ import annotations

from collections.abc import Mapping

from testis_abm.app import own_code
from testis_abm.app.experiments import arms, others, sweeps
from testis_abm.app.experiments.asked import Asked, Form, Kept, Typed
from testis_abm.app.jobs import limits
from testis_abm.app.jobs.desk import shell as typed
from testis_abm.app.jobs.job import EXPERIMENT
from testis_abm.quantities import SI, unit_system
from testis_abm.scenario import Scenario
from testis_abm.support.errors import ScenarioError

FORMS: Mapping[str, Form] = {
    "dose": Form("Dose-response", "The same man at several doses of one drug.", sweeps.dose_fields, sweeps.dose),
    "map": Form(
        "Two-way sweep",
        "A map over two things that vary: doses, the man, the model.",
        sweeps.over_two_fields,
        sweeps.over_two,
    ),
    "compare": Form(
        "Comparison of arms",
        "Treatments of the same man, paired by common random numbers.",
        arms.compare_fields,
        arms.compare,
    ),
    "trial": Form(
        "Virtual trial",
        "Men drawn from a population, screened, randomised, treated and measured.",
        arms.trial_fields,
        arms.trial,
    ),
    "sensitivity": Form(
        "Sensitivity", "Which inputs decide on an outcome.", others.sensitivity_fields, others.sensitivity
    ),
    "surface": Form(
        "T/E2 surface",
        "What this man's testes make at any local testosterone and oestradiol, both clamped, and the path that his treatment takes.",
        others.surface_fields,
        others.surface,
    ),
    "study": Form(
        "Published study",
        "A shipped study with its own selection and size, observed beside predicted.",
        others.study_fields,
        others.study,
    ),
}


def asked(form: str, scenario: Scenario, said: Mapping[str, str], kept: Kept = ()) -> tuple[Asked, str]:
    """Return the experiment that a form asks for, and which limit of the page it meets ("": none).

    Raises:
        TestisError: what is wrong with it, read as the command will read it.
    """
    of = FORMS[form]
    made = of.make(scenario, Typed(of.fields(scenario, said, kept), said), kept)
    name = " ".join(made.command)
    if own_code.given() and made.kind != "compare":
        text = f"testis-abm {name} knows no rules in Python, by which the men of this page live"
        raise ScenarioError(f"{text}; compare arms, or start the page without --rules")
    if text := limits.too_large(made.size, made.what, limits.MOST_MEN if made.kind == "trial" else limits.MOST_RUNS):
        # Before it is read: what is too large to run may be too large to read as well.
        return made, f"{text}; download the experiment file and run it in the shell: {shell(made)}"
    made.check()
    return made, ""


def shell(made: Asked, file: str = EXPERIMENT) -> str:
    """Return the command that runs the downloaded file, in the system of units in force."""
    units = ["--units", SI] if unit_system() == SI else []
    return typed([*made.command, made.shipped or file, *made.after, *units])
