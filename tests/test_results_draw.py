"""Drawing in other processes: the same pictures, whole files, no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from test_results_synthetic import make, short

from testis_abm import RunResult
from testis_abm.pictures.drawing import draw, draw_figures, standing_by
from testis_abm.results import FIGURES, KINDS
from testis_abm.support.errors import TestisError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def result() -> RunResult:
    return make(short())


@pytest.fixture(scope="module")
def drawn(result, tmp_path_factory) -> Path:
    """Return a folder with the figures as this process draws them."""
    folder = tmp_path_factory.mktemp("here")
    draw_figures(result, folder)
    return folder


def test_every_figure_is_drawn_in_both_formats(drawn):
    assert sorted(os.listdir(drawn)) == sorted(f"{name}.{kind}" for name in FIGURES for kind in KINDS)
    for name in FIGURES:
        assert (drawn / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        texts = "".join(ET.parse(drawn / f"{name}.svg").getroot().itertext())
        assert "not medical advice" in texts


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with standing_by() as pool:
        yield pool


@pytest.mark.slow
def test_other_processes_draw_the_same_pictures(result, drawn, pool, tmp_path):
    paths = draw(result, tmp_path / "new" / "folder", pool)
    assert [path.name for path in paths] == [f"{name}.{kind}" for name in FIGURES for kind in KINDS]
    for path in paths:
        assert path.read_bytes() == (drawn / path.name).read_bytes()
    assert sorted(os.listdir(tmp_path / "new" / "folder")) == sorted(os.listdir(drawn))


@pytest.mark.slow
def test_processes_that_die_are_replaced_by_this_one(result, tmp_path):
    with standing_by() as pool:
        for worker in pool._processes.values():
            worker.kill()
        assert len(draw(result, tmp_path, pool)) == len(FIGURES) * len(KINDS)


@pytest.mark.slow
def test_ctrl_c_while_drawing_leaves_whole_files_and_no_process(tmp_path):
    code = """
import multiprocessing, signal, sys, _thread, threading
from pathlib import Path
from test_results_synthetic import make, short
from testis_abm.pictures.drawing import draw, standing_by
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in the background ignores it
    result = make(short())
    ended = threading.Event()
    def press():
        while not list(Path(sys.argv[1]).glob("*.png")):
            ended.wait(0.05)
        # Python drops an interrupt that falls into a finaliser, so it is pressed again, as a user would.
        while not ended.is_set():
            _thread.interrupt_main()
            ended.wait(5)
    threading.Thread(target=press, daemon=True).start()
    try:
        with standing_by() as pool:
            while True:
                draw(result, sys.argv[1], pool)
    except KeyboardInterrupt:
        ended.set()
        print("interrupted", multiprocessing.active_children())
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "out"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "interrupted []"
    assert [name for name in os.listdir(tmp_path / "out") if name.startswith(".")] == []


def alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_killed_parent_leaves_no_orphans(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("""
import time
from testis_abm.pictures.drawing import standing_by
if __name__ == "__main__":
    with standing_by() as pool:
        print(*pool._processes, flush=True)
        time.sleep(60)
""")
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
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


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_told(result, pool, tmp_path):
    (tmp_path / "file").write_text("")
    for act in (lambda folder: draw(result, folder, pool), lambda folder: draw_figures(result, folder)):
        with pytest.raises(TestisError, match=r"file/hormones\.png: cannot be written") as caught:
            act(tmp_path / "file")
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


def test_without_matplotlib_the_reason_is_given(result, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("testis_abm.pictures.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(TestisError, match="pictures need matplotlib"):
        draw_figures(result)
