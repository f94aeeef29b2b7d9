"""His labs: find the men who could have given them, take the one in their middle, and ask what a treatment does to all of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, widgets
from testis_abm.app.session import Session, Stopped, Task, place
from testis_abm.errors import Problem, ScenarioError, TestisError
from testis_abm.population.given import VARIABLES, Lab, parse
from testis_abm.scenario import Man

if TYPE_CHECKING:
    from testis_abm.population.twin import Twin

_MEN = 60  # of those who fit, that are treated
_FIELDS = (
    ("t", "Testosterone", "260 ng/dL"), ("e2", "Oestradiol", "30 pg/mL"), ("lh", "LH", "3.1 IU/L"), ("fsh", "FSH", "4.4 IU/L"),
    ("inhibin-b", "Inhibin B", "150 pg/mL"), ("shbg", "SHBG", "30 nmol/L"), ("concentration", "Sperm concentration", "6 M/mL"),
    ("volume", "Ejaculate volume", "3 mL"), ("motility", "Progressive motility", "30 %"), ("morphology", "Normal forms", "4 %"),
    ("bmi", "Body mass index", "33"), ("age", "Age", "34"),
)  # fmt: skip
_ASSAYS = (("immunoassay", "Oestradiol by immunoassay"), ("lc-ms", "Oestradiol by mass spectrometry"))
_PLAIN = {"bmi": "kg/m2", "age": "years"}


def read_labs(texts: dict[str, str]) -> dict[str, Lab]:
    """Return the labs that were typed, by the name that the twin knows them by.

    Raises:
        TestisError: one that is no lab, or that no living man has.
    """
    labels = {option: label for option, label, _ in _FIELDS}
    given: dict[str, Lab] = {}
    problems: list[Problem] = []
    for option, text in texts.items():
        name = option.replace("-", "_")
        try:
            lab = parse(name, text, labels[option])
        except ScenarioError as error:
            problems += error.problems
            continue
        if lab is not None:
            given[name] = lab
    if problems:
        raise ScenarioError(problems)
    if not given.keys() & VARIABLES.keys():
        raise TestisError("Give at least one laboratory value: testosterone, LH, or any other above.")
    return given


def middle(found: Twin) -> dict[str, Any]:
    """Return the physiology of one man who stands for those who fit: of the likelier half, the nearest to their weighted mean."""
    fields = parameters_of(found)
    logs = np.log(np.maximum(found.men[fields].to_numpy(dtype=float), 1e-6))
    mean = found.weights @ logs
    spread = np.sqrt(found.weights @ (logs - mean) ** 2)
    apart = (((logs - mean) / np.maximum(spread, 1e-6)) ** 2).sum(axis=1)
    likely = found.weights >= np.median(found.weights[found.weights > found.weights.max() * 1e-3])
    best = int(np.where(likely, apart, np.inf).argmin())
    return {name: float(found.men[name].iloc[best]) for name in found.men}


def parameters_of(found: Twin) -> list[str]:
    """Return the fields in which the men differ."""
    return [name for name in found.men if np.ptp(found.men[name].to_numpy()) > 0.0]


@solara.component
def Labs(session: Session) -> None:  # noqa: N802
    """Show fields for labs, and what they say of the man."""
    texts, set_texts = solara.use_state({option: "" for option, _, _ in _FIELDS})
    assay, set_assay = solara.use_state("immunoassay")
    state, set_state = solara.use_state(("", ""))  # phase, told
    spread, set_spread = solara.use_state("")
    task = solara.use_memo(lambda: Task("labs of a session"), [])
    solara.use_effect(lambda: task.cancel, [])

    def worked(stop: threading.Event, work: Any) -> None:
        try:
            with place(stop):
                work()
        except Stopped:
            return
        except TestisError as error:
            if not stop.is_set():
                set_state(("wrong", str(error)))

    def find() -> None:
        try:
            given = read_labs(texts)
        except TestisError as error:
            set_state(("wrong", str(error)))
            return
        set_state(("busy", "Looking for the men who could have given these labs …"))
        set_spread("")

        def search(stop: threading.Event) -> None:
            from testis_abm.population import told, twin

            found = twin.find({name: lab.value for name, lab in given.items()}, assay=assay)
            text = told.about(found, {name: (lab.unit, lab.factor) for name, lab in given.items()})
            if stop.is_set():
                return
            session.twin.value = found
            now = draft.with_entry(
                session.draft.peek(), Man(preset="fertile", **within(middle(found))).as_dict(), "man"
            )
            now = draft.with_entry(now, draft.OF_LABS, "title")
            samples = {**now.get("samples", {}), "assay": assay}
            session.draft.value = draft.with_entry(now, samples, "samples")
            set_state(("found", text))

        task.start(lambda stop: worked(stop, lambda: search(stop)))

    def treat() -> None:
        said = draft.understood(session.draft.value)
        found = session.twin.value
        if said.scenario is None or found is None or not said.scenario.treated:
            set_spread("Add a treatment first.")
            return
        set_spread("Treating the men who fit …")
        case = said.scenario

        def predict(stop: threading.Event) -> None:
            from testis_abm.population import told
            from testis_abm.population.predict import predict as predicted

            before, after = predicted(found.sample(_MEN), case)
            if not stop.is_set():
                set_spread(told.predicted(before, after, found.sample_lesions(_MEN), False))

        task.start(lambda stop: worked(stop, lambda: predict(stop)))

    with solara.Div(classes=["ta-sheet"]), v.Html(tag="details"):
        v.Html(tag="summary", children=["… or give his labs"])
        widgets.paragraph("What is left empty is left open. With its unit: 260 ng/dL, 9 nmol/L.", "ta-unit")
        with solara.Div(classes=["ta-cells"]):
            for option, label, hint in _FIELDS:
                widgets.text_field(
                    label, texts[option], lambda text, option=option: set_texts({**texts, option: text}), hint=f"e.g. {hint}",  # type: ignore[misc]
                    unit=_PLAIN.get(option, ""),
                )  # fmt: skip
        widgets.select("Assay", assay, _ASSAYS, set_assay)
        phase, text = state
        with solara.Div(classes=["ta-row"]):
            widgets.button("Find the man", find, disabled=phase == "busy")
        if phase in ("wrong", "busy"):
            widgets.note(text, wrong=phase == "wrong")
        elif phase == "found":
            if session.draft.value.get("title") == draft.OF_LABS:
                widgets.note("The form above holds the man in the middle of those who could have given these labs.")
            with v.Html(tag="details"):
                v.Html(tag="summary", children=["What the labs determine, and what they leave open"])
                v.Html(tag="pre", children=[text])
            widgets.button("What the treatment does to all who fit", treat, small=True)
            if spread:
                v.Html(tag="pre", children=[spread], attributes={"role": "status"})


def within(values: dict[str, Any]) -> dict[str, Any]:
    """Return physiology fields held to their ranges, which a population's tails can leave."""
    from testis_abm.parameters import physiology

    known = physiology()
    return {name: min(max(value, known[name].low), known[name].high) for name, value in values.items()}
