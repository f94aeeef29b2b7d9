"""Mesa's batch_run over this model: a grid of arguments of a class of your own, in worker processes.

    python examples/mesa_batch.py [--processes 2]

For sweeps over places of a scenario `ta.sweep` does more: it keeps what was run, pairs each man with his untreated
control, and draws. batch_run is for arguments of a class of your own, such as a rule's strength.
"""

from __future__ import annotations

import argparse

import mesa
import pandas as pd

import testis_abm as ta

CASE = {"title": "Heat of a strength", "tissue": {"tubules": 2}, "plan": {"baseline": "0 days", "duration": "40 days"}}


class Heat(ta.TestisModel):
    """A fertile man whose pachytene spermatocytes die faster for three days by a hazard of `strength` per day."""

    def __init__(self, strength=0.0, rng=None):
        super().__init__(CASE, rng=rng)
        self.modify("heat", "pachytene_hazard", added=lambda model: strength if model.day < 3 else 0.0)
        self.datacollector = mesa.DataCollector(
            {"day": "day", "released": lambda model: int(model.tissue.events.released.sum())}
        )

    def step(self):
        """Live a day, then count."""
        super().step()
        self.datacollector.collect(self)


def main():
    """Run three strengths with two seeds each; print the spermatids that were released over the last ten days."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=1, help="worker processes")
    options = parser.parse_args()
    rows = mesa.batch_run(
        Heat,
        {"strength": [0.0, 0.4, 2.0]},
        rng=[1, 2],
        number_processes=options.processes,
        data_collection_period=1,
        display_progress=False,
    )
    table = pd.DataFrame(rows)
    last = table[table["day"] > 30]
    print(last.groupby(["strength", "RunId"])["released"].sum().groupby("strength").agg(["mean", "std"]).to_string())


if __name__ == "__main__":
    main()
