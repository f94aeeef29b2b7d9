"""Observations of published studies as PEtab problems (petab.readthedocs.io): what was measured, of whom, and what may be fitted.

One man stands for all of a study: each field of his physiology is the median of virtual men who pass its screening. Those
observations are given that are levels in blood or testis, or changes of them from baseline; the others are listed with why not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from testis_abm import parameters
from testis_abm.exports.equations import Equations, equations
from testis_abm.exports.sbml import sbml_of
from testis_abm.exports.target import described, needs
from testis_abm.man.parameter_set import parameter, parameter_set
from testis_abm.studies import study as studies
from testis_abm.studies.men import screened
from testis_abm.studies.score import between_studies, configuration
from testis_abm.studies.study import Observation, Study
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import TestisError, printable

if TYPE_CHECKING:
    import pandas as pd

MARK = "export.json"
MOST_STUDIES = 200
_MEN, _SEED = 60, 1
_REST = "untreated"
_ASSAYED = "oestradiol_immunoassay_pmol_l"
_FREE = "free_testosterone_nmol_l"
_TABLES = ("conditions", "observables", "measurements", "parameters", "left_out")
_EXACT = 1e-9


class _Seen(NamedTuple):
    """An observation that the equations tell: its observable and formula."""

    observable: str
    formula: str
    level: str


def export_petab(names: Sequence[str], out: str | Path) -> Path:
    """Write a PEtab problem (version 1) for each study into a folder; return its path.

    Args:
        names: of shipped studies, or study files.
        out: the folder. Of each study: NAME.yaml, NAME.xml (SBML), and NAME_conditions, _observables, _measurements, _parameters and
            _left_out as .tsv.

    Raises:
        TestisError: a study is not known or none of its observations can be given, python-libsbml or petab is missing, or the folder
            cannot be written or holds something else.
    """
    names = list(dict.fromkeys(guard.texts(names, "studies", '["leder_2004"]')))
    if not names:
        raise TestisError("studies: none is named; testis-abm studies lists them")
    guard.few(len(names), MOST_STUDIES, "studies", "export fewer at once", "studies")
    needs("libsbml", "python-libsbml", "SBML")
    needs("petab", "petab", "PEtab")
    known = studies.known()
    read = [studies.load_study(known[name] if name in known else _file(name, known)) for name in names]
    ours = [MARK, *(file for study in read for file in _files(study.name))]
    folder = outputs.check_folder(out, MARK, ours)
    problems = [(study, *_problem(study)) for study in read]
    with files.whole_folder(folder, ours) as made:
        for study, xml, tables in problems:
            _write(made, study, xml, tables)
        outputs.write_json(made / MARK, {"studies": [study.name for study in read]})
    return folder


def _file(name: str, known: Mapping[str, Path]) -> Path:
    if not name.endswith(".toml"):
        guard.key(name, known, "study", see="testis-abm studies")
    return Path(name)


def _files(name: str) -> list[str]:
    return [f"{name}.yaml", f"{name}.xml", *(f"{name}_{table}.tsv" for table in _TABLES)]


def _write(folder: Path, study: Study, xml: str, tables: Mapping[str, pd.DataFrame]) -> None:
    import yaml

    (folder / f"{study.name}.xml").write_text(xml, encoding="utf-8")
    for table, rows in tables.items():
        rows.to_csv(folder / f"{study.name}_{table}.tsv", sep="\t", index=False)
    problem = {
        "format_version": 1,
        "parameter_file": f"{study.name}_parameters.tsv",
        "problems": [
            {
                "sbml_files": [f"{study.name}.xml"],
                **{f"{kind[:-1]}_files": [f"{study.name}_{kind}.tsv"] for kind in _TABLES[:3]},
            }
        ],
    }
    (folder / f"{study.name}.yaml").write_text(yaml.safe_dump(problem, sort_keys=False), encoding="utf-8")


def _problem(study: Study) -> tuple[str, dict[str, pd.DataFrame]]:
    """Return SBML and tables of a study."""
    import pandas as pd

    passed = screened(study, parameter_set({}), _MEN, _SEED)
    man = pd.DataFrame(passed.rows).median().to_dict()
    arms, left_out = {}, []
    for i, arm in enumerate(study.arm):
        try:
            arms[arm.name] = equations(study.scenario(i), man)
        except TestisError as error:
            left_out.append((arm.name, str(error)))
    shown: list[tuple[Observation, _Seen]] = []
    for seen in study.observed:
        told = _told(seen, study, arms)
        if isinstance(told, _Seen):
            shown.append((seen, told))
        else:
            left_out.append((seen.label, told))
    if not shown:
        why = "; ".join(f"{label}: {reason}" for label, reason in left_out)
        raise TestisError(f"study {study.name}: none of its observations can be given: {printable(why)}")
    switches = {_word(name): of for name, of in arms.items()}
    one = _together(list(switches.values()), study)
    levels = list(dict.fromkeys(told.level for seen, told in shown if seen.kind == "change"))
    said = {**described(study.scenario()), "scenario": f"study {study.name}: {study.title}"}
    tables = {
        "conditions": _conditions(switches),
        "observables": _observables([told for _, told in shown]),
        "measurements": _measurements(study, shown),
        "parameters": _parameters(one),
        "left_out": pd.DataFrame(left_out, columns=["what", "why"]),
    }
    return sbml_of(one, said, switches, levels), tables


def _word(name: str) -> str:
    """Return the name of an arm as an identifier."""
    return re.sub(r"\W+", "_", name.strip(), flags=re.ASCII).strip("_") or "arm"


def _together(arms: Sequence[Equations], study: Study) -> Equations:
    """Return the equations of arms of the same man that hold the drugs of all."""
    names = {arm.substances for arm in arms}
    most = max(arms, key=lambda arm: len(arm.substances))
    if any(not set(arm.substances) <= set(most.substances) for arm in arms) and len(names) > 1:
        raise TestisError(
            f"study {study.name}: its arms are given different drugs, which one model cannot hold; export one that has them all"
        )
    numbers = parameters.load()
    floor, scale = "axis_immunoassay_oestradiol_floor", "axis_immunoassay_oestradiol_scale"
    constants = {**most.constants, **{name: numbers[name.replace("_", ".", 1)].value for name in (floor, scale)}}
    true = "oestradiol_pmol_l"
    reported = f"{scale} * max({true}, {floor} + {true} * (1.0 - {floor} / axis_oestradiol_reference))"
    return replace(most, constants=constants, variables={**most.variables, _ASSAYED: reported})


def _told(seen: Observation, study: Study, arms: Mapping[str, Equations]) -> _Seen | str:
    """Return how the equations tell an observation, or why they do not."""
    if seen.arm not in arms:
        return "its arm is left out"
    if seen.kind not in ("level", "change"):
        return f"{seen.kind}: a PEtab observable is a level or change of one man at one time"
    if not isinstance(seen.value, float | int):
        return "beyond a limit of detection"
    if seen.among is not None:
        return "of some of the men alone"
    column, level = seen.column, next(iter(arms.values())).levels
    formula = column
    if column == "free_testosterone_pmol_l":
        column, formula = _FREE, f"1000 * {_FREE}"
    elif column == "oestradiol_pmol_l" and study.assay == "immunoassay":
        column = formula = _ASSAYED
    if column not in (*level, _ASSAYED):
        return f"{seen.variable} is not of the body's equations"
    if seen.kind == "change":
        return _Seen(f"change_{column}", f"100 * ({column} / baseline_{column} - 1)", column)
    return _Seen(f"level_{column}_{_word(seen.unit)}", f"({formula}) / {seen.factor!r}", column)


def _conditions(arms: Mapping[str, Equations]) -> pd.DataFrame:
    import pandas as pd

    columns = [f"arm_{arm}" for arm in arms]
    rows = [(_REST, *(0 for _ in arms)), *((f"given_{arm}", *(int(of == arm) for of in arms)) for arm in arms)]
    return pd.DataFrame(rows, columns=["conditionId", *columns])


def _observables(shown: Sequence[_Seen]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (told.observable, told.formula, f"noiseParameter1_{told.observable}", "normal") for told in dict.fromkeys(shown)
    ]
    return pd.DataFrame(rows, columns=["observableId", "observableFormula", "noiseFormula", "noiseDistribution"])


def _measurements(study: Study, shown: Sequence[tuple[Observation, _Seen]]) -> pd.DataFrame:
    """Return the measurements; noise: the standard error, and what studies of the same thing differ by beyond it."""
    import pandas as pd

    rows = []
    for seen, told in shown:
        assert seen.day is not None  # levels and changes have one
        size = 100.0 + seen.number if seen.kind == "change" else abs(seen.number)
        noise = math.hypot(seen.se or 0.0, between_studies(seen) * size)
        rest = "" if study.has_past else _REST
        rows.append((told.observable, rest, f"given_{_word(seen.arm)}", seen.number, 0.5 * sum(seen.day), noise))
    columns = [
        "observableId",
        "preequilibrationConditionId",
        "simulationConditionId",
        "measurement",
        "time",
        "noiseParameters",
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table if table["preequilibrationConditionId"].any() else table.drop(columns="preequilibrationConditionId")


def _parameters(man: Equations) -> pd.DataFrame:
    """Return what calibration may move, within the ranges of the tables, and its priors, where they are of the equations."""
    import pandas as pd

    known, rows = configuration(), []
    for name in known["parameters"]:
        of = parameter(name)
        drug = re.fullmatch(r"drug\.(\w+)\.(\w+)", name)
        symbol = f"{drug[2]}_{drug[1]}" if drug else name.replace(".", "_")
        # What a man's physiology is folded into has another value, and no range of its own.
        if symbol not in man.constants or not math.isclose(man.constants[symbol], of.value, rel_tol=_EXACT):
            continue
        log = of.low > 0.0
        prior = known["prior"].get(name)
        row: dict[str, Any] = {
            "parameterId": symbol,
            "parameterName": name,
            "parameterScale": "log10" if log else "lin",
            "lowerBound": of.low,
            "upperBound": of.high,
            "nominalValue": of.value,
            "estimate": 1,
        }
        if prior:  # a 68 % interval
            centre, sd = 0.5 * (prior[0] + prior[1]), 0.5 * (prior[1] - prior[0])
            row |= {"objectivePriorType": "normal", "objectivePriorParameters": f"{centre!r};{sd!r}"}
        else:
            row |= {"objectivePriorType": "uniform", "objectivePriorParameters": f"{of.low!r};{of.high!r}"}
        rows.append(row)
    return pd.DataFrame(rows)
