"""What Windows and macOS lack is not used: every module is imported and the usual path is gone without it, workers included."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPT = """
import importlib, os, pkgutil, sys
from pathlib import Path
import testis_abm as ta
from testis_abm.cli.command import main

def lacks(code):
    space = {"__name__": "testis_abm.probe"}
    try:
        exec(code, space)
    except (ImportError, AttributeError):
        return True
    return False

assert all(lacks(code) for code in ("import resource", "import fcntl", "import os; os.getuid()", "from os import sysconf"))
assert os.getuid() >= 0  # others keep them
case = {
    "title": "anywhere", "tissue": {"tubules": 1, "sertoli_per_tubule": 6},
    "plan": {"baseline": "1 day", "duration": "12 days", "replicates": 1},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
}
over = {"man.bmi": [22, 30], "therapy.1.dose": ["0.5 mg", "1 mg"]}
if __name__ == "__main__":
    for module in pkgutil.walk_packages(ta.__path__, "testis_abm."):
        importlib.import_module(module.name)
    here = Path(sys.argv[1])
    result = ta.run(case)
    assert ta.RunResult is type(result) and len(ta.RunResult.load(result.save(here / "run")).hormones) == 28
    for workers in (1, 2):
        table = ta.sweep({**case, "sweep": {"over": over, "replicates": 2}}, here / f"sweep-{workers}", workers=workers).table
        assert len(table) == 16 and (table["error"] == "").all()
    man = ta.TestisModel(ta.load(case), rng=1)
    man.run_for(2)
    assert ta.TestisModel.load(man.save(here / "man.npz")).day == man.day
    assert main(["drugs", "letrozole", "--out", str(here / "pictures")]) == 0
    print("done")
"""


def test_the_usual_path_needs_nothing_that_windows_lacks(tmp_path):
    script = tmp_path / "anywhere.py"
    script.write_text(SCRIPT)
    paths = [str(HERE / "elsewhere"), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stderr[-3000:]
