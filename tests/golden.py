"""Numbers that a change of structure must keep: one weighted sum a column, of runs in both engines and of everything above them.

`python tests/golden.py` writes tests/golden.json again after a change that is meant to move numbers; say which in
CHANGELOG.md.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

FILE = Path(__file__).with_name("golden.json")
_SCENARIOS = Path(__file__).parents[1] / "scenarios"
_SMALL = {"tissue.tubules": 2, "tissue.sertoli_per_tubule": 24, "plan.replicates": 2, "plan.duration": "70 days"}
_SHORT = {**_SMALL, "plan.duration": "24 days", "plan.replicates": 1}


def _sum(values: pd.Series) -> float:
    """Return a sum that tells an order, a sign or a place from another."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    there = np.isfinite(numbers)
    return float((np.where(there, numbers, 0.0) * np.cos(1.0 + np.arange(len(numbers)))).sum() + 1e3 * (~there).sum())


def _columns(table: pd.DataFrame) -> dict[str, float]:
    return {str(name): _sum(table[name]) for name in table if pd.api.types.is_numeric_dtype(table[name])}


def _run(name: str, **changes: Any) -> dict[str, float]:
    import testis_abm as ta

    result = ta.run(_SCENARIOS / f"{name}.toml", overrides=changes)
    return {f"{table}.{column}": x for table, rows in result.tables.items() for column, x in _columns(rows).items()}


def _text() -> dict[str, str]:
    import testis_abm as ta
    from testis_abm.results.summary import render

    with patch("testis_abm.experiments.hypotheses.SETS", 3):
        result = ta.run(_SCENARIOS / "obese_anastrozole.toml", overrides={**_SMALL, "plan.duration": "60 days"})
    return {f"line {k}": line for k, line in enumerate(render(result).splitlines())}


def _presets() -> dict[str, float]:
    from testis_abm import parameters
    from testis_abm.man.mean_field import steady_state
    from testis_abm.man.physiology import complete
    from testis_abm.scenario import Man

    values = complete(parameters.values())
    return {
        f"{name}.{column}": float(x)
        for name in parameters.presets()
        for column, x in steady_state(values, Man(preset=name).physiology).items()
    }


def _sweep() -> dict[str, float]:
    import testis_abm as ta

    table = {
        "man": {"preset": "obese_low_t_e2"},
        "plan": {"baseline": "14 days", "duration": "60 days"},
        "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
        "sweep": {"engine": "expected", "over": {"man.bmi": [24, 34], "therapy.1.dose": ["0.2 mg", "1 mg"]}},
    }
    with tempfile.TemporaryDirectory() as folder:
        return _columns(ta.sweep(table, Path(folder) / "sweep").table)


def _trial() -> dict[str, float]:
    import testis_abm as ta

    table = {
        "plan": {"baseline": "14 days", "duration": "60 days"},
        "trial": {
            "men": 40,
            "engine": "expected",
            "where": ["sperm concentration < 30 M/mL"],
            "missing": 0.1,
            "parameters": "tables",
        },
        "arm": [
            {"name": "control", "therapy": []},
            {"name": "drug", "therapy": [{"drug": "clomiphene", "dose": "25 mg", "every": "1 day"}]},
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        result = ta.trial(table, Path(folder) / "trial")
    assert result is not None
    return {
        f"{name}.{column}": x
        for name in ("men", "effects", "responders")
        for column, x in _columns(getattr(result, name)).items()
    }


def _resumed() -> dict[str, float]:
    import testis_abm as ta

    model = ta.TestisModel(ta.load(_SCENARIOS / "obese_anastrozole.toml", overrides=_SHORT))
    model.run_for(15)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "man.npz")
        model = ta.TestisModel.load(Path(folder) / "man.npz")
    model.run_for(15)
    return {
        f"{name}.{k}": _sum(pd.Series(column))
        for name in ("hormones", "tissue", "safety")
        for k, column in enumerate(zip(*model.records[name], strict=True))
    }


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    **{
        f"run {name}": (lambda name=name: _run(name, **_SMALL))
        for name in (
            "fertile_man",
            "obese_anastrozole",
            "testosterone_plus_hcg",
            "gonadorelin_pump_after_infusion",
            "azoospermic_sertoli_only",
            "anastrozole_titrated",
            "weight_loss",
        )
    },
    "reference engine": lambda: _run("obese_anastrozole", **_SHORT, **{"plan.engine": "reference"}),
    "compiled engine": lambda: _run("obese_anastrozole", **_SHORT),
    "presets at steady state": _presets,
    "sweep": _sweep,
    "trial": _trial,
    "resumed checkpoint": _resumed,
    "summary": _text,
}


def differences(name: str, kept: dict[str, Any]) -> Iterator[str]:
    """Yield what a case gives otherwise than it did."""
    found = CASES[name]()
    yield from (f"{key}: is gone" for key in kept.keys() - found.keys())
    yield from (f"{key}: is new" for key in found.keys() - kept.keys())
    for key in kept.keys() & found.keys():
        before, now = kept[key], found[key]
        same = (
            before == now if isinstance(before, str) else np.isclose(before, now, rtol=1e-9, atol=1e-9, equal_nan=True)
        )
        if not same:
            yield f"{key}: {before} -> {now}"


if __name__ == "__main__":
    kept = json.dumps({name: case() for name, case in CASES.items()}, indent=0, sort_keys=True)
    FILE.write_text(kept + "\n", encoding="utf-8")
