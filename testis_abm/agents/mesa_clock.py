"""What needs to know how Mesa keeps time: the one place that reads its private parts (the same in 3.5 and 4.0)."""

from __future__ import annotations

import math
from typing import Any


def _to_come(model: Any) -> list[Any]:
    """Return the events that are still to come; the one that runs at this moment is none of them."""
    listed = len(model._event_list)
    return list(model._event_list.peek_ahead(listed)) if listed else []  # Mesa raises on an empty list


def pending_events(model: Any) -> int:
    """Return how many events of the user's own are still to come (Mesa's own step schedule is one of its list)."""
    own, events = model._default_schedule, _to_come(model)
    # A recurring event that runs at this moment puts its next one into the list only when it has ended.
    between = [of for of in model._event_generators if of is not own and of._current_event not in events]
    return sum(event is not own._current_event for event in events) + len(between)


def stepping(model: Any) -> bool:
    """Return whether Mesa is within a step at this moment."""
    return model._default_schedule._current_event not in _to_come(model)


def next_step(model: Any) -> float:
    """Return the time at which Mesa will take the next step."""
    return float(model.time + 1 if stepping(model) else model._default_schedule.next_scheduled_time)


def steps_ahead(model: Any, until: float) -> int:
    """Return how many steps Mesa will take up to time `until` before any event of the user's own comes."""
    own, schedule = model._default_schedule._current_event, model._default_schedule
    others = min((event.time for event in _to_come(model) if event is not own), default=math.inf)
    first = float(schedule.next_scheduled_time)
    last = math.floor(until - first) if others > until else math.ceil(others - first) - 1
    return max(0, last + 1)


def set_time(model: Any, time: float, step: float) -> None:
    """Set Mesa's time; the next step comes at time `step`."""
    schedule = model._default_schedule
    schedule.pause()
    model.time = step - 1  # a schedule resumes one interval later
    schedule.resume()
    model.time = time
    if hasattr(model, "steps"):  # gone in 4.0
        model.steps = round(step - 1)


def pass_steps(model: Any, steps: int) -> None:
    """Let Mesa's time pass over steps that have been taken in one call."""
    time = float(model._default_schedule.next_scheduled_time) + steps - 1
    set_time(model, time, time + 1)


def go_on(model: Any) -> None:
    """Give a copy that was made within an event what the original schedules only when that event has ended."""
    events = _to_come(model)
    for of in list(model._event_generators):
        if of._current_event is not None and of._current_event not in events:
            of._execution_count += 1
            of.pause()
            of.resume()
