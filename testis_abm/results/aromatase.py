"""Local against systemic inhibition: how far aromatase is kept from working at each site, and who makes the blood's oestradiol."""

from __future__ import annotations

import numpy as np
import pandas as pd

from testis_abm.quantities import OESTRADIOL, QUANTITIES, clinical
from testis_abm.results.run_result import RunResult
from testis_abm.results.treatment import Treatment, within

# Site -> column of its inhibition, column of its share of oestradiol. Sertoli cells and the germ cells in their niches meet
# the same testosterone, so their enzyme is shielded alike.
_COLUMN = OESTRADIOL["lc-ms"]
SITES = {
    "fat, from testosterone": ("aromatase_inhibition_fat_pct", "fat_oestradiol_share_pct"),
    "fat, from adrenal precursor": ("aromatase_inhibition_fat_pct", "adrenal_oestradiol_share_pct"),
    "Leydig cells": ("aromatase_inhibition_leydig_pct", "leydig_oestradiol_share_pct"),
    "Sertoli cells": ("aromatase_inhibition_niche_pct", "sertoli_oestradiol_share_pct"),
    "germ cells": ("aromatase_inhibition_niche_pct", "germ_oestradiol_share_pct"),
}


def by_site(result: RunResult) -> pd.DataFrame:
    """Return a row a site: share of its aromatase inhibited, share of the blood's oestradiol and what it gives, by arm.

    Means over the last 28 days of treatment (over the whole run without one), true oestradiol in pg/mL.
    """
    treatment = Treatment.of(result)
    arms = result.arms

    def mean(table: pd.DataFrame, arm: str) -> pd.Series:
        rows = table[table["arm"] == arm]
        rows = within(rows, *treatment.window) if treatment is not None else rows
        return rows.mean(numeric_only=True)

    tissue = {arm: mean(result.tissue, arm) for arm in arms}
    level = {arm: float(clinical(_COLUMN, mean(result.hormones, arm)[_COLUMN])) for arm in arms}
    rows = []
    for site, (inhibited, share) in SITES.items():
        row: dict[str, object] = {
            "site": site,
            "inhibited_pct": tissue[arms[-1]][inhibited] if len(arms) > 1 else np.nan,
        }
        for arm in arms:
            row[f"{arm}_share_pct"] = tissue[arm][share]
            row[f"{arm}_oestradiol_pg_ml"] = tissue[arm][share] / 100.0 * level[arm]
        rows.append(row)
    return pd.DataFrame(rows).set_index("site")


def told(result: RunResult) -> str:
    """Return the block that a run on an aromatase inhibitor ends with; empty for other runs."""
    if result.arms != ("untreated", "treated") or result.tissue.empty:
        return ""
    table = by_site(result)
    if not (table["inhibited_pct"] > 1.0).any():
        return ""
    lines = [f"Aromatase             inhibited    share of serum oestradiol       contribution to {QUANTITIES[_COLUMN].heading}"]
    for site, row in table.iterrows():
        lines.append(
            f"  {site!s:28s}{row['inhibited_pct']:3.0f} %{row['untreated_share_pct']:14.1f} -> {row['treated_share_pct']:4.1f} %"
            f"{row['untreated_oestradiol_pg_ml']:20.2f} -> {row['treated_oestradiol_pg_ml']:.2f}"
        )
    return "\n".join(lines)
