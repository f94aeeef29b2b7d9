"""testis_abm: an agent-based simulation of human spermatogenesis in a closed hormonal loop.

Research software: a simulation, not medical advice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testis_abm.agents.model import GermCell, LeydigCell, SertoliCell, TestisModel
    from testis_abm.app.notebook import slide
    from testis_abm.experiments.hypotheses import under_hypotheses
    from testis_abm.facade import (
        Comparison,
        PulsesResult,
        RunResult,
        SensitivityResult,
        SurfaceResult,
        SweepResult,
        TrialResult,
        Twin,
        TwinResponse,
        compare,
        find_twin,
        pulses,
        run,
        sensitivity,
        surface,
        sweep,
        trial,
    )
    from testis_abm.man.mean_field import ExpectedMan
    from testis_abm.parameters.tables import using
    from testis_abm.population.screen import screen
    from testis_abm.quantities import in_units
    from testis_abm.scenario import Man, Scenario, Therapy
    from testis_abm.scenario.folder import tables
    from testis_abm.scenario.load import load
    from testis_abm.support.errors import ScenarioError, TestisError

__version__ = "0.1.0"

_FACADE = (
    "Comparison",
    "PulsesResult",
    "RunResult",
    "SensitivityResult",
    "SurfaceResult",
    "SweepResult",
    "TrialResult",
    "Twin",
    "TwinResponse",
    "compare",
    "find_twin",
    "pulses",
    "run",
    "sensitivity",
    "surface",
    "sweep",
    "trial",
)
_HOME = {
    "ScenarioError": "support.errors",
    "TestisError": "support.errors",
    "GermCell": "agents.model",
    "LeydigCell": "agents.model",
    "SertoliCell": "agents.model",
    "TestisModel": "agents.model",
    "ExpectedMan": "man.mean_field",
    "in_units": "quantities",
    "screen": "population.screen",
    **dict.fromkeys(_FACADE, "facade"),
    "slide": "app.notebook",
    "under_hypotheses": "experiments.hypotheses",
    "Man": "scenario",
    "Scenario": "scenario",
    "Therapy": "scenario",
    "load": "scenario",
    "tables": "scenario.folder",
    "using": "parameters.tables",
}
__all__ = [
    "Comparison",
    "ExpectedMan",
    "GermCell",
    "LeydigCell",
    "Man",
    "PulsesResult",
    "RunResult",
    "Scenario",
    "ScenarioError",
    "SensitivityResult",
    "SertoliCell",
    "SurfaceResult",
    "SweepResult",
    "TestisError",
    "TestisModel",
    "Therapy",
    "TrialResult",
    "Twin",
    "TwinResponse",
    "compare",
    "find_twin",
    "in_units",
    "load",
    "pulses",
    "run",
    "screen",
    "sensitivity",
    "slide",
    "surface",
    "sweep",
    "tables",
    "trial",
    "under_hypotheses",
    "using",
]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that importing the package stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module 'testis_abm' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"testis_abm.{_HOME[name]}"), name)
    globals()[name] = value
    return value
