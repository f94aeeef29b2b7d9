"""Drawing in other processes: the same pictures, whole files, no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from test_results_synthetic import make, short

from testis_abm.pictures import FIGURES, KINDS
from testis_abm.pictures.drawing import DrawingPool, draw_all, draw_figures
from testis_abm.results.run_result import RunResult
from testis_abm.support.errors import TestisError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def result() -> RunResult:
    return make(short())


@pytest.fixture(scope="module")
def drawn(result, tmp_path_factory) -> Path:
    """Return a folder with the figures as this process draws them."""
    folder = tmp_path_factory.mktemp("here")
    draw_all(result, folder, processes=1)
    return folder


def test_every_figure_is_drawn_in_both_formats(drawn):
    assert sorted(os.listdir(drawn)) == sorted(f"{name}.{kind}" for name in FIGURES for kind in KINDS)
    for name in FIGURES:
        assert (drawn / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        texts = "".join(ET.parse(drawn / f"{name}.svg").getroot().itertext())
        assert "not medical advice" in texts


def test_other_processes_draw_the_same_pictures(result, drawn, tmp_path):
    with DrawingPool() as pool:
        assert len(pool._workers) == 2
        paths = pool.draw(result, tmp_path / "new" / "folder")
        assert all(worker.poll() is None for worker in pool._workers)
    assert [path.name for path in paths] == [f"{name}.{kind}" for name in FIGURES for kind in KINDS]
    for path in paths:
        assert path.read_bytes() == (drawn / path.name).read_bytes()
    assert sorted(os.listdir(tmp_path / "new" / "folder")) == sorted(os.listdir(drawn))


def test_a_closed_pool_leaves_no_process(result):
    pool = DrawingPool().start()
    workers = list(pool._workers)
    # A second start, as of a pool used as a context, adds none.
    pool.start()
    assert pool._workers == workers
    pool.close()
    assert all(worker.poll() is not None for worker in workers)
    pool.close()


def test_an_idle_pool_closes_at_once():
    # A scenario with a slip in it must not wait for matplotlib.
    pool = DrawingPool().start()
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 0.4


def test_ctrl_c_while_drawing_leaves_whole_files_and_no_process(tmp_path):
    code = """
import signal, sys, _thread, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in the background ignores it
from test_results_synthetic import make, short
from testis_abm.pictures.drawing import DrawingPool
result = make(short())
pool = DrawingPool().start()
ended = threading.Event()
def press():
    # Python drops an interrupt that falls into a finaliser, so it is pressed again, as a user would.
    ended.wait(2.5)
    while not ended.is_set():
        _thread.interrupt_main()
        ended.wait(5)
threading.Thread(target=press, daemon=True).start()
try:
    with pool:
        while True:
            pool.draw(result, sys.argv[1])
except KeyboardInterrupt:
    ended.set()
    print("interrupted", pool._workers)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "interrupted []"
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


def test_processes_that_die_are_replaced_by_this_one(result, drawn, tmp_path):
    with DrawingPool() as pool:
        for worker in pool._workers:
            worker.kill()
        paths = pool.draw(result, tmp_path)
    assert len(paths) == len(FIGURES) * len(KINDS)


def test_without_an_interpreter_to_start_this_process_draws(result, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    with DrawingPool() as pool:
        assert pool._workers == []
        assert len(pool.draw(result, tmp_path)) == len(FIGURES) * len(KINDS)


def alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_parent_leaves_no_orphans():
    code = (
        "from testis_abm.pictures.drawing import DrawingPool; import time; pool = DrawingPool().start();"
        "print(*(worker.pid for worker in pool._workers), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    assert all(map(alive, workers))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20.0
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_folder_that_cannot_be_written_is_told(result, tmp_path, processes):
    (tmp_path / "file").write_text("")
    with pytest.raises(TestisError, match=r"file/tubules\.png: cannot be written") as caught:
        draw_all(result, tmp_path / "file", processes=processes)
    assert "\n" not in str(caught.value)


def test_a_broken_write_leaves_the_earlier_picture(result, tmp_path, monkeypatch):
    (tmp_path / "hormones.png").write_bytes(b"earlier")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        draw_figures(result, tmp_path)
    assert os.listdir(tmp_path) == ["hormones.png"]
    assert (tmp_path / "hormones.png").read_bytes() == b"earlier"


def test_what_the_processes_load_is_light():
    code = (
        "import sys, testis_abm.pictures.drawing as _;"
        "print(sorted({'matplotlib', 'pandas', 'pydantic', 'numba', 'mesa'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_matplotlib_the_reason_is_given(result, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("testis_abm.pictures.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(TestisError, match="pictures need matplotlib"):
        draw_figures(result)
