"""Sensitivity, the surface of testosterone and oestradiol, and published studies, as forms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

from testis_abm.app.experiments import paths
from testis_abm.app.experiments.asked import Asked, Field, Kept, Typed, choice, size, written
from testis_abm.app.experiments.sweeps import OUTPUTS_KEPT, outputs_of
from testis_abm.app.jobs import limits
from testis_abm.choices import EXPECTED
from testis_abm.parameters.tables import using
from testis_abm.scenario import Scenario
from testis_abm.support.errors import ScenarioError, TestisError

_INPUTS = {"man": "physiology of the man", "model": "model parameters that studies leave open", "both": "both"}

_RANGES = {
    "man": ", BMI and age those of men at clinics, all else half to one and a half of his own; lesions that he does not have stay out",
    "model": ", of the model those of the tables",
}


def sensitivity_fields(scenario: Scenario, said: Mapping[str, str], kept: Kept) -> list[Field]:
    """Return the fields of a sensitivity analysis."""
    of = [("change", "change by the treatment"), ("treated", "level when treated")] if scenario.treated else []
    return [
        choice(
            "method",
            "Method",
            ("morris", "Morris: ranking by elementary effects"),
            ("sobol", "Sobol: shares of the variance"),
            wide=True,
        ),
        choice("inputs", "Inputs", *_INPUTS.items(), wide=True),
        choice("of", "Of", *of, ("untreated", "level untreated"), wide=True),
        Field("samples", "Trajectories, or base samples", "16"),
        OUTPUTS_KEPT,
    ]


def sensitivity(scenario: Scenario, typed: Typed, kept: Kept) -> Asked:
    """Return a sensitivity analysis as it is asked for.

    Raises:
        ScenarioError: what is wrong.
    """
    with using(scenario.own_tables):
        chosen = typed["inputs"]
        found = _his(scenario) if chosen in ("man", "both") else {}
        found |= paths.uncertain() if chosen in ("model", "both") else {}
        over = {path: {"from": of.low, "to": of.high, "scale": of.scale} for path, of in found.items()}
        samples = typed.whole("samples", 4, 1024)
        runs = samples * (len(over) + (1 if typed["method"] == "morris" else 2))
        arms = 2 if typed["of"] == "change" else 1
        title = f"What decides: {_INPUTS[chosen]}: {scenario.title}"
        table = {
            "method": typed["method"],
            "samples": samples,
            "of": typed["of"],
            "engine": EXPECTED,
            "outputs": outputs_of(typed),
            "over": over,
        }
        tables = {**written(scenario), "title": title[:200], "sensitivity": table}
    return Asked(
        "sensitivity",
        title,
        tables,
        ("sensitivity",),
        size(scenario, runs, EXPECTED, arms),
        lambda: _check(tables),
        extra=1.5,
        note=f"{len(over)} inputs over their ranges{''.join(words for key, words in _RANGES.items() if chosen in (key, 'both'))}.",
    )


def _his(scenario: Scenario) -> dict[str, paths.Varied]:
    """Return the physiology that a man has: half of a lesion that he does not have is none.

    Lesions over all that they may be, and several at once, would leave hardly a sample with a sperm to explain.
    """
    own = scenario.man.physiology
    return {path: of for path, of in paths.fields(scenario).items() if own[path.removeprefix("man.")] != 0.0}


def _check(tables: Mapping[str, Any]) -> None:
    """Read an analysis as the command will, but for its sample, whose package takes long to load.

    Raises:
        TestisError: what is wrong.
    """
    from testis_abm.experiments.design import Design, parse_axis
    from testis_abm.experiments.files import read_experiment
    from testis_abm.experiments.sensitivity import KEYS
    from testis_abm.experiments.sweep import check_axes

    if find_spec("SALib") is None:
        raise TestisError('sensitivity needs one more package on the server: pip install "testis_abm[sensitivity]"')
    table = tables["sensitivity"]
    samples = table["samples"]
    if table["method"] == "sobol" and samples & (samples - 1):
        near = 1 << (samples.bit_length() - 1)
        raise ScenarioError(
            f"{samples} is not a power of two, as Sobol's sequence needs; use {near} or {2 * near}", "Base samples"
        )
    file = read_experiment(tables, "sensitivity", KEYS)
    check_axes(file, Design(tuple(parse_axis(path, given) for path, given in table["over"].items()), ()), EXPECTED)


# ---- surface and studies

_SIZES = {"coarse": (7, 10), "fine": (13, 30)}  # levels and parameter sets


def surface_fields(scenario: Scenario, said: Mapping[str, str], kept: Kept) -> list[Field]:
    """Return the fields of a surface."""
    from testis_abm.experiments.surface import E2, FREE, HELD, RATIO

    sizes = [(key, f"{levels} x {levels} levels, {sets} parameter sets") for key, (levels, sets) in _SIZES.items()]
    return [
        choice("second", "Testosterone and", (E2, "oestradiol"), (RATIO, "T/E2")),
        choice("gonadotrophins", "LH and FSH", (HELD, "held at his own levels"), (FREE, "free to answer"), wide=True),
        choice("size", "Size", *sizes, wide=True),
    ]


def surface(scenario: Scenario, typed: Typed, kept: Kept) -> Asked:
    """Return a surface as it is asked for.

    Raises:
        ScenarioError: what is wrong.
    """
    from testis_abm.experiments.surface import HOLD, T, read_axes

    levels, sets = _SIZES[typed["size"]]
    men = sets * (levels * levels + int(scenario.treated))
    axes = ("--axis", T, "--axis", typed["second"])
    command = (*axes, "--levels", str(levels), "--sets", str(sets), "--gonadotrophins", typed["gonadotrophins"])
    title = f"Response surface of the testis: {scenario.title}"
    with using(scenario.own_tables):
        tables = {**written(scenario), "title": scenario.title}
    large = limits.Size(men, HOLD, EXPECTED)
    return Asked(
        "surface",
        title,
        tables,
        ("surface",),
        large,
        lambda: read_axes((T, typed["second"]), levels),
        command,
        what="men",
    )


_STUDY, _SETS = "shah_2021", 12  # that stands there at first; parameter sets of a replay


@cache
def _studies() -> tuple[tuple[str, str], ...]:
    from testis_abm.studies import known, load_study

    studies = {name: load_study(path) for name, path in known().items()}
    return tuple((name, f"{of.title} ({of.citation})"[:110]) for name, of in studies.items())


def study_fields(scenario: Scenario, said: Mapping[str, str], kept: Kept) -> list[Field]:
    """Return the fields of a published study."""
    usual = _STUDY if _STUDY in dict(_studies()) else ""
    return [choice("study", "Study", *_studies(), value=usual, wide=True), Field("sets", "Parameter sets", str(_SETS))]


def study(scenario: Scenario, typed: Typed, kept: Kept) -> Asked:
    """Return a published study as it is asked for.

    Raises:
        ScenarioError: what is wrong.
    """
    from testis_abm.studies import known, load_study

    path = known()[typed["study"]]
    study, sets = load_study(path), typed.whole("sets", 2, 100)
    arms = "; ".join(f"{arm.name}: {arm.label}" for arm in study.arm)
    past = "; ".join([*map(str, study.history), *(insult.dated for insult in study.insult)])
    note = f"{study.n} men per arm, {study.duration_days:g} days. {f'Before: {past}. ' if past else ''}{arms}."
    men = sets * min(48, max(12, study.n)) * len(study.arm)
    return Asked(
        "studies",
        f"{study.title} ({study.citation}), replayed",
        {},
        ("studies", "run"),
        limits.Size(men, int(study.duration_days), EXPECTED),
        lambda: None,
        ("--sets", str(sets)),
        text=path.read_text(encoding="utf-8"),
        shipped=typed["study"],
        what="men",
        note=f"{note}{f' doi:{study.doi}.' if study.doi else ''} Its own men and treatments: nothing is taken from the form.",
    )
