"""Plausible made-up results for the tests of this room, and the proof that they are well-formed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import RunResult, parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.man.diary import LOST
from testis_abm.results.tables import SCHEMAS, STEPS, conform
from testis_abm.scenario import Scenario, load

PER_SERTOLI = np.array([1.0, 1.0, 0.64, 0.52, 0.51, 0.11, 1.64, 0.1, 0.15, 2.65, 1.38, 2.15])
# Days from the start of treatment until a step feels it, and how strongly.
DELAY = np.array([0, 4, 10, 16, 18, 21, 24, 38, 40, 41, 50, 58])
SERTOLI, LEYDIG = 288, 70
ARMS = ("untreated", "treated")


def scenario(**changes: Any) -> Scenario:
    """Return an obese man on anastrozole, as a file would describe him."""
    return load(
        {
            "title": "Anastrozole 1 mg daily in an obese subfertile man",
            "man": {"preset": "obese_low_t_e2"},
            "plan": {"duration": "180 days", "replicates": 8},
            "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "until": "day 150"}],
            "observed": [
                {"variable": "testosterone_nmol_l", "day": 90, "value": 480.4, "unit": "ng/dL", "label": "Shah 2021"},
                {"variable": "oestradiol_pmol_l", "day": 90, "value": 24.0, "unit": "pg/mL", "label": "Shah 2021"},
                {
                    "variable": "concentration_million_ml",
                    "day": 140,
                    "value": 14.0,
                    "unit": "million/mL",
                    "label": "Shah 2021",
                },
            ],
        }
        | changes
    )


def short() -> Scenario:
    """Return the man observed for four weeks under treatment, once."""
    return scenario(
        plan={"duration": "28 days", "replicates": 1},
        therapy=[{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
        observed=[],
    )


def suppression() -> Scenario:
    """Return a fertile man on weekly testosterone for half a year, followed for another."""
    return scenario(
        title="Testosterone enanthate 200 mg weekly in a fertile man",
        man={"preset": "fertile"},
        plan={"duration": "364 days", "replicates": 4},
        therapy=[{"drug": "testosterone_enanthate", "dose": "200 mg", "every": "7 days", "until": "day 182"}],
        observed=[],
    )


class Course:
    """A response that comes on in treatment and goes after it, with a lag, in one arm of one replicate."""

    def __init__(self, of: Scenario, arm: str, rng: np.random.Generator) -> None:
        self.day = np.arange(-of.plan.baseline_days, of.plan.duration_days + 1)
        self.on = arm == "treated" and bool(of.therapy)
        self.end = max((therapy.until_day for therapy in of.therapy), default=0.0)
        self.rng = rng

    def change(self, gain: float, *, lag: float, delay: float = 0.0, noise: float = 0.02) -> np.ndarray:
        """Return a factor per day that goes from 1 to `gain` with time constant `lag`, and back."""
        up = 1.0 - np.exp(-np.clip(self.day - delay, 0, None) / lag)
        end = self.end + delay
        gone = np.where(self.day > end, np.exp(-np.clip(self.day - end, 0, None) / lag), 1.0)
        share = up * gone if self.on else np.zeros(len(self.day))
        wobble = np.cumsum(self.rng.normal(0.0, 1.0, len(self.day)))
        wobble -= np.linspace(0.0, wobble[-1], len(wobble))
        return gain**share * np.exp(noise * (wobble / 8.0 + self.rng.normal()))


def make(of: Scenario | None = None, *, seed: int = 1, effect: float = 1.0, sections: bool = True) -> RunResult:
    """Return a made-up result of a scenario; `effect` below 0 turns stimulation into suppression."""
    of = of or scenario()
    arms = ARMS if of.therapy else ARMS[:1]
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in SCHEMAS}
    for a, arm in enumerate(arms):
        for replicate in range(of.plan.replicates):
            # Common luck: both arms of a replicate draw the same.
            course = Course(of, arm, np.random.default_rng([seed, replicate]))
            key = {"arm": arm, "replicate": replicate}
            hormones = _hormones(course, effect)
            tissue = _tissue(course, effect)
            parts["hormones"].append(pd.DataFrame({**key, "day": course.day, **hormones}))
            parts["tissue"].append(pd.DataFrame({**key, "day": course.day, **tissue}))
            parts["safety"].append(pd.DataFrame({**key, "day": course.day, **_safety(course, hormones)}))
            parts["semen"].append(_semen(course, of, key, tissue))
            parts["blood"].append(_blood(course, of, key, hormones))
            if a and of.therapy:
                mean = 80.0 * course.change(1.0, lag=3)
                levels = {
                    f"concentration_{of}": share * mean
                    for of, share in (("mean", 1), ("lowest", 0.8), ("highest", 1.2))
                }
                concentration = {**levels, "unit": "nmol/L"}
                parts["drugs"].append(
                    pd.DataFrame({**key, "day": course.day, "drug": of.therapy[0].drug, **concentration})
                )
    doses = [
        ("treated", replicate, day, i + 1, therapy.drug, therapy.dose, therapy.dose_unit, therapy.route, 0.0)
        for replicate in range(of.plan.replicates)
        for i, therapy in enumerate(of.therapy)
        for day in therapy.dose_days()
    ]
    parts["therapy"] = [pd.DataFrame(doses, columns=list(SCHEMAS["therapy"]))] if doses else []
    tables = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items() if frames}
    return RunResult(
        scenario=of,
        tables=tables,
        provenance={
            "seed": of.plan.seed,
            "warnings": [],
            "why": "LH rises because oestradiol falls (pituitary 71 %, hypothalamus 29 %); aromatase is "
            "inhibited 96 % in fat, 44 % in the testis.",
        },
        sections={arm: section(arm, seed, effect) for arm in arms} if sections else None,
    )


def _hormones(course: Course, effect: float) -> dict[str, np.ndarray]:
    rise = 1.7**effect
    inside = {
        "intratesticular_testosterone_nmol_l": 1100.0 * course.change(rise**1.2, lag=10),
        "intratesticular_oestradiol_nmol_l": 7.0 * course.change(0.75 if effect > 0 else 0.1, lag=10),
    }
    return {
        "testosterone_nmol_l": 9.3 * course.change(1.7, lag=9),
        "free_testosterone_pmol_l": 210.0 * course.change(1.6, lag=9),
        "oestradiol_pmol_l": 150.0 * course.change(0.6, lag=4),
        "lh_iu_l": 3.8 * course.change(rise**1.3, lag=12),
        "fsh_iu_l": 4.1 * course.change(rise, lag=14),
        "inhibin_b_pg_ml": 130.0 * course.change(rise**0.5, lag=30),
        "shbg_nmol_l": 21.0 * course.change(0.9, lag=12),
        "dihydrotestosterone_nmol_l": 1.1 * course.change(1.5, lag=9),
        "prolactin_ug_l": 8.0 * course.change(1.0, lag=9),
        "gnrh_frequency": course.change(1.0, lag=9),
        "hcg_iu_l": np.zeros(len(course.day)),
        **inside,
        **{f"free_{name}": 0.04 * level for name, level in inside.items()},
    }


def _tissue(course: Course, effect: float) -> dict[str, np.ndarray]:
    n, rng = len(course.day), course.rng
    table: dict[str, np.ndarray] = {}
    for k, name in enumerate(STEPS):
        gain = 1.4**effect if effect > 0 else 0.04 if k > 3 else 0.5
        level = SERTOLI * PER_SERTOLI[k] * course.change(gain, lag=9, delay=DELAY[k], noise=0.04)
        table[name] = rng.poisson(level)
    table["sertoli"] = np.full(n, SERTOLI)
    table["leydig"] = np.full(n, LEYDIG)
    released = SERTOLI * 0.19 * course.change(1.5**effect if effect > 0 else 0.02, lag=10, delay=66)
    table["apoptosis"] = rng.poisson(SERTOLI * 0.14 * course.change(0.8 if effect > 0 else 1.5, lag=12))
    table["sperm_released"] = rng.poisson(released)
    table |= {name: np.ones(n, dtype=np.int64) for name in LOST}
    table["daily_production_million_g"] = released / SERTOLI / 0.19 * 3.1
    table["meiotic_loss_pct"] = 55.0 * course.change(0.8**effect, lag=12)
    table["elongated_per_sertoli"] = table["elongated_spermatid"] / SERTOLI
    table["androgen_signal"] = 0.61 * course.change(1.35**effect, lag=12)
    table["er_alpha_signal"] = 1.15 * course.change(0.7, lag=6)
    table["er_beta_signal"] = 1.05 * course.change(0.85, lag=6)
    table["fsh_signal"] = 0.98 * course.change(1.2**effect, lag=15)
    table["aromatase_inhibition_fat_pct"] = np.where(course.on & (course.day >= 0), 96.0, 0.0)
    table["aromatase_inhibition_testis_pct"] = np.where(course.on & (course.day >= 0), 44.0, 0.0)
    for site in ("leydig", "niche"):
        table[f"aromatase_inhibition_{site}_pct"] = table["aromatase_inhibition_testis_pct"]
    for site, share in (
        ("testicular", 21.0),
        ("leydig", 17.0),
        ("sertoli", 2.0),
        ("germ", 2.0),
        ("fat", 69.0),
        ("adrenal", 10.0),
    ):
        table[f"{site}_oestradiol_share_pct"] = np.full(n, share)
    return {name: np.full(n, 1.0) for name in SCHEMAS["tissue"] if name not in ("arm", "replicate", "day")} | table


def _semen(course: Course, of: Scenario, key: dict[str, Any], tissue: dict[str, np.ndarray]) -> pd.DataFrame:
    days = np.array(of.samples.semen)
    at = np.searchsorted(course.day, days)
    output = tissue["daily_production_million_g"]
    late = np.array([output[max(0, i - 18) : i + 1].mean() for i in at])
    volume = 2.6 * course.change(1.05, lag=20)[at]
    base = 60.0 if of.man.preset == "fertile" else 11.0
    concentration = base * late / 3.1
    motility = 38.0 * course.change(1.15, lag=15)[at]
    normal = 3.6 * course.change(1.2, lag=15, delay=60)[at]
    expected = _analysis(volume, concentration, motility, normal)
    noise = np.exp(course.rng.normal(0.0, 1.0, (4, len(days))) * np.array([[0.26], [0.3], [0.18], [0.21]]))
    measured = _analysis(volume * noise[0], concentration * noise[1], motility * noise[2], normal * noise[3])
    return pd.DataFrame(
        {
            **key,
            "day": days.astype(float),
            "abstinence_days": 3.0,
            "lost_in_urine_million": 0.0,
            **measured,
            **{f"expected_{name}": value for name, value in expected.items()},
        }
    )


def _analysis(
    volume: np.ndarray, concentration: np.ndarray, motility: np.ndarray, normal: np.ndarray
) -> dict[str, np.ndarray]:
    return {
        "volume_ml": volume,
        "concentration_million_ml": concentration,
        "total_count_million": volume * concentration,
        "progressive_motility_pct": motility,
        "normal_forms_pct": normal,
        "total_motile_count_million": volume * concentration * motility / 100.0,
        "dna_fragmentation_pct": np.where(np.isnan(normal), np.nan, 15.0),
        "immature_germ_cells_million_ml": np.full(len(volume), 0.2),
        "immature_germ_cells_million": 0.2 * volume,
    }


def _blood(course: Course, of: Scenario, key: dict[str, Any], hormones: dict[str, np.ndarray]) -> pd.DataFrame:
    days = np.array(of.samples.blood)
    at = np.searchsorted(course.day, days)
    names = [name for name in SCHEMAS["blood"] if name in hormones]
    noise = np.exp(course.rng.normal(0.0, 0.12, (len(names), len(days))))
    hormones = hormones | Laboratory(parameters.values()).by_assays(hormones)
    levels = {name: hormones[name][at] * noise[k] for k, name in enumerate(names)}
    by_assays = Laboratory(parameters.values()).by_assays(levels)
    return pd.DataFrame({**key, "day": days.astype(float), **levels, **by_assays})


def _safety(course: Course, hormones: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    treated = np.where(course.on, np.clip(course.day, 0, None), 0)
    return {
        "bone_density_change_pct": -0.8 / 365.25 * treated,
        "bone_density_scan_pct": -0.8 / 365.25 * treated + 0.8 / 365.25 * course.day,
        "hdl_change_mg_dl": np.zeros(len(course.day)),
        "haematocrit_pct": 44.0 * course.change(1.02, lag=60, noise=0.002),
        "libido_score": np.full(len(course.day), 90.0),
        "vasomotor_pct": np.full(len(course.day), 1.0),
        "oestradiol_low": hormones["oestradiol_pmol_l"] < 36.7,
    }


RADIUS, SPACING, COLUMNS, ROWS, NICHES = 96.95, 221.655, 3, 4, 24
DEPTH = np.array([4.5, 4.5, 5, 7, 10, 14, 22, 26, 31, 38, 48, 55.0])  # um from the basement membrane


def section(arm: str, seed: int = 1, effect: float = 1.0) -> dict[str, Any]:
    """Return a made-up cross-section on a periodic lattice of twelve tubules."""
    rng = np.random.default_rng(seed)
    width, height = COLUMNS * SPACING, ROWS * SPACING * math.sqrt(3) / 2
    row, column = np.divmod(np.arange(COLUMNS * ROWS), COLUMNS)
    centre = np.stack([(column + 0.5 + 0.5 * (row % 2)) * SPACING, (row + 0.5) * SPACING * math.sqrt(3) / 2], axis=1)
    angle = 2 * np.pi * np.arange(NICHES) / NICHES
    niche = centre[:, None] + (RADIUS - 7.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    loss = (0.06 if effect < 0 else 1.3) if arm == "treated" else 1.0
    germ = _germ(rng, centre, angle, loss)
    corners = np.array([[0.5, math.sqrt(3) / 6], [0.0, 1 / math.sqrt(3)]]) * SPACING
    corner = (centre[:, None] + corners).reshape(-1, 2)
    leydig = corner[rng.integers(0, len(corner), LEYDIG)] + rng.normal(0, 6, (LEYDIG, 2))
    capillary = corner + rng.normal(0, 5, corner.shape)
    gain = 1.0 if arm == "untreated" else 1.7 if effect > 0 else 0.1
    return {
        "day": 150,
        "extent": np.array([width, height]),
        "tubule_x": centre[:, 0] % width,
        "tubule_y": centre[:, 1] % height,
        "tubule_radius": np.full(len(centre), RADIUS),
        "sertoli_x": niche[..., 0].ravel() % width,
        "sertoli_y": niche[..., 1].ravel() % height,
        "leydig_x": leydig[:, 0] % width,
        "leydig_y": leydig[:, 1] % height,
        "capillary_x": capillary[:, 0] % width,
        "capillary_y": capillary[:, 1] % height,
        "germ_x": germ[0] % width,
        "germ_y": germ[1] % height,
        "germ_step": germ[2].astype(np.uint8),
        "germ_angle": germ[3],
        "field_testosterone": gain * _field(leydig, width, height, 1100.0),
        "field_oestradiol": _field(leydig, width, height, 7.0),
        "lumen_radius": 0.33 * RADIUS,
        "row": 1,
        **_walls(len(centre)),
    }


def _walls(tubules: int) -> dict[str, np.ndarray]:
    """Return walls of three rows; the last tubule holds no germ cells, and one niche of the first is blocked."""
    shape = (tubules, 3, NICHES)
    places = np.arange(tubules)[:, None] + np.arange(NICHES) // 6
    empty, blocked = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    empty[-1], blocked[0, 1, 5] = 1, 1
    stage = np.broadcast_to(places[:, None] % 6, shape).astype(np.int8)
    return {"wall_stage": stage, "wall_a_pale": 2 - 2 * empty, "wall_empty": empty, "wall_blocked": blocked}


def _germ(rng: np.random.Generator, centre: np.ndarray, angle: np.ndarray, loss: float) -> np.ndarray:
    cells = []
    for x, y in centre:
        phase = np.repeat(rng.random(NICHES // 3), 3)
        for a, stage in zip(angle, phase, strict=True):
            for step, mean in enumerate(PER_SERTOLI):
                # Generations of one niche stay in register, so a step is there in its stages only.
                here = step in (0, 1, 6) or abs((stage + 0.17 * step) % 1.0 - 0.5) < 0.27
                often = mean * (1.0 if step in (0, 1, 6) else 1.85) * here
                for _ in range(rng.poisson(often * (loss if step > 3 else 1.0))):
                    at = a + rng.normal(0, 0.09)
                    depth = RADIUS - DEPTH[step] + rng.normal(0, 2.0)
                    cells.append((x + depth * math.cos(at), y + depth * math.sin(at), step, at + math.pi))
    return np.array(cells).T


def _field(source: np.ndarray, width: float, height: float, level: float) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, width, 67), np.linspace(0, height, 77))
    dx = (x[..., None] - source[:, 0] + width / 2) % width - width / 2
    dy = (y[..., None] - source[:, 1] + height / 2) % height - height / 2
    near = np.exp(-np.hypot(dx, dy) / 90.0).sum(axis=-1)
    return level * near / near.mean()


def test_made_up_tables_have_the_shape_of_real_ones():
    result = make()
    assert set(result.tables) == set(SCHEMAS)
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(conform(name, table), table)
    assert result.arms == ARMS
    assert len(result.hormones) == 2 * 8 * 209
