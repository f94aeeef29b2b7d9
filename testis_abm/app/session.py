"""What one browser holds: a draft, a run that goes on beside it, and arms that were kept. Nothing is shared between browsers."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import solara

from testis_abm.app import differences, draft, fields, listed, own_code, share
from testis_abm.app.candidates import Choice, of_form
from testis_abm.app.history import History
from testis_abm.app.jobs.bench import Bench
from testis_abm.app.progress import BETWEEN, OVER_MODELS, Progress, Watcher
from testis_abm.app.received import Parts
from testis_abm.app.work import Allowance, Background, Fail, Stopped, Work
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY, GIVEN, UNIT_SYSTEMS, in_units, unit_system
from testis_abm.scenario import Scenario, load
from testis_abm.support.errors import ScenarioError, TestisError, printable

if TYPE_CHECKING:
    from testis_abm.app.clinic import Opened, Reports
    from testis_abm.app.matching import Match, Response
    from testis_abm.results.run import Run

RUNS = "What if"  # the view of runs, which is shown at first
MOST_ARMS = 7  # and the untreated control: as many as there are colours
_WIDTH = 760
_LONGEST_NAME = 80  # characters
_MOST_LINES = 20  # of a notice
_RECORDED = 24.0  # MB of frames an arm
# Bytes of a table of men: of what table_file.py reads, as much as a server that others use too holds for each of its pages.
LARGEST_TABLE = 8_000_000
_LARGE_TABLE = ", the most of this page; use testis-abm twin --table"
REMOVED = "removed"  # a notice of what went with a former patient


class Patient(NamedTuple):
    """What a page holds of a patient besides the form: what was typed of his reports, whose they are, who matches them."""

    labs: Mapping[str, str]
    chosen: Reports | None
    match: Match | None
    response: Response | None


class Form(NamedTuple):
    """What a step back brings back: a draft, and the patient (None: who is there stays)."""

    draft: draft.Draft
    patient: Patient | None = None


def _state[T](value: T) -> solara.Reactive[T]:
    """Return a state that has changed once it is another object: tables are not compared by content."""
    return solara.Reactive(value, equals=lambda one, other: one is other)


class Session:
    """The state of one page; made inside the page's component."""

    def __init__(self) -> None:
        self.draft: solara.Reactive[draft.Draft] = solara.Reactive(draft.start())
        self.notice: solara.Reactive[tuple[str, str]] = solara.Reactive(("", ""))  # kind, in words
        self.tab: solara.Reactive[str] = solara.Reactive(RUNS)
        self.progress = _state(Progress())
        self.recordings: solara.Reactive[Mapping[str, Any]] = _state({})
        self.kept: solara.Reactive[tuple[tuple[str, Run], ...]] = _state(())
        self.returning: solara.Reactive[tuple[tuple[str, Scenario], ...]] = _state(())
        self.labs: solara.Reactive[Mapping[str, str]] = solara.Reactive({})
        self.matching: solara.Reactive[tuple[str, str]] = solara.Reactive(("", ""))  # phase, in words
        self.match: solara.Reactive[Match | None] = _state(None)
        self.response: solara.Reactive[Response | None] = _state(None)
        self.assay: solara.Reactive[str] = solara.Reactive(DEFAULT_ASSAY)  # of the laboratory values
        self.choice: solara.Reactive[Choice] = solara.Reactive(Choice())  # candidates of treatment
        self.of_table: solara.Reactive[bool] = solara.Reactive(False)  # whether "Patients" shows the table of men
        self.table: solara.Reactive[Opened | None] = _state(None)
        self.opening: solara.Reactive[tuple[str, str]] = solara.Reactive(("", ""))  # phase, in words
        self.chosen: solara.Reactive[Reports | None] = _state(None)  # whose values are in the form
        self.outcome: solara.Reactive[str] = solara.Reactive("total_motile_count_million")  # a column
        self.width: solara.Reactive[int] = solara.Reactive(_WIDTH)  # pixels of the large chart, as the browser reports
        self.dark: solara.Reactive[bool | None] = solara.Reactive(None)  # None: not yet known
        self.units: solara.Reactive[str] = solara.Reactive(unit_system())
        self.bench = Bench()
        self.history: solara.Reactive[History[Form]] = _state(History())
        self._running, self._filming = Background("run of a session"), Background("film of a session")
        self._searching, self._repeating = Background("labs of a session"), Background("kept arms of a session")
        self._opening = Background("table of a session")
        self._file, self._table = Parts(share.LARGEST_UPLOAD, " and no scenario"), Parts(LARGEST_TABLE, _LARGE_TABLE)
        self._filmed: Scenario | None = None

    # ---- units and colours

    def measure(self, system: object) -> None:
        """Show levels in another system of units; what is none is not taken."""
        if isinstance(system, str) and system in UNIT_SYSTEMS:
            self.units.value = system

    def darken(self, dark: object) -> None:
        """Take dark or light colours, as the browser has them."""
        if isinstance(dark, bool):
            self.dark.value = dark

    def choose_outcome(self, column: object) -> None:
        """Show another outcome first; what is none is not taken."""
        from testis_abm.pictures import courses

        if column in courses.outcomes():
            self.outcome.value = str(column)

    def _start(self, background: Background, work: Work, fail: Fail) -> None:
        """Start work that words levels in the units of this page."""
        with in_units(self.units.peek()):
            background.start(work, fail)

    # ---- drafts

    def edit(self, change: Callable[..., draft.Draft], *how: Any) -> None:
        """Change the draft as it is now: `change(draft, *how)`. Moves of one slider in quick succession are one step."""
        before = self.draft.peek()
        with in_units(self.units.peek()):
            after = change(before, *how)
        for rows in fields.ROWS:
            there, count = (len(draft.rows_of(of, rows.path)) for of in (before, after))
            if count > max(there, draft.MOST_THERAPIES):
                text = f"{draft.MOST_THERAPIES} of “{rows.name}” are the most that this page takes; use testis-abm run for more"
                self.notice.value = ("error", text)
                return
        if after != before:
            self._step(after, of=(how[:-1] if change is draft.with_slider else None))

    def _step(self, after: draft.Draft, name: str = "", of: Any = None, patient: Patient | None = None) -> None:
        """Put a draft in the place of the one that is there, which a step back brings back, with the patient if one is given."""
        before = Form(self.draft.peek(), patient)
        self.history.value = self.history.peek().step(
            before, lambda first: name or differences.said(first.draft, after), of
        )
        self._keep_removed()
        self.draft.value = after

    def _keep_removed(self) -> None:
        """Say no more that a step back brings the former patient back, once there is a later one."""
        kind, text = self.notice.peek()
        if kind == REMOVED:
            self.notice.value = ("info", text)

    def _patient(self) -> Patient:
        return Patient(self.labs.peek(), self.chosen.peek(), self.match.peek(), self.response.peek())

    def undo(self) -> None:
        """Take back the last step."""
        back = self.history.peek().back
        self._go(self.history.peek().undone(self._like(back[-1].state)) if back else None)

    def redo(self) -> None:
        """Take the step again that was taken back last."""
        forth = self.history.peek().forth
        self._go(self.history.peek().redone(self._like(forth[-1].state)) if forth else None)

    def step(self, back: object) -> None:
        """Take a step back (True) or forth (False); what is neither is not taken."""
        if back is True:
            self.undo()
        elif back is False:
            self.redo()

    def _like(self, other: Form) -> Form:
        return Form(self.draft.peek(), None if other.patient is None else self._patient())

    def _go(self, to: tuple[Form, History[Form]] | None) -> None:
        if to is None:
            return
        form, self.history.value = to
        if form.patient is not None:
            self._forget()
            self.labs.value, self.chosen.value, self.match.value, self.response.value = form.patient
        self._keep_removed()
        self.draft.value = form.draft

    def take(self, read: Callable[[], Scenario], what: str) -> None:
        """Take over the scenario that `read` returns; if it is wrong, say so and change nothing."""
        try:
            scenario = read()
        except ScenarioError as error:
            self.notice.value = ("error", _few(str(error)))
            return
        if (rows := _treatments(scenario)) > draft.MOST_THERAPIES:
            text = f"{rows:,} treatments are more than this page shows ({draft.MOST_THERAPIES}); use testis-abm run"
            self.notice.value = ("error", f"{what}: {text}")
            return
        patient = self._patient()
        self._forget()
        self._step(draft.of(scenario), f"{what} “{scenario.title}”", patient=patient)
        self.notice.value = ("info", f"{what}: “{scenario.title}” is loaded.")

    def change_man(self, changed: draft.Draft, *, matched: bool = False) -> None:
        """Take over a draft of another man (draft.with_man), or of the one whom the laboratory values found (`matched`).

        What went with the former one is said; a step back brings it back.
        """
        before, patient = self.draft.peek(), self._patient()
        stays = listed.belongings(changed)
        gone = [thing for thing in listed.belongings(before) if thing not in stays]
        gone += ["laboratory values"] if any(patient.labs.values()) and not matched else []
        self._forget()
        if changed != before or any(patient):
            self._step(changed, "laboratory values" if changed == before else "", patient=patient)
        if gone:
            text = f"Removed with the former patient: {'; '.join(gone)}. Treatment and plan stay."
            self.notice.value = (REMOVED, text)

    def _forget(self) -> None:
        """Leave nothing of one patient to the next: laboratory values, who matches them, what is predicted of these."""
        self._searching.cancel()
        self.labs.value, self.matching.value, self.match.value, self.response.value = {}, ("", ""), None, None
        self.chosen.value, self.notice.value = None, ("", "")

    def open_link(self, fragment: object) -> None:
        """Take over the scenario of an address, if it holds one."""
        if isinstance(fragment, str) and share.is_link(fragment):
            self.take(lambda: share.from_link(fragment), "Link")

    def upload(self, name: object, content: object) -> None:
        """Take over the scenario of an uploaded file."""
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content or b"")  # type: ignore[call-overload]
        self.take(lambda: share.from_upload(name, data), "File")

    def receive(self, part: object) -> None:
        """Take a part of a scenario file, and the scenario with the last."""
        try:
            got = self._file.take(part)
        except ScenarioError as error:
            self.notice.value = ("error", str(error))
            return
        if got is not None:
            self.upload(*got)

    # ---- a clinic's table of men

    def receive_table(self, part: object) -> None:
        """Take a part of a table of men; with the last, read it beside the page."""
        try:
            got = self._table.take(part)
        except ScenarioError as error:
            self._not_opened(str(error))
            return
        if got is None:
            self.opening.value = ("busy", "The table is on its way …")
            return
        name, content = got
        self._open(lambda clinic: clinic.opened(content, name))

    def say(self, number: int, meaning: str, unit: str = "") -> None:
        """Read the table again, a column of it (from 1) as it is said ("": as its heading says)."""
        if (now := self.table.peek()) is not None:
            self._open(lambda clinic: clinic.read_again(now, said={**now.said, number: (meaning, unit)}))

    def decimal(self, sign: str) -> None:
        """Read the table again with another decimal sign: "comma", "point", or "" as it shows."""
        if (now := self.table.peek()) is not None:
            self._open(lambda clinic: clinic.read_again(now, decimal=sign))

    def _open(self, read: Callable[[Any], Opened]) -> None:
        self.opening.value = ("busy", "Reading the table …")

        def work(stop: threading.Event) -> None:
            from testis_abm.app import clinic

            opened = read(clinic)
            if not stop.is_set():
                self.table.value, self.opening.value = opened, ("", "")

        self._start(self._opening, work, self._not_opened)

    def _not_opened(self, reason: str) -> None:
        self.opening.value = ("wrong", _few(reason))

    def close_table(self) -> None:
        """Forget the table; a man of it who is in the form stays there."""
        self._opening.cancel()
        self.table.value, self.opening.value = None, ("", "")

    def choose(self, name: object) -> None:
        """Put the first untreated report of a man of the table into the fields of laboratory values, and show these."""
        from testis_abm.app import clinic

        if (now := self.table.peek()) is None or not isinstance(name, str):
            return
        try:
            reports = clinic.reports_of(now, name)
        except ScenarioError as error:
            self._not_opened(str(error))
            return
        self._forget()
        self.labs.value, self.chosen.value, self.of_table.value = reports.texts, reports, False
        self.notice.value = ("info", f"{reports.name}: his report is in the fields; press “Match virtual patients”.")

    def first_report_alone(self) -> None:
        """Leave out the other untreated reports of the man who was chosen."""
        if (reports := self.chosen.peek()) is not None:
            self.chosen.value = replace(reports, again=())

    # ---- laboratory values

    def write_lab(self, name: str, text: str) -> None:
        """Take a laboratory value as it was typed, in the unit shown beside it if it has none."""
        from testis_abm.app import matching

        with in_units(self.units.peek()):
            self.labs.value = {**self.labs.peek(), name: matching.with_unit(name, text)}

    def find(self, measured: str) -> None:
        """Look for the virtual patients who match the laboratory values; their representative becomes the man of the form."""
        from testis_abm.app import matching

        try:
            given = matching.read_labs(self.labs.peek())
            own = Scenario(parameters=self.draft.peek().get("parameters", {})).parameters
        except TestisError as error:
            self._not_matched(str(error))
            return
        reports = self.chosen.peek()
        self.match.value = self.response.value = None
        self.matching.value = ("busy", "Matching virtual patients …")

        def search(stop: threading.Event) -> None:
            match = matching.find(given, measured, own, () if reports is None else reports.again)
            if stop.is_set():
                return
            self.match.value = match
            self.represent()
            self.matching.value = ("done", "")

        self._start(self._searching, search, self._not_matched)

    def represent(self) -> None:
        """Make the representative of the matching virtual patients the man of the form; what is known of the patient stays."""
        if (match := self.match.peek()) is None:
            return
        before, of_patient = self.draft.peek(), (self.labs, self.chosen, self.match, self.response)
        known = [state.peek() for state in of_patient]
        self.change_man(
            draft.with_assay(draft.with_man(before, match.man, draft.OF_LABS), match.found.assay), matched=True
        )
        for state, value in zip(of_patient, known, strict=True):
            state.value = value

    def follow_day_by_day(self) -> None:
        """Show the representative under "What if" and run him: under the form's treatment, or else the first candidate."""
        if (match := self.match.peek()) is None:
            return
        if self.draft.peek()["man"] != match.man.as_dict():
            self.represent()
        choice = self.choice.peek()
        if choice.candidates and not of_form(self.draft.peek()):
            self.edit(lambda form: {**form, **choice.candidates[0]})
        self.tab.value, said = RUNS, draft.understood(self.draft.peek())
        if said.scenario is not None and not said.problems:
            self.run(said.scenario)

    def respond(self, scenarios: Sequence[Scenario], men: int) -> None:
        """Predict what the treatments of scenarios do to `men` of the matching virtual patients."""
        from testis_abm.app import matching

        match = self.match.peek()
        if match is None:
            return
        self.matching.value = ("busy", "Waiting for a free core …")
        shown = time.perf_counter()

        def predict(stop: threading.Event) -> None:
            def tell(begun: int, lives: int) -> None:
                nonlocal shown
                if stop.is_set():
                    raise Stopped
                if time.perf_counter() - shown > BETWEEN:
                    shown = time.perf_counter()
                    self.matching.value = ("busy", f"Treating {begun:,} of {lives:,} virtual patients …")

            response = matching.respond(match, scenarios, men, tell)
            if not stop.is_set():
                self.response.value, self.matching.value = response, ("done", "")

        self._start(self._searching, predict, self._not_matched)

    def cancel_matching(self) -> None:
        """Stop matching or predicting; what was found before stays."""
        self._searching.cancel()
        if self.matching.peek()[0] == "busy":
            self.matching.value = ("cancelled", "Cancelled.")

    def _not_matched(self, reason: str) -> None:
        self.matching.value = ("wrong", reason)

    # ---- runs

    def run(self, scenario: Scenario) -> None:
        """Run a scenario, the untreated control beside the treated man."""
        if scenario != self._filmed:  # else its film is the same
            self._filming.cancel()
            self._filmed = None
            self.recordings.value = {}
        self.history.value = self.history.peek().ended()
        units = self.units.peek()
        self.progress.value = Progress("waiting", scenario, text="waiting for a free core")
        started = time.perf_counter()

        def work(stop: threading.Event) -> None:
            from testis_abm.experiments.simulate import over_models, run

            watcher = Watcher(self.progress.set, scenario, stop, started)
            result = run(scenario, watch=watcher, plausible=False, model=own_code.model())
            seconds = time.perf_counter() - started
            text = f"Done in {seconds:.1f} s"
            models = "" if own_code.given() else OVER_MODELS
            done = Progress("done", scenario, result, text, 1.0, watcher.first or seconds, seconds, models, units)
            watcher.publish(done)
            if own_code.given():  # which plausible models do not know
                return
            # Nobody waits for it: the run is on the page by now.
            result.plausible = over_models(scenario, progress=lambda begun, all_of_them: watcher.check())
            watcher.publish(replace(done, models=""))

        self._start(self._running, work, self._failed)

    def _failed(self, reason: str) -> None:
        now = self.progress.peek()
        if now.phase == "done":  # the run itself stays
            self.progress.value = replace(now, models=f"Plausible models could not be worked out: {reason}")
        else:
            self.progress.value = replace(now, phase="failed", text=reason)

    def cancel(self) -> None:
        """Stop the run, or the work over plausible models that follows it; what it has brought so far stays."""
        self._running.cancel()
        now = self.progress.value
        if now.busy:
            self.progress.value = replace(now, phase="cancelled", text=f"Cancelled. {now.text}")
        elif now.going:
            self.progress.value = replace(now, models="Plausible models: cancelled.")

    def film(self) -> None:
        """Record the tissue of the scenario that was run, once somebody looks: its frames cost more than the run itself.

        The men live again, day by day as they did: the same seed gives the same cells. Of one that fails, the run
        itself tells.
        """
        scenario = self.progress.peek().scenario
        if scenario is not None and scenario != self._filmed:
            self._filmed = scenario
            self._filming.start(functools.partial(self._film, scenario))

    def _film(self, scenario: Scenario, stop: threading.Event) -> None:
        from testis_abm.app.tubule import Recording
        from testis_abm.experiments.simulate import men_of

        allowance, men = Allowance(stop), men_of(scenario, model=own_code.model())
        recordings = {arm: Recording(model, megabytes=_RECORDED) for arm, model in men.items()}
        allowance.check()
        self.recordings.value = recordings  # while they still grow: the view follows
        while running := [arm for arm, model in men.items() if model.running]:
            allowance.check()
            for arm in running:
                men[arm].step()
                recordings[arm].record()

    def close(self) -> None:
        """Stop what is running, as nobody is left to see it."""
        of_all = (self._running, self._filming, self._searching, self._repeating, self._opening)
        for background in of_all:
            background.cancel()
        self.bench.close()

    # ---- kept arms

    def keep(self, name: str, result: Run) -> None:
        """Keep a run as an arm to compare; a second one of a name gets a number."""
        kept = self.kept.value
        if len(kept) >= MOST_ARMS:
            text = f"{MOST_ARMS} arms are kept, as many as can be told apart; remove one under “Compare” first."
            self.notice.value = ("error", text)
            return
        self.kept.value = (*kept, (_free_name(name, "arm", [other for other, _ in kept]), result))

    def rename(self, index: int, name: str) -> None:
        """Give a kept arm another name, its number if that is blank."""
        kept = self.kept.value
        others = [other for i, (other, _) in enumerate(kept) if i != index]
        new = _free_name(name, f"arm {index + 1}", others)
        self.kept.value = tuple((new if i == index else old, result) for i, (old, result) in enumerate(kept))

    def drop(self, index: int) -> None:
        """Keep an arm no longer."""
        self.kept.value = tuple(arm for i, arm in enumerate(self.kept.value) if i != index)

    # ---- what a reload brings back

    def stored(self) -> dict[str, Any]:
        """Return what the browser keeps for a reload: the form, what was run last and the kept arms as links, the view and the laboratory values."""
        written, now = draft.understood(self.draft.value).scenario, self.progress.value
        arms = [(name, result.scenario) for name, result in self.kept.value]
        return {
            "form": share.link(written) if written else "",
            "ran": share.link(now.scenario) if now.scenario and (now.busy or now.phase == "done") else "",
            "arms": [[name, share.link(scenario)] for name, scenario in (*arms, *self.returning.value)],
            "view": self.tab.value,
            # Of a clinic's table nothing is kept outside the server.
            "labs": {} if self.chosen.value is not None else dict(self.labs.value),
            "assay": self.assay.value,
        }

    def restore(self, kept: object) -> None:
        """Bring back what `stored` gave, by running it again: what a browser sends is a scenario, checked as a link is, and no result.

        What is damaged or too large is left out, and said.
        """
        if not isinstance(kept, Mapping):
            return
        form, ran = _scenario(kept.get("form")), _scenario(kept.get("ran"))
        rows = kept.get("arms") if isinstance(kept.get("arms"), list) else []
        named = [row for row in rows or () if isinstance(row, list) and len(row) == 2]
        arms = [(str(name), scenario) for name, link in named[:MOST_ARMS] if (scenario := _scenario(link)) is not None]
        if isinstance(view := kept.get("view"), str):
            self.tab.value = view[:_LONGEST_NAME]
        if isinstance(labs := kept.get("labs"), Mapping):
            self.labs.value = {name: str(labs[name])[:_LONGEST_NAME] for name in GIVEN if name in labs}
        if (assay := kept.get("assay")) in tuple(ASSAYS):
            self.assay.value = str(assay)
        self.returning.value = tuple(arms)  # first, so that the browser goes on keeping them
        if (written := form or ran) is not None:
            self.draft.value = draft.of(written)
        if ran is not None:
            self.run(ran)
        if arms:
            self._start(self._repeating, self._repeat, self._not_repeated)
        if rows and len(arms) < len(rows):
            text = f"{len(rows) - len(arms)} of {len(rows)} kept arms could not be brought back."
            self.notice.value = ("error", text)

    def _repeat(self, stop: threading.Event) -> None:
        """Run the first of the arms that a reload brings back; the same seed gives the same results."""
        from testis_abm.experiments.simulate import run

        (name, scenario), allowance = self.returning.peek()[0], Allowance(stop)
        model = own_code.model()
        result = run(scenario, watch=lambda replicate, men: allowance.check(), plausible=False, model=model)
        if not stop.is_set():
            self.keep(name, result)
            self._go_on_repeating()

    def _not_repeated(self, reason: str) -> None:
        self.notice.value = ("error", f"The kept arm “{self.returning.peek()[0][0]}” could not be run again.")
        self._go_on_repeating()

    def _go_on_repeating(self) -> None:
        self.returning.value = self.returning.peek()[1:]
        if self.returning.peek():  # with the others who wait for a core
            self._start(self._repeating, self._repeat, self._not_repeated)


def _few(text: str) -> str:
    """Return the first lines of a text, and how many more there are."""
    lines = text.splitlines()
    more = [f"… and {len(lines) - _MOST_LINES:,} more"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more])


def _treatments(scenario: Scenario) -> int:
    return (
        len(scenario.therapy)
        + len(scenario.weight)
        + len(scenario.clamp)
        + len(scenario.insult)
        + len(scenario.changing)
    )


def _scenario(link: object) -> Scenario | None:
    """Return the scenario of a link that a browser kept, if it is one that this page runs; None otherwise."""
    if not isinstance(link, str) or not share.is_link(link):
        return None
    try:
        scenario = share.from_link(link)
    except ScenarioError:
        return None
    return None if _treatments(scenario) > draft.MOST_THERAPIES or draft.too_large(scenario) else scenario


def _free_name(name: str, otherwise: str, taken: Sequence[str]) -> str:
    """Return a name that is not taken: itself (if it is not blank), or with a number."""
    plain = printable(name.strip())[:_LONGEST_NAME] or otherwise
    numbered = (f"{plain} ({k})" if k > 1 else plain for k in itertools.count(1))
    return next(free for free in numbered if free not in taken)


@functools.cache
def warm() -> None:
    """Load and compile in the background what the first run needs, once a process."""
    therapy = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
    plan = {"duration": 20, "baseline": 2, "replicates": 1}
    Session().run(load({"plan": plan, "tissue": {"tubules": 1}, "therapy": [therapy]}))
