"""Oestradiol on the page: the measures of a scenario's assay, and labels that name an assay where a table's own do not."""

from __future__ import annotations

from testis_abm.quantities import ASSAYS, OESTRADIOL, QUANTITIES, RATIO
from testis_abm.results.tables import CONVENTIONAL


def headline(assay: str) -> tuple[str, ...]:
    """Return the names in a summary (results.measures) of serum oestradiol and of T/E2 by an assay."""
    return tuple(CONVENTIONAL.get(column, (column,))[0] for column in (OESTRADIOL[assay], RATIO[assay]))


def label(text: str, assay: str) -> str:
    """Return a label of the population's tables with the assay it means; other labels as they are.

    Args:
        text: such as "oestradiol, as reported".
        assay: of the scenario, or of the laboratory values.
    """
    true, reported = "lc-ms", assay if assay in ASSAYS else "lc-ms"
    known = {
        "oestradiol": OESTRADIOL[reported], "oestradiol, as reported": OESTRADIOL[reported], "oestradiol, true": OESTRADIOL[true],
        "T/E2": RATIO[reported], "T/E2, as reported": RATIO[reported],
    }  # fmt: skip
    return QUANTITIES[known[text]].label if text in known else text
