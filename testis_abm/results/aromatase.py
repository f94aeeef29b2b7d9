"""Local against systemic inhibition: how far aromatase is kept from working at each site, and who makes the blood's oestradiol."""

from __future__ import annotations

import numpy as np
import pandas as pd

from testis_abm.choices import ARMS, TREATED
from testis_abm.quantities import OESTRADIOL, QUANTITIES, clinical
from testis_abm.results.report import NOTHING
from testis_abm.results.run import Run
from testis_abm.results.treatment import Treatment, within

# Site -> column of its inhibition, column of its share of oestradiol. Sertoli cells and the germ cells in their niches
# meet the same testosterone, so their enzyme is shielded alike.
_COLUMN = OESTRADIOL["lc-ms"]
SITES = {
    "fat, from testosterone": ("aromatase_inhibition_fat_pct", "fat_oestradiol_share_pct"),
    "fat, from adrenal precursor": ("aromatase_inhibition_fat_pct", "adrenal_oestradiol_share_pct"),
    "Leydig cells": ("aromatase_inhibition_leydig_pct", "leydig_oestradiol_share_pct"),
    "Sertoli cells": ("aromatase_inhibition_niche_pct", "sertoli_oestradiol_share_pct"),
    "germ cells": ("aromatase_inhibition_niche_pct", "germ_oestradiol_share_pct"),
}
# Inhibition -> the physiology of the enzyme that is inhibited.
_ENZYME = {
    "aromatase_inhibition_fat_pct": "adipose_aromatase",
    "aromatase_inhibition_leydig_pct": "testicular_aromatase",
    "aromatase_inhibition_niche_pct": "testicular_aromatase",
}


def by_site(result: Run) -> pd.DataFrame:
    """Return a row a site: share of its aromatase inhibited, share of the blood's oestradiol and what it gives, by arm.

    Missing are the inhibition of an enzyme that the man has not, and the shares of no oestradiol. Means over the last
    28 days of treatment (over the whole run without one), true oestradiol in pg/mL.
    """
    treatment = Treatment.of(result)
    arms = result.arms

    def mean(table: pd.DataFrame, arm: str) -> pd.Series:
        rows = table[table["arm"] == arm]
        rows = within(rows, *treatment.window) if treatment is not None else rows
        return rows.mean(numeric_only=True)

    tissue = {arm: mean(result.tissue, arm) for arm in arms}
    level = {arm: float(clinical(_COLUMN, mean(result.hormones, arm)[_COLUMN])) for arm in arms}
    physiology = result.scenario.man.physiology
    rows = []
    for site, (inhibited, share) in SITES.items():
        row: dict[str, object] = {
            "site": site,
            "inhibited_pct": tissue[arms[-1]][inhibited]
            if len(arms) > 1 and physiology[_ENZYME[inhibited]] > 0.0
            else np.nan,
        }
        for arm in arms:
            part = tissue[arm][share] if level[arm] >= NOTHING else np.nan
            row[f"{arm}_share_pct"] = part
            row[f"{arm}_oestradiol_pg_ml"] = part / 100.0 * level[arm]
        rows.append(row)
    return pd.DataFrame(rows).set_index("site")


def _figures(value: float, places: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{places}f}"


def told(result: Run) -> str:
    """Return the block that a run on an aromatase inhibitor ends with; empty for other runs."""
    if result.arms != ARMS or result.tissue.empty:
        return ""
    treated = result.tissue[result.tissue["arm"] == TREATED]
    if not (treated[list(_ENZYME)].max() > 1.0).any():
        return ""
    table = by_site(result)
    if table["inhibited_pct"].isna().all():
        return "Aromatase: the man has no enzyme, so there is nothing to inhibit."
    lines = [
        f"Aromatase             inhibited    share of serum oestradiol       contribution to {QUANTITIES[_COLUMN].heading}"
    ]
    for site, row in table.iterrows():
        lines.append(
            f"  {site!s:28s}{_figures(row['inhibited_pct'], 0):>3s} %{_figures(row['untreated_share_pct'], 1):>14s} -> "
            f"{_figures(row['treated_share_pct'], 1):>4s} %{_figures(row['untreated_oestradiol_pg_ml'], 2):>20s} -> "
            f"{_figures(row['treated_oestradiol_pg_ml'], 2)}"
        )
    return "\n".join(lines)
