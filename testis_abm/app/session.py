"""What one browser holds: a draft, a run that goes on beside it, and arms that were kept. Nothing is shared between browsers."""

from __future__ import annotations

import _thread
import ctypes
import functools
import gc
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import solara

from testis_abm.app import draft, share
from testis_abm.scenario import Scenario, load
from testis_abm.support.errors import ScenarioError, TestisError

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel
    from testis_abm.app.matching import Match, Response
    from testis_abm.results.run import Run

MOST_SECONDS = 300.0  # of the processor, for a run or a film: what the limits of a draft allow takes a third of it
MOST_ARMS = 7  # and the untreated control: as many as there are colours
_LONGEST_NAME = 80  # characters
_MOST_LINES = 20  # of a notice
_FIRST_DAYS = 14  # lived before the first picture
_BETWEEN = 0.25  # seconds between pictures
_RECORDED = 24.0  # MB of frames an arm
_STREAMED = ("hormones", "semen")
FAULT = "This failed by a fault of the program; the server's log tells more."
# Ten people who press run at once share the cores in turn, so that the pages stay quick.
_places = threading.BoundedSemaphore(max(1, os.cpu_count() or 1))
_log = logging.getLogger(__name__)


class Stopped(Exception):  # noqa: N818 (no error: somebody asked for it)
    """Raised inside a run that was cancelled."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        phase: "idle", "waiting", "running", "done", "cancelled" or "failed".
        scenario: that was run; result: what it has brought so far.
        told: in words; share: of the work done.
        first, seconds: from the click to the first picture, and to the end.
    """

    phase: str = "idle"
    scenario: Scenario | None = None
    result: Run | None = None
    told: str = ""
    share: float = 0.0
    first: float | None = None
    seconds: float | None = None

    @property
    def busy(self) -> bool:
        """Return whether it goes on."""
        return self.phase in ("waiting", "running")


type Work = Callable[[threading.Event], None]


class Task:
    """Work in a thread of its own that can be cancelled and ends when its page is left; there is never more than one thread.

    Args:
        name: of the thread, for who looks at them.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._next: tuple[Work, threading.Event] | None = None
        self._working = False

    def start(self, work: Work) -> None:
        """Cancel what is running and start `work` once that has ended; it is given the event that cancels it.

        However often a page asks, one work goes on and one waits.
        """
        with self._lock:
            self._stop.set()
            self._stop = threading.Event()
            self._next = work, self._stop
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, name=self.name, daemon=True).start()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._stop.set()

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._next is None:
                    self._working = False
                    return
                (work, stop), self._next = self._next, None
            if not stop.is_set():
                try:
                    work(stop)
                except Exception:
                    _log.exception("%s failed", self.name)


class Allowance:
    """The time of the processor that one work of a page may take, on the thread that does it."""

    def __init__(self) -> None:
        self._started = time.thread_time()

    def check(self) -> None:
        """Go on if there is some left.

        Raises:
            TestisError: there is none.
        """
        if time.thread_time() - self._started > MOST_SECONDS:
            raise TestisError(f"it took more than {MOST_SECONDS:.0f} s, the most of this page; use testis-abm run")


@contextmanager
def place(stop: threading.Event) -> Iterator[None]:
    """Hold one of the places that the cores give, waiting for it.

    Raises:
        Stopped: cancelled while waiting.
    """
    while not _places.acquire(timeout=0.1):
        if stop.is_set():
            raise Stopped
    try:
        yield
    finally:
        _places.release()


class Session:
    """The state of one page; made inside the page's component."""

    def __init__(self) -> None:
        self.draft: solara.Reactive[draft.Draft] = solara.Reactive(draft.start())
        self.notice: solara.Reactive[tuple[str, str]] = solara.Reactive(("", ""))
        self.progress: solara.Reactive[Progress] = solara.Reactive(Progress(), equals=_same)
        self.recordings: solara.Reactive[Mapping[str, Any]] = solara.Reactive({}, equals=_same)
        self.kept: solara.Reactive[tuple[tuple[str, Run], ...]] = solara.Reactive((), equals=_same)
        self.returning: solara.Reactive[tuple[tuple[str, Scenario], ...]] = solara.Reactive((), equals=_same)
        self.labs: solara.Reactive[Mapping[str, str]] = solara.Reactive({})
        self.matching: solara.Reactive[tuple[str, str]] = solara.Reactive(("", ""))  # phase, in words
        self.match: solara.Reactive[Match | None] = solara.Reactive(None, equals=_same)
        self.response: solara.Reactive[Response | None] = solara.Reactive(None, equals=_same)
        self.former: solara.Reactive[tuple[draft.Draft, Mapping[str, str]] | None] = solara.Reactive(None, equals=_same)
        self.tab: solara.Reactive[int] = solara.Reactive(0)
        self.task, self.filming = Task("run of a session"), Task("film of a session")
        self.searching, self.repeating = Task("labs of a session"), Task("kept arms of a session")
        self._filmed: Scenario | None = None

    # ---- drafts

    def take(self, read: Callable[[], Scenario], what: str) -> None:
        """Take over the scenario that `read` returns; if it is wrong, say so and change nothing."""
        try:
            scenario = read()
        except ScenarioError as error:
            self.notice.value = ("error", _few(str(error)))
            return
        rows = len(scenario.therapy) + len(scenario.weight)
        if rows > draft.MOST_THERAPIES:
            told = f"{rows:,} treatments are more than this page shows ({draft.MOST_THERAPIES}); use testis-abm run"
            self.notice.value = ("error", f"{what}: {told}")
            return
        self._forget()
        self.draft.value = draft.of(scenario)
        self.notice.value = ("info", f"{what}: “{scenario.title}” is loaded.")

    def change_man(self, changed: draft.Draft) -> None:
        """Take over a draft of another man (draft.with_man); say what went with the former one, and keep it for `undo`."""
        before, typed = self.draft.peek(), self.labs.peek()
        stays = draft.belongings(changed)
        gone = [of for of in draft.belongings(before) if of not in stays] + (
            ["laboratory values"] if any(typed.values()) else []
        )
        self._forget()
        self.draft.value = changed
        if gone:
            self.former.value = (before, typed)
            self.notice.value = (
                "info",
                f"Removed with the former patient: {'; '.join(gone)}. Treatment and plan stay.",
            )

    def undo(self) -> None:
        """Bring back the man that `change_man` replaced, and the treatment as it was then."""
        if (former := self.former.peek()) is not None:
            self._forget()
            self.draft.value, self.labs.value = former

    def _forget(self) -> None:
        """Leave nothing of one patient to the next: laboratory values, who matches them, what is predicted of these."""
        self.searching.cancel()
        self.labs.value, self.matching.value, self.match.value, self.response.value = {}, ("", ""), None, None
        self.former.value, self.notice.value = None, ("", "")

    # ---- laboratory values

    def find(self, measured: str) -> None:
        """Look for the virtual patients who match the laboratory values; their representative becomes the man of the form."""
        from testis_abm.app import matching

        try:
            given = matching.read_labs(self.labs.peek())
        except TestisError as error:
            self.matching.value = ("wrong", str(error))
            return
        self.match.value = self.response.value = None
        self.matching.value = ("busy", "Matching virtual patients …")

        def search(stop: threading.Event) -> None:
            match = matching.find(given, measured)
            if stop.is_set():
                return
            typed, before = self.labs.peek(), self.draft.peek()
            changed = draft.with_man(before, match.man, draft.OF_LABS)
            changed = draft.with_entry(changed, {**changed.get("samples", {}), "assay": measured}, "samples")
            self.labs.value = {}  # they are this patient's and stay
            self.change_man(changed)
            self.labs.value, self.match.value = typed, match
            self.matching.value = ("done", "")

        self.searching.start(lambda stop: self._searched(stop, search))

    def respond(self, scenario: Scenario) -> None:
        """Predict what the treatment of a scenario does to all matching virtual patients."""
        from testis_abm.app import matching

        match = self.match.peek()
        if match is None:
            return
        self.matching.value = ("busy", "Treating all matching virtual patients …")

        def predict(stop: threading.Event) -> None:
            response = matching.respond(match, scenario)
            if not stop.is_set():
                self.response.value, self.matching.value = response, ("done", "")

        self.searching.start(lambda stop: self._searched(stop, predict))

    def _searched(self, stop: threading.Event, work: Callable[[threading.Event], None]) -> None:
        try:
            with place(stop):
                work(stop)
        except Stopped:
            return
        except TestisError as error:
            if not stop.is_set():
                self.matching.value = ("wrong", str(error))
        except Exception:
            _log.exception("matching failed")
            if not stop.is_set():
                self.matching.value = ("wrong", FAULT)

    def open_link(self, fragment: object) -> None:
        """Take over the scenario of an address, if it holds one."""
        if isinstance(fragment, str) and share.is_link(fragment):
            self.take(lambda: share.from_link(fragment), "Link")

    def upload(self, name: object, content: object) -> None:
        """Take over the scenario of an uploaded file."""
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else bytes(content or b"")  # type: ignore[call-overload]
        self.take(lambda: share.from_upload(name, data), "File")

    # ---- runs

    def run(self, scenario: Scenario) -> None:
        """Run a scenario, the untreated control beside the treated man."""
        if scenario != self._filmed:  # else its film is the same
            self.filming.cancel()
            self._filmed = None
            self.recordings.value = {}
        self.progress.value = Progress("waiting", scenario, told="waiting for a free core")
        self.task.start(lambda stop: self._run(scenario, stop))

    def cancel(self) -> None:
        """Stop the run; what it has brought so far stays."""
        self.task.cancel()
        now = self.progress.value
        if now.busy:
            self.progress.value = replace(now, phase="cancelled", told=f"Cancelled. {now.told}")

    def film(self) -> None:
        """Record the tissue of the scenario that was run, once somebody looks: its frames cost more than the run itself.

        The men live again, day by day as they did: the same seed gives the same cells.
        """
        scenario = self.progress.peek().scenario
        if scenario is None or scenario == self._filmed:
            return
        self._filmed = scenario
        self.filming.start(lambda stop: self._film(scenario, stop))

    def close(self) -> None:
        """Stop what is running, as nobody is left to see it."""
        for task in (self.task, self.filming, self.searching, self.repeating):
            task.cancel()

    # ---- what a reload brings back

    def stored(self) -> dict[str, Any]:
        """Return what the browser keeps for a reload: the form, what was run last and the kept arms, as links."""
        written, now = draft.understood(self.draft.value).scenario, self.progress.value
        arms = [(name, result.scenario) for name, result in self.kept.value]
        return {
            "form": share.link(written) if written else "",
            "ran": share.link(now.scenario) if now.scenario and (now.busy or now.phase == "done") else "",
            "arms": [[name, share.link(scenario)] for name, scenario in (*arms, *self.returning.value)],
        }

    def restore(self, kept: object) -> None:
        """Bring back what `stored` gave, by running it again: what a browser sends is a scenario, checked as a link is, and no result.

        What is damaged or too large is left out, and said.
        """
        if not isinstance(kept, Mapping):
            return
        form, ran = _scenario(kept.get("form")), _scenario(kept.get("ran"))
        rows = kept.get("arms")
        named = [row for row in rows if isinstance(row, list) and len(row) == 2] if isinstance(rows, list) else []
        arms = [(str(name), scenario) for name, link in named[:MOST_ARMS] if (scenario := _scenario(link)) is not None]
        self.returning.value = tuple(arms)  # first, so that the browser goes on keeping them
        if (written := form or ran) is not None:
            self.draft.value = draft.of(written)
        if ran is not None:
            self.run(ran)
        if arms:
            self.repeating.start(self._repeat)
        if isinstance(rows, list) and len(arms) < len(rows):
            self.notice.value = (
                "error",
                f"{len(rows) - len(arms)} of {len(rows)} kept arms could not be brought back.",
            )

    def _repeat(self, stop: threading.Event) -> None:
        """Run the arms that a reload brings back, one after the other; the same seed gives the same results."""
        from testis_abm.experiments.simulate import run

        def watch(replicate: int, men: Mapping[str, TestisModel]) -> None:
            if stop.is_set():
                raise Stopped
            allowance.check()

        while self.returning.peek() and not stop.is_set():
            name, scenario = self.returning.peek()[0]
            allowance = Allowance()
            try:
                with place(stop):
                    result = run(scenario, watch=watch)
            except Stopped:
                return
            except Exception:
                _log.exception("an arm could not be run again")
                self.notice.value = ("error", f"The kept arm “{name}” could not be run again.")
            else:
                if stop.is_set():
                    return
                self.keep(name, result)
            self.returning.value = self.returning.peek()[1:]

    def keep(self, name: str, result: Run) -> None:
        """Keep a run as an arm to compare; a second one of a name gets a number."""
        kept = self.kept.value
        if len(kept) >= MOST_ARMS:
            told = f"{MOST_ARMS} arms are kept, as many as can be told apart; remove one under “Compare” first."
            self.notice.value = ("error", told)
            return
        self.kept.value = (*kept, (free_name(name.strip()[:_LONGEST_NAME] or "arm", [of for of, _ in kept]), result))

    def rename(self, index: int, name: str) -> None:
        """Give a kept arm another name, its number if that is blank."""
        kept = self.kept.value
        others = [of for i, (of, _) in enumerate(kept) if i != index]
        new = free_name(name.strip()[:_LONGEST_NAME] or f"arm {index + 1}", others)
        self.kept.value = tuple((new if i == index else of, result) for i, (of, result) in enumerate(kept))

    def _run(self, scenario: Scenario, stop: threading.Event) -> None:
        started = time.perf_counter()
        watcher = _Watcher(self, scenario, stop, started)
        try:
            with place(stop):
                from testis_abm.experiments.simulate import run

                result = run(scenario, watch=watcher)
        except Stopped:
            return
        except TestisError as error:
            _publish(stop, self.progress, replace(self.progress.peek(), phase="failed", told=str(error)))
            return
        except Exception:
            _log.exception("a run failed")
            _publish(stop, self.progress, replace(self.progress.peek(), phase="failed", told=FAULT))
            return
        seconds = time.perf_counter() - started
        told = f"Done in {seconds:.1f} s"
        done = Progress("done", scenario, result, told, 1.0, watcher.first or seconds, seconds)
        _publish(stop, self.progress, done)

    def _film(self, scenario: Scenario, stop: threading.Event) -> None:
        from testis_abm.experiments.simulate import men_of

        make = recorder()
        if make is None:
            return
        allowance = Allowance()
        try:
            with place(stop):
                men = men_of(scenario)
                recordings = {arm: make(model, megabytes=_RECORDED) for arm, model in men.items()}
                # The view follows recordings that still grow.
                if not stop.is_set():
                    self.recordings.value = recordings
                while not stop.is_set() and any(model.running for model in men.values()):
                    allowance.check()
                    for arm, model in men.items():
                        if model.running:
                            model.step()
                            recordings[arm].record()
        except (Stopped, TestisError):  # of a scenario that fails, the run itself tells
            return


def _few(text: str) -> str:
    """Return the first lines of a text, and how many more there are."""
    lines = text.splitlines()
    more = [f"… and {len(lines) - _MOST_LINES:,} more"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more])


def _scenario(link: object) -> Scenario | None:
    """Return the scenario of a link that a browser kept, if it is one that this page runs; None otherwise."""
    if not isinstance(link, str) or not share.is_link(link):
        return None
    try:
        scenario = share.from_link(link)
    except ScenarioError:
        return None
    many = len(scenario.therapy) + len(scenario.weight) > draft.MOST_THERAPIES
    return None if many or draft.too_large(scenario) else scenario


def free_name(name: str, taken: Sequence[str]) -> str:
    """Return a name that is not taken: itself, or with a number."""
    return next(of for k in itertools.count(1) if (of := f"{name} ({k})" if k > 1 else name) not in taken)


def _same(one: object, other: object) -> bool:
    """Return whether two values are one; tables are not compared by content."""
    return one is other


def _publish(stop: threading.Event, to: solara.Reactive[Progress], progress: Progress) -> None:
    """Show progress, unless the page has gone or another run has begun."""
    if not stop.is_set():
        to.value = progress


class _Watcher:
    """Sees each day of a run: stops it when asked, shows what it has brought so far."""

    def __init__(self, session: Session, scenario: Scenario, stop: threading.Event, started: float) -> None:
        self.session, self.scenario, self.stop, self.started = session, scenario, stop, started
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _STREAMED}
        self.first: float | None = None
        self.shown = started
        self.allowance = Allowance()
        plan = scenario.plan
        self.days = plan.baseline_days + plan.duration_days

    def __call__(self, replicate: int, men: Mapping[str, TestisModel]) -> None:
        if self.stop.is_set():
            raise Stopped
        self.allowance.check()
        lived = self.scenario.plan.baseline_days + next(iter(men.values())).day
        ended = not any(model.running for model in men.values())
        now = time.perf_counter()
        if lived and (now - self.shown > _BETWEEN or (self.first is None and lived >= _FIRST_DAYS)) and not ended:
            self._show(replicate, men, lived)
        if ended:
            for name, rows in self._present(replicate, men).items():
                self.rows[name].extend(rows)

    def _present(self, replicate: int, men: Mapping[str, TestisModel]) -> dict[str, list[tuple[Any, ...]]]:
        return {
            name: [(arm, replicate, *row) for arm, model in men.items() for row in model.records[name]]
            for name in self.rows
        }

    def _show(self, replicate: int, men: Mapping[str, TestisModel], lived: int) -> None:
        from testis_abm.experiments.simulate import so_far

        present = self._present(replicate, men)
        result = so_far(self.scenario, {name: [*rows, *present[name]] for name, rows in self.rows.items()})
        plan = self.scenario.plan
        day = lived - plan.baseline_days
        told = f"Day {day} of {plan.duration_days}" + (
            f", replicate {replicate + 1} of {plan.replicates}" if plan.replicates > 1 else ""
        )
        done = (replicate * self.days + lived) / (self.days * plan.replicates)
        self.first = self.first or time.perf_counter() - self.started
        _publish(self.stop, self.session.progress, Progress("running", self.scenario, result, told, done, self.first))
        self.shown = time.perf_counter()


_tidying = threading.Lock()
_TIDIED_AFTER = 2.0  # seconds, in which others may leave too


def tidy() -> None:
    """Soon give the memory of sessions that have gone back to the system.

    A model refers to itself and waits for the collector; and frames that a thread has freed stay in the C library's heap of
    that thread, which grows from session to session unless it is told to let go.
    """
    if _tidying.acquire(blocking=False):
        # Solara lets a threading.Thread hold the session that started it, the one that is to be freed.
        _thread.start_new_thread(_tidy, ())


def _tidy() -> None:
    time.sleep(_TIDIED_AFTER)
    _tidying.release()
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:  # of glibc
        trim(0)


@functools.cache
def recorder() -> Callable[..., Any] | None:
    """Return what makes a recording of a model for the tubule view; None where that view is not installed."""
    try:
        from testis_abm.app.tubule import Recording
    except ImportError:
        return None
    return Recording


@functools.cache
def warm() -> None:
    """Load and compile in the background what the first run needs, once a process."""
    therapy = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
    plan = {"duration": 20, "baseline": 2, "replicates": 1}
    Session().run(load({"plan": plan, "tissue": {"tubules": 1}, "therapy": [therapy]}))
