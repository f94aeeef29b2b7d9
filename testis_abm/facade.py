"""What a script works with: runs, surfaces and days of pulses that can be summarised, drawn and stored."""

from __future__ import annotations

from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.experiments import pulses as pulse_days
from testis_abm.experiments import simulate
from testis_abm.experiments import surface as surfaces
from testis_abm.results import store
from testis_abm.results.aromatase import by_site
from testis_abm.results.run import Run
from testis_abm.results.summary import summarise

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class RunResult(Run):  # noqa: D101
    __doc__ = Run.__doc__

    @classmethod
    def of(cls, run: Run) -> RunResult:
        """Return a run with what can be done with it."""
        return cls(
            scenario=run.scenario,
            tables=run.tables,
            provenance=run.provenance,
            sections=run.sections,
            attribution=run.attribution,
            plausible=run.plausible,
        )

    def summary(self) -> pd.DataFrame:
        """Return levels with and without treatment, and changes with intervals (see `summary.summarise`)."""
        return summarise(self)

    def aromatase(self) -> pd.DataFrame:
        """Return how far aromatase is inhibited at each site, and its contribution to serum oestradiol (see `aromatase.by_site`)."""
        return by_site(self)

    def plot(self, folder: str | Path | None = None) -> dict[str, Figure]:
        """Return the figures of this run by name; write each as PNG and SVG too if a folder is given.

        Raises:
            TestisError: the folder holds something else than results and their pictures, or cannot be written.
        """
        from testis_abm.pictures.drawing import draw_figures

        return draw_figures(self, None if folder is None else store.check_pictures(folder))

    def save(self, folder: str | Path) -> Path:
        """Write everything to `folder`, whole or not at all; return its path (see `store.save`)."""
        return store.save(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> RunResult:
        """Read a result that `save` wrote (see `store.load`)."""
        return cls.of(store.load(folder))


@wraps(simulate.run)
def run(*args: Any, **options: Any) -> RunResult:  # noqa: D103 (that of simulate.run)
    return RunResult.of(simulate.run(*args, **options))


class SurfaceResult(surfaces.Surface):  # noqa: D101
    __doc__ = surfaces.Surface.__doc__

    def plot(self, word: str = surfaces.DEFAULT) -> Figure:
        """Return the figure of an output: map, path of treatment and slices.

        Raises:
            TestisError: matplotlib is missing, or there is no such output.
        """
        from testis_abm.pictures.surface import draw

        return draw(self, word)


@wraps(surfaces.surface)
def surface(*args: Any, **options: Any) -> SurfaceResult:  # noqa: D103 (that of experiments.surface)
    found = surfaces.surface(*args, **options)
    return SurfaceResult(**{field.name: getattr(found, field.name) for field in fields(found)})


class PulsesResult(pulse_days.Pulses):  # noqa: D101
    __doc__ = pulse_days.Pulses.__doc__

    def plot(self) -> Figure:
        """Return the figure: LH and testosterone over the hours of the clock.

        Raises:
            TestisError: matplotlib is missing.
        """
        from testis_abm.support import guard

        guard.matplotlib()
        from testis_abm.pictures.pulses import draw

        return draw(self)


@wraps(pulse_days.pulses)
def pulses(*args: Any, **options: Any) -> PulsesResult:  # noqa: D103 (that of experiments.pulses)
    found = pulse_days.pulses(*args, **options)
    return PulsesResult(**{field.name: getattr(found, field.name) for field in fields(found)})
