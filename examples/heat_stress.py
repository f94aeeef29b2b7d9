"""A rule of your own, from outside the package: three days of heat kill spermatocytes; when do sperm fall?

    python examples/heat_stress.py [--plot heat.png]

`modify` changes named rates; the reporter is Mesa's own DataCollector. Nothing in testis_abm is touched.
"""

from __future__ import annotations

import argparse

import mesa
import numpy as np

import testis_abm as ta

SCENARIO = {
    "title": "Three days of heat",
    "tissue": {"tubules": 24},
    "plan": {"baseline": "28 days", "duration": "126 days", "replicates": 4, "seed": 1},
    "samples": {"semen": {"every": "1 week"}},
}
HEAT_DAYS = range(3)
ADDED_HAZARD = 0.4  # per day, in the steps that heat hits hardest


class HeatStress(ta.TestisModel):
    """A man whose spermatocytes and round spermatids die of heat for three days."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.modify("heat", ["pachytene_hazard", "diplotene_hazard", "round_spermatid_hazard"], added=heat)
        self.collector = mesa.DataCollector(
            model_reporters={"pachytene": pachytene, "died": lambda model: int(model.tissue.events.deaths.sum())}
        )

    def step(self):
        """Count after each day."""
        super().step()
        self.collector.collect(self)


def heat(model):
    """Return what heat adds to the hazards today, per day: a number, or one for each Sertoli cell."""
    return ADDED_HAZARD if model.day in HEAT_DAYS else 0.0


def pachytene(model):
    """Return how many pachytene spermatocytes live: an AgentSet counts its cells."""
    return int(np.sum(model.agents_by_type[ta.GermCell].array("step_index") == 6))


def weekly(result):
    """Return the mean sperm concentration of each week, million/mL."""
    return result.semen.groupby("day")["expected_concentration_million_ml"].mean()


def main():
    """Run both men, print the weeks, and draw them if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="draw the two courses into FILE")
    options = parser.parse_args()
    normal, hot = weekly(ta.run(SCENARIO)), weekly(ta.run(SCENARIO, model=HeatStress))
    print("week after heat   sperm, million/mL   of untreated")
    for day in normal.index:
        print(f"{day / 7:15.0f}   {hot[day]:17.1f}   {100 * hot[day] / normal[day]:10.0f} %")
    model = HeatStress(ta.load(SCENARIO))
    model.run_for(40)
    counted = model.collector.get_model_vars_dataframe()
    print(
        f"pachytene spermatocytes: {counted['pachytene'].iloc[27]} before, "
        f"{counted['pachytene'].iloc[31]} after the heat"
    )
    if options.plot:
        import matplotlib.pyplot as plt

        plt.plot(normal.index / 7, normal, label="untreated")
        plt.plot(hot.index / 7, hot, label="heat for three days")
        plt.xlabel("weeks after heat")
        plt.ylabel("sperm, million/mL")
        plt.legend()
        plt.savefig(options.plot, dpi=150)


if __name__ == "__main__":
    main()
