"""Commands of experiments: `testis-abm compare`, `sweep`, `trial`, `sensitivity` and `merge`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.errors import TestisError, shown

if TYPE_CHECKING:
    from testis_abm.experiments.runner import Progress
    from testis_abm.interrupt import Interrupt

_NOTE = "Research software: a simulation, not medical advice."


def add(commands: Any) -> None:
    """Add the commands to the parser of `testis-abm`."""
    command = commands.add_parser(
        "compare", help="compare arms with the same luck",
        description="Compare scenario files, or the [[arm]] tables of one, with common random numbers. " + _NOTE,
        epilog="Example: testis-abm compare scenarios/experiments/compare_drugs.toml",
    )  # fmt: skip
    command.add_argument("files", nargs="+", metavar="FILE", help="scenarios, or one file with [[arm]] tables")
    command.add_argument("--replicates", type=int, help="instead of plan.replicates")
    _common(command, "compare")
    command.set_defaults(action=_compare)
    for name, what, action in (
        ("sweep", "run a scenario over a [sweep] of values", _sweep),
        ("trial", "run a virtual randomised [trial] of its [[arm]]s", _trial),
        ("sensitivity", "rank inputs by what they move: [sensitivity]", _sensitivity),
    ):
        command = commands.add_parser(
            name, help=what, description=f"{what[0].upper()}{what[1:]}. What is finished is kept; call again to go on. {_NOTE}",
            epilog=f"Example: testis-abm {name} scenarios/experiments/{name}.toml --workers 2",
        )  # fmt: skip
        command.add_argument("file", help=f"scenario with a [{name}] table")
        command.add_argument("--workers", type=int, default=0, help="local processes (default one a core)")
        command.add_argument(
            "--dask", metavar="ADDRESS", default="", help='Dask scheduler, e.g. tcp://host:8786, or "local"'
        )
        command.add_argument("--shard", metavar="I/N", default="1/1", help="do the I-th of N parts, for job arrays")
        _common(command, name)
        command.set_defaults(action=action)
    command = commands.add_parser(
        "merge", help="put stores of one experiment together", description="Put the shards of an experiment together."
    )
    command.add_argument("into", metavar="INTO", help="folder of the whole")
    command.add_argument("folders", nargs="+", metavar="FOLDER", help="stores of shards")
    command.set_defaults(action=_merge)


def _common(command: Any, name: str) -> None:
    command.add_argument("--out", metavar="FOLDER", help=f"results (default runs/{name}-NAME)")
    command.add_argument("--no-plots", action="store_true", help="write tables only")


def _folder(options: argparse.Namespace, name: str, file: str) -> Path:
    return Path(options.out) if options.out else Path("runs") / f"{name}-{Path(file).stem}"


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise TestisError(f"--shard {shown(text)}: write it as I/N with I from 1 to N, for example --shard 2/3")
    return int(found[1]), int(found[2])


@contextmanager
def _bar(interrupt: Interrupt, what: str) -> Iterator[Callable[[Progress], None]]:
    """Show runs done, their rate and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[told]}"),
                   console=Console(stderr=True), transient=True)  # fmt: skip
    with bar:
        task = bar.add_task(what, total=None, told="starting")

        def tell(of: Progress) -> None:
            interrupt.check()
            left = "" if of.rate <= 0 else f", {of.rate:.3g} runs/s, {of.seconds_left:.0f} s left"
            failed = f", {of.failed} failed" if of.failed else ""
            found = f" ({of.found:,} found)" if of.found else ""
            bar.update(
                task,
                total=max(1, of.runs),
                completed=of.done,
                told=f"{of.done:,}/{of.runs:,} runs{found}{left}{failed}",
            )

        yield tell


def _ran(options: argparse.Namespace, name: str, work: Callable[..., Any]) -> tuple[Path, Any] | None:
    """Run an experiment into its store; None if it was stopped or is one shard of it."""
    folder, shard = _folder(options, name, options.file), _shard(options.shard)
    if options.workers < 0:
        raise TestisError(f"--workers {options.workers}: use 1 or more (0: one a core)")
    try:
        with _bar(options.interrupt, name) as tell:
            found = work(options.file, folder, workers=options.workers, dask=options.dask, shard=shard, progress=tell)
    except KeyboardInterrupt:
        print(f"\nStopped. What was finished is in {folder}/; the same command goes on from there.", file=sys.stderr)
        raise SystemExit(options.interrupt.code) from None
    options.interrupt.at_once()
    if shard != (1, 1):
        print(
            f"Shard {shard[0]} of {shard[1]} is done, in {folder}/. Put shards together: testis-abm merge INTO {folder} ..."
        )
        return None
    return folder, found


def _end(folder: Path, pictures: list[Path]) -> int:
    names = sorted(path.name for path in pictures if path.suffix == ".png")
    print(f"{_NOTE}\nResults in {folder}/" + (f"  (pictures: {', '.join(names)}; each as SVG too)" if names else ""))
    return 0


def _sweep(options: argparse.Namespace) -> int:
    from testis_abm.experiments.design import Axis
    from testis_abm.experiments.store import read_manifest
    from testis_abm.experiments.sweep import summary, sweep

    done = _ran(options, "sweep", sweep)
    if done is None:
        return 0
    folder, table = done
    _keep(table, folder / "results.parquet")
    short = summary(folder)
    _keep(short, folder / "summary.parquet")
    found = read_manifest(folder)
    failed = table[table["error"] != ""]
    print(
        f"{found['title']}: {len(found['design']['points']):,} points, {found['runs']:,} runs, {len(failed):,} failed, levels of day {max(found['days'])}\n"
    )
    _show(short, found["outputs"], found["design"]["paths"])
    if len(failed):
        print(f"\n  first failure: {failed['error'].iloc[0]}")
    pictures: list[Path] = []
    if not options.no_plots and len(short):
        from testis_abm.experiments import pictures as draw

        design = found["design"]
        axes = [
            Axis(path, unit, tuple(short[path]), log=log)
            for path, unit, log in zip(design["paths"], design["units"], design["log"])
        ]
        pictures = draw.swept(short, axes, found["outputs"], folder)
    return _end(folder, pictures)


def _show(table: Any, outputs: list[str], paths: list[str]) -> None:
    """Print points and, of a few outputs, level and change."""
    from testis_abm.experiments.outputs import OUTPUTS, clinical, label

    words = [
        word for word in ("testosterone", "T/E2", "LH", "sperm concentration", "total motile count") if word in outputs
    ] or outputs[:4]
    print(
        "  " + "".join(f"{path:>26s}" for path in paths) + "".join(f"{label(OUTPUTS[word][0]):>30s}" for word in words)
    )
    for k, (_, row) in enumerate(table.iterrows()):
        if k >= 40:
            print(f"  ... and {len(table) - 40:,} more points, in summary.parquet")
            break
        cells = []
        for word in words:
            column = OUTPUTS[word][0]
            arm = "treated" if f"{column}, treated" in row else "untreated"
            level = float(clinical(column, [row[f"{column}, {arm}"]])[0])
            change = row.get(f"{column}, change_pct", float("nan"))
            cells.append(f"{level:.3g}" + (f" ({change:+.0f} %)" if change == change else ""))
        print("  " + "".join(f"{_value(row[path]):>26s}" for path in paths) + "".join(f"{cell:>30s}" for cell in cells))


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _keep(table: Any, path: Path) -> None:
    """Write a table as Parquet, whole or not at all."""
    from testis_abm.experiments.store import told

    beside = path.with_name(f".{path.name}")
    with told(path.parent):
        table.to_parquet(beside, index=False)
        beside.replace(path)


def _trial(options: argparse.Namespace) -> int:
    from testis_abm.experiments.trial import trial

    done = _ran(options, "trial", trial)
    if done is None:
        return 0
    folder, result = done
    for name in ("men", "effects", "responders", "predictors", "power"):
        _keep(getattr(result, name), folder / f"{name}.parquet")
    print(result.text())
    pictures: list[Path] = []
    if not options.no_plots:
        from testis_abm.experiments import pictures as draw

        pictures = draw.tried(result, folder)
    return _end(folder, pictures)


def _sensitivity(options: argparse.Namespace) -> int:
    from testis_abm.experiments.sensitivity import sensitivity

    done = _ran(options, "sensitivity", sensitivity)
    if done is None:
        return 0
    folder, table = done
    _keep(table, folder / "indices.parquet")
    morris = "mu_star" in table
    from testis_abm.experiments.store import read_manifest

    for word in read_manifest(folder)["outputs"]:
        if word not in set(table["output"]):
            print(f"  {word}: no input moves it")
    for word, rows in table.groupby("output", sort=False):
        print(f"  {word} ({rows['quantity'].iloc[0]})".replace(" ()", ""))
        for row in rows.itertuples():
            told = (
                f"{row.mu_star:10.3g} +- {row.confidence:.2g}, sigma {row.sigma:.2g}"
                if morris
                else (f"alone {row.first:6.2f}, in all {row.total:6.2f} +- {row.confidence:.2f}")
            )
            print(f"    {row.input:44s}{told}")
    pictures: list[Path] = []
    if not options.no_plots:
        from testis_abm.experiments import pictures as draw

        pictures = draw.ranked(table, folder)
    return _end(folder, pictures)


def _compare(options: argparse.Namespace) -> int:
    from testis_abm.experiments.compare import compare, read_arms

    arms = read_arms(options.files)
    folder = _folder(options, "compare", options.files[0])
    options.interrupt.check()

    def tell(replicate: int, arm: str) -> None:
        options.interrupt.check()
        print(f"\r  replicate {replicate + 1}, {arm}        ", end="", file=sys.stderr, flush=True)

    try:
        found = compare(arms, replicates=options.replicates, progress=tell if sys.stderr.isatty() else None)
    except KeyboardInterrupt:
        print("\nStopped. Nothing was written.", file=sys.stderr)
        return int(options.interrupt.code)
    from testis_abm.experiments.store import told

    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    import pandas as pd

    _keep(found.courses, folder / "courses.parquet")
    _keep(found.effects, folder / "effects.parquet")
    _keep(
        pd.concat([table.assign(arm=arm) for arm, table in found.attribution.items()]), folder / "attribution.parquet"
    )
    print(("\r" if sys.stderr.isatty() else "") + found.text())
    pictures: list[Path] = []
    if not options.no_plots:
        from testis_abm.experiments import pictures as draw

        pictures = draw.compared(found, folder)
    return _end(folder, pictures)


def _merge(options: argparse.Namespace) -> int:
    from testis_abm.experiments.store import merge, read_manifest

    runs = merge(options.into, options.folders)
    wanted = read_manifest(options.into)["runs"]
    print(
        f"{runs:,} of {wanted:,} runs in {options.into}/. Run the same command with --out {options.into} for tables and pictures."
    )
    return 0
