"""Mesa's DataCollector over this model: what to count each day is yours.

    python examples/mesa_datacollector.py [--days 60]

Model reporters see the man, agent-type reporters one kind of his cells. AgentSets are backed by columns: `agg` and
`select` are array operations, so that counting thousands of cells a day costs microseconds.
"""

from __future__ import annotations

import argparse

import mesa
import numpy as np

import testis_abm as ta


class Counted(ta.TestisModel):
    """A man whose cells are counted each morning."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "day": "day",
                "testosterone_nmol_l": lambda model: model.records["hormones"][-1].testosterone_nmol_l,
                "pachytene": lambda model: int(np.sum(model.agents_by_type[ta.GermCell].array("step") == "pachytene")),
                "germ_cells": lambda model: len(model.agents_by_type[ta.GermCell]),
                "released": lambda model: int(np.sum(model.tissue.events.released)),
            },
            agenttype_reporters={ta.LeydigCell: {"oestradiol_pmol_l": "oestradiol_pmol_l"}},
        )
        self.datacollector.collect(self)

    def step(self):
        """Live a day, then count."""
        super().step()
        self.datacollector.collect(self)


def main():
    """Count an obese man on anastrozole, and print every tenth day."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=60)
    options = parser.parse_args()
    man = Counted(ta.load("obese_anastrozole", overrides={"tissue.tubules": 2, "plan.baseline": "10 days"}), rng=1)
    for _ in range(options.days):
        man.step()
    print(man.datacollector.get_model_vars_dataframe()[::10].round(2).to_string())
    leydig = man.datacollector.get_agenttype_vars_dataframe(ta.LeydigCell)["oestradiol_pmol_l"]
    print("\noestradiol at the Leydig cells, pmol/L, mean and SD:")
    print(leydig.groupby("Step").agg(["mean", "std"])[::10].round(0).to_string())


if __name__ == "__main__":
    main()
