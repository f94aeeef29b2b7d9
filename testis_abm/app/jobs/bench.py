"""What one page knows of experiments: who its visitor is, what he typed, his jobs as they are, what he looks at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import solara

from testis_abm.app.jobs import desk as desks
from testis_abm.app.jobs.desk import Order, Visitor
from testis_abm.app.jobs.job import DONE, EXPERIMENT, QUEUED, RUNNING, Job, Progress
from testis_abm.app.work import Background
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    from testis_abm.app.experiments.asked import Asked
    from testis_abm.app.experiments.estimate import Pace
    from testis_abm.scenario import Scenario

_LOOK, _IDLE = 0.4, 2.0  # seconds between looks at jobs: while one goes on, and else
_MOST_TYPED = 200  # letters of a field
_MOST_FIELDS = 200  # that are remembered
_FOLDER = "the folder of experiments"


@dataclass(frozen=True)
class Row:
    """A job as it is shown."""

    job: Job
    state: str
    progress: Progress

    @classmethod
    def of(cls, job: Job) -> Row:
        """Return a job as it is now."""
        state = job.state
        return cls(job, state, job.progress if state == RUNNING else Progress())


class Bench:
    """The state of a page's experiments; a part of its session."""

    def __init__(self) -> None:
        self.token: solara.Reactive[str] = solara.Reactive("")  # of the visitor; "" until the browser has said it
        self.typed: solara.Reactive[Mapping[str, str]] = solara.Reactive({})
        self.rows: solara.Reactive[tuple[Row, ...]] = solara.Reactive(())
        self.shown: solara.Reactive[str] = solara.Reactive("")  # name of the job or folder that is looked at
        self.fault: solara.Reactive[str] = solara.Reactive("")
        self.pace: solara.Reactive[tuple[object, Pace | None]] = solara.Reactive(
            (None, None), equals=lambda one, other: one is other
        )
        self._timing = Background("estimate of a session")

    # ---- the visitor

    def admit(self, token: object) -> None:
        """Take the browser's word for who its visitor is, or name one who has none yet."""
        self.token.value = desks.token(token)
        self.look()

    @property
    def visitor(self) -> Visitor | None:
        """Return what the visitor may see and do; None until the browser has said who he is."""
        token = self.token.peek()
        return desks.desk().visitor(token) if token else None

    # ---- the form

    def type(self, name: str, text: object, resets: Sequence[str] = ()) -> None:
        """Take what was typed into a field; `resets` are forgotten, as they follow it."""
        kept = {field: said for field, said in self.typed.peek().items() if field not in resets}
        typed = {**kept, name: str(text)[:_MOST_TYPED]}
        self.typed.value = dict(list(typed.items())[-_MOST_FIELDS:])
        self.fault.value = ""

    def of_form(self, form: str) -> dict[str, str]:
        """Return what was typed into a form, by field."""
        head = f"{form}."
        return {name.removeprefix(head): text for name, text in self.typed.value.items() if name.startswith(head)}

    def time(self, scenario: Scenario, engine: str, key: object) -> None:
        """Time a run of a scenario beside the page; `key` is what it is asked for."""
        from testis_abm.app.experiments.estimate import pace

        def work(stop: threading.Event) -> None:
            found = pace(scenario, engine)
            if not stop.is_set():
                self.pace.value = (key, found)

        self._timing.start(work)

    # ---- jobs

    def run(self, form: str, asked: Asked, alone: bool, rules: str = "") -> None:
        """Queue an experiment, and look at it; a limit is told."""
        file = asked.shipped or EXPERIMENT
        local = ("--rules", rules) if rules else ()
        command = (*asked.command, file, *asked.after, *local)
        order = Order(asked.kind, form, asked.title, asked.file, command, alone)

        def submit(visitor: Visitor) -> None:
            self.shown.value = visitor.submit(order).name

        self._try(submit)

    def cancel(self, name: str) -> None:
        """Stop a job; it takes a moment, in which the page goes on."""
        threading.Thread(target=self._try, args=(lambda his: his.cancel(name),), daemon=True).start()

    def resume(self, name: str) -> None:
        """Let a job go on where it stopped."""
        self._try(lambda visitor: visitor.resume(name))

    def remove(self, name: str) -> None:
        """Remove a job with all that it has."""
        self._try(lambda visitor: visitor.remove(name))
        if self.shown.peek() == name:
            self.shown.value = ""

    def _try(self, act: Callable[[Visitor], object]) -> None:
        if (visitor := self.visitor) is None:
            return
        try:
            act(visitor)
            self.fault.value = ""
        except TestisError as error:
            # Where the folder lies on the server is nobody's business.
            said = str(error).replace(str(visitor.folder), _FOLDER)
            self.fault.value = said.replace(str(visitor.desk.base), _FOLDER)
        self.look()

    def look(self) -> None:
        """See how the jobs are."""
        visitor = self.visitor
        self.rows.value = tuple(map(Row.of, visitor.jobs())) if visitor is not None else ()

    def follow(self) -> Callable[[], None]:
        """Look at the jobs again and again until what is returned is called."""
        gone = threading.Event()

        def watch() -> None:
            while not gone.is_set():
                self.look()
                busy = any(row.state in (QUEUED, RUNNING) for row in self.rows.peek())
                gone.wait(_LOOK if busy else _IDLE)

        threading.Thread(target=watch, name="jobs of a session", daemon=True).start()
        return gone.set

    def close(self) -> None:
        """Stop what is done for this page alone; its jobs go on."""
        self._timing.cancel()


def can_be_shown(row: Row) -> bool:
    """Return whether a job has results to look at: all, or those that it has by now."""
    return row.state == DONE or (row.job.results / "manifest.json").is_file()
