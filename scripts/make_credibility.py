"""Make docs/credibility.md and the pages in docs/credibility/: the project in the standard forms of credibility.

    python scripts/make_credibility.py           # measure (some minutes), then write the pages
    python scripts/make_credibility.py --pages   # write the pages from what was measured last, in seconds

What a person judges stands in scripts/credibility.toml; every figure is read from where it is made. Ends with 1 where the stored
validation is no longer that of this program.
"""

from __future__ import annotations

import argparse
import ast
import json
import platform
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from made_page import anchors, filled, report, table
from make_docs import PAGES
from make_validation import BASIS, WHY, is_semen, numbers, read, replayed

import testis_abm
from testis_abm import parameters
from testis_abm.experiments.task import version
from testis_abm.support import files

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import follow  # noqa: E402

sys.path.remove(str(ROOT / "benchmarks"))

HUB = ROOT / "docs" / "credibility.md"
FOLDER = ROOT / "docs" / "credibility"
JUDGED = ROOT / "scripts" / "credibility.toml"
TWINS, REPLAYS, CHECKS, SUMMARY = (
    FOLDER / name for name in ("twins.csv", "replays.csv", "verification.csv", "summary.json")
)
DRUG = "anastrozole"
CHUNKS, MEN = 4, 40  # synthetic patients, a seed a chunk
VERIFIED = (
    "turnover",
    "drift",
    "survival",
    "rest",
    "kinetics",
    "masses",
    "engines",
)  # of scripts/verify.py, as --quick
OUTCOMES = {
    "t": "T",
    "e2": "E2",
    "lh": "LH",
    "fsh": "FSH",
    "concentration": "sperm concentration",
    "motility": "progressive motility",
    "tmc": "total motile count",
}
_SAME = 1e-6  # relative: rounding


# ---- measured: what takes minutes, kept beside the pages


def patients(chunk: int) -> pd.DataFrame:
    """Return what was reported of synthetic patients on anastrozole, and where it falls in what their twins predicted."""
    rows = follow.judged(MEN, chunk + 1, follow.Pool.draw(follow.POPULATION, 20_000, 3), therapies=(DRUG,))
    return rows.assign(man=rows["man"] + chunk * MEN)


def again(study: str) -> pd.DataFrame:
    """Return what a study's replay predicts today beside what is stored."""
    stored = pd.read_csv(BASIS.parent / "studies.csv").query("study == @study").reset_index(drop=True)
    now = replayed(study)
    if [*stored["label"]] != [*now["label"]]:
        return pd.DataFrame(
            {"study": study, "label": now["label"], "stored": np.nan, "now": now["predicted"], "apart": np.inf}
        )
    ends = ["predicted", "low", "high"]
    before, after = stored[ends].to_numpy(), now[ends].to_numpy()
    apart = np.max(abs(after - before) / np.maximum(abs(before), 1e-9), axis=1)
    return pd.DataFrame(
        {"study": study, "label": stored["label"], "stored": before[:, 0], "now": after[:, 0], "apart": apart}
    )


def checked(part: str) -> pd.DataFrame:
    """Return the comparisons of a part of the verification."""
    import verify

    rows = [
        {"part": row.part, "what": row.what, "expected": row.expected, "found": row.found, "allowed": row.allowed}
        | {"holds": row.holds}
        for row in verify.PARTS[part](True)
    ]
    return pd.DataFrame(rows)


def tests() -> int:
    """Return how many test functions there are."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))
    return sum(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for tree in trees for node in ast.walk(tree)
    )


def measure(judged: Mapping[str, Any]) -> None:
    """Measure, and keep what was found."""
    FOLDER.mkdir(exist_ok=True)
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        jobs: list[tuple[Path, str, Future[pd.DataFrame]]] = []
        for path, work, parts in (
            (TWINS, patients, range(CHUNKS)),
            (CHECKS, checked, VERIFIED),
            (REPLAYS, again, judged["replayed"]),
        ):
            jobs += [(path, f"{path.stem} {part}", pool.submit(work, part)) for part in parts]
        found: dict[Path, list[pd.DataFrame]] = {}
        for path, what, job in jobs:
            found.setdefault(path, []).append(job.result())
            report(what)
    for path, parts in found.items():
        files.write(path, pd.concat(parts).to_csv(index=False, float_format="%.4g", lineterminator="\n"))
    kept = {"version": version(), "python": platform.python_version(), "tests": tests()}
    files.write(SUMMARY, json.dumps({**stored(), "made": kept}, indent=1) + "\n")


def stored() -> dict[str, Any]:
    """Return the summary as it was kept: `made` (with what the rest was measured), `figures` (a version's headline figures)."""
    if not SUMMARY.exists():
        return {"made": {}, "figures": {}}
    return dict(json.loads(SUMMARY.read_text(encoding="utf-8")))


# ---- read: every figure from where it is made


def fail(place: str, what: str) -> None:
    """Stop with one clear error."""
    sys.exit(f"{place}: {what}")


def quoted(page: str, pattern: str) -> list[str]:
    """Return the figures that a page of docs prints."""
    found = re.search(pattern, (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if not found:
        sys.exit(f"docs/{page}: nothing like {pattern!r}, which the pages on credibility quote")
    return [*found.groups()]


def observations() -> pd.DataFrame:
    """Return every observation of every study as it is replayed: fitted or not, and what was predicted with its paper left out.

    Columns beyond those of studies.csv: `role`, `drugs` of its arm (a set), and low_left, predicted_left, high_left, inside_left,
    fold_left of left_out.csv.
    """
    rows = pd.read_csv(BASIS.parent / "studies.csv")
    apart = rows["study"].isin(read(ROOT / "testis_abm" / "studies" / "calibration.toml")["apart"])
    rows["role"] = np.select([rows["confidence"] == "memory", apart], ["not verified", "set apart"], "fitted")
    rows["drugs"] = [
        drugs_of(study).get(arm, frozenset()) for study, arm in zip(rows["study"], rows["arm"], strict=True)
    ]
    left = pd.read_csv(BASIS.parent / "left_out.csv")
    keys = ["study", "label", "kind", "observed"]
    for one in (rows, left):
        one["nth"] = one.groupby(keys).cumcount()
    kept = left[[*keys, "nth", "predicted", "low", "high", "inside", "fold"]]
    joined = rows.merge(kept, on=[*keys, "nth"], how="left", suffixes=("", "_left"), validate="1:1")
    if (
        joined["predicted_left"].notna().sum() != len(left)
        or joined.loc[joined["role"] != "fitted", "low_left"].notna().any()
    ):
        fail("docs/validation/left_out.csv", "rows that studies.csv does not have, or that were never fitted")
    return joined


@cache
def drugs_of(study: str) -> dict[str, frozenset[str]]:
    """Return the drugs of each arm of a study."""
    raw = read(ROOT / "testis_abm" / "studies" / f"{study}.toml")
    return {arm["name"]: frozenset(each["drug"] for each in arm.get("therapy", ())) for arm in raw["arm"]}


def far(rows: pd.DataFrame, after: str = "") -> np.ndarray:
    """Return how far what was observed lies from the middle of its interval, in SD: split-normal between median and ends."""
    seen, middle = rows["observed"], rows[f"predicted{after}"]
    side = np.where(seen >= middle, rows[f"high{after}"] - middle, middle - rows[f"low{after}"])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(seen == middle, 0.0, 1.96 * np.abs(seen - middle) / side)


LEVELS = {50: 0.6745, 80: 1.2816, 95: 1.96}


def coverage(rows: pd.DataFrame, after: str = "") -> dict[int, float]:
    """Return % of observations inside the interval of each level; that of 95 % is the stored one, others leave out medians without end."""
    z = far(rows, after)
    found = {level: 100.0 * float((z[np.isfinite(z) | (z > 0.0)] <= end).mean()) for level, end in LEVELS.items()}
    return found | {95: 100.0 * float(rows[f"inside{after}"].astype(bool).mean())}


def changed() -> dict[str, list[str]]:
    """Return the numbers that are no longer those of the stored validation: changed, added, gone."""
    then, now = json.loads(BASIS.read_text(encoding="utf-8"))["numbers"], numbers()
    found: dict[str, list[str]] = {"changed": [], "added": [], "gone": []}
    for name in sorted({*then, *now}):
        before, after = then.get(name, {}), now.get(name, {})
        found["changed"] += [key for key in before if key in after and before[key] != after[key]]
        found["added"] += [key for key in after if key not in before]
        found["gone"] += [key for key in before if key not in after]
    return found


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve."""
    if not 0 < positive.sum() < len(positive):
        return float("nan")
    apart = score[positive][:, np.newaxis] - score[~positive]
    return float((apart > 0.0).mean() + (apart == 0.0).mean() / 2.0)


def with_interval(rows: np.ndarray, of: Callable[[np.ndarray], float], draws: int = 400) -> tuple[float, float, float]:
    """Return a statistic of patients, a row each, and its 95 % bootstrap interval."""
    rng = np.random.default_rng(1)
    found = [of(rows[rng.integers(0, len(rows), len(rows))]) for _ in range(draws)]
    low, high = np.nanpercentile(found, (2.5, 97.5))
    return of(rows), float(low), float(high)


def inside(twins: pd.DataFrame, outcome: str, percent: int) -> tuple[float, float, float]:
    """Return % of reports inside the interval of a level."""
    rank = twins.loc[twins["outcome"] == outcome, "rank"].to_numpy()
    return with_interval(100.0 * (abs(rank - 0.5) <= percent / 200.0), lambda hits: float(hits.mean()))


def area(score: pd.Series, rows: pd.DataFrame) -> tuple[float, float, float]:
    """Return the AUC with which a score of patients tells whose report rises."""
    both = np.column_stack([score, rose(rows)])
    return with_interval(both, lambda of: auc(of[:, 0], of[:, 1] > 0.0))


def rose(rows: pd.DataFrame) -> np.ndarray:
    """Return which patients' report rose."""
    return np.asarray(rows["reported"] >= follow.RISE * rows["base"])


def risers(twins: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the rows of an outcome of which a rise can be told."""
    return twins[(twins["outcome"] == outcome) & (twins["base"] > 0.0) & twins["chance"].notna()]


def span(found: tuple[float, float, float], digits: int = 0, unit: str = "") -> str:
    """Return a statistic with its interval in print."""
    return f"{found[0]:.{digits}f}{unit} ({found[1]:.{digits}f} to {found[2]:.{digits}f})"


class Found:
    """All that the pages show, read once: stored tables and `figures` (name -> text)."""

    def __init__(self) -> None:
        self.judged = tomllib.loads(JUDGED.read_text(encoding="utf-8"))
        self.rows, self.kept = observations(), stored()
        for path in (TWINS, CHECKS, REPLAYS, SUMMARY):
            if not path.exists():
                fail(str(path.relative_to(ROOT)), "is not there; run make credibility")
        self.twins, self.checks, self.replays = map(pd.read_csv, (TWINS, CHECKS, REPLAYS))
        self.changed = changed()
        self.basis = str(json.loads(BASIS.read_text(encoding="utf-8"))["version"])
        self.figures = self._figures()

    def of(self, context: Mapping[str, Any]) -> pd.DataFrame:
        """Return the observations that bear on a context of use."""
        rows = self.rows
        if context.get("outcome", "all") != "all":
            rows = rows[is_semen(rows) == (context["outcome"] == "semen")]
        if "drugs" in context:
            drugs = frozenset(context["drugs"])
            if unknown := drugs - parameters.drugs().keys():
                fail(f"{JUDGED.name}: {context['name']}", f"no drug {', '.join(sorted(unknown))}")
            rows = rows[[bool(drugs & of) for of in rows["drugs"]]]
        return rows

    def _figures(self) -> dict[str, str]:
        rows, twins = self.rows, self.twins
        entries, whole = [*parameters.load().values()], parameters.search()
        on_inhibitors = rows[[bool(of & {*CLASSES["aromatase inhibitors"]}) for of in rows["drugs"]]]
        figures: dict[str, object] = {
            kind: sum(each.confidence == kind for each in entries)
            for kind in ("measured", "derived", "fitted", "assumed")
        }
        identified = quoted("validation.md", r"^## What the data identify\n(.*?)^## ")[0]
        widths = [float(line.split("|")[4]) for line in identified.splitlines() if line.startswith("| `")]
        figures |= {
            "parameters": len(entries),
            "every_number": len(whole),
            "every_assumed": sum(each.confidence == "assumed" for each in whole),
            "man_fields": len(parameters.physiology()),
            "drug_numbers": sum(each.name.startswith("drug.") for each in whole),
            "unverified": sum(
                "not verified" in f"{each.source} {each.note}" or bool(re.search(r"\bmemory\b", each.source))
                for each in whole
            ),
            "inhibitor_rows": len(on_inhibitors),
            "inhibitor_fsh": on_inhibitors["variable"].str.contains("FSH").sum() or "none",
            "questions": len(parameters.hypotheses()),
            "presets": len(parameters.presets()),
            "studies": rows["study"].nunique(),
            "apart_studies": rows.loc[rows["role"] == "set apart", "study"].nunique(),
            "observations": len(rows),
            "memory": (rows["role"] == "not verified").sum(),
            "sets": quoted("validation.md", r"(\d+) parameter sets")[0],
            "identified": len(widths),
            "narrowed": sum(width < 0.8 for width in widths),
            "tests": self.kept["made"]["tests"],
            "contexts": len(self.judged["context"]),
            "contexts_refused": sum("refused" in each for each in self.judged["context"]),
            "verify_rows": len(self.checks),
            "verify_hold": int(self.checks["holds"].sum()),
            "verify_rest": int((self.checks["part"] == "steady state").sum()),
            "replayed": self.replays["study"].nunique(),
            "replayed_rows": len(self.replays),
            "twin_patients": twins["man"].nunique(),
            "twin_rise": f"{follow.RISE:g}",
        }
        for name, of, after in (
            ("left_out", rows[rows["predicted_left"].notna()], "_left"),
            ("fitted", rows[rows["role"] == "fitted"], ""),
            ("apart", rows[rows["role"] == "set apart"], ""),
        ):
            figures |= {
                f"{name}_rows": len(of),
                f"{name}_inside": f"{100.0 * of[f'inside{after}'].astype(bool).mean():.0f}",
                f"{name}_fold": f"{of[f'fold{after}'].median():.2f}",
            }
        for name, heading in (("drug", "Drugs"), ("preset", "Presets"), ("population", "Populations")):
            hits, every = map(int, quoted("tables.md", rf"^## {heading}\n.*?^(\d+) of (\d+) hit$"))
            figures |= {f"{name}_hits": hits, f"{name}_rows": every, f"{name}_misses": every - hits}
        figures["local_hits"], figures["local_rows"] = quoted(
            "local_steroids.md", r"^(\d+) of (\d+) published figures meet the 90 % interval"
        )
        for name in ("t", "tmc"):
            own = risers(twins, name)
            figures[f"twin_{name}_90"] = span(inside(twins, name, 90))
            figures[f"twin_{name}_auc"] = span(area(own["chance"], own), 2)
        return {name: str(value) for name, value in figures.items()}

    @property
    def outdated(self) -> bool:
        """Return whether the stored replays are no longer what this program gives, or rest on numbers that have changed."""
        rests_on = [*self.changed["changed"], *self.changed["gone"]]
        rests_on += [name for name in self.changed["added"] if name.startswith("studies/")]
        return bool(rests_on) or not bool((self.replays["apart"] <= _SAME).all())


# ---- evidence: what a page, file or command holds


def title(path: Path, anchor: str = "") -> str:
    """Return the heading of a page, or the one that an anchor leads to."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE)
    at = anchors(text).index(anchor) if anchor else 0
    return re.sub(r" \(`[^)]*`\)|`", "", headings[at])


def commands() -> set[str]:
    """Return the commands of testis-abm and the targets of make, as they are typed."""
    from testis_abm.cli import command, completion

    targets = re.findall(r"^([a-z-]+(?: [a-z0-9-]+)*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    typed = {f"make {target}" for line in targets for target in line.split()}
    return typed | {f"testis-abm {name}" for name in completion.words(command._parser())}


def links(place: str, at: Sequence[str], typed: set[str]) -> str:
    """Return links to pages and names of files and commands; each must be there."""
    shown = []
    for what in at:
        path, _, anchor = what.partition("#")
        if what.startswith(("make ", "testis-abm ")):
            if what not in typed:
                fail(f"{JUDGED.name}: {place}", f"no command {what!r}")
            shown.append(f"`{what}`")
        elif path.startswith("docs/made/"):
            if Path(path).stem not in PAGES:
                fail(f"{JUDGED.name}: {place}", f"no page {what!r}")
            shown.append(f"[{Path(path).stem}](../{path.removeprefix('docs/')})")
        elif not (ROOT / path).exists():
            fail(f"{JUDGED.name}: {place}", f"nothing at {what!r}")
        elif path.startswith("docs/") and path.endswith(".md"):
            page = ROOT / path
            if anchor and anchor not in anchors(page.read_text(encoding="utf-8")):
                fail(f"{JUDGED.name}: {place}", f"no heading for {what!r}")
            to = page.name if page.parent == FOLDER else f"../{path.removeprefix('docs/')}"
            shown.append(f"[{title(page, anchor)}]({to}{f'#{anchor}' if anchor else ''})")
        else:
            shown.append(f"`{path}`")
    return ", ".join(shown)


RISKS = ("low", "medium", "high")
CONFORMANCE = ("extensive", "adequate", "partial", "insufficient")
OWN = {
    "output": ("Output comparison", "validation: assessment"),
    "quantity": ("Relevance of the quantities of interest", "applicability"),
    "validation": ("Relevance of the validation to the context of use", "applicability"),
}
PROFILES: Mapping[str, tuple[set[str], set[str]]] = {  # what an entry must have, and may have
    "factor": ({"name", "of", "level"}, {"shown", "at", "gap"}),
    "context": (
        {"name", "question", "use", "influence", "influence_why", "consequence", "consequence_why", *OWN},
        {"refused", "drugs", "outcome"},
    ),
    "trace": ({"name", "shown", "at"}, set()),
    "rule": ({"name", "level", "shown", "at", "gap"}, set()),
}


def check(judged: Mapping[str, Any]) -> None:
    """Refuse a table of judgements with an unknown key, a level that is none, or a factor with neither evidence nor a gap."""
    if odd := judged.keys() ^ {"replayed", "levels", *PROFILES}:
        fail(JUDGED.name, f"missing or unknown: {', '.join(sorted(odd))}")
    most = len(judged["levels"]) - 1
    for kind, (needed, allowed) in PROFILES.items():
        for entry in judged[kind]:
            place = f"{JUDGED.name}: {kind} {entry.get('name', '?')}"
            if odd := (needed - entry.keys()) | (entry.keys() - needed - allowed):
                fail(place, f"missing or unknown: {', '.join(sorted(odd))}")
            for key in ("influence", "consequence"):
                if kind == "context" and entry[key] not in RISKS:
                    fail(place, f"{key} {entry[key]!r} is none of {', '.join(RISKS)}")
            if kind == "context" and entry.get("outcome", "all") not in ("all", "hormones", "semen"):
                fail(place, f"outcome {entry['outcome']!r} is none of all, hormones, semen")
            if kind == "rule" and entry["level"] not in CONFORMANCE:
                fail(place, f"level {entry['level']!r} is none of {', '.join(CONFORMANCE)}")
            for factor in [entry] if kind == "factor" else [entry[key] for key in OWN] if kind == "context" else []:
                if factor.get("level") not in range(most + 1):
                    fail(place, f"level {factor.get('level')!r} is none of 0 to {most}")
                if factor["level"] and not (factor.get("shown") and factor.get("at")):
                    fail(place, f"level {factor['level']} without evidence (shown, at)")
                if factor["level"] < most and not factor.get("gap"):
                    fail(place, f"level {factor['level']} of {most} without a named gap")


def risk(context: Mapping[str, Any]) -> int:
    """Return the model risk, 1 (low) to 3 (high), of influence and consequence."""
    both = RISKS.index(context["influence"]) + RISKS.index(context["consequence"])
    return (1, 1, 2, 3, 3)[both]


def shortfalls(context: Mapping[str, Any], factors: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Return the factors that do not reach the level which the model risk asks for, and by how much."""
    levels = [(each["name"], each["level"]) for each in factors]
    levels += [(OWN[key][0], context[key]["level"]) for key in OWN]
    return [(name, risk(context) - level) for name, level in levels if level < risk(context)]


def verdict(context: Mapping[str, Any], factors: Sequence[Mapping[str, Any]]) -> str:
    """Return what follows: every factor reaches the level of the risk; none is short by more than one; else."""
    short = max((by for _, by in shortfalls(context, factors)), default=0)
    return (
        ("supported", "supported in part", "not supported")[min(short, 2)]
        if "refused" not in context
        else "must not be used"
    )


# ---- written: pure functions of what was read


def number(value: float) -> str:
    """Return a value of an observation in print."""
    if not np.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def between(row: Any, after: str = "") -> str:
    """Return a prediction with its interval."""
    middle, low, high = (getattr(row, f"{name}{after}") for name in ("predicted", "low", "high"))
    return f"{number(middle)} ({number(low)} to {number(high)})" if np.isfinite(middle) else ""


def fold(value: float) -> str:
    """Return a fold error in print."""
    return f"{value:.2f}" if np.isfinite(value) else "-"


PERCENT = "\u00a0%"  # stays on its line
COVERAGE_HEAD = ("", "observations", *(f"inside {level}{PERCENT}" for level in LEVELS), "median fold error")


def covered(name: str, rows: pd.DataFrame, after: str = "") -> list[str]:
    """Return a row of coverage: % of observations inside each interval."""
    if not len(rows):
        return [name, "0", "-", "-", "-", "-"]
    found = coverage(rows, after)
    shares = [f"{found[level]:.0f}{PERCENT}" for level in LEVELS]
    return [name, str(len(rows)), *shares, fold(rows[f"fold{after}"].median())]


def both(rows: pd.DataFrame) -> list[list[str]]:
    """Return the rows of coverage of observations: left out in turn, set apart."""
    left = rows[rows["predicted_left"].notna()]
    return [
        covered("fitted, paper left out", left, "_left"),
        covered("set apart, never fitted", rows[rows["role"] == "set apart"]),
    ]


def state(found: Found) -> list[str]:
    """Return whether the stored validation is that of this program."""
    made, figures, new = found.kept["made"]["version"], found.figures, found.changed
    lines = [
        f"Made by `make credibility` with testis_abm {made}. The replays of all studies ([Validation](validation.md)) take most of an hour, so they are stored; they were made with {found.basis}"
        + (
            ": the same program."
            if found.basis == made
            else ": another program, by the hash of all its rules and numbers."
        ),
        "",
    ]
    of = f"{figures['replayed']} studies (`replayed` in `scripts/credibility.toml`) were replayed with {made}: "
    moved = found.replays[~(found.replays["apart"] <= _SAME)]
    if len(moved):
        names = listed(sorted({*moved["study"]}))
        of += f"**{len(moved)} of {len(found.replays)} predictions are not those that are stored ({names}).**"
    else:
        of += f"all {len(found.replays)} predictions with their intervals are those that are stored, to rounding."
    tables = {kind: [name for name in new[kind] if not name.startswith("studies/")] for kind in new}
    others = [name for kind in new for name in new[kind] if name.startswith("studies/")]
    lines += [
        of,
        "",
        "Numbers of the model since then: "
        + "; ".join(f"{kind}: {listed(names)}" for kind, names in tables.items())
        + f". Files of studies, calibration and ensemble that differ: {listed(others)}.",
    ]
    lines += ["", *of_pages(made, bool(new["changed"] or new["gone"]))]
    if found.outdated:
        lines += ["", "**The stored validation is out of date. Make it again: `scripts/make_validation.py`.**"]
    return lines


def of_pages(made: str, moved: bool) -> list[str]:
    """Return with which program each made page was made, as the page itself says, beside the program `made`."""
    rows = []
    for path in sorted(HUB.parent.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        by = re.search(r"^Made by `([^`]+)`([^\n]*)", page, re.MULTILINE)
        if path == HUB or not by:
            continue
        told = re.search(r"with testis_abm (\d[\w.]*(?: \([0-9a-f]{16}\))?)", by[2])
        same = (
            "this program" if told and told[1] == made else "another program" if told and "(" in told[1] else "not told"
        )
        rows.append([f"[{title(path)}]({path.name})", f"`{by[1]}`", told[1] if told else "-", same])
    if not rows:
        fail("docs", "no page says by what it was made")
    others = sum(row[-1] == "another program" for row in rows)
    return [
        f"Other pages are made by commands of their own, each with the program that it names. {others} of {len(rows)} name another program than {made}; a hash of all rules and "
        f"numbers does not tell what differs, so their figures may differ from what their commands give today. {'Some' if moved else 'None'} of the numbers that the stored validation rests on "
        f"{'have' if moved else 'has'} changed since it was made.",
        "",
        *table(("page", "made by", "with testis_abm", f"beside {made}"), rows),
    ]


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names in print, or none; of many, how many."""
    return (f"{len(names)}" if len(names) > most else ", ".join(f"`{name}`" for name in names)) or "none"


FIGURES = {
    "observations inside 95 %, their paper left out": "{left_out_inside} % of {left_out_rows}",
    "observations inside 95 %, studies never fitted": "{apart_inside} % of {apart_rows}",
    "median fold error, their paper left out": "{left_out_fold}",
    "median fold error, studies never fitted": "{apart_fold}",
    "studies, observations": "{studies}, {observations}",
    "comparisons with theory that hold": "{verify_hold} of {verify_rows}",
    "published figures of presets that are met": "{preset_hits} of {preset_rows}",
    "published figures of populations that are met": "{population_hits} of {population_rows}",
    "published figures of drugs that are met": "{drug_hits} of {drug_rows}",
    "published figures of mutants and clamps that are met": "{local_hits} of {local_rows}",
    "twin: reports of T inside 90 %, %": "{twin_t_90}",
    "twin: total motile counts inside 90 %, %": "{twin_tmc_90}",
    "twin: AUC of a rise of T": "{twin_t_auc}",
    "twin: AUC of a rise of total motile count": "{twin_tmc_auc}",
    "numbers of the tissue and body, of these assumed": "{parameters}, {assumed}",
    "all numbers, those of drugs and fields of a man too, of these assumed": "{every_number}, {every_assumed}",
    "test functions": "{tests}",
}


def figures_now(found: Found) -> dict[str, str]:
    """Return the headline figures."""
    return {what: of.format_map(found.figures) for what, of in FIGURES.items()}


def headline(found: Found) -> list[str]:
    """Return the headline figures, now and of each version that was kept."""
    before = {name: of for name, of in found.kept["figures"].items() if name not in ("Unreleased", current())}
    rows = [[what, *(of.get(what, "-") for of in before.values()), now] for what, now in figures_now(found).items()]
    lines = table(("", *before, current()), rows)
    if not before:
        lines += [
            "",
            "No earlier version kept such a summary (`docs/credibility/summary.json`); the next one has this to compare with.",
        ]
    return lines


def current() -> str:
    """Return the version that the head of the change log tells."""
    found = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].strip() if found else testis_abm.__version__


def context_table(found: Found) -> list[str]:
    """Return the contexts of use in a table."""
    rows = []
    for each in found.judged["context"]:
        link = f"[{each['name']}](credibility/contexts.md#{anchors('# ' + each['name'])[0]})"
        rows.append(
            [
                link,
                f"**{verdict(each, found.judged['factor'])}**",
                each["influence"],
                each["consequence"],
                RISKS[risk(each) - 1],
            ]
        )
    return table(
        ("context of use", "verdict", "model influence", "consequence of a wrong decision", "model risk"), rows
    )


def contexts(found: Found, typed: set[str]) -> list[str]:
    """Return every context of use with its own factors."""
    lines: list[str] = []
    for each in found.judged["context"]:
        name, factors = each["name"], found.judged["factor"]
        short = shortfalls(each, factors)
        gaps = "; ".join(f"{of} (short by {by})" for of, by in short) or "none"
        lines += [f"## {name}", ""]
        lines += table(
            ("", ""),
            [
                ["**Question of interest**", each["question"]],
                ["**Context of use**", each["use"]],
                ["**Model influence**", f"{each['influence']}: {each['influence_why']}"],
                ["**Consequence of a wrong decision**", f"{each['consequence']}: {each['consequence_why']}"],
                ["**Model risk**", f"{RISKS[risk(each) - 1]}: every factor is to reach level {risk(each)}"],
                ["**Factors that do not reach it**", gaps],
                [
                    "**Verdict**",
                    f"**{verdict(each, factors)}**" + (f": {each['refused']}" if "refused" in each else ""),
                ],
            ],
        )
        rows = []
        for key, (factor, _) in OWN.items():
            of = each[key]
            rows.append([factor, str(of["level"]), *told_of(found, f"context {name}: {key}", of, typed)])
        lines += ["", *table(FACTOR_HEAD, rows), ""]
        lines += ["Observations that bear on it ([all of them](observations.md)):", ""]
        lines += [*table(COVERAGE_HEAD, both(found.of(each))), ""]
    return lines[:-1]


FACTOR_HEAD = ("credibility factor", "level", "evidence", "gap")


def told_of(found: Found, place: str, entry: Mapping[str, Any], typed: set[str]) -> list[str]:
    """Return evidence with its links, and the gap."""
    shown = text(found, place, entry.get("shown", "none"))
    at = links(place, entry["at"], typed) if entry.get("at") else ""
    return [f"{shown} {at}".strip(), text(found, place, entry.get("gap", "")) or "-"]


def text(found: Found, place: str, written: str) -> str:
    """Return a text with its figures."""
    try:
        return written.format_map(found.figures)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        fail(f"{JUDGED.name}: {place}", f"no figure {error}; there are {', '.join(sorted(found.figures))}")
        raise


def factors(found: Found, typed: set[str]) -> list[str]:
    """Return the factors that all contexts share."""
    rows = [
        [
            f"**{each['name']}** ({each['of']})",
            str(each["level"]),
            *told_of(found, f"factor {each['name']}", each, typed),
        ]
        for each in found.judged["factor"]
    ]
    return table(FACTOR_HEAD, rows)


def scale(found: Found) -> list[str]:
    """Return what the levels mean."""
    return table(("level", ""), [[str(k), what] for k, what in enumerate(found.judged["levels"])])


def trace(found: Found, typed: set[str]) -> list[str]:
    """Return the elements of TRACE."""
    lines: list[str] = []
    for k, each in enumerate(found.judged["trace"], 1):
        place = f"trace {each['name']}"
        lines += [f"## {k}. {each['name']}", "", text(found, place, each["shown"]), ""]
        lines += [f"Where: {links(place, each['at'], typed)}.", ""]
    return lines[:-1]


def rules(found: Found, typed: set[str]) -> list[str]:
    """Return the ten rules."""
    rows = [
        [f"{k}. {each['name']}", f"**{each['level']}**", *told_of(found, f"rule {each['name']}", each, typed)]
        for k, each in enumerate(found.judged["rule"], 1)
    ]
    return table(("rule", "conformance", "what is there", "what is missing"), rows)


CLASSES = {
    "aromatase inhibitors": ("anastrozole", "letrozole", "exemestane", "testolactone"),
    "modulators of the oestrogen receptor": ("clomiphene", "enclomiphene", "tamoxifen", "raloxifene"),
    "gonadotrophins and pulsatile GnRH": ("hcg", "hmg", "rfsh", "gonadorelin"),
    "GnRH agonists and antagonists": ("leuprolide", "goserelin", "triptorelin", "acyline", "degarelix"),
    "progestins": (
        "levonorgestrel", "desogestrel", "etonogestrel_implant", "norethisterone_enanthate", "nestorone_gel",
        "medroxyprogesterone", "medroxyprogesterone_depot", "cyproterone",
    ),
    "androgens": (
        "testosterone_enanthate", "testosterone_undecanoate", "testosterone_gel", "testosterone_pellets", "testosterone_cypionate",
        "testosterone_nasal", "testosterone_undecanoate_oral", "dihydrotestosterone_gel", "nandrolone_decanoate", "oxandrolone",
        "methyltestosterone",
    ),
}  # fmt: skip


def qualification(found: Found) -> dict[str, list[str]]:
    """Return the tables of the report: overall, by drug class, by context."""
    rows = found.rows.assign(semen=is_semen(found.rows))
    left, apart = rows[rows["predicted_left"].notna()], rows[rows["role"] == "set apart"]
    groups = [
        ("**fitted, paper left out**", left, "_left"),
        ("fitted, paper left out: hormones", left[~left["semen"]], "_left"),
        ("fitted, paper left out: semen and times", left[left["semen"]], "_left"),
        ("fitted", rows[rows["role"] == "fitted"], ""),
        ("**set apart, never fitted**", apart, ""),
        ("set apart: hormones", apart[~apart["semen"]], ""),
        ("set apart: semen and times", apart[apart["semen"]], ""),
        ("not verified against the source", rows[rows["role"] == "not verified"], ""),
    ]
    overall = table(COVERAGE_HEAD, [covered(*group) for group in groups])
    within = f"inside 95{PERCENT}"
    head = ("", "left out", within, "fold error", "set apart", within, "fold error")

    def beside(name: str, of: pd.DataFrame) -> list[str]:
        shown = [name]
        for part in both(of):
            shown += [part[1], part[4], part[5]]
        return shown

    known = frozenset(drug for drugs in CLASSES.values() for drug in drugs)
    classes = [
        beside(name, rows[[bool(of & frozenset(drugs)) for of in rows["drugs"]]]) for name, drugs in CLASSES.items()
    ]
    classes.append(beside("other drugs, weight, surgery", rows[[not of & known for of in rows["drugs"]]]))
    by_context = [beside(each["name"], found.of(each)) for each in found.judged["context"]]
    return {"overall": overall, "classes": table(head, classes), "by context": table(head, by_context)}


def twin(found: Found) -> list[str]:
    """Return how well twins tell the reports of synthetic patients."""
    twins, spread = found.twins, follow.summary(found.twins).set_index("outcome")
    rows = []
    for name, label in OUTCOMES.items():
        own = twins[twins["outcome"] == name]
        shares = [span(inside(twins, name, percent), unit=PERCENT) for percent in (50, 90)]
        of = spread.loc[name]
        rows.append([label, str(len(own)), *shares, fold(of["twin"]), fold(of["carried"]), fold(of["mean_change"])])
    lines = table(
        (
            "",
            "patients",
            f"inside 50{PERCENT}",
            f"inside 90{PERCENT}",
            "median fold error: twin",
            "level before carried forward",
            "that with the others' mean change",
        ),
        rows,
    )
    rose_to = f"{follow.RISE:g} times"
    rows = []
    for name in ("t", "tmc"):
        own = risers(twins, name)
        shares = [f"{100.0 * rose(own).mean():.0f} %", f"{100.0 * own['chance'].mean():.0f} %"]
        areas = [span(area(score, own), 2) for score in (own["chance"], -own["base"])]
        rows.append([OUTCOMES[name], str(len(own)), *shares, *areas])
    lines += ["", f"Responders: a report of {rose_to} the level before, or more.", ""]
    lines += table(
        ("", "patients", "responders", "predicted", "AUC of the predicted chance", "AUC of a low level before"), rows
    )
    made = CHUNKS * MEN
    return [
        f"{made} synthetic patients of `{follow.POPULATION}`, {twins['man'].nunique()} with a dependable twin; two untreated reports each, day {follow.DAY} of {DRUG} 1 mg daily, 100 virtual patients a twin. In brackets 95 % bootstrap intervals over patients.",
        "",
        *lines,
    ]


def by_study(found: Found) -> list[str]:
    """Return every observation, study by study."""
    lines: list[str] = []
    for study, rows in found.rows.groupby("study", sort=True):
        roles, men = rows["role"].unique(), sorted({rows["n"].min(), rows["n"].max()})
        lines += [f"## {rows['citation'].iloc[0]} (`{study}`)", ""]
        lines += [f"{', '.join(roles).capitalize()}. {' to '.join(map(str, men))} men an observation.", ""]
        left = rows["predicted_left"].notna().any()
        head = ("", "observed", f"predicted (95{PERCENT})", "inside; fold error")
        head += (f"paper left out (95{PERCENT})", "inside; fold error") if left else ()
        shown = []
        for row in rows.itertuples():
            seen = f"{'' if pd.isna(row.beyond) else row.beyond}{number(row.observed)} {row.unit}"
            cells = [row.label, seen.strip().replace(" %", PERCENT), between(row), hit(row.inside, row.fold)]
            if left:
                there = np.isfinite(row.low_left)
                cells += [between(row, "_left"), hit(row.inside_left, row.fold_left) if there else ""]
            shown.append(cells)
        lines += [*table(head, shown), ""]
        if study in WHY and not (rows["inside"].all() and rows["inside_left"].dropna().all()):
            lines += [f"Outside, because: {WHY[study]}.", ""]
    return lines[:-1]


def hit(inside: object, error: float) -> str:
    """Return in print whether an observation lies inside its interval, and its fold error."""
    return f"{'yes' if inside else '**no**'}; {fold(error)}"


def results() -> dict[str, list[str]]:
    """Return what the change log says of results, of what is not released and of the last version."""
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", log, flags=re.MULTILINE)[1:]
    found = []
    for name, body in list(zip(parts[::2], parts[1::2], strict=True))[:2]:
        for k, of in enumerate(re.findall(r"^### Results\n(.*?)(?=^### |\Z)", body, re.MULTILINE | re.DOTALL)):
            found += [f"## {name.strip()}" + (" (before)" if k else ""), "", of.strip(), ""]
    if not found:
        fail("CHANGELOG.md", 'no "### Results" in its first two versions')
    return {"results": "\n".join(found[:-1]).split("\n")}


def pages(found: Found) -> dict[Path, Mapping[str, Sequence[str]]]:
    """Return the parts of every page."""
    check(found.judged)
    typed = commands()
    return {
        HUB: {"state": state(found), "contexts": context_table(found), "figures": headline(found)},
        FOLDER / "contexts.md": {
            "scale": scale(found),
            "factors": factors(found, typed),
            "contexts": contexts(found, typed),
        },
        FOLDER / "trace.md": {"trace": trace(found, typed)},
        FOLDER / "practice.md": {"rules": rules(found, typed)},
        FOLDER / "qualification.md": {**qualification(found), "twin": twin(found)},
        FOLDER / "observations.md": {"studies": by_study(found)},
        FOLDER / "changes.md": results(),
    }


def draw(found: Found) -> None:
    """Draw coverage against level: studies beside twins."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from scipy.stats import norm

    from testis_abm.pictures import style

    levels = np.arange(5, 100, 5)
    ends = norm.ppf(0.5 + levels / 200.0)
    rows = found.rows
    left, apart = rows[rows["predicted_left"].notna()], rows[rows["role"] == "set apart"]
    lines = {
        "studies": [
            ("paper left out", [100.0 * (far(left, "_left") <= end).mean() for end in ends]),
            ("set apart, never fitted", [100.0 * (far(apart) <= end).mean() for end in ends]),
        ],
        "twins of synthetic patients": [
            (OUTCOMES[name], [inside(found.twins, name, int(level))[0] for level in levels])
            for name in ("t", "lh", "concentration", "tmc")
        ],
    }
    with plt.rc_context({**style.RC, "svg.hashsalt": "credibility", "svg.fonttype": "path"}):
        figure, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 3.3), sharey=True, layout="constrained")
        for panel, (name, own) in zip(axes, lines.items(), strict=True):
            panel.plot((0, 100), (0, 100), color=style.LIMIT, linewidth=0.7, linestyle=":")
            for (label, shares), (colour, dash) in zip(own, style.LINES, strict=False):
                panel.plot(levels, shares, color=colour, linestyle=dash, label=label)
            panel.set(title=name, xlabel="interval, %", xlim=(0, 100), ylim=(0, 100), aspect="equal")
            panel.legend(loc="upper left", frameon=False)
        axes[0].set_ylabel("inside, %")
        figure.savefig(FOLDER / "reliability.svg", metadata={"Date": None})
        plt.close(figure)


def main() -> int:
    """Measure unless only pages are asked for, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", action="store_true", help="from what was measured last")
    given = parser.parse_args()
    judged = tomllib.loads(JUDGED.read_text(encoding="utf-8"))
    check(judged)
    if not given.pages:
        if all(path.exists() for path in (TWINS, CHECKS, REPLAYS, SUMMARY)):
            pages(Found())  # so that a fault of a text is told before the minutes, not after them
        measure(judged)
    found = Found()
    kept = found.kept
    if not given.pages:
        before = {name: of for name, of in kept["figures"].items() if name not in ("Unreleased", current())}
        kept["figures"] = {**before, current(): figures_now(found)}
        files.write(SUMMARY, json.dumps(kept, indent=1) + "\n")
    # All pages are made before one is written, so that a fault leaves them as they were.
    made = {path: filled(path, path.read_text(encoding="utf-8"), parts) for path, parts in pages(found).items()}
    for path, page in made.items():
        files.write(path, page.encode())
    draw(found)
    print("\n".join(state(found)))
    if (made := kept["made"]["version"]) != version():
        report(f"measured with {made}, and this is {version()}: run make credibility")
    return int(found.outdated)


if __name__ == "__main__":
    sys.exit(main())
