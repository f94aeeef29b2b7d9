"""Mesa's own browser page on this model, with sliders: solara run examples/mesa_page.py (pip install "testis_abm[app]").

Move a slider, press Reset, then Play: the man starts again under the dose and body mass index that are set.
"""

from __future__ import annotations

import mesa
import numpy as np
import solara
from mesa.visualization import Slider, SolaraViz, make_plot_component

import testis_abm as ta
from testis_abm.app.model_charts import make_charts
from testis_abm.app.tubule import make_tubule

PARAMETERS = {
    "bmi": Slider("Body mass index, kg/m2", value=33, min=20, max=45, step=1),
    "dose": Slider("Anastrozole, mg a day (0: none)", value=1.0, min=0.0, max=2.0, step=0.25),
    "rng": {"type": "InputText", "value": 1, "label": "Random seed"},
}


class Counted(ta.TestisModel):
    """A man on anastrozole who counts his germ cells and sperm each day."""

    def __init__(self, bmi=33, dose=1.0, rng=1):
        case = {"title": "Anastrozole", "man": {"preset": "obese_low_t_e2", "bmi": bmi}, "tissue": {"tubules": 4}}
        case["therapy"] = [{"drug": "anastrozole", "dose": f"{dose} mg", "every": "1 day"}] if dose else []
        super().__init__(case, rng=int(rng))
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
    SolaraViz(
        model, components=[make_tubule(), make_charts("hormones"), plot], model_params=PARAMETERS, name="testis_abm"
    )
