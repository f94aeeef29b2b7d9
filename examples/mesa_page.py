"""Mesa's own browser page on this model: solara run examples/mesa_page.py (pip install "testis_abm[app]")."""

from __future__ import annotations

import mesa
import numpy as np
import solara
from mesa.visualization import SolaraViz, make_plot_component

import testis_abm as ta
from testis_abm.app.model_charts import make_charts
from testis_abm.app.tubule import make_tubule


class Counted(ta.TestisModel):
    """A fertile man who counts his germ cells and sperm each day."""

    def __init__(self):
        super().__init__(ta.load({"title": "Fertile man", "tissue": {"tubules": 4}}), rng=1)
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "round spermatids": lambda model: int(model.tissue.counts()[9]),
                "sperm released": lambda model: int(np.sum(model.tissue.events.released)),
            }
        )
        self.datacollector.collect(self)

    def step(self):
        """Count after each day."""
        super().step()
        self.datacollector.collect(self)


plot = make_plot_component({"round spermatids": "tab:blue", "sperm released": "tab:red"})


@solara.component
def Page():  # noqa: N802 (Solara looks for this name)
    """Show the page; the model is made here, so that two visitors never share one."""
    model = solara.use_memo(Counted, [])
    SolaraViz(model, components=[make_tubule(), make_charts("hormones"), plot], model_params={}, name="testis_abm")
