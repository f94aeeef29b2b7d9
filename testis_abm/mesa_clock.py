"""What needs to know how Mesa keeps time: the one place that reads its private parts (the same in 3.5 and 4.0)."""

from __future__ import annotations

from typing import Any


def pending_events(model: Any) -> int:
    """Return how many events of the user's own are still to come (Mesa's own step schedule is one of its list)."""
    own = model._default_schedule._current_event
    return sum(event is not own for event in model._event_list.peek_ahead(len(model._event_list)))


def set_time(model: Any, time: float) -> None:
    """Set Mesa's time; the next step comes one unit later."""
    model._default_schedule.pause()
    model.time = time
    if hasattr(model, "steps"):  # gone in 4.0
        model.steps = round(time)
    model._default_schedule.resume()
