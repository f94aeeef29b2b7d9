"""Agents of your own among the cells: macrophages of the interstitium that quieten Leydig cells while they are active.

    python examples/own_agent.py

Macrophages are plain Mesa agents of this file. They are activated in an inflammation of ten days and calm down one by
one; each active one takes a share from the secretion of Leydig cells, through `modify`. Numbers here are invented, to
show the way: nothing in testis_abm depends on them.
"""

from __future__ import annotations

import mesa

import testis_abm as ta

CASE = {"title": "Inflammation", "tissue": {"tubules": 2}, "plan": {"baseline": "0 days", "duration": "60 days"}}
INFLAMED = range(10, 20)  # days
MACROPHAGES = 40
ACTIVATION, CALMING = 0.3, 0.1  # chances per day
MOST = 0.5  # share of Leydig secretion that all of them together take


class Macrophage(mesa.Agent):
    """A macrophage that is active or not."""

    def __init__(self, model):
        super().__init__(model)
        self.active = False

    def step(self):
        """Become active in an inflammation, and calm down after it."""
        if self.model.day in INFLAMED:
            self.active = self.active or self.random.random() < ACTIVATION
        elif self.active:
            self.active = self.random.random() >= CALMING


class Inflamed(ta.TestisModel):
    """A man with macrophages."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        Macrophage.create_agents(self, MACROPHAGES)
        self.modify("macrophages", "leydig_secretion", factor=lambda model: 1.0 - MOST * model.active_share())

    def active_share(self):
        """Return the share of macrophages that are active."""
        return len(self.agents_by_type[Macrophage].select(lambda cell: cell.active)) / MACROPHAGES

    def step(self):
        """Let the macrophages act, then live the day."""
        self.agents_by_type[Macrophage].shuffle_do("step")
        super().step()


def main():
    """Print the testosterone inside the testis every five days."""
    man = Inflamed(CASE, rng=1)
    print("day   active macrophages   intratesticular testosterone, nmol/L   LH, IU/L")
    for day in range(0, 61, 5):
        while man.day < day:
            man.step()
        row = man.records["hormones"][-1]
        print(
            f"{day:3d}   {100 * man.active_share():16.0f} %   "
            f"{row.intratesticular_testosterone_nmol_l:36.0f}   {row.lh_iu_l:8.2f}"
        )
    kinds = {kind.__name__: len(agents) for kind, agents in man.agents_by_type.items()}
    print(", ".join(f"{name} {count}" for name, count in kinds.items()))


if __name__ == "__main__":
    main()
