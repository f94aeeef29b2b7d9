"""The presets as a user reads them: physiology, the labs and semen that follow from it, published ranges beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from testis_abm import parameters
from testis_abm.body.assay import reported_oestradiol
from testis_abm.expected.course import COLUMNS
from testis_abm.expected.man import ExpectedMan
from testis_abm.expected.treat import Treatment
from testis_abm.physiology import complete
from testis_abm.results.report import number
from testis_abm.scenario import Man, Scenario

_NG_DL, _PG_ML = 28.84, 1.0 / 3.67
# Name in men_observed.toml -> label with unit.
LABELS: Mapping[str, str] = {
    "testosterone": "testosterone (ng/dL)",
    "free_testosterone": "free testosterone (pmol/L)",
    "oestradiol": "oestradiol, true (pg/mL)",
    "oestradiol_immunoassay": "oestradiol by immunoassay (pg/mL)",
    "t_e2": "T/E2, true",
    "t_e2_immunoassay": "T/E2 by immunoassay",
    "t_lh": "T/LH (ng/dL over IU/L)",
    "lh": "LH (IU/L)",
    "fsh": "FSH (IU/L)",
    "inhibin_b": "inhibin B (pg/mL)",
    "shbg": "SHBG (nmol/L)",
    "intratesticular_testosterone": "intratesticular testosterone (nmol/L)",
    "intratesticular_oestradiol": "intratesticular oestradiol (nmol/L)",
    "volume": "ejaculate volume (mL)",
    "concentration": "sperm concentration (M/mL)",
    "total_motile_count": "total motile count (M)",
    "motility": "progressive motility (%)",
    "morphology": "normal forms (%)",
}


@dataclass(frozen=True)
class Finding:
    """One quantity of a man beside what was published of men like him."""

    label: str
    value: float
    published: parameters.Range | None

    @property
    def fits(self) -> bool | None:
        """Return whether the value lies within the published range; None without one."""
        if self.published is None:
            return None
        return bool(self.published.low - 1e-9 <= self.value <= self.published.high + 1e-9)


def labs(man: Man, values: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return a man's untreated labs and semen, after his history, in the units of LABELS."""
    values = complete(parameters.values() if values is None else values)
    past = Treatment(Scenario(man=man), history=True)
    one = ExpectedMan(values, man.physiology, past.drugs)
    past.before(one)
    at = dict(zip(COLUMNS, one.rest.tolist(), strict=True))
    semen = one.semen(3.0)
    t, e2 = at["testosterone_nmol_l"] * _NG_DL, at["oestradiol_pmol_l"] * _PG_ML
    seen = float(reported_oestradiol(at["oestradiol_pmol_l"], "immunoassay", values)) * _PG_ML
    return {
        "testosterone": t,
        "free_testosterone": 1e3 * at["free_testosterone_nmol_l"],
        "oestradiol": e2,
        "oestradiol_immunoassay": seen,
        "t_e2": t / e2 if e2 > 0.1 else np.inf,
        "t_e2_immunoassay": t / seen,
        "t_lh": t / at["lh_iu_l"] if at["lh_iu_l"] > 0.01 else np.inf,
        "lh": at["lh_iu_l"],
        "fsh": at["fsh_iu_l"],
        "inhibin_b": at["inhibin_b_pg_ml"],
        "shbg": at["shbg_nmol_l"],
        "intratesticular_testosterone": at["intratesticular_testosterone_nmol_l"],
        "intratesticular_oestradiol": at["intratesticular_oestradiol_nmol_l"],
        "volume": semen["volume_ml"],
        "concentration": semen["concentration_million_ml"],
        "total_motile_count": semen["total_motile_count_million"],
        "motility": semen["progressive_motility_pct"],
        "morphology": semen["normal_forms_pct"],
    }


def findings(preset: str) -> list[Finding]:
    """Return what follows from a preset's physiology, quantity by quantity, beside published ranges."""
    published = parameters.observed_in(preset)
    return [Finding(LABELS[name], value, published.get(name)) for name, value in labs(Man(preset=preset)).items()]


def listed() -> Iterator[str]:
    """Yield the lines that list all presets with their labs in short."""
    yield f"{'preset':32s}{'T':>6s}{'E2':>7s}{'T/E2':>7s}{'LH':>7s}{'FSH':>7s}{'sperm':>9s}   title"
    yield f"{'':32s}{'ng/dL':>6s}{'pg/mL':>7s}{'':>7s}{'IU/L':>7s}{'IU/L':>7s}{'M/mL':>9s}"
    for preset in parameters.presets().values():
        of = labs(Man(preset=preset.name))
        ratio = f"{of['t_e2_immunoassay']:7.1f}"
        yield (
            f"{preset.name:32s}{of['testosterone']:6.0f}{of['oestradiol_immunoassay']:7.1f}{ratio}{of['lh']:7.1f}{of['fsh']:7.1f}"
            f"{number(of['concentration']):>9s}   {preset.title}{' *' if preset.history else ''}"
        )
    yield "Oestradiol as an andrology clinic's immunoassay would read it."
    yield "* on day 0, when what he took still acts (testis-abm men NAME tells what)"


def told(name: str) -> Iterator[str]:
    """Yield the lines that show one preset."""
    preset, fields = parameters.presets()[name], parameters.physiology()
    yield f"{preset.name}: {preset.title}"
    yield f"    source: {preset.source}"
    for line in preset.history:
        yield f"    history: {line}"
    yield ""
    yield "  Physiology (the other fields are those of the fertile man)"
    for field, value in preset.values.items():
        yield f"    {field:30s}{value:10g} {fields[field].unit}   (fertile {fields[field].value:g})"
    if not preset.values:
        yield "    as the fertile reference man"
    yield ""
    when = "What follows on day 0, after his history" if preset.history else "What follows from it"
    yield f"  {when:46s}{'':10s}   published"
    for of in findings(name):
        text = ""
        if of.published is not None:
            mark = "within" if of.fits else "OUTSIDE"
            text = f"{mark} {of.published.low:g} to {of.published.high:g}: {of.published.source}"
        level = "-" if np.isinf(of.value) else number(of.value)
        yield f"    {of.label:44s}{level:>10s}   {text}".rstrip()
    yield "  Expected values at three days of abstinence; a sample varies about them."
    if preset.history:
        yield "  What he took still acts: run him untreated to see him recover."
