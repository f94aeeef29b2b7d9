"""Arms as forms: a comparison, a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testis_abm import parameters
from testis_abm.app import draft
from testis_abm.app.experiments.asked import Asked, Field, Kept, Typed, choice, size, written
from testis_abm.app.experiments.sweeps import ENGINE
from testis_abm.app.jobs import limits
from testis_abm.choices import CELLS, POPULATIONS, TREATMENTS
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.trial_design import COMPOSITE, HYPOTHETICAL, TREATMENT_POLICY, WHILE_ON_TREATMENT
from testis_abm.parameters import Drug
from testis_abm.parameters.tables import using
from testis_abm.scenario import Scenario
from testis_abm.scenario.prescription import parse_prescription, rhythm
from testis_abm.support.errors import ScenarioError

_WEEK = 7
_ALTERNATIVES = 4


def _prescriptions(scenario: Scenario, count: int) -> list[Field]:
    """Return fields for treatments beside that of the form."""
    what = "Alternative" if scenario.treated else "Treatment"
    rows = sorted(parameters.drugs().values(), key=lambda drug: drug.title)
    options = tuple((_line(drug), drug.title) for drug in rows)
    labels = [f"{what} 1, for example clomiphene 25 mg daily", *(f"{what} {k}" for k in range(2, count + 1))]
    return [Field(f"other{k}", label, "", options, wide=True) for k, label in enumerate(labels, 1)]


def _line(drug: Drug) -> str:
    """Return a drug's usual treatment as a prescription has it."""
    usual = drug.regimen[-1]
    return f"{drug.name} {usual.dose:g} {drug.dose_unit} {rhythm(usual.every_days)}"


def _alternatives(typed: Typed) -> list[dict[str, Any]]:
    """Return an arm for each alternative that was typed."""
    arms = []
    for k in range(1, _ALTERNATIVES + 1):
        if f"other{k}" in typed.fields and (text := typed[f"other{k}"]):
            try:
                rows = [parse_prescription(part) for part in text.split("+")]
            except ScenarioError as error:
                raise error.at(typed.fields[f"other{k}"].label.partition(",")[0]) from None
            arms.append({"name": text[:80], "therapy": rows})
    return arms


def _own_arm(scenario: Scenario, name: str) -> dict[str, Any]:
    """Return what a scenario does to its man as an arm."""
    whole = draft.short(scenario)
    return {"name": name, **{key: whole.get(key, []) for key in TREATMENTS}}


def _name(scenario: Scenario) -> str:
    """Return a name for what a scenario does to its man."""
    drugs = [
        f"{row['drug']} {row['dose']} every {row.get('every', 'once')}"
        for row in draft.short(scenario).get("therapy", ())
    ]
    return (" + ".join(drugs) or scenario.title).replace("every once", "once").replace("every 1 day", "daily")[:80]


def _shared(scenario: Scenario) -> dict[str, Any]:
    """Return the tables of a scenario that all arms share: without what is done to the man."""
    whole = written(scenario)
    return {key: value for key, value in whole.items() if key not in ("therapy", "weight", "clamp", "observed")}


def compare_fields(scenario: Scenario, said: Mapping[str, str], kept: Kept) -> list[Field]:
    """Return the fields of a comparison."""
    yes_no = ("yes", "yes"), ("no", "no")
    return [
        choice("untreated", "Untreated control", *yes_no),
        *([choice("kept", f"Arms kept under “Compare” ({len(kept)})", *yes_no)] if kept else []),
        *_prescriptions(scenario, _ALTERNATIVES),
        Field("replicates", "Replicates", str(max(4, scenario.plan.replicates))),
    ]


def compare(scenario: Scenario, typed: Typed, kept: Kept) -> Asked:
    """Return a comparison as it is asked for.

    Raises:
        ScenarioError: what is wrong.
    """
    from testis_abm.experiments.compare import read_arms

    with using(scenario.own_tables):
        arms = [_own_arm(scenario.untreated(), "untreated")] if typed["untreated"] == "yes" else []
        arms += [_own_arm(scenario, _name(scenario))] if scenario.treated else []
        arms += (
            [_kept_arm(scenario, name, run.scenario) for name, run in kept] if kept and typed["kept"] == "yes" else []
        )
        arms += _alternatives(typed)
        for k, arm in enumerate(arms):  # two of a name are told apart
            earlier = [other["name"] for other in arms[:k]]
            arm["name"] = arm["name"] if arm["name"] not in earlier else f"{arm['name'][:70]} ({k + 1})"
        if len(arms) < 2:
            raise ScenarioError("one arm is nothing to compare; write an alternative, or keep arms under “What if”")
        if len(arms) > limits.MOST_ARMS:
            raise ScenarioError(f"{len(arms)} arms are more than this page compares ({limits.MOST_ARMS})")
        replicates = typed.whole("replicates", 2, draft.MOST_REPLICATES)
        title = f"{', '.join(arm['name'] for arm in arms)}: {scenario.title}"
        shared = _shared(scenario)
        shared["plan"] = {**shared["plan"], "replicates": replicates}
        tables = {**shared, "title": title[:200], "arm": arms}
    return Asked(
        "compare",
        title,
        tables,
        ("compare",),
        size(scenario, len(arms) * replicates, CELLS, 1),
        lambda: read_arms(tables),
        extra=1.0 + 0.6 * len(arms),
    )


def _kept_arm(scenario: Scenario, name: str, case: Scenario) -> dict[str, Any]:
    """Return a kept arm: what is done to its man, and what else of him and of the model differs from the scenario."""
    base, other = scenario.as_dict(), case.as_dict()
    changed: dict[str, Any] = {}
    for section in ("man", "parameters"):
        mine, its = base.get(section, {}), other.get(section, {})
        changed |= {f"{section}.{key}": value for key, value in its.items() if mine.get(key) != value}
    return {**_own_arm(case, name), **({"set": changed} if changed else {})}


_OF_SEMEN, _OF_BLOOD = ("sperm concentration", "total sperm count", "total motile count"), ("testosterone", "LH", "FSH")
_ESTIMANDS = {
    TREATMENT_POLICY: "treatment policy",
    HYPOTHETICAL: "hypothetical: as if nobody had stopped",
    COMPOSITE: "composite: stopping is a failure",
    WHILE_ON_TREATMENT: "while on treatment",
}


def trial_fields(scenario: Scenario, said: Mapping[str, str], kept: Kept) -> list[Field]:
    """Return the fields of a trial."""
    weeks = max(1, round(scenario.plan.duration_days / _WEEK))
    return [
        *_prescriptions(scenario, 2 if scenario.treated else 3),
        Field("men", "Men per arm", "50"),
        choice("population", "Population", *((name, name.replace("_", " ")) for name in POPULATIONS)),
        Field("where", "Criteria of inclusion, with “;” between", "sperm concentration < 15 M/mL", wide=True),
        Field("weeks", "Weeks of treatment", str(weeks)),
        choice(
            "outcome",
            "Primary outcome",
            *((word, OUTPUTS[word].heading) for word in (*_OF_SEMEN, *_OF_BLOOD)),
            wide=True,
        ),
        choice("estimand", "Estimand (ICH E9 R1)", *_ESTIMANDS.items(), wide=True),
        Field("stops", "Stop treatment, % a month", "0"),
        Field("lost", "Lost to follow-up, % a month", "0"),
        ENGINE,
    ]


def trial(scenario: Scenario, typed: Typed, kept: Kept) -> Asked:
    """Return a trial as it is asked for.

    Raises:
        ScenarioError: what is wrong.
    """
    from testis_abm.experiments.files import read_experiment
    from testis_abm.experiments.trial import KEYS

    weeks, men = typed.whole("weeks", 1, 520), typed.whole("men", 4, limits.MOST_MEN)
    stops, lost = (typed.number(name, 0.0, 50.0, "%") / 100.0 for name in ("stops", "lost"))
    with using(scenario.own_tables):
        arms: list[dict[str, Any]] = [{"name": "control", "therapy": []}]
        of_his = {
            key: value for key, value in _own_arm(scenario, _name(scenario)).items() if key not in ("insult", "rule")
        }
        arms += [of_his] if any(of_his[key] for key in ("therapy", "weight", "clamp")) else []
        arms += _alternatives(typed)
        if len(arms) < 2:
            raise ScenarioError(
                "a trial needs a treatment beside its control; write an alternative, or add a drug under “What if”"
            )
        shared = {key: value for key, value in _shared(scenario).items() if key not in ("man", "insult", "samples")}
        shared["plan"] = {**shared["plan"], "duration": f"{_WEEK * weeks} days"}
        half = _WEEK * weeks // 2
        table = {
            "men": men * len(arms),
            "population": typed["population"],
            "where": [part.strip() for part in typed["where"].split(";") if part.strip()],
            "outcome": typed["outcome"],
            "estimand": typed["estimand"],
            "engine": typed["engine"],
            "at": [f"day {half}", "end"] if half else ["end"],
            **({"discontinuation": stops} if stops else {}),
            **({"dropout": lost} if lost else {}),
        }
        title = f"{' or '.join(arm['name'] for arm in arms[1:])} against no treatment: a trial in the {typed['population'].replace('_', ' ')} population"
        assay = {"samples": {"assay": scenario.samples.assay}}
        tables = {**shared, **assay, "title": title[:200], "trial": table, "arm": arms}
    return Asked(
        "trial",
        title,
        tables,
        ("trial",),
        size(scenario, men * len(arms), typed["engine"], 1),
        lambda: read_experiment(tables, "trial", KEYS),
        what="men",
        extra=3.0 + 0.008 * men * len(arms),
        note="Men are drawn from the population; of the form only treatment, days before it and model parameters are taken."
        + (" Injuries of the form are left out." if scenario.insult else ""),
    )
