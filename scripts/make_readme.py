"""Make the answer at the head of README.md: python scripts/make_readme.py, in half a minute.

What anastrozole does to a man with low and to one with normal T/E2 over every plausible model is lived again and written to
docs/readme/answer.json; the picture beside it, and what stands in README.md and docs/index.md between `<!-- made: NAME -->` and `<!-- end -->`, follow
from that file, from the tables of the model and from docs/validation.md. Tests hold them against one another.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from made_page import filled, report, table

import testis_abm as ta
from testis_abm import parameters
from testis_abm.experiments.hypotheses import UnderHypotheses, under_hypotheses
from testis_abm.experiments.one_at_a_time import one_at_a_time
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS
from testis_abm.results.plausible import SAME, Change
from testis_abm.studies.ensemble import FILE, shipped
from testis_abm.studies.study import known
from testis_abm.support import files

ROOT = Path(__file__).resolve().parents[1]
ANSWER = ROOT / "docs" / "readme" / "answer.json"
PICTURE = ANSWER.with_suffix(".png")
SCENARIO = "obese_anastrozole"
PRESET = "idiopathic_oligozoospermia"
LOW, NORMAL = MEN = ("overweight man, low T/E2", "man with few sperm, normal T/E2")
INHIBITORS = ("anastrozole", "letrozole", "testolactone")  # arms of replayed studies
WORDS = (
    "testosterone",
    "serum E2 (LC-MS/MS)",
    "serum E2 (immunoassay)",
    "T/E2 (immunoassay)",
    "sperm concentration",
    "total motile count",
)
COUNT, TOTAL, VOLUME = "sperm concentration", "total motile count", "ejaculate volume"
EXPONENT = "tract.volume_androgen_exponent"


# ---- what is worked out


def ensemble_sum() -> str:
    """Return the checksum of the plausible parameter sets."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def falling(found: UnderHypotheses, word: str) -> list[dict[str, str]]:
    """Return the combinations of answers under which an output falls in most of the parameter sets, without questions of some men."""
    k, grouped = COLUMNS.index(OUTPUTS[word].column), {}
    for one in found.combinations:
        answers = {
            name: answer for name, answer in one.answers.items() if parameters.hypotheses()[name].sperm_below is None
        }
        change = 100.0 * (one.levels[1, :, k] / one.levels[0, :, k] - 1.0)
        lives = grouped.setdefault(tuple(answers.items()), [])
        lives.append((one.weight, float(np.mean(change <= -SAME))))
    return [
        dict(answers)
        for answers, lives in grouped.items()
        if sum(weight * share for weight, share in lives) > 0.5 * sum(weight for weight, _ in lives)
    ]


def of_man(case: ta.Scenario) -> dict[str, Any]:
    """Return what the treatment of a scenario changes over all plausible parameter sets and answers."""
    found = under_hypotheses(case)
    rows = {}
    for word in (*WORDS, VOLUME):
        change = [round(value, 2) for value in found.change(word)]
        falls, stays, rises = (round(share, 4) for share in found.signs(word))
        rows[word] = {"change": change, "falls": falls, "stays": stays, "rises": rises, "hangs_on": found.turning(word)}
    return {"rows": rows, "falls_where": {word: falling(found, word) for word in (COUNT, TOTAL)}}


def of_volume(case: ta.Scenario) -> dict[str, dict[str, float]]:
    """Return what ejaculate volume does to the total motile count at the usual and at the other end of the assumed exponent, tables' man."""
    (swing,) = one_at_a_time(case, [EXPONENT])
    ends = {f"{swing.number.value:g}": 1, f"{swing.number.high:g}": 2}
    return {
        end: {word: round(swing.of(word)[k], 2) for word in (VOLUME, TOTAL)}
        | {"share": round(math.log1p(swing.of(VOLUME)[k] / 100.0) / math.log1p(swing.of(TOTAL)[k] / 100.0), 3)}
        for end, k in ends.items()
    }


def cases() -> dict[str, ta.Scenario]:
    """Return the men: that of the shipped scenario, and one with normal T/E2 on the same plan."""
    low = ta.load(SCENARIO)
    plan = {"baseline": f"{low.plan.baseline_days} days", "duration": f"{low.plan.duration_days} days"}
    therapy = [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]
    return {LOW: low, NORMAL: ta.load({"man": {"preset": PRESET}, "plan": plan, "therapy": therapy})}


def answer() -> dict[str, Any]:
    """Return all that README says of anastrozole."""
    return {
        "scenario": SCENARIO,
        "sets": len(shipped()),
        "ensemble": ensemble_sum(),
        "men": {name: of_man(case) for name, case in cases().items()},
        "volume": of_volume(cases()[LOW]),
    }


# ---- in words


def change(found: Mapping[str, Any], man: str, word: str) -> str:
    """Return a change with its interval, in %."""
    size, interval = Change(*found["men"][man]["rows"][word]["change"]).text().split(" ", 1)
    return f"{size} % {interval}"


def share(value: float) -> str:
    """Return a share of the weight in %."""
    return f"{100.0 * value:.0f} %"


def hanging(found: Mapping[str, Any], man: str, but: str | None = None) -> str:
    """Return the open questions on which the sign of a man's change in sperm hangs, without those of another."""
    names, known = (
        {name for word in (COUNT, TOTAL) for name in found["men"][one]["rows"][word]["hangs_on"]} if one else set()
        for one in (man, but)
    )
    names = sorted(names - known)
    return ", ".join(f"“{parameters.hypotheses()[name].question}” (`{name}`)" for name in names)


def seen_and_predicted() -> str:
    """Return what replayed studies saw of sperm concentration on inhibitors, and what is predicted for them.

    Raises:
        ValueError: a study of them reports FSH, which README says none does.
    """
    rows = pd.read_csv(ROOT / "docs" / "validation" / "studies.csv")
    rows = rows[rows["arm"].isin(INHIBITORS)]
    if rows["variable"].str.contains("FSH").any():
        raise ValueError("docs/validation/studies.csv: a study of an inhibitor reports FSH: README says that none does")
    rows = rows[(rows["variable"] == COUNT) & (rows["kind"] == "change")]
    told = (
        f"{of.observed:+.0f} % on {of.arm} ({of.citation}; {of.predicted:+.0f} predicted)" for of in rows.itertuples()
    )
    return ", ".join(told)


def in_words(found: Mapping[str, Any]) -> list[str]:
    """Return the answer beside the picture."""
    low, normal = (found["men"][name]["rows"] for name in MEN)
    against = found["men"][LOW]["falls_where"][TOTAL]
    (usual, of_usual), (other, of_other) = found["volume"].items()
    lines = [
        f"- **T and T/E2 rise** in the overweight man: T {change(found, LOW, 'testosterone')}, serum E2 (LC-MS/MS) {change(found, LOW, 'serum E2 (LC-MS/MS)')}, T/E2 as clinics "
        f"report it {change(found, LOW, 'T/E2 (immunoassay)')}. **Sperm follow less**: concentration {change(found, LOW, COUNT)}, total motile count (TMC) {change(found, LOW, TOTAL)}. "
        f"In the man with normal T/E2: concentration {change(found, NORMAL, COUNT)}, TMC {change(found, NORMAL, TOTAL)}.",
        f"- **How sure**: concentration rises in {share(low[COUNT]['rises'])} of plausible models (by weight) for the overweight man and {share(normal[COUNT]['rises'])} for the other, TMC "
        f"in {share(low[TOTAL]['rises'])} and {share(normal[TOTAL]['rises'])}. That is agreement between models, not a man's chance to gain.",
        f"- **Studies saw more**: concentration {seen_and_predicted()}. All are series or arms without placebo, of men chosen for low counts, and were never fitted.",
    ]
    asked, more = hanging(found, LOW), hanging(found, NORMAL, but=LOW)
    where = " or ".join(" and ".join(f"`{name}` = {key}" for name, key in answers.items()) for answers in against)
    falls = f" His TMC falls in most models with {where}." if where else ""
    lines.append(
        f"- **The sign hangs on**, in the overweight man: {asked or 'no open question'}.{falls} In the other {f'also: {more}' if more else 'on nothing more'}. `testis-abm hypotheses {found['scenario']}` gives the change under each answer, and what would decide."
    )
    lines.append(
        "- **The way is FSH**: with FSH held at its own level the gain in concentration is gone (`docs/local_steroids.md`), and no replayed study of an inhibitor reported FSH."
    )
    lines.append(
        f"- **Volume is assumed**: at `{EXPONENT}` = {usual}, {of_usual['share']:.0%} of the overweight man's TMC gain (as logarithms) is ejaculate volume "
        f"({of_usual[VOLUME]:+.0f} %; TMC {of_usual[TOTAL]:+.0f} %); at {other}, the end of its range, {of_other['share']:.0%} ({of_other[VOLUME]:+.0f} %; TMC {of_other[TOTAL]:+.0f} %). Plausible models do not vary it."
    )
    return [line.replace("%", " %").replace("  %", " %") for line in lines]


def basis(found: Mapping[str, Any]) -> list[str]:
    """Return what stands right under the picture."""
    return [
        f"The first question: anastrozole, an aromatase inhibitor given off-label to subfertile men. Change on day 180 of 1 mg daily against no treatment: median and 90 % interval over plausible models ({found['sets']} parameter sets that fit published studies, "
        "under every answer to what these leave open, by weight). They hold no spread between men. `run`, `compare` and `hypotheses` take the same sets. Made by `make readme`."
    ]


def counts() -> list[str]:
    """Return how much there is of what."""
    scenarios = list((ROOT / "scenarios").rglob("*.toml"))
    return [
        f"There are {len(parameters.presets())} presets of men, {len(parameters.drugs())} drugs, {len(known())} studies, {len(scenarios)} ready scenarios and "
        f"{len(parameters.load())} numbers of tissue and body with unit, range and source (drugs and men have theirs besides)."
    ]


def misses() -> list[str]:
    """Return how many rows of docs/tables.md miss."""
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    parts = {part.split()[0]: part for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]}
    told = []
    for heading, words in {
        "Drugs": "drug rows",
        "Presets": "preset rows",
        "Populations": "rows of populations",
    }.items():
        hits, every = map(int, re.search(r"^(\d+) of (\d+) hit$", parts[heading], re.MULTILINE).groups())
        told.append(f"{every - hits} of {every} {words}")
    return [
        f"Every miss is listed with its reason in `docs/validation.md`. Beside other published figures (`docs/tables.md`) {told[0]}, {told[1]} and {told[2]} miss."
    ]


def validation() -> list[str]:
    """Return the table of docs/validation.md in short."""
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8").splitlines()
    begins = next(k for k, line in enumerate(page) if line.startswith("| | observations |"))
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page[begins : begins + 20]
        if line.startswith("|")
    )
    wanted = ("observations", "inside 95 %", "median fold error", "direction right", "better than no change")
    at = [next(i for i, cell in enumerate(head) if cell.startswith(name)) for name in wanted]
    left, apart = (
        next(k for k, row in enumerate(rows) if name in row[0]) for name in ("each study left out", "set apart")
    )
    groups = {"predicted by fits that never saw the paper": left, "set apart for their design, never fitted": apart}
    return table(
        ("published studies", *wanted),
        [
            [name, *(rows[first + k][i].split(" (")[0] for i in at)]
            for group, first in groups.items()
            for k, name in enumerate((group, "- hormones", "- semen and times"))
        ],
    )


def parts(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what stands between the markers of README.md."""
    return {
        "basis": basis(found),
        "answer": in_words(found),
        "counts": counts(),
        "validation": validation(),
        "misses": misses(),
    }


# ---- the picture


def picture(found: Mapping[str, Any]) -> bytes:
    """Return the picture as PNG: both men, a row an outcome, on one scale of ratios."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from testis_abm.pictures.style import BLUE, DIM, FAINT, GREY, RC, VERMILION

    type_size = {"font.size": 10, "xtick.labelsize": 9.5, "ytick.labelsize": 10.5, "axes.titlesize": 11}
    ticks = (-75, -50, 0, 100, 300)
    with mpl.rc_context({**RC, **type_size}):
        figure = Figure(figsize=(8.0, 4.7), dpi=200, facecolor="white")
        FigureCanvasAgg(figure)
        figure.text(
            0.012,
            0.955,
            "Anastrozole 1 mg daily for half a year: change against no treatment",
            fontsize=12.5,
            weight="bold",
        )
        for k, (name, shade) in enumerate(zip(MEN, (BLUE, VERMILION), strict=True)):
            axes = figure.add_axes((0.213 + 0.395 * k, 0.135, 0.375, 0.72))
            axes.set_title(name[0].upper() + name[1:], loc="left", color=shade, weight="bold", pad=5)
            axes.axvline(1.0, color=GREY, lw=1.0)
            axes.axhspan(len(WORDS) - 2.55, len(WORDS) - 0.45, color="#F2F4F7", zorder=0)
            for row, word in enumerate(WORDS):
                at = [1.0 + value / 100.0 for value in found["men"][name]["rows"][word]["change"]]
                axes.plot(at[1:], [row] * 2, color=shade, lw=7, alpha=0.4, solid_capstyle="butt")
                axes.plot([at[0]] * 2, [row - 0.2, row + 0.2], color=shade, lw=2.6, solid_capstyle="butt")
                text = change(found, name, word)
                if word in (COUNT, TOTAL):
                    text += f"\nrises in {share(found['men'][name]['rows'][word]['rises'])}"
                place = 0.141 if at[0] > 1.0 else 1.07
                axes.text(place, row, text, va="center", color="#222222", fontsize=8.9, linespacing=1.25)
            axes.set_xscale("log")
            axes.set_xlim(0.135, 5.2)
            axes.set_ylim(len(WORDS) - 0.45, -0.6)
            axes.set_xticks(
                [1.0 + tick / 100.0 for tick in ticks], [f"{tick:+d} %".replace("+0", "0") for tick in ticks]
            )
            axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
            axes.set_yticks(
                range(len(WORDS)), [word.replace(" (", "\n(") for word in WORDS] if k == 0 else [""] * len(WORDS)
            )
            axes.tick_params(axis="y", length=0, colors="#222222")
            axes.tick_params(axis="x", colors=DIM)
            axes.spines["left"].set_visible(False)
            for tick in ticks:
                axes.axvline(1.0 + tick / 100.0, color=FAINT, lw=0.4, alpha=0.35, zorder=0)
        figure.text(
            0.012,
            0.018,
            f"Line: median; bar: 90 % over plausible models ({found['sets']} parameter sets, every answer to open questions), not over men;"
            "\n“rises in”: share of their weight. Log scale. testis_abm: a simulation for research, not medical advice.",
            color=DIM,
            fontsize=8.6,
            linespacing=1.3,
        )
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def main() -> None:
    """Make all of it."""
    report("every plausible model of two men")
    found = answer()
    ANSWER.parent.mkdir(exist_ok=True)
    files.write(ANSWER, (json.dumps(found, indent=1) + "\n").encode())
    files.write(PICTURE, picture(found))
    page = ROOT / "README.md"
    files.write(page, filled(page, page.read_text(encoding="utf-8"), parts(found)).encode())


if __name__ == "__main__":
    main()
