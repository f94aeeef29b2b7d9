"""A film of a man's tubules in cross-section, a frame a day, as MP4 or GIF."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.exports.target import arms_of, days_of, described, file_for, mornings, needs, suffix_of, usual_arm
from testis_abm.scenario import Scenario
from testis_abm.scenario.load import load
from testis_abm.support import files, guard, outputs

if TYPE_CHECKING:
    from PIL.Image import Image

FIELDS = ("testosterone", "oestradiol", "t_over_e2")
MOST = {".mp4": 730, ".gif": 200}  # frames: some 60 kB each of MP4, 200 kB of GIF
_DAYS_A_SECOND = 4
_DPI = 130
_COLOURS = 128  # of a GIF


def export_film(
    scenario: Any, out: str | Path, *, days: object = None, field: str = "testosterone", arm: str | None = None
) -> Path:
    """Write a film of the middle section of a man's tubules, a frame a day and four days a second; return the path.

    Args:
        scenario: a Scenario, a mapping, or the path or name of a scenario file.
        out: file that ends on .mp4 (H.264) or .gif.
        days: "FIRST:LAST" of the plan, both included (default: all of it).
        field: the steroid that colours the tissue: "testosterone", "oestradiol" or "t_over_e2", on one scale for all days and
            arms.
        arm: "treated" (default where there is a therapy), "untreated", or "both" side by side.

    Raises:
        TestisError: days, arm or field that are not there, more frames than MOST, another suffix, matplotlib or imageio-ffmpeg is
            missing, or the file cannot be written or is somebody else's.
    """
    suffix = suffix_of(out, tuple(MOST))
    guard.word(field, FIELDS, "field")
    guard.matplotlib()
    if suffix == ".mp4":
        needs("imageio_ffmpeg", "imageio-ffmpeg", "a film as MP4")
    outputs.check(out)
    case = load(scenario)
    arms, span = arms_of(case, usual_arm(case, arm)), days_of(days, case.plan.duration_days)
    guard.few(len(span), MOST[suffix], f"frames of {suffix}", "film fewer days", "days")
    frames = _frames(case, arms, span, field)
    with file_for(out) as file:
        (_mp4 if suffix == ".mp4" else _gif)(frames, file, described(case))
    return files.resolved(out)


def _frames(case: Scenario, arms: tuple[str, ...], days: range, field: str) -> Iterator[Image]:
    """Yield the picture of each day, all of one size."""
    import matplotlib
    from PIL import Image

    from testis_abm.pictures.data import PlotData
    from testis_abm.pictures.style import NOTE, RC
    from testis_abm.pictures.tubules import draw, field_of

    sections = [{arm: man.cross_section() for arm, man in men.items()} for _, men in mornings(case, arms, days)]
    highest = max(1e-9, *(float(field_of(one, field).max()) for today in sections for one in today.values()))
    said = "; ".join(part.title for part in case.therapy) if case.treated and arms != ("untreated",) else "untreated"
    called = {arm: case.called(arm) for arm in arms}
    span = (float(days.start), float(days.stop - 1))
    for day, today in zip(days, sections, strict=True):
        data = PlotData(case.heading, arms, f"Seed {case.plan.seed}. {NOTE}", "", span, (), {}, {}, today, called)
        with io.BytesIO() as picture, matplotlib.rc_context(RC):
            figure = draw(data, field, highest=highest, subtitle=f"Day {day} of {case.plan.duration_days}: {said}")
            figure.savefig(picture, format="png", dpi=_DPI)
            shown = Image.open(picture).convert("RGB")
        # H.264 halves the resolution of colours: even sides.
        yield shown.crop((0, 0, shown.width // 2 * 2, shown.height // 2 * 2))


def _mp4(frames: Iterator[Image], file: Path, said: dict[str, str]) -> None:
    import imageio_ffmpeg

    first = next(frames)
    marks = [part for name in ("title", "comment") for part in ("-metadata", f"{name}={_mark(said)}")]
    writer = imageio_ffmpeg.write_frames(
        str(file), first.size, fps=_DAYS_A_SECOND, quality=7, macro_block_size=2, output_params=marks
    )
    writer.send(None)
    for frame in (first, *frames):
        writer.send(np.ascontiguousarray(frame))
    writer.close()


def _gif(frames: Iterator[Image], file: Path, said: dict[str, str]) -> None:
    first, *others = (frame.quantize(_COLOURS) for frame in frames)
    first.save(
        file,
        save_all=True,
        append_images=others,
        duration=1000 // _DAYS_A_SECOND,
        loop=0,
        comment=_mark(said).encode("ascii", "replace"),
    )


def _mark(said: dict[str, str]) -> str:
    return f"{said['software']} {said['version']}: {said['scenario']}. {said['disclaimer']}"
