"""How far a command is, as it is kept for whoever sees no terminal."""

from __future__ import annotations

import json
import time

from testis_abm.cli import reported


def test_a_clock_that_is_set_back_does_not_stop_what_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(reported, "_BETWEEN", 0.0)
    place = tmp_path / "progress.json"
    bar = reported.reported(place)(disable=True)
    task = bar.add_task("sweep", total=10)
    bar.update(task, advance=1)
    monkeypatch.setattr(time, "time", lambda: 1.0)
    bar.update(task, advance=1)
    assert json.loads(place.read_text())["done"] == 2
