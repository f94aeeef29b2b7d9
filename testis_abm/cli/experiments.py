"""Commands of experiments: `testis-abm compare`, `sweep`, `trial`, `sensitivity` and `merge`."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.choices import DISCLAIMER
from testis_abm.cli.options import overrides, read_shard, scenario, whole
from testis_abm.support import guard, outputs

if TYPE_CHECKING:
    from testis_abm.experiments.runner import Progress
    from testis_abm.support.interrupt import Interrupt

_MOST_BARS, _MOST_POINTS = 8, 40
_WIDEST = 150  # letters of a table
_USUAL = ("testosterone", "T/E2 (immunoassay)", "LH", "sperm concentration", "total motile count")
_LOG_EVERY = 30.0  # seconds between lines of progress where there is no terminal


def add(commands: Any) -> None:
    """Add the commands to the parser of `testis-abm`."""
    command = commands.add_parser(
        "compare",
        help="compare arms, paired by common random numbers",
        description="Compare scenario files, or the [[arm]] tables of one, with common random numbers. " + DISCLAIMER,
        epilog="Example: testis-abm compare scenarios/experiments/compare_drugs.toml",
    )
    command.add_argument("files", nargs="+", metavar="FILE", help="scenarios, or one file with [[arm]] tables")
    whole(command, "--replicates", "instead of plan.replicates")
    _common(command, "compare")
    command.set_defaults(action=_compare)
    for name, what, action in (
        ("sweep", "run a parameter sweep of a scenario: [sweep]", _sweep),
        ("trial", "run a virtual randomised [trial] of its [[arm]]s", _trial),
        ("sensitivity", "rank inputs by what they move: [sensitivity]", _sensitivity),
    ):
        command = commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}. What is finished is kept; call again to go on. {DISCLAIMER}",
            epilog=f"Example: testis-abm {name} scenarios/experiments/{name}.toml --workers 2",
        )
        command.add_argument("file", help=f"scenario with a [{name}] table")
        _common(command, name)
        command.set_defaults(action=action)
    command = commands.add_parser(
        "merge",
        help="put results folders of one experiment together",
        description="Put the results folders of the shards of an experiment together.",
    )
    command.add_argument("into", metavar="INTO", help="folder of the whole")
    command.add_argument("folders", nargs="+", metavar="FOLDER", help="results folders of shards")
    command.set_defaults(action=_merge)


def _common(command: Any, name: str) -> None:
    scenario(command)
    whole(command, "--workers", "worker processes of this machine; 0: one per core, or one alone for little work", 0)
    command.add_argument(
        "--dask", metavar="ADDRESS", default="", help='Dask scheduler, e.g. tcp://host:8786, or "local"'
    )
    command.add_argument(
        "--shard",
        metavar="I/N",
        default=(1, 1),
        type=guard.named("--shard", read_shard),
        help="do the I-th of N parts, for job arrays",
    )
    command.add_argument(
        "--out", metavar="FOLDER", help=f"results folder (default runs/{name}-NAME, with a mark of what options change)"
    )
    command.add_argument("--no-plots", action="store_true", help="write tables only")


def _folder(options: argparse.Namespace, name: str, file: str) -> Path:
    """Return the results folder; what --set, --seed and --days change is another experiment, with a folder of its own."""
    if options.out:
        return Path(options.out)
    changes = json.dumps(overrides(options), sort_keys=True)
    mark = f"-{hashlib.sha256(changes.encode()).hexdigest()[:6]}" if changes != "{}" else ""
    return Path("runs") / f"{name}-{Path(file).stem}{mark}"


def _changes(options: argparse.Namespace, kind: str) -> dict[str, str | int]:
    """Return what --set, --seed and --days put into an experiment; the seed is that of its runs and of its design."""
    return overrides(options, seeds=("plan.seed", f"{kind}.seed"))


@contextmanager
def _bar(interrupt: Interrupt, what: str) -> Iterator[Callable[[Progress], None]]:
    """Show runs done, their rate and the time left, and below it what is done of each arm or of the points."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console, told = Console(stderr=True), time.monotonic()
    columns = TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[told]}")
    bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        lines = {what: bar.add_task(what, total=None, told="starting")}

        def tell(of: Progress) -> None:
            interrupt.check()
            left = "" if of.rate <= 0 else f", {of.rate:.3g} runs/s, {_clock(of.seconds_left)} left"
            failed = f", {of.failed} failed" if of.failed else ""
            found = f" ({of.found:,} found)" if of.found else ""
            text = f"{of.done:,}/{of.runs:,} runs{found}{left}{failed}"
            nonlocal told
            ended = of.done == of.runs
            if not console.is_terminal and (time.monotonic() - told > _LOG_EVERY or (ended and told < float("inf"))):
                # A log of a job has no bar: a line now and then, and one at the end.
                told = float("inf") if ended else time.monotonic()
                print(f"{what}: {text}", file=sys.stderr, flush=True)
            bar.update(lines[what], total=max(1, of.runs), completed=of.done, told=text)
            for name, (done, whole) in list(of.groups.items())[:_MOST_BARS]:
                if name not in lines:
                    lines[name] = bar.add_task(f"  {name}"[:32], total=whole, told="")
                bar.update(lines[name], completed=done, told=f"{done:,}/{whole:,}")

        yield tell


def _clock(seconds: float) -> str:
    """Return a time left in words: "40 s", "12 min", "3.2 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _ran(options: argparse.Namespace, name: str, file: str, work: Callable[..., Any]) -> tuple[Path, Any] | None:
    """Run an experiment into its store; None if it is one shard of it."""
    folder, shard = _folder(options, name, file), options.shard
    if not options.no_plots:
        guard.matplotlib()
    try:
        with _bar(options.interrupt, name) as tell:
            found = work(folder, workers=options.workers, dask=options.dask, shard=shard, progress=tell)
        options.interrupt.at_once()
    except KeyboardInterrupt:
        print(f"\nStopped. What was finished is in {folder}/; the same command goes on from there.", file=sys.stderr)
        raise SystemExit(options.interrupt.code) from None
    if found is None or shard != (1, 1):
        print(
            f"Shard {shard[0]} of {shard[1]} is done, in {folder}/. Put shards together: testis-abm merge INTO {folder} ..."
        )
        return None
    return folder, found


def _end(folder: Path, text: str, tables: Mapping[str, Any], draw: Callable[[], list[Path]], no_plots: bool) -> int:
    """Write tables and pictures, each whole or not at all, and print the text, whether or not the disk takes them."""
    pictures: list[Path] = []
    try:
        for name, table in tables.items():
            outputs.write_table(folder / f"{name}.parquet", table)
        if not no_plots:
            pictures = draw()
    finally:
        print(f"{text}\n{DISCLAIMER}", flush=True)
    names = sorted(path.name for path in pictures if path.suffix == ".png")
    print(f"Results in {folder}/" + (f"  (pictures: {', '.join(names)}; each as SVG too)" if names else ""))
    return 0


def _failed(failed: int, runs: int) -> int:
    """Return the exit code of an experiment: 1, said in words, where runs failed."""
    if failed:
        print(f"{failed:,} of {runs:,} runs failed (exit code 1); what ended is in the results.", file=sys.stderr)
    return 1 if failed else 0


def _sweep(options: argparse.Namespace) -> int:
    from testis_abm.experiments.design import Axis
    from testis_abm.experiments.store import read_manifest
    from testis_abm.experiments.sweep import summary, sweep
    from testis_abm.results.treatment import basis, last_window

    done = _ran(options, "sweep", options.file, partial(sweep, options.file, overrides=_changes(options, "sweep")))
    if done is None:
        return 0
    folder, table = done
    short, found = summary(folder), read_manifest(folder)
    design, failed = found["design"], table[table["error"] != ""]
    text = f"{found['title']}: {len(design['points']):,} points, {found['runs']:,} runs, {len(failed):,} failed, levels of day {max(found['days'])}\n"
    text += f"\n{_points(short, _shown(found), design['paths'])}\n{_replicates(short)}\n  {basis(*last_window(max(found['days'])))}"
    if len(failed):
        text += f"\n\n  first failure: {failed['error'].iloc[0]}"

    def draw() -> list[Path]:
        from testis_abm.pictures import experiments as pictures

        axes = [
            Axis(path, unit, tuple(short[path]), log=log)
            for path, unit, log in zip(design["paths"], design["units"], design["log"])
        ]
        title = f"{found['title']}, day {max(found['days'])}"
        return pictures.swept(short, axes, found["outputs"], folder, design["method"], title) if len(short) else []

    ended = _end(folder, text, {"results": table, "summary": short}, draw, options.no_plots)
    return ended or _failed(failed["run"].nunique() if "run" in failed else len(failed), found["runs"])


def _shown(found: Mapping[str, Any]) -> list[str]:
    """Return the outputs of a sweep that are printed: those that were asked for, a few of them all where none were."""
    outputs = list(found["outputs"])
    return outputs if found.get("asked") else [word for word in _USUAL if word in outputs]


def _points(table: Any, words: list[str], paths: list[str]) -> str:
    """Return points and, of each output, level and change with their 95 % intervals over replicates; a wide table in parts."""
    from testis_abm.experiments.outputs import OUTPUTS
    from testis_abm.quantities import label
    from testis_abm.results.report import aligned

    rows = [row for _, row in table.head(_MOST_POINTS).iterrows()]
    points = [list(paths), *([_value(row[path]) for path in paths] for row in rows)]
    parts: list[list[list[str]]] = []
    for word in words:
        cells = [label(OUTPUTS[word].column), *(_level(row, word) for row in rows)]
        wider = [[*line, cell] for line, cell in zip(parts[-1] if parts else points, cells)]
        if parts and max(map(len, aligned(wider).splitlines())) > _WIDEST:
            parts.append([[*line, cell] for line, cell in zip(points, cells)])
        else:
            parts[-1:] = [wider]
    more = len(table) - _MOST_POINTS
    return "\n\n".join(map(aligned, parts)) + (
        f"\n  ... and {more:,} more points, in summary.parquet" if more > 0 else ""
    )


def _level(row: Any, word: str) -> str:
    """Return the level of a point, treated where there is a therapy, with its change; both levels where that has no percentage."""
    from testis_abm.experiments.outputs import OUTPUTS
    from testis_abm.quantities import clinical
    from testis_abm.results.report import change, level
    from testis_abm.statistics import deterministic

    column, pairs = OUTPUTS[word].column, int(row["replicates"])
    untreated, half, treated = (
        float(clinical(column, row.get(f"{column}, {end}", float("nan"))))
        for end in ("untreated", "untreated_half", "treated")
    )
    if f"{column}, treated" not in row:
        width = 100.0 * half / untreated if untreated else float("nan")
        same = deterministic(0.0, -width, width, pairs)
        return level(column, untreated) + (f" ± {half:.2g}" if half == half and not same else "")
    middle, low, high = (row[f"{column}, change{end}_pct"] for end in ("", "_low", "_high"))
    centre, interval = change(middle, low, high, pairs)
    if centre == "-":
        return f"{level(column, untreated)} -> {level(column, treated)}"
    return f"{level(column, treated)} ({centre}{', ' + interval.strip('()') if interval else ''})"


def _replicates(table: Any) -> str:
    """Return what the levels and intervals of a sweep's summary are."""
    if table.empty:
        return ""
    from testis_abm.statistics import FEW

    treated = any(", treated" in name for name in table)
    level = (
        "  Treated level (change against untreated; levels untreated -> treated where nothing has no percentage)"
        if treated
        else "  Level"
    )
    least, most = int(table["replicates"].min()), int(table["replicates"].max())
    if most < 2:
        return f"{level}; 1 replicate a point: no interval."
    count = f"{least}" if least == most else f"{least} to {most}"
    rough = "; so few make it rough" if least < FEW else ""
    return f"{level}, 95 % interval over {count} replicates a point{rough}; none where all replicates are the same (deterministic)."


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _trial(options: argparse.Namespace) -> int:
    from testis_abm.experiments.trial import trial

    done = _ran(options, "trial", options.file, partial(trial, options.file, overrides=_changes(options, "trial")))
    if done is None:
        return 0
    folder, result = done

    def draw() -> list[Path]:
        from testis_abm.pictures import experiments as pictures

        return pictures.tried(result, folder)

    tables = {name: getattr(result, name) for name in ("men", "flow", "effects", "responders", "predictors", "power")}
    return _end(folder, result.text(), tables, draw, options.no_plots) or _failed(len(result.failed), len(result.men))


def _sensitivity(options: argparse.Namespace) -> int:
    from testis_abm.experiments.sensitivity import report, sensitivity

    done = _ran(
        options,
        "sensitivity",
        options.file,
        partial(sensitivity, options.file, overrides=_changes(options, "sensitivity")),
    )
    if done is None:
        return 0
    folder, table = done

    def draw() -> list[Path]:
        from testis_abm.pictures import experiments as pictures

        return pictures.ranked(table, folder)

    return _end(folder, report(folder), {"indices": table}, draw, options.no_plots)


def _compare(options: argparse.Namespace) -> int:
    import pandas as pd

    from testis_abm.experiments.compare import compare, read_arms

    title, arms = read_arms(options.files, overrides(options))
    work = partial(compare, arms, title=title, replicates=options.replicates)
    done = _ran(options, "compare", options.files[0], work)
    if done is None:
        return 0
    folder, found = done

    def draw() -> list[Path]:
        from testis_abm.pictures import experiments as pictures

        return pictures.compared(found, folder)

    rates = pd.concat([table.assign(arm=arm) for arm, table in found.attribution.items()])
    tables = {"courses": found.courses, "effects": found.effects, "attribution": rates}
    runs = found.replicates * len(found.arms) + len(found.failed)
    return _end(folder, found.text(), tables, draw, options.no_plots) or _failed(len(found.failed), runs)


def _merge(options: argparse.Namespace) -> int:
    from testis_abm.experiments.store import merge

    runs, wanted = merge(options.into, options.folders)
    print(
        f"{runs:,} of {wanted:,} runs in {options.into}/. Run the same command with --out {options.into} for tables and pictures."
    )
    return 0
