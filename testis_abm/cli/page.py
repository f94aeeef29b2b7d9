"""What a page of results holds besides what was printed: methods, pictures, limits, how to cite and to reproduce."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.choices import DISCLAIMER
from testis_abm.support import files, outputs

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario

DOCUMENT, PAGE = "results.json", "report.html"
# What the numbers of a command rest on.
_STATISTICS = {
    "run": "Levels of hormones are means over the last 28 days, of semen and sperm production what is expected on the last morning. "
    "Arms are paired by common random numbers; a change is that of geometric means, its interval Student's t on log ratios over "
    "replicates (95 %). Plausible models: parameter sets that fit published studies under every answer to what these leave open (90 %, by weight).",
    "compare": "Arms are paired by common random numbers; a change is that of geometric means against the first arm, its interval "
    "Student's t on log ratios over replicates (95 %). Plausible models: parameter sets that fit published studies (90 %, by weight).",
    "sweep": "Every point of the design is simulated in each of its replicates, arms paired by common random numbers; levels and "
    "changes are means over replicates with 95 % intervals.",
    "trial": "Virtual men are drawn from the population, screened as the trial's criteria say and randomised to arms. Effects are "
    "adjusted for baseline (analysis of covariance), with 95 % intervals over men.",
    "sensitivity": "Inputs are ranked over their ranges by the method that the design names; intervals are bootstrapped (95 %).",
    "twin": "Virtual patients are drawn from the population and weighted by how well their laboratory values match those given "
    "(importance sampling; effective sample size and Pareto k tell how far). Intervals are those of the weighted men (90 %).",
    "studies": "Each study is replayed as a virtual trial; intervals hold men, measurement, heterogeneity between studies and, with an "
    "ensemble, parameters (95 %).",
}
_LIMITS = (
    ("No medical advice", f"{DISCLAIMER} Not validated for decisions on any patient."),
    (
        "What it is",
        "A mechanistic model of an average biology: what it says hangs on parameters, some of which are hypotheses "
        "(testis-abm parameters tells source and confidence of each).",
    ),
    (
        "What it leaves out",
        "Effects of drugs outside the axis and the testis but for those that the safety table names; infections; "
        "genetics but for the lesions that can be set.",
    ),
)
_CITE = "testis_abm contributors. testis_abm: an agent-based model of human spermatogenesis under hormones and drugs, version {}. Software, MIT licence."
_CAPTIONS = {
    "intratesticular": "Steroids inside the testis",
    "tissue": "Tissue: what drives sperm production",
    "wall": "The wall of a tubule, unrolled",
}
_PICTURE = re.compile(r"[\w.-]+\.(svg|png)")


def methods(command: str, cases: Mapping[str, Scenario]) -> list[tuple[str, str]]:
    """Return what was simulated, a term and a text each."""
    from testis_abm.parameters.tables import using

    first = next(iter(cases.values()))
    with using(first.own_tables):
        return _methods(command, cases, first)


def _methods(command: str, cases: Mapping[str, Scenario], first: Scenario) -> list[tuple[str, str]]:
    from testis_abm import parameters
    from testis_abm.parameters.tables import using
    from testis_abm.population.report import therapies

    rows = parameters.load()
    preset = parameters.presets()[first.man.preset]
    fields = first.man.physiology
    entries = [
        (
            "Model",
            "Leydig, Sertoli and germ cells with local aromatase, in the closed loop of GnRH, LH, FSH, inhibin B, testosterone "
            "and oestradiol, before excurrent ducts and ejaculate.",
        ),
        ("Man", f"{preset.title} (preset {preset.name}); BMI {fields['bmi']:g} kg/m2, age {fields['age']:g} years"),
        (
            "Plan",
            f"{first.plan.baseline_days} days untreated, then {first.plan.duration_days} days; {first.plan.replicates} replicates; seed {first.plan.seed}",
        ),
    ]
    for name, case in cases.items():
        with using(case.own_tables):
            entries.append(("Treatment" if len(cases) == 1 else f"Arm: {name}", "\n".join(therapies(case))))
    if command in ("run", "compare", "histology"):
        tissue = first.tissue
        entries.append(
            ("Tissue", f"{tissue.tubules} tubules of {tissue.sertoli_per_tubule} Sertoli cells each replicate")
        )
    changed = [
        f"{name} = {value:g} {rows[name].symbol} (table: {rows[name].value:g})"
        for name, value in sorted(dict(first.parameters).items())
        if name in rows
    ]
    if own := [f"{kind} {name}" for kind, of in first.own_tables.as_dict().items() for name in of]:
        entries.append(("Tables of one's own", ", ".join(own)))
    entries.append(("Parameters changed", "\n".join(changed) or "none: those of the tables"))
    if command in _STATISTICS:
        entries.append(("Statistics", _STATISTICS[command]))
    return entries


def write_page(folder: Path, document: Mapping[str, Any]) -> Path:
    """Write the page of what was said of the results in a folder, with the pictures that lie there; return its path.

    Raises:
        TestisError: the disk refuses, or a file of that name is somebody else's.
    """
    from testis_abm.results.page import Section, render

    path = folder / PAGE
    outputs.check(path)
    told = document.get("methods") or {}
    version = str(document["version"])
    first = document["text"][0] if document["text"] else ""
    about = [f"testis-abm {document['command'][0]}" if document.get("command") else "", f"version {version}"]
    about += [] if document.get("seed") is None or "seed" in first else [f"seed {document['seed']}"]
    about += [f"{'SI' if document['units'] == 'si' else 'conventional'} units"]
    sources = {"The command": typed(document["command"])} if document.get("command") else {}
    sources |= {f"{name} (TOML)": text for name, text in (told.get("scenarios") or {}).items()}
    text = [line for line in document["text"] if line.strip() != DISCLAIMER]
    if text and text[0].startswith(document["title"]):
        about += [text.pop(0).removeprefix(document["title"]).strip(" :")]
    page = render(
        document["title"] or folder.name,
        [fact for fact in about if fact],
        [*document["extrapolation"], *document["warnings"]],
        text,
        _pictures(folder),
        (
            Section("Methods", [(term, said) for term, said in told.get("entries", ())]),
            Section("Limits of the software", _LIMITS),
            Section("Versions", list((told.get("versions") or {"testis_abm": version}).items())),
            Section("How to cite", [("Software", _CITE.format(version))]),
            Section("Files beside this page", [("Tables", ", ".join(_tables(folder)))] if _tables(folder) else []),
        ),
        sources,
        DISCLAIMER,
    )
    files.write(path, page)
    return path


def _pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures of a folder by their names in words, those of a run in its order."""
    from testis_abm.results import FIGURES

    found = {path.stem: path for path in sorted(folder.iterdir()) if _PICTURE.fullmatch(path.name)}  # of two the SVG
    order = sorted(found, key=lambda name: (FIGURES.index(name) if name in FIGURES else len(FIGURES), name))
    return {_CAPTIONS.get(name, name.replace("_", " ").capitalize()): found[name] for name in order}


def _tables(folder: Path) -> list[str]:
    kept = [path.name for path in sorted(folder.iterdir()) if path.suffix in outputs.TABLES]
    return [name for name in kept if name != DOCUMENT]


def typed(command: Sequence[str]) -> str:
    """Return a command as a shell takes it."""
    return shlex.join(["testis-abm", *command])
