"""Oestradiol on the page: each level and ratio under the name of its assay, beside the reference limit of that assay.

The one place that knows which column is measured how.
"""

from __future__ import annotations

from collections.abc import Mapping

from testis_abm.results.plots.reference import Range, reference_ranges

TITLES: Mapping[str, str] = {"lc-ms": "LC-MS/MS", "immunoassay": "immunoassay"}
# Column -> quantity and assay; "" is the assay of the scenario.
_COLUMNS: Mapping[str, tuple[str, str]] = {
    "oestradiol_pmol_l": ("serum E2", "lc-ms"),
    "oestradiol_pg_ml": ("serum E2", "lc-ms"),
    "immunoassay_oestradiol_pg_ml": ("serum E2", "immunoassay"),
    "oestradiol_reported_pmol_l": ("serum E2", ""),
    "reported_oestradiol_pmol_l": ("serum E2", ""),
    "e2": ("serum E2", ""),
    "testosterone_over_oestradiol": ("T/E2", "lc-ms"),
    "testosterone_over_immunoassay_oestradiol": ("T/E2", "immunoassay"),
    "t_over_e2": ("T/E2", ""),
    "t_e2": ("T/E2", ""),
}
# Panels whose reference limit stands under another name. A limit holds for the assay that it was found with: Pavlovich's of T/E2
# is an immunoassay's, and the range of oestradiol is one of mass spectrometry.
_LIMITS = {
    "testosterone_over_oestradiol": "",
    "testosterone_over_immunoassay_oestradiol": "testosterone_over_oestradiol",
    "immunoassay_oestradiol_pg_ml": "",
}


def label(column: str, otherwise: str, assay: str = "") -> str:
    """Return the label of a column, with the assay if it depends on one.

    Args:
        column: of a table or summary, or the name of a lab.
        otherwise: the label of a column that depends on none.
        assay: of the scenario, which a level "as reported" is measured with.
    """
    quantity, own = _COLUMNS.get(column, (otherwise, None))
    return quantity if own is None else f"{quantity} ({TITLES.get(own or assay, 'assay of the scenario')})"


def limit(name: str, column: str) -> Range | None:
    """Return the reference range for a panel, of the same assay; None if there is none.

    Args:
        name: of the measure that is drawn; column: of the table it comes from.
    """
    return reference_ranges().get(_LIMITS.get(name, column))


def observed_on(name: str, column: str, assay: str) -> str:
    """Return the variable whose published values belong on a panel: those of oestradiol only on the one of the scenario's assay."""
    measured = {"oestradiol_pg_ml": "lc-ms", "immunoassay_oestradiol_pg_ml": "immunoassay"}.get(name)
    return column if measured is None else "oestradiol_pmol_l" if measured == assay else ""


def headline(assay: str) -> tuple[str, str]:
    """Return the names of the measures of oestradiol and of T/E2 by an assay."""
    if assay == "immunoassay":
        return "immunoassay_oestradiol_pg_ml", "testosterone_over_immunoassay_oestradiol"
    return "oestradiol_pg_ml", "testosterone_over_oestradiol"
