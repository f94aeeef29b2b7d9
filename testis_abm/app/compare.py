"""Compare: arms that were kept, each with its change against one of them, the reason, and their courses on one another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import solara

from testis_abm.app import charts, widgets
from testis_abm.app.fold import Fold
from testis_abm.app.results.compare import Arms
from testis_abm.app.results.parts import Refused, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments.compare_runs import Lived, of_runs
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.pictures import arms as drawn
from testis_abm.pictures import courses
from testis_abm.pictures.chart import Curve, Panel
from testis_abm.results.run import Run

_COLOURS = 8
_EMPTY = (
    "Nothing is kept yet. Run a scenario under “What if”, press “Keep as an arm to compare”, change it, run it again."
)
_LEVELS = (
    "Levels are those at the end of each arm’s own treatment. Hormones: means of its last 28 days; semen and sperm production: expected "
    "on its last morning. Arms of the same man and seed are paired by common random numbers."
)


@solara.component
@in_its_units
def Compare(session: Session) -> None:  # noqa: N802
    """Show the arms that were kept beside the one that was chosen."""
    kept, returning = session.kept.value, session.returning.value
    # Plausible models come after the run, which may be kept by then.
    models = session.progress.value.models, *(run.plausible is not None for _, run in kept)
    chosen, choose = solara.use_state("")
    lived = solara.use_memo(lambda: arms_of(kept), [kept])
    reference = chosen if chosen in lived else next(iter(lived), "")
    of_page = (
        {reference: lived[reference], **{name: of for name, of in lived.items() if name != reference}} if lived else {}
    )
    found = solara.use_memo(lambda: tried(lambda: of_runs(of_page)), [kept, reference, models, session.units.value])
    widgets.heading("Compare")
    if returning:
        are = "arm is" if len(returning) == 1 else "arms are"
        widgets.note(f"{len(returning)} kept {are} run again after the page was reloaded …")
    if not kept:
        if not returning:
            widgets.paragraph(_EMPTY)
        return
    for index, (name, run) in enumerate(kept):
        _Kept(session, index, name, run).key(f"kept-{index}")
    if len(lived) > 1:
        widgets.select("Compared with", reference, [(name, name) for name in lived], choose)
    if isinstance(found, Refused):
        widgets.paragraph("Keep a second arm, or one with a treatment, to compare.")
        _Course(session, lived, "expected_total_motile_count_million").key("alone")
    else:
        Arms(session, found, below=lambda word: _Course(session, lived, OUTPUTS[word].column))
    for title, panels in (("Hormones", courses.hormones), ("Semen", lambda arms: courses.semen(arms, dots=False))):
        Fold(session, title, partial(_group, session, lived, panels), False).key(title)
    widgets.paragraph(_LEVELS, "ta-unit")


@solara.component
@in_its_units
def _Kept(session: Session, index: int, name: str, run: Run) -> None:  # noqa: N802
    """Show a kept arm: its name, whose scenario it is, and what can be done with it."""
    with solara.Div(classes=["ta-row", "ta-arm"]):
        widgets.text_field(f"Name of arm {index + 1}", name, lambda text: session.rename(index, text))
        title = f"{run.title} · {run.scenario.plan.duration_days} days, {run.replicates} replicates, seed {run.scenario.plan.seed}"
        widgets.paragraph(title, "ta-unit ta-arm-title")
        load = lambda: session.take(lambda: run.scenario, f"Arm “{name}”")  # noqa: E731
        widgets.button("Load into the form", load, small=True, says=f"Load arm {name} into the form")
        widgets.button("Remove", lambda: session.drop(index), small=True, says=f"Remove arm {name}")


def arms_of(kept: tuple[tuple[str, Run], ...]) -> dict[str, Lived]:
    """Return the arms by the names that tell them apart, as many as have colours: the untreated control of each man, then what was kept."""
    several = len({Lived(run, run.arms[-1]).whose for _, run in kept}) > 1
    controls: dict[object, tuple[str, Lived]] = {}
    for name, run in kept:
        if UNTREATED in run.arms[:-1]:
            of = Lived(run, UNTREATED)
            controls.setdefault(of.whose, (f"untreated ({name})" if several else "untreated", of))
    arms = {name: Lived(run, run.arms[-1]) for name, run in kept}
    room = max(0, _COLOURS - len(arms))
    return {
        **{(name if name not in arms else f"{name}, control"): of for name, of in list(controls.values())[:room]},
        **arms,
    }


def _overlay(lived: dict[str, Lived]) -> tuple[list[courses.Arm], tuple[Curve, ...]]:
    """Return the arms, the first untreated one in the colour of nobody treated; and what takes that colour without one."""
    bare = [name for name, of in lived.items() if of.arm == UNTREATED][:1]
    order = [*bare, *(name for name in lived if name not in bare)]
    return [courses.Arm(name, lived[name].run, lived[name].arm) for name in order], () if bare else (drawn.NOBODY,)


@solara.component
@in_its_units
def _Course(session: Session, lived: dict[str, Lived], column: str) -> None:  # noqa: N802
    """Show the courses of an outcome in all arms on one another, with what is done in each."""
    arms, nobody = _overlay(lived)
    panel = drawn.with_first(courses.outcome(arms, column).clinical(), nobody)
    scenarios = {name: of.run.scenario for name, of in lived.items() if of.arm == TREATED}
    spans = drawn.treatments(scenarios)[0] if scenarios else ()
    charts.Hero(session, panel, charts.About("Kept arms", tuple(spans)))
    widgets.html(drawn.legend({arm.name: k for k, arm in enumerate(arms, len(nobody))}))


def _group(session: Session, lived: dict[str, Lived], panels: Callable[[list[courses.Arm]], list[Panel]]) -> None:
    arms, nobody = _overlay(lived)
    charts.grid(session, [drawn.with_first(panel, nobody) for panel in panels(arms)])
